// Shows the progress of training: one line that is rewritten in place on a terminal, and a plain
// line per epoch elsewhere (a log, a pipe).
//   epoch 2/10  step 740/4680  loss 0.6931  kl 5.12  41250 examples/s  3:21 left
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gmc::runtime {

/// How far training is. `epoch` counts from 1 to `epochs`, `step` from 1 to `steps`, over the whole
/// run.
struct ProgressState {
    int64_t epoch = 0;
    int64_t epochs = 0;
    int64_t step = 0;
    int64_t steps = 0;
    /// Losses and metrics, the most important one first.
    std::vector<std::pair<std::string, double>> values;
    /// 0: not known yet.
    double examples_per_s = 0;
};

/// "0:07", "3:21", "1:02:09"; "?" for a duration that makes no sense.
std::string duration_text(double seconds);

/// The line for a state, at most `width` columns long. When it is too long, values are left out
/// from the last one, then the speed; when that does not suffice, it is cut. `seconds_left` below
/// 0: not known.
std::string progress_line(const ProgressState& state, double seconds_left, size_t width);

/// Images per second over the last few seconds, so that a pause (drawing samples, a laptop asleep)
/// is soon forgotten.
class RateMeter {
  public:
    /// Counts `images` more, done by the time `now_s`, in seconds of any clock.
    void add(int64_t images, double now_s);
    /// What was done since the last call, such as validation, is none of the time that counts.
    void resume(double now_s) { last_s_ = now_s; }
    /// 0 before the second call of add.
    double examples_per_s() const { return rate_; }

  private:
    bool started_ = false;
    double last_s_ = 0;
    double rate_ = 0;
    /// Seconds that the mean rests on; older ones fade.
    double weight_ = 0;
};

struct ProgressOptions {
    /// Between two rewritings on a terminal.
    double live_interval_s = 0.1;
    /// Seconds of a clock that never goes back; replaced in tests.
    std::function<double()> now_s;
};

/// The progress of one training run.
class Progress {
  public:
    /// Writes to `out`. Rewrites one line in place if `out` is a terminal and TERM is not "dumb".
    explicit Progress(std::FILE* out, ProgressOptions options = {});
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    bool live() const { return live_; }
    /// Call it after every step. On a terminal it prints when the interval has passed; elsewhere it
    /// prints the last line of each epoch. Otherwise it takes about a microsecond.
    void update(const ProgressState& state);
    /// Prints a whole line of its own, above a line that is rewritten.
    void message(std::string_view text);
    /// Prints the last state given to update(), unless it is there, and ends the line: messages
    /// then stand below it. At an epoch's end update() calls it, too, and so does the destructor.
    void end_line();

  private:
    void put(const std::string& text);
    void print(const ProgressState& state);
    double seconds_left(const ProgressState& state) const;

    std::FILE* out_;
    ProgressOptions options_;
    bool live_ = false;
    /// The cursor is at the end of a line that will be rewritten.
    bool line_open_ = false;
    /// The last state was printed already.
    bool shown_ = true;
    ProgressState last_;
    double printed_s_ = 0;
    double started_s_ = 0;
    int64_t started_step_ = -1;
};

}  // namespace gmc::runtime

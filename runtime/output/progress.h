// The progress of training: on a terminal one line that is rewritten in place, elsewhere (a log, a
// pipe) a plain line now and then.
//   epoch 2/10  step 740/4680  loss 0.6931  kl 5.12  41250 images/s  3:21 left
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gmc::runtime {

/// Where training stands. Epoch counts from 1 to epochs, step from 1 to steps, over the whole run.
struct ProgressState {
    int64_t epoch = 0;
    int64_t epochs = 0;
    int64_t step = 0;
    int64_t steps = 0;
    /// Losses and metrics, the most telling first.
    std::vector<std::pair<std::string, double>> values;
    double images_per_s = 0;  ///< 0 = not known yet
};

/// "0:07", "3:21", "1:02:09"; "?" for what is not a sensible duration.
std::string duration_text(double seconds);

/// The line for a state, at most `width` columns. If it is too long, values are left out from the
/// last, then the speed; where even that is too long it is cut. `seconds_left` < 0 = not known.
std::string progress_line(const ProgressState& state, double seconds_left, size_t width);

/// Images per second over the last few seconds, so that a pause (a sample grid, a laptop asleep) is
/// soon forgotten.
class RateMeter {
  public:
    /// `images` more were done by `now_s`, in seconds of any clock.
    void add(int64_t images, double now_s);
    /// 0 before the second add.
    double images_per_s() const { return rate_; }

  private:
    bool started_ = false;
    double last_s_ = 0;
    double rate_ = 0;
    double weight_ = 0;  ///< seconds that the mean rests on, fading
};

struct ProgressOptions {
    double live_interval_s = 0.1;    ///< between two rewritings on a terminal
    double plain_interval_s = 10.0;  ///< between two lines elsewhere
    /// Seconds of a clock that only goes forward; replaced in tests.
    std::function<double()> now_s;
};

class Progress {
  public:
    /// Writes to `out`; live if that is a terminal and TERM is not "dumb".
    explicit Progress(std::FILE* out, ProgressOptions options = {});
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    bool live() const { return live_; }
    /// To be called after every step: prints only when the interval has passed (a microsecond
    /// otherwise).
    void update(const ProgressState& state);
    /// Prints a whole line of its own; a live line steps aside.
    void message(std::string_view text);
    /// Prints the last state given to update() and ends the line. Called by the destructor if need
    /// be.
    void finish();

  private:
    void put(const std::string& text);
    void print(const ProgressState& state);
    double seconds_left(const ProgressState& state) const;

    std::FILE* out_;
    ProgressOptions options_;
    bool live_ = false;
    bool line_open_ = false;  ///< the cursor stands behind a live line
    bool shown_ = true;       ///< the last state is on the screen already
    ProgressState last_;
    double printed_s_ = 0;
    double started_s_ = 0;
    int64_t started_step_ = -1;
};

}  // namespace gmc::runtime

// The log of a run, metrics.jsonl: one JSON object per line, which scripts can read as soon as it
// is written.
//   {"step":100,"epoch":0,"examples_per_s":41250.5,"loss":0.6931472}
//   {"step":200,"epoch":0,"examples_per_s":41301.2,"loss":null,"nonfinite":{"loss":"nan"}}
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/json.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// Whether a line of the log has figures of training steps, of which there is one every so many
/// steps. Others tell of validation, or of the run: signs, rollbacks, divergence, changed settings;
/// they may be of the step of the line before.
bool has_training_figures(const Json& line);
/// Whether it is written at the end of an epoch: of validation, or a sign.
bool is_of_epoch_end(const Json& line);
/// The number that a line has under `name`, also one that is not finite (MetricsRow); nothing where
/// it holds something else. `line` is an object that has the name.
std::optional<double> logged_number(const Json& line, const std::string& name);
/// What keeps a line from being one of the log, as "has no `step`"; "" when nothing does. `line`:
/// what Json::parse() made of it.
std::string why_no_line(const std::optional<Json>& line);
/// Opens the log at `path` to read its lines; one that is not there has none. Errors (kBadFile): it
/// is no regular file (who opens a pipe waits for its writer), or cannot be opened.
Result<std::ifstream> open_log(const std::string& path, Diagnostics& diagnostics);

/// One line: names and values in the order in which they were added. Numbers are the shortest text
/// that reads back as the same float or double. JSON has no NaN or infinity: such a value becomes
/// null, and the key "nonfinite" says which it was.
class MetricsRow {
  public:
    MetricsRow(int64_t step, int64_t epoch);

    /// Adds a value. Each name may be added once (checked); "step", "epoch" and "nonfinite" are
    /// reserved.
    MetricsRow& add(std::string_view name, float value);
    MetricsRow& add(std::string_view name, double value);
    MetricsRow& add(std::string_view name, int64_t value);
    MetricsRow& add(std::string_view name, int value) { return add(name, int64_t{value}); }
    MetricsRow& add(std::string_view name, std::string_view value);

    /// The JSON object, without a line break.
    std::string line() const;

  private:
    template <typename T>
    MetricsRow& add_number(std::string_view name, T value);
    MetricsRow& add_text(std::string_view name, std::string json);

    std::vector<std::pair<std::string, std::string>> values_;  // name, JSON text
    std::vector<std::pair<std::string, std::string>> nonfinite_;
};

/// The open log. When write() returns, the whole line is in the file.
class MetricsLog {
  public:
    /// Starts an empty log and replaces an existing one. Errors: kBadFile.
    static Result<MetricsLog> create(const std::string& path, Diagnostics& diagnostics);
    /// Continues a log after `step`, the step of the checkpoint. Cuts off lines of later steps and,
    /// with a warning, half a line at the end; a whole one gets the line break that it lacks. A
    /// line of training figures of `step` itself goes, too, unless one of every `every` steps was
    /// due: it was written because training ended there, and a run that does not stop has none. So
    /// do lines of validation and signs of `step`, where `epoch_end_left` says that the end of its
    /// epoch is still to be done. Creates a missing file. Errors: kBadFile when it cannot be
    /// opened, or when an earlier line is not a JSON object with a "step"; then nothing is cut.
    static Result<MetricsLog> resume(const std::string& path, int64_t step,
                                     Diagnostics& diagnostics, int64_t every = 1,
                                     bool epoch_end_left = false);
    MetricsLog(MetricsLog&& other) noexcept;
    MetricsLog& operator=(MetricsLog&&) = delete;
    ~MetricsLog();

    /// The step of the last line that was there when the log was resumed; nothing without lines.
    std::optional<int64_t> ended_at() const { return ended_at_; }
    /// Appends lines, all or none of them. Where somebody has removed the file meanwhile, it is
    /// written again with all its lines; where another file lies there, the lines go into that; a
    /// line on stderr says so. Where its folder is gone, too, they go into the file that is open.
    /// Errors: kBadFile, kDiskFull; then a part that was written is removed again.
    [[nodiscard]] bool write(const std::vector<MetricsRow>& rows, Diagnostics& diagnostics);
    /// The file, which is open, lies there now.
    void goes_to(const std::string& path) { path_ = path; }
    /// A checkpoint has been written that has all steps of these lines.
    void has_saved();
    /// Cuts off the lines since then, whose steps are in no checkpoint.
    void back_to_saved();

  private:
    MetricsLog(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    static Result<MetricsLog> open(const std::string& path, int flags, Diagnostics& diagnostics);

    void stay_in_place();

    std::string path_;
    int fd_ = -1;
    std::optional<int64_t> ended_at_;
    std::optional<std::pair<uint64_t, int64_t>> saved_;  ///< the file and its size then
};

}  // namespace gmc::runtime

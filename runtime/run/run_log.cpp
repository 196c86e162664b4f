// The log of a run. Events for TensorBoard are made of the lines of metrics.jsonl, so that a run
// that is exported later has the same as one that wrote them while training.
#include "runtime/run/run_log.h"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <utility>

#include "compiler/support/json.h"
#include "compiler/support/paths.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/run_names.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;
using tensorboard::Moment;

constexpr char kName[] = "/metrics.jsonl";

/// Larger files are none that a run writes.
constexpr uint64_t kMostBytes = uint64_t{1} << 32;

double now() {
    using Seconds = std::chrono::duration<double>;
    return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// When a file was last written; 0 when it is not there.
double written_at(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 ? static_cast<double>(status.st_mtime) : 0;
}

/// The events that a file begins with: the run's settings and the model's texts.
std::string beginning(const RunRecord& record, int64_t batch_size, Moment at) {
    std::vector<std::pair<std::string, std::string>> settings = {
        {"model", record.model},
        {"seed", fmt::format("{}", record.seed)},
        {"batch_size", fmt::format("{}", batch_size)},
        {"precision", record.precision}};
    for (const std::string& setting : record.origin.settings) {
        const size_t end = setting.find('=');
        if (end != std::string::npos)
            settings.emplace_back(setting.substr(0, end), setting.substr(end + 1));
    }
    std::string out = tensorboard::settings_event(at, settings);
    for (size_t i = 0; i < std::min(record.sources.size(), record.origin.texts.size()); ++i)
        out += text_event(at, "model/" + fs::path(record.sources[i]).filename().string(),
                          fmt::format("```\n{}\n```", record.origin.texts[i]));
    return out;
}

/// A line of metrics.jsonl as events. Lines about something that is wrong with the run hold texts,
/// and become events with a text. Lines of one step say its epoch once: `told` is the last step
/// that it was said of.
std::string events_of_line(const Json& row, double seconds, int64_t& told) {
    const Moment at{seconds, row.at("step").whole()};
    if (row.contains("text"))
        return text_event(at, row.contains("sign") ? "signs/" + row.at("sign").text() : "signs",
                          row.at("text").text());
    if (row.contains("because")) return text_event(at, "rolled_back", row.at("because").text());
    for (const char* name : {"diverged", "changed"})
        if (row.contains(name)) return text_event(at, name, row.at(name).text());
    std::vector<std::pair<std::string, double>> values;
    for (size_t i = 0; i < row.size(); ++i) {
        const std::string& name = row.names()[i];
        if (name == "step" || (name == "epoch" && std::exchange(told, at.step) == at.step))
            continue;
        if (const auto number = logged_number(row, name)) values.emplace_back(name, *number);
    }
    return scalars_event(at, values);
}

Result<std::string> picture_events(const std::string& file, int64_t step, double seconds,
                                   Diagnostics& diagnostics) {
    const Result<std::string> png = read_whole_file(file, kMostBytes, diagnostics);
    if (!png.ok()) return Failure{};
    return tensorboard::picture_event({seconds, step}, "samples", *png);
}

}  // namespace

Result<RunLog> RunLog::open(const std::string& folder, const RunRecord& record,
                            const Options& options, Diagnostics& diagnostics) {
    const std::string path = folder + kName;
    auto metrics = options.resume ? MetricsLog::resume(path, options.step, diagnostics,
                                                       options.every, options.epoch_end_left)
                                  : MetricsLog::create(path, diagnostics);
    if (!metrics.ok()) return Failure{};
    RunLog log(metrics.take());
    if (!options.tensorboard) return log;
    const double seconds = now();
    auto events = tensorboard::EventFile::create(folder, {seconds, options.step + 1}, diagnostics);
    if (!events.ok()) return Failure{};
    log.events_.emplace(events.take());
    // A resumed run writes a new file of events; the settings are repeated there, in case the first
    // file is gone.
    if (!log.events_->append(beginning(record, options.batch_size, {seconds, options.step}),
                             diagnostics))
        return Failure{};
    return log;
}

/// Events come first: TensorBoard ignores those that a resumed run writes once more.
bool RunLog::write(const std::vector<MetricsRow>& rows, Diagnostics& diagnostics) {
    if (events_)
        for (const MetricsRow& row : rows)
            if (!events_->append(events_of_line(*Json::parse(row.line()), now(), told_),
                                 diagnostics))
                return false;
    return metrics_.write(rows, diagnostics);
}

/// A file of events is open, wherever it lies.
void RunLog::goes_to(const std::string& folder) { metrics_.goes_to(folder + kName); }

bool RunLog::picture(const std::string& file, int64_t step, Diagnostics& diagnostics) {
    std::error_code error;
    if (!events_ || !fs::exists(file, error)) return true;
    const auto events = picture_events(file, step, now(), diagnostics);
    return events.ok() && events_->append(*events, diagnostics);
}

bool has_picture_event(const std::string& folder, int64_t step) {
    for (const fs::path& file : paths_in(folder)) {
        if (!tensorboard::is_event_file(file.filename().string())) continue;
        Diagnostics unreadable;
        const auto records = read_whole_file(file.string(), kMostBytes, unreadable);
        if (records.ok() && tensorboard::has_picture(*records, step)) return true;
    }
    return false;
}

/// Makes for a finished run what --tensorboard would have written during it. Times are those of the
/// files, since metrics.jsonl has none.
Result<std::string> events_of_run(const std::string& folder, int64_t batch_size,
                                  Diagnostics& diagnostics) {
    const auto record = read_run_record(folder + "/run.json", diagnostics);
    const std::string path = folder + kName;
    const auto lines = read_whole_file(path, kMostBytes, diagnostics);
    if (!record.ok() || !lines.ok()) return Failure{};
    const double seconds = written_at(path);
    std::string events =
        tensorboard::version_event({seconds, 0}) + beginning(*record, batch_size, {seconds, 0});
    std::map<int64_t, int64_t> last_step;  // of each epoch
    size_t end = 0;
    int64_t number = 0, told = -1;
    for (size_t begin = 0; begin < lines->size(); begin = end + 1) {
        ++number;
        end = std::min(lines->find('\n', begin), lines->size());
        const auto row = Json::parse(std::string_view(*lines).substr(begin, end - begin));
        std::string why = why_no_line(row);
        if (!why.empty() && end == lines->size()) {  // left by a run that was killed
            diagnostics.warning(DiagnosticKind::kBadFile, {},
                                "`{}` ends in half a line, {}, which is left out", path, number);
            break;
        }
        try {
            if (why.empty()) {
                last_step[row->at("epoch").whole()] = row->at("step").whole();
                events += events_of_line(*row, seconds, told);
            }
        } catch (const JsonError& wrong) {
            why = fmt::format("is not one of metrics: {}", wrong.what());
        }
        if (!why.empty()) {
            diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` line {} {}", path, number, why);
            return Failure{};
        }
    }
    for (const auto& [epoch, step] : last_step) {
        const std::string file = folder + "/samples/" + kSamplesName.of(epoch);
        std::error_code error;
        if (!fs::exists(file, error)) continue;
        const auto picture = picture_events(file, step, written_at(file), diagnostics);
        if (!picture.ok()) return Failure{};
        events += *picture;
    }
    return events;
}

Result<std::string> why_diverged(const std::string& folder, Diagnostics& diagnostics) {
    constexpr std::streamoff kMost = 1 << 16;  // of the last line
    auto in = open_log(folder + kName, diagnostics);
    if (!in.ok()) return Failure{};
    in->seekg(0, std::ios::end);
    const std::streamoff size = in->is_open() ? std::streamoff(in->tellg()) : 0;
    if (size <= 0) return std::string();
    std::string end(static_cast<size_t>(std::min(size, kMost)), '\0');
    in->seekg(size - static_cast<std::streamoff>(end.size()));
    in->read(end.data(), static_cast<std::streamsize>(end.size()));
    while (end.ends_with('\n')) end.pop_back();
    const std::optional<Json> line = Json::parse(end.substr(end.rfind('\n') + 1));
    return line && line->contains("diverged") && line->at("diverged").is_text()
               ? line->at("diverged").text()
               : std::string();
}

}  // namespace gmc::runtime

// Writes and reads run.json. Members that were added after version 1 began may be missing, so that
// older runs resume; what changes the meaning of a member raises kVersion.
#include "runtime/run/run_record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/support/json.h"
#include "compiler/support/wording.h"
#include "runtime/data/fingerprint/data_changes.h"
#include "runtime/data/fingerprint/fingerprint.h"
#include "runtime/files/atomic_file.h"
#include "runtime/threads/thread_count.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {
namespace {

constexpr int kVersion = 1;
/// The model's texts are in the file, so it may be large; beyond this it is none of ours.
constexpr uint64_t kLargestFile = 64 << 20;
/// Members of an object in it; contractions of the largest models are some hundreds.
constexpr size_t kMembersMost = 20'000;
/// Far more than any run has, with --more-epochs again and again, and within 64 bits when
/// multiplied.
constexpr int64_t kMostEpochs = int64_t{1} << 40;
constexpr int64_t kMostProcesses = 1 << 20, kMostInBlock = 1 << 20;

/// Throws JsonError where the member is no whole number from 0 on.
int64_t count_of(const Json& json, const char* name) {
    const int64_t count = json.at(name).whole();
    if (count < 0) throw JsonError(fmt::format("`{}` is {}, below 0", name, count));
    return count;
}

/// The same of a number that adds up with others, and is multiplied: the bounds of the options.
int64_t bounded_count_of(const Json& json, const char* name, int64_t least, int64_t most) {
    const int64_t count = json.at(name).whole();
    if (count < least || count > most)
        throw JsonError(fmt::format("`{}` is {}, not from {} to {}", name, count, least, most));
    return count;
}

/// Throws JsonError where a text is none of `words`.
std::string one_of(const Json& text, const char* name, const std::vector<std::string>& words) {
    if (std::find(words.begin(), words.end(), text.text()) == words.end())
        throw JsonError(fmt::format("`{}` is `{}`, not one of `{}`", name,
                                    text.text().substr(0, 80), fmt::join(words, "`, `")));
    return text.text();
}

/// `use(name, value)` for each member of an object. Throws JsonError where it is none.
void each_member(const Json& object, const char* what, const auto& use) {
    if (!object.is_object()) throw JsonError(fmt::format("`{}` is no object", what));
    for (size_t i = 0; i < object.size(); ++i) use(object.names()[i], object.elements()[i]);
}

}  // namespace

std::string difference(const RunRecord& record, const ir::Origin& origin) {
    const ir::Origin& run = record.origin;
    if (!run.model.empty() && !train_alike(run.model, origin.model)) return kOtherModel;
    return !run.data.empty() && run.data != origin.data ? kOtherData : "";
}

std::string another_runs(const std::string& checkpoint, const RunRecord& record,
                         const std::string& folder, bool data_too) {
    const CheckpointOrigin written = origin_of_checkpoint(checkpoint);
    ir::Origin origin = record.origin;
    if (written.seed) origin.model = written.model;  // else it is no checkpoint that can be read
    if (data_too && !written.data.empty()) origin.data = written.data;
    std::string other = difference(record, origin);
    if (other.empty() && data_too && !may_be_same_data(record.data_values, written.data_values))
        other = kOtherData;
    if (!other.empty())
        return fmt::format(
            "`{}` is a checkpoint of {} than the run in `{}`{}", checkpoint, other, folder,
            other == kOtherData ? ": of another run, or from before its data changed" : "");
    if (!written.seed || *written.seed == record.seed) return "";
    return fmt::format("`{}` has seed {}, but the run in `{}` has seed {}: it is of another run",
                       checkpoint, *written.seed, folder, record.seed);
}

Failure is_another_run(const std::string& folder, const std::string& other,
                       const std::string& model, Diagnostics& diagnostics) {
    diagnostics
        .error(DiagnosticKind::kBadValue, {}, "the run in `{}` has {} than `{}`", folder, other,
               model)
        .help(fmt::format("`gmrun train {} --init {}` begins another run with its weights", model,
                          folder));
    return {};
}

bool are_data_of(const RunRecord& record, const ir::Origin& origin, const std::string& values) {
    const auto whole = [](const std::string& fingerprint) {
        return fingerprint.substr(0, fingerprint.find(' '));
    };
    if (!values.empty() && whole(record.data_values) == whole(values))
        return may_be_same_data(record.data_values, values);
    return difference(record, origin) != kOtherData && may_be_same_data(record.data_values, values);
}

std::vector<std::string> logged_changes(const RunRecord& then, const RunRecord& now) {
    std::vector<std::string> out;
    const auto add = [&](const char* what, const auto& before, const auto& after) {
        if (before != after) out.push_back(fmt::format("{} `{}`, now `{}`", what, before, after));
    };
    if (!then.precision.empty()) add("precision", then.precision, now.precision);
    const auto isa = [](const RunRecord& record) { return record.avx2 ? "avx2" : "best"; };
    if (then.avx2 != now.avx2)
        add("--isa", std::string(isa(then)), std::string(isa(now)));
    else if (!then.machine.empty())
        add("machine", then.machine, now.machine);
    if (then.examples != 0) add("examples", then.examples, now.examples);
    return out;
}

/// What was not recorded (empty, 0) by an older gmc is not compared.
std::vector<std::string> changes(const RunRecord& then, const RunRecord& now) {
    std::vector<std::string> out;
    if (!then.machine.empty() && then.machine != now.machine)
        out.push_back(fmt::format(
            "the run was trained by another machine or build, or with another --isa; from here on "
            "its numbers are the same only up to rounding\n  then: {}\n  now:  {}",
            then.machine, now.machine));
    if (then.examples != 0 && then.examples != now.examples &&
        then.validate_share != now.validate_share)
        out.push_back(fmt::format(
            "{} are trained on now, and {} were before: `validate` keeps another share out",
            counted(now.examples, "example"), then.examples));
    else if (then.examples != 0 && then.examples != now.examples)
        out.push_back(fmt::format("the data have {} now, and had {} when the run was trained last",
                                  counted(now.examples, "example"), then.examples));
    else if (!then.data.empty() && then.data != now.data)  // an older run knows no values
        out.push_back(
            fmt::format("the data are others than when the run began\n  then: {}\n  now:  {}",
                        then.data, now.data));
    if (now.local.every > 0 && then.processes != now.processes)
        out.push_back(
            fmt::format("local steps are taken by {} processes now, by {} before: from "
                        "here on the numbers are others",
                        now.processes, then.processes));
    const auto other_kernels =
        std::count_if(now.contractions.begin(), now.contractions.end(), [&](const auto& choice) {
            const auto found = then.contractions.find(choice.first);
            return found != then.contractions.end() && found->second != choice.second;
        });
    if (other_kernels > 0)
        out.push_back(fmt::format(
            "{} of the run's contractions are computed by other kernels than it was begun with, "
            "since those are not here; from here on its numbers are the same only up to rounding",
            other_kernels));
    if (then.examples != 0 && then.tuned && then.contractions.empty() && !now.contractions.empty())
        out.push_back(
            "the record of the run says nothing of the kernels of its contractions; from here on "
            "its numbers are the same only up to rounding");
    // A smaller share is a part of the larger one. Before there was one, or where an older gmc drew
    // it in another way, all examples may have been trained on.
    if (then.examples != 0 && now.validate_share > then.validate_share)
        out.push_back(
            fmt::format("`validate` keeps a share of {} out of training now, some of which was "
                        "trained on before: its figures are better than for new examples",
                        now.validate_share));
    if (!then.precision.empty() && then.precision != now.precision)
        out.push_back(fmt::format("the run was computed in {}, and is from here on in {}",
                                  then.precision, now.precision));
    for (const auto& [network, checksum] : now.weights)
        if (const auto found = then.weights.find(network);
            found != then.weights.end() && found->second != checksum)
            out.push_back(fmt::format(
                "the file with the weights of `{}` is another one now; the run keeps those that it "
                "began with",
                network));
    return out;
}

/// The settings of the command line that a run keeps; {} where there were none.
static Json to_json(const RunSettings& settings) {
    Json json = Json::object();
    if (settings.checkpoint_every)
        json["checkpoint_every"] = {{"steps", settings.checkpoint_every->steps},
                                    {"seconds", settings.checkpoint_every->seconds}};
    if (settings.log_every) json["log_every"] = *settings.log_every;
    if (settings.samples) json["samples"] = *settings.samples;
    if (settings.tensorboard) json["tensorboard"] = true;
    return json;
}

/// The inverse. Throws JsonError.
static RunSettings settings_from(const Json& json) {
    RunSettings settings;
    if (!json.is_object()) throw JsonError("`kept_settings` is no object");
    if (json.contains("checkpoint_every")) {
        const Json& pace = json.at("checkpoint_every");
        const Pace read{pace.at("steps").whole(), pace.at("seconds").number()};
        const bool is_time = read.seconds >= 0 && std::isfinite(read.seconds);
        if (read.steps < 0 || !is_time || (read.steps == 0) == (read.seconds == 0))
            throw JsonError(fmt::format("`checkpoint_every` is {} steps and {} seconds", read.steps,
                                        read.seconds));
        settings.checkpoint_every = read;
    }
    const auto read = [&](const char* name, int64_t least, std::optional<int64_t>& value) {
        if (!json.contains(name)) return;
        value = json.at(name).whole();
        if (*value < least)
            throw JsonError(fmt::format("`{}` is {}, not at least {}", name, *value, least));
    };
    read("log_every", 1, settings.log_every);
    read("samples", 0, settings.samples);
    settings.tensorboard = json.contains("tensorboard") && json.at("tensorboard").flag();
    return settings;
}

/// The texts of the model's files are in it, so that a run can be understood after they were
/// changed.
bool write_run_record(const std::string& path, const RunRecord& record, Diagnostics& diagnostics) {
    Json json{
        {"gmc_run", kVersion},       {"model", record.model},         {"version", record.version},
        {"machine", record.machine}, {"precision", record.precision}, {"bf16", record.bf16},
        {"seed", record.seed},       {"examples", record.examples},   {"tuned", record.tuned}};
    json["threads"] = record.threads;
    if (record.avx2) json["isa"] = "avx2";
    if (record.local.every > 0)
        json["local_steps"] = {{"every", record.local.every},
                               {"outer", name_of(record.local.outer)},
                               {"processes", record.processes}};
    if (record.block > 0) json["block"] = record.block;
    if (record.validate_share > 0) json["validate_share"] = record.validate_share;
    if (record.kept_out != record.validate_share) json["kept_out"] = record.kept_out;
    if (record.epochs) json["epochs"] = *record.epochs;
    if (record.patient_from > 0) json["patient_from"] = record.patient_from;
    if (!record.init.empty())
        json["init"] = {{"from", record.init}, {"layout", record.init_layout}};
    if (!record.init_checksum.empty()) json["init"]["checksum"] = record.init_checksum;
    if (!record.begun_with.empty()) json["begun_with"] = record.begun_with;
    if (const Json kept = to_json(record.settings); kept.size() > 0) json["kept_settings"] = kept;
    json["data"] = record.data;
    json["ranges"] = Json::object();
    for (const auto& [field, range] : record.ranges)
        json["ranges"][field] = std::vector<double>{range.low, range.high};
    json["fingerprint"] = {{"model", record.origin.model}, {"data", record.origin.data}};
    if (!record.data_values.empty()) json["data_values"] = record.data_values;
    json["settings"] = record.origin.settings;
    json["sources"] = Json::object();
    for (size_t i = 0; i < std::min(record.sources.size(), record.origin.texts.size()); ++i)
        json["sources"][record.sources[i]] = record.origin.texts[i];
    json["contractions"] = Json::object();
    for (const auto& [problem, choice] : record.contractions)
        json["contractions"][problem] = choice;
    json["weights"] = Json::object();
    for (const auto& [network, checksum] : record.weights) json["weights"][network] = checksum;
    return write_file_atomically(path, json.dump(1) + "\n", diagnostics);
}

/// Throws JsonError for what write_run_record() does not write.
static void read_local(const Json& json, RunRecord& record) {
    record.local.every = json.at("every").whole();
    record.processes = bounded_count_of(json, "processes", 1, kMostProcesses);
    const std::string& outer = json.at("outer").text();
    const auto& names = outer_steps();
    const auto found = std::find(names.begin(), names.end(), outer);
    if (record.local.every < 1 || found == names.end())
        throw JsonError(fmt::format("`local_steps` are every {}, outer `{}`", record.local.every,
                                    outer.substr(0, 80)));
    record.local.outer = static_cast<OuterStep>(found - names.begin());
}

/// An earlier gmc wrote "(in 16 of them)" of a sample: the same data are to have the same text.
static std::string in_words_of_now(std::string data) {
    const std::string_view end = " of them)", begin = "(in ";
    for (size_t at = data.find(end); at != std::string::npos; at = data.find(end)) {
        const size_t from = data.rfind(begin, at);
        if (from == std::string::npos) break;
        const std::string count = data.substr(from + begin.size(), at - from - begin.size());
        data.replace(from, at + end.size() - from, "(in a sample of " + count + ")");
    }
    return data;
}

/// What the data were. Throws JsonError.
static void read_data(const Json& json, RunRecord& record) {
    if (json.contains("validate_share")) record.validate_share = json.at("validate_share").number();
    if (!(record.validate_share >= 0 && record.validate_share < 1))
        throw JsonError(
            fmt::format("`validate_share` is {}, not from 0 to below 1", record.validate_share));
    record.kept_out = record.validate_share;
    if (json.contains("kept_out")) record.kept_out = json.at("kept_out").number();
    if (!(record.kept_out >= 0 && record.kept_out < 1))
        throw JsonError(fmt::format("`kept_out` is {}, not from 0 to below 1", record.kept_out));
    if (json.contains("block")) record.block = bounded_count_of(json, "block", 1, kMostInBlock);
    if (json.contains("data")) record.data = in_words_of_now(json.at("data").text());
    if (json.contains("data_values")) record.data_values = json.at("data_values").text();
    if (!is_fingerprint(record.data_values))
        throw JsonError(fmt::format("`data_values` is `{}`, which describes no data",
                                    record.data_values.substr(0, 80)));
    if (json.contains("ranges"))
        each_member(json.at("ranges"), "ranges", [&](const auto& field, const Json& range) {
            const double low = range.at(size_t{0}).number(), high = range.at(1).number();
            constexpr double kLargest = std::numeric_limits<float>::max();
            if (!(low >= -kLargest && low <= high && high <= kLargest))
                throw JsonError(
                    fmt::format("the range of `{}` is from {} to {}", field, low, high));
            record.ranges[field] = {static_cast<float>(low), static_cast<float>(high)};
        });
}

/// Every key is checked by its type; those that were added later may be missing.
Result<RunRecord> read_run_record(const std::string& path, Diagnostics& diagnostics) {
    const auto text = read_whole_file(path, kLargestFile, diagnostics);
    if (!text.ok()) return Failure{};
    const auto bad = [&](const std::string& why) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", path, why)
            .help("move it away: without it the run resumes, too, but maybe not to the bit");
        return Failure{};
    };
    try {
        const Json json = Json::parse_strictly(*text, kMembersMost);
        if (json.at("gmc_run").whole() != kVersion)
            return bad("was written by another version of gmc");
        RunRecord record;
        record.model = json.at("model").text();
        record.version = json.at("version").text();
        check_line("model", record.model);
        check_line("version", record.version);
        record.machine = json.at("machine").text();
        record.precision = json.at("precision").text();  // "" of a run without a step
        if (!record.precision.empty())
            (void)one_of(json.at("precision"), "precision", {"f32", "bf16"});
        record.bf16 = json.at("bf16").flag();
        record.seed = json.at("seed").natural();
        record.examples = count_of(json, "examples");
        record.tuned = json.at("tuned").flag();
        if (json.contains("threads"))
            record.threads = bounded_count_of(json, "threads", 0, kMostThreads);
        record.avx2 = json.contains("isa") && !one_of(json.at("isa"), "isa", {"avx2"}).empty();
        if (json.contains("local_steps")) read_local(json.at("local_steps"), record);
        read_data(json, record);
        if (json.contains("init")) {
            record.init = json.at("init").at("from").text();
            record.init_layout = json.at("init").at("layout").text();
            if (json.at("init").contains("checksum"))
                record.init_checksum = json.at("init").at("checksum").text();
        }
        if (json.contains("begun_with")) record.begun_with = json.at("begun_with").texts();
        if (json.contains("kept_settings"))
            record.settings = settings_from(json.at("kept_settings"));
        if (json.contains("epochs"))
            record.epochs = bounded_count_of(json, "epochs", 1, kMostEpochs);
        if (json.contains("patient_from"))
            record.patient_from = bounded_count_of(json, "patient_from", 0, kMostEpochs);
        record.origin.model = json.at("fingerprint").at("model").text();
        record.origin.data = json.at("fingerprint").at("data").text();
        check_fingerprints(record.origin.model, record.origin.data);
        record.origin.settings = json.at("settings").texts();
        for (const std::string& setting : record.origin.settings)
            if (setting.find('=') == std::string::npos)
                throw JsonError(
                    fmt::format("`settings` has `{}`, which sets nothing", setting.substr(0, 80)));
        each_member(json.at("sources"), "sources", [&](const auto& file, const Json& source) {
            record.sources.push_back(file);
            record.origin.texts.push_back(source.text());
        });
        each_member(json.at("contractions"), "contractions",
                    [&](const auto& problem, const Json& choice) {
                        record.contractions[problem] = choice.text();
                    });
        if (json.contains("weights"))
            each_member(json.at("weights"), "weights",
                        [&](const auto& network, const Json& checksum) {
                            record.weights[network] = checksum.text();
                        });
        return record;
    } catch (const JsonError& error) {
        return bad(fmt::format("is broken: {}", error.what()));
    }
}

}  // namespace gmc::runtime

// Whether the data of a run that goes on are those that it was trained on, and the weights of one
// that begins anew those that it began with.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <new>
#include <utility>

#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "runtime/data/fingerprint/data_changes.h"
#include "runtime/data/fingerprint/fingerprint.h"
#include "runtime/run/opened_run.h"

namespace gmc::runtime {

/// Whether run.json and the checkpoint are of one data set, as far as both say. Where nothing says
/// what the data were, a line tells that they are not compared.
bool OpenedRun::agrees_on_data() {
    if (record.data_values.empty() && training.data.empty() && training.step > 0)
        diagnostics.warning(DiagnosticKind::kBadFile, {},
                            "neither `{}` nor `{}` says which data the run was trained on: that "
                            "they are still the same cannot be checked",
                            path("run.json"), path(kCheckpointName));
    if (may_be_same_data(record.data_values, training.data)) {
        // Declared otherwise: the process that did so was killed, or the checkpoint is another's.
        const std::string other = another_runs(path(kCheckpointName), record, folder->path());
        if (is_recorded_ && !options.in_copy && !other.empty()) say("gmrun: {}\n", other);
        return true;
    }
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}` says that the run was trained on {} than `{}` says: they are of two runs",
               path("run.json"), kOtherData, path(kCheckpointName))
        .help(fmt::format("without `{}` the run goes on as the checkpoint says, with its data",
                          path("run.json")));
    return false;
}

/// Other values than the run began with are refused; the same ones may lie elsewhere by now.
bool OpenedRun::take_up_data() {
    const std::string values = fingerprint(loader->dataset());
    if (goes_on() && !agrees_on_data()) return false;
    if (record.data_values.empty()) record.data_values = training.data;
    has_all_data_ = !values.empty();
    const std::string comparable =
        goes_on() ? fingerprint_as(loader->dataset(), record.data_values, values) : values;
    const bool same =
        !goes_on() ||
        (are_data_of(record, model.module().origin, comparable) &&
         (has_all_data_ || !has_other_examples(loader->dataset(), record.data_values)));
    const bool has_grown = same && goes_on() && !begins_with(loader->dataset(), record.data_values);
    // Steps can be repeated only with the examples that they were computed with.
    const std::string then = !options.trained_on.empty() ? options.trained_on
                             : training.data.empty()     ? record.data_values
                                                         : training.data;
    if (same && options.in_copy && goes_on() && !then.empty() && !values.empty() &&
        std::atoll(then.c_str()) != loader->dataset().count()) {
        diagnostics.error(DiagnosticKind::kBadValue, {},
                          "the run in `{}` was trained on {}, and its data have {} now",
                          folder->path(), counted(std::atoll(then.c_str()), "example"),
                          loader->dataset().count());
        return false;
    }
    if (!same || has_grown) {
        if (options.in_copy)
            diagnostics.error(DiagnosticKind::kBadValue, {},
                              "the data of the run in `{}` are others than it was trained on",
                              folder->path());
        else
            is_another_run(folder->path(), kOtherData, model.path(), diagnostics);
        const ir::Module& module = model.module();
        const std::string& declared = record.origin.data;
        const std::string files = which_files_changed(record.data_values, loader->dataset());
        if (!has_all_data_)
            diagnostics.note_last({},
                                  "not all of the data can be read, and of what can, some examples "
                                  "have other values than the run was trained on" +
                                      files);
        else if (declared.empty() || declared == module.origin.data)
            diagnostics.note_last(
                {}, how_they_changed(record.data_values, comparable, true, module.data) + files);
        if (!files.empty() && !options.in_copy)
            diagnostics.note_last({}, "once they are as they were, --resume goes on with the run");
    }
    if (same && comparable != values) record.data.clear();  // says what other examples are like
    if (goes_on()) not_compared_ = why_not_compared(loader->dataset(), record.data_values);
    if (!values.empty()) record.data_values = values;
    // Where one of the examples cannot be read, the record may be of another number of them.
    const bool is_known = std::atoll(record.data_values.c_str()) == loader->dataset().count();
    training.data = is_known ? record.data_values : "";
    return same && !has_grown;
}

/// Calls `use` with test data that nothing else reads while it trains. Where they cannot be read,
/// whoever needs them will report that.
static void read_test(LoadedModel& model, const std::function<void(const Dataset&)>& use) {
    Diagnostics unreadable;
    try {
        const auto made = model.data().make_loader(
            DataSplit::kTest, {model.batch_size(), LoaderMode::kEvaluate, 0, 0}, unreadable);
        if (made.ok()) use((*made)->dataset());
    } catch (const std::bad_alloc&) {
    }
}

/// Test data are those of eval, and of `validate: test`: their figures from before a change cannot
/// be compared with those behind it. Training is the same.
void OpenedRun::take_up_test_data() {
    if (!model.data().has_test() || options.in_copy) return;
    std::string now, then = training.test;
    const auto look = [&](const Dataset& test) {
        const std::string values = fingerprint(test);
        if (values.empty()) return;
        training.test = by_field(values);
        now = fingerprint_as(test, then, values);
    };
    if (validation && policy.validate_test)
        look(validation->dataset());
    else
        read_test(model, look);
    if (now.empty()) return;
    const bool as_many = std::atoll(then.c_str()) == std::atoll(now.c_str());
    if (then.empty() || (as_many && may_be_same_data(then, now))) return;
    diagnostics.warning(DiagnosticKind::kBadFile, {}, "{}{}", kOfTestData,
                        how_they_changed(then, now, false, model.module().test));
}

/// The record of the run that a checkpoint lies in; an error where that is of no run.
static Result<RunRecord> record_beside(const std::string& checkpoint) {
    std::filesystem::path folder = std::filesystem::path(checkpoint).parent_path();
    if (folder.filename() == "checkpoints") folder = folder.parent_path();
    Diagnostics unreadable;  // the weights are of a program that tells nothing of its data
    return read_run_record((folder / "run.json").string(), unreadable);
}

/// Another seed draws others.
void OpenedRun::take_up_kept_out() {
    const auto other = record_beside(training.init);
    if (!other.ok()) return;
    record.kept_out =
        other->seed == record.seed ? std::min(other->kept_out, policy.validate_share) : 0;
}

/// A run that was begun with --steps 0 has not known its data until now.
void OpenedRun::say_what_was_seen(Progress& progress) {
    if (training.step > 0 || record.init.empty() || record.kept_out >= policy.validate_share)
        return;
    const auto other = record_beside(training.init);
    if (other.ok() && !may_be_same_data(other->data_values, record.data_values)) {
        record.kept_out = policy.validate_share;
        return;
    }
    const bool by_seed =
        other.ok() && other->seed != record.seed && other->kept_out >= policy.validate_share;
    progress.message(fmt::format(
        "`validate` keeps a share of {} out of training, some of which the weights of `{}`, which "
        "this run begins with, were trained on: its figures are better than for new examples{}",
        policy.validate_share, training.init,
        by_seed ? fmt::format("; --seed {} keeps out what was kept out there", other->seed) : ""));
}

/// Whether the place of a checkpoint that says nothing of its data lies in the data that the run
/// had, or in those that it has now: a run may go on with more data or fewer.
bool OpenedRun::is_where_it_can_be() {
    const int64_t most = std::max(record.examples, loader->dataset().count());
    if (!training.data.empty() || record.examples == 0 || training.example < most) return true;
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}` cannot be of this run: its `example` is {}, but the data have {} examples",
               path(kCheckpointName), training.example, most)
        .help("start a new run, or name the checkpoint of this model");
    return false;
}

/// Where run.json cannot be written, the run is refused until somebody removes that. Data that
/// could not be compared with those of the run may be others altogether: what is known of its own
/// stays until a step was taken. A file that was replaced is to be put back, not mended.
void OpenedRun::expect_mended_data() {
    if (loader->found_change() || (validation && validation->found_change())) return;
    if (is_as_it_was() && !has_all_data_) return;
    before_.forget(path("run.json"));
    Diagnostics unwritable;
    record.data_values = without_files(record.data_values);
    if (!training.data.empty()) training.data = record.data_values;
    (void)write_run_record(path("run.json"), record, unwritable);
}

std::string OpenedRun::data_trained_on() const {
    return loader ? fingerprint(loader->dataset()) : "";
}

/// A run that was begun with the weights of another has none of its own before its first
/// checkpoint. They are taken again where it begins anew, and where it goes back to them.
Result<std::vector<TakenWeights>> OpenedRun::fill_first_states(Diagnostics& reported) {
    if (!model.states().initialise(training.seed, reported)) return Failure{};
    auto all = take_named_weights(model.states(), reported);
    if (!all.ok() || record.init.empty()) return all;
    const char* const others =
        "put back those that it had, or begin anew with others: --overwrite and --init in place of "
        "--resume";
    const auto taken = take_weights(record.init, record.init_layout, model.states(), reported);
    if (!taken.ok()) {
        if (!record.init_checksum.empty())
            reported.note_last(
                {}, fmt::format("the run in `{}` began with the weights of `{}`, and has no "
                                "checkpoint yet: {}",
                                folder->path(), record.init, others));
        return Failure{};
    }
    if (!record.init_checksum.empty() && taken->checksum != record.init_checksum) {
        reported
            .error(DiagnosticKind::kBadValue, {},
                   "`{}` has other weights than when the run in `{}` began with them", taken->file,
                   folder->path())
            .help(fmt::format("the run has no checkpoint yet: {}", others));
        return Failure{};
    }
    all->push_back(*taken);
    return all;
}

}  // namespace gmc::runtime

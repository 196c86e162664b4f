// gmrun train: trains a model, or resumes a run.
#include <filesystem>
#include <new>

#include "compiler/support/pace.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/stop_work.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/run_names.h"
#include "runtime/memory/memory_need.h"
#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/replay.h"
#include "runtime/run/trainer.h"
#include "runtime/weights/pairing.h"
#include "tools/command_line/output_files.h"
#include "tools/command_line/version.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/output/write_output.h"
#include "tools/gmrun/replay.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/runs/missing_run.h"
#include "tools/gmrun/runs/training_group.h"
#include "tools/gmrun/runs/unlike_processors.h"
#include "tools/gmrun/stop_signals.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

/// Far more than anyone trains, and small enough that numbers of steps stay within 64 bits.
constexpr Range kEpochs{1, 1e9};

int exit_code(runtime::TrainEnd end, const runtime::StopRequest& stop) {
    switch (end) {
        case runtime::TrainEnd::kDone:
            return kDone;
        case runtime::TrainEnd::kInterrupted:
            return exit_code_of(stop.signal);
        case runtime::TrainEnd::kNotStarted:
            return kInputWrong;
        case runtime::TrainEnd::kDiverged:
        case runtime::TrainEnd::kFailed:
            break;
    }
    return kRunFailed;
}

Pace read_pace(const std::string& text) {
    const std::optional<Pace> pace = parse_pace(text);
    if (!pace)
        throw UsageError(
            fmt::format("--checkpoint-every is a number of steps, seconds, minutes or hours, such "
                        "as \"500 steps\" "
                        "or \"10 minutes\", not `{}`",
                        text));
    return *pace;
}

void add_train_options(CommandLine& line) {
    add_run(line, "a new one in runs/, with --resume the newest with these settings");
    line.add_flag("resume",
                  "continue from the checkpoint of the run, with --epochs, --checkpoint-every, "
                  "--log-every, --samples and --tensorboard as they were given last");
    line.add_flag(
        "overwrite",
        "give up the run that is in the folder, once the new one has ended an epoch, or a "
        "checkpoint was due");
    line.add_option<std::string>(
        "init", "RUN",
        "begin with the weights of another run, or of a safetensors file, as far as names and "
        "shapes are the same");
    line.add_choice("init-layout", runtime::weight_layouts(),
                    "how the weights of --init lie; pytorch: a `state_dict`, paired by shape and "
                    "order");
    line.add_option<uint64_t>("seed", "N",
                              "seed of weights, noise and the order of the data; by default 1");
    line.add_option<int64_t>("epochs", "N", "passes over the data, instead of the model's",
                             kEpochs);
    line.add_option<int64_t>("more-epochs", "N",
                             "passes beyond those the run was to have or, where it ended early, "
                             "has had; the patience of "
                             "`early_stopping` counts from there, then and each time after",
                             kEpochs);
    line.add_option<int64_t>("steps", "N",
                             "stop after this many steps in all, those before --resume included; 0 "
                             "only writes the run, with the weights of --init",
                             kFromZero);
    line.add_option<std::string>("checkpoint-every", "PACE",
                                 "beside the end of each epoch: \"500 steps\", \"10 minutes\"");
    line.add_option<int64_t>("log-every", "N",
                             "steps between two lines of metrics.jsonl; by default 50, or an epoch "
                             "where that is shorter",
                             kFromOne);
    line.add_option<int64_t>(
        "samples", "N",
        "how many samples to draw after each epoch, 0: none; by default 64 images or 2000 points",
        kFromZero);
    line.add_flag("tensorboard",
                  "write events for TensorBoard into the run's folder, beside metrics.jsonl");
    line.add_flag("quiet", "no progress line; warnings and signs of trouble are told all the same");
    line.add_flag("shard-optimizer",
                  "with mpirun: each process keeps and computes only its part of the optimizer's "
                  "slots, such as Adam's moments; the bits stay the same");
    line.add_option<int64_t>(
        "local-steps", "N",
        "with mpirun: each process takes N steps on its own shards before all average what has "
        "become of the weights, for slow networks; the bits depend on the number of processes",
        kFromOne);
    line.add_choice("outer-step", runtime::outer_steps(),
                    "how weights move after local steps: by the average way of the processes, or "
                    "with momentum (nesterov), as in DiLoCo");
    add_tuning(line);
}

/// The file or folder that --init names, "" without it; of a .gmc, that of its run.
Result<std::string> weights_to_begin_with(const CommandLine& line, Diagnostics& diagnostics) {
    const std::string init = line.has("init") ? line.text("init") : "";
    if (!init.empty() && !is_there(init) && !is_there(init + ".safetensors"))
        return no_such_run(init, diagnostics);
    if (init.empty()) return init;
    const auto from = init.ends_with(".gmc") ? run_folder(init, Needs::kCheckpoint, diagnostics)
                                             : Result<std::string>(init);
    if (from.ok() && is_there(*from + "/run.json") && runtime::kept_checkpoints(*from).empty())
        return run_folder(*from, Needs::kCheckpoint, diagnostics);  // says why it has none
    return from;
}

/// Checks combinations first: --resume goes on with a run, --overwrite and --init begin one;
/// --more-epochs needs a run to go on with. Then options become TrainOptions; what was not given
/// stays empty, so that the model's own values count.
runtime::TrainOptions read_options(const CommandLine& line, const ir::Module& module,
                                   const std::string& init, const runtime::ProcessGroup* group) {
    runtime::TrainOptions options;
    if (line.has("local-steps") && (group == nullptr || group->size() == 1))
        throw UsageError(
            "--local-steps is for several processes: `mpirun -n 2 gmrun train ...` starts two");
    if (line.has("local-steps") && line.flag("shard-optimizer"))
        throw UsageError(
            "--local-steps has each process keep all of the optimizer's slots, and "
            "--shard-optimizer a part: they exclude each other");
    if (line.given("outer-step") && !line.has("local-steps") && !line.flag("resume"))
        throw UsageError("--outer-step says what follows local steps: it needs --local-steps");
    options.resume = line.flag("resume");
    options.overwrite = line.flag("overwrite");
    if (options.resume + options.overwrite + line.has("init") > 1 &&
        !(options.overwrite && line.has("init")))
        throw UsageError("--resume goes on with a run; --overwrite and --init begin one");
    if (line.has("epochs") && line.has("more-epochs"))
        throw UsageError("--epochs and --more-epochs exclude each other");
    if (line.has("more-epochs") && !options.resume)
        throw UsageError("--more-epochs goes on with a run: it needs --resume");
    const bool names_run = line.has("run") || is_folder(line.text("MODEL"));
    if (options.overwrite && !names_run)
        throw UsageError("--overwrite gives up a run: --run DIR says which");
    if (line.has("run") || options.overwrite)
        options.run_directory = run_folder(line, module, Needs::kNothing);
    options.init_layout = line.text("init-layout");
    if (options.init_layout != "keras" && !line.has("init"))
        throw UsageError("--init-layout says how a file lies: it needs --init FILE");
    options.init = init;
    if (line.has("seed")) options.seed = line.get<uint64_t>("seed");
    if (line.has("epochs")) options.epochs = line.get<int64_t>("epochs");
    if (line.has("more-epochs")) options.more_epochs = line.get<int64_t>("more-epochs");
    if (line.has("steps")) options.steps_most = line.get<int64_t>("steps");
    if (line.has("checkpoint-every"))
        options.checkpoint_every = read_pace(line.text("checkpoint-every"));
    if (line.has("log-every")) options.log_every = line.get<int64_t>("log-every");
    if (line.has("samples")) options.sample_count = line.get<int64_t>("samples");
    options.tensorboard = line.flag("tensorboard");
    options.quiet = line.flag("quiet");
    if (line.has("local-steps")) options.local_steps = line.get<int64_t>("local-steps");
    const auto& outer = runtime::outer_steps();
    if (line.given("outer-step"))
        options.outer = static_cast<runtime::OuterStep>(
            std::find(outer.begin(), outer.end(), line.text("outer-step")) - outer.begin());
    options.version = kVersion.number;
    options.show_warnings = report_warnings;
    return options;
}

/// What the processes have of the optimizer's slots.
std::string slots_text(runtime::LoadedModel& model) {
    if (model.group() == nullptr || model.group()->size() == 1)
        return "--shard-optimizer: one process alone has all of the optimizer's slots; `mpirun -n "
               "2 gmrun train ...` shares them\n";
    const runtime::SlotParts* slots = model.states().slots();
    if (slots == nullptr)
        return "--shard-optimizer: each process has all of the optimizer's slots: there are none "
               "of "
               "more than 4096 numbers that are changed one by one\n";
    return fmt::format("optimizer: each of {} processes has {} of {} of slots\n",
                       model.group()->size(), runtime::memory_text(slots->shared().own_bytes),
                       runtime::memory_text(slots->shared().slot_bytes));
}

/// What finding_in() says, with the kernels that the run has; "" where measuring was stopped, and
/// `why` it says nothing. In a group this process does that alone, with a model that computes whole
/// batches.
std::string examine(runtime::LoadedModel& model, const runtime::BadStep& step, std::string& why) {
    Diagnostics found;
    try {
        const runtime::Replay replay{.file = step.file,
                                     .training = step.training,
                                     .batches = step.batches,
                                     .tuning = model.tuning(),
                                     .bf16 = model.may_use_bf16()};
        const auto examine_in = [&](runtime::LoadedModel& in) {
            const auto text = finding_in(replay, in, found);
            return text.ok() ? *text : "";
        };
        if (model.group() == nullptr) {
            if (const std::string text = examine_in(model); !text.empty()) return text;
        } else if (const auto alone = runtime::LoadedModel::load(model.path(), found); alone.ok()) {
            runtime::copy_saved_states(model.states(), (*alone)->states());
            if (const std::string text = examine_in(**alone); !text.empty()) return text;
        }
        for (const Diagnostic& one : found.list())
            if (!one.is_warning && why.empty()) why = one.text;
    } catch (const runtime::MeasuringStopped&) {
    } catch (const std::bad_alloc&) {
        why = "there is too little memory to run it again";
    }
    return "";
}

/// Shows the operation that was at fault in a step, and tells where it has no replay. The error
/// that follows tells of the divergence, and how the file is run again; so what keeps the step from
/// being examined is told without advice of its own.
void show_finding(runtime::LoadedModel& model, const runtime::BadStep& step) {
    std::string why;
    const std::string text = step.batches.empty() ? "" : examine(model, step, why);
    if (!text.empty())
        say("{}", text);
    else if (!why.empty())
        say("gmrun: which operation was at fault in the step is not known: {}\n", why);
    if (step.file.empty())
        say("gmrun: `gmrun replay` cannot run the step again: {}\n", step.why_no_file);
}

/// What the run will take, before it takes it.
void print_memory(const ir::Module& module) {
    const runtime::MemoryNeed need = runtime::training_need(module);
    print_out("memory: {} for states, {} for values, {} for copies of states\n",
              runtime::memory_text(need.states), runtime::memory_text(need.arena),
              runtime::memory_text(need.copies));
}

}  // namespace

/// Says which of the texts that the model was compiled from have other contents now: to forget
/// `gmc compile` behind an edit is the usual slip. Texts are named as they were called then, from
/// the working folder or, as the .gmc often lies beside them, from its own and those above it.
static void say_what_was_edited(const CommandLine& line, const runtime::LoadedModel& model) {
    const ir::Module& module = model.module();
    if (model.group() != nullptr && model.group()->rank() > 0) return;
    const auto may_have_text = [](const std::string& file, const std::string& text) {
        constexpr uint64_t kLargest = uint64_t{1} << 26;
        Diagnostics unreadable;  // it need not be here any more
        const auto now = runtime::read_whole_file(file, kLargest, unreadable);
        return !now.ok() || *now == text;
    };
    // A run's folder lies in `runs/` of the texts' folder, or deeper.
    const auto is_there_in = [&](std::filesystem::path folder, const std::string& file,
                                 const std::string& text) {
        constexpr int kLevels = 4;
        for (int i = 0; i < kLevels; ++i, folder = folder / "..") {
            const std::string other = (folder / file).string();
            if (is_regular(other) && may_have_text(other, text)) return true;
        }
        return false;
    };
    const std::filesystem::path beside = std::filesystem::path(model.path()).parent_path();
    std::vector<std::string> edited;
    const size_t count = std::min(module.files.size(), module.origin.texts.size());
    for (size_t i = 0; i < count; ++i) {
        const std::string &file = module.files[i], &text = module.origin.texts[i];
        if (text.empty() || !is_regular(file) || may_have_text(file, text)) continue;
        if (!is_there_in(beside, file, text)) edited.push_back(file);
    }
    if (edited.empty()) return;
    const std::string what = quoted(edited) + by_count(edited.size(), " has", " have");
    if (is_folder(line.text("MODEL")))
        say("gmrun: {} changed since the model in `{}` was compiled, which is used as it was\n",
            what, line.text("MODEL"));
    else
        say("gmrun: {} changed since `{}` was compiled; `gmc compile` takes that up\n", what,
            model.path());
}

/// The folder of the run that --resume names, where that keeps to AVX2; "" otherwise.
static std::string run_on_avx2(const CommandLine& line, const runtime::LoadedModel& model) {
    if (!line.flag("resume")) return "";
    Diagnostics unreadable;  // which train_model() reports
    const auto run = run_to_resume(line, model, unreadable);
    return run.ok() && keeps_to_avx2(line, *run) ? *run : "";
}

/// Fills in the run that --resume goes on with, and says which. False after an error.
static bool find_run_to_resume(const CommandLine& line, const runtime::LoadedModel& model,
                               runtime::TrainOptions& options, Diagnostics& diagnostics) {
    const auto run = run_to_resume(line, model, diagnostics);
    if (!run.ok()) return false;
    if (run->empty())
        throw UsageError(
            fmt::format("there is no run of `{}` in runs/ to resume", model.module().name));
    // A process that was killed at its beginning has left no more than a lock.
    const bool has_begun = is_folder(*run) && runtime::is_folder_of_run(*run);
    if (!has_begun && !expect_run(*run, diagnostics)) return false;
    options.run_directory = *run;
    say_which_of_several(line, model);
    say_other_settings(model.module(), model.path(), *run);
    options.changed = how_they_differ(model.module(), model.path(), *run, "now");
    return true;
}

/// A folder of data is listed each time: what a run writes there would be taken for examples.
/// Errors (kBadFile).
static bool is_outside_of_data(const runtime::LoadedModel& model, const std::string& run,
                               Diagnostics& diagnostics) {
    const std::string place = run.empty() ? "runs/" + model.module().name : run;
    for (const std::string& data : files_of(model.module()))
        if (is_folder(data) && lies_in(place, data)) {
            diagnostics
                .error(DiagnosticKind::kBadFile, {},
                       "`{}` is no place for a run: the files in `{}` are the data", place, data)
                .help("--run DIR names another, outside of the data");
            return false;
        }
    return true;
}

/// Trains a loaded model; gives the exit code.
static int train_model(const CommandLine& line, runtime::LoadedModel& model,
                       runtime::StopRequest& stop, Diagnostics& diagnostics) {
    const auto init = weights_to_begin_with(line, diagnostics);
    if (!init.ok()) return report(diagnostics);
    runtime::TrainOptions options = read_options(line, model.module(), *init, model.group());
    say_what_was_edited(line, model);
    if (options.resume && !find_run_to_resume(line, model, options, diagnostics))
        return report(diagnostics);
    if (!options.resume && !is_outside_of_data(model, options.run_directory, diagnostics))
        return report(diagnostics);
    const std::string named = line.text("MODEL");
    if (!options.resume && !line.has("init") && is_folder(named) && runtime::has_checkpoint(named))
        say("gmrun: a new run begins of the model in `{}`; --resume goes on with the run there\n",
            named);
    if (!options.quiet) print_memory(model.module());
    if (line.flag("shard-optimizer")) print_out("{}", slots_text(model));
    Tuning tuning(line, model);
    options.stop = &stop;
    options.tuning = tuning.cache();
    options.bf16 = tuning.bf16();
    if (options.tuning != nullptr) options.tuning->stop_when([&stop] { return stop.asked(); });
    options.on_diverged = [&](const runtime::BadStep& step) { show_finding(model, step); };
    const runtime::TrainResult result = runtime::train(model, options, diagnostics);
    const bool disk_full = report(diagnostics) == kRunFailed;
    if (model.group() != nullptr && !options.quiet)
        print_out("{}", sums_text(*model.group(), model.group()->take_sum_time()));
    if (result.end == runtime::TrainEnd::kDone && !options.quiet) print_out("{}\n", result.folder);
    return disk_full ? kRunFailed : exit_code(result.end, stop);
}

/// Signals are listened to from the beginning, since loading and measuring can take a while. When
/// training diverges, the step is run again at once to show the operation that was at fault.
int train_command(const Words& words) {
    CommandLine line(
        "gmrun train [options] MODEL",
        "Trains a compiled model. The run's folder gets model.gmc, run.json, "
        "checkpoint.safetensors, "
        "metrics.jsonl and samples/epoch-NNN.png. A loss in its lines is that of the last step "
        "before, no mean over the epoch; validation is over all its examples.\n"
        "Ctrl-C or another signal that ends programs stops it after the step, with a "
        "checkpoint (exit code 128 + the signal's number); a second one, half a second "
        "later or more, ends it at once, with the checkpoint that is there.\n"
        "`mpirun -n 4 gmrun train MODEL` trains a model that was compiled with "
        "--shards in 4 processes, to the same bits.");
    add_train_options(line);
    runtime::StopRequest& stop = listen_for_stop();
    if (const auto end = read_training_line(line, words, stop)) return *end;
    Diagnostics diagnostics;
    std::unique_ptr<runtime::ProcessGroup> group;
    if (const auto end = join_training(line, stop, group)) return *end;
    // The processes of a group read together, and end between steps.
    const StoppableWork until_steps(group ? nullptr : &stop.signal);
    auto model = load_model(line, diagnostics, runtime::LoadedModel::Purpose::kTraining,
                            {group.get(), line.flag("shard-optimizer")});
    const auto train = [&] { return train_model(line, **model, stop, diagnostics); };
    const std::string run = model.ok() ? run_on_avx2(line, **model) : "";
    if (group) level_instructions(*group, run);
    if (!group && !run.empty()) keep_to_avx2(run);
    if (!group) return model.ok() ? train() : report(diagnostics);
    return share_training(*group, line, model.ok() ? model->get() : nullptr, diagnostics, train);
}

}  // namespace gmc::tools

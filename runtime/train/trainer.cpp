// The training loop, its run folder and its checkpoints.
#include "runtime/train/trainer.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <filesystem>

#include "runtime/files/atomic_file.h"
#include "runtime/output/metrics_log.h"
#include "runtime/output/png.h"
#include "runtime/output/progress.h"
#include "runtime/train/fill_inputs.h"
#include "runtime/train/generate.h"
#include "runtime/train/picture.h"
#include "runtime/train/sampler.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// One run from its folder's point of view.
class Run {
  public:
    Run(LoadedModel& model, const TrainOptions& options, Diagnostics& diagnostics)
        : model_(model),
          options_(options),
          diagnostics_(diagnostics),
          runner_(model, diagnostics) {}

    TrainEnd go() {
        if (!runner_.ok() || !prepare()) return TrainEnd::kNotStarted;
        Progress progress(stdout);
        const TrainEnd end = loop(progress);
        if (!options_.quiet) progress.finish();
        return end;
    }

  private:
    std::string path(const std::string& name) const { return options_.run_directory + "/" + name; }

    bool prepare() {
        training_.seed = options_.seed;
        if (!make_folder()) return false;
        if (options_.resume) {
            if (!read_checkpoint(path("checkpoint"), model_.states(), training_, diagnostics_))
                return false;
        } else if (!model_.states().initialise(training_.seed, diagnostics_) || !copy_model()) {
            return false;
        }
        auto loader = model_.data().make_loader(
            DataSplit::kTrain, {model_.batch_size(), LoaderMode::kTrain, training_.seed, 2},
            diagnostics_);
        if (!loader.ok()) return false;
        loader_ = loader.take();
        loader_->seek(training_.cursor);
        auto log = options_.resume
                       ? MetricsLog::resume(path("metrics.jsonl"), training_.step, diagnostics_)
                       : MetricsLog::create(path("metrics.jsonl"), diagnostics_);
        if (!log.ok()) return false;
        log_.emplace(log.take());
        steps_per_epoch_ =
            std::max<int64_t>(loader_->batches_per_epoch() / runner_.batches_per_round(), 1);
        epochs_ = options_.epochs.value_or(model_.module().training->epochs);
        steps_ = steps_per_epoch_ * epochs_;
        if (options_.steps_most) steps_ = std::min(steps_, *options_.steps_most);
        return true;
    }

    bool make_folder() {
        std::error_code error;
        fs::create_directories(path("samples"), error);
        if (error)
            diagnostics_.error(DiagnosticKind::kBadFile, {},
                               "the run's folder `{}` cannot be made: {}", options_.run_directory,
                               error.message());
        return !error;
    }

    /// The run keeps the model it was started with, so that it can be sampled and resumed by
    /// itself.
    bool copy_model() {
        std::error_code same;
        if (fs::equivalent(model_.path(), path("model.gmc"), same) && !same) return true;
        const auto text = read_whole_file(model_.path(), uint64_t{1} << 32, diagnostics_);
        return text.ok() && write_file_atomically(path("model.gmc"), *text, diagnostics_);
    }

    TrainEnd loop(Progress& progress) {
        RateMeter rate;
        while (training_.step < steps_) {
            if (!runner_.run(*loader_, training_, diagnostics_)) return TrainEnd::kFailed;
            rate.add(model_.batch_size() * runner_.batches_per_round(), now_s());
            if (!report(progress, rate)) return TrainEnd::kFailed;
            if (const std::string bad = not_finite(); !bad.empty()) return diverged(bad);
            const bool epoch_ends = training_.step % steps_per_epoch_ == 0;
            if ((epoch_ends || training_.step == steps_) && !end_of_epoch())
                return TrainEnd::kFailed;
            if (options_.interrupted != nullptr && *options_.interrupted)
                return interrupt(progress);
        }
        return TrainEnd::kDone;
    }

    /// Progress on the screen; every log_every steps, and at the last one, a line of metrics.
    bool report(Progress& progress, const RateMeter& rate) {
        ProgressState state{epoch(), epochs_, training_.step, steps_, {}, rate.images_per_s()};
        for (const StepRunner::Named& v : runner_.values())
            state.values.emplace_back(v.name, v.value);
        if (!options_.quiet) progress.update(state);
        if (training_.step % options_.log_every != 0 && training_.step != steps_) return true;
        MetricsRow row(training_.step, epoch());
        row.add("images_per_s", rate.images_per_s());
        for (const StepRunner::Named& v : runner_.values())
            row.add(v.name, static_cast<float>(v.value));
        return log_->write(row, diagnostics_);
    }

    /// The epoch of the step just done, from 1.
    int64_t epoch() const { return (training_.step - 1) / steps_per_epoch_ + 1; }

    std::string not_finite() const {
        for (const StepRunner::Named& v : runner_.values())
            if (!std::isfinite(v.value)) return v.name;
        return "";
    }

    TrainEnd diverged(const std::string& name) {
        const bool kept = fs::exists(path("checkpoint"));
        diagnostics_
            .error(DiagnosticKind::kDiverged, {}, "`{}` is not finite after step {} (epoch {})",
                   name, training_.step, epoch())
            .help(kept ? fmt::format("the last good state is kept in `{}`", path("checkpoint"))
                       : "no epoch was finished, so there is no good state to keep")
            .help("a smaller learning rate is the usual remedy");
        return TrainEnd::kDiverged;
    }

    bool end_of_epoch() {
        if (!write_checkpoint(path("checkpoint"), model_.states(), training_, diagnostics_))
            return false;
        return options_.sample_count == 0 || draw_samples();
    }

    /// Nothing is drawn for models whose samples are no pictures or points, or are made of data.
    bool draw_samples() {
        const ir::Function* sample = model_.module().find_function("sample");
        if (sample == nullptr || sample->results.empty()) return true;
        const ir::Shape& shape = sample->type(sample->results[0].value).shape;
        if (!is_drawable(shape) || !Sampler::can_sample(model_, *sample)) return true;
        const int64_t count = options_.sample_count.value_or(usual_count(shape));
        const auto samples = generate(model_, "sample", count, training_.seed, diagnostics_);
        if (!samples.ok()) return false;
        const auto picture = draw(model_, *samples, 0, diagnostics_);
        return picture.ok() && write_png(path(fmt::format("samples/epoch-{:03}.png", epoch())),
                                         *picture, diagnostics_);
    }

    TrainEnd interrupt(Progress& progress) {
        if (!write_checkpoint(path("checkpoint"), model_.states(), training_, diagnostics_))
            return TrainEnd::kFailed;
        progress.message(
            fmt::format("interrupted after step {}; the checkpoint is written", training_.step));
        return TrainEnd::kInterrupted;
    }

    LoadedModel& model_;
    const TrainOptions& options_;
    Diagnostics& diagnostics_;
    StepRunner runner_;
    TrainingState training_;
    std::unique_ptr<Loader> loader_;
    std::optional<MetricsLog> log_;
    int64_t steps_per_epoch_ = 1, epochs_ = 1, steps_ = 0;
};

}  // namespace

StepRunner::StepRunner(LoadedModel& model, Diagnostics& diagnostics) : model_(model) {
    model.prepare_training();
    for (const ir::ScheduleEntry& entry : model.module().schedule) {
        Executable* executable = model.function(entry.function, diagnostics);
        if (executable == nullptr) {
            ok_ = false;
            return;
        }
        entries_.push_back({executable, entry.repeat});
        for (const ir::NamedValue& result : executable->function().results)
            values_.push_back({result.name, 0});
    }
}

int64_t StepRunner::batches_per_round() const {
    int64_t batches = 0;
    for (const Entry& entry : entries_) batches += entry.repeat;
    return std::max<int64_t>(batches, 1);
}

void StepRunner::set_timing(TimeLog* log) {
    log_ = log;
    for (const Entry& entry : entries_) entry.executable->set_timing(log);
}

bool StepRunner::run(Loader& loader, TrainingState& training, Diagnostics& diagnostics) {
    if (entries_.size() == 1 && delivers_ != &loader) {
        deliver_inputs(*entries_[0].executable, loader);
        delivers_ = &loader;
    }
    if (!first_) model_.make_huge();
    first_ = false;
    size_t value = 0;
    const double length = static_cast<double>(loader.batches_per_epoch());
    const auto passes = [&](const Cursor& cursor) {
        return static_cast<double>(cursor.epoch) + static_cast<double>(cursor.batch) / length;
    };
    for (const Entry& entry : entries_) {
        for (int64_t i = 0; i < entry.repeat; ++i) {
            const int64_t begin = steady_ns();
            const auto batch = loader.next(diagnostics);
            if (!batch.ok()) return false;
            set_inputs(*entry.executable, loader, **batch);
            if (log_ != nullptr) log_->push_back({nullptr, 0, {begin, steady_ns()}});
            entry.executable->run({training.seed, training.call++,
                                   static_cast<double>(training.step), passes((*batch)->cursor)});
        }
        // Losses of repeated steps are those of the last one.
        for (size_t r = 0; r < entry.executable->result_count(); ++r)
            values_[value++].value = static_cast<double>(entry.executable->result(r)[0]);
    }
    ++training.step;
    training.cursor = loader.cursor();
    training.epoch = passes(training.cursor);
    model_.set_progress(training.step, training.epoch);
    return true;
}

TrainEnd train(LoadedModel& model, const TrainOptions& options, Diagnostics& diagnostics) {
    return Run(model, options, diagnostics).go();
}

}  // namespace gmc::runtime

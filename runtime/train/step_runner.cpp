// Runs the functions of a training step in order, each as often as the schedule says and with a
// batch of its own per call.
#include "runtime/train/step_runner.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "runtime/processes/orders.h"
#include "runtime/train/fill_inputs.h"
#include "runtime/weights/weight_file.h"

namespace gmc::runtime {

/// Tells the others of a group to run the same round.
static void order_round(LoadedModel& model, const TrainingState& training, Cursor cursor) {
    StateStore& states = model.states();
    const bool changed = model.take_states_changed();
    if (changed && model.local() != nullptr) model.local()->begin();
    give_order(*model.group(),
               {.kind = Order::Kind::kRound,
                .with_states = changed ? 1 : 0,
                .seed = training.seed,
                .step = training.step,
                .call = training.call,
                .rate = training.rate,
                .epoch = cursor.epoch,
                .batch = cursor.batch,
                .first = cursor.first},
               {states.bytes_begin(), static_cast<size_t>(states.common_bytes())});
}

/// Without a batch this process cannot go on, and then the others cannot either.
static void end_all(ProcessGroup& group, const Diagnostics& diagnostics) {
    say("{}gmrun: process {} of {} cannot go on, so all end; --resume goes on from the last "
        "checkpoint, if one was written\n",
        diagnostics.render("gmrun"), group.rank(), group.size());
    group.end_all(3);
}

/// The tuning cache may keep what it is given longer than this takes.
StepRunner::StepRunner(LoadedModel& model, Diagnostics& diagnostics,
                       const std::function<bool()>& prepare)
    : model_(model) {
    const auto left = std::make_shared<std::function<bool()>>(prepare);
    const auto prepare_once = [left] {
        const std::function<bool()> now = std::exchange(*left, {});
        return !now || now();
    };
    model.prepare_training(prepare_once);
    try {
        ok_ = bind_schedule(diagnostics) && prepare_once();
    } catch (const MeasuringRefused&) {
        ok_ = false;
    }
    *left = {};
}

/// Whether a function keeps parameters, in slots `optimizer.ENTRY.kept.PARAMETER`, for the update
/// behind it to start from.
static bool keeps_parameters(const ir::Module& module, const ir::Function& function) {
    constexpr std::string_view kSlots = "optimizer.", kKept = ".kept.";
    return std::any_of(function.updates.begin(), function.updates.end(),
                       [&](const ir::Update& update) {
                           const std::string_view name = module.states[update.state].name;
                           const size_t slot = name.find('.', kSlots.size());
                           return name.starts_with(kSlots) && slot != std::string_view::npos &&
                                  name.substr(slot).starts_with(kKept);
                       });
}

bool StepRunner::bind_schedule(Diagnostics& diagnostics) {
    size_t first = 0;  // of the values of entries that stand in for one another
    for (const ir::ScheduleEntry& entry : model_.module().schedule) {
        Executable* executable = model_.function(entry.function, diagnostics);
        if (executable == nullptr) return false;
        const ir::Function& function = executable->function();
        const bool updates = std::any_of(
            function.updates.begin(), function.updates.end(), [&](const ir::Update& update) {
                return model_.module().states[update.state].role == ir::StateRole::kParameter;
            });
        const bool extrapolates = keeps_parameters(model_.module(), function);
        add_entry({executable, entry.repeat, entry.every, updates, extrapolates, {}}, first);
        // What accumulates or extrapolates for an update has the same figures as the update.
        if (entry.every == 1 && updates && !extrapolates && !function.results.empty())
            first = figures_.size();
    }
    return bounds_.bind(model_, diagnostics);
}

void StepRunner::add_entry(Entry entry, size_t first) {
    for (const Entry& known : entries_)
        if (known.executable == entry.executable) entry.figures = known.figures;
    if (entry.figures.empty())
        for (const ir::NamedValue& result : entry.executable->function().results) {
            const auto same =
                std::find_if(figures_.begin() + static_cast<std::ptrdiff_t>(first), figures_.end(),
                             [&](const Figure& figure) { return figure.name == result.name; });
            entry.figures.push_back(static_cast<size_t>(same - figures_.begin()));
            if (same == figures_.end()) figures_.push_back({result.name, std::nullopt, false});
        }
    entries_.push_back(std::move(entry));
}

int64_t StepRunner::batches_per_round() const {
    int64_t batches = 0;
    for (const Entry& entry : entries_)
        if (entry.every == 1) batches += entry.repeat;
    return std::max<int64_t>(batches, 1);
}

void StepRunner::set_timing(TimeLog* log) {
    log_ = log;
    for (const Entry& entry : entries_) entry.executable->set_timing(log);
}

/// `training` is changed only at the end, so that after an error of the data it still says where
/// the last whole round ended.
bool StepRunner::run(Loader& loader, TrainingState& training, Diagnostics& diagnostics) {
    if (entries_.size() == 1 && delivers_ != &loader) {
        deliver_inputs(*entries_[0].executable, loader);
        delivers_ = &loader;
    }
    ProcessGroup* group = model_.group();
    if (group != nullptr && group->leads()) order_round(model_, training, loader.cursor());
    if (!first_) model_.make_huge();
    first_ = states_changed_ = false;
    int64_t call = training.call;
    clear_sums();
    bad_parameter_.clear();
    for (Figure& figure : figures_) {
        figure.is_new = false;
        if (figure.value && !std::isfinite(*figure.value)) figure.value.reset();
    }
    if (group == nullptr || group->leads())
        bounds_.look(
            {training.seed, 0, static_cast<double>(training.step), loader.passes(loader.cursor())});
    const std::vector<ir::ScheduleEntry>& schedule = model_.module().schedule;
    for (const ir::ScheduleEntry* scheduled : ir::entries_of_step(schedule, training.step)) {
        const Entry& entry = entries_[static_cast<size_t>(scheduled - schedule.data())];
        for (int64_t i = 0; i < entry.repeat; ++i) {
            const int64_t begin = steady_ns();
            const auto batch = loader.next(diagnostics);
            if (!batch.ok() && group != nullptr) end_all(*group, diagnostics);
            if (!batch.ok()) return false;
            set_inputs(*entry.executable, loader, **batch);
            if (log_ != nullptr) log_->push_back({nullptr, 0, {begin, steady_ns()}});
            states_changed_ = true;
            run_entry(entry,
                      {training.seed, static_cast<uint32_t>(call++),
                       static_cast<double>(training.step), loader.passes((*batch)->cursor)},
                      training.rate);
            take_figures(entry);
            if (entry.extrapolates) look_at_parameters(entry.executable->function());
        }
    }
    values_.clear();
    for (const Figure& figure : figures_)
        if (figure.value) values_.push_back({figure.name, *figure.value});
    ++training.step;
    training.call = call;
    training.computed_by = model_.checksum_of_steps();
    const Cursor next = loader.cursor();
    training.pass = next.epoch;
    training.example = next.first + next.batch * loader.options().batch_size;
    training.epoch = loader.passes(next);
    model_.set_progress(training.step, training.epoch);
    return true;
}

void StepRunner::look_at_parameters(const ir::Function& function) {
    const StateStore& states = model_.states();
    for (const ir::Update& update : function.updates)
        if (bad_parameter_.empty() &&
            states.state(update.state).role == ir::StateRole::kParameter &&
            !is_finite(states, update.state))
            bad_parameter_ = states.state(update.state).name;
}

/// A figure that was not finite in this round stays so: it ends training.
void StepRunner::take_figures(const Entry& entry) {
    for (size_t r = 0; r < entry.executable->result_count(); ++r) {
        Figure& figure = figures_[entry.figures[r]];
        figure.sum += static_cast<double>(entry.executable->result(r)[0]);
        ++figure.batches;
        if (!entry.updates) continue;
        if (!figure.is_new || std::isfinite(*figure.value))
            figure.value = figure.sum / static_cast<double>(figure.batches);
        figure.is_new = true;
        figure.is_mean = false;
    }
    if (entry.updates) clear_sums();
}

void StepRunner::clear_sums() {
    for (Figure& figure : figures_) {
        figure.sum = 0;
        figure.batches = 0;
    }
}

std::vector<std::string> StepRunner::try_round(Loader& loader, TrainingState training) {
    const std::vector<Figure> figures = figures_;
    const std::vector<Named> values = values_;
    const std::string bad_parameter = bad_parameter_;
    Diagnostics data_gone;
    std::vector<std::string> bad;
    if (run(loader, training, data_gone)) bad = not_finite();
    figures_ = figures;
    values_ = values;
    bad_parameter_ = bad_parameter;
    return bad;
}

/// An optimizer's step is proportional to its learning rate, so a share of the step is a step with
/// that share of the rate, whatever the optimizer.
void StepRunner::run_entry(const Entry& entry, const CallContext& call, double rate) {
    if (rate == 1) return entry.executable->run(call);
    StateStore& states = model_.states();
    before_.clear();
    const auto keep = [&](ir::StateId id) {
        if (id != ir::kNone)
            before_[id].assign(states.data(id), states.data(id) + states.elements(id));
    };
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        if (states.state(id).role == ir::StateRole::kParameter) {
            keep(id);
            keep(states.module().find_state(kAveragePrefix + states.state(id).name));
        }
    entry.executable->run(call);
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        if (states.state(id).role == ir::StateRole::kParameter) lower_step(id, rate);
    states.refresh_copies();
}

/// Keeps the share `rate` of a parameter's change, and corrects its moving average. The call has
/// moved the average by some share of the way to the new parameter, the same for all numbers. That
/// share is worked out, and the average is moved by it towards the parameter after the lowered step
/// instead.
void StepRunner::lower_step(ir::StateId parameter, double rate) {
    StateStore& states = model_.states();
    float* now = states.data(parameter);
    const std::vector<float>& before = before_.at(parameter);
    const ir::StateId id =
        states.module().find_state(kAveragePrefix + states.state(parameter).name);
    double share = 0;
    if (id != ir::kNone) {
        const std::vector<float>& old = before_.at(id);
        double product = 0, square = 0;
        for (size_t i = 0; i < old.size(); ++i) {
            const double way = double{now[i]} - old[i];
            product += way * (double{states.data(id)[i]} - old[i]);
            square += way * way;
        }
        share = square > 0 ? product / square : 0;
    }
    for (size_t i = 0; i < before.size(); ++i)
        now[i] = static_cast<float>(before[i] + rate * (double{now[i]} - before[i]));
    if (id == ir::kNone) return;
    const std::vector<float>& old = before_.at(id);
    for (size_t i = 0; i < old.size(); ++i)
        states.data(id)[i] = static_cast<float>(old[i] + share * (double{now[i]} - old[i]));
}

void StepRunner::take_up(const SignCounters& counters) {
    for (Figure& figure : figures_)
        if (const auto known = counters.figures.find(figure.name);
            known != counters.figures.end() && !known->second.last.empty()) {
            figure.value = known->second.last.back();
            figure.is_mean = true;
        }
}

/// For each figure, over the processes that have it: the sum of its values times their shares, and
/// the sum of the shares.
std::vector<float> StepRunner::figure_sums() const {
    const float share = model_.local()->share();
    std::vector<float> sums;
    for (const Figure& figure : figures_) {
        sums.push_back(figure.value ? share * static_cast<float>(*figure.value) : 0);
        sums.push_back(figure.value ? share : 0);
    }
    ProcessGroup& group = *model_.group();
    const auto count = static_cast<int64_t>(sums.size());
    group.sum({.numbers = sums.data(), .count = count, .shards = group.size(), .stride = count});
    return sums;
}

void StepRunner::add_up_figures() { (void)figure_sums(); }

/// In process 0: of the figures that have values.
std::vector<double> StepRunner::means() {
    give_order(*model_.group(), {.kind = Order::Kind::kFigures});
    const std::vector<float> sums = figure_sums();
    std::vector<double> means;
    for (size_t i = 0; i < figures_.size(); ++i)
        if (const Figure& figure = figures_[i]; figure.value)
            means.push_back(figure.is_mean ? *figure.value
                                           : double{sums[2 * i]} / double{sums[2 * i + 1]});
    return means;
}

std::vector<StepRunner::Named> StepRunner::mean_values() {
    std::vector<Named> values = values_;  // of the same figures
    if (model_.local() == nullptr) return values;
    const std::vector<double> means = this->means();
    for (size_t i = 0; i < values.size(); ++i) values[i].value = means[i];
    return values;
}

void StepRunner::keep_means(SignCounters& counters) {
    const std::vector<double> means = this->means();
    auto mean = means.begin();
    for (Figure& figure : figures_) {
        if (!figure.value) continue;
        figure.value = static_cast<float>(*mean++);
        figure.is_mean = true;
        if (auto& last = counters.figures[figure.name].last;
            !last.empty() && std::isfinite(*figure.value))
            last.back() = *figure.value;
    }
}

std::vector<std::string> StepRunner::not_finite() const {
    std::vector<std::string> names;
    for (const Figure& figure : figures_)
        if (figure.is_new && !std::isfinite(*figure.value)) names.push_back(figure.name);
    if (names.empty() && !bad_parameter_.empty()) names.push_back(bad_parameter_);
    return names;
}

bool NumberBounds::bind(LoadedModel& model, Diagnostics& diagnostics) {
    left_ = model.module().bounds;
    if (left_.empty()) return true;
    executable_ = model.function("bounds", diagnostics);
    return executable_ != nullptr;
}

void NumberBounds::look(const CallContext& context) {
    if (left_.empty()) return;
    executable_->run(context);
    std::erase_if(left_, [&](const ir::Bound& bound) {
        const double value = static_cast<double>(*executable_->result(bound.result));
        if (bound.holds(value)) return false;
        say("gmrun: warning: {} is {:.6g} in step {}, {} ({}); training goes on\n", bound.what,
            unsigned_nan(value), context.step + 1, bound.rule, bound.at);
        return true;
    });
}

}  // namespace gmc::runtime

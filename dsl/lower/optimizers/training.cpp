// Builds training steps: losses, their gradients, optimizers, averages, states.
#include "dsl/lower/optimizers/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "dsl/lower/gradients.h"
#include "dsl/lower/optimizers/optimizer.h"
#include "dsl/lower/tensors.h"
#include "dsl/values.h"

namespace gmc::lower {
namespace {

using dsl::MinimizeSpec;
using ir::kNone;
using ir::StateId;
using ir::ValueId;

/// The parameters of an entry with their gradients.
using Groups = std::vector<ParameterGroup>;

/// For each entry, whether it trains `network`.
std::vector<bool> trainers(const std::string& network, const std::vector<MinimizeSpec>& entries) {
    std::vector<bool> all;
    for (const MinimizeSpec& entry : entries)
        all.push_back(std::find(entry.networks.begin(), entry.networks.end(), network) !=
                      entry.networks.end());
    return all;
}

std::string unit_of(const dsl::ObjectiveSpec& objective, const std::string& figure) {
    for (const dsl::UnitSpec& unit : objective.units)
        if (unit.name == figure) return unit.unit;
    return "";
}

class TrainingBuilder {
  public:
    explicit TrainingBuilder(ModuleScope& m) : m_(m), objective_(m.spec.objective) {}

    void run() {
        const size_t errors = m_.diagnostics.count();
        const auto& entries = objective_.minimize;
        const bool apart =
            std::any_of(entries.begin(), entries.end(), [&](const MinimizeSpec& entry) {
                return entry.repeat != 1 || (entry.accumulate > 1 && !objective_.simultaneous);
            });
        if (apart)
            for (const MinimizeSpec& entry : entries) functions("_" + entry.name, {entry});
        else
            functions("", entries);
        if (m_.diagnostics.count() != errors) return;
        check_rate_factors();
        for (const MinimizeSpec& entry : entries)
            for (size_t n = 0; n < entry.networks.size(); ++n) warn_of_layers_left_out(entry, n);
    }

  private:
    /// What a function does with the gradients of its batch.
    enum class Use { kUpdate, kAccumulate, kExtrapolate };

    /// The functions that train `entries` together, and their part of the schedule. An update from
    /// several batches calls `accumulate` for all of them but the last.
    void functions(const std::string& suffix, const std::vector<MinimizeSpec>& entries) {
        if (entries.empty()) return;
        const std::optional<std::set<int64_t>> kinds = kinds_of_steps(entries);
        if (!kinds) return;
        const int64_t batches = entries.front().accumulate, repeat = entries.front().repeat;
        const bool alone = batches == 1 && !objective_.extragradient;
        std::vector<ir::ScheduleEntry> update, kept;
        if (!functions("step" + suffix, entries, Use::kUpdate, *kinds, alone ? repeat : 1, update))
            return;
        if (batches > 1 &&
            !functions("accumulate" + suffix, entries, Use::kAccumulate, *kinds, batches - 1, kept))
            return;
        update.insert(update.begin(), kept.begin(), kept.end());
        if (objective_.extragradient) {
            std::vector<ir::ScheduleEntry> before;
            if (!functions("extrapolate" + suffix, entries, Use::kExtrapolate, *kinds, 1, before))
                return;
            kept.insert(kept.end(), before.begin(), before.end());
            update.insert(update.begin(), kept.begin(), kept.end());
        }
        for (int64_t i = 0; i < (alone ? 1 : repeat); ++i)
            m_.module.schedule.insert(m_.module.schedule.end(), update.begin(), update.end());
    }

    /// The function `name` for each kind of step, the rarest first, which has all terms: its errors
    /// are those of all.
    bool functions(const std::string& name, const std::vector<MinimizeSpec>& entries, Use use,
                   const std::set<int64_t>& kinds, int64_t repeat,
                   std::vector<ir::ScheduleEntry>& schedule) {
        for (auto kind = kinds.rbegin(); kind != kinds.rend(); ++kind) {
            const std::string own = *kind == 1 ? name : fmt::format("{}_every_{}", name, *kind);
            if (!function(own, entries, use, *kind)) return false;
            schedule.push_back({own, repeat, *kind});
        }
        return true;
    }

    /// The gradient of a term in two of them would be multiplied by both intervals, whichever steps
    /// they have in common. False after an error.
    bool has_no_other_every(const dsl::Expression& call) {
        bool fine = true;
        m_.view.walk(*call.arguments[0], [&](const dsl::Expression& part) {
            if (!fine || part.kind != dsl::Expression::Kind::kCall || part.text != "every") return;
            fine = false;
            m_.diagnostics
                .error(DiagnosticKind::kBadExpression, part.span,
                       "`every` is a term of a loss and has no place inside of another `every`")
                .note(call.span, "the other one is here")
                .help("one `every` with the interval that is meant is enough");
        });
        return fine;
    }

    /// Kinds of steps differ in the terms of `every` that they compute: in a step whose number the
    /// kind divides, those whose intervals divide the kind. A step is of the largest such kind.
    /// Kinds are the least common multiples of intervals, and 1. Nothing after an error.
    std::optional<std::set<int64_t>> kinds_of_steps(const std::vector<MinimizeSpec>& entries) {
        constexpr size_t kMostIntervals = 3;  // each can double the number of functions
        std::set<int64_t> intervals, kinds{1};
        bool fine = true;
        const auto look = [&](const dsl::Expression& part) {
            if (part.kind != dsl::Expression::Kind::kCall || part.text != "every") return;
            fine &= has_no_other_every(part);
            const auto k = dsl::constant_value(m_.view.resolved(*part.arguments[1]));
            const double bounded = std::clamp(k.value_or(1), 1.0, 1e6);  // else an error later
            if (!intervals.insert(static_cast<int64_t>(bounded)).second ||
                intervals.size() != kMostIntervals + 1)
                return;
            fine = false;
            m_.diagnostics
                .error(DiagnosticKind::kBadExpression, part.span,
                       "the terms of a step have {} different intervals of `every`, at most {} "
                       "may be",
                       intervals.size(), kMostIntervals)
                .help("each interval needs functions of its own; take multiples for some of them");
        };
        for (const MinimizeSpec& entry : entries) {
            m_.view.walk(*entry.loss, look);
            for (const dsl::NamedExpression& metric : entry.metrics)
                m_.view.walk(*metric.value, look);
        }
        if (entries.back().name == objective_.minimize.back().name)
            for (const dsl::StateSpec& state : objective_.states) m_.view.walk(*state.update, look);
        if (!fine) return std::nullopt;
        for (const int64_t interval : intervals)
            for (const int64_t kind : std::set<int64_t>(kinds))
                kinds.insert(std::lcm(kind, interval));
        return kinds;
    }

    /// One function that trains `entries` one after another. With an alternating schedule each
    /// entry sees the networks as the entry before has left them; with a simultaneous one all see
    /// them as they were at the start of the step. False after an error.
    bool function(const std::string& name, const std::vector<MinimizeSpec>& entries, Use use,
                  int64_t kind) {
        FunctionScope f(m_, name, true);
        f.every = kind;
        Evaluator e(f);
        std::vector<Groups> prepared;
        std::optional<NewStates> states = NewStates{};
        for (const MinimizeSpec& entry : entries) {
            prepared.emplace_back();
            if (!prepare(e, entry, entries, prepared.back())) return false;
            // Before the last entry's update, so that what states and losses both need is computed
            // once.
            if (entry.name == objective_.minimize.back().name) states = new_states(e);
            if (!states) return false;
            if (objective_.simultaneous) continue;
            if (!finish(e, entry, prepared.back(), use)) return false;
            e.networks_changed(entry.networks);
        }
        for (size_t i = 0; objective_.simultaneous && i < entries.size(); ++i)
            if (!finish(e, entries[i], prepared[i], use)) return false;
        if (std::all_of(prepared.begin(), prepared.end(),
                        [](const Groups& g) { return g.empty(); }))
            return trains_nothing(entries, f.left_out.empty());
        for (const auto& [state, value] : *states)
            if (!is_computed_from(f.function, value, f.left_out)) f.set_state(state, value);
        m_.module.functions.push_back(f.finish());
        return true;
    }

    /// No network that the entries train has parameters (`for_good`), or this kind of step has no
    /// term with them. Always false, so that a caller can return it.
    bool trains_nothing(const std::vector<MinimizeSpec>& entries, bool for_good) {
        if (for_good) {
            m_.diagnostics
                .error(DiagnosticKind::kLossNotInfluenced, entries.front().loss->span,
                       "no parameter has any influence on this loss, so that nothing is trained")
                .help("a layer with weights, such as `dense`, has parameters");
            return false;
        }
        m_.diagnostics
            .error(DiagnosticKind::kLossNotInfluenced, entries.front().loss->span,
                   "`every` leaves out all of this loss in most steps, so that nothing is trained "
                   "there")
            .help("add the term to a loss that every step has");
        return false;
    }

    /// Emits the loss of an entry and its gradients, grouped for the optimizer.
    /// 1. For each network the parameters that the loss depends on; none is an error, since nothing
    ///    would be trained, unless a term is left out in this kind of step: then it rests.
    /// 2. Networks that exactly the same entries train, with the same factor of the learning rate,
    ///    share a group, and so one packed tensor (see ParameterGroup).
    /// 3. One `gradient` op for all parameters, whose results are dealt out to the groups in the
    ///    same order.
    bool prepare(Evaluator& e, const MinimizeSpec& entry, const std::vector<MinimizeSpec>& entries,
                 Groups& groups) {
        FunctionScope& f = e.scope();
        const ValueId loss = loss_and_metrics(e, entry);
        if (loss == kNone) return false;
        const bool is_partial = is_computed_from(f.function, loss, f.left_out);
        for (size_t n = 0; n < entry.networks.size(); ++n) {
            const std::string& network = entry.networks[n];
            const std::vector<StateId> own =
                influencing_parameters(f, loss, network, &out_of_reach_);
            if (own.empty() && entry.trains_the_rest && !has_parameters(network)) continue;
            if (own.empty() && !is_partial) return not_influenced(entry, n);
            if (!own.empty() && !is_partial && has_only_zero_gradients(f, loss, own))
                warn_of_zeros(entry, n);
            reached_.insert(own.begin(), own.end());
            add_to_groups(own, network, trainers(network, entries), optimizer_of(entry), groups);
        }
        if (groups.empty()) return true;
        std::vector<StateId> parameters;
        for (const ParameterGroup& group : groups)
            parameters.insert(parameters.end(), group.parameters.begin(), group.parameters.end());
        const std::vector<ValueId> gradients =
            gradients_by(f, loss, parameters, m_.locate(entry.loss->span));
        auto next = gradients.begin();
        for (ParameterGroup& group : groups) {
            const auto end = next + static_cast<std::ptrdiff_t>(group.parameters.size());
            group.gradients.assign(next, end);
            next = end;
        }
        return true;
    }

    const dsl::OptimizerSpec& optimizer_of(const MinimizeSpec& entry) const {
        return entry.optimizer ? *entry.optimizer : m_.spec.train.optimizer;
    }

    bool has_parameters(const std::string& network) const {
        return std::any_of(m_.module.states.begin(), m_.module.states.end(),
                           [&](const ir::State& state) {
                               return state.role == ir::StateRole::kParameter &&
                                      state.name.starts_with(network + ".");
                           });
    }

    /// Puts parameters of `network` into the groups that they belong to; `trainers` tells which
    /// entries train it.
    void add_to_groups(const std::vector<StateId>& own, const std::string& network,
                       const std::vector<bool>& trainers, const dsl::OptimizerSpec& optimizer,
                       Groups& groups) {
        for (const StateId parameter : own) {
            const size_t factor = factor_of(optimizer, m_.module.states[parameter].name);
            auto group = std::find_if(groups.begin(), groups.end(), [&](const ParameterGroup& g) {
                return g.trainers == trainers && g.factor == factor;
            });
            if (group == groups.end())
                group = groups.insert(groups.end(), {{}, {}, {}, factor, trainers});
            if (group->networks.empty() || group->networks.back() != network)
                group->networks.push_back(network);
            group->parameters.push_back(parameter);
        }
    }

    /// The factor of the learning rate with the longest name that a parameter's begins with.
    size_t factor_of(const dsl::OptimizerSpec& optimizer, const std::string& parameter) {
        size_t best = ParameterGroup::kNoFactor, length = 0;
        for (size_t i = 0; i < optimizer.rate_factors.size(); ++i) {
            const std::string& name = optimizer.rate_factors[i].name;
            if (!(parameter + ".").starts_with(name + ".")) continue;
            used_factors_.push_back(optimizer.rate_factors[i].span);
            if (name.size() >= length) best = i;
            length = std::max(length, name.size());
        }
        return best;
    }

    /// Reports factors of which no parameter is trained by their optimizer.
    void check_rate_factors() {
        std::set<const dsl::OptimizerSpec*> optimizers;
        for (const MinimizeSpec& entry : objective_.minimize)
            optimizers.insert(&optimizer_of(entry));
        for (const dsl::OptimizerSpec* optimizer : optimizers)
            for (const dsl::NamedExpression& factor : optimizer->rate_factors)
                if (std::find(used_factors_.begin(), used_factors_.end(), factor.span) ==
                    used_factors_.end())
                    report_unused(*optimizer, factor);
    }

    void report_unused(const dsl::OptimizerSpec& optimizer, const dsl::NamedExpression& factor) {
        std::set<std::string> known;
        for (const MinimizeSpec& entry : objective_.minimize) {
            if (&optimizer_of(entry) != &optimizer) continue;
            for (const std::string& network : entry.networks) {
                known.insert(network);
                for (const ir::State& state : m_.module.states)
                    if (state.role == ir::StateRole::kParameter &&
                        state.name.starts_with(network + "."))
                        known.insert(state.name.substr(0, state.name.rfind('.')));
            }
        }
        dsl::report_unknown(
            DiagnosticKind::kUnknownName, factor.span,
            fmt::format("this optimizer trains no network or layer `{}`", factor.name), factor.name,
            {known.begin(), known.end()}, m_.diagnostics);
    }

    Span place_of(const MinimizeSpec& entry, size_t network) const {
        return network < entry.network_spans.size() ? entry.network_spans[network] : entry.span;
    }

    /// A loss is built for each kind of step, and warned of once.
    void warn_of_zeros(const MinimizeSpec& entry, size_t network) {
        if (!warned_.insert({entry.name, network}).second) return;
        m_.diagnostics
            .warning(DiagnosticKind::kLossNotInfluenced, place_of(entry, network),
                     "all gradients of `{}` are 0 in this loss, so it learns nothing from it",
                     entry.networks[network])
            .note(entry.loss->span, "the loss is here")
            .help("what it gives is multiplied by 0, raised to the power 0, or taken from itself");
    }

    /// Layers of a trained network that no loss gives a gradient, as behind a `stop_gradient`
    /// within it.
    void warn_of_layers_left_out(const MinimizeSpec& entry, size_t network) {
        const std::string& name = entry.networks[network];
        std::vector<std::string> layers;
        for (size_t s = 0; s < m_.module.states.size(); ++s) {
            const ir::State& state = m_.module.states[s];
            if (state.role != ir::StateRole::kParameter || !state.name.starts_with(name + ".") ||
                out_of_reach_.count(static_cast<StateId>(s)) == 0 ||
                reached_.count(static_cast<StateId>(s)) != 0)
                continue;
            const std::string layer = state.name.substr(0, state.name.rfind('.'));
            if (layers.empty() || layers.back() != layer) layers.push_back(layer);
        }
        if (layers.empty() || !warned_.insert({name, std::string::npos}).second) return;
        m_.diagnostics
            .warning(DiagnosticKind::kNotTrained, place_of(entry, network),
                     "no loss gives a gradient to {}, which {} as {}", dsl::quoted_list(layers),
                     layers.size() == 1 ? "stays" : "stay",
                     layers.size() == 1 ? "it begins" : "they begin")
            .help(
                "is there a `stop_gradient` or a rounding behind it? `frozen_layers` says that "
                "it is meant");
    }

    /// Always false, so that a caller can return it.
    bool not_influenced(const MinimizeSpec& entry, size_t network) {
        Diagnostic& error = m_.diagnostics
                                .error(DiagnosticKind::kLossNotInfluenced, place_of(entry, network),
                                       "no parameter of `{}` has any influence on this loss",
                                       entry.networks[network])
                                .note(entry.loss->span, "the loss is here");
        if (!has_parameters(entry.networks[network])) {
            const std::vector<std::string> used = networks_used_by(entry.networks[network]);
            error.help(
                "it has no weights of its own, so it is not listed" +
                (used.empty() ? "" : fmt::format("; what it uses is: {}", dsl::quoted_list(used))));
        } else if (const std::string barrier = barrier_before(entry, entry.networks[network]);
                   !barrier.empty()) {
            error.help(
                fmt::format("`{}` around it has no gradient, so what is inside learns "
                            "nothing from this loss",
                            barrier));
        } else if (entry.trains_the_rest) {
            error.help(
                "the entry does not say `networks`, so that it trains all that no other does; say "
                "which, or `weights: {frozen: true}` in those that it leaves");
        } else if (m_.view.networks_in(*entry.loss).count(entry.networks[network])) {
            error.help("it is applied there; is all of it in `frozen_layers`, or multiplied by 0?");
        } else {
            error.help("a network that is listed must be applied in the loss");
        }
        return false;
    }

    /// The networks and parameters in the layers of a network.
    std::vector<std::string> networks_used_by(const std::string& name) const {
        std::set<std::string> used;
        dsl::for_each_layer(*m_.view.network(name), [&](const dsl::LayerSpec& layer) {
            for (const auto& [key, value] : layer.expressions)
                m_.view.walk(*value, [&](const dsl::Expression& e) {
                    if (m_.view.network(e.text)) used.insert(e.text);
                });
        });
        return {used.begin(), used.end()};
    }

    /// The function or comparison in the entry's loss that keeps gradients from a network; "" where
    /// there is none.
    std::string barrier_before(const MinimizeSpec& entry, const std::string& network) const {
        static const std::set<std::string> kWithout = {
            "argmax",   "rank",    "round", "floor", "bernoulli", "categorical", "stop_gradient",
            "averaged", "one_hot", "<",     ">",     "<=",        ">=",          "==",
            "!="};
        std::string found;
        m_.view.walk(*entry.loss, [&](const dsl::Expression& e) {
            if (found.empty() && kWithout.count(e.text) && !e.arguments.empty() &&
                m_.view.networks_in(e).count(network))
                found = e.text;
        });
        return found;
    }

    /// Keeps the gradients of an entry for a later update; or emits its optimizer, then its moving
    /// averages, which follow the new weights.
    bool finish(Evaluator& e, const MinimizeSpec& entry, const Groups& groups, Use use) {
        if (groups.empty()) return true;
        const dsl::OptimizerSpec& optimizer = optimizer_of(entry);
        if (use == Use::kAccumulate) {
            accumulate_gradients(e, optimizer, entry.name, groups);
            return true;
        }
        using Start = UpdateInput::Start;
        const Start start = use == Use::kExtrapolate   ? Start::kHereAndKeep
                            : objective_.extragradient ? Start::kKept
                                                       : Start::kHere;
        if (!apply_optimizer(e, optimizer, entry.name, groups, {entry.accumulate, start}))
            return false;
        if (!entry.average || use == Use::kExtrapolate) return true;
        return move_averages(e, entry, groups);
    }

    /// The decay of this step. A number d is min(d, (1 + n) / (10 + n)) after n steps, as in
    /// TensorFlow's ExponentialMovingAverage with num_updates: at first averages follow closely,
    /// and a short run does not average the weights that it began with. Schedules stay as they are.
    ValueId decay_now(FunctionScope& f, const Evaluated& decay) {
        if (!decay.number) return decay.value;
        const ValueId n = f.b.emit(ir::Step{}, {});
        return f.b.emit(ir::Minimum{}, {decay.value, f.b.div(f.b.offset(n, 1), f.b.offset(n, 10))});
    }

    /// Moves the averages of all parameters of the entry's networks, and of their statistics where
    /// these have some: a <- a + (1 - decay) (p - a).
    bool move_averages(Evaluator& e, const MinimizeSpec& entry, const Groups& groups) {
        FunctionScope& f = e.scope();
        f.b.set_location(m_.locate(entry.average->span));
        const dsl::KeyRow* row = dsl::find_key(dsl::mapping("minimize entry").keys, "average");
        const Evaluated decay = e.bounded_scalar(*entry.average, "`average`", row->range);
        if (decay.failed) return false;
        const ValueId share = f.b.sub(f.b.constant(1), decay_now(f, decay));
        for (const std::vector<StateId>& together : moved_together(groups)) {
            std::vector<StateId> averages;
            for (const StateId id : together) averages.push_back(m_.averages.at(id));
            const ValueId old = f.packed(averages), p = f.packed(together);
            const ValueId way = f.b.mul(f.b.splat(share, f.b.shape(p)), f.b.sub(p, old));
            f.set_packed(averages, f.b.add(old, way));
        }
        return true;
    }

    /// The states with averages of the groups' networks. Those that an update has packed into one
    /// tensor are together, so that it is read as it is; a parameter that no loss depends on goes
    /// with the first group of its network.
    std::vector<std::vector<StateId>> moved_together(const Groups& groups) const {
        std::vector<std::vector<StateId>> out(groups.size());
        std::vector<StateId> statistics;
        for (size_t g = 0; g < groups.size(); ++g)
            for (const std::string& network : groups[g].networks)
                for (const auto& [id, average] : m_.averages) {
                    const ir::State& state = m_.module.states[id];
                    if (!state.name.starts_with(network + ".")) continue;
                    const auto has = [&, id = id](const ParameterGroup& group) {
                        const auto& all = group.parameters;
                        return std::find(all.begin(), all.end(), id) != all.end();
                    };
                    const auto is_of = [&](const ParameterGroup& group) {
                        const auto& all = group.networks;
                        return std::find(all.begin(), all.end(), network) != all.end();
                    };
                    auto owner = std::find_if(groups.begin(), groups.end(), has);
                    if (owner == groups.end())
                        owner = std::find_if(groups.begin(), groups.end(), is_of);
                    if (owner != groups.begin() + static_cast<std::ptrdiff_t>(g)) continue;
                    const bool moves = state.role == ir::StateRole::kStatistic;
                    (moves ? statistics : out[g]).push_back(id);
                }
        out.push_back(std::move(statistics));
        std::erase_if(out, [](const auto& together) { return together.empty(); });
        return out;
    }

    ModuleScope& m_;
    const dsl::ObjectiveSpec& objective_;
    /// Places of factors; entries that are repeated have copies of their optimizer.
    std::vector<Span> used_factors_;
    std::set<StateId> reached_;       ///< parameters that a loss gives a gradient
    std::set<StateId> out_of_reach_;  ///< those that a loss is computed from and gives none
    std::set<std::pair<std::string, size_t>> warned_;
};

}  // namespace

void build_training(ModuleScope& m) { TrainingBuilder(m).run(); }

/// An error is reported here only, not again when `evaluate` is built.
ValueId loss_and_metrics(Evaluator& e, const MinimizeSpec& entry) {
    ir::Function& function = e.scope().function;
    const dsl::ObjectiveSpec& objective = e.scope().m.spec.objective;
    const ValueId loss = e.scalar(*entry.loss, "a loss");
    if (loss == kNone) return kNone;
    const std::string loss_name = objective.loss_name(entry);
    function.results.push_back({loss_name, loss, unit_of(objective, loss_name)});
    for (const dsl::NamedExpression& metric : entry.metrics) {
        const ValueId value = e.scalar(*metric.value, fmt::format("metric `{}`", metric.name));
        if (value == kNone) return kNone;
        if (is_computed_from(function, value, e.scope().left_out)) continue;
        const bool taken =
            std::any_of(function.results.begin(), function.results.end(),
                        [&](const ir::NamedValue& r) { return r.name == metric.name; });
        function.results.push_back({taken ? entry.name + "_" + metric.name : metric.name, value,
                                    unit_of(objective, metric.name)});
    }
    return loss;
}

}  // namespace gmc::lower

// What all optimizers share: hyperparameters, slots, clipping, decay of weights.
#include "dsl/lower/optimizers/optimizer.h"

#include <fmt/format.h>

#include <limits>

#include "compiler/support/check.h"
#include "dsl/lower/optimizers/optimizer_rules.h"
#include "dsl/schema/schema.h"

namespace gmc::lower {
namespace {

using ir::kNone;
using ir::StateId;
using ir::ValueId;

/// A smaller norm counts as zero, so that a clip_norm that is scheduled down to 0 never divides by
/// 0.
constexpr double kSmallestNorm = 1e-30;

/// min(max(x, -limit), limit).
ValueId hold_within(OptimizerScope& o, ValueId x, ValueId limit) {
    ir::Builder& b = o.b();
    const ValueId high = o.spread(limit, x), low = o.spread(b.neg(limit), x);
    return b.emit(ir::Minimum{}, {b.emit(ir::Maximum{}, {x, low}), high});
}

/// The squared norm of one gradient.
ValueId square_sum(ir::Builder& b, ValueId x) {
    return b.reduce_sum(b.mul(x, x), ir::all_axes(b.type(x).rank()));
}

/// limit / max(norm, limit). It is 1 for gradients that are small enough, and so for zeros too.
ValueId shrink_factor(ir::Builder& b, ValueId squares, ValueId limit) {
    const ValueId norm = b.emit(ir::Sqrt{}, {squares});
    const ValueId divisor = b.emit(ir::Maximum{}, {norm, limit});
    return b.div(limit, b.emit(ir::Maximum{}, {divisor, b.constant(kSmallestNorm)}));
}

/// The slots in which gradients are added up.
std::vector<StateId> sums_of(OptimizerScope& o, const ParameterGroup& group) {
    return o.slots(group.parameters, "sum");
}

/// The mean of the gradients that were kept and those given, packed. Nothing is kept any more.
ValueId mean_with_kept(OptimizerScope& o, const ParameterGroup& group, int64_t batches) {
    ir::Builder& b = o.b();
    const std::vector<StateId> sums = sums_of(o, group);
    const ValueId sum = b.add(o.f().packed(sums), b.emit(ir::Pack{}, group.gradients));
    o.f().set_packed(sums, b.constant(0, b.shape(sum)));
    return b.scale(sum, 1 / static_cast<double>(batches));
}

/// The parts of a packed tensor that have the shapes of `like`.
std::vector<ValueId> unpacked(ir::Builder& b, ValueId packed, std::vector<ValueId> like) {
    int64_t position = 0;
    for (ValueId& part : like) {
        const int64_t size = ir::packed_size(b.type(part).elements());
        part = b.packed_part(packed, position, b.shape(part));
        position += size;
    }
    return like;
}

/// Clips the gradients of all groups, then packs those of each group. Clipping comes first, because
/// norms are of single gradients, or of all gradients of the entry.
std::vector<ValueId> clipped(OptimizerScope& o, const std::vector<ParameterGroup>& groups,
                             int64_t batches) {
    ir::Builder& b = o.b();
    const bool has_norms = o.has("clip_norm") || o.has("global_clip_norm");
    const auto shrunk = [&](ValueId g, ValueId factor) { return b.mul(g, o.spread(factor, g)); };
    std::vector<ValueId> packed;
    ValueId squares = kNone;
    for (const ParameterGroup& group : groups) {
        std::vector<ValueId> gradients = group.gradients;
        const ValueId mean = batches > 1 ? mean_with_kept(o, group, batches) : kNone;
        if (mean != kNone && has_norms) gradients = unpacked(b, mean, std::move(gradients));
        for (ValueId& g : gradients) {
            if (o.has("clip_value") && has_norms) g = hold_within(o, g, o.hyper("clip_value"));
            if (o.has("clip_norm"))
                g = shrunk(g, shrink_factor(b, square_sum(b, g), o.hyper("clip_norm")));
            if (!o.has("global_clip_norm")) continue;
            const ValueId own = square_sum(b, g);
            squares = squares == kNone ? own : b.add(squares, own);
        }
        packed.push_back(mean != kNone && !has_norms ? mean : b.emit(ir::Pack{}, gradients));
        if (o.has("clip_value") && !has_norms)
            packed.back() = hold_within(o, packed.back(), o.hyper("clip_value"));
    }
    if (squares == kNone) return packed;
    const ValueId factor = shrink_factor(b, squares, o.hyper("global_clip_norm"));
    for (ValueId& g : packed) g = shrunk(g, factor);
    return packed;
}

/// p <- p - learning_rate weight_decay p, before the rule and apart from the gradient, so that adam
/// does not scale it by the gradient's history.
void decay_weights(OptimizerScope& o, Trained& p) {
    if (o.is_zero("weight_decay")) return;
    ir::Builder& b = o.b();
    const ValueId share = b.mul(p.learning_rate, o.hyper("weight_decay"));
    p.value = b.sub(p.value, b.mul(o.spread(share, p.value), p.value));
}

/// Zhang et al. 2019: the slow weights s are the value that the first of every k updates starts
/// from. The last of them ends in s + share (p - s). `old` are the values before this update. Where
/// k is lowered when a run goes on, more updates than that may have been counted: the next one is
/// the last.
void look_ahead(OptimizerScope& o, const dsl::LookaheadSpec& spec, ValueId share,
                const std::vector<ValueId>& old, std::vector<Trained>& groups) {
    ir::Builder& b = o.b();
    const StateId count = o.count("since_look");
    const ValueId done = b.offset(o.f().state(count), 1);
    const ValueId is_first = b.emit(ir::Equal{}, {done, b.constant(1)});
    const ValueId is_last =
        b.emit(ir::Greater{}, {done, b.constant(static_cast<double>(spec.every - 1))});
    o.f().set_state(count, b.emit(ir::Select{}, {is_last, b.constant(0), done}));
    for (size_t i = 0; i < groups.size(); ++i) {
        Trained& p = groups[i];
        const std::vector<StateId> states = o.slots(p.parameters, "slow");
        const ValueId slow =
            b.emit(ir::Select{}, {o.spread(is_first, p.value), old[i], o.f().packed(states)});
        o.f().set_packed(states, slow);
        const ValueId way = b.mul(o.spread(share, p.value), b.sub(p.value, slow));
        p.value = b.emit(ir::Select{}, {o.spread(is_last, p.value), b.add(slow, way), p.value});
    }
}

/// The packed values that the update of a group starts from.
ValueId start_of(OptimizerScope& o, const ParameterGroup& group, UpdateInput::Start start) {
    using Start = UpdateInput::Start;
    if (start == Start::kHere) return o.f().packed(group.parameters);
    const std::vector<StateId> kept = o.slots(group.parameters, "kept");
    if (start == Start::kHereAndKeep) o.f().set_packed(kept, o.f().packed(group.parameters));
    return o.f().packed(kept);
}

}  // namespace

bool OptimizerScope::evaluate(const dsl::OptimizerSpec& spec) {
    for (const dsl::NamedExpression& p : spec.parameters) {
        const dsl::KeyRow* row = dsl::find_key(dsl::mapping(spec.kind).keys, p.name);
        const Evaluated value = e_.bounded_scalar(*p.value, "`" + p.name + "`", row->range);
        if (value.failed) return false;
        if (value.number) constants_[p.name] = *value.number;
        // A constant that is negative has a warning, and is what its author wants.
        constexpr double kInfinity = std::numeric_limits<double>::infinity();
        if (!value.number && p.name == "learning_rate")
            f().m.watch(*p.value, "`learning_rate`", {0, kInfinity});
        values_[p.name] = value.value;
    }
    return true;
}

ValueId OptimizerScope::learning_rate(const dsl::OptimizerSpec& spec, size_t i) {
    if (i == ParameterGroup::kNoFactor) return hyper("learning_rate");
    const dsl::NamedExpression& factor = spec.rate_factors[i];
    const Evaluated value =
        e_.bounded_scalar(*factor.value, fmt::format("the factor of `{}`", factor.name),
                          dsl::find_key(dsl::mapping(spec.kind).keys, "weight_decay")->range);
    return value.failed ? kNone : b().mul(hyper("learning_rate"), value.value);
}

StateId OptimizerScope::count(const std::string& name) {
    return f().m.declare(
        {prefix_ + "." + name, ir::f32({}), ir::StateRole::kSlot, {}, b().location()});
}

std::vector<StateId> OptimizerScope::slots(const std::vector<StateId>& parameters,
                                           const std::string& name) {
    std::vector<StateId> out;
    for (const StateId parameter : parameters) {
        const ir::State& of = f().m.module.states[parameter];
        out.push_back(f().m.declare({fmt::format("{}.{}.{}", prefix_, name, of.name),
                                     of.type,
                                     ir::StateRole::kSlot,
                                     {},
                                     b().location()}));
    }
    return out;
}

ValueId OptimizerScope::running(const Trained& group, const std::string& name, ValueId keep,
                                ValueId x) {
    const std::vector<StateId> states = slots(group.parameters, name);
    const ValueId old = f().packed(states);
    const ValueId moved = b().add(old, b().mul(spread(keep, x), b().sub(x, old)));
    f().set_packed(states, moved);
    return moved;
}

/// 1. Hyperparameters become scalars of the graph.
/// 2. Gradients that were kept are added. All are clipped and packed, one tensor per group;
///    parameters are packed likewise.
/// 3. Decay, the rule of the optimizer, and the bounds of weights work on whole groups: a handful
///    of ops on long tensors, instead of a handful per parameter.
/// 4. The new values are unpacked into the states.
bool apply_optimizer(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                     const std::vector<ParameterGroup>& groups, const UpdateInput& input) {
    FunctionScope& f = e.scope();
    f.b.set_location(f.m.locate(spec.span));
    OptimizerScope o(e, entry);
    if (!o.evaluate(spec)) return false;
    const auto rule = optimizer_rules().find(spec.kind);
    GMC_CHECK(rule != optimizer_rules().end(), "optimizer `{}` has no builder", spec.kind);
    const std::vector<ValueId> gradients = clipped(o, groups, input.batches);
    std::vector<Trained> trained;
    std::vector<ValueId> old;
    for (size_t i = 0; i < groups.size(); ++i) {
        const ValueId rate = o.learning_rate(spec, groups[i].factor);
        if (rate == kNone) return false;
        old.push_back(start_of(o, groups[i], input.start));
        trained.push_back({groups[i].parameters, old.back(), gradients[i], rate});
        decay_weights(o, trained.back());
    }
    rule->second(o, trained);
    for (Trained& p : trained)
        if (o.has("clip_weights")) p.value = hold_within(o, p.value, o.hyper("clip_weights"));
    if (spec.lookahead && input.start != UpdateInput::Start::kHereAndKeep) {
        const dsl::KeyRow* row = dsl::find_key(dsl::mapping("lookahead").keys, "share");
        const Evaluated share = e.bounded_scalar(*spec.lookahead->share, "`share`", row->range);
        if (share.failed) return false;
        look_ahead(o, *spec.lookahead, share.value, old, trained);
    }
    for (size_t i = 0; i < groups.size(); ++i) {
        // Later gradients of the same function must not flow through an update, so the new values
        // are constants to them.
        f.set_packed(groups[i].parameters, f.b.emit(ir::StopGradient{}, {trained[i].value}));
    }
    return true;
}

void accumulate_gradients(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                          const std::vector<ParameterGroup>& groups) {
    FunctionScope& f = e.scope();
    f.b.set_location(f.m.locate(spec.span));
    OptimizerScope o(e, entry);
    for (const ParameterGroup& group : groups) {
        const std::vector<StateId> sums = sums_of(o, group);
        const ValueId gradient = f.b.emit(ir::Pack{}, group.gradients);
        f.set_packed(sums, f.b.add(f.packed(sums), gradient));
    }
}

}  // namespace gmc::lower

// What all optimizers share: hyperparameters, slots, clipping, decay of weights.
#include "dsl/lower/optimizer.h"

#include "compiler/support/check.h"
#include "dsl/lower/optimizer_rules.h"
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

/// Clips the gradients of all groups, then packs those of each group. Clipping comes first, because
/// norms are of single gradients, or of all gradients of the entry.
std::vector<ValueId> clipped(OptimizerScope& o, const std::vector<ParameterGroup>& groups) {
    ir::Builder& b = o.b();
    const bool has_norms = o.has("clip_norm") || o.has("global_clip_norm");
    const auto shrunk = [&](ValueId g, ValueId factor) { return b.mul(g, o.spread(factor, g)); };
    std::vector<ValueId> packed;
    ValueId squares = kNone;
    for (const ParameterGroup& group : groups) {
        std::vector<ValueId> gradients = group.gradients;
        for (ValueId& g : gradients) {
            if (o.has("clip_value") && has_norms) g = hold_within(o, g, o.hyper("clip_value"));
            if (o.has("clip_norm"))
                g = shrunk(g, shrink_factor(b, square_sum(b, g), o.hyper("clip_norm")));
            if (!o.has("global_clip_norm")) continue;
            const ValueId own = square_sum(b, g);
            squares = squares == kNone ? own : b.add(squares, own);
        }
        packed.push_back(b.emit(ir::Pack{}, gradients));
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
    const ValueId share = b.mul(o.hyper("learning_rate"), o.hyper("weight_decay"));
    p.value = b.sub(p.value, b.mul(o.spread(share, p.value), p.value));
}

}  // namespace

bool OptimizerScope::evaluate(const dsl::OptimizerSpec& spec) {
    for (const dsl::NamedExpression& p : spec.parameters) {
        const dsl::KeyRow* row = dsl::find_key(dsl::mapping(spec.kind).keys, p.name);
        const Evaluated value = e_.bounded_scalar(*p.value, "`" + p.name + "`", row->range);
        if (value.failed) return false;
        if (value.number) constants_[p.name] = *value.number;
        values_[p.name] = value.value;
    }
    return true;
}

StateId OptimizerScope::slot(const std::string& name, const ir::Type& type) {
    return f().m.declare({prefix_ + "." + name, type, ir::StateRole::kSlot, {}, b().location()});
}

ValueId OptimizerScope::running(const Trained& group, const std::string& name, ValueId keep,
                                ValueId x) {
    const StateId state = slot(group.prefix + name, b().type(x));
    const ValueId old = f().state(state);
    const ValueId moved = b().add(old, b().mul(spread(keep, x), b().sub(x, old)));
    f().set_state(state, moved);
    return moved;
}

/// 1. Hyperparameters become scalars of the graph.
/// 2. Gradients are clipped and packed, one tensor per group; parameters are packed likewise.
/// 3. Decay, the rule of the optimizer, and the bounds of weights work on whole groups: a handful
///    of ops on long tensors, instead of a handful per parameter.
/// 4. The new values are unpacked into the states.
bool apply_optimizer(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                     const std::vector<ParameterGroup>& groups) {
    FunctionScope& f = e.scope();
    f.b.set_location(f.m.locate(spec.span));
    OptimizerScope o(e, entry);
    if (!o.evaluate(spec)) return false;
    const auto rule = optimizer_rules().find(spec.kind);
    GMC_CHECK(rule != optimizer_rules().end(), "optimizer `{}` has no builder", spec.kind);
    const std::vector<ValueId> gradients = clipped(o, groups);
    std::vector<Trained> trained;
    for (size_t i = 0; i < groups.size(); ++i) {
        const std::string prefix = groups.size() > 1 ? groups[i].networks.front() + "." : "";
        trained.push_back({prefix, f.packed(groups[i].parameters), gradients[i]});
        decay_weights(o, trained.back());
    }
    rule->second(o, trained);
    for (size_t i = 0; i < groups.size(); ++i) {
        if (o.has("clip_weights"))
            trained[i].value = hold_within(o, trained[i].value, o.hyper("clip_weights"));
        // Later gradients of the same function must not flow through an update, so the new values
        // are constants to them.
        f.set_packed(groups[i].parameters, f.b.emit(ir::StopGradient{}, {trained[i].value}));
    }
    return true;
}

}  // namespace gmc::lower

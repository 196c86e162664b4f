// What all optimizers share: hyperparameters, slots, clipping, decay.
#include "compiler/build/optimizer.h"

#include "compiler/build/optimizer_rules.h"
#include "compiler/support/check.h"
#include "dsl/schema/schema.h"

namespace gmc::build {
namespace {

using ir::kNone;
using ir::StateId;
using ir::ValueId;

/// Below it a norm is taken for zero, so that a clip_norm scheduled down to 0 divides by nothing.
constexpr double kSmallestNorm = 1e-30;

/// x within [-limit, limit].
ValueId hold_within(OptimizerScope& o, ValueId x, ValueId limit) {
    ir::Builder& b = o.b();
    const ValueId high = o.spread(limit, x), low = o.spread(b.neg(limit), x);
    return b.emit(ir::Minimum{}, {b.emit(ir::Maximum{}, {x, low}), high});
}

ValueId square_sum(ir::Builder& b, ValueId x) {
    return b.reduce_sum(b.mul(x, x), ir::all_axes(b.type(x).rank()));
}

/// limit / max(norm, limit): 1 for gradients that are small enough, and so for zeros.
ValueId shrink_factor(ir::Builder& b, ValueId squares, ValueId limit) {
    const ValueId norm = b.emit(ir::Sqrt{}, {squares});
    const ValueId divisor = b.emit(ir::Maximum{}, {norm, limit});
    return b.div(limit, b.emit(ir::Maximum{}, {divisor, b.constant(kSmallestNorm)}));
}

void clip_gradients(OptimizerScope& o, std::vector<Trained>& parameters) {
    ir::Builder& b = o.b();
    if (o.has("clip_value"))
        for (Trained& p : parameters)
            p.gradient = hold_within(o, p.gradient, o.hyper("clip_value"));
    const auto shrink = [&](Trained& p, ValueId factor) {
        p.gradient = b.mul(p.gradient, o.spread(factor, p.gradient));
    };
    if (o.has("clip_norm"))
        for (Trained& p : parameters)
            shrink(p, shrink_factor(b, square_sum(b, p.gradient), o.hyper("clip_norm")));
    if (!o.has("global_clip_norm")) return;
    ValueId squares = kNone;
    for (const Trained& p : parameters) {
        const ValueId own = square_sum(b, p.gradient);
        squares = squares == kNone ? own : b.add(squares, own);
    }
    const ValueId factor = shrink_factor(b, squares, o.hyper("global_clip_norm"));
    for (Trained& p : parameters) shrink(p, factor);
}

void decay_weights(OptimizerScope& o, std::vector<Trained>& parameters) {
    if (o.is_zero("weight_decay")) return;
    ir::Builder& b = o.b();
    const ValueId share = b.mul(o.hyper("learning_rate"), o.hyper("weight_decay"));
    for (Trained& p : parameters)
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

ValueId OptimizerScope::running(const Trained& parameter, const std::string& name, ValueId keep,
                                ValueId x) {
    const StateId state = slot(parameter.name + "." + name, b().type(x));
    const ValueId old = f().state(state);
    const ValueId moved = b().add(old, b().mul(spread(keep, x), b().sub(x, old)));
    f().set_state(state, moved);
    return moved;
}

bool apply_optimizer(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                     const std::vector<StateId>& parameters,
                     const std::vector<ValueId>& gradients) {
    FunctionScope& f = e.scope();
    f.b.set_location(f.m.locate(spec.span));
    OptimizerScope o(e, entry);
    if (!o.evaluate(spec)) return false;
    std::vector<Trained> trained;
    for (size_t i = 0; i < parameters.size(); ++i)
        trained.push_back(
            {f.m.module.states[parameters[i]].name, f.state(parameters[i]), gradients[i]});
    const auto rule = optimizer_rules().find(spec.kind);
    GMC_CHECK(rule != optimizer_rules().end(), "optimizer `{}` has no builder", spec.kind);
    clip_gradients(o, trained);
    decay_weights(o, trained);
    rule->second(o, trained);
    for (size_t i = 0; i < parameters.size(); ++i) {
        if (o.has("clip_weights"))
            trained[i].value = hold_within(o, trained[i].value, o.hyper("clip_weights"));
        f.set_state(parameters[i], trained[i].value);
    }
    return true;
}

}  // namespace gmc::build

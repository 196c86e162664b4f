// Adam and SGD. All hyperparameters may be schedules, so they are scalars of the graph; constants
// fold away.
#include "compiler/build/optimizer.h"

#include <cmath>

#include "compiler/support/check.h"

namespace gmc::build {
namespace {

using ir::kNone;
using ir::StateId;
using ir::ValueId;

class Update {
  public:
    Update(Evaluator& e, const dsl::OptimizerSpec& spec, std::string entry)
        : e_(e), spec_(spec), prefix_("optimizer." + std::move(entry)) {}

    bool run(const std::vector<StateId>& parameters, const std::vector<ValueId>& gradients) {
        e_.b().set_location(e_.scope().m.locate(spec_.span));
        for (const dsl::NamedExpression& p : spec_.parameters) {
            const ValueId value = e_.scalar(*p.value, "`" + p.name + "`");
            if (value == kNone) return false;
            hyper_[p.name] = value;
        }
        if (spec_.kind == "adam")
            adam(parameters, gradients);
        else if (spec_.kind == "sgd")
            sgd(parameters, gradients);
        else
            GMC_CHECK(false, "optimizer `{}` has no builder", spec_.kind);
        return true;
    }

  private:
    ir::Builder& b() { return e_.b(); }

    StateId slot(const std::string& name, const ir::Type& type) {
        return e_.scope().m.declare(
            {prefix_ + "." + name, type, ir::StateRole::kSlot, {}, b().location()});
    }
    std::string parameter_name(StateId id) { return e_.scope().m.module.states[id].name; }
    ValueId spread(ValueId scalar, ValueId like) { return b().splat(scalar, b().shape(like)); }

    /// 1 - beta^t = 1 - e^-y with y = -t log(beta), as 2 T / (1 + T) with T = tanh(y / 2): exact in
    /// f32 for small y.
    ValueId one_minus_power(ValueId beta, ValueId t) {
        const ValueId half = b().scale(b().mul(t, b().emit(ir::Log{}, {beta})), -0.5);
        const ValueId tanh = b().emit(ir::Tanh{}, {half});
        return b().div(b().scale(tanh, 2), b().offset(tanh, 1));
    }

    /// m += (1 - b1)(g - m); v += (1 - b2)(g^2 - v); p -= lr sqrt(1 - b2^t)/(1 - b1^t) m / (sqrt(v)
    /// + epsilon).
    void adam(const std::vector<StateId>& parameters, const std::vector<ValueId>& gradients) {
        FunctionScope& f = e_.scope();
        const StateId count = slot("updates", ir::f32({}));
        const ValueId t = b().offset(f.state(count), 1);
        f.set_state(count, t);
        const ValueId one = b().constant(1), beta_1 = hyper_.at("beta_1"),
                      beta_2 = hyper_.at("beta_2");
        const ValueId keep_1 = b().sub(one, beta_1), keep_2 = b().sub(one, beta_2);
        const ValueId correction =
            b().div(b().emit(ir::Sqrt{}, {one_minus_power(beta_2, t)}), one_minus_power(beta_1, t));
        const ValueId rate = b().mul(hyper_.at("learning_rate"), correction);
        for (size_t i = 0; i < parameters.size(); ++i) {
            const ValueId p = f.state(parameters[i]), g = gradients[i];
            const StateId m_state = slot(parameter_name(parameters[i]) + ".m", b().type(p));
            const StateId v_state = slot(parameter_name(parameters[i]) + ".v", b().type(p));
            const ValueId m = f.state(m_state), v = f.state(v_state);
            const ValueId m_new = b().add(m, b().mul(spread(keep_1, p), b().sub(g, m)));
            const ValueId v_new = b().add(v, b().mul(spread(keep_2, p), b().sub(b().mul(g, g), v)));
            const ValueId divisor =
                b().add(b().emit(ir::Sqrt{}, {v_new}), spread(hyper_.at("epsilon"), p));
            const ValueId step = b().div(b().mul(spread(rate, p), m_new), divisor);
            f.set_state(m_state, m_new);
            f.set_state(v_state, v_new);
            f.set_state(parameters[i], b().sub(p, step));
        }
    }

    /// v <- momentum v - lr g; p += v, or p += momentum v - lr g with Nesterov's look-ahead.
    void sgd(const std::vector<StateId>& parameters, const std::vector<ValueId>& gradients) {
        FunctionScope& f = e_.scope();
        const double momentum = number("momentum"), nesterov = number("nesterov");
        for (size_t i = 0; i < parameters.size(); ++i) {
            const ValueId p = f.state(parameters[i]);
            const ValueId descent = b().mul(spread(hyper_.at("learning_rate"), p), gradients[i]);
            if (momentum == 0) {
                f.set_state(parameters[i], b().sub(p, descent));
                continue;
            }
            const StateId state = slot(parameter_name(parameters[i]) + ".velocity", b().type(p));
            const ValueId velocity =
                b().sub(b().mul(spread(hyper_.at("momentum"), p), f.state(state)), descent);
            f.set_state(state, velocity);
            const ValueId step =
                nesterov == 0
                    ? velocity
                    : b().sub(b().mul(spread(hyper_.at("momentum"), p), velocity), descent);
            f.set_state(parameters[i], b().add(p, step));
        }
    }

    /// A hyperparameter as written; NaN when it is a schedule, so that it counts as not zero.
    double number(const std::string& name) {
        for (const dsl::NamedExpression& p : spec_.parameters)
            if (p.name == name)
                return p.value->kind == dsl::Expression::Kind::kNumber ? p.value->number : NAN;
        return 0;
    }

    Evaluator& e_;
    const dsl::OptimizerSpec& spec_;
    std::string prefix_;
    std::map<std::string, ValueId> hyper_;
};

}  // namespace

bool apply_optimizer(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                     const std::vector<StateId>& parameters,
                     const std::vector<ValueId>& gradients) {
    return Update(e, spec, entry).run(parameters, gradients);
}

}  // namespace gmc::build

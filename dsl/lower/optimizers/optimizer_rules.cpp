// The formulas of the optimizers (`sgd`, `adam`, `rmsprop`, `lion`): one function per rule.
#include "dsl/lower/optimizers/optimizer_rules.h"

namespace gmc::lower {
namespace {

using ir::StateId;
using ir::ValueId;

/// 1 - beta^t, precise in f32 also when it is small: with y = -t log(beta) and T = tanh(y / 2) it
/// is 1 - e^-y = 2 T / (1 + T).
ValueId one_minus_power(ir::Builder& b, ValueId beta, ValueId t) {
    const ValueId half = b.scale(b.mul(t, b.emit(ir::Log{}, {beta})), -0.5);
    const ValueId tanh = b.emit(ir::Tanh{}, {half});
    return b.div(b.scale(tanh, 2), b.offset(tanh, 1));
}

/// Kingma and Ba 2015, as Keras writes it: m += (1 - b1)(g - m); v += (1 - b2)(g^2 - v);
/// p -= lr sqrt(1 - b2^t)/(1 - b1^t) m / (sqrt(v) + epsilon).
void adam(OptimizerScope& o, std::vector<Trained>& groups) {
    ir::Builder& b = o.b();
    const StateId count = o.count("updates");
    const ValueId t = b.offset(o.f().state(count), 1);
    o.f().set_state(count, t);
    const ValueId one = b.constant(1), beta_1 = o.hyper("beta_1"), beta_2 = o.hyper("beta_2");
    const ValueId keep_1 = b.sub(one, beta_1), keep_2 = b.sub(one, beta_2);
    const ValueId correction =
        b.div(b.emit(ir::Sqrt{}, {one_minus_power(b, beta_2, t)}), one_minus_power(b, beta_1, t));
    for (Trained& p : groups) {
        const ValueId rate = b.mul(p.learning_rate, correction);
        const ValueId g = p.gradient;
        const ValueId m = o.running(p, "m", keep_1, g);
        const ValueId v = o.running(p, "v", keep_2, b.mul(g, g));
        const ValueId divisor =
            b.add(b.emit(ir::Sqrt{}, {v}), o.spread(o.hyper("epsilon"), p.value));
        p.value = b.sub(p.value, b.div(b.mul(o.spread(rate, p.value), m), divisor));
    }
}

/// Tieleman and Hinton 2012, as Keras writes it: v += (1 - rho)(g^2 - v). When centered, also a +=
/// (1 - rho)(g - a) and w = v - a^2; otherwise w = v. Then d = lr g / sqrt(w + epsilon); u <-
/// momentum u + d; p -= u.
void rmsprop(OptimizerScope& o, std::vector<Trained>& groups) {
    ir::Builder& b = o.b();
    const ValueId keep = b.sub(b.constant(1), o.hyper("rho"));
    for (Trained& p : groups) {
        const ValueId g = p.gradient;
        ValueId variance = o.running(p, "v", keep, b.mul(g, g));
        if (!o.is_zero("centered")) {
            const ValueId mean = o.running(p, "mean", keep, g);
            // Rounding could make it negative, and its root NaN.
            variance = b.emit(ir::Maximum{},
                              {b.sub(variance, b.mul(mean, mean)), b.constant(0, b.shape(g))});
        }
        const ValueId root = b.emit(ir::Sqrt{}, {b.add(variance, o.spread(o.hyper("epsilon"), g))});
        ValueId step = b.div(b.mul(o.spread(p.learning_rate, g), g), root);
        if (!o.is_zero("momentum")) {
            const std::vector<StateId> states = o.slots(p.parameters, "momentum");
            step = b.add(b.mul(o.spread(o.hyper("momentum"), g), o.f().packed(states)), step);
            o.f().set_packed(states, step);
        }
        p.value = b.sub(p.value, step);
    }
}

/// v <- momentum v - lr g; p += v, or with Nesterov's look-ahead p += momentum v - lr g.
void sgd(OptimizerScope& o, std::vector<Trained>& groups) {
    ir::Builder& b = o.b();
    for (Trained& p : groups) {
        const ValueId descent = b.mul(o.spread(p.learning_rate, p.value), p.gradient);
        if (o.is_zero("momentum")) {
            p.value = b.sub(p.value, descent);
            continue;
        }
        const ValueId momentum = o.spread(o.hyper("momentum"), p.value);
        const std::vector<StateId> states = o.slots(p.parameters, "velocity");
        const ValueId velocity = b.sub(b.mul(momentum, o.f().packed(states)), descent);
        o.f().set_packed(states, velocity);
        const ValueId step =
            o.is_zero("nesterov") ? velocity : b.sub(b.mul(momentum, velocity), descent);
        p.value = b.add(p.value, step);
    }
}

/// Chen et al. 2023, as Keras has it: p -= lr sign(m + (1 - b1)(g - m)), then m += (1 - b2)(g - m).
void lion(OptimizerScope& o, std::vector<Trained>& groups) {
    ir::Builder& b = o.b();
    const ValueId one = b.constant(1);
    const ValueId keep_1 = b.sub(one, o.hyper("beta_1")), keep_2 = b.sub(one, o.hyper("beta_2"));
    for (Trained& p : groups) {
        const ValueId g = p.gradient;
        const std::vector<StateId> states = o.slots(p.parameters, "m");
        const ValueId m = o.f().packed(states), change = b.sub(g, m);
        const ValueId direction =
            b.emit(ir::Sign{}, {b.add(m, b.mul(o.spread(keep_1, g), change))});
        o.f().set_packed(states, b.add(m, b.mul(o.spread(keep_2, g), change)));
        p.value = b.sub(p.value, b.mul(o.spread(p.learning_rate, g), direction));
    }
}

}  // namespace

const std::map<std::string, OptimizerRule>& optimizer_rules() {
    static const std::map<std::string, OptimizerRule> kTable = {
        {"adam", adam}, {"adamw", adam},  // differs in its default of weight_decay only
        {"lion", lion}, {"rmsprop", rmsprop}, {"sgd", sgd},
    };
    return kTable;
}

}  // namespace gmc::lower

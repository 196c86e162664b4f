// Groups of ops that models have together. Passes look for these patterns, and single random ops
// would hardly ever form them.
#include <cmath>

#include "tests/numeric/random_graph/random_graph_maker.h"

namespace gmc::tests {
namespace {

using ir::ValueId;

/// A value of rank 2 to 4.
ValueId any_batch(GraphMaker& g) {
    return g.any([&](ValueId v) { return g.shape(v).size() >= 2 && g.shape(v).size() <= 4; });
}

}  // namespace

/// Batch or layer normalisation, with scale and shift by vectors along the axes that are not
/// normalised.
bool grow_normalisation(GraphMaker& g) {
    const ValueId x = any_batch(g);
    if (x == ir::kNone) return false;
    const ir::Shape shape = g.shape(x);
    const int64_t rank = static_cast<int64_t>(shape.size());
    std::vector<int64_t> axes = ir::all_axes(rank - 1);  // batch norm
    if (g.random.chance(0.4)) axes = {rank - 1};         // layer norm
    const std::vector<int64_t> kept = ir::other_axes(rank, axes);
    ir::Shape vector;
    for (int64_t axis : kept) vector.push_back(shape[axis]);
    const ValueId scale = g.like(vector), shift = g.like(vector);

    const ValueId mean = g.b.reduce_mean(x, axes);
    const ValueId centered = g.b.sub(x, g.b.broadcast(mean, kept, shape));
    const ValueId variance = g.b.reduce_mean(g.b.mul(centered, centered), axes);
    // With an epsilon of 1/4 the result is at most twice x - mean, and its error at most twice that
    // of x - mean.
    const ValueId inverse = g.b.emit(ir::Pow{-0.5}, {g.b.offset(variance, 0.25)});
    const ValueId normal = g.b.mul(centered, g.b.broadcast(inverse, kept, shape));
    const ValueId scaled = g.b.mul(normal, g.b.broadcast(scale, kept, shape));
    const ValueId y = g.b.add(scaled, g.b.broadcast(shift, kept, shape));

    const Facts f = g.facts(x), s = g.facts(scale), t = g.facts(shift);
    const double size = 4 * f.size(), error = 8 * (f.size() + 1) * (f.error + f.size());
    return g.keep(
        y, {-size * s.size() - t.size(), size * s.size() + t.size(),
            s.size() * error + size * s.error + t.error + size * s.size() + t.size(), false});
}

/// Softmax over the last axis.
bool grow_softmax(GraphMaker& g) {
    const ValueId x = any_batch(g);
    if (x == ir::kNone) return false;
    const ir::Shape shape = g.shape(x);
    const int64_t last = static_cast<int64_t>(shape.size()) - 1;
    const std::vector<int64_t> kept = ir::all_axes(last);
    const ValueId highest = g.b.emit(ir::StopGradient{}, {g.b.emit(ir::ReduceMax{{last}}, {x})});
    const ValueId powers = g.b.emit(ir::Exp{}, {g.b.sub(x, g.b.broadcast(highest, kept, shape))});
    const ValueId total = g.b.reduce_sum(powers, {last});
    const ValueId y = g.b.div(powers, g.b.broadcast(total, kept, shape));
    return g.keep(y, {0, 1, 2 * g.facts(x).error + 2 * g.facts(x).size() + 8, false});
}

/// x where a uniform random number is above the rate, otherwise 0; scaled to keep the mean.
bool grow_dropout(GraphMaker& g) {
    if (g.is_step()) return false;
    const ValueId x = g.any();
    const ir::Shape shape = g.shape(x);
    const ValueId noise =
        g.b.emit_typed(ir::RandomUniform{g.random.integer(4, 6)}, {}, ir::f32(shape));
    const ValueId mask = g.b.emit(ir::Greater{}, {noise, g.b.constant(0.25, shape)});
    const ValueId y = g.b.scale(g.b.mul(x, mask), 1 / 0.75);
    const Facts f = g.facts(x);
    return g.keep(y, {std::fmin(0, f.low) / 0.75, std::fmax(0, f.high) / 0.75,
                      2 * f.error + 2 * f.size(), false});
}

/// A value minus a rate times another value of its shape; the rate falls with the step.
bool grow_descent(GraphMaker& g) {
    const ValueId w = g.any(), gradient = g.like(g.shape(w));
    const ValueId rate =
        g.b.scale(g.b.emit(ir::Exp{}, {g.b.scale(g.b.emit(ir::Step{}, {}), -0.25)}), 0.5);
    const ValueId y = g.b.sub(w, g.b.mul(gradient, g.b.splat(rate, g.shape(w))));
    const Facts f = g.facts(w), h = g.facts(gradient);
    return g.keep(y, {f.low - h.size(), f.high + h.size(),
                      f.error + h.error + 2 * f.size() + 2 * h.size(), false});
}

/// Two batches through one layer, and the sum of the gradients by its weights. Parts often have
/// sizes of whole cache lines.
bool grow_shared_weights(GraphMaker& g) {
    const int64_t in = 4, out = g.random.chance(0.6) ? 4 : g.random.integer(1, 5);
    const int64_t batches[] = {g.random.chance(0.6) ? 4 : g.random.integer(1, 5), 4};
    const ValueId weights = g.like({in, out});
    ValueId sum = ir::kNone;
    Facts sum_facts{0, 0, 0, false};
    for (int64_t batch : batches) {
        const ValueId x = g.like({batch, in});
        const Facts f = g.facts(x), w = g.facts(weights);
        const double size = f.size() * w.size() * in,
                     error = in * (f.size() * w.error + w.size() * f.error) + 2 * in * size;
        const ValueId y = g.b.emit(ir::Matmul{}, {x, weights});
        g.keep(y, {-size, size, error, false});
        const ValueId gradient = g.b.emit(ir::Matmul{true, false}, {x, y});
        sum = sum == ir::kNone ? gradient : g.b.add(sum, gradient);
        const double product = f.size() * size * static_cast<double>(batch),
                     rounding = 12 * product +
                                static_cast<double>(batch) * (f.size() * error + f.error * size);
        sum_facts = {sum_facts.low - product, sum_facts.high + product, sum_facts.error + rounding,
                     false};
    }
    return g.keep(sum, sum_facts);
}

}  // namespace gmc::tests

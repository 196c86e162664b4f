// Compositions of ops that models consist of, to first and second order: normalisations, losses,
// small networks and gradient penalties.
#include "tests/numeric/gradient/gradient_check.h"

#include "tests/catch.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

using ir::ValueId;
using Ids = std::vector<ValueId>;

/// x [.., C] plus or times a vector [C].
ValueId along_channels(Scope& s, const ir::OpVariant& op, ValueId x, ValueId channels) {
    const ir::Shape shape = s.b.shape(x);
    return s.b.emit(op,
                    {x, s.b.broadcast(channels, {static_cast<int64_t>(shape.size()) - 1}, shape)});
}

/// (x - mean) / sqrt(variance + epsilon) over `axes`.
ValueId normalise(Scope& s, ValueId x, const std::vector<int64_t>& axes) {
    const ir::Shape shape = s.b.shape(x);
    const auto kept = ir::other_axes(static_cast<int64_t>(shape.size()), axes);
    const ValueId centered = s.b.sub(x, s.b.broadcast(s.b.reduce_mean(x, axes), kept, shape));
    const ValueId variance = s.b.reduce_mean(s.b.mul(centered, centered), axes);
    const ValueId deviation = s.b.emit(ir::Sqrt{}, {s.b.offset(variance, 1e-3)});
    return s.b.div(centered, s.b.broadcast(deviation, kept, shape));
}

ValueId mean(Scope& s, ValueId x) { return s.b.reduce_mean(x, ir::all_axes(s.b.type(x).rank())); }
ValueId softplus(Scope& s, ValueId x) { return s.b.emit(ir::Softplus{}, {x}); }
ValueId tanh(Scope& s, ValueId x) { return s.b.emit(ir::Tanh{}, {x}); }

/// log softmax over the last axis; the maximum is subtracted first, as in the runtime.
ValueId log_softmax(Scope& s, ValueId x) {
    const ir::Shape shape = s.b.shape(x);
    const ValueId highest = s.b.emit(ir::StopGradient{}, {s.b.emit(ir::ReduceMax{{1}}, {x})});
    const ValueId shifted = s.b.sub(x, s.b.broadcast(highest, {0}, shape));
    const ValueId total = s.b.reduce_sum(s.b.emit(ir::Exp{}, {shifted}), {1});
    return s.b.sub(shifted, s.b.broadcast(s.b.emit(ir::Log{}, {total}), {0}, shape));
}

/// A discriminator: conv of stride 2, leaky ReLU or tanh, the same two again, dense. x [N, 6, 6, 1]
/// -> [N, 1].
ValueId discriminator(Scope& s, ValueId x, const Ids& weights, bool smooth) {
    const auto activation = [&](ValueId v) {
        return smooth ? tanh(s, v) : s.b.emit(ir::LeakyRelu{0.3}, {v});
    };
    const ir::ConvWindow half{{2, 2}, {1, 1}, {1, 1}, {1, 1}, 1},
        same{{1, 1}, {1, 1}, {1, 1}, {1, 1}, 1};
    ValueId h = activation(
        along_channels(s, ir::Add{}, s.b.emit(ir::Conv{half}, {x, weights[0]}), weights[1]));
    h = activation(s.b.emit(ir::Conv{same}, {h, weights[2]}));
    const ir::Shape shape = s.b.shape(h);
    h = s.b.reshape(h, {shape[0], shape[1] * shape[2] * shape[3]});
    return s.b.emit(ir::Matmul{}, {h, weights[3]});
}
const std::vector<Operand> kDiscriminator = {{{3, 3, 1, 2}}, {{2}}, {{3, 3, 2, 2}}, {{18, 1}}};

/// Checks f and its gradient.
void check_both_orders(const std::vector<Operand>& operands, const ScalarFunction& f) {
    CHECK(check_gradient(operands, f) == "");
    CHECK(check_gradient(operands, gradient_of(f)) == "");
}

}  // namespace

TEST_CASE("batch normalisation") {
    check_both_orders({{{3, 2, 2, 2}}, {{2}}, {{2}}}, [](Scope& s, const Ids& x) {
        const ValueId scaled = along_channels(s, ir::Mul{}, normalise(s, x[0], {0, 1, 2}), x[1]);
        return s.weighted_sum(tanh(s, along_channels(s, ir::Add{}, scaled, x[2])));
    });
}

TEST_CASE("batch normalisation with the variance as E[x^2] - E[x]^2") {
    check_both_orders({{{5, 2}}}, [](Scope& s, const Ids& x) {
        const ir::Shape shape = s.b.shape(x[0]);
        const ValueId average = s.b.reduce_mean(x[0], {0});
        const ValueId squares = s.b.reduce_mean(s.b.emit(ir::Pow{2}, {x[0]}), {0});
        const ValueId variance = s.b.sub(squares, s.b.emit(ir::Pow{2}, {average}));
        const ValueId inverse = s.b.emit(ir::Pow{-0.5}, {s.b.offset(variance, 1e-3)});
        const ValueId centered = s.b.sub(x[0], s.b.broadcast(average, {1}, shape));
        return s.weighted_sum(s.b.mul(centered, s.b.broadcast(inverse, {1}, shape)));
    });
}

TEST_CASE("layer normalisation") {
    check_both_orders({{{3, 4}}, {{4}}, {{4}}}, [](Scope& s, const Ids& x) {
        const ValueId scaled = along_channels(s, ir::Mul{}, normalise(s, x[0], {1}), x[1]);
        return s.weighted_sum(along_channels(s, ir::Add{}, scaled, x[2]));
    });
}

TEST_CASE("softplus losses of a gan") {
    check_both_orders({{{4, 1}}, {{4, 1}}}, [](Scope& s, const Ids& x) {
        return s.b.add(mean(s, softplus(s, s.b.neg(x[0]))), mean(s, softplus(s, x[1])));
    });
}

TEST_CASE("binary cross entropy on logits, and the divergence of a normal distribution") {
    check_both_orders(
        {{{3, 4}}, {{3, 4}, Fill::kUniform, 0, 1}, {{3, 2}}, {{3, 2}}}, [](Scope& s, const Ids& x) {
            const ValueId bce = s.b.sub(softplus(s, x[0]), s.b.mul(x[0], x[1]));
            const ValueId spread = s.b.emit(ir::Exp{}, {x[3]});
            const ValueId kl = s.b.sub(s.b.add(s.b.mul(x[2], x[2]), spread), s.b.offset(x[3], 1));
            return s.b.add(mean(s, bce), s.b.scale(mean(s, kl), 0.5));
        });
}

TEST_CASE("cross entropy of a softmax") {
    check_both_orders({{{3, 4}, Fill::kDistinct, -0.5}, {{3, 4}}}, [](Scope& s, const Ids& x) {
        return s.b.neg(mean(s, s.b.mul(x[1], log_softmax(s, x[0]))));
    });
}

TEST_CASE("attention of one head") {
    check_both_orders({{{3, 2}}, {{4, 2}}, {{4, 2}}}, [](Scope& s, const Ids& x) {
        const ValueId scores = s.b.scale(s.b.emit(ir::Matmul{false, true}, {x[0], x[1]}), 0.7);
        const ValueId weights = s.b.emit(ir::Exp{}, {log_softmax(s, scores)});
        return s.weighted_sum(s.b.emit(ir::Matmul{}, {weights, x[2]}));
    });
}

TEST_CASE("gelu by erf") {
    check_both_orders({{{6}}}, [](Scope& s, const Ids& x) {
        const ValueId bell = s.b.emit(ir::Erf{}, {s.b.scale(x[0], 0.7071067811865476)});
        return s.weighted_sum(s.b.scale(s.b.mul(x[0], s.b.offset(bell, 1)), 0.5));
    });
}

TEST_CASE("a reparameterised sample through a transposed convolution") {
    const ir::ConvWindow window{{2, 2}, {1, 1}, {2, 2}, {1, 1}, 1};
    check_both_orders(
        {{{1, 2, 2, 2}}, {{1, 2, 2, 2}}, {{5, 5, 1, 2}}}, [&](Scope& s, const Ids& x) {
            const ValueId noise = s.b.emit_typed(ir::RandomNormal{3}, {}, s.b.type(x[0]));
            const ValueId z =
                s.b.add(x[0], s.b.mul(s.b.emit(ir::Exp{}, {s.b.scale(x[1], 0.5)}), noise));
            const ValueId image =
                s.b.emit_typed(ir::ConvBackwardData{window}, {z, x[2]}, ir::f32({1, 4, 4, 1}));
            return s.weighted_sum(tanh(s, image));
        });
}

TEST_CASE("gradient penalty of a convolutional critic (WGAN-GP)") {
    std::vector<Operand> operands = {{{2, 6, 6, 1}}};
    operands.insert(operands.end(), kDiscriminator.begin(), kDiscriminator.end());
    for (bool smooth : {true, false}) {
        const ScalarFunction penalty = [&](Scope& s, const Ids& in) {
            const ValueId logits = discriminator(s, in[0], {in.begin() + 1, in.end()}, smooth);
            const ValueId slope = s.gradient(s.sum(logits), {in[0]})[0];
            const ValueId square = s.b.reduce_sum(s.b.mul(slope, slope), {1, 2, 3});
            const ValueId norm = s.b.emit(ir::Sqrt{}, {s.b.offset(square, 1e-8)});
            return mean(s, s.b.emit(ir::Pow{2}, {s.b.offset(norm, -1)}));
        };
        INFO("smooth " << smooth);
        CHECK(check_gradient(operands, penalty) == "");
        if (smooth) CHECK(check_gradient(operands, gradient_of(penalty)) == "");
    }
}

TEST_CASE("a generator's step through a discriminator with the R1 penalty of the other") {
    std::vector<Operand> operands = {{{2, 6, 6, 1}}};
    operands.insert(operands.end(), kDiscriminator.begin(), kDiscriminator.end());
    CHECK(check_gradient(operands, [](Scope& s, const Ids& in) {
              const Ids weights(in.begin() + 1, in.end());
              const ValueId logits = discriminator(s, in[0], weights, true);
              const ValueId slope = s.gradient(s.sum(logits), {in[0]})[0];
              const ValueId moved = s.b.sub(in[0], s.b.scale(slope, 0.1));
              const ValueId again = discriminator(s, moved, weights, true);
              return s.b.add(mean(s, softplus(s, s.b.neg(again))),
                             s.b.scale(s.sum(s.b.mul(slope, slope)), 0.05));
          }) == "");
}

TEST_CASE("a step of gradient descent differentiated (unrolled)") {
    CHECK(check_gradient({{{3, 2}}, {{2, 2}}}, [](Scope& s, const Ids& x) {
              ValueId w = x[1];
              for (int step = 0; step < 3; ++step) {
                  const ValueId loss = mean(s, softplus(s, s.b.emit(ir::Matmul{}, {x[0], w})));
                  w = s.b.sub(w, s.b.scale(s.gradient(loss, {w})[0], 0.5));
              }
              return s.weighted_sum(s.b.emit(ir::Matmul{}, {x[0], w}));
          }) == "");
}

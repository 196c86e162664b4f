// Exact expected numbers where a derivative is a convention (ties, corners), and for special cases
// of autodiff.
#include "dsl/lower/activations.h"
#include "tests/numeric/gradient/gradient_check.h"

#include "tests/catch.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

using Numbers = std::vector<double>;
using Ids = std::vector<ir::ValueId>;

/// d sum(op(x)) / dx at x.
template <typename Op>
Numbers unary_gradient(const Op& op, const Numbers& x) {
    return gradients_at({{static_cast<int64_t>(x.size())}}, {x},
                        [&](Scope& s, const Ids& in) { return s.sum(s.b.emit(op, {in[0]})); })[0];
}

/// d^2 sum(op(x)) / dx^2 at x, for element-wise ops.
template <typename Op>
Numbers unary_second(const Op& op, const Numbers& x) {
    return gradients_at({{static_cast<int64_t>(x.size())}}, {x}, [&](Scope& s, const Ids& in) {
        return s.sum(s.gradient(s.sum(s.b.emit(op, {in[0]})), {in[0]})[0]);
    })[0];
}

}  // namespace

TEST_CASE("corners: the side that the definition takes") {
    CHECK(unary_gradient(ir::Abs{}, {-1, 0, 1}) == Numbers{-1, 0, 1});
    CHECK(unary_gradient(ir::LeakyRelu{0.25}, {-1, 0, 1}) == Numbers{0.25, 0.25, 1});
    CHECK(unary_gradient(ir::LeakyRelu{0}, {-1, 0, 1}) == Numbers{0, 0, 1});
    CHECK(unary_gradient(ir::LeakyRelu{2}, {-1, 0, 1}) == Numbers{2, 2, 1});
}

TEST_CASE("a cast passes gradients on, rounded to the type of its operand") {
    // 1 + 2^-10 is rounded to 1; the derivative of the square is that at the rounded number.
    const auto found = gradients_at({{2}}, {{1 + 0x1p-10, 3}}, [](Scope& s, const Ids& in) {
        const ir::ValueId narrow = s.b.emit_typed(ir::Cast{}, {in[0]}, {ir::DType::kBf16, {2}});
        // Two readers, whose gradients are added in f32.
        const ir::ValueId a = s.b.emit_typed(ir::Cast{}, {narrow}, ir::f32({2})),
                          b = s.b.emit_typed(ir::Cast{}, {narrow}, ir::f32({2}));
        return s.sum(s.b.mul(a, b));
    });
    CHECK(found[0] == Numbers{2, 6});
}

TEST_CASE("elu has the slope alpha at 0, and stays finite where it is not selected") {
    const auto gradient = [](double alpha, const Numbers& x) {
        return gradients_at({{static_cast<int64_t>(x.size())}}, {x}, [&](Scope& s, const Ids& in) {
            return s.sum(lower::elu(s.b, in[0], alpha));
        })[0];
    };
    CHECK(gradient(0.5, {-1000, 0, 1000}) == Numbers{0, 0.5, 1});
    CHECK(gradient(1, {0, 3e4}) == Numbers{1, 1});
}

TEST_CASE("at a tie the gradient of maximum and minimum goes to b") {
    const auto gradients = [](const ir::OpVariant& op) {
        return gradients_at({{3}, {3}}, {{1, 2, 3}, {2, 2, 2}}, [&](Scope& s, const Ids& x) {
            return s.sum(s.b.emit(op, {x[0], x[1]}));
        });
    };
    CHECK(gradients(ir::Maximum{}) == std::vector<Numbers>{{0, 0, 1}, {1, 1, 0}});
    CHECK(gradients(ir::Minimum{}) == std::vector<Numbers>{{1, 0, 0}, {0, 1, 1}});
}

TEST_CASE("ties of reduce_max share the gradient") {
    const auto found = gradients_at({{2, 3}}, {{5, 1, 5, 2, 2, 2}}, [](Scope& s, const Ids& x) {
        return s.sum(s.b.emit(ir::ReduceMax{{1}}, {x[0]}));
    });
    CHECK(found[0][0] == 0.5);
    CHECK(found[0][1] == 0);
    CHECK(found[0][3] == Approx(1.0 / 3));
}

TEST_CASE("powers at zero have finite derivatives where the function has") {
    CHECK(unary_gradient(ir::Pow{2}, {0}) == Numbers{0});
    CHECK(unary_gradient(ir::Pow{1}, {0}) == Numbers{1});
    CHECK(unary_second(ir::Pow{2}, {0}) == Numbers{2});
    CHECK(unary_second(ir::Pow{3}, {0}) == Numbers{0});
    CHECK(unary_gradient(ir::Pow{0}, {0}) == Numbers{0});
    CHECK(unary_second(ir::Pow{1}, {0}) == Numbers{0});
}

TEST_CASE("far from zero nothing overflows") {
    CHECK(unary_gradient(ir::Softplus{}, {-800, 800}) == Numbers{0, 1});
    CHECK(unary_second(ir::Softplus{}, {-800, 800}) == Numbers{0, 0});
    CHECK(unary_gradient(ir::Sigmoid{}, {-800, 800}) == Numbers{0, 0});
    CHECK(unary_gradient(ir::Tanh{}, {-800, 800}) == Numbers{0, 0});
}

TEST_CASE("a value used several times gets the sum of what flows back") {
    const auto f = [](Scope& s, const Ids& x) {
        const ir::ValueId cube = s.b.mul(x[0], s.b.mul(x[0], x[0]));
        return s.sum(s.b.add(cube, s.b.sub(x[0], s.b.neg(x[0]))));
    };
    CHECK(gradients_at({{2}}, {{1, 2}}, f)[0] == Numbers{5, 14});
}

TEST_CASE("gradients by an intermediate value treat it as independent") {
    // f = (2 x)^2; df/d(2x) = 2 (2 x) = 4 x, whose sum has the derivative 4.
    const auto f = [](Scope& s, const Ids& x) {
        const ir::ValueId twice = s.b.scale(x[0], 2);
        return s.sum(s.gradient(s.sum(s.b.mul(twice, twice)), {twice})[0]);
    };
    CHECK(gradients_at({{2}}, {{1, 5}}, f)[0] == Numbers{4, 4});
}

TEST_CASE("what f does not depend on has gradient zero") {
    const auto f = [](Scope& s, const Ids& x) { return s.sum(x[0]); };
    CHECK(gradients_at({{2}, {3}}, {{1, 2}, {1, 2, 3}}, f) ==
          std::vector<Numbers>{{1, 1}, {0, 0, 0}});
    const auto constant = [](Scope& s, const Ids&) { return s.b.constant(3); };
    CHECK(gradients_at({{2}}, {{1, 2}}, constant)[0] == Numbers{0, 0});
}

TEST_CASE("f itself is a source with gradient one") {
    const auto f = [](Scope& s, const Ids& x) {
        const ir::ValueId scalar = s.sum(s.b.mul(x[0], x[0]));
        return s.b.mul(s.gradient(scalar, {scalar})[0], scalar);
    };
    CHECK(gradients_at({{2}}, {{1, 2}}, f)[0] == Numbers{2, 4});
}

TEST_CASE("stop_gradient cuts one path and leaves the other") {
    const auto f = [](Scope& s, const Ids& x) {
        return s.sum(s.b.mul(x[0], s.b.emit(ir::StopGradient{}, {s.b.mul(x[0], x[0])})));
    };
    CHECK(gradients_at({{2}}, {{2, 3}}, f)[0] == Numbers{4, 9});
}

TEST_CASE("no gradient flows into the condition of select") {
    const auto f = [](Scope& s, const Ids& x) { return s.sum(s.b.select(x[0], x[1], x[2])); };
    CHECK(gradients_at({{3}, {3}, {3}}, {{0, 1, -2}, {1, 2, 3}, {4, 5, 6}}, f) ==
          std::vector<Numbers>{{0, 0, 0}, {0, 1, 1}, {1, 0, 0}});
}

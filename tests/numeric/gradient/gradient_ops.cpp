// The gradient rule of every op, to first and second order, on the cases of gradient_cases.h.
#include "tests/numeric/gradient/gradient_cases.h"

#include "tests/catch.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// sum(w * op(x))
ScalarFunction weighted(const GradientCase& one) {
    return [one](Scope& s, const std::vector<ir::ValueId>& x) {
        return s.weighted_sum(one.emit(s, x));
    };
}

/// sum(w * op(x)^2). The square makes the gradient of a linear op depend on x. So its second
/// derivative tests the rules of the ops that the op's own rule emitted.
ScalarFunction weighted_square(const GradientCase& one) {
    return [one](Scope& s, const std::vector<ir::ValueId>& x) {
        const ir::ValueId y = one.emit(s, x);
        return s.weighted_sum(s.b.mul(y, y));
    };
}

/// {Op} if it is element-wise and stops gradients, otherwise nothing.
template <typename Op>
std::vector<ir::OpVariant> no_gradient_ops() {
    if constexpr (Op::kInfo.has(ir::kNoGradient) && Op::kInfo.has(ir::kElementwise))
        return {Op{}};
    else
        return {};
}

}  // namespace

TEST_CASE("gradients of every op agree with differences") {
    for (const GradientCase& one : all_cases()) {
        INFO(describe(one));
        CHECK(check_gradient(one.operands, weighted(one)) == "");
        CHECK(check_gradient(one.operands, weighted_square(one)) == "");
    }
}

TEST_CASE("second derivatives of every op agree with differences") {
    for (const GradientCase& one : all_cases()) {
        INFO(describe(one));
        CHECK(check_gradient(one.operands, gradient_of(weighted(one))) == "");
        CHECK(check_gradient(one.operands, gradient_of(weighted_square(one))) == "");
    }
}

TEST_CASE("third derivatives of every op agree with differences") {
    for (const GradientCase& one : all_cases()) {
        // Not for contractions: their third derivatives use no rule that the second ones do not
        // use.
        if (one.operands[0].shape.size() > 3) continue;
        INFO(describe(one));
        CHECK(check_gradient(one.operands, gradient_of(gradient_of(weighted_square(one)))) == "");
    }
}

TEST_CASE("ops without a gradient stop it") {
    std::vector<ir::OpVariant> ops;
#define GMC_OP(Name) \
    for (const ir::OpVariant& op : no_gradient_ops<ir::Name>()) ops.push_back(op);
#include "compiler/ir/op_kind.def"
#undef GMC_OP
    CHECK(ops.size() == 5);
    for (const ir::OpVariant& op : ops) {
        INFO(ir::op_info(op).name);
        const auto f = [&](Scope& s, const std::vector<ir::ValueId>& x) {
            const bool two = ir::op_info(op).operands.find(',') != std::string_view::npos;
            const ir::ValueId y = s.b.emit(op, two ? std::vector{x[0], x[1]} : std::vector{x[0]});
            return s.sum(s.b.mul(y, s.b.constant(2, s.b.shape(y))));
        };
        const auto found = gradients_at({{2}, {2}}, {{0.5, -1.5}, {0.5, 2}}, f);
        CHECK(found[0] == std::vector<double>{0, 0});
        CHECK(found[1] == std::vector<double>{0, 0});
    }
}

// The layer whose result is an expression, against the expression written out.
#include <cmath>

#include "tests/catch.h"
#include "tests/numeric/layer/layer_check.h"
#include "tests/numeric/reference_comparison.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

TEST_CASE("layers: an expression names inputs, layers and what it is put upon") {
    LayerCheck check("x: [4], y: [4]",
                     "{tanh: {from: x, name: bent}}, {leaky_relu: {slope: 0.5, from: y}}, "
                     "{expression: bent * previous + x}");
    const Numbers x = check.input("x"), y = check.input("y");
    Numbers expected;
    for (size_t i = 0; i < x.size(); ++i)
        expected.push_back(std::tanh(x[i]) * (y[i] > 0 ? y[i] : 0.5 * y[i]) + x[i]);
    CHECK(difference("result", check.run().at(""), expected, kRewrite) == "");
    CHECK(check.gradients(1) == "");
    CHECK(check.gradients(2) == "");
    CHECK(check.fast_path() == "");
}

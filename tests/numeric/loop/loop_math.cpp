// Error bounds of the elementary functions over all magnitudes, in units in the last place and on
// every SIMD target; and their values at NaN, infinities and zeros.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/catch.h"
#include "tests/numeric/loop/loop_harness.h"
#include "tests/numeric/loop/loop_targets.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Floats of every sign and exponent of normal numbers, with 200 mantissas each; special numbers at
/// the end.
std::vector<float> all_magnitudes() {
    std::vector<float> out;
    TestRandom random(3);
    for (uint32_t exponent = 1; exponent < 255; ++exponent)
        for (int i = 0; i < 200; ++i) {
            const auto mantissa = static_cast<uint32_t>(random.integer(0, (1 << 23) - 1));
            out.push_back(std::bit_cast<float>(exponent << 23 | mantissa));
            out.push_back(-out.back());
        }
    // More densely where functions bend.
    for (int i = 0; i < 100000; ++i) out.push_back(static_cast<float>(random.uniform(-20, 20)));
    return out;
}

std::vector<float> unary(const ir::OpVariant& op, const std::vector<float>& x) {
    LoopHarness h;
    const ir::ValueId in = h.input({static_cast<int64_t>(x.size())}, x);
    const ir::ValueId out = h.builder().emit(op, {in});
    return h.run().at(out);
}

/// |found - exact| in units in the last place of a float near `exact`. Subnormal results may be
/// flushed to zero.
double ulps(float found, double exact) {
    const auto rounded = static_cast<float>(exact);
    if (std::isnan(exact) || std::isinf(rounded)) {
        const bool same = std::isnan(exact) ? std::isnan(found) : found == rounded;
        // At the limit of overflow the largest number is as good as infinity.
        return same || (std::isinf(rounded) && std::fabs(found) > 3.4028e38f &&
                        std::fabs(exact) < 3.40283e38)
                   ? 0
                   : INFINITY;
    }
    constexpr double kSmallestNormal = std::numeric_limits<float>::min();
    if (std::fabs(exact) < kSmallestNormal && std::fabs(found) <= kSmallestNormal) return 0;
    const double unit =
        std::ldexp(1.0, std::max(std::ilogb(exact == 0 ? 1e-45 : exact), -126) - 23);
    return std::fabs(found - exact) / unit;
}

template <typename Function>
double worst_ulps(const ir::OpVariant& op, const std::vector<float>& x, Function exact) {
    const std::vector<float> found = unary(op, x);
    double worst = 0;
    float where = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const double error = ulps(found[i], exact(static_cast<double>(x[i])));
        if (!(error <= worst)) worst = error, where = x[i];
    }
    UNSCOPED_INFO(ir::op_info(op).name << ": " << worst << " ulp at " << where);
    return worst;
}

/// By how many units of the last place a kernel may differ from the op's meaning in double.
template <typename Op>
double most_ulps(const Op&) {
    return 3;
}
double most_ulps(const ir::Exp&) { return 1.5; }
double most_ulps(const ir::Log&) { return 1.5; }
double most_ulps(const ir::Erf&) { return 2; }
double most_ulps(const ir::Pow&) { return 2; }
double most_ulps(const ir::Sqrt&) { return 0.51; }
// These have a test of their own.
double most_ulps(const ir::Cos&) { return kInfinity; }
double most_ulps(const ir::Sin&) { return kInfinity; }

template <typename Op>
constexpr bool kIsUnary = Op::kInfo.has(ir::kElementwise) && Op::kInfo.operand_count() == 1 &&
                          !std::is_same_v<Op, ir::Cast>;

/// A unary op with all its attributes that matter.
template <typename Op>
std::vector<Op> variants(const Op& op) {
    return {op};
}
std::vector<ir::LeakyRelu> variants(const ir::LeakyRelu&) { return {{0}, {0.25}}; }
std::vector<ir::Pow> variants(const ir::Pow&) {
    return {{0}, {1}, {2}, {3}, {-1}, {-2}, {0.5}, {-0.5}, {1.7}, {5}};
}

/// Calls check(op) for each unary element-wise op.
template <typename Check>
void for_each_unary_op(const Check& check) {
    [[maybe_unused]] const auto visit = [&](const auto& op) {
        if constexpr (kIsUnary<std::decay_t<decltype(op)>>)
            for (const auto& one : variants(op)) check(one);
    };
#define GMC_OP(Name) visit(ir::Name{});
#include "compiler/ir/op_kind.def"
#undef GMC_OP
}

bool same(float a, float b) { return (std::isnan(a) && std::isnan(b)) || a == b; }

/// Checks op(x) == expected for the pairs, at every position in a vector: three copies in a row
/// fill full vectors and a remainder.
void check_values(const ir::OpVariant& op, const std::vector<std::pair<float, float>>& pairs) {
    for (const auto& [x, expected] : pairs) {
        const std::vector<float> found = unary(op, std::vector<float>(37, x));
        for (float y : found) {
            INFO(ir::op_info(op).name << "(" << x << ") is " << y << ", expected " << expected);
            CHECK(same(y, expected));
            if (!same(y, expected)) break;
        }
    }
}

}  // namespace

TEST_CASE("unary ops are within a few ulp over all magnitudes") {
    const std::vector<float> x = all_magnitudes();
    for_each_simd_target([&] {
        for_each_unary_op([&](const auto& op) { CHECK(worst_ulps(op, x, op) <= most_ulps(op)); });
    });
}

TEST_CASE("unary ops of NaN, infinities and zeros are what they are of numbers") {
    for_each_simd_target([] {
        for_each_unary_op([](const auto& op) {
            for (float x : {kNan, kInfinity, -kInfinity, 0.0f, -0.0f})
                check_values(op, {{x, static_cast<float>(op(static_cast<double>(x)))}});
        });
    });
}

TEST_CASE("sine and cosine are within 4 ulp or 2^-24, at any size") {
    const std::vector<float> x = all_magnitudes();
    for_each_simd_target([&] {
        const std::vector<float> sine = unary(ir::Sin{}, x), cosine = unary(ir::Cos{}, x);
        double worst = 0;
        for (size_t i = 0; i < x.size(); ++i) {
            const double s = std::sin(static_cast<double>(x[i])),
                         c = std::cos(static_cast<double>(x[i]));
            const auto error = [](float found, double exact) {
                return std::fabs(found - exact) / (std::fabs(exact) * 4 * 0x1p-23 + 0x1p-24);
            };
            worst = std::max({worst, error(sine[i], s), error(cosine[i], c)});
        }
        CHECK(worst < 1);
    });
}

TEST_CASE("special values") {
    for_each_simd_target([] {
        check_values(ir::Abs{}, {{-0.0f, 0}, {-kInfinity, kInfinity}, {kNan, kNan}});
        check_values(ir::Cos{}, {{0, 1}, {kInfinity, kNan}, {kNan, kNan}});
        check_values(ir::Erf{}, {{0, 0}, {kInfinity, 1}, {-kInfinity, -1}, {30, 1}, {kNan, kNan}});
        check_values(ir::Exp{}, {{0, 1},
                                 {kInfinity, kInfinity},
                                 {-kInfinity, 0},
                                 {1000, kInfinity},
                                 {-1000, 0},
                                 {kNan, kNan}});
        check_values(ir::Floor{},
                     {{-0.5f, -1}, {3e9f, 3e9f}, {kInfinity, kInfinity}, {kNan, kNan}});
        check_values(ir::LeakyRelu{0.25},
                     {{-4, -1}, {4, 4}, {-kInfinity, -kInfinity}, {kNan, kNan}});
        check_values(ir::LeakyRelu{0},
                     {{-4, 0}, {4, 4}, {-kInfinity, 0}, {kInfinity, kInfinity}, {kNan, kNan}});
        check_values(ir::Log{}, {{1, 0},
                                 {0, -kInfinity},
                                 {-0.0f, -kInfinity},
                                 {-1, kNan},
                                 {kInfinity, kInfinity},
                                 {-kInfinity, kNan},
                                 {kNan, kNan}});
        check_values(ir::Neg{}, {{kInfinity, -kInfinity}, {kNan, kNan}});
        check_values(ir::Pow{2.5}, {{0, 0}, {-1, kNan}, {kInfinity, kInfinity}, {kNan, kNan}});
        check_values(
            ir::Sigmoid{},
            {{0, 0.5f}, {kInfinity, 1}, {-kInfinity, 0}, {200, 1}, {-200, 0}, {kNan, kNan}});
        check_values(
            ir::Sign{},
            {{-0.0f, 0}, {3, 1}, {-3, -1}, {kInfinity, 1}, {-kInfinity, -1}, {kNan, kNan}});
        check_values(ir::Sin{}, {{0, 0}, {-kInfinity, kNan}, {kNan, kNan}});
        check_values(
            ir::Softplus{},
            {{kInfinity, kInfinity}, {-kInfinity, 0}, {200, 200}, {-200, 0}, {kNan, kNan}});
        check_values(ir::Sqrt{}, {{0, 0}, {-1, kNan}, {kInfinity, kInfinity}, {kNan, kNan}});
        check_values(ir::StopGradient{}, {{kInfinity, kInfinity}, {kNan, kNan}});
        check_values(ir::Tanh{}, {{0, 0}, {kInfinity, 1}, {-kInfinity, -1}, {50, 1}, {kNan, kNan}});
    });
}

TEST_CASE("maximum and minimum of NaN are NaN, comparisons with NaN are 0") {
    for_each_simd_target([] {
        for (const auto& [a, b] : std::vector<std::pair<float, float>>{
                 {kNan, 1}, {1, kNan}, {kNan, kNan}, {2, 1}, {1, 2}, {1, 1}}) {
            LoopHarness h;
            ir::Builder builder = h.builder();
            const ir::ValueId x = h.input({37}, std::vector<float>(37, a)),
                              y = h.input({37}, std::vector<float>(37, b));
            const ir::ValueId max = builder.emit(ir::Maximum{}, {x, y}),
                              min = builder.emit(ir::Minimum{}, {x, y});
            const ir::ValueId equal = builder.emit(ir::Equal{}, {x, y}),
                              greater = builder.emit(ir::Greater{}, {x, y});
            const ir::ValueId chosen = builder.select(x, x, y),
                              largest = builder.emit(ir::ReduceMax{{0}}, {max});
            h.fuse({37}, {max, min, equal, greater, chosen, largest});
            auto out = h.run();
            const bool nan = std::isnan(a) || std::isnan(b);
            for (size_t i = 0; i < 37; ++i) {
                CHECK(same(out[max][i], nan ? kNan : std::fmax(a, b)));
                CHECK(same(out[min][i], nan ? kNan : std::fmin(a, b)));
                CHECK(same(out[equal][i], a == b));
                CHECK(same(out[greater][i], a > b));
                CHECK(same(out[chosen][i], a));
            }
            CHECK(same(out[largest][0], nan ? kNan : std::fmax(a, b)));
        }
    });
}

// Contractions of bf16 operands: every candidate against plain sums in double of the same numbers.
#include <algorithm>

#include "runtime/kernels/bf16.h"
#include "tests/catch.h"
#include "tests/numeric/contraction/contraction_cases.h"

using namespace gmc;
using namespace gmc::runtime;
using namespace gmc::runtime::testing;
using ir::DType;

namespace {

/// The error of f32 sums, relative to the magnitudes of the terms.
constexpr double kBound = 2e-6;

/// Some numbers as a tensor of f32 or bf16 in memory.
class Tensor {
  public:
    Tensor(const std::vector<float>& numbers, DType type) : type_(type) {
        wide_ = numbers;
        for (float x : numbers) narrow_.push_back(bf16_from_float(x));
    }
    float* data() {
        return type_ == DType::kF32 ? wide_.data() : reinterpret_cast<float*>(narrow_.data());
    }
    void forget() {
        std::fill(wide_.begin(), wide_.end(), NAN);
        std::fill(narrow_.begin(), narrow_.end(), bf16_from_float(NAN));
    }
    std::vector<float> numbers() const {
        if (type_ == DType::kF32) return wide_;
        std::vector<float> all;
        for (uint16_t x : narrow_) all.push_back(float_from_bf16(x));
        return all;
    }

  private:
    DType type_;
    std::vector<float> wide_;
    std::vector<uint16_t> narrow_;
};

void round_all(std::vector<float>& numbers) {
    for (float& x : numbers) x = rounded_to_bf16(x);
}

/// Like worst_error, but allows for the rounding of a bf16 result.
double error_of(const Truth& truth, const std::vector<float>& found, DType type) {
    Truth wider = truth;
    if (type == DType::kBf16)
        for (size_t i = 0; i < found.size(); ++i)
            wider.magnitude[i] += std::fabs(truth.value[i]) * 0x1p-8 / kBound;
    return worst_error(wider, found.data());
}

/// Calls check(problem, expected result, result) for all directions and types.
template <typename Check>
void for_each_problem(const ConvCase& c, const Check& check) {
    ConvData inputs(c);
    round_all(inputs.x), round_all(inputs.weights), round_all(inputs.y);
    for (Direction direction : kDirections) {
        const Truth truth = true_result(c, direction, inputs);
        for (DType type : {DType::kF32, DType::kBf16}) {
            ConvProblem p = problem_of(c, direction, inputs);
            p.operand_type = DType::kBf16, p.result_type = type;
            Tensor x(inputs.x, p.x_type()), weights(inputs.weights, p.weights_type()),
                y(inputs.y, p.y_type());
            p.x_data = x.data(), p.weights_data = weights.data(), p.y_data = y.data();
            Tensor& result = direction == Direction::kForward        ? y
                             : direction == Direction::kBackwardData ? x
                                                                     : weights;
            check(p, truth, result);
        }
    }
}

void check_bf16_case(const ConvCase& c) {
    Arena arena = empty_arena();
    int candidates = 0;
    for_each_problem(c, [&](const ConvProblem& p, const Truth& truth, Tensor& result) {
        for (const auto& candidate : conv_candidates(p.direction)) {
            ContractionContext context(arena, nullptr, processor_has_bf16());
            const auto kernel = candidate.make_named(p, context);
            if (!kernel) continue;
            ++candidates;
            INFO(candidate.name << ", direction " << static_cast<int>(p.direction) << " to "
                                << ir::dtype_name(p.result_type) << ": " << c.text());
            for (int run = 0; run < 2; ++run) {
                context.begin_call();
                result.forget();
                spoil_scratch(arena);
                kernel->run({});
                CHECK(error_of(truth, result.numbers(), p.result_type) < kBound);
            }
        }
    });
    CHECK(candidates >= 6);
}

void check_bf16_product(const ProductCase& p) {
    std::vector<float> a = random_floats(p.m * p.k, 1), b = random_floats(p.k * p.n, 2);
    round_all(a), round_all(b);
    const Truth truth = true_result(p, a, b);
    Arena arena = empty_arena();
    for (DType type : {DType::kF32, DType::kBf16})
        for (const auto& candidate : matmul_candidates()) {
            Tensor left(a, DType::kBf16), right(b, DType::kBf16),
                c(std::vector<float>(truth.value.size(), NAN), type);
            ContractionContext context(arena, nullptr, processor_has_bf16());
            const MatmulProblem problem{
                {{DType::kBf16, type}}, p.m,         p.k,          p.n,      p.transpose_a,
                p.transpose_b,          left.data(), right.data(), c.data(), ""};
            const auto kernel = candidate.make_named(problem, context);
            if (!kernel) continue;
            kernel->run({});
            INFO(candidate.name << " to " << ir::dtype_name(type) << ": " << p.text());
            CHECK(error_of(truth, c.numbers(), type) < kBound);
        }
}

}  // namespace

TEST_CASE("convolutions of bf16, as the models have them") {
    check_bf16_case(square(2, {14, 14}, 32, 64, 5, 2, 1, 2));
    check_bf16_case(square(3, {28, 28}, 1, 64, 5, 2, 1, 2));
    check_bf16_case(square(3, {28, 28}, 1, 64, 5, 1, 2, 2));
    check_bf16_case(square(2, {28, 28}, 32, 64, 3, 1, 1, 1));
    check_bf16_case(square(2, {32, 32}, 3, 32, 3, 2, 0, 1));
}

TEST_CASE("convolutions of bf16 with odd sizes, groups, dilations and one to three axes") {
    check_bf16_case(square(2, {11, 9}, 17, 5, 3, 2, 1, 1));
    check_bf16_case(square(5, {5, 4}, 80, 96, 3, 1, 1, 1));
    check_bf16_case(square(2, {13, 12}, 3, 5, 3, 2, 2, 1, 3));
    check_bf16_case(square(2, {8, 8}, 6, 9, 3, 2, 1, 1, 1, 3));
    check_bf16_case(square(3, {51}, 64, 3, 4, 3, 0, 1));
    check_bf16_case(square(2, {5, 6, 7}, 16, 17, 3, 1, 1, 1));
    check_bf16_case(square(2, {9, 9}, 4, 16, 1, 2, 0, 0));
}

TEST_CASE("convolutions of bf16 over volumes") { for_each_volume_case(check_bf16_case); }

TEST_CASE("convolutions of bf16 with one tap and few or an odd number of filters") {
    for (int64_t filters : {1, 2, 3, 8})
        for (int64_t channels : {1, 16}) {
            check_bf16_case(square(2, {15, 14}, channels, filters, 1, 1, 0, 0));
            check_bf16_case(square(2, {1, 210}, channels, filters, 1, 1, 0, 0));
            check_bf16_case(square(2, {210}, channels, filters, 1, 1, 0, 0));
            check_bf16_case(square(2, {5, 6, 7}, channels, filters, 1, 1, 0, 0));
        }
}

TEST_CASE("convolutions of bf16 of which some taps see padding only") {
    check_bf16_case(square(1, {1}, 2, 1, 3, 2, 0, 2));
    check_bf16_case(square(1, {2, 1}, 40, 33, 5, 2, 1, 3));
    check_bf16_case(square(3, {4, 6}, 8, 16, 4, 2, 1, 2));  // and of which no window is whole
    check_bf16_case(square(3, {6, 4}, 8, 16, 4, 2, 1, 2));
}

TEST_CASE("matrix products of bf16") { for_each_product_case(check_bf16_product); }

TEST_CASE("without bf16 arithmetic the same problems are computed in f32") {
    Arena arena = empty_arena();
    const ConvCase cases[] = {square(3, {14, 14}, 16, 32, 5, 2, 1, 2),
                              square(2, {9, 9}, 3, 5, 3, 1, 1, 1)};
    for (const ConvCase& c : cases)
        for_each_problem(c, [&](const ConvProblem& p, const Truth& truth, Tensor& result) {
            ContractionContext context(arena, nullptr, false);
            for (const auto& candidate : conv_candidates(p.direction)) {
                const bool in_f32 = candidate.name == "widened" || candidate.name == "few_channels";
                INFO(candidate.name);
                CHECK((candidate.make_named(p, context) == nullptr || in_f32));
            }
            const auto kernel = make_conv_kernel(p, context), other = make_conv_kernel(p, context);
            other->run({});  // in the same memory
            result.forget();
            kernel->run({});
            INFO("direction " << static_cast<int>(p.direction) << ": " << c.text());
            CHECK(error_of(truth, result.numbers(), p.result_type) < kBound);
        });
}

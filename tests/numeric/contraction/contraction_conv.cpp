// Every candidate of every direction of a convolution against plain sums in double.

#include <algorithm>

#include "runtime/threads/thread_count.h"
#include "tests/catch.h"
#include "tests/numeric/contraction/contraction_cases.h"

using namespace gmc;
using namespace gmc::runtime;
using namespace gmc::runtime::testing;

namespace {

/// The errors that are allowed. That of direct sums is relative to the magnitudes of an element's
/// own terms. That of forms with fewer products is relative to the largest magnitudes of any
/// element: all results of a tile are made of the same products, in which the terms of the other
/// results cancel.
constexpr double kSumError = 2e-6, kFormError = 4e-6;

/// Runs every candidate on the case. Each has to be right and write every element.
void check_case(const ConvCase& c) {
    Arena arena = empty_arena();
    for (Direction direction : kDirections) {
        const ConvData inputs(c);
        const Truth truth = true_result(c, direction, inputs);
        Truth neighbours = truth;
        std::fill(neighbours.magnitude.begin(), neighbours.magnitude.end(),
                  *std::max_element(truth.magnitude.begin(), truth.magnitude.end()));
        for (const auto& candidate : conv_candidates(direction)) {
            ConvData data = inputs;
            std::vector<float>& result = data.result(direction);
            std::fill(result.begin(), result.end(), NAN);
            ContractionContext context(arena, nullptr, processor_has_bf16());
            const auto kernel = candidate.make(problem_of(c, direction, data), context);
            if (!kernel) continue;
            spoil_scratch(arena);
            kernel->run({});
            INFO(candidate.name << ", direction " << static_cast<int>(direction) << ": "
                                << c.text());
            const bool form = candidate.fewer_products;
            const double bound = form ? kFormError : kSumError;
            CHECK(worst_error(form ? neighbours : truth, result.data()) < bound);
            // A second run must not depend on what the first one left in memory.
            std::fill(result.begin(), result.end(), NAN);
            spoil_scratch(arena);
            kernel->run({});
            CHECK(worst_error(form ? neighbours : truth, result.data()) < bound);
        }
    }
}

}  // namespace

TEST_CASE("convolutions of the models") {
    const ConvCase cases[] = {
        square(1, {14, 14}, 128, 256, 5, 2, 1, 2),  // seed_gan's generator, as the convolutions it transposes
        square(1, {14, 14}, 128, 256, 5, 1, 2, 2), square(1, {28, 28}, 64, 128, 5, 2, 1, 2),
        square(3, {28, 28}, 1, 64, 5, 1, 2, 2),    square(3, {28, 28}, 1, 64, 5, 2, 1, 2),
        square(3, {14, 14}, 64, 128, 5, 2, 1, 2),  square(2, {32, 32}, 3, 64, 4, 2, 1, 1),
        square(2, {32, 32}, 3, 32, 3, 2, 0, 1),    square(2, {28, 28}, 32, 64, 3, 1, 1, 1),
        square(2, {28, 28}, 32, 64, 3, 2, 0, 1),
    };
    for (const ConvCase& c : cases) check_case(c);
}

TEST_CASE("convolutions of one to five taps and odd sizes") {
    for (int64_t kernel : {1, 2, 3, 4, 5})
        for (int64_t stride : {1, 2, 3})
            for (int64_t channels : {1, 3, 17}) {
                check_case(
                    square(2, {11, 9}, channels, 5, kernel, stride, kernel / 2, (kernel - 1) / 2));
                check_case(square(2, {8, 7}, 5, channels, kernel, stride, 0, 0));
            }
}

TEST_CASE("convolutions that decompose into forms with fewer products") {
    // Sizes that tiles of 2 to 5 divide and do not, with odd padding; a transposed convolution with
    // output padding is one whose x is larger than its y needs.
    for (int64_t kernel : {2, 3, 4, 5, 6, 7})
        for (int64_t stride : {1, 2, 3}) {
            check_case(square(1, {kernel + 9, kernel + 6}, 16, 16, kernel, stride, (kernel - 1) / 2,
                              kernel / 2));
            check_case(square(3, {25}, 16, 16, kernel, stride, kernel - 1, 0));
        }
    check_case(square(2, {12, 10}, 32, 16, 5, 2, 0, 1));
    check_case(square(1, {9, 8}, 16, 80, 5, 2, 2, 1));
    check_case(square(1, {12, 14}, 48, 16, 3, 2, 3, 4, 3));
    check_case(square(1, {12, 13}, 16, 16, 3, 1, 2, 2, 2));
    check_case(square(40, {4, 4}, 16, 16, 4, 2, 1, 1));
    // Parts of the weight gradient that begin with tiles of the smaller size.
    check_case(square(40, {14, 14}, 16, 16, 3, 1, 1, 1));
    // So many weights that they are never transformed as a whole; blocks and panels that are not
    // full, tiles of several sizes, and terms with fewer points than others.
    check_case(square(3, {8, 8}, 208, 224, 4, 2, 1, 1));
    check_case(square(1, {14, 14}, 240, 256, 3, 2, 0, 1));
    // 81 terms, more than a form may have.
    check_case(square(1, {40, 40}, 16, 16, 18, 9, 8, 9));
    ConvCase c = square(2, {10, 13}, 16, 32, 5, 1, 0, 0);
    c.kernel = {4, 5}, c.strides = {2, 1}, c.pads_begin = {0, 3}, c.pads_end = {2, 1};
    check_case(c);
    c.kernel = {1, 5}, c.strides = {1, 2};
    check_case(c);
    c.kernel = {3, 1}, c.strides = {3, 1}, c.dilations = {2, 1};
    check_case(c);
}

TEST_CASE("convolutions with few channels") {
    for (int64_t channels : {1, 2, 3, 4})
        for (int64_t filters : {1, 17, 64})
            for (int64_t stride : {1, 2}) {
                check_case(square(2, {9, 13}, channels, filters, 5, stride, 2, 2));
                check_case(square(2, {9, 37}, channels, filters, 4, stride, 1, 2));
                check_case(square(1, {12, 20}, channels, filters, 3, stride, 0, 1));
            }
}

TEST_CASE("convolutions whose batch and channels fill tiles and do not") {
    for (int64_t batch : {1, 5, 7, 13})
        for (int64_t channels : {16, 80})
            for (int64_t filters : {16, 96})
                check_case(square(batch, {5, 4}, channels, filters, 3, batch % 2 + 1, 1, 1));
    // More weights than fit into a slice or unit, and more images than fit next to them.
    check_case(square(7, {3, 3}, 208, 80, 5, 1, 2, 2));
    check_case(square(20, {6, 6}, 32, 64, 3, 2, 0, 1));
    check_case(square(3, {40, 40}, 16, 64, 1, 1, 0, 0));
}

TEST_CASE("convolutions with pads of two sizes, per axis") {
    ConvCase c = square(2, {10, 13}, 16, 17, 3, 1, 0, 0);
    c.kernel = {3, 5}, c.strides = {2, 1}, c.pads_begin = {0, 3}, c.pads_end = {2, 1};
    check_case(c);
    c.channels = 1;
    check_case(c);
    c.channels = 3, c.filters = 64, c.strides = {1, 3}, c.pads_begin = {2, 4}, c.pads_end = {0, 0};
    check_case(c);
}

TEST_CASE("convolutions of which some taps see padding only") {
    check_case(square(1, {1}, 2, 1, 3, 2, 0, 2));
    check_case(square(1, {2, 1}, 40, 33, 5, 2, 1, 3));
}

TEST_CASE("dilated and grouped convolutions") {
    check_case(square(2, {12, 12}, 16, 16, 3, 1, 2, 2, 2));
    check_case(square(2, {13, 12}, 3, 5, 3, 2, 2, 1, 3));
    check_case(square(2, {13, 12}, 1, 64, 3, 1, 2, 2, 2));
    check_case(square(2, {8, 8}, 16, 32, 3, 1, 1, 1, 1, 2));
    check_case(square(2, {8, 8}, 6, 9, 3, 2, 1, 1, 1, 3));
    check_case(square(2, {8, 8}, 16, 16, 3, 1, 1, 1, 1, 16));  // depthwise
    check_case(square(2, {8, 8}, 5, 10, 3, 1, 1, 1, 1, 5));
    check_case(square(2, {9, 9}, 8, 8, 3, 1, 2, 2, 2, 2));
}

TEST_CASE("convolutions that see the past alone, and kernels smaller than their stride") {
    check_case(square(3, {51}, 64, 64, 3, 1, 4, 0, 2));
    check_case(square(3, {50}, 16, 32, 5, 2, 4, 0));
    check_case(square(2, {40}, 12, 8, 3, 1, 2, 0, 1, 4));
    check_case(square(2, {12}, 6, 6, 2, 1, 0, 0, 3, 6));  // depthwise
    check_case(square(2, {12}, 16, 32, 1, 3, 0, 0));
    check_case(square(2, {12, 9}, 16, 32, 1, 3, 0, 0));
    check_case(square(2, {13, 14}, 8, 16, 2, 4, 0, 0, 2, 4));
}

TEST_CASE("convolutions over one and three axes") {
    check_case(square(3, {50}, 1, 16, 5, 2, 2, 2));
    check_case(square(3, {50}, 16, 17, 3, 1, 1, 1));
    check_case(square(3, {51}, 64, 3, 4, 3, 0, 1));
    check_case(square(3, {40}, 4, 4, 3, 1, 2, 0, 2, 2));
    check_case(square(2, {6, 7, 8}, 3, 16, 3, 2, 1, 1));
    check_case(square(2, {5, 6, 7}, 16, 17, 3, 1, 1, 1));
    check_case(square(1, {6, 6, 6}, 1, 5, 2, 2, 0, 0));
    check_case(square(1, {6, 6, 6}, 4, 4, 3, 1, 2, 2, 2, 2));
}

TEST_CASE("convolutions over volumes") { for_each_volume_case(check_case); }

TEST_CASE("strided 1x1 convolutions with channels that fill no block") {
    for (int64_t channels : {3, 8, 16, 20}) check_case(square(2, {9, 9}, channels, 16, 1, 2, 0, 0));
}

TEST_CASE("the three directions are adjoint") {
    // <conv(x, w), y> = <x, conv_backward_data(y, w)> = <w, conv_backward_weights(x, y)>, with the
    // kernels that are chosen.
    const ConvCase cases[] = {
        square(4, {14, 14}, 16, 32, 5, 2, 1, 2), square(4, {28, 28}, 1, 64, 5, 1, 2, 2),
        square(4, {15, 13}, 3, 17, 4, 2, 1, 1), square(2, {9, 9}, 6, 4, 3, 1, 2, 1, 2, 2),
        square(2, {6, 5, 7}, 3, 5, 3, 2, 1, 1)};
    for (const ConvCase& c : cases) {
        Arena arena = empty_arena();
        const ConvData inputs(c);
        const auto product = [&](Direction direction) {
            ConvData data = inputs;
            ContractionContext context(arena, nullptr, processor_has_bf16());
            make_conv_kernel(problem_of(c, direction, data), context)->run({});
            const std::vector<float>& got = data.result(direction);
            ConvData untouched = inputs;
            const std::vector<float>& with = untouched.result(direction);
            double sum = 0;
            for (size_t i = 0; i < got.size(); ++i) sum += double(got[i]) * with[i];
            return sum;
        };
        INFO(c.text());
        const double forward = product(Direction::kForward);
        CHECK(product(Direction::kBackwardData) == Approx(forward).epsilon(1e-4).margin(1e-2));
        CHECK(product(Direction::kBackwardWeights) == Approx(forward).epsilon(1e-4).margin(1e-2));
    }
}

TEST_CASE("convolutions give the same bits with any number of threads") {
    const int usual = thread_count();
    for (const ConvCase& c :
         {square(5, {14, 9}, 32, 48, 5, 2, 1, 2), square(3, {11, 13}, 64, 16, 3, 1, 1, 1)})
        for (Direction direction : kDirections)
            for (const auto& candidate : conv_candidates(direction)) {
                std::vector<float> first;
                for (const int threads : {1, 2, 3, 8}) {
                    set_thread_count(threads);
                    Arena arena = empty_arena();
                    ContractionContext context(arena, nullptr, processor_has_bf16());
                    ConvData data(c);
                    const auto kernel = candidate.make(problem_of(c, direction, data), context);
                    if (!kernel) break;
                    kernel->run({});
                    if (first.empty()) first = data.result(direction);
                    INFO(candidate.name << " with " << threads << " threads: " << c.text());
                    CHECK(data.result(direction) == first);
                }
            }
    set_thread_count(usual);
}

TEST_CASE("weights are reordered once per call, and again in the next") {
    Arena arena = empty_arena();
    const ConvCase c = square(2, {14, 14}, 16, 32, 5, 2, 1, 2);
    ConvData data(c), other(c, 7);
    other.weights = data.weights;
    ContractionContext context(arena, nullptr, processor_has_bf16());
    ConvProblem first = problem_of(c, Direction::kForward, data),
                second = problem_of(c, Direction::kForward, other);
    second.weights_data = data.weights.data();  // the same value
    const auto a = make_conv_kernel(first, context);
    const int64_t bytes = context.layout_bytes();
    const auto b = make_conv_kernel(second, context);
    CHECK(context.layout_bytes() == bytes);
    const auto renew_weights = [&](unsigned seed) {  // in place: kernels know the address
        const std::vector<float> weights = random_floats(elements(c.weights()), seed);
        std::copy(weights.begin(), weights.end(), data.weights.begin());
        other.weights = weights;
    };
    for (unsigned call = 0; call < 3; ++call) {
        renew_weights(20 + call);
        context.begin_call();
        a->run({});
        b->run({});
        CHECK(worst_error(true_result(c, Direction::kForward, data), data.y.data()) < 2e-6);
        CHECK(worst_error(true_result(c, Direction::kForward, other), other.y.data()) < 2e-6);
    }
    // In the second call of a pair, only the kernel that runs makes the layout, whichever that is.
    renew_weights(30);
    context.begin_call();
    b->run({});
    CHECK(worst_error(true_result(c, Direction::kForward, other), other.y.data()) < 2e-6);
}

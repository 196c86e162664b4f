// Slice, pad, transpose and concat against the plain loops, on shapes whose axes can be merged in
// every way.
#include "runtime/kernels/copy.h"

#include <algorithm>
#include <numeric>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "runtime/threads/float_mode.h"
#include "tests/catch.h"
#include "tests/numeric/loop/loop_harness.h"
#include "tests/numeric/loop/loop_targets.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

const std::vector<ir::Shape> kCopiedShapes = {{1},           {7},
                                              {5000},        {1, 1},
                                              {3, 5},        {64, 48},
                                              {300, 70},     {2, 3, 4},
                                              {1, 17, 1},    {16, 16, 3},
                                              {2, 3, 4, 5},  {8, 14, 14, 16},
                                              {3, 1, 50, 2}, {2, 3, 2, 3, 2}};

const std::vector<ir::DType> kTypes = {ir::DType::kF32, ir::DType::kBf16};

/// An input of a copy.
ir::ValueId input(LoopHarness& h, const ir::Shape& shape, ir::DType dtype) {
    return h.input(shape, -2, 2, dtype);
}

/// The copy kernel's result has to equal the plain loops' exactly.
void check_copy(LoopHarness& h) { CHECK(h.difference(0, 0, &runtime::make_copy_kernel) == ""); }

}  // namespace

TEST_CASE("transposes by every permutation, on every SIMD target") {
    for_each_simd_target([] {
        for (ir::DType dtype : kTypes)
            for (const ir::Shape& shape : kCopiedShapes) {
                std::vector<int64_t> permutation(shape.size());
                std::iota(permutation.begin(), permutation.end(), 0);
                do {
                    LoopHarness h;
                    h.builder().emit(ir::Transpose{permutation}, {input(h, shape, dtype)});
                    check_copy(h);
                } while (std::next_permutation(permutation.begin(), permutation.end()));
            }
    });
}

TEST_CASE("slices and pads") {
    TestRandom random(1);
    for (const ir::Shape& shape : kCopiedShapes)
        for (int round = 0; round < 12; ++round) {
            std::vector<int64_t> starts, limits, strides, low, high, interior;
            for (int64_t size : shape) {
                const bool whole = random.chance(0.4);
                starts.push_back(whole ? 0 : random.integer(0, size - 1));
                limits.push_back(whole ? size : random.integer(starts.back() + 1, size));
                low.push_back(whole ? 0 : random.integer(0, 3));
                high.push_back(whole ? 0 : random.integer(0, 3));
                strides.push_back(random.integer(1, 3));
                interior.push_back(whole ? 0 : random.integer(0, 2));
            }
            const std::vector<ir::OpVariant> ops = {
                ir::Slice{starts, limits}, ir::Slice{starts, limits, strides}, ir::Pad{low, high},
                ir::Pad{low, high, interior}};
            for (const ir::OpVariant& op : ops)
                for (ir::DType dtype : kTypes) {
                    LoopHarness h;
                    h.builder().emit(op, {input(h, shape, dtype)});
                    check_copy(h);
                }
        }
}

TEST_CASE("concatenations along every axis") {
    const std::vector<std::vector<int64_t>> sizes_of_parts = {{3}, {1, 1}, {5, 2, 16}};
    for (const ir::Shape& shape : kCopiedShapes)
        for (size_t axis = 0; axis < shape.size(); ++axis)
            for (const std::vector<int64_t>& sizes : sizes_of_parts)
                for (ir::DType dtype : kTypes) {
                    LoopHarness h;
                    std::vector<ir::ValueId> parts;
                    for (int64_t size : sizes) {
                        ir::Shape part = shape;
                        part[axis] = size;
                        parts.push_back(input(h, part, dtype));
                    }
                    h.builder().emit(ir::Concat{static_cast<int64_t>(axis)}, parts);
                    check_copy(h);
                }
}

TEST_CASE("packs of tensors of every shape") {
    for (size_t first = 0; first < kCopiedShapes.size(); ++first)
        for (ir::DType dtype : kTypes) {
            LoopHarness h;
            std::vector<ir::ValueId> parts;
            for (size_t i = first; i < kCopiedShapes.size(); ++i)
                parts.push_back(input(h, kCopiedShapes[i], dtype));
            h.builder().emit(ir::Pack{}, parts);
            check_copy(h);
        }
}

#if defined(__SSE__)  // elsewhere they are kept
TEST_CASE("flushing subnormal numbers reaches every thread") {
    runtime::flush_denormals();
    LoopHarness h;
    const ir::ValueId x = h.input({200000}, std::vector<float>(200000, 1e-30f));
    const ir::ValueId product = h.builder().emit(ir::Mul{}, {x, x});
    const auto out = h.run();
    CHECK(std::all_of(out.at(product).begin(), out.at(product).end(),
                      [](float v) { return v == 0; }));
    constexpr unsigned kBoth = 1u << 15 | 1u << 6;
    // Other tests look at subnormal results.
    runtime::set_float_mode(runtime::float_mode() & ~kBoth);
}
#endif

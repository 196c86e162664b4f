// Broadcasts of every subset of axes and reductions over every subset, over shapes whose axes can
// be merged in every way.
#include "tests/catch.h"
#include "tests/numeric/loop/loop_harness.h"
#include "tests/numeric/loop/loop_targets.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// Sizes of one, primes, sizes around those of vectors and tiles, long rows and many short ones.
const std::vector<ir::Shape> kShapes = {
    {},
    {1},
    {1, 1},
    {17},
    {1023},
    {1025},
    {5000},
    {40000},
    {3, 7},
    {64, 16},
    {1000, 3},
    {3, 1000},
    {2, 5000},
    {7, 600},
    {300, 100},
    {100, 512},
    {100, 513},
    {2, 3, 5},
    {1, 9, 1},
    {16, 1, 33},
    {13, 11, 64},
    {4, 700, 10},
    {2, 2, 3000},
    {2, 3, 4, 5},
    {1, 5, 1, 7},
    {8, 7, 7, 16},
    {3, 1, 129, 4},
    {2, 3, 2, 800},
    {5, 4, 3, 1},
    {16, 28, 28, 3},
    {4, 9, 9, 130},
    // Enough indices of the first axis for units that have results of their own.
    {150, 2, 128},
    {48, 36, 40},
    {20, 3, 1500},
    {130, 5, 3, 7},
};

std::vector<int64_t> subset(unsigned bits) {
    std::vector<int64_t> axes;
    for (int64_t a = 0; bits >> a != 0; ++a)
        if ((bits >> a & 1) != 0) axes.push_back(a);
    return axes;
}

ir::Shape sizes_of(const ir::Shape& shape, const std::vector<int64_t>& axes) {
    ir::Shape out;
    for (int64_t a : axes) out.push_back(shape[static_cast<size_t>(a)]);
    return out;
}

}  // namespace

TEST_CASE("a broadcast of each subset of axes, alone") {
    for (const ir::Shape& shape : kShapes)
        for (unsigned bits = 0; bits < 1u << shape.size(); ++bits) {
            LoopHarness h;
            h.builder().emit_typed(ir::Broadcast{subset(bits)},
                                   {h.input(sizes_of(shape, subset(bits)))}, ir::f32(shape));
            CHECK(h.difference(0, 0) == "");
        }
}

TEST_CASE("two broadcasts of different subsets, added to a tensor of the whole space") {
    for (const ir::Shape& shape : kShapes)
        for (unsigned bits = 0; bits < 1u << (2 * shape.size()); bits += 3) {
            LoopHarness h;
            ir::Builder b = h.builder();
            const auto one = subset(bits & ((1u << shape.size()) - 1)),
                       two = subset(bits >> shape.size());
            const ir::ValueId x = h.input(shape), y = h.input(sizes_of(shape, one)),
                              z = h.input(sizes_of(shape, two));
            const ir::ValueId by = b.emit_typed(ir::Broadcast{one}, {y}, ir::f32(shape));
            const ir::ValueId bz = b.emit_typed(ir::Broadcast{two}, {z}, ir::f32(shape));
            // abs(y) varies with the axes that y has, so it is computed once per run, thread or row
            // where that suffices.
            const ir::ValueId sum = b.add(b.mul(x, b.emit(ir::Abs{}, {by})), b.sub(by, bz));
            h.fuse(shape, {sum});
            CHECK(h.difference(1e-6, 1e-6) == "");
        }
}

TEST_CASE("a reduction over each subset of axes, alone, on every SIMD target") {
    for_each_simd_target([] {
        for (const ir::Shape& shape : kShapes)
            for (unsigned bits = 0; bits < 1u << shape.size(); ++bits) {
                LoopHarness sum, max;
                sum.builder().emit(ir::ReduceSum{subset(bits)}, {sum.input(shape)});
                CHECK(sum.difference(2e-6, 2e-4) == "");
                max.builder().emit(ir::ReduceMax{subset(bits)}, {max.input(shape)});
                CHECK(max.difference(0, 0) == "");
            }
    });
}

TEST_CASE("two reductions over different subsets beside results of the whole space") {
    for (const ir::Shape& shape : kShapes)
        for (unsigned bits = 0; bits < 1u << (2 * shape.size()); bits += 5) {
            LoopHarness h;
            ir::Builder b = h.builder();
            const auto one = subset(bits & ((1u << shape.size()) - 1)),
                       two = subset(bits >> shape.size());
            const ir::ValueId x = h.input(shape), y = h.input(sizes_of(shape, one));
            const ir::ValueId by = b.emit_typed(ir::Broadcast{one}, {y}, ir::f32(shape));
            const ir::ValueId product = b.mul(x, by);
            const ir::ValueId sum = b.emit(ir::ReduceSum{one}, {product});
            const ir::ValueId max = b.emit(ir::ReduceMax{two}, {x});
            const ir::ValueId sum_of_broadcast = b.emit(ir::ReduceSum{two}, {by});
            h.fuse(shape, {sum, product, by, max, sum_of_broadcast});
            CHECK(h.difference(1e-5, 3e-4) == "");
        }
}

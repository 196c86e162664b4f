// Slices and pads as operands of loops: every axis cut or padded, rows of every length.
#include "tests/catch.h"
#include "tests/numeric/loop/loop_harness.h"
#include "tests/numeric/loop/loop_targets.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// Spaces; axes of one position may show one of several.
const std::vector<ir::Shape> kSpaces = {
    {1},       {7},         {40},         {3000},         {5, 3},           {9, 40},
    {64, 256}, {3, 700},    {2, 5000},    {4, 1, 33},     {6, 50, 1},       {1, 1},
    {3, 4, 5}, {5, 2, 600}, {2, 3, 4, 7}, {20, 1, 6, 16}, {2, 1, 3, 1, 900}};

/// The operand of a slice to `space` that leaves out `before` and 2 * `before` elements along the
/// axes of `axes`.
ir::ValueId sliced(LoopHarness& h, const ir::Shape& space, unsigned axes, int64_t before,
                   ir::DType dtype) {
    ir::Slice slice;
    ir::Shape whole = space;
    for (size_t a = 0; a < space.size(); ++a) {
        const int64_t cut = (axes >> a & 1) != 0 ? before : 0;
        whole[a] += 3 * cut;
        slice.starts.push_back(cut);
        slice.limits.push_back(cut + space[a]);
    }
    return h.builder().emit(slice, {h.input(whole, -2, 2, dtype)});
}

/// A pad to `space`; axes that are too short for it have none.
ir::ValueId padded(LoopHarness& h, const ir::Shape& space, unsigned axes, int64_t low, int64_t high,
                   ir::DType dtype) {
    ir::Pad pad;
    ir::Shape part = space;
    for (size_t a = 0; a < space.size(); ++a) {
        const bool fits = (axes >> a & 1) != 0 && space[a] > low + high;
        part[a] -= fits ? low + high : 0;
        pad.low.push_back(fits ? low : 0);
        pad.high.push_back(fits ? high : 0);
    }
    return h.builder().emit(pad, {h.input(part, -2, 2, dtype)});
}

ir::ValueId in_f32(ir::Builder b, ir::ValueId value) {
    if (b.type(value).dtype == ir::DType::kF32) return value;
    return b.emit_typed(ir::Cast{}, {value}, ir::f32(b.shape(value)));
}

}  // namespace

TEST_CASE("slices and pads along each subset of axes, beside a tensor of the whole space") {
    for (const ir::DType dtype : {ir::DType::kF32, ir::DType::kBf16})
        for (const ir::Shape& space : kSpaces)
            for (unsigned axes = 0; axes < 1u << space.size(); ++axes) {
                LoopHarness h;
                ir::Builder b = h.builder();
                const ir::ValueId x = h.input(space);
                const ir::ValueId s = in_f32(b, sliced(h, space, axes, 2, dtype));
                const ir::ValueId t = in_f32(b, sliced(h, space, axes, 1, dtype));
                const ir::ValueId p = in_f32(b, padded(h, space, axes, 1, 2, dtype));
                const ir::ValueId q = in_f32(b, padded(h, space, axes, 0, 1, dtype));
                const ir::ValueId y = b.add(b.mul(x, s), b.sub(p, b.mul(q, t)));
                h.fuse(space, {y});
                INFO(ir::to_string(space) << " axes " << axes);
                CHECK(h.difference(1e-6, 1e-6) == "");
            }
}

TEST_CASE("sums of pads, which have places in common or not") {
    for (const ir::DType dtype : {ir::DType::kF32, ir::DType::kBf16})
        for (const ir::Shape& space : kSpaces)
            for (size_t axis = 0; axis < space.size(); ++axis) {
                const int64_t size = space[axis];
                // The first three are apart and leave a gap; the last two have a place in common.
                const std::pair<int64_t, int64_t> kParts[] = {{size / 2, size / 4},
                                                              {0, size - size / 4},
                                                              {size - size / 8, 0},
                                                              {size / 2, 0}};
                LoopHarness h;
                ir::Builder b = h.builder();
                std::vector<ir::ValueId> pads;
                for (const auto& [low, high] : kParts) {
                    if (low + high >= size) continue;
                    ir::Pad pad{ir::Shape(space.size(), 0), ir::Shape(space.size(), 0)};
                    ir::Shape part = space;
                    pad.low[axis] = low, pad.high[axis] = high, part[axis] -= low + high;
                    pads.push_back(in_f32(b, b.emit(pad, {h.input(part, -2, 2, dtype)})));
                }
                if (pads.size() < 3) continue;
                const ir::ValueId apart = b.add(b.add(pads[0], pads[1]), pads[2]);
                std::vector<ir::ValueId> results{apart};
                // Of each pad but one, this is the second reader.
                if (pads.size() == 4) results.push_back(b.add(pads[3], pads[1]));
                h.fuse(space, results);
                INFO(ir::to_string(space) << " axis " << axis);
                CHECK(h.difference(1e-6, 1e-6) == "");
                LoopHarness alone;
                ir::Builder c = alone.builder();
                const auto part = [&](int64_t low, int64_t high) {
                    ir::Pad pad{ir::Shape(space.size(), 0), ir::Shape(space.size(), 0)};
                    ir::Shape shape = space;
                    pad.low[axis] = low, pad.high[axis] = high, shape[axis] -= low + high;
                    return in_f32(c, c.emit(pad, {alone.input(shape, -2, 2, dtype)}));
                };
                const ir::ValueId all =
                    c.add(c.add(part(0, size - 1), part(1, size - 2)), part(2, 0));
                alone.fuse(space, {all, c.mul(all, alone.input(space))});
                CHECK(alone.difference(1e-6, 1e-6) == "");
            }
}

TEST_CASE("a sum over what a loop reads of a slice, beside a broadcast of another shape") {
    for (const ir::Shape& space : kSpaces) {
        const auto last = static_cast<int64_t>(space.size()) - 1;
        LoopHarness h;
        ir::Builder b = h.builder();
        const ir::ValueId s = sliced(h, space, 1u << last, 3, ir::DType::kF32);
        const ir::ValueId row = h.input({space.back()});
        const ir::ValueId y = b.mul(s, b.emit_typed(ir::Broadcast{{last}}, {row}, ir::f32(space)));
        const ir::ValueId sum = b.emit(ir::ReduceSum{{last}}, {y});
        h.fuse(space, {y, sum});
        CHECK(h.difference(1e-5, 3e-4) == "");
    }
}

// Fused bodies that occur in training: every element-wise op with every form of operand, in place,
// deterministic, with scalars.
#include "runtime/threads/thread_count.h"
#include "tests/catch.h"
#include "tests/numeric/loop/loop_harness.h"
#include "tests/numeric/loop/loop_targets.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

const std::vector<ir::Shape> kFusedShapes = {{},     {1},     {15},    {16},      {1024},
                                             {1031}, {70001}, {37, 5}, {3, 1100}, {50, 31, 16}};

/// An element-wise op on operands from [low, high).
struct ElementwiseOp {
    ir::OpVariant op;
    int operands;
    double low = -4, high = 4;
};
using Examples = std::vector<ElementwiseOp>;

/// Of an op that is defined everywhere; others have an overload.
template <typename Op>
Examples examples(const Op& op) {
    return {{op, Op::kInfo.operand_count()}};
}
Examples examples(const ir::Cast&) { return {}; }  // see loop_cast.cpp
Examples examples(const ir::Div& op) { return {{op, 2, 1, 4}}; }
Examples examples(const ir::LeakyRelu&) { return {{ir::LeakyRelu{0.2}, 1}}; }
Examples examples(const ir::Log& op) { return {{op, 1, 0.1, 9}}; }
Examples examples(const ir::Pow&) { return {{ir::Pow{2}, 1}, {ir::Pow{-1.5}, 1, 0.1, 9}}; }
Examples examples(const ir::Sqrt& op) { return {{op, 1, 0, 9}}; }

template <typename Op>
void add(Examples& all) {
    if constexpr (Op::kInfo.has(ir::kElementwise))
        for (ElementwiseOp& one : examples(Op{})) all.push_back(std::move(one));
}

Examples all_ops() {
    Examples all;
#define GMC_OP(Name) add<ir::Name>(all);
#include "compiler/ir/op_kind.def"
#undef GMC_OP
    return all;
}

}  // namespace

TEST_CASE("every element-wise op with tensors, scalars and rows as operands") {
    for (const ElementwiseOp& op : all_ops())
        for (const ir::Shape& shape : kFusedShapes)
            for (int forms = 0; forms < 1 << (2 * op.operands); ++forms) {
                LoopHarness h;
                ir::Builder b = h.builder();
                std::vector<ir::ValueId> operands;
                for (int i = 0; i < op.operands; ++i) {
                    const int form = forms >> (2 * i) & 3;
                    const bool row = form == 2 && !shape.empty();
                    if (form == 0 || (form == 2 && !row))
                        operands.push_back(h.input(shape, op.low, op.high));
                    else if (form == 1)
                        operands.push_back(b.splat(h.input({}, op.low, op.high), shape));
                    else if (row)
                        operands.push_back(b.emit_typed(
                            ir::Broadcast{{static_cast<int64_t>(shape.size()) - 1}},
                            {h.input({shape.back()}, op.low, op.high)}, ir::f32(shape)));
                    else
                        operands.push_back(b.constant(1.25, shape));
                }
                const ir::ValueId out = b.emit(op.op, operands);
                h.fuse(shape, {out});
                INFO(ir::op_info(op.op).name << " forms " << forms);
                CHECK(h.difference(2e-6, 2e-7) == "");
            }
}

TEST_CASE("every element-wise op alone, in and out of place, on every SIMD target") {
    for_each_simd_target([] {
        for (const ElementwiseOp& op : all_ops())
            for (const ir::Shape& shape : kFusedShapes)
                for (int in_place = -1; in_place < op.operands; ++in_place) {
                    LoopHarness h;
                    std::vector<ir::ValueId> operands;
                    for (int i = 0; i < op.operands; ++i)
                        operands.push_back(h.input(shape, op.low, op.high));
                    const ir::ValueId out = h.builder().emit(op.op, operands);
                    if (in_place >= 0) h.put_in_place(out, operands[static_cast<size_t>(in_place)]);
                    CHECK(h.difference(2e-6, 2e-7) == "");
                }
    });
}

TEST_CASE("Adam in place: parameters and both moments over their old selves") {
    for (const ir::Shape& shape : std::vector<ir::Shape>{{5}, {1000}, {64, 33}, {100000}}) {
        LoopHarness h;
        ir::Builder b = h.builder();
        const ir::ValueId p = h.input(shape), m = h.input(shape), v = h.input(shape, 0, 1),
                          g = h.input(shape);
        const ir::ValueId rate = h.input({}, 0.01, 0.02);
        const ir::ValueId m_new = b.add(b.scale(m, 0.9), b.scale(g, 0.1));
        const ir::ValueId v_new = b.add(b.scale(v, 0.999), b.scale(b.mul(g, g), 0.001));
        const ir::ValueId step = b.div(m_new, b.offset(b.emit(ir::Sqrt{}, {v_new}), 1e-8));
        const ir::ValueId p_new = b.sub(p, b.mul(b.splat(rate, shape), step));
        h.fuse(shape, {p_new, m_new, v_new});
        h.put_in_place(p_new, p), h.put_in_place(m_new, m), h.put_in_place(v_new, v);
        CHECK(h.difference(1e-6, 1e-7) == "");
    }
}

TEST_CASE("a result over an operand that later ops and reductions still read") {
    for (const ir::Shape& shape :
         std::vector<ir::Shape>{{}, {1}, {7}, {40, 16}, {3, 2000}, {33333}}) {
        LoopHarness h;
        ir::Builder b = h.builder();
        const ir::ValueId x = h.input(shape), y = h.input(shape);
        const ir::ValueId first = b.add(x, y);       // over x, which is read below
        const ir::ValueId second = b.mul(x, first);  // over y
        const ir::ValueId total =
            b.emit(ir::ReduceSum{ir::all_axes(static_cast<int64_t>(shape.size()))}, {x});
        const ir::ValueId third = b.sub(y, x);
        h.fuse(shape, {first, second, total, third});
        h.put_in_place(first, x), h.put_in_place(second, y);
        CHECK(h.difference(1e-5, 1e-3) == "");
    }
}

TEST_CASE("results that are a broadcast, a constant, a copy, and each other's operands") {
    for (const ir::Shape& shape : kFusedShapes) {
        LoopHarness h;
        ir::Builder b = h.builder();
        const ir::ValueId x = h.input(shape), s = h.input({});
        const ir::ValueId constant = b.constant(3, shape),
                          splat = b.emit_typed(ir::Broadcast{}, {s}, ir::f32(shape));
        const ir::ValueId copy = b.emit(ir::StopGradient{}, {x});
        const ir::ValueId sum = b.add(copy, splat), product = b.mul(sum, constant);
        const ir::ValueId same = b.emit(ir::StopGradient{}, {product});
        h.fuse(shape, {constant, splat, copy, sum, product, same});
        CHECK(h.difference(1e-6, 1e-6) == "");
    }
}

TEST_CASE("step and epoch, alone in a space of rank 0 and broadcast in a larger one") {
    LoopHarness h;
    ir::Builder b = h.builder();
    const ir::ValueId step = b.emit(ir::Step{}, {}), epoch = b.emit(ir::Epoch{}, {});
    const ir::ValueId decay = b.emit(ir::Exp{}, {b.mul(step, b.constant(-0.01))});
    const ir::ValueId sum = b.add(decay, epoch);
    h.fuse({}, {decay, sum, step});
    CHECK(h.difference(1e-6, 0) == "");

    LoopHarness large;
    ir::Builder c = large.builder();
    const ir::ValueId x = large.input({300, 7});
    const ir::ValueId scaled = c.mul(x, c.splat(c.emit(ir::Step{}, {}), {300, 7}));
    large.fuse({300, 7}, {scaled});
    CHECK(large.difference(1e-6, 0) == "");
}

TEST_CASE("dropout: the mask and the masked tensor") {
    for (const ir::Shape& shape : kFusedShapes) {
        LoopHarness h;
        ir::Builder b = h.builder();
        const ir::ValueId x = h.input(shape);
        const ir::ValueId keep = b.emit(
            ir::Greater{},
            {b.emit_typed(ir::RandomUniform{3}, {}, ir::f32(shape)), b.constant(0.3, shape)});
        const ir::ValueId out = b.scale(b.mul(x, keep), 1 / 0.7);
        h.fuse(shape, {keep, out});
        CHECK(h.difference(1e-6, 0) == "");
    }
}

TEST_CASE("reductions are bit-identical from run to run, and accurate for large tensors") {
    for (const auto& [shape, axes] :
         std::vector<std::pair<ir::Shape, std::vector<int64_t>>>{{{128, 28, 28, 64}, {0, 1, 2}},
                                                                 {{128, 12544}, {0}},
                                                                 {{2000000}, {0}},
                                                                 {{128, 50176}, {1}},
                                                                 {{2, 400000}, {0}}}) {
        LoopHarness h;
        ir::Builder b = h.builder();
        const ir::ValueId x = h.input(shape, 0, 1), sum = b.emit(ir::ReduceSum{axes}, {x}),
                          square = b.emit(ir::ReduceSum{axes}, {b.mul(x, x)});
        h.fuse(shape, {sum, square});
        const auto first = h.run();
        for (int i = 0; i < 3; ++i) CHECK(h.run() == first);
        CHECK(h.difference(1e-6, 0) == "");
        const int threads = runtime::thread_count();
        for (int count : {1, 3, 4}) {
            runtime::set_thread_count(count);
            CHECK(h.difference(1e-6, 0) == "");
        }
        runtime::set_thread_count(threads);
    }
}

// Runs every op alone on the fast path: the cases of the gradient tests, element-wise ops at sizes
// around those of vectors and tiles of loops, and random numbers, which have to equal the
// reference's.
#include "compiler/ir/text/printer.h"
#include "tests/catch.h"
#include "tests/numeric/gradient/gradient_cases.h"
#include "tests/numeric/reference_comparison.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// "", or how the fast path differs on the function that `emit` writes.
template <typename Emit>
std::string check_fast(const Emit& emit, const Tolerance& tolerance = kFastOp,
                       const runtime::CallContext& call = {}) {
    ir::Module module;
    ir::Function& function = module.functions.emplace_back();
    function.name = std::string("f");
    ir::Builder b(module, function);
    TestRandom random(5);
    Scope scope(b, random);
    function.results.push_back({"y", emit(scope)});
    const std::string wrong =
        compare_fast_path(module, function, {scope.inputs(), {}, call}, tolerance);
    return wrong.empty() ? "" : wrong + ir::print(module);
}

/// Runs the op with operands of the shapes and numbers of a gradient case.
std::string check_case(const GradientCase& one) {
    return check_fast([&](Scope& s) {
        std::vector<ir::ValueId> x;
        for (const Operand& operand : one.operands) x.push_back(s.input(operand));
        return one.emit(s, x);
    });
}

}  // namespace

TEST_CASE("fast kernels of every op agree with the reference") {
    for (const GradientCase& one : all_cases()) {
        INFO(describe(one));
        CHECK(check_case(one) == "");
    }
}

TEST_CASE("fast element-wise ops agree with the reference at every size") {
    for (GradientCase one : all_cases()) {
        if (!ir::op_info(one.op).has(ir::kElementwise) || one.operands[0].fill == Fill::kDistinct)
            continue;
        for (const ir::Shape& shape :
             std::vector<ir::Shape>{{}, {1}, {7}, {8}, {63}, {65}, {3, 129}, {1025}, {70, 1001}}) {
            for (Operand& operand : one.operands) operand.shape = shape;
            if (one.result) one.result = shape;
            INFO(describe(one));
            CHECK(check_case(one) == "");
        }
    }
}

TEST_CASE("fast reductions and broadcasts agree with the reference at every size") {
    const std::vector<ir::Shape> shapes = {{1, 1, 1},    {3, 5, 7},    {2, 65, 8},
                                           {130, 3, 33}, {1, 4097, 1}, {17, 1, 300}};
    for (const ir::Shape& shape : shapes)
        for (const std::vector<int64_t>& axes :
             std::vector<std::vector<int64_t>>{{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}}) {
            INFO(ir::to_string(shape) << " axes " << ir::to_string(axes));
            for (const ir::OpVariant& op :
                 {ir::OpVariant(ir::ReduceSum{axes}), ir::OpVariant(ir::ReduceMax{axes})})
                CHECK(check_fast([&](Scope& s) { return s.b.emit(op, {s.input({shape})}); }) == "");
            CHECK(check_fast([&](Scope& s) {
                      ir::Shape kept;
                      for (int64_t axis : ir::other_axes(3, axes)) kept.push_back(shape[axis]);
                      return s.b.broadcast(s.input({kept}), ir::other_axes(3, axes), shape);
                  }) == "");
        }
}

TEST_CASE("fast positions are the reference's") {
    for (const ir::Iota& op :
         {ir::Iota{1, 1}, ir::Iota{1, 10}, ir::Iota{7, 3}, ir::Iota{100, 1000}})
        for (const ir::Shape& shape : std::vector<ir::Shape>{{}, {15}, {65}, {130, 517}}) {
            INFO(ir::to_string(shape) << " stride " << op.stride << " size " << op.size);
            CHECK(check_fast([&](Scope& s) { return s.b.emit_typed(op, {}, ir::f32(shape)); },
                             kExact) == "");
        }
}

TEST_CASE("fast random numbers are the reference's") {
    for (const runtime::CallContext& call :
         {runtime::CallContext{1, 0, 0, 0}, {0xFEDCBA9876543210u, 7, 0, 0}})
        for (const ir::Shape& shape :
             std::vector<ir::Shape>{{}, {1}, {15}, {63}, {64}, {65}, {1000}, {130, 517}}) {
            INFO(ir::to_string(shape));
            CHECK(check_fast(
                      [&](Scope& s) {
                          return s.b.emit_typed(ir::RandomUniform{3}, {}, ir::f32(shape));
                      },
                      kExact, call) == "");
            CHECK(check_fast(
                      [&](Scope& s) {
                          return s.b.emit_typed(ir::RandomNormal{3}, {}, ir::f32(shape));
                      },
                      kFastOp, call) == "");
        }
}

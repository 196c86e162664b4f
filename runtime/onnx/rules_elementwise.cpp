// The rules of element-wise ops, generators and loops.
#include "compiler/support/check.h"
#include "runtime/onnx/rules.h"

namespace gmc::onnx {

using namespace ir;  // NOLINT: this file is a table about ir's ops

void lower(const ir::Abs&, Lowering& c) { c.elementwise("Abs"); }
void lower(const ir::Add&, Lowering& c) { c.elementwise("Add"); }
void lower(const ir::Cast&, Lowering& c) {
    c.rounds_result() ? c.set_rounded() : c.set_to_operand();
}
void lower(const ir::Cos&, Lowering& c) { c.elementwise("Cos"); }
void lower(const ir::Div&, Lowering& c) { c.elementwise("Div"); }
void lower(const ir::Equal&, Lowering& c) { c.comparison("Equal"); }
void lower(const ir::Erf&, Lowering& c) { c.elementwise("Erf"); }
void lower(const ir::Exp&, Lowering& c) { c.elementwise("Exp"); }
void lower(const ir::Floor&, Lowering& c) { c.elementwise("Floor"); }
void lower(const ir::Greater&, Lowering& c) { c.comparison("Greater"); }
void lower(const ir::LeakyRelu& op, Lowering& c) {
    if (op.slope == 0)
        c.elementwise("Relu");
    else
        c.elementwise("LeakyRelu", {{"alpha", static_cast<float>(op.slope)}});
}
void lower(const ir::Log&, Lowering& c) { c.elementwise("Log"); }
void lower(const ir::Maximum&, Lowering& c) { c.elementwise("Max"); }
void lower(const ir::Minimum&, Lowering& c) { c.elementwise("Min"); }
void lower(const ir::Mul&, Lowering& c) { c.elementwise("Mul"); }
void lower(const ir::Neg&, Lowering& c) { c.elementwise("Neg"); }
void lower(const ir::Pow& op, Lowering& c) { c.elementwise("Pow", {}, {c.number(op.exponent)}); }
void lower(const ir::Select&, Lowering& c) { c.selection(); }
void lower(const ir::Sigmoid&, Lowering& c) { c.elementwise("Sigmoid"); }
void lower(const ir::Sign&, Lowering& c) { c.elementwise("Sign"); }
void lower(const ir::Sin&, Lowering& c) { c.elementwise("Sin"); }
void lower(const ir::Softplus&, Lowering& c) { c.elementwise("Softplus"); }
void lower(const ir::Sqrt&, Lowering& c) { c.elementwise("Sqrt"); }
void lower(const ir::StopGradient&, Lowering& c) { c.set_to_operand(); }
void lower(const ir::Sub&, Lowering& c) { c.elementwise("Sub"); }
void lower(const ir::Tanh&, Lowering& c) { c.elementwise("Tanh"); }

// ---- generators ---------------------------------------------------------------------------------

void lower(const ir::Constant& op, Lowering& c) {
    c.set_small(c.number(op.value), std::vector<bool>(c.sizes(c.result_id()).size(), false));
}

/// Counting along one axis is a row of numbers; anything else is computed from positions:
/// i / stride modulo size.
void lower(const ir::Iota& op, Lowering& c) {
    const Sizes& sizes = c.sizes(c.result_id());
    const auto to_float = [&](const std::string& x) {
        return c.node("Cast", {x}, {{"to", static_cast<int64_t>(ElementType::kFloat)}});
    };
    const auto integer = [&](int64_t value) { return c.node("Squeeze", {c.constants({value})}); };
    int64_t behind = 1;
    for (size_t axis = sizes.size(); axis-- > 0 && !sizes[axis].grows();) {
        if (behind == op.stride && sizes[axis].fixed == op.size) {
            Sizes row(sizes.size() - axis, Size{1, 0});
            row[0] = sizes[axis];
            std::vector<bool> spread(sizes.size(), false);
            spread[axis] = true;
            const std::string numbers =
                to_float(c.node("Range", {integer(0), integer(op.size), integer(1)}));
            return c.set_small(row.size() == 1 ? numbers : c.reshape(numbers, row), spread);
        }
        behind *= sizes[axis].fixed;
    }
    const std::string count = c.node("ReduceProd", {c.shape(sizes)}, {{"keepdims", int64_t{0}}});
    const std::string position = c.node("Range", {integer(0), count, integer(1)});
    const std::string strides = c.node("Div", {position, integer(op.stride)});
    c.set(c.reshape(to_float(c.node("Mod", {strides, integer(op.size)})), sizes));
}

void lower(const ir::RandomNormal& op, Lowering& c) { c.random(true, op.stream); }
void lower(const ir::RandomUniform& op, Lowering& c) { c.random(false, op.stream); }
void lower(const ir::Epoch&, Lowering& c) { c.epoch(); }
void lower(const ir::Step&, Lowering& c) { c.step(); }
void lower(const ir::Iteration&, Lowering& c) { c.iteration(); }

// ---- structure ----------------------------------------------------------------------------------

void lower(const ir::Fused&, Lowering& c) { c.lower_body(); }
void lower(const ir::Scan&, Lowering& c) { c.scan(); }
void lower(const ir::Attention&, Lowering&) { GMC_CHECK(false, "`attention` is expanded first"); }
void lower(const ir::AttentionGradient&, Lowering&) {
    GMC_CHECK(false, "`attention_gradient` is expanded first");
}
void lower(const ir::Gradient&, Lowering&) { GMC_CHECK(false, "`gradient` in a compiled module"); }

}  // namespace gmc::onnx

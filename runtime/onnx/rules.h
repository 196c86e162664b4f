// What each op of the IR is in ONNX: one overload of `lower` per op. An op without one does not
// link, and the linker's message names its struct.
#pragma once

#include "runtime/onnx/lowering.h"

namespace gmc::onnx {

#define GMC_OP(Name) void lower(const ir::Name& op, Lowering& c);
#include "compiler/ir/op_kind.def"
#undef GMC_OP

}  // namespace gmc::onnx

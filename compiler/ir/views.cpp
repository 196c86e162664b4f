// Row-major arithmetic.
#include "compiler/ir/views.h"

#include <algorithm>

namespace gmc::ir {

std::optional<int64_t> view_offset(const Function& function, const Operation& op) {
    const auto& slice = *op.as<Slice>();
    const Type& whole = function.type(op.operands[0]);
    const Shape& part = function.type(op.result()).shape;
    int64_t offset = 0, step = whole.bytes() / std::max<int64_t>(whole.elements(), 1);
    bool all_so_far = true;  // of the axes behind
    for (size_t i = part.size(); i-- > 0;) {
        if (part[i] > 1 && (!all_so_far || slice.stride(i) != 1)) return std::nullopt;
        offset += slice.starts[i] * step;
        step *= whole.shape[i];
        all_so_far &= part[i] == whole.shape[i];
    }
    return offset;
}

std::vector<int64_t> part_offsets(const Function& function, const Operation& op) {
    const int64_t axis = op.as<Concat>()->axis;
    const Shape& whole = function.type(op.result()).shape;
    if (std::any_of(whole.begin(), whole.begin() + axis, [](int64_t size) { return size != 1; }))
        return {};
    std::vector<int64_t> offsets;
    int64_t offset = 0;
    for (ValueId operand : op.operands) {
        offsets.push_back(offset);
        offset += function.type(operand).bytes();
    }
    return offsets;
}

}  // namespace gmc::ir

// Names, sizes and the text of tensor types.
#include "compiler/ir/type.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <numeric>

namespace gmc::ir {

const char* dtype_name(DType dtype) {
    static constexpr const char* kNames[] = {"f32", "bf16"};
    return kNames[static_cast<int>(dtype)];
}

int64_t dtype_size(DType dtype) { return dtype == DType::kBf16 ? 2 : 4; }

int64_t Type::elements() const {
    return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

std::string to_string(const Type& type) { return dtype_name(type.dtype) + to_string(type.shape); }

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

}  // namespace gmc::ir

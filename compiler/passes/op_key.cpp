// Attributes print without loss, so equal texts are equal attributes; the rest is copied as it is.
#include "compiler/passes/op_key.h"

namespace gmc::passes {

template <typename Number>
static void append(std::string& key, std::span<const Number> numbers) {
    key += static_cast<char>(numbers.size() & 0xFF);
    key.append(reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes());
}

std::string op_key(const ir::OpVariant& op, std::span<const int> operands, const ir::Type& type) {
    std::string key = attributes_text(op);
    key += static_cast<char>(op.index());
    key += static_cast<char>(type.dtype);
    append(key, operands);
    append(key, std::span<const int64_t>(type.shape));
    return key;
}

}  // namespace gmc::passes

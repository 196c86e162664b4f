// Makes the keys of hash tables for operations. Attributes print without loss, so equal texts are
// equal attributes; the op's number, the type and the operands are appended as bytes, each list
// with its length in front so that two lists cannot run into each other.
#include "compiler/passes/op_key.h"

namespace gmc::passes {

template <typename Number>
static void append(std::string& key, std::span<const Number> numbers) {
    const size_t length = numbers.size();
    key.append(reinterpret_cast<const char*>(&length), sizeof length);
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

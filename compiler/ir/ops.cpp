// What is compiled once for all ops.
#include "compiler/ir/ops.h"

#include "compiler/ir/attributes.h"

namespace gmc::ir {

OpVariant::OpVariant() noexcept = default;
OpVariant::OpVariant(const OpVariant& other) = default;
OpVariant::OpVariant(OpVariant&& other) noexcept = default;
OpVariant& OpVariant::operator=(const OpVariant& other) = default;
OpVariant& OpVariant::operator=(OpVariant&& other) noexcept = default;
OpVariant::~OpVariant() = default;

const OpInfo& op_info(const OpVariant& op) {
    return std::visit(
        [](const auto& o) -> const OpInfo& {
            using T = std::decay_t<decltype(o)>;
            if constexpr (std::is_same_v<T, std::monostate>) {
                static constexpr OpInfo kNothing{"nothing", "", "not an op"};
                return kNothing;
            } else {
                return T::kInfo;
            }
        },
        op);
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out + "\"";
}

std::string attributes_text(const OpVariant& op) {
    return std::visit(
        [](const auto& o) {
            if constexpr (std::is_same_v<std::decay_t<decltype(o)>, std::monostate>)
                return std::string();
            else
                return attributes_text(o);
        },
        op);
}

}  // namespace gmc::ir

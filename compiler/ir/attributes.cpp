// The text of attribute values, one overload of text_of() per type of member, compiled once for all
// objects with fields. Floating-point numbers get the fewest digits that read back as the same
// number (fmt's default), so that text loses nothing.
#include "compiler/ir/attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/support/wrap.h"

namespace gmc::ir {
namespace {

std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(int64_t value) { return fmt::format("{}", value); }
std::string text_of(double value) { return fmt::format("{}", value); }
std::string text_of(DType value) { return dtype_name(value); }
std::string text_of(const std::string& value) { return quoted(value); }
std::string text_of(const Interval& value) { return fmt::format("[{},{}]", value.low, value.high); }
std::string text_of(const std::vector<int64_t>& value) {
    return fmt::format("[{}]", fmt::join(value, ","));
}
std::string text_of(const std::vector<std::string>& value) {
    std::string out;
    for (const std::string& text : value) out += (out.empty() ? "" : ",") + quoted(text);
    return "[" + out + "]";
}

}  // namespace

std::string quoted(const std::string& text) {
    std::string escaped;
    for (char c : text) {
        if (c == '"' || c == '\\') escaped += '\\';
        if (c == '\n')
            escaped += "\\n";
        else
            escaped += c;
    }
    return '"' + printable_lines(escaped) + '"';
}

std::string attribute_text(const ConstMember& member) {
    return std::visit([](const auto* value) { return text_of(*value); }, member.value);
}

/// `defaults` are the members of a default-made object of the same type, in the same order; members
/// equal to theirs are left out.
std::string attributes_text(const std::vector<ConstMember>& members,
                            const std::vector<ConstMember>& defaults) {
    std::string out;
    for (size_t i = 0; i < members.size(); ++i) {
        const bool is_default = std::visit(
            [&](const auto* value) {
                return *value == *std::get<decltype(value)>(defaults[i].value);
            },
            members[i].value);
        if (is_default) continue;
        out += fmt::format("{}{}={}", out.empty() ? "" : ", ", members[i].name,
                           attribute_text(members[i]));
    }
    return out.empty() ? "" : " {" + out + "}";
}

}  // namespace gmc::ir

// Attributes as text, generically over a field list: `{slope=0.3, dims=[3]}`. Ops have such lists,
// and initializers, and the lines of the contract. Fields at their default are left out.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <tuple>
#include <vector>

#include "compiler/ir/contract.h"

namespace gmc::ir {

/// The text in quotes, with `"`, `\` and line breaks escaped.
std::string quoted(const std::string& text);

inline std::string attribute_text(bool value) { return value ? "true" : "false"; }
inline std::string attribute_text(int64_t value) { return fmt::format("{}", value); }
inline std::string attribute_text(double value) { return fmt::format("{}", value); }
inline std::string attribute_text(DType value) { return dtype_name(value); }
inline std::string attribute_text(const std::string& value) { return quoted(value); }
inline std::string attribute_text(const Interval& value) {
    return fmt::format("[{},{}]", value.low, value.high);
}
inline std::string attribute_text(const std::vector<int64_t>& value) {
    return fmt::format("[{}]", fmt::join(value, ","));
}
inline std::string attribute_text(const std::vector<std::string>& value) {
    std::string out;
    for (const std::string& text : value) out += (out.empty() ? "" : ",") + quoted(text);
    return "[" + out + "]";
}

/// Calls visitor(name, value) for each field of `object`.
template <typename Object, typename Visitor>
void for_each_field(Object&& object, Visitor&& visitor) {
    std::apply([&](const auto&... f) { (visitor(f.name, object.*(f.member)), ...); },
               std::decay_t<Object>::fields());
}

/// `{a=1, b=[2,3]}` with a leading space, or "" when all fields have their defaults.
template <typename Object>
std::string attributes_text(const Object& object) {
    const Object defaults{};
    std::string out;
    std::apply(
        [&](const auto&... f) {
            [[maybe_unused]] const auto one = [&](const auto& member) {
                if (object.*(member.member) == defaults.*(member.member)) return;
                out += fmt::format("{}{}={}", out.empty() ? "" : ", ", member.name,
                                   attribute_text(object.*(member.member)));
            };
            (one(f), ...);
        },
        Object::fields());
    return out.empty() ? "" : " {" + out + "}";
}

}  // namespace gmc::ir

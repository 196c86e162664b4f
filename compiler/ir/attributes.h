// Attributes as text, made from lists of fields: `{slope=0.3, dims=[3]}`. Ops, initializers and the
// lines of the contract have such lists, `fields()`. Fields at their default are left out.
//
// There are many types of objects, but few types of members. So readers and printers work on a list
// of members, each a name and an address, and are compiled once; all that is compiled per type of
// object is the function that makes the list.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

#include "compiler/ir/contract.h"

namespace gmc::ir {

/// A member of some object: its name in the text, and where it is.
template <template <typename> typename Address>
struct MemberAt {
    std::string_view name;
    std::variant<Address<bool>, Address<int64_t>, Address<double>, Address<DType>,
                 Address<std::string>, Address<Interval>, Address<std::vector<int64_t>>,
                 Address<std::vector<std::string>>>
        value;
};
template <typename T>
using AddressToRead = const T*;
template <typename T>
using AddressToWrite = T*;
using ConstMember = MemberAt<AddressToRead>;
using Member = MemberAt<AddressToWrite>;

/// The members in the object's list of fields. They are valid as long as the object.
template <typename Object>
auto members_of(Object& object) {
    using One = std::conditional_t<std::is_const_v<Object>, ConstMember, Member>;
    std::vector<One> out;
    std::apply(
        [&](const auto&... f) {
            (out.push_back({f.name, &(object.*(f.member))}), ...);
        },
        Object::fields());
    return out;
}
inline std::vector<Member> members_of(std::monostate&) { return {}; }
inline std::vector<ConstMember> members_of(const std::monostate&) { return {}; }
/// The attributes of whichever op the variant holds.
std::vector<Member> members_of(OpVariant& op);
std::vector<ConstMember> members_of(const OpVariant& op);

/// The text in quotes, with `"`, `\`, line breaks and what printable_lines() escapes escaped.
std::string quoted(const std::string& text);
/// The value as attributes are written.
std::string attribute_text(const ConstMember& member);

/// `{a=1, b=[2,3]}` with a leading space, or "" when all members equal their defaults.
std::string attributes_text(const std::vector<ConstMember>& members,
                            const std::vector<ConstMember>& defaults);
template <typename Object>
std::string attributes_text(const Object& object) {
    if constexpr (std::tuple_size_v<decltype(Object::fields())> == 0) return "";
    const Object defaults{};
    return attributes_text(members_of(object), members_of(defaults));
}
inline std::string attributes_text(const std::monostate&) { return ""; }

}  // namespace gmc::ir

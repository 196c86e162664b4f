// What is compiled once for all ops, and not again in every file that handles them: the copying and
// moving of OpVariant, the table of all ops, what element-wise ops make of numbers, and attributes
// as lists and as text.
#include "compiler/ir/ops.h"

#include "compiler/ir/attributes.h"

namespace gmc::ir {

OpVariant::OpVariant() noexcept = default;
#define GMC_OP(Name) \
    OpVariant::OpVariant(const Name& op) : OpAlternatives(std::in_place_type<Name>, op) {}
#include "compiler/ir/op_kind.def"
#undef GMC_OP
OpVariant::OpVariant(const OpVariant& other) = default;
OpVariant::OpVariant(OpVariant&& other) noexcept = default;
OpVariant& OpVariant::operator=(const OpVariant& other) = default;
OpVariant& OpVariant::operator=(OpVariant&& other) noexcept = default;
OpVariant::~OpVariant() = default;

const std::vector<OpVariant>& all_ops() {
    static const std::vector<OpVariant> kOps = [] {
        std::vector<OpVariant> ops;
#define GMC_OP(Name) ops.emplace_back().emplace<Name>();
#include "compiler/ir/op_kind.def"
#undef GMC_OP
        return ops;
    }();
    return kOps;
}

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

namespace {

template <typename Op>
std::optional<double> value_of(const Op& op, std::span<const double> x) {
    if constexpr (!Op::kInfo.has(kElementwise)) {
        return std::nullopt;
    } else {
        constexpr int kCount = Op::kInfo.operand_count();
        constexpr bool kIsFunction = kCount == 1 ? std::is_invocable_v<Op, double>
                                     : kCount == 2
                                         ? std::is_invocable_v<Op, double, double>
                                         : std::is_invocable_v<Op, double, double, double>;
        static_assert(kIsFunction,
                      "an element-wise op says what it makes of numbers, by operator()");
        if constexpr (kCount == 1)
            return op(x[0]);
        else if constexpr (kCount == 2)
            return op(x[0], x[1]);
        else
            return op(x[0], x[1], x[2]);
    }
}
std::optional<double> value_of(const Cast&, std::span<const double>) { return std::nullopt; }
std::optional<double> value_of(const std::monostate&, std::span<const double>) {
    return std::nullopt;
}

}  // namespace

std::optional<double> scalar_value(const OpVariant& op, std::span<const double> operands) {
    return std::visit([&](const auto& o) { return value_of(o, operands); }, op);
}

std::vector<Member> members_of(OpVariant& op) {
    return std::visit([](auto& o) { return members_of(o); }, op);
}

std::vector<ConstMember> members_of(const OpVariant& op) {
    return std::visit([](const auto& o) { return members_of(o); }, op);
}

std::string attributes_text(const OpVariant& op) {
    return std::visit([](const auto& o) { return attributes_text(o); }, op);
}

}  // namespace gmc::ir

// A chain is an op like others: an arity and an `apply`.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/tile_chain.cpp"
#include <hwy/foreach_target.h>
// After foreach_target, as Highway wants it.
#include <variant>

#include <hwy/highway.h>

#include "runtime/kernels/tile_chain.h"
#include "runtime/kernels/tile_elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// `First` is an op of two operands, or the square root.
template <class First, class Second, bool kSwapped>
struct Chain {
    static constexpr ir::OpInfo kInfo{"chain", arity(First::kInfo) == 1 ? "a, c" : "a, b, c", ""};
};

template <class First, class Second, bool kSwapped, class D, class V>
HWY_INLINE V apply(const Chain<First, Second, kSwapped>&, D d, V a, V b, V c) {
    const V x = apply(First{}, d, a, b);
    return kSwapped ? apply(Second{}, d, c, x) : apply(Second{}, d, x, c);
}
template <class First, class Second, bool kSwapped, class D, class V>
HWY_INLINE V apply(const Chain<First, Second, kSwapped>&, D d, V a, V c) {
    const V x = apply(First{}, d, a);
    return kSwapped ? apply(Second{}, d, c, x) : apply(Second{}, d, x, c);
}

template <class Op>
constexpr bool kArithmetic = std::is_same_v<Op, ir::Add> || std::is_same_v<Op, ir::Sub> ||
                             std::is_same_v<Op, ir::Mul> || std::is_same_v<Op, ir::Div>;

struct ChainFinder {
    bool swapped;
    unsigned splat;

    template <class First, class Second>
    TileFunction operator()(const First&, const Second&) const {
        constexpr bool kFirst = kArithmetic<First> || std::is_same_v<First, ir::Sqrt>;
        if constexpr (!kFirst || !kArithmetic<Second>) {
            return nullptr;
        } else {
            using Straight = Chain<First, Second, false>;
            constexpr auto kMasks =
                std::make_integer_sequence<unsigned, 1u << arity(Straight::kInfo)>();
            if constexpr (Second::kInfo.has(ir::kCommutative))
                return variant_at<Straight>(splat, kMasks);
            else
                return swapped ? variant_at<Chain<First, Second, true>>(splat, kMasks)
                               : variant_at<Straight>(splat, kMasks);
        }
    }
};

TileFunction find_chain_function(const ir::OpVariant& first, const ir::OpVariant& second,
                                 bool swapped, unsigned splat) {
    return std::visit(ChainFinder{swapped, splat}, first, second);
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(find_chain_function);

TileFunction chain_function(const ir::OpVariant& first, const ir::OpVariant& second, bool swapped, unsigned splat) {
    return HWY_DYNAMIC_DISPATCH(find_chain_function)(first, second, swapped, splat);
}

}  // namespace gmc::runtime
#endif  // HWY_ONCE

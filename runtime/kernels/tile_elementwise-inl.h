// The loop over a tile of one element-wise op: whatever has an `apply` and an arity.

// clang-format off
#if defined(GMC_RUNTIME_KERNELS_TILE_ELEMENTWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GMC_RUNTIME_KERNELS_TILE_ELEMENTWISE_INL_H_
#undef GMC_RUNTIME_KERNELS_TILE_ELEMENTWISE_INL_H_
#else
#define GMC_RUNTIME_KERNELS_TILE_ELEMENTWISE_INL_H_
#endif
// clang-format on

#include <cstring>
#include <type_traits>
#include <utility>

#include <hwy/highway.h>

#include "runtime/kernels/elementwise-inl.h"
#include "runtime/kernels/tile_function.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// "a, b" -> 2.
constexpr size_t arity(const ir::OpInfo& info) {
    size_t count = info.operands.empty() ? 0 : 1;
    for (char c : info.operands) count += c == ',';
    return count;
}

/// An op without attributes needs no struct anywhere.
template <class Op>
HWY_INLINE Op op_of(const TileCall& call) {
    if constexpr (std::is_empty_v<Op>) return {};
    return *static_cast<const Op*>(call.op);
}

template <bool kIsSplat, class D>
HWY_INLINE hn::Vec<D> load_operand(D d, const float* tile, float splat) {
    if constexpr (kIsSplat) {
        (void)tile;
        return hn::Set(d, splat);
    } else {
        (void)splat;
        return hn::LoadU(d, tile);
    }
}

template <bool kIsSplat>
HWY_INLINE void copy_unless(const float* from, float* to, size_t bytes) {
    if constexpr (!kIsSplat) std::memcpy(to, from, bytes);
}

/// The last elements, fewer than a vector: through a padded copy, so that nothing beyond the tile is touched.
template <class Op, unsigned kSplat, size_t... kOperand>
HWY_INLINE void elementwise_rest(const Op& op, const TileCall& call, size_t begin,
                                 const float* splats, std::index_sequence<kOperand...>) {
    const hn::ScalableTag<float> d;
    constexpr size_t kLanes = hn::MaxLanes(d);
    const size_t bytes = (call.count - begin) * sizeof(float);
    HWY_ALIGN float padded[sizeof...(kOperand)][kLanes] = {};
    (copy_unless<(kSplat >> kOperand & 1) != 0>(call.in[kOperand] + begin, padded[kOperand], bytes),
     ...);
    HWY_ALIGN float result[kLanes];
    hn::Store(apply(op, d,
                    load_operand<(kSplat >> kOperand & 1) != 0>(d, padded[kOperand],
                                                                splats[kOperand])...),
              d, result);
    std::memcpy(call.out + begin, result, bytes);
}

template <class Op, unsigned kSplat, size_t... kOperand>
HWY_INLINE void elementwise_loop(const TileCall& call, std::index_sequence<kOperand...> operands) {
    const hn::ScalableTag<float> d;
    const size_t lanes = hn::Lanes(d);
    // Copies, because stores to `out` could alias the originals and would force a load per vector.
    const Op op = op_of<Op>(call);
    const float splats[] = {((kSplat >> kOperand & 1) != 0 ? *call.in[kOperand] : 0.0f)...};
    const size_t count = call.count;
    float* out = call.out;
    const float* in[] = {call.in[kOperand]...};
    size_t i = 0;
    for (; i + lanes <= count; i += lanes)
        hn::StoreU(apply(op, d,
                         load_operand<(kSplat >> kOperand & 1) != 0>(d, in[kOperand] + i,
                                                                     splats[kOperand])...),
                   d, out + i);
    if (i < count) elementwise_rest<Op, kSplat>(op, call, i, splats, operands);
}

template <class Op, unsigned kSplat>
void run_elementwise(const TileCall& call) {
    elementwise_loop<Op, kSplat>(call, std::make_index_sequence<arity(Op::kInfo)>());
}

/// Variants by splat mask; all operands splat is left to calls with count 1.
template <class Op, unsigned kSplat>
constexpr TileFunction variant() {
    constexpr unsigned kAll = (1u << arity(Op::kInfo)) - 1;
    if constexpr (kSplat == kAll)
        return nullptr;
    else
        return &run_elementwise<Op, kSplat>;
}

template <class Op, unsigned... kSplats>
TileFunction variant_at(unsigned splat, std::integer_sequence<unsigned, kSplats...>) {
    static constexpr TileFunction kVariants[] = {variant<Op, kSplats>()...};
    return splat < sizeof...(kSplats) ? kVariants[splat] : nullptr;
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard

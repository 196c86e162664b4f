// Compiles the tile functions of all ops for every SIMD target, and finds the one for an op on this
// machine. Each element-wise op gets a function for every combination of operands that are tiles
// and operands that are single numbers ("splats"): a template makes them from the op's `apply`
// (elementwise-inl.h).
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/tile_function.cpp"
#include <hwy/foreach_target.h>
// After foreach_target, as Highway wants it.
#include <cstring>
#include <utility>
#include <variant>

#include <hwy/highway.h>

#include "runtime/kernels/elementwise-inl.h"
#include "runtime/kernels/philox-inl.h"
#include "runtime/kernels/tile_function.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class Op>
constexpr size_t kArity = static_cast<size_t>(Op::kInfo.operand_count());

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

/// The last elements, fewer than a vector: through a padded copy, so that nothing beyond the tile
/// is touched.
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
    const Op op = *static_cast<const Op*>(call.op);
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
    elementwise_loop<Op, kSplat>(call, std::make_index_sequence<kArity<Op>>());
}

/// Variants by splat mask; all operands splat is left to calls with count 1.
template <class Op, unsigned kSplat>
constexpr TileFunction variant() {
    constexpr unsigned kAll = (1u << kArity<Op>)-1;
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

void run_generator(const ir::Constant* op, const TileCall& call) {
    for (size_t i = 0; i < call.count; ++i) call.out[i] = static_cast<float>(op->value);
}
void run_generator(const ir::Iota* op, const TileCall& call) {
    int64_t value = call.first / op->stride % op->size, left = op->stride - call.first % op->stride;
    for (size_t i = 0; i < call.count; ++i) {
        call.out[i] = static_cast<float>(value);
        if (--left > 0) continue;
        left = op->stride;
        value = value + 1 == op->size ? 0 : value + 1;
    }
}
void run_generator(const ir::RandomNormal*, const TileCall& call) {
    run_random<ir::RandomNormal>(call);
}
void run_generator(const ir::RandomUniform*, const TileCall& call) {
    run_random<ir::RandomUniform>(call);
}
void run_generator(const ir::Epoch*, const TileCall& call) {
    call.out[0] = static_cast<float>(call.context->epoch);
}
void run_generator(const ir::Iteration*, const TileCall& call) {
    call.out[0] = static_cast<float>(call.context->iteration);
}
void run_generator(const ir::Step*, const TileCall& call) {
    call.out[0] = static_cast<float>(call.context->step);
}

template <class Op>
void run_generator_of(const TileCall& call) {
    run_generator(static_cast<const Op*>(call.op), call);
}

/// Finds the function for an op by overload.
struct Finder {
    unsigned splat;

    template <class Op>
    TileFunction operator()(const Op&) const {
        if constexpr (Op::kInfo.has(ir::kElementwise))
            return variant_at<Op>(splat, std::make_integer_sequence<unsigned, 1u << kArity<Op>>());
        else if constexpr (Op::kInfo.has(ir::kGenerator) || Op::kInfo.has(ir::kRuntimeScalar))
            return &run_generator_of<Op>;
        else
            return nullptr;
    }
    TileFunction operator()(const ir::Cast&) const { return nullptr; }
    TileFunction operator()(const std::monostate&) const { return nullptr; }
};

TileFunction find_tile_function(const ir::OpVariant& op, unsigned splat) {
    return std::visit(Finder{splat}, op);
}

/// At most 512 bits (64 bytes).
int bits_of_vectors() { return static_cast<int>(8 * hn::Lanes(hn::CappedTag<uint8_t, 64>())); }

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(find_tile_function);
HWY_EXPORT(bits_of_vectors);

TileFunction tile_function(const ir::OpVariant& op, unsigned splat) {
    return HWY_DYNAMIC_DISPATCH(find_tile_function)(op, splat);
}

int vector_bits() { return HWY_DYNAMIC_DISPATCH(bits_of_vectors)(); }

const void* op_address(const ir::OpVariant& op) {
    return std::visit([](const auto& o) -> const void* { return &o; }, op);
}

}  // namespace gmc::runtime
#endif  // HWY_ONCE

// Tile functions that convert between f32 and bf16, or copy. A bf16 is the upper half of an f32: to
// f32 is a shift; to bf16 is an addition that rounds, then a shift (bf16.h). This file is compiled
// once per SIMD target; the last elements of a tile, fewer than a vector, are done one by one.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/tile_cast.cpp"
#include <hwy/foreach_target.h>
// After foreach_target, as Highway wants it.
#include <algorithm>
#include <cstring>

#include <hwy/highway.h>

#include "runtime/kernels/bf16-inl.h"
#include "runtime/kernels/bf16.h"
#include "runtime/kernels/tile_cast.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using D16 = hn::Rebind<uint16_t, D>;

void to_bf16(const TileCall& call) {
    const D d;
    const float* in = call.in[0];
    auto* out = reinterpret_cast<uint16_t*>(call.out);
    const size_t lanes = hn::Lanes(d);
    size_t i = 0;
    for (; i + lanes <= call.count; i += lanes)
        hn::StoreU(nearest_bf16(d, hn::LoadU(d, in + i)), D16(), out + i);
    for (; i < call.count; ++i) {
        const uint16_t y = bf16_from_float(in[i]);
        std::memcpy(out + i, &y, sizeof y);
    }
}

void to_f32(const TileCall& call) {
    const D d;
    const auto* in = reinterpret_cast<const uint16_t*>(call.in[0]);
    float* out = call.out;
    const size_t lanes = hn::Lanes(d);
    size_t i = 0;
    for (; i + lanes <= call.count; i += lanes) hn::StoreU(load_bf16(d, in + i), d, out + i);
    for (; i < call.count; ++i) {
        uint16_t x;
        std::memcpy(&x, in + i, sizeof x);
        out[i] = float_from_bf16(x);
    }
}

template <typename T>
void copy(const TileCall& call) {
    std::memcpy(call.out, call.in[0], call.count * sizeof(T));
}

template <typename T>
void fill(const TileCall& call) {
    const hn::ScalableTag<T> d;
    T number;
    std::memcpy(&number, call.in[0], sizeof number);
    auto* out = reinterpret_cast<T*>(call.out);
    const auto numbers = hn::Set(d, number);
    size_t i = 0;
    for (; i + hn::Lanes(d) <= call.count; i += hn::Lanes(d)) hn::StoreU(numbers, d, out + i);
    for (; i < call.count; ++i) std::memcpy(out + i, &number, sizeof number);
}

/// Casts that do not change the type copy elements of 4 or 2 bytes, or fill the tile with one.
TileFunction find_cast_function(ir::DType from, ir::DType to, unsigned splat) {
    const bool wide_from = from == ir::DType::kF32, wide_to = to == ir::DType::kF32;
    if (wide_from && wide_to) return splat != 0 ? &fill<uint32_t> : &copy<uint32_t>;
    if (!wide_from && !wide_to) return splat != 0 ? &fill<uint16_t> : &copy<uint16_t>;
    // Not needed: the cast of a single number is computed with count 1.
    if (splat != 0) return nullptr;
    return wide_from ? &to_bf16 : &to_f32;
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(find_cast_function);

TileFunction cast_function(ir::DType from, ir::DType to, unsigned splat) {
    return HWY_DYNAMIC_DISPATCH(find_cast_function)(from, to, splat);
}

void cast_elements(const void* from, ir::DType from_type, void* to, ir::DType to_type,
                   int64_t count) {
    constexpr int64_t kPiece = 16384, kShared = 4 * kPiece;
    const TileFunction cast = cast_function(from_type, to_type, 0);
    const int64_t from_size = ir::dtype_size(from_type), to_size = ir::dtype_size(to_type);
    run_parts(count, count > kShared ? kPiece : count, thread_count(),
              [&](int64_t begin, int64_t end, int) {
                  TileCall call;
                  call.in[0] = reinterpret_cast<const float*>(static_cast<const std::byte*>(from) +
                                                              begin * from_size);
                  call.out =
                      reinterpret_cast<float*>(static_cast<std::byte*>(to) + begin * to_size);
                  call.count = static_cast<size_t>(end - begin);
                  cast(call);
              });
}

}  // namespace gmc::runtime
#endif  // HWY_ONCE

// Turns bytes into floats by a multiplication, an addition and a division, a vector at a time.
// Compiled once per SIMD target; the one for this machine is chosen at run time.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/data/files/byte_scale.cpp"
#include <hwy/foreach_target.h>
// After foreach_target, as Highway wants it.
#include <hwy/highway.h>

#include "runtime/data/files/byte_scale.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void scale_bytes_target(const uint8_t* bytes, size_t count, const ByteScale& scale, float* floats) {
    const hn::ScalableTag<float> d;
    const hn::RebindToSigned<decltype(d)> d32;
    const hn::Rebind<uint8_t, decltype(d)> d8;
    const size_t lanes = hn::Lanes(d);
    const auto factor = hn::Set(d, scale.factor), term = hn::Set(d, scale.term);
    const auto divisor = hn::Set(d, scale.divisor);
    const auto scaled = [&](auto eight) HWY_ATTR {
        const auto v = hn::ConvertTo(d, hn::PromoteTo(d32, eight));
        return hn::Div(hn::Add(hn::Mul(factor, v), term), divisor);
    };
    size_t i = 0;
    for (; i + lanes <= count; i += lanes)
        hn::StoreU(scaled(hn::LoadU(d8, bytes + i)), d, floats + i);
    for (; i < count; ++i)
        floats[i] = (scale.factor * static_cast<float>(bytes[i]) + scale.term) / scale.divisor;
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(scale_bytes_target);

void scale_bytes(const uint8_t* bytes, size_t count, const ByteScale& scale, float* floats) {
    HWY_DYNAMIC_DISPATCH(scale_bytes_target)(bytes, count, scale, floats);
}

}  // namespace gmc::runtime
#endif  // HWY_ONCE

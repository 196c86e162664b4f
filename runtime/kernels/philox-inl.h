// Philox4x32-10 and the random ops on vectors: the same words as the scalar philox.h, 64 elements
// at a time. Blocks sit one per 64-bit lane with their words in the lower halves, because the 32 x
// 32 -> 64 bit multiplication wants them so and leaves both halves of the product in place; the
// upper halves hold rubbish that nothing reads.

// clang-format off
#if defined(GMC_RUNTIME_KERNELS_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GMC_RUNTIME_KERNELS_PHILOX_INL_H_
#undef GMC_RUNTIME_KERNELS_PHILOX_INL_H_
#else
#define GMC_RUNTIME_KERNELS_PHILOX_INL_H_
#endif
// clang-format on

#include <cstring>

#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"
#include "runtime/kernels/philox.h"
#include "runtime/kernels/tile_function.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kChunk = 64;  ///< elements of 16 blocks of 4 words; see philox_place()

using WordTag = hn::CappedTag<uint32_t, 16>;
using WordVector = hn::Vec<WordTag>;
using RandomTag = hn::RebindToFloat<WordTag>;
using RandomVector = hn::Vec<RandomTag>;

#if HWY_TARGET == HWY_SCALAR

/// The words of one block; the scalar target's vectors have one lane.
HWY_INLINE void philox_words(uint64_t block, uint32_t call, uint32_t stream, uint64_t seed,
                             WordVector (&words)[4]) {
    const PhiloxCounter scalar = philox_block(block, call, stream, seed);
    for (int i = 0; i < 4; ++i) words[i] = hn::Set(WordTag(), scalar[i]);
}

#else

using PairTag = hn::RepartitionToWide<WordTag>;
using PairVector = hn::Vec<PairTag>;

/// The four words of some blocks, one block per 64-bit lane.
struct Blocks {
    PairVector w0, w1, w2, w3;
};

HWY_INLINE void philox_round(Blocks& b, PairVector key0, PairVector key1) {
    const WordTag dw;
    const PairVector product0 = hn::MulEven(hn::BitCast(dw, b.w0), hn::Set(dw, 0xD2511F53u));
    const PairVector product1 = hn::MulEven(hn::BitCast(dw, b.w2), hn::Set(dw, 0xCD9E8D57u));
    b.w0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), b.w1), key0);
    b.w1 = product1;
    b.w2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), b.w3), key1);
    b.w3 = product0;
}

/// Lower halves of `even` and of `odd`, interleaved: the word of blocks 0, 1, 2, ...
HWY_INLINE WordVector interleaved(PairVector even, PairVector odd) {
    const WordTag dw;
    return hn::OddEven(hn::BitCast(dw, hn::ShiftLeft<32>(odd)), hn::BitCast(dw, even));
}

/// Words of Lanes(WordTag) consecutive blocks from `block` on; lanes never carry into the upper
/// counter word.
HWY_INLINE void philox_words(uint64_t block, uint32_t call, uint32_t stream, uint64_t seed,
                             WordVector (&words)[4]) {
    const PairTag dp;
    const PairVector lane = hn::Iota(dp, 0);
    const PairVector first = hn::Add(hn::Add(lane, lane), hn::Set(dp, block & 0xFFFFFFFFu));
    Blocks even = {first, hn::Set(dp, block >> 32), hn::Set(dp, call), hn::Set(dp, stream)};
    Blocks odd = {hn::Add(first, hn::Set(dp, 1)), even.w1, even.w2, even.w3};
    uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const PairVector k0 = hn::Set(dp, key0), k1 = hn::Set(dp, key1);
        philox_round(even, k0, k1);
        philox_round(odd, k0, k1);
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    words[0] = interleaved(even.w0, odd.w0);
    words[1] = interleaved(even.w1, odd.w1);
    words[2] = interleaved(even.w2, odd.w2);
    words[3] = interleaved(even.w3, odd.w3);
}

#endif  // HWY_SCALAR

/// (w >> 8) + offset, as a float times 2^-24: exact.
HWY_INLINE RandomVector unit_interval(WordVector word, int32_t offset) {
    const RandomTag df;
    const hn::RebindToSigned<RandomTag> di;
    const auto integer = hn::Add(hn::BitCast(di, hn::ShiftRight<8>(word)), hn::Set(di, offset));
    return hn::Mul(hn::ConvertTo(df, integer), hn::Set(df, 0x1p-24f));
}

/// Box and Muller: two words to two independent normal numbers.
HWY_INLINE void normal_pair(WordVector a, WordVector b, RandomVector& first, RandomVector& second) {
    const RandomTag df;
    const RandomVector u1 = unit_interval(a, 1);
    const RandomVector log_u1 = log_normal(df, u1, hn::Zero(df));
    const RandomVector radius = hn::Sqrt(hn::Mul(log_u1, hn::Set(df, -2.0f)));
    RandomVector sine, cosine;
    sin_cos_of_turns(df, unit_interval(b, 0), sine, cosine);
    first = hn::Mul(radius, cosine);
    second = hn::Mul(radius, sine);
}

/// What the random ops make of the words of some blocks.
HWY_INLINE void from_words(const ir::RandomUniform&, const WordVector (&w)[4],
                           RandomVector (&out)[4]) {
    for (int i = 0; i < 4; ++i) out[i] = unit_interval(w[i], 0);
}
HWY_INLINE void from_words(const ir::RandomNormal&, const WordVector (&w)[4],
                           RandomVector (&out)[4]) {
    normal_pair(w[0], w[1], out[0], out[1]);
    normal_pair(w[2], w[3], out[2], out[3]);
}

/// The 64 elements of chunk `chunk`.
template <class Op>
HWY_INLINE void random_chunk(const Op& op, uint64_t chunk, const CallContext& context,
                             float* HWY_RESTRICT out) {
    const RandomTag df;
    const size_t lanes = hn::Lanes(df);
    for (size_t lane = 0; lane < 16; lane += lanes) {
        WordVector words[4];
        philox_words(chunk * 16 + lane, context.call, static_cast<uint32_t>(op.stream),
                     context.seed, words);
        RandomVector values[4];
        from_words(op, words, values);
        for (size_t word = 0; word < 4; ++word)
            hn::StoreU(values[word], df, out + word * 16 + lane);
    }
}

template <class Op>
void run_random(const TileCall& call) {
    const Op& op = *static_cast<const Op*>(call.op);
    uint64_t chunk = static_cast<uint64_t>(call.first) / kChunk;
    size_t skip = static_cast<size_t>(call.first) % kChunk;
    for (size_t done = 0; done < call.count; ++chunk) {
        if (skip == 0 && call.count - done >= kChunk) {
            random_chunk(op, chunk, *call.context, call.out + done);
            done += kChunk;
            continue;
        }
        HWY_ALIGN float whole[kChunk];
        random_chunk(op, chunk, *call.context, whole);
        const size_t wanted = HWY_MIN(kChunk - skip, call.count - done);
        std::memcpy(call.out + done, whole + skip, wanted * sizeof(float));
        done += wanted;
        skip = 0;
    }
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard

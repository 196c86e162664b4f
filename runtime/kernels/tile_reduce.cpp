// Reductions of tiles, compiled for every SIMD target. A new reduction is one more `Combine`
// specialization. Several vectors are added at a time in registers of their own, because one
// addition takes several cycles to complete and the next into the same register would wait for it.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/tile_reduce.cpp"
#include <hwy/foreach_target.h>
// After foreach_target, as Highway wants it.
#include <cmath>
#include <variant>

#include <hwy/highway.h>

#include "runtime/kernels/tile_reduce.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;
using WideTag = hn::ScalableTag<double>;
using HalfTag = hn::Rebind<float, WideTag>;  // as many floats as a vector has doubles

/// What a reduction does with two numbers, and what it starts from.
template <class Op>
struct Combine;
template <>
struct Combine<ir::ReduceSum> {
    static constexpr float kIdentity = 0;
    template <class T>
    static HWY_INLINE T numbers(T a, T b) {
        return a + b;
    }
    template <class V>
    static HWY_INLINE V vectors(V a, V b) {
        return hn::Add(a, b);
    }
    static HWY_INLINE float lanes(Tag d, Vector v) { return hn::GetLane(hn::SumOfLanes(d, v)); }
};
template <>
struct Combine<ir::ReduceMax> {
    static constexpr float kIdentity = -HUGE_VALF;
    template <class T>
    static HWY_INLINE T numbers(T a, T b) {
        return a > b || a != a ? a : b;
    }
    template <class V>
    static HWY_INLINE V vectors(V a, V b) {
        return hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::IsNaN(b), b, hn::Max(a, b)));
    }
    static HWY_INLINE float lanes(Tag d, Vector v) {
        return hn::AllFalse(d, hn::IsNaN(v)) ? hn::GetLane(hn::MaxOfLanes(d, v)) : NAN;
    }
};

/// Takes `count` floats into as many double accumulators.
template <class Op>
HWY_INLINE void take_in(const float* values, size_t count, double* accumulators) {
    size_t i = 0;
#if HWY_HAVE_FLOAT64
    const WideTag d;
    for (const size_t lanes = hn::Lanes(d); i + lanes <= count; i += lanes) {
        const auto wide = hn::PromoteTo(d, hn::LoadU(HalfTag(), values + i));
        hn::StoreU(Combine<Op>::vectors(hn::LoadU(d, accumulators + i), wide), d, accumulators + i);
    }
#endif
    for (; i < count; ++i)
        accumulators[i] = Combine<Op>::numbers(accumulators[i], static_cast<double>(values[i]));
}

/// Vectors of columns that are carried down the rows at once.
constexpr size_t kUnroll = 4;
/// Rows that are added in f32 before their sum goes to the accumulators.
constexpr size_t kMostRows = 64;

/// Goes down `rows` rows with four vectors of columns at once, in f32, and takes the four sums into
/// the accumulators.
template <class Op>
HWY_INLINE void reduce_four_vectors(Tag d, const float* from, size_t rows, size_t width,
                                    double* accumulators) {
    const size_t lanes = hn::Lanes(d);
    HWY_ALIGN float sums[kUnroll * hn::MaxLanes(Tag())];
    Vector s0 = hn::LoadU(d, from), s1 = hn::LoadU(d, from + lanes);
    Vector s2 = hn::LoadU(d, from + 2 * lanes), s3 = hn::LoadU(d, from + 3 * lanes);
    for (size_t r = 1; r < rows; ++r) {
        from += width;
        s0 = Combine<Op>::vectors(s0, hn::LoadU(d, from));
        s1 = Combine<Op>::vectors(s1, hn::LoadU(d, from + lanes));
        s2 = Combine<Op>::vectors(s2, hn::LoadU(d, from + 2 * lanes));
        s3 = Combine<Op>::vectors(s3, hn::LoadU(d, from + 3 * lanes));
    }
    hn::Store(s0, d, sums);
    hn::Store(s1, d, sums + lanes);
    hn::Store(s2, d, sums + 2 * lanes);
    hn::Store(s3, d, sums + 3 * lanes);
    take_in<Op>(sums, kUnroll * lanes, accumulators);
}

/// At most kMostRows rows: in stripes of four vectors of columns, then of one vector, then of one
/// column.
template <class Op>
HWY_INLINE void reduce_some_rows(const float* tile, size_t rows, size_t width,
                                 double* accumulators) {
    const Tag d;
    const size_t lanes = hn::Lanes(d);
    size_t j = 0;
    for (; j + kUnroll * lanes <= width; j += kUnroll * lanes)
        reduce_four_vectors<Op>(d, tile + j, rows, width, accumulators + j);
    for (; j + lanes <= width; j += lanes) {
        HWY_ALIGN float sums[hn::MaxLanes(Tag())];
        Vector s = hn::LoadU(d, tile + j);
        for (size_t r = 1; r < rows; ++r)
            s = Combine<Op>::vectors(s, hn::LoadU(d, tile + r * width + j));
        hn::Store(s, d, sums);
        take_in<Op>(sums, lanes, accumulators + j);
    }
    for (; j < width; ++j) {
        float s = tile[j];
        for (size_t r = 1; r < rows; ++r) s = Combine<Op>::numbers(s, tile[r * width + j]);
        take_in<Op>(&s, 1, accumulators + j);
    }
}

template <class Op>
void reduce_columns(const float* tile, size_t rows, size_t width, double* accumulators) {
    if (rows == 1) return take_in<Op>(tile, width, accumulators);
    for (size_t row = 0; row < rows; row += kMostRows)
        reduce_some_rows<Op>(tile + row * width, HWY_MIN(kMostRows, rows - row), width,
                             accumulators);
}

/// The reduction of `count` numbers in f32.
template <class Op>
HWY_INLINE float reduced(const float* tile, size_t count) {
    const Tag d;
    const size_t lanes = hn::Lanes(d);
    float sum = Combine<Op>::kIdentity;
    size_t i = 0;
    if (count >= lanes) {
        Vector s0 = hn::LoadU(d, tile);
        i = lanes;
        if (count >= kUnroll * lanes) {
            Vector s1 = hn::LoadU(d, tile + lanes), s2 = hn::LoadU(d, tile + 2 * lanes),
                   s3 = hn::LoadU(d, tile + 3 * lanes);
            for (i = kUnroll * lanes; i + kUnroll * lanes <= count; i += kUnroll * lanes) {
                s0 = Combine<Op>::vectors(s0, hn::LoadU(d, tile + i));
                s1 = Combine<Op>::vectors(s1, hn::LoadU(d, tile + i + lanes));
                s2 = Combine<Op>::vectors(s2, hn::LoadU(d, tile + i + 2 * lanes));
                s3 = Combine<Op>::vectors(s3, hn::LoadU(d, tile + i + 3 * lanes));
            }
            s0 = Combine<Op>::vectors(Combine<Op>::vectors(s0, s1), Combine<Op>::vectors(s2, s3));
        }
        for (; i + lanes <= count; i += lanes)
            s0 = Combine<Op>::vectors(s0, hn::LoadU(d, tile + i));
        sum = Combine<Op>::lanes(d, s0);
    }
    for (; i < count; ++i) sum = Combine<Op>::numbers(sum, tile[i]);
    return sum;
}

template <class Op>
void reduce_all(const float* tile, size_t count, double* accumulator) {
    const float sum = reduced<Op>(tile, count);
    take_in<Op>(&sum, 1, accumulator);
}

template <class Op>
void reduce_rows(const float* tile, size_t rows, size_t width, float* out) {
    for (size_t r = 0; r < rows; ++r) out[r] = reduced<Op>(tile + r * width, width);
}

template <class Op>
void merge(const double* others, size_t width, double* accumulators) {
    for (size_t i = 0; i < width; ++i)
        accumulators[i] = Combine<Op>::numbers(accumulators[i], others[i]);
}

struct ReduceFinder {
    template <class Op>
    ReduceFunctions operator()(const Op&) const {
        if constexpr (Op::kInfo.has(ir::kReduction))
            return {&reduce_columns<Op>, &reduce_all<Op>, &reduce_rows<Op>, &merge<Op>,
                    Combine<Op>::kIdentity};
        else
            return {};
    }
    ReduceFunctions operator()(const std::monostate&) const { return {}; }
};

ReduceFunctions find_reduce_functions(const ir::OpVariant& op) {
    return std::visit(ReduceFinder(), op);
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(find_reduce_functions);

ReduceFunctions reduce_functions(const ir::OpVariant& op) {
    return HWY_DYNAMIC_DISPATCH(find_reduce_functions)(op);
}

}  // namespace gmc::runtime
#endif  // HWY_ONCE

// As a binary counter: after pass p of a node, one sum is kept for each bit of p + 1 that is 1.
#include "runtime/program/pass_sum.h"

#include <algorithm>
#include <bit>

#include "runtime/kernels/bf16.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// So many elements go through all additions at once, in a cache.
constexpr int64_t kPiece = 1024;
/// A thread takes at least so many pieces at a time.
constexpr int64_t kLeastPieces = 8;

void round_all(float* numbers, int64_t count) {
    for (int64_t i = 0; i < count; ++i) numbers[i] = rounded_to_bf16(numbers[i]);
}

}  // namespace

PassSum::PassSum(const float* each, std::vector<float*> kept, float* sum, int64_t elements,
                 bool rounded, std::vector<ShardNode> nodes)
    : each_(each),
      kept_(std::move(kept)),
      sum_(sum),
      elements_(elements),
      rounded_(rounded),
      nodes_(std::move(nodes)),
      stride_(elements),
      threads_(thread_count()) {}

PassSum PassSum::part(int64_t begin, int64_t elements) const {
    PassSum part = *this;
    part.each_ += begin;
    for (float*& kept : part.kept_) kept += begin;
    part.sum_ += begin;
    part.elements_ = elements;
    return part;
}

/// The sum of half of a node is the last that is kept, and lies where the sum of all will.
float* PassSum::place(size_t node, int level) const {
    const int half = std::bit_width(static_cast<uint64_t>(nodes_[node].count)) - 2;
    return level < half ? kept_[static_cast<size_t>(level)] : sum(node);
}

void PassSum::add(int64_t pass) {
    size_t node = 0;
    while (pass >= nodes_[node].count) pass -= nodes_[node++].count;
    const int additions = std::countr_one(static_cast<uint64_t>(pass));
    const int64_t pieces = (elements_ + kPiece - 1) / kPiece;
    run_parts(pieces, kLeastPieces, threads_, [&](int64_t piece, int64_t end, int) {
        for (; piece < end; ++piece) {
            const int64_t begin = piece * kPiece, count = std::min(kPiece, elements_ - begin);
            float sum[kPiece];
            std::copy_n(each_ + begin, count, sum);
            if (rounded_) round_all(sum, count);
            for (int level = 0; level < additions; ++level) {
                const float* before = place(node, level) + begin;
#pragma omp simd
                for (int64_t i = 0; i < count; ++i) sum[i] = before[i] + sum[i];
                if (rounded_) round_all(sum, count);
            }
            std::copy_n(sum, count, place(node, additions) + begin);
        }
    });
}

}  // namespace gmc::runtime

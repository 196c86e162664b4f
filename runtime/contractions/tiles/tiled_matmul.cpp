// Matrix products in register tiles, in three forms:
// - a b: 64 columns of b at a time stay in the second-level cache, while rows of a are read.
// - a b^T: dot products with four rows of b at a time.
// - a^T b, which is a weight gradient: the sum is only as long as the batch, and b stays in cache
//   while some rows of the result are finished.
#include "runtime/contractions/tiles/tiled_matmul.h"

#include <omp.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "runtime/contractions/tiles/tile_simd.h"
#include "runtime/kernels/tile_function.h"

namespace gmc::runtime {
namespace {

/// Rows of the result that are finished together should stay in the second-level cache, next to the
/// columns of b. But b is read again for each such block of rows.
constexpr int64_t kBlockBytes = 256 << 10;
constexpr int64_t kBlockRowsLeast = 8 * kTileRows;
/// The same for a^T b, whose epilogue is usually an optimizer's update: with larger blocks it reads
/// longer pieces of the weights and moments at once.
constexpr int64_t kGradientBlockBytes = 512 << 10;
constexpr int64_t kGradientBlockRowsLeast = 2 * kTileRows;
/// The longest sum over rows of b at a time: 64 columns of this many rows fill half of the
/// second-level cache.
constexpr int64_t kDepthMost = 2048;
/// Bytes of rows of b for dot products. These come from the second-level cache, and the tile's rows
/// of a from the first-level one.
constexpr int64_t kDotBlockBytes = 128 << 10;
/// With fewer rows, most threads have nothing to do. No rule that chooses a kernel looks at the
/// number of threads, because a trained model's bits must not depend on it.
constexpr int64_t kRowsLeast = 4;
/// Smaller products are finished before a second thread would have started.
constexpr int64_t kSerialProducts = 1 << 17;

class TiledMatmul final : public Kernel {
  public:
    explicit TiledMatmul(const MatmulProblem& p)
        : p_(p),
          threads_(p.m * p.n * p.k < kSerialProducts ? 1 : omp_get_max_threads()),
          block_rows_(p.transpose_a ? block_rows(kGradientBlockBytes, kGradientBlockRowsLeast)
                                    : block_rows(kBlockBytes, kBlockRowsLeast)) {
        for (int64_t r = 0; r < kTileRows; ++r) row_offsets_.push_back(r);
        if (p.transpose_a)
            for (int64_t k = 0; k < p.k; ++k)
                points_.push_back({static_cast<int32_t>(k * p.m), static_cast<int32_t>(k * p.n)});
    }

    void run(const CallContext& context) override {
        if (epilogue_ != nullptr) epilogue_->begin(context);
#pragma omp parallel num_threads(threads_)
        {
            const int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
            const int64_t begin = p_.m * thread / threads, end = p_.m * (thread + 1) / threads;
            for (int64_t row = begin; row < end; row += block_rows_) {
                const Rows block{row, std::min(row + block_rows_, end)};
                run_rows(block);
                if (epilogue_ != nullptr)
                    epilogue_->follow(static_cast<int>(thread), block.begin * p_.n,
                                      block.end * p_.n);
            }
        }
        if (epilogue_ != nullptr) epilogue_->end();
    }

    bool set_epilogue(Epilogue* epilogue) override {
        epilogue_ = epilogue;
        return true;
    }

  private:
    struct Rows {
        int64_t begin, end;
    };

    int64_t block_rows(int64_t bytes, int64_t least) const {
        return std::max(bytes / (4 * p_.n) / kTileRows * kTileRows, least);
    }

    /// Computes some rows of the result: 64 columns at a time, and of these six rows at a time.
    /// Sums longer than kDepthMost are added up in pieces.
    void run_rows(Rows rows) const {
        if (p_.transpose_b) return run_dot_products(rows);
        for (int64_t column = 0; column < p_.n; column += kTileColumns)
            for (int64_t k = 0; k < (p_.transpose_a ? 1 : p_.k); k += kDepthMost)
                for (int64_t row = rows.begin; row < rows.end; row += kTileRows) {
                    const int count =
                        static_cast<int>(std::min<int64_t>(kTileRows, rows.end - row));
                    const int64_t columns = std::min(kTileColumns, p_.n - column);
                    float* to = p_.c + row * p_.n + column;
                    if (p_.transpose_a)
                        run_gradient_tile({p_.a + row, p_.b + column, to, points_.data(), p_.k,
                                           p_.n, row_offsets_.data(), count, columns, false,
                                           false});
                    else
                        run_point_tile({p_.a + row * p_.k + k, p_.b + k * p_.n + column, to,
                                        &kOneTap, 1, std::min(kDepthMost, p_.k - k), p_.k, 0, p_.n,
                                        p_.n, count, columns, k > 0, false, false});
                }
    }

    /// For each tile of rows of a, goes through as many rows of b as fit into kDotBlockBytes.
    void run_dot_products(Rows rows) const {
        const int64_t block =
            std::max(kDotBlockBytes / (4 * p_.k) / kDotColumns, int64_t{1}) * kDotColumns;
        for (int64_t first = 0; first < p_.n; first += block)
            for (int64_t row = rows.begin; row < rows.end; row += kTileRows)
                for (int64_t column = first; column < std::min(first + block, p_.n);
                     column += kDotColumns)
                    run_dot_tile({p_.a + row * p_.k, p_.b + column * p_.k,
                                  p_.c + row * p_.n + column, p_.k, p_.k, p_.k, p_.n,
                                  static_cast<int>(std::min<int64_t>(kTileRows, rows.end - row)),
                                  static_cast<int>(std::min<int64_t>(kDotColumns, p_.n - column))});
    }

    static constexpr PointTap kOneTap{0, 0};

    MatmulProblem p_;
    int threads_;
    int64_t block_rows_;
    std::vector<int64_t> row_offsets_;
    /// Of a^T b: where the terms of a sum are in a and in b.
    std::vector<PointPair> points_;
    Epilogue* epilogue_ = nullptr;
};

}  // namespace

std::unique_ptr<Kernel> make_tiled_matmul(const MatmulProblem& p, ContractionContext&) {
    if (p.products > 1) return nullptr;
    constexpr int64_t kOffsetMost = std::numeric_limits<int32_t>::max();
    if (p.transpose_a && (p.transpose_b || p.k * std::max(p.m, p.n) > kOffsetMost)) return nullptr;
    const int64_t along = p.transpose_b ? p.k : p.n;
    if (along < kTileVector || p.m < kRowsLeast) return nullptr;
    if (along % kTileVector != 0 && vector_bits() < 32 * kTileVector) return nullptr;
    return std::make_unique<TiledMatmul>(p);
}

bool prefers_tiled_matmul(const MatmulProblem& p) {
    // Measured on Zen 5, two threads, microseconds here and by the better of oneDNN 2.6.3's two: 32
    // x 20 x 400: 2.0 and 2.8; 20 x 32 x 400 with a transposed: 2.2 and 2.9. Larger ones are faster
    // when they run alone (32 x 784 x 400 with b transposed: 49 and 67). But each thread reads all
    // of b, and with other programs in the shared cache, steps of vae_mlp took 10 % longer with
    // them.
    if (p.m * p.n * p.k < (1 << 20)) return true;
    // Weight gradients of small batches with an optimizer as epilogue. As a product alone this is
    // as fast as oneDNN, and it is better for the optimizer: oneDNN's threads share the columns of
    // wide products, so that half of what the optimizer's threads read is in another core's cache.
    constexpr int64_t kSumMost = 64;
    return p.transpose_a && p.followed && p.k <= kSumMost;
}

}  // namespace gmc::runtime

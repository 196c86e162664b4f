// Matrix products in register tiles, in three forms:
// - a b: 64 columns of b at a time stay in the second-level cache, while rows of a are read.
// - a b^T: dot products with four rows of b at a time.
// - a^T b, which is a weight gradient: the sum is only as long as the batch, and b stays in cache
//   while some rows of the result are finished.
#include "runtime/contractions/tiles/tiled_matmul.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "runtime/contractions/tiles/packed_matmul.h"
#include "runtime/contractions/tiles/pieces.h"
#include "runtime/contractions/tiles/tile_simd.h"
#include "runtime/kernels/tile_function.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

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
/// A unit has at least this many products (about 2 us).
constexpr int64_t kUnitProducts = 1 << 16;
/// How many blocks of rows there may be. Each number divides evenly among the usual numbers of
/// threads.
constexpr int64_t kRowBlockCounts[] = {1, 2, 4, 6, 8, 12, 16, 24};
/// So many units let several threads end at the same time.
constexpr int64_t kUnitsWanted = 24;

class TiledMatmul final : public Kernel {
  public:
    explicit TiledMatmul(const MatmulProblem& p)
        : p_(p),
          threads_(thread_count()),
          columns_(choose_columns()),
          row_blocks_(choose_row_blocks(), (p.n + columns_ - 1) / columns_) {
        for (int64_t r = 0; r < kTileRows; ++r) row_offsets_.push_back(r);
        if (p.transpose_a)
            for (int64_t k = 0; k < p.k; ++k)
                points_.push_back({static_cast<int32_t>(k * p.m), static_cast<int32_t>(k * p.n)});
    }

    /// The epilogue gets a block of rows when all of its columns have been computed.
    void run(const CallContext& context) override {
        if (epilogue_ != nullptr) epilogue_->begin(context);
        a_ = p_.a_in_pass(context.pass), c_ = p_.c_in_pass(context.pass);
        row_blocks_.start();
        run_units(row_blocks_.pieces(), threads_, [&](int64_t unit, int worker) {
            const auto [block, piece] = row_blocks_.of_unit(unit, columns_first(p_));
            const int64_t column = piece * columns_;
            const Range rows{row_border(block), row_border(block + 1)};
            run_block(rows, {column, std::min(column + columns_, p_.n)});
            if (epilogue_ != nullptr && row_blocks_.completes(block))
                epilogue_->follow(worker, rows.begin * p_.n, rows.end * p_.n);
        });
        if (epilogue_ != nullptr) epilogue_->end();
    }

    bool set_epilogue(Epilogue* epilogue) override {
        epilogue_ = epilogue;
        return true;
    }

  private:
    struct Range {
        int64_t begin, end;
    };

    /// Columns of a unit: those of b that stay in cache while its rows pass. All of them for a^T b,
    /// where b stays.
    int64_t choose_columns() const {
        if (p_.transpose_a || p_.m * p_.n * p_.k < 2 * kUnitProducts) return p_.n;
        if (!p_.transpose_b) return kTileColumns;
        return std::max(kDotBlockBytes / (4 * p_.k) / kDotColumns, int64_t{1}) * kDotColumns;
    }

    /// Blocks that stay in cache, or more of them for more units; the fewer, the less often b is
    /// read.
    int64_t choose_row_blocks() const {
        const int64_t bytes = p_.transpose_a ? kGradientBlockBytes : kBlockBytes,
                      least = p_.transpose_a ? kGradientBlockRowsLeast : kBlockRowsLeast;
        const int64_t rows = std::max(bytes / (4 * p_.n) / kTileRows * kTileRows, least);
        const int64_t pieces = (p_.n + columns_ - 1) / columns_;
        const int64_t wanted = std::max((p_.m + rows - 1) / rows, kUnitsWanted / pieces);
        const int64_t most = std::min((p_.m + kTileRows - 1) / kTileRows,
                                      p_.m * p_.n * p_.k / pieces / kUnitProducts);
        const int64_t count = std::max(std::min(wanted, most), int64_t{1});
        for (int64_t usual : kRowBlockCounts)
            if (usual >= count && usual <= most) return usual;
        return count;
    }

    /// Blocks are whole tiles of rows, as equal as possible.
    int64_t row_border(int64_t block) const {
        const int64_t tiles = (p_.m + kTileRows - 1) / kTileRows;
        return std::min(tiles * block / row_blocks_.parts() * kTileRows, p_.m);
    }

    /// Computes some rows and columns of the result: 64 columns at a time, and of these six rows at
    /// a time. Sums longer than kDepthMost are added up in pieces.
    void run_block(Range rows, Range columns) const {
        if (p_.transpose_b) return run_dot_products(rows, columns);
        if (p_.transpose_a) return run_gradient_tiles(rows, columns);
        for (int64_t column = columns.begin; column < columns.end; column += kTileColumns)
            for (int64_t k = 0; k < p_.k; k += kDepthMost)
                run_point_tiles(
                    {a_ + rows.begin * p_.k + k, p_.b + k * p_.n + column,
                     c_ + rows.begin * p_.n + column, &kOneTap, 1, std::min(kDepthMost, p_.k - k),
                     p_.k, 0, p_.n, p_.n, rows.end - rows.begin,
                     std::min(kTileColumns, columns.end - column), k > 0, false, false});
    }

    void run_gradient_tiles(Range rows, Range columns) const {
        for (int64_t column = columns.begin; column < columns.end; column += kTileColumns)
            for (int64_t row = rows.begin; row < rows.end; row += kTileRows)
                run_gradient_tile({a_ + row, p_.b + column, c_ + row * p_.n + column,
                                   points_.data(), p_.k, p_.n, row_offsets_.data(),
                                   static_cast<int>(std::min<int64_t>(kTileRows, rows.end - row)),
                                   std::min(kTileColumns, columns.end - column), false, false});
    }

    void run_dot_products(Range rows, Range columns) const {
        for (int64_t row = rows.begin; row < rows.end; row += kTileRows)
            for (int64_t column = columns.begin; column < columns.end; column += kDotColumns)
                run_dot_tile(
                    {a_ + row * p_.k, p_.b + column * p_.k, c_ + row * p_.n + column, p_.k, p_.k,
                     p_.k, p_.n, static_cast<int>(std::min<int64_t>(kTileRows, rows.end - row)),
                     static_cast<int>(std::min<int64_t>(kDotColumns, columns.end - column))});
    }

    static constexpr PointTap kOneTap{0, 0};

    MatmulProblem p_;
    const float* a_ = nullptr;  ///< in this pass
    float* c_ = nullptr;
    int threads_;
    int64_t columns_;
    Pieces row_blocks_;
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
    // when they run alone (32 x 784 x 400 with b transposed: 49 and 67). But beside other programs
    // steps of vae_mlp took 10 % longer with them. That was measured when each thread still read
    // all of b (see columns_first).
    if (p.m * p.n * p.k < (1 << 20)) return true;
    // Weight gradients of small batches with an optimizer as epilogue. As a product alone this is
    // as fast as oneDNN, and it is better for the optimizer: oneDNN's threads share the columns of
    // wide products, so that half of what the optimizer's threads read is in another core's cache.
    constexpr int64_t kSumMost = 64;
    return p.transpose_a && p.followed && p.k <= kSumMost && !packs_for_reader(p);
}

}  // namespace gmc::runtime

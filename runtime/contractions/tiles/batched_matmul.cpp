// Computes many small products. Each product is divided into blocks of rows; a block is a unit of
// work for one thread, which runs register tiles over it.
#include "runtime/contractions/tiles/batched_matmul.h"

#include <algorithm>
#include <vector>

#include "compiler/support/numbers.h"
#include "runtime/contractions/tiles/tile_simd.h"
#include "runtime/kernels/tile_function.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// What a thread packs must fit its second-level cache.
constexpr int64_t kPackedBytesMost = 512 << 10;
/// When there are fewer products than this, they are divided into blocks of rows, so that there are
/// about as many units as this.
constexpr int64_t kBatchedUnitsWanted = 16;
/// A unit of less work than this many products of numbers is not worth its overhead.
constexpr int64_t kBatchedUnitProducts = 1 << 15;

class BatchedMatmul final : public Kernel {
  public:
    BatchedMatmul(const MatmulProblem& p, ContractionContext& context)
        : p_(p),
          arena_(context.arena()),
          threads_(p.products * p.m * p.n * p.k < 2 * kBatchedUnitProducts ? 1 : thread_count()),
          packs_b_(p.transpose_b || (p.n % kTileVector != 0 && vector_bits() < 32 * kTileVector)),
          b_stride_(packs_b_ ? align_up(p.n, kTileVector) : p.n) {
        const int64_t most =
            std::min((p.m + kTileRows - 1) / kTileRows, p.m * p.n * p.k / kBatchedUnitProducts);
        blocks_ = std::max<int64_t>(1, std::min(kBatchedUnitsWanted / p.products, most));
        arena_.reserve_scratch(threads_ * worker_floats() * 4);
    }

    void run(const CallContext& context) override {
        if (epilogue_ != nullptr) epilogue_->begin(context);
        auto* scratch = reinterpret_cast<float*>(arena_.scratch());
        run_units(p_.products * blocks_, threads_, [&](int64_t unit, int worker) {
            run_unit(unit / blocks_, unit % blocks_, scratch + worker * worker_floats(), worker);
        });
        if (epilogue_ != nullptr) epilogue_->end();
    }

    bool set_epilogue(Epilogue* epilogue) override {
        epilogue_ = epilogue;
        return true;
    }

    /// The floats of b in its packed form, whose rows are whole vectors.
    static int64_t packed_floats(const MatmulProblem& p) {
        return p.k * align_up(p.n, kTileVector);
    }

  private:
    int64_t worker_floats() const {
        return (packs_b_ ? packed_floats(p_) : 0) + (p_.transpose_a ? p_.m * p_.k : 0) +
               kTileRows * kTileColumns;
    }

    void run_unit(int64_t product, int64_t block, float* own, int worker) {
        const int64_t tiles = (p_.m + kTileRows - 1) / kTileRows;
        const int64_t begin = tiles * block / blocks_ * kTileRows,
                      end = std::min(tiles * (block + 1) / blocks_ * kTileRows, p_.m);
        const float* a = p_.a + product * p_.m * p_.k;
        const float* b = p_.b + product * p_.k * p_.n;
        float* c = p_.c + product * p_.m * p_.n;
        float* tile = own;
        own += kTileRows * kTileColumns;
        if (packs_b_) b = pack_b(b, own);
        if (packs_b_) own += packed_floats(p_);
        if (p_.transpose_a) a = pack_a(a, begin, end, own);
        for (int64_t column = 0; column < p_.n; column += kTileColumns)
            run_columns(a, b, c, begin, end, column, tile);
        if (epilogue_ != nullptr)
            epilogue_->follow(worker, (product * p_.m + begin) * p_.n,
                              (product * p_.m + end) * p_.n);
    }

    /// Where vectors have no masks, the last columns are computed as whole vectors into `spare`.
    void run_columns(const float* a, const float* b, float* c, int64_t begin, int64_t end,
                     int64_t column, float* spare) const {
        const int64_t columns = std::min(kTileColumns, p_.n - column);
        const bool whole = columns % kTileVector == 0 || vector_bits() >= 32 * kTileVector;
        const int64_t step = whole ? end - begin : kTileRows;
        for (int64_t row = begin; row < end; row += step) {
            const int64_t rows = std::min(step, end - row);
            float* to = c + row * p_.n + column;
            run_point_tiles({a + row * p_.k, b + column, whole ? to : spare, &kOneTap, 1, p_.k,
                             p_.k, 0, b_stride_, whole ? p_.n : kTileColumns, rows,
                             whole ? columns : align_up(columns, kTileVector), false, false,
                             false});
            for (int64_t r = 0; r < (whole ? 0 : rows); ++r)
                std::copy_n(spare + r * kTileColumns, columns, to + r * p_.n);
        }
    }

    /// Packs b as [K, N] with rows of whole vectors.
    const float* pack_b(const float* b, float* packed) const {
        const int64_t row = p_.transpose_b ? 1 : p_.n, column = p_.transpose_b ? p_.k : 1;
        for (int64_t k = 0; k < p_.k; ++k) {
            float* to = packed + k * b_stride_;
            for (int64_t j = 0; j < p_.n; ++j) to[j] = b[k * row + j * column];
            std::fill(to + p_.n, to + b_stride_, 0.0F);
        }
        return packed;
    }

    /// Packs rows `begin` to `end` of a as [M, K]; returns the address that row 0 would have there.
    const float* pack_a(const float* a, int64_t begin, int64_t end, float* packed) const {
        for (int64_t k = 0; k < p_.k; ++k)
            for (int64_t i = begin; i < end; ++i) packed[i * p_.k + k] = a[k * p_.m + i];
        return packed;
    }

    static constexpr PointTap kOneTap{0, 0};

    MatmulProblem p_;
    Arena& arena_;
    int threads_;
    bool packs_b_;
    int64_t b_stride_;
    int64_t blocks_ = 1;  ///< of rows, for each product
    Epilogue* epilogue_ = nullptr;
};

}  // namespace

std::unique_ptr<Kernel> make_batched_matmul(const MatmulProblem& p, ContractionContext& context) {
    const int64_t packed = BatchedMatmul::packed_floats(p) + p.m * p.k;
    if (p.products == 1 || !p.is_f32() || 4 * packed > kPackedBytesMost) return nullptr;
    return std::make_unique<BatchedMatmul>(p, context);
}

bool prefers_batched_matmul(const MatmulProblem& p) { return p.products > 1; }

}  // namespace gmc::runtime

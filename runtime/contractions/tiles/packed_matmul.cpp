// The sum is cut into blocks of terms, which are computed one after another:
// - The rows of b of a block are copied into panels, [panel][term][columns of the panel]. A panel
//   is as wide as a tile.
// - With a transposed, its rows of the block are copied into groups, [group][term][six rows of the
//   result]. Otherwise a tile reads six rows of a where they are: each is contiguous.
// - Then the tiles. A unit is a block of rows and some panels. Its rows of a stay in the
//   second-level cache while one panel after another passes.
#include "runtime/contractions/tiles/packed_matmul.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime/contractions/tiles/pieces.h"
#include "runtime/contractions/tiles/tile_simd.h"
#include "runtime/kernels/tile_function.h"
#include "runtime/kernels/tile_transpose.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

class PackedMatmul final : public Kernel {
  public:
    PackedMatmul(const MatmulProblem& p, Arena& arena)
        : p_(p),
          arena_(arena),
          threads_(thread_count()),
          panel_(vector_bits() >= 32 * kTileVector ? kTileColumns : kTileVector),
          panels_(ceil_div(p.n, panel_)),
          groups_(ceil_div(p.m, kTileRows)),
          terms_(choose_terms()),
          blocks_(choose_row_blocks(), 1) {
        const int64_t wanted = std::min(panels_, ceil_div(kUnitsWanted, blocks_.parts()));
        panels_of_unit_ = ceil_div(panels_, wanted);
        blocks_ = Pieces(blocks_.parts(), ceil_div(panels_, panels_of_unit_));
        arena_.reserve_scratch(4 * (terms_ * p.n + a_floats()));
    }

    void run(const CallContext& context) override {
        if (epilogue_ != nullptr) epilogue_->begin(context);
        blocks_.start();
        for (int64_t first = 0; first < p_.k; first += terms_) {
            const Terms terms{first, std::min(terms_, p_.k - first)};
            pack(terms);
            run_units(blocks_.pieces(), threads_, [&](int64_t unit, int worker) {
                const auto [block, piece] = blocks_.of_unit(unit, columns_first(p_));
                run_unit(terms, block, piece, worker);
            });
        }
        if (epilogue_ != nullptr) epilogue_->end();
    }

    bool set_epilogue(Epilogue* epilogue) override {
        epilogue_ = epilogue;
        return true;
    }

  private:
    /// The result of a block of rows stays in the second-level cache for the epilogue.
    static constexpr int64_t kBlockBytes = 256 << 10;
    static constexpr int64_t kBlockTilesLeast = 8;
    /// Terms of a block. A panel of 64 columns and so many terms is 64 KB; with longer ones the
    /// result is read and written less often.
    static constexpr int64_t kTermsOfGroups = 256;
    static constexpr int64_t kTermsMost = 1024;
    /// The panels of a block of terms, where it has more than kTermsOfGroups.
    static constexpr int64_t kPanelBytes = 4 << 20;
    /// So many units let several threads end at the same time.
    static constexpr int64_t kUnitsWanted = 24;
    /// Groups that one unit copies at least.
    static constexpr int64_t kGroupsOfCopy = 8;

    struct Terms {
        int64_t first, count;
    };

    int64_t choose_terms() const {
        const int64_t most = p_.transpose_a
                                 ? kTermsOfGroups
                                 : std::clamp(kPanelBytes / (4 * p_.n), kTermsOfGroups, kTermsMost);
        return ceil_div(p_.k, ceil_div(p_.k, most));
    }

    /// Blocks are whole tiles of rows.
    int64_t choose_row_blocks() const {
        const int64_t tiles = std::max(kBlockBytes / (4 * p_.n) / kTileRows, kBlockTilesLeast);
        return ceil_div(groups_, tiles);
    }

    /// Of the groups of a.
    int64_t a_floats() const { return p_.transpose_a ? groups_ * kTileRows * terms_ : 0; }
    float* panels() const { return reinterpret_cast<float*>(arena_.scratch()); }
    float* groups() const { return panels() + terms_ * p_.n; }
    int64_t width(int64_t panel) const { return std::min(panel_, p_.n - panel * panel_); }

    void pack(Terms terms) const {
        run_parts(panels_, 1, threads_, [&](int64_t panel, int64_t end, int) {
            for (; panel < end; ++panel) pack_panel(terms, panel);
        });
        if (p_.transpose_a)
            run_parts(groups_, kGroupsOfCopy, threads_,
                      [&](int64_t begin, int64_t end, int) { pack_groups(terms, begin, end); });
    }

    void pack_panel(Terms terms, int64_t panel) const {
        const int64_t wide = width(panel);
        float* to = panels() + panel * panel_ * terms.count;
        if (p_.transpose_b) {
            const float* from = p_.b + panel * panel_ * p_.k + terms.first;
            transpose_(from, p_.k, to, wide, terms.count, wide);
        } else {
            const float* from = p_.b + terms.first * p_.n + panel * panel_;
            for (int64_t i = 0; i < terms.count; ++i, from += p_.n, to += wide)
                std::memcpy(to, from, static_cast<size_t>(4 * wide));
        }
    }

    /// Copies some groups. What a group has beyond the last row is not read.
    void pack_groups(Terms terms, int64_t begin, int64_t end) const {
        for (int64_t term = 0; term < terms.count; ++term) {
            const float* from = p_.a + (terms.first + term) * p_.m;
            float* to = groups() + term * kTileRows;
            for (int64_t group = begin; group < end; ++group) {
                const int64_t row = group * kTileRows;
                float* six = to + group * terms.count * kTileRows;
                if (row + kTileRows <= p_.m)
                    std::memcpy(six, from + row, 4 * kTileRows);
                else
                    std::copy(from + row, from + p_.m, six);
            }
        }
    }

    int64_t row_border(int64_t block) const {
        return std::min(groups_ * block / blocks_.parts() * kTileRows, p_.m);
    }

    void run_unit(Terms terms, int64_t block, int64_t piece, int worker) {
        const int64_t begin = row_border(block), end = row_border(block + 1);
        const int64_t last = std::min((piece + 1) * panels_of_unit_, panels_);
        for (int64_t panel = piece * panels_of_unit_; panel < last; ++panel)
            run_panel(terms, panel, begin, end);
        if (terms.first + terms.count == p_.k && epilogue_ != nullptr && blocks_.completes(block))
            epilogue_->follow(worker, begin * p_.n, end * p_.n);
    }

    void run_panel(Terms terms, int64_t panel, int64_t begin, int64_t end) const {
        static constexpr PointTap kOneTap{0, 0};
        const int64_t wide = width(panel);
        const float* b = panels() + panel * panel_ * terms.count;
        float* to = p_.c + begin * p_.n + panel * panel_;
        PointTiles tiles{p_.a + begin * p_.k + terms.first,
                         b,
                         to,
                         &kOneTap,
                         1,
                         terms.count,
                         p_.k,
                         0,
                         wide,
                         p_.n,
                         end - begin,
                         wide,
                         terms.first > 0,
                         false,
                         false};
        if (p_.transpose_a) {
            tiles.from = groups() + begin * terms.count;
            tiles.from_stride = 1;
            tiles.from_step = kTileRows;
            tiles.from_group = kTileRows * terms.count;
        }
        run_point_tiles(tiles);
    }

    MatmulProblem p_;
    Arena& arena_;
    int threads_;
    int64_t panel_, panels_;  ///< columns of a panel; panels
    int64_t groups_;          ///< tiles of rows
    int64_t terms_;           ///< of a block
    Pieces blocks_;           ///< of rows
    int64_t panels_of_unit_ = 1;
    TransposeFunction<float> transpose_ = transpose_function<float>();
    Epilogue* epilogue_ = nullptr;
};

}  // namespace

std::unique_ptr<Kernel> make_packed_matmul(const MatmulProblem& p, ContractionContext& context) {
    if (p.products > 1 || (p.transpose_a && p.transpose_b)) return nullptr;
    constexpr int64_t kRows = 4;
    if (p.n < kTileVector || p.m < kRows) return nullptr;
    if (p.n % kTileVector != 0 && vector_bits() < 32 * kTileVector) return nullptr;
    return std::make_unique<PackedMatmul>(p, context.arena());
}

bool prefers_packed_matmul(const MatmulProblem& p) {
    // Measured on Emerald Rapids, one thread, milliseconds here, by `tiled`, and by the better of
    // oneDNN 2.6.3's two. AVX-512: [1024,2048] [2048,256] with a transposed 7.2, 16.9, 8.0;
    // [2048,256] [256,1024] with b transposed 6.6, 7.8, 8.2; as it is 6.2, 6.6, 7.0. AVX2: 13.9,
    // 41.3, 15.3; 13.8, 19.6, 13.5; 12.9, 12.4, 12.6.
    return (p.transpose_a || p.transpose_b) && p.m * p.n * p.k >= (1 << 24);
}

}  // namespace gmc::runtime

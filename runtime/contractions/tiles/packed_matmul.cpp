// The sum is cut into blocks of terms, which are computed one after another:
// - The rows of b of a block are copied into panels, [panel][term][columns of the panel]. A panel
//   is as wide as a tile.
// - With a transposed, its rows of the block are copied into groups, [group][term][six rows of the
//   result]. Otherwise a tile reads six rows of a where they are: each is contiguous.
// - Then the tiles. A unit is a block of rows and some panels. Its rows of a stay in the
//   second-level cache while one panel after another passes.
// Where b is the same in all passes of a scan, all of its panels are copied once for all passes.
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
    PackedMatmul(const MatmulProblem& p, ContractionContext& context)
        : p_(p),
          context_(context),
          arena_(context.arena()),
          threads_(thread_count()),
          panel_(vector_bits() >= 32 * kTileVector ? kTileColumns : kTileVector),
          panels_(ceil_div(p.n, panel_)),
          groups_(ceil_div(p.m, kTileRows)),
          terms_(choose_terms()),
          by_rows_(chooses_rows()),
          blocks_(choose_row_blocks(), 1) {
        const int64_t wanted = std::min(panels_, ceil_div(kUnitsWanted, blocks_.parts()));
        panels_of_unit_ = ceil_div(panels_, wanted);
        blocks_ = Pieces(blocks_.parts(), ceil_div(panels_, panels_of_unit_));
        if (keeps_b()) kept_ = context.own_memory(p.k * p.n);
        arena_.reserve_scratch(4 * (keeps_b() ? 0 : terms_ * p.n) + 4 * a_floats());
    }

    void run(const CallContext& context) override {
        if (epilogue_ != nullptr) epilogue_->begin(context);
        blocks_.start();
        const uint64_t since = keeps_b() ? context_.since(p_.kept_b) : 0;
        const bool packs_b = !keeps_b() || since != kept_since_;
        kept_since_ = since;
        for (int64_t first = 0; first < p_.k; first += terms_) {
            const Terms terms{first, std::min(terms_, p_.k - first)};
            if (packs_b) pack_b(terms);
            if (p_.transpose_a) pack_a(terms);
            run_units(blocks_.pieces(), threads_, [&](int64_t unit, int worker) {
                const auto [block, piece] = blocks_.of_unit(unit, !by_rows_ && p_.n > p_.m);
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
    /// Panels that are kept are at most this large: the second-level cache of each thread holds
    /// them from pass to pass, and threads share the rows.
    static constexpr int64_t kByRowsMost = 1 << 20;
    /// Rows of a block then.
    static constexpr int64_t kRowsOfBlock = 32;
    /// Larger ones are copied anew in each pass: memory is worth more than the time of the copy.
    static constexpr int64_t kKeptMost = 16 << 20;
    /// A unit copies about so many neighbouring columns of so many terms: few enough for the first-
    /// level cache to hold a line of each panel or group, and enough of them for the memory, which
    /// is faster where lines follow one another.
    static constexpr int64_t kColumnsOfCopy = 128, kTermsOfCopy = 64;

    struct Terms {
        int64_t first, count;
    };

    int64_t choose_terms() const {
        const int64_t most = p_.transpose_a
                                 ? kTermsOfGroups
                                 : std::clamp(kPanelBytes / (4 * p_.n), kTermsOfGroups, kTermsMost);
        return ceil_div(p_.k, ceil_div(p_.k, most));
    }

    bool keeps_b() const { return p_.kept_b != ir::kNone && 4 * p_.k * p_.n <= kKeptMost; }
    /// A thread then reads the rows that it wrote itself, and a loop of the body reads what its own
    /// thread has computed. Otherwise threads share the columns, each for its own part of b.
    bool chooses_rows() const { return keeps_b() && 4 * p_.k * p_.n <= kByRowsMost; }

    /// Blocks are whole tiles of rows.
    int64_t choose_row_blocks() const {
        const int64_t tiles = std::max(kBlockBytes / (4 * p_.n) / kTileRows, kBlockTilesLeast);
        const int64_t least = by_rows_ ? p_.m / kRowsOfBlock : 1;
        return std::max({ceil_div(groups_, tiles), least, int64_t{1}});
    }

    /// Of the groups of a.
    int64_t a_floats() const { return p_.transpose_a ? groups_ * kTileRows * terms_ : 0; }
    float* scratch() const { return reinterpret_cast<float*>(arena_.scratch()); }
    float* panels(Terms terms) const { return keeps_b() ? kept_ + terms.first * p_.n : scratch(); }
    float* groups() const { return scratch() + (keeps_b() ? 0 : terms_ * p_.n); }
    int64_t width(int64_t panel) const { return std::min(panel_, p_.n - panel * panel_); }

    void pack_b(Terms terms) const {
        if (p_.transpose_b)
            run_parts(panels_, 1, threads_, [&](int64_t panel, int64_t end, int) {
                for (; panel < end; ++panel) transpose_panel(terms, panel);
            });
        else
            run_copies(terms, panels_, kColumnsOfCopy / panel_,
                       [&](int64_t begin, int64_t end, int64_t first, int64_t last) {
                           pack_panels(terms, begin, end, first, last);
                       });
    }
    void pack_a(Terms terms) const {
        run_copies(terms, groups_, kColumnsOfCopy / kTileRows,
                   [&](int64_t begin, int64_t end, int64_t first, int64_t last) {
                       pack_groups(terms, begin, end, first, last);
                   });
    }

    /// Calls copy(begin, end, first, last) for panels or groups [begin, end), at most `together` of
    /// them, and terms [first, last) of the block. The first thread has the first columns, as where
    /// threads share the columns of the result.
    template <typename Copy>
    void run_copies(Terms terms, int64_t parts, int64_t together, const Copy& copy) const {
        const int64_t pieces = ceil_div(terms.count, kTermsOfCopy);
        run_units(ceil_div(parts, together) * pieces, threads_, [&](int64_t unit, int) {
            const int64_t begin = unit / pieces * together, first = unit % pieces * kTermsOfCopy;
            copy(begin, std::min(begin + together, parts), first,
                 std::min(first + kTermsOfCopy, terms.count));
        });
    }

    void transpose_panel(Terms terms, int64_t panel) const {
        const int64_t wide = width(panel);
        transpose_(p_.b + panel * panel_ * p_.k + terms.first, p_.k,
                   panels(terms) + panel * panel_ * terms.count, wide, terms.count, wide);
    }

    void pack_panels(Terms terms, int64_t begin, int64_t end, int64_t term, int64_t last) const {
        constexpr size_t kNarrow = 4 * kTileVector, kWide = 4 * kTileColumns;
        for (; term < last; ++term) {
            const float* const from = p_.b + (terms.first + term) * p_.n;
            for (int64_t panel = begin; panel < end; ++panel) {
                const int64_t wide = width(panel);
                const float* const columns = from + panel * panel_;
                float* const to = panels(terms) + panel * panel_ * terms.count + term * wide;
                const auto bytes = static_cast<size_t>(4 * wide);
                // Copies of a known size are a few instructions.
                if (bytes == kNarrow)
                    std::memcpy(to, columns, kNarrow);
                else if (bytes == kWide)
                    std::memcpy(to, columns, kWide);
                else
                    std::memcpy(to, columns, bytes);
            }
        }
    }

    /// Copies some groups. What a group has beyond the last row is not read.
    void pack_groups(Terms terms, int64_t begin, int64_t end, int64_t term, int64_t last) const {
        for (; term < last; ++term) {
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
        if (by_rows_ && !p_.transpose_a) return p_.m * block / blocks_.parts();
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
        const float* b = panels(terms) + panel * panel_ * terms.count;
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
    ContractionContext& context_;
    Arena& arena_;
    int threads_;
    int64_t panel_, panels_;  ///< columns of a panel; panels
    int64_t groups_;          ///< tiles of rows
    int64_t terms_;           ///< of a block
    bool by_rows_;            ///< threads share the rows
    Pieces blocks_;           ///< of rows
    int64_t panels_of_unit_ = 1;
    float* kept_ = nullptr;    ///< all panels, where they are kept
    uint64_t kept_since_ = 0;  ///< ContractionContext::since of what is there
    TransposeFunction<float> transpose_ = transpose_function<float>();
    Epilogue* epilogue_ = nullptr;
};

}  // namespace

std::unique_ptr<Kernel> make_packed_matmul(const MatmulProblem& p, ContractionContext& context) {
    if (p.products > 1 || (p.transpose_a && p.transpose_b)) return nullptr;
    constexpr int64_t kRows = 4;
    if (p.n < kTileVector || p.m < kRows) return nullptr;
    if (p.n % kTileVector != 0 && vector_bits() < 32 * kTileVector) return nullptr;
    return std::make_unique<PackedMatmul>(p, context);
}

bool prefers_packed_matmul(const MatmulProblem& p) {
    // Measured on Emerald Rapids, one thread, milliseconds here, by `tiled`, and by the better of
    // oneDNN 2.6.3's two. AVX-512: [1024,2048] [2048,256] with a transposed 7.2, 16.9, 8.0;
    // [2048,256] [256,1024] with b transposed 6.6, 7.8, 8.2; as it is 6.2, 6.6, 7.0. AVX2: 13.9,
    // 41.3, 15.3; 13.8, 19.6, 13.5; 12.9, 12.4, 12.6.
    return (p.transpose_a || p.transpose_b) && p.m * p.n * p.k >= (1 << 24);
}

}  // namespace gmc::runtime

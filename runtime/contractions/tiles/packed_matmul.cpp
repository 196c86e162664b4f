// The sum is cut into blocks of terms, which are computed one after another:
// - The rows of b of a block are copied into panels, [panel][term][columns of the panel]. A panel
//   is as wide as a tile.
// - With a transposed, its rows of the block are copied into groups, [group][term][six rows of the
//   result]. Otherwise a tile reads six rows of a where they are: each is contiguous.
// - Then the tiles. A unit is a block of rows and some panels. Its rows of a stay in the
//   second-level cache while one panel after another passes.
// Where b is the same in all passes of a scan, all of its panels are copied once for all passes.
// Panels or groups that a single unit reads are copied by that unit, some at a time, into a place
// of its thread: the cache holds them, and large operands do not go through memory twice. Groups
// then lie side by side, [term][rows of the result], which makes the copy quick.
// A long sum of a small result is cut into pieces, one for each unit, whose sums are added in the
// pieces' order.
// A large result that only an epilogue reads is not stored (packs_for_reader): a unit computes some
// rows of it, with all of their terms, into a place of its thread, and hands them on from there.
#include "runtime/contractions/tiles/packed_matmul.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "compiler/support/numbers.h"
#include "runtime/contractions/tiles/pieces.h"
#include "runtime/contractions/tiles/tile_simd.h"
#include "runtime/kernels/tile_function.h"
#include "runtime/kernels/tile_transpose.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The panels of a block of terms, where it has more than kTermsOfGroups. The caches hold them.
constexpr int64_t kPanelsBytes = 4 << 20;
/// A unit copies about so many neighbouring columns of so many terms: few enough for the first-
/// level cache to hold a line of each panel or group, and enough of them for the memory, which
/// is faster where lines follow one another.
constexpr int64_t kColumnsOfCopy = 128, kTermsOfCopy = 64;
constexpr int64_t kGroupsOfCopy = kColumnsOfCopy / kTileRows;
/// From one term to the next of rows that a unit copies: an odd number of cache lines, so that
/// those that a tile reads lie in different sets of the first-level cache.
constexpr int64_t kStrideOfCopy = kColumnsOfCopy + 16;
/// Floats of a result that are handed on together, in the second-level cache beside what they are
/// computed from. With fewer rows than the least, panels would be read too often.
constexpr int64_t kHandedOn = 64 << 10, kHandedOnMost = 2 * kHandedOn, kGroupsLeast = 4;

/// Pieces of long sums: enough for many threads.
constexpr int64_t kSums = 16;

/// Whether sums are cut into pieces, whose results are small beside the operands.
bool cuts_sums(const MatmulProblem& p) {
    constexpr int64_t kTermsLeast = 1 << 14;
    return p.k >= kTermsLeast && !p.transpose_a && p.kept_b == ir::kNone &&
           kSums * p.m * p.n <= (p.m + p.n) * p.k / 16;
}

/// Groups of rows that are handed on together.
int64_t groups_handed_on(const MatmulProblem& p) {
    return std::clamp(kHandedOn / p.n / kTileRows, kGroupsLeast, kGroupsOfCopy);
}

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
          hands_on_(packs_for_reader(p)),
          sums_(cuts_sums(p) ? kSums : 1),
          b_in_unit_(!hands_on_ && sums_ == 1 && !keeps_b() && is_large(p.n) && p.m <= kRowsMost &&
                     panels_ >= kUnitsWanted),
          terms_(choose_terms()),
          by_rows_(chooses_rows()),
          blocks_(choose_row_blocks(), 1) {
        const int64_t wanted = std::min(panels_, ceil_div(kUnitsWanted, blocks_.parts()));
        panels_of_unit_ = hands_on_ ? panels_ : ceil_div(panels_, wanted);
        blocks_ = Pieces(blocks_.parts(), ceil_div(panels_, panels_of_unit_));
        a_in_unit_ = hands_on_ || (p.transpose_a && is_large(p.m) && panels_of_unit_ == panels_);
        if (keeps_b()) kept_ = context.own_memory(p.k * p.n);
        arena_.reserve_scratch(4 * (b_floats() + a_floats() + threads_ * local_floats()));
    }

    void run(const CallContext& context) override {
        if (epilogue_ != nullptr) epilogue_->begin(context);
        a_ = p_.a_in_pass(context.pass), c_ = p_.c_in_pass(context.pass);
        if (sums_ > 1) {
            run_sums();
            if (epilogue_ != nullptr) epilogue_->end();
            return;
        }
        blocks_.start();
        const uint64_t since = keeps_b() ? context_.since(p_.kept_b) : 0;
        const bool packs_b = !b_in_unit_ && (!keeps_b() || since != kept_since_);
        kept_since_ = since;
        for (int64_t first = 0; first < p_.k; first += terms_) {
            const Terms terms = terms_from(first);
            if (packs_b) pack_b(terms);
            if (hands_on_) continue;
            if (p_.transpose_a && !a_in_unit_) pack_a(terms);
            run_units(blocks_.pieces(), threads_, [&](int64_t unit, int worker) {
                const auto [block, piece] = blocks_.of_unit(unit, !by_rows_ && p_.n > p_.m);
                run_unit(terms, block, piece, worker);
            });
        }
        if (hands_on_)
            run_units(blocks_.parts(), threads_, [&](int64_t block, int worker) {
                run_groups({0, p_.k}, row_border(block), row_border(block + 1), worker);
            });
        if (epilogue_ != nullptr) epilogue_->end();
    }

    /// Where each unit has all rows, these are complete at the end only, and out of the cache.
    bool set_epilogue(Epilogue* epilogue) override {
        if (b_in_unit_) return false;
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
    /// The same of the rows of a, where a unit has all of them; and so many rows it may have.
    static constexpr int64_t kRowBytes = 512 << 10, kRowsMost = 512;
    /// So many units let several threads end at the same time.
    static constexpr int64_t kUnitsWanted = 24;
    /// Panels that are kept are at most this large: the second-level cache of each thread holds
    /// them from pass to pass, and threads share the rows.
    static constexpr int64_t kByRowsMost = 1 << 20;
    /// Rows of a block then.
    static constexpr int64_t kRowsOfBlock = 32;
    /// Larger ones are copied anew in each pass: memory is worth more than the time of the copy.
    static constexpr int64_t kKeptMost = 16 << 20;
    /// Terms of a block of a piece of a long sum, measured beside 128, 256 and 1024; and elements
    /// that one thread adds up.
    static constexpr int64_t kTermsOfPieces = 512, kSumLeast = 1 << 12;
    /// At most so many units of a result that is handed on.
    static constexpr int64_t kUnitsMost = 48;

    /// Terms of a sum that begins with term `begin`.
    struct Terms {
        int64_t first, count, begin = 0;
    };

    Terms terms_from(int64_t first) const { return {first, std::min(terms_, p_.k - first)}; }

    int64_t choose_terms() const {
        if (sums_ > 1) return kTermsOfPieces;
        const int64_t fit = b_in_unit_ ? kRowBytes / (4 * p_.m) : kPanelsBytes / (4 * p_.n);
        const int64_t most =
            p_.transpose_a ? kTermsOfGroups : std::clamp(fit, kTermsOfGroups, kTermsMost);
        return ceil_div(p_.k, ceil_div(p_.k, most));
    }

    /// Whether panels or groups of so many columns would go through memory.
    bool is_large(int64_t columns) const {
        return 4 * std::min(p_.k, kTermsOfGroups) * columns > kPanelsBytes;
    }
    bool keeps_b() const { return p_.kept_b != ir::kNone && 4 * p_.k * p_.n <= kKeptMost; }
    /// A thread then reads the rows that it wrote itself, and a loop of the body reads what its own
    /// thread has computed. Otherwise threads share the columns, each for its own part of b.
    bool chooses_rows() const { return keeps_b() && 4 * p_.k * p_.n <= kByRowsMost; }

    /// Blocks are whole tiles of rows.
    int64_t choose_row_blocks() const {
        if (b_in_unit_) return 1;
        if (hands_on_) return std::min(ceil_div(groups_, groups_handed_on(p_)), kUnitsMost);
        const int64_t tiles = std::max(kBlockBytes / (4 * p_.n) / kTileRows, kBlockTilesLeast);
        const int64_t least = by_rows_ ? p_.m / kRowsOfBlock : 1;
        return std::max({ceil_div(groups_, tiles), least, int64_t{1}});
    }

    /// Of the panels and groups that all threads read, and of those that are a unit's own.
    int64_t b_floats() const {
        if (sums_ > 1) return sums_ * align_up(p_.m * p_.n, kTileVector);
        return keeps_b() || b_in_unit_ ? 0 : (hands_on_ ? p_.k : terms_) * p_.n;
    }
    int64_t a_floats() const {
        return p_.transpose_a && !a_in_unit_ ? groups_ * kTileRows * terms_ : 0;
    }
    int64_t local_floats() const {
        const int64_t handed_on =
            hands_on_ ? align_up(groups_handed_on(p_) * kTileRows * p_.n, kTileVector) : 0;
        const int64_t copied = a_in_unit_                ? kStrideOfCopy
                               : b_in_unit_ || sums_ > 1 ? kColumnsOfCopy
                                                         : 0;
        return terms_ * copied + handed_on;
    }
    float* scratch() const { return reinterpret_cast<float*>(arena_.scratch()); }
    float* panels(Terms terms) const {
        return (keeps_b() ? kept_ : scratch()) + (keeps_b() || hands_on_ ? terms.first * p_.n : 0);
    }
    float* panel_at(Terms terms, int64_t panel) const {
        return panels(terms) + panel * panel_ * terms.count;
    }
    float* group_at(Terms terms, int64_t group) const {
        return scratch() + b_floats() + group * terms.count * kTileRows;
    }
    float* local(int worker) const {
        return scratch() + b_floats() + a_floats() + worker * local_floats();
    }
    int64_t width(int64_t panel) const { return std::min(panel_, p_.n - panel * panel_); }

    /// Of panels and groups that a unit copies at once.
    int64_t panels_of_copy() const { return kColumnsOfCopy / panel_; }

    void pack_b(Terms terms) const {
        run_copies(terms, panels_, panels_of_copy(), [&](int64_t begin, int64_t end, Terms some) {
            pack_panels(terms, begin, end, some, panel_at(terms, begin));
        });
    }
    void pack_a(Terms terms) const {
        run_copies(terms, groups_, kGroupsOfCopy, [&](int64_t begin, int64_t end, Terms some) {
            pack_groups(terms, begin, end, some, group_at(terms, begin));
        });
    }

    /// Calls copy(begin, end, some terms) for panels or groups [begin, end), at most `together` of
    /// them. The first thread has the first columns, as where threads share the columns of the
    /// result.
    template <typename Copy>
    void run_copies(Terms terms, int64_t parts, int64_t together, const Copy& copy) const {
        const int64_t pieces = ceil_div(terms.count, kTermsOfCopy);
        run_units(ceil_div(parts, together) * pieces, threads_, [&](int64_t unit, int) {
            const int64_t begin = unit / pieces * together, first = unit % pieces * kTermsOfCopy;
            copy(begin, std::min(begin + together, parts),
                 Terms{terms.first + first, std::min(kTermsOfCopy, terms.count - first)});
        });
    }

    /// Copies some terms of panels [begin, end), of which the first lies at `to`.
    void pack_panels(Terms terms, int64_t begin, int64_t end, Terms some, float* to) const {
        const int64_t size = panel_ * terms.count;
        if (p_.transpose_b) {
            for (int64_t panel = begin; panel < end; ++panel, to += size) {
                const int64_t wide = width(panel);
                transpose_(p_.b + panel * panel_ * p_.k + some.first, p_.k,
                           to + (some.first - terms.first) * wide, wide, some.count, wide);
            }
            return;
        }
        for (int64_t term = some.first; term < some.first + some.count; ++term) {
            const float* const row = p_.b + term * p_.n;
            for (int64_t panel = begin; panel < end; ++panel) {
                const int64_t wide = width(panel);
                copy_columns(row + panel * panel_, wide,
                             to + (panel - begin) * size + (term - terms.first) * wide);
            }
        }
    }

    /// Copies of a known size are a few instructions.
    static void copy_columns(const float* from, int64_t count, float* to) {
        if (count == kTileVector)
            std::memcpy(to, from, 4 * kTileVector);
        else if (count == kTileColumns)
            std::memcpy(to, from, 4 * kTileColumns);
        else
            std::memcpy(to, from, static_cast<size_t>(4 * count));
    }

    /// Copies some terms of groups [begin, end), of which the first lies at `to`. What a group has
    /// beyond the last row is not read.
    void pack_groups(Terms terms, int64_t begin, int64_t end, Terms some, float* to) const {
        for (int64_t term = some.first; term < some.first + some.count; ++term) {
            const float* const from = a_ + term * p_.m;
            float* six = to + (term - terms.first) * kTileRows;
            for (int64_t group = begin; group < end; ++group, six += terms.count * kTileRows) {
                const int64_t row = group * kTileRows;
                if (row + kTileRows <= p_.m)
                    std::memcpy(six, from + row, 4 * kTileRows);
                else
                    std::copy(from + row, from + p_.m, six);
            }
        }
    }

    /// Copies some terms of rows [begin, end) of the transposed a.
    void pack_rows(Terms terms, int64_t begin, int64_t end, float* to) const {
        const float* from = a_ + terms.first * p_.m + begin;
        for (int64_t i = 0; i < terms.count; ++i, from += p_.m, to += kStrideOfCopy)
            std::copy(from, from + (end - begin), to);
    }

    int64_t row_border(int64_t block) const {
        if (by_rows_ && !p_.transpose_a) return p_.m * block / blocks_.parts();
        return std::min(groups_ * block / blocks_.parts() * kTileRows, p_.m);
    }

    void run_unit(Terms terms, int64_t block, int64_t piece, int worker) {
        const int64_t begin = row_border(block), end = row_border(block + 1);
        const int64_t first = piece * panels_of_unit_,
                      last = std::min(first + panels_of_unit_, panels_);
        if (a_in_unit_)
            run_groups(terms, begin, end, worker);
        else if (b_in_unit_)
            run_panels(terms, first, last, local(worker), c_, {});
        else
            for (int64_t panel = first; panel < last; ++panel)
                run_panel(terms, panel, begin, end, panel_at(terms, panel),
                          p_.transpose_a ? group_at(terms, begin / kTileRows) : nullptr,
                          c_ + begin * p_.n, {});
        if (terms.first + terms.count == p_.k && epilogue_ != nullptr && blocks_.completes(block))
            epilogue_->follow(worker, begin * p_.n, end * p_.n);
    }

    /// All panels and these terms of rows [begin, end), which are copied to a place of the worker,
    /// some at a time. Hands the rows on, where that is to be done.
    void run_groups(Terms all, int64_t begin, int64_t end, int worker) const {
        const int64_t some = (hands_on_ ? groups_handed_on(p_) : kGroupsOfCopy) * kTileRows;
        const bool stores = !hands_on_ || epilogue_ == nullptr || !epilogue_->takes_values();
        float* const own = local(worker);
        for (int64_t row = begin, next; row < end; row = next) {
            next = std::min(row + some, end);
            float* const to = stores ? c_ + row * p_.n : own + terms_ * kStrideOfCopy;
            for (int64_t first = all.first; first < all.first + all.count; first += terms_)
                run_group_block(terms_from(first), row, next, own, to, std::min(next + some, end));
            if (!stores)
                epilogue_->follow_at(worker, row * p_.n, next * p_.n, to);
            else if (hands_on_ && epilogue_ != nullptr)
                epilogue_->follow(worker, row * p_.n, next * p_.n);
        }
    }

    /// Rows [begin, end) of all panels, to `to`; those up to `after` are copied next.
    void run_group_block(Terms terms, int64_t begin, int64_t end, float* own, float* to,
                         int64_t after) const {
        pack_rows(terms, begin, end, own);
        for (int64_t panel = 0; panel < panels_; ++panel) {
            // Each panel fetches its share of the terms of these rows.
            const int64_t some = terms.count * panel / panels_;
            const Ahead ahead{a_ + (terms.first + some) * p_.m + end,
                              after > end ? terms.count * (panel + 1) / panels_ - some : 0,
                              after - end, p_.m};
            run_panel(terms, panel, begin, end, panel_at(terms, panel), own, to, ahead);
        }
    }

    /// Each unit computes a piece of all sums, in scratch memory; then these are added.
    void run_sums() {
        const int64_t size = p_.m * p_.n, stride = align_up(size, kTileVector);
        run_units(sums_, threads_, [&](int64_t piece, int worker) {
            const int64_t begin = p_.k * piece / sums_, end = p_.k * (piece + 1) / sums_;
            for (int64_t first = begin, next; first < end; first = next) {
                next = std::min(first + terms_, end);
                run_panels({first, next - first, begin}, 0, panels_, local(worker),
                           scratch() + piece * stride, {next, std::min(terms_, end - next)});
            }
        });
        run_parts(size, kSumLeast, threads_, [&](int64_t begin, int64_t end, int worker) {
            std::copy(scratch() + begin, scratch() + end, c_ + begin);
            for (int64_t piece = 1; piece < sums_; ++piece)
                add(scratch() + piece * stride + begin, end - begin, c_ + begin);
            if (epilogue_ != nullptr) epilogue_->follow(worker, begin, end);
        });
    }
    static void add(const float* from, int64_t count, float* to) {
        for (int64_t i = 0; i < count; ++i) to[i] += from[i];
    }

    /// All rows of panels [first, last), to `rows`. The panels are copied to `own`, some at a time.
    /// The same of the terms `after` is done next.
    void run_panels(Terms terms, int64_t first, int64_t last, float* own, float* rows,
                    Terms after) const {
        const auto ahead = [&](int64_t panel) {
            if (panel + panels_of_copy() < last || after.count == 0)
                return columns_ahead(terms, panel + panels_of_copy(), 1, last);
            if (panel + 1 == last) return Ahead{a_ + after.first, p_.m, after.count, p_.k};
            if (panel + 2 == last) return columns_ahead(after, 0, panels_of_copy(), last);
            return Ahead{};
        };
        for (; first < last; first += panels_of_copy()) {
            const int64_t next = std::min(first + panels_of_copy(), last);
            pack_panels(terms, first, next, terms, own);
            for (int64_t panel = first; panel < next; ++panel)
                run_panel(terms, panel, 0, p_.m, own + (panel - first) * panel_ * terms.count,
                          p_.transpose_a ? group_at(terms, 0) : nullptr, rows, ahead(panel));
        }
    }

    /// The columns of b that will be copied to so many panels from `panel` on, those before
    /// `last`.
    Ahead columns_ahead(Terms terms, int64_t panel, int64_t count, int64_t last) const {
        if (panel >= last) return {};
        const int64_t column = panel * panel_,
                      wide = std::min(std::min(panel + count, last) * panel_, p_.n) - column;
        if (p_.transpose_b) return {p_.b + column * p_.k + terms.first, wide, terms.count, p_.k};
        return {p_.b + terms.first * p_.n + column, terms.count, wide, p_.n};
    }

    /// Rows [begin, end) of a panel at `b`, which are stored at `rows`; with a transposed, their
    /// groups, or their copy, are at `groups`. It fetches what is read after it.
    void run_panel(Terms terms, int64_t panel, int64_t begin, int64_t end, const float* b,
                   const float* groups, float* rows, const Ahead& ahead) const {
        static constexpr PointTap kOneTap{0, 0};
        const int64_t wide = width(panel);
        float* to = rows + panel * panel_;
        PointTiles tiles{a_ + begin * p_.k + terms.first,
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
                         terms.first > terms.begin,
                         false,
                         false};
        if (p_.transpose_a) {
            tiles.from = groups;
            tiles.from_stride = 1;
            tiles.from_step = a_in_unit_ ? kStrideOfCopy : kTileRows;
            tiles.from_group = a_in_unit_ ? kTileRows : kTileRows * terms.count;
        }
        tiles.ahead = ahead;
        run_point_tiles(tiles);
    }

    MatmulProblem p_;
    const float* a_ = nullptr;  ///< in this pass
    float* c_ = nullptr;
    ContractionContext& context_;
    Arena& arena_;
    int threads_;
    int64_t panel_, panels_;  ///< columns of a panel; panels
    int64_t groups_;          ///< tiles of rows
    bool hands_on_;           ///< each unit has all panels and terms of its rows
    int64_t sums_;            ///< pieces of each sum
    bool b_in_unit_;          ///< each unit has all rows, and copies its own panels
    int64_t terms_;           ///< of a block
    bool by_rows_;            ///< threads share the rows
    Pieces blocks_;           ///< of rows
    int64_t panels_of_unit_ = 1;
    bool a_in_unit_ = false;   ///< each unit has all panels, and copies its own groups
    float* kept_ = nullptr;    ///< all panels, where they are kept
    uint64_t kept_since_ = 0;  ///< ContractionContext::since of what is there
    TransposeFunction<float> transpose_ = transpose_function<float>();
    Epilogue* epilogue_ = nullptr;
};

}  // namespace

bool can_pack(const MatmulProblem& p) {
    constexpr int64_t kRows = 4;
    return p.products == 1 && !(p.transpose_a && p.transpose_b) && p.n >= kTileVector &&
           p.m >= kRows && (p.n % kTileVector == 0 || vector_bits() >= 32 * kTileVector);
}

std::unique_ptr<Kernel> make_packed_matmul(const MatmulProblem& p, ContractionContext& context) {
    if (!can_pack(p)) return nullptr;
    return std::make_unique<PackedMatmul>(p, context);
}

bool packs_for_reader(const MatmulProblem& p) {
    return p.consumed && p.is_f32() && p.transpose_a && p.kept_b == ir::kNone && !p.moves() &&
           can_pack(p) && 4 * p.m * p.n >= kPanelsBytes && 4 * p.k * p.n <= kPanelsBytes &&
           groups_handed_on(p) * kTileRows * p.n <= kHandedOnMost;
}

bool prefers_packed_matmul(const MatmulProblem& p) {
    // Measured on Emerald Rapids, one thread, milliseconds here, by `tiled`, and by the better of
    // oneDNN 2.6.3's two. AVX-512: [1024,2048] [2048,256] with a transposed 7.2, 16.9, 8.0;
    // [2048,256] [256,1024] with b transposed 6.6, 7.8, 8.2; as it is 6.2, 6.6, 7.0. AVX2: 13.9,
    // 41.3, 15.3; 13.8, 19.6, 13.5; 12.9, 12.4, 12.6. With b kept and AVX2, two threads: [64,256]
    // [256,768] 0.14, 0.14, 0.15; [64,768] [768,256] with b transposed 0.12, 0.18, 0.16.
    if (p.kept_b != ir::kNone) return p.m * p.n * p.k >= (1 << 20);
    // Processor time of one thread, by oneDNN's sgemm and here, the same machine: [128,50176]
    // [50176,128] 16.4 and 11.5, AVX2 25.1 and 23.1.
    if (packs_for_reader(p) || cuts_sums(p)) return true;
    return (p.transpose_a || p.transpose_b) && p.m * p.n * p.k >= (1 << 24);
}

}  // namespace gmc::runtime

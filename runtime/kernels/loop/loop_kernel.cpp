// Runs a loop plan: threads share the tiles, and each runs all actions on one tile after another.
// The same class runs as a kernel of its own (run) and behind a contraction (begin, follow, end),
// where tiles come as the contraction completes them.
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "runtime/kernels/loop/loop.h"
#include "runtime/kernels/loop/loop_accumulators.h"
#include "runtime/kernels/loop/loop_plan.h"

namespace gmc::runtime {
namespace {

/// Below this many additions (about 4 us) a parallel region costs more than it saves.
constexpr int64_t kSerialWork = 131072;

/// One thread's share of the work, and its memory.
struct Share {
    hwy::AlignedFreeUniquePtr<float[]> memory;
    std::vector<float*> pointers;  ///< of each cell; some move from tile to tile
    int64_t chunk_begin = 0, chunks = 0;
    /// The tiles to run, counted within the chunks of this share. As an epilogue: those that have
    /// run.
    int64_t tile_begin = 0, tile_end = 0;
    bool started = false;  ///< as an epilogue: whether follow() has been called
    ColumnRange columns;
};

/// A plan with its threads' memory. `parts` are the pieces of the space that it runs over; none
/// stands for all of it.
class LoopKernel final : public Kernel, public Epilogue {
  public:
    LoopKernel(LoopPlan plan, const std::vector<LoopPart>& parts, bool follows)
        : plan_(std::move(plan)),
          tiles_(tiles_of(parts, plan_.space.columns_per_tile)),
          elements_(tiles_.empty() ? plan_.space.elements() : elements_of(parts)),
          numbers_(static_cast<size_t>(plan_.numbers)) {
        for (size_t i = 0; i < plan_.cells.size(); ++i) {
            const Cell& cell = plan_.cells[i];
            const bool fixed = cell.kind == Cell::Kind::kOutside && cell.map.mask == 0;
            if (cell.kind == Cell::Kind::kSpace)
                space_cells_.push_back(i);
            else if (cell.kind == Cell::Kind::kOutside && !fixed)
                outside_cells_.push_back(i);
        }
        const int count = follows ? omp_get_max_threads() : choose_share_count();
        by_columns_ = choose_by_columns(count);
        for (int p = 0; p < count; ++p) shares_.push_back(make_share(p, count));
        for (const Reduction& r : plan_.reductions)
            accumulators_.emplace_back(r, plan_.space, count, by_columns_);
    }

    bool by_columns() const { return by_columns_; }

    double share() const override {
        return static_cast<double>(elements_) / static_cast<double>(plan_.space.elements());
    }

    void run(const CallContext& context) override {
        for (const Action& action : plan_.run_actions) call(action, shares_[0], 1, 0, context);
        const int count = static_cast<int>(shares_.size());
        if (count == 1) {
            run_share(0, context);
        } else {
#pragma omp parallel for schedule(static, 1) num_threads(count)
            for (int p = 0; p < count; ++p) run_share(p, context);
        }
        for (Accumulators& a : accumulators_) a.finish();
    }

    // ---- as an epilogue: see kernel.h

    void begin(const CallContext& context) override {
        context_ = &context;
        for (const Action& action : plan_.run_actions) call(action, shares_[0], 1, 0, context);
        for (Share& share : shares_) share.started = false;
    }

    void follow(int thread, int64_t begin, int64_t end) override {
        Share& share = shares_[static_cast<size_t>(thread)];
        if (!share.started) {
            start_share(thread, *context_);
            share.started = true;
            share.tile_begin = share.tile_end = plan_.space.first_tile_from(begin);
        }
        const int64_t origin = tiles_.empty() ? 0 : tiles_.front().first;
        for (; share.tile_end < tile_count(); ++share.tile_end) {
            const Tile tile = tile_of(share, share.tile_end);
            if (tile.first + static_cast<int64_t>(tile.count()) - origin > end) break;
            run_tile(thread, tile, *context_);
        }
    }

    /// Runs the tiles that are left: those that lie across the border between two threads, so that
    /// neither thread had all of their elements.
    void end() override {
        int64_t next = 0;
        int last = 0;
        for (int p = 0; p < static_cast<int>(shares_.size()); ++p) {
            Share& share = shares_[static_cast<size_t>(p)];
            if (!share.started) {
                start_share(p, *context_);
                continue;
            }
            // This thread had too few elements for a whole tile: its tile_begin says nothing.
            if (share.tile_begin == share.tile_end) continue;
            for (; next < share.tile_begin; ++next) run_tile(p, tile_of(share, next), *context_);
            next = share.tile_end, last = p;
        }
        for (; next < tile_count(); ++next)
            run_tile(last, tile_of(shares_[static_cast<size_t>(last)], next), *context_);
        for (size_t p = 0; p < shares_.size(); ++p)
            for (Accumulators& a : accumulators_) a.stop(static_cast<int>(p), shares_[p].columns);
        for (Accumulators& a : accumulators_) a.finish();
    }

  private:
    // ---- set-up ----

    static int64_t elements_of(const std::vector<LoopPart>& parts) {
        return std::accumulate(
            parts.begin(), parts.end(), int64_t{0},
            [](int64_t sum, const LoopPart& part) { return sum + part.elements(); });
    }

    /// The tiles of each part, counted from the part's beginning.
    static std::vector<Tile> tiles_of(const std::vector<LoopPart>& parts, int64_t columns) {
        std::vector<Tile> tiles;
        for (const LoopPart& part : parts)
            for (int64_t i = part.begin; i < part.end; i += columns)
                tiles.push_back({0, 1, i, std::min(columns, part.end - i), i});
        return tiles;
    }

    int64_t tile_count() const {
        return tiles_.empty() ? plan_.space.tiles() : static_cast<int64_t>(tiles_.size());
    }

    int choose_share_count() const {
        if (elements_ * plan_.cost < kSerialWork) return 1;
        return static_cast<int>(std::min<int64_t>(omp_get_max_threads(), tile_count()));
    }

    /// Long rows of sums: threads take columns instead of rows, and go down them so that their sums
    /// stay in cache.
    bool choose_by_columns(int count) const {
        return plan_.space.rows > 1 && plan_.space.chunks >= 2 * count &&
               std::any_of(plan_.reductions.begin(), plan_.reductions.end(),
                           [](const Reduction& r) { return r.map.along_row; });
    }

    /// Gives thread `p` of `count` its tiles (or columns), its registers, and the addresses of all
    /// cells that do not move.
    Share make_share(int p, int count) {
        Share share;
        const LoopSpace& space = plan_.space;
        const auto boundary = [&](int64_t total, int i) { return total * i / count; };
        share.chunk_begin = by_columns_ ? boundary(space.chunks, p) : 0;
        share.chunks =
            by_columns_ ? boundary(space.chunks, p + 1) - share.chunk_begin : space.chunks;
        share.columns.begin = share.chunk_begin * space.columns_per_tile;
        share.columns.end =
            std::min((share.chunk_begin + share.chunks) * space.columns_per_tile, space.inner);
        const int64_t tiles = by_columns_ ? space.row_tiles() * share.chunks : tile_count();
        share.tile_begin = by_columns_ ? 0 : boundary(tiles, p);
        share.tile_end = by_columns_ ? tiles : boundary(tiles, p + 1);

        // A cache line more than a tile: registers that are 4 KiB apart would compete for the same
        // cache sets.
        const int64_t stride = (space.tile_elements() + 15) / 16 * 16 + 16;
        share.memory = hwy::AllocateAligned<float>(
            static_cast<size_t>(stride * plan_.registers + plan_.row_numbers + 16));
        for (const Cell& cell : plan_.cells) {
            float* pointer = cell.base;
            if (cell.kind == Cell::Kind::kNumber)
                pointer = &numbers_[static_cast<size_t>(cell.index)];
            else if (cell.kind == Cell::Kind::kRegister)
                pointer = share.memory.get() + stride * cell.index;
            else if (cell.kind == Cell::Kind::kRowNumber)
                pointer = share.memory.get() + stride * plan_.registers + cell.index;
            share.pointers.push_back(pointer);
        }
        return share;
    }

    // ---- running ----

    void run_share(int p, const CallContext& context) {
        Share& share = shares_[static_cast<size_t>(p)];
        start_share(p, context);
        for (int64_t t = share.tile_begin; t < share.tile_end; ++t)
            run_tile(p, tile_of(share, t), context);
        for (Accumulators& a : accumulators_) a.stop(p, share.columns);
    }

    void start_share(int p, const CallContext& context) {
        const ColumnRange columns = shares_[static_cast<size_t>(p)].columns;
        for (Accumulators& a : accumulators_) a.start(p, columns);
        const Tile full{0, plan_.space.rows_per_tile, 0, plan_.space.columns_per_tile, 0};
        for (const Action& action : plan_.thread_actions) run_action(action, p, full, context);
    }

    /// Sets the pointers that move with the tile, then runs the actions.
    void run_tile(int p, const Tile& tile, const CallContext& context) {
        Share& share = shares_[static_cast<size_t>(p)];
        for (size_t s : space_cells_) share.pointers[s] = plan_.cells[s].at(tile.first);
        for (size_t s : outside_cells_) {
            const AccessMap& map = plan_.cells[s].map;
            share.pointers[s] =
                plan_.cells[s].at(map.offset(tile.row) + (map.along_row ? tile.column : 0));
        }
        for (const Action& action : plan_.tile_actions) run_action(action, p, tile, context);
    }

    /// Tile number `t` of a share. By columns, a thread goes down all rows of a chunk before the
    /// next chunk.
    Tile tile_of(const Share& share, int64_t t) const {
        if (!tiles_.empty()) return tiles_[static_cast<size_t>(t)];
        const int64_t row_tiles = plan_.space.row_tiles();
        if (by_columns_) return plan_.space.tile(t % row_tiles, share.chunk_begin + t / row_tiles);
        return plan_.space.tile(t / share.chunks, t % share.chunks);
    }

    void run_action(const Action& action, int p, const Tile& tile, const CallContext& context) {
        const Share& share = shares_[static_cast<size_t>(p)];
        if (action.reduction >= 0)
            accumulators_[static_cast<size_t>(action.reduction)].take_in(
                p, tile, share.pointers[action.in.front()]);
        else if (action.expansion >= 0)
            expand(plan_.expansions[static_cast<size_t>(action.expansion)],
                   share.pointers[action.out.front()], tile);
        else if (action.joined != nullptr)
            action.joined(share.pointers.data(), tile.count());
        else
            call(action, share, action.is_number ? 1 : tile.count(), tile.first, context);
    }

    static void call(const Action& action, const Share& share, size_t count, int64_t first,
                     const CallContext& context) {
        TileCall call;
        call.out = share.pointers[action.out.front()];
        for (size_t i = 0; i < action.in.size(); ++i) call.in[i] = share.pointers[action.in[i]];
        call.count = count;
        call.op = action.op;
        call.first = first;
        call.context = &context;
        action.function(call);
    }

    /// Repeats the elements of a smaller tensor over a tile of short rows.
    static void expand(const Expansion& expansion, float* out, const Tile& tile) {
        TileCall fill;
        const AccessMap& map = expansion.map;
        for (int64_t row = tile.row, end; row < tile.row + tile.rows; row = end) {
            end = std::min(map.segment_end(row), tile.row + tile.rows);
            const float* from = expansion.base + map.offset(row);
            if (!map.along_row) {
                fill.out = out;
                fill.in[0] = from;
                fill.count = static_cast<size_t>((end - row) * tile.columns);
                expansion.fill(fill);
                out += fill.count;
                continue;
            }
            for (int64_t r = row; r < end; ++r, out += tile.columns)
                std::memcpy(out, from, static_cast<size_t>(tile.columns) * sizeof(float));
        }
    }

    LoopPlan plan_;
    std::vector<Tile> tiles_;  ///< of parts; empty where all of the space is walked
    int64_t elements_;
    std::vector<float> numbers_;                       ///< cells of kind kNumber
    std::vector<size_t> space_cells_, outside_cells_;  ///< whose pointers move
    bool by_columns_ = false;
    const CallContext* context_ = nullptr;  ///< between begin() and end()
    std::vector<Share> shares_;
    std::vector<Accumulators> accumulators_;
};

}  // namespace

bool runs_in_parts(const ir::Function& function, const ir::Operation& operation) {
    const auto* fused = operation.as<ir::Fused>();
    if (fused == nullptr || fused->space.size() != 1) return false;
    return std::all_of(
        operation.body.begin(), operation.body.end(), [&](const ir::Operation& inner) {
            if (inner.as<ir::Broadcast>() != nullptr)
                return function.type(inner.operands[0]).elements() == 1;
            return inner.info().has(ir::kElementwise) || inner.as<ir::Constant>() != nullptr;
        });
}

std::unique_ptr<Kernel> make_loop_kernel(const ir::Function& function,
                                         const ir::Operation& operation, const Buffers& buffers,
                                         const std::vector<LoopPart>& parts) {
    return std::make_unique<LoopKernel>(make_loop_plan(function, operation, buffers), parts, false);
}

std::unique_ptr<Kernel> make_loop_kernel(const ir::Function& function,
                                         const ir::Operation& operation, const Buffers& buffers) {
    return make_loop_kernel(function, operation, buffers, {});
}

std::unique_ptr<Epilogue> make_loop_epilogue(const ir::Function& function,
                                             const ir::Operation& operation, const Buffers& buffers,
                                             LoopPart part) {
    std::vector<LoopPart> parts;
    if (part.elements() > 0) parts.push_back(part);
    auto loop =
        std::make_unique<LoopKernel>(make_loop_plan(function, operation, buffers), parts, true);
    if (loop->by_columns()) return nullptr;
    return loop;
}

}  // namespace gmc::runtime

// Runs loop plans: threads share the tiles, and each thread runs all actions on a tile before it
// goes on to the next. The same class runs as a kernel of its own (run) and behind a contraction
// (begin, follow, end), where tiles come as the contraction completes them.
//
// The tiles are cut into units, whose borders depend on the shape alone. A sum is taken within each
// unit, tile after tile, and the units' sums are added in the units' order. So any number of
// threads gives the same bits, whichever thread runs a unit. Behind a contraction, a unit is run by
// the thread that completes the last of its elements.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>

#include "compiler/support/check.h"
#include "runtime/kernels/loop/loop.h"
#include "runtime/kernels/loop/loop_accumulators.h"
#include "runtime/kernels/loop/loop_plan.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// A unit has at least this many additions (about 2 us): with fewer, a second thread would cost
/// more than it saves.
constexpr int64_t kUnitWork = 65536;
/// How many units there may be. Each number divides evenly among the usual numbers of threads.
constexpr int64_t kUnitCounts[] = {48, 24, 16, 12, 8, 6, 4, 2, 1};
/// A unit has at least this many elements for each accumulator that it must clear and add.
constexpr int64_t kElementsPerAccumulator = 16;
/// With fewer chunks per row than this, threads share the rows, although each then needs an array
/// of sums of its own.
constexpr int64_t kChunksLeast = 4;
/// With fewer blocks than this, units share results: there would be too few units.
constexpr int64_t kBlocksLeast = 12;

/// Tiles that one thread runs in order.
struct Unit {
    int64_t chunk_begin = 0, chunks = 0;
    /// Counted within the chunks of this unit.
    int64_t tile_begin = 0, tile_end = 0;
    ColumnRange columns;
    /// As an epilogue: its elements, counted from the loop's first one.
    int64_t element_begin = 0, element_end = 0;
};

/// What one thread computes with.
struct Worker {
    hwy::AlignedFreeUniquePtr<float[]> memory;
    std::vector<float*> pointers;  ///< of each cell; some move from tile to tile
    bool started = false;          ///< whether it has taken part in this run
};

/// A plan with its threads' memory. `parts` are the pieces of the space that it runs over; an empty
/// list stands for the whole space. `follows`: it is to run as an epilogue.
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
            if (fixed && cell.step != 0) moving_numbers_.push_back(i);
            if (cell.kind == Cell::Kind::kSpace)
                space_cells_.push_back(i);
            else if (cell.kind == Cell::Kind::kOutside && !fixed)
                outside_cells_.push_back(i);
        }
        by_columns_ = choose_by_columns();
        block_rows_ = choose_block_rows();
        make_units();
        const int64_t threads = thread_count();
        const auto unit_count = static_cast<int64_t>(units_.size());
        for (int64_t i = 0; i < (follows ? threads : std::min(threads, unit_count)); ++i)
            workers_.push_back(make_worker());
        if (follows) missing_ = std::make_unique<std::atomic<int64_t>[]>(units_.size());
        for (const Reduction& r : plan_.reductions)
            accumulators_.emplace_back(r, plan_.space, units_.size(), by_columns_, block_rows_);
    }

    bool by_columns() const { return by_columns_; }

    /// Says that nothing else reads the elements of its parts at `base`, a tensor over the space.
    void consume(const float* base) {
        GMC_CHECK(!tiles_.empty(), "only a loop in parts consumes an operand");
        for (size_t s : space_cells_) {
            const Cell& cell = plan_.cells[s];
            if (cell.base != base) continue;
            // Something else lies there too: the loop writes over what it reads.
            if (consumed_ != kNoCell) return void(consumed_ = kNoCell);
            if (cell.dtype == ir::DType::kF32 && cell.step == 0) consumed_ = s;
        }
    }

    double share() const override {
        return static_cast<double>(elements_) / static_cast<double>(plan_.space.elements());
    }

    void run(const CallContext& context) override {
        start(context);
        run_units(static_cast<int64_t>(units_.size()), static_cast<int>(workers_.size()),
                  [&](int64_t unit, int worker) { run_unit(worker, unit, context); });
        for (Accumulators& a : accumulators_) a.finish();
    }

    // ---- as an epilogue: see kernel.h

    void begin(const CallContext& context) override {
        context_ = &context;
        start(context);
        for (size_t u = 0; u < units_.size(); ++u)
            missing_[u].store(units_[u].element_end - units_[u].element_begin,
                              std::memory_order_relaxed);
    }

    /// Runs the units whose last elements these are.
    void follow(int worker, int64_t begin, int64_t end) override {
        auto unit = std::upper_bound(
            units_.begin(), units_.end(), begin,
            [](int64_t element, const Unit& u) { return element < u.element_end; });
        for (; unit != units_.end() && unit->element_begin < end; ++unit) {
            const int64_t complete =
                std::min(end, unit->element_end) - std::max(begin, unit->element_begin);
            const int64_t u = unit - units_.begin();
            if (missing_[static_cast<size_t>(u)].fetch_sub(complete) == complete)
                run_unit(worker, u, *context_);
        }
    }

    void end() override {
        for (Accumulators& a : accumulators_) a.finish();
    }

    bool takes_values() const override { return consumed_ != kNoCell; }

    /// Runs these elements at once: a loop in parts has no sums, whose order units would fix.
    void follow_at(int worker_number, int64_t begin, int64_t end, const float* values) override {
        Worker& worker = workers_[static_cast<size_t>(worker_number)];
        if (!worker.started) start_worker(worker, *context_);
        const int64_t start = tiles_.front().first;
        for (int64_t i = begin; i < end; i += plan_.space.columns_per_tile) {
            const int64_t count = std::min(plan_.space.columns_per_tile, end - i);
            const Tile tile{0, 1, start + i, count, start + i};
            move_pointers(worker, tile);
            worker.pointers[consumed_] = const_cast<float*>(values + (i - begin));
            run_actions(worker, 0, tile, *context_);
        }
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

    int64_t choose_unit_count() const {
        int64_t most = std::min(elements_ * plan_.cost / kUnitWork,
                                by_columns_ ? plan_.space.chunks : tile_count());
        if (block_rows_ != 0) most = std::min(most, blocks(block_rows_));
        for (const Reduction& r : plan_.reductions)
            if (r.accumulators() > 0 && !(by_columns_ && r.map.along_row) &&
                !(block_rows_ != 0 && r.in_blocks()))
                most = std::min(most, elements_ / (kElementsPerAccumulator * r.accumulators()));
        return *std::find_if(std::begin(kUnitCounts), std::end(kUnitCounts),
                             [&](int64_t count) { return count == 1 || count <= most; });
    }

    /// Where long rows are summed into a row of sums, units divide the columns instead of the rows:
    /// a unit goes down its columns, whose sums stay in the cache.
    bool choose_by_columns() const {
        return plan_.space.rows > 1 && plan_.space.chunks >= kChunksLeast &&
               std::any_of(plan_.reductions.begin(), plan_.reductions.end(),
                           [](const Reduction& r) { return r.map.along_row; });
    }

    int64_t blocks(int64_t block_rows) const {
        return (plan_.space.rows + block_rows - 1) / block_rows;
    }

    /// Where a result varies along the outermost axis, units divide that axis: then no two have a
    /// result in common. A block is the fewest whole tiles that end with an index of that axis.
    int64_t choose_block_rows() const {
        const LoopSpace& space = plan_.space;
        if (by_columns_ || !tiles_.empty() || space.sizes.size() < 2 ||
            std::none_of(plan_.reductions.begin(), plan_.reductions.end(),
                         [](const Reduction& r) { return r.in_blocks(); }))
            return 0;
        const int64_t rows = std::lcm(space.rows_per_tile, space.rows / space.sizes.front());
        return blocks(rows) < kBlocksLeast ? 0 : rows;
    }

    void make_units() {
        const LoopSpace& space = plan_.space;
        const int64_t count = choose_unit_count();
        // Tiles that stay together.
        const int64_t together =
            block_rows_ == 0 ? 1 : block_rows_ / space.rows_per_tile * space.chunks;
        const auto border = [&](int64_t total, int64_t i) { return total * i / count; };
        for (int64_t i = 0; i < count; ++i) {
            Unit unit;
            unit.chunk_begin = by_columns_ ? border(space.chunks, i) : 0;
            unit.chunks =
                by_columns_ ? border(space.chunks, i + 1) - unit.chunk_begin : space.chunks;
            unit.columns.begin = unit.chunk_begin * space.columns_per_tile;
            unit.columns.end =
                std::min((unit.chunk_begin + unit.chunks) * space.columns_per_tile, space.inner);
            const int64_t tiles = by_columns_ ? space.row_tiles() * unit.chunks : tile_count();
            const int64_t groups = (tiles + together - 1) / together;
            unit.tile_begin = by_columns_ ? 0 : border(groups, i) * together;
            unit.tile_end = by_columns_ ? tiles : std::min(border(groups, i + 1) * together, tiles);
            unit.element_begin = first_element(unit, unit.tile_begin);
            unit.element_end = first_element(unit, unit.tile_end);
            units_.push_back(unit);
        }
    }

    /// Where a tile that is not of columns begins, or where the last one ends.
    int64_t first_element(const Unit& unit, int64_t t) const {
        if (by_columns_) return 0;
        if (t == tile_count()) return elements_;
        return tile_of(unit, t).first - (tiles_.empty() ? 0 : tiles_.front().first);
    }

    Worker make_worker() {
        Worker worker;
        // Registers lie a cache line further apart than a tile is long: at a distance of 4 KiB they
        // would compete for the same cache sets.
        const int64_t stride = (plan_.space.tile_elements() + 15) / 16 * 16 + 16;
        worker.memory = hwy::AllocateAligned<float>(
            static_cast<size_t>(stride * plan_.registers + plan_.row_numbers + 16));
        for (const Cell& cell : plan_.cells) {
            float* pointer = cell.base;
            if (cell.kind == Cell::Kind::kNumber)
                pointer = &numbers_[static_cast<size_t>(cell.index)];
            else if (cell.kind == Cell::Kind::kRegister)
                pointer = worker.memory.get() + stride * cell.index;
            else if (cell.kind == Cell::Kind::kRowNumber)
                pointer = worker.memory.get() + stride * plan_.registers + cell.index;
            worker.pointers.push_back(pointer);
        }
        return worker;
    }

    // ---- running ----

    /// What is done once per run.
    void start(const CallContext& context) {
        pass_ = context.pass;
        for (size_t i : moving_numbers_)
            for (Worker& worker : workers_) worker.pointers[i] = plan_.cells[i].at(0, pass_);
        for (Accumulators& a : accumulators_) a.begin(pass_);
        for (const Action& action : plan_.run_actions) call(action, workers_[0], 1, 0, context);
        for (Worker& worker : workers_) worker.started = false;
    }

    void run_unit(int worker_number, int64_t unit_number, const CallContext& context) {
        Worker& worker = workers_[static_cast<size_t>(worker_number)];
        if (!worker.started) start_worker(worker, context);
        const auto u = static_cast<size_t>(unit_number);
        const Unit& unit = units_[u];
        for (Accumulators& a : accumulators_) a.start(u, unit.columns);
        for (int64_t t = unit.tile_begin; t < unit.tile_end; ++t)
            run_tile(worker, u, tile_of(unit, t), context);
        for (Accumulators& a : accumulators_) a.stop(u, unit.columns);
    }

    /// What is done once per thread.
    void start_worker(Worker& worker, const CallContext& context) {
        const Tile full{0, plan_.space.rows_per_tile, 0, plan_.space.columns_per_tile, 0};
        for (const Action& action : plan_.thread_actions)
            run_action(action, worker, 0, full, context);
        worker.started = true;
    }

    void run_tile(Worker& worker, size_t u, const Tile& tile, const CallContext& context) {
        move_pointers(worker, tile);
        run_actions(worker, u, tile, context);
    }

    void move_pointers(Worker& worker, const Tile& tile) const {
        for (size_t s : space_cells_) worker.pointers[s] = plan_.cells[s].at(tile.first, pass_);
        for (size_t s : outside_cells_) {
            const AccessMap& map = plan_.cells[s].map;
            worker.pointers[s] =
                plan_.cells[s].at(map.offset(tile.row) + (map.along_row ? tile.column : 0), pass_);
        }
    }

    void run_actions(const Worker& worker, size_t u, const Tile& tile, const CallContext& context) {
        for (const Action& action : plan_.tile_actions)
            run_action(action, worker, u, tile, context);
    }

    Tile tile_of(const Unit& unit, int64_t t) const {
        if (!tiles_.empty()) return tiles_[static_cast<size_t>(t)];
        const int64_t row_tiles = plan_.space.row_tiles();
        if (by_columns_) return plan_.space.tile(t % row_tiles, unit.chunk_begin + t / row_tiles);
        return plan_.space.tile(t / unit.chunks, t % unit.chunks);
    }

    void run_action(const Action& action, const Worker& worker, size_t u, const Tile& tile,
                    const CallContext& context) {
        if (action.reduction >= 0)
            accumulators_[static_cast<size_t>(action.reduction)].take_in(
                u, tile, worker.pointers[action.in.front()]);
        else if (action.expansion >= 0)
            expand(plan_.expansions[static_cast<size_t>(action.expansion)],
                   worker.pointers[action.out.front()], tile);
        else if (action.window >= 0)
            copy_windows(action.window, tile, worker.pointers[action.out.front()]);
        else if (action.joined != nullptr)
            action.joined(worker.pointers.data(), tile.count());
        else
            call(action, worker, action.is_number ? 1 : tile.count(), tile.first, context);
    }

    static void call(const Action& action, const Worker& worker, size_t count, int64_t first,
                     const CallContext& context) {
        TileCall call;
        call.out = worker.pointers[action.out.front()];
        for (size_t i = 0; i < action.in.size(); ++i) call.in[i] = worker.pointers[action.in[i]];
        call.count = count;
        call.op = action.op;
        call.first = first;
        call.context = &context;
        action.function(call);
    }

    void copy_windows(int first, const Tile& tile, float* out) const {
        for (int i = first; i >= 0; i = plan_.windows[static_cast<size_t>(i)].next) {
            const WindowCopy& copy = plan_.windows[static_cast<size_t>(i)];
            copy_window(copy.window, plan_.space, tile, in_pass(copy.from, copy.step, pass_),
                        copy.size, i == first, reinterpret_cast<std::byte*>(out));
        }
    }

    /// Repeats the elements of a smaller tensor over a tile of short rows.
    void expand(const Expansion& expansion, float* out, const Tile& tile) const {
        TileCall fill;
        const AccessMap& map = expansion.map;
        const float* base = in_pass(expansion.base, expansion.step, pass_);
        for (int64_t row = tile.row, end; row < tile.row + tile.rows; row = end) {
            end = std::min(map.segment_end(row), tile.row + tile.rows);
            const float* from = base + map.offset(row);
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
    std::vector<size_t> space_cells_, outside_cells_;  ///< whose pointers move from tile to tile
    std::vector<size_t> moving_numbers_;               ///< and from pass to pass
    static constexpr size_t kNoCell = ~size_t{0};
    size_t consumed_ = kNoCell;  ///< of space_cells_: what nothing else reads
    int64_t pass_ = 0;           ///< CallContext::pass of this run
    bool by_columns_ = false;
    int64_t block_rows_ = 0;                ///< of Accumulators; 0 = units are not cut at blocks
    const CallContext* context_ = nullptr;  ///< between begin() and end()
    std::vector<Unit> units_;
    std::vector<Worker> workers_;
    /// As an epilogue: how many elements of each unit are not complete yet.
    std::unique_ptr<std::atomic<int64_t>[]> missing_;
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
                                             LoopPart part, ir::ValueId consumed) {
    std::vector<LoopPart> parts;
    if (part.elements() > 0) parts.push_back(part);
    auto loop =
        std::make_unique<LoopKernel>(make_loop_plan(function, operation, buffers), parts, true);
    if (loop->by_columns()) return nullptr;
    if (consumed != ir::kNone) loop->consume(buffers.data(consumed));
    return loop;
}

}  // namespace gmc::runtime

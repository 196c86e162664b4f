// Runs loop plans: tiles over threads, steps over tiles, and the accumulators of reductions over all.
#include <algorithm>
#include <cstring>

#include <hwy/aligned_allocator.h>
#include <omp.h>

#include "runtime/kernels/loop.h"
#include "runtime/kernels/loop_plan.h"

namespace gmc::runtime {
namespace {

/// Below this many tile function results a parallel region costs more than it saves.
constexpr int64_t kSerialWork = 32768;

/// Whole rows, or a part of one row.
struct Tile {
    int64_t row = 0, rows = 1;
    int64_t column = 0, columns = 1;
    int64_t first = 0;  ///< flat index of the first element
    size_t count() const { return static_cast<size_t>(rows * columns); }
};

/// Memory of one thread's share of the work.
struct Part {
    hwy::AlignedFreeUniquePtr<float[]> memory;
    std::vector<float*> pointers;  ///< of each slot; moved from tile to tile
    std::vector<hwy::AlignedFreeUniquePtr<double[]>> accumulators;  ///< of each reduction
    int64_t chunk_begin = 0, chunks = 0;     ///< its columns, in tiles
    int64_t tile_begin = 0, tile_end = 0;    ///< its tiles, counted row by row over its columns
};

class LoopKernel : public Kernel {
  public:
    explicit LoopKernel(LoopPlan plan) : plan_(std::move(plan)), numbers_(plan_.numbers) {
        for (size_t i = 0; i < plan_.slots.size(); ++i) {
            const Slot& slot = plan_.slots[i];
            const bool fixed = slot.kind == Slot::Kind::kOutside && slot.map.mask == 0;
            if (slot.kind == Slot::Kind::kSpace) space_slots_.push_back(static_cast<int>(i));
            else if (slot.kind == Slot::Kind::kOutside && !fixed) outside_slots_.push_back(static_cast<int>(i));
        }
        const int count = choose_parts();
        for (int p = 0; p < count; ++p) parts_.push_back(make_part(p, count));
    }

    void run(const CallContext& context) override {
        for (const Step& step : plan_.run_steps) call(step, parts_[0], 1, 0, context);
        const int count = static_cast<int>(parts_.size());
        if (count == 1) {
            run_part(parts_[0], context);
        } else {
#pragma omp parallel for schedule(static, 1) num_threads(count)
            for (int p = 0; p < count; ++p) run_part(parts_[p], context);
        }
        for (size_t r = 0; r < plan_.reductions.size(); ++r) finish(r);
    }

  private:
    // ---- set-up ----

    int choose_parts() const {
        const int64_t steps = static_cast<int64_t>(plan_.tile_steps.size());
        if (plan_.space.elements() * steps < kSerialWork) return 1;
        return static_cast<int>(std::min<int64_t>(omp_get_max_threads(), plan_.space.tiles()));
    }

    /// Threads take blocks of columns instead of rows where accumulators for all columns are large.
    bool by_columns(int count) const {
        return plan_.space.chunks >= 4 * count &&
               std::any_of(plan_.reductions.begin(), plan_.reductions.end(),
                           [](const Reduction& r) { return r.map.along_row; });
    }

    Part make_part(int p, int count) {
        Part part;
        const LoopSpace& space = plan_.space;
        const auto share = [&](int64_t total, int64_t i) { return total * i / count; };
        const bool columns = by_columns(count);
        part.chunk_begin = columns ? share(space.chunks, p) : 0;
        part.chunks = columns ? share(space.chunks, p + 1) - part.chunk_begin : space.chunks;
        const int64_t tiles = space.tiles() / space.chunks * part.chunks;
        part.tile_begin = columns ? 0 : share(tiles, p);
        part.tile_end = columns ? tiles : share(tiles, p + 1);

        const int64_t stride = (space.tile_elements() + 15) / 16 * 16 + 16;
        part.memory = hwy::AllocateAligned<float>(static_cast<size_t>(stride * plan_.registers + plan_.row_numbers + 16));
        for (const Slot& slot : plan_.slots) {
            float* pointer = slot.base;
            if (slot.kind == Slot::Kind::kNumber) pointer = &numbers_[slot.index];
            else if (slot.kind == Slot::Kind::kRegister) pointer = part.memory.get() + stride * slot.index;
            else if (slot.kind == Slot::Kind::kRowNumber)
                pointer = part.memory.get() + stride * plan_.registers + slot.index;
            part.pointers.push_back(pointer);
        }
        for (const Reduction& r : plan_.reductions)
            part.accumulators.push_back(hwy::AllocateAligned<double>(static_cast<size_t>(r.accumulators())));
        return part;
    }

    // ---- running ----

    void run_part(Part& part, const CallContext& context) const {
        for (size_t r = 0; r < plan_.reductions.size(); ++r)
            std::fill_n(part.accumulators[r].get(), plan_.reductions[r].accumulators(),
                        plan_.reductions[r].functions.identity);
        const Tile full{0, plan_.space.rows_per_tile, 0, plan_.space.columns_per_tile, 0};
        for (const Step& step : plan_.part_steps) run_step(step, part, full, context);
        for (int64_t t = part.tile_begin; t < part.tile_end; ++t) {
            const Tile tile = tile_at(t / part.chunks, part.chunk_begin + t % part.chunks);
            for (int s : space_slots_) part.pointers[s] = plan_.slots[s].base + tile.first;
            for (int s : outside_slots_) {
                const AccessMap& map = plan_.slots[s].map;
                part.pointers[s] = plan_.slots[s].base + map.offset(tile.row) + (map.along_row ? tile.column : 0);
            }
            for (const Step& step : plan_.tile_steps) run_step(step, part, tile, context);
        }
    }

    Tile tile_at(int64_t row_tile, int64_t chunk) const {
        const LoopSpace& space = plan_.space;
        Tile tile;
        tile.row = row_tile * space.rows_per_tile;
        tile.rows = std::min(space.rows_per_tile, space.rows - tile.row);
        tile.column = chunk * space.columns_per_tile;
        tile.columns = std::min(space.columns_per_tile, space.inner - tile.column);
        tile.first = tile.row * space.inner + tile.column;
        return tile;
    }

    void run_step(const Step& step, Part& part, const Tile& tile, const CallContext& context) const {
        if (step.reduction >= 0) reduce(plan_.reductions[step.reduction], part.pointers[step.in[0]], tile,
                                        part.accumulators[step.reduction].get());
        else if (step.expansion >= 0) expand(plan_.expansions[step.expansion], part.pointers[step.out], tile);
        else call(step, part, step.is_number ? 1 : tile.count(), tile.first, context);
    }

    static void call(const Step& step, const Part& part, size_t count, int64_t first, const CallContext& context) {
        TileCall call;
        call.out = part.pointers[step.out];
        for (int i = 0; i < step.inputs; ++i) call.in[i] = part.pointers[step.in[i]];
        call.count = count;
        call.op = step.op;
        call.first = first;
        call.context = &context;
        step.function(call);
    }

    static void expand(const Expansion& expansion, float* out, const Tile& tile) {
        const AccessMap& map = expansion.map;
        for (int64_t row = tile.row, end; row < tile.row + tile.rows; row = end) {
            end = std::min(map.segment_end(row), tile.row + tile.rows);
            const float* from = expansion.base + map.offset(row);
            if (!map.along_row) {
                out = std::fill_n(out, (end - row) * tile.columns, *from);
                continue;
            }
            for (int64_t r = row; r < end; ++r, out += tile.columns)
                std::memcpy(out, from, static_cast<size_t>(tile.columns) * sizeof(float));
        }
    }

    static void reduce(const Reduction& reduction, const float* in, const Tile& tile, double* accumulators) {
        const ReduceFunctions& f = reduction.functions;
        const AccessMap& map = reduction.map;
        if (reduction.period != 0) {
            const size_t width = static_cast<size_t>(reduction.period), rows = tile.count() / width;
            if (rows > 0) f.columns(in, rows, width, accumulators);
            const size_t rest = tile.count() - rows * width;
            if (rest > 0) f.columns(in + rows * width, 1, rest, accumulators);
            return;
        }
        for (int64_t row = tile.row, end; row < tile.row + tile.rows; row = end) {
            end = std::min(map.segment_end(row), tile.row + tile.rows);
            double* to = accumulators + map.offset(row);
            const size_t rows = static_cast<size_t>(end - row), columns = static_cast<size_t>(tile.columns);
            if (map.along_row) f.columns(in, rows, columns, to + tile.column);
            else f.all(in, rows * columns, to);
            in += rows * columns;
        }
    }

    /// Combines the threads' accumulators in their order, so that the sum does not depend on who was first.
    void finish(size_t r) {
        const Reduction& reduction = plan_.reductions[r];
        const size_t width = static_cast<size_t>(reduction.accumulators());
        double* total = parts_[0].accumulators[r].get();
        for (size_t p = 1; p < parts_.size(); ++p) reduction.functions.merge(parts_[p].accumulators[r].get(), width, total);
        const size_t elements = static_cast<size_t>(reduction.map.elements);
        for (size_t begin = elements; begin < width; begin += elements)
            reduction.functions.merge(total + begin, elements, total);
        for (size_t i = 0; i < elements; ++i) reduction.result[i] = static_cast<float>(total[i]);
    }

    LoopPlan plan_;
    std::vector<float> numbers_;
    std::vector<int> space_slots_, outside_slots_;  ///< whose pointers move
    std::vector<Part> parts_;
};

}  // namespace

bool is_loop_op(const ir::OpVariant& op) {
    constexpr ir::Trait kTraits[] = {ir::kElementwise, ir::kReduction, ir::kGenerator, ir::kRuntimeScalar};
    const ir::OpInfo& info = ir::op_info(op);
    return std::any_of(std::begin(kTraits), std::end(kTraits), [&](ir::Trait t) { return info.has(t); }) ||
           std::holds_alternative<ir::Broadcast>(op) || std::holds_alternative<ir::Fused>(op);
}

std::unique_ptr<Kernel> make_loop_kernel(const ir::Function& function, const ir::Operation& operation,
                                         const Buffers& buffers) {
    return std::make_unique<LoopKernel>(make_loop_plan(function, operation, buffers));
}

}  // namespace gmc::runtime

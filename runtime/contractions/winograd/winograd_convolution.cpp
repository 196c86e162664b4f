// Winograd's convolutions. "From" is the tensor that is read, "to" the one that is written. For the
// words phase, term, tile and point see winograd_axis.h.
//
// First the weights are transformed, by all threads together. Then each thread goes through its
// tiles in chunks, some tiles of equal size at a time. For each phase of a chunk:
//   transform_patches  what the tiles read, to values at points: [tiles, from channels] per point
//   sum_products       per point, times the weights [from channels, to channels], summed over the
//                      terms: [tiles, to channels] per point
//   transform_back     the sums at the points, to the results of the tiles
// A chunk has as many tiles as keep all of this in the second-level cache, and enough of them that
// the matrix products pay for reading the weights.
#include "runtime/contractions/winograd/winograd_convolution.h"

#include <algorithm>
#include <vector>

#include "runtime/contractions/plain_contraction.h"
#include "runtime/contractions/winograd/winograd_by_columns.h"
#include "runtime/contractions/winograd/winograd_plan.h"
#include "runtime/contractions/winograd/winograd_simd.h"
#include "runtime/contractions/winograd/winograd_weights.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// What the values of a chunk may take: most of a second-level cache of 1 MB.
constexpr int64_t kChunkBytes = 768 << 10;
/// The least and the most tiles of a chunk. Each chunk reads all transformed weights from the
/// third-level cache; with fewer tiles than the first bound it would mostly wait for them. Where
/// that many tiles do not fit into the second-level cache, less is lost: their values are read and
/// written in order, which the processor prefetches.
constexpr int64_t kFewestTiles = 48, kForwardTilesMost = 96;
/// How many weights of each tap are transformed at once.
constexpr int64_t kWeightBlock = 256;

/// Some tiles of one size, and memory for their values.
struct Chunk {
    WinogradSize tile;
    const WinogradPlace* places;
    int64_t tiles;
    float* memory;
    /// Where the results of each tile go; null where they lie outside the image.
    float** results;
};

/// The operands of the sum of products at a point.
struct Operands {
    const float* patches[kMostTerms];
    const float* matrices[kMostTerms];
};

class WinogradConv final : public Kernel {
  public:
    WinogradConv(const ConvProblem& p, ContractionContext& context, int64_t points);
    void run(const CallContext& context) override;
    bool set_epilogue(Epilogue* epilogue) override {
        epilogue_ = epilogue;
        return true;
    }
    bool is_worthwhile(int64_t points) const { return plan_.is_worthwhile(points); }

  private:
    void choose_chunks();
    int64_t weight_floats() const {
        return plan_.points * point_stride(from_.channels, to_.channels);
    }
    int64_t row_tiles() const { return static_cast<int64_t>(plan_.rows.tiles.size()); }
    int64_t column_tiles() const { return static_cast<int64_t>(plan_.columns.tiles.size()); }
    /// The floats that the transformed patches of a phase take.
    int64_t patch_floats(const WinogradPhase& phase, const Chunk& chunk) const {
        return WinogradPlan::points_of_terms(phase, chunk.tile) *
               point_stride(chunk.tiles, from_.channels);
    }
    /// How many floats of "to" lie before the results of this row of tiles, counted through all
    /// images.
    int64_t floats_before(int64_t tile_row) const;
    void transform_weights(float* to) const;
    float* memory_of(int worker) const {
        return reinterpret_cast<float*>(arena_.scratch()) + weight_floats() +
               worker * thread_floats_;
    }
    void find_results(const WinogradPhase& phase, const Chunk& chunk) const;
    void transform_patches(const WinogradPhase& phase, const Chunk& chunk) const;
    PanelSum sum_at(const WinogradPhase& phase, const Chunk& chunk, const float* weights, int64_t i,
                    int64_t j, Operands& operands) const;
    void sum_products(const WinogradPhase& phase, const Chunk& chunk, const float* weights) const;
    void transform_back(const WinogradPhase& phase, const Chunk& chunk) const;
    void run_tiles(int64_t begin, int64_t end, const float* weights, int worker);

    bool forward_;
    ConvLoops l_;
    WinogradPlan plan_;
    WinogradImage from_, to_;
    WinogradWeights weights_;
    Arena& arena_;
    int threads_;
    int64_t panel_ = panel_columns();
    int64_t thread_floats_ = 0;
    int64_t tiles_at_once_ = 0;
    /// The results of a chunk.
    int64_t most_results_ = 0;
    /// How many rows of tiles are computed before the epilogue (what is fused behind the
    /// convolution) processes them.
    int64_t rows_at_once_ = 0;
    Epilogue* epilogue_ = nullptr;
    std::vector<float> zeros_;
    /// Room for each thread to list the tiles of its chunks.
    std::vector<WinogradPlace> places_;
    /// Room for each thread to list where the results of a chunk go.
    std::vector<float*> results_;
};

WinogradConv::WinogradConv(const ConvProblem& p, ContractionContext& context, int64_t points)
    : forward_(p.direction == ConvProblem::Direction::kForward),
      l_(p),
      plan_(l_, forward_, points),
      from_(forward_ ? WinogradImage{p.x_data, l_.channels} : WinogradImage{p.y_data, l_.filters}),
      to_(forward_ ? WinogradImage{p.y_data, l_.filters} : WinogradImage{p.x_data, l_.channels}),
      weights_(l_, forward_, p.weights_data),
      arena_(context.arena()),
      threads_(thread_count()),
      zeros_(static_cast<size_t>(from_.channels), 0.0f) {
    if (!is_worthwhile(points)) return;
    choose_chunks();
    arena_.reserve_scratch(4 * (weight_floats() + threads_ * thread_floats_));
    places_.resize(static_cast<size_t>(threads_ * rows_at_once_ * column_tiles()));
    results_.resize(static_cast<size_t>(threads_ * most_results_));
}

/// Chooses how many tiles a chunk has, so that their values fit into the cache, and how many rows
/// of tiles are computed at once, so that tiles of each size fill a chunk.
void WinogradConv::choose_chunks() {
    const WinogradSize tile = plan_.largest_tile();
    int64_t floats = 0;
    for (const WinogradPhase& phase : plan_.phases)
        floats =
            std::max(floats, WinogradPlan::points_of_terms(phase, tile) * from_.channels +
                                 WinogradPlan::points_of_phase(phase, tile).area() * to_.channels);
    tiles_at_once_ = std::clamp(kChunkBytes / 4 / floats, kFewestTiles, kForwardTilesMost);
    const auto sizes =
        static_cast<int64_t>(plan_.rows.tile_sizes.size() * plan_.columns.tile_sizes.size());
    rows_at_once_ = (tiles_at_once_ * sizes + column_tiles() - 1) / column_tiles();
    rows_at_once_ = std::min(rows_at_once_, l_.batch * row_tiles());
    // run_tiles may put half as many tiles more into a chunk.
    const int64_t most_tiles = tiles_at_once_ + tiles_at_once_ / 2 + 1;
    most_results_ = most_tiles * tile.area();
    for (const WinogradPhase& phase : plan_.phases)
        thread_floats_ =
            std::max(thread_floats_, WinogradPlan::points_of_terms(phase, tile) *
                                             point_stride(most_tiles, from_.channels) +
                                         WinogradPlan::points_of_phase(phase, tile).area() *
                                             point_stride(most_tiles, to_.channels));
    thread_floats_ = std::max(thread_floats_, l_.taps() * kWeightBlock);
}

/// Evaluates the weights of all terms at the points of the largest tiles; smaller tiles use the
/// first of them. Each point gives a matrix [from channels, to channels] in panels.
void WinogradConv::transform_weights(float* to) const {
    const int64_t depth = kWeightBlock / panel_,
                  matrix = point_stride(from_.channels, to_.channels);
    const int64_t panels = (to_.channels + panel_ - 1) / panel_,
                  blocks = (from_.channels + depth - 1) / depth;
    run_units(panels * blocks, threads_, [&](int64_t unit, int worker) {
        const int64_t column = unit / blocks * panel_, k = unit % blocks * depth;
        const WinogradWeights::Block block{k, std::min(depth, from_.channels - k), column,
                                           std::min(panel_, to_.channels - column)};
        float* values = to + column * from_.channels + k * block.columns;
        for (const WinogradPhase& phase : plan_.phases)
            for (const WinogradTerm& term : phase.terms)
                weights_.transform(term, plan_.largest_tile(), block, memory_of(worker),
                                   values + term.first_point * matrix, matrix);
    });
}

/// Transforms the patches of all terms, one term after another, to [points][tiles][from channels].
/// The patch of the next tile is found one tile ahead, so that it can be prefetched.
void WinogradConv::transform_patches(const WinogradPhase& phase, const Chunk& chunk) const {
    const float* patches[2][kMostPatch];
    float* values[kMostPatch];
    float* to = chunk.memory;
    const int64_t stride = point_stride(chunk.tiles, from_.channels);
    for (const WinogradTerm& term : phase.terms) {
        const WinogradSize points = WinogradPlan::points_of_term(term, chunk.tile);
        const auto find = [&](int64_t tile) {
            plan_.find_patch(from_, term, chunk.places[tile], points, zeros_.data(),
                             patches[tile % 2]);
        };
        find(0);
        for (int64_t tile = 0; tile < chunk.tiles; ++tile) {
            const bool more = tile + 1 < chunk.tiles;
            if (more) find(tile + 1);
            for (int64_t i = 0; i < points.area(); ++i)
                values[i] = to + i * stride + tile * from_.channels;
            run_patch_transform({&interpolation(points.rows), &interpolation(points.columns),
                                 patches[tile % 2], values, from_.channels,
                                 more ? patches[(tile + 1) % 2] : nullptr});
        }
        to += points.area() * stride;
    }
}

/// The sum over all terms at point (i, j). A term with fewer taps than the longest has fewer points
/// and takes part in those only. The result goes behind the patches: [points][tiles][to channels].
PanelSum WinogradConv::sum_at(const WinogradPhase& phase, const Chunk& chunk, const float* weights,
                              int64_t i, int64_t j, Operands& operands) const {
    const int64_t patch_point = point_stride(chunk.tiles, from_.channels),
                  matrix = point_stride(from_.channels, to_.channels);
    const float* patch = chunk.memory;
    int64_t terms = 0;
    for (const WinogradTerm& term : phase.terms) {
        const WinogradSize own = WinogradPlan::points_of_term(term, chunk.tile);
        if (i < own.rows && j < own.columns) {
            operands.patches[terms] = patch + (i * own.columns + j) * patch_point;
            operands.matrices[terms++] = weights + plan_.point(term, i, j) * matrix;
        }
        patch += own.area() * patch_point;
    }
    float* sums = chunk.memory + patch_floats(phase, chunk) +
                  (i * WinogradPlan::points_of_phase(phase, chunk.tile).columns + j) *
                      point_stride(chunk.tiles, to_.channels);
    return {operands.patches, operands.matrices, terms,       sums,
            chunk.tiles,      from_.channels,    to_.channels};
}

void WinogradConv::find_results(const WinogradPhase& phase, const Chunk& chunk) const {
    for (int64_t tile = 0; tile < chunk.tiles; ++tile)
        plan_.find_results(to_, phase, chunk.places[tile], chunk.tile, nullptr,
                           chunk.results + tile * chunk.tile.area());
}

/// Multiplies patches with weights, point by point. The next sum is found one point ahead, so that
/// its operands can be prefetched. Each point also prefetches a part of what will be written.
void WinogradConv::sum_products(const WinogradPhase& phase, const Chunk& chunk,
                                const float* weights) const {
    const WinogradSize points = WinogradPlan::points_of_phase(phase, chunk.tile);
    const int64_t results = chunk.tiles * chunk.tile.area();
    Operands operands[2];
    PanelSum sums[2];
    const auto find = [&](int64_t point) {
        sums[point % 2] = sum_at(phase, chunk, weights, point / points.columns,
                                 point % points.columns, operands[point % 2]);
    };
    find(0);
    for (int64_t point = 0; point < points.area(); ++point) {
        PanelSum& sum = sums[point % 2];
        if (point + 1 < points.area()) {
            find(point + 1);
            sum.next = &sums[(point + 1) % 2];
        }
        const int64_t first = results * point / points.area(),
                      last = results * (point + 1) / points.area();
        sum.written = chunk.results + first, sum.written_count = last - first;
        run_panel_sum(sum);
    }
}

/// Transforms the sums of each tile back, and stores the results that lie inside the image.
void WinogradConv::transform_back(const WinogradPhase& phase, const Chunk& chunk) const {
    const WinogradSize points = WinogradPlan::points_of_phase(phase, chunk.tile);
    const float* sums = chunk.memory + patch_floats(phase, chunk);
    const float* from[kMostPatch];
    const float* next[kMostPatch];
    for (int64_t tile = 0; tile < chunk.tiles; ++tile) {
        for (int64_t i = 0; i < points.area(); ++i) {
            from[i] = sums + i * point_stride(chunk.tiles, to_.channels) + tile * to_.channels;
            next[i] = from[i] + to_.channels;
        }
        run_patch_transform({&evaluation_transposed(points.rows, chunk.tile.rows),
                             &evaluation_transposed(points.columns, chunk.tile.columns), from,
                             chunk.results + tile * chunk.tile.area(), to_.channels,
                             tile + 1 < chunk.tiles ? next : nullptr});
    }
}

/// Computes the rows of tiles from `begin` to `end`, numbered through all images. The tiles of each
/// size are collected and computed in chunks of about equal length.
void WinogradConv::run_tiles(int64_t begin, int64_t end, const float* weights, int worker) {
    WinogradPlace* places = places_.data() + worker * rows_at_once_ * column_tiles();
    float** results = results_.data() + worker * most_results_;
    const auto run_size = [&](WinogradSize size) {
        int64_t count = 0;
        for (int64_t row = begin; row < end; ++row) {
            const AxisTile& tile = plan_.rows.tiles[static_cast<size_t>(row % row_tiles())];
            if (tile.size != size.rows) continue;
            for (const AxisTile& column : plan_.columns.tiles)
                if (column.size == size.columns)
                    places[count++] = {row / row_tiles(), tile.first, column.first};
        }
        if (count == 0) return;
        const int64_t chunks = std::max<int64_t>((count + tiles_at_once_ / 2) / tiles_at_once_, 1);
        for (int64_t i = 0; i < chunks; ++i) {
            const int64_t first = count * i / chunks, last = count * (i + 1) / chunks;
            const Chunk chunk{size, places + first, last - first, memory_of(worker), results};
            for (const WinogradPhase& phase : plan_.phases) {
                find_results(phase, chunk);
                transform_patches(phase, chunk);
                sum_products(phase, chunk, weights);
                transform_back(phase, chunk);
            }
        }
    };
    for (const int64_t rows : plan_.rows.tile_sizes)
        for (const int64_t columns : plan_.columns.tile_sizes) run_size({rows, columns});
}

int64_t WinogradConv::floats_before(int64_t tile_row) const {
    const int64_t image = tile_row / row_tiles(), tile = tile_row % row_tiles();
    const WinogradAxis& rows = plan_.rows;
    const int64_t row = rows.tiles[static_cast<size_t>(tile)].first * rows.to_step;
    return (image * rows.to_size + row) * plan_.columns.to_size * to_.channels;
}

/// Computes rows of tiles in rounds of about equal length, each a unit. At the end of a round all
/// its results are complete, and neighbours in memory: then the epilogue gets them.
void WinogradConv::run(const CallContext& context) {
    /// For several threads.
    constexpr int64_t kRoundsLeast = 8;
    if (epilogue_ != nullptr) epilogue_->begin(context);
    auto* weights = reinterpret_cast<float*>(arena_.scratch());
    transform_weights(weights);
    const int64_t rows = l_.batch * row_tiles();
    const int64_t rounds =
        std::max((rows + rows_at_once_ - 1) / rows_at_once_, std::min(rows, kRoundsLeast));
    run_units(rounds, threads_, [&](int64_t round, int worker) {
        const int64_t first = rows * round / rounds, last = rows * (round + 1) / rounds;
        run_tiles(first, last, weights, worker);
        if (epilogue_ != nullptr)
            epilogue_->follow(worker, floats_before(first), floats_before(last));
    });
    if (epilogue_ != nullptr) epilogue_->end();
}

}  // namespace

std::unique_ptr<Kernel> make_winograd_conv(const ConvProblem& p, ContractionContext& context,
                                           int64_t points) {
    if (p.direction == ConvProblem::Direction::kBackwardWeights || !WinogradPlan::fits(p))
        return nullptr;
    if (auto kernel = make_winograd_by_columns(p, context, points)) return kernel;
    auto kernel = std::make_unique<WinogradConv>(p, context, points);
    if (!kernel->is_worthwhile(points)) return nullptr;
    return kernel;
}

}  // namespace gmc::runtime

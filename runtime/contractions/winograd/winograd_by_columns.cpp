// Winograd's convolutions whose transformed weights are many, as with many channels over small
// images. In winograd_convolution.cpp each chunk of tiles reads all transformed weights; here these
// are never in memory as a whole. Large groups of tiles are processed. For each phase of a group:
//   transform_patches  what the tiles read, to values at points
//   run_unit           for some columns (channels of "to"): transforms the weights of some rows
//                      after others, into the second-level cache, multiplies all patches with them,
//                      and at last transforms the sums back
// So each group transforms the weights once, and reads its patches once for each unit.
#include "runtime/contractions/winograd/winograd_by_columns.h"

#include <algorithm>
#include <vector>

#include "runtime/contractions/plain_contraction.h"
#include "runtime/contractions/winograd/winograd_plan.h"
#include "runtime/contractions/winograd/winograd_simd.h"
#include "runtime/contractions/winograd/winograd_weights.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// With transformed weights of at least this size: then chunks of tiles would mostly wait for them.
constexpr int64_t kManyWeightBytes = 16 << 20;
/// The tiles of a group, the columns of a unit and the rows of weights at once: with 25 points, the
/// sums and the weights take 1.6 MB, about a second-level cache.
constexpr int64_t kGroupTiles = 128, kUnitColumns = 64, kBlockRows = 128;

/// Tiles of one size.
struct TileGroup {
    WinogradSize tile;
    size_t first;  ///< the index of its first tile in the list of all places
    int64_t tiles;
};

class WinogradByColumns final : public Kernel {
  public:
    WinogradByColumns(const ConvProblem& p, ContractionContext& context, int64_t points);
    void run(const CallContext& context) override;
    bool is_worthwhile(int64_t points) const {
        return plan_.is_worthwhile(points) &&
               4 * plan_.points * from_.channels * to_.channels >= kManyWeightBytes;
    }

  private:
    void make_groups();
    int64_t blocks() const { return (from_.channels + kBlockRows - 1) / kBlockRows; }
    int64_t rows_of(int64_t block) const {
        return std::min(kBlockRows, from_.channels - block * kBlockRows);
    }
    void transform_patches(const TileGroup& group, const WinogradPhase& phase, float* values) const;
    void add_products(const TileGroup& group, const WinogradPhase& phase, const WinogradTerm& term,
                      const float* patches, const float* weights, int64_t rows, int64_t columns,
                      float* sums, bool add) const;
    void run_unit(const TileGroup& group, const WinogradPhase& phase, const float* patches,
                  int64_t column, float* memory) const;

    bool forward_;
    ConvLoops l_;
    WinogradPlan plan_;
    WinogradImage from_, to_;
    WinogradWeights weights_;
    Arena& arena_;
    int threads_;
    std::vector<WinogradPlace> places_;
    std::vector<TileGroup> groups_;
    /// Floats of a group's patches, and of a unit's sums, weights at points, and weights of taps.
    int64_t patch_floats_ = 0, sum_floats_ = 0, weight_floats_ = 0, tap_floats_ = 0;
    std::vector<float> zeros_;
};

WinogradByColumns::WinogradByColumns(const ConvProblem& p, ContractionContext& context,
                                     int64_t points)
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
    make_groups();
    tap_floats_ = l_.taps() * kBlockRows * kUnitColumns;
    arena_.reserve_scratch(
        4 * (patch_floats_ + threads_ * (sum_floats_ + weight_floats_ + tap_floats_)));
}

void WinogradByColumns::make_groups() {
    const auto add_size = [&](WinogradSize size) {
        const size_t first = places_.size();
        for (int64_t image = 0; image < l_.batch; ++image)
            for (const AxisTile& row : plan_.rows.tiles)
                for (const AxisTile& column : plan_.columns.tiles)
                    if (row.size == size.rows && column.size == size.columns)
                        places_.push_back({image, row.first, column.first});
        const auto count = static_cast<int64_t>(places_.size() - first);
        const int64_t groups = (count + kGroupTiles - 1) / kGroupTiles;
        for (int64_t i = 0; i < groups; ++i) {
            const int64_t begin = count * i / groups, tiles = count * (i + 1) / groups - begin;
            groups_.push_back({size, first + static_cast<size_t>(begin), tiles});
            for (const WinogradPhase& phase : plan_.phases) {
                const int64_t at_points = WinogradPlan::points_of_terms(phase, size),
                              area = WinogradPlan::points_of_phase(phase, size).area();
                patch_floats_ =
                    std::max(patch_floats_, at_points * blocks() * point_stride(tiles, kBlockRows));
                sum_floats_ = std::max(sum_floats_, area * point_stride(tiles, kUnitColumns));
                weight_floats_ =
                    std::max(weight_floats_, area * point_stride(kBlockRows, kUnitColumns));
            }
        }
    };
    for (const int64_t rows : plan_.rows.tile_sizes)
        for (const int64_t columns : plan_.columns.tile_sizes) add_size({rows, columns});
}

/// Transforms the patches of all terms of a phase: [terms][blocks of rows][points][tiles][rows].
void WinogradByColumns::transform_patches(const TileGroup& group, const WinogradPhase& phase,
                                          float* values) const {
    for (const WinogradTerm& term : phase.terms) {
        const WinogradSize points = WinogradPlan::points_of_term(term, group.tile);
        const int64_t block_floats = points.area() * point_stride(group.tiles, kBlockRows);
        constexpr int64_t kTilesLeast = 4;  // of a part
        run_parts(group.tiles, kTilesLeast, threads_, [&](int64_t begin, int64_t end, int) {
            const float* patches[2][kMostPatch];
            float* to[kMostPatch];
            const auto find = [&](int64_t tile) {
                plan_.find_patch(from_, term, places_[group.first + static_cast<size_t>(tile)],
                                 points, zeros_.data(), patches[tile % 2]);
            };
            find(begin);
            for (int64_t tile = begin; tile < end; ++tile) {
                const float** patch = patches[tile % 2];
                const bool more = tile + 1 < end;
                if (more) find(tile + 1);
                for (int64_t block = 0; block < blocks(); ++block) {
                    float* first = values + block * block_floats + tile * rows_of(block);
                    for (int64_t i = 0; i < points.area(); ++i)
                        to[i] = first + i * point_stride(group.tiles, kBlockRows);
                    run_patch_transform({&interpolation(points.rows),
                                         &interpolation(points.columns), patch, to, rows_of(block),
                                         more ? patches[(tile + 1) % 2] : nullptr});
                    for (int64_t i = 0; i < points.area(); ++i) patch[i] += rows_of(block);
                }
            }
        });
        values += blocks() * block_floats;
    }
}

/// Adds the products with a block of weights, point by point, to [points][tiles][columns].
void WinogradByColumns::add_products(const TileGroup& group, const WinogradPhase& phase,
                                     const WinogradTerm& term, const float* patches,
                                     const float* weights, int64_t rows, int64_t columns,
                                     float* sums, bool add) const {
    const WinogradSize own = WinogradPlan::points_of_term(term, group.tile);
    const int64_t phase_columns = WinogradPlan::points_of_phase(phase, group.tile).columns;
    struct {
        const float *a, *b;
        PanelSum sum;
    } both[2];
    const auto find = [&](int64_t point) {
        auto& at = both[point % 2];
        const int64_t i = point / own.columns, j = point % own.columns;
        at.a = patches + point * point_stride(group.tiles, kBlockRows);
        at.b = weights + point * point_stride(kBlockRows, kUnitColumns);
        at.sum = {
            &at.a,       &at.b,
            1,           sums + (i * phase_columns + j) * point_stride(group.tiles, kUnitColumns),
            group.tiles, rows,
            columns};
        at.sum.add = add;
    };
    find(0);
    for (int64_t point = 0; point < own.area(); ++point) {
        PanelSum& sum = both[point % 2].sum;
        if (point + 1 < own.area()) {
            find(point + 1);
            sum.next = &both[(point + 1) % 2].sum;
        }
        run_panel_sum(sum);
    }
}

/// Computes the results of a phase in some columns. Where the first term lacks points that others
/// have, or there is none, the sums begin with zeros.
void WinogradByColumns::run_unit(const TileGroup& group, const WinogradPhase& phase,
                                 const float* patches, int64_t column, float* memory) const {
    const int64_t columns = std::min(kUnitColumns, to_.channels - column);
    const WinogradSize points = WinogradPlan::points_of_phase(phase, group.tile);
    float *sums = memory, *weights = sums + sum_floats_, *taps = weights + weight_floats_;
    bool add = phase.terms.empty() ||
               WinogradPlan::points_of_term(phase.terms.front(), group.tile).area() < points.area();
    if (add) std::fill_n(sums, sum_floats_, 0.0f);
    for (const WinogradTerm& term : phase.terms) {
        const int64_t at_points = WinogradPlan::points_of_term(term, group.tile).area();
        for (int64_t block = 0; block < blocks(); ++block, add = true) {
            weights_.transform(term, group.tile,
                               {block * kBlockRows, rows_of(block), column, columns}, taps, weights,
                               point_stride(kBlockRows, kUnitColumns));
            add_products(group, phase, term, patches, weights, rows_of(block), columns, sums, add);
            patches += at_points * point_stride(group.tiles, kBlockRows);
        }
    }
    const float* from[kMostPatch];
    float* results[kMostPatch];
    for (int64_t tile = 0; tile < group.tiles; ++tile) {
        for (int64_t i = 0; i < points.area(); ++i)
            from[i] = sums + i * point_stride(group.tiles, kUnitColumns) + tile * columns;
        plan_.find_results({to_.data + column, to_.channels}, phase,
                           places_[group.first + static_cast<size_t>(tile)], group.tile, nullptr,
                           results);
        run_patch_transform({&evaluation_transposed(points.rows, group.tile.rows),
                             &evaluation_transposed(points.columns, group.tile.columns), from,
                             results, columns});
    }
}

void WinogradByColumns::run(const CallContext&) {
    auto* patches = reinterpret_cast<float*>(arena_.scratch());
    float* memory = patches + patch_floats_;
    const int64_t units = (to_.channels + kUnitColumns - 1) / kUnitColumns;
    for (const TileGroup& group : groups_)
        for (const WinogradPhase& phase : plan_.phases) {
            transform_patches(group, phase, patches);
            run_units(units, threads_, [&](int64_t unit, int worker) {
                run_unit(group, phase, patches, unit * kUnitColumns,
                         memory + worker * (sum_floats_ + weight_floats_ + tap_floats_));
            });
        }
}

}  // namespace

std::unique_ptr<Kernel> make_winograd_by_columns(const ConvProblem& p, ContractionContext& context,
                                                 int64_t points) {
    auto kernel = std::make_unique<WinogradByColumns>(p, context, points);
    if (!kernel->is_worthwhile(points)) return nullptr;
    return kernel;
}

}  // namespace gmc::runtime

// Winograd's weight gradients. For the words phase, term, tile and point see winograd_axis.h.
//
// The tiles are processed in groups. For each group, y (the gradient of the results) is evaluated
// at the points; then come units of work. A unit is one term and some channels of x: it transforms
// its patches of x, and adds to the gradient at each point a matrix product over the tiles of the
// group. After the last group, the gradients at points are transformed to gradients of taps, once.
// Where there are enough units, threads share those of one group after another. With few units
// (few channels), threads share parts of the groups instead, each with gradients of its own, which
// are summed at the end. Groups, units and parts follow from the shapes alone, so the order of
// additions, and with it every bit, is the same for any number of threads.
//   patches [tiles, channels] per point, transposed  x  y [tiles, filters] per point
//       ->  gradient [channels, filters] per point
#include "runtime/contractions/winograd/winograd_backward_weights.h"

#include <algorithm>
#include <vector>

#include "runtime/contractions/plain_contraction.h"
#include "runtime/contractions/winograd/winograd_plan.h"
#include "runtime/contractions/winograd/winograd_simd.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// The most tiles of a group, and the channels of a unit. For each group, a unit reads the group's
/// values of y, from the third-level cache, and reads and writes its own gradients once. A part's
/// groups are smaller, so that what one thread works on stays in its second-level cache.
constexpr int64_t kMostTiles = 128, kMostTilesOfPart = 64;
constexpr int64_t kUnitChannels = 32;
/// With fewer units than this the groups are divided into parts, whose gradients may take
/// kPartsBytes together.
constexpr int64_t kFewUnits = 8, kMostParts = 16, kPartsBytes = 4 << 20;
/// The gradients at points may take this much memory.
constexpr int64_t kMostGradientBytes = 64 << 20;

/// Tiles of one size and phase.
struct Group {
    WinogradSize tile;
    const WinogradPhase* phase;
    /// The index of its first tile in the list of all places.
    size_t first;
    int64_t tiles;
};

struct Unit {
    /// The term's number within its phase. Weight gradients decompose the forward convolution, in
    /// which all phases have the same terms.
    size_t term;
    int64_t channel, channels;
};

class WinogradBackwardWeights final : public Kernel {
  public:
    WinogradBackwardWeights(const ConvProblem& p, ContractionContext& context, int64_t points);
    void run(const CallContext&) override;
    bool is_worthwhile(int64_t points) const {
        return plan_.is_worthwhile(points) && 4 * gradient_floats() <= kMostGradientBytes;
    }

  private:
    /// The terms of the first phase stand for those of all.
    const std::vector<WinogradTerm>& terms() const { return plan_.phases.front().terms; }
    int64_t gradient_points() const {
        return WinogradPlan::points_of_terms(plan_.phases.front(), plan_.largest_tile());
    }
    int64_t gradient_floats() const {
        return gradient_points() * point_stride(l_.channels, l_.filters);
    }
    void make_groups();
    void make_units();
    void evaluate_y(const Group& group, int64_t tile, float* values) const;
    void add_unit(const Group& group, const Unit& unit, const float* y, float* gradients,
                  float* memory, bool add) const;
    void add_by_units(float* gradients, float* memory) const;
    void add_part(int64_t part, float* gradients, float* memory) const;
    void add_by_parts(float* gradients, float* memory) const;
    void finish_unit(const Unit& unit, const float* gradients) const;

    ConvLoops l_;
    WinogradPlan plan_;
    WinogradImage x_, y_;
    float* weights_;
    Arena& arena_;
    int threads_;
    int64_t panel_ = panel_columns();
    std::vector<WinogradPlace> places_;
    std::vector<Group> groups_;
    std::vector<Unit> units_;
    int64_t parts_ = 1;
    /// Floats of a group's values of y, and of a unit's patches.
    int64_t y_floats_ = 0, unit_floats_ = 0;
    std::vector<float> zeros_;
};

WinogradBackwardWeights::WinogradBackwardWeights(const ConvProblem& p, ContractionContext& context,
                                                 int64_t points)
    : l_(p),
      plan_(l_, true, points),
      x_{p.x_data, l_.channels},
      y_{p.y_data, l_.filters},
      weights_(p.weights_data),
      arena_(context.arena()),
      threads_(thread_count()),
      zeros_(static_cast<size_t>(std::max(l_.channels, l_.filters)), 0.0f) {
    if (!is_worthwhile(points)) return;
    make_units();
    make_groups();
    arena_.reserve_scratch(4 * (parts_ * gradient_floats() +
                                (parts_ > 1 ? threads_ : 1) * y_floats_ + threads_ * unit_floats_));
}

/// The largest tiles come first: they have all points, so that the first group can write the
/// gradients that the others add to.
void WinogradBackwardWeights::make_groups() {
    const int64_t most_tiles = parts_ > 1 ? kMostTilesOfPart : kMostTiles;
    const auto add_size = [&](WinogradSize size, const WinogradPhase& phase) {
        const size_t first = places_.size();
        for (int64_t image = 0; image < l_.batch; ++image)
            for (const AxisTile& row : plan_.rows.tiles)
                for (const AxisTile& column : plan_.columns.tiles)
                    if (row.size == size.rows && column.size == size.columns)
                        places_.push_back({image, row.first, column.first});
        const auto count = static_cast<int64_t>(places_.size() - first);
        const int64_t groups = (count + most_tiles - 1) / most_tiles;
        for (int64_t i = 0; i < groups; ++i) {
            const int64_t begin = count * i / groups, end = count * (i + 1) / groups;
            groups_.push_back({size, &phase, first + static_cast<size_t>(begin), end - begin});
            y_floats_ = std::max(y_floats_, point_stride(end - begin, l_.filters) *
                                                WinogradPlan::points_of_phase(phase, size).area());
        }
    };
    const auto &rows = plan_.rows.tile_sizes, &columns = plan_.columns.tile_sizes;
    for (auto r = rows.rbegin(); r != rows.rend(); ++r)
        for (auto c = columns.rbegin(); c != columns.rend(); ++c)
            for (const WinogradPhase& phase : plan_.phases) add_size({*r, *c}, phase);
    parts_ = std::min(parts_, static_cast<int64_t>(groups_.size()));
}

void WinogradBackwardWeights::make_units() {
    for (size_t term = 0; term < terms().size(); ++term)
        for (int64_t channel = 0; channel < l_.channels; channel += kUnitChannels) {
            const int64_t channels = std::min(kUnitChannels, l_.channels - channel);
            units_.push_back({term, channel, channels});
            const int64_t points =
                WinogradPlan::points_of_term(terms()[term], plan_.largest_tile()).area();
            unit_floats_ = std::max(unit_floats_, points * point_stride(kMostTiles, channels));
        }
    if (static_cast<int64_t>(units_.size()) < kFewUnits)
        parts_ = std::clamp<int64_t>(kPartsBytes / 4 / gradient_floats(), 1, kMostParts);
}

/// The values of a tile's part of y: [points][panels][tiles][filters of the panel].
void WinogradBackwardWeights::evaluate_y(const Group& group, int64_t tile, float* values) const {
    const WinogradSize points = WinogradPlan::points_of_phase(*group.phase, group.tile);
    const WinogradPlace& place = places_[group.first + static_cast<size_t>(tile)];
    // find_results gives addresses for writing; zeros are only read.
    float* from[kMostPatch];
    float* to[kMostPatch];
    plan_.find_results(y_, *group.phase, place, group.tile, const_cast<float*>(zeros_.data()),
                       from);
    for (int64_t filter = 0; filter < l_.filters; filter += panel_) {
        const int64_t count = std::min(panel_, l_.filters - filter);
        const float* panel[kMostPatch];
        for (int64_t i = 0; i < group.tile.area(); ++i)
            panel[i] = from[i] == zeros_.data() ? from[i] : from[i] + filter;
        for (int64_t i = 0; i < points.area(); ++i)
            to[i] = values + i * point_stride(group.tiles, l_.filters) + filter * group.tiles +
                    tile * count;
        run_patch_transform({&evaluation(points.rows, group.tile.rows),
                             &evaluation(points.columns, group.tile.columns), panel, to, count});
    }
}

/// Transforms the unit's patches, [points][tiles][channels of the unit], and adds the products, or
/// without `add` writes them. The patch of the next tile is found one tile ahead, so that it can be
/// prefetched.
void WinogradBackwardWeights::add_unit(const Group& group, const Unit& unit, const float* y,
                                       float* gradients, float* memory, bool add) const {
    const WinogradTerm& term = group.phase->terms[unit.term];
    const WinogradSize own = WinogradPlan::points_of_term(term, group.tile);
    const int64_t columns = WinogradPlan::points_of_phase(*group.phase, group.tile).columns;
    const int64_t stride = point_stride(group.tiles, unit.channels);
    const WinogradImage x{x_.data + unit.channel, x_.channels};
    const float* patches[2][kMostPatch];
    float* to[kMostPatch];
    const auto find = [&](int64_t tile) {
        plan_.find_patch(x, term, places_[group.first + static_cast<size_t>(tile)], own,
                         zeros_.data(), patches[tile % 2]);
    };
    find(0);
    for (int64_t tile = 0; tile < group.tiles; ++tile) {
        const bool more = tile + 1 < group.tiles;
        if (more) find(tile + 1);
        for (int64_t i = 0; i < own.area(); ++i) to[i] = memory + i * stride + tile * unit.channels;
        run_patch_transform({&interpolation(own.rows), &interpolation(own.columns),
                             patches[tile % 2], to, unit.channels,
                             more ? patches[(tile + 1) % 2] : nullptr});
    }
    const auto sum_at = [&](int64_t point) -> OuterSum {
        const int64_t i = point / own.columns, j = point % own.columns;
        return {memory + point * stride,
                y + (i * columns + j) * point_stride(group.tiles, l_.filters),
                gradients +
                    plan_.point(terms()[unit.term], i, j) * point_stride(l_.channels, l_.filters) +
                    unit.channel * l_.filters,
                group.tiles,
                unit.channels,
                l_.filters,
                add};
    };
    OuterSum sum = sum_at(0);
    for (int64_t point = 0; point < own.area(); ++point) {
        const bool more = point + 1 < own.area();
        const OuterSum next = more ? sum_at(point + 1) : sum;
        if (more) sum.next = &next;
        run_outer_sum(sum);
        sum = next;
    }
}

/// Transforms the gradients of a unit to those of its taps.
void WinogradBackwardWeights::finish_unit(const Unit& unit, const float* gradients) const {
    const WinogradTerm& term = terms()[unit.term];
    const WinogradSize points = WinogradPlan::points_of_term(term, plan_.largest_tile());
    const int64_t matrix = l_.channels * l_.filters, start = unit.channel * l_.filters;
    const float* from[kMostPatch];
    float* to[kMostPatch];
    for (int64_t i = 0; i < points.area(); ++i)
        from[i] =
            gradients + (term.first_point + i) * point_stride(l_.channels, l_.filters) + start;
    int64_t n = 0;
    for (const int64_t h : term.row->taps)
        for (const int64_t w : term.column->taps)
            to[n++] = weights_ + (h * l_.kernel[2] + w) * matrix + start;
    run_patch_transform({&evaluation_transposed(points.rows, term.row->count()),
                         &evaluation_transposed(points.columns, term.column->count()), from, to,
                         unit.channels * l_.filters});
}

void WinogradBackwardWeights::add_by_units(float* gradients, float* memory) const {
    const auto units = static_cast<int64_t>(units_.size());
    float* y = memory;
    constexpr int64_t kTilesLeast = 4;  // of which a part evaluates y
    for (const Group& group : groups_) {
        run_parts(group.tiles, kTilesLeast, threads_, [&](int64_t begin, int64_t end, int) {
            for (int64_t tile = begin; tile < end; ++tile) evaluate_y(group, tile, y);
        });
        run_units(units, threads_, [&](int64_t u, int worker) {
            add_unit(group, units_[static_cast<size_t>(u)], y, gradients,
                     y + y_floats_ + worker * unit_floats_, &group != &groups_.front());
        });
    }
}

/// Computes the gradients of a part's groups. Only tiles of the largest size have all points.
void WinogradBackwardWeights::add_part(int64_t part, float* gradients, float* memory) const {
    const auto groups = static_cast<int64_t>(groups_.size());
    const int64_t first = groups * part / parts_, last = groups * (part + 1) / parts_;
    const WinogradSize tile = groups_[static_cast<size_t>(first)].tile,
                       largest = groups_.front().tile;
    const bool all_points = tile.rows == largest.rows && tile.columns == largest.columns;
    if (!all_points) std::fill_n(gradients, gradient_floats(), 0.0f);
    for (int64_t g = first; g < last; ++g) {
        const Group& group = groups_[static_cast<size_t>(g)];
        for (int64_t t = 0; t < group.tiles; ++t) evaluate_y(group, t, memory);
        for (const Unit& unit : units_)
            add_unit(group, unit, memory, gradients, memory + y_floats_, g > first || !all_points);
    }
}

/// The sums of the parts are added in their order.
void WinogradBackwardWeights::add_by_parts(float* gradients, float* memory) const {
    run_units(parts_, threads_, [&](int64_t part, int worker) {
        add_part(part, gradients + part * gradient_floats(),
                 memory + worker * (y_floats_ + unit_floats_));
    });
    constexpr int64_t kFloatsLeast = 4096;
    run_parts(gradient_floats(), kFloatsLeast, threads_, [&](int64_t begin, int64_t end, int) {
        for (int64_t part = 1; part < parts_; ++part) {
            const float* more = gradients + part * gradient_floats();
            for (int64_t i = begin; i < end; ++i) gradients[i] += more[i];
        }
    });
}

void WinogradBackwardWeights::run(const CallContext&) {
    auto* gradients = reinterpret_cast<float*>(arena_.scratch());
    float* memory = gradients + parts_ * gradient_floats();
    if (parts_ > 1)
        add_by_parts(gradients, memory);
    else
        add_by_units(gradients, memory);
    run_units(static_cast<int64_t>(units_.size()), threads_,
              [&](int64_t u, int) { finish_unit(units_[static_cast<size_t>(u)], gradients); });
}

}  // namespace

std::unique_ptr<Kernel> make_winograd_backward_weights(const ConvProblem& p,
                                                       ContractionContext& context,
                                                       int64_t points) {
    if (p.direction != ConvProblem::Direction::kBackwardWeights || !WinogradPlan::fits(p))
        return nullptr;
    auto kernel = std::make_unique<WinogradBackwardWeights>(p, context, points);
    if (!kernel->is_worthwhile(points)) return nullptr;
    return kernel;
}

}  // namespace gmc::runtime

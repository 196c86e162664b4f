// Weight gradients in register tiles. The weights are seen as a matrix [taps channels, F], whose
// rows are (tap, channel). A tile is six rows and 64 filters of it, which fill 24 vector registers.
// Tiles are grouped into units: all tiles of 64 filters and of some channels. A unit has few enough
// weights that they stay in the second-level cache, next to some images, while the unit goes
// through the batch. With bf16, an element is a pair: the same element of two images, for which x
// and y are interleaved first. The sum over pairs of images is the sum over images, so everything
// else is as for floats, with half as many images.
#include "runtime/contractions/tiles/tiled_backward_weights.h"

#include <algorithm>
#include <vector>

#include "runtime/contractions/plain_contraction.h"
#include "runtime/contractions/tiles/tile_simd.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// The weights of a unit. Together with the images they fill most of a second-level cache of 1 MB.
constexpr int64_t kUnitBytes = 416 << 10;
/// What is read of x and y at a time, next to the weights of a unit.
constexpr int64_t kImagesBytes = 384 << 10;
/// With at most this many channels, x is copied with its padding, so that a tile may span several
/// taps.
constexpr int64_t kFewChannels = 4;
/// So many parts let several threads end at the same time. A part has at least kPartTiles tiles, so
/// that packing y stays small beside it, and kPartProducts products (about 10 us).
constexpr int64_t kPartsWanted = 24, kPartTiles = 16, kPartProducts = 1 << 18;
/// What one thread copies at least, in floats (about 10 us).
constexpr int64_t kCopiedLeast = 1 << 14;

/// The rows of the weights that one tile computes, and the points that it sums over.
struct WeightTile {
    int64_t row, column;
    int rows;
    int64_t unit;
    int64_t x_offsets[kTileRows];
    /// Index in points_.
    size_t points;
};

class TiledBackwardWeights final : public Kernel {
  public:
    TiledBackwardWeights(const ConvProblem& p, ContractionContext& context);
    void run(const CallContext&) override;

  private:
    /// y is packed only when it has several blocks of columns; with one it has no gaps anyway.
    bool packs_y() const { return l_.filters > kTileColumns; }
    int64_t y_columns() const { return std::min(kTileColumns, l_.filters); }
    bool copies_x() const { return l_.channels <= kFewChannels; }
    std::vector<PointPair> make_points(int64_t tap) const;
    void make_tiles();
    void make_parts();
    void add_tiles(int64_t column, int64_t first, int64_t rows, int64_t unit);
    void add_tile(int64_t column, int64_t row, int rows, int64_t unit);
    void interleave(int64_t image, int64_t elements, const float* from, float* to) const;
    void copy_padded(const float* x, float* copy) const;
    void pack_y(const float* y, int64_t images, int64_t column, float* packed) const;
    void run_tiles(int64_t first, int64_t last, const float* x, const float* y,
                   float* packed) const;

    /// The sizes of the problem; with bf16, `batch` counts pairs of images.
    ConvLoops l_;
    bool pairs_;
    int64_t images_;
    const float* x_;
    const float* y_;
    float* weights_;
    Arena& arena_;
    /// Sizes of the padded copy of x.
    int64_t padded_[3];
    /// Elements of an image of x, or of its padded copy.
    int64_t x_floats_;
    std::vector<std::vector<PointPair>> points_;
    std::vector<WeightTile> tiles_;
    /// Where the parts that threads take begin in tiles_; ends with the number of tiles. A part
    /// belongs to one unit.
    std::vector<size_t> parts_;
    int64_t unit_channels_ = 1, images_at_once_ = 1;
    /// Scratch memory begins with the interleaved pairs of x and those of y: so many floats.
    int64_t pairs_floats_[2] = {0, 0};
    /// Then come the padded copy of x, and for each thread its packed y: so many floats.
    int64_t copy_floats_ = 0, packed_floats_ = 0;
    int threads_;
};

/// Chooses how many images are gone through at once, lists the points of each tap and the tiles,
/// and reserves scratch memory.
TiledBackwardWeights::TiledBackwardWeights(const ConvProblem& p, ContractionContext& context)
    : l_(p),
      pairs_(!p.is_f32()),
      images_(l_.batch),
      x_(p.x_data),
      y_(p.y_data),
      weights_(p.weights_data),
      arena_(context.arena()),
      threads_(thread_count()) {
    if (pairs_) {
        l_.batch = (images_ + 1) / 2;
        pairs_floats_[0] = l_.batch * l_.x_points() * l_.channels;
        pairs_floats_[1] = l_.batch * l_.y_points() * l_.filters;
    }
    for (int axis = 0; axis < 3; ++axis)
        padded_[axis] =
            (l_.y[axis] - 1) * l_.strides[axis] + (l_.kernel[axis] - 1) * l_.dilations[axis] + 1;
    const int64_t points = copies_x() ? padded_[0] * padded_[1] * padded_[2] : l_.x_points();
    x_floats_ = points * l_.channels;
    if (copies_x()) copy_floats_ = l_.batch * x_floats_;
    make_tiles();
    make_parts();
    const int64_t image_floats = points * unit_channels_ + l_.y_points() * y_columns();
    images_at_once_ = std::clamp<int64_t>(kImagesBytes / 4 / image_floats, 1, l_.batch);
    for (int64_t tap = 0; tap < (copies_x() ? 1 : l_.taps()); ++tap)
        points_.push_back(make_points(tap));
    if (packs_y()) packed_floats_ = images_at_once_ * l_.y_points() * kTileColumns;
    arena_.reserve_scratch(
        4 * (pairs_floats_[0] + pairs_floats_[1] + copy_floats_ + threads_ * packed_floats_));
}

/// The points of x that a tap reads, without those in the padding; for the padded copy of x, the
/// points that the first tap reads. The list covers all images that are computed at once, so that a
/// tile is one long loop.
std::vector<PointPair> TiledBackwardWeights::make_points(int64_t tap) const {
    const int64_t kd = tap / (l_.kernel[1] * l_.kernel[2]), kh = tap / l_.kernel[2] % l_.kernel[1],
                  kw = tap % l_.kernel[2];
    const int64_t* size = copies_x() ? padded_ : l_.x;
    const auto at = [&](int axis, int64_t o, int64_t k) {
        return copies_x() ? o * l_.strides[axis] : l_.input_of(axis, o, k);
    };
    std::vector<PointPair> points;
    for (int64_t image = 0; image < images_at_once_; ++image)
        for (int64_t point = 0; point < l_.y_points(); ++point) {
            const int64_t d = at(0, point / (l_.y[1] * l_.y[2]), kd);
            const int64_t h = at(1, point / l_.y[2] % l_.y[1], kh), w = at(2, point % l_.y[2], kw);
            if (d < 0 || h < 0 || w < 0) continue;
            const int64_t x = image * x_floats_ + ((d * size[1] + h) * size[2] + w) * l_.channels;
            const int64_t y = (image * l_.y_points() + point) * y_columns();
            points.push_back({static_cast<int32_t>(x), static_cast<int32_t>(y)});
        }
    return points;
}

/// Where the rows of a tile begin in x: in the padded copy, each (tap, channel) has its own place;
/// without a copy, all rows have one tap, whose points are in points_.
void TiledBackwardWeights::add_tile(int64_t column, int64_t row, int rows, int64_t unit) {
    WeightTile tile{row,  column, rows,
                    unit, {},     copies_x() ? 0 : static_cast<size_t>(row / l_.channels)};
    for (int r = 0; r < rows; ++r) {
        const int64_t tap = (row + r) / l_.channels, c = (row + r) % l_.channels;
        const int64_t kd = tap / (l_.kernel[1] * l_.kernel[2]) * l_.dilations[0];
        const int64_t kh = tap / l_.kernel[2] % l_.kernel[1] * l_.dilations[1];
        const int64_t kw = tap % l_.kernel[2] * l_.dilations[2];
        const int64_t at = copies_x() ? (kd * padded_[1] + kh) * padded_[2] + kw : 0;
        tile.x_offsets[r] = at * l_.channels + c;
    }
    tiles_.push_back(tile);
}

/// Makes the tiles unit by unit, and within a unit tap by tap.
void TiledBackwardWeights::make_tiles() {
    const int64_t rows = l_.taps() * l_.channels;
    const int64_t fitting = kUnitBytes / (4 * y_columns() * l_.taps()) / kTileRows * kTileRows;
    unit_channels_ =
        std::clamp<int64_t>(fitting, std::min<int64_t>(kTileRows, l_.channels), l_.channels);
    int64_t unit = 0;
    for (int64_t column = 0; column < l_.filters; column += kTileColumns) {
        if (copies_x()) {
            add_tiles(column, 0, rows, unit++);
            continue;
        }
        for (int64_t c = 0; c < l_.channels; c += unit_channels_, ++unit)
            for (int64_t tap = 0; tap < l_.taps(); ++tap)
                add_tiles(column, tap * l_.channels + c, std::min(unit_channels_, l_.channels - c),
                          unit);
    }
}

/// Cuts the units into parts.
void TiledBackwardWeights::make_parts() {
    const auto units = tiles_.back().unit + 1, count = static_cast<int64_t>(tiles_.size());
    const int64_t tile_products = l_.batch * l_.y_points() * kTileRows * y_columns();
    const int64_t least = std::max(kPartTiles, kPartProducts / tile_products);
    for (int64_t first = 0, last; first < count; first = last) {
        last = first + 1;
        while (last < count && tiles_[last].unit == tiles_[first].unit) ++last;
        const int64_t tiles = last - first, wanted = (kPartsWanted + units - 1) / units,
                      parts = std::clamp<int64_t>(tiles / least, 1, wanted);
        for (int64_t i = 0; i < parts; ++i)
            parts_.push_back(static_cast<size_t>(first + tiles * i / parts));
    }
    parts_.push_back(tiles_.size());
}

/// Cuts rows of weights into tiles of six.
void TiledBackwardWeights::add_tiles(int64_t column, int64_t first, int64_t rows, int64_t unit) {
    for (int64_t row = 0; row < rows; row += kTileRows)
        add_tile(column, first + row, static_cast<int>(std::min<int64_t>(kTileRows, rows - row)),
                 unit);
}

/// Makes the pairs of images 2 * image and 2 * image + 1. Zeros stand for a missing last image.
void TiledBackwardWeights::interleave(int64_t image, int64_t elements, const float* from,
                                      float* to) const {
    const auto* lower = reinterpret_cast<const uint16_t*>(from) + 2 * image * elements;
    const auto* upper = lower + elements;
    auto* pairs = reinterpret_cast<uint32_t*>(to) + image * elements;
    const bool both = 2 * image + 1 < images_;
    for (int64_t i = 0; both && i < elements; ++i) pairs[i] = lower[i] | uint32_t{upper[i]} << 16;
    for (int64_t i = 0; !both && i < elements; ++i) pairs[i] = lower[i];
}

/// Copies an image of x with its padding.
void TiledBackwardWeights::copy_padded(const float* x, float* copy) const {
    for (int64_t d = 0; d < padded_[0]; ++d)
        for (int64_t h = 0; h < padded_[1]; ++h, copy += padded_[2] * l_.channels) {
            std::fill_n(copy, padded_[2] * l_.channels, 0.0f);
            const int64_t xd = d - l_.pads_begin[0], xh = h - l_.pads_begin[1];
            const int64_t left = l_.pads_begin[2], count = std::min(l_.x[2], padded_[2] - left);
            if (xd < 0 || xd >= l_.x[0] || xh < 0 || xh >= l_.x[1] || count <= 0) continue;
            std::copy_n(x + (xd * l_.x[1] + xh) * l_.x[2] * l_.channels, count * l_.channels,
                        copy + left * l_.channels);
        }
}

/// Copies y of some images for 64 filters without gaps. In the original, rows may be a large power
/// of two apart, and would compete for few sets of the cache.
void TiledBackwardWeights::pack_y(const float* y, int64_t images, int64_t column,
                                  float* packed) const {
    const int64_t columns = std::min(kTileColumns, l_.filters - column);
    for (int64_t point = 0; point < images * l_.y_points(); ++point)
        std::copy_n(y + point * l_.filters + column, columns, packed + point * kTileColumns);
}

/// Runs the tiles of one unit over the whole batch.
void TiledBackwardWeights::run_tiles(int64_t first, int64_t last, const float* x, const float* y,
                                     float* packed) const {
    for (int64_t image = 0; image < l_.batch; image += images_at_once_) {
        const int64_t images = std::min(images_at_once_, l_.batch - image);
        const float* y_images = y + image * l_.y_points() * l_.filters;
        if (packs_y()) pack_y(y_images, images, tiles_[first].column, packed);
        for (int64_t i = first; i < last; ++i) {
            const WeightTile& tile = tiles_[i];
            const std::vector<PointPair>& points = points_[tile.points];
            const auto per_image = static_cast<int64_t>(points.size()) / images_at_once_;
            run_gradient_tile({x + image * x_floats_, packs_y() ? packed : y_images,
                               weights_ + tile.row * l_.filters + tile.column, points.data(),
                               images * per_image, l_.filters, tile.x_offsets, tile.rows,
                               std::min(kTileColumns, l_.filters - tile.column), image > 0,
                               pairs_});
        }
    }
}

/// First the pairs and the padded copy are made, then the tiles are run.
void TiledBackwardWeights::run(const CallContext&) {
    auto* scratch = reinterpret_cast<float*>(arena_.scratch());
    float *x_pairs = scratch, *y_pairs = x_pairs + pairs_floats_[0];
    float* copy = y_pairs + pairs_floats_[1];
    const float *x = pairs_ ? x_pairs : x_, *y = pairs_ ? y_pairs : y_;
    const int64_t x_image = l_.x_points() * l_.channels, y_image = l_.y_points() * l_.filters;
    if (pairs_)
        run_parts(l_.batch, kCopiedLeast / (x_image + y_image), threads_,
                  [&](int64_t image, int64_t end, int) {
                      for (; image < end; ++image) {
                          interleave(image, x_image, x_, x_pairs);
                          interleave(image, y_image, y_, y_pairs);
                      }
                  });
    if (copies_x())
        run_parts(l_.batch, kCopiedLeast / x_floats_, threads_,
                  [&](int64_t image, int64_t end, int) {
                      for (; image < end; ++image)
                          copy_padded(x + image * x_image, copy + image * x_floats_);
                  });
    const auto parts = static_cast<int64_t>(parts_.size()) - 1;
    run_units(parts, threads_, [&](int64_t part, int worker) {
        const auto i = static_cast<size_t>(part);
        run_tiles(static_cast<int64_t>(parts_[i]), static_cast<int64_t>(parts_[i + 1]),
                  copies_x() ? copy : x, y, copy + copy_floats_ + worker * packed_floats_);
    });
}

}  // namespace

std::unique_ptr<Kernel> make_tiled_backward_weights(const ConvProblem& p,
                                                    ContractionContext& context) {
    if (p.direction != ConvProblem::Direction::kBackwardWeights || p.window.groups != 1 ||
        p.spatial() > 3 || p.filters() % kTileVector != 0)
        return nullptr;
    if (!p.is_f32() && (p.result_type != ir::DType::kF32 || !context.bf16())) return nullptr;
    return std::make_unique<TiledBackwardWeights>(p, context);
}

bool prefers_tiled_backward_weights(const ConvProblem& p) {
    // With bf16, milliseconds here and by oneDNN 2.6.3, one thread on Zen 5, batch 128: 1 to 32
    // channels, 3x3 at 28x28: 1.0 and 0.3; 64 to 64 channels, 3x3 at 14x14 with stride 2: 1.5 and
    // 2.6.
    if (!p.is_f32()) return p.filters() >= 64 && p.channels() > 4;
    return p.filters() >= 64 || p.channels() == 1;
}

}  // namespace gmc::runtime

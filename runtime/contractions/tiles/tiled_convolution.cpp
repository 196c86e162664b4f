// Convolutions and data gradients in register tiles. "From" is the tensor that is read (x, or y
// when backwards), "to" the one that is written. A slice is the part of the weights between 64
// channels of "to" and some channels of "from". Backwards, points of "to" whose positions agree
// modulo the strides use the same taps; they form a phase. The weights of a slice and phase stay in
// the second-level cache while some images go through their points. With bf16, an element of "from"
// and of the weights is a pair of neighbouring channels of "from". Sums over channels are half as
// long, and everything else is as for floats.
#include "runtime/contractions/tiles/tiled_convolution.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "runtime/contractions/plain_contraction.h"
#include "runtime/contractions/tiles/pieces.h"
#include "runtime/contractions/tiles/tile_simd.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

// How a second-level cache of 1 MB is divided: the weights of one slice and phase, and the part of
// some images that the slice reads.
constexpr int64_t kSliceBytes = 416 << 10;
constexpr int64_t kConvolvedBytes = 200 << 10;
/// With fewer channels per slice, sums would be so short that starting a tile would cost more than
/// computing it.
constexpr int64_t kDepthLeast = 32;
/// So many units let several threads end at the same time; more images at once than that leaves
/// would save little.
constexpr int64_t kRoundsWanted = 24;
/// A unit has at least this many products (about 10 us).
constexpr int64_t kRoundProducts = 1 << 18;
/// What one thread packs at least, in floats (about 10 us).
constexpr int64_t kPackedLeast = 1 << 14;

/// x or y, as the tensor that this kernel reads or writes.
struct Side {
    float* data;
    /// The sizes of its three spatial axes.
    const int64_t* size;
    /// In elements. With bf16, an element of "from" is a pair of channels.
    int64_t channels;

    int64_t points() const { return size[0] * size[1] * size[2]; }
    int64_t image() const { return points() * channels; }
    int64_t at(int64_t d, int64_t h, int64_t w) const {
        return ((d * size[1] + h) * size[2] + w) * channels;
    }
};

/// A position of "to" and the taps that reach it: taps_[first] up to, not including, taps_[last].
struct Point {
    /// Its distance from the start of the image, in elements.
    int64_t to;
    int64_t first, last;
};

/// The work that is done at a time, so that all it reads stays in the cache: some images, some
/// channels of both sides, and one phase.
struct Slice {
    int64_t image, image_end;
    int64_t to_channel, from_channel;
    size_t phase;
};

class TiledConv final : public Kernel {
  public:
    TiledConv(const ConvProblem& p, ContractionContext& context);
    void run(const CallContext& context) override;
    bool set_epilogue(Epilogue* epilogue) override {
        epilogue_ = epilogue;
        return true;
    }

  private:
    int64_t phases_along(int axis) const { return forward_ ? 1 : l_.strides[axis]; }
    int64_t taps_per_phase() const;
    int64_t columns_at(int64_t to_channel) const {
        return std::min(kTileColumns, to_.channels - to_channel);
    }
    /// The point of "from" that tap k reads for point i of "to", along one axis; -1 when there is
    /// none.
    int64_t from_point(int axis, int64_t i, int64_t k) const {
        return forward_ ? l_.input_of(axis, i, k) : l_.output_of(axis, i, k);
    }
    int64_t choose_depth() const;
    int64_t choose_images_at_once() const;
    void make_points();
    void add_point(int64_t d, int64_t h, int64_t w);
    void run_unit(int64_t round, int64_t to_channel, const float* packed) const;
    void run_slice(const Slice& slice, const float* packed) const;

    template <typename T, typename Pack>
    void pack_weights(float* packed, Pack pack) const;
    float* to_at(int64_t element) const {
        return to_bf16_ ? reinterpret_cast<float*>(reinterpret_cast<uint16_t*>(to_.data) + element)
                        : to_.data + element;
    }

    bool forward_, pairs_;
    bool to_bf16_;  ///< the result is bf16
    ConvLoops l_;
    Side from_, to_;
    const float* weights_;
    Arena& arena_;
    int threads_;
    /// Channels of "from" per slice.
    int64_t depth_;
    int64_t images_at_once_;
    /// A round is the images at once; a piece of it, the columns of a tile.
    Pieces rounds_;
    /// The points of all phases, one phase after another.
    std::vector<Point> points_;
    /// Where each phase begins in points_; ends with the number of points.
    std::vector<size_t> phases_;
    std::vector<PointTap> taps_;
    Epilogue* epilogue_ = nullptr;
};

/// Chooses the channels per slice and the images per round so that both fit their share of the
/// cache.
TiledConv::TiledConv(const ConvProblem& p, ContractionContext& context)
    : forward_(p.direction == ConvProblem::Direction::kForward),
      pairs_(!p.is_f32()),
      to_bf16_(p.result_type == ir::DType::kBf16),
      l_(p),
      from_{forward_ ? p.x_data : p.y_data, forward_ ? l_.x : l_.y,
            (forward_ ? l_.channels : l_.filters) / (pairs_ ? 2 : 1)},
      to_{forward_ ? p.y_data : p.x_data, forward_ ? l_.y : l_.x,
          forward_ ? l_.filters : l_.channels},
      weights_(p.weights_data),
      arena_(context.arena()),
      threads_(thread_count()),
      depth_(choose_depth()),
      images_at_once_(choose_images_at_once()),
      rounds_((l_.batch + images_at_once_ - 1) / images_at_once_,
              (to_.channels + kTileColumns - 1) / kTileColumns) {
    make_points();
    arena_.reserve_scratch(4 * l_.taps() * from_.channels * to_.channels);
}

int64_t TiledConv::choose_depth() const {
    const int64_t row_bytes = 4 * std::min(kTileColumns, to_.channels) * taps_per_phase();
    const int64_t fitting = std::max(kSliceBytes / row_bytes, kDepthLeast);
    // A result in bf16 is computed in one slice: between several, its sums would be rounded to
    // bf16.
    const int64_t slices = to_bf16_ ? 1 : (from_.channels + fitting - 1) / fitting;
    return (from_.channels + slices - 1) / slices;
}

/// Whole tiles of rows: as many as fit their share of the cache, or fewer for more units.
int64_t TiledConv::choose_images_at_once() const {
    const int64_t image_bytes = 4 * from_.points() * depth_;
    const int64_t fitting = kConvolvedBytes / image_bytes / kTileRows;
    const int64_t products =
        to_.points() * l_.taps() * from_.channels * std::min(kTileColumns, to_.channels);
    const int64_t least = kRoundProducts / products / kTileRows;
    const int64_t columns = (to_.channels + kTileColumns - 1) / kTileColumns;
    const int64_t wanted = l_.batch * columns / kRoundsWanted / kTileRows;
    return std::max<int64_t>(std::min(fitting, std::max(wanted, least)), 1) * kTileRows;
}

/// The most taps that points of one phase use.
int64_t TiledConv::taps_per_phase() const {
    int64_t taps = 1;
    for (int axis = 0; axis < 3; ++axis)
        taps *= (l_.kernel[axis] + phases_along(axis) - 1) / phases_along(axis);
    return taps;
}

/// Lists the points phase by phase.
void TiledConv::make_points() {
    const int64_t* size = to_.size;
    for (int64_t d0 = 0; d0 < phases_along(0); ++d0)
        for (int64_t h0 = 0; h0 < phases_along(1); ++h0)
            for (int64_t w0 = 0; w0 < phases_along(2); ++w0) {
                phases_.push_back(points_.size());
                for (int64_t d = d0; d < size[0]; d += phases_along(0))
                    for (int64_t h = h0; h < size[1]; h += phases_along(1))
                        for (int64_t w = w0; w < size[2]; w += phases_along(2)) add_point(d, h, w);
            }
    phases_.push_back(points_.size());
}

/// Lists the taps of a point that are not in the padding.
void TiledConv::add_point(int64_t d, int64_t h, int64_t w) {
    Point point{to_.at(d, h, w), static_cast<int64_t>(taps_.size()), 0};
    for (int64_t kd = 0; kd < l_.kernel[0]; ++kd)
        for (int64_t kh = 0; kh < l_.kernel[1]; ++kh)
            for (int64_t kw = 0; kw < l_.kernel[2]; ++kw) {
                const int64_t fd = from_point(0, d, kd), fh = from_point(1, h, kh),
                              fw = from_point(2, w, kw);
                if (fd < 0 || fh < 0 || fw < 0) continue;
                taps_.push_back(
                    {from_.at(fd, fh, fw), (kd * l_.kernel[1] + kh) * l_.kernel[2] + kw});
            }
    point.last = static_cast<int64_t>(taps_.size());
    points_.push_back(point);
}

/// Packs the weights [taps][C][F] as [to channels / 64][taps][from channels][64 or fewer]. For
/// backward data this also transposes them.
template <typename T, typename Pack>
void TiledConv::pack_weights(float* packed, Pack pack) const {
    const int64_t from_stride = forward_ ? l_.filters : 1, to_stride = forward_ ? 1 : l_.filters;
    const int64_t width = pairs_ ? 2 : 1, taps = l_.taps();
    const auto pack_piece = [&](int64_t channel, int64_t tap) {
        const int64_t columns = columns_at(channel);
        const T* weights = reinterpret_cast<const T*>(weights_) + tap * l_.channels * l_.filters +
                           channel * to_stride;
        float* to = packed + (channel * taps + tap * columns) * from_.channels;
        for (int64_t k = 0; k < from_.channels; ++k)
            for (int64_t j = 0; j < columns; ++j)
                pack(weights + width * k * from_stride + j * to_stride, from_stride,
                     to + k * columns + j);
    };
    const int64_t pieces = (to_.channels + kTileColumns - 1) / kTileColumns * taps;
    const int64_t least = kPackedLeast / (from_.channels * columns_at(0)) + 1;
    run_parts(pieces, least, threads_, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) pack_piece(i / taps * kTileColumns, i % taps);
    });
}

/// Computes all points of a phase, each for all images at hand.
void TiledConv::run_slice(const Slice& s, const float* packed) const {
    const int64_t columns = columns_at(s.to_channel);
    packed += s.to_channel * l_.taps() * from_.channels + s.from_channel * columns;
    for (size_t i = phases_[s.phase]; i < phases_[s.phase + 1]; ++i) {
        const Point& point = points_[i];
        run_point_tiles({from_.data + s.image * from_.image() + s.from_channel, packed,
                         to_at(s.image * to_.image() + point.to + s.to_channel),
                         taps_.data() + point.first, point.last - point.first,
                         std::min(depth_, from_.channels - s.from_channel), from_.image(),
                         from_.channels * columns, columns, to_.image(), s.image_end - s.image,
                         columns, s.from_channel > 0, pairs_, to_bf16_});
    }
}

/// Computes 64 channels of the images of a round.
void TiledConv::run_unit(int64_t round, int64_t to_channel, const float* packed) const {
    const int64_t image = round * images_at_once_,
                  image_end = std::min(image + images_at_once_, l_.batch);
    for (size_t phase = 0; phase + 1 < phases_.size(); ++phase)
        for (int64_t from = 0; from < from_.channels; from += depth_)
            run_slice({image, image_end, to_channel, from, phase}, packed);
}

/// The epilogue gets a round when all of its channels have been computed.
void TiledConv::run(const CallContext& context) {
    if (epilogue_ != nullptr) epilogue_->begin(context);
    auto* packed = reinterpret_cast<float*>(arena_.scratch());
    if (pairs_)
        pack_weights<uint16_t>(packed, [](const uint16_t* w, int64_t stride, float* to) {
            *to = std::bit_cast<float>(w[0] | uint32_t{w[stride]} << 16);
        });
    else
        pack_weights<float>(packed, [](const float* w, int64_t, float* to) { *to = *w; });
    rounds_.start();
    const int64_t columns = rounds_.pieces() / rounds_.parts(), image = to_.image();
    run_units(rounds_.pieces(), threads_, [&](int64_t unit, int worker) {
        const int64_t round = unit / columns;
        run_unit(round, unit % columns * kTileColumns, packed);
        if (epilogue_ != nullptr && rounds_.completes(round))
            epilogue_->follow(worker, round * images_at_once_ * image,
                              std::min((round + 1) * images_at_once_, l_.batch) * image);
    });
    if (epilogue_ != nullptr) epilogue_->end();
}

}  // namespace

std::unique_ptr<Kernel> make_tiled_conv(const ConvProblem& p, ContractionContext& context) {
    const bool forward = p.direction == ConvProblem::Direction::kForward;
    if (p.direction == ConvProblem::Direction::kBackwardWeights || p.window.groups != 1 ||
        p.spatial() > 3 || (forward ? p.filters() : p.channels()) % kTileVector != 0)
        return nullptr;
    if (!p.is_f32() && (!context.bf16() || (forward ? p.channels() : p.filters()) % 2 != 0))
        return nullptr;
    return std::make_unique<TiledConv>(p, context);
}

bool prefers_tiled_conv(const ConvProblem& p) {
    constexpr int64_t kImagesLeast = 4;
    const bool forward = p.direction == ConvProblem::Direction::kForward;
    const int64_t from = forward ? p.channels() : p.filters(),
                  to = forward ? p.filters() : p.channels();
    // Fewer than two images for each of two threads leave registers empty; with short sums and few
    // columns the work around them dominates. Measured on Zen 5, two threads, milliseconds here and
    // by oneDNN 2.6.3: 128 to 256 channels, 5x5, 14x14 with stride 2, batch 128: forward 17.0 and
    // 17.4, backward 16.9 and 20.0; 1 to 64 channels at 28x28: 1.0 and 0.7.
    return p.batch() >= kImagesLeast && from >= 3 && (to >= 64 || (to >= 32 && from >= 4));
}

}  // namespace gmc::runtime

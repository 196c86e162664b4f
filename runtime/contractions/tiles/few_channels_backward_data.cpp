// Data gradients of convolutions whose x has few channels. For each band of rows of the result x:
//   panel[y point, (tap, c)] = y[y point, F] W[F, (tap, c)]   a matrix product that uses all lanes
//   rows[y row, (kd, kh)]    = the panel's rows, added up along the last axis
//   x row                    = the sum of rows[y row, (kd, kh)] over the taps that reach it
// This is im2col backwards (Chellapilla et al. 2006), in pieces that stay in the first- and
// second-level cache. With bf16 operands, y is converted to f32 piece by piece before the product,
// and rows of x are converted to bf16 after the sum. The conversions cost little, because time is
// limited by the use of the SIMD lanes, not by memory.
#include "runtime/contractions/tiles/few_channels_backward_data.h"

#include <algorithm>
#include <vector>

#include "runtime/contractions/plain_contraction.h"
#include "runtime/contractions/tiles/few_channels_simd.h"
#include "runtime/kernels/bf16.h"
#include "runtime/kernels/tile_cast.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

constexpr int64_t kPanelBytes = 24 << 10;  ///< fits a first-level cache with room for the streams
constexpr int64_t kRowsBytesMost = 256 << 10;  ///< fits a second-level cache
/// So many units let several threads end at the same time.
constexpr int64_t kBandsWanted = 4;
/// A thread takes at least this many products at a time (about 10 us).
constexpr int64_t kBandProducts = 1 << 18;

/// A part of an image that is computed at once: rows of x, counted over both outer axes, and the
/// rows of y that reach them. It is cut along the outermost axis that is longer than 1.
struct Band {
    int64_t x_begin, x_end;
    int64_t y_begin, y_end;
};

/// The scratch memory of one thread.
struct OwnMemory {
    float *panel, *rows;
    /// The f32 copy of the part of y for one panel.
    float* wide;
    /// One row of x.
    float* sum;
};

class FewChannelsBackwardData final : public Kernel {
  public:
    FewChannelsBackwardData(const ConvProblem& p, ContractionContext& context);
    void run(const CallContext&) override;

  private:
    void find_terms();
    void make_bands();
    Band make_band(int axis, int64_t begin, int64_t end) const;
    void pack_weights(float* packed) const;
    void compute_rows(int64_t image, const Band& band, const float* packed,
                      const OwnMemory& own) const;
    void compute_band(int64_t image, const Band& band, const float* packed,
                      const OwnMemory& own) const;

    ConvLoops l_;
    ir::DType operand_type_, result_type_;
    TileFunction to_f32_, to_result_;
    const float* weights_;
    const float* y_;
    float* x_;
    Arena& arena_;
    /// Taps of the outer two axes, (kd, kh).
    int64_t row_taps_;
    /// Taps times channels, padded to whole vectors.
    int64_t columns_;
    /// Floats of a row of x with its padding.
    int64_t row_length_;
    int64_t row_stride_;
    /// Rows of y per matrix product.
    int64_t panel_rows_;
    /// Row i of x is the sum of the rows at offsets_[first_[i]] to offsets_[first_[i + 1]], counted
    /// from the start of the image.
    std::vector<int64_t> first_, offsets_;
    std::vector<Band> bands_;
    int64_t packed_floats_ = 0, panel_floats_ = 0, rows_floats_ = 0;
    /// Floats of y for one panel, and of a row of x.
    int64_t wide_floats_ = 0, sum_floats_ = 0;
    int64_t own_floats() const { return panel_floats_ + rows_floats_ + wide_floats_ + sum_floats_; }
    int threads_;
};

int64_t floats_aligned(int64_t floats) { return align_up(floats, kTensorAlignment / 4); }

FewChannelsBackwardData::FewChannelsBackwardData(const ConvProblem& p, ContractionContext& context)
    : l_(p),
      operand_type_(p.operand_type),
      result_type_(p.result_type),
      to_f32_(cast_function(operand_type_, ir::DType::kF32, 0)),
      to_result_(cast_function(ir::DType::kF32, result_type_, 0)),
      weights_(p.weights_data),
      y_(p.y_data),
      x_(p.x_data),
      arena_(context.arena()),
      row_taps_(l_.kernel[0] * l_.kernel[1]),
      columns_(align_up(l_.taps() * l_.channels, kWidestVector)),
      threads_(thread_count()) {
    const int64_t reached = (l_.y[2] - 1) * l_.strides[2] + l_.kernel[2];
    row_length_ = std::max(reached, l_.x[2] + l_.pads_begin[2]) * l_.channels;
    row_stride_ = floats_aligned(row_length_ + kWidestVector);
    panel_rows_ = std::max<int64_t>(1, kPanelBytes / 4 / (l_.y[2] * columns_));
    find_terms();
    make_bands();
    packed_floats_ = floats_aligned(l_.filters * columns_);
    // A vector that is loaded at the last piece may reach beyond the end of the panel.
    panel_floats_ = floats_aligned(panel_rows_ * l_.y[2] * columns_ + kWidestVector);
    if (!p.is_f32()) wide_floats_ = floats_aligned(panel_rows_ * l_.y[2] * l_.filters);
    sum_floats_ = floats_aligned(l_.x[2] * l_.channels);
    arena_.reserve_scratch(4 * (packed_floats_ + threads_ * own_floats()));
}

/// Lists, for each row of x over the two outer axes, which rows of `rows` are added up for it.
void FewChannelsBackwardData::find_terms() {
    for (int64_t d = 0; d < l_.x[0]; ++d)
        for (int64_t h = 0; h < l_.x[1]; ++h) {
            first_.push_back(static_cast<int64_t>(offsets_.size()));
            for (int64_t kd = 0; kd < l_.kernel[0]; ++kd)
                for (int64_t kh = 0; kh < l_.kernel[1]; ++kh) {
                    const int64_t od = l_.output_of(0, d, kd), oh = l_.output_of(1, h, kh);
                    if (od < 0 || oh < 0) continue;
                    const int64_t row = (od * l_.y[1] + oh) * row_taps_ + kd * l_.kernel[1] + kh;
                    offsets_.push_back(row * row_stride_ + l_.pads_begin[2] * l_.channels);
                }
        }
    first_.push_back(static_cast<int64_t>(offsets_.size()));
}

/// The band of rows [begin, end) along `axis`, with the rows of y that reach any of them.
Band FewChannelsBackwardData::make_band(int axis, int64_t begin, int64_t end) const {
    int64_t y_begin = l_.y[axis], y_end = 0;
    for (int64_t i = begin; i < end; ++i)
        for (int64_t k = 0; k < l_.kernel[axis]; ++k) {
            const int64_t o = l_.output_of(axis, i, k);
            if (o >= 0) y_begin = std::min(y_begin, o), y_end = std::max(y_end, o + 1);
        }
    y_begin = std::min(y_begin, y_end);
    const int64_t x_inner = axis == 0 ? l_.x[1] : 1, y_inner = axis == 0 ? l_.y[1] : 1;
    return {begin * x_inner, end * x_inner, y_begin * y_inner, y_end * y_inner};
}

/// Makes bands of as many rows as the cache holds, or more bands when there are few images.
void FewChannelsBackwardData::make_bands() {
    const int axis = l_.x[0] > 1 ? 0 : 1;
    const int64_t count = l_.x[axis];
    const int64_t bytes_per_row = (axis == 0 ? l_.y[1] : 1) * row_taps_ * row_stride_ * 4;
    const int64_t fitting = kRowsBytesMost / bytes_per_row * l_.strides[axis];
    const int64_t bands_wanted = (kBandsWanted + l_.batch - 1) / l_.batch;
    const int64_t spread = (count + bands_wanted - 1) / bands_wanted;
    const int64_t step = std::clamp<int64_t>(std::min(fitting, spread), 1, count);
    for (int64_t begin = 0; begin < count; begin += step) {
        bands_.push_back(make_band(axis, begin, std::min(begin + step, count)));
        const int64_t y_rows = bands_.back().y_end - bands_.back().y_begin;
        rows_floats_ = std::max(rows_floats_, y_rows * row_taps_ * row_stride_);
    }
}

/// Element `index` of a tensor of f32 or bf16.
template <typename Float>
Float* element(Float* data, ir::DType type, int64_t index) {
    using Byte = std::conditional_t<std::is_const_v<Float>, const std::byte, std::byte>;
    return reinterpret_cast<Float*>(reinterpret_cast<Byte*>(data) + index * ir::dtype_size(type));
}

void cast_piece(TileFunction cast, const float* from, float* to, int64_t count) {
    TileCall call;
    call.in[0] = from;
    call.out = to;
    call.count = static_cast<size_t>(count);
    cast(call);
}

/// Reorders the weights [tap, c, F] to [F, (tap, c)], in f32, with zeros up to whole vectors: the
/// right side of the matrix product.
void FewChannelsBackwardData::pack_weights(float* packed) const {
    const int64_t columns_used = l_.taps() * l_.channels;
    const auto* halves = reinterpret_cast<const uint16_t*>(weights_);
    for (int64_t f = 0; f < l_.filters; ++f)
        for (int64_t column = 0; column < columns_; ++column) {
            const int64_t from = column * l_.filters + f;
            packed[f * columns_ + column] = column >= columns_used ? 0
                                            : wide_floats_ > 0     ? float_from_bf16(halves[from])
                                                                   : weights_[from];
        }
}

/// Computes `rows` for all rows of y that a band of an image needs.
void FewChannelsBackwardData::compute_rows(int64_t image, const Band& band, const float* packed,
                                           const OwnMemory& own) const {
    const int64_t points = l_.y[2];
    float* rows = own.rows;
    for (int64_t row = band.y_begin; row < band.y_end; row += panel_rows_) {
        const int64_t count = std::min(panel_rows_, band.y_end - row);
        const float* y =
            element(y_, operand_type_, (image * l_.y_points() + row * points) * l_.filters);
        if (wide_floats_ > 0) {
            cast_piece(to_f32_, y, own.wide, count * points * l_.filters);
            y = own.wide;
        }
        run_panel_product({y, packed, own.panel, count * points, l_.filters, columns_});
        for (int64_t i = 0; i < count; ++i, rows += row_taps_ * row_stride_)
            run_fold_row({own.panel + i * points * columns_, rows, points, columns_, row_taps_,
                          l_.kernel[2] * l_.channels, l_.strides[2] * l_.channels, row_length_,
                          row_stride_});
    }
}

/// Computes `rows`, then each row of x from it.
void FewChannelsBackwardData::compute_band(int64_t image, const Band& band, const float* packed,
                                           const OwnMemory& own) const {
    compute_rows(image, band, packed, own);
    const float* base = own.rows - band.y_begin * row_taps_ * row_stride_;
    const int64_t x_row = l_.x[2] * l_.channels;
    for (int64_t i = band.x_begin; i < band.x_end; ++i) {
        float* x = element(x_, result_type_, image * l_.x_points() * l_.channels + i * x_row);
        const bool to_bf16 = result_type_ == ir::DType::kBf16;
        run_sum_rows({base, offsets_.data() + first_[i], first_[i + 1] - first_[i],
                      to_bf16 ? own.sum : x, x_row});
        if (to_bf16) cast_piece(to_result_, own.sum, x, x_row);
    }
}

void FewChannelsBackwardData::run(const CallContext&) {
    float* packed = reinterpret_cast<float*>(arena_.scratch());
    pack_weights(packed);
    const auto bands = static_cast<int64_t>(bands_.size());
    const int64_t band_products = l_.y_points() * l_.filters * columns_ / bands;
    run_parts(l_.batch * bands, kBandProducts / band_products, threads_,
              [&](int64_t begin, int64_t end, int worker) {
                  float* panel = packed + packed_floats_ + worker * own_floats();
                  float *rows = panel + panel_floats_, *wide = rows + rows_floats_;
                  for (int64_t i = begin; i < end; ++i)
                      compute_band(i / bands, bands_[i % bands], packed,
                                   {panel, rows, wide, wide + wide_floats_});
              });
}

}  // namespace

std::unique_ptr<Kernel> make_few_channels_backward_data(const ConvProblem& p,
                                                        ContractionContext& context) {
    if (p.direction != ConvProblem::Direction::kBackwardData || p.window.groups != 1 ||
        p.spatial() > 3 || p.window.dilations.back() != 1)
        return nullptr;
    return std::make_unique<FewChannelsBackwardData>(p, context);
}

bool prefers_few_channels(const ConvProblem& p) { return p.channels() <= 4; }

}  // namespace gmc::runtime

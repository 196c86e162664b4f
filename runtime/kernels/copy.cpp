// Kernels that only move elements. Each op becomes a few regions: boxes of the result with the
// strides by which their elements lie in an operand. A region is copied in contiguous runs where
// there are any, in blocks where two axes change places, and else element by element.
//     pad [2,2] by 1 at the left of axis 1  ->  a region of zeros [2,1] and a region [2,2] that is copied
#include "runtime/kernels/copy.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>
#include <variant>

#include "compiler/ir/views.h"
#include "compiler/support/check.h"
#include "runtime/kernels/tile_transpose.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// A part has at least this many elements (about 2 us); more parts than kPartsMost gain nothing.
constexpr int64_t kPartElements = 8192, kPartsMost = 24;
/// Blocks in which axes are swapped, in elements: 16 f32 are a cache line of the operand, 64 are
/// four cache lines of the result.
constexpr int64_t kBlockRows = 16, kBlockColumns = 64;

/// One axis of a region; strides are in elements.
struct Axis {
    int64_t size, from_stride, to_stride;
};

/// A box of elements to copy, or to fill with zeros when `from` is null. Axes are outermost first.
/// T is float, or uint16_t for bf16.
template <typename T>
struct Region {
    const T* from = nullptr;
    T* to = nullptr;
    std::vector<Axis> axes;
};

std::vector<int64_t> row_major_strides(const ir::Shape& shape) {
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    return strides;
}

/// Drops axes of size 1 and merges neighbours that are contiguous on both sides.
template <typename T>
void collapse(Region<T>& region) {
    std::vector<Axis> out;
    for (const Axis& axis : region.axes) {
        if (axis.size == 1) continue;
        const bool merges =
            !out.empty() && out.back().to_stride == axis.to_stride * axis.size &&
            (region.from == nullptr || out.back().from_stride == axis.from_stride * axis.size);
        if (merges)
            out.back() = {out.back().size * axis.size, axis.from_stride, axis.to_stride};
        else
            out.push_back(axis);
    }
    if (out.empty()) out.push_back({1, 1, 1});
    region.axes = std::move(out);
}

// ---- regions of the ops ----

/// What the functions that follow need of an operation: shapes and addresses.
template <typename T>
struct Tensors {
    const ir::Function& function;
    const ir::Operation& operation;
    const Buffers& buffers;

    const ir::Shape& operand_shape(size_t i) const {
        return function.type(operation.operands[i]).shape;
    }
    const ir::Shape& result_shape() const { return function.type(operation.result()).shape; }
    const T* operand(size_t i) const {
        return reinterpret_cast<const T*>(buffers.data(operation.operands[i]));
    }
    T* result() const { return reinterpret_cast<T*>(buffers.data(operation.result())); }
};

template <typename T>
std::vector<Region<T>> regions(const ir::Slice& op, const Tensors<T>& t) {
    const auto from = row_major_strides(t.operand_shape(0)),
               to = row_major_strides(t.result_shape());
    Region<T> region{t.operand(0), t.result(), {}};
    for (size_t i = 0; i < from.size(); ++i) {
        region.from += op.starts[i] * from[i];
        region.axes.push_back({t.result_shape()[i], from[i] * op.stride(i), to[i]});
    }
    return {region};
}

template <typename T>
std::vector<Region<T>> regions(const ir::Transpose& op, const Tensors<T>& t) {
    const auto from = row_major_strides(t.operand_shape(0)),
               to = row_major_strides(t.result_shape());
    Region<T> region{t.operand(0), t.result(), {}};
    for (size_t i = 0; i < to.size(); ++i)
        region.axes.push_back({t.result_shape()[i], from[op.permutation[i]], to[i]});
    return {region};
}

template <typename T>
std::vector<Region<T>> regions(const ir::Concat& op, const Tensors<T>& t) {
    const auto to = row_major_strides(t.result_shape());
    std::vector<Region<T>> out;
    int64_t begin = 0;
    for (size_t k = 0; k < t.operation.operands.size(); ++k) {
        const ir::Shape& shape = t.operand_shape(k);
        const auto from = row_major_strides(shape);
        Region<T> region{t.operand(k), t.result() + begin * to[op.axis], {}};
        for (size_t i = 0; i < shape.size(); ++i) region.axes.push_back({shape[i], from[i], to[i]});
        begin += shape[op.axis];
        out.push_back(std::move(region));
    }
    return out;
}

/// Copies the operands to their parts, with zeros between them. States that are neighbours in
/// memory have these zeros already.
template <typename T>
std::vector<Region<T>> regions(const ir::Pack&, const Tensors<T>& t) {
    const bool states = ir::is_at_its_states(t.function, t.operation);
    std::vector<Region<T>> out;
    T* to = t.result();
    for (size_t k = 0; k < t.operation.operands.size(); ++k) {
        const int64_t elements = t.function.type(t.operation.operands[k]).elements();
        const int64_t rest = ir::packed_size(elements) - elements;
        out.push_back({t.operand(k), to, {{elements, 1, 1}}});
        to += elements;
        if (rest > 0 && !states) out.push_back({nullptr, to, {{rest, 0, 1}}});
        to += rest;
    }
    return out;
}

/// A pad without gaps is the inside, and for each axis the margins before and after it; these reach
/// over the inside along earlier axes and over everything along later ones. With gaps inside,
/// everything is filled with zeros first.
template <typename T>
std::vector<Region<T>> regions(const ir::Pad& op, const Tensors<T>& t) {
    const ir::Shape &inside = t.operand_shape(0), &whole = t.result_shape();
    const auto from = row_major_strides(inside), to = row_major_strides(whole);
    Region<T> core{t.operand(0), t.result(), {}};
    std::vector<Region<T>> out;
    if (!op.interior.empty()) {
        Region<T> zeros{nullptr, core.to, {}};
        for (size_t i = 0; i < whole.size(); ++i) {
            zeros.axes.push_back({whole[i], 0, to[i]});
            core.to += op.low[i] * to[i];
            core.axes.push_back({inside[i], from[i], to[i] * (op.gap(i) + 1)});
        }
        return {zeros, core};
    }
    for (size_t i = 0; i < whole.size(); ++i) {
        Region<T> margin{nullptr, core.to, core.axes};
        margin.axes.push_back({op.low[i], 0, to[i]});
        for (size_t k = i + 1; k < whole.size(); ++k) margin.axes.push_back({whole[k], 0, to[k]});
        if (op.low[i] > 0) out.push_back(margin);
        margin.axes[i].size = op.high[i];
        margin.to += (op.low[i] + inside[i]) * to[i];
        if (op.high[i] > 0) out.push_back(margin);
        core.to += op.low[i] * to[i];
        core.axes.push_back({inside[i], from[i], to[i]});
    }
    out.push_back(std::move(core));
    return out;
}

template <typename Op, typename T>
std::vector<Region<T>> regions(const Op&, const Tensors<T>& t) {
    GMC_CHECK(false, "`{}` is no copy", t.operation.info().name);
}

/// Whether the elements lie where they belong already: plan_memory puts parts there where it can.
template <typename T>
bool is_in_place(const Region<T>& region) {
    return region.from == region.to &&
           std::all_of(region.axes.begin(), region.axes.end(),
                       [](const Axis& a) { return a.size == 1 || a.from_stride == a.to_stride; });
}

// ---- running ----

/// How many of the last axes are copied at once: 2 where an axis that is contiguous in the operand
/// was moved next to the last one of the result.
template <typename T>
size_t inner_axes(const Region<T>& region) {
    if (region.from == nullptr || region.axes.size() < 2) return 1;
    const Axis &rows = region.axes[region.axes.size() - 2], &columns = region.axes.back();
    return rows.from_stride == 1 && columns.to_stride == 1 && columns.from_stride != 1 ? 2 : 1;
}

/// Moves the axis along which the operand is contiguous to the last place but one, so that blocks
/// can be swapped.
template <typename T>
void prepare_blocks(Region<T>& region) {
    if (region.from == nullptr || region.axes.back().from_stride == 1) return;
    const auto contiguous = std::find_if(region.axes.begin(), region.axes.end(),
                                         [](const Axis& a) { return a.from_stride == 1; });
    if (contiguous != region.axes.end())
        std::rotate(contiguous, contiguous + 1, region.axes.end() - 1);
}

/// Copies along one axis, or fills with zeros.
template <typename T>
void copy_line(const T* from, T* to, const Axis& axis) {
    const bool runs = axis.to_stride == 1 && (from == nullptr || axis.from_stride == 1);
    if (runs && from == nullptr)
        std::fill_n(to, axis.size, T{0});
    else if (runs)
        std::memcpy(to, from, static_cast<size_t>(axis.size) * sizeof(T));
    else if (from == nullptr)
        for (int64_t i = 0; i < axis.size; ++i) to[i * axis.to_stride] = 0;
    else
        for (int64_t i = 0; i < axis.size; ++i) to[i * axis.to_stride] = from[i * axis.from_stride];
}

/// to[i, j] = from[i, j], where the operand is contiguous along i and the result along j. Works in
/// blocks through a buffer, so that each cache line is touched once on either side whatever the
/// strides.
template <typename T>
void copy_plane(const T* from, T* to, const Axis& rows, const Axis& columns,
                TransposeFunction<T> transpose) {
    T block[kBlockRows][kBlockColumns];
    for (int64_t j0 = 0; j0 < columns.size; j0 += kBlockColumns)
        for (int64_t i0 = 0; i0 < rows.size; i0 += kBlockRows) {
            const int64_t height = std::min(kBlockRows, rows.size - i0);
            const int64_t width = std::min(kBlockColumns, columns.size - j0);
            transpose(from + i0 + j0 * columns.from_stride, columns.from_stride, block[0],
                      kBlockColumns, height, width);
            for (int64_t i = 0; i < height; ++i)
                std::memcpy(to + (i0 + i) * rows.to_stride + j0, block[i],
                            static_cast<size_t>(width) * sizeof(T));
        }
}

/// Copies a share of the region: the rows of share number `part`, of `parts` shares. A row is
/// everything inside of the outer axes (inner_axes() of them).
template <typename T>
void copy_share(const Region<T>& region, int64_t part, int64_t parts,
                TransposeFunction<T> transpose) {
    const size_t outer = region.axes.size() - inner_axes(region);
    int64_t rows = 1;
    for (size_t a = 0; a < outer; ++a) rows *= region.axes[a].size;
    // Few rows: the threads divide the first axis of the rows instead.
    std::vector<Axis>::const_iterator inner =
        region.axes.begin() + static_cast<std::ptrdiff_t>(outer);
    Axis first = *inner;
    int64_t from_begin = 0, to_begin = 0, row_begin = rows * part / parts,
            row_end = rows * (part + 1) / parts;
    if (rows < 4 * parts) {
        const int64_t begin = first.size * part / parts;
        from_begin = begin * first.from_stride, to_begin = begin * first.to_stride;
        first.size = first.size * (part + 1) / parts - begin;
        row_begin = 0, row_end = rows;
    }
    for (int64_t row = row_begin; row < row_end; ++row) {
        int64_t from = from_begin, to = to_begin, rest = row;
        for (size_t a = outer; a-- > 0; rest /= region.axes[a].size) {
            from += rest % region.axes[a].size * region.axes[a].from_stride;
            to += rest % region.axes[a].size * region.axes[a].to_stride;
        }
        const T* source = region.from == nullptr ? nullptr : region.from + from;
        if (inner_axes(region) == 1)
            copy_line(source, region.to + to, first);
        else
            copy_plane(source, region.to + to, first, region.axes.back(), transpose);
    }
}

/// Copies the regions of an operation, in parts.
template <typename T>
class CopyKernel : public Kernel {
  public:
    /// `overlap`: later regions write over earlier ones, so that each waits for the one before.
    CopyKernel(std::vector<Region<T>> regions, int64_t all_elements, bool overlap)
        : regions_(std::move(regions)), overlap_(overlap) {
        int64_t elements = 0;
        for (Region<T>& region : regions_) {
            collapse(region);
            prepare_blocks(region);
            elements += std::accumulate(region.axes.begin(), region.axes.end(), int64_t{1},
                                        [](int64_t n, const Axis& axis) { return n * axis.size; });
        }
        parts_ = std::clamp<int64_t>(elements / kPartElements, 1, kPartsMost);
        share_ = static_cast<double>(elements) / static_cast<double>(all_elements);
    }

    double share() const override { return share_; }

    void run(const CallContext&) override {
        if (!overlap_) return copy(regions_);
        for (const Region<T>& region : regions_) copy({&region, 1});
    }

  private:
    /// Copies parts of all of these regions at the same time.
    void copy(std::span<const Region<T>> regions) const {
        run_units(parts_, thread_count(), [&](int64_t part, int) {
            for (const Region<T>& region : regions) copy_share(region, part, parts_, transpose_);
        });
    }

    std::vector<Region<T>> regions_;
    bool overlap_;
    int64_t parts_ = 1;
    double share_;
    TransposeFunction<T> transpose_ = transpose_function<T>();
};

template <typename T>
std::unique_ptr<Kernel> make_kernel(const Tensors<T>& tensors) {
    const ir::Operation& operation = tensors.operation;
    std::vector<Region<T>> list =
        std::visit([&](const auto& op) { return regions(op, tensors); }, operation.op);
    list.erase(std::remove_if(list.begin(), list.end(), is_in_place<T>), list.end());
    if (list.empty()) return nullptr;
    const auto* pad = operation.as<ir::Pad>();
    return std::make_unique<CopyKernel<T>>(std::move(list),
                                           tensors.function.type(operation.result()).elements(),
                                           pad != nullptr && !pad->interior.empty());
}

}  // namespace

std::unique_ptr<Kernel> make_copy_kernel(const ir::Function& function,
                                         const ir::Operation& operation, const Buffers& buffers) {
    if (function.type(operation.result()).dtype == ir::DType::kBf16)
        return make_kernel(Tensors<uint16_t>{function, operation, buffers});
    return make_kernel(Tensors<float>{function, operation, buffers});
}

}  // namespace gmc::runtime

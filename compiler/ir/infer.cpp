// Shape rules, one overload of infer() per op or family of ops. A rule gets the operands' types,
// and the declared type where the op has one; it returns the result's type or says why there is
// none. The declared type is not trusted: where the result follows from the operands, the caller
// compares the two.
#include "compiler/ir/infer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compiler/ir/attributes.h"

namespace gmc::ir {
namespace {

/// A module may come from a stranger, so attributes may be any number. They are bounded before the
/// rules calculate with them: those that are only added stay below 2^40, those that are multiplied
/// by a size below 2^20. Sizes are at most 2^40 (the parser checks that), so no sum and no product
/// overflows 64 bits.
constexpr int64_t kLargestNumber = int64_t{1} << 40;
constexpr int64_t kLargestFactor = int64_t{1} << 20;

bool is_within(int64_t number, int64_t most) { return number >= -most && number <= most; }
bool are_within(const std::vector<int64_t>& numbers, int64_t most) {
    return std::all_of(numbers.begin(), numbers.end(),
                       [&](int64_t number) { return is_within(number, most); });
}

/// Whether the attributes of `op` are numbers that shape rules can calculate with.
template <typename Op>
bool has_usable_numbers(const Op& op) {
    bool fine = true;
    for (const ConstMember& member : members_of(op)) {
        if (const auto* number = std::get_if<const int64_t*>(&member.value))
            fine &= is_within(**number, kLargestNumber);
        if (const auto* numbers = std::get_if<const std::vector<int64_t>*>(&member.value))
            fine &= are_within(**numbers, kLargestNumber);
        if (const auto* number = std::get_if<const double*>(&member.value))
            fine &= std::is_same_v<Op, Constant> || std::isfinite(**number);
    }
    if constexpr (std::is_base_of_v<ConvWindow, Op>)
        fine &= are_within(op.dilations, kLargestFactor) && is_within(op.groups, kLargestFactor);
    if constexpr (std::is_same_v<Op, LeakyRelu>) fine &= op.slope >= 0;
    if constexpr (std::is_same_v<Op, Pad>) fine &= are_within(op.interior, kLargestFactor);
    return fine;
}
bool has_usable_numbers(const std::monostate&) { return true; }

/// Fails where a bf16 tensor meets an op that has no code for it.
bool takes_no_bf16(std::string_view name, const Type& type, InferContext& c) {
    if (type.dtype != DType::kBf16) return true;
    c.fail(fmt::format("`{}` of {}: bf16 is for `cast`, contractions and moving elements", name,
                       to_string(type)));
    return false;
}

/// All operands have one shape, which is the result's. There is no implicit broadcasting in the IR:
/// a `broadcast` op says it, so that its derivative and its cost are visible.
Type infer_elementwise(std::string_view name, InferContext& c) {
    for (const Type& t : c.operands)
        if (t != c.operands[0])
            return c.fail(fmt::format("`{}` of {} and {}: the shapes must be equal", name,
                                      to_string(c.operands[0]), to_string(t)));
    takes_no_bf16(name, c.operands[0], c);
    return c.operands[0];
}

/// The type that was written for the result, for ops whose operands do not say it.
Type declared_type(std::string_view name, InferContext& c) {
    if (c.declared == nullptr) return c.fail(fmt::format("`{}` needs its type written", name));
    return *c.declared;
}

/// The type without `axes`, which must be increasing and inside the rank.
Type infer_reduction(std::string_view name, const std::vector<int64_t>& axes, InferContext& c) {
    const Type& x = c.operands[0];
    if (!takes_no_bf16(name, x, c)) return {};
    Type result{x.dtype, {}};
    for (size_t i = 0; i < axes.size(); ++i)
        if (axes[i] < 0 || axes[i] >= x.rank() || (i > 0 && axes[i] <= axes[i - 1]))
            return c.fail(
                fmt::format("`{}` over axes {} of {}: axes must be increasing and below {}", name,
                            to_string(axes), to_string(x), x.rank()));
    for (int64_t axis = 0; axis < x.rank(); ++axis)
        if (std::find(axes.begin(), axes.end(), axis) == axes.end())
            result.shape.push_back(x.shape[axis]);
    return result;
}

/// Checks that x[N,D...,C] convolved with w[K...,C/groups,F] gives y[N,E...,F], where along each
/// spatial axis E = (D + pads - (dilation (K - 1) + 1)) / stride + 1, rounded down. Returns what is
/// wrong, or "". The three convolutions share it, since each knows all three types: conv has x and
/// w, its adjoints have two of the others.
std::string check_conv(const ConvWindow& window, const Type& x, const Type& w, const Type& y) {
    const size_t spatial = window.strides.size();
    if (spatial == 0 || window.pads_begin.size() != spatial || window.pads_end.size() != spatial ||
        window.dilations.size() != spatial)
        return "strides, pads_begin, pads_end and dilations must have one entry per spatial axis";
    const size_t rank = spatial + 2;
    if (x.shape.size() != rank || w.shape.size() != rank || y.shape.size() != rank)
        return fmt::format("{} spatial axes need tensors of rank {}", spatial, rank);
    if (window.groups < 1 || x.shape.back() != w.shape[spatial] * window.groups ||
        w.shape.back() % window.groups != 0)
        return fmt::format("{} channels do not fit weights {} in {} groups", x.shape.back(),
                           to_string(w), window.groups);
    if (y.shape[0] != x.shape[0] || y.shape.back() != w.shape.back())
        return fmt::format("{} does not fit {} and weights {}", to_string(y), to_string(x),
                           to_string(w));
    for (size_t i = 0; i < spatial; ++i) {
        if (window.strides[i] < 1 || window.dilations[i] < 1)
            return "strides and dilations must be at least 1";
        const int64_t span = window.dilations[i] * (w.shape[i] - 1) + 1;
        const int64_t room = x.shape[i + 1] + window.pads_begin[i] + window.pads_end[i] - span;
        if (room < 0)
            return fmt::format("a window of {} is larger than axis {} of {}", span, i + 1,
                               to_string(x));
        if (room / window.strides[i] + 1 != y.shape[i + 1])
            return fmt::format("axis {} would be {}, not {}", i + 1, room / window.strides[i] + 1,
                               y.shape[i + 1]);
    }
    return "";
}

/// The type of a contraction whose result has this shape. Its operands have one element type; of
/// bf16 operands the result may be declared f32, which keeps all bits of the sums.
Type contraction_type(std::string_view name, Shape shape, InferContext& c) {
    const DType a = c.operands[0].dtype, b = c.operands[1].dtype;
    if (a != b)
        return c.fail(fmt::format("`{}` of {} and {}: the element types must be equal", name,
                                  to_string(c.operands[0]), to_string(c.operands[1])));
    const bool widens =
        a == DType::kBf16 && c.declared != nullptr && c.declared->dtype == DType::kF32;
    return {widens ? DType::kF32 : a, std::move(shape)};
}

/// The rule of one of the three convolutions: `result` is the type of the one among x, w and y that
/// the op computes.
Type checked_conv(const ConvWindow& window, const Type& x, const Type& w, const Type& y,
                  const Type& result, std::string_view name, InferContext& c) {
    const std::string why = check_conv(window, x, w, y);
    return why.empty() ? contraction_type(name, result.shape, c)
                       : c.fail(fmt::format("`{}`: {}", name, why));
}

template <typename Op>
Type infer(const Op&, InferContext& c) requires(Op::kInfo.has(kElementwise)) {
    return infer_elementwise(Op::kInfo.name, c);
}

template <typename Op>
Type infer(const Op& op, InferContext& c) requires(Op::kInfo.has(kGenerator)) {
    const Type result = declared_type(Op::kInfo.name, c);
    takes_no_bf16(Op::kInfo.name, result, c);
    if constexpr (requires { op.stream; })
        if (!is_random_stream(op.stream))
            return c.fail(fmt::format("`{}` of stream {}: streams are from 0 to {}", Op::kInfo.name,
                                      op.stream, kMostStreams - 1));
    return result;
}

Type infer(const Cast&, InferContext& c) {
    const Type result = declared_type("cast", c);
    if (c.error.empty() && result.shape != c.operands[0].shape)
        return c.fail(fmt::format("`cast` of {} to {}: the shapes must be equal",
                                  to_string(c.operands[0]), to_string(result)));
    return result;
}

/// Sizes up to 2^24, because every integer up to there is exact in f32.
Type infer(const Iota& op, InferContext& c) {
    const Type result = declared_type("iota", c);
    if (!takes_no_bf16("iota", result, c)) return {};
    if (op.stride < 1 || op.size < 1 || op.size > (int64_t{1} << 24))
        return c.fail(fmt::format("`iota` with stride {} and size {}", op.stride, op.size));
    return result;
}

template <typename Op>
Type infer(const Op&, InferContext&) requires(Op::kInfo.has(kRuntimeScalar)) {
    return f32({});
}

template <typename Op>
Type infer(const Op& op, InferContext& c) requires(Op::kInfo.has(kReduction)) {
    return infer_reduction(Op::kInfo.name, op.axes, c);
}

Type infer(const Broadcast& op, InferContext& c) {
    const Type result = declared_type("broadcast", c);
    const Type& x = c.operands[0];
    if (!takes_no_bf16("broadcast", x, c)) return {};
    bool fits =
        op.dims.size() == x.shape.size() && (c.declared == nullptr || x.dtype == result.dtype);
    for (size_t i = 0; fits && i < op.dims.size(); ++i)
        fits = op.dims[i] >= 0 && op.dims[i] < result.rank() &&
               (i == 0 || op.dims[i] > op.dims[i - 1]) && result.shape[op.dims[i]] == x.shape[i];
    if (!fits && c.error.empty())
        return c.fail(fmt::format("`broadcast` of {} with dims {} does not give {}", to_string(x),
                                  to_string(op.dims), to_string(result)));
    return result;
}

/// Sizes add up along `axis`. To compare the other axes, the operand's size along `axis` is
/// replaced by that of the first operand.
Type infer(const Concat& op, InferContext& c) {
    if (c.operands.empty()) return c.fail("`concat` needs at least one operand");
    Type result = c.operands[0];
    if (op.axis < 0 || op.axis >= result.rank())
        return c.fail(fmt::format("`concat` along axis {} of {}", op.axis, to_string(result)));
    for (size_t i = 1; i < c.operands.size(); ++i) {
        Type other = c.operands[i];
        if (other.dtype != result.dtype)
            return c.fail(fmt::format("`concat` of {} and {}: the element types must be equal",
                                      to_string(c.operands[0]), to_string(other)));
        if (other.rank() == result.rank()) other.shape[op.axis] = c.operands[0].shape[op.axis];
        if (other != c.operands[0])
            return c.fail(
                fmt::format("`concat` along axis {} of {} and {}: the other axes must be equal",
                            op.axis, to_string(c.operands[0]), to_string(c.operands[i])));
        result.shape[op.axis] += c.operands[i].shape[op.axis];
    }
    return result;
}

Type infer(const AllGather& op, InferContext& c) {
    if (!is_share(op.shards, op.shards))
        return c.fail(fmt::format("`all_gather` of {} shards: it is a power of two", op.shards));
    Type all = c.operands[0];
    if (all.is_scalar() || all.shape[0] > op.shards)
        return c.fail(
            fmt::format("`all_gather` of {} shards from {}, whose first axis is to count "
                        "those of a process",
                        op.shards, to_string(all)));
    all.shape[0] = op.shards;
    return all;
}

/// The shards of a process may be several nodes of the tree (shards.h), along a first axis; the sum
/// of all has no such axis.
Type infer(const AllReduce& op, InferContext& c) {
    if (!is_share(op.shards, op.shards))
        return c.fail(fmt::format("`all_reduce` over {} shards: it is a power of two", op.shards));
    Type all = c.operands[0];
    if (c.declared != nullptr && c.declared->rank() < all.rank())
        all.shape.erase(all.shape.begin());
    return all;
}

/// Whether `x` is a part or the whole of a flat buffer; else why not is reported.
bool is_of_buffer(std::string_view name, const SharedBuffer& buffer, const Type& x, bool own,
                  InferContext& c) {
    constexpr int64_t kMostProcesses = 1 << 20;
    const bool increases = std::adjacent_find(buffer.ends.begin(), buffer.ends.end(),
                                              std::greater_equal<>()) == buffer.ends.end();
    const bool right = buffer.processes >= 1 && buffer.processes <= kMostProcesses &&
                       buffer.rank >= 0 && buffer.rank < buffer.processes && increases &&
                       !buffer.ends.empty() && buffer.ends[0] >= 1 && buffer.own_numbers() > 0;
    const int64_t numbers = !right ? 0 : own ? buffer.own_numbers() : buffer.numbers();
    if (!right)
        c.fail(
            fmt::format("`{}` of process {} of {}, with buckets that end at {}: ends increase, "
                        "and the process has some",
                        name, buffer.rank, buffer.processes, to_string(buffer.ends)));
    else if (x != f32({numbers}))
        c.fail(fmt::format("`{}` of {} where the buffer's is {}", name, to_string(x),
                           to_string(f32({numbers}))));
    return c.error.empty();
}

Type infer(const GatherParts& op, InferContext& c) {
    if (!is_of_buffer("gather_parts", op, c.operands[0], true, c)) return {};
    return f32({op.numbers()});
}

Type infer(const OwnPart& op, InferContext& c) {
    if (!is_of_buffer("own_part", op, c.operands[0], false, c)) return {};
    return f32({op.own_numbers()});
}

/// The operand may have any shape, and several nodes, as that of `all_reduce`.
Type infer(const ReduceScatter& op, InferContext& c) {
    if (!is_share(op.shards, op.shards))
        return c.fail(
            fmt::format("`reduce_scatter` over {} shards: it is a power of two", op.shards));
    const Type& x = c.operands[0];
    const int64_t nodes = x.elements() / std::max<int64_t>(op.numbers(), 1);
    const bool several = nodes > 1 && x.shape[0] == nodes && x.elements() == nodes * op.numbers();
    const Type sum{x.dtype, {several ? op.numbers() : x.elements()}};
    if (!is_of_buffer("reduce_scatter", op, sum, false, c)) return {};
    return f32({op.own_numbers()});
}

Type infer(const Pack&, InferContext& c) {
    if (c.operands.empty()) return c.fail("`pack` needs at least one operand");
    int64_t elements = 0;
    for (const Type& operand : c.operands) {
        if (operand.dtype != c.operands[0].dtype)
            return c.fail(fmt::format("`pack` of {} and {}: the element types must be equal",
                                      to_string(c.operands[0]), to_string(operand)));
        elements += packed_size(operand.elements());
    }
    return {c.operands[0].dtype, {elements}};
}

/// Each axis grows by what is put in front, behind, and between its n elements, of which there are
/// n - 1 gaps.
Type infer(const Pad& op, InferContext& c) {
    Type result = c.operands[0];
    const size_t rank = result.shape.size();
    if (op.low.size() != rank || op.high.size() != rank ||
        (!op.interior.empty() && op.interior.size() != rank))
        return c.fail(fmt::format("`pad` of {} needs {} entries in low, high and interior",
                                  to_string(result), rank));
    for (size_t i = 0; i < rank; ++i) {
        if (op.low[i] < 0 || op.high[i] < 0 || op.gap(i) < 0)
            return c.fail("`pad` by a negative number");
        result.shape[i] += op.low[i] + op.high[i] + op.gap(i) * (result.shape[i] - 1);
    }
    return result;
}

Type infer(const Reshape&, InferContext& c) {
    const Type result = declared_type("reshape", c);
    if (c.error.empty() &&
        (result.elements() != c.operands[0].elements() || result.dtype != c.operands[0].dtype))
        return c.fail(fmt::format("`reshape` of {} ({} elements) to {} ({})",
                                  to_string(c.operands[0]), c.operands[0].elements(),
                                  to_string(result), result.elements()));
    return result;
}

/// The result's size is how many positions start, start + stride, ... lie below the limit: (limit -
/// start) / stride, rounded up.
Type infer(const Slice& op, InferContext& c) {
    Type result = c.operands[0];
    const size_t rank = result.shape.size();
    if (op.starts.size() != rank || op.limits.size() != rank ||
        (!op.strides.empty() && op.strides.size() != rank))
        return c.fail(fmt::format("`slice` of {} needs {} starts, limits and strides",
                                  to_string(result), rank));
    for (size_t i = 0; i < rank; ++i) {
        if (op.stride(i) < 1) return c.fail("`slice` with a stride below 1");
        if (op.starts[i] < 0 || op.limits[i] > result.shape[i] || op.starts[i] >= op.limits[i])
            return c.fail(fmt::format("`slice` from {} to {} along axis {} of {}", op.starts[i],
                                      op.limits[i], i, to_string(c.operands[0])));
        result.shape[i] = (op.limits[i] - op.starts[i] + op.stride(i) - 1) / op.stride(i);
    }
    return result;
}

Type infer(const Transpose& op, InferContext& c) {
    const Type& x = c.operands[0];
    std::vector<int64_t> sorted = op.permutation;
    std::sort(sorted.begin(), sorted.end());
    bool permutes = sorted.size() == x.shape.size();
    for (size_t i = 0; permutes && i < sorted.size(); ++i)
        permutes = sorted[i] == static_cast<int64_t>(i);
    if (!permutes)
        return c.fail(fmt::format("`transpose` of {} by {}, which is no permutation of its axes",
                                  to_string(x), to_string(op.permutation)));
    Type result{x.dtype, {}};
    for (int64_t axis : op.permutation) result.shape.push_back(x.shape[axis]);
    return result;
}

/// The result's sizes follow from the window. Where they would be negative, the size 0 is put in,
/// and check_conv says what is wrong.
Type infer(const Conv& op, InferContext& c) {
    const Type &x = c.operands[0], &w = c.operands[1];
    const size_t spatial = op.strides.size();
    if (x.shape.size() != spatial + 2 || w.shape.size() != spatial + 2 || spatial == 0)
        return c.fail(fmt::format("`conv` of {} with weights {} over {} spatial axes", to_string(x),
                                  to_string(w), spatial));
    Type y{x.dtype, {x.shape[0]}};
    for (size_t i = 0; i < spatial; ++i) {
        const int64_t dilation = i < op.dilations.size() ? op.dilations[i] : 1;
        const int64_t pads = (i < op.pads_begin.size() ? op.pads_begin[i] : 0) +
                             (i < op.pads_end.size() ? op.pads_end[i] : 0);
        const int64_t room = x.shape[i + 1] + pads - dilation * (w.shape[i] - 1) - 1;
        y.shape.push_back(room < 0 || op.strides[i] < 1 ? 0 : room / op.strides[i] + 1);
    }
    y.shape.push_back(w.shape.back());
    return checked_conv(op, x, w, y, y, "conv", c);
}

Type infer(const ConvBackwardData& op, InferContext& c) {
    const Type x = declared_type("conv_backward_data", c);
    return checked_conv(op, x, c.operands[1], c.operands[0], x, "conv_backward_data", c);
}

Type infer(const ConvBackwardWeights& op, InferContext& c) {
    const Type w = declared_type("conv_backward_weights", c);
    return checked_conv(op, c.operands[0], w, c.operands[1], w, "conv_backward_weights", c);
}

Type infer(const Matmul& op, InferContext& c) {
    const Type &a = c.operands[0], &b = c.operands[1];
    const auto fail = [&](const std::string& why) {
        return c.fail(fmt::format("`matmul` of {} and {}: {}", to_string(a), to_string(b), why));
    };
    if (a.rank() < 2 || b.rank() < 2) return fail("both must be matrices");
    const size_t front = a.shape.size() - 2;
    if (a.rank() != b.rank() ||
        !std::equal(a.shape.begin(), a.shape.end() - 2, b.shape.begin(), b.shape.end() - 2))
        return fail("the axes before the matrices differ");
    const int64_t m = a.shape[front + (op.transpose_a ? 1 : 0)],
                  k = a.shape[front + (op.transpose_a ? 0 : 1)];
    const int64_t n = b.shape[front + (op.transpose_b ? 0 : 1)],
                  inner = b.shape[front + (op.transpose_b ? 1 : 0)];
    if (k != inner) return fail(fmt::format("inner sizes {} and {} differ", k, inner));
    Shape shape(a.shape.begin(), a.shape.end() - 2);
    shape.insert(shape.end(), {m, n});
    return contraction_type("matmul", std::move(shape), c);
}

Type infer(const Attention& op, InferContext& c) {
    const std::string why = attention_misfit(op, false, c.operands);
    if (!why.empty()) return c.fail(why);
    const Shape &q = c.operands[0].shape, &v = c.operands[2].shape;
    return f32({q[0], q[1], q[2], v[3]});
}
Type infer(const AttentionGradient&, InferContext& c) {
    return c.fail("`attention_gradient` has as many types as results");
}

Type infer(const Fused&, InferContext& c) { return c.fail("`fused` has as many types as results"); }
Type infer(const Scan&, InferContext& c) { return c.fail("`scan` has as many types as results"); }
Type infer(const Gradient&, InferContext& c) {
    return c.fail("`gradient` has as many types as results");
}
Type infer(const std::monostate&, InferContext& c) { return c.fail("not an op"); }

}  // namespace

std::string attention_misfit(const AttentionForm& form, bool with_diff,
                             const std::vector<Type>& operands) {
    const std::string_view name = with_diff ? AttentionGradient::kInfo.name : Attention::kInfo.name;
    const size_t mask = with_diff ? 4 : 3;
    const size_t wanted = mask + (form.mask_dims.empty() ? 0 : 1);
    if (operands.size() != wanted)
        return fmt::format("`{}` takes {} operands, got {}", name, wanted, operands.size());
    for (size_t i = 0; i < operands.size(); ++i)
        if (operands[i].dtype != DType::kF32 || (i < mask && operands[i].rank() != 4))
            return fmt::format("`{}` of {}: operands are f32, and but for the mask of 4 axes", name,
                               to_string(operands[i]));
    const Shape &q = operands[0].shape, &k = operands[1].shape, &v = operands[2].shape;
    if (k[0] != q[0] || k[2] != q[2] || k[3] != q[3] || v[0] != q[0] || v[1] != k[1] ||
        v[2] != q[2])
        return fmt::format("`{}` of {}, {} and {}: they are [N,T,H,D], [N,S,H,D] and [N,S,H,E]",
                           name, to_string(operands[0]), to_string(operands[1]),
                           to_string(operands[2]));
    if (const Type out = f32({q[0], q[1], q[2], v[3]}); with_diff && operands[3] != out)
        return fmt::format("`{}` of {}: the gradient of the result is {}", name,
                           to_string(operands[3]), to_string(out));
    if (form.mask_dims.empty()) return "";
    const Shape scores = {q[0], q[2], q[1], k[1]};
    Shape shape;
    for (size_t i = 0; i < form.mask_dims.size(); ++i) {
        const int64_t axis = form.mask_dims[i];
        if (axis < 0 || axis > 3 || (i > 0 && axis <= form.mask_dims[i - 1]))
            return fmt::format("`{}`: mask_dims are increasing axes of {}", name,
                               to_string(f32(scores)));
        shape.push_back(scores[static_cast<size_t>(axis)]);
    }
    if (form.mask_dims.back() != 3)
        return fmt::format("`{}`: the last of mask_dims is 3, the axis of the softmax", name);
    if (operands[mask].shape != shape)
        return fmt::format("`{}` of the mask {}: by mask_dims it is {}", name,
                           to_string(operands[mask]), to_string(f32(shape)));
    return "";
}

Type infer_type(const OpVariant& op, InferContext& context) {
    const OpInfo& info = op_info(op);
    const int count = info.operand_count();
    if (count >= 0 && static_cast<size_t>(count) != context.operands.size())
        return context.fail(fmt::format("`{}` takes {} operands, got {}", info.name, count,
                                        context.operands.size()));
    return std::visit(
        [&](const auto& o) {
            if (!has_usable_numbers(o))
                return context.fail(
                    fmt::format("`{}` has a number that it cannot have", op_info(op).name));
            return infer(o, context);
        },
        op);
}

/// Walks along both shapes and closes a group as soon as the products of sizes on both sides are
/// equal; sizes of 1 that follow still belong to it. [128, 28, 28, 64] and [128, 784, 64]: 128 =
/// 128, then 28 < 784, 28 * 28 = 784, then 64 = 64, so three groups.
std::vector<ReshapeGroup> reshape_groups(const Shape& from, const Shape& to) {
    std::vector<ReshapeGroup> groups;
    const auto from_rank = static_cast<int64_t>(from.size()),
               to_rank = static_cast<int64_t>(to.size());
    int64_t i = 0, j = 0;
    while (i < from_rank || j < to_rank) {
        ReshapeGroup g{i, i, j, j};
        int64_t from_size = 1, to_size = 1;
        if (i < from_rank) from_size *= from[i++];
        if (j < to_rank) to_size *= to[j++];
        while (from_size != to_size) {
            if (from_size < to_size)
                from_size *= from[i++];
            else
                to_size *= to[j++];
        }
        while (i < from_rank && from[i] == 1) ++i;
        while (j < to_rank && to[j] == 1) ++j;
        g.from_end = i;
        g.to_end = j;
        groups.push_back(g);
    }
    return groups;
}

}  // namespace gmc::ir

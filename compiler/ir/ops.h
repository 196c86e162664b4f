// The ops of the IR: one struct each, with its formula, traits, operands and attributes. From
// `fields()` come the printer, the parser, equality, hashes and the op table (`gmc ops`); nothing
// of those is written per op. Ops are pure: the result is a function of operands and attributes,
// for random ops also of (seed, call).
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "compiler/ir/type.h"
#include "compiler/support/shards.h"

namespace gmc::ir {

/// What passes may know of an op without knowing which op it is. A pass that asks for traits works
/// for ops that are added later.
enum Trait : unsigned {
    kElementwise =
        1u << 0,  ///< operands and result have one shape; element i depends on elements i only
    kCommutative = 1u << 1,  ///< the two operands may be swapped
    kReduction = 1u << 2,    ///< removes axes
    kGenerator =
        1u << 3,  ///< no operands; element i is computed from i (constants, random numbers)
    kNoGradient =
        1u
        << 4,  ///< piecewise constant or not differentiable: contributes no gradient, by definition
    kRuntimeScalar = 1u << 5,  ///< a number the runtime supplies (step, epoch)
    kContraction =
        1u << 6,  ///< sums of products, where the time goes: convolutions and the matrix product
    kRepeats = 1u << 7,  ///< repeats its operand along more axes
    kLoop = 1u << 8,     ///< runs the ops of its body in one loop
    kWindow = 1u << 9,   ///< a part of its operand, or its operand with zeros around it
};

/// An op's facts that do not depend on attributes. `operands` names the operands, e.g. "x,
/// weights"; "..." stands for any number of them.
struct OpInfo {
    std::string_view name;
    std::string_view operands;
    std::string_view summary;  ///< its formula or meaning in a line, for OPS.md
    unsigned traits = 0;       ///< Trait flags
    /// What one element of the result costs in a loop, in additions: for decisions of the compiler
    /// (compute again or store?) and of the runtime (one thread or all?). Measured by
    /// tests/bench/loop_bench with AVX-512.
    int cost = 1;
    constexpr bool has(Trait trait) const { return (traits & trait) != 0; }
    /// How many operands the op takes; -1 for any number.
    constexpr int operand_count() const {
        if (operands.find("...") != std::string_view::npos) return -1;
        int count = operands.empty() ? 0 : 1;
        for (char c : operands) count += c == ',' ? 1 : 0;
        return count;
    }
};

/// Whether an op can be computed inside a loop together with others: what fuse_elementwise fuses.
constexpr bool fits_in_loop(const OpInfo& info) {
    return info.has(kElementwise) || info.has(kGenerator) || info.has(kReduction) ||
           info.has(kRepeats);
}
/// Whether an op of a loop reads, for an element of the loop, another element of a tensor that is
/// complete before the loop begins.
constexpr bool reads_elsewhere(const OpInfo& info) {
    return info.has(kRepeats) || info.has(kWindow);
}
/// Whether the runtime runs an op as a loop: what fits in one, alone, and `fused`.
constexpr bool runs_as_loop(const OpInfo& info) { return fits_in_loop(info) || info.has(kLoop); }

/// One attribute of an op: its name in the text and the member that holds it.
template <typename Op, typename T>
struct Field {
    std::string_view name;
    T Op::*member;
};
/// Makes a row of `fields()`: `field("slope", &LeakyRelu::slope)`.
template <typename Op, typename T>
constexpr Field<Op, T> field(std::string_view name, T Op::*member) {
    return {name, member};
}

/// Base of ops without attributes.
struct NoFields {
    static constexpr auto fields() { return std::tuple<>(); }
};

// ---- element-wise -------------------------------------------------------------------------------
// Each of them can be called with numbers: that call is the op's meaning, which constant folding,
// the reference and the tests share. Fast kernels are runtime/kernels/elementwise-inl.h.

struct Abs : NoFields {
    static constexpr OpInfo kInfo{"abs", "x", "|x|", kElementwise};
    double operator()(double x) const { return std::abs(x); }
};
struct Add : NoFields {
    static constexpr OpInfo kInfo{"add", "a, b", "a + b", kElementwise | kCommutative};
    double operator()(double a, double b) const { return a + b; }
};
/// From or to bf16, the upper half of an f32; the result's type says which. The one element-wise op
/// whose operand and result may differ in their element type; all others, and generators,
/// broadcasts and reductions, are f32.
struct Cast : NoFields {
    static constexpr OpInfo kInfo{
        "cast", "x", "x as another element type, rounded to nearest, ties to even", kElementwise};
    /// The identity: as after every op, the number is rounded when it is stored in a tensor.
    double operator()(double x) const { return x; }
};
struct Cos : NoFields {
    static constexpr OpInfo kInfo{"cos", "x", "cos x", kElementwise, 5};
    double operator()(double x) const { return std::cos(x); }
};
struct Div : NoFields {
    static constexpr OpInfo kInfo{"div", "a, b", "a / b", kElementwise, 2};
    double operator()(double a, double b) const { return a / b; }
};
struct Equal : NoFields {
    static constexpr OpInfo kInfo{"equal", "a, b", "1 where a = b, else 0",
                                  kElementwise | kCommutative | kNoGradient};
    double operator()(double a, double b) const { return a == b ? 1 : 0; }
};
struct Erf : NoFields {
    static constexpr OpInfo kInfo{
        "erf", "x", "2/sqrt(pi) times the integral of exp(-t^2) from 0 to x", kElementwise, 12};
    double operator()(double x) const { return std::erf(x); }
};
struct Exp : NoFields {
    static constexpr OpInfo kInfo{"exp", "x", "e^x", kElementwise, 6};
    double operator()(double x) const { return std::exp(x); }
};
struct Floor : NoFields {
    static constexpr OpInfo kInfo{"floor", "x", "the largest integer not above x",
                                  kElementwise | kNoGradient};
    double operator()(double x) const { return std::floor(x); }
};
struct Greater : NoFields {
    static constexpr OpInfo kInfo{"greater", "a, b", "1 where a > b, else 0",
                                  kElementwise | kNoGradient};
    double operator()(double a, double b) const { return a > b ? 1 : 0; }
};
struct LeakyRelu {
    static constexpr OpInfo kInfo{"leaky_relu", "x", "x where x > 0, else slope x; slope >= 0",
                                  kElementwise};
    double slope = 0;
    static constexpr auto fields() { return std::tuple{field("slope", &LeakyRelu::slope)}; }
    /// Slope 0 gives 0 for -infinity as well, where 0 x would be NaN.
    double operator()(double x) const {
        if (std::isnan(x) || x > 0) return x;
        return slope == 0 ? 0 : slope * x;
    }
};
struct Log : NoFields {
    static constexpr OpInfo kInfo{"log", "x", "natural logarithm", kElementwise, 7};
    double operator()(double x) const { return std::log(x); }
};
struct Maximum : NoFields {
    static constexpr OpInfo kInfo{"maximum", "a, b", "the larger; at a tie the gradient goes to b",
                                  kElementwise | kCommutative};
    double operator()(double a, double b) const { return std::isnan(a) || a > b ? a : b; }
};
struct Minimum : NoFields {
    static constexpr OpInfo kInfo{"minimum", "a, b", "the smaller; at a tie the gradient goes to b",
                                  kElementwise | kCommutative};
    double operator()(double a, double b) const { return std::isnan(a) || a < b ? a : b; }
};
struct Mul : NoFields {
    static constexpr OpInfo kInfo{"mul", "a, b", "a b", kElementwise | kCommutative};
    double operator()(double a, double b) const { return a * b; }
};
struct Neg : NoFields {
    static constexpr OpInfo kInfo{"neg", "x", "-x", kElementwise};
    double operator()(double x) const { return -x; }
};
struct Pow {
    static constexpr OpInfo kInfo{"pow", "x", "x^exponent", kElementwise};
    double exponent = 1;
    static constexpr auto fields() { return std::tuple{field("exponent", &Pow::exponent)}; }
    double operator()(double x) const { return std::pow(x, exponent); }
};
struct Select : NoFields {
    static constexpr OpInfo kInfo{"select", "condition, a, b", "a where condition != 0, else b",
                                  kElementwise};
    double operator()(double condition, double a, double b) const { return condition != 0 ? a : b; }
};
struct Sigmoid : NoFields {
    static constexpr OpInfo kInfo{"sigmoid", "x", "1 / (1 + e^-x)", kElementwise, 7};
    double operator()(double x) const { return 1 / (1 + std::exp(-x)); }
};
struct Sign : NoFields {
    static constexpr OpInfo kInfo{"sign", "x", "-1, 0 or 1", kElementwise | kNoGradient};
    double operator()(double x) const {
        if (std::isnan(x)) return x;
        return x > 0 ? 1 : x < 0 ? -1 : 0;
    }
};
struct Sin : NoFields {
    static constexpr OpInfo kInfo{"sin", "x", "sin x", kElementwise, 5};
    double operator()(double x) const { return std::sin(x); }
};
struct Softplus : NoFields {
    static constexpr OpInfo kInfo{"softplus", "x", "log(1 + e^x), without overflow", kElementwise,
                                  11};
    /// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), whose exponential cannot overflow.
    double operator()(double x) const {
        return std::fmax(x, 0) + std::log1p(std::exp(-std::abs(x)));
    }
};
struct Sqrt : NoFields {
    static constexpr OpInfo kInfo{"sqrt", "x", "square root", kElementwise, 2};
    double operator()(double x) const { return std::sqrt(x); }
};
struct StopGradient : NoFields {
    static constexpr OpInfo kInfo{"stop_gradient", "x", "x, through which no gradient flows",
                                  kElementwise | kNoGradient};
    double operator()(double x) const { return x; }
};
struct Sub : NoFields {
    static constexpr OpInfo kInfo{"sub", "a, b", "a - b", kElementwise};
    double operator()(double a, double b) const { return a - b; }
};
struct Tanh : NoFields {
    static constexpr OpInfo kInfo{"tanh", "x", "hyperbolic tangent", kElementwise, 7};
    double operator()(double x) const { return std::tanh(x); }
};

// ---- generators ---------------------------------------------------------------------------------

struct Constant {
    static constexpr OpInfo kInfo{"constant", "", "every element is `value`", kGenerator};
    double value = 0;
    static constexpr auto fields() { return std::tuple{field("value", &Constant::value)}; }
};
/// Positions along an axis, whatever the shape: along an axis of n elements followed by axes of m
/// in all, {stride=m, size=n} counts 0 .. n - 1.
struct Iota {
    static constexpr OpInfo kInfo{"iota", "",
                                  "element i is floor(i / stride) modulo size; size < 2^24",
                                  kGenerator | kNoGradient};
    int64_t stride = 1, size = 1;
    static constexpr auto fields() {
        return std::tuple{field("stride", &Iota::stride), field("size", &Iota::size)};
    }
};
/// Streams of random numbers have 31 bits: the 32nd keeps those of initializers apart.
inline constexpr int64_t kMostStreams = int64_t{1} << 31;
constexpr bool is_random_stream(int64_t stream) { return stream >= 0 && stream < kMostStreams; }
/// Philox4x32-10 (Salmon et al. 2011) keyed by the seed, counter (index, call, stream); then Box
/// and Muller 1958.
struct RandomNormal {
    static constexpr OpInfo kInfo{"random_normal", "",
                                  "independent N(0, 1) from (seed, call, stream, index)",
                                  kGenerator | kNoGradient, 18};
    int64_t stream = 0;
    static constexpr auto fields() { return std::tuple{field("stream", &RandomNormal::stream)}; }
};
struct RandomUniform {
    static constexpr OpInfo kInfo{
        "random_uniform", "",
        "independent U[0, 1), multiples of 2^-24, from (seed, call, stream, index)",
        kGenerator | kNoGradient, 9};
    int64_t stream = 0;
    static constexpr auto fields() { return std::tuple{field("stream", &RandomUniform::stream)}; }
};
struct Epoch : NoFields {
    static constexpr OpInfo kInfo{"epoch", "", "passes over the data so far, with fraction; f32[]",
                                  kRuntimeScalar | kNoGradient};
};
struct Iteration : NoFields {
    static constexpr OpInfo kInfo{"iteration", "",
                                  "in the body of a scan: the number of the pass, from 0; f32[]",
                                  kRuntimeScalar | kNoGradient};
};
struct Step : NoFields {
    static constexpr OpInfo kInfo{"step", "", "training steps done before this one; f32[]",
                                  kRuntimeScalar | kNoGradient};
};

// ---- shape --------------------------------------------------------------------------------------

/// The first axis of x counts the shards of a process, which are neighbours; that of the result
/// counts those of all.
struct AllGather {
    static constexpr OpInfo kInfo{"all_gather", "x",
                                  "the x of all processes, one after another along the first axis; "
                                  "x, where one process has all shards of the batch"};
    int64_t shards = 1;  ///< of all processes: a power of two
    static constexpr auto fields() { return std::tuple{field("shards", &AllGather::shards)}; }
};
/// Each process has the sum of its own shards, which are neighbours. The shards of all are the
/// leaves of a binary tree, (x0 + x1) + (x2 + x3), so that the sum has the same bits whichever
/// process has which of them.
struct AllReduce {
    static constexpr OpInfo kInfo{"all_reduce", "x",
                                  "the sum of x over all processes, as a binary tree; x, where one "
                                  "process has all shards of the batch"};
    int64_t shards = 1;    ///< of all processes: a power of two
    bool rounded = false;  ///< x is rounded to bf16, and so is each sum of two
    static constexpr auto fields() {
        return std::tuple{field("shards", &AllReduce::shards),
                          field("rounded", &AllReduce::rounded)};
    }
};
/// dims[i] is the result's axis that takes the operand's axis i (increasing; sizes equal); other
/// axes repeat.
struct Broadcast {
    static constexpr OpInfo kInfo{"broadcast", "x",
                                  "repeats x along the axes that `dims` does not name", kRepeats};
    std::vector<int64_t> dims;
    static constexpr auto fields() { return std::tuple{field("dims", &Broadcast::dims)}; }
};
struct Concat {
    static constexpr OpInfo kInfo{"concat", "...", "the operands one after another along `axis`"};
    int64_t axis = 0;
    static constexpr auto fields() { return std::tuple{field("axis", &Concat::axis)}; }
};
/// x is the part that this process has of a flat buffer (SharedBuffer). These ops stand in modules
/// of processes that share an optimizer's slots (compiler/batch/share_slots.h).
struct GatherParts : SharedBuffer {
    static constexpr OpInfo kInfo{"gather_parts", "x",
                                  "the parts of all processes in their places in a flat buffer; "
                                  "where one runs alone, zeros in those of others",
                                  kNoGradient};
    static constexpr auto fields() {
        return std::tuple{field("ends", &GatherParts::ends),
                          field("processes", &GatherParts::processes),
                          field("rank", &GatherParts::rank)};
    }
};
struct OwnPart : SharedBuffer {
    static constexpr OpInfo kInfo{"own_part", "x",
                                  "the part that one of several processes has of a flat buffer",
                                  kNoGradient};
    static constexpr auto fields() {
        return std::tuple{field("ends", &OwnPart::ends), field("processes", &OwnPart::processes),
                          field("rank", &OwnPart::rank)};
    }
};
/// `own_part` of `all_reduce`, for half of the messages.
struct ReduceScatter : SharedBuffer {
    static constexpr OpInfo kInfo{"reduce_scatter", "x",
                                  "the part that one of several processes has of the sum of x over "
                                  "them, as a binary tree",
                                  kNoGradient};
    int64_t shards = 1;    ///< as in `all_reduce`
    bool rounded = false;  ///< as in `all_reduce`
    static constexpr auto fields() {
        return std::tuple{
            field("shards", &ReduceScatter::shards), field("rounded", &ReduceScatter::rounded),
            field("ends", &ReduceScatter::ends), field("processes", &ReduceScatter::processes),
            field("rank", &ReduceScatter::rank)};
    }
};
/// Where operands of `pack` and states begin: multiples of so many elements, which are whole cache
/// lines in f32 and in bf16.
inline constexpr int64_t kPackStep = kTensorAlignment / 2;
/// The elements from the beginning of one operand of `pack` to that of the next.
constexpr int64_t packed_size(int64_t elements) {
    return (elements + kPackStep - 1) / kPackStep * kPackStep;
}
/// States lie in memory as `pack` would put them, so that a pack of states that are neighbours
/// costs nothing: an optimizer updates all its parameters in one loop.
struct Pack : NoFields {
    static constexpr OpInfo kInfo{"pack", "...",
                                  "all elements of the operands behind one another, each from a "
                                  "multiple of 32 on; 0 in between"};
};
struct Pad {
    static constexpr OpInfo kInfo{
        "pad", "x",
        "zeros: low[i] before, high[i] after and interior[i] between neighbours along axis i",
        kWindow};
    std::vector<int64_t> low, high;
    std::vector<int64_t> interior{};  ///< empty: none anywhere
    int64_t gap(size_t axis) const { return interior.empty() ? 0 : interior[axis]; }
    static constexpr auto fields() {
        return std::tuple{field("low", &Pad::low), field("high", &Pad::high),
                          field("interior", &Pad::interior)};
    }
};
struct Reshape : NoFields {
    static constexpr OpInfo kInfo{"reshape", "x",
                                  "the same elements in row-major order; costs nothing"};
};
struct Slice {
    static constexpr OpInfo kInfo{
        "slice", "x", "every strides[i]-th element from starts[i] up to limits[i] along axis i",
        kWindow};
    std::vector<int64_t> starts, limits;
    std::vector<int64_t> strides{};  ///< empty: 1 everywhere
    int64_t stride(size_t axis) const { return strides.empty() ? 1 : strides[axis]; }
    static constexpr auto fields() {
        return std::tuple{field("starts", &Slice::starts), field("limits", &Slice::limits),
                          field("strides", &Slice::strides)};
    }
};
struct Transpose {
    static constexpr OpInfo kInfo{"transpose", "x",
                                  "axis i of the result is axis permutation[i] of x"};
    std::vector<int64_t> permutation;
    static constexpr auto fields() {
        return std::tuple{field("permutation", &Transpose::permutation)};
    }
};

// ---- reductions ---------------------------------------------------------------------------------

struct ReduceMax {
    static constexpr OpInfo kInfo{"reduce_max", "x",
                                  "largest over `axes`, which vanish; ties share the gradient",
                                  kReduction};
    std::vector<int64_t> axes;
    static constexpr auto fields() { return std::tuple{field("axes", &ReduceMax::axes)}; }
};
struct ReduceSum {
    static constexpr OpInfo kInfo{"reduce_sum", "x", "sum over `axes`, which vanish", kReduction};
    std::vector<int64_t> axes;
    static constexpr auto fields() { return std::tuple{field("axes", &ReduceSum::axes)}; }
};

// ---- contractions -------------------------------------------------------------------------------
// Of two f32 operands they make f32, of two bf16 ones f32 or bf16, as the result's type says; sums
// are f32.

/// The window of a convolution over S spatial axes; all vectors have S entries.
struct ConvWindow {
    std::vector<int64_t> strides, pads_begin, pads_end, dilations;
    int64_t groups = 1;
};
/// x[N, D..., C], weights[K..., C/groups, F] -> [N, (D + pads - dilation (K - 1) - 1) / stride + 1
/// ..., F].
struct Conv : ConvWindow {
    static constexpr OpInfo kInfo{"conv", "x, weights",
                                  "cross-correlation, x[N,D...,C], weights[K...,C/groups,F]",
                                  kContraction};
    static constexpr auto fields() {
        return std::tuple{field("strides", &Conv::strides), field("pads_begin", &Conv::pads_begin),
                          field("pads_end", &Conv::pads_end), field("dilations", &Conv::dilations),
                          field("groups", &Conv::groups)};
    }
};
/// The adjoint of `conv` in x; a transposed convolution. The result's type says the spatial sizes.
struct ConvBackwardData : ConvWindow {
    static constexpr OpInfo kInfo{"conv_backward_data", "diff, weights",
                                  "gradient of conv in x: a transposed convolution", kContraction};
    static constexpr auto fields() {
        return std::tuple{field("strides", &ConvBackwardData::strides),
                          field("pads_begin", &ConvBackwardData::pads_begin),
                          field("pads_end", &ConvBackwardData::pads_end),
                          field("dilations", &ConvBackwardData::dilations),
                          field("groups", &ConvBackwardData::groups)};
    }
};
/// The adjoint of `conv` in its weights. The result's type says the kernel sizes.
struct ConvBackwardWeights : ConvWindow {
    static constexpr OpInfo kInfo{"conv_backward_weights", "x, diff",
                                  "gradient of conv in its weights", kContraction};
    static constexpr auto fields() {
        return std::tuple{field("strides", &ConvBackwardWeights::strides),
                          field("pads_begin", &ConvBackwardWeights::pads_begin),
                          field("pads_end", &ConvBackwardWeights::pads_end),
                          field("dilations", &ConvBackwardWeights::dilations),
                          field("groups", &ConvBackwardWeights::groups)};
    }
};
/// a[..., M, K] b[..., K, N] -> [..., M, N] for each pair of matrices of equal leading axes;
/// transpose_a reads a as [..., K, M], transpose_b reads b as [..., N, K].
struct Matmul {
    static constexpr OpInfo kInfo{"matmul", "a, b",
                                  "products of matrices, one for each place in the leading axes",
                                  kContraction};
    bool transpose_a = false, transpose_b = false;
    static constexpr auto fields() {
        return std::tuple{field("transpose_a", &Matmul::transpose_a),
                          field("transpose_b", &Matmul::transpose_b)};
    }
};

/// What the ops of attention have in common (Vaswani et al. 2017). Heads stand before features, as
/// a dense layer makes them: q is [N, T, H, D], k is [N, S, H, D], v is [N, S, H, E]. Scores have
/// the axes [N, H, T, S]. All tensors are f32.
struct AttentionForm {
    double scale = 1;  ///< factor of the products of q and k
    /// Axis i of the mask, which is added to the scores, is their axis mask_dims[i] (increasing,
    /// the last is 3); along the others it repeats. Empty: there is no mask among the operands.
    std::vector<int64_t> mask_dims;
};
struct Attention : AttentionForm {
    static constexpr OpInfo kInfo{
        "attention", "q, k, v, ...",
        "softmax(scale q k^T + mask) v per head; the mask may be left out; [N,T,H,E]"};
    static constexpr auto fields() {
        return std::tuple{field("scale", &Attention::scale),
                          field("mask_dims", &Attention::mask_dims)};
    }
};
/// The adjoint of `attention` in q, k and v, which are its three results. It computes the softmax
/// again, so that nothing of the size of the scores is kept.
struct AttentionGradient : AttentionForm {
    static constexpr OpInfo kInfo{"attention_gradient", "q, k, v, diff, ...",
                                  "gradients of attention in q, k and v; the mask comes last"};
    static constexpr auto fields() {
        return std::tuple{field("scale", &AttentionGradient::scale),
                          field("mask_dims", &AttentionGradient::mask_dims)};
    }
};

// ---- structure ----------------------------------------------------------------------------------

/// A group of element-wise ops, broadcasts, generators and reductions over one iteration space, run
/// as one loop. Its body (Operation::body) computes values of the enclosing function; its operands
/// are what the body reads from outside, its results what is used outside.
struct Fused {
    static constexpr OpInfo kInfo{"fused", "...", "the ops of its body in one loop over `space`",
                                  kLoop};
    std::vector<int64_t> space;
    static constexpr auto fields() { return std::tuple{field("space", &Fused::space)}; }
};
/// Operands: a scalar f, then x1, x2, ...; results: df/dx1, df/dx2, ... The pass `differentiate`
/// replaces it.
struct Gradient : NoFields {
    static constexpr OpInfo kInfo{"gradient", "f, ...",
                                  "derivatives of the scalar f by each of the other operands"};
};

/// The most passes that a scan may have: more than anyone would wait for.
inline constexpr int64_t kMostPasses = 1'000'000;
/// Runs the function `body` `count` times. (`lax.scan` of JAX; a loop with memory of one pass.)
/// What the operands and results are, in this order, follows from the body's inputs and results:
///   operands  a carried value's start; a sequence [count, ...], of which pass i sees element i;
///             a captured value, the same in every pass
///   results   a carried value after the last pass; a stack [count, ...] of what each pass gave
/// Random ops in the body draw other numbers in every pass.
/// With `shards`, the passes are shards of the batch, of which a process computes only its own.
struct Scan {
    static constexpr OpInfo kInfo{
        "scan", "...", "runs the function `body` `count` times; values go from pass to pass"};
    std::string body;
    int64_t count = 1;
    bool reverse = false;        ///< the passes have the numbers count - 1 to 0
    int64_t shards = 0;          ///< of the whole batch; 0: the passes are no shards
    int64_t first = 0;           ///< with shards: the number of the first pass
    int64_t sums = 0;            ///< with shards: so many results, the last, are added up over
                                 ///< the passes, as a binary tree, and not stacked
    int64_t rounded_sums = 0;    ///< the first so many of these are rounded to bf16, and each sum
                                 ///< of two is
    int64_t workspace = kUnset;  ///< after plan_memory: where the body's arena is in the function's
    static constexpr int64_t kUnset = -1;
    static constexpr auto fields() {
        return std::tuple{field("body", &Scan::body),
                          field("count", &Scan::count),
                          field("reverse", &Scan::reverse),
                          field("shards", &Scan::shards),
                          field("first", &Scan::first),
                          field("sums", &Scan::sums),
                          field("rounded_sums", &Scan::rounded_sums),
                          field("workspace", &Scan::workspace)};
    }
};

using OpAlternatives = std::variant<
#define GMC_OP(Name) Name,
#include "compiler/ir/op_kind.def"
#undef GMC_OP
    std::monostate>;

/// One of all ops. Making, copying, moving and destroying are compiled once, in ops.cpp: for so
/// many alternatives they would otherwise take a second of every file that handles operations.
struct OpVariant : OpAlternatives {
    OpVariant() noexcept;
#define GMC_OP(Name) OpVariant(const Name& op);
#include "compiler/ir/op_kind.def"
#undef GMC_OP
    OpVariant(const OpVariant& other);
    OpVariant(OpVariant&& other) noexcept;
    OpVariant& operator=(const OpVariant& other);
    OpVariant& operator=(OpVariant&& other) noexcept;
    ~OpVariant();
};

/// One of each op, with its default attributes, in the order of op_kind.def.
const std::vector<OpVariant>& all_ops();
/// Facts of an op that is only known at run time.
const OpInfo& op_info(const OpVariant& op);
/// What an element-wise op makes of numbers. Nothing for other ops, nor for `cast`, whose result
/// depends on the type.
std::optional<double> scalar_value(const OpVariant& op, std::span<const double> operands);
/// Its attributes as text: `{a=1, b=[2,3]}` with a leading space, or "" when all have their
/// defaults. Nothing is lost: of two ops of one kind with equal texts all attributes are equal.
std::string attributes_text(const OpVariant& op);

}  // namespace gmc::ir

// Finds out which axis of which value counts the examples of a batch. There is a rule per op that
// works in both directions: what is known of an operand says something of the result, and the other
// way around (a constant that is added to a batch must itself have a row per example). The rules
// are applied to all operations again and again until nothing new is found, which comes to an end
// because each round but the last settles at least one value.
#include "compiler/batch/batch_axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "compiler/ir/builder.h"
#include "compiler/ir/scan.h"

namespace gmc {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// The product of the sizes of axes `from` up to `to`.
int64_t product(const Shape& shape, int64_t from, int64_t to) {
    return std::accumulate(shape.begin() + from, shape.begin() + to, int64_t{1},
                           std::multiplies<>());
}

/// Works on one function. Once the examples turn out to depend on each other, `axes_.why` says so
/// and the rest is skipped.
class BatchAxisFinder {
  public:
    BatchAxisFinder(const Module& module, const Function& function,
                    BatchSums sums = BatchSums::kCouple, const WholeValues* whole = nullptr)
        : module_(module),
          f_(function),
          sums_(sums),
          whole_(whole),
          batch_(module.training->batch_size) {
        axes_.of.resize(function.values.size());
        axes_.sums.resize(function.values.size(), false);
    }

    /// Results with a row per example have one even where they are made of constants. With
    /// `from_noise`, random numbers of which there are as many rows as examples have one per
    /// example, too: what a generator makes of noise need not meet the data.
    BatchAxes run(bool from_noise) {
        for (const Input& input : f_.inputs) start(input);
        for (const NamedValue& result : f_.results)
            if (!f_.is_body && f_.has_rows(result, batch_) && !is_state(result.value))
                axes_.of[result.value] = BatchAxis{};
        spread();
        if (from_noise) {
            from_noise_ = true;
            start_noise(f_.operations);
            spread();
        }
        for (const Operation& op : f_.operations) check(op);
        return std::move(axes_);
    }

  private:
    void spread() {
        do {
            changed_ = false;
            for (const Operation& op : f_.operations) visit(op);
        } while (changed_ && axes_.why.empty());
    }

    /// Inputs are where batches come from: their first axis counts examples. A sum over
    /// the whole set is none of an example.
    void start(const Input& input) {
        const Type& type = f_.type(input.value);
        if (input.source.is_of_set()) return;
        if (input.source.kind == InputSource::Kind::kArgument || type.is_scalar() ||
            type.shape[0] != batch_)
            return refuse(
                fmt::format("input `{}` has no row per example", f_.values[input.value].name));
        axes_.of[input.value] = BatchAxis{};
    }

    static bool is_random(const Operation& op) {
        return op.as<RandomNormal>() != nullptr || op.as<RandomUniform>() != nullptr;
    }
    /// Noise of which nothing is known yet.
    void start_noise(const std::vector<Operation>& operations) {
        for (const Operation& op : operations) {
            start_noise(op.body);
            if (!is_random(op) || axes_.of[op.result()]) continue;
            const Type& type = f_.type(op.result());
            if (!type.is_scalar() && type.shape[0] == batch_) axes_.of[op.result()] = BatchAxis{};
        }
    }

    bool is_whole(const Operation& op) const { return whole_ != nullptr && (*whole_)[op.result()]; }
    void visit(const Operation& op) {
        if (is_whole(op)) return;
        for (const Operation& inner : op.body) visit(inner);
        if (!axes_.why.empty() || !op.body.empty()) return;
        std::visit([&](const auto& o) { flow(o, op); }, op.op);
    }

    // ---- rules: one overload per op or family ----

    template <typename Op>
    void flow(const Op&, const Operation& op) requires(Op::kInfo.has(kElementwise)) {
        std::optional<BatchAxis> known = axes_.of[op.result()];
        for (ValueId v : op.operands)
            if (!known) known = axes_.of[v];
        if (!known) return;
        for (ValueId v : op.operands) set(op, v, *known);
        set(op, op.result(), *known);
    }
    template <typename Op>
    void flow(const Op&, const Operation&) requires(Op::kInfo.has(kGenerator) ||
                                                    Op::kInfo.has(kRuntimeScalar)) {}
    template <typename Op>
    void flow(const Op& reduction, const Operation& op) requires(Op::kInfo.has(kReduction)) {
        const auto known = of(op, 0);
        if (!known) return back_from_reduction(op, reduction.axes);
        BatchAxis result = *known;
        for (int64_t axis : reduction.axes) {
            if (axis == known->axis) {
                const bool sums = std::is_same_v<Op, ReduceSum> && sums_ == BatchSums::kAllowed;
                return sums ? sum(op) : refuse(op, "works over examples");
            }
            result.axis -= axis < known->axis ? 1 : 0;
        }
        set(op, op.result(), result);
    }
    void flow(const Cast&, const Operation& op) { both_ways(op); }
    void flow(const Broadcast& broadcast, const Operation& op) {
        const auto& dims = broadcast.dims;
        if (const auto known = of(op, 0))
            set(op, op.result(),
                {dims[static_cast<size_t>(known->axis)], known->outer, known->inner});
        const auto result = axes_.of[op.result()];
        if (!result) return;
        const auto found = std::find(dims.begin(), dims.end(), result->axis);
        if (found != dims.end())
            set(op, op.operands[0], {found - dims.begin(), result->outer, result->inner});
    }
    /// Along another axis than the batch's, a concat is like an element-wise op. Along the batch's
    /// own axis it puts batches behind one another, so the result holds as many as the operands
    /// together: `outer` adds up, once all operands are known.
    void flow(const Concat& concat, const Operation& op) {
        std::optional<BatchAxis> known = axes_.of[op.result()];
        if (known && known->axis == concat.axis) {
            for (size_t i = 0; i < op.operands.size(); ++i) back_along_batch(op, i);
            return;
        }
        int64_t outer = 0;
        bool all = true;
        for (ValueId v : op.operands) {
            all &= axes_.of[v].has_value();
            if (!axes_.of[v]) continue;
            known = axes_.of[v];
            outer += known->outer;
        }
        if (!known) return;
        if (known->axis != concat.axis) {
            for (ValueId v : op.operands) set(op, v, *known);
            set(op, op.result(), *known);
        } else if (all) {
            for (ValueId v : op.operands)
                if (axes_.of[v]->axis != known->axis || axes_.of[v]->inner != known->inner)
                    return refuse(op, "mixes batches");
            set(op, op.result(), {known->axis, outer, known->inner});
        }
    }
    void flow(const AllGather&, const Operation& op) {
        if (of(op, 0)) refuse(op, "is for shards");
    }
    void flow(const AllReduce&, const Operation& op) {
        if (of(op, 0)) refuse(op, "adds up examples");
    }
    template <typename Op>
    void flow(const Op&, const Operation& op) requires(std::is_base_of_v<SharedBuffer, Op>) {
        if (of(op, 0)) refuse(op, "shares examples");
    }
    void flow(const Pack&, const Operation& op) {
        for (ValueId v : op.operands)
            if (axes_.of[v]) return refuse(op, "packs examples");
    }
    void flow(const Pad& pad, const Operation& op) {
        auto known = of(op, 0);
        if (!known) return back_along_batch(op, 0);
        const auto axis = static_cast<size_t>(known->axis);
        const int64_t rows = batch_ * known->inner;
        if (pad.gap(axis) != 0 || pad.low[axis] % rows != 0 || pad.high[axis] % rows != 0)
            return refuse(op, "pads between examples");
        known->outer += (pad.low[axis] + pad.high[axis]) / rows;
        set(op, op.result(), *known);
    }
    void flow(const Reshape&, const Operation& op) {
        reshape(op, op.operands[0], op.result());
        reshape(op, op.result(), op.operands[0]);
    }
    void flow(const Slice& slice, const Operation& op) {
        auto known = of(op, 0);
        if (!known) return back_along_batch(op, 0);
        const auto axis = static_cast<size_t>(known->axis);
        const int64_t from = slice.starts[axis], to = slice.limits[axis];
        const int64_t rows = batch_ * known->inner;
        if (slice.stride(axis) != 1 || from % rows != 0 || to % rows != 0)
            return refuse(op, "takes some of the examples");
        known->outer = (to - from) / rows;
        set(op, op.result(), *known);
    }
    void flow(const Transpose& transpose, const Operation& op) {
        const auto& order = transpose.permutation;
        if (const auto known = of(op, 0))
            set(op, op.result(),
                {std::find(order.begin(), order.end(), known->axis) - order.begin(), known->outer,
                 known->inner});
        else if (const auto result = axes_.of[op.result()])
            set(op, op.operands[0],
                {order[static_cast<size_t>(result->axis)], result->outer, result->inner});
    }
    void flow(const Conv&, const Operation& op) { convolve(op); }
    void flow(const ConvBackwardData&, const Operation& op) { convolve(op); }
    void flow(const ConvBackwardWeights&, const Operation& op) {
        if (of(op, 0) || of(op, 1)) sum_products(op, 0, 0);
    }
    void flow(const Matmul& matmul, const Operation& op) {
        const auto a = of(op, 0), b = of(op, 1);
        const int64_t rank = f_.type(op.result()).rank();
        // The axes along which products are added up.
        const int64_t of_a = rank - (matmul.transpose_a ? 2 : 1);
        const int64_t of_b = rank - (matmul.transpose_b ? 1 : 2);
        if ((a && a->axis == of_a) || (b && b->axis == of_b)) return sum_products(op, of_a, of_b);
        if (rank > 2) return flow_products(op);
        if (a && b) return refuse(op, "multiplies examples with each other");
        if (!a && !b) return back_from_product(op, 1 - of_a, 1 - of_b);
        const BatchAxis& known = a ? *a : *b;
        set(op, op.result(), {a ? 0 : 1, known.outer, known.inner});
    }
    /// Several products: the axes before the matrices are those of an element-wise op.
    void flow_products(const Operation& op) {
        std::optional<BatchAxis> known = axes_.of[op.result()];
        for (ValueId v : op.operands)
            if (!known) known = axes_.of[v];
        if (!known) return;
        if (known->axis >= f_.type(op.result()).rank() - 2)
            return refuse(op, "multiplies examples with each other");
        for (ValueId v : op.operands) set(op, v, *known);
        set(op, op.result(), *known);
    }
    void flow(const Attention& form, const Operation& op) { attend(form, op, 3); }
    void flow(const AttentionGradient& form, const Operation& op) { attend(form, op, 4); }
    /// All tensors of 4 axes have those of examples and heads in common; the mask may have them.
    void attend(const AttentionForm& form, const Operation& op, size_t mask) {
        std::vector<ValueId> all(op.operands.begin(), op.operands.begin() + mask);
        all.insert(all.end(), op.results.begin(), op.results.end());
        std::optional<BatchAxis> known;
        for (ValueId v : all)
            if (!known) known = axes_.of[v];
        if (!known) return;
        if (known->axis != 0 && known->axis != 2)
            return refuse(op, "multiplies examples with each other");
        for (ValueId v : all) set(op, v, *known);
        // Scores are [N, H, T, S].
        const int64_t of_scores = known->axis == 0 ? 0 : 1;
        const auto& dims = form.mask_dims;
        if (const auto found = std::find(dims.begin(), dims.end(), of_scores); found != dims.end())
            set(op, op.operands[mask], {found - dims.begin(), known->outer, known->inner});
    }
    void flow(const Fused&, const Operation&) {}
    /// Whatever is known of an operand or result of the scan holds of the input or result of its
    /// body that belongs to it, and the other way around.
    void flow(const Scan& scan, const Operation& op) {
        const Function& body = *body_of(module_, op);
        const ScanParts parts = scan_parts(body);
        BatchAxisFinder inside(module_, body, sums_);
        inside.from_noise_ = from_noise_;
        if (const auto known = axes_.bodies.find(scan.body); known != axes_.bodies.end())
            inside.axes_ = known->second;
        std::vector<Tie> ties;
        for (size_t i = 0; i < parts.operands(); ++i) {
            const bool element = i >= parts.carried && i < parts.first_captured();
            ties.push_back({op.operands[i], body.inputs[i].value, element ? 1 : 0});
        }
        for (size_t i = 0; i < parts.results(); ++i) {
            ties.push_back(
                {op.results[i], body.results[i].value, is_stacked(body, scan, i) ? 1 : 0});
            if (i < parts.carried)
                ties.push_back({op.operands[i], body.results[i].value, 0}),
                    ties.push_back({op.results[i], body.inputs[i].value, 0});
        }
        const auto share_all = [&] {
            return std::count_if(ties.begin(), ties.end(),
                                 [&](const Tie& tie) { return share(op, tie, inside); }) != 0;
        };
        share_all();
        if (from_noise_) inside.start_noise(body.operations);
        do {
            inside.spread();
            refuse_body(op, inside.axes_);
        } while (share_all() && axes_.why.empty());
        axes_.bodies[scan.body] = std::move(inside.axes_);
    }
    /// A value of the function and the value of the body that it belongs to. Sequences have one
    /// more axis outside, in front, which counts the passes.
    struct Tie {
        ValueId outside, inside;
        int64_t passes;  ///< 1 when there is such an axis, else 0
    };
    /// True = the body learnt something.
    bool share(const Operation& op, const Tie& tie, BatchAxisFinder& inside) {
        const auto within = inside.axes_.of[tie.inside];
        if (within) set(op, tie.outside, {within->axis + tie.passes, within->outer, within->inner});
        const auto outer = axes_.of[tie.outside];
        if (!outer || within) return false;
        if (outer->axis < tie.passes) return refuse(op, "takes examples one by one"), false;
        inside.set(op, tie.inside, {outer->axis - tie.passes, outer->outer, outer->inner});
        return true;
    }
    void flow(const Gradient&, const Operation& op) { refuse(op, "is not differentiated"); }
    void flow(const std::monostate&, const Operation&) {}

    // ---- parts of rules ----

    void sum(const Operation& op) {
        if (sums_ == BatchSums::kCouple) return refuse(op, "adds up examples");
        axes_.sums[op.result()] = true;
    }

    /// A sum of products of the examples of two operands, along these axes of theirs.
    void sum_products(const Operation& op, int64_t of_a, int64_t of_b) {
        const BatchAxis known = of(op, 0) ? *of(op, 0) : *of(op, 1);
        set(op, op.operands[0], {of_a, known.outer, known.inner});
        set(op, op.operands[1], {of_b, known.outer, known.inner});
        sum(op);
    }

    // What is known of the result says something of the operand that its rows come from. Constants
    // are found so: the gradient of a mean begins with one.

    void back_from_reduction(const Operation& op, const std::vector<int64_t>& axes) {
        const auto result = axes_.of[op.result()];
        if (!result) return;
        const auto kept = other_axes(f_.type(op.operands[0]).rank(), axes);
        set(op, op.operands[0],
            {kept[static_cast<size_t>(result->axis)], result->outer, result->inner});
    }
    /// Of a matrix product: the first operand's axis becomes the result's first, the second's its
    /// second.
    void back_from_product(const Operation& op, int64_t of_a, int64_t of_b) {
        const auto result = axes_.of[op.result()];
        if (!result) return;
        const bool first = result->axis == 0;
        set(op, op.operands[first ? 0 : 1], {first ? of_a : of_b, result->outer, result->inner});
    }
    /// Of an op whose operand may hold another number of whole batches than its result.
    void back_along_batch(const Operation& op, size_t operand) {
        const auto result = axes_.of[op.result()];
        if (!result || of(op, operand)) return;
        const ValueId v = op.operands[operand];
        const int64_t size = f_.type(v).shape[static_cast<size_t>(result->axis)];
        const int64_t rows = batch_ * result->inner;
        if (size % rows == 0) set(op, v, {result->axis, size / rows, result->inner});
    }

    void both_ways(const Operation& op) {
        if (const auto known = of(op, 0)) set(op, op.result(), *known);
        if (const auto known = axes_.of[op.result()]) set(op, op.operands[0], *known);
    }

    void convolve(const Operation& op) {
        const auto known = of(op, 0);
        if (of(op, 1)) return refuse(op, "has weights per example");
        if (!known && axes_.of[op.result()]) set(op, op.operands[0], *axes_.of[op.result()]);
        if (!known) return;
        if (known->axis != 0) return refuse(op, "mixes examples");
        set(op, op.result(), *known);
    }

    /// In memory, examples are `before` pieces of `batch` parts of `after` numbers, whatever the
    /// shape. The axis of the other shape must hold whole parts of them.
    void reshape(const Operation& op, ValueId from, ValueId to) {
        const auto known = axes_.of[from];
        if (!known || axes_.of[to]) return;
        const Shape &a = f_.type(from).shape, &b = f_.type(to).shape;
        const int64_t before = product(a, 0, known->axis) * known->outer;
        const auto rank = static_cast<int64_t>(b.size());
        for (int64_t axis = 0; axis < rank; ++axis) {
            const int64_t in_front = product(b, 0, axis);
            if (before % in_front != 0) break;
            const int64_t outer = before / in_front;
            if (b[static_cast<size_t>(axis)] % (outer * batch_) != 0) continue;
            return set(op, to, {axis, outer, b[static_cast<size_t>(axis)] / (outer * batch_)});
        }
        refuse(op, "spreads examples over several axes");
    }

    bool is_state(ValueId value) const { return f_.values[value].state != kNone; }

    std::optional<BatchAxis> of(const Operation& op, size_t operand) const {
        return axes_.of[op.operands[operand]];
    }

    /// Notes what was found of a value. A contradiction means that examples are mixed; a parameter
    /// cannot have a row per example.
    void set(const Operation& op, ValueId value, const BatchAxis& axis) {
        auto& here = axes_.of[value];
        if (here == axis) return;
        if (here) return refuse(op, "mixes examples");
        if (is_state(value) && whole_ == nullptr)
            return refuse(op, "reads a parameter per example");
        here = axis;
        changed_ = true;
    }

    // ---- at the end ----

    /// No op may lose the batch, or draw numbers that are counted over all examples. (What couples
    /// examples has ended the search, before the bodies of all scans were looked at.)
    void check(const Operation& op) {
        if (!axes_.why.empty() || is_whole(op)) return;
        if (const Scan* scan = op.as<Scan>()) return check_body(op, axes_.bodies.at(scan->body));
        for (const Operation& inner : op.body) check(inner);
        if (!op.body.empty()) return;
        const auto has_rows = [&](ValueId v) { return axes_.of[v].has_value(); };
        const bool in = std::any_of(op.operands.begin(), op.operands.end(), has_rows);
        const auto& out = axes_.of[op.result()];
        if (in && !out && !axes_.sums[op.result()]) return refuse(op, "mixes examples");
        // What each example gets must come from examples, or be the same for all.
        if (out && !in && !op.operands.empty() && op.as<Broadcast>() == nullptr)
            return refuse(op, "gives examples parts of what has none");
        const auto* concat = op.as<Concat>();
        if (out && concat != nullptr && concat->axis == out->axis &&
            !std::all_of(op.operands.begin(), op.operands.end(), has_rows))
            return refuse(op, "mixes batches");
        if (out && axes_.sums[op.result()]) return refuse(op, "gives an example a sum of all");
        if (is_random(op)) axes_.draws = clause(op, "draws numbers for the whole batch");
        const auto* iota = op.as<Iota>();
        if (iota == nullptr || !out) return;
        // Positions within an example are the same in all examples.
        const Shape& shape = f_.type(op.result()).shape;
        const int64_t part =
            out->inner * product(shape, out->axis + 1, static_cast<int64_t>(shape.size()));
        if (part % (iota->stride * iota->size) != 0) refuse(op, "counts examples");
    }

    void check_body(const Operation& op, BatchAxes& axes) {
        const Function& body = *body_of(module_, op);
        BatchAxisFinder inside(module_, body, sums_);
        inside.axes_ = std::move(axes);
        for (const Operation& inner : body.operations) inside.check(inner);
        inside.find_carried_sums(op, *this);
        axes = std::move(inside.axes_);
        refuse_body(op, axes);
        if (!axes.draws.empty()) axes_.draws = axes.draws;
        for (size_t i = 0; i < op.results.size(); ++i) {
            const bool known = axes_.of[op.results[i]].has_value();
            if (known != axes.of[body.results[i].value].has_value()) refuse(op, "mixes examples");
        }
    }

    /// In the body of a scan: a sum over examples may be added to one of the passes before, and
    /// then what comes out of the scan is one, too. Anything else would need the sum over all
    /// examples in each pass.
    void find_carried_sums(const Operation& scan, BatchAxisFinder& outside) {
        const ScanParts parts = scan_parts(f_);
        for (bool more = true; more && axes_.why.empty();) {
            more = false;
            for (const Operation& op : f_.operations) more |= spread_sums(op);
            for (size_t i = 0; i < parts.carried; ++i)
                if (is_sum(f_.results[i].value) && !is_sum(f_.inputs[i].value))
                    more = axes_.sums[f_.inputs[i].value] = true;
        }
        for (size_t i = 0; i < parts.carried; ++i) {
            const bool sum = is_sum(f_.inputs[i].value);
            if (sum && (!is_sum(f_.results[i].value) || !outside.is_zero(scan.operands[i])))
                refuse(scan, "adds up examples to what it begins with");
        }
        for (size_t i = 0; i < f_.results.size(); ++i)
            if (is_sum(f_.results[i].value)) outside.axes_.sums[scan.results[i]] = true;
    }
    bool is_sum(ValueId v) const { return axes_.sums[v]; }
    /// True = something is found to be a sum over examples.
    bool spread_sums(const Operation& op) {
        const auto is_one = [&](ValueId v) { return is_sum(v); };
        const auto sums = std::count_if(op.operands.begin(), op.operands.end(), is_one);
        if (sums == 0 || op.as<Scan>() != nullptr) return false;
        bool more = !is_sum(op.result());
        axes_.sums[op.result()] = true;
        if (is_linear_map(op) || scales_sum(op)) return more;
        for (ValueId v : op.operands)
            if (!adds_sums(op) || !(is_sum(v) || (is_carried(v) && !axes_.of[v])))
                return refuse(op, "reads a sum over examples within a loop"), false;
            else if (!is_sum(v))
                more = axes_.sums[v] = true;
        return more;
    }
    static bool is_linear_map(const Operation& op) {
        return op.as<Broadcast>() != nullptr || op.as<ReduceSum>() != nullptr ||
               op.as<Slice>() != nullptr || op.as<Pad>() != nullptr;
    }
    /// Whether the op multiplies a sum by what is the same for all examples, or divides it.
    bool scales_sum(const Operation& op) const {
        const bool product = op.as<Mul>() != nullptr;
        if (!product && op.as<Div>() == nullptr) return false;
        const size_t sum = product && is_sum(op.operands[1]) ? 1 : 0;
        const ValueId by = op.operands[1 - sum];
        return is_sum(op.operands[sum]) && !is_sum(by) && !is_carried(by) && !axes_.of[by];
    }
    bool is_carried(ValueId v) const {
        return std::any_of(f_.inputs.begin(), f_.inputs.end(), [&](const Input& input) {
            return input.value == v && input.source.kind == InputSource::Kind::kCarried;
        });
    }
    bool is_zero(ValueId v) const {
        for (const Operation& op : f_.operations)
            if (op.results.size() == 1 && op.result() == v) {
                const auto* constant = op.as<Constant>();
                return constant != nullptr ? constant->value == 0
                                           : op.as<Broadcast>() && is_zero(op.operands[0]);
            }
        return false;
    }

    void refuse(std::string why) {
        if (axes_.why.empty()) axes_.why = std::move(why);
    }
    void refuse(const Operation& op, std::string_view does) {
        if (axes_.why.empty()) axes_.coupled = op.result();
        refuse(clause(op, does));
    }
    /// What couples examples in the body of a scan couples them in the scan.
    void refuse_body(const Operation& scan, const BatchAxes& body) {
        if (body.why.empty() || !axes_.why.empty()) return;
        axes_.coupled = scan.result();
        refuse(body.why);
    }
    std::string clause(const Operation& op, std::string_view does) const {
        const Location& at = op.location;
        const std::string place =
            at.known() ? fmt::format(" at {}:{}:{}", module_.files[static_cast<size_t>(at.file)],
                                     at.line, at.column)
                       : "";
        return fmt::format("`{}`{} {}", op.info().name, place, does);
    }

    const Module& module_;
    const Function& f_;
    BatchSums sums_;
    const WholeValues* whole_;  ///< null: nothing is computed for the whole batch
    int64_t batch_;
    BatchAxes axes_;
    bool from_noise_ = false;  ///< random numbers of as many rows as examples have one for each
    bool changed_ = false;
};

}  // namespace

bool adds_sums(const Operation& op) {
    return op.as<Add>() != nullptr || op.as<Sub>() != nullptr || op.as<Neg>() != nullptr ||
           op.as<Reshape>() != nullptr || op.as<Transpose>() != nullptr || op.as<Pack>() != nullptr;
}

BatchAxes find_batch_axes(const Module& module, const Function& function, BatchSums sums) {
    if (sums == BatchSums::kAllowed) {
        BatchAxes axes = BatchAxisFinder(module, function, sums).run(true);
        if (axes.why.empty()) return axes;
    }
    return BatchAxisFinder(module, function, sums).run(false);
}

BatchAxes find_batch_axes(const Module& module, const Function& function,
                          const WholeValues& whole) {
    return BatchAxisFinder(module, function, BatchSums::kAllowed, &whole).run(true);
}

}  // namespace gmc

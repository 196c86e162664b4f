// Finds which axes of a function's values grow with the batch. All axes of all values are nodes of
// a union-find structure: a set of axes that are the same has one size, or none yet. Each op says
// which of its axes are the same; what relates sizes by arithmetic (reshape, concat, slice, pad) is
// tried again until nothing changes.
#include "runtime/onnx/batch_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <span>

#include "compiler/batch/batch_axis.h"
#include "compiler/ir/infer.h"
#include "compiler/ir/scan.h"

namespace gmc::onnx {
namespace {

using namespace ir;  // NOLINT: a table about ir's ops

/// The sets of axes and their sizes, of a function and the bodies of its scans. The rules of ops
/// name values of the function that was entered last. A contradiction (two sizes for one set) is
/// noted, and the caller gives the batch up.
class Solver {
  public:
    Solver(const Module& module, int64_t batch) : module_(module), batch_(batch) {}

    /// From now on values are those of `function`.
    void enter(const Function& function) {
        function_ = &function;
        std::vector<int>& first = first_[function_];
        if (first.empty())
            for (const Value& value : function.values) {
                first.push_back(static_cast<int>(parent_.size()));
                for (int64_t axis = 0; axis < value.type.rank(); ++axis)
                    parent_.push_back(static_cast<int>(parent_.size()));
            }
        known_.resize(parent_.size());
    }

    const Module& module() const { return module_; }
    int64_t batch() const { return batch_; }
    const Shape& shape(ValueId v) const { return function_->type(v).shape; }
    size_t rank(ValueId v) const { return shape(v).size(); }
    /// Whether two sizes were found for one axis.
    bool has_conflict() const { return conflict_; }
    /// Whether anything was found since the last call.
    bool changed() { return std::exchange(changed_, false); }

    /// The size of an axis; nothing while it is not known.
    std::optional<Size> size(ValueId v, size_t axis) { return known_[root(node(v, axis))]; }
    std::optional<Sizes> sizes(ValueId v) {
        Sizes out;
        for (size_t axis = 0; axis < rank(v); ++axis) {
            if (!size(v, axis)) return std::nullopt;
            out.push_back(*size(v, axis));
        }
        return out;
    }
    /// Says what the size of an axis is. It must give the compiled size for the compiled batch.
    void set(ValueId v, size_t axis, Size size) {
        std::optional<Size>& known = known_[root(node(v, axis))];
        if (!known) changed_ = true;
        if (size.at(batch_) != shape(v)[axis] || (known && *known != size)) conflict_ = true;
        if (!known) known = size;
    }
    void set_fixed(ValueId v, size_t axis) { set(v, axis, {shape(v)[axis], 0}); }
    /// Axes of the value, from number `first` on, that are not known yet do not grow.
    void set_unknown_fixed(ValueId v, size_t first = 0) {
        for (size_t axis = first; axis < rank(v); ++axis)
            if (!size(v, axis)) set_fixed(v, axis);
    }
    /// Says that two axes are the same.
    void same(ValueId a, size_t a_axis, ValueId b, size_t b_axis) {
        join(node(a, a_axis), node(b, b_axis));
    }
    void same(ValueId a, ValueId b) {
        for (size_t axis = 0; axis < rank(a); ++axis) same(a, axis, b, axis);
    }
    /// Says that axes of `outside` from number `behind` on are those of a value of `body`.
    void same_inside(ValueId outside, size_t behind, const Function& body, ValueId inside) {
        for (size_t axis = behind; axis < rank(outside); ++axis)
            join(node(outside, axis), first_.at(&body)[inside] + static_cast<int>(axis - behind));
    }
    /// Says that the shapes fit the compiled batch only.
    void give_up() { conflict_ = true; }

  private:
    void join(int a, int b) {
        const int x = root(a), y = root(b);
        if (x == y) return;
        if (known_[x] && known_[y] && *known_[x] != *known_[y]) conflict_ = true;
        if (!known_[x]) known_[x] = known_[y];
        parent_[y] = x;
        changed_ = true;
    }
    int node(ValueId v, size_t axis) const {
        return first_.at(function_)[v] + static_cast<int>(axis);
    }
    int root(int node) {
        while (parent_[node] != node) node = parent_[node] = parent_[parent_[node]];
        return node;
    }

    const Module& module_;
    int64_t batch_;
    const Function* function_ = nullptr;
    std::map<const Function*, std::vector<int>> first_;  ///< node of each value's axis 0
    std::vector<int> parent_;
    std::vector<std::optional<Size>> known_;
    bool changed_ = false, conflict_ = false;
};

// ---- which axes are the same, one overload per op or family -------------------------------------

template <typename Op>
void relate(const Op&, const Operation& o, Solver& s) requires(Op::kInfo.has(kElementwise)) {
    for (const ValueId operand : o.operands) s.same(operand, o.result());
}
template <typename Op>
void relate(const Op&, const Operation&, Solver&) requires(Op::kInfo.has(kGenerator)) {}
template <typename Op>
void relate(const Op&, const Operation&, Solver&) requires(Op::kInfo.has(kRuntimeScalar)) {}

template <typename Op>
void relate(const Op& op, const Operation& o, Solver& s) requires(Op::kInfo.has(kReduction)) {
    size_t to = 0;
    for (size_t axis = 0; axis < s.rank(o.operands[0]); ++axis)
        if (std::find(op.axes.begin(), op.axes.end(), static_cast<int64_t>(axis)) == op.axes.end())
            s.same(o.operands[0], axis, o.result(), to++);
}

void relate(const Broadcast& op, const Operation& o, Solver& s) {
    for (size_t i = 0; i < op.dims.size(); ++i)
        s.same(o.operands[0], i, o.result(), static_cast<size_t>(op.dims[i]));
}

void relate(const Transpose& op, const Operation& o, Solver& s) {
    for (size_t i = 0; i < op.permutation.size(); ++i)
        s.same(o.operands[0], static_cast<size_t>(op.permutation[i]), o.result(), i);
}

void relate(const Concat& op, const Operation& o, Solver& s) {
    const auto along = static_cast<size_t>(op.axis);
    std::optional<Size> sum = Size{};
    for (const ValueId operand : o.operands) {
        for (size_t axis = 0; axis < s.rank(operand); ++axis)
            if (axis != along) s.same(operand, axis, o.result(), axis);
        const std::optional<Size> part = s.size(operand, along);
        if (sum && part)
            sum = Size{sum->fixed + part->fixed, sum->per_batch + part->per_batch};
        else
            sum.reset();
    }
    if (sum) s.set(o.result(), along, *sum);
}

/// A pack is a row of whole tensors, whose gaps depend on their sizes: only what does not grow.
void relate(const Pack&, const Operation& o, Solver& s) {
    for (const ValueId operand : o.operands)
        for (size_t axis = 0; axis < s.rank(operand); ++axis) s.set_fixed(operand, axis);
    s.set_fixed(o.result(), 0);
}

/// Only training functions have it.
void relate(const AllReduce&, const Operation& o, Solver& s) {
    for (size_t axis = 0; axis < s.rank(o.result()); ++axis)
        s.same(o.operands[0], axis, o.result(), axis);
}

void relate(const Pad& op, const Operation& o, Solver& s) {
    for (size_t axis = 0; axis < op.low.size(); ++axis) {
        const int64_t factor = op.gap(axis) + 1, more = op.low[axis] + op.high[axis] - op.gap(axis);
        if (factor == 1 && more == 0)
            s.same(o.operands[0], axis, o.result(), axis);
        else if (const std::optional<Size> x = s.size(o.operands[0], axis))
            s.set(o.result(), axis, {x->fixed * factor + more, x->per_batch * factor});
    }
}

void relate(const Slice& op, const Operation& o, Solver& s) {
    for (size_t axis = 0; axis < op.starts.size(); ++axis) {
        const int64_t length = op.limits[axis] - op.starts[axis];
        if (length == s.shape(o.operands[0])[axis] && op.stride(axis) == 1)
            s.same(o.operands[0], axis, o.result(), axis);
        else if (const std::optional<Size> x = s.size(o.operands[0], axis)) {
            // Joined batches are taken apart at multiples of the batch.
            const bool in_batches = x->grows() && x->fixed == 0 && op.stride(axis) == 1 &&
                                    op.starts[axis] % s.batch() == 0 && length % s.batch() == 0;
            if (in_batches)
                s.set(o.result(), axis, {0, length / s.batch()});
            else
                s.set_fixed(o.result(), axis);
        }
    }
}

/// Finds the sizes of the axes of `to`, one group of a reshape, from those of the group that it is
/// made of. At most one of them grows: the first one that can, since the batch comes first. False
/// when that cannot be told.
bool reshape_group(std::span<const Size> from, std::span<const int64_t> to, int64_t batch,
                   Sizes& out) {
    int growing = 0;
    Size total{1, 0};
    for (const Size& size : from) {
        growing += size.grows() ? 1 : 0;
        total = size.grows() ? Size{total.fixed * size.fixed, total.fixed * size.per_batch}
                             : Size{total.fixed * size.fixed, total.per_batch * size.fixed};
    }
    if (growing > 1) return false;
    bool placed = growing == 0;
    for (const int64_t n : to) {
        const bool whole = !placed && n == total.at(batch);
        const bool batches = !placed && !whole && total.fixed == 0 && n % batch == 0;
        out.push_back(whole ? total : batches ? Size{0, n / batch} : Size{n, 0});
        placed |= whole || batches;
    }
    return placed;
}

/// The sizes of a reshape of a value of shape `from` and these sizes. Nothing when they cannot be
/// told.
std::optional<Sizes> reshaped(const Shape& from, const Sizes& sizes, const Shape& to,
                              int64_t batch) {
    Sizes out;
    for (const ReshapeGroup& g : reshape_groups(from, to))
        if (!reshape_group(std::span(sizes).subspan(g.from_begin, g.from_end - g.from_begin),
                           std::span(to).subspan(g.to_begin, g.to_end - g.to_begin), batch, out))
            return std::nullopt;
    return out;
}

void relate(const Reshape&, const Operation& o, Solver& s) {
    const auto one_way = [&](ValueId from, ValueId to) {
        const std::optional<Sizes> known = s.sizes(from);
        if (!known || s.sizes(to)) return;
        const std::optional<Sizes> found = reshaped(s.shape(from), *known, s.shape(to), s.batch());
        if (!found) return s.give_up();
        for (size_t axis = 0; axis < found->size(); ++axis) s.set(to, axis, (*found)[axis]);
    };
    one_way(o.operands[0], o.result());
    one_way(o.result(), o.operands[0]);
}

void fix_behind_first(ValueId v, Solver& s) {
    for (size_t axis = 1; axis < s.rank(v); ++axis) s.set_fixed(v, axis);
}
void fix_all(ValueId v, Solver& s) {
    for (size_t axis = 0; axis < s.rank(v); ++axis) s.set_fixed(v, axis);
}
void relate(const Conv&, const Operation& o, Solver& s) {
    s.same(o.operands[0], 0, o.result(), 0);
    fix_behind_first(o.operands[0], s);
    fix_behind_first(o.result(), s);
    fix_all(o.operands[1], s);
}
void relate(const ConvBackwardData&, const Operation& o, Solver& s) { relate(Conv{}, o, s); }
void relate(const ConvBackwardWeights&, const Operation& o, Solver& s) {
    s.same(o.operands[0], 0, o.operands[1], 0);
    fix_behind_first(o.operands[0], s);
    fix_behind_first(o.operands[1], s);
    fix_all(o.result(), s);
}
void relate(const Matmul& op, const Operation& o, Solver& s) {
    const size_t front = s.rank(o.result()) - 2;
    for (size_t axis = 0; axis < front; ++axis)
        for (const ValueId operand : o.operands) s.same(operand, axis, o.result(), axis);
    const size_t m = op.transpose_a ? 1 : 0, n = op.transpose_b ? 0 : 1;
    s.same(o.operands[0], front + m, o.result(), front);
    s.same(o.operands[1], front + n, o.result(), front + 1);
    s.same(o.operands[0], front + 1 - m, o.operands[1], front + 1 - n);
}
/// What is carried or captured has one shape inside and outside; sequences and stacks have the
/// passes as a further axis, the first, outside. What a pass leaves is what the next one carries.
void relate(const Scan& scan, const Operation& o, Solver& s) {
    const Function& body = *body_of(s.module(), o);
    const ScanParts parts = scan_parts(body);
    const auto tie = [&](ValueId outside, ValueId inside, bool has_passes) {
        if (has_passes) s.set_fixed(outside, 0);
        s.same_inside(outside, has_passes ? 1 : 0, body, inside);
    };
    for (size_t i = 0; i < parts.operands(); ++i)
        tie(o.operands[i], body.inputs[i].value, i >= parts.carried && i < parts.first_captured());
    for (size_t i = 0; i < parts.results(); ++i)
        tie(o.results[i], body.results[i].value, is_stacked(body, scan, i));
    for (size_t i = 0; i < parts.carried; ++i) tie(o.results[i], body.inputs[i].value, false);
}
// The operations in loops are looked at instead; gradients are gone in compiled modules, and
// attention has been expanded.
void relate(const Fused&, const Operation&, Solver&) {}
void relate(const Gradient&, const Operation&, Solver&) {}
void relate(const Attention&, const Operation&, Solver&) {}
void relate(const AttentionGradient&, const Operation&, Solver&) {}
void relate(const std::monostate&, const Operation&, Solver&) {}

void relate(const Operation& o, Solver& s) {
    std::visit([&](const auto& op) { relate(op, o, s); }, o.op);
}

// ---- the function -------------------------------------------------------------------------------

/// An operation, and the function that it stands in.
struct Placed {
    const Function* function;
    const Operation* operation;
};

/// A function, the bodies of its scans, and the operations of all of them with those in loops.
struct Collected {
    std::vector<const Function*> functions;
    std::vector<Placed> operations;

    void add(const Module& module, const Function& function) {
        functions.push_back(&function);
        add(module, function, function.operations);
    }

  private:
    void add(const Module& module, const Function& function, const std::vector<Operation>& list) {
        for (const Operation& operation : list) {
            if (const Function* body = body_of(module, operation)) add(module, *body);
            operations.push_back({&function, &operation});
            add(module, function, operation.body);
        }
    }
};

/// Whether the op sums over an axis that grows.
bool sums_examples(const Operation& o, Solver& s) {
    const auto grows = [&](ValueId v, size_t axis) {
        const std::optional<Size> size = s.size(v, axis);
        return size && size->grows();
    };
    if (const auto* sum = o.as<ReduceSum>())
        return std::any_of(sum->axes.begin(), sum->axes.end(), [&](int64_t axis) {
            return grows(o.operands[0], static_cast<size_t>(axis));
        });
    if (const auto* product = o.as<Matmul>())
        return grows(o.operands[0], s.rank(o.operands[0]) - (product->transpose_a ? 2 : 1));
    return o.as<ConvBackwardWeights>() != nullptr && grows(o.operands[0], 0);
}

/// Whether a reshape would not hold for another batch: what follows from its operand and what
/// follows from its result do not have equally many elements there.
bool is_torn(const Operation& o, Solver& s) {
    if (o.as<Reshape>() == nullptr) return false;
    const auto elements = [&](ValueId v) {
        int64_t product = 1;
        for (size_t axis = 0; axis < s.rank(v); ++axis)
            product *= s.size(v, axis).value_or(Size{s.shape(v)[axis], 0}).at(s.batch() + 1);
        return product;
    };
    return elements(o.operands[0]) != elements(o.result());
}

/// What is known at the beginning: states do not grow, and the first axis of each input of data or
/// noise is the batch.
void set_sources(const Function& function, Solver& s) {
    for (size_t v = 0; v < function.values.size(); ++v)
        if (function.values[v].state != kNone) fix_all(static_cast<ValueId>(v), s);
    for (const Input& input : function.inputs) {
        const bool batched = input.source.kind != InputSource::Kind::kArgument;
        if (batched && s.rank(input.value) > 0) s.set(input.value, 0, {0, 1});
        s.set_unknown_fixed(input.value);
    }
}

/// Applies the relations until nothing changes; takes what is still open for noise per example,
/// then for fixed, and applies them again.
void solve(const std::vector<Placed>& operations, Solver& s) {
    const auto for_all = [&](const auto& rule) {
        for (const auto& [function, operation] : operations) {
            s.enter(*function);
            rule(*operation);
        }
    };
    const auto repeat = [&] {
        do for_all([&](const Operation& o) { relate(o, s); });
        while (s.changed());
    };
    repeat();
    // Noise that meets no input is drawn per example.
    for_all([&](const Operation& o) {
        const bool draws = o.as<RandomNormal>() != nullptr || o.as<RandomUniform>() != nullptr;
        if (!draws || s.rank(o.result()) == 0 || s.size(o.result(), 0)) return;
        if (s.shape(o.result())[0] == s.batch()) s.set(o.result(), 0, {0, 1});
    });
    repeat();
    // What is still open is the same as nothing that grows. The axes behind the first come before
    // it: a first axis may follow through a reshape of which all others are known.
    for_all([&](const Operation& o) {
        for (const ValueId operand : o.operands) s.set_unknown_fixed(operand, 1);
    });
    repeat();
    for_all([&](const Operation& o) {
        for (const ValueId operand : o.operands) s.set_unknown_fixed(operand);
        relate(o, s);
    });
    for_all([&](const Operation& o) {
        for (const ValueId result : o.results) s.set_unknown_fixed(result);
    });
}

}  // namespace

std::string to_string(const Size& size) {
    if (!size.grows()) return fmt::format("{}", size.fixed);
    std::string out = size.per_batch == 1 ? "batch" : fmt::format("{}*batch", size.per_batch);
    return size.fixed == 0 ? out : fmt::format("{}{:+}", out, size.fixed);
}

/// 1. Every size of every value becomes an unknown; inputs of data and noise begin with the batch,
///    states are fixed.
/// 2. The rules of the ops tie sizes together, until nothing new follows.
/// 3. If sizes contradict each other, a mean over the batch divides by a plain number, or examples
///    are compared with each other, no axis may grow, and the reason is kept.
BatchSizes::BatchSizes(const Module& module, const Function& function, int64_t batch)
    : batch_(batch) {
    Solver solver(module, batch);
    Collected all;
    all.add(module, function);
    for (const Function* each : all.functions) solver.enter(*each);
    solver.enter(function);
    set_sources(function, solver);
    solve(all.operations, solver);
    const bool weighs = std::any_of(
        function.inputs.begin(), function.inputs.end(),
        [](const Input& input) { return input.source.kind == InputSource::Kind::kValid; });
    const auto any = [&](const auto& holds) {
        return std::any_of(all.operations.begin(), all.operations.end(), [&](const Placed& placed) {
            solver.enter(*placed.function);
            return holds(*placed.operation, solver);
        });
    };
    const bool sums = any(sums_examples);
    if (solver.has_conflict() || any(is_torn))
        why_fixed_ = fmt::format("some of its shapes fit a batch of {} only", batch);
    else if (sums && !weighs)
        why_fixed_ = fmt::format("its means over the batch divide by {}", batch);
    else if (sums)
        why_fixed_ = find_batch_axes(module, function, BatchSums::kAllowed).why;
    for (const Function* each : all.functions) {
        solver.enter(*each);
        std::vector<Sizes>& sizes = sizes_[each];
        for (size_t v = 0; v < each->values.size(); ++v) {
            const auto value = static_cast<ValueId>(v);
            sizes.emplace_back();
            for (size_t axis = 0; axis < solver.rank(value); ++axis) {
                const std::optional<Size> size = solver.size(value, axis);
                sizes[v].push_back(size && why_fixed_.empty() ? *size
                                                              : Size{solver.shape(value)[axis], 0});
            }
        }
    }
}

}  // namespace gmc::onnx

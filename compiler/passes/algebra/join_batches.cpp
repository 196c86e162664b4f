// Joins one set of contractions at a time and then indexes the function anew: a join changes which
// operations need which others, and where batches lie. Only small contractions are joined, so there
// are few joins, and indexing again costs little.
#include "compiler/passes/algebra/join_batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/ir/builder.h"
#include "compiler/passes/algebra/examples.h"
#include "compiler/passes/memory/dependency_order.h"
#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// Joined operands and results of more bytes than this gain nothing (see the header).
constexpr int64_t kMostBytes = 256 << 10;

/// Contractions that can be one, as indices of operations, increasing.
using Set = std::vector<int>;

/// Joins the contractions of one function.
class BatchJoiner {
  public:
    BatchJoiner(Module& module, Function& function) : f_(function), b_(module, function) {}

    bool run() {
        bool changed = false;
        // Contractions that map examples come first. They put batches into an order, and sums over
        // the same batches must add up the examples in that order.
        while (join_maps() || join_gradients()) changed = true;
        return changed;
    }

  private:
    /// Describes a contraction without the sizes of its batches: those with equal texts can be
    /// joined.
    std::string kind_of(const Operation& op, bool with_weights) const {
        std::string text = std::string(op.info().name) + attributes_text(op.op);
        if (with_weights) text += fmt::format(" {}", op.operands[1]);
        for (ValueId v : {op.operands[0], with_weights ? op.result() : op.operands[1]}) {
            const Shape& shape = f_.type(v).shape;
            text += fmt::format(" {}[{}]", dtype_name(f_.type(v).dtype),
                                fmt::join(shape.begin() + 1, shape.end(), ","));
        }
        return text;
    }

    /// Fills the tables by value. A batch's position is handed on from operands to results, and
    /// begins at slices, which is what an earlier join leaves.
    void index() {
        maker_.assign(f_.values.size(), kNone);
        position_.assign(f_.values.size(), kNone);
        uses_ = count_readers(f_);
        seen_.assign(f_.operations.size(), 0);
        walk_ = 0;
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            const Operation& op = f_.operations[i];
            int64_t position = kNone;
            for (ValueId v : op.operands)
                if (position == kNone || (position_[v] != kNone && position_[v] < position))
                    position = position_[v];
            const Slice* slice = op.as<Slice>();
            if (slice != nullptr && !slice->starts.empty()) position = slice->starts[0];
            for (ValueId v : op.results) {
                maker_[v] = static_cast<int>(i);
                position_[v] = position;
            }
        }
    }

    /// Whether operation `later` needs one of the earlier operations, also indirectly.
    bool needs(int later, const Set& earlier) {
        ++walk_;
        std::vector<int> stack{later};
        while (!stack.empty()) {
            const int i = stack.back();
            stack.pop_back();
            for (ValueId v : f_.operations[i].operands) {
                const int maker = maker_[v];
                if (maker < earlier.front() || seen_[maker] == walk_) continue;
                if (std::binary_search(earlier.begin(), earlier.end(), maker)) return true;
                seen_[maker] = walk_;
                stack.push_back(maker);
            }
        }
        return false;
    }

    /// Joins the first set of contractions that have the same weights and do not need each other's
    /// results. True when there was one.
    bool join_maps() {
        index();
        std::vector<Set> sets;                                         // in program order
        std::unordered_map<std::string, std::vector<size_t>> of_kind;  // kind -> indices of sets
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            const Operation& op = f_.operations[i];
            if (!maps_examples(f_, op)) continue;
            const auto now = static_cast<int>(i);
            std::vector<size_t>& candidates = of_kind[kind_of(op, true)];
            const auto set = std::find_if(candidates.begin(), candidates.end(),
                                          [&](size_t n) { return !needs(now, sets[n]); });
            if (set != candidates.end()) {
                sets[*set].push_back(now);
                continue;
            }
            candidates.push_back(sets.size());
            sets.push_back({now});
        }
        for (const Set& set : sets) {
            int64_t bytes = 0;
            for (int i : set) {
                const Operation& op = f_.operations[i];
                bytes += f_.type(op.operands[0]).bytes() + f_.type(op.result()).bytes();
            }
            if (set.size() == 1 || bytes > kMostBytes) continue;
            join(set);
            return true;
        }
        return false;
    }

    /// Where the batch of an operation begins in the batches that were joined before; kNone when it
    /// is no part of one.
    int64_t position_of(int i) const { return position_[f_.operations[i].result()]; }

    /// Writes the set as one contraction of the concatenated batches, followed by slices that
    /// define the values of the old results, so that readers need no change. New operations are
    /// appended at the end; sort_by_dependency moves them where they are needed.
    void join(std::vector<int> set) {
        std::stable_sort(set.begin(), set.end(),
                         [&](int x, int y) { return position_of(x) < position_of(y); });
        const Operation first = f_.operations[set[0]];
        b_.set_location(first.location);
        std::vector<ValueId> operands, results;
        for (int i : set) {
            operands.push_back(f_.operations[i].operands[0]);
            results.push_back(f_.operations[i].result());
        }
        remove(set);
        Type whole = f_.type(first.result());
        whole.shape[0] = 0;
        for (ValueId v : results) whole.shape[0] += f_.type(v).shape[0];
        const ValueId joined =
            b_.emit_typed(first.op, {concat(operands), first.operands[1]}, whole);
        int64_t begin = 0;
        for (ValueId v : results) {
            Slice part{Shape(whole.shape.size(), 0), f_.type(v).shape};
            part.starts[0] = begin;
            part.limits[0] = begin += f_.type(v).shape[0];
            f_.operations.push_back({part, {joined}, {v}, first.location, {}});
        }
        sort_by_dependency(f_);
    }

    /// Joins two weight gradients of the same weights, when they are only read by the addition that
    /// sums them. True when there were two.
    bool join_gradients() {
        index();
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            const Operation sum = f_.operations[i];
            if (sum.as<Add>() == nullptr) continue;
            const int left = maker_[sum.operands[0]], right = maker_[sum.operands[1]];
            if (left == kNone || right == kNone || left == right) continue;
            const Operation &a = f_.operations[left], &b = f_.operations[right];
            if (!sums_examples(f_, a) || !sums_examples(f_, b) || uses_[a.result()] > 1 ||
                uses_[b.result()] > 1 || kind_of(a, false) != kind_of(b, false))
                continue;
            int64_t bytes = 0;
            for (const Operation* op : {&a, &b})
                for (ValueId v : op->operands) bytes += f_.type(v).bytes();
            if (bytes > kMostBytes) continue;
            join_gradients(sum, std::min(left, right), std::max(left, right), static_cast<int>(i));
            return true;
        }
        return false;
    }

    /// Writes two weight gradients and their sum as one weight gradient of the concatenated
    /// batches: a contraction over the examples adds them up by itself.
    void join_gradients(const Operation& sum, int left, int right, int at) {
        if (position_of(right) < position_of(left)) std::swap(left, right);
        const Operation a = f_.operations[left], b = f_.operations[right];
        b_.set_location(a.location);
        remove({left, right, at});
        std::vector<ValueId> joined;
        for (int i = 0; i < 2; ++i) {
            std::vector<ValueId> parts = parts_of(a.operands[i]);
            for (ValueId v : parts_of(b.operands[i])) parts.push_back(v);
            joined.push_back(concat(parts));
        }
        f_.operations.push_back({a.op, joined, {sum.result()}, a.location, {}});
        sort_by_dependency(f_);
    }

    /// The values that a joined batch was put together from.
    std::vector<ValueId> parts_of(ValueId v) const {
        for (const Operation& op : f_.operations)
            if (op.as<Concat>() != nullptr && op.result() == v && op.as<Concat>()->axis == 0)
                return op.operands;
        return {v};
    }

    /// A value that consists of these parts, one after another. If they are the slices of one value
    /// and cover all of it, it is that value. Otherwise it is a concat, of which an existing one is
    /// used again.
    ValueId concat(const std::vector<ValueId>& parts) {
        int64_t begin = 0;
        ValueId whole = kNone;
        for (ValueId part : parts) {
            const auto op = std::find_if(
                f_.operations.begin(), f_.operations.end(),
                [&](const Operation& o) { return o.as<Slice>() && o.result() == part; });
            const bool next = op != f_.operations.end() && op->as<Slice>()->strides.empty() &&
                              op->as<Slice>()->starts[0] == begin &&
                              (begin == 0 || op->operands[0] == whole);
            if (!next) {
                whole = kNone;
                break;
            }
            whole = op->operands[0];
            begin += f_.type(part).shape[0];
        }
        Type wanted = f_.type(parts[0]);
        wanted.shape[0] = 0;
        for (ValueId part : parts) wanted.shape[0] += f_.type(part).shape[0];
        if (whole != kNone && f_.type(whole) == wanted) return whole;
        for (const Operation& op : f_.operations)
            if (op.as<Concat>() != nullptr && op.as<Concat>()->axis == 0 && op.operands == parts)
                return op.result();
        return b_.emit(Concat{0}, parts);
    }

    /// Takes operations out of the function.
    void remove(const std::vector<int>& indices) {
        std::vector<Operation> kept;
        for (size_t i = 0; i < f_.operations.size(); ++i)
            if (std::find(indices.begin(), indices.end(), static_cast<int>(i)) == indices.end())
                kept.push_back(std::move(f_.operations[i]));
        f_.operations = std::move(kept);
    }

    Function& f_;
    Builder b_;
    std::vector<int> maker_;         ///< by value: the operation that makes it
    std::vector<int> uses_;          ///< by value
    std::vector<int64_t> position_;  ///< by value: where its batch begins in a joined one, or kNone
    std::vector<int> seen_;          ///< by operation: the walk that came by last
    int walk_ = 0;
};

}  // namespace

Result<bool> join_batches(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= BatchJoiner(module, function).run();
    return changed;
}

}  // namespace gmc::passes

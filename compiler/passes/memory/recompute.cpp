// Repeats one operation at a time: the one that lowers the memory in use at and around the peak
// most for its work, as plan_memory counts memory. The search is greedy. It tries each candidate by
// planning the changed function, which takes time (a plan per candidate, for each repetition) but
// is exact; it runs only when a limit is set and exceeded.
#include "compiler/passes/memory/recompute.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "compiler/passes/memory/plan_memory.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// Repeating an operation must lower the excess over the limit by at least this share. Without such
/// a bound the search would go on for negligible gains.
constexpr double kWorthRepeating = 1e-4;
/// Bounds the search: the sum of the lengths of all functions that were planned to look at them.
constexpr int64_t kMostPlanned = 4'000'000;
/// The factor from one bound to the next, and the last bound as a share of the limit. Bounds below
/// the limit are tried because packing leaves gaps: values may sum up to less than the limit while
/// the arena is larger.
constexpr double kTightening = 0.97, kStrictest = 0.8;

std::string size_text(int64_t bytes) {
    constexpr int64_t kKiB = 1 << 10, kMiB = 1 << 20;
    const int64_t unit = bytes < kMiB ? kKiB : kMiB;
    return fmt::format("{:.2f} {}", static_cast<double>(bytes) / static_cast<double>(unit),
                       unit == kKiB ? "KiB" : "MiB");
}

/// Works on one function. `f_` is what the search has reached, `best_` the function with the
/// smallest arena so far, `least_` that arena's bytes.
class Recomputer {
  public:
    Recomputer(const Module& module, const Function& function, int64_t limit)
        : m_(module),
          f_(function),
          limit_(limit),
          best_(function),
          least_(arena_bytes_of(module, function)) {}

    /// Whether the function fits now.
    bool run() {
        const Function before = f_;
        const int64_t bytes = least_;
        lower(limit_);
        if (least_ <= limit_) return true;
        // A second try begins at the present size and lowers the bound step by step. This repeats
        // other operations, sometimes better ones; if the function does not fit either way, it has
        // found the smallest arena, which the error message names.
        f_ = before;
        lower(bytes);
        return least_ <= limit_;
    }
    /// Whether it stopped before all was tried, as the function is too long for that.
    bool is_cut() const { return planned_ > kMostPlanned; }
    /// The smallest arena that was found.
    int64_t least() const { return least_; }
    Function take() { return std::move(best_); }

  private:
    /// Repeats operations until values fit below `bound`, and below stricter bounds while the arena
    /// is over the limit, as packing leaves gaps.
    void lower(int64_t bound) {
        for (; !is_cut() && least_ > limit_ && bound > kStrictest * static_cast<double>(limit_);
             bound = static_cast<int64_t>(kTightening * static_cast<double>(bound))) {
            while (repeat_one(bound)) {
            }
            const int64_t bytes = arena_bytes_of(m_, f_);
            if (bytes >= least_) continue;
            least_ = bytes;
            best_ = f_;
        }
    }

    /// By how much the memory in use exceeds the bound, summed over all operations.
    double excess(const Function& f, int64_t bound) {
        planned_ += static_cast<int64_t>(f.operations.size());
        double sum = 0;
        for (int64_t bytes : live_bytes_of(m_, f))
            sum += static_cast<double>(std::max<int64_t>(bytes - bound, 0));
        return sum;
    }

    /// How much work an operation is, in element operations.
    double work(const Operation& op) const {
        const auto elements = [&](ValueId v) { return static_cast<double>(f_.type(v).elements()); };
        if (const Fused* fused = op.as<Fused>())
            return static_cast<double>(Type{DType::kF32, fused->space}.elements()) *
                   static_cast<double>(op.body.size());
        if (runs_as_loop(op.info()) || op.operands.size() < 2) return elements(op.result());
        // Contractions: the products of an output are at most the weights of its filter.
        return elements(op.result()) * elements(op.operands[1]);
    }

    /// Finds the best operation to repeat and repeats it. Loops are tried first, contractions only
    /// when no loop helps. False when nothing is over the bound or nothing helps.
    bool repeat_one(int64_t bound) {
        const std::vector<int64_t> live = live_bytes_of(m_, f_);
        const auto peak =
            static_cast<int>(std::max_element(live.begin(), live.end()) - live.begin());
        if (live.empty() || live[peak] <= bound || is_cut()) return false;
        const double before = excess(f_, bound);
        for (const bool loops : {true, false}) {
            std::optional<Function> best;
            double best_rate = 0;
            for (int i = 0; i < peak; ++i) {
                const Operation& op = f_.operations[i];
                // The body of a scan belongs to it alone; numbers are sent once.
                if (op.as<Reshape>() != nullptr || op.as<Scan>() != nullptr ||
                    is_over_processes(op))
                    continue;
                if (runs_as_loop(op.info()) != loops) continue;
                std::optional<Function> candidate = repeated(i, peak);
                if (!candidate) continue;
                const double saved = before - excess(*candidate, bound);
                if (saved <= kWorthRepeating * before) continue;
                const double rate = saved / (work(op) + 1);
                if (rate <= best_rate) continue;
                best_rate = rate;
                best = std::move(candidate);
            }
            if (!best) continue;
            f_ = std::move(*best);
            return true;
        }
        return false;
    }

    /// The function with a copy of operation `i`, and of the reshapes of its results, before the
    /// first operation behind `peak` that reads one of them; from there on the copies are read.
    /// Only what is read there is computed again. Nothing when no operation behind the peak reads
    /// them, or when the one at the peak does.
    std::optional<Function> repeated(int i, int peak) const {
        // Reshapes of the results go along: they are the same memory.
        std::vector<int> again{i};
        std::set<ValueId> made;
        for (ValueId v : f_.operations[i].results)
            if (!leaves(v)) made.insert(v);
        int next_use = kNone;
        const auto count = static_cast<int>(f_.operations.size());
        for (int k = i + 1; k < count; ++k) {
            const Operation& op = f_.operations[k];
            const bool reads = std::any_of(op.operands.begin(), op.operands.end(),
                                           [&](ValueId v) { return made.count(v) != 0; });
            if (!reads) continue;
            if (op.as<Reshape>() != nullptr && k <= peak) {
                if (leaves(op.result())) return std::nullopt;
                again.push_back(k);
                made.insert(op.result());
            } else if (k > peak && next_use == kNone) {
                next_use = k;
            } else if (k == peak) {
                return std::nullopt;
            }
        }
        if (next_use == kNone) return std::nullopt;

        Function out = f_;
        std::set<ValueId> wanted;  // what is read after the peak, through reshapes too
        for (int k = next_use; k < count; ++k)
            for (ValueId v : f_.operations[k].operands) wanted.insert(v);
        std::map<ValueId, ValueId> renames;
        std::vector<Operation> copies;
        for (size_t k = again.size(); k-- > 0;) {
            const Operation& op = f_.operations[again[k]];
            if (std::any_of(op.results.begin(), op.results.end(),
                            [&](ValueId v) { return wanted.count(v) != 0; })) {
                for (ValueId v : op.operands) wanted.insert(v);
                copies.push_back(op);
            }
        }
        for (ValueId v : f_.operations[i].results)
            if (leaves(v)) wanted.erase(v);
        std::reverse(copies.begin(), copies.end());
        for (Operation& copy : copies) rename_copy(copy, wanted, renames, out);
        // A copy also has what only its inside reads, such as a result that is kept anyway: that is
        // read where it was.
        for (int k = next_use; k < count; ++k)
            for (ValueId& v : out.operations[k].operands)
                if (renames.count(v) != 0 && wanted.count(v) != 0)
                    rename_operand(out.operations[k], v, renames[v]);
        out.operations.insert(out.operations.begin() + next_use, copies.begin(), copies.end());
        return out;
    }

    /// Whether a value is needed after the last operation.
    bool leaves(ValueId v) const {
        const auto is_it = [&](const auto& named) { return named.value == v; };
        return std::any_of(f_.updates.begin(), f_.updates.end(), is_it) ||
               std::any_of(f_.results.begin(), f_.results.end(), is_it);
    }

    static void rename_operand(Operation& op, ValueId& operand, ValueId to) {
        const ValueId from = operand;
        operand = to;
        for (Operation& inner : op.body)
            std::replace(inner.operands.begin(), inner.operands.end(), from, to);
    }

    /// Makes `copy` an operation of its own, which computes no more than what is wanted of it.
    static void rename_copy(Operation& copy, const std::set<ValueId>& wanted,
                            std::map<ValueId, ValueId>& renames, Function& f) {
        copy.results.erase(std::remove_if(copy.results.begin(), copy.results.end(),
                                          [&](ValueId v) { return wanted.count(v) == 0; }),
                           copy.results.end());
        if (copy.as<Fused>() != nullptr) keep_needed(copy);
        const auto fresh = [&](ValueId v) {
            return renames[v] = f.add_value(f.values[v].name, f.type(v));
        };
        const auto renamed = [&](ValueId v) {
            const auto found = renames.find(v);
            return found == renames.end() ? v : found->second;
        };
        for (Operation& inner : copy.body) {
            for (ValueId& v : inner.operands) v = renamed(v);
            inner.results[0] = fresh(inner.result());
        }
        for (ValueId& v : copy.operands) v = renamed(v);
        for (ValueId& v : copy.results) v = copy.body.empty() ? fresh(v) : renamed(v);
        if (copy.body.size() == 1) {
            Operation single = copy.body[0];
            copy = std::move(single);
        }
    }

    /// Drops from a loop what its results do not need.
    static void keep_needed(Operation& loop) {
        std::set<ValueId> needed(loop.results.begin(), loop.results.end());
        std::vector<Operation> body;
        for (size_t i = loop.body.size(); i-- > 0;) {
            if (needed.count(loop.body[i].result()) == 0) continue;
            needed.insert(loop.body[i].operands.begin(), loop.body[i].operands.end());
            body.push_back(loop.body[i]);
        }
        std::reverse(body.begin(), body.end());
        std::set<ValueId> inside;
        std::vector<ValueId> operands;
        for (const Operation& op : body) inside.insert(op.result());
        for (const Operation& op : body)
            for (ValueId v : op.operands)
                if (inside.count(v) == 0 &&
                    std::find(operands.begin(), operands.end(), v) == operands.end())
                    operands.push_back(v);
        loop.body = std::move(body);
        loop.operands = std::move(operands);
    }

    const Module& m_;
    Function f_;
    int64_t limit_;  ///< bytes
    Function best_;
    int64_t least_;
    int64_t planned_ = 0;  ///< operations, in all plans
};

}  // namespace

/// Without a limit nothing is done, since computing twice costs time. Every function that cannot be
/// brought below the limit is reported, not only the first.
Result<bool> recompute(Module& module, Diagnostics& diagnostics) {
    const int64_t limit = module.compilation.memory_limit;
    if (limit == 0) return false;
    bool changed = false;
    for (Function& function : module.functions) {
        if (const int64_t bytes = arena_bytes_of(module, function); bytes <= limit) {
            if (function.is_body) function.arena_bytes = bytes;
            continue;
        }
        if (const int64_t needed = needed_bytes_of(module, function); needed > limit) {
            diagnostics
                .error(DiagnosticKind::kTooLarge, {},
                       "`{}` needs {} of memory, and at least {} even when values are computed "
                       "twice rather than kept; the limit is {}",
                       function.name, size_text(arena_bytes_of(module, function)),
                       size_text(needed), size_text(limit))
                .help("a smaller `train.batch_size` needs less");
            continue;
        }
        Recomputer recomputer(module, function, limit);
        if (!recomputer.run()) {
            diagnostics
                .error(DiagnosticKind::kTooLarge, {},
                       "`{}` needs {} of memory, and {} when values are computed twice rather "
                       "than kept; the limit is {}",
                       function.name, size_text(arena_bytes_of(module, function)),
                       size_text(recomputer.least()), size_text(limit))
                .help("a smaller `train.batch_size` needs less");
            continue;
        }
        function = recomputer.take();
        if (function.is_body) function.arena_bytes = recomputer.least();
        changed = true;
    }
    if (diagnostics.any()) return Failure{};
    return changed;
}

}  // namespace gmc::passes

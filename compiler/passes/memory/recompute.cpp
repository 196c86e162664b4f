// Repeats one operation at a time: the one that lowers the memory in use at and around the peak
// most for its work, as plan_memory counts memory. The search is greedy. It tries candidates by
// planning the changed function, which takes time but is exact; most of them can save no more than
// the best so far (most_saved), and are not tried. It runs only when a limit is set and exceeded.
#include "compiler/passes/memory/recompute.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "compiler/passes/memory/memory_views.h"
#include "compiler/passes/memory/plan_memory.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// Repeating an operation must lower the excess over the limit by at least this share. Without such
/// a bound the search would go on for negligible gains.
constexpr double kWorthRepeating = 1e-4;
/// Bounds the search: the sum of the lengths of all functions that were planned to look at them.
constexpr int64_t kMostPlanned = 1'500'000;
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
            int best_at = 0;
            const auto try_one = [&](const Choice& choice) {
                std::optional<Function> candidate = repeated(choice.operation, peak);
                if (!candidate) return;
                const double saved = before - excess(*candidate, bound);
                if (saved <= kWorthRepeating * before) return;
                const double rate = saved / choice.work;
                // Of equal ones the first in the function.
                if (best && (rate < best_rate || (rate == best_rate && choice.operation > best_at)))
                    return;
                best_rate = rate;
                best_at = choice.operation;
                best = std::move(candidate);
            };
            for (const Choice& choice : choices(loops, peak, live, bound)) {
                if (choice.most_saved <= kWorthRepeating * before) continue;
                if (best && choice.rate() < best_rate) break;
                try_one(choice);
            }
            if (!best) continue;
            f_ = std::move(*best);
            return true;
        }
        return false;
    }

    /// An operation that may be repeated.
    struct Choice {
        int operation = 0;
        double most_saved = 0, work = 1;
        double rate() const { return most_saved / work; }
    };

    /// The operations before the peak whose results are read behind it, those that may save most
    /// for their work first.
    std::vector<Choice> choices(bool loops, int peak, const std::vector<int64_t>& live,
                                int64_t bound) const {
        const MemoryViews views(f_);
        const Uses uses = uses_of_values(views);
        std::vector<Choice> all;
        for (int i = 0; i < peak; ++i) {
            const Operation& op = f_.operations[i];
            // The body of a scan belongs to it alone; numbers are sent once.
            if (op.as<Reshape>() != nullptr || op.as<Scan>() != nullptr || is_over_processes(op))
                continue;
            if (runs_as_loop(op.info()) != loops) continue;
            const double most = most_saved(i, peak, views, uses, live, bound);
            if (most > 0) all.push_back({i, most, work(op) + 1});
        }
        std::stable_sort(all.begin(), all.end(),
                         [](const Choice& a, const Choice& b) { return a.rate() > b.rate(); });
        return all;
    }

    /// When values are read.
    struct Uses {
        std::vector<std::vector<int>> readers;  ///< by value: operations, in order
        std::vector<int> last;                  ///< by container: the last operation that needs it
    };
    Uses uses_of_values(const MemoryViews& views) const {
        Uses uses{std::vector<std::vector<int>>(f_.values.size()),
                  std::vector<int>(f_.values.size(), kNone)};
        const auto count = static_cast<int>(f_.operations.size());
        for (int k = 0; k < count; ++k)
            for (ValueId v : f_.operations[k].operands) {
                std::vector<int>& readers = uses.readers[v];
                if (readers.empty() || readers.back() != k) readers.push_back(k);
                uses.last[views.container(v).of] = k;
            }
        const auto stays = [&](ValueId v) { uses.last[views.container(v).of] = count; };
        for (const NamedValue& r : f_.results) stays(r.value);
        for (const Update& u : f_.updates) stays(u.value);
        // States have memory of their own, numbers a place for the whole call; what a body takes
        // may lie outside.
        for (size_t v = 0; v < f_.values.size(); ++v)
            if (const auto id = static_cast<ValueId>(v);
                !views.states(id).empty() || f_.type(id).elements() == 1)
                stays(id);
        if (f_.is_body)
            for (const Input& input : f_.inputs) stays(input.value);
        return uses;
    }

    /// The most by which repeating operation `i` behind `peak` lowers the excess over the bound.
    /// Its results need not live from the last operation that reads them before, whose result may
    /// then take their place, to the next one; and what it reads has to live until then. Nothing
    /// else gets less by it, unless views share memory: of those it says that they may save
    /// anything. 0 where nothing is read behind the peak.
    double most_saved(int i, int peak, const MemoryViews& views, const Uses& uses,
                      const std::vector<int64_t>& live, int64_t bound) const {
        constexpr double kAnything = std::numeric_limits<double>::infinity();
        const auto joins = [&](const Operation& op) {
            return op.as<Concat>() != nullptr || op.as<Pack>() != nullptr ||
                   op.as<Slice>() != nullptr;
        };
        Operation copy = f_.operations[i];
        if (joins(copy)) return kAnything;
        int next_use = static_cast<int>(f_.operations.size());
        std::vector<std::pair<ValueId, int>> results;  // and their last readers until the peak
        std::vector<ValueId> wanted;
        for (ValueId result : f_.operations[i].results) {
            if (leaves(result)) continue;
            if (views.container(result).of != result) return kAnything;
            std::vector<ValueId> same{result};  // with reshapes of it
            int last = i;
            bool is_wanted = false;
            for (size_t n = 0; n < same.size(); ++n)
                for (const int k : uses.readers[same[n]]) {
                    const Operation& reader = f_.operations[k];
                    if (joins(reader)) return kAnything;
                    if (k <= peak)
                        last = std::max(last, k);
                    else
                        next_use = std::min(next_use, k), is_wanted = true;
                    if (reader.as<Reshape>() != nullptr && k <= peak)
                        same.push_back(reader.result());
                }
            if (is_wanted) wanted.push_back(result), results.emplace_back(result, last);
        }
        if (wanted.empty()) return 0;
        copy.results = std::move(wanted);
        if (copy.as<Fused>() != nullptr) keep_needed(copy);
        // Bytes that live less at each operation from `from` on.
        const int from = i;
        std::set<ValueId> read;
        for (ValueId v : copy.operands)
            if (const ValueId whole = views.container(v).of; uses.last[whole] < next_use)
                read.insert(whole);
        std::vector<int64_t> less(static_cast<size_t>(next_use - from), 0);
        for (const auto& [result, last] : results)
            for (int k = last; k < next_use; ++k) less[k - from] += aligned_bytes(f_.type(result));
        for (const ValueId whole : read)
            for (int k = uses.last[whole] + 1; k < next_use; ++k)
                less[k - from] -= aligned_bytes(f_.type(whole));
        double sum = 0;
        for (int k = from; k < next_use; ++k) {
            const int64_t over = live[k] - bound;
            sum += static_cast<double>(std::max<int64_t>(over, 0) -
                                       std::max<int64_t>(over - less[k - from], 0));
        }
        return sum;
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

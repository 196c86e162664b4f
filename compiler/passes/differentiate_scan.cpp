// Writes the backward scan of one scan (differentiate_scan.h shows it). First it finds, over all
// passes of the loop, through which values gradients flow; then it makes the forward scan stack
// what its carried values were, writes the backward body, and appends the scan that runs it.
// "Pass" means a pass of the loop in this file.
#include "compiler/passes/differentiate_scan.h"

#include <algorithm>

#include "compiler/ir/scan.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

class ScanDifferentiator {
  public:
    ScanDifferentiator(Builder& b, const ScanGradient& scan)
        : b_(b),
          given_(scan),
          op_(b.function().operations[scan.index]),
          scan_(*op_.as<Scan>()),
          body_(*b.module().find_function(scan_.body)),
          parts_(scan_parts(body_)) {}

    std::vector<ValueId> run(const std::function<void(Function&)>& expand) {
        std::vector<ValueId> found(op_.operands.size(), kNone);
        find_flow();
        for (size_t i = 0; i < parts_.results(); ++i)
            if (given_.diffs[i] != kNone && depends_[body_.results[i].value]) seeds_.push_back(i);
        for (size_t i = 0; i < parts_.operands(); ++i)
            if (flows_to(i)) sources_.push_back(i);
        if (seeds_.empty() || sources_.empty()) return found;
        save_carried();
        save_results();
        write_body(expand);
        append_scan(found);
        return found;
    }

  private:
    ValueId input(size_t i) const { return body_.inputs[i].value; }
    ValueId result(size_t i) const { return body_.results[i].value; }

    /// By value of the body: does it depend on a wanted operand, and does a result with a gradient
    /// depend on it? Also through other passes.
    void find_flow() {
        depends_.assign(body_.values.size(), false);
        reaches_.assign(body_.values.size(), false);
        for (size_t i = 0; i < parts_.operands(); ++i) depends_[input(i)] = given_.wanted[i];
        for (size_t i = 0; i < parts_.results(); ++i)
            if (given_.diffs[i] != kNone) reaches_[result(i)] = true;
        const auto is_in = [](const std::vector<bool>& set, const std::vector<ValueId>& values) {
            return std::any_of(values.begin(), values.end(), [&](ValueId v) { return set[v]; });
        };
        for (bool changed = true; changed;) {
            changed = false;
            for (const Operation& op : body_.operations)
                if (!op.info().has(kNoGradient) && is_in(depends_, op.operands))
                    for (ValueId v : op.results) depends_[v] = true;
            for (size_t i = body_.operations.size(); i-- > 0;) {
                const Operation& op = body_.operations[i];
                if (!op.info().has(kNoGradient) && is_in(reaches_, op.results))
                    for (ValueId v : op.operands) reaches_[v] = true;
            }
            for (size_t i = 0; i < parts_.carried; ++i) {
                if (depends_[result(i)] && !depends_[input(i)]) changed = depends_[input(i)] = true;
                if (reaches_[input(i)] && !reaches_[result(i)])
                    changed = reaches_[result(i)] = true;
            }
        }
    }

    bool is_carried(size_t i) const { return i < parts_.carried; }
    /// Whether a gradient flows to operand `i`. To a carried value it flows from what the pass
    /// makes of that value.
    bool flows_to(size_t i) const {
        const ValueId v = input(i);
        if (is_carried(i)) return depends_[v] && reaches_[result(i)];
        return given_.wanted[i] && reaches_[v];
    }

    /// Makes the forward scan stack each carried value as it was at the start of each pass.
    void save_carried() {
        for (size_t i = 0; i < parts_.carried; ++i) saved_.push_back(stack(input(i), "start"));
    }

    /// ... and the results of products, which the backward body would otherwise compute again:
    /// where all of them take no more memory than the values that a pass is given. (A recurrent
    /// cell qualifies; a block of layers does not.) Then also those of functions that are costly to
    /// compute again, such as tanh, where these take no more than that either. What no gradient
    /// reads is trimmed later. Not under a memory limit.
    void save_results() {
        if (b_.module().compilation.memory_limit > 0) return;
        int64_t given = 0;
        for (size_t i = 0; i < parts_.first_captured(); ++i) given += body_.type(input(i)).bytes();
        const auto is_product = [](const Operation& op) { return op.info().has(kContraction); };
        if (!save_where(is_product, given)) return;
        save_where([&](const Operation& op) { return is_costly(op) && !is_next(op.result()); },
                   given);
    }
    /// An element-wise function that takes longer than to read its result.
    static bool is_costly(const Operation& op) {
        constexpr int kCostLeast = 5;
        return op.info().has(kElementwise) && op.info().cost >= kCostLeast;
    }
    /// Whether a value is carried on: then it is saved as the start of the next pass.
    bool is_next(ValueId v) const {
        for (size_t i = 0; i < parts_.carried; ++i)
            if (result(i) == v) return true;
        return false;
    }
    /// Saves the results of these operations, where they have at most so many bytes.
    template <typename Predicate>
    bool save_where(const Predicate& is_wanted, int64_t most) {
        std::vector<ValueId> wanted;
        for (const Operation& op : body_.operations) {
            if (!is_wanted(op)) continue;
            wanted.push_back(op.result());
            most -= body_.type(op.result()).bytes();
        }
        if (most < 0) return false;
        for (ValueId v : wanted) kept_.emplace_back(v, stack(v, "each"));
        return true;
    }

    /// The stack of `v`, a value of the forward body, over all passes.
    ValueId stack(ValueId v, const std::string& prefix) {
        Function& forward = *b_.module().find_function(scan_.body);
        size_t at = parts_.carried;
        while (at < forward.results.size() && forward.results[at].value != v) ++at;
        if (at == forward.results.size()) {
            const std::string name = forward.values[v].name;
            forward.add_result(prefix + "." + name, v);
            const Type type = stacked_type(forward.type(v), scan_.count);
            const ValueId all = b_.function().add_value(prefix + "s." + name, type);
            b_.function().operations[given_.index].results.push_back(all);
        }
        return b_.function().operations[given_.index].results[at];
    }

    /// A new input of the backward body, of the type of `like`.
    ValueId add_input(InputSource::Kind kind, const std::string& name, ValueId like) {
        const ValueId value = back_.add_value(name, back_.type(like));
        back_.inputs.push_back({value, {kind, ""}});
        return value;
    }

    void write_body(const std::function<void(Function&)>& expand) {
        back_ = body_;
        back_.name = free_function_name(b_.module(), body_.name + ".grad");
        back_.inputs.clear();
        back_.results.clear();
        for (Operation& op : back_.operations)
            if (auto* inner = std::get_if<Scan>(&op.op))
                inner->body = copy_body(b_.module(), inner->body, inner->body);
        using Kind = InputSource::Kind;
        std::vector<ValueId> sums(sources_.size(), kNone), seeds;  // by source, by seed
        std::vector<std::pair<ValueId, ValueId>> products;         // gradients, and of which values
        for (size_t s = 0; s < sources_.size(); ++s) {
            const ValueId of = input(sources_[s]);
            if (!is_carried(sources_[s]) && sources_[s] < parts_.first_captured()) continue;
            sums[s] = add_input(Kind::kCarried, "d." + back_.values[of].name, of);
            if (is_carried(sources_[s])) products.emplace_back(sums[s], result(sources_[s]));
        }
        for (size_t i = 0; i < parts_.first_captured(); ++i)
            back_.inputs.push_back({input(i), {Kind::kElement, ""}});
        for (size_t seed : seeds_)
            if (!is_carried(seed))
                products.emplace_back(
                    add_input(Kind::kElement, "d." + body_.results[seed].name, result(seed)),
                    result(seed));
        const auto elements = static_cast<std::ptrdiff_t>(back_.inputs.size());
        for (size_t i = parts_.first_captured(); i < parts_.operands(); ++i)
            back_.inputs.push_back({input(i), {Kind::kCaptured, ""}});
        Builder b(b_.module(), back_);
        b.set_location(op_.location);
        Operation gradient{Gradient{}, {sum_of(b, products)}, {}, op_.location, {}};
        for (size_t s : sources_) {
            gradient.operands.push_back(input(s));
            gradient.results.push_back(
                back_.add_value("g." + back_.values[input(s)].name, back_.type(input(s))));
        }
        const std::vector<ValueId> gradients = gradient.results;
        back_.operations.push_back(std::move(gradient));
        give_results(b, gradients, sums);
        expand(back_);
        take_saved(elements);
        b_.module().functions.push_back(std::move(back_));
    }

    /// Makes the saved results elements, from input number `at` on, instead of computing them.
    /// Only now: gradients have been carried through them.
    void take_saved(std::ptrdiff_t at) {
        const auto is_saved = [&](const Operation& op) {
            return std::any_of(kept_.begin(), kept_.end(),
                               [&](const auto& saved) { return saved.first == op.results[0]; });
        };
        auto& operations = back_.operations;
        operations.erase(std::remove_if(operations.begin(), operations.end(), is_saved),
                         operations.end());
        std::vector<Input> elements;
        for (const auto& [v, all] : kept_)
            elements.push_back({v, {InputSource::Kind::kElement, ""}});
        back_.inputs.insert(back_.inputs.begin() + at, elements.begin(), elements.end());
    }

    /// The sum of diff * value over all these pairs, a scalar. Its gradient by a source is what the
    /// pass hands back to that source: the gradients that come in, times the pass's Jacobian.
    static ValueId sum_of(Builder& b, const std::vector<std::pair<ValueId, ValueId>>& products) {
        ValueId sum = kNone;
        for (const auto& [diff, value] : products) {
            const ValueId product = b.mul(diff, value);
            const ValueId one = b.reduce_sum(product, all_axes(b.type(product).rank()));
            sum = sum == kNone ? one : b.add(sum, one);
        }
        return sum;
    }

    void give_results(Builder& b, const std::vector<ValueId>& gradients,
                      const std::vector<ValueId>& sums) {
        std::vector<NamedValue> stacked;  // behind the others
        for (size_t s = 0; s < sources_.size(); ++s) {
            const std::string name = "d." + body_.values[input(sources_[s])].name;
            if (sums[s] == kNone)
                stacked.push_back({name, gradients[s]});
            else if (is_carried(sources_[s]))
                back_.add_result(name, gradients[s]);
            else
                back_.add_result(name, b.add(sums[s], gradients[s]));
        }
        for (const NamedValue& one : stacked) back_.add_result(one.name, one.value);
    }

    void append_scan(std::vector<ValueId>& found) {
        const Function& back = b_.module().functions.back();
        Operation op{Scan{back.name, scan_.count, !scan_.reverse}, {}, {}, op_.location, {}};
        b_.set_location(op_.location);
        const auto zero = [&](ValueId like) { return b_.constant(0, Shape(b_.type(like).shape)); };
        for (size_t i : sources_) {
            if (!is_carried(i) && i < parts_.first_captured()) continue;
            const bool has_diff = is_carried(i) && given_.diffs[i] != kNone;
            op.operands.push_back(has_diff ? given_.diffs[i] : zero(op_.operands[i]));
        }
        op.operands.insert(op.operands.end(), saved_.begin(), saved_.end());
        for (size_t i = parts_.carried; i < parts_.first_captured(); ++i)
            op.operands.push_back(op_.operands[i]);
        for (size_t seed : seeds_)
            if (!is_carried(seed)) op.operands.push_back(given_.diffs[seed]);
        for (const auto& [v, all] : kept_) op.operands.push_back(all);
        for (size_t i = parts_.first_captured(); i < parts_.operands(); ++i)
            op.operands.push_back(op_.operands[i]);
        for (size_t i = 0; i < back.results.size(); ++i)
            op.results.push_back(b_.function().add_value(
                back.results[i].name, scan_result_type(back, *op.as<Scan>(), i)));
        size_t carried = 0, stacked = scan_parts(back).carried;
        for (size_t i : sources_) {
            const bool is_element = !is_carried(i) && i < parts_.first_captured();
            found[i] = op.results[is_element ? stacked++ : carried++];
        }
        b_.function().operations.push_back(std::move(op));
    }

    Builder& b_;
    const ScanGradient& given_;
    const Operation op_;  ///< copies: bodies and operations are added while this runs
    const Scan scan_;
    const Function body_;
    const ScanParts parts_;
    std::vector<bool> depends_, reaches_;  ///< by value of the body
    std::vector<size_t> seeds_;            ///< results through which gradients come in
    std::vector<size_t> sources_;          ///< operands to which they flow
    std::vector<ValueId> saved_;           ///< by carried value: what it was before each pass
    /// Results of operations of the forward body that are not computed again, and their stacks.
    std::vector<std::pair<ValueId, ValueId>> kept_;
    Function back_;
};

}  // namespace

std::vector<ValueId> differentiate_scan(Builder& b, const ScanGradient& scan,
                                        const std::function<void(Function&)>& expand) {
    return ScanDifferentiator(b, scan).run(expand);
}

}  // namespace gmc::passes

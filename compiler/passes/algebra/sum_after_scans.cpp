// For each carried value of a scan: is it such a sum, and is there memory for what would be
// stacked? Then the scan loses the value, and the operations behind it compute the sum.
#include "compiler/passes/algebra/sum_after_scans.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "compiler/ir/builder.h"
#include "compiler/ir/scan.h"
#include "compiler/ops/renames.h"
#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

class ScanSummer {
  public:
    ScanSummer(Builder& b, Operation& scan, Function& body)
        : b_(b), scan_(scan), body_(body), readers_(count_readers(body)) {
        for (size_t i = 0; i < body.operations.size(); ++i)
            for (ValueId v : body.operations[i].results) defined_by_[v] = i;
        const ScanParts parts = scan_parts(body);
        for (size_t i = parts.carried; i < parts.first_captured(); ++i)
            room_ += b.type(scan.operands[i]).bytes();
    }

    /// The sums to compute behind the scan, which no longer has them: emit_sums() does.
    bool take_out() {
        if (scan_.as<Scan>()->shards > 0) return false;
        for (size_t i = 0; i < scan_parts(body_).carried;)
            if (!take_out(i)) ++i;
        // Nothing may read an input that is gone.
        auto& operations = body_.operations;
        operations.erase(
            std::remove_if(operations.begin(), operations.end(),
                           [&](const Operation& op) { return gone_.count(op.results[0]) != 0; }),
            operations.end());
        return !sums_.empty();
    }

    /// Appends the sums behind the scan; `renames`: what takes the place of its results.
    void emit_sums(ops::Renames& renames) {
        for (const Sum& sum : sums_) {
            std::vector<ValueId> all;
            for (ValueId v : sum.operands) all.push_back(stacks_.at(v));
            b_.set_location(sum.term.location);
            renames.set(sum.result, b_.add(sum.start, total(sum.term, all)));
        }
    }

  private:
    struct Sum {
        Operation term;                 ///< of the body: the product, or the sum of one pass
        std::vector<ValueId> operands;  ///< of the body
        ValueId start, result;          ///< outside
    };

    const Operation* definition(ValueId v) const {
        const auto found = defined_by_.find(v);
        return found == defined_by_.end() ? nullptr : &body_.operations[found->second];
    }

    /// The op that computes what each pass adds to carried value `i`; null when it is used in other
    /// ways.
    const Operation* term(size_t i) const {
        const ValueId before = body_.inputs[i].value, after = body_.results[i].value;
        const Operation* sum = definition(after);
        if (sum == nullptr || sum->as<Add>() == nullptr || readers_[before] != 1 ||
            readers_[after] != 1)
            return nullptr;
        const size_t place = sum->operands[0] == before ? 0 : 1;
        if (sum->operands[place] != before) return nullptr;
        const Operation* op = definition(sum->operands[1 - place]);
        if (op == nullptr || body_.type(op->result()).dtype != DType::kF32) return nullptr;
        const auto* product = op->as<Matmul>();
        const bool sums_rows = product != nullptr && product->transpose_a &&
                               !product->transpose_b && body_.type(op->result()).rank() == 2;
        return sums_rows || op->as<ReduceSum>() != nullptr ? op : nullptr;
    }

    /// The sequence that `v` is an element of, or the stack of it that there is; else kNone.
    ValueId stack_of(ValueId v) const {
        for (size_t i = 0; i < body_.inputs.size(); ++i)
            if (body_.inputs[i].value == v &&
                body_.inputs[i].source.kind == InputSource::Kind::kElement)
                return scan_.operands[i];
        for (size_t i = scan_parts(body_).carried; i < body_.results.size(); ++i)
            if (body_.results[i].value == v) return scan_.results[i];
        return kNone;
    }

    bool take_out(size_t i) {
        const Operation* op = term(i);
        if (op == nullptr) return false;
        int64_t bytes = 0;
        for (ValueId v : op->operands)
            if (stack_of(v) == kNone)
                bytes += stacked_type(body_.type(v), scan_.as<Scan>()->count).bytes();
        // A scan that nothing is left of would have no result.
        if (bytes > room_ || (bytes == 0 && scan_.results.size() == 1)) return false;
        room_ -= bytes;
        for (ValueId v : op->operands) stack(v);
        sums_.push_back({*op, op->operands, scan_.operands[i], scan_.results[i]});
        gone_.insert(body_.results[i].value);
        const auto at = static_cast<std::ptrdiff_t>(i);
        body_.inputs.erase(body_.inputs.begin() + at);
        scan_.operands.erase(scan_.operands.begin() + at);
        body_.results.erase(body_.results.begin() + at);
        scan_.results.erase(scan_.results.begin() + at);
        return true;
    }

    /// Sets stacks_[v]: what there is, or a new stack.
    void stack(ValueId v) {
        stacks_[v] = stack_of(v);
        if (stacks_[v] != kNone) return;
        const Type type = stacked_type(body_.type(v), scan_.as<Scan>()->count);
        stacks_[v] = b_.function().add_value("each." + body_.values[v].name, type);
        body_.add_result("each." + body_.values[v].name, v);
        scan_.results.push_back(stacks_[v]);
    }

    ValueId total(const Operation& term, const std::vector<ValueId>& all) {
        if (const auto* sum = term.as<ReduceSum>()) {
            std::vector<int64_t> axes = {0};
            for (int64_t axis : sum->axes) axes.push_back(axis + 1);
            return b_.reduce_sum(all[0], axes);
        }
        const auto rows = [&](ValueId v) {
            const Shape shape = b_.shape(v);
            return b_.reshape(v, {shape[0] * shape[1], shape[2]});
        };
        return b_.emit(Matmul{true, false}, {rows(all[0]), rows(all[1])});
    }

    Builder& b_;
    Operation& scan_;
    Function& body_;
    std::vector<int> readers_;
    std::unordered_map<ValueId, size_t> defined_by_;
    std::unordered_map<ValueId, ValueId> stacks_;  ///< of the body's values
    int64_t room_ = 0;                             ///< bytes that may still be stacked
    std::vector<Sum> sums_;
    std::unordered_set<ValueId> gone_;  ///< of the body: sums that nothing carries any more
};

bool sum_after(Module& module, Function& function) {
    std::vector<Operation> before = std::move(function.operations);
    function.operations.clear();
    Builder b(module, function);
    ops::Renames renames;
    for (Operation& op : before) {
        renames.apply(op);
        Function* body = body_of(module, op);
        if (body == nullptr) {
            function.operations.push_back(std::move(op));
            continue;
        }
        ScanSummer summer(b, op, *body);
        const bool changed = summer.take_out();
        function.operations.push_back(std::move(op));
        if (changed) summer.emit_sums(renames);
    }
    renames.apply_to_exits(function);
    return !renames.empty();
}

}  // namespace

Result<bool> sum_after_scans(Module& module, Diagnostics&) {
    if (module.compilation.memory_limit > 0) return false;
    bool changed = false;
    for (size_t i = 0; i < module.functions.size(); ++i)
        changed |= sum_after(module, module.functions[i]);
    return changed;
}

}  // namespace gmc::passes

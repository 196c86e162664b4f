// Walks the functions from the last to the first, so that a body is looked at when it is known what
// its scan needs.
#include "compiler/passes/trim_scans.h"

#include <algorithm>

#include "compiler/ir/scan.h"
#include "compiler/ops/renames.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

using Kind = InputSource::Kind;

class ScanTrimmer {
  public:
    ScanTrimmer(Operation& op, Function& body, const std::vector<bool>& read)
        : op_(op), body_(body), parts_(scan_parts(body)), needed_(body.values.size(), false) {
        for (ValueId v : op.results) used_.push_back(read[v]);
    }

    /// `renames`: what takes the place of results outside.
    bool run(ops::Renames& renames) {
        bool changed = capture_constant(renames);
        find_needed();
        changed |= drop_inputs();
        return changed;
    }

  private:
    ValueId input(size_t i) const { return body_.inputs[i].value; }
    ValueId result(size_t i) const { return body_.results[i].value; }

    /// Carried values that are the same in every pass.
    bool capture_constant(ops::Renames& renames) {
        bool changed = false;
        for (size_t i = 0; i < parts_.carried;) {
            if (result(i) != input(i) || op_.results.size() == 1) {
                ++i;
                continue;
            }
            const auto at = static_cast<std::ptrdiff_t>(i);
            renames.set(op_.results[i], op_.operands[i]);
            body_.inputs[i].source.kind = Kind::kCaptured;
            std::rotate(body_.inputs.begin() + at, body_.inputs.begin() + at + 1,
                        body_.inputs.end());
            std::rotate(op_.operands.begin() + at, op_.operands.begin() + at + 1,
                        op_.operands.end());
            body_.results.erase(body_.results.begin() + at);
            op_.results.erase(op_.results.begin() + at);
            used_.erase(used_.begin() + at);
            parts_ = scan_parts(body_);
            changed = true;
        }
        return changed;
    }

    /// What a needed result is computed from, in this pass or in one before.
    void find_needed() {
        for (size_t i = 0; i < body_.results.size(); ++i)
            if (used_[i]) needed_[result(i)] = true;
        for (bool changed = true; changed;) {
            changed = false;
            for (size_t k = body_.operations.size(); k-- > 0;) {
                const Operation& inner = body_.operations[k];
                if (std::any_of(inner.results.begin(), inner.results.end(),
                                [&](ValueId v) { return needed_[v]; }))
                    for (ValueId v : inner.operands) needed_[v] = true;
            }
            for (size_t i = 0; i < parts_.carried; ++i)
                if (needed_[input(i)] && !needed_[result(i)]) changed = needed_[result(i)] = true;
        }
    }

    bool drop_inputs() {
        std::vector<bool> keep_input, keep_result;
        for (size_t i = 0; i < body_.inputs.size(); ++i)
            keep_input.push_back(needed_[input(i)] || (i < parts_.carried && used_[i]));
        for (size_t i = 0; i < body_.results.size(); ++i)
            keep_result.push_back(i < parts_.carried ? keep_input[i] : used_[i]);
        // Every op must have a result, so a scan of which nothing is needed is left for dce.
        if (std::none_of(keep_result.begin(), keep_result.end(), [](bool keep) { return keep; }))
            return false;
        auto& scan = std::get<Scan>(op_.op);
        const auto keeps = [&](int64_t end, int64_t count) {  // of the sums, which come last
            const auto last = keep_result.end() - end;
            return std::count(last, last + count, true);
        };
        const int64_t sums = scan.sums;
        scan.sums = keeps(sums, sums);
        scan.rounded_sums = keeps(sums, scan.rounded_sums);
        const bool changed = filter(body_.inputs, keep_input);
        filter(op_.operands, keep_input);
        filter(op_.results, keep_result);
        // What is left of the body reads nothing that is gone.
        std::vector<bool> keep_operation;
        for (const Operation& inner : body_.operations)
            keep_operation.push_back(std::any_of(inner.results.begin(), inner.results.end(),
                                                 [&](ValueId v) { return needed_[v]; }));
        filter(body_.operations, keep_operation);
        return filter(body_.results, keep_result) || changed;
    }

    template <typename Items>
    static bool filter(Items& items, const std::vector<bool>& keep) {
        Items kept;
        for (size_t i = 0; i < items.size(); ++i)
            if (keep[i]) kept.push_back(items[i]);
        const bool changed = kept.size() != items.size();
        items = std::move(kept);
        return changed;
    }

    Operation& op_;
    Function& body_;
    ScanParts parts_;
    std::vector<bool> used_;    ///< by result: whether something outside reads it
    std::vector<bool> needed_;  ///< by value of the body
};

/// By value: whether an operation reads it, or it leaves the function.
std::vector<bool> values_read(const Function& function) {
    std::vector<bool> read(function.values.size(), false);
    for (const Operation& op : function.operations)
        for (ValueId v : op.operands) read[v] = true;
    for (const Update& update : function.updates) read[update.value] = true;
    for (const NamedValue& result : function.results) read[result.value] = true;
    return read;
}

bool trim(Module& module, Function& function) {
    const auto is_scan = [](const Operation& op) { return op.as<Scan>() != nullptr; };
    if (std::none_of(function.operations.begin(), function.operations.end(), is_scan)) return false;
    const std::vector<bool> read = values_read(function);
    ops::Renames renames;
    bool changed = false;
    for (Operation& op : function.operations) {
        renames.apply(op);
        if (Function* body = body_of(module, op))
            changed |= ScanTrimmer(op, *body, read).run(renames);
    }
    renames.apply_to_exits(function);
    return changed;
}

}  // namespace

Result<bool> trim_scans(Module& module, Diagnostics&) {
    bool changed = false;
    for (size_t i = module.functions.size(); i-- > 0;) changed |= trim(module, module.functions[i]);
    return remove_unused_bodies(module) || changed;
}

}  // namespace gmc::passes

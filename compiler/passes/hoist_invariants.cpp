// Works on one scan at a time (Hoister), in the order of the functions. A body stands before the
// function with its scan, so what leaves an inner body for an outer one can leave that one as well.
#include "compiler/passes/hoist_invariants.h"

#include <algorithm>
#include <map>

#include "compiler/ir/scan.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

bool is_constant(const Operation& op) {
    return op.as<Constant>() != nullptr || op.as<Iota>() != nullptr;
}

/// Moves what does not change from pass to pass out of one body.
class Hoister {
  public:
    /// `out` gets the operations that leave the body; they are of `function`.
    Hoister(Function& function, Function& body, Operation& scan, std::vector<Operation>& out)
        : f_(function), body_(body), scan_(scan), out_(out) {}

    bool run() {
        for (size_t i = 0; i < body_.inputs.size(); ++i)
            if (body_.inputs[i].source.kind == InputSource::Kind::kCaptured)
                outside_[body_.inputs[i].value] = scan_.operands[i];
        std::vector<Operation> kept;
        bool changed = false;
        for (Operation& op : body_.operations) {
            if (is_constant(op)) constants_[op.result()] = op;
            if (may_leave(op)) {
                leave(op);
                changed = true;
            } else {
                kept.push_back(std::move(op));
            }
        }
        body_.operations = std::move(kept);
        if (changed) capture_what_left();
        return changed;
    }

  private:
    bool may_leave(const Operation& op) const {
        if (op.operands.empty() || op.results.size() != 1 || !op.body.empty() ||
            op.as<Scan>() != nullptr)
            return false;
        int64_t read = 0;
        for (ValueId v : op.operands) {
            const bool outside = outside_.count(v) != 0;
            if (!outside && constants_.count(v) == 0) return false;
            if (outside) read += f_.type(outside_.at(v)).bytes();
        }
        // It costs nothing where it is.
        if (op.as<Reshape>() != nullptr) return false;
        return read > 0 && (op.info().has(kContraction) || body_.type(op.result()).bytes() <= read);
    }

    void leave(const Operation& op) {
        Operation copy = op;
        for (ValueId& v : copy.operands) v = place_outside(v);
        copy.results = {f_.add_value(body_.values[op.result()].name, body_.type(op.result()))};
        outside_[op.result()] = copy.result();
        left_.push_back(op.result());
        out_.push_back(std::move(copy));
    }

    ValueId place_outside(ValueId v) {
        if (const auto found = outside_.find(v); found != outside_.end()) return found->second;
        Operation copy = constants_.at(v);
        copy.results = {f_.add_value("", body_.type(v))};
        out_.push_back(copy);
        return copy.result();
    }

    /// Makes the body capture the values that left and that it still reads.
    void capture_what_left() {
        std::vector<bool> read(body_.values.size(), false);
        for (const Operation& op : body_.operations)
            for (ValueId v : op.operands) read[v] = true;
        for (const NamedValue& result : body_.results) read[result.value] = true;
        for (ValueId v : left_) {
            if (!read[v]) continue;
            body_.inputs.push_back({v, {InputSource::Kind::kCaptured, ""}});
            scan_.operands.push_back(outside_.at(v));
        }
    }

    Function& f_;
    Function& body_;
    Operation& scan_;
    std::vector<Operation>& out_;
    std::map<ValueId, ValueId> outside_;      ///< of the body's values, what they are in f_
    std::map<ValueId, Operation> constants_;  ///< of the body, by result
    std::vector<ValueId> left_;
};

}  // namespace

Result<bool> hoist_invariants(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) {
        std::vector<Operation> operations;
        for (Operation& op : function.operations) {
            if (Function* body = body_of(module, op))
                changed |= Hoister(function, *body, op, operations).run();
            operations.push_back(std::move(op));
        }
        function.operations = std::move(operations);
    }
    return changed;
}

}  // namespace gmc::passes

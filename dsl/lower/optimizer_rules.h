// The rules of optimizers: how a gradient moves a parameter. What they share is in optimizer.cpp.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dsl/lower/evaluate.h"

namespace gmc::lower {

/// A group of parameters under update, packed into one tensor. A rule reads `gradient` and moves
/// `value` on.
struct Trained {
    std::string prefix;  ///< of the names of its slots: "", or "NETWORK."
    ir::ValueId value = ir::kNone;
    ir::ValueId gradient = ir::kNone;
};

/// The hyperparameters and slots of one entry's optimizer. Hyperparameters may be schedules, so
/// they are scalars of the graph; constants fold away.
class OptimizerScope {
  public:
    OptimizerScope(Evaluator& e, std::string entry) : e_(e), prefix_("optimizer." + entry) {}

    /// Evaluates every hyperparameter; false after an error, also for a constant out of the range
    /// that the dsl's row has.
    bool evaluate(const dsl::OptimizerSpec& spec);

    ir::Builder& b() { return e_.b(); }
    FunctionScope& f() { return e_.scope(); }

    bool has(const std::string& name) const { return values_.count(name) != 0; }
    /// f32[]
    ir::ValueId hyper(const std::string& name) const { return values_.at(name); }
    /// Not given, or a constant 0. A schedule counts as not zero.
    bool is_zero(const std::string& name) const {
        const auto found = constants_.find(name);
        return found == constants_.end() ? !has(name) : found->second == 0;
    }
    /// A scalar repeated to the shape of `like`.
    ir::ValueId spread(ir::ValueId scalar, ir::ValueId like) {
        return b().splat(scalar, b().shape(like));
    }
    /// The state `optimizer.ENTRY.NAME`, zeros at first.
    ir::StateId slot(const std::string& name, const ir::Type& type);
    /// slot += (1 - decay)(x - slot), for the slot NAME of the group; its new value.
    ir::ValueId running(const Trained& group, const std::string& name, ir::ValueId keep,
                        ir::ValueId x);

  private:
    Evaluator& e_;
    std::string prefix_;
    std::map<std::string, ir::ValueId> values_;
    std::map<std::string, double> constants_;
};

using OptimizerRule = void (*)(OptimizerScope& o, std::vector<Trained>& groups);

/// Kind -> rule, a row for each row of the dsl's mapping `optimizer`.
const std::map<std::string, OptimizerRule>& optimizer_rules();

}  // namespace gmc::lower

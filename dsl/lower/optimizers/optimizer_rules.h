// The rules of optimizers: how a gradient changes a parameter. What all rules share is in
// optimizer.cpp.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dsl/lower/evaluate.h"

namespace gmc::lower {

/// A group of parameters being updated, packed into one tensor. A rule reads `gradient` and
/// replaces `value` by the updated value.
struct Trained {
    std::vector<ir::StateId> parameters;
    ir::ValueId value = ir::kNone;
    ir::ValueId gradient = ir::kNone;
    ir::ValueId learning_rate = ir::kNone;  ///< f32[]
};

/// The hyperparameters and slots of one entry's optimizer. A hyperparameter may be a schedule, so
/// each is a scalar of the graph; constants are folded later.
class OptimizerScope {
  public:
    OptimizerScope(Evaluator& e, std::string entry) : e_(e), prefix_("optimizer." + entry) {}

    /// Evaluates all hyperparameters. False after an error, such as a constant outside the range in
    /// the schema's row.
    bool evaluate(const dsl::OptimizerSpec& spec);
    /// The learning rate times factor `i` of the optimizer; kNone after an error.
    ir::ValueId learning_rate(const dsl::OptimizerSpec& spec, size_t i);

    ir::Builder& b() { return e_.b(); }
    FunctionScope& f() { return e_.scope(); }

    bool has(const std::string& name) const { return values_.count(name) != 0; }
    /// The value of a hyperparameter, f32[].
    ir::ValueId hyper(const std::string& name) const { return values_.at(name); }
    /// True when the hyperparameter is not given or is a constant 0. A schedule counts as not zero.
    bool is_zero(const std::string& name) const {
        const auto found = constants_.find(name);
        return found == constants_.end() ? !has(name) : found->second == 0;
    }
    /// `scalar` repeated to the shape of `like`.
    ir::ValueId spread(ir::ValueId scalar, ir::ValueId like) {
        return b().splat(scalar, b().shape(like));
    }
    /// The state `optimizer.ENTRY.NAME`, f32[], which starts with zero.
    ir::StateId count(const std::string& name);
    /// The states `optimizer.ENTRY.NAME.PARAMETER`, one like each of the parameters, which
    /// start with zeros. They are neighbours in memory, as the parameters are, so that one loop
    /// updates them all.
    std::vector<ir::StateId> slots(const std::vector<ir::StateId>& parameters,
                                   const std::string& name);
    /// A running mean in the slot NAME of the group: slot <- slot + (1 - keep)(x - slot). Gives its
    /// new value.
    ir::ValueId running(const Trained& group, const std::string& name, ir::ValueId keep,
                        ir::ValueId x);

  private:
    Evaluator& e_;
    std::string prefix_;
    std::map<std::string, ir::ValueId> values_;
    std::map<std::string, double> constants_;
};

using OptimizerRule = void (*)(OptimizerScope& o, std::vector<Trained>& groups);

/// Kind of optimizer -> rule; one for each row of the schema's mapping `optimizer`.
const std::map<std::string, OptimizerRule>& optimizer_rules();

}  // namespace gmc::lower

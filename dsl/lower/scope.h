// What building shares: the module under construction, and per function the current value of every
// state.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/ir/builder.h"
#include "compiler/support/diagnostic.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// One per module.
struct ModuleScope {
    const dsl::ModelSpec& spec;
    ir::Module& module;
    Diagnostics& diagnostics;
    int64_t batch = 1;
    /// Of random ops and initializers, numbered in the order they are made.
    int64_t next_stream = 1;

    /// By field: the least `classes` of the layers and functions that take it as labels. Where the
    /// model says no number itself, the reader of the data checks this one.
    std::map<std::string, int64_t> label_classes;

    /// The place in the module's file table; adds the file on first use.
    ir::Location locate(const Span& span);
    /// The state of this name, declared now if it is new.
    ir::StateId declare(ir::State state);

    /// Parameter -> the state of its moving average, `average.PARAMETER`.
    std::map<ir::StateId, ir::StateId> averages;
    std::set<std::string> averaged_networks;
    /// Declares the averages of all parameters of `network`. They start with the same values as
    /// their parameters: the same initializer, of the same stream.
    void declare_averages(const std::string& network);

    std::unordered_map<std::string, ir::StateId> state_ids;  ///< by name, of all declared states
};

/// One per function. States move on as layers and optimizers update them; `finish` turns that into
/// updates.
class FunctionScope {
  public:
    FunctionScope(ModuleScope& module_scope, std::string name, bool training);

    ModuleScope& m;
    ir::Function function;
    ir::Builder b;
    const bool training;  ///< batch statistics and dropout, or running statistics

    /// The current value of a state; with `averaged`, of the average of a parameter that has one.
    ir::ValueId state(ir::StateId id);
    void set_state(ir::StateId id, ir::ValueId value) { current_[id] = value; }
    /// The current values of states behind one another, as `pack` puts them: what an optimizer or
    /// an average updates at once.
    ir::ValueId packed(const std::vector<ir::StateId>& ids);
    /// Sets each of these states to its part of `value`.
    void set_packed(const std::vector<ir::StateId>& ids, ir::ValueId value);
    /// The input that takes its data from `source`, made on first use.
    ir::ValueId input(const std::string& name, const std::string& source, ir::Shape shape);
    ir::ValueId random_normal(ir::Shape shape);
    ir::ValueId random_uniform(ir::Shape shape);

    /// Values that are a field of the data as it is, to know the classes of labels by.
    std::map<ir::ValueId, const dsl::DataField*> fields;

    /// In `evaluate`: 1 for every example that counts; kNone elsewhere.
    ir::ValueId valid = ir::kNone;
    /// Inside `averaged(...)`: parameters read as their moving averages.
    bool averaged = false;

    /// The states' current values, to go back to after what must not move them.
    std::map<ir::StateId, ir::ValueId> current_states() const { return current_; }
    void restore_states(std::map<ir::StateId, ir::ValueId> states) { current_ = std::move(states); }

    /// Records the updates and hands the function over.
    ir::Function finish();

  private:
    std::map<ir::StateId, ir::ValueId> current_;
    struct Packed {
        std::vector<ir::ValueId> parts;
        ir::ValueId value;
    };
    std::vector<Packed> packed_;  ///< what was packed or set so far: looked up by the parts
};

/// A batched shape: the batch, then the example's.
ir::Shape batched(int64_t batch, const ir::Shape& example);
/// A shape without its batch.
ir::Shape example_of(const ir::Shape& shape);

}  // namespace gmc::lower

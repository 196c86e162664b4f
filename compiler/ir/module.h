// The data structures of the IR. A module holds states (tensors that live from step to step), what
// the runtime is told (contract.h), and functions of pure ops over the states.
// - A function reads every state as it was at entry; its `updates` say what the states are
//   afterwards. So there is no order of effects that passes would have to keep: operations may be
//   moved, repeated or dropped as their operands allow.
// - Values are in static single assignment: each is defined once, by an input, a state or one
//   operation. Ids are indices, so tables by value are vectors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/ir/contract.h"
#include "compiler/ir/ops.h"
#include "compiler/ir/type.h"

namespace gmc::ir {

using ValueId = int32_t;  ///< index into Function::values
using StateId = int32_t;  ///< index into Module::states
inline constexpr int32_t kNone = -1;

/// A place in a model file, kept to the end. `file` indexes Module::files; line and column from 1;
/// 0 = unknown.
struct Location {
    int32_t file = kNone;
    int32_t line = 0;
    int32_t column = 0;
    bool known() const { return file != kNone && line > 0; }
    friend bool operator==(const Location&, const Location&) = default;
};

/// A tensor of a function. It is an input, a state as it was at entry, or the result of an op.
struct Value {
    std::string name;  ///< unique in the function; from the model's names
    Type type;
    StateId state = kNone;         ///< set: this is that state at entry, printed as @name
    int64_t arena_offset = kNone;  ///< bytes, after plan_memory
    StateId home = kNone;          ///< set by plan_memory: it is computed in this state's memory
};

/// One op applied to values of a function. A `fused` operation has a body, whose operations define
/// values of the same function.
struct Operation {
    OpVariant op;                   // which op, with its attributes
    std::vector<ValueId> operands;  ///< in the order of OpInfo::operands
    std::vector<ValueId> results;
    Location location;
    std::vector<Operation> body;  ///< only of `fused`: the ops of its loop, in order

    const OpInfo& info() const { return op_info(op); }
    template <typename T>
    const T* as() const {
        return std::get_if<T>(&op);
    }
    ValueId result() const { return results.front(); }
};

/// Whether the op exchanges numbers with the processes that train together. In one process its
/// result is its operand.
inline bool is_over_processes(const Operation& op) {
    return op.as<AllGather>() != nullptr || op.as<AllReduce>() != nullptr;
}

/// An input of a function, and where the runtime takes it from.
struct Input {
    ValueId value = kNone;
    InputSource source;
};

/// Says that after the function `state` is what `value` is. Both have the same type.
struct Update {
    StateId state = kNone;
    ValueId value = kNone;
};

/// A named result, e.g. a loss or sampled images.
struct NamedValue {
    std::string name;
    ValueId value = kNone;
    std::string unit = {};  ///< of a loss or metric, as in "nats per example"; "": it has none
    /// It is the same for all examples, or is computed of all: none of its axes gives each of them
    /// a row, whatever its size.
    bool whole = false;
};

/// What is run at once: a training step, evaluation, sampling. Passes rewrite the operations;
/// plan_memory adds the places in memory.
struct Function {
    std::string name;
    std::vector<Value> values;
    std::vector<Input> inputs;
    std::vector<Operation> operations;  ///< in an order in which every operand comes before its use
    std::vector<Update> updates;
    std::vector<NamedValue> results;
    /// The body of one `scan` (scan.h) of a later function: it reads no state and updates none.
    bool is_body = false;
    int64_t arena_bytes = kNone;  ///< after plan_memory
    int64_t unplanned_bytes = 0;  ///< what the values would take without sharing

    const Type& type(ValueId value) const { return values[value].type; }
    /// Whether a result has a row for each of `batch` examples. Those of a step of training are
    /// figures, whatever their sizes.
    bool has_rows(const NamedValue& result, int64_t batch) const {
        const Type& of = type(result.value);
        return updates.empty() && !result.whole && !of.is_scalar() && of.shape[0] == batch;
    }
    ValueId add_value(std::string name, Type type);
    /// Appends a result of a body. A name that another result has gets a number behind it; one that
    /// begins with a digit, as those of unnamed values do, gets a `v` before it.
    void add_result(const std::string& name, ValueId value);
    /// The value that stands for `state` at entry; made on first use.
    ValueId state_value(StateId state, const struct Module& module);
    /// Says that the states have other numbers now: state i became `numbers[i]`.
    void renumber_states(const std::vector<StateId>& numbers);

  private:
    /// By name: the number that the next value of that name gets after a dot.
    std::unordered_map<std::string, int> name_uses_;
    // A table for state_value(): the value of each state among the first `looked_at_` values.
    std::unordered_map<StateId, ValueId> state_values_;
    size_t looked_at_ = 0;
};

/// How a state starts. Random kinds draw from Philox with the run's seed and the state's own stream
/// number, so that a parameter starts with the same numbers whatever else the model has. The stream
/// has its high bit set, which keeps it apart from those of random ops; the call counter is 0.
struct Initializer {
    /// zeros ones constant normal uniform glorot_uniform/_normal he_uniform/_normal orthogonal
    std::string kind = "zeros";
    /// Constant: the value; uniform: the limit; normal: the deviation; orthogonal: the gain.
    double value = 0;
    /// Of glorot and he: on how many inputs an output depends, and on how many outputs an input
    /// acts.
    int64_t fan_in = 0, fan_out = 0;
    int64_t stream = 0;
    static constexpr auto fields() {
        return std::tuple{
            field("value", &Initializer::value), field("fan_in", &Initializer::fan_in),
            field("fan_out", &Initializer::fan_out), field("stream", &Initializer::stream)};
    }
};

/// What a state is for. The role decides who changes it and whether a checkpoint keeps it (copies
/// are made again).
enum class StateRole : uint8_t {
    kParameter,  ///< trained
    kStatistic,  ///< updated by the forward pass (batch norm's running mean)
    kSlot,       ///< an optimizer's memory
    kCopy,       ///< a parameter in bf16: functions that update the parameter update it, too
};
const char* state_role_name(StateRole role);

/// A stored tensor that lives from step to step.
struct State {
    std::string name;
    Type type;
    StateRole role = StateRole::kParameter;
    Initializer initializer;  ///< not of copies
    Location location;
    StateId source = kNone;  ///< of a copy: the parameter that it holds in bf16
};

/// A whole compiled model: what stands in a .gmc file.
struct Module {
    std::string name;
    std::vector<std::string> files;  ///< model files that Locations point into
    std::string description;
    std::vector<DataField> data;              ///< what training reads
    std::vector<DataField> test;              ///< {}: the model names no test data
    std::vector<Network> networks;            ///< those that are frozen or take weights from a file
    std::optional<Training> training;         ///< none: the module cannot be run by gmrun
    std::vector<RateEnd> rate_ends;           ///< of learning rates that have one
    std::vector<Bound> bounds;                ///< of the results of @bounds
    std::vector<FigureFields> figure_fields;  ///< {}: all data are one set
    std::vector<ResultLike> results_like;     ///< of results that several fields could be like
    std::vector<ScheduleEntry> schedule;      ///< the functions of one training step, in order
    RunPolicy run;
    Compilation compilation;
    Origin origin;
    std::vector<Layer> layers;  ///< of all networks, in the order of the model
    std::vector<State> states;
    std::vector<Function> functions;

    Function* find_function(const std::string& function_name);
    const Function* find_function(const std::string& function_name) const;
    StateId find_state(const std::string& state_name) const;
    /// What a loss or metric is counted in, as the results of @evaluate say; "" = nothing.
    std::string unit_of(const std::string& figure) const;
};

/// The data fields that a result of a function may be like: those of its shape per example; for
/// pictures of which none has that, all pictures [H, W, 1 or 3]. In the order of the model.
std::vector<const DataField*> fields_like(const Module& module, const Function& function,
                                          size_t result = 0);
/// The one that it is like, whose range, columns and rate it has: as the module says (ResultLike),
/// else the only one or, where a module says nothing, the first. Null where there is none.
const DataField* field_like(const Module& module, const Function& function, size_t result = 0);

}  // namespace gmc::ir

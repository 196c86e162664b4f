// The invariants of a module:
//   module     no two states have one name, and no two functions; states take less memory than any
//              machine has
//   ids        every value, state and file that is referred to exists; every op has a result
//   order      an operand is an input, a state, or the result of an earlier op; each value is
//              defined once
//   names      of values are unique within a function, and so are names of results; the parser
//              can read all names
//   types      results have the type that the shape rule gives; sizes are positive
//   gradient   a scalar, then sources; one result per source, of its type; only where it is allowed
//   fused      the body has only element-wise ops, broadcasts, generators, runtime scalars and
//              reductions, and not runtime scalars alone. Each of its values has the shape `space`,
//              apart from the results of reductions, which nothing in the body reads, and runtime
//              scalars. Reductions read values of the shape `space`. The operands are the values
//              that the body reads from outside, in order of first use; the results are values of
//              the body, and no other value of it is used outside
//   scan       names a body that stands before the function, and that no other scan names; goes with
//              it in numbers and types of operands and results (scan.cpp). Every body has its scan;
//              it reads no state
//   bf16       occurs in values inside functions and in copies; inputs and results of functions that
//              are no bodies, and other states, are f32
//   initial    values of states are finite, streams of random numbers have 31 bits, and fans go with
//              the shape
//   copies     are of parameters, in bf16, with their shape; no other states come behind them; a
//              function that updates a parameter updates its copy
//   updates    have the state's type, one per state
//   contract   see verify_contract.cpp
//   planned    see verify_plan.cpp
#include "compiler/ir/verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <unordered_set>

#include "compiler/ir/infer.h"
#include "compiler/ir/scan.h"
#include "compiler/ir/text/lexer.h"
#include "compiler/ir/verify_contract.h"
#include "compiler/ir/verify_plan.h"
#include "compiler/ir/verify_report.h"
#include "compiler/ir/views.h"

namespace gmc::ir {
namespace {

constexpr const char* kReadable = "names have letters, digits, `_` and `.`, at least one";

/// The name of a value as it is printed, for messages.
std::string shown(const Function& function, ValueId value) {
    const Value& v = function.values[value];
    return fmt::format("`{}{}`", v.state == kNone ? "%" : "@", v.name);
}

/// Checks that all ids are in range. It runs before everything else: only then can the function be
/// printed and walked without reading outside of its vectors.
class IdCheck {
  public:
    IdCheck(const Module& module, const Function& function)
        : module_(module), function_(function) {}

    bool passes() const {
        for (const Value& v : function_.values)
            if ((v.state != kNone && !is_state(v.state)) || (v.home != kNone && !is_state(v.home)))
                return false;
        for (const Input& input : function_.inputs)
            if (!is_value(input.value)) return false;
        for (const Update& update : function_.updates)
            if (!is_state(update.state) || !is_value(update.value)) return false;
        for (const NamedValue& result : function_.results)
            if (!is_value(result.value)) return false;
        return std::all_of(function_.operations.begin(), function_.operations.end(),
                           [&](const Operation& op) { return operation(op); });
    }

  private:
    bool is_value(ValueId v) const {
        return v >= 0 && static_cast<size_t>(v) < function_.values.size();
    }
    bool is_state(StateId s) const {
        return s >= 0 && static_cast<size_t>(s) < module_.states.size();
    }
    bool operation(const Operation& op) const {
        const auto good = [&](ValueId v) { return is_value(v); };
        const int32_t file = op.location.file;
        return !op.results.empty() && std::all_of(op.operands.begin(), op.operands.end(), good) &&
               std::all_of(op.results.begin(), op.results.end(), good) &&
               (file == kNone || (file >= 0 && static_cast<size_t>(file) < module_.files.size())) &&
               std::all_of(op.body.begin(), op.body.end(),
                           [&](const Operation& inner) { return operation(inner); });
    }

    const Module& module_;
    const Function& function_;
};

/// Bodies that stand before the function at hand, and whose scan has not come yet.
using Bodies = std::map<std::string_view, const Function*>;

/// Checks one function from top to bottom, in the order of execution: what is known (defined so
/// far) grows with every operation. Each value is looked at a constant number of times.
class FunctionCheck {
  public:
    FunctionCheck(const Module& module, const Function& function, const VerifyOptions& options,
                  Bodies& bodies, VerifyReport& report)
        : module_(module),
          function_(function),
          options_(options),
          bodies_(bodies),
          report_(report),
          known_(function.values.size(), Known::kNo) {
        names_.reserve(function.values.size());
    }

    void run() {
        if (const std::string why = body_misfit(function_); !why.empty())
            report_.error(function_, why);
        states();
        inputs();
        for (const Operation& op : function_.operations) operation(op);
        updates();
        results();
    }

  private:
    /// Whether a value may be read at the point that the check has reached.
    enum class Known : uint8_t {
        kNo,
        kYes,
        kInFused,  ///< computed inside a fused op and not among its results
    };

    void states() {
        std::set<StateId> seen;
        for (size_t i = 0; i < function_.values.size(); ++i) {
            const Value& v = function_.values[i];
            if (v.state == kNone) continue;
            known_[i] = Known::kYes;
            if (!seen.insert(v.state).second)
                report_.error(function_,
                              fmt::format("two values stand for the state `@{}`", v.name));
            const State& state = module_.states[v.state];
            if (v.type != state.type || v.name != state.name)
                report_.error(function_,
                              fmt::format("`@{}`, {}, stands for the state `@{}`, {}", v.name,
                                          to_string(v.type), state.name, to_string(state.type)));
        }
    }

    void inputs() {
        for (const Input& input : function_.inputs) {
            if (function_.type(input.value).dtype == DType::kBf16 && !function_.is_body)
                report_.error(function_,
                              fmt::format("the input {} is {}: bf16 is for values inside functions",
                                          shown(function_, input.value),
                                          to_string(function_.type(input.value))));
            if (function_.values[input.value].state != kNone)
                report_.error(function_, fmt::format("{} is a state, not an input",
                                                     shown(function_, input.value)));
            else if (const std::string why = define(input.value); !why.empty())
                report_.error(function_, why);
        }
    }

    void operation(const Operation& op) {
        if (op.as<Fused>() != nullptr) return fused(op, *op.as<Fused>());
        for (ValueId operand : op.operands) read(op, operand);
        if (op.as<Gradient>() != nullptr)
            gradient(op);
        else if (op.as<AttentionGradient>() != nullptr)
            attention_gradient(op);
        else if (op.as<Scan>() != nullptr)
            scan(op);
        else
            types(op);
        for (ValueId result : op.results)
            if (const std::string why = define(result); !why.empty())
                report_.error(function_, op, why);
    }

    void read(const Operation& op, ValueId value) {
        if (known_[value] == Known::kNo)
            report_.error(function_, op,
                          fmt::format("{} is used before it is defined", shown(function_, value)));
        if (known_[value] == Known::kInFused)
            report_.error(
                function_, op,
                fmt::format("{} is computed inside a fused op and is not among its results",
                            shown(function_, value)));
    }

    /// Marks the value as defined; why it cannot be, or "".
    std::string define(ValueId value) {
        const Value& v = function_.values[value];
        if (v.state != kNone)
            return fmt::format("the state {} is defined by an op", shown(function_, value));
        if (known_[value] != Known::kNo)
            return fmt::format("{} is defined twice", shown(function_, value));
        known_[value] = Known::kYes;
        if (!is_readable_name(v.name))
            return fmt::format("{} has a name that cannot be read: {}", shown(function_, value),
                               kReadable);
        if (!names_.insert(v.name).second) return fmt::format("two values are named `%{}`", v.name);
        if (std::any_of(v.type.shape.begin(), v.type.shape.end(),
                        [](int64_t size) { return size < 1; }))
            return fmt::format("{} has the type {}: sizes are positive", shown(function_, value),
                               to_string(v.type));
        return "";
    }

    void types(const Operation& op) {
        if (op.results.size() != 1 || !op.body.empty()) {
            report_.error(function_, op,
                          fmt::format("`{}` has one result and no body", op.info().name));
            return;
        }
        if (op.as<Iteration>() != nullptr && !function_.is_body)
            report_.error(function_, op, "`iteration` stands in the body of a scan only");
        InferContext context;
        for (ValueId v : op.operands) context.operands.push_back(function_.type(v));
        context.declared = &function_.type(op.result());
        const Type inferred = infer_type(op.op, context);
        if (!context.error.empty())
            report_.error(function_, op, context.error);
        else if (inferred != function_.type(op.result()))
            report_.error(
                function_, op,
                fmt::format("`{}` gives {}, but {} is {}", op.info().name, to_string(inferred),
                            shown(function_, op.result()), to_string(function_.type(op.result()))));
    }

    void gradient(const Operation& op) {
        if (!options_.allow_gradient)
            report_.error(function_, op, "`gradient` is left after differentiation");
        if (op.operands.size() != op.results.size() + 1) {
            report_.error(
                function_, op,
                fmt::format("`gradient` by {} values has {} results",
                            static_cast<int64_t>(op.operands.size()) - 1, op.results.size()));
            return;
        }
        if (!function_.type(op.operands[0]).is_scalar())
            report_.error(function_, op,
                          fmt::format("`gradient` of {}, {}: it must be a scalar",
                                      shown(function_, op.operands[0]),
                                      to_string(function_.type(op.operands[0]))));
        for (size_t i = 0; i < op.results.size(); ++i)
            if (function_.type(op.results[i]) != function_.type(op.operands[i + 1]))
                report_.error(function_, op,
                              fmt::format("{} is a gradient by {} and must have its type",
                                          shown(function_, op.results[i]),
                                          shown(function_, op.operands[i + 1])));
    }

    void attention_gradient(const Operation& op) {
        std::vector<Type> operands;
        for (ValueId v : op.operands) operands.push_back(function_.type(v));
        std::string why = attention_misfit(*op.as<AttentionGradient>(), true, operands);
        if (why.empty() && (op.results.size() != 3 || !op.body.empty()))
            why = "`attention_gradient` has three results and no body";
        for (size_t i = 0; why.empty() && i < 3; ++i)
            if (function_.type(op.results[i]) != operands[i])
                why =
                    fmt::format("{} is a gradient by {} and must have its type",
                                shown(function_, op.results[i]), shown(function_, op.operands[i]));
        if (!why.empty()) report_.error(function_, op, why);
    }

    void scan(const Operation& op) {
        const auto found = bodies_.find(op.as<Scan>()->body);
        if (found == bodies_.end()) {
            report_.error(function_, op,
                          fmt::format("no body `@{}` stands before this function, or another scan "
                                      "has it",
                                      op.as<Scan>()->body));
            return;
        }
        if (const std::string why = scan_misfit(function_, op, *found->second); !why.empty())
            report_.error(function_, op, why);
        if (!op.body.empty()) report_.error(function_, op, "the body of a scan is a function");
        bodies_.erase(found);
    }

    // ---- fused ops ----

    /// The rules of a loop's body. It walks the body like ordinary operations, so that definitions
    /// and types are checked as everywhere; then it hides the values of the body from the rest of
    /// the function, apart from the op's results. `read_outside` collects the body's outside
    /// operands in order of first use, which is what the op's operand list must be.
    void fused(const Operation& op, const Fused& attributes) {
        std::set<ValueId> inside, reduced;
        std::vector<ValueId> read_outside;
        for (const Operation& inner : op.body) {
            fused_body_op(inner, attributes.space, reduced);
            if (inner.info().has(kWindow)) window(inner, inside);
            for (ValueId operand : inner.operands)
                if (inside.count(operand) == 0 &&
                    std::find(read_outside.begin(), read_outside.end(), operand) ==
                        read_outside.end())
                    read_outside.push_back(operand);
            operation(inner);
            inside.insert(inner.results.begin(), inner.results.end());
            if (inner.info().has(kReduction))
                reduced.insert(inner.results.begin(), inner.results.end());
        }
        // Where nothing has the shape of the loop, its space could be anything.
        if (std::all_of(op.body.begin(), op.body.end(),
                        [](const Operation& inner) { return inner.info().has(kRuntimeScalar); }))
            report_.error(function_, op, "the body has no op over the space");
        if (op.operands != read_outside)
            report_.error(
                function_, op,
                "the operands are not what the body reads from outside, in order of first use");
        for (ValueId value : inside) known_[value] = Known::kInFused;
        for (ValueId result : op.results) {
            if (inside.count(result) == 0)
                report_.error(
                    function_, op,
                    fmt::format("{} is not computed in the body", shown(function_, result)));
            else if (known_[result] == Known::kYes)
                report_.error(function_, op,
                              fmt::format("{} is a result twice", shown(function_, result)));
            known_[result] = Known::kYes;
        }
    }

    /// One op of the body: it fits in a loop, reads no total of the same loop (a reduction is
    /// complete only when the loop has ended), and has the loop's shape.
    void fused_body_op(const Operation& inner, const Shape& space,
                       const std::set<ValueId>& reduced) {
        const OpInfo& info = inner.info();
        const bool reduction = info.has(kReduction), scalar = info.has(kRuntimeScalar);
        if (!fits_in_loop(info) && !info.has(kWindow) && !scalar)
            report_.error(function_, inner,
                          fmt::format("`{}` cannot be in a fused body", info.name));
        for (ValueId operand : inner.operands) {
            if (reduced.count(operand) != 0)
                report_.error(
                    function_, inner,
                    fmt::format("{} is a reduction of the same loop, known only at its end",
                                shown(function_, operand)));
            if (reduction && function_.type(operand).shape != space)
                report_.error(function_, inner,
                              fmt::format("`{}` reads {} in a loop over {}", info.name,
                                          to_string(function_.type(operand)), to_string(space)));
        }
        if (!reduction && !scalar && function_.type(inner.result()).shape != space)
            report_.error(
                function_, inner,
                fmt::format("{} is {} in a loop over {}", shown(function_, inner.result()),
                            to_string(function_.type(inner.result())), to_string(space)));
    }

    /// A slice or pad in a loop copies whole pieces of rows of a tensor that is in memory.
    void window(const Operation& inner, const std::set<ValueId>& inside) {
        if (inner.operands.size() == 1 && inside.count(inner.operands[0]) != 0)
            report_.error(function_, inner,
                          fmt::format("`{}` reads {} elsewhere than it is computed in this loop",
                                      inner.info().name, shown(function_, inner.operands[0])));
        if (!window_starts(inner))
            report_.error(
                function_, inner,
                fmt::format("`{}` in a fused body leaves out or inserts elements between others",
                            inner.info().name));
    }

    // ---- ends of functions ----

    void updates() {
        std::set<StateId> seen;
        for (const Update& update : function_.updates) {
            const State& state = module_.states[update.state];
            if (!seen.insert(update.state).second)
                report_.error(function_,
                              fmt::format("the state `@{}` is updated twice", state.name));
            if (function_.type(update.value) != state.type)
                report_.error(function_,
                              fmt::format("`@{}` is {} but is updated with {}, {}", state.name,
                                          to_string(state.type), shown(function_, update.value),
                                          to_string(function_.type(update.value))));
            if (known_[update.value] != Known::kYes)
                report_.error(function_,
                              fmt::format("`@{}` is updated with {}, which is not defined",
                                          state.name, shown(function_, update.value)));
        }
        for (size_t i = 0; !function_.is_body && i < module_.states.size(); ++i) {
            const State& copy = module_.states[i];
            if (copy.role == StateRole::kCopy &&
                seen.count(copy.source) != seen.count(static_cast<StateId>(i)))
                report_.error(function_,
                              fmt::format("`@{}` and its copy `@{}` are not updated together",
                                          module_.states[copy.source].name, copy.name));
        }
    }

    void results() {
        std::set<std::string> seen;
        for (const NamedValue& result : function_.results) {
            if (!is_readable_word(result.name))
                report_.error(
                    function_,
                    fmt::format("the result `{}` has a name that cannot be read: {}, no digit "
                                "first",
                                result.name, kReadable));
            if (!seen.insert(result.name).second)
                report_.error(function_, fmt::format("two results are named `{}`", result.name));
            if (function_.type(result.value).dtype == DType::kBf16 && !function_.is_body)
                report_.error(
                    function_,
                    fmt::format("the result `{}` is {}: bf16 is for values inside functions",
                                result.name, to_string(function_.type(result.value))));
            if (known_[result.value] != Known::kYes)
                report_.error(function_, fmt::format("the result `{}` is {}, which is not defined",
                                                     result.name, shown(function_, result.value)));
        }
    }

    const Module& module_;
    const Function& function_;
    const VerifyOptions& options_;
    Bodies& bodies_;
    VerifyReport& report_;
    /// By value.
    std::vector<Known> known_;
    /// Names of the values defined so far.
    std::unordered_set<std::string_view> names_;
};

template <typename Items>
void verify_names(const Items& items, const char* what, VerifyReport& report) {
    std::set<std::string> seen;
    for (const auto& item : items)
        if (!is_readable_name(item.name))
            report.error(fmt::format("the name `@{}` among the {} cannot be read: {}", item.name,
                                     what, kReadable));
        else if (!seen.insert(item.name).second)
            report.error(fmt::format("two {} are named `@{}`", what, item.name));
}

/// Why a state cannot start so; "" where it can. Fans follow from the shape of weights, of which
/// the last two axes connect and the others are a window.
std::string initializer_misfit(const Initializer& initializer, const Shape& shape) {
    constexpr double kLargest = std::numeric_limits<float>::max();
    const auto& [kind, value, fan_in, fan_out, stream] = initializer;
    if (!(std::fabs(value) <= kLargest)) return fmt::format("its value is {}", value);
    if ((kind == "normal" || kind == "uniform") && value < 0)
        return fmt::format("`{}` with a spread of {}", kind, value);
    if (!is_random_stream(stream))
        return fmt::format("its stream is {}, not from 0 to {}", stream, kMostStreams - 1);
    if (fan_in == 0 && fan_out == 0) return "";
    const size_t rank = shape.size();
    const int64_t elements = Type{DType::kF32, shape}.elements();
    if (rank < 2 || elements < 1 || fan_in != elements / shape[rank - 1] ||
        fan_out != elements / shape[rank - 2])
        return fmt::format("a fan_in of {} and a fan_out of {} do not go with its shape", fan_in,
                           fan_out);
    return "";
}

/// States are f32 parameters, statistics and slots; behind them stand bf16 copies of parameters.
/// Copies come last so that the memory of all other states is one piece without gaps, which
/// checkpoints save.
void verify_states(const Module& module, VerifyReport& report) {
    verify_names(module.states, "states", report);
    bool copies = false;
    int64_t bytes = 0;
    for (const State& s : module.states) {
        bytes += s.type.bytes();
        if (bytes > kLargestMemory)
            return report.error(
                fmt::format("the states up to `@{}` take {} bytes, more than any "
                            "machine has",
                            s.name, bytes));
        const bool is_copy = s.role == StateRole::kCopy;
        if (copies && !is_copy)
            report.error(fmt::format("the state `@{}` comes behind copies", s.name));
        copies |= is_copy;
        if (!is_copy && s.type.dtype != DType::kF32)
            report.error(fmt::format("the state `@{}` is {}: only copies are bf16", s.name,
                                     to_string(s.type)));
        if (const std::string why = initializer_misfit(s.initializer, s.type.shape); !why.empty())
            report.error(fmt::format("the state `@{}`, {}: {}", s.name, to_string(s.type), why));
        if (!is_copy) continue;
        const auto source = static_cast<size_t>(s.source);
        if (source >= module.states.size() || module.states[source].role != StateRole::kParameter ||
            s.type != Type{DType::kBf16, module.states[source].type.shape})
            report.error(fmt::format("`@{}`, {}, is no copy of a parameter in bf16", s.name,
                                     to_string(s.type)));
    }
}

}  // namespace

/// Three steps, each of which relies on the one before: ids are in range, so that the module can be
/// printed and pointed into; then what each line says by itself; then the plan of memory.
bool verify(const Module& module, Diagnostics& diagnostics, const VerifyOptions& options) {
    VerifyReport report(module, diagnostics);
    verify_states(module, report);
    verify_names(module.functions, "functions", report);
    // A module can be printed, and pointed into, only when every function's ids are in range.
    for (const Function& function : module.functions)
        if (!IdCheck(module, function).passes())
            report.error(fmt::format("@{} refers to a value, a state or a file that does not exist",
                                     function.name));
    if (report.any()) return false;
    verify_contract(module, options.runnable, report);
    Bodies bodies;
    for (const Function& function : module.functions) {
        FunctionCheck(module, function, options, bodies, report).run();
        if (options.planned && !report.any()) verify_plan(module, function, report);
        if (function.is_body) bodies.emplace(function.name, &function);
    }
    for (const auto& [name, body] : bodies) report.error(*body, "is a body without a scan");
    return !report.any();
}

}  // namespace gmc::ir

// The interpreter: computes the values of a function one op after another, and keeps them in a map.
#include "runtime/reference/reference.h"

#include <algorithm>
#include <map>

#include "compiler/ir/scan.h"
#include "compiler/support/check.h"
#include "runtime/kernels/bf16.h"
#include "runtime/kernels/pass_call.h"
#include "runtime/reference/attention.h"
#include "runtime/reference/contractions.h"
#include "runtime/reference/elementwise.h"
#include "runtime/reference/generators.h"
#include "runtime/reference/shape_ops.h"

namespace gmc::runtime {

/// The body computes values of the enclosing function, so its ops run as if there were no fusion.
static void reference(const ir::Fused&, ReferenceContext& c) {
    for (const ir::Operation& inner : c.operation().body)
        run_reference_operation(c.module(), c.function(), inner, c.values(), c.call(), c.options());
}

/// The sum of what the passes gave, which are the leaves of a binary tree.
static std::vector<double> sum_of_passes(std::vector<std::vector<double>> parts, bool rounded) {
    const auto stored = [&](double x) {
        return rounded ? double{rounded_to_bf16(static_cast<float>(x))} : x;
    };
    for (std::vector<double>& part : parts)
        for (double& x : part) x = stored(x);
    for (; parts.size() > 1; parts.resize(parts.size() / 2))
        for (size_t i = 0; i < parts.size() / 2; ++i) {
            std::vector<double> sum = parts[2 * i];
            for (size_t k = 0; k < sum.size(); ++k) sum[k] = stored(sum[k] + parts[2 * i + 1][k]);
            parts[i] = std::move(sum);
        }
    return parts[0];
}

/// Runs the body pass after pass. Carried values and captures stay in `values` from pass to pass.
static void reference(const ir::Scan& scan, ReferenceContext& c) {
    const ir::Function& body = *ir::body_of(c.module(), c.operation());
    const ir::ScanParts parts = ir::scan_parts(body);
    ReferenceValues values;
    std::map<size_t, std::vector<std::vector<double>>> shards;  // of the results that are summed
    for (size_t i = 0; i < c.operand_count(); ++i)
        if (i < parts.carried || i >= parts.first_captured())
            values[body.inputs[i].value] = c.operand(i);
    for (int64_t k = 0; k < scan.count; ++k) {
        const int64_t pass = scan.reverse ? scan.count - 1 - k : k;
        for (size_t i = parts.carried; i < parts.first_captured(); ++i) {
            const ir::Type& type = body.type(body.inputs[i].value);
            const auto begin = c.operand(i).data.begin() + pass * type.elements();
            values[body.inputs[i].value] = {type, {begin, begin + type.elements()}};
        }
        for (const ir::Operation& inner : body.operations)
            run_reference_operation(c.module(), body, inner, values,
                                    call_of_pass(c.call(), scan.first + pass), c.options());
        std::vector<ReferenceTensor> given;
        for (const ir::NamedValue& result : body.results) given.push_back(values.at(result.value));
        for (size_t i = 0; i < given.size(); ++i) {
            ReferenceTensor& result = c.values().at(c.operation().results[i]);
            if (i < parts.carried)
                result = values[body.inputs[i].value] = std::move(given[i]);
            else if (ir::is_summed(body, scan, i))
                shards[i].push_back(std::move(given[i].data));
            else
                std::copy(given[i].data.begin(), given[i].data.end(),
                          result.data.begin() + pass * given[i].type.elements());
        }
    }
    const size_t first_sum = body.results.size() - static_cast<size_t>(scan.sums);
    for (auto& [i, of_passes] : shards)
        c.values().at(c.operation().results[i]).data = sum_of_passes(
            std::move(of_passes), static_cast<int64_t>(i - first_sum) < scan.rounded_sums);
}

static void reference(const ir::Gradient&, ReferenceContext& c) {
    GMC_CHECK(false,
              "`gradient` reached the reference: the pass `differentiate` did not run over @{}",
              c.function().name);
}

static void reference(const std::monostate&, ReferenceContext&) { GMC_CHECK(false, "not an op"); }

void run_reference_operation(const ir::Module& module, const ir::Function& function,
                             const ir::Operation& operation, ReferenceValues& values,
                             const CallContext& call, const ReferenceOptions& options) {
    for (ir::ValueId operand : operation.operands)
        GMC_CHECK(values.count(operand) != 0, "%{} is used by `{}` before it is computed",
                  function.values[operand].name, operation.info().name);
    if (operation.as<ir::Fused>() == nullptr)
        for (ir::ValueId result : operation.results) {
            const ir::Type& type = function.type(result);
            values[result] = {type, std::vector<double>(static_cast<size_t>(type.elements()), 0.0)};
        }
    ReferenceContext context(module, function, operation, values, call, options);
    // Found by overload: an op without one does not build, and the error names its struct.
    std::visit([&](const auto& op) { reference(op, context); }, operation.op);
    for (ir::ValueId result : operation.results) {
        ReferenceTensor& value = values.at(result);
        // Rounded twice, as kernels do: a sum first becomes a float, and then a bf16.
        if (value.type.dtype == ir::DType::kBf16)
            for (double& x : value.data) x = rounded_to_bf16(static_cast<float>(x));
        else if (options.round_to_float)
            for (double& x : value.data) x = static_cast<float>(x);
    }
}

/// Sets inputs and states, runs the operations in order, then reads the results and applies the
/// updates. Where the caller gave no value for a state that is the bf16 copy of another
/// (State::source), that copy is made here.
ReferenceResult run_reference(const ir::Module& module, const ir::Function& function,
                              const ReferenceInputs& inputs, ReferenceStates& states,
                              const CallContext& call, const ReferenceOptions& options) {
    ReferenceResult out;
    ReferenceValues& values = out.values;
    const auto set = [&](ir::ValueId id, const std::vector<double>& elements) {
        const ir::Value& value = function.values[id];
        GMC_CHECK(static_cast<int64_t>(elements.size()) == value.type.elements(),
                  "{} elements for %{}, which is {}", elements.size(), value.name,
                  ir::to_string(value.type));
        values[id] = {value.type, elements};
    };
    for (const ir::Input& input : function.inputs) {
        const auto found = inputs.find(function.values[input.value].name);
        GMC_CHECK(found != inputs.end(), "no input %{} for @{}", function.values[input.value].name,
                  function.name);
        set(input.value, found->second);
    }
    for (size_t id = 0; id < function.values.size(); ++id) {
        const ir::StateId state = function.values[id].state;
        if (state == ir::kNone) continue;
        if (const ir::StateId source = module.states[state].source;
            source != ir::kNone && states.count(state) == 0) {
            states[state] = states.at(source);
            for (double& x : states[state]) x = rounded_to_bf16(static_cast<float>(x));
        }
        GMC_CHECK(states.count(state) != 0, "no state @{} for @{}", module.states[state].name,
                  function.name);
        set(static_cast<ir::ValueId>(id), states[state]);
    }
    for (const ir::Operation& operation : function.operations)
        run_reference_operation(module, function, operation, values, call, options);
    for (const ir::NamedValue& result : function.results)
        out.results[result.name] = values.at(result.value);
    for (const ir::Update& update : function.updates)
        states[update.state] = values.at(update.value).data;
    if (!options.keep_values) values.clear();
    return out;
}

}  // namespace gmc::runtime

// Follows data and outputs of networks through the operations of a function, then narrows down
// which field a result is like.
#include "dsl/lower/flow/result_like.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace gmc::lower {
namespace {

using Applied = FunctionScope::Applied;
using Names = std::set<std::string>;

/// What a value is made of, element by element: data, and outputs of networks.
struct Origin {
    Names fields, networks;
    void add(const Origin& other) {
        fields.insert(other.fields.begin(), other.fields.end());
        networks.insert(other.networks.begin(), other.networks.end());
    }
};

/// Whether an operand goes on into a result of its op: element by element, or as a whole that is
/// moved, cut, widened or joined. One number per example says nothing more of what it is made of.
bool goes_on(const ir::Operation& op, const ir::Type& operand, const ir::Type& result) {
    if (result.rank() < 2) return false;
    return operand.elements() == result.elements() || op.operands.size() == 1 ||
           op.as<ir::Concat>() != nullptr;
}

/// The origins of all values. Behind a network, a value is of that network alone. A loop gives what
/// goes into it, and what the networks inside of it make (those of `applied` without outputs).
std::vector<Origin> origins_of(const ir::Function& function, const std::vector<Applied>& applied) {
    std::vector<Origin> origins(function.values.size());
    std::map<ir::ValueId, std::string> outputs;
    Origin looped;
    for (const Applied& network : applied) {
        if (network.outputs.empty()) looped.networks.insert(network.network);
        for (const auto& [name, value] : network.outputs)
            outputs[value] = name.empty() ? network.network : network.network + "." + name;
    }
    for (const ir::Input& input : function.inputs)
        if (input.source.is_data())
            origins[static_cast<size_t>(input.value)].fields = {input.source.field};
    for (const ir::Operation& op : function.operations)
        for (const ir::ValueId result : op.results) {
            Origin& out = origins[static_cast<size_t>(result)];
            if (const auto made = outputs.find(result); made != outputs.end()) {
                out.networks = {made->second};
                continue;
            }
            for (const ir::ValueId operand : op.operands)
                if (goes_on(op, function.type(operand), function.type(result)))
                    out.add(origins[static_cast<size_t>(operand)]);
            if (op.as<ir::Scan>() != nullptr) out.add(looped);
        }
    return origins;
}

/// The values that a network gets by the names of its inputs, "network#0". What is joined before it
/// goes in is told apart, "network#0/1": a pair of pictures is two inputs.
std::vector<std::pair<std::string, ir::ValueId>> inputs_of(const ir::Function& function,
                                                           const std::vector<Applied>& applied) {
    std::map<ir::ValueId, const ir::Operation*> joined;
    for (const ir::Operation& op : function.operations)
        if (op.as<ir::Concat>() != nullptr) joined[op.result()] = &op;
    std::vector<std::pair<std::string, ir::ValueId>> inputs;
    for (const Applied& network : applied)
        for (size_t i = 0; i < network.arguments.size(); ++i) {
            const std::string name = fmt::format("{}#{}", network.network, i);
            const auto parts = joined.find(network.arguments[i]);
            if (parts == joined.end()) {
                inputs.emplace_back(name, network.arguments[i]);
                continue;
            }
            for (size_t k = 0; k < parts->second->operands.size(); ++k)
                inputs.emplace_back(fmt::format("{}/{}", name, k), parts->second->operands[k]);
        }
    return inputs;
}

/// Narrows down which field one result is like.
class Choice {
  public:
    explicit Choice(std::vector<const ir::DataField*> fields) : fields_(std::move(fields)) {}

    bool is_made() const { return fields_.size() < 2; }
    const std::vector<const ir::DataField*>& left() const { return fields_; }

    /// Keeps those that are named, unless that are none.
    void keep(const Names& named) {
        std::vector<const ir::DataField*> kept;
        for (const ir::DataField* field : fields_)
            if (named.count(field->name) != 0) kept.push_back(field);
        if (!kept.empty()) fields_ = std::move(kept);
    }
    /// Keeps those that evidence gives for any of these outputs.
    void keep(const DataEvidence::Fields& evidence, const Names& outputs) {
        Names named;
        for (const std::string& output : outputs)
            if (const auto found = evidence.find(output); found != evidence.end())
                named.insert(found->second.begin(), found->second.end());
        keep(named);
    }

  private:
    std::vector<const ir::DataField*> fields_;
};

/// "network" of "network.output" or "network#0".
std::string network_of(const std::string& name) { return name.substr(0, name.find_first_of(".#")); }

/// One function of the author's.
class FunctionResults {
  public:
    FunctionResults(const DataEvidence& evidence, const ir::Function& function,
                    const std::vector<Applied>& applied)
        : evidence_(evidence),
          function_(function),
          applied_(applied),
          origins_(origins_of(function, applied)) {
        for (const ir::Input& input : function.inputs)
            if (input.source.is_data()) taken_.insert(input.source.field);
    }

    /// 1. What the losses judge and compare the network's output with. 2. The data that the result
    /// is computed from element by element. 3. What a denoiser, of which samples are made step by
    /// step, is trained on. 4. The data that the function takes.
    void narrow(Choice& choice, size_t result) const {
        const Origin& origin = origins_[static_cast<size_t>(function_.results[result].value)];
        Names outputs = origin.networks;
        if (outputs.empty() && origin.fields.empty())
            for (const Applied& network : applied_) outputs.insert(network.network);
        choice.keep(evidence_.judged, outputs);
        choice.keep(evidence_.compared, outputs);
        choice.keep(evidence_.multiplied, outputs);
        choice.keep(origin.fields);
        choice.keep(trained_on(outputs));
        choice.keep(taken_);
    }

  private:
    /// What training feeds to those inputs of the networks that get none of the function's data
    /// here: a denoiser's picture, and not its conditions.
    Names trained_on(const Names& outputs) const {
        Names networks, conditions, fields;
        for (const std::string& output : outputs) networks.insert(network_of(output));
        for (const auto& [input, value] : inputs_of(function_, applied_))
            if (!origins_[static_cast<size_t>(value)].fields.empty()) conditions.insert(input);
        for (const auto& [input, fed] : evidence_.fed) {
            if (networks.count(network_of(input)) == 0 || conditions.count(input) != 0) continue;
            std::set_difference(fed.begin(), fed.end(), taken_.begin(), taken_.end(),
                                std::inserter(fields, fields.end()));
        }
        return fields;
    }

    const DataEvidence& evidence_;
    const ir::Function& function_;
    const std::vector<Applied>& applied_;
    std::vector<Origin> origins_;
    Names taken_;
};

void warn(const dsl::FunctionSpec& spec, const std::string& what, const Choice& choice,
          Diagnostics& diagnostics) {
    std::vector<std::string> names;
    for (const ir::DataField* field : choice.left()) names.push_back(field->name);
    diagnostics
        .warning(DiagnosticKind::kBadValue, spec.span,
                 "nothing says which of the data {} is like, `{}`: `{}` is taken, the first", what,
                 fmt::join(names, "`, `"), names.front())
        .help(
            "commands that draw, write or measure it take the range, columns and rate of these "
            "data; another field is taken where it stands first in `data`");
}

}  // namespace

DataEvidence data_evidence(const ir::Function& evaluate, const std::vector<Applied>& applied) {
    DataEvidence evidence;
    const std::vector<Origin> origins = origins_of(evaluate, applied);
    const auto note = [](DataEvidence::Fields& to, const Origin& of, const Origin& with) {
        for (const std::string& network : of.networks)
            to[network].insert(with.fields.begin(), with.fields.end());
    };
    std::map<std::string, Origin> fed;
    for (const auto& [input, value] : inputs_of(evaluate, applied))
        fed[input].add(origins[static_cast<size_t>(value)]);
    for (const auto& [input, origin] : fed) {
        evidence.fed[input] = origin.fields;
        note(evidence.judged, origin, origin);
    }
    for (const ir::Operation& op : evaluate.operations) {
        const bool sub = op.as<ir::Sub>() != nullptr;
        if (!sub && op.as<ir::Mul>() == nullptr) continue;
        const Origin& a = origins[static_cast<size_t>(op.operands[0])];
        const Origin& b = origins[static_cast<size_t>(op.operands[1])];
        DataEvidence::Fields& to = sub ? evidence.compared : evidence.multiplied;
        note(to, a, b);
        note(to, b, a);
    }
    return evidence;
}

void write_results_like(const DataEvidence& evidence,
                        const std::map<std::string, std::vector<Applied>>& applied,
                        ModuleScope& m) {
    for (const dsl::FunctionSpec& spec : m.spec.objective.functions) {
        const ir::Function* function = m.module.find_function(spec.name);
        if (function == nullptr) continue;
        const FunctionResults results(evidence, *function, applied.at(spec.name));
        for (size_t i = 0; i < function->results.size(); ++i) {
            Choice choice(ir::fields_like(m.module, *function, i));
            if (choice.is_made()) continue;
            results.narrow(choice, i);
            const std::string& name = function->results[i].name;
            if (!choice.is_made())
                warn(spec,
                     function->results.size() == 1 ? fmt::format("`{}`", spec.name)
                                                   : fmt::format("`{}` of `{}`", name, spec.name),
                     choice, m.diagnostics);
            m.module.results_like.push_back({spec.name, name, choice.left().front()->name});
        }
    }
}

}  // namespace gmc::lower

// Prints modules as text. The order of everything is that of the module, and numbers print without
// loss, so equal modules print to equal text, and what is printed is read back as an equal module
// (tests/unit/ir_text.cpp).
#include "compiler/ir/text/printer.h"

#include <fmt/format.h>

#include "compiler/ir/attributes.h"
#include "compiler/ir/text/parser.h"

namespace gmc::ir {
namespace {

/// Prints what belongs to one function; `function` is null where only a place is printed.
class Printer {
  public:
    Printer(const Module& module, const Function* function)
        : module_(module), function_(function) {}

    std::string location(const Location& l) const {
        if (!l.known()) return "";
        return fmt::format("  // {}:{}:{}", module_.files[l.file], l.line, l.column);
    }

    std::string name(ValueId id) const {
        const Value& v = function_->values[id];
        return (v.state == kNone ? "%" : "@") + v.name;
    }

    std::string names(const std::vector<ValueId>& ids) const {
        std::string out;
        for (ValueId id : ids) out += (out.empty() ? "" : ", ") + name(id);
        return out;
    }

    std::string placement(ValueId id) const {
        const Value& v = function_->values[id];
        if (v.home != kNone) return " at @" + module_.states[v.home].name;
        return v.arena_offset == kNone ? "" : fmt::format(" at {}", v.arena_offset);
    }

    std::string operation(const Operation& op, const std::string& indent) const {
        std::string out = indent + names(op.results) + " = " + std::string(op.info().name);
        if (!op.operands.empty()) out += " " + names(op.operands);
        if (const auto* fused = op.as<Fused>()) {
            // Its space is printed even when it is the default, or the parser would take the body
            // for attributes.
            out += fmt::format(" {{space={}}}", to_string(fused->space));
            out += " {" + location(op.location) + "\n";
            for (const Operation& inner : op.body) out += operation(inner, indent + "  ") + "\n";
            return out + indent + "}";
        }
        out += attributes_text(op.op);
        std::string types;
        for (ValueId id : op.results)
            types += (types.empty() ? "" : ", ") + to_string(function_->type(id)) + placement(id);
        return out + " : " + types + location(op.location);
    }

  private:
    const Module& module_;
    const Function* function_;
};

std::string print_field(const char* keyword, const DataField& field) {
    return fmt::format("{} @{} : {} = {} {}{}\n", keyword, field.name, to_string(f32(field.shape)),
                       field.format, quoted(field.source), attributes_text(field));
}

std::string print_contract(const Module& module) {
    std::string out;
    if (!module.description.empty())
        out += fmt::format("description {}\n", quoted(module.description));
    for (const DataField& field : module.data) out += print_field("data", field);
    for (const DataField& field : module.test) out += print_field("test", field);
    for (const Network& network : module.networks)
        out += fmt::format("network @{}{}\n", network.name, attributes_text(network));
    if (module.training) out += fmt::format("train{}\n", attributes_text(*module.training));
    for (const RateEnd& end : module.rate_ends)
        out += fmt::format("rate_end{}\n", attributes_text(end));
    for (const Bound& bound : module.bounds)
        out += fmt::format("bound{}\n", attributes_text(bound));
    for (const FigureFields& figure : module.figure_fields)
        out += fmt::format("figure_fields{}\n", attributes_text(figure));
    for (const ResultLike& like : module.results_like)
        out += fmt::format("result_like{}\n", attributes_text(like));
    if (module.run != RunPolicy{}) out += fmt::format("run{}\n", attributes_text(module.run));
    if (!module.schedule.empty()) {
        out += "schedule";
        for (const ScheduleEntry& entry : module.schedule) {
            out += " @" + entry.function;
            if (entry.repeat != 1) out += fmt::format("*{}", entry.repeat);
            if (entry.every != 1) out += fmt::format("/{}", entry.every);
        }
        out += "\n";
    }
    if (module.compilation != Compilation{})
        out += fmt::format("compile{}\n", attributes_text(module.compilation));
    if (module.origin != Origin{}) out += fmt::format("origin{}\n", attributes_text(module.origin));
    for (const Layer& layer : module.layers)
        out += fmt::format("layer @{} : {} = {}\n", layer.name, to_string(f32(layer.shape)),
                           layer.kind);
    return out;
}

std::string print_state(const Module& module, const State& s) {
    const std::string start = s.role == StateRole::kCopy
                                  ? "@" + module.states[s.source].name
                                  : s.initializer.kind + attributes_text(s.initializer);
    return fmt::format("state @{} : {} {} = {}{}\n", s.name, to_string(s.type),
                       state_role_name(s.role), start,
                       Printer(module, nullptr).location(s.location));
}

}  // namespace

std::string print(const Module& module, const Function& function, const Operation& operation) {
    return Printer(module, &function).operation(operation, "");
}

std::string print(const Module& module, const Function& function) {
    const Printer printer(module, &function);
    std::string inputs;
    for (const Input& input : function.inputs)
        inputs += fmt::format("{}{}: {}{} = {}", inputs.empty() ? "" : ", ",
                              printer.name(input.value), to_string(function.type(input.value)),
                              printer.placement(input.value), to_string(input.source));
    std::string plan;
    if (function.arena_bytes != kNone)
        plan =
            fmt::format(" arena {} unplanned {}", function.arena_bytes, function.unplanned_bytes);
    std::string out = fmt::format("{} @{}({}){} {{\n", function.is_body ? "body" : "func",
                                  function.name, inputs, plan);
    for (const Operation& op : function.operations) out += printer.operation(op, "  ") + "\n";
    for (const Update& u : function.updates)
        out +=
            fmt::format("  update @{} = {}\n", module.states[u.state].name, printer.name(u.value));
    for (const NamedValue& r : function.results)
        out += fmt::format("  result {} = {}{}{}\n", r.name, printer.name(r.value),
                           r.unit.empty() ? "" : " in " + quoted(r.unit), r.whole ? " whole" : "");
    return out + "}\n";
}

std::string print(const Module& module) {
    std::string out = fmt::format("gmc {}\nmodel {}\n", kFormatVersion, quoted(module.name));
    for (const std::string& file : module.files) out += fmt::format("file {}\n", quoted(file));
    out += print_contract(module);
    for (const State& state : module.states) out += print_state(module, state);
    for (const Function& function : module.functions) out += "\n" + print(module, function);
    return out;
}

}  // namespace gmc::ir

// Printing of modules.
#include "compiler/ir/text/printer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/ir/attributes.h"

namespace gmc::ir {
namespace {

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out + "\"";
}

std::string config_text(const ConfigValue& value) {
    if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
    if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
    return fmt::format("[{}]", fmt::join(std::get<std::vector<double>>(value), ", "));
}

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
                              printer.placement(input.value), input.source);
    std::string plan;
    if (function.arena_bytes != kNone)
        plan =
            fmt::format(" arena {} unplanned {}", function.arena_bytes, function.unplanned_bytes);
    std::string out = fmt::format("func @{}({}){} {{\n", function.name, inputs, plan);
    for (const Operation& op : function.operations) out += printer.operation(op, "  ") + "\n";
    for (const Update& u : function.updates)
        out +=
            fmt::format("  update @{} = {}\n", module.states[u.state].name, printer.name(u.value));
    for (const NamedValue& r : function.results)
        out += fmt::format("  result {} = {}\n", r.name, printer.name(r.value));
    return out + "}\n";
}

std::string print(const Module& module) {
    std::string out = fmt::format("gmc 1\nmodel {}\n", quoted(module.name));
    for (const std::string& file : module.files) out += fmt::format("file {}\n", quoted(file));
    for (const auto& [key, value] : module.config)
        out += fmt::format("config {} = {}\n", key, config_text(value));
    for (const State& state : module.states) out += print_state(module, state);
    for (const Function& function : module.functions) out += "\n" + print(module, function);
    return out;
}

}  // namespace gmc::ir

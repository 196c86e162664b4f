// Writes a module as JSON, with the same fields as the printer of the text
// (compiler/ir/text/printer.cpp), for programs that would otherwise have to parse that text.
#include "compiler/view/json.h"

#include <fmt/format.h>

#include "compiler/ir/attributes.h"

namespace gmc::view {
namespace {

using namespace ir;  // NOLINT

template <typename T>
Json value_of(const T& value) {
    return value;
}
Json value_of(DType value) { return dtype_name(value); }
Json value_of(const Interval& value) { return std::vector<double>{value.low, value.high}; }

Json attributes(const OpVariant& op) {
    Json out = Json::object();
    for (const ConstMember& member : members_of(op))
        out[member.name] =
            std::visit([](const auto* value) { return value_of(*value); }, member.value);
    return out;
}

/// Makes the JSON of states and functions. A value is always written with its name as it is
/// printed: `%x`, or `@w` for a state.
class JsonWriter {
  public:
    explicit JsonWriter(const Module& module) : module_(module) {}

    Json state(const State& s) const {
        Json out = type(s.type);
        out["role"] = state_role_name(s.role);
        if (s.role == StateRole::kCopy)
            out["source"] = module_.states[s.source].name;
        else
            out["initializer"] = s.initializer.kind;
        return with_name(s.name, out, s.location);
    }

    Json function(const Function& f) const {
        Json out{{"name", f.name}};
        if (f.is_body) out["is_body"] = true;
        if (f.arena_bytes != kNone) out["arena_bytes"] = f.arena_bytes;
        out["inputs"] = Json::array();
        for (const Input& input : f.inputs) {
            out["inputs"].push_back(value(f, input.value))["source"] = to_string(input.source);
        }
        out["operations"] = operations(f, f.operations);
        out["updates"] = Json::array();
        for (const Update& u : f.updates)
            out["updates"].push_back(
                {{"state", module_.states[u.state].name}, {"value", name(f, u.value)}});
        out["results"] = Json::array();
        for (const NamedValue& r : f.results)
            out["results"].push_back({{"name", r.name}, {"value", name(f, r.value)}});
        return out;
    }

  private:
    static Json type(const Type& t) { return {{"dtype", dtype_name(t.dtype)}, {"shape", t.shape}}; }

    Json with_name(const std::string& name, const Json& rest, const Location& at) const {
        Json out{{"name", name}};
        out.update(rest);
        add_place(out, at);
        return out;
    }

    void add_place(Json& out, const Location& at) const {
        if (at.known())
            out["at"] = fmt::format("{}:{}:{}", module_.files[at.file], at.line, at.column);
    }

    static std::string name(const Function& f, ValueId v) {
        return (f.values[v].state == kNone ? "%" : "@") + f.values[v].name;
    }

    Json value(const Function& f, ValueId v) const {
        Json out{{"name", name(f, v)}};
        out.update(type(f.type(v)));
        if (f.values[v].arena_offset != kNone) out["offset"] = f.values[v].arena_offset;
        if (f.values[v].home != kNone) out["home"] = module_.states[f.values[v].home].name;
        return out;
    }

    Json operations(const Function& f, const std::vector<Operation>& list) const {
        Json out = Json::array();
        for (const Operation& op : list) {
            Json one{{"op", op.info().name}};
            one["operands"] = Json::array();
            for (ValueId v : op.operands) one["operands"].push_back(name(f, v));
            one["results"] = Json::array();
            for (ValueId v : op.results) one["results"].push_back(value(f, v));
            one["attributes"] = attributes(op.op);
            if (!op.body.empty()) one["body"] = operations(f, op.body);
            add_place(one, op.location);
            out.push_back(std::move(one));
        }
        return out;
    }

    const Module& module_;
};

}  // namespace

Json to_json(const Module& module) {
    const JsonWriter writer(module);
    Json out{{"model", module.name}, {"states", Json::array()}, {"functions", Json::array()}};
    for (const State& state : module.states) out["states"].push_back(writer.state(state));
    for (const Function& f : module.functions) out["functions"].push_back(writer.function(f));
    return out;
}

}  // namespace gmc::view

// Reads `define:`, functions of the author's own, and checks that neither they nor networks contain
// themselves: both are evaluated by recursion.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "dsl/model_view.h"
#include "dsl/reader.h"

namespace gmc::dsl {

std::vector<Definition> read_definitions(const Entry& define, Diagnostics& diagnostics) {
    std::vector<Definition> out;
    if (!expect_map(*define.value, "`define`", define.key_span, diagnostics,
                    "for example `define: {gumbel(x): -log(-log(uniform(x)))}`"))
        return out;
    for (const Entry& entry : define.value->entries) {
        Definition definition;
        std::vector<Span> spans;
        definition.span = entry.key_span;
        if (!read_signature(entry, definition.name, definition.parameters, spans, diagnostics))
            continue;
        if (entry.value->is_null())
            diagnostics.error(DiagnosticKind::kWrongType, entry.key_span, "`{}` has no value",
                              entry.key);
        else
            definition.body =
                read_expression(*entry.value, fmt::format("`{}`", entry.key), diagnostics);
        // After an error the name stays defined, so that its uses are not reported as well.
        if (!definition.body) definition.body = name_expression("step", entry.key_span);
        out.push_back(std::move(definition));
    }
    return out;
}

namespace {

/// Follows calls from network to network and from definition to definition.
class RecursionChecker {
  public:
    RecursionChecker(const ModelSpec& model, Diagnostics& diagnostics)
        : model_(model), diagnostics_(diagnostics) {}

    void check() {
        for (const Definition& definition : model_.definitions) follow(definition.name);
        for (const NetworkSpec& network : model_.networks) follow(network.name);
    }

  private:
    void follow(const std::string& name) {
        const auto open = std::find(chain_.begin(), chain_.end(), name);
        if (open != chain_.end()) return report({open, chain_.end()});
        if (!done_.insert(name).second) return;
        chain_.push_back(name);
        for (const Definition& definition : model_.definitions)
            if (definition.name == name) follow_calls(*definition.body);
        for (const NetworkSpec& network : model_.networks)
            if (network.name == name)
                for_each_layer(network, [&](const LayerSpec& layer) {
                    for (const auto& [key, value] : layer.expressions) follow_calls(*value);
                });
        chain_.pop_back();
    }

    void follow_calls(const Expression& e) {
        if (e.kind == Expression::Kind::kCall && place_of(e.text).known()) follow(e.text);
        for (const ExpressionPtr& argument : e.arguments) follow_calls(*argument);
    }

    Span place_of(const std::string& name) const {
        for (const Definition& definition : model_.definitions)
            if (definition.name == name) return definition.span;
        for (const NetworkSpec& network : model_.networks)
            if (network.name == name) return network.span;
        return {};
    }

    void report(const std::vector<std::string>& chain) {
        Diagnostic& error = diagnostics_.error(DiagnosticKind::kCycle, place_of(chain[0]),
                                               "`{}` contains itself: {} -> {}", chain[0],
                                               fmt::join(chain, " -> "), chain[0]);
        for (size_t i = 1; i < chain.size() && i < 6; ++i)
            error.note(place_of(chain[i]), fmt::format("`{}` is here", chain[i]));
    }

    const ModelSpec& model_;
    Diagnostics& diagnostics_;
    std::vector<std::string> chain_;
    std::set<std::string> done_;
};

}  // namespace

void check_no_recursion(const ModelSpec& model, Diagnostics& diagnostics) {
    RecursionChecker(model, diagnostics).check();
}

}  // namespace gmc::dsl

// Reads `define:`, functions of the author's own, and checks that neither they nor networks contain
// themselves or grow beyond limits: both are evaluated by recursion, once for each call.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "dsl/model_view.h"
#include "dsl/reader.h"
#include "dsl/text/scalar.h"

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

/// Links of a chain of calls, as of entries of `let`; levels of the trees on such a chain;
/// operators and layers of one name with all that it calls, and of the whole model. Evaluation
/// recurses into calls and evaluates a body once for each of them, so few lines could ask for
/// endless work.
constexpr size_t kMostCalls = 500;
constexpr size_t kMostLevelsOfCalls = 2'000;
constexpr double kMostParts = 20'000;
constexpr double kMostPartsOfModel = 300'000;

/// How much something is once all calls of definitions in it are replaced by their bodies.
struct Extent {
    size_t levels = 0;
    double parts = 0;                    ///< operators, names, numbers and layers
    std::map<std::string, double> uses;  ///< how often each parameter occurs

    double all() const {
        double sum = parts;
        for (const auto& [name, times] : uses) sum += times;
        return sum;
    }
};

/// Follows calls from network to network and from definition to definition. Each is finished once,
/// so the cost is that of reading all expressions once; the recursion goes from name to name, and
/// no deeper than kMostCalls.
class CallChecker {
  public:
    CallChecker(const ModelSpec& model, Diagnostics& diagnostics)
        : model_(model), diagnostics_(diagnostics) {
        for (const NetworkSpec& network : model.networks) networks_[network.name] = &network;
        for (const Definition& definition : model.definitions)
            definitions_[definition.name] = &definition;
    }

    void check() {
        for (const Definition& definition : model_.definitions) follow(definition.name);
        for (const NetworkSpec& network : model_.networks) follow(network.name);
        const ObjectiveSpec& objective = model_.objective;
        for (const NamedExpression& entry : objective.let) count(entry.value);
        for (const StateSpec& state : objective.states) count(state.update);
        for (const MinimizeSpec& entry : objective.minimize) {
            count(entry.loss);
            for (const NamedExpression& metric : entry.metrics) count(metric.value);
        }
        for (const FunctionSpec& function : objective.functions)
            for (const NamedExpression& result : function.results) count(result.value);
    }

  private:
    const Extent& follow(const std::string& name) {
        static const Extent kNothing;
        if (const auto known = extents_.find(name); known != extents_.end()) return known->second;
        const auto open = std::find(chain_.begin(), chain_.end(), name);
        if (open != chain_.end()) {
            report_cycle({open, chain_.end()});
            return kNothing;
        }
        chain_.push_back(name);
        if (chain_.size() > kMostCalls) {
            report(name, fmt::format("`{}` is part of a chain of more than {} definitions and "
                                     "networks that call each other",
                                     name, kMostCalls));
        } else {
            std::set<std::string> called;
            each_expression(name, [&](const Expression& e) { collect_calls(e, called); });
            for (const std::string& next : called) follow(next);
        }
        Extent extent = extent_of(name);
        chain_.pop_back();
        if (extent.levels > kMostLevelsOfCalls)
            report(name, fmt::format("`{}` has more than {} levels, those of all that it calls "
                                     "included",
                                     name, format_number(kMostLevelsOfCalls)));
        if (extent.all() > kMostParts)
            report(name, fmt::format("`{}` has more than {} operators and layers, those of all "
                                     "that it calls included, as often as it calls them",
                                     name, format_number(kMostParts)));
        return extents_[name] = std::move(extent);
    }

    void each_expression(const std::string& name,
                         const std::function<void(const Expression&)>& visit) const {
        if (const auto own = definitions_.find(name); own != definitions_.end())
            visit(*own->second->body);
        if (const auto network = networks_.find(name); network != networks_.end())
            for_each_layer(*network->second, [&](const LayerSpec& layer) {
                for (const auto& [key, value] : layer.expressions) visit(*value);
            });
    }

    void collect_calls(const Expression& e, std::set<std::string>& called) const {
        if (e.kind == Expression::Kind::kCall && place_of(e.text).known()) called.insert(e.text);
        for (const ExpressionPtr& argument : e.arguments) collect_calls(*argument, called);
    }

    /// The extents of all that it calls are known, unless they are on a cycle or behind a limit.
    Extent extent_of(const std::string& name) const {
        Extent out;
        const auto own = definitions_.find(name);
        if (own != definitions_.end())
            return extent_of(*own->second->body,
                             {own->second->parameters.begin(), own->second->parameters.end()});
        const auto network = networks_.find(name);
        if (network == networks_.end()) return out;
        for_each_layer(*network->second, [&](const LayerSpec& layer) {
            out.parts += 1;
            for (const auto& [key, value] : layer.expressions) {
                const Extent inside = extent_of(*value, {});
                out.parts += inside.parts;
                out.levels = std::max(out.levels, inside.levels);
            }
        });
        return out;
    }

    Extent extent_of(const Expression& e, const std::set<std::string>& parameters) const {
        Extent out;
        if (e.kind == Expression::Kind::kName && parameters.count(e.text) != 0) {
            out.uses[e.text] = 1;
            out.levels = 1;
            return out;
        }
        const auto own = definitions_.find(e.text);
        const Definition* called =
            e.kind == Expression::Kind::kCall && own != definitions_.end() ? own->second : nullptr;
        const auto known =
            e.kind == Expression::Kind::kCall ? extents_.find(e.text) : extents_.end();
        if (known != extents_.end()) {
            out.parts = known->second.parts;
            out.levels = known->second.levels;
        }
        for (size_t i = 0; i < e.arguments.size(); ++i) {
            const Extent argument = extent_of(*e.arguments[i], parameters);
            double times = 1;
            if (called != nullptr && known != extents_.end() && i < called->parameters.size()) {
                const auto uses = known->second.uses.find(called->parameters[i]);
                times = uses == known->second.uses.end() ? 1 : uses->second;
            }
            out.levels = std::max(out.levels, argument.levels);
            out.parts += times * argument.parts;
            for (const auto& [name, count] : argument.uses) out.uses[name] += times * count;
        }
        out.parts += 1;
        out.levels += 1;
        return out;
    }

    /// Adds an expression of the objective to what the model has.
    void count(const ExpressionPtr& expression) {
        if (!expression) return;
        const Extent extent = extent_of(*expression, {});
        parts_ += extent.parts;
        if (parts_ <= kMostPartsOfModel || limit_reported_) return;
        limit_reported_ = true;
        diagnostics_.error(DiagnosticKind::kTooLarge, expression->span,
                           "up to here the objective has more than {} operators and layers, those "
                           "of all that it calls included, as often as it calls them",
                           format_number(kMostPartsOfModel));
    }

    Span place_of(const std::string& name) const {
        if (const auto own = definitions_.find(name); own != definitions_.end())
            return own->second->span;
        const auto network = networks_.find(name);
        return network != networks_.end() ? network->second->span : Span{};
    }

    void report_cycle(const std::vector<std::string>& chain) {
        Diagnostic& error = diagnostics_.error(DiagnosticKind::kCycle, place_of(chain[0]),
                                               "`{}` contains itself: {} -> {}", chain[0],
                                               fmt::join(chain, " -> "), chain[0]);
        for (size_t i = 1; i < chain.size() && i < 6; ++i)
            error.note(place_of(chain[i]), fmt::format("`{}` is here", chain[i]));
    }

    /// Reports a limit, once: all that call the name are beyond it as well.
    void report(const std::string& name, const std::string& text) {
        if (!limit_reported_)
            diagnostics_.error(DiagnosticKind::kTooLarge, place_of(name), "{}", text);
        limit_reported_ = true;
    }

    const ModelSpec& model_;
    Diagnostics& diagnostics_;
    std::map<std::string, const NetworkSpec*> networks_;
    std::map<std::string, const Definition*> definitions_;
    std::map<std::string, Extent> extents_;
    std::vector<std::string> chain_;
    double parts_ = 0;
    bool limit_reported_ = false;
};

}  // namespace

void check_no_recursion(const ModelSpec& model, Diagnostics& diagnostics) {
    CallChecker(model, diagnostics).check();
}

}  // namespace gmc::dsl

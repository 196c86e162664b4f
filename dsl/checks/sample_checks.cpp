// Checks whether functions such as `sample` read a network's numbers as its loss does.
#include <set>

#include "dsl/checks/checks.h"
#include "dsl/model_view.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

/// Collects networks whose numbers a loss compares with data: as logits, or as they are. Then looks
/// at what functions give.
class SampleChecks {
  public:
    SampleChecks(const ModelView& view, Diagnostics& diagnostics)
        : view_(view), diagnostics_(diagnostics) {}

    void run() {
        view_.walk_losses([&](const Expression& e) {
            if (e.kind == Kind::kCall && e.text == "bce_with_logits" && e.arguments.size() == 2)
                compared(*e.arguments[0], *e.arguments[1], e, logits_);
            if (const Expression* difference = squared(e)) {
                compared(*difference->arguments[0], *difference->arguments[1], e, values_);
                compared(*difference->arguments[1], *difference->arguments[0], e, values_);
            }
        });
        for (const FunctionSpec& function : view_.spec().objective.functions)
            if (function.name == "sample") learnt(function);
        for (const FunctionSpec& function : view_.spec().objective.functions)
            for (const NamedExpression& result : function.results)
                if (function.name == "sample" || function.name == "reconstruct")
                    gives(*result.value, function);
    }

  private:
    using Uses = std::map<const NetworkSpec*, const Expression*>;

    /// The difference in (a - b)^2 and square(a - b); null for anything else.
    const Expression* squared(const Expression& e) const {
        const bool power =
            e.kind == Kind::kBinary && e.text == "^" && constant_value(*e.arguments[1]) == 2.0;
        const bool call = e.kind == Kind::kCall && e.text == "square" && e.arguments.size() == 1;
        if (!power && !call) return nullptr;
        const Expression& base = view_.resolved(*e.arguments[0]);
        return base.kind == Kind::kBinary && base.text == "-" ? &base : nullptr;
    }

    /// The network whose result `e` is; null for anything else.
    const NetworkSpec* applied(const Expression& e) const {
        return e.kind == Kind::kCall ? view_.network(e.text) : nullptr;
    }

    void compared(const Expression& result, const Expression& data, const Expression& use,
                  Uses& uses) const {
        const NetworkSpec* network = applied(view_.resolved(result));
        if (network && view_.field_of(data)) uses.emplace(network, &use);
    }

    /// Samples that depend on nothing that training changes, as of `sample(z): z`.
    void learnt(const FunctionSpec& function) {
        bool any = false;
        const auto look = [&](const Expression& e) {
            for (const StateSpec& state : view_.spec().objective.states)
                any |= e.text == state.name;
            any |= view_.network(e.text) != nullptr;
        };
        for (const NamedExpression& result : function.results)
            view_.walk(*result.value, look, function.parameters);
        if (any || function.results.empty()) return;
        diagnostics_
            .warning(DiagnosticKind::kNotTrained, function.results.front().value->span,
                     "`sample` depends on no network, so training changes nothing of it")
            .help("a sample is what a network makes of noise, as in `sample(z): decoder(z)`");
    }

    /// `sample(z): decoder(z)`, and `sample(z): sigmoid(decoder(z))`. An activation in the network
    /// itself is the theme of logit_checks.cpp.
    void gives(const Expression& result, const FunctionSpec& function) {
        if (const NetworkSpec* network = applied(result)) {
            const std::optional<Ending> ending = ending_of(*network);
            const auto use = logits_.find(network);
            if (use == logits_.end() || values_.count(network) || (ending && ending->range)) return;
            diagnostics_
                .warning(DiagnosticKind::kRangeMismatch, result.span,
                         "`{}` gives the logits of `{}`, which may be any numbers", function.name,
                         network->name)
                .note(use->second->span, "the loss takes them for logits here")
                .help(fmt::format("`sigmoid({})` makes values from 0 to 1 of them",
                                  to_string(result)));
            return;
        }
        if (result.kind != Kind::kCall || result.arguments.size() != 1) return;
        const NetworkSpec* network = applied(*result.arguments[0]);
        const auto use = network ? values_.find(network) : values_.end();
        if (use == values_.end() || logits_.count(network) || !range_of(result.text)) return;
        diagnostics_
            .warning(DiagnosticKind::kRangeMismatch, result.span,
                     "`{}` puts `{}` around `{}`, but the loss compares `{}` itself with the data",
                     function.name, result.text, network->name, network->name)
            .note(use->second->span, "the loss is here")
            .help(fmt::format("`{}` here, or `{}` in the loss too", to_string(*result.arguments[0]),
                              result.text));
    }

    const ModelView& view_;
    Diagnostics& diagnostics_;
    Uses logits_, values_;
};

}  // namespace

void check_samples(const ModelView& view, Diagnostics& diagnostics) {
    SampleChecks(view, diagnostics).run();
}

}  // namespace gmc::dsl

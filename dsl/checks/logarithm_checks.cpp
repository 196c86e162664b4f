// Checks logarithms of what the language has a function for that neither overflows nor is -inf:
// log(softmax(x)), log(sigmoid(x)), log(1 - sigmoid(x)), log(sum(exp(x))), log(1 + exp(x)).
#include <algorithm>
#include <set>

#include "dsl/checks/checks.h"
#include "dsl/model_view.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

bool is_call_of(const Expression& e, std::string_view name) {
    return e.kind == Kind::kCall && e.text == name && !e.arguments.empty();
}

/// Looks at each `log` of losses, metrics and functions.
class LogarithmChecks {
  public:
    LogarithmChecks(const ModelView& view, Diagnostics& diagnostics)
        : view_(view), diagnostics_(diagnostics) {}

    void run() {
        const auto visit = [&](const Expression& e) {
            if (is_call_of(e, "log")) logarithm(e, view_.resolved(*e.arguments[0]));
        };
        view_.walk_losses(visit);
        view_.walk_functions(visit);
    }

  private:
    /// The arguments of a call as they are written, with `replaced` in place of its name.
    static std::string renamed(const Expression& call, const std::string& replaced) {
        Expression other = call;
        other.text = replaced;
        return to_string(other);
    }

    /// "softplus(x)" of `f(x)`; with `minus` "-softplus(-x)".
    static std::string softplus(const Expression& call, bool minus) {
        Expression out = call;
        out.text = "softplus";
        if (!minus) return to_string(out);
        Expression negative{Kind::kUnary, 0, "-", {call.arguments[0]}, {}, call.span};
        out.arguments[0] = std::make_shared<Expression>(negative);
        return "-" + to_string(out);
    }

    /// x - max(x, ...), of which no exp overflows.
    bool is_kept_small(const Expression& exponent) const {
        const Expression& difference = view_.resolved(exponent);
        if (difference.kind != Kind::kBinary || difference.text != "-") return false;
        const Expression* most = &view_.resolved(*difference.arguments[1]);
        if (is_call_of(*most, "stop_gradient")) most = &view_.resolved(*most->arguments[0]);
        return is_call_of(*most, "max") && to_string(view_.resolved(*most->arguments[0])) ==
                                               to_string(view_.resolved(*difference.arguments[0]));
    }

    void logarithm(const Expression& log, const Expression& x) {
        if (is_call_of(x, "softmax")) return report(log, x, renamed(x, "log_softmax"));
        if (is_call_of(x, "sigmoid")) return report(log, x, softplus(x, true));
        if (is_call_of(x, "sum") && is_call_of(view_.resolved(*x.arguments[0]), "exp")) {
            if (is_kept_small(*view_.resolved(*x.arguments[0]).arguments[0])) return;
            Expression all = x;
            all.text = "logsumexp";
            all.arguments[0] = view_.resolved(*x.arguments[0]).arguments[0];
            return report(log, x, to_string(all));
        }
        of_network(log, x, false);
        if (x.kind != Kind::kBinary || (x.text != "+" && x.text != "-")) return;
        const bool first = constant_value(*x.arguments[0]) == 1.0;
        if (!first && constant_value(*x.arguments[1]) != 1.0) return;
        const Expression& other = view_.resolved(*x.arguments[first ? 1 : 0]);
        if (x.text == "+" && is_call_of(other, "exp")) report(log, x, softplus(other, false));
        if (x.text == "-" && first && is_call_of(other, "sigmoid"))
            report(log, x, "-" + softplus(other, false));
        if (x.text == "-" && first) of_network(log, other, true);
    }

    /// log(net(x)), or log(1 - net(x)) (`complement`), of a network that ends in a sigmoid or
    /// softmax.
    void of_network(const Expression& log, const Expression& result, bool complement) {
        const std::optional<Ending> ending = view_.ending_of(result);
        if (!ending) return;
        const bool sigmoid = ending->activation == "sigmoid";
        if (!sigmoid && (ending->activation != "softmax" || complement)) return;
        if (is_said(ending->span) || !networks_.insert(ending->network).second) return;
        const std::string x = to_string(result);
        diagnostics_
            .warning(DiagnosticKind::kBadExpression, log.span,
                     "`{}` is -inf where the `{}` at the end of {} rounds to {}, and has no "
                     "gradient there",
                     to_string(log), ending->activation, name_of(*ending), complement ? 1 : 0)
            .note(ending->span, fmt::format("the `{}` is here", ending->activation))
            .help(sigmoid ? fmt::format("without it, `-softplus(-{0})` is the logarithm and "
                                        "`-softplus({0})` that of the complement, never infinite",
                                        x)
                          : fmt::format("without it, `log_softmax({})` is never infinite", x));
    }

    /// That there should be something else at this place.
    bool is_said(const Span& place) const {
        const auto& said = diagnostics_.warnings();
        return std::any_of(said.begin(), said.end(),
                           [&](const Diagnostic& other) { return other.span == place; });
    }

    void report(const Expression& log, const Expression& of, const std::string& right) {
        if (is_said(of.span) || !places_.insert({log.span.line, log.span.column}).second) return;
        const bool sum = of.text == "sum" || of.text == "+";
        Diagnostic& warning = diagnostics_.warning(
            DiagnosticKind::kBadExpression, log.span, "`{}` {}", to_string(log),
            sum ? "is infinite as soon as an `exp` in it overflows, at 89"
                : "is -inf where the probability rounds to 0, and has no gradient there");
        if (log.arguments[0]->span != of.span)
            warning.note(of.span, fmt::format("`{}` is this", to_string(*log.arguments[0])));
        warning.help(fmt::format("`{}` is the same without that", right));
    }

    const ModelView& view_;
    Diagnostics& diagnostics_;
    std::set<std::pair<uint32_t, uint32_t>> places_;
    std::set<const NetworkSpec*> networks_;  ///< that were reported
};

}  // namespace

void check_logarithms(const ModelView& view, Diagnostics& diagnostics) {
    LogarithmChecks(view, diagnostics).run();
}

}  // namespace gmc::dsl

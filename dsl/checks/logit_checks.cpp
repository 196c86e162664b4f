// Checks losses that expect logits (any number) but get probabilities, and logarithms of numbers
// that may be negative.
#include <cmath>
#include <set>

#include "dsl/checks/checks.h"
#include "dsl/model_view.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

bool is_call(const Expression& e, std::string_view name, size_t arguments = 1) {
    return e.kind == Kind::kCall && e.text == name && e.arguments.size() == arguments;
}

/// Visits every expression of losses and functions and compares what a call expects with the
/// activation that its argument ends in, as far as ModelView can follow it.
class LogitChecks {
  public:
    LogitChecks(const ModelView& view, Diagnostics& diagnostics)
        : view_(view), diagnostics_(diagnostics) {}

    void run() {
        const auto visit = [&](const Expression& e) {
            takes_logits(e);
            hinge(e);
            least_squares(e);
            class_probability(e);
            logarithm(e);
        };
        view_.walk_losses([&](const Expression& e) { find_complement(e); });
        view_.walk_losses(visit);
        view_.walk_functions(visit);
        for (const NetworkSpec& network : view_.spec().networks)
            if (network.role == "critic") critic(network);
    }

  private:
    /// Warns when a function that turns logits into probabilities is given probabilities.
    void takes_logits(const Expression& e) {
        const bool cross_entropy = is_call(e, "bce_with_logits", 2);
        const bool squashes = cross_entropy || is_call(e, "sigmoid") || is_call(e, "softmax") ||
                              is_call(e, "log_softmax") || is_call(e, "softplus");
        if (!squashes) return;
        if (cross_entropy && view_.field_of(*e.arguments[0]) != nullptr &&
            view_.field_of(*e.arguments[1]) == nullptr)
            return swapped(e);
        const Expression* argument = e.arguments[0].get();
        while (argument->kind == Kind::kUnary) argument = argument->arguments[0].get();
        const Expression& value = view_.resolved(*argument);
        const std::optional<Range> gives =
            value.kind == Kind::kCall && value.arguments.size() == 1 && !view_.network(value.text)
                ? range_of(value.text)
                : std::nullopt;
        if (is_probability(gives) || (gives && gives->low >= 0 && e.text != "softplus"))
            return squashed_twice(e, value, is_probability(gives));
        const std::optional<Ending> ending = view_.ending_of(*argument);
        const bool makes_data =
            ending && (ending->network->role == "generator" || ending->network->role == "decoder");
        if (ending && !makes_data && ending->layer->kind == "dropout")
            return report(*ending, e,
                          fmt::format("{} ends in `dropout`, which in training sets logits of `{}` "
                                      "to 0",
                                      name_of(*ending), e.text),
                          "dropout stands before a layer with weights");
        if (!ending ||
            !(is_probability(ending->range) || (ending->range && must_be_free(e, *ending))))
            return;
        report(*ending, e,
               fmt::format("{} ends in `{}`, but `{}` takes logits, which have no bounds",
                           name_of(*ending), ending->activation, e.text),
               logits_remedy(*ending, e.text));
    }

    /// Whether bounds of any kind, as those of relu and tanh, keep some probabilities out of reach
    /// that the loss asks for. Elsewhere they may be meant.
    static bool must_be_free(const Expression& e, const Ending& ending) {
        const bool half = ending.range->low >= 0 && (e.text == "sigmoid" || e.text == "softmax");
        return half || e.text == "bce_with_logits" || e.text == "log_softmax" ||
               (e.text == "softplus" && is_judge(*ending.network));
    }

    /// Says which function of the loss has the activation already, if one has it.
    static std::string logits_remedy(const Ending& ending, const std::string& function) {
        const std::string& activation = ending.activation;
        const bool makes_softmax = function == "softmax" || function == "log_softmax";
        const bool makes_sigmoid = function == "sigmoid" || function == "bce_with_logits";
        if (activation == "sigmoid" && function == "softplus")
            return "remove `sigmoid`: `softplus(-x)` is -log(sigmoid(x)), so the loss has one";
        if (activation == (makes_softmax ? "softmax" : "sigmoid"))
            return fmt::format("remove `{}`: `{}` applies its own", activation, function);
        if (is_probability(ending.range) && (makes_softmax || makes_sigmoid))
            return fmt::format("remove `{}`: `{}` applies a {}", activation, function,
                               makes_softmax ? "softmax" : "sigmoid");
        return fmt::format("remove `{}`", activation);
    }

    /// `bce_with_logits(sigmoid(x), y)` and `sigmoid(relu(x))`, also where `let` has the sigmoid.
    void squashed_twice(const Expression& e, const Expression& value, bool probability) {
        diagnostics_
            .warning(DiagnosticKind::kLogitsExpected, e.arguments[0]->span,
                     "`{}` gives {}, but `{}` takes logits, which have no bounds", value.text,
                     probability ? "probabilities" : "nothing below 0", e.text)
            .help(fmt::format("give it `{}`, without `{}`", to_string(*value.arguments[0]),
                              value.text));
    }

    /// Warns about `bce_with_logits(data, logits)`: the arguments are swapped.
    void swapped(const Expression& e) {
        const std::string first = to_string(*e.arguments[0]), second = to_string(*e.arguments[1]);
        diagnostics_
            .warning(DiagnosticKind::kLogitsExpected, e.arguments[0]->span,
                     "`{}` is data, but `bce_with_logits` takes the logits first", first)
            .help(fmt::format("`bce_with_logits({}, {})`", second, first));
    }

    /// Warns about relu(1 - d) of the hinge loss when d has a bound, since then one side of it is
    /// never, or hardly, reached.
    void hinge(const Expression& e) {
        if (!is_call(e, "relu") || e.arguments[0]->kind != Kind::kBinary) return;
        const Expression& margin = *e.arguments[0];
        if (margin.text != "-" && margin.text != "+") return;
        const std::optional<Ending> ending = view_.ending_of(*margin.arguments[1]);
        if (!ending || !ending->range) return;
        if (!is_probability(ending->range) && !is_judge(*ending->network)) return;
        report(*ending, e,
               fmt::format("{} ends in `{}`, but the hinge loss takes numbers without bounds",
                           name_of(*ending), ending->activation),
               fmt::format("remove `{}`", ending->activation));
    }

    /// Warns about (d - target)^2 of a judge d that has a bound: far from the data it is flat, and
    /// a generator learns nothing there, which least squares are to avoid (LSGAN, Mao 2017).
    void least_squares(const Expression& e) {
        const bool power = e.kind == Kind::kBinary && e.text == "^";
        if (!power || constant_value(*e.arguments[1]) != 2.0) return;
        const Expression* judged = &view_.resolved(*e.arguments[0]);
        if (judged->kind == Kind::kBinary && (judged->text == "-" || judged->text == "+")) {
            const bool number_first = constant_value(*judged->arguments[0]).has_value();
            if (!number_first && !constant_value(*judged->arguments[1])) return;
            judged = judged->arguments[number_first ? 1 : 0].get();
        }
        const std::optional<Ending> ending = view_.ending_of(*judged);
        if (!ending || !ending->range || !is_judge(*ending->network)) return;
        report(*ending, e,
               fmt::format("{} ends in `{}`, but least squares take numbers without bounds",
                           name_of(*ending), ending->activation),
               fmt::format("remove `{}`: where it is flat, the generator learns nothing",
                           ending->activation));
    }

    /// `e` without signs in front of it.
    const Expression& unsigned_part(const Expression& e) const {
        const Expression* value = &view_.resolved(e);
        while (value->kind == Kind::kUnary) value = &view_.resolved(*value->arguments[0]);
        return *value;
    }

    /// Warns about one_hot(label) * log(p) where p are numbers from 0 to 1
    /// each by itself: nothing makes those of the other classes small. With log(1 - p) in the loss
    /// something does.
    void class_probability(const Expression& e) {
        if (e.kind != Kind::kBinary || e.text != "*" || has_complement_) return;
        for (size_t i = 0; i < 2; ++i) {
            const Expression& chosen = unsigned_part(*e.arguments[i]);
            const Expression& log = unsigned_part(*e.arguments[1 - i]);
            if (chosen.kind != Kind::kCall || chosen.text != "one_hot" || !is_call(log, "log"))
                continue;
            const Expression* p = &view_.resolved(*log.arguments[0]);
            const bool kept_from_zero = (p->kind == Kind::kBinary && p->text == "+") ||
                                        (p->kind == Kind::kCall && p->text == "clamp");
            if (kept_from_zero) p = &view_.resolved(*p->arguments[0]);
            not_probabilities(*p, e);
        }
    }

    void not_probabilities(const Expression& p, const Expression& use) {
        if (is_call(p, "sigmoid")) {
            diagnostics_
                .warning(DiagnosticKind::kLogitsExpected, p.span,
                         "`sigmoid` gives each class a number of its own, but this loss takes "
                         "probabilities that sum to 1")
                .help("`log_softmax(logits)` in place of the logarithm");
            return;
        }
        const std::optional<Ending> ending = view_.ending_of(p);
        if (!ending || ending->activation != "sigmoid") return;
        report(*ending, use,
               fmt::format("{} ends in `sigmoid`, a number for each class by itself, but this loss "
                           "takes probabilities that sum to 1",
                           name_of(*ending)),
               "`softmax` in its place; or no activation, and `log_softmax` in the loss");
    }

    /// Looks for log(1 - x) in the losses.
    void find_complement(const Expression& e) {
        if (!is_call(e, "log")) return;
        const Expression& argument = view_.resolved(*e.arguments[0]);
        has_complement_ |= argument.kind == Kind::kBinary && argument.text == "-" &&
                           constant_value(*argument.arguments[0]).has_value();
    }

    /// A critic (of a Wasserstein distance) has to be free to give any number.
    void critic(const NetworkSpec& network) {
        const std::optional<Ending> ending = ending_of(network);
        if (!ending || !ending->range) return;
        report(*ending, {},
               fmt::format("the critic `{}` ends in `{}`, but it measures a distance, which has no "
                           "bounds",
                           network.name, ending->activation),
               fmt::format("remove `{}`", ending->activation));
    }

    /// Warns about log(x), log(x + small), log(1 - x) and sqrt(x) of the result x of a network.
    void logarithm(const Expression& e) {
        if (!is_call(e, "log") && !is_call(e, "sqrt")) return;
        const Expression* argument = &view_.resolved(*e.arguments[0]);
        bool from_one = false, shifted = false;
        if (argument->kind == Kind::kBinary && (argument->text == "+" || argument->text == "-")) {
            const bool number_first = argument->arguments[0]->kind == Kind::kNumber;
            if (!number_first && argument->arguments[1]->kind != Kind::kNumber) return;
            from_one = number_first && argument->text == "-";
            shifted = argument->text == "+";
            argument = argument->arguments[number_first ? 1 : 0].get();
        }
        const std::optional<Ending> ending = view_.ending_of(*argument);
        if (!ending || ending->activation.empty()) return;
        const double low = ending->range ? ending->range->low : -INFINITY;
        const double high = ending->range ? ending->range->high : INFINITY;
        // relu gives 0 for half of its inputs; sigmoid, softmax and softplus only come near 0.
        const bool zero = ending->range && !ending->range->open_low && !shifted;
        if (from_one ? high <= 1 : low >= 0 && !zero) return;
        const std::string last = ending->activation == "none"
                                     ? "without an activation"
                                     : fmt::format("in `{}`", ending->activation);
        report(*ending, e,
               fmt::format("{} ends {}, so `{}` may be of a number that is not above 0",
                           name_of(*ending), last, to_string(e)),
               logarithm_remedy(*argument));
    }

    /// A named output may be a variance; what a network gives without a name is mostly a logit.
    static std::string logarithm_remedy(const Expression& argument) {
        const std::string& name = argument.text;
        for (const char* spread : {"var", "std", "sigma", "scale", "precision"})
            if (argument.kind == Kind::kMember && name.find(spread) != name.npos)
                return fmt::format(
                    "`activation: softplus` keeps `{}` above 0; or let the output be the "
                    "logarithm, `log_{}`, and use `exp(...)` of it",
                    name, name);
        return "of logits, `-softplus(-x)` is log(sigmoid(x)), `-softplus(x)` is log(1 - "
               "sigmoid(x)) and `log_softmax(x)` log(softmax(x)); `bce_with_logits` is the whole "
               "cross-entropy";
    }

    /// One warning per network, since further ones would have the same cause.
    void report(const Ending& ending, const Expression& use, const std::string& text,
                const std::string& help) {
        if (!reported_.insert(ending.network).second) return;
        Diagnostic& warning =
            diagnostics_.warning(DiagnosticKind::kLogitsExpected, ending.span, "{}", text);
        if (use.span.known()) warning.note(use.span, "it is used here");
        warning.help(help);
    }

    const ModelView& view_;
    Diagnostics& diagnostics_;
    std::set<const NetworkSpec*> reported_;
    bool has_complement_ = false;
};

}  // namespace

void check_logits(const ModelView& view, Diagnostics& diagnostics) {
    LogitChecks(view, diagnostics).run();
}

}  // namespace gmc::dsl

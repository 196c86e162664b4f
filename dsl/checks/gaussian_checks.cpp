// Checks Gaussians whose means and variances a network gives, as the encoder of a VAE does
// (Kingma and Welling 2014, section 2.4): z = mean + stddev * noise, with noise of N(0, 1).
#include <algorithm>
#include <set>

#include "dsl/checks/checks.h"
#include "dsl/model_view.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

bool has(const std::string& name, std::string_view part) {
    return name.find(part) != std::string::npos;
}

bool is_noise(const Expression& e) {
    return e.kind == Kind::kCall && (e.text == "normal" || e.text == "uniform");
}

bool is_binary(const Expression& e, std::string_view op) {
    return e.kind == Kind::kBinary && e.text == op;
}

/// Collects what losses do with the outputs of networks, then judges it: an output inside of `exp`
/// is the logarithm of something, one that is multiplied by noise is a standard deviation, one that
/// is squared is pulled to 0.
class GaussianChecks {
  public:
    GaussianChecks(const ModelView& view, Diagnostics& diagnostics)
        : view_(view), diagnostics_(diagnostics) {}

    void run() {
        view_.walk_losses([&](const Expression& e) {
            noise_ |= is_noise(e);
            if (is_exponential(e)) exponential(e);
        });
        // What is only watched, as one of the metrics, pulls nothing.
        for (const MinimizeSpec& entry : view_.spec().objective.minimize)
            view_.walk(*entry.loss, [&](const Expression& e) { collect(e); });
        view_.walk_losses([&](const Expression& e) {
            if (is_binary(e, "+")) {
                sample(*e.arguments[0], *e.arguments[1]);
                sample(*e.arguments[1], *e.arguments[0]);
            }
        });
        if (!noise_ && !noise_in_layers()) without_noise();
    }

  private:
    static bool is_exponential(const Expression& e) {
        return e.kind == Kind::kCall && e.text == "exp" && e.arguments.size() == 1;
    }

    void collect(const Expression& e) {
        if (is_binary(e, "^") && constant_value(*e.arguments[1]) == 2.0)
            if (const Expression* output = output_of(*e.arguments[0]))
                squared_.emplace(to_string(*output), output);
        if (const Expression* value = is_exponential(e) ? scaled(*e.arguments[0]) : nullptr)
            if (const Expression* output = output_of(*value)) logarithms_.push_back(output);
    }

    /// `q.mean` of `q: encoder(x)`; null for anything else.
    const Expression* output_of(const Expression& e) const {
        const Expression& value = view_.resolved(e);
        if (value.kind != Kind::kMember) return nullptr;
        const Expression& owner = view_.resolved(*value.arguments[0]);
        return owner.kind == Kind::kCall && view_.network(owner.text) ? &value : nullptr;
    }

    /// The network that `output` is of, as it is applied: two calls are two things.
    std::string owner(const Expression& output) const {
        return to_string(view_.resolved(*output.arguments[0]));
    }

    /// What a positive number is multiplied with in `x / 2` and `0.5 * x`; null when a factor is
    /// not positive.
    const Expression* scaled(const Expression& e) const {
        const Expression& value = view_.resolved(e);
        const bool quotient = is_binary(value, "/");
        if (!quotient && !is_binary(value, "*")) return &value;
        for (const size_t number : {size_t{1}, size_t{0}}) {
            const auto factor = constant_value(*value.arguments[number]);
            if (!factor || (quotient && number == 0)) continue;
            return *factor > 0 ? scaled(*value.arguments[1 - number]) : nullptr;
        }
        return &value;
    }

    /// exp(x) of an x that cannot be below 0: no variance below 1 can be said so.
    void exponential(const Expression& e) {
        const Expression* value = scaled(*e.arguments[0]);
        if (!value) return;
        const std::optional<Ending> ending = view_.ending_of(*value);
        const bool called = value->kind == Kind::kCall && value->arguments.size() == 1;
        const std::optional<Range> range = ending   ? ending->range
                                           : called ? range_of(value->text)
                                                    : std::nullopt;
        const std::string& name = ending ? ending->activation : value->text;
        if (!range || range->low < 0) return;
        const Span& where = ending ? ending->span : value->span;
        if (!is_new(where)) return;
        diagnostics_
            .warning(DiagnosticKind::kRangeMismatch, where,
                     "`{}` gives nothing below 0, so `{}` is never below 1", name, to_string(e))
            .note(e.span, "it is used here")
            .help(fmt::format("remove `{}`: a logarithm may be any number, and `exp` makes it "
                              "positive",
                              name));
    }

    /// The factors of a product, through entries of `let`.
    void factors(const Expression& e, std::vector<const Expression*>& out) const {
        const Expression& value = view_.resolved(e);
        if (!is_binary(value, "*")) return out.push_back(&value);
        for (const ExpressionPtr& argument : value.arguments) factors(*argument, out);
    }

    /// mean + stddev * noise, where the first two are of one network.
    void sample(const Expression& first, const Expression& second) {
        std::vector<const Expression*> product;
        factors(second, product);
        const auto noise = std::find_if(product.begin(), product.end(),
                                        [](const Expression* e) { return is_noise(*e); });
        const Expression* mean = output_of(first);
        if (noise == product.end() || product.size() != 2 || !mean) return;
        const Expression& spread = *product[*noise == product[0] ? 1 : 0];
        const Expression* inside = &spread;  // without `exp` and factors
        if (is_exponential(spread)) inside = scaled(*spread.arguments[0]);
        const Expression* output = inside ? output_of(*inside) : nullptr;
        if (!output || owner(*output) != owner(*mean)) return;
        if ((*noise)->text == "uniform") uniform(**noise, *mean);
        standard_deviation(spread, *output);
        if (squared_.count(to_string(*mean))) bounded_mean(first, *mean);
    }

    /// Two entries of `minimize` may use the same expression.
    bool is_new(const Span& where) { return reported_.insert({where.line, where.column}).second; }

    void uniform(const Expression& noise, const Expression& mean) {
        if (!is_new(noise.span)) return;
        diagnostics_
            .warning(DiagnosticKind::kBadExpression, noise.span,
                     "`uniform` gives numbers from 0 to 1, so this is never below `{}`",
                     to_string(mean))
            .help(fmt::format("the noise of a Gaussian is `normal({})`", to_string(mean)));
    }

    /// The factor of the noise by the name of the output: an output called `log_variance` is the
    /// logarithm of a variance, of which the standard deviation is the root.
    void standard_deviation(const Expression& spread, const Expression& output) {
        const std::string& name = output.text;
        const bool variance = has(name, "var"), log = has(name, "log");
        const bool exponent = spread.kind == Kind::kCall;
        const bool whole = exponent && to_string(view_.resolved(*spread.arguments[0])) ==
                                           to_string(output);  // exp(x), not exp(x / 2)
        const std::string written = to_string(output);
        std::string right;
        if (variance && log && (whole || !exponent)) right = fmt::format("exp({} / 2)", written);
        if (!variance && log && !exponent) right = fmt::format("exp({})", written);
        if (variance && !log && !exponent) right = fmt::format("sqrt({})", written);
        if (right.empty() || !is_new(spread.span)) return;
        diagnostics_
            .warning(DiagnosticKind::kBadExpression, spread.span,
                     "`{}` multiplies noise here, but going by the name of `{}` it is {}",
                     to_string(spread), name, exponent || !log ? "a variance" : "a logarithm")
            .help(fmt::format("noise is multiplied by the standard deviation: `{}`", right));
    }

    /// A mean that is pulled to 0 and cannot be on one side of it.
    void bounded_mean(const Expression& use, const Expression& mean) {
        const std::optional<Ending> ending = view_.ending_of(mean);
        if (!ending || !ending->range || ending->range->low < 0) return;
        if (!is_new(ending->span)) return;
        diagnostics_
            .warning(DiagnosticKind::kRangeMismatch, ending->span,
                     "`{}` gives nothing below 0, but `{}` is the mean of a Gaussian, which is to "
                     "lie on both sides of 0",
                     ending->activation, to_string(mean))
            .note(use.span, "it is used here")
            .help(fmt::format("remove `{}`", ending->activation));
    }

    /// Noise that layers add: then what is drawn is not seen here.
    bool noise_in_layers() const {
        bool found = false;
        const auto look = [&](const Expression& e) { found |= is_noise(e); };
        for (const NetworkSpec& network : view_.spec().networks)
            for_each_layer(network, [&](const LayerSpec& layer) {
                found |= layer.kind == "gaussian_noise";
                for (const auto& [key, value] : layer.expressions) view_.walk(*value, look);
            });
        return found;
    }

    /// A divergence from N(0, 1), seen by a squared mean and the exponential of another output of
    /// the same network, while nothing is drawn: then the variance is learnt for nothing.
    void without_noise() {
        for (const Expression* variance : logarithms_)
            for (const auto& [text, mean] : squared_) {
                if (mean->text == variance->text || owner(*mean) != owner(*variance)) continue;
                diagnostics_
                    .warning(DiagnosticKind::kBadExpression, variance->span,
                             "`{}` is learnt, but no noise is drawn with it, so the code of an "
                             "example is always `{}` itself",
                             to_string(*variance), text)
                    .help(fmt::format("a sample is `{} + exp({} / 2) * normal({})`", text,
                                      to_string(*variance), text));
                return;
            }
    }

    const ModelView& view_;
    Diagnostics& diagnostics_;
    bool noise_ = false;
    std::map<std::string, const Expression*> squared_;  ///< outputs, by their text
    std::vector<const Expression*> logarithms_;         ///< outputs inside of `exp`
    std::set<std::pair<uint32_t, uint32_t>> reported_;  ///< places
};

}  // namespace

void check_gaussians(const ModelView& view, Diagnostics& diagnostics) {
    GaussianChecks(view, diagnostics).run();
}

}  // namespace gmc::dsl

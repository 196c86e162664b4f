// Expressions of the objective as ops. Names are let-entries, data fields, networks and their
// outputs.
//
// Shapes: a value is batched [N, ...] or plain. In arithmetic a plain number meets anything; one
// number per example ([N] or [N, 1]) meets [N, ...]; else the shapes must be equal. `sum`, `norm`
// reduce an example to one number, or [N] over the batch; `mean`, `max`, `min` the same, and [N, 1]
// at once over the batch. Over the batch, `evaluate` counts valid examples only.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dsl/lower/networks.h"
#include "dsl/lower/scope.h"
#include "dsl/schema/schema.h"

namespace gmc::lower {

/// What an expression means: a tensor, or the outputs of a network.
struct Evaluated {
    ir::ValueId value = ir::kNone;   ///< kNone: `outputs` are meant, or an error was reported
    bool batched = false;            ///< the leading axis is the batch
    std::optional<double> number;    ///< set for constants; `value` is then made only when needed
    NetworkOutputs outputs;          ///< of a network with named heads
    std::set<std::string> networks;  ///< whose parameters it depends on
    bool failed = false;
    bool is_tensor() const { return value != ir::kNone || number.has_value(); }
};

/// Evaluates expressions into one function. Let-entries and applications of networks are computed
/// once and shared, until an update of a network they depend on.
class Evaluator {
  public:
    explicit Evaluator(FunctionScope& f) : f_(f) {}

    /// Binds a name, e.g. a parameter of a function, before let-entries and data are looked up.
    void bind(const std::string& name, Evaluated value) { bound_[name] = std::move(value); }

    /// The value; failed when an error was reported.
    Evaluated evaluate(const dsl::Expression& expression);
    /// The same as one tensor: a number becomes a constant, a network with one head that head.
    Evaluated tensor(const dsl::Expression& expression);
    /// A scalar f32[], e.g. a loss or a learning rate; reports kLossNotScalar with `what`.
    ir::ValueId scalar(const dsl::Expression& expression, const std::string& what);

    /// The same, where a constant (`number` is then set beside `value`) has to lie in `range`.
    Evaluated bounded_scalar(const dsl::Expression& expression, const std::string& what,
                             const dsl::Range& range);

    /// Forgets what was computed with parameters of these networks, after they were updated.
    void networks_changed(const std::vector<std::string>& networks);

    FunctionScope& scope() { return f_; }
    ir::Builder& b() { return f_.b; }

    // ---- for the function table ----
    Evaluated fail(DiagnosticKind kind, Span span, std::string text, std::string help = "");
    /// A constant becomes a value of this shape.
    ir::ValueId materialize(const Evaluated& e, const ir::Shape& shape);
    /// Both operands at one shape, by the rules above; false after an error.
    bool match(const dsl::Expression& where, Evaluated& a, Evaluated& b);
    /// Sum over everything but the batch, or over the batch; see the rules above.
    Evaluated reduce(const Evaluated& x, bool over_batch, bool mean);
    /// `averaged(x)`: x with the moving averages of the weights.
    Evaluated averaged(const dsl::Expression& call);

  private:
    Evaluated name(const dsl::Expression& expression);
    Evaluated member(const dsl::Expression& expression);
    Evaluated call(const dsl::Expression& expression);
    Evaluated unary(const dsl::Expression& expression);
    Evaluated binary(const dsl::Expression& expression);
    Evaluated let(const dsl::NamedExpression& entry);
    Evaluated apply(const dsl::NetworkSpec& network, const dsl::Expression& call);
    std::vector<std::string> known_names() const;
    /// Does it depend on weights that have averages?
    bool has_averages(const std::set<std::string>& networks) const;

    FunctionScope& f_;
    std::map<std::string, Evaluated> bound_;
    std::map<std::string, Evaluated> let_;
    /// Entries inside `averaged(...)` that depend on averages; all others are shared with `let_`.
    std::map<std::string, Evaluated> averaged_let_;
    std::set<std::string> let_open_;  ///< under evaluation, to find cycles
    struct Application {
        std::string network;
        std::vector<ir::ValueId> arguments;
        bool averaged;  ///< with the averages of its weights
        Evaluated result;
    };
    std::vector<Application> applications_;
};

/// A function of the language, `mean(...)`: gets the call with its arguments unevaluated.
using CallFunction = Evaluated (*)(Evaluator& e, const dsl::Expression& call);
const std::map<std::string, CallFunction>& call_functions();

/// "[28,28,1] per example" or "one number": how errors name shapes.
std::string describe(Evaluator& e, const Evaluated& x);

}  // namespace gmc::lower

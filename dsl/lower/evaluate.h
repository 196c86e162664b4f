// Turns the expressions of an objective into ops. Names are entries of `let`, fields of the data,
// networks and their outputs.
//
// Shapes: a value is batched, [N, ...], or plain, that is the same for every example. In arithmetic
// shapes of examples meet by the rules of broadcasting.h, and what is plain goes with every
// example. Reductions run over the axes of an example, and of one number per example over the
// batch; calls/call_reductions.cpp has the rules. A reduction over the batch counts valid examples
// only in `evaluate`, where the last batch may be padded.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dsl/lower/networks.h"
#include "dsl/lower/scope.h"
#include "dsl/schema/schema.h"

namespace gmc::lower {

/// The weights of a network, or as many tensors of these shapes, by parameter.
using Weights = std::map<ir::StateId, ir::ValueId>;

/// The value of an expression: a tensor, or the outputs of a network, or weights.
struct Evaluated {
    /// kNone: `outputs` hold the value, or an error was reported.
    ir::ValueId value = ir::kNone;
    /// The first axis is the batch.
    bool batched = false;
    /// Set for constants; then `value` is made only when it is needed.
    std::optional<double> number;
    /// Set when a network has named outputs.
    NetworkOutputs outputs;
    /// Set when it is a loop of several values: these by their names.
    std::shared_ptr<const std::map<std::string, Evaluated>> parts;
    /// Set for the name of a network as an argument of a definition.
    const dsl::NetworkSpec* network = nullptr;
    /// Set when it is the weights of a network, or was computed from them one by one.
    std::shared_ptr<const Weights> weights;
    /// The networks whose parameters the value depends on.
    std::set<std::string> networks;
    bool failed = false;
    bool is_tensor() const { return value != ir::kNone || number.has_value(); }
};

/// A constant; no op is made for it until someone needs a tensor.
inline Evaluated number_value(double value) {
    Evaluated e;
    e.number = value;
    return e;
}
/// What stands for a value after an error.
inline Evaluated failed() {
    Evaluated e;
    e.failed = true;
    return e;
}

class Evaluator;
/// A function of the language such as `mean(...)`. It gets the call with unevaluated arguments.
using CallFunction = Evaluated (*)(Evaluator& e, const dsl::Expression& call);

/// Evaluates expressions into one function. Each entry of `let` and each application of a network
/// is computed once and then shared, until a network that it depends on is updated.
class Evaluator {
  public:
    explicit Evaluator(FunctionScope& f) : f_(f) {}
    /// For the body of a loop: names that it does not bind are evaluated by `outer`, outside of the
    /// loop, and captured.
    Evaluator(FunctionScope& f, Evaluator& outer) : f_(f), outer_(&outer) {}

    /// Gives a name a value, such as a parameter of a function. Bound names hide entries of `let`
    /// and fields of the data.
    void bind(const std::string& name, Evaluated value) { bound_[name] = std::move(value); }

    /// The value of an expression; `failed` is set when an error was reported.
    Evaluated evaluate(const dsl::Expression& expression);
    /// The same as one tensor: a number becomes a constant, and a network with one output that
    /// output.
    Evaluated tensor(const dsl::Expression& expression) {
        return as_tensor(evaluate(expression), expression);
    }
    /// The same where a whole number is wanted: a constant that does not fit in f32 is given as
    /// it is. The caller refuses it, and knows what would be right.
    Evaluated whole(const dsl::Expression& expression);
    /// The value of `expression` as one tensor or number; an error when it is neither.
    Evaluated as_tensor(Evaluated value, const dsl::Expression& expression);
    /// The same as a scalar f32[], such as a loss or a learning rate. Reports kLossNotScalar about
    /// `what`.
    ir::ValueId scalar(const dsl::Expression& expression, const std::string& what);

    /// The same, and a constant has to lie in `range`; for a constant both `number` and `value` are
    /// set.
    Evaluated bounded_scalar(const dsl::Expression& expression, const std::string& what,
                             const dsl::Range& range);

    /// Forgets all values computed from the parameters of these networks, because they were
    /// updated.
    void networks_changed(const std::vector<std::string>& networks);

    FunctionScope& scope() { return f_; }
    ir::Builder& b() { return f_.b; }

    // ---- for the functions in calls/ ----
    /// Evaluates `expression`, in which whatever is written like `part` is the value `value`.
    Evaluated tensor_over(const dsl::Expression& expression, const dsl::Expression& part,
                          const Evaluated& value);
    Evaluated fail(DiagnosticKind kind, Span span, std::string text, std::string help = "");
    /// The value as a tensor; a constant is repeated to this shape.
    ir::ValueId materialize(const Evaluated& e, const ir::Shape& shape);
    /// Brings both operands, of which one may be a number, to one shape; false after an error. They
    /// are the arguments `first` and `second` of `where`.
    bool match(const dsl::Expression& where, Evaluated& a, Evaluated& b, size_t first = 0,
               size_t second = 1);
    /// The shape of an example, or of a plain value itself.
    ir::Shape example_shape(const Evaluated& x);
    /// 1 where x is not 0, else 0.
    Evaluated truth(const dsl::Expression& expression);
    /// The network that a name stands for, also as a parameter of a definition; null for others.
    const dsl::NetworkSpec* network_named(const std::string& name) const;
    /// Whether a name is that of a value of a loop here, which hides networks.
    bool is_of_loop(const std::string& name) const {
        if (frame_ != nullptr && frame_->count(name) != 0) return false;
        return bound_.count(name) != 0 || (outer_ && outer_->is_of_loop(name));
    }
    /// `averaged(x)`: x computed with the moving averages of the weights.
    Evaluated averaged(const dsl::Expression& call);

  private:
    bool is_unlike_data(const Evaluated& made, const Evaluated& field, bool strict);
    bool outnumbers_data(const dsl::Expression& of, const Evaluated& made, const Evaluated& field);
    bool lacks_axes(const dsl::Expression& where, const Evaluated& a, const Evaluated& b);
    std::optional<Note> odd_term(const dsl::Expression& sum);
    bool is_class_code(const dsl::Expression& e) const;
    void warn_of_repeats(const dsl::Expression& where, const Evaluated& a, const Evaluated& b);
    /// In the body of a loop: the value of an expression outside of it.
    Evaluated from_outside(const dsl::Expression& expression);
    Evaluated name(const dsl::Expression& expression);
    Evaluated member(const dsl::Expression& expression);
    Evaluated list(const dsl::Expression& expression);
    Evaluated call(const dsl::Expression& expression);
    Evaluated unary(const dsl::Expression& expression);
    Evaluated binary(const dsl::Expression& expression);
    Evaluated power(const dsl::Expression& expression, Evaluated a, Evaluated exponent);
    Evaluated remainder(Evaluated a, ir::ValueId b);
    Evaluated comparison(const std::string& op, Evaluated a, ir::ValueId b);
    Evaluated let(const dsl::NamedExpression& entry);
    Evaluated apply(const dsl::NetworkSpec& network, const dsl::Expression& call);
    bool take_argument(const dsl::NetworkSpec& network, const dsl::NetworkInput& input,
                       const dsl::Expression& expression, const Evaluated& argument,
                       std::vector<ir::ValueId>& arguments);
    Evaluated define(const dsl::Definition& definition, const dsl::Expression& call);

    Evaluated folded(Evaluated e, size_t first);
    bool stays_within(const dsl::Expression& expression, const std::string& what,
                      const dsl::Range& range);

    // ---- weights.cpp ----
    /// `net.weights` or `net.layer.weights`; nothing for any other member.
    std::optional<Evaluated> weights_named(const dsl::Expression& member);
    /// The argument `weights=...` of a network.
    Evaluated weights_for(const dsl::NetworkSpec& network, const dsl::Expression& expression);
    /// An operator or function whose arguments have the values `operands`, of which at least one is
    /// weights, for each of these.
    Evaluated each_weight(const dsl::Expression& e, const std::vector<Evaluated>& operands);
    /// Whether a built-in function takes weights too.
    static bool is_for_weights(const dsl::Expression& call);
    Evaluated call_for_weights(const dsl::Expression& call, CallFunction function);
    Evaluated reduced_weights(const dsl::Expression& call, const Evaluated& x);

    std::vector<std::string> known_names() const;
    /// True when one of these networks has moving averages of its weights.
    bool has_averages(const std::set<std::string>& networks) const;

    FunctionScope& f_;
    Evaluator* outer_ = nullptr;
    /// What an expression of this text is, while `tensor_over` runs.
    struct Known {
        std::string text;
        bool averaged = false;
        Evaluated value;
    };
    std::vector<Known> known_;
    std::map<std::string, Evaluated> bound_;
    /// The arguments of the definition that is evaluated; its body sees no other bound names of
    /// definitions around it. Null outside of one.
    const std::map<std::string, Evaluated>* frame_ = nullptr;
    std::map<std::string, Evaluated> let_;
    /// Entries of `let` that were evaluated inside `averaged(...)` and depend on averages. All
    /// others are in `let_`, which both share.
    std::map<std::string, Evaluated> averaged_let_;
    /// Entries that are being evaluated, to find cycles.
    std::set<std::string> let_open_;
    struct Application {
        std::string network;
        std::vector<ir::ValueId> arguments;
        /// Whether it computes with the averages of its weights.
        bool averaged;
        /// The weights that it computes with; null: its own.
        std::shared_ptr<const Weights> weights;
        Evaluated result;
    };
    std::vector<Application> applications_;
};

const std::map<std::string, CallFunction>& call_functions();

/// The value of a loop (loops.cpp).
Evaluated evaluate_loop(Evaluator& e, const dsl::Expression& loop);

/// Names a value in errors: "[28,28,1] per example" or "one number".
std::string describe(Evaluator& e, const Evaluated& x);
/// Names two values of unlike shapes (shape_errors.cpp); where both are one number per example,
/// with their sizes of 1: "[1] per example" and "a single number per example".
std::pair<std::string, std::string> describe(Evaluator& of_a, const Evaluated& a, Evaluator& of_b,
                                             const Evaluated& b);

}  // namespace gmc::lower

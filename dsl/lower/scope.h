// What all parts of dsl/lower share while they build: the module under construction, and per
// function the current value of every state.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/ir/builder.h"
#include "compiler/support/diagnostic.h"
#include "dsl/model_view.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// One per module.
struct ModuleScope {
    const dsl::ModelSpec& spec;
    ir::Module& module;
    Diagnostics& diagnostics;
    int64_t batch = 1;
    /// The next stream of random numbers. Random ops and initializers get streams in the order in
    /// which they are made.
    int64_t next_stream = 1;
    /// Numbers of all parameters that were declared, and bytes of all states.
    int64_t weights = 0, state_bytes = 0;

    /// Per field: the least `classes` among the layers and functions that take the field as labels.
    /// It is kept when the model gives the field no number of classes, for the reader of the data
    /// to check.
    std::map<std::string, int64_t> label_classes;

    /// A place in the module's table of files; adds the file when it is new.
    ir::Location locate(const Span& span);
    /// The state of this name; declares it when it is new.
    ir::StateId declare(ir::State state);

    /// The model, for those who look for the causes of an error.
    dsl::ModelView view{spec};
    /// True the first time only: functions share expressions, and so their errors.
    bool reported_once(const Span& place, const std::string& text);
    std::set<std::string> reported = {};
    /// The shapes of outputs per example, by network and output ("" for the only one).
    std::map<std::pair<std::string, std::string>, ir::Shape> output_shapes = {};

    /// Numbers of training that change, and may come to be what they must not be.
    struct Watched {
        const dsl::Expression* value;
        std::string what;
        dsl::Range range;
    };
    std::vector<Watched> watched = {};
    /// Adds one that may leave the range; each place once.
    void watch(const dsl::Expression& value, const std::string& what, const dsl::Range& range);

    /// Parameter -> its moving average, the state `average.PARAMETER`.
    std::map<ir::StateId, ir::StateId> averages;
    std::set<std::string> averaged_networks;
    /// Declares the averages of all parameters of the networks of an entry that has `average`, and
    /// where it says so of their running statistics. An average starts with the same values as
    /// what it follows, since it has the same initializer and stream.
    void declare_averages(const dsl::MinimizeSpec& entry);

    /// Networks with parameters that no entry of `minimize` trains. Nothing changes them: they
    /// compute as after training everywhere.
    std::set<std::string> frozen_networks = {};
    /// Whether training leaves a layer of a network, or a state of it, as it is: the name begins
    /// with one of the network's `frozen_layers`.
    bool is_frozen(const dsl::NetworkSpec& network, const std::string& path) const;
    /// Layers that expressions call, by the call and its arguments; nothing after an error.
    std::map<std::pair<const dsl::Expression*, std::string>, std::optional<dsl::LayerSpec>>
        called_layers = {};

    std::unordered_map<std::string, ir::StateId> state_ids;  ///< by name, of all declared states
};

/// Names of the running moments of batch norm, below that of the layer.
inline constexpr const char* kMovingMean = "moving_mean";
inline constexpr const char* kMovingVariance = "moving_variance";

/// One per function. Layers and optimizers give states new values, which later uses in the function
/// read. `finish` turns the last value of each state into an update.
class FunctionScope {
  public:
    FunctionScope(ModuleScope& module_scope, std::string name, bool training);
    /// The body of a scan in the function of `outer`.
    FunctionScope(FunctionScope& outer_scope, std::string name);

    ModuleScope& m;
    ir::Function function;
    ir::Builder b;
    /// True: batch statistics and dropout; false: running statistics. False while a frozen network
    /// is applied.
    bool training;

    /// Of a function of training: it is for steps whose numbers this divides, and so leaves out
    /// terms with an `every` that does not divide it. Nothing: no function of training, in which
    /// all terms count.
    std::optional<int64_t> every;
    /// What stands for the terms that are left out.
    std::set<ir::ValueId> left_out;

    /// The current value of a state. While `averaged` is set, that of the parameter's moving
    /// average if it has one. (Where training moves statistics, they are those that it moves.)
    ir::ValueId state(ir::StateId id);
    void set_state(ir::StateId id, ir::ValueId value) { current_[id] = value; }
    /// The current values of several states packed into one tensor by `pack`. An optimizer or an
    /// average updates them all at once.
    ir::ValueId packed(const std::vector<ir::StateId>& ids);
    /// Gives each of these states its part of the packed `value`.
    void set_packed(const std::vector<ir::StateId>& ids, ir::ValueId value);
    /// The input that is filled from `source`; made on first use.
    ir::ValueId input(const std::string& name, const ir::InputSource& source, ir::Shape shape);
    ir::ValueId random_normal(ir::Shape shape);
    ir::ValueId random_uniform(ir::Shape shape);

    /// Values that are an unchanged field of the data. Tells the number of classes of labels.
    std::map<ir::ValueId, const dsl::DataField*> fields;

    /// A network that an expression applies. Without arguments and outputs: in the body of a loop.
    struct Applied {
        std::string network;
        std::vector<ir::ValueId> arguments;
        std::map<std::string, ir::ValueId> outputs;  ///< by name; "" for the only one
    };
    std::vector<Applied> applied;

    /// Results of layers that are one tensor spread over the batch, and that tensor: a product with
    /// one matrix for all examples is one large product.
    std::map<ir::ValueId, ir::ValueId> same_for_all;
    /// `tensor`, which has no batch, spread over `examples` of them and noted there; 0: the batch.
    ir::ValueId for_each_example(ir::ValueId tensor, int64_t examples = 0);

    /// In `evaluate`: 1 for each example that counts, 0 for padding. kNone elsewhere.
    ir::ValueId valid = ir::kNone;
    /// In `evaluate`: values over all examples of the batch. What is computed from them alone can
    /// be computed for all of the data at once (set_figures.h).
    struct OverBatch {
        enum class Kind : uint8_t { kSum, kCount, kLargest, kLogSum };
        ir::ValueId value = ir::kNone;
        Kind kind = Kind::kSum;
        /// The call that made it, and where that is written; "": a layer of a network did.
        std::string text = "";
        Span span = {};
    };
    std::vector<OverBatch> over_batch;
    /// The sum, the largest or the mean of x, [N, ...], over the batch, of the shape [...]. Padded
    /// examples do not count.
    ir::ValueId batch_sum(ir::ValueId x);
    ir::ValueId batch_largest(ir::ValueId x);
    /// log(sum(exp(x))) of the same, without overflow.
    ir::ValueId batch_log_sum(ir::ValueId x);
    ir::ValueId batch_mean(ir::ValueId x);
    /// True inside `averaged(...)`: parameters are read as their moving averages.
    bool averaged = false;

    /// The current values of all states, for restore_states after something that must not change
    /// them.
    std::map<ir::StateId, ir::ValueId> current_states() const { return current_; }
    void restore_states(std::map<ir::StateId, ir::ValueId> states) { current_ = std::move(states); }

    /// Records the updates and hands the function over. The bodies of its scans go into the module,
    /// before it.
    ir::Function finish();

    // ---- bodies of scans ----
    /// Of a body: its input for a value of the function around it. On first use the value becomes
    /// one that the body captures.
    ir::ValueId capture(ir::ValueId outside);
    /// Of a body: the captured values of the function around it -> its inputs for them.
    const std::map<ir::ValueId, ir::ValueId>& captures() const { return captures_; }
    /// The bodies of the function, and those inside them; the innermost first.
    std::vector<ir::Function>& bodies() { return outer_ ? outer_->bodies() : bodies_; }
    FunctionScope* outer() { return outer_; }
    /// The name of a body for the loop `loop`, which no function has.
    std::string body_name(const std::string& loop);

  private:
    ir::ValueId current(ir::StateId id);
    /// x with the smallest float in place of padded examples.
    ir::ValueId without_padding(ir::ValueId x);

    FunctionScope* outer_ = nullptr;
    std::map<ir::ValueId, ir::ValueId> captures_;
    std::vector<ir::Function> bodies_;
    std::map<ir::StateId, ir::ValueId> current_;
    struct Packed {
        std::vector<ir::ValueId> parts;
        ir::ValueId value;
    };
    /// What was packed or set so far, found again by its parts.
    std::vector<Packed> packed_;
};

/// The shape of a batch: its size, then the shape of an example.
ir::Shape batched(int64_t batch, const ir::Shape& example);
/// The shape without its batch.
ir::Shape example_of(const ir::Shape& shape);

}  // namespace gmc::lower

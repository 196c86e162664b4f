// Builds the functions behind `gmc gradcheck`.
#include "dsl/lower/gradient_check.h"

#include <fmt/format.h>

#include "dsl/lower/contract.h"
#include "dsl/lower/evaluate.h"
#include "dsl/lower/gradients.h"

namespace gmc::lower {
namespace {

using ir::kNone;
using ir::StateId;
using ir::ValueId;

/// How often the loss is differentiated: not, once, twice.
enum class Order { kLoss, kGradient, kCurvature };

/// Builds the three functions of one entry. `slope` is the derivative of the loss along the
/// direction r; being one number, it can be compared with (loss(p + h r) - loss(p - h r)) / 2h
/// whatever the number of parameters, and its gradient (curvature) with the difference of two
/// gradients in the same way.
class CheckBuilder {
  public:
    CheckBuilder(ModuleScope& m, const dsl::MinimizeSpec& entry) : m_(m), entry_(entry) {}

    bool run() {
        // All three functions start from the same stream, so that the same ops draw the same random
        // numbers.
        const int64_t stream = m_.next_stream;
        for (const Order order : {Order::kLoss, Order::kGradient, Order::kCurvature}) {
            m_.next_stream = stream;
            if (!function(order)) return false;
        }
        return true;
    }

  private:
    bool function(Order order) {
        static constexpr const char* kNames[] = {"loss", "gradient", "curvature"};
        FunctionScope f(m_, fmt::format("{}_{}", kNames[static_cast<int>(order)], entry_.name),
                        true);
        Evaluator e(f);
        const ValueId loss = e.scalar(*entry_.loss, "a loss");
        if (loss == kNone) return false;
        if (order == Order::kLoss)
            f.function.results.push_back({"loss", loss});
        else
            add_gradients(f, loss, order);
        ir::Function built = f.finish();
        built.updates.clear();  // running statistics must not move
        m_.module.functions.push_back(std::move(built));
        return true;
    }

    /// For the curvature, `slope` is not a result but what is differentiated once more.
    void add_gradients(FunctionScope& f, ValueId loss, Order order) {
        std::vector<StateId> parameters;
        for (const std::string& network : entry_.networks)
            for (StateId id : influencing_parameters(f, loss, network)) parameters.push_back(id);
        const ir::Location location = m_.locate(entry_.loss->span);
        f.b.set_location(location);
        std::vector<ValueId> gradients = gradients_by(f, loss, parameters, location);
        ValueId slope = f.b.constant(0);
        for (size_t i = 0; i < parameters.size(); ++i) {
            const std::string name = "r." + m_.module.states[parameters[i]].name;
            const ValueId r = f.input(name, {}, f.b.shape(gradients[i]));
            const int64_t rank = f.b.type(r).rank();
            slope = f.b.add(slope, f.b.reduce_sum(f.b.mul(gradients[i], r), ir::all_axes(rank)));
        }
        if (order == Order::kCurvature)
            gradients = gradients_by(f, slope, parameters, location);
        else
            f.function.results.push_back({"slope", slope});
        for (size_t i = 0; i < parameters.size(); ++i)
            f.function.results.push_back(
                {"d." + m_.module.states[parameters[i]].name, gradients[i]});
    }

    ModuleScope& m_;
    const dsl::MinimizeSpec& entry_;
};

}  // namespace

Result<ir::Module> build_gradient_check(const dsl::ModelSpec& spec, Diagnostics& diagnostics) {
    ir::Module module;
    module.name = spec.name;
    ModuleScope m{spec, module, diagnostics, spec.train.batch_size};
    std::vector<NetworkSummary> summaries;
    if (!declare_networks(m, summaries)) return Failure{};
    for (const dsl::MinimizeSpec& entry : spec.objective.minimize) m.declare_averages(entry);
    for (const dsl::MinimizeSpec& entry : spec.objective.minimize)
        if (!CheckBuilder(m, entry).run()) return Failure{};
    write_contract(spec, m.label_classes, module);
    return module;
}

}  // namespace gmc::lower

// Checks the gradients of a model, parameter by parameter, along random directions. A function's
// values at the unshifted point are computed once and kept; for a shifted parameter only what
// depends on it is computed again, so that a check costs little for parameters near the loss.
#include "runtime/reference/gradient_check.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "compiler/support/check.h"

namespace gmc::runtime {
namespace {

using Numbers = std::vector<double>;

/// Random operations are functions of the call, so every evaluation sees the same noise.
CallContext call_of(const GradientCheckOptions& options) { return {options.seed, 1, 0, 0}; }

double dot(const Numbers& a, const Numbers& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}
double norm(const Numbers& a) { return std::sqrt(dot(a, a)); }

Numbers gaussian(int64_t count, std::mt19937_64& random) {
    std::normal_distribution<double> normal;
    Numbers out(static_cast<size_t>(count));
    for (double& x : out) x = normal(random);
    return out;
}

/// The values of one function at one point, and its result where one parameter is shifted.
class Point {
  public:
    Point(const ir::Module& module, const ir::Function& function, const ReferenceInputs& inputs,
          ReferenceStates states, const GradientCheckOptions& options)
        : module_(module), function_(function), call_(call_of(options)) {
        ReferenceOptions keep;
        keep.keep_values = true;
        values_ = run_reference(module, function, inputs, states, call_, keep).values;
    }

    const Numbers& result(const std::string& name) const { return values_.at(id_of(name)).data; }

    /// The scalar result with the parameter at `shifted` instead. Safe from several threads.
    double at(ir::StateId parameter, const std::string& name, const Numbers& shifted) const {
        std::set<ir::ValueId> moved;
        ReferenceValues values;
        for (size_t id = 0; id < function_.values.size(); ++id) {
            if (function_.values[id].state != parameter) continue;
            const auto value = static_cast<ir::ValueId>(id);
            moved.insert(value);
            values[value] = {function_.values[id].type, shifted};
        }
        for (const ir::Operation& op : function_.operations) {
            // Autodiff takes the result of stop_gradient for a constant. To measure the same
            // derivative, the difference has to leave it at its value at the unshifted point.
            if (op.as<ir::StopGradient>() != nullptr) continue;
            const auto& operands = op.operands;
            if (std::none_of(operands.begin(), operands.end(),
                             [&](ir::ValueId v) { return moved.count(v) != 0; }))
                continue;
            for (const ir::ValueId operand : operands)
                if (values.count(operand) == 0) values[operand] = values_.at(operand);
            run_reference_operation(module_, function_, op, values, call_);
            moved.insert(op.results.begin(), op.results.end());
        }
        const ir::ValueId id = id_of(name);
        return moved.count(id) != 0 ? values.at(id).data[0] : values_.at(id).data[0];
    }

  private:
    ir::ValueId id_of(const std::string& name) const {
        for (const ir::NamedValue& result : function_.results)
            if (result.name == name) return result.value;
        return ir::kNone;
    }

    const ir::Module& module_;
    const ir::Function& function_;
    CallContext call_;
    ReferenceValues values_;
};

/// A random direction as long as the parameter, so that a step of h changes it by the fraction h. A
/// parameter close to 0, such as a fresh bias, gets 0.1 as its root mean square instead.
Numbers direction_of(const Numbers& parameter, uint64_t seed) {
    std::mt19937_64 random(seed);
    Numbers v = gaussian(static_cast<int64_t>(parameter.size()), random);
    const double rms = norm(parameter) / std::sqrt(static_cast<double>(parameter.size()));
    for (double& x : v) x *= std::max(rms, 0.1);
    return v;
}

/// Checks the derivative of the result `name` of `point` by the parameter. `claims` is that
/// derivative as autodiff says, one number per element; `magnitude` is the size of the terms that
/// the result sums up.
DerivativeCheck check_one(const Point& point, const std::string& name, ir::StateId id,
                          const Numbers& parameter, const Numbers& claims, double magnitude,
                          const GradientCheckOptions& options) {
    const Numbers v = direction_of(parameter, options.seed * 1000003 + static_cast<uint64_t>(id));
    const auto f = [&](double t) {
        Numbers shifted = parameter;
        for (size_t i = 0; i < v.size(); ++i) shifted[i] += t * v[i];
        return point.at(id, name, shifted);
    };
    const double usual = norm(claims) * norm(v) / std::sqrt(static_cast<double>(v.size()));
    return check_derivative(f, {dot(claims, v), 0.1 * usual, magnitude}, options.bound);
}

}  // namespace

/// Threads take parameters one after another. Outcomes are reported in the order of `parameters`: a
/// thread that is done reports all that are finished from the first unreported one on.
std::vector<ParameterCheck> check_gradients(const ir::Module& module,
                                            const CheckedFunctions& functions,
                                            const std::vector<ir::StateId>& parameters,
                                            const ReferenceInputs& inputs,
                                            const ReferenceStates& states,
                                            const GradientCheckOptions& options) {
    ReferenceInputs with_directions = inputs;
    std::mt19937_64 random(options.seed);
    for (const ir::Input& input : functions.gradient->inputs) {
        const ir::Value& value = functions.gradient->values[input.value];
        if (!value.name.starts_with("r.")) continue;
        with_directions[value.name] = gaussian(value.type.elements(), random);
    }
    const Point loss(module, *functions.loss, inputs, states, options);
    const Point gradient(module, *functions.gradient, with_directions, states, options);
    ReferenceStates end = states;
    const auto curvature =
        options.second_order
            ? run_reference(module, *functions.curvature, with_directions, end, call_of(options))
            : ReferenceResult{};
    double gradient_norm = 0;
    for (const ir::NamedValue& result : functions.gradient->results)
        if (result.name.starts_with("d."))
            gradient_norm = std::hypot(gradient_norm, norm(gradient.result(result.name)));

    std::vector<ParameterCheck> checks(parameters.size());
    std::vector<bool> finished(parameters.size(), false);
    std::atomic<size_t> next{0};
    size_t reported = 0;
    std::mutex mutex;
    const auto work = [&] {
        for (size_t i = next++; i < parameters.size(); i = next++) {
            const ir::StateId id = parameters[i];
            const std::string name = "d." + module.states[id].name;
            const Numbers& p = states.at(id);
            checks[i].parameter = id;
            checks[i].first = check_one(loss, "loss", id, p, gradient.result(name),
                                        std::abs(loss.result("loss")[0]), options);
            if (options.second_order)
                checks[i].second =
                    check_one(gradient, "slope", id, p, curvature.results.at(name).data,
                              gradient_norm, options);
            const std::lock_guard lock(mutex);
            finished[i] = true;
            for (; reported < checks.size() && finished[reported]; ++reported)
                if (options.done) options.done(checks[reported]);
        }
    };
    std::vector<std::thread> threads;
    for (int t = 1; t < options.threads; ++t) threads.emplace_back(work);
    work();
    for (std::thread& thread : threads) thread.join();
    return checks;
}

}  // namespace gmc::runtime

// gmc gradcheck: compares the gradients of a model's losses, as autodiff makes them, with
// differences of the losses.
#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "compiler/pipeline.h"
#include "compiler/support/say.h"
#include "dsl/lower/gradient_check.h"
#include "runtime/reference/gradient_check.h"
#include "tools/gmc/commands.h"
#include "tools/gmc/gradcheck_data.h"
#include "tools/gmc/model_source.h"

namespace gmc::tools {
namespace {

using runtime::DerivativeCheck;
using Verdict = DerivativeCheck::Verdict;

void add_options(CommandLine& line) {
    add_model(line);
    line.add_option<double>("bound", "X", "the largest relative error that passes", 1e-5,
                            Range{.low = 0, .without_low = true});
    line.add_option<uint64_t>("seed", "N", "seed of parameters, noise and directions", 1);
    line.add_option<int64_t>("examples", "N", "examples in the batch", 2, Range{1, 1024});
    line.add_option<std::string>("parameters", "PATTERN",
                                 "check only parameters of such names: generator.*, *.bias");
    line.add_flag("first-order", "leave out the second order, which takes longer");
}

/// Whether a name such as "generator.dense.weight" matches a pattern as shells have them.
bool is_chosen(const std::string& name, const std::string& pattern) {
    return pattern.empty() || fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

/// One cell of the table; `!` marks what fails.
std::string cell(const DerivativeCheck& check) {
    switch (check.verdict) {
        case Verdict::kKink:
            return "kink";
        case Verdict::kFlat:
            return "flat";
        case Verdict::kDisagrees:
            return std::isfinite(check.error) ? fmt::format("{:.1e} !", check.error)
                                              : "not finite !";
        case Verdict::kAgrees:
            break;
    }
    return fmt::format("{:.1e}  ", check.error);
}

/// "models/x.yaml:14:9", where the parameter's layer is declared.
std::string place_of(const ir::Module& module, const ir::State& state) {
    if (!state.location.known()) return module.name;
    return fmt::format("{}:{}:{}", module.files[state.location.file], state.location.line,
                       state.location.column);
}

/// Reports a derivative that is wrong; false when it is right.
bool report_wrong(const ir::Module& module, const ir::State& state, const char* order,
                  const DerivativeCheck& check) {
    if (check.verdict != Verdict::kDisagrees) return false;
    if (!std::isfinite(check.claimed) || !std::isfinite(check.measured))
        say("{}: error: the {} derivative of the loss by `{}` is not finite by {}\n",
            place_of(module, state), order, state.name,
            std::isfinite(check.measured)  ? "autodiff"
            : std::isfinite(check.claimed) ? "differences"
                                           : "autodiff, nor by differences");
    else
        say("{}: error: the {} derivative of the loss by `{}` along a random direction is "
            "{:.9g} by autodiff, but {:.9g} by differences\n",
            place_of(module, state), order, state.name, check.claimed, check.measured);
    return true;
}

/// The check of one model, one entry of `minimize` after another.
class Gradcheck {
  public:
    Gradcheck(const CommandLine& line, const dsl::ModelSpec& spec, const ir::Module& module)
        : spec_(spec), module_(module), pattern_(line.text("parameters")) {
        options_.bound = line.get<double>("bound");
        options_.seed = line.get<uint64_t>("seed");
        options_.second_order = !line.flag("first-order");
        options_.threads = static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U));
    }

    /// Ends with 3 if a derivative is wrong, like a run that fails.
    int run(const runtime::ReferenceInputs& data, const runtime::ReferenceStates& states) {
        for (const dsl::MinimizeSpec& entry : spec_.objective.minimize) check(entry, data, states);
        if (checked_ == 0) throw UsageError(fmt::format("no parameter is called `{}`", pattern_));
        if (wrong_ == 0)
            print_out("the gradients of {} parameter{} agree with differences\n", checked_,
                      checked_ == 1 ? "" : "s");
        else
            print_out("the gradients of {} of {} parameters disagree with differences\n", wrong_,
                      checked_);
        return wrong_ == 0 ? kDone : kRunFailed;
    }

  private:
    const ir::Function* function(const char* what, const dsl::MinimizeSpec& entry) const {
        return module_.find_function(fmt::format("{}_{}", what, entry.name));
    }

    /// Prints a row as soon as a parameter is done, since one can take minutes.
    void check(const dsl::MinimizeSpec& entry, const runtime::ReferenceInputs& data,
               const runtime::ReferenceStates& states) {
        const runtime::CheckedFunctions functions{
            function("loss", entry), function("gradient", entry), function("curvature", entry)};
        std::vector<ir::StateId> chosen;
        for (const ir::NamedValue& result : functions.gradient->results)
            if (result.name.starts_with("d.") && is_chosen(result.name.substr(2), pattern_))
                chosen.push_back(module_.find_state(result.name.substr(2)));
        if (chosen.empty()) return;
        print_out("{}\n  {:36} {:>12} {:>14} {:>14}\n", entry.name, "parameter", "elements",
                  "first order", options_.second_order ? "second order" : "");
        options_.done = [&](const runtime::ParameterCheck& check) {
            const ir::State& state = module_.states[check.parameter];
            print_out("  {:36} {:>12} {:>14} {:>14}\n", state.name, state.type.elements(),
                      cell(check.first), options_.second_order ? cell(check.second) : "");
            std::fflush(stdout);
        };
        for (const runtime::ParameterCheck& check :
             runtime::check_gradients(module_, functions, chosen, data, states, options_)) {
            const ir::State& state = module_.states[check.parameter];
            const bool first = report_wrong(module_, state, "first", check.first);
            const bool second = report_wrong(module_, state, "second", check.second);
            wrong_ += first || second ? 1 : 0;
        }
        checked_ += chosen.size();
    }

    const dsl::ModelSpec& spec_;
    const ir::Module& module_;
    std::string pattern_;
    runtime::GradientCheckOptions options_;
    size_t checked_ = 0, wrong_ = 0;
};

}  // namespace

/// 1. The model is built for a small batch, as the losses, gradients and curvatures of
///    lower::build_gradient_check.
/// 2. Its `gradient` ops are expanded, and what nothing needs is removed. Later passes are not
///    needed: the reference runs plain ops.
/// 3. Parameters and data are prepared, and each parameter is measured.
int gradcheck_command(const Words& words) {
    CommandLine line(
        "gmc gradcheck [options] MODEL",
        "Checks the gradients of each loss of a model, and the gradients of those, parameter by "
        "parameter: they are compared with differences of the loss, in double. The table shows "
        "relative errors beyond what rounding explains. `kink` means that the loss has no "
        "derivative there (max, a jump), `flat` that the loss hardly depends on the parameter. "
        "Exits with 3 when an error is over the bound. It runs plain loops on a small batch: a "
        "model of two million parameters takes minutes.");
    add_options(line);
    if (!line.parse(words)) return kDone;
    Diagnostics diagnostics;
    Result<dsl::ModelSpec> spec = read_model(line, diagnostics);
    if (!spec) return report(diagnostics);
    spec->train.batch_size = line.get<int64_t>("examples");
    Result<ir::Module> module = lower::build_gradient_check(*spec, diagnostics);
    std::string unknown;
    // Differences hold the result of every stop_gradient fixed, because those that the author
    // writes mean that; what a pass stopped would not be checked.
    passes::PassOptions options;
    for (const passes::Pass& pass : all_passes())
        if (pass.stops_gradients) options.skip.emplace_back(pass.name);
    if (!module || !passes::run_stages(*module, pipeline_until("grad"), options, diagnostics) ||
        !passes::run_stages(*module, stages_of({"cse", "dce"}, unknown), {}, diagnostics))
        return report(diagnostics);
    runtime::ReferenceStates states;
    const auto seed = line.get<uint64_t>("seed");
    if (!gradcheck_states(*module, seed, states, diagnostics)) return report(diagnostics);
    bool random = false;
    const runtime::ReferenceInputs data = gradcheck_data(*module, seed, random);
    if (random) print_out("the data cannot be read; random numbers are used instead\n");
    return Gradcheck(line, *spec, *module).run(data, states);
}

}  // namespace gmc::tools

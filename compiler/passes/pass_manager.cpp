// Runs the stages of the pipeline round by round, and around each pass: skips it if asked to,
// measures its time, verifies the module, prints and dumps it.
#include "compiler/passes/pass_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "compiler/ir/artefact.h"
#include "compiler/ir/builder.h"
#include "compiler/ir/text/printer.h"
#include "compiler/support/check.h"

namespace gmc::passes {
namespace {

using Clock = std::chrono::steady_clock;

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

size_t count_operations(const ir::Module& module) {
    size_t count = 0;
    for (const ir::Function& function : module.functions) count += function.operations.size();
    return count;
}

/// Runs the stages on one module. `before_` is a copy of the module as the last pass left it, which
/// is what a bug is shown with.
class Manager {
  public:
    Manager(ir::Module& module, const PassOptions& options, Diagnostics& diagnostics)
        : module_(module), before_(module), options_(options), diagnostics_(diagnostics) {}

    Result<bool> run(const std::vector<Stage>& stages) {
        if (!make_dump_folder()) return Failure{};
        bool changed = false;
        for (const Stage& stage : stages) {
            const Result<bool> result = run_stage(stage);
            if (!result) return Failure{};
            changed |= *result;
            if (contains_pass(stage, options_.stop_after)) break;
        }
        if (options_.time_passes) print_times();
        return changed;
    }

  private:
    /// A row of the table of `--time-passes`, summed over all runs of a pass.
    struct Time {
        std::string name;
        int runs = 0, changes = 0;
        double seconds = 0;
        size_t operations_after = 0;
    };

    static bool contains_pass(const Stage& stage, std::string_view name) {
        return std::any_of(stage.passes.begin(), stage.passes.end(),
                           [&](const Pass& p) { return p.name == name; });
    }

    /// Runs the passes in turn until a whole round changes nothing.
    Result<bool> run_stage(const Stage& stage) {
        bool changed = false;
        for (int round = 0; round < stage.most_rounds; ++round) {
            bool round_changed = false;
            for (const Pass& pass : stage.passes) {
                if (contains(options_.skip, pass.name)) continue;
                const Result<bool> result = run_pass(pass, stage.ensures);
                if (!result) return Failure{};
                round_changed |= *result;
            }
            if (!round_changed) break;
            changed = true;
        }
        return changed;
    }

    /// Runs one pass, and verifies the module when it changed. A pass that says it changed nothing
    /// but did would break the rounds, so the number of operations is compared as well.
    Result<bool> run_pass(const Pass& pass, const ir::VerifyOptions& ensures) {
        const size_t operations = count_operations(module_);
        const Clock::time_point start = Clock::now();
        Result<bool> changed = Failure{};
        try {
            changed = pass.function(module_, diagnostics_);
        } catch (const ir::TooLarge& error) {
            error.report(module_, diagnostics_);
        } catch (const InternalError& error) {
            crash(pass, error.what());
        }
        if (!changed) return Failure{};
        note_time(pass, *changed, std::chrono::duration<double>(Clock::now() - start).count());
        // A module that is as it was need not be verified and kept again.
        const bool is_new = *changed || count_operations(module_) != operations;
        Diagnostics found;
        // A skipped pass may have been the one that ensures what the stage promises.
        if (is_new &&
            !ir::verify(module_, found, options_.skip.empty() ? ensures : ir::VerifyOptions{}))
            crash(pass, found.render());
        if (is_new) before_ = module_;
        ++runs_;
        if (!show(pass, *changed)) return Failure{};
        return changed;
    }

    /// A bug of a pass: writes the module as it was before to a file, and throws with the pass's
    /// name.
    [[noreturn]] void crash(const Pass& pass, const std::string& why) {
        std::string where = fmt::format("the module before the pass is in {}", options_.crash_file);
        if (!ir::write_file(options_.crash_file, ir::artefact_text(before_), diagnostics_))
            where = fmt::format("{} could not be written", options_.crash_file);
        throw InternalError(
            fmt::format("internal error in pass {}: {}\n{}", pass.name, why, where));
    }

    /// Prints and dumps as asked for.
    bool show(const Pass& pass, bool changed) {
        if (contains(options_.print_after, pass.name))
            fmt::print(options_.print_to, "// after {}, {}\n{}\n", pass.name,
                       changed ? "changed" : "not changed", ir::print(module_));
        if (options_.dump_folder.empty() || !changed) return true;
        const std::string file =
            fmt::format("{}/{:02}-{}.changed.gmc", options_.dump_folder, runs_, pass.name);
        return ir::write_file(file, ir::artefact_text(module_), diagnostics_);
    }

    bool make_dump_folder() {
        if (options_.dump_folder.empty()) return true;
        std::error_code code;
        std::filesystem::create_directories(options_.dump_folder, code);
        if (!code)
            return ir::write_file(options_.dump_folder + "/00-input.gmc",
                                  ir::artefact_text(module_), diagnostics_);
        const uint32_t file = diagnostics_.sources().add(options_.dump_folder, "");
        diagnostics_.error(DiagnosticKind::kBadFile, {file, 0, 0, 0}, "cannot be made: {}",
                           code.message());
        return false;
    }

    void note_time(const Pass& pass, bool changed, double seconds) {
        auto found = std::find_if(times_.begin(), times_.end(),
                                  [&](const Time& t) { return t.name == pass.name; });
        if (found == times_.end()) found = times_.insert(times_.end(), {std::string(pass.name)});
        ++found->runs;
        found->changes += changed ? 1 : 0;
        found->seconds += seconds;
        found->operations_after = count_operations(module_);
    }

    void print_times() const {
        fmt::print(options_.print_to, "{:<18} {:>5} {:>8} {:>9} {:>10}\n", "pass", "runs",
                   "changes", "ms", "ops after");
        for (const Time& t : times_)
            fmt::print(options_.print_to, "{:<18} {:>5} {:>8} {:>9.3f} {:>10}\n", t.name, t.runs,
                       t.changes, t.seconds * 1e3, t.operations_after);
    }

    ir::Module& module_;
    ir::Module before_;  ///< as the last pass that changed it left it: what a bug is shown with
    const PassOptions& options_;
    Diagnostics& diagnostics_;
    int runs_ = 0;
    std::vector<Time> times_;
};

}  // namespace

Result<bool> run_stages(ir::Module& module, const std::vector<Stage>& stages,
                        const PassOptions& options, Diagnostics& diagnostics) {
    return Manager(module, options, diagnostics).run(stages);
}

}  // namespace gmc::passes

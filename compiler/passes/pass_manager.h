// Runs passes one after the other, with a verified module after each, and offers what is needed to
// watch them: printing, dumping, timing, skipping.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/ir/verifier.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

using PassFunction = std::function<Result<bool>(ir::Module&, Diagnostics&)>;

/// A pass by its name, which is also its file's and its flag's.
struct Pass {
    std::string_view name;
    std::string_view summary;
    PassFunction function;
    /// It puts `stop_gradient` where the author wrote none, since it knows that a derivative is 0.
    /// Differences hold what is stopped fixed, so `gmc gradcheck` leaves such a pass out.
    bool stops_gradients = false;
};

/// Passes that are run in turn, again and again until none of them changes anything, `most_rounds`
/// times at most.
struct Stage {
    std::vector<Pass> passes;
    int most_rounds = 1;
    ir::VerifyOptions ensures;  ///< what holds after each pass of the stage
};

/// What the flags of `gmc compile` and `gmc opt` say.
struct PassOptions {
    std::vector<std::string> skip;  ///< names of passes that are left out
    std::string stop_after;  ///< the name of the last pass to run (its stage is finished); "" = all
    std::vector<std::string> print_after;  ///< names of passes after which the module is printed
    std::FILE* print_to = stdout;
    std::string dump_folder;  ///< a file per run that changed something is written there; "" = none
    bool time_passes = false;                  ///< prints a table at the end
    std::string crash_file = "gmc-crash.gmc";  ///< where the module goes when a pass has a bug
};

/// Runs the stages. Fails when a pass reports an error of the model, or a file cannot be written. A
/// bug in a pass (an InternalError in it, or a module that is not well formed after it) ends in an
/// InternalError that names the pass and the file with the module as it was before.
Result<bool> run_stages(ir::Module& module, const std::vector<Stage>& stages,
                        const PassOptions& options, Diagnostics& diagnostics);

}  // namespace gmc::passes

// The order of the passes, with a reason per line.
#include "compiler/pipeline.h"

#include <algorithm>

#include "compiler/batch/distribute.h"
#include "compiler/passes/algebra/cancel_shifts.h"
#include "compiler/passes/algebra/conv_to_matmul.h"
#include "compiler/passes/algebra/factor_examples.h"
#include "compiler/passes/algebra/factor_sums.h"
#include "compiler/passes/algebra/fold_constants.h"
#include "compiler/passes/algebra/fuse_attention.h"
#include "compiler/passes/algebra/join_batches.h"
#include "compiler/passes/algebra/move_transposes.h"
#include "compiler/passes/algebra/reuse_quotients.h"
#include "compiler/passes/algebra/simplify.h"
#include "compiler/passes/algebra/sink_shapes.h"
#include "compiler/passes/algebra/sum_after_scans.h"
#include "compiler/passes/cse.h"
#include "compiler/passes/dce.h"
#include "compiler/passes/differentiate.h"
#include "compiler/passes/fuse_elementwise.h"
#include "compiler/passes/hoist_invariants.h"
#include "compiler/passes/keep_copies.h"
#include "compiler/passes/lower_precision.h"
#include "compiler/passes/memory/order_operations.h"
#include "compiler/passes/memory/order_states.h"
#include "compiler/passes/memory/plan_memory.h"
#include "compiler/passes/memory/recompute.h"
#include "compiler/passes/trim_scans.h"

namespace gmc {
namespace {

using passes::Pass;
using passes::Stage;

/// Each round sees what the round before made possible; models need three to six. Passes that fight
/// each other would go on for ever: the bound turns that into a slower program instead of a hang.
constexpr int kMostRounds = 12;

constexpr ir::VerifyOptions kDifferentiated{.allow_gradient = false};
constexpr ir::VerifyOptions kPlanned{.allow_gradient = false, .planned = true};

/// Names of the last passes of the stages that `gmc dump` can stop at.
constexpr std::string_view kLastOfGrad = "differentiate", kLastOfOpt = "fuse_elementwise";

}  // namespace

const std::vector<Stage>& pipeline() {
    static const std::vector<Stage> kStages = {
        // Before differentiate: what has no derivative need not be differentiated.
        {{{.name = "cancel_shifts",
           .summary = "lets no gradient through a bias that a mean takes out again",
           .function = passes::cancel_shifts,
           .stops_gradients = true},
          // Here too: its gradient is then one op, which keeps no scores.
          {"fuse_attention", "computes attention block by block, without storing its scores",
           passes::fuse_attention},
          // Here too: gradients then have their rows in the same order.
          {"move_transposes", "transposes rows of products where they are shorter",
           passes::move_transposes},
          {"dce", "removes what attention and transposed products were made of", passes::dce}},
         1,
         {}},
        // Early: everything after sees ordinary ops only, and cleans up what gradient rules leave.
        {{{"differentiate", "replaces gradient ops by the ops that compute them",
           passes::differentiate}},
         1,
         kDifferentiated},
        {{
             // Before simplify: neutral arithmetic stands between ops that simplify would merge.
             {"fold_constants", "computes what is known, drops neutral arithmetic",
              passes::fold_constants},
             // Before sink_shapes: chains of broadcasts and reshapes become single ones.
             {"simplify", "removes shape ops and sums that do nothing or undo each other",
              passes::simplify},
             // Before factor_sums: shows which parts of a sum do not vary.
             {"sink_shapes",
              "moves broadcasts and reshapes behind element-wise ops, slices before them",
              passes::sink_shapes},
             // Before cse: makes sums equal.
             {"factor_sums", "takes out of sums what does not vary within them",
              passes::factor_sums},
             // Before cse: makes chains of contractions equal.
             {"factor_examples", "takes factors per example out of contractions that then are one",
              passes::factor_examples},
             // After all that rewrite: what looks alike now is alike.
             {"cse", "computes equal things once", passes::cse},
             // Last of a round: drops what the others replaced, so that the next does not see it.
             {"dce", "removes ops whose results nothing needs", passes::dce},
             // After dce, which leaves only what is read. Values that a scan then no longer takes
             // as operands may be unused themselves: the next round sees that.
             {"trim_scans", "drops what scans carry, stack or capture for nothing",
              passes::trim_scans},
             // After trim_scans, which drops products that no gradient reads.
             {"sum_after_scans", "sums over the passes of a scan in one product behind it",
              passes::sum_after_scans},
         },
         kMostRounds,
         kDifferentiated},
        // After the algebra, which sees through sums over the batch; before joining, which would
        // put shards of different batches behind one another.
        {{{"distribute", "with --shards: computes steps in parts that processes can share",
           passes::distribute},
          {"cse", "computes equal things once", passes::cse}},
         1,
         kDifferentiated},
        // After the algebra, which would not see through the slices that joining makes.
        {{{"join_batches", "runs contractions with the same weights once over all their examples",
           passes::join_batches},
          {"dce", "removes what joining left over", passes::dce}},
         kMostRounds,
         kDifferentiated},
        // After the algebra, which sees that values are equal; before casts come between them.
        {{{"reuse_quotients", "lets gradients of a softmax read its result alone",
           passes::reuse_quotients}},
         1,
         kDifferentiated},
        // After the passes that know f32 only; before fusion, since loops load and store bf16.
        {{{"lower_precision", "with --precision=bf16: computes contractions in bf16",
           passes::lower_precision},
          // Before keep_copies, which knows casts of parameters only where these are states.
          {"hoist_invariants", "computes before a scan what is the same in every pass",
           passes::hoist_invariants},
          // After hoist_invariants, which leaves captured values that nothing reads any more.
          {"trim_scans", "drops what scans carry, stack or capture for nothing",
           passes::trim_scans},
          // After both: replaces the casts of parameters that they made or moved.
          {"keep_copies", "lets updates write the bf16 of parameters", passes::keep_copies}},
         1,
         kDifferentiated},
        // After keep_copies and all others that know convolutions.
        {{{"conv_to_matmul", "computes convolutions whose window has one place as products",
           passes::conv_to_matmul},
          // The reshapes around these products meet others, or are there twice.
          {"simplify", "removes shape ops and sums that do nothing or undo each other",
           passes::simplify},
          {"cse", "computes equal things once", passes::cse},
          {"dce", "removes ops whose results nothing needs", passes::dce}},
         kMostRounds,
         kDifferentiated},
        // After the algebra: each op removed is one less to place in a loop.
        {{{"fuse_elementwise", "groups element-wise ops and reductions into loops",
           passes::fuse_elementwise}},
         1,
         kDifferentiated},
        // After fusion, which decides which values go to memory.
        {{{"order_states", "makes neighbours of states that are updated together",
           passes::order_states},
          // After order_states: a pack of states that are neighbours now costs no memory.
          {"order_operations", "orders the operations so that less memory is needed at once",
           passes::order_operations},
          // After order_operations: only in the final order is it known how long a value is kept.
          {"recompute", "computes values twice where keeping them would break the memory limit",
           passes::recompute}},
         1,
         kDifferentiated},
        // Last: lifetimes are known only when the order of ops is final.
        {{{"plan_memory", "gives every value its place in one arena", passes::plan_memory}},
         1,
         kPlanned},
    };
    return kStages;
}

/// Some passes stand in several stages; each is listed once.
std::vector<Pass> all_passes() {
    std::vector<Pass> all;
    for (const Stage& stage : pipeline())
        for (const Pass& pass : stage.passes)
            if (std::none_of(all.begin(), all.end(),
                             [&](const Pass& other) { return other.name == pass.name; }))
                all.push_back(pass);
    return all;
}

std::vector<Stage> stages_of(const std::vector<std::string>& names, std::string& unknown) {
    std::vector<Stage> stages;
    for (const std::string& name : names) {
        bool found = false;
        for (const Stage& stage : pipeline())
            for (const Pass& pass : stage.passes)
                if (pass.name == name && !found) {
                    // Alone a pass promises only what it ensures itself, and may get a module of
                    // any stage.
                    const bool plans = stage.ensures.planned, differentiates = name == kLastOfGrad;
                    stages.push_back(
                        {{pass}, 1, {.allow_gradient = !differentiates, .planned = plans}});
                    found = true;
                }
        if (!found && unknown.empty()) unknown = name;
    }
    return stages;
}

std::vector<Stage> pipeline_until(std::string_view stage_name) {
    std::vector<Stage> stages;
    if (stage_name == "ir") return stages;
    for (const Stage& stage : pipeline()) {
        stages.push_back(stage);
        const std::string_view last = stage.passes.back().name;
        if ((stage_name == "grad" && last == kLastOfGrad) ||
            (stage_name == "opt" && last == kLastOfOpt))
            break;
    }
    return stages;
}

}  // namespace gmc

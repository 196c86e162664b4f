// Resizes a copy of the function, then plans the memory anew and verifies the
// result.
#include "compiler/batch/rebatch.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/batch/batch_axis.h"
#include "compiler/batch/resize.h"
#include "compiler/ir/scan.h"
#include "compiler/ir/verifier.h"
#include "compiler/passes/memory/plan_memory.h"

namespace gmc {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Whether each result has a row per example.
bool gives_rows(const Function& function, const BatchAxes& axes, std::string& why) {
    for (const NamedValue& result : function.results)
        if (axes.of[static_cast<size_t>(result.value)] != BatchAxis{}) {
            why = fmt::format("result `{}` has no row per example", result.name);
            return false;
        }
    return true;
}

/// Adds copies of the bodies of the function's scans, then of the function, to `out`.
void add_with_bodies(const Module& module, const Function& function, Module& out) {
    for (const Operation& op : function.operations)
        if (const Function* body = body_of(module, op)) add_with_bodies(module, *body, out);
    out.functions.push_back(function);
}

}  // namespace

bool couples_examples(const Module& module, const Function& function) {
    return !find_batch_axes(module, function).why.empty();
}

/// Works on a module of its own that holds copies of the states and this one function, so that the
/// pass plan_memory can be used as it is. The result is verified: if a rule of batch_axis were
/// wrong, the answer is "cannot be done" and not a wrong function.
std::optional<Module> rebatch(const Module& module, const Function& function, int64_t rows,
                              std::string& why) {
    if (!function.updates.empty()) {
        why = "it updates states";
        return std::nullopt;
    }
    const BatchAxes axes = find_batch_axes(module, function);
    why = axes.why.empty() ? axes.draws : axes.why;
    if (!why.empty() || !gives_rows(function, axes, why)) return std::nullopt;
    Module alone;
    alone.name = module.name;
    alone.files = module.files;
    alone.states = module.states;
    add_with_bodies(module, function, alone);
    resize(alone, alone.functions.back(), axes, module.training->batch_size, rows);
    Diagnostics problems;
    if (!passes::plan_memory(alone, problems).ok() ||
        !verify(alone, problems, {.allow_gradient = false, .planned = true})) {
        why = "the function for another batch would be wrong: " +
              (problems.any() ? problems.list()[0].text : "it cannot be planned");
        return std::nullopt;
    }
    return alone;
}

}  // namespace gmc

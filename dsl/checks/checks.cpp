// Runs all checks on a model, one after another; each is in a file of its own.
#include "dsl/checks/checks.h"

#include "dsl/model_view.h"

namespace gmc::dsl {

void check_model(const ModelSpec& spec, const Facts& facts, Diagnostics& diagnostics) {
    const ModelView view(spec);
    check_ranges(view, facts, diagnostics);
    check_logits(view, diagnostics);
    check_samples(view, diagnostics);
    check_gaussians(view, diagnostics);
    check_training(view, facts, diagnostics);
    check_rates(view, diagnostics);
    check_unused(view, diagnostics);
    check_layers(view, diagnostics);
    check_chains(view, diagnostics);
    check_logarithms(view, diagnostics);
}

}  // namespace gmc::dsl

// Collects the signs of an epoch: those of its figures, of its weights, and of samples, which are
// compared with the first batch of the data in their own order.
#include "runtime/run/epoch_signs.h"

#include <utility>

namespace gmc::runtime {

Result<std::vector<Sign>> EpochSigns::take(LoadedModel& model, const Dataset& dataset,
                                           LoaderOptions options, TrainingState& training,
                                           Diagnostics& diagnostics) {
    if (!judged_) {
        auto loader = Loader::create(
            dataset, {options.batch_size, LoaderMode::kEvaluate, options.seed, 0}, diagnostics);
        if (!loader.ok()) return Failure{};
        judged_ = loader.take();
    }
    std::vector<Sign> signs = figure_signs(training.signs, alternating_losses(model.module()));
    for (Sign& sign : weight_signs(model.states(), *training.epoch_start))
        signs.push_back(std::move(sign));
    const auto made =
        sample_signs(model, *judged_, options.seed, training.signs.was_diverse, diagnostics);
    if (!made.ok()) return Failure{};
    signs.insert(signs.end(), made->begin(), made->end());
    return news_of(signs, training.step, training.signs);
}

}  // namespace gmc::runtime

// Puts the states of a checkpoint into a loaded model.
#include "runtime/train/trained_model.h"

#include <filesystem>

#include "compiler/support/paths.h"

namespace gmc::runtime {

namespace fs = std::filesystem;

namespace {

/// The checkpoint's file; its ending .safetensors may be left out.
std::string file_of(const std::string& checkpoint) {
    const std::string with_ending = checkpoint + ".safetensors";
    return !is_there(checkpoint) && is_there(with_ending) ? with_ending : checkpoint;
}

}  // namespace

std::string model_path(const std::string& path) {
    return is_folder(path) ? path + "/model.gmc" : path;
}

Result<TrainedModel> with_weights(std::unique_ptr<LoadedModel> model, const std::string& folder,
                                  const std::string& checkpoint, Diagnostics& diagnostics) {
    TrainedModel trained{std::move(model), {}, folder};
    if (!read_checkpoint(file_of(folder + "/" + checkpoint), trained.model->states(),
                         trained.training, diagnostics))
        return Failure{};
    if (trained.training.step == 0 && trained.training.init.empty())
        diagnostics.warning(DiagnosticKind::kNotTrained, {},
                            "run `{}` has not been trained yet (step 0)", folder);
    trained.model->set_progress(trained.training.step, trained.training.epoch);
    trained.model->fix_states();
    return trained;
}

}  // namespace gmc::runtime

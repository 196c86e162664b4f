// Puts the states of a checkpoint into a loaded model.
#include "runtime/train/trained_model.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <string_view>
#include <vector>

#include "compiler/support/paths.h"

namespace gmc::runtime {

namespace fs = std::filesystem;

std::string model_path(const std::string& path) {
    return is_folder(path) ? path + "/model.gmc" : path;
}

std::string name_of_earlier_weights(int64_t step) {
    return (step == 0 ? "the first weights" : fmt::format("the weights of step {}", step)) +
           ", which training went back to";
}

namespace {

/// `path`, or the same with its ending; "" where neither is there.
std::string with_ending(const std::string& path) {
    for (const char* ending : {"", ".safetensors"})
        if (is_there(path + ending)) return path + ending;
    return "";
}

/// `checkpoints/step-00000500` of `step-500`; "" of what is no such name.
std::string kept_step(const std::string& name) {
    constexpr std::string_view kStep = "step-";
    int64_t step = -1;
    const char* end = name.data() + name.size();
    if (!name.starts_with(kStep)) return "";
    const auto parsed = std::from_chars(name.data() + kStep.size(), end, step);
    if (parsed.ec != std::errc() || parsed.ptr != end || step < 0) return "";
    return fmt::format("checkpoints/{}{:08}", kStep, step);
}

}  // namespace

/// What lies in the run's folder comes first: `best` is its best, whatever the working folder has.
std::string checkpoint_file(const std::string& folder, const std::string& name) {
    if (name.starts_with('/')) return with_ending(name).empty() ? name : with_ending(name);
    if (name == "last") return folder + "/" + kCheckpointName;
    std::vector<std::string> places{folder + "/" + name, folder + "/checkpoints/" + name};
    if (const std::string kept = kept_step(name); !kept.empty())
        places.push_back(folder + "/" + kept);
    places.push_back(name);
    for (const std::string& place : places)
        if (const std::string file = with_ending(place); is_regular(file)) return file;
    return folder + "/" + name;
}

Result<TrainedModel> with_weights(std::unique_ptr<LoadedModel> model, const std::string& folder,
                                  const std::string& checkpoint, Diagnostics& diagnostics) {
    TrainedModel trained{std::move(model), {}, folder, checkpoint_file(folder, checkpoint)};
    if (!read_checkpoint(trained.checkpoint, trained.model->states(), trained.training,
                         diagnostics))
        return Failure{};
    if (trained.training.weights_step() == 0 && trained.training.init.empty())
        diagnostics.warning(DiagnosticKind::kNotTrained, {},
                            "{} `{}` {} not been trained yet (step 0)",
                            trained.training.step == 0 ? "run" : "the weights of", folder,
                            trained.training.step == 0 ? "has" : "have");
    const CheckpointOrigin written = origin_of_checkpoint(trained.checkpoint);
    if (written.data == trained.model->module().origin.data)
        trained.model->data().expect(written.data_values, written.test_values);
    trained.model->set_progress(trained.training.step, trained.training.epoch);
    trained.model->fix_states();
    return trained;
}

}  // namespace gmc::runtime

// Entries of `state`: what training makes of them, step by step.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/train/checkpoint.h"
#include "tests/train/load_model.h"
#include "tests/train/train_model.h"

namespace gmc {
namespace {

/// The numbers of the state `name` in the checkpoint of a run.
std::vector<float> state_of(const std::string& path, const std::string& run,
                            const std::string& name) {
    auto model = load(path);
    Diagnostics diagnostics;
    runtime::TrainingState training;
    REQUIRE(runtime::read_checkpoint(run + "/checkpoint.safetensors", model->states(), training,
                                     diagnostics));
    const ir::StateId id = model->module().find_state(name);
    REQUIRE(id != ir::kNone);
    const float* data = model->states().data(id);
    return {data, data + model->states().elements(id)};
}

std::string model_with(const std::string& states, const std::string& schedule) {
    return fmt::format(R"(
model: states
data: {{image: {{synthetic: {{set: shapes, size: 8}}, count: 32}}}}
networks:
  net: {{inputs: {{x: data.image}}, layers: [flatten, {{dense: 1}}]}}
  other: {{inputs: {{x: data.image}}, layers: [flatten, {{dense: 1}}]}}
objective:
  state: {{{}}}
  minimize:
    - {{networks: [net], loss: mean(sum(net(image)^2)){}}}
    - {{networks: [other], loss: mean(sum(other(image)^2))}}
train: {{batch_size: 4, epochs: 2}}
)",
                       states, schedule);
}

TEST_CASE("a state takes its update once in each step, also where an entry repeats") {
    const TemporaryFolder folder;
    for (const std::string schedule : {"", ", repeat: 2"}) {
        const std::string path = write_model(
            folder, "m",
            model_with("n: {update: n + 1}, twice: {start: 1, update: 2 * n}", schedule));
        const std::string run = folder / ("run" + std::to_string(schedule.size()));
        REQUIRE(train(path, for_steps(in(run), 3)).end == runtime::TrainEnd::kDone);
        CHECK(state_of(path, run, "n.value") == std::vector<float>{3});
        // All states see the values from before the step.
        CHECK(state_of(path, run, "twice.value") == std::vector<float>{4});
    }
}

TEST_CASE("a state per example keeps what each place of the batch had, and is resumed") {
    const TemporaryFolder folder;
    const std::string path = write_model(
        folder, "m",
        model_with("most: {per_example: true, update: max(most, max(image))}, "
                   "middle: {shape: [8, 8, 1], update: 0.5 * middle + 0.5 * mean(image, "
                   "axis=batch)}",
                   ""));
    REQUIRE(train(path, for_steps(in(folder / "whole"), 6)).end == runtime::TrainEnd::kDone);
    REQUIRE(train(path, for_steps(in(folder / "parts"), 2)).end == runtime::TrainEnd::kDone);
    REQUIRE(train(path, for_steps(resume(folder / "parts"), 6)).end == runtime::TrainEnd::kDone);
    for (const std::string name : {"most.value", "middle.value"}) {
        const std::vector<float> whole = state_of(path, folder / "whole", name);
        CHECK(whole == state_of(path, folder / "parts", name));
        CHECK(whole.size() == (name == "most.value" ? 4 : 64));
        CHECK(*std::max_element(whole.begin(), whole.end()) > 0.1F);
    }
}

}  // namespace
}  // namespace gmc

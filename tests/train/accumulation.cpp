// Updates from several batches: they are those of one large batch, and are counted as such.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/train/checkpoint.h"
#include "tests/train/load_model.h"
#include "tests/train/metrics.h"
#include "tests/train/train_model.h"

namespace gmc {
namespace {

/// All parameters in the checkpoint of a run, and where the run is.
struct Reached {
    std::vector<float> parameters;
    runtime::TrainingState training;
};
Reached reached(const std::string& path, const std::string& run) {
    Reached out;
    auto model = load(path);
    Diagnostics diagnostics;
    REQUIRE(runtime::read_checkpoint(run + "/checkpoint.safetensors", model->states(), out.training,
                                     diagnostics));
    const runtime::StateStore& states = model->states();
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        if (states.state(id).role == ir::StateRole::kParameter)
            out.parameters.insert(out.parameters.end(), states.data(id),
                                  states.data(id) + states.elements(id));
    return out;
}

/// An autoencoder without noise: its update depends on the examples only.
std::string autoencoder(int batch, const std::string& accumulate, const std::string& clip) {
    return fmt::format(R"(
model: ae
data: {{image: {{synthetic: {{set: shapes, size: 8}}, count: 128}}}}
networks:
  net: {{inputs: {{x: data.image}}, layers: [flatten, {{dense: {{units: 16, activation: tanh}}}}, {{dense: 64}},
        {{reshape: [8, 8, 1]}}]}}
objective:
  minimize: {{networks: net, loss: mean(sum((net(image) - image)^2))}}
train:
  batch_size: {}
  epochs: 3
  average: {{linear: {{from: 0.5, to: 0.9, over: 8 steps}}}}
  optimizer: {{adam: {{learning_rate: {{linear: {{from: 0.01, to: 0.001, over: 8 steps}}}}{}}}}}
{})",
                       batch, clip, accumulate);
}

std::string game(const std::string& schedule) {
    return fmt::format(R"(
model: game
data: {{point: {{synthetic: ring, count: 256}}}}
networks:
  g: {{inputs: {{z: [2]}}, layers: [{{dense: {{units: 8, activation: relu}}}}, {{dense: 2}}]}}
  d: {{inputs: {{x: data.point}}, layers: [{{dense: {{units: 8, activation: relu}}}}, batch_norm, {{dense: 1}}]}}
objective:
  let: {{fake: g(normal(g))}}
  state: {{batches: {{update: batches + 1}}}}
  minimize:
    - {{networks: [d], loss: mean(softplus(d(fake)) + softplus(-d(point))){}}}
    - {{networks: [g], loss: mean(softplus(-d(fake)))}}
train: {{batch_size: 8, epochs: 4, accumulate: 2, average: 0.9, on_divergence: lower_rate}}
)",
                       schedule);
}

}  // namespace

TEST_CASE("an update from four batches is that of one batch four times as large") {
    const TemporaryFolder folder;
    for (const std::string clip : {"", ", global_clip_norm: 0.5", ", clip_norm: 0.2",
                                   ", clip_value: 0.02", ", weight_decay: 0.1"}) {
        INFO(clip);
        const std::string id = std::to_string(clip.size());
        const std::string one = write_model(folder, "one" + id, autoencoder(32, "", clip));
        const std::string four =
            write_model(folder, "four" + id, autoencoder(8, "  accumulate: 4\n", clip));
        REQUIRE(train(one, in(folder / ("one" + id))).end == runtime::TrainEnd::kDone);
        REQUIRE(train(four, in(folder / ("four" + id))).end == runtime::TrainEnd::kDone);
        const Reached a = reached(one, folder / ("one" + id)),
                      b = reached(four, folder / ("four" + id));
        CHECK(a.training.step == 12);
        CHECK(b.training.step == 12);
        CHECK(a.training.pass == b.training.pass);
        REQUIRE(a.parameters.size() == b.parameters.size());
        for (size_t i = 0; i < a.parameters.size(); ++i)
            CHECK(b.parameters[i] == Approx(a.parameters[i]).margin(2e-5));
    }
}

TEST_CASE("a game that accumulates is resumed to the bit, with entries that repeat as well") {
    const TemporaryFolder folder;
    for (const std::string schedule : {"", ", repeat: 2", ", accumulate: 3"}) {
        const std::string id = "m" + std::to_string(schedule.size());
        const std::string path = write_model(folder, id, game(schedule));
        REQUIRE(train(path, for_steps(in(folder / (id + "w")), 5)).end == runtime::TrainEnd::kDone);
        REQUIRE(train(path, for_steps(in(folder / (id + "p")), 2)).end == runtime::TrainEnd::kDone);
        REQUIRE(train(path, for_steps(resume(folder / (id + "p")), 5)).end ==
                runtime::TrainEnd::kDone);
        const Reached whole = reached(path, folder / (id + "w"));
        CHECK(whole.parameters == reached(path, folder / (id + "p")).parameters);
        // 2 for the generator; for the discriminator 2, twice 2, or 3
        const int64_t batches = schedule.empty() ? 4 : schedule[2] == 'r' ? 6 : 5;
        CHECK(whole.training.call == 5 * batches);
        CHECK(whole.training.example + whole.training.pass * 256 == 5 * batches * 8);
    }
}

TEST_CASE("a state takes its update with every batch of the last entry") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", game(""));
    REQUIRE(train(path, for_steps(in(folder / "run"), 3)).end == runtime::TrainEnd::kDone);
    auto model = load(path);
    Diagnostics diagnostics;
    runtime::TrainingState training;
    REQUIRE(runtime::read_checkpoint((folder / "run") + "/checkpoint.safetensors", model->states(),
                                     training, diagnostics));
    CHECK(*model->states().data(model->module().find_state("batches.value")) == 6);
}

TEST_CASE(
    "lazy terms, lookahead, extragradient and factors are resumed to the bit, and stay finite") {
    const TemporaryFolder folder;
    const std::string base = R"yaml(
model: game
data: {point: {synthetic: ring, count: 256}}
networks:
  g: {inputs: {z: [2]}, layers: [{dense: {units: 8, activation: relu}}, batch_norm, {dense: 2}]}
  d: {inputs: {x: data.point}, layers: [{dense: {units: 8, activation: tanh}}, {dense: 1}]}
objective:
  let: {fake: g(normal(g)), judged: d(point), r1: "mean(sum(grad(judged, point)^2))"}
  SCHEDULE
  minimize:
    - {networks: [d], loss: "mean(softplus(d(fake)) + softplus(-judged)) + every(r1, 4)", metrics: {r1: "every(r1, 4)"}}
    - {networks: [g], loss: "mean(softplus(-d(fake)))"}
train: {batch_size: 8, epochs: 4, average: 0.9, average_statistics: true, TRAIN}
)yaml";
    const std::vector<std::pair<std::string, std::string>> kinds = {
        {"", "accumulate: 2"},
        {"", "optimizer: {adam: {lookahead: {every: 3}, rate_factors: {d: 2, g.dense: 0.5}}}"},
        {"schedule: extragradient", "on_divergence: rollback"},
        {"schedule: extragradient", "accumulate: 2, optimizer: {rmsprop: {lookahead: {}}}"},
        {"schedule: simultaneous", "on_divergence: lower_rate"},
    };
    for (size_t i = 0; i < kinds.size(); ++i) {
        INFO(i);
        std::string text = base;
        text.replace(text.find("SCHEDULE"), 8, kinds[i].first);
        text.replace(text.find("TRAIN"), 5, kinds[i].second);
        const std::string id = "m" + std::to_string(i);
        const std::string path = write_model(folder, id, text);
        const Trained whole = train(path, for_steps(in(folder / (id + "w")), 7));
        INFO(whole.errors);
        REQUIRE(whole.end == runtime::TrainEnd::kDone);
        REQUIRE(train(path, for_steps(in(folder / (id + "p")), 3)).end == runtime::TrainEnd::kDone);
        REQUIRE(train(path, for_steps(resume(folder / (id + "p")), 7)).end ==
                runtime::TrainEnd::kDone);
        const std::vector<float> numbers = reached(path, folder / (id + "w")).parameters;
        CHECK(numbers == reached(path, folder / (id + "p")).parameters);
        CHECK(
            std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); }));
        // The metric is that of step 5 (the first is 1) until step 9 measures it again.
        const std::vector<Json> lines = metrics_of(folder / (id + "w"));
        REQUIRE(lines.size() == 7);
        for (const Json& line : lines) CHECK(line.at("r1").number() > 0);
        CHECK(lines[0].at("r1").number() == lines[3].at("r1").number());
        CHECK(lines[3].at("r1").number() != lines[4].at("r1").number());
    }
}

}  // namespace gmc

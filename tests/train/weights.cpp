// Weights that come from files, and networks that training leaves alone.
#include <filesystem>

#include "runtime/train/checkpoint.h"
#include "runtime/train/take_weights.h"
#include "tests/temporary_folder.h"
#include "tests/train/train_model.h"

namespace gmc {
namespace {

constexpr char kTeacher[] = R"(
model: teacher
data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: 64}}
networks:
  features:
    inputs: {x: data.image}
    layers: [flatten, {dense: {units: 12, spectral_norm: true}}, batch_norm, relu, {dropout: 0.5}]
  head: {inputs: {x: [12]}, layers: [{dense: 64}, {reshape: [8, 8, 1]}]}
objective:
  minimize: {networks: [features, head], loss: mean(sum((head(features(image)) - image)^2))}
train: {batch_size: 16, epochs: 2}
)";

/// Learns from the features of what it makes. `entry` may train the teacher, too.
std::string student(const std::string& weights, const std::string& networks) {
    return R"(
model: student
data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: 64}}
networks:
  judge:
    inputs: {x: data.image}
    layers: [flatten, {dense: {units: 12, spectral_norm: true, name: first}}, batch_norm, relu,
             {dropout: 0.5}]
    weights: )" +
           weights + R"(
  small: {inputs: {x: data.image}, layers: [flatten, {dense: 3}, {dense: 64}, {reshape: [8, 8, 1]}]}
objective:
  minimize:
    networks: )" +
           networks + R"(
    loss: mean(sum((judge(small(image)) - judge(image))^2))
train: {batch_size: 16, epochs: 3}
)";
}

std::vector<float> state_of(runtime::LoadedModel& model, const std::string& name) {
    const ir::StateId id = model.module().find_state(name);
    REQUIRE(id != ir::kNone);
    const float* from = model.states().data(id);
    return {from, from + model.states().elements(id)};
}

/// The model of `gmc` as the run in `folder` left it.
std::unique_ptr<runtime::LoadedModel> trained(const std::string& gmc, const std::string& folder) {
    Diagnostics diagnostics;
    auto model = runtime::LoadedModel::load(gmc, diagnostics);
    REQUIRE(model.ok());
    runtime::TrainingState training;
    REQUIRE(runtime::read_checkpoint(folder + "/" + runtime::kCheckpointName, (*model)->states(),
                                     training, diagnostics));
    return model.take();
}

const std::vector<std::pair<std::string, std::string>> kSame = {
    {"features.dense.weight", "judge.first.weight"},
    {"features.dense.u", "judge.first.u"},
    {"features.batch_norm.gamma", "judge.batch_norm.gamma"},
    {"features.batch_norm.moving_mean", "judge.batch_norm.moving_mean"},
};

TEST_CASE("a frozen network begins with the weights of a run, and stays as it is") {
    const TemporaryFolder folder;
    const std::string teacher = write_model(folder, "teacher", kTeacher);
    REQUIRE(train(teacher, in(folder / "runs/teacher")).end == runtime::TrainEnd::kDone);
    // The path is relative to the model.
    const std::string from = "from: runs/teacher, network: features, map: {first: dense}";
    const std::string path =
        write_model(folder, "student", student("{" + from + ", frozen: true}", "[judge, small]"));
    const Trained run = train(path, in(folder / "runs/student"));
    INFO(run.errors);
    REQUIRE(run.end == runtime::TrainEnd::kDone);
    const auto first = trained(teacher, folder / "runs/teacher");
    const auto second = trained(path, folder / "runs/student");
    for (const auto& [theirs, ours] : kSame)
        CHECK(state_of(*first, theirs) == state_of(*second, ours));
    for (const ir::State& state : second->module().states) {
        INFO(state.name);
        CHECK((state.role != ir::StateRole::kSlot ||
               state.name.find(".judge.") == std::string::npos));
    }

    SECTION("and a file that has changed since is noticed, but not needed to go on") {
        runtime::TrainOptions more = resume(folder / "runs/teacher");
        more.more_epochs = 1;
        REQUIRE(train(teacher, more).end == runtime::TrainEnd::kDone);
        const Trained changed = train(path, in(folder / "runs/other"));
        CHECK(changed.end == runtime::TrainEnd::kNotStarted);
        CHECK(changed.errors.find("has changed since the model was compiled") != std::string::npos);
        std::filesystem::remove_all(folder / "runs/teacher");
        CHECK(train(path, in(folder / "runs/other")).end == runtime::TrainEnd::kNotStarted);
        more = resume(folder / "runs/student");
        more.more_epochs = 1;
        CHECK(train(path, more).end == runtime::TrainEnd::kDone);
    }
    SECTION("and without `frozen` it is trained from there") {
        const std::string tuned =
            write_model(folder, "tuned", student("{" + from + "}", "[judge, small]"));
        REQUIRE(train(tuned, for_steps(in(folder / "runs/tuned"), 1)).end ==
                runtime::TrainEnd::kDone);
        const auto third = trained(tuned, folder / "runs/tuned");
        for (const auto& [theirs, ours] : kSame) {
            INFO(ours);
            const std::vector<float> a = state_of(*first, theirs), b = state_of(*third, ours);
            double way = 0;
            for (size_t i = 0; i < a.size(); ++i)
                way = std::max(way, std::abs(double{a[i]} - b[i]));
            CHECK(way > 0);
            CHECK(way < 0.1);
        }
    }
}

TEST_CASE("a network that no entry trains stays as it begins") {
    const TemporaryFolder folder;
    for (const std::string weights : {"{}", "{frozen: true}"}) {
        const std::string path = write_model(folder, "m", student(weights, "[small]"));
        runtime::TrainOptions options = in(folder / "run");
        options.overwrite = true;
        REQUIRE(train(path, options).end == runtime::TrainEnd::kDone);
        const auto model = trained(path, folder / "run");
        CHECK(state_of(*model, "judge.batch_norm.moving_mean") == std::vector<float>(12, 0.0F));
        CHECK(state_of(*model, "judge.batch_norm.moving_variance") == std::vector<float>(12, 1.0F));
    }
}

TEST_CASE("slots of optimizers are tensors like their parameters") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "teacher", kTeacher);
    REQUIRE(train(path, in(folder / "run")).end == runtime::TrainEnd::kDone);
    Diagnostics diagnostics;
    const auto file =
        runtime::SafetensorsFile::open(folder / "run/checkpoint.safetensors", diagnostics);
    REQUIRE(file.ok());
    for (const char* slot : {"m", "v"})
        for (const char* parameter : {"features.dense.weight", "features.batch_norm.gamma",
                                      "head.dense.weight", "head.dense.bias"}) {
            const auto* tensor =
                file->find(fmt::format("optimizer.features_head.{}.{}", slot, parameter));
            REQUIRE(tensor != nullptr);
            CHECK(tensor->shape == file->find(parameter)->shape);
        }
}

}  // namespace
}  // namespace gmc

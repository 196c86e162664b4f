// Weights that come from files, and networks that training leaves alone.
#include <filesystem>

#include "compiler/ir/text/parser.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/take_weights.h"
#include "tests/temporary_folder.h"
#include "tests/train/load_model.h"
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

TEST_CASE("frozen layers keep weights and statistics, and averages can be of statistics too") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", R"(
model: partly
data: {image: {synthetic: {set: shapes, size: 8}, count: 64}}
networks:
  net:
    inputs: {x: data.image}
    layers:
      - flatten
      - dense: {units: 6, name: low}
      - batch_norm: {name: low_norm}
      - dropout: 0.5
      - dense: {units: 4, spectral_norm: true, name: high}
      - batch_norm
      - dense: 1
    weights: {frozen_layers: [low, low_norm, dropout]}
objective: {minimize: {networks: net, loss: mean(sum((net(image) - 1)^2))}}
train: {batch_size: 8, epochs: 1, average: 0.75, average_statistics: true}
)");
    REQUIRE(train(path, for_steps(in(folder / "run"), 1)).end == runtime::TrainEnd::kDone);
    const auto model = trained(path, folder / "run");
    auto start = load(path);
    Diagnostics diagnostics;
    REQUIRE(start->states().initialise(1, diagnostics));
    for (const std::string name : {"low.weight", "low.bias", "low_norm.gamma",
                                   "low_norm.moving_mean", "low_norm.moving_variance"})
        CHECK(state_of(*model, "net." + name) == state_of(*start, "net." + name));
    for (const std::string name : {"high.weight", "batch_norm.beta", "dense.bias"})
        CHECK(state_of(*model, "net." + name) != state_of(*start, "net." + name));
    // After the first step 1 - 1 / 10 of the way from the first values, 0 and 1.
    for (const auto& [name, first] : {std::pair{"moving_mean", 0.0}, {"moving_variance", 1.0}}) {
        const std::string full = std::string("net.batch_norm.") + name;
        const auto now = state_of(*model, full), average = state_of(*model, "average." + full);
        for (size_t i = 0; i < now.size(); ++i) {
            CHECK(now[i] != static_cast<float>(first));
            CHECK(average[i] == Approx(0.1 * first + 0.9 * now[i]).margin(1e-6));
        }
    }
    CHECK(model->module().find_state("average.net.high.u") == ir::kNone);
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

/// A model whose weights are averaged, and a frozen network of another's weights beside it.
std::string averaged(const std::string& judge) {
    return R"y(
model: averaged
data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: 64}}
networks:
  net: {inputs: {x: data.image}, layers: [flatten, {dense: 8}, {dense: 64}, {reshape: [8, 8, 1]}]}
)y" + judge +
           R"y(
objective:
  minimize: {networks: [net], loss: mean(sum((net(image) - image)^2))}
  functions: {"f(image)": "averaged(net(image))"}
train: {batch_size: 16, epochs: 2, average: 0.5}
)y";
}

constexpr char kWeight[] = "net.dense.weight", kAverage[] = "average.net.dense.weight";

runtime::TrainOptions begin_with(const std::string& run, const std::string& file) {
    runtime::TrainOptions options = for_steps(in(run), 0);
    options.init = file;
    return options;
}

TEST_CASE("averages begin with those of the file, or with the weights that it has") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "averaged", averaged(""));
    REQUIRE(train(path, in(folder / "first")).end == runtime::TrainEnd::kDone);
    const auto first = trained(path, folder / "first");
    const std::vector<float> weight = state_of(*first, kWeight);
    REQUIRE(state_of(*first, kAverage) != weight);

    REQUIRE(train(path, begin_with(folder / "second", folder / "first")).end ==
            runtime::TrainEnd::kDone);
    const auto second = trained(path, folder / "second");
    CHECK(state_of(*second, kWeight) == weight);
    CHECK(state_of(*second, kAverage) == state_of(*first, kAverage));

    Diagnostics diagnostics;
    REQUIRE(
        runtime::write_weights(folder / "weights", first->states(), false, "keras", diagnostics));
    REQUIRE(train(path, begin_with(folder / "third", folder / "weights")).end ==
            runtime::TrainEnd::kDone);
    const auto third = trained(path, folder / "third");
    CHECK(state_of(*third, kWeight) == weight);
    CHECK(state_of(*third, kAverage) == weight);
}

TEST_CASE("the weights of a frozen network are those that the model names, not those of --init") {
    const TemporaryFolder folder;
    const std::string teacher = write_model(folder, "teacher", kTeacher);
    REQUIRE(train(teacher, in(folder / "teacher.run")).end == runtime::TrainEnd::kDone);
    const std::string text = averaged(R"(
  features:
    inputs: {x: data.image}
    layers: [flatten, {dense: {units: 12, spectral_norm: true}}, batch_norm, relu, {dropout: 0.5}]
    weights: {from: teacher.run, frozen: true}
)");
    const std::string path = write_model(folder, "m", text);
    runtime::TrainOptions other = for_steps(in(folder / "other"), 1);
    other.seed = 7;
    REQUIRE(train(teacher, other).end == runtime::TrainEnd::kDone);
    // The file has features of its own, and a network `head` that the model does not have.
    const Trained run = train(path, begin_with(folder / "run", folder / "other"));
    INFO(run.errors);
    REQUIRE(run.end == runtime::TrainEnd::kDone);
    const auto named = trained(teacher, folder / "teacher.run");
    const auto model = trained(path, folder / "run");
    for (const char* state : {"features.dense.weight", "features.batch_norm.moving_mean"})
        CHECK(state_of(*model, state) == state_of(*named, state));
}

/// Every kind of state that torch.nn has otherwise, in layers whose names say another kind.
constexpr char kParts[] = R"(
model: parts
data:
  image: {synthetic: {set: shapes, size: 8, classes: 4}, range: [0, 1], count: 64}
  label: {labels_of: image}
networks:
  net:
    inputs: {x: data.image, label: data.label}
    layers:
      - conv2d: {from: x, filters: 6, kernel: 3, spectral_norm: true, activation: prelu, name: down}
      - conv2d_transpose: {filters: 4, kernel: 3, spectral_norm: true, name: embedding}
      - {prelu: {name: leaky}}
      - flatten: {name: flat}
      - embedding: {from: label, units: 4, name: class}
      - concat: {from: [flat, class]}
      - dense: {units: 64, name: embedding_1}
      - parameter: {shape: [64], name: shift}
      - add: [embedding_1, shift]
      - reshape: [8, 8, 1]
parameters: {scale: {shape: [3]}}
objective:
  minimize:
    networks: [net, scale]
    loss: mean(sum((net(image, label) - image)^2)) + sum(scale^2)
train: {batch_size: 16, epochs: 1}
)";

TEST_CASE("states of other meanings that are called u and v leave as they are") {
    Diagnostics diagnostics;
    const auto module =
        ir::parse_module("module",
                         "gmc 2\nmodel \"m\"\nstate @n.a.weight : f32[2] parameter = ones\n"
                         "state @n.a.v : f32[1] statistic = ones\n"
                         "state @n.b.weight : f32[2,3] parameter = ones\n"
                         "state @n.b.v : f32[5] statistic = ones\n",
                         diagnostics);
    REQUIRE(module.ok());
    const runtime::StateStore states(*module);
    const TemporaryFolder folder;
    const std::string out = folder / "out.safetensors";
    REQUIRE(runtime::write_weights(out, states, false, "pytorch", diagnostics));
    const auto file = runtime::SafetensorsFile::open(out, diagnostics);
    REQUIRE(file.ok());
    for (const auto& [layer, size] : {std::pair("a", 1), std::pair("b", 5)}) {
        const auto* tensor = file->find(fmt::format("n.{}.parametrizations.weight.0._v", layer));
        REQUIRE(tensor != nullptr);
        CHECK(tensor->shape == ir::Shape{size});
    }
}

TEST_CASE("all weights leave for PyTorch, by the kinds of layers, and come back the same") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "parts", kParts);
    REQUIRE(train(path, in(folder / "run")).end == runtime::TrainEnd::kDone);
    const auto model = trained(path, folder / "run");
    Diagnostics diagnostics;
    const std::string out = folder / "out.safetensors";
    REQUIRE(runtime::write_weights(out, model->states(), false, "pytorch", diagnostics));

    const auto file = runtime::SafetensorsFile::open(out, diagnostics);
    REQUIRE(file.ok());
    const std::map<std::string, ir::Shape> expected = {
        {"net.down.parametrizations.weight.original", {6, 1, 3, 3}},
        {"net.down.parametrizations.weight.0._u", {6}},
        {"net.down.parametrizations.weight.0._v", {9}},
        {"net.down.bias", {6}},
        {"net.down.prelu.weight", {6}},
        {"net.embedding.parametrizations.weight.original", {6, 4, 3, 3}},
        {"net.embedding.parametrizations.weight.0._u", {4}},
        {"net.embedding.parametrizations.weight.0._v", {54}},
        {"net.embedding.bias", {4}},
        {"net.leaky.weight", {4}},
        {"net.class.weight", {4, 4}},
        {"net.embedding_1.weight", {64, 260}},
        {"net.embedding_1.bias", {64}},
        {"net.shift", {64}},
        {"scale", {3}},
    };
    std::map<std::string, ir::Shape> tensors;
    for (const auto& tensor : file->tensors()) tensors[tensor.name] = tensor.shape;
    CHECK(tensors == expected);
    const std::vector<float> ours = state_of(*model, "net.class.weight");
    std::vector<float> theirs(ours.size());
    REQUIRE(file->read(*file->find("net.class.weight"), theirs.data(), diagnostics));
    CHECK(theirs == ours);

    runtime::TrainOptions options = begin_with(folder / "back", out);
    options.init_layout = "pytorch";
    const Trained run = train(path, options);
    INFO(run.errors);
    REQUIRE(run.end == runtime::TrainEnd::kDone);
    const auto back = trained(path, folder / "back");
    for (const ir::State& state : model->module().states) {
        if (state.role != ir::StateRole::kParameter && state.role != ir::StateRole::kStatistic)
            continue;
        INFO(state.name);
        CHECK(state_of(*back, state.name) == state_of(*model, state.name));
    }

    SECTION("but not into a model whose kernels have no norm") {
        std::string plain = kParts;
        for (const std::string norm = ", spectral_norm: true";
             plain.find(norm) != std::string::npos;)
            plain.erase(plain.find(norm), norm.size());
        options = begin_with(folder / "plain", out);
        options.init_layout = "pytorch";
        const Trained refused = train(write_model(folder, "plain", plain), options);
        CHECK(refused.end == runtime::TrainEnd::kNotStarted);
        for (const char* layer : {"down", "embedding"})
            CHECK(refused.errors.find(fmt::format(
                      "the file divides the kernel of `net.{}` by its spectral norm", layer)) !=
                  std::string::npos);
    }
}

}  // namespace
}  // namespace gmc

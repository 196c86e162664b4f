// Trains models with labels, norms and a codebook through the whole pipeline. What training moves
// without gradients has to move, and labels beyond the number of classes have to be refused when
// data are read.
#include <cmath>
#include <filesystem>
#include <fstream>

#include "compiler/ir/artefact.h"
#include "compiler/passes/pass_manager.h"
#include "compiler/pipeline.h"
#include "compiler/support/json.h"
#include "dsl/lower/build.h"
#include "runtime/run/trainer.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

/// The path of the compiled model of a text.
std::string compile(const TemporaryFolder& folder, const std::string& text) {
    write(folder / "model.yaml", text);
    Diagnostics diagnostics;
    auto spec = dsl::read_model({folder / "model.yaml", {}, {}}, diagnostics);
    if (!spec.ok()) FAIL(diagnostics.render());
    auto module = lower::build_module(*spec, diagnostics);
    if (!module.ok()) FAIL(diagnostics.render());
    if (!passes::run_stages(*module, pipeline(), {}, diagnostics).ok()) FAIL(diagnostics.render());
    REQUIRE(ir::write_file(folder / "model.gmc", ir::artefact_text(*module), diagnostics));
    return folder / "model.gmc";
}

/// Trains this many steps and returns the metrics of each. Fails on errors unless `errors` collects
/// them.
std::vector<Json> train_steps(const TemporaryFolder& folder, const std::string& path, int64_t steps,
                              std::string* errors = nullptr) {
    Diagnostics diagnostics;
    auto model = runtime::LoadedModel::load(path, diagnostics);
    REQUIRE(model.ok());
    runtime::TrainOptions options;
    options.run_directory = folder / "run";
    options.epochs = 100;
    options.steps_most = steps;
    options.log_every = 1;
    options.sample_count = 8;
    options.quiet = true;
    const runtime::TrainEnd end = runtime::train(**model, options, diagnostics).end;
    if (errors != nullptr) {
        *errors = diagnostics.render();
        return {};
    }
    if (diagnostics.any()) FAIL(diagnostics.render());
    REQUIRE(end == runtime::TrainEnd::kDone);
    std::vector<Json> lines;
    std::ifstream file(folder / "run/metrics.jsonl");
    for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line).value());
    REQUIRE(lines.size() == static_cast<size_t>(steps));
    for (const std::string& key : lines.back().names()) {
        INFO(key);
        CHECK(std::isfinite(lines.back().at(key).number()));
    }
    return lines;
}

}  // namespace

TEST_CASE("a class-conditional game with spectral and layer norms plays") {
    const TemporaryFolder folder;
    const std::string path = compile(folder, R"yaml(
model: conditional
data:
  image: {synthetic: {set: shapes, size: 8}, count: 128}
  label: {labels_of: image}
networks:
  generator:
    inputs: {z: [16], label: data.label}
    layers:
      - embedding: {from: label, classes: 8, units: 16, name: vector}
      - concat: [z, vector]
      - dense: 64
      - layer_norm
      - relu
      - dense: {units: 64, activation: sigmoid}
      - reshape: [8, 8, 1]
  discriminator:
    inputs: {x: data.image, label: data.label}
    layers:
      - conv2d: {from: x, filters: 16, kernel: 3, stride: 2, spectral_norm: true}
      - group_norm: 4
      - leaky_relu
      - flatten
      - dense: {units: 32, spectral_norm: true, name: features}
      - embedding: {from: label, classes: 8, units: 32, name: direction}
      - multiply: [features, direction]
      - dense: {units: 1, spectral_norm: true}
objective:
  let:
    fake: generator(normal(generator), label)
    fake_logit: discriminator(fake, label)
  minimize:
    - networks: [discriminator]
      loss: mean(softplus(-discriminator(image, label))) + mean(softplus(fake_logit))
    - networks: [generator]
      loss: mean(softplus(-fake_logit))
  functions:
    sample(z): generator(z, floor(8 * uniform(1)))
    sample_of(z, label): generator(z, label)
train: {batch_size: 16}
)yaml");
    const auto metrics = train_steps(folder, path, 20);
    CHECK(metrics.back().at("discriminator_loss").number() < 2.0);
    CHECK(metrics.back().at("generator_loss").number() < 5.0);
    CHECK(fs::exists(folder / "run/samples"));
}

TEST_CASE("a game with smoothed labels and with noise on the examples that fades") {
    const TemporaryFolder folder;
    const std::string path = compile(folder, R"yaml(
model: smoothed
data: {image: {synthetic: {set: shapes, size: 8}, count: 256}}
networks:
  generator:
    inputs: {z: [4]}
    layers: [dense: {units: 64, activation: sigmoid}, reshape: [8, 8, 1]]
  discriminator:
    inputs: {x: data.image}
    layers:
      - flatten
      - gaussian_noise: {stddev: {linear: {from: 0.5, to: 0, over: 20 steps}}}
      - dense: {units: 32, activation: leaky_relu}
      - dense: 1
objective:
  let:
    sigma: {linear: {from: 0.2, to: 0, over: 20 steps}}
    fake: generator(normal(generator))
    real_logit: discriminator(image + sigma * normal(image))
    fake_logit: discriminator(fake + sigma * normal(fake))
  minimize:
    - networks: discriminator
      loss: mean(bce_with_logits(real_logit, 0.9)) + mean(bce_with_logits(fake_logit, 0))
      metrics: {sigma}
    - networks: generator
      loss: mean(bce_with_logits(fake_logit, 1))
train: {batch_size: 32, optimizer: {adam: {learning_rate: 0.01}}}
)yaml");
    const auto metrics = train_steps(folder, path, 40);
    CHECK(metrics.front().at("sigma").number() == Approx(0.2));
    CHECK(metrics[10].at("sigma").number() == Approx(0.1));
    CHECK(metrics.back().at("sigma").number() == 0);
    // A discriminator whose labels are 1 in 9 of 10 cases cannot get below the entropy of such a
    // label.
    for (const auto& line : metrics) CHECK(line.at("discriminator_loss").number() > 0.325);
    CHECK(metrics.back().at("discriminator_loss").number() < 1.3);
}

TEST_CASE("a classifier of conditions learns the labels that it is told") {
    const TemporaryFolder folder;
    const std::string path = compile(folder, R"yaml(
model: told
data:
  image: {synthetic: {set: shapes, size: 8}, count: 256}
  label: {labels_of: image}
networks:
  net:
    inputs: {x: data.image, label: data.label}
    layers:
      - flatten: {from: x}
      - dense: {units: 16, name: seen}
      - embedding: {from: label, classes: 8, units: 16, name: told}
      - add: [seen, told]
      - dense: 8
objective:
  let: {logits: "net(image, label)"}
  minimize:
    - networks: [net]
      loss: mean(-sum(one_hot(label, 8) * log_softmax(logits)))
      metrics: {accuracy: mean(argmax(logits) == label)}
train: {batch_size: 32, optimizer: {adam: {learning_rate: 0.03}}}
)yaml");
    const auto metrics = train_steps(folder, path, 60);
    CHECK(metrics.front().at("accuracy").number() < 0.6);
    CHECK(metrics.back().at("accuracy").number() > 0.95);
}

TEST_CASE("an autoencoder with a codebook learns") {
    const TemporaryFolder folder;
    const std::string path = compile(folder, R"yaml(
model: codebook
data: {image: {synthetic: {set: shapes, size: 8}, count: 256}}
networks:
  encoder:
    inputs: {x: data.image}
    layers:
      - conv2d: {filters: 8, kernel: 4, stride: 2, name: features}
      - vector_quantize: {codes: 16, name: quantize}
    outputs:
      latent: {identity: {from: features}}
      code: identity
      nearest: {identity: {from: quantize.nearest}}
      index: {identity: {from: quantize.index}}
  decoder:
    inputs: {z: [4, 4, 8]}
    layers: [conv2d_transpose: {filters: 1, kernel: 4, stride: 2}]
objective:
  let:
    q: encoder(image)
    p: batch_mean(mean(mean(one_hot(q.index, 16), axis=0), axis=0))
    reconstruction: mean(sum((decoder(q.code) - image)^2))
    dictionary: mean(sum((stop_gradient(q.latent) - q.nearest)^2))
    commitment: mean(sum((q.latent - stop_gradient(q.nearest))^2))
  minimize:
    - networks: [encoder, decoder]
      loss: reconstruction + dictionary + 0.25 * commitment
      metrics: {reconstruction, perplexity: exp(-sum(p * log(p + 1e-10)))}
  functions:
    reconstruct(image): decoder(q.code)
train: {batch_size: 32, optimizer: {adam: {learning_rate: 0.01}}}
)yaml");
    const auto metrics = train_steps(folder, path, 100);
    CHECK(metrics.back().at("reconstruction").number() <
          0.5 * metrics.front().at("reconstruction").number());
    CHECK(metrics.back().at("perplexity").number() > 1.5);
    CHECK(metrics.back().at("perplexity").number() <= 16);
}

TEST_CASE("a label that a layer has no class for is refused when the data are read") {
    const TemporaryFolder folder;
    // Two pictures of 2 x 2, and their labels as a float array, in which any number may occur.
    const auto npy = [](const std::string& shape, const std::vector<float>& values) {
        std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
        header += std::string(117 - header.size(), ' ') + '\n';
        std::string bytes("\x93NUMPY\x01\x00\x76\x00", 10);
        bytes += header;
        bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
        return bytes;
    };
    write(folder / "x.npy", npy("(2, 2, 2, 1)", std::vector<float>(8, 0.5F)));
    write(folder / "y.npy", npy("(2,)", {0, 1}));
    const std::string path = compile(folder, "model: t\ndata: {image: {npy: " + (folder / "x.npy") +
                                                 "}, label: {npy: " + (folder / "y.npy") + R"yaml(}}
networks:
  net:
    inputs: {x: data.image, label: data.label}
    layers:
      - embedding: {from: label, classes: 4, units: 4, name: told}
      - flatten: {from: x, name: pixels}
      - add: [told, pixels]
objective: {minimize: [{networks: [net], loss: "mean(sum(net(image, label)))"}]}
train: {batch_size: 2}
)yaml");
    write(folder / "y.npy", npy("(2,)", {0, 4}));
    std::string errors;
    train_steps(folder, path, 1, &errors);
    CHECK(errors.find("has the value 4") != std::string::npos);
    CHECK(errors.find("the labels of 4 classes are 0 to 3") != std::string::npos);
}

TEST_CASE("a module whose table does not fit its examples is refused") {
    const TemporaryFolder folder;
    write(folder / "t.csv", "a,b\n1,x\n2,y\n");
    const std::string path = compile(
        folder, "model: m\ndata: {row: {csv: " + (folder / "t.csv") +
                    "}}\nnetworks: {net: {inputs: {x: data.row}, layers: [dense: 3]}}\n"
                    "objective: {minimize: {networks: net, loss: mean(sum((net(row) - row)^2))}}\n"
                    "train: {batch_size: 2, epochs: 1}\n");
    Diagnostics diagnostics;
    CHECK(runtime::LoadedModel::load(path, diagnostics).ok());
    auto module = ir::read_artefact(path, {}, diagnostics);
    REQUIRE(module.ok());
    const std::string table = module->data[0].table, categories = R"(["x","y"])";
    const size_t at = table.find(categories);
    REQUIRE(at != std::string::npos);
    for (const char* wrong : {R"(["x"])", "[]", R"(["x","y","z"])"}) {
        module->data[0].table = std::string(table).replace(at, categories.size(), wrong);
        REQUIRE(ir::write_file(path, ir::artefact_text(*module), diagnostics));
        Diagnostics refused;
        CHECK_FALSE(runtime::LoadedModel::load(path, refused).ok());
        CHECK(refused.render().find("does not say what the 3 values") != std::string::npos);
    }
}

}  // namespace gmc

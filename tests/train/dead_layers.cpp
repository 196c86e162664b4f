// Layers that are dead as a whole: the sign that tells them, and what looks like them and is not.
#include <algorithm>
#include <string>
#include <vector>

#include "runtime/memory/memory_need.h"
#include "runtime/run/signs.h"
#include "runtime/train/step_runner.h"
#include "tests/train/watched_run.h"

namespace gmc {
namespace {

using Signs = std::vector<runtime::Sign>;

/// A model of `networks` that copy images by `loss`.
std::string copy_by(const std::string& networks, const std::string& optimizer,
                    const std::string& minimize) {
    return "model: m\n"
           "data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: 64}}\n"
           "networks:\n" +
           networks + "objective: {minimize: [" + minimize +
           "]}\ntrain: {batch_size: 16, optimizer: {" + optimizer + "}}\n";
}

std::string one_network(const std::string& layers, const std::string& optimizer = "adam: {}",
                        const std::string& loss = kError) {
    return copy_by("  net: {inputs: {x: data.image}, layers: [" + layers + "]}\n", optimizer,
                   "{networks: net, loss: \"" + loss + "\"}");
}

/// The signs of the last of three epochs of 300 steps. Before the first, all numbers of `biases`
/// become -100, and those of other biases 0.1: a relu has no gradient at 0.
Signs signs_of(const std::string& text, const std::vector<std::string>& biases) {
    const TemporaryFolder folder;
    const auto model = load(write_model(folder, text));
    Diagnostics diagnostics;
    runtime::StepRunner runner(*model, diagnostics);
    runtime::StateStore& states = model->states();
    REQUIRE(states.initialise(1, diagnostics));
    size_t found = 0;
    for (const ir::StateId id : runtime::trained_parameters(model->module())) {
        const std::string& name = states.state(id).name;
        const bool dead = std::find(biases.begin(), biases.end(), name) != biases.end();
        found += dead;
        if (dead || name.ends_with(".bias") || name.ends_with(".beta"))
            std::fill_n(states.data(id), states.elements(id), dead ? -100.0F : 0.1F);
    }
    REQUIRE(found == biases.size());
    auto loader = model->data().make_loader(runtime::DataSplit::kTrain,
                                            {16, runtime::LoaderMode::kTrain, 1, 0}, diagnostics);
    REQUIRE(loader.ok());
    runtime::TrainingState training;
    runtime::KeptWeights before;
    for (int step = 0; step < 900; ++step) {
        if (step % 300 == 0) before = runtime::keep_weights(states);
        REQUIRE(runner.run(**loader, training, diagnostics));
    }
    return runtime::weight_signs(states, before);
}

/// Whether there is one sign, that the layer of this weight is dead.
bool tells_dead(const Signs& signs, const std::string& weight) {
    for (const runtime::Sign& sign : signs) UNSCOPED_INFO(sign.name << ": " << sign.text);
    return signs.size() == 1 && signs[0].name == "dead_units" && signs[0].number == 1 &&
           signs[0].subject == weight;
}

constexpr char kThree[] =
    "flatten, {dense: 32}, relu, {dense: 32}, relu, {dense: 64}, {reshape: [8, 8, 1]}";

TEST_CASE("a layer that is dead as a whole is told once, and no layer below it") {
    for (const char* optimizer : {"sgd: {learning_rate: 0.01}", "adam: {}",
                                  "rmsprop: {momentum: 0.5}", "adamw: {weight_decay: 0.01}"}) {
        CAPTURE(optimizer);
        CHECK(tells_dead(signs_of(one_network(kThree, optimizer), {"net.dense_1.bias"}),
                         "net.dense_1.weight"));
        CHECK(tells_dead(signs_of(one_network(kThree, optimizer), {"net.dense.bias"}),
                         "net.dense.weight"));
        CHECK(signs_of(one_network(kThree, optimizer), {}).empty());
    }
}

TEST_CASE("convolutions are dead as a whole, and filter by filter") {
    const std::string layers =
        "{conv2d: {filters: 8, kernel: 3, stride: 2}}, relu, {conv2d: {filters: 8, kernel: 3}}, "
        "relu, {conv2d_transpose: {filters: 4, kernel: 4, stride: 2}}, relu, {conv2d: {filters: 1, "
        "kernel: 3}}";
    const std::string text = one_network(layers);
    for (const char* layer : {"net.conv2d", "net.conv2d_1", "net.conv2d_transpose"}) {
        CAPTURE(layer);
        CHECK(tells_dead(signs_of(text, {std::string(layer) + ".bias"}),
                         std::string(layer) + ".weight"));
    }
    CHECK(signs_of(text, {}).empty());

    const TemporaryFolder folder;
    const auto model = load(write_model(folder, text));
    Diagnostics diagnostics;
    runtime::StateStore& states = model->states();
    REQUIRE(states.initialise(1, diagnostics));
    for (const auto& [name, units, stride] :
         {std::tuple("net.conv2d.weight", 8, 1), {"net.conv2d_transpose.weight", 4, 8}})
        for (const int moving : {1, 3}) {
            const runtime::KeptWeights before = runtime::keep_weights(states);
            for (const ir::StateId id : runtime::trained_parameters(model->module())) {
                const bool partly = states.state(id).name == name;
                for (int64_t i = 0; i < states.elements(id); ++i)
                    if (!partly || i / stride % units < units * moving / 4)
                        states.data(id)[i] += 0.1F;
            }
            const Signs signs = runtime::weight_signs(states, before);
            CHECK(signs.size() == (moving == 1 ? 1 : 0));
            CHECK((moving != 1 || (signs[0].subject == name && signs[0].number == 0.75)));
        }
}

TEST_CASE("a norm behind the next layer tells a dead one as a bias does") {
    CHECK(tells_dead(
        signs_of(one_network("flatten, {dense: 32}, relu, {dense: {units: 32, bias: false}}, "
                             "batch_norm, relu, {dense: 64}, {reshape: [8, 8, 1]}"),
                 {"net.dense.bias"}),
        "net.dense.weight"));
}

TEST_CASE("a dead layer at the end leaves no gradient to any") {
    const std::string layers = "flatten, {dense: 64}, relu, {reshape: [8, 8, 1]}";
    const Signs signs = signs_of(one_network(layers), {"net.dense.bias"});
    REQUIRE(signs.size() == 1);
    CHECK(signs[0].name == "vanishing_gradient");
    CHECK(signs[0].number == 0);
    CHECK(signs_of(one_network(layers), {}).empty());
    // Of another optimizer, nobody knows why the weights stand still.
    CHECK(signs_of(one_network(layers, "sgd: {}"), {"net.dense.bias"}).empty());
}

TEST_CASE("an encoder whose code is dead is told by the decoder") {
    const std::string text = copy_by(
        "  encoder: {inputs: {x: data.image}, layers: [flatten, {dense: 32}, relu, {dense: 8}, "
        "relu]}\n"
        "  decoder: {inputs: {z: [8]}, layers: [{dense: 64}, {reshape: [8, 8, 1]}]}\n",
        "adam: {}",
        "{networks: [encoder, decoder], loss: \"mean(sum((decoder(encoder(image)) - "
        "image)^2))\"}");
    CHECK(tells_dead(signs_of(text, {"encoder.dense_1.bias"}), "encoder.dense_1.weight"));
    CHECK(tells_dead(signs_of(text, {"encoder.dense.bias"}), "encoder.dense.weight"));
    CHECK(signs_of(text, {}).empty());
}

TEST_CASE("what stands still for another reason is not dead") {
    const auto shows_nothing = [](const std::string& text) {
        const Signs signs = signs_of(text, {});
        for (const runtime::Sign& sign : signs) UNSCOPED_INFO(sign.name << ": " << sign.text);
        return signs.empty();
    };
    const std::string head = "  net: {inputs: {x: data.image}, weights: {";
    const std::string tail = "}, layers: [" + std::string(kThree) + "]}\n";
    const std::string minimize = "{networks: net, loss: \"" + std::string(kError) + "\"}";
    SECTION("frozen layers") {
        CHECK(shows_nothing(copy_by(head + "frozen_layers: dense" + tail, "adam: {}", minimize)));
        CHECK(shows_nothing(
            copy_by(head + "frozen_layers: [dense, dense_1]" + tail, "adam: {}", minimize)));
    }
    SECTION("a rate of 0, and one at which biases move and no bit of a weight") {
        CHECK(shows_nothing(one_network(kThree, "adam: {learning_rate: 0 * step}")));
        CHECK(shows_nothing(one_network(kThree, "adam: {learning_rate: 1e-13}")));
        for (const char* factors : {"net.dense: 0", "net.dense: 0, net.dense_1.weight: 0"})
            CHECK(shows_nothing(
                one_network(kThree, std::string("adam: {rate_factors: {") + factors + "}}")));
    }
    SECTION("weights that are held at a limit") {
        CHECK(shows_nothing(one_network(kThree, "sgd: {learning_rate: 1, clip_weights: 1e-4}")));
    }
    SECTION("a network that is not updated in the epoch") {
        CHECK(shows_nothing(copy_by(
            "  net: {inputs: {x: data.image}, layers: [" + std::string(kThree) +
                "]}\n"
                "  other: {inputs: {x: data.image}, layers: [" +
                std::string(kThree) + "]}\n",
            "adam: {}",
            minimize + ", {networks: other, loss: \"every(mean(sum((other(image) - image)^2)), "
                       "1000)\"}")));
    }
    SECTION("dropout") {
        CHECK(shows_nothing(
            one_network("flatten, {dense: 32}, relu, {dropout: 0.9}, {dense: 64}, {reshape: [8, "
                        "8, 1]}")));
    }
    SECTION("data that are always 0") {
        CHECK(shows_nothing(one_network("{expression: 0 * previous}, " + std::string(kThree))));
    }
}

}  // namespace
}  // namespace gmc

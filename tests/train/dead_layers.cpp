// Layers that are dead as a whole: the sign that tells them, and what looks like them and is not.
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
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
/// become -100, and those of other biases 0.1: a relu has no gradient at 0; then `change` is done.
Signs signs_after(const std::string& text, const std::vector<std::string>& biases,
                  const std::function<void(runtime::StateStore&)>& change) {
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
    change(states);
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

Signs signs_of(const std::string& text, const std::vector<std::string>& biases) {
    return signs_after(text, biases, [](runtime::StateStore&) {});
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
    for (const char* optimizer : {"sgd: {}", "rmsprop: {}", "lion: {}", "sgd: {momentum: 0.5}"})
        CHECK(signs_of(one_network(layers, optimizer), {"net.dense.bias"}).size() == 1);
    // Without means of gradients nobody knows whether a schedule has made the rate 0.
    CHECK(signs_of(one_network(layers, "sgd: {learning_rate: 1e-2 * (step < 100)}"),
                   {"net.dense.bias"})
              .empty());
}

TEST_CASE("a layer that hardly a gradient comes to is told, with any optimizer") {
    std::string layers = "flatten";
    for (int i = 0; i < 20; ++i) layers += ", {dense: 16}, sigmoid";
    layers += ", {dense: 64}, {reshape: [8, 8, 1]}";
    for (const char* optimizer : {"adam: {}", "sgd: {learning_rate: 0.01}"}) {
        const Signs signs = signs_of(one_network(layers, optimizer), {});
        CAPTURE(optimizer);
        REQUIRE(signs.size() == 1);
        CHECK(signs[0].name == "vanishing_gradient");
        CHECK(signs[0].number < 1e-5);
        CHECK(signs[0].text.find("hardly a gradient comes through") != std::string::npos);
    }
}

TEST_CASE("weights that are so large that Adam's steps are little for them have a gradient") {
    for (const float step : {0.1F, 1e-5F}) {
        const TemporaryFolder folder;
        const auto model = load(write_model(folder, one_network(kThree)));
        Diagnostics diagnostics;
        runtime::StepRunner runner(*model, diagnostics);
        runtime::StateStore& states = model->states();
        REQUIRE(states.initialise(1, diagnostics));
        auto loader = model->data().make_loader(
            runtime::DataSplit::kTrain, {16, runtime::LoaderMode::kTrain, 1, 0}, diagnostics);
        REQUIRE(loader.ok());
        runtime::TrainingState training;
        REQUIRE(runner.run(**loader, training, diagnostics));
        const ir::StateId large = model->module().find_state("net.dense.weight");
        const float size = step * 3e5F;
        for (int64_t i = 0; i < states.elements(large); ++i)
            states.data(large)[i] = i % 3 == 0 ? size : -size;
        const runtime::KeptWeights before = runtime::keep_weights(states);
        for (const ir::StateId id : runtime::trained_parameters(model->module()))
            for (int64_t i = 0; i < states.elements(id); ++i)
                states.data(id)[i] += id == large ? step : 0.1F;
        CHECK(runtime::weight_signs(states, before).empty() == (step == 0.1F));
    }
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

/// Two networks, the second of which learns; `loss` is that of the first, `times` a factor.
std::string two_networks(const std::string& optimizer, const std::string& first) {
    return copy_by(
        "  one: {inputs: {x: data.image}, layers: [" + std::string(kThree) +
            "]}\n  two: {inputs: {x: data.image}, layers: [" + kThree + "]}\n",
        optimizer,
        "{networks: [one, two], loss: \"mean(sum((two(image) - image)^2)) + " + first + "\"}");
}

TEST_CASE("what begins with 0 and hardly moves does not hide that weights stand still") {
    const auto signs_with = [](const std::string& optimizer, const std::string& zeros) {
        return signs_after(one_network(kThree, optimizer), {}, [&](runtime::StateStore& states) {
            for (const ir::StateId id : runtime::trained_parameters(states.module()))
                if (states.state(id).name.ends_with(".bias") || states.state(id).name == zeros)
                    std::fill_n(states.data(id), states.elements(id), 0.0F);
        });
    };
    for (const char* zeros : {"", "net.dense_2.weight"}) {
        for (const char* rate : {"1e-11", "1e-13"})
            for (const char* momentum : {"", ", momentum: 0.9"}) {
                CAPTURE(rate, momentum, zeros);
                const Signs signs =
                    signs_with(std::string("sgd: {learning_rate: ") + rate + momentum + "}", zeros);
                for (const runtime::Sign& sign : signs)
                    UNSCOPED_INFO(sign.name << ": " << sign.text);
                REQUIRE(signs.size() == 1);
                CHECK(signs[0].name == "vanishing_gradient");
                CHECK(signs[0].text.find("too small for this learning rate: no number has") !=
                      std::string::npos);
            }
        for (const char* optimizer : {"sgd: {learning_rate: 1e-2}", "sgd: {learning_rate: 1e-5}",
                                      "adam: {learning_rate: 1e-6}"})
            CHECK(signs_with(optimizer, zeros).empty());
    }
}

TEST_CASE("a network that no gradient reaches is told beside one that learns") {
    // A gradient that is 0 whatever the weights are, which only the numbers show.
    const std::string flat = "mean(sum(max(one(image), 1e9)))";
    for (const char* optimizer :
         {"sgd: {learning_rate: 0.01}", "sgd: {learning_rate: 0.01, momentum: 0.5}", "adam: {}",
          "rmsprop: {}", "lion: {}", "adamw: {weight_decay: 0.01}",
          "sgd: {learning_rate: 0.01 / (1 + step / 300)}", "adam: {clip_weights: 0.05}",
          "sgd: {learning_rate: 0.01, clip_weights: 0.05}",
          "sgd: {learning_rate: 0.01, global_clip_norm: 1, lookahead: {every: 5}}"}) {
        CAPTURE(optimizer);
        const Signs signs = signs_of(two_networks(optimizer, flat), {});
        for (const runtime::Sign& sign : signs) UNSCOPED_INFO(sign.name << ": " << sign.text);
        REQUIRE(signs.size() == 1);
        CHECK(signs[0].name == "vanishing_gradient");
        CHECK(signs[0].number == 0);
        CHECK(signs[0].subject == "one");
        CHECK(signs[0].text.find("no weight of `one` has moved") == 0);
        CHECK(signs_of(two_networks(optimizer, "mean(sum((one(image) - image)^2))"), {}).empty());
    }
    for (const char* rests :
         {"sgd: {learning_rate: 0.01, rate_factors: {one: 0}}",
          "sgd: {learning_rate: 0.01, rate_factors: {one: step > 1e6}}",
          "rmsprop: {rate_factors: {one: 0}}", "adam: {rate_factors: {one: step > 1e6}}"}) {
        const Signs signs = signs_of(two_networks(rests, "mean(sum((one(image) - image)^2))"), {});
        for (const runtime::Sign& sign : signs) UNSCOPED_INFO(sign.name << ": " << sign.text);
        CAPTURE(rests);
        CHECK(signs.empty());
    }
    for (const char* optimizer : {"sgd: {learning_rate: 0.01}", "adam: {}"})
        CHECK(signs_of(two_networks(optimizer, "(step > 1e6) * mean(sum((one(image) - image)^2))"),
                       {})
                  .empty());
}

TEST_CASE("a network whose loss is 0 has nothing to learn, and others beside it are told by name") {
    const TemporaryFolder folder;
    const auto model = load(write_model(folder, two_networks("sgd: {}", "mean(sum(one(image)))")));
    Diagnostics diagnostics;
    REQUIRE(model->states().initialise(1, diagnostics));
    const runtime::KeptWeights before = runtime::keep_weights(model->states());
    const auto subjects = [&](const std::set<std::string>& at_zero) {
        std::vector<std::string> told;
        for (const runtime::Sign& sign : runtime::weight_signs(model->states(), before, at_zero))
            told.push_back(sign.subject);
        return told;
    };
    CHECK(subjects({}) == std::vector<std::string>{""});
    CHECK(subjects({"one_loss"}) == std::vector<std::string>{"two"});
    CHECK(subjects({"one_loss", "two_loss"}).empty());
    CHECK(subjects({"loss"}).empty());
}

TEST_CASE("dead units are told under clip_weights, and those that are held are not dead") {
    for (const char* optimizer :
         {"sgd: {learning_rate: 0.01, clip_weights: ", "rmsprop: {clip_weights: ",
          "adam: {lookahead: {every: 3}, clip_weights: ",
          "adamw: {weight_decay: 0.01, clip_weights: ", "adam: {clip_weights: (step < 1e6) * "})
        for (const char* limit : {"0.02", "0.1", "0.5"}) {
            const std::string text = one_network(kThree, std::string(optimizer) + limit + "}");
            CAPTURE(optimizer, limit);
            const auto signs_with = [&](size_t dead) {
                return signs_after(text, {}, [&](runtime::StateStore& states) {
                    const ir::StateId weight = states.module().find_state("net.dense.weight");
                    const ir::StateId bias = states.module().find_state("net.dense.bias");
                    // The image has no numbers below 0, so units without weights above 0 are dead.
                    for (int64_t i = 0; i < states.elements(weight); ++i)
                        if (i % 32 < static_cast<int64_t>(dead))
                            states.data(weight)[i] = -std::fabs(states.data(weight)[i]);
                    for (size_t i = 0; i < dead; ++i) states.data(bias)[i] = -1;
                });
            };
            const Signs signs = signs_with(20);
            for (const runtime::Sign& sign : signs) UNSCOPED_INFO(sign.name << ": " << sign.text);
            REQUIRE(signs.size() == 1);
            CHECK(signs[0].name == "dead_units");
            CHECK(signs[0].subject == "net.dense.weight");
            CHECK(signs[0].number >= 20.0 / 32);
            CHECK(signs_with(0).empty());
            // Without slots, only biases that are free can tell that a layer reads zeros.
            if (std::string(optimizer).find("sgd") != 0 || std::string(limit) != "0.02")
                CHECK(tells_dead(signs_with(32), "net.dense.weight"));
        }
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
        for (const char* optimizer : {"adam: {}", "sgd: {}", "rmsprop: {}"})
            for (const char* layers : {"dense", "[dense, dense_1]"})
                CHECK(shows_nothing(
                    copy_by(head + "frozen_layers: " + layers + tail, optimizer, minimize)));
    }
    SECTION("a rate of 0, and one at which biases move and no bit of a weight") {
        CHECK(shows_nothing(one_network(kThree, "adam: {learning_rate: 0 * step}")));
        CHECK(shows_nothing(one_network(kThree, "adam: {learning_rate: 1e-13}")));
        for (const char* factors : {"net.dense: 0", "net.dense: 0, net.dense_1.weight: 0"})
            for (const char* optimizer :
                 {"adam: {", "sgd: {", "rmsprop: {", "lion: {learning_rate: 1e-3, "})
                CHECK(shows_nothing(one_network(
                    kThree, std::string(optimizer) + "rate_factors: {" + factors + "}}")));
        for (const char* factor : {"net.dense: 1e-9", "net.dense: step > 1e6",
                                   "net.dense_1.weight: step > 1e6", "net: step > 1e6"})
            for (const char* optimizer : {"adam: {", "sgd: {", "rmsprop: {"})
                CHECK(shows_nothing(one_network(
                    kThree, std::string(optimizer) + "rate_factors: {" + factor + "}}")));
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

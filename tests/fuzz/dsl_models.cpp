// Reads mutated models. Reading has to end with a model or with errors, never with both or with a
// crash.
#include <random>

#include "dsl/text/document.h"
#include "dsl/text/expression.h"
#include "tests/unit/dsl_helpers.h"

namespace gmc::dsl {
namespace {

const char* const kSeeds[] = {
    R"(model: t
variables: {n: 8, k: [3, 3], rate: "${n}"}
data:
  image: {synthetic: shapes, range: [-1, 1]}
  test: {image: {synthetic: shapes, count: 100}}
blocks:
  up:
    parameters: {units: null, slope: 0.3}
    layers:
      - dense: {units: "${units}", name: first}
      - leaky_relu: "${slope}"
      - dense: {units: 4, from: input}
networks:
  net:
    role: critic
    inputs: {x: data.image}
    layers:
      - conv2d: {filters: 2, kernel: "${k}", initializer: {normal: {stddev: 0.02}}}
      - flatten
      - up: {units: 16, name: u}
      - dense: {units: 3, from: u, activation: relu}
    outputs:
      mean: {dense: "${n}"}
      other: [{dense: 4}, relu]
objective:
  let: {q: net(image), a: "mean(sum(q.mean^2)) * ${n}"}
  minimize:
    - networks: [net]
      loss: a + 1e-3 * mean(sum((q.other - 1)^2, axis=0))
      metrics: {a}
      optimizer: {sgd: {momentum: 0.9}}
  functions: {encode(image): {mean: net(image).mean}}
  schedule: simultaneous
train: {batch_size: 8, epochs: 2, optimizer: {adam: {learning_rate: {linear: {from: 1e-3, to: 0, over: 2 epochs}}}}}
)",
    R"(model: v
data: &d {image: {synthetic: {set: shapes, size: 8, channels: 3}}}
networks:
  encoder:
    role: encoder
    inputs: {x: data.image}
    layers: [flatten]
    outputs: {mean: {dense: 4}, log_variance: {dense: 4}}
  decoder: {role: decoder, inputs: {z: [4]}, layers: [dense: 192, reshape: [8, 8, 3]]}
objective:
  recipe: vae
  likelihood: gaussian
  beta: 2 * (1 - 0.5^epoch)
  metrics: {extra: mean(sum(q.mean^2))}
)"};

/// Words that change what a part of a model means.
const char* const kWords[] = {"${n}",     "${",      "}",
                              "{",        "[",       "]",
                              ":",        ": ",      "- ",
                              "\n",       "\n  ",    "  ",
                              "#",        "&a ",     "*a",
                              "<<",       "~",       "null",
                              "\"",       "'",       "|",
                              ">",        "\t",      "-1",
                              "0",        "1e99",    "99999999999999999999",
                              "image",    "net",     "mean",
                              "(",        ")",       ",",
                              "^",        "*",       "input",
                              "up",       "dense",   "from",
                              "name",     "extends", "recipe",
                              "\xc3\xa9", "\xff",    "%",
                              "@",        "!x ",     "? ",
                              "---\n",    "=",       "."};

/// One to three edits: bytes removed, a telling word put in or in place of others, a piece copied
/// elsewhere, one byte made random. Few edits, so that most of the model stays right and reading
/// gets far.
std::string mutate(std::string text, std::mt19937& random) {
    const auto below = [&](size_t n) { return n == 0 ? 0 : random() % n; };
    const size_t edits = 1 + below(3);
    for (size_t i = 0; i < edits; ++i) {
        const size_t at = below(text.size()), length = below(12);
        switch (below(5)) {
            case 0:
                text.erase(at, length);
                break;
            case 1:
                text.insert(at, kWords[below(std::size(kWords))]);
                break;
            case 2:
                text.replace(at, length, kWords[below(std::size(kWords))]);
                break;
            case 3:
                text.insert(below(text.size()), text.substr(at, length * 4));
                break;
            case 4:
                text[at] = static_cast<char>(random());
                break;
        }
        if (text.empty()) text = "a";
    }
    return text;
}

TEST_CASE("Mutated models end in a model or in errors", "[fuzz][dsl]") {
    const runtime::TempFolder folder;
    ReadModelOptions options;
    options.recipe_directories = {GMC_SOURCE_DIR "/models/recipes"};
    std::mt19937 random(20240607);
    size_t good = 0;
    for (int round = 0; round < 3000; ++round) {
        const std::string text = round < 2 ? kSeeds[round] : mutate(kSeeds[random() % 2], random);
        // A new name each time, since some file systems wait for the disk when a file is
        // overwritten.
        options.path = folder.write(fmt::format("{}.yaml", round), text);
        Diagnostics diagnostics;
        const Result<ModelSpec> spec = read_model(options, diagnostics);
        std::filesystem::remove(options.path);
        INFO(text);
        INFO(diagnostics.render());
        REQUIRE(spec.ok() == !diagnostics.any());
        if (round < 2) REQUIRE(spec.ok());
        good += spec.ok();
    }
    // Most mutations make a model wrong, but some do not.
    CHECK(good > 50);
    CHECK(good < 2000);
}

TEST_CASE("Mutated recipes end in a model or in errors", "[fuzz][dsl]") {
    const runtime::TempFolder folder;
    const std::string recipe = runtime::read_text(GMC_SOURCE_DIR "/models/recipes/vae.yaml");
    ReadModelOptions options;
    options.path = folder.write("t.yaml", kSeeds[1]);
    std::mt19937 random(5);
    size_t good = 0;
    for (int round = 0; round < 500; ++round) {
        // A folder of its own for each, for the same reason.
        const std::string directory = folder.path(fmt::format("{}", round));
        std::filesystem::create_directory(directory);
        const std::string text = round == 0 ? recipe : mutate(recipe, random);
        std::ofstream(directory + "/vae.yaml", std::ios::binary) << text;
        options.recipe_directories = {directory};
        Diagnostics diagnostics;
        const Result<ModelSpec> spec = read_model(options, diagnostics);
        INFO(text << '\n' << diagnostics.render());
        REQUIRE(spec.ok() == !diagnostics.any());
        if (round == 0) REQUIRE(spec.ok());
        good += spec.ok();
    }
    // Much of a recipe is comments, which mutations may change.
    CHECK(good > 25);
    CHECK(good < 450);
}

TEST_CASE("Mutated --set texts end in a model or in errors", "[fuzz][dsl]") {
    const runtime::TempFolder folder;
    ReadModelOptions options;
    options.path = folder.write("t.yaml", kSeeds[0]);
    std::mt19937 random(7);
    for (int round = 0; round < 500; ++round) {
        options.sets = {mutate("networks.net.layers.3.dense={units: 3}", random),
                        mutate("n=8", random)};
        Diagnostics diagnostics;
        const Result<ModelSpec> spec = read_model(options, diagnostics);
        INFO(options.sets[0] << '\n' << options.sets[1] << '\n' << diagnostics.render());
        REQUIRE(spec.ok() == !diagnostics.any());
    }
}

TEST_CASE("Mutated expressions end in a tree that prints and reads back, or in an error",
          "[fuzz][dsl]") {
    std::mt19937 random(11);
    for (int round = 0; round < 5000; ++round) {
        const std::string text = mutate(
            "mean(softplus(-net(image).a)) + 2.5e-3 * (q.mean^2 - 1) / sum(x, axis=1) < -3^-2",
            random);
        Diagnostics diagnostics;
        const uint32_t file = diagnostics.sources().add("t", text);
        const Span where{file, 1, 1, static_cast<uint32_t>(text.size())};
        const Result<ExpressionPtr> parsed = parse_expression(text, where, diagnostics);
        INFO(text << '\n' << diagnostics.render());
        REQUIRE(parsed.ok() == !diagnostics.any());
        if (!parsed) continue;
        const std::string printed = to_string(**parsed);
        INFO(printed);
        const Result<ExpressionPtr> again = parse_expression(printed, Span{}, diagnostics);
        REQUIRE(again);
        REQUIRE(to_string(**again) == printed);
    }
}

}  // namespace
}  // namespace gmc::dsl

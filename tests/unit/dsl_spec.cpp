// What read_model makes of models.
#include "dsl/spec.h"

#include <filesystem>
#include <set>

#include "dsl/lower/activations.h"
#include "dsl/lower/evaluate.h"
#include "dsl/lower/layers/layers.h"
#include "dsl/schema/foreign_word_rows.h"
#include "dsl/schema/foreign_words.h"
#include "dsl/schema/functions.h"
#include "dsl/schema/schema.h"
#include "tests/unit/dsl_helpers.h"

namespace gmc::dsl {
namespace {

TEST_CASE("The models of the house are read", "[dsl]") {
    for (const char* name : {"seed_gan", "seed_vae", "vae_mlp", "shapes_vae"}) {
        // These models' data need not exist on this machine.
        ReadModelOptions options;
        options.path = fmt::format("{}/models/{}.yaml", GMC_SOURCE_DIR, name);
        options.recipe_directories = {GMC_SOURCE_DIR "/models/recipes"};
        if (std::string(name) != "shapes_vae") options.sets = {"data.image.shape=[28, 28, 1]"};
        Diagnostics diagnostics;
        const Result<ModelSpec> spec = read_model(options, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(spec);
        CHECK(spec->name == name);
        CHECK(spec->networks.size() == 2);
        CHECK(spec->test.size() == 1);
        CHECK(spec->data[0].shape == std::vector<int64_t>{28, 28, 1});
    }
}

TEST_CASE("Layers have all keys of their row, with defaults and places", "[dsl]") {
    const Model model(
        small_model("[conv2d: {filters: 4, kernel: [3, 5], name: c}, flatten, dense: 7, "
                    "dropout: 0.5, leaky_relu]"));
    const std::vector<LayerSpec>& layers = model->networks[0].layers;
    REQUIRE(layers.size() == 5);
    CHECK(layers[0].kind == "conv2d");
    CHECK(layers[0].name == "c");
    CHECK(layers[0].integers("kernel") == std::vector<int64_t>{3, 5});
    CHECK(layers[0].integers("stride") == std::vector<int64_t>{1, 1});
    CHECK(layers[0].word("padding") == "same");
    CHECK(layers[0].flag("bias"));
    CHECK(layers[0].word("initializer") == "glorot_uniform");
    CHECK_FALSE(layers[0].has("name"));
    CHECK(layers[0].span_of("filters").column == 32);
    CHECK(layers[0].span_of("padding") == layers[0].span);
    CHECK(layers[2].integer("units") == 7);
    CHECK(layers[3].number("rate") == 0.5);
    CHECK(layers[4].number("slope") == 0.3);
    for (const LayerSpec& layer : layers)
        for (const KeyRow& row : find_layer(layer.kind)->keys)
            if (row.has_default()) CHECK(layer.has(row.key));
}

TEST_CASE("A normal initializer may carry its deviation", "[dsl]") {
    const Model model(
        small_model("[flatten, dense: {units: 3, initializer: {normal: {stddev: 0.02}}}]"));
    const LayerSpec& layer = model->networks[0].layers[1];
    CHECK(layer.word("initializer") == "normal");
    CHECK(layer.number("initializer_stddev") == 0.02);
}

TEST_CASE("`1e-4` is a number, though YAML 1.1 says text", "[dsl]") {
    const Model model(
        small_model("[flatten, dense: 1]", "train: {optimizer: {adam: {learning_rate: 1e-4}}}\n"));
    const OptimizerSpec& adam = model->train.optimizer;
    CHECK(adam.kind == "adam");
    REQUIRE(adam.parameters.size() == 5);
    CHECK(adam.parameters[0].name == "learning_rate");
    CHECK(adam.parameters[0].value->number == 1e-4);
    CHECK(adam.parameters[3].value->number == 1e-7);
}

TEST_CASE("Without `train` there are Keras's defaults", "[dsl]") {
    const Model model(small_model("[flatten, dense: 1]"));
    CHECK(model->train.batch_size == 128);
    CHECK(model->train.epochs == 10);
    CHECK(model->train.optimizer.kind == "adam");
    CHECK(model->train.optimizer.parameters[0].value->number == 1e-3);
}

TEST_CASE("sgd with its flag as a number, and a schedule as a call", "[dsl]") {
    const Model model(
        small_model("[flatten, dense: 1]",
                    "train:\n  optimizer:\n    sgd:\n      nesterov: true\n"
                    "      learning_rate: {cosine: {from: 0.1, to: 0, over: 300 steps}}\n"));
    const OptimizerSpec& sgd = model->train.optimizer;
    CHECK(to_string(*sgd.parameters[0].value) == "cosine(0.1, 0, 300, step)");
    CHECK(sgd.parameters[2].name == "nesterov");
    CHECK(sgd.parameters[2].value->number == 1);
}

TEST_CASE("--set replaces variables and keys", "[dsl]") {
    const std::string text = small_model("[flatten, dense: \"${n}\"]", "variables: {n: 3}\n");
    CHECK(Model(text)->networks[0].layers[1].integer("units") == 3);
    CHECK(Model(text, {"n=5"})->networks[0].layers[1].integer("units") == 5);
    CHECK(Model(text, {"variables.n=6"})->networks[0].layers[1].integer("units") == 6);
    CHECK(Model(text, {"train.epochs=2"})->train.epochs == 2);
    CHECK(Model(text, {"networks.net.layers.1=dense: 9"})->networks[0].layers[1].integer("units") ==
          9);
    CHECK(Model(text, {"data.image={synthetic: {set: shapes, size: 8}, range: [-1, 1]}"})
              ->data[0]
              .range_low == -1);
    CHECK(Model(text, {"description="})->description.empty());
    for (const char* set :
         {"m=3", "=3", "n", "train.epoch=3", "networks.net.layers.9=relu", "model.x=1", "n=[",
          "n=\"", "data.image.idx=/nowhere", "train=", "networks.net.layers=relu: {", "..=1"})
        CHECK_FALSE(Model(text, {set}).spec);
}

TEST_CASE("A block's first layer takes what the block is put upon", "[dsl]") {
    const Model model(
        small_model("[flatten, dense: {units: 4, name: a}, dense: 5, pair: {from: a, name: p}, "
                    "dense: {units: 2, from: p}]",
                    "blocks: {pair: {layers: [relu, dense: 3]}}\n"));
    const std::vector<LayerSpec>& layers = model->networks[0].layers;
    REQUIRE(layers.size() == 6);
    CHECK(layers[3].from == std::vector<std::string>{"a"});
    CHECK(layers[3].block_use.known());
    CHECK(layers[4].name == "p");
    CHECK(layers[5].from == std::vector<std::string>{"p"});
    CHECK_FALSE(layers[5].block_use.known());
}

TEST_CASE("Recipes become expressions over the model's own networks", "[dsl]") {
    const std::string text =
        "model: t\ndata: {image: {synthetic: shapes}}\n"
        "networks:\n"
        "  painter: {role: generator, inputs: {z: [4]}, layers: [dense: 784, reshape: [28, 28, "
        "1]]}\n"
        "  critic: {role: discriminator, inputs: {x: data.image}, layers: [flatten, dense: 1]}\n"
        "objective: {recipe: gan, loss: minimax}\n";
    const Model model(text);
    const ObjectiveSpec& objective = model->objective;
    CHECK(objective.recipe.name == "gan");
    CHECK_FALSE(objective.simultaneous);
    REQUIRE(objective.minimize.size() == 2);
    CHECK(objective.minimize[0].networks == std::vector<std::string>{"critic"});
    CHECK(objective.minimize[0].name == "critic");
    CHECK(objective.minimize[1].name == "painter");
    for (const NamedExpression& let : objective.let) {
        if (let.name == "z") CHECK(to_string(*let.value) == "normal(painter)");
        if (let.name == "generator_loss")
            CHECK(to_string(*let.value) == "-mean(softplus(fake_logit))");
    }
    REQUIRE(objective.functions.size() == 1);
    CHECK(to_string(*objective.functions[0].results[0].value) == "painter(z)");
}

TEST_CASE("Errors in several sections are found in one run", "[dsl]") {
    const Model model(
        "model: t\ndata: {image: {synthetic: shape}}\n"
        "networks: {net: {inputs: {x: data.image}, layers: [flaten, dense: -1]}}\n"
        "objective: {minimize: {networks: nett, loss: mena(net(image))}}\n"
        "train: {epochs: 0}\n");
    CHECK_FALSE(model.spec);
    CHECK(model.diagnostics.count() == 6);
}

TEST_CASE("Chains of `let` are bounded in every order", "[dsl]") {
    const auto model = [](int length, bool backwards) {
        std::string let;
        for (int i = 0; i < length; ++i) {
            const std::string entry =
                i == 0 ? "  a0: 1\n" : fmt::format("  a{}: a{} + 1\n", i, i - 1);
            let = backwards ? entry + let : let + entry;
        }
        return "model: t\ndata: {image: {synthetic: shapes}}\n"
               "networks: {net: {inputs: {x: data.image}, layers: [flatten, dense: 1]}}\n"
               "objective:\n minimize: {networks: net, loss: mean(net(image))}\n let:\n" +
               let;
    };
    for (const bool backwards : {false, true}) {
        CHECK(Model(model(400, backwards)).spec.ok());
        const Model longer(model(3000, backwards));
        CHECK_FALSE(longer.spec.ok());
        CHECK(longer.diagnostics.count() == 1);
    }
}

TEST_CASE("The tables are sound", "[dsl]") {
    std::vector<std::string> names;
    for (const FunctionRow& row : function_table()) {
        CHECK(row.fewest <= row.most);
        names.emplace_back(row.name);
    }
    std::sort(names.begin(), names.end());
    CHECK(std::unique(names.begin(), names.end()) == names.end());
    for (const LayerRow& row : layer_table())
        CHECK((!*row.main_key || find_key(row.keys, row.main_key) != nullptr));
    for (const char* name : {"adam", "sgd"}) CHECK_NOTHROW(mapping(name));
    CHECK_THROWS(mapping("nothing"));
}

TEST_CASE("Every function of the language has a rule, and every rule a row", "[dsl]") {
    for (const FunctionRow& row : function_table()) {
        INFO("a rule in dsl/lower/calls for `" << row.name << "`");
        CHECK(lower::call_functions().count(std::string(row.name)) == 1);
    }
    for (const auto& [name, rule] : lower::call_functions()) {
        INFO("a row in dsl/schema/functions.cpp for `" << name << "`");
        CHECK(find_function(name) != nullptr);
    }
}

TEST_CASE("Every layer of the language has a builder, and every builder a row", "[dsl]") {
    for (const LayerRow& row : layer_table()) {
        INFO("a builder in dsl/lower/layers for `" << row.kind << "`");
        CHECK(lower::layer_builders().count(row.kind) == 1);
    }
    CHECK(lower::layer_builders().size() == layer_table().size());
}

TEST_CASE("Every word of the key `activation` is an activation among layers", "[dsl]") {
    for (const std::string& word :
         split_words(find_key(find_layer("dense")->keys, "activation")->words)) {
        INFO("`" << word << "` of kActivations in schema_layers.cpp");
        if (word == "none") continue;
        REQUIRE(find_layer(word) != nullptr);
        CHECK(find_layer(word)->effect == LayerEffect::kActivates);
        CHECK((find_layer(word)->weights || lower::activations().count(word) == 1));
    }
}

/// Ops of one operand that people reach by operators (-x, x^2), inside of layers, or not at all.
const std::vector<std::string_view> kNoFunctions = {"cast", "neg", "pow", "sign"};

template <typename Op>
void check_op() {
    if (!Op::kInfo.has(ir::kElementwise) || Op::kInfo.operand_count() != 1) return;
    const bool excused = std::count(kNoFunctions.begin(), kNoFunctions.end(), Op::kInfo.name) != 0;
    INFO("the op `" << Op::kInfo.name
                    << "`: a row in dsl/schema/functions.cpp, or in kNoFunctions");
    CHECK(excused == (find_function(Op::kInfo.name) == nullptr));
}

TEST_CASE("Every element-wise op of one operand is a function, or said to be none", "[dsl]") {
#define GMC_OP(Name) check_op<ir::Name>();
#include "compiler/ir/op_kind.def"
#undef GMC_OP
}

TEST_CASE("dsl/REFERENCE.md is the tables' own text", "[dsl]") {
    const std::string path = GMC_SOURCE_DIR "/dsl/REFERENCE.md";
    if (std::getenv("GMC_BLESS")) std::ofstream(path) << language_reference();
    INFO("GMC_BLESS=1 build/tests/unit_tests \"[dsl]\" rewrites the page");
    CHECK((runtime::read_text(path) == language_reference()));
    size_t models = 0;
    const std::string page = language_reference();
    for (size_t at = page.find("`models/"); at != std::string::npos;
         at = page.find("`models/", at + 1), ++models) {
        const std::string file = page.substr(at + 1, page.find('`', at + 1) - at - 1);
        INFO(file);
        CHECK(std::filesystem::exists(std::filesystem::path(GMC_SOURCE_DIR) / file));
    }
    CHECK(models > 10);
}

TEST_CASE("The JSON Schema names every layer and mapping", "[dsl]") {
    const std::string schema = json_schema();
    for (const LayerRow& row : layer_table())
        CHECK(schema.find(fmt::format("\"{}\"", row.kind)) != std::string::npos);
    CHECK(schema.find("\"minimize entry\"") != std::string::npos);
}

// ---- words of other frameworks ----

void add_keys(const std::vector<KeyRow>& keys, std::set<std::string>& words) {
    for (const KeyRow& row : keys) {
        words.insert(row.key);
        for (const std::string& word : split_words(row.words)) words.insert(word);
    }
}

/// Every word that may stand somewhere in a model.
std::set<std::string> words_of_the_language() {
    std::set<std::string> words;
    for (const LayerRow& row : layer_table()) {
        words.insert(row.kind);
        add_keys(row.keys, words);
    }
    for (const MappingRow& row : mapping_table()) add_keys(row.keys, words);
    for (const FunctionRow& row : function_table()) words.insert(row.name);
    for (const auto& file : std::filesystem::directory_iterator(GMC_SOURCE_DIR "/models/recipes")) {
        words.insert(file.path().stem().string());
        for (const char* choice : {"bernoulli", "gaussian", "non_saturating"}) words.insert(choice);
    }
    return words;
}

TEST_CASE("rows of foreign words lead to words of the language, or say how else", "[dsl]") {
    const std::set<std::string> words = words_of_the_language();
    for (const ForeignWord& row : foreign_words()) {
        INFO(row.theirs << " -> " << row.ours);
        bool leads = *row.remark != '\0';
        for (const std::string& word : split_words(row.ours)) leads |= words.count(word) != 0;
        CHECK(leads);
        for (const std::string& word : split_words(row.theirs)) {
            CHECK_FALSE(word.empty());
            CHECK(word.find_first_of("_- ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos);
        }
    }
}

/// The words that may stand at each place of a model.
std::vector<std::vector<std::string>> places() {
    std::vector<std::vector<std::string>> all(2);
    for (const FunctionRow& row : function_table()) all[0].emplace_back(row.name);
    std::vector<std::span<const KeyRow>> maps;
    for (const LayerRow& row : layer_table()) {
        if (find_layer_function(row.kind) != nullptr) all[0].emplace_back(row.kind);
        all[1].emplace_back(row.kind);
        maps.emplace_back(row.keys);
    }
    for (const MappingRow& row : mapping_table()) maps.emplace_back(row.keys);
    for (const std::span<const KeyRow> keys : maps) {
        all.push_back(key_names(keys));
        for (const KeyRow& row : keys)
            if (*row.words) all.push_back(split_words(row.words));
    }
    return all;
}

/// Whether a row without a word of ours gives its remark at a place.
bool speaks(const ForeignWord& row, const std::vector<std::string>& known) {
    const std::vector<std::string> place = split_words(row.place);
    return !*row.place || std::any_of(place.begin(), place.end(), [&](const std::string& word) {
        return std::count(known.begin(), known.end(), word) != 0;
    });
}

/// Rows that lead to no word of ours say that there is none. `hardtanh` leaves such a row when
/// there is a layer `hard_tanh`.
TEST_CASE("a word that foreign words call missing is not ours", "[dsl]") {
    for (const std::vector<std::string>& known : places())
        for (const std::string& own : known) {
            std::string spelling = own;
            std::erase(spelling, '_');
            for (const ForeignWord& row : foreign_words()) {
                const std::vector<std::string> theirs = split_words(row.theirs);
                if (*row.ours || spelling == own ||  // our own spelling is never translated
                    std::count(theirs.begin(), theirs.end(), spelling) == 0)
                    continue;
                INFO("`" << spelling << "` in the row \"" << row.theirs
                         << "\" of foreign_word_rows.cpp is our `" << own
                         << "`: take it out of that row");
                CHECK_FALSE(speaks(row, known));
            }
        }
}

TEST_CASE("a foreign word means what may stand in its place", "[dsl]") {
    const auto word = [](const char* theirs, const std::vector<std::string>& known) {
        const auto found = translate(theirs, known);
        return found ? found->word : std::string("nothing");
    };
    CHECK(word("nn.Linear", {"dense", "conv2d"}) == "dense");
    CHECK(word("linear", {"none", "relu"}) == "none");
    CHECK(word("kernel_size", {"kernel", "stride"}) == "kernel");
    CHECK(word("kernel_size", {"pool", "stride"}) == "pool");
    CHECK(word("BatchNorm2d", {"batch_norm"}) == "batch_norm");
    CHECK(word("conv-2d", {"conv2d"}) == "conv2d");
    CHECK(word("Adam", {"adam", "sgd"}) == "adam");
    CHECK(word("banana", {"adam", "sgd"}) == "nothing");
    CHECK(word("", {"adam"}) == "nothing");
}

TEST_CASE("a remark stands only where it belongs", "[dsl]") {
    CHECK(translate("lstm", {"dense", "conv2d"})->word.empty());
    CHECK_FALSE(translate("lstm", {"dense", "conv2d"})->remark.empty());
    CHECK_FALSE(translate("lstm", {"adam", "sgd"}).has_value());
}

}  // namespace
}  // namespace gmc::dsl

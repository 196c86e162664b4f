// What a run does beside its steps: validation, early stopping, kept checkpoints, going back after
// divergence, and signs of trouble.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "compiler/ir/artefact.h"
#include "compiler/support/json.h"
#include "runtime/data/field_source.h"
#include "runtime/doctor/first_not_finite.h"
#include "runtime/output/png.h"
#include "runtime/run/signs.h"
#include "runtime/run/trainer.h"
#include "runtime/run/validation.h"
#include "tests/compile_model.h"
#include "tests/temporary_folder.h"
#include "tests/train/load_model.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;

/// One network of 64 weights and biases that copies 8 x 8 shapes.
std::string copier(const std::string& loss, const std::string& train, int64_t count = 16) {
    return "model: m\n"
           "data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: " +
           std::to_string(count) +
           "}}\n"
           "networks: {net: {inputs: {x: data.image}, layers: [flatten, {dense: 64}, {reshape: "
           "[8, 8, 1]}]}}\n"
           "objective: {minimize: [{networks: net, loss: \"" +
           loss + "\"}]}\ntrain: {batch_size: 16, " + train + "}\n";
}
constexpr char kError[] = "mean(sum((net(image) - image)^2))";

std::string write_model(const TemporaryFolder& folder, const std::string& text) {
    std::ofstream(folder / "m.yaml") << text;
    Diagnostics diagnostics;
    REQUIRE(ir::write_file(folder / "m.gmc", ir::artefact_text(compile_file(folder / "m.yaml", {})),
                           diagnostics));
    return folder / "m.gmc";
}

struct Watched {
    runtime::TrainEnd end;
    std::string errors;
    std::vector<Json> metrics;
};

Watched train_watched(const TemporaryFolder& folder, const std::string& path,
                      runtime::TrainOptions options = {}) {
    Diagnostics diagnostics;
    auto model = load(path);
    options.run_directory = folder / "run";
    options.quiet = true;
    options.log_every = 1;
    Watched out{runtime::train(*model, options, diagnostics).end, diagnostics.render(), {}};
    std::ifstream file(folder / "run/metrics.jsonl");
    for (std::string line; std::getline(file, line);)
        out.metrics.push_back(Json::parse(line).value());
    return out;
}

int64_t lines_with(const Watched& trained, const std::string& key) {
    int64_t count = 0;
    for (const auto& line : trained.metrics) count += line.contains(key);
    return count;
}

bool has_sign(const std::vector<runtime::Sign>& signs, const std::string& name) {
    for (const runtime::Sign& sign : signs)
        if (sign.name == name) return !sign.text.empty();
    return false;
}

TEST_CASE("a share of the data validates each epoch, and is not trained on") {
    const TemporaryFolder folder;
    runtime::TrainOptions options;
    options.policy.emplace();
    options.policy->validate_share = 0.25;
    options.policy->keep_last = 2;
    options.policy->keep_best = "loss";
    const std::string path = write_model(folder, copier(kError, "epochs: 3", 96));
    const Watched trained = train_watched(folder, path, options);
    INFO(trained.errors);
    REQUIRE(trained.end == runtime::TrainEnd::kDone);
    CHECK(lines_with(trained, "validation_loss") == 3);
    CHECK(trained.metrics.back().at("step").number() == 3 * 4);  // 72 examples, batches of 16
    CHECK(fs::exists(folder / "run/checkpoints/best.safetensors"));
    CHECK_FALSE(fs::exists(folder / "run/checkpoints/step-00000004.safetensors"));
    CHECK(fs::exists(folder / "run/checkpoints/step-00000008.safetensors"));
    CHECK(fs::exists(folder / "run/checkpoints/step-00000012.safetensors"));

    // A process that was killed behind the last checkpoint kept nothing under other names.
    fs::remove_all(folder / "run/checkpoints");
    options.resume = true;
    CHECK(train_watched(folder, path, options).end == runtime::TrainEnd::kDone);
    CHECK(fs::exists(folder / "run/checkpoints/best.safetensors"));
    CHECK(fs::exists(folder / "run/checkpoints/step-00000012.safetensors"));
}

TEST_CASE("parts of a data set have all its examples once") {
    const TemporaryFolder folder;
    auto model = load(write_model(folder, copier(kError, "epochs: 1", 40)));
    Diagnostics diagnostics;
    auto loader = model->data().make_loader(runtime::DataSplit::kTrain,
                                            {8, runtime::LoaderMode::kEvaluate, 1, 0}, diagnostics);
    REQUIRE(loader.ok());
    const auto parts = runtime::split_dataset((*loader)->dataset(), 0.25, 1, diagnostics);
    REQUIRE(parts.ok());
    CHECK(parts->validation.count() == 10);
    CHECK(parts->training.count() == 30);
    std::multiset<std::vector<float>> whole, together;
    const auto add = [](const runtime::Dataset& dataset, auto& to) {
        std::vector<float> example(64);
        for (int64_t i = 0; i < dataset.count(); ++i) {
            dataset.fields()[0]->read(i, example.data());
            to.insert(example);
        }
    };
    add((*loader)->dataset(), whole);
    add(parts->validation, together);
    add(parts->training, together);
    CHECK(whole == together);
    CHECK_FALSE(runtime::split_dataset((*loader)->dataset(), 0.001, 1, diagnostics).ok());
}

TEST_CASE(
    "an example of a part of a data set is in the file that it is in as a part of the whole") {
    const TemporaryFolder folder;
    const std::string pictures_folder = folder / "pictures";
    fs::create_directory(pictures_folder);
    Diagnostics diagnostics;
    for (int i = 0; i < 4; ++i)
        REQUIRE(runtime::write_png(pictures_folder + "/" + std::to_string(i) + ".png",
                                   runtime::make_image(2, 2, 1, static_cast<uint8_t>(50 * i)),
                                   diagnostics));
    ir::DataField pictures;
    pictures.name = "image";
    pictures.format = "folder";
    pictures.source = pictures_folder;
    pictures.shape = {2, 2, 1};
    auto fields = runtime::open_fields({pictures}, diagnostics);
    REQUIRE(fields.ok());
    const auto whole = runtime::make_dataset(fields.take(), diagnostics);
    const auto parts = runtime::split_dataset(*whole, 0.5, 1, diagnostics);
    REQUIRE(parts.ok());
    for (const runtime::Dataset& part : {parts->training, parts->validation})
        for (int64_t i = 0; i < part.count(); ++i) {
            const runtime::Field& field = *part.fields()[0];
            CHECK(field.file_of(i) ==
                  pictures_folder + "/" + std::to_string(field.place(i)) + ".png");
        }
}

TEST_CASE("training ends early when validation gets no better, and resuming knows it") {
    const TemporaryFolder folder;
    // Gradient ascent on what is to be large: each epoch is worse than the one before.
    const std::string path =
        write_model(folder, copier("-1 * mean(sum((net(image) - image)^2))",
                                   "epochs: 50, optimizer: {sgd: {learning_rate: 1e-3}}", 64));
    runtime::TrainOptions options;
    options.policy.emplace();
    options.policy->validate_share = 0.5;
    options.policy->stopping_metric = "loss";
    options.policy->stopping_is_highest = true;
    options.policy->patience = 2;
    Watched trained = train_watched(folder, path, options);
    INFO(trained.errors);
    REQUIRE(trained.end == runtime::TrainEnd::kDone);
    CHECK(lines_with(trained, "validation_loss") == 3);
    options.resume = true;
    trained = train_watched(folder, path, options);
    CHECK(trained.end == runtime::TrainEnd::kDone);
    CHECK(lines_with(trained, "validation_loss") == 3);
}

TEST_CASE("after divergence training goes back and on, so often and no oftener") {
    const TemporaryFolder folder;
    const auto spike = [](const char* when) {
        return std::string(kError) + " + (" + when + ") * 1e30 * mean(sum(net(image)))";
    };
    const std::string sgd = "epochs: 12, optimizer: {sgd: {learning_rate: 1e-3}}";
    std::vector<std::string> replays;
    runtime::TrainOptions options;
    options.on_diverged = [&](const std::string& file) { replays.push_back(file); };
    options.policy.emplace().on_divergence = "rollback";
    Watched trained =
        train_watched(folder, write_model(folder, copier(spike("step == 5"), sgd)), options);
    INFO(trained.errors);
    CHECK(trained.end == runtime::TrainEnd::kDone);
    CHECK(lines_with(trained, "rolled_back_to") == 1);
    REQUIRE(replays.size() == 1);
    CHECK(fs::exists(replays[0]));

    fs::remove_all(folder / "run");
    options.policy->on_divergence = "lower_rate";
    options.policy->retries = 2;
    trained = train_watched(folder, write_model(folder, copier(spike("step > 4"), sgd)), options);
    CHECK(trained.end == runtime::TrainEnd::kDiverged);
    CHECK(lines_with(trained, "rolled_back_to") == 2);
}

TEST_CASE("updates of a lowered rate are the same share of the whole ones, for averages as well") {
    const TemporaryFolder folder;
    const std::string text =
        copier(kError, "epochs: 1, average: 0.75, optimizer: {sgd: {learning_rate: ${rate}}}");
    std::vector<std::vector<float>> numbers;
    for (const auto& [rate, share] : {std::pair("0.01", 1.0), std::pair("0.02", 0.5)}) {
        std::string at = text;
        at.replace(at.find("${rate}"), 7, rate);
        auto model = load(write_model(folder, at));
        Diagnostics diagnostics;
        runtime::StepRunner runner(*model, diagnostics);
        runtime::StateStore& states = model->states();
        REQUIRE(states.initialise(1, diagnostics));
        auto loader = model->data().make_loader(
            runtime::DataSplit::kTrain, {16, runtime::LoaderMode::kTrain, 1, 0}, diagnostics);
        REQUIRE(loader.ok());
        runtime::TrainingState training;
        training.rate = share;
        for (int step = 0; step < 3; ++step) REQUIRE(runner.run(**loader, training, diagnostics));
        std::vector<float>& all = numbers.emplace_back();
        for (const char* name : {"net.dense.weight", "average.net.dense.weight"}) {
            const ir::StateId id = model->module().find_state(name);
            REQUIRE(id != ir::kNone);
            all.insert(all.end(), states.data(id), states.data(id) + states.elements(id));
        }
    }
    for (size_t i = 0; i < numbers[0].size(); ++i)
        CHECK(std::fabs(numbers[0][i] - numbers[1][i]) < 1e-5);
}

TEST_CASE("a run with averages goes on after divergence with lowered updates") {
    const TemporaryFolder folder;
    runtime::TrainOptions options;
    options.policy.emplace().on_divergence = "lower_rate";
    const std::string spike = std::string(kError) + " + (step == 5) * 1e30 * mean(sum(net(image)))";
    const std::string path = write_model(
        folder,
        copier(spike, "epochs: 12, average: 0.75, optimizer: {sgd: {learning_rate: 1e-3}}"));
    const Watched trained = train_watched(folder, path, options);
    INFO(trained.errors);
    REQUIRE(trained.end == runtime::TrainEnd::kDone);
    CHECK(lines_with(trained, "rolled_back_to") == 1);
    // The average lies between weights of the run, so it is as finite and as near to the last ones.
    auto model = load(path);
    runtime::TrainingState training;
    Diagnostics diagnostics;
    REQUIRE(runtime::read_checkpoint(folder / "run/checkpoint.safetensors", model->states(),
                                     training, diagnostics));
    CHECK(training.rate == 0.5);
    const runtime::StateStore& states = model->states();
    const ir::StateId weight = model->module().find_state("net.dense.weight");
    const ir::StateId average = model->module().find_state("average.net.dense.weight");
    double most = 0;
    for (int64_t i = 0; i < states.elements(weight); ++i)
        most = std::max(most, std::fabs(double{states.data(weight)[i]} - states.data(average)[i]));
    CHECK(most > 0);
    CHECK(most < 0.1);
}

TEST_CASE("the first operation that is not finite is found, with its line of the model") {
    const TemporaryFolder folder;
    const std::string path = write_model(
        folder,
        copier(std::string(kError) + " + mean(sum(log(image + 3.5 - step)))", "epochs: 12"));
    std::string replay_file;
    runtime::TrainOptions options;
    options.on_diverged = [&](const std::string& file) { replay_file = file; };
    const Watched trained = train_watched(folder, path, options);
    REQUIRE(trained.end == runtime::TrainEnd::kDiverged);
    REQUIRE_FALSE(replay_file.empty());
    auto model = load(path);
    Diagnostics diagnostics;
    runtime::Replay replay;
    REQUIRE(runtime::read_checkpoint(replay_file, model->states(), replay.training, diagnostics,
                                     &replay.batches));
    CHECK(replay.training.step == 4);
    const auto found = runtime::find_first_not_finite(*model, replay, diagnostics);
    REQUIRE(found.ok());
    REQUIRE(found->has_value());
    const std::string text = runtime::text_of(**found);
    INFO(text);
    CHECK((*found)->operation == "log");
    CHECK(text.find("m.yaml:4:") != std::string::npos);
    CHECK((*found)->operands.at(0).smallest < 0);
    CHECK((*found)->result.nans > 0);
    runtime::Replay larger = replay, none = replay;
    larger.batches.at(0).fields.at(0).second.push_back(0);
    none.batches.clear();
    for (const runtime::Replay& wrong : {larger, none}) {
        Diagnostics refused;
        CHECK_FALSE(runtime::find_first_not_finite(*model, wrong, refused).ok());
        CHECK(refused.any());
    }
}

TEST_CASE("figures tell a discriminator that wins and a loss that oscillates, and no others") {
    runtime::FigureSigns signs;
    for (int step = 0; step < 100; ++step)
        signs.add({{"real_probability", 0.999}, {"fake_probability", 0.001}, {"loss", 5.0 - step}});
    auto found = signs.take();
    CHECK(has_sign(found, "discriminator_wins"));
    CHECK_FALSE(has_sign(found, "oscillation"));
    for (int step = 0; step < 200; ++step)
        signs.add({{"real_probability", 0.7},
                   {"fake_probability", 0.3},
                   {"loss", 5.0 + (step % 2 == 0 ? 1 : -1)}});
    found = signs.take();
    CHECK_FALSE(has_sign(found, "discriminator_wins"));
    CHECK(has_sign(found, "oscillation"));
    for (const double scale : {1.0, 0.001}) {  // least squares and hinges have no probabilities
        runtime::FigureSigns losses;
        losses.add({{"discriminator_loss", scale}});
        CHECK_FALSE(has_sign(losses.take(), "discriminator_wins"));
        losses.add({{"discriminator_loss", 0.2 * scale}});
        CHECK_FALSE(has_sign(losses.take(), "discriminator_wins"));
        losses.add({{"discriminator_loss", 0.001 * scale}});
        CHECK(has_sign(losses.take(), "discriminator_wins"));
        losses.add({{"discriminator_loss", -scale}});  // a critic's
        CHECK_FALSE(has_sign(losses.take(), "discriminator_wins"));
    }
    runtime::FigureSigns game;  // a correlation of -0.96, as when networks answer each other
    for (int step = 0; step < 200; ++step)
        game.add({{"a_loss", (step % 2 == 0 ? 1 : -1) + 0.5 * std::sin(12.9898 * step * step)},
                  {"b_loss", step % 2 == 0 ? 2.0 : 1.0}});
    found = game.take();
    CHECK(found.size() == 1);
    CHECK((found.size() == 1 && found[0].subject == "b_loss"));
    for (int step = 0; step < 200; ++step)  // as losses of batches are
        signs.add({{"loss", 5.0 + std::sin(12.9898 * step * step)}});
    CHECK(signs.take().empty());
}

TEST_CASE("a sign is told in the second epoch that shows it, and once") {
    runtime::SignNews news;
    const runtime::Sign dead{"dead_units", 0.6, "", "a.weight"}, other{"dead_units", 0.6, "", "b"};
    CHECK(news.take({dead}).empty());
    CHECK(news.take({dead, other}).size() == 1);
    CHECK(news.take({dead}).empty());
    CHECK(news.take({}).empty());
    CHECK(news.take({dead, other}).empty());
    CHECK(news.take({dead, other}).size() == 2);
}

TEST_CASE("weights tell units and codes that are dead, and gradients that vanish") {
    const TemporaryFolder folder;
    const auto model = load(write_model(
        folder,
        "model: m\n"
        "data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: 16}}\n"
        "networks: {net: {inputs: {x: data.image}, layers: [flatten, {dense: 32}, relu, {dense: "
        "64}, {reshape: [8, 8, 1]}]}}\n"
        "objective: {minimize: [{networks: net, loss: \"mean(sum((net(image) - image)^2))\"}]}\n"
        "train: {batch_size: 16}\n"));
    Diagnostics diagnostics;
    runtime::StateStore& states = model->states();
    REQUIRE(states.initialise(1, diagnostics));
    runtime::WeightSigns signs;
    const auto move = [&](const std::string& name, int64_t units_that_move) {
        const ir::StateId id = model->module().find_state(name);
        REQUIRE(id != ir::kNone);
        const int64_t units = states.state(id).type.shape.back();
        for (int64_t i = 0; i < states.elements(id); ++i)
            if (i % units < units_that_move) states.data(id)[i] += 0.1F;
    };
    signs.begin(states);
    move("net.dense.weight", 32);
    move("net.dense_1.weight", 64);
    CHECK(signs.take(states).empty());
    move("net.dense.weight", 8);  // 24 of 32 stand still
    move("net.dense_1.weight", 64);
    auto found = signs.take(states);
    CHECK(has_sign(found, "dead_units"));
    CHECK_FALSE(has_sign(found, "vanishing_gradient"));
    move("net.dense_1.weight", 64);
    found = signs.take(states);
    CHECK(has_sign(found, "vanishing_gradient"));
    CHECK_FALSE(has_sign(found, "dead_units"));
    const ir::StateId first = model->module().find_state("net.dense.weight");
    for (int64_t i = 0; i < states.elements(first); ++i)
        states.data(first)[i] *= 0.99F;  // as weight decay does
    move("net.dense_1.weight", 64);
    CHECK(has_sign(signs.take(states), "vanishing_gradient"));

    for (int64_t i = 0; i < states.elements(first); ++i)
        states.data(first)[i] = i % 2 == 0 ? 0.01F : -0.01F;  // where clip_weights holds them
    signs.begin(states);
    move("net.dense_1.weight", 64);
    CHECK(signs.take(states).empty());

    const auto codes = load([&] {
        Diagnostics lost;
        const ir::Module module = compile_without_data("vq_vae", 8);
        REQUIRE(ir::write_file(folder / "vq.gmc", ir::artefact_text(module), lost));
        return folder / "vq.gmc";
    }());
    REQUIRE(codes->states().initialise(1, diagnostics));
    runtime::WeightSigns code_signs;
    code_signs.begin(codes->states());
    for (ir::StateId id = 0; id < codes->states().saved_count(); ++id)
        if (codes->states().state(id).name.ends_with(".codebook")) codes->states().data(id)[0] += 1;
    CHECK(has_sign(code_signs.take(codes->states()), "dead_codes"));
}

/// The signs of a model's samples, with the weights that `change` leaves.
std::vector<runtime::Sign> signs_of_samples(const std::string& text, bool zero_weights) {
    const TemporaryFolder folder;
    const auto model = load(write_model(folder, text));
    Diagnostics diagnostics;
    runtime::StateStore& states = model->states();
    REQUIRE(states.initialise(1, diagnostics));
    if (zero_weights)
        for (ir::StateId id = 0; id < states.saved_count(); ++id)
            if (states.state(id).role == ir::StateRole::kParameter)
                std::fill_n(states.data(id), states.elements(id), 0.0F);
    auto loader = model->data().make_loader(
        runtime::DataSplit::kTrain, {16, runtime::LoaderMode::kEvaluate, 1, 0}, diagnostics);
    REQUIRE(loader.ok());
    const auto signs = runtime::sample_signs(*model, **loader, 1, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(signs.ok());
    return *signs;
}

TEST_CASE("samples tell a generator that makes one picture; encodings a posterior that collapsed") {
    const std::string gan =
        "model: m\n"
        "data: {image: {synthetic: {set: shapes, size: 8}, range: [-1, 1], count: 64}}\n"
        "networks:\n"
        "  generator: {role: generator, inputs: {z: [4]}, layers: [{dense: 64}, {reshape: [8, 8, "
        "1]}]}\n"
        "  discriminator: {role: discriminator, inputs: {x: data.image}, layers: [flatten, {dense: "
        "1}]}\n"
        "objective: {recipe: gan}\n"
        "train: {batch_size: 16}\n";
    CHECK(has_sign(signs_of_samples(gan, true), "mode_collapse"));
    CHECK(signs_of_samples(gan, false).empty());
    const std::string vae =
        "model: m\n"
        "data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: 64}}\n"
        "networks:\n"
        "  encoder: {role: encoder, inputs: {x: data.image}, layers: [flatten], outputs: {mean: "
        "{dense: 2}, log_variance: {dense: 2}}}\n"
        "  decoder: {role: decoder, inputs: {z: [2]}, layers: [{dense: 64}, {reshape: [8, 8, "
        "1]}]}\n"
        "objective: {recipe: vae}\n"
        "train: {batch_size: 16}\n";
    CHECK(has_sign(signs_of_samples(vae, true), "posterior_collapse"));
    CHECK(signs_of_samples(vae, false).empty());
}

}  // namespace
}  // namespace gmc

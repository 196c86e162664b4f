// Trains each model for a few steps: losses stay finite and fall, and a second run gives the same
// bits.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "compiler/ir/artefact.h"
#include "compiler/support/json.h"
#include "runtime/files/tensors/safetensors.h"
#include "runtime/run/trainer.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/generate.h"
#include "runtime/train/step_runner.h"
#include "runtime/train/take_weights.h"
#include "tests/compile_model.h"
#include "tests/temporary_folder.h"
#include "tests/train/load_model.h"
#include "tests/train/metrics.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;

/// Whether a model reads its data from files; other models generate them.
bool needs_files(const std::string& name) {
    static const std::set<std::string> kGenerated = {"classifier64", "dcgan64", "r1_grid",
                                                     "shapes_vae",   "tc_vae",  "wgan_gp_ring"};
    return kGenerated.count(name) == 0;
}

/// gru_text, which reads texts of 64 characters from files that are made here: a sentence over and
/// over. There are six batches of them to train, and one for the test.
std::string write_text_model(const TemporaryFolder& folder, int64_t batch_size) {
    const std::string sentence = "How many boards could the Mongols hoard? ";
    for (const auto& [name, batches] : {std::pair{"train.idx", 6}, std::pair{"test.idx", 1}}) {
        const auto examples = static_cast<char>(batches * batch_size);
        std::ofstream file(folder / name, std::ios::binary);
        file << std::string("\0\0\10\2\0\0\0", 7) << examples << std::string("\0\0\0\100", 4);
        for (int64_t i = 0; i < int64_t{64} * batches * batch_size; ++i)
            file << sentence[static_cast<size_t>(i) % sentence.size()];
    }
    const ir::Module module = compile_model(
        "gru_text", {"data=" + (folder / ""), "train.batch_size=" + std::to_string(batch_size)});
    Diagnostics diagnostics;
    REQUIRE(ir::write_file(folder / "gru_text.gmc", ir::artefact_text(module), diagnostics));
    return folder / "gru_text.gmc";
}

/// Models of Fashion-MNIST are trained on generated shapes and their classes here: the same
/// networks and objectives without files. There are six batches of data.
std::string write_model(const TemporaryFolder& folder, const std::string& name, int64_t batch_size,
                        const std::string& precision = "f32") {
    if (name == "gru_text") return write_text_model(folder, batch_size);
    const std::string batch = "train.batch_size=" + std::to_string(batch_size);
    ir::Module module = needs_files(name) ? compile_without_data(name, batch_size, precision)
                                          : compile_model(name, {batch}, precision);
    if (needs_files(name)) use_generated_shapes(module);
    for (std::vector<ir::DataField>* fields : {&module.data, &module.test})
        for (ir::DataField& field : *fields) field.count = batch_size * 6;
    for (ir::DataField& field : module.test) field.first = batch_size * 6;
    Diagnostics diagnostics;
    REQUIRE(ir::write_file(folder / (name + ".gmc"), ir::artefact_text(module), diagnostics));
    return folder / (name + ".gmc");
}

runtime::TrainEnd train_quietly(const std::string& path, const std::string& run, int64_t steps,
                                bool resume = false) {
    auto model = load(path);
    runtime::TrainOptions options;
    options.run_directory = run;
    options.epochs = 100;
    options.steps_most = steps;
    options.resume = resume;
    options.log_every = 1;
    options.sample_count = 4;
    options.quiet = true;
    Diagnostics diagnostics;
    const runtime::TrainEnd end = runtime::train(*model, options, diagnostics).end;
    INFO(diagnostics.render());
    CHECK_FALSE(diagnostics.any());
    return end;
}

/// Trains twice with the same seed. The checkpoints have to be the same to the bit, all figures
/// finite, and the loss has to fall by a tenth.
void check_learns_and_repeats(const std::string& name, int64_t batch_size, int64_t steps,
                              const std::string& precision = "f32") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, name, batch_size, precision);
    REQUIRE(train_quietly(path, folder / "a", steps) == runtime::TrainEnd::kDone);
    REQUIRE(train_quietly(path, folder / "b", steps) == runtime::TrainEnd::kDone);
    CHECK(bytes_of(folder / "a/checkpoint.safetensors") ==
          bytes_of(folder / "b/checkpoint.safetensors"));
    const auto metrics = metrics_of(folder / "a");
    REQUIRE(metrics.size() == static_cast<size_t>(steps));
    for (const auto& line : metrics)
        for (const std::string& key : line.names()) {
            INFO(key);
            REQUIRE(line.at(key).is_number());
            CHECK(std::isfinite(line.at(key).number()));
        }
    for (const std::string& key : metrics[0].names()) {
        const double first = metrics[0].at(key).number(), last = metrics.back().at(key).number();
        if (key != "loss" && !key.ends_with("_loss")) continue;
        INFO(key << " from " << first << " to " << last);
        if (key == "loss")
            CHECK(last < 0.9 * first);
        else  // in a game losses need not fall; no side may have run away
            CHECK(std::fabs(last) < 20 + 2 * std::fabs(first));
    }
}

TEST_CASE("every model learns or plays, the same bits twice") {
    struct Case {
        const char* name;
        int64_t batch_size, steps;
    };
    // Every file in models/ has a row, but for those of tables, sound and anomalies, whose data are
    // not made by shape; the check below counts them.
    constexpr size_t kOthers = 3;
    const std::vector<Case> cases = {
        {"aae", 16, 15},          {"ae", 32, 20},           {"beta_vae", 32, 20},
        {"cgan", 8, 15},          {"classifier", 16, 20},   {"cvae", 32, 20},
        {"dcgan64", 2, 4},        {"gan_minimax", 8, 15},   {"hinge_sn", 8, 15},
        {"lsgan", 8, 15},         {"r1_grid", 64, 20},      {"seed_gan", 8, 20},
        {"seed_vae", 8, 20},      {"shapes_vae", 32, 20},   {"vae_mlp", 32, 20},
        {"vq_vae", 8, 100},       {"wgan_clip", 8, 5},      {"wgan_gp", 8, 5},
        {"wgan_gp_ring", 64, 10}, {"classifier64", 16, 30}, {"iwae", 32, 20},
        {"wae_mmd", 32, 20},      {"ddpm", 8, 30},          {"flow_matching", 8, 30},
        {"sagan", 8, 15},         {"tc_vae", 32, 30},       {"simclr", 16, 20},
        {"ebm", 8, 20},           {"gru_text", 16, 20}};
    size_t models = 0;
    for (const auto& file : fs::directory_iterator(std::string(GMC_SOURCE_DIR) + "/models"))
        models += file.path().extension() == ".yaml" ? 1 : 0;
    CHECK(models == cases.size() + kOthers);
    for (const Case& c : cases) {
        INFO(c.name);
        check_learns_and_repeats(c.name, c.batch_size, c.steps);
    }
}

TEST_CASE("models compiled for bf16 learn or play, the same bits twice") {
    check_learns_and_repeats("vae_mlp", 32, 20, "bf16");
    check_learns_and_repeats("seed_vae", 8, 20, "bf16");
    check_learns_and_repeats("seed_gan", 8, 10, "bf16");
    check_learns_and_repeats("hinge_sn", 8, 10, "bf16");
    check_learns_and_repeats("wgan_gp", 8, 5, "bf16");
}

TEST_CASE("in bf16 the loss is that of f32, but for rounding") {
    const TemporaryFolder folder;
    const auto losses = [&](const std::string& precision) {
        const std::string path = write_model(folder, "vae_mlp", 32, precision);
        REQUIRE(train_quietly(path, folder / precision, 20) == runtime::TrainEnd::kDone);
        std::vector<double> all;
        for (const auto& line : metrics_of(folder / precision))
            all.push_back(line.at("loss").number());
        return all;
    };
    const std::vector<double> exact = losses("f32"), rounded = losses("bf16");
    REQUIRE(rounded.size() == exact.size());
    for (size_t i = 0; i < exact.size(); ++i) CHECK(rounded[i] == Approx(exact[i]).epsilon(0.01));
    CHECK(rounded != exact);
}

TEST_CASE("a run that is resumed ends in the bits of one that never stopped") {
    for (const std::string precision : {"f32", "bf16"}) {
        INFO(precision);
        const TemporaryFolder folder;
        const std::string path = write_model(folder, "shapes_vae", 32, precision);
        REQUIRE(train_quietly(path, folder / "whole", 15) == runtime::TrainEnd::kDone);
        REQUIRE(train_quietly(path, folder / "parts", 8) == runtime::TrainEnd::kDone);
        REQUIRE(train_quietly(path, folder / "parts", 15, true) == runtime::TrainEnd::kDone);
        CHECK(bytes_of(folder / "whole/checkpoint.safetensors") ==
              bytes_of(folder / "parts/checkpoint.safetensors"));
        CHECK(metrics_of(folder / "parts").size() == 15);
    }
}

TEST_CASE("a checkpoint is the same states whatever the precision") {
    const TemporaryFolder folder;
    const std::string wide = write_model(folder, "seed_gan", 8);
    REQUIRE(train_quietly(wide, folder / "run", 2) == runtime::TrainEnd::kDone);
    auto exact = load(wide), rounded = load(write_model(folder, "seed_gan", 8, "bf16"));
    Diagnostics diagnostics;
    runtime::TrainingState training;
    for (auto* model : {exact.get(), rounded.get()}) {
        const bool read = runtime::read_checkpoint(folder / "run/checkpoint.safetensors",
                                                   model->states(), training, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(read);
    }
    const runtime::StateStore &a = exact->states(), &b = rounded->states();
    CHECK(a.saved_count() == a.count());
    CHECK(b.saved_count() < b.count());
    REQUIRE(a.bytes() == b.bytes());
    CHECK(std::equal(a.bytes_begin(), a.bytes_begin() + a.bytes(), b.bytes_begin()));
}

TEST_CASE("a run with averages of weights is resumed to the bit as well") {
    const TemporaryFolder folder;
    std::ofstream(folder / "m.yaml") << R"(
model: averages
data: {image: {synthetic: shapes, count: 96}}
networks:
  net: {inputs: {x: data.image}, layers: [flatten, dense: 8, batch_norm, relu, dense: 784, reshape: [28, 28, 1]]}
objective:
  minimize:
    - networks: net
      loss: mean(sum((net(image) - image)^2))
      average: {constant: {value: 0.9, warm_up: 5 steps}}
      optimizer: {adamw: {global_clip_norm: 10, learning_rate: {step: {from: 1e-2, factor: 0.5, every: 4 steps}}}}
  functions:
    smooth(image): averaged(net(image))
train: {batch_size: 16}
)";
    Diagnostics diagnostics;
    const std::string path = folder / "m.gmc";
    REQUIRE(
        ir::write_file(path, ir::artefact_text(compile_file(folder / "m.yaml", {})), diagnostics));
    REQUIRE(train_quietly(path, folder / "whole", 9) == runtime::TrainEnd::kDone);
    REQUIRE(train_quietly(path, folder / "parts", 4) == runtime::TrainEnd::kDone);
    REQUIRE(train_quietly(path, folder / "parts", 9, true) == runtime::TrainEnd::kDone);
    CHECK(bytes_of(folder / "whole/checkpoint.safetensors") ==
          bytes_of(folder / "parts/checkpoint.safetensors"));
}

TEST_CASE("an interrupt writes a checkpoint that can be resumed") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "shapes_vae", 32);
    auto model = load(path);
    runtime::StopRequest stop;
    stop.signal = 15;
    runtime::TrainOptions options;
    options.run_directory = folder / "run";
    options.stop = &stop;
    options.quiet = true;
    Diagnostics diagnostics;
    CHECK(runtime::train(*model, options, diagnostics).end == runtime::TrainEnd::kInterrupted);
    runtime::TrainingState training;
    REQUIRE(runtime::read_checkpoint(folder / "run/checkpoint.safetensors", model->states(),
                                     training, diagnostics));
    CHECK(training.step == 0);
    CHECK(train_quietly(path, folder / "run", 3, true) == runtime::TrainEnd::kDone);
}

TEST_CASE("a checkpoint with weights from the beginning of the epoch is of format 4") {
    const TemporaryFolder folder;
    auto model = load(write_model(folder, "shapes_vae", 32));
    Diagnostics written;
    REQUIRE(model->states().initialise(1, written));
    runtime::TrainingState inside;
    for (const auto& [began, format] : {std::pair(0, "4"), std::pair(3, "3")}) {
        inside.step = inside.call = 3;
        inside.epoch_began = began;
        inside.epoch_start =
            std::make_shared<const runtime::KeptWeights>(runtime::keep_weights(model->states()));
        REQUIRE(runtime::write_checkpoint(folder / "inside", model->states(), inside, written));
        CHECK(*runtime::SafetensorsFile::open(folder / "inside", written)->metadata("format") ==
              std::string("gmc-checkpoint ") + format);
        runtime::TrainingState read;
        CHECK(runtime::read_checkpoint(folder / "inside", model->states(), read, written));
        CHECK(read.step == 3);
    }
}

TEST_CASE("a checkpoint of local steps has the momentum of the outer step, and is of format 5") {
    const TemporaryFolder folder;
    auto model = load(write_model(folder, "shapes_vae", 32));
    Diagnostics diagnostics;
    REQUIRE(model->states().initialise(1, diagnostics));
    runtime::TrainingState training;
    training.outer_momentum =
        std::make_shared<const runtime::KeptWeights>(runtime::keep_weights(model->states()));
    REQUIRE(runtime::write_checkpoint(folder / "a", model->states(), training, diagnostics));
    CHECK(*runtime::SafetensorsFile::open(folder / "a", diagnostics)->metadata("format") ==
          "gmc-checkpoint 5");
    runtime::TrainingState read;
    REQUIRE(runtime::read_checkpoint(folder / "a", model->states(), read, diagnostics));
    CHECK(read.outer_momentum == nullptr);
    REQUIRE(runtime::read_outer_momentum(folder / "a", model->states(), read, diagnostics));
    REQUIRE(read.outer_momentum != nullptr);
    CHECK(*read.outer_momentum == *training.outer_momentum);
    training.outer_momentum.reset();
    REQUIRE(runtime::write_checkpoint(folder / "a", model->states(), training, diagnostics));
    REQUIRE(runtime::read_outer_momentum(folder / "a", model->states(), read, diagnostics));
    CHECK(read.outer_momentum == nullptr);
}

TEST_CASE("a checkpoint that is broken, cut off or of another model is refused") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "shapes_vae", 32);
    REQUIRE(train_quietly(path, folder / "run", 2) == runtime::TrainEnd::kDone);
    const std::string good = bytes_of(folder / "run/checkpoint.safetensors");
    auto model = load(path);
    const auto refused = [&](const std::string& bytes) {
        std::ofstream(folder / "bad", std::ios::binary) << bytes;
        Diagnostics diagnostics;
        runtime::TrainingState training;
        CHECK_FALSE(
            runtime::read_checkpoint(folder / "bad", model->states(), training, diagnostics));
        return diagnostics.render();
    };
    const auto is_said = [&](const std::string& bytes, const std::string& what) {
        const std::string text = refused(bytes);
        INFO(text);
        CHECK(text.find(what) != std::string::npos);
    };
    is_said("", "no safetensors file");
    is_said("junk of eight bytes and more", "no safetensors file");
    is_said("gmc-checkpoint 2 1\nx", "format 2 of an earlier gmc");
    for (const size_t length : {size_t{20}, good.size() / 2, good.size() - 1})
        refused(good.substr(0, length));
    // Every byte counts, in the header as in the numbers.
    for (size_t i = 0; i < 330; ++i) {
        std::string changed = good;
        changed[i < 160 ? i * 20 : good.size() - 1 - (i - 160) * good.size() / 200] ^= 1;
        INFO(i);
        refused(changed);
    }
    std::string changed = good;
    changed[good.size() / 2] ^= 1;
    is_said(changed, "checksum does not fit");
    Diagnostics written;
    REQUIRE(runtime::write_weights(folder / "weights", model->states(), false, "keras", written));
    is_said(bytes_of(folder / "weights"), "no checkpoint of gmc");
    REQUIRE(runtime::write_safetensors(folder / "new", {},
                                       {{"format", "gmc-checkpoint 9"}, {"gmc", "7.0"}}, written));
    is_said(bytes_of(folder / "new"), "was written by a newer gmc");
    is_said(bytes_of(folder / "new"), "format 9 of gmc 7.0");

    model->states().data(0)[1] = NAN;
    REQUIRE(runtime::write_checkpoint(folder / "nan", model->states(), {}, written));
    is_said(bytes_of(folder / "nan"), "holds no good state: 1 of the");
    REQUIRE(runtime::write_weights(folder / "nan.safetensors", model->states(), false, "keras",
                                   written));
    Diagnostics refused_weights;
    CHECK_FALSE(
        runtime::take_weights(folder / "nan.safetensors", "keras", model->states(), refused_weights)
            .ok());
    CHECK(refused_weights.render().find("not finite") != std::string::npos);

    auto other = load(write_model(folder, "vae_mlp", 32));
    Diagnostics diagnostics;
    runtime::TrainingState training;
    CHECK_FALSE(runtime::read_checkpoint(folder / "run/checkpoint.safetensors", other->states(),
                                         training, diagnostics));
    CHECK(diagnostics.render().find("another model") != std::string::npos);
}

TEST_CASE("a checkpoint with numbers that no run can have come to is refused") {
    const TemporaryFolder folder;
    auto model = load(write_model(folder, "shapes_vae", 32));
    Diagnostics written;
    REQUIRE(model->states().initialise(1, written));
    using Training = runtime::TrainingState;
    const auto is_impossible = [&](const auto& change, const std::string& what) {
        Training training;
        training.step = training.call = 5;
        change(training);
        REQUIRE(runtime::write_checkpoint(folder / "numbers", model->states(), training, written));
        Diagnostics diagnostics;
        CHECK_FALSE(
            runtime::read_checkpoint(folder / "numbers", model->states(), training, diagnostics));
        INFO(diagnostics.render());
        CHECK(diagnostics.render().find("is broken: its " + what) != std::string::npos);
    };
    is_impossible([](Training& t) { t.rate = 2; }, "`rate` is 2, not above 0 and at most 1");
    is_impossible([](Training& t) { t.computed_by.assign(1 << 20, 'a'); },
                  "`computed_by` is `" + std::string(80, 'a') + "`, which is no checksum");
    is_impossible([](Training& t) { t.retries = 1'000'000'000; },
                  "`retries` is 1000000000, above 1000000");
    is_impossible([](Training& t) { t.epoch = -1; }, "`epoch` is -1, but its `pass` is 0");
    is_impossible([](Training& t) { t.epoch = 1e300; }, "`epoch` is 1e+300, but its `pass` is 0");
    is_impossible([](Training& t) { t.epoch = 2; }, "`epoch` is 2, but its `pass` is 0");
    is_impossible([](Training& t) { t.epoch = 0.5; }, "`epoch` is 0.5, but its `example` is 0");
    is_impossible([](Training& t) { t.example = 64; }, "`epoch` is 0, but its `example` is 64");
    is_impossible([](Training& t) { t.epoch = 0.7, t.example = 64; },
                  "`epoch` is 0.7, but its `example` is 64");
    is_impossible([](Training& t) { t.epoch = 0.5, t.example = 64, t.data = "60-0a"; },
                  "`example` is 64, but its `data_values` are of 60 examples");
    is_impossible([](Training& t) { t.epoch = 0.25, t.example = 64, t.data = "200-0a"; },
                  "`epoch` is 0.25, but its `data_values` are of 200 examples");
    is_impossible([](Training& t) { t.rate = 0.75, t.retries = 2; },
                  "`rate` is 0.75, but its `retries` is 2");
    is_impossible([](Training& t) { t.rate = 0.25, t.retries = 1; },
                  "`rate` is 0.25, but its `retries` is 1");
    is_impossible([](Training& t) { t.step = 6; }, "`step` is 6, but its `call` is 5");
    is_impossible([](Training& t) { t.step = (1 << 24) + 1; },
                  "`step` is 16777217, but its `call` is 5");
    is_impossible([](Training& t) { t.call = int64_t{1} << 53; },
                  "`call` is 9007199254740992, but its `step` is 5");
    is_impossible([](Training& t) { t.epoch_began = 3; },
                  "`epoch_began` is 3, but its `pass` is 0");
    is_impossible(
        [](Training& t) {
            t.epoch = t.pass = 1;
            t.best = {std::string("lo\0ss", 5), 1, 0};
        },
        "`best_figure` is not a line of at most 200 printable characters");
    is_impossible([](Training& t) { t.epoch = t.pass = 6; }, "`pass` is 6, but its `call` is 5");
    is_impossible([](Training& t) { t.step = 0; }, "`call` is 5, but its `step` is 0");
    is_impossible([](Training& t) { t.step = t.call = 0, t.example = 1, t.epoch = 0.5; },
                  "`example` is 1, but its `step` is 0");
    is_impossible([](Training& t) { t.epoch_began = 6; },
                  "`epoch_began` is 6, but its `step` is 5");
    is_impossible([](Training& t) { t.back_to = 6; }, "`back_to` is 6, but its `step` is 5");
    is_impossible(
        [](Training& t) {
            t.best = {"loss", 1, 0};
        },
        "`best_since` is 0, but its `pass` is 0");
    is_impossible(
        [](Training& t) {
            t.epoch = t.pass = 1;
            t.stopping = {"loss", 1, 1};
        },
        "`stopping_since` is 1, but its `pass` is 1");
}

TEST_CASE("a sample does not depend on how many are drawn with it") {
    const TemporaryFolder folder;
    auto model = load(write_model(folder, "shapes_vae", 32));
    Diagnostics diagnostics;
    REQUIRE(model->states().initialise(3, diagnostics));
    const auto few = runtime::generate(*model, "sample", 5, 7, diagnostics);
    const auto many = runtime::generate(*model, "sample", 70, 7, diagnostics);
    REQUIRE(few.ok());
    REQUIRE(many.ok());
    CHECK(few->shape == ir::Shape{5, 28, 28, 1});
    CHECK(many->shape == ir::Shape{70, 28, 28, 1});
    CHECK(std::equal(few->values.begin(), few->values.end(), many->values.begin()));
}

TEST_CASE("evaluation counts every example once, whatever the batch") {
    const TemporaryFolder folder;
    std::vector<double> losses;
    for (const int64_t batch : {7, 32}) {
        ir::Module module =
            compile_model("shapes_vae", {"train.batch_size=" + std::to_string(batch)});
        for (ir::DataField& field : module.test) field.count = 100;
        Diagnostics diagnostics;
        REQUIRE(ir::write_file(folder / "m.gmc", ir::artefact_text(module), diagnostics));
        auto model = load(folder / "m.gmc");
        REQUIRE(model->states().initialise(1, diagnostics));
        const auto result = runtime::evaluate(*model, runtime::DataSplit::kTest, 1, diagnostics);
        REQUIRE(result.ok());
        CHECK(result->examples == 100);
        for (const auto& [name, value] : result->values)
            if (name == "kl") losses.push_back(value);
    }
    // The KL divergence uses no random numbers, so it differs by rounding only.
    REQUIRE(losses.size() == 2);
    CHECK(losses[0] == Approx(losses[1]).epsilon(1e-5));
}

TEST_CASE("data read ahead are the same data, and once only") {
    const TemporaryFolder folder;
    const auto model = load(write_model(folder, "shapes_vae", 8));
    const auto first_batch = [&] {
        Diagnostics diagnostics;
        auto loader = model->data().make_loader(
            runtime::DataSplit::kTrain, {8, runtime::LoaderMode::kTrain, 3, 0}, diagnostics);
        REQUIRE(loader.ok());
        const auto batch = (*loader)->next(diagnostics);
        REQUIRE(batch.ok());
        const auto elements = static_cast<size_t>(8 * (*loader)->dataset().fields()[0]->elements());
        return std::vector<float>((*batch)->fields[0], (*batch)->fields[0] + elements);
    };
    const std::vector<float> expected = first_batch();
    model->prepare_training();
    CHECK(first_batch() == expected);
    CHECK(first_batch() == expected);
}

TEST_CASE("what is wrong with data read ahead is said when the loader is made") {
    const TemporaryFolder folder;
    ir::Module module = compile_model("shapes_vae", {"train.batch_size=8"});
    module.data[0].format = "idx";
    module.data[0].source = folder / "nowhere";
    Diagnostics diagnostics;
    REQUIRE(ir::write_file(folder / "m.gmc", ir::artefact_text(module), diagnostics));
    {
        const auto unused = load(folder / "m.gmc");
        unused->prepare_training();
    }
    const auto model = load(folder / "m.gmc");
    const runtime::StepRunner runner(*model, diagnostics);
    CHECK(runner.ok());
    CHECK_FALSE(diagnostics.any());
    CHECK_FALSE(model->data().make_loader(runtime::DataSplit::kTrain,
                                          {8, runtime::LoaderMode::kTrain, 3, 2}, diagnostics));
    REQUIRE(diagnostics.count() == 1);
    CHECK(diagnostics.render().find("nowhere") != std::string::npos);
}

TEST_CASE("a loss that is not finite ends the run and names itself") {
    const TemporaryFolder folder;
    ir::Module module = compile_model(
        "shapes_vae", {"train.batch_size=32", "train.optimizer.adam.learning_rate=1e30"});
    Diagnostics diagnostics;
    REQUIRE(ir::write_file(folder / "m.gmc", ir::artefact_text(module), diagnostics));
    auto model = load(folder / "m.gmc");
    runtime::TrainOptions options;
    options.run_directory = folder / "run";
    options.steps_most = 50;
    options.quiet = true;
    CHECK(runtime::train(*model, options, diagnostics).end == runtime::TrainEnd::kDiverged);
    CHECK(diagnostics.render().find("[diverged]") != std::string::npos);
}

}  // namespace
}  // namespace gmc

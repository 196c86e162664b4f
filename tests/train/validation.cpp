// Validation: a share of the data that is not trained on, what is done at the end of each epoch,
// and that a run which is resumed does and tells the same as one that never stopped.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "runtime/data/field_source.h"
#include "runtime/files/atomic_file.h"
#include "runtime/output/png.h"
#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/validation.h"
#include "tests/train/watched_run.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;

/// A quarter of the data validates; the last checkpoints and the best are kept.
runtime::TrainOptions validating(int keep_last) {
    runtime::TrainOptions options;
    options.policy.emplace();
    options.policy->validate_share = 0.25;
    options.policy->keep_last = keep_last;
    options.policy->keep_best = "loss";
    return options;
}

TEST_CASE("a share of the data validates each epoch, and is not trained on") {
    const TemporaryFolder folder;
    runtime::TrainOptions options = validating(2);
    const std::string path = write_model(folder, copier(kError, "epochs: 3", 96));
    const Watched trained = train_watched(folder, path, options);
    INFO(trained.errors);
    REQUIRE(trained.end == runtime::TrainEnd::kDone);
    CHECK(lines_with(trained, "validation_loss") == 3);
    CHECK(trained.metrics.back().at("step").number() == 3 * 4);  // about 72 examples, 16 at a time
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

TEST_CASE("what is the only whole copy of the best takes its place before it goes") {
    const TemporaryFolder folder;
    const runtime::TrainOptions options = validating(5);
    const std::string path = write_model(folder, copier(kError, "epochs: 3", 96));
    REQUIRE(train_watched(folder, path, options).end == runtime::TrainEnd::kDone);
    const std::string run = folder / "run", best = run + "/checkpoints/best.safetensors";
    const std::string copy = run + "/checkpoints/step-00000012.safetensors";
    REQUIRE(fs::equivalent(best, copy));  // the last epoch was the best
    Diagnostics diagnostics;
    const auto header = runtime::read_checkpoint_header(best, diagnostics);
    REQUIRE(header.ok());
    const runtime::KnownBest known{header->training.best.best, "loss", 1,
                                   header->model_fingerprint};
    const auto bytes = [&] { return *runtime::read_whole_file(best, 1 << 20, diagnostics); };
    const std::string whole = bytes();
    for (const bool damaged : {false, true}) {
        fs::remove(best);
        if (damaged) std::ofstream(best) << "no checkpoint";
        CHECK(runtime::KeptCheckpoints(run, 5, known).may_go(copy));
        CHECK(bytes() == whole);
    }
    fs::remove(best);
    runtime::KeptCheckpoints(run, 1, known).drop(12);
    CHECK(bytes() == whole);
    CHECK_FALSE(fs::exists(copy));
    // Of one that is whole, and another than the run knows, nothing is replaced.
    REQUIRE(runtime::keep_checkpoint_as(run, "checkpoints/step-00000012.safetensors", diagnostics));
    runtime::KnownBest other = known;
    other.seed = 2;
    fs::remove(best);
    runtime::KeptCheckpoints(run, 1, other).drop(12);
    CHECK_FALSE(fs::exists(best));
    CHECK_FALSE(fs::exists(copy));
    // Messages name the folder as its user does.
    std::ofstream(run + "/checkpoints") << "no folder";
    Diagnostics refused;
    CHECK_FALSE(runtime::KeptCheckpoints(run, 5, known, "its/name").add(12, refused));
    CHECK(refused.render().find("`its/name/checkpoints/step-00000012.safetensors` cannot be") !=
          std::string::npos);
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
    CHECK(parts->validation.count() + parts->training.count() == 40);
    CHECK(parts->validation.count() > 4);
    CHECK(parts->validation.count() < 16);
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

/// The names of the examples that would validate, of `count` in all.
std::set<std::string> validated(const TemporaryFolder& folder, int64_t count, double share) {
    auto model = load(write_model(folder, copier(kError, "epochs: 1", count)));
    Diagnostics diagnostics;
    auto loader = model->data().make_loader(runtime::DataSplit::kTrain,
                                            {8, runtime::LoaderMode::kEvaluate, 1, 0}, diagnostics);
    REQUIRE(loader.ok());
    const auto parts = runtime::split_dataset((*loader)->dataset(), share, 1, diagnostics);
    REQUIRE(parts.ok());
    std::set<std::string> names;
    const runtime::Field& field = *parts->validation.fields()[0];
    for (int64_t i = 0; i < field.count(); ++i) names.insert(field.name_of(i));
    return names;
}

TEST_CASE("examples stay on their side of a split when others are added, or the share grows") {
    const TemporaryFolder folder;
    const std::set<std::string> all = validated(folder, 4000, 0.1),
                                more = validated(folder, 5000, 0.1);
    CHECK(all.size() > 300);
    CHECK(all.size() < 500);
    for (int64_t i = 0; i < 4000; ++i)
        CHECK(all.count(std::to_string(i)) == more.count(std::to_string(i)));
    const std::set<std::string> larger = validated(folder, 4000, 0.2);
    CHECK(std::includes(larger.begin(), larger.end(), all.begin(), all.end()));
    for (int64_t count = 2; count < 10;
         ++count) {  // each part has an example, however few there are
        const size_t few = validated(folder, count, 0.5).size();
        CHECK(few > 0);
        CHECK(few < static_cast<size_t>(count));
    }
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
    // Who asks for more gets as much patience again, also after a kill.
    options.more_epochs = 10;
    options.steps_most = 3 * 2 + 2;
    trained = train_watched(folder, path, options);
    CHECK(lines_with(trained, "validation_loss") == 4);
    options.more_epochs = 0;
    options.steps_most.reset();
    trained = train_watched(folder, path, options);
    CHECK(lines_with(trained, "validation_loss") == 5);
    // They are counted from where it ended, not from where it was to end.
    options.more_epochs = 1;
    trained = train_watched(folder, path, options);
    CHECK(lines_with(trained, "validation_loss") == 6);
    options.more_epochs = 0;
    trained = train_watched(folder, path, options);
    CHECK(lines_with(trained, "validation_loss") == 6);
    // An end that was not early because that one epoch was all has not used up any of it.
    options.more_epochs = 10;
    trained = train_watched(folder, path, options);
    CHECK(lines_with(trained, "validation_loss") == 8);
}

/// The lines about signs, as texts.
std::vector<std::string> signs_of(const Watched& trained) {
    std::vector<std::string> lines;
    for (const Json& line : trained.metrics)
        if (line.contains("sign")) lines.push_back(line.dump());
    return lines;
}

TEST_CASE("a run that is resumed in mid-epoch tells the signs, and has the bits, of a whole one") {
    const TemporaryFolder whole, parts;
    const std::string text =  // the second output has no gradient
        "model: m\n"
        "data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: 64}}\n"
        "networks: {net: {inputs: {x: data.image}, layers: [flatten], outputs: {a: {dense: 8}, b: "
        "{dense: 8}}}}\n"
        "objective: {minimize: [{networks: net, loss: \"mean(sum(net(image).a^2)) + 0 * "
        "mean(sum(net(image).b))\", metrics: {sometimes: \"every(mean(sum(net(image).a^2)), "
        "4)\"}}]}\n"
        "train: {batch_size: 16, epochs: 4, optimizer: {adam: {learning_rate: 1e-2}}}\n";
    const Watched once = train_watched(whole, write_model(whole, text));
    INFO(once.errors);
    REQUIRE(once.end == runtime::TrainEnd::kDone);
    REQUIRE(signs_of(once).size() == 1);
    CHECK(signs_of(once)[0].find("\"step\":8,") != std::string::npos);
    const std::string path = write_model(parts, text);
    runtime::TrainOptions options;
    Watched resumed;
    for (const int64_t steps : {2, 6, 8, 11, 13, 16}) {  // of 4 per epoch
        options.steps_most = steps;
        resumed = train_watched(parts, path, options);
        REQUIRE(resumed.end == runtime::TrainEnd::kDone);
        options.resume = true;
    }
    CHECK(signs_of(resumed) == signs_of(once));
    REQUIRE(resumed.metrics.size() == once.metrics.size());
    for (size_t i = 0; i < once.metrics.size(); ++i)
        for (const char* name : {"loss", "sometimes"}) {
            CHECK(once.metrics[i].contains(name) != once.metrics[i].contains("sign"));
            if (once.metrics[i].contains(name))
                CHECK(resumed.metrics[i].at(name).number() == once.metrics[i].at(name).number());
        }
    Diagnostics diagnostics;
    std::vector<std::string> bytes;
    for (const TemporaryFolder* folder : {&whole, &parts})
        bytes.push_back(*runtime::read_whole_file(*folder / "run/checkpoint.safetensors",
                                                  uint64_t{1} << 30, diagnostics));
    CHECK(bytes[0] == bytes[1]);
}

TEST_CASE("what a process left to do at the end of an epoch is done when the run goes on, once") {
    const TemporaryFolder folder;
    // Figures depend on the step and the epoch, as those of a loss with a schedule do.
    const std::string loss = std::string(kError) + " * (step + 10 * epoch)";
    const std::string path = write_model(folder, copier(loss, "epochs: 2", 64));
    runtime::TrainOptions options;
    options.policy.emplace().validate_share = 0.25;
    options.steps_most = 3;
    const Watched once = train_watched(folder, path, options);
    REQUIRE(lines_with(once, "validation_loss") == 1);
    // As the process leaves it that is told to stop when the last step of the epoch is done.
    const std::string file = folder / "run/checkpoint.safetensors";
    auto model = load(path);
    Diagnostics diagnostics;
    runtime::TrainingState training;
    REQUIRE(runtime::read_checkpoint(file, model->states(), training, diagnostics));
    REQUIRE(training.step == 3);
    REQUIRE(training.pass == 1);
    training.epoch_end_left = true;
    training.epoch_began = 0;
    REQUIRE(runtime::write_checkpoint(file, model->states(), training, diagnostics));
    {
        std::ofstream log(folder / "run/metrics.jsonl");
        for (const Json& line : once.metrics)
            if (!line.contains("validation_loss")) log << line.dump() << "\n";
    }
    options.resume = true;
    for (int again = 0; again < 2; ++again) {
        const Watched resumed = train_watched(folder, path, options);
        CHECK(resumed.end == runtime::TrainEnd::kDone);
        REQUIRE(lines_with(resumed, "validation_loss") == 1);
        CHECK(resumed.metrics.back().dump() == once.metrics.back().dump());
    }
}

TEST_CASE("validation is of the epoch that ended, also where the last step went on into the next") {
    const TemporaryFolder folder;
    std::string text = copier(kError, "epochs: 4", 100);
    text.replace(text.find("networks: net, "), 15, "networks: net, repeat: 2, ");
    runtime::TrainOptions options;
    options.policy.emplace().validate_share = 0.2;  // 5 batches of about 80 examples
    const Watched trained = train_watched(folder, write_model(folder, text), options);
    INFO(trained.errors);
    std::vector<double> epochs;
    for (const Json& line : trained.metrics)
        if (line.contains("validation_loss")) epochs.push_back(line.at("epoch").number());
    CHECK(epochs == std::vector<double>{1, 2, 3, 4});
}

}  // namespace
}  // namespace gmc

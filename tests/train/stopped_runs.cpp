// A run that stops and goes on is one that never stopped, also where it goes back after divergence,
// where its data have changed meanwhile, and in what the command line said when it began.
#include <filesystem>
#include <fstream>

#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/run_log.h"
#include "runtime/run/run_record.h"
#include "tests/train/watched_run.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;

/// The lines of a log without how fast training was.
std::vector<std::string> lines_of(const Watched& trained) {
    std::vector<std::string> lines;
    for (const Json& line : trained.metrics) {
        Json kept = Json::object();
        for (size_t i = 0; i < line.size(); ++i)
            if (line.names()[i] != "examples_per_s") kept[line.names()[i]] = line.elements()[i];
        lines.push_back(kept.dump());
    }
    return lines;
}

TEST_CASE("a rollback goes back to the same state, wherever the run was stopped before") {
    const std::string spike =
        std::string(kError) + " + (step == 10) * 1e30 * mean(sum(net(image)))";
    const std::string text =
        copier(spike, "epochs: 5, average: 0.9, optimizer: {adam: {learning_rate: 1e-2}}", 64);
    runtime::TrainOptions options;  // 4 steps per epoch; a checkpoint after steps 4, 7, 8, 12, ...
    options.policy.emplace().on_divergence = "lower_rate";
    options.checkpoint_every = Pace{7, 0};
    const TemporaryFolder whole;
    const Watched once = train_watched(whole, write_model(whole, text), options);
    INFO(once.errors);
    REQUIRE(once.end == runtime::TrainEnd::kDone);
    REQUIRE(lines_with(once, "rolled_back_to") == 1);
    for (const std::vector<int64_t>& stops :
         {std::vector<int64_t>{1}, {9}, {10}, {2, 5, 9, 10}, {8, 11}, {11, 13}, {7, 9, 14}}) {
        const TemporaryFolder parts;
        const std::string path = write_model(parts, text);
        runtime::TrainOptions part;
        part.policy = options.policy;
        part.checkpoint_every = options.checkpoint_every;
        for (const int64_t steps : stops) {
            part.steps_most = steps;
            REQUIRE(train_watched(parts, path, part).end == runtime::TrainEnd::kDone);
            part.resume = true;
            part.checkpoint_every.reset();  // the run knows it
        }
        part.steps_most.reset();
        const Watched resumed = train_watched(parts, path, part);
        INFO(resumed.errors);
        REQUIRE(resumed.end == runtime::TrainEnd::kDone);
        CHECK(lines_of(resumed) == lines_of(once));
        CHECK(bytes_of(parts / "run/checkpoint.safetensors") ==
              bytes_of(whole / "run/checkpoint.safetensors"));
        CHECK_FALSE(fs::exists(parts / "run/rollback.safetensors"));
    }
}

TEST_CASE("the end of an epoch that is done again leaves its lines once") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, copier(kError, "epochs: 3", 64));
    runtime::TrainOptions options;
    options.policy.emplace().validate_share = 0.25;
    options.steps_most = 3;  // an epoch
    REQUIRE(lines_with(train_watched(folder, path, options), "validation_loss") == 1);
    // What there is after a stop within the end of the epoch, a resume, and a kill once that had
    // written the lines of the epoch's end and not its checkpoint.
    const std::string checkpoint = folder / "run/checkpoint.safetensors";
    const auto model = load(path);
    runtime::TrainingState training;
    Diagnostics diagnostics;
    REQUIRE(runtime::read_checkpoint(checkpoint, model->states(), training, diagnostics));
    REQUIRE(training.epoch_began == 3);
    training.epoch_end_left = true;
    training.epoch_began = 0;
    REQUIRE(runtime::write_checkpoint(checkpoint, model->states(), training, diagnostics));
    options.steps_most.reset();
    options.resume = true;
    const Watched resumed = train_watched(folder, path, options);
    INFO(resumed.errors);
    REQUIRE(resumed.end == runtime::TrainEnd::kDone);
    std::vector<int64_t> validated;
    for (const Json& line : resumed.metrics)
        if (line.contains("validation_loss")) validated.push_back(line.at("step").whole());
    CHECK(validated == std::vector<int64_t>{3, 6, 9});
}

/// The steps that a run went back to, in their order.
std::vector<int64_t> ways_back(const Watched& trained) {
    std::vector<int64_t> steps;
    for (const Json& line : trained.metrics)
        if (line.contains("rolled_back_to")) steps.push_back(line.at("rolled_back_to").whole());
    return steps;
}

TEST_CASE("a clock has no say in where training goes back to") {
    const std::string spike =
        std::string(kError) + " + (step == 10) * 1e30 * mean(sum(net(image)))";
    const std::string text =
        copier(spike, "epochs: 4, optimizer: {adam: {learning_rate: 1e-2}}", 64);
    for (const double seconds : {0.0, 1e-9, 1e6}) {  // never; after each step; not in time
        runtime::TrainOptions options;               // 4 steps per epoch
        options.policy.emplace().on_divergence = "rollback";
        options.policy->keep_last = 3;
        if (seconds > 0) options.checkpoint_every = Pace{0, seconds};
        const TemporaryFolder folder;
        const Watched trained = train_watched(folder, write_model(folder, text), options);
        INFO(trained.errors);
        REQUIRE(trained.end == runtime::TrainEnd::kDone);
        CHECK(ways_back(trained) == std::vector<int64_t>{8});
        CHECK(runtime::kept_checkpoints(folder / "run") ==
              std::vector<std::string>{"step-00000008.safetensors", "step-00000012.safetensors",
                                       "step-00000016.safetensors"});
        CHECK_FALSE(fs::exists(folder / "run/rollback.safetensors"));
    }
}

TEST_CASE(
    "training that diverges again goes back to ever earlier states, wherever it was stopped") {
    // Step 4 breaks the weights, which shows in every step from them on.
    const std::string broken = std::string(kError) +
                               " + (step == 3) * 1e4 * mean(sum(net(image)))" +
                               " + exp((step > 3) * (mean(sum(net(image)^2)) - 85))";
    const std::string text =
        copier(broken, "epochs: 1, optimizer: {sgd: {learning_rate: 1e-3}}", 320);
    struct Case {
        int64_t keep, every;
        std::vector<int64_t> to;
    };
    for (const Case& c : {Case{5, 2, {4, 2}}, Case{1, 2, {4, 0}}, Case{5, 4, {4, 0}}}) {
        runtime::TrainOptions options;
        options.policy.emplace().on_divergence = "rollback";
        options.policy->keep_last = c.keep;
        options.checkpoint_every = Pace{c.every, 0};
        const TemporaryFolder whole;
        const Watched once = train_watched(whole, write_model(whole, text), options);
        INFO(once.errors);
        CHECK(once.end == runtime::TrainEnd::kDone);
        CHECK(ways_back(once) == c.to);
        const TemporaryFolder parts;
        const std::string path = write_model(parts, text);
        runtime::TrainOptions part = options;
        for (int64_t step = 1; step <= 20; ++step) {
            part.steps_most = step;
            REQUIRE(train_watched(parts, path, part).end == runtime::TrainEnd::kDone);
            part.resume = true;
        }
        CHECK(lines_of(train_watched(parts, path, part)) == lines_of(once));
        CHECK(bytes_of(parts / "run/checkpoint.safetensors") ==
              bytes_of(whole / "run/checkpoint.safetensors"));
    }
}

TEST_CASE("a step without a finite loss costs itself alone, also around the end of an epoch") {
    // 4 steps per epoch. The last step of the second one, its middle, and the first of the third.
    for (const char* when : {"epoch > 1.7 and epoch < 1.9", "epoch > 1.4 and epoch < 1.6",
                             "epoch > 1.9 and epoch < 2.1", "step == 8"}) {
        INFO(when);
        const std::string text = copier(std::string(kError) + " + log(1 - 2 * (" + when + "))",
                                        "epochs: 4, optimizer: {adam: {learning_rate: 1e-2}}", 64);
        runtime::TrainOptions options;
        options.policy.emplace().on_divergence = "rollback";
        options.policy->retries = 1;
        options.checkpoint_every = Pace{1, 0};
        const TemporaryFolder whole;
        const Watched once = train_watched(whole, write_model(whole, text), options);
        INFO(once.errors);
        REQUIRE(once.end == runtime::TrainEnd::kDone);
        CHECK(lines_with(once, "rolled_back_to") == 1);
        const TemporaryFolder parts;
        const std::string path = write_model(parts, text);
        for (const int64_t steps : {7, 8, 9, 16}) {
            options.steps_most = steps;
            REQUIRE(train_watched(parts, path, options).end == runtime::TrainEnd::kDone);
            options.resume = true;
        }
        CHECK(bytes_of(parts / "run/checkpoint.safetensors") ==
              bytes_of(whole / "run/checkpoint.safetensors"));
    }
}

TEST_CASE("the best and the patience begin anew where the validation data are others") {
    const TemporaryFolder folder;
    const auto with = [&](int64_t count) {
        return write_model(folder,
                           copier("-1 * mean(sum((net(image) - image)^2))",
                                  "epochs: 50, optimizer: {sgd: {learning_rate: 1e-3}}", count));
    };
    runtime::TrainOptions options;
    options.policy.emplace();
    options.policy->validate_share = 0.5;
    options.policy->keep_best = options.policy->stopping_metric = "loss";
    options.policy->best_is_highest = options.policy->stopping_is_highest = true;
    options.policy->patience = 2;  // each epoch is worse than the one before
    const auto watched = [&] {
        Diagnostics diagnostics;
        const auto header =
            runtime::read_checkpoint_header(folder / "run/checkpoint.safetensors", diagnostics);
        REQUIRE(header.ok());
        return header->training;
    };
    REQUIRE(lines_with(train_watched(folder, with(64), options), "validation_loss") == 3);
    const double best = *watched().best.best;
    CHECK(watched().stopping.epochs_since == 2);
    const std::string kept = bytes_of(folder / "run/checkpoints/best.safetensors");
    options.resume = true;
    CHECK(lines_with(train_watched(folder, with(64), options), "validation_loss") == 3);
    // More data: three more epochs, the first of which is the best again.
    CHECK(lines_with(train_watched(folder, with(96), options), "validation_loss") == 6);
    CHECK(*watched().best.best < best);
    CHECK(bytes_of(folder / "run/checkpoints/best.safetensors") != kept);
    // Another figure: the same again.
    options.policy->stopping_metric = "";
    options.policy->keep_best = "other";
    options.epochs = 7;
    train_watched(folder, with(96), options);
    CHECK_FALSE(watched().best.best);
}

/// A model of points that a CSV file has.
constexpr char kTable[] =
    "model: m\n"
    "data: {point: {csv: TABLE}}\n"
    "networks: {net: {inputs: {x: data.point}, layers: [{dense: 2}]}}\n"
    "objective: {minimize: [{networks: net, loss: \"mean(sum((net(point) - point)^2))\"}]}\n"
    "train: {batch_size: 4, epochs: 1}\n";

TEST_CASE("data that have grown begin with those that the run had") {
    constexpr int64_t kHad = 300;
    const auto refused = [](int64_t changed, bool grown) {
        const TemporaryFolder folder;
        const auto write = [&](int64_t count, int64_t other) {
            std::ofstream file(folder / "t.csv");
            file << "a,b\n";
            for (int64_t i = 0; i < count; ++i)
                file << i % 7 << ',' << (i == other ? 50 : i) << '\n';
        };
        write(kHad, -1);
        std::string text = kTable;
        const std::string path =
            write_model(folder, text.replace(text.find("TABLE"), 5, folder / "t.csv"));
        REQUIRE(train_watched(folder, path).end == runtime::TrainEnd::kDone);
        write(grown ? kHad + 40 : kHad, changed);
        runtime::TrainOptions options;
        options.resume = true;
        options.epochs = 2;
        const Watched resumed = train_watched(folder, path, options);
        const bool is_refused = resumed.end == runtime::TrainEnd::kNotStarted;
        CHECK((resumed.errors.find("other data") != std::string::npos) == is_refused);
        return is_refused;
    };
    CHECK_FALSE(refused(-1, false));
    CHECK_FALSE(refused(-1, true));
    CHECK_FALSE(refused(kHad + 5, true));  // a new one
    for (const int64_t changed : {int64_t{0}, int64_t{100}, int64_t{211}, kHad - 1}) {
        INFO(changed);
        CHECK(refused(changed, true));
        CHECK(refused(changed, false));
    }
}

TEST_CASE("a run that goes on keeps what the command line said of saving, logging and pictures") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, copier(kError, "epochs: 3", 64));
    const auto train = [&](runtime::TrainOptions options) {
        Diagnostics diagnostics;
        auto model = load(path);
        options.run_directory = folder / "run";
        options.quiet = true;
        return runtime::train(*model, options, diagnostics).end;
    };
    const auto settings = [&] {
        Diagnostics diagnostics;
        return runtime::read_run_record(folder / "run/run.json", diagnostics)->settings;
    };
    runtime::TrainOptions options;
    options.checkpoint_every = Pace{3, 0};
    options.log_every = 2;
    options.sample_count = 0;
    options.tensorboard = true;
    options.steps_most = 2;
    REQUIRE(train(options) == runtime::TrainEnd::kDone);
    runtime::TrainOptions resumed;
    resumed.resume = true;
    resumed.steps_most = 4;
    REQUIRE(train(resumed) == runtime::TrainEnd::kDone);
    CHECK(settings().checkpoint_every->steps == 3);
    CHECK(settings().log_every == 2);
    CHECK(settings().samples == 0);
    CHECK(settings().tensorboard);
    resumed.log_every = 1;
    resumed.sample_count = 5;
    resumed.checkpoint_every = Pace{0, 60};
    resumed.steps_most = 6;
    REQUIRE(train(resumed) == runtime::TrainEnd::kDone);
    CHECK(settings().checkpoint_every->steps == 0);
    CHECK(settings().log_every == 1);
    CHECK(settings().samples == 5);
}

TEST_CASE("pictures that a killed process drew and did not show are shown to TensorBoard") {
    const TemporaryFolder folder;
    const std::string path = write_model(
        folder,
        "model: m\n"
        "data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: 64}}\n"
        "networks: {decoder: {role: decoder, inputs: {z: [4]}, layers: [{dense: 64}, {reshape: [8, "
        "8, 1]}]}}\n"
        "objective: {minimize: [{networks: decoder, loss: \"mean(sum((decoder(normal([4])) - "
        "image)^2))\"}], functions: {sample(z): decoder(z)}}\n"
        "train: {batch_size: 16, epochs: 2}\n");
    runtime::TrainOptions options;
    options.tensorboard = true;
    options.epochs = 1;
    const Watched trained = train_watched(folder, path, options);
    INFO(trained.errors);
    REQUIRE(trained.end == runtime::TrainEnd::kDone);
    REQUIRE(fs::exists(folder / "run/samples/epoch-001.png"));
    REQUIRE(runtime::has_picture_event(folder / "run", 4));
    CHECK_FALSE(runtime::has_picture_event(folder / "run", 3));
    for (const int64_t epochs : {1, 2}) {  // nothing is left to do, and an epoch is
        std::vector<fs::path> files;
        for (const auto& entry : fs::directory_iterator(folder / "run"))
            if (entry.path().filename().string().starts_with(tensorboard::kFilePrefix))
                files.push_back(entry.path());
        for (const fs::path& file : files) fs::remove(file);
        options.resume = true;
        options.tensorboard = false;  // the run knows it
        options.epochs = epochs;
        REQUIRE(train_watched(folder, path, options).end == runtime::TrainEnd::kDone);
        CHECK(runtime::has_picture_event(folder / "run", 4));
    }
    CHECK(runtime::has_picture_event(folder / "run", 8));
}

}  // namespace
}  // namespace gmc

// Runs: who owns a folder, when training ends, and which files are written.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/contractions/tuning_cache.h"
#include "runtime/files/tensors/safetensors.h"
#include "runtime/run/opened_run.h"
#include "runtime/run/run_folder.h"
#include "runtime/run/run_record.h"
#include "runtime/run/trainer.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/take_weights.h"
#include "tests/temporary_folder.h"
#include "tests/train/load_model.h"
#include "tests/train/train_model.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;

/// A VAE of 8 x 8 shapes, with 96 examples unless `sets` change that.
constexpr char kVae[] = R"(
model: small
variables: {batch: 16, count: 96, rate: 1e-3, units: 8}
data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: "${count}"}}
networks:
  encoder:
    role: encoder
    inputs: {x: data.image}
    layers: [flatten, {dense: "${units}"}, batch_norm, relu, {dropout: 0.2}]
    outputs: {mean: {dense: 2}, log_variance: {dense: 2}}
  decoder:
    role: decoder
    inputs: {z: [2]}
    layers: [{dense: {units: 8, activation: relu}}, {dense: 64}, {reshape: [8, 8, 1]}]
objective: {recipe: vae}
train: {batch_size: "${batch}", epochs: 8, optimizer: {adam: {learning_rate: "${rate}"}}}
)";

constexpr char kCritic[] = R"(
model: critic
data: {image: {synthetic: {set: shapes, size: 8}, range: [-1, 1], count: 40}}
networks:
  generator:
    role: generator
    inputs: {z: [4]}
    layers: [{dense: {units: 64, activation: tanh}}, {reshape: [8, 8, 1]}]
  discriminator:
    role: critic
    inputs: {x: data.image}
    layers: [flatten, {dense: {units: 16, activation: leaky_relu}}, {dense: 1}]
objective: {recipe: wgan_gp}
train: {batch_size: 16, epochs: 9, optimizer: {adam: {learning_rate: 1e-4}}}
)";

/// An entry of the metadata of a run's checkpoint.
std::string said_by(const std::string& run, const std::string& entry) {
    Diagnostics diagnostics;
    const auto file = runtime::SafetensorsFile::open(run + "/checkpoint.safetensors", diagnostics);
    INFO(diagnostics.render());
    REQUIRE(file.ok());
    return *file->metadata(entry);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_CASE("a run that is there is neither replaced nor lost, unless that is asked for") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", kVae);
    REQUIRE(train(path, in(folder / "run")).end == runtime::TrainEnd::kDone);
    const std::string checkpoint = bytes_of(folder / "run/checkpoint.safetensors");
    const std::string metrics = bytes_of(folder / "run/metrics.jsonl");
    const Trained refused = train(path, in(folder / "run"));
    CHECK(refused.end == runtime::TrainEnd::kNotStarted);
    CHECK(contains(refused.errors, "--resume"));
    CHECK(contains(refused.errors, "--overwrite"));
    CHECK(bytes_of(folder / "run/checkpoint.safetensors") == checkpoint);
    CHECK(bytes_of(folder / "run/metrics.jsonl") == metrics);

    runtime::TrainOptions again = for_steps(in(folder / "run"), 3);
    again.overwrite = true;
    again.seed = 2;
    REQUIRE(train(path, again).end == runtime::TrainEnd::kDone);
    CHECK(said_by(folder / "run", "step") == "3");
    CHECK(said_by(folder / "run", "seed") == "2");
}

TEST_CASE("a folder in which a process trains is locked; folders of new runs are made once") {
    const TemporaryFolder folder;
    Diagnostics diagnostics;
    using runtime::RunFolder;
    const auto first = RunFolder::open(folder / "run", RunFolder::Use::kNew, diagnostics);
    REQUIRE(first.ok());
    CHECK_FALSE(RunFolder::open(folder / "run", RunFolder::Use::kResume, diagnostics).ok());
    CHECK(contains(diagnostics.render(),
                   "another process (process " + std::to_string(getpid()) + ") trains in"));
    CHECK_FALSE(RunFolder::open(folder / "none", RunFolder::Use::kResume, diagnostics).ok());
    CHECK(contains(diagnostics.render(), "there is no run in"));

    const fs::path before = fs::current_path();
    fs::current_path(folder / "");
    {
        const auto a = RunFolder::make_next("m", diagnostics);
        const auto b = RunFolder::make_next("m", diagnostics);
        REQUIRE(a.ok());
        REQUIRE(b.ok());
        CHECK(a->path() == "runs/m");
        CHECK(b->path() == "runs/m-2");
        ir::Module module;
        module.name = "m";
        CHECK(RunFolder::all(module).empty());  // nothing is there but locks
        for (const auto* run : {&a, &b}) std::ofstream((*run)->file("metrics.jsonl"));
        const auto all = RunFolder::all(module);
        REQUIRE(all.size() == 2);
        CHECK(all[0].folder == "runs/m-2");
        CHECK(all[1].folder == "runs/m");
        CHECK(RunFolder::newest(module).empty());  // no checkpoint yet
    }
    fs::current_path(before);
}

TEST_CASE("a run that never began leaves no folder behind") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", kVae, {"count=8"});
    const Trained trained = train(path, in(folder / "run"));
    CHECK(trained.end == runtime::TrainEnd::kNotStarted);
    CHECK(contains(trained.errors, "fewer than one batch"));
    CHECK_FALSE(fs::exists(folder / "run"));
}

TEST_CASE("what keeps a run from its first step is told before contractions are measured") {
    const TemporaryFolder folder;
    const std::string run = folder / "run";
    const auto refuse = [&](const std::string& path, const std::string& why,
                            const runtime::TrainOptions& asked) {
        runtime::TuningCache cache(folder / "tuning.json", runtime::tuning_machine());
        runtime::TrainOptions options = asked;
        options.tuning = &cache;
        const Trained trained = train(path, options);
        INFO(trained.errors);
        CHECK(trained.end == runtime::TrainEnd::kNotStarted);
        CHECK(contains(trained.errors, why));
        CHECK(cache.measured() == 0);
        CHECK_FALSE(fs::exists(folder / "run"));
    };
    const std::string path = write_model(folder, "m", kVae, {"units=64"});
    refuse(write_model(folder, "few", kVae, {"units=64", "count=8"}), "fewer than one batch",
           in(run));
    std::string shared = kVae;
    shared.insert(shared.find("epochs:"), "validate: 0.001, ");
    refuse(write_model(folder, "share", shared, {"units=64"}), "leaves nothing to validate",
           in(run));
    std::string from_file = kVae;
    const std::string set =
        "{synthetic: {set: shapes, size: 8}, range: [0, 1], count: \"${count}\"}";
    from_file.replace(from_file.find(set), set.size(), "{npy: gone.npy, shape: [8, 8, 1]}");
    from_file.erase(from_file.find("count: 96, "), 11);
    refuse(write_model(folder, "gone", from_file, {"units=64"}), "gone.npy", in(run));
    runtime::TrainOptions begun = in(run);
    begun.init = folder / "none.safetensors";
    refuse(path, "none.safetensors", begun);

    runtime::TuningCache cache(folder / "tuning.json", runtime::tuning_machine());
    runtime::TrainOptions options = for_steps(in(run), 1);
    options.tuning = &cache;
    REQUIRE(train(path, options).end == runtime::TrainEnd::kDone);
    CHECK(cache.measured() > 0);
}

TEST_CASE("the end of training is counted in passes over the data, whatever a batch is") {
    const TemporaryFolder folder;
    const std::string b16 = write_model(folder, "b16", kVae);
    const std::string b32 = write_model(folder, "b32", kVae, {"batch=32"});
    const std::string half = write_model(folder, "half", kVae, {"count=48"});
    const std::string more = write_model(folder, "more", kVae, {"count=192"});
    const auto ends = [&](const std::string& begun, int64_t steps, const std::string& resumed) {
        fs::remove_all(folder / "run");
        REQUIRE(train(begun, for_steps(in(folder / "run"), steps)).end == runtime::TrainEnd::kDone);
        REQUIRE(train(resumed, resume(folder / "run")).end == runtime::TrainEnd::kDone);
        CHECK(said_by(folder / "run", "pass") == "8");
        CHECK(said_by(folder / "run", "example") == "0");
        return std::stoll(said_by(folder / "run", "step"));
    };
    CHECK(ends(b16, 24, b32) == 24 + 4 * 3);
    CHECK(ends(b32, 12, b16) == 12 + 4 * 6);
    CHECK(ends(b16, 20, b32) == 20 + 2 + 4 * 3);  // 32 of 96 examples are done: two batches more
    CHECK(ends(b16, 24, half) == 24 + 4 * 3);
    CHECK(ends(b16, 24, more) == 24 + 4 * 12);
    // The run keeps the model that it was last trained with.
    CHECK(bytes_of(folder / "run/model.gmc") == bytes_of(more));
}

TEST_CASE("a step that takes more batches than there are in an epoch is not done for each epoch") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", kCritic);
    REQUIRE(train(path, in(folder / "run")).end == runtime::TrainEnd::kDone);
    CHECK(said_by(folder / "run", "step") == "3");  // 9 passes of 2 batches; 6 batches a step
    CHECK(said_by(folder / "run", "pass") == "9");
}

TEST_CASE("a finished run stays as it is; more epochs go on with it, to the bit") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", kVae);
    REQUIRE(train(path, in(folder / "run")).end == runtime::TrainEnd::kDone);
    const std::string checkpoint = bytes_of(folder / "run/checkpoint.safetensors");
    REQUIRE(train(path, resume(folder / "run")).end == runtime::TrainEnd::kDone);
    CHECK(bytes_of(folder / "run/checkpoint.safetensors") == checkpoint);

    runtime::TrainOptions more = for_steps(resume(folder / "run"), 50);
    more.more_epochs = 2;
    REQUIRE(train(path, more).end == runtime::TrainEnd::kDone);
    CHECK(said_by(folder / "run", "step") == "50");
    // The run remembers how many epochs were asked for.
    REQUIRE(train(path, resume(folder / "run")).end == runtime::TrainEnd::kDone);
    runtime::TrainOptions ten = in(folder / "ten");
    ten.epochs = 10;
    REQUIRE(train(path, ten).end == runtime::TrainEnd::kDone);
    CHECK(bytes_of(folder / "run/checkpoint.safetensors") ==
          bytes_of(folder / "ten/checkpoint.safetensors"));
}

TEST_CASE("the end that was asked for is known from the moment that a command is accepted") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", kVae);
    REQUIRE(train(path, for_steps(in(folder / "run"), 12)).end == runtime::TrainEnd::kDone);
    const std::string record = bytes_of(folder / "run/run.json");
    const auto opened_and_killed = [&](const runtime::TrainOptions& options) {
        const auto model = load(path);
        Diagnostics diagnostics;
        runtime::OpenedRun run(*model, options, diagnostics);
        CHECK(run.open());
        run.has_changed();  // nobody puts back what a killed process leaves
    };
    runtime::TrainOptions more = resume(folder / "run");
    more.more_epochs = 2;
    const std::string other = write_model(folder, "other", kVae, {"data.image.range=[0, 2]"});
    const Trained refused = train(other, more);
    CHECK(refused.end == runtime::TrainEnd::kNotStarted);
    CHECK(contains(refused.errors, "other data"));
    CHECK(bytes_of(folder / "run/run.json") == record);

    opened_and_killed(more);
    REQUIRE(train(path, resume(folder / "run")).end == runtime::TrainEnd::kDone);
    CHECK(said_by(folder / "run", "pass") == "10");
    runtime::TrainOptions twelve = resume(folder / "run");
    twelve.epochs = 12;
    opened_and_killed(twelve);
    REQUIRE(train(path, resume(folder / "run")).end == runtime::TrainEnd::kDone);
    CHECK(said_by(folder / "run", "pass") == "12");
}

TEST_CASE("a run has one seed") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", kVae);
    REQUIRE(train(path, for_steps(in(folder / "run"), 2)).end == runtime::TrainEnd::kDone);
    runtime::TrainOptions other = resume(folder / "run");
    other.seed = 77;
    const Trained refused = train(path, other);
    CHECK(refused.end == runtime::TrainEnd::kNotStarted);
    CHECK(contains(refused.errors, "has seed 1, so it cannot go on with seed 77"));
    other.seed = 1;
    CHECK(train(path, other).end == runtime::TrainEnd::kDone);
}

TEST_CASE("no state that gives infinite losses becomes a checkpoint") {
    const TemporaryFolder folder;
    const std::string base =
        "model: m\n"
        "data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: 16}}\n"
        "networks: {net: {inputs: {x: data.image}, layers: [flatten, {dense: 64}, {reshape: "
        "[8, 8, 1]}]}}\n";
    // The first loss is finite; the update after it makes the weights infinite, or so large that
    // the next loss is infinite.
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"100 * mean(sum((net(image) - image)^2))", "1e38"},
        {"mean(sum((net(image) - image)^2))", "1e25"}};
    for (const auto& [loss, rate] : cases) {
        INFO(loss);
        fs::remove_all(folder / "run");
        const std::string path =
            write_model(folder, "m",
                        base + "objective: {minimize: [{networks: net, loss: \"" + loss +
                            "\"}]}\ntrain: {batch_size: 16, epochs: 1, optimizer: {sgd: "
                            "{learning_rate: " +
                            rate + "}}}\n");
        const Trained trained = train(path, in(folder / "run"));
        CHECK(trained.end == runtime::TrainEnd::kDiverged);
        CHECK(contains(trained.errors, "not finite"));
        CHECK_FALSE(fs::exists(folder / "run/checkpoint.safetensors"));
    }
    // Twenty good epochs of one step, then an update of 1e27; the state before that is kept.
    const std::string late = write_model(
        folder, "late",
        base +
            "objective: {minimize: [{networks: net, loss: \"mean(sum((net(image) - image)^2)) + "
            "(step > 19) * 1e30 * mean(sum(net(image)))\"}]}\n"
            "train: {batch_size: 16, epochs: 40, optimizer: {sgd: {learning_rate: 1e-3}}}\n");
    const Trained trained = train(late, in(folder / "late"));
    CHECK(trained.end == runtime::TrainEnd::kDiverged);
    CHECK(contains(trained.errors, "the last good state, of step 20, is kept"));
    CHECK(said_by(folder / "late", "step") == "20");
    const Trained resumed = train(late, for_steps(resume(folder / "late"), 20));
    CHECK(resumed.end == runtime::TrainEnd::kDone);
}

TEST_CASE("a resumed run takes the contractions it was begun with, whatever is known by then") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", kVae, {"units=64"});
    const std::string machine = runtime::tuning_machine();
    {
        runtime::TuningCache cache(folder / "tuning.json", machine);
        runtime::TrainOptions options = for_steps(in(folder / "run"), 5);
        options.tuning = &cache;
        REQUIRE(train(path, options).end == runtime::TrainEnd::kDone);
        CHECK_FALSE(cache.used().empty());
    }
    Diagnostics diagnostics;
    const auto begun = runtime::read_run_record(folder / "run/run.json", diagnostics);
    REQUIRE(begun.ok());
    CHECK(begun->tuned);
    REQUIRE_FALSE(begun->contractions.empty());
    {
        // One cache that knows nothing, and one that says `plain` for everything.
        runtime::TuningCache cache(folder / "other.json", machine);
        for (const auto& [problem, choice] : begun->contractions)
            cache.record(problem, {"plain", {}});
        runtime::TrainOptions options = for_steps(resume(folder / "run"), 10);
        options.tuning = &cache;
        REQUIRE(train(path, options).end == runtime::TrainEnd::kDone);
        // Functions that are bound later, as for samples, add choices of their own.
        for (const auto& [problem, choice] : begun->contractions) {
            INFO(problem);
            REQUIRE(cache.used().count(problem) == 1);
            CHECK(cache.used().at(problem) == choice);
        }
    }
    // Also without any cache.
    REQUIRE(train(path, for_steps(resume(folder / "run"), 15)).end == runtime::TrainEnd::kDone);
    const auto ended = runtime::read_run_record(folder / "run/run.json", diagnostics);
    REQUIRE(ended.ok());
    for (const auto& [problem, choice] : begun->contractions) {
        INFO(problem);
        CHECK(ended->contractions.at(problem) == choice);
    }
}

TEST_CASE("weights of another run begin a new one, as far as they fit") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", kVae);
    const std::string wide = write_model(folder, "wide", kVae, {"units=9"});
    REQUIRE(train(path, in(folder / "run")).end == runtime::TrainEnd::kDone);
    Diagnostics diagnostics;
    auto model = runtime::LoadedModel::load(wide, diagnostics);
    REQUIRE(model.ok());
    const auto taken =
        runtime::take_weights(folder / "run", "keras", (*model)->states(), diagnostics);
    REQUIRE(taken.ok());
    CHECK(taken->fresh.empty());
    CHECK_FALSE(taken->taken.empty());
    CHECK_FALSE(taken->skipped.empty());  // the layers beside the wider one
    runtime::TrainOptions options = for_steps(in(folder / "tuned"), 1);
    options.init = folder / "run/checkpoint.safetensors";
    REQUIRE(train(wide, options).end == runtime::TrainEnd::kDone);
    CHECK(said_by(folder / "tuned", "step") == "1");

    std::ofstream(folder / "none") << "no checkpoint";
    options = in(folder / "other");
    options.init = folder / "none";
    CHECK(train(wide, options).end == runtime::TrainEnd::kNotStarted);
}

}  // namespace
}  // namespace gmc

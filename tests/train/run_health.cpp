// What a run does when it goes wrong: it goes back after divergence, finds the operation that was
// at fault, and tells signs of trouble.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include "compiler/ir/artefact.h"
#include "runtime/doctor/first_not_finite.h"
#include "runtime/run/replay.h"
#include "runtime/run/signs.h"
#include "tests/compile_model.h"
#include "tests/train/watched_run.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;

using Signs = std::vector<runtime::Sign>;

bool has_sign(const std::vector<runtime::Sign>& signs, const std::string& name) {
    for (const runtime::Sign& sign : signs)
        if (sign.name == name) return !sign.text.empty();
    return false;
}

TEST_CASE("after divergence training goes back and on, so often and no oftener") {
    const TemporaryFolder folder;
    const auto spike = [](const char* when) {
        return std::string(kError) + " + (" + when + ") * 1e30 * mean(sum(net(image)))";
    };
    const std::string sgd = "epochs: 12, optimizer: {sgd: {learning_rate: 1e-3}}";
    std::vector<std::string> replays;
    runtime::TrainOptions options;
    options.on_diverged = [&](const runtime::BadStep& step) { replays.push_back(step.file); };
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
    options.on_diverged = [&](const runtime::BadStep& step) { replay_file = step.file; };
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
    runtime::SignCounters signs;
    for (int step = 0; step < 100; ++step)
        runtime::count_figures(
            {{"real_probability", 0.999}, {"fake_probability", 0.001}, {"loss", 5.0 - step}},
            signs);
    auto found = runtime::figure_signs(signs);
    CHECK(has_sign(found, "discriminator_wins"));
    CHECK_FALSE(has_sign(found, "oscillation"));
    for (int step = 0; step < 200; ++step)
        runtime::count_figures({{"real_probability", 0.7},
                                {"fake_probability", 0.3},
                                {"loss", 5.0 + (step % 2 == 0 ? 1 : -1)}},
                               signs);
    found = runtime::figure_signs(signs);
    CHECK_FALSE(has_sign(found, "discriminator_wins"));
    CHECK(has_sign(found, "oscillation"));
    const auto signs_of_loss = [](const std::string& name, const std::vector<double>& epochs) {
        runtime::SignCounters losses;
        Signs last;
        for (const double value : epochs) {
            for (int step = 0; step < 40; ++step)
                runtime::count_figures({{name, value}, {"generator_loss", 1.0}}, losses);
            last = runtime::figure_signs(losses);
        }
        return last;
    };
    for (const double scale : {1.0, 0.001})  // least squares and hinges have no probabilities
        for (const char* name :
             {"discriminator_loss", "disc_loss", "image_d_loss", "discriminator_2_loss"}) {
            CHECK_FALSE(has_sign(signs_of_loss(name, {scale}), "discriminator_wins"));
            CHECK_FALSE(has_sign(signs_of_loss(name, {scale, 0.2 * scale}), "discriminator_wins"));
            CHECK(has_sign(signs_of_loss(name, {scale, 0.009 * scale}), "discriminator_wins"));
            CHECK_FALSE(has_sign(signs_of_loss(name, {scale, -scale, 0}), "discriminator_wins"));
        }
    CHECK_FALSE(has_sign(signs_of_loss("critic_loss", {1, 0}), "discriminator_wins"));
    runtime::SignCounters few;  // epochs of 4 steps, one of which in 10 is not so good
    for (int step = 0; step < 400; ++step) {
        runtime::count_figures({{"discriminator_loss", step == 0        ? 1.0
                                                       : step % 40 == 1 ? 0.06
                                                                        : 0.005}},
                               few);
        if (step % 4 != 3) continue;
        found = runtime::figure_signs(few);
        CHECK((step < 64 || has_sign(found, "discriminator_wins")));
    }
    runtime::SignCounters game;  // a correlation of -0.96, as when networks answer each other
    for (int step = 0; step < 200; ++step)
        runtime::count_figures(
            {{"a_loss", (step % 2 == 0 ? 1 : -1) + 0.5 * std::sin(12.9898 * step * step)},
             {"b_loss", step % 2 == 0 ? 2.0 : 1.0}},
            game);
    found = runtime::figure_signs(game);
    CHECK(found.size() == 1);
    CHECK((found.size() == 1 && found[0].subject == "b_loss"));
    for (int step = 0; step < 200; ++step)  // as losses of batches are
        runtime::count_figures({{"loss", 5.0 + std::sin(12.9898 * step * step)}}, signs);
    CHECK(runtime::figure_signs(signs).empty());
}

/// Whether a loss of these values shows, after the second epoch of 40 steps, that it has exploded.
bool shows_explosion(const std::string& name, const std::function<double(int)>& value,
                     const runtime::ChangingLosses& changing = {}) {
    runtime::SignCounters counters;
    bool shows = false;
    for (int step = 0; step < 80; ++step) {
        runtime::count_figures({{name, value(step)}, {"b_loss", 1.0}}, counters);
        counters = runtime::SignCounters::from_text(counters.to_text());
        if (step % 40 == 39)
            shows = has_sign(runtime::figure_signs(counters, changing), "exploding_loss");
    }
    return shows;
}

TEST_CASE("a loss that explodes in the run's first steps is told by that of the very first") {
    const auto jump = [](double from, double to) {
        return [from, to](int step) { return step == 0 ? from : to; };
    };
    CHECK(shows_explosion("loss", jump(10, 1e4)));
    CHECK(shows_explosion("loss", [](int step) { return step < 35 ? 10 : 5e3; }));
    CHECK_FALSE(shows_explosion("loss", jump(10, 900)));
    CHECK_FALSE(shows_explosion("loss", jump(1e6, 1e7)));
    CHECK_FALSE(shows_explosion("loss", jump(0.01, 90)));  // near 0 by chance
    CHECK_FALSE(shows_explosion("loss", jump(0, 1e4)));
    CHECK_FALSE(shows_explosion("loss", [](int step) { return step % 20 == 1 ? 1e6 : 10; }));
    CHECK(shows_explosion("loss", jump(0.01, 1e4)));
    CHECK_FALSE(shows_explosion("loss", jump(0.01, 1e4), {.scheduled = {"loss"}}));
    CHECK_FALSE(shows_explosion("loss", jump(0.01, 1e4), {.of_few = true}));
    CHECK(shows_explosion("loss", jump(0.01, 2e5), {.of_few = true}));
    CHECK_FALSE(shows_explosion("loss", jump(-0.01, -9e4)));  // of densities, or energies
    CHECK(shows_explosion("loss", jump(-0.01, -2e5)));
    CHECK_FALSE(shows_explosion("a_loss", jump(0.001, 9e4)));  // of a game
    CHECK(shows_explosion("a_loss", jump(0.001, 2e5)));
    CHECK(shows_explosion("a_loss", jump(4e4, 5e6)));  // another loss was 1
    CHECK_FALSE(shows_explosion("a_loss", jump(4e5, 3e6)));
    CHECK_FALSE(shows_explosion("kl_loss", jump(0.001, 5e4)));
}

TEST_CASE("a metric that is called a loss makes no game of a model with one loss") {
    runtime::SignCounters counters;
    for (int step = 0; step < 200; ++step)
        runtime::count_figures({{"loss", 5.0 + (step % 2 == 0 ? 1 : -1) + 0.4 * std::sin(step)},
                                {"kl_loss", step % 2 == 0 ? 1.0 : 2.0}},
                               counters);
    const auto found = runtime::figure_signs(counters);
    REQUIRE(found.size() == 1);
    CHECK(found[0].name == "oscillation");
    CHECK(found[0].subject == "loss");
    CHECK(found[0].number > -0.98);
}

TEST_CASE("losses that a schedule has part in are known, and learning rates are no part of them") {
    const TemporaryFolder folder;
    const auto scheduled = [&](const std::string& loss) {
        const auto model = load(write_model(
            folder,
            copier(loss, "epochs: 1, optimizer: {adam: {learning_rate: 1e-3 / (1 + step)}}")));
        return runtime::changing_losses(model->module()).scheduled;
    };
    CHECK(scheduled(kError).empty());
    CHECK(scheduled(std::string("min(1, step / 100) * ") + kError).count("loss") == 1);
    CHECK(scheduled(std::string("epoch * ") + kError).count("loss") == 1);
    const auto game = load([&] {
        Diagnostics lost;
        REQUIRE(ir::write_file(folder / "g.gmc",
                               ir::artefact_text(compile_without_data("seed_gan", 8)), lost));
        return folder / "g.gmc";
    }());
    CHECK(runtime::changing_losses(game->module()).scheduled.empty());
}

TEST_CASE("a loss with a term in every second step does not oscillate") {
    const TemporaryFolder folder;
    const auto model = load(write_model(
        folder, copier(std::string(kError) + " + every(mean(sum(net(image)^2)), 2)", "epochs: 1")));
    const runtime::ChangingLosses changing = runtime::changing_losses(model->module());
    CHECK(changing.alternating.count("loss") == 1);
    runtime::SignCounters counters;
    for (int step = 0; step < 200; ++step)
        runtime::count_figures({{"loss", step % 2 == 0 ? 2.0 : 1.0}}, counters);
    runtime::SignCounters same = runtime::SignCounters::from_text(counters.to_text());
    CHECK(same.to_text() == counters.to_text());
    CHECK(has_sign(runtime::figure_signs(same), "oscillation"));
    CHECK(runtime::figure_signs(counters, changing).empty());
    const auto plain = load(write_model(folder, copier(kError, "epochs: 1")));
    CHECK(runtime::changing_losses(plain->module()).alternating.empty());
}

TEST_CASE("a sign is told in the second epoch that shows it, and once") {
    runtime::SignCounters counters;
    int64_t step = 0;
    const auto news = [&](const Signs& shown) {  // of the next epoch of 40 steps
        counters = runtime::SignCounters::from_text(counters.to_text());
        return runtime::news_of(shown, step += 40, counters);
    };
    const runtime::Sign dead{"dead_units", 0.6, "", "a.weight"}, other{"dead_units", 0.6, "", "b"};
    CHECK(news({dead}).empty());
    CHECK(news({dead, other}).size() == 1);
    CHECK(news({dead}).empty());
    CHECK(news({}).empty());
    CHECK(news({dead, other}).empty());
    CHECK(news({dead, other}).size() == 1);  // the first was not gone for long
    CHECK(news({other}).empty());
    CHECK(news({other}).empty());
    const auto over = news({other});
    REQUIRE(over.size() == 1);
    CHECK(over[0].is_over);
    CHECK(over[0].name == "dead_units");
    CHECK(over[0].text == "the sign of `a.weight` is gone: no epoch has shown it since step 240");
    CHECK(news({dead, other}).empty());
    CHECK(news({dead, other}).size() == 1);
}

TEST_CASE("a sign that was told is gone when its number is well past the limit, and says it") {
    const auto sign = [](runtime::Shown shown, const std::string& measure,
                         const runtime::ToldSigns& told) {
        Signs signs;
        runtime::add_sign(signs, told, shown, {"mode_collapse", 0.01, "told"}, measure);
        return signs;
    };
    runtime::SignCounters counters;
    int64_t step = 0;
    const auto news = [&](runtime::Shown shown, const std::string& measure) {
        return runtime::news_of(sign(shown, measure, runtime::told_signs(counters)), step += 100,
                                counters);
    };
    using runtime::Shown;
    for (int epoch = 0; epoch < 3; ++epoch) CHECK(news(Shown::kBarely, "0.07").empty());
    CHECK(counters.shown.empty());
    CHECK(news(Shown::kYes, "").empty());
    CHECK(news(Shown::kYes, "").size() == 1);
    for (int epoch = 0; epoch < 9; ++epoch) CHECK(news(Shown::kBarely, "0.07").empty());
    CHECK(news(Shown::kNo, "0.3").empty());
    CHECK(news(Shown::kBarely, "0.07").empty());
    CHECK(news(Shown::kNo, "0.3").empty());
    const auto over = news(Shown::kNo, "0.4");
    REQUIRE(over.size() == 1);
    CHECK(over[0].text == "the sign is gone: no epoch has shown it since step 1600; 0.4");
    CHECK(runtime::lines_of(over[0], 18, 20) ==
          std::vector<std::string>{"epoch 18/20  mode_collapse: " + over[0].text});
    CHECK(runtime::lines_of(sign(Shown::kYes, "", {})[0], 5, 20).size() == 2);
}

/// What an epoch of these figures shows of a sign that was told; checks that it shows as much of
/// one that was not, where it is to be told. In the first step the figure `of` is 1.
runtime::Shown shown_of_told(const std::string& name, const std::string& of,
                             const std::vector<std::pair<std::string, double>>& figures) {
    std::map<bool, Signs> signs;
    for (const bool is_told : {false, true}) {
        runtime::SignCounters counters;
        if (is_told) counters.shown[{name, of}] = {.epochs = 2, .is_told = true};
        for (int step = 0; step < 128; ++step) {
            std::vector<runtime::StepRunner::Named> values;
            for (const auto& [figure, value] : figures)
                values.push_back({figure, figure == of && step == 0 ? 1.0 : value});
            runtime::count_figures(values, counters);
        }
        signs[is_told] = runtime::figure_signs(counters);
    }
    REQUIRE(signs[true].size() == 1);
    CHECK(has_sign(signs[true], name));
    CHECK(has_sign(signs[false], name) == (signs[true][0].shown == runtime::Shown::kYes));
    return signs[true][0].shown;
}

TEST_CASE("figures between the limit and twice as good a one keep a sign that was told") {
    using runtime::Shown;
    const auto certain = [](double real) {
        return shown_of_told("discriminator_wins", "discriminator_loss",
                             {{"real_probability", real}, {"fake_probability", 1 - real}});
    };
    CHECK(certain(0.996) == Shown::kYes);
    CHECK(certain(0.992) == Shown::kBarely);
    CHECK(certain(0.98) == Shown::kNo);
    const auto loss = [](double value) {
        return shown_of_told("discriminator_wins", "d_loss", {{"d_loss", value}, {"g_loss", 1.0}});
    };
    CHECK(loss(0.001) == Shown::kYes);
    CHECK(loss(0.009) == Shown::kBarely);  // with the first step, 0.0167 on average
    CHECK(loss(0.03) == Shown::kNo);
    const auto large = [](double value) {
        return shown_of_told("exploding_loss", "loss", {{"loss", value}});
    };
    CHECK(large(200) == Shown::kYes);
    CHECK(large(70) == Shown::kBarely);
    CHECK(large(20) == Shown::kNo);
}

TEST_CASE("a sign that beginners show is told when it has lasted, and did not get better") {
    for (const double growth : {1.0, 1.05, 1.2}) {
        runtime::SignCounters counters;
        runtime::Sign sign{"mode_collapse", 0.001, "", "", 500, 0.1};
        std::vector<int64_t> told;
        for (int64_t step = 4; step <= 2000; step += 4) {
            if (step % 200 == 0) sign.number *= growth;
            if (!runtime::news_of({sign}, step, counters).empty()) told.push_back(step);
        }
        CAPTURE(growth);
        CHECK(told == (growth == 1.0 ? std::vector<int64_t>{500} : std::vector<int64_t>{}));
    }
    runtime::SignCounters counters;  // epochs of more steps than that
    const runtime::Sign sign{"mode_collapse", 0.001, "", "", 500, 0.1};
    CHECK(runtime::news_of({sign}, 1000, counters).empty());
    CHECK(runtime::news_of({sign}, 2000, counters).size() == 1);
}

/// Of 32 units, 12 and then 2 stand still since `before`, which is what `move` leaves.
void check_what_keeps_dead_units(const runtime::StateStore& states, runtime::KeptWeights& before,
                                 const std::function<void(const std::string&, int64_t)>& move) {
    const std::string weight = "net.dense.weight";
    for (const int64_t moving : {20, 30}) {
        move(weight, moving);
        move("net.dense_1.weight", 64);
        const Signs told = runtime::weight_signs(states, before, {}, {{"dead_units", weight}});
        CHECK(runtime::weight_signs(states, before).empty());
        REQUIRE(told.size() == 1);
        CHECK(told[0].shown == (moving == 20 ? runtime::Shown::kBarely : runtime::Shown::kNo));
        CHECK(told[0].text.ends_with("have not moved in this epoch"));
        before = runtime::keep_weights(states);
    }
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
        "train: {batch_size: 16, optimizer: {sgd: {clip_weights: 1}}}\n"));
    Diagnostics diagnostics;
    runtime::StateStore& states = model->states();
    REQUIRE(states.initialise(1, diagnostics));
    runtime::KeptWeights before = runtime::keep_weights(states);
    const auto signs_since = [&] {
        auto signs = runtime::weight_signs(states, before);
        before = runtime::keep_weights(states);
        return signs;
    };
    const auto move = [&](const std::string& name, int64_t units_that_move) {
        const ir::StateId id = model->module().find_state(name);
        REQUIRE(id != ir::kNone);
        const int64_t units = states.state(id).type.shape.back();
        for (int64_t i = 0; i < states.elements(id); ++i)
            if (i % units < units_that_move) states.data(id)[i] += 0.1F;
    };
    move("net.dense.weight", 32);
    move("net.dense_1.weight", 64);
    CHECK(signs_since().empty());
    move("net.dense.weight", 8);  // 24 of 32 stand still
    move("net.dense_1.weight", 64);
    auto found = signs_since();
    CHECK(has_sign(found, "dead_units"));
    CHECK(
        found[0].text ==
        "75 % of the units of `net.dense.weight` have not moved in this epoch: they give the same "
        "for every example, or nothing reads them");
    CHECK_FALSE(has_sign(found, "vanishing_gradient"));
    check_what_keeps_dead_units(states, before, move);
    move("net.dense_1.weight", 64);
    found = signs_since();
    CHECK(has_sign(found, "vanishing_gradient"));
    CHECK_FALSE(has_sign(found, "dead_units"));
    const ir::StateId first = model->module().find_state("net.dense.weight");
    for (int64_t i = 0; i < states.elements(first); ++i)
        states.data(first)[i] *= 0.99F;  // as weight decay does
    move("net.dense_1.weight", 64);
    CHECK(has_sign(signs_since(), "vanishing_gradient"));

    for (int64_t i = 0; i < states.elements(first); ++i)
        states.data(first)[i] = i % 2 == 0 ? 1.0F : -1.0F;  // where clip_weights holds them
    before = runtime::keep_weights(states);
    move("net.dense_1.weight", 64);
    CHECK(signs_since().empty());

    const auto codes = load([&] {
        Diagnostics lost;
        const ir::Module module = compile_without_data("vq_vae", 8);
        REQUIRE(ir::write_file(folder / "vq.gmc", ir::artefact_text(module), lost));
        return folder / "vq.gmc";
    }());
    REQUIRE(codes->states().initialise(1, diagnostics));
    const runtime::KeptWeights code_before = runtime::keep_weights(codes->states());
    for (ir::StateId id = 0; id < codes->states().saved_count(); ++id)
        if (codes->states().state(id).name.ends_with(".codebook")) codes->states().data(id)[0] += 1;
    CHECK(has_sign(runtime::weight_signs(codes->states(), code_before), "dead_codes"));
}

/// The signs of a model's samples, with the weights that `change` leaves.
std::vector<runtime::Sign> signs_of_samples(const std::string& text, bool zero_weights,
                                            const runtime::ToldSigns& told = {}) {
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
    bool was_diverse = false;
    const auto signs = runtime::sample_signs(*model, **loader, 1, was_diverse, diagnostics, told);
    INFO(diagnostics.render());
    REQUIRE(signs.ok());
    return *signs;
}

TEST_CASE("a generator that has just begun to learn has not collapsed") {
    const TemporaryFolder folder;
    const Watched trained = train_watched(
        folder,
        write_model(
            folder,
            "model: m\n"
            "data: {image: {synthetic: {set: shapes, size: 16}, range: [-1, 1], count: 64}}\n"
            "networks:\n"
            "  generator: {role: generator, inputs: {z: [8]}, layers: [{dense: 256}, {reshape: [4, "
            "4, "
            "16]}, batch_norm, relu, {conv2d_transpose: {filters: 8, kernel: 4, stride: 2}}, "
            "batch_norm, relu, {conv2d_transpose: {filters: 1, kernel: 4, stride: 2}}, tanh]}\n"
            "  discriminator: {role: discriminator, inputs: {x: data.image}, layers: [{conv2d: "
            "{filters: 8, kernel: 4, stride: 2}}, leaky_relu, flatten, {dense: 1}]}\n"
            "objective: {recipe: gan}\n"
            "train: {batch_size: 16, epochs: 100, optimizer: {adam: {learning_rate: 2e-4}}}\n"));
    INFO(trained.errors);
    REQUIRE(trained.end == runtime::TrainEnd::kDone);
    CHECK(lines_with(trained, "sign") == 0);
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
    for (const auto& [text, name] :
         {std::pair(gan, "mode_collapse"), std::pair(vae, "posterior_collapse")}) {
        const Signs gone = signs_of_samples(text, false, {{name, ""}});
        REQUIRE(gone.size() == 1);
        CHECK(gone[0].shown == runtime::Shown::kNo);
    }
}

}  // namespace
}  // namespace gmc

// Runs three steps of each optimizer and compares them with the formulas of the papers in double.
#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "runtime/program/executable.h"
#include "tests/compile_model.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc {
namespace {

using Numbers = std::vector<double>;
using runtime::Executable;

/// One dense layer of 2 x 2 weights and 2 biases, applied to ones.
std::string model_text(const std::string& loss, const std::string& entry,
                       const std::string& functions, const std::string& objective) {
    return "model: t\ndata: {image: {synthetic: shapes}}\nnetworks:\n"
           "  net: {inputs: {x: [2]}, layers: [dense: 2]}\n"
           "objective:\n  let: {x: normal(net), all_ones: 0 * x + 1, y: net(all_ones)}\n"
           "  minimize: {networks: net, loss: '" +
           loss + "', " + entry + "}\n  functions: {" + functions + "}\n" + objective +
           "train: {batch_size: 2}\n";
}

/// Its gradient with respect to weight [i, j] and to bias j is y_j - 3.
constexpr const char* kSquares = "0.5 * mean(sum((y - 3)^2))";
/// Always zero, and so is its gradient, but the compiler cannot know that.
constexpr const char* kFlat = "mean(sum((y - stop_gradient(y))^2))";

/// A compiled model and its states, initialised with seed 1.
struct TrainedByRule {
    explicit TrainedByRule(const std::string& loss, const std::string& entry,
                           const std::string& functions = "f(x): net(x)",
                           const std::string& objective = "")
        : module(compile_file(folder.write("t.yaml", model_text(loss, entry, functions, objective)),
                              {})),
          states(module),
          arena(std::make_shared<runtime::Arena>(module)) {
        Diagnostics diagnostics;
        REQUIRE(states.initialise(1, diagnostics));
    }

    Executable function(const std::string& name) {
        Diagnostics diagnostics;
        auto made =
            Executable::make(module, *module.find_function(name), states, arena, {}, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(made.ok());
        return made.take();
    }

    void step(int64_t step) { call("step", step); }

    /// A function of training step number `step`; four steps are an epoch.
    Executable call(const std::string& name, int64_t step) {
        Executable f = function(name);
        f.run({1, static_cast<uint32_t>(step), static_cast<double>(step),
               static_cast<double>(step) / 4});
        return f;
    }

    Numbers state(const std::string& name) const {
        const ir::StateId id = module.find_state(name);
        REQUIRE(id != ir::kNone);
        return {states.data(id), states.data(id) + states.elements(id)};
    }
    /// Weights and biases: [w00, w01, w10, w11, b0, b1].
    Numbers parameters(const std::string& prefix = "") const {
        Numbers all = state(prefix + "net.dense.weight");
        const Numbers bias = state(prefix + "net.dense.bias");
        all.insert(all.end(), bias.begin(), bias.end());
        return all;
    }

    runtime::TempFolder folder;
    ir::Module module;
    runtime::StateStore states;
    std::shared_ptr<runtime::Arena> arena;
};

Numbers gradient_of_squares(const Numbers& p) {
    const double d0 = p[0] + p[2] + p[4] - 3, d1 = p[1] + p[3] + p[5] - 3;
    return {d0, d1, d0, d1, d0, d1};
}

/// One step of a rule; t counts from 1.
using Rule = std::function<void(Numbers& p, Numbers g, int t)>;

void check_rule(const std::string& optimizer, const Rule& rule) {
    INFO(optimizer);
    TrainedByRule model(kSquares, "optimizer: " + optimizer);
    Numbers p = model.parameters();
    for (int t = 1; t <= 3; ++t) {
        model.step(t - 1);
        rule(p, gradient_of_squares(p), t);
        const Numbers found = model.parameters();
        for (size_t i = 0; i < p.size(); ++i) {
            INFO("step " << t << ", element " << i);
            CHECK(found[i] == Approx(p[i]).epsilon(2e-6).margin(5e-7));
        }
    }
}

/// Kingma and Ba 2015, algorithm 1; before each update weights shrink by the share rate * decay.
Rule adam(double rate, double beta_1, double beta_2, double decay) {
    Numbers m(6, 0), v(6, 0);
    return [=](Numbers& p, const Numbers& g, int t) mutable {
        for (size_t i = 0; i < 6; ++i) {
            m[i] = beta_1 * m[i] + (1 - beta_1) * g[i];
            v[i] = beta_2 * v[i] + (1 - beta_2) * g[i] * g[i];
            const double m_hat = m[i] / (1 - std::pow(beta_1, t));
            const double v_hat = v[i] / (1 - std::pow(beta_2, t));
            p[i] = (1 - rate * decay) * p[i] - rate * m_hat / (std::sqrt(v_hat) + 1e-7);
        }
    };
}

Rule rmsprop(double rho, double momentum, double epsilon, bool centered) {
    Numbers square(6, 0), mean(6, 0), move(6, 0);
    return [=](Numbers& p, const Numbers& g, int) mutable {
        for (size_t i = 0; i < 6; ++i) {
            square[i] = rho * square[i] + (1 - rho) * g[i] * g[i];
            mean[i] = rho * mean[i] + (1 - rho) * g[i];
            const double variance = square[i] - (centered ? mean[i] * mean[i] : 0);
            move[i] = momentum * move[i] + 0.01 * g[i] / std::sqrt(variance + epsilon);
            p[i] -= move[i];
        }
    };
}

/// Gradient descent with rate 0.1, where `change` is applied to the gradient first.
Rule descent_of(std::function<void(Numbers&)> change) {
    return [=](Numbers& p, Numbers g, int) {
        change(g);
        for (size_t i = 0; i < 6; ++i) p[i] -= 0.1 * g[i];
    };
}

double norm(const Numbers& g, size_t from, size_t to) {
    double sum = 0;
    for (size_t i = from; i < to; ++i) sum += g[i] * g[i];
    return std::sqrt(sum);
}

}  // namespace

TEST_CASE("adam and adamw: the moments of the paper, and weights that decay by themselves") {
    check_rule("{adam: {learning_rate: 0.1}}", adam(0.1, 0.9, 0.999, 0));
    check_rule("{adam: {learning_rate: 0.1, beta_1: 0.5, weight_decay: 0.2}}",
               adam(0.1, 0.5, 0.999, 0.2));
    check_rule("{adamw: {learning_rate: 0.1}}", adam(0.1, 0.9, 0.999, 0.004));
    check_rule("{adamw: {learning_rate: 0.05, beta_2: 0.9, weight_decay: 1}}",
               adam(0.05, 0.9, 0.9, 1));
}

TEST_CASE("lion: steps of one size, by the sign of a mean between gradient and momentum") {
    const auto lion = [](double rate, double beta_1, double beta_2, double decay) {
        Numbers m(6, 0);
        return [=](Numbers& p, const Numbers& g, int) mutable {
            for (size_t i = 0; i < 6; ++i) {
                const double c = beta_1 * m[i] + (1 - beta_1) * g[i];
                p[i] = p[i] * (1 - rate * decay) - rate * ((c > 0) - (c < 0));
                m[i] = beta_2 * m[i] + (1 - beta_2) * g[i];
            }
        };
    };
    check_rule("{lion: {}}", lion(1e-3, 0.9, 0.99, 0));
    check_rule("{lion: {learning_rate: 0.05, beta_1: 0.5, beta_2: 0.8, weight_decay: 0.5}}",
               lion(0.05, 0.5, 0.8, 0.5));
}

TEST_CASE("rmsprop: plain, with momentum, centered") {
    check_rule("{rmsprop: {learning_rate: 0.01}}", rmsprop(0.9, 0, 1e-7, false));
    check_rule("{rmsprop: {learning_rate: 0.01, rho: 0.5, momentum: 0.8, epsilon: 0.1}}",
               rmsprop(0.5, 0.8, 0.1, false));
    check_rule("{rmsprop: {learning_rate: 0.01, momentum: 0.8, epsilon: 0.01, centered: true}}",
               rmsprop(0.9, 0.8, 0.01, true));
}

TEST_CASE("sgd: momentum, Nesterov's, decay") {
    for (const bool nesterov : {false, true}) {
        Numbers v(6, 0);
        check_rule(std::string("{sgd: {learning_rate: 0.1, momentum: 0.9, weight_decay: 0.5, ") +
                       "nesterov: " + (nesterov ? "true" : "false") + "}}",
                   [=](Numbers& p, const Numbers& g, int) mutable {
                       for (size_t i = 0; i < 6; ++i) {
                           v[i] = 0.9 * v[i] - 0.1 * g[i];
                           p[i] =
                               p[i] * (1 - 0.1 * 0.5) + (nesterov ? 0.9 * v[i] - 0.1 * g[i] : v[i]);
                       }
                   });
    }
}

TEST_CASE("clipping: by value, by norm of a parameter, by norm of all, of weights") {
    check_rule("{sgd: {learning_rate: 0.1, clip_value: 1.5}}", descent_of([](Numbers& g) {
                   for (double& x : g) x = std::clamp(x, -1.5, 1.5);
               }));
    check_rule("{sgd: {learning_rate: 0.1, clip_norm: 2}}", descent_of([](Numbers& g) {
                   const double weight = norm(g, 0, 4), bias = norm(g, 4, 6);
                   for (size_t i = 0; i < 6; ++i)
                       g[i] *= std::min(1.0, 2 / (i < 4 ? weight : bias));
               }));
    check_rule("{sgd: {learning_rate: 0.1, global_clip_norm: 2}}", descent_of([](Numbers& g) {
                   const double all = norm(g, 0, 6);
                   for (double& x : g) x *= std::min(1.0, 2 / all);
               }));
    check_rule("{sgd: {learning_rate: 0.1, clip_norm: 1000}}", descent_of([](Numbers&) {}));
    check_rule("{sgd: {learning_rate: 0.1, clip_weights: 0.25}}",
               [](Numbers& p, const Numbers& g, int) {
                   for (size_t i = 0; i < 6; ++i) p[i] = std::clamp(p[i] - 0.1 * g[i], -0.25, 0.25);
               });
}

TEST_CASE("gradients of zero are clipped to zero, not to what is no number") {
    for (const char* keys : {"clip_norm: 1", "global_clip_norm: 1", "clip_value: 1",
                             "clip_norm: \"max(1 - step, 0)\""})
        for (const char* kind : {"sgd", "adam", "rmsprop"}) {
            INFO(kind << ", " << keys);
            TrainedByRule model(kFlat, std::string("optimizer: {") + kind + ": {" + keys + "}}");
            const Numbers before = model.parameters();
            for (int t = 0; t < 3; ++t) model.step(t);
            CHECK(model.parameters() == before);
        }
}

TEST_CASE("schedules: the rate of each step") {
    const auto check = [](const std::string& schedule, const std::function<double(int)>& rate) {
        check_rule("{sgd: {learning_rate: " + schedule + "}}",
                   [=](Numbers& p, const Numbers& g, int t) {
                       for (size_t i = 0; i < 6; ++i) p[i] -= rate(t - 1) * g[i];
                   });
    };
    check("{constant: 0.1}", [](int) { return 0.1; });
    check("{constant: {value: 0.1, warm_up: 2 steps}}",
          [](int step) { return 0.1 * std::min((step + 1) / 2.0, 1.0); });
    check("{step: {from: 0.1, factor: 0.5, every: 2 steps}}",
          [](int step) { return 0.1 * std::pow(0.5, step / 2); });
    check("{step: {from: 0.1, factor: 0.1, every: 0.25 epochs, warm_up: 0.5 epochs}}",
          [](int step) { return 0.1 * std::pow(0.1, step) * std::min(step / 4.0 / 0.5, 1.0); });
    check("{linear: {from: 0.2, to: 0.1, over: 2 steps, warm_up: 4 steps}}",
          [](int step) { return (0.2 - 0.05 * step) * (step + 1) / 4; });
    const auto half_cosine = [](double t) { return (1 - std::cos(3.141592653589793 * t)) / 2; };
    check("{one_cycle: {peak: 0.25, over: 5 steps}}", [=](int step) {
        // It rises until step 0.3 * 5 - 1 and falls until the last, step 4.
        return step <= 0.5 ? 0.01 + 0.24 * half_cosine(step / 0.5)
                           : 0.25 - (0.25 - 1e-6) * half_cosine((step - 0.5) / 3.5);
    });
    check("{cyclical: {to: 0.1, every: 3 steps, growing: 0.5, warm_up: 1 steps}}",
          [](int step) { return 0.1 * std::min(step % 3 / 1.5, 1.0); });
    check("{cosine: {from: 0.2, to: 0, over: 2 steps, warm_up: 1 steps}}",
          [](int step) { return 0.1 * (1 + std::cos(3.141592653589793 * step / 2)); });
}

TEST_CASE("averages start as their parameters and follow them, at first closely") {
    TrainedByRule model(kSquares, "average: 0.3, optimizer: {sgd: {learning_rate: 0.1}}");
    Numbers average = model.parameters();
    CHECK(model.parameters("average.") == average);
    for (int t = 0; t < 6; ++t) {
        model.step(t);
        const Numbers p = model.parameters(), found = model.parameters("average.");
        const double decay = std::min(0.3, (1.0 + t) / (10.0 + t));  // 0.3 from step 3 on
        for (size_t i = 0; i < 6; ++i) {
            average[i] = decay * average[i] + (1 - decay) * p[i];
            CHECK(found[i] == Approx(average[i]).epsilon(1e-6).margin(1e-7));
        }
        CHECK(p != found);
    }
}

TEST_CASE("the decay of an average can be a schedule") {
    TrainedByRule model(kSquares,
                        "average: 'min(0.5, step / 2)', optimizer: {sgd: {learning_rate: 0.1}}");
    model.step(0);  // decay 0: the average is the parameter
    const Numbers first = model.parameters();
    CHECK(model.parameters("average.") == first);
    model.step(1);
    const Numbers p = model.parameters(), average = model.parameters("average.");
    for (size_t i = 0; i < 6; ++i) CHECK(average[i] == Approx((first[i] + p[i]) / 2));
}

TEST_CASE("`averaged` reads the averages, and nothing that was computed without them") {
    TrainedByRule model(
        kSquares, "average: 0.9, optimizer: {sgd: {learning_rate: 0.1}}",
        "plain(x): net(x), smooth(x): averaged(net(x)), "
        "both(all_ones): {trained: y, mean: averaged(y), again: y, twice: averaged(averaged(y))}");
    for (int t = 0; t < 3; ++t) model.step(t);
    const Numbers x = {1, 2, 3, 4};
    const auto result = [&](const std::string& name, const std::string& part) {
        Executable f = model.function(name);
        std::copy(x.begin(), x.end(), f.input(size_t{0}));
        f.run({});
        const float* y = f.result(part);
        return Numbers(y, y + 4);
    };
    const auto expected = [](const Numbers& p, const Numbers& from) {
        Numbers y;
        for (size_t row : {0, 2})
            for (size_t j : {0, 1})
                y.push_back(from[row] * p[j] + from[row + 1] * p[2 + j] + p[4 + j]);
        return y;
    };
    const auto close = [](const Numbers& a, const Numbers& b) {
        for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).epsilon(1e-5));
    };
    const Numbers weights = model.parameters(), averages = model.parameters("average.");
    close(result("plain", "plain"), expected(weights, x));
    close(result("smooth", "smooth"), expected(averages, x));
    // Of `all_ones` the input is the noise that it is made of, whatever that is.
    const Numbers trained = expected(weights, {1, 1, 1, 1});
    const Numbers mean = expected(averages, {1, 1, 1, 1});
    CHECK(std::abs(trained[0] - mean[0]) > 0.05);
    close(result("both", "trained"), trained);
    close(result("both", "mean"), mean);
    close(result("both", "again"), trained);
    close(result("both", "twice"), mean);
}

TEST_CASE(
    "rate_factors: the longest name that fits a weight counts, in every rule and in its decay") {
    const auto check = [](const std::string& factors, double weight, double bias) {
        for (const std::string optimizer : {"sgd", "adam", "rmsprop", "lion"}) {
            INFO(optimizer << factors);
            const auto moved = [&](double rate, const std::string& more) {
                TrainedByRule model(kSquares, fmt::format("optimizer: {{{}: {{learning_rate: {}, "
                                                          "weight_decay: 0.5{}}}}}",
                                                          optimizer, rate, more));
                model.step(0);
                return model.parameters();
            };
            const Numbers found = moved(0.1, ", rate_factors: " + factors);
            const Numbers by_weight = moved(0.1 * weight, ""), by_bias = moved(0.1 * bias, "");
            for (size_t i = 0; i < 6; ++i)
                CHECK(found[i] == Approx((i < 4 ? by_weight : by_bias)[i]).epsilon(1e-6));
        }
    };
    check("{net: 0.5}", 0.5, 0.5);
    check("{net: 0.5, net.dense: 2}", 2, 2);
    check("{net.dense: 2, net: 0.5, net.dense.weight: 3}", 3, 2);
    check("{net.dense.bias: 0}", 1, 0);
    check("{net: {linear: {from: 0.25, to: 1, over: 3 steps}}}", 0.25, 0.25);
}

TEST_CASE("lookahead: every second update ends on the way from where the first of them began") {
    for (const double share : {0.5, 1.0, 0.0}) {
        Numbers slow;
        check_rule(
            fmt::format("{{sgd: {{learning_rate: 0.1, lookahead: {{every: 2, share: {}}}}}}}",
                        share),
            [=](Numbers& p, const Numbers& g, int t) mutable {
                if (t % 2 == 1) slow = p;
                for (size_t i = 0; i < 6; ++i) {
                    p[i] -= 0.1 * g[i];
                    if (t % 2 == 0) p[i] = slow[i] + share * (p[i] - slow[i]);
                }
            });
    }
}

TEST_CASE("extragradient: from before, with the gradient of where an update would lead") {
    // Adam's slots move with both updates, as in Gidel et al. 2019.
    for (const std::string optimizer :
         {"{sgd: {learning_rate: 0.1, momentum: 0.5}}", "{adam: {learning_rate: 0.1}}"}) {
        TrainedByRule model(kSquares, "optimizer: " + optimizer, "f(x): net(x)",
                            "  schedule: extragradient\n");
        Numbers p = model.parameters(), velocity(6, 0);
        const Rule by_adam = adam(0.1, 0.9, 0.999, 0);
        const Rule by_momentum = [&](Numbers& at, const Numbers& g, int) {
            for (size_t i = 0; i < 6; ++i) at[i] += velocity[i] = 0.5 * velocity[i] - 0.1 * g[i];
        };
        const Rule& rule = optimizer[1] == 'a' ? by_adam : by_momentum;
        for (int step = 0; step < 3; ++step) {
            Numbers ahead = p;
            rule(ahead, gradient_of_squares(p), 2 * step + 1);
            rule(p, gradient_of_squares(ahead), 2 * step + 2);
            model.call("extrapolate", step);
            model.step(step);
            const Numbers found = model.parameters();
            for (size_t i = 0; i < 6; ++i) CHECK(found[i] == Approx(p[i]).epsilon(5e-6));
        }
    }
}

TEST_CASE("every: in some steps a term with so many times its gradient, elsewhere nothing of it") {
    const std::string term = " + every(mean(sum(y^2)), 3)";
    const std::string entry =
        "optimizer: {sgd: {learning_rate: 0.1}}, metrics: {m: 'every(mean(sum(y^2)), 3)', n: "
        "mean(sum(y))}";
    TrainedByRule model(std::string(kSquares) + term, entry);
    REQUIRE(model.module.schedule.size() == 2);
    CHECK(model.module.schedule[0].function == "step_every_3");
    CHECK(model.module.schedule[0].every == 3);
    const auto names = [&](const std::string& function) {
        std::vector<std::string> out;
        for (const ir::NamedValue& result : model.module.find_function(function)->results)
            out.push_back(result.name);
        return out;
    };
    CHECK(names("step_every_3") == std::vector<std::string>{"loss", "m", "n"});
    CHECK(names("step") == std::vector<std::string>{"loss", "n"});
    CHECK(names("evaluate") == std::vector<std::string>{"loss", "m", "n"});
    // The gradient of the term by weight [i, j] and bias j is 2 y_j.
    Numbers p = model.parameters();
    const auto outputs = [&] { return Numbers{p[0] + p[2] + p[4], p[1] + p[3] + p[5]}; };
    for (int step = 0; step < 5; ++step) {
        const Numbers y = outputs(), g = gradient_of_squares(p);
        const bool all = step % 3 == 0;
        Executable f = model.call(all ? "step_every_3" : "step", step);
        double loss = 0;
        for (const double one : y) loss += 0.5 * (one - 3) * (one - 3) + (all ? one * one : 0);
        CHECK(f.result("loss")[0] == Approx(loss).epsilon(1e-5));
        for (size_t i = 0; i < 6; ++i) p[i] -= 0.1 * (g[i] + (all ? 3 * 2 * y[i % 2] : 0));
        const Numbers found = model.parameters();
        for (size_t i = 0; i < 6; ++i) CHECK(found[i] == Approx(p[i]).epsilon(5e-6).margin(1e-6));
    }
}

TEST_CASE("every: several intervals have a function for each kind of step") {
    TrainedByRule model(
        kSquares + std::string(" + every(mean(sum(y)), 4) + every(mean(sum(y^2)), 6)"),
        "optimizer: sgd");
    std::vector<int64_t> kinds;
    for (const ir::ScheduleEntry& entry : model.module.schedule) kinds.push_back(entry.every);
    CHECK(kinds == std::vector<int64_t>{12, 6, 4, 1});
    const auto runs = [&](int64_t step) {
        const auto entries = ir::entries_of_step(model.module.schedule, step);
        REQUIRE(entries.size() == 1);
        return entries.front()->every;
    };
    CHECK(std::vector<int64_t>{runs(0), runs(1), runs(4), runs(6), runs(8), runs(12), runs(18)} ==
          std::vector<int64_t>{12, 1, 4, 6, 4, 12, 6});
}

}  // namespace gmc

// The checker behind `gmc gradcheck`: it finds gradients that are wrong and accepts those that are
// right.
#include <cmath>

#include "compiler/ir/text/parser.h"
#include "compiler/pipeline.h"
#include "dsl/lower/gradient_check.h"
#include "runtime/reference/gradient_check.h"
#include "tests/catch.h"
#include "tests/unit/data_temp_folder.h"

using namespace gmc;           // NOLINT: tests
using namespace gmc::runtime;  // NOLINT
using Verdict = DerivativeCheck::Verdict;

namespace {

constexpr double kBound = 1e-5;

Verdict verdict(const std::function<double(double)>& f, double claimed, double scale = 0) {
    return check_derivative(f, {claimed, scale, 0}, kBound).verdict;
}

double relu(double x) { return x > 0 ? x : 0; }

/// sum((w x)^2) with two gradients, both right; `factor` and `curvature` can make them wrong. The
/// gradient by w is 2 x (w x), and that of slope = d . r by w is 2 x^2 r.
std::string squares(const std::string& factor, const std::string& curvature) {
    return R"(gmc 2
model "t"
state @w : f32[3] parameter = ones
func @loss_w(%x: f32[3] = data.x) {
  %y = mul @w, %x : f32[3]
  %z = mul %y, %y : f32[3]
  %loss = reduce_sum %z {axes=[0]} : f32[]
  result loss = %loss
}
func @gradient_w(%x: f32[3] = data.x, %r.w: f32[3] = argument) {
  %y = mul @w, %x : f32[3]
  %xy = mul %x, %y : f32[3]
  %two = constant {value=)" +
           factor + R"(} : f32[3]
  %d = mul %xy, %two : f32[3]
  %dr = mul %d, %r.w : f32[3]
  %slope = reduce_sum %dr {axes=[0]} : f32[]
  result d.w = %d
  result slope = %slope
}
func @curvature_w(%x: f32[3] = data.x, %r.w: f32[3] = argument) {
  %xx = mul %x, %x : f32[3]
  %two = constant {value=)" +
           curvature + R"(} : f32[3]
  %xx2 = mul %xx, %two : f32[3]
  %d = mul %xx2, %r.w : f32[3]
  result d.w = %d
}
)";
}

ParameterCheck check_squares(const std::string& factor, const std::string& curvature) {
    Diagnostics diagnostics;
    auto module = ir::parse_module("t.gmc", squares(factor, curvature), diagnostics);
    INFO(diagnostics.render());
    REQUIRE(module.ok());
    const CheckedFunctions functions{module->find_function("loss_w"),
                                     module->find_function("gradient_w"),
                                     module->find_function("curvature_w")};
    GradientCheckOptions options;
    const auto checks = check_gradients(*module, functions, {0}, {{"x", {0.5, -2, 3}}},
                                        {{0, {1, 0.25, -0.5}}}, options);
    REQUIRE(checks.size() == 1);
    return checks[0];
}

/// The verdicts on all parameters of a model, whose network has one `dense` layer.
std::vector<ParameterCheck> check_model(const std::string& loss) {
    const TempFolder folder;
    Diagnostics diagnostics;
    auto spec = dsl::read_model(
        {folder.write("t.yaml",
                      "model: t\ndata: {image: {synthetic: ring}}\nnetworks:\n"
                      "  net: {inputs: {x: data.image}, layers: [{dense: {units: 3, activation: "
                      "tanh}}, dense: 1]}\nobjective: {minimize: {networks: net, loss: '" +
                          loss + "'}}\ntrain: {batch_size: 2}\n"),
         {},
         {}},
        diagnostics);
    INFO(diagnostics.render());
    REQUIRE(spec.ok());
    auto module = lower::build_gradient_check(*spec, diagnostics);
    REQUIRE(module.ok());
    REQUIRE(passes::run_stages(*module, pipeline_until("grad"), {}, diagnostics).ok());
    ReferenceStates states;
    std::vector<ir::StateId> parameters;
    for (size_t i = 0; i < module->states.size(); ++i) {
        const auto id = static_cast<ir::StateId>(i);
        parameters.push_back(id);
        for (int64_t k = 0; k < module->states[i].type.elements(); ++k)
            states[id].push_back(std::sin(1.0 + static_cast<double>(k + 7 * id)));
    }
    GradientCheckOptions options;
    options.threads = 2;
    return check_gradients(
        *module,
        {module->find_function("loss_net"), module->find_function("gradient_net"),
         module->find_function("curvature_net")},
        parameters, {{"image", {0.3, -0.8, 1.1, 0.4}}}, states, options);
}

}  // namespace

TEST_CASE("a loss that is exactly 0 is flat, and its error a number") {
    const DerivativeCheck check = check_derivative([](double) { return 0.0; }, {0, 0, 0}, kBound);
    CHECK(check.verdict == Verdict::kFlat);
    CHECK(check.error == 0);
}

TEST_CASE("a slope of 0 agrees although a wide step reaches over a kink") {
    // Flat around 0, but for rounding; steep from 1e-4 on.
    const auto f = [](double t) { return 3 + 1000 * relu(t - 1e-4); };
    CHECK(verdict(f, 0) == Verdict::kAgrees);
    CHECK(verdict(f, 0.5) == Verdict::kDisagrees);
    // A slope that is there with every step is no kink.
    CHECK(verdict([](double t) { return 3 + 20 * t; }, 0) == Verdict::kDisagrees);
}

TEST_CASE("a right derivative agrees, whatever its size") {
    CHECK(verdict([](double t) { return std::sin(1 + t); }, std::cos(1)) == Verdict::kAgrees);
    CHECK(verdict([](double t) { return std::exp(50 * t); }, 50) == Verdict::kAgrees);
    CHECK(verdict([](double t) { return 1000 + 1e-3 * t; }, 1e-3) == Verdict::kAgrees);
    CHECK(verdict([](double t) { return 1e-9 * std::sin(t); }, 1e-9) == Verdict::kAgrees);
    CHECK(verdict([](double t) { return t * t; }, 0, 1) == Verdict::kAgrees);
}

TEST_CASE("a wrong derivative is wrong") {
    for (const double factor : {1.0001, 0.9999, 2.0, 0.5, 0.0, -1.0}) {
        INFO(factor);
        const auto f = [](double t) { return std::sin(1 + t); };
        CHECK(verdict(f, std::cos(1) * factor) == Verdict::kDisagrees);
        CHECK(verdict([](double t) { return 1000 + 1e-3 * t; }, 1e-3 * (factor == 2 ? 2 : 0.5)) ==
              Verdict::kDisagrees);
    }
    CHECK(verdict([](double t) { return t * t; }, 0.001, 1) == Verdict::kDisagrees);
    CHECK(verdict([](double) { return 3.0; }, 1) == Verdict::kDisagrees);
    CHECK(verdict([](double) { return NAN; }, 1) == Verdict::kDisagrees);
    CHECK(verdict([](double t) { return t; }, INFINITY) == Verdict::kDisagrees);
}

TEST_CASE("kinks: at the point there is no derivative, near it there is") {
    CHECK(verdict([](double t) { return std::abs(t); }, 0.3) == Verdict::kKink);
    CHECK(verdict([](double t) { return std::abs(t); }, -1) == Verdict::kKink);
    CHECK(verdict([](double t) { return std::abs(t); }, 1.1) == Verdict::kDisagrees);
    CHECK(verdict([](double t) { return relu(t) + std::sin(t); }, 1) == Verdict::kKink);
    CHECK(verdict([](double t) { return relu(t) + std::sin(t); }, 2) == Verdict::kKink);
    CHECK(verdict([](double t) { return (t > 0 ? 1.0 : 0.0) + t; }, 1) == Verdict::kKink);
    CHECK(verdict([](double t) { return relu(t) + std::sin(t); }, 5) == Verdict::kDisagrees);
    for (const double at : {3e-6, 3e-7, 3e-8, -3e-6, -3e-7}) {
        INFO(at);
        const double right = at < 0 ? 2 : 1;
        CHECK(verdict([&](double t) { return relu(t - at) + t; }, right) == Verdict::kAgrees);
        CHECK(verdict([&](double t) { return relu(t - at) + t; }, 1.4) != Verdict::kAgrees);
    }
}

TEST_CASE("what hardly changes is flat, not wrong") {
    CHECK(verdict([](double) { return 3.0; }, 0) == Verdict::kFlat);
    CHECK(verdict([](double t) { return 1e6 + 1e-10 * t; }, 1e-10) == Verdict::kFlat);
}

TEST_CASE("gradients that are right, and broken on purpose in the first and the second order") {
    const ParameterCheck right = check_squares("2", "2");
    CHECK(right.first.verdict == Verdict::kAgrees);
    CHECK(right.second.verdict == Verdict::kAgrees);
    CHECK(right.first.error <= kBound);
    for (const char* factor : {"2.001", "-2", "0"}) {
        const ParameterCheck first = check_squares(factor, "2");
        CHECK(first.first.verdict == Verdict::kDisagrees);
        CHECK(first.first.measured == Approx(right.first.claimed).epsilon(1e-6));
        const ParameterCheck second = check_squares("2", factor);
        CHECK(second.first.verdict == Verdict::kAgrees);
        CHECK(second.second.verdict == Verdict::kDisagrees);
        CHECK(second.second.measured == Approx(right.second.claimed).epsilon(1e-6));
    }
}

TEST_CASE("a model's losses: smooth, with gradients inside, with stopped gradients, with noise") {
    for (const char* loss : {
             "mean(net(image)^2)",
             "mean((norm(grad(net(image), image)) - 1)^2)",
             "mean(softplus(net(image + 0.1 * normal(image))))",
             "mean(stop_gradient(net(image)) * net(image) + stop_gradient(exp(net(image))))",
         })
        for (const ParameterCheck& check : check_model(loss)) {
            INFO(loss << ", state " << check.parameter << ": " << check.first.claimed << " "
                      << check.first.measured << ", " << check.second.claimed << " "
                      << check.second.measured);
            CHECK((check.first.verdict == Verdict::kAgrees ||
                   (check.first.verdict == Verdict::kFlat && check.first.claimed == 0)));
            CHECK((check.second.verdict == Verdict::kAgrees ||
                   (check.second.verdict == Verdict::kFlat && check.second.claimed == 0)));
        }
}

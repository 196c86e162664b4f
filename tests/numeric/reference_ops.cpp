// The reference itself, on numbers small enough to be worked out by hand. Functions are written as
// IR text.
#include <cmath>

#include "compiler/ir/text/parser.h"
#include "compiler/support/check.h"
#include "runtime/reference/elementwise.h"
#include "tests/catch.h"
#include "tests/numeric/gradient/gradient_cases.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

using Numbers = std::vector<double>;

ir::Module parse(const std::string& text) {
    Diagnostics diagnostics;
    auto module = ir::parse_module("test.gmc", "gmc 2\nmodel \"test\"\n" + text, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(module.ok());
    return module.take();
}

/// The value of `%y` in a function of this body, for inputs %a, %b.
Numbers run(const std::string& inputs, const std::string& body, const Numbers& a,
            const Numbers& b = {}) {
    const ir::Module module = parse("func @f(" + inputs + ") {\n" + body + "\nresult y = %y\n}");
    runtime::ReferenceStates states;
    return runtime::run_reference(module, module.functions[0], {{"a", a}, {"b", b}}, states, {})
        .results.at("y")
        .data;
}

/// Computes a generator of `count` elements.
Numbers generate(const std::string& op, size_t count, const runtime::CallContext& call) {
    const ir::Module module = parse("func @f() {\n%y = " + op + " : f32[" + std::to_string(count) +
                                    "]\nresult y = %y\n}");
    runtime::ReferenceStates states;
    return runtime::run_reference(module, module.functions[0], {}, states, call)
        .results.at("y")
        .data;
}

}  // namespace

TEST_CASE("reference of NaN and infinities") {
    using runtime::evaluate;
    const double infinity = INFINITY;
    CHECK(evaluate(ir::LeakyRelu{0}, -infinity) == 0);
    CHECK(evaluate(ir::LeakyRelu{0.5}, -infinity) == -infinity);
    CHECK(std::isnan(evaluate(ir::LeakyRelu{0}, NAN)));
    CHECK(std::isnan(evaluate(ir::Sign{}, NAN)));
    CHECK(std::isnan(evaluate(ir::Softplus{}, NAN)));
    for (const auto& [a, b] : {std::pair{NAN, 1.0}, {1.0, NAN}, {NAN, NAN}}) {
        CHECK(std::isnan(evaluate(ir::Maximum{}, a, b)));
        CHECK(std::isnan(evaluate(ir::Minimum{}, a, b)));
    }
    const std::string largest = "%y = reduce_max %a {axes=[1]} : f32[3]";
    const Numbers y = run("%a: f32[3,2] = argument", largest, {NAN, 1, 1, NAN, -infinity, -2});
    CHECK(std::isnan(y[0]));
    CHECK(std::isnan(y[1]));
    CHECK(y[2] == -2);
}

TEST_CASE("reference of element-wise ops") {
    using runtime::evaluate;
    CHECK(evaluate(ir::Sign{}, -3) == -1);
    CHECK(evaluate(ir::Sign{}, 0) == 0);
    CHECK(evaluate(ir::Floor{}, -0.5) == -1);
    CHECK(evaluate(ir::LeakyRelu{0.3}, -2) == Approx(-0.6));
    CHECK(evaluate(ir::Pow{-2}, 4) == 0.0625);
    CHECK(evaluate(ir::Pow{0}, 0) == 1);
    CHECK(evaluate(ir::Sigmoid{}, 0) == 0.5);
    CHECK(evaluate(ir::Sigmoid{}, -1000) == 0);
    CHECK(evaluate(ir::Softplus{}, 0) == Approx(std::log(2)));
    CHECK(evaluate(ir::Softplus{}, 1000) == 1000);
    CHECK(evaluate(ir::Softplus{}, -1000) == 0);
    CHECK(evaluate(ir::Erf{}, 1) == Approx(0.8427007929497149));
    CHECK(evaluate(ir::Greater{}, 1, 1) == 0);
    CHECK(evaluate(ir::Equal{}, 1, 1) == 1);
    CHECK(evaluate(ir::Maximum{}, -1, 2) == 2);
    CHECK(evaluate(ir::Minimum{}, -1, 2) == -1);
    CHECK(evaluate(ir::Select{}, -0.5, 1, 2) == 1);
    CHECK(evaluate(ir::Select{}, 0, 1, 2) == 2);
}

TEST_CASE("reference of ops that move elements") {
    CHECK(run("%a: f32[2] = argument", "%y = broadcast %a {dims=[0]} : f32[2,3]", {1, 2}) ==
          Numbers{1, 1, 1, 2, 2, 2});
    CHECK(run("%a: f32[2] = argument", "%y = broadcast %a {dims=[1]} : f32[3,2]", {1, 2}) ==
          Numbers{1, 2, 1, 2, 1, 2});
    CHECK(run("%a: f32[2,1] = argument, %b: f32[2,2] = argument",
              "%y = concat %a, %b {axis=1} : f32[2,3]", {1, 2},
              {3, 4, 5, 6}) == Numbers{1, 3, 4, 2, 5, 6});
    CHECK(run("%a: f32[1,2] = argument", "%y = pad %a {low=[0,1], high=[1,0]} : f32[2,3]",
              {1, 2}) == Numbers{0, 1, 2, 0, 0, 0});
    CHECK(run("%a: f32[2,3] = argument", "%y = slice %a {starts=[0,1], limits=[2,3]} : f32[2,2]",
              {1, 2, 3, 4, 5, 6}) == Numbers{2, 3, 5, 6});
    CHECK(run("%a: f32[2,3] = argument", "%y = transpose %a {permutation=[1,0]} : f32[3,2]",
              {1, 2, 3, 4, 5, 6}) == Numbers{1, 4, 2, 5, 3, 6});
    // Axis i of the result is axis permutation[i] of x: y[k, i, j] = x[i, j, k].
    CHECK(run("%a: f32[1,2,3] = argument", "%y = transpose %a {permutation=[2,0,1]} : f32[3,1,2]",
              {1, 2, 3, 4, 5, 6}) == Numbers{1, 4, 2, 5, 3, 6});
}

TEST_CASE("reference of reductions") {
    const std::string in = "%a: f32[2,3] = argument";
    CHECK(run(in, "%y = reduce_sum %a {axes=[0]} : f32[3]", {1, 2, 3, 4, 5, 6}) ==
          Numbers{5, 7, 9});
    CHECK(run(in, "%y = reduce_sum %a {axes=[0,1]} : f32[]", {1, 2, 3, 4, 5, 6}) == Numbers{21});
    CHECK(run(in, "%y = reduce_max %a {axes=[1]} : f32[2]", {-1, -2, -3, 4, 6, 5}) ==
          Numbers{-1, 6});
}

TEST_CASE("reference of convolutions") {
    const std::string in = "%a: f32[1,4,1] = argument, %b: f32[2,1,1] = argument";
    const auto conv = [&](const std::string& window, const std::string& type) {
        return run(in, "%y = conv %a, %b {" + window + "} : " + type, {1, 2, 3, 4}, {1, 10});
    };
    CHECK(conv("strides=[1], pads_begin=[0], pads_end=[0], dilations=[1]", "f32[1,3,1]") ==
          Numbers{21, 32, 43});
    CHECK(conv("strides=[2], pads_begin=[0], pads_end=[0], dilations=[1]", "f32[1,2,1]") ==
          Numbers{21, 43});
    CHECK(conv("strides=[2], pads_begin=[1], pads_end=[1], dilations=[1]", "f32[1,3,1]") ==
          Numbers{10, 32, 4});
    CHECK(conv("strides=[1], pads_begin=[0], pads_end=[0], dilations=[2]", "f32[1,2,1]") ==
          Numbers{31, 42});
    // Uneven pads: what begins is not what ends.
    CHECK(conv("strides=[1], pads_begin=[1], pads_end=[0], dilations=[1]", "f32[1,4,1]") ==
          Numbers{10, 21, 32, 43});
    // Two groups: filter 0 sees channel 0, filter 1 sees channel 1.
    CHECK(run("%a: f32[1,1,2] = argument, %b: f32[1,1,2] = argument",
              "%y = conv %a, %b {strides=[1], pads_begin=[0], pads_end=[0], dilations=[1], "
              "groups=2} : f32[1,1,2]",
              {3, 5}, {10, 100}) == Numbers{30, 500});
    // Transposed, stride 2: each element lays down the kernel.
    CHECK(run("%a: f32[1,2,1] = argument, %b: f32[2,1,1] = argument",
              "%y = conv_backward_data %a, %b {strides=[2], pads_begin=[0], pads_end=[0], "
              "dilations=[1]} : f32[1,5,1]",
              {1, 2}, {1, 10}) == Numbers{1, 10, 2, 20, 0});
}

TEST_CASE("the three convolutions are adjoint") {
    for (const ConvShapes& s : conv_shapes()) {
        ir::Module module;
        module.functions.emplace_back();
        ir::Builder b(module, module.functions[0]);
        TestRandom random(3);
        Scope scope(b, random);
        const ir::ValueId x = scope.input({s.x}), w = scope.input({s.w}), y = scope.input({s.y});
        const ir::ValueId products[] = {
            b.mul(b.emit(ir::Conv{s.window}, {x, w}), y),
            b.mul(b.emit_typed(ir::ConvBackwardData{s.window}, {y, w}, ir::f32(s.x)), x),
            b.mul(b.emit_typed(ir::ConvBackwardWeights{s.window}, {x, y}, ir::f32(s.w)), w)};
        for (int i = 0; i < 3; ++i)
            module.functions[0].results.push_back({std::to_string(i), scope.sum(products[i])});
        runtime::ReferenceStates states;
        const auto sums =
            runtime::run_reference(module, module.functions[0], scope.inputs(), states, {}).results;
        INFO(ir::to_string(s.x) << ir::to_string(s.w));
        CHECK(sums.at("1").data[0] == Approx(sums.at("0").data[0]).epsilon(1e-12));
        CHECK(sums.at("2").data[0] == Approx(sums.at("0").data[0]).epsilon(1e-12));
    }
}

TEST_CASE("reference of matmul in its four forms") {
    const Numbers expected{58, 64, 139, 154};
    const Numbers a{1, 2, 3, 4, 5, 6}, a_turned{1, 4, 2, 5, 3, 6}, b{7, 8, 9, 10, 11, 12},
        b_turned{7, 9, 11, 8, 10, 12};
    const auto product = [](const std::string& shapes, const std::string& flags, const Numbers& l,
                            const Numbers& r) {
        return run(shapes, "%y = matmul %a, %b" + flags + " : f32[2,2]", l, r);
    };
    CHECK(product("%a: f32[2,3] = argument, %b: f32[3,2] = argument", "", a, b) == expected);
    CHECK(product("%a: f32[3,2] = argument, %b: f32[3,2] = argument", " {transpose_a=true}",
                  a_turned, b) == expected);
    CHECK(product("%a: f32[2,3] = argument, %b: f32[2,3] = argument", " {transpose_b=true}", a,
                  b_turned) == expected);
    CHECK(product("%a: f32[3,2] = argument, %b: f32[2,3] = argument",
                  " {transpose_a=true, transpose_b=true}", a_turned, b_turned) == expected);
}

TEST_CASE("random numbers of the reference have the moments of their distributions") {
    const size_t count = 1 << 16;
    const auto moments = [&](const std::string& op, double center) {
        Numbers sums(5);
        for (double x : generate(op, count, {77, 5, 0, 0}))
            for (int k = 1; k <= 4; ++k)
                sums[k] += std::pow(x - center, k) / static_cast<double>(count);
        return sums;
    };
    // Standard errors are 1/256 times sqrt(1, 2, 15, 96) for the normal distribution's moments.
    const Numbers normal = moments("random_normal {stream=1}", 0);
    CHECK(std::fabs(normal[1]) < 0.016);
    CHECK(normal[2] == Approx(1).margin(0.022));
    CHECK(std::fabs(normal[3]) < 0.06);
    CHECK(normal[4] == Approx(3).margin(0.15));
    const Numbers uniform = moments("random_uniform {stream=1}", 0.5);
    CHECK(std::fabs(uniform[1]) < 0.005);
    CHECK(uniform[2] == Approx(1.0 / 12).margin(0.002));
}

TEST_CASE("normal numbers are Box and Muller's pairs of the uniform ones of their block") {
    // Element r of a tile has word r / 16 of block r % 16; words 0 and 1 are a pair, 2 and 3
    // another.
    const runtime::CallContext call{9, 4, 0, 0};
    const Numbers u = generate("random_uniform {stream=1}", 128, call);
    const Numbers n = generate("random_normal {stream=1}", 128, call);
    for (size_t i = 0; i < n.size(); ++i) {
        if (i / 16 % 2 == 1) continue;
        const double radius = std::sqrt(-2 * std::log(u[i] + 0x1p-24));
        const double angle = 2 * 3.14159265358979323846 * u[i + 16];
        CHECK(n[i] == Approx(radius * std::cos(angle)).margin(1e-12));
        CHECK(n[i + 16] == Approx(radius * std::sin(angle)).margin(1e-12));
    }
}

TEST_CASE("random numbers depend on seed, call, stream and index alone") {
    const Numbers first = generate("random_normal {stream=1}", 100, {1, 2, 3, 4});
    CHECK(generate("random_normal {stream=1}", 100, {1, 2, 99, 99}) == first);
    CHECK(generate("random_normal {stream=2}", 100, {1, 2, 3, 4}) != first);
    CHECK(generate("random_normal {stream=1}", 100, {1, 3, 3, 4}) != first);
    CHECK(generate("random_normal {stream=1}", 100, {uint64_t{1} << 32 | 1, 2, 3, 4}) != first);
    const Numbers longer = generate("random_normal {stream=1}", 200, {1, 2, 3, 4});
    CHECK(Numbers(longer.begin(), longer.begin() + 100) == first);
}

TEST_CASE("step and epoch come from the call") {
    const ir::Module module = parse(
        "func @f() {\n%s = step : f32[]\n%e = epoch : f32[]\nresult s = %s\nresult e = %e\n}");
    runtime::ReferenceStates states;
    const auto results =
        runtime::run_reference(module, module.functions[0], {}, states, {0, 0, 12, 1.5}).results;
    CHECK(results.at("s").data == Numbers{12});
    CHECK(results.at("e").data == Numbers{1.5});
}

TEST_CASE("updates see the states as they were at entry") {
    const ir::Module module = parse(
        "state @u : f32[] parameter = zeros\nstate @v : f32[] parameter = zeros\n"
        "func @f() {\n%y = add @u, @v : f32[]\nupdate @u = @v\nupdate @v = %y\nresult u = @u\n}");
    runtime::ReferenceStates states{{0, {1}}, {1, {2}}};
    CHECK(
        runtime::run_reference(module, module.functions[0], {}, states, {}).results.at("u").data ==
        Numbers{1});
    CHECK(states == runtime::ReferenceStates{{0, {2}}, {1, {3}}});
}

TEST_CASE("a fused body computes what its ops compute, and its values are kept on request") {
    const ir::Module module = parse(
        "func @f(%a: f32[2] = argument) {\n%y, %s = fused %a {space=[2]} {\n%h = neg %a : f32[2]\n"
        "%y = exp %h : f32[2]\n%s = reduce_sum %y {axes=[0]} : f32[]\n}\nresult y = %y\nresult s = "
        "%s\n}");
    runtime::ReferenceStates states;
    const auto all = runtime::run_reference(module, module.functions[0], {{"a", {0, 1}}}, states,
                                            {}, {.keep_values = true});
    CHECK(all.results.at("s").data[0] == Approx(1 + std::exp(-1)));
    CHECK(all.values.size() == 4);
    const auto rounded = runtime::run_reference(module, module.functions[0], {{"a", {0, 1}}},
                                                states, {}, {.round_to_float = true});
    CHECK(rounded.results.at("y").data[1] ==
          static_cast<double>(static_cast<float>(std::exp(-1.0))));
    CHECK(rounded.values.empty());
}

TEST_CASE("what cannot be run is an internal error") {
    const auto run_text = [](const std::string& text, const runtime::ReferenceInputs& inputs) {
        const ir::Module module = parse(text);
        runtime::ReferenceStates states;
        runtime::run_reference(module, module.functions[0], inputs, states, {});
    };
    const std::string plain = "func @f(%a: f32[2] = argument) {\nresult y = %a\n}";
    CHECK_NOTHROW(run_text(plain, {{"a", {1, 2}}}));
    CHECK_THROWS_AS(run_text(plain, {}), InternalError);
    CHECK_THROWS_AS(run_text(plain, {{"a", {1}}}), InternalError);
    CHECK_THROWS_AS(
        run_text("state @w : f32[] parameter = zeros\nfunc @f() {\nresult y = @w\n}", {}),
        InternalError);
    CHECK_THROWS_AS(
        run_text("func @f(%a: f32[] = argument) {\n%g = gradient %a, %a : f32[]\nresult y = %g\n}",
                 {{"a", {1}}}),
        InternalError);
}

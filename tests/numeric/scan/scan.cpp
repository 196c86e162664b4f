// Scans against the same passes written out, forwards and in gradients of first and second order,
// by the reference and by fast kernels, before and after all passes of the compiler.
#include "compiler/ir/scan.h"

#include "compiler/ir/text/parser.h"
#include "compiler/ir/text/printer.h"
#include "compiler/ir/verifier.h"
#include "compiler/pipeline.h"
#include "tests/catch.h"
#include "tests/numeric/reference_comparison.h"
#include "tests/numeric/scan/unroll.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

ir::Module parse(const std::string& text) {
    Diagnostics diagnostics;
    auto module = ir::parse_module("test.gmc", "gmc 2\nmodel \"test\"\n" + text, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(module.ok());
    REQUIRE(ir::verify(*module, diagnostics));
    return module.take();
}

/// A recurrence with a gate: carried values, an element, captured weights, a stack, the pass.
const char* const kRecurrence = R"(
body @f.h(%h: f32[3,4] = carried, %k: f32[3,4] = carried, %e: f32[3,2] = element,
          %w: f32[2,4] = captured, %u: f32[4,4] = captured) {
  %i = iteration : f32[]
  %c = constant {value=0.125} : f32[]
  %ic = mul %i, %c : f32[]
  %ib = broadcast %ic : f32[3,4]
  %a = matmul %e, %w : f32[3,4]
  %b = matmul %h, %u : f32[3,4]
  %s = add %a, %b : f32[3,4]
  %t = add %s, %ib : f32[3,4]
  %n = tanh %t : f32[3,4]
  %z = sigmoid %k : f32[3,4]
  %m = mul %n, %z : f32[3,4]
  %kn = add %k, %n : f32[3,4]
  result h = %m
  result k = %kn
  result y = %s
}
)";
std::string with_recurrence(const std::string& reverse, const std::string& rest) {
    return std::string(kRecurrence) +
           "func @f(%h: f32[3,4] = argument, %x: f32[5,3,2] = argument, %w: f32[2,4] = argument, "
           "%u: f32[4,4] = argument) {\n"
           "  %hn, %kn, %ys = scan %h, %h, %x, %w, %u {body=\"f.h\", count=5" +
           reverse + "} : f32[3,4], f32[3,4], f32[5,3,4]\n" + rest + "}\n";
}

/// A scalar of all results of the recurrence.
const std::string kScalar =
    "  %q = mul %hn, %kn : f32[3,4]\n  %r = reduce_sum %q {axes=[0,1]} : f32[]\n"
    "  %p = mul %ys, %ys : f32[5,3,4]\n  %o = reduce_sum %p {axes=[0,1,2]} : f32[]\n"
    "  %f = add %r, %o : f32[]\n";
const std::string kFirst =
    kScalar +
    "  %gh, %gx, %gw, %gu = gradient %f, %h, %x, %w, %u : f32[3,4], f32[5,3,2], f32[2,4], "
    "f32[4,4]\n";

const std::string kForward = "  result h = %hn\n  result k = %kn\n  result y = %ys\n";
const std::string kGradients = kFirst +
                               "  result f = %f\n  result gh = %gh\n  result gx = %gx\n"
                               "  result gw = %gw\n  result gu = %gu\n";
/// Of the length of the gradient: a gradient penalty.
const std::string kSecond =
    kFirst +
    "  %l = mul %gh, %gh : f32[3,4]\n  %ls = reduce_sum %l {axes=[0,1]} : f32[]\n"
    "  %m = mul %gw, %gw : f32[2,4]\n  %ms = reduce_sum %m {axes=[0,1]} : f32[]\n"
    "  %t = add %ls, %ms : f32[]\n"
    "  %hh, %hx, %hw, %hu = gradient %t, %h, %x, %w, %u : f32[3,4], f32[5,3,2], f32[2,4], "
    "f32[4,4]\n"
    "  result hh = %hh\n  result hx = %hx\n  result hw = %hw\n  result hu = %hu\n";

/// A chain that climbs down an energy by its gradient, inside of a scan, and learns through it.
const std::string kChain = R"(
body @f.x(%x: f32[3,2] = carried, %w: f32[2,3] = captured) {
  %a = matmul %x, %w : f32[3,3]
  %t = tanh %a : f32[3,3]
  %e = reduce_sum %t {axes=[0,1]} : f32[]
  %g = gradient %e, %x : f32[3,2]
  %c = constant {value=0.25} : f32[3,2]
  %s = mul %g, %c : f32[3,2]
  %n = sub %x, %s : f32[3,2]
  result x = %n
}
func @f(%x: f32[3,2] = argument, %w: f32[2,3] = argument) {
  %y = scan %x, %w {body="f.x", count=6} : f32[3,2]
  %q = mul %y, %y : f32[3,2]
  %f = reduce_sum %q {axes=[0,1]} : f32[]
  %gx, %gw = gradient %f, %x, %w : f32[3,2], f32[2,3]
  result y = %y
  result gx = %gx
  result gw = %gw
}
)";

/// A recurrence that gives a loss in each pass: what the gradients of some weights stack, those of
/// others read, too.
const char* const kReadout = R"(
body @f.h(%h: f32[3,4] = carried, %l: f32[3] = carried, %e: f32[3,2] = element,
          %w: f32[6,4] = captured, %v: f32[4,4] = captured, %o: f32[4,2] = captured,
          %c: f32[2] = captured) {
  %0 = concat %e, %h {axis=1} : f32[3,6]
  %1 = matmul %0, %w : f32[3,4]
  %2 = matmul %h, %v : f32[3,4]
  %3 = tanh %2 : f32[3,4]
  %4 = matmul %3, %o : f32[3,2]
  %5 = broadcast %c {dims=[1]} : f32[3,2]
  %6 = add %4, %5 : f32[3,2]
  %7 = sub %e, %6 : f32[3,2]
  %8 = mul %7, %7 : f32[3,2]
  %9 = reduce_sum %8 {axes=[1]} : f32[3]
  %10 = add %l, %9 : f32[3]
  result h = %1
  result l = %10
}
func @f(%h: f32[3,4] = argument, %l: f32[3] = argument, %x: f32[8,3,2] = argument,
        %w: f32[6,4] = argument, %v: f32[4,4] = argument, %o: f32[4,2] = argument,
        %c: f32[2] = argument) {
  %hn, %ln = scan %h, %l, %x, %w, %v, %o, %c {body="f.h", count=8} : f32[3,4], f32[3]
  %f = reduce_sum %ln {axes=[0]} : f32[]
  %gw, %gv, %go, %gc = gradient %f, %w, %v, %o, %c : f32[6,4], f32[4,4], f32[4,2], f32[2]
  %q = mul %gv, %gv : f32[4,4]
  %s = reduce_sum %q {axes=[0,1]} : f32[]
  %hw, %hv, %ho, %hc = gradient %s, %w, %v, %o, %c : f32[6,4], f32[4,4], f32[4,2], f32[2]
  result gw = %gw
  result gv = %gv
  result go = %go
  result gc = %gc
  result hw = %hw
  result hv = %hv
  result ho = %ho
  result hc = %hc
}
)";

/// A scan in a scan; both count.
const std::string kNested = R"(
body @f.in(%x: f32[4] = carried, %j: f32[] = captured, %w: f32[4] = captured) {
  %i = iteration : f32[]
  %s = add %i, %j : f32[]
  %c = constant {value=0.0625} : f32[]
  %sc = mul %s, %c : f32[]
  %b = broadcast %sc : f32[4]
  %p = mul %x, %w : f32[4]
  %n = add %p, %b : f32[4]
  %t = sin %n : f32[4]
  result x = %t
}
body @f.out(%x: f32[4] = carried, %w: f32[4] = captured) {
  %j = iteration : f32[]
  %y = scan %x, %j, %w {body="f.in", count=3} : f32[4]
  %z = add %y, %x : f32[4]
  result x = %z
}
func @f(%x: f32[4] = argument, %w: f32[4] = argument) {
  %y = scan %x, %w {body="f.out", count=4} : f32[4]
  %f = reduce_sum %y {axes=[0]} : f32[]
  %gx, %gw = gradient %f, %x, %w : f32[4], f32[4]
  %q = mul %gw, %gw : f32[4]
  %h = reduce_sum %q {axes=[0]} : f32[]
  %hw = gradient %h, %w : f32[4]
  result y = %y
  result gx = %gx
  result gw = %gw
  result hw = %hw
}
)";

const ir::Function& main_function(const ir::Module& module) { return module.functions.back(); }

void differentiated(ir::Module& module, const char* stage) {
    Diagnostics diagnostics;
    const bool done = passes::run_stages(module, pipeline_until(stage), {}, diagnostics).ok();
    INFO(diagnostics.render());
    REQUIRE(done);
}

void check(const std::string& text) {
    const ir::Module module = parse(text);
    ir::Module plain = unrolled(module);
    const RunInputs inputs = random_inputs(module, main_function(module), 7);
    differentiated(plain, "grad");
    const RunOutputs expected = run_by_reference(plain, main_function(plain), inputs);
    for (const char* stage : {"grad", "opt", "plan"}) {
        ir::Module compiled = module;
        differentiated(compiled, stage);
        INFO(stage << "\n" << ir::print(compiled));
        const ir::Function& f = main_function(compiled);
        CHECK(difference(run_by_reference(compiled, f, inputs), expected, kRewrite) == "");
        CHECK(difference(run_by_executable(compiled, f, inputs), expected, kFastFunction) == "");
        CHECK(difference(run_by_executable(compiled, f, inputs, true), expected, kFastFunction) ==
              "");
    }
}

}  // namespace

TEST_CASE("a scan computes what its passes compute one after another") {
    check(with_recurrence("", kForward));
    check(with_recurrence(", reverse=true", kForward));
}

TEST_CASE("gradients through scans are those of the passes written out") {
    check(with_recurrence("", kGradients));
    check(with_recurrence(", reverse=true", kGradients));
    check(kChain);
}

TEST_CASE("products of passes read and write sequences where they lie") {
    // An element that a product reads, a product that is stacked, and a state that is carried on
    // and stacked.
    for (const char* reverse : {"", ", reverse=true"})
        check(R"(
body @f.h(%h: f32[9,32] = carried, %e: f32[9,16] = element, %w: f32[16,32] = captured,
          %u: f32[32,32] = captured) {
  %a = matmul %e, %w : f32[9,32]
  %b = matmul %h, %u {transpose_b=true} : f32[9,32]
  %s = add %a, %b : f32[9,32]
  %n = tanh %s : f32[9,32]
  result h = %n
  result n = %n
  result b = %b
}
func @f(%h: f32[9,32] = argument, %x: f32[4,9,16] = argument, %w: f32[16,32] = argument,
        %u: f32[32,32] = argument) {
  %hn, %ns, %bs = scan %h, %x, %w, %u {body="f.h", count=4)" +
              std::string(reverse) + R"(} : f32[9,32], f32[4,9,32], f32[4,9,32]
  %p = mul %ns, %bs : f32[4,9,32]
  %o = reduce_sum %p {axes=[0,1,2]} : f32[]
  %q = mul %hn, %hn : f32[9,32]
  %r = reduce_sum %q {axes=[0,1]} : f32[]
  %f = add %o, %r : f32[]
  %gh, %gx, %gw, %gu = gradient %f, %h, %x, %w, %u : f32[9,32], f32[4,9,16], f32[16,32], f32[32,32]
  result h = %hn
  result n = %ns
  result b = %bs
  result gh = %gh
  result gx = %gx
  result gw = %gw
  result gu = %gu
}
)");
}

TEST_CASE("gradients of gradients through scans are those of the passes written out") {
    check(with_recurrence("", kSecond));
    check(with_recurrence(", reverse=true", kSecond));
    check(kReadout);
    check(kNested);
}

TEST_CASE("values that change places from pass to pass do not overwrite each other") {
    const ir::Module module = parse(R"(
body @f.x(%a: f32[4] = carried, %b: f32[4] = carried, %c: f32[4] = carried) {
  %n = neg %a : f32[4]
  result a = %b
  result b = %c
  result c = %n
}
func @f(%a: f32[4] = argument, %b: f32[4] = argument, %c: f32[4] = argument) {
  %x, %y, %z = scan %a, %b, %c {body="f.x", count=4} : f32[4], f32[4], f32[4]
  result x = %x
  result y = %y
  result z = %z
}
)");
    ir::Module compiled = module;
    differentiated(compiled, "plan");
    const RunInputs inputs{{{"a", {1, 1, 1, 1}}, {"b", {2, 2, 2, 2}}, {"c", {3, 3, 3, 3}}}, {}, {}};
    const RunOutputs out = run_by_executable(compiled, main_function(compiled), inputs);
    CHECK(out.at("x") == std::vector<double>{-2, -2, -2, -2});
    CHECK(out.at("y") == std::vector<double>{-3, -3, -3, -3});
    CHECK(out.at("z") == std::vector<double>{1, 1, 1, 1});
}

TEST_CASE("each pass draws numbers of its own, and a gradient sees the same again") {
    const std::string text = R"(
body @f.x(%x: f32[64] = carried, %w: f32[64] = captured) {
  %r = random_uniform {stream=3} : f32[64]
  %p = mul %r, %w : f32[64]
  %n = add %x, %p : f32[64]
  result x = %n
  result r = %r
}
func @f(%x: f32[64] = argument, %w: f32[64] = argument) {
  %y, %rs = scan %x, %w {body="f.x", count=3} : f32[64], f32[3,64]
  %f = reduce_sum %y {axes=[0]} : f32[]
  %gw = gradient %f, %w : f32[64]
  result rs = %rs
  result gw = %gw
}
)";
    ir::Module module = parse(text);
    RunInputs inputs = random_inputs(module, main_function(module), 1);
    inputs.call.seed = 5;
    differentiated(module, "plan");
    const ir::Function& f = main_function(module);
    const RunOutputs out = run_by_executable(module, f, inputs);
    CHECK(difference(out, run_by_reference(module, f, inputs), kFastFunction) == "");
    const std::vector<double>& draws = out.at("rs");
    std::vector<double> sums;  // d/dw of the sum of r w over the passes
    for (size_t i = 0; i < 64; ++i) {
        CHECK(draws[i] != draws[64 + i]);
        CHECK(draws[64 + i] != draws[128 + i]);
        sums.push_back(draws[i] + draws[64 + i] + draws[128 + i]);
    }
    CHECK(difference("gw", out.at("gw"), sums, kFastFunction) == "");
}

TEST_CASE("memory does not grow with the number of passes") {
    const auto arena = [](int64_t count) {
        ir::Module module = parse(with_recurrence("", "  result h = %hn\n  result k = %kn\n"));
        // Without its stack and its sequence, nothing in the function knows how many there are.
        Diagnostics diagnostics;
        std::string text = ir::print(module);
        const auto replace = [&](const std::string& from, const std::string& to) {
            for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
                text.replace(at, from.size(), to);
        };
        replace("count=5", "count=" + std::to_string(count));
        replace("%e: f32[3,2] = element", "%e: f32[3,2] = captured");
        replace("f32[5,3,2]", "f32[3,2]");
        replace("f32[5,3,4]", "f32[" + std::to_string(count) + ",3,4]");
        auto changed = ir::parse_module("test.gmc", text, diagnostics);
        REQUIRE(changed.ok());
        module = changed.take();
        differentiated(module, "plan");
        return main_function(module).arena_bytes;
    };
    CHECK(arena(5) == arena(100000));
}

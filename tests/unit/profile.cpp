// The parts of profiles: work counted from types, traces, the machine's peak.
#include <map>

#include "compiler/ir/text/parser.h"
#include "compiler/support/json.h"
#include "runtime/profile/machine_peak.h"
#include "runtime/profile/operation_text.h"
#include "runtime/profile/trace.h"
#include "tests/catch.h"

using namespace gmc;
using namespace gmc::runtime;

namespace {

ir::Module parse(const std::string& functions) {
    Diagnostics diagnostics;
    auto parsed = ir::parse_module("test.gmc", "gmc 2\nmodel \"t\"\nfile \"t.yaml\"\n" + functions,
                                   diagnostics);
    INFO(diagnostics.render());
    REQUIRE(parsed.ok());
    return parsed.take();
}

}  // namespace

TEST_CASE("contractions are counted in multiplications and additions") {
    const ir::Module module = parse(R"(
func @f(%x: f32[2,8,8,3] = argument, %w: f32[5,5,3,4] = argument, %a: f32[6,7] = argument) {
  %y = conv %x, %w {strides=[2,2], pads_begin=[1,1], pads_end=[2,2], dilations=[1,1]} : f32[2,4,4,4]
  %dx = conv_backward_data %y, %w {strides=[2,2], pads_begin=[1,1], pads_end=[2,2], dilations=[1,1]} : f32[2,8,8,3]
  %dw = conv_backward_weights %x, %y {strides=[2,2], pads_begin=[1,1], pads_end=[2,2], dilations=[1,1]} : f32[5,5,3,4]
  %p = matmul %a, %a {transpose_b=true} : f32[6,6]
  %q = matmul %a, %a {transpose_a=true} : f32[7,7]
  %e = exp %a : f32[6,7]
  result y = %y
}
)");
    const ir::Function& f = module.functions[0];
    const auto flops = [&](size_t i) { return work_of(f, f.operations[i]).flops; };
    const double conv = 2.0 * (2 * 4 * 4 * 4) * (5 * 5 * 3);
    CHECK(flops(0) == conv);
    CHECK(flops(1) == conv);
    CHECK(flops(2) == conv);
    CHECK(flops(3) == 2.0 * 6 * 6 * 7);
    CHECK(flops(4) == 2.0 * 7 * 7 * 6);
    CHECK(flops(5) == 0);
    CHECK(work_of(f, f.operations[0]).bytes ==
          4.0 * (2 * 8 * 8 * 3 + 5 * 5 * 3 * 4 + 2 * 4 * 4 * 4));
    CHECK(work_of(f, f.operations[5]).bytes == 4.0 * 2 * 6 * 7);
}

TEST_CASE("a trace nests operations in functions in rounds, in microseconds from the earliest") {
    const ir::Module module = parse(R"(
func @f(%a: f32[4,4] = argument) {
  %b = matmul %a, %a : f32[4,4]  // t.yaml:3:5
  %c, %s = fused %b {space=[4,4]} {
    %c = exp %b : f32[4,4]
    %s = reduce_sum %c {axes=[0,1]} : f32[]
  }
  result c = %c
  result s = %s
}
)");
    const ir::Function& f = module.functions[0];
    StepProfile profile;
    for (size_t i = 0; i < 2; ++i)
        profile.operations.push_back(
            {&f, i, i == 0 ? "tiled" : "loop", work_of(f, f.operations[i]), 1, 500.0});
    profile.rounds = {{10'000, 15'000}};
    profile.log = {
        {nullptr, 0, {10'000, 11'000}}, {&f, 0, {11'000, 13'500}}, {&f, 1, {13'500, 14'000}}};
    profile.batches = {{8'999, 12'000}};
    const auto trace = Json::parse(chrome_trace(module, profile)).value();
    std::map<std::string, Json> events;
    for (const Json& event : trace.at("traceEvents").elements())
        if (event.at("ph").text() == "X") events[event.at("name").text()] = event;
    REQUIRE(events.size() == 6);
    const auto span = [&](const std::string& name) {
        return std::pair(events.at(name).at("ts").number(), events.at(name).at("dur").number());
    };
    CHECK(span("round 0") == std::pair(1.001, 5.0));
    CHECK(span("wait for data") == std::pair(1.001, 1.0));
    CHECK(span("@f") == std::pair(2.001, 3.0));
    CHECK(span("matmul %b") == std::pair(2.001, 2.5));
    CHECK(span("loop %c") == std::pair(4.501, 0.5));
    CHECK(span("batch") == std::pair(0.0, 3.001));
    CHECK(events.at("batch").at("tid").whole() != events.at("@f").at("tid").whole());
    CHECK(events.at("matmul %b").at("args").at("kernel").text() == "tiled");
    CHECK(events.at("matmul %b").at("args").at("model").text() == "t.yaml:3:5");
}

TEST_CASE("what has no name is known by the parameter it becomes, or by its place") {
    const ir::Module module = parse(R"(
state @w : f32[4,4] parameter = zeros
func @f(%a: f32[4,4] at 0 = argument) arena 192 unplanned 256 {
  %layer = matmul %a, %a : f32[4,4] at 64  // t.yaml:3:5
  %12 = matmul %layer, %a : f32[4,4] at 128  // t.yaml:3:5
  %13 = matmul %12, %a : f32[4,4] at 64
  %14 = neg %13 : f32[4,4] at @w  // t.yaml:3:5
  update @w = %14
  result y = %13
}
)");
    const ir::Function& f = module.functions[0];
    const OperationNames names(module);
    CHECK(names.of(f, f.operations[0]) == "%layer");
    CHECK(names.of(f, f.operations[1]) == "%12 at layer");
    CHECK(names.of(f, f.operations[2]) == "%13");
    CHECK(names.of(f, f.operations[3]) == "@w");
}

TEST_CASE("the machine's peak is measured") {
    const MachinePeak peak = measure_machine_peak();
    CHECK(peak.bytes_per_s > 0);
    CHECK(peak.flops_per_s > 0);
}

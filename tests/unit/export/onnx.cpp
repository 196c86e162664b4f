// Finding the batch in shapes, and what is left of a graph after the peephole rules. That the
// models compute the same is for tests/onnx, which asks onnxruntime.
#include "compiler/ir/text/parser.h"
#include "runtime/onnx/export.h"
#include "runtime/onnx/writer.h"
#include "tests/catch.h"

using namespace gmc;        // NOLINT
using namespace gmc::onnx;  // NOLINT

namespace {

/// A module whose last function is the one to export, trained in batches of 128.
ir::Module module_of(const std::string& states, const std::string& function) {
    const std::string text =
        "gmc 2\nmodel \"m\"\n"
        "data @image : f32[4,4,8] = synthetic \"shapes\"\n"
        "train {batch_size=128}\n" +
        states + function;
    Diagnostics diagnostics;
    Result<ir::Module> module = ir::parse_module("m.gmc", text, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(module.ok());
    return module.take();
}

std::string sizes_text(const ir::Function& function, const BatchSizes& sizes,
                       const std::string& name) {
    std::string out;
    for (size_t v = 0; v < function.values.size(); ++v)
        if (function.values[v].name == name)
            for (const Size& size : sizes.of(function, static_cast<ir::ValueId>(v)))
                out += (out.empty() ? "" : " ") + to_string(size);
    return out;
}

size_t count(const Graph& graph, const std::string& op) {
    size_t n = 0;
    for (const Node& node : graph.nodes) n += node.op == op ? 1 : 0;
    return n;
}

Model exported(const ir::Module& module, Noise noise = Noise::kInputs) {
    static const std::vector<float> kNumbers(100000, 0.5F);
    Source source;
    source.module = &module;
    source.function = &module.functions.back();
    source.state = [&](ir::StateId id) {
        return std::span<const float>(kNumbers).first(
            static_cast<size_t>(module.states[id].type.elements()));
    };
    return onnx_model(source, noise, {});
}

}  // namespace

TEST_CASE("a result with a row per example grows with the batch, also made of constants",
          "[onnx]") {
    const std::string input = "(%image: f32[128,4,4,8] = data.image) {\n";
    const ir::Module ones = module_of("", "func @f" + input +
                                              "  %one = constant {value=1} : f32[128,3]\n"
                                              "  result f = %one\n}\n");
    const BatchSizes sizes(ones, ones.functions[0], 128);
    CHECK(sizes.why_fixed().empty());
    CHECK(sizes_text(ones.functions[0], sizes, "one") == "batch 3");
    CHECK(count(exported(ones).graph, "Expand") == 1);

    const ir::Module whole = module_of("", "func @f" + input +
                                               "  %one = constant {value=1} : f32[128,3]\n"
                                               "  result f = %one whole\n}\n");
    const BatchSizes fixed(whole, whole.functions[0], 128);
    CHECK(sizes_text(whole.functions[0], fixed, "one") == "128 3");

    const ir::Module counts = module_of("", "func @f" + input +
                                                "  %i = iota {stride=1, size=128} : f32[128]\n"
                                                "  result f = %i\n}\n");
    CHECK(BatchSizes(counts, counts.functions[0], 128).why_fixed() == "`iota` counts examples");
}

TEST_CASE("the batch is found by what ops do, not by equal numbers", "[onnx]") {
    const ir::Module module = module_of("state @codes : f32[128,8] parameter = zeros\n", R"(
func @f(%image: f32[128,4,4,8] = data.image) {
  %rows = reshape %image : f32[2048,8]
  %near = matmul %rows, @codes {transpose_b=true} : f32[2048,128]
  %zero = constant : f32[2048,128]
  %sum = add %near, %zero : f32[2048,128]
  %best = reduce_max %sum {axes=[1]} : f32[2048]
  %back = reshape %best : f32[128,4,4]
  %twice = concat %back, %back : f32[256,4,4]
  %second = slice %twice {starts=[128,0,0], limits=[256,4,4]} : f32[128,4,4]
  %length = reduce_sum @codes {axes=[1]} : f32[128]
  result second = %second
  result length = %length whole
}
)");
    const ir::Function& f = module.functions[0];
    const BatchSizes sizes(module, f, 128);
    CHECK(sizes.why_fixed().empty());
    CHECK(sizes_text(f, sizes, "rows") == "16*batch 8");
    CHECK(sizes_text(f, sizes, "zero") == "16*batch 128");
    CHECK(sizes_text(f, sizes, "back") == "batch 4 4");
    CHECK(sizes_text(f, sizes, "twice") == "2*batch 4 4");
    CHECK(sizes_text(f, sizes, "second") == "batch 4 4");
    CHECK(sizes_text(f, sizes, "length") == "128");
}

TEST_CASE("a function that sums its batch is for the compiled batch, unless it weighs examples",
          "[onnx]") {
    const std::string body = R"(
  %examples = reduce_sum %image {axes=[1,2,3]} : f32[128]
  %sum = reduce_sum %examples {axes=[0]} : f32[]
  result sum = %sum
}
)";
    const ir::Module plain = module_of("", "func @f(%image: f32[128,4,4,8] = data.image) {" + body);
    const ir::Module weighed = module_of(
        "", "func @f(%valid: f32[128] = valid, %image: f32[128,4,4,8] = data.image) {" + body);
    CHECK(BatchSizes(plain, plain.functions[0], 128).why_fixed() ==
          "its means over the batch divide by 128");
    CHECK(BatchSizes(weighed, weighed.functions[0], 128).why_fixed().empty());
    CHECK(exported(plain).graph.doc ==
          "for batches of 128 only: its means over the batch divide by 128");
}

TEST_CASE("noise that meets no data has a row per example, within a loop, too", "[onnx]") {
    const ir::Module module = module_of("", R"(
body @f.x(%x: f32[128,4] = carried) {
  %noise = random_uniform {stream=5} : f32[128,4]
  %next = add %x, %noise : f32[128,4]
  result x = %next
}
func @f() {
  %zero = constant : f32[128,4]
  %x = scan %zero {body="f.x", count=3} : f32[128,4]
  result f = %x
}
)");
    const BatchSizes sizes(module, module.functions[1], 128);
    CHECK(sizes.why_fixed().empty());
    CHECK(sizes_text(module.functions[1], sizes, "zero") == "batch 4");
    CHECK(sizes_text(module.functions[1], sizes, "x") == "batch 4");
}

TEST_CASE("a function that compares examples is for the compiled batch, though it weighs them",
          "[onnx]") {
    const ir::Module module = module_of("", R"(
func @f(%valid: f32[128] = valid, %code: f32[128,4] = data.code) {
  %likeness = matmul %code, %code {transpose_b=true} : f32[128,128]
  %each = reduce_sum %likeness {axes=[1]} : f32[128]
  %weighed = mul %each, %valid : f32[128]
  %sum = reduce_sum %weighed {axes=[0]} : f32[]
  result sum = %sum
}
)");
    CHECK(BatchSizes(module, module.functions[0], 128)
              .why_fixed()
              .ends_with("multiplies examples with each other"));
}

TEST_CASE("convolutions keep two transposes in all, biases and weights in their layout", "[onnx]") {
    const ir::Module module = module_of(R"(
state @a.weight : f32[3,3,8,16] parameter = zeros
state @a.bias : f32[16] parameter = zeros
state @b.weight : f32[3,3,16,4] parameter = zeros
state @b.bias : f32[4] parameter = zeros
)",
                                        R"(
func @f(%image: f32[128,4,4,8] = data.image) {
  %a = conv %image, @a.weight {strides=[1,1], pads_begin=[1,1], pads_end=[1,1], dilations=[1,1]} : f32[128,4,4,16]
  %x, %y = fused %a, @a.bias {space=[128,4,4,16]} {
    %bias = broadcast @a.bias {dims=[3]} : f32[128,4,4,16]
    %x = add %a, %bias : f32[128,4,4,16]
    %y = leaky_relu %x : f32[128,4,4,16]
  }
  %b = conv %y, @b.weight {strides=[1,1], pads_begin=[1,1], pads_end=[1,1], dilations=[1,1]} : f32[128,4,4,4]
  %b_bias = broadcast @b.bias {dims=[3]} : f32[128,4,4,4]
  %z = add %b, %b_bias : f32[128,4,4,4]
  result f = %z
}
)");
    const Graph graph = exported(module).graph;
    CHECK(count(graph, "Transpose") == 2);
    CHECK(count(graph, "Conv") == 2);
    CHECK(count(graph, "Add") == 0);
    CHECK(graph.nodes.size() == 5);
    REQUIRE(graph.initializers.size() == 4);
    CHECK(graph.initializers[0].name == "a.weight");
    CHECK(graph.initializers[0].dims == std::vector<int64_t>{16, 8, 3, 3});
    REQUIRE(graph.outputs.size() == 1);
    CHECK(graph.nodes.back().outputs[0] == "f");
}

TEST_CASE("a scan is a Scan, and what does not depend on the pass stands before it", "[onnx]") {
    const ir::Module module = module_of("state @w : f32[3,3,8,8] parameter = zeros\n", R"(
body @f.x(%x: f32[128,4,4,8] = carried, %e: f32[128,4,4,8] = element, %w: f32[3,3,8,8] = captured) {
  %i = iteration : f32[]
  %all = broadcast %i : f32[128,4,4,8]
  %noise = random_normal {stream=5} : f32[128,4,4,8]
  %y = conv %x, %w {strides=[1,1], pads_begin=[1,1], pads_end=[1,1], dilations=[1,1]} : f32[128,4,4,8]
  %a = add %y, %e : f32[128,4,4,8]
  %b = add %a, %all : f32[128,4,4,8]
  %next = add %b, %noise : f32[128,4,4,8]
  result x = %next
  result each = %b
}
func @f(%image: f32[128,4,4,8] = data.image) {
  %s = broadcast %image {dims=[1,2,3,4]} : f32[6,128,4,4,8]
  %x, %all = scan %image, %s, @w {body="f.x", count=6, reverse=true} : f32[128,4,4,8], f32[6,128,4,4,8]
  result last = %x
  result all = %all
}
)");
    const BatchSizes sizes(module, module.functions[1], 128);
    CHECK(sizes.why_fixed().empty());
    CHECK(sizes_text(module.functions[0], sizes, "b") == "batch 4 4 8");
    CHECK(sizes_text(module.functions[1], sizes, "all") == "6 batch 4 4 8");
    const Graph graph = exported(module).graph;
    REQUIRE(graph.inputs.size() == 2);
    CHECK(graph.inputs[1].name == "normal_5");
    CHECK(graph.inputs[1].sizes == Sizes{{6, 0}, {0, 1}, {4, 0}, {4, 0}, {8, 0}});
    CHECK(count(graph, "Transpose") == 0);
    REQUIRE(count(graph, "Scan") == 1);
    const Node& scan = graph.nodes.back();
    CHECK(scan.inputs.size() == 4);
    CHECK(scan.outputs == std::vector<std::string>{"last", "all"});
    CHECK(integers(scan, "scan_input_directions") == std::vector<int64_t>{1, 1, 1});
    CHECK(integers(scan, "scan_output_directions") == std::vector<int64_t>{1});
    REQUIRE(scan.body.size() == 1);
    CHECK(scan.body[0].inputs.size() == 4);
    CHECK(count(scan.body[0], "Conv") == 1);
    CHECK(scan.body[0].initializers.empty());
    std::set<std::string> outer;
    add_outer_names(scan.body[0], outer);
    CHECK(outer == std::set<std::string>{"w"});
}

TEST_CASE("random numbers are inputs, or drawn for as many examples as an input says", "[onnx]") {
    const ir::Module module = module_of("", R"(
func @f(%z: f32[128,4] = normal) {
  %noise = random_uniform {stream=5} : f32[128,4]
  %x = add %z, %noise : f32[128,4]
  result f = %x
}
)");
    const Graph outside = exported(module).graph;
    REQUIRE(outside.inputs.size() == 2);
    CHECK(outside.inputs[0].name == "z");
    CHECK(outside.inputs[1].name == "uniform_5");
    const Graph inside = exported(module, Noise::kInside).graph;
    REQUIRE(inside.inputs.size() == 1);
    CHECK(inside.inputs[0].name == "batch");
    CHECK(count(inside, "RandomNormalLike") == 1);
    CHECK(count(inside, "RandomUniformLike") == 1);
}

TEST_CASE("external weights begin at multiples of 64 bytes; small ones stay inside", "[onnx]") {
    Model model;
    model.graph.initializers = {{"small", {2}, std::vector<float>(2), ""},
                                {"large", {70}, std::vector<float>(70), ""},
                                {"larger", {100}, std::vector<float>(100), ""}};
    const ModelBytes apart = model_bytes(model, "w.data");
    CHECK(apart.weights.size() == 320 + 400);
    CHECK(apart.model.find("w.data") != std::string::npos);
    const ModelBytes one = model_bytes(model);
    CHECK(one.weights.empty());
    CHECK(one.model.size() > 172 * 4);
}

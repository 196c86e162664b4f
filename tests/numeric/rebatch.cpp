// Functions for other batch sizes against the functions that were compiled: the first examples of a
// batch must come out the same, whatever number of examples is computed.
#include "compiler/batch/rebatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compiler/ir/text/parser.h"
#include "runtime/program/executable.h"
#include "tests/catch.h"
#include "tests/compile_model.h"
#include "tests/numeric/test_random.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

constexpr int64_t kBatch = 6;

using Rows = std::vector<std::vector<float>>;  ///< by input or result

/// Numbers for the inputs of `rows` examples; those of example i do not depend on `rows`.
Rows inputs_for(const ir::Module& module, const ir::Function& function, int64_t rows) {
    Rows all;
    for (const ir::Input& input : function.inputs) {
        const int64_t width = function.type(input.value).elements() / kBatch;
        const ir::DataField* field = ir::find_field(module.data, input.source.field);
        const int64_t classes = field == nullptr ? 0 : field->label_classes();
        std::vector<float> values;
        for (int64_t row = 0; row < rows; ++row) {
            TestRandom random(static_cast<uint64_t>(row + 1));
            for (int64_t k = 0; k < width; ++k)
                values.push_back(static_cast<float>(classes > 0 ? random.integer(0, classes - 1)
                                                                : random.unit()));
        }
        all.push_back(std::move(values));
    }
    return all;
}

/// Runs the function alone, in an arena made for it.
Rows run(const ir::Module& module, const ir::Function& function, runtime::StateStore& states,
         const Rows& inputs) {
    ir::Module alone;
    alone.name = module.name;
    alone.files = module.files;
    alone.states = module.states;
    alone.functions = {function};
    Diagnostics diagnostics;
    auto made = runtime::Executable::make(alone, alone.functions[0], states,
                                          std::make_shared<runtime::Arena>(alone), {}, diagnostics);
    if (!made.ok()) FAIL(diagnostics.render());
    for (size_t i = 0; i < inputs.size(); ++i)
        std::copy(inputs[i].begin(), inputs[i].end(), made->input(i));
    made->run({});
    Rows results;
    for (size_t i = 0; i < made->result_count(); ++i)
        results.emplace_back(made->result(i), made->result(i) + made->result_type(i).elements());
    return results;
}

/// The largest difference of results for the examples that both have, in units of the largest.
double difference(const Rows& a, const Rows& b) {
    double most = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        const size_t count = std::min(a[i].size(), b[i].size());
        double size = 1, here = 0;
        for (size_t k = 0; k < count; ++k) {
            size = std::max(size, std::abs(double{a[i][k]}));
            here = std::max(here, std::abs(double{a[i][k]} - double{b[i][k]}));
        }
        most = std::max(most, here / size);
    }
    return most;
}

ir::Module module_of_text(const std::string& body) {
    Diagnostics diagnostics;
    auto module = ir::parse_module("t",
                                   "gmc 2\nmodel \"t\"\n"
                                   "data @x : f32[8] = synthetic \"ring\" {}\n"
                                   "train {batch_size=4, epochs=1}\n"
                                   "state @w : f32[8,8] parameter = zeros\n" +
                                       body,
                                   diagnostics);
    if (!module.ok()) FAIL(diagnostics.render());
    return module.take();
}

}  // namespace

TEST_CASE("functions compute the same at other batch sizes") {
    int functions = 0;
    for (const std::string name : {"vae_mlp", "seed_vae", "seed_gan", "cgan", "cvae", "aae",
                                   "vq_vae", "classifier", "hinge_sn", "wgan_gp"})
        for (const std::string precision : {"f32", "bf16"}) {
            const ir::Module module = compile_without_data(name, kBatch, precision);
            runtime::StateStore states(module);
            Diagnostics diagnostics;
            REQUIRE(states.initialise(1, diagnostics));
            for (const ir::Function& function : module.functions) {
                std::string why;
                if (!rebatch(module, function, kBatch, why)) continue;
                ++functions;
                const Rows expected =
                    run(module, function, states, inputs_for(module, function, kBatch));
                for (int64_t rows : {1, 2, 6, 40}) {
                    INFO(name << " @" << function.name << ", " << precision << ", rows: " << rows);
                    const auto other = rebatch(module, function, rows, why);
                    REQUIRE(other.has_value());
                    const Rows found = run(*other, other->functions.back(), states,
                                           inputs_for(module, function, rows));
                    CHECK(difference(expected, found) < (precision == "bf16" ? 0.02 : 2e-5));
                }
            }
        }
    CHECK(functions > 30);
}

TEST_CASE("functions that couple examples are not made for another batch size") {
    const auto why = [](const std::string& body) {
        const ir::Module module = module_of_text(body);
        std::string text;
        CHECK_FALSE(rebatch(module, module.functions[0], 1, text).has_value());
        return text;
    };
    const std::string head = "func @f(%x: f32[4,8] = data.x) {\n";
    CHECK(why(head + "  %s = reduce_sum %x {axes=[0]} : f32[8]\n"
                     "  %b = broadcast %s {dims=[1]} : f32[4,8]\n  result y = %b\n}\n") ==
          "`reduce_sum` works over examples");
    CHECK(why(head + "  %s = matmul %x, %x {transpose_b=true} : f32[4,4]\n  result y = %s\n}\n") ==
          "`matmul` multiplies examples with each other");
    CHECK(why(head + "  %s = slice %x {starts=[1,0], limits=[3,8]} : f32[2,8]\n"
                     "  %t = concat %s, %s {axis=0} : f32[4,8]\n  result y = %t\n}\n") ==
          "`slice` takes some of the examples");
    CHECK(why(head + "  %s = random_normal {stream=1} : f32[4,8]\n"
                     "  %t = add %x, %s : f32[4,8]\n  result y = %t\n}\n") ==
          "`random_normal` draws numbers for the whole batch");
    CHECK(why(head + "  %s = iota {stride=8, size=4} : f32[4,8]\n"
                     "  %t = add %x, %s : f32[4,8]\n  result y = %t\n}\n") ==
          "`iota` counts examples");
    CHECK(why(head + "  %s = transpose %x {permutation=[1,0]} : f32[8,4]\n  result y = %s\n}\n") ==
          "result `y` has no row per example");
    CHECK(why("func @f(%x: f32[4,8] = data.x) {\n  update @w = @w\n  result y = %x\n}\n") ==
          "it updates states");
    // The body of a scan behind what couples the examples, and of a scan in that body.
    const auto beside = [&](const std::string& couples) {
        const ir::Module module = module_of_text(
            "body @f.in(%x: f32[4,8] = carried) {\n  %n = tanh %x : f32[4,8]\n  result n = %n\n}\n"
            "body @f.out(%x: f32[4,8] = carried) {\n"
            "  %n = scan %x {body=\"f.in\", count=2} : f32[4,8]\n  result n = %n\n}\n" +
            head + couples + "  %y = scan %x {body=\"f.out\", count=3} : f32[4,8]\n" +
            "  result y = %y\n}\n");
        std::string text;
        CHECK_FALSE(rebatch(module, *module.find_function("f"), 1, text).has_value());
        return text;
    };
    CHECK(beside("  %s = reduce_max %x {axes=[0]} : f32[8]\n") ==
          "`reduce_max` works over examples");
    CHECK(beside("  %s = slice %x {starts=[1,0], limits=[3,8]} : f32[2,8]\n") ==
          "`slice` takes some of the examples");
}

TEST_CASE("the batch is followed through shapes, and back to constants") {
    const ir::Module module = module_of_text(
        "func @f(%x: f32[4,8] = data.x) {\n"
        "  %r = reshape %x : f32[8,4]\n"
        "  %o = constant {value=2} : f32[8,4]\n"
        "  %s = add %r, %o : f32[8,4]\n"
        "  %b = reshape %s : f32[4,8]\n"
        "  %c = concat %x, %b {axis=0} : f32[8,8]\n"
        "  %m = matmul %c, @w : f32[8,8]\n"
        "  %t = transpose %m {permutation=[1,0]} : f32[8,8]\n"
        "  %u = slice %t {starts=[0,4], limits=[8,8]} : f32[8,4]\n"
        "  %v = transpose %u {permutation=[1,0]} : f32[4,8]\n"
        "  result y = %v\n}\n");
    std::string why;
    const auto two = rebatch(module, module.functions[0], 2, why);
    INFO(why);
    REQUIRE(two.has_value());
    const auto type = [&](const std::string& name) {
        for (const ir::Value& value : two->functions[0].values)
            if (value.name == name) return ir::to_string(value.type);
        return std::string();
    };
    CHECK(type("o") == "f32[4,4]");
    CHECK(type("c") == "f32[4,8]");
    CHECK(type("u") == "f32[8,2]");
    CHECK(two->functions[0].operations[7].as<ir::Slice>()->starts == std::vector<int64_t>{0, 2});
}

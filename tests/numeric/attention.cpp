// Attention by its kernels, its reference and its plain form: the same numbers at every size, with
// and without a mask, and the same bits with any number of threads.
#include <cmath>
#include "compiler/ir/text/printer.h"
#include "compiler/ir/verifier.h"
#include "compiler/ops/plain_form.h"
#include "runtime/threads/thread_count.h"

#include "tests/catch.h"
#include "tests/numeric/gradient/gradient_check.h"
#include "tests/numeric/reference_comparison.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

struct Sizes {
    int64_t n, t, s, h, d, e;
};
/// Around vectors, register tiles and blocks of rows; one key; many keys.
const std::vector<Sizes> kSizes = {
    {1, 1, 1, 1, 1, 1},     {2, 3, 5, 2, 4, 6},    {1, 24, 16, 3, 16, 16}, {2, 25, 17, 1, 17, 33},
    {1, 49, 64, 4, 32, 32}, {1, 130, 7, 1, 5, 66}, {2, 6, 300, 2, 8, 8},   {1, 70, 96, 1, 64, 100}};
const std::vector<std::vector<int64_t>> kMasks = {{}, {3}, {2, 3}, {0, 3}, {0, 1, 2, 3}};

/// @f: attention of inputs, and its gradient by q, k and v for a given one of the result.
ir::Module attention_module(const Sizes& z, const std::vector<int64_t>& mask_dims) {
    ir::Module module;
    ir::Function& f = module.functions.emplace_back();
    f.name = "f";
    ir::Builder b(module, f);
    const auto input = [&](const char* name, ir::Shape shape) {
        const ir::ValueId v = f.add_value(name, ir::f32(std::move(shape)));
        f.inputs.push_back({v, {}});
        return v;
    };
    std::vector<ir::ValueId> x = {input("q", {z.n, z.t, z.h, z.d}),
                                  input("k", {z.n, z.s, z.h, z.d}),
                                  input("v", {z.n, z.s, z.h, z.e})};
    const ir::ValueId g = input("g", {z.n, z.t, z.h, z.e});
    const ir::Shape scores = {z.n, z.h, z.t, z.s};
    ir::Shape mask;
    for (int64_t axis : mask_dims) mask.push_back(scores[static_cast<size_t>(axis)]);
    if (!mask_dims.empty()) x.push_back(input("mask", mask));
    const ir::AttentionForm form{1 / std::sqrt(static_cast<double>(z.d)), mask_dims};
    f.results.push_back({"y", b.emit(ir::Attention{form}, x)});
    x.insert(x.begin() + 3, g);
    const auto gradients =
        b.emit_results(ir::AttentionGradient{form}, x, {b.type(x[0]), b.type(x[1]), b.type(x[2])});
    for (size_t i = 0; i < 3; ++i) f.results.push_back({"d" + std::to_string(i), gradients[i]});
    return module;
}

std::string describe(const Sizes& z, const std::vector<int64_t>& mask_dims) {
    return ir::to_string(ir::Shape{z.n, z.t, z.s, z.h, z.d, z.e}) + " mask " +
           ir::to_string(mask_dims);
}

}  // namespace

TEST_CASE("attention's kernels agree with the reference at every size, under every mask") {
    for (const Sizes& z : kSizes)
        for (const auto& mask : kMasks) {
            INFO(describe(z, mask));
            const ir::Module module = attention_module(z, mask);
            const ir::Function& f = module.functions[0];
            CHECK(compare_fast_path(module, f, random_inputs(module, f, 7)) == "");
        }
}

TEST_CASE("attention is its plain form") {
    for (const Sizes& z : kSizes)
        for (const auto& mask : kMasks) {
            INFO(describe(z, mask));
            const ir::Module module = attention_module(z, mask);
            ir::Module plain = module;
            ops::expand_plain_forms(plain);
            for (const ir::Operation& op : plain.functions[0].operations)
                CHECK_FALSE(ops::has_plain_form(op));
            const RunInputs inputs = random_inputs(module, module.functions[0], 8);
            CHECK(difference(run_by_reference(plain, plain.functions[0], inputs),
                             run_by_reference(module, module.functions[0], inputs),
                             kRewrite) == "");
        }
}

TEST_CASE("attention has the same bits with any number of threads") {
    const int before = runtime::thread_count();
    for (const Sizes& z : kSizes) {
        const ir::Module module = attention_module(z, {2, 3});
        const ir::Function& f = module.functions[0];
        const RunInputs inputs = random_inputs(module, f, 9);
        runtime::set_thread_count(1);
        const RunOutputs one = run_by_executable(module, f, inputs);
        for (int threads : {2, 3, 8}) {
            INFO(threads << " threads, " << describe(z, {2, 3}));
            runtime::set_thread_count(threads);
            CHECK(run_by_executable(module, f, inputs) == one);
        }
    }
    runtime::set_thread_count(before);
}

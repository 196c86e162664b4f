// Every run has its own exact allocations, so that the address sanitizer sees each step outside.
#include "tests/numeric/loop_harness.h"

#include <fmt/format.h>

#include <cmath>

#include "compiler/ir/printer.h"
#include "runtime/kernels/loop_plan.h"
#include "runtime/reference/reference_kernel.h"

namespace gmc::tests {

LoopHarness::LoopHarness(uint64_t seed) : random_(seed) {
    module_.functions.emplace_back();
    module_.functions[0].name = "f";
}

ir::ValueId LoopHarness::input(const ir::Shape& shape, double low, double high) {
    std::vector<float> data(static_cast<size_t>(ir::f32(shape).elements()));
    for (float& x : data) x = static_cast<float>(random_.uniform(low, high));
    return input(shape, std::move(data));
}

ir::ValueId LoopHarness::input(const ir::Shape& shape, std::vector<float> data) {
    const ir::ValueId id = function().add_value("x", ir::f32(shape));
    function().inputs.push_back({id, "argument"});
    memory_[id] = std::move(data);
    return id;
}

void LoopHarness::fuse(const ir::Shape& space, std::vector<ir::ValueId> results) {
    ir::Operation fused;
    fused.op = ir::Fused{space};
    fused.body = std::move(function().operations);
    fused.results = std::move(results);
    for (const ir::Input& in : function().inputs) fused.operands.push_back(in.value);
    function().operations = {std::move(fused)};
}

LoopHarness::Results LoopHarness::run(Maker make) {
    Results inputs = memory_, results;
    runtime::Buffers buffers(function().values.size());
    for (auto& [id, data] : inputs) buffers.set(id, data.data());
    // The plain loops read all operands before they write, but not those of a body: they never work in place here.
    const bool in_place = make != &runtime::make_reference_kernel;
    for (ir::ValueId id : operation().results) {
        const auto found = in_place_.find(id);
        std::vector<float>& home =
            in_place && found != in_place_.end() ? inputs.at(found->second) : results[id];
        home.resize(static_cast<size_t>(function().type(id).elements()), -77);
        buffers.set(id, home.data());
    }
    make(function(), operation(), buffers)->run(context);
    if (in_place)
        for (const auto& [id, in] : in_place_) results[id] = inputs.at(in);
    return results;
}

size_t LoopHarness::tile_steps() {
    Results memory = memory_;
    for (ir::ValueId id : operation().results)
        memory[id].resize(static_cast<size_t>(function().type(id).elements()));
    runtime::Buffers buffers(function().values.size());
    for (auto& [id, data] : memory) buffers.set(id, data.data());
    return runtime::make_loop_plan(function(), operation(), buffers).tile_steps.size();
}

std::string LoopHarness::difference(double relative, double absolute, Maker make) {
    const Results found = run(make), expected = run(&runtime::make_reference_kernel);
    std::string worst_text;
    double worst = 1;
    for (const auto& [id, values] : expected)
        for (size_t i = 0; i < values.size(); ++i) {
            const double a = found.at(id)[i], b = values[i];
            if (a == b || (std::isnan(a) && std::isnan(b))) continue;
            const double error = std::fabs(a - b) / (relative * std::fabs(b) + absolute);
            if (error <= worst) continue;
            worst = std::isnan(error) ? INFINITY : error;
            worst_text = fmt::format("%{}[{}] is {}, expected {}\n{}", function().values[id].name,
                                     i, a, b, ir::print(module_, function()));
        }
    return worst_text;
}

}  // namespace gmc::tests

// Every tensor has an allocation of its exact size, so that AddressSanitizer sees every access
// outside of it.
#include "tests/numeric/loop/loop_harness.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "compiler/ir/text/printer.h"
#include "runtime/kernels/bf16.h"
#include "runtime/kernels/loop/loop_plan.h"
#include "runtime/reference/reference_kernel.h"

namespace gmc::tests {
namespace {

/// A tensor's memory.
using Memory = std::vector<std::byte>;

float* address(Memory& memory) { return reinterpret_cast<float*>(memory.data()); }

Memory in_memory(const std::vector<float>& numbers, const ir::Type& type) {
    Memory memory(static_cast<size_t>(type.bytes()));
    if (type.dtype == ir::DType::kF32) {
        std::memcpy(memory.data(), numbers.data(), memory.size());
        return memory;
    }
    for (size_t i = 0; i < numbers.size(); ++i) {
        const uint16_t narrow = runtime::bf16_from_float(numbers[i]);
        std::memcpy(memory.data() + 2 * i, &narrow, sizeof narrow);
    }
    return memory;
}

std::vector<float> numbers_of(const Memory& memory, const ir::Type& type) {
    std::vector<float> numbers(static_cast<size_t>(type.elements()));
    if (type.dtype == ir::DType::kF32) {
        std::memcpy(numbers.data(), memory.data(), memory.size());
        return numbers;
    }
    for (size_t i = 0; i < numbers.size(); ++i) {
        uint16_t narrow;
        std::memcpy(&narrow, memory.data() + 2 * i, sizeof narrow);
        numbers[i] = runtime::float_from_bf16(narrow);
    }
    return numbers;
}

}  // namespace

LoopHarness::LoopHarness(uint64_t seed) : random_(seed) {
    module_.functions.emplace_back();
    module_.functions[0].name = "f";
}

ir::ValueId LoopHarness::input(const ir::Shape& shape, double low, double high, ir::DType dtype) {
    std::vector<float> data(static_cast<size_t>(ir::f32(shape).elements()));
    for (float& x : data) {
        x = static_cast<float>(random_.uniform(low, high));
        if (dtype == ir::DType::kBf16) x = runtime::rounded_to_bf16(x);
    }
    const ir::ValueId id = input(shape, std::move(data));
    function().values[id].type.dtype = dtype;
    return id;
}

ir::ValueId LoopHarness::input(const ir::Shape& shape, std::vector<float> data) {
    const ir::ValueId id = function().add_value("x", ir::f32(shape));
    function().inputs.push_back({id, {}});
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

/// Copies all inputs into memory of their own first, as the loop may write in place; so every run
/// begins with the same numbers. Results begin as -77, and an element that nobody writes stays one.
LoopHarness::Results LoopHarness::run(Maker make) {
    std::map<ir::ValueId, Memory> inputs, outputs;
    runtime::Buffers buffers(function().values.size());
    for (const auto& [id, data] : memory_) {
        inputs[id] = in_memory(data, function().type(id));
        buffers.set(id, address(inputs[id]));
    }
    // The plain loops read all operands of an op before they write its result, but not those of a
    // whole body. So they never work in place here.
    const bool in_place = make != &runtime::make_reference_kernel;
    const auto home = [&](ir::ValueId id) -> Memory& {
        const auto found = in_place_.find(id);
        return in_place && found != in_place_.end() ? inputs.at(found->second) : outputs[id];
    };
    for (ir::ValueId id : operation().results) {
        const ir::Type& type = function().type(id);
        Memory& memory = home(id);
        if (memory.empty())
            memory = in_memory(std::vector<float>(static_cast<size_t>(type.elements()), -77), type);
        buffers.set(id, address(memory));
    }
    make(function(), operation(), buffers)->run(context);
    Results results;
    for (ir::ValueId id : operation().results)
        results[id] = numbers_of(home(id), function().type(id));
    return results;
}

size_t LoopHarness::tile_actions() {
    Results memory = memory_;
    for (ir::ValueId id : operation().results)
        memory[id].resize(static_cast<size_t>(function().type(id).elements()));
    runtime::Buffers buffers(function().values.size());
    for (auto& [id, data] : memory) buffers.set(id, data.data());
    return runtime::make_loop_plan(function(), operation(), buffers).tile_actions.size();
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

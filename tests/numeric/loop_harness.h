// One loop op on data of its own: built with ir::Builder, run by the loop kernel and by the plain loops in double, compared.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/ir/builder.h"
#include "compiler/ir/printer.h"
#include "runtime/kernels/loop.h"
#include "runtime/reference/reference_kernel.h"
#include "tests/numeric/test_random.h"

namespace gmc::tests {

class LoopHarness {
  public:
    using Maker = std::unique_ptr<runtime::Kernel> (*)(const ir::Function&, const ir::Operation&, const runtime::Buffers&);

    explicit LoopHarness(uint64_t seed = 1) : random_(seed) {
        module_.functions.emplace_back();
        module_.functions[0].name = "f";
    }

    ir::Function& function() { return module_.functions[0]; }
    ir::Builder builder() { return ir::Builder(module_, function()); }
    runtime::CallContext context{.seed = 0x123456789abcdef, .call = 7, .step = 41, .epoch = 2.5};

    /// An input with random elements in [low, high).
    ir::ValueId input(const ir::Shape& shape, double low = -2, double high = 2) {
        std::vector<float> data(static_cast<size_t>(ir::f32(shape).elements()));
        for (float& x : data) x = static_cast<float>(random_.uniform(low, high));
        return input(shape, std::move(data));
    }
    ir::ValueId input(const ir::Shape& shape, std::vector<float> data) {
        const ir::ValueId id = function().add_value("x", ir::f32(shape));
        function().inputs.push_back({id, "argument"});
        memory_[id] = std::move(data);
        return id;
    }

    /// Makes all ops so far the body of one `fused` op with these results.
    void fuse(const ir::Shape& space, std::vector<ir::ValueId> results) {
        ir::Operation fused;
        fused.op = ir::Fused{space};
        fused.body = std::move(function().operations);
        fused.results = std::move(results);
        for (const ir::Input& in : function().inputs) fused.operands.push_back(in.value);
        function().operations = {std::move(fused)};
    }

    const ir::Operation& operation() { return function().operations.back(); }

    /// Result `of` shall lie in the memory of the input `in`.
    void put_in_place(ir::ValueId of, ir::ValueId in) { in_place_[of] = in; }

    /// The loop kernel's results.
    std::map<ir::ValueId, std::vector<float>> run() { return run(&runtime::make_loop_kernel); }

    /// The largest error of the loop kernel in units of relative |expected| + absolute; a text with the worst element when above 1.
    std::string difference(double relative, double absolute, Maker make = &runtime::make_loop_kernel) {
        const auto found = run(make), expected = run(&runtime::make_reference_kernel);
        std::string worst_text;
        double worst = 1;
        for (const auto& [id, values] : expected)
            for (size_t i = 0; i < values.size(); ++i) {
                const double a = found.at(id)[i], b = values[i];
                if (a == b || (std::isnan(a) && std::isnan(b))) continue;
                const double error = std::fabs(a - b) / (relative * std::fabs(b) + absolute);
                if (error <= worst) continue;
                worst = std::isnan(error) ? INFINITY : error;
                worst_text = fmt::format("%{}[{}] is {}, expected {}\n{}", function().values[id].name, i, a, b,
                                         ir::print(module_, function()));
            }
        return worst_text;
    }

  private:
    std::map<ir::ValueId, std::vector<float>> run(Maker make) {
        // Exact allocations of their own, so that the address sanitizer sees every step outside.
        std::map<ir::ValueId, std::vector<float>> inputs = memory_, results;
        runtime::Buffers buffers(function().values.size());
        for (auto& [id, data] : inputs) buffers.set(id, data.data());
        const bool fast = make != &runtime::make_reference_kernel;
        for (ir::ValueId id : operation().results) {
            const auto in_place = in_place_.find(id);
            std::vector<float>& home = fast && in_place != in_place_.end() ? inputs.at(in_place->second) : results[id];
            home.resize(static_cast<size_t>(function().type(id).elements()), -77);
            buffers.set(id, home.data());
        }
        make(function(), operation(), buffers)->run(context);
        if (fast)
            for (const auto& [id, in] : in_place_) results[id] = inputs.at(in);
        return results;
    }

    ir::Module module_;
    TestRandom random_;
    std::map<ir::ValueId, std::vector<float>> memory_;
    std::map<ir::ValueId, ir::ValueId> in_place_;
};

}  // namespace gmc::tests

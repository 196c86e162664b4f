// One loop op on numbers of its own. It is built with ir::Builder, run by the loop kernel and by
// the plain loops in double, and the two are compared.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/ir/builder.h"
#include "runtime/kernels/loop/loop.h"
#include "tests/numeric/test_random.h"

namespace gmc::tests {

/// Usage: inputs are made, ops emitted with `builder`, and joined with `fuse`; then `run` or
/// `difference`.
class LoopHarness {
  public:
    using Maker = std::unique_ptr<runtime::Kernel> (*)(const ir::Function&, const ir::Operation&,
                                                       const runtime::Buffers&);
    using Results = std::map<ir::ValueId, std::vector<float>>;

    explicit LoopHarness(uint64_t seed = 1);

    ir::Function& function() { return module_.functions[0]; }
    const ir::Operation& operation() { return function().operations.back(); }
    ir::Builder builder() { return ir::Builder(module_, function()); }
    runtime::CallContext context{.seed = 0x123456789abcdef, .call = 7, .step = 41, .epoch = 2.5};

    /// An input of random elements in [low, high), rounded to numbers that `dtype` has.
    ir::ValueId input(const ir::Shape& shape, double low = -2, double high = 2,
                      ir::DType dtype = ir::DType::kF32);
    ir::ValueId input(const ir::Shape& shape, std::vector<float> data);

    /// Makes all ops so far the body of one `fused` op with these results.
    void fuse(const ir::Shape& space, std::vector<ir::ValueId> results);
    /// Puts result `of` in the memory of input `in`.
    void put_in_place(ir::ValueId of, ir::ValueId in) { in_place_[of] = in; }

    /// The kernel's results.
    Results run(Maker make = &runtime::make_loop_kernel);
    /// How many actions the loop takes for a tile.
    size_t tile_actions();
    /// "" when every element differs from the plain loops' result by at most relative * |expected|
    /// + absolute; otherwise the worst element.
    std::string difference(double relative, double absolute,
                           Maker make = &runtime::make_loop_kernel);

  private:
    ir::Module module_;
    TestRandom random_;
    std::map<ir::ValueId, std::vector<float>> memory_;
    std::map<ir::ValueId, ir::ValueId> in_place_;
};

}  // namespace gmc::tests

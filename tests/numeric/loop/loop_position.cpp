// An element-wise op has to give an element the same bits wherever it is in a loop: in a full
// vector, in a remainder, next to other elements. The gradient of reduce_max depends on that: it
// compares x, which another loop may have computed again, with the stored maximum.
#include <cmath>
#include <cstring>
#include <vector>

#include "runtime/kernels/tile_cast.h"
#include "runtime/kernels/tile_function.h"
#include "tests/catch.h"
#include "tests/numeric/loop/loop_targets.h"
#include "tests/numeric/test_random.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

constexpr size_t kCount = 400;

/// Numbers of all sizes; every twentieth is too large for the fast sine.
std::vector<float> numbers(uint64_t seed) {
    TestRandom random(seed);
    std::vector<float> out;
    for (size_t i = 0; i < kCount; ++i)
        out.push_back(static_cast<float>(random.uniform(-3, 3) * (i % 20 == 7 ? 1e5 : 1)));
    return out;
}

/// `function` makes results of `size` bytes.
void check_op(const ir::OpVariant& op, runtime::TileFunction function, size_t size) {
    const std::vector<float> in[] = {numbers(1), numbers(2), numbers(3)};
    INFO(ir::op_info(op).name);
    REQUIRE(function != nullptr);
    const auto run = [&](size_t first, size_t count) {
        std::vector<std::byte> out(count * size);
        runtime::TileCall call;
        call.out = reinterpret_cast<float*>(out.data()), call.count = count;
        call.op = runtime::op_address(op);
        for (size_t k = 0; k < 3; ++k) call.in[k] = in[k].data() + first;
        function(call);
        return out;
    };
    const std::vector<std::byte> whole = run(0, kCount);
    size_t different = 0;
    for (size_t first = 0; first < 40; ++first)
        for (size_t count = 1; count < 70; ++count)
            different += std::memcmp(run(first, count).data(), whole.data() + first * size,
                                     count * size) != 0;
    CHECK(different == 0);
}

void check_op(const ir::OpVariant& op) {
    check_op(op, runtime::tile_function(op, 0), sizeof(float));
}
void check_op(const ir::Cast& op) {
    check_op(op, runtime::cast_function(ir::DType::kF32, ir::DType::kBf16, 0), sizeof(uint16_t));
}

template <typename Op>
void check_elementwise(const Op& op) {
    if constexpr (Op::kInfo.has(ir::kElementwise)) check_op(op);
}

}  // namespace

TEST_CASE("an element does not depend on where it stands") {
    for_each_simd_target([] {
#define GMC_OP(Name) check_elementwise(ir::Name{});
#include "compiler/ir/op_kind.def"
#undef GMC_OP
        check_op(ir::Pow{0.3});
        check_op(ir::Pow{-2});
        check_op(ir::LeakyRelu{0.3});
    });
}

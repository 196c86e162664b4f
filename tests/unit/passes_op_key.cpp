// Keys of operations, which are equal only for equal operations.
#include "compiler/passes/op_key.h"

#include "compiler/ir/ops.h"
#include "tests/catch.h"

namespace gmc::passes {

TEST_CASE("a list's length counts in a key, however long the list is", "[passes]") {
    // The bytes of both keys differ in nothing but the lengths, which are equal modulo 256.
    const ir::OpVariant op = ir::Concat{};
    std::vector<int64_t> long_shape(130, 0);
    long_shape[127] = int64_t{2} << 56;
    std::vector<int> many_operands(258, 0);
    many_operands[2] = 130;
    const std::vector<int> two_operands(2, 0);
    CHECK(op_key(op, two_operands, {ir::DType::kF32, long_shape}) !=
          op_key(op, many_operands, {ir::DType::kF32, {0, 0}}));
}

}  // namespace gmc::passes

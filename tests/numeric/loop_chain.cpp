// Two steps joined into one tile function give the bits of both, and are left apart where memory between them changes.
#include <cstring>

#include "tests/catch.h"
#include "tests/numeric/loop_harness.h"
#include "tests/numeric/loop_targets.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// second(first(x, y), z), or with the operands of `second` swapped; bit i of `splats` makes a number of operand i.
struct ChainCase {
    ir::OpVariant first, second;
    bool swapped;
    unsigned splats;
    ir::Shape shape;

    /// The result's elements. With `apart` what `first` gives is a result, too, which keeps the two steps apart.
    std::vector<float> run(bool apart) const {
        LoopHarness h;
        ir::Builder b = h.builder();
        const auto operand = [&](unsigned index) {
            return (splats >> index & 1) != 0 ? b.splat(h.input({}, 0.5, 4), shape)
                                              : h.input(shape, 0.5, 4);
        };
        const bool unary = std::holds_alternative<ir::Sqrt>(first);
        std::vector<ir::ValueId> operands{operand(0)};
        if (!unary) operands.push_back(operand(1));
        const ir::ValueId z = operand(2), middle = b.emit(first, operands);
        const ir::ValueId out =
            b.emit(second, swapped ? std::vector{z, middle} : std::vector{middle, z});
        h.fuse(shape, apart ? std::vector{middle, out} : std::vector{out});
        return h.run().at(out);
    }
};

}  // namespace

TEST_CASE("a chain of two steps gives the bits of the two") {
    const std::vector<ir::OpVariant> firsts{ir::Add{}, ir::Sub{}, ir::Mul{}, ir::Div{}, ir::Sqrt{}};
    const std::vector<ir::OpVariant> seconds{ir::Add{}, ir::Sub{}, ir::Mul{}, ir::Div{}};
    for_each_simd_target([&] {
        for (const ir::OpVariant& first : firsts)
            for (const ir::OpVariant& second : seconds)
                for (unsigned form = 0; form < 16; ++form)
                    for (const ir::Shape& shape : std::vector<ir::Shape>{{1031}, {37, 5}}) {
                        const ChainCase c{first, second, form >= 8, form & 7, shape};
                        const std::vector<float> joined = c.run(false), apart = c.run(true);
                        REQUIRE(joined.size() == apart.size());
                        INFO(ir::op_info(first).name << " " << ir::op_info(second).name << " "
                                                     << form);
                        CHECK(std::memcmp(joined.data(), apart.data(), 4 * joined.size()) == 0);
                    }
    });
}

TEST_CASE("a step stays where it is when what it reads is written over before its reader comes") {
    const ir::Shape shape{5000};
    LoopHarness h;
    ir::Builder b = h.builder();
    const ir::ValueId x = h.input(shape), y = h.input(shape);
    const ir::ValueId difference = b.sub(x, y), sum = b.add(x, y);
    const ir::ValueId product = b.mul(b.emit(ir::Exp{}, {sum}), y);
    const ir::ValueId last = b.mul(difference, product);
    h.fuse(shape, {sum, last});
    h.put_in_place(sum, x);
    CHECK(h.difference(2e-6, 2e-7) == "");
}

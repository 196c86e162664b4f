// Ops that are joined into one piece of machine code have to give the bits of their separate loop
// functions; and ops are joined wherever that is possible.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/kernels/loop/joined_tile.h"
#include "tests/catch.h"
#include "tests/numeric/loop/loop_harness.h"
#include "tests/numeric/loop/loop_targets.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

using Floats = std::vector<float>;

const std::vector<ir::OpVariant> kOps{
    ir::Abs{}, ir::Add{}, ir::Div{},    ir::Greater{}, ir::LeakyRelu{0.2}, ir::LeakyRelu{0},
    ir::Mul{}, ir::Neg{}, ir::Select{}, ir::Sqrt{},    ir::Sub{}};

size_t arity(const ir::OpVariant& op) {
    const std::string_view operands = ir::op_info(op).operands;
    return 1 + static_cast<size_t>(std::count(operands.begin(), operands.end(), ','));
}

/// Random numbers that include every special one; a single number when `splat`.
Floats operand(TestRandom& random, int64_t count, bool splat) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    static const Floats kSpecial{0.0f, -0.0f, kInfinity, -kInfinity,
                                 std::numeric_limits<float>::quiet_NaN()};
    Floats out(splat ? 1 : static_cast<size_t>(count));
    for (float& x : out)
        x = random.chance(0.125) ? random.pick(kSpecial)
                                 : static_cast<float>(random.uniform(-2, 2));
    return out;
}

/// A body of ops on values 0, 1, ...: first the operands, then the ops' results.
struct Body {
    struct Op {
        ir::OpVariant op;
        std::vector<size_t> in;
    };
    ir::Shape shape;
    std::vector<Floats> operands;
    std::vector<Op> ops;
    std::vector<size_t> results;

    /// Runs all ops in one loop.
    std::vector<Floats> run_joined() const {
        LoopHarness h;
        ir::Builder b = h.builder();
        std::vector<ir::ValueId> values, out;
        for (const Floats& data : operands) values.push_back(add_operand(h, data));
        for (const Op& op : ops) {
            std::vector<ir::ValueId> in;
            for (size_t i : op.in) in.push_back(values[i]);
            values.push_back(b.emit(op.op, in));
        }
        for (size_t i : results) out.push_back(values[i]);
        h.fuse(shape, out);
        const auto found = h.run();
        std::vector<Floats> all;
        for (ir::ValueId value : out) all.push_back(found.at(value));
        return all;
    }

    /// Runs each op in a loop of its own, where there is nothing to join it with.
    std::vector<Floats> run_apart() const {
        std::vector<Floats> values = operands, all;
        for (const Op& op : ops) {
            LoopHarness h;
            ir::Builder b = h.builder();
            std::vector<ir::ValueId> in;
            for (size_t i : op.in) in.push_back(add_operand(h, values[i]));
            const ir::ValueId out = b.emit(op.op, in);
            h.fuse(shape, {out});
            values.push_back(h.run().at(out));
        }
        for (size_t i : results) all.push_back(values[i]);
        return all;
    }

  private:
    ir::ValueId add_operand(LoopHarness& h, const Floats& data) const {
        return data.size() == 1 ? h.builder().splat(h.input({}, data), shape)
                                : h.input(shape, data);
    }
};

void check_bits(const Body& body) {
    const std::vector<Floats> joined = body.run_joined(), apart = body.run_apart();
    REQUIRE(joined.size() == apart.size());
    for (size_t i = 0; i < joined.size(); ++i) {
        REQUIRE(joined[i].size() == apart[i].size());
        // Any NaN will do: which one results from two is the compiler's choice in the separate
        // functions.
        for (size_t k = 0; k < joined[i].size(); ++k) {
            if (std::isnan(joined[i][k]) && std::isnan(apart[i][k])) continue;
            if (std::memcmp(&joined[i][k], &apart[i][k], sizeof(float)) != 0) {
                CAPTURE(i, k, joined[i][k], apart[i][k]);
                FAIL_CHECK("other bits");
                return;
            }
        }
    }
}

int64_t elements(const ir::Shape& shape) { return ir::Type{ir::DType::kF32, shape}.elements(); }

Body random_body(uint64_t seed, int ops) {
    TestRandom random(seed);
    Body body{{2, 777}};
    for (int i = 0; i < 14; ++i) body.operands.push_back(operand(random, 1554, i % 5 == 4));
    for (int i = 0; i < ops; ++i) {
        // exp cannot be joined, so it separates the others.
        Body::Op op{random.chance(0.1) ? ir::OpVariant(ir::Exp{}) : random.pick(kOps)};
        const auto values = static_cast<int64_t>(body.operands.size() + body.ops.size());
        // One operand is among the last few values, so that everything is connected;
        // operand 12 has a value per element.
        op.in.push_back(static_cast<size_t>(
            random.integer(i == 0 ? 12 : values - 2, i == 0 ? 12 : values - 1)));
        while (op.in.size() < arity(op.op))
            op.in.push_back(static_cast<size_t>(random.integer(0, values - 1)));
        body.ops.push_back(op);
        if (i == ops - 1 || random.chance(0.1)) body.results.push_back(static_cast<size_t>(values));
    }
    return body;
}

}  // namespace

TEST_CASE("two joined ops give the bits of the two") {
    TestRandom random(5);
    const std::vector<ir::Shape> shapes{{1031}, {37, 5}, {3}};
    for_each_simd_target([&] {
        for (const ir::OpVariant& first : kOps)
            for (const ir::OpVariant& second : kOps)
                for (const ir::Shape& shape : shapes) {
                    INFO(ir::op_info(first).name << ", " << ir::op_info(second).name);
                    Body body{shape};
                    const size_t n = arity(first), all = n + arity(second) - 1;
                    // The first op needs a value per element; which operand of the second op that
                    // becomes is random.
                    for (size_t i = 0; i < all; ++i)
                        body.operands.push_back(
                            operand(random, elements(shape), i != 0 && random.chance(0.3)));
                    Body::Op a{first}, b{second};
                    for (size_t i = 0; i < n; ++i) a.in.push_back(i);
                    for (size_t i = n; i < all; ++i) b.in.push_back(i);
                    b.in.insert(b.in.begin() + random.integer(0, static_cast<int64_t>(b.in.size())),
                                all);
                    body.ops = {a, b};
                    body.results = {all + 1};
                    if (random.chance(0.5)) body.results.push_back(all);
                    check_bits(body);
                }
    });
}

TEST_CASE("bodies of more ops than registers give the bits of their ops") {
    for_each_simd_target([&] {
        for (uint64_t seed = 1; seed <= 12; ++seed) {
            INFO("seed " << seed);
            check_bits(random_body(seed, 80));
        }
    });
}

TEST_CASE("a body of thousands of ops gives the bits of its ops, and is planned in a moment") {
    check_bits(random_body(1, 3000));
}

TEST_CASE("an op stays where it is when what it reads is written over before its reader comes") {
    const ir::Shape shape{5000};
    for_each_simd_target([&] {
        LoopHarness h;
        ir::Builder b = h.builder();
        const ir::ValueId x = h.input(shape), y = h.input(shape);
        const ir::ValueId difference = b.sub(x, y), sum = b.add(x, y);
        const ir::ValueId product = b.mul(b.emit(ir::Exp{}, {sum}), y);
        const ir::ValueId last = b.mul(difference, product);
        h.fuse(shape, {sum, last});
        h.put_in_place(sum, x);
        CHECK(h.difference(2e-6, 2e-7) == "");
    });
}

TEST_CASE("an update of Adam is one action") {
    if (!runtime::can_join(ir::Add{})) return;  // no x86-64, or no AVX2
    LoopHarness h;
    ir::Builder b = h.builder();
    const ir::Shape shape{3000};
    const ir::ValueId g = h.input(shape), m = h.input(shape), v = h.input(shape),
                      p = h.input(shape);
    const ir::ValueId rate = b.splat(h.input(ir::Shape{}), shape);
    const ir::ValueId m2 = b.add(m, b.mul(b.sub(g, m), b.constant(0.1, shape)));
    const ir::ValueId v2 = b.add(v, b.mul(b.sub(b.mul(g, g), v), b.constant(0.001, shape)));
    const ir::ValueId p2 =
        b.sub(p, b.div(b.mul(rate, m2), b.add(b.emit(ir::Sqrt{}, {v2}), b.constant(1e-7, shape))));
    h.fuse(shape, {m2, v2, p2});
    h.put_in_place(m2, m);
    h.put_in_place(v2, v);
    h.put_in_place(p2, p);
    CHECK(h.tile_actions() == 1);
}

// Random ops have to give the words of the scalar Philox on every SIMD target, at any offset and
// for any number of threads. Also checks their moments.
#include <array>
#include <cmath>
#include <numbers>

#include "runtime/kernels/philox.h"
#include "runtime/kernels/tile_function.h"
#include "runtime/threads/thread_count.h"
#include "tests/catch.h"
#include "tests/numeric/loop/loop_harness.h"
#include "tests/numeric/loop/loop_targets.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

constexpr int64_t kStream = 5;

std::vector<float> generate(const ir::OpVariant& op, const ir::Shape& shape) {
    LoopHarness h;
    const ir::ValueId out = h.builder().emit_typed(op, {}, ir::f32(shape));
    return h.run().at(out);
}

float scalar_uniform(int64_t element, const runtime::CallContext& call) {
    return runtime::philox_uniform(
        runtime::philox_word(static_cast<uint64_t>(element), call.call, kStream, call.seed));
}

}  // namespace

TEST_CASE("known answer of Philox4x32-10") {
    const runtime::PhiloxCounter words = runtime::philox4x32({0, 0, 0, 0}, {0, 0});
    CHECK(words == runtime::PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    for_each_simd_target([&] {
        LoopHarness h;
        h.context = {};
        const ir::ValueId out = h.builder().emit_typed(ir::RandomUniform{0}, {}, ir::f32({64}));
        const std::vector<float> x = h.run().at(out);
        for (size_t word = 0; word < 4; ++word)
            CHECK(x[word * 16] == runtime::philox_uniform(words[word]));
    });
}

TEST_CASE("uniform numbers are bit for bit those of the scalar Philox") {
    const runtime::CallContext call = LoopHarness().context;
    for_each_simd_target([&] {
        for (const ir::Shape& shape :
             std::vector<ir::Shape>{{}, {1}, {63}, {64}, {65}, {1000}, {100003}, {7, 11, 13}}) {
            const std::vector<float> x = generate(ir::RandomUniform{kStream}, shape);
            size_t wrong = 0;
            for (size_t i = 0; i < x.size(); ++i)
                wrong += x[i] != scalar_uniform(static_cast<int64_t>(i), call);
            INFO("shape " << ir::to_string(shape));
            CHECK(wrong == 0);
        }
    });
}

TEST_CASE("uniform numbers in loops whose tiles begin anywhere") {
    for (const ir::Shape& shape :
         std::vector<ir::Shape>{{300, 3}, {5, 1037}, {100, 100}, {9, 2500}, {3, 7, 11}}) {
        LoopHarness h;
        ir::Builder b = h.builder();
        const ir::ValueId bias = h.input({shape.back()});
        const ir::ValueId u = b.emit_typed(ir::RandomUniform{kStream}, {}, ir::f32(shape));
        const ir::ValueId repeated =
            b.broadcast(bias, {static_cast<int64_t>(shape.size()) - 1}, shape);
        const ir::ValueId sum = b.add(u, repeated);
        h.fuse(shape, {u, sum});
        const std::vector<float> x = h.run().at(u);
        size_t wrong = 0;
        for (size_t i = 0; i < x.size(); ++i)
            wrong += x[i] != scalar_uniform(static_cast<int64_t>(i), h.context);
        INFO("shape " << ir::to_string(shape));
        CHECK(wrong == 0);
        CHECK(h.difference(1e-6, 1e-6) == "");
    }
}

TEST_CASE("blocks above 2^32 use the upper counter word") {
    const auto expected = runtime::philox_block((uint64_t{3} << 32) + 2, 7, kStream, 9);
    // The element with word 0 of block 2, in a chunk that starts 3 * 2^32 blocks from the
    // beginning.
    const runtime::PhiloxPlace place = runtime::philox_place((uint64_t{3} << 34) + 2);
    CHECK(place.block == (uint64_t{3} << 32) + 2);
    for_each_simd_target([&] {
        const ir::OpVariant op = ir::RandomUniform{kStream};
        const runtime::CallContext context{.seed = 9, .call = 7};
        std::vector<float> out(64);
        runtime::TileCall call;
        call.out = out.data();
        call.count = out.size();
        call.op = runtime::op_address(op);
        call.first = int64_t{3} << 34;
        call.context = &context;
        runtime::tile_function(op, 0)(call);
        for (size_t word = 0; word < 4; ++word)
            CHECK(out[word * 16 + 2] == runtime::philox_uniform(expected[word]));
    });
}

TEST_CASE("normal numbers follow Box and Muller to a few ulp") {
    const runtime::CallContext call = LoopHarness().context;
    for_each_simd_target([&] {
        const std::vector<float> x = generate(ir::RandomNormal{kStream}, {100003});
        double worst = 0;
        for (size_t i = 0; i < x.size(); ++i) {
            const runtime::PhiloxPlace place = runtime::philox_place(i);
            const auto w = runtime::philox_block(place.block, call.call, kStream, call.seed);
            const uint32_t first = w[place.word / 2 * 2], second = w[place.word / 2 * 2 + 1];
            const double radius = std::sqrt(-2 * std::log(((first >> 8) + 1) * 0x1p-24));
            const double angle = 2 * std::numbers::pi * ((second >> 8) * 0x1p-24);
            const double exact = radius * (place.word % 2 == 0 ? std::cos(angle) : std::sin(angle));
            worst =
                std::max(worst, std::fabs(x[i] - exact) / (std::fabs(exact) * 0x1p-22 + 0x1p-26));
        }
        CHECK(worst < 1);
    });
}

TEST_CASE("moments of a million numbers") {
    const auto moments = [](const std::vector<float>& x) {
        std::array<double, 4> sums{};
        double mean = 0;
        for (float v : x) mean += v;
        mean /= static_cast<double>(x.size());
        for (float v : x)
            for (int k = 1; k < 4; ++k)
                sums[static_cast<size_t>(k)] +=
                    std::pow(v - mean, k + 1) / static_cast<double>(x.size());
        sums[0] = mean;
        return sums;  // mean, then central moments 2, 3, 4
    };
    // The bounds are about five standard errors.
    const auto u = moments(generate(ir::RandomUniform{1}, {1 << 20}));
    CHECK(std::fabs(u[0] - 0.5) < 1.5e-3);
    CHECK(std::fabs(u[1] - 1.0 / 12) < 4e-4);
    CHECK(std::fabs(u[3] - 1.0 / 80) < 2e-4);
    const auto n = moments(generate(ir::RandomNormal{1}, {1 << 20}));
    CHECK(std::fabs(n[0]) < 5e-3);
    CHECK(std::fabs(n[1] - 1) < 7e-3);
    CHECK(std::fabs(n[2]) < 2e-2);
    CHECK(std::fabs(n[3] - 3) < 5e-2);
}

TEST_CASE("numbers depend on seed, call and stream, not on threads") {
    LoopHarness h;
    const ir::ValueId out =
        h.builder().emit_typed(ir::RandomNormal{kStream}, {}, ir::f32({200000}));
    const auto first = h.run().at(out);
    const int threads = runtime::thread_count();
    for (int count : {1, 2, 3}) {
        runtime::set_thread_count(count);
        CHECK(h.run().at(out) == first);
    }
    runtime::set_thread_count(threads);
    ++h.context.call;
    const auto second = h.run().at(out);
    ++h.context.seed;
    CHECK(second != first);
    CHECK(h.run().at(out) != second);
    CHECK(generate(ir::RandomNormal{kStream + 1}, {200000}) != first);
}

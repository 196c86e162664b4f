// Memory of states, and their initial values.
#include <cmath>
#include <cstring>
#include <vector>

#include "runtime/kernels/bf16.h"
#include "runtime/kernels/philox.h"
#include "runtime/states/state_store.h"
#include "tests/catch.h"

using namespace gmc;
using namespace gmc::runtime;

namespace {

ir::Module one_state(const ir::Initializer& initializer, ir::Shape shape) {
    ir::Module module;
    ir::State state;
    state.name = "w", state.type = ir::f32(std::move(shape)), state.initializer = initializer;
    module.states.push_back(state);
    return module;
}

std::vector<float> initial(const ir::Initializer& initializer, ir::Shape shape, uint64_t seed = 1) {
    const ir::Module module = one_state(initializer, std::move(shape));
    StateStore store(module);
    Diagnostics diagnostics;
    REQUIRE(store.initialise(seed, diagnostics));
    return {store.data(0), store.data(0) + store.elements(0)};
}

struct Statistics {
    double mean = 0, deviation = 0, low = 1e30, high = -1e30;
    explicit Statistics(const std::vector<float>& values) {
        for (float v : values)
            mean += v, low = std::min<double>(low, v), high = std::max<double>(high, v);
        mean /= static_cast<double>(values.size());
        for (float v : values) deviation += (v - mean) * (v - mean);
        deviation = std::sqrt(deviation / static_cast<double>(values.size()));
    }
};

/// The largest entry of |a^T a - gain^2 I| for a [rows, columns], or of a a^T when there are fewer
/// rows.
double worst_product(const std::vector<float>& a, int64_t rows, int64_t columns, double gain) {
    const bool tall = rows >= columns;
    const int64_t count = tall ? columns : rows, length = tall ? rows : columns;
    double worst = 0;
    for (int64_t i = 0; i < count; ++i)
        for (int64_t j = 0; j < count; ++j) {
            double sum = i == j ? -gain * gain : 0;
            for (int64_t k = 0; k < length; ++k)
                sum += tall ? double(a[k * columns + i]) * a[k * columns + j]
                            : double(a[i * columns + k]) * a[j * columns + k];
            worst = std::max(worst, std::abs(sum));
        }
    return worst;
}

}  // namespace

TEST_CASE("states lie in one aligned block") {
    ir::Module module = one_state({}, {3});
    module.states.push_back({"v", ir::f32({2, 5}), ir::StateRole::kSlot, {}, {}});
    module.states.push_back({"s", ir::f32({}), ir::StateRole::kStatistic, {"ones"}, {}});
    StateStore store(module);
    CHECK(reinterpret_cast<uintptr_t>(store.bytes_begin()) % kBlockAlignment == 0);
    CHECK(store.bytes() == 3 * 128);
    for (ir::StateId id = 0; id < store.count(); ++id)
        CHECK(reinterpret_cast<uintptr_t>(store.data(id)) % 64 == 0);
    Diagnostics diagnostics;
    REQUIRE(store.initialise(1, diagnostics));
    CHECK(store.data(0)[2] == 0);
    CHECK(*store.data(2) == 1);
}

TEST_CASE("copies follow their parameters and are not saved") {
    ir::Module module = one_state({"constant", 0.1}, {40});
    module.states.push_back(
        {"c", {ir::DType::kBf16, {40}}, ir::StateRole::kCopy, {}, {}, /*source=*/0});
    StateStore store(module);
    CHECK(store.count() == 2);
    CHECK(store.saved_count() == 1);
    CHECK(store.bytes() == 2 * 128);
    const auto copy = [&](int64_t i) {
        return reinterpret_cast<const uint16_t*>(store.data(1))[i];
    };
    Diagnostics diagnostics;
    REQUIRE(store.initialise(1, diagnostics));
    CHECK(copy(39) == bf16_from_float(0.1F));
    store.data(0)[39] = -3;
    CHECK(copy(39) == bf16_from_float(0.1F));
    store.refresh_copies();
    CHECK(copy(39) == bf16_from_float(-3));
    CHECK(copy(38) == bf16_from_float(0.1F));
}

TEST_CASE("constants") {
    CHECK(initial({"constant", 0.25}, {3}) == std::vector<float>{0.25f, 0.25f, 0.25f});
    CHECK(initial({"ones"}, {2}) == std::vector<float>{1, 1});
    CHECK(initial({"zeros"}, {}) == std::vector<float>{0});
}

TEST_CASE("uniform initializers have the limit and the spread they promise") {
    ir::Initializer glorot{"glorot_uniform", 0, 100, 200, 3}, he{"he_uniform", 0, 100, 0, 3},
        plain{"uniform", 0.05, 0, 0, 3};
    for (const auto& [initializer, limit] :
         {std::pair{glorot, std::sqrt(6.0 / 300)}, std::pair{he, std::sqrt(0.06)},
          std::pair{plain, 0.05}}) {
        const Statistics s(initial(initializer, {100, 1000}));
        CHECK(s.low >= -limit);
        CHECK(s.high < limit);
        CHECK(s.low < -0.999 * limit);
        CHECK(s.high > 0.999 * limit);
        CHECK(std::abs(s.mean) < 0.01 * limit);
        CHECK(s.deviation == Approx(limit / std::sqrt(3.0)).epsilon(0.01));
    }
}

TEST_CASE("an element of a uniform initializer is its word of the Philox stream") {
    const std::vector<float> w = initial({"glorot_uniform", 0, 3, 3, 5}, {7, 41}, 12345);
    for (uint64_t i : {0, 1, 15, 16, 63, 64, 200, 286}) {
        const double u = philox_uniform(philox_word(i, 0, 5u | 0x80000000u, 12345));
        CHECK(w[i] == Approx(2 * u - 1).margin(1e-7));
    }
}

TEST_CASE("normal initializers have the deviation they promise") {
    const Statistics normal(initial({"normal", 0.02, 0, 0, 1}, {100000}));
    CHECK(normal.deviation == Approx(0.02).epsilon(0.01));
    CHECK(std::abs(normal.mean) < 0.0003);
    CHECK(normal.high > 0.07);
    const double deviation = std::sqrt(2.0 / 400);
    for (const ir::Initializer& i : {ir::Initializer{"glorot_normal", 0, 100, 300, 1},
                                     ir::Initializer{"he_normal", 0, 400, 0, 1}}) {
        const Statistics s(initial(i, {100000}));
        CHECK(s.deviation == Approx(deviation).epsilon(0.01));
        CHECK(std::abs(s.mean) < 0.01 * deviation);
        CHECK(s.high < 2 * deviation / 0.8796);
        CHECK(s.low > -2 * deviation / 0.8796);
    }
}

TEST_CASE("orthogonal initializers are orthogonal") {
    CHECK(worst_product(initial({"orthogonal", 1, 0, 0, 1}, {64, 32}), 64, 32, 1) < 1e-6);
    CHECK(worst_product(initial({"orthogonal", 1, 0, 0, 1}, {32, 64}), 32, 64, 1) < 1e-6);
    CHECK(worst_product(initial({"orthogonal", 1.5, 0, 0, 1}, {3, 3, 4, 40}), 36, 40, 1.5) < 1e-6);
    CHECK(worst_product(initial({"orthogonal", 1, 0, 0, 1}, {5}), 1, 5, 1) < 1e-6);
    CHECK(worst_product(initial({"orthogonal", 1, 0, 0, 1}, {100, 100}), 100, 100, 1) < 1e-6);
}

TEST_CASE("initial states are a function of seed and stream") {
    for (const char* kind : {"normal", "glorot_uniform", "glorot_normal", "orthogonal"}) {
        ir::Initializer i{kind, 1, 10, 10, 4};
        const std::vector<float> first = initial(i, {20, 30}, 9);
        CHECK(first == initial(i, {20, 30}, 9));
        CHECK(first != initial(i, {20, 30}, 10));
        CHECK(first != initial(i, {20, 30}, uint64_t{9} | uint64_t{1} << 40));
        i.stream = 5;
        CHECK(first != initial(i, {20, 30}, 9));
    }
}

TEST_CASE("an initializer that does not exist or fit is an error that names the state") {
    const auto error = [](const ir::Initializer& initializer) {
        const ir::Module module = one_state(initializer, {2, 2});
        StateStore store(module);
        Diagnostics diagnostics;
        CHECK_FALSE(store.initialise(1, diagnostics));
        return diagnostics.render();
    };
    CHECK(error({"lecun"}).find("state `@w`, f32[2,2]: there is no initializer `lecun`") !=
          std::string::npos);
    CHECK(error({"he_normal"}).find("fan_in") != std::string::npos);
    CHECK(error({"glorot_uniform", 0, 4}).find("fan_out") != std::string::npos);
}

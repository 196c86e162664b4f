// How axes correspond across reshapes, with axes of size 1 in all positions.
#include "compiler/ir/ops.h"
#include "compiler/passes/reshape_groups.h"
#include "tests/catch.h"

using gmc::ir::Shape;
using gmc::passes::reshaped_axes;
using gmc::passes::reshaped_broadcast;
using Axes = std::vector<int64_t>;

TEST_CASE("groups cover both shapes and have equal products", "[passes]") {
    const std::vector<std::pair<Shape, Shape>> cases = {{{}, {}},
                                                        {{1}, {}},
                                                        {{}, {1, 1}},
                                                        {{6}, {2, 3}},
                                                        {{128, 7, 7, 64}, {128, 3136}},
                                                        {{2, 3, 4}, {4, 6}},
                                                        {{1, 5, 1}, {5}},
                                                        {{5}, {1, 5, 1}},
                                                        {{2, 1, 3}, {6}},
                                                        {{1, 1}, {1}},
                                                        {{2, 2, 3}, {4, 3}},
                                                        {{8, 1}, {1, 2, 4}}};
    for (const auto& [from, to] : cases) {
        int64_t i = 0, j = 0;
        for (const auto& g : gmc::ir::reshape_groups(from, to)) {
            CHECK(g.from_begin == i);
            CHECK(g.to_begin == j);
            int64_t left = 1, right = 1;
            for (; i < g.from_end; ++i) left *= from[i];
            for (; j < g.to_end; ++j) right *= to[j];
            CHECK(left == right);
        }
        CHECK(i == static_cast<int64_t>(from.size()));
        CHECK(j == static_cast<int64_t>(to.size()));
    }
}

TEST_CASE("axes go through a reshape in whole groups only", "[passes]") {
    CHECK(reshaped_axes({1}, {8, 196}, {8, 7, 7, 4}) == Axes{1, 2, 3});
    CHECK(reshaped_axes({0}, {8, 196}, {8, 7, 7, 4}) == Axes{0});
    CHECK(reshaped_axes({1, 2, 3}, {8, 7, 7, 4}, {8, 196}) == Axes{1});
    CHECK_FALSE(reshaped_axes({1, 2}, {8, 7, 7, 4}, {8, 196}));
    CHECK_FALSE(reshaped_axes({0}, {2, 3, 4}, {6, 4}));
}

TEST_CASE("broadcasts go through a reshape that leaves the value's axes whole", "[passes]") {
    CHECK(reshaped_broadcast({0}, {128, 784}, {128, 28, 28, 1}) == Axes{0});
    CHECK(reshaped_broadcast({1}, {6, 4}, {2, 3, 4}) == Axes{2});
    CHECK(reshaped_broadcast({0, 3}, {128, 1, 1, 64}, {128, 64}) == Axes{0, 1});
    CHECK(reshaped_broadcast({}, {6, 4}, {24}) == Axes{});
    CHECK_FALSE(reshaped_broadcast({0}, {8, 4}, {32}));
    CHECK_FALSE(reshaped_broadcast({1}, {128, 784}, {128, 28, 28, 1}));
}

TEST_CASE("constants are folded with the values that ops give", "[passes]") {
    using namespace gmc::ir;  // NOLINT
    const std::vector<double> x = {2}, xy = {2, 3}, cxy = {0, 2, 3};
    CHECK(gmc::ir::scalar_value(Sub{}, xy) == -1);
    CHECK(gmc::ir::scalar_value(Pow{3}, x) == 8);
    CHECK(gmc::ir::scalar_value(Select{}, cxy) == 3);
    CHECK(gmc::ir::scalar_value(LeakyRelu{0.5}, std::vector<double>{-2}) == -1);
    CHECK(gmc::ir::scalar_value(Softplus{}, std::vector<double>{1000}) == 1000);
    CHECK(gmc::ir::scalar_value(Sign{}, std::vector<double>{-0.5}) == -1);
    CHECK_FALSE(gmc::ir::scalar_value(Matmul{}, xy).has_value());
}

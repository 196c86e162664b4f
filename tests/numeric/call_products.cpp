// Products, look-ups, sorting, the batch as an axis and special functions, against plain loops.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/catch.h"
#include "tests/numeric/language_model.h"
#include "tests/numeric/reference_comparison.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

const std::string kMatrix = "define: {m(x): \"reshape(x, [4, 4])\"}\n";

Numbers column(const Numbers& image, size_t n, size_t j) {
    Numbers out;
    for (size_t i = 0; i < 4; ++i) out.push_back(image[16 * n + 4 * i + j]);
    return out;
}

/// d body / d image by differences, where `body` gives one number for the batch.
Numbers differences(const std::string& body, Numbers image, const std::string& more) {
    constexpr double kStep = 1e-4;
    const int batch = static_cast<int>(image.size() / 16);
    const ir::Module module = language_model(batch, "", "\"f(image)\": \"" + body + "\"", more);
    const auto value = [&] { return run(module, "f", {{"image", image}}).at("f").data.at(0); };
    Numbers out;
    for (double& number : image) {
        const double before = number;
        number = before + kStep;
        const double high = value();
        number = before - kStep;
        out.push_back((high - value()) / (2 * kStep));
        number = before;
    }
    return out;
}

/// The gradient of the sum of squares of `body`, and the gradient of that gradient's sum of
/// squares, against differences.
void check_slopes(const std::string& body, const Numbers& image, const std::string& more) {
    INFO(body);
    const std::string square = "sum(sum((" + body + ")^2, axis=example), axis=batch)";
    const std::string slope = "grad(" + square + ", image)";
    CHECK(difference("first", call(slope, image, more), differences(square, image, more), kSlope) ==
          "");
    const std::string second = "sum(sum(" + slope + "^2, axis=example), axis=batch)";
    CHECK(difference("second", call("grad(" + second + ", image)", image, more),
                     differences(second, image, more), kSlope) == "");
}

}  // namespace

TEST_CASE("matmul is NumPy's, with and without a batch on either side", "[language]") {
    const Numbers x = random_numbers(32);
    const auto at = [&](size_t n, size_t i, size_t j) { return x[16 * n + 4 * i + j]; };
    const Numbers square = call("matmul(m(image), permute(m(image), [1, 0]))", x, kMatrix);
    const Numbers right = call("matmul(m(image), reshape(index(12), [4, 3]))", x, kMatrix);
    const Numbers left = call("matmul(reshape(index(8), [2, 4]), m(image))", x, kMatrix);
    const Numbers vector = call("matmul(index(4), m(image))", x, kMatrix);
    REQUIRE(right.size() == 24);
    REQUIRE(left.size() == 16);
    for (size_t n = 0; n < 2; ++n)
        for (size_t i = 0; i < 4; ++i) {
            for (size_t j = 0; j < 4; ++j) {
                double expected = 0;
                for (size_t k = 0; k < 4; ++k) expected += at(n, i, k) * at(n, j, k);
                CHECK(square[16 * n + 4 * i + j] == Approx(expected).margin(1e-6));
            }
            for (size_t j = 0; j < 3; ++j) {
                double expected = 0;
                for (size_t k = 0; k < 4; ++k) expected += at(n, i, k) * double(3 * k + j);
                CHECK(right[12 * n + 3 * i + j] == Approx(expected).margin(1e-5));
            }
            double expected = 0, second = 0;
            for (size_t k = 0; k < 4; ++k) {
                expected += double(k) * at(n, k, i);
                second += double(4 + k) * at(n, k, i);
            }
            CHECK(vector[4 * n + i] == Approx(expected).margin(1e-6));
            CHECK(left[8 * n + 4 + i] == Approx(second).margin(1e-5));
        }
    check_slopes("matmul(softmax(matmul(m(image), permute(m(image), [1, 0]))), m(image))", x,
                 kMatrix);
}

TEST_CASE("sort, rank, top_k, cumsum and cumprod run along an axis", "[language]") {
    Numbers x = random_numbers(32);
    x[4] = x[0];  // a tie in the first column
    const Numbers sorted = call("sort(m(image), axis=0)", x, kMatrix);
    const Numbers falling = call("sort(m(image), axis=0, descending=true)", x, kMatrix);
    const Numbers rank = call("rank(m(image), axis=0)", x, kMatrix);
    const Numbers largest = call("top_k(m(image), 2)", x, kMatrix);
    const Numbers sums = call("cumsum(m(image), axis=0)", x, kMatrix);
    const Numbers before = call("cumsum(m(image), axis=0, exclusive=true)", x, kMatrix);
    const Numbers products = call("cumprod(m(image), axis=0)", x, kMatrix);
    const Numbers others = call("cumprod(m(image), axis=0, exclusive=true)", x, kMatrix);
    REQUIRE(largest.size() == 16);
    for (size_t n = 0; n < 2; ++n)
        for (size_t j = 0; j < 4; ++j) {
            Numbers line = column(x, n, j), order = line;
            std::stable_sort(order.begin(), order.end());
            CHECK(column(sorted, n, j) == order);
            for (size_t i = 0; i < 4; ++i)
                CHECK(sorted[16 * n + 4 * size_t(rank[16 * n + 4 * i + j]) + j] == line[i]);
            std::reverse(order.begin(), order.end());
            CHECK(column(falling, n, j) == order);
            double sum = 0, product = 1;
            for (size_t i = 0; i < 4; ++i) {
                CHECK(others[16 * n + 4 * i + j] == Approx(product).margin(1e-6));
                product *= line[i];
                CHECK(products[16 * n + 4 * i + j] == Approx(product).margin(1e-6));
                CHECK(before[16 * n + 4 * i + j] == Approx(sum).margin(1e-6));
                sum += line[i];
                CHECK(sums[16 * n + 4 * i + j] == Approx(sum).margin(1e-6));
            }
            Numbers row(x.begin() + long(16 * n + 4 * j), x.begin() + long(16 * n + 4 * j + 4));
            std::sort(row.begin(), row.end(), std::greater<>());
            CHECK(largest[8 * n + 2 * j] == row[0]);
            CHECK(largest[8 * n + 2 * j + 1] == row[1]);
        }
    CHECK(rank[4] == 1 + rank[0]);
    const Numbers untied = random_numbers(16);
    check_slopes("sort(m(image), axis=0) * index(4)", untied, kMatrix);
    check_slopes("cumsum(m(image))", untied, kMatrix);
    check_slopes("cumprod(m(image))", untied, kMatrix);
    CHECK(call("cumprod(reshape(m(image), [16, 1]))", untied, kMatrix) == untied);
}

TEST_CASE("eye and powers of a number", "[language]") {
    const Numbers x = random_numbers(32);
    CHECK(call("matmul(eye(4), m(image))", x, kMatrix) == x);
    const Numbers powers = call("2^m(image)", x, kMatrix);
    for (size_t i = 0; i < x.size(); ++i)
        CHECK(powers[i] == Approx(std::pow(2, x[i])).epsilon(1e-6));
    check_slopes("0.5^m(image)", x, kMatrix);
}

TEST_CASE("lookup takes rows, and its gradient adds up in them", "[language]") {
    const Numbers x = random_numbers(32);
    const Numbers rows = call("lookup(m(image), 3 - index(2))", x, kMatrix);
    const Numbers none = call("lookup(m(image), index(2) + 3)", x, kMatrix);
    const Numbers slope = call("grad(sum(lookup(m(image), 0 * index(3) + 1)), image)", x, kMatrix);
    for (size_t n = 0; n < 2; ++n)
        for (size_t j = 0; j < 4; ++j) {
            CHECK(rows[8 * n + j] == x[16 * n + 12 + j]);
            CHECK(rows[8 * n + 4 + j] == x[16 * n + 8 + j]);
            CHECK(none[8 * n + 4 + j] == 0);
            for (size_t i = 0; i < 4; ++i) CHECK(slope[16 * n + 4 * i + j] == (i == 1 ? 3 : 0));
        }
    check_slopes("lookup(m(image), index(4) % 2)", random_numbers(16), kMatrix);
}

TEST_CASE("examples are an axis, of those that count only", "[language]") {
    const Numbers x = random_numbers(64);
    const Numbers pairs = call("sum((flat(image) - examples(flat(image)))^2, axis=1)", x);
    REQUIRE(pairs.size() == 16);
    for (size_t n = 0; n < 4; ++n)
        for (size_t k = 0; k < 4; ++k) {
            double expected = 0;
            for (size_t i = 0; i < 16; ++i) expected += std::pow(x[16 * n + i] - x[16 * k + i], 2);
            CHECK(pairs[4 * n + k] == Approx(expected).margin(1e-6));
        }
    check_slopes("sum((flat(image) - examples(flat(image)))^2, axis=1)", random_numbers(32), "");
    // Two of four count: the others do not take part.
    const ir::Module module = language_model(
        4, "m: \"mean(mean(sum((flat(image) - examples(flat(image)))^2, axis=1)))\"", "");
    double expected = 0;
    for (size_t n = 0; n < 2; ++n)
        for (size_t k = 0; k < 2; ++k)
            for (size_t i = 0; i < 16; ++i)
                expected += std::pow(x[16 * n + i] - x[16 * k + i], 2) / 4;
    const auto found = run(module, "evaluate", {{"image", x}, {"valid", {1, 1, 0, 0}}});
    CHECK(found.at("m").data.at(0) == Approx(expected));
}

TEST_CASE("shuffled examples are the same examples in another order", "[language]") {
    const Numbers x = random_numbers(16 * 8);
    const Numbers moved = call("shuffled(flat(image))", x),
                  apart = call("shuffled(flat(image), axis=0)", x);
    const auto row = [](const Numbers& of, size_t n) {
        return Numbers(of.begin() + long(16 * n), of.begin() + long(16 * n + 16));
    };
    size_t places = 0;
    for (size_t n = 0; n < 8; ++n) {
        size_t found = 0;
        for (size_t k = 0; k < 8; ++k) found += row(moved, n) == row(x, k) ? 1 : 0;
        CHECK(found == 1);
        for (size_t k = 0; k < 8; ++k) places += row(apart, n) == row(x, k) ? 1 : 0;
    }
    CHECK(places == 0);  // each pixel has an order of its own
    for (size_t i = 0; i < 16; ++i) {
        Numbers before, after;
        for (size_t n = 0; n < 8; ++n)
            before.push_back(x[16 * n + i]), after.push_back(apart[16 * n + i]);
        std::sort(before.begin(), before.end());
        std::sort(after.begin(), after.end());
        CHECK(before == after);
    }
}

TEST_CASE("shuffled examples of a padded batch are those that count", "[language]") {
    const Numbers x = random_numbers(16 * 8), valid = {1, 1, 1, 1, 1, 0, 0, 0};
    for (const std::string shuffled : {"shuffled(image)", "shuffled(flat(image), axis=0)"}) {
        const ir::Module module = language_model(8, "m: \"mean(sum(" + shuffled + "^3))\"",
                                                 "\"f(image)\": \"" + shuffled + "\"");
        const Numbers moved = run(module, "f", {{"image", x}, {"valid", valid}}).at("f").data;
        double cubes = 0;
        int columns_moved = 0;
        for (size_t i = 0; i < 16; ++i) {
            Numbers before, after;
            for (size_t n = 0; n < 5; ++n) {
                before.push_back(x[16 * n + i]), after.push_back(moved[16 * n + i]);
                cubes += std::pow(before.back(), 3) / 5;
            }
            columns_moved += before != after ? 1 : 0;
            std::sort(before.begin(), before.end());
            std::sort(after.begin(), after.end());
            CHECK(before == after);
        }
        CHECK(columns_moved > 8);
        const auto found = run(module, "evaluate", {{"image", x}, {"valid", valid}});
        CHECK(found.at("m").data.at(0) == Approx(cubes));
    }
}

TEST_CASE("round takes the even neighbour, lgamma and digamma are libm's", "[language]") {
    const Numbers edges = {0.5,  1.5,  2.5,     -0.5,      -1.5,      0.49999997, 3,    -7,
                           1e10, -1e9, 8388609, 4194304.5, 4194305.5, 0.2,        -3.7, 100.75};
    const Numbers rounded = call("round(image)", edges);
    for (size_t i = 0; i < 16; ++i) {
        INFO(edges[i]);
        CHECK(rounded[i] == std::nearbyint(static_cast<double>(static_cast<float>(edges[i]))));
    }
    const Numbers where = {1e-6, 0.01, 0.5,  1,  1.25, 1.4616, 2,   3,
                           5.99, 6,    6.01, 10, 47,   1e3,    1e6, 1e12};
    const Numbers gamma = call("lgamma(image)", where), slope = call("digamma(image)", where);
    const Numbers own = call("grad(sum(lgamma(image)), image)", where);
    for (size_t i = 0; i < 16; ++i) {
        const double x = where[i], step = 1e-5 * x;
        INFO(x);
        CHECK(gamma[i] == Approx(std::lgamma(x)).epsilon(2e-6).margin(2e-6));
        const double by_libm = (std::lgamma(x + step) - std::lgamma(x - step)) / (2 * step);
        CHECK(slope[i] == Approx(by_libm).epsilon(1e-4).margin(1e-5));
        CHECK(own[i] == Approx(slope[i]).epsilon(1e-4).margin(1e-4));
    }
}

// What the table of layers (dsl/schema/schema_layers.cpp) says, against the tests of this folder
// and against what layers compute.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "compiler/support/check.h"
#include "dsl/model_view.h"
#include "dsl/schema/schema.h"
#include "tests/catch.h"
#include "tests/numeric/layer/layer_check.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// The texts in quotes of all other files of this folder, without the names of tests.
std::string quoted_texts() {
    std::string out;
    const std::regex quoted("\"[^\"\n]*\""), name("TEST_CASE\\(\"[^\"]*\"");
    for (const auto& file :
         std::filesystem::directory_iterator(GMC_SOURCE_DIR "/tests/numeric/layer")) {
        if (file.path().filename() == "layer_table.cpp") continue;
        std::ifstream stream(file.path());
        const std::string all(std::istreambuf_iterator<char>(stream), {});
        const std::string text = std::regex_replace(all, name, "");
        for (std::sregex_iterator i(text.begin(), text.end(), quoted), end; i != end; ++i)
            out += i->str() + "\n";
    }
    return out;
}

/// Whether a layer of this row takes one tensor and has nothing but defaults: then it can be
/// written as its word alone.
bool stands_alone(const dsl::LayerRow& row) {
    const auto required = [](const dsl::KeyRow& key) { return key.required(); };
    return row.fewest_inputs == 1 && !row.weights &&
           std::none_of(row.keys.begin(), row.keys.end(), required);
}

constexpr double kMost = 1000;

/// The least and the largest number that the layer gives of numbers from -kMost to kMost, which are
/// close to each other near 0. Nothing where the layer needs another shape.
std::optional<std::pair<double, double>> ends_of(const std::string& kind) {
    constexpr int kCount = 2000;
    std::optional<LayerCheck> check;
    try {
        check.emplace("x: [" + std::to_string(kCount) + "]", kind);
    } catch (const InternalError&) {
        return std::nullopt;
    }
    Numbers& x = check->input("x");
    for (size_t i = 0; i < x.size(); ++i) {
        const double t = double(i % kCount) / (kCount - 1) * 2 - 1;
        x[i] = kMost * std::pow(t, 5);
    }
    const Numbers y = check->run().at("");
    const auto [least, largest] = std::minmax_element(y.begin(), y.end());
    return std::pair(*least, *largest);
}

}  // namespace

TEST_CASE("layers: every layer of the language has a test in this folder") {
    const std::string texts = quoted_texts();
    for (const dsl::LayerRow& row : dsl::layer_table()) {
        INFO("tests/numeric/layer never writes `" << row.kind << "`");
        CHECK(std::regex_search(texts, std::regex("\\b" + std::string(row.kind) + "\\b")));
    }
}

/// A layer has a bound where it never gives a tenth of the largest number that it takes.
TEST_CASE("layers: results reach the ends that the row says, and no more") {
    int bounded = 0;
    for (const dsl::LayerRow& row : dsl::layer_table()) {
        if (!stands_alone(row)) continue;
        const auto ends = ends_of(row.kind);
        if (!ends) continue;
        const dsl::Range said = dsl::range_of(row.kind).value_or(dsl::Range{-INFINITY, INFINITY});
        INFO("`" << row.kind << "` gives " << ends->first << " to " << ends->second
                 << "; `gives` of its row in schema_layers.cpp says " << said.low << " to "
                 << said.high);
        CHECK((ends->first > -kMost / 10) == std::isfinite(said.low));
        CHECK((ends->second < kMost / 10) == std::isfinite(said.high));
        if (std::isfinite(said.low)) CHECK(std::abs(ends->first - said.low) < 1e-2);
        if (std::isfinite(said.high)) CHECK(std::abs(ends->second - said.high) < 1e-2);
        bounded += std::isfinite(said.low) || std::isfinite(said.high);
        if (std::isfinite(said.low) || std::isfinite(said.high))
            CHECK(row.effect == dsl::LayerEffect::kActivates);
    }
    CHECK(bounded >= 8);
}

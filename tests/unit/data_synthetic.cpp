// Synthetic sets: pure functions of (seed, example), sensible pictures, points near their modes.
#include "runtime/data/synthetic.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "runtime/data/shapes.h"
#include "runtime/memory/address_sanitizer.h"
#include "tests/limited_child.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

SyntheticFields make(std::string_view kind, const SyntheticOptions& options) {
    Diagnostics diagnostics;
    Result<SyntheticFields> fields = make_synthetic(kind, "image", options, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(fields);
    return *fields;
}

TEST_CASE("shapes have the declared form and both kinds of pixels") {
    SyntheticOptions options;
    options.count = 50;
    options.height = 20;
    options.width = 30;
    options.channels = 3;
    options.range = {-1, 1};
    const SyntheticFields fields = make("shapes", options);
    CHECK(fields.example->shape() == std::vector<int64_t>{20, 30, 3});
    CHECK(fields.example->count() == 50);
    CHECK(fields.label->name() == "image_label");
    CHECK(fields.label->class_count() == 8);
    for (int64_t i = 0; i < 50; ++i) {
        const std::vector<float> pixels = example(*fields.example, i);
        const auto [low, high] = std::minmax_element(pixels.begin(), pixels.end());
        CHECK(*low >= -1);
        CHECK(*high <= 1);
        CHECK(*high - *low > 0.5F);  // the shape stands out from its background
    }
}

TEST_CASE("an example depends on seed and number only") {
    SyntheticOptions options;
    options.count = 20;
    for (const char* kind : {"shapes", "ring", "grid", "swiss_roll"}) {
        options.first = 0;
        options.seed = 7;
        const SyntheticFields all = make(kind, options);
        options.first = 12;
        const SyntheticFields part = make(kind, options);
        CHECK(example(*all.example, 15) == example(*part.example, 3));
        CHECK(example(*all.example, 0) != example(*all.example, 1));
        options.seed = 8;
        CHECK(example(*all.example, 15) != example(*make(kind, options).example, 3));
    }
}

TEST_CASE("the classes of shapes are about equally many and all different") {
    SyntheticOptions options;
    options.count = 4000;
    options.height = options.width = 8;
    options.classes = 5;
    const SyntheticFields fields = make("shapes", options);
    std::map<float, int> counts;
    for (int64_t i = 0; i < options.count; ++i) ++counts[example(*fields.label, i)[0]];
    CHECK(counts.size() == 5);
    for (const auto& [label, count] : counts) CHECK(std::abs(count - 800) < 120);
}

TEST_CASE("shapes are antialiased") {
    std::vector<uint8_t> pixels(64 * 64);
    for (int64_t i = 0; i < 16; ++i) {
        draw_shape(3, i, 8, 64, 64, 1, pixels);
        CHECK(std::set<uint8_t>(pixels.begin(), pixels.end()).size() > 8);
    }
}

TEST_CASE("points lie near their modes and use all of them") {
    SyntheticOptions options;
    options.count = 5000;
    for (const char* kind : {"ring", "grid"}) {
        const SyntheticFields fields = make(kind, options);
        const SyntheticModes modes = synthetic_modes(kind).value();
        CHECK(fields.label->class_count() == static_cast<int64_t>(modes.centres.size()));
        std::vector<int> counts(modes.centres.size());
        double squares = 0;
        for (int64_t i = 0; i < options.count; ++i) {
            const std::vector<float> point = example(*fields.example, i);
            const auto mode = static_cast<size_t>(example(*fields.label, i)[0]);
            ++counts[mode];
            const double dx = point[0] - modes.centres[mode].x;
            const double dy = point[1] - modes.centres[mode].y;
            squares += dx * dx + dy * dy;
            CHECK(std::hypot(dx, dy) < 6 * modes.sigma);
        }
        CHECK(std::sqrt(squares / (2.0 * 5000)) == Approx(modes.sigma).epsilon(0.05));
        CHECK(*std::min_element(counts.begin(), counts.end()) > 120);
    }
}

TEST_CASE("the swiss roll has no classes and fits into 2 x 2") {
    const SyntheticFields fields = make("swiss_roll", {});
    CHECK(fields.label == nullptr);
    CHECK_FALSE(synthetic_modes("swiss_roll").has_value());
    for (int64_t i = 0; i < 1000; ++i)
        for (const float v : example(*fields.example, i)) CHECK(std::abs(v) < 2.1F);
}

TEST_CASE("synthetic errors") {
    const auto error_of = [](std::string_view kind, const SyntheticOptions& options) {
        Diagnostics diagnostics;
        CHECK_FALSE(make_synthetic(kind, "image", options, diagnostics).ok());
        return only_error(diagnostics);
    };
    Diagnostics diagnostics;
    CHECK_FALSE(make_synthetic("shape", "image", {}, diagnostics).ok());
    CHECK(only_error(diagnostics) == "[unknown-name] there is no synthetic data set `shape`");
    CHECK(diagnostics.list()[0].helps[0] == "did you mean `shapes`?");
    SyntheticOptions options;
    options.count = 0;
    CHECK(error_of("ring", options) ==
          "[bad-value] synthetic data have `count` 0, but it must lie in 1 to 4294967296");
    options = {};
    options.channels = 2;
    CHECK(error_of("shapes", options) ==
          "[bad-value] synthetic pictures have 2 channels, but it must be 1 (grey) or 3 (colour)");
    options = {};
    options.range = {1, 0};
    CHECK(error_of("shapes", options) ==
          "[bad-value] synthetic pictures have the range [1, 0], which is empty");
    options = {};
    options.classes = 9;
    CHECK(error_of("shapes", options).find("`classes` 9") != std::string::npos);
    options = {};
    options.count = int64_t{1} << 32;
    options.height = options.width = 8192;
    CHECK(error_of("shapes", options).starts_with("[too-large] synthetic `shapes`"));
}

TEST_CASE("data that this process may not hold are refused, however large the machine is") {
    if (kAddressSanitizer) return;  // it needs more itself
    const auto said = in_limited_child(RLIMIT_DATA, rlim_t{1} << 30, [] {
        SyntheticOptions options;
        options.count = 1 << 19;
        options.height = options.width = 64;  // 2 GiB
        Diagnostics diagnostics;
        return !make_synthetic("shapes", "image", options, diagnostics).ok() &&
               diagnostics.render().find("but `ulimit -d` leaves") != std::string::npos;
    });
    CHECK(said);
}

}  // namespace
}  // namespace gmc::runtime

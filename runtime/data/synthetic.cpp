// Synthetic data sets: checks the options, then makes all examples at once into a field in memory.
#include "runtime/data/synthetic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <new>
#include <numbers>
#include <span>

#include "compiler/support/edit_distance.h"
#include "compiler/support/stop_work.h"
#include "runtime/data/array_field.h"
#include "runtime/data/example_random.h"
#include "runtime/data/shapes.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

const std::string kKinds[] = {"grid", "ring", "shapes", "swiss_roll"};
/// With it, products of counts and sizes stay far inside 64 bits.
constexpr int64_t kCountMost = int64_t{1} << 32;
/// Pixels of a side.
constexpr int64_t kSideMost = 8192;

bool in_bounds(const char* what, int64_t value, int64_t least, int64_t most,
               Diagnostics& diagnostics) {
    if (value >= least && value <= most) return true;
    diagnostics.error(DiagnosticKind::kBadValue, {},
                      "synthetic data have `{}` {}, but it must lie in {} to {}", what, value,
                      least, most);
    return false;
}

/// Reports everything that is wrong, not only the first.
bool check_options(bool pictures, const SyntheticOptions& options, Diagnostics& diagnostics) {
    bool good = in_bounds("count", options.count, 1, kCountMost, diagnostics);
    good &= in_bounds("first", options.first, 0, std::numeric_limits<int64_t>::max() - kCountMost,
                      diagnostics);
    if (!pictures) return good;
    good &= in_bounds("height", options.height, 1, kSideMost, diagnostics);
    good &= in_bounds("width", options.width, 1, kSideMost, diagnostics);
    good &= in_bounds("classes", options.classes, 1, static_cast<int64_t>(shape_names().size()),
                      diagnostics);
    if (options.channels != 1 && options.channels != 3) {
        diagnostics.error(
            DiagnosticKind::kBadValue, {},
            "synthetic pictures have {} channels, but it must be 1 (grey) or 3 (colour)",
            options.channels);
        good = false;
    }
    if (!(options.range.low < options.range.high)) {
        diagnostics.error(DiagnosticKind::kBadValue, {},
                          "synthetic pictures have the range [{}, {}], which is empty",
                          options.range.low, options.range.high);
        good = false;
    }
    return good;
}

FieldPtr label_field(const std::string& name, std::vector<uint8_t> labels, int64_t classes) {
    FieldInfo info{name + "_label", {}, static_cast<int64_t>(labels.size()), classes};
    return std::make_shared<ByteField>(std::move(info), std::move(labels), std::nullopt);
}

SyntheticFields make_pictures(const std::string& name, const SyntheticOptions& options) {
    const auto count = static_cast<size_t>(options.count);
    const auto size = static_cast<size_t>(options.height * options.width * options.channels);
    std::vector<uint8_t> pixels(count * size);
    std::vector<uint8_t> labels(count);
    const auto draw = [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const auto at = static_cast<size_t>(i);
            labels[at] = static_cast<uint8_t>(draw_shape(
                options.seed, options.first + i, options.classes, options.height, options.width,
                options.channels, std::span(pixels).subspan(at * size, size)));
        }
    };
    // In many calls: each runs on this thread alone while the team is at work for another one.
    constexpr int64_t kAtOnce = 256, kLeast = 8;
    for (int64_t first = 0; first < options.count; first += kAtOnce) {
        check_work_stop();
        run_parts(std::min(kAtOnce, options.count - first), kLeast, thread_count(),
                  [&](int64_t begin, int64_t end, int) { draw(first + begin, first + end); });
    }
    FieldInfo info{name, {options.height, options.width, options.channels}, options.count, 0};
    return {std::make_shared<ByteField>(std::move(info), std::move(pixels), options.range),
            label_field(name, std::move(labels), options.classes)};
}

/// A point of a spiral of 1.5 turns with noise, as in the paper's code.
Point swiss_roll_point(ExampleRandom& random) {
    const float t = 1.5F * std::numbers::pi_v<float> * (1 + 2 * random.uniform());
    const float noise_x = 0.25F * random.normal();
    const float noise_y = 0.25F * random.normal();
    return {(t * std::cos(t) + noise_x) / 7.5F, (t * std::sin(t) + noise_y) / 7.5F};
}

/// Example i depends on the seed and its number alone, so test data can continue the sequence of
/// the training data.
SyntheticFields make_points(std::string_view kind, const std::string& name,
                            const SyntheticOptions& options) {
    const std::optional<SyntheticModes> modes = synthetic_modes(kind);
    std::vector<float> values;
    std::vector<uint8_t> labels;
    values.reserve(2 * static_cast<size_t>(options.count));
    for (int64_t i = 0; i < options.count; ++i) {
        check_work_stop();
        ExampleRandom random(options.seed, static_cast<uint64_t>(options.first + i));
        Point point;
        if (modes) {
            const uint32_t mode = random.below(static_cast<uint32_t>(modes->centres.size()));
            const float noise_x = modes->sigma * random.normal();
            const float noise_y = modes->sigma * random.normal();
            point = {modes->centres[mode].x + noise_x, modes->centres[mode].y + noise_y};
            labels.push_back(static_cast<uint8_t>(mode));
        } else {
            point = swiss_roll_point(random);
        }
        values.insert(values.end(), {point.x, point.y});
    }
    SyntheticFields fields;
    fields.example =
        std::make_shared<FloatField>(FieldInfo{name, {2}, options.count, 0}, std::move(values));
    if (modes)
        fields.label =
            label_field(name, std::move(labels), static_cast<int64_t>(modes->centres.size()));
    return fields;
}

}  // namespace

/// 8 points on a circle of radius 2, or 25 in a square from -4 to 4, with normal noise of sigma
/// around each: far enough apart that the modes do not touch.
std::optional<SyntheticModes> synthetic_modes(std::string_view kind) {
    SyntheticModes modes;
    if (kind == "ring") {
        modes.sigma = 0.02F;
        for (int i = 0; i < 8; ++i) {
            const double angle = 2 * std::numbers::pi * i / 8;
            modes.centres.push_back(
                {static_cast<float>(2 * std::cos(angle)), static_cast<float>(2 * std::sin(angle))});
        }
        return modes;
    }
    if (kind == "grid") {
        modes.sigma = 0.05F;
        for (int row = 0; row < 5; ++row)
            for (int column = 0; column < 5; ++column)
                modes.centres.push_back(
                    {static_cast<float>(2 * column - 4), static_cast<float>(2 * row - 4)});
        return modes;
    }
    return std::nullopt;
}

Result<SyntheticFields> make_synthetic(std::string_view kind, const std::string& name,
                                       const SyntheticOptions& options, Diagnostics& diagnostics) {
    if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds)) {
        Diagnostic& error = diagnostics.error(DiagnosticKind::kUnknownName, {},
                                              "there is no synthetic data set `{}`", kind);
        const std::string near = nearest_name(kind, kKinds);
        if (!near.empty()) error.help(fmt::format("did you mean `{}`?", near));
        return Failure{};
    }
    const bool pictures = kind == "shapes";
    if (!check_options(pictures, options, diagnostics)) return Failure{};
    // Sides and counts are bounded by now, so the product cannot overflow.
    const auto pixels = static_cast<uint64_t>(options.height * options.width * options.channels);
    const uint64_t bytes =
        static_cast<uint64_t>(options.count) * (pictures ? pixels : 2 * sizeof(float));
    const std::string what = fmt::format("synthetic `{}` of {} examples", kind, options.count);
    if (!check_fits_memory(what, bytes, diagnostics)) return Failure{};
    try {
        return pictures ? make_pictures(name, options) : make_points(kind, name, options);
    } catch (const std::bad_alloc&) {
        diagnostics.error(DiagnosticKind::kTooLarge, {}, "{} does not fit into memory", what);
        return Failure{};
    }
}

}  // namespace gmc::runtime

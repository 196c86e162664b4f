// Reads settings of inputs such as `angle=-1:1:8`, and counts through the grid that several of them
// make.
#include "runtime/data/input_setting.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace gmc::runtime {
namespace {

/// More samples than anybody looks at; it keeps grid_size() small.
constexpr int64_t kStepsMost = 1000000;

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    for (;;) {
        const size_t end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

template <typename T>
std::optional<T> parse(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::vector<float>> parse_numbers(std::string_view text) {
    std::vector<float> numbers;
    for (const std::string_view part : split(text, ',')) {
        const std::optional<float> number = parse<float>(part);
        if (!number || !std::isfinite(*number)) return std::nullopt;
        numbers.push_back(*number);
    }
    return numbers;
}

}  // namespace

float InputSetting::value(int64_t step, size_t at) const {
    if (steps == 1) return first[at];
    const double share = static_cast<double>(step) / static_cast<double>(steps - 1);
    return static_cast<float>(first[at] * (1 - share) + last[at] * share);
}

/// `name=first` or `name=first:last:steps`; a value may be several numbers with commas between
/// them, for fields that are vectors.
Result<InputSetting> parse_input_setting(const std::string& text, Diagnostics& diagnostics) {
    const size_t equals = text.find('=');
    const bool is_named = equals != 0 && equals != std::string::npos;
    const std::string name = is_named ? text.substr(0, equals) : "angle";
    const auto bad = [&](const char* what) {
        diagnostics
            .error(DiagnosticKind::kBadValue, {}, "`{}` is no setting of an input: {}", text, what)
            .help(fmt::format("write `{}=0.3`, or `{}=-1:1:8` for 8 values from -1 to 1", name,
                              name));
        return Failure{};
    };
    if (!is_named) return bad("a name and `=` come first");
    const std::vector<std::string_view> parts =
        split(std::string_view(text).substr(equals + 1), ':');
    if (parts.size() != 1 && parts.size() != 3) return bad("a grid is LOW:HIGH:STEPS");
    InputSetting setting;
    setting.field = name;
    const auto first = parse_numbers(parts[0]), last = parse_numbers(parts[parts.size() / 2]);
    if (!first || !last) return bad("its values are no numbers");
    if (first->size() != last->size()) return bad("both ends have as many numbers");
    setting.first = *first;
    setting.last = *last;
    if (parts.size() == 1) return setting;
    const std::optional<int64_t> steps = parse<int64_t>(parts[2]);
    if (!steps || *steps < 2 || *steps > kStepsMost) return bad("the steps are a number from 2 on");
    setting.steps = *steps;
    return setting;
}

int64_t step_of(const std::vector<InputSetting>& settings, size_t number, int64_t sample) {
    for (size_t faster = 0; faster < number; ++faster) sample /= settings[faster].steps;
    return sample % settings[number].steps;
}

int64_t grid_size(const std::vector<InputSetting>& settings) {
    int64_t size = 1;
    for (const InputSetting& setting : settings)
        if (__builtin_mul_overflow(size, setting.steps, &size)) return INT64_MAX;
    return size;
}

}  // namespace gmc::runtime

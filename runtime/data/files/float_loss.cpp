// Compares stored numbers with what they are as f32, and remembers per place of an example the
// least, the largest and the first that differs.
#include "runtime/data/files/float_loss.h"

#include <fmt/format.h>

#include "runtime/files/float_steps.h"

namespace gmc::runtime {

FloatLoss::FloatLoss(const ArrayHeader& header) : header_(header) {
    if (header.type->widen != nullptr) places_.resize(header.example_values());
}

/// In a column-major file all values of a place stand together, else those of an example.
void FloatLoss::add(const uint8_t* values, size_t count) {
    if (places_.empty()) return;
    piece_.resize(count);
    header_.type->widen(values, count, piece_.data());
    const uint64_t run = header_.column_major ? header_.dimensions.front() : places_.size();
    uint64_t major = done_ / run, minor = done_ % run;
    for (size_t i = 0; i < count; ++i) {
        const uint8_t* stored = values + i * header_.type->bytes;
        if (header_.column_major)
            add(stored, piece_[i], places_[major], minor);
        else
            add(stored, piece_[i], places_[minor], major);
        if (++minor == run) minor = 0, ++major;
    }
    done_ += count;
}

/// Integers are compared as such: as f64, neighbours beyond 2^53 are the same already.
void FloatLoss::add(const uint8_t* stored, double value, Place& place, uint64_t example) {
    const bool first = example == 0;
    place.low = first ? value : std::min(place.low, value);
    place.high = first ? value : std::max(place.high, value);
    if (!std::isfinite(value)) return;
    const bool integer = header_.type->rounded != nullptr;
    std::string digits;
    if (integer && whole_ == nullptr && std::fabs(value) > kWholeMost)
        digits = header_.type->rounded(stored);
    if (static_cast<double>(static_cast<float>(value)) == value && digits.empty()) return;
    const bool whole = integer ? !digits.empty() : is_rounded_whole(value);
    if (place.example != kNo && (!whole || whole_ != nullptr)) return;
    place.lossy = value;
    place.example = example;
    place.digits = digits;
    if (whole && whole_ == nullptr) whole_ = &place;
}

void FloatLoss::warn_of(const Place& place, Diagnostics& diagnostics) const {
    constexpr double kSmall = 1e-30;
    const auto number = static_cast<uint64_t>(&place - places_.data());
    const uint64_t stored = header_.column_major ? number * header_.dimensions.front() : number;
    uint64_t at = 0;  // the place as it is read
    while (header_.value_index(0, at) != stored) ++at;
    const std::string where = header_.place_of(place.example * header_.example_values() + at);
    if (&place == whole_) {
        diagnostics
            .warning(DiagnosticKind::kBadValue, {},
                     "`{}` has the value {} {}, which f32 rounds to {:.0f}: it holds whole "
                     "numbers up to {:.0f}",
                     header_.path,
                     place.digits.empty() ? fmt::format("{:.0f}", place.lossy) : place.digits,
                     where, static_cast<float>(place.lossy), kWholeMost)
            .help("subtract what such numbers have in common, `x - x.min()`, before saving")
            .help("leave out identifiers, from which nothing is learnt");
    } else {
        diagnostics
            .warning(DiagnosticKind::kBadValue, {},
                     "`{}` has the value {} {}, but f32 has steps of {:.3g} there, and the values "
                     "at that place differ by {:.3g} at most",
                     header_.path, place.lossy, where, float_step(place.low, place.high),
                     place.high - place.low)
            .help(std::max(std::fabs(place.low), std::fabs(place.high)) < kSmall
                      ? "bring them to another unit, `x / x.std(axis=0)`, before saving"
                      : "subtract what they have in common, `x - x.mean(axis=0)`, before saving");
    }
}

void FloatLoss::warn(Diagnostics& diagnostics) const {
    if (whole_ != nullptr) return warn_of(*whole_, diagnostics);
    for (const Place& place : places_)
        if (place.example != kNo && is_coarse_as_float(place.low, place.high))
            return warn_of(place, diagnostics);
}

}  // namespace gmc::runtime

// How large the rounding errors of a result are, from a sample of its elements.
#include "runtime/contractions/choice/rounding_error.h"

#include <algorithm>
#include <cmath>

#include "runtime/contractions/choice/workshop.h"
#include "runtime/contractions/plain_contraction.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// All samples together have about kProducts products; kFewestSamples and kMostSamples bound how
/// many samples there are.
constexpr int64_t kProducts = 4 << 20, kFewestSamples = 64, kMostSamples = 512;

float read(const float* data, ir::DType type, int64_t element) {
    if (type == ir::DType::kF32) return data[element];
    return float_from_bf16(reinterpret_cast<const uint16_t*>(data)[element]);
}

/// The point of x that a point of y reads through a tap, or with `forward` false the other way
/// round: the point of y that reads a point of x; -1 when there is none.
int64_t other_point(const ConvLoops& l, bool forward, int64_t point, int64_t tap) {
    const auto &own = forward ? l.y : l.x, &other = forward ? l.x : l.y;
    const int64_t at[] = {point / (own[1] * own[2]), point / own[2] % own[1], point % own[2]};
    const int64_t taps[] = {tap / (l.kernel[1] * l.kernel[2]), tap / l.kernel[2] % l.kernel[1],
                            tap % l.kernel[2]};
    int64_t found = 0;
    for (int axis = 0; axis < 3; ++axis) {
        const int64_t i = forward ? l.input_of(axis, at[axis], taps[axis])
                                  : l.output_of(axis, at[axis], taps[axis]);
        if (i < 0) return -1;
        found = found * other[axis] + i;
    }
    return found;
}

/// Calls use(a, b) for the factors of each product of an element of y.
template <typename Use>
void products_of_y(const ConvProblem& p, const ConvLoops& l, int64_t element, const Use& use) {
    const int64_t f = element % l.filters, point = element / l.filters % l.y_points();
    const int64_t image = element / l.filters / l.y_points();
    const int64_t group = f / l.group_filters();
    for (int64_t tap = 0; tap < l.taps(); ++tap) {
        const int64_t x = other_point(l, true, point, tap);
        for (int64_t c = 0; c < (x < 0 ? 0 : l.group_channels()); ++c)
            use(read(p.x_data, p.x_type(),
                     (image * l.x_points() + x) * l.channels + group * l.group_channels() + c),
                read(p.weights_data, p.weights_type(),
                     (tap * l.group_channels() + c) * l.filters + f));
    }
}

/// The same for an element of the gradient of x.
template <typename Use>
void products_of_x(const ConvProblem& p, const ConvLoops& l, int64_t element, const Use& use) {
    const int64_t c = element % l.channels, point = element / l.channels % l.x_points();
    const int64_t image = element / l.channels / l.x_points();
    const int64_t group = c / l.group_channels();
    for (int64_t tap = 0; tap < l.taps(); ++tap) {
        const int64_t y = other_point(l, false, point, tap);
        for (int64_t i = 0; i < (y < 0 ? 0 : l.group_filters()); ++i) {
            const int64_t f = group * l.group_filters() + i;
            use(read(p.y_data, p.y_type(), (image * l.y_points() + y) * l.filters + f),
                read(p.weights_data, p.weights_type(),
                     (tap * l.group_channels() + c % l.group_channels()) * l.filters + f));
        }
    }
}

/// The same for an element of the gradient of the weights.
template <typename Use>
void products_of_weights(const ConvProblem& p, const ConvLoops& l, int64_t element,
                         const Use& use) {
    const int64_t f = element % l.filters, c = element / l.filters % l.group_channels();
    const int64_t tap = element / l.filters / l.group_channels();
    const int64_t channel = f / l.group_filters() * l.group_channels() + c;
    for (int64_t row = 0; row < l.batch * l.y_points(); ++row) {
        const int64_t x = other_point(l, true, row % l.y_points(), tap);
        if (x < 0) continue;
        use(read(p.x_data, p.x_type(),
                 (row / l.y_points() * l.x_points() + x) * l.channels + channel),
            read(p.y_data, p.y_type(), row * l.filters + f));
    }
}

}  // namespace

/// Samples are spread over the result by a step that has no factor in common with its sizes.
template <typename ProductsOf>
void SampledSums::add_up(int64_t elements, int64_t products, ir::DType type,
                         const ProductsOf& products_of) {
    constexpr int64_t kPrime = 1000003;
    const int64_t samples = std::min(
        elements,
        std::clamp(kProducts / std::max<int64_t>(products, 1), kFewestSamples, kMostSamples));
    for (int64_t i = 0; i < samples; ++i) elements_.push_back(i * kPrime % elements);
    right_.resize(static_cast<size_t>(samples)), direct_.resize(static_cast<size_t>(samples));
    const auto add_sample = [&](size_t i) {
        double right = 0;
        float direct = 0;
        products_of(elements_[i], [&](float a, float b) {
            right += double{a} * double{b};
            direct += a * b;
        });
        right_[i] = right;
        direct_[i] = type == ir::DType::kF32 ? direct : float_from_bf16(bf16_from_float(direct));
    };
    constexpr int64_t kSamplesLeast = 16;  // of a part
    run_parts(samples, kSamplesLeast, thread_count(), [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) add_sample(static_cast<size_t>(i));
    });
}

SampledSums::SampledSums(const ConvProblem& p) {
    const ConvLoops l(p);
    using Direction = ConvProblem::Direction;
    const int64_t elements = result_in(p).count;
    const auto sample = [&](int64_t products, const auto& products_of) {
        add_up(elements, products, p.result_type,
               [&](int64_t element, const auto& use) { products_of(p, l, element, use); });
    };
    if (p.direction == Direction::kForward)
        sample(l.taps() * l.group_channels(), [](const auto&... each) { products_of_y(each...); });
    else if (p.direction == Direction::kBackwardData)
        sample(l.taps() * l.group_filters(), [](const auto&... each) { products_of_x(each...); });
    else
        sample(l.batch * l.y_points(), [](const auto&... each) { products_of_weights(each...); });
}

SampledSums::SampledSums(const MatmulProblem& p) {
    add_up(p.m * p.n, p.k, p.result_type, [&](int64_t element, const auto& use) {
        const int64_t i = element / p.n, j = element % p.n;
        for (int64_t k = 0; k < p.k; ++k)
            use(read(p.a, p.operand_type, p.transpose_a ? k * p.m + i : i * p.k + k),
                read(p.b, p.operand_type, p.transpose_b ? j * p.k + k : k * p.n + j));
    });
}

template <typename At>
RoundingError SampledSums::errors(const At& at) const {
    RoundingError e;
    for (size_t i = 0; i < elements_.size(); ++i) {
        const double error = std::fabs(double{at(i)} - right_[i]);
        e.rms += error * error;
        if (!(error <= e.largest)) e.largest = error;  // written so that NaN counts as largest
    }
    e.rms = std::sqrt(e.rms / static_cast<double>(elements_.size()));
    return e;
}

double SampledSums::error_of(const std::vector<float>& result) const {
    const RoundingError direct = errors([&](size_t i) { return direct_[i]; });
    const RoundingError own =
        errors([&](size_t i) { return result[static_cast<size_t>(elements_[i])]; });
    // Direct sums may be exact; then any error at all is a large multiple.
    constexpr double kTiny = 1e-30;
    return std::max(own.rms / (direct.rms + kTiny), own.largest / (direct.largest + kTiny));
}

}  // namespace gmc::runtime

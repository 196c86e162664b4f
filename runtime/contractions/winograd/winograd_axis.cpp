// Decomposes an axis into phases and terms (winograd_axis.h), and cuts the results into tiles.
#include "runtime/contractions/winograd/winograd_axis.h"

#include <algorithm>
#include <numeric>

namespace gmc::runtime {
namespace {

/// The terms of the phase of "to" that begins at `first`. The taps of a term are `tap_step` apart;
/// there is a term for each remainder modulo `tap_step` whose taps fall on positions of "from".
std::vector<AxisTerm> terms_of(const ConvLoops& l, int axis, bool forward, int64_t first,
                               int64_t tap_step) {
    const int64_t stride = l.strides[axis], pad = l.pads_begin[axis], dilation = l.dilations[axis];
    std::vector<AxisTerm> terms;
    for (int64_t begin = 0; begin < std::min(tap_step, l.kernel[axis]); ++begin) {
        AxisTerm term{};
        for (int64_t tap = begin; tap < l.kernel[axis]; tap += tap_step) term.taps.push_back(tap);
        if (forward) {
            term.from_first = first * stride - pad + begin * dilation;
        } else {
            // Backwards, y[h] goes to x[h stride - pad + tap dilation]: for one x, later taps read
            // earlier y. The taps are reversed, so that positions rise along the term.
            std::reverse(term.taps.begin(), term.taps.end());
            const int64_t at = first + pad - term.taps.front() * dilation;
            if (at % stride != 0) continue;  // between two positions: no y reaches this x
            term.from_first = at / stride;
        }
        terms.push_back(std::move(term));
    }
    return terms;
}

}  // namespace

int64_t AxisPhase::most_taps() const {
    int64_t most = 1;
    for (const AxisTerm& term : terms) most = std::max(most, term.count());
    return most;
}

/// Moving by lcm(stride, dilation) positions of x is a whole number of strides and a whole number
/// of dilations: the same taps meet again. So that distance is the step in x, lcm / stride the step
/// in y, and taps that are lcm / dilation apart belong to one term.
WinogradAxis::WinogradAxis(const ConvLoops& l, int axis, bool forward, int64_t points)
    : from_size(forward ? l.x[axis] : l.y[axis]), to_size(forward ? l.y[axis] : l.x[axis]) {
    const int64_t together = std::lcm(l.strides[axis], l.dilations[axis]);
    from_step = forward ? together : together / l.strides[axis];
    to_step = forward ? together / l.strides[axis] : together;
    for (int64_t first = 0; first < std::min(to_step, to_size); ++first)
        phases.push_back({first, terms_of(l, axis, forward, first, together / l.dilations[axis])});
    const int64_t length = (to_size + to_step - 1) / to_step;
    // Without neighbouring taps there is nothing to save.
    const int64_t size =
        most_taps() == 1 ? 1 : std::clamp<int64_t>(points - most_taps() + 1, 1, length);
    const int64_t count = (length + size - 1) / size;
    for (int64_t i = 0, first = 0; i < count; ++i) {
        const int64_t end = length * (i + 1) / count;
        tiles.push_back({first, end - first});
        first = end;
    }
    for (const AxisTile& tile : tiles)
        if (std::find(tile_sizes.begin(), tile_sizes.end(), tile.size) == tile_sizes.end())
            tile_sizes.push_back(tile.size);
    std::sort(tile_sizes.begin(), tile_sizes.end());
}

int64_t WinogradAxis::most_taps() const {
    int64_t most = 1;
    for (const AxisPhase& phase : phases) most = std::max(most, phase.most_taps());
    return most;
}

int64_t WinogradAxis::products() const {
    int64_t sum = 0;
    for (const AxisPhase& phase : phases)
        for (const AxisTerm& term : phase.terms)
            for (const AxisTile& tile : tiles) sum += points_of(tile.size, term.count());
    return sum;
}

int64_t WinogradAxis::direct_products() const {
    int64_t sum = 0;
    for (const AxisPhase& phase : phases)
        for (const AxisTerm& term : phase.terms)
            for (const AxisTile& tile : tiles) sum += tile.size * term.count();
    return sum;
}

}  // namespace gmc::runtime

// Compares shapes by the rules that broadcasting.h states, and repeats values accordingly.
#include "dsl/lower/broadcasting.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace gmc::lower {

using ir::Shape;
using ir::ValueId;

int64_t elements_of(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

/// One number takes the other shape, whatever its own axes are. Otherwise each axis, counted from
/// the last, gets the size that is not 1; two such sizes have to be equal.
std::optional<Shape> common_shape(const Shape& a, const Shape& b) {
    const bool one_a = elements_of(a) == 1, one_b = elements_of(b) == 1;
    if (one_a && one_b) return a.size() < b.size() ? b : a;
    if (one_a) return b;
    if (one_b) return a;
    Shape common(std::max(a.size(), b.size()), 1);
    for (const Shape* shape : {&a, &b}) {
        for (size_t i = 1; i <= shape->size(); ++i) {
            const int64_t size = (*shape)[shape->size() - i];
            int64_t& place = common[common.size() - i];
            if (place == 1) place = size;
            if (size != place && size != 1) return std::nullopt;
        }
    }
    return common;
}

/// Both values repeat exactly when the common shape is the shape of neither.
std::optional<Shape> common_example_shape(const Shape& a, const Shape& b, Repeat repeat) {
    auto common = common_shape(a, b);
    const bool both = common && *common != a && *common != b;
    if (both && (repeat == Repeat::kOne || a.size() != b.size())) return std::nullopt;
    return common;
}

/// Axes of size 1 that repeat are dropped by a reshape first, since a broadcast only adds axes:
/// [28, 1] to [28, 3] becomes [28], then axis 0 of [28, 3].
ValueId spread(ir::Builder& b, ValueId x, bool batched, const Shape& to, bool to_batched) {
    const Shape from = b.shape(x);
    if (from == to && batched == to_batched) return x;
    const size_t own = batched ? 1 : 0;
    Shape kept(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(own));
    std::vector<int64_t> dims(own, 0);
    const bool one = elements_of(from) == elements_of(kept);
    for (size_t i = own; i < from.size() && !one; ++i) {
        const size_t place = to.size() - from.size() + i;
        if (from[i] != to[place]) continue;
        kept.push_back(from[i]);
        dims.push_back(static_cast<int64_t>(place));
    }
    return b.broadcast(b.reshape(x, kept), dims, to);
}

}  // namespace gmc::lower

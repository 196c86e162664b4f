// Rules of spatial axes, which convolutions and pooling share.
#include "dsl/lower/layers/spatial.h"

#include <fmt/format.h>

#include <algorithm>

namespace gmc::lower {

bool needs_spatial(LayerScope& l, size_t axes) {
    if (l.shape().size() == axes + 2) return true;
    constexpr const char* kNames[] = {"sequences", "images", "volumes"};
    constexpr const char* kShapes[] = {"[length, channels]", "[height, width, channels]",
                                       "[depth, height, width, channels]"};
    const size_t have = l.shape().size() - 2;
    std::string help;
    if (l.shape().size() == 2)
        help =
            "`flatten` and `dense` give rows of numbers: it stands before them, or behind a "
            "`reshape`";
    else if (const size_t digit = l.spec.kind.find(fmt::format("{}d", axes));
             digit != std::string::npos && have >= 1 && have <= 3) {
        const std::string other = std::string(l.spec.kind).replace(digit, 1, std::to_string(have));
        if (dsl::find_layer(other) != nullptr)
            help = fmt::format("`{}` takes {}", other, kNames[have - 1]);
    }
    l.wrong_shape("",
                  fmt::format("`{}` needs {} {}, got {}", l.spec.kind, kNames[axes - 1],
                              kShapes[axes - 1], ir::to_string(example_of(l.shape()))),
                  help);
    return false;
}

std::vector<int64_t> per_axis(const LayerScope& l, const std::string& key) {
    const dsl::LayerValue& value = l.spec.values.at(key);
    if (const auto* one = std::get_if<int64_t>(&value)) return {*one};
    return std::get<std::vector<int64_t>>(value);
}

/// With "same", all windows together span (count - 1) * stride + span elements; what that exceeds
/// the size by is the padding, the smaller half of it at the beginning. A size of 5, span 3 and
/// stride 2: 3 windows, which span 7, so one element at each end.
Windows windows_along(int64_t size, int64_t span, int64_t stride, const std::string& padding) {
    if (padding == "valid") return {0, 0, size < span ? 0 : (size - span) / stride + 1};
    const int64_t count = (size + stride - 1) / stride;
    if (padding == "causal") return {span - 1, 0, count};
    const int64_t total = std::max<int64_t>((count - 1) * stride + span - size, 0);
    return {total / 2, total - total / 2, count};
}

}  // namespace gmc::lower

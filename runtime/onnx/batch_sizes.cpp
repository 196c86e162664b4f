// Sizes in terms of the batch, from the axes that count examples.
#include "runtime/onnx/batch_sizes.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/batch/batch_axis.h"
#include "compiler/ir/scan.h"

namespace gmc::onnx {
namespace {

/// Whether a value of the function, or of a body of its scans, is a sum over examples.
bool has_sums(const BatchAxes& axes) {
    return std::count(axes.sums.begin(), axes.sums.end(), true) != 0 ||
           std::any_of(axes.bodies.begin(), axes.bodies.end(),
                       [](const auto& body) { return has_sums(body.second); });
}

std::vector<Sizes> sizes_of(const ir::Function& function, const BatchAxes& axes) {
    std::vector<Sizes> out;
    for (size_t v = 0; v < function.values.size(); ++v) {
        Sizes& sizes = out.emplace_back();
        for (const int64_t size : function.values[v].type.shape) sizes.push_back({size, 0});
        if (const auto& batch = axes.of[v])
            sizes[static_cast<size_t>(batch->axis)] = {0, batch->outer * batch->inner};
    }
    return out;
}

}  // namespace

std::string to_string(const Size& size) {
    if (!size.grows()) return fmt::format("{}", size.fixed);
    std::string out = size.per_batch == 1 ? "batch" : fmt::format("{}*batch", size.per_batch);
    return size.fixed == 0 ? out : fmt::format("{}{:+}", out, size.fixed);
}

BatchSizes::BatchSizes(const ir::Module& module, const ir::Function& function, int64_t batch)
    : batch_(batch) {
    BatchAxes axes = find_batch_axes(module, function, BatchSums::kAllowed);
    const bool weighs = std::any_of(
        function.inputs.begin(), function.inputs.end(),
        [](const ir::Input& input) { return input.source.kind == ir::InputSource::Kind::kValid; });
    why_fixed_ = axes.why;
    if (why_fixed_.empty() && has_sums(axes) && !weighs)
        why_fixed_ = fmt::format("its means over the batch divide by {}", batch);
    const auto add = [&](const auto& self, const ir::Function& f, BatchAxes& found) -> void {
        found.of.resize(f.values.size());
        if (!why_fixed_.empty()) std::fill(found.of.begin(), found.of.end(), std::nullopt);
        sizes_[&f] = sizes_of(f, found);
        for (const ir::Operation& op : f.operations)
            if (const ir::Function* body = ir::body_of(module, op))
                self(self, *body, found.bodies[body->name]);
    };
    add(add, function, axes);
}

}  // namespace gmc::onnx

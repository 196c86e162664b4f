// Checks keys of single layers, and layers that make no sense inside a gradient.
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "dsl/checks/checks.h"
#include "dsl/model_view.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

/// The value of a key of one or two axes, as one number per axis.
std::vector<int64_t> per_axis(const LayerSpec& layer, const std::string& key) {
    if (!layer.has(key)) return {};
    const LayerValue& value = layer.values.at(key);
    if (const auto* one = std::get_if<int64_t>(&value)) return {*one};
    if (const auto* many = std::get_if<std::vector<int64_t>>(&value)) return *many;
    return {};
}

/// Looks at each layer by itself, then at calls of `grad` together with the networks inside.
class LayerChecks {
  public:
    LayerChecks(const ModelView& view, Diagnostics& diagnostics)
        : view_(view), diagnostics_(diagnostics) {}

    void run() {
        for (const NetworkSpec& network : view_.spec().networks) {
            for_each_layer(network, [&](const LayerSpec& layer) {
                stride(layer);
                dropout(layer);
                momentum(layer);
            });
            channels_first(network);
            last_layer(network);
            embedded_pictures(network);
            softmax_of_one(network.layers);
            for (const NetworkOutput& output : network.outputs) softmax_of_one(output.layers);
        }
        view_.walk_losses([&](const Expression& e) {
            if (e.kind == Kind::kCall && e.text == "grad" && e.arguments.size() == 2)
                gradient(*e.arguments[0], *e.arguments[1]);
        });
    }

  private:
    /// Warns about a stride of twice the window or more: most of the input is not looked at (or,
    /// when transposed, most of the output is only the bias). A 1 x 1 window with stride 2 is
    /// accepted, as it is usual in shortcuts.
    void stride(const LayerSpec& layer) {
        const char* window = layer.has("kernel") ? "kernel" : "pool";
        const std::vector<int64_t> sizes = per_axis(layer, window);
        const std::vector<int64_t> strides = per_axis(layer, "stride");
        for (size_t i = 0; i < std::min(sizes.size(), strides.size()); ++i) {
            if (strides[i] <= 2 || strides[i] < 2 * sizes[i]) continue;
            diagnostics_
                .warning(DiagnosticKind::kBadValue, layer.span_of("stride"),
                         "with `stride: {}` and `{}: {}`, `{}` {} {} of {} positions", strides[i],
                         window, sizes[i], layer.kind,
                         layer.kind.ends_with("_transpose") ? "fills" : "sees", sizes[i],
                         strides[i])
                .help("a stride is usually 1 or 2, and no larger than the window");
            return;
        }
    }

    /// Warns about dropout of nearly everything, where the share that is kept may be meant.
    void dropout(const LayerSpec& layer) {
        constexpr double kUsualMost = 0.9;
        if (layer.kind != "dropout" || !layer.has("rate") || layer.number("rate") <= kUsualMost)
            return;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, layer.span_of("rate"),
                     "`dropout` sets {:.4g} % of the numbers to 0", 100 * layer.number("rate"))
            .help("`rate` is the share that is dropped; usual are 0.1 to 0.5");
    }

    /// Warns of batch norm whose running statistics are mostly those of the last batch. PyTorch's
    /// `momentum` is the share of the new ones.
    void momentum(const LayerSpec& layer) {
        constexpr double kUsualLeast = 0.5;
        if (layer.kind != "batch_norm" || layer.number("momentum") >= kUsualLeast) return;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, layer.span_of("momentum"),
                     "`momentum: {0}` keeps {0} of the old running statistics, so that they are "
                     "those of the last few batches",
                     layer.number("momentum"))
            .help(fmt::format("PyTorch's momentum {} is {} here", layer.number("momentum"),
                              1 - layer.number("momentum")));
    }

    /// Warns about a generator or decoder that ends in dropout, which sets pixels themselves to 0,
    /// and about a decoder that ends in batch norm. (A generator has to reach the range of the data
    /// by an activation, see range_checks.cpp.)
    void last_layer(const NetworkSpec& network) {
        const std::optional<Ending> ending = ending_of(network);
        const bool makes_data = network.role == "generator" || network.role == "decoder";
        if (!makes_data || !ending) return;
        const bool norm = ending->layer->kind == "batch_norm" && network.role == "decoder";
        if (!norm && ending->layer->kind != "dropout") return;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, ending->span, "`{}` ends in `{}`, which {}",
                     network.name, ending->layer->kind,
                     norm ? "in training makes each result depend on the others of the batch"
                          : "in training sets its results themselves to 0")
            .help(norm ? "batch norm stands between layers with weights"
                       : "dropout stands before a layer with weights");
    }

    /// Warns about an embedding of pictures from 0 to 1: it takes whole numbers, from 0.
    void embedded_pictures(const NetworkSpec& network) {
        const LayerSpec* first = network.layers.empty() ? nullptr : &network.layers.front();
        if (!first || first->kind != "embedding" || network.inputs.size() != 1) return;
        for (const DataField& field : view_.spec().data) {
            const bool scaled = field.format == "folder" || field.format == "idx" ||
                                (field.format == "synthetic" && field.shape.size() == 3);
            if (network.inputs[0].like != "data." + field.name || !scaled || field.shape.empty() ||
                field.range_high > 1)
                continue;
            diagnostics_
                .warning(DiagnosticKind::kRangeMismatch, first->span,
                         "`embedding` takes whole numbers from 0, but `{}` has values in [{}, {}]",
                         field.name, field.range_low, field.range_high)
                .help("pictures go into `conv2d`, or into `flatten` and `dense`");
        }
    }

    /// Warns about pictures with their channels in front, of fields, inputs and `reshape`, in a
    /// network that would take their width for channels.
    void channels_first(const NetworkSpec& network) {
        bool pictures = false;
        for_each_layer(network, [&](const LayerSpec& layer) {
            pictures |= layer.kind.find("2d") != std::string::npos;
        });
        if (!pictures) return;
        for (const DataField& field : view_.spec().data)
            for (const NetworkInput& input : network.inputs)
                if (input.like == "data." + field.name)
                    picture(field.shape, field.span, fmt::format("`{}`", field.name),
                            "save `x.transpose(0, 2, 3, 1)`");
        for (const NetworkInput& input : network.inputs)
            if (input.like.empty())
                picture(input.shape, input.span, fmt::format("the input `{}`", input.name), "");
        for_each_layer(network, [&](const LayerSpec& layer) {
            if (layer.kind != "reshape" || !layer.has("shape")) return;
            // [1, positions, features] is a sequence, as attention takes it; pictures are square.
            const std::vector<int64_t> shape = layer.integers("shape");
            if (shape.size() == 3 && shape[1] == shape[2])
                picture(shape, layer.span_of("shape"), "`reshape`", "");
        });
    }

    void picture(const std::vector<int64_t>& shape, Span span, const std::string& what,
                 const std::string& remedy) {
        constexpr int64_t kSideLeast = 8;  // [1, 4, 4] may be a small map of one row
        const bool first = shape.size() == 3 && (shape[0] == 1 || shape[0] == 3 || shape[0] == 4) &&
                           shape[1] >= kSideLeast && shape[2] >= kSideLeast;
        if (!first || !places_.insert({span.line, span.column}).second) return;
        diagnostics_
            .warning(DiagnosticKind::kShapeMismatch, span,
                     "{} is [{}], which layers of pictures take for {} row{} of {} pixels with {} "
                     "channels",
                     what, fmt::join(shape, ", "), shape[0], shape[0] == 1 ? "" : "s", shape[1],
                     shape[2])
            .help(fmt::format("channels come last: [{}, {}, {}]{}", shape[1], shape[2], shape[0],
                              remedy.empty() || shape[0] == 1 ? "" : "; " + remedy));
    }

    /// Warns about softmax over one number, which is always 1; not where a loss of logits has
    /// refused it already.
    void softmax_of_one(const std::vector<LayerSpec>& layers) {
        const LayerSpec* before = nullptr;
        for (const LayerSpec& layer : layers) {
            const bool own = layer.has("activation") && layer.word("activation") == "softmax";
            const LayerSpec* of = own ? &layer : layer.kind == "softmax" ? before : nullptr;
            const Span span = own ? layer.span_of("activation") : layer.span;
            const bool told = std::any_of(
                diagnostics_.warnings().begin(), diagnostics_.warnings().end(),
                [&](const Diagnostic& one) {
                    return one.kind == DiagnosticKind::kLogitsExpected && one.span == span;
                });
            for (const char* size : {"units", "filters"})
                if (of && !told && layer.from.empty() && of->has(size) && of->integer(size) == 1)
                    diagnostics_
                        .warning(DiagnosticKind::kBadValue, span,
                                 "softmax of one number is always 1")
                        .help("`sigmoid` is the same for two classes with one number");
            before = &layer;
        }
    }

    /// Warns about batch norm in networks between `f` and `x`: there the gradient at one example
    /// depends on all others (Gulrajani et al. 2017, section 4).
    void gradient(const Expression& f, const Expression& x) {
        const std::string at = to_string(x);
        const auto visit = [&](const Expression& e) {
            const NetworkSpec* network = e.kind == Kind::kCall ? view_.network(e.text) : nullptr;
            if (!network || !mentions(e, at)) return;
            for_each_layer(*network, [&](const LayerSpec& layer) {
                if (layer.kind != "batch_norm" || !reported_.insert(network).second) return;
                diagnostics_
                    .warning(DiagnosticKind::kNotPerExample, layer.span,
                             "`{}` has batch norm, so its slope at an example depends on the other "
                             "examples, but `grad` stands for the slope at each",
                             network->name)
                    .note(f.span, "the gradient is here")
                    .help("`layer_norm`, `instance_norm`, or no normalisation");
            });
        };
        view_.walk(f, visit, {at});
    }

    /// Whether the expression `x`, as it is written, occurs in `e`.
    bool mentions(const Expression& e, const std::string& x) const {
        bool found = false;
        view_.walk(e, [&](const Expression& part) { found |= to_string(part) == x; }, {x});
        return found;
    }

    const ModelView& view_;
    Diagnostics& diagnostics_;
    std::set<const NetworkSpec*> reported_;
    std::set<std::pair<uint32_t, uint32_t>> places_;  ///< of pictures that were warned of
};

}  // namespace

void check_layers(const ModelView& view, Diagnostics& diagnostics) {
    LayerChecks(view, diagnostics).run();
}

}  // namespace gmc::dsl

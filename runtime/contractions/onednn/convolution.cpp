// Convolutions by oneDNN: describes the problem in its terms, asks for a primitive, leaves out
// implementations that are slow or known to be wrong, and wraps the rest as a kernel.
#include "runtime/contractions/onednn/convolution.h"

#include <algorithm>

#include "runtime/contractions/onednn/compat.h"
#include "runtime/contractions/onednn/session.h"

namespace gmc::runtime {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

/// The problem in oneDNN's terms. Its dims are in the order N, C, D... and [groups,] F/groups,
/// C/groups, K... whatever the layout in memory is.
struct Descs {
    memory::desc src, weights_plain, weights_any, dst;
    compat::Window window;
};

/// [N, D..., C] to oneDNN's order [N, C, D...].
memory::dims channels_second(const ir::Shape& shape) {
    memory::dims dims{shape.front(), shape.back()};
    dims.insert(dims.end(), shape.begin() + 1, shape.end() - 1);
    return dims;
}

memory::data_type data_type(ir::DType type) {
    return type == ir::DType::kBf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

/// The tags say how the tensors lie in memory: activations channels-last, weights as the IR has
/// them. `weights_any` lets the primitive choose.
Descs describe(const ConvProblem& p) {
    constexpr Tag kActivations[] = {Tag::nwc, Tag::nhwc, Tag::ndhwc};
    constexpr Tag kWeights[] = {Tag::wio, Tag::hwio, Tag::dhwio};
    constexpr Tag kGroupedWeights[] = {Tag::wigo, Tag::hwigo, Tag::dhwigo};
    const size_t rank = p.spatial() - 1;
    const int64_t groups = p.window.groups;
    memory::dims weights{p.filters() / groups, p.channels() / groups};
    weights.insert(weights.end(), p.weights.begin(), p.weights.end() - 2);
    if (groups > 1) weights.insert(weights.begin(), groups);
    const Tag plain = groups > 1 ? kGroupedWeights[rank] : kWeights[rank];
    const auto weights_type = data_type(p.weights_type());
    Descs d{memory::desc(channels_second(p.x), data_type(p.x_type()), kActivations[rank]),
            memory::desc(weights, weights_type, plain),
            memory::desc(weights, weights_type, Tag::any),
            memory::desc(channels_second(p.y), data_type(p.y_type()), kActivations[rank]),
            {p.window.strides, p.window.dilations, p.window.pads_begin, p.window.pads_end}};
    for (int64_t& dilation : d.window.dilations) --dilation;
    return d;
}

/// True when some tap of the weights reads padding only.
bool has_idle_taps(const ConvProblem& p) {
    const ir::ConvWindow& w = p.window;
    for (size_t i = 0; i < p.spatial(); ++i)
        for (int64_t tap = 0; tap < p.weights[i]; ++tap) {
            bool idle = true;
            for (int64_t o = 0; idle && o < p.y[i + 1]; ++o) {
                const int64_t at = o * w.strides[i] - w.pads_begin[i] + tap * w.dilations[i];
                idle = at < 0 || at >= p.x[i + 1];
            }
            if (idle) return true;
        }
    return false;
}

/// True when an implementation is known to compute wrong results for a problem.
bool known_wrong(const ConvProblem& p, std::string_view implementation) {
    // Such a tap's gradient is 0, but the implementation leaves it unwritten (seen with 2.6.3).
    if (p.direction == ConvProblem::Direction::kBackwardWeights && !p.is_f32() && has_idle_taps(p))
        return true;
    const bool strided = std::any_of(p.window.strides.begin(), p.window.strides.end(),
                                     [](int64_t stride) { return stride > 1; });
    if (!strided) return false;
    // oneDNN issue 6035: weight gradients of strided 1x1 convolutions write beyond their workspace
    // when the channels do not fill a block.
    if (p.direction == ConvProblem::Direction::kBackwardWeights &&
        implementation.find("1x1") != std::string_view::npos)
        return p.channels() / p.window.groups % 16 != 0;
    // Fixed in 3.13: reads beyond rows whose length is not a multiple of the stride.
    if (p.direction == ConvProblem::Direction::kBackwardData &&
        implementation.find("brgconv_strided") != std::string_view::npos)
        for (size_t i = 0; i < p.spatial(); ++i)
            if (p.x[i + 1] % p.window.strides[i] != 0) return compat::library_before(3, 13);
    return false;
}

/// Forward and backward data: a primitive that reads the weights in its own layout.
class WeightReader final : public Kernel {
  public:
    WeightReader(std::shared_ptr<WeightLayout> weights, PrimitiveCall call)
        : weights_(std::move(weights)), call_(std::move(call)) {}
    void run(const CallContext&) override {
        weights_->make_current();
        call_.run();
    }

  private:
    std::shared_ptr<WeightLayout> weights_;
    PrimitiveCall call_;
};

/// Backward weights: a primitive that writes its own layout, and a reorder to the plain one.
class WeightWriter final : public Kernel {
  public:
    WeightWriter(PrimitiveCall call, std::unique_ptr<PrimitiveCall> reorder)
        : call_(std::move(call)), reorder_(std::move(reorder)) {}
    void run(const CallContext&) override {
        call_.run();
        if (reorder_) reorder_->run();
    }

  private:
    PrimitiveCall call_;
    std::unique_ptr<PrimitiveCall> reorder_;
};

auto forward_descriptor(const Descs& d, OnednnSession& session) {
    return compat::conv_forward(session.engine, d.src, d.weights_any, d.dst, d.window,
                                session.attributes);
}

/// The forward descriptor that oneDNN requires for backward passes; all of its tensors have the
/// operands' type.
auto forward_hint(const ConvProblem& p, OnednnSession& session) {
    ConvProblem forward = p;
    forward.result_type = p.operand_type;
    return forward_descriptor(describe(forward), session);
}

std::unique_ptr<Kernel> conv_forward(const ConvProblem& p, ContractionContext& context) {
    const Descs d = describe(p);
    auto descriptor = forward_descriptor(d, session_of(context));
    if (!choose_implementation(descriptor, [&](auto name) { return known_wrong(p, name); }))
        return nullptr;
    PrimitiveCall call(context, dnnl::convolution_forward(descriptor), descriptor.scratchpad_desc(),
                       p.where);
    const auto weights = weight_in_layout(context, p.weights_value, p.weights_data, d.weights_plain,
                                          descriptor.weights_desc(), p.where);
    call.set(DNNL_ARG_SRC, d.src, p.x_data);
    call.set(DNNL_ARG_WEIGHTS, weights->memory());
    call.set(DNNL_ARG_DST, d.dst, p.y_data);
    return std::make_unique<WeightReader>(weights, std::move(call));
}

std::unique_ptr<Kernel> conv_backward_data(const ConvProblem& p, ContractionContext& context) {
    const Descs d = describe(p);
    OnednnSession& session = session_of(context);
    const auto hint = forward_hint(p, session);
    if (!hint) return nullptr;
    auto descriptor = compat::conv_backward_data(session.engine, d.src, d.weights_any, d.dst,
                                                 d.window, hint, session.attributes);
    if (!choose_implementation(descriptor, [&](auto name) { return known_wrong(p, name); }))
        return nullptr;
    PrimitiveCall call(context, dnnl::convolution_backward_data(descriptor),
                       descriptor.scratchpad_desc(), p.where);
    const auto weights = weight_in_layout(context, p.weights_value, p.weights_data, d.weights_plain,
                                          descriptor.weights_desc(), p.where);
    call.set(DNNL_ARG_DIFF_DST, d.dst, p.y_data);
    call.set(DNNL_ARG_WEIGHTS, weights->memory());
    call.set(DNNL_ARG_DIFF_SRC, d.src, p.x_data);
    return std::make_unique<WeightReader>(weights, std::move(call));
}

/// The primitive writes the gradient in its own layout into scratch memory, behind what both calls
/// need for themselves, and a reorder copies it from there to the weights.
std::unique_ptr<Kernel> conv_backward_weights(const ConvProblem& p, ContractionContext& context) {
    const Descs d = describe(p);
    OnednnSession& session = session_of(context);
    const auto hint = forward_hint(p, session);
    if (!hint) return nullptr;
    auto descriptor = compat::conv_backward_weights(session.engine, d.src, d.weights_any, d.dst,
                                                    d.window, hint, session.attributes);
    if (!choose_implementation(descriptor, [&](auto name) { return known_wrong(p, name); }))
        return nullptr;
    PrimitiveCall call(context, dnnl::convolution_backward_weights(descriptor),
                       descriptor.scratchpad_desc(), p.where);
    call.set(DNNL_ARG_SRC, d.src, p.x_data);
    call.set(DNNL_ARG_DIFF_DST, d.dst, p.y_data);
    const memory::desc blocked = descriptor.diff_weights_desc();
    if (blocked == d.weights_plain) {
        call.set(DNNL_ARG_DIFF_WEIGHTS, blocked, p.weights_data);
        return std::make_unique<WeightWriter>(std::move(call), nullptr);
    }
    auto reorder =
        std::make_unique<PrimitiveCall>(make_reorder(context, blocked, d.weights_plain, p.where));
    const int64_t offset = std::max(call.scratch_end(), reorder->scratch_end());
    call.set_scratch(DNNL_ARG_DIFF_WEIGHTS, blocked, offset);
    reorder->set_scratch(DNNL_ARG_FROM, blocked, offset);
    reorder->set(DNNL_ARG_TO, d.weights_plain, p.weights_data);
    return std::make_unique<WeightWriter>(std::move(call), std::move(reorder));
}

/// Calls `make`. oneDNN says "not implemented" by an empty descriptor or by an exception, and both
/// become null. Running out of memory is not that, and is passed on.
template <typename Make>
std::unique_ptr<Kernel> guarded(Make make, const ConvProblem& problem,
                                ContractionContext& context) {
    if (problem.spatial() > 3 || (!problem.is_f32() && !context.bf16())) return nullptr;
    try {
        return make(problem, context);
    } catch (const dnnl::error& error) {
        if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
        return nullptr;
    }
}

}  // namespace

std::unique_ptr<Kernel> make_onednn_conv(const ConvProblem& problem, ContractionContext& context) {
    return guarded(conv_forward, problem, context);
}
std::unique_ptr<Kernel> make_onednn_conv_backward_data(const ConvProblem& problem,
                                                       ContractionContext& context) {
    return guarded(conv_backward_data, problem, context);
}
std::unique_ptr<Kernel> make_onednn_conv_backward_weights(const ConvProblem& problem,
                                                          ContractionContext& context) {
    return guarded(conv_backward_weights, problem, context);
}

}  // namespace gmc::runtime

// Convolutions by oneDNN: describes the problem in its terms, asks for a primitive, leaves out
// implementations that are slow or known to be wrong, and wraps the rest as a kernel.
#include "runtime/contractions/onednn/convolution.h"

#include <omp.h>

#include <algorithm>
#include <atomic>

#include "runtime/contractions/onednn/compat.h"
#include "runtime/contractions/onednn/session.h"

namespace gmc::runtime {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

/// A weight gradient is computed in at most so many blocks of images, which is enough for many
/// threads; their sums may take at least so many bytes.
constexpr int64_t kBlocksMost = 16, kSumsBytes = 1 << 20;

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

/// True when some window lies wholly within the input along this axis.
bool has_whole_window(const ConvProblem& p, size_t axis) {
    const ir::ConvWindow& w = p.window;
    const int64_t span = w.dilations[axis] * (p.weights[axis] - 1) + 1;
    for (int64_t o = 0; o < p.y[axis + 1]; ++o) {
        const int64_t begin = o * w.strides[axis] - w.pads_begin[axis];
        if (begin >= 0 && begin + span <= p.x[axis + 1]) return true;
    }
    return false;
}

/// What oneDNN 2.6.3 computes wrongly with bf16 operands, by any implementation.
bool is_wrong_in_bf16(const ConvProblem& p) {
    // The gradient of a tap that reads padding only is 0, but is left unwritten. Over three axes,
    // some taps begin with what the memory held where no window has all of its depth.
    if (p.direction == ConvProblem::Direction::kBackwardWeights)
        return has_idle_taps(p) || (p.spatial() == 3 && !has_whole_window(p, 0));
    // Data gradients of 1x1 convolutions with an odd number of filters, for some numbers of points,
    // such as 210.
    const bool one_tap =
        std::all_of(p.weights.begin(), p.weights.end() - 2, [](int64_t taps) { return taps == 1; });
    return p.direction == ConvProblem::Direction::kBackwardData && one_tap &&
           p.filters() / p.window.groups % 2 == 1;
}

/// True when an implementation is known to compute wrong results for a problem.
bool known_wrong(const ConvProblem& p, std::string_view implementation) {
    if (!p.is_f32() && is_wrong_in_bf16(p)) return true;
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

/// While it lives, oneDNN makes primitives for one thread.
class OneThread {
  public:
    OneThread() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;
    ~OneThread() { omp_set_num_threads(threads_); }

  private:
    int threads_;
};

/// Backward weights: blocks of images, each by a primitive of one thread that writes a sum of its
/// own, in oneDNN's layout; then the sum of these sums, and a reorder to the plain layout. A
/// primitive for several threads would add in an order that depends on their number.
class WeightWriter final : public Kernel {
  public:
    struct Block {
        PrimitiveCall call;
        dnnl::stream stream;
    };
    /// The blocks' sums of `floats` each lie behind one another in the scratch memory, from
    /// `sums_begin` bytes on; their total is wanted in place of the first one.
    WeightWriter(ContractionContext& context, std::vector<Block> blocks, int64_t sums_begin,
                 int64_t floats, PrimitiveCall reorder)
        : context_(context),
          blocks_(std::move(blocks)),
          sums_begin_(sums_begin),
          floats_(floats),
          reorder_(std::move(reorder)) {}

    void run(const CallContext&) override {
        auto* sums = reinterpret_cast<float*>(context_.arena().scratch() + sums_begin_);
        std::atomic<dnnl_status_t> worst = dnnl_success;
#pragma omp parallel
        {
#pragma omp for schedule(dynamic, 1)
            for (Block& block : blocks_) {
                const dnnl_status_t status = block.call.execute(block.stream);
                if (status != dnnl_success) worst = status;
            }
#pragma omp for schedule(static)
            for (int64_t i = 0; i < floats_; ++i) {
                float sum = sums[i];
                for (size_t b = 1; b < blocks_.size(); ++b)
                    sum += sums[static_cast<int64_t>(b) * floats_ + i];
                sums[i] = sum;
            }
        }
        reorder_.check(worst);
        reorder_.run();
    }

  private:
    ContractionContext& context_;
    std::vector<Block> blocks_;
    int64_t sums_begin_, floats_;
    PrimitiveCall reorder_;
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

/// The images from `begin` up to `end` of a weight gradient, whose sums stay in f32 until the last
/// one.
ConvProblem block_of(ConvProblem p, int64_t begin, int64_t end) {
    const auto at = [&](const float* data, const ir::Shape& shape, ir::DType type) {
        const int64_t image = ir::Type{type, shape}.bytes() / shape[0];
        return reinterpret_cast<const std::byte*>(data) + begin * image;
    };
    p.x_data = const_cast<float*>(reinterpret_cast<const float*>(at(p.x_data, p.x, p.x_type())));
    p.y_data = const_cast<float*>(reinterpret_cast<const float*>(at(p.y_data, p.y, p.y_type())));
    p.x[0] = p.y[0] = end - begin;
    p.result_type = ir::DType::kF32;
    return p;
}

/// How many blocks of images: as many as leave their sums small beside x and y.
int64_t count_blocks(const ConvProblem& p) {
    const auto bytes = [](const ir::Shape& shape) {
        return ir::Type{ir::DType::kF32, shape}.bytes();
    };
    const int64_t most = std::max(kSumsBytes, (bytes(p.x) + bytes(p.y)) / 4) / bytes(p.weights);
    return std::clamp<int64_t>(most, 1, std::min(kBlocksMost, p.batch()));
}

std::unique_ptr<Kernel> conv_backward_weights(const ConvProblem& p, ContractionContext& context) {
    const OneThread one_thread;
    OnednnSession& session = session_of(context);
    const int64_t count = count_blocks(p);
    std::vector<WeightWriter::Block> blocks;
    int64_t scratch_end = 0;
    memory::desc sum;
    for (int64_t i = 0; i < count; ++i) {
        const ConvProblem block = block_of(p, p.batch() * i / count, p.batch() * (i + 1) / count);
        const Descs d = describe(block);
        const auto hint = forward_hint(block, session);
        if (!hint) return nullptr;
        auto descriptor = compat::conv_backward_weights(session.engine, d.src, d.weights_any, d.dst,
                                                        d.window, hint, session.attributes);
        if (!choose_implementation(descriptor, [&](auto name) { return known_wrong(block, name); }))
            return nullptr;
        // Blocks of another size may get another implementation, and another layout.
        if (i > 0 && descriptor.diff_weights_desc() != sum) return nullptr;
        sum = descriptor.diff_weights_desc();
        PrimitiveCall call(context, dnnl::convolution_backward_weights(descriptor),
                           descriptor.scratchpad_desc(), p.where, scratch_end);
        scratch_end = call.scratch_end();
        call.set(DNNL_ARG_SRC, d.src, block.x_data);
        call.set(DNNL_ARG_DIFF_DST, d.dst, block.y_data);
        blocks.push_back({std::move(call), dnnl::stream(session.engine)});
    }
    const memory::desc plain = describe(p).weights_plain;
    PrimitiveCall reorder = make_reorder(context, sum, plain, p.where);
    const int64_t sums_begin = std::max(scratch_end, reorder.scratch_end());
    const auto sum_bytes = static_cast<int64_t>(sum.get_size());
    for (int64_t i = 0; i < count; ++i)
        blocks[static_cast<size_t>(i)].call.set_scratch(DNNL_ARG_DIFF_WEIGHTS, sum,
                                                        sums_begin + i * sum_bytes);
    reorder.set_scratch(DNNL_ARG_FROM, sum, sums_begin);
    reorder.set(DNNL_ARG_TO, plain, p.weights_data);
    return std::make_unique<WeightWriter>(context, std::move(blocks), sums_begin, sum_bytes / 4,
                                          std::move(reorder));
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

// Convolutions by oneDNN: describes the problem in its terms, asks for a primitive, leaves out
// implementations that are slow or known to be wrong, and wraps the rest as a kernel.
#include "runtime/contractions/onednn/convolution.h"

#include <algorithm>
#include <map>

#include "runtime/contractions/onednn/compat.h"
#include "runtime/contractions/onednn/session.h"
#include "runtime/threads/team.h"

namespace gmc::runtime {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

/// Images are computed in at most so many blocks, which is enough for many threads, of at least so
/// many products each, which take about 10 us.
constexpr int64_t kBlocksMost = 16, kImagesProducts = 1 << 19;
/// The sums of a weight gradient's blocks may take at least so many bytes.
constexpr int64_t kSumsBytes = 1 << 20;

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

/// Forward and backward data: primitives that read the weights in their own layout, each for a
/// block of images.
class WeightReader final : public Kernel {
  public:
    WeightReader(std::shared_ptr<WeightLayout> weights, PrimitiveCalls blocks)
        : weights_(std::move(weights)), blocks_(std::move(blocks)) {}
    void run(const CallContext&) override {
        weights_->make_current();
        blocks_.run();
    }

  private:
    std::shared_ptr<WeightLayout> weights_;
    PrimitiveCalls blocks_;
};

/// The primitives of a problem's blocks, whose weights have one layout.
struct Blocks {
    PrimitiveCalls calls;
    int64_t count = 0;
    memory::desc weights;
};

/// Backward weights: blocks of images, each by a primitive that writes a sum of its own, in
/// oneDNN's layout; then the sum of these sums, and a reorder to the plain layout. A primitive for
/// several threads would add in an order that depends on their number.
class WeightWriter final : public Kernel {
  public:
    /// The blocks' sums lie behind one another in the scratch memory, from `sums_begin` bytes on;
    /// their total is wanted in place of the first one.
    WeightWriter(ContractionContext& context, Blocks blocks, int64_t sums_begin,
                 PrimitiveCalls reorder)
        : context_(context),
          blocks_(std::move(blocks)),
          sums_begin_(sums_begin),
          floats_(static_cast<int64_t>(blocks_.weights.get_size()) / 4),
          reorder_(std::move(reorder)) {}

    void run(const CallContext&) override {
        constexpr int64_t kLeast = 1 << 14;
        auto* sums = reinterpret_cast<float*>(context_.arena().scratch() + sums_begin_);
        blocks_.calls.run();
        if (blocks_.count > 1)
            run_parts(floats_, kLeast, threads_, [&](int64_t begin, int64_t end, int) {
                for (int64_t b = 1; b < blocks_.count; ++b)
                    for (int64_t i = begin; i < end; ++i) sums[i] += sums[b * floats_ + i];
            });
        reorder_.run();
    }

  private:
    ContractionContext& context_;
    Blocks blocks_;
    int64_t sums_begin_, floats_;
    PrimitiveCalls reorder_;
    int threads_ = thread_count();
};

/// The images from `begin` up to `end` of a problem.
ConvProblem block_of(ConvProblem p, int64_t begin, int64_t end) {
    const auto at = [&](const float* data, const ir::Shape& shape, ir::DType type) {
        const int64_t image = ir::Type{type, shape}.bytes() / shape[0];
        return reinterpret_cast<const std::byte*>(data) + begin * image;
    };
    p.x_data = const_cast<float*>(reinterpret_cast<const float*>(at(p.x_data, p.x, p.x_type())));
    p.y_data = const_cast<float*>(reinterpret_cast<const float*>(at(p.y_data, p.y, p.y_type())));
    p.x[0] = p.y[0] = end - begin;
    return p;
}

/// How many blocks of images a problem is divided into. Those of a weight gradient have sums, which
/// are to stay small beside x and y.
int64_t count_blocks(const ConvProblem& p) {
    const auto elements = [](const ir::Shape& shape) {
        return ir::Type{ir::DType::kF32, shape}.elements();
    };
    int64_t most = elements(p.y) * (elements(p.weights) / p.filters()) / kImagesProducts;
    if (p.direction == ConvProblem::Direction::kBackwardWeights)
        most = std::max(kSumsBytes / 4, (elements(p.x) + elements(p.y)) / 4) / elements(p.weights);
    return std::clamp<int64_t>(most, 1, std::min(kBlocksMost, p.batch()));
}

/// What oneDNN calls the three tensors of a pass, and how it describes the pass.
struct ForwardPass {
    using Primitive = dnnl::convolution_forward;
    static constexpr int kX = DNNL_ARG_SRC, kY = DNNL_ARG_DST;
    static auto describe_pass(const ConvProblem& p, OnednnSession& session) {
        const Descs d = describe(p);
        return compat::conv_forward(session.engine, d.src, d.weights_any, d.dst, d.window,
                                    session.attributes);
    }
    template <typename Descriptor>
    static memory::desc weights_of(const Descriptor& d) {
        return d.weights_desc();
    }
};

/// The forward descriptor that oneDNN requires for backward passes; all of its tensors have the
/// operands' type.
auto forward_hint(ConvProblem p, OnednnSession& session) {
    p.result_type = p.operand_type;
    return ForwardPass::describe_pass(p, session);
}

struct BackwardDataPass {
    using Primitive = dnnl::convolution_backward_data;
    static constexpr int kX = DNNL_ARG_DIFF_SRC, kY = DNNL_ARG_DIFF_DST;
    static auto describe_pass(const ConvProblem& p, OnednnSession& session) {
        const Descs d = describe(p);
        return compat::conv_backward_data(session.engine, d.src, d.weights_any, d.dst, d.window,
                                          forward_hint(p, session), session.attributes);
    }
    template <typename Descriptor>
    static memory::desc weights_of(const Descriptor& d) {
        return d.weights_desc();
    }
};

struct BackwardWeightsPass {
    using Primitive = dnnl::convolution_backward_weights;
    static constexpr int kX = DNNL_ARG_SRC, kY = DNNL_ARG_DIFF_DST;
    /// The sums of blocks stay in f32 until the last one.
    static auto describe_pass(ConvProblem p, OnednnSession& session) {
        p.result_type = ir::DType::kF32;
        const Descs d = describe(p);
        return compat::conv_backward_weights(session.engine, d.src, d.weights_any, d.dst, d.window,
                                             forward_hint(p, session), session.attributes);
    }
    template <typename Descriptor>
    static memory::desc weights_of(const Descriptor& d) {
        return d.diff_weights_desc();
    }
};

/// Makes a primitive for each number of images that blocks have. The weights are left to be set.
/// Empty where oneDNN cannot do it, or chooses another layout for the last block than for others.
template <typename Pass>
Blocks make_blocks(const ConvProblem& p, ContractionContext& context, int64_t count) {
    OnednnSession& session = session_of(context);
    using Descriptor = decltype(Pass::describe_pass(p, session));
    std::map<int64_t, std::pair<Descriptor, typename Pass::Primitive>> made;  // by images
    Blocks blocks;
    for (int64_t i = 0; i < count; ++i) {
        const ConvProblem block = block_of(p, p.batch() * i / count, p.batch() * (i + 1) / count);
        auto found = made.find(block.batch());
        if (found == made.end()) {
            Descriptor descriptor = Pass::describe_pass(block, session);
            if (!choose_implementation(descriptor,
                                       [&](auto name) { return known_wrong(block, name); }))
                return {};
            if (i > 0 && Pass::weights_of(descriptor) != blocks.weights) return {};
            blocks.weights = Pass::weights_of(descriptor);
            const typename Pass::Primitive primitive(descriptor);
            found = made.emplace(block.batch(), std::pair(descriptor, primitive)).first;
        }
        const auto& [descriptor, primitive] = found->second;
        PrimitiveCall call(context, primitive, descriptor.scratchpad_desc(), p.where,
                           blocks.calls.scratch_end());
        const Descs d = describe(block);
        call.set(Pass::kX, d.src, block.x_data);
        call.set(Pass::kY, d.dst, block.y_data);
        blocks.calls.add(std::move(call));
        ++blocks.count;
    }
    return blocks;
}

/// The same with the usual number of blocks, or one.
template <typename Pass>
Blocks make_blocks(const ConvProblem& p, ContractionContext& context) {
    const OneThread one_thread;
    const int64_t count = count_blocks(p);
    Blocks blocks = make_blocks<Pass>(p, context, count);
    return blocks.count > 0 || count == 1 ? std::move(blocks) : make_blocks<Pass>(p, context, 1);
}

/// Forward, and backward data.
template <typename Pass>
std::unique_ptr<Kernel> make_reader(const ConvProblem& p, ContractionContext& context) {
    Blocks blocks = make_blocks<Pass>(p, context);
    if (blocks.count == 0) return nullptr;
    const auto weights = weight_in_layout(context, p.weights_value, p.weights_data,
                                          describe(p).weights_plain, blocks.weights, p.where);
    for (PrimitiveCall& call : blocks.calls.all()) call.set(DNNL_ARG_WEIGHTS, weights->memory());
    return std::make_unique<WeightReader>(weights, std::move(blocks.calls));
}

/// Backward weights.
std::unique_ptr<Kernel> make_writer(const ConvProblem& p, ContractionContext& context) {
    Blocks blocks = make_blocks<BackwardWeightsPass>(p, context);
    if (blocks.count == 0) return nullptr;
    const memory::desc sum = blocks.weights;
    const auto sum_bytes = static_cast<int64_t>(sum.get_size());
    const int64_t sums_begin = blocks.calls.scratch_end();
    int64_t end = sums_begin;
    for (PrimitiveCall& call : blocks.calls.all()) {
        call.set_scratch(DNNL_ARG_DIFF_WEIGHTS, sum, end);
        end += sum_bytes;
    }
    PrimitiveCalls reorder = make_reorder(context, {sum, nullptr, sums_begin},
                                          {describe(p).weights_plain, p.weights_data}, p.where,
                                          align_up(end, kTensorAlignment));
    return std::make_unique<WeightWriter>(context, std::move(blocks), sums_begin,
                                          std::move(reorder));
}

/// Calls `make`. oneDNN says "not implemented" by an empty descriptor or by an exception, and both
/// become null. Running out of memory is not that, and is passed on.
template <typename Make>
std::unique_ptr<Kernel> guarded(Make make, const ConvProblem& problem,
                                ContractionContext& context) {
    if (problem.spatial() > 3 || (!problem.is_f32() && !context.bf16())) return nullptr;
    expect_room_for_code();
    try {
        return make(problem, context);
    } catch (const dnnl::error& error) {
        if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
        return nullptr;
    }
}

}  // namespace

std::unique_ptr<Kernel> make_onednn_conv(const ConvProblem& problem, ContractionContext& context) {
    return guarded(make_reader<ForwardPass>, problem, context);
}
std::unique_ptr<Kernel> make_onednn_conv_backward_data(const ConvProblem& problem,
                                                       ContractionContext& context) {
    return guarded(make_reader<BackwardDataPass>, problem, context);
}
std::unique_ptr<Kernel> make_onednn_conv_backward_weights(const ConvProblem& problem,
                                                          ContractionContext& context) {
    return guarded(make_writer, problem, context);
}

}  // namespace gmc::runtime

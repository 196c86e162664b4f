// The lists of candidates, and the static rules that need no file of their own. The order within a
// list decides where several static rules prefer a problem.
#include "runtime/contractions/choice/candidates.h"

#include "compiler/support/check.h"
#include "runtime/contractions/choice/tuning.h"
#include "runtime/contractions/choice/widened_contraction.h"
#include "runtime/contractions/onednn/convolution.h"
#include "runtime/contractions/onednn/matmul.h"
#include "runtime/contractions/plain_contraction.h"
#include "runtime/contractions/tiles/batched_matmul.h"
#include "runtime/contractions/tiles/few_channels_backward_data.h"
#include "runtime/contractions/tiles/packed_matmul.h"
#include "runtime/contractions/tiles/tiled_backward_weights.h"
#include "runtime/contractions/tiles/tiled_convolution.h"
#include "runtime/contractions/tiles/tiled_matmul.h"
#include "runtime/contractions/tiles/vector_matmul.h"
#include "runtime/contractions/winograd/winograd_backward_weights.h"
#include "runtime/contractions/winograd/winograd_convolution.h"

namespace gmc::runtime {
namespace {

using Direction = ConvProblem::Direction;

template <typename Problem>
bool always(const Problem&) {
    return true;
}
template <typename Problem>
bool never(const Problem&) {
    return false;
}

/// Winograd's forms with up to this many points of evaluation.
template <int64_t kPoints>
std::unique_ptr<Kernel> make_winograd(const ConvProblem& problem, ContractionContext& context) {
    return make_winograd_conv(problem, context, kPoints);
}

template <int64_t kPoints>
std::unique_ptr<Kernel> make_winograd_weights(const ConvProblem& problem,
                                              ContractionContext& context) {
    return make_winograd_backward_weights(problem, context, kPoints);
}

// Name, static rule, factory; whether the factory takes bf16, there are fewer products than in
// direct sums, and it takes problems that move.
constexpr Candidate<ConvProblem> kForward[] = {
    {"tiled", prefers_tiled_conv, make_tiled_conv, true},
    {"winograd_4", never, make_winograd<4>, false, true},
    {"winograd_5", never, make_winograd<5>, false, true},
    {"winograd_6", never, make_winograd<6>, false, true},
    {"onednn", always, make_onednn_conv, true},
    {"widened", never, make_widened_conv, true},
    {"plain", never, make_plain_conv},
};
constexpr Candidate<ConvProblem> kBackwardData[] = {
    {"few_channels", prefers_few_channels, make_few_channels_backward_data, true},
    {"tiled", prefers_tiled_conv, make_tiled_conv, true},
    {"winograd_4", never, make_winograd<4>, false, true},
    {"winograd_5", never, make_winograd<5>, false, true},
    {"winograd_6", never, make_winograd<6>, false, true},
    {"onednn", always, make_onednn_conv_backward_data, true},
    {"widened", never, make_widened_conv, true},
    {"plain", never, make_plain_conv},
};
constexpr Candidate<ConvProblem> kBackwardWeights[] = {
    {"tiled", prefers_tiled_backward_weights, make_tiled_backward_weights, true},
    {"winograd_4", never, make_winograd_weights<4>, false, true},
    {"winograd_5", never, make_winograd_weights<5>, false, true},
    {"winograd_6", never, make_winograd_weights<6>, false, true},
    {"onednn", always, make_onednn_conv_backward_weights, true},
    {"widened", never, make_widened_conv, true},
    {"plain", never, make_plain_conv},
};

/// Measured with oneDNN 2.6.3 on Zen 5, milliseconds by sgemm and by matmul:
/// [128,50176]x[50176,128] 3.5 and 4.0, [128,100]x[100,12544] 0.745 and 0.761; other shapes go both
/// ways. The first sgemm of a process costs 20 ms, since oneDNN compiles code for it. So only long
/// sums prefer it; for others it has to be clearly faster to be chosen by measuring (kWorthwhile in
/// tuning.cpp).
bool prefers_sgemm(const MatmulProblem& p) {
    constexpr int64_t kLongSum = 1 << 14;
    return !p.transpose_b && p.k >= kLongSum;
}

constexpr Candidate<MatmulProblem> kMatmul[] = {
    {"batched", prefers_batched_matmul, make_batched_matmul},
    {"vector", prefers_vector_matmul, make_vector_matmul, true},
    {"tiled", prefers_tiled_matmul, make_tiled_matmul, false, false, true},
    {"packed", prefers_packed_matmul, make_packed_matmul, false, false, true},
    {"onednn_sgemm", prefers_sgemm, make_onednn_sgemm},
    {"onednn_matmul", always, make_onednn_matmul, true},
    {"widened", never, make_widened_matmul, true},
    {"plain", never, make_plain_matmul, false, false, true},
};

/// Asks the measurements first, then the static rules, then takes the first candidate that can do
/// the problem.
template <typename Problem>
std::unique_ptr<Kernel> make_best(std::span<const Candidate<Problem>> candidates,
                                  const Problem& problem, ContractionContext& context) {
    if (TuningCache* tuning = context.tuning())
        if (auto kernel = make_fastest(candidates, problem, context, *tuning)) return kernel;
    for (const bool preferred : {true, false})
        for (const Candidate<Problem>& candidate : candidates)
            if (candidate.preferred(problem) == preferred)
                if (auto kernel = candidate.make_named(problem, context)) return kernel;
    GMC_CHECK(false, "no candidate can do {}", problem.where);
}

}  // namespace

std::span<const Candidate<ConvProblem>> conv_candidates(Direction direction) {
    switch (direction) {
        case Direction::kForward:
            return kForward;
        case Direction::kBackwardData:
            return kBackwardData;
        case Direction::kBackwardWeights:
            return kBackwardWeights;
    }
    return {};
}

std::span<const Candidate<MatmulProblem>> matmul_candidates() { return kMatmul; }

std::unique_ptr<Kernel> make_conv_kernel(const ConvProblem& problem, ContractionContext& context) {
    return make_best(conv_candidates(problem.direction), problem, context);
}

bool can_move(const ir::Module& module, const ir::Function& function,
              const ir::Operation& operation) {
    if (operation.as<ir::Matmul>() == nullptr) return false;
    const MatmulProblem p =
        matmul_problem(module, function, operation, Buffers(function.values.size()));
    return p.is_f32() && can_pack(p);
}

std::unique_ptr<Kernel> make_matmul_kernel(const MatmulProblem& problem,
                                           ContractionContext& context) {
    return make_best(matmul_candidates(), problem, context);
}

}  // namespace gmc::runtime

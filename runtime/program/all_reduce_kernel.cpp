// The tree of sums: its leaves are the shards, those of a process next to each other. So a process
// first completes the part of the tree that is above its own shards.
#include "runtime/program/all_reduce_kernel.h"

#include <algorithm>

#include "compiler/support/check.h"
#include "runtime/processes/process_group.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// So many elements are added up at once, in a cache.
constexpr int64_t kPiece = 1024;
/// A thread takes at least so many pieces at a time.
constexpr int64_t kLeastPieces = 8;

class AllReduceKernel final : public Kernel {
  public:
    AllReduceKernel(const float* parts, int64_t shards, int64_t elements, float* sum,
                    ProcessGroup* group)
        : parts_(parts), shards_(shards), elements_(elements), sum_(sum), group_(group) {
        if (group_ != nullptr) group_->make_room(elements);
    }

    void run(const CallContext&) override {
        const int64_t pieces = (elements_ + kPiece - 1) / kPiece;
        run_parts(pieces, kLeastPieces, threads_, [&](int64_t piece, int64_t end, int) {
            for (; piece < end; ++piece)
                add(0, shards_, piece * kPiece, std::min(kPiece, elements_ - piece * kPiece),
                    sum_ + piece * kPiece);
        });
        if (group_ != nullptr) group_->sum(sum_, elements_);
    }

  private:
    /// Adds up elements [begin, begin + count) of the shards [first, first + shards), a power of
    /// two, into `to`.
    void add(int64_t first, int64_t shards, int64_t begin, int64_t count, float* to) const {
        const float* a = parts_ + first * elements_ + begin;
        if (shards == 1) {
            std::copy_n(a, count, to);
        } else if (shards == 2) {
            const float* b = a + elements_;
#pragma omp simd
            for (int64_t i = 0; i < count; ++i) to[i] = a[i] + b[i];
        } else {
            float second[kPiece];
            add(first, shards / 2, begin, count, to);
            add(first + shards / 2, shards / 2, begin, count, second);
#pragma omp simd
            for (int64_t i = 0; i < count; ++i) to[i] += second[i];
        }
    }

    const float* parts_;
    int64_t shards_, elements_;
    float* sum_;
    ProcessGroup* group_;
    int threads_ = thread_count();
};

}  // namespace

std::unique_ptr<Kernel> make_all_reduce_kernel(const ir::Operation& operation,
                                               const BindContext& context) {
    const auto& op = *operation.as<ir::AllReduce>();
    const int64_t shards = context.function.type(operation.operands[0]).shape[0];
    ProcessGroup* group = shards == op.shards ? nullptr : context.how.group;
    GMC_CHECK(shards * (group == nullptr ? 1 : group->size()) == op.shards,
              "{} of {} shards are here", shards, op.shards);
    return std::make_unique<AllReduceKernel>(context.buffers.data(operation.operands[0]), shards,
                                             context.function.type(operation.result()).elements(),
                                             context.buffers.data(operation.result()), group);
}

}  // namespace gmc::runtime

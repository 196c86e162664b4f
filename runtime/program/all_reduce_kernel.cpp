// The sum over the processes of what each has added up (PassSum). Where the scan before it has
// begun it, only its end is waited for. In local steps, the sum of one process.
#include "runtime/program/all_reduce_kernel.h"

#include <cstring>

#include "compiler/support/check.h"
#include "runtime/processes/process_group.h"

namespace gmc::runtime {
namespace {

class AllReduceKernel final : public Kernel {
  public:
    AllReduceKernel(const SumJob& own, float* sum, ProcessGroup* group)
        : own_(own), sum_(sum), group_(group) {
        if (group_ != nullptr) group_->make_room(own);
    }

    void run(const CallContext&) override {
        if (group_ != nullptr && !group_->finish_sums(own_.numbers, own_.count)) group_->sum(own_);
        if (own_.numbers != sum_)
            std::memcpy(sum_, own_.numbers, static_cast<size_t>(own_.count) * sizeof(float));
    }

  private:
    SumJob own_;
    float* sum_;
    ProcessGroup* group_;
};

/// A sum over the shards of this process, taken for all: times the number of all by that of these.
class OwnSumKernel final : public Kernel {
  public:
    /// Has a node of the tree for each of shard_nodes(), `job.stride` apart.
    OwnSumKernel(const SumJob& job, float* sum, NumberRange shards)
        : own_(job),
          sum_(sum),
          nodes_(static_cast<int64_t>(shard_nodes(shards.begin, shards.count()).size())),
          share_(static_cast<float>(job.shards) / static_cast<float>(shards.count())) {}

    void run(const CallContext&) override {
        for (int64_t i = 0; i < own_.count; ++i) {
            float sum = own_.numbers[i];
            for (int64_t node = 1; node < nodes_; ++node)
                sum += own_.numbers[node * own_.stride + i];
            sum_[i] = sum * share_;
        }
    }

  private:
    SumJob own_;
    float* sum_;
    int64_t nodes_;
    float share_;
};

}  // namespace

std::unique_ptr<Kernel> make_all_reduce_kernel(const ir::Operation& operation,
                                               const BindContext& context) {
    const auto& op = *operation.as<ir::AllReduce>();
    float* const own = context.buffers.data(operation.operands[0]);
    float* const sum = context.buffers.data(operation.result());
    const int64_t elements = context.function.type(operation.result()).elements();
    const SumJob job{own, elements, op.rounded, op.shards, elements};
    if (const NumberRange shards = context.how.own_shards; shards.count() > 0)
        return std::make_unique<OwnSumKernel>(job, sum, shards);
    if (context.how.group == nullptr && own == sum) return nullptr;
    return std::make_unique<AllReduceKernel>(job, sum, context.how.group);
}

}  // namespace gmc::runtime

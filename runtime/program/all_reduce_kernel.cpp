// The sum over the processes of what each has added up (PassSum). Where the scan before it has
// begun it, only its end is waited for.
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

}  // namespace

std::unique_ptr<Kernel> make_all_reduce_kernel(const ir::Operation& operation,
                                               const BindContext& context) {
    const auto& op = *operation.as<ir::AllReduce>();
    float* const own = context.buffers.data(operation.operands[0]);
    float* const sum = context.buffers.data(operation.result());
    if (context.how.group == nullptr && own == sum) return nullptr;
    const int64_t elements = context.function.type(operation.result()).elements();
    return std::make_unique<AllReduceKernel>(SumJob{own, elements, op.rounded, op.shards, elements},
                                             sum, context.how.group);
}

}  // namespace gmc::runtime

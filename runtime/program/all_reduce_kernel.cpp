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
    AllReduceKernel(float* own, int64_t elements, bool rounded, float* sum, ProcessGroup* group)
        : own_(own), elements_(elements), rounded_(rounded), sum_(sum), group_(group) {
        if (group_ != nullptr) group_->make_room(elements, rounded);
    }

    void run(const CallContext&) override {
        const bool begun = group_ != nullptr && group_->finish_sums(own_, elements_);
        if (own_ != sum_) std::memcpy(sum_, own_, static_cast<size_t>(elements_) * sizeof(float));
        if (group_ != nullptr && !begun) group_->sum(sum_, elements_, rounded_);
    }

  private:
    float* own_;
    int64_t elements_;
    bool rounded_;
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
    return std::make_unique<AllReduceKernel>(own,
                                             context.function.type(operation.result()).elements(),
                                             op.rounded, sum, context.how.group);
}

}  // namespace gmc::runtime

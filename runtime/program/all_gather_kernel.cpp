// Each process copies its shards to their place among those of all, and then gets the others.
#include "runtime/program/all_gather_kernel.h"

#include <cstring>
#include <vector>

#include "compiler/support/shards.h"
#include "runtime/processes/process_group.h"

namespace gmc::runtime {
namespace {

class AllGatherKernel final : public Kernel {
  public:
    /// A shard has `bytes` of them. Without a group one process has all shards.
    AllGatherKernel(const float* own, float* all, int64_t shards, int64_t bytes,
                    ProcessGroup* group)
        : own_(own), all_(reinterpret_cast<std::byte*>(all)), group_(group) {
        const int size = group == nullptr ? 1 : group->size();
        for (int rank = 0; rank <= size; ++rank)
            begins_.push_back(static_cast<size_t>(first_shard(shards, size, rank) * bytes));
    }

    void run(const CallContext&) override {
        const auto rank = static_cast<size_t>(group_ == nullptr ? 0 : group_->rank());
        std::memcpy(all_ + begins_[rank], own_, begins_[rank + 1] - begins_[rank]);
        if (group_ != nullptr) group_->gather_all(all_, begins_);
    }

  private:
    const float* own_;
    std::byte* all_;
    ProcessGroup* group_;
    std::vector<size_t> begins_;  ///< of the shards of each process, in bytes; and the end
};

}  // namespace

std::unique_ptr<Kernel> make_all_gather_kernel(const ir::Operation& operation,
                                               const BindContext& context) {
    const auto& op = *operation.as<ir::AllGather>();
    const float* const own = context.buffers.data(operation.operands[0]);
    float* const all = context.buffers.data(operation.result());
    if (own == all) return nullptr;
    const int64_t bytes = context.function.type(operation.result()).bytes() / op.shards;
    return std::make_unique<AllGatherKernel>(own, all, op.shards, bytes, context.how.group);
}

}  // namespace gmc::runtime

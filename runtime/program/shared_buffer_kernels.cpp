// Parts are copied out of the buffer and into it. Sums are made in its place, bucket by bucket;
// where the scan before has begun them, only their end is waited for.
#include "runtime/program/shared_buffer_kernels.h"

#include <algorithm>
#include <cstring>

#include "runtime/processes/process_group.h"

namespace gmc::runtime {
namespace {

/// Where a process has its ranges of a buffer, and its part.
class Parts {
  public:
    explicit Parts(const SharedBuffer& buffer) : ranges_(buffer.own()) {}
    void take(const float* from, float* part) const {
        for (const NumberRange& range : ranges_) {
            std::memcpy(part, from + range.begin, bytes(range));
            part += range.count();
        }
    }
    void put(const float* part, float* to) const {
        for (const NumberRange& range : ranges_) {
            std::memcpy(to + range.begin, part, bytes(range));
            part += range.count();
        }
    }

  private:
    static size_t bytes(const NumberRange& range) {
        return static_cast<size_t>(range.count()) * sizeof(float);
    }
    std::vector<NumberRange> ranges_;
};

class OwnPartKernel final : public Kernel {
  public:
    OwnPartKernel(const ir::OwnPart& op, const float* x, float* result)
        : parts_(op), x_(x), result_(result) {}
    void run(const CallContext&) override { parts_.take(x_, result_); }

  private:
    Parts parts_;
    const float* x_;
    float* result_;
};

class ReduceScatterKernel final : public Kernel {
  public:
    ReduceScatterKernel(const ir::ReduceScatter& op, ProcessGroup* group, float* x, float* result)
        : parts_(op), group_(group), x_(x), result_(result), numbers_(op.numbers()) {
        int64_t begin = 0;
        for (const int64_t end : op.ends) {
            sums_.push_back({x + begin, end - begin, op.rounded, op.shards, numbers_, true});
            if (group_ != nullptr) group_->make_room(sums_.back());
            begin = end;
        }
    }
    void run(const CallContext&) override {
        if (group_ != nullptr && !group_->finish_sums(x_, numbers_))
            for (const SumJob& sum : sums_) group_->sum(sum);
        parts_.take(x_, result_);
    }

  private:
    Parts parts_;
    ProcessGroup* group_;
    float *x_, *result_;
    int64_t numbers_;
    std::vector<SumJob> sums_;
};

class GatherPartsKernel final : public Kernel {
  public:
    GatherPartsKernel(const ir::GatherParts& op, ProcessGroup* group, const float* x, float* result)
        : parts_(op), group_(group), x_(x), result_(result), ends_(op.ends) {}
    void run(const CallContext&) override {
        if (group_ == nullptr) std::fill_n(result_, ends_.back(), 0.0f);
        parts_.put(x_, result_);
        int64_t begin = 0;
        for (const int64_t end : ends_) {
            if (group_ != nullptr) group_->gather_ranges(result_ + begin, end - begin);
            begin = end;
        }
    }

  private:
    Parts parts_;
    ProcessGroup* group_;
    const float* x_;
    float* result_;
    std::vector<int64_t> ends_;
};

}  // namespace

std::unique_ptr<Kernel> make_own_part_kernel(const ir::OwnPart& op, const float* x, float* result) {
    return std::make_unique<OwnPartKernel>(op, x, result);
}

std::unique_ptr<Kernel> make_reduce_scatter_kernel(const ir::ReduceScatter& op, ProcessGroup* group,
                                                   float* x, float* result) {
    return std::make_unique<ReduceScatterKernel>(op, group, x, result);
}

std::unique_ptr<Kernel> make_gather_parts_kernel(const ir::GatherParts& op, ProcessGroup* group,
                                                 const float* x, float* result) {
    return std::make_unique<GatherPartsKernel>(op, group, x, result);
}

}  // namespace gmc::runtime

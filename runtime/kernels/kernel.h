// What the runtime knows of a kernel. A kernel computes the results of one operation. The addresses
// of operands and results are fixed when it is made, so that running it needs no look-up and no
// allocation.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::runtime {

/// What a call may depend on beside its operands. Random ops hash the counter (element, call,
/// stream) with the seed as key (philox.h).
struct CallContext {
    uint64_t seed = 0;
    /// Counts the calls of training functions from 0; part of every random counter.
    uint32_t call = 0;
    double step = 0;       ///< the op `step`
    double epoch = 0;      ///< the op `epoch`
    double iteration = 0;  ///< the op `iteration`
    /// Within a scan: the place of this pass in its sequences.
    int64_t pass = 0;
};

/// An operation that runs behind another one and reads its result piece by piece, each as soon as
/// it is complete: it is then still in the cache of the thread that wrote it. Calls come in this
/// order: begin(), follow() from the units of one call of the team (runtime/threads), end().
class Epilogue {
  public:
    virtual ~Epilogue() = default;
    virtual void begin(const CallContext& context) = 0;
    /// Says that elements [begin, end) of the tensor are complete. Ranges come in any order, each
    /// element once. `worker` is that of the unit, and below the thread_count() with which the
    /// epilogue was made.
    virtual void follow(int worker, int64_t begin, int64_t end) = 0;
    virtual void end() = 0;

    /// Whether nothing else reads the tensor, and elements may be given where they are: then a
    /// kernel need not write them to memory.
    virtual bool takes_values() const { return false; }
    /// In place of follow(), where takes_values(): the elements lie at `values`, until it returns.
    virtual void follow_at(int worker, int64_t begin, int64_t end, const float* values) {
        (void)worker, (void)begin, (void)end, (void)values;
    }
};

/// Runs one operation of an executable. `run` allocates nothing and may use the team of
/// threads (runtime/threads).
class Kernel {
  public:
    virtual ~Kernel() = default;
    virtual void run(const CallContext& context) = 0;

    /// Makes `run` call `epilogue` for the pieces of the result as they are completed; null: no
    /// longer. The epilogue must outlive this kernel. False when this kernel cannot do that; then
    /// nothing has changed.
    virtual bool set_epilogue(Epilogue* epilogue) { return epilogue == nullptr; }

    /// Which share of its operation's elements it computes, between 0 and 1; the rest is computed
    /// by other kernels of the same operation.
    virtual double share() const { return 1; }

    /// How it computes: "loop", "copy", or the name of the contraction's candidate;
    /// "tiled+loop" when a loop is its epilogue. The kernel does not copy the name: its
    /// characters must outlive it.
    std::string_view name() const { return name_; }
    void set_name(std::string_view name) { name_ = name; }

  private:
    std::string_view name_;
};

/// Where the values of one function live: arena, states, inputs. Addresses are fixed before kernels
/// are made.
class Buffers {
  public:
    explicit Buffers(size_t values) : data_(values, nullptr) {}
    void set(ir::ValueId value, float* data) { data_[value] = data; }
    /// The value's elements, row-major; null for values that live only inside a fused loop.
    float* data(ir::ValueId value) const { return data_[value]; }

    /// A value of the body of a scan that has another address in each pass: data() in pass 0, and
    /// so many bytes behind it in the next. Loops may read and write it, and products for which
    /// can_move holds.
    void set_step(ir::ValueId value, int64_t bytes) {
        if (steps_.empty()) steps_.resize(data_.size(), 0);
        steps_[value] = bytes;
    }
    /// 0 for all other values.
    int64_t step(ir::ValueId value) const { return steps_.empty() ? 0 : steps_[value]; }

  private:
    std::vector<float*> data_;
    std::vector<int64_t> steps_;
};

}  // namespace gmc::runtime

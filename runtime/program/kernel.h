// What a bound step is: an object that computes one op's results from its operands at addresses
// fixed when it was made.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::runtime {

/// What a call may depend on beside its operands. Random ops use counter (index, call, stream)
/// keyed by seed.
struct CallContext {
    uint64_t seed = 0;
    uint32_t call =
        0;  ///< counts the calls of training functions from 0; part of every random counter
    double step = 0;   ///< the op `step`
    double epoch = 0;  ///< the op `epoch`
};

/// One step of an executable. `run` allocates nothing and may use all OpenMP threads.
class Kernel {
  public:
    virtual ~Kernel() = default;
    virtual void run(const CallContext& context) = 0;

    /// How it computes: "loop", "copy", or the name of the contraction's candidate.
    std::string_view name() const { return name_; }
    void set_name(std::string_view literal) { name_ = literal; }

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

  private:
    std::vector<float*> data_;
};

}  // namespace gmc::runtime

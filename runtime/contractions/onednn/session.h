// What oneDNN adds to a ContractionContext: the engine, and weights in other layouts. Also
// PrimitiveCall, a primitive whose arguments are prepared, so that running it allocates nothing,
// and several of them that run at the same time, each on one thread.
#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/contractions/context.h"
#include "runtime/contractions/onednn/one_thread.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {

/// A primitive for one thread with its arguments. Arguments in scratch memory get new addresses
/// when that memory moves.
class PrimitiveCall {
  public:
    /// `scratchpad` comes from the primitive descriptor, and lies `scratch_begin` bytes from the
    /// start of the scratch memory; `where` names the op in errors.
    PrimitiveCall(ContractionContext& context, dnnl::primitive primitive,
                  const dnnl::memory::desc& scratchpad, std::string where,
                  int64_t scratch_begin = 0);

    /// Sets an argument at a fixed address.
    void set(int argument, const dnnl::memory::desc& desc, const float* data);
    void set(int argument, const dnnl::memory& memory);
    /// Sets an argument in scratch memory, `offset` bytes from its start. Other calls that run
    /// between the writing and the reading of the argument use scratch memory too, so `offset` must
    /// not be below their scratch_end().
    void set_scratch(int argument, const dnnl::memory::desc& desc, int64_t offset);
    /// The end of the primitive's own scratch memory in bytes, aligned.
    int64_t scratch_end() const { return scratch_end_; }

    /// Returns oneDNN's status, because an exception must not leave a unit of the team.
    dnnl_status_t execute();
    /// Throws an InternalError that names the op unless `status` is dnnl_success.
    void check(dnnl_status_t status) const;

  private:
    void follow_scratch();

    struct InScratch {
        dnnl::memory memory;
        int64_t offset;
    };
    ContractionContext* context_;
    dnnl::primitive primitive_;
    dnnl::stream stream_;
    std::vector<dnnl::memory> memories_;
    std::vector<InScratch> in_scratch_;
    std::vector<dnnl_exec_arg_t> arguments_;
    std::byte* scratch_seen_ = nullptr;
    int64_t scratch_end_ = 0;
    std::string where_;
};

/// Primitives that run at the same time, each on one thread of the team.
class PrimitiveCalls {
  public:
    void add(PrimitiveCall call) { calls_.push_back(std::move(call)); }
    std::span<PrimitiveCall> all() { return calls_; }
    /// Of all of them, see PrimitiveCall.
    int64_t scratch_end() const;
    /// Throws an InternalError that names the op when oneDNN fails.
    void run();

  private:
    std::vector<PrimitiveCall> calls_;
    int threads_ = thread_count();
};

/// A copy of a weight in the layout that some primitives want.
class WeightLayout {
  public:
    /// A copy of `value`, whose elements are at `data` in the layout `plain`.
    WeightLayout(ContractionContext& context, ir::ValueId value, const float* data,
                 const dnnl::memory::desc& plain, const dnnl::memory::desc& wanted,
                 const std::string& where);

    bool is(ir::ValueId value, const dnnl::memory::desc& desc) const {
        return value != ir::kNone && value == value_ && desc == memory_.get_desc();
    }
    const dnnl::memory& memory() const { return memory_; }
    /// Reorders the weight, unless it has not changed since the last time
    /// (ContractionContext::since).
    void make_current();

  private:
    ContractionContext* context_;
    ir::ValueId value_;
    dnnl::memory memory_;
    /// Null when `wanted` is the plain layout.
    std::optional<PrimitiveCalls> reorder_;
    /// What ContractionContext::since said of the weight when the copy was made.
    uint64_t made_of_ = 0;
};

/// What oneDNN keeps for a whole context.
struct OnednnSession final : LibrarySession {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    /// With scratchpad_mode::user, so that scratch memory is the arena's.
    dnnl::primitive_attr attributes;
    std::vector<std::shared_ptr<WeightLayout>> layouts;
    int64_t layout_bytes = 0;

    OnednnSession() { attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user); }
    int64_t bytes() const override { return layout_bytes; }
};

/// Throws std::bad_alloc unless this process may still get 4 MB. Where there is no memory for the
/// machine code of a primitive, oneDNN does not say so but reads from address 0; so this is called
/// before primitives are made. (A program that links libgmc may lower its limits at any time.)
void expect_room_for_code();

/// The session of `context`; made on first use.
OnednnSession& session_of(ContractionContext& context);

/// The weight `value` in the layout `wanted`. Kernels that want the same layout share it.
std::shared_ptr<WeightLayout> weight_in_layout(ContractionContext& context, ir::ValueId value,
                                               const float* data, const dnnl::memory::desc& plain,
                                               const dnnl::memory::desc& wanted,
                                               const std::string& where);

/// One side of a reorder. Memory that is not `fixed` is scratch memory, `offset` bytes from its
/// start.
struct ReorderSide {
    dnnl::memory::desc desc;
    const void* fixed = nullptr;
    int64_t offset = 0;
};

/// A reorder from one layout of a weight to another, in parts. Its own scratch memory begins at
/// `scratch_begin` bytes.
PrimitiveCalls make_reorder(ContractionContext& context, const ReorderSide& from,
                            const ReorderSide& to, const std::string& where,
                            int64_t scratch_begin = 0);

/// Moves `descriptor` to the first implementation that is worth running: no reference loop, and not
/// rejected as wrong. False when there is none.
template <typename Descriptor, typename Rejected>
bool choose_implementation(Descriptor& descriptor, Rejected&& rejected) {
    if (!descriptor) return false;
    do {
        const std::string_view name = descriptor.impl_info_str();
        if (name.find("ref") == std::string_view::npos && !rejected(name)) return true;
    } while (descriptor.next_impl());
    return false;
}

}  // namespace gmc::runtime

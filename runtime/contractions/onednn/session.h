// What oneDNN adds to a ContractionContext: engine, stream, weights in other layouts; and a
// primitive with its arguments prepared, so that running it allocates nothing.
#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <memory>
#include <string>
#include <vector>

#include "runtime/contractions/context.h"

namespace gmc::runtime {

/// A primitive and its arguments. Parts in scratch memory follow it when it moves.
class PrimitiveCall {
  public:
    /// `scratchpad` as the primitive descriptor says; `where` names the op in errors.
    PrimitiveCall(ContractionContext& context, dnnl::primitive primitive,
                  const dnnl::memory::desc& scratchpad, std::string where);

    /// An argument at a fixed address.
    void set(int argument, const dnnl::memory::desc& desc, const float* data);
    void set(int argument, const dnnl::memory& memory);
    /// An argument in scratch memory from byte `offset` on, which is at or after scratch_end() of
    /// the other calls that run between its writing and reading.
    void set_scratch(int argument, const dnnl::memory::desc& desc, int64_t offset);
    /// Where the primitive's own scratch memory ends, aligned.
    int64_t scratch_end() const { return scratch_end_; }

    /// Throws InternalError, with the op, when oneDNN fails.
    void run();

  private:
    void follow_scratch();

    struct InScratch {
        dnnl::memory memory;
        int64_t offset;
    };
    ContractionContext* context_;
    dnnl::primitive primitive_;
    std::vector<dnnl::memory> memories_;
    std::vector<InScratch> in_scratch_;
    std::vector<dnnl_exec_arg_t> arguments_;
    std::byte* scratch_seen_ = nullptr;
    int64_t scratch_end_ = 0;
    std::string where_;
};

/// A weight in the layout that some primitives want.
class WeightLayout {
  public:
    /// Of `value`, whose elements lie at `data` as `plain` says.
    WeightLayout(ContractionContext& context, ir::ValueId value, const float* data,
                 const dnnl::memory::desc& plain, const dnnl::memory::desc& wanted,
                 const std::string& where);

    bool is(ir::ValueId value, const dnnl::memory::desc& desc) const {
        return value != ir::kNone && value == value_ && desc == memory_.get_desc();
    }
    const dnnl::memory& memory() const { return memory_; }
    /// Reorders the weight unless that was done since ContractionContext::begin_call.
    void make_current();

  private:
    ContractionContext* context_;
    ir::ValueId value_;
    dnnl::memory memory_;
    std::unique_ptr<PrimitiveCall> reorder_;  ///< null when the layout is the plain one
    uint64_t made_in_call_ = 0;
};

/// What oneDNN keeps for a whole context.
struct OnednnSession final : LibrarySession {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    dnnl::primitive_attr attributes;  ///< scratchpad_mode::user
    std::vector<std::shared_ptr<WeightLayout>> layouts;
    int64_t layout_bytes = 0;

    OnednnSession() { attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user); }
    int64_t bytes() const override { return layout_bytes; }
};

/// The session of `context`, made when it is first asked for.
OnednnSession& session_of(ContractionContext& context);

/// The weight `value` in the layout `wanted`, shared with other kernels that want it so.
std::shared_ptr<WeightLayout> weight_in_layout(ContractionContext& context, ir::ValueId value,
                                               const float* data, const dnnl::memory::desc& plain,
                                               const dnnl::memory::desc& wanted,
                                               const std::string& where);

/// A reorder between layouts; the caller sets DNNL_ARG_FROM and DNNL_ARG_TO.
PrimitiveCall make_reorder(ContractionContext& context, const dnnl::memory::desc& from,
                           const dnnl::memory::desc& to, const std::string& where);

/// Moves `descriptor` to the first implementation worth running: not a reference loop, and not one
/// that is known to be wrong. False when there is none.
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

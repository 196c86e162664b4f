// Primitives with prepared arguments, and the cache of weights in other layouts, which all kernels
// of a context share.
#include "runtime/contractions/onednn/session.h"

#include "compiler/support/check.h"

namespace gmc::runtime {

OnednnSession& session_of(ContractionContext& context) {
    std::unique_ptr<LibrarySession>& session = context.library_session();
    if (!session) session = std::make_unique<OnednnSession>();
    return static_cast<OnednnSession&>(*session);
}

PrimitiveCall::PrimitiveCall(ContractionContext& context, dnnl::primitive primitive,
                             const dnnl::memory::desc& scratchpad, std::string where,
                             int64_t scratch_begin)
    : context_(&context),
      primitive_(std::move(primitive)),
      scratch_end_(scratch_begin),
      where_(std::move(where)) {
    const auto bytes = static_cast<int64_t>(scratchpad.get_size());
    if (bytes == 0) return;
    set_scratch(DNNL_ARG_SCRATCHPAD, scratchpad, scratch_begin);
    scratch_end_ = align_up(scratch_begin + bytes, kTensorAlignment);
}

void PrimitiveCall::set(int argument, const dnnl::memory& memory) {
    memories_.push_back(memory);
    arguments_.push_back({argument, memory.get()});
}

void PrimitiveCall::set(int argument, const dnnl::memory::desc& desc, const float* data) {
    // oneDNN has one type of memory for reading and writing, hence the cast.
    set(argument, dnnl::memory(desc, session_of(*context_).engine, const_cast<float*>(data)));
}

void PrimitiveCall::set_scratch(int argument, const dnnl::memory::desc& desc, int64_t offset) {
    dnnl::memory memory(desc, session_of(*context_).engine, DNNL_MEMORY_NONE);
    context_->arena().reserve_scratch(offset + static_cast<int64_t>(desc.get_size()));
    in_scratch_.push_back({memory, offset});
    arguments_.push_back({argument, memory.get()});
}

void PrimitiveCall::follow_scratch() {
    std::byte* scratch = context_->arena().scratch();
    if (scratch == scratch_seen_) return;
    for (InScratch& part : in_scratch_) part.memory.set_data_handle(scratch + part.offset);
    scratch_seen_ = scratch;
}

dnnl::stream& PrimitiveCall::session_stream() { return session_of(*context_).stream; }

dnnl_status_t PrimitiveCall::execute(dnnl::stream& stream) {
    follow_scratch();
    const dnnl_status_t status = dnnl_primitive_execute(
        primitive_.get(), stream.get(), static_cast<int>(arguments_.size()), arguments_.data());
    return status == dnnl_success ? dnnl_stream_wait(stream.get()) : status;
}

void PrimitiveCall::check(dnnl_status_t status) const {
    GMC_CHECK(status == dnnl_success, "oneDNN failed with status {} in {}",
              static_cast<int>(status), where_);
}

PrimitiveCall make_reorder(ContractionContext& context, const dnnl::memory::desc& from,
                           const dnnl::memory::desc& to, const std::string& where) {
    const OnednnSession& session = session_of(context);
    const dnnl::reorder::primitive_desc descriptor(session.engine, from, session.engine, to,
                                                   session.attributes);
    return {context, dnnl::reorder(descriptor), descriptor.scratchpad_desc(), where};
}

WeightLayout::WeightLayout(ContractionContext& context, ir::ValueId value, const float* data,
                           const dnnl::memory::desc& plain, const dnnl::memory::desc& wanted,
                           const std::string& where)
    : context_(&context), value_(value) {
    OnednnSession& session = session_of(context);
    if (wanted == plain) {
        memory_ = dnnl::memory(plain, session.engine, const_cast<float*>(data));
        return;
    }
    memory_ = dnnl::memory(wanted, session.engine);
    reorder_ = std::make_unique<PrimitiveCall>(make_reorder(context, plain, wanted, where));
    reorder_->set(DNNL_ARG_FROM, plain, data);
    reorder_->set(DNNL_ARG_TO, memory_);
    session.layout_bytes += static_cast<int64_t>(wanted.get_size());
}

void WeightLayout::make_current() {
    const uint64_t since = context_->since(value_);
    if (!reorder_ || made_of_ == since) return;
    reorder_->run();
    made_of_ = since;
}

std::shared_ptr<WeightLayout> weight_in_layout(ContractionContext& context, ir::ValueId value,
                                               const float* data, const dnnl::memory::desc& plain,
                                               const dnnl::memory::desc& wanted,
                                               const std::string& where) {
    auto& layouts = session_of(context).layouts;
    for (const auto& layout : layouts)
        if (layout->is(value, wanted)) return layout;
    layouts.push_back(std::make_shared<WeightLayout>(context, value, data, plain, wanted, where));
    return layouts.back();
}

}  // namespace gmc::runtime

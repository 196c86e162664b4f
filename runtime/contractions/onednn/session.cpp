// Primitives with prepared arguments, and the cache of weights in other layouts, which all kernels
// of a context share.
#include "runtime/contractions/onednn/session.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <new>

#include "compiler/support/check.h"
#include "runtime/contractions/onednn/compat.h"
#include "runtime/threads/team.h"

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
      stream_(session_of(context).engine),
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

dnnl_status_t PrimitiveCall::execute() {
    const OneThread one_thread;
    follow_scratch();
    const dnnl_status_t status = dnnl_primitive_execute(
        primitive_.get(), stream_.get(), static_cast<int>(arguments_.size()), arguments_.data());
    return status == dnnl_success ? dnnl_stream_wait(stream_.get()) : status;
}

void PrimitiveCall::check(dnnl_status_t status) const {
    GMC_CHECK(status == dnnl_success, "oneDNN failed with status {} in {}",
              static_cast<int>(status), where_);
}

int64_t PrimitiveCalls::scratch_end() const {
    int64_t end = 0;
    for (const PrimitiveCall& call : calls_) end = std::max(end, call.scratch_end());
    return end;
}

void PrimitiveCalls::run() {
    std::atomic<dnnl_status_t> worst = dnnl_success;
    run_units(static_cast<int64_t>(calls_.size()), threads_, [&](int64_t unit, int) {
        const dnnl_status_t status = calls_[static_cast<size_t>(unit)].execute();
        if (status != dnnl_success) worst = status;
    });
    calls_.front().check(worst);
}

namespace {

/// A part of a reorder has at least this many elements (about 10 us), and a whole number of the
/// blocks of 16 filters that oneDNN's layouts have.
constexpr int64_t kPartElements = 1 << 15, kPartFilters = 16;
constexpr int64_t kPartsMost = 16;

/// How a reorder is divided along the first axis of oneDNN's dims, which is the filters or groups.
int64_t count_parts(const dnnl::memory::dims& dims) {
    int64_t elements = 1;
    for (const int64_t size : dims) elements *= size;
    return std::clamp<int64_t>(std::min(elements / kPartElements, dims.front() / kPartFilters), 1,
                               kPartsMost);
}

void set_side(PrimitiveCall& call, int argument, const ReorderSide& side,
              const dnnl::memory::desc& part) {
    if (side.fixed != nullptr)
        call.set(argument, part, static_cast<const float*>(side.fixed));
    else
        call.set_scratch(argument, part, side.offset);
}

}  // namespace

/// Asks for that much and gives it back: this counts for every limit, and costs a few microseconds.
void expect_room_for_code() {
    constexpr size_t kRoom = size_t{4} << 20;
    void* found = mmap(nullptr, kRoom, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) throw std::bad_alloc();
    munmap(found, kRoom);
}

PrimitiveCalls make_reorder(ContractionContext& context, const ReorderSide& from,
                            const ReorderSide& to, const std::string& where,
                            int64_t scratch_begin) {
    expect_room_for_code();
    const OneThread one_thread;
    const OnednnSession& session = session_of(context);
    const dnnl::memory::dims dims = compat::dims_of(from.desc);
    const int64_t parts = count_parts(dims), blocks = dims.front() / kPartFilters;
    PrimitiveCalls calls;
    for (int64_t i = 0; i < parts; ++i) {
        const int64_t begin = blocks * i / parts * kPartFilters,
                      end = i + 1 == parts ? dims.front() : blocks * (i + 1) / parts * kPartFilters;
        dnnl::memory::dims size = dims, origin(dims.size(), 0);
        size.front() = end - begin, origin.front() = begin;
        const auto from_part = parts == 1 ? from.desc : from.desc.submemory_desc(size, origin),
                   to_part = parts == 1 ? to.desc : to.desc.submemory_desc(size, origin);
        const dnnl::reorder::primitive_desc descriptor(session.engine, from_part, session.engine,
                                                       to_part, session.attributes);
        PrimitiveCall call(context, dnnl::reorder(descriptor), descriptor.scratchpad_desc(), where,
                           scratch_begin);
        scratch_begin = call.scratch_end();
        set_side(call, DNNL_ARG_FROM, from, from_part);
        set_side(call, DNNL_ARG_TO, to, to_part);
        calls.add(std::move(call));
    }
    return calls;
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
    reorder_ = make_reorder(context, {plain, data}, {wanted, memory_.get_data_handle()}, where);
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

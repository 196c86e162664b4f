// Binds functions and runs them. Binding gives each operation a kernel, in the order that
// find_epilogues chose; running calls the kernels in turn and then copies what has to reach the
// states (most new states are computed in place).
#include "runtime/program/executable.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <new>
#include <optional>

#include "compiler/support/check.h"
#include "runtime/contractions/onednn/processor.h"
#include "runtime/kernels/denormals.h"
#include "runtime/kernels/loop/loop.h"
#include "runtime/program/bind.h"
#include "runtime/program/epilogue.h"
#include "runtime/program/placement.h"
#include "runtime/program/poison.h"
#include "runtime/reference/reference_kernel.h"

namespace gmc::runtime {
namespace {

/// Where the kernel of a contraction cannot run a part of a loop itself, that part still runs right
/// after it, while the contraction's result is in a cache. Parts of fewer elements than this do not
/// gain from that: they run together later, as one kernel.
constexpr int64_t kPartAlone = 16384;

/// A copy between two places in memory.
struct Transfer {
    const float* from;
    float* to;
    size_t bytes;
    void run() const { std::memcpy(to, from, bytes); }
};

}  // namespace

/// Everything that an executable holds; hidden here, so that users of the header do not include
/// kernels.
struct Executable::BoundFunction {
    BoundFunction(const ir::Module& m, const ir::Function& f, StateStore& states,
                  std::shared_ptr<Arena> a, const ExecutableOptions& options)
        : module(m),
          function(f),
          arena(std::move(a)),
          placement(place_values(m, f, states, *arena)),
          contractions(*arena, options.tuning, options.bf16 && processor_has_bf16()),
          fixed_weights(options.fixed_weights) {}

    const ir::Module& module;
    const ir::Function& function;
    std::shared_ptr<Arena> arena;
    Placement placement;
    ContractionContext contractions;
    bool fixed_weights;
    /// One call of a kernel. An operation has no run where nothing is to be done, or where it is a
    /// loop that the kernel of a contraction runs; a loop that is split into parts has several.
    struct Run {
        size_t operation;
        std::unique_ptr<Kernel> kernel;
        size_t loop = kNoLoop;  ///< that the kernel runs over its result
    };
    std::vector<Run> runs;         ///< in the order in which they are called
    std::optional<Poison> poison;  ///< where ExecutableOptions asks for it
    std::vector<std::unique_ptr<Epilogue>> epilogues;
    /// By operation: of a loop, the parts that have a run.
    std::vector<std::vector<LoopPart>> parts_done;
    std::deque<std::string> names;   ///< of kernels that also run a loop, "conv+loop"
    std::vector<Transfer> at_entry;  ///< old values of states that are needed at the end
    std::vector<Transfer> updates;
    MemoryBlock entry_copies;
    std::vector<const float*> results;
    TimeLog* log = nullptr;

    void bind(const ExecutableOptions& options);
    void add_run(size_t operation, std::unique_ptr<Kernel> kernel);
    bool add_epilogue(Run& run, size_t loop, const LoopPart& part);
    void add_parts(size_t loop, const std::vector<LoopPart>& parts);
    std::vector<LoopPart> rest_of(size_t loop);
    void add_poison();
    void plan_updates(StateStore& states);
    void begin();
    void call(size_t index, const CallContext& context);
    void end();
    void run(const CallContext& context);
    void run_timed(const CallContext& context);
    void run_watched(const CallContext& context, OperationWatcher& watcher);
};

/// Goes through the operations in the schedule's order. A contraction gets its kernel, and then its
/// loop as an epilogue where the kernel can take one; a loop that has become an epilogue gets no
/// kernel of its own; a loop of which parts have run gets a kernel for the rest.
void Executable::BoundFunction::bind(const ExecutableOptions& options) {
    BindContext context{module, function, placement.buffers, contractions};
    const bool plain = options.reference || !options.epilogues;
    const Schedule schedule =
        plain ? plain_schedule(function) : find_epilogues(function, placement.buffers);
    const size_t count = function.operations.size();
    parts_done.resize(count);
    std::vector<bool> done(count, false);
    for (size_t i : schedule.order) {
        if (done[i]) continue;
        const ir::Operation& operation = function.operations[i];
        const size_t loop = schedule.loop[i];
        context.followed = loop != kNoLoop;
        if (!parts_done[i].empty()) {
            add_parts(i, rest_of(i));
            continue;
        }
        add_run(i, options.reference ? make_reference_kernel(function, operation, placement.buffers)
                                     : bind_operation(operation, context));
        if (!context.followed) continue;
        const LoopPart& part = schedule.part[i];
        const bool follows = add_epilogue(runs.back(), loop, part);
        if (part.elements() == 0) {
            done[loop] = follows;
        } else if (follows || part.elements() >= kPartAlone) {
            parts_done[loop].push_back(part);
            if (!follows) add_parts(loop, {part});
        }
    }
    if (options.poison) add_poison();
}

void Executable::BoundFunction::add_run(size_t operation, std::unique_ptr<Kernel> kernel) {
    if (kernel) runs.push_back({operation, std::move(kernel)});
}

void Executable::BoundFunction::add_poison() {
    std::vector<std::vector<size_t>> operations;
    for (const Run& run : runs) {
        operations.push_back({run.operation});
        if (run.loop != kNoLoop) operations.back().push_back(run.loop);
    }
    poison.emplace(function, placement, *arena, operations);
}

/// Makes the kernel of `run` also run `loop`, or this part of it, over its own result. False where
/// it cannot.
bool Executable::BoundFunction::add_epilogue(Run& run, size_t loop, const LoopPart& part) {
    auto epilogue =
        make_loop_epilogue(function, function.operations[loop], placement.buffers, part);
    if (!epilogue || !run.kernel->set_epilogue(epilogue.get())) return false;
    run.loop = loop;
    epilogues.push_back(std::move(epilogue));
    names.push_back(fmt::format("{}+loop", run.kernel->name()));
    run.kernel->set_name(names.back());
    return true;
}

/// Adds a run of some parts of a loop.
void Executable::BoundFunction::add_parts(size_t loop, const std::vector<LoopPart>& parts) {
    if (parts.empty()) return;
    auto kernel = make_loop_kernel(function, function.operations[loop], placement.buffers, parts);
    kernel->set_name("loop");
    add_run(loop, std::move(kernel));
}

/// The parts of a loop between those that already have a run.
std::vector<LoopPart> Executable::BoundFunction::rest_of(size_t loop) {
    std::vector<LoopPart>& done = parts_done[loop];
    std::sort(done.begin(), done.end(),
              [](const LoopPart& a, const LoopPart& b) { return a.begin < b.begin; });
    std::vector<LoopPart> rest;
    int64_t next = 0;
    for (const LoopPart& part : done) {
        if (next < part.begin) rest.push_back({next, part.begin});
        next = part.end;
    }
    const int64_t end = function.operations[loop].as<ir::Fused>()->space[0];
    if (next < end) rest.push_back({next, end});
    return rest;
}

/// An update or a result may be the old value of a state: `update @a = @b`. When the function also
/// updates that state, the old value is copied before anything runs, and read from the copy.
void Executable::BoundFunction::plan_updates(StateStore& states) {
    std::vector<int64_t> copy_offsets(module.states.size(), ir::kNone);
    int64_t copy_bytes = 0;
    const auto entry_state = [&](ir::ValueId value) {
        return function.values[placement.root[value]].state;
    };
    std::vector<ir::ValueId> read;
    for (const ir::Update& update : function.updates) read.push_back(update.value);
    for (const ir::NamedValue& result : function.results) read.push_back(result.value);
    for (const ir::Update& update : function.updates)
        for (ir::ValueId value : read) {
            if (entry_state(value) != update.state || copy_offsets[update.state] != ir::kNone)
                continue;
            copy_offsets[update.state] = copy_bytes;
            copy_bytes = align_up(copy_bytes + function.type(value).bytes(), kTensorAlignment);
        }
    entry_copies = MemoryBlock(copy_bytes);
    const auto address = [&](ir::ValueId value) -> const float* {
        const ir::StateId state = entry_state(value);
        const bool copied = state != ir::kNone && copy_offsets[state] != ir::kNone;
        return copied ? entry_copies.floats(copy_offsets[state]) : placement.buffers.data(value);
    };
    for (size_t state = 0; state < copy_offsets.size(); ++state)
        if (copy_offsets[state] != ir::kNone)
            at_entry.push_back({states.data(static_cast<ir::StateId>(state)),
                                entry_copies.floats(copy_offsets[state]),
                                static_cast<size_t>(module.states[state].type.bytes())});
    for (const ir::Update& update : function.updates)
        if (address(update.value) != states.data(update.state))
            updates.push_back({address(update.value), states.data(update.state),
                               static_cast<size_t>(module.states[update.state].type.bytes())});
    for (const ir::NamedValue& result : function.results) {
        results.push_back(address(result.value));
        GMC_CHECK(results.back() != nullptr, "result {} of @{} has no memory", result.name,
                  function.name);
    }
}

void Executable::BoundFunction::begin() {
    if (!fixed_weights) contractions.begin_call();
    for (const Transfer& transfer : at_entry) transfer.run();
    if (poison) poison->before_all();
}

void Executable::BoundFunction::call(size_t index, const CallContext& context) {
    if (poison) poison->before(index);
    runs[index].kernel->run(context);
    if (poison) poison->after(index);
}

void Executable::BoundFunction::end() {
    if (poison) poison->after_all();
    for (const Transfer& transfer : updates) transfer.run();
}

void Executable::BoundFunction::run(const CallContext& context) {
    begin();
    if (log != nullptr) {
        run_timed(context);
    } else {
        for (size_t i = 0; i < runs.size(); ++i) call(i, context);
    }
    end();
}

void Executable::BoundFunction::run_timed(const CallContext& context) {
    for (size_t i = 0; i < runs.size(); ++i) {
        const int64_t begin = steady_ns();
        call(i, context);
        log->push_back({&function, runs[i].operation, {begin, steady_ns()}});
    }
}

void Executable::BoundFunction::run_watched(const CallContext& context, OperationWatcher& watcher) {
    begin();
    for (size_t i = 0; i < runs.size(); ++i) {
        if (poison) poison->after_all();  // the watcher reads what it likes
        watcher.before(runs[i].operation);
        runs[i].kernel->run(context);
        watcher.after(runs[i].operation);
    }
    end();
}

int64_t steady_ns() {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Executable::Executable(std::unique_ptr<BoundFunction> bound) : bound_(std::move(bound)) {}
Executable::~Executable() = default;
Executable::Executable(Executable&&) noexcept = default;
Executable& Executable::operator=(Executable&&) noexcept = default;

Result<Executable> Executable::make(const ir::Module& module, const ir::Function& function,
                                    StateStore& states, std::shared_ptr<Arena> arena,
                                    const ExecutableOptions& options, Diagnostics& diagnostics) {
    flush_denormals_in_all_threads();
    try {
        auto bound =
            std::make_unique<BoundFunction>(module, function, states, std::move(arena), options);
        bound->bind(options);
        bound->plan_updates(states);
        return Executable(std::move(bound));
    } catch (const std::bad_alloc&) {
        diagnostics.error(DiagnosticKind::kTooLarge, {},
                          "there is not enough memory to run `{}`; a smaller batch needs less",
                          function.name);
        return Failure{};
    }
}

const ir::Function& Executable::function() const { return bound_->function; }

size_t Executable::input_count() const { return function().inputs.size(); }
float* Executable::input(size_t index) const {
    return bound_->placement.buffers.data(function().inputs.at(index).value);
}
float* Executable::input(std::string_view name) const {
    for (size_t i = 0; i < input_count(); ++i)
        if (function().values[function().inputs[i].value].name == name) return input(i);
    return nullptr;
}
const ir::Type& Executable::input_type(size_t index) const {
    return function().type(function().inputs.at(index).value);
}

size_t Executable::result_count() const { return function().results.size(); }
const float* Executable::result(size_t index) const { return bound_->results.at(index); }
const float* Executable::result(std::string_view name) const {
    for (size_t i = 0; i < result_count(); ++i)
        if (function().results[i].name == name) return result(i);
    return nullptr;
}
const ir::Type& Executable::result_type(size_t index) const {
    return function().type(function().results.at(index).value);
}

void Executable::run(const CallContext& context) { bound_->run(context); }
void Executable::run_watched(const CallContext& context, OperationWatcher& watcher) {
    bound_->run_watched(context, watcher);
}
const void* Executable::data(ir::ValueId value) const {
    return bound_->placement.buffers.data(value);
}
void Executable::set_timing(TimeLog* log) { bound_->log = log; }
std::string_view Executable::kernel_name(size_t operation) const {
    for (const BoundFunction::Run& run : bound_->runs)
        if (run.operation == operation) return run.kernel->name();
    return "";
}
double Executable::share(size_t operation) const {
    double share = 0;
    for (const BoundFunction::Run& run : bound_->runs)
        if (run.operation == operation) share += run.kernel->share();
    return share;
}
int64_t Executable::own_bytes() const {
    return bound_->placement.own.bytes() + bound_->entry_copies.bytes() +
           bound_->contractions.layout_bytes();
}

}  // namespace gmc::runtime

// Binds functions to this machine, and runs them: calls the kernels in turn, then copies what has
// to reach the states.
#include "runtime/program/executable.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>

#include "compiler/support/check.h"
#include "runtime/contractions/onednn/processor.h"
#include "runtime/memory/memory_need.h"
#include "runtime/program/bound_operations.h"
#include "runtime/program/placement.h"
#include "runtime/program/poison.h"
#include "runtime/program/transfer.h"
#include "runtime/threads/float_mode.h"

namespace gmc::runtime {

/// Everything that an executable holds; hidden here, so that users of the header do not include
/// kernels.
struct Executable::BoundFunction {
    BoundFunction(const ir::Module& m, const ir::Function& f, StateStore& states,
                  std::shared_ptr<Arena> a, const ExecutableOptions& options)
        : module(m),
          function(f),
          arena(std::move(a)),
          placement(place_values(m, f, {&states, *arena})),
          contractions(*arena, options.tuning, options.bf16 && processor_has_bf16()),
          fixed_weights(options.fixed_weights) {}

    const ir::Module& module;
    const ir::Function& function;
    std::shared_ptr<Arena> arena;
    Placement placement;
    ContractionContext contractions;
    bool fixed_weights;
    BoundOperations operations;
    std::optional<Poison> poison;    ///< where ExecutableOptions asks for it
    std::vector<Transfer> at_entry;  ///< old values of states that are needed at the end
    std::vector<Transfer> updates;
    MemoryBlock entry_copies;
    std::vector<const float*> results;
    TimeLog* log = nullptr;

    void bind(const ExecutableOptions& options);
    void add_poison();
    void plan_updates(StateStore& states);
    void begin();
    void call(size_t index, const CallContext& context);
    void end();
    void run(const CallContext& context);
    void run_timed(const CallContext& context);
    void run_watched(const CallContext& context, OperationWatcher& watcher);
};

void Executable::BoundFunction::bind(const ExecutableOptions& options) {
    BindContext context{module,
                        function,
                        placement.buffers,
                        contractions,
                        {options.reference, options.epilogues, options.group, options.own_shards}};
    operations.bind(context);
    if (options.poison) add_poison();
}

void Executable::BoundFunction::add_poison() {
    std::vector<std::vector<size_t>> together;
    for (const OperationRun& run : operations.runs()) {
        together.push_back({run.operation});
        if (run.loop != kNoLoop) together.back().push_back(run.loop);
    }
    poison.emplace(module, function, placement, *arena, together);
}

/// An update or a result may be the old value of a state: `update @a = @b`. When the function also
/// updates that state, the old value is copied before anything runs, and read from the copy.
void Executable::BoundFunction::plan_updates(StateStore& states) {
    std::vector<int64_t> copy_offsets(module.states.size(), ir::kNone);
    int64_t copy_bytes = 0;
    const auto entry_state = [&](ir::ValueId value) {
        return function.values[placement.owner[value]].state;
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
            at_entry.push_back({bytes_at(states.data(static_cast<ir::StateId>(state))),
                                bytes_at(entry_copies.floats(copy_offsets[state])),
                                static_cast<size_t>(module.states[state].type.bytes())});
    for (const ir::Update& update : function.updates)
        if (address(update.value) != states.data(update.state))
            updates.push_back({bytes_at(address(update.value)), bytes_at(states.data(update.state)),
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
    operations.runs()[index].kernel->run(context);
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
        for (size_t i = 0; i < operations.runs().size(); ++i) call(i, context);
    }
    end();
}

void Executable::BoundFunction::run_timed(const CallContext& context) {
    for (size_t i = 0; i < operations.runs().size(); ++i) {
        log_time(*log, function, operations.runs()[i].operation, [&] { call(i, context); });
    }
}

void Executable::BoundFunction::run_watched(const CallContext& context, OperationWatcher& watcher) {
    begin();
    if (poison) poison->after_all();  // a watcher may read any value at any time
    operations.run_watched(function, placement.buffers, context, watcher);
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
    flush_denormals();
    try {
        auto bound =
            std::make_unique<BoundFunction>(module, function, states, std::move(arena), options);
        bound->bind(options);
        bound->plan_updates(states);
        return Executable(std::move(bound));
    } catch (const std::bad_alloc&) {
        diagnostics.error(DiagnosticKind::kTooLarge, {},
                          "there is not enough memory to run `{}`: {}", function.name,
                          memory_limit().reason);
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
void Executable::set_timing(TimeLog* log) {
    bound_->log = log;
    for (const OperationRun& run : bound_->operations.runs())
        if (auto* scan = dynamic_cast<ScanKernel*>(run.kernel.get())) scan->set_timing(log);
}

/// Those of a body are in a scan among `own`, those of `function`, or in one within that; null
/// where they are not.
static const BoundOperations* operations_of(const ir::Function& body, const ir::Function& function,
                                            const BoundOperations& own) {
    if (&body == &function) return &own;
    for (const OperationRun& run : own.runs())
        if (const auto* scan = dynamic_cast<const ScanKernel*>(run.kernel.get()))
            if (const auto* found = operations_of(body, scan->body(), scan->operations()))
                return found;
    return nullptr;
}

std::string_view Executable::kernel_name(const ir::Function& function, size_t operation) const {
    if (const auto* all = operations_of(function, bound_->function, bound_->operations))
        for (const OperationRun& run : all->runs())
            if (run.operation == operation) return run.kernel->name();
    return "";
}
double Executable::share(const ir::Function& function, size_t operation) const {
    double share = 0;
    if (const auto* all = operations_of(function, bound_->function, bound_->operations))
        for (const OperationRun& run : all->runs())
            if (run.operation == operation) share += run.kernel->share();
    return share;
}
int64_t Executable::own_bytes() const {
    return bound_->placement.own.bytes() + bound_->entry_copies.bytes() +
           bound_->contractions.layout_bytes();
}

}  // namespace gmc::runtime

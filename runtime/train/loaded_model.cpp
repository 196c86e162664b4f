// Loads models, and binds their functions on demand. Functions for few examples (function_for) are
// rewritten and bound per power of two.
#include "runtime/train/loaded_model.h"

#include <algorithm>
#include <bit>

#include "compiler/batch/process_share.h"
#include "compiler/batch/rebatch.h"
#include "compiler/ir/artefact.h"
#include "compiler/support/check.h"
#include "compiler/support/paths.h"
#include "compiler/support/shards.h"
#include "runtime/contractions/tuning_cache.h"
#include "runtime/files/tables/table.h"
#include "runtime/memory/memory_need.h"

namespace gmc::runtime {

/// Whether what a module says of the columns of its tables gives as many values as its examples
/// have. False after an error.
static bool tables_fit(const ir::Module& module, const std::string& path,
                       Diagnostics& diagnostics) {
    for (const auto* fields : {&module.data, &module.test})
        for (const ir::DataField& field : *fields) {
            if (field.format != "csv") continue;
            const std::optional<Table> table = Table::parse(field.table);
            if (table && table->width() == field.shape.at(0)) continue;
            diagnostics.error(DiagnosticKind::kBadFile, {},
                              "`{}` does not say what the {} values of `data.{}` mean", path,
                              field.shape.at(0), field.name);
            return false;
        }
    return true;
}

/// `without_values`: whether the model would fit if its values took nothing.
static void refuse_too_large(const std::string& path, const std::string& why, bool without_values,
                             int64_t states, Diagnostics& diagnostics,
                             const MemoryLimit& limit = {}) {
    if (limit.none_beside_program) {
        diagnostics.error(DiagnosticKind::kTooLarge, {}, "`{}` cannot be loaded: {}", path, why)
            .help("no model fits: this needs a higher limit");
        return;
    }
    diagnostics.error(DiagnosticKind::kTooLarge, {}, "`{}` is too large: {}", path, why)
        .help(without_values ? "a smaller `train.batch_size`, or `gmc compile --memory-limit`, "
                               "makes values smaller"
              : limit.program > states
                  ? fmt::format("gmrun itself takes about {} beside it: this needs a higher limit",
                                memory_text(limit.program))
                  : "states do not fit whatever the batch: this needs a higher limit, or "
                    "networks with fewer parameters");
}

LoadedModel::LoadedModel(std::string path, ir::Module module, ProcessGroup* group,
                         SharedSlots slots, Checksums whole)
    : path_(std::move(path)),
      module_(std::move(module)),
      whole_(std::move(whole)),
      states_(std::make_unique<StateStore>(module_)),
      arena_(std::make_shared<Arena>(module_)),
      group_(group),
      data_(module_) {
    if (!slots.groups.empty())
        slots_ = std::make_unique<SlotParts>(std::move(slots), *states_, *group);
}

/// Waits for the thread that touches the arena. The destructor of `touched_` alone would not: the
/// tuning cache may hold a copy of it (see prepare_training).
LoadedModel::~LoadedModel() {
    is_ending_ = true;
    if (touched_.valid()) touched_.wait();
}

std::string LoadedModel::checksum_of_functions() const {
    return whole_.functions.empty() ? ir::checksum_of_functions(module_) : whole_.functions;
}

const std::string& LoadedModel::checksum_of_steps() const {
    if (whole_.steps.empty()) whole_.steps = ir::checksum_of_steps(module_);
    return whole_.steps;
}

/// How a model of so many shards is shared by processes; 0 shards: it is not cut.
static std::string help_for_processes(int64_t shards) {
    if (shards == 0) return "`gmc compile --shards=16` cuts the batch for 1 to 16 processes";
    return fmt::format("start 1 to {0} processes: `mpirun -n {0} ...`", shards);
}

/// Reads a module that is to be run. One that only lacks passes is one error, not one for each of
/// its values.
static Result<ir::Module> read_runnable(const std::string& path, Diagnostics& diagnostics) {
    ir::ReadArtefactOptions options;
    options.verify = {.allow_gradient = false, .planned = true, .runnable = true};
    Diagnostics found = diagnostics, ignored;
    auto module = ir::read_artefact(path, options, found);
    options.verify = {.runnable = true};
    if (!module.ok() && found.has(DiagnosticKind::kBadIr) && is_regular(path) &&
        ir::read_artefact(path, options, ignored).ok())
        diagnostics
            .error(DiagnosticKind::kBadIr, {}, "`{}` cannot be run: {}", path,
                   found.list()[diagnostics.count()].text)
            .help(
                "compile it again, without --passes, --skip and --stop-after: passes were left "
                "out, or ran after `plan_memory`");
    else
        diagnostics = std::move(found);
    return module;
}

Result<std::unique_ptr<LoadedModel>> LoadedModel::load(const std::string& path,
                                                       Diagnostics& diagnostics, Purpose purpose,
                                                       Sharing sharing) {
    auto module = read_runnable(path, diagnostics);
    if (!module.ok() || !tables_fit(*module, path, diagnostics)) return Failure{};
    ProcessGroup* const group = sharing.group;
    SharedSlots slots;
    Checksums whole;
    if (group != nullptr) {
        whole = {ir::checksum_of_functions(*module), ir::checksum_of_steps(*module)};
        const std::string why =
            take_share(*module, group->size(), group->rank(), sharing.slots ? &slots : nullptr);
        if (!why.empty()) {
            diagnostics.error(DiagnosticKind::kBadValue, {}, "{}", why)
                .help(help_for_processes(module->compilation.shards));
            return Failure{};
        }
    }
    const MemoryNeed need =
        purpose == Purpose::kTraining ? training_need(*module) : memory_need(*module);
    const MemoryLimit limit = memory_limit();
    std::string why = why_too_large(need, limit);
    try {
        if (why.empty()) {
            expect_to_ask_for(need.copies);
            return std::unique_ptr<LoadedModel>(
                new LoadedModel(path, module.take(), group, std::move(slots), std::move(whole)));
        }
    } catch (const std::bad_alloc&) {
        why = "the system gives no more memory";
    }
    refuse_too_large(path, why, need.total() - need.arena <= limit.bytes, need.states, diagnostics,
                     limit);
    return Failure{};
}

bool LoadedModel::has_room_to_train(int64_t examples, Diagnostics& diagnostics) const {
    // An order by blocks is made of one of places, beside it.
    constexpr int64_t kBytesOfPlace = 2 * sizeof(int64_t);
    MemoryNeed need = training_need(module_);
    const int64_t order = kBytesOfPlace * examples;
    need.copies += order;
    expect_to_ask_for(0);
    const std::string why = why_no_room(need.copies);
    const bool fewer = !why.empty() && why_no_room(need.copies - order).empty();
    const bool smaller_data = !why.empty() && would_fit_without_windows(need.copies);
    if (fewer || smaller_data || !why_no_room(0).empty())
        diagnostics
            .error(DiagnosticKind::kTooLarge, {}, "there is no memory to train `{}`: {}", path_,
                   why)
            .help(fewer ? fmt::format("the order of {} takes {} of it: this needs a higher limit, "
                                      "or fewer examples",
                                      counted(examples, "example"), memory_text(order))
                  : smaller_data
                      ? "this needs a higher limit, or files of data with fewer bytes per value, "
                        "such as u8"
                      : "this needs a higher limit");
    else if (!why.empty())
        refuse_too_large(path_, why, why_no_room(need.copies - need.arena).empty(), need.states,
                         diagnostics);
    return why.empty();
}

NumberRange LoadedModel::own_shards() const {
    const int64_t shards = module_.compilation.shards;
    return {first_shard(shards, group_->size(), group_->rank()),
            first_shard(shards, group_->size(), group_->rank() + 1)};
}

LoaderOptions LoadedModel::training_options(uint64_t seed) const {
    LoaderOptions options{batch_size(), LoaderMode::kTrain, seed, 2};
    if (group_ == nullptr) return options;
    const int64_t rows = batch_size() / module_.compilation.shards;
    const NumberRange own = own_shards();
    options.first_row = own.begin * rows, options.own_rows = own.count() * rows;
    return options;
}

void LoadedModel::set_local_steps(LocalSteps steps) {
    GMC_CHECK(group_ != nullptr && slots_ == nullptr, "local steps of whole states, in a group");
    const double share =
        static_cast<double>(own_shards().count()) / static_cast<double>(module_.compilation.shards);
    local_ = std::make_unique<LocalStates>(steps, share, *states_, *group_);
}

const ir::Function* LoadedModel::find(const std::string& name, Diagnostics& diagnostics) const {
    const ir::Function* function = module_.find_function(name);
    if (function != nullptr && !function->is_body) return function;
    std::string names;
    for (const ir::Function& f : module_.functions)
        if (!f.is_body) names += (names.empty() ? "" : ", ") + f.name;
    diagnostics
        .error(DiagnosticKind::kUnknownName, {}, "model `{}` has no function `{}`", module_.name,
               name)
        .help("it has " + names);
    return nullptr;
}

Executable* LoadedModel::function(const std::string& name, Diagnostics& diagnostics) {
    const auto bound = executables_.find(name);
    if (bound != executables_.end()) return &bound->second;
    const ir::Function* function = find(name, diagnostics);
    if (function == nullptr) return nullptr;
    auto made = bind(module_, *function, false, diagnostics);
    if (!made.ok()) return nullptr;
    return &executables_.emplace(name, made.take()).first->second;
}

/// Looks the rewritten function up by name and rows. Where rewriting was refused, that is
/// remembered too, and the function for the whole batch is taken.
Executable* LoadedModel::function_for(const std::string& name, int64_t wanted,
                                      Diagnostics& diagnostics) {
    const ir::Function* function = module_.find_function(name);
    if (!fixed_ || function == nullptr) return this->function(name, diagnostics);
    const int64_t rows =
        std::min(batch_size(), static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(wanted))));
    auto [found, is_new] = rebatched_.try_emplace({name, rows});
    Rebatched& rebatched = found->second;
    if (is_new) {
        std::string why;
        if (auto made = rebatch(module_, *function, rows, why)) {
            rebatched.module = std::move(*made);
            auto bound =
                bind(rebatched.module, rebatched.module.functions.back(), true, diagnostics);
            if (!bound.ok()) {
                rebatched_.erase(found);
                return nullptr;
            }
            rebatched.executable = bound.take();
        }
    }
    return rebatched.executable ? &*rebatched.executable : this->function(name, diagnostics);
}

Result<Executable> LoadedModel::bind(const ir::Module& module, const ir::Function& function,
                                     bool fixed_weights, Diagnostics& diagnostics) {
    if (!touched_.valid()) arena_->touch(function.arena_bytes);
    auto made = Executable::make(module, function, *states_, arena_,
                                 {.tuning = tuning_,
                                  .bf16 = bf16_,
                                  .fixed_weights = fixed_weights,
                                  .group = local_ ? nullptr : group_,
                                  .own_shards = local_ ? own_shards() : NumberRange{}},
                                 diagnostics);
    if (made.ok() && tuning_ != nullptr && tuning_->unsaved() > 0) {
        Diagnostics ignored;  // unsaved() tells the same
        (void)tuning_->save(ignored);
    }
    return made;
}

/// Starts two threads: one reads the data; the other touches the arena's pages until the data are
/// there or the model goes.
void LoadedModel::prepare_training(std::function<bool()> may_measure) {
    const std::shared_future<void> read = data_.read_ahead();
    int64_t bytes = 0;
    for (const ir::ScheduleEntry& entry : module_.schedule)
        if (const ir::Function* function = module_.find_function(entry.function))
            bytes = std::max(bytes, function->arena_bytes);
    touched_ = std::async(std::launch::async, [this, bytes] {
        arena_->touch(bytes, [this] { return is_ending_ || !data_.is_ahead(); });
    });
    if (tuning_ != nullptr)
        tuning_->before_measuring([touched = touched_, read, may = std::move(may_measure)] {
            touched.wait();
            read.wait();
            if (may && !may()) throw MeasuringRefused();
        });
}

bool LoadedModel::make_huge() {
    // Until it has ended, only the thread that touches the pages knows which of them are small.
    if (touched_.valid()) touched_.wait();
    return states_->make_huge() || arena_->make_huge();
}

}  // namespace gmc::runtime

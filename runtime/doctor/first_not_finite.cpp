// Finds the operation that a loss or an update owes it to that it is not finite. Operations run one
// by one, those in the body of a scan in each pass; what they read is copied before, since results
// may take its place.
#include "runtime/doctor/first_not_finite.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "runtime/kernels/tile_cast.h"
#include "runtime/profile/operation_text.h"
#include "runtime/program/bound_operations.h"
#include "runtime/reference/reference.h"

namespace gmc::runtime {
namespace {

/// The numbers of a tensor of either type.
std::vector<double> numbers_at(const void* data, const ir::Type& type) {
    std::vector<float> floats(static_cast<size_t>(type.elements()));
    cast_elements(data, type.dtype, floats.data(), ir::DType::kF32, type.elements());
    return {floats.begin(), floats.end()};
}

bool all_finite(const std::vector<double>& numbers) {
    for (const double number : numbers)
        if (!std::isfinite(number)) return false;
    return true;
}

/// Smallest, largest and mean are of finite numbers only; the others are counted.
TensorStatistics statistics_of(const std::string& name, const ReferenceTensor& tensor) {
    TensorStatistics out{"%" + name, ir::to_string(tensor.type)};
    out.count = static_cast<int64_t>(tensor.data.size());
    double sum = 0;
    int64_t finite = 0;
    for (const double number : tensor.data) {
        out.nans += std::isnan(number);
        out.infinities += std::isinf(number);
        out.zeros += number == 0;
        if (!std::isfinite(number)) continue;
        out.smallest = finite == 0 ? number : std::min(out.smallest, number);
        out.largest = finite == 0 ? number : std::max(out.largest, number);
        sum += std::fabs(number);
        ++finite;
    }
    if (finite > 0) out.mean_absolute = sum / static_cast<double>(finite);
    return out;
}

/// Which examples of a batch are to blame.
void blame_examples(const ReferenceTensor& tensor, int64_t batch_size, TensorStatistics& out) {
    constexpr int64_t kFew = 3;
    constexpr double kFarLarger = 100;
    const ir::Shape& shape = tensor.type.shape;
    if (shape.empty() || shape[0] != batch_size || batch_size <= kFew) return;
    const size_t row = tensor.data.size() / static_cast<size_t>(batch_size);
    std::vector<std::pair<double, int64_t>> sizes;
    std::vector<int64_t> bad;
    for (int64_t example = 0; example < batch_size; ++example) {
        double size = 0;
        bool is_bad = false;
        for (size_t i = 0; i < row; ++i) {
            const double number = tensor.data[static_cast<size_t>(example) * row + i];
            is_bad |= !std::isfinite(number);
            if (std::isfinite(number)) size = std::max(size, std::fabs(number));
        }
        if (is_bad) bad.push_back(example);
        sizes.emplace_back(size, example);
    }
    if (!bad.empty()) {
        if (static_cast<int64_t>(bad.size()) <= kFew) out.bad_examples = bad;
        return;
    }
    std::partial_sort(sizes.begin(), sizes.begin() + 2, sizes.end(), std::greater<>());
    if (sizes[1].first > 0 && sizes[0].first > kFarLarger * sizes[1].first)
        out.large_example = sizes[0].second;
}

/// The nearest layer of the model behind a value, with its place (TensorStatistics::layer).
std::string layer_behind(const ir::Module& module, const ir::Function& function, ir::ValueId id) {
    std::map<ir::ValueId, const ir::Operation*> made_by;
    for (const ir::Operation& operation : function.operations) {
        for (const ir::ValueId result : operation.results) made_by[result] = &operation;
        for (const ir::Operation& inner : operation.body) made_by[inner.result()] = &inner;
    }
    const auto is_layer = [&](const std::string& name) {
        return std::any_of(module.layers.begin(), module.layers.end(),
                           [&](const ir::Layer& layer) { return layer.name == name; });
    };
    std::set<ir::ValueId> seen{id};
    for (std::vector<ir::ValueId> near{id}; !near.empty();) {
        std::set<std::string> found;
        std::vector<ir::ValueId> next;
        for (const ir::ValueId value : near) {
            const auto at = made_by.find(value);
            if (at == made_by.end()) continue;
            const std::string& name = function.values[value].name;
            if (is_layer(name))
                found.insert(fmt::format("`{}` ({})", name, place_of(module, *at->second)));
            for (const ir::ValueId operand : at->second->operands)
                if (seen.insert(operand).second) next.push_back(operand);
        }
        if (!found.empty()) return found.size() == 1 ? *found.begin() : "";
        near = std::move(next);
    }
    return "";
}

/// Looks at the operations of one function while it runs. Each value that is not finite comes from
/// the first operation on its way that made it so of finite operands. What matters is where a loss,
/// a metric or an update comes from: an infinity that is masked later spoils nothing.
class Search final : public OperationWatcher {
  public:
    explicit Search(const ir::Module& module) : module_(module) {}

    void before(const WatchedOperation& watched) override {
        Running& running = running_.emplace_back();
        running.found_before = findings_.size();
        for (const ir::ValueId id : watched.operation.operands)
            if (const void* data = watched.buffers.data(id))
                running.operands[id] = tensor(watched, id, data);
    }

    void after(const WatchedOperation& watched) override {
        const Running running = std::move(running_.back());
        running_.pop_back();
        for (const ir::ValueId id : watched.operation.results) {
            const void* data = watched.buffers.data(id);
            if (data == nullptr) continue;
            Origin& origin = origins_[{&watched.function, id}];
            origin.reset();
            const ReferenceTensor result = tensor(watched, id, data);
            if (!all_finite(result.data)) origin = origin_of(watched, running, id, result);
        }
    }

    /// When the function is done: where its first loss, metric or else update that is not finite
    /// comes from.
    std::optional<Finding> finding(const ir::Function& function) const {
        for (const ir::NamedValue& result : function.results)
            if (const Origin origin = known_origin(function, result.value))
                return findings_[*origin];
        for (const ir::Update& update : function.updates)
            if (const Origin origin = known_origin(function, update.value))
                return findings_[*origin];
        return std::nullopt;
    }

  private:
    /// Index into findings_; nothing of a value that is finite.
    using Origin = std::optional<size_t>;

    /// An operation that runs: what it reads, and how many findings there were before it.
    struct Running {
        ReferenceValues operands;
        size_t found_before = 0;
    };

    static ReferenceTensor tensor(const WatchedOperation& watched, ir::ValueId id,
                                  const void* data) {
        const ir::Type& type = watched.function.type(id);
        return {type, numbers_at(data, type)};
    }

    /// Where a value comes from that an operation has made, or that is a view of such a value:
    /// nothing runs to make a view.
    Origin known_origin(const ir::Function& function, ir::ValueId id) const {
        if (const auto at = origins_.find({&function, id}); at != origins_.end()) return at->second;
        for (const ir::Operation& operation : function.operations)
            if (std::count(operation.results.begin(), operation.results.end(), id) != 0)
                for (const ir::ValueId operand : operation.operands)
                    if (const Origin origin = known_origin(function, operand)) return origin;
        return std::nullopt;
    }

    Origin origin_of(const WatchedOperation& watched, const Running& running, ir::ValueId id,
                     const ReferenceTensor& result) {
        const ir::Operation& operation = watched.operation;
        if (!operation.body.empty())
            if (const Origin origin = origin_in_fused(watched, running, id)) return origin;
        for (const ir::ValueId operand : operation.operands)
            if (const Origin origin = origin_of_operand(watched, running.operands, operand))
                return origin;
        if (const auto* scan = operation.as<ir::Scan>()) {
            const ir::Function& body = *module_.find_function(scan->body);
            for (const ir::NamedValue& value : body.results)
                if (const Origin origin = known_origin(body, value.value)) return origin;
            if (running.found_before < findings_.size()) return running.found_before;
        }
        return report(watched, operation, id, running.operands, result);
    }

    /// Nothing where the operand is finite, or came in as it is. In the body of a scan it may have
    /// come from an earlier pass.
    Origin origin_of_operand(const WatchedOperation& watched, const ReferenceValues& values,
                             ir::ValueId operand) const {
        const auto at = values.find(operand);
        if (at == values.end() || all_finite(at->second.data)) return std::nullopt;
        if (const Origin origin = known_origin(watched.function, operand)) return origin;
        const bool is_inside = watched.function.is_body && !running_.empty();
        return is_inside && running_.back().found_before < findings_.size()
                   ? Origin(running_.back().found_before)
                   : std::nullopt;
    }

    /// The reference repeats the body of a fused loop, whose values lie in registers.
    Origin origin_in_fused(const WatchedOperation& watched, const Running& running,
                           ir::ValueId id) {
        ReferenceValues values = running.operands;
        for (const ir::ValueId operand : watched.operation.operands)
            if (values.count(operand) == 0) return std::nullopt;
        std::map<ir::ValueId, Origin> made;
        for (const ir::Operation& inner : watched.operation.body) {
            run_reference_operation(module_, watched.function, inner, values, watched.call,
                                    {.round_to_float = true});
            Origin& origin = made[inner.result()];
            const ReferenceTensor& result = values.at(inner.result());
            if (all_finite(result.data)) continue;
            for (const ir::ValueId operand : inner.operands) {
                const auto within = made.find(operand);
                origin = within != made.end() ? within->second
                                              : origin_of_operand(watched, values, operand);
                if (origin) break;
            }
            if (!origin) origin = report(watched, inner, inner.result(), values, result);
        }
        return made.count(id) != 0 ? made.at(id) : std::nullopt;
    }

    /// `done` is the watched operation or one inside of it.
    size_t report(const WatchedOperation& watched, const ir::Operation& done, ir::ValueId id,
                  const ReferenceValues& values, const ReferenceTensor& result) {
        const ir::Function& function = watched.function;
        Finding found;
        found.function = function.name;
        found.operation = done.info().name;
        found.name = OperationNames(module_).of(function, done);
        found.place = place_of(module_, done);
        if (function.is_body) found.pass = static_cast<int64_t>(watched.call.iteration);
        const auto statistics = [&](ir::ValueId value, const ReferenceTensor& tensor) {
            TensorStatistics out = statistics_of(function.values[value].name, tensor);
            if (module_.training) blame_examples(tensor, module_.training->batch_size, out);
            return out;
        };
        for (const ir::ValueId operand : done.operands) {
            if (values.count(operand) == 0) continue;
            found.operands.push_back(statistics(operand, values.at(operand)));
            found.operands.back().layer = layer_behind(module_, function, operand);
        }
        found.result = statistics(id, result);
        findings_.push_back(std::move(found));
        return findings_.size() - 1;
    }

    const ir::Module& module_;
    /// One entry, and within the body of a scan a second one after that of the scan.
    std::vector<Running> running_;
    /// Operations that made a value that is not finite of finite operands, in their order.
    std::vector<Finding> findings_;
    /// Of all values that operations have made so far; in the body of a scan, of the last pass.
    std::map<std::pair<const ir::Function*, ir::ValueId>, Origin> origins_;
};

/// Copies a batch into the function's inputs. False after an error: the batch comes from a file,
/// and that may be the replay of another model.
bool set_batch(const Executable& executable, const ReplayBatch& batch, Diagnostics& diagnostics) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const ir::InputSource& source = executable.function().inputs[i].source;
        if (!source.is_data()) continue;
        const auto needed = static_cast<size_t>(executable.input_type(i).elements());
        const auto found =
            std::find_if(batch.fields.begin(), batch.fields.end(),
                         [&](const auto& field) { return field.first == source.field; });
        const size_t there = found == batch.fields.end() ? 0 : found->second.size();
        if (there != needed) {
            diagnostics.error(
                DiagnosticKind::kBadFile, {},
                "the replay has {} numbers of `data.{}` in a batch; the model takes {}", there,
                source.field, needed);
            return false;
        }
        std::memcpy(executable.input(i), found->second.data(), needed * sizeof(float));
    }
    return true;
}

}  // namespace

std::string text_of(const TensorStatistics& s) {
    std::string out = fmt::format("{}{}, {}: ", s.name,
                                  s.layer.empty() ? "" : ", which comes from " + s.layer, s.type);
    const auto finite = s.count - s.nans - s.infinities;
    if (finite == 0)
        out += "no finite number";
    else if (s.smallest == s.largest && s.count == 1)
        out += fmt::format("{:.4g}", s.smallest);
    else if (s.smallest == s.largest)
        out += finite == s.count ? fmt::format("all {} are {:.4g}", s.count, s.smallest)
                                 : fmt::format("{} of {} are {:.4g}", finite, s.count, s.smallest);
    else
        out += fmt::format("from {:.4g} to {:.4g}, mean |x| {:.4g}", s.smallest, s.largest,
                           s.mean_absolute);
    if (s.zeros > 0 && s.smallest != s.largest)
        out += fmt::format("; {} of {} are 0", s.zeros, s.count);
    if (s.infinities > 0) out += fmt::format("; {} of {} are infinite", s.infinities, s.count);
    if (s.nans > 0) out += fmt::format("; {} of {} are NaN", s.nans, s.count);
    if (!s.bad_examples.empty())
        out += fmt::format("; only in example{} {} of the batch (from 0)",
                           s.bad_examples.size() == 1 ? "" : "s", fmt::join(s.bad_examples, ", "));
    if (s.large_example)
        out += fmt::format("; example {} of the batch (from 0) has by far the largest",
                           *s.large_example);
    return out;
}

std::string text_of(const Finding& finding) {
    std::string out = fmt::format(
        "the first value that is not finite is a result of `{}`: {} in @{}{}{}", finding.operation,
        finding.name, finding.function,
        finding.pass ? fmt::format(", pass {} of the loop (from 0)", *finding.pass) : "",
        finding.place.empty() ? "" : ", " + finding.place);
    for (const TensorStatistics& operand : finding.operands) out += "\n  takes " + text_of(operand);
    return out + "\n  gives " + text_of(finding.result);
}

/// Runs the functions of the step as the trainer does, with the same batches and random numbers,
/// until one has a finding.
Result<std::optional<Finding>> find_first_not_finite(LoadedModel& model, const Replay& replay,
                                                     Diagnostics& diagnostics) {
    const auto arena = std::make_shared<Arena>(model.module());
    auto call = static_cast<uint32_t>(replay.training.call);
    size_t batch = 0;
    for (const ir::ScheduleEntry* scheduled :
         ir::entries_of_step(model.module().schedule, replay.training.step)) {
        const ir::ScheduleEntry& entry = *scheduled;
        const ir::Function& function = *model.module().find_function(entry.function);
        // Without loops that follow contractions: each operation has a kernel of its own.
        auto executable = Executable::make(
            model.module(), function, model.states(), arena,
            {.tuning = replay.tuning, .bf16 = replay.bf16, .epilogues = false}, diagnostics);
        if (!executable.ok()) return Failure{};
        for (int64_t i = 0; i < entry.repeat; ++i) {
            if (batch == replay.batches.size()) {
                diagnostics.error(DiagnosticKind::kBadFile, {},
                                  "`{}` is no replay of a step of `{}`: it has {} batches, too few",
                                  replay.file, model.module().name, batch);
                return Failure{};
            }
            const CallContext context{replay.training.seed, call++,
                                      static_cast<double>(replay.training.step),
                                      replay.batches[batch].epoch};
            if (!set_batch(*executable, replay.batches[batch++], diagnostics)) return Failure{};
            Search search(model.module());
            executable->run_watched(context, search);
            if (std::optional<Finding> found = search.finding(function)) return found;
        }
    }
    return std::optional<Finding>{};
}

}  // namespace gmc::runtime

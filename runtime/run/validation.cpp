// Splits a data set in two, whose fields read through to the whole, and watches a figure over
// epochs. Each example draws a lot of its own instead of all being shuffled: then data that grow
// move no example that was trained on into validation.
#include "runtime/run/validation.h"

#include <algorithm>
#include <cmath>

#include "compiler/support/say.h"
#include "compiler/support/stop_work.h"
#include "compiler/support/wording.h"
#include "runtime/data/shuffle.h"

namespace gmc::runtime {
namespace {

/// Some of the examples of a data set, in ascending order.
struct Part {
    std::vector<int64_t> examples;
    std::vector<bool> holds;  ///< per example of the whole
};

/// Some of the examples of a field.
class PartOfField final : public Field {
  public:
    PartOfField(FieldPtr whole, std::shared_ptr<const Part> part)
        : Field(whole->name(), whole->shape(), static_cast<int64_t>(part->examples.size()),
                whole->class_count()),
          whole_(std::move(whole)),
          part_(std::move(part)) {}

    void read(int64_t index, float* dst) const override { whole_->read(place(index), dst); }
    void read_for_training(int64_t index, const TrainingPass& pass, float* dst) const override {
        whole_->read_for_training(place(index),
                                  {pass.seed, pass.epoch, &part_->holds, pass.by_blocks}, dst);
    }
    std::string file_of(int64_t index) const override { return whole_->file_of(place(index)); }
    std::string lies_in(int64_t index) const override { return whole_->lies_in(place(index)); }
    std::string name_of(int64_t index) const override { return whole_->name_of(place(index)); }
    std::optional<uint32_t> file_checksum(int64_t index) const override {
        return whole_->file_checksum(place(index));
    }
    bool in_memory() const override { return whole_->in_memory(); }
    bool can_be_in_memory() const override { return whole_->can_be_in_memory(); }
    void add_warnings(Diagnostics& diagnostics) const override {
        whole_->add_warnings(diagnostics);
    }
    int64_t block() const override { return whole_->block(); }
    int64_t place(int64_t index) const override {
        return part_->examples[static_cast<size_t>(index)];
    }
    void expect(int64_t index) const override { whole_->expect(place(index)); }

  private:
    FieldPtr whole_;
    std::shared_ptr<const Part> part_;
};

/// `examples` in ascending order.
Result<Dataset> part(const Dataset& dataset, std::vector<int64_t> examples,
                     Diagnostics& diagnostics) {
    std::vector<bool> holds(static_cast<size_t>(dataset.count()));
    for (const int64_t example : examples) holds[static_cast<size_t>(example)] = true;
    const auto shared = std::make_shared<const Part>(Part{std::move(examples), std::move(holds)});
    std::vector<FieldPtr> fields;
    for (const FieldPtr& field : dataset.fields())
        fields.push_back(std::make_shared<PartOfField>(field, shared));
    return make_dataset(std::move(fields), diagnostics);
}

}  // namespace

Result<DatasetParts> split_dataset(const Dataset& dataset, double share, uint64_t seed,
                                   Diagnostics& diagnostics) {
    const int64_t count = dataset.count();
    const auto kept = static_cast<int64_t>(std::llround(share * static_cast<double>(count)));
    if (kept < 1 || kept >= count) {
        diagnostics.error(
            DiagnosticKind::kBadValue, {}, "a share of {} of {} is {}, which leaves nothing to {}",
            share, counted(count, "example"), kept, kept < 1 ? "validate with" : "train with");
        return Failure{};
    }
    std::vector<double> lots(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
        check_work_stop();
        lots[static_cast<size_t>(i)] = lot_of(dataset.fields().front()->name_of(i), seed);
    }
    const auto [least, most] = std::minmax_element(lots.begin(), lots.end());
    const double limit = std::min(std::max(share, std::nextafter(*least, 1.0)), *most);
    std::vector<int64_t> held_out, trained;
    for (int64_t i = 0; i < count; ++i)
        (lots[static_cast<size_t>(i)] < limit ? held_out : trained).push_back(i);
    auto validation = part(dataset, std::move(held_out), diagnostics);
    auto training = part(dataset, std::move(trained), diagnostics);
    if (!validation.ok() || !training.ok()) return Failure{};
    return DatasetParts{training.take(), validation.take()};
}

Result<std::unique_ptr<Loader>> validation_loader(LoadedModel& model, uint64_t seed,
                                                  const LoaderOptions& options,
                                                  Diagnostics& diagnostics) {
    const ir::RunPolicy& policy = model.module().run;
    if (!policy.validates()) {
        diagnostics
            .error(DiagnosticKind::kMissingKey, {},
                   "`{}` has no validation data: nothing is kept out of training", model.path())
            .help("`train: {validate: 0.1}` in the model keeps a share out of it");
        return Failure{};
    }
    const DataSplit split = policy.validate_test ? DataSplit::kTest : DataSplit::kTrain;
    auto whole = model.data().make_loader(split, options, diagnostics);
    if (!whole.ok() || policy.validate_test) return whole;
    auto parts = split_dataset((*whole)->dataset(), policy.validate_share, seed, diagnostics);
    if (!parts.ok()) return Failure{};
    return Loader::create(std::move(parts->validation), options, diagnostics);
}

bool watch(Watched& watched, double value, bool highest) {
    const bool better =
        std::isfinite(value) &&
        (!watched.best || (highest ? value > *watched.best : value < *watched.best));
    watched.epochs_since = better ? 0 : watched.epochs_since + 1;
    if (better) watched.best = value;
    return better;
}

bool take_in(const std::vector<std::pair<std::string, double>>& figures,
             const ir::RunPolicy& policy, TrainingState& ended, MetricsRow& row) {
    bool best = false;
    for (const auto& [name, value] : figures) {
        row.add("validation_" + name, value);
        if (!std::isfinite(value))
            say("gmrun: `{}` of the validation data is not finite after epoch {}; training goes "
                "on\n",
                name, ended.pass);
        if (name == policy.keep_best) best = watch(ended.best, value, policy.best_is_highest);
        if (name == policy.stopping_metric)
            watch(ended.stopping, value, policy.stopping_is_highest);
    }
    return best;
}

}  // namespace gmc::runtime

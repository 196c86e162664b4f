// Counts through passes of its own over a field.
#include "runtime/data/own_order.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "runtime/data/shuffle.h"

namespace gmc::runtime {
namespace {

class OwnOrder final : public Field {
  public:
    OwnOrder(FieldPtr field, int64_t count)
        : Field(field->name(), field->shape(), count, field->class_count()),
          field_(std::move(field)) {}

    const FieldPtr& whole() const { return field_; }
    std::optional<int64_t> own_count() const override { return field_->count(); }
    void read(int64_t index, float* dst) const override {
        field_->read(index % field_->count(), dst);
    }
    /// An epoch visits each index once, in an order that is random: so all of the epoch's examples
    /// of this field, and these of one epoch after the other, are visited once.
    void read_for_training(int64_t index, const TrainingPass& pass, float* dst) const override {
        const int64_t seen = pass.epoch * count() + index, own = seen / field_->count();
        const int64_t example = example_at(pass.seed, own, seen % field_->count());
        field_->read_for_training(example, {pass.seed, own}, dst);
    }
    std::string file_of(int64_t index) const override {
        return field_->file_of(index % field_->count());
    }
    std::string lies_in(int64_t index) const override {
        return field_->lies_in(index % field_->count());
    }
    std::string name_of(int64_t index) const override {
        return field_->name_of(index % field_->count());
    }
    std::optional<uint32_t> file_checksum(int64_t index) const override {
        return field_->file_checksum(index % field_->count());
    }
    bool in_memory() const override { return field_->in_memory(); }
    bool can_be_in_memory() const override { return field_->can_be_in_memory(); }
    void add_warnings(Diagnostics& diagnostics) const override {
        field_->add_warnings(diagnostics);
    }

  private:
    /// Orders are kept, of all passes over this field that two epochs of the others take: an epoch
    /// visits its indices in a random order, and so these passes in turn.
    int64_t example_at(uint64_t seed, int64_t own, int64_t place) const {
        const std::lock_guard<std::mutex> lock(mutex_);
        const std::pair<uint64_t, int64_t> key{seed, own};
        auto order = orders_.find(key);
        if (order == orders_.end()) {
            const int64_t most = 2 * (count() / field_->count() + 2);
            if (static_cast<int64_t>(orders_.size()) >= most) orders_.clear();
            order = orders_.emplace(key, epoch_order(field_->count(), seed, own)).first;
        }
        return order->second[static_cast<size_t>(place)];
    }

    FieldPtr field_;
    mutable std::mutex mutex_;
    mutable std::map<std::pair<uint64_t, int64_t>, std::vector<int64_t>> orders_;
};

}  // namespace

FieldPtr in_own_order(FieldPtr field, int64_t count) {
    return std::make_shared<OwnOrder>(std::move(field), count);
}

int64_t longest_set(const Dataset& dataset, const std::vector<std::string>& fields) {
    int64_t most = 0;
    for (const FieldPtr& field : dataset.fields())
        if (std::find(fields.begin(), fields.end(), field->name()) != fields.end())
            most = std::max(most, field->own_count().value_or(field->count()));
    return most == 0 ? dataset.count() : most;
}

Result<Dataset> gone_through_to(const Dataset& dataset, int64_t count, Diagnostics& diagnostics) {
    std::vector<FieldPtr> fields;
    for (const FieldPtr& field : dataset.fields()) {
        const auto* own = dynamic_cast<const OwnOrder*>(field.get());
        fields.push_back(in_own_order(own == nullptr ? field : own->whole(), count));
    }
    return make_dataset(std::move(fields), diagnostics);
}

}  // namespace gmc::runtime

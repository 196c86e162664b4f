// Puts fields together into data sets, and checks that they describe the same examples.
#include "runtime/data/dataset.h"

#include <algorithm>
#include <unordered_set>

#include "compiler/support/check.h"
#include "compiler/support/wording.h"
#include "runtime/data/file_checksum.h"

namespace gmc::runtime {

Field::Field(std::string name, std::vector<int64_t> shape, int64_t count, int64_t class_count)
    : name_(std::move(name)), shape_(std::move(shape)), count_(count), class_count_(class_count) {
    for (const int64_t size : shape_) {
        GMC_CHECK(size > 0, "field {} has a dimension of {}", name_, size);
        elements_ *= size;
    }
    GMC_CHECK(count_ >= 0, "field {} has {} examples", name_, count_);
}

std::optional<uint32_t> Field::file_checksum(int64_t index) const {
    return read_file_checksum(lies_in(index));
}

int64_t Dataset::block() const {
    int64_t block = 1;
    for (const FieldPtr& field : fields_) block = std::max(block, field->block());
    return block;
}

int64_t Dataset::find(const std::string& name) const {
    for (size_t i = 0; i < fields_.size(); ++i)
        if (fields_[i]->name() == name) return static_cast<int64_t>(i);
    return -1;
}

void Dataset::add_warnings(Diagnostics& diagnostics) const {
    for (const FieldPtr& field : fields_) field->add_warnings(diagnostics);
}

/// Fields belong together example by example, so all need the same count; each difference is
/// reported, not only the first.
Result<Dataset> make_dataset(std::vector<FieldPtr> fields, Diagnostics& diagnostics) {
    if (fields.empty()) {
        diagnostics.error(DiagnosticKind::kMissingKey, {}, "`data` has no field to read")
            .help("name at least one, such as `data: {image: {idx: train-images-idx3-ubyte.gz}}`");
        return Failure{};
    }
    const size_t errors_before = diagnostics.count();
    std::unordered_set<std::string> names;
    const Field& first = *fields.front();
    for (const FieldPtr& field : fields) {
        if (!names.insert(field->name()).second)
            diagnostics.error(DiagnosticKind::kDuplicateKey, {}, "`data` has two fields named `{}`",
                              field->name());
        if (field->count() != first.count())
            diagnostics
                .error(DiagnosticKind::kShapeMismatch, {}, "`data.{}` has {} but `data.{}` has {}",
                       field->name(), counted(field->count(), "example"), first.name(),
                       first.count())
                .help(
                    "the fields of one data set describe the same examples in the same order; "
                    "with `order: own` a field is a set of its own");
    }
    if (first.count() == 0)
        diagnostics.error(DiagnosticKind::kBadValue, {}, "`data.{}` has no examples", first.name());
    if (diagnostics.count() != errors_before) return Failure{};
    Dataset dataset;
    dataset.fields_ = std::move(fields);
    return dataset;
}

}  // namespace gmc::runtime

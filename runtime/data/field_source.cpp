// Opens the fields of a data set: chooses the reader by format, and makes of each field what the
// model was compiled for (its name, its count of examples, its labels).
#include "runtime/data/field_source.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "compiler/support/check.h"
#include "compiler/support/stop_work.h"
#include "compiler/support/take_over.h"
#include "compiler/support/wording.h"
#include "runtime/data/files/array_data.h"
#include "runtime/data/own_order.h"
#include "runtime/data/pictures/folder.h"
#include "runtime/data/sound/sound_field.h"
#include "runtime/data/synthetic.h"
#include "runtime/data/tables/table_field.h"
#include "runtime/files/array_header.h"
#include "runtime/files/label_count.h"
#include "runtime/files/missing_file.h"

namespace gmc::runtime {
namespace {

/// A field under another name, or its first examples only.
class FieldView final : public Field {
  public:
    FieldView(FieldPtr field, std::string name, int64_t count)
        : Field(std::move(name), field->shape(), count, field->class_count()),
          field_(std::move(field)) {}
    void read(int64_t index, float* dst) const override { field_->read(index, dst); }
    void read_for_training(int64_t index, const TrainingPass& pass, float* dst) const override {
        field_->read_for_training(index, pass, dst);
    }
    std::string file_of(int64_t index) const override { return field_->file_of(index); }
    std::string lies_in(int64_t index) const override { return field_->lies_in(index); }
    std::string name_of(int64_t index) const override { return field_->name_of(index); }
    std::optional<uint32_t> file_checksum(int64_t index) const override {
        return field_->file_checksum(index);
    }
    bool in_memory() const override { return field_->in_memory(); }
    bool can_be_in_memory() const override { return field_->can_be_in_memory(); }
    void add_warnings(Diagnostics& diagnostics) const override {
        field_->add_warnings(diagnostics);
    }
    int64_t block() const override { return field_->block(); }
    void expect(int64_t index) const override { field_->expect(index); }

  private:
    FieldPtr field_;
};

/// A field, and the labels that came with it (or null).
struct Opened {
    FieldPtr field;
    FieldPtr labels;
    std::vector<std::string> class_names;  ///< of a folder
};

/// Formats that ArrayFile reads.
bool is_array(const ir::DataField& source) {
    return source.format == "idx" || source.format == "npy" || source.format == "npz";
}

uint64_t values_of_example(const ir::DataField& source) {
    uint64_t values = 1;
    for (const int64_t size : source.shape) values *= static_cast<uint64_t>(size);
    return values;
}

/// Opens fields in two steps: open() reads each that has a source of its own; finish() then takes
/// labels from the field that they belong to, which may come later in the list, and cuts fields to
/// their count.
class Opener {
  public:
    Opener(const std::vector<ir::DataField>& sources, bool are_trained_on, Diagnostics& diagnostics)
        : are_trained_on_(are_trained_on), diagnostics_(diagnostics) {
        uint64_t largest = 1;
        for (const ir::DataField& source : sources)
            if (is_array(source)) largest = std::max(largest, values_of_example(source));
        block_ = usual_block(largest);
    }

    bool open(const ir::DataField& source);
    Result<FieldPtr> finish(const ir::DataField& source, const std::vector<ir::DataField>& all);

  private:
    bool read(const ir::DataField& source, Opened& opened);
    bool read_synthetic(const ir::DataField& source, Opened& opened);
    bool read_rows(const ir::DataField& source, Opened& opened);
    bool read_windows(const ir::DataField& source, Opened& opened);
    bool read_pictures(const ir::DataField& source, Opened& opened);
    bool check_classes(const ir::DataField& source, const ir::DataField& of, const Opened& opened);
    bool check_shape(const ir::DataField& source, const Field& field);
    Result<FieldPtr> limit(const ir::DataField& source, FieldPtr field);

    const bool are_trained_on_;
    Diagnostics& diagnostics_;
    int64_t block_ = 1;  ///< of all fields that stay in their files, so that they go in step
    std::map<std::string, Opened> opened_;
};

/// Labels are read as they are, everything else as the range says.
std::optional<ValueRange> range_of(const ir::DataField& source) {
    if (source.classes > 0 || (source.shape.empty() && !source.range_given)) return std::nullopt;
    return value_range(source);
}

/// Points have no height and width, so those options stay as they are.
bool Opener::read_synthetic(const ir::DataField& source, Opened& opened) {
    SyntheticOptions options;
    options.range = value_range(source);
    options.count = source.count;
    options.first = source.first;
    if (source.shape.size() == 3) {
        options.height = source.shape[0];
        options.width = source.shape[1];
        options.channels = source.shape[2];
        if (source.classes > 0) options.classes = source.classes;
    }
    Result<SyntheticFields> fields =
        make_synthetic(source.source, source.name, options, diagnostics_);
    if (!fields) return false;
    opened = {fields->example, fields->label, {}};
    return true;
}

bool Opener::read_pictures(const ir::DataField& source, Opened& opened) {
    GMC_CHECK(source.shape.size() == 3, "`data.{}` has {} dimensions", source.name,
              source.shape.size());
    FolderOptions options;
    options.name = source.name;
    options.fit = {source.shape[0], source.shape[1], source.shape[2], source.crop,
                   static_cast<uint8_t>(std::max<int64_t>(source.ground, 0))};
    options.ground_given = source.ground >= 0;
    options.skip_bad = source.skip_bad;
    options.flip = source.flip;
    options.range = value_range(source);
    Result<FolderFields> fields = read_folder(source.source, options, diagnostics_);
    if (!fields) return false;
    opened = {fields->example, fields->label, std::move(fields->class_names)};
    return true;
}

bool Opener::read_rows(const ir::DataField& source, Opened& opened) {
    const std::optional<Table> table = Table::parse(source.table);
    if (!table || table->cells() == 0) {
        diagnostics_.error(DiagnosticKind::kBadFile, {},
                           "the compiled model does not say what the columns of `data.{}` mean",
                           source.name);
        return false;
    }
    Result<FieldPtr> field = read_table(
        source.source, {source.name, *table, source.count, 0, source.classes, are_trained_on_},
        diagnostics_);
    if (!field) return false;
    opened.field = field.take();
    return true;
}

bool Opener::read_windows(const ir::DataField& source, Opened& opened) {
    GMC_CHECK(source.shape.size() == 2, "`data.{}` has {} dimensions", source.name,
              source.shape.size());
    SoundOptions options{source.name, source.rate, source.shape[0], source.shape[1], source.hop};
    if (source.range_given) options.range = value_range(source);
    Result<FieldPtr> field = read_sound(source.source, options, diagnostics_);
    if (!field) return false;
    opened.field = field.take();
    return true;
}

bool Opener::read(const ir::DataField& source, Opened& opened) {
    if (source.format == "synthetic") return read_synthetic(source, opened);
    if (source.format == "folder") return read_pictures(source, opened);
    if (source.format == "csv") return read_rows(source, opened);
    if (source.format == "wav") return read_windows(source, opened);
    GMC_CHECK(is_array(source), "`data.{}` has the format `{}`", source.name, source.format);
    ValueRules rules{source.name, range_of(source), source.range_given, source.classes,
                     source.count};
    rules.shape = source.shape;
    rules.block = block_;
    Result<FieldPtr> field = read_array(
        {source.format, source.source, source.key, source.channels_first}, rules, diagnostics_);
    if (!field) return false;
    opened.field = field.take();
    return true;
}

/// Labels count the sub-folders in order: with others than the model was compiled for, they would
/// mean something else.
bool Opener::check_classes(const ir::DataField& source, const ir::DataField& of,
                           const Opened& opened) {
    const int64_t classes = opened.labels->class_count();
    const bool same = source.class_names.empty() || of.format != "folder"
                          ? classes == source.classes
                          : opened.class_names == source.class_names;
    if (same) return true;
    Diagnostic& d = diagnostics_.error(
        DiagnosticKind::kBadValue, {},
        "`{}` has {} classes, others than the {} that the model was compiled for", of.source,
        classes, source.classes);
    if (!opened.class_names.empty() && !source.class_names.empty())
        d.help(fmt::format("now: {}; then: {}", fmt::join(opened.class_names, ", "),
                           fmt::join(source.class_names, ", ")));
    return false;
}

bool Opener::check_shape(const ir::DataField& source, const Field& field) {
    if (field.shape() == source.shape) return true;
    diagnostics_.error(DiagnosticKind::kShapeMismatch, {},
                       "`{}` holds {}, but the model was compiled for {}", source.source,
                       describe_examples(field.shape()), describe_examples(source.shape));
    return false;
}

Result<FieldPtr> Opener::limit(const ir::DataField& source, FieldPtr field) {
    const int64_t count = source.count > 0 ? source.count : field->count();
    if (count > field->count()) {
        diagnostics_.error(DiagnosticKind::kBadValue, {}, "`data.{}` is to use {}, but `{}` has {}",
                           source.name, counted(count, "example"), source.source, field->count());
        return Failure{};
    }
    if (count == field->count() && field->name() == source.name) return field;
    return FieldPtr(std::make_shared<FieldView>(std::move(field), source.name, count));
}

bool Opener::open(const ir::DataField& source) {
    if (source.format == "labels") return true;
    std::error_code ignored;
    if (source.format != "synthetic" && !std::filesystem::exists(source.source, ignored)) {
        Diagnostic& error =
            diagnostics_.error(DiagnosticKind::kBadFile, {}, "`{}`, the data of `{}`, is not there",
                               source.source, source.name);
        for (const std::string& hint : where_looked(source.source)) error.help(hint);
        return false;
    }
    Opened& opened = opened_[source.name];
    return read(source, opened) && check_shape(source, *opened.field);
}

Result<FieldPtr> Opener::finish(const ir::DataField& source,
                                const std::vector<ir::DataField>& all) {
    if (source.format != "labels") return limit(source, opened_[source.name].field);
    for (const ir::DataField& of : all) {
        const auto found = opened_.find(of.name);
        if (of.name != source.source || found == opened_.end() || !found->second.labels) continue;
        if (!check_classes(source, of, found->second)) return Failure{};
        ir::DataField labels = source;
        labels.count = of.count;
        return limit(labels, found->second.labels);
    }
    diagnostics_.error(DiagnosticKind::kBadValue, {}, "`data.{}` has no labels for `data.{}`",
                       source.source, source.name);
    return Failure{};
}

/// Warns of classes that no example has.
void check_labels(const ir::DataField& source, const Field& field, bool cut,
                  Diagnostics& diagnostics) {
    if (!field.in_memory() || field.class_count() == 0 || !field.shape().empty()) return;
    LabelCount labels;
    for (int64_t i = 0; i < field.count(); ++i) {
        check_work_stop();
        float label = 0;
        field.read(i, &label);
        labels.add(&label, 1);
    }
    warn_of_missing(labels, field.class_count(), fmt::format("`data.{}`", source.name), cut, {},
                    diagnostics);
}

}  // namespace

Result<std::vector<FieldPtr>> open_fields(const std::vector<ir::DataField>& sources,
                                          Diagnostics& diagnostics, const std::vector<Span>& places,
                                          bool are_trained_on) {
    // What is reported about a field goes to its place.
    Diagnostics found;
    const auto hand_on = [&](size_t field) {
        take_over(found, field < places.size() ? places[field] : Span{}, diagnostics);
        found = {};
    };
    Opener opener(sources, are_trained_on, found);
    for (size_t i = 0; i < sources.size(); ++i) {
        const bool opened = opener.open(sources[i]);
        hand_on(i);
        if (!opened) return Failure{};
    }
    const bool cut = std::any_of(sources.begin(), sources.end(),
                                 [](const ir::DataField& s) { return s.count > 0; });
    std::vector<FieldPtr> fields;
    for (size_t i = 0; i < sources.size(); ++i) {
        Result<FieldPtr> field = opener.finish(sources[i], sources);
        if (field) check_labels(sources[i], **field, cut, found);
        hand_on(i);
        if (!field) return Failure{};
        fields.push_back(field.take());
    }
    const auto shared = std::find_if(sources.begin(), sources.end(),
                                     [](const ir::DataField& s) { return !s.own_order; });
    for (size_t i = 0; i < sources.size() && shared != sources.end(); ++i)
        if (sources[i].own_order && fields[i]->count() > 0)
            fields[i] = in_own_order(
                fields[i], fields[static_cast<size_t>(shared - sources.begin())]->count());
    return fields;
}

}  // namespace gmc::runtime

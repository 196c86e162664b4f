// Reads `data:` with its `test:`. Each field is read by data_field.cpp; this file checks what
// depends on several fields.
#include <algorithm>
#include <filesystem>
#include <set>

#include "compiler/support/edit_distance.h"
#include "compiler/support/wording.h"
#include "dsl/data/data_field.h"
#include "dsl/data/data_paths.h"
#include "dsl/reader.h"
#include "runtime/files/array_file.h"
#include "runtime/files/class_folders.h"
#include "runtime/files/tables/table.h"

namespace gmc::dsl {
namespace {

std::vector<std::string> names_of(const std::vector<DataField>& fields) {
    std::vector<std::string> names;
    for (const DataField& field : fields) names.push_back(field.name);
    return names;
}

const DataField* find_field(const std::vector<DataField>& fields, const std::string& name) {
    const auto found = std::find_if(fields.begin(), fields.end(),
                                    [&](const DataField& field) { return field.name == name; });
    return found == fields.end() ? nullptr : &*found;
}

/// The field whose labels `field` holds; null after an error. A field of `labels_of` names it; a
/// field of `folder` belongs to the one that reads the same folder.
const DataField* find_labelled(const std::vector<DataField>& fields, const DataField& field,
                               const Node& written, Diagnostics& diagnostics) {
    if (const Entry* folder = written.find("folder")) {
        for (const DataField& of : fields)
            if (of.format == "folder" && of.source == field.source) return &of;
        if (written.find("size")) return nullptr;  // and what is wrong with it was said
        Diagnostic& error =
            diagnostics
                .error(DiagnosticKind::kMissingKey, folder->key_span,
                       "the field `{}` needs `size`, as pictures do", field.name)
                .help(
                    "without it, it is the classes of a field that reads the same folder, and "
                    "there is none");
        const auto is_folder = [](const DataField& of) { return of.format == "folder"; };
        if (std::count_if(fields.begin(), fields.end(), is_folder) != 1) return nullptr;
        for (const DataField& of : fields)
            if (is_folder(of))
                error.help(
                    fmt::format("`labels_of: {}` are the classes of `{}`", of.name, of.source));
        return nullptr;
    }
    const DataField* of = find_field(fields, field.source);
    if (of && of != &field) return of;
    std::vector<std::string> known = names_of(fields);
    std::erase(known, field.name);
    report_unknown(DiagnosticKind::kUnknownName, written.find("labels_of")->value->span,
                   fmt::format("`labels_of` is a field beside it, not `{}`", field.source),
                   field.source, known, diagnostics);
    return nullptr;
}

/// Finds the classes of a folder, if that exists already. Pictures themselves are not looked at
/// before training.
void find_folder_classes(const DataField& of, DataField& field) {
    Diagnostics not_now;
    Result<std::vector<std::string>> names = runtime::list_class_folders(of.source, not_now);
    if (names) field.class_names = names.take();
    field.classes = static_cast<int64_t>(field.class_names.size());
}

/// A folder that classes are to be counted in, and that is not there.
void report_no_folder(const DataField& of, Diagnostics& diagnostics) {
    Diagnostic& error =
        diagnostics.error(DiagnosticKind::kBadFile, of.source_span,
                          "`{}` is not there, so its classes cannot be counted", of.source);
    for (const std::string& hint : where_looked(of.source)) error.help(hint);
}

/// Gives every field of labels the number of classes of the field whose labels it holds.
void resolve_labels(std::vector<DataField>& fields, const Node& section, Diagnostics& diagnostics) {
    for (DataField& field : fields) {
        if (field.format != "labels" || field.source.empty()) continue;
        const Node& written = *section.find(field.name)->value;
        const DataField* of = find_labelled(fields, field, written, diagnostics);
        if (!of || of->format.empty() || of->source.empty()) continue;  // was reported
        field.source = of->name;
        field.classes = of->classes;
        field.own_order = of->own_order;
        if (of->format == "folder") find_folder_classes(*of, field);
        if (field.classes > 0) continue;
        std::error_code error_code;
        if (of->format == "folder" && !std::filesystem::exists(of->source, error_code)) {
            report_no_folder(*of, diagnostics);
            continue;
        }
        const Entry* key = written.find("labels_of");
        if (!key) key = written.find("folder");
        Diagnostic& error = diagnostics.error(DiagnosticKind::kBadValue, key->value->span,
                                              "`{}` has no labels: `{}` gives none", of->name,
                                              of->format == "synthetic" ? of->source : of->format);
        error.note(of->span, "the field is here");
        if (of->format == "folder")
            error.help(
                fmt::format("classes are the sub-folders of `{}`, which has none", of->source));
    }
}

/// How many examples the file of a field has, by its header; 0 where that is not known yet.
int64_t examples_in_file(const DataField& field, bool is_test) {
    if (field.format == "csv") {
        // The table of a field of `test` is that of the training data.
        const auto table = runtime::Table::parse(is_test ? "" : field.table);
        return table ? table->rows : 0;
    }
    const bool array = field.format == "idx" || field.format == "npy" || field.format == "npz";
    std::error_code error;
    if (!array || !std::filesystem::exists(field.source, error)) return 0;
    Diagnostics reported;
    const auto file = runtime::ArrayFile::open(field.format, field.source, field.key, reported);
    return file.ok() ? static_cast<int64_t>(file->header().dimensions.front()) : 0;
}

/// Notes how many examples each field has, as far as headers of files tell, and reports fields of
/// one data set that have other numbers than the first.
void check_counts(std::vector<DataField>& fields, bool is_test, Diagnostics& diagnostics) {
    const DataField* first = nullptr;
    int64_t of_first = 0;
    for (DataField& field : fields) {
        const int64_t examples = examples_in_file(field, is_test);
        const bool is_made = field.format == "synthetic" && !is_test;
        field.examples = field.count > 0 ? field.count : is_made ? kSyntheticTraining : examples;
        if (examples == 0) continue;
        if (field.count > examples) {
            diagnostics.error(DiagnosticKind::kBadValue, field.span,
                              "`{}` is to use {}, but `{}` has {}", field.name,
                              counted(field.count, "example"), field.source, examples);
            continue;
        }
        if (field.own_order) continue;
        const int64_t count = field.count > 0 ? field.count : examples;
        if (first == nullptr) {
            first = &field;
            of_first = count;
        } else if (count != of_first) {
            diagnostics
                .error(DiagnosticKind::kShapeMismatch, field.span, "`{}` has {}, but `{}` has {}",
                       field.name, counted(count, "example"), first->name, of_first)
                .note(first->span, fmt::format("`{}` is here", first->name))
                .help(
                    "the fields of one data set describe the same examples in the same order; "
                    "with `order: own` a field is a set of its own");
        }
    }
}

/// Reads `test`, whose fields must be those of `data`: a network that was trained on one is
/// evaluated on the other. A field of `test` is read with the one of `data` beside it, since most
/// of what it does not say (range, shape, size, columns of a table) is taken from there.
class TestReader {
  public:
    TestReader(const Entry& test, const Node& data, ModelSpec& model, Diagnostics& diagnostics)
        : test_(test), data_(data), model_(model), diagnostics_(diagnostics) {}

    /// Reads `test`. With `compare` the fields of `data` have no errors, so shapes can be compared
    /// with theirs.
    void read(bool compare) {
        for (const Entry& entry : test_.value->entries) read_field(entry, compare);
        for (const DataField& field : model_.data)
            if (!test_.value->find(field.name) && !meant_.count(field.name))
                diagnostics_
                    .error(DiagnosticKind::kMissingKey, test_.key_span, "`test` has no field `{}`",
                           field.name)
                    .note(field.span, "`data` has it here");
        resolve_labels(model_.test, *test_.value, diagnostics_);
        for (DataField& field : model_.test) {
            check_classes(field);
            field.own_order = find_field(model_.data, field.name)->own_order;
        }
        check_counts(model_.test, true, diagnostics_);
    }

  private:
    /// Labels number the sub-folders in order, so with other sub-folders the same number would mean
    /// another class.
    void check_classes(const DataField& field) {
        const DataField& train = *find_field(model_.data, field.name);
        const bool labels = field.shape.empty() && train.shape.empty() && train.classes > 0;
        if (labels && field.classes > train.classes)
            diagnostics_
                .error(DiagnosticKind::kBadValue, field.span,
                       "the test field `{}` has {} classes, the field itself {}", field.name,
                       field.classes, train.classes)
                .note(train.span, "the field is here")
                .help(fmt::format("`classes: {}` in the field itself has room for all of them",
                                  field.classes));
        if (field.class_names == train.class_names || field.class_names.empty() ||
            train.class_names.empty())
            return;
        diagnostics_
            .error(DiagnosticKind::kBadValue, field.span,
                   "the test field `{}` has other classes than the field itself: {}, not {}",
                   field.name, fmt::join(field.class_names, ", "),
                   fmt::join(train.class_names, ", "))
            .note(train.span, "the field is here");
    }

    void read_field(const Entry& entry, bool compare) {
        const DataField* train = find_field(model_.data, entry.key);
        if (!train) {
            const std::vector<std::string> known = names_of(model_.data);
            report_unknown(DiagnosticKind::kUnknownName, entry.key_span,
                           fmt::format("`test` has the field `{}`, `data` has not", entry.key),
                           entry.key, known, diagnostics_);
            meant_.insert(nearest_name(entry.key, known));
            return;
        }
        const size_t errors = diagnostics_.count();
        DataField field =
            read_data_field(entry, {train, data_.find(entry.key)->value.get()}, diagnostics_);
        if (compare && diagnostics_.count() == errors && field.shape != train->shape)
            diagnostics_
                .error(DiagnosticKind::kShapeMismatch, entry.key_span,
                       "the test field `{}` is [{}], the field itself [{}]", entry.key,
                       fmt::join(field.shape, ", "), fmt::join(train->shape, ", "))
                .note(train->span, "the field is here");
        model_.test.push_back(std::move(field));
    }

    const Entry& test_;
    const Node& data_;
    ModelSpec& model_;
    Diagnostics& diagnostics_;
    /// Fields that a misspelt one probably stands for; they are not reported as missing.
    std::set<std::string> meant_;
};

}  // namespace

/// First all fields of `data`, then labels that belong to another field (which may stand further
/// below), then `test`. Shapes are compared only if `data` had no error, since a field that failed
/// has no shape.
void read_data(const Entry& data, ModelSpec& model, Diagnostics& diagnostics) {
    if (!expect_map(*data.value, "`data`", data.key_span, diagnostics,
                    "the data are fields with names: `image: {folder: pictures, size: 64}`"))
        return;
    const size_t errors = diagnostics.count();
    const Entry* test = data.value->find("test");
    for (const Entry& entry : data.value->entries) {
        if (&entry == test ||
            !check_name(entry.key, "a field of the data", entry.key_span, diagnostics))
            continue;
        model.data.push_back(read_data_field(entry, {}, diagnostics));
    }
    if (model.data.empty())
        diagnostics.error(DiagnosticKind::kBadValue, data.key_span, "`data` has no fields");
    resolve_labels(model.data, *data.value, diagnostics);
    check_counts(model.data, false, diagnostics);
    if (!model.data.empty() && std::all_of(model.data.begin(), model.data.end(),
                                           [](const DataField& f) { return f.own_order; }))
        diagnostics
            .error(DiagnosticKind::kBadValue, model.data.front().span,
                   "every field has `order: own`, so that nothing says what an epoch is")
            .help("leave it out of the field whose passes are to be counted");
    if (test && expect_map(*test->value, "`test`", test->key_span, diagnostics))
        TestReader(*test, *data.value, model, diagnostics).read(diagnostics.count() == errors);
}

}  // namespace gmc::dsl

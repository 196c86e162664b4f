// `data:` with its `test:`: the fields of an example, each with itself (data_field.cpp) and with the
// others.
#include <algorithm>
#include <set>

#include "compiler/support/edit_distance.h"
#include "dsl/data_field.h"
#include "dsl/reader.h"

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

/// Gives every field of `labels_of` the classes of the field whose labels it holds.
void resolve_labels(std::vector<DataField>& fields, const Node& section, Diagnostics& diagnostics) {
    for (DataField& field : fields) {
        if (field.format != "labels" || field.source.empty()) continue;
        const Span where = section.find(field.name)->value->find("labels_of")->value->span;
        const DataField* of = find_field(fields, field.source);
        if (!of || of == &field) {
            std::vector<std::string> known = names_of(fields);
            std::erase(known, field.name);
            report_unknown(DiagnosticKind::kUnknownName, where,
                           fmt::format("`labels_of` is a field beside it, not `{}`", field.source),
                           field.source, known, diagnostics);
            continue;
        }
        field.classes = of->classes;
        if (of->format == "synthetic" && of->classes > 0) continue;
        if (of->format.empty() || of->source.empty()) continue;  // its mistake was reported
        diagnostics
            .error(DiagnosticKind::kBadValue, where, "`{}` has no labels: `{}` gives none",
                   of->name, of->format == "synthetic" ? of->source : of->format)
            .note(of->span, "the field is here");
    }
}

class TestReader {
  public:
    TestReader(const Entry& test, const Node& data, ModelSpec& model, Diagnostics& diagnostics)
        : test_(test), data_(data), model_(model), diagnostics_(diagnostics) {}

    /// `compare`: the fields of `data` are as meant, so that their shapes count.
    void read(bool compare) {
        for (const Entry& entry : test_.value->entries) read_field(entry, compare);
        for (const DataField& field : model_.data)
            if (!test_.value->find(field.name) && !meant_.count(field.name))
                diagnostics_
                    .error(DiagnosticKind::kMissingKey, test_.key_span, "`test` has no field `{}`",
                           field.name)
                    .note(field.span, "`data` has it here");
        resolve_labels(model_.test, *test_.value, diagnostics_);
    }

  private:
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
    std::set<std::string> meant_;  ///< fields that a misspelt one stands for: they are not missing
};

}  // namespace

void read_data(const Entry& data, ModelSpec& model, Diagnostics& diagnostics) {
    if (!expect_map(*data.value, "`data`", data.key_span, diagnostics)) return;
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
    if (test && expect_map(*test->value, "`test`", test->key_span, diagnostics))
        TestReader(*test, *data.value, model, diagnostics).read(diagnostics.count() == errors);
}

}  // namespace gmc::dsl

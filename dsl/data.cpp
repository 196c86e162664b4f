// `data:`: the fields of an example and where they come from.
#include <algorithm>
#include <set>

#include "compiler/support/edit_distance.h"
#include "dsl/idx_header.h"
#include "dsl/reader.h"
#include "dsl/scalar.h"

namespace gmc::dsl {
namespace {

/// Fills `shape` from the idx file unless it was given.
void read_idx(const Values& values, const Entry& entry, DataField& field,
              Diagnostics& diagnostics) {
    field.format = "idx";
    field.source = values.text("idx");
    if (!field.shape.empty() || field.source.empty()) return;
    IdxHeader header = read_idx_header(field.source);
    if (!header.problem.empty()) {
        Diagnostic& error = diagnostics.error(DiagnosticKind::kBadFile, values.spans.at("idx"),
                                              "`{}` {}", field.source, header.problem);
        error.help(fmt::format("with `shape:` in `{}`, the file is not needed before training",
                               entry.key));
        return;
    }
    field.shape = std::move(header.shape);
}

/// `synthetic: shapes` or `synthetic: {set: shapes, size: 28, channels: 1}`.
void read_synthetic(const Entry& source, DataField& field, Diagnostics& diagnostics) {
    field.format = "synthetic";
    Node map;
    map.kind = Node::Kind::kMap;
    map.span = source.value->span;
    if (source.value->is_scalar()) map.entries.push_back({"set", source.key_span, source.value});
    const Node& keys = source.value->is_scalar() ? map : *source.value;
    const Values values =
        read_values(keys, mapping("synthetic").keys, "`synthetic`", source.key_span, diagnostics);
    if (!values.ok) return;
    field.source = values.text("set");
    const int64_t size = values.integer("size"),
                  channels = parse_integer(values.text("channels")).value_or(1);
    const std::vector<int64_t> shape = {size, size, channels};
    if (!field.shape.empty() && field.shape != shape)
        diagnostics.error(DiagnosticKind::kShapeMismatch, source.value->span,
                          "`{}` makes [{}], not [{}] as `shape` says", field.source,
                          fmt::join(shape, ", "), fmt::join(field.shape, ", "));
    field.shape = shape;
}

void read_range(const Entry& range, DataField& field, Diagnostics& diagnostics) {
    const Node& node = *range.value;
    const auto number = [&](size_t i) {
        return node.items[i]->is_scalar() && !node.items[i]->quoted
                   ? parse_number(node.items[i]->text)
                   : std::nullopt;
    };
    if (!node.is_list() || node.items.size() != 2 || !number(0) || !number(1)) {
        for (const NodePtr& item : node.items)
            if (item->failed) return;
        if (node.failed) return;
        diagnostics.error(DiagnosticKind::kWrongType, node.is_null() ? range.key_span : node.span,
                          "`range` is a list of two numbers such as [-1, 1]");
        return;
    }
    field.range_low = *number(0);
    field.range_high = *number(1);
    if (field.range_low < field.range_high) return;
    diagnostics.error(DiagnosticKind::kBadValue, node.span,
                      "`range` goes from {} to {}, the first has to be smaller", field.range_low,
                      field.range_high);
}

/// `train` is the field that a field of `test` belongs to with its node, both null for a field of
/// `data` itself.
DataField read_field(const Entry& entry, const DataField* train, const Node* train_node,
                     Diagnostics& diagnostics) {
    DataField field;
    field.name = entry.key;
    field.span = entry.key_span;
    const size_t errors = diagnostics.count();
    const std::string what = fmt::format("the {}field `{}`", train ? "test " : "", entry.key);
    const Values values =
        read_values(*entry.value, mapping("data field").keys, what, entry.key_span, diagnostics);
    const Entry* idx = entry.value->find("idx");
    const Entry* synthetic = entry.value->find("synthetic");
    field.shape = values.integers("shape");
    field.count = values.integer("count");
    if (train) {
        field.range_low = train->range_low;
        field.range_high = train->range_high;
    }
    if (const Entry* range = entry.value->find("range"); range && !range->value->is_null())
        read_range(*range, field, diagnostics);
    // With the shape given for the field, neither file is needed at compile time.
    const Entry* given = train_node ? train_node->find("shape") : nullptr;
    if (given && field.shape.empty()) field.shape = train->shape;
    if (idx && synthetic)
        diagnostics
            .error(DiagnosticKind::kBadValue, synthetic->key_span,
                   "{} has two sources, `idx` and `synthetic`", what)
            .note(idx->key_span, "the other one is here");
    else if (idx && values.spans.count("idx"))
        read_idx(values, entry, field, diagnostics);
    else if (synthetic && !synthetic->value->is_null())
        read_synthetic(*synthetic, field, diagnostics);
    else if (diagnostics.count() == errors)
        diagnostics.error(DiagnosticKind::kMissingKey, entry.key_span,
                          "{} has no source: give `idx: path` or `synthetic: shapes`", what);
    return field;
}

void read_test(const Entry& test, const Node& data, ModelSpec& model, Diagnostics& diagnostics) {
    if (!expect_map(*test.value, "`test`", test.key_span, diagnostics)) return;
    std::vector<std::string> known;
    for (const DataField& field : model.data) known.push_back(field.name);
    std::set<std::string> meant;  // fields that a misspelt one stands for: they are not missing
    for (const Entry& entry : test.value->entries) {
        const auto train =
            std::find_if(model.data.begin(), model.data.end(),
                         [&](const DataField& field) { return field.name == entry.key; });
        if (train == model.data.end()) {
            report_unknown(DiagnosticKind::kUnknownName, entry.key_span,
                           fmt::format("`test` has the field `{}`, `data` has not", entry.key),
                           entry.key, known, diagnostics);
            meant.insert(nearest_name(entry.key, known));
            continue;
        }
        DataField field =
            read_field(entry, &*train, data.find(entry.key)->value.get(), diagnostics);
        if (!field.shape.empty() && !train->shape.empty() && field.shape != train->shape)
            diagnostics
                .error(DiagnosticKind::kShapeMismatch, entry.key_span,
                       "the test field `{}` is [{}], the field itself [{}]", entry.key,
                       fmt::join(field.shape, ", "), fmt::join(train->shape, ", "))
                .note(train->span, "the field is here");
        model.test.push_back(std::move(field));
    }
    for (const DataField& field : model.data)
        if (!test.value->find(field.name) && !meant.count(field.name))
            diagnostics
                .error(DiagnosticKind::kMissingKey, test.key_span, "`test` has no field `{}`",
                       field.name)
                .note(field.span, "`data` has it here");
}

}  // namespace

void read_data(const Entry& data, ModelSpec& model, Diagnostics& diagnostics) {
    if (!expect_map(*data.value, "`data`", data.key_span, diagnostics)) return;
    const Entry* test = data.value->find("test");
    for (const Entry& entry : data.value->entries) {
        if (&entry == test ||
            !check_name(entry.key, "a field of the data", entry.key_span, diagnostics))
            continue;
        model.data.push_back(read_field(entry, nullptr, nullptr, diagnostics));
    }
    if (model.data.empty())
        diagnostics.error(DiagnosticKind::kBadValue, data.key_span, "`data` has no fields");
    if (test) read_test(*test, *data.value, model, diagnostics);
}

}  // namespace gmc::dsl

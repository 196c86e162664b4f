// The sources of a field, one function each, and the keys that all of them share.
#include "dsl/data_field.h"

#include <algorithm>
#include <array>

#include "dsl/data_header.h"
#include "dsl/scalar.h"
#include "dsl/values.h"

namespace gmc::dsl {
namespace {

/// The synthetic sets of points and how many kinds of points each has.
struct PointSet {
    const char* name;
    int64_t classes;
};
constexpr std::array kPointSets = {PointSet{"ring", 8}, PointSet{"grid", 25},
                                   PointSet{"swiss_roll", 0}};

class FieldReader {
  public:
    FieldReader(const Entry& entry, const TrainField& train, Diagnostics& diagnostics)
        : entry_(entry), train_(train), diagnostics_(diagnostics),
          what_(fmt::format("the {}field `{}`", train.field ? "test " : "", entry.key)) {}

    DataField read();

  private:
    void inherit();
    void read_source(bool needed);
    void read_file();
    void read_synthetic(const Entry& source);
    void read_shapes(const Values& values, const Entry& source);
    void read_points(const PointSet& set, const Node& keys, const Entry& source);
    void read_labels_of();
    void read_range(const Node& node, Span key);
    void refuse(const Node& map, const char* key, const std::string& reason);

    const Entry& entry_;
    const TrainField& train_;
    Diagnostics& diagnostics_;
    const std::string what_;
    Values values_;
    DataField field_;
    bool shape_given_ = false;
};

DataHeader read_header(const DataField& field) { return read_idx_header(field.source); }

/// Reports `key` where it is written although it means nothing.
void FieldReader::refuse(const Node& map, const char* key, const std::string& reason) {
    if (const Entry* found = map.find(key))
        diagnostics_.error(DiagnosticKind::kBadValue, found->key_span,
                           "`{}` does not apply to {}: {}", key, what_, reason);
}

/// A file of examples: the shape and the classes from its header, unless the model gives a shape.
void FieldReader::read_file() {
    field_.source = values_.text(field_.format);
    if (shape_given_ || field_.source.empty()) return;
    DataHeader header = read_header(field_);
    if (!header.problem.empty()) {
        Diagnostic& error =
            diagnostics_.error(DiagnosticKind::kBadFile, values_.spans.at(field_.format),
                               "`{}` {}", field_.source, header.problem);
        error.help(fmt::format("with `shape:` in `{}`, the file is not needed before training",
                               entry_.key));
        return;
    }
    field_.shape = std::move(header.shape);
    if (field_.classes == 0 && !field_.range_given) field_.classes = header.classes;
}

void FieldReader::read_shapes(const Values& values, const Entry& source) {
    const int64_t size = values.integer("size"),
                  channels = parse_integer(values.text("channels")).value_or(1);
    const std::vector<int64_t> shape = {size, size, channels};
    if (shape_given_ && field_.shape != shape)
        diagnostics_.error(DiagnosticKind::kShapeMismatch, source.value->span,
                           "`{}` makes [{}], not [{}] as `shape` says", field_.source,
                           fmt::join(shape, ", "), fmt::join(field_.shape, ", "));
    field_.shape = shape;
    field_.classes = values.integer("classes");
}

void FieldReader::read_points(const PointSet& set, const Node& keys, const Entry& source) {
    const std::string reason = fmt::format("`{}` makes points of the plane", set.name);
    for (const char* key : {"size", "channels", "classes"}) refuse(keys, key, reason);
    refuse(*entry_.value, "range", reason + ", which are not scaled");
    if (shape_given_ && field_.shape != std::vector<int64_t>{2})
        diagnostics_.error(DiagnosticKind::kShapeMismatch, source.value->span,
                           "`{}` makes [2], not [{}] as `shape` says", set.name,
                           fmt::join(field_.shape, ", "));
    field_.shape = {2};
    field_.classes = set.classes;
}

/// `synthetic: shapes` or `synthetic: {set: shapes, size: 28, channels: 1}`.
void FieldReader::read_synthetic(const Entry& source) {
    Node map;
    map.kind = Node::Kind::kMap;
    map.span = source.value->span;
    if (source.value->is_scalar()) map.entries.push_back({"set", source.key_span, source.value});
    const Node& keys = source.value->is_scalar() ? map : *source.value;
    const Values values =
        read_values(keys, mapping("synthetic").keys, "`synthetic`", source.key_span, diagnostics_);
    if (!values.ok) return;
    field_.source = values.text("set");
    refuse(*entry_.value, "classes", "`synthetic: {classes: ...}` has them");
    const auto points = std::find_if(kPointSets.begin(), kPointSets.end(), [&](const PointSet& s) {
        return s.name == field_.source;
    });
    if (points == kPointSets.end())
        read_shapes(values, source);
    else
        read_points(*points, keys, source);
}

void FieldReader::read_labels_of() {
    field_.format = "labels";
    field_.source = values_.text("labels_of");
    field_.shape = {};
    for (const char* key : {"range", "shape", "classes", "count"})
        refuse(*entry_.value, key, fmt::format("all is as in `{}`", field_.source));
}

void FieldReader::read_range(const Node& node, Span key) {
    const auto number = [&](size_t i) {
        return node.items[i]->is_scalar() && !node.items[i]->quoted
                   ? parse_number(node.items[i]->text)
                   : std::nullopt;
    };
    if (!node.is_list() || node.items.size() != 2 || !number(0) || !number(1)) {
        for (const NodePtr& item : node.items)
            if (item->failed) return;
        if (node.failed) return;
        diagnostics_.error(DiagnosticKind::kWrongType, node.is_null() ? key : node.span,
                           "`range` is a list of two numbers such as [-1, 1]");
        return;
    }
    field_.range_low = *number(0);
    field_.range_high = *number(1);
    field_.range_given = true;
    if (field_.range_low < field_.range_high) return;
    diagnostics_.error(DiagnosticKind::kBadValue, node.span,
                       "`range` goes from {} to {}, the first has to be smaller", field_.range_low,
                       field_.range_high);
}

/// What a field of `test` need not say again.
void FieldReader::inherit() {
    if (!train_.field) return;
    field_.range_low = train_.field->range_low;
    field_.range_high = train_.field->range_high;
    field_.range_given = train_.field->range_given;
    if (field_.classes == 0 && train_.field->shape.empty()) field_.classes = train_.field->classes;
    // With the shape given for the field, neither file is needed at compile time.
    if (shape_given_ || !train_.node->find("shape")) return;
    field_.shape = train_.field->shape;
    shape_given_ = true;
}

void FieldReader::read_source(bool needed) {
    std::vector<const Entry*> sources;
    std::vector<std::string> known;
    for (const KeyRow& row : mapping("data field").keys) {
        if (std::string_view(row.group) != "source") continue;
        known.push_back(row.key);
        if (const Entry* source = entry_.value->find(row.key)) sources.push_back(source);
    }
    if (sources.empty()) {
        if (!needed) return;
        diagnostics_
            .error(DiagnosticKind::kMissingKey, entry_.key_span,
                   "{} has no source: give `idx: path` or `synthetic: shapes`", what_)
            .help("sources are " + quoted_list(known));
        return;
    }
    if (sources.size() > 1) {
        diagnostics_
            .error(DiagnosticKind::kBadValue, sources[1]->key_span,
                   "{} has two sources, `{}` and `{}`", what_, sources[0]->key, sources[1]->key)
            .note(sources[0]->key_span, "the other one is here");
        return;
    }
    const Entry& source = *sources[0];
    field_.format = source.key;
    if (source.key == "synthetic") {
        if (!source.value->is_null()) read_synthetic(source);
    } else if (values_.spans.count(source.key)) {
        source.key == "labels_of" ? read_labels_of() : read_file();
    }
}

DataField FieldReader::read() {
    field_.name = entry_.key;
    field_.span = entry_.key_span;
    const size_t errors = diagnostics_.count();
    values_ = read_values(*entry_.value, mapping("data field").keys, what_, entry_.key_span,
                          diagnostics_);
    field_.shape = values_.integers("shape");
    shape_given_ = entry_.value->find("shape") != nullptr;
    field_.classes = values_.integer("classes");
    field_.count = values_.integer("count");
    inherit();
    if (const Entry* range = entry_.value->find("range"); range && !range->value->is_null())
        read_range(*range->value, range->key_span);
    // A misspelt source is one error, not two.
    read_source(diagnostics_.count() == errors);
    return std::move(field_);
}

}  // namespace

DataField read_data_field(const Entry& entry, const TrainField& train, Diagnostics& diagnostics) {
    return FieldReader(entry, train, diagnostics).read();
}

}  // namespace gmc::dsl

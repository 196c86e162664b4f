// All discrete operations are made of `iota`, `equal` and products, because the IR has no gather or
// scatter.
#include "dsl/lower/discrete.h"

#include <fmt/format.h>

#include <algorithm>

#include "dsl/model_view.h"

namespace gmc::lower {

using ir::Shape;
using ir::ValueId;

/// labels spread along a new axis, compared with 0, 1, 2, ... along it.
ValueId one_hot(ir::Builder& b, ValueId labels, int64_t classes) {
    Shape shape = b.shape(labels);
    const std::vector<int64_t> dims = ir::all_axes(static_cast<int64_t>(shape.size()));
    shape.push_back(classes);
    const ValueId spread =
        b.emit_typed(ir::Broadcast{dims}, {labels}, {b.type(labels).dtype, shape});
    const ValueId position = b.emit_typed(ir::Iota{1, classes}, {}, ir::f32(shape));
    return b.emit(ir::Equal{}, {spread, position});
}

/// For [3, 7, 7, 1]: wins = [0, 1, 1, 0], counted from the end = [4, 3, 2, 1], their product = [0,
/// 3, 2, 0], its largest number 3, and 4 - 3 = 1 is the position.
ValueId argmax(ir::Builder& b, ValueId x) {
    const Shape shape = b.shape(x);
    const int64_t last = static_cast<int64_t>(shape.size()) - 1, count = shape.back();
    const ValueId largest = b.emit(ir::ReduceMax{{last}}, {x});
    const ValueId wins = b.emit(ir::Equal{}, {x, b.broadcast(largest, ir::all_axes(last), shape)});
    // The first of equal maxima has the largest value of count - position. The result is 0 where no
    // number equals the maximum, as with NaN.
    const ValueId position = b.emit_typed(ir::Iota{1, count}, {}, ir::f32(shape));
    const ValueId from_end = b.sub(b.constant(static_cast<double>(count), shape), position);
    const ValueId best = b.emit(ir::ReduceMax{{last}}, {b.mul(wins, from_end)});
    return b.sub(b.constant(static_cast<double>(count), b.shape(best)), best);
}

ValueId rows_of(ir::Builder& b, ValueId labels, ValueId table) {
    Shape shape = b.shape(labels);
    const int64_t classes = b.shape(table)[0], count = b.type(labels).elements();
    const ValueId codes = b.reshape(one_hot(b, labels, classes), {count, classes});
    shape.push_back(b.shape(table)[1]);
    return b.reshape(b.emit(ir::Matmul{}, {codes, table}), shape);
}

namespace {

/// Whether each number of the field's examples may be a label: single numbers, and arrays and
/// tables of numbers that are read as they are stored.
bool can_be_labels(const dsl::DataField& field) {
    if (field.shape.empty()) return true;
    if (field.format == "csv") return true;  // check_not_scaled
    const bool array = field.format == "idx" || field.format == "npy" || field.format == "npz";
    const bool as_stored = !field.range_given || (field.range_low == 0 && field.range_high == 255);
    return array && (field.classes > 0 || as_stored);
}

/// Reports columns that are scaled, of which none is the number of a class.
bool check_not_scaled(FunctionScope& f, const dsl::DataField& field, const std::string& what,
                      Span where) {
    if (!dsl::has_scaled_columns(field)) return true;
    if (!f.m.reported_once(field.span, "scaled columns")) return false;
    f.m.diagnostics
        .error(DiagnosticKind::kRangeMismatch, where,
               "`{}` takes labels, whole numbers from 0, but the columns of `{}` are amounts", what,
               field.name)
        .note(field.span, "the table is here")
        .help(fmt::format("`classes: 100` in `data.{}` says that each number of a row is one of "
                          "so many labels",
                          field.name));
    return false;
}

}  // namespace

/// Both sides may know the number: a layer by its key, the data by `classes`. With both, the layer
/// may have more than the data; with fewer, some labels would have no row. Only the data: that
/// number counts. Only the layer: its number counts, and is kept for the reader of the data.
int64_t class_count(FunctionScope& f, ValueId labels, int64_t wanted, const std::string& what,
                    Span where) {
    const auto found = f.fields.find(labels);
    const dsl::DataField* source = found != f.fields.end() ? found->second : nullptr;
    if (source != nullptr && !check_not_scaled(f, *source, what, where)) return 0;
    const dsl::DataField* field = source != nullptr && can_be_labels(*source) ? source : nullptr;
    if (wanted == 0) {
        if (field != nullptr && field->classes > 0) return field->classes;
        // Every use of the labels lacks the same number.
        if (source != nullptr && !f.m.reported_once(source->span, "no number of classes")) return 0;
        Diagnostic& d = f.m.diagnostics.error(
            DiagnosticKind::kShapeMismatch, where, "the number of classes of `{}` is missing{}",
            what, field == nullptr ? ": only a field of the data brings it along" : "");
        if (source == nullptr) {
            for (const dsl::DataField& other : f.m.spec.data)
                if (other.shape.empty() && other.classes > 0)
                    d.help(
                        fmt::format("labels come in as an input `{}: data.{}`; another number "
                                    "is the key `classes`",
                                    other.name, other.name));
            return 0;
        }
        d.note(source->span,
               fmt::format("`data.{}` has no `classes`{}{}", source->name,
                           source->no_classes.empty() ? "" : ": ", source->no_classes));
        if (source->shape.size() == 1 && source->shape[0] > 1 && field != nullptr)
            d.help(
                fmt::format("where each number is a label, as in a text, say how many there "
                            "are: `shape: [{}], classes: 100`",
                            source->shape[0]));
        else if (source->shape.empty() || source->shape == ir::Shape{1})
            d.help(fmt::format("say how many there are: `classes: 10` in `data.{}`", source->name));
        return 0;
    }
    if (field == nullptr) return wanted;
    if (field->classes > wanted) {
        f.m.diagnostics
            .error(DiagnosticKind::kShapeMismatch, where,
                   "`{}` is for labels of {} classes, but `data.{}` has {}", what, wanted,
                   field->name, field->classes)
            .note(field->span, "the labels are here");
        return 0;
    }
    const auto [known, added] = f.m.label_classes.insert({field->name, wanted});
    if (!added) known->second = std::min(known->second, wanted);
    return wanted;
}

}  // namespace gmc::lower

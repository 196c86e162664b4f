// Reads the sources of a field, one function each, and the keys that all of them share.
#include "dsl/data/data_field.h"

#include <algorithm>
#include <array>

#include "compiler/support/paths.h"
#include "dsl/data/class_names.h"
#include "dsl/data/data_paths.h"
#include "dsl/text/scalar.h"
#include "dsl/values.h"
#include "runtime/files/label_count.h"

namespace gmc::dsl {
namespace {

/// The synthetic sets of points, and the number of kinds of points in each.
struct PointSet {
    const char* name;
    int64_t classes;
};
/// 8 places on a circle, 25 in a 5 x 5 grid; a roll is one piece. `shapes` is not here: it makes
/// pictures, whose size and classes the model chooses.
constexpr std::array kPointSets = {PointSet{"ring", 8}, PointSet{"grid", 25},
                                   PointSet{"swiss_roll", 0}};

/// Reads one field. `read` takes the plain keys, then what a field of `test` inherits, then the
/// source, which is one of idx, npy, npz, folder, csv, wav, synthetic and labels_of. Each source
/// refuses keys that have no meaning for it: a key without effect would be a silent
/// misunderstanding.
class FieldReader {
  public:
    FieldReader(const Entry& entry, const TrainField& train, Diagnostics& diagnostics)
        : entry_(entry),
          train_(train),
          diagnostics_(diagnostics),
          what_(fmt::format("the {}field `{}`", train.field ? "test " : "", entry.key)) {}

    DataField read();

  private:
    static bool is_made(const DataField& field);
    void inherit();
    void read_source(bool needed);
    void read_file();
    void read_labels(runtime::ArrayFile& file);
    void check_labels(runtime::ArrayFile& file);
    void warn_of_channels_first(const runtime::ArrayHeader& header);
    void check_header(const runtime::ArrayHeader& header, bool label);
    void report_file(const Diagnostics& found);
    void read_synthetic(const Entry& source);
    void read_shapes(const Values& values, const Entry& source);
    void read_points(const PointSet& set, const Node& keys, const Entry& source);
    void read_folder();
    void report_no_size(const char* key);
    void read_ground(int64_t channels, bool like_train);
    void read_labels_of();
    void check_belonging(const std::string& source);
    void refuse(const Node& map, const char* key, const std::string& reason);

    const Entry& entry_;
    const TrainField& train_;
    Diagnostics& diagnostics_;
    const std::string what_;
    Values values_;
    DataField field_;
    /// by `shape:` here or in the field of `data`: files are not needed before training
    bool shape_given_ = false;
};

/// Reports `key` when it is written although it has no meaning here.
void FieldReader::refuse(const Node& map, const char* key, const std::string& reason) {
    if (const Entry* found = map.find(key))
        diagnostics_.error(DiagnosticKind::kBadValue, found->key_span,
                           "`{}` does not apply to {}: {}", key, what_, reason);
}

/// Reports the errors of the reader of files, at the place where the model names the file.
void FieldReader::report_file(const Diagnostics& found) {
    Diagnostic error = found.list().front();
    error.span = values_.spans.at(field_.format);
    for (const std::string& hint : where_looked(field_.source)) error.help(hint);
    if (!is_there(field_.source))
        error.help(
            fmt::format("with `shape:` in `{}`, or `classes:` for labels, the file is not needed "
                        "before training",
                        entry_.key));
    diagnostics_.add(std::move(error));
}

/// Single integers are labels: counts their classes.
void FieldReader::read_labels(runtime::ArrayFile& file) {
    const std::string path = file.header().path;
    Diagnostics found;
    const Result<runtime::LabelCount> labels = runtime::count_labels(file, field_.count, found);
    if (!labels) return report_file(found);
    const Span span = values_.spans.at(field_.format);
    field_.classes = labels->classes();
    if (field_.classes > 0) {
        // Examples behind the first `count` may have more classes. When those cannot be read, that
        // is no error here: the model does not use them.
        const auto rest = runtime::count_labels(file, 0, found);
        const int64_t all = rest ? std::max(rest->classes(), field_.classes) : field_.classes;
        runtime::warn_of_missing(*labels, all, fmt::format("`{}`", path), field_.count > 0, span,
                                 diagnostics_);
        return;
    }
    field_.no_classes = fmt::format("`{}` {}", path, labels->problem());
    diagnostics_
        .warning(DiagnosticKind::kBadValue, span, "{}, so its classes cannot be counted",
                 field_.no_classes)
        .help(
            "labels are 0 to n - 1: save `np.unique(y, return_inverse=True)[1]`; numbers that are "
            "no labels have a `range:`");
}

/// Whether the labels of a file that is there already are of the `classes` that the model says.
void FieldReader::check_labels(runtime::ArrayFile& file) {
    Diagnostics found;
    const Result<runtime::LabelCount> labels = runtime::count_labels(file, field_.count, found);
    if (!labels) return report_file(found);
    const Span span = values_.spans.at(field_.format);
    if (!labels->problem().empty()) {
        diagnostics_.error(DiagnosticKind::kBadValue, span,
                           "`{}` {}, but the labels of {} classes are 0 to {}", file.header().path,
                           labels->problem(), field_.classes, field_.classes - 1);
        return;
    }
    if (labels->classes() <= field_.classes) return;
    const int64_t highest = labels->classes() - 1;
    Diagnostic& error =
        diagnostics_.error(DiagnosticKind::kBadValue, span,
                           "`{}` holds the label {}, but those of {} classes are 0 to {}",
                           file.header().path, highest, field_.classes, field_.classes - 1);
    if (highest == field_.classes && labels->missing(1).size() == 1)
        error.help("labels count from 0: save `y - 1`");
    else if (!field_.class_names.empty())
        error.help(fmt::format("`class_names` has {} name{}; the file needs {}", field_.classes,
                               field_.classes == 1 ? "" : "s", labels->classes()));
    else
        error.help(fmt::format("`classes: {}` has room for all of them", labels->classes()));
}

/// Compares what the model says (a shape, or that these are labels) with the header of a file that
/// is there already.
void FieldReader::check_header(const runtime::ArrayHeader& header, bool label) {
    const bool failed = !label && field_.shape.empty();  // an error in `shape` was said
    if (failed || header.can_be(label ? std::vector<int64_t>{} : field_.shape)) return;
    Diagnostic& error = diagnostics_.error(
        DiagnosticKind::kShapeMismatch, values_.spans.at(field_.format), "`{}` holds {}, {}",
        header.path, runtime::describe_examples(header.example_shape()),
        label ? "but labels are single numbers"
              : fmt::format("not [{}] as `shape` says", fmt::join(field_.shape, ", ")));
    if (label)
        error.help("of one-hot rows save `y.argmax(1)`")
            .help(fmt::format("where each of them is a label, as in a text, `shape: [{}]` says so",
                              fmt::join(header.example_shape(), ", ")));
    else if (field_.shape.size() > 1 &&
             header.can_be({field_.shape.begin() + 1, field_.shape.end()}))
        error.help(fmt::format("the first axis counts examples and is not written: [{}]",
                               fmt::join(field_.shape.begin() + 1, field_.shape.end(), ", ")));
}

/// Other programs keep channels first, and such arrays would be pictures of few rows with very many
/// channels.
void FieldReader::warn_of_channels_first(const runtime::ArrayHeader& header) {
    if (entry_.value->find("layout") || !header.looks_channels_first()) return;
    const std::vector<uint64_t>& d = header.dimensions;
    diagnostics_
        .warning(DiagnosticKind::kShapeMismatch, values_.spans.at(field_.format),
                 "`{}` is {}, which is read as pictures of {} rows, {} columns and {} channels",
                 header.path, header.describe(), d[1], d[2], d[3])
        .help(
            "`layout: channels_first` reads it as [N, channels, height, width], `layout: "
            "channels_last` says that it is meant");
}

/// Reads a file of examples: shape and classes from its header, unless the model gives a shape.
void FieldReader::read_file() {
    field_.source = with_home(values_.text(field_.format));
    field_.key = values_.text("key");
    field_.channels_first = values_.text("layout") == "channels_first";
    if (train_.field && !entry_.value->find("layout"))
        field_.channels_first = train_.field->channels_first;
    if (field_.shape.size() > 2)
        refuse(*entry_.value, "classes",
               "it has the shape of pictures; labels are single numbers, "
               "or a sequence or map of them in each example");
    // With its number of classes given, nothing has to be looked up for a field of labels. With a
    // shape as well, each number of an example is a label.
    const bool label = field_.classes > 0 && !shape_given_;
    const bool known = shape_given_ || label;
    if (field_.source.empty() || (known && !is_there(field_.source))) return;
    Diagnostics found;
    Result<runtime::ArrayFile> file =
        runtime::ArrayFile::open(field_.format, field_.source, field_.key, found);
    if (!file || (field_.channels_first && !file->take_channels_first(found)))
        return report_file(found);
    const runtime::ArrayHeader& header = file->header();
    warn_of_channels_first(header);
    if (known) {
        check_header(header, label);
        if (label && header.can_be({})) check_labels(*file);
        return;
    }
    field_.shape = header.example_shape();
    if (field_.classes > 0 || field_.range_given) return;
    if (header.dimensions.size() == 2 && header.dimensions[1] > 1)
        field_.no_classes = fmt::format(
            "`{}` has {} numbers per example; of one-hot rows save "
            "`y.argmax(1)`",
            header.path, header.dimensions[1]);
    if (header.dimensions.size() == 1 && header.type->is_integer()) return read_labels(*file);
    if (header.dimensions.size() == 1)
        field_.no_classes = fmt::format("`{}` holds floats ({})", header.path, header.type->name);
    else if (header.can_be({}))
        field_.no_classes = fmt::format("`{}` is a column, [N, 1]", header.path);
}

/// Pictures of shapes are size x size x channels.
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

/// Points are two coordinates. Their range is not fixed: they are made as they are, and not scaled.
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

/// Reads `synthetic: shapes` or `synthetic: {set: shapes, size: 28, channels: 1}`.
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
    const auto points = std::find_if(kPointSets.begin(), kPointSets.end(),
                                     [&](const PointSet& s) { return s.name == field_.source; });
    if (points == kPointSets.end())
        read_shapes(values, source);
    else
        read_points(*points, keys, source);
}

void FieldReader::report_no_size(const char* key) {
    field_.source.clear();  // so that nothing else is looked for in it
    diagnostics_
        .error(DiagnosticKind::kMissingKey, entry_.value->find("folder")->key_span,
               "{} has no `size`, which pictures need: it has `{}`, so it is no field of classes",
               what_, key)
        .help("`size: 64`, or `size: [height, width]`");
}

/// Reads a folder. Without a size the field stands for the classes of the folder, which data.cpp
/// looks up.
void FieldReader::read_folder() {
    field_.source = with_home(values_.text("folder"));
    std::vector<int64_t> size = values_.integers("size");
    const bool like_train =
        train_.field && train_.field->format == "folder" && train_.field->shape.size() == 3;
    if (size.empty() && like_train)
        size.assign(train_.field->shape.begin(), train_.field->shape.begin() + 2);
    refuse(*entry_.value, "shape", "`size` and `channels` say it");
    if (size.empty() && entry_.value->find("size")) return;  // reported
    if (size.empty()) {
        field_.format = "labels";
        if (entry_.value->find("size")) return;  // and what is wrong with it was said
        // Keys of pictures say what the field is meant to be, and are no errors of their own.
        for (const char* key : {"channels", "crop", "flip", "ground", "bad_files", "range"})
            if (entry_.value->find(key)) return report_no_size(key);
        for (const char* key : {"classes", "count"})
            refuse(*entry_.value, key, "it has no `size`, so it is the classes of the folder");
        return;
    }
    refuse(*entry_.value, "classes", "its sub-folders are the classes");
    int64_t channels = parse_integer(values_.text("channels")).value_or(3);
    field_.crop = values_.text("crop") != "none";
    field_.flip = values_.flag("flip");
    if (like_train && !entry_.value->find("channels")) channels = train_.field->shape[2];
    if (like_train && !entry_.value->find("crop")) field_.crop = train_.field->crop;
    field_.shape = {size[0], size[1], channels};
    read_ground(channels, like_train);
    field_.skip_bad = values_.text("bad_files") == "skip";
    if (like_train && !entry_.value->find("bad_files")) field_.skip_bad = train_.field->skip_bad;
}

/// What transparent pictures are laid over: black, grey or white as a byte.
void FieldReader::read_ground(int64_t channels, bool like_train) {
    const Entry* ground = entry_.value->find("ground");
    if (channels == 4) return refuse(*entry_.value, "ground", "`channels: 4` keeps alpha");
    if (!ground && like_train) field_.ground = train_.field->ground;
    if (!ground) return;
    const std::string word = values_.text("ground");
    field_.ground = word == "white" ? 255 : word == "grey" ? 128 : 0;
}

/// Reports keys that belong to other sources.
void FieldReader::check_belonging(const std::string& source) {
    static constexpr std::pair<const char*, const char*> kBelonging[] = {
        {"key", "npz"},     {"size", "folder"},   {"channels", "folder"}, {"crop", "folder"},
        {"flip", "folder"}, {"ground", "folder"}, {"bad_files", "folder"}};
    for (const auto& [key, owner] : kBelonging)
        if (source != owner) refuse(*entry_.value, key, fmt::format("it is a key of `{}`", owner));
    if (source == "idx" || source == "npy" || source == "npz") return;
    refuse(*entry_.value, "class_names", "it is a key of labels in a file");
    refuse(*entry_.value, "layout", "it is a key of `idx`, `npy` and `npz`");
}

void FieldReader::read_labels_of() {
    field_.format = "labels";
    field_.source = values_.text("labels_of");
    field_.shape = {};
    for (const char* key : {"range", "shape", "classes", "count", "order"})
        refuse(*entry_.value, key, fmt::format("all is as in `{}`", field_.source));
}

/// The classes of pictures and points are not those of what stands in the field.
bool FieldReader::is_made(const DataField& field) {
    return field.format == "synthetic" && !field.shape.empty();
}

/// Copies what a field of `test` need not repeat from the field of `data`.
void FieldReader::inherit() {
    if (!train_.field) return;
    field_.range_low = train_.field->range_low;
    field_.range_high = train_.field->range_high;
    field_.range_given = train_.field->range_given;
    if (field_.class_names.empty() && !is_made(*train_.field)) {
        if (field_.classes == 0) field_.classes = train_.field->classes;
        if (field_.classes == train_.field->classes) field_.class_names = train_.field->class_names;
    }
    // With the shape given for the field of `data`, neither file is needed at compile time.
    if (shape_given_ || !train_.node->find("shape")) return;
    field_.shape = train_.field->shape;
    shape_given_ = true;
}

/// Finds the one key whose group in the schema is "source". None and two of them are errors. With
/// `needed` false, other errors were found already, among which may be a misspelt source.
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
    check_belonging(source.key);
    if (source.key == "synthetic") {
        if (!source.value->is_null()) read_synthetic(source);
    } else if (source.key == "csv" || source.key == "wav") {
        refuse(*entry_.value, "shape", fmt::format("`{}` says it", source.key));
        if (source.key == "wav") refuse(*entry_.value, "classes", "sound is no labels");
        if (source.value->is_null()) return;
        (source.key == "csv" ? read_csv : read_wav)(source, train_.field, field_, diagnostics_);
    } else if (values_.spans.count(source.key)) {
        field_.source_span = values_.spans.at(source.key);
        if (source.key == "labels_of")
            read_labels_of();
        else
            source.key == "folder" ? read_folder() : read_file();
    }
}

/// The order matters: inheriting needs to know whether a shape is written, sources need shape,
/// classes and range.
DataField FieldReader::read() {
    field_.name = entry_.key;
    field_.span = entry_.key_span;
    const size_t errors = diagnostics_.count();
    const Node& value = *entry_.value;
    if (value.is_scalar() && !value.is_null()) {
        expect_map(value, what_, entry_.key_span, diagnostics_, source_as_written(value.text));
        return std::move(field_);
    }
    values_ = read_values(*entry_.value, mapping("data field").keys, what_, entry_.key_span,
                          diagnostics_);
    field_.shape = values_.integers("shape");
    shape_given_ = entry_.value->find("shape") != nullptr;
    field_.classes = values_.integer("classes");
    field_.count = values_.integer("count");
    field_.own_order = values_.text("order") == "own";
    if (const Entry* names = entry_.value->find("class_names"))
        read_class_names(*names, field_, diagnostics_);
    inherit();
    const Entry* range = entry_.value->find("range");
    if (range && range->value->is_null()) range = nullptr;
    if (range) read_range(*range, field_, diagnostics_);
    // A misspelt source is one error, not an unknown key and a missing source as well.
    read_source(diagnostics_.count() == errors);
    if (range) check_range_of_rows(*range, field_, diagnostics_);
    return std::move(field_);
}

}  // namespace

DataField read_data_field(const Entry& entry, const TrainField& train, Diagnostics& diagnostics) {
    return FieldReader(entry, train, diagnostics).read();
}

}  // namespace gmc::dsl

// Looks at data without reading them, so that a file that does not fit and a batch that can never
// be filled are told when the model is checked, and not first when it is trained.
#include "tools/gmc/data_heads.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "compiler/support/take_over.h"
#include "compiler/support/wording.h"
#include "runtime/data/files/value_check.h"
#include "runtime/data/pictures/picture_file.h"
#include "runtime/data/pictures/picture_list.h"
#include "runtime/data/sound/sound_field.h"
#include "runtime/data/tables/table_field.h"
#include "runtime/files/array_file.h"

namespace gmc::tools {
namespace {

/// Pictures of a folder that are decoded.
constexpr size_t kPicturesMost = 32;
/// Bytes of sound that are read as a whole; of more, so many windows are.
constexpr uint64_t kSoundMost = uint64_t{16} << 20;
constexpr int64_t kWindowsMost = 64;
/// Labels of sequences that are read: a second's worth.
constexpr uint64_t kLabelsMost = uint64_t{1} << 24;

/// What the source of a field holds; nothing where that cannot be told yet, or was reported. A
/// synthetic set has as many examples as are wanted.
class Head {
  public:
    /// `is_test`: the table of the field is that of the training data.
    Head(const ir::DataField& field, bool is_test, Diagnostics& diagnostics)
        : field_(field), is_test_(is_test), diagnostics_(diagnostics) {}

    std::optional<int64_t> examples() {
        std::error_code error;
        const bool file = field_.format != "synthetic" && field_.format != "labels";
        if (!file || field_.source.empty() || !std::filesystem::exists(field_.source, error))
            return std::nullopt;
        if (field_.format == "csv") return table();
        if (field_.format == "folder") return pictures();
        if (field_.format == "wav") return sound();
        return array();
    }

  private:
    std::optional<int64_t> table() {
        const auto table = runtime::Table::parse(field_.table);
        if (!table) return std::nullopt;
        if (!is_test_) return table->rows;
        const auto rows = runtime::read_table(
            field_.source, {field_.name, *table, field_.count, 0, field_.classes}, diagnostics_);
        return rows.ok() ? std::optional((*rows)->count()) : std::nullopt;
    }

    std::optional<int64_t> pictures() {
        runtime::PictureList list;
        if (!runtime::list_pictures(field_.source, list, diagnostics_)) return std::nullopt;
        const size_t count = list.files.size(), most = std::min(count, kPicturesMost);
        for (size_t i = 0; i < most && !field_.skip_bad; ++i)
            if (!is_good(list.files[i * count / most])) return std::nullopt;
        return static_cast<int64_t>(count);
    }

    bool is_good(const std::string& picture) {
        Diagnostics found;
        if (runtime::read_picture(picture, found).ok()) return true;
        diagnostics_.add(found.list().front())
            .help(
                "`bad_files: skip` leaves out what cannot be read; `gmc check --data` finds all "
                "of it");
        return false;
    }

    std::optional<int64_t> sound() {
        runtime::SoundOptions options{field_.name,     field_.rate, field_.shape[0],
                                      field_.shape[1], field_.hop,  kSoundMost};
        if (field_.range_given)
            options.range = {static_cast<float>(field_.range.low),
                             static_cast<float>(field_.range.high)};
        const auto sound = runtime::read_sound(field_.source, options, diagnostics_);
        if (!sound.ok() || !are_good_windows(**sound)) return std::nullopt;
        return (*sound)->count();
    }

    /// Sound that is not read as a whole: whether windows at equal distances are what they must be.
    bool are_good_windows(const runtime::Field& sound) {
        const int64_t most = sound.in_memory() ? 0 : std::min(sound.count(), kWindowsMost);
        std::vector<float> window(static_cast<size_t>(sound.elements()));
        try {
            for (int64_t i = 0; i < most; ++i) sound.read(i * sound.count() / most, window.data());
        } catch (const runtime::DataError& error) {
            Diagnostic& told =
                diagnostics_.error(DiagnosticKind::kBadValue, {}, "{}", error.what());
            if (!error.help().empty()) told.help(error.help());
            return false;
        }
        return true;
    }

    /// The header was compared with the model when that was read.
    std::optional<int64_t> array() {
        Diagnostics said_before;
        auto file = runtime::ArrayFile::open(field_.format, field_.source, field_.key, said_before);
        if (!file.ok() || file->header().dimensions.empty()) return std::nullopt;
        if (field_.classes > 0 && !field_.shape.empty()) labels(*file);
        return static_cast<int64_t>(file->header().dimensions.front());
    }

    /// Whether each number of each example is a label of the field's classes.
    void labels(runtime::ArrayFile& file) {
        constexpr size_t kPieceValues = 65536;
        const runtime::ArrayHeader& header = file.header();
        const runtime::ValueRules rules{.name = field_.name, .classes = field_.classes};
        const runtime::ValueCheck check(header, rules, field_.shape.size());
        uint64_t left = header.values();
        if (field_.count > 0)
            left = std::min(left, static_cast<uint64_t>(field_.count) * header.example_values());
        left = std::min(left, kLabelsMost);
        std::vector<uint8_t> bytes(kPieceValues * header.type->bytes);
        std::vector<float> values(kPieceValues);
        for (uint64_t done = 0; done < left;) {
            const size_t piece = std::min<uint64_t>(left - done, kPieceValues);
            if (!file.read_values(bytes.data(), piece, diagnostics_)) return;
            header.type->convert(bytes.data(), piece, values.data());
            const auto end = values.begin() + static_cast<std::ptrdiff_t>(piece);
            const auto bad =
                std::find_if(values.begin(), end, [&](float v) { return !check.is_good(v); });
            if (bad != end) {
                const auto at = static_cast<uint64_t>(bad - values.begin());
                diagnostics_.add(check.error(*bad, done + at));
                return;
            }
            done += piece;
        }
    }

    const ir::DataField& field_;
    const bool is_test_;
    Diagnostics& diagnostics_;
};

/// Reports what was found at the field. Where the data are not needed now, errors become warnings,
/// and warnings are left to those who read the data.
void hand_on(const Diagnostics& found, Span place, bool needed, Diagnostics& diagnostics) {
    if (needed) return take_over(found, place, diagnostics);
    Diagnostics milder;
    for (const Diagnostic& error : found.list()) {
        Diagnostic& warning = milder.warning(error.kind, error.span, "{}", error.text);
        warning.helps = error.helps;
        warning.help("the model can be compiled, but not trained with these data");
    }
    take_over(milder, place, diagnostics);
}

/// Where the model says which file or folder it is.
Span place_of(const dsl::DataField& field) {
    return field.source_span.known() ? field.source_span : field.span;
}

/// About as many as are kept apart of `count` by `validate: 0.1`.
int64_t left_to_validate(int64_t count, const ir::Module& module) {
    return std::llround(module.run.validate_share * static_cast<double>(count));
}

/// What is wrong with the number of a field's examples, of which there are `found`, at the `place`
/// of the field or at the value of `validate`; nothing where all is well or unknown.
std::optional<Diagnostic> find_shortage(const ir::DataField& field, std::optional<int64_t> found,
                                        Span place, Span validate, const ir::Module& module) {
    Diagnostic shortage{DiagnosticKind::kBadValue, place, "", {}, {}};
    if (found && field.count > *found) {
        shortage.text = fmt::format("`data.{}` is to use {}, but `{}` has {}", field.name,
                                    counted(field.count, "example"), field.source, *found);
        return shortage;
    }
    const int64_t count = field.count > 0 ? field.count : found.value_or(0);
    const int64_t validates = left_to_validate(count, module), trains = count - validates;
    const int64_t batch = module.training->batch_size;
    if (count > 0 && module.run.validate_share > 0 && validates == 0) {
        shortage.span = validate;
        shortage.text =
            fmt::format("`data.{}` has {}, of which `validate: {}` keeps none", field.name,
                        counted(count, "example"), module.run.validate_share);
        return shortage;
    }
    if (count == 0 || trains >= batch) return std::nullopt;
    shortage.text =
        fmt::format("`data.{}` has {}{} example{}{}, fewer than one batch of {}", field.name,
                    trains < count ? "about " : "", trains, trains == 1 ? "" : "s",
                    trains < count ? " to train on" : "", batch);
    shortage.help(
        fmt::format("`train: {{batch_size: {}}}`, or less", std::max<int64_t>(trains, 1)));
    return shortage;
}

}  // namespace

/// All fields have the same examples, so one report of too few is enough.
void check_heads(const ir::Module& module, const dsl::ModelSpec& spec, bool needed,
                 Diagnostics& diagnostics) {
    bool short_of = false;
    for (size_t i = 0; i < module.data.size(); ++i) {
        const Span place = spec.data[i].span;
        Diagnostics found;
        const auto examples = Head(module.data[i], false, found).examples();
        hand_on(found, place_of(spec.data[i]), needed, diagnostics);
        if (!module.training || short_of || module.data[i].format == "labels") continue;
        const auto shortage =
            find_shortage(module.data[i], examples, place, spec.train.validate_span, module);
        if (!shortage) continue;
        short_of = true;
        if (needed)
            diagnostics.add(*shortage);
        else
            diagnostics.warning(shortage->kind, shortage->span, "{}", shortage->text).helps =
                shortage->helps;
    }
    for (size_t i = 0; i < module.test.size(); ++i) {
        Diagnostics found;
        (void)Head(module.test[i], true, found).examples();
        hand_on(found, place_of(spec.test[i]), needed, diagnostics);
    }
}

}  // namespace gmc::tools

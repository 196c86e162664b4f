// Counts examples without reading them, so that a batch that can never be filled is told when the
// model is compiled, and not first when it is trained.
#include "tools/gmc/data_amounts.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "runtime/data/pictures/picture_list.h"
#include "runtime/data/sound/sound_field.h"
#include "runtime/files/array_file.h"
#include "runtime/files/tables/table.h"

namespace gmc::tools {
namespace {

/// What the source of a field holds; nothing where that cannot be told yet. A synthetic set has as
/// many as are wanted.
std::optional<int64_t> examples_in(const ir::DataField& field) {
    Diagnostics said_later;  // by those who read the data
    if (field.format == "csv") {
        const auto table = runtime::Table::parse(field.table);
        return table ? std::optional(table->rows) : std::nullopt;
    }
    std::error_code error;
    if (field.source.empty() || !std::filesystem::exists(field.source, error)) return std::nullopt;
    if (field.format == "folder") {
        runtime::PictureList list;
        if (!runtime::list_pictures(field.source, list, said_later)) return std::nullopt;
        return static_cast<int64_t>(list.files.size());
    }
    if (field.format == "wav") {
        constexpr uint64_t kKeepNothing = 1;  // of the sound itself
        const auto sound = runtime::read_sound(
            field.source,
            {field.name, field.rate, field.shape[0], field.shape[1], field.hop, kKeepNothing},
            said_later);
        return sound.ok() ? std::optional((*sound)->count()) : std::nullopt;
    }
    if (field.format != "idx" && field.format != "npy" && field.format != "npz")
        return std::nullopt;
    const auto file = runtime::ArrayFile::open(field.format, field.source, field.key, said_later);
    if (!file.ok() || file->header().dimensions.empty()) return std::nullopt;
    return static_cast<int64_t>(file->header().dimensions.front());
}

/// About as many as train, of `count`: `validate: 0.1` keeps some apart.
int64_t left_to_train(int64_t count, const ir::Module& module) {
    return count - std::llround(module.run.validate_share * static_cast<double>(count));
}

/// What is wrong with the number of a field's examples; nothing where all is well or unknown.
std::optional<Diagnostic> find_shortage(const ir::DataField& field, Span place,
                                        const ir::Module& module) {
    Diagnostic shortage{DiagnosticKind::kBadValue, place, "", {}, {}};
    const std::optional<int64_t> found = examples_in(field);
    if (found && field.count > *found) {
        shortage.text = fmt::format("`data.{}` is to use {} examples, but `{}` has {}", field.name,
                                    field.count, field.source, *found);
        return shortage;
    }
    const int64_t count = field.count > 0 ? field.count : found.value_or(0);
    const int64_t trains = left_to_train(count, module), batch = module.training->batch_size;
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

/// All fields have the same examples, so one report is enough.
void check_amounts(const ir::Module& module, const dsl::ModelSpec& spec, bool needed,
                   Diagnostics& diagnostics) {
    if (!module.training) return;
    for (size_t i = 0; i < module.data.size(); ++i) {
        if (module.data[i].format == "labels") continue;
        const auto shortage = find_shortage(module.data[i], spec.data[i].span, module);
        if (!shortage) continue;
        if (needed)
            diagnostics.add(*shortage);
        else
            diagnostics.warning(shortage->kind, shortage->span, "{}", shortage->text).helps =
                shortage->helps;
        return;
    }
}

}  // namespace gmc::tools

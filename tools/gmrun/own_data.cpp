// Reads --data NAME=PATH: finds out how each path is to be read, and makes the model read its
// fields from there.
#include "tools/gmrun/own_data.h"

#include <algorithm>
#include <filesystem>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "runtime/files/zip_entry.h"

namespace gmc::tools {
namespace {

bool is_text_table(const std::string& path) {
    return path.ends_with(".csv") || path.ends_with(".csv.gz") || path.ends_with(".tsv");
}
bool is_sound(const std::string& path) {
    return path.ends_with(".wav") || path.ends_with(".flac") || path.ends_with(".ogg");
}
bool is_numpy(const std::string& path) {
    return path.ends_with(".npy") || path.ends_with(".npy.gz") || path.ends_with(".npz") ||
           path.find(".npz:") != std::string::npos;
}

/// Reports a path of another kind than the field that it is given for. Always false, so that a
/// caller can return it.
bool is_no(const char* kind, const std::string& path, const std::string& what,
           const ir::DataField& field, Diagnostics& diagnostics) {
    diagnostics.error(DiagnosticKind::kWrongType, {}, "`{}` is {}, but `data.{}` holds {}", path,
                      what, field.name, kind);
    return false;
}

/// Whether an .npz without `:KEY` is enough. Other faults of the file are told by its reader.
bool names_one_array(const std::string& path, Diagnostics& diagnostics) {
    Diagnostics found;
    if (runtime::ZipEntry::open(path, "", found)) return true;
    Diagnostic several = found.list().front();
    if (several.kind != DiagnosticKind::kMissingKey) return true;
    several.text = fmt::format("--data: `{}` holds several arrays", path);
    several.help(fmt::format("`{}:KEY` says which", path));
    diagnostics.add(std::move(several));
    return false;
}

/// The declared field with what `path` is: rows are read with the table that the model was trained
/// on, sound with its windows, all else by its ending. Reports what the field cannot be.
bool point_to(const std::string& path, ir::DataField& field, Diagnostics& diagnostics) {
    const std::string declared = field.format;
    field.source = path;
    field.key.clear();
    field.count = 0;
    field.first = 0;
    field.flip = false;
    const size_t colon = path.rfind(".npz:");
    const bool folder = is_folder(path);
    if (folder && declared != "wav") {
        field.format = "folder";
        return field.shape.size() == 3 ||
               is_no("none", path, "a folder, which is read as pictures", field, diagnostics);
    }
    // Synthetic examples and those of folders have classes; those of arrays are numbers only.
    if (!field.shape.empty()) field.classes = 0;
    if (is_text_table(path) && declared != "csv")
        return is_no("no rows of one", path, "a table", field, diagnostics);
    if (is_sound(path) && declared != "wav")
        return is_no("none", path, "sound", field, diagnostics);
    if ((declared == "wav" || declared == "csv") && !is_numpy(path)) return true;
    if (colon != std::string::npos) {
        field.format = "npz";
        field.source = path.substr(0, colon + 4);
        field.key = path.substr(colon + 5);
    } else if (path.ends_with(".npz")) {
        field.format = "npz";
        return names_one_array(path, diagnostics);
    } else {
        field.format = is_numpy(path) ? "npy" : "idx";
    }
    return true;
}

/// The fields that the function takes, each once.
std::vector<const ir::DataField*> fields_of(const ir::Module& module,
                                            const ir::Function& function) {
    std::vector<const ir::DataField*> fields;
    for (const ir::Input& input : function.inputs) {
        if (!input.source.is_data()) continue;
        const ir::DataField* field = ir::find_field(module.data, input.source.field);
        if (std::find(fields.begin(), fields.end(), field) == fields.end()) fields.push_back(field);
    }
    return fields;
}

/// Reads the options --data into `given`: the model's fields, each with its new source. False after
/// an error.
bool read_settings(const CommandLine& line, const ir::Module& module,
                   std::vector<ir::DataField>& given, Diagnostics& diagnostics) {
    std::vector<std::string> names;
    for (const ir::DataField& field : module.data) names.push_back(field.name);
    for (const std::string& setting : line.list("data")) {
        const size_t equals = setting.find('=');
        if (equals == 0 || equals == std::string::npos || equals + 1 == setting.size())
            throw UsageError(fmt::format("--data is NAME=PATH, not `{}`", setting));
        const std::string name = setting.substr(0, equals);
        const ir::DataField* declared = ir::find_field(module.data, name);
        if (declared == nullptr) {
            diagnostics
                .error(DiagnosticKind::kUnknownName, {},
                       "--data: the model has no data field `{}`{}", name, suggestion(name, names))
                .help(fmt::format("its data field{} {}", by_count(names.size(), " is", "s are"),
                                  quoted_names(names)));
            return false;
        }
        given.push_back(*declared);
        if (!point_to(setting.substr(equals + 1), given.back(), diagnostics)) return false;
    }
    return true;
}

}  // namespace

void add_own_data(CommandLine& line) {
    line.add_list("data", "NAME=PATH",
                  "read the data field NAME from here: a folder of pictures, a .npy, an .npz "
                  "(FILE.npz:KEY) or an idx file; a table or sound, where the field is one: with "
                  "the columns, scales and categories of the training data; once for each field "
                  "that is needed");
}

/// Only the fields that `function` takes have to be given; a model's other data may be missing on
/// this machine.
bool use_own_data(const CommandLine& line, runtime::LoadedModel& model, const std::string& function,
                  Diagnostics& diagnostics) {
    if (line.list("data").empty()) return true;
    if (line.has("train-data") && line.flag("train-data"))
        throw UsageError("--data and --train-data both say which examples are read: leave one out");
    const ir::Module& module = model.module();
    std::vector<ir::DataField> given;
    if (!read_settings(line, module, given, diagnostics)) return false;
    const ir::Function* called = module.find_function(function);
    if (called == nullptr) return true;  // reported when it is called
    for (const ir::DataField* field : fields_of(module, *called)) {
        if (ir::find_field(given, field->name) != nullptr) continue;
        // Labels of a folder's sub-folders come with its pictures.
        if (field->format == "labels" && ir::find_field(given, field->source) != nullptr) {
            given.push_back(*field);
            continue;
        }
        diagnostics
            .error(DiagnosticKind::kMissingKey, {},
                   "function `{}` also takes `{}`, and --data does not say where it is", function,
                   field->name)
            .help(fmt::format("--data {}=PATH", field->name));
        return false;
    }
    model.data().read_instead(std::move(given));
    return true;
}

bool reads_training_data(runtime::LoadedModel& model, runtime::DataSplit split) {
    return !model.data().is_replaced() &&
           (split == runtime::DataSplit::kTrain || !model.data().has_test());
}

std::string kept_out(runtime::LoadedModel& model, runtime::DataSplit split) {
    const double share = model.module().run.validate_share;
    if (share == 0 || !reads_training_data(model, split)) return "";
    return fmt::format(", of which `validate` kept a share of {} out of training", share);
}

void say_kept_out(runtime::LoadedModel& model, runtime::DataSplit split) {
    if (const std::string text = kept_out(model, split); !text.empty())
        say("gmrun: these are all examples of the training data{}\n", text);
}

}  // namespace gmc::tools

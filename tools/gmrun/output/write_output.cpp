// Writes what a model makes: as arrays, pictures, tables, sound, or a file per example.
#include "tools/gmrun/output/write_output.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "compiler/ir/artefact.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/tables/csv_reader.h"
#include "runtime/output/npy.h"
#include "runtime/output/npz.h"
#include "runtime/output/png.h"
#include "runtime/run/run_files.h"
#include "runtime/train/picture.h"
#include "runtime/train/write_back.h"
#include "runtime/weights/weight_file.h"

namespace gmc::tools {
namespace {

bool write_arrays(const runtime::Examples& examples, const std::string& path,
                  Diagnostics& diagnostics) {
    std::vector<runtime::NamedArray> arrays{
        {"samples", examples.shape, "<f4", std::as_bytes(std::span(examples.values))}};
    const auto name_of = [](const std::string& field) {
        return field == "samples" || field == "labels" ? field + "_set" : field;
    };
    std::vector<std::vector<int64_t>> labels;
    for (const runtime::LabelClasses& of : examples.asked) {
        std::vector<int64_t>& classes = labels.emplace_back();
        for (int64_t i = 0; i < examples.count(); ++i) classes.push_back(examples.class_of(of, i));
        arrays.push_back({examples.several_labels ? name_of(of.field) : "labels",
                          {examples.count()},
                          "<i8",
                          std::as_bytes(std::span(classes))});
    }
    for (const runtime::Condition& condition : examples.conditions) {
        const auto width = static_cast<int64_t>(condition.values.size()) / examples.count();
        std::vector<int64_t> shape{examples.count()};
        if (width > 1) shape.push_back(width);
        arrays.push_back(
            {name_of(condition.field), shape, "<f4", std::as_bytes(std::span(condition.values))});
    }
    return runtime::write_npz(path, arrays, diagnostics);
}

/// Names of classes as names of folders, each with one of its own.
std::vector<std::string> class_folders(const std::vector<std::string>& names) {
    std::vector<std::string> folders;
    for (std::string name : names) {
        std::replace(name.begin(), name.end(), '/', '_');
        if (name[0] == '.') name[0] = '_';
        const std::set<std::string> taken(folders.begin(), folders.end());
        std::string free = name;
        for (int more = 2; taken.count(free) != 0; ++more) free = fmt::format("{}_{}", name, more);
        folders.push_back(free);
    }
    return folders;
}

/// Says that a folder and those in it have more than the `count` files that were just written.
void warn_of_older(const std::string& folder, const std::string& ending, int64_t count) {
    std::error_code ignored;
    for (std::filesystem::recursive_directory_iterator at(folder, ignored), end;
         !ignored && at != end; at.increment(ignored))
        count -= at->path().extension() == ending ? 1 : 0;
    if (count < 0)
        say("gmrun: warning: `{}` has {} more {} file{}, there before\n", folder, -count, ending,
            count == -1 ? "" : "s");
}

/// What can be written of such examples.
std::string fitting_output(const runtime::LoadedModel& model, const runtime::Examples& examples) {
    const std::string format = runtime::written_as(model, examples);
    return format.empty()
               ? "write the numbers: --output FILE.npy"
               : fmt::format("write them as the data were: --output FILE.{}; or --output FILE.npy",
                             format);
}

/// Writes one example as a picture at its own size: a pixel per position, without a border.
bool write_picture(const runtime::LoadedModel& model, const runtime::Examples& one,
                   const std::string& path, Diagnostics& diagnostics) {
    runtime::GridOptions grid = runtime::grid_options(model, one.like);
    grid.gap = 0;
    grid.scale = 1;
    const ir::Shape& s = one.shape;
    const auto picture =
        runtime::image_grid({one.values.data(), 1, s[1], s[2], s[3]}, grid, diagnostics);
    return picture.ok() && runtime::write_png(path, *picture, diagnostics);
}

/// DIR/conditions.csv: a row per file with its classes, where it was asked to be of one of each of
/// several fields (sub-folders hold one of them), and with what --set-input made of its fields.
bool write_conditions(const runtime::Examples& examples, const std::vector<std::string>& files,
                      const std::string& path, Diagnostics& diagnostics) {
    std::vector<runtime::LabelClasses> asked;
    if (examples.several_labels) asked = examples.asked;
    if (examples.conditions.empty() && asked.empty()) return true;
    std::string text = "file";
    for (const runtime::LabelClasses& of : asked) text += "," + runtime::csv_cell(of.field);
    const auto width = [&](const runtime::Condition& condition) {
        return condition.values.size() / files.size();
    };
    for (const runtime::Condition& condition : examples.conditions)
        for (size_t at = 0; at < width(condition); ++at)
            text += "," + runtime::csv_cell(width(condition) == 1
                                                ? condition.field
                                                : fmt::format("{}.{}", condition.field, at));
    text += "\n";
    for (size_t i = 0; i < files.size(); ++i) {
        text += runtime::csv_cell(files[i]);
        for (const runtime::LabelClasses& of : asked)
            text += fmt::format(",{}", examples.class_of(of, static_cast<int64_t>(i)));
        for (const runtime::Condition& condition : examples.conditions)
            for (size_t at = 0; at < width(condition); ++at)
                text += fmt::format(",{}", condition.values[i * width(condition) + at]);
        text += "\n";
    }
    return runtime::write_file_atomically(path + "conditions.csv", text, diagnostics);
}

/// DIR/CLASS/000012.png. `gmc` reads such a folder again as pictures with classes.
bool write_each(const runtime::LoadedModel& model, const runtime::Examples& examples,
                const OutputFiles& allowed, const std::string& path, Diagnostics& diagnostics) {
    const bool sound = runtime::written_as(model, examples) == "wav";
    if (!sound && (examples.shape.size() != 4 || !runtime::is_drawable(examples.shape))) {
        diagnostics
            .error(DiagnosticKind::kShapeMismatch, {},
                   "`{}` cannot get a file for each of {}, which are neither pictures nor sound",
                   path, examples.described())
            .help(fitting_output(model, examples));
        return false;
    }
    const auto width = static_cast<std::ptrdiff_t>(examples.values.size()) / examples.count();
    const std::vector<std::string> classes =
        class_folders(runtime::names_of_classes(model.module(), examples.class_field));
    const std::string ending = sound ? ".wav" : ".png";
    std::vector<std::string> files;
    for (int64_t i = 0; i < examples.count(); ++i) {
        std::filesystem::path folder = path;
        if (const auto of = examples.class_of(i))
            folder /= *of < static_cast<int64_t>(classes.size()) ? classes[static_cast<size_t>(*of)]
                                                                 : fmt::format("{}", *of);
        if (!make_folder(folder.string(), diagnostics)) return false;
        runtime::Examples one{examples.shape, {}};
        one.like = examples.like;
        one.shape[0] = 1;
        const auto from = examples.values.begin() + i * width;
        one.values.assign(from, from + width);
        const std::string file = (folder / fmt::format("{:06}{}", i, ending)).string();
        if (!allowed.may_write(file, diagnostics) ||
            !(sound ? runtime::write_sound : write_picture)(model, one, file, diagnostics))
            return false;
        files.push_back(std::filesystem::path(file).lexically_relative(path).string());
    }
    warn_of_older(path, ending, examples.count());
    return write_conditions(examples, files, path, diagnostics);
}

}  // namespace

bool make_folder(const std::string& folder, Diagnostics& diagnostics) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (!error) return true;
    diagnostics.error(DiagnosticKind::kBadFile, {}, "the folder `{}` cannot be made: {}", folder,
                      error.message());
    return false;
}

/// Decides by the ending of the path; what is left is a picture.
bool write_examples(runtime::LoadedModel& model, const runtime::Examples& examples,
                    const OutputFiles& files, const std::string& path, Diagnostics& diagnostics,
                    int64_t columns) {
    if (path.ends_with(".npy"))
        return runtime::write_npy(path, examples.shape, examples.values, diagnostics);
    if (path.ends_with(".npz")) return write_arrays(examples, path, diagnostics);
    if (path.ends_with("/")) return write_each(model, examples, files, path, diagnostics);
    if (path.ends_with(".csv")) return runtime::write_rows(model, examples, path, diagnostics);
    if (path.ends_with(".wav")) return runtime::write_sound(model, examples, path, diagnostics);
    if (!runtime::is_drawable(examples.shape)) {
        diagnostics
            .error(DiagnosticKind::kShapeMismatch, {},
                   "`{}` cannot be drawn of {}, which are neither images nor points of the plane",
                   path, examples.described())
            .help(fitting_output(model, examples));
        return false;
    }
    const auto picture = runtime::draw(model, examples, columns, diagnostics);
    return picture.ok() && runtime::write_png(path, *picture, diagnostics);
}

std::vector<std::string> files_of(const ir::Module& module) {
    std::vector<std::string> files = module.files;
    for (const auto* fields : {&module.data, &module.test})
        for (const ir::DataField& field : *fields)
            if (field.format != "synthetic" && field.format != "labels")
                files.push_back(field.source);
    for (const ir::Network& network : module.networks)
        if (!network.weights.empty()) files.push_back(runtime::weight_file_of(network.weights));
    return files;
}

OutputFiles output_files(const std::vector<std::string>& runs) {
    std::vector<std::string> files;
    for (const std::string& run : runs) {
        Diagnostics unreadable;  // then it is not known what the run reads
        const auto module = ir::read_artefact(runtime::model_path(run), {}, unreadable);
        if (!module.ok()) continue;
        for (std::string& file : files_of(*module)) files.push_back(std::move(file));
    }
    return OutputFiles(std::move(files));
}

/// MODEL may be a run's folder, into which the command may write.
OutputFiles output_files(const CommandLine& line, const TrainedModel& trained) {
    std::vector<std::string> files = files_of(trained.model->module());
    files.push_back(runtime::model_path(line.text("MODEL")));
    files.push_back(trained.checkpoint);
    if (line.has("data"))
        for (const std::string& setting : line.list("data")) {
            const std::string path = setting.substr(setting.find('=') + 1);
            const size_t key = path.rfind(".npz:");
            files.push_back(key == std::string::npos ? path : path.substr(0, key + 4));
        }
    return OutputFiles(std::move(files));
}

int report_output(const CommandLine& line, Diagnostics& diagnostics) {
    const bool unwritable =
        diagnostics.has(DiagnosticKind::kBadFile) || diagnostics.has(DiagnosticKind::kDiskFull);
    if (unwritable && !line.given("output"))
        diagnostics.note_last({}, "--output names another place for it");
    return report(diagnostics);
}

bool stays_in_run(const std::string& own, Diagnostics& diagnostics) {
    if (!runtime::leads_away(own)) return true;
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}` is a symbolic link: what is written for a run stays in its folder", own)
        .help("remove the link");
    return false;
}

Result<std::string> output_or(const CommandLine& line, const OutputFiles& files,
                              const std::string& own, Diagnostics& diagnostics) {
    if (line.has("output")) {
        if (!files.may_write(line.text("output"), diagnostics)) return Failure{};
        return followed(line.text("output"));
    }
    if (!stays_in_run(own, diagnostics)) return Failure{};
    return own;
}

Result<std::string> output_file(const CommandLine& line, const TrainedModel& trained,
                                const runtime::Examples& examples, const std::string& name,
                                Diagnostics& diagnostics) {
    const std::string ending = runtime::written_as(*trained.model, examples);
    return output_or(line, output_files(line, trained),
                     fmt::format("{}/{}.{}", trained.folder, name, ending.empty() ? "png" : ending),
                     diagnostics);
}

}  // namespace gmc::tools

// Gives the exporter (runtime/onnx) the function, the weights and the progress of a run, and writes
// the bytes that it makes.
#include "tools/gmrun/export/onnx.h"

#include <fmt/format.h>

#include <filesystem>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "runtime/files/atomic_file.h"
#include "runtime/onnx/export.h"
#include "runtime/onnx/writer.h"
#include "tools/command_line/version.h"
#include "tools/gmrun/output/write_output.h"

namespace gmc::tools {
namespace {

/// What the exporter needs of a run: weights are read when it asks for them, not copied.
onnx::Source source_of(TrainedModel& trained, const ir::Function& function) {
    onnx::Source source;
    source.module = &trained.model->module();
    source.function = &function;
    source.state = [&states = trained.model->states()](ir::StateId id) {
        return std::span<const float>(states.data(id), static_cast<size_t>(states.elements(id)));
    };
    source.step = static_cast<double>(trained.training.step);
    source.epoch = trained.training.epoch;
    return source;
}

/// Functions whose batch cannot be made free say why in the graph's doc.
std::string batch_text(const onnx::Model& model) {
    return model.graph.doc.empty() ? "for batches of any size" : model.graph.doc;
}

/// Whether there are bytes in `data` and the model that is in `path` now names that file.
bool names_its_data(const std::string& path, const std::string& data) {
    std::error_code unknown;
    if (!is_regular(data) || std::filesystem::file_size(data, unknown) == 0) return false;
    constexpr uint64_t kLargest = uint64_t{1} << 31;  // files of protobuf end there
    Diagnostics unreadable;
    const auto model = runtime::read_whole_file(path, kLargest, unreadable);
    return model.ok() &&
           model->find(std::filesystem::path(data).filename().string()) != std::string::npos;
}

/// Whether `weights` of the model `path` may go to `data`: what is there is empty, the same, or
/// belongs to the model that is there now. Error: kBadFile.
bool may_write_data(const std::string& path, const std::string& data, const std::string& weights,
                    Diagnostics& diagnostics) {
    std::error_code unknown;
    if (!is_regular(data) || std::filesystem::file_size(data, unknown) == 0 ||
        names_its_data(path, data) || runtime::has_bytes(data, weights))
        return true;
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}` is not written: what is there are not the weights of `{}`", data, path)
        .help("remove it if an earlier export wrote it, or give what is written another name");
    return false;
}

}  // namespace

void add_onnx(CommandLine& line) {
    line.add_option<std::string>("function", "NAME",
                                 "the function of the model that --output gets, such as sample");
    line.add_option<std::string>("output,o", "FILE.onnx",
                                 "an ONNX model (operator set 17) of --function with its weights");
    line.add_choice("noise", {"inputs", "inside"},
                    "random numbers of the function are inputs of the ONNX model, or are drawn "
                    "in it");
    line.add_flag("external", "weights go to a file of their own, FILE.onnx.data");
}

bool export_onnx(const CommandLine& line, TrainedModel& trained, Diagnostics& diagnostics) {
    const ir::Function* function = trained.model->find(line.text("function"), diagnostics);
    if (function == nullptr) return false;
    const std::string path = followed(line.text("output"));
    const auto noise = line.text("noise") == "inside" ? onnx::Noise::kInside : onnx::Noise::kInputs;
    const int64_t step = trained.training.step, weights = trained.training.weights_step();
    std::vector<std::pair<std::string, std::string>> about{{"run", trained.folder},
                                                           {"steps", fmt::format("{}", step)}};
    if (weights != step) about.emplace_back("weights_step", fmt::format("{}", weights));
    onnx::Model model = onnx::onnx_model(source_of(trained, *function), noise, about);
    model.producer_version = kVersion.number;
    const std::string data =
        line.flag("external") ? std::filesystem::path(path).filename().string() + ".data" : "";
    const OutputFiles files = output_files(line, trained);
    if (!files.may_write(path, diagnostics) ||
        (!data.empty() && !files.may_write(path + ".data", diagnostics)))
        return false;
    const onnx::ModelBytes bytes = onnx::model_bytes(model, data);
    if (!data.empty() && !may_write_data(path, path + ".data", bytes.weights, diagnostics))
        return false;
    const bool leaves_data = data.empty() && names_its_data(path, path + ".data");
    if (!data.empty() &&
        !runtime::write_file_atomically(path + ".data", bytes.weights, diagnostics))
        return false;
    if (!runtime::write_file_atomically(path, bytes.model, diagnostics)) return false;
    const size_t nodes = model.graph.nodes.size();
    print_out("{}: {} node{}, {}\n", path, nodes, nodes == 1 ? "" : "s", batch_text(model));
    if (leaves_data)
        say("gmrun: `{0}.data` is not needed any more: its weights are in `{0}` now\n", path);
    return true;
}

}  // namespace gmc::tools

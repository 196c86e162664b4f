// gmrun export: writes a trained model for other programs.
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "runtime/files/atomic_file.h"
#include "runtime/run/run_log.h"
#include "runtime/train/take_weights.h"
#include "runtime/weights/pairing.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/export/onnx.h"
#include "tools/gmrun/output/write_output.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {
namespace {

/// Weights in the layout of Keras, or of PyTorch.
bool export_weights(const CommandLine& line, const TrainedModel& trained,
                    Diagnostics& diagnostics) {
    const std::string file = followed(line.text("weights"));
    if (!output_files(line, trained).may_write(file, diagnostics)) return false;
    if (!runtime::write_weights(file, trained.model->states(), line.flag("averaged"),
                                line.text("layout"), diagnostics))
        return false;
    print_out("weights: {}\n", file);
    return true;
}

/// Writes what the run wrote down as a file of events. By default it gets a folder of its own: in
/// that of the run may lie events of `gmrun train --tensorboard`, and TensorBoard draws all events
/// of a folder as one run.
bool export_tensorboard(const CommandLine& line, const TrainedModel& trained,
                        Diagnostics& diagnostics) {
    const std::string asked = line.text("tensorboard");
    const std::string folder = asked.empty() ? trained.folder + "/tensorboard" : asked;
    if (asked.empty() && !stays_in_run(folder, diagnostics)) {
        diagnostics.note_last({}, "--tensorboard names another folder for it");
        return false;
    }
    const auto events =
        runtime::events_of_run(trained.folder, trained.model->batch_size(), diagnostics);
    if (!events.ok()) return false;
    if (!make_folder(folder, diagnostics)) return false;
    const std::string file =
        fmt::format("{}/{}0.{}", folder, tensorboard::kFilePrefix, tensorboard::kExported);
    if (!output_files(line, trained).may_write(file, diagnostics) ||
        !runtime::write_file_atomically(file, *events, diagnostics))
        return false;
    print_out("tensorboard --logdir {}\n", folder);
    return true;
}

}  // namespace

/// One command for three kinds of files, which may be asked for together; nothing is loaded before
/// the options make sense.
int export_command(const Words& words) {
    CommandLine line("gmrun export [options] MODEL",
                     "Writes a trained model for other programs: its weights as a safetensors file "
                     "in Keras' layouts, a function as an ONNX model, or what its run wrote down "
                     "for TensorBoard.");
    add_run(line);
    add_checkpoint(line);
    line.add_option<std::string>("weights", "FILE", "parameters and running statistics");
    line.add_flag("averaged",
                  "with --weights: the moving averages of the parameters that have them");
    line.add_choice("layout", runtime::weight_layouts(),
                    "with --weights: how kernels lie, and names");
    add_onnx(line);
    line.add_optional(
        "tensorboard", "DIR",
        "metrics, pictures of samples and settings of the run, as a file of events in DIR; by "
        "default `tensorboard` in the run's folder");
    if (!line.parse(words)) return kDone;
    const bool onnx = line.has("output") || line.has("function");
    for (const char* ending : {".pt", ".pth", ".ckpt", ".h5", ".keras", ".pb", ".tflite"})
        for (const char* option : {"output", "weights"})
            if (line.text(option).ends_with(ending))
                throw UsageError(fmt::format(
                    "`{}` is of a kind that is not written: `--weights FILE.safetensors` is read "
                    "by "
                    "the package `safetensors`, in PyTorch's layout with `--layout pytorch`; `-o "
                    "FILE.onnx` by onnxruntime",
                    line.text(option)));
    if (!onnx && !line.has("tensorboard") && !line.has("weights"))
        throw UsageError(
            "nothing is asked for: --weights FILE, --function NAME -o FILE.onnx, or "
            "--tensorboard");
    for (const char* option : {"averaged", "layout"})
        if (line.given(option) && !line.has("weights"))
            throw UsageError(
                fmt::format("--{} says which weights, and how: it needs --weights FILE", option));
    if (onnx && !(line.has("output") && line.has("function")))
        throw UsageError("an ONNX model takes both: --function NAME -o FILE.onnx");
    for (const char* option : {"noise", "external"})
        if (line.given(option) && !onnx)
            throw UsageError(fmt::format(
                "--{} is about an ONNX model: it needs --function NAME -o FILE.onnx", option));
    check_ending(line, "output", {".onnx"});
    check_ending(line, "weights", {".safetensors"});
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok() || (line.has("weights") && !export_weights(line, *trained, diagnostics)) ||
        (onnx && !export_onnx(line, *trained, diagnostics)) ||
        (line.has("tensorboard") && !export_tensorboard(line, *trained, diagnostics)))
        return report(diagnostics);
    report_warnings(diagnostics);
    return kDone;
}

}  // namespace gmc::tools

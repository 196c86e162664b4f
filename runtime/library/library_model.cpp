// Describes the functions of a trained model for other programs, and runs them for any number of
// examples, a batch ("piece") at a time.
#include "runtime/library/library_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "compiler/batch/batch_axis.h"
#include "compiler/support/edit_distance.h"
#include "compiler/support/paths.h"
#include "runtime/data/field_source.h"
#include "runtime/library/host_settings.h"
#include "runtime/threads/signals_wait.h"
#include "runtime/threads/thread_count.h"
#include "runtime/train/fill_inputs.h"

namespace gmc::runtime {
namespace {

/// What an input is, as the C interface says it.
gmc_kind kind_of(const ir::InputSource& source, int64_t classes) {
    using Kind = ir::InputSource::Kind;
    if (source.kind == Kind::kNormal) return GMC_NORMAL;
    if (source.kind == Kind::kUniform) return GMC_UNIFORM;
    if (source.kind == Kind::kValid) return GMC_VALID;
    return classes > 0 ? GMC_LABEL : GMC_DATA;
}

ir::Shape shape_of_example(const ir::Type& type) {
    return {type.shape.begin() + 1, type.shape.end()};
}

/// Whether `function` maps rows to rows, or draws rows, so that it can be called with any number of
/// examples.
bool maps_rows(const ir::Module& module, const ir::Function& function, bool draws) {
    const int64_t batch = module.training->batch_size;
    const auto takes_rows = [&](const ir::Input& input) {
        return input.source.kind != ir::InputSource::Kind::kArgument &&
               function.has_rows({"", input.value}, batch);
    };
    return function.updates.empty() && (!function.inputs.empty() || draws) &&
           !function.results.empty() &&
           std::all_of(function.inputs.begin(), function.inputs.end(), takes_rows) &&
           std::all_of(
               function.results.begin(), function.results.end(),
               [&](const ir::NamedValue& result) { return function.has_rows(result, batch); });
}

/// One piece of a call: `rows` examples from number `done` on, in a batch behind `skip` rows. The
/// rest of the batch is filled with copies of the first of them, so that no strange values are
/// computed there.
struct Piece {
    int64_t done, rows, skip, batch;

    bool has(int64_t row) const { return row >= skip && row < skip + rows; }
    void fill(const float* from, int64_t width, float* to) const {
        for (int64_t row = 0; row < batch; ++row)
            std::copy_n(from + (has(row) ? done + row - skip : done) * width, width,
                        to + row * width);
    }
};

}  // namespace

LibraryModel::LibraryModel(TrainedModel trained, int threads)
    : trained_(std::move(trained)), threads_(threads) {
    const ir::Module& module = trained_.model->module();
    for (const ir::Function& function : module.functions)
        if (!function.is_body) add_function(function);
}

/// Leaves out what does not map rows. Inputs that are fields get the field's name and range; all
/// others are noise, which may be left to the library.
void LibraryModel::add_function(const ir::Function& function) {
    const ir::Module& module = trained_.model->module();
    const BatchAxes axes = find_batch_axes(module, function);
    if (!maps_rows(module, function, !axes.draws.empty())) return;
    RowFunction& row = functions_.emplace_back();
    row.name = function.name;
    row.couples = !axes.why.empty();
    row.draws = !axes.draws.empty();
    for (const ir::Input& input : function.inputs) {
        const ir::DataField* field = ir::find_field(module.data, input.source.field);
        const int64_t classes = field == nullptr ? 0 : field->label_classes();
        Port port{function.values[input.value].name,
                  shape_of_example(function.type(input.value)),
                  input.source,
                  {}};
        port.tensor.kind = kind_of(input.source, classes);
        port.tensor.classes = classes;
        if (field != nullptr) {
            port.name = field->name;
            port.tensor.low = field->range.low;
            port.tensor.high = field->range.high;
        }
        row.inputs.push_back(std::move(port));
    }
    for (const ir::NamedValue& result : function.results)
        row.outputs.push_back({result.name, shape_of_example(function.type(result.value)), {}, {}});
}

/// The C structs point to the names and shapes of C++ objects, so they are filled last, when no
/// vector moves any more.
Result<std::unique_ptr<LibraryModel>> LibraryModel::load(const std::string& path,
                                                         const std::string& run,
                                                         const std::string& checkpoint, int threads,
                                                         Diagnostics& diagnostics) {
    const bool is_run = is_folder(path);
    if (!is_run && run.empty() && is_there(path)) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` has no weights", path)
            .help("give the folder of the run that has them, such as runs/vae_mlp");
        return Failure{};
    }
    const HostSettings settings(threads);
    auto model = LoadedModel::load(model_path(path), diagnostics);
    if (!model.ok()) return Failure{};
    auto trained = with_weights(model.take(), run.empty() ? path : run, checkpoint, diagnostics);
    if (!trained.ok()) return Failure{};
    std::unique_ptr<LibraryModel> made(new LibraryModel(trained.take(), threads));
    // Only now do the functions stay where they are.
    for (RowFunction& function : made->functions_)
        for (std::vector<Port>* ports : {&function.inputs, &function.outputs})
            for (Port& port : *ports) {
                port.tensor.name = port.name.c_str();
                port.tensor.rank = port.shape.size();
                port.tensor.shape = port.shape.data();
                port.tensor.elements = ir::f32(port.shape).elements();
            }
    return made;
}

const LibraryModel::RowFunction* LibraryModel::find(const std::string& name) const {
    const auto found = std::find_if(functions_.begin(), functions_.end(),
                                    [&](const RowFunction& f) { return f.name == name; });
    return found == functions_.end() ? nullptr : &*found;
}

/// Checks what a caller gives: whole batches where they are needed, data, labels that exist.
bool LibraryModel::check(const RowFunction& function, const Call& call,
                         Diagnostics& diagnostics) const {
    if (function.couples && call.examples % batch_size() != 0) {
        diagnostics.error(DiagnosticKind::kBadValue, {},
                          "function `{}` computes with whole batches of {} examples, and {} were "
                          "given",
                          function.name, batch_size(), call.examples);
        return false;
    }
    for (size_t i = 0; i < function.inputs.size(); ++i) {
        const Port& port = function.inputs[i];
        const float* from = call.inputs[i];
        if (from == nullptr && port.tensor.kind == GMC_DATA) {
            diagnostics.error(DiagnosticKind::kBadValue, {},
                              "function `{}` needs `{}`, which cannot be drawn", function.name,
                              port.name);
            return false;
        }
        if (from == nullptr || port.tensor.kind != GMC_LABEL) continue;
        for (int64_t row = 0; row < call.examples; ++row) {
            const float label = from[row];
            if (label >= 0 && label < static_cast<float>(port.tensor.classes) &&
                label == std::floor(label))
                continue;
            diagnostics.error(DiagnosticKind::kBadValue, {},
                              "`{}` of example {} is {}, but the labels are 0 to {}", port.name,
                              row, label, port.tensor.classes - 1);
            return false;
        }
    }
    return true;
}

/// For each piece: fills the inputs with what was given or is drawn, runs, and copies the rows that
/// were asked for. What a function draws itself is numbered over a batch of training: there,
/// example n is row n mod the batch size, whichever examples are asked for.
bool LibraryModel::run(const RowFunction& function, const Call& call, Diagnostics& diagnostics) {
    if (!check(function, call, diagnostics)) return false;
    const std::lock_guard lock(one_at_a_time_);
    const HostSettings settings(threads_);
    LoadedModel& model = *trained_.model;
    for (int64_t done = 0; done < call.examples;) {
        Executable* executable =
            model.function_for(function.name, call.examples - done, diagnostics);
        if (executable == nullptr) return false;
        const int64_t batch = executable->result_type(0).shape[0];
        const bool has_place = function.draws && !function.couples;
        const int64_t skip = has_place ? (call.first + done) % batch : 0;
        const Piece piece{done, std::min(batch - skip, call.examples - done), skip, batch};
        const int64_t first = call.first + done - skip;
        const auto is_drawn = [&](size_t i) { return call.inputs[i] == nullptr; };
        set_noise(*executable, call.seed, first, is_drawn);
        set_labels(model.module(), *executable, first, std::nullopt);
        for (size_t i = 0; i < function.inputs.size(); ++i) {
            const gmc_tensor& tensor = function.inputs[i].tensor;
            float* to = executable->input(i);
            if (!is_drawn(i))
                piece.fill(call.inputs[i], tensor.elements, to);
            else if (tensor.kind == GMC_VALID)
                for (int64_t row = 0; row < batch; ++row) to[row] = piece.has(row) ? 1.0F : 0.0F;
        }
        {
            const SignalsWait wait;  // handlers of the host run between pieces
            executable->run(model.context(call.seed, static_cast<uint32_t>(first / batch_size())));
        }
        for (size_t i = 0; i < function.outputs.size(); ++i)
            if (call.outputs[i] != nullptr) {
                const int64_t width = function.outputs[i].tensor.elements;
                std::copy_n(executable->result(i) + skip * width, piece.rows * width,
                            call.outputs[i] + done * width);
            }
        done += piece.rows;
    }
    return true;
}

}  // namespace gmc::runtime

// Runs the functions of a trained model on made-up inputs and writes inputs and results as .npy
// files, so that another program can be asked for the same results.
//
//   function_arrays RUN MODEL.gmc FOLDER
//
// MODEL may be compiled for another batch size than the run's. FOLDER/FUNCTION gets in.NAME.npy for
// every input, random numbers included under the names that `gmrun export` gives them, and
// out.NAME.npy for every result and, as NAME.next, for every updated state.
#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <span>

#include "compiler/ir/scan.h"
#include "runtime/kernels/pass_call.h"
#include "runtime/kernels/philox.h"
#include "runtime/output/npy.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/fill_inputs.h"
#include "runtime/train/loaded_model.h"

namespace {

using namespace gmc;           // NOLINT: a program of one file
using namespace gmc::runtime;  // NOLINT

constexpr uint64_t kSeed = 7;
constexpr uint32_t kCall = 3;

/// Writes numbers as .npy files into one folder per function, where check.py finds them by name.
class Writer {
  public:
    explicit Writer(std::string folder) : folder_(std::move(folder)) {
        std::filesystem::create_directories(folder_);
    }
    void write(const std::string& name, const ir::Shape& shape, const float* values,
               int64_t count) {
        Diagnostics diagnostics;
        if (!write_npy(folder_ + "/" + name + ".npy", shape, {values, static_cast<size_t>(count)},
                       diagnostics))
            throw std::runtime_error(diagnostics.render("function_arrays"));
    }

  private:
    std::string folder_;
};

/// Data in their range, and all examples valid but the last of several.
void set_made_up_data(const ir::Module& module, const Executable& function) {
    for (size_t i = 0; i < function.input_count(); ++i) {
        const ir::InputSource& source = function.function().inputs[i].source;
        const ir::Type& type = function.input_type(i);
        float* to = function.input(i);
        if (source.kind == ir::InputSource::Kind::kValid) {
            for (int64_t k = 0; k < type.elements(); ++k)
                to[k] = k == 0 || k + 1 < type.elements() ? 1.0F : 0.0F;
        } else if (source.is_of_set()) {  // positive, as counts are
            for (int64_t k = 0; k < type.elements(); ++k)
                to[k] = 1 + static_cast<float>(k * 7919 % 1013) / 1013;
        } else if (source.is_data()) {
            const ir::DataField& field = *ir::find_field(module.data, source.field);
            const double width = field.range.high - field.range.low;
            for (int64_t k = 0; k < type.elements(); ++k) {
                const double share = static_cast<double>(k * 7919 % 1013) / 1012;
                to[k] = field.label_classes() > 0
                            ? static_cast<float>(k % field.label_classes())
                            : static_cast<float>(field.range.low + width * share);
            }
        }
    }
}

/// Adds what a stream draws in a call or, in the body of scans, in every pass of them.
void draw(bool normal, int64_t stream, int64_t count, std::span<const int64_t> passes,
          const CallContext& call, std::vector<float>& out) {
    if (!passes.empty()) {
        for (int64_t pass = 0; pass < passes[0]; ++pass)
            draw(normal, stream, count, passes.subspan(1), call_of_pass(call, pass), out);
        return;
    }
    for (int64_t k = 0; k < count; ++k) {
        const PhiloxPlace place = philox_place(static_cast<uint64_t>(k));
        const PhiloxCounter block =
            philox_block(place.block, call.call, static_cast<uint32_t>(stream), call.seed);
        out.push_back(static_cast<float>(normal ? philox_normal(block, place.word)
                                                : (block[place.word] >> 8) * 0x1p-24));
    }
}

/// `passes` are those of the scans around the operations.
void write_random(const ir::Module& module, const ir::Function& function,
                  const std::vector<ir::Operation>& operations, const ir::Shape& passes,
                  Writer& writer) {
    for (const ir::Operation& operation : operations) {
        write_random(module, function, operation.body, passes, writer);
        if (const ir::Function* body = ir::body_of(module, operation)) {
            ir::Shape inner = passes;
            inner.push_back(operation.as<ir::Scan>()->count);
            write_random(module, *body, body->operations, inner, writer);
        }
        const auto* normal = operation.as<ir::RandomNormal>();
        const auto* uniform = operation.as<ir::RandomUniform>();
        if (!normal && !uniform) continue;
        const int64_t stream = normal ? normal->stream : uniform->stream;
        const ir::Type& type = function.type(operation.result());
        std::vector<float> values;
        CallContext call;
        call.seed = kSeed;
        call.call = kCall;
        draw(normal != nullptr, stream, type.elements(), passes, call, values);
        ir::Shape shape = passes;
        shape.insert(shape.end(), type.shape.begin(), type.shape.end());
        writer.write(fmt::format("in.{}_{}", normal ? "normal" : "uniform", stream), shape,
                     values.data(), static_cast<int64_t>(values.size()));
    }
}

/// Writes inputs (noise and random numbers among them), runs the function, writes results and
/// updated states, and puts the states back, so that every function begins with the same ones.
void run_function(LoadedModel& model, const ir::Function& f, const std::string& folder) {
    Diagnostics diagnostics;
    Executable* function = model.function(f.name, diagnostics);
    if (function == nullptr) throw std::runtime_error(diagnostics.render("function_arrays"));
    Writer writer(folder + "/" + f.name);
    set_noise(*function, kSeed, 0);
    set_made_up_data(model.module(), *function);
    for (size_t i = 0; i < function->input_count(); ++i) {
        const ir::Type& type = function->input_type(i);
        writer.write("in." + f.values[f.inputs[i].value].name, type.shape, function->input(i),
                     type.elements());
    }
    write_random(model.module(), f, f.operations, {}, writer);
    StateStore& states = model.states();
    const std::vector<std::byte> before(states.bytes_begin(),
                                        states.bytes_begin() + states.bytes());
    function->run(model.context(kSeed, kCall));
    for (size_t i = 0; i < function->result_count(); ++i) {
        const ir::Type& type = function->result_type(i);
        writer.write("out." + f.results[i].name, type.shape, function->result(i), type.elements());
    }
    for (const ir::Update& update : f.updates) {
        const ir::State& state = states.state(update.state);
        if (state.role != ir::StateRole::kCopy)
            writer.write("out." + state.name + ".next", state.type.shape, states.data(update.state),
                         state.type.elements());
    }
    std::memcpy(states.bytes_begin(), before.data(), before.size());
    states.refresh_copies();
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 4) throw std::runtime_error("usage: function_arrays RUN MODEL.gmc FOLDER");
    Diagnostics diagnostics;
    auto model = LoadedModel::load(argv[2], diagnostics);
    if (!model.ok()) throw std::runtime_error(diagnostics.render("function_arrays"));
    TrainingState training;
    if (!read_checkpoint(std::string(argv[1]) + "/" + kCheckpointName, (*model)->states(), training,
                         diagnostics))
        throw std::runtime_error(diagnostics.render("function_arrays"));
    (*model)->set_progress(training.step, training.epoch);
    for (const ir::Function& function : (*model)->module().functions)
        if (!function.is_body) run_function(**model, function, argv[3]);
} catch (const std::exception& error) {
    fmt::print(stderr, "function_arrays: {}\n", error.what());
    return 1;
}

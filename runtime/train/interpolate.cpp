// Interpolates noise and runs a function on it, batch by batch. Samples are numbered row by row of
// the picture that they make.
#include "runtime/train/interpolate.h"

#include <algorithm>
#include <cmath>

#include "runtime/train/fill_inputs.h"
#include "runtime/train/generate.h"
#include "runtime/train/sampler.h"

namespace gmc::runtime {
namespace {

bool is_noise(const ir::Input& input) { return input.source.is_noise(); }

/// Fills in the noise of one sample of the picture.
void fill_place(const ir::Input& input, size_t number, const InterpolateOptions& options,
                int64_t place, std::span<float> to) {
    const int64_t row = place / options.columns, column = place % options.columns;
    const double t = static_cast<double>(column) / static_cast<double>(options.columns - 1);
    std::vector<float> a(to.size()), b(to.size());
    const auto width = static_cast<int64_t>(to.size());
    noise_of_example(input, number, options.seed, 2 * row, width, a.data());
    noise_of_example(input, number, options.seed, 2 * row + 1, width, b.data());
    if (input.source.kind == ir::InputSource::Kind::kNormal) return slerp(a, b, t, to);
    for (size_t i = 0; i < to.size(); ++i)
        to[i] = static_cast<float>((1 - t) * double{a[i]} + t * double{b[i]});
}

/// The number of classes of an input of labels; 0 for noise.
int64_t label_classes(const ir::Module& module, const ir::Input& input) {
    const ir::DataField* field = ir::find_field(module.data, input.source.field);
    return field == nullptr ? 0 : field->label_classes();
}

/// Fills the inputs for the samples from number `first` on.
void fill_batch(LoadedModel& model, Executable& executable, const InterpolateOptions& options,
                int64_t first) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const ir::Input& input = executable.function().inputs[i];
        const ir::Type& type = executable.input_type(i);
        const int64_t width = type.elements() / type.shape[0];
        const int64_t classes = label_classes(model.module(), input);
        for (int64_t row = 0; row < type.shape[0]; ++row) {
            float* to = executable.input(i) + row * width;
            const int64_t place = first + row;
            if (is_noise(input))
                fill_place(input, i, options, place, {to, static_cast<size_t>(width)});
            else if (classes > 0)
                *to = static_cast<float>(options.label ? *options.label
                                                       : place / options.columns % classes);
        }
    }
    set_conditions(executable, options.settings, first, options.columns);
    set_all_valid(executable);
}

}  // namespace

void slerp(std::span<const float> a, std::span<const float> b, double t, std::span<float> out) {
    double aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        aa += double{a[i]} * double{a[i]};
        bb += double{b[i]} * double{b[i]};
        ab += double{a[i]} * double{b[i]};
    }
    double share_a = 1 - t, share_b = t;
    const double lengths = std::sqrt(aa * bb);
    const double angle = lengths > 0 ? std::acos(std::clamp(ab / lengths, -1.0, 1.0)) : 0;
    if (std::sin(angle) > 1e-6) {
        share_a = std::sin((1 - t) * angle) / std::sin(angle);
        share_b = std::sin(t * angle) / std::sin(angle);
    }
    for (size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<float>(share_a * double{a[i]} + share_b * double{b[i]});
}

/// All noise vectors of a batch are computed into the inputs of the function, which is then run as
/// for samples.
Result<Examples> interpolate(LoadedModel& model, const InterpolateOptions& options,
                             Diagnostics& diagnostics) {
    // The sampler checks the function's inputs.
    const int64_t count = options.rows * options.columns;
    auto sampler = Sampler::make(model,
                                 {.function = options.function,
                                  .seed = options.seed,
                                  .label = options.label,
                                  .settings = options.settings,
                                  .count = count},
                                 diagnostics);
    if (!sampler.ok()) return Failure{};
    Executable* executable = batch_function(model, options.function, count, diagnostics);
    if (executable == nullptr) return Failure{};
    const auto& inputs = executable->function().inputs;
    if (std::none_of(inputs.begin(), inputs.end(), is_noise)) {
        diagnostics.error(DiagnosticKind::kWrongType, {},
                          "function `{}` takes no noise, so there is nothing to interpolate",
                          options.function);
        return Failure{};
    }
    Examples out;
    out.like = name_of_like(model, options.function);
    out.conditions = conditions_of(options.settings, count, options.columns);
    const int64_t batch_size = rows_of(*executable);
    for (int64_t done = 0; done < count; done += batch_size) {
        fill_batch(model, *executable, options, done);
        executable->run(model.context(options.seed, static_cast<uint32_t>(done / batch_size)));
        append_rows(executable->result(0), executable->result_type(0),
                    std::min(batch_size, count - done), out);
    }
    return out;
}

}  // namespace gmc::runtime

// Which inputs a function for sampling may have, and how they are filled.
#include "runtime/train/sampler.h"

#include <algorithm>

#include "runtime/train/fill_inputs.h"
#include "runtime/train/generate.h"

namespace gmc::runtime {
namespace {

/// Looks at the inputs that come from data: labels, or an error.
bool count_classes(const LoadedModel& model, const std::string& name, const ir::Function& function,
                   int64_t& classes, Diagnostics& diagnostics) {
    for (const ir::Input& input : function.inputs) {
        if (!input.source.is_data()) continue;
        const ir::DataField& field = *ir::find_field(model.module().data, input.source.field);
        const int64_t here = field.label_classes();
        if (here == 0) {
            if (field.shape.empty())
                diagnostics
                    .error(DiagnosticKind::kWrongType, {},
                           "function `{}` takes `{}`, and how many classes it has is not known",
                           name, field.name)
                    .help(
                        fmt::format("say it in the model: `{}: {{..., classes: 10}}`", field.name));
            else
                diagnostics
                    .error(DiagnosticKind::kWrongType, {},
                           "function `{}` takes `{}`, which is neither noise nor a label, so it "
                           "makes no samples",
                           name, field.name)
                    .help("`gmrun reconstruct` and `gmrun encode` run functions of data");
            return false;
        }
        // With several label fields a sample is of class i mod the classes of each.
        if (classes == 0 || here < classes) classes = here;
    }
    return true;
}

}  // namespace

Result<Sampler> Sampler::make(LoadedModel& model, const SamplerOptions& options,
                              Diagnostics& diagnostics) {
    Executable* executable = batch_function(model, options.function, diagnostics);
    int64_t classes = 0;
    if (executable == nullptr ||
        !count_classes(model, options.function, executable->function(), classes, diagnostics))
        return Failure{};
    if (options.label && classes == 0) {
        diagnostics
            .error(DiagnosticKind::kBadValue, {},
                   "label {} was asked for, but function `{}` of model `{}` takes no label",
                   *options.label, options.function, model.module().name)
            .help("a parameter named like a data field of labels: `sample(z, label): ...`");
        return Failure{};
    }
    if (options.label && (*options.label < 0 || *options.label >= classes)) {
        diagnostics.error(DiagnosticKind::kBadValue, {},
                          "label {} was asked for, but the classes of model `{}` are 0 to {}",
                          *options.label, model.module().name, classes - 1);
        return Failure{};
    }
    return Sampler(model, options, *executable, classes);
}

bool Sampler::can_sample(const LoadedModel& model, const ir::Function& function) {
    return std::all_of(function.inputs.begin(), function.inputs.end(), [&](const ir::Input& i) {
        return !i.source.is_data() ||
               ir::find_field(model.module().data, i.source.field)->label_classes() > 0;
    });
}

void Sampler::next() {
    set_noise(*executable_, options_.seed, next_);
    set_labels(model_->module(), *executable_, next_, options_.label);
    const int64_t batch = next_ / model_->batch_size();
    executable_->run(model_->context(options_.seed, static_cast<uint32_t>(batch)));
    next_ += model_->batch_size();
}

}  // namespace gmc::runtime

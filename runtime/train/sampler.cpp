// Makes samples: checks once which inputs a function has, then fills them batch after batch and
// runs it.
#include "runtime/train/sampler.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "compiler/support/edit_distance.h"
#include "compiler/support/stop_work.h"
#include "runtime/train/fill_inputs.h"
#include "runtime/train/generate.h"

namespace gmc::runtime {
namespace {

const InputSetting* find_setting(const std::vector<InputSetting>& settings,
                                 const std::string& field) {
    const auto found = std::find_if(settings.begin(), settings.end(),
                                    [&](const InputSetting& s) { return s.field == field; });
    return found == settings.end() ? nullptr : &*found;
}

/// Whether each setting is of a data field that the function takes, with as many numbers as the
/// field has, and of labels with existing classes.
bool check_settings(const ir::Module& module, const SamplerOptions& options,
                    const ir::Function& function, Diagnostics& diagnostics) {
    std::vector<std::string> known;
    for (const ir::Input& input : function.inputs)
        if (input.source.is_data()) known.push_back(input.source.field);
    for (const InputSetting& setting : options.settings) {
        if (std::count(known.begin(), known.end(), setting.field) == 0) {
            const std::string near = nearest_name(setting.field, known);
            diagnostics
                .error(DiagnosticKind::kUnknownName, {}, "function `{}` takes no data field `{}`{}",
                       options.function, setting.field,
                       near.empty() ? "" : fmt::format(", did you mean `{}`?", near))
                .help(known.empty() ? "it takes no data at all"
                                    : fmt::format("it takes `{}`", fmt::join(known, "`, `")));
            return false;
        }
        const ir::DataField& field = *ir::find_field(module.data, setting.field);
        const int64_t elements = ir::Type{ir::DType::kF32, field.shape}.elements();
        if (static_cast<int64_t>(setting.first.size()) != elements) {
            Diagnostic& error = diagnostics.error(DiagnosticKind::kShapeMismatch, {},
                                                  "`{}` is set to {} number{}, but it has {}",
                                                  setting.field, setting.first.size(),
                                                  setting.first.size() == 1 ? "" : "s", elements);
            if (elements == 1)
                error.help(
                    fmt::format("decimals follow a point, `{}=0.5`: commas stand between "
                                "the numbers of a vector",
                                setting.field));
            return false;
        }
        if (find_setting(options.settings, setting.field) != &setting) {
            diagnostics.error(DiagnosticKind::kDuplicateKey, {}, "`{}` is set twice", setting.field)
                .help(fmt::format("several values are a grid: `{}=-1:1:8`", setting.field));
            return false;
        }
        // Pictures of a folder and drawn ones have classes, too, but are no labels.
        const bool pictures = field.format == "folder" || field.format == "synthetic";
        const auto classes = static_cast<double>(pictures ? field.label_classes() : field.classes);
        for (int64_t at = 0; classes > 0 && at < setting.steps * elements; ++at) {
            const double label = setting.value(at / elements, static_cast<size_t>(at % elements));
            if (label >= 0 && label < classes && label == std::floor(label)) continue;
            diagnostics.error(DiagnosticKind::kBadValue, {},
                              "`{}` is set to {}, but its labels are 0 to {}", setting.field, label,
                              classes - 1);
            return false;
        }
    }
    return true;
}

/// Whether the inputs that come from data are labels or set; reports any other.
bool check_data(const LoadedModel& model, const SamplerOptions& options,
                const ir::Function& function, Diagnostics& diagnostics) {
    const std::string& name = options.function;
    for (const ir::Input& input : function.inputs) {
        if (!input.source.is_data()) continue;
        const ir::DataField& field = *ir::find_field(model.module().data, input.source.field);
        if (find_setting(options.settings, field.name) != nullptr) continue;
        if (field.label_classes() == 0) {
            if (field.shape.empty())
                diagnostics
                    .error(DiagnosticKind::kWrongType, {},
                           "function `{}` takes `{}`, and how many classes it has is not known",
                           name, field.name)
                    .help(fmt::format(
                        "say it in the model: `{}: {{..., classes: 10}}`; a number that "
                        "is no label is given by `--set-input {}=0.5`",
                        field.name, field.name));
            else
                diagnostics
                    .error(DiagnosticKind::kWrongType, {},
                           "function `{}` takes `{}`, which is neither noise nor a label, so it "
                           "makes no samples",
                           name, field.name)
                    .help(fmt::format("say what it is, `--set-input {}=...`; `gmrun reconstruct` "
                                      "and `gmrun encode` run functions of data",
                                      field.name));
            return false;
        }
    }
    return true;
}

}  // namespace

std::vector<const ir::DataField*> label_inputs(const ir::Module& module,
                                               const ir::Function& function,
                                               const std::vector<InputSetting>& settings) {
    std::vector<const ir::DataField*> labels;
    for (const ir::Input& input : function.inputs) {
        if (!input.source.is_data() || find_setting(settings, input.source.field) != nullptr)
            continue;
        const ir::DataField* field = ir::find_field(module.data, input.source.field);
        if (field->label_classes() > 0) labels.push_back(field);
    }
    return labels;
}

/// With several fields of labels, a sample is of class i mod the classes of each field.
LabelClasses classes_of(const std::vector<const ir::DataField*>& labels) {
    LabelClasses classes;
    for (const ir::DataField* field : labels)
        if (classes.count == 0 || field->label_classes() < classes.count)
            classes = {field->label_classes(), field->name};
    return classes;
}

Result<Sampler> Sampler::make(LoadedModel& model, const SamplerOptions& options,
                              Diagnostics& diagnostics) {
    Executable* executable = batch_function(model, options.function, options.count, diagnostics);
    if (executable == nullptr ||
        !check_settings(model.module(), options, executable->function(), diagnostics) ||
        !check_data(model, options, executable->function(), diagnostics))
        return Failure{};
    const auto labels = label_inputs(model.module(), executable->function(), options.settings);
    const int64_t classes = classes_of(labels).count;
    if (options.label && classes == 0) {
        // A field of labels that --set-input sets is not counted among the classes.
        for (const InputSetting& setting : options.settings)
            if (ir::find_field(model.module().data, setting.field)->label_classes() > 0) {
                diagnostics.error(DiagnosticKind::kBadValue, {},
                                  "the class of samples is given twice, as label {} and by setting "
                                  "`{}`",
                                  *options.label, setting.field);
                return Failure{};
            }
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
    return Sampler(model, options, *executable, labels);
}

bool Sampler::can_sample(const LoadedModel& model, const ir::Function& function,
                         const std::vector<InputSetting>& settings) {
    return std::all_of(function.inputs.begin(), function.inputs.end(), [&](const ir::Input& i) {
        return !i.source.is_data() || find_setting(settings, i.source.field) != nullptr ||
               ir::find_field(model.module().data, i.source.field)->label_classes() > 0;
    });
}

void set_conditions(const Executable& executable, const std::vector<InputSetting>& settings,
                    int64_t first, int64_t repeat) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const ir::InputSource& source = executable.function().inputs[i].source;
        if (!source.is_data()) continue;
        for (size_t number = 0; number < settings.size(); ++number) {
            const InputSetting& setting = settings[number];
            if (setting.field != source.field) continue;
            float* to = executable.input(i);
            for (int64_t row = 0; row < executable.input_type(i).shape[0]; ++row) {
                const int64_t step = step_of(settings, number, (first + row) / repeat);
                for (size_t at = 0; at < setting.first.size(); ++at)
                    *to++ = setting.value(step, at);
            }
        }
    }
}

std::vector<InputSetting> usual_settings(const ir::Module& module, const ir::Function& function,
                                         const std::map<std::string, ValueRange>& ranges,
                                         const std::vector<InputSetting>& given) {
    constexpr int64_t kSteps = 8;
    std::vector<InputSetting> settings;
    for (const ir::Input& input : function.inputs) {
        const std::string& name = input.source.field;
        const auto range = ranges.find(name);
        if (!input.source.is_data() || range == ranges.end() ||
            find_setting(given, name) != nullptr || find_setting(settings, name) != nullptr)
            continue;
        const ir::DataField& field = *ir::find_field(module.data, name);
        if (field.label_classes() > 0 || ir::Type{ir::DType::kF32, field.shape}.elements() != 1)
            continue;
        const auto [low, high] = range->second;
        if (settings.empty() && low < high)
            settings.push_back({name, {low}, {high}, kSteps});
        else
            settings.push_back({name, {low / 2 + high / 2}, {low / 2 + high / 2}, 1});
    }
    return settings;
}

std::vector<Condition> conditions_of(const std::vector<InputSetting>& settings, int64_t count,
                                     int64_t repeat) {
    std::vector<Condition> conditions;
    for (size_t number = 0; number < settings.size(); ++number) {
        const InputSetting& setting = settings[number];
        Condition& condition = conditions.emplace_back(Condition{setting.field, {}});
        for (int64_t sample = 0; sample < count; ++sample)
            for (size_t at = 0; at < setting.first.size(); ++at)
                condition.values.push_back(
                    setting.value(step_of(settings, number, sample / repeat), at));
    }
    return conditions;
}

Result<int64_t> Sampler::next(int64_t wanted, Diagnostics& diagnostics) {
    check_work_stop();
    executable_ = model_->function_for(options_.function, wanted, diagnostics);
    if (executable_ == nullptr) return Failure{};
    set_noise(*executable_, options_.seed, next_);
    set_labels(model_->module(), *executable_, next_, options_.label);
    set_conditions(*executable_, options_.settings, next_, 1);
    set_all_valid(*executable_);
    const int64_t batch = next_ / model_->batch_size();
    executable_->run(model_->context(options_.seed, static_cast<uint32_t>(batch)));
    const int64_t rows = std::min(wanted, type().shape[0]);
    next_ += rows;
    return rows;
}

}  // namespace gmc::runtime

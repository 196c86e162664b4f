// Runs functions of a trained model batch by batch and collects their results: figures over a data
// set, samples, reconstructions, encodings.
#include "runtime/train/generate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "compiler/support/stop_work.h"
#include "runtime/data/own_order.h"
#include "runtime/files/array_header.h"
#include "runtime/memory/memory_need.h"
#include "runtime/train/fill_inputs.h"
#include "runtime/train/sampler.h"

namespace gmc::runtime {
namespace {

/// Whether the function has an input that comes from data.
bool takes_data(const Executable& executable) {
    const auto& inputs = executable.function().inputs;
    return std::any_of(inputs.begin(), inputs.end(),
                       [](const ir::Input& i) { return i.source.is_data(); });
}

/// The sums and maxima over all batches that the function `figures` of a model needs: figures that
/// are no means of examples, such as a root of a mean, are computed from them once at the end. In
/// double, because a float would lose digits over many batches.
class SetFigures {
  public:
    explicit SetFigures(LoadedModel& model) : model_(model) {
        function_ = model.module().find_function("figures");
        if (function_ == nullptr) return;
        for (const ir::Input& input : function_->inputs)
            if (input.source.is_of_set())
                sums_.push_back({input.source, std::vector<double>(elements(input), start(input))});
    }

    /// Adds the batch that `evaluate` has just run over.
    void add(const Executable& evaluate) {
        for (Sum& sum : sums_) {
            const float* from = evaluate.result(sum.source.field);
            for (size_t k = 0; k < sum.numbers.size(); ++k)
                sum.numbers[k] = joined(sum.source.kind, sum.numbers[k], from[k]);
        }
    }

    /// Writes the figures over those of their names, and removes the sums from the list.
    bool finish(const CallContext& context, std::vector<std::pair<std::string, double>>& values,
                Diagnostics& diagnostics) {
        if (function_ == nullptr) return true;
        Executable* executable = model_.function("figures", diagnostics);
        if (executable == nullptr) return false;
        for (size_t i = 0; i < sums_.size(); ++i)
            std::copy(sums_[i].numbers.begin(), sums_[i].numbers.end(), executable->input(i));
        executable->run(context);
        std::erase_if(values, [&](const auto& value) {
            return std::any_of(sums_.begin(), sums_.end(),
                               [&](const Sum& sum) { return sum.source.field == value.first; });
        });
        for (auto& [name, value] : values)
            if (const float* found = executable->result(name)) value = *found;
        return true;
    }

  private:
    struct Sum {
        ir::InputSource source;
        std::vector<double> numbers;
    };
    /// What `a` of the batches before and `b` of this one are together.
    static double joined(ir::InputSource::Kind kind, double a, double b) {
        if (kind == ir::InputSource::Kind::kTotal || std::isnan(a) || std::isnan(b)) return a + b;
        const double most = std::max(a, b);
        if (kind == ir::InputSource::Kind::kLargest || !std::isfinite(most)) return most;
        return most + std::log1p(std::exp(std::min(a, b) - most));
    }
    size_t elements(const ir::Input& input) const {
        return static_cast<size_t>(function_->type(input.value).elements());
    }
    static double start(const ir::Input& input) {
        return input.source.kind == ir::InputSource::Kind::kTotal
                   ? 0.0
                   : -std::numeric_limits<double>::infinity();
    }

    LoadedModel& model_;
    const ir::Function* function_ = nullptr;
    std::vector<Sum> sums_;
};

}  // namespace

bool has_room_for(int64_t rows, const ir::Type& type, const std::string& what,
                  Diagnostics& diagnostics) {
    const int64_t bytes = ir::f32(type.shape).bytes() / type.shape[0];
    const int64_t most = std::numeric_limits<int64_t>::max() / std::max<int64_t>(bytes, 1);
    const std::string why = why_no_room(rows > most ? most * bytes : rows * bytes);
    if (!why.empty())
        diagnostics
            .error(DiagnosticKind::kTooLarge, {}, "{} results of `{}` are too large: {}", rows,
                   what, why)
            .help("a smaller --count needs less memory");
    return why.empty();
}

std::string Examples::described() const {
    return describe_examples(shape.empty() ? shape : ir::Shape(shape.begin() + 1, shape.end()));
}

std::string name_of_like(const LoadedModel& model, const std::string& function, size_t result) {
    const ir::Function* found = model.module().find_function(function);
    const ir::DataField* like =
        found == nullptr ? nullptr : ir::field_like(model.module(), *found, result);
    return like == nullptr ? "" : like->name;
}

void append_rows(const float* batch, const ir::Type& type, int64_t rows, Examples& out) {
    if (out.shape.empty()) {
        out.shape = type.shape;
        out.shape[0] = 0;
    }
    out.shape[0] += rows;
    out.values.insert(out.values.end(), batch, batch + rows * (type.elements() / type.shape[0]));
}

Executable* batch_function(LoadedModel& model, const std::string& name, int64_t wanted,
                           Diagnostics& diagnostics) {
    const ir::Function* function = model.module().find_function(name);
    if (function == nullptr) return model.function(name, diagnostics);
    if (function->results.empty()) {
        diagnostics.error(DiagnosticKind::kWrongType, {}, "function `{}` has no result", name);
        return nullptr;
    }
    for (const ir::NamedValue& result : function->results) {
        if (function->has_rows(result, model.batch_size())) continue;
        const ir::Type& type = function->type(result.value);
        Diagnostic& error = diagnostics.error(
            DiagnosticKind::kWrongType, {},
            "function `{}` makes no batch of examples: its result `{}` is {}, without a row for "
            "each of {} examples",
            name, result.name,
            type.is_scalar() ? "one number" : ir::to_string(type.shape) + " in all",
            model.batch_size());
        if (function->results.size() > 1)
            error.help(fmt::format(
                "leave `{}` out of the function, or add it to what each example has", result.name));
        return nullptr;
    }
    return model.function_for(name, wanted, diagnostics);
}

int64_t rows_of(const Executable& executable) { return executable.result_type(0).shape[0]; }

Result<EvaluationResult> evaluate(LoadedModel& model, DataSplit split, uint64_t seed,
                                  Diagnostics& diagnostics) {
    auto loader = model.data().make_loader(
        split, {model.batch_size(), LoaderMode::kEvaluate, seed, 2}, diagnostics);
    if (!loader.ok()) return Failure{};
    auto result = evaluate(model, **loader, seed, diagnostics);
    (*loader)->dataset().add_warnings(diagnostics);
    return result;
}

/// Each result of a batch counts by its number of valid rows, which makes the mean over all
/// examples exact. The figures of `figures` then take the place of those that are no means.
static Result<EvaluationResult> evaluate_once(LoadedModel& model, Loader& loader, uint64_t seed,
                                              Diagnostics& diagnostics) {
    Executable* executable = model.function("evaluate", diagnostics);
    if (executable == nullptr) return Failure{};
    SetFigures figures(model);
    loader.seek({});
    EvaluationResult result;
    for (const ir::NamedValue& named : executable->function().results)
        result.values.emplace_back(named.name, 0.0);
    const int64_t batches = loader.batches_per_epoch();
    for (int64_t b = 0; b < batches; ++b) {
        check_work_stop();
        const auto batch = loader.next(diagnostics);
        if (!batch.ok()) return Failure{};
        set_inputs(*executable, loader, **batch);
        executable->run(model.context(seed, static_cast<uint32_t>(b)));
        const int64_t rows = (*batch)->valid_rows;
        for (size_t i = 0; i < result.values.size(); ++i)
            result.values[i].second +=
                static_cast<double>(executable->result(i)[0]) * static_cast<double>(rows);
        figures.add(*executable);
        result.examples += rows;
    }
    for (auto& [name, value] : result.values) value /= static_cast<double>(result.examples);
    if (!figures.finish(model.context(seed, 0), result.values, diagnostics)) return Failure{};
    return result;
}

namespace {

/// The sets of data that a model evaluates, and through which of them each of its figures goes.
class FigureSets {
  public:
    FigureSets(const ir::Module& module, const Dataset& dataset)
        : module_(module), dataset_(dataset) {}

    /// Whether a result of @evaluate is a figure, no sum for one.
    bool is_figure(const std::string& result) const {
        return module_.figure_fields.empty() || find(result) != nullptr;
    }
    /// How many examples a figure goes through: of the longest set that it depends on.
    int64_t examples_of(const std::string& figure) const {
        return longest_set(dataset_, fields_of_figure(figure));
    }
    /// Whether it depends on sets of different length.
    bool is_of_several(const std::string& figure) const {
        std::set<int64_t> lengths;
        for (const std::string& name : fields_of_figure(figure))
            lengths.insert(longest_set(dataset_, {name}));
        return lengths.size() > 1;
    }
    /// The sets that figures depend on; {} where all are of one length.
    std::vector<std::pair<std::vector<std::string>, int64_t>> lengths() const {
        std::vector<std::pair<std::vector<std::string>, int64_t>> sets;
        std::set<std::string> listed;
        std::set<int64_t> lengths;
        for (const std::string& name : fields_of(*module_.find_function("evaluate"))) {
            if (!listed.insert(name).second) continue;
            const int64_t examples = longest_set(dataset_, {name});
            lengths.insert(examples);
            const auto same = std::find_if(sets.begin(), sets.end(),
                                           [&](const auto& s) { return s.second == examples; });
            if (same == sets.end())
                sets.push_back({{name}, examples});
            else
                same->first.push_back(name);
        }
        if (lengths.size() < 2 && (lengths.empty() || *lengths.begin() == dataset_.count()))
            return {};
        return sets;
    }

  private:
    /// What is not known depends on all that is taken.
    std::vector<std::string> fields_of_figure(const std::string& name) const {
        if (const ir::FigureFields* known = find(name)) return known->of;
        return fields_of(*module_.find_function("evaluate"));
    }

    const ir::FigureFields* find(const std::string& name) const {
        for (const ir::FigureFields& figure : module_.figure_fields)
            if (figure.figure == name) return &figure;
        return nullptr;
    }

    const ir::Module& module_;
    const Dataset& dataset_;
};

}  // namespace

/// A pass over each length that a figure needs, with all figures; each is taken from its own.
Result<EvaluationResult> evaluate(LoadedModel& model, Loader& loader, uint64_t seed,
                                  Diagnostics& diagnostics) {
    const ir::Function* function = model.module().find_function("evaluate");
    if (function == nullptr) return evaluate_once(model, loader, seed, diagnostics);
    const int64_t shared = loader.dataset().count();
    const FigureSets sets(model.module(), loader.dataset());
    std::map<int64_t, EvaluationResult> passes;
    for (const ir::NamedValue& figure : function->results) {
        const int64_t examples = sets.examples_of(figure.name);
        if (!sets.is_figure(figure.name) || passes.count(examples) != 0) continue;
        std::unique_ptr<Loader> other;
        if (examples != shared) {
            auto dataset = gone_through_to(loader.dataset(), examples, diagnostics);
            if (!dataset.ok()) return Failure{};
            auto made = Loader::create(dataset.take(), loader.options(), diagnostics);
            if (!made.ok()) return Failure{};
            other = made.take();
        }
        auto pass = evaluate_once(model, other ? *other : loader, seed, diagnostics);
        if (!pass.ok()) return Failure{};
        passes.emplace(examples, pass.take());
    }
    if (passes.empty()) return evaluate_once(model, loader, seed, diagnostics);
    EvaluationResult result = passes.begin()->second;
    for (size_t i = 0; i < result.values.size(); ++i) {
        auto& [name, value] = result.values[i];
        value = passes.at(sets.examples_of(name)).values[i].second;
        if (sets.is_of_several(name)) result.of_several.push_back(name);
    }
    result.examples = shared;
    result.sets = sets.lengths();
    return result;
}

Result<Examples> generate(LoadedModel& model, const std::string& name, int64_t count, uint64_t seed,
                          Diagnostics& diagnostics) {
    return generate(model, {.function = name, .seed = seed}, count, diagnostics);
}

Result<Examples> generate(LoadedModel& model, const SamplerOptions& options, int64_t count,
                          Diagnostics& diagnostics) {
    SamplerOptions counted = options;
    counted.count = count;
    auto sampler = Sampler::make(model, counted, diagnostics);
    if (!sampler.ok()) return Failure{};
    Examples out;
    out.classes = options.label ? 0 : sampler->classes();
    out.class_field = sampler->class_field();
    out.asked = sampler->asked();
    const ir::Function* function = model.module().find_function(options.function);
    out.several_labels = label_inputs(model.module(), *function, {}).size() > 1;
    out.like = name_of_like(model, options.function);
    out.label = options.label;
    if (!has_room_for(count, sampler->type(), options.function, diagnostics)) return Failure{};
    out.values.reserve(
        static_cast<size_t>(count * (sampler->type().elements() / sampler->type().shape[0])));
    out.conditions = conditions_of(options.settings, count, 1);
    for (int64_t done = 0; done < count;) {
        const auto rows = sampler->next(count - done, diagnostics);
        if (!rows.ok()) return Failure{};
        append_rows(sampler->batch(), sampler->type(), *rows, out);
        done += *rows;
    }
    return out;
}

/// What a function of data is shown beside: of what it takes, the field that its result is like,
/// else one that has its shape, else one that it could be like. A function that takes none of those
/// is shown beside what its result is like.
static std::string name_of_originals(const ir::Module& module, const ir::Function& function,
                                     const std::string& like) {
    const std::vector<std::string> taken = fields_of(function);
    if (std::count(taken.begin(), taken.end(), like) != 0) return like;
    for (const ir::DataField* field : ir::fields_like(module, function))
        if (std::count(taken.begin(), taken.end(), field->name) != 0) return field->name;
    return like;
}

/// Batches of data go through the function; originals are kept beside the results, since the loader
/// reuses its memory.
Result<Reconstruction> reconstruct(LoadedModel& model, const std::string& name, DataSplit split,
                                   int64_t count, uint64_t seed, Diagnostics& diagnostics) {
    Executable* executable = batch_function(model, name, count, diagnostics);
    if (executable == nullptr) return Failure{};
    auto loader = model.data().make_loader(
        split, {rows_of(*executable), LoaderMode::kEvaluate, seed, 0}, diagnostics);
    if (!loader.ok() || !cover_sets(*loader, fields_of(executable->function()), diagnostics))
        return Failure{};
    Reconstruction out;
    out.reconstructions.like = name_of_like(model, name);
    out.originals.like =
        name_of_originals(model.module(), executable->function(), out.reconstructions.like);
    const int64_t field = std::max<int64_t>((*loader)->dataset().find(out.originals.like), 0);
    const FieldPtr& originals = (*loader)->dataset().fields()[field];
    out.originals.shape = {0};
    out.originals.shape.insert(out.originals.shape.end(), originals->shape().begin(),
                               originals->shape().end());
    for (int64_t done = 0; done < count;) {
        const auto batch = (*loader)->next(diagnostics);
        if (!batch.ok()) return Failure{};
        const int64_t rows = std::min((*batch)->valid_rows, count - done);
        const float* from = (*batch)->fields[field];
        out.originals.values.insert(out.originals.values.end(), from,
                                    from + rows * originals->elements());
        out.originals.shape[0] += rows;
        set_inputs(*executable, **loader, **batch);
        set_noise(*executable, seed, done);
        executable->run(model.context(seed, static_cast<uint32_t>((*batch)->cursor.batch)));
        append_rows(executable->result(0), executable->result_type(0), rows, out.reconstructions);
        done += rows;
        if ((*batch)->cursor.batch + 1 == (*loader)->batches_per_epoch()) break;
    }
    (*loader)->dataset().add_warnings(diagnostics);
    return out;
}

Result<std::vector<std::pair<std::string, Examples>>> encode(LoadedModel& model,
                                                             const std::string& name,
                                                             DataSplit split, int64_t count,
                                                             uint64_t seed,
                                                             Diagnostics& diagnostics) {
    Executable* executable =
        batch_function(model, name, count == 0 ? model.batch_size() : count, diagnostics);
    if (executable == nullptr) return Failure{};
    if (!takes_data(*executable)) {
        diagnostics.error(DiagnosticKind::kWrongType, {},
                          "function `{}` takes no data field, so there is nothing to encode", name);
        return Failure{};
    }
    const int64_t batch_size = rows_of(*executable);
    auto loader =
        model.data().make_loader(split, {batch_size, LoaderMode::kEvaluate, seed, 2}, diagnostics);
    if (!loader.ok() || !cover_sets(*loader, fields_of(executable->function()), diagnostics))
        return Failure{};
    const int64_t there = (*loader)->dataset().count();
    count = count == 0 ? there : std::min(count, there);
    std::vector<std::pair<std::string, Examples>> out;
    for (const ir::NamedValue& result : executable->function().results) {
        if (!has_room_for(count, executable->function().type(result.value), name, diagnostics))
            return Failure{};
        out.emplace_back(result.name, Examples{});
    }
    for (int64_t done = 0; done < count; done += batch_size) {
        const auto batch = (*loader)->next(diagnostics);
        if (!batch.ok()) return Failure{};
        set_inputs(*executable, **loader, **batch);
        set_noise(*executable, seed, done);
        executable->run(model.context(seed, static_cast<uint32_t>((*batch)->cursor.batch)));
        for (size_t i = 0; i < out.size(); ++i)
            append_rows(executable->result(i), executable->result_type(i),
                        std::min(batch_size, count - done), out[i].second);
    }
    (*loader)->dataset().add_warnings(diagnostics);
    return out;
}

}  // namespace gmc::runtime

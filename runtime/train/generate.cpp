// Batches of a function's results, collected.
#include "runtime/train/generate.h"

#include <algorithm>

namespace gmc::runtime {
namespace {

/// Appends the valid rows of `executable`'s first result.
void append_rows(const Executable& executable, int64_t rows, Examples& out) {
    const ir::Type& type = executable.result_type(0);
    const int64_t width = type.elements() / type.shape[0];
    if (out.shape.empty()) {
        out.shape = type.shape;
        out.shape[0] = 0;
    }
    out.shape[0] += rows;
    out.values.insert(out.values.end(), executable.result(0), executable.result(0) + rows * width);
}

/// A function that makes one row per example.
Executable* batch_function(LoadedModel& model, const std::string& name, Diagnostics& diagnostics) {
    Executable* executable = model.function(name, diagnostics);
    if (executable == nullptr) return nullptr;
    if (executable->result_count() > 0 && executable->result_type(0).rank() > 0 &&
        executable->result_type(0).shape[0] == model.batch_size())
        return executable;
    diagnostics.error(DiagnosticKind::kWrongType, {}, "function `{}` makes no batch of examples",
                      name);
    return nullptr;
}

}  // namespace

Result<EvaluationResult> evaluate(LoadedModel& model, DataSplit split, uint64_t seed,
                                  Diagnostics& diagnostics) {
    Executable* executable = model.function("evaluate", diagnostics);
    if (executable == nullptr) return Failure{};
    auto loader =
        model.make_loader(split, {model.batch_size(), LoaderMode::kEvaluate, seed, 2}, diagnostics);
    if (!loader.ok()) return Failure{};
    EvaluationResult result;
    for (const ir::NamedValue& named : executable->function().results)
        result.values.emplace_back(named.name, 0.0);
    const int64_t batches = (*loader)->batches_per_epoch();
    for (int64_t b = 0; b < batches; ++b) {
        const auto batch = (*loader)->next(diagnostics);
        if (!batch.ok()) return Failure{};
        model.set_inputs(*executable, **loader, **batch);
        executable->run({seed, static_cast<uint32_t>(b), 0, 0});
        const int64_t rows = (*batch)->valid_rows;
        for (size_t i = 0; i < result.values.size(); ++i)
            result.values[i].second +=
                static_cast<double>(executable->result(i)[0]) * static_cast<double>(rows);
        result.examples += rows;
    }
    for (auto& [name, value] : result.values) value /= static_cast<double>(result.examples);
    return result;
}

Result<Examples> generate(LoadedModel& model, const std::string& name, int64_t count, uint64_t seed,
                          Diagnostics& diagnostics) {
    Executable* executable = batch_function(model, name, diagnostics);
    if (executable == nullptr) return Failure{};
    Examples out;
    for (int64_t done = 0; done < count; done += model.batch_size()) {
        model.set_noise(*executable, seed, done);
        executable->run({seed, static_cast<uint32_t>(done / model.batch_size()), 0, 0});
        append_rows(*executable, std::min(model.batch_size(), count - done), out);
    }
    return out;
}

Result<Reconstruction> reconstruct(LoadedModel& model, const std::string& name, DataSplit split,
                                   int64_t count, uint64_t seed, Diagnostics& diagnostics) {
    Executable* executable = batch_function(model, name, diagnostics);
    if (executable == nullptr) return Failure{};
    auto loader =
        model.make_loader(split, {model.batch_size(), LoaderMode::kEvaluate, seed, 0}, diagnostics);
    if (!loader.ok()) return Failure{};
    const int64_t field = std::max<int64_t>((*loader)->dataset().find(image_field(model)), 0);
    const FieldPtr& originals = (*loader)->dataset().fields()[field];
    Reconstruction out;
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
        model.set_inputs(*executable, **loader, **batch);
        model.set_noise(*executable, seed, done);
        executable->run({seed, static_cast<uint32_t>((*batch)->cursor.batch), 0, 0});
        append_rows(*executable, rows, out.reconstructions);
        done += rows;
        if ((*batch)->cursor.batch + 1 == (*loader)->batches_per_epoch()) break;
    }
    return out;
}

std::string image_field(const LoadedModel& model) {
    for (const auto& [key, value] : model.module().config) {
        if (!key.starts_with("data.") || !key.ends_with(".shape")) continue;
        const auto& shape = std::get<std::vector<double>>(value);
        if (shape.size() == 3 && (shape[2] == 1 || shape[2] == 3))
            return key.substr(5, key.size() - 11);
    }
    return "";
}

bool as_images(const Examples& examples, ImageBatch& images) {
    const ir::Shape& s = examples.shape;
    if (s.size() != 4 || (s[3] != 1 && s[3] != 3)) return false;
    images = {examples.values.data(), s[0], s[1], s[2], s[3]};
    return true;
}

}  // namespace gmc::runtime

// Judges samples: runs them and the data through a classifier, batch by batch, and compares
// features and classes.
#include "runtime/train/sample_quality.h"

#include <algorithm>

#include "runtime/data/field_source.h"
#include "runtime/metrics/frechet.h"
#include "runtime/train/generate.h"
#include "runtime/train/picture.h"
#include "runtime/train/sampler.h"

namespace gmc::runtime {
namespace {

/// A function of a classifier that is fed examples one by one, although it runs in batches.
class ExampleFunction {
  public:
    /// Null after an error, see classifier_quality.
    static std::optional<ExampleFunction> make(LoadedModel& classifier, const std::string& name,
                                               Diagnostics& diagnostics) {
        Executable* executable =
            batch_function(classifier, name, classifier.batch_size(), diagnostics);
        if (executable == nullptr) return std::nullopt;
        const auto& inputs = executable->function().inputs;
        if (inputs.size() == 1 && inputs[0].source.is_data() &&
            executable->result_type(0).rank() == 2)
            return ExampleFunction(classifier, *executable);
        diagnostics
            .error(DiagnosticKind::kWrongType, {},
                   "function `{}` of model `{}` does not take one data field and give one vector, "
                   "so model `{}` is no classifier of samples",
                   name, classifier.module().name, classifier.module().name)
            .help(fmt::format("in the classifier's `functions`: `{}(image): ...`", name));
        return std::nullopt;
    }

    const std::string& name() const { return executable_->function().name; }
    ir::Shape example_shape() const {
        const ir::Shape& shape = executable_->input_type(0).shape;
        return {shape.begin() + 1, shape.end()};
    }
    ValueRange range() const {
        const std::string& field = executable_->function().inputs[0].source.field;
        return value_range(*ir::find_field(classifier_->module().data, field));
    }
    int64_t width() const { return executable_->result_type(0).shape[1]; }
    /// [N, width()], for all examples that were put in before flush().
    const std::vector<float>& results() const { return results_; }

    /// Adds `rows` examples; their values v are converted to scale * v + offset.
    void put(const float* examples, int64_t rows, float scale, float offset) {
        for (int64_t row = 0; row < rows; ++row) {
            float* to = pending_.data() + waiting_ * elements_;
            for (int64_t k = 0; k < elements_; ++k)
                to[k] = scale * examples[row * elements_ + k] + offset;
            if (++waiting_ == classifier_->batch_size()) flush();
        }
    }
    /// Runs the examples that wait. The rest of the batch is padded with copies of the first one.
    void flush() {
        if (waiting_ == 0) return;
        const int64_t batch = classifier_->batch_size();
        for (int64_t row = waiting_; row < batch; ++row)
            std::copy_n(pending_.data(), elements_, pending_.data() + row * elements_);
        std::copy(pending_.begin(), pending_.end(), executable_->input(0));
        executable_->run(classifier_->context(1, 0));
        results_.insert(results_.end(), executable_->result(0),
                        executable_->result(0) + waiting_ * width());
        waiting_ = 0;
    }
    /// Returns the results and forgets them.
    std::vector<float> take() {
        flush();
        return std::exchange(results_, {});
    }

  private:
    ExampleFunction(LoadedModel& classifier, Executable& executable)
        : classifier_(&classifier),
          executable_(&executable),
          elements_(executable.input_type(0).elements() / classifier.batch_size()),
          pending_(static_cast<size_t>(executable.input_type(0).elements())) {}

    LoadedModel* classifier_;
    Executable* executable_;
    int64_t elements_;
    std::vector<float> pending_;
    int64_t waiting_ = 0;
    std::vector<float> results_;
};

/// One comparison of a model's samples with its data by a classifier: finds the functions that it
/// needs, checks that they fit, and computes the figures.
class Comparison {
  public:
    Comparison(LoadedModel& model, LoadedModel& classifier, Diagnostics& diagnostics)
        : model_(model), classifier_(classifier), diagnostics_(diagnostics) {}

    Result<ClassifierQuality> run(int64_t count, uint64_t seed) {
        auto sampler = Sampler::make(model_, {"sample", seed, {}}, diagnostics_);
        if (!sampler.ok()) return Failure{};
        features_ = ExampleFunction::make(classifier_, "features", diagnostics_);
        if (!features_ || !same_shape(*features_, *sampler)) return Failure{};
        if (sampler->classes() > 0) {
            classify_ = ExampleFunction::make(classifier_, "classify", diagnostics_);
            if (!classify_ || !same_shape(*classify_, *sampler) || !same_classes(*sampler))
                return Failure{};
        }
        if (!find_field()) return Failure{};
        const auto samples = fit_samples(*sampler, count);
        if (!samples.ok()) return Failure{};
        quality_.samples = count;
        if (!compare_with_data(*samples, seed)) return Failure{};
        return quality_;
    }

  private:
    bool same_shape(const ExampleFunction& function, const Sampler& sampler) {
        shape_ = {sampler.type().shape.begin() + 1, sampler.type().shape.end()};
        if (function.example_shape() == shape_) return true;
        diagnostics_.error(DiagnosticKind::kShapeMismatch, {},
                           "model `{}` makes samples of shape {}, but `{}` of model `{}` takes {}",
                           model_.module().name, ir::to_string(shape_), function.name(),
                           classifier_.module().name, ir::to_string(function.example_shape()));
        return false;
    }

    bool same_classes(const Sampler& sampler) {
        if (sampler.classes() == classify_->width()) return true;
        diagnostics_.error(DiagnosticKind::kShapeMismatch, {},
                           "model `{}` makes samples of {} classes, but `classify` of model `{}` "
                           "knows {}",
                           model_.module().name, sampler.classes(), classifier_.module().name,
                           classify_->width());
        return false;
    }

    /// Finds the data that samples imitate. Samples have its range.
    bool find_field() {
        const ir::Function& sample = *model_.module().find_function("sample");
        if (const ir::DataField* field = ir::field_like(model_.module(), sample);
            field != nullptr && field->shape == shape_) {
            field_ = field->name;
            const ValueRange from = value_range(*field), to = features_->range();
            scale_ = (to.high - to.low) / (from.high - from.low);
            offset_ = to.low - scale_ * from.low;
            return true;
        }
        diagnostics_.error(DiagnosticKind::kShapeMismatch, {},
                           "model `{}` makes samples of shape {}, but has no data of this shape to "
                           "compare them with",
                           model_.module().name, ir::to_string(shape_));
        return false;
    }

    Result<GaussianFit> fit_samples(Sampler& sampler, int64_t count) {
        for (int64_t done = 0; done < count;) {
            const auto rows = sampler.next(count - done, diagnostics_);
            if (!rows.ok()) return Failure{};
            // A model that judges itself computes features where its samples lie.
            const std::vector<float> samples(sampler.batch(),
                                             sampler.batch() + *rows * ir::f32(shape_).elements());
            features_->put(samples.data(), *rows, scale_, offset_);
            if (classify_) classify_->put(samples.data(), *rows, scale_, offset_);
            done += *rows;
        }
        if (classify_) quality_.class_accuracy = accuracy(classify_->take(), sampler);
        return fit_gaussian(features_->take(), features_->width());
    }

    double accuracy(const std::vector<float>& logits, const Sampler& sampler) const {
        const int64_t classes = classify_->width(),
                      count = static_cast<int64_t>(logits.size()) / classes;
        int64_t right = 0;
        for (int64_t i = 0; i < count; ++i) {
            const auto begin = logits.begin() + i * classes;
            right += std::max_element(begin, begin + classes) - begin == sampler.label_of(i);
        }
        return static_cast<double>(right) / static_cast<double>(count);
    }

    bool compare_with_data(const GaussianFit& samples, uint64_t seed) {
        // Without test data the loader gives the training data for both splits.
        const auto test = fit_data(DataSplit::kTest, seed);
        if (!test.ok()) return false;
        quality_.data_examples = test->count;
        quality_.frechet_distance = frechet_distance(samples, *test);
        if (const int64_t fewest = std::min(samples.count, test->count);
            fewest <= features_->width())
            diagnostics_.warning(
                DiagnosticKind::kBadValue, {},
                "the Frechet distance is of {} images only and of {} features: with "
                "fewer images than features it comes out too large",
                fewest, features_->width());
        if (!model_.data().has_test()) return true;
        const auto train = fit_data(DataSplit::kTrain, seed);
        if (!train.ok()) return false;
        quality_.frechet_distance_of_data = frechet_distance(*train, *test);
        return true;
    }

    Result<GaussianFit> fit_data(DataSplit split, uint64_t seed) {
        auto loader = model_.data().make_loader(
            split, {model_.batch_size(), LoaderMode::kEvaluate, seed, 2}, diagnostics_);
        if (!loader.ok() || !cover_sets(*loader, {field_}, diagnostics_)) return Failure{};
        const auto field = static_cast<size_t>((*loader)->dataset().find(field_));
        for (int64_t b = 0; b < (*loader)->batches_per_epoch(); ++b) {
            const auto batch = (*loader)->next(diagnostics_);
            if (!batch.ok()) return Failure{};
            features_->put((*batch)->fields[field], (*batch)->valid_rows, scale_, offset_);
        }
        const std::vector<float> rows = features_->take();
        if (static_cast<int64_t>(rows.size()) >= 2 * features_->width())
            return fit_gaussian(rows, features_->width());
        diagnostics_.error(DiagnosticKind::kBadValue, {},
                           "model `{}` has one example, too few for a distance of distributions",
                           model_.module().name);
        return Failure{};
    }

    LoadedModel& model_;
    LoadedModel& classifier_;
    Diagnostics& diagnostics_;
    std::optional<ExampleFunction> features_, classify_;
    /// Of one sample.
    ir::Shape shape_;
    std::string field_;
    /// Converts from the model's range to the classifier's.
    float scale_ = 1, offset_ = 0;
    ClassifierQuality quality_;
};

}  // namespace

std::string compared_with(const LoadedModel& model) {
    const ir::Function* sample = model.module().find_function("sample");
    const bool several = sample != nullptr && ir::fields_like(model.module(), *sample).size() > 1;
    return several ? name_of_like(model, "sample") : "";
}

std::optional<SyntheticModes> modes_of(const LoadedModel& model) {
    const ir::Function* sample = model.module().find_function("sample");
    if (sample == nullptr || sample->results.empty() ||
        !are_points(sample->type(sample->results[0].value).shape))
        return std::nullopt;
    const ir::DataField* field = ir::field_like(model.module(), *sample);
    if (field == nullptr || field->format != "synthetic") return std::nullopt;
    return synthetic_modes(field->source);
}

Result<ModeCoverage> sample_modes(LoadedModel& model, const SyntheticModes& modes, int64_t count,
                                  uint64_t seed, Diagnostics& diagnostics) {
    const auto samples = generate(model, "sample", count, seed, diagnostics);
    if (!samples.ok()) return Failure{};
    return mode_coverage(samples->values, modes);
}

Result<ClassifierQuality> classifier_quality(LoadedModel& model, LoadedModel& classifier,
                                             int64_t count, uint64_t seed,
                                             Diagnostics& diagnostics) {
    return Comparison(model, classifier, diagnostics).run(count, seed);
}

}  // namespace gmc::runtime

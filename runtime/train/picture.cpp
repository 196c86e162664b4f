// Draws examples: chooses a grid of images or a scatter plot by their shape, and gets what either
// needs of the model and its data (range, names of classes, points).
#include "runtime/train/picture.h"

#include <algorithm>
#include <filesystem>

#include "runtime/data/field_source.h"
#include "runtime/output/scatter.h"
#include "runtime/train/generate.h"
#include "runtime/train/sampler.h"

namespace gmc::runtime {
namespace {

/// What fits a picture: 8 x 8 images; points that still can be told apart.
constexpr int64_t kImagesUsual = 64, kPointsUsual = 2000;
/// A wider grid does not fit a screen.
constexpr int64_t kColumnsMost = 64;

/// The first points of a field of the data, as many as a picture shows.
bool read_points(LoadedModel& model, const std::string& name, std::vector<float>& points,
                 Diagnostics& diagnostics) {
    const ir::DataField* declared = ir::find_field(model.module().data, name);
    if (declared == nullptr) return true;
    auto loader =
        model.data().make_loader(DataSplit::kTest, {1, LoaderMode::kEvaluate, 0, 0}, diagnostics);
    if (!loader.ok()) return false;
    const Dataset& dataset = (*loader)->dataset();
    const Field& field = *dataset.fields()[static_cast<size_t>(dataset.find(declared->name))];
    const int64_t count = field.own_count().value_or(field.count());
    points.resize(static_cast<size_t>(2 * std::min(count, kPointsUsual)));
    for (size_t i = 0; i < points.size(); i += 2)
        field.read(static_cast<int64_t>(i / 2), points.data() + i);
    return true;
}

/// The samples that are drawn after an epoch.
struct DrawnSamples {
    ir::Type type;     ///< of a batch of them
    std::string like;  ///< Examples::like
    LabelClasses classes;
    std::vector<InputSetting> settings;
    int64_t columns() const { return settings.empty() ? 0 : settings.front().steps; }
};

/// None for models whose samples are no pictures or points, or no examples, or are made of other
/// data.
std::optional<DrawnSamples> drawn_samples(const LoadedModel& model,
                                          const std::map<std::string, ValueRange>& ranges) {
    const ir::Function* sample = model.module().find_function("sample");
    if (sample == nullptr || sample->results.empty() ||
        !sample->has_rows(sample->results[0], model.batch_size()))
        return std::nullopt;
    DrawnSamples drawn{sample->type(sample->results[0].value),
                       name_of_like(model, "sample"),
                       {},
                       usual_settings(model.module(), *sample, ranges, {})};
    drawn.classes = classes_of(label_inputs(model.module(), *sample, drawn.settings));
    if (!is_drawable(drawn.type.shape) || !Sampler::can_sample(model, *sample, drawn.settings))
        return std::nullopt;
    return drawn;
}

}  // namespace

std::vector<std::string> names_of_classes(const ir::Module& module, const std::string& field) {
    const ir::DataField* labels = ir::find_field(module.data, field);
    return labels == nullptr ? std::vector<std::string>() : labels->class_names;
}

bool as_images(const Examples& examples, ImageBatch& images) {
    const ir::Shape& s = examples.shape;
    if (s.size() != 4 || (s[3] != 1 && s[3] != 3)) return false;
    images = {examples.values.data(), s[0], s[1], s[2], s[3]};
    return true;
}

bool are_points(const ir::Shape& shape) { return shape.size() == 2 && shape[1] == 2; }

bool is_drawable(const ir::Shape& shape) {
    return are_points(shape) ||
           (shape.size() == 4 && (shape[3] == 1 || shape[3] == 3 || shape[3] == 4));
}

int64_t usual_count(const ir::Shape& shape) {
    return are_points(shape) ? kPointsUsual : kImagesUsual;
}

GridOptions grid_options(const LoadedModel& model, const std::string& like) {
    GridOptions grid;
    if (const ir::DataField* field = ir::find_field(model.module().data, like)) {
        grid.low = value_range(*field).low;
        grid.high = value_range(*field).high;
    }
    return grid;
}

Result<Image> draw(LoadedModel& model, const Examples& examples, int64_t columns,
                   Diagnostics& diagnostics) {
    ImageBatch images;
    if (as_images(examples, images)) {
        GridOptions grid = grid_options(model, examples.like);
        grid.columns = columns != 0 ? columns : std::min(examples.classes, kColumnsMost);
        const std::vector<std::string> names =
            names_of_classes(model.module(), examples.class_field);
        const bool named = examples.classes > 0 && !names.empty();
        for (int64_t i = 0; named && i < images.count; ++i)
            grid.captions.push_back(names[static_cast<size_t>(i % examples.classes)]);
        return image_grid(images, grid, diagnostics);
    }
    if (!are_points(examples.shape)) {
        diagnostics.error(DiagnosticKind::kShapeMismatch, {},
                          "{}, which are neither images nor points of the plane, cannot be drawn",
                          examples.described());
        return Failure{};
    }
    std::vector<float> data;
    if (!read_points(model, examples.like, data, diagnostics)) return Failure{};
    ScatterOptions scatter;
    scatter.path_length = columns;
    return scatter_plot(data, examples.values, scatter, diagnostics);
}

bool can_draw_samples(LoadedModel& model, std::optional<int64_t> count,
                      const std::map<std::string, ValueRange>& ranges, Diagnostics& diagnostics) {
    const std::optional<DrawnSamples> drawn = drawn_samples(model, ranges);
    if (!drawn) return true;
    const ir::Shape& shape = drawn->type.shape;
    const int64_t wanted = count.value_or(usual_count(shape));
    if (!has_room_for(wanted, drawn->type, "sample", diagnostics)) return false;
    if (are_points(shape)) return true;
    GridOptions grid = grid_options(model, drawn->like);
    const int64_t columns = drawn->columns();
    grid.columns = columns != 0 ? columns : std::min(drawn->classes.count, kColumnsMost);
    if (!names_of_classes(model.module(), drawn->classes.field).empty()) grid.captions = {""};
    return can_be_grid({nullptr, wanted, shape[1], shape[2], shape[3]}, grid, diagnostics);
}

Result<std::optional<Image>> draw_samples(LoadedModel& model, uint64_t seed,
                                          std::optional<int64_t> count,
                                          const std::map<std::string, ValueRange>& ranges,
                                          Diagnostics& diagnostics) {
    const std::optional<DrawnSamples> drawn = drawn_samples(model, ranges);
    if (!drawn) return std::optional<Image>();
    const auto samples = generate(model, {.seed = seed, .settings = drawn->settings},
                                  count.value_or(usual_count(drawn->type.shape)), diagnostics);
    if (!samples.ok()) return Failure{};
    auto picture = draw(model, *samples, drawn->columns(), diagnostics);
    if (!picture.ok()) return Failure{};
    return std::optional<Image>(picture.take());
}

}  // namespace gmc::runtime

// What is made with trained states: labelled samples, encodings, interpolations, and figures about
// the quality of samples. The tests set the models' weights by hand, so that every number is known.
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "compiler/ir/artefact.h"
#include "runtime/data/pictures/picture_file.h"
#include "runtime/output/png.h"
#include "runtime/run/trainer.h"
#include "runtime/train/interpolate.h"
#include "runtime/train/picture.h"
#include "runtime/train/sample_quality.h"
#include "runtime/train/sampler.h"
#include "tests/compile_model.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;
using runtime::Examples;
using Values = std::vector<float>;

/// Points of 8 classes; both coordinates of a sample are its label.
constexpr const char* kPoints = R"(
model: points
data:
  point: {synthetic: ring, count: 400}
  label: {labels_of: point}
  test:
    point: {synthetic: ring, count: 90}
    label: {labels_of: point}
networks:
  net: {inputs: {z: [2]}, layers: [dense: 2]}
objective:
  let: {z: normal(net), u: uniform(3)}
  minimize: {networks: net, loss: mean(sum((net(z) - point)^2))}
  functions:
    sample(z, label): 0 * net(z) + label
    plain(z): 1 * z
    flat(u): 1 * u
    of_data(point): 1 * point
    number(z): mean(sum(z))
    encode(point, label): {twice: 2 * point, class: 1 * label}
train: {batch_size: 32, epochs: 2}
)";

/// Pictures of 4 x 4, and the networks that a classifier needs.
constexpr const char* kPictures = R"(
model: pictures
data:
  image: {synthetic: {set: shapes, size: 4, classes: 2}, count: 40, range: [0, 1]}
  label: {labels_of: image}
  test:
    image: {synthetic: {set: shapes, size: 4, classes: 2}, count: 30}
    label: {labels_of: image}
networks:
  net: {inputs: {x: data.image}, layers: [flatten, dense: 2]}
objective:
  let: {noise: normal(image)}
  minimize: {networks: net, loss: mean(sum(net(image)^2))}
  functions:
    sample(noise, label): 0 * noise + label
    features(image): net(image)
    classify(image): net(image)
train: {batch_size: 8, epochs: 1}
)";

struct TestModel {
    fs::path folder;
    std::string path;
    std::unique_ptr<runtime::LoadedModel> model;
    ~TestModel() { fs::remove_all(folder); }
};

/// Compiles and loads `text`, with `sets` as --set, and initialises its states.
std::unique_ptr<TestModel> make_model(const std::string& text,
                                      const std::vector<std::string>& sets = {}) {
    static int count = 0;
    auto made = std::make_unique<TestModel>();
    made->folder = fs::temp_directory_path() /
                   ("gmc-sampling-" + std::to_string(getpid()) + "-" + std::to_string(count++));
    fs::create_directories(made->folder);
    std::ofstream(made->folder / "m.yaml") << text;
    Diagnostics diagnostics;
    auto spec = dsl::read_model({made->folder / "m.yaml", sets, {}}, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(spec.ok());
    auto module = lower::build_module(*spec, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(module.ok());
    REQUIRE(passes::run_stages(*module, pipeline(), {}, diagnostics).ok());
    made->path = made->folder / "m.gmc";
    REQUIRE(ir::write_file(made->path, ir::artefact_text(*module), diagnostics));
    auto model = runtime::LoadedModel::load(made->path, diagnostics);
    REQUIRE(model.ok());
    made->model = model.take();
    REQUIRE(made->model->states().initialise(1, diagnostics));
    return made;
}

Examples generate(runtime::LoadedModel& model, const std::string& function, int64_t count,
                  std::optional<int64_t> label = {}) {
    Diagnostics diagnostics;
    auto samples = runtime::generate(model, {.function = function, .seed = 5, .label = label},
                                     count, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(samples.ok());
    return samples.take();
}

std::string generate_fails(runtime::LoadedModel& model, const std::string& function,
                           std::optional<int64_t> label = {}) {
    Diagnostics diagnostics;
    CHECK_FALSE(
        runtime::generate(model, {.function = function, .seed = 5, .label = label}, 4, diagnostics)
            .ok());
    return diagnostics.render();
}

bool says(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

TEST_CASE("sample i is asked for class i mod classes, or all for one") {
    const auto points = make_model(kPoints);
    const Examples samples = generate(*points->model, "sample", 50);
    REQUIRE(samples.shape == ir::Shape{50, 2});
    CHECK(samples.classes == 8);
    for (size_t i = 0; i < 50; ++i) {
        CHECK(samples.values[2 * i] == static_cast<float>(i % 8));
        CHECK(samples.values[2 * i + 1] == static_cast<float>(i % 8));
    }
    const Examples threes = generate(*points->model, "sample", 40, 3);
    CHECK(threes.values == Values(80, 3.0F));
    CHECK(threes.classes == 0);
    CHECK(generate(*points->model, "plain", 3).classes == 0);
}

TEST_CASE("a label that cannot be is refused, as are functions that make no samples") {
    const auto points = make_model(kPoints);
    CHECK(says(generate_fails(*points->model, "sample", 8), "are 0 to 7"));
    CHECK(says(generate_fails(*points->model, "sample", -1), "are 0 to 7"));
    CHECK(says(generate_fails(*points->model, "plain", 1), "takes no label"));
    CHECK(says(generate_fails(*points->model, "of_data"), "neither noise nor a label"));
    CHECK(says(generate_fails(*points->model, "number"), "no batch"));
    CHECK(says(generate_fails(*points->model, "nothing"), "[unknown-name]"));
}

TEST_CASE("training draws labelled pictures as wide as there are classes, and points") {
    for (const char* text : {kPictures, kPoints}) {
        const auto made = make_model(text);
        runtime::TrainOptions options;
        options.run_directory = made->folder / "run";
        options.quiet = true;
        Diagnostics diagnostics;
        REQUIRE(runtime::train(*made->model, options, diagnostics).end == runtime::TrainEnd::kDone);
        auto picture =
            runtime::read_picture(options.run_directory + "/samples/epoch-001.png", diagnostics);
        REQUIRE(picture.ok());
        if (text == kPoints) {
            CHECK(picture->channels == 3);
            CHECK(picture->width > 600);
            continue;
        }
        // Two columns of 4 x 4 images, at 21 pixels per pixel with gaps of 2; 32 rows, since there
        // are 64 images.
        CHECK(picture->width == 2 * 84 + 3 * 2);
        CHECK(picture->height == 32 * 84 + 33 * 2);
        CHECK(*picture->at(10, 10) == 0);         // class 0
        CHECK(*picture->at(10, 84 + 14) == 255);  // class 1
    }
}

TEST_CASE("encoding gives every result for every example of the split") {
    const auto points = make_model(kPoints);
    Diagnostics diagnostics;
    const auto results =
        runtime::encode(*points->model, "encode", runtime::DataSplit::kTest, 0, 1, diagnostics);
    REQUIRE(results.ok());
    REQUIRE(results->size() == 2);
    CHECK((*results)[0].first == "twice");
    CHECK((*results)[0].second.shape == ir::Shape{90, 2});
    CHECK((*results)[1].second.shape == ir::Shape{90});
    const auto modes = runtime::synthetic_modes("ring");
    for (size_t i = 0; i < 90; ++i) {
        const auto& centre = modes->centres[static_cast<size_t>((*results)[1].second.values[i])];
        CHECK((*results)[0].second.values[2 * i] == Approx(2 * centre.x).margin(0.25));
        CHECK((*results)[0].second.values[2 * i + 1] == Approx(2 * centre.y).margin(0.25));
    }
    const auto few =
        runtime::encode(*points->model, "encode", runtime::DataSplit::kTrain, 5, 1, diagnostics);
    REQUIRE(few.ok());
    CHECK((*few)[0].second.shape == ir::Shape{5, 2});
    CHECK_FALSE(
        runtime::encode(*points->model, "plain", runtime::DataSplit::kTest, 0, 1, diagnostics)
            .ok());
    CHECK(says(diagnostics.render(), "takes no data field"));
}

TEST_CASE("rows of interpolation begin and end in samples, and take the arc") {
    const auto points = make_model(kPoints);
    Diagnostics diagnostics;
    runtime::InterpolateOptions options{"plain", 3, 5, 5, {}};
    const auto way = runtime::interpolate(*points->model, options, diagnostics);
    REQUIRE(way.ok());
    REQUIRE(way->shape == ir::Shape{15, 2});
    const Values ends = generate(*points->model, "plain", 6).values;
    const auto at = [&](int64_t row, int64_t column, size_t k) {
        return way->values[static_cast<size_t>(2 * (row * 5 + column)) + k];
    };
    for (int64_t row = 0; row < 3; ++row) {
        const float* a = ends.data() + 4 * row;
        const float* b = a + 2;
        const double angle = std::acos((double{a[0]} * b[0] + double{a[1]} * b[1]) /
                                       (std::hypot(a[0], a[1]) * std::hypot(b[0], b[1])));
        for (size_t k = 0; k < 2; ++k) {
            CHECK(at(row, 0, k) == Approx(a[k]).margin(1e-6));
            CHECK(at(row, 4, k) == Approx(b[k]).margin(1e-6));
            CHECK(at(row, 2, k) ==
                  Approx((a[k] + b[k]) * std::sin(angle / 2) / std::sin(angle)).margin(1e-5));
        }
    }
    // With uniform noise the way is straight.
    const auto straight = runtime::interpolate(*points->model, {"flat", 1, 3, 5, {}}, diagnostics);
    REQUIRE(straight.ok());
    const Values corners = generate(*points->model, "flat", 2).values;
    for (size_t k = 0; k < 3; ++k)
        CHECK(straight->values[3 + k] == Approx((corners[k] + corners[3 + k]) / 2));
    // All samples of a row have one class.
    const auto classes = runtime::interpolate(*points->model, {"sample", 3, 2, 5, {}}, diagnostics);
    REQUIRE(classes.ok());
    CHECK(classes->values == Values{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
}

TEST_CASE("modes are those of the synthetic set, counted over samples") {
    const auto points = make_model(kPoints);
    const auto modes = runtime::modes_of(*points->model);
    REQUIRE(modes);
    Diagnostics diagnostics;
    // Points on the diagonal, (0, 0), (1, 1), ..., none of which is within 0.06 of the ring of
    // radius 2.
    const auto coverage = runtime::sample_modes(*points->model, *modes, 100, 1, diagnostics);
    REQUIRE(coverage.ok());
    CHECK(coverage->modes == 8);
    CHECK(coverage->modes_covered == 0);
    CHECK(coverage->share_within_3_sigma == 0);
    CHECK_FALSE(runtime::modes_of(*make_model(kPictures)->model));
}

/// Logits and features are (0, scale * (sum of the picture - 8)), so a full picture is class 1.
void set_weights(runtime::LoadedModel& model, float scale) {
    runtime::StateStore& states = model.states();
    for (ir::StateId id = 0; id < states.count(); ++id) {
        const std::string& name = states.state(id).name;
        if (name == "net.dense.bias") {
            states.data(id)[0] = 0;
            states.data(id)[1] = -8 * scale;
        } else if (name.starts_with("net.dense.") && states.elements(id) == 32) {
            for (int64_t i = 0; i < 16; ++i) {
                states.data(id)[2 * i] = 0;
                states.data(id)[2 * i + 1] = scale;
            }
        }
    }
}

/// Mean and deviation (divided by n - 1) of the second feature of a split's pictures.
std::pair<double, double> moments_of_data(runtime::LoadedModel& model, runtime::DataSplit split) {
    Diagnostics diagnostics;
    auto loader =
        model.data().make_loader(split, {1, runtime::LoaderMode::kEvaluate, 1, 0}, diagnostics);
    REQUIRE(loader.ok());
    const auto& dataset = (*loader)->dataset();
    std::vector<double> sums;
    for (int64_t i = 0; i < dataset.count(); ++i) {
        float pixels[16];
        dataset.fields()[static_cast<size_t>(dataset.find("image"))]->read(i, pixels);
        double sum = -8;
        for (const float p : pixels) sum += double{p};
        sums.push_back(sum);
    }
    double mean = 0, square = 0;
    for (const double s : sums) mean += s / static_cast<double>(sums.size());
    for (const double s : sums) square += (s - mean) * (s - mean);
    return {mean, std::sqrt(square / static_cast<double>(sums.size() - 1))};
}

TEST_CASE("a classifier judges labelled samples: accuracy and Frechet distance") {
    const auto judge = make_model(kPictures);
    set_weights(*judge->model, 1);
    const auto quality_of = [&](runtime::LoadedModel& model, int64_t count) {
        Diagnostics diagnostics;
        auto quality = runtime::classifier_quality(model, *judge->model, count, 1, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(quality.ok());
        return *quality;
    };
    const auto quality = quality_of(*judge->model, 50);
    CHECK(quality.samples == 50);
    CHECK(quality.data_examples == 30);
    CHECK(*quality.class_accuracy == 1);
    // Only one feature varies, so the distance is (m1 - m2)^2 + (s1 - s2)^2. Samples have 8 and -8
    // in turn.
    const auto [test_mean, test_deviation] =
        moments_of_data(*judge->model, runtime::DataSplit::kTest);
    const auto [train_mean, train_deviation] =
        moments_of_data(*judge->model, runtime::DataSplit::kTrain);
    const double sample_deviation = 8 * std::sqrt(50.0 / 49);
    CHECK(quality.frechet_distance ==
          Approx(std::pow(test_mean, 2) + std::pow(sample_deviation - test_deviation, 2)));
    CHECK(*quality.frechet_distance_of_data ==
          Approx(std::pow(train_mean - test_mean, 2) +
                 std::pow(train_deviation - test_deviation, 2)));

    // The same pictures in the range [-1, 1] are converted, so all figures stay the same.
    std::string text = kPictures;
    text.replace(text.find("range: [0, 1]"), 13, "range: [-1, 1]");
    text.replace(text.find("0 * noise + label"), 17, "0 * noise + 2 * label - 1");
    const auto signed_model = make_model(text);
    const auto converted = quality_of(*signed_model->model, 50);
    CHECK(*converted.class_accuracy == 1);
    CHECK(converted.frechet_distance == Approx(quality.frechet_distance).epsilon(1e-5));
    CHECK(*converted.frechet_distance_of_data ==
          Approx(*quality.frechet_distance_of_data).epsilon(1e-5));

    // A classifier with swapped classes finds no sample right.
    set_weights(*judge->model, -1);
    CHECK(*quality_of(*judge->model, 50).class_accuracy == 0);
}

TEST_CASE("a classifier of other shapes, classes or functions is refused") {
    const auto pictures = make_model(kPictures);
    const auto refused = [&](runtime::LoadedModel& classifier) {
        Diagnostics diagnostics;
        CHECK_FALSE(
            runtime::classifier_quality(*pictures->model, classifier, 10, 1, diagnostics).ok());
        return diagnostics.render();
    };
    CHECK(says(refused(*make_model(kPoints)->model), "has no function `features`"));
    std::string text = kPictures;
    for (size_t at = 0; (at = text.find("size: 4", at)) != std::string::npos; ++at)
        text.replace(at, 7, "size: 6");
    CHECK(says(refused(*make_model(text)->model),
               "makes samples of shape [4,4,1], but `features` of model `pictures` takes "
               "[6,6,1]"));
    text = kPictures;
    text.replace(text.find("dense: 2]"), 9, "dense: 3]");
    CHECK(says(refused(*make_model(text)->model), "of 2 classes, but `classify`"));
    text = kPictures;
    text.replace(text.find("features(image): net(image)"), 27, "features(image): 1 * image");
    CHECK(says(refused(*make_model(text)->model), "is no classifier of samples"));
}

TEST_CASE("the classifier of models/ learns to tell generated shapes apart") {
    ir::Module module = compile_model(
        "classifier",
        {"data.image.shape=[28,28,1]", "data.test.image.shape=[28,28,1]", "train.batch_size=32"});
    use_generated_shapes(module);
    for (std::vector<ir::DataField>* fields : {&module.data, &module.test})
        for (ir::DataField& field : *fields) field.count = field.format == "labels" ? 0 : 1000;
    for (ir::DataField& field : module.test) field.first = 1000;
    const fs::path folder = fs::temp_directory_path() / ("gmc-judge-" + std::to_string(getpid()));
    fs::create_directories(folder);
    Diagnostics diagnostics;
    REQUIRE(ir::write_file(folder / "m.gmc", ir::artefact_text(module), diagnostics));
    auto model = runtime::LoadedModel::load(folder / "m.gmc", diagnostics);
    REQUIRE(model.ok());
    runtime::TrainOptions options;
    options.run_directory = folder / "run";
    options.epochs = 4;
    options.quiet = true;
    const auto end = runtime::train(**model, options, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(end.end == runtime::TrainEnd::kDone);
    const auto result = runtime::evaluate(**model, runtime::DataSplit::kTest, 1, diagnostics);
    REQUIRE(result.ok());
    for (const auto& [name, value] : result->values)
        if (name == "accuracy") CHECK(value > 0.6);  // guessing gives 0.125
    fs::remove_all(folder);
}

}  // namespace
}  // namespace gmc

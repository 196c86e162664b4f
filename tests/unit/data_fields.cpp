// Fields as a model asks for them: labels with their examples, fewer examples, other shapes.
#include "runtime/data/field_source.h"

#include "runtime/data/shapes.h"
#include "runtime/files/class_folders.h"
#include "runtime/files/label_count.h"
#include "runtime/output/npy.h"
#include "runtime/output/png.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

ir::DataField synthetic_source() {
    ir::DataField source;
    source.name = "image";
    source.format = "synthetic";
    source.source = "shapes";
    source.shape = {12, 12, 3};
    source.count = 30;
    source.first = 7;
    source.classes = 4;
    return source;
}

ir::DataField labels_of(const std::string& field, int64_t classes) {
    ir::DataField source;
    source.name = "label";
    source.format = "labels";
    source.source = field;
    source.classes = classes;
    return source;
}

float label(const Field& field, int64_t index) {
    float value = -1;
    field.read(index, &value);
    return value;
}

std::string error_of(const std::vector<ir::DataField>& sources) {
    Diagnostics diagnostics;
    CHECK_FALSE(open_fields(sources, diagnostics).ok());
    return only_error(diagnostics);
}

TEST_CASE("labels belong to the examples, in whatever order the fields stand") {
    Diagnostics diagnostics;
    auto fields = open_fields({labels_of("image", 4), synthetic_source()}, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(fields);
    CHECK((*fields)[0]->name() == "label");
    CHECK((*fields)[0]->class_count() == 4);
    CHECK((*fields)[0]->shape().empty());
    CHECK((*fields)[1]->shape() == std::vector<int64_t>{12, 12, 3});
    std::vector<uint8_t> pixels(12 * 12 * 3);
    for (int64_t i = 0; i < 30; ++i)
        CHECK(label(*(*fields)[0], i) == draw_shape(0, 7 + i, 4, 12, 12, 3, pixels));
    CHECK(make_dataset(fields.take(), diagnostics).ok());
}

TEST_CASE("labels of what has none") {
    ir::DataField roll = synthetic_source();
    roll.source = "swiss_roll";
    roll.shape = {2};
    CHECK(error_of({roll, labels_of("image", 4)}) ==
          "[bad-value] `data.image` has no labels for `data.label`");
}

TEST_CASE("a folder's classes are those that the model was compiled for") {
    const TempFolder folder;
    Diagnostics diagnostics;
    for (const char* name : {"a", "b"}) {
        std::filesystem::create_directories(folder.path(name));
        REQUIRE(write_png(folder.path(name) + "/x.png", make_image(3, 3, 1, 9), diagnostics));
    }
    ir::DataField pictures = synthetic_source();
    pictures.format = "folder";
    pictures.source = folder.path();
    pictures.count = 0;
    ir::DataField labels = labels_of("image", 2);
    labels.class_names = {"a", "b"};
    CHECK(open_fields({pictures, labels}, diagnostics).ok());
    labels.class_names = {"a", "c"};
    CHECK(error_of({pictures, labels}).find("has 2 classes, others than the 2") !=
          std::string::npos);
}

TEST_CASE("the first pictures of a folder are mirrored in training like all of them") {
    const TempFolder folder;
    Diagnostics diagnostics;
    Image picture = make_image(2, 2, 1, 0);
    picture.at(0, 1)[0] = 255;
    for (int i = 0; i < 40; ++i)
        REQUIRE(write_png(folder.path(std::to_string(i) + ".png"), picture, diagnostics));
    ir::DataField source = synthetic_source();
    source.format = "folder";
    source.source = folder.path();
    source.shape = {2, 2, 1};
    source.count = 32;
    source.flip = true;
    const auto fields = open_fields({source}, diagnostics);
    REQUIRE(fields);
    int mirrored = 0;
    for (int64_t i = 0; i < 32; ++i) {
        float pixels[4];
        (*fields)[0]->read_for_training(i, {5, 0}, pixels);
        mirrored += pixels[0] > pixels[1] ? 1 : 0;
    }
    CHECK((mirrored > 4 && mirrored < 28));
    CHECK((*fields)[0]->file_of(2) == folder.path("10.png"));  // as texts are ordered
}

TEST_CASE("fewer examples, and more than there are") {
    const TempFolder folder;
    Diagnostics diagnostics;
    ir::DataField source;
    source.name = "x";
    source.format = "npy";
    source.source = folder.path("x.npy");
    source.shape = {2};
    source.count = 2;
    const int64_t shape[] = {3, 2};
    const float values[] = {0, 1, 2, 3, 4, 5};
    REQUIRE(write_npy(source.source, shape, values, diagnostics));
    auto fields = open_fields({source}, diagnostics);
    REQUIRE(fields);
    CHECK((*fields)[0]->count() == 2);
    source.count = 4;
    CHECK(error_of({source}).find("is to use 4 examples, but") != std::string::npos);
    source.shape = {3};
    CHECK(error_of({source}).find("examples of shape [2], but the model was compiled for examples "
                                  "of shape [3]") != std::string::npos);
}

LabelCount count(const std::vector<float>& labels) {
    LabelCount counted;
    counted.add(labels.data(), labels.size() / 2);
    counted.add(labels.data() + labels.size() / 2, labels.size() - labels.size() / 2);
    return counted;
}

TEST_CASE("labels are counted, in pieces too") {
    CHECK(count({2, 0, 1, 2}).classes() == 3);
    CHECK(count({2, 0, 1, 2}).missing(3).empty());
    CHECK(count({2, 0}).missing(5) == std::vector<int64_t>{1, 3, 4});
    CHECK(count({0, 1, -1}).classes() == 0);
    CHECK(count({0, 1, -1}).problem() == "has the value -1 in example 2");
    CHECK(count({0, 1.5F}).problem() == "has the value 1.5 in example 1");
    CHECK(count({0, 1e6F}).problem().find("beyond the 1000000 classes") != std::string::npos);
}

/// The warning and its help, for labels "L".
std::string warning_of(const std::vector<float>& labels, int64_t classes, bool cut = false) {
    Diagnostics diagnostics;
    const bool warned = warn_of_missing(count(labels), classes, "L", cut, {}, diagnostics);
    CHECK(warned == !diagnostics.warnings().empty());
    if (!warned) return "";
    const Diagnostic& warning = diagnostics.warnings().front();
    return warning.text + " / " + warning.helps.front();
}

TEST_CASE("classes without an example are warned of, with the remedy") {
    CHECK(warning_of({0, 1, 2}, 3).empty());
    CHECK(warning_of({1, 3, 2}, 4) ==
          "L holds the labels 1 to 3: class 0 has no example / labels count from 0: where these "
          "count from 1, save `y - 1`");
    CHECK(
        warning_of({0, 5, 10}, 11)
            .starts_with(
                "L holds labels of 11 classes, but classes 1 to 4 and 6 to 9 have no example / "));
    CHECK(warning_of({0, 1, 0}, 4, true)
              .starts_with("L is cut to its first 3 examples by `count`, in which classes 2 to 3 "
                           "of its 4 have "
                           "no example / where later examples"));
    CHECK(warning_of({0, 2}, 3).starts_with(
        "L holds labels of 3 classes, but class 1 has no example"));
    CHECK(warning_of({0, 2, 4, 6, 8, 10, 12}, 13)
              .starts_with("L holds labels of 13 classes, but classes 1, 3, 5, 7 and more have"));
}

TEST_CASE("folders are in the order in which people count") {
    std::vector<std::string> names{"10", "2", "b", "1", "a10", "a9b", "a9", "02", "B", "", "9a"};
    std::sort(names.begin(), names.end(), natural_less);
    CHECK(names ==
          std::vector<std::string>{"", "1", "02", "2", "9a", "10", "B", "a9", "a9b", "a10", "b"});
    const TempFolder folder;
    for (const char* name : {"10", "9", ".hidden"})
        std::filesystem::create_directory(folder.path(name));
    folder.write("8", "a file");
    Diagnostics diagnostics;
    CHECK(*list_class_folders(folder.path(), diagnostics) == std::vector<std::string>{"9", "10"});
    CHECK_FALSE(list_class_folders(folder.path("none"), diagnostics).ok());
    CHECK(only_error(diagnostics).find("cannot be read as a folder") != std::string::npos);
}

}  // namespace
}  // namespace gmc::runtime

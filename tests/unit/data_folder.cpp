// Folders of pictures: classes, sizes, mirroring, and every error.
#include "runtime/data/pictures/folder.h"

#include <algorithm>

#include "runtime/data/loader.h"
#include "runtime/data/pictures/picture_file.h"
#include "runtime/data/pictures/resize.h"
#include "runtime/output/png.h"
#include "tests/unit/data_jpeg.h"
#include "tests/unit/data_png.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

/// The left half is dark, the right half bright.
Image two_halves(int64_t height, int64_t width, int64_t channels) {
    Image image = make_image(height, width, channels, 20);
    for (int64_t y = 0; y < height; ++y)
        for (int64_t x = width / 2; x < width; ++x)
            for (int64_t c = 0; c < channels; ++c) image.at(y, x)[c] = 220;
    return image;
}

std::string png(const Image& image) {
    Diagnostics diagnostics;
    return *encode_png(image, diagnostics);
}

FolderOptions small() {
    FolderOptions options;
    options.name = "image";
    options.fit.height = 4;
    options.fit.width = 4;
    options.range = {-1, 1};
    return options;
}

/// Two classes of pictures, of several sizes and formats.
void fill(const TempFolder& folder) {
    std::filesystem::create_directories(folder.path("dogs/deep"));
    std::filesystem::create_directories(folder.path("cats"));
    folder.write("cats/b.png", png(two_halves(9, 5, 3)));
    folder.write("cats/a.JPG", jpeg(two_halves(16, 40, 3)));
    folder.write("cats/notes.txt", "no picture");
    folder.write("cats/.hidden.png", "no picture either");
    folder.write("dogs/deep/c.jpeg", jpeg(two_halves(4, 4, 1)));
}

/// The only error of reading a folder; its path is replaced by F.
std::string error_of(const TempFolder& folder, const std::string& inside = "") {
    Diagnostics diagnostics;
    const std::string path = inside.empty() ? folder.path("data") : inside;
    CHECK_FALSE(read_folder(path, small(), diagnostics).ok());
    std::string text = only_error(diagnostics);
    for (size_t at; (at = text.find(path)) != std::string::npos;)
        text.replace(at, path.size(), "F");
    return text;
}

TEST_CASE("sub-folders are classes, pictures of any size are made one") {
    const TempFolder folder;
    fill(folder);
    for (const uint64_t cache : {uint64_t{0}, uint64_t{1}}) {
        FolderOptions options = small();
        options.cache_bytes = cache;
        Diagnostics diagnostics;
        Result<FolderFields> fields = read_folder(folder.path(), options, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(fields);
        CHECK(fields->class_names == std::vector<std::string>{"cats", "dogs"});
        CHECK(fields->label->class_count() == 2);
        CHECK(fields->example->shape() == std::vector<int64_t>{4, 4, 3});
        REQUIRE(fields->example->count() == 3);
        CHECK(example(*fields->label, 1)[0] == 0);
        CHECK(example(*fields->label, 2)[0] == 1);
        for (int64_t i = 0; i < 3; ++i) {
            const std::vector<float> pixels = example(*fields->example, i);
            CHECK(pixels == example(*fields->example, i));  // kept, or decoded again
            CHECK(pixels.front() < -0.7F);
            CHECK(pixels.back() > 0.6F);
        }
    }
}

TEST_CASE("mirroring is half of the pictures, another half each epoch, and never in evaluation") {
    const TempFolder folder;
    for (int i = 0; i < 64; ++i)
        folder.write(fmt::format("{:02}.png", i), png(two_halves(4, 4, 3)));
    FolderOptions options = small();
    options.flip = true;
    Diagnostics diagnostics;
    Result<FolderFields> fields = read_folder(folder.path(), options, diagnostics);
    REQUIRE(fields);
    CHECK(fields->label == nullptr);
    const auto mirrored = [&](int64_t epoch) {
        std::vector<bool> out;
        std::vector<float> pixels(48);
        for (int64_t i = 0; i < 64; ++i) {
            fields->example->read_for_training(i, {5, epoch}, pixels.data());
            out.push_back(pixels.front() > 0);
            CHECK((pixels.front() > 0) != (pixels.back() > 0));
        }
        return out;
    };
    const std::vector<bool> first = mirrored(0);
    const auto share = std::count(first.begin(), first.end(), true);
    CHECK((share > 16 && share < 48));
    CHECK(mirrored(0) == first);
    CHECK(mirrored(1) != first);
    for (int64_t i = 0; i < 64; ++i) CHECK(example(*fields->example, i)[0] < 0);
}

TEST_CASE("resizing keeps the middle, and greys fine patterns") {
    Image wide = make_image(2, 6, 1, 0);
    wide.at(0, 2)[0] = wide.at(0, 3)[0] = wide.at(1, 2)[0] = wide.at(1, 3)[0] = 200;
    CHECK(fit_image(wide, {2, 2, 1, true, 0}).pixels == std::vector<uint8_t>(4, 200));
    CHECK(fit_image(wide, {2, 2, 1, false, 0}).pixels != std::vector<uint8_t>(4, 200));
    Image stripes = make_image(64, 64, 1, 0);
    for (int64_t y = 0; y < 64; ++y)
        for (int64_t x = 0; x < 64; x += 2) stripes.at(y, x)[0] = 255;
    for (const uint8_t pixel : fit_image(stripes, {16, 16, 1, true, 0}).pixels)
        CHECK(std::abs(pixel - 127) < 12);
    const Image same = make_image(5, 7, 3, 91);
    CHECK(fit_image(same, {64, 32, 3, true, 0}).pixels == std::vector<uint8_t>(64 * 32 * 3, 91));
    CHECK(fit_image(same, {3, 3, 1, true, 0}).pixels == std::vector<uint8_t>(9, 91));
}

TEST_CASE("pictures of 8 and of 16 bits lie in one folder") {
    const TempFolder folder;
    std::filesystem::create_directories(folder.path("data"));
    const std::vector<uint32_t> samples = {1, 40000, 65535, 0x4000};
    folder.write("data/a.png", write_raw_png({2, 2, 0, 16, false, samples, "", ""}));
    folder.write("data/b.png", write_raw_png({2, 2, 0, 8, false, {1, 2, 254, 255}, "", ""}));
    for (const uint64_t cache_bytes : {0, 1}) {
        FolderOptions options{"image", {2, 2, 1, true, 0}};
        options.range = {0, 1};
        options.cache_bytes = cache_bytes;
        Diagnostics diagnostics;
        const auto fields = read_folder(folder.path("data"), options, diagnostics);
        REQUIRE(fields.ok());
        for (int repeat = 0; repeat < 2; ++repeat) {
            const std::vector<float> deep = example(*fields->example, 0);
            for (size_t i = 0; i < 4; ++i)
                CHECK(deep[i] == static_cast<float>(samples[i] / 65535.0));
            CHECK(example(*fields->example, 1) ==
                  std::vector<float>{static_cast<float>(1 / 255.0), static_cast<float>(2 / 255.0),
                                     static_cast<float>(254 / 255.0), 1});
        }
        fields->example->add_warnings(diagnostics);
        CHECK(diagnostics.warnings().empty());
    }
}

TEST_CASE("folder errors") {
    const TempFolder folder;
    CHECK(error_of(folder) ==
          "[bad-file] `F` cannot be read as a folder: No such file or directory");
    CHECK(error_of(folder, folder.write("file", "text")) ==
          "[bad-file] `F` cannot be read as a folder: Not a directory");
    std::filesystem::create_directories(folder.path("data"));
    CHECK(error_of(folder) == "[bad-file] `F` holds no pictures");
    std::filesystem::create_directories(folder.path("data/a"));
    CHECK(error_of(folder) == "[bad-file] `F/a` holds no pictures, but it is a class");
    folder.write("data/x.png", "any");
    CHECK(error_of(folder) ==
          "[bad-file] `F` has pictures (`F/x.png`) beside sub-folders (`F/a`), so that their class "
          "is unknown");
}

TEST_CASE("a broken picture names itself, the offset and what is wrong") {
    const TempFolder folder;
    const auto error_with = [&](const std::string& name, const std::string& bytes) {
        const std::string path = folder.write(name, bytes);
        Diagnostics diagnostics;
        CHECK_FALSE(read_picture(path, diagnostics).ok());
        const std::string text = only_error(diagnostics);
        CHECK(text.find(path) != std::string::npos);
        return text;
    };
    const std::string good_png = png(two_halves(30, 30, 3)),
                      good_jpeg = jpeg(two_halves(30, 30, 3));
    CHECK(
        error_with("a.png", "hello")
            .find("no picture (PNG, JPEG, WebP, GIF, TIFF, BMP): at offset 0 it has 68 65 6c 6c") !=
        std::string::npos);
    CHECK(error_with("a.png", "").find("at offset 0 it has nothing") != std::string::npos);
    CHECK(error_with("b.png", good_png.substr(0, good_png.size() - 20)).find("goes on beyond") !=
          std::string::npos);
    std::string flipped = good_png;
    const size_t data = flipped.find("IDAT");
    flipped[data + 8] = static_cast<char>(flipped[data + 8] ^ 1);
    CHECK(error_with("c.png", flipped)
              .find(fmt::format("the chunk at offset {} has a wrong checksum", data - 4)) !=
          std::string::npos);
    const std::string cut = error_with("d.jpg", good_jpeg.substr(0, good_jpeg.size() - 100));
    CHECK(cut.find("Premature end of JPEG file; found at about offset") != std::string::npos);
    CHECK(error_with("e.jpg", good_jpeg.substr(0, 10)).find("not a good JPEG") !=
          std::string::npos);
}

TEST_CASE("a broken picture is an error of the loader") {
    const TempFolder folder;
    folder.write("a.png", png(two_halves(4, 4, 3)));
    folder.write("b.png", "broken");
    Diagnostics diagnostics;
    Result<FolderFields> fields = read_folder(folder.path(), small(), diagnostics);
    REQUIRE(fields);
    Result<Dataset> dataset = make_dataset({fields->example}, diagnostics);
    REQUIRE(dataset);
    LoaderOptions options;
    options.batch_size = 2;
    auto loader = Loader::create(dataset.take(), options, diagnostics);
    REQUIRE(loader);
    CHECK_FALSE((*loader)->next(diagnostics).ok());
    CHECK(only_error(diagnostics).find("b.png` is no picture") != std::string::npos);
}

TEST_CASE("a broken picture is no example where the model says so") {
    const TempFolder folder;
    fill(folder);
    folder.write("cats/c.png", "broken");
    FolderOptions options = small();
    options.skip_bad = true;
    for (const uint64_t cache : {uint64_t{0}, uint64_t{1}}) {
        options.cache_bytes = cache;
        Diagnostics diagnostics;
        Result<FolderFields> fields = read_folder(folder.path(), options, diagnostics);
        REQUIRE(fields);
        CHECK(fields->example->count() == 3);
        CHECK(fields->example->file_of(2).ends_with("dogs/deep/c.jpeg"));
        CHECK(example(*fields->label, 2) == std::vector<float>{1});
        CHECK(example(*fields->example, 2).size() == 48);
        REQUIRE(diagnostics.warnings().size() == 2);  // the other one is of notes.txt
        const Diagnostic& warning = diagnostics.warnings().back();
        CHECK(warning.text == "`data.image`: 1 picture cannot be read and is left out");
        CHECK(warning.helps[0].find("cats/c.png` is no picture") != std::string::npos);
    }
}

TEST_CASE("a folder of which nothing can be read is an error") {
    const TempFolder folder;
    folder.write("a.png", "broken");
    folder.write("b.png", "broken");
    FolderOptions options = small();
    options.skip_bad = true;
    Diagnostics diagnostics;
    CHECK_FALSE(read_folder(folder.path(), options, diagnostics).ok());
    CHECK(only_error(diagnostics) == "[bad-file] `data.image`: none of 2 pictures can be read");
    CHECK(diagnostics.list()[0].helps[0].find("a.png` is no picture") != std::string::npos);
}

TEST_CASE("what is left out of a folder is counted, what is transparent is said") {
    const TempFolder folder;
    fill(folder);
    folder.write("dogs/list.csv", "x");
    folder.write("dogs/README", "x");
    Image image = make_image(2, 2, 4, 255);
    image.pixels[3] = 0;
    folder.write("dogs/z.png", png(image));
    Diagnostics diagnostics;
    Result<FolderFields> fields = read_folder(folder.path(), small(), diagnostics);
    REQUIRE(fields);
    REQUIRE(diagnostics.warnings().size() == 1);
    CHECK(diagnostics.warnings()[0].text ==
          fmt::format("`{}`: 3 files are left out: 1 .csv, 1 .txt, 1 without an ending",
                      folder.path()));
    for (int64_t i = 0; i < 4; ++i) (void)example(*fields->example, i);
    Diagnostics said;
    fields->example->add_warnings(said);
    REQUIRE(said.warnings().size() == 1);
    CHECK(said.warnings()[0].text.find(
              "1 picture is transparent in places and laid over black, such as `") !=
          std::string::npos);
    FolderOptions white = small();
    white.ground_given = true;
    fields = read_folder(folder.path(), white, said);
    (void)example(*fields->example, 3);
    Diagnostics silent;
    fields->example->add_warnings(silent);
    CHECK(silent.warnings().empty());
}

}  // namespace
}  // namespace gmc::runtime

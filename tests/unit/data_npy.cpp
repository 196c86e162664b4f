// Arrays that NumPy saved: what is read from .npy and .npz, and each error.
#include "runtime/data/files/npy_data.h"

#include <zip.h>

#include <cmath>

#include "runtime/output/npy.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

/// A .npy as NumPy writes it.
std::string npy(const std::string& type, const std::string& shape, std::string_view values,
                const std::string& order = "False") {
    std::string dict =
        fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", type, order, shape);
    dict.resize((10 + dict.size() + 64) / 64 * 64 - 10, ' ');
    dict.back() = '\n';
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(dict.size()) + '\0' + dict +
           std::string(values);
}

template <typename T>
std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// A zip of these files.
void write_zip(const std::string& path,
               const std::vector<std::pair<std::string, std::string>>& files) {
    int code = 0;
    zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    REQUIRE(archive != nullptr);
    for (const auto& [name, bytes] : files)
        zip_file_add(archive, name.c_str(),
                     zip_source_buffer(archive, bytes.data(), bytes.size(), 0), ZIP_FL_ENC_UTF_8);
    REQUIRE(zip_close(archive) == 0);
}

std::vector<float> example(const Field& field, int64_t index) {
    std::vector<float> out(static_cast<size_t>(field.elements()));
    field.read(index, out.data());
    return out;
}

FieldPtr read(const std::string& bytes, const ValueRules& rules = {"x", {}}) {
    const TempFolder folder;
    Diagnostics diagnostics;
    Result<FieldPtr> field = read_npy_data(folder.write("f.npy", bytes), rules, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(field);
    return field.take();
}

/// The error of reading these bytes as a file, its path replaced by F.
std::string error_of(const std::string& bytes, const ValueRules& rules = {"x", {}}) {
    const TempFolder folder;
    const std::string path = folder.write("f.npy", bytes);
    Diagnostics diagnostics;
    CHECK_FALSE(read_npy_data(path, rules, diagnostics).ok());
    std::string text = only_error(diagnostics);
    if (const size_t at = text.find(path); at != std::string::npos)
        text.replace(at, path.size(), "F");
    return text;
}

TEST_CASE("npy reads every type") {
    CHECK(example(*read(npy("|u1", "(1, 2)", bytes_of<uint8_t>({1, 255}))), 0)[1] == 255);
    CHECK(example(*read(npy("|i1", "(1, 2)", bytes_of<int8_t>({1, -3}))), 0)[1] == -3);
    CHECK(example(*read(npy("<i2", "(1, 2)", bytes_of<int16_t>({1, -300}))), 0)[1] == -300);
    CHECK(example(*read(npy("<u2", "(1, 2)", bytes_of<uint16_t>({1, 60000}))), 0)[1] == 60000);
    CHECK(example(*read(npy("<i4", "(1, 2)", bytes_of<int32_t>({1, -70000}))), 0)[1] == -70000);
    CHECK(example(*read(npy("<i8", "(1, 2)", bytes_of<int64_t>({1, -70000}))), 0)[1] == -70000);
    CHECK(example(*read(npy("<f4", "(1, 2)", bytes_of<float>({1, 0.5F}))), 0)[1] == 0.5F);
    CHECK(example(*read(npy("<f8", "(1, 2)", bytes_of<double>({1, -0.25}))), 0)[1] == -0.25F);
}

TEST_CASE("npy pictures are scaled as idx is, gzip or not, and what gmc writes is read") {
    const std::string bytes = npy("|u1", "(2, 1, 2)", bytes_of<uint8_t>({0, 255, 51, 102}));
    for (const std::string& file : {bytes, gzip(bytes)}) {
        const FieldPtr field = read(file, {"image", ValueRange{-1, 1}});
        CHECK(field->shape() == std::vector<int64_t>{1, 2, 1});
        CHECK(field->count() == 2);
        CHECK(example(*field, 0) == std::vector<float>{-1, 1});
    }
    const int64_t shape[] = {3, 2};
    const FieldPtr own = read(npy_header(shape) + bytes_of<float>({0, 1, 2, 3, 4, 5}));
    CHECK(own->shape() == std::vector<int64_t>{2});
    CHECK(example(*own, 2) == std::vector<float>{4, 5});
}

TEST_CASE("npy labels are counted or checked, columns of them too") {
    const std::string labels = npy("<i8", "(3,)", bytes_of<int64_t>({2, 0, 6}));
    CHECK(read(labels)->class_count() == 7);
    CHECK(read(labels, {"label", {}, false, 10})->class_count() == 10);
    const FieldPtr column =
        read(npy("|u1", "(3, 1)", bytes_of<uint8_t>({2, 0, 6})), {"label", {}, false, 7});
    CHECK(column->shape().empty());
    CHECK(example(*column, 2)[0] == 6);
    const std::string first = error_of(labels, {"label", {}, false, 6});
    CHECK(first ==
          "[bad-value] `F` has the value 6 at offset 144, but the labels of 6 classes are "
          "0 to 5");
    CHECK(error_of(npy("<f4", "(2,)", bytes_of<float>({1, 1.5F})), {"label", {}, false, 6})
              .find("the value 1.5 at offset 132") != std::string::npos);
}

TEST_CASE("npy values outside the range") {
    const std::string pictures = npy("<f4", "(1, 1, 2)", bytes_of<float>({0.5F, -0.5F}));
    CHECK(error_of(pictures, {"x", ValueRange{0, 1}}) ==
          "[bad-value] `F` has the value -0.5 at offset 132, outside the declared range [0, 1]");
    // Nobody said [0, 1]: pictures are measured by it, since they are drawn by it; vectors are not.
    CHECK(error_of(pictures, {"x", ValueRange{0, 1}, false}).find("outside the default range") !=
          std::string::npos);
    const std::string vectors = npy("<f4", "(1, 2)", bytes_of<float>({0.5F, -0.5F}));
    CHECK(example(*read(vectors, {"x", ValueRange{0, 1}, false}), 0)[1] == -0.5F);
    CHECK(error_of(npy("<f4", "(1, 2)", bytes_of<float>({1, NAN}))) ==
          "[bad-value] `F` has the value nan at offset 132, which is not a finite number");
}

TEST_CASE("npy errors about the header") {
    const std::string four = bytes_of<float>({1});
    CHECK(error_of("") ==
          "[bad-file] `F`, offset 0: not a .npy file, which starts with 0x93 and "
          "`NUMPY`");
    CHECK(error_of("PK\x03\x04 and so on").find("offset 0: not a .npy file") != std::string::npos);
    CHECK(error_of(npy("<f4", "(1, 1)", four).substr(0, 40)) ==
          "[bad-file] `F`, offset 40: the file ends within its header");
    CHECK(error_of(npy("<f4", "(1, 1)", four, "True")).find("the array is column-major") !=
          std::string::npos);
    CHECK(error_of(npy(">f4", "(1, 1)", four)).find("values of type `>f4`") != std::string::npos);
    CHECK(error_of(npy("|O", "(1, 1)", four)).find("values of type `|O`") != std::string::npos);
    CHECK(error_of(npy("<f4", "(1, x)", four)).find("something else than sizes") !=
          std::string::npos);
    CHECK(error_of(npy("<f4", "(0, 1)", "")).find("a dimension of 0") != std::string::npos);
    CHECK(error_of(npy("<f4", "()", four)).find("one number") != std::string::npos);
}

TEST_CASE("npy errors about the size") {
    const std::string good = npy("<f4", "(3, 1)", bytes_of<float>({1, 2, 3}));
    CHECK(error_of(good.substr(0, good.size() - 1)) ==
          "[bad-file] `F` ends at byte 139 of its contents, but its header promises 140 (3 x 1 f32 "
          "after 128 bytes)");
    CHECK(error_of(good + "x").find("goes on after byte 140") != std::string::npos);
    CHECK(error_of(npy("<f4", "(99999999999, 99999999)", "abcd")).find("ends at byte 132") !=
          std::string::npos);
}

TEST_CASE("npz arrays by name, and each error") {
    const TempFolder folder;
    const std::string path = folder.path("f.npz");
    std::vector<uint8_t> many(30000, 7);
    write_zip(path, {{"x_train.npy", npy("|u1", "(100, 300)", bytes_of(many))},
                     {"y_train.npy", npy("<i4", "(2,)", bytes_of<int32_t>({0, 4}))}});
    const auto read = [&](const std::string& file, const std::string& key) {
        Diagnostics diagnostics;
        Result<FieldPtr> field = read_npz_data(file, key, {"x", {}}, diagnostics);
        if (field) return fmt::format("{} of {}", (*field)->count(), (*field)->elements());
        std::string text = only_error(diagnostics);
        if (const size_t at = text.find(file); at != std::string::npos)
            text.replace(at, file.size(), "F");
        return text;
    };
    CHECK(read(path, "x_train") == "100 of 300");
    CHECK(read(path, "y_train") == "2 of 1");
    CHECK(read(path, "") == "[missing-key] `F` holds 2 arrays; `key` says which");
    CHECK(read(path, "x_trai") ==
          "[unknown-name] `F` has no array `x_trai`; did you mean `x_train`?");
    CHECK(read(folder.write("g", "text"), "x")
              .starts_with("[bad-file] `F` is not a good zip file: "));
    CHECK(read(folder.path("none"), "x") ==
          "[bad-file] `F` cannot be opened: No such file or directory");
    std::string bytes = read_text(path);
    bytes[70] = static_cast<char>(bytes[70] ^ 0x55);
    const std::string corrupt = read(folder.write("h", bytes), "x_train");
    CHECK(corrupt.starts_with("[bad-file] `F:x_train.npy"));
}

}  // namespace
}  // namespace gmc::runtime

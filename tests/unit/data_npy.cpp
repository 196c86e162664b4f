// Arrays that NumPy saved: what is read from .npy and .npz, and each error.
#include "runtime/data/files/array_data.h"

#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "runtime/data/files/paged_array.h"
#include "runtime/data/loader.h"
#include "runtime/data/shuffle.h"
#include "runtime/output/npy.h"
#include "runtime/run/validation.h"
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
               const std::vector<std::pair<std::string, std::string>>& files,
               bool deflated = true) {
    int code = 0;
    zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    REQUIRE(archive != nullptr);
    for (const auto& [name, bytes] : files) {
        const zip_int64_t index = zip_file_add(
            archive, name.c_str(), zip_source_buffer(archive, bytes.data(), bytes.size(), 0),
            ZIP_FL_ENC_UTF_8);
        REQUIRE(index >= 0);
        zip_set_file_compression(archive, static_cast<zip_uint64_t>(index),
                                 deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    }
    REQUIRE(zip_close(archive) == 0);
}

FieldPtr read_npy(const std::string& bytes, const ValueRules& rules = {"x", {}}) {
    const TempFolder folder;
    Diagnostics diagnostics;
    Result<FieldPtr> field =
        read_array({"npy", folder.write("f.npy", bytes), ""}, rules, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(field);
    return field.take();
}

/// The error of reading these bytes as a file, its path replaced by F.
std::string npy_error(const std::string& bytes, const ValueRules& rules = {"x", {}}) {
    const TempFolder folder;
    const std::string path = folder.write("f.npy", bytes);
    Diagnostics diagnostics;
    CHECK_FALSE(read_array({"npy", path, ""}, rules, diagnostics).ok());
    std::string text = only_error(diagnostics);
    if (const size_t at = text.find(path); at != std::string::npos)
        text.replace(at, path.size(), "F");
    return text;
}

TEST_CASE("npy reads every type") {
    CHECK(example(*read_npy(npy("|u1", "(1, 2)", bytes_of<uint8_t>({1, 255}))), 0)[1] == 255);
    CHECK(example(*read_npy(npy("|i1", "(1, 2)", bytes_of<int8_t>({1, -3}))), 0)[1] == -3);
    CHECK(example(*read_npy(npy("<i2", "(1, 2)", bytes_of<int16_t>({1, -300}))), 0)[1] == -300);
    CHECK(example(*read_npy(npy("<u2", "(1, 2)", bytes_of<uint16_t>({1, 60000}))), 0)[1] == 60000);
    CHECK(example(*read_npy(npy("<i4", "(1, 2)", bytes_of<int32_t>({1, -70000}))), 0)[1] == -70000);
    CHECK(example(*read_npy(npy("<i8", "(1, 2)", bytes_of<int64_t>({1, -70000}))), 0)[1] == -70000);
    CHECK(example(*read_npy(npy("<f4", "(1, 2)", bytes_of<float>({1, 0.5F}))), 0)[1] == 0.5F);
    CHECK(example(*read_npy(npy("<f8", "(1, 2)", bytes_of<double>({1, -0.25}))), 0)[1] == -0.25F);
}

/// The same numbers with the bytes of each the other way round.
std::string swapped(std::string bytes, size_t width) {
    for (size_t i = 0; i < bytes.size(); i += width)
        std::reverse(bytes.begin() + static_cast<long>(i),
                     bytes.begin() + static_cast<long>(i + width));
    return bytes;
}

TEST_CASE("npy reads both orders of bytes") {
    const auto check = [&](const std::string& type, const auto& values) {
        const std::string bytes = bytes_of(values);
        const std::vector<float> wanted(values.begin(), values.end());
        CHECK(example(*read_npy(npy("<" + type, "(1, 3)", bytes)), 0) == wanted);
        CHECK(example(*read_npy(npy(">" + type, "(1, 3)", swapped(bytes, sizeof values[0]))), 0) ==
              wanted);
    };
    check("i2", std::vector<int16_t>{1, -300, 32767});
    check("u2", std::vector<uint16_t>{1, 300, 65535});
    check("i4", std::vector<int32_t>{1, -70000, 1 << 20});
    check("u4", std::vector<uint32_t>{1, 70000, uint32_t{1} << 31});
    check("i8", std::vector<int64_t>{1, -70000, int64_t{1} << 40});
    check("u8", std::vector<uint64_t>{1, 70000, uint64_t{1} << 40});
    check("f4", std::vector<float>{0.5F, -3e20F, 0});
    check("f8", std::vector<double>{0.5, -0.25, 3});
}

TEST_CASE("half floats: normal, subnormal and largest, in both orders of bytes") {
    const std::vector<uint16_t> bits{0x3c00, 0xbc01, 0x0001, 0x83ff, 0x7bff, 0x8000};
    const std::vector<float> wanted{
        1, -1.0009765625F, std::ldexp(1.0F, -24), -1023 * std::ldexp(1.0F, -24), 65504, -0.0F};
    const std::string bytes = bytes_of(bits);
    for (const std::string& file :
         {npy("<f2", "(1, 6)", bytes), npy(">f2", "(1, 6)", swapped(bytes, 2))}) {
        const std::vector<float> got = example(*read_npy(file), 0);
        CHECK(got == wanted);
        CHECK(std::signbit(got[5]));
    }
    for (const uint16_t none : {0x7c00, 0xfc00, 0x7e00})
        CHECK(npy_error(npy("<f2", "(1, 1)", bytes_of<uint16_t>({none})))
                  .find("which is not a finite number") != std::string::npos);
}

TEST_CASE("truth values are 0 and 1, whatever the range, and labels of two classes") {
    const std::string truths = npy("|b1", "(2, 2)", bytes_of<uint8_t>({0, 1, 1, 0}));
    CHECK(example(*read_npy(truths, {"x", ValueRange{0, 1}}), 0) == std::vector<float>{0, 1});
    CHECK(example(*read_npy(truths, {"x", ValueRange{-1, 1}}), 1) == std::vector<float>{1, 0});
    CHECK(npy_error(truths, {"x", ValueRange{2, 3}}).find("the value 0 in example 0 at [0]") !=
          std::string::npos);
    CHECK(read_npy(npy("|b1", "(2,)", bytes_of<uint8_t>({0, 1})))->class_count() == 2);
}

TEST_CASE("column-major arrays are transposed, and a bad value is named by its place") {
    // 100 examples of 2 x 3: value (i, j, k) is 100 i + 10 j + k, laid out with i fastest.
    std::vector<float> values;
    for (int k = 0; k < 3; ++k)
        for (int j = 0; j < 2; ++j)
            for (int i = 0; i < 100; ++i)
                values.push_back(static_cast<float>(100 * i + 10 * j + k));
    const FieldPtr field = read_npy(npy("<f4", "(100, 2, 3)", bytes_of(values), "True"));
    CHECK(field->shape() == std::vector<int64_t>{2, 3});
    bool same = true;
    for (int i = 0; i < 100; ++i) {
        const auto v = static_cast<float>(100 * i);
        same = same &&
               example(*field, i) == std::vector<float>{v, v + 1, v + 2, v + 10, v + 11, v + 12};
    }
    CHECK(same);
    ValueRules first{"x", {}};
    first.count = 2;
    CHECK(read_npy(npy("<f4", "(100, 2, 3)", bytes_of(values), "True"), first)->count() == 2);
    values[(2 * 2 + 1) * 100 + 7] = NAN;
    CHECK(npy_error(npy("<f4", "(100, 2, 3)", bytes_of(values), "True")) ==
          "[bad-value] `F` has the value nan in example 7 at [1, 2] (offset 2156), which is not a "
          "finite number");
    const std::vector<uint8_t> bytes{0, 3, 1, 4, 2, 5};
    CHECK(example(*read_npy(npy("|u1", "(2, 3)", bytes_of(bytes), "True")), 1) ==
          std::vector<float>{3, 4, 5});
}

TEST_CASE("the model's shape may add and drop dimensions of 1, nothing else") {
    const std::string signal = npy("<f4", "(1, 4, 1)", bytes_of<float>({1, 2, 3, 4}));
    ValueRules rules{"x", {}};
    CHECK(read_npy(signal)->shape() == std::vector<int64_t>{4, 1});
    for (const std::vector<int64_t>& shape :
         {std::vector<int64_t>{4, 1}, {4}, {2 * 2, 1, 1}, {1, 4}}) {
        rules.shape = shape;
        CHECK(read_npy(signal, rules)->shape() == shape);
    }
    rules.shape = {2, 2};
    CHECK(npy_error(signal, rules) ==
          "[shape-mismatch] `F` holds examples of shape [4, 1], but the model was compiled for "
          "examples of shape [2, 2]");
}

TEST_CASE("bytes that are only 0 and 1 are hardly meant to be scaled") {
    const TempFolder folder;
    const auto warnings = [&](std::initializer_list<uint8_t> bytes, const ValueRules& rules) {
        const std::string path = folder.write("f", npy("|u1", "(1, 3)", bytes_of<uint8_t>(bytes)));
        Diagnostics diagnostics;
        REQUIRE(read_array({"npy", path, ""}, rules, diagnostics));
        return diagnostics.warnings().size();
    };
    CHECK(warnings({0, 1, 1}, {"x", ValueRange{0, 1}}) == 1);
    CHECK(warnings({0, 1, 2}, {"x", ValueRange{0, 1}}) == 0);
    CHECK(warnings({0, 0, 0}, {"x", ValueRange{0, 1}}) == 0);
    CHECK(warnings({0, 1, 1}, {"x", {}}) == 0);
}

TEST_CASE("npy pictures are scaled as idx is, gzip or not, and what gmc writes is read") {
    const std::string bytes = npy("|u1", "(2, 1, 2)", bytes_of<uint8_t>({0, 255, 51, 102}));
    for (const std::string& file : {bytes, gzip(bytes)}) {
        const FieldPtr field = read_npy(file, {"image", ValueRange{-1, 1}});
        CHECK(field->shape() == std::vector<int64_t>{1, 2, 1});
        CHECK(field->count() == 2);
        CHECK(example(*field, 0) == std::vector<float>{-1, 1});
    }
    const int64_t shape[] = {3, 2};
    const FieldPtr own = read_npy(npy_header(shape) + bytes_of<float>({0, 1, 2, 3, 4, 5}));
    CHECK(own->shape() == std::vector<int64_t>{2});
    CHECK(example(*own, 2) == std::vector<float>{4, 5});
}

TEST_CASE("npy labels are counted or checked, columns of them too") {
    const std::string labels = npy("<i8", "(3,)", bytes_of<int64_t>({2, 0, 6}));
    CHECK(read_npy(labels)->class_count() == 7);
    CHECK(read_npy(labels, {"label", {}, false, 10})->class_count() == 10);
    const FieldPtr column =
        read_npy(npy("|u1", "(3, 1)", bytes_of<uint8_t>({2, 0, 6})), {"label", {}, false, 7});
    CHECK(column->shape().empty());
    CHECK(example(*column, 2)[0] == 6);
    const std::string first = npy_error(labels, {"label", {}, false, 6});
    CHECK(first ==
          "[bad-value] `F` has the value 6 in example 2 (offset 144), but the labels of 6 classes "
          "are 0 to 5");
    CHECK(npy_error(npy("<f4", "(2,)", bytes_of<float>({1, 1.5F})), {"label", {}, false, 6})
              .find("the value 1.5 in example 1 (offset 132)") != std::string::npos);
}

TEST_CASE("npy values outside the range") {
    const std::string pictures = npy("<f4", "(1, 1, 2)", bytes_of<float>({0.5F, -0.5F}));
    CHECK(npy_error(pictures, {"x", ValueRange{0, 1}}) ==
          "[bad-value] `F` has the value -0.5 in example 0 at [0, 1] (offset 132), outside of "
          "[0, 1], the range of the model");
    // Without a declared range, pictures are checked against [0, 1], since they are drawn by it;
    // vectors are not. Three dimensions of floats are a picture only when the model says so.
    ValueRules rules{"x", ValueRange{0, 1}, false};
    CHECK(example(*read_npy(pictures, rules), 0) == std::vector<float>{0.5F, -0.5F});
    rules.shape = {1, 2, 1};
    CHECK(npy_error(pictures, rules).find("the range of pictures where the model gives none") !=
          std::string::npos);
    const std::string vectors = npy("<f4", "(1, 2)", bytes_of<float>({0.5F, -0.5F}));
    CHECK(example(*read_npy(vectors, {"x", ValueRange{0, 1}, false}), 0)[1] == -0.5F);
    CHECK(
        npy_error(npy("<f4", "(1, 2)", bytes_of<float>({1, NAN}))) ==
        "[bad-value] `F` has the value nan in example 0 at [1] (offset 132), which is not a finite "
        "number");
}

TEST_CASE("npy errors about the header") {
    const std::string four = bytes_of<float>({1});
    CHECK(npy_error("") ==
          "[bad-file] `F`, offset 0: not a .npy file, which starts with 0x93 and `NUMPY`");
    CHECK(npy_error("PK\x03\x04 and so on").find("offset 0: not a .npy file") != std::string::npos);
    CHECK(npy_error(npy("<f4", "(1, 1)", four).substr(0, 40)) ==
          "[bad-file] `F`, offset 40: the file ends within its header");
    CHECK(npy_error(npy("<f4", "(1, 1)", four, "Maybe")).find("neither True nor False") !=
          std::string::npos);
    for (const auto& [type, said] : {std::pair{"|O", "Python objects"},
                                     {"<c8", "complex"},
                                     {"<U3", "texts"},
                                     {"|S1", "texts"},
                                     {"<M8[ns]", "times"},
                                     {"<f16", "no number of 1 to 8 bytes"},
                                     {"f4", "no number"},
                                     {"", "no number"}}) {
        const std::string text = npy_error(npy(type, "(1, 1)", four));
        CHECK(text.find(fmt::format("values of type `{}`, which", type)) != std::string::npos);
        CHECK(text.find(said) != std::string::npos);
    }
    CHECK(npy_error(npy("<f4", "(1, x)", four)).find("something else than sizes") !=
          std::string::npos);
    CHECK(npy_error(npy("<f4", "(0, 1)", "")).find("a dimension of 0") != std::string::npos);
    CHECK(npy_error(npy("<f4", "(1, 1), 'descr': '<f8'", four)).ends_with("has 'descr' twice"));
    CHECK(npy_error(npy("<f4", "()", four)).find("one number") != std::string::npos);
}

TEST_CASE("npy errors about the size") {
    const std::string good = npy("<f4", "(3, 1)", bytes_of<float>({1, 2, 3}));
    CHECK(npy_error(good.substr(0, good.size() - 1)) ==
          "[bad-file] `F` ends at byte 139 of its contents, but its header promises 140 (3 x 1 f32 "
          "after 128 bytes)");
    CHECK(npy_error(good + "x").find("goes on after byte 140") != std::string::npos);
    for (const char* n : {"99999999999", "9223372036854775807", "18446744073709551616"})
        CHECK(npy_error(npy("<f4", fmt::format("({}, 99999999)", n), "")).ends_with("file has"));
}

TEST_CASE("npz arrays by name, and each error") {
    const TempFolder folder;
    const std::string path = folder.path("f.npz");
    std::vector<uint8_t> many(30000, 7);
    write_zip(path, {{"x_train.npy", npy("|u1", "(100, 300)", bytes_of(many))},
                     {"y_train.npy", npy("<i4", "(2,)", bytes_of<int32_t>({0, 4}))}});
    const auto read = [&](const std::string& file, const std::string& key) {
        Diagnostics diagnostics;
        Result<FieldPtr> field = read_array({"npz", file, key}, {"x", {}}, diagnostics);
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
    CHECK(corrupt.starts_with("[bad-file] `F:x_train`"));
}

/// `count` examples of 5 x 3 numbers, none like another.
std::vector<float> numbers(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count * 15));
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(i % 7919) + 0.5F * static_cast<float>(i / 7919 % 1000);
    return values;
}

/// Reads the examples in this order from a field that lies in its file, as an epoch of training or
/// not, and compares.
void check_paged(const ArrayPlace& place, const std::vector<float>& values,
                 const std::vector<int64_t>& order, bool training = false) {
    ValueRules rules{"x", {}};
    rules.memory_most = 0;
    rules.block = 7;
    Diagnostics diagnostics;
    const Result<FieldPtr> field = read_array(place, rules, diagnostics);
    INFO(place.path << diagnostics.render());
    REQUIRE(field);
    CHECK_FALSE((*field)->in_memory());
    CHECK((*field)->block() == 7);
    bool same = true;
    std::vector<float> got(15);
    for (const int64_t i : order) {
        if (training)
            (*field)->read_for_training(i, {1, 0}, got.data());
        else
            (*field)->read(i, got.data());
        same = same && std::equal(got.begin(), got.end(), values.begin() + i * 15);
    }
    CHECK(same);
}

TEST_CASE("arrays that stay in their file are read as those in memory, in any order") {
    constexpr int64_t kCount = 40001;  // 2.4 MB: more than one point of a compressed file
    const TempFolder folder;
    const std::vector<float> values = numbers(kCount);
    const std::string file = npy("<f4", "(40001, 5, 3)", bytes_of(values));
    std::vector<float> by_columns(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
        const size_t j = i % 15 / 3, k = i % 3;
        by_columns[i / 15 + kCount * (j + 5 * k)] = values[i];
    }
    write_zip(folder.path("stored.npz"), {{"x.npy", file}}, false);
    write_zip(folder.path("deflated.npz"), {{"x.npy", file}});
    const std::string members = gzip(file.substr(0, 50)) + gzip("") +
                                gzip(file.substr(50, 1500000)) + gzip(file.substr(1500050)) +
                                "padding";
    const ArrayPlace places[] = {
        {"npy", folder.write("plain.npy", file), ""},
        {"npy",
         folder.write("columns.npy", npy("<f4", "(40001, 5, 3)", bytes_of(by_columns), "True")),
         ""},
        {"npy", folder.write("packed.npy.gz", gzip(file)), ""},
        {"npy", folder.write("members.npy.gz", members), ""},
        {"npz", folder.path("stored.npz"), ""},
        {"npz", folder.path("deflated.npz"), "x"}};
    std::vector<int64_t> forwards(kCount);
    std::iota(forwards.begin(), forwards.end(), int64_t{0});
    std::vector<int64_t> few;
    for (int64_t i = 0; i < 60; ++i) few.push_back(i * 7919 % kCount);
    few.push_back(few.back());
    for (const ArrayPlace& place : places) {
        check_paged(place, values, few);
        check_paged(place, values, windowed_order(kCount, 7, 1, 0), true);
    }
    check_paged(places[0], values, forwards);
}

TEST_CASE("channels that come first are put last, in memory and in the file") {
    constexpr size_t kCount = 50, kChannels = 3, kHeight = 4, kWidth = 5;
    constexpr size_t kSize = kChannels * kHeight * kWidth;
    std::vector<float> rows(kCount * kSize), columns(rows), last(rows);
    for (size_t i = 0; i < rows.size(); ++i) {
        const size_t n = i / kSize, c = i % kSize / (kHeight * kWidth), y = i / kWidth % kHeight,
                     x = i % kWidth;
        rows[i] = columns[n + kCount * (c + kChannels * (y + kHeight * x))] =
            last[((n * kHeight + y) * kWidth + x) * kChannels + c] = static_cast<float>(i);
    }
    const TempFolder folder;
    const std::string shape = "(50, 3, 4, 5)", plain = npy("<f4", shape, bytes_of(rows));
    for (const std::string& path :
         {folder.write("x.npy", plain), folder.write("x.npy.gz", gzip(plain)),
          folder.write("columns.npy", npy("<f4", shape, bytes_of(columns), "True"))})
        for (const uint64_t memory : {uint64_t{0}, uint64_t{1} << 20}) {
            ValueRules rules{"x", {}};
            rules.memory_most = memory;
            rules.block = 7;
            Diagnostics diagnostics;
            const Result<FieldPtr> field = read_array({"npy", path, "", true}, rules, diagnostics);
            INFO(path << diagnostics.render());
            REQUIRE(field);
            CHECK((*field)->shape() == std::vector<int64_t>{4, 5, 3});
            CHECK((*field)->in_memory() == (memory > 0));
            for (const int64_t i : {49, 0, 1, 30, 2})
                CHECK(example(**field, i) ==
                      std::vector<float>(last.begin() + i * 60, last.begin() + (i + 1) * 60));
        }
    rows[4 * kSize + (1 * kHeight + 2) * kWidth + 3] = std::nanf("");
    const std::string bad = folder.write("bad.npy", npy("<f4", shape, bytes_of(rows)));
    const std::string flat = folder.write("flat.npy", npy("<f4", "(50, 60)", bytes_of(last)));
    for (const auto& [path, text] : {std::pair{bad, "in example 4 at [1, 2, 3] (offset 1220)"},
                                     {flat, "is 50 x 60 f32, but"}}) {
        Diagnostics diagnostics;
        CHECK_FALSE(read_array({"npy", path, "", true}, {"x", {}}, diagnostics).ok());
        CHECK(only_error(diagnostics).find(text) != std::string::npos);
    }
}

TEST_CASE("numbers that f32 does not tell apart get a warning") {
    const TempFolder folder;
    const auto warning = [&](const std::string& bytes, uint64_t memory = uint64_t{256} << 20) {
        Diagnostics diagnostics;
        ValueRules rules{"x", {}};
        rules.memory_most = memory;
        REQUIRE(read_array({"npy", folder.write("x.npy", bytes), ""}, rules, diagnostics));
        return diagnostics.warnings().empty() ? "" : diagnostics.warnings()[0].text;
    };
    // Identifiers: whole numbers beyond 2^24.
    const std::string ids = npy("<i8", "(2, 2)", bytes_of<int64_t>({1, 1 << 24, 3, (1 << 25) + 1}));
    CHECK(
        warning(ids).ends_with("has the value 33554433 in example 1 at [1] (offset 152), which "
                               "f32 rounds to 33554432: it holds whole numbers up to 16777216"));
    // Neighbours that are the same as f64 already.
    CHECK(warning(npy("<i8", "(2, 1)", bytes_of<int64_t>({1, 1800000000000000001})))
              .find("has the value 1800000000000000001 in example 1") != std::string::npos);
    CHECK_FALSE(warning(npy("<u8", "(2, 1)", bytes_of<uint64_t>({UINT64_MAX, 1}))).empty());
    CHECK(warning(npy("<i8", "(2, 1)", bytes_of<int64_t>({int64_t{1} << 60, 1}))).empty());
    CHECK(warning(ids, 0) == warning(ids));  // the same of arrays that stay in their file
    CHECK(warning(npy("<i4", "(2, 2)", bytes_of<int32_t>({1, -(1 << 24), 3, 4}))).empty());
    CHECK(warning(npy("<f8", "(2, 2)", bytes_of<double>({1, 1e9, 3, 4}))).empty());
    CHECK_FALSE(warning(npy("<f8", "(2, 2)", bytes_of<double>({1, 1e9 + 1, 3, 4}))).empty());
    // Seconds since 1970, beside another column. Pandas saves columns one after the other.
    const std::vector<double> times = {0.5, 1.7e9 + 0.25, 0.1, 1.7e9 + 0.5, 9, 1.7e9 + 7.5};
    const std::vector<double> columns = {0.5, 0.1, 9, 1.7e9 + 0.25, 1.7e9 + 0.5, 1.7e9 + 7.5};
    const std::string rest =
        ", but f32 has steps of 128 there, and the values at that place differ by 7.25 at most";
    CHECK(warning(npy("<f8", "(3, 2)", bytes_of(times)))
              .ends_with("the value 1700000000.25 in example 0 at [1] (offset 136)" + rest));
    CHECK(warning(npy("<f8", "(3, 2)", bytes_of(columns), "True"))
              .ends_with("the value 1700000000.25 in example 0 at [1] (offset 152)" + rest));
    // What every f64 loses is not worth a word.
    CHECK(warning(npy("<f8", "(3, 1)", bytes_of<double>({0.1, 0.2, 1e30}))).empty());
    CHECK(warning(npy("<f8", "(3, 1)", bytes_of<double>({0.1, 0.1, 0.1}))).empty());
}

/// Bytes in memory, which count how many were read.
class CountedBytes final : public RandomBytes {
  public:
    CountedBytes(std::string bytes, uint64_t& read) : bytes_(std::move(bytes)), read_(read) {}
    Result<size_t> read(uint64_t offset, void* dst, size_t size, Diagnostics&) override {
        read_ += size;
        return bytes_.copy(static_cast<char*>(dst), size, offset);
    }

  private:
    const std::string bytes_;
    uint64_t& read_;
};

/// Of a file with examples [5, 3].
ArrayHeader header_of_floats(int64_t count) {
    ArrayHeader header;
    header.path = "f";
    header.type = find_npy_type("<f4");
    header.dimensions = {static_cast<uint64_t>(count), 5, 3};
    return header;
}

TEST_CASE("an epoch reads each block of a file once, whatever was looked at before") {
    constexpr int64_t kCount = 60000, kBlock = 50;
    const std::vector<float> values = numbers(kCount);
    const ArrayHeader header = header_of_floats(kCount);
    uint64_t read = 0;
    const PagedArray field({"x", {5, 3}, kCount, 0}, header, {"x", {}},
                           std::make_unique<CountedBytes>(bytes_of(values), read), kBlock,
                           kBlock * kWindowBlocks);
    for (int64_t i = 0; i < 16; ++i) example(field, i * kCount / 16);
    bool same = true;
    std::vector<float> got(15);
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
        std::vector<int64_t> order = windowed_order(kCount, kBlock, 1, epoch);
        order.resize(order.size() - 100);  // as training does with a last batch that is not full
        for (const int64_t i : order) {
            field.read_for_training(i, {1, epoch}, got.data());
            same = same && got[7] == values[static_cast<size_t>(i) * 15 + 7];
        }
    }
    CHECK(same);
    const double epochs = static_cast<double>(read) / static_cast<double>(values.size() * 4);
    CHECK(epochs > 2.9);
    CHECK(epochs < 3.1);
    // No order is wrong, and none reads for ever: here each example costs at most its block.
    read = 0;
    const std::vector<int64_t> any = epoch_order(kCount, 1, 0);
    for (size_t k = 0; k < 5000; ++k)
        same = same && example(field, any[k])[7] == values[static_cast<size_t>(any[k]) * 15 + 7];
    CHECK(same);
    CHECK(read <= 5000 * kBlock * 60);
}

TEST_CASE("an epoch over a part of a file reads each block once, with validation in between") {
    constexpr int64_t kCount = 30000, kBlock = 50;
    const std::vector<float> values = numbers(kCount);
    const ArrayHeader header = header_of_floats(kCount);
    uint64_t read = 0;
    Diagnostics diagnostics;
    const FieldPtr field = std::make_shared<PagedArray>(
        FieldInfo{"x", {5, 3}, kCount, 0}, header, ValueRules{"x", {}},
        std::make_unique<CountedBytes>(bytes_of(values), read), kBlock, kBlock * kWindowBlocks);
    const auto parts =
        split_dataset(make_dataset({field}, diagnostics).take(), 0.3, 1, diagnostics);
    REQUIRE(parts.ok());
    auto training = Loader::create(parts->training, {100, LoaderMode::kTrain, 1, 0}, diagnostics);
    REQUIRE(training.ok());
    bool same = true;
    std::set<int64_t> seen;
    const Field& part = *parts->training.fields()[0];
    for (int64_t epoch = 0; epoch < 2; ++epoch) {
        for (int64_t batch = 0; batch < (*training)->batches_per_epoch(); ++batch) {
            const Batch& got = **(*training)->next(diagnostics);
            for (size_t row = 0; row < 100; ++row) {
                const int64_t place = part.place(got.indices[row]);
                seen.insert(place);
                same = same &&
                       got.fields[0][row * 15 + 7] == values[static_cast<size_t>(place) * 15 + 7];
            }
        }
        const Field& validation = *parts->validation.fields()[0];
        for (int64_t i = 0; i < validation.count(); ++i)
            same = same && example(validation, i)[7] ==
                               values[static_cast<size_t>(validation.place(i)) * 15 + 7];
    }
    CHECK(same);
    // The last batch of an epoch is left out where it is not full.
    CHECK(static_cast<int64_t>(seen.size()) <= parts->training.count());
    CHECK(static_cast<int64_t>(seen.size()) > parts->training.count() - 100);
    // Two epochs of training and two validations: each goes through the file once.
    const double passes = static_cast<double>(read) / static_cast<double>(values.size() * 4);
    CHECK(passes > 3.9);
    CHECK(passes < 4.1);
}

TEST_CASE("what is wrong in a file that stays there is said when it is read") {
    const TempFolder folder;
    std::vector<float> values = numbers(100);
    values[15 * 42 + 4] = NAN;
    ValueRules rules{"x", {}};
    rules.memory_most = 0;
    const std::string bytes = npy("<f4", "(100, 5, 3)", bytes_of(values));
    const std::string path = folder.write("f.npy", bytes);
    Diagnostics diagnostics;
    const Result<FieldPtr> field = read_array({"npy", path, ""}, rules, diagnostics);
    REQUIRE(field);
    const auto error_at = [&](int64_t index) -> std::string {
        try {
            example(**field, index);
        } catch (const DataError& error) {
            return error.what();
        }
        return "";
    };
    CHECK(error_at(41).empty());
    CHECK(error_at(42).find("has the value nan in example 42 at [1, 1] (offset 2664), which is") !=
          std::string::npos);
    // The block is read anew after the file has shrunk.
    const Result<FieldPtr> shrunk = read_array({"npy", path, ""}, rules, diagnostics);
    REQUIRE(shrunk);
    REQUIRE(truncate(path.c_str(), 1000) == 0);
    CHECK_THROWS_AS(example(**shrunk, 5), DataError);
    // Damage is found by the first pass through compressed data.
    std::string packed = gzip(bytes);
    packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);
    CHECK_FALSE(read_array({"npy", folder.write("g.gz", packed), ""}, rules, diagnostics));
    CHECK(only_error(diagnostics).find("is corrupt or cut short at about byte") !=
          std::string::npos);
    Diagnostics columns;
    CHECK_FALSE(read_array(
        {"npy", folder.write("h.gz", gzip(npy("<f4", "(100, 5, 3)", bytes_of(values), "True"))),
         ""},
        rules, columns));
    CHECK(only_error(columns).find("compressed and column-major") != std::string::npos);
}

}  // namespace
}  // namespace gmc::runtime

// Safetensors files: what is written is read, and each error.
#include "runtime/files/tensors/safetensors.h"

#include <sys/stat.h>

#include <cstring>

#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

/// A file of this header and so many bytes of numbers.
std::string file_of(const std::string& header, size_t bytes = 8) {
    std::string length(8, '\0');
    const uint64_t size = header.size();
    std::memcpy(length.data(), &size, 8);
    return length + header + std::string(bytes, '\0');
}

/// The error of opening a file; "" for none.
std::string error_of(const std::string& bytes) {
    const TempFolder folder;
    Diagnostics diagnostics;
    const auto file = SafetensorsFile::open(folder.write("f", bytes), diagnostics);
    CHECK(file.ok() == !diagnostics.any());
    std::string text = only_error(diagnostics);
    const std::string path = "`" + folder.path("f") + "` ";
    const size_t place = text.find(path);
    return place == std::string::npos ? text : text.erase(place, path.size());
}

std::string tensor(const std::string& offsets, const std::string& shape = "[2]",
                   const std::string& dtype = "F32") {
    return fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":{}}})", dtype, shape, offsets);
}

TEST_CASE("tensors and metadata are read as they were written") {
    const TempFolder folder;
    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {-0.5F};
    Diagnostics diagnostics;
    const std::string path = folder.path("t.safetensors");
    REQUIRE(write_safetensors(path, {{"a.weight", {2, 3}, a}, {"b", {}, b}, {"none", {0}, a}},
                              {{"step", "12"}, {"text", "a \"quote\"\n"}}, diagnostics));
    const auto file = SafetensorsFile::open(path, diagnostics);
    REQUIRE(file.ok());
    REQUIRE(file->tensors().size() == 3);
    CHECK(file->find("a.weight")->shape == std::vector<int64_t>{2, 3});
    CHECK(file->find("b")->shape.empty());
    CHECK(file->find("c") == nullptr);
    CHECK(*file->metadata("text") == "a \"quote\"\n");
    CHECK(file->metadata("none") == nullptr);
    std::vector<float> numbers(6);
    REQUIRE(file->read(*file->find("a.weight"), numbers.data(), diagnostics));
    CHECK(std::equal(numbers.begin(), numbers.end(), a));
    CHECK(file->has_checksum());
    CHECK(file->verify(diagnostics));

    std::string bytes = read_text(path);
    CHECK(read_text(path).size() % 4 == 0);
    for (size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] ^= 4;
        Diagnostics refused;
        const auto changed = SafetensorsFile::open(folder.write("changed", bytes), refused);
        INFO(i);
        CHECK_FALSE((changed.ok() && changed->verify(refused)));
        CHECK(refused.count() == 1);
        bytes[i] ^= 4;
    }
}

TEST_CASE("numbers of other types become floats") {
    const TempFolder folder;
    std::string bytes = file_of(R"({"h":)" + tensor("[0,2]", "[1]", "F16") + R"(,"b":)" +
                                    tensor("[2,4]", "[1]", "BF16") + R"(,"d":)" +
                                    tensor("[4,12]", "[]", "F64") + "}",
                                0);
    const uint16_t half = 0x3e00, brain = 0xc040;
    const double wide = 0.25;
    bytes.append(reinterpret_cast<const char*>(&half), 2);
    bytes.append(reinterpret_cast<const char*>(&brain), 2);
    bytes.append(reinterpret_cast<const char*>(&wide), 8);
    Diagnostics diagnostics;
    const auto file = SafetensorsFile::open(folder.write("f", bytes), diagnostics);
    INFO(diagnostics.render());
    REQUIRE(file.ok());
    CHECK_FALSE(file->has_checksum());
    const auto number = [&](const char* name) {
        float value = 0;
        REQUIRE(file->read(*file->find(name), &value, diagnostics));
        return value;
    };
    CHECK(number("h") == 1.5F);
    CHECK(number("b") == -3.0F);
    CHECK(number("d") == 0.25F);
}

TEST_CASE("what is no file is refused at once, without waiting for a writer") {
    const TempFolder folder;
    REQUIRE(mkfifo(folder.path("pipe").c_str(), 0600) == 0);
    for (const std::string& path : {folder.path("pipe"), folder.path(), std::string("/dev/zero")}) {
        Diagnostics diagnostics;
        CHECK_FALSE(SafetensorsFile::open(path, diagnostics).ok());
        CHECK(only_error(diagnostics).find("not a file with data") != std::string::npos);
    }
}

TEST_CASE("a safetensors file that is wrong is refused, with what is wrong") {
    const std::string good = tensor("[0,8]");
    CHECK(error_of(file_of("{\"a\":" + good + "}  ")).empty());
    CHECK(error_of("abc") == "[bad-file] is no safetensors file: it has less than 8 bytes");
    CHECK(error_of("lorem ipsum dolor").find("is no safetensors file, or is damaged at") !=
          std::string::npos);
    CHECK(error_of(std::string("\x20\0\0\0\0\0\0\0{}", 10)).find("was cut off: its header") !=
          std::string::npos);
    const auto is = [](const std::string& header, const std::string& what, size_t bytes = 8) {
        const std::string text = error_of(file_of(header, bytes));
        INFO(text);
        CHECK(text.find("[bad-file] has a broken header" + what) != std::string::npos);
    };
    is("{\"a\":", ": it is no JSON");
    is("[1]", ": it is no JSON object");
    is("{\"a\":1}", ", of `a`: it is no object");
    is("{\"__metadata__\":{\"n\":1}}", ", of `__metadata__`: `n` is 1, which is no text");
    is("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", ", of `a`: `a` has no `dtype`");
    is("{\"a\":" + good + ",\"a\":" + good + "}", ": `a` occurs twice");
    is("{\"a\":" + tensor("[0,8]", "[2]", "F8_E4M3") + "}", ", of `a`: its type is `F8_E4M3`");
    is("{\"a\":" + tensor("[0,8]", "2") + "}", ", of `a`: `shape` is no list");
    is("{\"a\":" + tensor("[0,8]", "[-2]") + "}",
       ", of `a`: `shape` is -2, which is no whole number from 0 on");
    is("{\"a\":" + tensor("[0,8]", "[3]") + "}", ", of `a`: f32 of shape [3] are 12 bytes, but it");
    is("{\"a\":" + tensor("[0,8]", "[4294967296,4294967296]") + "}",
       ", of `a`: its shape is too large");
    is("{\"a\":" + tensor("[0]") + "}", ", of `a`: `data_offsets` are not two numbers");
    is("{\"a\":" + tensor("[0,16]", "[4]") + "}", ", of `a`: its bytes are 0 to 16, but the file");
    is("{\"a\":" + tensor("[8,0]") + "}", ", of `a`: its bytes are 8 to 0");
    is("{\"a\":" + good + ",\"b\":" + tensor("[4,12]") + "}", ": `a` and `b` overlap", 12);
    is("{\"a\":" + tensor("[4,12]") + "}", ": 4 bytes before `a` belong to no tensor", 12);
    is("{\"a\":" + good + "}", ": 1 bytes at its end belong to no tensor", 9);
    std::string many = "{";
    for (int i = 0; i < 20001; ++i)
        many += fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", i, tensor("[0,0]", "[0]"));
    is(many + "}", ": an object has more than 20000 members", 0);
    CHECK(error_of(file_of(std::string(9 << 20, ' '))).find("[too-large]") != std::string::npos);
}

}  // namespace
}  // namespace gmc::runtime

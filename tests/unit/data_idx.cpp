// The idx reader: what it reads, and every error that it can give.
#include "runtime/data/files/array_data.h"

#include <sys/stat.h>

#include <bit>
#include <cmath>

#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

std::string big_endian(uint64_t value, size_t bytes) {
    std::string out;
    for (size_t i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xff);
    return out;
}

std::string header(uint8_t type, const std::vector<uint32_t>& dimensions) {
    std::string out = big_endian(type, 3) + big_endian(dimensions.size(), 1);
    for (const uint32_t size : dimensions) out += big_endian(size, 4);
    return out;
}

/// 3 examples of 2 x 2 bytes: 0, 23, 46, ...
std::string small_idx() {
    std::string out = header(0x08, {3, 2, 2});
    for (int i = 0; i < 12; ++i) out += static_cast<char>(i * 23);
    return out;
}

/// The error of reading these bytes as a file; its path is replaced by F.
std::string idx_error(std::string_view bytes, const ValueRules& options = {"image", {}}) {
    const TempFolder folder;
    const std::string path = folder.write("f", bytes);
    Diagnostics diagnostics;
    CHECK_FALSE(read_array({"idx", path, ""}, options, diagnostics).ok());
    const std::string text = only_error(diagnostics);
    const size_t at = text.find(path);
    if (at == std::string::npos) return text;
    return fmt::format("{}F{}", text.substr(0, at), text.substr(at + path.size()));
}

TEST_CASE("idx images are scaled into their range, plain and gzip alike") {
    const TempFolder folder;
    for (const std::string& bytes : {small_idx(), gzip(small_idx())}) {
        Diagnostics diagnostics;
        Result<FieldPtr> field = read_array({"idx", folder.write("f", bytes), ""},
                                            {"image", ValueRange{-1, 1}}, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(field);
        CHECK((*field)->name() == "image");
        CHECK((*field)->shape() == std::vector<int64_t>{2, 2, 1});
        CHECK((*field)->count() == 3);
        CHECK((*field)->class_count() == 0);
        CHECK(example(**field, 0)[0] == -1.0F);
        CHECK(example(**field, 1)[3] == static_cast<float>((7 * 23 * 2 - 255) / 255.0));
    }
}

TEST_CASE("both ends of a range are exact") {
    const TempFolder folder;
    const std::string path = folder.write("f", header(0x08, {2}) + std::string("\x00\xff", 2));
    for (const ValueRange range : {ValueRange{0, 1}, ValueRange{-1, 1}, ValueRange{0.1F, 0.7F}}) {
        Diagnostics diagnostics;
        Result<FieldPtr> field = read_array({"idx", path, ""}, {"x", range}, diagnostics);
        REQUIRE(field);
        CHECK(example(**field, 0)[0] == range.low);
        CHECK(example(**field, 1)[0] == range.high);
    }
}

TEST_CASE("idx labels are classes") {
    const TempFolder folder;
    Diagnostics diagnostics;
    Result<FieldPtr> bytes = read_array(
        {"idx", folder.write("a", header(0x08, {3}) + std::string("\x02\x00\x09", 3)), ""},
        {"label", {}}, diagnostics);
    REQUIRE(bytes);
    CHECK((*bytes)->shape().empty());
    CHECK((*bytes)->elements() == 1);
    CHECK((*bytes)->class_count() == 10);
    CHECK(example(**bytes, 2)[0] == 9.0F);
    Result<FieldPtr> words = read_array(
        {"idx", folder.write("b", header(0x0c, {2}) + big_endian(4, 4) + big_endian(1, 4)), ""},
        {"label", {}}, diagnostics);
    REQUIRE(words);
    CHECK((*words)->class_count() == 5);
}

TEST_CASE("idx reads every type big-endian") {
    const TempFolder folder;
    const auto read_one = [&](uint8_t type, uint64_t bits, size_t bytes) {
        Diagnostics diagnostics;
        const std::string path = folder.write("f", header(type, {1, 1}) + big_endian(bits, bytes));
        Result<FieldPtr> field = read_array({"idx", path, ""}, {"x", {}}, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(field);
        return example(**field, 0)[0];
    };
    CHECK(read_one(0x08, 200, 1) == 200.0F);
    CHECK(read_one(0x09, 0xff, 1) == -1.0F);
    CHECK(read_one(0x0b, 0xfffe, 2) == -2.0F);
    CHECK(read_one(0x0c, 0x00010000, 4) == 65536.0F);
    CHECK(read_one(0x0d, std::bit_cast<uint32_t>(1.5F), 4) == 1.5F);
    CHECK(read_one(0x0e, std::bit_cast<uint64_t>(-0.25), 8) == -0.25F);
}

TEST_CASE("idx of more than one piece") {
    const TempFolder folder;
    std::string values;
    for (int i = 0; i < 700000; ++i) values += big_endian(static_cast<uint64_t>(i), 4);
    Diagnostics diagnostics;
    const std::string path = folder.write("f.gz", gzip(header(0x0c, {7000, 100}) + values));
    Result<FieldPtr> field = read_array({"idx", path, ""}, {"x", {}}, diagnostics);
    REQUIRE(field);
    CHECK(example(**field, 6999)[99] == 699999.0F);
    CHECK(example(**field, 2621)[44] == 262144.0F);  // first value of the second piece
}

TEST_CASE("the first examples are read without a look at the rest of the file") {
    const TempFolder folder;
    ValueRules rules{"image", ValueRange{0, 1}};
    rules.count = 2;
    // Three examples are promised and the third is missing: an error only when that one is needed.
    const std::string text = header(0x08, {3, 1, 2}) + std::string("\x00\xff\xff\x00", 4);
    const std::string path = folder.write("f.gz", gzip(text));
    Diagnostics diagnostics;
    Result<FieldPtr> two = read_array({"idx", path, ""}, rules, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(two);
    CHECK((*two)->count() == 2);
    CHECK(example(**two, 1)[0] == 1.0F);
    rules.count = 3;
    CHECK_FALSE(read_array({"idx", path, ""}, rules, diagnostics));
}

TEST_CASE("idx errors about what the file is") {
    const TempFolder folder;
    const auto error_at = [&](const std::string& path) {
        Diagnostics diagnostics;
        CHECK_FALSE(read_array({"idx", path, ""}, {"image", {}}, diagnostics).ok());
        return only_error(diagnostics);
    };
    CHECK(error_at(folder.path("none")) ==
          fmt::format("[bad-file] `{}` cannot be opened: No such file or directory",
                      folder.path("none")));
    CHECK(error_at(folder.path()) ==
          fmt::format("[bad-file] `{}` is a directory, not a file with data", folder.path()));
    CHECK(error_at("/dev/zero") == "[bad-file] `/dev/zero` is a device, not a file with data");
    REQUIRE(mkfifo(folder.path("pipe").c_str(), 0600) == 0);
    CHECK(error_at(folder.path("pipe")) ==
          fmt::format("[bad-file] `{}` is a pipe or socket, not a file with data",
                      folder.path("pipe")));
}

TEST_CASE("idx errors about the header") {
    CHECK(idx_error("") ==
          "[bad-file] `F` ends at byte 0, before the 4 bytes that an idx file starts with");
    CHECK(idx_error("\x89PNG") ==
          "[bad-file] `F` starts with the bytes 89 50 4e 47 at offset 0, but an idx file starts "
          "with 00 00, "
          "a type and a rank");
    CHECK(idx_error(std::string("\0\0\x07\x01", 4))
              .starts_with("[bad-file] `F` has type 0x07 at offset 2"));
    CHECK(idx_error(std::string("\0\0\x08\x00", 4)) ==
          "[bad-file] `F` has rank 0 at offset 3, but 1 to 8 dimensions can be read");
    CHECK(idx_error(std::string("\0\0\x08\x09", 4)).find("rank 9 at offset 3") !=
          std::string::npos);
    CHECK(idx_error(header(0x08, {3, 2}).substr(0, 9)) ==
          "[bad-file] `F` ends at byte 9 within its header, which has 12 bytes for rank 2");
    CHECK(idx_error(header(0x08, {3, 0, 2})) ==
          "[bad-file] `F` has a dimension of 0 at offset 8, so there is nothing to read");
}

TEST_CASE("idx headers that promise more than any file has") {
    for (const uint8_t type : {0x08, 0x0e})
        for (const std::string& bytes : {header(type, {0xffffffff, 0xffffffff}),
                                         gzip(header(type, {0xffffffff, 0xffffffff, 7}))}) {
            const std::string error = idx_error(bytes);
            CHECK(error.find(" the header of `F` promises 4294967295 x 4294967295") == 10);
            CHECK(error.ends_with("more than any file has"));
        }
}

TEST_CASE("idx errors about the size") {
    const std::string good = small_idx();
    CHECK(idx_error(good.substr(0, good.size() - 1)) ==
          "[bad-file] `F` ends at byte 27 of its contents, but its header promises 28 (3 x 2 x 2 "
          "u8 after 16 bytes)");
    CHECK(idx_error(good + "x") ==
          "[bad-file] `F` goes on after byte 28 where its header says it ends (3 x 2 x 2 u8 after "
          "16 bytes)");
    CHECK(idx_error(gzip(good.substr(0, good.size() - 1))).find("ends at byte 27") !=
          std::string::npos);
    CHECK(idx_error(gzip(good + "x")).find("goes on after byte 28") != std::string::npos);
}

TEST_CASE("a header that lies allocates nothing") {
    const uint32_t most = 0xffffffff;
    CHECK(idx_error(header(0x08, {most, most, most, most}) + "x").find("more than any file") !=
          std::string::npos);
    CHECK(idx_error(gzip(header(0x0e, {most, 65536}) + "x")).find("cannot hold the") !=
          std::string::npos);
    // gzip could hold that much, but memory grows only with what is read, and the file ends soon.
    CHECK(idx_error(gzip(header(0x08, {20000}) + "x")).find("ends at byte 9") != std::string::npos);
}

TEST_CASE("idx errors about gzip") {
    const std::string good = gzip(small_idx());
    CHECK(idx_error(good.substr(0, good.size() - 9)).find("is a truncated gzip file") !=
          std::string::npos);
    std::string flipped = good;
    flipped[flipped.size() - 6] ^= 1;  // in the checksum: found only by reading to the very end
    CHECK(idx_error(flipped).find("is a corrupt gzip file: no more than 28 bytes") !=
          std::string::npos);
    CHECK(idx_error(flipped).find("(a wrong checksum or length)") != std::string::npos);
    flipped = good;
    flipped[2] = 7;
    CHECK(idx_error(flipped).find("(an unknown compression method)") != std::string::npos);
    const TempFolder folder;
    Diagnostics diagnostics;
    CHECK_FALSE(
        read_array({"idx", folder.write("f.gz", "text"), ""}, {"image", {}}, diagnostics).ok());
    REQUIRE(diagnostics.list().front().helps.size() == 1);
    CHECK(diagnostics.list().front().helps[0] ==
          "its name ends in .gz but it is not gzip-compressed");
}

TEST_CASE("a gzip file may have several members, and padding behind them") {
    // Lengths at which the ends of members, and of what is read at a time, fall in many positions.
    std::string values, members = gzip(header(0x08, {1000000}));
    uint32_t random = 1;
    for (size_t length = 1; values.size() < 1000000; length = length * 3 + 7) {
        std::string part;
        for (size_t i = 0; i < std::min(length, 1000000 - values.size()); ++i)
            part += static_cast<char>((random = random * 1664525 + 1013904223) >> 24);
        members += gzip(part) + gzip("");
        values += part;
        if (length > 50000) length = 1;
    }
    const TempFolder folder;
    for (const std::string padding : {"", "x", "\x1f", "padding"}) {
        Diagnostics diagnostics;
        Result<FieldPtr> field = read_array({"idx", folder.write("f.gz", members + padding), ""},
                                            {"x", {}, true, 256}, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(field);
        bool same = true;
        for (size_t i = 0; i < values.size(); ++i)
            same = same && example(**field, static_cast<int64_t>(i))[0] ==
                               static_cast<float>(static_cast<uint8_t>(values[i]));
        CHECK(same);
    }
    Diagnostics diagnostics;
    CHECK_FALSE(read_array({"idx", folder.write("f.gz", members.substr(0, members.size() - 1)), ""},
                           {"x", {}}, diagnostics));
    CHECK(only_error(diagnostics).find("is a truncated gzip file") != std::string::npos);
}

TEST_CASE("idx errors about values") {
    const auto floats = [](float a, float b) {
        return header(0x0d, {2}) + big_endian(std::bit_cast<uint32_t>(a), 4) +
               big_endian(std::bit_cast<uint32_t>(b), 4);
    };
    CHECK(idx_error(floats(0, 1.5F), {"x", ValueRange{0, 1}}) ==
          "[bad-value] `F` has the value 1.5 in example 1 (offset 12), outside of [0, 1], the "
          "range of the model");
    CHECK(
        idx_error(floats(NAN, 0)) ==
        "[bad-value] `F` has the value nan in example 0 (offset 8), which is not a finite number");
    CHECK(idx_error(small_idx(), {"x", ValueRange{1, 1}}) ==
          "[bad-value] `data.x` has the range [1, 1], which is empty");
}

TEST_CASE("more examples than memory is an error, not a crash") {
    const TempFolder folder;
    // A sparse file: 2^48 bytes that take no space on disk, where the file system supports that.
    const std::string path = folder.write("f", header(0x08, {0xffff, 0xffff, 0xffff}));
    const uint64_t bytes = uint64_t{0xffff} * 0xffff * 0xffff + 16;
    if (truncate(path.c_str(), static_cast<off_t>(bytes)) != 0) return;
    Diagnostics diagnostics;
    CHECK_FALSE(read_array({"idx", path, ""}, {"image", {}}, diagnostics).ok());
    CHECK(only_error(diagnostics).starts_with("[too-large]"));
}

}  // namespace
}  // namespace gmc::runtime

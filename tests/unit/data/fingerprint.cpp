// Fingerprints of data: what they tell apart, also where data were added.
#include "runtime/data/fingerprint/fingerprint.h"

#include <numeric>

#include "runtime/data/array_field.h"
#include "runtime/data/files/array_data.h"
#include "runtime/data/fingerprint/data_changes.h"
#include "runtime/data/fingerprint/fingerprint_parts.h"
#include "runtime/data/pictures/folder.h"
#include "runtime/output/npy.h"
#include "tests/catch.h"
#include "tests/unit/data_png.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

/// `count` examples of two numbers: first, first + 1, ...
std::string fingerprint_of(int64_t count, float first = 0) {
    std::vector<float> values(static_cast<size_t>(count * 2));
    std::iota(values.begin(), values.end(), first);
    Diagnostics diagnostics;
    const auto dataset = make_dataset(
        {std::make_shared<FloatField>(FieldInfo{"x", {2}, count}, std::move(values))}, diagnostics);
    REQUIRE(dataset.ok());
    return fingerprint(*dataset);
}

TEST_CASE("data are the same when some were added or taken away, but not when they changed") {
    CHECK(may_be_same_data(fingerprint_of(40), fingerprint_of(40)));
    CHECK_FALSE(may_be_same_data(fingerprint_of(40), fingerprint_of(40, 1)));
    CHECK(may_be_same_data(fingerprint_of(40), fingerprint_of(60)));
    CHECK(may_be_same_data(fingerprint_of(60), fingerprint_of(30)));
    CHECK_FALSE(may_be_same_data(fingerprint_of(40), fingerprint_of(60, 1)));
    CHECK_FALSE(may_be_same_data(fingerprint_of(60), fingerprint_of(30, 1)));
}

TEST_CASE("data of which nothing was recorded may be the same") {
    CHECK(may_be_same_data("", fingerprint_of(4)));
    CHECK(may_be_same_data(fingerprint_of(4), ""));
    const std::string old = fingerprint_of(4).substr(0, fingerprint_of(4).find(' '));
    CHECK(may_be_same_data(old, fingerprint_of(4)));
    CHECK_FALSE(may_be_same_data(old, fingerprint_of(4, 1)));
    CHECK(may_be_same_data(old, fingerprint_of(5)));
}

/// Fingerprint of a folder with `count` pictures, of which number `changed` is white, not black.
std::string fingerprint_of_pictures(int64_t count, int64_t changed) {
    TempFolder folder;
    for (int64_t i = 0; i < count; ++i)
        folder.write(fmt::format("{:04}.png", i),
                     write_raw_png({.samples = {i == changed ? 255U : 0U}}));
    FolderOptions options;
    options.name = "image";
    options.fit = {4, 4, 1};
    Diagnostics diagnostics;
    const auto fields = read_folder(folder.path(), options, diagnostics);
    REQUIRE(fields.ok());
    const auto dataset = make_dataset({fields->example}, diagnostics);
    REQUIRE(dataset.ok());
    return fingerprint(*dataset);
}

TEST_CASE("one changed picture of many makes other data, also in a folder that has grown") {
    const std::string then = fingerprint_of_pictures(120, -1);
    CHECK(may_be_same_data(then, fingerprint_of_pictures(120, -1)));
    CHECK(may_be_same_data(then, fingerprint_of_pictures(130, -1)));
    CHECK(may_be_same_data(then, fingerprint_of_pictures(130, 125)));
    for (const int64_t changed : {1, 50, 119}) {
        CHECK_FALSE(may_be_same_data(then, fingerprint_of_pictures(120, changed)));
        CHECK_FALSE(may_be_same_data(then, fingerprint_of_pictures(130, changed)));
    }
    // As an older gmc recorded it: only some values were looked at.
    const std::string old = then.substr(0, then.find(' '));
    CHECK(may_be_same_data(old, fingerprint_of_pictures(120, 1)));
}

TEST_CASE("a picture that is replaced after it was first read is refused, and not recorded") {
    const TempFolder folder;
    const auto black = write_raw_png({.samples = {0}}), white = write_raw_png({.samples = {255}});
    const auto open = [&](bool skip_bad, uint64_t cache_bytes) {
        for (const char* name : {"a.png", "b.png"}) folder.write(name, black);
        FolderOptions options;
        options.name = "image";
        options.fit = {1, 1, 1};
        options.skip_bad = skip_bad;
        options.cache_bytes = cache_bytes;
        Diagnostics diagnostics;
        return make_dataset({read_folder(folder.path(), options, diagnostics)->example},
                            diagnostics)
            .take();
    };
    const auto why_not = [](const Dataset& dataset, int64_t example) -> std::string {
        float value = 0;
        try {
            dataset.fields()[0]->read(example, &value);
        } catch (const DataError& error) {
            CHECK(error.is_change());
            return error.what();
        }
        return "";
    };
    const Dataset read = open(false, 0);
    const std::string then = fingerprint(read);
    // `bad_files: skip` has decoded all of it, and has kept what it decoded, or not.
    for (const uint64_t cache_bytes : {1, 100}) {
        const Dataset decoded = open(true, cache_bytes);
        folder.write("b.png", white);
        CHECK(why_not(decoded, 1).empty() == (cache_bytes == 100));
        CHECK((cache_bytes == 1 || fingerprint(decoded) == then));
    }
    const Dataset recorded = open(false, 1);
    CHECK(fingerprint(recorded) == then);
    folder.write("b.png", white);
    CHECK(why_not(recorded, 0).empty());
    CHECK(why_not(recorded, 1).ends_with("/b.png` is another picture than when it was first read"));
    CHECK(fingerprint(open(false, 0)) == then);
}

TEST_CASE("what lies in a file has the fingerprint that it has in memory, or an older one") {
    std::vector<float> values(3000);
    std::iota(values.begin(), values.end(), 0.F);
    const TempFolder folder;
    const auto open = [&](bool in_memory) {
        ValueRules rules{"x", {}};
        rules.memory_most = in_memory ? 1 << 20 : 0;
        const std::string path = folder.path() + "/x.npy";
        Diagnostics diagnostics;
        REQUIRE(write_npy(path, std::vector<int64_t>{1500, 2}, values, diagnostics));
        const Dataset dataset =
            make_dataset({read_array({"npy", path, ""}, rules, diagnostics).take()}, diagnostics)
                .take();
        CHECK(dataset.fields()[0]->in_memory() == in_memory);
        return dataset;
    };
    const std::string then = fingerprint(open(true));
    CHECK(fingerprint(open(false)) == then);
    const std::string old = fingerprint_of(open(false), {false});
    CHECK(old.find(" n:") != std::string::npos);
    const auto may_be = [&](bool in_memory) {
        const Dataset now = open(in_memory);
        return may_be_same_data(old, fingerprint_as(now, old, fingerprint(now)));
    };
    CHECK(may_be_same_data(old, then));  // nothing else tells of two records
    CHECK(may_be(true));
    CHECK(may_be(false));
    values[1] = -1;  // of the first example, which the older one has looked at
    CHECK_FALSE(may_be(true));
    CHECK_FALSE(may_be(false));
    values[1] = 1, values[31] = -1;
    CHECK_FALSE(may_be_same_data(then, fingerprint(open(false))));
}

TEST_CASE("one changed example of many in memory makes other data") {
    const auto of = [](float value) {
        std::vector<float> values(5000, 0.5F);
        values[3333] = value;
        Diagnostics diagnostics;
        const auto dataset = make_dataset(
            {std::make_shared<FloatField>(FieldInfo{"x", {1}, 5000}, std::move(values))},
            diagnostics);
        REQUIRE(dataset.ok());
        return fingerprint(*dataset);
    };
    CHECK(may_be_same_data(of(0.5F), of(0.5F)));
    CHECK_FALSE(may_be_same_data(of(0.5F), of(0.25F)));
    CHECK_FALSE(may_be_same_data(in_short(of(0.5F)), of(0.25F)));
}

}  // namespace
}  // namespace gmc::runtime

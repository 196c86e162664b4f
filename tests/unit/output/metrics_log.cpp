// metrics.jsonl: how numbers are written, and which lines are kept on resuming.
#include "runtime/output/metrics_log.h"
#include "compiler/support/json.h"

#include <cmath>

#include "compiler/support/check.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

TEST_CASE("numbers are the shortest text that reads back the same") {
    MetricsRow row(100, 2);
    row.add("float", 0.1F).add("double", 0.1F + 0.0).add("tiny", 1e-30).add("whole", 3.0);
    row.add("count", int64_t{1} << 60).add("name", "a \"b\"\n");
    CHECK(
        row.line() ==
        R"({"step":100,"epoch":2,"float":0.1,"double":0.10000000149011612,"tiny":1e-30,"whole":3,)"
        R"("count":1152921504606846976,"name":"a \"b\"\n"})");
    CHECK(Json::parse(row.line()).value().at("tiny").number() == 1e-30);
}

TEST_CASE("NaN and infinities are null and named") {
    MetricsRow row(1, 0);
    row.add("a", NAN).add("b", 1.5).add("c", -INFINITY);
    CHECK(row.line() ==
          R"({"step":1,"epoch":0,"a":null,"b":1.5,"c":null,"nonfinite":{"a":"nan","c":"-inf"}})");
}

TEST_CASE("names are unique, and odd ones are still JSON") {
    MetricsRow row(1, 0);
    CHECK_THROWS_AS(row.add("step", 1.0), InternalError);
    CHECK_THROWS_AS(row.add("nonfinite", 1.0), InternalError);
    row.add("bad \xff utf-8", 1.0);
    CHECK(Json::parse(row.line()).value().is_object());
}

/// Resumes at `step`, writes one more line and returns the whole log.
std::string log_after_resume(const std::string& path, int64_t step) {
    Diagnostics diagnostics;
    Result<MetricsLog> log = MetricsLog::resume(path, step, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(log);
    REQUIRE(log->write({MetricsRow(99, 0)}, diagnostics));
    return read_text(path);
}

TEST_CASE("a log is readable after each line, and resuming cuts later steps") {
    const TempFolder folder;
    const std::string path = folder.path("metrics.jsonl");
    Diagnostics diagnostics;
    std::string expected;
    {
        Result<MetricsLog> log = MetricsLog::create(path, diagnostics);
        REQUIRE(log);
        for (int64_t step = 10; step <= 40; step += 10) {
            REQUIRE(log->write({MetricsRow(step, 0)}, diagnostics));
            expected += fmt::format("{{\"step\":{},\"epoch\":0}}\n", step);
            CHECK(read_text(path) == expected);
        }
    }
    const std::string last = "{\"step\":99,\"epoch\":0}\n";
    const size_t line = expected.size() / 4;
    folder.write("metrics.jsonl", expected + "{\"step\":45,\"lo");  // killed while writing
    CHECK(log_after_resume(path, 50) == expected + last);
    CHECK(log_after_resume(path, 20) == expected.substr(0, 2 * line) + last);
    CHECK(log_after_resume(path, 19) == expected.substr(0, line) + last);
    CHECK(log_after_resume(path, 0) == last);
    CHECK(log_after_resume(folder.path("new.jsonl"), 5) == last);
    CHECK(MetricsLog::create(path, diagnostics).ok());
    CHECK(read_text(path).empty());
}

TEST_CASE("a last line without a line break counts where it is whole, and half a one is told") {
    const TempFolder folder;
    const std::string first = "{\"step\":1,\"epoch\":1}\n", whole = "{\"step\":2,\"epoch\":1}";
    const auto resumed = [&](const std::string& text, int64_t step) {
        Diagnostics diagnostics;
        const std::string path = folder.write("log", text);
        REQUIRE(MetricsLog::resume(path, step, diagnostics).ok());
        return std::pair(read_text(path),
                         diagnostics.warnings().empty() ? "" : diagnostics.warnings().front().text);
    };
    CHECK(resumed(first + whole, 2) == std::pair(first + whole + "\n", std::string()));
    CHECK(resumed(first + whole + "\n", 2) == std::pair(first + whole + "\n", std::string()));
    CHECK(resumed(first + whole, 1) == std::pair(first, std::string()));
    for (const char* half : {"{\"step\":2,\"epo", "{", "{\"epoch\":1}"})
        CHECK(resumed(first + half, 2) ==
              std::pair(first, fmt::format("`{}` ends in half a line, 2, which goes",
                                           folder.path("log"))));
    const std::string zeros(9, '\0');
    CHECK(
        resumed(first + zeros, 2) ==
        std::pair(first, fmt::format("`{}` is zeros from line 2 on: they go", folder.path("log"))));
}

TEST_CASE("figures that were written because a run ended go when it goes on") {
    const TempFolder folder;
    const std::string begin = "{\"step\":4,\"loss\":1}\n";
    const std::string figures = "{\"step\":6,\"loss\":1}\n";
    const std::string others =
        "{\"step\":6,\"validation_loss\":1}\n{\"step\":6,\"sign\":\"a\"}\n"
        "{\"step\":6,\"rolled_back_to\":5,\"because\":\"b\"}\n";
    for (const int64_t every : {1, 2, 3, 4, 5}) {
        const std::string path = folder.write("m", begin + figures + others);
        Diagnostics diagnostics;
        REQUIRE(MetricsLog::resume(path, 6, diagnostics, every).ok());
        CHECK(read_text(path) == begin + (6 % every == 0 ? figures : "") + others);
    }
}

TEST_CASE("lines of an epoch's end go when it is to be done again, and no others") {
    const TempFolder folder;
    const std::string earlier =
        "{\"step\":3,\"validation_loss\":1}\n{\"step\":6,\"loss\":1}\n"
        "{\"step\":6,\"rolled_back_to\":5,\"because\":\"b\"}\n{\"step\":6,\"changed\":\"c\"}\n";
    const std::string end =
        "{\"step\":6,\"validation_loss\":1}\n{\"step\":6,\"sign\":\"a\",\"text\":\"b\"}\n";
    for (const bool is_left : {false, true}) {
        const std::string path = folder.write("m", earlier + end);
        Diagnostics diagnostics;
        REQUIRE(MetricsLog::resume(path, 6, diagnostics, 1, is_left).ok());
        CHECK(read_text(path) == (is_left ? earlier : earlier + end));
    }
}

TEST_CASE("a log with a line that is none is left alone") {
    const TempFolder folder;
    const std::pair<const char*, const char*> kJunk[] = {
        {"junk", "is no JSON object"},
        {"[1]", "is no JSON object"},
        {"", "is no JSON object"},
        {"{\"epoch\":1}", "has no `step`"},
        {"{\"step\":\"1\"}", "has \"1\" as `step`, which is no whole number from 0"},
        {"{\"step\":1e300}", "has 1e+300 as `step`, which is no whole number from 0"}};
    for (const auto& [junk, why] : kJunk) {
        const std::string text = fmt::format("{{\"step\":1}}\n{}\n{{\"step\":2}}\n", junk);
        const std::string path = folder.write("m", text);
        Diagnostics diagnostics;
        CHECK_FALSE(MetricsLog::resume(path, 5, diagnostics).ok());
        CHECK(only_error(diagnostics) ==
              fmt::format("[bad-file] `{}` line 2 (offset 11) {}", path, why));
        CHECK(read_text(path) == text);
    }
}

TEST_CASE("lines since the last checkpoint go when nothing can save their steps") {
    const TempFolder folder;
    const std::string path = folder.path("metrics.jsonl");
    Diagnostics diagnostics;
    auto log = MetricsLog::create(path, diagnostics);
    REQUIRE(log.ok());
    log->back_to_saved();  // nothing was saved
    CHECK(log->write({MetricsRow(1, 1)}, diagnostics));
    const std::string saved = read_text(path);
    log->has_saved();
    CHECK(log->write({MetricsRow(2, 1)}, diagnostics));
    log->back_to_saved();
    CHECK(read_text(path) == saved);
    log->back_to_saved();
    CHECK(read_text(path) == saved);
    std::filesystem::remove(path);
    CHECK(log->write({MetricsRow(2, 1)}, diagnostics));  // another file now, which is not cut
    log->back_to_saved();
    CHECK(read_text(path) == saved + "{\"step\":2,\"epoch\":1}\n");
}

TEST_CASE("a log that is removed or replaced while it is open loses no line") {
    const TempFolder folder;
    std::filesystem::create_directory(folder.path("run"));
    const std::string path = folder.path("run/metrics.jsonl");
    Diagnostics diagnostics;
    auto log = MetricsLog::create(path, diagnostics);
    REQUIRE(log.ok());
    CHECK(log->write({MetricsRow(1, 1)}, diagnostics));
    std::filesystem::remove(path);
    CHECK(log->write({MetricsRow(2, 1)}, diagnostics));
    CHECK(log->write({MetricsRow(3, 1)}, diagnostics));
    const std::string lines = read_text(path);
    CHECK(lines ==
          "{\"step\":1,\"epoch\":1}\n{\"step\":2,\"epoch\":1}\n{\"step\":3,\"epoch\":1}\n");
    folder.write("run/other", "");
    std::filesystem::rename(folder.path("run/other"), path);
    CHECK(log->write({MetricsRow(4, 1)}, diagnostics));
    CHECK(read_text(path) == "{\"step\":4,\"epoch\":1}\n");
    std::filesystem::rename(folder.path("run"), folder.path("moved"));
    CHECK(log->write({MetricsRow(5, 1)}, diagnostics));
    CHECK_FALSE(std::filesystem::exists(folder.path("run")));
    CHECK(read_text(folder.path("moved/metrics.jsonl")).ends_with("{\"step\":5,\"epoch\":1}\n"));
    CHECK(diagnostics.count() == 0);
}

TEST_CASE("a log that goes on says where it ended") {
    const TempFolder folder;
    Diagnostics diagnostics;
    const std::string path =
        folder.write("log", "{\"step\":1,\"epoch\":1}\n{\"step\":2,\"epoch\":1}\n");
    CHECK(MetricsLog::resume(path, 5, diagnostics)->ended_at() == 2);
    CHECK(MetricsLog::resume(path, 1, diagnostics)->ended_at() == 1);
    CHECK_FALSE(MetricsLog::resume(folder.path("none"), 5, diagnostics)->ended_at());
}

TEST_CASE("errors of logs") {
    const TempFolder folder;
    Diagnostics diagnostics;
    CHECK_FALSE(MetricsLog::create(folder.path("none/m"), diagnostics).ok());
    CHECK(only_error(diagnostics) ==
          fmt::format("[bad-file] `{}` cannot be opened for writing: No such file or directory",
                      folder.path("none/m")));
    Diagnostics full;
    CHECK_FALSE(MetricsLog::resume("/dev/full", 0, full).ok());  // not a regular file
    CHECK(full.count() == 1);
    Diagnostics written;
    Result<MetricsLog> log = MetricsLog::create("/dev/full", written);
    REQUIRE(log);
    CHECK_FALSE(log->write({MetricsRow(1, 0)}, written));
    CHECK(only_error(written) ==
          "[disk-full] `/dev/full` cannot be written: No space left on device");
}

}  // namespace
}  // namespace gmc::runtime

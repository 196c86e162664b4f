// Support: distances between names, places in texts, and rendered errors.
#include "compiler/support/diagnostic.h"
#include "compiler/support/edit_distance.h"
#include "compiler/support/json.h"
#include "compiler/support/numbers.h"
#include "compiler/support/pace.h"
#include "compiler/support/paths.h"
#include "compiler/support/wording.h"
#include "compiler/support/wrap.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

using gmc::DiagnosticKind;
using gmc::Diagnostics;
using gmc::SourceFile;

TEST_CASE("edit distance counts swaps of neighbours as one", "[support]") {
    CHECK(gmc::edit_distance("", "") == 0);
    CHECK(gmc::edit_distance("abc", "abc") == 0);
    CHECK(gmc::edit_distance("", "abc") == 3);
    CHECK(gmc::edit_distance("sigmod", "sigmoid") == 1);
    CHECK(gmc::edit_distance("dnese", "dense") == 1);
    CHECK(gmc::edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("a name is suggested only when it is near", "[support]") {
    const std::vector<std::string> names = {"dense", "conv2d", "flatten", "conv2d_transpose"};
    CHECK(gmc::nearest_name("dens", names) == "dense");
    CHECK(gmc::nearest_name("conv2", names) == "conv2d");
    CHECK(gmc::nearest_name("zzzzz", names).empty());
    const std::vector<std::string> short_names = {"max", "sin"};
    CHECK(gmc::nearest_name("sni", short_names) == "sin");
    CHECK(gmc::nearest_name("maxx", short_names) == "max");
    CHECK(gmc::nearest_name("map", short_names).empty());
    CHECK(gmc::nearest_name("", names).empty());
    CHECK(gmc::nearest_name(std::string(10000, 'x'), names).empty());
}

TEST_CASE("digits stand in groups of three", "[support]") {
    CHECK(gmc::grouped(0) == "0");
    CHECK(gmc::grouped(999) == "999");
    CHECK(gmc::grouped(1000) == "1,000");
    CHECK(gmc::grouped(-123) == "-123");
    CHECK(gmc::grouped(-1234567) == "-1,234,567");
}

TEST_CASE("a count takes the plural of its word, except 1", "[support]") {
    CHECK(gmc::counted(0, "epoch") == "0 epochs");
    CHECK(gmc::counted(size_t{1}, "epoch") == "1 epoch");
    CHECK(gmc::counted(1.0, "epoch") == "1 epoch");
    CHECK(gmc::counted(2.5, "epoch") == "2.5 epochs");
}

TEST_CASE("what lies in a folder is read without exceptions", "[support]") {
    namespace fs = std::filesystem;
    const gmc::TemporaryFolder folder;
    std::error_code error;
    CHECK(gmc::paths_in(folder / "gone", error).empty());
    CHECK(error == std::errc::no_such_file_or_directory);
    std::ofstream(folder / "file") << "x";
    CHECK(gmc::paths_in(folder / "file", error).empty());
    CHECK(error == std::errc::not_a_directory);
    fs::create_directories(folder / "inner/deeper");
    auto paths = gmc::paths_in(folder / "", error);
    CHECK_FALSE(error);
    std::sort(paths.begin(), paths.end());
    CHECK(paths == std::vector<fs::path>{folder / "file", folder / "inner"});
}

TEST_CASE("a pace is a number of steps or a time", "[support]") {
    CHECK(gmc::parse_pace("500 steps")->steps == 500);
    CHECK(gmc::parse_pace("1 step")->seconds == 0);
    CHECK(gmc::parse_pace("1.5 minutes")->seconds == 90);
    CHECK(gmc::parse_pace("2  hours")->seconds == 7200);
    CHECK(gmc::parse_pace("1e1seconds")->seconds == 10);
    for (const char* wrong :
         {"", "500", "steps", "0 steps", "0.5 steps", "1.5 steps", "010 steps", "-1 minutes",
          "nan steps", "inf hours", "2e9 seconds", "5 days", "5 steps more"})
        CHECK_FALSE(gmc::parse_pace(wrong).has_value());
}

TEST_CASE("places in a text", "[support]") {
    const SourceFile file("a", "one\ntwo\r\n\nfour");
    CHECK(file.line(1) == "one");
    CHECK(file.line(2) == "two");
    CHECK(file.line(3).empty());
    CHECK(file.line(4) == "four");
    CHECK(file.line(0).empty());
    CHECK(file.line(5).empty());
    CHECK(file.span_at(1, 0, 3) == gmc::Span{1, 1, 1, 3});
    CHECK(file.span_at(1, 5, 1) == gmc::Span{1, 2, 2, 1});
    CHECK(file.span_at(1, 14, 1) == gmc::Span{1, 4, 5, 1});
}

TEST_CASE("an error shows its line, a caret, notes and help", "[support]") {
    Diagnostics d;
    const uint32_t file = d.sources().add("m.yaml", "a: 1\nunits: 800\n");
    d.error(DiagnosticKind::kBadValue, {file, 2, 8, 3}, "`{}` is odd", 800)
        .note({file, 1, 1, 1}, "`a` comes from here")
        .help("use 784");
    CHECK(d.render() ==
          "m.yaml:2:8: error: `800` is odd [bad-value]\n"
          "     2 | units: 800\n"
          "       |        ^~~\n"
          "m.yaml:1:1: note: `a` comes from here\n"
          "     1 | a: 1\n"
          "       | ^\n"
          "help: use 784\n");
}

TEST_CASE("errors come in the order of their places", "[support]") {
    Diagnostics d;
    const uint32_t file = d.sources().add("m", "x\ny\n");
    d.error(DiagnosticKind::kBadValue, {file, 2, 1, 1}, "second");
    d.error(DiagnosticKind::kBadValue, {file, 1, 1, 1}, "first");
    const std::string text = d.render();
    CHECK(text.find("first") < text.find("second"));
    CHECK(d.count() == 2);
}

TEST_CASE("at most 20 errors are shown", "[support]") {
    Diagnostics d;
    for (int i = 0; i < 25; ++i) d.error(DiagnosticKind::kBadValue, {}, "number {}", i);
    const std::string text = d.render();
    CHECK(text.find("number 19 ") != std::string::npos);
    CHECK(text.find("number 20 ") == std::string::npos);
    CHECK(text.find("and 5 more errors") != std::string::npos);
}

TEST_CASE("carets stay in place behind wide and control characters", "[support]") {
    Diagnostics d;
    // Each umlaut has two bytes; the escape character has one and must not reach a terminal.
    const uint32_t file = d.sources().add("m", "\xc3\xa4\xc3\xb6\x1b: 1\n");
    d.error(DiagnosticKind::kBadValue, {file, 1, 8, 1}, "seen");
    const std::string text = d.render();
    CHECK(text.find("\xc3\xa4\xc3\xb6\\x1b: 1\n       |         ^\n") != std::string::npos);
}

TEST_CASE("no message sends control characters or broken UTF-8 to a terminal", "[support]") {
    CHECK(gmc::printable("a\tb\nc\r\x01\x7f\xff\xc3\xa4\xc3") ==
          "a b\\nc\\x0d\\x01\\x7f\\xff\xc3\xa4\\xc3");
    CHECK(gmc::printable("\xc2\x9b"
                         "2J\xc2\xa0") == "\\xc2\\x9b2J\xc2\xa0");
    CHECK(gmc::printable_lines("a\tb\n\x1b[1mc\r") == "a\tb\n\\x1b[1mc\\x0d");
    Diagnostics d;
    const uint32_t file = d.sources().add("odd\x02.yaml", "");
    d.error(DiagnosticKind::kBadValue, {file, 0, 0, 0}, "not `{}`", '\x01').help("no \x1b[1m");
    CHECK(d.render() == "odd\\x02.yaml: error: not `\\x01` [bad-value]\nhelp: no \\x1b[1m\n");
}

TEST_CASE("JSON keeps all control characters from a terminal", "[support]") {
    const gmc::Json json{{"name", "a\x1b\x7f\xc2\x9b\xc3\xa4"}};
    const std::string text = json.dump();
    CHECK(text == "{\"name\":\"a\\u001b\\u007f\\u009b\xc3\xa4\"}");
    CHECK(gmc::Json::parse_strictly(text, 1).at("name").text() == json.at("name").text());
}

TEST_CASE("of a long line the part around the place is shown", "[support]") {
    Diagnostics d;
    const uint32_t file =
        d.sources().add("m", std::string(5000, 'a') + "!" + std::string(5000, 'b'));
    d.error(DiagnosticKind::kBadValue, {file, 1, 5001, 1}, "seen");
    const std::string text = d.render();
    CHECK(text.size() < 400);
    CHECK(text.find("a!b") != std::string::npos);
}

TEST_CASE("places outside the text do no harm", "[support]") {
    Diagnostics d;
    const uint32_t file = d.sources().add("m", "x");
    d.error(DiagnosticKind::kBadValue, {file, 7, 3, 9}, "beyond");
    d.error(DiagnosticKind::kBadValue, {file, 1, 900, 9}, "right of it");
    d.error(DiagnosticKind::kBadValue, {}, "nowhere");
    CHECK(d.render().find("gmc: error: nowhere [bad-value]") != std::string::npos);
}

// Time in proportion to the square of the members would be an hour here.
TEST_CASE("an object of very many members is read, written and bounded", "[support][json]") {
    std::string text = "{";
    for (int i = 0; i < 500'000; ++i)
        text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":" + std::to_string(i);
    text += "}";
    const std::optional<gmc::Json> json = gmc::Json::parse(text);
    REQUIRE(json);
    CHECK(json->size() == 500'000);
    CHECK(json->names().back() == "499999");
    CHECK(json->elements().back().whole() == 499'999);
    CHECK(json->dump() == text);
    CHECK(gmc::Json::parse_strictly(text, 500'000).size() == 500'000);
    CHECK_THROWS_AS(gmc::Json::parse_strictly(text, 499'999), gmc::JsonError);
}

TEST_CASE("JSON is read as it stands, or refused", "[support][json]") {
    const auto again = [](const char* text) {
        const std::optional<gmc::Json> json = gmc::Json::parse(text);
        return json ? json->dump() : "refused";
    };
    for (const char* text : {"null", "true", "-3", "18446744073709551615", "0.5", "\"a\"", "[]",
                             "{}", "[[],{},[1,[2]],{\"a\":[{\"b\":null}]}]"})
        CHECK(again(text) == text);
    CHECK(again(R"({"a":1,"b":2,"a":[3]})") == R"({"a":[3],"b":2})");
    for (const char* text :
         {"", "[", "[1", "{\"a\"}", "{\"a\":}", "1 2", "[1]]", "1e999", "nan", "\"\xff\""})
        CHECK(again(text) == "refused");
    const auto nested = [](size_t levels) {
        return std::string(levels, '[') + std::string(levels, ']');
    };
    CHECK(gmc::Json::parse(nested(100)));
    CHECK_FALSE(gmc::Json::parse(nested(101)));
    CHECK_FALSE(gmc::Json::parse(nested(1'000'000)));
    CHECK_THROWS_AS(gmc::Json::parse_strictly(R"({"a":{"b":1,"b":1}})", 9), gmc::JsonError);
    CHECK_THROWS_AS(gmc::Json::parse_strictly("[1", 9), gmc::JsonError);
    CHECK(gmc::Json::parse_strictly(R"([{"b":1},{"b":1}])", 1).size() == 2);
}

TEST_CASE("what JSON lacks is said with the member that it is about", "[support][json]") {
    const std::optional<gmc::Json> json =
        gmc::Json::parse(R"({"seed":-1e300,"list":[1,"a"],"inner":{"flag":1},"long":")" +
                         std::string(5000, 'x') + "\"}");
    REQUIRE(json);
    const auto why = [](auto&& read) -> std::string {
        try {
            read();
        } catch (const gmc::JsonError& error) {
            return error.what();
        }
        return "";
    };
    CHECK(why([&] { (void)json->at("seed").text(); }) == "`seed` is -1e+300, which is no text");
    CHECK(why([&] { (void)json->at("list").texts(); }) == "`list` is 1, which is no text");
    CHECK(why([&] { (void)json->at("inner").at("flag").flag(); }) ==
          "`flag` is 1, which is no flag");
    CHECK(why([&] { (void)json->at("inner").at("more"); }) == "`inner` has no `more`");
    CHECK(why([&] { (void)json->at("more"); }) == "there is no `more`");
    CHECK(why([&] { (void)json->at("long").whole(); }).size() < 150);
    CHECK(why([&] { (void)json->whole(); }).ends_with("is no whole number"));
}

TEST_CASE("names of any length become sentences that can be read", "[support]") {
    const std::string name(100'000, 'x'), shown(100, 'x');
    CHECK(gmc::shortened("no pass `" + name + "` is there") ==
          "no pass `" + shown + "...` is there");
    CHECK(gmc::shortened("it is f32[" + name + "] here").size() < 130);
    CHECK(gmc::shortened("`" + name).size() < 130);
    CHECK(gmc::shortened(std::string(100'000, '`')).size() < 20'000);
    CHECK(gmc::shortened("a `b c` d  e\n  f") == "a `b c` d  e\n  f");
    std::string path;
    for (int i = 0; i < 20; ++i) path += "/a folder of a name " + std::string(100, 'y');
    CHECK(gmc::shortened("`" + path + "` is missing") == "`" + path + "` is missing");
    CHECK(gmc::cut("\u00e4\u00e4\u00e4", 3) == "\u00e4...");
    gmc::Diagnostics diagnostics;
    diagnostics.error(gmc::DiagnosticKind::kBadValue, {}, "`{}` is no name", name)
        .note({}, "`" + name + "` comes from here")
        .help("`" + name + "` is too long");
    CHECK(diagnostics.render().size() < 500);
}

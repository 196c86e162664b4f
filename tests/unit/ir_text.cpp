// The IR as text: printing and parsing are each other's inverse, in all modules that tests hold.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/ir/artefact.h"
#include "compiler/ir/text/dot.h"
#include "compiler/ir/text/parser.h"
#include "compiler/ir/text/printer.h"
#include "tests/catch.h"

using namespace gmc;  // NOLINT

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The .gmc files under tests/filetest that are modules: all but tests of errors.
std::vector<fs::path> modules_of_tests() {
    std::vector<fs::path> out;
    for (const auto& entry : fs::recursive_directory_iterator(GMC_SOURCE_DIR "/tests/filetest"))
        if (entry.path().extension() == ".gmc" &&
            !entry.path().filename().string().starts_with("fail_"))
            out.push_back(entry.path());
    return out;
}

}  // namespace

TEST_CASE("every module in the file tests survives the round trip", "[ir]") {
    size_t count = 0;
    for (const fs::path& path : modules_of_tests()) {
        std::string text = read(path);
        text = text.substr(0, text.find("// -- expected output --"));
        INFO(path);
        Diagnostics diagnostics;
        const Result<ir::Module> module = ir::parse_module(path.string(), text, diagnostics);
        REQUIRE(module.ok());
        const std::string printed = ir::print(*module);
        const Result<ir::Module> again = ir::parse_module("printed", printed, diagnostics);
        REQUIRE(again.ok());
        CHECK(ir::print(*again) == printed);
        CHECK(ir::to_dot(*module) == ir::to_dot(*again));
        ++count;
    }
    CHECK(count >= 40);
}

TEST_CASE("a module's file is its text and a checksum", "[ir]") {
    ir::Module module;
    module.name = "m";
    const std::string text = ir::artefact_text(module);
    CHECK(text == "gmc 2\nmodel \"m\"\nchecksum 5604643b\n");
    Diagnostics diagnostics;
    const auto read_back = ir::read_artefact_text("m.gmc", text, {}, diagnostics);
    REQUIRE(read_back.ok());
    CHECK(read_back->name == "m");
}

TEST_CASE("no prefix of a module's file is taken for the file", "[ir]") {
    ir::Module module;
    module.name = "m";
    module.training = ir::Training{32, 3};
    const std::string text = ir::artefact_text(module);
    for (size_t length = 0; length < text.size(); ++length) {
        Diagnostics diagnostics;
        CHECK_FALSE(ir::read_artefact_text("m.gmc", text.substr(0, length), {}, diagnostics).ok());
        CHECK(diagnostics.count() == 1);
        CHECK(diagnostics.list()[0].kind == DiagnosticKind::kBadFile);
    }
}

TEST_CASE("no single changed byte of a module's file goes unnoticed", "[ir]") {
    ir::Module module;
    module.name = "m";
    module.training = ir::Training{32, 3};
    const std::string text = ir::artefact_text(module);
    for (size_t i = 0; i < text.size(); ++i)
        for (const char c : {'0', 'z', '\0', '\n', '\xff'}) {
            std::string changed = text;
            if (changed[i] == c) continue;
            changed[i] = c;
            Diagnostics diagnostics;
            CHECK_FALSE(ir::read_artefact_text("m.gmc", changed, {}, diagnostics).ok());
        }
}

TEST_CASE("files are written whole or not at all", "[ir]") {
    const fs::path folder = fs::temp_directory_path() / "gmc_ir_text_test";
    fs::create_directories(folder);
    Diagnostics diagnostics;
    const std::string path = (folder / "x.gmc").string();
    REQUIRE(ir::write_file(path, "one", diagnostics));
    REQUIRE(ir::write_file(path, "two", diagnostics));
    CHECK(read(path) == "two");
    CHECK_FALSE(ir::write_file((folder / "none" / "x.gmc").string(), "three", diagnostics));
    CHECK_FALSE(ir::write_file(folder.string(), "four", diagnostics));
    CHECK(diagnostics.count() == 2);
    CHECK(std::distance(fs::directory_iterator(folder), fs::directory_iterator()) == 1);
    fs::remove_all(folder);
}

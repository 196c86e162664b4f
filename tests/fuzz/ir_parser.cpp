// Feeds mutated modules to the parser, the verifier and the passes. They have to answer with a
// module or with errors, and must not crash.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "compiler/ir/artefact.h"
#include "compiler/ir/text/parser.h"
#include "compiler/ir/text/printer.h"
#include "compiler/pipeline.h"
#include "tests/catch.h"

using namespace gmc;  // NOLINT

namespace {

namespace fs = std::filesystem;

constexpr int kMutants = 10000;

std::vector<std::string> file_seeds() {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::recursive_directory_iterator(GMC_SOURCE_DIR "/tests/filetest"))
        if (entry.path().extension() == ".gmc") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> out;
    for (const fs::path& path : paths) {
        std::ifstream file(path, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        out.push_back(text.str().substr(0, text.str().find("// -- expected")));
    }
    return out;
}

/// Changes, removes, doubles or moves a few bytes or lines of `text`, or takes some from `other`.
std::string mutated(std::string text, const std::string& other, std::mt19937_64& random) {
    static constexpr std::string_view kPieces[] = {"%",
                                                   "@",
                                                   "{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   ":",
                                                   ",",
                                                   "=",
                                                   "-1",
                                                   "0",
                                                   "f32[]",
                                                   "9223372036854775807",
                                                   "fused",
                                                   "at",
                                                   "{space=[4]}",
                                                   "\"",
                                                   "//",
                                                   "1e999"};
    const auto below = [&](size_t n) { return n == 0 ? 0 : random() % n; };
    const size_t changes = 1 + below(4);
    for (size_t i = 0; i < changes && !text.empty(); ++i) {
        const size_t at = below(text.size()),
                     length = std::min<size_t>(1 + below(12), text.size() - at);
        switch (below(6)) {
            case 0:
                text.erase(at, length);
                break;
            case 1:
                text.insert(at, kPieces[below(std::size(kPieces))]);
                break;
            case 2:
                text[at] = static_cast<char>(below(256));
                break;
            case 3:
                text.insert(below(text.size()), text.substr(at, length));
                break;
            case 4:
                text.replace(at, length, other.substr(below(other.size()), length));
                break;
            default:
                text.resize(at);
                break;
        }
    }
    return text;
}

}  // namespace

TEST_CASE("mutated modules are read or refused, and what is read can be printed", "[fuzz]") {
    const std::vector<std::string> texts = file_seeds();
    REQUIRE(texts.size() > 20);
    std::mt19937_64 random(20240607);
    int read = 0;
    for (int i = 0; i < kMutants; ++i) {
        const std::string text =
            mutated(texts[random() % texts.size()], texts[random() % texts.size()], random);
        Diagnostics diagnostics;
        const Result<ir::Module> module =
            ir::read_artefact_text("fuzz.gmc", text, {.require_checksum = false}, diagnostics);
        if (module.ok() == diagnostics.any())
            FAIL("neither a module nor an error, or both, for:\n" << text);
        if (!module.ok()) {
            if (diagnostics.render().empty()) FAIL("an error without words for:\n" << text);
            continue;
        }
        ++read;
        const std::string printed = ir::print(*module);
        const Result<ir::Module> again = ir::parse_module("printed", printed, diagnostics);
        if (!again.ok() || ir::print(*again) != printed) FAIL("no round trip for:\n" << text);
    }
    CHECK(read > kMutants / 50);
}

TEST_CASE("the passes keep every well-formed mutant well formed", "[fuzz]") {
    const std::vector<std::string> texts = file_seeds();
    std::mt19937_64 random(7);
    int ran = 0;
    for (int i = 0; i < kMutants / 4; ++i) {
        const std::string text =
            mutated(texts[random() % texts.size()], texts[random() % texts.size()], random);
        Diagnostics diagnostics;
        Result<ir::Module> module =
            ir::read_artefact_text("fuzz.gmc", text, {.require_checksum = false}, diagnostics);
        if (!module.ok()) continue;
        // A module that has been through the pipeline cannot go through it again.
        if (text.find("fused") != std::string::npos || text.find("arena") != std::string::npos)
            continue;
        INFO(text);
        passes::PassOptions options;
        options.crash_file = (fs::temp_directory_path() / "gmc_fuzz_crash.gmc").string();
        // The manager verifies the module after each pass, and throws when a pass broke it.
        CHECK_NOTHROW(passes::run_stages(*module, pipeline(), options, diagnostics));
        ++ran;
    }
    CHECK(ran > 10);
}

// Every file of tests/fuzz/corpus, through the target of its folder: seeds, and what fuzzers found.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/catch.h"
#include "tests/fuzz/targets/targets.h"

namespace fs = std::filesystem;

TEST_CASE("the corpus of every fuzz target is answered", "[fuzz]") {
    for (const gmc::fuzz::Target& target : gmc::fuzz::targets()) {
        int files = 0;
        for (const auto& entry :
             fs::directory_iterator(fs::path(GMC_SOURCE_DIR "/tests/fuzz/corpus") / target.name)) {
            std::ifstream file(entry.path(), std::ios::binary);
            std::ostringstream bytes;
            bytes << file.rdbuf();
            INFO(entry.path().string());
            CHECK_NOTHROW(target.run(bytes.str()));
            ++files;
        }
        INFO(target.name);
        CHECK(files > 0);
    }
}

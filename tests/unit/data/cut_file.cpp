// A file of data that somebody cuts while it is read.
#include <unistd.h>

#include "runtime/data/files/array_data.h"
#include "runtime/output/npy.h"
#include "tests/catch.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

TEST_CASE("where a file ends that is cut while it is read is said only where it is known") {
    const TempFolder folder;
    const std::string path = folder.path("x.npy");
    Diagnostics diagnostics;
    REQUIRE(write_npy(path, std::vector<int64_t>{100, 15}, std::vector<float>(1500), diagnostics));
    ValueRules rules{"x", {}};
    rules.memory_most = 0;  // so it stays in the file
    rules.block = 10;
    const auto field = read_array({"npy", path, ""}, rules, diagnostics);
    REQUIRE(field);
    REQUIRE(truncate(path.c_str(), 1000) == 0);
    const auto error_at = [&](int64_t example) -> std::string {
        std::vector<float> values(15);
        try {
            (*field)->read(example, values.data());
        } catch (const DataError& error) {
            return error.what();
        }
        return "";
    };
    CHECK(error_at(15).find("x.npy` ends at byte 1000 of its") != std::string::npos);
    CHECK(error_at(95).find("x.npy` ends before byte 5528 of its") != std::string::npos);
}

}  // namespace
}  // namespace gmc::runtime

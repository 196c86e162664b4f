// Cells of tables are cut so that those which differ stay different.
#include "tools/gmrun/runs/cut_cells.h"

#include <random>
#include <string>
#include <vector>

#include "tests/catch.h"

using gmc::tools::cut_cells;

namespace {

using Cells = std::vector<std::string>;

}  // namespace

TEST_CASE("Cells that are short are not cut, and long ones at their ends", "[cut_cells]") {
    const std::string most(60, 'x');
    CHECK(cut_cells({"a", "", most}) == Cells{"a", "", most});
    CHECK(cut_cells({most + "y", "b"}) == Cells{std::string(57, 'x') + "...", "b"});
    CHECK(cut_cells({most + "y", most + "y"})[0] == std::string(57, 'x') + "...");
}

TEST_CASE("A difference that would be cut off is what is shown", "[cut_cells]") {
    const std::string same(100, 'x'), shown(20, 'x');
    CHECK(cut_cells({same + "rate=1", same + "rate=2"}) ==
          Cells{"..." + std::string(15, 'x') + "rate=1", "..." + std::string(15, 'x') + "rate=2"});
    CHECK(cut_cells({same, same + "y"}) == Cells{"..." + shown, "..." + shown + "y"});
}

TEST_CASE("Cells that differ never become equal, nor equal ones different", "[cut_cells]") {
    std::mt19937 random(1);
    const Cells parts{"a",
                      "b",
                      "...",
                      "\xc3\xa4",
                      "\xe2\x82\xac",
                      std::string(30, 'x'),
                      std::string(57, 'x'),
                      std::string(70, 'y')};
    for (int round = 0; round < 20'000; ++round) {
        Cells cells(2 + random() % 4);
        for (std::string& cell : cells)
            for (size_t count = random() % 7; count > 0; --count)
                cell += parts[random() % parts.size()];
        const Cells cut = cut_cells(cells);
        REQUIRE(cut.size() == cells.size());
        for (size_t i = 0; i < cells.size(); ++i)
            for (size_t j = 0; j < i; ++j) REQUIRE((cells[i] == cells[j]) == (cut[i] == cut[j]));
    }
}

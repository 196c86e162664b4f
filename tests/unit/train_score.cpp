// Quantiles, as NumPy has them.
#include "runtime/train/score.h"
#include "tests/catch.h"

namespace gmc::runtime {

TEST_CASE("a quantile lies on the straight line between two values", "[score]") {
    CHECK(quantile_of({3}, 0.4) == 3);
    CHECK(quantile_of({4, 1, 3, 2}, 0) == 1);
    CHECK(quantile_of({4, 1, 3, 2}, 1) == 4);
    CHECK(quantile_of({4, 1, 3, 2}, 0.5) == 2.5);
    CHECK(quantile_of({0, 10, 20, 30, 40}, 0.9) == 36);
}

}  // namespace gmc::runtime

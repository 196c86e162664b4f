// Includes Catch2, version 2 (Debian 12) or 3 (Debian 13, Ubuntu 24.04). No other file needs to
// know which.
#pragma once

#if GMC_CATCH2_MAJOR >= 3
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

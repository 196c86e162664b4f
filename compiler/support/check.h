// Assertions about gmc itself. A failed check is a bug of gmc, never the user's mistake: the
// commands print "internal error in ..." and exit with 70.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace gmc {

/// Thrown by GMC_CHECK. Only the mains of the commands and the pass manager catch it.
class InternalError : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};

[[noreturn]] inline void fail_check(const char* file, int line, const char* condition,
                                    const std::string& text) {
    throw InternalError(fmt::format("{} [{} at {}:{}]", text, condition, file, line));
}

}  // namespace gmc

/// GMC_CHECK(condition, "format", args...) states an invariant; the text says what went wrong.
#define GMC_CHECK(condition, ...)                                                             \
    do {                                                                                      \
        if (!(condition))                                                                     \
            ::gmc::fail_check(__FILE_NAME__, __LINE__, #condition, fmt::format(__VA_ARGS__)); \
    } while (false)

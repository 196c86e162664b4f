// What programs say on the standard error.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

namespace gmc {

/// Prints to the standard error. Where that cannot be written (a full disk, a reader that went
/// away), nothing happens: what was to be said must not change how a command ends. (fmt::print
/// would throw.)
template <typename... Values>
void say(fmt::format_string<Values...> text, Values&&... values) {
    const std::string out = fmt::format(text, std::forward<Values>(values)...);
    (void)std::fwrite(out.data(), 1, out.size(), stderr);
}

}  // namespace gmc

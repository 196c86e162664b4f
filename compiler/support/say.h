// What programs say on the standard error, and print on the standard output. All words go this way:
// names in them come from files, which may hold what a terminal would obey.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

#include "compiler/support/wrap.h"

namespace gmc {

/// Prints to the standard error; control characters as in printable_lines(). Where that cannot be
/// written (a full disk, a reader that went away), nothing happens: what was to be said must not
/// change how a command ends. (fmt::print would throw.)
template <typename... Values>
void say(fmt::format_string<Values...> text, Values&&... values) {
    const std::string out = printable_lines(fmt::format(text, std::forward<Values>(values)...));
    (void)std::fwrite(out.data(), 1, out.size(), stderr);
}

/// Prints to the standard output; control characters as in printable_lines(). What could not be
/// written is told when the command ends (tools/command_line/standard_streams.h).
template <typename... Values>
void print_out(fmt::format_string<Values...> text, Values&&... values) {
    const std::string out = printable_lines(fmt::format(text, std::forward<Values>(values)...));
    (void)std::fwrite(out.data(), 1, out.size(), stdout);
}

}  // namespace gmc

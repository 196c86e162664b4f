// Writes the man page of a program in roff, from what its commands declare.
#include <fmt/format.h>

#include <algorithm>

#include "tools/command_line/pages.h"

namespace gmc::tools {
namespace {

/// Text that roff prints as it is: backslashes and hyphens are its own, and so are dots and quotes
/// at the start of a line.
std::string plain(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool starts = i == 0 || text[i - 1] == '\n';
        if (starts && (text[i] == '.' || text[i] == '\'')) out += "\\&";
        if (text[i] == '\\')
            out += "\\e";
        else if (text[i] == '-')
            out += "\\-";
        else
            out += text[i];
    }
    return out;
}

std::string bold(std::string_view text) { return fmt::format("\\fB{}\\fR", plain(text)); }
std::string italic(std::string_view text) { return fmt::format("\\fI{}\\fR", plain(text)); }

/// A tagged paragraph (.TP): the option as its head, its text indented below.
std::string option(const OptionPage& o) {
    std::string head = o.letter.empty() ? "" : bold("-" + o.letter) + ", ";
    head += bold("--" + o.name);
    if (!o.value.empty()) head += " " + italic(o.value);
    const std::string otherwise =
        o.otherwise.empty() ? "" : fmt::format(" (by default {})", o.otherwise);
    return fmt::format(".TP\n{}\n{}\n", head, plain(o.about + otherwise));
}

/// A subsection (.SS) per command.
std::string command(const ProgramPage& program, const CommandPage& c) {
    std::string out = fmt::format(".SS {} {}\n{}\n.PP\n{}\n", plain(program.name), plain(c.name),
                                  plain(c.usage), plain(c.about));
    for (const CommandPage::Argument& a : c.arguments)
        out += fmt::format(".TP\n{}\n{}\n", italic(a.name), plain(a.about));
    for (const OptionPage& o : c.options) out += option(o);
    return out;
}

}  // namespace

/// The sections that man(7) expects, in its order.
std::string man_page(const ProgramPage& program) {
    std::string title = program.name;
    std::transform(title.begin(), title.end(), title.begin(), ::toupper);
    // No date: the page must not depend on the day on which it is made.
    std::string out =
        fmt::format(".TH {} 1 \"\" \"gmc {}\" \"User Commands\"\n", title, program.version);
    out += fmt::format(".SH NAME\n{} \\- {}\n", program.name, plain(program.about));
    out += fmt::format(".SH SYNOPSIS\n{} {} ...\n", bold(program.name), italic("COMMAND"));
    out += ".SH DESCRIPTION\nThe commands:\n";
    for (const CommandPage& c : program.commands)
        out += fmt::format(".TP\n{}\n{}\n", bold(c.name), plain(c.summary));
    out += ".SH COMMANDS\n";
    for (const CommandPage& c : program.commands) out += command(program, c);
    return out +
           ".SH EXIT STATUS\n"
           ".TP\n0\ndone\n"
           ".TP\n1\nthe input is wrong, and what is wrong was printed\n"
           ".TP\n2\nthe command line is wrong\n"
           ".TP\n3\na run failed: it diverged, an example could not be read once it had begun, or "
           "a "
           "disk or the memory is full\n"
           ".TP\n70\na bug of the program\n"
           ".TP\n128 and N\nended by signal N; training writes a checkpoint first when it is "
           "SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2 or SIGXCPU; at a second one it ends at "
           "once, with the checkpoint that is there\n"
           ".SH SEE ALSO\n" +
           fmt::format("{} (1)\n", bold(program.name == "gmc" ? "gmrun" : "gmc"));
}

}  // namespace gmc::tools

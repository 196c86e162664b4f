// Completion for bash, zsh and fish: commands, options, the values of options that have a list of
// them, and files for everything else.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/command_line/pages.h"

namespace gmc::tools {
namespace {

/// In single quotes, as all three shells read them.
std::string quoted(std::string_view text, std::string_view quote) {
    std::string out = "'";
    for (char c : text) {
        if (c == '\'')
            out += quote;
        else
            out += c == '\n' ? ' ' : c;
    }
    return out + "'";
}

/// The first sentence.
std::string brief(std::string_view text) {
    return std::string(text.substr(0, text.find_first_of(";\n")));
}

std::string command_names(const ProgramPage& program) {
    std::string out;
    for (const CommandPage& c : program.commands) out += (out.empty() ? "" : " ") + c.name;
    return out;
}

/// A function that looks at the word before the cursor: after an option with a list of values it
/// offers those, after a dash the options of the command, otherwise files. Readline makes `--x=y`
/// three words, so a `=` before the cursor means the option before that.
std::string bash(const ProgramPage& program) {
    std::string options, values;
    for (const CommandPage& c : program.commands) {
        options += fmt::format("        {}) options='", c.name);
        for (const OptionPage& o : c.options) options += "--" + o.name + " ";
        options += "' ;;\n";
        for (const OptionPage& o : c.options)
            if (!o.choices.empty())
                values += fmt::format("        {}:--{}) values='{}' ;;\n", c.name, o.name,
                                      fmt::join(o.choices, " "));
    }
    return fmt::format(
        R"(# Completion of {0} for bash.
_{0}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}}
    local options='' values=''
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W '{1} --help --version' -- "$word")
        return
    fi
    if [ "$before" = '=' ]; then before=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    if [ "$word" = '=' ]; then word=''; fi
    case $command:$before in
{3}        *) ;;
    esac
    if [ -n "$values" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
        return
    fi
    case $command in
{2}        *) ;;
    esac
    case $word in
        -*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word") ;;
        *) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    esac
}}
complete -o filenames -F _{0} {0}
)",
        program.name, command_names(program), options, values);
}

/// Within a specification of _arguments, brackets and colons have a meaning.
std::string zsh_text(std::string_view text) {
    std::string out;
    for (char c : brief(text)) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

/// One call of _arguments per command, which zsh itself knows how to complete from.
std::string zsh(const ProgramPage& program) {
    constexpr std::string_view kQuote = "'\\''";
    std::string commands, cases;
    for (const CommandPage& c : program.commands) {
        commands += fmt::format("        {}\n", quoted(c.name + ":" + zsh_text(c.summary), kQuote));
        cases += fmt::format("        {})\n            _arguments", c.name);
        for (const OptionPage& o : c.options) {
            std::string spec =
                fmt::format("--{}{}[{}]", o.name, o.value.empty() ? "" : "=", zsh_text(o.about));
            if (!o.choices.empty())
                spec += fmt::format(":value:({})", fmt::join(o.choices, " "));
            else if (!o.value.empty())
                spec += ":" + zsh_text(o.value) + ":_files";
            cases += " \\\n                " + quoted(spec, kQuote);
        }
        cases += " \\\n                '*:file:_files' ;;\n";
    }
    return fmt::format(
        R"(#compdef {0}
# Completion of {0} for zsh.
_{0}() {{
    local -a commands=(
{1}    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{2}    esac
}}
_{0} "$@"
)",
        program.name, commands, cases);
}

/// One line per command and per option; fish needs no function.
std::string fish(const ProgramPage& program) {
    constexpr std::string_view kQuote = "\\'";
    const std::string& name = program.name;
    std::string out = fmt::format("# Completion of {} for fish.\n", name);
    for (const CommandPage& c : program.commands)
        out += fmt::format("complete -c {} -n __fish_use_subcommand -f -a {} -d {}\n", name, c.name,
                           quoted(brief(c.summary), kQuote));
    for (const CommandPage& c : program.commands)
        for (const OptionPage& o : c.options) {
            out += fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}' -l {}", name,
                               c.name, o.name);
            if (!o.letter.empty()) out += " -s " + o.letter;
            if (!o.choices.empty())
                out += fmt::format(" -x -a '{}'", fmt::join(o.choices, " "));
            else if (!o.value.empty())
                out += " -r";
            out += fmt::format(" -d {}\n", quoted(brief(o.about), kQuote));
        }
    return out;
}

}  // namespace

std::string completion(const ProgramPage& program, std::string_view shell) {
    return shell == "bash"   ? bash(program)
           : shell == "zsh"  ? zsh(program)
           : shell == "fish" ? fish(program)
                             : "";
}

}  // namespace gmc::tools

// What a program says of itself beside --help: its man page, and what shells need to complete its
// command lines. All of it comes from the tables of options that the commands declare.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gmc::tools {

/// One option, as the command declared it.
struct OptionPage {
    std::string name;                  ///< "output"
    std::string letter;                ///< "o", or ""
    std::string value;                 ///< "FILE"; "" for a flag
    std::string otherwise;             ///< the default as text, or ""
    std::vector<std::string> choices;  ///< all values that there are, or none
    std::string about;

    bool is_path() const {
        return value == "DIR" || value == "FILE" || value == "FOLDER" || value == "RUN" ||
               value == "MODEL";
    }
};

/// One command with all that it declares.
struct CommandPage {
    std::string name, summary;  ///< "sample", and what the overview says of it
    std::string usage, about;
    struct Argument {
        std::string name, about;
    };
    std::vector<Argument> arguments;
    std::vector<OptionPage> options;
};

/// A whole program. The order of commands is that of main.
struct ProgramPage {
    std::string name, about, version;
    std::vector<CommandPage> commands;
};

/// The man page in section 1, in the macros of man(7).
std::string man_page(const ProgramPage& program);

/// A script for the shell "bash", "zsh" or "fish"; "" for another one.
std::string completion(const ProgramPage& program, std::string_view shell);

}  // namespace gmc::tools

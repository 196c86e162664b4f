// The command lines of gmc and gmrun. A program is a list of commands, and each command has options
// of its own. A wrong command line ends with exit code 2 and points to --help.
#pragma once

#include <boost/program_options.hpp>

#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"

namespace gmc::tools {

/// Exit codes, the same for all commands.
enum ExitCode {
    kDone = 0,
    kInputWrong = 1,    ///< and what is wrong was printed
    kUsageWrong = 2,    ///< the command line is wrong
    kRunFailed = 3,     ///< diverged, disk full; the last good state is kept
    kBug = 70,          ///< a bug in gmc
    kInterrupted = 130  ///< Ctrl-C; a checkpoint was written
};

/// A wrong command line. The text is one sentence.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Options and arguments of one command. Options are declared by options().add_options(), as in
/// Boost.Program_options.
class CommandLine {
  public:
    /// `usage`: "gmc opt [options] FILE"; `about`: what the command does, a few lines.
    CommandLine(std::string usage, std::string about);

    boost::program_options::options_description& options() { return visible_; }
    /// Declares the next positional argument; `optional` ones come last.
    void add_argument(const std::string& name, const std::string& about, bool optional = false);

    /// Parses the words. False when --help was among them and was printed. Throws UsageError.
    bool parse(const std::vector<std::string>& words);

    bool has(const std::string& name) const { return values_.count(name) != 0; }
    /// Whether the option is among the words; a default does not count.
    bool given(const std::string& name) const { return has(name) && !values_[name].defaulted(); }
    bool flag(const std::string& name) const { return values_[name].as<bool>(); }
    template <typename T>
    const T& get(const std::string& name) const {
        return values_[name].as<T>();
    }
    /// The text of an option or argument; "" when it was not given.
    std::string text(const std::string& name) const;
    /// The names in an option like --skip="cse dce" or --skip=cse,dce.
    std::vector<std::string> names(const std::string& name) const;

  private:
    struct Argument {
        std::string name, about;
        bool optional = false;
    };
    void print_help() const;

    std::string usage_, about_;
    boost::program_options::options_description visible_;
    std::vector<Argument> arguments_;
    boost::program_options::variables_map values_;
};

struct Command {
    std::string_view name;
    std::string_view summary;
    int (*run)(const std::vector<std::string>& words);  ///< returns an ExitCode
};

/// The body of a main: finds the command, runs it, and turns exceptions into messages and exit
/// codes.
int run_program(std::string_view program, std::string_view about, std::span<const Command> commands,
                int argc, char** argv);

/// Prints errors and warnings to standard error. Returns kInputWrong when there are errors, otherwise
/// kDone.
int report(const Diagnostics& diagnostics);

/// ", did you mean `x`?", or "" when no name is near.
std::string suggestion(std::string_view name, std::span<const std::string> names);

}  // namespace gmc::tools

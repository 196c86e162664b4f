// The command lines of gmc and gmrun. A program is a list of commands, and each command has options
// of its own. A wrong command line ends with exit code 2 and points to --help.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"

namespace gmc::tools {

/// Exit codes, the same for all commands. A command that a signal ended gives 128 and its number.
enum ExitCode {
    kDone = 0,
    kInputWrong = 1,  ///< and what is wrong was printed
    kUsageWrong = 2,  ///< the command line is wrong
    kRunFailed = 3,   ///< diverged, a bad example, disk full; the last good state is kept
    kBug = 70         ///< a bug in gmc
};

/// A wrong command line. The text is one sentence.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The numbers that an option takes; by default all that are finite.
struct Range {
    static constexpr double kNoEnd = std::numeric_limits<double>::infinity();
    double low = -kNoEnd, high = kNoEnd;
    bool without_low = false, without_high = false;  ///< the end itself is none of them
};
constexpr Range kFromZero{0};
constexpr Range kFromOne{1};

/// Options and arguments of one command. The name of an option may end in its letter: "output,o".
/// Boost stands behind it; its headers stay out of the commands' files because they take a second
/// to compile. Values are std::string, int64_t, uint64_t or double.
class CommandLine {
  public:
    /// `usage`: "gmc opt [options] FILE"; `about`: what the command does, a few lines.
    CommandLine(std::string usage, std::string about);
    ~CommandLine();

    /// Declares the next positional argument; `optional` ones come last.
    void add_argument(const std::string& name, const std::string& about, bool optional = false);
    /// Declares the last argument, which may come several times; `list` gives them.
    void add_arguments(const std::string& name, const std::string& about);
    /// An option without a value; see flag().
    void add_flag(const std::string& name, const std::string& about);
    /// An option that is there only when it is given: see has(). --help shows `value` for its
    /// value. `range` is for numbers; parse() checks it.
    template <typename T>
    void add_option(const std::string& name, const std::string& value, const std::string& about,
                    Range range = {});
    /// An option with a default.
    template <typename T>
    void add_option(const std::string& name, const std::string& value, const std::string& about,
                    T otherwise, Range range = {});
    /// An option with one of these values, the first by default.
    void add_choice(const std::string& name, const std::vector<std::string>& values,
                    const std::string& about);
    /// An option whose value may be left out, before another option or at the end; its text is ""
    /// then.
    void add_optional(const std::string& name, const std::string& value, const std::string& about);
    /// An option that may be given several times; see list().
    void add_list(const std::string& name, const std::string& value, const std::string& about);

    /// Parses the words. False when --help was among them and was printed. Throws UsageError.
    bool parse(const std::vector<std::string>& words);

    bool has(const std::string& name) const;
    /// Whether the option is among the words; a default does not count.
    bool given(const std::string& name) const;
    /// The options among the words, such as "--steps 3 --quiet", in the order of their names,
    /// without those that are named here; paths without detours.
    std::string given_options(std::span<const std::string> without) const;
    bool flag(const std::string& name) const;
    /// The value of an option that is there.
    template <typename T>
    T get(const std::string& name) const;
    /// The text of an option or argument; "" when it was not given.
    std::string text(const std::string& name) const;
    /// The names in an option like --skip="cse dce" or --skip=cse,dce.
    std::vector<std::string> names(const std::string& name) const;
    std::vector<std::string> list(const std::string& name) const;

  private:
    struct Parts;
    template <typename T>
    void add_value(const std::string& name, const std::string& value, const std::string& about,
                   std::optional<T> otherwise, Range range);
    void print_help() const;
    std::unique_ptr<Parts> parts_;
};

/// One command of a program, as main lists it.
struct Command {
    std::string_view name;
    std::string_view summary;
    int (*run)(const std::vector<std::string>& words);  ///< returns an ExitCode
    bool in_group = false;        ///< processes that mpirun has started can share the work
    bool tells_progress = false;  ///< it prints only how the work goes that it leaves in files
};

/// The body of a main: finds the command, runs it, and turns exceptions into messages and exit
/// codes.
int run_program(std::string_view program, std::string_view about, std::span<const Command> commands,
                int argc, char** argv);

/// Prints errors and warnings to standard error. Returns kInputWrong when there are errors,
/// otherwise kDone.
int report(const Diagnostics& diagnostics);
/// The same where other processes that were started with this one may find the same: it is said
/// once on each machine.
int report_for_all(const Diagnostics& diagnostics);
/// Prints the warnings, and forgets them: for what goes on long after them. With errors among them
/// it leaves all to `report`.
void report_warnings(Diagnostics& diagnostics);

/// "`a`, `b`".
std::string quoted_names(std::span<const std::string> names);
/// ", did you mean `x`?", or "" when no name is near.
std::string suggestion(std::string_view name, std::span<const std::string> names);

}  // namespace gmc::tools

// Parses command lines by Boost.Program_options, whose errors it puts into our words (CommandLine),
// and runs the commands of a program, whose exceptions it turns into messages and exit codes
// (run_program).
#include "tools/command_line/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <functional>
#include <limits>
#include <sstream>
#include <system_error>

#include "compiler/support/check.h"
#include "compiler/support/edit_distance.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/stop_work.h"
#include "compiler/support/wrap.h"
#include "tools/command_line/foreign_options.h"
#include "tools/command_line/meant_command.h"
#include "tools/command_line/pages.h"
#include "tools/command_line/standard_streams.h"
#include "tools/command_line/started_together.h"
#include "tools/command_line/version.h"

namespace gmc::tools {

namespace po = boost::program_options;

/// What is kept of a command's declarations. Boost's own objects serve for parsing and --help; the
/// lists beside them hold what Boost does not tell again: the letters, values and choices for man
/// pages and completion, and the order of positional arguments.
struct CommandLine::Parts {
    struct Argument {
        std::string name, about;
        bool optional = false;
        bool repeated = false;
    };
    struct Choice {
        std::string name;
        std::vector<std::string> values;
    };

    struct Number {
        std::string name, described;
        std::string most;  ///< that its type holds; "": `described` has the limit
        std::function<bool(const std::string&)> fits;

        void check(const std::string& value) const {
            if (fits(value)) return;
            const bool is_large = !most.empty() && value.size() >= most.size() &&
                                  value.find_first_not_of("0123456789") == std::string::npos;
            throw UsageError(fmt::format("--{} is {}{}, not `{}`", name, described,
                                         is_large ? ", at most " + most : "", value));
        }
    };

    std::string usage, about;
    po::options_description options{"Options"};
    std::vector<Argument> arguments;
    std::vector<Choice> choices;
    std::vector<Number> numbers;
    std::vector<std::string> optional;  ///< options whose value may be left out
    po::variables_map values;

    UsageError in_our_words(const po::error& error) const;

    /// Where an option may have taken the word that an argument lacks, says so.
    std::string taken_away() const {
        for (const std::string& option : optional)
            if (const auto found = values.find(option.substr(2));
                found != values.end() && !found->second.as<std::string>().empty())
                return fmt::format(
                    ": `{}` is the value of {} here; `{}=VALUE`, or the argument "
                    "before the option, is clear",
                    found->second.as<std::string>(), option, option);
        return "";
    }

    std::vector<OptionPage> pages;  ///< the options again, for what is no --help

    void add(const std::string& name, const po::value_semantic* value, const std::string& about,
             const std::string& shown = "", const std::string& otherwise = "") {
        options.add_options()(name.c_str(), value, about.c_str());
        const size_t comma = name.find(',');
        pages.push_back({name.substr(0, comma),
                         comma == std::string::npos ? "" : name.substr(comma + 1),
                         shown,
                         otherwise,
                         {},
                         about});
    }
};

namespace {
/// The name of a hidden argument that takes the words which no declared argument takes. No option
/// can have such a name, as it holds a space.
constexpr const char* kTooMany = "too many";

/// Where parse() puts what the command declared, instead of parsing; null while commands run.
CommandPage* described = nullptr;
}  // namespace

CommandLine::CommandLine(std::string usage, std::string about) : parts_(new Parts) {
    parts_->usage = std::move(usage);
    parts_->about = std::move(about);
    parts_->options.add_options()("help,h", "prints this");
}

CommandLine::~CommandLine() = default;

void CommandLine::add_argument(const std::string& name, const std::string& about, bool optional) {
    parts_->arguments.push_back({name, about, optional});
}

void CommandLine::add_flag(const std::string& name, const std::string& about) {
    parts_->add(name, po::bool_switch(), about);
}

namespace {

/// The whole of `text` as a number; none when it is no such number, or one that T cannot hold.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// "a whole number from 1 to 1000", "a number above 0".
std::string describe(Range range, bool whole, bool is_unsigned) {
    if (is_unsigned) range.low = std::max(range.low, 0.0);
    const bool has_low = range.low != -Range::kNoEnd, has_high = range.high != Range::kNoEnd;
    std::string text = whole                 ? "a whole number"
                       : has_low || has_high ? "a number"
                                             : "a finite number";
    if (has_low)
        text += fmt::format(" {} {:.15g}", range.without_low ? "above" : "from", range.low);
    if (has_high)
        text += fmt::format(" {} {:.15g}", range.without_high ? "to below" : "to", range.high);
    return has_low && !has_high && !range.without_low ? text + " on" : text;
}

bool holds(const Range& range, double value) {
    return std::isfinite(value) && value >= range.low && value <= range.high &&
           !(range.without_low && value == range.low) &&
           !(range.without_high && value == range.high);
}

}  // namespace

template <typename T>
void CommandLine::add_value(const std::string& name, const std::string& value,
                            const std::string& about, std::optional<T> otherwise, Range range) {
    // Boost keeps the texts of numbers, so that a message can show what was written.
    auto* semantic = po::value<std::string>()->value_name(value);
    const std::string shown = otherwise ? fmt::format("{}", *otherwise) : "";
    if (otherwise) semantic->default_value(shown);
    parts_->add(name, semantic, about, value, shown);
    if constexpr (std::is_arithmetic_v<T>)
        parts_->numbers.push_back({parts_->pages.back().name,
                                   describe(range, std::is_integral_v<T>, std::is_unsigned_v<T>),
                                   std::is_integral_v<T> && range.high == Range::kNoEnd
                                       ? fmt::format("{}", std::numeric_limits<T>::max())
                                       : "",
                                   [range](const std::string& text) {
                                       const std::optional<T> number = parse_number<T>(text);
                                       return number && holds(range, static_cast<double>(*number));
                                   }});
}

template <typename T>
void CommandLine::add_option(const std::string& name, const std::string& value,
                             const std::string& about, Range range) {
    add_value<T>(name, value, about, std::nullopt, range);
}

template <typename T>
void CommandLine::add_option(const std::string& name, const std::string& value,
                             const std::string& about, T otherwise, Range range) {
    add_value<T>(name, value, about, std::move(otherwise), range);
}

void CommandLine::add_choice(const std::string& name, const std::vector<std::string>& values,
                             const std::string& about) {
    parts_->choices.push_back({name, values});
    add_option<std::string>(name, fmt::format("{}", fmt::join(values, "|")), about, values.front());
    parts_->pages.back().choices = values;
}

void CommandLine::add_optional(const std::string& name, const std::string& value,
                               const std::string& about) {
    parts_->optional.push_back("--" + name);
    parts_->add(name, po::value<std::string>()->implicit_value("")->value_name(value), about,
                value);
}

void CommandLine::add_list(const std::string& name, const std::string& value,
                           const std::string& about) {
    parts_->add(name, po::value<std::vector<std::string>>()->composing()->value_name(value), about,
                value);
}

void CommandLine::add_arguments(const std::string& name, const std::string& about) {
    parts_->arguments.push_back({name, about, false, true});
}

/// Joins `--option value` to `--option=value` where the value is optional: Boost takes such a value
/// only behind a `=`.
static std::vector<std::string> with_values_joined(std::vector<std::string> words,
                                                   const std::vector<std::string>& optional) {
    for (size_t i = 0; i + 1 < words.size(); ++i) {
        if (std::find(optional.begin(), optional.end(), words[i]) == optional.end() ||
            words[i + 1].starts_with("-"))
            continue;
        words[i] += "=" + words[i + 1];
        words.erase(words.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
    return words;
}

/// What Boost found wrong, with what was seen and what would be right.
UsageError CommandLine::Parts::in_our_words(const po::error& error) const {
    const auto* named = dynamic_cast<const po::error_with_option_name*>(&error);
    const std::string option = named != nullptr ? named->get_option_name() : "";
    if (dynamic_cast<const po::unknown_option*>(&error) != nullptr) {
        std::vector<std::string> names;
        for (const auto& declared : options.options())
            names.push_back("--" + declared->long_name());
        const std::string plain = option.substr(0, option.find('='));
        const std::string near = suggestion(plain, names);
        const std::string ours = near.empty() ? foreign_option(option) : "";
        return UsageError(
            fmt::format("no option `{}`{}{}{}", option, near, ours.empty() ? "" : "; ", ours));
    }
    if (dynamic_cast<const po::multiple_occurrences*>(&error) != nullptr)
        return UsageError(fmt::format("{} is given twice", option));
    const auto* syntax = dynamic_cast<const po::invalid_syntax*>(&error);
    const auto page = std::find_if(pages.begin(), pages.end(), [&](const OptionPage& declared) {
        return option == "--" + declared.name || option == "-" + declared.letter;
    });
    if (syntax != nullptr && page != pages.end()) {
        if (page->value.empty()) return UsageError(fmt::format("{} takes no value", option));
        return UsageError(fmt::format("{} has no value; it is written `--{} {}`", option,
                                      page->name, page->value));
    }
    return UsageError(error.what());
}

/// 1. When only a description is wanted, it is copied out and nothing is parsed.
/// 2. Boost parses; its exceptions become UsageErrors in our words. Boost would read `-1` for an
///    unsigned number as a huge one, so a leading minus is refused by hand.
/// 3. --help is answered before anything is required.
/// 4. Missing arguments and words that are not among the choices are reported.
bool CommandLine::parse(const std::vector<std::string>& words) {
    if (described != nullptr) {
        described->usage = parts_->usage;
        described->about = parts_->about;
        for (const Parts::Argument& a : parts_->arguments)
            described->arguments.push_back({a.name, a.about});
        described->options = parts_->pages;
        return false;
    }
    po::options_description all = parts_->options;
    po::positional_options_description positional;
    for (const Parts::Argument& argument : parts_->arguments) {
        if (argument.repeated)
            all.add_options()(argument.name.c_str(), po::value<std::vector<std::string>>());
        else
            all.add_options()(argument.name.c_str(), po::value<std::string>());
        positional.add(argument.name.c_str(), argument.repeated ? -1 : 1);
    }
    // Boost does not say which word is one too many.
    all.add_options()(kTooMany, po::value<std::vector<std::string>>());
    if (parts_->arguments.empty() || !parts_->arguments.back().repeated)
        positional.add(kTooMany, -1);
    try {
        // No guessing: an abbreviation that works today would break when an option is added.
        constexpr int kStyle =
            po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
        po::store(po::command_line_parser(with_values_joined(words, parts_->optional))
                      .options(all)
                      .positional(positional)
                      .style(kStyle)
                      .run(),
                  parts_->values);
    } catch (const po::error& error) {
        throw parts_->in_our_words(error);
    }
    if (has("help")) {
        print_help();
        return false;
    }
    if (has(kTooMany))
        throw UsageError(fmt::format("`{}` is a word too many; it is used as `{}`",
                                     list(kTooMany).front(), parts_->usage));
    for (const Parts::Argument& argument : parts_->arguments)
        if (!argument.optional && !has(argument.name))
            throw UsageError(fmt::format("{} is missing{}", argument.name, parts_->taken_away()));
    for (const Parts::Argument& argument : parts_->arguments)
        if (!argument.repeated && has(argument.name) && text(argument.name).empty())
            throw UsageError(fmt::format("{} is empty", argument.name));
    // `--run "$RUN"` with a variable that is not set must not mean another run.
    for (const OptionPage& page : parts_->pages)
        if (page.is_path() && given(page.name) && text(page.name).empty() &&
            std::find(parts_->optional.begin(), parts_->optional.end(), "--" + page.name) ==
                parts_->optional.end())
            throw UsageError(fmt::format("--{} is empty; it is written `--{} {}`", page.name,
                                         page.name, page.value));
    for (const Parts::Choice& choice : parts_->choices)
        if (const std::string value = text(choice.name);
            std::find(choice.values.begin(), choice.values.end(), value) == choice.values.end())
            throw UsageError(
                fmt::format("--{} is {} or {}, not `{}`", choice.name,
                            fmt::join(choice.values.begin(), choice.values.end() - 1, ", "),
                            choice.values.back(), value));
    for (const Parts::Number& number : parts_->numbers)
        if (has(number.name)) number.check(text(number.name));
    return true;
}

bool CommandLine::has(const std::string& name) const { return parts_->values.count(name) != 0; }

bool CommandLine::given(const std::string& name) const {
    return has(name) && !parts_->values[name].defaulted();
}

std::string CommandLine::given_options(std::span<const std::string> without) const {
    std::vector<std::string> parts;
    for (const auto& [name, value] : parts_->values) {
        if (value.defaulted() || std::count(without.begin(), without.end(), name) > 0) continue;
        if (parts_->options.find_nothrow(name, false) == nullptr) continue;  // an argument
        if (const auto* set = boost::any_cast<bool>(&value.value()))
            parts.push_back(*set ? "--" + name : "");
        else if (const auto* text = boost::any_cast<std::string>(&value.value()))
            parts.push_back(fmt::format("--{} {}", name, plain_path(*text)));
        else
            parts.push_back(fmt::format("--{} {}", name, fmt::join(list(name), " ")));
    }
    return fmt::format("{}", fmt::join(parts, " "));
}

bool CommandLine::flag(const std::string& name) const { return parts_->values[name].as<bool>(); }

template <typename T>
T CommandLine::get(const std::string& name) const {
    if constexpr (std::is_arithmetic_v<T>)
        return parse_number<T>(text(name)).value();
    else
        return text(name);
}

std::string CommandLine::text(const std::string& name) const {
    return has(name) ? parts_->values[name].as<std::string>() : "";
}

std::vector<std::string> CommandLine::names(const std::string& name) const {
    std::string list = text(name);
    std::replace(list.begin(), list.end(), ',', ' ');
    std::istringstream stream(list);
    std::vector<std::string> out;
    for (std::string word; stream >> word;) out.push_back(word);
    return out;
}

std::vector<std::string> CommandLine::list(const std::string& name) const {
    return has(name) ? parts_->values[name].as<std::vector<std::string>>()
                     : std::vector<std::string>();
}

/// Where the text of a line such as "  name   what it is" begins; 0 for any other.
static size_t text_column(const std::string& line) {
    const size_t name = line.find_first_not_of(' ');
    const size_t gap = name == 0 || name == line.npos ? line.npos : line.find("  ", name);
    const size_t text = gap == line.npos ? line.npos : line.find_first_not_of(' ', gap);
    return text == line.npos ? 0 : text;
}

/// Of the command that runs.
static bool help_was_printed = false;

void CommandLine::print_help() const {
    if (!is_first()) return;
    help_was_printed = true;
    std::ostringstream options;
    options << parts_->options;
    std::string arguments;
    constexpr size_t kAboutColumn = 23;
    for (const Parts::Argument& a : parts_->arguments)
        arguments += wrapped(fmt::format("  {:<20} {}", a.name, a.about), kAboutColumn) + "\n";
    print_out("usage: {}\n\n", parts_->usage);
    std::istringstream about(parts_->about);
    for (std::string line; std::getline(about, line);)
        print_out("{}\n", wrapped(line, text_column(line)));
    if (!arguments.empty()) print_out("\nArguments:\n{}", arguments);
    print_out("\n{}", options.str());
}

#define GMC_VALUE(T)                                                                 \
    template void CommandLine::add_option<T>(const std::string&, const std::string&, \
                                             const std::string&, Range);             \
    template void CommandLine::add_option<T>(const std::string&, const std::string&, \
                                             const std::string&, T, Range);          \
    template T CommandLine::get<T>(const std::string&) const;
GMC_VALUE(std::string)
GMC_VALUE(int64_t)
GMC_VALUE(uint64_t)
GMC_VALUE(double)
#undef GMC_VALUE

namespace {
/// Set once, by run_program.
std::string_view running_program = "gmc";
}  // namespace

int report(const Diagnostics& diagnostics) {
    say("{}", diagnostics.render(running_program));
    if (diagnostics.has(DiagnosticKind::kDiskFull)) return kRunFailed;
    return diagnostics.any() ? kInputWrong : kDone;
}

int report_for_all(const Diagnostics& diagnostics) {
    say_for_all(diagnostics.render(running_program));
    return diagnostics.any() ? kInputWrong : kDone;
}

void report_warnings(Diagnostics& diagnostics) {
    if (diagnostics.any()) return;
    say("{}", diagnostics.render(running_program));
    diagnostics = {};
}

std::string quoted_names(std::span<const std::string> names) {
    return names.empty() ? "" : fmt::format("`{}`", fmt::join(names, "`, `"));
}

std::string suggestion(std::string_view name, std::span<const std::string> names) {
    const std::string near = nearest_name(name, names);
    return near.empty() ? "" : fmt::format(", did you mean `{}`?", near);
}

namespace {

std::string overview(std::string_view program, std::string_view about,
                     std::span<const Command> commands) {
    std::string out = fmt::format("usage: {} COMMAND ...\n\n{}\n\nCommands:\n", program, about);
    for (const Command& c : commands) out += fmt::format("  {:<12} {}\n", c.name, c.summary);
    return out + fmt::format(
                     "\n`{0} COMMAND --help` says more about a command; `{0} --version`, "
                     "`{0} --man`, `{0} --completion=bash|zsh|fish`.\n",
                     program);
}

/// What --man and --completion=SHELL print; "" for another word.
std::string pages_text(std::string_view program, std::string_view about,
                       std::span<const Command> commands, std::string_view word) {
    constexpr std::string_view kCompletion = "--completion=";
    if (word != "--man" && !word.starts_with(kCompletion)) return "";
    ProgramPage page{std::string(program), std::string(about), kVersion.number, {}};
    for (const Command& command : commands) {
        CommandPage& of = page.commands.emplace_back();
        of.name = command.name;
        of.summary = command.summary;
        described = &of;
        (void)command.run({});
        described = nullptr;
    }
    return word == "--man" ? man_page(page) : completion(page, word.substr(kCompletion.size()));
}

/// Whether the system had no more memory or threads to give.
bool is_memory_missing(const std::system_error& error) {
    return error.code() == std::errc::resource_unavailable_try_again ||
           error.code() == std::errc::not_enough_memory;
}

int print_page(std::string_view program, const std::string& text) {
    print_out("{}", text);
    return code_after_output(program, kDone);
}

/// Runs one command and turns what it throws into a message and an exit code. Memory that is
/// missing is no bug of the program and says so; whatever else was not expected is one.
int run_command(std::string_view program, const Command& command,
                const std::vector<std::string>& words) {
    try {
        return command.run(words);
    } catch (const UsageError& error) {
        say("{} {}: {}\nhelp: `{} {} --help` lists what there is\n", program, command.name,
            printable(shortened(error.what())), program, command.name);
        return kUsageWrong;
    } catch (const InternalError& error) {
        say("{} {}: {}\nThis is a bug in {}; please report it with the model.\n", program,
            command.name, error.what(), program);
        return kBug;
    } catch (const std::bad_alloc& error) {
        const bool known = dynamic_cast<const NoMemory*>(&error) != nullptr;
        say("{} {}: error: too large: there is no more memory{}{}\n", program, command.name,
            known ? " " : "", known ? error.what() : "");
        return kRunFailed;
    } catch (const std::exception& error) {
        const auto* system = dynamic_cast<const std::system_error*>(&error);
        if (system != nullptr && std::ferror(stdout) != 0) return kDone;  // see code_after_output
        if (system != nullptr && is_memory_missing(*system)) {
            say("{} {}: error: too large: there is no more memory, or no thread: {}\n", program,
                command.name, error.what());
            return kRunFailed;
        }
        say("{} {}: internal error: {}\nThis is a bug in {}; please report it with the model.\n",
            program, command.name, error.what(), program);
        return kBug;
    }
}

int run_and_print(std::string_view program, const Command& command,
                  const std::vector<std::string>& words) {
    const int code = run_command(program, command, words);
    const bool result = help_was_printed || !command.tells_progress;
    return code_after_output(program, code, result ? Printed::kResult : Printed::kProgress);
}

/// Whether `ulimit -s` leaves a stack that the program can work with; says so if not.
bool stack_is_large_enough(std::string_view program) {
    constexpr rlim_t kLeast = 512 << 10;
    rlimit limit{};
    if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kLeast) return true;
    say("{}: error: the stack may have {} KiB, which is too small\n"
        "help: `ulimit -s 8192` allows what is usual\n",
        program, limit.rlim_cur >> 10);
    return false;
}

}  // namespace

/// The options of the program itself (--help, --version, --man, --completion) come before any
/// command; a name that is no command gets the nearest one as a suggestion.
int run_program(std::string_view program, std::string_view about, std::span<const Command> commands,
                int argc, char** argv) {
    running_program = program;
    open_closed_streams();
    if (!stack_is_large_enough(program)) return kInputWrong;
    std::signal(SIGXFSZ, SIG_IGN);  // beyond `ulimit -f` a write fails, which is reported
    std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    leave_words_to_first(commands, words.empty() ? "" : words.front());
    if (words.empty()) {
        say_for_all(overview(program, about, commands));
        return kUsageWrong;
    }
    const std::string name = words.front();
    words.erase(words.begin());
    if (name == "--help" || name == "-h" || name == "help")
        return print_page(program, overview(program, about, commands));
    if (name == "--version") return print_page(program, version_text(program));
    if (const std::string pages = pages_text(program, about, commands, name); !pages.empty())
        return print_page(program, pages);
    if (name.starts_with("--completion")) {
        say_for_all(fmt::format(
            "{0}: `{1}`: there is --completion=bash, --completion=zsh and --completion=fish\n",
            program, name));
        return kUsageWrong;
    }
    for (const Command& command : commands)
        if (command.name == name)
            return can_be_shared(program, command) ? run_and_print(program, command, words)
                                                   : kUsageWrong;
    std::vector<std::string> names;
    for (const Command& c : commands) names.emplace_back(c.name);
    const std::string meant = meant_command(program, name);
    say_for_all(fmt::format("{}: no command `{}`{}\n{}help: `{} --help` lists what there is\n",
                            program, cut(name, kLongestName),
                            meant.empty() ? suggestion(name, names) : "",
                            meant.empty() ? "" : fmt::format("help: {}\n", meant), program));
    return kUsageWrong;
}

}  // namespace gmc::tools

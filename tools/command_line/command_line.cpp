// Boost.Program_options parses; this file words its errors as ours.
#include "tools/command_line/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <sstream>

#include "compiler/support/check.h"
#include "compiler/support/edit_distance.h"

namespace gmc::tools {

namespace po = boost::program_options;

CommandLine::CommandLine(std::string usage, std::string about)
    : usage_(std::move(usage)), about_(std::move(about)), visible_("Options") {
    visible_.add_options()("help,h", "prints this");
}

void CommandLine::add_argument(const std::string& name, const std::string& about, bool optional) {
    arguments_.push_back({name, about, optional});
}

bool CommandLine::parse(const std::vector<std::string>& words) {
    po::options_description all = visible_;
    po::positional_options_description positional;
    for (const Argument& argument : arguments_) {
        all.add_options()(argument.name.c_str(), po::value<std::string>());
        positional.add(argument.name.c_str(), 1);
    }
    try {
        // No guessing: an abbreviation that works today would break when an option is added.
        constexpr int kStyle =
            po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
        po::store(
            po::command_line_parser(words).options(all).positional(positional).style(kStyle).run(),
            values_);
    } catch (const po::unknown_option& error) {
        std::vector<std::string> names;
        for (const auto& option : visible_.options()) names.push_back("--" + option->long_name());
        throw UsageError(fmt::format("no option `{}`{}", error.get_option_name(),
                                     suggestion(error.get_option_name(), names)));
    } catch (const po::error& error) {
        throw UsageError(error.what());
    }
    if (has("help")) {
        print_help();
        return false;
    }
    for (const Argument& argument : arguments_)
        if (!argument.optional && !has(argument.name))
            throw UsageError(fmt::format("{} is missing", argument.name));
    po::notify(values_);
    return true;
}

std::string CommandLine::text(const std::string& name) const {
    return has(name) ? get<std::string>(name) : "";
}

std::vector<std::string> CommandLine::names(const std::string& name) const {
    std::string list = text(name);
    std::replace(list.begin(), list.end(), ',', ' ');
    std::istringstream stream(list);
    std::vector<std::string> out;
    for (std::string word; stream >> word;) out.push_back(word);
    return out;
}

void CommandLine::print_help() const {
    std::ostringstream options;
    options << visible_;
    std::string arguments;
    for (const Argument& a : arguments_) arguments += fmt::format("  {:<20} {}\n", a.name, a.about);
    fmt::print("usage: {}\n\n{}\n", usage_, about_);
    if (!arguments.empty()) fmt::print("\nArguments:\n{}", arguments);
    fmt::print("\n{}", options.str());
}

int report(const Diagnostics& diagnostics) {
    fmt::print(stderr, "{}", diagnostics.render());
    return diagnostics.any() ? kInputWrong : kDone;
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
    return out + fmt::format("\n`{} COMMAND --help` says more about a command.\n", program);
}

int run_command(std::string_view program, const Command& command,
                const std::vector<std::string>& words) {
    try {
        return command.run(words);
    } catch (const UsageError& error) {
        fmt::print(stderr, "{} {}: {}\nhelp: `{} {} --help` lists what there is\n", program,
                   command.name, error.what(), program, command.name);
        return kUsageWrong;
    } catch (const InternalError& error) {
        fmt::print(stderr, "{} {}: {}\nThis is a bug in {}; please report it with the model.\n",
                   program, command.name, error.what(), program);
        return kBug;
    } catch (const std::bad_alloc&) {
        fmt::print(stderr, "{} {}: out of memory\n", program, command.name);
        return kRunFailed;
    } catch (const std::exception& error) {
        fmt::print(
            stderr,
            "{} {}: internal error: {}\nThis is a bug in {}; please report it with the model.\n",
            program, command.name, error.what(), program);
        return kBug;
    }
}

}  // namespace

int run_program(std::string_view program, std::string_view about, std::span<const Command> commands,
                int argc, char** argv) {
    std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    if (words.empty()) {
        fmt::print(stderr, "{}", overview(program, about, commands));
        return kUsageWrong;
    }
    const std::string name = words.front();
    words.erase(words.begin());
    if (name == "--help" || name == "-h" || name == "help") {
        fmt::print("{}", overview(program, about, commands));
        return kDone;
    }
    if (name == "--version") {
        fmt::print("{} {}\n", program, GMC_VERSION);
        return kDone;
    }
    for (const Command& command : commands)
        if (command.name == name) return run_command(program, command, words);
    std::vector<std::string> names;
    for (const Command& c : commands) names.emplace_back(c.name);
    fmt::print(stderr, "{}: no command `{}`{}\nhelp: `{} --help` lists what there is\n", program,
               name, suggestion(name, names), program);
    return kUsageWrong;
}

}  // namespace gmc::tools

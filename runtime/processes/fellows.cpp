// Reads /proc, whose files of processes of other users stay closed.
#include "runtime/processes/fellows.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

/// The words of a file in which zeros end them.
std::vector<std::string> words_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::vector<std::string> words;
    for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
    return words;
}

std::optional<int> rank_in(const fs::path& process, const std::string& variable) {
    for (const std::string& word : words_of(process / "environ"))
        if (word.starts_with(variable + "=")) return std::atoi(word.c_str() + variable.size() + 1);
    return std::nullopt;
}

/// Whether `parent` has started the process, which has not ended. The name of the program, which
/// comes before, may have brackets.
bool lives_below(const fs::path& process, pid_t parent) {
    std::ifstream in(process / "stat");
    std::string text(std::istreambuf_iterator<char>(in), {});
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos || name_end + 4 >= text.size()) return false;
    const char state = text[name_end + 2];
    return state != 'Z' && state != 'X' && std::atoi(text.c_str() + name_end + 4) == parent;
}

std::string program_of(const fs::path& process) {
    std::error_code code;
    return fs::read_symlink(process / "exe", code).filename().string();
}

std::string command_of(std::vector<std::string> words) {
    if (!words.empty()) words[0] = fs::path(words[0]).filename().string();
    constexpr size_t kMost = 60;
    const std::string text = fmt::format("{}", fmt::join(words, " "));
    return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

std::string second(const std::vector<std::string>& words) {
    return words.size() > 1 ? words[1] : "";
}

}  // namespace

std::vector<Fellow> fellows(const Launch& launch) {
    const pid_t parent = getppid();
    const fs::path all = "/proc", self = "/proc/self";
    // A script of mpirun that has started this one has its rank, too.
    if (rank_in(all / std::to_string(parent), launch.rank_variable)) return {};
    const std::string program = program_of(self), command = second(words_of(self / "cmdline"));
    std::vector<Fellow> found;
    std::error_code code;
    for (fs::directory_iterator each(all, code), end; !code && each != end; each.increment(code)) {
        const fs::path& process = each->path();
        if (process.filename().string().find_first_not_of("0123456789") != std::string::npos ||
            !lives_below(process, parent))
            continue;
        const std::optional<int> rank = rank_in(process, launch.rank_variable);
        if (!rank) continue;
        const std::vector<std::string> words = words_of(process / "cmdline");
        const bool is_program = program_of(process) == program;
        found.push_back(
            {*rank, command_of(words), is_program && second(words) != command, is_program});
    }
    std::sort(found.begin(), found.end(),
              [](const Fellow& a, const Fellow& b) { return a.rank < b.rank; });
    const bool has_own = std::any_of(found.begin(), found.end(),
                                     [&](const Fellow& each) { return each.rank == launch.rank; });
    return has_own ? found : std::vector<Fellow>();
}

/// A process that is just being started has no variables yet: it counts as missing when it is so
/// twice.
std::string FellowWatch::look() {
    fellows_ = fellows(launch_);
    if (fellows_.empty()) return "";
    for (const Fellow& each : fellows_) {
        if (each.is_other)
            return fmt::format("process {} of {} is `{}`, which does not join this one", each.rank,
                               launch_.processes, each.command);
        if (each.is_program && (first_ < 0 || each.rank < first_)) first_ = each.rank;
    }
    const bool is_missing = static_cast<int>(fellows_.size()) < launch_.beside;
    missing_ = is_missing ? missing_ + 1 : 0;
    if (missing_ < 2) return "";
    if (launch_.beside < launch_.processes) return "a process on this machine has ended";
    int rank = 0;
    for (const Fellow& each : fellows_) rank += each.rank == rank ? 1 : 0;
    return fmt::format("process {} of {} has ended", rank, launch_.processes);
}

std::string FellowWatch::waits_for() const {
    for (const Fellow& each : fellows_)
        if (!each.is_program)
            return fmt::format("waiting for process {} of {}, which is `{}`", each.rank,
                               launch_.processes, each.command);
    if (launch_.processes == 2) return fmt::format("waiting for process {} of 2", 1 - launch_.rank);
    return fmt::format("waiting for the other {} processes", launch_.processes - 1);
}

}  // namespace gmc::runtime

// The starters' variables tell how many processes there are, long before these can find each other.
#include "tools/command_line/started_together.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "compiler/support/say.h"
#include "runtime/processes/launch.h"

namespace gmc::tools {

bool is_first() {
    const std::optional<runtime::Launch> launch = runtime::find_launch();
    return !launch || launch->rank == 0;
}

void say_for_all(const std::string& text) {
    const bool alone = !runtime::find_launch();
    if (!alone && !runtime::says_it_for_all(text)) return;
    say("{}", text);
    if (alone) return;
    std::this_thread::sleep_for(std::chrono::seconds(1));
}

bool can_be_shared(std::string_view program, const Command& command) {
    const std::optional<runtime::Launch> launch = runtime::find_launch();
    if (!launch || command.in_group) return true;
    say_for_all(
        fmt::format("{0} {1}: {2} has started {3} processes, but `{0} {1}` runs in one\n"
                    "help: start one process; several share only what `gmrun train` and `profile` "
                    "do\n",
                    program, command.name, launch->by, launch->processes));
    return false;
}

void leave_words_to_first(std::span<const Command> commands, std::string_view command) {
    if (is_first()) return;
    for (const Command& each : commands)
        if (each.name == command) return;  // it shares the work, or refuses
    (void)dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
}

std::string plain_path(const std::string& text) {
    if (text.find('/') == std::string::npos) return text;
    std::string plain = std::filesystem::path(text).lexically_normal().string();
    while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
    return plain;
}

}  // namespace gmc::tools

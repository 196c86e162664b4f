// The starters' variables tell how many processes there are, long before these can find each other.
#include "tools/command_line/started_together.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>

#include "compiler/support/say.h"
#include "runtime/processes/launch.h"

namespace gmc::tools {

bool is_first() {
    const std::optional<runtime::Launch> launch = runtime::find_launch();
    return !launch || launch->rank == 0;
}

bool can_be_shared(std::string_view program, const Command& command) {
    const std::optional<runtime::Launch> launch = runtime::find_launch();
    if (!launch || command.in_group) return true;
    say("{0} {1}: {2} has started {3} processes, but `{0} {1}` runs in one\n"
        "help: start one process; several share only what `gmrun train` and `profile` do\n",
        program, command.name, launch->by, launch->processes);
    return false;
}

void leave_words_to_first(std::span<const Command> commands, std::string_view command) {
    if (is_first()) return;
    for (const Command& each : commands)
        if (each.name == command && each.in_group) return;
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) (void)dup2(nowhere, fd);
}

}  // namespace gmc::tools

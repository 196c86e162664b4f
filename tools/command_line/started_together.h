// What a program does with its words where mpirun has started it as one of several processes.
#pragma once

#include <span>
#include <string_view>

#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Whether this process is the first of several, or alone.
bool is_first();
/// Whether a command may run in one process of several, which would otherwise do the same work and
/// write the same files; says so if not.
bool can_be_shared(std::string_view program, const Command& command);
/// Of several processes that would print the same, the first does. Those that share the work on a
/// command say themselves what only one of them knows.
void leave_words_to_first(std::span<const Command> commands, std::string_view command);

}  // namespace gmc::tools

// What a program does with its words where mpirun has started it as one of several processes.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Whether this process is the first of several, or alone.
bool is_first();
/// Says what this process finds, and perhaps the others that were started with it: of those on one
/// machine one does, and takes a second more.
void say_for_all(const std::string& text);
/// Whether a command may run in one process of several, which would otherwise do the same work and
/// write the same files; says so if not.
bool can_be_shared(std::string_view program, const Command& command);
/// Of several processes that would print the same page, such as --help, the first does.
void leave_words_to_first(std::span<const Command> commands, std::string_view command);

/// A path as processes compare it, without detours: "runs/a" of "./runs//a/". Texts without a slash
/// stay as they are.
std::string plain_path(const std::string& text);

}  // namespace gmc::tools

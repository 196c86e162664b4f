// The standard streams of a program: what replaces those that are closed, and what a command's exit
// code becomes when its words cannot be written.
#pragma once

#include <string_view>

namespace gmc::tools {

/// Opens something in place of the standard streams that are closed. Otherwise the next file that
/// is opened, such as a run's metrics, would get their numbers, and what is printed would end up
/// there. Nothing can be written to what replaces an output.
void open_closed_streams();

/// Whether words are what a command is for, or tell of the files that it leaves.
enum class Printed { kResult, kProgress };

/// The exit code of a command that ended with `code`. Says so where what it printed could not be
/// written, and makes kDone kRunFailed. No error are a reader that went away, such as `head`, which
/// has read what it wanted; and, of kProgress, an output that was closed from the beginning.
int code_after_output(std::string_view program, int code, Printed printed = Printed::kResult);

}  // namespace gmc::tools

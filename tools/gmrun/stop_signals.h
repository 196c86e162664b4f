// Signals that end a training in order.
#pragma once

#include "runtime/train/stop_request.h"

namespace gmc::tools {

/// From now on SIGINT, SIGTERM and SIGHUP ask for the end of training: the step ends, a checkpoint
/// is written. A second one, half a second or more after the first, ends the process at once, but
/// never while a checkpoint is written; an earlier one is the same wish twice, as from `timeout`
/// and the shell together. SIGHUP stays ignored where it was (nohup). SIGPIPE and SIGXFSZ are
/// ignored: what cannot be written is an error of its own.
runtime::StopRequest& listen_for_stop();

/// The exit code of a process that a signal ended: 130 after Ctrl-C.
constexpr int exit_code_of(int signal) { return 128 + signal; }

}  // namespace gmc::tools

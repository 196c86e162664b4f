// Signals that ask training to stop.
#pragma once

#include "runtime/run/stop_request.h"

namespace gmc::tools {

/// Makes SIGINT, SIGTERM and SIGHUP ask training to stop, and SIGUSR1, SIGUSR2 and SIGXCPU, with
/// which batch systems tell that a time limit is near: the step is finished and a checkpoint
/// written. A second signal, half a second or more after the first, ends the process at once, but
/// never while a checkpoint is written. (An earlier second signal counts as the same one, since
/// `timeout` and the shell may both send one.) Both are answered at once, with a line on the
/// standard error that says what is kept, where StopRequest::speaks. All but the first two stay
/// ignored where they were (nohup). SIGPIPE is ignored: training goes on when nobody reads its
/// progress.
runtime::StopRequest& listen_for_stop();

/// The exit code of a process that a signal ended: 130 after Ctrl-C.
constexpr int exit_code_of(int signal) { return 128 + signal; }

}  // namespace gmc::tools

// Joins the group, and compares what its processes have.
#include "tools/gmrun/runs/training_group.h"

#include <fmt/format.h>

#include <chrono>

#include "compiler/support/say.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/files/atomic_file.h"
#include "runtime/processes/roll_call.h"
#include "tools/command_line/command_line.h"
#include "tools/command_line/version.h"

namespace gmc::tools {
namespace {

/// How long after a signal to stop a process waits for the others before it takes them for dead.
constexpr std::chrono::seconds kPatience{20};

/// mpirun asks all processes to end when one of them died. The message that a process then waits
/// for does not come.
runtime::Transport::Waiting give_up_after(const runtime::StopRequest& stop) {
    using Clock = std::chrono::steady_clock;
    return [&stop, since = Clock::time_point()]() mutable {
        if (!stop.asked()) return;
        if (since == Clock::time_point()) since = Clock::now();
        if (Clock::now() - since < kPatience) return;
        say("gmrun: the other processes of the run do not answer any more\n");
        std::_Exit(kRunFailed);
    };
}

/// The checksum that ends a .gmc file; "" where it cannot be read.
std::string checksum_of(const std::string& path) {
    Diagnostics ignored;
    const auto text = runtime::read_whole_file(path, uint64_t{1} << 32, ignored);
    constexpr size_t kLine = sizeof("checksum 01234567");
    return text.ok() && text->size() > kLine ? text->substr(text->size() - kLine, kLine - 1) : "";
}

}  // namespace

std::unique_ptr<runtime::ProcessGroup> join_training(const runtime::StopRequest& stop,
                                                     Diagnostics& diagnostics) {
    std::string why, help;
    auto group = runtime::join_group(why, help);
    if (group) group->transport().on_wait(give_up_after(stop));
    if (why.empty()) return group;
    Diagnostic& error = diagnostics.error(DiagnosticKind::kBadValue, {}, "{}", why);
    if (!help.empty()) error.help(help);
    return nullptr;
}

bool can_train_together(runtime::ProcessGroup& group, const std::string& path,
                        Diagnostics& diagnostics) {
    return runtime::roll_call(group,
                              {{"version of gmrun", kVersion.number},
                               {"compiled model", checksum_of(path)},
                               {"processor and kernels", runtime::tuning_machine()}},
                              diagnostics);
}

}  // namespace gmc::tools

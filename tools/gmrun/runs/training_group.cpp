// Joins the group, and compares what its processes have.
#include "tools/gmrun/runs/training_group.h"

#include <fmt/format.h>

#include "compiler/support/say.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/files/atomic_file.h"
#include "runtime/memory/memory_need.h"
#include "runtime/processes/orders.h"
#include "runtime/processes/roll_call.h"
#include "runtime/run/follower.h"
#include "runtime/threads/thread_count.h"
#include "tools/command_line/version.h"
#include "tools/gmrun/stop_signals.h"

namespace gmc::tools {
namespace {

/// The checksum that ends a .gmc file; "" where it cannot be read.
std::string checksum_of(const std::string& path) {
    Diagnostics ignored;
    const auto text = runtime::read_whole_file(path, uint64_t{1} << 32, ignored);
    constexpr size_t kLine = sizeof("checksum 01234567");
    return text.ok() && text->size() > kLine ? text->substr(text->size() - kLine, kLine - 1) : "";
}

/// Whether the processes have the same program, model, kernels and options, and all have loaded the
/// model. Process 0 has the errors.
bool can_train_together(runtime::ProcessGroup& group, const CommandLine& line,
                        Diagnostics& diagnostics) {
    static const std::vector<std::string> kOwn = {"threads"};
    return runtime::roll_call(group,
                              {{"version of gmrun", kVersion.number},
                               {"compiled model", checksum_of(line.text("MODEL"))},
                               {"processor and kernels", runtime::tuning_machine()},
                               {"options", line.given_options(kOwn)}},
                              diagnostics);
}

}  // namespace

std::unique_ptr<runtime::ProcessGroup> join_training(const CommandLine& line,
                                                     const runtime::StopRequest& stop,
                                                     Diagnostics& diagnostics) {
    std::string why, help;
    auto group = runtime::join_group(
        {.stop_code = [&stop] { return stop.asked() ? exit_code_of(stop.signal) : 0; },
         .saves = [&stop] { return stop.saves > 0; }},
        why, help);
    if (group) {
        const int beside =
            group->count_same(runtime::host_name() + ": " + runtime::processors_text());
        if (!line.has("threads"))
            runtime::set_thread_count(runtime::usual_thread_count_beside(beside));
    }
    if (why.empty()) return group;
    Diagnostic& error = diagnostics.error(DiagnosticKind::kBadValue, {}, "{}", why);
    if (!help.empty()) error.help(help);
    return nullptr;
}

int share_training(runtime::ProcessGroup& group, const CommandLine& line,
                   runtime::LoadedModel* model, Diagnostics& diagnostics,
                   const std::function<int()>& lead) {
    if (!can_train_together(group, line, diagnostics)) {
        const int code = group.leads() ? report(diagnostics) : kInputWrong;
        group.finish();
        return code;
    }
    if (!group.leads()) return runtime::follow(*model, diagnostics);
    int code = kUsageWrong;
    try {
        code = lead();
    } catch (const UsageError&) {  // found before the first step: the others wait for an order
        runtime::end_group(group, code);
        throw;
    }
    runtime::end_group(group, code);
    return code;
}

std::string sums_text(const runtime::ProcessGroup& group, const runtime::SumTime& time) {
    const auto seconds = [](int64_t ns) { return static_cast<double>(ns) * 1e-9; };
    return fmt::format(
        "sums and gathers over {} processes: {} in {:.3f} s, of which {:.3f} s were hidden "
        "behind computation\n",
        group.size(), runtime::memory_text(time.bytes), seconds(time.busy_ns),
        seconds(std::max<int64_t>(time.busy_ns - time.waited_ns, 0)));
}

}  // namespace gmc::tools

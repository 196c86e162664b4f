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
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

/// Joins the group of this process, and counts those `beside` it that may use the same processors,
/// itself included. Of the processes of a group only the first one answers signals.
std::unique_ptr<runtime::ProcessGroup> join(runtime::StopRequest& stop, int& beside,
                                            std::string& why, std::string& help) {
    stop.speaks = false;
    auto group = runtime::join_group(
        {.stop_code = [&stop] { return stop.asked() ? exit_code_of(stop.signal) : 0; },
         .saves = [&stop] { return stop.saves > 0; },
         .stop =
             [&stop](int code) {
                 int none = 0;
                 return stop.signal.compare_exchange_strong(none, code - exit_code_of(0));
             }},
        why, help);
    stop.speaks = !group || group->leads();
    if (group) beside = group->count_same(runtime::host_name() + ": " + runtime::processors_text());
    return group;
}

/// All end with the exit code of process 0: MPICH's mpirun makes one of several by `or`.
int end_together(runtime::ProcessGroup& group, int code) {
    group.broadcast(&code, sizeof(code));
    group.finish();
    return code;
}

/// The checksum that ends a .gmc file; "" where it cannot be read.
std::string checksum_of(const std::string& path) {
    Diagnostics ignored;
    const auto text = runtime::read_whole_file(path, uint64_t{1} << 32, ignored);
    constexpr size_t kLine = sizeof("checksum 01234567");
    return text.ok() && text->size() > kLine ? text->substr(text->size() - kLine, kLine - 1) : "";
}

std::string version_text() {
    std::string version = kVersion.number;
    if (*kVersion.commit != '\0') version += fmt::format(", commit {}", kVersion.commit);
    return version;
}

/// Whether the processes have the same model, kernels and options, and all have loaded the model.
/// Process 0 has the errors.
bool can_train_together(runtime::ProcessGroup& group, const CommandLine& line,
                        const runtime::LoadedModel* model, Diagnostics& diagnostics) {
    static const std::vector<std::string> kOwn = {"threads", "isa"};
    return runtime::roll_call(group,
                              {{"compiled model", model ? checksum_of(model->path()) : ""},
                               {"kernels", runtime::kernel_versions()},
                               {"instructions", runtime::instruction_set()},
                               {"options", line.given_options(kOwn)}},
                              diagnostics);
}

}  // namespace

std::optional<int> read_training_line(CommandLine& line, const std::vector<std::string>& words,
                                      runtime::StopRequest& stop) {
    try {
        if (!line.parse(words)) return kDone;
        set_computing(line);
        return std::nullopt;
    } catch (const UsageError& error) {
        std::string why, help;
        int beside = 0;
        const auto group = join(stop, beside, why, help);
        if (!group) throw;
        Diagnostics diagnostics;
        diagnostics.error(DiagnosticKind::kBadValue, {}, "{}", error.what());
        (void)runtime::roll_call(*group, {}, diagnostics);
        const int code = end_together(*group, kUsageWrong);
        if (group->leads()) throw;
        return code;
    }
}

/// Versions are compared before all else: others than this one may exchange other messages.
std::optional<int> join_training(const CommandLine& line, runtime::StopRequest& stop,
                                 std::unique_ptr<runtime::ProcessGroup>& group) {
    std::string why, help;
    int beside = 0;
    group = join(stop, beside, why, help);
    Diagnostics diagnostics;
    if (!why.empty()) {
        Diagnostic& error = diagnostics.error(DiagnosticKind::kBadValue, {}, "{}", why);
        if (!help.empty()) error.help(help);
        return report_for_all(diagnostics);
    }
    if (!group) return std::nullopt;
    if (!line.has("threads")) runtime::set_thread_count(runtime::usual_thread_count_beside(beside));
    if (runtime::roll_call(*group, {{"version of gmrun", version_text()}}, diagnostics)) {
        group->tell_machines();
        return std::nullopt;
    }
    return end_together(*group, group->leads() ? report(diagnostics) : kInputWrong);
}

int share_training(runtime::ProcessGroup& group, const CommandLine& line,
                   runtime::LoadedModel* model, Diagnostics& diagnostics,
                   const std::function<int()>& lead) {
    if (!can_train_together(group, line, model, diagnostics))
        return end_together(group, group.leads() ? report(diagnostics) : kInputWrong);
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
    if (time.bytes == 0) return "";
    const int machines = group.machines().count();
    const auto seconds = [](int64_t ns) { return static_cast<double>(ns) * 1e-9; };
    return fmt::format(
        "sums and gathers over {} processes{}: {} in {:.3f} s, of which {:.3f} s were hidden "
        "behind computation\n",
        group.size(), machines > 1 ? fmt::format(" on {} machines", machines) : "",
        runtime::memory_text(time.bytes), seconds(time.busy_ns),
        seconds(std::max<int64_t>(time.busy_ns - time.waited_ns, 0)));
}

}  // namespace gmc::tools

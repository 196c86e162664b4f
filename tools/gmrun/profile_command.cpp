// gmrun profile: shows where the time of a training step goes, as a table, and as a trace for
// Perfetto.
#include <algorithm>

#include "compiler/ir/text/places.h"
#include "compiler/support/json.h"
#include "compiler/support/say.h"
#include "compiler/support/wrap.h"
#include "runtime/data/fingerprint/fingerprint.h"
#include "runtime/files/atomic_file.h"
#include "runtime/profile/operation_text.h"
#include "runtime/profile/trace.h"
#include "runtime/run/follower.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/measure/measured_model.h"
#include "tools/gmrun/output/write_output.h"
#include "tools/gmrun/runs/training_group.h"
#include "tools/gmrun/runs/unlike_processors.h"

namespace gmc::tools {
namespace {

using runtime::OperationProfile;
using runtime::place_of;

constexpr size_t kNameColumn = 25;  ///< column at which the names of operations begin

/// Operations of one kind, the slowest first.
struct Kind {
    std::string name;
    double ns = 0;
    std::vector<const OperationProfile*> operations;
};

/// Groups the operations of a step by kind and sorts both, the slowest first. "Kind" is the name of
/// the op, or of what a loop was fused from.
class Profile {
  public:
    Profile(const ir::Module& module, const runtime::StepProfile& profile)
        : module_(module), profile_(profile), names_(module), total_ns_(profile.operations_ns()) {
        for (const OperationProfile& one : profile.operations) {
            add(one);
            if (one.operation().info().has(ir::kContraction)) contractions_ns_ += one.round_ns();
        }
        std::stable_sort(kinds_.begin(), kinds_.end(),
                         [](const Kind& a, const Kind& b) { return a.ns > b.ns; });
        for (Kind& kind : kinds_)
            std::stable_sort(
                kind.operations.begin(), kind.operations.end(),
                [](const auto* a, const auto* b) { return a->round_ns() > b->round_ns(); });
    }

    void print() const {
        print_out(
            "step {:.3f} ms; operations {:.3f} ms, waiting for data {:.3f} ms (medians)\n"
            "share of contractions in the time of operations: {:.1f} %\n",
            profile_.round_ns * 1e-6, total_ns_ * 1e-6, profile_.wait_ns * 1e-6,
            share(contractions_ns_) * 100);
        for (const Kind& kind : kinds_) {
            print_out("\n{:>10.3f} ms {:>5.1f} %  {} x {}\n", kind.ns * 1e-6, share(kind.ns) * 100,
                      kind.operations.size(), kind.name);
            for (const OperationProfile* one : kind.operations) print_row(*one);
        }
    }

    Json json() const {
        Json out{{"model", module_.name},
                 {"step_ms", profile_.round_ns * 1e-6},
                 {"operations_ms", total_ns_ * 1e-6},
                 {"waiting_ms", profile_.wait_ns * 1e-6},
                 {"share_of_contractions", share(contractions_ns_)},
                 {"kinds", Json::array()}};
        if (const runtime::SumTime& sums = profile_.sums; sums.bytes > 0)
            out["sums"] = {{"bytes", sums.bytes},
                           {"ms", static_cast<double>(sums.busy_ns) * 1e-6},
                           {"waited_ms", static_cast<double>(sums.waited_ns) * 1e-6}};
        for (const Kind& kind : kinds_) {
            Json operations = Json::array();
            for (const OperationProfile* one : kind.operations)
                operations.push_back({{"function", one->function->name},
                                      {"name", names_.of(*one->function, one->operation())},
                                      {"model", place_of(module_, one->operation())},
                                      {"kernel", one->kernel},
                                      {"ms", one->round_ns() * 1e-6},
                                      {"share", share(one->round_ns())}});
            out["kinds"].push_back({{"kind", kind.name},
                                    {"ms", kind.ns * 1e-6},
                                    {"share", share(kind.ns)},
                                    {"operations", std::move(operations)}});
        }
        return out;
    }

  private:
    void add(const OperationProfile& one) {
        const std::string name = kind_of(one);
        auto found = std::find_if(kinds_.begin(), kinds_.end(),
                                  [&](const Kind& kind) { return kind.name == name; });
        if (found == kinds_.end()) found = kinds_.insert(kinds_.end(), {name});
        found->ns += one.round_ns();
        found->operations.push_back(&one);
    }

    double share(double ns) const { return total_ns_ > 0 ? ns / total_ns_ : 0; }

    void print_row(const OperationProfile& one) const {
        const std::string row =
            fmt::format("{:>10.3f} ms {:>5.1f} %    {} of @{}  {}", one.round_ns() * 1e-6,
                        share(one.round_ns()) * 100, names_.of(*one.function, one.operation()),
                        one.function->name, ir::short_place(module_, one.operation().location));
        print_out("{}\n", wrapped(row, kNameColumn));
    }

    const ir::Module& module_;
    const runtime::StepProfile& profile_;
    runtime::OperationNames names_;
    double total_ns_, contractions_ns_ = 0;
    std::vector<Kind> kinds_;
};

}  // namespace

/// Profiles a loaded model; gives the exit code.
static int profile_model(const CommandLine& line, MeasuredModel& loaded, Diagnostics& diagnostics) {
    runtime::LoadedModel& model = *loaded.model;
    const ir::Module& module = model.module();
    if (!OutputFiles(files_of(module)).may_write(line.text("output"), diagnostics))
        return report(diagnostics);
    const auto begins = [&](const runtime::Loader& loader) {
        if (model.group() == nullptr) return true;
        const runtime::TuningCache* tuning = loaded.tuning->cache();
        runtime::TrainingSetup setup{1, tuning != nullptr, model.may_use_bf16(), true, {}};
        if (tuning != nullptr)
            for (const auto& [problem, choice] : tuning->used())
                setup.contractions[problem] = choice;
        setup.block = loader.dataset().block();
        runtime::lead(model, setup);
        return runtime::have_same_data(model, runtime::fingerprint(loader.dataset()), diagnostics);
    };
    const auto measured =
        runtime::profile_step(model, line.get<int64_t>("steps"), diagnostics, begins);
    if (!measured.ok()) return report(diagnostics);
    if (!runtime::write_file_atomically(line.text("output"), chrome_trace(module, *measured),
                                        diagnostics))
        return report_output(line, diagnostics);
    const Profile profile(module, *measured);
    if (line.flag("json")) {
        print_out("{}\n", profile.json().dump());
        return kDone;
    }
    profile.print();
    if (model.group() != nullptr) print_out("\n{}", sums_text(*model.group(), measured->sums));
    print_out("\ntrace: {}\n", line.text("output"));
    return kDone;
}

int profile_command(const Words& words) {
    CommandLine line("gmrun profile [options] MODEL",
                     "Shows where the time of a training step goes: operations by kind, with their "
                     "names and places in the model, the slowest first (medians of real steps). "
                     "Writes a trace of all steps that ui.perfetto.dev and chrome://tracing open.\n"
                     "`mpirun -n 4 gmrun profile MODEL` shows process 0 of 4, and what the sums "
                     "over the processes take.");
    add_measuring(line, 10);
    line.add_option<std::string>("output,o", "FILE", "where the trace goes", "trace.json");
    runtime::StopRequest never;
    if (const auto end = read_training_line(line, words, never)) return *end;
    check_ending(line, "output", {".json"});
    Diagnostics diagnostics;
    std::unique_ptr<runtime::ProcessGroup> group;
    if (const auto end = join_training(line, never, group)) return *end;
    if (group) level_instructions(*group, "");
    auto loaded = load_measured(line, diagnostics, group.get());
    const auto profile = [&] { return profile_model(line, *loaded, diagnostics); };
    if (!group) return loaded.ok() ? profile() : report(diagnostics);
    return share_training(*group, line, loaded.ok() ? loaded->model.get() : nullptr, diagnostics,
                          profile);
}

}  // namespace gmc::tools

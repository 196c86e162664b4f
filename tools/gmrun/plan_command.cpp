// gmrun plan: shows the kernel of every operation, its time, and its rate as a share of the
// machine's peak.

#include <filesystem>

#include "compiler/ir/text/places.h"
#include "compiler/support/json.h"
#include "compiler/support/say.h"
#include "compiler/support/wrap.h"
#include "runtime/contractions/choice/tuning.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/profile/machine_peak.h"
#include "runtime/profile/operation_text.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/measure/measured_model.h"

namespace gmc::tools {
namespace {

using runtime::OperationProfile;
using runtime::place_of;

constexpr size_t kOperation = 49;  ///< the column of operations

/// The rate of an operation and its share of the machine's peak: of arithmetic for contractions, of
/// memory bandwidth for all others.
struct Rate {
    double giga_per_s;
    const char* unit;
    double share;
};
Rate rate_of(const OperationProfile& one, const runtime::MachinePeak& peak) {
    const bool arithmetic = one.work.flops > 0;
    const double per_s = (arithmetic ? one.work.flops : one.work.bytes) / one.run_ns * 1e9;
    const double arithmetic_peak = one.work.in_bf16 ? peak.bf16_flops_per_s : peak.flops_per_s;
    return {per_s * 1e-9, arithmetic ? "GFLOP/s" : "GB/s",
            per_s / (arithmetic ? arithmetic_peak : peak.bytes_per_s)};
}

/// Prints the profile of a step, operation by operation, as text or JSON. The peak of the machine
/// is measured when it is made, which takes a moment.
class Plan {
  public:
    Plan(const ir::Module& module, const runtime::StepProfile& profile,
         const runtime::TuningCache* cache, bool all_candidates)
        : module_(module),
          profile_(profile),
          names_(module),
          cache_(cache),
          all_candidates_(all_candidates),
          peak_(runtime::measure_machine_peak()),
          machine_(runtime::tuning_machine()) {}

    void print() const {
        print_out(
            "{}\npeak: {:.0f} GFLOP/s in f32 and {:.0f} in bf16, multiply-adds in registers;\n"
            "      {:.1f} GB/s, a = b + s c over 192 MiB\nstep: {:.3f} ms; line:column is of {}\n",
            machine_, peak_.flops_per_s * 1e-9, peak_.bf16_flops_per_s * 1e-9,
            peak_.bytes_per_s * 1e-9, profile_.round_ns * 1e-6,
            module_.files.empty() ? "the model"
                                  : std::filesystem::path(module_.files[0]).filename().string());
        const ir::Function* function = nullptr;
        for (const OperationProfile& one : profile_.operations) {
            if (one.function != function) print_head(one);
            function = one.function;
            print_row(one);
        }
    }

    Json json() const {
        Json out{{"model", module_.name},
                 {"machine", machine_},
                 {"peak",
                  {{"gflops_per_s", peak_.flops_per_s * 1e-9},
                   {"bf16_gflops_per_s", peak_.bf16_flops_per_s * 1e-9},
                   {"gbytes_per_s", peak_.bytes_per_s * 1e-9}}},
                 {"step_ms", profile_.round_ns * 1e-6},
                 {"operations", Json::array()}};
        for (const OperationProfile& one : profile_.operations)
            out["operations"].push_back(row(one));
        return out;
    }

  private:
    /// The measurement of a contraction's candidates; null when nothing was measured.
    const runtime::TuningEntry* candidates(const OperationProfile& one) const {
        if (cache_ == nullptr) return nullptr;
        return runtime::find_tuning(*cache_, module_, *one.function, one.operation());
    }

    static void print_head(const OperationProfile& one) {
        print_out(
            "\n@{}{}\n{:>9} {:13} {:>15} {:>7}  operation\n", one.function->name,
            one.runs_per_round > 1 ? fmt::format(", {} times a step", one.runs_per_round) : "",
            "us", "kernel", "rate", "of peak");
    }

    void print_row(const OperationProfile& one) const {
        const Rate rate = rate_of(one, peak_);
        // The kernel's name says what most operations are.
        const std::string kind = kind_of(one);
        const bool said = std::string_view(one.kernel).find(kind) != std::string_view::npos;
        const runtime::TuningEntry* measured = candidates(one);
        const std::string row = fmt::format(
            "{:>9.1f} {:13} {:>7.1f} {:7} {:>5.1f} %  {}{}  {}{}", one.run_ns * 1e-3, one.kernel,
            rate.giga_per_s, rate.unit, rate.share * 100, said ? "" : kind + " ",
            names_.of(*one.function, one.operation()), short_place(one.operation().location),
            measured == nullptr ? "" : error_of(*measured, one.kernel));
        print_out("{}\n", wrapped(row, kOperation));
        if (measured == nullptr || !all_candidates_) return;
        for (const auto& [name, us] : measured->microseconds)
            if (name != one.kernel)
                print_out("{:>9.1f} {:13} when tuned{}\n", us, name, error_of(*measured, name));
    }

    /// "  error 0.7", with a kernel's measured rounding error; "" when it is not known. "+loop" is no
    /// part of a candidate's name.
    static std::string error_of(const runtime::TuningEntry& measured, std::string_view kernel) {
        const auto found = measured.errors.find(std::string(kernel.substr(0, kernel.find('+'))));
        return found == measured.errors.end() ? "" : fmt::format("  error {:.1f}", found->second);
    }

    /// The model's own file is named once, in the head.
    std::string short_place(const ir::Location& at) const {
        const std::string place = ir::short_place(module_, at);
        return at.file == 0 ? place.substr(place.find(':') + 1) : place;
    }

    Json row(const OperationProfile& one) const {
        const Rate rate = rate_of(one, peak_);
        const ir::Operation& operation = one.operation();
        Json out{{"function", one.function->name},
                 {"operation", one.index},
                 {"kind", kind_of(one)},
                 {"name", names_.of(*one.function, operation)},
                 {"model", place_of(module_, operation)},
                 {"kernel", one.kernel},
                 {"us", one.run_ns * 1e-3},
                 {"runs_per_step", one.runs_per_round},
                 {"flops", one.work.flops},
                 {"bytes", one.work.bytes},
                 {one.work.flops > 0 ? "gflops_per_s" : "gbytes_per_s", rate.giga_per_s},
                 {"share_of_peak", rate.share}};
        const runtime::TuningEntry* measured = candidates(one);
        if (measured != nullptr)
            for (const auto& [name, error] : measured->errors)
                if (name == one.kernel.substr(0, one.kernel.find('+'))) out["error"] = error;
        if (measured != nullptr && all_candidates_) {
            for (const auto& [name, us] : measured->microseconds) out["candidates_us"][name] = us;
            for (const auto& [name, error] : measured->errors)
                out["candidates_error"][name] = error;
        }
        return out;
    }

    const ir::Module& module_;
    const runtime::StepProfile& profile_;
    runtime::OperationNames names_;
    const runtime::TuningCache* cache_;
    bool all_candidates_;
    runtime::MachinePeak peak_;
    std::string machine_;
};

}  // namespace

/// Measures real steps first and prints afterwards, so printing does not disturb them.
int plan_command(const Words& words) {
    CommandLine line(
        "gmrun plan [options] MODEL",
        "Shows for every operation of the training step its kernel, its time (the median of "
        "real steps), and its rate as a share of this machine's peak, which is measured too. "
        "Contractions are compared in GFLOP/s with multiply-adds in registers, all others in "
        "GB/s with a stream through memory. Data that are still in cache are read faster than "
        "memory, so a loop may show more than 100 %. The error of a contraction is that of its "
        "rounding, as a multiple of that of direct sums in f32, when its kernel was chosen by "
        "measuring.");
    add_measuring(line, 5);
    line.add_flag(
        "candidates",
        "also show the candidates that were not chosen, with the times measured for the choice");
    if (!line.parse(words)) return kDone;
    const int64_t steps = line.get<int64_t>("steps");
    if (line.flag("candidates") && line.flag("no-tune"))
        throw UsageError("--candidates needs the measurements that --no-tune leaves out");
    Diagnostics diagnostics;
    const auto measured = load_measured(line, diagnostics);
    if (!measured.ok()) return report(diagnostics);
    runtime::LoadedModel& model = *measured->model;
    const auto profile = runtime::profile_step(model, steps, diagnostics);
    if (!profile.ok()) return report(diagnostics);
    const Plan plan(model.module(), *profile, measured->tuning->cache(), line.flag("candidates"));
    if (line.flag("json"))
        print_out("{}\n", plan.json().dump());
    else
        plan.print();
    return kDone;
}

}  // namespace gmc::tools

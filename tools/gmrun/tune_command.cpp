// gmrun tune: measures the contractions of a model on purpose, rather than when a training first
// needs them.
#include <fmt/format.h>

#include <chrono>

#include "compiler/support/say.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

/// The measured time of the kernel that was chosen, in microseconds; 0 when it is not known.
double time_of_choice(const runtime::TuningEntry& entry) {
    for (const auto& [name, us] : entry.microseconds)
        if (name == entry.choice) return us;
    return 0;
}

/// A row per contraction, and how many choices are other ones than before.
void print_choices(const runtime::TuningCache& cache, const runtime::TuningCache& before,
                   double seconds) {
    int64_t changed = 0, doubtful = 0;
    for (const auto& [problem, choice] : cache.used()) {
        const runtime::TuningEntry* now = cache.find(problem);
        const runtime::TuningEntry* then = before.find(problem);
        if (now == nullptr) continue;
        const bool other = then != nullptr && then->choice != now->choice;
        changed += other ? 1 : 0;
        doubtful += now->doubtful ? 1 : 0;
        print_out("{:>10.1f} us  {:13}{}  {}\n", time_of_choice(*now), choice,
                  now->doubtful ? " ?" : "", problem);
        if (other) print_out("{:>15}was {}\n", "", then->choice);
    }
    print_out("contractions: {} measured in {:.1f} s, {} chosen otherwise than before\n",
              cache.measured(), seconds, changed);
    if (doubtful > 0)
        print_out(
            "doubtful (?), because other programs were busy: {}; measure them again when "
            "the machine is idle\n",
            doubtful);
}

}  // namespace

/// `renew` makes the cache measure again what it knows already. Preparing every function of the
/// model then measures their contractions; nothing is run.
int tune_command(const Words& words) {
    CommandLine line(
        "gmrun tune [options] MODEL",
        "Measures which kernels compute the contractions of a model the fastest on this machine, "
        "and keeps the choices for all later runs. Training does the same for what was never "
        "measured; this measures everything again, best while the machine does nothing else. "
        "Runs that exist keep the kernels that they were begun with.");
    line.add_argument("MODEL", "a .gmc file, or the folder of a run");
    add_computing(line);
    if (!line.parse(words)) return kDone;
    set_computing(line);
    Diagnostics diagnostics;
    const auto model = load_model(line, diagnostics);
    if (!model.ok()) return report(diagnostics);
    const std::string path = runtime::TuningCache::default_path();
    if (path.empty()) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "there is no folder to keep the choices in")
            .help("they are kept in $XDG_CACHE_HOME/gmc, or else in $HOME/.cache/gmc");
        return report(diagnostics);
    }
    const runtime::TuningCache before(path, runtime::tuning_machine());
    Tuning tuning(line, **model);
    tuning.cache()->renew();
    const auto begin = std::chrono::steady_clock::now();
    for (const ir::Function& function : (*model)->module().functions)
        if (!function.is_body && (*model)->function(function.name, diagnostics) == nullptr)
            return report(diagnostics);
    print_choices(*tuning.cache(), before,
                  std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    return tuning.cache()->unsaved() == 0 ? kDone : kRunFailed;  // the destructor says so
}

}  // namespace gmc::tools

// Keeps measurements of contractions in the cache, and tells the user about them.
#include "tools/gmrun/tuning.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/contractions/onednn/processor.h"
#include "runtime/run/run_record.h"
#include "runtime/threads/thread_count.h"

namespace gmc::tools {

void add_computing(CommandLine& line) {
    line.add_option<int64_t>("threads", "N",
                             "how many threads compute, by default one per core; the numbers do "
                             "not depend on it");
    line.add_choice("isa", {"best", "avx2"},
                    "the instructions to compute with: all that this processor has, or AVX2 only, "
                    "as on most laptops; a run that was trained with AVX2 last goes on with it");
}

void set_computing(const CommandLine& line) {
    if (line.has("threads")) {
        const auto threads = line.get<int64_t>("threads");
        if (threads < 1 || threads > runtime::kMostThreads)
            throw UsageError(fmt::format("--threads must be from 1 to {}, not {}",
                                         runtime::kMostThreads, threads));
        runtime::set_thread_count(static_cast<int>(threads));
    }
    if (line.has("isa") && line.text("isa") == "avx2" && !runtime::restrict_to_avx2())
        throw UsageError("--isa avx2 asks for AVX2, which this processor does not have");
}

bool keeps_to_avx2(const CommandLine& line, const std::string& run) {
    Diagnostics unreadable;  // which those report that go on with it
    if (line.given("isa") || !is_there(run + "/run.json")) return false;
    const auto record = runtime::read_run_record(run + "/run.json", unreadable);
    return record.ok() && record->avx2;
}

/// On a processor without AVX2 the run goes on, too, but says that its numbers differ.
void keep_to_avx2(const std::string& run) {
    if (!runtime::is_restricted_to_avx2() && runtime::restrict_to_avx2())
        say("gmrun: computes with AVX2 only, as `{}` was trained last; --isa best would end that\n",
            run);
}

void add_tuning(CommandLine& line) {
    add_computing(line);
    line.add_flag("no-tune",
                  "choose contractions by fixed rules, instead of measuring once which are the "
                  "fastest on this machine (kept in ~/.cache/gmc)");
    line.add_flag(
        "fast-math",
        "also take kernels whose rounding errors are more than 4 times those of plain sums, where "
        "measuring shows that they are faster");
    line.add_flag(
        "no-bf16",
        "compute models that were compiled for bf16 in f32, as on processors without bf16");
}

/// First bf16 is settled, because it decides which contractions there are to measure. Progress is
/// shown in place, on terminals only.
Tuning::Tuning(const CommandLine& line, runtime::LoadedModel& model) {
    set_computing(line);
    const auto is_on = [&](const char* flag) { return line.has(flag) && line.flag(flag); };
    bf16_ = !is_on("no-bf16");
    const bool bf16 = bf16_ && runtime::processor_has_bf16();
    if (model.is_bf16() && !bf16) {
        say("gmrun: `{}` was compiled for bf16 and is computed in f32: {}\n", model.module().name,
            is_on("no-bf16")                   ? "--no-bf16"
            : runtime::is_restricted_to_avx2() ? "AVX2 has no bf16 arithmetic"
                                               : "this processor has no bf16 arithmetic");
        model.disable_bf16();
    }
    const std::string path = runtime::TuningCache::default_path();
    const bool fast_math = is_on("fast-math");
    if (fast_math && is_on("no-tune"))
        throw UsageError("--fast-math chooses by the measurements that --no-tune leaves out");
    if (is_on("no-tune") || path.empty()) return;
    cache_.emplace(path, runtime::tuning_machine() + (fast_math ? ", fast math" : ""));
    if (fast_math) cache_->accept_any_error();
    cache_->before_measuring(
        [] { say("measuring contractions (once for this machine; --no-tune skips it) ...\n"); });
    cache_->on_wait([](const std::string& lock, bool gives_up) {
        if (gives_up)
            say("gmrun: `{}` is still held, and nothing is measured there: the kernels are "
                "measured "
                "here, and not kept\n",
                lock);
        else
            say("gmrun: waiting for another process that measures contractions: it holds `{}` "
                "...\n",
                lock);
    });
    if (isatty(STDERR_FILENO) != 0)
        cache_->on_record([](size_t count) {
            const std::string shown = fmt::format(
                "\r{} measured\033[K\r", counted(static_cast<int64_t>(count), "contraction"));
            (void)std::fwrite(shown.data(), 1, shown.size(), stderr);
            std::fflush(stderr);
        });
    model.set_tuning(&*cache_);
}

Tuning::~Tuning() {
    if (!cache_ || cache_->unsaved() == 0 || cache_->is_alone()) return;
    Diagnostics unwritable;
    const auto left = static_cast<int64_t>(cache_->unsaved());
    if (cache_->save(unwritable)) return;
    say("gmrun: warning: the measurement{} of {} could not be kept, and will be made again: {}\n",
        left == 1 ? "" : "s", counted(left, "contraction"),
        unwritable.any() ? unwritable.list().back().text : "`" + cache_->path() + "`");
}

}  // namespace gmc::tools

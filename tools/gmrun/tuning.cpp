// Where measurements of contractions are kept, and what the user sees of it.
#include "tools/gmrun/tuning.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace gmc::tools {

void add_tuning(CommandLine& line) {
    line.options().add_options()(
        "no-tune", boost::program_options::bool_switch(),
        "take the contractions that fixed rules prefer, instead of measuring once which are the "
        "fastest on this machine (kept in ~/.cache/gmc)");
}

Tuning::Tuning(const CommandLine& line, runtime::LoadedModel& model) {
    const std::string path = runtime::TuningCache::default_path();
    if (line.flag("no-tune") || path.empty()) return;
    cache_.emplace(path, runtime::TuningCache::this_machine());
    if (isatty(STDERR_FILENO) != 0)
        cache_->on_record([](size_t count) {
            fmt::print(stderr, "\rmeasuring contractions, once for this machine: {}\033[K\r", count);
            std::fflush(stderr);
        });
    model.set_tuning(&*cache_);
}

Tuning::~Tuning() {
    if (cache_ && cache_->unsaved() > 0)
        fmt::print(stderr, "gmrun: {} measured contractions could not be kept in {}\n",
                   cache_->unsaved(), cache_->path());
}

}  // namespace gmc::tools

// Lets the commands that train choose contractions by measuring, and shows the user that it does.
#pragma once

#include <optional>

#include "runtime/contractions/tuning_cache.h"
#include "runtime/train/loaded_model.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Declares --threads.
void add_threads(CommandLine& line);
/// Declares --threads, --no-tune, --fast-math, --no-bf16 and --isa.
void add_tuning(CommandLine& line);
/// Does what --threads and --isa say, before anything is computed. Throws UsageError where this
/// machine cannot.
void apply_machine_options(const CommandLine& line);
/// Turns on the choice of contractions by measuring for a model, unless --no-tune was given or
/// there is no folder for the measurements. Has to live as long as the model.
class Tuning {
  public:
    /// Also applies the options for the machine, and tells the user when a model that was compiled
    /// for bf16 is computed in f32.
    Tuning(const CommandLine& line, runtime::LoadedModel& model);
    /// Tells the user when measurements could not be saved.
    ~Tuning();
    /// Null when nothing is measured.
    const runtime::TuningCache* cache() const { return cache_ ? &*cache_ : nullptr; }
    runtime::TuningCache* cache() { return cache_ ? &*cache_ : nullptr; }
    /// Whether the user lets bf16 be computed as such.
    bool bf16() const { return bf16_; }

  private:
    std::optional<runtime::TuningCache> cache_;
    bool bf16_ = true;
};

}  // namespace gmc::tools

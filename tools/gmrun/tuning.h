// How commands compute: with which threads and instructions, and for those that train with
// contractions that are chosen by measuring, which the user is shown.
#pragma once

#include <optional>

#include "runtime/contractions/tuning_cache.h"
#include "runtime/train/loaded_model.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Declares --threads and --isa.
void add_computing(CommandLine& line);
/// Does what they say, where the command has them, before anything is computed. Throws UsageError
/// where this machine cannot.
void set_computing(const CommandLine& line);
/// Whether a run that was computed with AVX2 only is to go on so: the line does not say --isa.
bool keeps_to_avx2(const CommandLine& line, const std::string& run);
/// Has this process compute so, and says it. Before anything is computed.
void keep_to_avx2(const std::string& run);
/// Declares --threads, --isa, --no-tune, --fast-math and --no-bf16.
void add_tuning(CommandLine& line);
/// Turns on the choice of contractions by measuring for a model, unless --no-tune was given or
/// there is no folder for the measurements. Has to live as long as the model.
class Tuning {
  public:
    /// Also does what set_computing does, and tells the user when a model that was compiled for
    /// bf16 is computed in f32.
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

// Whether the commands that train choose contractions by measuring.
#pragma once

#include <optional>

#include "runtime/contractions/tuning_cache.h"
#include "runtime/train/loaded_model.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Declares --no-tune and --no-bf16.
void add_tuning(CommandLine& line);
/// The choice of contractions by measuring, unless --no-tune was given or there is no place to keep
/// what was measured. Alive as long as the model.
class Tuning {
  public:
    /// Also says where a model that was compiled for bf16 is not computed in it.
    Tuning(const CommandLine& line, runtime::LoadedModel& model);
    /// Says where the measurements of this process are, or that they could not be kept.
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

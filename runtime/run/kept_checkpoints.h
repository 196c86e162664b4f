// Checkpoints that stay beside the last one, in the run's folder `checkpoints/`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

class FilesBefore;
struct CheckpointHeader;
struct TrainingState;

/// The step in the name of a kept checkpoint, `step-00000500.safetensors`; none in other names.
std::optional<int64_t> step_of_checkpoint(std::string_view name);
/// Where the best is kept.
inline constexpr char kBestName[] = "checkpoints/best.safetensors";
/// Whether a file of `checkpoints/` has the name of a checkpoint that a run keeps: a step's, the
/// best, or a best that was set aside.
bool is_kept_checkpoint(std::string_view name);

/// The name of a step's.
std::string name_of_kept_step(int64_t step);

/// The names of those that the run in this folder has, in the order of their steps; `best` is the
/// first.
std::vector<std::string> kept_checkpoints(const std::string& run);
/// What tells that the file `name` of `checkpoints/` is not of the step that it is named after:
/// "`FILE` holds step 24, whose name is ..."; "" when nothing does.
std::string why_misnamed(const std::string& run, const std::string& name);
/// A kept checkpoint that can be read.
struct WholeCheckpoint {
    std::string file;  ///< in the run's folder: "checkpoints/step-00000500.safetensors"
    std::string name;  ///< for --checkpoint: the same without its ending
    int64_t step = 0;
};
/// The newest of the run's kept checkpoints whose headers are in order, else the best.
std::optional<WholeCheckpoint> newest_whole(const std::string& run);
/// After an error: where the run's last checkpoint is damaged, adds to the message which of the
/// kept ones can take its place.
void help_with_kept_checkpoint(const std::string& run, Diagnostics& diagnostics);

/// The state that training goes back to after divergence, where the run's checkpoint is a later one
/// that was written because training stopped, or by the clock (WayBack).
inline constexpr char kWayBackName[] = "rollback.safetensors";
/// Keeps the run's checkpoint under another name in its folder, too, which messages call `called`
/// unless that is "". False after an error.
[[nodiscard]] bool keep_checkpoint_as(const std::string& run, const std::string& name,
                                      Diagnostics& diagnostics, const std::string& called = "");

/// The best checkpoint as the run knows it: one that ended an epoch with this figure.
struct KnownBest {
    std::optional<double> value;  ///< nothing: the run keeps none, or knows of none
    std::string figure;
    uint64_t seed = 1;  ///< of the run
    std::string model;  ///< ir::Origin::model
};

/// Keeps the run's `checkpoint` under other names, as hard links where the file system has them.
class KeptCheckpoints {
  public:
    /// `last`: how many of the latest checkpoints stay; 1 is `checkpoint` itself. `called`: what
    /// messages call the folder, where that is not its path.
    KeptCheckpoints(std::string folder, int64_t last, KnownBest best, std::string called = "")
        : folder_(std::move(folder)),
          called_(called.empty() ? folder_ : std::move(called)),
          last_(last),
          best_(std::move(best)) {}

    /// checkpoints/step-NNNNNNNN, where any are kept. False after an error.
    [[nodiscard]] bool add(int64_t step, Diagnostics& diagnostics) const;
    /// The same, and those beyond the last ones go.
    [[nodiscard]] bool keep(int64_t step, Diagnostics& diagnostics) const;
    /// Of those up to `step`, where the run stands, only the last ones stay. Later ones go, too:
    /// the run went back before them, and comes to these steps again. Files that hold another step
    /// than their names say stay, and do not count. What is the only whole copy of the best takes
    /// its place before it goes, which is told.
    void drop(int64_t step) const;
    /// Before the checkpoint `path` goes, or another one takes its place: where it is the only
    /// whole copy of the best, it takes the place of that, which is told. False where it has to
    /// stay, as that is not possible.
    bool may_go(const std::string& path) const;
    /// checkpoints/best. False after an error.
    [[nodiscard]] bool keep_best(Diagnostics& diagnostics) const;
    /// Of a run that goes on from `at`: where the best is lost, damaged, or is another than the run
    /// knows, a copy takes its place; where there is none, `at` knows no best any more. A warning
    /// says so. Another one gets another name. `is_last`: the run's checkpoint is the best. Reads
    /// whole files. What is done can be undone by `before`. False after an error (kBadFile).
    [[nodiscard]] bool find_best(TrainingState& at, bool is_last, FilesBefore& before,
                                 Diagnostics& diagnostics) const;
    /// Another best is about to take its place, which cannot be compared with it: gives it a name
    /// with its step and with the `figure` that it was best by ("": not known), which this returns;
    /// "" where there is none that can be read. Errors (kBadFile): it cannot be renamed.
    Result<std::string> set_best_aside(const std::string& figure, Diagnostics& diagnostics) const;

  private:
    std::string why_other(const std::string& path, const CheckpointHeader& header) const;
    bool is_best(const std::string& path) const;
    std::string copy_of_best() const;

    std::string folder_, called_;
    int64_t last_;
    KnownBest best_;
};

}  // namespace gmc::runtime

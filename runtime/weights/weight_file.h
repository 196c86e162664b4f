// Files that weights come from: a safetensors file of any program, a checkpoint, or a run's folder,
// which has one.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/run_names.h"
#include "runtime/files/tensors/safetensors.h"

namespace gmc::runtime {

/// Whether a run's folder has one of either name. (Of an old one, only the format is read, for an
/// error.)
bool has_checkpoint(const std::string& folder);

/// How the first entry of a checkpoint's metadata, `format`, begins; the number of the format
/// follows.
inline constexpr std::string_view kCheckpointMagic = "gmc-checkpoint ";

/// What the average of a parameter is called: this and the parameter's name.
inline constexpr char kAveragePrefix[] = "average.";

/// What a checkpoint in mid-epoch calls a weight as it was when the epoch began: this and its name.
inline constexpr char kEpochStartPrefix[] = "epoch_start.";
/// What a checkpoint of local steps calls the momentum of a weight's outer step.
inline constexpr char kOuterMomentumPrefix[] = "outer_momentum.";

/// The checkpoint in `path` where that is a run's folder; else `path` itself.
std::string weight_file_of(const std::string& path);

/// Opens a file, or that of a run's folder, and reads its header. Errors (kBadFile): no such file,
/// no safetensors file, or a checkpoint of an earlier format.
Result<SafetensorsFile> open_weights(const std::string& path, Diagnostics& diagnostics);

/// Whether no run comes to a number below 0 in the state of this name: a variance, means of squares
/// (Adam, RMSProp), a count of updates.
bool is_never_negative(const std::string& name);
/// Whether numbers that were read from the file's tensor `name` can be those of `state`: finite,
/// and not below 0 where none ever is. Error: kBadFile.
bool can_be(const std::string& state, std::span<const float> numbers, const SafetensorsFile& file,
            const std::string& name, Diagnostics& diagnostics);

/// The checksum of the whole file as it is. Errors (kBadFile): it says another one itself, or
/// cannot be read.
Result<std::string> verified_checksum(const SafetensorsFile& file, Diagnostics& diagnostics);

}  // namespace gmc::runtime

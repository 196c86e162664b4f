// The files of a run's folder that are the run's own, and the run that a new one replaces: it lies
// in the hidden folder `.replaced` until the new one has a checkpoint.
#pragma once

#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "runtime/files/run_names.h"

namespace gmc::runtime {

/// Whether all that a run writes stays in `folder`, which others may have made: an error (kBadFile)
/// names the symbolic link by which it would not, such as one at `samples`.
[[nodiscard]] bool keeps_to_itself(const std::string& folder, Diagnostics& diagnostics);

/// Whether a symbolic link is at `path` behind which a file that is put there by renaming would be
/// written elsewhere: one to a folder, a device or a pipe. One to a file is replaced.
bool leads_away(const std::string& path);

/// Removes checkpoints, metrics, replays, events and samples of the run in `folder`, file by file:
/// what else lies there is somebody's own.
void remove_run(const std::string& folder);

/// Moves the run in `folder` to `folder`/.replaced. False after an error (kBadFile, kDiskFull);
/// then the run is where it was.
[[nodiscard]] bool set_run_aside(const std::string& folder, Diagnostics& diagnostics);
/// Whether `folder` holds a run that was set aside, as a whole or, by a process that was killed, in
/// part.
bool has_run_aside(const std::string& folder);
/// The new run has a checkpoint: the one that was set aside goes.
void remove_run_aside(const std::string& folder);
/// Brings back the run that was set aside, in place of what the new one wrote, and says so. Where
/// the new one diverged, its files go to `folder`/.diverged, with its model and run.json. What a
/// process that was killed left to do of this is done by the next one.
void bring_run_back(const std::string& folder);
/// Whether the run in `folder` has a checkpoint of a step. One that cannot be read counts as such:
/// nothing goes because of it.
bool has_trained(const std::string& folder);
/// What the next process does, under the lock: where the new run has taken no step, as far as its
/// checkpoint says, the one that was set aside comes back; else both stay.
void settle_run_aside(const std::string& folder);

}  // namespace gmc::runtime

// What a run is: everything, beside the model and the data, that its numbers depend on. Kept in the
// run's folder as run.json, so that it can be looked at, repeated, and resumed to the bit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/contract.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/pace.h"
#include "compiler/support/result.h"
#include "runtime/data/dataset.h"
#include "runtime/train/slots/local_steps.h"

namespace gmc::runtime {

/// What the command line said of how a run is saved, logged and drawn; a run that goes on keeps it.
struct RunSettings {
    std::optional<Pace> checkpoint_every;
    std::optional<int64_t> log_every, samples;
    bool tensorboard = false;
};

/// What is needed beside the checkpoint to go on with a run to the bit, and what people want to
/// know of it later. Fields that were added after the first version are optional in the file.
struct RunRecord {
    std::string model;                 ///< its name
    std::string version;               ///< of the program that trained last
    std::string machine;               ///< processor, instructions and libraries
    int64_t threads = 0;               ///< of the process that trained last; 0: not known
    std::string precision;             ///< that the model was compiled for
    bool bf16 = true;                  ///< false: what was compiled for bf16 is computed in f32
    bool avx2 = false;                 ///< only, although the processor may have more
    ir::Origin origin;                 ///< of the module: fingerprints, settings, texts
    std::vector<std::string> sources;  ///< names of the files that the texts are of
    uint64_t seed = 1;
    LocalSteps local;
    int64_t processes = 1;  ///< that train together; on which the numbers of local steps depend
    std::string init, init_layout;  ///< what --init named, "": nothing
    /// Of what was taken from there (TakenWeights::checksum); "": not recorded.
    std::string init_checksum;
    /// Of each run or file whose weights it began with, how many tensors were taken.
    std::vector<std::string> begun_with;
    std::optional<int64_t> epochs;  ///< asked for on the command line, instead of the model's
    RunSettings settings;
    int64_t patient_from = 0;   ///< epochs before the last --more-epochs since an early end
    int64_t examples = 0;       ///< of the training data
    int64_t block = 0;          ///< LoaderOptions::block of its order; 0: not recorded
    double validate_share = 0;  ///< of the data, kept out of training; 0: none, or not known
    /// The share of the data, as `seed` draws it, that the weights were never trained on, here and
    /// in the runs whose weights they began with. A smaller share is a part of a larger one.
    double kept_out = 0;
    std::string data;         ///< what they were, in a line (data_summary.h)
    std::string data_values;  ///< their fingerprint (fingerprint.h); "": not recorded
    /// From where to where the values of each field go, as far as they were looked at.
    std::map<std::string, ValueRange> ranges;
    /// Whether contractions were chosen by measuring, and the choices: problem, candidate.
    bool tuned = false;
    std::map<std::string, std::string> contractions;
    /// Checksums of the files that networks began with, by network.
    std::map<std::string, std::string> weights;
};

/// Whether two ir::Origin::model are of the same networks and losses. Where both have that hash
/// (dsl/fingerprint.h; an older gmc did not write it), functions beside training may be others.
inline bool train_alike(const std::string& a, const std::string& b) {
    const size_t in_a = a.find('+'), in_b = b.find('+');
    const bool both = in_a != std::string::npos && in_b != std::string::npos;
    return both ? a.substr(in_a) == b.substr(in_b) : a.substr(0, in_a) == b.substr(0, in_b);
}

inline constexpr const char* kOtherModel = "other networks or losses";
inline constexpr const char* kOtherData = "other data";
/// What a run and a module do not have in common: kOtherModel or kOtherData; "" when they are of
/// one model, as far as the run says which.
std::string difference(const RunRecord& record, const ir::Origin& origin);
/// What says that a checkpoint was not written by the run in `folder`: "`FILE` is a checkpoint of
/// ..."; "" when nothing does. Data may have changed during a run: `data_too` compares them.
std::string another_runs(const std::string& checkpoint, const RunRecord& record,
                         const std::string& folder, bool data_too = true);
/// A run goes on with its own model and data only; how it is trained may be another. This reports
/// (kBadValue) what the run in `folder` has otherwise than the file `model`.
Failure is_another_run(const std::string& folder, const std::string& other,
                       const std::string& model, Diagnostics& diagnostics);
/// Whether data with this fingerprint, declared as `origin` says, are those of a run: they have the
/// same values, or are declared the same way, and have another number of examples but none with
/// other values (may_be_same_data). What was not recorded is not compared.
bool are_data_of(const RunRecord& record, const ir::Origin& origin, const std::string& values);
/// Sentences that tell what makes a run that goes on as `now` says differ from one that was never
/// interrupted: another machine, another amount of data, another precision, weights of another
/// file.
std::vector<std::string> changes(const RunRecord& then, const RunRecord& now);

/// The same in the words of metrics.jsonl, as far as it is about how numbers are computed and on
/// how many examples: "precision `f32`, now `bf16`".
std::vector<std::string> logged_changes(const RunRecord& then, const RunRecord& now);

/// Writes run.json, whole or not at all. False after an error (kBadFile).
[[nodiscard]] bool write_run_record(const std::string& path, const RunRecord& record,
                                    Diagnostics& diagnostics);
/// Errors (kBadFile): cannot be read, not what write_run_record writes.
Result<RunRecord> read_run_record(const std::string& path, Diagnostics& diagnostics);

}  // namespace gmc::runtime

// Everything that the numbers of a run depend on, apart from the model and the data. It is kept in
// the run's folder as run.json, for people to read, and for resuming the run with the same bits.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

struct RunRecord {
    /// Its name.
    std::string model;
    /// Of the program that trained last.
    std::string version;
    /// Processor, instructions, libraries and threads.
    std::string machine;
    /// For which the model was compiled.
    std::string precision;
    /// False: a model that was compiled for bf16 is computed in f32.
    bool bf16 = true;
    uint64_t seed = 1;
    /// Given on the command line in place of the model's number.
    std::optional<int64_t> epochs;
    /// Of the training data.
    int64_t examples = 0;
    /// Whether contractions were chosen by measuring, and the choices: problem -> candidate.
    bool tuned = false;
    std::map<std::string, std::string> contractions;
};

/// Writes run.json atomically. False after an error (kBadFile).
[[nodiscard]] bool write_run_record(const std::string& path, const RunRecord& record,
                                    Diagnostics& diagnostics);
/// Reads run.json. Errors (kBadFile): it cannot be read, or is not what write_run_record writes.
Result<RunRecord> read_run_record(const std::string& path, Diagnostics& diagnostics);

}  // namespace gmc::runtime

// Files of compiled models, .gmc: the printed module and, as the last line, `checksum` and the
// CRC-32 of all before it in eight hexadecimal digits. Text, so that a person can read and compare
// it; checked, so that a file that was cut off or changed by accident is refused instead of run.
#pragma once

#include <string>
#include <string_view>

#include "compiler/ir/module.h"
#include "compiler/ir/verifier.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::ir {

/// The whole content of a .gmc file.
std::string artefact_text(const Module& module);

/// A checksum of what the functions compute and of their places in the model: two modules with the
/// same one run the same steps.
std::string checksum_of_functions(const Module& module);

/// A checksum of what training computes its steps by, whatever it is called, for how many epochs it
/// trains and where its data lie.
std::string checksum_of_steps(const Module& module);
/// Whether a text can be such a checksum.
bool is_checksum(std::string_view text);

/// Writes `text` to a file beside `path` and renames it, so that `path` is never half written.
/// False and kBadFile when that fails.
bool write_file(const std::string& path, const std::string& text, Diagnostics& diagnostics);

/// Whether `path` is a plain file that can be read and begins like a .gmc file.
bool is_artefact(const std::string& path);

struct ReadArtefactOptions {
    /// False: dumps and files edited by hand are read as well, unchecked.
    bool require_checksum = true;
    VerifyOptions verify;  ///< what the module must be
};

/// Reads a .gmc file and verifies the module. "-" is the standard input. Errors: kBadFile for what
/// is no such file, is of a newer version, cut off or changed; kBadIr for text that is no
/// well-formed module. Where a module says where it comes from, but without the checksum of its
/// other lines, it was changed since it was compiled: its origin is a model of its own.
Result<Module> read_artefact(const std::string& path, const ReadArtefactOptions& options,
                             Diagnostics& diagnostics);

/// The same for the content of a file; `path` is for messages.
Result<Module> read_artefact_text(const std::string& path, std::string text,
                                  const ReadArtefactOptions& options, Diagnostics& diagnostics);

}  // namespace gmc::ir

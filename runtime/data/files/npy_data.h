// Arrays that NumPy saved, as examples along their first dimension: .npy (gzip-compressed or not)
// and the arrays of an .npz, which is a zip of .npy files.
#pragma once

#include <string>

#include "runtime/data/files/value_reader.h"

namespace gmc::runtime {

/// Reads a whole .npy file: integers and floats of 1 to 8 bytes, row-major, read as float32; u8 is
/// scaled as idx is. Errors: kBadFile (absent, not npy, cut short, too long), and read_values's.
Result<FieldPtr> read_npy_data(const std::string& path, const ValueRules& rules,
                               Diagnostics& diagnostics);

/// The same of the array `key` of an .npz; without a key, of its only one. Errors: kBadFile (not a
/// zip, corrupt), kUnknownName (no such array, with those that there are), kMissingKey (several and
/// no key).
Result<FieldPtr> read_npz_data(const std::string& path, const std::string& key,
                               const ValueRules& rules, Diagnostics& diagnostics);

}  // namespace gmc::runtime

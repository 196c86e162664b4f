// What tells whether data are those that a run was trained on, wherever they lie now.
#pragma once

#include <string>

#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// The number of examples, a checksum (CRC-32) of the values of some, labels included (of up to
/// 1000 of what can be in memory, 16 of the rest, at equal distances); a checksum of more: of the
/// bytes of up to 16,384 files where examples lie in files of their own (the whole file up to 64
/// KiB, else parts of it), of up to 16 million values of what can be in memory; both of each field
/// alone, and of a set in an order of its own that is longer than the others, of all of it;
/// checksums of some examples and files by their names or numbers; and where all values are looked
/// at, those of the first part of the examples, the first two, and so on: "60000-1c291ca3
/// vv:5d00e1a2 image@1c291ca35d00e1a2 ... b+500-0c33a1b9 ... 0b12c3d4=99aa0011 ...
/// 0c33a1b9~77aa0012 ... 937#aa001122 ...". "" where one of these cannot be read: it may be mended
/// before a run goes on.
std::string fingerprint(const Dataset& dataset);
/// The fingerprint without examples and files by name, and without what it says of single fields
/// that share their order.
std::string in_short(const std::string& fingerprint);
/// Whether a text is a fingerprint, or "".
bool is_fingerprint(const std::string& text);
/// The fingerprint without examples and files, but with what it says of each field.
std::string by_field(const std::string& fingerprint);
/// The fingerprint without what it says of the bytes of files, some of which are to be mended.
std::string without_files(const std::string& fingerprint);

}  // namespace gmc::runtime

// The contents of a file read at any place, for data that are larger than memory. Read with pread
// instead of mapped: a file that shrinks or a disk that fails is then an error of one read, where
// touching a mapping would end the process; and what was read does not count as the process's
// memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// Bytes that can be read at any place, by any thread.
class RandomBytes {
  public:
    virtual ~RandomBytes() = default;
    /// Reads up to `size` bytes from `offset` on; fewer only where the contents end. Several
    /// threads may read at once. Errors: kBadFile.
    virtual Result<size_t> read(uint64_t offset, void* dst, size_t size,
                                Diagnostics& diagnostics) = 0;
};

/// The bytes of a regular file as they are.
Result<std::unique_ptr<RandomBytes>> open_plain_bytes(const std::string& path,
                                                      Diagnostics& diagnostics);
/// The bytes of the entry `inside` of a zip as they lie in it: its contents where it is stored,
/// else what deflate made of them. Errors: kBadFile.
Result<std::unique_ptr<RandomBytes>> open_zip_bytes(const std::string& path,
                                                    const std::string& inside,
                                                    Diagnostics& diagnostics);

/// How compressed bytes are wrapped.
enum class DeflateWrapper { kGzip, kNone };

/// The contents of deflated bytes (RFC 1951; gzip: RFC 1952, with any number of members). Goes
/// through them once and remembers, for about every megabyte of contents, how to begin there: the
/// place, and the 32 KB before it, which what follows may refer to. Each read then inflates a
/// megabyte and a half on average. `name` is for errors. Errors: kBadFile (corrupt, cut short).
Result<std::unique_ptr<RandomBytes>> index_deflated_bytes(std::unique_ptr<RandomBytes> packed,
                                                          DeflateWrapper wrapper,
                                                          const std::string& name,
                                                          Diagnostics& diagnostics);

}  // namespace gmc::runtime

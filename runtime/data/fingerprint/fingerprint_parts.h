// The parts of a fingerprint's text.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/data/fingerprint/checksums.h"

namespace gmc::runtime {

/// A fingerprint in its parts.
struct FingerprintParts {
    std::string whole;  ///< count and checksum
    int64_t count = 0;
    std::string what, more;                     ///< further_of(): what it covers, and the checksum
    std::map<std::string, std::string> fields;  ///< checksums of single ones
    std::map<std::string, std::string> own;     ///< of sets in an order of their own, by field
    /// Of values and, by `~` instead of `=`, of files.
    std::multimap<std::string, std::string> known;
    std::map<int64_t, std::string> marks;  ///< checksums of the first so many examples

    explicit FingerprintParts(const std::string& fingerprint);
    bool has_same_further(const FingerprintParts& other) const {
        return what != other.what || more == other.more;
    }
    /// Whether an older gmc looked at a field of one of the two only as at one that is not in
    /// memory: then the two have hardly a checksum in common.
    bool is_of_another_kind(const FingerprintParts& other) const;
    /// Of sets in an order of their own, whether one of as many examples now has others.
    bool has_same_own(const FingerprintParts& other) const;
};

/// The fingerprint, for which the data are looked at so.
std::string fingerprint_of(const Dataset& dataset, const AsInMemory& as_in_memory);

}  // namespace gmc::runtime

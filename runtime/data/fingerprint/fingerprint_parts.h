// The parts of a fingerprint's text.
#pragma once

#include <cstdint>
#include <map>
#include <string>

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
    /// Of sets in an order of their own, whether one of as many examples now has others.
    bool has_same_own(const FingerprintParts& other) const;
};

}  // namespace gmc::runtime

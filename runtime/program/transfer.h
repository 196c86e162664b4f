// Copies of whole values between two places in memory, which run while a function runs.
#pragma once

#include <cstddef>
#include <cstring>

namespace gmc::runtime {

inline std::byte* bytes_at(float* data) { return reinterpret_cast<std::byte*>(data); }
inline const std::byte* bytes_at(const float* data) {
    return reinterpret_cast<const std::byte*>(data);
}

/// A copy of a whole value. Nothing is done where both places are the same; otherwise they must not
/// overlap.
struct Transfer {
    const std::byte* from;
    std::byte* to;
    size_t bytes;
    void run() const {
        if (from != to) std::memcpy(to, from, bytes);
    }
    /// Whether this reads what `other` writes.
    bool reads(const Transfer& other) const {
        return from < other.to + other.bytes && other.to < from + bytes;
    }
};

}  // namespace gmc::runtime

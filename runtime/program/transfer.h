// Copies of whole values between two places in memory, which run while a function runs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

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
    void run() const { run(0, bytes); }
    /// Copies bytes [begin, end).
    void run(size_t begin, size_t end) const {
        if (from != to) std::memcpy(to + begin, from + begin, end - begin);
    }
    /// Whether this reads what `other` writes.
    bool reads(const Transfer& other) const {
        return from < other.to + other.bytes && other.to < from + bytes;
    }
};

/// Runs transfers, none of which reads what another writes; large ones are shared by the team.
inline void run_all(std::span<const Transfer> transfers) {
    constexpr int64_t kPart = 32 << 10;  // bytes, which take a few us
    int64_t total = 0;
    for (const Transfer& t : transfers) total += t.from != t.to ? static_cast<int64_t>(t.bytes) : 0;
    if (total < 2 * kPart) {
        for (const Transfer& t : transfers) t.run();
        return;
    }
    run_parts(total, kPart, thread_count(), [&](int64_t begin, int64_t end, int) {
        int64_t at = 0;  // where the transfer begins in the row of all
        for (const Transfer& t : transfers) {
            if (t.from == t.to) continue;
            const auto bytes = static_cast<int64_t>(t.bytes);
            const int64_t first = std::clamp<int64_t>(begin - at, 0, bytes),
                          last = std::clamp<int64_t>(end - at, 0, bytes);
            if (first < last) t.run(static_cast<size_t>(first), static_cast<size_t>(last));
            at += bytes;
        }
    });
}

}  // namespace gmc::runtime

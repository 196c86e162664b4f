// Counts the pieces of a part of a result, so that the thread that completes the last piece of the
// part can call the epilogue for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace gmc::runtime {

class Pieces {
  public:
    Pieces(int64_t parts, int64_t pieces_per_part)
        : parts_(parts),
          pieces_per_part_(pieces_per_part),
          missing_(std::make_unique<std::atomic<int64_t>[]>(static_cast<size_t>(parts))) {}

    int64_t parts() const { return parts_; }
    int64_t pieces() const { return parts_ * pieces_per_part_; }
    /// Nothing is complete.
    void start() {
        for (int64_t i = 0; i < parts_; ++i)
            missing_[static_cast<size_t>(i)].store(pieces_per_part_, std::memory_order_relaxed);
    }
    /// Counts a piece of `part`; true when no other is missing. What was written for the other
    /// pieces is then visible to this thread.
    bool completes(int64_t part) { return missing_[static_cast<size_t>(part)].fetch_sub(1) == 1; }

  private:
    int64_t parts_, pieces_per_part_;
    std::unique_ptr<std::atomic<int64_t>[]> missing_;
};

}  // namespace gmc::runtime

// The parts of a result, and the pieces of each: which one a unit computes, and which is the last
// of its part, so that the thread that completes it can call the epilogue for the part.
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
    struct Place {
        int64_t part, piece;
    };
    /// Threads take the units in order, each from its own share (runtime/threads). `piece_first`:
    /// the same pieces of all parts are neighbours, and most of them are computed by one thread.
    Place of_unit(int64_t unit, bool piece_first) const {
        if (piece_first) return {unit % parts_, unit / parts_};
        return {unit / pieces_per_part_, unit % pieces_per_part_};
    }
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

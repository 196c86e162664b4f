// What the contractions of one executable share. Nothing here knows which library computes them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/memory/arena.h"

namespace gmc::runtime {

class TuningCache;

/// What a library behind some candidates keeps for a whole context: its engine, weights in its
/// layouts.
class LibrarySession {
  public:
    virtual ~LibrarySession() = default;
    /// Memory that it holds.
    virtual int64_t bytes() const = 0;
};

/// What the contractions of one executable share: scratch memory (in the arena), memory for wide
/// copies, and the session of the library. Kernels refer to it.
class ContractionContext {
  public:
    /// With `tuning` the fastest candidates are chosen by measuring, without by static rules.
    /// Without `bf16`, as where processor_has_bf16() says no, contractions of bf16 operands are
    /// computed in f32.
    ContractionContext(Arena& arena, TuningCache* tuning, bool bf16)
        : arena_(arena), tuning_(tuning), bf16_(bf16) {}

    Arena& arena() { return arena_; }
    TuningCache* tuning() { return tuning_; }
    bool bf16() const { return bf16_; }
    /// A call of the function begins: weights may have changed since the last. Within a call no
    /// value changes (states are read as at entry), so one reorder per weight, layout and call is
    /// enough.
    void begin_call() { ++call_; }
    uint64_t call() const { return call_; }
    /// Memory for so many floats that kernels share: its content is lost between two of them. Stays
    /// where it is.
    float* wide_memory(int64_t floats);
    /// Memory of weights in other layouts, and of wide_memory.
    int64_t layout_bytes() const;

    /// Null until a candidate asks for one. Belongs to contractions/onednn/session.h, which fills
    /// it.
    std::unique_ptr<LibrarySession>& library_session() { return session_; }

  private:
    Arena& arena_;
    TuningCache* tuning_;
    bool bf16_;
    uint64_t call_ = 1;
    std::vector<MemoryBlock> wide_;  ///< ever larger
    std::unique_ptr<LibrarySession> session_;
};

}  // namespace gmc::runtime

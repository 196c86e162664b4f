// What the contractions of one executable share: scratch memory, f32 copies, and what a library
// keeps. The library itself is hidden behind an interface, so that only contractions/onednn
// includes it.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "runtime/memory/arena.h"

namespace gmc::runtime {

class TuningCache;

/// What a library keeps for a whole context, such as its engine and weights in layouts of its own.
class LibrarySession {
  public:
    virtual ~LibrarySession() = default;
    /// Bytes of memory that it holds.
    virtual int64_t bytes() const = 0;
};

/// The shared state of the contractions of one executable: scratch memory in the arena, memory for
/// f32 copies of bf16 operands, and the library's session. Kernels refer to it, so it outlives
/// them.
class ContractionContext {
  public:
    /// With `tuning` candidates are chosen by measuring; with null, by their static rules. With
    /// `bf16` false (where processor_has_bf16() is false), contractions of bf16 operands are
    /// computed in f32.
    ContractionContext(Arena& arena, TuningCache* tuning, bool bf16)
        : arena_(arena), tuning_(tuning), bf16_(bf16) {}

    Arena& arena() { return arena_; }
    TuningCache* tuning() { return tuning_; }
    bool bf16() const { return bf16_; }
    /// Marks the start of a call of the function, before which weights may have changed. Within a
    /// call a value never changes (an updated state is a new value), so each weight is reordered at
    /// most once per layout and call.
    void begin_call() { call_ = pass_ = ++clock_; }
    /// Marks the start of a pass of a scan: all values may have changed but those that are kept.
    void begin_pass() { pass_ = ++clock_; }
    /// Says that a value is the same in all passes of a call.
    void keep_for_call(ir::ValueId value) { kept_.insert(value); }
    bool keeps(ir::ValueId value) const { return kept_.count(value) != 0; }
    /// Since when the value is what it is: another number than before when it may have changed.
    uint64_t since(ir::ValueId value) const { return keeps(value) ? call_ : pass_; }
    /// Memory of one kernel for this many floats, which keeps them from pass to pass.
    float* own_memory(int64_t floats);
    /// Memory for this many floats, which all kernels share: a kernel cannot rely on its contents
    /// after another one has run. Its address stays valid.
    float* wide_memory(int64_t floats);
    /// Bytes of weights in other layouts, and of wide_memory and own_memory.
    int64_t layout_bytes() const;

    /// The library's session; null until a candidate needs it. contractions/onednn/session.h makes
    /// it.
    std::unique_ptr<LibrarySession>& library_session() { return session_; }

  private:
    Arena& arena_;
    TuningCache* tuning_;
    bool bf16_;
    uint64_t clock_ = 1, call_ = 1, pass_ = 1;
    std::set<ir::ValueId> kept_;
    /// The latest is the largest; kernels made earlier still use the others.
    std::vector<MemoryBlock> wide_;
    std::vector<MemoryBlock> own_;
    int64_t own_used_ = 0;  ///< bytes of the last one
    std::unique_ptr<LibrarySession> session_;
};

}  // namespace gmc::runtime

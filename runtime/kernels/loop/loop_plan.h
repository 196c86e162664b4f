// The program of a loop kernel: which actions run on which tiles, and in which order. It is made
// once, when the executable is bound; loop_kernel.cpp then runs it without looking at IR.
//
// A tile is a piece of the iteration space of about 1000 elements, which fits the first-level
// cache. A cell is where an action finds an operand or leaves a result: a tile in a thread's own
// memory, a place in a tensor, or a single number.
#pragma once

#include <deque>
#include <type_traits>
#include <vector>

#include "compiler/ir/module.h"
#include "runtime/kernels/loop/joined_tile.h"
#include "runtime/kernels/loop/loop_space.h"
#include "runtime/kernels/loop/loop_window.h"
#include "runtime/kernels/tile_function.h"
#include "runtime/kernels/tile_reduce.h"

namespace gmc::runtime {

/// The address `bytes` behind `base`, which moves by `step` bytes from pass to pass.
template <typename T>
T* in_pass(T* base, int64_t step, int64_t pass, int64_t bytes = 0) {
    using Byte = std::conditional_t<std::is_const_v<T>, const std::byte, std::byte>;
    return reinterpret_cast<T*>(reinterpret_cast<Byte*>(base) + step * pass + bytes);
}

/// Where an action finds an operand or leaves its result.
struct Cell {
    enum class Kind : uint8_t {
        kNumber,     ///< a number for the whole run, shared by all threads
        kRowNumber,  ///< a number that differs from row to row, per thread
        kRegister,   ///< a tile in the thread's own memory
        kSpace,      ///< a tensor over the whole space, in its own memory: the piece for this tile
        kOutside,    ///< a smaller tensor, in its own memory: the piece for this row and column
    };
    Kind kind = Kind::kRegister;
    bool is_number = false;
    int index = -1;                     ///< of the number or the register
    ir::DType dtype = ir::DType::kF32;  ///< of its elements
    float* base = nullptr;              ///< of kSpace and kOutside, in pass 0
    int64_t step = 0;                   ///< Buffers::step of these
    AccessMap map;                      ///< of kOutside

    /// The address of an element of kSpace and kOutside.
    float* at(int64_t element, int64_t pass) const {
        return in_pass(base, step, pass, element * ir::dtype_size(dtype));
    }
};

/// Repeats a smaller tensor into a register.
struct Expansion {
    const float* base = nullptr;
    int64_t step = 0;  ///< Buffers::step
    AccessMap map;
    int out = -1;
    TileFunction fill = nullptr;  ///< out[i] = in[0][0]
};

/// Copies what a tile shows of a slice or pad into a register, or of pads that are added and have
/// no place in common.
struct WindowCopy {
    const std::byte* from = nullptr;
    int64_t step = 0;  ///< Buffers::step
    Window window;
    size_t size = 0;  ///< bytes of an element
    /// The next one that the same action copies, over the zeros of this one; -1: none.
    int next = -1;
};

/// How a reduction takes in a tile, and where its result goes.
struct Reduction {
    ReduceFunctions functions;
    AccessMap map;  ///< of the result
    /// Not 0: the whole tile is reduced as rows of this width, a multiple of the result's size.
    int64_t period = 0;
    /// Each row in a tile gives an element of the result, without accumulators.
    bool row_by_row = false;
    float* result = nullptr;
    int64_t step = 0;  ///< Buffers::step of the result

    /// Whether rows of different outermost indices have different results.
    bool in_blocks() const {
        return !row_by_row && period == 0 && (map.mask & 1) != 0 && !map.sizes.empty();
    }
    int64_t accumulators() const { return row_by_row ? 0 : period != 0 ? period : map.elements; }
};

/// One call of a tile function, or of code for several joined ops; or one expansion, copy of a
/// window, or reduction.
struct Action {
    TileFunction function = nullptr;
    JoinedFunction joined = nullptr;
    const void* op = nullptr;
    const ir::OpVariant* source = nullptr;  ///< the op that `function` computes
    std::vector<int> out, in;  ///< cells; joined ops have several results, others at most one
    bool is_number = false;    ///< computes a single number
    int expansion = -1;
    int window = -1;
    int reduction = -1;
};

/// The whole program of a loop.
struct LoopPlan {
    LoopSpace space;
    std::deque<ir::OpVariant> ops;                  ///< owns what Action::op points to
    std::vector<std::shared_ptr<JoinedTile>> code;  ///< owns what Action::joined points to
    std::vector<Cell> cells;
    std::vector<Expansion> expansions;
    std::vector<WindowCopy> windows;
    std::vector<Reduction> reductions;
    std::vector<Action> run_actions;  ///< once per run, on numbers
    /// Once per thread: values that vary along the row only. They are the same in every tile where
    /// tiles are whole rows.
    std::vector<Action> thread_actions;
    std::vector<Action> tile_actions;  ///< for each tile
    int64_t cost = 0;                  ///< of the tile actions per element, in additions
    int numbers = 0, row_numbers = 0, registers = 0;
};

/// The plan for a `fused` op or a single op; GMC_CHECKs that it is one of those that
/// make_loop_kernel takes.
LoopPlan make_loop_plan(const ir::Function& function, const ir::Operation& operation,
                        const Buffers& buffers);

}  // namespace gmc::runtime

// Memory and a context in which candidates are tried. Nothing of the function that wants a kernel
// is touched, because its memory may hold the model's states.
#pragma once

#include <cstring>
#include <vector>

#include "runtime/contractions/candidate.h"
#include "runtime/kernels/bf16.h"
#include "runtime/kernels/philox.h"
#include "runtime/kernels/tile_cast.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {

inline int64_t elements_of(const ir::Shape& shape) {
    return ir::Type{ir::DType::kF32, shape}.elements();
}

/// Memory for two operands and a result, filled with numbers from -1 to 1. With `short_numbers`
/// bf16 represents them exactly.
class Operands {
  public:
    explicit Operands(const ConvProblem& p, bool short_numbers = true)
        : blocks_{{elements_of(p.x), p.x_type(), 0, short_numbers},
                  {elements_of(p.weights), p.weights_type(), 1, short_numbers},
                  {elements_of(p.y), p.y_type(), 2, short_numbers}} {}
    explicit Operands(const MatmulProblem& p, bool short_numbers = true)
        : blocks_{{p.a_elements(), p.operand_type, 0, short_numbers},
                  {p.b_elements(), p.operand_type, 1, short_numbers},
                  {p.c_elements(), p.result_type, 2, short_numbers}} {}

    ConvProblem of(ConvProblem p) const {
        p.x_data = block(0), p.weights_data = block(1), p.y_data = block(2);
        p.weights_value = ir::kNone;
        return p;
    }
    MatmulProblem of(MatmulProblem p) const {
        p.a = block(0), p.b = block(1), p.c = block(2);
        return p;
    }

    /// Leaves the caches as they are in a step: threads have written these operands, each its share
    /// of them, and have since read other memory. Without this, small operands would be in the
    /// caches of all threads that have read them, which favours kernels whose threads read the same
    /// weights. Large operands never are, so nothing is done for them. In a pass of a scan, what
    /// the pass before has read is still there: with `b_stays` only the others are written.
    void leave_caches(bool b_stays = false) const {
        constexpr int64_t kLarge = 16 << 20, kLine = 64, kLinesLeast = 256;
        constexpr int64_t kOther = 4 << 20;  // more than a second-level cache
        static const MemoryBlock other(kOther);
        const auto touch = [&](const MemoryBlock& memory, int64_t line, int64_t end, bool write) {
            for (; line < end; ++line) {
                volatile std::byte* byte = memory.data() + line * kLine;
                const std::byte value = *byte;
                if (write) *byte = value;
            }
        };
        for (const Block& block : blocks_)
            if (block.memory.bytes() <= kLarge && !(b_stays && &block == &blocks_[1]))
                run_parts(
                    block.memory.bytes() / kLine, kLinesLeast, thread_count(),
                    [&](int64_t line, int64_t end, int) { touch(block.memory, line, end, true); });
        if (b_stays) return;
        run_units(thread_count(), thread_count(),
                  [&](int64_t, int) { touch(other, 0, kOther / kLine, false); });
    }

  private:
    struct Block {
        Block(int64_t count, ir::DType type, uint32_t stream, bool short_numbers)
            : memory(count * ir::dtype_size(type)) {
            for (int64_t i = 0; i < count; ++i) {
                const float number =
                    2 * philox_uniform(philox_word(static_cast<uint64_t>(i), 0, stream, 1)) - 1;
                const uint16_t half = bf16_from_float(number);
                if (type == ir::DType::kBf16)
                    std::memcpy(memory.data() + 2 * i, &half, sizeof half);
                else
                    memory.floats()[i] = short_numbers ? float_from_bf16(half) : number;
            }
        }
        MemoryBlock memory;
    };
    float* block(size_t i) const { return blocks_[i].memory.floats(); }
    Block blocks_[3];
};

struct ResultMemory {
    float* data;
    int64_t count;
};
inline ResultMemory result_in(const ConvProblem& p) {
    if (p.direction == ConvProblem::Direction::kBackwardData) return {p.x_data, elements_of(p.x)};
    if (p.direction == ConvProblem::Direction::kBackwardWeights)
        return {p.weights_data, elements_of(p.weights)};
    return {p.y_data, elements_of(p.y)};
}
inline ResultMemory result_in(const MatmulProblem& p) { return {p.c, p.c_elements()}; }

template <typename Problem>
std::vector<float> result_of(const Problem& problem) {
    const ResultMemory result = result_in(problem);
    std::vector<float> floats(static_cast<size_t>(result.count));
    cast_elements(result.data, problem.result_type, floats.data(), ir::DType::kF32, result.count);
    return floats;
}

/// Where candidates run while they are tried. Nothing of the function's own context changes.
struct Workshop {
    explicit Workshop(bool bf16) : context(arena, nullptr, bf16) {}
    ir::Module nothing;
    Arena arena{nothing};
    ContractionContext context;
};

}  // namespace gmc::runtime

// A loop over the vectors of a tile, written with Xbyak: registers are given to slots in one pass
// over the ops, then the body is emitted twice, for whole vectors and for what is left of the tile.
#include "runtime/kernels/loop/joined_tile.h"

#if defined(__x86_64__)

#include <xbyak/xbyak.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <type_traits>

#include "runtime/kernels/tile_function.h"

namespace gmc::runtime {
namespace {

using Vector = Xbyak::Xmm;  // or a Ymm or Zmm, sliced: a register knows its width

template <class Op, class... Ops>
constexpr bool kIsOneOf = (std::is_same_v<Op, Ops> || ...);

template <class Op>
constexpr bool kCanJoin = kIsOneOf<Op, ir::Abs, ir::Add, ir::Cast, ir::Div, ir::Greater,
                                   ir::LeakyRelu, ir::Mul, ir::Neg, ir::Select, ir::Sqrt, ir::Sub>;

/// Of vcmpps, quiet.
enum Comparison : uint8_t {
    kEqual = 0x00,
    kUnordered = 0x03,
    kNotLessEqual = 0x16,
    kGreater = 0x1e
};

constexpr uint32_t kZero = 0, kOne = std::bit_cast<uint32_t>(1.0f), kSign = 0x80000000;
/// Of rounding to bf16, see kernels/bf16.h.
constexpr uint32_t kUpperHalf = 0xFFFF0000, kLowest = 1, kAlmostHalf = 0x7FFF, kQuiet = 0x400000;

/// Registers that hold the same all the time are taken from the end, those of slots from the
/// beginning.
class Registers {
  public:
    explicit Registers(int count) : end_(count) {}

    int fix() { return --end_; }
    int left() const { return end_ - next_; }
    /// -1 when there are none left.
    int take() {
        if (free_.empty()) return next_ < end_ ? next_++ : -1;
        const int index = free_.back();
        free_.pop_back();
        return index;
    }
    void give_back(int index) { free_.push_back(index); }

  private:
    int next_ = 0, end_;
    std::vector<int> free_;
};

/// One instruction of the body, or the few of an op. In registers all are f32, those of narrow
/// slots with nothing in the lower half; kRound makes that of a cast's operand.
struct Instruction {
    enum class Kind : uint8_t { kLoad, kOp, kRound, kStore };
    Kind kind = Kind::kOp;
    const ir::OpVariant* op = nullptr;
    int slot = -1;        ///< of kLoad and kStore
    int out = -1;         ///< a register; of kStore the one that is stored
    std::vector<int> in;  ///< registers
};

class Code final : public JoinedTile, private Xbyak::CodeGenerator {
  public:
    Code(std::span<const JoinedOp> ops, std::span<const int> stored, std::span<const int> narrow,
         bool wide)
        : CodeGenerator(kBytes + kBytesOfOp * ops.size(), Xbyak::DontSetProtectRWE),
          wide_(wide),
          narrow_(narrow.begin(), narrow.end()),
          registers_(wide ? 32 : 16) {
        for (int& scratch : scratch_) scratch = registers_.fix();
        enough_ = assign_fixed(ops) && assign(ops, stored) && assign_pointers();
    }

    /// False when there are too few registers, or memory may not become code.
    bool make() {
        if (!enough_) return false;
        emit();
        return setProtectModeRE(false);
    }

    JoinedFunction function() const override { return getCode<JoinedFunction>(); }

  private:
    static constexpr size_t kBytes = 1024, kBytesOfOp = 256;
    static constexpr int kSlotRegistersLeast = 4;

    // ---- registers ----

    bool assign_fixed(std::span<const JoinedOp> ops) {
        for (const JoinedOp& op : ops) {
            for (size_t j = 0; j < op.in.size(); ++j)
                if ((op.splat >> j & 1) != 0 && !numbers_.contains(op.in[j]))
                    numbers_[op.in[j]] = registers_.fix();
            std::visit([&](const auto& o) { add_constants(o); }, *op.op);
            if (rounds(op))
                for (uint32_t bits : {kUpperHalf, kLowest, kAlmostHalf, kQuiet}) add_constant(bits);
        }
        return registers_.left() >= kSlotRegistersLeast;
    }

    bool is_narrow(int slot) const { return narrow_.contains(slot); }
    bool rounds(const JoinedOp& op) const { return is_narrow(op.out) && !is_narrow(op.in[0]); }

    template <class Op>
    void add_constants(const Op&) {}
    void add_constants(const ir::Abs&) { add_constant(~kSign); }
    void add_constants(const ir::Neg&) { add_constant(kSign); }
    void add_constants(const ir::Greater&) { add_constant(kOne); }
    void add_constants(const ir::Select&) { add_constant(kZero); }
    void add_constants(const ir::LeakyRelu& op) {
        add_constant(kZero);
        add_constant(slope(op));
    }
    void add_constant(uint32_t bits) {
        if (!constants_.contains(bits)) constants_[bits] = registers_.fix();
    }
    static uint32_t slope(const ir::LeakyRelu& op) {
        return std::bit_cast<uint32_t>(static_cast<float>(op.slope));
    }

    bool assign(std::span<const JoinedOp> ops, std::span<const int> stored) {
        std::map<int, int> held;  // register by slot
        std::map<int, size_t> last_use;
        for (size_t i = 0; i < ops.size(); ++i)
            for (int slot : ops[i].in) last_use[slot] = i;
        for (size_t i = 0; i < ops.size(); ++i) {
            const JoinedOp& op = ops[i];
            Instruction compute{rounds(op) ? Instruction::Kind::kRound : Instruction::Kind::kOp,
                                op.op};
            for (int slot : op.in) {
                if (numbers_.contains(slot)) {
                    compute.in.push_back(numbers_[slot]);
                    continue;
                }
                if (!held.contains(slot)) {
                    held[slot] = registers_.take();
                    body_.push_back({Instruction::Kind::kLoad, nullptr, slot, held[slot]});
                    if (held[slot] < 0) return false;
                }
                compute.in.push_back(held[slot]);
            }
            for (int slot : op.in)
                if (last_use[slot] == i && held.contains(slot)) {
                    registers_.give_back(held[slot]);
                    held.erase(slot);
                }
            const int out = compute.out = registers_.take();
            if (out < 0) return false;
            body_.push_back(std::move(compute));
            if (std::find(stored.begin(), stored.end(), op.out) != stored.end())
                body_.push_back({Instruction::Kind::kStore, nullptr, op.out, out});
            if (last_use.contains(op.out))
                held[op.out] = out;
            else
                registers_.give_back(out);
        }
        return true;
    }

    bool assign_pointers() {
        const std::vector<Xbyak::Reg64> free{rdx, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15};
        for (const Instruction& i : body_)
            if (i.slot >= 0 && !pointers_.contains(i.slot)) {
                if (pointers_.size() == free.size()) return false;
                pointers_.emplace(i.slot, free[pointers_.size()]);
            }
        return true;
    }

    // ---- code ----

    Vector vector(int index) const {
        if (wide_) return Xbyak::Zmm(index);
        return Xbyak::Ymm(index);
    }
    Vector constant(uint32_t bits) const { return vector(constants_.at(bits)); }
    int lanes() const { return wide_ ? 16 : 8; }

    /// void f(float* const* pointers, size_t count), by the System V convention: rdi and rsi.
    void emit() {
        const std::vector<Xbyak::Reg64> saved{rbx, rbp, r12, r13, r14, r15};
        for (const Xbyak::Reg64& r : saved) push(r);
        for (const auto& [slot, index] : numbers_) {
            mov(rax, ptr[rdi + 8 * slot]);
            vbroadcastss(vector(index), ptr[rax]);
        }
        std::map<uint32_t, Xbyak::Label> literals;
        for (const auto& [bits, index] : constants_)
            vbroadcastss(vector(index), ptr[rip + literals[bits]]);
        for (const auto& [slot, pointer] : pointers_) mov(pointer, ptr[rdi + 8 * slot]);

        Xbyak::Label loop, rest, end, masks;
        xor_(eax, eax);
        mov(rcx, rsi);
        and_(rcx, -lanes());
        jz(rest, T_NEAR);
        L(loop);
        emit_body(false);
        add(rax, lanes());
        cmp(rax, rcx);
        jb(loop, T_NEAR);
        L(rest);
        mov(rcx, rsi);
        sub(rcx, rax);
        jz(end, T_NEAR);
        if (wide_) {
            mov(edi, 1);
            shlx(edi, edi, ecx);
            dec(edi);
            kmovw(k7, edi);
        } else {
            lea(rdi, ptr[rip + masks]);
            neg(rcx);
            vmovups(vector(scratch_[2]), ptr[rdi + rcx * 4 + 4 * lanes()]);
        }
        emit_body(true);
        L(end);
        for (auto r = saved.rbegin(); r != saved.rend(); ++r) pop(*r);
        vzeroupper();
        ret();
        align(4);
        for (auto& [bits, label] : literals) {
            L(label);
            dd(bits);
        }
        L(masks);
        for (int i = 0; i < 2 * lanes(); ++i) dd(i < lanes() ? ~0u : 0u);
    }

    void emit_body(bool masked) {
        for (const Instruction& i : body_) {
            switch (i.kind) {
                case Instruction::Kind::kLoad:
                    load(vector(i.out), i.slot, masked);
                    break;
                case Instruction::Kind::kStore:
                    store(vector(i.out), i.slot, masked);
                    break;
                case Instruction::Kind::kOp:
                    std::visit([&](const auto& op) { compute(op, vector(i.out), i.in); }, *i.op);
                    break;
                case Instruction::Kind::kRound:
                    round(vector(i.out), vector(i.in[0]));
                    break;
            }
        }
    }

    Xbyak::Address element(int slot) const {
        return ptr[pointers_.at(slot) + rax * (is_narrow(slot) ? 2 : 4)];
    }

    void load(const Vector& out, int slot, bool masked) {
        if (is_narrow(slot)) {
            if (masked)
                vpmovzxwd(out | k7 | T_z, element(slot));
            else
                vpmovzxwd(out, element(slot));
            vpslld(out, out, 16);
        } else if (!masked)
            vmovups(out, element(slot));
        else if (wide_)
            vmovups(out | k7 | T_z, element(slot));
        else
            vmaskmovps(out, vector(scratch_[2]), element(slot));
    }

    void store(const Vector& from, int slot, bool masked) {
        if (is_narrow(slot)) {
            const Vector half = vector(scratch_[0]);
            vpsrld(half, from, 16);
            if (masked)
                vpmovdw(element(slot) | k7, half);
            else
                vpmovdw(element(slot), half);
        } else if (!masked)
            vmovups(element(slot), from);
        else if (wide_)
            vmovups(element(slot) | k7, from);
        else
            vmaskmovps(element(slot), vector(scratch_[2]), from);
    }

    // `out` may be one of the operands.

    /// To the nearest bf16, ties to even; NaN becomes quiet.
    void round(const Vector& out, const Vector& x) {
        const Vector rounded = vector(scratch_[0]), quiet = vector(scratch_[1]);
        vpsrld(rounded, x, 16);
        vpandd(rounded, rounded, constant(kLowest));
        vpaddd(rounded, rounded, x);
        vpaddd(rounded, rounded, constant(kAlmostHalf));
        vpord(quiet, x, constant(kQuiet));
        vcmpps(k1, x, x, kUnordered);
        vblendmps(out | k1, rounded, quiet);
        vpandd(out, out, constant(kUpperHalf));
    }

    using Operands = std::vector<int>;
    template <class Op>
    void compute(const Op&, const Vector&, const Operands&) {
        static_assert(!kCanJoin<Op>, "no code for an op that can be joined");
    }
    void compute(const ir::Add&, const Vector& out, const Operands& in) {
        vaddps(out, vector(in[0]), vector(in[1]));
    }
    void compute(const ir::Sub&, const Vector& out, const Operands& in) {
        vsubps(out, vector(in[0]), vector(in[1]));
    }
    void compute(const ir::Mul&, const Vector& out, const Operands& in) {
        vmulps(out, vector(in[0]), vector(in[1]));
    }
    void compute(const ir::Div&, const Vector& out, const Operands& in) {
        vdivps(out, vector(in[0]), vector(in[1]));
    }
    void compute(const ir::Sqrt&, const Vector& out, const Operands& in) {
        vsqrtps(out, vector(in[0]));
    }
    void compute(const ir::Abs&, const Vector& out, const Operands& in) {
        vandps(out, vector(in[0]), constant(~kSign));
    }
    void compute(const ir::Neg&, const Vector& out, const Operands& in) {
        vxorps(out, vector(in[0]), constant(kSign));
    }
    void compute(const ir::Cast&, const Vector& out, const Operands& in) {
        vmovaps(out, vector(in[0]));
    }
    void compute(const ir::Greater&, const Vector& out, const Operands& in) {
        compare(kGreater, vector(in[0]), vector(in[1]));
        keep(out, constant(kOne));
    }
    void compute(const ir::Select&, const Vector& out, const Operands& in) {
        compare(kEqual, vector(in[0]), constant(kZero));
        blend(out, vector(in[1]), vector(in[2]));
    }
    void compute(const ir::LeakyRelu& op, const Vector& out, const Operands& in) {
        const Vector x = vector(in[0]), falling = vector(scratch_[1]);
        if (op.slope == 0) {  // 0 * -inf would be NaN, and NaN stays
            compare(kNotLessEqual, x, constant(kZero));
            keep(out, x);
            return;
        }
        vmulps(falling, x, constant(slope(op)));
        compare(kGreater, x, constant(kZero));
        blend(out, falling, x);
    }

    /// Into k1, or all bits of the lanes of scratch_[0].
    void compare(Comparison how, const Vector& a, const Vector& b) {
        if (wide_)
            vcmpps(k1, a, b, how);
        else
            vcmpps(vector(scratch_[0]), a, b, how);
    }
    /// out = x where the comparison holds, else 0.
    void keep(const Vector& out, const Vector& x) {
        if (wide_)
            vmovaps(out | k1 | T_z, x);
        else
            vandps(out, vector(scratch_[0]), x);
    }
    /// out = b where the comparison holds, else a.
    void blend(const Vector& out, const Vector& a, const Vector& b) {
        if (wide_)
            vblendmps(out | k1, a, b);
        else
            vblendvps(out, a, b, vector(scratch_[0]));
    }

    bool wide_;
    std::set<int> narrow_;  ///< slots
    Registers registers_;
    bool enough_ = false;
    int scratch_[3] =
        {};  ///< of an op's comparison and product, and the mask of the rest where it is a vector
    std::map<int, int> numbers_;            ///< registers of splats, by slot
    std::map<uint32_t, int> constants_;     ///< registers, by bits
    std::map<int, Xbyak::Reg64> pointers_;  ///< by slot
    std::vector<Instruction> body_;
};

}  // namespace

bool can_join(const ir::OpVariant& op) {
    return vector_bits() >= 256 &&
           std::visit([](const auto& o) { return kCanJoin<std::decay_t<decltype(o)>>; }, op);
}

bool can_join_bf16() { return vector_bits() == 512; }

std::unique_ptr<JoinedTile> join_ops(std::span<const JoinedOp> ops, std::span<const int> stored,
                                     std::span<const int> narrow) {
    try {
        auto code = std::make_unique<Code>(ops, stored, narrow, vector_bits() == 512);
        if (code->make()) return code;
    } catch (const Xbyak::Error&) {
        // No memory for code: the tile functions do the same.
    }
    return nullptr;
}

}  // namespace gmc::runtime

#else

namespace gmc::runtime {

bool can_join(const ir::OpVariant&) { return false; }
bool can_join_bf16() { return false; }
std::unique_ptr<JoinedTile> join_ops(std::span<const JoinedOp>, std::span<const int>,
                                     std::span<const int>) {
    return nullptr;
}

}  // namespace gmc::runtime

#endif

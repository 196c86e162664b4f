// Writes machine code for joined ops with Xbyak, an assembler that is a C++ header. It makes two
// passes. The first (assign) goes over the ops and gives each cell a vector register while it is
// needed: a cell is loaded at its first use, and its register is free after its last. The second
// (emit) writes the loop. Its body is written twice: for whole vectors, and with masks for the
// elements that are left at the end of the tile.
//     mul a, b -> c;  add c, d -> e (stored)      load v0 = a    load v1 = b    v0 = v0 * v1
//                                                load v1 = d    v0 = v0 + v1   store v0
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

// Holds a Ymm or a Zmm: Xbyak's registers know their width, so that the base class is enough.
using Vector = Xbyak::Xmm;

template <class Op, class... Ops>
constexpr bool kIsOneOf = (std::is_same_v<Op, Ops> || ...);

/// Ops of one or two instructions. Longer ones would gain little by staying in registers.
template <class Op>
constexpr bool kCanJoin = kIsOneOf<Op, ir::Abs, ir::Add, ir::Cast, ir::Div, ir::Greater,
                                   ir::LeakyRelu, ir::Mul, ir::Neg, ir::Select, ir::Sqrt, ir::Sub>;

/// Predicates of the instruction vcmpps, in their quiet forms: a NaN raises no exception.
enum Comparison : uint8_t {
    kEqual = 0x00,
    kUnordered = 0x03,
    kNotLessEqual = 0x16,
    kGreater = 0x1e
};

constexpr uint32_t kZero = 0, kOne = std::bit_cast<uint32_t>(1.0f), kSign = 0x80000000;
/// Bit patterns for rounding to bf16 (the formula is in kernels/bf16.h).
constexpr uint32_t kUpperHalf = 0xFFFF0000, kLowest = 1, kAlmostHalf = 0x7FFF, kQuiet = 0x400000;

/// Hands out the vector registers of a processor. Constants keep theirs for the whole loop and take
/// them from the end (fix); cells take theirs from the beginning and give them back.
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

/// One machine instruction of the body, or the few that an op takes. Registers hold f32. A bf16 is
/// held as the f32 of the same value, whose lower 16 bits are 0; kRound rounds an f32 to that form.
struct Instruction {
    enum class Kind : uint8_t { kLoad, kOp, kRound, kStore };
    Kind kind = Kind::kOp;
    const ir::OpVariant* op = nullptr;
    int cell = -1;        ///< of kLoad and kStore
    int out = -1;         ///< a register; of kStore the one that is stored
    std::vector<int> in;  ///< registers
};

/// The code of some ops. `wide` chooses AVX-512 (32 registers of 16 lanes, masks) over AVX2 (16 of
/// 8).
class Code final : public JoinedTile, private Xbyak::CodeGenerator {
  public:
    Code(std::span<const JoinedOp> ops, std::span<const int> stored, std::span<const int> bf16,
         bool wide)
        : CodeGenerator(kBytes + kBytesOfOp * ops.size(), Xbyak::DontSetProtectRWE),
          wide_(wide),
          bf16_cells_(bf16.begin(), bf16.end()),
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
    /// Room for the code: the frame around the loop, and per op, which takes at most a dozen
    /// instructions in each of the two bodies.
    static constexpr size_t kBytes = 1024, kBytesOfOp = 256;
    /// Registers that must be left for cells: three operands and a result.
    static constexpr int kCellRegistersLeast = 4;

    // ---- registers ----

    /// Gives splats and constants a register for the whole loop. False: too few are left for cells.
    bool assign_fixed(std::span<const JoinedOp> ops) {
        for (const JoinedOp& op : ops) {
            for (size_t j = 0; j < op.in.size(); ++j)
                if ((op.splat >> j & 1) != 0 && !numbers_.contains(op.in[j]))
                    numbers_[op.in[j]] = registers_.fix();
            std::visit([&](const auto& o) { add_constants(o); }, *op.op);
            if (rounds(op))
                for (uint32_t bits : {kUpperHalf, kLowest, kAlmostHalf, kQuiet}) add_constant(bits);
        }
        return registers_.left() >= kCellRegistersLeast;
    }

    bool is_bf16(int cell) const { return bf16_cells_.contains(cell); }
    bool rounds(const JoinedOp& op) const { return is_bf16(op.out) && !is_bf16(op.in[0]); }

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

    /// Fills `body_` with loads, ops and stores, and gives each cell a register from its first use
    /// to its last. An op's operands give theirs back before its result takes one, so that it may
    /// be the same. False: too few registers.
    bool assign(std::span<const JoinedOp> ops, std::span<const int> stored) {
        std::map<int, int> held;  // register by cell
        std::map<int, size_t> last_use;
        for (size_t i = 0; i < ops.size(); ++i)
            for (int cell : ops[i].in) last_use[cell] = i;
        for (size_t i = 0; i < ops.size(); ++i) {
            const JoinedOp& op = ops[i];
            Instruction compute{rounds(op) ? Instruction::Kind::kRound : Instruction::Kind::kOp,
                                op.op};
            for (int cell : op.in) {
                if (numbers_.contains(cell)) {
                    compute.in.push_back(numbers_[cell]);
                    continue;
                }
                if (!held.contains(cell)) {
                    held[cell] = registers_.take();
                    body_.push_back({Instruction::Kind::kLoad, nullptr, cell, held[cell]});
                    if (held[cell] < 0) return false;
                }
                compute.in.push_back(held[cell]);
            }
            for (int cell : op.in)
                if (last_use[cell] == i && held.contains(cell)) {
                    registers_.give_back(held[cell]);
                    held.erase(cell);
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

    /// Gives each cell that is loaded or stored a general register for its address. False: too few.
    bool assign_pointers() {
        const std::vector<Xbyak::Reg64> free{rdx, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15};
        for (const Instruction& i : body_)
            if (i.cell >= 0 && !pointers_.contains(i.cell)) {
                if (pointers_.size() == free.size()) return false;
                pointers_.emplace(i.cell, free[pointers_.size()]);
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
        for (const auto& [cell, index] : numbers_) {
            mov(rax, ptr[rdi + 8 * cell]);
            vbroadcastss(vector(index), ptr[rax]);
        }
        std::map<uint32_t, Xbyak::Label> literals;
        for (const auto& [bits, index] : constants_)
            vbroadcastss(vector(index), ptr[rip + literals[bits]]);
        for (const auto& [cell, pointer] : pointers_) mov(pointer, ptr[rdi + 8 * cell]);

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
                    load(vector(i.out), i.cell, masked);
                    break;
                case Instruction::Kind::kStore:
                    store(vector(i.out), i.cell, masked);
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

    Xbyak::Address element(int cell) const {
        return ptr[pointers_.at(cell) + rax * (is_bf16(cell) ? 2 : 4)];
    }

    void load(const Vector& out, int cell, bool masked) {
        if (is_bf16(cell)) {
            if (masked)
                vpmovzxwd(out | k7 | T_z, element(cell));
            else
                vpmovzxwd(out, element(cell));
            vpslld(out, out, 16);
        } else if (!masked)
            vmovups(out, element(cell));
        else if (wide_)
            vmovups(out | k7 | T_z, element(cell));
        else
            vmaskmovps(out, vector(scratch_[2]), element(cell));
    }

    void store(const Vector& from, int cell, bool masked) {
        if (is_bf16(cell)) {
            const Vector half = vector(scratch_[0]);
            vpsrld(half, from, 16);
            if (masked)
                vpmovdw(element(cell) | k7, half);
            else
                vpmovdw(element(cell), half);
        } else if (!masked)
            vmovups(element(cell), from);
        else if (wide_)
            vmovups(element(cell) | k7, from);
        else
            vmaskmovps(element(cell), vector(scratch_[2]), from);
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
        if (op.slope == 0) {  // a product would make NaN of -inf; a NaN stays NaN
            compare(kNotLessEqual, x, constant(kZero));
            keep(out, x);
            return;
        }
        vmulps(falling, x, constant(slope(op)));
        compare(kGreater, x, constant(kZero));
        blend(out, falling, x);
    }

    /// The result is in k1 (AVX-512), or sets all bits of the lanes of scratch_[0] where it is
    /// true.
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
    std::set<int> bf16_cells_;  ///< cells
    Registers registers_;
    bool enough_ = false;
    /// Registers for the steps within one op (its comparison, its product); the third one holds the
    /// mask for the end of the tile where masks are vectors (AVX2).
    int scratch_[3] = {};
    std::map<int, int> numbers_;            ///< registers of splats, by cell
    std::map<uint32_t, int> constants_;     ///< registers, by bits
    std::map<int, Xbyak::Reg64> pointers_;  ///< by cell
    std::vector<Instruction> body_;
};

}  // namespace

bool can_join(const ir::OpVariant& op) {
    return vector_bits() >= 256 &&
           std::visit([](const auto& o) { return kCanJoin<std::decay_t<decltype(o)>>; }, op);
}

bool can_join_bf16() { return vector_bits() == 512; }

std::unique_ptr<JoinedTile> join_ops(std::span<const JoinedOp> ops, std::span<const int> stored,
                                     std::span<const int> bf16) {
    try {
        auto code = std::make_unique<Code>(ops, stored, bf16, vector_bits() == 512);
        if (code->make()) return code;
    } catch (const Xbyak::Error&) {
        // There is no memory for code. The caller runs the tile functions, which compute the same.
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

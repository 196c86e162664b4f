// Chooses values, makes them fit, and keeps their facts.
#include "tests/numeric/random_graph/random_graph_maker.h"

#include <algorithm>
#include <cmath>

namespace gmc::tests {
namespace {

/// Values are scaled down beyond this, so that products and exponentials of them stay small.
constexpr double kLargestSize = 4;
/// In units of 2^-24, relative to 1: about 3e-5, which the tolerance of the tests still holds.
constexpr double kLargestError = 500;

/// Whether differences across an op of this kind make sense.
template <typename Op>
constexpr bool is_smooth(const Op&) {
    return !Op::kInfo.has(ir::kNoGradient) || Op::kInfo.has(ir::kGenerator) ||
           Op::kInfo.has(ir::kRuntimeScalar);
}
constexpr bool is_smooth(const ir::Abs&) { return false; }
constexpr bool is_smooth(const ir::Cast&) { return false; }
constexpr bool is_smooth(const ir::LeakyRelu&) { return false; }
constexpr bool is_smooth(const ir::Maximum&) { return false; }
constexpr bool is_smooth(const ir::Minimum&) { return false; }
constexpr bool is_smooth(const ir::ReduceMax&) { return false; }

using Grow = bool (*)(GraphMaker&);

template <typename Op>
bool grow_op(GraphMaker& g, const Op& op) {
    constexpr bool kNumberByNumber = Op::kInfo.has(ir::kElementwise) ||
                                     Op::kInfo.has(ir::kGenerator) ||
                                     Op::kInfo.has(ir::kRuntimeScalar);
    return kNumberByNumber ? grow_elementwise(g, op) : grow_other(g, op);
}

std::vector<Grow> growers(bool smooth_only) {
    std::vector<Grow> all = {grow_normalisation, grow_softmax, grow_dropout, grow_descent,
                             grow_shared_weights};
#define GMC_OP(Name)                           \
    if (!smooth_only || is_smooth(ir::Name{})) \
        all.push_back([](GraphMaker& g) { return grow_op(g, ir::Name{}); });
#include "compiler/ir/op_kind.def"
#undef GMC_OP
    return all;
}

}  // namespace

double Facts::size() const { return std::fmax(std::fabs(low), std::fabs(high)); }

ir::Shape GraphMaker::random_shape(int64_t lowest_rank) {
    const int64_t rank = random.integer(lowest_rank, 4);
    ir::Shape shape;
    for (int64_t axis = 0; axis < rank; ++axis) {
        const int64_t room = most_elements() / product(shape);
        shape.push_back(random.integer(1, std::min<int64_t>(room, is_large() ? 70 : 5)));
    }
    return shape;
}

ir::ValueId GraphMaker::note(ir::ValueId value, const Facts& facts) {
    facts_.resize(b.function().values.size());
    facts_[static_cast<size_t>(value)] = facts;
    pool_.push_back(value);
    return value;
}

bool GraphMaker::keep(ir::ValueId value, Facts facts) {
    note(value, facts);
    const double excess = std::fmax(facts.size() / kLargestSize, facts.error / kLargestError);
    if (excess <= 1) return true;
    pool_.pop_back();
    const double factor = std::exp2(-std::ceil(std::log2(excess)));
    note(b.scale(value, factor),
         {facts.low * factor, facts.high * factor, facts.error * factor, facts.exact});
    return true;
}

ir::ValueId GraphMaker::moved(ir::ValueId value, ir::ValueId from) {
    return value == from ? value : note(value, facts(from));
}

ir::ValueId GraphMaker::any(const Wanted& wanted) {
    std::vector<ir::ValueId> found;
    for (ir::ValueId value : pool_)
        if (!wanted || wanted(value)) found.push_back(value);
    if (found.empty()) return ir::kNone;
    const double back = random.unit();
    return found[found.size() - 1 -
                 static_cast<size_t>(back * back * static_cast<double>(found.size()))];
}

ir::ValueId GraphMaker::any_exact() {
    return any([&](ir::ValueId v) { return facts(v).exact; });
}

ir::ValueId GraphMaker::like(const ir::Shape& wanted) {
    const ir::ValueId same = any([&](ir::ValueId v) { return shape(v) == wanted; });
    return same != ir::kNone && random.chance(0.7) ? same : fitted(any(), wanted);
}

ir::ValueId GraphMaker::like_exact(const ir::Shape& wanted) {
    const ir::ValueId same =
        any([&](ir::ValueId v) { return facts(v).exact && shape(v) == wanted; });
    return same != ir::kNone && random.chance(0.7) ? same : fitted(any_exact(), wanted);
}

ir::ValueId GraphMaker::fitted(ir::ValueId x, const ir::Shape& wanted) {
    const int64_t have = product(shape(x)), want = product(wanted);
    if (have == 1 && random.chance(0.7))
        return moved(b.splat(moved(b.reshape(x, {}), x), wanted), x);
    ir::ValueId flat = moved(b.reshape(x, {have}), x);
    if (have > want) {
        const int64_t start = random.integer(0, have - want);
        flat = moved(b.emit(ir::Slice{{start}, {start + want}}, {flat}), flat);
    } else if (have < want) {
        const int64_t before = random.integer(0, want - have);
        const Facts padded{std::fmin(facts(x).low, 0), std::fmax(facts(x).high, 0), facts(x).error,
                           facts(x).exact};
        flat = note(b.emit(ir::Pad{{before}, {want - have - before}}, {flat}), padded);
    }
    return moved(b.reshape(flat, wanted), flat);
}

ir::ValueId GraphMaker::positive(ir::ValueId x) {
    const Facts f = facts(x);
    if (f.low >= 0.25) return x;
    const double term = std::ceil((0.5 - f.low) * 8) / 8;
    return note(b.offset(x, term), {f.low + term, f.high + term, f.error + f.size() + term, false});
}

void GraphMaker::grow_to(int operations) {
    const std::vector<Grow> all = growers(options_.smooth);
    while (b.function().operations.size() < static_cast<size_t>(operations)) {
        random.pick(all)(*this);
        if (random.chance(0.05)) repeat_an_op();
    }
}

/// Repeats an op, with the operands of a commutative one swapped: work for the pass cse.
void GraphMaker::repeat_an_op() {
    if (b.function().operations.empty()) return;
    ir::Operation op = random.pick(b.function().operations);
    // Nothing is known about the values inside a pattern.
    if (std::find(pool_.begin(), pool_.end(), op.result()) == pool_.end()) return;
    if (op.info().has(ir::kCommutative)) std::swap(op.operands[0], op.operands[1]);
    moved(b.emit_typed(op.op, op.operands, b.type(op.result())), op.result());
}

}  // namespace gmc::tests

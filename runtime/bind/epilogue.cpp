// All by address: the memory plan has made in-place results, views and reshapes of values that the
// IR keeps apart.
#include "runtime/bind/epilogue.h"

#include <algorithm>
#include <numeric>

#include "runtime/kernels/loop/loop.h"

namespace gmc::runtime {
namespace {

/// So many operations that a loop waits for may move with it: the step's number and what is made
/// of it, for an optimizer.
constexpr size_t kEarlierMost = 4;

/// The bytes of a value.
struct Range {
    const std::byte* begin = nullptr;
    int64_t bytes = 0;
    bool overlaps(const Range& other) const {
        return begin < other.begin + other.bytes && other.begin < begin + bytes;
    }
    friend bool operator==(const Range&, const Range&) = default;
};

struct Footprint {
    std::vector<Range> reads, writes;
};

bool overlap(const std::vector<Range>& a, const std::vector<Range>& b) {
    return std::any_of(a.begin(), a.end(), [&](const Range& x) {
        return std::any_of(b.begin(), b.end(), [&](const Range& y) { return x.overlaps(y); });
    });
}

/// Whether two operations give the same whichever runs first.
bool independent(const Footprint& a, const Footprint& b) {
    return !overlap(a.writes, b.writes) && !overlap(a.writes, b.reads) &&
           !overlap(a.reads, b.writes);
}

class Finder {
  public:
    Finder(const ir::Function& function, const Buffers& buffers)
        : function_(function), buffers_(buffers), schedule_(plain_schedule(function)) {
        for (const ir::Operation& op : function.operations) footprints_.push_back(footprint(op));
    }

    Schedule find() {
        for (size_t i = 0; i < function_.operations.size(); ++i)
            if (function_.operations[i].info().has(ir::kContraction)) add_loop_of(i);
        return std::move(schedule_);
    }

  private:
    using Position = std::vector<size_t>::iterator;

    Range range(ir::ValueId value) const {
        return {reinterpret_cast<const std::byte*>(buffers_.data(value)),
                function_.type(value).bytes()};
    }

    Footprint footprint(const ir::Operation& op) const {
        Footprint out;
        for (ir::ValueId value : op.operands) out.reads.push_back(range(value));
        for (ir::ValueId value : op.results) out.writes.push_back(range(value));
        // A reshape within the same memory.
        if (op.as<ir::Reshape>() != nullptr && out.reads.front() == out.writes.front()) return {};
        return out;
    }

    int64_t space_elements(const ir::Operation& loop) const {
        if (const auto* fused = loop.as<ir::Fused>())
            return ir::Type{ir::DType::kF32, fused->space}.elements();
        const bool reduction = loop.info().has(ir::kReduction);
        return function_.type(reduction ? loop.operands[0] : loop.result()).elements();
    }

    /// Whether `loop` reads, at each point of its space, at most this one element of the
    /// contraction's result. A single number is read before the first point.
    bool reads_in_order(const ir::Operation& loop, ir::ValueId result) const {
        const Range whole = range(result);
        if (function_.type(result).elements() == 1) return false;
        if (space_elements(loop) != function_.type(result).elements()) return false;
        const auto broadcast = [&](const ir::Operation& op) {
            return op.as<ir::Broadcast>() != nullptr && range(op.operands[0]).overlaps(whole);
        };
        if (broadcast(loop) || std::any_of(loop.body.begin(), loop.body.end(), broadcast))
            return false;
        return std::all_of(loop.operands.begin(), loop.operands.end(), [&](ir::ValueId value) {
            const Range read = range(value);
            return read == whole || !read.overlaps(whole);
        });
    }

    /// In place or elsewhere.
    bool writes_in_order(const Footprint& loop, const Range& result) const {
        return std::all_of(loop.writes.begin(), loop.writes.end(), [&](const Range& written) {
            return written == result || !written.overlaps(result);
        });
    }

    void add_loop_of(size_t contraction) {
        const Footprint& mine = footprints_[contraction];
        const Position from =
            std::find(schedule_.order.begin(), schedule_.order.end(), contraction);
        const Position to = std::find_if(from + 1, schedule_.order.end(), [&](size_t i) {
            return overlap(footprints_[i].reads, mine.writes);
        });
        if (to == schedule_.order.end()) return;
        if (follows(*to)) return;
        const ir::Operation& loop = function_.operations[*to];
        const Footprint& its = footprints_[*to];
        if (!is_loop_op(loop.op) ||
            !reads_in_order(loop, function_.operations[contraction].result()) ||
            !writes_in_order(its, mine.writes.front()) || overlap(its.writes, mine.reads))
            return;
        for (Position meeting = from + 1;; ++meeting) {
            // Nothing comes between a contraction and what follows it.
            if (!follows(*meeting) && bring_together(from, meeting, to)) return;
            if (meeting == to || !independent(footprints_[*meeting], mine)) return;
        }
    }

    /// Puts the contraction at `from` before `meeting`, and the loop at `to` behind it, where the
    /// loop and what it waits for may run that early.
    bool bring_together(Position from, Position meeting, Position to) {
        std::vector<size_t> earlier, moved{*to}, later;
        for (Position at = to; at-- != meeting;) {
            const Footprint& its = footprints_[*at];
            if (std::all_of(moved.begin(), moved.end(),
                            [&](size_t i) { return independent(footprints_[i], its); })) {
                later.push_back(*at);
                continue;
            }
            moved.push_back(*at);
            earlier.push_back(*at);
            if (earlier.size() > kEarlierMost || follows(*at) ||
                function_.operations[*at].info().has(ir::kContraction) ||
                !independent(its, footprints_[*from]))
                return false;
        }
        const size_t contraction = *from, loop = *to;
        Position out = std::move(from + 1, meeting, from);
        out = std::copy(earlier.rbegin(), earlier.rend(), out);
        *out++ = contraction;
        *out++ = loop;
        std::copy(later.rbegin(), later.rend(), out);
        schedule_.loop[contraction] = loop;
        return true;
    }

    bool follows(size_t i) const {
        const auto& loops = schedule_.loop;
        return std::find(loops.begin(), loops.end(), i) != loops.end();
    }

    const ir::Function& function_;
    const Buffers& buffers_;
    std::vector<Footprint> footprints_;
    Schedule schedule_;
};

}  // namespace

Schedule plain_schedule(const ir::Function& function) {
    Schedule schedule;
    schedule.order.resize(function.operations.size());
    std::iota(schedule.order.begin(), schedule.order.end(), size_t{0});
    schedule.loop.assign(function.operations.size(), kNoLoop);
    return schedule;
}

Schedule find_epilogues(const ir::Function& function, const Buffers& buffers) {
    return Finder(function, buffers).find();
}

}  // namespace gmc::runtime

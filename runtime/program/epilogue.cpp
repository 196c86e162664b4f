// Finds the loops that kernels of contractions run over their results, and an order in which each
// such loop stands right behind its contraction. Dependences are found by address, not by value: in
// the IR each value is separate, but the memory plan has put results over operands, parts inside
// wholes, and new states over old ones. Two operations may change places only when the bytes they
// touch allow it.
//     conv -> %y;  mean of %z;  loop over %y   ->   mean of %z;  conv -> %y, with the loop as epilogue
#include "runtime/program/epilogue.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "compiler/ir/views.h"

namespace gmc::runtime {
namespace {

/// A loop may need operations that stand between it and the contraction, e.g. an optimizer needs
/// the step's number and what is calculated from it. At most this many are moved ahead with it.
constexpr size_t kEarlierMost = 4;

/// A range of so many bytes overlaps every other.
constexpr int64_t kEverything = std::numeric_limits<int64_t>::max();

/// The bytes of a value, or of a part of one.
struct Range {
    const std::byte* begin = nullptr;
    int64_t bytes = 0;
    bool overlaps(const Range& other) const {
        return begin < other.begin + other.bytes && other.begin < begin + bytes;
    }
    friend bool operator==(const Range&, const Range&) = default;
};

/// The memory that an operation reads and writes.
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

/// What is put in order: an operation, or a part of a loop that may run on its own.
struct Item {
    size_t operation = 0;
    LoopPart part;           ///< empty: the whole operation, or what is left beside its parts
    bool has_parts = false;  ///< other items are parts of this loop
    Footprint footprint;
    bool is_part() const { return part.elements() > 0; }
};

/// Puts the operations of one function into an order, contraction by contraction. `order_` holds
/// items and changes as pairs are brought together; `follows_` marks items that must stay behind
/// their contraction.
class Scheduler {
  public:
    Scheduler(const ir::Function& function, const Buffers& buffers)
        : function_(function), buffers_(buffers), schedule_(plain_schedule(function)) {
        maker_.assign(function.values.size(), nullptr);
        readers_.assign(function.values.size(), {});
        for (const ir::Operation& op : function.operations) {
            for (ir::ValueId v : op.results) maker_[v] = &op;
            for (ir::ValueId v : op.operands) readers_[v].push_back(&op);
        }
        for (const ir::NamedValue& result : function.results)
            readers_[result.value].push_back(nullptr);
        for (const ir::Update& update : function.updates) readers_[update.value].push_back(nullptr);
        for (size_t i = 0; i < function.operations.size(); ++i) add_items(i);
        order_.resize(items_.size());
        std::iota(order_.begin(), order_.end(), size_t{0});
        follows_.assign(items_.size(), false);
    }

    Schedule find() {
        for (size_t i : contractions()) add_loop_of(i);
        schedule_.order.clear();
        for (size_t i : order_)
            if (!items_[i].is_part()) schedule_.order.push_back(items_[i].operation);
        return std::move(schedule_);
    }

  private:
    using Position = std::vector<size_t>::iterator;

    const ir::Operation& operation(size_t item) const {
        return function_.operations[items_[item].operation];
    }

    // ---- memory ----

    Range range(ir::ValueId value) const {
        return {reinterpret_cast<const std::byte*>(buffers_.data(value)),
                function_.type(value).bytes()};
    }

    /// The bytes of a value that a part of a loop touches. A single number is read by every part.
    Range range(ir::ValueId value, const LoopPart& part) const {
        const Range whole = range(value);
        const ir::Type& type = function_.type(value);
        if (type.elements() == 1) return whole;
        const int64_t size = ir::dtype_size(type.dtype);
        return {whole.begin + part.begin * size, part.elements() * size};
    }

    Footprint footprint(const ir::Operation& op) const {
        Footprint out;
        for (ir::ValueId value : op.operands) out.reads.push_back(range(value));
        for (ir::ValueId value : op.results) out.writes.push_back(range(value));
        if (op.as<ir::Pack>() != nullptr) return footprint_of_pack(op);
        // A scan also writes its workspace, whose place is not known here. So it counts as writing
        // all of memory, and no operation is moved across it.
        if (op.as<ir::Scan>() != nullptr) out.writes = {{nullptr, kEverything}};
        // A reshape or slice that is a view of its operand touches nothing.
        if (op.as<ir::Reshape>() != nullptr && out.reads.front() == out.writes.front()) return {};
        if (op.as<ir::Slice>() != nullptr) {
            const auto offset = ir::view_offset(function_, op);
            if (offset && out.reads[0].begin + *offset == out.writes[0].begin) return {};
        }
        return out;
    }

    /// A pack copies only operands that are not in their place yet, and writes the zeros between
    /// them. Where its result is a row of states, these zeros are there from the start.
    Footprint footprint_of_pack(const ir::Operation& op) const {
        Footprint out;
        const std::byte* to = range(op.result()).begin;
        const bool states = ir::is_at_its_states(function_, op);
        const std::vector<int64_t> offsets = ir::part_offsets(function_, op);
        for (size_t i = 0; i < op.operands.size(); ++i) {
            const Range from = range(op.operands[i]);
            const int64_t next =
                i + 1 < offsets.size() ? offsets[i + 1] : function_.type(op.result()).bytes();
            const bool in_place = from.begin == to + offsets[i];
            if (!in_place) out.reads.push_back(from);
            const int64_t begin = in_place ? offsets[i] + from.bytes : offsets[i];
            if (begin < next && !(in_place && states))
                out.writes.push_back({to + begin, next - begin});
        }
        return out;
    }

    Footprint footprint(const ir::Operation& loop, const LoopPart& part) const {
        Footprint out;
        for (ir::ValueId value : loop.operands) out.reads.push_back(range(value, part));
        for (ir::ValueId value : loop.results) out.writes.push_back(range(value, part));
        return out;
    }

    // ---- items ----

    /// Makes the items of an operation: one, or for a loop that can run in parts, one per part and
    /// one for what is left.
    void add_items(size_t i) {
        const ir::Operation& op = function_.operations[i];
        const std::vector<LoopPart> parts = parts_of(op);
        for (const LoopPart& part : parts) items_.push_back({i, part, false, footprint(op, part)});
        // What is left counts as touching all of the loop's memory, so that it stays behind the
        // parts.
        items_.push_back({i, {}, !parts.empty(), footprint(op)});
    }

    /// The parts of a loop that each read the result of one contraction, where that is computed
    /// straight into the pack that the loop reads.
    std::vector<LoopPart> parts_of(const ir::Operation& loop) const {
        std::vector<LoopPart> parts;
        if (!runs_in_parts(function_, loop)) return parts;
        for (ir::ValueId operand : loop.operands) {
            const ir::Operation* pack = maker_[operand];
            if (pack == nullptr || pack->as<ir::Pack>() == nullptr) continue;
            const std::byte* to = range(operand).begin;
            int64_t position = 0;
            for (ir::ValueId v : pack->operands) {
                const int64_t elements = function_.type(v).elements();
                const int64_t bytes = position * ir::dtype_size(function_.type(v).dtype);
                if (elements > 1 && is_contracted(v) && range(v).begin == to + bytes)
                    parts.push_back({position, position + elements});
                position += ir::packed_size(elements);
            }
            // A loop that reads several packs is split by the first one alone: a part can follow
            // only one contraction.
            if (!parts.empty()) return parts;
        }
        return parts;
    }

    /// Whether the value is the result of a contraction, or a reshape of one.
    bool is_contracted(ir::ValueId value) const {
        const ir::Operation* op = maker_[value];
        while (op != nullptr && op->as<ir::Reshape>() != nullptr) op = maker_[op->operands[0]];
        return op != nullptr && op->info().has(ir::kContraction);
    }

    /// The operand of `loop` that holds the result of `contraction`, where no other operation reads
    /// that, and it is no result of the function; else kNone. Reshapes and packs hand it on.
    ir::ValueId consumed(const ir::Operation& contraction, const ir::Operation& loop) const {
        ir::ValueId value = contraction.result();
        while (readers_[value].size() == 1 && readers_[value].front() != nullptr) {
            const ir::Operation& reader = *readers_[value].front();
            if (&reader == &loop) return value;
            if (reader.as<ir::Reshape>() == nullptr && reader.as<ir::Pack>() == nullptr) break;
            value = reader.result();
        }
        return ir::kNone;
    }

    // ---- epilogues ----

    /// The contractions, those with the largest results first: where two loops stand in each
    /// other's way, the one that reads more of what is in the cache is the epilogue.
    std::vector<size_t> contractions() const {
        std::vector<size_t> found;
        for (size_t i = 0; i < items_.size(); ++i)
            if (operation(i).info().has(ir::kContraction)) found.push_back(i);
        std::stable_sort(found.begin(), found.end(), [&](size_t a, size_t b) {
            return range(operation(a).result()).bytes > range(operation(b).result()).bytes;
        });
        return found;
    }

    /// Elements of a loop's space.
    int64_t space_elements(const ir::Operation& loop) const {
        if (const auto* fused = loop.as<ir::Fused>())
            return ir::Type{ir::DType::kF32, fused->space}.elements();
        const bool reduction = loop.info().has(ir::kReduction);
        return function_.type(reduction ? loop.operands[0] : loop.result()).elements();
    }

    /// Whether the loop reads, at each point of its space, at most this one element of the
    /// contraction's result. A result that is a single number does not qualify: a loop reads single
    /// numbers once, before its first point.
    bool reads_in_order(size_t item, ir::ValueId result) const {
        const ir::Operation& loop = operation(item);
        const Range whole = range(result);
        if (function_.type(result).elements() == 1 || items_[item].has_parts) return false;
        const int64_t elements =
            items_[item].is_part() ? items_[item].part.elements() : space_elements(loop);
        if (elements != function_.type(result).elements()) return false;
        const auto elsewhere = [&](const ir::Operation& op) {
            return ir::reads_elsewhere(op.info()) && range(op.operands[0]).overlaps(whole);
        };
        if (elsewhere(loop) || std::any_of(loop.body.begin(), loop.body.end(), elsewhere))
            return false;
        const std::vector<Range>& reads = items_[item].footprint.reads;
        return std::all_of(reads.begin(), reads.end(), [&](const Range& read) {
            return read == whole || !read.overlaps(whole);
        });
    }

    /// Whether what the loop writes is either exactly the contraction's result, in place, or apart
    /// from it.
    bool writes_in_order(const Footprint& loop, const Range& result) const {
        return std::all_of(loop.writes.begin(), loop.writes.end(), [&](const Range& written) {
            return written == result || !written.overlaps(result);
        });
    }

    /// Finds the loop that can be the epilogue of `contraction`, and makes the two neighbours.
    /// First it looks for the first item that reads the contraction's result; if that is a loop
    /// that may follow, a place between the two is looked for, to which the contraction can be
    /// moved down and the loop up.
    void add_loop_of(size_t contraction) {
        const Footprint& mine = items_[contraction].footprint;
        const Position from = std::find(order_.begin(), order_.end(), contraction);
        const Position to = std::find_if(from + 1, order_.end(), [&](size_t i) {
            return overlap(items_[i].footprint.reads, mine.writes);
        });
        if (to == order_.end() || follows_[*to]) return;
        const Footprint& its = items_[*to].footprint;
        if (!ir::runs_as_loop(operation(*to).info()) ||
            !reads_in_order(*to, operation(contraction).result()) ||
            !writes_in_order(its, mine.writes.front()) || overlap(its.writes, mine.reads))
            return;
        // `at` goes from the contraction towards the loop, as far as the contraction can be moved;
        // `meeting` is the earliest place that the loop can be moved to.
        Position meeting = from + 1;
        for (Position at = from + 1;; ++at) {
            if (at == meeting) {
                // Nothing may be put between another contraction and its epilogue.
                const Position blocker = follows_[*at] ? at : bring_together(from, at, to);
                if (blocker == order_.end()) return;
                meeting = blocker + 1;
            }
            if (at == to || !independent(items_[*at].footprint, mine)) return;
        }
    }

    /// Moves the contraction at `from` to `meeting`, and the loop at `to` right behind it, together
    /// with the few operations that the loop needs and that stand between. Returns the end of the
    /// order when that was possible, else the item that the loop has to stay behind.
    Position bring_together(Position from, Position meeting, Position to) {
        std::vector<size_t> earlier, moved{*to}, later;
        for (Position at = to; at-- != meeting;) {
            const Item& item = items_[*at];
            if (std::all_of(moved.begin(), moved.end(), [&](size_t i) {
                    return independent(items_[i].footprint, item.footprint);
                })) {
                later.push_back(*at);
                continue;
            }
            moved.push_back(*at);
            earlier.push_back(*at);
            if (earlier.size() > kEarlierMost || follows_[*at] || item.is_part() ||
                item.has_parts || operation(*at).info().has(ir::kContraction) ||
                !independent(item.footprint, items_[*from].footprint))
                return at;
        }
        const size_t contraction = *from, loop = *to;
        Position out = std::move(from + 1, meeting, from);
        out = std::copy(earlier.rbegin(), earlier.rend(), out);
        *out++ = contraction;
        *out++ = loop;
        std::copy(later.rbegin(), later.rend(), out);
        follows_[loop] = true;
        schedule_.loop[items_[contraction].operation] = items_[loop].operation;
        schedule_.part[items_[contraction].operation] = items_[loop].part;
        if (items_[loop].is_part())
            schedule_.consumed[items_[contraction].operation] =
                consumed(operation(contraction), operation(loop));
        return order_.end();
    }

    const ir::Function& function_;
    const Buffers& buffers_;
    std::vector<const ir::Operation*> maker_;  ///< by value
    /// By value: who reads it; null for the function's results and updates.
    std::vector<std::vector<const ir::Operation*>> readers_;
    std::vector<Item> items_;
    std::vector<size_t> order_;  ///< items
    std::vector<bool> follows_;  ///< by item: it is an epilogue
    Schedule schedule_;
};

}  // namespace

Schedule plain_schedule(const ir::Function& function) {
    Schedule schedule;
    schedule.order.resize(function.operations.size());
    std::iota(schedule.order.begin(), schedule.order.end(), size_t{0});
    schedule.loop.assign(function.operations.size(), kNoLoop);
    schedule.part.resize(function.operations.size());
    schedule.consumed.assign(function.operations.size(), ir::kNone);
    return schedule;
}

Schedule find_epilogues(const ir::Function& function, const Buffers& buffers) {
    return Scheduler(function, buffers).find();
}

}  // namespace gmc::runtime

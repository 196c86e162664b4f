// Parts go from process to process as bytes, one state at a time: so nobody has more than one state
// as a whole.
#include "runtime/train/slots/slot_parts.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

namespace gmc::runtime {

SlotParts::SlotParts(SharedSlots slots, StateStore& states, ProcessGroup& group)
    : slots_(std::move(slots)), states_(states), group_(group) {
    in_.assign(slots_.states.size(), ir::kNone);
    ir::StateId first = states.saved_count();
    for (size_t g = 0; g < slots_.groups.size(); ++g) {
        const SharedSlots::Group& shared = slots_.groups[g];
        for (size_t i = 0; i < shared.count; ++i) in_[shared.first + i] = static_cast<int>(g);
        first = std::min(first, shared.part);
    }
    for (size_t i = 0; i < slots_.states.size(); ++i)
        own_.push_back(in_[i] == ir::kNone ? states.module().find_state(slots_.states[i].name)
                                           : ir::kNone);
    states.share(this, first);
}

/// What the process's ranges of the buffer and the state have in common.
std::vector<SlotParts::Piece> SlotParts::pieces(size_t state, int64_t rank) const {
    const SharedSlots::Group& shared = group_of(state);
    SharedBuffer buffer = shared.buffer;
    buffer.rank = rank;
    const int64_t begin = shared.begins[state - shared.first], end = begin + numbers(state);
    std::vector<Piece> pieces;
    int64_t in_part = 0;
    for (const NumberRange& range : buffer.own()) {
        const int64_t from = std::max(begin, range.begin), to = std::min(end, range.end);
        if (from < to) pieces.push_back({from - begin, in_part + from - range.begin, to - from});
        in_part += range.count();
    }
    return pieces;
}

/// What this process has of a state.
std::string SlotParts::packed(size_t state) {
    std::string bytes;
    for (const Piece& piece : pieces(state, group_.rank()))
        bytes.append(reinterpret_cast<const char*>(part(state) + piece.in_part),
                     static_cast<size_t>(piece.count) * sizeof(float));
    return bytes;
}

void SlotParts::take(size_t state, const float* numbers) {
    for (const Piece& piece : pieces(state, group_.rank()))
        std::copy_n(numbers + piece.in_state, piece.count, part(state) + piece.in_part);
}

void SlotParts::order(Action action, size_t state) {
    if (begun_)
        give_order(group_, {.kind = Order::Kind::kSlots,
                            .action = static_cast<int64_t>(action),
                            .state = static_cast<int64_t>(state)});
}

const float* SlotParts::gather(size_t state) {
    order(Action::kGather, state);
    std::vector<std::string> parts;
    if (begun_)
        parts = group_.gather(packed(state));
    else
        parts.push_back(packed(state));
    whole_.assign(static_cast<size_t>(numbers(state)), 0);
    for (size_t rank = 0; rank < parts.size(); ++rank) {
        const char* from = parts[rank].data();
        for (const Piece& piece : pieces(state, static_cast<int64_t>(rank))) {
            const size_t bytes = static_cast<size_t>(piece.count) * sizeof(float);
            std::memcpy(whole_.data() + piece.in_state, from, bytes);
            from += bytes;
        }
    }
    return whole_.data();
}

void SlotParts::set(size_t state, const float* numbers) {
    order(Action::kSet, state);
    take(state, numbers);
    if (!begun_) return;
    whole_.assign(numbers, numbers + this->numbers(state));
    group_.broadcast(whole_.data(), whole_.size() * sizeof(float));
}

void SlotParts::clear() {
    order(Action::kClear);
    clear_own();
}

void SlotParts::keep() {
    order(Action::kKeep);
    keep_own();
}

void SlotParts::restore() {
    order(Action::kRestore);
    restore_own();
}

std::set<size_t> SlotParts::find_not_finite() {
    order(Action::kFind);
    std::vector<std::string> lists;
    if (begun_)
        lists = group_.gather(own_not_finite());
    else
        lists.push_back(own_not_finite());
    std::set<size_t> found;
    for (const std::string& list : lists)
        for (size_t at = 0; at < list.size(); at = list.find(' ', at) + 1)
            found.insert(std::stoul(list.substr(at)));
    return found;
}

void SlotParts::obey(const Order& order) {
    const auto state = static_cast<size_t>(order.state);
    switch (static_cast<Action>(order.action)) {
        case Action::kGather:
            (void)group_.gather(packed(state));
            break;
        case Action::kSet:
            whole_.resize(static_cast<size_t>(numbers(state)));
            group_.broadcast(whole_.data(), whole_.size() * sizeof(float));
            take(state, whole_.data());
            break;
        case Action::kClear:
            clear_own();
            break;
        case Action::kKeep:
            keep_own();
            break;
        case Action::kRestore:
            restore_own();
            break;
        case Action::kFind:
            (void)group_.gather(own_not_finite());
            break;
    }
}

void SlotParts::keep_own() {
    kept_.assign(states_.bytes_begin() + states_.common_bytes(),
                 states_.bytes_begin() + states_.bytes());
}

void SlotParts::restore_own() {
    std::copy(kept_.begin(), kept_.end(), states_.bytes_begin() + states_.common_bytes());
}

void SlotParts::clear_own() {
    std::fill(states_.bytes_begin() + states_.common_bytes(),
              states_.bytes_begin() + states_.bytes(), std::byte{0});
}

/// Numbers of states, each with a blank behind it.
std::string SlotParts::own_not_finite() {
    std::string found;
    for (size_t i = 0; i < in_.size(); ++i) {
        if (in_[i] == ir::kNone) continue;
        bool finite = true;
        for (const Piece& piece : pieces(i, group_.rank())) {
            const float* numbers = part(i) + piece.in_part;
            for (int64_t k = 0; k < piece.count; ++k) finite &= std::isfinite(numbers[k]);
        }
        if (!finite) found += fmt::format("{} ", i);
    }
    return found;
}

}  // namespace gmc::runtime

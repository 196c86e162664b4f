// Works out which memory each call may use, and which values die after it. When a value dies
// follows from the operations that read it, not from the memory plan: the plan is what is being
// checked.
#include "runtime/program/poison.h"

#include <algorithm>
#include <cstring>

#include "compiler/ir/scan.h"
#include "runtime/memory/address_sanitizer.h"

namespace gmc::runtime {
namespace {

/// Bytes that are NaN in f32 and in bf16.
constexpr int kNanByte = 0xFF;

/// Operations that share memory with operands where the plan says so: views, and parts that are
/// computed in their place.
bool may_share(const ir::Operation& op) {
    return op.as<ir::Reshape>() != nullptr || op.as<ir::Slice>() != nullptr ||
           op.as<ir::Concat>() != nullptr || op.as<ir::Pack>() != nullptr ||
           ir::is_over_processes(op);
}

}  // namespace

Poison::Poison(const ir::Module& module, const ir::Function& function, const Placement& placement,
               const Arena& arena, const std::vector<std::vector<size_t>>& calls)
    : function_(function), placement_(placement), arena_(arena), calls_(calls.size()) {
    find_groups();
    find_sums();
    for (size_t i = 0; i < calls.size(); ++i)
        for (const size_t index : calls[i]) {
            const ir::Operation& op = function.operations[index];
            for (const std::vector<ir::ValueId>* values : {&op.operands, &op.results})
                for (const ir::ValueId value : *values)
                    if (range(value).begin != nullptr) add_used(value, calls_[i]);
            const ir::Function* body = ir::body_of(module, op);
            const int64_t bytes =
                body == nullptr ? 0 : ir::workspace_bytes(*body, *op.as<ir::Scan>());
            if (bytes > 0 && op.as<ir::Scan>()->workspace != ir::Scan::kUnset) {
                auto* at = reinterpret_cast<std::byte*>(arena.at(op.as<ir::Scan>()->workspace));
                calls_[i].used.push_back({at, at + bytes});
                calls_[i].closed.push_back({at, at + bytes});
            }
        }
    find_deaths(calls);
}

Poison::Range Poison::range(ir::ValueId value) const {
    auto* begin = reinterpret_cast<std::byte*>(placement_.buffers.data(value));
    auto* arena = reinterpret_cast<std::byte*>(arena_.at(0));
    if (begin == nullptr || begin < arena || begin >= arena + arena_.bytes()) return {};
    return {begin, begin + function_.type(value).bytes()};
}

ir::ValueId Poison::group(ir::ValueId value) const {
    while (group_[value] != value) value = group_[value];
    return value;
}

void Poison::find_groups() {
    for (size_t id = 0; id < function_.values.size(); ++id)
        group_.push_back(static_cast<ir::ValueId>(id));
    for (const ir::Operation& op : function_.operations) {
        if (!may_share(op)) continue;
        for (const ir::ValueId operand : op.operands)
            if (range(operand).overlaps(range(op.result())))
                group_[group(operand)] = group(op.result());
    }
}

void Poison::find_sums() {
    for (const ir::Operation& op : function_.operations)
        if (op.as<ir::AllReduce>() != nullptr || op.as<ir::ReduceScatter>() != nullptr)
            sums_.insert(group(op.operands[0]));
}

void Poison::add_used(ir::ValueId value, Call& call) const {
    call.used.push_back(range(value));
    if (sums_.count(group(value)) == 0) call.closed.push_back(range(value));
}

void Poison::find_deaths(const std::vector<std::vector<size_t>>& calls) {
    const size_t end = calls.size(), never = end + 1;
    std::vector<size_t> last(function_.values.size(), never);  // by group
    const auto extend = [&](ir::ValueId value, size_t call) {
        size_t& at = last[group(value)];
        at = at == never ? call : std::max(at, call);
    };
    for (size_t i = 0; i < end; ++i)
        for (const size_t index : calls[i]) {
            for (const ir::ValueId value : function_.operations[index].operands) extend(value, i);
            for (const ir::ValueId value : function_.operations[index].results) extend(value, i);
        }
    for (const ir::Update& update : function_.updates) extend(update.value, end);
    for (const ir::NamedValue& result : function_.results) extend(result.value, end);
    for (size_t id = 0; id < function_.values.size(); ++id) {
        const auto value = static_cast<ir::ValueId>(id);
        const size_t call = last[group(value)];
        const Range bytes = range(value);
        if (call >= end || bytes.begin == nullptr) continue;
        // An element-wise operation may write its result over its operand. Then the operand is
        // dead, but its memory holds a value that lives.
        const bool written = std::any_of(calls[call].begin(), calls[call].end(), [&](size_t index) {
            const std::vector<ir::ValueId>& results = function_.operations[index].results;
            return std::any_of(results.begin(), results.end(), [&](ir::ValueId result) {
                return group(result) != group(value) && range(result).overlaps(bytes);
            });
        });
        if (!written) calls_[call].dead.push_back(bytes);
    }
}

void Poison::before_all() const {
    forbid_access(arena_.at(0), static_cast<size_t>(arena_.bytes()));
}

void Poison::before(size_t call) const {
    for (const Range& range : calls_[call].used)
        allow_access(range.begin, static_cast<size_t>(range.end - range.begin));
}

void Poison::after(size_t call) const {
    for (const Range& range : calls_[call].dead) {
        const auto bytes = static_cast<size_t>(range.end - range.begin);
        allow_access(range.begin, bytes);  // it may be a view that this call does not use itself
        std::memset(range.begin, kNanByte, bytes);
        forbid_access(range.begin, bytes);
    }
    for (const Range& range : calls_[call].closed)
        forbid_access(range.begin, static_cast<size_t>(range.end - range.begin));
}

void Poison::after_all() const { allow_access(arena_.at(0), static_cast<size_t>(arena_.bytes())); }

}  // namespace gmc::runtime

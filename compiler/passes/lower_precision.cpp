// One walk from the end finds which values must stay f32, and which are read by contractions in
// bf16. A walk from the beginning then writes the function anew; `as_bf16` and `as_f32` give a
// value in the type that its reader needs.
#include "compiler/passes/lower_precision.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "compiler/ir/builder.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Whether the op only moves elements: its result consists of its operands' elements, and zeros.
bool moves_elements(const Operation& op) {
    return op.as<Concat>() != nullptr || op.as<Pad>() != nullptr || op.as<Reshape>() != nullptr ||
           op.as<Slice>() != nullptr || op.as<Transpose>() != nullptr;
}

/// Rewrites one function. The three find_... functions fill the tables by value; rewrite() then
/// decides for each operation by these tables alone.
class PrecisionLowerer {
  public:
    PrecisionLowerer(Module& module, Function& function)
        : f_(function),
          b_(module, function),
          from_data_(function.values.size(), false),
          exact_(function.values.size(), false),
          contracted_(function.values.size(), false) {}

    bool run() {
        find_from_data();
        find_exact();
        find_contracted();
        std::vector<Operation> before = std::move(f_.operations);
        f_.operations.clear();
        bool changed = false;
        for (Operation& op : before) {
            b_.set_location(op.location);
            changed |= rewrite(op);
        }
        return changed;
    }

  private:
    /// Marks what depends on inputs or random numbers. The rest is made of states alone.
    void find_from_data() {
        for (const Input& input : f_.inputs) from_data_[input.value] = true;
        for (const Operation& op : f_.operations) {
            const bool from_data =
                op.as<RandomNormal>() != nullptr || op.as<RandomUniform>() != nullptr ||
                std::any_of(op.operands.begin(), op.operands.end(),
                            [&](ValueId operand) { return from_data_[operand]; });
            for (ValueId v : op.results) from_data_[v] = from_data;
        }
    }

    /// Whether this is a contraction that is to be computed in bf16.
    bool is_lowered(const Operation& op) const {
        return op.info().has(kContraction) && from_data_[op.result()] &&
               f_.type(op.operands[0]).dtype == DType::kF32;
    }

    /// Finds the values that stay f32: inputs, what is computed from states alone, and what reaches
    /// an update or a result without passing through a contraction or a reduction.
    void find_exact() {
        for (size_t v = 0; v < f_.values.size(); ++v) exact_[v] = !from_data_[v];
        for (const Input& input : f_.inputs) exact_[input.value] = true;
        // Their reshapes are the same memory.
        for (const Operation& op : f_.operations)
            if (op.as<Reshape>() != nullptr && exact_[op.operands[0]]) exact_[op.result()] = true;
        for (const Update& update : f_.updates) exact_[update.value] = true;
        for (const NamedValue& result : f_.results) exact_[result.value] = true;
        for (size_t i = f_.operations.size(); i-- > 0;) {
            const Operation& op = f_.operations[i];
            if (op.info().has(kContraction) || op.info().has(kReduction)) continue;
            if (!exact_[op.result()]) continue;
            for (ValueId operand : op.operands) exact_[operand] = true;
        }
    }

    /// Finds the values that a contraction in bf16 reads, directly or through ops that move
    /// elements.
    void find_contracted() {
        for (size_t i = f_.operations.size(); i-- > 0;) {
            const Operation& op = f_.operations[i];
            const bool reads = is_lowered(op) || (moves_elements(op) && contracted_[op.result()]);
            for (ValueId operand : op.operands)
                if (reads) contracted_[operand] = true;
        }
    }

    /// Writes one operation. A contraction gets bf16 operands, and a bf16 result unless the result
    /// must stay f32. Any other op reads f32; its result is cast at once when a contraction reads
    /// it, so that all readers can use the cast. True = something changed.
    bool rewrite(Operation& op) {
        if (moves_elements(op) && moves_bf16(op)) return move(op);
        const bool lowers = is_lowered(op);
        for (ValueId& operand : op.operands) operand = lowers ? as_bf16(operand) : as_f32(operand);
        const ValueId result = op.result();
        if (lowers && !exact_[result]) {
            // Readers of the result still name it, so its bf16 form is another value.
            op.results = {f_.add_value(name(result, DType::kBf16), with(result, DType::kBf16))};
            replaced_[result] = op.result();
        }
        f_.operations.push_back(std::move(op));
        if (lowers) return true;
        if (!contracted_[result] || exact_[result] || f_.type(result).dtype != DType::kF32)
            return false;
        replaced_[result] = as_bf16(result);
        return true;
    }

    /// Whether an op that moves elements is to move bf16: all of its operands are bf16 already, or
    /// some are and a contraction in bf16 reads the result.
    bool moves_bf16(const Operation& op) const {
        const auto in_bf16 = std::count_if(op.operands.begin(), op.operands.end(),
                                           [&](ValueId v) { return replaced_.count(v) != 0; });
        return in_bf16 == static_cast<std::ptrdiff_t>(op.operands.size()) ||
               (in_bf16 > 0 && contracted_[op.result()]);
    }

    /// Writes an op that moves elements, on bf16 operands and with a bf16 result.
    bool move(Operation& op) {
        const ValueId result = op.result();
        for (ValueId& operand : op.operands) operand = as_bf16(operand);
        op.results = {f_.add_value(name(result, DType::kBf16), with(result, DType::kBf16))};
        replaced_[result] = op.result();
        f_.operations.push_back(std::move(op));
        return true;
    }

    /// "h" -> "h.bf16".
    std::string name(ValueId value, DType dtype) const {
        return fmt::format("{}.{}", f_.values[value].name, dtype_name(dtype));
    }
    Type with(ValueId value, DType dtype) const { return {dtype, f_.type(value).shape}; }

    ValueId cast(ValueId value, DType dtype, std::string result) {
        return b_.emit_typed(Cast{}, {value}, with(value, dtype), std::move(result));
    }

    /// The bf16 of a value.
    ValueId as_bf16(ValueId value) {
        const auto found = replaced_.find(value);
        if (found != replaced_.end()) return found->second;
        const auto [made, fresh] = as_bf16_.try_emplace(value, kNone);
        if (fresh) made->second = cast(value, DType::kBf16, name(value, DType::kBf16));
        return made->second;
    }

    /// The value in f32: itself, or a cast of the bf16 that has replaced it.
    ValueId as_f32(ValueId value) {
        const auto found = replaced_.find(value);
        if (found == replaced_.end()) return value;
        const auto [made, fresh] = as_f32_.try_emplace(value, kNone);
        if (fresh) made->second = cast(found->second, DType::kF32, name(value, DType::kF32));
        return made->second;
    }

    Function& f_;
    Builder b_;
    // By value.
    std::vector<bool> from_data_;   ///< made of inputs or random numbers, not of states alone
    std::vector<bool> exact_;       ///< stays f32 for all that read it, but contractions
    std::vector<bool> contracted_;  ///< a contraction in bf16 reads it
    std::map<ValueId, ValueId> replaced_;  ///< values that everything reads as bf16 -> that
    std::map<ValueId, ValueId> as_bf16_;   ///< values -> their casts to bf16, for contractions
    std::map<ValueId, ValueId> as_f32_;    ///< replaced values -> that, cast to f32
};

}  // namespace

Result<bool> lower_precision(Module& module, Diagnostics&) {
    if (module.compilation.precision != DType::kBf16) return false;
    bool changed = false;
    for (Function& function : module.functions) changed |= PrecisionLowerer(module, function).run();
    return changed;
}

}  // namespace gmc::passes

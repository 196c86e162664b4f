// Appends ops to a function. Types follow from the shape rules; a wrong shape here is a bug in gmc
// (the front end has checked the user's shapes), so it ends in an internal error.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"

namespace gmc::ir {

/// Thrown for a tensor, or states together, of more than kMostElements numbers: this is a mistake
/// in the model and no bug of gmc. Whoever builds of what a user wrote catches it and reports it.
class TooLarge : public std::runtime_error {
  public:
    TooLarge(const std::string& text, Location where) : std::runtime_error(text), where_(where) {}
    /// Reports kTooLarge at its place in a model file.
    void report(const Module& module, Diagnostics& diagnostics) const;

  private:
    Location where_;
};

/// Throws TooLarge where a tensor of this type would have too many elements.
void check_size(const Type& type, Location where);

/// Holds references only, so several builders may append to one function in turn.
class Builder {
  public:
    Builder(Module& module, Function& function) : module_(module), function_(function) {}

    Module& module() { return module_; }
    Function& function() { return function_; }
    const Type& type(ValueId value) const { return function_.type(value); }
    const Shape& shape(ValueId value) const { return function_.type(value).shape; }

    /// Ops appended from now on belong to this place of the model.
    void set_location(Location location) { location_ = location; }
    Location location() const { return location_; }

    /// Appends an op whose type follows from its operands. `name` "" numbers the value.
    ValueId emit(OpVariant op, std::vector<ValueId> operands, std::string name = "");
    /// Appends an op whose type must be said: generators, broadcast, reshape, backward
    /// convolutions.
    ValueId emit_typed(OpVariant op, std::vector<ValueId> operands, Type type,
                       std::string name = "");

    /// Appends an op of several results, numbered values of these types.
    std::vector<ValueId> emit_results(OpVariant op, std::vector<ValueId> operands,
                                      const std::vector<Type>& types);

    ValueId constant(double value, Shape shape = {});
    ValueId add(ValueId a, ValueId b) { return emit(Add{}, {a, b}); }
    ValueId sub(ValueId a, ValueId b) { return emit(Sub{}, {a, b}); }
    ValueId mul(ValueId a, ValueId b) { return emit(Mul{}, {a, b}); }
    ValueId div(ValueId a, ValueId b) { return emit(Div{}, {a, b}); }
    ValueId neg(ValueId x) { return emit(Neg{}, {x}); }
    ValueId select(ValueId condition, ValueId a, ValueId b) {
        return emit(Select{}, {condition, a, b});
    }
    /// Every element of x times (or plus) one number.
    ValueId scale(ValueId x, double factor) { return mul(x, constant(factor, shape(x))); }
    ValueId offset(ValueId x, double term) { return add(x, constant(term, shape(x))); }
    ValueId reshape(ValueId x, Shape shape);
    ValueId transpose(ValueId x, std::vector<int64_t> permutation);
    /// `dims` as in ir::Broadcast; returns the value itself when nothing repeats.
    ValueId broadcast(ValueId x, std::vector<int64_t> dims, Shape shape);
    /// A scalar repeated to `shape`.
    ValueId splat(ValueId scalar, Shape shape) { return broadcast(scalar, {}, std::move(shape)); }
    /// Takes an operand of a `pack` out again: the elements of `packed` from `position` on, as a
    /// tensor of `shape`.
    ValueId packed_part(ValueId packed, int64_t position, Shape shape);
    /// Sum over `axes` (increasing); the value itself when there are none.
    ValueId reduce_sum(ValueId x, std::vector<int64_t> axes);
    /// Mean over `axes`.
    ValueId reduce_mean(ValueId x, std::vector<int64_t> axes);

  private:
    Module& module_;
    Function& function_;
    Location location_;
};

/// 0, 1, ..., rank - 1.
std::vector<int64_t> all_axes(int64_t rank);
/// The axes of 0..rank-1 that `axes` (increasing) does not name.
std::vector<int64_t> other_axes(int64_t rank, const std::vector<int64_t>& axes);

}  // namespace gmc::ir

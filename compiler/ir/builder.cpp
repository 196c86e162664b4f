// Appends ops with their inferred types. Ops whose derivatives and shapes are composed of others
// (mean, splat, parts of a pack) are functions here and no ops of the IR, so that passes and
// kernels need not know them.
#include "compiler/ir/builder.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/ir/infer.h"
#include "compiler/support/check.h"

namespace gmc::ir {

void TooLarge::report(const Module& module, Diagnostics& diagnostics) const {
    Span span;
    for (uint32_t i = 1; i <= diagnostics.sources().count() && where_.file >= 0; ++i)
        if (diagnostics.sources().file(i).path() == module.files[static_cast<size_t>(where_.file)])
            span = {i, static_cast<uint32_t>(where_.line), static_cast<uint32_t>(where_.column), 1};
    diagnostics.error(DiagnosticKind::kTooLarge, span, "{}", what());
}

void check_size(const Type& type, Location where) {
    double elements = 1;  // a double, since the product may overflow an integer
    for (const int64_t size : type.shape) elements *= static_cast<double>(size);
    if (elements > static_cast<double>(kMostElements))
        throw TooLarge(
            fmt::format("this needs a tensor of {}, {:.3g} numbers; at most 2^40 = {:.3g} fit",
                        to_string(type.shape), elements, static_cast<double>(kMostElements)),
            where);
}

ValueId Builder::emit(OpVariant op, std::vector<ValueId> operands, std::string name) {
    InferContext context;
    for (ValueId v : operands) context.operands.push_back(type(v));
    Type result = infer_type(op, context);
    GMC_CHECK(context.error.empty(), "{}", context.error);
    check_size(result, location_);
    const ValueId value = function_.add_value(std::move(name), std::move(result));
    function_.operations.push_back({std::move(op), std::move(operands), {value}, location_, {}});
    return value;
}

ValueId Builder::emit_typed(OpVariant op, std::vector<ValueId> operands, Type type_wanted,
                            std::string name) {
    InferContext context;
    for (ValueId v : operands) context.operands.push_back(type(v));
    context.declared = &type_wanted;
    const Type result = infer_type(op, context);
    GMC_CHECK(context.error.empty(), "{}", context.error);
    check_size(result, location_);
    const ValueId value = function_.add_value(std::move(name), result);
    function_.operations.push_back({std::move(op), std::move(operands), {value}, location_, {}});
    return value;
}

std::vector<ValueId> Builder::emit_results(OpVariant op, std::vector<ValueId> operands,
                                           const std::vector<Type>& types) {
    std::vector<ValueId> results;
    for (const Type& type : types) {
        check_size(type, location_);
        results.push_back(function_.add_value("", type));
    }
    function_.operations.push_back({std::move(op), std::move(operands), results, location_, {}});
    return results;
}

ValueId Builder::constant(double value, Shape shape) {
    return emit_typed(Constant{value}, {}, f32(std::move(shape)));
}

ValueId Builder::reshape(ValueId x, Shape wanted) {
    if (wanted == shape(x)) return x;
    return emit_typed(Reshape{}, {x}, {type(x).dtype, std::move(wanted)});
}

ValueId Builder::transpose(ValueId x, std::vector<int64_t> permutation) {
    return emit(Transpose{std::move(permutation)}, {x});
}

ValueId Builder::broadcast(ValueId x, std::vector<int64_t> dims, Shape wanted) {
    if (wanted == shape(x)) return x;
    return emit_typed(Broadcast{std::move(dims)}, {x}, {type(x).dtype, std::move(wanted)});
}

ValueId Builder::packed_part(ValueId packed, int64_t position, Shape wanted) {
    const int64_t elements = Type{DType::kF32, wanted}.elements();
    return reshape(emit(Slice{{position}, {position + elements}}, {packed}), std::move(wanted));
}

ValueId Builder::reduce_sum(ValueId x, std::vector<int64_t> axes) {
    if (axes.empty()) return x;
    return emit(ReduceSum{std::move(axes)}, {x});
}

/// A sum times 1 / count: the compiler has a sum and a product, and needs no mean.
ValueId Builder::reduce_mean(ValueId x, std::vector<int64_t> axes) {
    double count = 1;
    for (int64_t axis : axes) count *= static_cast<double>(shape(x)[axis]);
    return axes.empty() ? x : scale(reduce_sum(x, std::move(axes)), 1 / count);
}

std::vector<int64_t> all_axes(int64_t rank) {
    std::vector<int64_t> axes;
    for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
    return axes;
}

std::vector<int64_t> other_axes(int64_t rank, const std::vector<int64_t>& axes) {
    std::vector<int64_t> others;
    for (int64_t i = 0; i < rank; ++i)
        if (std::find(axes.begin(), axes.end(), i) == axes.end()) others.push_back(i);
    return others;
}

}  // namespace gmc::ir

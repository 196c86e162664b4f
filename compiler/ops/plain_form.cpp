// Attention as products of matrices: per example and head, P = softmax(scale q k^T + mask) and
// y = P v. With g = df/dy: df/dP = g v^T, and by a score df/ds = P (df/dP - sum over s of P df/dP).
#include "compiler/ops/plain_form.h"

#include <algorithm>

#include "compiler/ops/renames.h"
#include "compiler/support/check.h"

namespace gmc::ops {

using namespace ir;  // NOLINT: all of this is about ir

namespace {

/// The formula of one `attention`. Members are named as in the formulas above; matrices have the
/// axes [N, H, row, column].
class PlainAttention {
  public:
    PlainAttention(Builder& b, const AttentionForm& form, const std::vector<ValueId>& operands,
                   ValueId mask)
        : b_(b),
          form_(form),
          q_(heads(operands[0])),
          k_(heads(operands[1])),
          v_(heads(operands[2])) {
        ValueId scores = b.scale(product(q_, false, k_, true), form.scale);
        const Shape shape = b.shape(scores);
        if (mask != kNone) scores = b.add(scores, b.broadcast(mask, form.mask_dims, shape));
        const ValueId largest = b.emit(StopGradient{}, {b.emit(ReduceMax{{3}}, {scores})});
        const ValueId e = b.emit(Exp{}, {b.sub(scores, per_row(largest, shape))});
        p_ = b.div(e, per_row(b.reduce_sum(e, {3}), shape));
    }

    ValueId result() { return heads(product(p_, false, v_, false)); }

    /// df/ds, of the scores after the mask is added.
    ValueId of_scores(ValueId diff) {
        const ValueId of_p = product(heads(diff), false, v_, true);
        const ValueId mean = b_.reduce_sum(b_.mul(p_, of_p), {3});
        return b_.mul(p_, b_.sub(of_p, per_row(mean, b_.shape(p_))));
    }

    /// By q, k and v.
    std::vector<ValueId> gradients(ValueId diff) {
        const ValueId of_products = b_.scale(of_scores(diff), form_.scale);
        return {heads(product(of_products, false, k_, false)),
                heads(product(of_products, true, q_, false)),
                heads(product(p_, true, heads(diff), false))};
    }

    ValueId of_mask(ValueId diff) {
        return b_.reduce_sum(of_scores(diff), other_axes(4, form_.mask_dims));
    }

  private:
    /// [N, T, H, D] as [N, H, T, D], and back.
    ValueId heads(ValueId x) { return b_.transpose(x, {0, 2, 1, 3}); }
    ValueId product(ValueId a, bool transpose_a, ValueId b, bool transpose_b) {
        return b_.emit(Matmul{transpose_a, transpose_b}, {a, b});
    }
    ValueId per_row(ValueId x, const Shape& shape) { return b_.broadcast(x, {0, 1, 2}, shape); }

    Builder& b_;
    const AttentionForm& form_;
    ValueId q_, k_, v_, p_ = kNone;
};

void expand(Module& module, Function& function) {
    std::vector<Operation> before = std::move(function.operations);
    function.operations.clear();
    Builder b(module, function);
    Renames renames;
    for (Operation& op : before) {
        renames.apply(op);
        if (!has_plain_form(op)) {
            function.operations.push_back(std::move(op));
            continue;
        }
        b.set_location(op.location);
        const std::vector<ValueId> values = emit_plain_form(b, op);
        for (size_t i = 0; i < values.size(); ++i) renames.set(op.results[i], values[i]);
    }
    renames.apply_to_exits(function);
}

}  // namespace

bool has_plain_form(const Operation& op) {
    return op.as<Attention>() != nullptr || op.as<AttentionGradient>() != nullptr;
}

std::vector<ValueId> emit_plain_form(Builder& b, const Operation& op) {
    const ValueId mask = op.operands.back();
    if (const auto* attention = op.as<Attention>())
        return {
            PlainAttention(b, *attention, op.operands, attention->mask_dims.empty() ? kNone : mask)
                .result()};
    const auto* gradient = op.as<AttentionGradient>();
    GMC_CHECK(gradient != nullptr, "`{}` has no plain form", op.info().name);
    return PlainAttention(b, *gradient, op.operands, gradient->mask_dims.empty() ? kNone : mask)
        .gradients(op.operands[3]);
}

ValueId emit_mask_gradient(Builder& b, const Operation& attention, ValueId diff) {
    return PlainAttention(b, *attention.as<Attention>(), attention.operands,
                          attention.operands.back())
        .of_mask(diff);
}

void expand_plain_forms(Module& module) {
    for (Function& function : module.functions)
        if (std::any_of(function.operations.begin(), function.operations.end(), has_plain_form))
            expand(module, function);
}

}  // namespace gmc::ops

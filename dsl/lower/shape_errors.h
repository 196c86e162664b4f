// Errors about shapes in expressions. When the author of the model wrote the expression, the error
// is reported there. A recipe's expression he did not write; then the error is reported at his
// layer that gives the shape, once per layer, however many expressions of the recipe fail because
// of it.
#pragma once

#include <optional>
#include <string>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// What gives a value its shape.
struct ShapeSource {
    std::string text;  ///< "`decoder`", "the output `mean` of `encoder`", "`image`"
    /// The layers of a network or output, the last of which gives the shape; null for a field.
    const std::vector<dsl::LayerSpec>* layers = nullptr;
    Span span;  ///< of that layer, or of the field
};

/// The source of the shape of `e`, through `let`, arithmetic and functions that keep the shape;
/// with `reductions` also through sum, mean and norm. Nothing for noise and constants.
std::optional<ShapeSource> source_of_shape(const dsl::ModelView& view, const dsl::Expression& e,
                                           bool reductions = false);

/// "[28,28,1]", or "one number".
std::string shape_text(const ir::Shape& example);

/// A hint how layers that end in `have` could end in `want`; "" when there is no short one.
std::string remedy(const ShapeSource& source, const ir::Shape& have, const ir::Shape& want);

struct ShapeError {
    DiagnosticKind kind = DiagnosticKind::kShapeMismatch;
    Span where;  ///< the expression
    std::string text;
    /// For recipes: the place in the model, and the text for it. When it is unknown, the error is
    /// reported at the expression.
    Span at_model;
    std::string text_at_model;
    std::string help;
    std::optional<Note> note;  ///< what else to look at
};
/// Reports the error, unless one was reported at the same place before.
void report(ModuleScope& m, const ShapeError& error);

/// The error for two operands that need the same shape: which one is at fault, and what would be
/// right. `a` and `b` are their shapes per example.
ShapeError clash(const ModuleScope& m, const dsl::Expression& first, const ir::Shape& a,
                 const dsl::Expression& second, const ir::Shape& b);
/// The error for an argument whose shape is not that of the network's input.
ShapeError misfit(const ModuleScope& m, const dsl::NetworkSpec& network,
                  const dsl::NetworkInput& input, const ir::Shape& wanted,
                  const dsl::Expression& argument, const ir::Shape& given);
/// The error for an `e` of shape `given` that has to be one number per example.
ShapeError too_many(const ModuleScope& m, const dsl::Expression& e, const ir::Shape& given);

}  // namespace gmc::lower

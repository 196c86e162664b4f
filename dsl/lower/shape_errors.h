// Errors about shapes in expressions. When the author of the model wrote the expression, the error
// is reported there. A recipe's expression has another author; its errors are reported at the
// model's layer that gives the shape, once per layer, however many expressions of the recipe fail
// because of it.
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
    Span span;        ///< of that layer, or of the field
    ir::Shape shape;  ///< per example
};

/// The source of the `shape` of `e`, per example: through `let`, arithmetic and functions that keep
/// the shape; with `reductions` also through sum, mean and norm, whatever the shape was before
/// them. Nothing for constants.
std::optional<ShapeSource> source_of_shape(const ModuleScope& m, const dsl::Expression& e,
                                           const ir::Shape& shape, bool reductions = false);

/// One error in two wordings: for an expression that the model's author wrote, and for one of a
/// recipe.
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

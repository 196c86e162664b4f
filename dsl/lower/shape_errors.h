// Errors about shapes. In an objective that the author of a model wrote they stand at the
// expression. A recipe he did not write: there they stand at the layer of his that gives the shape,
// once per layer, however many expressions of the recipe meet it.
#pragma once

#include <optional>
#include <string>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// What gives a value its shape.
struct ShapeSource {
    std::string text;  ///< "`decoder`", "the output `mean` of `encoder`", "`image`"
    /// Of the network or its output, the last of which gives the shape; null for a field.
    const std::vector<dsl::LayerSpec>* layers = nullptr;
    Span span;  ///< of that layer, or of the field
};

/// Looks through `let`, arithmetic and functions that keep the shape; with `reductions` also through
/// sum, mean and norm. Nothing for noise and constants.
std::optional<ShapeSource> source_of_shape(const dsl::ModelView& view, const dsl::Expression& e,
                                           bool reductions = false);

/// "[28,28,1]", or "one number".
std::string shape_text(const ir::Shape& example);

/// How layers that end in `have` come to end in `want`; "" when there is no short answer.
std::string remedy(const ShapeSource& source, const ir::Shape& have, const ir::Shape& want);

struct ShapeError {
    DiagnosticKind kind = DiagnosticKind::kShapeMismatch;
    Span where;  ///< the expression
    std::string text;
    /// For recipes: the place in the model, and the text for it. Unknown: said at the expression.
    Span at_model;
    std::string text_at_model;
    std::string help;
    std::optional<Note> note;  ///< what else to look at
};
/// Reports it unless the same place was reported before.
void report(ModuleScope& m, const ShapeError& error);

/// Two operands that have to have one shape: who is to blame, and what would be right. `a`, `b`
/// are their shapes per example.
ShapeError clash(const ModuleScope& m, const dsl::Expression& first, const ir::Shape& a,
                 const dsl::Expression& second, const ir::Shape& b);
/// An argument of a network that is not shaped like its input.
ShapeError misfit(const ModuleScope& m, const dsl::NetworkSpec& network,
                  const dsl::NetworkInput& input, const ir::Shape& wanted,
                  const dsl::Expression& argument, const ir::Shape& given);
/// `e` should be one number per example, and is `given`.
ShapeError too_many(const ModuleScope& m, const dsl::Expression& e, const ir::Shape& given);

}  // namespace gmc::lower

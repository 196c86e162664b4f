// Decides what is at fault: the network whose last layer gives the shape, and of two networks the
// later one.
#include "dsl/lower/shape_errors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "dsl/lower/evaluate.h"
#include "dsl/model_view.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::Shape;
using Kind = Expression::Kind;

int64_t elements(const Shape& shape) {
    int64_t n = 1;
    for (const int64_t size : shape) n *= size;
    return n;
}

/// The source of the shape of a network, or of the output of one, that `e` names.
std::optional<ShapeSource> network_source(const ModuleScope& m, const Expression& e) {
    const bool member = e.kind == Kind::kMember;
    const Expression& call = member ? m.view.resolved(*e.arguments[0]) : e;
    const dsl::NetworkSpec* network =
        call.kind == Kind::kCall ? m.view.network(call.text) : nullptr;
    if (!network) return std::nullopt;
    const auto source = [&](std::string text, const std::vector<dsl::LayerSpec>& layers,
                            Span otherwise, const std::string& output) {
        const auto shape = m.output_shapes.find({network->name, output});
        return ShapeSource{std::move(text), &layers,
                           layers.empty() ? otherwise : layers.back().span,
                           shape == m.output_shapes.end() ? Shape{} : shape->second};
    };
    if (!member && network->outputs.empty())
        return source(fmt::format("`{}`", network->name), network->layers, network->span, "");
    for (const dsl::NetworkOutput& output : network->outputs)
        if (member && output.name == e.text)
            return source(fmt::format("the output `{}` of `{}`", output.name, network->name),
                          output.layers, output.span, output.name);
    return std::nullopt;
}

bool reduces(const std::string& function) {
    static constexpr std::array kReductions = {"sum", "mean", "norm"};
    return std::find(kReductions.begin(), kReductions.end(), function) != kReductions.end();
}

/// The order in the file, as a network that stands below another was usually written to fit it.
bool later(const Span& a, const Span& b) {
    return std::tie(a.line, a.column) > std::tie(b.line, b.column);
}

}  // namespace

/// Follows an expression down to where its shape was made: a field, the last layer of a network,
/// and through operators and functions into their arguments. `grad` and `uniform` take their shape
/// from elsewhere, so nothing is followed there.
std::optional<ShapeSource> source_of_shape(const ModuleScope& m, const Expression& e,
                                           const Shape& shape, bool reductions) {
    const Expression& value = m.view.resolved(e);
    const auto fits = [&](const ShapeSource& source) {
        return source.shape == shape || (elements(source.shape) == 1 && elements(shape) == 1);
    };
    if (const dsl::DataField* field = m.view.field_of(value)) {
        ShapeSource source{fmt::format("`{}`", field->name), nullptr, field->span, field->shape};
        return fits(source) || reductions ? std::optional(source) : std::nullopt;
    }
    if (auto source = network_source(m, value))
        return fits(*source) || reductions ? source : std::nullopt;
    if (value.kind != Kind::kCall && value.arguments.empty()) return std::nullopt;
    if (value.kind == Kind::kLoop) return std::nullopt;  // inside, its name is what it carries
    if (value.kind == Kind::kCall &&
        (m.view.network(value.text) || value.text == "grad" || value.text == "uniform" ||
         (reduces(value.text) && !reductions)))
        return std::nullopt;
    // Among several operands the first that a network makes is taken, else the first field.
    std::optional<ShapeSource> out;
    for (const dsl::ExpressionPtr& operand : value.arguments) {
        std::optional<ShapeSource> source = source_of_shape(m, *operand, shape, reductions);
        if (source && (!out || (!out->layers && source->layers))) out = std::move(source);
    }
    return out;
}

namespace {

/// "[28, 28, 1]", as a model's author writes it.
std::string written(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

/// Is `shape` the other one with a size in front of it?
bool with_batch(const Shape& shape, const Shape& other) {
    return shape.size() == other.size() + 1 &&
           std::equal(other.begin(), other.end(), shape.begin() + 1);
}

/// "[28,28,1]", or "one number".
std::string shape_text(const Shape& example) {
    return elements(example) == 1 ? "one number" : ir::to_string(example);
}

/// How layers that end in `have` come to end in `want`; "" when there is no short answer.
std::string remedy(const ShapeSource& source, const Shape& have, const Shape& want) {
    if (!source.layers || source.layers->empty() || want.empty()) return "";
    const std::string reshape = fmt::format("`reshape: {}`", written(want));
    const bool ends_in_reshape = source.layers->back().kind == "reshape";
    if (have != want && elements(have) == elements(want))
        return (ends_in_reshape ? "write " : "add ") + reshape;
    std::string kind;  // of the last layer that makes numbers
    for (auto layer = source.layers->rbegin(); kind.empty() && layer != source.layers->rend();
         ++layer)
        if (layer->kind != "reshape" && layer->kind != "flatten") kind = layer->kind;
    const bool dense = kind == "dense";
    const bool last_differs = have.size() > 1 && have.size() == want.size() && !ends_in_reshape &&
                              std::equal(have.begin(), have.end() - 1, want.begin());
    if (last_differs && (dense || kind.starts_with("conv")))
        return fmt::format("`{}: {}` gives it", dense ? "dense" : "filters", want.back());
    // A dense layer after an image works on the last dimension only.
    if (dense && have.size() > 1 && want.size() == 1 && have.back() == want.back())
        return "`flatten` before the `dense` makes one row of numbers of it";
    if (dense && want.size() == 1 && have.size() == 1)
        return fmt::format("`dense: {}` gives it", want[0]);
    if (dense && have.size() > 1 && !ends_in_reshape)
        return fmt::format("`flatten` before the `dense`, `dense: {}` and {} give it",
                           elements(want), reshape);
    if (dense) return fmt::format("`dense: {}` and {} give it", elements(want), reshape);
    return fmt::format("its layers have to end in {}", written(want));
}

}  // namespace

/// In a recipe, further errors at the same place of the model are consequences of the first, so
/// there the text does not count for "reported before".
void report(ModuleScope& m, const ShapeError& error) {
    const dsl::RecipeUse& recipe = m.spec.objective.recipe;
    const bool in_recipe = recipe.file != 0 && error.where.file == recipe.file;
    const bool lifted = in_recipe && error.at_model.known();
    const Span& place = lifted ? error.at_model : error.where;
    if (!m.reported_once(place, lifted ? "" : error.text)) return;
    Diagnostic& d =
        m.diagnostics.error(error.kind, place, "{}", lifted ? error.text_at_model : error.text);
    if (error.note && !(error.note->span == place)) d.note(error.note->span, error.note->text);
    if (lifted) {
        d.note(error.where, fmt::format("the recipe `{}` needs it here", recipe.name));
        d.note(recipe.used_at, "the recipe is used here");
    }
    if (!error.help.empty()) d.help(error.help);
}

/// Of two operands made by networks, the network further below is blamed; of a network and a field,
/// the network.
ShapeError clash(const ModuleScope& m, const Expression& first, const Shape& a,
                 const Expression& second, const Shape& b) {
    ShapeError error;
    const auto from_a = source_of_shape(m, first, a), from_b = source_of_shape(m, second, b);
    const bool a_layers = from_a && from_a->layers, b_layers = from_b && from_b->layers;
    if (!a_layers && !b_layers) return error;
    const bool blame_b = b_layers && (!a_layers || later(from_b->span, from_a->span));
    const ShapeSource& blamed = blame_b ? *from_b : *from_a;
    const auto& other = blame_b ? from_a : from_b;
    const Shape &have = blame_b ? b : a, &want = blame_b ? a : b;
    error.at_model = blamed.span;
    error.text_at_model = fmt::format(
        "{} ends in {}, but {} {} {}", blamed.text, shape_text(have),
        other ? other->text : fmt::format("`{}`", dsl::to_string(blame_b ? first : second)),
        other && other->layers ? "ends in" : "is", shape_text(want));
    error.note = Note{blamed.span, fmt::format("{} ends here", blamed.text)};
    error.help = remedy(blamed, have, want);
    return error;
}

namespace {

/// Another input of the network that has this shape; "" when there is none.
std::string other_input(const ModuleScope& m, const dsl::NetworkSpec& network,
                        const dsl::NetworkInput& input, const Shape& shape) {
    for (const dsl::NetworkInput& other : network.inputs) {
        if (other.name == input.name) continue;
        Shape has = other.shape;
        for (const dsl::DataField& field : m.spec.data)
            if (other.like == "data." + field.name) has = field.shape;
        if (has == shape) return other.name;
    }
    return "";
}

}  // namespace

/// Who is at fault depends on how the input got its shape. One that is like a field (`like:
/// data.image`) is right by definition, so what is put into it is wrong; one whose shape is written
/// out may itself be wrong, so the error stands at the input and the note at the other network.
ShapeError misfit(const ModuleScope& m, const dsl::NetworkSpec& network,
                  const dsl::NetworkInput& input, const Shape& wanted, const Expression& argument,
                  const Shape& given) {
    ShapeError error;
    const auto source = source_of_shape(m, argument, given);
    error.at_model = input.span;
    error.note = Note{input.span, fmt::format("`{}` is declared here", input.name)};
    const std::string takes =
        fmt::format("`{}` takes `{}` of shape {}", network.name, input.name, ir::to_string(wanted));
    if (source && source->layers && !input.like.empty()) {
        error.at_model = source->span;
        error.text_at_model =
            fmt::format("{} ends in {}, but {}", source->text, shape_text(given), takes);
    } else if (source && source->layers) {
        error.text_at_model =
            fmt::format("{}, but {} ends in {}", takes, source->text, shape_text(given));
        error.note = Note{source->span, fmt::format("{} ends here", source->text)};
    } else {
        error.text_at_model = fmt::format(
            "{}, but the recipe `{}` gives it {}, {}", takes, m.spec.objective.recipe.name,
            source ? source->text : fmt::format("`{}`", dsl::to_string(argument)),
            shape_text(given));
    }
    if (source) error.help = remedy(*source, given, wanted);
    const bool field = source && !source->layers;
    if (field && elements(given) == elements(wanted))
        error.help = fmt::format("write `{}: data.{}`, and `flatten` as the first layer",
                                 input.name, source->text.substr(1, source->text.size() - 2));
    else if (field && !m.spec.objective.recipe.name.empty())
        error.help = "are the roles of the networks swapped?";
    const std::string other = other_input(m, network, input, given);
    if (!other.empty())
        error.help = fmt::format(
            "`{}` has that shape: inputs are given in the order in which the network names them",
            other);
    else if (with_batch(given, wanted))
        error.help = fmt::format("if {} is the batch, leave it out: a shape is that of one example",
                                 given[0]);
    else if (with_batch(wanted, given))
        error.help = fmt::format("leave out the batch, {}: a shape is that of one example, {}",
                                 wanted[0], written(given));
    else if (wanted.size() == 3 && given == Shape{wanted[1], wanted[2], wanted[0]})
        error.help = fmt::format("channels come last: `{}: {}`", input.name, written(given));
    return error;
}

ShapeError too_many(const ModuleScope& m, const Expression& e, const Shape& given) {
    ShapeError error;
    const auto source = source_of_shape(m, e, given, true);
    if (!source || !source->layers) return error;
    error.at_model = source->span;
    error.text_at_model =
        fmt::format("{} ends in {}, but the recipe `{}` needs one number per example", source->text,
                    written(source->shape), m.spec.objective.recipe.name);
    const bool image = source->shape.size() > 1 && source->shape.back() == 1;
    error.help = image ? "`flatten` before its last `dense` gives one row of numbers"
                       : "end it in `dense: 1`";
    return error;
}

std::pair<std::string, std::string> describe(Evaluator& of_a, const Evaluated& a, Evaluator& of_b,
                                             const Evaluated& b) {
    std::pair texts{describe(of_a, a), describe(of_b, b)};
    if (texts.first != texts.second || a.number || !a.batched) return texts;
    const auto exactly = [](const Shape& shape) {
        return (shape.empty() ? "a single number" : ir::to_string(shape)) + " per example";
    };
    return {exactly(of_a.example_shape(a)), exactly(of_b.example_shape(b))};
}

}  // namespace gmc::lower

// Looks at a model as a whole: finds things by name, follows entries of `let`, walks all
// expressions. For checks and errors that concern several sections.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/schema/schema.h"
#include "dsl/spec.h"

namespace gmc::dsl {

/// What a network, or one of its outputs, ends in. Layers that only move values are skipped.
struct Ending {
    const NetworkSpec* network = nullptr;
    std::string output;      ///< the name of the output; "" where the network has one result
    std::string activation;  ///< "sigmoid"; "none" after a layer with weights; "" for other layers
    std::optional<Range> range;        ///< of the activation, where it has limits
    Span span;                         ///< of the word to change
    const LayerSpec* layer = nullptr;  ///< the layer that ends it
};

/// "`decoder`", "the output `mean` of `encoder`".
std::string name_of(const Ending& ending);
/// The ending of a network with one output; nothing for others.
std::optional<Ending> ending_of(const NetworkSpec& network);
/// What the activation of this name gives (LayerRow::gives), as a word, as a function, and as a
/// layer without keys; nothing when all numbers are possible.
std::optional<Range> range_of(std::string_view activation);
/// What the values of a field span, as far as the compiler knows: arrays of floats without `range`,
/// and points, may hold any numbers; bytes are scaled into a range even where none is written.
std::optional<Range> range_of(const DataField& field);
/// Whether the field is a table with numbers that are standardised or mapped to a range.
bool has_scaled_columns(const DataField& field);
/// Whether values are from 0 to 1.
bool is_probability(const std::optional<Range>& range);

/// Answers questions about a ModelSpec that was read without errors in its structure. It holds no
/// copy and no index: it must not outlive the spec, and each lookup is a linear search, which
/// models of a few dozen entries do not notice.
class ModelView {
  public:
    using Visit = std::function<void(const Expression&)>;
    explicit ModelView(const ModelSpec& spec) : spec_(spec) {}

    const ModelSpec& spec() const { return spec_; }
    /// Null when there is none of that name.
    const NetworkSpec* network(std::string_view name) const;
    const NamedExpression* let(std::string_view name) const;
    const Definition* definition(std::string_view name) const;
    /// The network itself and all that its layers apply.
    std::set<std::string> networks_within(const std::string& name) const;

    /// The expression that `e` stands for, through names of `let`, calls of definitions, `averaged`
    /// and `stop_gradient`.
    const Expression& resolved(const Expression& e) const;
    /// The field that `e` refers to, also as `data.image` and through `let`; null for anything
    /// else.
    const DataField* field_of(const Expression& e) const;
    /// The ending of the network that `e` is the result of; also of `q.mean` with `q: encoder(x)`.
    std::optional<Ending> ending_of(const Expression& e) const;

    /// Visits `e` and all its parts, and once each entry of `let` and definition that it uses.
    /// Names in `bound` are parameters of a function, so not entries.
    void walk(const Expression& e, const Visit& visit,
              const std::vector<std::string>& bound = {}) const;
    /// The same for all losses, metrics and updates of states, and for the author's functions.
    void walk_losses(const Visit& visit) const;
    void walk_functions(const Visit& visit) const;
    /// The networks that `e` applies where gradients reach them, that is outside of
    /// stop_gradient(...) and averaged(...).
    std::set<std::string> networks_in(const Expression& e) const;
    std::set<std::string> learning_networks_in(const Expression& e) const;

  private:
    enum class Into { kAll, kWhatLearns };
    void walk(const Expression& e, const Visit& visit, Into into,
              std::set<std::string>& seen) const;
    std::set<std::string> networks_in(const Expression& e, Into into) const;
    /// The body of a definition with the arguments of a call for its parameters.
    const Expression& inlined(const Definition& definition, const Expression& call) const;
    const ModelSpec& spec_;
    mutable std::map<const Expression*, ExpressionPtr> inlined_;  ///< by the call
};

/// Notes that every error from number `first` on lies in the block that the layer comes from, if it
/// does (Diagnostics::lies_inside).
void note_block(const LayerSpec& layer, size_t first, Diagnostics& diagnostics);

/// Whether a network judges examples, by its role or its name.
bool is_judge(const NetworkSpec& network);

/// Calls `visit` for all layers of a network and of its outputs, or of a list of layers, and for
/// those that a `repeat` repeats. What is const is visited so.
template <typename Layers, typename Visit>
void for_each_layer(Layers& of, Visit&& visit) {
    if constexpr (std::is_same_v<std::remove_const_t<Layers>, NetworkSpec>) {
        for_each_layer(of.layers, visit);
        for (auto& output : of.outputs) for_each_layer(output.layers, visit);
    } else {
        for (auto& layer : of) {
            visit(layer);
            for_each_layer(layer.layers, visit);
        }
    }
}

}  // namespace gmc::dsl

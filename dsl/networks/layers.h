// Reads lists of layers and the blocks that they use.
// Enters: the nodes of `layers:` and `blocks:`. Leaves: LayerSpecs, with blocks expanded.
// layers.cpp reads layers, layer_expressions.cpp those that are expressions or calls, blocks.cpp
// reads and expands blocks, repeat.cpp what is repeated.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dsl/expand.h"
#include "dsl/schema/schema.h"
#include "dsl/spec.h"
#include "dsl/values.h"

namespace gmc::dsl {

/// What can be called in an expression, and so used as a layer.
struct Callable {
    /// The names of the arguments, in order.
    std::vector<std::string> parameters;
    /// The names of further arguments, which a call has to name: `f(x, rate=2)`.
    std::vector<std::string> named;
    /// The names of the outputs, when it is a network.
    std::vector<std::string> outputs;
};
using Callables = std::map<std::string, Callable>;
/// layer_expressions.cpp: networks and definitions of the model, before they are read.
Callables find_callables(const Node& model);
/// layer_expressions.cpp: the built-in functions that are layers too.
std::vector<std::string> function_layers();

/// layers.cpp: turns `initializer: {normal: {stddev: 0.02}}` into the keys `initializer: normal`
/// and `initializer_stddev: 0.02`, so that the tables have plain keys only.
NodePtr flatten_initializer(const std::vector<KeyRow>& rows, const NodePtr& keys,
                            Diagnostics& diagnostics);

/// A named list of layers with parameters, an entry of `blocks:`.
struct Block {
    std::string name;
    Span span;
    /// One row per parameter, of which the first is the one that `block: value` sets; then the keys
    /// `name` and `from`, which every layer has.
    std::vector<KeyRow> rows;
    /// Keeps the text alive that `rows` point to.
    NodePtr parameters;
    /// The names by which its layers refer to what the block is applied to, when the block gives
    /// any; else they say `input`.
    std::vector<std::string> inputs;
    /// Defaults of those parameters that have one.
    Bindings defaults;
    /// The layers as nodes, since each use reads them anew with its own arguments; null after an
    /// error. The list `requires` is read so, too; null where there is none.
    NodePtr layers, requirements;
    /// True while the block is expanded: a use of it in that time is a recursion.
    bool open = false;
    /// True when its layers have errors. They are reported at the first use only.
    bool broken = false;
    /// True once its layers were read.
    bool used = false;
};
using Blocks = std::map<std::string, Block>;

Blocks read_blocks(const Node& model, Diagnostics& diagnostics);
/// Checks the blocks that no network uses, for errors inside them. Call it after all networks were
/// read.
void check_unused_blocks(Blocks& blocks, const Callables& callables, Diagnostics& diagnostics);

/// The names in one network that `from` can refer to.
struct LayerNames {
    struct Named {
        /// Name of the layer or input in the spec.
        std::string layer;
        Span span;
        /// False when the name is taken but cannot be referred to, because the layer leads to
        /// another output.
        bool visible = true;
    };
    std::map<std::string, Named> names;
    /// How often each block was used without a name; numbers the names that it is given.
    std::map<std::string, int> block_uses;
    /// Layers in the whole network.
    size_t layer_count = 0;
    /// The network's input when it has exactly one, else "".
    std::string only_input;
    /// The layer that stands before the list; null when there is none.
    LayerSpec* before = nullptr;
    /// The fields of the data, of which an input may be forgotten; null: none.
    const std::vector<DataField>* data = nullptr;
    /// Networks and definitions; null: none.
    const Callables* callables = nullptr;
    /// True when a block is checked outside of any network. Then every name and the input may
    /// exist, and none is reported as unknown.
    bool unknown = false;

    /// Takes `name` for a layer; reports it when it is taken already.
    void define(const std::string& name, const std::string& layer, Span span,
                Diagnostics& diagnostics);
    /// `wish`, or `wish` with a number appended when that name is taken.
    std::string unique(const std::string& wish) const;
};

/// Reads one list of layers.
class LayerReader {
  public:
    LayerReader(LayerNames& names, Blocks& blocks, Diagnostics& diagnostics)
        : names_(names), blocks_(blocks), diagnostics_(diagnostics) {}

    /// Reads a list of layers, or one layer that is not in a list. `what` names the place in
    /// messages, as in "network `encoder`".
    std::vector<LayerSpec> read(const Node& node, const std::string& what);
    /// Reads the layers of a block that nothing uses, to report their errors. Parameters without a
    /// default are accepted everywhere.
    void check(Block& block);

  private:
    /// A layer as written: its kind (or the name of a block) and what follows the colon.
    struct Written {
        std::string kind;
        Span span;
        /// Null when the layer is a bare word.
        NodePtr value;
    };
    /// A use of a block, around the layer that is being read.
    struct Use {
        Block* block = nullptr;
        Span span;
        /// The key `name` of this use, or "".
        std::string name;
        /// What the names of the layers inside begin with, so that two uses do not clash.
        std::string prefix;
        std::vector<std::string> from;
        Span from_span;
        /// Index in layers_ of the block's first layer.
        size_t first_layer = 0;
    };

    void read_layer(const Node& node, const std::string& what);
    bool split(const Node& node, const std::string& what, Written& out);
    void read_kind(const LayerRow& row, const Written& written);
    static std::string layer_example(const LayerRow& row);
    NodePtr keys_of(const LayerRow& row, const Written& written);
    void read_keys(const LayerRow& row, const NodePtr& written_keys, LayerSpec& layer);
    void read_expressions(const LayerRow& row, const Node& keys, LayerSpec& layer);
    void check_normalised(const LayerSpec& layer);
    void define_results(const LayerRow& row, const LayerSpec& layer, Span span);
    void check_inputs(const LayerRow& row, const LayerSpec& layer);
    std::vector<std::string> read_from(const Node& node, const std::string& kind);
    std::string resolve(const PlacedName& name);
    std::string find_name(const std::string& name, Span where);

    std::optional<Callable> find_callable(const std::string& kind) const;
    void read_call(const Callable& callable, const Written& written);
    bool read_call_keys(const Callable& callable, const Node& keys, LayerSpec& layer,
                        Expression& call);
    void bind_expression(LayerSpec& layer);
    void read_loop_layer(const Written& written);
    ExpressionPtr bind_names(const ExpressionPtr& e, const std::string& previous, LayerSpec& layer,
                             const std::set<std::string>& hidden);
    std::string default_input(Span where);

    void read_use(Block& block, const Written& written);
    void read_repeat(const Written& written);
    void read_shared(Use use, int64_t times, const Block& block);
    std::string use_prefix(const std::string& name, const std::string& block);
    Bindings read_arguments(const Block& block, const Written& written, Use& use);
    void refuse_lists(const Use& use, const Bindings& arguments);
    bool keeps_requirements(const Use& use, const Bindings& arguments, bool after);
    void inherit_from(std::vector<std::string>& from, Span& span) const;
    void name_inputs(Use& use);
    void expand(Use use, const Bindings& arguments);
    std::string block_input(Span where);

    LayerNames& names_;
    Blocks& blocks_;
    Diagnostics& diagnostics_;
    std::vector<LayerSpec> layers_;
    const Node* before_ = nullptr;  ///< the element of the list before the one that is read
    /// The uses that are open, outermost first.
    std::vector<Use> uses_;
};

}  // namespace gmc::dsl

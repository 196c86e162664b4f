// Reads lists of layers and the blocks used in them. layers.cpp has the layers, blocks.cpp the
// blocks.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dsl/expand.h"
#include "dsl/schema/schema.h"
#include "dsl/spec.h"
#include "dsl/values.h"

namespace gmc::dsl {

/// A named list of layers, an entry of `blocks:`.
struct Block {
    std::string name;
    Span span;
    /// Its parameters, the first is what `block: value` means; then `name` and `from`.
    std::vector<KeyRow> rows;
    NodePtr parameters;   ///< keeps the text that `rows` point to
    Bindings defaults;    ///< of the parameters that have one
    NodePtr layers;       ///< null after an error
    bool open = false;    ///< it is being expanded: a use inside is a recursion
    bool broken = false;  ///< its layers have errors, which are said once
    bool used = false;    ///< its layers were read
};
using Blocks = std::map<std::string, Block>;

Blocks read_blocks(const Node& model, Diagnostics& diagnostics);
/// Reports what is wrong with blocks that nothing used. To be called when all networks were read.
void check_unused_blocks(Blocks& blocks, Diagnostics& diagnostics);

/// The names that `from` can refer to, of one network.
struct LayerScope {
    struct Named {
        std::string layer;  ///< the layer's or input's name in the spec
        Span span;
        /// False: taken, but out of reach (a layer that leads to another output).
        bool visible = true;
    };
    std::map<std::string, Named> names;
    std::map<std::string, int> block_uses;  ///< how often a block was used without a name
    size_t layer_count = 0;                 ///< of the whole network
    std::string only_input;                 ///< the network's input when there is one, "" otherwise
    LayerSpec* before = nullptr;            ///< the layer before the list, when there is one
    bool unknown = false;  ///< there is no network: names may be of any, and so may the input

    /// Takes a name for a layer; reports one that is taken.
    void define(const std::string& name, const std::string& layer, Span span,
                Diagnostics& diagnostics);
    /// `wish`, or with a number behind it when that is taken.
    std::string unique(const std::string& wish) const;
};

/// Reads one list of layers.
class LayerReader {
  public:
    LayerReader(LayerScope& scope, Blocks& blocks, Diagnostics& diagnostics)
        : scope_(scope), blocks_(blocks), diagnostics_(diagnostics) {}

    /// A list of layers, or one layer without a list around it. `what` for messages: "network
    /// `encoder`".
    std::vector<LayerSpec> read(const Node& node, const std::string& what);
    /// Reads the layers of a block by itself, for its errors. Parameters without a default may be
    /// anything.
    void check(Block& block);

  private:
    /// A layer as written: its kind (or block) and what stands behind the colon.
    struct Written {
        std::string kind;
        Span span;
        NodePtr value;  ///< null for a bare word
    };
    /// A block around the layer that is read.
    struct Use {
        Block* block = nullptr;
        Span span;
        std::string name;    ///< as given, or ""
        std::string prefix;  ///< of the names inside
        std::vector<std::string> from;
        Span from_span;
        size_t first_layer = 0;  ///< index in layers_ of the block's first layer
    };

    void read_layer(const Node& node, const std::string& what);
    bool split(const Node& node, const std::string& what, Written& out);
    void read_kind(const LayerRow& row, const Written& written);
    NodePtr keys_of(const LayerRow& row, const Written& written);
    void read_keys(const LayerRow& row, const NodePtr& written_keys, LayerSpec& layer);
    void read_expressions(const LayerRow& row, const Node& keys, LayerSpec& layer);
    void check_normalised(const LayerSpec& layer);
    void define_results(const LayerRow& row, const LayerSpec& layer, Span span);
    void check_inputs(const LayerRow& row, const LayerSpec& layer);
    std::vector<std::string> read_from(const Node& node, const std::string& kind);
    std::string resolve(const PlacedName& name);

    void read_use(Block& block, const Written& written);
    Bindings read_arguments(const Block& block, const Written& written, Use& use);
    void expand(Use use, const Bindings& arguments);
    std::string block_input(Span where);

    LayerScope& scope_;
    Blocks& blocks_;
    Diagnostics& diagnostics_;
    std::vector<LayerSpec> layers_;
    std::vector<Use> uses_;  ///< outermost first
};

}  // namespace gmc::dsl

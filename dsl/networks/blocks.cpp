// Blocks: lists of layers with parameters. Enters: `blocks:` and the places that use a block.
// Leaves: the block's layers, put in at each place of use with the arguments given there.
#include <algorithm>

#include "dsl/networks/layers.h"
#include "dsl/reader.h"
#include "dsl/text/lexer.h"

namespace gmc::dsl {
namespace {

const char* const kParameterDoc = "a parameter of the block";

/// Reads `parameters: {filters: null, kernel: 3}`. A parameter that is null has to be given by each
/// use.
void read_parameters(const Node& parameters, Block& block, Diagnostics& diagnostics) {
    if (!expect_map(parameters, fmt::format("`parameters` of block `{}`", block.name),
                    parameters.span, diagnostics))
        return;
    for (const Entry& entry : parameters.entries) {
        if (!check_name(entry.key, "a parameter", entry.key_span, diagnostics)) continue;
        if (entry.key == "name" || entry.key == "from") {
            diagnostics.error(DiagnosticKind::kBadValue, entry.key_span,
                              "a parameter cannot be called `{}`, a key that every layer has",
                              entry.key);
            continue;
        }
        const bool required = entry.value->is_null();
        block.rows.push_back({entry.key.c_str(), KeyType::kStructure,
                              required ? kRequired : kOptional, kParameterDoc});
        if (!required) block.defaults[entry.key] = entry.value;
    }
}

/// Reads one entry of `blocks`. The layers stay nodes, since each use reads them with its own
/// arguments.
Block read_block(const Entry& entry, Diagnostics& diagnostics) {
    Block block;
    block.name = entry.key;
    block.span = entry.key_span;
    const std::string what = fmt::format("block `{}`", entry.key);
    check_keys(*entry.value, mapping("block").keys, what, entry.key_span, diagnostics);
    const Entry* parameters = entry.value->find("parameters");
    if (parameters) block.parameters = parameters->value;
    if (parameters && !parameters->value->is_null())
        read_parameters(*parameters->value, block, diagnostics);
    if (const Entry* inputs = entry.value->find("inputs"); inputs && !inputs->value->is_null())
        for (const PlacedName& input : read_names(*inputs->value, "`inputs`", diagnostics))
            if (check_name(input.name, "an input", input.span, diagnostics))
                block.inputs.push_back(input.name);
    block.rows.push_back({"name", KeyType::kName, kOptional, "a name that `from` can refer to"});
    block.rows.push_back({"from", KeyType::kNames, kOptional, "what the block is put upon"});
    if (const Entry* conditions = entry.value->find("requires");
        conditions && !conditions->value->is_null() &&
        expect_list(*conditions->value, fmt::format("`requires` of {}", what), conditions->key_span,
                    diagnostics))
        block.requirements = conditions->value;
    const Entry* layers = entry.value->find("layers");
    if (!layers || layers->value->is_null()) return block;
    if (layers->value->is_list() && layers->value->items.empty())
        diagnostics.error(DiagnosticKind::kBadValue, layers->value->span, "{} has no layers", what);
    else if (expect_list(*layers->value, fmt::format("`layers` of {}", what), layers->key_span,
                         diagnostics))
        block.layers = layers->value;
    return block;
}

/// The place of the definition of a name; unknown where there is none.
Span definition_of(const Node& model, const std::string& name) {
    const Entry* define = model.find("define");
    if (define == nullptr || !define->value->is_map()) return {};
    for (const Entry& entry : define->value->entries)
        if (entry.key.substr(0, entry.key.find('(')) == name) return entry.key_span;
    return {};
}

}  // namespace

/// A block may not have the name of a layer or a definition: `- dense: 10` would have two meanings,
/// also in an imported file that does not know the block. A block whose layers cannot be read is
/// kept and marked as broken, so that its uses are not reported as unknown names as well.
Blocks read_blocks(const Node& model, Diagnostics& diagnostics) {
    Blocks out;
    const Entry* blocks = model.find("blocks");
    if (!blocks || blocks->value->is_null()) return out;
    if (!expect_map(*blocks->value, "`blocks`", blocks->key_span, diagnostics)) return out;
    for (const Entry& entry : blocks->value->entries) {
        if (!check_name(entry.key, "a block", entry.key_span, diagnostics)) continue;
        if (find_layer(entry.key) || entry.key == "repeat" || entry.key == "loop") {
            diagnostics.error(DiagnosticKind::kDuplicateKey, entry.key_span,
                              "a block cannot be called `{}`, there is a layer of that name",
                              entry.key);
            continue;
        }
        if (const Span other = definition_of(model, entry.key); other.known())
            diagnostics
                .error(DiagnosticKind::kDuplicateKey, entry.key_span,
                       "a block cannot be called `{}`, there is a definition of that name",
                       entry.key)
                .note(other, fmt::format("`{}` is here", entry.key));
        Block block = read_block(entry, diagnostics);
        block.broken = block.layers == nullptr;
        out.emplace(entry.key, std::move(block));
    }
    return out;
}

// A block is a macro: its layers are read again at each place of use. So an error shows the
// argument that is wrong together with the place of use, and nothing after this file knows blocks.
void LayerReader::read_use(Block& block, const Written& written) {
    if (block.open) {
        diagnostics_
            .error(DiagnosticKind::kCycle, written.span, "the block `{}` contains itself",
                   block.name)
            .note(block.span, "it is defined here");
        return;
    }
    if (block.broken) return;
    block.used = true;
    Use use;
    use.block = &block;
    use.span = written.span;
    use.first_layer = layers_.size();
    const size_t errors = diagnostics_.count();
    const Bindings arguments = read_arguments(block, written, use);
    if (diagnostics_.count() != errors) return;
    inherit_from(use.from, use.from_span);
    use.prefix = use_prefix(use.name, block.name);
    block.open = true;
    expand(std::move(use), arguments);
    block.open = false;
}

/// What precedes the names of the layers in a use: its own name, or that of the block, numbered.
std::string LayerReader::use_prefix(const std::string& name, const std::string& block) {
    const bool inner = !uses_.empty();
    std::string prefix = name;
    if (prefix.empty()) {
        const int number = ++names_.block_uses[(inner ? uses_.back().prefix : "") + "." + block];
        prefix = number == 1 ? block : fmt::format("{}_{}", block, number);
    }
    return inner ? uses_.back().prefix + "." + prefix : prefix;
}

// All readers accept a node that is marked as failed, so such nodes stand for the parameters of
// which nothing is known here.
void LayerReader::check(Block& block) {
    Bindings arguments = block.defaults;
    Node anything;
    anything.kind = Node::Kind::kScalar;
    anything.span = block.span;
    anything.failed = true;
    for (const KeyRow& row : block.rows)
        if (row.required()) arguments[row.key] = std::make_shared<const Node>(anything);
    Use use;
    use.block = &block;
    use.span = block.span;
    use.prefix = block.name;
    block.open = true;
    expand(std::move(use), arguments);
    block.open = false;
}

void check_unused_blocks(Blocks& blocks, const Callables& callables, Diagnostics& diagnostics) {
    for (auto& [name, block] : blocks) {
        if (block.used || block.broken) continue;
        // A base or an import has blocks for all models that use it.
        if (block.span.known() && !diagnostics.sources().file(block.span.file).used_at().known())
            diagnostics
                .warning(DiagnosticKind::kUnused, block.span, "nothing uses the block `{}`", name)
                .help(fmt::format("a layer `- {}` puts its layers in", name));
        LayerNames names;
        names.only_input = "input";
        names.unknown = true;
        names.callables = &callables;
        LayerReader(names, blocks, diagnostics).check(block);
    }
}

// The defaults of the parameters, replaced by the arguments of this use.
Bindings LayerReader::read_arguments(const Block& block, const Written& written, Use& use) {
    Bindings arguments = block.defaults;
    Node map;
    map.kind = Node::Kind::kMap;
    map.span = written.span;
    if (written.value && written.value->is_map()) {
        map = *written.value;
    } else if (written.value && block.rows.size() > 2) {
        map.entries.push_back({block.rows[0].key, written.span, written.value});
    } else if (written.value && !written.value->failed) {
        diagnostics_.error(DiagnosticKind::kWrongType,
                           written.value->is_null() ? written.span : written.value->span,
                           "block `{}` has no parameters", block.name);
        return arguments;
    }
    const std::string what = fmt::format("block `{}`", block.name);
    const Values values = read_values(map, block.rows, what, written.span, diagnostics_);
    use.name = values.text("name");
    if (const Entry* from = map.find("from"); from && !from->value->is_null()) {
        use.from = read_from(*from->value, block.name);
        use.from_span = from->value->span;
    }
    for (const Entry& entry : map.entries)
        if (entry.key != "name" && entry.key != "from") arguments[entry.key] = entry.value;
    return arguments;
}

/// What a condition computes with is one number: `kernel: [3, 3]` is an error where it is written.
void LayerReader::refuse_lists(const Use& use, const Bindings& arguments) {
    for (const auto& [name, value] : arguments) {
        if (value->failed || value->is_scalar()) continue;
        const std::string reference = "${" + name + "}";
        const auto uses = [&](const NodePtr& item) {
            const Entry* condition = item->find("condition");
            return condition && condition->value->text.find(reference) != std::string::npos;
        };
        const auto& list = use.block->requirements->items;
        if (std::any_of(list.begin(), list.end(), uses))
            diagnostics_.error(DiagnosticKind::kWrongType, value->span,
                               "`{}` of the block `{}` is one number", name, use.block->name);
    }
}

/// Whether the arguments of a use are what the block requires. A condition that is none of numbers
/// is an error once the layers were read: where an argument is no number, they have more to say.
bool LayerReader::keeps_requirements(const Use& use, const Bindings& arguments, bool after) {
    if (!use.block->requirements) return true;
    const size_t errors = diagnostics_.count();
    if (!after) refuse_lists(use, arguments);
    if (diagnostics_.count() != errors) return false;
    const NodePtr list = substitute(use.block->requirements, arguments, {}, diagnostics_);
    for (const NodePtr& item : list->items) {
        const Values values =
            read_values(*item, mapping("requirement").keys, "`requires`", item->span, diagnostics_);
        const Entry* entry = values.ok ? item->find("condition") : nullptr;
        if (!entry || entry->value->failed) continue;
        const ExpressionPtr condition =
            read_expression(*entry->value, "`condition`", diagnostics_, true);
        if (!condition) continue;
        const std::optional<double> value = constant_value(*condition);
        if (!value && after)
            diagnostics_.error(DiagnosticKind::kBadExpression, condition->span,
                               "`{}` is no condition of numbers", to_string(*condition));
        else if (value && *value == 0)
            diagnostics_
                .error(DiagnosticKind::kBadValue, use.span, "`{}` requires {}", use.block->name,
                       values.text("message"))
                .note(condition->span, fmt::format("`{}` is false", to_string(*condition)));
    }
    return diagnostics_.count() == errors;
}

// The first layer of a block takes what the block is put upon, also when it is a block or a repeat.
void LayerReader::inherit_from(std::vector<std::string>& from, Span& span) const {
    if (uses_.empty() || !from.empty() || layers_.size() != uses_.back().first_layer) return;
    const Use& around = uses_.back();
    from = around.from;
    // Inputs with names are told apart by them; the first layer takes the first.
    if (!around.block->inputs.empty() && !from.empty()) from.resize(1);
    span = around.from_span;
}

// Makes the block's names for its inputs refer to what this use is applied to.
void LayerReader::name_inputs(Use& use) {
    const std::vector<std::string>& inputs = use.block->inputs;
    if (inputs.empty()) return;
    if (use.from.empty() && inputs.size() == 1) {
        uses_.push_back(use);
        use.from = {block_input(use.span)};
        uses_.pop_back();
    }
    if (use.from.size() != inputs.size() && !names_.unknown)
        diagnostics_
            .error(DiagnosticKind::kBadValue, use.from_span.known() ? use.from_span : use.span,
                   "block `{}` is put upon {} inputs, not {}", use.block->name, inputs.size(),
                   use.from.size())
            .help(fmt::format("write `from: [{}]`", fmt::join(inputs, ", ")));
    for (size_t i = 0; i < inputs.size() && i < use.from.size(); ++i)
        names_.define(use.prefix + "." + inputs[i], use.from[i], use.span, diagnostics_);
}

// Reads the block's layers in place of its use. After the first error in a block no further one is
// reported for it, since every further use would repeat it.
void LayerReader::expand(Use use, const Bindings& arguments) {
    Block& block = *use.block;
    const size_t errors = diagnostics_.count();
    const NodePtr layers = substitute(block.layers, arguments, {}, diagnostics_);
    name_inputs(use);
    const bool fits = keeps_requirements(use, arguments, false);
    if (diagnostics_.count() == errors) {
        uses_.push_back(use);
        for (const NodePtr& item : layers->items)
            read_layer(*item, fmt::format("block `{}`", block.name));
        uses_.pop_back();
        if (diagnostics_.count() == errors) keeps_requirements(use, arguments, true);
    }
    if (diagnostics_.count() != errors) {
        block.broken = fits;
        diagnostics_.lies_inside(errors, fmt::format("in block `{}`", block.name),
                                 use.span == block.span ? "which nothing uses" : "used here",
                                 use.span);
        return;
    }
    if (use.name.empty() || layers_.empty()) return;
    // A block's name refers to the result of its last layer.
    const std::string name = uses_.empty() ? use.name : uses_.back().prefix + "." + use.name;
    LayerSpec& last = layers_.back();
    const bool unnamed = last.name.empty();
    if (unnamed) last.name = name;
    names_.define(name, last.name, use.span, diagnostics_);
    if (const LayerRow* row = find_layer(last.kind); row && unnamed)
        define_results(*row, last, use.span);
}

// The name of what `from: input` means inside a block: the layer before the block. That layer may
// have no name; then it gets one here, since `from` refers by name.
std::string LayerReader::block_input(Span where) {
    const Use& use = uses_.back();
    if (use.from.size() == 1) return use.from[0];
    LayerSpec* before = use.first_layer > 0 ? &layers_[use.first_layer - 1] : names_.before;
    if (!before) {
        if (names_.only_input.empty())
            diagnostics_.error(DiagnosticKind::kUnknownName, where,
                               "block `{}` stands first in a network of several inputs, so `input` "
                               "means none of them",
                               use.block->name);
        return names_.only_input;
    }
    if (before->name.empty()) {
        before->name = names_.unique("before_" + use.prefix);
        names_.define(before->name, before->name, before->span, diagnostics_);
    }
    return before->name;
}

}  // namespace gmc::dsl

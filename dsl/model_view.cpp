// Lookups and walks over a ModelSpec. Everything is searched by name, since models are small.
#include "dsl/model_view.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "dsl/rewrite.h"
#include "runtime/files/tables/table.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;

/// What a layer of this row can give when its key `gives_times` has this number.
std::optional<Range> given_range(const LayerRow& row, double times) {
    std::optional<Range> out = row.gives;
    if (!out) return out;
    for (double* end : {&out->low, &out->high})
        if (std::isfinite(*end)) *end = *end * times + 0.0;  // 0.0: no message says -0
    return out;
}

/// What the layer itself can give, with the numbers that the author wrote.
std::optional<Range> given_range(const LayerRow& row, const LayerSpec& layer) {
    return given_range(row, *row.gives_times ? layer.number(row.gives_times) : 1);
}

/// The ending of a list of layers; nothing when it is empty.
std::optional<Ending> layers_ending(const std::vector<LayerSpec>& layers) {
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
        const LayerRow* row = find_layer(layer->kind);  // null for repeated layers
        const LayerEffect effect = row ? row->effect : LayerEffect::kComputes;
        if (effect == LayerEffect::kMoves) continue;
        Ending out;
        out.span = layer->span;
        out.layer = &*layer;
        if (layer->has("activation")) {
            out.activation = layer->word("activation");
            if (out.activation != "none") out.span = layer->span_of("activation");
            out.range = range_of(out.activation);
        } else if (effect == LayerEffect::kActivates) {
            out.activation = layer->kind;
            out.range = given_range(*row, *layer);
        }
        return out;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Range> range_of(std::string_view activation) {
    const LayerRow* row = find_layer(activation);
    if (!row) return std::nullopt;
    const KeyRow* times = *row->gives_times ? find_key(row->keys, row->gives_times) : nullptr;
    return given_range(*row, times ? std::strtod(times->fallback, nullptr) : 1);
}

std::optional<Range> range_of(const DataField& field) {
    if (field.shape.empty()) return std::nullopt;
    if (const auto table = runtime::Table::parse(field.table)) {
        const auto [low, high] = table->span();
        return Range{low, high};
    }
    const bool floats = field.format == "npy" || field.format == "npz";
    const bool points = field.format == "synthetic" && field.source != "shapes";
    if (!field.range_given && (floats || points)) return std::nullopt;
    return Range{field.range_low, field.range_high};
}

bool has_scaled_columns(const DataField& field) {
    const auto table = runtime::Table::parse(field.table);
    return table && std::any_of(table->columns.begin(), table->columns.end(), [](const auto& c) {
               return c.kind == runtime::ColumnKind::kNumber &&
                      c.scale != runtime::ColumnScale::kNone;
           });
}

bool is_probability(const std::optional<Range>& range) {
    return range && range->low == 0 && range->high == 1;
}

std::optional<Ending> ending_of(const NetworkSpec& network) {
    if (!network.outputs.empty()) return std::nullopt;
    std::optional<Ending> out = layers_ending(network.layers);
    if (out) out->network = &network;
    return out;
}

std::string name_of(const Ending& ending) {
    const std::string network = "`" + ending.network->name + "`";
    return ending.output.empty() ? network
                                 : fmt::format("the output `{}` of {}", ending.output, network);
}

void note_block(const LayerSpec& layer, size_t first, Diagnostics& diagnostics) {
    const Span& use = layer.block_use;
    if (use.known())
        diagnostics.lies_inside(
            first, fmt::format("in block `{}`", diagnostics.sources().text(use)), "used here", use);
}

bool is_judge(const NetworkSpec& network) {
    for (const std::string_view word : {"discriminator", "critic"})
        if (network.role == word || network.name == word) return true;
    return false;
}

const NetworkSpec* ModelView::network(std::string_view name) const {
    for (const NetworkSpec& network : spec_.networks)
        if (network.name == name) return &network;
    return nullptr;
}

const NamedExpression* ModelView::let(std::string_view name) const {
    for (const NamedExpression& entry : spec_.objective.let)
        if (entry.name == name) return &entry;
    return nullptr;
}

const Definition* ModelView::definition(std::string_view name) const {
    for (const Definition& definition : spec_.definitions)
        if (definition.name == name) return &definition;
    return nullptr;
}

std::set<std::string> ModelView::networks_within(const std::string& name) const {
    std::set<std::string> out{name};
    const NetworkSpec* self = network(name);
    if (self == nullptr) return out;
    // Names within layers are layers and inputs, also where an entry of `let` is called so.
    std::vector<std::string> entries;
    for (const NamedExpression& entry : spec_.objective.let) entries.push_back(entry.name);
    const Visit add = [&](const Expression& part) {
        if (part.kind != Kind::kCall || !network(part.text)) return;
        const std::set<std::string> inner = networks_within(part.text);
        out.insert(inner.begin(), inner.end());
    };
    for_each_layer(*self, [&](const LayerSpec& layer) {
        for (const auto& [key, value] : layer.expressions) walk(*value, add, entries);
    });
    return out;
}

const Expression& ModelView::inlined(const Definition& definition, const Expression& call) const {
    ExpressionPtr& made = inlined_[&call];
    if (made) return *made;
    Replacements arguments;
    const size_t count = std::min(definition.parameters.size(), call.arguments.size());
    for (size_t i = 0; i < count; ++i) {
        const ExpressionPtr& argument = call.arguments[i];
        arguments.names[definition.parameters[i]] = argument;
        if (argument->kind == Kind::kName)
            arguments.callees[definition.parameters[i]] = argument->text;
    }
    made = replace(definition.body, arguments, {});
    return *made;
}

const Expression& ModelView::resolved(const Expression& e) const {
    // Entries may form a cycle, which let_chains.cpp reports; until then this must end. A chain
    // that is longer than this is simply not followed to its end.
    constexpr int kMostSteps = 100;
    const Expression* at = &e;
    for (int step = 0; step < kMostSteps; ++step) {
        const NamedExpression* entry = at->kind == Kind::kName ? let(at->text) : nullptr;
        const bool wrapped = at->kind == Kind::kCall && at->arguments.size() == 1 &&
                             (at->text == "averaged" || at->text == "stop_gradient");
        const Definition* own = at->kind == Kind::kCall ? definition(at->text) : nullptr;
        if (!entry && !wrapped && !own) break;
        at = entry ? entry->value.get() : own ? &inlined(*own, *at) : at->arguments[0].get();
    }
    return *at;
}

const DataField* ModelView::field_of(const Expression& e) const {
    const Expression& named = resolved(e);
    const bool member = named.kind == Kind::kMember && named.arguments[0]->text == "data";
    if (!member && named.kind != Kind::kName) return nullptr;
    for (const DataField& field : spec_.data)
        if (field.name == named.text) return &field;
    return nullptr;
}

/// Two forms are looked through: `net(x)` itself, and `q.mean` where `q` stands for `encoder(x)`;
/// then it is the named output whose last layer counts.
std::optional<Ending> ModelView::ending_of(const Expression& e) const {
    const Expression& value = resolved(e);
    if (value.kind == Kind::kCall) {
        const NetworkSpec* applied = network(value.text);
        return applied ? dsl::ending_of(*applied) : std::nullopt;
    }
    if (value.kind != Kind::kMember) return std::nullopt;
    const Expression& owner = resolved(*value.arguments[0]);
    const NetworkSpec* applied = owner.kind == Kind::kCall ? network(owner.text) : nullptr;
    if (!applied) return std::nullopt;
    for (const NetworkOutput& output : applied->outputs) {
        if (output.name != value.text) continue;
        std::optional<Ending> out = layers_ending(output.layers);
        if (out) out->network = applied;
        if (out) out->output = output.name;
        return out;
    }
    return std::nullopt;
}

void ModelView::walk(const Expression& e, const Visit& visit, Into into,
                     std::set<std::string>& seen) const {
    const bool constant =
        e.kind == Kind::kCall && (e.text == "stop_gradient" || e.text == "averaged");
    if (into == Into::kWhatLearns && constant) return;
    visit(e);
    if (e.kind == Kind::kName)
        if (const NamedExpression* entry = let(e.text); entry && seen.insert(e.text).second)
            walk(*entry->value, visit, into, seen);
    if (e.kind == Kind::kCall)
        if (const Definition* own = definition(e.text); own && seen.insert(e.text + "(").second)
            walk(inlined(*own, e), visit, into, seen);
    for (size_t i = 0; i < e.arguments.size(); ++i) {
        const std::set<std::string> bound = names_bound(e, i);
        seen.insert(bound.begin(), bound.end());
        walk(*e.arguments[i], visit, into, seen);
    }
}

void ModelView::walk(const Expression& e, const Visit& visit,
                     const std::vector<std::string>& bound) const {
    std::set<std::string> seen(bound.begin(), bound.end());
    walk(e, visit, Into::kAll, seen);
}

void ModelView::walk_losses(const Visit& visit) const {
    for (const MinimizeSpec& entry : spec_.objective.minimize) {
        walk(*entry.loss, visit);
        for (const NamedExpression& metric : entry.metrics) walk(*metric.value, visit);
    }
    for (const StateSpec& state : spec_.objective.states) walk(*state.update, visit);
}

void ModelView::walk_functions(const Visit& visit) const {
    for (const FunctionSpec& function : spec_.objective.functions)
        for (const NamedExpression& result : function.results)
            walk(*result.value, visit, function.parameters);
}

std::set<std::string> ModelView::networks_in(const Expression& e, Into into) const {
    std::set<std::string> out, seen;
    const Visit add = [&](const Expression& part) {
        const bool named = part.kind == Kind::kCall || part.kind == Kind::kName;
        if (!named || !network(part.text)) return;
        const std::set<std::string> all = networks_within(part.text);
        out.insert(all.begin(), all.end());
    };
    walk(e, add, into, seen);
    return out;
}

std::set<std::string> ModelView::networks_in(const Expression& e) const {
    return networks_in(e, Into::kAll);
}

std::set<std::string> ModelView::learning_networks_in(const Expression& e) const {
    return networks_in(e, Into::kWhatLearns);
}

}  // namespace gmc::dsl

// Keeps track of states, inputs and random streams while functions are built.
#include "dsl/lower/scope.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "dsl/lower/broadcasting.h"

namespace gmc::lower {

using ir::kNone;
using ir::ValueId;

ir::Location ModuleScope::locate(const Span& span) {
    if (!span.known()) return {};
    const std::string& path = diagnostics.sources().file(span.file).path();
    size_t i = 0;
    while (i < module.files.size() && module.files[i] != path) ++i;
    if (i == module.files.size()) module.files.push_back(path);
    return {static_cast<int32_t>(i), static_cast<int32_t>(span.line),
            static_cast<int32_t>(span.column)};
}

bool ModuleScope::reported_once(const Span& place, const std::string& text) {
    return reported.insert(fmt::format("{}:{}:{} {}", place.file, place.line, place.column, text))
        .second;
}

/// Whether the number cannot leave a range that the ends of its schedule keep to.
static bool keeps_to_its_ends(const Expression& e, const dsl::Range& range) {
    if (e.kind == Expression::Kind::kBinary && e.text == "*" &&
        e.arguments[1]->kind == Expression::Kind::kCall && e.arguments[1]->text == "warm_up")
        return range.low <= 0 && !range.open_low && keeps_to_its_ends(*e.arguments[0], range);
    if (e.kind != Expression::Kind::kCall) return dsl::constant_value(e).has_value();
    if (e.text == "linear" || e.text == "cosine" || e.text == "cyclical") return true;
    const std::optional<double> factor =
        e.text == "steps" ? dsl::constant_value(*e.arguments[1]) : std::nullopt;
    return range.low <= 0 && (e.text == "one_cycle" || (factor && *factor <= 1));
}

void ModuleScope::watch(const dsl::Expression& value, const std::string& what,
                        const dsl::Range& range) {
    if (range.low == range.high || keeps_to_its_ends(view.resolved(value), range)) return;
    const auto is_same = [&](const Watched& other) { return other.value->span == value.span; };
    if (std::none_of(watched.begin(), watched.end(), is_same))
        watched.push_back({&value, what, range});
}

/// Only initializers that draw random numbers take a stream. So a bias that is added to a model
/// does not change the first values of all weights behind it.
ir::StateId ModuleScope::declare(ir::State state) {
    const auto id = static_cast<ir::StateId>(module.states.size());
    if (const auto [known, fresh] = state_ids.try_emplace(state.name, id); !fresh)
        return known->second;
    check_size(state.type, state.location);
    // Optimizers join the weights that they move to one tensor.
    if (state.role == ir::StateRole::kParameter) weights += ir::packed_size(state.type.elements());
    if (weights > ir::kMostElements)
        throw ir::TooLarge(
            fmt::format("with this the model has {:.3g} weights; at most 2^40 = {:.3g} fit",
                        static_cast<double>(weights), static_cast<double>(ir::kMostElements)),
            state.location);
    state_bytes += state.type.bytes();
    if (state_bytes > ir::kLargestMemory / 2)  // the rest is for copies of them
        throw ir::TooLarge(fmt::format("with this the states of the model have {} GiB; at most {} "
                                       "fit",
                                       state_bytes >> 30, ir::kLargestMemory >> 31),
                           state.location);
    state.initializer.stream = next_stream++;
    if (state.initializer.kind == "zeros" || state.initializer.kind == "ones" ||
        state.initializer.kind == "constant") {
        state.initializer.stream = 0;
        --next_stream;
    }
    module.states.push_back(std::move(state));
    return id;
}

bool ModuleScope::is_frozen(const dsl::NetworkSpec& network, const std::string& path) const {
    if (!network.weights) return false;
    const std::vector<std::string>& layers = network.weights->frozen_layers;
    return std::any_of(layers.begin(), layers.end(), [&](const std::string& layer) {
        return (path + ".").starts_with(network.name + "." + layer + ".");
    });
}

/// Copies each state, with its stream of random numbers: both start equal. The role is
/// that of a slot, since no gradient is taken with respect to an average.
void ModuleScope::declare_averages(const dsl::MinimizeSpec& entry) {
    if (!entry.average) return;
    averaged_networks.insert(entry.networks.begin(), entry.networks.end());
    const size_t count = module.states.size();
    const auto is_followed = [&](const ir::State& state) {
        const bool own =
            std::any_of(entry.networks.begin(), entry.networks.end(),
                        [&](const auto& n) { return state.name.starts_with(n + "."); });
        // Other statistics, as the vectors of a spectral norm, are not numbers that have a mean.
        const bool moments =
            state.role == ir::StateRole::kStatistic &&
            (state.name.ends_with(kMovingMean) || state.name.ends_with(kMovingVariance));
        return own &&
               (state.role == ir::StateRole::kParameter || (entry.average_statistics && moments));
    };
    for (size_t i = 0; i < count; ++i) {
        ir::State average = module.states[i];
        const auto id = static_cast<ir::StateId>(i);
        if (!is_followed(average)) continue;
        average.name = "average." + average.name;
        average.role = ir::StateRole::kSlot;
        averages[id] = static_cast<ir::StateId>(module.states.size());
        state_ids[average.name] = averages[id];
        module.states.push_back(std::move(average));
    }
}

FunctionScope::FunctionScope(ModuleScope& module_scope, std::string name, bool is_training)
    : m(module_scope), b(module_scope.module, function), training(is_training) {
    function.name = std::move(name);
}

FunctionScope::FunctionScope(FunctionScope& outer_scope, std::string name)
    : m(outer_scope.m),
      b(m.module, function),
      training(outer_scope.training),
      averaged(outer_scope.averaged),
      outer_(&outer_scope) {
    function.name = std::move(name);
    function.is_body = true;
    b.set_location(outer_scope.b.location());
    if (outer_scope.valid != kNone) valid = capture(outer_scope.valid);
}

ValueId FunctionScope::state(ir::StateId id) {
    const auto average = m.averages.find(id);
    const bool moves = training && m.module.states[id].role == ir::StateRole::kStatistic;
    if (averaged && average != m.averages.end() && !moves) id = average->second;
    return current(id);
}

ValueId FunctionScope::current(ir::StateId id) {
    const auto found = current_.find(id);
    if (found != current_.end()) return found->second;
    return outer_ ? capture(outer_->current(id)) : function.state_value(id, m.module);
}

ValueId FunctionScope::for_each_example(ValueId tensor, int64_t examples) {
    const ir::Shape shape = batched(examples > 0 ? examples : m.batch, b.shape(tensor));
    const ValueId all = spread(b, tensor, false, shape, true);
    same_for_all[all] = tensor;
    return all;
}

ValueId FunctionScope::capture(ValueId outside) {
    const auto [slot, fresh] = captures_.try_emplace(outside, kNone);
    if (!fresh) return slot->second;
    const ir::Value& value = outer_->function.values[outside];
    slot->second = function.add_value(value.name, value.type);
    function.inputs.push_back({slot->second, {ir::InputSource::Kind::kCaptured, ""}});
    if (const auto field = outer_->fields.find(outside); field != outer_->fields.end())
        fields[slot->second] = field->second;
    return slot->second;
}

std::string FunctionScope::body_name(const std::string& loop) {
    const FunctionScope* root = this;
    while (root->outer_) root = root->outer_;
    const std::string wish = root->function.name + "." + loop;
    std::string name = wish;
    const auto is_taken = [&](const ir::Function& body) { return body.name == name; };
    for (int i = 1; std::any_of(bodies().begin(), bodies().end(), is_taken); ++i)
        name = fmt::format("{}.{}", wish, i);
    return name;
}

/// The same parts are packed once. That also finds what set_packed left: the next entry of a step
/// that updates the same parameters reads the packed tensor itself, without unpacking and packing
/// it again.
ValueId FunctionScope::packed(const std::vector<ir::StateId>& ids) {
    std::vector<ValueId> parts;
    for (ir::StateId id : ids) parts.push_back(state(id));
    for (const Packed& known : packed_)
        if (known.parts == parts) return known.value;
    packed_.push_back({parts, b.emit(ir::Pack{}, parts)});
    return packed_.back().value;
}

/// Each part begins where the one before ends, rounded up by packed_size.
void FunctionScope::set_packed(const std::vector<ir::StateId>& ids, ValueId value) {
    std::vector<ValueId> parts;
    int64_t position = 0;
    for (ir::StateId id : ids) {
        const ir::Type& type = m.module.states[id].type;
        parts.push_back(b.packed_part(value, position, type.shape));
        position += ir::packed_size(type.elements());
        set_state(id, parts.back());
    }
    packed_.push_back({std::move(parts), value});
}

ValueId FunctionScope::input(const std::string& name, const ir::InputSource& source,
                             ir::Shape shape) {
    if (outer_) return capture(outer_->input(name, source, std::move(shape)));
    check_size(ir::f32(shape), b.location());
    for (const ir::Input& known : function.inputs)
        if (known.source == source && function.values[known.value].name == name) return known.value;
    const ValueId value = function.add_value(name, ir::f32(std::move(shape)));
    function.inputs.push_back({value, source});
    return value;
}

ValueId FunctionScope::random_normal(ir::Shape shape) {
    return b.emit_typed(ir::RandomNormal{m.next_stream++}, {}, ir::f32(std::move(shape)), "normal");
}

ValueId FunctionScope::random_uniform(ir::Shape shape) {
    return b.emit_typed(ir::RandomUniform{m.next_stream++}, {}, ir::f32(std::move(shape)),
                        "uniform");
}

ValueId FunctionScope::batch_sum(ValueId x) {
    if (valid == ir::kNone) return b.reduce_sum(x, {0});
    const ValueId counted = b.mul(x, b.broadcast(valid, {0}, b.shape(x)));
    over_batch.push_back({b.reduce_sum(counted, {0}), OverBatch::Kind::kSum});
    return over_batch.back().value;
}

/// x * 1 + 0 for an example, x * 0 - max for padding.
ValueId FunctionScope::without_padding(ValueId x) {
    const ValueId real = b.broadcast(valid, {0}, b.shape(x));
    const ValueId padding = b.sub(real, b.constant(1, b.shape(x)));
    return b.add(b.mul(x, real), b.scale(padding, std::numeric_limits<float>::max()));
}

ValueId FunctionScope::batch_largest(ValueId x) {
    if (valid == ir::kNone) return b.emit(ir::ReduceMax{{0}}, {x});
    over_batch.push_back(
        {b.emit(ir::ReduceMax{{0}}, {without_padding(x)}), OverBatch::Kind::kLargest});
    return over_batch.back().value;
}

/// m + log(sum(exp(x - m))) with m the largest x.
ValueId FunctionScope::batch_log_sum(ValueId x) {
    if (valid != ir::kNone) x = without_padding(x);
    const ValueId largest = b.emit(ir::StopGradient{}, {b.emit(ir::ReduceMax{{0}}, {x})});
    const ValueId everywhere =
        b.broadcast(largest, ir::other_axes(b.type(x).rank(), {0}), b.shape(x));
    const ValueId sum = b.reduce_sum(b.emit(ir::Exp{}, {b.sub(x, everywhere)}), {0});
    const ValueId value = b.add(largest, b.emit(ir::Log{}, {sum}));
    if (valid != ir::kNone) over_batch.push_back({value, OverBatch::Kind::kLogSum});
    return value;
}

ValueId FunctionScope::batch_mean(ValueId x) {
    if (valid == ir::kNone) return b.reduce_mean(x, {0});
    const ValueId sum = batch_sum(x);
    over_batch.push_back({b.reduce_sum(valid, {0}), OverBatch::Kind::kCount});
    return b.div(sum, b.splat(over_batch.back().value, b.shape(sum)));
}

/// A state whose value is still the one that the function was called with is not written back.
ir::Function FunctionScope::finish() {
    for (const auto& [state_id, value] : current_)
        if (function.values[value].state != state_id) function.updates.push_back({state_id, value});
    for (ir::Function& body : bodies_) m.module.functions.push_back(std::move(body));
    bodies_.clear();
    return std::move(function);
}

ir::Shape batched(int64_t batch, const ir::Shape& example) {
    ir::Shape shape{batch};
    shape.insert(shape.end(), example.begin(), example.end());
    return shape;
}

ir::Shape example_of(const ir::Shape& shape) { return {shape.begin() + 1, shape.end()}; }

}  // namespace gmc::lower

// Everything around the ops of a random graph: inputs, states, gradients, results, updates, and the
// module.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tests/numeric/random_graph/random_graph_maker.h"

namespace gmc::tests {

GraphMaker::GraphMaker(RandomGraph& graph, const RandomGraphOptions& options)
    : random(graph.seed),
      b(graph.module, graph.module.functions.at(0)),
      graph_(graph),
      options_(options) {
    const int64_t factor = is_large() ? 5 : 1;
    const ir::Shape image =
        of_batch({random.integer(1, 3), random.integer(2, 4 * factor),
                  random.integer(2, 4 * factor), random.integer(1, 3 * factor)});
    const ir::Shape twin = of_batch(random_shape(1));
    add_input(image, -1, 1, false);
    add_input(of_batch(random_shape(2)), -2, 2, false);
    add_input(twin, -2, 3, true);
    add_state(twin);
    add_state(twin);  // two of one shape, so that they can be swapped
    add_state(random_shape());
    add_state({3, 3, image[3], 2});
}

std::vector<double> GraphMaker::numbers(int64_t count, double low, double high, bool whole) {
    std::vector<double> out;
    for (int64_t i = 0; i < count; ++i) {
        const double x = random.uniform(low, high);
        out.push_back(whole ? std::floor(x) : x);
    }
    return out;
}

/// With a row per example, where the graph is a step.
ir::Shape GraphMaker::of_batch(ir::Shape shape) const {
    if (is_step()) shape[0] = options_.batch;
    return shape;
}

ir::ValueId GraphMaker::add_input(ir::Shape shape, double low, double high, bool whole) {
    ir::Function& function = b.function();
    const std::string name = fmt::format("x{}", function.inputs.size());
    const ir::ValueId id = function.add_value(name, ir::f32(std::move(shape)));
    function.inputs.push_back({id, random.chance(0.5) && !is_step()
                                       ? ir::InputSource{}
                                       : ir::InputSource::data("image")});
    graph_.run.inputs[name] = numbers(b.type(id).elements(), low, high, whole);
    note(id, {low, high, 0, true});
    return id;
}

void GraphMaker::add_state(ir::Shape shape) {
    ir::Module& module = b.module();
    const auto id = static_cast<ir::StateId>(module.states.size());
    ir::State state;
    state.name = fmt::format("net.w{}", id);
    state.type = ir::f32(std::move(shape));
    state.role = random.pick(
        std::vector{ir::StateRole::kParameter, ir::StateRole::kStatistic, ir::StateRole::kSlot});
    state.initializer.kind = random.pick(std::vector<std::string>{"zeros", "constant", "normal"});
    if (state.initializer.kind != "zeros") state.initializer.value = random.uniform(0, 1);
    if (random.chance(0.5)) state.initializer.stream = random.integer(0, 3);
    state.location = {0, 12, static_cast<int32_t>(id) + 1};
    graph_.run.states[state.name] = numbers(state.type.elements(), -1, 1, false);
    module.states.push_back(std::move(state));
    note(b.function().state_value(id, module), {-1, 1, 0, true});
}

/// The gradient of a mean square by all inputs and states, and of one of these gradients once more.
void GraphMaker::add_gradients() {
    const ir::ValueId y = any([&](ir::ValueId v) { return !facts(v).exact; });
    if (y == ir::kNone) return;
    const auto scalar = [&](ir::ValueId v) {
        return b.reduce_mean(b.mul(v, v), ir::all_axes(b.type(v).rank()));
    };
    const auto differentiate = [&](ir::ValueId f, std::vector<ir::ValueId> sources) {
        ir::Operation op{ir::Gradient{}, {f}, {}, b.location(), {}};
        for (ir::ValueId source : sources) {
            op.operands.push_back(source);
            op.results.push_back(b.function().add_value("", b.type(source)));
        }
        b.function().operations.push_back(op);
        return op.results;
    };
    std::vector<ir::ValueId> sources(pool_.begin(), pool_.begin() + 7);  // the inputs and states
    const auto first = differentiate(scalar(y), sources);
    const auto second = differentiate(scalar(first[0]), {sources[0], sources[5]});
    for (const auto& list : {first, second})
        for (ir::ValueId g : list)
            b.function().results.push_back(
                {fmt::format("gradient{}", b.function().results.size()), g});
}

/// Does what an optimizer does: packs some states in any order, and updates them as parts of one
/// value.
void GraphMaker::add_packed_update() {
    ir::Function& function = b.function();
    std::vector<ir::StateId> left{0, 1, 2, 3}, ids;
    for (int64_t count = random.integer(1, 4); count > 0; --count) {
        ids.push_back(random.pick(left));
        std::erase(left, ids.back());
    }
    std::vector<ir::ValueId> old, gradients;
    for (ir::StateId id : ids) {
        old.push_back(function.state_value(id, b.module()));
        const ir::Shape shape = b.shape(old.back());
        gradients.push_back(like(shape));
        std::erase_if(function.updates, [&](const ir::Update& u) { return u.state == id; });
    }
    const ir::ValueId packed = b.emit(ir::Pack{}, old), gradient = b.emit(ir::Pack{}, gradients);
    const ir::ValueId moved = b.sub(packed, b.scale(gradient, 0.25));
    int64_t position = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
        const ir::ValueId part = b.packed_part(moved, position, b.shape(old[i]));
        position += ir::packed_size(b.type(old[i]).elements());
        function.updates.push_back({ids[i], part});
        if (random.chance(0.2)) function.results.push_back({fmt::format("new{}", i), part});
    }
}

/// Gives some ops a place in a model file, and others none.
void GraphMaker::place_locations() {
    for (ir::Operation& op : b.function().operations)
        if (random.chance(0.5))
            op.location = {static_cast<int32_t>(random.integer(0, 1)),
                           static_cast<int32_t>(random.integer(1, 99)),
                           static_cast<int32_t>(random.integer(1, 40))};
}

/// Most states are updated; sometimes two exchange their values, which a plan that updates in place
/// has to notice.
void GraphMaker::finish() {
    ir::Function& function = b.function();
    for (const ir::StateId id : {0, 1, 2, 3}) {
        const ir::Shape wanted = b.module().states[static_cast<size_t>(id)].type.shape;
        if (random.chance(0.8)) function.updates.push_back({id, like(wanted)});
    }
    if (random.chance(0.2)) {
        const auto entry = [&](ir::StateId id) { return function.state_value(id, b.module()); };
        std::erase_if(function.updates, [](const ir::Update& u) { return u.state < 2; });
        function.updates.push_back({0, entry(1)});
        function.updates.push_back({1, entry(0)});
    }
    if (random.chance(0.4)) add_packed_update();
    const int64_t results = random.integer(2, 5);
    function.results.push_back({"last", pool_.back()});
    while (static_cast<int64_t>(function.results.size()) < results)
        function.results.push_back({fmt::format("r{}", function.results.size()), any()});
    if (options_.gradients) add_gradients();
    place_locations();
}

uint64_t seed_count(uint64_t usual) {
    const char* factor = std::getenv("GMC_SEED_FACTOR");
    return factor == nullptr ? usual
                             : usual * static_cast<uint64_t>(std::max(1, std::atoi(factor)));
}

RandomGraph random_graph(uint64_t seed, const RandomGraphOptions& options) {
    RandomGraph graph;
    graph.seed = seed;
    graph.module.name = fmt::format("random \"graph\" {}", seed);
    graph.module.files = {"models/random.yaml", "models/recipes/other.yaml"};
    graph.module.description = "a \\ \"quoted\"\nline";
    graph.module.data = {{"text", {4, 4, 1}, "npz", "a \"file\".npz", "key", {-1, 0.1}, true}};
    graph.module.training = ir::Training{options.batch > 0 ? options.batch : 128, 3};
    graph.module.schedule = {{"f", 5}};
    graph.module.functions.emplace_back().name = std::string("f");
    graph.run.call = {seed * 0x9E3779B97F4A7C15u + 1, static_cast<uint32_t>(seed % 7), 3, 0.5};
    GraphMaker maker(graph, options);
    maker.grow_to(
        static_cast<int>(maker.random.integer(options.operations_low, options.operations_high)));
    maker.finish();
    return graph;
}

}  // namespace gmc::tests

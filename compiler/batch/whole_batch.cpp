// First what must be computed for the whole batch is found: whenever the examples cannot be
// followed through an operation, that one is left out, and they are followed anew. Then those are
// added that cost less so: what reads a large value of the whole batch should be one of them, where
// little else must be sent for it.
#include "compiler/batch/whole_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "compiler/batch/min_cut.h"

namespace gmc {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// What costs as much as to send a byte: so many additions of a loop, or so many products of a
/// contraction (at 10 Gb/s and some GHz).
constexpr int64_t kAdditionsPerByte = 8, kProductsPerByte = 20;

bool is_in_shards(const Operation& op, const BatchAxes& axes) {
    return std::any_of(op.results.begin(), op.results.end(),
                       [&](ValueId v) { return axes.of[v] || axes.sums[v]; });
}

/// Adds the operations that it costs less to compute for the whole batch than to send what they
/// give. The cut of a graph says which: its nodes are operations; an operation whose result goes to
/// the side of the whole batch costs what is sent, one on that side what it computes.
class WholeGrower {
  public:
    WholeGrower(const Function& function, const BatchAxes& axes, WholeValues& whole)
        : f_(function),
          axes_(axes),
          whole_(whole),
          makers_(function.values.size(), MinCut::kSource),
          sent_(function.values.size(), kNone) {}

    void run() {
        std::vector<int> nodes;
        for (const Operation& op : f_.operations) nodes.push_back(add(op));
        for (const Update& update : f_.updates) need_whole(update.value);
        for (const NamedValue& result : f_.results) need_whole(result.value);
        const std::vector<bool> side = cut_.sink_side();
        for (size_t i = 0; i < nodes.size(); ++i)
            if (nodes[i] != kNone && side[nodes[i]]) make_whole(f_.operations[i]);
    }

  private:
    bool is_whole(const Operation& op) const { return whole_[op.result()]; }
    void make_whole(const Operation& op) {
        for (ValueId v : op.results) whole_[v] = true;
    }

    /// The node of an operation; kNone where it is the same for all examples.
    int add(const Operation& op) {
        if (!is_whole(op) && !is_in_shards(op, axes_)) return kNone;
        const int node = cut_.add_node();
        if (is_whole(op)) cut_.add_edge(node, MinCut::kSink, MinCut::kNever);
        cut_.add_edge(MinCut::kSource, node, is_whole(op) ? 0 : cost(op));
        for (ValueId v : op.operands)
            if (axes_.of[v] && f_.values[v].state == kNone)
                cut_.add_edge(sent(v), node, MinCut::kNever);
        for (ValueId v : op.results) {
            makers_[v] = node;
            // Sums of shards are sent in any case.
            if (axes_.sums[v]) cut_.add_edge(sent(v), MinCut::kSink, MinCut::kNever);
        }
        return node;
    }
    /// The node between who makes a value and who reads it as a whole: it is sent once to all.
    int sent(ValueId v) {
        if (sent_[v] == kNone) {
            sent_[v] = cut_.add_node();
            cut_.add_edge(makers_[v], sent_[v], f_.type(v).bytes());
        }
        return sent_[v];
    }
    void need_whole(ValueId v) {
        if (axes_.of[v] && f_.values[v].state == kNone)
            cut_.add_edge(sent(v), MinCut::kSink, MinCut::kNever);
    }

    /// In bytes that could be sent meanwhile. Networks stay in the shards.
    int64_t cost(const Operation& op) const {
        const int64_t elements = f_.type(op.result()).elements();
        if (op.as<Matmul>() != nullptr && !axes_.sums[op.result()]) {
            const int64_t columns = f_.type(op.result()).shape.back();
            return f_.type(op.operands[0]).elements() * columns / kProductsPerByte + 1;
        }
        const bool is_light = fits_in_loop(op.info()) || op.as<Reshape>() != nullptr ||
                              op.as<Transpose>() != nullptr || op.as<Slice>() != nullptr ||
                              op.as<Concat>() != nullptr || op.as<Pad>() != nullptr;
        if (!is_light) return MinCut::kNever;
        const int64_t read = op.info().has(kReduction) ? f_.type(op.operands[0]).elements() : 0;
        return std::max(read, elements) * op.info().cost / kAdditionsPerByte + 1;
    }

    const Function& f_;
    const BatchAxes& axes_;
    WholeValues& whole_;
    MinCut cut_;
    std::vector<int> makers_;  ///< by value: the node of the operation; the source for inputs
    std::vector<int> sent_;    ///< by value: the node; kNone where nothing may need it
};

/// The networks themselves are then computed in each process.
bool is_heavy(const Operation& op) {
    return op.as<Scan>() != nullptr || (op.info().has(kContraction) && op.as<Matmul>() == nullptr);
}

/// Whether the body of a scan draws random numbers that are the same for all examples: in shards
/// they would be others in each.
bool draws_for_all(const Module& module, const Operation& scan,
                   const std::map<std::string, BatchAxes>& bodies) {
    const Function* body = body_of(module, scan);
    if (body == nullptr) return false;
    const BatchAxes& axes = bodies.at(body->name);
    return std::any_of(body->operations.begin(), body->operations.end(), [&](const Operation& op) {
        const bool draws = op.as<RandomNormal>() != nullptr || op.as<RandomUniform>() != nullptr;
        return (draws && !axes.of[op.result()]) || draws_for_all(module, op, axes.bodies);
    });
}

}  // namespace

ShardedStep shard_step(const Module& module, const Function& function, Diagnostics& diagnostics) {
    ShardedStep step{find_batch_axes(module, function, BatchSums::kAllowed),
                     WholeValues(function.values.size(), false)};
    std::set<std::string> warned;  // a loop and its gradient are two scans
    const auto make_whole = [&](const Operation& op, const std::string& why) {
        for (ValueId v : op.results) step.whole[v] = true;
        if (const Scan* scan = op.as<Scan>()) step.axes.bodies.erase(scan->body);
        if (!is_heavy(op) || !warned.insert(why).second) return;
        diagnostics
            .warning(DiagnosticKind::kNotPerExample, {},
                     "every process computes a part of `{}` for all examples: {}", function.name,
                     why)
            .help(fmt::format("this `{}` takes as long with several processes as with one",
                              op.info().name));
    };
    if (!step.axes.why.empty()) step.axes = find_batch_axes(module, function, step.whole);
    while (step.axes.coupled != kNone) {
        const auto is_it = [&](const Operation& op) { return op.result() == step.axes.coupled; };
        make_whole(*std::find_if(function.operations.begin(), function.operations.end(), is_it),
                   step.axes.why);
        step.axes = find_batch_axes(module, function, step.whole);
    }
    if (!step.axes.why.empty()) return step;
    for (const Operation& op : function.operations)
        if (!step.is_whole(op) && is_in_shards(op, step.axes) &&
            draws_for_all(module, op, step.axes.bodies))
            make_whole(op, fmt::format("`{}` draws numbers for all examples", op.info().name));
    if (std::find(step.whole.begin(), step.whole.end(), true) != step.whole.end())
        WholeGrower(function, step.axes, step.whole).run();
    return step;
}

}  // namespace gmc

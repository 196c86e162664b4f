// Renames the tensors of a file as `map` says, pairs them with states, and reports those that do
// not fit.
#include "runtime/weights/pairing.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "compiler/support/edit_distance.h"
#include "runtime/weights/offered.h"
#include "runtime/weights/pytorch_layout.h"
#include "runtime/weights/weight_file.h"

namespace gmc::runtime {
namespace {

/// What a checkpoint, or a `state_dict`, has beside weights.
bool is_training_state(const std::string& name) {
    return name.starts_with("optimizer.") || name.starts_with(kAveragePrefix) ||
           name.starts_with(kEpochStartPrefix) || name.starts_with(kOuterMomentumPrefix) ||
           name.starts_with("batch.") || after_last_dot(name) == "num_batches_tracked";
}

/// Whether gmc wrote the file.
bool is_of_gmc(const SafetensorsFile& file) {
    const std::string* format = file.metadata("format");
    return format != nullptr && format->starts_with("gmc-");
}

std::vector<Offered> all_of(const SafetensorsFile& file) {
    std::vector<Offered> out;
    for (const StoredTensor& tensor : file.tensors())
        if (!is_training_state(tensor.name)) out.push_back({tensor.name, &tensor});
    return out;
}

/// The tensors of one network of the file, under names that begin with the name of `network`.
std::vector<Offered> of_network(const SafetensorsFile& file, const ir::Network& network) {
    const std::string prefix = network.source.empty() ? "" : network.source + ".";
    std::vector<Offered> out;
    for (Offered& each : all_of(file))
        if (each.name.starts_with(prefix))
            out.push_back(
                {fmt::format("{}.{}", network.name, each.name.substr(prefix.size())), each.tensor});
    return out;
}

/// Whether `name` is the layer `part`, or one of its parts.
bool is_below(const std::string& name, const std::string& part) {
    return name.starts_with(part) && (name.size() == part.size() || name[part.size()] == '.');
}

/// The entries "ours=theirs" of a network's `map`.
class Renames {
  public:
    explicit Renames(const ir::Network& network) : prefix_(network.name + ".") {
        for (const std::string& entry : network.map) {
            const size_t middle = entry.find('=');
            ours_.push_back(prefix_ + entry.substr(0, middle));
            theirs_.push_back(prefix_ + entry.substr(middle + 1));
        }
    }

    /// Gives tensors the names that the map says. A tensor that has such a name already, but is not
    /// the one that the map says, is left out.
    void apply(std::vector<Offered>& offered) const {
        std::vector<Offered> out;
        for (const Offered& each : offered) {
            const size_t entry = entry_of(each.name, theirs_);
            // Several layers here may be one there.
            for (size_t i = entry; i < theirs_.size(); ++i)
                if (theirs_[i] == theirs_[entry])
                    out.push_back({ours_[i] + each.name.substr(theirs_[i].size()), each.tensor});
            if (entry == theirs_.size() && entry_of(each.name, ours_) == ours_.size())
                out.push_back(each);
        }
        offered = std::move(out);
    }

    /// Adds a line to `wrong` for each name in the map that the model or the file does not have.
    void check(const std::vector<Offered>& offered, const ir::Module& module,
               const std::vector<ir::StateId>& states, bool is_pytorch,
               std::vector<std::string>& wrong) const {
        std::vector<std::string> there, here;
        for (const Offered& each : offered) there.push_back(each.name);
        for (const ir::StateId id : states) {
            const ir::State& state = module.states[id];
            here.push_back(is_pytorch ? pytorch_tensor(module, state).name : state.name);
        }
        for (size_t i = 0; i < ours_.size(); ++i) {
            check_side(ours_[i], here, "the model", wrong);
            check_side(theirs_[i], there, "the file", wrong);
        }
    }

  private:
    /// The number of the longest entry of a side that `name` is below; side.size() when there is
    /// none.
    static size_t entry_of(const std::string& name, const std::vector<std::string>& side) {
        size_t best = side.size();
        for (size_t i = 0; i < side.size(); ++i)
            if (is_below(name, side[i]) &&
                (best == side.size() || side[i].size() > side[best].size()))
                best = i;
        return best;
    }

    void check_side(const std::string& name, const std::vector<std::string>& known,
                    const std::string& who, std::vector<std::string>& wrong) const {
        std::set<std::string> names;
        for (const std::string& each : known) {
            if (is_below(each, name)) return;
            names.insert(each.substr(prefix_.size()));
            const size_t layer = each.rfind('.');
            if (layer > prefix_.size())
                names.insert(each.substr(prefix_.size(), layer - prefix_.size()));
        }
        const std::string own = name.substr(prefix_.size());
        wrong.push_back(fmt::format("`map` names `{}`, which {} does not have{}", own, who,
                                    nearest_text(own, {names.begin(), names.end()})));
    }

    std::string prefix_;
    std::vector<std::string> ours_, theirs_;
};

std::vector<ir::StateId> weights_of(const ir::Module& module, const std::string& network) {
    std::vector<ir::StateId> out;
    for (size_t id = 0; id < module.states.size(); ++id) {
        const ir::State& state = module.states[id];
        const bool is_weight =
            state.role == ir::StateRole::kParameter || state.role == ir::StateRole::kStatistic;
        if (is_weight && (network.empty() || state.name.starts_with(network + ".")))
            out.push_back(static_cast<ir::StateId>(id));
    }
    return out;
}

/// Refuses quantised weights: their integers mean nothing without a factor that the file keeps
/// elsewhere.
void refuse_integers(const ir::Module& module, WeightPairs& out) {
    std::erase_if(out.pairs, [&](const auto& pair) {
        const auto& [id, tensor] = pair;
        if (!tensor->type->is_integer()) return false;
        out.wrong.push_back(fmt::format("{}: {} there, weights are floats", module.states[id].name,
                                        tensor->type->name));
        return true;
    });
}

void pair(const SafetensorsFile& file, const std::vector<Offered>& offered,
          const ir::Module& module, const std::vector<ir::StateId>& states,
          const std::string& layout, WeightPairs& out) {
    (layout == "pytorch" ? pair_pytorch : pair_by_name)(offered, module, states, out);
    out.looks_like_pytorch &= !is_of_gmc(file);  // such files say their layout themselves
    refuse_integers(module, out);
    std::set<const StoredTensor*> used;
    for (const auto& [id, tensor] : out.pairs) used.insert(tensor);
    for (const Offered& each : offered)
        if (used.count(each.tensor) == 0) out.unused.push_back(each.tensor->name);
}

}  // namespace

std::vector<std::string> weight_layouts() { return {"keras", "pytorch"}; }

std::string layout_help(const std::string& layout) {
    return fmt::format("`layout: {0}` of `weights`, or `--init-layout {0}`, reads them", layout);
}

std::string nearest_text(const std::string& name, const std::vector<std::string>& known) {
    const std::string found = nearest_name(name, known);
    return found.empty() ? "" : fmt::format("; the nearest name is `{}`", found);
}

void pair_by_name(const std::vector<Offered>& offered, const ir::Module& module,
                  const std::vector<ir::StateId>& states, WeightPairs& out) {
    std::map<std::string, const StoredTensor*> by_name;
    for (const Offered& each : offered) by_name[each.name] = each.tensor;
    for (const ir::StateId id : states) {
        const ir::State& state = module.states[id];
        const auto found = by_name.find(state.name);
        if (found == by_name.end())
            out.fresh.push_back(state.name);
        else if (found->second->shape == state.type.shape)
            out.pairs[id] = found->second;
        else {
            out.wrong.push_back(
                fmt::format("{}: {}{} there, {} here", state.name, found->second->type->name,
                            ir::to_string(found->second->shape), ir::to_string(state.type)));
            out.looks_like_pytorch |= found->second->shape == pytorch_tensor(module, state).shape;
        }
    }
}

bool says_other_layout(const SafetensorsFile& file, const std::string& layout, Span where,
                       Diagnostics& diagnostics) {
    const std::string* stated = file.metadata("layout");
    if (!is_of_gmc(file)) return false;
    const std::string written = stated == nullptr ? "keras" : *stated;
    if (written == layout) return false;
    diagnostics
        .error(DiagnosticKind::kBadValue, where,
               "the weights of `{}` lie in the layout `{}`, as the file says, not `{}`",
               file.path(), written, layout)
        .help(layout_help(written));
    return true;
}

WeightPairs pair_weights(const SafetensorsFile& file, const ir::Module& module,
                         const std::string& layout) {
    WeightPairs out;
    pair(file, all_of(file), module, weights_of(module, ""), layout, out);
    return out;
}

Result<WeightPairs> pair_network(const SafetensorsFile& file, const ir::Module& module,
                                 const ir::Network& network, Span where, Diagnostics& diagnostics) {
    if (says_other_layout(file, network.layout, where, diagnostics)) return Failure{};
    const std::vector<ir::StateId> states = weights_of(module, network.name);
    std::vector<Offered> offered = of_network(file, network);
    const Renames renames(network);
    WeightPairs out;
    renames.check(offered, module, states, network.layout == "pytorch", out.wrong);
    renames.apply(offered);
    pair(file, offered, module, states, network.layout, out);
    for (const std::string& name : out.fresh) {
        const ir::State& state = module.states[module.find_state(name)];
        // Allowed: the file has the kernel without its norm, which training will find.
        if (network.layout == "pytorch" && !network.frozen && !offered.empty() &&
            pytorch_part(pytorch_tensor(module, state).name).is_of_norm())
            continue;
        const std::string there = (network.source.empty() ? "" : network.source + ".") +
                                  name.substr(network.name.size() + 1);
        out.wrong.push_back(
            fmt::format("{}: {} here, {}", name, ir::to_string(state.type),
                        file.find(there) != nullptr
                            ? fmt::format("`map` gives the file's `{}` to another", there)
                            : "the file has none" + nearest_text(there, out.unused)));
    }
    if (out.wrong.empty()) return out;
    Diagnostic& error =
        diagnostics.error(DiagnosticKind::kBadValue, where, "the weights of `{}` do not fit `{}`",
                          file.path(), network.name);
    if (out.looks_like_pytorch)
        error.help("some shapes are those of PyTorch; " + layout_help("pytorch"));
    for (const std::string& one : out.wrong) diagnostics.note_last({}, one);
    return Failure{};
}

Result<std::string> source_network(const SafetensorsFile& file, const std::string& network,
                                   bool is_named, Span where, Diagnostics& diagnostics) {
    std::set<std::string> networks;
    for (const Offered& each : all_of(file)) networks.insert(before_first_dot(each.name));
    if (networks.count(network) != 0) return network;
    if (!is_named && !is_of_gmc(file)) return std::string();
    Diagnostic& error = diagnostics.error(DiagnosticKind::kUnknownName, where,
                                          "`{}` has no network `{}`; names there begin with {}",
                                          file.path(), network, fmt::join(networks, ", "));
    if (!is_named) error.help("say which of them: `network: NAME`");
    return Failure{};
}

}  // namespace gmc::runtime

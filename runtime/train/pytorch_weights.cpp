// Weights in PyTorch's layout. Reading pairs the layers of a file with those of the model (Pairing)
// and then copies numbers with axes reversed; writing reverses the axes of all weights.
#include "runtime/train/pytorch_weights.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "compiler/support/edit_distance.h"
#include "runtime/files/tensors/safetensors.h"

namespace gmc::runtime {
namespace {

/// Parts of a name such as "encoder.dense.weight".
std::string before_first_dot(const std::string& name) { return name.substr(0, name.find('.')); }
std::string after_last_dot(const std::string& name) { return name.substr(name.rfind('.') + 1); }

/// What torch.nn calls this part of a layer; "" for what it has no name for.
std::string pytorch_part(const std::string& part) {
    static const std::map<std::string, std::string> kParts = {
        {"weight", "weight"},
        {"gamma", "weight"},
        {"slope", "weight"},
        {"bias", "bias"},
        {"beta", "bias"},
        {"moving_mean", "running_mean"},
        {"moving_variance", "running_var"},
        {"codebook", "weight"},
    };
    const auto found = kParts.find(part);
    return found == kParts.end() ? "" : found->second;
}

/// Whether the last two axes of this state come first in PyTorch, in reverse order: of all weights
/// of contractions.
bool is_reversed(const ir::State& state) {
    if (after_last_dot(state.name) != "weight" || state.type.shape.size() < 2) return false;
    const std::string layer = state.name.substr(0, state.name.rfind('.'));
    return !after_last_dot(layer).starts_with("embedding");
}

/// Which axis of the state is each axis in PyTorch: [height, width, in, out] is read as 3, 2, 0, 1.
std::vector<size_t> axes(const ir::State& state) {
    const size_t rank = state.type.shape.size();
    std::vector<size_t> out;
    if (is_reversed(state)) out = {rank - 1, rank - 2};
    for (size_t i = 0; out.size() < rank; ++i) out.push_back(i);
    return out;
}

std::vector<int64_t> pytorch_shape(const ir::State& state) {
    std::vector<int64_t> out;
    for (const size_t axis : axes(state)) out.push_back(state.type.shape[axis]);
    return out;
}

std::string pytorch_name(const ir::State& state) {
    return state.name.substr(0, state.name.rfind('.') + 1) +
           pytorch_part(after_last_dot(state.name));
}

/// `visit(ours, theirs)`: the places of each number in both orders.
template <typename Visit>
void each_number(const ir::State& state, const Visit& visit) {
    const std::vector<size_t> order = axes(state);
    const std::vector<int64_t>& shape = state.type.shape;
    std::vector<int64_t> steps(shape.size(), 1);  // of their axes, in our memory
    for (size_t i = 0; i < order.size(); ++i)
        for (size_t k = order[i] + 1; k < shape.size(); ++k) steps[i] *= shape[k];
    std::vector<int64_t> at(shape.size(), 0);
    int64_t ours = 0;
    for (int64_t theirs = 0; theirs < state.type.elements(); ++theirs) {
        visit(ours, theirs);
        for (size_t i = order.size(); i-- > 0;) {
            ours += steps[i];
            if (++at[i] < shape[order[i]]) break;
            ours -= at[i] * steps[i];
            at[i] = 0;
        }
    }
}

bool is_weight(const ir::State& state) {
    return (state.role == ir::StateRole::kParameter || state.role == ir::StateRole::kStatistic) &&
           !pytorch_part(after_last_dot(state.name)).empty();
}

/// The name as texts and the numbers behind them, so that "10.weight" comes after "9.weight".
std::vector<std::pair<std::string, int64_t>> natural_key(const std::string& name) {
    std::vector<std::pair<std::string, int64_t>> key;
    const auto is_digit = [&](size_t i) {
        return i < name.size() && std::isdigit(static_cast<unsigned char>(name[i])) != 0;
    };
    for (size_t i = 0; i < name.size();) {
        auto& [text, number] = key.emplace_back("", -1);
        while (i < name.size() && !is_digit(i)) text += name[i++];
        for (; is_digit(i); ++i)
            number = std::min<int64_t>(std::max<int64_t>(number, 0) * 10 + name[i] - '0', 1 << 30);
    }
    return key;
}

/// The name without its numbers.
std::string pattern_of(const std::string& name) {
    std::string out;
    for (const auto& [text, number] : natural_key(name)) out += text + "|";
    return out;
}

std::string nearest(const std::string& name, const std::vector<std::string>& known) {
    const std::string found = nearest_name(name, known);
    return found.empty() ? "" : fmt::format("; the nearest name is `{}`", found);
}

/// A layer of the model or of the file: the shapes of its parts in PyTorch, and what they are.
template <typename What>
struct Layer {
    std::string name;
    std::map<std::string, std::vector<int64_t>> shapes;
    std::map<std::string, What> parts;

    void add(const std::string& part, std::vector<int64_t> shape, What what) {
        shapes[part] = std::move(shape);
        parts[part] = what;
    }
    std::string text() const {
        std::string out;
        for (const auto& [part, shape] : shapes)
            out += fmt::format("{}{} {}", out.empty() ? "" : ", ", part, ir::to_string(shape));
        return out;
    }
};
using OurLayer = Layer<ir::StateId>;
using TheirLayer = Layer<const StoredTensor*>;

/// The layer of this tensor; a new one where there is none.
template <typename L>
L& layer_of(std::vector<L>& layers, const std::string& tensor) {
    const std::string name =
        tensor.substr(0, tensor.find('.') == std::string::npos ? 0 : tensor.rfind('.'));
    for (L& layer : layers)
        if (layer.name == name) return layer;
    layers.emplace_back().name = name;
    return layers.back();
}

/// Pairs the layers of a model with those of a file. Layers of one network whose parts have the
/// same shapes form a group. Within a group, layers of equal names are paired first; the others in
/// order, if there are as many on both sides and their names differ in numbers only. Anything else
/// is ambiguous, and ends in `wrong`.
class Pairing {
  public:
    Pairing(const SafetensorsFile& file, const StateStore& states) {
        std::set<std::string> touched;
        for (ir::StateId id = 0; id < states.saved_count(); ++id)
            if (is_weight(states.state(id)))
                networks_.insert(before_first_dot(states.state(id).name));
        std::vector<TheirLayer> theirs;
        for (const StoredTensor& tensor : file.tensors()) {
            if (after_last_dot(tensor.name) == "num_batches_tracked") continue;
            const std::string network = network_of(tensor.name);
            if (network.empty()) continue;
            touched.insert(network);
            layer_of(theirs, tensor.name).add(after_last_dot(tensor.name), tensor.shape, &tensor);
        }
        std::vector<OurLayer> ours;
        for (ir::StateId id = 0; id < states.saved_count(); ++id) {
            const ir::State& state = states.state(id);
            if (!is_weight(state) || touched.count(before_first_dot(state.name)) == 0) continue;
            const std::string name = pytorch_name(state);
            layer_of(ours, name).add(after_last_dot(name), pytorch_shape(state), id);
        }
        std::stable_sort(theirs.begin(), theirs.end(), [](const auto& a, const auto& b) {
            return natural_key(a.name) < natural_key(b.name);
        });
        pair(ours, theirs);
    }

    const std::map<ir::StateId, const StoredTensor*>& pairs() const { return pairs_; }
    /// All that does not fit.
    const std::vector<std::string>& wrong() const { return wrong_; }

  private:
    /// Layers with the same shapes.
    struct Group {
        std::vector<const OurLayer*> ours;
        std::vector<const TheirLayer*> theirs;
    };

    /// "": it belongs to none, which is wrong.
    std::string network_of(const std::string& tensor) {
        const std::string network = before_first_dot(tensor);
        if (networks_.count(network) != 0) return network;
        if (networks_.size() == 1) return *networks_.begin();
        wrong_.push_back(
            fmt::format("`{}` begins with the name of no network{}", tensor,
                        nearest(network, std::vector(networks_.begin(), networks_.end()))));
        return "";
    }

    void pair(const std::vector<OurLayer>& ours, const std::vector<TheirLayer>& theirs) {
        // Layers of the same network whose parts have the same shapes can be paired.
        std::map<std::pair<std::string, std::string>, Group> groups;
        const auto key = [&](const auto& layer) {
            const std::string network = before_first_dot(layer.name);
            return std::pair(networks_.count(network) ? network : *networks_.begin(), layer.text());
        };
        for (const OurLayer& layer : ours) groups[key(layer)].ours.push_back(&layer);
        for (const TheirLayer& layer : theirs) groups[key(layer)].theirs.push_back(&layer);
        std::vector<std::string> names;
        for (const TheirLayer& layer : theirs) names.push_back(layer.name);
        for (auto& [shapes, group] : groups) {
            pair_by_name(group);
            pair_in_order(group, names);
        }
    }

    /// Pairs all parts of two layers.
    void join(const OurLayer& ours, const TheirLayer& theirs) {
        for (const auto& [part, id] : ours.parts) pairs_[id] = theirs.parts.at(part);
    }

    void pair_by_name(Group& group) {
        std::vector<const OurLayer*> rest;
        for (const OurLayer* layer : group.ours) {
            const auto same = std::find_if(group.theirs.begin(), group.theirs.end(),
                                           [&](auto* other) { return other->name == layer->name; });
            if (same == group.theirs.end()) {
                rest.push_back(layer);
                continue;
            }
            join(*layer, **same);
            group.theirs.erase(same);
        }
        group.ours = rest;
    }

    void pair_in_order(const Group& group, const std::vector<std::string>& names) {
        bool clear = group.ours.size() == group.theirs.size();
        std::string there;
        for (const TheirLayer* layer : group.theirs) {
            clear = clear && pattern_of(layer->name) == pattern_of(group.theirs[0]->name);
            there += fmt::format("{}`{}`", there.empty() ? "" : ", ", layer->name);
        }
        if (clear) {
            for (size_t i = 0; i < group.ours.size(); ++i) join(*group.ours[i], *group.theirs[i]);
            return;
        }
        for (const OurLayer* layer : group.ours)
            wrong_.push_back(fmt::format(
                "`{}` takes {}: {}", layer->name, layer->text(),
                there.empty() ? "the file has no such layer" + nearest(layer->name, names)
                              : "it is not clear which of " + there + " that is"));
        for (const TheirLayer* layer : group.theirs)
            if (group.ours.empty())
                wrong_.push_back(
                    fmt::format("the file's `{}` has {}: no layer of the model takes that",
                                layer->name, layer->text()));
    }

    std::set<std::string> networks_;
    std::map<ir::StateId, const StoredTensor*> pairs_;
    std::vector<std::string> wrong_;
};

}  // namespace

Result<TakenWeights> take_pytorch_weights(const std::string& path, StateStore& states,
                                          Diagnostics& diagnostics) {
    const auto file = SafetensorsFile::open(path, diagnostics);
    if (!file.ok() || (file->has_checksum() && !file->verify(diagnostics))) return Failure{};
    const Pairing pairing(*file, states);
    if (!pairing.wrong().empty()) {
        diagnostics.error(DiagnosticKind::kBadValue, {},
                          "`{}` does not fit the model in PyTorch's layout", path);
        for (const std::string& one : pairing.wrong()) diagnostics.note_last({}, one);
        return Failure{};
    }
    TakenWeights taken;
    std::vector<float> numbers;
    for (ir::StateId id = 0; id < states.saved_count(); ++id) {
        const ir::State& state = states.state(id);
        if (!is_weight(state)) continue;
        const auto found = pairing.pairs().find(id);
        if (found == pairing.pairs().end()) {
            taken.fresh.push_back(state.name);
            continue;
        }
        numbers.resize(static_cast<size_t>(state.type.elements()));
        if (!file->read(*found->second, numbers.data(), diagnostics)) return Failure{};
        float* to = states.data(id);
        each_number(state, [&](int64_t ours, int64_t theirs) {
            to[ours] = numbers[static_cast<size_t>(theirs)];
        });
        taken.taken.push_back(fmt::format("{} = {}", state.name, found->second->name));
    }
    states.refresh_copies();
    return taken;
}

bool write_pytorch_weights(const std::string& path, const StateStore& states, bool averaged,
                           Diagnostics& diagnostics) {
    const auto sources = weight_sources(states, averaged, diagnostics);
    if (!sources.ok()) return false;
    std::vector<std::vector<float>> numbers;
    std::vector<TensorView> tensors;
    for (const auto& [id, source] : *sources) {
        const ir::State& state = states.state(id);
        if (!is_weight(state)) continue;
        std::vector<float>& one = numbers.emplace_back(state.type.elements());
        const float* from = states.data(source);
        each_number(state, [&](int64_t ours, int64_t theirs) {
            one[static_cast<size_t>(theirs)] = from[ours];
        });
        tensors.push_back({pytorch_name(state), pytorch_shape(state), one.data()});
    }
    return write_safetensors(path, tensors, weight_metadata(states, averaged, "pytorch"),
                             diagnostics);
}

}  // namespace gmc::runtime

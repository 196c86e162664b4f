// Pairs the layers of a PyTorch `state_dict` with those of a model: by name first, then by shape
// and order.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "runtime/weights/offered.h"
#include "runtime/weights/pytorch_layout.h"

namespace gmc::runtime {
namespace {

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

/// A layer of the model or of the file: the shapes of its parts in PyTorch, and what they are.
template <typename What>
struct Layer {
    std::string name;
    std::map<std::string, ir::Shape> shapes;
    std::map<std::string, What> parts;

    /// What layers that fit have in common: all but what may be found again.
    std::string text() const {
        std::string out;
        for (const auto& [part, shape] : shapes)
            if (!PytorchPart{name, part}.is_of_norm())
                out += fmt::format("{}{}{}{}", out.empty() ? "" : ", ", part,
                                   part.empty() ? "" : " ", ir::to_string(shape));
        return out;
    }
};
using OurLayer = Layer<ir::StateId>;
using TheirLayer = Layer<const StoredTensor*>;

/// Adds a tensor to its layer; to a new one where there is none.
template <typename What>
void add(std::vector<Layer<What>>& layers, const std::string& tensor, ir::Shape shape, What what) {
    const PytorchPart name = pytorch_part(tensor);
    auto layer = std::find_if(layers.begin(), layers.end(),
                              [&](const auto& each) { return each.name == name.layer; });
    if (layer == layers.end()) layer = layers.insert(layer, {name.layer, {}, {}});
    layer->shapes[name.part] = std::move(shape);
    layer->parts[name.part] = what;
}

/// Pairs the layers of a model with those of a file.
class Pairing {
  public:
    Pairing(const ir::Module& module, WeightPairs& out) : module_(module), out_(out) {}

    void run(const std::vector<Offered>& offered, const std::vector<ir::StateId>& states) {
        for (const ir::StateId id : states)
            add_network(pytorch_tensor(module_, module_.states[id]).name);
        std::vector<TheirLayer> theirs;
        for (const Offered& each : offered) {
            const std::string network = network_of(each.name);
            if (network.empty()) continue;
            touched_.insert(network);
            add(theirs, each.name, each.tensor->shape, each.tensor);
        }
        std::stable_sort(theirs.begin(), theirs.end(), [](const auto& a, const auto& b) {
            return natural_key(a.name) < natural_key(b.name);
        });
        pair(our_layers(states), theirs);
    }

  private:
    struct Group {
        std::vector<const OurLayer*> ours;
        std::vector<const TheirLayer*> theirs;
    };

    /// A tensor of the model alone, as under its key `parameters`, begins with no network's name.
    void add_network(const std::string& tensor) {
        known_.insert(before_first_dot(tensor));
        if (tensor.find('.') != std::string::npos) networks_.insert(before_first_dot(tensor));
    }

    /// Names that do not begin with that of a network belong to the only one that there is.
    std::string full_name(const std::string& name) const {
        const bool is_full = known_.count(before_first_dot(name)) != 0 || networks_.size() != 1;
        return is_full ? name : fmt::format("{}.{}", *networks_.begin(), name);
    }

    /// The layers of networks for which the file has something.
    std::vector<OurLayer> our_layers(const std::vector<ir::StateId>& states) {
        std::vector<OurLayer> ours;
        for (const ir::StateId id : states) {
            const ir::State& state = module_.states[id];
            const PytorchTensor tensor = pytorch_tensor(module_, state);
            if (touched_.count(before_first_dot(state.name)) == 0)
                out_.fresh.push_back(state.name);
            else
                add(ours, tensor.name, tensor.shape, id);
        }
        return ours;
    }

    /// The network that a tensor belongs to; "" after noting in `wrong` that it belongs to none.
    std::string network_of(const std::string& tensor) {
        const std::string network = before_first_dot(full_name(tensor));
        if (known_.count(network) != 0) return network;
        out_.wrong.push_back(
            fmt::format("`{}` begins with the name of no network{}", tensor,
                        nearest_text(network, std::vector(known_.begin(), known_.end()))));
        return "";
    }

    void pair(const std::vector<OurLayer>& ours, const std::vector<TheirLayer>& theirs) {
        // Layers of the same network whose parts have the same shapes can be paired.
        std::map<std::pair<std::string, std::string>, Group> groups;
        const auto key = [&](const auto& layer) {
            return std::pair(before_first_dot(full_name(layer.name)), layer.text());
        };
        for (const OurLayer& layer : ours) groups[key(layer)].ours.push_back(&layer);
        for (const TheirLayer& layer : theirs) groups[key(layer)].theirs.push_back(&layer);
        for (auto& [shapes, group] : groups) {
            pair_by_name(group);
            pair_in_order(group);
        }
        report(theirs);
    }

    /// A kernel's norm may be missing in the file: it is found again in training.
    void join(const OurLayer& ours, const TheirLayer& theirs) {
        for (const auto& [part, id] : ours.parts)
            if (theirs.parts.count(part) == 0)
                out_.fresh.push_back(module_.states[id].name);
            else if (theirs.shapes.at(part) == ours.shapes.at(part))
                out_.pairs[id] = theirs.parts.at(part);
            else
                out_.wrong.push_back(fmt::format("`{}`: {} is {} there, {} here", ours.name, part,
                                                 ir::to_string(theirs.shapes.at(part)),
                                                 ir::to_string(ours.shapes.at(part))));
        if (theirs.parts.count("u") != 0 && ours.parts.count("u") == 0)
            out_.wrong.push_back(fmt::format(
                "the file divides the kernel of `{}` by its spectral norm; in the model `{}` does "
                "not: it has no `spectral_norm: true`",
                theirs.name, ours.name));
    }

    void pair_by_name(Group& group) {
        std::vector<const OurLayer*> rest;
        for (const OurLayer* layer : group.ours) {
            const auto same =
                std::find_if(group.theirs.begin(), group.theirs.end(),
                             [&](auto* other) { return full_name(other->name) == layer->name; });
            if (same == group.theirs.end()) {
                rest.push_back(layer);
                continue;
            }
            join(*layer, **same);
            group.theirs.erase(same);
        }
        group.ours = rest;
    }

    void pair_in_order(const Group& group) {
        // The shape of a tensor by itself says too little of what it is for.
        bool clear = group.ours.size() == group.theirs.size() &&
                     (group.ours.empty() || group.ours[0]->parts.count("") == 0);
        std::string there;
        for (const TheirLayer* layer : group.theirs) {
            clear = clear && pattern_of(layer->name) == pattern_of(group.theirs[0]->name);
            there += fmt::format("{}`{}`", there.empty() ? "" : ", ", layer->name);
        }
        if (clear) {
            for (size_t i = 0; i < group.ours.size(); ++i) join(*group.ours[i], *group.theirs[i]);
            return;
        }
        for (const OurLayer* layer : group.ours) open_.push_back({layer, there});
        if (group.ours.empty()) left_.insert(left_.end(), group.theirs.begin(), group.theirs.end());
    }

    /// Says what found no partner. Two layers of one name are one line with both their shapes.
    void report(const std::vector<TheirLayer>& theirs) {
        std::vector<std::string> names;
        for (const TheirLayer& layer : theirs) names.push_back(layer.name);
        for (const auto& [layer, there] : open_) {
            const auto same =
                std::find_if(left_.begin(), left_.end(),
                             [name = layer->name](auto* other) { return other->name == name; });
            std::string why = "the file has no such layer" + nearest_text(layer->name, names);
            if (!there.empty())
                why = "it is not clear which of " + there + " that is";
            else if (same != left_.end())
                why = "the file's has " + (*same)->text();
            out_.wrong.push_back(fmt::format("`{}` takes {}: {}", layer->name, layer->text(), why));
            if (same != left_.end()) left_.erase(same);
        }
        for (const TheirLayer* layer : left_)
            out_.wrong.push_back(
                fmt::format("the file's `{}` has {}: no layer of the model takes that", layer->name,
                            layer->text()));
        // Tensors that no layer takes are mentioned only where a layer of the model is missing
        // something: by themselves they are no mistake.
        if (out_.wrong.size() == left_.size()) out_.wrong.clear();
    }

    /// A layer of ours without a partner, and the layers of the file that it may be.
    struct Open {
        const OurLayer* layer;
        std::string there;
    };

    const ir::Module& module_;
    std::set<std::string> networks_;
    std::set<std::string> known_;    ///< networks, and tensors by themselves
    std::set<std::string> touched_;  ///< networks of which the file has something
    std::vector<Open> open_;
    std::vector<const TheirLayer*> left_;  ///< layers of the file that none of ours can be
    WeightPairs& out_;
};

}  // namespace

void pair_pytorch(const std::vector<Offered>& offered, const ir::Module& module,
                  const std::vector<ir::StateId>& states, WeightPairs& out) {
    Pairing(module, out).run(offered, states);
}

}  // namespace gmc::runtime

// Signs that weights show when they are compared with what they were when the epoch began.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/run/signs.h"

namespace gmc::runtime {
namespace {

/// Weights that moved by less than kStill of their size have not moved (the rounding of an epoch of
/// weight decay moves them by about a tenth of that); a layer that moved by more than kMoving
/// learns.
constexpr double kStill = 1e-5;
constexpr double kMoving = 1e-3;
/// A larger share of dead units in a layer, or of dead codes in a codebook, is reported. A few of
/// either are usual.
constexpr double kMostDeadUnits = 0.5, kMostDeadCodes = 0.95;

/// How far numbers have moved, as a share of their size. A common factor does not count: it is what
/// weight decay does to numbers that have no gradient. (A single number can only move by a factor.)
class Movement {
  public:
    void add(double before, double now) {
        const double change = now - before;
        changes_ += change * change;
        along_ += change * before;
        sizes_ += before * before;
        ++count_;
    }
    double relative() const {
        if (sizes_ == 0) return changes_ > 0 ? 1 : 0;
        const double factor = count_ > 1 ? along_ * along_ / sizes_ : 0;
        return std::sqrt(std::max(changes_ - factor, 0.0) / sizes_);
    }
    /// What the numbers were multiplied by, if that is all that happened to them.
    double factor() const { return sizes_ > 0 && count_ > 1 ? 1 + along_ / sizes_ : 1; }

  private:
    double changes_ = 0, along_ = 0, sizes_ = 0;
    int64_t count_ = 0;
};

Movement movement_of(const float* now, const std::vector<float>& before) {
    Movement movement;
    for (size_t i = 0; i < before.size(); ++i) movement.add(before[i], now[i]);
    return movement;
}

/// The share of `groups` that have not moved; number i is of group (i / stride) % groups.
double still_share(const float* now, const std::vector<float>& before, int64_t groups,
                   int64_t stride) {
    std::vector<Movement> movements(static_cast<size_t>(groups));
    for (size_t i = 0; i < before.size(); ++i)
        movements[(i / static_cast<size_t>(stride)) % movements.size()].add(before[i], now[i]);
    const auto still = std::count_if(movements.begin(), movements.end(),
                                     [](const Movement& m) { return m.relative() <= kStill; });
    return static_cast<double>(still) / static_cast<double>(groups);
}

/// Whether numbers are held at a limit, as by `clip_weights`: then they stand still without being
/// dead. It shows in many numbers having exactly the largest size.
bool are_held(const float* numbers, size_t count) {
    float largest = 0;
    size_t at_it = 0;
    for (size_t i = 0; i < count; ++i) {
        const float size = std::fabs(numbers[i]);
        at_it = size > largest ? 1 : at_it + (size == largest ? 1 : 0);
        largest = std::max(largest, size);
    }
    return largest > 0 && at_it > 1 && at_it * 100 > count;
}

/// Weight decay rounds each number anew in every step, which moves it by less than this share of
/// what decay does.
constexpr double kRoundingOfDecay = 0.1;

/// Whether no gradient has moved the numbers: they are what they were, or all are what they were
/// times `factor`, as weight decay leaves them.
bool are_untouched(const float* now, const std::vector<float>& before, double factor) {
    if (std::equal(before.begin(), before.end(), now)) return true;
    const double rounding = std::max(kStill, kRoundingOfDecay * std::fabs(1 - factor));
    for (size_t i = 0; i < before.size(); ++i)
        if (std::fabs(now[i] - factor * before[i]) > rounding * std::fabs(before[i])) return false;
    return true;
}

float smallest_size(const std::vector<float>& numbers) {
    float smallest = std::fabs(numbers[0]);
    for (const float number : numbers) smallest = std::min(smallest, std::fabs(number));
    return smallest;
}

/// The furthest that one of the numbers has moved otherwise than by weight decay.
double furthest_move(const float* now, const std::vector<float>& before, double factor) {
    double furthest = 0;
    for (size_t i = 0; i < before.size(); ++i)
        furthest = std::max(furthest, std::min(std::fabs(double{now[i]} - before[i]),
                                               std::fabs(now[i] - factor * before[i])));
    return furthest;
}

/// What Adam's mean of a parameter's gradients says of them. If they are there and the parameter
/// stands still all the same, its rate is 0 or too small.
enum class Gradients { kUnknown, kNone, kSome };

/// Of another optimizer, and before its first update: kUnknown.
Gradients gradients_of(const StateStore& states, ir::StateId parameter) {
    const std::string& name = states.state(parameter).name;
    const auto largest = [&](ir::StateId id) {
        double size = 0;
        for (int64_t i = 0; i < states.elements(id); ++i)
            size = std::max(size, std::fabs(double{states.data(id)[i]}));
        return size;
    };
    for (ir::StateId id = 0; id < states.saved_count(); ++id) {
        const std::string& mean = states.state(id).name;
        if (states.state(id).role != ir::StateRole::kSlot || !mean.ends_with(".m." + name))
            continue;
        const std::string entry = mean.substr(0, mean.size() - name.size() - 2);
        const ir::StateId squares = states.module().find_state(entry + "v." + name);
        const ir::StateId updates = states.module().find_state(entry + "updates");
        if (squares == ir::kNone || updates == ir::kNone || states.data(updates)[0] == 0)
            return Gradients::kUnknown;
        return largest(id) > kStill * std::sqrt(largest(squares)) ? Gradients::kSome
                                                                  : Gradients::kNone;
    }
    return Gradients::kUnknown;
}

/// A weight, and what comes behind it before the next one: its bias, the betas of a norm.
struct WeightLayer {
    ir::StateId weight = ir::kNone;
    std::string network;
    double change = 0;    ///< of the weight, as a share of its size
    double smallest = 0;  ///< of the weight's numbers, without their signs
    double factor = 1;    ///< that of weight decay
    bool weight_untouched = false, untouched = false;  ///< by gradients: the weight, all of them
    /// The weight is untouched although a bias has moved so far that the smallest of its numbers
    /// would have shown it, too. A weight's gradient is that of the bias times what the layer
    /// reads, so it reads nothing but zeros.
    bool reads_zeros = false;
};

/// The layers of all networks, in the order of the model.
class WeightJudge {
  public:
    explicit WeightJudge(const StateStore& states) : states_(states) {}

    std::vector<Sign> judge(const KeptWeights& before_all) {
        for (const auto& [id, before] : before_all) {
            const ir::State& state = states_.state(id);
            if (state.name.ends_with(".codebook")) judge_codes(id, before);
            if (state.type.rank() < 2)
                add_follower(id, before);
            else if (state.name.ends_with(".weight"))
                add_layer(id, before);
        }
        find_dead_layers();
        find_vanishing_gradients();
        if (!layers_.empty() && has_none_)
            signs_.push_back({"vanishing_gradient", 0,
                              "no weight of the model has moved in this epoch: the gradients of "
                              "all are 0"});
        return std::move(signs_);
    }

  private:
    void judge_codes(ir::StateId id, const std::vector<float>& before) {
        const ir::State& state = states_.state(id);
        const float* now = states_.data(id);
        const double still = still_share(now, before, state.type.shape[0], state.type.shape[1]);
        if (movement_of(now, before).relative() > 0 && still > kMostDeadCodes)
            signs_.push_back({"dead_codes", still,
                              fmt::format("{:.0f} % of the codes of `{}` were never the nearest "
                                          "in this epoch",
                                          100 * still, state.name),
                              state.name});
    }

    void add_layer(ir::StateId id, const std::vector<float>& before) {
        const ir::State& state = states_.state(id);
        const float* now = states_.data(id);
        const bool held = are_held(now, before.size());
        const Movement movement = movement_of(now, before);
        const bool untouched = are_untouched(now, before, movement.factor());
        const bool still = untouched || movement.relative() <= kStill;
        const Gradients gradients = still ? gradients_of(states_, id) : Gradients::kSome;
        if (gradients != Gradients::kNone) has_none_ = false;
        const bool is_judged = !held && !(still && gradients == Gradients::kSome);
        const WeightLayer& layer = layers_.emplace_back(
            WeightLayer{id, state.name.substr(0, state.name.find('.')), movement.relative(),
                        smallest_size(before), movement.factor(), untouched && is_judged,
                        untouched && is_judged});
        if (!is_judged) return;
        networks_[layer.network].push_back(layers_.size() - 1);
        if (layer.change <= kMoving) return;
        const auto [units, stride] = units_of(state);
        const double share = still_share(now, before, units, stride);
        if (share > kMostDeadUnits)
            signs_.push_back({"dead_units", share,
                              fmt::format("{:.0f} % of the units of `{}` have not moved in this "
                                          "epoch: they are 0 for every example, or nothing reads "
                                          "them",
                                          100 * share, state.name),
                              state.name});
    }

    /// How many units a weight has, and the distance of their numbers: units are the last axis, of
    /// transposed convolutions the one before.
    std::pair<int64_t, int64_t> units_of(const ir::State& weight) const {
        const std::string layer = weight.name.substr(0, weight.name.rfind('.'));
        const ir::Shape& shape = weight.type.shape;
        for (const ir::Layer& row : states_.module().layers)
            if (row.name == layer && row.kind.ends_with("_transpose"))
                return {shape[shape.size() - 2], shape.back()};
        return {shape.back(), 1};
    }

    void add_follower(ir::StateId id, const std::vector<float>& before) {
        if (layers_.empty()) return;
        WeightLayer& layer = layers_.back();
        if (!states_.state(id).name.starts_with(layer.network + ".")) return;
        const float* now = states_.data(id);
        if (are_untouched(now, before, layer.factor)) return;
        const double much = (kMoving + std::fabs(1 - layer.factor)) * layer.smallest;
        if (layer.weight_untouched && furthest_move(now, before, layer.factor) > much)
            layer.reads_zeros = true;
        layer.untouched = false;
        has_none_ = false;
    }

    /// A layer is dead when no gradient has reached it and the next one reads nothing but zeros. Of
    /// another network that holds when no gradient has reached any layer of the first.
    void find_dead_layers() {
        for (size_t i = 1; i < layers_.size(); ++i) {
            const WeightLayer& layer = layers_[i - 1];
            if (!layers_[i].reads_zeros || !layer.untouched) continue;
            if (layers_[i].network != layer.network && !is_untouched(layer.network)) continue;
            const std::string& name = states_.state(layer.weight).name;
            signs_.push_back({"dead_units", 1,
                              fmt::format("100 % of the units of `{}` are 0 for every example: "
                                          "neither it nor what lies below it has moved in this "
                                          "epoch",
                                          name),
                              name});
            networks_.erase(layer.network);  // its gradients vanish here
        }
    }

    bool is_untouched(const std::string& network) const {
        return std::all_of(layers_.begin(), layers_.end(), [&](const WeightLayer& layer) {
            return layer.network != network || layer.untouched;
        });
    }

    void find_vanishing_gradients() {
        const auto less = [&](size_t a, size_t b) { return layers_[a].change < layers_[b].change; };
        for (const auto& [network, rows] : networks_) {
            const auto [low, high] = std::minmax_element(rows.begin(), rows.end(), less);
            const WeightLayer &least = layers_[*low], &most = layers_[*high];
            if (most.change <= kMoving || least.change > kStill || least.reads_zeros) continue;
            signs_.push_back(
                {"vanishing_gradient", least.change,
                 fmt::format("`{}` moved by {:.1e} of its size in this epoch, `{}` by {:.1e}: "
                             "hardly a gradient comes through",
                             states_.state(least.weight).name, least.change,
                             states_.state(most.weight).name, most.change),
                 network});
        }
    }

    const StateStore& states_;
    std::vector<WeightLayer> layers_;
    std::map<std::string, std::vector<size_t>> networks_;  ///< those of layers_ that can move
    bool has_none_ = true;  ///< no parameter has a gradient, as far as Adam knows
    std::vector<Sign> signs_;
};

}  // namespace

std::vector<Sign> weight_signs(const StateStore& states, const KeptWeights& before) {
    return WeightJudge(states).judge(before);
}

}  // namespace gmc::runtime

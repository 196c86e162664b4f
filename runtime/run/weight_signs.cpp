// Signs that weights show when they are compared with what they were when the epoch began.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "runtime/run/signs.h"
#include "runtime/states/parameter_updates.h"

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
/// What was reported is gone when half as many units are dead, or twice as many codes are alive.
constexpr double kMostDeadUnitsLeft = 0.25, kMostDeadCodesLeft = 0.9;
/// So is a gradient that vanished when the layer moves by so many times kStill.
constexpr double kWellPastStill = 2;
/// Steps in which an encoder that begins to learn has spread over its codes.
constexpr int64_t kWaitForCodes = 200;
/// Adam moves numbers about equally far, whatever their gradients are, unless these are so small
/// that its `epsilon` counts. Then they move less than this share of how far others do.
constexpr double kFarLess = 1e-3;

/// How far numbers have moved, as a share of their size. A common factor below 1 does not count: it
/// is what weight decay does to numbers that have no gradient. (A single number can only move by a
/// factor.)
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
        const double factor = count_ > 1 && along_ < 0 ? along_ * along_ / sizes_ : 0;
        return std::sqrt(std::max(changes_ - factor, 0.0) / sizes_);
    }
    /// How far a number has moved: the root of the mean of squares.
    double distance() const {
        return count_ > 0 ? std::sqrt(changes_ / static_cast<double>(count_)) : 0;
    }
    /// What weight decay has multiplied the numbers by, if that is all that happened to them.
    double factor() const {
        return sizes_ > 0 && count_ > 1 ? 1 + std::min(along_ / sizes_, 0.0) : 1;
    }

  private:
    double changes_ = 0, along_ = 0, sizes_ = 0;
    int64_t count_ = 0;
};

/// Of numbers that may be held at a limit, one in 20 has to be free to tell what gradients do.
bool is_enough(size_t free, size_t all) { return free * 20 >= all; }

/// What an epoch has done to the numbers of a parameter. Those that are held at a limit, as by
/// `clip_weights`, stand still whatever their gradients are, so that they show nothing.
class Change {
  public:
    /// `factor` is that of weight decay, where it is known from other numbers.
    Change(const float* now, const std::vector<float>& before, std::optional<float> bound,
           std::optional<double> factor = {})
        : now_(now), before_(before), bound_(bound) {
        if (bound &&
            std::isnan(*bound)) {  // the limit of this step is what the largest are held at
            bound_ = 0;
            for (size_t i = 0; i < before.size(); ++i)
                bound_ = std::max(*bound_, std::fabs(now[i]));
        }
        for (size_t i = 0; i < before.size(); ++i)
            if (!is_held(i)) {
                add_to(movement_, i);
                ++free_;
            }
        factor_ = factor.value_or(movement_.factor());
    }
    bool is_held(size_t i) const {
        return bound_ && now_[i] == before_[i] && std::fabs(now_[i]) >= *bound_;
    }
    void add_to(Movement& movement, size_t i) const { movement.add(before_[i], now_[i]); }
    /// Whether so many numbers are free that they can tell what a gradient does.
    bool can_tell() const { return is_enough(free_, before_.size()); }
    size_t free() const { return free_; }
    bool is_bounded() const { return bound_.has_value(); }
    bool has_held() const { return free_ < before_.size(); }
    size_t size() const { return before_.size(); }
    double relative() const { return movement_.relative(); }
    double distance() const { return movement_.distance(); }
    double factor() const { return factor_; }

    /// Whether a gradient has moved number i: it is not what it was, nor that times factor(), as
    /// weight decay leaves it.
    bool is_moved(size_t i) const {
        const double rounding = std::max(kStill, kRoundingOfDecay * std::fabs(1 - factor()));
        return now_[i] != before_[i] &&
               std::fabs(now_[i] - factor() * before_[i]) > rounding * std::fabs(before_[i]);
    }
    bool is_untouched() const {
        for (size_t i = 0; i < before_.size(); ++i)
            if (is_moved(i)) return false;
        return true;
    }
    /// The smallest of the free numbers, without their signs.
    double smallest() const {
        double smallest = HUGE_VAL;
        for (size_t i = 0; i < before_.size(); ++i)
            if (!is_held(i)) smallest = std::min(smallest, std::fabs(double{before_[i]}));
        return smallest;
    }
    double largest() const {
        double largest = 0;
        for (const float number : before_) largest = std::max(largest, std::fabs(double{number}));
        return largest;
    }
    /// The furthest that one of the numbers has moved otherwise than by the factor of weight decay.
    double furthest_move() const {
        double furthest = 0;
        for (size_t i = 0; i < before_.size(); ++i)
            furthest = std::max(furthest, std::min(std::fabs(double{now_[i]} - before_[i]),
                                                   std::fabs(now_[i] - factor_ * before_[i])));
        return furthest;
    }

  private:
    /// Weight decay rounds each number anew in every step, which moves it by less than this share
    /// of what decay does.
    static constexpr double kRoundingOfDecay = 0.1;

    const float* now_;
    const std::vector<float>& before_;
    std::optional<float> bound_;
    Movement movement_;
    double factor_ = 1;
    size_t free_ = 0;
};

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

double largest_size(const StateStore& states, ir::StateId id) {
    double size = 0;
    for (int64_t i = 0; i < states.elements(id); ++i)
        size = std::max(size, std::fabs(double{states.data(id)[i]}));
    return size;
}

/// The slot `kind` of a parameter, as "m" of Adam; kNone where there is none, or only a part of it
/// is in this process.
ir::StateId slot_of(const StateStore& states, ir::StateId parameter, const std::string& kind) {
    if (states.slots() != nullptr) return ir::kNone;
    const std::string end = "." + kind + "." + states.state(parameter).name;
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        if (states.state(id).role == ir::StateRole::kSlot && states.state(id).name.ends_with(end))
            return id;
    return ir::kNone;
}

/// Slots that tell how large the last gradients were, and the share of the largest that is as good
/// as 0.
constexpr std::pair<const char*, double> kSlotsOfGradients[] = {
    {"m", kStill}, {"velocity", kStill}, {"v", kStill* kStill}};

/// Whether an optimizer has seen gradients of `bias` and none of `weight`.
bool has_gradient_without(const StateStore& states, ir::StateId bias, ir::StateId weight) {
    for (const auto& [kind, least] : kSlotsOfGradients) {
        const ir::StateId of_bias = slot_of(states, bias, kind);
        const ir::StateId of_weight = slot_of(states, weight, kind);
        if (of_bias == ir::kNone || of_weight == ir::kNone) continue;
        const double size = largest_size(states, of_bias);
        return size > 0 && largest_size(states, of_weight) <= least * size;
    }
    return false;
}

/// What an optimizer's means of a parameter's gradients say of them. If they are there and the
/// parameter stands still all the same, its rate is 0 or too small.
enum class Gradients { kUnknown, kNone, kSome };

/// By the mean of Adam and Lion, and the squares of Adam and RMSprop, which say less alone: those
/// of long ago last. Of another optimizer, and before its first update: kUnknown.
Gradients gradients_of(const StateStore& states, ir::StateId parameter) {
    const ir::StateId mean = slot_of(states, parameter, "m");
    const ir::StateId squares = slot_of(states, parameter, "v");
    if (mean == ir::kNone && squares == ir::kNone) return Gradients::kUnknown;
    if (mean == ir::kNone)
        return largest_size(states, squares) == 0 ? Gradients::kNone : Gradients::kUnknown;
    if (squares == ir::kNone)
        return largest_size(states, mean) == 0 ? Gradients::kNone : Gradients::kSome;
    const std::string& name = states.state(mean).name;
    const std::string entry = name.substr(0, name.size() - states.state(parameter).name.size() - 2);
    const ir::StateId updates = states.module().find_state(entry + "updates");
    if (updates == ir::kNone || states.data(updates)[0] == 0) return Gradients::kUnknown;
    return largest_size(states, mean) > kStill * std::sqrt(largest_size(states, squares))
               ? Gradients::kSome
               : Gradients::kNone;
}

/// A weight, and what comes behind it before the next one: its bias, the betas of a norm.
struct WeightLayer {
    ir::StateId weight = ir::kNone;
    std::string network;
    double change = 0;          ///< of the weight, as a share of its size
    double distance = 0;        ///< how far its numbers have moved
    double smallest = 0;        ///< of the weight's numbers, without their signs
    double factor = 1;          ///< that of weight decay
    bool has_gradient = false;  ///< it stands still and the optimizer has seen gradients
    bool weight_untouched = false, untouched = false;  ///< by gradients: the weight, all of them
    ParameterUpdate update;
    /// The weight is untouched although a bias has moved so far that the smallest of its numbers
    /// would have shown it, too. A weight's gradient is that of the bias times what the layer
    /// reads, so it reads nothing but zeros.
    bool reads_zeros = false;
};

/// How far the numbers of a parameter have moved.
struct MovedParameter {
    double largest = 0;   ///< of its numbers, without their signs
    double furthest = 0;  ///< how far one of them has moved
    double change = 0;    ///< of a weight: Change::relative(); of what has one axis: 0
    UpdateGroups groups;  ///< of one that has moved far enough to learn
};

/// A network whose parameters show nothing but that no gradient reaches it.
struct StillNetwork {
    size_t free = 0, size = 0;  ///< numbers that are not held at a limit, and all
    bool is_still = true;       ///< as far as parameters tell
    double largest = 0;         ///< of the numbers of its weights, without their signs
    std::vector<MovedParameter> moved;
    /// From 0, numbers move at any learning rate, and so do the smallest of a weight. So a weight
    /// counts where it has moved by what rounding would show, and what begins at 0 where the
    /// largest weight would not have stood still either.
    bool counts(const MovedParameter& parameter) const {
        constexpr double kRounding = 0x1p-24;
        return (parameter.change > kRounding && parameter.largest > kStill * largest) ||
               parameter.furthest > kStill * largest;
    }
    bool is_scheduled = false;  ///< its gradients may be 0 for a while
    bool all_none = true;       ///< by what the optimizer keeps
    bool all_fixed = true;      ///< each has a learning rate that no schedule makes 0
    UpdateGroups groups;
};

/// The layers of all networks, in the order of the model.
class WeightJudge {
  public:
    WeightJudge(const StateStore& states, const std::set<std::string>& at_zero,
                const ToldSigns& told)
        : states_(states),
          updates_(parameter_updates(states.module())),
          at_zero_(at_zero),
          told_(told) {}

    std::vector<Sign> judge(const KeptWeights& before_all) {
        for (const auto& [id, before] : before_all) {
            const ir::State& state = states_.state(id);
            if (update_of(id).rests || has_nothing_to_learn(network_of(id))) continue;
            look_at_network(id, before);
            if (state.name.ends_with(".codebook")) judge_codes(id, before);
            if (state.type.rank() < 2)
                add_follower(id, before);
            else if (state.name.ends_with(".weight"))
                add_layer(id, before);
        }
        find_dead_layers();
        find_vanishing_gradients();
        find_still_networks();
        return std::move(signs_);
    }

  private:
    ParameterUpdate update_of(ir::StateId id) const {
        const auto found = updates_.find(id);
        return found == updates_.end() ? ParameterUpdate{} : found->second;
    }

    /// The only loss is called `loss`, others by the networks that they train.
    bool has_nothing_to_learn(const std::string& network) const {
        return at_zero_.count("loss") != 0 || at_zero_.count(network + "_loss") != 0;
    }

    std::string network_of(ir::StateId id) const {
        const std::string& name = states_.state(id).name;
        return name.substr(0, name.find('.'));
    }

    /// Adds what a parameter tells of its network as a whole.
    void look_at_network(ir::StateId id, const std::vector<float>& before) {
        StillNetwork& network = still_[network_of(id)];
        const ParameterUpdate update = update_of(id);
        const Change change(states_.data(id), before, update.bound);
        const bool is_weight = states_.state(id).type.rank() >= 2;
        if (is_weight) network.largest = std::max(network.largest, change.largest());
        if (!change.is_untouched())
            network.moved.push_back({change.largest(), change.furthest_move(),
                                     is_weight ? change.relative() : 0,
                                     change.relative() > kMoving ? update.groups : UpdateGroups{}});
        const Gradients gradients = gradients_of(states_, id);
        if (gradients == Gradients::kSome || update.groups.empty()) network.is_still = false;
        network.free += gradients == Gradients::kNone ? change.size() : change.free();
        network.size += change.size();
        network.is_scheduled |= update.has_scheduled_gradient;
        network.all_none &= gradients == Gradients::kNone;
        network.all_fixed &= update.has_fixed_rate;
        network.groups.insert(update.groups.begin(), update.groups.end());
    }

    /// No gradient reaches a network that stands still although nothing holds it: the optimizer has
    /// seen none, or others that it moves at the same rate have moved, or no schedule can have made
    /// the rate 0. Below a dead layer, which was told, that is no news; and a loss with a
    /// schedule may be meant to let one of several networks rest for a while.
    void find_still_networks() {
        std::vector<std::string> found;
        bool all_none = true;
        double furthest = 0, largest = 0;
        for (auto& [name, network] : still_)
            for (const MovedParameter& parameter : network.moved)
                if (network.counts(parameter)) {
                    network.is_still = false;
                    moved_.insert(parameter.groups.begin(), parameter.groups.end());
                }
        for (const auto& [name, network] : still_) {
            const bool others_move =
                std::any_of(network.groups.begin(), network.groups.end(),
                            [&](const auto& group) { return moved_.count(group) != 0; });
            if (!network.is_still || !is_enough(network.free, network.size) ||
                !(network.all_none || others_move || network.all_fixed))
                continue;
            found.push_back(name);
            all_none &= network.all_none;
            for (const MovedParameter& parameter : network.moved)
                furthest = std::max(furthest, parameter.furthest);
            largest = std::max(largest, network.largest);
        }
        if (found.empty()) tell_moves();
        if (found.empty() || has_dead_layer_) return;
        const std::string why = furthest > 0
                                    ? fmt::format(
                                          "are too small for this learning rate: no number has "
                                          "moved by more than {:.1e}, and the largest weight is "
                                          "{:.1e}",
                                          furthest, largest)
                                : all_none ? "are 0"
                                           : "are 0, or too small to change a bit of a weight";
        if (found.size() == still_.size() && at_zero_.empty()) {
            signs_.push_back({"vanishing_gradient", 0,
                              "no weight of the model has moved in this epoch: the gradients of "
                              "all " +
                                  why,
                              ""});
            return;
        }
        for (const std::string& name : found)
            if (!still_.at(name).is_scheduled)
                signs_.push_back({"vanishing_gradient", 0,
                                  fmt::format("no weight of `{}` has moved in this epoch: the "
                                              "gradients of all {}",
                                              name, why),
                                  name});
    }

    /// Of a model of which nothing had moved.
    void tell_moves() {
        double furthest = 0;
        for (const auto& [name, network] : still_)
            for (const MovedParameter& parameter : network.moved)
                furthest = std::max(furthest, parameter.furthest);
        add_sign(signs_, told_, Shown::kNo, {"vanishing_gradient", furthest},
                 fmt::format("a weight moved by {:.1e} in this epoch", furthest));
    }

    void judge_codes(ir::StateId id, const std::vector<float>& before) {
        const ir::State& state = states_.state(id);
        const float* now = states_.data(id);
        const double still = still_share(now, before, state.type.shape[0], state.type.shape[1]);
        if (Change(now, before, {}).relative() == 0) return;
        const std::string text =
            fmt::format("{:.0f} % of the codes of `{}` were never the nearest in this epoch",
                        100 * still, state.name);
        add_sign(signs_, told_, shown_by(still > kMostDeadCodes, still > kMostDeadCodesLeft),
                 {"dead_codes", still, text, state.name, kWaitForCodes}, text);
    }

    void add_layer(ir::StateId id, const std::vector<float>& before) {
        const ir::State& state = states_.state(id);
        const ParameterUpdate update = update_of(id);
        const Change change(states_.data(id), before, update.bound);
        const bool untouched = change.is_untouched();
        const bool still = untouched || change.relative() <= kStill;
        const Gradients gradients = still ? gradients_of(states_, id) : Gradients::kSome;
        const bool can_tell = change.can_tell() || gradients == Gradients::kNone;
        const bool has_gradient = still && gradients == Gradients::kSome;
        const bool is_judged = can_tell && !has_gradient;
        const WeightLayer& layer = layers_.emplace_back(WeightLayer{
            id, network_of(id), change.relative(), change.distance(), change.smallest(),
            change.factor(), has_gradient, untouched && is_judged, untouched && is_judged, update});
        if (can_tell && (!still || !change.has_held() || gradients == Gradients::kNone))
            networks_[{layer.network, update.groups}].push_back(layers_.size() - 1);
        if (!change.is_bounded() && (!is_judged || layer.change <= kMoving)) return;
        const auto [units, stride] = units_of(state);
        const double share = change.is_bounded()
                                 ? dead_share(id, change, units, stride)
                                 : still_share(states_.data(id), before, units, stride);
        const std::string measure = fmt::format(
            "{:.0f} % of the units of `{}` have not moved in this epoch", 100 * share, state.name);
        add_sign(
            signs_, told_, shown_by(share > kMostDeadUnits, share > kMostDeadUnitsLeft),
            {"dead_units", share,
             measure + ": they give the same for every example, or nothing reads them", state.name},
            measure);
    }

    /// The share of units that no gradient has moved, among numbers that may be held at a limit. A
    /// unit shows it by a number that is free and stands still, beside numbers of other units that
    /// read the same and move; or by what the optimizer keeps of its gradients.
    double dead_share(ir::StateId id, const Change& change, int64_t units, int64_t stride) const {
        const auto unit_of = [&](size_t i) {
            return i / static_cast<size_t>(stride) % static_cast<size_t>(units);
        };
        const auto read_by = [&](size_t i) {
            const auto width = static_cast<size_t>(stride);
            return i / (width * static_cast<size_t>(units)) * width + i % width;
        };
        std::vector<bool> moved(static_cast<size_t>(units), false), shows(moved),
            has_gradient(moved);
        std::vector<bool> is_read(change.size() / static_cast<size_t>(units), false);
        std::vector<Movement> movements(moved.size());
        for (size_t i = 0; i < change.size(); ++i)
            if (!change.is_held(i)) change.add_to(movements[unit_of(i)], i);
        for (size_t unit = 0; unit < moved.size(); ++unit)
            moved[unit] = movements[unit].relative() > kStill;
        for (size_t i = 0; i < change.size(); ++i)
            if (change.is_moved(i) && moved[unit_of(i)]) is_read[read_by(i)] = true;
        for (size_t i = 0; i < change.size(); ++i)
            if (!change.is_held(i) && is_read[read_by(i)]) shows[unit_of(i)] = true;
        for (const auto& [kind, least] : kSlotsOfGradients) {
            const ir::StateId slot = slot_of(states_, id, kind);
            if (slot == ir::kNone) continue;
            const double most = largest_size(states_, slot);
            for (size_t i = 0; i < change.size(); ++i)
                if (std::fabs(states_.data(slot)[i]) > least * most)
                    has_gradient[unit_of(i)] = true;
            shows.assign(shows.size(), true);
            break;
        }
        size_t dead = 0, alive = 0;
        for (size_t unit = 0; unit < moved.size(); ++unit) {
            dead += !moved[unit] && shows[unit] && !has_gradient[unit];
            alive += moved[unit] || has_gradient[unit];
        }
        return alive == 0 ? 0 : static_cast<double>(dead) / static_cast<double>(units);
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
        const ParameterUpdate update = update_of(id);
        const Change change(states_.data(id), before, update.bound, layer.factor);
        const bool same_rate = update.groups == layer.update.groups;
        if (change.has_held() && same_rate && has_gradient_without(states_, id, layer.weight)) {
            layer.reads_zeros |= layer.weight_untouched;
            layer.untouched = false;
        }
        if (change.is_untouched()) return;
        const double much = (kMoving + std::fabs(1 - layer.factor)) * layer.smallest;
        if (layer.weight_untouched && same_rate && change.furthest_move() > much)
            layer.reads_zeros = true;
        layer.untouched = false;
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
            std::erase_if(networks_, [&](const auto& row) {  // its gradients vanish here
                return row.first.first == layer.network;
            });
            has_dead_layer_ = true;
        }
    }

    bool is_untouched(const std::string& network) const {
        return std::all_of(layers_.begin(), layers_.end(), [&](const WeightLayer& layer) {
            return layer.network != network || layer.untouched;
        });
    }

    void find_vanishing_gradients() {
        const auto less = [&](size_t a, size_t b) { return layers_[a].change < layers_[b].change; };
        for (const auto& [key, rows] : networks_) {
            const WeightLayer& most = layers_[*std::max_element(rows.begin(), rows.end(), less)];
            // What begins at 0 moves far at any learning rate, as a share of its size.
            if (most.change <= kMoving || most.distance <= kStill * still_.at(key.first).largest)
                continue;
            const auto is_large = [&](size_t row) {  // so that an equal step is little for it
                return layers_[row].has_gradient &&
                       layers_[row].distance > kFarLess * most.distance;
            };
            std::vector<size_t> judged;
            std::remove_copy_if(rows.begin(), rows.end(), std::back_inserter(judged), is_large);
            const WeightLayer& least =
                layers_[*std::min_element(judged.begin(), judged.end(), less)];
            if (least.reads_zeros) continue;
            const std::string measure =
                fmt::format("`{}` moved by {:.2g} of its size in this epoch, `{}` by {:.2g}",
                            states_.state(least.weight).name, least.change,
                            states_.state(most.weight).name, most.change);
            add_sign(signs_, told_,
                     shown_by(least.change <= kStill, least.change <= kWellPastStill * kStill),
                     {"vanishing_gradient", least.change,
                      measure + ": hardly a gradient comes through", key.first},
                     measure);
        }
    }

    const StateStore& states_;
    std::map<ir::StateId, ParameterUpdate> updates_;
    const std::set<std::string>& at_zero_;
    const ToldSigns& told_;
    std::vector<WeightLayer> layers_;
    /// Those of layers_ that can move, by network and by what has the same learning rate.
    std::map<std::pair<std::string, UpdateGroups>, std::vector<size_t>> networks_;
    std::map<std::string, StillNetwork> still_;
    UpdateGroups moved_;  ///< of which a parameter has moved
    bool has_dead_layer_ = false;
    std::vector<Sign> signs_;
};

}  // namespace

std::shared_ptr<const KeptWeights> with_moves(const std::shared_ptr<const KeptWeights>& before,
                                              const GoodState& now, const StateStore& next) {
    std::shared_ptr<KeptWeights> changed;
    if (!before) return changed;
    for (const auto& [id, numbers] : *before) {
        const float *kept = now.data(next, id), *moved = next.data(id);
        for (size_t i = 0; i < numbers.size(); ++i) {
            if (numbers[i] != kept[i] || moved[i] == kept[i]) continue;
            if (!changed) changed = std::make_shared<KeptWeights>(*before);
            (*changed)[id][i] = moved[i];
        }
    }
    return changed;
}

std::vector<Sign> weight_signs(const StateStore& states, const KeptWeights& before,
                               const std::set<std::string>& at_zero, const ToldSigns& told) {
    return WeightJudge(states, at_zero, told).judge(before);
}

}  // namespace gmc::runtime

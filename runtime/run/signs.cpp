// Signs of a run's health: functions that judge figures, weights and samples by fixed limits. The
// limits are wide: a sign is to say what is certainly wrong, not what could be better.
#include "runtime/run/signs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/train/fill_inputs.h"
#include "runtime/train/sampler.h"

namespace gmc::runtime {
namespace {

/// A discriminator is certain of its answers beyond this, on the mean of an epoch.
constexpr double kCertain = 0.995;
/// It is also certain where its loss is less than this share of its first loss.
constexpr double kLossOfCertain = 0.005;
constexpr const char* kDiscriminatorLoss = "discriminator_loss";
/// Oscillation is looked for in the last kOscillationSteps steps. A loss oscillates when the
/// correlation of neighbouring changes is below kAlternating and it swings by more than kSwing of
/// its size. Losses of independent batches have a correlation of -0.5. Networks that play against
/// each other reach -0.93 in a good run of models/r1_grid.yaml, since each answers the other's last
/// step; so their limit is lower.
constexpr size_t kOscillationSteps = FigureHistory::kLastMost;
constexpr double kAlternating = -0.9, kAlternatingInGames = -0.98, kSwing = 0.05;
/// Weights that moved by less than kStill of their size have not moved (the rounding of an epoch of
/// weight decay moves them by about a tenth of that); a layer that moved by more than kMoving
/// learns.
constexpr double kStill = 1e-5;
constexpr double kMoving = 1e-3;
/// A larger share of dead units in a layer, or of dead codes in a codebook, is reported. A few of
/// either are usual.
constexpr double kMostDeadUnits = 0.5, kMostDeadCodes = 0.95;
/// The variance above which a unit of a latent is active (Burda et al. 2015), and the share of
/// active units below which a latent has collapsed.
constexpr double kActiveVariance = 0.01, kFewestActive = 0.05;
/// Samples that differ less than this share of what data differ are copies of a few.
constexpr double kLeastDiversity = 0.05;

bool ends_with_weight(const std::string& name) { return name.ends_with(".weight"); }

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

  private:
    double changes_ = 0, along_ = 0, sizes_ = 0;
    int64_t count_ = 0;
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

double relative_change(const float* now, const std::vector<float>& before) {
    Movement movement;
    for (size_t i = 0; i < before.size(); ++i) movement.add(before[i], now[i]);
    return movement.relative();
}

/// Correlation of each change with the change before it: -1 for a value that goes up and down by
/// the same amount.
double alternation(const std::deque<double>& values) {
    double products = 0, squares = 0;
    for (size_t i = 2; i < values.size(); ++i)
        products += (values[i] - values[i - 1]) * (values[i - 1] - values[i - 2]);
    for (size_t i = 1; i < values.size(); ++i)
        squares += (values[i] - values[i - 1]) * (values[i] - values[i - 1]);
    return squares > 0 ? products / squares : 0;
}

/// How far a figure goes up and down, as a share of its mean size.
double swing(const std::deque<double>& values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    double mean = 0;
    for (const double value : values) mean += std::fabs(value) / static_cast<double>(values.size());
    return mean > 0 ? (*high - *low) / mean : 0;
}

/// Whether networks work against each other: there are several losses.
bool is_game(const ir::Module& module) {
    const ir::Function* evaluate = module.find_function("evaluate");
    return evaluate != nullptr && std::count_if(evaluate->results.begin(), evaluate->results.end(),
                                                [](const ir::NamedValue& result) {
                                                    return result.name.ends_with("_loss");
                                                }) > 1;
}

/// The sum of a column of a matrix, and that of its squares.
std::pair<double, double> sums_of_column(const float* numbers, int64_t rows, int64_t width,
                                         int64_t column) {
    double sum = 0, squares = 0;
    for (int64_t row = 0; row < rows; ++row) {
        const double x = numbers[row * width + column];
        sum += x;
        squares += x * x;
    }
    return {sum, squares};
}

}  // namespace

std::vector<Sign> news_of(const std::vector<Sign>& shown, SignCounters& counters) {
    std::vector<Sign> news;
    auto& epochs_before = counters.epochs;
    std::map<std::pair<std::string, std::string>, int64_t> epochs;
    for (const Sign& sign : shown) {
        const std::pair key(sign.name, sign.subject);
        const auto before = epochs_before.find(key);
        epochs[key] = before == epochs_before.end() ? 1 : before->second + 1;
        if (epochs[key] == 2) news.push_back(sign);
    }
    epochs_before = std::move(epochs);
    return news;
}

void count_figures(const std::vector<StepRunner::Named>& values, SignCounters& counters) {
    for (const StepRunner::Named& value : values) {
        FigureHistory& figure = counters.figures[value.name];
        if (!std::isfinite(value.value)) {  // the step is taken back, and others follow
            figure.last.clear();
            continue;
        }
        figure.smallest = figure.count == 0 ? value.value : std::min(figure.smallest, value.value);
        figure.sum += value.value;
        ++figure.count;
        figure.last.push_back(value.value);
        if (figure.last.size() > kOscillationSteps) figure.last.pop_front();
        if (value.name == kDiscriminatorLoss && counters.first_loss == 0)
            counters.first_loss = value.value;
    }
}

/// The mean of a figure; 0.5 for a figure that the model does not have.
static double mean(const SignCounters& counters, const std::string& name) {
    const auto found = counters.figures.find(name);
    return found == counters.figures.end() || found->second.count == 0
               ? 0.5
               : found->second.sum / static_cast<double>(found->second.count);
}

/// Two ways to see that a discriminator has won: it is sure of real data and, where that is known,
/// of samples; or its loss has become a small part of what it was at first. The second needs a loss
/// that cannot be negative.
static void judge_discriminator(const SignCounters& counters, std::vector<Sign>& signs) {
    const double real = mean(counters, "real_probability");
    const double fake = mean(counters, "fake_probability"), first = counters.first_loss;
    if (real > kCertain &&
        (fake < 1 - kCertain || counters.figures.count("fake_probability") == 0)) {
        signs.push_back({"discriminator_wins", real,
                         fmt::format("the discriminator tells data from samples without error "
                                     "(it calls data real with a probability of {:.4f}), so the "
                                     "generator learns nothing from it",
                                     real),
                         kDiscriminatorLoss});
        return;
    }
    const auto loss = counters.figures.find(kDiscriminatorLoss);
    if (loss == counters.figures.end() || loss->second.count == 0 || first <= 0 ||
        loss->second.smallest < 0)
        return;
    const double now = mean(counters, kDiscriminatorLoss);
    if (now > kLossOfCertain * first) return;
    signs.push_back({"discriminator_wins", now,
                     fmt::format("the discriminator tells data from samples without error (its "
                                 "loss is {:.2g}, and was {:.2g} at first), so the generator "
                                 "learns little from it",
                                 now, first),
                     kDiscriminatorLoss});
}

/// Judges an epoch and begins the next. The last steps are kept across epochs.
std::vector<Sign> figure_signs(SignCounters& counters, const std::set<std::string>& alternating) {
    std::vector<Sign> signs;
    judge_discriminator(counters, signs);
    const auto is_loss = [](const std::string& name) {
        return name == "loss" || name.ends_with("_loss");
    };
    const auto losses = std::count_if(counters.figures.begin(), counters.figures.end(),
                                      [&](const auto& figure) { return is_loss(figure.first); });
    const double limit = losses > 1 ? kAlternatingInGames : kAlternating;
    for (const auto& [name, figure] : counters.figures) {
        if (!is_loss(name) || alternating.count(name) != 0 ||
            figure.last.size() < kOscillationSteps)
            continue;
        const double correlation = alternation(figure.last);
        if (correlation > limit || swing(figure.last) < kSwing) continue;
        signs.push_back({"oscillation", correlation,
                         fmt::format("`{}` goes up and down with every step (neighbouring changes "
                                     "have a correlation of {:.2f}): the learning rate is too "
                                     "large",
                                     name, correlation),
                         name});
    }
    // `last` is kept: its steps may be those of several short epochs.
    for (auto& [name, figure] : counters.figures) {
        figure.sum = figure.smallest = 0;
        figure.count = 0;
    }
    return signs;
}

std::set<std::string> alternating_losses(const ir::Module& module) {
    std::set<std::string> names;
    for (const ir::ScheduleEntry& entry : module.schedule) {
        const ir::Function* function = module.find_function(entry.function);
        if (entry.every != 2 || function == nullptr) continue;
        for (const ir::NamedValue& result : function->results) names.insert(result.name);
    }
    return names;
}

/// Compares each matrix with its copy: codebooks code by code, weights of dense
/// layers unit by unit, and the layers of a network with each other.
std::vector<Sign> weight_signs(const StateStore& states, const KeptWeights& before_all) {
    std::vector<Sign> signs;
    struct Layer {
        std::string name;
        double change;
    };
    std::map<std::string, std::vector<Layer>> networks;
    for (const auto& [id, before] : before_all) {
        const ir::State& state = states.state(id);
        const ir::Shape& shape = state.type.shape;
        const float* now = states.data(id);
        const double change = relative_change(now, before);
        if (state.name.ends_with(".codebook")) {
            const double still = still_share(now, before, shape[0], shape[1]);
            if (change > 0 && still > kMostDeadCodes)
                signs.push_back({"dead_codes", still,
                                 fmt::format("{:.0f} % of the codes of `{}` were never the nearest "
                                             "in this epoch",
                                             100 * still, state.name),
                                 state.name});
        }
        if (!ends_with_weight(state.name) || are_held(now, before.size())) continue;
        networks[state.name.substr(0, state.name.find('.'))].push_back({state.name, change});
        if (shape.size() != 2 || change <= kMoving) continue;
        const double still = still_share(now, before, shape.back(), 1);
        if (still > kMostDeadUnits)
            signs.push_back({"dead_units", still,
                             fmt::format("{:.0f} % of the units of `{}` have not moved in this "
                                         "epoch: they are 0 for every example",
                                         100 * still, state.name),
                             state.name});
    }
    for (const auto& [network, layers] : networks) {
        const auto [least, most] =
            std::minmax_element(layers.begin(), layers.end(),
                                [](const Layer& a, const Layer& b) { return a.change < b.change; });
        if (most->change <= kMoving || least->change > kStill) continue;
        signs.push_back({"vanishing_gradient", least->change,
                         fmt::format("`{}` moved by {:.1e} of its size in this epoch, `{}` by "
                                     "{:.1e}: hardly a gradient comes through",
                                     least->name, least->change, most->name, most->change),
                         network});
    }
    return signs;
}

int64_t active_units(const float* means, int64_t rows, int64_t width) {
    int64_t active = 0;
    const double n = static_cast<double>(rows);
    for (int64_t k = 0; k < width; ++k) {
        const auto [sum, squares] = sums_of_column(means, rows, width, k);
        active += squares / n - (sum / n) * (sum / n) > kActiveVariance;
    }
    return active;
}

/// The mean squared distance of two rows is twice the variance, which needs no loop over pairs.
double diversity(const float* numbers, int64_t rows, int64_t width) {
    double out = 0;
    const double n = static_cast<double>(rows);
    for (int64_t k = 0; k < width; ++k) {
        const auto [sum, squares] = sums_of_column(numbers, rows, width, k);
        out += 2 * (squares - sum * sum / n) / (n - 1);
    }
    return out;
}

/// First the latent of a variational model, whose means are computed for a batch; then samples of a
/// game of networks, whose diversity is compared with that of a batch of data.
Result<std::vector<Sign>> sample_signs(LoadedModel& model, Loader& data, uint64_t seed,
                                       Diagnostics& diagnostics) {
    std::vector<Sign> signs;
    const int64_t rows = model.batch_size();
    data.seek({});
    const auto batch = data.next(diagnostics);
    if (!batch.ok()) return Failure{};
    if (rows < 8 || (*batch)->valid_rows < rows) return signs;  // too few to compare
    const ir::Function* encode = model.module().find_function("encode");
    const bool variational = encode != nullptr && encode->results.size() == 2 &&
                             encode->results[0].name == "mean" &&
                             encode->results[1].name == "log_variance" &&
                             encode->type(encode->results[0].value).rank() == 2;
    if (variational) {
        Executable* executable = model.function("encode", diagnostics);
        if (executable == nullptr) return Failure{};
        set_inputs(*executable, data, **batch);
        executable->run(model.context(seed, 0));
        const int64_t width = executable->result_type(0).shape[1];
        const int64_t active = active_units(executable->result(0), rows, width);
        if (static_cast<double>(active) < kFewestActive * static_cast<double>(width))
            signs.push_back(
                {"posterior_collapse", static_cast<double>(active),
                 fmt::format("{} of {} units of the latent tell examples apart: the decoder does "
                             "without the encoder",
                             active, width)});
    }
    const ir::Function* sample = model.module().find_function("sample");
    // A model with one loss has no game to collapse: samples that are alike may be what its loss
    // asks for.
    if (!is_game(model.module())) return signs;
    if (sample == nullptr || sample->results.empty() || !Sampler::can_sample(model, *sample))
        return signs;
    const ir::Type& type = sample->type(sample->results[0].value);
    for (size_t f = 0; f < data.dataset().fields().size(); ++f) {
        const Field& field = *data.dataset().fields()[f];
        if (type.shape.empty() ||
            ir::Shape(type.shape.begin() + 1, type.shape.end()) != field.shape() ||
            field.elements() < 2)
            continue;
        const auto samples = generate(model, "sample", rows, seed, diagnostics);
        if (!samples.ok()) return Failure{};
        const double ratio = diversity(samples->values.data(), rows, field.elements()) /
                             diversity((*batch)->fields[f], rows, field.elements());
        if (ratio < kLeastDiversity)
            signs.push_back({"mode_collapse", ratio,
                             fmt::format("samples differ from each other {:.3f} times as much as "
                                         "the data do: the model makes the same over and over",
                                         ratio)});
        break;
    }
    return signs;
}

}  // namespace gmc::runtime

// Signs of a run's health: functions that judge figures and samples by fixed limits. The
// limits are wide: a sign is to say what is certainly wrong, not what could be better.
#include "runtime/run/signs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <sstream>
#include <utility>

#include "runtime/states/parameter_updates.h"
#include "runtime/train/fill_inputs.h"
#include "runtime/train/sampler.h"

namespace gmc::runtime {
namespace {

/// A discriminator is certain of its answers beyond this, on average.
constexpr double kCertain = 0.995;
/// It is also certain where its loss is less than this share of its first loss.
constexpr double kLossOfCertain = 0.01;
/// Means over fewer steps than this go up and down too much.
constexpr int64_t kFewestJudged = 32;
/// A loss that is so small a share of its first has nothing left to teach.
constexpr double kAsGoodAsZero = 1e-6;
/// Oscillation is looked for in the last kOscillationSteps steps. A loss oscillates when the
/// correlation of neighbouring changes is below kAlternating and it swings by more than kSwing of
/// its size. Losses of independent batches have a correlation of -0.5. Networks that play against
/// each other reach -0.93 in a good run of models/r1_grid.yaml, since each answers the other's last
/// step; so their limit is lower.
constexpr size_t kOscillationSteps = FigureHistory::kLastMost;
constexpr double kAlternating = -0.9, kAlternatingInGames = -0.98, kSwing = 0.05;
/// The variance above which a unit of a latent is active (Burda et al. 2015), and the share of
/// active units below which a latent has collapsed.
constexpr double kActiveVariance = 0.01, kFewestActive = 0.05;
/// Fewer examples than this may be alike by chance.
constexpr int64_t kFewestCompared = 8;
/// Samples that differ less than this share of what data differ are copies of a few.
constexpr double kLeastDiversity = 0.05;
/// A collapse is told although its number grows where samples' deviations are below 0.01 of the
/// data's: the number is one of squares.
constexpr double kNoDiversity = 1e-4;
/// Steps for which a collapse, a discriminator that wins and dead codes are waited for: longer than
/// networks that begin to learn show the same. A generator that has not made different samples yet
/// has longer.
constexpr int64_t kWaitForCollapse = 500, kWaitForFirstSamples = 1000, kWaitForWinner = 200;
/// A loss has exploded where it is so many times the largest of the run's first epoch. Losses that
/// can be negative, and those of networks that play against each other, begin near 0 and grow far
/// in good runs: theirs have to be large in themselves, too.
constexpr double kExploded = 1e3, kExplodedWithSign = 1e6, kLargeInItself = 1e3;
/// So it has where it is so many times that of the run's first step, which is one of untrained
/// weights. That may be near 0 by chance, so the loss has to be large in itself, too.
constexpr double kExplodedSinceBegin = 1e2, kLargeSinceBegin = 1e2, kLargeSinceBeginWithSign = 1e5;
/// Steps from whose values on the first epoch is judged, and steps that an explosion has to last.
constexpr size_t kEarlySteps = 20;
constexpr int64_t kWaitForExplosion = 50;
constexpr const char* kExplodingLoss = "exploding_loss";
constexpr const char* kDiscriminatorWins = "discriminator_wins";
/// A collapse whose number grows by this share is one that training mends.
constexpr double kGrowth = 0.1;
/// A sign that was told is gone when its number, or its distance from what is worst, is so many
/// times on the good side of the limit.
constexpr double kWellPast = 2;

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

/// Which of some figures are losses. Where there is one, it is called `loss`, and what ends in
/// `_loss` is a metric.
std::vector<std::string> losses_of(const std::set<std::string>& figures) {
    std::vector<std::string> losses;
    if (figures.count("loss") != 0) return {"loss"};
    for (const std::string& name : figures)
        if (name.ends_with("_loss")) losses.push_back(name);
    return losses;
}

std::vector<std::string> losses_of(const SignCounters& counters) {
    std::set<std::string> figures;
    for (const auto& [name, figure] : counters.figures) figures.insert(name);
    return losses_of(figures);
}

/// Of a sign that is shown at `limit` and below, and gone at several times that.
Shown shown_below(double number, double limit) {
    return shown_by(number <= limit, number <= kWellPast * limit);
}

/// The same where the limit itself is good.
Shown shown_under(double number, double limit) {
    return shown_by(number < limit, number < kWellPast * limit);
}

/// Whether networks work against each other: there are several losses.
bool is_game(const ir::Module& module) {
    const ir::Function* evaluate = module.find_function("evaluate");
    std::set<std::string> figures;
    if (evaluate != nullptr)
        for (const ir::NamedValue& result : evaluate->results) figures.insert(result.name);
    return losses_of(figures).size() > 1;
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

/// Programs tell two signs of one name apart by `of`.
MetricsRow row_of(const Sign& sign, int64_t step, int64_t epoch) {
    MetricsRow row(step, epoch);
    row.add("sign", sign.name);
    if (!sign.subject.empty()) row.add("of", sign.subject);
    if (!sign.is_over) row.add("number", sign.number);
    row.add("text", sign.text);
    return row;
}

void count_figures(const std::vector<StepRunner::Named>& values, SignCounters& counters) {
    for (const StepRunner::Named& value : values) {
        const auto [found, is_new] = counters.figures.try_emplace(value.name);
        FigureHistory& figure = found->second;
        if (!std::isfinite(value.value)) {  // the step is taken back, and others follow
            figure.last.clear();
            continue;
        }
        const double size = std::fabs(value.value);
        figure.most_size = figure.count == 0 ? size : std::max(figure.most_size, size);
        figure.is_signed |= value.value < 0;
        if (is_new) figure.begin = size;
        const bool is_first_epoch = figure.first == 0;
        if (is_first_epoch && figure.last.size() < kEarlySteps)
            figure.early = std::max(figure.early, size);
        else if (figure.count == 0 || (is_first_epoch && figure.last.size() == kEarlySteps))
            figure.least_size = size;
        else
            figure.least_size = std::min(figure.least_size, size);
        figure.sum += value.value;
        ++figure.count;
        figure.last.push_back(value.value);
        if (figure.last.size() > kOscillationSteps) figure.last.pop_front();
    }
}

/// The mean of a figure over the epoch, or its last kFewestJudged steps where it has fewer; 0.5 for
/// a figure that the model does not have.
static double mean(const SignCounters& counters, const std::string& name) {
    const auto found = counters.figures.find(name);
    if (found == counters.figures.end() || found->second.count == 0) return 0.5;
    const FigureHistory& figure = found->second;
    if (figure.count >= kFewestJudged || figure.last.empty())
        return figure.sum / static_cast<double>(figure.count);
    const auto steps = std::min<std::ptrdiff_t>(kFewestJudged, std::ssize(figure.last));
    return std::accumulate(figure.last.end() - steps, figure.last.end(), 0.0) /
           static_cast<double>(steps);
}

/// Whether it is the loss of a network that is called a discriminator, as disc, or image_d.
static bool is_of_discriminator(const std::string& loss) {
    std::istringstream parts(loss);
    for (std::string part; std::getline(parts, part, '_');)
        if (part == "d" || part == "disc" || part.starts_with("discriminator")) return true;
    return false;
}

/// Two ways to see that a discriminator has won: it is sure of real data and, where that is known,
/// of samples; or its loss has become a small part of what it was at first. The second needs a loss
/// that cannot be negative.
static void judge_discriminator(const SignCounters& counters, const ToldSigns& told,
                                std::vector<Sign>& signs) {
    const double real = mean(counters, "real_probability");
    const double fake = mean(counters, "fake_probability");
    const bool knows_fake = counters.figures.count("fake_probability") != 0;
    const auto is_sure = [&](double doubt) {
        return real > 1 - doubt && (fake < doubt || !knows_fake);
    };
    constexpr double kDoubt = 1 - kCertain;
    const Shown shown = shown_by(is_sure(kDoubt), is_sure(kWellPast * kDoubt));
    if (counters.figures.count("real_probability") != 0)
        add_sign(
            signs, told, shown,
            {kDiscriminatorWins, real,
             fmt::format("the discriminator tells data from samples without error (it calls data "
                         "real with a probability of {:.4f}), so the generator learns nothing "
                         "from it",
                         real),
             "discriminator_loss", kWaitForWinner},
            fmt::format("the discriminator calls data real with a probability of {:.4f}{}", real,
                        knows_fake ? fmt::format(", samples with {:.4f}", fake) : ""));
    if (shown == Shown::kYes) return;
    for (const std::string& name : losses_of(counters)) {
        const FigureHistory& figure = counters.figures.at(name);
        if (!is_of_discriminator(name) || figure.count == 0 || figure.begin == 0) continue;
        const double now = mean(counters, name);
        const double limit = figure.is_signed ? -HUGE_VAL : kLossOfCertain * figure.begin;
        const std::string measure =
            fmt::format("`{}` is {:.2g}, and was {:.2g} at first", name, now, figure.begin);
        add_sign(signs, told, shown_below(now, limit),
                 {kDiscriminatorWins, now,
                  fmt::format("the discriminator tells data from samples without error ({}), so "
                              "the generator learns little from it",
                              measure),
                  name, kWaitForWinner},
                 measure);
    }
}

/// The size beyond which a loss has exploded that was at most `first` at first.
static double explosion_limit(double first, bool is_signed, bool in_game) {
    return is_signed || in_game ? std::max(kExplodedWithSign * first, kLargeInItself)
                                : kExploded * first;
}

/// The size of a loss in the run's first step. Of networks that play against each other, the first
/// has moved before the others' losses are known, so the smallest loss counts; 0: not known.
static double size_at_begin(const SignCounters& counters, const std::vector<std::string>& losses) {
    double begin = 0;
    for (const std::string& name : losses)
        if (const double size = counters.figures.at(name).begin; size > 0)
            begin = begin == 0 ? size : std::min(begin, size);
    return begin;
}

/// That of a loss by its size in the run's first step; none where nothing can be said of it.
static double limit_since_begin(double begin, const FigureHistory& figure, const std::string& name,
                                const ChangingLosses& changing, bool in_game) {
    if (begin == 0 || changing.scheduled.count(name) != 0) return HUGE_VAL;
    const double own = std::max(kExplodedSinceBegin * figure.begin, kLargeSinceBegin);
    return figure.is_signed || in_game || changing.of_few
               ? std::max({own, kExplodedWithSign * begin, kLargeSinceBeginWithSign})
               : own;
}

/// A loss that was far above its first ones in every step of the epoch, or on average and in no
/// step near that of the first.
static void judge_explosions(SignCounters& counters, const std::vector<std::string>& losses,
                             const ChangingLosses& changing, const ToldSigns& told,
                             std::vector<Sign>& signs) {
    const bool in_game = losses.size() > 1;
    const double begin = size_at_begin(counters, losses);
    for (const std::string& name : losses) {
        FigureHistory& figure = counters.figures.at(name);
        if (figure.count == 0 || figure.early == 0) continue;
        if (figure.first == 0)
            figure.first = figure.most_size > kExplodedWithSign * figure.early ? figure.early
                                                                               : figure.most_size;
        const double limit = explosion_limit(figure.first, figure.is_signed, in_game);
        const double by_begin = limit_since_begin(begin, figure, name, changing, in_game);
        const double now = figure.sum / static_cast<double>(figure.count);
        const auto is_far = [&](double share) {
            return figure.least_size > share * std::min(limit, by_begin) ||
                   (std::fabs(now) > share * by_begin && figure.least_size > share * by_begin / 10);
        };
        const std::string was =
            by_begin < limit
                ? fmt::format("{} {:.2g} in the first step", in_game ? "a loss was" : "was", begin)
                : fmt::format("was at most {:.2g} at first", figure.first);
        const std::string measure = fmt::format("`{}` is {:.2g}, and {}", name, now, was);
        add_sign(
            signs, told, shown_by(is_far(1), is_far(1 / kWellPast)),
            {kExplodingLoss, now, measure + ": training has left the range in which it can learn",
             name, kWaitForExplosion},
            measure);
    }
}

bool has_exploded(const SignCounters& counters, const ChangingLosses& changing) {
    const std::vector<std::string> losses = losses_of(counters);
    const bool in_game = losses.size() > 1;
    const double begin = size_at_begin(counters, losses);
    return std::any_of(losses.begin(), losses.end(), [&](const std::string& name) {
        const FigureHistory& figure = counters.figures.at(name);
        if (figure.last.empty() || figure.early == 0) return false;
        const double first = figure.first > 0 ? figure.first : 1e3 * figure.early;
        return std::fabs(figure.last.back()) >
               std::min(explosion_limit(first, figure.is_signed, in_game),
                        limit_since_begin(begin, figure, name, changing, in_game));
    });
}

/// Judges an epoch and begins the next. The last steps are kept across epochs.
std::vector<Sign> figure_signs(SignCounters& counters, const ChangingLosses& changing) {
    std::vector<Sign> signs;
    const ToldSigns told = told_signs(counters);
    judge_discriminator(counters, told, signs);
    const std::vector<std::string> losses = losses_of(counters);
    judge_explosions(counters, losses, changing, told, signs);
    const double limit = losses.size() > 1 ? kAlternatingInGames : kAlternating;
    for (const std::string& name : losses) {
        const FigureHistory& figure = counters.figures.at(name);
        if (changing.alternating.count(name) != 0 || figure.last.size() < kOscillationSteps)
            continue;
        const double correlation = alternation(figure.last), size = swing(figure.last);
        // How far it is from going up and down by the same amount, and how little it does so.
        const Shown shown =
            std::max(shown_below(1 + correlation, 1 + limit), shown_below(kSwing, size));
        add_sign(signs, told, shown,
                 {"oscillation", correlation,
                  fmt::format("`{}` goes up and down with every step (neighbouring changes have a "
                              "correlation of {:.2f}): the learning rate is too large",
                              name, correlation),
                  name},
                 fmt::format("neighbouring changes of `{}` have a correlation of {:.2f}, and it "
                             "swings by {:.2g} of its size",
                             name, correlation, size));
    }
    // `last` is kept: its steps may be those of several short epochs.
    for (auto& [name, figure] : counters.figures) {
        figure.sum = figure.least_size = figure.most_size = 0;
        figure.count = 0;
    }
    return signs;
}

ChangingLosses changing_losses(const ir::Module& module) {
    ChangingLosses changing;
    for (const ir::ScheduleEntry& entry : module.schedule) {
        const ir::Function* function = module.find_function(entry.function);
        if (entry.every != 2 || function == nullptr) continue;
        for (const ir::NamedValue& result : function->results)
            changing.alternating.insert(result.name);
    }
    changing.scheduled = scheduled_figures(module);
    changing.of_few = module.training && module.training->batch_size < kFewestCompared;
    return changing;
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
                                       bool& was_diverse, Diagnostics& diagnostics,
                                       const ToldSigns& told) {
    std::vector<Sign> signs;
    const int64_t rows = model.batch_size();
    data.seek({});
    const auto batch = data.next(diagnostics);
    if (!batch.ok()) return Failure{};
    if (rows < kFewestCompared || (*batch)->valid_rows < rows) return signs;
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
        const std::string measure =
            fmt::format("{} of {} units of the latent tell examples apart", active, width);
        add_sign(
            signs, told,
            shown_under(static_cast<double>(active), kFewestActive * static_cast<double>(width)),
            {"posterior_collapse", static_cast<double>(active),
             measure + ": the decoder does without the encoder", "", kWaitForCollapse, kGrowth},
            measure);
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
        was_diverse |= ratio >= kLeastDiversity;
        const std::string measure = fmt::format(
            "samples differ from each other {:.2g} times as much as the data do (by variance)",
            ratio);
        add_sign(signs, told, shown_under(ratio, kLeastDiversity),
                 {"mode_collapse", ratio,
                  fmt::format("{}{}: the model makes the same over and over", measure,
                              was_diverse ? "" : ", and never did more"),
                  "", was_diverse ? kWaitForCollapse : kWaitForFirstSamples,
                  ratio < kNoDiversity ? HUGE_VAL : kGrowth},
                 measure);
        break;
    }
    return signs;
}

static bool is_explosion(const Sign& sign) {
    return sign.name == kExplodingLoss && sign.shown != Shown::kNo;
}

/// Leaves out what came of a loss that explodes, or did and was not told to be back: a user is told
/// the cause. As long as something is left out, so that training has not recovered, it lasts.
static void leave_out_what_came_of_explosions(std::vector<Sign>& signs,
                                              const SignCounters& counters) {
    const bool explodes = std::any_of(signs.begin(), signs.end(), is_explosion);
    std::vector<Sign> explosions;
    const ToldSigns told = told_signs(counters);
    for (const auto& key : told)
        if (key.first == kExplodingLoss)
            explosions.push_back({key.first, counters.shown.at(key).most, "", key.second});
    if (!explodes && explosions.empty()) return;
    const size_t left_out = std::erase_if(signs, [&](const Sign& sign) {
        return !is_explosion(sign) && sign.name != kDiscriminatorWins &&
               told.count({sign.name, sign.subject}) == 0;
    });
    if (!explodes && left_out > 0) signs.insert(signs.end(), explosions.begin(), explosions.end());
}

/// Losses that were as good as 0 in each step of the epoch: there is nothing left to learn.
static std::set<std::string> losses_at_zero(const SignCounters& counters) {
    std::set<std::string> losses;
    for (const std::string& name : losses_of(counters)) {
        const FigureHistory& figure = counters.figures.at(name);
        if (figure.count > 0 && figure.begin > 0 &&
            figure.most_size <= kAsGoodAsZero * figure.begin)
            losses.insert(name);
    }
    return losses;
}

/// Samples are compared with the first batch of the data in their own order.
Result<std::vector<Sign>> EpochSigns::take(LoadedModel& model, const Loader& trained_on,
                                           TrainingState& training, Diagnostics& diagnostics) {
    const LoaderOptions& options = trained_on.options();
    if (!judged_) {
        auto loader = Loader::create(trained_on.dataset(),
                                     {options.batch_size, LoaderMode::kEvaluate, options.seed, 0},
                                     diagnostics);
        if (!loader.ok()) return Failure{};
        judged_ = loader.take();
    }
    const std::set<std::string> at_zero = losses_at_zero(training.signs);
    const ToldSigns told = told_signs(training.signs);
    std::vector<Sign> signs = figure_signs(training.signs, changing_losses(model.module()));
    const std::vector<Sign> of_weights =
        weight_signs(model.states(), *training.epoch_start, at_zero, told);
    signs.insert(signs.end(), of_weights.begin(), of_weights.end());
    const auto made =
        sample_signs(model, *judged_, options.seed, training.signs.was_diverse, diagnostics, told);
    if (!made.ok()) return Failure{};
    signs.insert(signs.end(), made->begin(), made->end());
    leave_out_what_came_of_explosions(signs, training.signs);
    return news_of(signs, training.step, training.signs);
}

}  // namespace gmc::runtime

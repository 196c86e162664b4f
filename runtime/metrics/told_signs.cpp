// Which signs of trouble are told, when they are gone, and in which words.
#include "runtime/metrics/told_signs.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

namespace gmc::runtime {
namespace {

/// Steps after which a sign that no epoch shows any more is gone.
constexpr int64_t kGoneFor = 100;

/// What helps: the one place for these words. models/WHEN_IT_GOES_WRONG.md says of each sign what
/// its number is.
constexpr std::pair<std::string_view, std::string_view> kRemedies[] = {
    {"discriminator_wins",
     "a smaller learning rate of the discriminator; the recipe `r1`, or `hinge` with "
     "`spectral_norm: true`"},
    {"mode_collapse",
     "a smaller learning rate of the generator; the recipe `wgan_gp` or `r1`; in the "
     "discriminator `minibatch_stddev` and no batch norm"},
    {"posterior_collapse",
     "a smaller weight of the KL term (`beta`), or one that grows: `beta: {linear: {from: 0, to: "
     "1, over: 5 epochs}}`"},
    {"vanishing_gradient",
     "`leaky_relu`, a norm between layers, fewer layers; a loss in which that network has part"},
    {"exploding_loss", "a third of the learning rate; `global_clip_norm: 1` in the optimizer"},
    {"dead_units", "a smaller learning rate; `leaky_relu` in place of `relu`; fewer units"},
    {"dead_codes", "fewer codes; a smaller learning rate"},
    {"oscillation",
     "a third of the learning rate; where networks play against each other, `schedule: "
     "extragradient`"},
};

}  // namespace

ToldSigns told_signs(const SignCounters& counters) {
    ToldSigns told;
    for (const auto& [key, history] : counters.shown)
        if (history.is_told) told.insert(key);
    return told;
}

void add_sign(std::vector<Sign>& signs, const ToldSigns& told, Shown shown, Sign sign,
              const std::string& measure) {
    if (shown != Shown::kYes) {
        if (told.count({sign.name, sign.subject}) == 0) return;
        sign.text = measure;
    }
    sign.shown = shown;
    signs.push_back(std::move(sign));
}

std::vector<std::string> lines_of(const Sign& sign, int64_t epoch, int64_t epochs) {
    std::vector<std::string> lines{
        fmt::format("epoch {}/{}  {}: {}", epoch, epochs, sign.name, sign.text)};
    const auto* const found = std::find_if(std::begin(kRemedies), std::end(kRemedies),
                                           [&](const auto& row) { return row.first == sign.name; });
    if (!sign.is_over && found != std::end(kRemedies))
        lines.push_back(
            fmt::format("  what helps: {} (models/WHEN_IT_GOES_WRONG.md)", found->second));
    return lines;
}

/// A sign that was told and has been gone for a short time is kept, since it may come back.
std::vector<Sign> news_of(const std::vector<Sign>& shown, int64_t step, SignCounters& counters) {
    std::vector<Sign> news;
    std::map<std::pair<std::string, std::string>, std::string> measures;  // of those that are gone
    auto before = std::exchange(counters.shown, {});
    for (const Sign& sign : shown) {
        if (!std::isfinite(sign.number)) continue;  // of weights that training has left behind
        const std::pair key(sign.name, sign.subject);
        if (sign.shown == Shown::kNo) {
            measures.emplace(key, sign.text);
            continue;
        }
        if (counters.shown.count(key) != 0) continue;  // shown in two ways
        const auto [found, is_new] = before.emplace(key, SignHistory{});
        SignHistory& history = counters.shown[key] = found->second;
        before.erase(found);
        history.gone = 0;
        if (is_new) {
            history.since = counters.judged;
            history.most = sign.number;
        } else if (sign.number > history.most * (1 + sign.is_mended_by)) {
            history.since = step;
            history.most = sign.number;
        }
        ++history.epochs;
        if (history.is_told || history.epochs < 2 || step - history.since < sign.wait) continue;
        history.is_told = true;
        news.push_back(sign);
    }
    for (auto& [key, history] : before) {
        if (!history.is_told) continue;
        if (++history.gone == 1) history.since = counters.judged;
        if (history.gone < 2 || step - history.since < kGoneFor) {
            counters.shown[key] = history;
            continue;
        }
        Sign& over = news.emplace_back(Sign{key.first, 0, "", key.second});
        over.is_over = true;
        over.text =
            fmt::format("the sign{} is gone: no epoch has shown it since step {}{}",
                        key.second.empty() ? "" : fmt::format(" of `{}`", key.second),
                        history.since, measures.count(key) != 0 ? "; " + measures.at(key) : "");
    }
    counters.judged = step;
    return news;
}

}  // namespace gmc::runtime

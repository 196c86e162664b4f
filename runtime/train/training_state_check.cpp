// Compares each field of where training stands with those that bound it: a checkpoint may come from
// elsewhere, with a checksum that fits.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "compiler/support/json.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {
namespace {

/// The largest `retries` that a model can allow.
constexpr int64_t kMostRetries = 1'000'000;
/// More than the functions of a step are called.
constexpr int64_t kMostCallsOfStep = int64_t{1} << 30;

void refuse_above(const char* name, int64_t number, const char* of, int64_t most) {
    if (number > most)
        throw JsonError(fmt::format("its `{}` is {}, but its `{}` is {}", name, number, of, most));
}

/// `epoch` is `pass` plus the share of `example` in the examples that an epoch goes through, whole
/// batches of its data. It is beyond the end of its pass where a run goes on with larger batches,
/// of which the rest of the pass has none; but more than half of the data are in batches.
void check_place(const TrainingState& at) {
    constexpr double kRounding = 1e-12;
    const auto pass = static_cast<double>(at.pass), example = static_cast<double>(at.example);
    const double share = at.epoch - pass, rounding = kRounding * (at.epoch + 1);
    if (at.epoch < pass || share >= 2)
        throw JsonError(fmt::format("its `epoch` is {}, but its `pass` is {}", at.epoch, at.pass));
    const double of = share > 0 ? std::round(example / share) : 0;
    if (at.example == 0 ? share != 0 : of < 1 || std::fabs(example / of - share) > rounding)
        throw JsonError(
            fmt::format("its `epoch` is {}, but its `example` is {}", at.epoch, at.example));
    const int64_t count = at.data.empty() ? 0 : std::atoll(at.data.c_str());
    const auto refuse_beyond_data = [&](const char* name, auto number) {
        throw JsonError(fmt::format("its `{}` is {}, but its `data_values` are of {} examples",
                                    name, number, count));
    };
    if (at.data.empty()) return;
    if (at.example > 0 && at.example >= count) refuse_beyond_data("example", at.example);
    if (share > 0 && share + rounding < example / static_cast<double>(count))
        refuse_beyond_data("epoch", at.epoch);
}

}  // namespace

/// Every pass has a call, since a batch goes into each, and so has every step. `lower_rate` halves
/// the rate; watched figures are those of ended epochs.
void check_training_state(const TrainingState& at) {
    if (!(at.rate > 0 && at.rate <= 1))
        throw JsonError(fmt::format("its `rate` is {}, not above 0 and at most 1", at.rate));
    if (at.retries > kMostRetries)
        throw JsonError(fmt::format("its `retries` is {}, above {}", at.retries, kMostRetries));
    int halvings = 0;
    if (std::frexp(at.rate, &halvings) != 0.5 || 1 - halvings > at.retries)
        throw JsonError(
            fmt::format("its `rate` is {}, but its `retries` is {}", at.rate, at.retries));
    check_place(at);
    refuse_above("step", at.step, "call", at.call);
    refuse_above("pass", at.pass, "call", at.call);
    if (at.step == 0 || at.call / at.step > kMostCallsOfStep)
        refuse_above("call", at.call, "step", at.step);
    if (at.step == 0) refuse_above("example", at.example, "step", 0);
    refuse_above("epoch_began", at.epoch_began, "step", at.step);
    if (at.pass == 0 && at.epoch_began != at.step)
        refuse_above("epoch_began", at.epoch_began, "pass", 0);
    if (at.back_to) refuse_above("back_to", *at.back_to, "step", at.step);
    if (at.before) refuse_above("before", *at.before, "step", at.step);
    if (at.went_back) {
        refuse_above("went_back_to", at.went_back->to, "went_back_at", at.went_back->at);
        refuse_above("went_back_at", at.went_back->at, "step", at.step);
        refuse_above("went_back_weights", at.went_back->weights, "went_back_to", at.went_back->to);
    }
    for (const auto& [name, watched] :
         {std::pair("best_since", &at.best), std::pair("stopping_since", &at.stopping)})
        if (watched->best && watched->epochs_since >= at.pass)
            throw JsonError(fmt::format("its `{}` is {}, but its `pass` is {}", name,
                                        watched->epochs_since, at.pass));
    at.signs.check(at.step, at.pass);
}

void check_line(const std::string& name, const std::string& text) {
    constexpr size_t kLongest = 200;
    if (text.size() > kLongest ||
        std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c > '~'; }))
        throw JsonError(fmt::format("its `{}` is not a line of at most {} printable characters",
                                    name, kLongest));
}

void check_fingerprints(const std::string& model, const std::string& data) {
    for (const auto& [name, text] : {std::pair("model", &model), std::pair("data", &data)}) {
        std::string_view digits = *text;
        if (digits.starts_with(ir::Origin::kChanged))
            digits.remove_prefix(std::string_view(ir::Origin::kChanged).size());
        if (digits.find_first_not_of("0123456789abcdef+") != std::string_view::npos)
            throw JsonError(fmt::format("the fingerprint of its {} is `{}`, which is none", name,
                                        text->substr(0, 80)));
    }
    if (model.empty() && !data.empty())
        throw JsonError("it has a fingerprint of its data, but none of its model");
}

}  // namespace gmc::runtime

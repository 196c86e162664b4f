// Signs of a run's health that are found (runtime/run/signs): which of them are told, when they are
// gone, and in which words.
#pragma once

#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/metrics/sign_counters.h"

namespace gmc::runtime {

/// How an epoch shows a sign. One that was told is gone only when its number is well past the limit
/// at which it is told, mostly by a factor of 2: a number near the limit goes to and fro.
enum class Shown {
    kYes,
    kBarely,  ///< its number is not as bad as what is told, and not yet good
    kNo,      ///< its number is good
};
inline Shown shown_by(bool is_bad, bool is_near) {
    if (is_bad) return Shown::kYes;
    return is_near ? Shown::kBarely : Shown::kNo;
}

/// A sign that training goes wrong although all numbers are finite: a sentence for people, and for
/// programs the number it is about.
struct Sign {
    std::string name;  ///< "mode_collapse"
    double number = 0;
    std::string text;     ///< one sentence that has the number
    std::string subject;  ///< the loss or the state that shows it; "" of the whole model
    /// Steps that have to show it before it is told: at first, networks look as if they had failed.
    int64_t wait = 0;
    /// Where its number has grown by this share, the wait begins anew: training is on its way out.
    double is_mended_by = HUGE_VAL;
    bool is_over = false;  ///< it was told, and is not shown any more
    Shown shown = Shown::kYes;
};

/// Signs that were told and are not told to be gone, by name and subject.
using ToldSigns = std::set<std::pair<std::string, std::string>>;
ToldSigns told_signs(const SignCounters& counters);
/// Adds what an epoch shows of a sign; where that is not kYes, only of one that was told, and in
/// place of its text the sentence `measure`, which has its number and does not judge it.
void add_sign(std::vector<Sign>& signs, const ToldSigns& told, Shown shown, Sign sign,
              const std::string& measure);

/// The lines that tell it to people; the first time with what helps.
std::vector<std::string> lines_of(const Sign& sign, int64_t epoch, int64_t epochs);

/// Decides which signs are told after the epoch that ends at `step`: those of `shown` that the
/// epoch before showed, too, and that have been there for as long as they are waited for; once,
/// until no epoch has shown them for 100 steps and two epochs, which a sign that is_over tells.
std::vector<Sign> news_of(const std::vector<Sign>& shown, int64_t step, SignCounters& counters);

}  // namespace gmc::runtime

// Keeps and restores a copy of the states' memory, searches states for numbers that are not finite,
// and finds the checkpoint to go back to.
#include "runtime/run/good_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "compiler/support/check.h"
#include "compiler/support/paths.h"
#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/opened_run.h"
#include "runtime/run/signs.h"
#include "runtime/train/slots/slot_parts.h"

namespace gmc::runtime {

std::string first_not_finite(const StateStore& states) {
    if (SlotParts* slots = states.slots()) {
        const std::set<size_t> bad = slots->find_not_finite();
        for (size_t i = 0; i < slots->states().size(); ++i) {
            const ir::StateId own = slots->own(i);
            if (own == ir::kNone ? bad.count(i) != 0 : !is_finite(states, own))
                return slots->states()[i].name;
        }
        return "";
    }
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        if (!is_finite(states, id)) return states.state(id).name;
    return "";
}

void GoodState::keep(const StateStore& states, const TrainingState& training) {
    bytes_.assign(states.bytes_begin(), states.bytes_begin() + states.common_bytes());
    if (states.slots() != nullptr) states.slots()->keep();
    training_ = training;
}

void GoodState::restore(StateStore& states) const {
    GMC_CHECK(kept(), "no state was kept");
    std::memcpy(states.bytes_begin(), bytes_.data(), bytes_.size());
    if (states.slots() != nullptr) states.slots()->restore();
    states.refresh_copies();
}

/// Training begins anew only where it has taken no more steps than this, or ended no epoch: work of
/// hours is not given up for one more try.
static constexpr int64_t kFewSteps = 100;

void WayBack::find() {
    const TrainingState& training = run_.training;
    newest_ = training.step;
    before_ = training.before;
    if (training.back_to && is_there(run_.path(kWayBackName))) {
        Diagnostics none;
        const auto header = read_checkpoint_header(run_.path(kWayBackName), none);
        if (header.ok() && header->training.step == *training.back_to &&
            header->training.seed == training.seed) {
            newest_ = *training.back_to;
            before_ = header->training.before;
        }
    }
    if (newest_ == training.step) has_written();
}

bool WayBack::before_writing(bool is_placed, Diagnostics& diagnostics) {
    TrainingState& training = run_.training;
    if (run_.policy.on_divergence == "stop") {
        newest_ = training.step;
        before_.reset();
        training.went_back.reset();
    } else if (is_placed && !has_exploded(training.signs, changing_losses(run_.model.module())) &&
               newest_ != training.step) {
        std::optional<WentBack>& went = training.went_back;
        if (!went) {
            before_ = newest_;
        } else if (went->at < training.step) {
            before_ = went->to;
            went.reset();
        } else {  // no step was taken since: these are the very weights that it went back to
            before_ = before(went->to);
            went->to = training.step;
        }
        newest_ = training.step;
    }
    training.back_to.reset();
    training.before.reset();
    if (newest_ == training.step) {
        training.before = before_;
        return true;
    }
    training.back_to = newest_;
    return is_there(run_.path(kWayBackName)) ||
           keep_checkpoint_as(run_.folder->path(), kWayBackName, diagnostics);
}

void WayBack::has_written() const {
    std::error_code ignored;
    if (newest_ == run_.training.step) std::filesystem::remove(run_.path(kWayBackName), ignored);
}

/// The file of a state to go back to; "" where it is not there.
std::string WayBack::path_of(int64_t step) const {
    if (step == newest_)
        return run_.path(is_there(run_.path(kWayBackName)) ? kWayBackName : kCheckpointName);
    const std::string path = run_.path("checkpoints/" + name_of_kept_step(step));
    if (!is_there(path)) return "";
    Diagnostics none;
    const auto header = read_checkpoint_header(path, none);
    const bool is_it = header.ok() && header->training.step == step && !header->training.back_to &&
                       header->training.seed == run_.record.seed;
    return is_it ? path : "";
}

/// The step of the state that was there to go back to before that of `step`.
std::optional<int64_t> WayBack::before(int64_t step) const {
    if (step == newest_) return before_;
    Diagnostics none;
    const std::string path = path_of(step);
    if (path.empty()) return std::nullopt;
    const auto header = read_checkpoint_header(path, none);
    return header.ok() ? header->training.before : std::nullopt;
}

bool WayBack::is_early(int64_t step) const {
    if (step <= kFewSteps) return true;
    Diagnostics none;
    const std::string path = path_of(step);
    if (path.empty()) return false;
    const auto header = read_checkpoint_header(path, none);
    return header.ok() && header->training.pass == 0;
}

/// The gaps between states are cleared, too: optimizers update them along with the states around
/// them.
void WayBack::clear() const {
    StateStore& states = run_.model.states();
    std::fill_n(states.bytes_begin(), states.bytes(), std::byte{0});
    if (states.slots() != nullptr) states.slots()->clear();
}

bool WayBack::read(int64_t step, TrainingState& good) const {
    const std::string path = path_of(step);
    Diagnostics lost;
    if (path.empty()) return false;
    clear();
    return read_checkpoint(path, run_.model.states(), good, lost) &&
           read_outer_momentum(path, run_.model.states(), good, lost);
}

bool WayBack::make_first(TrainingState& good) const {
    clear();
    good = {};
    Diagnostics lost;
    return run_.fill_first_states(lost).ok();
}

std::string WayBack::take(const TrainingState& diverged, TrainingState& good) {
    if (!diverged.went_back)
        return read(newest_, good) ? fmt::format("back to the weights of step {}", good.step) : "";
    const int64_t to = diverged.went_back->to;
    const std::string since = fmt::format(", as training diverged again from those of step {}", to);
    const std::optional<int64_t> earlier = before(to);
    if (earlier && *earlier < to && read(*earlier, good))
        return fmt::format("back to the weights of step {}{}", good.step, since);
    if (to > 0 && is_early(to) && make_first(good)) return "back to the first weights" + since;
    if (read(to, good) || (to == 0 && make_first(good)) || read(newest_, good))
        return fmt::format("once more back to {}, as no earlier ones are kept",
                           good.step == 0 ? "the first weights"
                                          : fmt::format("the weights of step {}", good.step));
    return "";
}

}  // namespace gmc::runtime

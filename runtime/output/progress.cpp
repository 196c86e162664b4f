// Progress on a terminal or in a log: the text of a line, how often it is printed, and how it
// replaces the line before.
#include "runtime/output/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "compiler/support/wording.h"
#include "compiler/support/wrap.h"

namespace gmc::runtime {
namespace {

/// Columns where the terminal does not say.
constexpr size_t kWidthDefault = 80;
/// Seconds over which the speed is averaged.
constexpr double kRateWindowS = 5;

/// Columns of the terminal. It is asked each time, since people resize windows.
size_t terminal_width(std::FILE* out) {
    winsize size{};
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return kWidthDefault;
}

bool is_live_terminal(std::FILE* out) {
    if (isatty(fileno(out)) == 0) return false;
    const char* term = std::getenv("TERM");
    return term == nullptr || std::strcmp(term, "dumb") != 0;
}

double steady_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

std::string duration_text(double seconds) {
    if (!(seconds >= 0) || seconds > 1e8) return "?";
    const auto whole = static_cast<int64_t>(seconds + 0.5);
    const int64_t hours = whole / 3600;
    const int64_t minutes = whole / 60 % 60;
    if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
    return fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string progress_line(const ProgressState& state, double seconds_left, size_t width) {
    const std::string head =
        fmt::format("epoch {}/{}  step {}/{}", state.epoch, state.epochs, state.step, state.steps);
    std::vector<std::string> values;
    for (const auto& [name, value] : state.values)
        values.push_back(fmt::format("  {} {:.4g}", name, unsigned_nan(value)));
    std::string speed;
    if (state.examples_per_s > 0) speed = fmt::format("  {:.0f} examples/s", state.examples_per_s);
    std::string left;
    if (seconds_left >= 0) left = fmt::format("  {} left", duration_text(seconds_left));

    // The first value and the time left are kept longest, since people look for these.
    size_t length = head.size() + speed.size() + left.size();
    for (const std::string& value : values) length += value.size();
    while (length > width && values.size() > 1) {
        length -= values.back().size();
        values.pop_back();
    }
    if (length > width) speed.clear();
    std::string line = head;
    for (const std::string& value : values) line += value;
    line += speed + left;
    if (line.size() <= width) return line;
    line.resize(width);
    // Removes the rest of a UTF-8 character that was cut in the middle.
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0x80) != 0) line.pop_back();
    return line;
}

void RateMeter::add(int64_t images, double now_s) {
    const double elapsed = now_s - last_s_;
    if (!started_) {
        started_ = true;
        last_s_ = now_s;
        return;
    }
    if (!(elapsed > 0)) return;
    last_s_ = now_s;
    // A mean over time in which older values fade by 1/e per window. While the meter is young this
    // equals the plain mean.
    const double fade = std::exp(-elapsed / kRateWindowS);
    const double fresh = 1 - fade;
    weight_ = weight_ * fade + fresh;
    rate_ += (static_cast<double>(images) / elapsed - rate_) * fresh / weight_;
}

Progress::Progress(std::FILE* out, ProgressOptions options)
    : out_(out), options_(std::move(options)), live_(is_live_terminal(out)) {
    if (!options_.now_s) options_.now_s = steady_seconds;
    started_s_ = options_.now_s();
    printed_s_ = started_s_;
}

Progress::~Progress() { end_line(); }

double Progress::seconds_left(const ProgressState& state) const {
    const int64_t done = state.step - started_step_;
    if (started_step_ < 0 || done < 1) return -1;
    const double per_step = (options_.now_s() - started_s_) / static_cast<double>(done);
    return per_step * static_cast<double>(std::max<int64_t>(state.steps - state.step, 0));
}

void Progress::update(const ProgressState& state) {
    const double now = options_.now_s();
    if (started_step_ < 0) {
        // The time left is estimated from the second step on: the first one compiles kernels and
        // takes longer.
        started_step_ = state.step;
        started_s_ = now;
    }
    if (state.epoch > last_.epoch && last_.epoch > 0) end_line();
    last_ = state;
    shown_ = false;
    if (!live_ || now - printed_s_ < options_.live_interval_s) return;
    printed_s_ = now;
    print(state);
}

/// Writes without fmt::print, which throws when the reader of a pipe is gone; training should go
/// on.
void Progress::put(const std::string& text) {
    std::fputs(text.c_str(), out_);
    std::fflush(out_);
}

void Progress::print(const ProgressState& state) {
    shown_ = true;
    if (!live_) {
        put(progress_line(state, seconds_left(state), std::string::npos) + "\n");
    } else {
        // One column less than there are: some terminals scroll when a line fills the last one.
        const std::string line = progress_line(state, seconds_left(state),
                                               std::max<size_t>(terminal_width(out_), 2) - 1);
        put("\r" + line + "\x1b[K");
        line_open_ = true;
    }
}

void Progress::message(std::string_view text) {
    put(fmt::format("{}{}\n", line_open_ ? "\r\x1b[K" : "", printable_lines(text)));
    line_open_ = false;
}

void Progress::end_line() {
    if (!shown_) print(last_);
    if (line_open_) put("\n");
    line_open_ = false;
}

}  // namespace gmc::runtime

// Progress lines: their text, what is left out when they are too long, and how often they are
// printed.
#include "runtime/output/progress.h"

#include <cmath>
#include <cstdio>

#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

ProgressState state_at(int64_t step) {
    return {2, 10, step, 4680, {{"loss", 0.69314718}, {"kl", 5.125}}, 41250.4};
}

TEST_CASE("durations") {
    CHECK(duration_text(0) == "0:00");
    CHECK(duration_text(7.4) == "0:07");
    CHECK(duration_text(59.6) == "1:00");
    CHECK(duration_text(201) == "3:21");
    CHECK(duration_text(3729) == "1:02:09");
    CHECK(duration_text(-1) == "?");
    CHECK(duration_text(NAN) == "?");
    CHECK(duration_text(1e300) == "?");
}

TEST_CASE("a line says it all if there is room, and the telling parts if not") {
    const std::string whole =
        "epoch 2/10  step 740/4680  loss 0.6931  kl 5.125  41250 examples/s  3:21 left";
    CHECK(progress_line(state_at(740), 201, 200) == whole);
    CHECK(progress_line(state_at(740), 201, whole.size()) == whole);
    CHECK(progress_line(state_at(740), 201, whole.size() - 1) ==
          "epoch 2/10  step 740/4680  loss 0.6931  41250 examples/s  3:21 left");
    CHECK(progress_line(state_at(740), 201, 50) ==
          "epoch 2/10  step 740/4680  loss 0.6931  3:21 left");
    CHECK(progress_line(state_at(740), 201, 12) == "epoch 2/10  ");
    CHECK(progress_line(state_at(740), -1, 200).find("left") == std::string::npos);
}

TEST_CASE("the rate is a mean over the last seconds") {
    RateMeter meter;
    meter.add(128, 100);
    CHECK(meter.examples_per_s() == 0);
    meter.add(128, 100.5);
    CHECK(meter.examples_per_s() == Approx(256));
    for (int i = 1; i <= 100; ++i) meter.add(128, 100.5 + 0.5 * i);
    CHECK(meter.examples_per_s() == Approx(256));
    for (int i = 1; i <= 200; ++i) meter.add(128, 150.5 + 0.25 * i);
    CHECK(meter.examples_per_s() == Approx(512).epsilon(0.01));
    meter.resume(300);
    meter.add(128, 300.25);
    CHECK(meter.examples_per_s() == Approx(512).epsilon(0.01));
    meter.add(128, 300.25);  // a clock that stands still gives no infinity
    CHECK(std::isfinite(meter.examples_per_s()));
}

/// What a Progress writes to something that is not a terminal.
class Recording {
  public:
    Recording() : out_(std::tmpfile()) { REQUIRE(out_ != nullptr); }
    ~Recording() { std::fclose(out_); }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
    std::FILE* out() { return out_; }
    ProgressOptions options() {
        ProgressOptions options;
        options.now_s = [this] { return now_s; };
        return options;
    }
    std::string text() {
        std::rewind(out_);
        std::string text;
        for (int c = std::fgetc(out_); c != EOF; c = std::fgetc(out_)) text += static_cast<char>(c);
        return text;
    }
    double now_s = 1000;

  private:
    std::FILE* out_;
};

TEST_CASE("without a terminal there is a plain line per epoch and one at the end") {
    Recording recording;
    {
        Progress progress(recording.out(), recording.options());
        CHECK_FALSE(progress.live());
        for (int64_t step = 1; step <= 25; ++step) {
            ProgressState state = state_at(step);
            state.epoch = 1 + step / 10;
            progress.update(state);
            recording.now_s += 1;
        }
        progress.message("sample written");
    }
    CHECK(recording.text() ==
          "epoch 1/10  step 9/4680  loss 0.6931  kl 5.125  41250 examples/s  1:27:35 left\n"
          "epoch 2/10  step 19/4680  loss 0.6931  kl 5.125  41250 examples/s  1:22:00 left\n"
          "sample written\n"
          "epoch 3/10  step 25/4680  loss 0.6931  kl 5.125  41250 examples/s  1:20:49 left\n");
}

TEST_CASE("progress without an update prints nothing") {
    Recording recording;
    { const Progress progress(recording.out(), recording.options()); }
    CHECK(recording.text().empty());
}

TEST_CASE("progress outlives its audience") {
    std::FILE* full = std::fopen("/dev/full", "w");
    REQUIRE(full != nullptr);
    {
        Progress progress(full);
        progress.update(state_at(1));
        progress.message("lost");
    }
    std::fclose(full);
}

}  // namespace
}  // namespace gmc::runtime

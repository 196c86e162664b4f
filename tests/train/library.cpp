// The C interface of libgmc: what it gives, what it refuses, and that it leaves its host alone. The
// library is linked with a copy of gmc of its own, beside that of this program.
#include "runtime/library/gmc.h"

#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "compiler/ir/artefact.h"
#include "runtime/library/gmc.hpp"
#include "runtime/memory/address_sanitizer.h"
#include "runtime/train/generate.h"
#include "runtime/train/trained_model.h"
#include "tests/compile_model.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace {

namespace fs = std::filesystem;
using Floats = std::vector<float>;

constexpr const char* kModel = R"(
model: points
data:
  point: {synthetic: ring, count: 400}
  label: {labels_of: point}
networks:
  net: {inputs: {z: [3]}, layers: [dense: {units: 20, activation: relu}, dense: 2]}
objective:
  let:
    z: normal(net)
    walked: {start: normal(point), times: 3, next: walked + normal(point)}
    moved: {start: point, times: 2, next: moved + normal(point)}
  minimize: {networks: net, loss: mean(sum((net(z) - point)^2))}
  functions:
    sample(z, label): net(z) + label
    twice(point): {a: 2 * point, b: sum(point)}
    centred(point): point - mean(sum(point))
    number(z): mean(sum(z))
    walk(): walked
    move(point): moved
train: {batch_size: 16, epochs: 1}
)";

/// Its contractions are computed by machine code that is made when they are bound.
constexpr const char* kConvolutions = R"(
model: pictures
data: {image: {synthetic: {set: shapes, size: 16}, count: 32}}
networks:
  net:
    inputs: {z: [4]}
    layers:
      - dense: 256
      - reshape: [8, 8, 4]
      - conv2d_transpose: {filters: 16, kernel: 4, stride: 2, activation: relu}
      - conv2d: {filters: 1, kernel: 3}
objective:
  minimize: {networks: net, loss: mean(sum((net(normal(net)) - image)^2))}
  functions:
    sample(z): net(z)
train: {batch_size: 16, epochs: 1}
)";

/// It has a product with sums of 20,000 terms, of which a gradient may have as many, too.
constexpr const char* kLongSums = R"(
model: sums
data: {image: {synthetic: {set: shapes, size: 8}, count: 32}}
networks:
  net: {inputs: {z: [16]}, layers: [dense: 20000, relu, dense: 64, reshape: [8, 8, 1]]}
objective:
  minimize: {networks: net, loss: mean(sum((net(normal(net)) - image)^2))}
  functions:
    sample(z): net(z)
train: {batch_size: 16, epochs: 1}
)";

/// A run with the weights with which training would begin.
class Run {
  public:
    explicit Run(const char* model = kModel)
        : folder_(fs::temp_directory_path() / fmt::format("gmc-library-{}", getpid())) {
        fs::create_directories(folder_);
        std::ofstream(folder_ / "model.yaml") << model;
        gmc::Diagnostics diagnostics;
        const gmc::ir::Module module = gmc::compile_file(folder_ / "model.yaml", {});
        REQUIRE(gmc::ir::write_file(folder_ / "model.gmc", gmc::ir::artefact_text(module),
                                    diagnostics));
        gmc::runtime::StateStore states(module);
        REQUIRE(states.initialise(1, diagnostics));
        REQUIRE(gmc::runtime::write_checkpoint(folder_ / "checkpoint.safetensors", states, {},
                                               diagnostics));
    }
    ~Run() { fs::remove_all(folder_); }
    std::string path() const { return folder_; }
    std::string file(const std::string& name) const { return folder_ / name; }

  private:
    fs::path folder_;
};

double difference(const Floats& a, const Floats& b) {
    double most = 0;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        most = std::max(most, std::abs(double{a[i]} - double{b[i]}));
    return most;
}

/// Examples first, first + 1, ... of an array of points.
Floats rows(const Floats& points, int64_t first, int64_t count) {
    return {points.begin() + 2 * first, points.begin() + 2 * (first + count)};
}

std::string error_of(gmc_status expected, gmc_status status) {
    CHECK(status == expected);
    return gmc_last_error();
}

}  // namespace

TEST_CASE("the library describes a model and samples as gmrun does") {
    const Run run;
    gmc::Model model(run.path());
    CHECK(model.name() == "points");
    CHECK(model.batch_size() == 16);
    CHECK(model.functions() ==
          std::vector<std::string>{"sample", "twice", "centred", "walk", "move"});
    const auto inputs = model.inputs("sample");
    REQUIRE(inputs.size() == 2);
    CHECK((inputs[0].name == "z" && inputs[0].kind == GMC_NORMAL && inputs[0].elements == 3));
    CHECK((inputs[1].name == "label" && inputs[1].kind == GMC_LABEL && inputs[1].classes == 8));
    CHECK(model.outputs("twice")[1].shape.empty());

    gmc::Diagnostics diagnostics;
    auto loaded = gmc::runtime::LoadedModel::load(run.file("model.gmc"), diagnostics);
    REQUIRE(loaded.ok());
    auto trained = gmc::runtime::with_weights(loaded.take(), run.path(), "checkpoint.safetensors",
                                              diagnostics);
    REQUIRE(trained.ok());
    const auto expected = gmc::runtime::generate(*trained->model, "sample", 50, 7, diagnostics);
    REQUIRE(expected.ok());
    for (int64_t count : {1, 2, 15, 16, 17, 50}) {
        INFO(count);
        CHECK(difference(model.run("sample", count, {}, 7).at("sample"), expected->values) < 1e-6);
    }
    const Floats last = model.run("sample", 3, {}, 7, 47).at("sample");
    CHECK(difference(last, {expected->values.end() - 6, expected->values.end()}) < 1e-6);
}

TEST_CASE("the library runs on the caller's numbers") {
    const Run run;
    gmc::Model model(run.path());
    const gmc::Values results = model.run("twice", 2, {{"point", {1, 2, 3, 5}}});
    CHECK(results.at("a") == Floats{2, 4, 6, 10});
    CHECK(results.at("b") == Floats{3, 8});
    const Floats z(20 * 3, 0.5F), label(20, 2);
    const Floats same = model.run("sample", 20, {{"z", z}, {"label", label}}).at("sample");
    for (size_t i = 0; i < 20; ++i) CHECK(difference({same[2 * i]}, {same[0]}) < 1e-6);
    CHECK_THROWS_AS(model.run("twice", 2, {{"point", {1, 2, 3}}}), gmc::Error);
    CHECK_THROWS_AS(model.run("twice", 1, {{"pint", {1, 2}}}), gmc::Error);
}

TEST_CASE("the library runs functions that draw in loops, with and without inputs") {
    const Run run;
    gmc::Model model(run.path());
    const gmc::Values points = {{"point", Floats(100, 1.0F)}},
                      fewer = {{"point", Floats(60, 1.0F)}};
    const Floats drawn = model.run("walk", 50, {}, 7).at("walk");
    const Floats moved = model.run("move", 50, points, 7).at("move");
    CHECK(difference(drawn, Floats(100)) > 0.1);
    CHECK(difference(rows(moved, 0, 16), rows(moved, 16, 16)) > 0.1);
    for (int64_t first : {0, 1, 15, 20}) {
        INFO(first);
        CHECK(model.run("walk", 30, {}, 7, first).at("walk") == rows(drawn, first, 30));
        CHECK(model.run("move", 30, fewer, 7, first).at("move") == rows(moved, first, 30));
    }
}

TEST_CASE("the library says what is wrong") {
    const Run run;
    gmc_model* model = nullptr;
    CHECK(error_of(GMC_WRONG_CALL, gmc_load(nullptr, nullptr, &model)) == "an argument is NULL");
    CHECK(error_of(GMC_WRONG_INPUT, gmc_load("no/run", nullptr, &model)).find("no/run") !=
          std::string::npos);
    CHECK(model == nullptr);
    CHECK(error_of(GMC_WRONG_INPUT, gmc_load(run.file("model.gmc").c_str(), nullptr, &model))
              .find("has no weights") != std::string::npos);
    CHECK(error_of(GMC_WRONG_INPUT, gmc_load(run.file("model.yaml").c_str(), nullptr, &model)) !=
          "");
    std::ofstream(run.file("cut")) << "gmc-checkpoint 2 100\n";
    gmc_options options = GMC_OPTIONS_INIT;
    options.checkpoint = "cut";
    CHECK(error_of(GMC_WRONG_INPUT, gmc_load(run.path().c_str(), &options, &model)).find("cut") !=
          std::string::npos);

    options.checkpoint = nullptr;
    for (const int threads : {-1, 1025, 100000, 2000000000}) {
        options.threads = threads;
        CHECK(error_of(GMC_WRONG_CALL, gmc_load(run.path().c_str(), &options, &model)) ==
              fmt::format("a model computes with 1 to 1024 threads, not {}", threads));
    }

    REQUIRE(gmc_load(run.path().c_str(), nullptr, &model) == GMC_OK);
    Floats to(64);
    float* outputs[] = {to.data(), to.data()};
    CHECK(error_of(GMC_WRONG_CALL, gmc_run(model, "decode", 1, nullptr, outputs, nullptr)) ==
          "model `points` has no function `decode`; it has sample, twice, centred, walk, move");
    CHECK(error_of(GMC_WRONG_CALL, gmc_run(model, "sample", 0, nullptr, outputs, nullptr)) ==
          "a call is for 1 to 1099511627776 examples, not 0");
    CHECK(error_of(GMC_WRONG_INPUT, gmc_run(model, "twice", 1, nullptr, outputs, nullptr))
              .find("needs `point`, which cannot be drawn") != std::string::npos);
    const Floats label = {8}, points(64);
    const float* inputs[] = {nullptr, label.data()};
    CHECK(error_of(GMC_WRONG_INPUT, gmc_run(model, "sample", 1, inputs, outputs, nullptr))
              .find("`label` of example 0 is 8, but the labels are 0 to 7") != std::string::npos);
    const float* data[] = {points.data()};
    CHECK(error_of(GMC_WRONG_INPUT, gmc_run(model, "centred", 15, data, outputs, nullptr))
              .find("whole batches of 16") != std::string::npos);
    CHECK(gmc_run(model, "centred", 16, data, outputs, nullptr) == GMC_OK);
    gmc_tensor tensor;
    CHECK(error_of(GMC_WRONG_CALL, gmc_input(model, "twice", 1, &tensor)) != "");
    CHECK(error_of(GMC_WRONG_CALL, gmc_input(model, "twice", 0, nullptr)) == "an argument is NULL");
    CHECK(gmc_function_name(model, 5) == nullptr);
    gmc_free(model);
    gmc_free(nullptr);
}

TEST_CASE("the library leaves its host's settings alone, and runs inside parallel regions") {
    const Run run;
    gmc::Model model(run.path());
    const Floats expected = model.run("sample", 16).at("sample");
    const int threads = omp_get_max_threads();
    omp_set_num_threads(3);
    CHECK(model.run("sample", 16).at("sample") == expected);
    CHECK(omp_get_max_threads() == 3);
#if defined(__SSE__)
    const unsigned mode = _mm_getcsr() & 0xffc0U;
    _mm_setcsr(0x1f80);
    CHECK(model.run("sample", 16).at("sample") == expected);
    CHECK((_mm_getcsr() & 0xffc0U) == 0x1f80);
    _mm_setcsr(mode);
#endif
#ifndef __SANITIZE_THREAD__  // OpenMP is not instrumented
    std::vector<Floats> found(3);
#pragma omp parallel num_threads(3)
    { found[static_cast<size_t>(omp_get_thread_num())] = model.run("sample", 16).at("sample"); }
    for (const Floats& values : found)
        if (!values.empty()) CHECK(values == expected);
#endif
    omp_set_num_threads(threads);
}

TEST_CASE("a process that was forked goes on with the models that it had") {
    const Run run;
    gmc::Model model(run.path());
    const Floats expected = model.run("sample", 16).at("sample");
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        alarm(120);  // ends a child that waits for threads that it does not have
        gmc::Model own(run.path());
        const bool same = model.run("sample", 16).at("sample") == expected &&
                          own.run("sample", 16).at("sample") == expected;
        _exit(same ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(model.run("sample", 16).at("sample") == expected);
}

/// What `body` gives in a child process that may make no more threads: an exit status from 0 to
/// 255; -1 where the child did not end by itself.
template <typename Body>
int without_threads(const Body& body) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(120);
        // Address space, since a limit of processes does not hold for root: none for a stack.
        std::ifstream sizes("/proc/self/statm");
        rlim_t pages = 0;
        sizes >> pages;
        const rlimit limit = {pages * static_cast<rlim_t>(getpagesize()) + (8U << 20),
                              RLIM_INFINITY};
        if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(254);
        _exit(body());
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

TEST_CASE("where the system gives no threads, the library computes the same on its caller's") {
    if (gmc::runtime::kAddressSanitizer) return;  // needs its address space itself
    const Run run;
    const Floats expected = gmc::Model(run.path()).run("sample", 16).at("sample");
    gmc::Model model(run.path(), "", "", 64);
    CHECK(without_threads(
              [&] { return model.run("sample", 16).at("sample") == expected ? 0 : 1; }) == 0);
}

/// What the calls of a process say that may have so many more bytes of address space; -1: it did
/// not end by itself.
int status_within(const std::string& run, int64_t bytes) {
    gmc_model* model = nullptr;
    REQUIRE(gmc_load(run.c_str(), nullptr, &model) == GMC_OK);
    const pid_t child = fork();
    if (child == 0) {
        std::ifstream sizes("/proc/self/statm");
        int64_t pages = 0;
        sizes >> pages;
        const rlim_t most = static_cast<rlim_t>(pages * getpagesize() + bytes);
        const rlimit limit = {most, RLIM_INFINITY};
        if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(254);
        static float numbers[40 * 256];
        float* out = numbers;
        for (const int64_t examples : {1, 5, 40})
            if (const int said = gmc_run(model, "sample", examples, nullptr, &out, nullptr))
                _exit(said);
        _exit(GMC_OK);
    }
    int status = 0;
    waitpid(child, &status, 0);
    gmc_free(model);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("a host that lowers its limits gets an error, or results, and lives") {
#ifdef __SANITIZE_THREAD__
    return;  // it starts no threads in a process that was forked
#endif
    if (gmc::runtime::kAddressSanitizer) return;  // needs its address space itself
    const Run run(kConvolutions);
    int refused = 0, done = 0;
    for (int64_t bytes = 0; bytes < 24 << 20; bytes += 300'000) {
        const int status = status_within(run.path(), bytes);
        INFO(bytes);
        CHECK((status == GMC_OK || status == GMC_NO_MEMORY));
        (status == GMC_OK ? done : refused) += 1;
    }
    CHECK(refused > 0);
    CHECK(done > 0);
}

/// Where the stack of the main thread lies, and what handlers have seen.
char *stack_begin, *stack_end;
volatile int signals_taken, signals_elsewhere;
void look_at_stack(int) {
    char here = 0;
    if (syscall(SYS_gettid) != getpid()) return;  // a thread of this program's own copy of gmc
    signals_taken = signals_taken + 1;
    if (&here < stack_begin || &here >= stack_end) signals_elsewhere = signals_elsewhere + 1;
}

TEST_CASE("handlers of a host run on its own stack, whatever the library computes") {
    const Run run(kLongSums);
    pthread_attr_t attributes;
    void* begin = nullptr;
    size_t bytes = 0;
    REQUIRE(pthread_getattr_np(pthread_self(), &attributes) == 0);
    pthread_attr_getstack(&attributes, &begin, &bytes);
    pthread_attr_destroy(&attributes);
    stack_begin = static_cast<char*>(begin), stack_end = stack_begin + bytes;
    gmc::Model model(run.path(), "", "", 1);
    const Floats expected = model.run("sample", 16).at("sample");
    struct sigaction action {
    }, before{};
    action.sa_handler = look_at_stack;
    action.sa_flags = SA_RESTART;
    REQUIRE(sigaction(SIGALRM, &action, &before) == 0);
    const itimerval often{{0, 50}, {0, 50}}, never{};
    setitimer(ITIMER_REAL, &often, nullptr);
    bool same = true;
    for (int call = 0; call < 40; ++call) same &= model.run("sample", 16).at("sample") == expected;
    setitimer(ITIMER_REAL, &never, nullptr);
    sigaction(SIGALRM, &before, nullptr);
    CHECK(same);
    CHECK(signals_taken > 0);
    CHECK(signals_elsewhere == 0);
}

TEST_CASE("models of the library may be used from several threads") {
    const Run run;
    gmc::Model shared(run.path());
    const Floats expected = shared.run("sample", 40).at("sample");
    std::vector<Floats> found(6);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < found.size(); ++i)
        threads.emplace_back([&, i] {
            gmc::Model own(run.path());
            for (int call = 0; call < 20; ++call)
                found[i] =
                    (i % 2 == 0 ? own : shared).run("sample", 40 - 8 * (call % 2)).at("sample");
        });
    for (std::thread& thread : threads) thread.join();
    for (const Floats& values : found) CHECK(difference(values, expected) < 1e-6);
}

// Fields with `order: own`: other sets of data than that whose passes are epochs.
#include <algorithm>
#include <map>

#include "runtime/data/own_order.h"
#include "tests/train/load_model.h"
#include "tests/train/train_model.h"

namespace gmc {
namespace {

/// Examples that are their own numbers.
class Numbered final : public runtime::Field {
  public:
    explicit Numbered(int64_t count) : Field("n", {}, count, 0) {}
    void read(int64_t index, float* dst) const override { *dst = static_cast<float>(index); }
};

TEST_CASE("a field in its own order is seen evenly, whatever an epoch is") {
    for (const int64_t own : {7, 10, 23}) {
        constexpr int64_t kCount = 10, kEpochs = 23 * 7;
        const runtime::FieldPtr field =
            runtime::in_own_order(std::make_shared<Numbered>(own), kCount);
        CHECK(field->count() == kCount);
        std::vector<int> seen(static_cast<size_t>(own), 0);
        std::vector<float> first, again;
        for (int64_t epoch = 0; epoch < kEpochs; ++epoch)
            for (int64_t index = 0; index < kCount; ++index) {
                float number = -1;
                field->read_for_training(index, {1, epoch}, &number);
                ++seen[static_cast<size_t>(number)];
                if (epoch < 3) first.push_back(number);
            }
        CHECK(*std::min_element(seen.begin(), seen.end()) == kCount * kEpochs / own);
        CHECK(*std::max_element(seen.begin(), seen.end()) == kCount * kEpochs / own);
        for (int64_t epoch = 0; epoch < 3; ++epoch)
            for (int64_t index = 0; index < kCount; ++index) {
                float number = -1;
                field->read_for_training(index, {1, epoch}, &number);
                again.push_back(number);
                field->read(index, &number);
                CHECK(number == static_cast<float>(index % own));
            }
        CHECK(first == again);
        std::sort(again.begin(), again.begin() + std::min(own, kCount));
        for (int64_t i = 0; i < std::min(own, kCount) && own <= kCount; ++i)
            CHECK(again[static_cast<size_t>(i)] == static_cast<float>(i));
    }
}

TEST_CASE("two sets of different length train together, and are resumed to the bit") {
    const TemporaryFolder folder;
    const std::string path = write_model(folder, "m", R"yaml(
model: two_sets
data:
  a: {synthetic: ring, count: 64}
  b: {synthetic: {set: shapes, size: 4}, count: 40, order: own}
  kind: {labels_of: b}
  test: {a: {synthetic: ring, count: 32}, b: {synthetic: {set: shapes, size: 4}, count: 50}, kind: {labels_of: b}}
networks:
  f: {inputs: {x: data.a}, layers: [{dense: 8}, tanh, {dense: 16}, {reshape: [4, 4, 1]}]}
  d:
    inputs: {x: data.b, kind: data.kind}
    layers:
      - flatten: {from: x}
      - dense: {units: 8, name: h}
      - embedding: {units: 8, from: kind, name: k}
      - add: {from: [h, k]}
      - tanh
      - dense: 1
objective:
  minimize:
    - {networks: d, loss: "mean(softplus(-d(b, kind)) + softplus(d(f(a), kind)))"
}
    - {networks: f, loss: "mean(softplus(-d(f(a), kind)))"}
  functions: {to_b(a): f(a)}
train: {batch_size: 8, epochs: 3, validate: test}
)yaml");
    const Trained whole = train(path, in(folder / "whole"));
    INFO(whole.errors);
    REQUIRE(whole.end == runtime::TrainEnd::kDone);
    REQUIRE(train(path, for_steps(in(folder / "parts"), 11)).end == runtime::TrainEnd::kDone);
    REQUIRE(train(path, resume(folder / "parts")).end == runtime::TrainEnd::kDone);
    auto a = load(path), b = load(path);
    Diagnostics diagnostics;
    runtime::TrainingState first, second;
    REQUIRE(runtime::read_checkpoint(folder / "whole/checkpoint.safetensors", a->states(), first,
                                     diagnostics));
    REQUIRE(runtime::read_checkpoint(folder / "parts/checkpoint.safetensors", b->states(), second,
                                     diagnostics));
    CHECK(first.step == 24);
    const int64_t bytes = a->states().bytes();
    REQUIRE(bytes == b->states().bytes());
    CHECK(std::equal(a->states().bytes_begin(), a->states().bytes_begin() + bytes,
                     b->states().bytes_begin()));
}

}  // namespace
}  // namespace gmc

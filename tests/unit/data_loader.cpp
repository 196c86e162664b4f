// The loader: order, padding, resuming, reading ahead, errors.
#include "runtime/data/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include "compiler/support/check.h"
#include "runtime/data/array_field.h"
#include "runtime/data/shuffle.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

/// Example i is {i, i + offset, ...}. It counts as decoded from files, so that a thread reads
/// ahead.
class CountingField final : public Field {
  public:
    CountingField(const std::string& name, int64_t count, int64_t size, float offset)
        : Field(name, {size}, count, 0), offset_(offset) {}
    void read(int64_t index, float* dst) const override {
        for (int64_t k = 0; k < elements(); ++k)
            dst[k] = static_cast<float>(index) + offset_ * static_cast<float>(k);
    }

  private:
    float offset_;
};

FieldPtr counting_field(const std::string& name, int64_t count, int64_t size, float offset) {
    return std::make_shared<CountingField>(name, count, size, offset);
}

/// The same numbers in memory.
FieldPtr kept(const Field& field) {
    std::vector<float> values(static_cast<size_t>(field.count() * field.elements()));
    for (int64_t i = 0; i < field.count(); ++i)
        field.read(i, &values[static_cast<size_t>(i * field.elements())]);
    return std::make_shared<FloatField>(FieldInfo{field.name(), field.shape(), field.count(), 0},
                                        std::move(values));
}

Dataset dataset_of(std::vector<FieldPtr> fields) {
    Diagnostics diagnostics;
    Result<Dataset> dataset = make_dataset(std::move(fields), diagnostics);
    REQUIRE(dataset);
    return *dataset;
}

Dataset counting_dataset(int64_t count) {
    return dataset_of(
        {counting_field("image", count, 3, 0.25F), counting_field("label", count, 1, 0)});
}

std::unique_ptr<Loader> make_loader(Dataset dataset, const LoaderOptions& options) {
    Diagnostics diagnostics;
    Result<std::unique_ptr<Loader>> loader =
        Loader::create(std::move(dataset), options, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(loader);
    return loader.take();
}

const Batch& next(Loader& loader) {
    Diagnostics diagnostics;
    Result<const Batch*> batch = loader.next(diagnostics);
    INFO(diagnostics.render());
    REQUIRE(batch);
    return **batch;
}

/// All contents of a batch in one list.
std::vector<float> contents(const Loader& loader, const Batch& batch) {
    std::vector<float> out{static_cast<float>(batch.cursor.epoch),
                           static_cast<float>(batch.cursor.batch),
                           static_cast<float>(batch.valid_rows)};
    for (size_t f = 0; f < batch.fields.size(); ++f)
        out.insert(out.end(), batch.fields[f],
                   batch.fields[f] +
                       loader.options().batch_size * loader.dataset().fields()[f]->elements());
    return out;
}

LoaderOptions options_of(int64_t batch_size, LoaderMode mode, int prefetch) {
    LoaderOptions options;
    options.batch_size = batch_size;
    options.mode = mode;
    options.prefetch = prefetch;
    options.seed = 42;
    return options;
}

TEST_CASE("the order of an epoch is a permutation of its own") {
    std::vector<int64_t> identity(1000);
    std::iota(identity.begin(), identity.end(), 0);
    std::set<std::vector<int64_t>> orders{identity};
    for (int64_t epoch = 0; epoch < 5; ++epoch) {
        for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40}) {
            std::vector<int64_t> order = epoch_order(1000, seed, epoch);
            CHECK(order == epoch_order(1000, seed, epoch));
            CHECK(orders.insert(order).second);
            std::sort(order.begin(), order.end());
            CHECK(order == identity);
        }
    }
    CHECK(epoch_order(0, 0, 0).empty());
    CHECK(epoch_order(1, 0, 0) == std::vector<int64_t>{0});
}

TEST_CASE("the order of examples in blocks is a permutation that reads each block once") {
    for (const auto& [count, block] :
         {std::pair<int64_t, int64_t>{100000, 100}, {99, 10}, {5, 100}, {0, 3}, {2000, 2}}) {
        const std::vector<int64_t> order = windowed_order(count, block, 3, 1);
        CHECK(order == windowed_order(count, block, 3, 1));
        if (count > 10) CHECK(order != windowed_order(count, block, 3, 2));
        if (count > 10) CHECK(order != windowed_order(count, block, 4, 1));
        std::vector<int64_t> sorted = order;
        std::sort(sorted.begin(), sorted.end());
        bool all = static_cast<int64_t>(sorted.size()) == count;
        for (int64_t i = 0; all && i < count; ++i) all = sorted[static_cast<size_t>(i)] == i;
        CHECK(all);
        // Examples that wait: of blocks that were begun and not yet drawn. So many have to be kept.
        std::vector<int64_t> left(static_cast<size_t>(count / block + 1), -1);
        int64_t waiting = 0, most = 0;
        for (const int64_t example : order) {
            int64_t& of_block = left[static_cast<size_t>(example / block)];
            const int64_t size = std::min(block, count - example / block * block);
            if (of_block < 0) waiting += of_block = size;
            --of_block;
            most = std::max(most, --waiting);
        }
        CHECK(most < (kWindowBlocks + 1) * block);
    }
}

TEST_CASE("examples sorted by class are well mixed by the order of blocks") {
    // Ten classes in ten parts of the file. Of 1000 in a row drawn from all of it, each class has
    // 100 with a deviation of 9.5; a window of 128 blocks adds one of 1000 sqrt(0.09 / 128) = 27.
    constexpr int64_t kCount = 500000, kBlock = 100, kRow = 1000;
    const std::vector<int64_t> order = windowed_order(kCount, kBlock, 1, 0);
    int64_t fewest = kRow, most = 0;
    for (size_t row = 0; row < order.size(); row += kRow) {
        int64_t examples[10] = {};
        for (size_t i = row; i < row + kRow; ++i) ++examples[order[i] / (kCount / 10)];
        for (const int64_t of_class : examples) {
            fewest = std::min(fewest, of_class);
            most = std::max(most, of_class);
        }
    }
    CHECK(fewest > 0);
    CHECK(most < 270);
}

TEST_CASE("every permutation of three is about equally likely") {
    std::map<std::vector<int64_t>, int> counts;
    for (int64_t epoch = 0; epoch < 6000; ++epoch) ++counts[epoch_order(3, 9, epoch)];
    CHECK(counts.size() == 6);
    for (const auto& [order, count] : counts) CHECK(std::abs(count - 1000) < 150);
}

TEST_CASE("training visits whole batches of shuffled examples, fields together") {
    const auto loader = make_loader(counting_dataset(25), options_of(8, LoaderMode::kTrain, 2));
    CHECK(loader->batches_per_epoch() == 3);
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
        std::set<float> seen;
        for (int64_t b = 0; b < 3; ++b) {
            CHECK(loader->cursor() == Cursor{epoch, b});
            const Batch& batch = next(*loader);
            CHECK(batch.cursor == Cursor{epoch, b});
            CHECK(batch.valid_rows == 8);
            for (int row = 0; row < 8; ++row) {
                const float label = batch.fields[1][row];
                CHECK(batch.fields[0][row * 3 + 2] == label + 0.5F);
                CHECK(batch.indices[static_cast<size_t>(row)] == static_cast<int64_t>(label));
                CHECK(seen.insert(label).second);
            }
            CHECK(reinterpret_cast<uintptr_t>(batch.fields[0]) % 64 == 0);
        }
        CHECK(seen.size() == 24);
    }
}

TEST_CASE("evaluation visits all in order and pads the last batch") {
    const auto loader = make_loader(counting_dataset(10), options_of(4, LoaderMode::kEvaluate, 1));
    CHECK(loader->batches_per_epoch() == 3);
    CHECK(next(*loader).fields[1][3] == 3);
    CHECK(next(*loader).valid_rows == 4);
    const Batch& last = next(*loader);
    CHECK(last.valid_rows == 2);
    CHECK(std::vector<float>(last.fields[1], last.fields[1] + 4) == std::vector<float>{8, 9, 9, 9});
    CHECK(next(*loader).cursor == Cursor{1, 0});
    // Here fewer examples than one batch are fine.
    const auto small = make_loader(counting_dataset(3), options_of(4, LoaderMode::kEvaluate, 0));
    CHECK(next(*small).valid_rows == 3);
}

TEST_CASE("prefetching changes nothing, and a cursor resumes exactly") {
    for (const LoaderMode mode : {LoaderMode::kTrain, LoaderMode::kEvaluate}) {
        const auto plain = make_loader(counting_dataset(23), options_of(5, mode, 0));
        std::vector<std::vector<float>> expected;
        std::vector<Cursor> cursors;
        for (int i = 0; i < 30; ++i) {
            cursors.push_back(plain->cursor());
            expected.push_back(contents(*plain, next(*plain)));
        }
        for (const int prefetch : {0, 1, 2, 5}) {
            const auto loader = make_loader(counting_dataset(23), options_of(5, mode, prefetch));
            for (size_t i = 0; i < 30; ++i) CHECK(contents(*loader, next(*loader)) == expected[i]);
            for (const size_t start : {size_t{17}, size_t{0}, size_t{29}}) {
                loader->seek(cursors[start]);
                CHECK(loader->cursor() == cursors[start]);
                for (size_t i = start; i < 30; ++i)
                    CHECK(contents(*loader, next(*loader)) == expected[i]);
            }
        }
    }
}

TEST_CASE("a batch stays as it is until the next call") {
    const auto loader = make_loader(counting_dataset(64), options_of(4, LoaderMode::kTrain, 1));
    for (int i = 0; i < 20; ++i) {
        const Batch& batch = next(*loader);
        const std::vector<float> before = contents(*loader, batch);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        CHECK(contents(*loader, batch) == before);
    }
}

TEST_CASE("seeking behind the end of an epoch is the start of the next") {
    const auto loader = make_loader(counting_dataset(10), options_of(5, LoaderMode::kTrain, 2));
    loader->seek({4, 2});
    CHECK(loader->cursor() == Cursor{5, 0});
    CHECK(next(*loader).cursor == Cursor{5, 0});
}

TEST_CASE("the thread tells of every batch that it made") {
    int made = 0;  // the thread's while it runs
    LoaderOptions options = options_of(10, LoaderMode::kTrain, 2);
    options.on_batch_made = [&](LoaderOptions::Moment begin, LoaderOptions::Moment end) {
        made += begin <= end ? 1 : 0;
    };
    auto loader = make_loader(counting_dataset(100), options);
    for (int i = 0; i < 5; ++i) next(*loader);
    loader.reset();
    CHECK(made >= 5);
    CHECK(made <= 8);
}

TEST_CASE("data in memory need no thread, and give the same batches") {
    const Dataset far = counting_dataset(23);
    const Dataset near = dataset_of({kept(*far.fields()[0]), kept(*far.fields()[1])});
    std::atomic<int> made = 0;  // the thread adds 0
    LoaderOptions options = options_of(5, LoaderMode::kTrain, 2);
    options.on_batch_made = [&, here = std::this_thread::get_id()](LoaderOptions::Moment,
                                                                   LoaderOptions::Moment) {
        made += std::this_thread::get_id() == here ? 1 : 0;
    };
    const auto loader = make_loader(near, options);
    const auto expected = make_loader(far, options_of(5, LoaderMode::kTrain, 2));
    for (int i = 0; i < 30; ++i) {
        CHECK(contents(*loader, next(*loader)) == contents(*expected, next(*expected)));
        CHECK(made == i + 1);
    }
    loader->seek({0, 3});
    CHECK(next(*loader).cursor == Cursor{0, 3});
    // One field that has to be decoded is enough to start a thread.
    made = 0;
    const auto mixed = make_loader(dataset_of({kept(*far.fields()[0]), far.fields()[1]}), options);
    next(*mixed);
    CHECK(made == 0);
}

TEST_CASE("batches can be made where the caller wants them, without a thread") {
    const Dataset far = counting_dataset(5000);
    const Dataset near = dataset_of({kept(*far.fields()[0]), kept(*far.fields()[1])});
    // Large enough that several threads read it.
    const LoaderOptions options = options_of(4000, LoaderMode::kTrain, 2);
    const auto loader = make_loader(near, options), expected = make_loader(far, options);
    std::vector<float> here(4000 * 3);
    REQUIRE(loader->deliver(0, here.data()));
    for (int i = 0; i < 3; ++i) {
        const Batch& batch = next(*loader);
        CHECK(batch.fields[0] == here.data());
        CHECK(contents(*loader, batch) == contents(*expected, next(*expected)));
    }
    CHECK_FALSE(expected->deliver(0, here.data()));
}

TEST_CASE("a loader may be dropped at any moment") {
    for (int steps = 0; steps < 20; ++steps) {
        const auto loader =
            make_loader(counting_dataset(100), options_of(10, LoaderMode::kTrain, 3));
        for (int i = 0; i < steps % 5; ++i) next(*loader);
        if (steps % 3 == 0) loader->seek({1, 1});
        if (steps % 2 == 0) next(*loader);
    }
}

/// Fails at one example: as if data were broken, memory ran out or an invariant was broken.
class FailingField final : public Field {
  public:
    enum class As { kBadData, kNoMemory, kBug };
    explicit FailingField(As as) : Field("x", {2}, 40, 0), as_(as) {}
    void read(int64_t index, float* dst) const override {
        GMC_CHECK(as_ != As::kBug || index < 20, "the field is broken");
        if (index == 20 && failing && as_ == As::kNoMemory) throw std::bad_alloc();
        if (index == 20 && failing) throw DataError("`x-20.png` ends at byte 7");
        dst[0] = dst[1] = static_cast<float>(index);
    }
    mutable std::atomic<bool> failing{true};

  private:
    As as_;
};

TEST_CASE("an example that cannot be read is an error at the batch that has it") {
    using As = FailingField::As;
    for (const auto& [prefetch, as, error] :
         {std::tuple(0, As::kBadData, "[bad-file] `x-20.png` ends at byte 7"),
          {1, As::kBadData, "[bad-file] `x-20.png` ends at byte 7"},
          {4, As::kBadData, "[bad-file] `x-20.png` ends at byte 7"},
          {1, As::kNoMemory,
           "[too-large] there is not enough memory to read the examples of a batch"}}) {
        const auto field = std::make_shared<FailingField>(as);
        Diagnostics made;
        Dataset dataset = *make_dataset({field}, made);
        const auto loader = make_loader(dataset, options_of(8, LoaderMode::kEvaluate, prefetch));
        CHECK(next(*loader).fields[0][0] == 0);
        CHECK(next(*loader).fields[0][0] == 8);
        for (int again = 0; again < 2; ++again) {
            Diagnostics diagnostics;
            CHECK_FALSE(loader->next(diagnostics).ok());
            CHECK(only_error(diagnostics) == error);
            CHECK(loader->cursor() == Cursor{0, 2});
        }
        field->failing = false;
        loader->seek(loader->cursor());
        CHECK(next(*loader).fields[0][0] == 16);
    }
}

TEST_CASE("a bug in the prefetching thread surfaces as a bug") {
    Diagnostics diagnostics;
    Dataset dataset =
        *make_dataset({std::make_shared<FailingField>(FailingField::As::kBug)}, diagnostics);
    const auto loader = make_loader(dataset, options_of(20, LoaderMode::kEvaluate, 2));
    next(*loader);
    CHECK_THROWS_AS((void)loader->next(diagnostics), InternalError);
}

TEST_CASE("errors of data sets") {
    const auto error_of = [](std::vector<FieldPtr> fields) {
        Diagnostics diagnostics;
        CHECK_FALSE(make_dataset(std::move(fields), diagnostics).ok());
        return only_error(diagnostics);
    };
    CHECK(error_of({}) == "[missing-key] `data` has no field to read");
    CHECK(error_of({counting_field("a", 3, 1, 0), counting_field("b", 4, 1, 0)}) ==
          "[shape-mismatch] `data.b` has 4 examples but `data.a` has 3");
    CHECK(error_of({counting_field("a", 3, 1, 0), counting_field("a", 3, 1, 0)}) ==
          "[duplicate-key] `data` has two fields named `a`");
    CHECK(error_of({counting_field("a", 0, 1, 0)}) == "[bad-value] `data.a` has no examples");
    CHECK(counting_dataset(2).find("label") == 1);
    CHECK(counting_dataset(2).find("Label") == -1);
}

TEST_CASE("errors of loaders") {
    const auto error_of = [](int64_t count, const LoaderOptions& options) {
        Diagnostics diagnostics;
        CHECK_FALSE(Loader::create(counting_dataset(count), options, diagnostics).ok());
        return only_error(diagnostics);
    };
    CHECK(error_of(10, options_of(11, LoaderMode::kTrain, 2)) ==
          "[bad-value] `data.image` has 10 examples, fewer than one batch of 11");
    CHECK(error_of(10, options_of(0, LoaderMode::kTrain, 2)).starts_with("[bad-value]"));
    CHECK(error_of(10, options_of(4, LoaderMode::kTrain, -1)).starts_with("[bad-value]"));
    CHECK(error_of(10, options_of(int64_t{1} << 60, LoaderMode::kEvaluate, 2))
              .starts_with("[too-large]"));
}

}  // namespace
}  // namespace gmc::runtime

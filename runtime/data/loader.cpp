// The loader has two parts: BatchMaker makes the batch at any place, and Loader::Ring is a ring of
// batches between a thread that makes batches ahead and the trainer that uses them. The ring has
// one entry more than are prepared ahead, because the trainer holds one while it computes. Where
// all data lie in memory there is no thread, and a single entry.
#include "runtime/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

#include "compiler/support/check.h"
#include "runtime/data/shuffle.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

constexpr size_t kAlignment = 64;
/// A terabyte of floats: what is larger is refused before it is multiplied.
constexpr int64_t kBatchFloatsMost = int64_t{1} << 38;
/// More batches ahead only cost memory: a thread that is too slow stays too slow.
constexpr int kPrefetchMost = 64;
/// A thread reads at least this many floats of a batch (about 2 us).
constexpr int64_t kSharedFloats = 8192;

struct AlignedDelete {
    void operator()(float* memory) const {
        ::operator delete[](memory, std::align_val_t{kAlignment});
    }
};
using AlignedFloats = std::unique_ptr<float[], AlignedDelete>;

AlignedFloats allocate_floats(int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(float);
    return AlignedFloats(
        static_cast<float*>(::operator new[](bytes, std::align_val_t{kAlignment})));
}

/// A batch with its memory, and what went wrong when it was made.
struct RingEntry {
    Batch batch;
    std::vector<AlignedFloats> memory;
    std::optional<DataError> error;
    DiagnosticKind kind = DiagnosticKind::kBadFile;  ///< of the error
    std::exception_ptr bug;                          ///< an InternalError, rethrown at the consumer
};

/// Makes the batch at any cursor; used by one thread at a time. Keeps the order of one epoch.
class BatchMaker {
  public:
    /// With `in_memory` several threads read the examples of a large batch.
    BatchMaker(const Dataset& dataset, const LoaderOptions& options, bool in_memory)
        : dataset_(dataset), options_(options), in_memory_(in_memory) {}

    int64_t batches_per_epoch() const {
        const int64_t count = dataset_.count();
        const bool partial = options_.mode == LoaderMode::kEvaluate && count % options_.batch_size;
        return count / options_.batch_size + (partial ? 1 : 0);
    }

    Cursor after(Cursor cursor) const {
        ++cursor.batch;
        return of_its_epoch(cursor);
    }

    /// `cursor`, or the start of the next epoch where no batch is left in its own.
    Cursor of_its_epoch(Cursor cursor) const {
        const bool partial = options_.mode == LoaderMode::kEvaluate;
        const int64_t left = dataset_.count() - cursor.batch * options_.batch_size - cursor.first;
        return left >= (partial ? 1 : options_.batch_size) ? cursor : Cursor{cursor.epoch + 1};
    }

    /// Never throws: whatever a field throws is kept in the entry.
    void make(Cursor cursor, RingEntry& entry) {
        entry.error.reset();
        entry.bug = nullptr;
        entry.kind = DiagnosticKind::kBadFile;
        try {
            fill(cursor, entry.batch);
        } catch (const InternalError& e) {
            entry.error.emplace(e.what());
            entry.bug = std::current_exception();
        } catch (const DataError& e) {
            entry.error = e;
        } catch (const std::bad_alloc&) {
            entry.kind = DiagnosticKind::kTooLarge;
            entry.error.emplace("there is not enough memory to read the examples of a batch");
        } catch (const std::exception& e) {
            entry.error.emplace(e.what());
        } catch (...) {
            entry.error.emplace("reading an example failed for an unknown reason");
        }
    }

    /// Says that the batch at `cursor` is made next: its examples are fetched into the caches.
    void expect(Cursor cursor) {
        const int64_t first = first_place(cursor);
        const int64_t end = std::min(first + options_.rows(), dataset_.count());
        for (int64_t place = first; place < end; ++place) {
            const int64_t example = example_at(cursor.epoch, place);
            for (const FieldPtr& field : dataset_.fields()) field->expect(example);
        }
    }

  private:
    /// Where in its epoch the first row of a batch is.
    int64_t first_place(Cursor cursor) const {
        return cursor.first + cursor.batch * options_.batch_size + options_.first_row;
    }

    /// Fills in which examples the rows are, then reads them: one after the other where they have
    /// to be decoded (the loader's thread runs beside the trainer), else with all threads.
    void fill(Cursor cursor, Batch& batch) {
        batch.cursor = cursor;
        const int64_t first = first_place(cursor);
        batch.valid_rows = std::min(options_.rows(), dataset_.count() - first);
        for (int64_t row = 0; row < options_.rows(); ++row)
            batch.indices[static_cast<size_t>(row)] =
                example_at(cursor.epoch, first + std::min(row, batch.valid_rows - 1));
        if (!in_memory_) {
            for (int64_t row = 0; row < options_.rows(); ++row)
                for (size_t f = 0; f < dataset_.fields().size(); ++f) read(f, row, batch);
            return;
        }
        for (size_t f = 0; f < dataset_.fields().size(); ++f) {
            const int64_t rows = options_.rows();
            const int64_t floats = dataset_.fields()[f]->elements();
            // No error can come out of a part, and none comes from memory.
            run_parts(rows, kSharedFloats / std::max<int64_t>(floats, 1), thread_count(),
                      [&](int64_t row, int64_t end, int) {
                          for (; row < end; ++row) read(f, row, batch);
                      });
        }
    }

    void read(size_t f, int64_t row, Batch& batch) {
        const Field& field = *dataset_.fields()[f];
        const int64_t index = batch.indices[static_cast<size_t>(row)];
        float* to = batch.fields[f] + row * field.elements();
        if (options_.mode == LoaderMode::kTrain)
            field.read_for_training(index,
                                    {options_.seed, batch.cursor.epoch, nullptr, block() > 1}, to);
        else
            field.read(index, to);
    }

    /// The example at a place of an epoch. The order of the epoch is made once and kept.
    int64_t example_at(int64_t epoch, int64_t place) {
        if (options_.mode == LoaderMode::kEvaluate) return place;
        if (order_epoch_ != epoch) {
            order_ = block() > 1 ? order_by_blocks(epoch)
                                 : epoch_order(dataset_.count(), options_.seed, epoch);
            order_epoch_ = epoch;
        }
        return order_[static_cast<size_t>(place)];
    }

    int64_t block() const { return options_.block > 0 ? options_.block : dataset_.block(); }

    /// The order of all places of a file, without those that none of the examples has.
    std::vector<int64_t> order_by_blocks(int64_t epoch) const {
        const Field& field = *dataset_.fields().front();
        const int64_t places = field.place(dataset_.count() - 1) + 1;
        std::vector<int64_t> example_at(static_cast<size_t>(places), -1);
        for (int64_t index = 0; index < dataset_.count(); ++index)
            example_at[static_cast<size_t>(field.place(index))] = index;
        std::vector<int64_t> order;
        for (const int64_t at : windowed_order(places, block(), options_.seed, epoch))
            if (const int64_t index = example_at[static_cast<size_t>(at)]; index >= 0)
                order.push_back(index);
        return order;
    }

    const Dataset& dataset_;
    const LoaderOptions& options_;
    bool in_memory_;
    std::vector<int64_t> order_;
    int64_t order_epoch_ = -1;
};

}  // namespace

/// What the consumer and the thread share. Under the mutex are `ready` and `stopping` only: an
/// entry belongs to the thread until it is counted in `ready`, then to the consumer until it is
/// given back.
struct Loader::Ring {
    Ring(Dataset data, const LoaderOptions& how)
        : dataset(std::move(data)),
          options(how),
          prefetch(in_memory(dataset) ? 0 : options.prefetch),
          maker(dataset, options, in_memory(dataset)) {}

    static bool in_memory(const Dataset& dataset) {
        return std::all_of(dataset.fields().begin(), dataset.fields().end(),
                           [](const FieldPtr& field) { return field->in_memory(); });
    }

    const Dataset dataset;
    const LoaderOptions options;
    const int prefetch;              ///< 0 = no thread
    BatchMaker maker;                // the thread's while it runs
    std::vector<RingEntry> entries;  // prefetch + 1 entries
    Cursor cursor;                   // of the batch that the consumer gets next
    bool holds_batch = false;        // the consumer has entries[taken]
    bool found_change = false;       // the consumer was told of data that have changed
    size_t taken = 0;                // entry that the consumer has or gets next

    std::thread thread;
    std::mutex mutex;
    std::condition_variable changed;
    size_t ready = 0;       // under mutex: filled entries, the consumer's included
    bool stopping = false;  // under mutex

    void allocate_ring();
    void make(Cursor cursor, RingEntry& entry);
    void start();
    void stop();
    void run(Cursor next, size_t entry);
    RingEntry& take();
};

void Loader::Ring::allocate_ring() {
    entries.resize(static_cast<size_t>(prefetch) + 1);
    for (RingEntry& entry : entries) {
        entry.batch.indices.resize(static_cast<size_t>(options.rows()));
        for (const FieldPtr& field : dataset.fields()) {
            entry.memory.push_back(allocate_floats(options.rows() * field->elements()));
            entry.batch.fields.push_back(entry.memory.back().get());
        }
    }
}

void Loader::Ring::make(Cursor at, RingEntry& entry) {
    const LoaderOptions::Moment begin = std::chrono::steady_clock::now();
    maker.make(at, entry);
    if (options.on_batch_made) options.on_batch_made(begin, std::chrono::steady_clock::now());
}

void Loader::Ring::start() {
    ready = 0;
    stopping = false;
    thread = std::thread([this, from = cursor, entry = taken] { run(from, entry); });
}

void Loader::Ring::stop() {
    if (!thread.joinable()) return;
    {
        const std::lock_guard lock(mutex);
        stopping = true;
    }
    changed.notify_all();
    thread.join();
}

/// The thread: fills free entries in turn until told to stop, or until a batch cannot be made.
void Loader::Ring::run(Cursor next, size_t entry) {
    for (;;) {
        {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return stopping || ready < entries.size(); });
            if (stopping) return;
        }
        make(next, entries[entry]);
        const bool failed = entries[entry].error.has_value();
        {
            const std::lock_guard lock(mutex);
            ++ready;
        }
        changed.notify_all();
        if (failed) return;
        next = maker.after(next);
        entry = (entry + 1) % entries.size();
    }
}

/// Gives back the consumer's entry and waits for the next one.
RingEntry& Loader::Ring::take() {
    if (prefetch == 0) {
        make(cursor, entries[0]);
        maker.expect(maker.after(cursor));
        return entries[0];
    }
    if (!thread.joinable()) start();
    std::unique_lock lock(mutex);
    if (holds_batch) {
        taken = (taken + 1) % entries.size();
        --ready;
        holds_batch = false;
        changed.notify_all();
    }
    changed.wait(lock, [&] { return ready > 0; });
    return entries[taken];
}

Loader::Loader(std::unique_ptr<Ring> ring) : ring_(std::move(ring)) {}

Loader::~Loader() { ring_->stop(); }

/// A terabyte is more than any machine has; the check keeps sizes from overflowing below.
bool Loader::check(const Dataset& dataset, const LoaderOptions& options, Diagnostics& diagnostics) {
    if (options.batch_size < 1 || options.prefetch < 0 || options.prefetch > kPrefetchMost) {
        diagnostics.error(
            DiagnosticKind::kBadValue, {},
            "a loader needs a `batch_size` of at least 1 and 0 to {} batches ahead, not {} "
            "and {}",
            kPrefetchMost, options.batch_size, options.prefetch);
        return false;
    }
    if (options.mode == LoaderMode::kTrain && dataset.count() < options.batch_size) {
        diagnostics
            .error(DiagnosticKind::kBadValue, {},
                   "`data.{}` has {} example{}, fewer than one batch of {}",
                   dataset.fields().front()->name(), dataset.count(),
                   dataset.count() == 1 ? "" : "s", options.batch_size)
            .help("make `batch_size` smaller");
        return false;
    }
    for (const FieldPtr& field : dataset.fields()) {
        if (options.batch_size <= kBatchFloatsMost / field->elements()) continue;
        diagnostics.error(DiagnosticKind::kTooLarge, {},
                          "a batch of {} examples of `data.{}` has {} floats each, more than a "
                          "terabyte in all",
                          options.batch_size, field->name(), field->elements());
        return false;
    }
    return true;
}

/// All memory of the ring is taken here, so that training cannot fail on it later.
Result<std::unique_ptr<Loader>> Loader::create(Dataset dataset, const LoaderOptions& options,
                                               Diagnostics& diagnostics) {
    if (!check(dataset, options, diagnostics)) return Failure{};
    auto ring = std::make_unique<Ring>(std::move(dataset), options);
    try {
        ring->allocate_ring();
    } catch (const std::bad_alloc&) {
        diagnostics.error(DiagnosticKind::kTooLarge, {},
                          "{} batches of {} examples do not fit into memory", ring->prefetch + 1,
                          options.batch_size);
        return Failure{};
    }
    return std::unique_ptr<Loader>(new Loader(std::move(ring)));
}

bool Loader::found_change() const { return ring_->found_change; }

bool Loader::deliver(size_t field, float* memory) {
    if (ring_->prefetch != 0) return false;
    ring_->entries[0].batch.fields.at(field) = memory;
    return true;
}

const Dataset& Loader::dataset() const { return ring_->dataset; }
const LoaderOptions& Loader::options() const { return ring_->options; }
int64_t Loader::batches_per_epoch() const { return ring_->maker.batches_per_epoch(); }
double Loader::passes(Cursor cursor) const {
    const auto size = static_cast<double>(options().batch_size);
    const double batch =
        static_cast<double>(cursor.batch) + static_cast<double>(cursor.first) / size;
    return static_cast<double>(cursor.epoch) + batch / static_cast<double>(batches_per_epoch());
}
Cursor Loader::cursor() const { return ring_->cursor; }

Result<const Batch*> Loader::next(Diagnostics& diagnostics) {
    RingEntry& entry = ring_->take();
    if (entry.bug) std::rethrow_exception(entry.bug);
    if (entry.error) {
        ring_->found_change = entry.error->is_change();
        Diagnostic& error = diagnostics.error(entry.kind, {}, "{}", entry.error->what());
        if (!entry.error->help().empty()) error.help(entry.error->help());
        return Failure{};
    }
    ring_->holds_batch = true;
    ring_->cursor = ring_->maker.after(ring_->cursor);
    return static_cast<const Batch*>(&entry.batch);
}

void Loader::seek(Cursor cursor) {
    GMC_CHECK(cursor.epoch >= 0 && cursor.batch >= 0 && cursor.first >= 0,
              "seek to batch {} of epoch {}, whose first example is {}", cursor.batch, cursor.epoch,
              cursor.first);
    const int64_t count = dataset().count();
    ring_->stop();
    const bool beyond = cursor.first >= count || cursor.batch > count;  // too large to multiply
    ring_->cursor = beyond ? Cursor{cursor.epoch + 1} : ring_->maker.of_its_epoch(cursor);
    // The thread starts with the next batch, in the entry that the consumer then takes first.
    ring_->holds_batch = false;
    ring_->taken = 0;
}

}  // namespace gmc::runtime

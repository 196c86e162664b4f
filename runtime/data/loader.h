// Batches of a data set, in a reproducible order. Where examples have to be decoded, a thread
// prepares them while the trainer computes; copying from memory costs less than handing over
// between threads does. All state is the Cursor: a checkpoint keeps it, and seek() continues as if
// the run had never stopped.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// The place of a batch: the `batch`-th (from 0) of epoch `epoch` (from 0), where batches are
/// counted from the example `first` of the epoch on. That is not 0 where the epoch was begun with
/// batches of another size.
struct Cursor {
    int64_t epoch = 0;
    int64_t batch = 0;
    int64_t first = 0;
    friend bool operator==(const Cursor&, const Cursor&) = default;
};

enum class LoaderMode {
    kTrain,     ///< shuffled per epoch, the last partial batch dropped
    kEvaluate,  ///< in order, the last batch padded with copies of its last example
};

/// How batches are made. Two loaders with the same data and options give the same batches.
struct LoaderOptions {
    int64_t batch_size = 128;
    LoaderMode mode = LoaderMode::kTrain;
    uint64_t seed = 0;
    /// Batches prepared ahead by a thread; 0, or data that lie in memory: no thread, batches are
    /// made inside next().
    int prefetch = 2;
    /// One of several processes that share each batch reads so many rows, from this one on; 0: all.
    /// Only for kTrain.
    int64_t first_row = 0, own_rows = 0;
    /// Examples come by blocks of so many, wherever the data lie: a run keeps its order where there
    /// is more memory, or less. 0: as the data are read fastest (Dataset::block).
    int64_t block = 0;
    /// How many rows of a batch are read.
    int64_t rows() const { return own_rows == 0 ? batch_size : own_rows; }
    /// Called with the beginning and end of each batch that was made, by the thread if there is
    /// one. For profiles.
    using Moment = std::chrono::steady_clock::time_point;
    std::function<void(Moment begin, Moment end)> on_batch_made = nullptr;
};

/// One batch; its memory belongs to the loader.
struct Batch {
    Cursor cursor;
    /// Rows that are examples; those behind it are padding (only in kEvaluate's last batch).
    int64_t valid_rows = 0;
    /// Per field of the data set: rows() x elements() floats, 64-byte aligned.
    std::vector<float*> fields;
    /// Per row the number of its example. Where an example was left out, it is the next one that
    /// could be read.
    std::vector<int64_t> indices;
};

/// Gives batches one after another. With `prefetch` a thread fills a ring of prefetch + 1 batches
/// ahead of the caller, who holds one of them.
class Loader {
  public:
    /// Whether such a loader of these data can be. Errors: those of create, but for the memory.
    [[nodiscard]] static bool check(const Dataset& dataset, const LoaderOptions& options,
                                    Diagnostics& diagnostics);
    /// Errors: a batch size below 1, prefetch outside 0 to 64, fewer examples than one training
    /// batch (kBadValue); batches of over a terabyte or no memory (kTooLarge).
    static Result<std::unique_ptr<Loader>> create(Dataset dataset, const LoaderOptions& options,
                                                  Diagnostics& diagnostics);
    /// Stops the thread; waits for at most one batch being made.
    ~Loader();
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    const Dataset& dataset() const;
    const LoaderOptions& options() const;
    int64_t batches_per_epoch() const;

    /// The next batch, good until the next call of next() or seek(). Epoch follows epoch without
    /// end; a caller that wants one stops after batches_per_epoch(). Errors: an example that could
    /// not be read (kBadFile); the same error again on every further call until seek().
    Result<const Batch*> next(Diagnostics& diagnostics);

    /// Whether that error is one of data that can be read, but have changed.
    bool found_change() const;

    /// From now on, field `field` of each batch is written to `memory`, which the caller owns and
    /// which has room for a batch. False where a thread makes batches ahead; then nothing has
    /// changed.
    bool deliver(size_t field, float* memory);

    /// The place of the batch that next() gives next.
    Cursor cursor() const;
    /// Passes over the data before a batch.
    double passes(Cursor cursor) const;
    /// Continues at `cursor`; a batch for which its epoch has too few examples left means the start
    /// of the next one.
    void seek(Cursor cursor);

  private:
    struct Ring;
    explicit Loader(std::unique_ptr<Ring> ring);
    std::unique_ptr<Ring> ring_;
};

}  // namespace gmc::runtime

// Writes the step that went wrong to a file. Every step is the same again when it begins with the
// same states, so the steps since the last good state are repeated until the first bad one is
// found.
#include "runtime/run/replay.h"
#include "compiler/support/paths.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace gmc::runtime {
namespace {

/// A copy of a batch, with the place in the data that it comes from.
ReplayBatch keep(const Batch& batch, const Loader& loader) {
    ReplayBatch out;
    out.epoch = loader.passes(batch.cursor);
    for (size_t f = 0; f < batch.fields.size(); ++f) {
        const Field& field = *loader.dataset().fields()[f];
        const float* numbers = batch.fields[f];
        out.fields.emplace_back(
            field.name(),
            std::vector<float>(numbers, numbers + loader.options().batch_size * field.elements()));
    }
    return out;
}

/// Removes all replay files but the newest, and that of the step `written`, which is about to be
/// written, perhaps again. Each is as large as a checkpoint, and a run may go back many times.
void remove_old_replays(const std::string& folder, int64_t written) {
    namespace fs = std::filesystem;
    std::vector<std::pair<int64_t, fs::path>> found;
    for (const fs::path& path : paths_in(folder)) {
        const auto step = kReplayName.number_in(path.filename().string());
        if (step && *step != written && is_regular(path.string())) found.emplace_back(*step, path);
    }
    std::sort(found.begin(), found.end());
    if (!found.empty()) found.pop_back();
    std::error_code ignored;
    for (const auto& [step, path] : found) fs::remove(path, ignored);
}

/// The first error that is told in `lost`, in words.
std::string first_error(const Diagnostics& lost) {
    for (const Diagnostic& one : lost.list())
        if (!one.is_warning) return one.text;
    return "repeated, it is found in no step";
}

}  // namespace

/// When numbers stop being finite, the last states that are known to be good may be many steps old.
/// So these steps are run again from there, with the states kept before each of them, until the
/// step that goes wrong is found; its states and its batches are what is written. Runs repeat to
/// the bit, so it goes wrong again.
BadStep write_replay(LoadedModel& model, StepRunner& runner, Loader& loader, const GoodState& good,
                     int64_t last, const std::string& folder) {
    const int64_t batch_size = loader.options().batch_size;
    Diagnostics lost;
    const auto without_file = [&](BadStep step) {
        step.why_no_file = first_error(lost);
        return step;
    };
    StateStore& states = model.states();
    good.restore(states);
    model.set_states_changed();
    TrainingState training = good.training();
    loader.seek(training.cursor(batch_size));
    GoodState start;
    while (training.step <= last) {
        start.keep(states, training);
        if (!runner.run(loader, training, lost)) return without_file({});
        if (!runner.not_finite().empty() || !first_not_finite(states).empty()) break;
    }
    if (!start.kept()) return without_file({});
    start.restore(states);
    model.set_states_changed();
    BadStep bad{start.training()};
    // A process of a group reads only its share of each batch, and a replay is of one process.
    LoaderOptions whole = loader.options();
    whole.first_row = whole.own_rows = 0;
    const auto reader = Loader::create(loader.dataset(), whole, lost);
    if (!reader.ok()) return without_file({});
    (*reader)->seek(bad.training.cursor(batch_size));
    for (int64_t i = 0; i < runner.batches_per_round(); ++i) {
        const auto batch = (*reader)->next(lost);
        if (!batch.ok()) return without_file({});
        bad.batches.push_back(keep(**batch, **reader));
    }
    const int64_t step = bad.training.step + 1;
    const std::string file = folder + "/" + kReplayName.of(step);
    remove_old_replays(folder, step);
    if (!write_checkpoint(file, states, bad.training, lost, bad.batches,
                          model.checksum_of_functions()))
        return without_file(std::move(bad));
    bad.file = file;
    return bad;
}

}  // namespace gmc::runtime

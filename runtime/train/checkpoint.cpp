// Reads and writes checkpoints, and files of weights alone. A checkpoint is checked as a whole
// (checksum, format, states of the same names and shapes) before a state is changed.
#include "runtime/train/checkpoint.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>

#include "compiler/support/json.h"
#include "runtime/files/tensors/safetensors.h"

namespace gmc::runtime {
namespace {

constexpr char kFormat[] = "gmc-checkpoint 3";
/// What files of earlier formats begin with, and the beginning of `format` in the metadata.
constexpr std::string_view kOldMagic = "gmc-checkpoint ";
/// The largest count in the metadata; up to here doubles represent every whole number.
constexpr int64_t kMost = 9007199254740992;

bool bad(Diagnostics& diagnostics, const std::string& path, const std::string& what) {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", path, what)
        .help("start a new run, or name the checkpoint of this model");
    return false;
}

bool is_weight(const ir::State& state) {
    return state.role == ir::StateRole::kParameter || state.role == ir::StateRole::kStatistic;
}

/// `field(name, value)` for each field that is a number.
template <typename Training, typename Field>
void each_field(Training& training, const Field& field) {
    field("seed", training.seed);
    field("step", training.step);
    field("call", training.call);
    field("pass", training.pass);
    field("example", training.example);
    field("epoch", training.epoch);
    field("rate", training.rate);
    field("retries", training.retries);
}

/// The metadata of a checkpoint; read_training() is its inverse.
Metadata describe(const StateStore& states, const TrainingState& training) {
    const ir::Module& module = states.module();
    Metadata out{{"format", kFormat},
                 {"gmc", GMC_VERSION},
                 {"model", module.name},
                 {"model_fingerprint", module.origin.model},
                 {"data_fingerprint", module.origin.data}};
    each_field(training, [&](const char* name, const auto& value) {
        out.emplace_back(name, fmt::format("{}", value));
    });
    for (const auto& [name, watched] :
         {std::pair("best", &training.best), std::pair("stopping", &training.stopping)}) {
        if (!watched->best) continue;
        out.emplace_back(name, fmt::format("{}", *watched->best));
        out.emplace_back(fmt::format("{}_since", name), fmt::format("{}", watched->epochs_since));
    }
    return out;
}

/// Reads entries of the metadata. Throws JsonError for what describe() does not write.
class Reader {
  public:
    explicit Reader(const SafetensorsFile& file) : file_(file) {}

    void read(const std::string& name, auto& value) const {
        const std::string& text = entry(name);
        const char* end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, value);
        bool fits = parsed.ec == std::errc() && parsed.ptr == end;
        if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, double>)
            fits = fits && std::isfinite(value);
        else if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, int64_t>)
            fits = fits && value >= 0 && value <= kMost;
        if (!fits) throw JsonError(fmt::format("`{}` is `{}`", name, text.substr(0, 80)));
    }
    void read(const std::string& name, Watched& watched) const {
        if (file_.metadata(name) == nullptr) return;
        read(name, watched.best.emplace());
        read(name + "_since", watched.epochs_since);
    }

  private:
    const std::string& entry(const std::string& name) const {
        const std::string* text = file_.metadata(name);
        if (text == nullptr) throw JsonError(fmt::format("its metadata have no `{}`", name));
        return *text;
    }
    const SafetensorsFile& file_;
};

TrainingState read_training(const SafetensorsFile& file) {
    const Reader reader(file);
    TrainingState training;
    each_field(training, [&](const char* name, auto& value) { reader.read(name, value); });
    reader.read("best", training.best);
    reader.read("stopping", training.stopping);
    return training;
}

std::string batch_name(size_t batch) { return fmt::format("batch.{}", batch); }

/// A run that an earlier gmc trained has a file of another name.
std::string existing(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::path old = fs::path(path).parent_path() / kOldCheckpointName;
    const bool is_old = fs::path(path).filename() == kCheckpointName && !fs::exists(path, error) &&
                        fs::exists(old, error);
    return is_old ? old.string() : path;
}

/// Opens a safetensors file; checks the checksum where it has one.
Result<SafetensorsFile> open_weights(const std::string& wanted, Diagnostics& diagnostics) {
    const std::string path = existing(wanted);
    const auto bytes = open_plain_bytes(path, diagnostics);
    if (!bytes.ok()) return Failure{};
    std::string magic(kOldMagic.size() + 8, ' ');
    const auto got = (*bytes)->read(0, magic.data(), magic.size(), diagnostics);
    if (!got.ok()) return Failure{};
    if (magic.starts_with(kOldMagic)) {
        bad(diagnostics, path,
            fmt::format("is a checkpoint in format {} of an earlier gmc; gmc {} reads format 3",
                        magic.substr(kOldMagic.size(), 1), GMC_VERSION));
        return Failure{};
    }
    auto file = SafetensorsFile::open(path, diagnostics);
    if (!file.ok() || (file->has_checksum() && !file->verify(diagnostics))) return Failure{};
    return file;
}

/// Opens a checkpoint of any model.
Result<SafetensorsFile> open_checkpoint(const std::string& path, Diagnostics& diagnostics) {
    auto file = open_weights(path, diagnostics);
    if (!file.ok()) return Failure{};
    const std::string* format = file->metadata("format");
    const std::string* version = file->metadata("gmc");
    if (format == nullptr || !format->starts_with(kOldMagic)) {
        bad(diagnostics, file->path(), "is no checkpoint of gmc: its metadata do not say so");
        return Failure{};
    }
    if (*format != kFormat) {
        bad(diagnostics, file->path(),
            fmt::format("is a checkpoint in format {} of gmc {}; gmc {} reads format 3",
                        format->substr(kOldMagic.size(), 8), version ? *version : "?",
                        GMC_VERSION));
        return Failure{};
    }
    if (!file->verify(diagnostics)) return Failure{};
    return file;
}

bool fits(const StoredTensor& tensor, const ir::State& state) {
    return tensor.shape == state.type.shape;
}

std::string shape_text(const StoredTensor& tensor) {
    return fmt::format("{}{}", tensor.type->name, ir::to_string(tensor.shape));
}

/// The first difference between the states of a checkpoint and those of the model; "" when they are
/// equal.
std::string difference(const SafetensorsFile& file, const StateStore& states) {
    for (ir::StateId id = 0; id < states.saved_count(); ++id) {
        const ir::State& state = states.state(id);
        const StoredTensor* tensor = file.find(state.name);
        if (tensor == nullptr)
            return fmt::format("is of another model: it has no state `{}`", state.name);
        if (!fits(*tensor, state) || shape_text(*tensor) != ir::to_string(state.type))
            return fmt::format("is of another model: it has `{}`: {} where the model has {}",
                               state.name, shape_text(*tensor), ir::to_string(state.type));
    }
    for (const StoredTensor& tensor : file.tensors())
        if (states.module().find_state(tensor.name) == ir::kNone &&
            !tensor.name.starts_with("batch."))
            return fmt::format("is of another model: it has `{}` beside the model's states",
                               tensor.name);
    return "";
}

/// The batches of a replay. False after an error.
bool read_batches(const SafetensorsFile& file, std::vector<ReplayBatch>& batches,
                  Diagnostics& diagnostics) {
    for (size_t i = 0; file.metadata(batch_name(i) + ".epoch") != nullptr; ++i) {
        ReplayBatch& batch = batches.emplace_back();
        Reader(file).read(batch_name(i) + ".epoch", batch.epoch);
        const std::string prefix = batch_name(i) + ".";
        for (const StoredTensor& tensor : file.tensors()) {
            if (!tensor.name.starts_with(prefix)) continue;
            std::vector<float> numbers(static_cast<size_t>(tensor.elements()));
            if (!file.read(tensor, numbers.data(), diagnostics)) return false;
            batch.fields.emplace_back(tensor.name.substr(prefix.size()), std::move(numbers));
        }
    }
    return true;
}

}  // namespace

bool has_checkpoint(const std::string& folder) {
    std::error_code error;
    return std::filesystem::exists(folder + "/" + kCheckpointName, error) ||
           std::filesystem::exists(folder + "/" + kOldCheckpointName, error);
}

bool write_checkpoint(const std::string& path, const StateStore& states,
                      const TrainingState& training, Diagnostics& diagnostics,
                      const std::vector<ReplayBatch>& batches) {
    Metadata metadata = describe(states, training);
    std::vector<TensorView> tensors;
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        tensors.push_back({states.state(id).name, states.state(id).type.shape, states.data(id)});
    for (size_t i = 0; i < batches.size(); ++i) {
        metadata.emplace_back(batch_name(i) + ".epoch", fmt::format("{}", batches[i].epoch));
        for (const auto& [name, numbers] : batches[i].fields)
            tensors.push_back({fmt::format("{}.{}", batch_name(i), name),
                               {static_cast<int64_t>(numbers.size())},
                               numbers.data()});
    }
    return write_safetensors(path, tensors, metadata, diagnostics);
}

/// In this order: the file, the states' names and shapes, the training state and batches, and only
/// then the numbers.
bool read_checkpoint(const std::string& path, StateStore& states, TrainingState& training,
                     Diagnostics& diagnostics, std::vector<ReplayBatch>* batches) {
    const auto file = open_checkpoint(path, diagnostics);
    if (!file.ok()) return false;
    try {
        const std::string why = difference(*file, states);
        if (!why.empty()) {
            diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", file->path(), why)
                .help(fmt::format(
                    "name a checkpoint of this model; `gmrun train MODEL --init {}` begins another "
                    "run with the weights that fit",
                    std::filesystem::path(file->path()).parent_path().string()));
            return false;
        }
        const TrainingState read = read_training(*file);
        std::vector<ReplayBatch> found;
        if (batches != nullptr && !read_batches(*file, found, diagnostics)) return false;
        training = read;
        if (batches != nullptr) *batches = std::move(found);
    } catch (const JsonError& e) {
        return bad(diagnostics, file->path(), fmt::format("is broken: {}", e.what()));
    }
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        if (!file->read(*file->find(states.state(id).name), states.data(id), diagnostics))
            return false;
    states.refresh_copies();
    return true;
}

Result<std::vector<WeightSource>> weight_sources(const StateStore& states, bool averaged,
                                                 Diagnostics& diagnostics) {
    const ir::Module& module = states.module();
    std::vector<WeightSource> sources;
    bool has_averages = false;
    for (ir::StateId id = 0; id < states.saved_count(); ++id) {
        if (!is_weight(states.state(id))) continue;
        const ir::StateId average = module.find_state(kAveragePrefix + states.state(id).name);
        has_averages = has_averages || average != ir::kNone;
        sources.push_back({id, averaged && average != ir::kNone ? average : id});
    }
    if (!averaged || has_averages) return sources;
    diagnostics
        .error(DiagnosticKind::kBadValue, {}, "model `{}` has no averages of its weights",
               module.name)
        .help("`train: {average: 0.999}` makes them");
    return Failure{};
}

Metadata weight_metadata(const StateStore& states, bool averaged, const std::string& layout) {
    return {{"format", "gmc-weights 1"},
            {"gmc", GMC_VERSION},
            {"model", states.module().name},
            {"model_fingerprint", states.module().origin.model},
            {"layout", layout},
            {"averaged", averaged ? "yes" : "no"}};
}

bool write_weights(const std::string& path, const StateStore& states, bool averaged,
                   Diagnostics& diagnostics) {
    const auto sources = weight_sources(states, averaged, diagnostics);
    if (!sources.ok()) return false;
    std::vector<TensorView> tensors;
    for (const auto& [id, source] : *sources)
        tensors.push_back(
            {states.state(id).name, states.state(id).type.shape, states.data(source)});
    return write_safetensors(path, tensors, weight_metadata(states, averaged, "keras"),
                             diagnostics);
}

/// Goes through the states of the model, then through what the file has in addition. Optimizers'
/// memory and averages in the file are passed over.
Result<TakenWeights> take_weights(const std::string& path, StateStore& states,
                                  Diagnostics& diagnostics) {
    const auto file = open_weights(path, diagnostics);
    if (!file.ok()) return Failure{};
    if (const std::string* step = file->metadata("step"); step != nullptr && *step == "0")
        diagnostics.warning(DiagnosticKind::kNotTrained, {},
                            "the weights of `{}` have not been trained yet (step 0)", path);
    TakenWeights taken;
    for (ir::StateId id = 0; id < states.saved_count(); ++id) {
        const ir::State& state = states.state(id);
        if (!is_weight(state)) continue;
        const StoredTensor* tensor = file->find(state.name);
        if (tensor == nullptr)
            taken.fresh.push_back(state.name);
        else if (!fits(*tensor, state))
            taken.skipped.push_back(fmt::format("{}: {} there, {} here", state.name,
                                                shape_text(*tensor), ir::to_string(state.type)));
        else if (!file->read(*tensor, states.data(id), diagnostics))
            return Failure{};
        else
            taken.taken.push_back(state.name);
    }
    for (const StoredTensor& tensor : file->tensors())
        if (states.module().find_state(tensor.name) == ir::kNone &&
            !tensor.name.starts_with("optimizer.") && !tensor.name.starts_with(kAveragePrefix))
            taken.skipped.push_back(fmt::format("{}: not in this model", tensor.name));
    states.refresh_copies();
    return taken;
}

}  // namespace gmc::runtime

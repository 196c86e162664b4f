// Reads and writes checkpoints. One is checked as a whole (checksum, format, states of the same
// names and shapes) before a state is changed.
#include "runtime/train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "compiler/ir/artefact.h"
#include "compiler/support/json.h"
#include "runtime/data/fingerprint/fingerprint.h"
#include "runtime/files/tensors/safetensors.h"
#include "runtime/memory/memory_need.h"
#include "runtime/train/slots/slot_parts.h"

namespace gmc::runtime {
namespace {

/// Programs that know format 3 only refuse weights as they were when the epoch began, so what has
/// these is of format 4; and so on.
constexpr int kFormat = 3, kFormatWithEpochStart = 4, kFormatWithMomentum = 5;
/// The largest count in the metadata; up to here doubles represent every whole number.
constexpr int64_t kMost = 9007199254740992;
/// Where adding 1 to a float changes nothing any more.
constexpr float kMostUpdates = 1 << 24;

bool bad(Diagnostics& diagnostics, const std::string& path, const std::string& what) {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", path, what)
        .help("start a new run, or name the checkpoint of this model");
    return false;
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

/// Whether the weights when the epoch began are others than the states.
bool has_epoch_start(const TrainingState& training) {
    return training.epoch_start != nullptr && training.epoch_began != training.step;
}

/// The metadata of a checkpoint; read_training() is its inverse.
Metadata describe(const StateStore& states, const TrainingState& training, bool with_epoch_start) {
    const ir::Module& module = states.module();
    const int format = training.outer_momentum ? kFormatWithMomentum
                       : with_epoch_start      ? kFormatWithEpochStart
                                               : kFormat;
    Metadata out{{"format", fmt::format("{}{}", kCheckpointMagic, format)},
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
        if (!watched->figure.empty())
            out.emplace_back(fmt::format("{}_figure", name), watched->figure);
    }
    out.emplace_back("epoch_began", fmt::format("{}", training.epoch_began));
    const auto step = [&](const char* name, int64_t value) {
        out.emplace_back(name, fmt::format("{}", value));
    };
    if (training.back_to) step("back_to", *training.back_to);
    if (training.before) step("before", *training.before);
    if (training.went_back) step("went_back_to", training.went_back->to);
    if (training.went_back) step("went_back_at", training.went_back->at);
    if (training.went_back) step("went_back_weights", training.went_back->weights);
    if (training.epoch_end_left) out.emplace_back("epoch_end_left", "1");
    if (const std::string signs = training.signs.to_text(); !signs.empty())
        out.emplace_back("signs", signs);
    if (!training.init.empty()) out.emplace_back("init", training.init);
    if (!training.data.empty()) out.emplace_back("data_values", training.data);
    if (!training.test.empty()) out.emplace_back("test_values", training.test);
    if (!training.validation.empty()) out.emplace_back("validation", training.validation);
    if (!training.computed_by.empty()) out.emplace_back("computed_by", training.computed_by);
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
        if (const std::string* figure = file_.metadata(name + "_figure")) watched.figure = *figure;
        check_line(name + "_figure", watched.figure);
    }

    /// An entry that has to be there.
    const std::string& entry(const std::string& name) const {
        const std::string* text = file_.metadata(name);
        if (text == nullptr) throw JsonError(fmt::format("its metadata have no `{}`", name));
        return *text;
    }

  private:
    const SafetensorsFile& file_;
};

TrainingState read_training(const SafetensorsFile& file) {
    const Reader reader(file);
    for (const char* name : {"gmc", "model"}) {
        check_line(name, reader.entry(name));
        if (reader.entry(name).empty()) throw JsonError(fmt::format("its `{}` is empty", name));
    }
    check_fingerprints(reader.entry("model_fingerprint"), reader.entry("data_fingerprint"));
    TrainingState training;
    each_field(training, [&](const char* name, auto& value) { reader.read(name, value); });
    reader.read("best", training.best);
    reader.read("stopping", training.stopping);
    training.epoch_began = training.step;  // as older checkpoints, which do not say it, take it
    if (file.metadata("epoch_began") != nullptr) reader.read("epoch_began", training.epoch_began);
    if (file.metadata("back_to") != nullptr) reader.read("back_to", training.back_to.emplace());
    if (file.metadata("before") != nullptr) reader.read("before", training.before.emplace());
    if (file.metadata("went_back_to") != nullptr) {
        reader.read("went_back_to", training.went_back.emplace().to);
        reader.read("went_back_at", training.went_back->at);
        training.went_back->weights = training.went_back->to;  // older ones do not say it
        if (file.metadata("went_back_weights") != nullptr)
            reader.read("went_back_weights", training.went_back->weights);
    }
    if (const std::string* left = file.metadata("epoch_end_left")) {
        if (*left != "1")
            throw JsonError(fmt::format("`epoch_end_left` is `{}`", left->substr(0, 80)));
        training.epoch_end_left = true;
    }
    if (const std::string* signs = file.metadata("signs"))
        training.signs = SignCounters::from_text(*signs);
    if (const std::string* init = file.metadata("init")) training.init = *init;
    for (const auto& [name, field] :
         {std::pair("validation", &training.validation), std::pair("data_values", &training.data),
          std::pair("test_values", &training.test)}) {
        const std::string* data = file.metadata(name);
        if (data == nullptr) continue;
        if (!is_fingerprint(*data))
            throw JsonError(
                fmt::format("`{}` is `{}`, which describes no data", name, data->substr(0, 80)));
        *field = *data;
    }
    if (const std::string* by = file.metadata("computed_by")) {
        if (!ir::is_checksum(*by))
            throw JsonError(
                fmt::format("its `computed_by` is `{}`, which is no checksum", by->substr(0, 80)));
        training.computed_by = *by;
    }
    check_training_state(training);
    return training;
}

/// The number behind kCheckpointMagic; 0: another one than this program reads.
int format_of(const SafetensorsFile& file) {
    const std::string* format = file.metadata("format");
    for (const int known : {kFormat, kFormatWithEpochStart, kFormatWithMomentum})
        if (format != nullptr && *format == fmt::format("{}{}", kCheckpointMagic, known))
            return known;
    return 0;
}

std::string batch_name(size_t batch) { return fmt::format("batch.{}", batch); }

/// Opens a checkpoint of any model.
Result<SafetensorsFile> open_checkpoint(const std::string& path, Diagnostics& diagnostics) {
    auto file = open_weights(path, diagnostics);
    if (!file.ok()) return Failure{};
    const std::string* format = file->metadata("format");
    const std::string* version = file->metadata("gmc");
    if (format == nullptr || !format->starts_with(kCheckpointMagic)) {
        bad(diagnostics, file->path(), "is no checkpoint of gmc: its metadata do not say so");
        return Failure{};
    }
    const std::string number = format->substr(kCheckpointMagic.size());
    if (format_of(*file) == 0) {
        const bool newer = std::atoi(number.c_str()) > kFormatWithMomentum;
        diagnostics
            .error(DiagnosticKind::kBadFile, {},
                   "`{}` {}: it is a checkpoint in format {} of gmc {}; gmc {} reads formats {} "
                   "to {}",
                   file->path(), newer ? "was written by a newer gmc" : "is not of this gmc",
                   number.substr(0, 8), version ? *version : "?", GMC_VERSION, kFormat,
                   kFormatWithMomentum)
            .help(newer ? "use that version, or a newer one, for this run"
                        : "start a new run, or name the checkpoint of this model");
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

/// A state that a checkpoint has.
struct SavedState {
    const ir::State* state;
    ir::StateId own;    ///< where this process has it as a whole; else kNone
    size_t shared = 0;  ///< its number in SlotParts
};
std::vector<SavedState> saved_states(const StateStore& states) {
    std::vector<SavedState> saved;
    if (const SlotParts* slots = states.slots())
        for (size_t i = 0; i < slots->states().size(); ++i)
            saved.push_back({&slots->states()[i], slots->own(i), i});
    else
        for (ir::StateId id = 0; id < states.saved_count(); ++id)
            saved.push_back({&states.state(id), id});
    return saved;
}

/// Sums of gradients are 0 between steps. So a run may go on with other batches in an update
/// (`accumulate`): the sums that a file lacks begin with 0, and those that only it has go.
bool is_sum_of_gradients(const std::string& name, const ir::Module& module) {
    constexpr std::string_view kSum = ".sum.";
    const size_t at = name.find(kSum);
    return name.starts_with("optimizer.") && at != std::string::npos &&
           module.find_state(name.substr(at + kSum.size())) != ir::kNone;
}

/// What a checkpoint and its model do not have in common.
struct Difference {
    std::string what = "";  ///< "": nothing
    std::string help = "name a checkpoint of this model";
};

constexpr char kGoOn[] =
    "a run goes on with the optimizers and averages that it was begun with: put these back";

/// A state that only one of the two has. What is trained along with the parameters says more than
/// its name: which setting of `train` is another.
Difference only_one_has(const std::string& name, bool in_file) {
    if (name.starts_with(kAveragePrefix))
        return {in_file ? fmt::format("has moving averages (`{}`), and the model, which has no "
                                      "`average` in `train`, keeps none",
                                      name)
                        : fmt::format("has no moving averages (`{}`), which `average` in `train` "
                                      "keeps",
                                      name),
                kGoOn};
    if (name.starts_with("optimizer."))
        return {in_file ? fmt::format(
                              "has what another optimizer than the model's remembers (`{}`)", name)
                        : fmt::format("has nothing of what the model's optimizer remembers (`{}`): "
                                      "it was written with another optimizer",
                                      name),
                kGoOn};
    return {in_file
                ? fmt::format("is of another model: it has `{}` beside the model's states", name)
                : fmt::format("is of another model: it has no state `{}`", name),
            Difference().help};
}

/// A state of each example of a batch (`per_example`) has another size where batches have.
Difference other_shape(const StoredTensor& tensor, const ir::State& state,
                       const ir::Module& module) {
    const ir::Shape &there = tensor.shape, &here = state.type.shape;
    const int64_t batch = module.training ? module.training->batch_size : 0;
    if (state.role != ir::StateRole::kParameter && !there.empty() && there.size() == here.size() &&
        there[0] != here[0] && here[0] == batch &&
        std::equal(there.begin() + 1, there.end(), here.begin() + 1))
        return {fmt::format("has `{}` for batches of {}, one for each example, where the model has "
                            "batches of {}",
                            state.name, there[0], here[0]),
                fmt::format("`batch_size: {}` in `train` goes on with it", there[0])};
    return {fmt::format("is of another model: it has `{}`: {} where the model has {}", state.name,
                        shape_text(tensor), ir::to_string(state.type)),
            Difference().help};
}

/// The first difference between the states of a checkpoint and those of the model.
Difference difference(const SafetensorsFile& file, const StateStore& states) {
    const ir::Module& module = states.module();
    std::set<std::string> names;
    for (const SavedState& saved : saved_states(states)) {
        const ir::State& state = *saved.state;
        names.insert(state.name);
        const StoredTensor* tensor = file.find(state.name);
        if (tensor == nullptr && is_sum_of_gradients(state.name, module)) continue;
        if (tensor == nullptr) return only_one_has(state.name, false);
        if (!fits(*tensor, state) || shape_text(*tensor) != ir::to_string(state.type))
            return other_shape(*tensor, state, module);
    }
    const auto goes_with_state = [&](const StoredTensor& tensor, std::string_view prefix) {
        if (!tensor.name.starts_with(prefix)) return false;
        const ir::StateId id = module.find_state(tensor.name.substr(prefix.size()));
        return id != ir::kNone && fits(tensor, states.state(id));
    };
    for (const StoredTensor& tensor : file.tensors())
        if (names.count(tensor.name) == 0 && !tensor.name.starts_with("batch.") &&
            !goes_with_state(tensor, kEpochStartPrefix) &&
            !goes_with_state(tensor, kOuterMomentumPrefix) &&
            !is_sum_of_gradients(tensor.name, module))
            return only_one_has(tensor.name, true);
    for (const ir::StateId id : trained_parameters(module))
        if (const std::string name = kEpochStartPrefix + states.state(id).name;
            format_of(file) == kFormatWithEpochStart && file.find(name) == nullptr)
            return {fmt::format("is broken: its format is {}, but it has no `{}`",
                                kFormatWithEpochStart, name),
                    Difference().help};
    return {};
}

/// False after an error.
bool expect_finite(const SafetensorsFile& file, const std::string& name,
                   const std::vector<float>& numbers, Diagnostics& diagnostics) {
    const auto bad_ones =
        std::count_if(numbers.begin(), numbers.end(), [](float x) { return !std::isfinite(x); });
    return bad_ones == 0 ||
           bad(diagnostics, file.path(),
               fmt::format("is broken: {} of the {} numbers of `{}` are not finite", bad_ones,
                           numbers.size(), name));
}

/// Reads a state of a file that goes with the model, and gives it to `to`. False after an error.
bool read_state(const SafetensorsFile& file, const ir::State& state, float* to,
                Diagnostics& diagnostics) {
    const int64_t elements = state.type.elements();
    const StoredTensor* tensor = file.find(state.name);
    if (tensor == nullptr) std::fill_n(to, elements, 0.0F);  // a sum of gradients
    if (tensor != nullptr && !file.read(*tensor, to, diagnostics)) return false;
    const auto none_is = [&](const char* what, auto&& is_bad) {
        const auto bad_ones = std::count_if(to, to + elements, is_bad);
        return bad_ones == 0 ||
               bad(diagnostics, file.path(),
                   fmt::format("holds no good state: {} of the {} numbers of `{}` are {}", bad_ones,
                               elements, state.name, what));
    };
    return none_is("not finite", [](float x) { return !std::isfinite(x); }) &&
           (!is_never_negative(state.name) ||
            none_is("below 0, as none ever is", [](float x) { return x < 0; })) &&
           (!state.name.ends_with(".updates") ||
            none_is("no count", [](float x) { return x != std::floor(x) || x > kMostUpdates; }));
}

bool read_shared(const SafetensorsFile& file, size_t state, SlotParts& slots,
                 Diagnostics& diagnostics) {
    const ir::State& shared = slots.states()[state];
    std::vector<float> numbers(static_cast<size_t>(shared.type.elements()));
    if (!read_state(file, shared, numbers.data(), diagnostics)) return false;
    slots.set(state, numbers.data());
    return true;
}

/// The batches of a replay, which begin where training stands. False after an error.
bool read_batches(const SafetensorsFile& file, const TrainingState& at,
                  std::vector<ReplayBatch>& batches, Diagnostics& diagnostics) {
    constexpr double kApart = 2;  // a batch that is the last of a pass, and the one behind it
    for (size_t i = 0; file.metadata(batch_name(i) + ".epoch") != nullptr; ++i) {
        ReplayBatch& batch = batches.emplace_back();
        Reader(file).read(batch_name(i) + ".epoch", batch.epoch);
        if (batch.epoch < at.epoch || batch.epoch > at.epoch + kApart * static_cast<double>(i + 1))
            throw JsonError(fmt::format("its `{}.epoch` is {}, but its `epoch` is {}",
                                        batch_name(i), batch.epoch, at.epoch));
        const std::string prefix = batch_name(i) + ".";
        for (const StoredTensor& tensor : file.tensors()) {
            if (!tensor.name.starts_with(prefix)) continue;
            if (tensor.type != find_safetensors_type("F32"))
                throw JsonError(
                    fmt::format("`{}` is {}, not f32", tensor.name, shape_text(tensor)));
            std::vector<float> numbers(static_cast<size_t>(tensor.elements()));
            if (!file.read(tensor, numbers.data(), diagnostics)) return false;
            batch.fields.emplace_back(tensor.name.substr(prefix.size()), std::move(numbers));
        }
    }
    return true;
}

}  // namespace

KeptWeights keep_weights(const StateStore& states) {
    KeptWeights kept;
    for (const ir::StateId id : trained_parameters(states.module()))
        kept[id].assign(states.data(id), states.data(id) + states.elements(id));
    return kept;
}

bool write_checkpoint(const std::string& path, const StateStore& states,
                      const TrainingState& training, Diagnostics& diagnostics,
                      const std::vector<ReplayBatch>& batches, const std::string& functions) {
    const bool with_epoch_start = has_epoch_start(training) && batches.empty();
    Metadata metadata = describe(states, training, with_epoch_start);
    if (!batches.empty()) metadata.emplace_back("functions", functions);
    std::vector<TensorView> tensors;
    for (const SavedState& saved : saved_states(states)) {
        TensorView& tensor =
            tensors.emplace_back(TensorView{saved.state->name, saved.state->type.shape});
        if (saved.own != ir::kNone)
            tensor.numbers = states.data(saved.own);
        else
            tensor.fetch = [slots = states.slots(), i = saved.shared] { return slots->gather(i); };
    }
    const auto add = [&](const KeptWeights& kept, const char* prefix) {
        for (const auto& [id, weights] : kept)
            tensors.push_back(
                {prefix + states.state(id).name, states.state(id).type.shape, weights.data()});
    };
    if (with_epoch_start) add(*training.epoch_start, kEpochStartPrefix);
    if (training.outer_momentum) add(*training.outer_momentum, kOuterMomentumPrefix);
    for (size_t i = 0; i < batches.size(); ++i) {
        metadata.emplace_back(batch_name(i) + ".epoch", fmt::format("{}", batches[i].epoch));
        for (const auto& [name, numbers] : batches[i].fields)
            tensors.push_back({fmt::format("{}.{}", batch_name(i), name),
                               {static_cast<int64_t>(numbers.size())},
                               numbers.data()});
    }
    return write_safetensors(path, tensors, metadata, diagnostics);
}

Result<CheckpointHeader> read_checkpoint_header(const std::string& path, Diagnostics& diagnostics) {
    const auto file = open_checkpoint(path, diagnostics);
    if (!file.ok()) return Failure{};
    try {
        const auto text = [&](const char* name) {
            const std::string* found = file->metadata(name);
            return found == nullptr ? "" : *found;
        };
        return CheckpointHeader{read_training(*file), text("model_fingerprint"), text("functions")};
    } catch (const JsonError& error) {
        bad(diagnostics, file->path(), fmt::format("is broken: {}", error.what()));
        return Failure{};
    }
}

CheckpointOrigin origin_of_checkpoint(const std::string& path) {
    Diagnostics unreadable;
    CheckpointOrigin origin;
    const auto file = open_weights(path, unreadable);
    if (!file.ok()) return origin;
    if (const std::string* model = file->metadata("model_fingerprint")) origin.model = *model;
    if (const std::string* data = file->metadata("data_fingerprint")) origin.data = *data;
    if (const std::string* data = file->metadata("data_values")) origin.data_values = *data;
    if (const std::string* data = file->metadata("test_values")) origin.test_values = *data;
    try {
        Reader(*file).read("seed", origin.seed.emplace());
    } catch (const JsonError&) {
        origin.seed.reset();
    }
    return origin;
}

/// In this order: the file, the states' names and shapes, the training state and batches, and only
/// then the numbers.
bool read_checkpoint(const std::string& path, StateStore& states, TrainingState& training,
                     Diagnostics& diagnostics, std::vector<ReplayBatch>* batches) {
    const auto file = open_checkpoint(path, diagnostics);
    if (!file.ok()) return false;
    try {
        const Difference other = difference(*file, states);
        if (!other.what.empty()) {
            const std::string folder = std::filesystem::path(file->path()).parent_path().string();
            diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", file->path(), other.what)
                .help(batches != nullptr
                          ? "--model FILE names the .gmc of the run that wrote it"
                          : fmt::format(
                                "{}; `gmrun train MODEL --init {}` begins another run with the "
                                "weights that fit",
                                other.help, folder.empty() ? file->path() : folder));
            return false;
        }
        const TrainingState read = read_training(*file);
        std::vector<ReplayBatch> found;
        if (batches != nullptr && !read_batches(*file, read, found, diagnostics)) return false;
        training = read;
        if (batches != nullptr) *batches = std::move(found);
    } catch (const JsonError& e) {
        return bad(diagnostics, file->path(), fmt::format("is broken: {}", e.what()));
    }
    for (const SavedState& saved : saved_states(states))
        if (saved.own == ir::kNone
                ? !read_shared(*file, saved.shared, *states.slots(), diagnostics)
                : !read_state(*file, *saved.state, states.data(saved.own), diagnostics))
            return false;
    states.refresh_copies();
    return true;
}

bool share_slots_of(const std::string& path, SlotParts& slots, Diagnostics& diagnostics) {
    const auto file = open_weights(path, diagnostics);
    if (!file.ok()) return false;
    for (size_t i = 0; i < slots.states().size(); ++i)
        if (slots.own(i) == ir::kNone && !read_shared(*file, i, slots, diagnostics)) return false;
    return true;
}

void copy_saved_states(const StateStore& from, StateStore& to) {
    for (const SavedState& saved : saved_states(from)) {
        const float* numbers =
            saved.own == ir::kNone ? from.slots()->gather(saved.shared) : from.data(saved.own);
        const ir::StateId id = to.module().find_state(saved.state->name);
        if (id != ir::kNone) std::copy_n(numbers, to.elements(id), to.data(id));
    }
    to.refresh_copies();
}

bool read_outer_momentum(const std::string& path, const StateStore& states, TrainingState& training,
                         Diagnostics& diagnostics) {
    training.outer_momentum.reset();
    const auto file = open_weights(path, diagnostics);
    if (!file.ok()) return false;
    KeptWeights kept;
    for (ir::StateId id = 0; id < states.saved_count(); ++id) {
        const ir::State& state = states.state(id);
        const StoredTensor* tensor = file->find(kOuterMomentumPrefix + state.name);
        if (tensor == nullptr) continue;
        kept[id].resize(static_cast<size_t>(states.elements(id)));
        if (!fits(*tensor, state) || !file->read(*tensor, kept[id].data(), diagnostics) ||
            !expect_finite(*file, tensor->name, kept[id], diagnostics))
            return false;
    }
    if (!kept.empty())
        training.outer_momentum = std::make_shared<const KeptWeights>(std::move(kept));
    return true;
}

bool read_epoch_start(const std::string& path, const StateStore& states, TrainingState& training,
                      Diagnostics& diagnostics) {
    KeptWeights kept = keep_weights(states);
    const auto file = open_weights(path, diagnostics);
    if (!file.ok()) return false;
    for (auto& [id, weights] : kept)
        if (const StoredTensor* tensor = file->find(kEpochStartPrefix + states.state(id).name))
            if (!fits(*tensor, states.state(id)) ||
                !file->read(*tensor, weights.data(), diagnostics) ||
                !expect_finite(*file, tensor->name, weights, diagnostics))
                return false;
    training.epoch_start = std::make_shared<const KeptWeights>(std::move(kept));
    return true;
}

}  // namespace gmc::runtime

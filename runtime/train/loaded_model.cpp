// Loading, binding on demand, and filling of inputs.
#include "runtime/train/loaded_model.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <sstream>

#include "compiler/ir/artefact.h"
#include "compiler/support/check.h"
#include "compiler/support/edit_distance.h"
#include "runtime/contractions/tuning_cache.h"
#include "runtime/kernels/denormals.h"
#include "runtime/kernels/philox.h"

namespace gmc::runtime {
namespace {

constexpr int64_t kTrainSyntheticCount = 60000;
constexpr int64_t kTestSyntheticCount = 10000;

}  // namespace

LoadedModel::LoadedModel(std::string path, ir::Module module)
    : path_(std::move(path)),
      module_(std::move(module)),
      states_(std::make_unique<StateStore>(module_)),
      arena_(std::make_shared<Arena>(module_)) {}

/// Who measures may hold the future of the thread that touches the arena: it would not be waited
/// for.
LoadedModel::~LoadedModel() {
    all_is_read_ = true;
    if (touched_.valid()) touched_.wait();
}

Result<std::unique_ptr<LoadedModel>> LoadedModel::load(const std::string& path,
                                                       Diagnostics& diagnostics) {
    ir::ReadArtefactOptions options;
    options.verify.allow_gradient = false;
    auto module = ir::read_artefact(path, options, diagnostics);
    if (!module.ok()) return Failure{};
    try {
        return std::unique_ptr<LoadedModel>(new LoadedModel(path, module.take()));
    } catch (const std::bad_alloc&) {
        diagnostics.error(DiagnosticKind::kTooLarge, {},
                          "`{}` needs more memory than this machine has", path);
        return Failure{};
    }
}

Executable* LoadedModel::function(const std::string& name, Diagnostics& diagnostics) {
    const auto bound = executables_.find(name);
    if (bound != executables_.end()) return &bound->second;
    const ir::Function* function = module_.find_function(name);
    if (function == nullptr) {
        std::string names;
        for (const ir::Function& f : module_.functions)
            names += (names.empty() ? "" : ", ") + f.name;
        diagnostics
            .error(DiagnosticKind::kUnknownName, {}, "model `{}` has no function `{}`",
                   module_.name, name)
            .help("it has " + names);
        return nullptr;
    }
    if (!touched_.valid()) arena_->touch(function->arena_bytes);
    auto made = Executable::make(module_, *function, *states_, arena_,
                                 {.tuning = tuning_, .bf16 = bf16_}, diagnostics);
    if (!made.ok()) return nullptr;
    if (tuning_ != nullptr && tuning_->unsaved() > 0) {
        Diagnostics ignored;  // unsaved() says so, too
        (void)tuning_->save(ignored);
    }
    return &executables_.emplace(name, made.take()).first->second;
}

double LoadedModel::number(const std::string& key, double otherwise) const {
    const ir::ConfigValue* value = module_.find_config(key);
    return value != nullptr && std::holds_alternative<double>(*value) ? std::get<double>(*value)
                                                                      : otherwise;
}

std::string LoadedModel::text(const std::string& key) const {
    const ir::ConfigValue* value = module_.find_config(key);
    return value != nullptr && std::holds_alternative<std::string>(*value)
               ? std::get<std::string>(*value)
               : "";
}

std::vector<LoadedModel::ScheduleEntry> LoadedModel::schedule() const {
    std::vector<ScheduleEntry> entries;
    std::istringstream words(text("train.schedule"));
    for (std::string word; words >> word;) {
        const size_t star = word.find('*');
        const int64_t repeat = star == std::string::npos ? 1 : std::atoll(word.c_str() + star + 1);
        entries.push_back({word.substr(0, star), std::max<int64_t>(repeat, 1)});
    }
    return entries;
}

int64_t LoadedModel::batch_size() const {
    return static_cast<int64_t>(number("train.batch_size", 1));
}
int64_t LoadedModel::epochs() const { return static_cast<int64_t>(number("train.epochs", 1)); }

bool LoadedModel::has_test_data() const {
    return std::any_of(module_.config.begin(), module_.config.end(),
                       [](const auto& entry) { return entry.first.starts_with("test."); });
}

ValueRange LoadedModel::range(const std::string& field) const {
    const ir::ConfigValue* value = module_.find_config("data." + field + ".range");
    if (value == nullptr) return {};
    const auto* list = std::get_if<std::vector<double>>(value);
    if (list == nullptr || list->size() != 2) return {};
    return {static_cast<float>((*list)[0]), static_cast<float>((*list)[1])};
}

std::vector<std::string> LoadedModel::data_fields() const {
    constexpr std::string_view kBegin = "data.", kEnd = ".format";
    std::vector<std::string> names;
    for (const auto& [key, value] : module_.config)
        if (key.starts_with(kBegin) && key.ends_with(kEnd))
            names.push_back(key.substr(kBegin.size(), key.size() - kBegin.size() - kEnd.size()));
    return names;
}

int64_t LoadedModel::label_classes(const std::string& field) const {
    // Pictures and points may have classes too: how many kinds there are.
    if (!field_shape(field).empty()) return 0;
    return static_cast<int64_t>(number("data." + field + ".classes", 0));
}

std::string LoadedModel::synthetic_set(const std::string& field) const {
    return text("data." + field + ".format") == "synthetic" ? text("data." + field + ".source")
                                                            : "";
}

std::vector<int64_t> LoadedModel::sizes(const std::string& key) const {
    std::vector<int64_t> sizes;
    if (const ir::ConfigValue* value = module_.find_config(key))
        if (const auto* list = std::get_if<std::vector<double>>(value))
            for (const double size : *list) sizes.push_back(static_cast<int64_t>(size));
    return sizes;
}

FieldSource LoadedModel::field_source(const std::string& prefix, const std::string& name) const {
    const std::string key = prefix + "." + name;
    const auto integer = [&](const std::string& k) { return static_cast<int64_t>(number(k, 0)); };
    FieldSource source;
    source.name = name;
    source.format = text(key + ".format");
    source.source = text(key + ".source");
    source.shape = sizes("data." + name + ".shape");
    source.range = range(name);
    source.range_given = integer(key + ".range_given") != 0;
    source.count = integer(key + ".count");
    source.classes = integer(key + ".classes");
    source.key = text(key + ".key");
    source.crop = integer(key + ".stretch") == 0;
    source.flip = integer(key + ".flip") != 0;
    source.skip_bad = integer(key + ".skip_bad") != 0;
    if (module_.find_config(key + ".ground"))
        source.ground = static_cast<uint8_t>(integer(key + ".ground"));
    std::istringstream names(text(key + ".class_names"));
    for (std::string class_name; std::getline(names, class_name, '/');)
        source.class_names.push_back(class_name);
    if (source.format != "synthetic") return source;
    const bool test = prefix == "test";
    if (source.count == 0) source.count = test ? kTestSyntheticCount : kTrainSyntheticCount;
    if (!test) return source;
    // The test set continues the sequence that the training set begins.
    const int64_t train_count = integer("data." + name + ".count");
    source.first = train_count > 0 ? train_count : kTrainSyntheticCount;
    return source;
}

Result<Dataset> LoadedModel::read_data(DataSplit split, Diagnostics& diagnostics) const {
    const std::string prefix = split == DataSplit::kTest && has_test_data() ? "test" : "data";
    std::vector<FieldSource> sources;
    for (const auto& [key, value] : module_.config) {
        if (!key.starts_with(prefix + ".") || !key.ends_with(".format")) continue;
        sources.push_back(
            field_source(prefix, key.substr(prefix.size() + 1, key.size() - prefix.size() - 8)));
    }
    auto fields = open_fields(sources, diagnostics);
    if (!fields.ok()) return Failure{};
    return make_dataset(fields.take(), diagnostics);
}

void LoadedModel::read_ahead() {
    flush_denormals();  // of the thread, too: numbers in files are the same whoever reads them
    std::promise<void> end;
    int64_t bytes = 0;
    for (const ScheduleEntry& entry : schedule())
        if (const ir::Function* function = module_.find_function(entry.function))
            bytes = std::max(bytes, function->arena_bytes);
    touched_ = std::async(std::launch::async, [this, bytes] {
        arena_->touch(bytes, [this] { return all_is_read_.load(); });
    });
    if (tuning_ != nullptr)
        tuning_->before_measuring([touched = touched_, read = end.get_future().share()] {
            touched.wait();
            read.wait();
        });
    read_ahead_ = std::async(std::launch::async, [this, end = std::move(end)]() mutable {
        // Also when reading throws: nobody waits for ever.
        const std::shared_ptr<void> at_end(nullptr, [&](void*) { end.set_value(); });
        ReadAhead read{Failure{}, {}};
        read.dataset = read_data(DataSplit::kTrain, read.diagnostics);
        return read;
    });
}

Result<Dataset> LoadedModel::take_read_ahead(Diagnostics& diagnostics) {
    ReadAhead read = read_ahead_.get();
    all_is_read_ = true;
    touched_.wait();
    for (const Diagnostic& one : read.diagnostics.list()) diagnostics.add(one);
    return std::move(read.dataset);
}

Result<std::unique_ptr<Loader>> LoadedModel::make_loader(DataSplit split,
                                                         const LoaderOptions& options,
                                                         Diagnostics& diagnostics) {
    auto dataset = split == DataSplit::kTrain && read_ahead_.valid()
                       ? take_read_ahead(diagnostics)
                       : read_data(split, diagnostics);
    if (!dataset.ok()) return Failure{};
    return Loader::create(dataset.take(), options, diagnostics);
}

void LoadedModel::deliver_inputs(Executable& executable, Loader& loader) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const std::string& source = executable.function().inputs[i].source;
        if (!source.starts_with("data.")) continue;
        const int64_t field = loader.dataset().find(source.substr(5));
        if (field >= 0) loader.deliver(static_cast<size_t>(field), executable.input(i));
    }
}

void LoadedModel::set_inputs(Executable& executable, const Loader& loader, const Batch& batch) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const std::string& source = executable.function().inputs[i].source;
        const ir::Type& type = executable.input_type(i);
        float* to = executable.input(i);
        if (source == "valid") {
            for (int64_t row = 0; row < type.elements(); ++row)
                to[row] = row < batch.valid_rows ? 1.0F : 0.0F;
        } else if (source.starts_with("data.")) {
            const int64_t field = loader.dataset().find(source.substr(5));
            GMC_CHECK(field >= 0, "input `{}` has no data field", source);
            const float* from = batch.fields[field];
            if (from != to) std::memcpy(to, from, static_cast<size_t>(type.bytes()));
        }
    }
}

void LoadedModel::noise_of_example(const ir::Input& source, size_t input, uint64_t seed,
                                   int64_t example, int64_t width, float* to) {
    // Each example is a tensor of its own: its number takes the place of the call.
    for (int64_t k = 0; k < width; ++k) {
        const PhiloxPlace place = philox_place(static_cast<uint64_t>(k));
        const PhiloxCounter block =
            philox_block(place.block, static_cast<uint32_t>(example),
                         kPhiloxNoiseStream + static_cast<uint32_t>(input), seed);
        to[k] = source.source == "normal" ? static_cast<float>(philox_normal(block, place.word))
                                          : philox_uniform(block[place.word]);
    }
}

void LoadedModel::set_noise(Executable& executable, uint64_t seed, int64_t first_example) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const ir::Input& input = executable.function().inputs[i];
        if (input.source != "normal" && input.source != "uniform") continue;
        const ir::Type& type = executable.input_type(i);
        const int64_t rows = type.shape[0], width = type.elements() / rows;
        for (int64_t row = 0; row < rows; ++row)
            noise_of_example(input, i, seed, first_example + row, width,
                             executable.input(i) + row * width);
    }
}

void LoadedModel::set_labels(Executable& executable, int64_t first_example,
                             std::optional<int64_t> label) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const std::string& source = executable.function().inputs[i].source;
        const int64_t classes = source.starts_with("data.") ? label_classes(source.substr(5)) : 0;
        for (int64_t row = 0; classes > 0 && row < executable.input_type(i).elements(); ++row)
            executable.input(i)[row] =
                static_cast<float>(label ? *label : (first_example + row) % classes);
    }
}

}  // namespace gmc::runtime

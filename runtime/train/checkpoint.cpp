// Reads and writes checkpoints.
#include "runtime/train/checkpoint.h"

#include <zlib.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

#include "compiler/support/json.h"
#include "runtime/files/atomic_file.h"

namespace gmc::runtime {
namespace {

constexpr char kMagic[] = "gmc-checkpoint 2 ";
constexpr int kVersion = 2;
constexpr size_t kTrailerBytes = 9;
constexpr uint64_t kLargestFile = uint64_t{64} << 30;
/// The largest count in the JSON; up to here doubles represent every whole number.
constexpr double kMost = 9007199254740992.0;

uint32_t crc_of(std::string_view bytes, uint32_t start = 0) {
    return static_cast<uint32_t>(
        crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string_view memory_of(const StateStore& states) {
    return {reinterpret_cast<const char*>(states.bytes_begin()),
            static_cast<size_t>(states.bytes())};
}

Json describe(const StateStore& states, const TrainingState& training) {
    Json list = Json::array();
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        list.push_back({{"name", states.state(id).name},
                        {"type", ir::to_string(states.state(id).type)},
                        {"role", ir::state_role_name(states.state(id).role)},
                        {"offset", ir::state_offset(states.module(), id)}});
    Json json{{"model", states.module().name}, {"seed", training.seed},
              {"step", training.step},         {"call", training.call},
              {"pass", training.pass},         {"example", training.example},
              {"epoch", training.epoch},       {"rate", training.rate},
              {"retries", training.retries},   {"states", list}};
    for (const auto& [key, watched] :
         {std::pair("best", &training.best), std::pair("stopping", &training.stopping)})
        if (watched->best)
            json[key] = {{"value", *watched->best}, {"since", watched->epochs_since}};
    return json;
}

/// The batches of a replay, without their numbers.
Json describe(const std::vector<ReplayBatch>& batches) {
    Json list = Json::array();
    for (const ReplayBatch& batch : batches) {
        Json fields = Json::array();
        for (const auto& [name, numbers] : batch.fields)
            fields.push_back({{"name", name}, {"floats", numbers.size()}});
        list.push_back({{"epoch", batch.epoch}, {"fields", fields}});
    }
    return list;
}

bool bad(Diagnostics& diagnostics, const std::string& path, const std::string& what) {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", path, what)
        .help("start a new run, or name the checkpoint of this model");
    return false;
}

/// The first difference between the states of a checkpoint and those of the model; "" when they are
/// equal.
std::string difference(const Json& list, const StateStore& states) {
    for (ir::StateId id = 0; id < states.saved_count(); ++id) {
        const std::string name = states.state(id).name, type = ir::to_string(states.state(id).type);
        if (static_cast<size_t>(id) >= list.size()) return fmt::format("has no state `{}`", name);
        const Json& entry = list.at(static_cast<size_t>(id));
        const std::string &there = entry.at("name").text(), &its_type = entry.at("type").text();
        if (there != name || its_type != type)
            return fmt::format("is of another model: it has `{}`: {} where the model has `{}`: {}",
                               there, its_type, name, type);
    }
    if (list.size() > static_cast<size_t>(states.saved_count()))
        return "is of another model: it has more states";
    return "";
}

/// A checkpoint's JSON, and the memory of its states as a part of the text.
struct Content {
    Json head;
    std::string_view memory;
};

/// Splits the text of a checkpoint of any model, and checks its version and checksum.
Result<Content> take_apart(const std::string& path, std::string_view all,
                           Diagnostics& diagnostics) {
    const auto fail = [&](const char* what) {
        bad(diagnostics, path, what);
        return Failure{};
    };
    if (!all.starts_with("gmc-checkpoint ")) return fail("is no checkpoint of gmc");
    if (!all.starts_with(kMagic))
        return fail(std::atoi(all.data() + all.find(' ')) > kVersion
                        ? "is a checkpoint of a newer version of gmc"
                        : "is a checkpoint of an older version of gmc");
    if (all.size() < kTrailerBytes + sizeof kMagic ||
        fmt::format("{:08x}\n", crc_of(all.substr(0, all.size() - kTrailerBytes))) !=
            all.substr(all.size() - kTrailerBytes))
        return fail("was cut off or changed: its checksum does not fit");
    all.remove_suffix(kTrailerBytes);
    const size_t line = all.find('\n');
    const size_t json_bytes = std::strtoull(all.data() + sizeof kMagic - 1, nullptr, 10);
    if (line == std::string_view::npos || json_bytes > all.size() - line - 1)
        return fail("is broken");
    std::optional<Json> head = Json::parse(all.substr(line + 1, json_bytes));
    if (!head || !head->is_object()) return fail("is broken: its head is no JSON object");
    return Content{std::move(*head), all.substr(line + 1 + json_bytes)};
}

/// A whole number of at least 0. Throws std::exception for anything else.
int64_t count_in(const Json& json, const char* key) {
    const Json& number = json.at(key);
    if (!number.is_whole() || number.number() < 0 || number.number() > kMost)
        throw std::runtime_error(fmt::format("`{}` is {}", key, number.dump()));
    return number.whole();
}

TrainingState read_training(const Json& head) {
    TrainingState read;
    read.seed = head.at("seed").natural();
    read.step = count_in(head, "step");
    read.call = static_cast<uint32_t>(count_in(head, "call"));
    read.pass = count_in(head, "pass");
    read.example = count_in(head, "example");
    read.epoch = head.at("epoch").number();
    if (!std::isfinite(read.epoch)) throw std::runtime_error("`epoch` is not finite");
    read.rate = head.at("rate").number();
    read.retries = count_in(head, "retries");
    for (const auto& [key, watched] :
         {std::pair("best", &read.best), std::pair("stopping", &read.stopping)})
        if (head.contains(key))
            *watched = {head.at(key).at("value").number(), count_in(head.at(key), "since")};
    return read;
}

/// Takes the batches of a replay off `memory`, which then has the states alone.
std::vector<ReplayBatch> read_batches(const Json& head, std::string_view& memory,
                                      size_t state_bytes) {
    std::vector<ReplayBatch> batches;
    if (!head.contains("batches") || memory.size() < state_bytes) return batches;
    std::string_view rest = memory.substr(state_bytes);
    memory = memory.substr(0, state_bytes);
    for (const Json& entry : head.at("batches").elements()) {
        ReplayBatch& batch = batches.emplace_back();
        batch.epoch = entry.at("epoch").number();
        for (const Json& field : entry.at("fields").elements()) {
            const auto count = static_cast<size_t>(count_in(field, "floats"));
            if (count > rest.size() / sizeof(float)) throw std::runtime_error("a batch is cut off");
            std::vector<float> numbers(count);
            std::memcpy(numbers.data(), rest.data(), count * sizeof(float));
            rest.remove_prefix(count * sizeof(float));
            batch.fields.emplace_back(field.at("name").text(), std::move(numbers));
        }
    }
    return batches;
}

bool is_weight(std::string_view role) {
    return role == ir::state_role_name(ir::StateRole::kParameter) ||
           role == ir::state_role_name(ir::StateRole::kStatistic);
}

}  // namespace

bool write_checkpoint(const std::string& path, const StateStore& states,
                      const TrainingState& training, Diagnostics& diagnostics,
                      const std::vector<ReplayBatch>& batches) {
    Json json = describe(states, training);
    if (!batches.empty()) json["batches"] = describe(batches);
    const std::string text = json.dump() + "\n";
    const std::string head = fmt::format("{}{}\n{}", kMagic, text.size(), text);
    std::vector<std::string_view> parts = {head, memory_of(states)};
    for (const ReplayBatch& batch : batches)
        for (const auto& [name, numbers] : batch.fields)
            parts.emplace_back(reinterpret_cast<const char*>(numbers.data()),
                               numbers.size() * sizeof(float));
    auto file = AtomicFile::create(path, diagnostics);
    uint32_t crc = 0;
    for (const std::string_view part : parts) {
        if (!file.ok() || !file->write(part, diagnostics)) return false;
        crc = crc_of(part, crc);
    }
    return file->write(fmt::format("{:08x}\n", crc), diagnostics) && file->commit(diagnostics);
}

bool read_checkpoint(const std::string& path, StateStore& states, TrainingState& training,
                     Diagnostics& diagnostics, std::vector<ReplayBatch>* batches) {
    const auto bytes = read_whole_file(path, kLargestFile, diagnostics);
    if (!bytes.ok()) return false;
    auto content = take_apart(path, *bytes, diagnostics);
    if (!content.ok()) return false;
    try {
        const std::string why = difference(content->head.at("states"), states);
        if (!why.empty()) return bad(diagnostics, path, why);
        auto found =
            read_batches(content->head, content->memory, static_cast<size_t>(states.bytes()));
        if (content->memory.size() != static_cast<size_t>(states.bytes()))
            return bad(diagnostics, path, "has states of another size");
        training = read_training(content->head);
        if (batches != nullptr) *batches = std::move(found);
    } catch (const std::exception& e) {
        return bad(diagnostics, path, fmt::format("is broken: {}", e.what()));
    }
    std::memcpy(states.bytes_begin(), content->memory.data(), content->memory.size());
    states.refresh_copies();
    return true;
}

Result<TakenWeights> take_weights(const std::string& path, StateStore& states,
                                  Diagnostics& diagnostics) {
    const auto bytes = read_whole_file(path, kLargestFile, diagnostics);
    if (!bytes.ok()) return Failure{};
    const auto content = take_apart(path, *bytes, diagnostics);
    if (!content.ok()) return Failure{};
    TakenWeights taken;
    try {
        std::map<std::string, const Json*> there;
        for (const Json& entry : content->head.at("states").elements())
            if (is_weight(entry.at("role").text())) there[entry.at("name").text()] = &entry;
        for (ir::StateId id = 0; id < states.saved_count(); ++id) {
            const ir::State& state = states.state(id);
            if (!is_weight(ir::state_role_name(state.role))) continue;
            const auto found = there.find(state.name);
            if (found == there.end()) {
                taken.fresh.push_back(state.name);
                continue;
            }
            const std::string type = found->second->at("type").text(),
                              wanted = ir::to_string(state.type);
            const auto offset = static_cast<size_t>(count_in(*found->second, "offset"));
            const auto size = static_cast<size_t>(state.type.bytes());
            there.erase(found);
            if (type != wanted) {
                taken.skipped.push_back(
                    fmt::format("{}: {} there, {} here", state.name, type, wanted));
                continue;
            }
            if (offset > content->memory.size() || size > content->memory.size() - offset)
                throw std::runtime_error("a state lies outside of it");
            std::memcpy(states.data(id), content->memory.data() + offset, size);
            taken.taken.push_back(state.name);
        }
        for (const auto& [name, entry] : there)
            taken.skipped.push_back(fmt::format("{}: not in this model", name));
    } catch (const std::exception& e) {
        bad(diagnostics, path, fmt::format("is broken: {}", e.what()));
        return Failure{};
    }
    states.refresh_copies();
    return taken;
}

}  // namespace gmc::runtime

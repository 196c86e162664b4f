// Reading and writing of checkpoints.
#include "runtime/train/checkpoint.h"

#include <zlib.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "runtime/files/atomic_file.h"

namespace gmc::runtime {
namespace {

constexpr char kMagic[] = "gmc-checkpoint 1 ";
constexpr size_t kTrailerBytes = 9;
constexpr uint64_t kLargestFile = uint64_t{64} << 30;

uint32_t crc_of(std::string_view bytes, uint32_t start = 0) {
    return static_cast<uint32_t>(
        crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string_view memory_of(const StateStore& states) {
    return {reinterpret_cast<const char*>(states.bytes_begin()),
            static_cast<size_t>(states.bytes())};
}

nlohmann::json describe(const StateStore& states, const TrainingState& training) {
    nlohmann::json list = nlohmann::json::array();
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        list.push_back(
            {{"name", states.state(id).name}, {"type", ir::to_string(states.state(id).type)}});
    return {{"model", states.module().name},  {"seed", training.seed},
            {"step", training.step},          {"call", training.call},
            {"epoch", training.cursor.epoch}, {"batch", training.cursor.batch},
            {"passes", training.epoch},       {"states", list}};
}

bool bad(Diagnostics& diagnostics, const std::string& path, const std::string& what) {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` {}", path, what)
        .help("start a new run, or name the checkpoint of this model");
    return false;
}

/// The first difference between the states of a checkpoint and the model's; "" when they fit.
std::string difference(const nlohmann::json& list, const StateStore& states) {
    for (ir::StateId id = 0; id < states.saved_count(); ++id) {
        const std::string name = states.state(id).name, type = ir::to_string(states.state(id).type);
        if (static_cast<size_t>(id) >= list.size()) return fmt::format("has no state `{}`", name);
        const auto& entry = list[id];
        if (entry.at("name") != name || entry.at("type") != type)
            return fmt::format("is of another model: it has `{}`: {} where the model has `{}`: {}",
                               entry.at("name").get<std::string>(),
                               entry.at("type").get<std::string>(), name, type);
    }
    if (list.size() > static_cast<size_t>(states.saved_count()))
        return "is of another model: it has more states";
    return "";
}

}  // namespace

bool write_checkpoint(const std::string& path, const StateStore& states,
                      const TrainingState& training, Diagnostics& diagnostics) {
    const std::string json = describe(states, training).dump() + "\n";
    const std::string head = fmt::format("{}{}\n{}", kMagic, json.size(), json);
    const uint32_t crc = crc_of(memory_of(states), crc_of(head));
    auto file = AtomicFile::create(path, diagnostics);
    return file.ok() && file->write(head, diagnostics) &&
           file->write(memory_of(states), diagnostics) &&
           file->write(fmt::format("{:08x}\n", crc), diagnostics) && file->commit(diagnostics);
}

bool read_checkpoint(const std::string& path, StateStore& states, TrainingState& training,
                     Diagnostics& diagnostics) {
    const auto bytes = read_whole_file(path, kLargestFile, diagnostics);
    if (!bytes.ok()) return false;
    const std::string_view all = *bytes;
    if (!all.starts_with("gmc-checkpoint "))
        return bad(diagnostics, path, "is no checkpoint of gmc");
    if (!all.starts_with(kMagic))
        return bad(diagnostics, path, "is a checkpoint of a newer version of gmc");
    if (all.size() < kTrailerBytes + sizeof kMagic ||
        fmt::format("{:08x}\n", crc_of(all.substr(0, all.size() - kTrailerBytes))) !=
            all.substr(all.size() - kTrailerBytes))
        return bad(diagnostics, path, "was cut off or changed: its checksum does not fit");
    // From here on the content is what write_checkpoint wrote, but maybe for another model.
    const size_t line = all.find('\n');
    const size_t json_bytes = std::strtoull(all.data() + sizeof kMagic - 1, nullptr, 10);
    if (line == std::string_view::npos || json_bytes > all.size() - line - 1)
        return bad(diagnostics, path, "is broken");
    try {
        const auto json = nlohmann::json::parse(all.substr(line + 1, json_bytes));
        const std::string why = difference(json.at("states"), states);
        if (!why.empty()) return bad(diagnostics, path, why);
        const std::string_view memory =
            all.substr(line + 1 + json_bytes, all.size() - line - 1 - json_bytes - kTrailerBytes);
        if (memory.size() != static_cast<size_t>(states.bytes()))
            return bad(diagnostics, path, "has states of another size");
        training.seed = json.at("seed");
        training.step = json.at("step");
        training.call = json.at("call");
        training.cursor = {json.at("epoch"), json.at("batch")};
        training.epoch = json.value("passes", static_cast<double>(training.cursor.epoch));
        std::memcpy(states.bytes_begin(), memory.data(), memory.size());
        states.refresh_copies();
    } catch (const nlohmann::json::exception& e) {
        return bad(diagnostics, path, fmt::format("is broken: {}", e.what()));
    }
    return true;
}

}  // namespace gmc::runtime

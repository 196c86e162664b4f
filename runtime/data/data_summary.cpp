// Looks at a sample of the examples and says in a line what was read.
#include "runtime/data/data_summary.h"

#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>
#include <utility>

namespace gmc::runtime {
namespace {

/// Calls `visit` with some of the first `count` examples: up to 1000 from memory, or 16 that have
/// to be read or decoded: enough to show a wrong range or shape, and little enough to cost no time.
/// False where one of them could not be read.
template <typename Visit>
bool visit_some(const Field& field, int64_t count, bool in_memory, const Visit& visit) {
    const int64_t most = std::min<int64_t>(count, in_memory ? 1000 : 16);
    std::vector<float> example(static_cast<size_t>(field.elements()));
    bool all = true;
    for (int64_t i = 0; i < most; ++i) {
        try {
            field.read(i * count / most, example.data());
        } catch (const DataError&) {
            all = false;
            continue;
        }
        visit(example);
    }
    return all;
}

FieldSummary summarise(const Field& field) {
    FieldSummary summary{field.name(), field.shape(), field.class_count(), {}, 0, false};
    if (summary.classes > 0 && summary.shape.empty()) return summary;
    summary.classes = 0;  // a field with a shape is no label, whatever it says of classes
    std::vector<float> first;
    bool equal = true;
    visit_some(field, field.count(), field.in_memory(), [&](const std::vector<float>& example) {
        if (first.empty()) first = example;
        equal = equal && example == first;
        const auto [low, high] = std::minmax_element(example.begin(), example.end());
        summary.values = {summary.values ? std::min(summary.values->low, *low) : *low,
                          summary.values ? std::max(summary.values->high, *high) : *high};
        ++summary.looked_at;
    });
    summary.all_equal = equal && summary.looked_at > 1;
    return summary;
}

}  // namespace

DataSummary summarise(const Dataset& dataset) {
    DataSummary summary{dataset.count(), {}};
    for (const FieldPtr& field : dataset.fields()) summary.fields.push_back(summarise(*field));
    return summary;
}

namespace {

/// Examples whose values are known by name.
constexpr size_t kKnownInMemory = 64, kKnownElsewhere = 16;
/// Among so many of the first examples; more would cost time at each start.
constexpr int64_t kNamesMost = 16384;

uint32_t checksum_of(const void* bytes, size_t size, uint32_t before = 0) {
    return static_cast<uint32_t>(crc32_z(before, static_cast<const Bytef*>(bytes), size));
}

/// The examples with the smallest keys, which are mostly the same ones when there are more.
std::vector<std::pair<uint32_t, int64_t>> known_examples(const Dataset& dataset) {
    const Field& field = *dataset.fields().front();
    std::vector<std::pair<uint32_t, int64_t>> keys;
    for (int64_t i = 0; i < std::min(dataset.count(), kNamesMost); ++i) {
        const std::string name = field.name_of(i);
        keys.emplace_back(checksum_of(name.data(), name.size()), i);
    }
    const size_t count =
        std::min(keys.size(), field.in_memory() ? kKnownInMemory : kKnownElsewhere);
    std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count), keys.end());
    keys.resize(count);
    return keys;
}

/// False where it cannot be read.
bool add_known(const Dataset& dataset, uint32_t key, int64_t index, std::string& out) {
    uint32_t checksum = 0;
    for (const FieldPtr& field : dataset.fields()) {
        std::vector<float> example(static_cast<size_t>(field->elements()));
        try {
            field->read(index, example.data());
        } catch (const DataError&) {
            return false;
        }
        checksum = checksum_of(example.data(), example.size() * sizeof(float), checksum);
    }
    out += fmt::format(" {:08x}={:08x}", key, checksum);
    return true;
}

/// A fingerprint in its parts.
struct Parts {
    std::string whole;  ///< count and checksum
    int64_t count = 0;
    std::multimap<std::string, std::string> known;

    explicit Parts(const std::string& fingerprint) {
        std::istringstream in(fingerprint);
        in >> whole;
        count = std::strtoll(whole.c_str(), nullptr, 10);
        for (std::string pair; in >> pair;)
            known.emplace(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
    }
};

}  // namespace

namespace {

/// Count and checksum of the first `count` examples; "" where one cannot be read. Where they are
/// looked at as if they lay `elsewhere` than they do, in memory or not, the checksum is another.
std::string whole_of(const Dataset& dataset, int64_t count, bool elsewhere = false) {
    uint32_t checksum = 0;
    bool all = true;
    for (const FieldPtr& field : dataset.fields())
        all &= visit_some(
            *field, count, field->in_memory() != elsewhere, [&](const std::vector<float>& example) {
                checksum = checksum_of(example.data(), example.size() * sizeof(float), checksum);
            });
    return all ? fmt::format("{}-{:08x}", count, checksum) : "";
}

}  // namespace

std::string fingerprint(const Dataset& dataset) {
    std::string out = whole_of(dataset, dataset.count());
    bool all = !out.empty();
    for (const auto& [key, index] : known_examples(dataset))
        all = all && add_known(dataset, key, index, out);
    return all ? out : "";
}

/// Data that outgrow the memory are read from their file, and were looked at otherwise before.
bool begins_with(const Dataset& dataset, const std::string& then) {
    const Parts before(then);
    const auto is_number = [&](int64_t i) {
        return dataset.fields().front()->name_of(i) == std::to_string(i);
    };
    if (then.empty() || before.count < 1 || before.count >= dataset.count()) return true;
    if (!is_number(0) || !is_number(before.count - 1)) return true;
    for (const bool elsewhere : {false, true}) {
        const std::string now = whole_of(dataset, before.count, elsewhere);
        if (now.empty() || now == before.whole) return true;
    }
    return false;
}

/// Two names may have the same key, which then tells nothing.
bool may_be_same_data(const std::string& then, const std::string& now) {
    if (then.empty() || now.empty()) return true;
    const Parts before(then), after(now);
    if (before.count == after.count) return before.whole == after.whole;
    return std::none_of(before.known.begin(), before.known.end(), [&](const auto& example) {
        const auto found = after.known.find(example.first);
        return before.known.count(example.first) == 1 && after.known.count(example.first) == 1 &&
               found->second != example.second;
    });
}

std::string to_text(const DataSummary& summary) {
    std::string text =
        fmt::format("{} example{}", summary.examples, summary.examples == 1 ? "" : "s");
    for (const FieldSummary& field : summary.fields) {
        text += "; " + field.name;
        if (!field.shape.empty()) text += fmt::format(" [{}]", fmt::join(field.shape, ", "));
        if (field.classes > 0) text += fmt::format(" of {} classes", field.classes);
        if (field.values)
            text += fmt::format(" from {:.4g} to {:.4g}", field.values->low, field.values->high);
        if (field.values && field.looked_at < summary.examples)
            text += fmt::format(" (in {} of them)", field.looked_at);
    }
    return text;
}

}  // namespace gmc::runtime

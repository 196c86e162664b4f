// Looks at a sample of the examples and says in a line what was read.
#include "runtime/data/data_summary.h"

#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>

namespace gmc::runtime {
namespace {

/// Calls `visit` with up to 1000 examples from memory, or 16 that have to be read or decoded:
/// enough to show a wrong range or shape, and little enough to cost no time.
/// False where one of them could not be read.
template <typename Visit>
bool visit_some(const Field& field, const Visit& visit) {
    const int64_t most = std::min<int64_t>(field.count(), field.in_memory() ? 1000 : 16);
    std::vector<float> example(static_cast<size_t>(field.elements()));
    bool all = true;
    for (int64_t i = 0; i < most; ++i) {
        try {
            field.read(i * field.count() / most, example.data());
        } catch (const DataError&) {
            all = false;
            continue;
        }
        visit(example);
    }
    return all;
}

FieldSummary summarise(const Field& field) {
    FieldSummary summary{field.name(), field.shape(), field.class_count(), {}, 0};
    if (summary.classes > 0 && summary.shape.empty()) return summary;
    summary.classes = 0;  // a field with a shape is no label, whatever it says of classes
    visit_some(field, [&](const std::vector<float>& example) {
        const auto [low, high] = std::minmax_element(example.begin(), example.end());
        summary.values = {summary.values ? std::min(summary.values->low, *low) : *low,
                          summary.values ? std::max(summary.values->high, *high) : *high};
        ++summary.looked_at;
    });
    return summary;
}

}  // namespace

DataSummary summarise(const Dataset& dataset) {
    DataSummary summary{dataset.count(), {}};
    for (const FieldPtr& field : dataset.fields()) summary.fields.push_back(summarise(*field));
    return summary;
}

std::string fingerprint(const Dataset& dataset) {
    uLong checksum = crc32(0, nullptr, 0);
    bool all = true;
    for (const FieldPtr& field : dataset.fields())
        all &= visit_some(*field, [&](const std::vector<float>& example) {
            checksum = crc32_z(checksum, reinterpret_cast<const Bytef*>(example.data()),
                               example.size() * sizeof(float));
        });
    return !all ? "" : fmt::format("{}-{:08x}", dataset.count(), checksum);
}

int64_t examples_of_fingerprint(const std::string& fingerprint) {
    return std::strtoll(fingerprint.c_str(), nullptr, 10);
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

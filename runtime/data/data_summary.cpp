// Looks at a sample of the examples and says in a line what was read.
#include "runtime/data/data_summary.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/support/wording.h"
#include "runtime/data/some_examples.h"

namespace gmc::runtime {
namespace {

/// One example of the part `i` of `most` equal ones, the same in every run, but as if drawn by lot:
/// at equal distances all would be of one kind in data that go through their kinds in turn. Of the
/// first part it is the first one.
int64_t drawn_of_part(int64_t i, int64_t most, int64_t count) {
    if (i == 0) return 0;
    const int64_t begin = i * count / most;
    const int64_t size = (i + 1) * count / most - begin;
    uint64_t lot = (static_cast<uint64_t>(i) + 1) * 0x9e3779b97f4a7c15U;  // SplitMix64
    lot = (lot ^ (lot >> 30)) * 0xbf58476d1ce4e5b9U;
    lot = (lot ^ (lot >> 27)) * 0x94d049bb133111ebU;
    return begin + static_cast<int64_t>((lot ^ (lot >> 31)) % static_cast<uint64_t>(size));
}

FieldSummary summarise(const Field& field) {
    const int64_t count = field.own_count().value_or(field.count());
    FieldSummary summary{field.name(), field.shape(), field.class_count(), {}, 0, count, false};
    if (summary.classes > 0 && summary.shape.empty()) return summary;
    summary.classes = 0;  // a field with a shape is no label, whatever it says of classes
    std::vector<float> first;
    bool equal = true;
    const auto look_at = [&](const std::vector<float>& example) {
        if (first.empty()) first = example;
        equal = equal && example == first;
        const auto [low, high] = std::minmax_element(example.begin(), example.end());
        summary.values = {summary.values ? std::min(summary.values->low, *low) : *low,
                          summary.values ? std::max(summary.values->high, *high) : *high};
        ++summary.looked_at;
    };
    visit_some(field, count, looked_at(count, field.can_be_in_memory()), drawn_of_part, look_at);
    summary.all_equal = equal && summary.looked_at > 1;
    return summary;
}

}  // namespace

DataSummary summarise(const Dataset& dataset) {
    DataSummary summary{dataset.count(), {}};
    for (const FieldPtr& field : dataset.fields()) summary.fields.push_back(summarise(*field));
    return summary;
}

std::string to_text(const DataSummary& summary) {
    std::string text =
        fmt::format("{} example{}", summary.examples, summary.examples == 1 ? "" : "s");
    for (const FieldSummary& field : summary.fields) {
        text += "; " + field.name;
        if (!field.shape.empty()) text += fmt::format(" [{}]", fmt::join(field.shape, ", "));
        if (field.classes > 0) text += fmt::format(" of {} classes", field.classes);
        if (field.examples != summary.examples)
            text += fmt::format(" of {} in their own order", counted(field.examples, "example"));
        if (field.values)
            text += fmt::format(" from {:.4g} to {:.4g}", field.values->low, field.values->high);
        if (field.values && field.looked_at < field.examples)
            text += fmt::format(" (in a sample of {})", field.looked_at);
    }
    return text;
}

}  // namespace gmc::runtime

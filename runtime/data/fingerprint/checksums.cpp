// Goes through data for the checksums of their fingerprint.
#include "runtime/data/fingerprint/checksums.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/support/stop_work.h"
#include "runtime/data/some_examples.h"

namespace gmc::runtime {
namespace {

/// Examples whose values are known by name; fewer of what has to be decoded.
constexpr size_t kKnownOfValues = 64, kKnownElsewhere = 16;
/// Among so many of the first examples; more would cost time at each start.
constexpr int64_t kNamesMost = 16384;
/// Values of what can be in memory that are looked at, 64 MiB of them.
constexpr int64_t kValuesMost = 1 << 24;
/// Parts of the data, at whose ends there is a checksum of all values so far.
constexpr int64_t kMarks = 64;

/// Example `i` of `most` at equal distances. Recorded fingerprints are made of these.
int64_t at_equal_distance(int64_t i, int64_t most, int64_t count) { return i * count / most; }

/// How many examples of a field that can be in memory are looked at; 0: not even one in whole.
int64_t most_of_values(const Field& field) {
    return kValuesMost / std::max<int64_t>(field.elements(), 1);
}

/// The checksums of the files in the order of their examples; false where one cannot be read.
bool add_files(std::vector<KnownFile> files, FieldChecksums& checksums) {
    std::sort(files.begin(), files.end(),
              [](const KnownFile& a, const KnownFile& b) { return a.example < b.example; });
    for (const KnownFile& file : files) checksums.add(&file.checksum, sizeof file.checksum);
    return std::all_of(files.begin(), files.end(),
                       [](const KnownFile& file) { return file.is_read; });
}

/// All values of what can be in memory, up to kValuesMost of them, evenly spread over the examples.
/// There are marks where that is all of them.
bool add_values(const Field& field, int64_t count, FieldChecksums& checksums, Marks& marks) {
    std::vector<float> example(static_cast<size_t>(field.elements()));
    const int64_t most = std::min(count, std::max<int64_t>(most_of_values(field), 1));
    if (most < count) marks.clear();
    try {
        for (int64_t i = 0; i < most; ++i) {
            check_work_stop();
            field.read(at_equal_distance(i, most, count), example.data());
            checksums.add(example.data(), example.size() * sizeof(float));
            if (const auto mark = marks.find(i + 1); mark != marks.end()) {
                const uint32_t so_far = checksums.of_field();
                mark->second = checksum_of(&so_far, sizeof so_far, mark->second);
            }
        }
    } catch (const DataError&) {
        return false;
    }
    return true;
}

}  // namespace

std::vector<std::pair<uint32_t, int64_t>> known_examples(const Dataset& dataset) {
    const Field& field = *dataset.fields().front();
    std::vector<std::pair<uint32_t, int64_t>> keys;
    for (int64_t i = 0; i < std::min(dataset.count(), kNamesMost); ++i) {
        const std::string name = field.name_of(i);
        keys.emplace_back(checksum_of(name.data(), name.size()), i);
    }
    const size_t count =
        std::min(keys.size(), field.can_be_in_memory() ? kKnownOfValues : kKnownElsewhere);
    std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count), keys.end());
    keys.resize(count);
    return keys;
}

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

bool is_looked_at_so(const Dataset& dataset, size_t field, const AsInMemory& as_in_memory) {
    return as_in_memory.empty() ? dataset.fields()[field]->can_be_in_memory() : as_in_memory[field];
}

std::string whole_of(const Dataset& dataset, int64_t count, FieldChecksums& checksums,
                     const AsInMemory& as_in_memory) {
    bool all = true;
    for (size_t i = 0; i < dataset.fields().size(); ++i) {
        const int64_t most = looked_at(count, is_looked_at_so(dataset, i, as_in_memory));
        all &= visit_some(*dataset.fields()[i], count, most, at_equal_distance,
                          [&](const std::vector<float>& example) {
                              checksums.add(example.data(), example.size() * sizeof(float));
                          });
        checksums.end_field();
    }
    return all ? fmt::format("{}-{:08x}", count, checksums.all()) : "";
}

Marks marks_of(int64_t count) {
    Marks marks;
    for (int64_t i = 1; i < kMarks; ++i)
        if (const int64_t end = at_equal_distance(i, kMarks, count); end > 0) marks[end] = 0;
    return marks;
}

std::string further_of(const Dataset& dataset, int64_t count, FieldChecksums& checksums,
                       std::vector<KnownFile>* known, Marks& marks,
                       const AsInMemory& as_in_memory) {
    std::string what;
    for (size_t i = 0; i < dataset.fields().size(); ++i) {
        const FieldPtr& field = dataset.fields()[i];
        std::vector<KnownFile> files = files_of(*field, count);
        what += !files.empty() ? 'f' : is_looked_at_so(dataset, i, as_in_memory) ? 'v' : 'n';
        if (what.back() != 'v') marks.clear();
        if (what.back() == 'f' && !add_files(files, checksums)) return "";
        if (what.back() == 'v' && !add_values(*field, count, checksums, marks)) return "";
        checksums.end_field();
        if (known != nullptr && known->empty()) *known = std::move(files);
    }
    return fmt::format("{}:{:08x}", what, checksums.all());
}

bool all_are_looked_at(const Field& field, int64_t count) {
    return field.can_be_in_memory() && count <= most_of_values(field);
}

std::string all_of_own(const Field& field, bool as_in_memory) {
    const int64_t count = *field.own_count();
    FieldChecksums checksums;
    bool all = visit_some(field, count, looked_at(count, as_in_memory), at_equal_distance,
                          [&](const std::vector<float>& example) {
                              checksums.add(example.data(), example.size() * sizeof(float));
                          });
    std::vector<KnownFile> files = files_of(field, count);
    Marks none;
    if (!files.empty())
        all = all && add_files(std::move(files), checksums);
    else if (as_in_memory)
        all = all && add_values(field, count, checksums, none);
    checksums.end_field();
    return all ? fmt::format("{}+{}-{:08x}", field.name(), count, checksums.all()) : "";
}

}  // namespace gmc::runtime

// Compares data with an earlier fingerprint.
#include "runtime/data/fingerprint/data_changes.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "compiler/support/wording.h"
#include "runtime/data/fingerprint/checksums.h"
#include "runtime/data/fingerprint/fingerprint.h"
#include "runtime/data/fingerprint/fingerprint_parts.h"

namespace gmc::runtime {

/// Whether examples 0 to `count` - 1 are called by their numbers.
static bool have_numbers(const Dataset& dataset, int64_t count) {
    const auto is_number = [&](int64_t i) {
        return dataset.fields().front()->name_of(i) == std::to_string(i);
    };
    return is_number(0) && is_number(count - 1);
}

/// The last mark within the examples of `dataset`; 0: there is none.
static int64_t last_mark(const FingerprintParts& before, const Dataset& dataset) {
    const auto behind = before.marks.upper_bound(dataset.count());
    return behind == before.marks.begin() ? 0 : std::prev(behind)->first;
}

/// Whether the examples up to the last mark are those of before. What cannot be read, or lies
/// elsewhere now, is not compared.
static bool fit_marks(const Dataset& dataset, const FingerprintParts& before) {
    const int64_t end = last_mark(before, dataset);
    if (end == 0) return true;
    Marks marks{{end, 0}};
    FieldChecksums checksums;
    return further_of(dataset, end, checksums, nullptr, marks).empty() || marks.empty() ||
           fmt::format("{:08x}", marks.at(end)) == before.marks.at(end);
}

/// The ways in which the data may have been looked at for an earlier fingerprint. Of files it does
/// not say whether they were in memory, and the oldest ones say nothing.
static std::vector<AsInMemory> ways_of(const Dataset& dataset, const FingerprintParts& before) {
    AsInMemory usual, other;
    for (size_t i = 0; i < dataset.fields().size(); ++i) {
        const char what = i < before.what.size() ? before.what[i] : '?';
        const bool can_be = dataset.fields()[i]->can_be_in_memory();
        usual.push_back(what == 'v' || (what != 'n' && can_be));
        other.push_back(what == 'v' || (what == '?' && !can_be));
    }
    if (usual == other) return {usual};
    return {usual, other};
}

std::string fingerprint_as(const Dataset& dataset, const std::string& then, std::string now) {
    const FingerprintParts before(then);
    if (then.empty() || now.empty() || before.count != dataset.count()) return now;
    if (!before.is_of_another_kind(FingerprintParts(now)) && may_be_same_data(then, now))
        return now;
    for (const AsInMemory& way : ways_of(dataset, before)) {
        std::string other = fingerprint_of(dataset, way);
        if (may_be_same_data(then, other)) return other;
        if (before.is_of_another_kind(FingerprintParts(now))) now = std::move(other);
    }
    return now;
}

/// Data that outgrow 256 MB are read from their file, and were looked at otherwise before.
bool begins_with(const Dataset& dataset, const std::string& then) {
    const FingerprintParts before(then);
    if (then.empty() || before.count < 1 || before.count == dataset.count()) return true;
    if (!have_numbers(dataset, std::min(before.count, dataset.count()))) return true;
    if (before.count > dataset.count()) return fit_marks(dataset, before);
    for (const AsInMemory& way : ways_of(dataset, before)) {
        FieldChecksums of_some, of_more;
        Marks none;
        const std::string now = whole_of(dataset, before.count, of_some, way);
        if (now.empty()) return true;
        if (now != before.whole) continue;
        const std::string further = further_of(dataset, before.count, of_more, nullptr, none, way);
        return further.empty() || before.has_same_further(FingerprintParts(now + " " + further));
    }
    return false;
}

std::string why_not_compared(const Dataset& dataset, const std::string& then) {
    const FingerprintParts before(then);
    const int64_t both = std::min(before.count, dataset.count());
    if (then.empty() || both < 1 || before.count == dataset.count()) return "";
    bool all = have_numbers(dataset, both);
    for (const FieldPtr& field : dataset.fields()) all &= all_are_looked_at(*field, both);
    if (before.count < dataset.count())
        all &= !before.what.empty() && before.what.find_first_not_of('v') == std::string::npos;
    const int64_t end = before.count > dataset.count() && all ? last_mark(before, dataset) : 0;
    if (all && (before.count < dataset.count() || end == both)) return "";
    const auto files = static_cast<size_t>(
        std::count_if(before.known.begin(), before.known.end(),
                      [](const auto& known) { return known.first.ends_with("~"); }));
    if (files >= static_cast<size_t>(before.count)) return "";  // each is known by its name
    if (end > 0)
        return fmt::format(
            "the first {} examples of the data are those that the run had; of the {} behind them "
            "that cannot be told",
            end, both - end);
    return "whether all examples that the run had before, too, are the same cannot be told: only "
           "some were compared";
}

/// Whether something that both know is another. Two names may have the same key, which then tells
/// nothing.
static bool know_others(const FingerprintParts& before, const FingerprintParts& after) {
    return std::any_of(before.known.begin(), before.known.end(), [&](const auto& example) {
        const auto found = after.known.find(example.first);
        return before.known.count(example.first) == 1 && after.known.count(example.first) == 1 &&
               found->second != example.second;
    });
}

bool has_other_examples(const Dataset& dataset, const std::string& then) {
    if (then.empty()) return false;
    std::string now = fmt::format("{}", dataset.count());
    for (const auto& [key, index] : known_examples(dataset))
        (void)add_known(dataset, key, index, now);
    return know_others(FingerprintParts(then), FingerprintParts(now));
}

bool may_be_same_data(const std::string& then, const std::string& now) {
    if (then.empty() || now.empty()) return true;
    const FingerprintParts before(then), after(now);
    if (before.count == after.count && before.is_of_another_kind(after))
        return !know_others(before, after);
    if (before.count == after.count)
        return before.whole == after.whole && before.has_same_further(after) &&
               before.has_same_own(after);
    return before.has_same_own(after) && !know_others(before, after);
}

std::string how_they_changed(const std::string& then, const std::string& now, bool are_others,
                             const std::vector<ir::DataField>& declared) {
    const FingerprintParts before(then), after(now);
    const bool other_count = before.count != after.count;
    std::vector<std::string> names;
    for (const ir::DataField& field : declared) {
        const auto had = before.fields.find(field.name), has = after.fields.find(field.name);
        const bool is_known = had != before.fields.end() && has != after.fields.end();
        const auto own_had = before.own.find(field.name), own_has = after.own.find(field.name);
        const bool other_own = own_had != before.own.end() && own_has != after.own.end() &&
                               own_had->second != own_has->second;
        if (!other_own && !other_count && is_known && had->second == has->second) continue;
        const bool is_file = field.format != "synthetic" && field.format != "labels";
        names.push_back(is_file ? fmt::format("`{}` (field `{}`)", field.source, field.name)
                                : fmt::format("field `{}`", field.name));
    }
    std::string what = "other values";
    if (other_count) what = fmt::format("{} examples then, {} now", before.count, after.count);
    if (other_count && are_others) what += ", and other values in some that both have";
    return fmt::format("{} {} changed since the run began: {}",
                       names.empty() ? "the data" : fmt::format("{}", fmt::join(names, ", ")),
                       names.size() == 1 ? "has" : "have", what);
}

std::string how_they_changed(const std::string& then, const Dataset& now,
                             const std::vector<ir::DataField>& declared) {
    const std::string here = then.empty() ? "" : fingerprint_as(now, then, fingerprint(now));
    if (here.empty()) return "";
    const bool are_others = !may_be_same_data(then, here) || !begins_with(now, then);
    if (!are_others && FingerprintParts(then).count == now.count()) return "";
    return how_they_changed(then, here, are_others, declared) + which_files_changed(then, now);
}

std::string which_files_changed(const std::string& then, const Dataset& now) {
    constexpr size_t kMostNamed = 3;
    const FingerprintParts before(then);
    std::vector<std::string> names, unreadable;
    for (const FieldPtr& field : now.fields()) {
        const std::vector<KnownFile> files = files_of(*field, now.count());
        for (const KnownFile& file : files) {
            const std::string key = fmt::format("{:08x}~", file.key);
            const auto had = before.known.find(key);
            if (before.known.count(key) != 1 || had->second == fmt::format("{:08x}", file.checksum))
                continue;
            std::vector<float> example(static_cast<size_t>(field->elements()));
            try {
                field->read(file.example, example.data());
                names.push_back(file.path);
            } catch (const DataError&) {
                unreadable.push_back(file.path);
            }
        }
        if (!files.empty()) break;  // names are kept of the files of one field
    }
    const auto listed = [](std::vector<std::string> all) {
        std::sort(all.begin(), all.end());
        const size_t count = all.size();
        if (count <= kMostNamed) return quoted(all);
        all.resize(kMostNamed);
        return fmt::format("`{}` and {}", fmt::join(all, "`, `"),
                           counted(count - kMostNamed, "more file"));
    };
    std::string text = names.empty() ? "" : ", in " + listed(names);
    if (!unreadable.empty()) text += fmt::format("; {} cannot be read", listed(unreadable));
    return text;
}

std::string how_they_differ(const std::string& here, const std::string& there,
                            const std::vector<ir::DataField>& declared) {
    const FingerprintParts mine(here), other(there);
    std::vector<std::string> names;
    for (const ir::DataField& field : declared) {
        const auto has = mine.fields.find(field.name), had = other.fields.find(field.name);
        if (has == mine.fields.end() || had == other.fields.end() || has->second == had->second)
            continue;
        const bool is_file = field.format != "synthetic" && field.format != "labels";
        names.push_back(
            fmt::format("`{}`{}", field.name, is_file ? fmt::format(" (`{}`)", field.source) : ""));
    }
    std::string what = fmt::format("{} examples here, {} there", mine.count, other.count);
    if (mine.count == other.count)
        what = fmt::format("{} examples here and there, but other values", mine.count);
    int64_t files = 0, differ = 0;
    for (const auto& [key, checksum] : mine.known) {
        const auto found = other.known.find(key);
        if (!key.ends_with("~") || found == other.known.end()) continue;
        ++files;
        differ += found->second != checksum ? 1 : 0;
    }
    if (differ > 0) what += fmt::format("; of {} files that both have, {} differ", files, differ);
    return fmt::format("the data{}: {}",
                       names.empty() ? "" : fmt::format(" of {}", fmt::join(names, ", ")), what);
}

}  // namespace gmc::runtime

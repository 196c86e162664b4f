// Looks at a sample of the examples and says in a line what was read.
#include "runtime/data/data_summary.h"

#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <utility>

#include "compiler/support/stop_work.h"
#include "compiler/support/wording.h"
#include "runtime/data/known_files.h"

namespace gmc::runtime {
namespace {

/// How many of `count` examples are looked at: up to 1000 from memory, or 16 that have to be read
/// or decoded: enough to show a wrong range or shape, and little enough to cost no time.
int64_t looked_at(int64_t count, bool in_memory) {
    return std::min<int64_t>(count, in_memory ? 1000 : 16);
}

/// Example `i` of `most` at equal distances. Recorded fingerprints are made of these.
int64_t at_equal_distance(int64_t i, int64_t most, int64_t count) { return i * count / most; }

/// One example of the part `i` of `most` equal ones, the same in every run, but as if drawn by lot:
/// at equal distances all would be of one kind in data that go through their kinds in turn. Of the
/// first part it is the first one.
int64_t drawn_of_part(int64_t i, int64_t most, int64_t count) {
    if (i == 0) return 0;
    const int64_t begin = at_equal_distance(i, most, count);
    const int64_t size = at_equal_distance(i + 1, most, count) - begin;
    uint64_t lot = (static_cast<uint64_t>(i) + 1) * 0x9e3779b97f4a7c15U;  // SplitMix64
    lot = (lot ^ (lot >> 30)) * 0xbf58476d1ce4e5b9U;
    lot = (lot ^ (lot >> 27)) * 0x94d049bb133111ebU;
    return begin + static_cast<int64_t>((lot ^ (lot >> 31)) % static_cast<uint64_t>(size));
}

/// Calls `visit` with `most` of the first `count` examples, those that `place` says. False where
/// one of them could not be read.
template <typename Place, typename Visit>
bool visit_some(const Field& field, int64_t count, int64_t most, const Place& place,
                const Visit& visit) {
    std::vector<float> example(static_cast<size_t>(field.elements()));
    bool all = true;
    for (int64_t i = 0; i < most; ++i) {
        try {
            field.read(place(i, most, count), example.data());
        } catch (const DataError&) {
            all = false;
            continue;
        }
        visit(example);
    }
    return all;
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
    visit_some(field, count, looked_at(count, field.in_memory()), drawn_of_part, look_at);
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
/// Files that are kept by name.
constexpr size_t kKnownFiles = 2048;
/// Values in memory that are looked at, 64 MiB of them.
constexpr int64_t kValuesMost = 1 << 24;
/// Parts of the data, at whose ends there is a checksum of all values so far.
constexpr int64_t kMarks = 64;

/// The checksum of all fields, one behind the other, and that of each alone.
class FieldChecksums {
  public:
    void add(const void* bytes, size_t size) {
        of_field_ = checksum_of(bytes, size, of_field_);
        bytes_ += static_cast<z_off_t>(size);
    }
    void end_field() {
        all_ = static_cast<uint32_t>(crc32_combine(all_, of_field_, bytes_));
        fields_.push_back(std::exchange(of_field_, 0));
        bytes_ = 0;
    }
    uint32_t all() const { return all_; }
    const std::vector<uint32_t>& fields() const { return fields_; }
    /// Of the field so far.
    uint32_t of_field() const { return of_field_; }

  private:
    uint32_t all_ = 0, of_field_ = 0;
    z_off_t bytes_ = 0;
    std::vector<uint32_t> fields_;
};

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
    std::string what, more;                     ///< further_of(): what it covers, and the checksum
    std::map<std::string, std::string> fields;  ///< checksums of single ones
    std::map<std::string, std::string> own;     ///< of sets in an order of their own, by field
    /// Of values and, by `~` instead of `=`, of files.
    std::multimap<std::string, std::string> known;
    std::map<int64_t, std::string> marks;  ///< checksums of the first so many examples

    explicit Parts(const std::string& fingerprint) {
        std::istringstream in(fingerprint);
        in >> whole;
        count = std::strtoll(whole.c_str(), nullptr, 10);
        for (std::string pair; in >> pair;) {
            const size_t at = pair.find_first_of("=~:@#+");
            if (at == std::string::npos) continue;
            const std::string name = pair.substr(0, at), value = pair.substr(at + 1);
            if (pair[at] == '@') {
                fields[name] = value;
            } else if (pair[at] == '#') {
                marks[std::strtoll(name.c_str(), nullptr, 10)] = value;
            } else if (pair[at] == '+') {
                own[name] = value;
            } else if (pair[at] == ':') {
                what = name;
                more = value;
            } else {
                known.emplace(pair[at] == '~' ? name + "~" : name, value);
            }
        }
    }
    bool has_same_further(const Parts& other) const {
        return what != other.what || more == other.more;
    }
    /// Of sets in an order of their own, whether one of as many examples now has others.
    bool has_same_own(const Parts& other) const {
        return std::all_of(own.begin(), own.end(), [&](const auto& set) {
            const auto found = other.own.find(set.first);
            if (found == other.own.end() || found->second == set.second) return true;
            const auto count = [](const std::string& text) {
                return text.substr(0, text.find('-'));
            };
            return count(found->second) != count(set.second);
        });
    }
};

/// Count and checksum of the first `count` examples; "" where one cannot be read. Where they are
/// looked at as if they lay `elsewhere` than they do, in memory or not, the checksum is another.
std::string whole_of(const Dataset& dataset, int64_t count, FieldChecksums& checksums,
                     bool elsewhere = false) {
    bool all = true;
    for (const FieldPtr& field : dataset.fields()) {
        all &= visit_some(*field, count, looked_at(count, field->in_memory() != elsewhere),
                          at_equal_distance, [&](const std::vector<float>& example) {
                              checksums.add(example.data(), example.size() * sizeof(float));
                          });
        checksums.end_field();
    }
    return all ? fmt::format("{}-{:08x}", count, checksums.all()) : "";
}

/// The checksums of the files in the order of their examples; false where one cannot be read.
bool add_files(std::vector<KnownFile> files, FieldChecksums& checksums) {
    std::sort(files.begin(), files.end(),
              [](const KnownFile& a, const KnownFile& b) { return a.example < b.example; });
    for (const KnownFile& file : files) checksums.add(&file.checksum, sizeof file.checksum);
    return std::all_of(files.begin(), files.end(),
                       [](const KnownFile& file) { return file.is_read; });
}

/// Checksums by numbers of examples, each of those of the fields.
using Marks = std::map<int64_t, uint32_t>;

/// Where there are marks in data of so many examples.
Marks marks_of(int64_t count) {
    Marks marks;
    for (int64_t i = 1; i < kMarks; ++i)
        if (const int64_t end = at_equal_distance(i, kMarks, count); end > 0) marks[end] = 0;
    return marks;
}

/// All values of what lies in memory, up to kValuesMost of them, evenly spread over the examples.
/// There are marks where that is all of them.
bool add_values(const Field& field, int64_t count, FieldChecksums& checksums, Marks& marks) {
    std::vector<float> example(static_cast<size_t>(field.elements()));
    const int64_t most =
        std::min(count, std::max<int64_t>(kValuesMost / std::max<int64_t>(field.elements(), 1), 1));
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

/// A checksum of more than whole_of() looks at, behind a letter per field that says of what: `f`
/// files, `v` values in memory, `n` nothing. "" where it cannot be read. `known`: the files. Of
/// `marks` none stay unless all values of all fields are in memory.
std::string further_of(const Dataset& dataset, int64_t count, FieldChecksums& checksums,
                       std::vector<KnownFile>* known, Marks& marks) {
    std::string what;
    for (const FieldPtr& field : dataset.fields()) {
        std::vector<KnownFile> files = files_of(*field, count);
        what += !files.empty() ? 'f' : field->in_memory() ? 'v' : 'n';
        if (what.back() != 'v') marks.clear();
        if (what.back() == 'f' && !add_files(files, checksums)) return "";
        if (what.back() == 'v' && !add_values(*field, count, checksums, marks)) return "";
        checksums.end_field();
        if (known != nullptr && known->empty()) *known = std::move(files);
    }
    return fmt::format("{}:{:08x}", what, checksums.all());
}

/// Of a set that is longer than the others "paintings+500-0c33a1b9": what whole_of() and
/// further_of() look at of a field, of all its examples. "" where it cannot be read.
std::string all_of_own(const Field& field) {
    const int64_t count = *field.own_count();
    FieldChecksums checksums;
    bool all = visit_some(field, count, looked_at(count, field.in_memory()), at_equal_distance,
                          [&](const std::vector<float>& example) {
                              checksums.add(example.data(), example.size() * sizeof(float));
                          });
    std::vector<KnownFile> files = files_of(field, count);
    Marks none;
    if (!files.empty())
        all = all && add_files(std::move(files), checksums);
    else if (field.in_memory())
        all = all && add_values(field, count, checksums, none);
    checksums.end_field();
    return all ? fmt::format("{}+{}-{:08x}", field.name(), count, checksums.all()) : "";
}

}  // namespace

std::string fingerprint(const Dataset& dataset) {
    FieldChecksums of_some, of_more;
    std::string out = whole_of(dataset, dataset.count(), of_some);
    std::vector<KnownFile> files;
    Marks marks = marks_of(dataset.count());
    const std::string further =
        out.empty() ? "" : further_of(dataset, dataset.count(), of_more, &files, marks);
    if (further.empty()) return "";
    out += " " + further;
    for (size_t i = 0; i < dataset.fields().size(); ++i)
        out += fmt::format(" {}@{:08x}{:08x}", dataset.fields()[i]->name(), of_some.fields()[i],
                           of_more.fields()[i]);
    for (const FieldPtr& field : dataset.fields()) {
        if (field->own_count().value_or(0) <= dataset.count()) continue;
        const std::string own = all_of_own(*field);
        if (own.empty()) return "";
        out += " " + own;
    }
    for (const auto& [key, index] : known_examples(dataset))
        if (!add_known(dataset, key, index, out)) return "";
    for (size_t i = 0; i < std::min(files.size(), kKnownFiles); ++i)
        out += fmt::format(" {:08x}~{:08x}", files[i].key, files[i].checksum);
    for (const auto& [count, checksum] : marks) out += fmt::format(" {}#{:08x}", count, checksum);
    return out;
}

std::string in_short(const std::string& fingerprint) {
    const size_t first = fingerprint.find(' ');
    std::string out = fingerprint.substr(
        0, first == std::string::npos ? first : fingerprint.find(' ', first + 1));
    for (const auto& [field, own] : Parts(fingerprint).own)
        out += fmt::format(" {}+{}", field, own);
    return out;
}

/// As far as it decides: a count and a checksum, then words.
bool is_fingerprint(const std::string& text) {
    const std::string whole = text.substr(0, text.find(' '));
    const size_t middle = whole.find('-');
    const auto consists_of = [](const std::string& part, const char* digits) {
        return !part.empty() && part.find_first_not_of(digits) == std::string::npos;
    };
    return text.empty() ||
           (middle != std::string::npos && middle <= 18 &&
            consists_of(whole.substr(0, middle), "0123456789") &&
            consists_of(whole.substr(middle + 1), "0123456789abcdef") &&
            std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= ' '; }));
}

std::string by_field(const std::string& fingerprint) {
    const size_t known = fingerprint.find_first_of("=~");
    return known == std::string::npos ? fingerprint
                                      : fingerprint.substr(0, fingerprint.rfind(' ', known));
}

std::string without_files(const std::string& fingerprint) {
    std::istringstream in(fingerprint);
    std::string out;
    for (std::string word; in >> word;)
        if (word.find_first_of(":~@#+") == std::string::npos)
            out += (out.empty() ? "" : " ") + word;
    return out;
}

/// Whether examples 0 to `count` - 1 are called by their numbers.
static bool have_numbers(const Dataset& dataset, int64_t count) {
    const auto is_number = [&](int64_t i) {
        return dataset.fields().front()->name_of(i) == std::to_string(i);
    };
    return is_number(0) && is_number(count - 1);
}

/// The last mark within the examples of `dataset`; 0: there is none.
static int64_t last_mark(const Parts& before, const Dataset& dataset) {
    const auto behind = before.marks.upper_bound(dataset.count());
    return behind == before.marks.begin() ? 0 : std::prev(behind)->first;
}

/// Whether the examples up to the last mark are those of before. What cannot be read, or lies
/// elsewhere now, is not compared.
static bool fit_marks(const Dataset& dataset, const Parts& before) {
    const int64_t end = last_mark(before, dataset);
    if (end == 0) return true;
    Marks marks{{end, 0}};
    FieldChecksums checksums;
    return further_of(dataset, end, checksums, nullptr, marks).empty() || marks.empty() ||
           fmt::format("{:08x}", marks.at(end)) == before.marks.at(end);
}

/// Data that outgrow the memory are read from their file, and were looked at otherwise before.
bool begins_with(const Dataset& dataset, const std::string& then) {
    const Parts before(then);
    if (then.empty() || before.count < 1 || before.count == dataset.count()) return true;
    if (!have_numbers(dataset, std::min(before.count, dataset.count()))) return true;
    if (before.count > dataset.count()) return fit_marks(dataset, before);
    for (const bool elsewhere : {false, true}) {
        FieldChecksums of_some, of_more;
        Marks none;
        const std::string now = whole_of(dataset, before.count, of_some, elsewhere);
        if (now.empty()) return true;
        if (now != before.whole) continue;
        const std::string further = further_of(dataset, before.count, of_more, nullptr, none);
        return further.empty() || before.has_same_further(Parts(now + " " + further));
    }
    return false;
}

std::string why_not_compared(const Dataset& dataset, const std::string& then) {
    const Parts before(then);
    const int64_t both = std::min(before.count, dataset.count());
    if (then.empty() || both < 1 || before.count == dataset.count()) return "";
    bool all = have_numbers(dataset, both);
    for (const FieldPtr& field : dataset.fields())
        all &= field->in_memory() && both <= kValuesMost / std::max<int64_t>(field->elements(), 1);
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
static bool know_others(const Parts& before, const Parts& after) {
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
    return know_others(Parts(then), Parts(now));
}

bool may_be_same_data(const std::string& then, const std::string& now) {
    if (then.empty() || now.empty()) return true;
    const Parts before(then), after(now);
    if (before.count == after.count)
        return before.whole == after.whole && before.has_same_further(after) &&
               before.has_same_own(after);
    return before.has_same_own(after) && !know_others(before, after);
}

std::string how_they_changed(const std::string& then, const std::string& now, bool are_others,
                             const std::vector<ir::DataField>& declared) {
    const Parts before(then), after(now);
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
    const std::string here = then.empty() ? "" : fingerprint(now);
    if (here.empty()) return "";
    const bool are_others = !may_be_same_data(then, here) || !begins_with(now, then);
    if (!are_others && Parts(then).count == now.count()) return "";
    return how_they_changed(then, here, are_others, declared) + which_files_changed(then, now);
}

std::string which_files_changed(const std::string& then, const Dataset& now) {
    constexpr size_t kMostNamed = 3;
    const Parts before(then);
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
    const Parts mine(here), other(there);
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

// Writes fingerprints of data, and reads and shortens their text.
#include "runtime/data/fingerprint/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "runtime/data/fingerprint/checksums.h"
#include "runtime/data/fingerprint/fingerprint_parts.h"

namespace gmc::runtime {

/// Files that are kept by name.
static constexpr size_t kKnownFiles = 2048;

FingerprintParts::FingerprintParts(const std::string& fingerprint) {
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

bool FingerprintParts::has_same_own(const FingerprintParts& other) const {
    return std::all_of(own.begin(), own.end(), [&](const auto& set) {
        const auto found = other.own.find(set.first);
        if (found == other.own.end() || found->second == set.second) return true;
        const auto count = [](const std::string& text) { return text.substr(0, text.find('-')); };
        return count(found->second) != count(set.second);
    });
}

bool FingerprintParts::is_of_another_kind(const FingerprintParts& other) const {
    for (size_t i = 0; i < std::min(what.size(), other.what.size()); ++i)
        if ((what[i] == 'n' && other.what[i] == 'v') || (what[i] == 'v' && other.what[i] == 'n'))
            return true;
    return false;
}

std::string fingerprint_of(const Dataset& dataset, const AsInMemory& as_in_memory) {
    FieldChecksums of_some, of_more;
    std::string out = whole_of(dataset, dataset.count(), of_some, as_in_memory);
    std::vector<KnownFile> files;
    Marks marks = marks_of(dataset.count());
    const std::string further =
        out.empty() ? ""
                    : further_of(dataset, dataset.count(), of_more, &files, marks, as_in_memory);
    if (further.empty()) return "";
    out += " " + further;
    for (size_t i = 0; i < dataset.fields().size(); ++i)
        out += fmt::format(" {}@{:08x}{:08x}", dataset.fields()[i]->name(), of_some.fields()[i],
                           of_more.fields()[i]);
    for (size_t i = 0; i < dataset.fields().size(); ++i) {
        const FieldPtr& field = dataset.fields()[i];
        if (field->own_count().value_or(0) <= dataset.count()) continue;
        const std::string own = all_of_own(*field, is_looked_at_so(dataset, i, as_in_memory));
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

std::string fingerprint(const Dataset& dataset) { return fingerprint_of(dataset, {}); }

std::string in_short(const std::string& fingerprint) {
    const size_t first = fingerprint.find(' ');
    std::string out = fingerprint.substr(
        0, first == std::string::npos ? first : fingerprint.find(' ', first + 1));
    for (const auto& [field, own] : FingerprintParts(fingerprint).own)
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

}  // namespace gmc::runtime

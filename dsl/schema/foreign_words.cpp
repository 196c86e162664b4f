// Searches the table, which is one list for layers, keys, functions and all other words. Which word
// of a row is meant follows from the words that are allowed at the place.
#include "dsl/schema/foreign_words.h"

#include <algorithm>
#include <span>

#include "dsl/schema/foreign_word_rows.h"
#include "dsl/schema/schema.h"

namespace gmc::dsl {
namespace {

/// Folds spellings together: `nn.BatchNorm2d` and `batch_norm_2d` become "batchnorm2d".
std::string folded(std::string_view word) {
    if (const size_t dot = word.rfind('.'); dot != std::string_view::npos)
        word.remove_prefix(dot + 1);
    std::string out;
    for (const char c : word)
        if (c != '_' && c != '-' && c != ' ')
            out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

/// The first word of `ours` that is among `known`.
std::string first_known(std::string_view ours, const std::vector<std::string>& known) {
    for (const std::string& word : split_words(ours))
        if (std::find(known.begin(), known.end(), word) != known.end()) return word;
    return "";
}

}  // namespace

std::optional<Translation> translate(std::string_view word, const std::vector<std::string>& known) {
    const std::string wanted = folded(word);
    if (wanted.empty()) return std::nullopt;
    for (const std::string& candidate : known)
        if (folded(candidate) == wanted) return Translation{candidate, ""};
    for (const ForeignWord& row : foreign_words()) {
        const std::vector<std::string> theirs = split_words(row.theirs);
        if (std::find(theirs.begin(), theirs.end(), wanted) == theirs.end()) continue;
        Translation found{first_known(row.ours, known), row.remark};
        const bool elsewhere = *row.place && first_known(row.place, known).empty();
        if (elsewhere) found.remark.clear();
        if (!found.word.empty() || !found.remark.empty()) return found;
    }
    return std::nullopt;
}

}  // namespace gmc::dsl

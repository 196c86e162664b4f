// Judges a text by its characters: digits, marks that people write beside them, and others.
#include "runtime/files/tables/odd_numbers.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace gmc::runtime {
namespace {

/// What people write beside the digits of a number, a date or a time: signs, separators, spaces (a
/// wide and a narrow one that does not break among them), percent and currencies. UTF-8.
constexpr std::array<std::string_view, 25> kMarks = {
    "+",      "-",      "\u2212", "\u2013", ".", ",",      "'", "\u2019", " ",
    "\u00a0", "\u202f", ":",      "/",      "(", ")",      "_", "%",      "\u2030",
    "$",      "\u20ac", "\u00a3", "\u00a5", "#", "\u00b0", "~"};

constexpr std::string_view kDigits = "0123456789";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void remove_all(std::string& text, std::string_view part) {
    for (size_t at; (at = text.find(part)) != std::string::npos;) text.erase(at, part.size());
}

bool is_infinity(std::string text) {
    remove_all(text, "-");
    remove_all(text, "+");
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return text == "inf" || text == "infinity" || text == "\u221e";
}

}  // namespace

/// Groups of three digits behind one to three digits, of which the first is no 0, with the same
/// mark between them.
bool has_thousands(std::string_view text) {
    const size_t first = text.find_first_of(kDigits);
    if (first == std::string_view::npos || text[first] == '0') return false;
    text.remove_prefix(first);
    const auto digits = [&] {
        const size_t count = std::min(text.find_first_not_of(kDigits), text.size());
        text.remove_prefix(count);
        return count;
    };
    if (digits() > 3) return false;
    std::string_view between;
    for (int groups = 0;; ++groups) {
        const size_t next = text.find_first_of(kDigits);
        const std::string_view mark = text.substr(0, next);
        const bool separates = mark == "." || mark == "," || mark == " " || mark == "'" ||
                               mark == "\u2019" || mark == "\u00a0" || mark == "\u202f";
        if (next == std::string_view::npos || !separates || (groups > 0 && mark != between))
            return groups > 0;
        between = mark;
        text.remove_prefix(next);
        if (digits() != 3) return false;
    }
}

bool looks_like_number(const std::string& text) {
    if (is_infinity(text)) return true;
    std::string rest = text;
    for (const std::string_view mark : kMarks) remove_all(rest, mark);
    if (!rest.empty() && std::all_of(rest.begin(), rest.end(), is_digit)) return true;
    size_t digits = 0, characters = 0, before = 0;
    for (const char c : text) {
        if (is_digit(c) && digits++ == 0) before = characters;
        if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++characters;  // no later byte of one
    }
    return digits > 0 && before <= 1 && 2 * digits > characters;
}

std::string how_to_write(const std::string& text) {
    const auto two_of = [&](char c) { return std::count(text.begin(), text.end(), c) == 2; };
    if (is_infinity(text))
        return "nothing is learnt from an infinite number: leave the cell empty, and say `missing: "
               "mask`";
    if (looks_like_number(text) && has_thousands(text))
        return "no marks between thousands: 1234.5 or, with `decimal: \",\"`, 1234,5";
    if (looks_like_number(text) && (two_of('-') || two_of('/') || two_of(':') || two_of('.')))
        return "a date or a time becomes columns of numbers first: year, month, day";
    if (!looks_like_number(text))
        return "where it says that there is no value, leave the cell empty or write NA, and say "
               "`missing: mask`";
    if (text.ends_with('%'))
        return "numbers are written without `%`; the column's name can have it";
    return "numbers are written 1234.5 or, with `decimal: \",\"`, 1234,5: no units, no other marks";
}

}  // namespace gmc::runtime

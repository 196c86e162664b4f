// Tries one format after the other on the first rows of a file. Where a decision could as well be
// wrong, it warns.
#include "runtime/files/tables/table_format.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "runtime/files/tables/odd_numbers.h"

namespace gmc::runtime {
namespace {

/// Enough rows that a comma inside of a text is noticed by rows of different lengths.
constexpr size_t kRowsLookedAt = 50;
/// In this order: a comma may stand in numbers, too, and a space in all texts.
constexpr char kSeparators[] = {'\t', ';', '|', ',', ' '};

using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

/// The first rows by a format; nothing after an error.
std::optional<Rows> first_rows(const std::string& path, const CsvFormat& format,
                               Diagnostics& diagnostics) {
    Result<CsvReader> reader = CsvReader::open(path, format, diagnostics);
    if (!reader) return std::nullopt;
    Rows rows;
    while (rows.size() < kRowsLookedAt) {
        const Result<bool> more = reader->next(rows.emplace_back(), diagnostics);
        if (!more) return std::nullopt;
        if (*more) continue;
        rows.pop_back();
        break;
    }
    return rows;
}

/// Do the rows look like a table: all of one length, of two cells or more? With spaces between
/// them, which sentences have too, most cells have to be numbers.
bool is_table(const Rows& rows, char separator) {
    if (rows.empty() || rows.front().size() < 2) return false;
    size_t cells = 0, numbers = 0;
    for (const Row& row : rows) {
        if (row.size() != rows.front().size()) return false;
        cells += row.size();
        for (const std::string& cell : row) numbers += parse_cell(cell, '.') ? 1 : 0;
    }
    return separator != ' ' || 2 * numbers > cells;
}

/// Beside decimal commas, a point may stand between thousands.
bool has_decimal_comma(const Rows& rows) {
    bool comma = false;
    for (const Row& row : rows)
        for (const std::string& cell : row) {
            if (cell.find('.') != std::string::npos && parse_cell(cell, '.') &&
                !has_thousands(cell))
                return false;
            comma |= cell.find(',') != std::string::npos && parse_cell(cell, ',');
        }
    return comma;
}

/// Texts above numbers are names; so are texts above texts, if no two are the same.
bool has_header(const Rows& rows, char decimal) {
    const Row& first = rows.front();
    const auto is_number = [&](const std::string& cell) {
        return parse_cell(cell, decimal).has_value();
    };
    if (std::any_of(first.begin(), first.end(), is_number)) return false;
    for (size_t i = 0; i < first.size(); ++i)
        if (!is_missing(first[i]) && rows.size() > 1 &&
            std::all_of(rows.begin() + 1, rows.end(),
                        [&](const Row& row) { return i < row.size() && is_number(row[i]); }))
            return true;
    return std::none_of(first.begin(), first.end(), is_missing) &&
           std::set<std::string>(first.begin(), first.end()).size() == first.size();
}

/// Years that rise, or numbers that count on by one: `2019, 2020, 2021`, `0, 1, 2`. The first cell
/// may be a text or empty.
bool counts_up(const Row& row) {
    std::vector<double> numbers;
    for (size_t i = 0; i < row.size(); ++i) {
        const std::optional<double> number = parse_cell(row[i], '.');
        if (!number && i == 0) continue;
        if (!number || *number != std::floor(*number)) return false;
        numbers.push_back(*number);
    }
    if (numbers.size() < 2) return false;
    const auto adjacent = [&](auto rule) {
        return std::adjacent_find(numbers.begin(), numbers.end(),
                                  [&](double a, double b) { return !rule(a, b); }) == numbers.end();
    };
    const bool years = numbers.front() >= 1900 && numbers.back() <= 2100;
    if (years && adjacent(std::less<>())) return true;
    return (numbers.size() > 2 || numbers.front() == 0) &&
           adjacent([](double a, double b) { return b == a + 1; });
}

/// A first row that counts up, above rows that do not, is taken for names: nothing else would make
/// data look so.
bool has_counting_header(const Rows& rows) {
    return rows.size() > 2 && counts_up(rows.front()) &&
           std::none_of(rows.begin() + 1, rows.end(), counts_up);
}

void warn_of_counting(const std::string& path, Row first, Diagnostics& diagnostics) {
    constexpr size_t kCellsSaid = 4;
    if (first.front().empty()) first.erase(first.begin());
    const bool more = first.size() > kCellsSaid;
    first.resize(std::min(first.size(), kCellsSaid));
    diagnostics
        .warning(
            DiagnosticKind::kBadValue, {},
            "`{}`:1: the numbers {}{} count up, so they are taken for the names of the columns",
            path, fmt::join(first, ", "), more ? ", ..." : "")
        .help("`header: present` says that they are, `header: none` that they are data");
}

/// Whether the first row is not divided by the separator that was said, and another one makes a
/// table of all; this is reported. Decimal commas in a single column divide nothing.
bool is_other_separator(const std::string& path, const Rows& rows, CsvFormat format,
                        Diagnostics& diagnostics) {
    const char said = format.separator;
    if (rows.front().size() != 1) return false;
    const bool decimal = std::all_of(rows.begin(), rows.end(), [](const Row& row) {
        return parse_cell(row[0], ',').has_value();
    });
    for (const char separator : kSeparators) {
        if (separator == said || separator == ' ' || separator == format.quote ||
            (separator == ',' && decimal))
            continue;
        Diagnostics unused;
        format.separator = separator;
        const std::optional<Rows> divided = first_rows(path, format, unused);
        if (!divided || !is_table(*divided, separator)) continue;
        diagnostics
            .error(DiagnosticKind::kBadFile, {},
                   "{} does not divide the first row of `{}`, {} does", separator_name(said), path,
                   separator_name(separator))
            .help("without `separator:` it is found");
        return true;
    }
    return false;
}

/// Whether numbers have the other decimal sign than `decimal`, and none has that one; this is
/// reported.
bool is_other_decimal(const std::string& path, const Rows& rows, char decimal,
                      Diagnostics& diagnostics) {
    const char other = decimal == ',' ? '.' : ',';
    const std::string* found = nullptr;
    for (const Row& row : rows)
        for (const std::string& cell : row) {
            const bool fits = parse_cell(cell, decimal).has_value();
            if (fits && cell.find(decimal) != std::string::npos) return false;
            if (found == nullptr && !fits && !has_thousands(cell) &&
                cell.find(other) != std::string::npos && parse_cell(cell, other))
                found = &cell;
        }
    if (found == nullptr) return false;
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`decimal: \"{}\"` is not what `{}` has: its numbers are such as `{}`", decimal,
               path, *found)
        .help("without `decimal:` it is found");
    return true;
}

bool holds(const Rows& rows, char sign) {
    return std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
        return std::any_of(row.begin(), row.end(), [&](const std::string& cell) {
            return cell.find(sign) != std::string::npos;
        });
    });
}

/// The separator that was found is the decimal sign that was said. Rows of one number each have
/// none; where numbers stand in quotes, the sign is told from the separator. All else is reported.
/// `rows`: by that separator, and then by the right one.
bool tell_from_decimal(const std::string& path, char decimal, CsvFormat& format, Rows& rows,
                       Diagnostics& diagnostics) {
    if (holds(rows, decimal)) return true;
    const std::string sign = separator_name(decimal);
    Diagnostics unused;
    CsvFormat undivided = format;
    undivided.separator = ';';
    const std::optional<Rows> whole = first_rows(path, undivided, unused);
    const auto is_number = [&](const Row& row) {
        return row.size() == 1 && parse_cell(row[0], decimal).has_value();
    };
    if (whole && (is_number(whole->front()) || !holds({whole->front()}, decimal)) &&
        std::all_of(whole->begin() + 1, whole->end(), is_number)) {
        format = undivided;
        rows = *whole;
        return true;
    }
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`decimal: \"{}\"` is also what divides the rows of `{}`", decimal, path)
        .help(fmt::format("`separator:` names another sign; where {} is both, numbers that have it "
                          "stand in quotes",
                          sign));
    return false;
}

}  // namespace

std::optional<FoundFormat> find_table_format(const std::string& path, const TableRules& rules,
                                             Diagnostics& diagnostics) {
    CsvFormat format;
    format.quote = rules.quote;
    if (rules.separator) {
        format.separator = *rules.separator;
    } else {
        // Where no separator makes a table, some row is too long or too short, which is reported
        // later. Then the one that divides the first row into the most cells is taken; never the
        // space.
        size_t most = 1;
        char fallback = rules.quote == ',' ? ';' : ',';
        const auto fits = [&](char separator) {
            if (separator == rules.quote) return false;
            Diagnostics unused;
            format.separator = separator;
            const std::optional<Rows> rows = first_rows(path, format, unused);
            const size_t cells = rows && !rows->empty() ? rows->front().size() : 0;
            if (separator != ' ' && cells > most) {
                most = cells;
                fallback = separator;
            }
            return rows && is_table(*rows, separator);
        };
        if (std::none_of(std::begin(kSeparators), std::end(kSeparators), fits))
            format.separator = fallback;
    }
    std::optional<Rows> rows = first_rows(path, format, diagnostics);
    if (!rows) return std::nullopt;
    if (rows->empty()) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` has no rows", path);
        return std::nullopt;
    }
    if (rules.separator && is_other_separator(path, *rows, format, diagnostics))
        return std::nullopt;
    if (rules.decimal && is_other_decimal(path, *rows, *rules.decimal, diagnostics))
        return std::nullopt;
    if (rules.decimal == format.separator &&
        !tell_from_decimal(path, *rules.decimal, format, *rows, diagnostics))
        return std::nullopt;
    const bool comma =
        format.separator == '.' || (format.separator != ',' && has_decimal_comma(*rows));
    format.decimal = rules.decimal.value_or(comma ? ',' : '.');
    const bool counting = !rules.header && has_counting_header(*rows);
    format.header = rules.header.value_or(counting || has_header(*rows, format.decimal));
    if (counting) warn_of_counting(path, rows->front(), diagnostics);
    return FoundFormat{format, rows->front()};
}

}  // namespace gmc::runtime

// Finds out what a table's columns are: the format (separator, header, decimal sign) from the first
// rows; kinds, categories and statistics from all of them. What the model's YAML says is not looked
// for.
#include "runtime/files/table_finder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "compiler/support/utf8.h"

namespace gmc::runtime {
namespace {

/// Enough rows that a comma inside of a text is noticed by rows of different lengths.
constexpr size_t kRowsLookedAt = 50;
/// A column of more different texts is a name or an identifier: as one-hot it would make a model of
/// no use.
constexpr size_t kCategoriesMost = 1000;
constexpr double kLargestFloat = std::numeric_limits<float>::max();
/// In this order: a comma may stand in numbers, too.
constexpr char kSeparators[] = {'\t', ';', '|', ','};

using Rows = std::vector<std::vector<std::string>>;

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

bool are_of_one_length(const Rows& rows) {
    return std::all_of(rows.begin(), rows.end(),
                       [&](const auto& row) { return row.size() == rows.front().size(); });
}

bool has_decimal_comma(const Rows& rows) {
    bool comma = false;
    for (const auto& row : rows)
        for (const std::string& cell : row) {
            if (cell.find('.') != std::string::npos && parse_cell(cell, '.')) return false;
            comma |= cell.find(',') != std::string::npos && parse_cell(cell, ',');
        }
    return comma;
}

/// Texts above numbers are names; so are texts above texts, if no two are the same.
bool has_header(const Rows& rows, char decimal) {
    const std::vector<std::string>& first = rows.front();
    const auto is_number = [&](const std::string& cell) {
        return parse_cell(cell, decimal).has_value();
    };
    if (std::any_of(first.begin(), first.end(), is_number)) return false;
    for (size_t i = 0; i < first.size(); ++i)
        if (!is_missing(first[i]) && rows.size() > 1 &&
            std::all_of(rows.begin() + 1, rows.end(),
                        [&](const auto& row) { return i < row.size() && is_number(row[i]); }))
            return true;
    return std::none_of(first.begin(), first.end(), is_missing) &&
           std::set<std::string>(first.begin(), first.end()).size() == first.size();
}

/// `1,000`, `12 %`, `$3.50`, `2020-01-31`: mostly digits, with one in front.
bool looks_like_number(const std::string& text) {
    size_t digits = 0, characters = 0, before = 0;
    for (const char c : text) {
        const bool digit = c >= '0' && c <= '9';
        if (digit && digits++ == 0) before = characters;
        if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++characters;  // no later byte of one
    }
    return digits > 0 && before <= 1 && 2 * digits > characters;
}

/// What was seen in a column.
struct Found {
    bool all_numbers = true;
    int64_t numbers = 0, nearly_numbers = 0;
    double mean = 0, squares = 0, low = 0, high = 0;
    int decimals = 0;
    int64_t missing = 0, missing_line = 0;
    int64_t text_line = 0;
    std::string text;  ///< the first that is no number
    int64_t large_line = 0;
    std::string large;  ///< the first number that is too large for f32
    std::set<std::string> texts;

    void add(const std::string& cell, char decimal, int64_t line) {
        if (is_missing(cell)) {
            if (missing++ == 0) missing_line = line;
            return;
        }
        if (texts.size() <= kCategoriesMost) texts.insert(cell);
        const std::optional<double> number = parse_cell(cell, decimal);
        if (!number) {
            nearly_numbers += looks_like_number(cell) ? 1 : 0;
            if (all_numbers) {
                text = cell;
                text_line = line;
            }
            all_numbers = false;
            return;
        }
        if (std::fabs(*number) > kLargestFloat && large.empty()) {
            large = cell;
            large_line = line;
        }
        // Welford's way: no difference of large sums.
        const double before = *number - mean;
        mean += before / static_cast<double>(++numbers);
        squares += before * (*number - mean);
        low = numbers == 1 ? *number : std::min(low, *number);
        high = numbers == 1 ? *number : std::max(high, *number);
        const size_t point = cell.find(decimal);
        if (point != std::string::npos)
            decimals = std::max(decimals, static_cast<int>(std::min<size_t>(
                                              cell.find_first_of("eE", point) == std::string::npos
                                                  ? cell.size() - point - 1
                                                  : 6,
                                              12)));
    }
};

/// Finds one table: the format, then all rows, then the settling of each column.
class Finder {
  public:
    Finder(const std::string& path, const TableRules& rules, Diagnostics& diagnostics)
        : path_(path), rules_(rules), diagnostics_(diagnostics) {}

    Result<Table> run() {
        if (!find_format() || !read() || !check_names()) return Failure{};
        table_.range_low = rules_.range_low;
        table_.range_high = rules_.range_high;
        const size_t errors = diagnostics_.count();
        for (size_t i = 0; i < found_.size(); ++i) settle(table_.columns[i], found_[i]);
        if (diagnostics_.count() != errors) return Failure{};
        if (table_.cells() == 0) return bad("has no column that is not ignored");
        if (!is_text()) return bad("is not UTF-8; `iconv -f latin1 -t utf8` converts most others");
        return std::move(table_);
    }

  private:
    Failure bad(const std::string& text) {
        diagnostics_.error(DiagnosticKind::kBadFile, {}, "`{}` {}", path_, text);
        return Failure{};
    }

    bool is_text() const {
        for (const TableColumn& column : table_.columns) {
            if (!is_utf8(column.name)) return false;
            for (const std::string& category : column.categories)
                if (!is_utf8(category)) return false;
        }
        return true;
    }

    /// Tries the separators in turn until the first rows all have one length of at least two cells,
    /// then looks at the same rows for the decimal sign and the header.
    bool find_format() {
        CsvFormat& format = table_.format;
        format.quote = rules_.quote;
        std::optional<Rows> rows;
        if (rules_.separator) {
            format.separator = *rules_.separator;
        } else {
            for (const char separator : kSeparators) {
                format.separator = separator;
                Diagnostics unused;
                rows = first_rows(path_, format, unused);
                if (rows && !rows->empty() && are_of_one_length(*rows) && rows->front().size() > 1)
                    break;
            }
        }
        rows = first_rows(path_, format, diagnostics_);
        if (!rows) return false;
        if (rows->empty()) return (void)bad("has no rows"), false;
        format.decimal = rules_.decimal.value_or(
            format.separator != ',' && has_decimal_comma(*rows) ? ',' : '.');
        format.header = rules_.header.value_or(has_header(*rows, format.decimal));
        name_columns(rows->front());
        return true;
    }

    /// Without a header, the names are those of an empty one.
    void name_columns(std::vector<std::string> first) {
        if (!table_.format.header) first.assign(first.size(), "");
        for (std::string& name : column_names(std::move(first)))
            table_.columns.emplace_back().name = std::move(name);
        found_.resize(table_.columns.size());
    }

    bool check_names() {
        std::vector<std::string> names;
        for (const TableColumn& column : table_.columns) {
            if (std::find(names.begin(), names.end(), column.name) != names.end()) {
                diagnostics_.error(DiagnosticKind::kDuplicateKey, {},
                                   "`{}` has two columns named `{}`", path_, column.name);
                return false;
            }
            names.push_back(column.name);
        }
        for (const auto& [name, rule] : rules_.columns)
            if (std::find(names.begin(), names.end(), name) == names.end()) {
                diagnostics_
                    .error(DiagnosticKind::kUnknownName, {}, "`{}` has no column `{}`", path_, name)
                    .help(fmt::format("its columns are {}", fmt::join(names, ", ")));
                return false;
            }
        return true;
    }

    bool read() {
        Result<CsvReader> reader = CsvReader::open(path_, table_.format, diagnostics_);
        if (!reader) return false;
        std::vector<std::string> cells;
        for (bool first = true;; first = false) {
            const Result<bool> more = reader->next(cells, diagnostics_);
            if (!more) return false;
            if (!*more) break;
            if (cells.size() != found_.size()) {
                diagnostics_.error(DiagnosticKind::kBadFile, {},
                                   "`{}`:{} has {} cell{}, but the first row has {}", path_,
                                   reader->line(), cells.size(), cells.size() == 1 ? "" : "s",
                                   found_.size());
                return false;
            }
            if (first && table_.format.header) continue;
            ++table_.rows;
            for (size_t i = 0; i < cells.size(); ++i)
                found_[i].add(cells[i], table_.format.decimal, reader->line());
        }
        return table_.rows > 0 || ((void)bad("has a header but no rows"), false);
    }

    void error(int64_t line, const std::string& text, const std::string& help) {
        diagnostics_.error(DiagnosticKind::kBadValue, {}, "`{}`:{}: {}", path_, line, text)
            .help(help);
    }

    /// Makes a column of what was seen in it and what is said of it.
    void settle(TableColumn& column, const Found& found) {
        const auto rule = rules_.columns.find(column.name);
        const ColumnRules said =
            rule == rules_.columns.end() ? ColumnRules{{}, rules_.scale} : rule->second;
        column.kind =
            said.kind.value_or(found.all_numbers ? ColumnKind::kNumber : ColumnKind::kCategory);
        column.scale = said.scale;
        if (column.kind == ColumnKind::kIgnored) return;
        if (found.missing > 0 && !rules_.mask)
            return error(found.missing_line,
                         fmt::format("the column `{}` has nothing here, and in {} of {} rows",
                                     column.name, found.missing, table_.rows),
                         fmt::format("`missing: mask` marks such cells, `columns: {{{}: ignore}}` "
                                     "leaves the column out",
                                     column.name));
        column.masked = found.missing > 0;
        if (found.texts.empty())
            return error(found.missing_line, fmt::format("the column `{}` is empty", column.name),
                         fmt::format("`columns: {{{}: ignore}}` leaves it out", column.name));
        if (column.kind == ColumnKind::kCategory) {
            settle_category(column, found);
            if (!said.kind) warn_of_category(column, found);
            return;
        }
        if (!found.all_numbers)
            return error(
                found.text_line,
                fmt::format("`{}` in the column `{}` is no number", found.text, column.name),
                "`decimal: \",\"` reads 3,14");
        if (!found.large.empty())
            return error(found.large_line,
                         fmt::format("`{}` in the column `{}` is beyond 3.4e38, the largest number "
                                     "of f32",
                                     found.large, column.name),
                         fmt::format("`columns: {{{}: ignore}}` leaves it out", column.name));
        column.mean = found.mean;
        column.deviation = std::sqrt(found.squares / static_cast<double>(found.numbers));
        column.low = found.low;
        column.high = found.high;
        column.decimals = found.decimals;
    }

    /// A category that nobody asked for, and hardly meant: numbers that are written in another way
    /// or miss here and there, and names of rows.
    void warn_of_category(const TableColumn& column, const Found& found) {
        constexpr int64_t kRowsFewest = 10;  // below, every text may be another by chance
        const int64_t cells = table_.rows - found.missing;
        const auto warn = [&](const std::string& text) {
            diagnostics_
                .warning(DiagnosticKind::kBadValue, {}, "`{}`:{}: {}", path_, found.text_line, text)
                .help(fmt::format("`columns: {{{}: ignore}}` leaves it out, `{}: category` says "
                                  "that it is meant",
                                  column.name, column.name));
        };
        if (2 * (found.numbers + found.nearly_numbers) > cells)
            warn(fmt::format("`{}` is no number, so the column `{}` is a category of {} texts",
                             found.text, column.name, found.texts.size()));
        else if (cells >= kRowsFewest && static_cast<int64_t>(found.texts.size()) == cells)
            warn(fmt::format("the column `{}` has another text in each row, as names have",
                             column.name));
    }

    void settle_category(TableColumn& column, const Found& found) {
        if (found.texts.size() > kCategoriesMost)
            return error(found.text_line,
                         fmt::format("the column `{}` has more than {} different texts",
                                     column.name, kCategoriesMost),
                         fmt::format("`columns: {{{}: ignore}}` leaves out what is no category, "
                                     "such as names",
                                     column.name));
        column.categories.assign(found.texts.begin(), found.texts.end());
    }

    const std::string& path_;
    const TableRules& rules_;
    Diagnostics& diagnostics_;
    Table table_;
    std::vector<Found> found_;
};

}  // namespace

Result<Table> find_table(const std::string& path, const TableRules& rules,
                         Diagnostics& diagnostics) {
    return Finder(path, rules, diagnostics).run();
}

}  // namespace gmc::runtime

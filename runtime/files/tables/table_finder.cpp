// Finds out what a table's columns are: their kinds, categories and statistics, from all rows. What
// the model's YAML says is taken from there.
#include "runtime/files/tables/table_finder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "compiler/support/utf8.h"
#include "compiler/support/wording.h"
#include "runtime/files/float_steps.h"
#include "runtime/files/tables/odd_numbers.h"
#include "runtime/files/tables/table_format.h"

namespace gmc::runtime {
namespace {

/// A column with more different texts holds names or identifiers; as one-hot values they would make
/// the model useless.
constexpr size_t kCategoriesMost = 1000;
constexpr double kLargestFloat = std::numeric_limits<float>::max();
/// f64 holds every whole number up to here, 2^53.
constexpr double kWholeMostF64 = 9007199254740992;

/// A cell that is spoken of, and where it is; line 0: there is none.
struct Cell {
    std::string text;
    int64_t line = 0;

    void keep_first(const std::string& cell, int64_t at) {
        if (line == 0) text = cell, line = at;
    }
};

/// What was seen in a column.
struct Found {
    bool all_numbers = true;
    bool counts = true;  ///< each number is one more than the one before
    double last = 0;
    int64_t numbers = 0, nearly_numbers = 0;
    double mean = 0, squares = 0, low = 0, high = 0;
    int decimals = 0;
    int64_t missing = 0, missing_line = 0;
    int64_t dashes = 0, dash_line = 0;
    std::string dash;  ///< the first cell of dashes only
    int64_t first_line = 0, text_line = 0;
    std::string text;  ///< the first that is no number
    Cell large;        ///< the first number that is too large for f32
    Cell rounded;      ///< the first whole number that is another one as f32
    Cell lossy;        ///< the first number that is another one as f32
    Cell padded;       ///< the first of whole numbers that begins with a 0, as codes do: `01067`
    Cell longest;      ///< the first whole number that is another one as f64
    /// The first whose decimal sign could as well stand between thousands, and the first where it
    /// could not.
    Cell ambiguous, certain;
    std::set<std::string> texts;

    void add(const std::string& cell, char decimal, int64_t line) {
        if (is_missing(cell)) {
            if (missing++ == 0) missing_line = line;
            return;
        }
        if (first_line == 0) first_line = line;
        if (texts.size() <= kCategoriesMost) texts.insert(cell);
        if (is_dash(cell)) {
            if (dashes++ > 0) return;
            dash = cell;
            dash_line = line;
            return;
        }
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
        look_at_size(*number, cell, line);
        counts &= numbers == 0 || *number == last + 1;
        last = *number;
        // Welford 1962: the variance without a difference of two large sums.
        const double before = *number - mean;
        mean += before / static_cast<double>(++numbers);
        squares += before * (*number - mean);
        low = numbers == 1 ? *number : std::min(low, *number);
        high = numbers == 1 ? *number : std::max(high, *number);
        if (cell.find(decimal) != std::string::npos)
            (has_thousands(cell) ? ambiguous : certain).keep_first(cell, line);
        decimals = std::max(decimals, decimals_of(cell, decimal));
    }

    /// How many digits behind the decimal sign write a number out: four for `1.5e-3`. Of the digits
    /// behind the sign that follow its first zeros, so many count that those of a rounding do not.
    static int decimals_of(const std::string& cell, char decimal) {
        constexpr size_t kMostDigits = 12;
        const size_t exponent = std::min(cell.find_first_of("eE"), cell.size());
        const size_t point = cell.find(decimal);
        int64_t digits = 0;
        if (point < exponent) {
            const size_t before = cell.find_first_of("123456789");
            const size_t first = before < point ? point + 1 : std::min(before, exponent);
            digits = static_cast<int64_t>(std::min(exponent, first + kMostDigits) - point) - 1;
        }
        size_t from = std::min(exponent + 1, cell.size());
        if (from < cell.size() && cell[from] == '+') ++from;
        int64_t power = 0;
        std::from_chars(cell.data() + from, cell.data() + cell.size(), power);
        return static_cast<int>(std::clamp(
            digits - std::clamp(power, -kDecimalsMost, kDecimalsMost), int64_t{0}, kDecimalsMost));
    }

    /// Remembers numbers that f32 or f64 do not hold.
    void look_at_size(double number, const std::string& cell, int64_t line) {
        if (std::fabs(number) > kLargestFloat) return large.keep_first(cell, line);
        if (is_rounded_whole(number)) rounded.keep_first(cell, line);
        if (static_cast<float>(number) != number) lossy.keep_first(cell, line);
        constexpr size_t kCodeLeast = 4;  // shorter ones are days and months
        if (cell.size() >= kCodeLeast && cell[0] == '0' &&
            cell.find_first_not_of("0123456789") == std::string::npos)
            padded.keep_first(cell, line);
        const bool written_out = cell.find_first_of("eE.,") == std::string::npos;
        if (std::fabs(number) >= kWholeMostF64 && written_out) longest.keep_first(cell, line);
    }

    /// In a column of numbers, dashes say that there is none.
    void take_dashes_for_missing() {
        if (dashes == 0) return;
        if (missing == 0 || dash_line < missing_line) missing_line = dash_line;
        missing += dashes;
        if (numbers == 0) texts.clear();
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
        for (size_t i = 0; i < found_.size(); ++i) settle(i);
        warn_of_thousands();
        if (diagnostics_.count() != errors) return Failure{};
        if (table_.cells() == 0) return bad("has no column that is not ignored");
        if (!is_text()) return report_no_text();
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

    /// The first malformed character; a column that is ignored may have any.
    Failure report_no_text() {
        std::vector<std::string> cells;
        Result<CsvReader> reader = CsvReader::open(path_, table_.format, diagnostics_);
        bool is_header = table_.format.header;
        for (; reader; is_header = false) {
            const Result<bool> more = reader->next(cells, diagnostics_);
            if (!more) return Failure{};
            if (!*more) break;
            for (size_t i = 0; i < std::min(cells.size(), table_.columns.size()); ++i) {
                const std::string& cell = cells[i];
                const bool is_kept = table_.columns[i].kind == ColumnKind::kCategory || is_header;
                if (!is_kept || is_utf8(cell)) continue;
                size_t at = 0;
                while (const size_t length = utf8_length(cell, at)) at += length;
                diagnostics_
                    .error(DiagnosticKind::kBadFile, {},
                           "`{}`:{}: cell {} is not UTF-8 from its byte 0x{:02x} on", path_,
                           reader->line(), i + 1, static_cast<unsigned char>(cell[at]))
                    .help("`iconv -f latin1 -t utf8` converts most others");
                return Failure{};
            }
        }
        return bad("is not UTF-8; `iconv -f latin1 -t utf8` converts most others");
    }

    bool find_format() {
        std::optional<FoundFormat> found = find_table_format(path_, rules_, diagnostics_);
        if (!found) return false;
        table_.format = found->format;
        name_columns(std::move(found->first));
        return true;
    }

    /// Without a header, the names are those of an empty one.
    void name_columns(std::vector<std::string> first) {
        if (!table_.format.header) first.assign(first.size(), "");
        for (const std::string& name : first)
            unnamed_.push_back(table_.format.header && is_missing(name));
        for (std::string& name : column_names(std::move(first)))
            table_.columns.emplace_back().name = std::move(name);
        found_.resize(table_.columns.size());
    }

    bool check_names() {
        std::set<std::string> names;  // a set, because a header may have a million names
        for (const TableColumn& column : table_.columns) {
            if (!names.insert(column.name).second) {
                diagnostics_.error(DiagnosticKind::kDuplicateKey, {},
                                   "`{}` has two columns named `{}`", path_, column.name);
                return false;
            }
        }
        for (const auto& [name, rule] : rules_.columns)
            if (names.count(name) == 0) {
                diagnostics_
                    .error(DiagnosticKind::kUnknownName, {}, "`{}` has no column `{}`", path_, name)
                    .help(fmt::format("its column{} {}", by_count(names.size(), " is", "s are"),
                                      fmt::join(names, ", ")));
                return false;
            }
        return true;
    }

    /// What to say of a row that is shorter or longer than the first one.
    std::string help_of_length(int64_t line) const {
        if (found_.size() == 1 && line == 2)
            return "a table begins with its names or its first row, without lines above it; where "
                   "commas are decimal, `separator: \";\"` says so";
        return fmt::format(
            "{} is taken for the separator; `separator:` names another, and a text that holds it "
            "stands in quotes",
            separator_name(table_.format.separator));
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
                diagnostics_
                    .error(DiagnosticKind::kBadFile, {},
                           "`{}`:{} has {} cell{}, but the first row has {}", path_, reader->line(),
                           cells.size(), cells.size() == 1 ? "" : "s", found_.size())
                    .help(help_of_length(reader->line()));
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
    void settle(size_t index) {
        TableColumn& column = table_.columns[index];
        Found& found = found_[index];
        const auto rule = rules_.columns.find(column.name);
        const ColumnRules said =
            rule == rules_.columns.end() ? ColumnRules{{}, rules_.scale} : rule->second;
        const bool numbers = found.all_numbers && (found.numbers > 0 || found.dashes == 0);
        column.kind = said.kind.value_or(numbers ? ColumnKind::kNumber : ColumnKind::kCategory);
        if (column.kind == ColumnKind::kNumber) found.take_dashes_for_missing();
        column.scale = said.scale;
        // An empty column without a name comes from a separator at the end of each line.
        if (unnamed_[index] && found.texts.empty() && !said.kind)
            column.kind = ColumnKind::kIgnored;
        if (column.kind == ColumnKind::kIgnored) return;
        const std::string leave_out =
            fmt::format("`columns: {{{}: ignore}}` leaves the column out", column.name);
        if (found.texts.empty())
            return error(found.missing_line,
                         fmt::format("the column `{}` is empty in all rows", column.name),
                         leave_out);
        const bool is_dashed = found.missing > 0 && found.missing_line == found.dash_line;
        if (found.missing > 0 && !rules_.mask)
            return error(found.missing_line,
                         fmt::format("the column `{}` has {} here, and {}in {} of {} rows",
                                     column.name, is_dashed ? "`" + found.dash + "`" : "nothing",
                                     is_dashed ? "no number " : "", found.missing, table_.rows),
                         "`missing: mask` marks such cells, " + leave_out);
        column.masked = found.missing > 0;
        if (column.kind == ColumnKind::kCategory)
            settle_category(column, found);
        else
            settle_number(column, found);
        if (!said.kind) warn_of(column, found, unnamed_[index]);
    }

    void settle_number(TableColumn& column, const Found& found) {
        if (!found.all_numbers)
            return error(
                found.text_line,
                fmt::format("`{}` in the column `{}` is no number", found.text, column.name),
                how_to_write(found.text));
        if (found.large.line > 0)
            return error(found.large.line,
                         fmt::format("`{}` in the column `{}` is beyond 3.4e38, the largest number "
                                     "of f32",
                                     found.large.text, column.name),
                         fmt::format("`columns: {{{}: ignore}}` leaves it out", column.name));
        warn_of_rounding(column, found);
        column.mean = found.mean;
        column.deviation = std::sqrt(found.squares / static_cast<double>(found.numbers));
        column.low = found.low;
        column.high = found.high;
        column.decimals = found.decimals;
        warn_of_constant(column, found);
    }

    /// Numbers that are scaled by their differences, and have none. Those that stay as they are may
    /// be meant.
    void warn_of_constant(const TableColumn& column, const Found& found) {
        if (found.texts.size() > 1 || found.numbers < 2 || column.scale == ColumnScale::kNone)
            return;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, {},
                     "`{}`:{}: the column `{}` is `{}` in all rows, so that there is nothing to "
                     "scale it by",
                     path_, found.first_line, column.name, *found.texts.begin())
            .help(help_of_constant(column));
    }

    Diagnostic& warn(const Cell& cell, const std::string& column, const std::string& text) {
        return diagnostics_.warning(DiagnosticKind::kBadValue, {},
                                    "`{}`:{}: `{}` in the column `{}` {}", path_, cell.line,
                                    cell.text, column, text);
    }

    /// Scaled numbers lie around 0, where f32 tells neighbours apart.
    void warn_of_rounding(const TableColumn& column, const Found& found) {
        const bool scaled = column.scale != ColumnScale::kNone;
        if (found.longest.line > 0) {
            warn(found.longest, column.name,
                 fmt::format("is rounded: numbers are read as f64, which holds whole ones up to "
                             "{:.0f}",
                             kWholeMostF64))
                .help(fmt::format("`columns: {{{}: ignore}}` leaves out identifiers, from which "
                                  "nothing is learnt",
                                  column.name));
            return;
        }
        const bool coarse = found.lossy.line > 0 && is_coarse_as_float(found.low, found.high);
        if (scaled || (found.rounded.line == 0 && !coarse)) return;
        const std::string why =
            found.rounded.line > 0
                ? fmt::format("f32 holds whole numbers up to {:.0f}", kWholeMost)
                : fmt::format(
                      "f32 has steps of {:.3g} there, and the numbers differ by {:.3g} at "
                      "most",
                      float_step(found.low, found.high), found.high - found.low);
        warn(found.rounded.line > 0 ? found.rounded : found.lossy, column.name,
             "is rounded: " + why)
            .help(fmt::format("`columns: {{{}: {{type: number, scale: standard}}}}` reads such "
                              "numbers as distances from their mean, which are small",
                              column.name));
    }

    /// Warns where the decimal sign was found and not said, and each number that has it could as
    /// well have it between thousands: `1,500`. Beside commas as separators, points are decimal.
    void warn_of_thousands() {
        if (rules_.decimal || table_.format.separator == ',') return;
        const bool comma = table_.format.decimal == ',';
        if (!comma && table_.format.separator != ';') return;
        const TableColumn* column = nullptr;
        const Found* first = nullptr;
        for (size_t i = 0; i < found_.size(); ++i) {
            if (table_.columns[i].kind != ColumnKind::kNumber) continue;
            if (found_[i].certain.line > 0) return;
            if (found_[i].ambiguous.line == 0 || first != nullptr) continue;
            first = &found_[i];
            column = &table_.columns[i];
        }
        if (first == nullptr) return;
        const double number = *parse_cell(first->ambiguous.text, table_.format.decimal);
        warn(first->ambiguous, column->name,
             fmt::format("is read as {}, but no number of the file says that its {} is decimal and "
                         "stands not between thousands",
                         number, comma ? "comma" : "point"))
            .help(fmt::format("`decimal: \"{}\"` says that it is decimal; thousands are written "
                              "without a mark, {:.0f}",
                              table_.format.decimal, 1000 * number));
    }

    /// Warns of a column of which nothing is said and that is hardly meant: one that says nothing,
    /// one that numbers the rows, codes that look like numbers, a category of numbers that are
    /// written in another way or miss here and there, and names of rows.
    void warn_of(const TableColumn& column, const Found& found, bool unnamed) {
        constexpr int64_t kRowsFewest = 10;  // below, every text may be another by chance
        const int64_t cells = table_.rows - found.missing;
        const bool category = column.kind == ColumnKind::kCategory;
        const auto warn = [&](int64_t line, const std::string& text) -> Diagnostic& {
            return diagnostics_
                .warning(DiagnosticKind::kBadValue, {}, "`{}`:{}: {}", path_, line, text)
                .help(fmt::format("`columns: {{{}: ignore}}` leaves it out, `{}: {}` says that it "
                                  "is meant",
                                  column.name, column.name, category ? "category" : "number"));
        };
        const bool scaled = !category && column.scale != ColumnScale::kNone;
        if (found.texts.size() == 1 && cells == table_.rows && cells > 1) {
            if (scaled) return;  // warn_of_constant says so
            warn(found.first_line, fmt::format("the column `{}` is `{}` in all rows", column.name,
                                               *found.texts.begin()));
        } else if (unnamed && !category && found.counts && cells > 1) {
            warn(found.first_line, fmt::format("the column `{}` has no name and numbers the rows, "
                                               "as an index of pandas does",
                                               column.name));
        } else if (!category && found.padded.line > 0) {
            warn(found.padded.line,
                 fmt::format("the column `{}` has `{}`, which is read as the number {:.0f}; codes, "
                             "such as postal codes, are no amounts",
                             column.name, found.padded.text,
                             *parse_cell(found.padded.text, table_.format.decimal)));
        } else if (category && 2 * (found.numbers + found.nearly_numbers) > cells) {
            Diagnostic& warning =
                warn(found.text_line,
                     fmt::format("`{}` is no number, so the column `{}` is a category of {} texts",
                                 found.text, column.name, found.texts.size()));
            warning.help(how_to_write(found.text));
        } else if (category && cells >= kRowsFewest &&
                   static_cast<int64_t>(found.texts.size()) == cells) {
            warn(found.text_line,
                 fmt::format("the column `{}` has another text in each row, as names have",
                             column.name));
        }
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
    std::vector<bool> unnamed_;  ///< columns with an empty cell in the header
};

}  // namespace

Result<Table> find_table(const std::string& path, const TableRules& rules,
                         Diagnostics& diagnostics) {
    return Finder(path, rules, diagnostics).run();
}

}  // namespace gmc::runtime

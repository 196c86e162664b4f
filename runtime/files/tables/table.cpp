// Turns cells of a table into numbers and back, by what is known of each column, and writes that
// knowledge as JSON into the module.
#include "runtime/files/tables/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>

#include "compiler/support/json.h"
#include "compiler/support/numbers.h"

namespace gmc::runtime {
namespace {

/// What pandas, R, SQL and spreadsheets write where there is nothing.
constexpr std::array kMissing = {"",     "NA",   "N/A",  "n/a",  "NaN",  "nan",  "-NaN",
                                 "-nan", "null", "NULL", "None", "#N/A", "<NA>", "?"};
/// What people write in a column of numbers where there is none: dashes, a minus, points.
constexpr std::array<std::string_view, 5> kDashes = {"-", ".", "\u2013", "\u2014", "\u2212"};
/// The minus of typography, U+2212, which text programs write.
constexpr std::string_view kMinus = "\u2212";
constexpr const char* kKinds[] = {"number", "category", "ignored"};
constexpr const char* kScales[] = {"standard", "range", "none"};
/// What numbers of a column are divided by, where that is not 0. Of a constant column it is 1, so
/// that other numbers in other files stay numbers of their size.
double divisor(const TableColumn& column, double spread) {
    return column.low < column.high && spread > 0 ? spread : 1;
}

/// A number as the model sees it.
double scaled(const Table& table, const TableColumn& column, double number) {
    if (column.scale == ColumnScale::kNone) return number;
    if (column.scale == ColumnScale::kStandard)
        return (number - column.mean) / divisor(column, column.deviation);
    const double length = divisor(column, column.high - column.low);
    return table.range_low + (number - column.low) / length * (table.range_high - table.range_low);
}

/// The inverse of scaled(); of a constant column always its number.
double unscaled(const Table& table, const TableColumn& column, double value) {
    if (column.scale == ColumnScale::kNone) return value;
    if (column.scale == ColumnScale::kStandard) return column.mean + value * column.deviation;
    return column.low + (value - table.range_low) / (table.range_high - table.range_low) *
                            (column.high - column.low);
}

/// With an exponent, down to the last decimal of the column; more digits than anybody writes would
/// be those of rounding.
std::string small_text(double number, int decimals) {
    constexpr int kMostDigits = 12;
    if (number == 0) return "0";
    const int place = static_cast<int>(std::floor(std::log10(std::fabs(number))));
    return fmt::format("{:.{}e}", number, std::clamp(decimals + place, 0, kMostDigits));
}

/// A number as it is written into a table: as many decimals as the training data have, and no "-0".
/// Beyond what can be read at a glance, on either side of the point, it has an exponent.
std::string number_text(const Table& table, const TableColumn& column, double value) {
    constexpr int kMostDecimals = 17;
    constexpr double kLarge = 1e16;
    const double number = unscaled(table, column, value);
    std::string text = std::fabs(number) >= kLarge ? fmt::format("{}", number)
                       : column.decimals > kMostDecimals
                           ? small_text(number, column.decimals)
                           : fmt::format("{:.{}f}", number, column.decimals);
    if (text.find_first_not_of("-0.") == std::string::npos && text.starts_with('-'))
        text.erase(0, 1);
    std::replace(text.begin(), text.end(), '.', table.format.decimal);
    return text;
}

/// The numbers of a column with as many digits as it takes to tell the lowest from the highest.
std::string describe_numbers(const TableColumn& c) {
    int digits = 6;
    const auto text = [&](double number) { return fmt::format("{:.{}g}", number, digits); };
    while (digits < 17 && c.low < c.high && text(c.low) == text(c.high)) ++digits;
    return fmt::format("number from {} to {}, mean {}, deviation {:.6g}", text(c.low), text(c.high),
                       text(c.mean), c.deviation);
}

size_t place_of(const char* const* words, size_t count, const std::string& word) {
    return static_cast<size_t>(std::find(words, words + count, word) - words);
}

}  // namespace

int64_t TableColumn::width() const {
    if (kind == ColumnKind::kIgnored) return 0;
    return kind == ColumnKind::kNumber ? 1 : static_cast<int64_t>(categories.size());
}

int64_t Table::width() const {
    int64_t width = 0;
    for (const TableColumn& column : columns) width += column.width() + (column.masked ? 1 : 0);
    return width;
}

int64_t Table::cells() const {
    return std::count_if(columns.begin(), columns.end(), [](const TableColumn& column) {
        return column.kind != ColumnKind::kIgnored;
    });
}

/// Categories, masks and cells that are missing are 0 or 1.
std::pair<double, double> Table::span() const {
    std::pair<double, double> all{0, 0};
    bool first = true;
    const auto add = [&](double low, double high) {
        all = first ? std::pair{low, high}
                    : std::pair{std::min(all.first, low), std::max(all.second, high)};
        first = false;
    };
    for (const TableColumn& column : columns) {
        if (column.kind == ColumnKind::kIgnored) continue;
        if (column.kind == ColumnKind::kCategory || column.masked) add(0, 1);
        if (column.kind == ColumnKind::kNumber)
            add(scaled(*this, column, column.low), scaled(*this, column, column.high));
    }
    return all;
}

/// Goes through the columns, with a second pointer for the masks, which come after all values.
void Table::expand(const float* cells, float* values) const {
    const auto masks = std::count_if(columns.begin(), columns.end(),
                                     [](const TableColumn& column) { return column.masked; });
    float* mask = values + width() - masks;
    for (const TableColumn& column : columns) {
        if (column.kind == ColumnKind::kIgnored) continue;
        const float cell = *cells++;
        const bool there = !std::isnan(cell);
        std::fill_n(values, column.width(), 0.0F);
        if (there && column.kind == ColumnKind::kNumber) *values = cell;
        if (there && column.kind == ColumnKind::kCategory) values[static_cast<size_t>(cell)] = 1;
        values += column.width();
        if (column.masked) *mask++ = there ? 1.0F : 0.0F;
    }
}

/// Goes through the values of a row column by column, with a second pointer for the masks, which
/// stand together at the end of the row.
std::vector<std::string> Table::texts(const float* values) const {
    const auto masks = std::count_if(columns.begin(), columns.end(),
                                     [](const TableColumn& column) { return column.masked; });
    const float* mask = values + width() - masks;
    std::vector<std::string> texts;
    for (const TableColumn& column : columns) {
        if (column.kind == ColumnKind::kIgnored) continue;
        const bool there = !column.masked || *mask++ >= 0.5F;
        if (!there)
            texts.emplace_back();
        else if (column.kind == ColumnKind::kNumber)
            texts.push_back(number_text(*this, column, *values));
        else
            texts.push_back(column.categories[static_cast<size_t>(
                std::max_element(values, values + column.width()) - values)]);
        values += column.width();
    }
    return texts;
}

namespace {

/// The name as it is, or, where it could be taken for several or for none, in quotes.
std::string plain_name(const std::string& name) {
    const auto is_odd = [](unsigned char c) { return c < ' ' || c == ',' || c == 0x7f; };
    const bool odd = name.empty() || name.front() == ' ' || name.back() == ' ' ||
                     name.front() == '"' || std::any_of(name.begin(), name.end(), is_odd);
    return odd ? Json(name).dump() : name;
}

/// "category of 3: Bern, Köln, Ulm", with as many names as a line has room for.
std::string describe_categories(const TableColumn& column) {
    constexpr size_t kNamesMost = 60;  // bytes
    std::string line = fmt::format("category of {}", column.categories.size());
    std::string names;
    for (const std::string& name : column.categories) {
        if (names.size() + name.size() > kNamesMost)
            return line + (names.empty() ? "" : ": " + names + ", ...");
        names += (names.empty() ? "" : ", ") + plain_name(name);
    }
    return line + ": " + names;
}

}  // namespace

/// In brackets stand the positions of the column's values in an example, which other messages and
/// the maps of scores use.
std::vector<std::string> Table::describe() const {
    std::vector<std::string> lines;
    int64_t first = 0;
    for (const TableColumn& column : columns) {
        std::string line = plain_name(column.name) + ": ";
        if (column.kind == ColumnKind::kIgnored) {
            lines.push_back(line + "ignored");
            continue;
        }
        const int64_t last = first + column.width() - 1;
        if (column.kind == ColumnKind::kNumber)
            line += describe_numbers(column);
        else
            line += describe_categories(column);
        if (column.masked) line += ", some missing";
        lines.push_back(line + (first == last ? fmt::format(" [{}]", first)
                                              : fmt::format(" [{} to {}]", first, last)));
        first = last + 1;
    }
    for (const TableColumn& column : columns)
        if (column.masked)
            lines.push_back(fmt::format("{}: mask, 1 where there is something, else 0 [{}]",
                                        plain_name(column.name), first++));
    return lines;
}

std::vector<std::string> Table::describe_shortly() const {
    constexpr size_t kMost = 100;
    std::vector<std::string> lines = describe();
    if (lines.size() <= kMost) return lines;
    const size_t more = lines.size() - kMost / 2;
    lines.resize(kMost / 2);
    lines.push_back(fmt::format("... {} more columns", more));
    return lines;
}

/// Keys are in the order of the alphabet, so the same table is the same text.
std::string Table::to_text() const {
    Json list = Json::array();
    for (const TableColumn& c : columns)
        list.push_back({{"categories", c.categories},
                        {"decimals", c.decimals},
                        {"deviation", c.deviation},
                        {"high", c.high},
                        {"kind", kKinds[static_cast<size_t>(c.kind)]},
                        {"low", c.low},
                        {"masked", c.masked},
                        {"mean", c.mean},
                        {"name", c.name},
                        {"scale", kScales[static_cast<size_t>(c.scale)]}});
    const Json all{{"columns", list},
                   {"decimal", std::string(1, format.decimal)},
                   {"header", format.header},
                   {"quote", std::string(1, format.quote)},
                   {"range", std::vector<double>{range_low, range_high}},
                   {"rows", rows},
                   {"separator", std::string(1, format.separator)}};
    return all.dump();
}

/// The text comes out of a .gmc file, which others may have written: everything is checked, and
/// whatever is missing or of another type makes it none of ours.
std::optional<Table> Table::parse(const std::string& text) {
    const std::optional<Json> parsed = Json::parse(text);
    if (!parsed) return std::nullopt;
    try {
        const Json& all = *parsed;
        Table table;
        table.format = {all.at("separator").text().at(0), all.at("quote").text().at(0),
                        all.at("decimal").text().at(0), all.at("header").flag()};
        table.range_low = all.at("range").at(size_t{0}).number();
        table.range_high = all.at("range").at(size_t{1}).number();
        table.rows = all.at("rows").whole();
        for (const Json& c : all.at("columns").elements()) {
            TableColumn column;
            column.name = c.at("name").text();
            const size_t kind = place_of(kKinds, std::size(kKinds), c.at("kind").text()),
                         scale = place_of(kScales, std::size(kScales), c.at("scale").text());
            if (kind == std::size(kKinds) || scale == std::size(kScales)) return std::nullopt;
            column.kind = static_cast<ColumnKind>(kind);
            column.scale = static_cast<ColumnScale>(scale);
            column.mean = c.at("mean").number();
            column.deviation = c.at("deviation").number();
            column.low = c.at("low").number();
            column.high = c.at("high").number();
            column.decimals =
                static_cast<int>(std::clamp<int64_t>(c.at("decimals").whole(), 0, kDecimalsMost));
            column.masked = c.at("masked").flag();
            column.categories = c.at("categories").texts();
            if (column.kind == ColumnKind::kCategory && column.categories.empty())
                return std::nullopt;
            if (!(column.deviation >= 0) || !(column.low <= column.high)) return std::nullopt;
            // encode_cell() looks names up in their order.
            if (std::adjacent_find(column.categories.begin(), column.categories.end(),
                                   std::greater_equal()) != column.categories.end())
                return std::nullopt;
            table.columns.push_back(std::move(column));
        }
        return table;
    } catch (const JsonError&) {
        return std::nullopt;
    } catch (const std::out_of_range&) {
        return std::nullopt;
    }
}

std::string help_of_constant(const TableColumn& column) {
    return fmt::format(
        "`columns: {{{0}: ignore}}` leaves it out, `{0}: {{type: number, scale: none}}` keeps it",
        column.name);
}

bool is_missing(const std::string& cell) {
    return std::find(kMissing.begin(), kMissing.end(), cell) != kMissing.end();
}

bool is_dash(std::string_view cell) {
    if (cell.empty()) return false;
    while (!cell.empty()) {
        const auto dash = std::find_if(kDashes.begin(), kDashes.end(),
                                       [&](std::string_view d) { return cell.starts_with(d); });
        if (dash == kDashes.end()) return false;
        cell.remove_prefix(dash->size());
    }
    return true;
}

std::vector<std::string> column_names(std::vector<std::string> header) {
    for (size_t i = 0; i < header.size(); ++i)
        if (is_missing(header[i])) header[i] = fmt::format("c{}", i + 1);
    return header;
}

std::optional<double> parse_cell(const std::string& cell, char decimal) {
    std::string text = cell;
    if (text.starts_with('+')) text.erase(0, 1);
    if (text.starts_with(kMinus)) text.replace(0, kMinus.size(), "-");
    if (decimal != '.') {
        if (text.find('.') != std::string::npos) return std::nullopt;
        std::replace(text.begin(), text.end(), decimal, '.');
    }
    double value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = parsed.ptr == text.data() + text.size();
    const std::optional<double> number = finite_number(text);
    if (number || !whole || parsed.ec != std::errc::result_out_of_range) return number;
    const double beyond = std::numeric_limits<double>::infinity();
    return text.starts_with('-') ? -beyond : beyond;
}

std::optional<float> encode_cell(const Table& table, const TableColumn& column,
                                 const std::string& cell) {
    if (is_missing(cell)) return std::numeric_limits<float>::quiet_NaN();
    if (column.kind == ColumnKind::kNumber) {
        if (is_dash(cell)) return std::numeric_limits<float>::quiet_NaN();
        const std::optional<double> number = parse_cell(cell, table.format.decimal);
        if (!number) return std::nullopt;
        const double value = scaled(table, column, *number);
        if (!(std::fabs(value) <= std::numeric_limits<float>::max())) return std::nullopt;
        return static_cast<float>(value);
    }
    const auto found = std::lower_bound(column.categories.begin(), column.categories.end(), cell);
    if (found == column.categories.end() || *found != cell) return std::nullopt;
    return static_cast<float>(found - column.categories.begin());
}

}  // namespace gmc::runtime

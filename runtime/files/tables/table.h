// What a table's columns mean: how rows of text become numbers for a model, and numbers rows of
// text. Found once in the training data; it stays with the model.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/files/tables/csv_reader.h"

namespace gmc::runtime {

/// The last decimal of the least number of f64 with 12 digits.
constexpr int64_t kDecimalsMost = 336;

enum class ColumnKind { kNumber, kCategory, kIgnored };
/// Numbers become (x - mean) / deviation, are mapped from [low, high] to a range, or stay.
enum class ColumnScale { kStandard, kRange, kNone };

/// What was found about one column, from the training data alone; test data are read by the same
/// numbers.
struct TableColumn {
    std::string name;
    ColumnKind kind = ColumnKind::kNumber;
    ColumnScale scale = ColumnScale::kStandard;
    double mean = 0, deviation = 1, low = 0, high = 0;
    int decimals = 0;     ///< the most digits after the decimal point, for writing (kDecimalsMost)
    bool masked = false;  ///< cells may be missing; one more value says whether one is there
    std::vector<std::string> categories;

    /// Values of a row without the mask: 1, or one per category.
    int64_t width() const;
};

/// How a file of rows becomes examples of numbers, and back. Row "31, red" with a standardized
/// number and three colours becomes (0.4, 1, 0, 0).
struct Table {
    CsvFormat format;
    double range_low = 0, range_high = 1;  ///< of ColumnScale::kRange
    int64_t rows = 0;                      ///< of the training data
    std::vector<TableColumn> columns;      ///< as in the file

    /// Values of a row: those of the columns in order, then a mask for each masked column.
    int64_t width() const;
    /// Cells that are kept of a row: one per column that is not ignored.
    int64_t cells() const;
    /// The least and the largest value of a row of the training data.
    std::pair<double, double> span() const;
    /// cells() numbers as encode_cell() gives them -> width() values: numbers scaled, categories
    /// one-hot; all 0 where the cell is missing, and then the mask is 0, too, and else 1.
    void expand(const float* cells, float* values) const;
    /// The texts of a row of width() values, for the columns that are not ignored: numbers with
    /// their units, the likeliest category, "" where a mask is below 0.5.
    std::vector<std::string> texts(const float* values) const;
    /// A line per column, "age: number, mean 38.6, deviation 13.6 [0]", then one per mask.
    std::vector<std::string> describe() const;
    /// The same, of wide tables only the first lines, and how many more there are.
    std::vector<std::string> describe_shortly() const;

    /// As one line of JSON, and back; nothing where it is none of ours. Names and categories have
    /// to be UTF-8, which find_table sees to.
    std::string to_text() const;
    static std::optional<Table> parse(const std::string& text);
};

/// The number of a cell: a number scaled, the place of a category, NaN where it is missing; nothing
/// where the column does not know the text.
std::optional<float> encode_cell(const Table& table, const TableColumn& column,
                                 const std::string& cell);

/// What helps where a column of numbers that are to be scaled has one number only.
std::string help_of_constant(const TableColumn& column);

/// Whether a cell says that there is no value: empty, NA, NaN, null, None, ? and the like.
bool is_missing(const std::string& cell);
/// Whether a cell holds dashes or points only (`-`, `--`, `.`): no value in a column of numbers, a
/// category as any other in one of texts.
bool is_dash(std::string_view cell);
/// The names of columns: the cells of the header. A column whose cell is empty, such as the row
/// numbers that pandas writes, gets the name c1, c2, ... by its place.
std::vector<std::string> column_names(std::vector<std::string> header);

/// The number in a cell, or nothing. Infinity where it is written as a number and beyond f64.
std::optional<double> parse_cell(const std::string& cell, char decimal);

}  // namespace gmc::runtime

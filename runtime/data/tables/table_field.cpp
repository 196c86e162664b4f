// Reads a table in text as a field: one pass turns all cells into floats (TableReader); a row is
// expanded to the values that the model sees when it is asked for (TableField).
#include "runtime/data/tables/table_field.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>

#include "compiler/support/stop_work.h"
#include "runtime/data/tables/float_store.h"
#include "runtime/files/tables/odd_numbers.h"
#include "runtime/files/tables/table_format.h"
#include "runtime/memory/memory_need.h"

namespace gmc::runtime {
namespace {

/// The first cells of a row as a line of a file.
std::string row_text(std::vector<std::string> cells, char separator) {
    constexpr size_t kCellsSaid = 12;
    if (cells.size() > kCellsSaid) {
        cells.resize(kCellsSaid);
        cells.emplace_back("...");
    }
    return fmt::format("{}", fmt::join(cells, std::string(1, separator)));
}

/// Rows as they were read, a float per cell.
class TableField final : public Field {
  public:
    TableField(const TableOptions& options, FloatStore rows)
        : Field(options.name, {options.table.width()},
                static_cast<int64_t>(rows.size()) / options.table.cells(), options.classes),
          table_(options.table),
          cells_(options.table.cells()),
          rows_(std::move(rows)) {}

    void read(int64_t index, float* dst) const override {
        table_.expand(rows_.data() + index * cells_, dst);
    }
    bool in_memory() const override { return rows_.in_memory(); }
    bool can_be_in_memory() const override { return true; }

  private:
    const Table table_;
    const int64_t cells_;
    const FloatStore rows_;
};

/// Reads a file by what is known of the columns from the training data. Columns are found by their
/// names where there is a header, and must be known texts and numbers.
class TableReader {
  public:
    TableReader(CsvReader reader, const TableOptions& options, Diagnostics& diagnostics)
        : reader_(std::move(reader)), options_(options), diagnostics_(diagnostics) {}

    Result<FieldPtr> run() {
        FloatStore rows(options_.memory_bytes > 0 ? options_.memory_bytes : memory_for_data());
        if (!find_columns() || !read_rows(rows)) return Failure{};
        if (!rows.finish()) return report_no_room();
        return FieldPtr(std::make_shared<TableField>(options_, std::move(rows)));
    }

  private:
    template <typename... Args>
    Diagnostic& error(fmt::format_string<Args...> text, Args&&... args) {
        return diagnostics_.error(DiagnosticKind::kBadFile, {}, "{}",
                                  fmt::format(text, std::forward<Args>(args)...));
    }

    // ---- what the table says of the training data, which this file may be itself ----

    static constexpr const char* kCompileAgain =
        "the table has changed since then: compile the model again, or put it back";
    const char* training_data_have() const {
        return options_.is_trained_on ? "it had" : "the training data have";
    }
    const char* when_compiled() const {
        return options_.is_trained_on ? " when the model was compiled" : "";
    }

    Failure report_no_room() {
        error(
            "`{}` does not fit into memory, and there is no room for its rows in the "
            "folder for temporary files",
            reader_.path());
        return Failure{};
    }

    /// The places of the columns in this file.
    bool find_columns() {
        const Table& table = options_.table;
        std::vector<std::string> names;
        if (table.format.header) {
            const Result<bool> more = reader_.next(names, diagnostics_);
            if (!more) return false;
            names = column_names(std::move(names));
        }
        std::unordered_map<std::string_view, size_t> place_of;  // the first of each name
        for (size_t i = 0; i < names.size(); ++i) place_of.emplace(names[i], i);
        for (const TableColumn& column : table.columns) {
            const auto found = place_of.find(column.name);
            const size_t place = !table.format.header      ? places_.size()
                                 : found == place_of.end() ? names.size()
                                                           : found->second;
            places_.push_back(place);
            if (column.kind == ColumnKind::kIgnored || !table.format.header || place < names.size())
                continue;
            report_no_column(names, column);
            return false;
        }
        width_ = table.format.header ? names.size() : table.columns.size();
        return true;
    }

    /// What is not found in a file is often there, but the file is written in another way than the
    /// training data: then this is what is said. False where it is not so.
    bool report_other_format() {
        const CsvFormat& training = options_.table.format;
        Diagnostics unused;
        const auto found = find_table_format(reader_.path(), {.quote = training.quote}, unused);
        if (!found) return false;
        std::vector<std::string> names;
        for (const TableColumn& column : options_.table.columns) names.push_back(column.name);
        const std::string as_trained =
            options_.is_trained_on ? kCompileAgain
            : training.header      ? fmt::format("the first row of the training data is `{}`",
                                                 row_text(names, training.separator))
                                   : "the training data have no row of names";
        const std::string first = row_text(found->first, found->format.separator);
        if (found->format.separator != training.separator && found->first.size() > 1)
            error("`{}` has {} between its cells, but {} {}{}", reader_.path(),
                  separator_name(found->format.separator), training_data_have(),
                  separator_name(training.separator), when_compiled())
                .help(as_trained);
        else if (found->format.header != training.header && found->first.size() == names.size())
            error("`{}` begins with {}, `{}`, but {} {}{}", reader_.path(),
                  training.header ? "a row of data" : "the names of columns", first,
                  options_.is_trained_on ? "began with" : "the training data begin with",
                  training.header ? "the names of columns" : "a row of data", when_compiled())
                .help(as_trained);
        else
            return false;
        return true;
    }

    /// The first row, `names`, has no such column.
    void report_no_column(const std::vector<std::string>& names, const TableColumn& column) {
        if (report_other_format()) return;
        error("`{}` has no column `{}`, which {}{}", reader_.path(), column.name,
              options_.is_trained_on ? "it had" : "the training data have", when_compiled())
            .help(fmt::format(
                "its first row is `{}`{}", row_text(names, options_.table.format.separator),
                options_.is_trained_on ? "; compile the model again, or put it back" : ""));
    }

    bool read_rows(FloatStore& rows) {
        std::vector<std::string> cells;
        std::vector<float> row;
        for (int64_t count = 0; options_.count == 0 || count < options_.count; ++count) {
            check_work_stop();
            const Result<bool> more = reader_.next(cells, diagnostics_);
            if (!more) return false;
            if (!*more) return true;
            if (cells.size() != width_) {
                if (count > 0 || !report_other_format())
                    error("`{}`:{} has {} cell{}, but {} {}{}", reader_.path(), reader_.line(),
                          cells.size(), cells.size() == 1 ? "" : "s",
                          options_.table.format.header ? "the first row has"
                          : options_.is_trained_on     ? "its rows had"
                                                       : "rows of the training data have",
                          width_, options_.table.format.header ? "" : when_compiled());
                return false;
            }
            row.clear();
            if (!read_cells(cells, row, count == 0)) return false;
            if (!rows.append(row)) return (void)report_no_room(), false;
        }
        return true;
    }

    /// Turns the cells of a row into floats. An error says which cell, and what the training data
    /// have there instead.
    bool read_cells(const std::vector<std::string>& cells, std::vector<float>& row, bool first) {
        for (size_t i = 0; i < places_.size(); ++i) {
            const TableColumn& column = options_.table.columns[i];
            if (column.kind == ColumnKind::kIgnored) continue;
            const std::string& cell = cells[places_[i]];
            const std::optional<float> value = encode_cell(options_.table, column, cell);
            if (value && options_.classes > 0 && !is_label(*value))
                return report_label(column, cell);
            if (value && (column.masked || !std::isnan(*value))) {
                row.push_back(*value);
                continue;
            }
            if (first && !options_.table.format.header && report_other_format()) return false;
            const std::string what =
                value || cell.empty() ? fmt::format("{} something in every row{}",
                                                    training_data_have(), when_compiled())
                : column.kind == ColumnKind::kNumber
                    ? "that is no number, or too large for f32"
                    : fmt::format("{} no such category{}", training_data_have(), when_compiled());
            Diagnostic& bad = diagnostics_.error(
                DiagnosticKind::kBadValue, {}, "`{}`:{}: the column `{}` has {}, but {}",
                reader_.path(), reader_.line(), column.name,
                cell.empty() ? "nothing here" : fmt::format("`{}`", cell), what);
            if (!value) help_with(column, cell, bad);
            if (options_.is_trained_on) bad.help(kCompileAgain);
            return false;
        }
        return true;
    }

    bool is_label(float value) const {
        return value >= 0 && value < static_cast<float>(options_.classes) &&
               value == std::floor(value);
    }

    bool report_label(const TableColumn& column, const std::string& cell) {
        diagnostics_
            .error(DiagnosticKind::kBadValue, {},
                   "`{}`:{}: the column `{}` has `{}`, but the labels of {} classes are 0 to {}",
                   reader_.path(), reader_.line(), column.name, cell, options_.classes,
                   options_.classes - 1)
            .help(fmt::format(
                "`classes` of `data.{}`, or of the layer that takes them, says how many "
                "there are",
                options_.name));
        return false;
    }

    /// What to do about a text that the column does not know.
    void help_with(const TableColumn& column, const std::string& cell, Diagnostic& bad) const {
        const char decimal = options_.table.format.decimal;
        if (column.kind == ColumnKind::kCategory)
            bad.help(fmt::format("{} `{}`", options_.is_trained_on ? "it had" : "they have",
                                 row_text(column.categories, ',')));
        else if (parse_cell(cell, decimal == ',' ? '.' : ','))
            bad.help(fmt::format("decimals of the training data are written with `{}`", decimal));
        else if (!parse_cell(cell, decimal))
            bad.help(how_to_write(cell));
    }

    CsvReader reader_;
    const TableOptions& options_;
    Diagnostics& diagnostics_;
    std::vector<size_t> places_;  ///< by column of the table
    size_t width_ = 0;            ///< cells of a row of this file
};

}  // namespace

Result<FieldPtr> read_table(const std::string& path, const TableOptions& options,
                            Diagnostics& diagnostics) {
    Result<CsvReader> reader = CsvReader::open(path, options.table.format, diagnostics);
    if (!reader) return Failure{};
    return TableReader(reader.take(), options, diagnostics).run();
}

}  // namespace gmc::runtime

// Reads `csv:` of a field: the rules that the model gives for the table, and with them its file.
#include <algorithm>
#include <cctype>

#include "compiler/support/utf8.h"
#include "dsl/data/data_field.h"
#include "dsl/data/data_paths.h"
#include "dsl/text/scalar.h"
#include "dsl/values.h"
#include "runtime/files/tables/table_finder.h"

namespace gmc::dsl {
namespace {

/// Reads the keys of `csv:` into the rules by which runtime::find_table looks at the file. The file
/// is read at compile time, unlike pictures: which columns are numbers, and which words a category
/// has, decides the width of a row and so the shapes of the whole model. What is found is kept in
/// the field as text and goes with the module, so that training and `gmrun` read rows in the same
/// way, even of another file.
class TableReader {
  public:
    TableReader(const Entry& source, Diagnostics& diagnostics)
        : source_(source), diagnostics_(diagnostics) {}

    /// Fills source, shape and table of `field`. In `test`, the columns are those of `train`.
    void read(const DataField* train, DataField& field) {
        if (!read_keys(field)) return;
        field.source_span = file_span_;
        if (train && train->format == "csv") {
            refuse_keys();
            field.shape = train->shape;
            field.table = train->table;
            return;
        }
        if (!read_rules(field)) return;
        Diagnostics found;
        const Result<runtime::Table> table = runtime::find_table(field.source, rules_, found);
        for (Diagnostic error : found.list()) {
            error.span = file_span_;
            for (const std::string& hint : where_looked(field.source)) error.help(hint);
            diagnostics_.add(std::move(error));
        }
        for (const Diagnostic& warning : found.warnings()) {
            Diagnostic& placed = diagnostics_.warning(warning.kind, file_span_, "{}", warning.text);
            for (const std::string& help : warning.helps) placed.help(help);
        }
        if (!table) return;
        if (field.classes > 0) check_labels(*table, field);
        field.shape = {table->width()};
        field.table = table->to_text();
    }

  private:
    /// `csv: t.csv` or `csv: {file: t.csv, ...}`.
    bool read_keys(DataField& field) {
        file_span_ = source_.value->span;
        if (source_.value->is_scalar()) {
            if (is_blank(source_.value->text)) {
                note_origin(diagnostics_.error(DiagnosticKind::kBadValue, file_span_,
                                               "`csv` is empty, it needs the path of a table"),
                            *source_.value);
                return false;
            }
            field.source = with_home(source_.value->text);
            return true;
        }
        values_ = read_values(*source_.value, mapping("csv").keys, "`csv`", source_.key_span,
                              diagnostics_);
        if (!values_.ok) return false;
        field.source = with_home(values_.text("file"));
        file_span_ = values_.spans.at("file");
        return true;
    }

    /// In `test` the table is that of `data`; any key but `file` would contradict it or repeat it.
    void refuse_keys() {
        if (source_.value->is_scalar()) return;
        for (const Entry& entry : source_.value->entries)
            if (entry.key != "file")
                diagnostics_.error(DiagnosticKind::kBadValue, entry.key_span,
                                   "`{}` does not apply in `test`: its rows are read as those of "
                                   "the field itself",
                                   entry.key);
    }

    /// One character, or nothing for `auto`.
    std::optional<char> character(const char* key, std::optional<char> otherwise) {
        if (source_.value->is_scalar() || !values_.spans.count(key)) return otherwise;
        const std::string text = values_.text(key);
        if (text == "auto") return otherwise;
        if (text == "tab" || text == "\\t") return '\t';
        if (text == "space") return ' ';
        if (text.size() == 1 && (std::ispunct(static_cast<unsigned char>(text[0])) != 0 ||
                                 text[0] == ' ' || text[0] == '\t'))
            return text[0];
        Diagnostic& error = diagnostics_.error(
            DiagnosticKind::kBadValue, values_.spans.at(key),
            "`{}` is one character of ASCII, no letter and no digit, not {}", key,
            text == "\n" || text == "\r" ? "the end of a line, which separates rows"
                                         : fmt::format("`{}`", text));
        if (text.size() > 1 && utf8_length(text, 0) == text.size())
            error.help(fmt::format("`{}` is {} bytes in UTF-8: replace it in the table, by `;` say",
                                   text, text.size()));
        return otherwise;
    }

    std::optional<char> decimal_sign() {
        if (source_.value->is_scalar() || !values_.spans.count("decimal")) return std::nullopt;
        const std::string text = values_.text("decimal");
        if (text == "." || text == ",") return text[0];
        if (text != "auto")
            diagnostics_.error(DiagnosticKind::kBadValue, values_.spans.at("decimal"),
                               "`decimal` is `.` or `,`, not `{}`", text);
        return std::nullopt;
    }

    /// Each sign has one meaning in a row. A quote is no sign that numbers have, and no space,
    /// which is removed around cells.
    void check_signs() {
        const auto same = [&](const char* first, const char* second, char sign) {
            diagnostics_.error(DiagnosticKind::kBadValue,
                               values_.spans.at(values_.spans.count(first) ? first : second),
                               "`{}` and `{}` are the same, {}", first, second,
                               runtime::separator_name(sign));
        };
        const char quote = rules_.quote;
        if (quote == rules_.separator) return same("quote", "separator", quote);
        if (quote == rules_.decimal) return same("quote", "decimal", quote);
        if (rules_.separator && rules_.separator == rules_.decimal)
            return same("decimal", "separator", *rules_.separator);
        if (std::string_view(".,+- \t").find(quote) != std::string_view::npos)
            diagnostics_
                .error(DiagnosticKind::kBadValue, values_.spans.at("quote"),
                       "{} cannot be the quote: it stands in numbers or around cells",
                       runtime::separator_name(quote))
                .help("usual are `quote: '\"'` and `quote: \"'\"`");
    }

    /// With `classes`, every number is a label of them.
    void check_labels(const runtime::Table& table, const DataField& field) {
        for (const runtime::TableColumn& column : table.columns) {
            if (column.kind == runtime::ColumnKind::kIgnored) continue;
            const bool number = column.kind == runtime::ColumnKind::kNumber;
            const double most = static_cast<double>(field.classes) - 1;
            if (number && column.scale == runtime::ColumnScale::kNone && !column.masked &&
                column.decimals == 0 && column.low >= 0 && column.high <= most)
                continue;
            const std::string why = !number                                       ? "holds words"
                                    : column.scale != runtime::ColumnScale::kNone ? "is scaled"
                                    : column.masked       ? "has cells without a number"
                                    : column.decimals > 0 ? "has numbers with decimals"
                                                          : fmt::format("has numbers from {} to {}",
                                                                        column.low, column.high);
            Diagnostic& error = diagnostics_.error(
                DiagnosticKind::kBadValue, file_span_,
                "the column `{}` of `{}` {}, but the labels of {} classes are 0 to {}", column.name,
                field.source, why, field.classes, field.classes - 1);
            error.help(
                number && column.scale != runtime::ColumnScale::kNone
                    ? std::string("without `scale`, numbers stay as they are")
                : column.low == 1 && column.high == most + 1
                    ? std::string("labels count from 0: subtract 1")
                : number && column.low >= 0 && column.high > most && column.decimals == 0
                    ? fmt::format("`classes: {:.0f}` has room for it", column.high + 1)
                    : fmt::format("`columns: {{{}: ignore}}` leaves the column out", column.name));
            return;
        }
    }

    bool read_rules(const DataField& field) {
        const size_t errors = diagnostics_.count();
        if (field.classes > 0) rules_.scale = runtime::ColumnScale::kNone;
        rules_.range_low = field.range_low;
        rules_.range_high = field.range_high;
        if (source_.value->is_scalar()) return true;
        rules_.separator = character("separator", std::nullopt);
        rules_.decimal = decimal_sign();
        rules_.quote = *character("quote", '"');
        check_signs();
        const std::string header = values_.text("header");
        if (header != "auto") rules_.header = header == "present";
        rules_.mask = values_.text("missing") == "mask";
        if (field.classes == 0 || source_.value->find("scale"))
            rules_.scale = scale_of(values_.text("scale"));
        if (const Entry* columns = source_.value->find("columns")) read_columns(*columns);
        return diagnostics_.count() == errors;
    }

    static runtime::ColumnScale scale_of(const std::string& word) {
        if (word == "none") return runtime::ColumnScale::kNone;
        return word == "range" ? runtime::ColumnScale::kRange : runtime::ColumnScale::kStandard;
    }

    static std::optional<runtime::ColumnKind> kind_of(const std::string& word) {
        if (word == "number") return runtime::ColumnKind::kNumber;
        if (word == "category") return runtime::ColumnKind::kCategory;
        if (word == "ignore") return runtime::ColumnKind::kIgnored;
        return std::nullopt;
    }

    /// `age: number` or `age: {type: number, scale: range}`.
    void read_columns(const Entry& columns) {
        if (!expect_map(*columns.value, "`columns`", columns.key_span, diagnostics_)) return;
        for (const Entry& column : columns.value->entries) {
            runtime::ColumnRules rule{{}, rules_.scale};
            Node map;
            map.kind = Node::Kind::kMap;
            map.span = column.value->span;
            if (column.value->is_scalar())
                map.entries.push_back({"type", column.key_span, column.value});
            const Node& keys = column.value->is_scalar() ? map : *column.value;
            const Values values =
                read_values(keys, mapping("csv column").keys,
                            fmt::format("column `{}`", column.key), column.key_span, diagnostics_);
            if (!values.ok) continue;
            rule.kind = kind_of(values.text("type"));
            if (values.spans.count("scale")) rule.scale = scale_of(values.text("scale"));
            rules_.columns[column.key] = rule;
        }
    }

    const Entry& source_;
    Diagnostics& diagnostics_;
    Values values_;
    Span file_span_;
    runtime::TableRules rules_;
};

}  // namespace

void read_csv(const Entry& source, const DataField* train, DataField& field,
              Diagnostics& diagnostics) {
    TableReader(source, diagnostics).read(train, field);
}

void check_range_of_rows(const Entry& range, const DataField& field, Diagnostics& diagnostics) {
    const std::optional<runtime::Table> table = runtime::Table::parse(field.table);
    if (!table) return;
    const auto is_mapped = [](const runtime::TableColumn& column) {
        return column.kind == runtime::ColumnKind::kNumber &&
               column.scale == runtime::ColumnScale::kRange;
    };
    if (std::any_of(table->columns.begin(), table->columns.end(), is_mapped)) return;
    diagnostics
        .error(DiagnosticKind::kBadValue, range.key_span,
               "`range` maps columns with `scale: range`, but `{}` has none", field.name)
        .help(fmt::format("`csv: {{file: {}, scale: range}}`", field.source));
}

}  // namespace gmc::dsl

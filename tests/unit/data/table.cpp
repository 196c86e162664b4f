// Tables in text: what is found in them, rows turned into values and back, and each error.
#include "runtime/data/tables/table_field.h"

#include <fmt/ranges.h>

#include <cmath>

#include "runtime/files/tables/odd_numbers.h"
#include "runtime/files/tables/table_finder.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

Table found(const std::string& path, const TableRules& rules = {}) {
    Diagnostics diagnostics;
    Result<Table> table = find_table(path, rules, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(table.ok());
    return table.take();
}

FieldPtr field_of(const std::string& path, const Table& table, uint64_t memory = 0) {
    Diagnostics diagnostics;
    Result<FieldPtr> field = read_table(path, {"row", table, 0, memory}, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(field.ok());
    return field.take();
}

std::vector<float> row_of(const Field& field, int64_t index) {
    std::vector<float> row(static_cast<size_t>(field.elements()));
    field.read(index, row.data());
    return row;
}

const char* const kPeople =
    "age,city,height\n"
    "20,Ulm,1.50\n"
    "40,\"Bad, \"\"Bad\"\" Ems\",1.70\r\n"
    "\n"
    "60,Ulm,1.90\n";

TEST_CASE("types, header and statistics of a table are found") {
    const TempFolder folder;
    const Table table = found(folder.write("t.csv", kPeople));
    CHECK(table.rows == 3);
    CHECK(table.format.header);
    REQUIRE(table.columns.size() == 3);
    CHECK(table.columns[0].kind == ColumnKind::kNumber);
    CHECK(table.columns[0].mean == 40);
    CHECK(table.columns[0].deviation == Approx(std::sqrt(800.0 / 3)));
    CHECK(table.columns[0].decimals == 0);
    CHECK(table.columns[1].kind == ColumnKind::kCategory);
    CHECK(table.columns[1].categories == std::vector<std::string>{"Bad, \"Bad\" Ems", "Ulm"});
    CHECK(table.columns[2].decimals == 2);
    CHECK(table.width() == 4);
    CHECK(table.describe()[1] == "city: category of 2: \"Bad, \\\"Bad\\\" Ems\", Ulm [1 to 2]");
    const std::optional<Table> again = Table::parse(table.to_text());
    REQUIRE(again);
    CHECK(again->to_text() == table.to_text());
    CHECK_FALSE(Table::parse("{}"));
    CHECK_FALSE(Table::parse("no"));
    const auto is_refused = [&](auto change) {
        Table other = table;
        change(other.columns);
        return !Table::parse(other.to_text());
    };
    CHECK(is_refused([](auto& columns) { columns[1].categories.clear(); }));
    CHECK(is_refused([](auto& columns) { columns[1].categories = {"Ulm", "Bern"}; }));
    CHECK(is_refused([](auto& columns) { columns[1].categories = {"Ulm", "Ulm"}; }));
    CHECK(is_refused([](auto& columns) { columns[0].deviation = -1; }));
    CHECK(is_refused([](auto& columns) { columns[0].low = columns[0].high + 1; }));
}

TEST_CASE("rows become values, and values the rows that they came from") {
    const TempFolder folder;
    const std::string path = folder.write("t.csv", kPeople);
    const Table table = found(path);
    for (const uint64_t memory : {uint64_t{0}, uint64_t{1}}) {  // kept, or in a temporary file
        const FieldPtr field = field_of(path, table, memory);
        CHECK(field->in_memory() == (memory == 0));
        CHECK(field->count() == 3);
        const float high = std::sqrt(1.5F);
        const std::vector<float> row = row_of(*field, 2);
        CHECK(row[0] == Approx(high));
        CHECK(row[1] == 0);
        CHECK(row[2] == 1);
        CHECK(row[3] == Approx(high));
        CHECK(table.texts(row.data()) == std::vector<std::string>{"60", "Ulm", "1.90"});
        CHECK(table.texts(row_of(*field, 1).data()) ==
              std::vector<std::string>{"40", "Bad, \"Bad\" Ems", "1.70"});
    }
}

TEST_CASE("semicolons, decimal commas, tabs, no header, gzip and a byte order mark are found") {
    const TempFolder folder;
    const Table german = found(folder.write("d.csv", "\xef\xbb\xbfZahl;Wort\n1,5;a\n-2,25;b\n"));
    CHECK(german.format.separator == ';');
    CHECK(german.format.decimal == ',');
    CHECK(german.columns[0].name == "Zahl");
    CHECK(german.columns[0].mean == -0.375);
    const float values[] = {0, 1, 0};
    CHECK(german.texts(values) == std::vector<std::string>{"-0,38", "a"});
    const Table tabs = found(folder.write("t.tsv", "1\t2.5\n3\t4.5\n"));
    CHECK(tabs.format.separator == '\t');
    CHECK_FALSE(tabs.format.header);
    CHECK(tabs.rows == 2);
    CHECK(tabs.columns[1].name == "c2");
    CHECK(found(folder.write("t.csv.gz", gzip(kPeople))).to_text() ==
          found(folder.write("t.csv", kPeople)).to_text());
    TableRules rules;
    rules.header = false;
    CHECK(found(folder.write("w.csv", "a,b\nc,d\n"), rules).rows == 2);
    CHECK(found(folder.write("w.csv", "a,b\nc,d\n")).rows == 1);
}

TEST_CASE("what is said of columns holds, numbers are mapped to a range or stay") {
    const TempFolder folder;
    const std::string path = folder.write("t.csv", "id,grade,x,y\n7,1,0,5\n8,2,10,6\n");
    TableRules rules;
    rules.scale = ColumnScale::kRange;
    rules.range_low = -1;
    rules.columns["id"].kind = ColumnKind::kIgnored;
    rules.columns["grade"].kind = ColumnKind::kCategory;
    rules.columns["y"].scale = ColumnScale::kNone;
    const Table table = found(path, rules);
    const FieldPtr field = field_of(path, table);
    CHECK(row_of(*field, 0) == std::vector<float>{1, 0, -1, 5});
    CHECK(row_of(*field, 1) == std::vector<float>{0, 1, 1, 6});
    CHECK(table.texts(row_of(*field, 1).data()) == std::vector<std::string>{"2", "10", "6"});
}

TEST_CASE("a constant column is 0, and another number there is one of its size") {
    const TempFolder folder;
    const std::string text = "a,b\n1,5\n3,5\n";
    const Table table = found(folder.write("t.csv", text));
    CHECK(row_of(*field_of(folder.write("same.csv", text), table), 0)[1] == 0);
    const FieldPtr other = field_of(folder.write("other.csv", "a,b\n1,5\n3,7\n"), table);
    CHECK(row_of(*other, 1)[1] == 2);
    TableRules mapped;
    mapped.scale = ColumnScale::kRange;
    const Table ranged = found(folder.write("t.csv", text), mapped);
    CHECK(row_of(*field_of(folder.write("other.csv", "a,b\n1,5\n3,7\n"), ranged), 1)[1] == 2);
}

TEST_CASE("missing cells are masked where that is said") {
    const TempFolder folder;
    const std::string path = folder.write("t.csv", "a,b\n1,x\nNA,y\n3,\n");
    TableRules rules;
    rules.mask = true;
    const Table table = found(path, rules);
    CHECK(table.width() == 5);
    const FieldPtr field = field_of(path, table);
    CHECK(row_of(*field, 0) == std::vector<float>{-1, 1, 0, 1, 1});
    CHECK(row_of(*field, 1) == std::vector<float>{0, 0, 1, 0, 1});
    CHECK(row_of(*field, 2) == std::vector<float>{1, 0, 0, 1, 0});
    CHECK(table.texts(row_of(*field, 2).data()) == std::vector<std::string>{"3", ""});
}

TEST_CASE("texts that are meant as numbers are told from names") {
    for (const char* text :
         {"12 %", "1%", "\u22123", "-0,5", "1.234,5", "1 000", "1'000.5", "$3.50", "3.50 \u20ac",
          "2024-01-31", "12:30", "(5)", "120kg", "inf", "-Infinity", "+inf"})
        CHECK(looks_like_number(text));
    for (const char* text : {"", "-", "A1", "red", "n/k", "v2b", "information"})
        CHECK_FALSE(looks_like_number(text));
    CHECK(how_to_write("1.234,5").starts_with("no marks between thousands"));
    CHECK(how_to_write("1.234.567").starts_with("no marks between thousands"));
    CHECK(how_to_write("01.02.2020").starts_with("a date or a time"));
    CHECK(how_to_write("12%").starts_with("numbers are written without `%`"));
    CHECK(how_to_write("inf").find("infinite") != std::string::npos);
}

TEST_CASE("dashes among numbers are missing cells, and a category among texts") {
    const TempFolder folder;
    for (const char* text : {"-", "--", ".", "...", "\u2013", "\u2014", "\u2212"})
        CHECK(is_dash(text));
    for (const char* text : {"", "-1", ".5", "a", "- -", "?"}) CHECK_FALSE(is_dash(text));
    const std::string path = folder.write("t.csv", "n,word\n1,a\n-,-\n3,b\n");
    TableRules rules;
    rules.mask = true;
    const Table table = found(path, rules);
    CHECK(table.columns[0].kind == ColumnKind::kNumber);
    CHECK(table.columns[0].mean == 2);
    CHECK(table.columns[1].categories == std::vector<std::string>{"-", "a", "b"});
    CHECK(row_of(*field_of(path, table), 1) == std::vector<float>{0, 1, 0, 0, 0});
    const Table dashes = found(folder.write("d.csv", "n,m\n-,1\n-,2\n"), {});
    CHECK(dashes.columns[0].kind == ColumnKind::kCategory);
}

TEST_CASE("marks between thousands are told from decimal points") {
    for (const char* text : {"1,000", "1.234,5", "12 345", "1'000.5", "1.234.567"})
        CHECK(has_thousands(text));
    for (const char* text : {"0.125", "1.5", "1234.567", "1.2345", "2020-01-31", ""})
        CHECK_FALSE(has_thousands(text));
}

TEST_CASE("the minus of typography is one") {
    CHECK(parse_cell("\u22121.5", '.') == -1.5);
    CHECK(parse_cell("\u22121,5", ',') == -1.5);
    CHECK_FALSE(parse_cell("\u2212\u22121", '.'));
    CHECK_FALSE(parse_cell("\u2212-1", '.'));
}

TEST_CASE("columns of test data are found by their names") {
    const TempFolder folder;
    const Table table = found(folder.write("t.csv", kPeople));
    const FieldPtr field =
        field_of(folder.write("u.csv", "city,more,height,age\nUlm,?,1.9,60\n"), table);
    CHECK(table.texts(row_of(*field, 0).data()) == std::vector<std::string>{"60", "Ulm", "1.90"});
}

// Time in proportion to the square of the columns would be minutes here.
TEST_CASE("columns are found by name in a table of very many") {
    const TempFolder folder;
    constexpr size_t kColumns = 300'000;
    Table table;
    std::string names, cells;
    for (size_t i = 0; i < kColumns; ++i) {
        TableColumn& column = table.columns.emplace_back();
        column.name = fmt::format("x{:06}", i);
        column.scale = ColumnScale::kNone;
        names += fmt::format("{}x{:06}", i == 0 ? "" : ",", kColumns - 1 - i);
        cells += fmt::format("{}{}", i == 0 ? "" : ",", i % 10);
    }
    const auto field = field_of(folder.write("t.csv", names + "\n" + cells + "\n"), table);
    const std::vector<float> row = row_of(*field, 0);
    CHECK(row.front() == 9);
    CHECK(row.back() == 0);
}

TEST_CASE("errors of tables") {
    const TempFolder folder;
    const auto error_of = [&](const std::string& text, const TableRules& rules = {}) {
        const std::string path = folder.write("t.csv", text);
        Diagnostics diagnostics;
        CHECK_FALSE(find_table(path, rules, diagnostics).ok());
        std::string error = only_error(diagnostics);
        error.replace(error.find(path), path.size(), "T");
        return error;
    };
    CHECK(error_of("") == "[bad-file] `T` has no rows");
    CHECK(error_of("a,b\n") == "[bad-file] `T` has a header but no rows");
    CHECK(error_of("a,b\n1,2\n1\n") == "[bad-file] `T`:3 has 1 cell, but the first row has 2");
    CHECK(error_of("a,b\n1,2\n\"1,2\n") ==
          "[bad-file] `T`:3: the row that begins here has a quote that is not closed");
    CHECK(error_of("a,a\n1,2\n", {true}) == "[duplicate-key] `T` has two columns named `a`");
    CHECK(error_of("a,b\n1,\n2,3\n") ==
          "[bad-value] `T`:2: the column `b` has nothing here, and in 1 of 2 rows");
    CHECK(error_of("a,b\n1,-\n2,3\n") ==
          "[bad-value] `T`:2: the column `b` has `-` here, and no number in 1 of 2 rows");
    CHECK(error_of("a,b\n1,caf\xe9\n") ==
          "[bad-file] `T`:2: cell 2 is not UTF-8 from its byte 0xe9 on");
    CHECK(error_of("a,caf\xe9\n1,2\n") ==
          "[bad-file] `T`:1: cell 2 is not UTF-8 from its byte 0xe9 on");
    TableRules rules;
    rules.columns["b"].kind = ColumnKind::kNumber;
    CHECK(error_of("a,b\n1,2\n1,x\n", rules) ==
          "[bad-value] `T`:3: `x` in the column `b` is no number");
    CHECK(error_of("a,c\n1,2\n", rules) == "[unknown-name] `T` has no column `b`");
    rules.columns = {{"a", {ColumnKind::kIgnored}}};
    CHECK(error_of("a\n1\n", rules) == "[bad-file] `T` has no column that is not ignored");
    rules.columns.clear();
    rules.mask = true;
    rules.header = true;
    CHECK(error_of("a,b\n1,\n", rules) == "[bad-value] `T`:2: the column `b` is empty in all rows");
    rules.columns["b"].kind = ColumnKind::kCategory;
    CHECK(error_of("a,b\n1,\n", rules) == "[bad-value] `T`:2: the column `b` is empty in all rows");
    CHECK(
        error_of("a,b\n1e39,x\n", rules) ==
        "[bad-value] `T`:2: `1e39` in the column `a` is beyond 3.4e38, the largest number of f32");
    rules = {};
    rules.separator = ',';
    const std::string endless(size_t{64} << 20, 'a');
    for (const char* first : {"b", "\""})
        CHECK(error_of("a,b\n1," + (first + endless), rules) ==
              "[too-large] `T`:2: the row that begins here is beyond 64 MiB");
    std::string many = "name,x\n";
    for (int i = 0; i < 1001; ++i) many += fmt::format("n{},1\n", i);
    CHECK(error_of(many) ==
          "[bad-value] `T`:2: the column `name` has more than 1000 different texts");
}

TEST_CASE("rows that the training data do not know are errors") {
    const TempFolder folder;
    const Table table = found(folder.write("t.csv", kPeople));
    const auto error_of = [&](const std::string& text) {
        const std::string path = folder.write("u.csv", text);
        Diagnostics diagnostics;
        CHECK_FALSE(read_table(path, {"row", table}, diagnostics).ok());
        std::string error = only_error(diagnostics);
        error.replace(error.find(path), path.size(), "T");
        return error;
    };
    CHECK(error_of("age,city\n1,Ulm\n") ==
          "[bad-file] `T` has no column `height`, which the training data have");
    CHECK(error_of("age,city,height\n1,Ulm\n") ==
          "[bad-file] `T`:2 has 2 cells, but the first row has 3");
    CHECK(error_of("age,city,height\n1,Bonn,1\n") ==
          "[bad-value] `T`:2: the column `city` has `Bonn`, but the training data have no such "
          "category");
    CHECK(error_of("age,city,height\n1,Ulm,tall\n") ==
          "[bad-value] `T`:2: the column `height` has `tall`, but that is no number, or "
          "too large for f32");
    CHECK(error_of("age,city,height\n1,Ulm,1e39\n") ==
          "[bad-value] `T`:2: the column `height` has `1e39`, but that is no number, or too large "
          "for f32");
    CHECK(error_of("age,city,height\n1,Ulm,\n") ==
          "[bad-value] `T`:2: the column `height` has nothing here, but the training data have "
          "something in every row");
}

}  // namespace
}  // namespace gmc::runtime

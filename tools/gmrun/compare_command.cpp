// gmrun compare: what differs between runs, and what came of it.
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "runtime/files/tables/csv_reader.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/runs/cut_cells.h"
#include "tools/gmrun/runs/run_differences.h"

namespace gmc::tools {
namespace {

/// The least number of digits, from 5 on, by which those of the values that differ do.
int digits_of(const std::vector<double>& values) {
    for (int digits = 5; digits < std::numeric_limits<double>::max_digits10; ++digits) {
        std::map<std::string, double> seen;
        if (std::all_of(values.begin(), values.end(), [&](double value) {
                const auto [found, added] =
                    seen.try_emplace(fmt::format("{:.{}g}", value, digits), value);
                return added || found->second == value || std::isnan(value);
            }))
            return digits;
    }
    return std::numeric_limits<double>::max_digits10;
}

/// A value of a metric, or "-" where a run has none.
std::string number(double value, int digits) {
    return std::isfinite(value) ? fmt::format("{:.{}g}", value, digits) : std::string("-");
}

/// Whether the best value of a metric is its greatest, as one of the runs says.
bool is_highest_best(const std::string& metric, const std::vector<RunHistory>& runs) {
    constexpr std::string_view kValidation = "validation_";
    const std::string_view name =
        std::string_view(metric).substr(metric.starts_with(kValidation) ? kValidation.size() : 0);
    return std::any_of(runs.begin(), runs.end(), [&](const RunHistory& run) {
        const ir::RunPolicy& policy = run.module.run;
        return (policy.best_is_highest && policy.keep_best == name) ||
               (policy.stopping_is_highest && policy.stopping_metric == name);
    });
}

/// How often training went back after divergence, and why it ended so, where any run did.
void add_divergence(const std::vector<RunHistory>& runs, std::vector<Row>& rows) {
    Row back{"rollbacks", {}}, ended{"diverged", {}};
    bool any_back = false, any_ended = false;
    for (const RunHistory& run : runs) {
        any_back = any_back || run.rollbacks > 0;
        any_ended = any_ended || !run.diverged.empty();
        back.values.push_back(fmt::format("{}", run.rollbacks));
        ended.values.push_back(run.diverged.empty() ? kNotSet : run.diverged);
    }
    if (any_back) rows.push_back(std::move(back));
    if (any_ended) rows.push_back(std::move(ended));
}

/// The signs of trouble that stand at the end of each run, where any run has some.
void add_signs(const std::vector<RunHistory>& runs, std::vector<Row>& rows) {
    Row row{"signs", {}};
    bool any = false;
    for (const RunHistory& run : runs) {
        std::set<std::string> names;  // without what shows them: a cell is short
        for (const ToldSign& sign : run.signs)
            if (!sign.gone) names.insert(sign.name);
        any = any || !names.empty();
        row.values.push_back(names.empty() ? kNotSet : fmt::format("{}", fmt::join(names, ", ")));
    }
    if (any) rows.push_back(std::move(row));
}

/// Of runs that ended with steps which training went back behind: of which steps the last values
/// are.
void add_left_out(const std::vector<RunHistory>& runs, std::vector<Row>& rows) {
    Row row{"last values", {}};
    bool any = false;
    for (const RunHistory& run : runs) {
        const bool left_out = std::any_of(run.series.begin(), run.series.end(), [](auto& of) {
            return !of.second.left_out.empty() && of.second.left_out.back();
        });
        any = any || left_out;
        row.values.push_back(
            !left_out ? kNotSet
            : run.back_to == 0
                ? fmt::format("none: back to the first weights after step {}", run.back_from)
                : fmt::format("up to step {}: back there after step {}", run.back_to,
                              run.back_from));
    }
    if (any) rows.push_back(std::move(row));
}

/// How far runs got, and the last value of each metric that training did not go back behind, and
/// its smallest, or its greatest where that is the best: in brackets behind it, or with `apart` in
/// a row of its own.
std::vector<Row> result_rows(const std::vector<RunHistory>& runs, bool apart) {
    std::vector<Row> rows{{"steps", {}}, {"epochs", {}}};
    std::vector<std::string> names;
    for (const RunHistory& run : runs) {
        rows[0].values.push_back(fmt::format("{}", run.step));
        rows[1].values.push_back(fmt::format("{}", run.epoch));
        for (const std::string& name : run.order)
            if (!std::count(names.begin(), names.end(), name)) names.push_back(name);
    }
    add_divergence(runs, rows);
    add_signs(runs, rows);
    add_left_out(runs, rows);
    for (const std::string& name : names) {
        const bool highest = is_highest_best(name, runs);
        const char* extreme = highest ? "greatest" : "least";
        Row row{name, {}}, extremes{fmt::format("{} {}", name, extreme), {}};
        const bool speed = name == "examples_per_s";
        std::vector<double> lasts, bests;
        std::vector<std::optional<double>> kept;
        for (const RunHistory& run : runs) {
            if (run.series.count(name) != 0) row.name = run.title(name);
            const auto series = run.series.find(name);
            const bool has = series != run.series.end() && !series->second.values.empty();
            bests.push_back(highest ? -INFINITY : INFINITY);
            if (has)
                for (const double value : series->second.values)
                    if (std::isfinite(value))
                        bests.back() =
                            highest ? std::max(bests.back(), value) : std::min(bests.back(), value);
            kept.push_back(has ? series->second.last() : std::nullopt);
            if (kept.back()) lasts.push_back(unsigned_nan(*kept.back()));
        }
        const int digits = digits_of(lasts), digits_of_best = digits_of(bests);
        for (size_t i = 0; i < runs.size(); ++i) {
            const auto series = runs[i].series.find(name);
            const bool has = series != runs[i].series.end() && !series->second.values.empty();
            std::string last =
                !kept[i] ? "-" : fmt::format("{:.{}g}", unsigned_nan(*kept[i]), digits);
            extremes.values.push_back(number(bests[i], digits_of_best));
            if (has && !apart && !speed)
                last += fmt::format(" ({} {})", extreme, extremes.values.back());
            row.values.push_back(std::move(last));
        }
        rows.push_back(std::move(row));
        if (apart && !speed) rows.push_back(std::move(extremes));
    }
    return rows;
}

/// Columns as wide as their widest text; cells that are long are cut (cut_cells).
void print_terminal(const std::vector<std::string>& heads, std::vector<Row> rows) {
    for (Row& row : rows) row.values = cut_cells(row.values);
    size_t first = 0;
    std::vector<size_t> widths;
    for (const std::string& head : heads) widths.push_back(head.size());
    for (const Row& row : rows) {
        first = std::max(first, row.name.size());
        for (size_t i = 0; i < row.values.size(); ++i)
            widths[i] = std::max(widths[i], row.values[i].size());
    }
    const auto print = [&](const std::string& name, const std::vector<std::string>& values) {
        std::string text = fmt::format("{:<{}}", name, first);
        for (size_t i = 0; i < values.size(); ++i)
            text += fmt::format("  {:<{}}", values[i], widths[i]);
        print_out("{}\n", text.substr(0, text.find_last_not_of(' ') + 1));
    };
    print("", heads);
    for (const Row& row : rows) print(row.name, row.values);
}

/// A row of a table in Markdown: bars and line breaks in cells would end them.
void print_markdown_row(const std::string& name, const std::vector<std::string>& values) {
    const auto cell = [](const std::string& text) {
        std::string out;
        for (const char c : printable(text)) out += c == '|' ? "\\|" : std::string(1, c);
        return out;
    };
    print_out("| {} |", cell(name));
    for (const std::string& value : values) print_out(" {} |", cell(value));
    print_out("\n");
}

void print_markdown(const std::vector<std::string>& heads, const std::vector<Row>& rows) {
    print_markdown_row("", heads);
    print_out("|---|");
    for (size_t i = 0; i < heads.size(); ++i) print_out("---|");
    print_out("\n");
    for (const Row& row : rows) print_markdown_row(row.name, row.values);
}

void print_csv(const std::vector<std::string>& heads, const std::vector<Row>& rows) {
    std::string text = "name";
    for (const std::string& head : heads) text += "," + runtime::csv_cell(head);
    for (const Row& row : rows) {
        text += "\n" + runtime::csv_cell(row.name);
        for (const std::string& value : row.values) text += "," + runtime::csv_cell(value);
    }
    print_out("{}\n", text);
}

}  // namespace

int compare_command(const Words& words) {
    CommandLine line(
        "gmrun compare [options] RUN...",
        "Prints in what the models of runs differ, and of each loss and metric the last value and "
        "the least, or the greatest where the model says that the highest is the best.");
    line.add_arguments("RUN", "folders of runs, or .gmc files: then their newest runs");
    line.add_choice("format", {"text", "markdown", "csv"}, "how the table is printed");
    line.add_flag("all", "also what is the same in all runs");
    if (!line.parse(words)) return kDone;
    const std::string format = line.text("format");
    Diagnostics diagnostics;
    std::vector<RunHistory> runs;
    const auto heads = run_folders(line.list("RUN"), diagnostics);
    if (!heads.ok()) return report(diagnostics);
    for (const std::string& folder : *heads) {
        Result<RunHistory> run = read_run(folder, diagnostics);
        if (!run) return report(diagnostics);
        runs.push_back(run.take());
    }
    report_warnings(diagnostics);
    std::vector<Row> rows = setting_rows(runs, line.flag("all"));
    for (Row& row : text_rows(runs)) rows.push_back(std::move(row));
    for (Row& row : result_rows(runs, format == "csv")) rows.push_back(std::move(row));
    if (format == "text")
        print_terminal(*heads, rows);
    else
        (format == "csv" ? print_csv : print_markdown)(*heads, rows);
    return kDone;
}

}  // namespace gmc::tools

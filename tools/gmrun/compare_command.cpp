// gmrun compare: what differs between runs, and what came of it.
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "compiler/ir/attributes.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_history.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {
namespace {

/// A table: a name per row and a text per run.
struct Row {
    std::string name;
    std::vector<std::string> values;
    bool differs() const {
        return std::any_of(values.begin(), values.end(),
                           [&](const std::string& v) { return v != values.front(); });
    }
};

int64_t parameters(const ir::Module& module) {
    int64_t count = 0;
    for (const ir::State& state : module.states)
        if (state.role == ir::StateRole::kParameter) count += state.type.elements();
    return count;
}

using Settings = std::map<std::string, std::string>;

/// Adds the fields of one part of the model's contract, as the IR prints them.
template <typename Part>
void add_fields(const std::string& prefix, const Part& part, Settings& out) {
    for (const ir::ConstMember& member : ir::members_of(part))
        out[fmt::format("{}.{}", prefix, member.name)] = ir::attribute_text(member);
}

void add_data(const std::string& prefix, const std::vector<ir::DataField>& fields, Settings& out) {
    for (const ir::DataField& field : fields) {
        const std::string name = fmt::format("{}.{}", prefix, field.name);
        out[name] = fmt::format("{} {} {}", field.format, field.source, ir::to_string(field.shape));
        add_fields(name, field, out);
    }
}

/// What a run was told, and what computed it.
Settings settings(const RunHistory& run) {
    Settings out;
    if (!run.module.origin.settings.empty())
        out["--set"] = fmt::format("{}", fmt::join(run.module.origin.settings, " "));
    out["model"] = run.module.name;
    out["parameters"] = fmt::format("{}", parameters(run.module));
    add_data("data", run.module.data, out);
    add_data("test", run.module.test, out);
    if (run.module.training) add_fields("train", *run.module.training, out);
    add_fields("compile", run.module.compilation, out);
    out["gmrun"] = run.record.version;
    out["machine"] = run.record.machine;
    out["seed"] = fmt::format("{}", run.record.seed);
    out["examples"] = fmt::format("{}", run.record.examples);
    return out;
}

std::vector<Row> setting_rows(const std::vector<RunHistory>& runs, bool all) {
    std::set<std::string> names;
    std::vector<Settings> told;
    for (const RunHistory& run : runs) {
        told.push_back(settings(run));
        for (const auto& [name, value] : told.back()) names.insert(name);
    }
    std::vector<Row> rows;
    for (const std::string& name : names) {
        Row row{name, {}};
        for (const auto& one : told)
            row.values.push_back(one.count(name) ? one.at(name) : std::string("-"));
        if (all || row.differs()) rows.push_back(std::move(row));
    }
    return rows;
}

/// More lines than these are another model, of which no list of lines says what it is.
constexpr int kLinesMost = 20;

/// The lines of a text without comments, and without spaces at their ends.
std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        line = line.substr(0, line.find(" #"));
        line.erase(line.find_last_not_of(" \r") + 1);
        lines.push_back(std::move(line));
    }
    return lines;
}

std::string file_name(const std::string& path) {
    return std::filesystem::path(path).filename().string();
}

/// The texts of a model's files, by the files' names without folders. The first is the model
/// itself, which has the name `main`, since runs of several models have files of several names.
std::map<std::string, std::vector<std::string>> texts_of(const ir::Module& module,
                                                         const std::string& main) {
    std::map<std::string, std::vector<std::string>> texts;
    for (size_t i = 0; i < module.origin.texts.size() && i < module.files.size(); ++i)
        if (module.files[i] != "--set")
            texts[i == 0 ? main : file_name(module.files[i])] = lines_of(module.origin.texts[i]);
    return texts;
}

/// Cuts what all values begin and end with, up to whole entries of a map: `learning_rate: 1e-3`.
void keep_what_differs(std::vector<std::string>& values) {
    const std::string first = values.front();
    size_t begin = first.size(), end = first.size();
    for (const std::string& value : values) {
        const size_t most = std::min(first.size(), value.size());
        const auto differ = std::mismatch(first.begin(), first.begin() + most, value.begin());
        begin = std::min<size_t>(begin, differ.first - first.begin());
        const auto behind = std::mismatch(first.rbegin(), first.rbegin() + most, value.rbegin());
        end = std::min<size_t>(end, behind.first - first.rbegin());
    }
    begin = begin == 0 ? 0 : first.find_last_of("{[,", begin - 1) + 1;  // npos + 1 is 0
    const size_t close = first.find_first_of("}],", first.size() - end);
    end = close == std::string::npos ? 0 : first.size() - close;
    for (std::string& value : values) {
        if (value.size() > begin + end) value = value.substr(begin, value.size() - begin - end);
        value.erase(0, value.find_first_not_of(' '));
    }
}

/// The lines in which the texts of the models differ; where lines were added, those after them do,
/// up to the end that is the same again.
std::vector<Row> text_rows(const std::vector<RunHistory>& runs) {
    std::vector<std::map<std::string, std::vector<std::string>>> texts;
    std::set<std::string> names;
    for (const RunHistory& run : runs) {
        const std::vector<std::string>& files = runs[0].module.files;
        texts.push_back(texts_of(run.module, files.empty() ? "" : file_name(files[0])));
        for (const auto& [name, lines] : texts.back()) names.insert(name);
    }
    std::vector<Row> rows;
    for (const std::string& name : names) {
        int listed = 0;
        const std::vector<std::string>& first = texts[0][name];
        size_t before = first.size(), after = first.size(), longest = 0;
        for (auto& text : texts) {
            const std::vector<std::string>& lines = text[name];
            const size_t most = std::min(first.size(), lines.size());
            longest = std::max(longest, lines.size());
            before = std::min<size_t>(
                before, std::mismatch(first.begin(), first.begin() + most, lines.begin()).first -
                            first.begin());
            after = std::min<size_t>(
                after, std::mismatch(first.rbegin(), first.rbegin() + most, lines.rbegin()).first -
                           first.rbegin());
        }
        for (size_t i = before; i + std::min(after, longest - before) < longest; ++i) {
            Row row{fmt::format("{}:{}", name, i + 1), {}};
            bool everywhere = true;
            for (auto& text : texts) {
                const std::vector<std::string>& lines = text[name];
                const bool there = i + after < lines.size();
                everywhere = everywhere && there;
                row.values.push_back(there ? lines[i] : "-");
            }
            if (!row.differs() || listed > kLinesMost) continue;
            if (++listed > kLinesMost) {
                rows.push_back({fmt::format("{}: more lines", name),
                                std::vector<std::string>(runs.size(), "...")});
                continue;
            }
            if (everywhere) keep_what_differs(row.values);
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

/// The last value of each metric and, in brackets, its smallest.
std::vector<Row> result_rows(const std::vector<RunHistory>& runs) {
    std::vector<Row> rows{{"steps", {}}, {"epochs", {}}};
    std::vector<std::string> names;
    for (const RunHistory& run : runs) {
        rows[0].values.push_back(fmt::format("{}", run.step));
        rows[1].values.push_back(fmt::format("{}", run.epoch));
        for (const std::string& name : run.order)
            if (!std::count(names.begin(), names.end(), name)) names.push_back(name);
    }
    for (const std::string& name : names) {
        Row row{name, {}};
        for (const RunHistory& run : runs) {
            const auto series = run.series.find(name);
            if (series == run.series.end()) {
                row.values.push_back("-");
                continue;
            }
            double least = INFINITY;
            for (const double value : series->second.values)
                if (std::isfinite(value)) least = std::min(least, value);
            const double last = series->second.values.back();
            row.values.push_back(name == "examples_per_s"
                                     ? fmt::format("{:.5g}", last)
                                     : fmt::format("{:.5g} (least {:.5g})", last, least));
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

/// Columns as wide as their widest text, of which the end is cut off where it is long.
void print_terminal(const std::vector<std::string>& heads, std::vector<Row> rows) {
    constexpr size_t kCellMost = 60;
    for (Row& row : rows)
        for (std::string& value : row.values)
            if (value.size() > kCellMost) {
                size_t end = kCellMost - 3;
                while (end > 0 && (value[end] & 0xc0) == 0x80) --end;  // inside of a character
                value = value.substr(0, end) + "...";
            }
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
        fmt::print("{}\n", text.substr(0, text.find_last_not_of(' ') + 1));
    };
    print("", heads);
    for (const Row& row : rows) print(row.name, row.values);
}

void print_markdown(const std::vector<std::string>& heads, const std::vector<Row>& rows) {
    fmt::print("| | {} |\n|---|", fmt::join(heads, " | "));
    for (size_t i = 0; i < heads.size(); ++i) fmt::print("---|");
    fmt::print("\n");
    for (const Row& row : rows) fmt::print("| {} | {} |\n", row.name, fmt::join(row.values, " | "));
}

/// RFC 4180: what holds a comma, a quote or a line break is quoted.
std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + '"';
}

void print_csv(const std::vector<std::string>& heads, const std::vector<Row>& rows) {
    std::string text = "name";
    for (const std::string& head : heads) text += "," + csv_field(head);
    for (const Row& row : rows) {
        text += "\n" + csv_field(row.name);
        for (const std::string& value : row.values) text += "," + csv_field(value);
    }
    fmt::print("{}\n", text);
}

}  // namespace

int compare_command(const Words& words) {
    CommandLine line(
        "gmrun compare [options] RUN...",
        "Prints in what the models of runs differ, and the last and the least value of "
        "each loss and metric.");
    line.add_arguments("RUN", "folders of runs");
    line.add_choice("format", {"text", "markdown", "csv"}, "how the table is printed");
    line.add_flag("all", "also what is the same in all runs");
    if (!line.parse(words)) return kDone;
    const std::string format = line.text("format");
    Diagnostics diagnostics;
    std::vector<RunHistory> runs;
    std::vector<std::string> heads;
    for (const std::string& folder : line.list("RUN")) {
        Result<RunHistory> run = read_run(folder, diagnostics);
        if (!run) return report(diagnostics);
        runs.push_back(run.take());
        heads.push_back(folder);
    }
    std::vector<Row> rows = setting_rows(runs, line.flag("all"));
    for (Row& row : text_rows(runs)) rows.push_back(std::move(row));
    for (Row& row : result_rows(runs)) rows.push_back(std::move(row));
    if (format == "text")
        print_terminal(heads, rows);
    else
        (format == "csv" ? print_csv : print_markdown)(heads, rows);
    return kDone;
}

}  // namespace gmc::tools

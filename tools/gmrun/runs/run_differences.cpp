// Compares what runs were told: the contracts of their models, and the models' texts line by line.
#include "tools/gmrun/runs/run_differences.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include "compiler/ir/attributes.h"
#include "runtime/files/tables/table.h"
#include "tools/gmrun/runs/side_by_side.h"

namespace gmc::tools {
namespace {

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

/// What the contract says of a field beside what is always so, in the words of the model.
void add_field(const std::string& name, const ir::DataField& field, Settings& out) {
    Settings usual;
    add_fields(name, ir::DataField{}, usual);
    add_fields(name, field, out);
    for (const auto& [key, value] : usual)
        if (out[key] == value && !key.ends_with(".range")) out.erase(key);
    for (const char* internal :
         {"range_given", "first", "skip_bad", "channels_first", "ground", "table"})
        out.erase(fmt::format("{}.{}", name, internal));
    if (field.skip_bad) out[name + ".bad_files"] = "skip";
    if (field.channels_first) out[name + ".layout"] = "channels_first";
    if (field.ground >= 0) out[name + ".ground"] = fmt::format("{} of 255", field.ground);
}

void add_data(const std::string& prefix, const std::vector<ir::DataField>& fields, Settings& out) {
    for (const ir::DataField& field : fields) {
        const std::string name = fmt::format("{}.{}", prefix, field.name);
        out[name] = fmt::format("{} {} {}", field.format, field.source, ir::to_string(field.shape));
        add_field(name, field, out);
        const std::optional<runtime::Table> table = runtime::Table::parse(field.table);
        if (!table) continue;
        out.erase(name + ".range");
        const std::vector<std::string> lines = table->describe();  // columns, then their masks
        for (size_t i = 0; i < table->columns.size(); ++i) {
            const std::string& column = table->columns[i].name;
            out[name + "." + column] = lines[i].substr(column.size() + 2);
        }
    }
}

/// What a run was told, and what computed it.
Settings settings(const RunHistory& run) {
    Settings out;
    for (const std::string& setting : run.module.origin.settings) {
        const size_t equals = setting.find('=');
        out["--set " + setting.substr(0, equals)] = setting.substr(equals + 1);
    }
    out["model"] = run.module.name;
    out["parameters"] = fmt::format("{}", parameters(run.module));
    add_data("data", run.module.data, out);
    add_data("test", run.module.test, out);
    if (run.module.training) add_fields("train", *run.module.training, out);
    add_fields("compile", run.module.compilation, out);
    out["gmrun"] = run.record.version;
    out["machine"] = run.record.machine;
    out["seed"] = fmt::format("{}", run.record.seed);
    if (!run.record.begun_with.empty())
        out["weights of"] = fmt::format("{}", fmt::join(run.record.begun_with, ", "));
    else if (!run.record.init.empty())  // an older record
        out["weights of"] = fmt::format("`{}`", run.record.init);
    out["examples"] = fmt::format("{}", run.record.examples);
    if (const std::string local = local_steps_of(run.record); !local.empty())
        out["local steps"] = local;
    for (size_t i = 0; i < run.changes.size(); ++i)
        out[i == 0 ? "changed" : fmt::format("changed {}", i + 1)] = run.changes[i];
    return out;
}

/// How the kernels of a run were chosen, and how many are other ones than in the first: then bits
/// differ.
std::string kernels(const RunHistory& run, const RunHistory& first) {
    if (!run.record.tuned) return "by rules";
    int64_t others = 0;
    for (const auto& [problem, choice] : run.record.contractions) {
        const auto found = first.record.contractions.find(problem);
        others += found != first.record.contractions.end() && found->second != choice ? 1 : 0;
    }
    if (others == 0) return "measured";
    return fmt::format("measured, {} of {} unlike the first", others,
                       run.record.contractions.size());
}

}  // namespace

std::vector<Row> setting_rows(const std::vector<RunHistory>& runs, bool all) {
    std::set<std::string> names;
    std::vector<Settings> told;
    for (const RunHistory& run : runs) {
        told.push_back(settings(run));
        told.back()["kernels"] = kernels(run, runs[0]);
        for (const auto& [name, value] : told.back()) names.insert(name);
    }
    // Where a run lacks a data field, the row of the field itself shows that. The rows of what
    // other runs say about the field (`data.image.range`) would only repeat it.
    const auto is_inside_of_absent = [&](const std::string& name) {
        return std::any_of(told.begin(), told.end(), [&](const Settings& one) {
            for (size_t dot = name.find('.', name.find('.') + 1); dot < name.size();
                 dot = name.find('.', dot + 1))
                if (names.count(name.substr(0, dot)) != 0 && one.count(name.substr(0, dot)) == 0)
                    return true;
            return false;
        });
    };
    std::vector<Row> rows;
    for (const std::string& name : names) {
        if (is_inside_of_absent(name)) continue;
        Row row{name, {}};
        for (const auto& one : told)
            row.values.push_back(one.count(name) ? one.at(name) : std::string(kNotSet));
        if (all || row.differs()) rows.push_back(std::move(row));
    }
    return rows;
}

namespace {

/// More lines than these are another model, of which no list of lines says what it is.
constexpr int kLinesMost = 20;

/// A line of a text, and its number there, from 1.
struct Line {
    std::string text;
    size_t number;
};
using Lines = std::vector<Line>;

/// The lines of a text that say something: without comments, without spaces at their ends.
Lines lines_of(const std::string& text) {
    Lines lines;
    std::istringstream in(text);
    size_t number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        line = line.starts_with('#') ? "" : line.substr(0, line.find(" #"));
        line.erase(line.find_last_not_of(" \t\r") + 1);
        if (!line.empty()) lines.push_back({std::move(line), number});
    }
    return lines;
}

std::string file_name(const std::string& path) {
    return std::filesystem::path(path).filename().string();
}

/// The texts of a model's files, by the files' names without folders; a second file of a name has
/// its path. The first is the model itself, which has the name of the first model's, since runs of
/// several models have files of several names; unless one of the two extends the other.
std::map<std::string, Lines> texts_of(const ir::Module& module, const ir::Module& first) {
    const std::vector<std::string>& files = module.files;
    const auto extends = [](const ir::Module& one, const std::string& name) {
        return std::any_of(one.files.begin() + 1, one.files.end(),
                           [&](const std::string& file) { return file_name(file) == name; });
    };
    std::map<std::string, Lines> texts;
    for (size_t i = 0; i < module.origin.texts.size() && i < files.size(); ++i) {
        if (files[i] == "--set") continue;
        std::string name = file_name(files[i]);
        if (i == 0 && !first.files.empty()) {
            const std::string main = file_name(first.files[0]);
            if (!extends(module, main) && !extends(first, name)) name = main;
        }
        texts[texts.count(name) == 0 ? name : files[i]] = lines_of(module.origin.texts[i]);
    }
    return texts;
}

/// Whether each bracket that is opened in a text is closed in it, and each that is closed opened.
bool is_balanced(std::string_view text) {
    std::string open;
    for (const char c : text) {
        const size_t kind = std::string_view("{[(}])").find(c);
        if (kind == std::string_view::npos) continue;
        if (kind < 3)
            open += "}])"[kind];
        else if (open.empty() || open.back() != c)
            return false;
        else
            open.pop_back();
    }
    return open.empty();
}

/// Whether there are parts that are equal, of values that are not.
bool hides_a_difference(const std::vector<std::string>& values,
                        const std::vector<std::string>& parts) {
    std::map<std::string_view, std::string_view> values_of;
    for (size_t i = 0; i < values.size(); ++i)
        if (values_of.try_emplace(parts[i], values[i]).first->second != values[i]) return true;
    return false;
}

/// Cuts `from` bytes off the front of all values and `behind` off their ends, unless that leaves
/// nothing of one, or a bracket without its other one, or hides that two differ.
bool keep_balanced(std::vector<std::string>& values, size_t from, size_t behind) {
    std::vector<std::string> parts;
    for (const std::string& value : values) {
        if (value.size() <= from + behind) return false;
        parts.push_back(value.substr(from, value.size() - from - behind));
        if (!is_balanced(parts.back())) return false;
        parts.back().erase(0, parts.back().find_first_not_of(' '));
    }
    if (hides_a_difference(values, parts)) return false;
    values = std::move(parts);
    return true;
}

/// The parts between commas that stand in no bracket, of a text in which brackets match.
std::vector<std::string> entries_of(const std::string& text) {
    std::vector<std::string> entries(1);
    int depth = 0;
    for (const char c : text) {
        depth += (c == '{' || c == '[' || c == '(') - (c == '}' || c == ']' || c == ')');
        if (c == ',' && depth == 0)
            entries.emplace_back();
        else if (c != ' ' || !entries.back().empty())
            entries.back() += c;
    }
    return entries;
}

/// Leaves out the entries `name: value` that all values have, unless nothing is left of one or that
/// hides that two differ.
void drop_common_entries(std::vector<std::string>& values) {
    std::vector<std::vector<std::string>> all;
    for (const std::string& value : values) all.push_back(entries_of(value));
    std::vector<std::string> left;
    for (const std::vector<std::string>& entries : all) {
        std::vector<std::string> own;
        for (const std::string& entry : entries)
            if (entry.find(": ") == std::string::npos ||
                !std::all_of(all.begin(), all.end(), [&](const auto& other) {
                    return std::count(other.begin(), other.end(), entry) == 1;
                }))
                own.push_back(entry);
        if (own.empty()) return;
        left.push_back(fmt::format("{}", fmt::join(own, ", ")));
    }
    if (!hides_a_difference(values, left)) values = std::move(left);
}

/// Cuts what all values begin and end with, up to whole entries of a map, `learning_rate: 1e-3`, so
/// that no bracket is cut from its other one.
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
    for (size_t before = begin;;) {
        const size_t open = before == 0 ? std::string::npos : first.find_last_of("{[,", before - 1);
        const size_t from = open + 1;  // npos + 1 is 0
        for (size_t close = first.size() - end;; ++close) {
            close = std::min(first.find_first_of("}],", close), first.size());
            if (keep_balanced(values, from, first.size() - close))
                return drop_common_entries(values);
            if (close == first.size()) break;
        }
        if (from == 0) return;
        before = open;
    }
}

}  // namespace

std::vector<Row> text_rows(const std::vector<RunHistory>& runs) {
    std::vector<std::map<std::string, Lines>> texts;
    std::set<std::string> names;
    for (const RunHistory& run : runs) {
        texts.push_back(texts_of(run.module, runs[0].module));
        for (const auto& [name, lines] : texts.back()) names.insert(name);
    }
    std::vector<Row> rows;
    for (const std::string& name : names) {
        int listed = 0;
        std::vector<std::vector<std::string_view>> views;
        for (auto& text : texts) {
            views.emplace_back();
            for (const Line& line : text[name]) views.back().push_back(line.text);
        }
        for (const LineRow& lines : side_by_side(views)) {
            Row row;
            bool everywhere = true;
            for (size_t run = 0; run < runs.size(); ++run) {
                const bool there = lines[run] != kNoLine;
                everywhere = everywhere && there;
                const Line* line = there ? &texts[run][name][lines[run]] : nullptr;
                row.values.push_back(there ? line->text : kNotSet);
                if (there && row.name.empty()) row.name = fmt::format("{}:{}", name, line->number);
            }
            if ((everywhere && !row.differs()) || listed > kLinesMost) continue;
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

}  // namespace gmc::tools

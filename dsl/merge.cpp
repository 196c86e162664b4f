// Merging: a model on top of those that it `extends`, and --set on top of a model.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include "compiler/support/paths.h"
#include "dsl/expand.h"
#include "dsl/schema/schema.h"
#include "dsl/text/text_file.h"
#include "dsl/values.h"

namespace gmc::dsl {
namespace {

/// Models that extend each other in one chain. A chain that returns to itself is found by its
/// paths; this bounds chains whose paths are all different, as through links.
constexpr size_t kMostBases = 16;

/// The text of one --set, split at its first `=`.
struct Setting {
    std::vector<std::string> path;
    Span key_span;
    NodePtr value;
};

/// Splits "a.b.0" into {"a", "b", "0"}.
std::vector<std::string> split_path(const std::string& text) {
    std::vector<std::string> out(1);
    for (const char c : text) {
        if (c == '.')
            out.emplace_back();
        else
            out.back() += c;
    }
    return out;
}

/// The part of a key by which entries are matched. Keys of functions hold their parameters, and
/// `sample(z, class)` is to take the place of `sample(z)`.
std::string name_of(const std::string& key) { return key.substr(0, key.find('(')); }

/// YAML's words for nothing, which remove a key.
bool is_word_for_null(const std::string& text) {
    return text == "~" || text == "null" || text == "Null" || text == "NULL";
}

/// Parses one --set. Its text becomes a source of its own, so that errors in the value can point
/// into it.
Result<Setting> read_setting(const std::string& text, Diagnostics& diagnostics) {
    const uint32_t file = diagnostics.sources().add("--set", text);
    if (!check_bytes(text, file, diagnostics)) return Failure{};
    const size_t equals = text.find('=');
    const Span whole{file, 1, 1, static_cast<uint32_t>(text.size())};
    if (equals == std::string::npos || equals == 0) {
        diagnostics.error(DiagnosticKind::kBadValue, whole, "--set wants `name=value`, not `{}`",
                          text);
        return Failure{};
    }
    Setting out;
    out.path = split_path(text.substr(0, equals));
    out.key_span = Span{file, 1, 1, static_cast<uint32_t>(equals)};
    // Spaces replace the key, so that places in the value count from the start of the whole text. A
    // value of which nothing follows the `=` is empty text, not null.
    const std::string value = std::string(equals + 1, ' ') + text.substr(equals + 1);
    if (value.find_first_not_of(' ') == std::string::npos) {
        Node empty;
        empty.kind = Node::Kind::kScalar;
        empty.quoted = true;
        empty.span = whole;
        out.value = std::make_shared<const Node>(empty);
        return out;
    }
    const std::string word = value.substr(value.find_first_not_of(' '));
    if (is_word_for_null(word.substr(0, word.find_last_not_of(' ') + 1))) {
        Node nothing;
        nothing.span = whole;
        out.value = std::make_shared<const Node>(nothing);
        return out;
    }
    Result<NodePtr> parsed = parse_document(value, file, diagnostics);
    if (!parsed) return Failure{};
    out.value = parsed.take();
    return out;
}

/// `node` with the value put at path[depth...], or without what is there where that is null. Maps
/// that are missing on the way are created.
Result<NodePtr> put(const NodePtr& node, const Setting& setting, size_t depth,
                    Diagnostics& diagnostics) {
    if (depth == setting.path.size()) return setting.value;
    const std::string& key = setting.path[depth];
    Node copy = *node;
    if (node->is_list()) {
        size_t index = 0;
        const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
        if (error != std::errc() || end != key.data() + key.size() || index >= node->items.size()) {
            diagnostics.error(DiagnosticKind::kUnknownName, setting.key_span,
                              "`{}` is no element of a list of {}; they are counted from 0", key,
                              node->items.size());
            return Failure{};
        }
        Result<NodePtr> child = put(node->items[index], setting, depth + 1, diagnostics);
        if (!child) return Failure{};
        copy.items[index] = child.take();
        return std::make_shared<const Node>(std::move(copy));
    }
    if (!node->is_map() && !node->is_null()) {
        diagnostics.error(DiagnosticKind::kWrongType, setting.key_span,
                          "`{}` cannot be set: what it belongs to is {}", key, describe(*node));
        return Failure{};
    }
    copy.kind = Node::Kind::kMap;
    const Entry* entry = node->find(key);
    if (entry && setting.value->is_null() && depth + 1 == setting.path.size()) {
        std::erase_if(copy.entries, [&](const Entry& one) { return one.key == key; });
        return std::make_shared<const Node>(std::move(copy));
    }
    Node empty;
    empty.kind = Node::Kind::kMap;
    empty.span = setting.key_span;
    Result<NodePtr> child = put(entry ? entry->value : std::make_shared<const Node>(empty), setting,
                                depth + 1, diagnostics);
    if (!child) return Failure{};
    return with_entry(copy, {key, setting.key_span, child.take()});
}

/// Checks the first name of a --set without a dot: it is a variable or a key of the model.
bool check_first_name(const Node& model, const Setting& setting, Diagnostics& diagnostics) {
    std::vector<std::string> known = key_names(mapping("model").keys);
    const Entry* variables = model.find("variables");
    if (variables)
        for (const Entry& entry : variables->value->entries) known.push_back(entry.key);
    if (std::count(known.begin(), known.end(), setting.path[0])) return true;
    report_unknown(DiagnosticKind::kUnknownName, setting.key_span,
                   fmt::format("the model has no variable `{}`", setting.path[0]), setting.path[0],
                   known, diagnostics);
    return false;
}

/// Reports a --set of a key that names other files or parts of them: these are read before.
bool is_changed_late(const Setting& setting, Diagnostics& diagnostics) {
    for (const char* key : {"extends", "import", "replace"}) {
        if (setting.path[0] != key) continue;
        diagnostics
            .error(DiagnosticKind::kBadValue, setting.key_span,
                   "--set cannot change `{}`: it applies to the model with all files that it "
                   "names",
                   key)
            .help(fmt::format("write `{}` into the model, or into a file that says `extends: "
                              "MODEL.yaml`",
                              key));
        return false;
    }
    return true;
}

/// `node` without what stands at path[depth...].
Result<NodePtr> without(const NodePtr& node, const std::vector<std::string>& path, size_t depth,
                        const PlacedName& where, Diagnostics& diagnostics) {
    Node copy = *node;
    const auto entry =
        std::find_if(copy.entries.begin(), copy.entries.end(), [&](const Entry& one) {
            return one.key == path[depth] || name_of(one.key) == path[depth];
        });
    if (!node->is_map() || entry == copy.entries.end()) {
        std::vector<std::string> known;
        for (const Entry& one : copy.entries) known.push_back(name_of(one.key));
        report_unknown(DiagnosticKind::kUnknownName, where.span,
                       fmt::format("`{}` is no part of the model that is extended", where.name),
                       path[depth], known, diagnostics);
        return Failure{};
    }
    if (depth + 1 == path.size()) {
        copy.entries.erase(entry);
    } else {
        Result<NodePtr> rest = without(entry->value, path, depth + 1, where, diagnostics);
        if (!rest) return Failure{};
        entry->value = rest.take();
    }
    return std::make_shared<const Node>(std::move(copy));
}

/// The file that `import: NAME` means: one beside `path`, or else, where the name has no ending,
/// the first of that name in the folders of layers.
std::string imported_file(const std::string& name, const std::string& path,
                          const std::vector<std::string>& layer_directories) {
    namespace fs = std::filesystem;
    const fs::path beside = fs::path(path).parent_path() / name;
    std::error_code error;
    if (!fs::path(name).has_extension() && !fs::exists(beside, error))
        for (const std::string& directory : layer_directories)
            if (const fs::path file = fs::path(directory) / (name + ".yaml");
                fs::exists(file, error))
                return file.string();
    return beside.lexically_normal().string();
}

/// Reports a name without an ending that is neither a file nor one of the layers that come with
/// gmc; true when there is none of it.
bool is_unknown_import(const PlacedName& name, const std::string& file,
                       const std::vector<std::string>& layer_directories,
                       Diagnostics& diagnostics) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (fs::path(name.name).has_extension() || fs::exists(file, error)) return false;
    std::set<std::string> known;
    for (const std::string& directory : layer_directories)
        for (const fs::path& each : paths_in(directory))
            if (each.extension() == ".yaml") known.insert(each.stem().string());
    report_unknown(DiagnosticKind::kUnknownName, name.span,
                   fmt::format("there is no `{}` to import", name.name), name.name,
                   {known.begin(), known.end()}, diagnostics)
        .help("a file of your own is named with its ending: `import: parts.yaml`");
    return true;
}

/// `node` with the place of another, of which it is a fuller form: what is missing in it is said
/// there.
NodePtr placed_as(const NodePtr& node, const NodePtr& other) {
    Node copy = *node;
    copy.span = other->span;
    return std::make_shared<const Node>(std::move(copy));
}

/// Whether two places stand in one file, which may have been read twice: by a model and its base.
bool in_one_file(const Span& a, const Span& b, const SourceFiles& sources) {
    if (!a.known() || !b.known() || a.file == b.file) return true;
    std::error_code error;
    return std::filesystem::equivalent(sources.file(a.file).path(), sources.file(b.file).path(),
                                       error);
}

/// Reports definitions and blocks of `over` that would take the place of those of `base` where one
/// of both was imported: what else stands in the imported file means its own. `imported` are the
/// numbers of those files.
bool keeps_imports(const Node& base, const Node& over, const std::set<uint32_t>& imported,
                   Diagnostics& diagnostics) {
    const size_t errors = diagnostics.count();
    for (const auto& [key, what] : {std::pair{"define", "definition"}, {"blocks", "block"}}) {
        const Entry *below = base.find(key), *above = over.find(key);
        if (below == nullptr || above == nullptr || !below->value->is_map()) continue;
        std::map<std::string, Span> known;
        for (const Entry& entry : below->value->entries) known[name_of(entry.key)] = entry.key_span;
        for (const Entry& entry : above->value->entries) {
            const auto other = known.find(name_of(entry.key));
            if (other == known.end() || entry.value->is_null()) continue;
            Span here = entry.key_span, there = other->second;
            if (imported.count(here.file) != 0) std::swap(here, there);  // the one of the model
            if (imported.count(there.file) == 0 || in_one_file(here, there, diagnostics.sources()))
                continue;
            diagnostics
                .error(DiagnosticKind::kDuplicateKey, here,
                       "a {} cannot be called `{}`, an imported file has a {} of that name", what,
                       other->first, what)
                .note(there, fmt::format("`{}` is here", other->first))
                .help("the imported file uses its own: give this one another name");
        }
    }
    return diagnostics.count() == errors;
}

/// Puts the definitions and blocks of the files that `model` imports beside its own, and notes the
/// numbers of the files.
Result<NodePtr> with_imports(const NodePtr& model, const std::string& path,
                             const std::vector<std::string>& layer_directories,
                             std::set<uint32_t>& imported, Diagnostics& diagnostics) {
    const Entry* import = model->find("import");
    if (!import) return model;
    Node own = *model;
    std::erase_if(own.entries, [](const Entry& entry) { return entry.key == "import"; });
    NodePtr result = std::make_shared<const Node>(std::move(own));
    std::set<std::string> once;  // a file that stands twice in the list is read once
    for (const PlacedName& name : read_names(*import->value, "`import`", diagnostics)) {
        const std::string file = imported_file(name.name, path, layer_directories);
        if (!once.insert(std::filesystem::path(file).lexically_normal().string()).second) continue;
        if (is_unknown_import(name, file, layer_directories, diagnostics)) return Failure{};
        const uint32_t files = diagnostics.sources().count();
        Result<NodePtr> part = read_document(file, diagnostics);
        if (diagnostics.sources().count() > files) {
            diagnostics.sources().set_origin(files + 1, name.span, "imported here");
            imported.insert(files + 1);
        }
        if (!part) return Failure{};
        if (const Entry* further = (*part)->is_map() ? (*part)->find("import") : nullptr) {
            diagnostics
                .error(DiagnosticKind::kBadValue, further->key_span,
                       "an imported file cannot import others")
                .help("the model imports both, as in `import: [a.yaml, b.yaml]`");
            return Failure{};
        }
        std::vector<KeyRow> allowed;
        for (const KeyRow& row : mapping("model").keys)
            for (const std::string_view key : {"define", "blocks", "description"})
                if (row.key == key) allowed.push_back(row);
        if (!check_keys(**part, allowed, "an imported file", (*part)->span, diagnostics))
            return Failure{};
        Node named = **part;
        std::erase_if(named.entries, [](const Entry& entry) { return entry.key == "description"; });
        if (!keeps_imports(named, *result, imported, diagnostics)) return Failure{};
        result = merge(std::make_shared<const Node>(std::move(named)), result);
    }
    return placed_as(result, model);
}

/// Reads the file at `path` and all that it extends. `used_at` is the place that names it, unknown
/// for the model itself.
Result<NodePtr> read_chain(const std::string& path, Span used_at,
                           const std::vector<std::string>& layer_directories,
                           std::vector<std::string>& open, std::set<uint32_t>& imported,
                           Diagnostics& diagnostics) {
    const uint32_t files = diagnostics.sources().count();
    Result<NodePtr> model = read_document(path, diagnostics);
    // Exactly one file was added, also when it could not be read.
    if (used_at.known() && diagnostics.sources().count() > files)
        diagnostics.sources().set_origin(files + 1, used_at, "extended here");
    if (!model || !expect_map(**model, "a model", (*model)->span, diagnostics)) return Failure{};
    model = with_imports(*model, path, layer_directories, imported, diagnostics);
    if (!model) return Failure{};
    const Entry* extends = (*model)->find("extends");
    if (const Entry* replaced = (*model)->find("replace"); replaced && !extends) {
        diagnostics.error(DiagnosticKind::kBadValue, replaced->key_span,
                          "`replace` leaves out parts of a model that is extended, but there is "
                          "no `extends`");
        return Failure{};
    }
    if (!extends) return model;
    const KeyRow* row = find_key(mapping("model").keys, "extends");
    const std::optional<LayerValue> name = read_value(*extends->value, *row, diagnostics);
    if (!name) return Failure{};
    namespace fs = std::filesystem;
    open.push_back(fs::path(path).lexically_normal().string());
    const fs::path beside = fs::path(path).parent_path() / std::get<std::string>(*name);
    const std::string base = beside.lexically_normal().string();
    if (!std::count(open.begin(), open.end(), base) && open.size() > kMostBases) {
        diagnostics.error(DiagnosticKind::kTooLarge, extends->value->span,
                          "more than {} models extend each other in a chain", kMostBases);
        return Failure{};
    }
    if (std::count(open.begin(), open.end(), base)) {
        diagnostics.error(DiagnosticKind::kCycle, extends->value->span,
                          "the model extends itself: {} -> {}", fmt::join(open, " -> "), base);
        return Failure{};
    }
    Result<NodePtr> below =
        read_chain(base, extends->value->span, layer_directories, open, imported, diagnostics);
    if (!below) return Failure{};
    NodePtr extended = below.take();
    if (const Entry* replaced = (*model)->find("replace"))
        for (const PlacedName& part : read_names(*replaced->value, "`replace`", diagnostics)) {
            Result<NodePtr> rest = without(extended, split_path(part.name), 0, part, diagnostics);
            if (!rest) return Failure{};
            extended = rest.take();
        }
    // The name is that of one file.
    if (Node rest = *extended;
        std::erase_if(rest.entries, [](const Entry& entry) { return entry.key == "model"; }) != 0)
        extended = std::make_shared<const Node>(std::move(rest));
    Node own = **model;
    std::erase_if(own.entries, [](const Entry& entry) {
        return entry.key == "extends" || entry.key == "replace";
    });
    if (!keeps_imports(*extended, own, imported, diagnostics)) return Failure{};
    return placed_as(merge(extended, std::make_shared<const Node>(std::move(own))), *model);
}

/// Puts the entries of `over` into `map`; `combine` makes one value of an old and a new one. Where
/// it gives null, the entry is removed.
void put_entries(Node& map, const Node& over,
                 NodePtr (*combine)(const Entry& old_entry, const Entry& new_entry)) {
    std::map<std::string, size_t> places;
    for (size_t i = 0; i < map.entries.size(); ++i) places[name_of(map.entries[i].key)] = i;
    std::set<std::string> excluded;
    for (const Entry& entry : over.entries) {
        for (std::string& key : exclusive_keys(entry.key)) excluded.insert(std::move(key));
        const auto old = places.find(name_of(entry.key));
        if (old == places.end()) {
            map.entries.push_back(entry);
        } else {
            // What `over` took away before, as in {sample(z): ~, sample(): x}, is added anew.
            Entry& place = map.entries[old->second];
            const NodePtr value = place.value ? combine(place, entry) : entry.value;
            place = {entry.key, entry.key_span, value};
        }
    }
    std::erase_if(map.entries, [](const Entry& entry) { return !entry.value; });
    // A new key replaces the old ones that it excludes. Two new keys that exclude each other both
    // stay, and the section's reader reports them.
    std::erase_if(map.entries, [&](const Entry& entry) {
        return excluded.count(entry.key) && !over.find(entry.key);
    });
    measure(map);
}

}  // namespace

NodePtr with_entry(const Node& map, const Entry& entry) {
    Node over;
    over.kind = Node::Kind::kMap;
    over.entries.push_back(entry);
    Node copy = map;
    put_entries(copy, over, [](const Entry&, const Entry& added) { return added.value; });
    return std::make_shared<const Node>(std::move(copy));
}

namespace {

/// `[a, b]` as `{a, b}`, so that metrics of both forms can be joined.
NodePtr as_set(const NodePtr& node) {
    if (!node->is_list()) return node;
    Node map;
    map.kind = Node::Kind::kMap;
    map.span = node->span;
    for (const NodePtr& item : node->items) {
        if (item->is_map()) {
            map.entries.insert(map.entries.end(), item->entries.begin(), item->entries.end());
            continue;
        }
        Node nothing;
        nothing.kind = Node::Kind::kNull;
        nothing.span = item->span;
        map.entries.push_back({item->text, item->span, std::make_shared<const Node>(nothing)});
    }
    measure(map);
    return std::make_shared<const Node>(std::move(map));
}

NodePtr merge_entry(const Entry& base, const Entry& over) {
    const bool metrics = over.key == "metrics";
    // `key: ~` removes the key. Only `metrics` and `parameters` have entries for which to have no
    // value means something: below, these entries are put in and remove nothing.
    if (over.value->is_null() && !metrics) return nullptr;
    if (metrics && base.value->is_list() != over.value->is_list())
        return merge(as_set(base.value), as_set(over.value));
    if (over.key != "metrics" && over.key != "parameters") return merge(base.value, over.value);
    if (!base.value->is_map() || !over.value->is_map()) return over.value;
    Node copy = *base.value;
    put_entries(copy, *over.value, [](const Entry&, const Entry& added) { return added.value; });
    return std::make_shared<const Node>(std::move(copy));
}

}  // namespace

NodePtr merge(const NodePtr& base, const NodePtr& over) {
    if (!base->is_map() || !over->is_map()) return over;
    Node copy = *base;
    put_entries(copy, *over, merge_entry);
    return std::make_shared<const Node>(std::move(copy));
}

Result<NodePtr> read_with_bases(const std::string& path,
                                const std::vector<std::string>& layer_directories,
                                Diagnostics& diagnostics) {
    std::vector<std::string> open;
    std::set<uint32_t> imported;
    return read_chain(path, Span{}, layer_directories, open, imported, diagnostics);
}

/// The settings are applied one after another, so a later one may change what an earlier one made.
/// One with an error is left out, and the others are still checked.
NodePtr apply_sets(NodePtr model, const std::vector<std::string>& sets, Diagnostics& diagnostics) {
    for (const std::string& text : sets) {
        Result<Setting> setting = read_setting(text, diagnostics);
        if (!setting || !check_first_name(*model, *setting, diagnostics)) continue;
        // A variable is preferred to a key: models often have a variable called `data`.
        const Entry* variables = model->find("variables");
        // A scalar variable has no parts, so `--set data.image.count=10` means the model's key
        // `data` even when there is a variable `data`.
        const Entry* variable = variables ? variables->value->find(setting->path[0]) : nullptr;
        if (variable && (setting->path.size() == 1 || variable->value->kind == Node::Kind::kMap))
            setting->path.insert(setting->path.begin(), "variables");
        else if (!is_changed_late(*setting, diagnostics))
            continue;
        Result<NodePtr> changed = put(model, *setting, 0, diagnostics);
        if (changed) model = changed.take();
    }
    return model;
}

}  // namespace gmc::dsl

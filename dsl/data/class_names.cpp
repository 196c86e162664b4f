// Reads the names of classes from a list in the model, or from a text file with a name per line.
#include "dsl/data/class_names.h"

#include <set>
#include <sstream>

#include "dsl/data/data_paths.h"
#include "dsl/text/scalar.h"
#include "dsl/values.h"
#include "runtime/files/atomic_file.h"

namespace gmc::dsl {
namespace {

/// The lines of a text file; the last may be without its end.
Result<std::vector<std::string>> names_in_file(const Node& path, Diagnostics& diagnostics) {
    // Room for more than a million names; a larger file is no list of names.
    constexpr uint64_t kMostBytes = 64'000'000;
    const std::string place = with_home(path.text);
    Diagnostics found;
    const Result<std::string> text = runtime::read_whole_file(place, kMostBytes, found);
    if (!text) {
        Diagnostic error = found.list().front();
        error.span = path.span;
        for (const std::string& hint : where_looked(place)) error.help(hint);
        diagnostics.add(std::move(error));
        return Failure{};
    }
    std::vector<std::string> names;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        if (line.ends_with('\r')) line.pop_back();
        names.push_back(line);
    }
    return names;
}

/// The names of a list in the model.
Result<std::vector<std::string>> listed(const Node& list, Diagnostics& diagnostics) {
    std::vector<std::string> names;
    for (const NodePtr& item : list.items) {
        if (!item->is_scalar()) {
            if (!item->failed)
                diagnostics.error(DiagnosticKind::kWrongType, item->span,
                                  "the name of a class is a text");
            return Failure{};
        }
        names.push_back(item->text);
    }
    return names;
}

}  // namespace

/// Names have to be all different, because they become folders and words of the command line
/// (`sample --class coat`), and as many as `classes` says if it says anything.
void read_class_names(const Entry& entry, DataField& field, Diagnostics& diagnostics) {
    const Node& node = *entry.value;
    if (node.failed) return;
    if (node.is_scalar() && is_blank(node.text) && !node.is_null()) {
        note_origin(
            diagnostics.error(DiagnosticKind::kBadValue, node.span, "`class_names` is empty"),
            node);
        return;
    }
    if (!node.is_list() && (!node.is_scalar() || node.is_null())) {
        diagnostics.error(DiagnosticKind::kWrongType, entry.key_span,
                          "`class_names` is a list of names such as [shirt, coat], or the path of "
                          "a text file with a name in each line");
        return;
    }
    Result<std::vector<std::string>> names =
        node.is_list() ? listed(node, diagnostics) : names_in_file(node, diagnostics);
    if (!names) return;
    if (names->empty()) {
        diagnostics.error(DiagnosticKind::kBadValue, node.span, "there are no class names");
        return;
    }
    std::set<std::string> seen;
    for (const std::string& name : *names) {
        if (!name.empty() && seen.insert(name).second) continue;
        diagnostics.error(DiagnosticKind::kDuplicateKey, node.span, "{}",
                          name.empty() ? "a class has no name"
                                       : fmt::format("two classes are called `{}`", name));
        return;
    }
    const auto count = static_cast<int64_t>(names->size());
    if (field.classes > 0 && field.classes != count) {
        diagnostics.error(DiagnosticKind::kBadValue, node.span,
                          "there are {} class names, but `classes` is {}", count, field.classes);
        return;
    }
    field.classes = count;
    field.class_names = names.take();
}

}  // namespace gmc::dsl

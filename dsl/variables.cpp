// Replaces `${name}` by values. Errors need both places, that of the value and that of its use, so
// the new nodes keep both.
#include <algorithm>
#include <optional>
#include <set>

#include "dsl/expand.h"
#include "dsl/text/lexer.h"
#include "dsl/text/scalar.h"
#include "dsl/values.h"

namespace gmc::dsl {
namespace {

/// One `${name}` in a text: the bytes [begin, end), braces included.
struct Reference {
    size_t begin, end;
    std::string name;
};

/// The first reference at or after `from`. A `${` that is never closed extends to the end of the
/// text; look_up then refuses its name.
std::optional<Reference> find_reference(const std::string& text, size_t from) {
    const size_t begin = text.find("${", from);
    if (begin == std::string::npos) return std::nullopt;
    const size_t close = text.find('}', begin);
    if (close == std::string::npos) return Reference{begin, text.size(), text.substr(begin)};
    return Reference{begin, close + 1, text.substr(begin + 2, close - begin - 2)};
}

/// Replaces the references in one tree. Nodes without any are shared with the old tree.
class Substituter {
  public:
    Substituter(const Bindings& values, const std::vector<std::string>& later,
                Diagnostics& diagnostics)
        : values_(values), later_(later), diagnostics_(diagnostics) {}

    /// Visits one node. The number of nodes is checked again here, since a variable may be a list
    /// and be used many times.
    NodePtr visit(const NodePtr& node) {
        if (node->is_scalar()) return scalar(node);
        if (node->is_null()) return node;
        Node copy = *node;
        bool changed = false;
        for (NodePtr& item : copy.items) changed |= replace(item);
        for (Entry& entry : copy.entries) {
            changed |= replace(entry.value);
            if (entry.key.find("${") != std::string::npos)
                diagnostics_.error(DiagnosticKind::kBadValue, entry.key_span,
                                   "a key cannot hold a variable, this is `{}`", entry.key);
        }
        if (!changed) return node;
        measure(copy);
        if (copy.expanded_nodes > kMostNodes || copy.height > kMostLevels) {
            diagnostics_.error(DiagnosticKind::kTooLarge, node->span,
                               "variables make more than {} values or {} levels of this",
                               format_number(kMostNodes), kMostLevels);
            return node;
        }
        return std::make_shared<const Node>(std::move(copy));
    }

  private:
    bool replace(NodePtr& node) {
        NodePtr changed = visit(node);
        if (changed == node) return false;
        node = std::move(changed);
        return true;
    }

    /// A text that is only `${name}` takes the variable's value with its type. That holds in quotes
    /// too: inside `{}` YAML requires the quotes, and the value is still a number.
    NodePtr scalar(const NodePtr& node) {
        std::optional<Reference> reference = find_reference(node->text, 0);
        if (!reference) return node;
        if (reference->begin == 0 && reference->end == node->text.size()) {
            const NodePtr* value = look_up(*node, *reference);
            if (!value) return is_later(*reference) ? node : as_failed(*node);
            Node copy = **value;
            copy.span = node->span;
            copy.defined = (*value)->defined.known() ? (*value)->defined : (*value)->span;
            copy.places = whole_places(*node, copy.text.size());
            return std::make_shared<const Node>(std::move(copy));
        }
        return mixed(node);
    }

    /// What stands for a value inside of a longer text: a list as expressions write it, [1, 2, 1].
    static std::optional<std::string> text_of(const Node& value) {
        if (value.is_scalar()) return value.text;
        if (!value.is_list()) return std::nullopt;
        std::string list;
        for (const NodePtr& item : value.items) {
            const std::optional<std::string> text = text_of(*item);
            if (!text) return std::nullopt;
            list += (list.empty() ? "" : ", ") + *text;
        }
        return "[" + list + "]";
    }

    /// Replaces references inside a longer text.
    NodePtr mixed(const NodePtr& node) {
        const std::vector<TextPlace> places = text_places(*node, diagnostics_.sources());
        Node copy = *node;
        copy.text.clear();
        auto new_places = std::make_shared<std::vector<TextPlace>>();
        const auto append = [&](size_t begin, size_t end) {
            copy.text += node->text.substr(begin, end - begin);
            new_places->insert(new_places->end(), places.begin() + static_cast<long>(begin),
                               places.begin() + static_cast<long>(end));
        };
        size_t at = 0;
        while (const std::optional<Reference> reference = find_reference(node->text, at)) {
            append(at, reference->begin);
            at = reference->end;
            const NodePtr* value = look_up(*node, *reference);
            if (!value) {
                append(reference->begin, reference->end);
                copy.failed |= !is_later(*reference);
                continue;
            }
            copy.failed |= (*value)->failed;
            const std::optional<std::string> text = text_of(**value);
            if (!text) {
                copy.failed = true;
                diagnostics_
                    .error(DiagnosticKind::kWrongType, reference_span(*node, *reference),
                           "`{}` is {}, which cannot be part of a text", reference->name,
                           describe(**value))
                    .note_value((*value)->span);
                continue;
            }
            copy.text += *text;
            const TextPlace& first = places[reference->begin];
            const TextPlace& last = places[reference->end - 1];
            new_places->insert(new_places->end(), text->size(),
                               {first.offset, last.offset + last.length - first.offset});
            if (copy.text.size() > kMostText) {
                diagnostics_.error(DiagnosticKind::kTooLarge, node->span,
                                   "a text grows beyond {} bytes", kMostText);
                return node;
            }
        }
        append(at, node->text.size());
        copy.places = std::move(new_places);
        return std::make_shared<const Node>(std::move(copy));
    }

    bool is_later(const Reference& reference) const {
        return std::count(later_.begin(), later_.end(), reference.name) != 0;
    }

    /// A copy of the node that is marked as failed, so that no reader complains about its text.
    static NodePtr as_failed(const Node& node) {
        Node copy = node;
        copy.failed = true;
        return std::make_shared<const Node>(std::move(copy));
    }

    /// The value of a reference; null when it is to be left as it is, or was reported.
    const NodePtr* look_up(const Node& node, const Reference& reference) {
        if (is_later(reference)) return nullptr;
        const auto found = values_.find(reference.name);
        if (found != values_.end()) return &found->second;
        const Span span = reference_span(node, reference);
        if (!is_name(reference.name)) {
            Diagnostic& error = diagnostics_.error(
                DiagnosticKind::kBadValue, span, "`{}` is not of the form `${{name}}`",
                node.text.substr(reference.begin, reference.end - reference.begin));
            if (const size_t end = reference.name.find_first_of(" */+-");
                end != 0 && end != std::string::npos)
                error.help(fmt::format("what is computed stands behind it: `${{{}}}{}`",
                                       reference.name.substr(0, end), reference.name.substr(end)));
            return nullptr;
        }
        std::vector<std::string> known = later_;
        for (const auto& [name, value] : values_) known.push_back(name);
        report_unknown(DiagnosticKind::kUnknownName, span,
                       fmt::format("there is no variable `{}`", reference.name), reference.name,
                       known, diagnostics_);
        return nullptr;
    }

    Span reference_span(const Node& node, const Reference& reference) const {
        return span_of_text(text_places(node, diagnostics_.sources()), reference.begin,
                            reference.end, node.span.file, diagnostics_.sources());
    }

    std::shared_ptr<const std::vector<TextPlace>> whole_places(const Node& node,
                                                               size_t bytes) const {
        const TextPlace whole{offset_of(node.span, diagnostics_.sources()),
                              std::max<size_t>(node.span.length, 1)};
        return std::make_shared<const std::vector<TextPlace>>(bytes, whole);
    }

    /// Bytes of one text after replacing. Variables within variables double with each level, so a
    /// few lines could otherwise make a text of gigabytes.
    static constexpr size_t kMostText = 100'000;
    const Bindings& values_;
    const std::vector<std::string>& later_;
    Diagnostics& diagnostics_;
};

/// Resolves variables that refer to each other, depth first.
class VariableReader {
  public:
    VariableReader(const Node& variables, Diagnostics& diagnostics)
        : variables_(variables), diagnostics_(diagnostics) {
        for (const Entry& entry : variables.entries) entries_.emplace(entry.key, &entry);
    }

    Bindings read() {
        for (const Entry& entry : variables_.entries) resolve(entry);
        return std::move(done_);
    }

  private:
    /// Resolves one variable. One that depends on itself stays as it is and is marked as failed.
    void resolve(const Entry& entry) {
        if (done_.count(entry.key)) return;
        open_.push_back(entry.key);
        NodePtr value = entry.value;
        if (!check_name(entry.key, "a variable", entry.key_span, diagnostics_) ||
            !resolve_references(*value)) {
            Node failed = *value;
            failed.failed = true;
            value = std::make_shared<const Node>(std::move(failed));
        } else {
            value = substitute(value, done_, open_, diagnostics_);
        }
        open_.pop_back();
        done_[entry.key] = value;
    }

    /// Resolves all that `node` refers to; false when that leads back to a variable being resolved.
    bool resolve_references(const Node& node) {
        bool ok = true;
        for (const NodePtr& item : node.items) ok &= resolve_references(*item);
        for (const Entry& entry : node.entries) ok &= resolve_references(*entry.value);
        size_t at = 0;
        while (const std::optional<Reference> reference = find_reference(node.text, at)) {
            at = reference->end;
            const auto entry = entries_.find(reference->name);
            const auto cycle = std::find(open_.begin(), open_.end(), reference->name);
            if (cycle != open_.end()) {
                diagnostics_.error(DiagnosticKind::kCycle, node.span,
                                   "the variable `{}` needs itself: {} -> {}", *cycle,
                                   fmt::join(cycle, open_.end(), " -> "), *cycle);
                ok = false;
            } else if (entry != entries_.end() && open_.size() < kMostOpen) {
                resolve(*entry->second);
            } else if (entry != entries_.end() && done_.count(reference->name) == 0) {
                if (!length_reported_)
                    diagnostics_.error(DiagnosticKind::kTooLarge, node.span,
                                       "`{}` is needed by a chain of more than {} variables",
                                       reference->name, kMostOpen);
                length_reported_ = true;
                ok = false;
            }
        }
        return ok;
    }

    /// Variables that wait for another one; bounds the recursion of `resolve`.
    static constexpr size_t kMostOpen = 100;
    const Node& variables_;
    std::map<std::string, const Entry*> entries_;
    Diagnostics& diagnostics_;
    Bindings done_;
    bool length_reported_ = false;
    std::vector<std::string> open_;
};

/// Replaces variables in a block. In `layers` and `requires`, the names of parameters are left:
/// each use of the block has its own values for them.
NodePtr substitute_block(const NodePtr& block, const Bindings& variables,
                         Diagnostics& diagnostics) {
    std::vector<std::string> parameters;
    if (const Entry* entry = block->find("parameters"))
        for (const Entry& parameter : entry->value->entries) parameters.push_back(parameter.key);
    Node copy = *block;
    for (Entry& entry : copy.entries)
        entry.value = substitute(entry.value, variables,
                                 entry.key == "layers" || entry.key == "requires"
                                     ? parameters
                                     : std::vector<std::string>{},
                                 diagnostics);
    return std::make_shared<const Node>(std::move(copy));
}

}  // namespace

NodePtr substitute(const NodePtr& node, const Bindings& values,
                   const std::vector<std::string>& later, Diagnostics& diagnostics) {
    return Substituter(values, later, diagnostics).visit(node);
}

Bindings read_variables(const Node& model, Diagnostics& diagnostics) {
    const Entry* variables = model.find("variables");
    if (!variables || !variables->value->is_map())
        return {};  // what is no map is reported with the model's keys
    return VariableReader(*variables->value, diagnostics).read();
}

namespace {

/// The names in all texts below `node`, in expressions or in `${name}`.
void collect_names(const Node& node, std::set<std::string>& names) {
    const std::string& text = node.text;
    for (size_t begin = 0; begin < text.size();) {
        size_t end = begin + 1;
        if (is_name_start(text[begin])) {
            while (end < text.size() && is_name_part(text[end])) ++end;
            names.insert(text.substr(begin, end - begin));
        }
        begin = end;
    }
    for (const NodePtr& item : node.items) collect_names(*item, names);
    for (const Entry& entry : node.entries) {
        Node key;
        key.text = entry.key;  // `scale: relu` in a map of metrics, or `f(x)` of functions
        collect_names(key, names);
        collect_names(*entry.value, names);
    }
}

}  // namespace

/// A variable counts as used when its name occurs anywhere, even in a text where it means something
/// else: a missing warning is better than a wrong one.
void check_unused_variables(const Node& model, Diagnostics& diagnostics) {
    const Entry* variables = model.find("variables");
    if (!variables || !variables->value->is_map()) return;
    std::set<std::string> used;
    for (const Entry& entry : model.entries)
        if (&entry != variables) collect_names(*entry.value, used);
    for (const Entry& entry : variables->value->entries) collect_names(*entry.value, used);
    for (const Entry& entry : variables->value->entries) {
        const Span& span = entry.key_span;
        // A base has variables for all models that extend it.
        if (used.count(entry.key) || !span.known() ||
            diagnostics.sources().file(span.file).used_at().known())
            continue;
        diagnostics
            .warning(DiagnosticKind::kUnused, span, "nothing uses the variable `{}`", entry.key)
            .help(
                fmt::format("it is used as `${{{}}}`, or by its name in an expression", entry.key));
    }
}

NodePtr substitute_variables(const NodePtr& model, const Bindings& variables,
                             Diagnostics& diagnostics) {
    Node copy = *model;
    for (Entry& entry : copy.entries) {
        if (entry.key == "variables") continue;
        if (entry.key != "blocks" || !entry.value->is_map()) {
            entry.value = substitute(entry.value, variables, {}, diagnostics);
            continue;
        }
        Node blocks = *entry.value;
        for (Entry& block : blocks.entries)
            block.value = substitute_block(block.value, variables, diagnostics);
        entry.value = std::make_shared<const Node>(std::move(blocks));
    }
    return std::make_shared<const Node>(std::move(copy));
}

}  // namespace gmc::dsl

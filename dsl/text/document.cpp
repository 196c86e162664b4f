// Builds our tree from yaml-cpp's events rather than from its own tree, so that this file decides
// about anchors, aliases, duplicate keys, tags and depth.
// yaml-cpp 0.7 to 0.9: marks count from 0 and `pos` is a byte offset; plain scalars have the tag
// "?" and quoted ones "!".
#include "dsl/text/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include "compiler/support/stop_work.h"
#include "dsl/text/malformed.h"
#include "dsl/text/parentheses.h"
#include "dsl/text/scalar.h"
#include "dsl/text/text_file.h"

namespace gmc::dsl {
namespace {

/// Thrown through yaml-cpp's parser when an error was reported after which going on makes no sense.
struct Stop {};

/// Receives the events of one document.
class TreeBuilder : public YAML::EventHandler {
  public:
    TreeBuilder(const std::string& text, uint32_t file, Diagnostics& diagnostics)
        : text_(text), file_(file), diagnostics_(diagnostics) {}

    NodePtr root() const { return root_; }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    /// `key:`, `~` or `null`.
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        auto node = std::make_shared<Node>();
        node->span = span_at(offset(mark), 1);
        // A `key:` with nothing after it is best shown at the key.
        if (!open_.empty() && open_.back().key && !starts_with_null(offset(mark)))
            node->span = open_.back().key->span;
        add(node, anchor);
    }

    /// `*name`: the node is copied, to have a place of its own; its children are shared.
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const size_t begin = offset(mark);
        const Span span = span_at(begin, word_length(begin));
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) {
            diagnostics_.error(DiagnosticKind::kBadYaml, span,
                               "an alias is used inside of what it stands for");
            throw Stop{};
        }
        // An error is to be shown at the place of use. Nodes further down keep their own places.
        auto node = std::make_shared<Node>(*found->second);
        node->span = span;
        node->defined = found->second->span;
        add(node, 0);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        auto node = std::make_shared<Node>();
        node->kind = Node::Kind::kScalar;
        const size_t begin = skip_properties(offset(mark));
        node->quoted = begin < text_.size() && (text_[begin] == '"' || text_[begin] == '\'');
        node->text = node->quoted ? value : shown(value);
        node->span = span_at(begin, scalar_length(begin, node->text));
        check_tag(tag, mark);
        check_closed(*node, begin);
        add(node, anchor);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        start(Node::Kind::kList, mark, tag, anchor);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        start(Node::Kind::kMap, mark, tag, anchor);
    }
    void OnSequenceEnd() override { end(); }
    void OnMapEnd() override { end(); }

  private:
    /// A list or map whose end was not seen yet.
    struct Open {
        std::shared_ptr<Node> node;
        YAML::anchor_t anchor = 0;
        /// In a map, the key whose value comes next.
        NodePtr key;
        /// In a map, the values of its keys `<<`: maps whose entries it takes over.
        std::vector<NodePtr> merged;
        /// In a map, the index of each key among the entries, to find repeated keys.
        std::unordered_map<std::string, size_t> places;
    };

    /// Opens a list or map. Depth is bounded here, before yaml-cpp recurses into the contents.
    void start(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
               YAML::anchor_t anchor) {
        const size_t begin = skip_properties(offset(mark));
        check_tag(tag, mark);
        if (open_.size() >= kMostLevels) stop_too_deep(span_at(begin, 1));
        Open open;
        open.node = std::make_shared<Node>();
        open.node->kind = kind;
        open.node->span = span_at(begin, 1);
        open.anchor = anchor;
        open_.push_back(std::move(open));
    }

    /// Closes a list or map: applies its `<<` and measures it.
    void end() {
        Open done = std::move(open_.back());
        open_.pop_back();
        Node& node = *done.node;
        for (const NodePtr& map : done.merged) merge(node, *map);
        measure(node);
        const bool flow = begins_with(node.span, '{');
        if (node.is_map() && !flow && !node.entries.empty())
            node.span = node.entries.front().key_span;
        add(done.node, done.anchor);
    }

    /// Puts a complete node where it belongs: it is the root, an item, a key or a value.
    void add(const std::shared_ptr<Node>& node, YAML::anchor_t anchor) {
        if (anchor != 0) anchors_[anchor] = node;
        ++nodes_;
        if (node->expanded_nodes > kMostNodes || nodes_ > kMostNodes) {
            diagnostics_.error(DiagnosticKind::kTooLarge, node->span,
                               "the file has more than {} values once its aliases are expanded",
                               format_number(kMostNodes));
            throw Stop{};
        }
        if (open_.size() + node->height > kMostLevels) stop_too_deep(node->span);
        if (open_.empty()) {
            root_ = node;
        } else if (open_.back().node->is_list()) {
            open_.back().node->items.push_back(node);
        } else if (!open_.back().key) {
            check_key(*node);
            open_.back().key = node;
        } else {
            add_value(open_.back(), node);
        }
    }

    /// Adds a value under the key that waits for it. Duplicate keys are reported, since yaml-cpp
    /// 0.7 silently keeps the first.
    void add_value(Open& map, const NodePtr& value) {
        const NodePtr key = std::move(map.key);
        map.key = nullptr;
        if (!key->is_scalar()) return;  // check_key reported it
        if (key->text == "<<" && !key->quoted) {
            add_merge(map, *key, value);
            return;
        }
        const auto [place, added] = map.places.insert({key->text, map.node->entries.size()});
        if (!added) {
            Diagnostic& error = diagnostics_
                                    .error(DiagnosticKind::kDuplicateKey, key->span,
                                           "the key `{}` is given twice", key->text)
                                    .note(map.node->entries[place->second].key_span,
                                          fmt::format("`{}` is given here first", key->text));
            if (in_list_of_language()) error.help("each element of a list starts with `- `");
            return;
        }
        map.node->entries.push_back({key->text, key->span, value});
    }

    /// Whether the map being read stands where the language has a list.
    bool in_list_of_language() const {
        if (open_.size() < 2) return false;
        const NodePtr& key = open_[open_.size() - 2].key;
        return key && (key->text == "layers" || key->text == "minimize");
    }

    /// `<<: *base` or `<<: [*a, *b]`: adds the keys that the map does not have itself.
    void add_merge(Open& map, const Node& key, const NodePtr& value) {
        if (value->is_list())
            for (const NodePtr& one : value->items) add_merged(map, key, one);
        else
            add_merged(map, key, value);
    }

    void add_merged(Open& map, const Node& key, const NodePtr& one) {
        if (one->is_map())
            map.merged.push_back(one);
        else
            diagnostics_.error(DiagnosticKind::kBadYaml, key.span, "`<<` merges maps, this is {}",
                               describe(*one));
    }

    /// Adds the entries of `from` whose keys `into` lacks. Own keys win, and so do those of an
    /// earlier `<<`.
    static void merge(Node& into, const Node& from) {
        for (const Entry& entry : from.entries)
            if (!into.find(entry.key)) into.entries.push_back(entry);
    }

    /// Reports keys that are lists or maps; YAML allows them, the language does not.
    void check_key(const Node& key) {
        if (key.is_scalar()) return;
        diagnostics_.error(DiagnosticKind::kBadYaml, key.span, "a key has to be a word, this is {}",
                           describe(key));
    }

    /// Reports tags. They change types unseen (`!!str 3`), and no model needs one.
    void check_tag(const std::string& tag, const YAML::Mark& mark) {
        if (tag.empty() || tag == "?" || tag == "!") return;
        const size_t begin = offset(mark);
        const size_t length = word_length(begin);
        diagnostics_.error(DiagnosticKind::kBadYaml, span_at(begin, length),
                           "YAML tags such as `{}` are not part of the language",
                           text_.substr(begin, length));
    }

    [[noreturn]] void stop_too_deep(Span span) {
        diagnostics_.error(DiagnosticKind::kBadYaml, span,
                           "the file is nested deeper than {} levels", kMostLevels);
        throw Stop{};
    }

    size_t offset(const YAML::Mark& mark) const {
        return mark.pos < 0 ? text_.size() : std::min(static_cast<size_t>(mark.pos), text_.size());
    }
    Span span_at(size_t begin, size_t length) const {
        return diagnostics_.sources().file(file_).span_at(file_, begin, length);
    }
    bool begins_with(const Span& span, char c) const {
        const size_t at = offset_of(span, diagnostics_.sources());
        return at < text_.size() && text_[at] == c;
    }
    /// True when null is written out at this place, false when the value was left out.
    bool starts_with_null(size_t at) const {
        return text_.compare(at, 1, "~") == 0 || text_.compare(at, 4, "null") == 0 ||
               text_.compare(at, 4, "Null") == 0 || text_.compare(at, 4, "NULL") == 0;
    }
    /// Number of bytes up to the end of an alias, anchor or tag.
    size_t word_length(size_t begin) const {
        return std::min(text_.find_first_of(" \t\r\n,]}", begin), text_.size()) - begin;
    }
    /// A node's mark is at its `&anchor` or `!tag`; the content comes after these.
    size_t skip_properties(size_t at) const {
        while (at < text_.size() && (text_[at] == '&' || text_[at] == '!')) {
            at += word_length(at);
            at = std::min(text_.find_first_not_of(" \t\r\n", at), text_.size());
        }
        return at;
    }
    /// Number of bytes of a scalar on its first line, quotes included.
    size_t scalar_length(size_t begin, const std::string& value) const {
        if (begin >= text_.size()) return 0;
        const size_t line_end = std::min(text_.find('\n', begin), text_.size());
        if (text_[begin] == '"' || text_[begin] == '\'')
            return std::min(quoted_end(text_, begin), line_end) - begin;
        if (text_.compare(begin, value.size(), value) == 0 && begin + value.size() <= line_end)
            return value.size();
        return line_end - begin;
    }

    /// Reports a quote that is never closed; yaml-cpp takes the end of the file for the closing
    /// quote.
    void check_closed(const Node& scalar, size_t begin) {
        if (!scalar.quoted || quoted_end(text_, begin) <= text_.size()) return;
        diagnostics_.error(DiagnosticKind::kBadYaml, span_at(begin, 1), "a quote is not closed");
    }

    const std::string& text_;
    const uint32_t file_;
    Diagnostics& diagnostics_;
    NodePtr root_;
    std::vector<Open> open_;
    std::unordered_map<YAML::anchor_t, NodePtr> anchors_;
    size_t nodes_ = 0;
};

}  // namespace

/// yaml-cpp calls TreeBuilder for each thing that it reads, which keeps places and refuses what
/// models may not have; the tree of yaml-cpp itself has neither. The second document is asked for
/// only in order to refuse it: a `---` in the middle would otherwise silently cut a model in two.
/// Whatever yaml-cpp throws ends here and becomes a diagnostic, apart from missing memory.
Result<NodePtr> parse_document(const std::string& text, uint32_t file, Diagnostics& diagnostics) {
    if (!check_layout(text, file, kMostLevels, diagnostics)) return Failure{};
    const size_t errors_before = diagnostics.count();
    TreeBuilder builder(text, file, diagnostics);
    try {
        std::istringstream in(hide_in_parentheses(text));
        YAML::Parser parser(in);
        const bool found = parser.HandleNextDocument(builder) && builder.root();
        if (!found || builder.root()->is_null()) {
            diagnostics.error(DiagnosticKind::kBadYaml, Span{file, 1, 1, 1}, "the file is empty");
            return Failure{};
        }
        TreeBuilder second(text, file, diagnostics);
        if (parser.HandleNextDocument(second)) {
            const Span span = second.root() ? second.root()->span : Span{file, 1, 1, 1};
            diagnostics
                .error(DiagnosticKind::kBadYaml, span,
                       "a second document starts here; a model is one document")
                .help("remove the line `---` or `...` above");
        }
    } catch (const Stop&) {
        return Failure{};
    } catch (const YAML::Exception& problem) {
        const bool at_end = problem.mark.pos < 0;
        report_malformed(problem.msg, at_end ? text.size() : static_cast<size_t>(problem.mark.pos),
                         text, file, diagnostics);
        return Failure{};
    } catch (const std::bad_alloc&) {
        throw NoMemory(fmt::format("to read `{}`", diagnostics.sources().file(file).path()));
    } catch (const std::exception& problem) {
        diagnostics.error(DiagnosticKind::kBadYaml, Span{file, 1, 1, 1},
                          "cannot be read as YAML: {}", problem.what());
        return Failure{};
    }
    if (diagnostics.count() != errors_before) return Failure{};
    return builder.root();
}

Result<NodePtr> read_document(const std::string& path, Diagnostics& diagnostics) {
    Result<TextFile> loaded = load_text(path, diagnostics);
    if (!loaded) return Failure{};
    return parse_document(loaded->text, loaded->file, diagnostics);
}

}  // namespace gmc::dsl

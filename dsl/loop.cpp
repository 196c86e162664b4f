// Reads loops, `x: {start: normal(image), times: 50, index: i, next: x + net(x, i / 50) / 50}`, and
// says which names each of their expressions sees.
#include <algorithm>

#include "dsl/reader.h"

namespace gmc::dsl {
namespace {

using Kind = Expression::Kind;
using Part = LoopPart::Kind;

/// Reads one loop. Each of its expressions becomes an argument of the expression kLoop, and a
/// LoopPart says what that argument is: a start, the next value, a sequence, ...
class LoopReader {
  public:
    LoopReader(const Node& map, const std::string& name, Span span, Diagnostics& diagnostics)
        : map_(map), name_(name), span_(span), diagnostics_(diagnostics) {}

    ExpressionPtr read() {
        const std::string what = fmt::format("the loop `{}`", name_);
        const Values values = read_values(map_, mapping("loop").keys, what, span_, diagnostics_);
        if (!values.ok) return nullptr;
        loop_.collects = values.flag("collect");
        loop_.index = values.text("index");
        if (!loop_.index.empty()) loop_.index_span = values.spans.at("index");
        const Entry *over = map_.find("over"), *times = map_.find("times");
        if (over == nullptr && times == nullptr) {
            diagnostics_
                .error(DiagnosticKind::kMissingKey, span_,
                       "{} has neither `times` nor `over`, so it has no number of passes", what)
                .help("`times: 50` runs 50 passes, `over: {e: x}` one for each element `e` of `x`");
            return nullptr;
        }
        read_carried("start", Part::kStart);
        if (over != nullptr) read_map(*over, Part::kOver);
        if (times != nullptr) read_one(*times->value, "`times`", Part::kTimes, "", times->key_span);
        if (const Entry* let = map_.find("let")) read_map(*let, Part::kLet);
        read_carried("next", Part::kNext);
        if (ok_) ok_ = names_agree() && names_are_free();
        if (!ok_) return nullptr;
        Expression out;
        out.kind = Kind::kLoop;
        out.text = name_;
        out.span = span_;
        out.arguments = std::move(arguments_);
        out.argument_names.resize(out.arguments.size());
        out.loop = std::make_shared<const Loop>(std::move(loop_));
        return std::make_shared<const Expression>(std::move(out));
    }

  private:
    /// `start` and `next`: an expression for the one value, which has the loop's name, or a map of
    /// several.
    void read_carried(const char* key, Part kind) {
        const Entry& entry = *map_.find(key);
        if (entry.value->is_map() && !is_loop(*entry.value)) {
            loop_.has_names |= kind == Part::kStart;
            read_map(entry, kind);
        } else {
            read_one(*entry.value, fmt::format("`{}`", key), kind, name_, entry.key_span);
        }
    }

    void read_map(const Entry& entry, Part kind) {
        const std::string what = fmt::format("`{}` of the loop `{}`", entry.key, name_);
        if (!expect_map(*entry.value, what, entry.key_span, diagnostics_,
                        kind == Part::kOver ? "`over: {e: x}` calls an element of `x` `e`" : "")) {
            ok_ = false;
            return;
        }
        for (const Entry& one : entry.value->entries)
            if (check_name(one.key, fmt::format("an entry of {}", what), one.key_span,
                           diagnostics_))
                read_one(*one.value, fmt::format("`{}`", one.key), kind, one.key, one.key_span);
            else
                ok_ = false;
    }

    void read_one(const Node& node, const std::string& what, Part kind, const std::string& name,
                  Span span) {
        ExpressionPtr value = kind == Part::kLet && node.is_map() && is_loop(node)
                                  ? read_loop(node, name, span, diagnostics_)
                                  : read_expression(node, what, diagnostics_);
        ok_ &= value != nullptr;
        if (!value) return;
        arguments_.push_back(std::move(value));
        loop_.parts.push_back({kind, name, span});
    }

    /// Reports a name that only one of `start` and `next` has. False if there is one.
    bool names_agree() {
        const auto names_of = [&](Part kind) {
            std::vector<std::string> names;
            for (const LoopPart& part : loop_.parts)
                if (part.kind == kind) names.push_back(part.name);
            return names;
        };
        const std::vector<std::string> starts = names_of(Part::kStart),
                                       nexts = names_of(Part::kNext);
        for (const LoopPart& part : loop_.parts) {
            const bool start = part.kind == Part::kStart;
            if (!start && part.kind != Part::kNext) continue;
            const auto& others = start ? nexts : starts;
            if (std::count(others.begin(), others.end(), part.name) != 0) continue;
            diagnostics_
                .error(DiagnosticKind::kUnknownName, part.span,
                       "the loop `{}` has `{}` in `{}`, but not in `{}`", name_, part.name,
                       start ? "start" : "next", start ? "next" : "start")
                .help(
                    "`start: {a: ..., b: ...}` and `next: {a: ..., b: ...}` name the same "
                    "values");
            return false;
        }
        return true;
    }

    /// Reports a name that stands for two things in the loop. False if there is one.
    bool names_are_free() {
        std::set<std::string> taken;
        for (const LoopPart& part : loop_.parts)
            if (part.kind != Part::kNext && part.kind != Part::kTimes &&
                !take(taken, part.name, part.span))
                return false;
        return loop_.index.empty() || take(taken, loop_.index, loop_.index_span);
    }
    bool take(std::set<std::string>& taken, const std::string& name, Span span) {
        if (taken.insert(name).second) return true;
        diagnostics_.error(DiagnosticKind::kDuplicateKey, span,
                           "`{}` has two meanings in the loop `{}`", name, name_);
        return false;
    }

    const Node& map_;
    const std::string name_;
    const Span span_;
    Diagnostics& diagnostics_;
    Loop loop_;
    std::vector<ExpressionPtr> arguments_;
    bool ok_ = true;
};

}  // namespace

bool is_loop(const Node& node) {
    return node.is_map() && (node.find("next") != nullptr || node.find("start") != nullptr);
}

ExpressionPtr read_loop(const Node& map, const std::string& name, Span span,
                        Diagnostics& diagnostics) {
    return LoopReader(map, name, span, diagnostics).read();
}

}  // namespace gmc::dsl

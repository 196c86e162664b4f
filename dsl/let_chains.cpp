// Checks chains of `let`. Entries may use each other in any order, but none may depend on itself,
// and no chain may be so long that evaluating it would overflow the stack: dsl/lower evaluates an
// entry by recursion, from within the entry that uses it.
#include <algorithm>
#include <map>
#include <set>

#include "dsl/reader.h"
#include "dsl/text/scalar.h"

namespace gmc::dsl {
namespace {

/// Entries on a chain. Far below what the stack of a thread holds, far above what people write.
constexpr size_t kMostChain = 500;
/// Levels of all expressions on a chain together.
constexpr size_t kMostLevelsOfChain = 2'000;
/// Places shown below an error about a cycle; a longer cycle is understood from its first entries.
constexpr size_t kMostNotes = 6;

/// A depth-first search over "uses". Each entry is finished once and its length kept, so the cost
/// is that of reading all expressions once, however many chains there are. The recursion of the
/// check itself stops at kMostChain as well, since it runs before anything guarantees that chains
/// are short.
class ChainChecker {
  public:
    ChainChecker(const std::vector<NamedExpression>& let, Diagnostics& diagnostics)
        : diagnostics_(diagnostics) {
        for (const NamedExpression& entry : let) lets_[entry.name] = &entry;
    }

    /// Number of entries on the longest chain that starts at `name`, itself included.
    size_t follow(const std::string& name) {
        if (const auto known = lengths_.find(name); known != lengths_.end()) return known->second;
        const auto cycle = std::find(chain_.begin(), chain_.end(), name);
        if (cycle != chain_.end()) {
            report_cycle({cycle, chain_.end()});
            return 0;
        }
        size_t below = 0;
        chain_.push_back(name);
        if (chain_.size() <= kMostChain) {
            std::set<std::string> used;
            collect(*lets_.at(name)->value, used);
            for (const std::string& next : used) below = std::max(below, follow(next));
        }
        chain_.pop_back();
        if (below >= kMostChain || chain_.size() >= kMostChain)
            report(name, fmt::format("`{}` is part of a chain of more than {} entries of `let`",
                                     name, kMostChain));
        levels_[name] = levels_of(*lets_.at(name)->value);
        if (levels_[name] > kMostLevelsOfChain)
            report(name, fmt::format("`{}` has more than {} levels, those of the entries of `let` "
                                     "that it uses included",
                                     name, format_number(kMostLevelsOfChain)));
        return lengths_[name] = below + 1;
    }

  private:
    /// Adds to `used` the entries that an expression uses.
    void collect(const Expression& e, std::set<std::string>& used) {
        if (e.kind == Expression::Kind::kName && lets_.count(e.text)) used.insert(e.text);
        for (size_t i = 0; i < e.arguments.size(); ++i) {
            const std::set<std::string> bound = names_bound(e, i);
            std::set<std::string> inside;
            collect(*e.arguments[i], bound.empty() ? used : inside);
            for (const std::string& name : inside)
                if (bound.count(name) == 0) used.insert(name);
        }
    }

    /// Levels of an expression whose entries are finished.
    size_t levels_of(const Expression& e) const {
        size_t below = 0;
        if (e.kind == Expression::Kind::kName)
            if (const auto used = levels_.find(e.text); used != levels_.end()) below = used->second;
        for (const ExpressionPtr& argument : e.arguments)
            below = std::max(below, levels_of(*argument));
        return below + 1;
    }

    /// The name of the first value that a loop carries.
    static std::string starts_of(const Expression& loop) {
        for (const LoopPart& part : loop.loop->parts)
            if (part.kind == LoopPart::Kind::kStart) return part.name;
        return "";
    }

    void report_cycle(const std::vector<std::string>& chain) {
        const NamedExpression& first = *lets_.at(chain[0]);
        Diagnostic& error = diagnostics_.error(DiagnosticKind::kCycle, first.span,
                                               "`{}` is defined by itself: {} -> {}", first.name,
                                               fmt::join(chain, " -> "), first.name);
        if (first.value->kind == Expression::Kind::kLoop && first.value->loop->has_names)
            error.help(
                fmt::format("inside of the loop its values have names of their own, as in "
                            "`{}`; `{}.{}` is the value after it",
                            starts_of(*first.value), first.name, starts_of(*first.value)));
        for (size_t i = 1; i < chain.size() && i < kMostNotes; ++i)
            error.note(lets_.at(chain[i])->span, fmt::format("`{}` is defined here", chain[i]));
    }

    /// Reports a limit, once: every entry above is on such a chain as well.
    void report(const std::string& name, const std::string& text) {
        if (!limit_reported_)
            diagnostics_.error(DiagnosticKind::kTooLarge, lets_.at(name)->span, "{}", text);
        limit_reported_ = true;
    }

    Diagnostics& diagnostics_;
    std::map<std::string, const NamedExpression*> lets_;
    /// Lengths of the longest chains that start at entries, as far as these are finished.
    std::map<std::string, size_t> lengths_;
    std::map<std::string, size_t> levels_;  ///< of the same entries
    /// From the entry that was asked for down to the present one.
    std::vector<std::string> chain_;
    bool limit_reported_ = false;
};

}  // namespace

void check_let_chains(const std::vector<NamedExpression>& let, Diagnostics& diagnostics) {
    ChainChecker checker(let, diagnostics);
    for (const NamedExpression& entry : let) checker.follow(entry.name);
}

}  // namespace gmc::dsl

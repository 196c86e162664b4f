// Loops of expressions become scans. Their pass is evaluated once, into the body of the scan;
// before that, the number of passes and the shapes of carried values are found. "Pass" means a pass
// of the loop in this file.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dsl/lower/broadcasting.h"
#include "dsl/lower/evaluate.h"
#include "dsl/lower/loops/scan_builder.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using dsl::LoopPart;
using ir::Shape;
using ir::ValueId;

using Part = LoopPart::Kind;

/// A value that goes from pass to pass.
struct Carried {
    std::string name;
    const Expression* start_text = nullptr;
    const Expression* next_text = nullptr;
    Evaluated start;  ///< outside
    Evaluated next;   ///< in the body
};

struct Sequence {
    std::string name;
    const Expression* text = nullptr;
    Evaluated all;  ///< outside
};

/// One evaluation of the pass: a scan under construction, and the evaluator that writes its body.
struct Pass {
    Pass(Evaluator& outside, const std::string& name)
        : scan(outside.scope(), name), e(scan.body(), outside) {}
    ScanBuilder scan;
    Evaluator e;
};

/// Builds the scan of one loop.
class LoopBuilder {
  public:
    LoopBuilder(Evaluator& e, const Expression& loop) : e_(e), loop_(loop) {}

    Evaluated run() {
        if (!read_parts() || !find_count() || !find_shapes()) return failed();
        Pass pass(e_, loop_.text);
        if (!evaluate_pass(pass) || !check_pass(pass)) return failed();
        return emit(pass);
    }

  private:
    FunctionScope& f() { return e_.scope(); }
    ir::Builder& b() { return e_.b(); }

    /// Evaluates what stands outside of the loop.
    bool read_parts() {
        const dsl::Loop& loop = *loop_.loop;
        for (size_t i = 0; i < loop.parts.size(); ++i) {
            const Expression& text = *loop_.arguments[i];
            if (loop.parts[i].kind == Part::kStart)
                carried_.push_back({loop.parts[i].name, &text, nullptr, e_.tensor(text), {}});
            if (loop.parts[i].kind == Part::kOver)
                sequences_.push_back({loop.parts[i].name, &text, e_.tensor(text)});
        }
        for (size_t i = 0; i < loop.parts.size(); ++i)
            for (Carried& one : carried_)
                if (loop.parts[i].kind == Part::kNext && loop.parts[i].name == one.name)
                    one.next_text = loop_.arguments[i].get();
        const auto is_bad = [](const auto& all) {
            return std::any_of(all.begin(), all.end(), [](const auto& x) { return x.failed; });
        };
        std::vector<Evaluated> all;
        for (const Carried& one : carried_) all.push_back(one.start);
        for (const Sequence& one : sequences_) all.push_back(one.all);
        for (const Evaluated& one : all) networks_.insert(one.networks.begin(), one.networks.end());
        return !is_bad(all);
    }

    bool fail(DiagnosticKind kind, Span span, std::string text, std::string help = "") {
        e_.fail(kind, span, std::move(text), std::move(help));
        return false;
    }

    /// Finds the number of passes, on which all sequences and `times` must agree.
    bool find_count() {
        const Expression* by = nullptr;  // what says the number of passes
        for (const Sequence& one : sequences_) {
            const size_t axis = one.all.batched ? 1 : 0;
            if (one.all.number || b().shape(one.all.value).size() <= axis)
                return fail(
                    DiagnosticKind::kShapeMismatch, one.text->span,
                    fmt::format("the loop `{}` runs over `{}`, which has no axis to run "
                                "over: it is {}",
                                loop_.text, dsl::to_string(*one.text), describe(e_, one.all)),
                    "a sequence has the shape [passes, ...] per example");
            if (!agrees(b().shape(one.all.value)[axis], *one.text, by)) return false;
        }
        for (size_t i = 0; i < loop_.arguments.size(); ++i) {
            if (loop_.loop->parts[i].kind != Part::kTimes) continue;
            const Expression& text = *loop_.arguments[i];
            const Evaluated times = e_.whole(text);
            if (times.failed) return false;
            const bool whole = times.number && *times.number == std::floor(*times.number);
            if (!whole || *times.number < 1 || *times.number > ir::kMostPasses)
                return fail(DiagnosticKind::kBadValue, text.span,
                            fmt::format("`times` is {}, it has to be a whole number from 1 to "
                                        "1,000,000 that is known before the model runs",
                                        times.number ? fmt::format("{}", *times.number)
                                                     : describe(e_, times)));
            if (!agrees(static_cast<int64_t>(*times.number), text, by)) return false;
        }
        return true;
    }

    bool agrees(int64_t count, const Expression& text, const Expression*& by) {
        if (by != nullptr && count != count_)
            return fail(DiagnosticKind::kShapeMismatch, text.span,
                        fmt::format("`{}` makes {} passes, but `{}` makes {}", dsl::to_string(text),
                                    count, dsl::to_string(*by), count_));
        if (count > ir::kMostPasses)
            return fail(DiagnosticKind::kTooLarge, text.span,
                        fmt::format("a loop of {} passes; at most 1,000,000 are allowed", count));
        count_ = count;
        by = &text;
        return true;
    }

    /// A start that is a constant takes the shape that `next` makes of it, and one without a batch
    /// is the same for all examples where `next` has one. That is found by evaluating a pass into
    /// a body that is thrown away; what one value becomes may be told by another.
    bool find_shapes() {
        const auto is_open = [](const Carried& one) {
            return one.start.number.has_value() || !one.start.batched;
        };
        bool found = true;
        for (size_t round = 0; found && round <= carried_.size() &&
                               std::any_of(carried_.begin(), carried_.end(), is_open);
             ++round) {
            found = false;
            const int64_t stream = f().m.next_stream;
            const size_t bodies = f().bodies().size();
            Pass trial(e_, loop_.text);
            if (!evaluate_pass(trial)) return false;
            f().m.next_stream = stream;
            f().bodies().resize(bodies);
            for (Carried& one : carried_) {
                if (!is_open(one) || one.next.number) continue;
                const Shape shape = trial.e.b().shape(one.next.value);
                if (!one.start.number && !becomes_batched(one, shape)) continue;
                one.start.value = one.start.number
                                      ? b().constant(*one.start.number, shape)
                                      : spread(b(), one.start.value, false, shape, true);
                one.start.batched = one.next.batched;
                one.start.number.reset();
                found = true;
            }
        }
        for (Carried& one : carried_) {
            if (one.start.number) one.start.value = b().constant(*one.start.number);
            one.start.number.reset();
        }
        return true;
    }

    /// Whether `next`, of this shape, is per example what the start is without a batch.
    bool becomes_batched(const Carried& one, const Shape& next) {
        return one.next.batched &&
               Shape(next.begin() + 1, next.end()) == b().shape(one.start.value);
    }

    /// One pass, in the body. Carried values whose shape is not known yet are constants there.
    bool evaluate_pass(Pass& pass) {
        for (Carried& one : carried_) {
            Evaluated value = one.start;
            if (!value.number) value.value = pass.scan.carry(one.name, one.start.value);
            value.networks.clear();
            pass.e.bind(one.name, value);
        }
        for (const Sequence& one : sequences_) {
            Evaluated value = one.all;
            value.value = pass.scan.element(one.name, passes_first(one.all));
            value.networks.clear();
            pass.e.bind(one.name, value);
        }
        if (!loop_.loop->index.empty()) {
            Evaluated index;
            index.value = pass.e.b().emit(ir::Iteration{}, {}, loop_.loop->index);
            pass.e.bind(loop_.loop->index, index);
        }
        for (size_t i = 0; i < loop_.arguments.size(); ++i) {
            if (loop_.loop->parts[i].kind != Part::kLet) continue;
            const Evaluated value = pass.e.evaluate(*loop_.arguments[i]);
            if (value.failed) return false;
            pass.e.bind(loop_.loop->parts[i].name, value);
        }
        for (Carried& one : carried_) {
            one.next = pass.e.tensor(*one.next_text);
            if (one.next.failed) return false;
            networks_.insert(one.next.networks.begin(), one.next.networks.end());
        }
        return true;
    }

    /// Checks that `next` has the shape that the pass got, since the next pass gets it.
    bool check_pass(Pass& pass) {
        for (Carried& one : carried_) {
            const Shape& shape = b().shape(one.start.value);
            if (one.next.number) one.next.value = pass.e.b().constant(*one.next.number, shape);
            const bool same = one.next.number || (one.next.batched == one.start.batched &&
                                                  pass.e.b().shape(one.next.value) == shape);
            if (same) continue;
            const auto [starts, gets] = describe(e_, one.start, pass.e, one.next);
            return fail(DiagnosticKind::kShapeMismatch, one.next_text->span,
                        fmt::format("`{}` starts as {}, but the next pass would get {}", one.name,
                                    starts, gets),
                        help_for(one, pass));
        }
        return true;
    }

    /// How `next` comes to have the shape of `start`, or `start` that of `next`.
    std::string help_for(const Carried& one, Pass& pass) {
        const Shape wanted = e_.example_shape(one.start), has = pass.e.example_shape(one.next);
        if (one.start.batched != one.next.batched || elements_of(wanted) != elements_of(has))
            return "`next` computes a value of the shape that `start` has";
        const std::string next = dsl::to_string(*one.next_text);
        return fmt::format(
            "`next` gives the shape of `start` by `{}`; where `start` is a number, as in `{}: 0`, "
            "it takes the "
            "shape of `next`",
            wanted.empty() ? fmt::format("sum({})", next)
                           : fmt::format("reshape({}, {})", next, ir::to_string(wanted)),
            loop_.loop->has_names ? one.name : "start");
    }

    Evaluated emit(Pass& pass) {
        std::vector<ValueId> next;
        for (const Carried& one : carried_) next.push_back(one.next.value);
        const bool collects = loop_.loop->collects;
        const ScanBuilder::Results results =
            pass.scan.finish(count_, next, collects ? next : std::vector<ValueId>{});
        std::map<std::string, Evaluated> parts;
        Evaluated whole;
        for (size_t i = 0; i < carried_.size(); ++i) {
            whole.batched = carried_[i].start.batched;
            whole.networks = networks_;
            whole.value = results.last[i];
            if (collects)
                whole.value = whole.batched ? swap_first(results.stacks[i]) : results.stacks[i];
            parts[carried_[i].name] = whole;
        }
        if (!loop_.loop->has_names) return whole;
        Evaluated named;
        named.networks = networks_;
        named.parts = std::make_shared<const std::map<std::string, Evaluated>>(std::move(parts));
        return named;
    }

    /// [N, passes, ...] -> [passes, N, ...], and back.
    ValueId passes_first(const Evaluated& all) {
        return all.batched ? swap_first(all.value) : all.value;
    }
    ValueId swap_first(ValueId value) {
        std::vector<int64_t> order = ir::all_axes(b().type(value).rank());
        std::swap(order[0], order[1]);
        return b().transpose(value, std::move(order));
    }

    Evaluator& e_;
    const Expression& loop_;
    std::vector<Carried> carried_;
    std::vector<Sequence> sequences_;
    std::set<std::string> networks_;
    int64_t count_ = 0;
};

}  // namespace

Evaluated evaluate_loop(Evaluator& e, const Expression& loop) { return LoopBuilder(e, loop).run(); }

}  // namespace gmc::lower

// Turns collected errors and warnings into the text that the commands print. One message is a
// headline with its place, the source line with a caret below the place, its notes (each with a
// line of its own), and the help. It is done here, at the end and at once, so that messages found
// in any order are printed in the order of their places.
#include "compiler/support/diagnostic.h"

#include <algorithm>
#include <tuple>

#include "compiler/support/wrap.h"

namespace gmc {
namespace {

/// About what a terminal shows; a longer line (such as a list of numbers) is cut around the caret.
constexpr size_t kLongestLineShown = 120;
/// More than fit on a screen help nobody, and one mistake often causes many errors.
constexpr size_t kMostErrorsShown = 20;

/// The number of characters that are printed. Columns count bytes, but a caret has to count these.
size_t characters(std::string_view text) {
    const std::string shown = printable(text);
    return static_cast<size_t>(std::count_if(shown.begin(), shown.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

/// The source line ("  23 |     units: 800") with a caret line below it; "" when the span has no
/// line. The caret line underlines the span with `^~~~`, up to the end of what is shown. Offsets
/// (`column`, `begin`, `end`, `stop`) are bytes of the line; only the widths that are printed count
/// characters.
std::string excerpt(const SourceFiles& sources, const Span& span) {
    const std::string_view whole = sources.file(span.file).line(span.line);
    if (whole.empty() || span.column == 0) return "";
    const size_t column = std::min<size_t>(span.column - 1, whole.size());
    // A long line is shown from 40 bytes before the place in question, and both cuts move to the
    // start of a character: bytes of the form 10xxxxxx continue one in UTF-8.
    size_t begin = column > kLongestLineShown - 40 ? column - 40 : 0;
    while (begin > 0 && (static_cast<unsigned char>(whole[begin]) & 0xc0) == 0x80) --begin;
    size_t end = std::min(whole.size(), begin + kLongestLineShown);
    while (end < whole.size() && (static_cast<unsigned char>(whole[end]) & 0xc0) == 0x80) ++end;
    const std::string shown = printable(whole.substr(begin, end - begin));
    size_t stop = std::min(end, column + std::max<size_t>(span.length, 1));
    while (stop < end && (static_cast<unsigned char>(whole[stop]) & 0xc0) == 0x80) ++stop;
    const size_t width =
        stop > column ? std::max<size_t>(characters(whole.substr(column, stop - column)), 1) : 1;
    const size_t indent = characters(whole.substr(begin, column - begin));
    return fmt::format("  {:>4} | {}\n       | {}^{}\n", span.line, shown, std::string(indent, ' '),
                       std::string(width - 1, '~'));
}

/// The beginning of a headline: "file:line:column", the file alone where no line is known, or the
/// program's name where not even a file is.
std::string place(const SourceFiles& sources, const Span& span, std::string_view program) {
    if (span.file == 0) return std::string(program);
    const std::string path = printable(sources.file(span.file).path());
    if (span.line == 0) return path;
    return fmt::format("{}:{}:{}", path, span.line, span.column);
}

/// Headline, the line with its caret, notes, where the file was brought in, and helps, in this
/// order.
std::string render_one(const SourceFiles& sources, const Diagnostic& d, std::string_view program) {
    std::string out = fmt::format("{}: {}: {} [{}]\n", place(sources, d.span, program),
                                  d.is_warning ? "warning" : "error", printable(shortened(d.text)),
                                  diagnostic_kind_name(d.kind));
    if (d.span.known()) out += excerpt(sources, d.span);
    for (const Note& note : d.notes) {
        out += fmt::format("{}: note: {}\n", place(sources, note.span, program),
                           printable(shortened(note.text)));
        if (note.span.known()) out += excerpt(sources, note.span);
    }
    // Follows the chain of files outwards, from a base model or a recipe to the line that brought
    // it in.
    for (Span span = d.span; span.file != 0 && sources.file(span.file).used_at().known();) {
        const SourceFile& source = sources.file(span.file);
        span = source.used_at();
        out += fmt::format("{}: note: {}\n{}", place(sources, span, program), source.origin(),
                           excerpt(sources, span));
    }
    for (const std::string& help : d.helps)
        out += fmt::format("help: {}\n", printable(shortened(help)));
    return out;
}

/// Whether a file was brought in by another one, as recipes, bases and imports are.
bool is_brought_in(const SourceFiles& sources, const Span& span) {
    return span.file != 0 && sources.file(span.file).used_at().known();
}

/// The first note of this kind that points into the file which the user named; null: none.
const Note* own_note(const SourceFiles& sources, const Diagnostic& d, Note::Kind kind) {
    for (const Note& note : d.notes)
        if (note.kind == kind && note.span.known() && !is_brought_in(sources, note.span))
            return &note;
    return nullptr;
}

/// An error inside of what an import brought, moved to where the user's file has the value that is
/// wrong or uses what it lies in.
Diagnostic at_use(const SourceFiles& sources, const Diagnostic& d) {
    if (!d.span.known() || !is_brought_in(sources, d.span)) return d;
    const Note* value = own_note(sources, d, Note::Kind::kValue);
    const Note* use = own_note(sources, d, Note::Kind::kUse);
    if (!value && !use) return d;
    Diagnostic moved = d;
    moved.span = value ? value->span : use->span;
    if (!value) moved.text = use->inside + ": " + d.text;
    moved.notes = {{d.span, value ? "it is needed here" : "it is here"}};
    for (const Note& note : d.notes)
        if (note.kind == Note::Kind::kBeside) moved.notes.push_back(note);
    return moved;
}

/// The errors and warnings as they are shown: moved to what the user wrote, in the order of their
/// places, and of those inside of one use only the first.
std::vector<Diagnostic> as_shown(const SourceFiles& sources, const std::vector<Diagnostic>& errors,
                                 const std::vector<Diagnostic>& warnings) {
    std::vector<Diagnostic> shown;
    std::vector<Span> uses;
    for (const std::vector<Diagnostic>* list : {&errors, &warnings})
        for (const Diagnostic& d : *list) {
            Diagnostic moved = at_use(sources, d);
            const Note* use = own_note(sources, d, Note::Kind::kUse);
            if (use && !(moved.span == d.span)) {
                if (std::find(uses.begin(), uses.end(), use->span) != uses.end()) continue;
                uses.push_back(use->span);
            }
            shown.push_back(std::move(moved));
        }
    std::stable_sort(shown.begin(), shown.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::tie(a.span.file, a.span.line, a.span.column) <
               std::tie(b.span.file, b.span.line, b.span.column);
    });
    // What is used in several places, such as a recipe's parameter, may be reported in each.
    const auto same = [](const Diagnostic& a, const Diagnostic& b) {
        return a.span.known() && a.span.file == b.span.file && a.span.line == b.span.line &&
               a.span.column == b.span.column && a.text == b.text;
    };
    shown.erase(std::unique(shown.begin(), shown.end(), same), shown.end());
    return shown;
}

}  // namespace

const char* diagnostic_kind_name(DiagnosticKind kind) {
    static constexpr const char* kNames[] = {
#define GMC_DIAGNOSTIC(enumerator, name) name,
#include "compiler/support/diagnostic_kind.def"
#undef GMC_DIAGNOSTIC
    };
    return kNames[static_cast<size_t>(kind)];
}

Diagnostic& Diagnostics::add(Diagnostic diagnostic) {
    list_.push_back(std::move(diagnostic));
    return list_.back();
}

bool Diagnostics::has(DiagnosticKind kind) const {
    return std::any_of(list_.begin(), list_.end(),
                       [&](const Diagnostic& error) { return error.kind == kind; });
}

void Diagnostics::warnings_to_errors() {
    for (Diagnostic& warning : warnings_) {
        warning.is_warning = false;
        list_.push_back(std::move(warning));
    }
    warnings_.clear();
}

/// The sort is stable: messages about one place stay in the order in which they were reported,
/// which is the order in which the checks ran.
std::string Diagnostics::render(std::string_view program) const {
    const std::vector<Diagnostic> shown = as_shown(sources_, list_, warnings_);
    std::string out;
    for (size_t i = 0; i < shown.size() && i < kMostErrorsShown; ++i)
        out += render_one(sources_, shown[i], program);
    if (shown.size() > kMostErrorsShown)
        out += fmt::format("and {} more {}\n", shown.size() - kMostErrorsShown,
                           warnings_.empty() ? "errors" : "errors and warnings");
    return out;
}

void Diagnostics::lies_inside(size_t first, const std::string& inside, const char* how, Span span) {
    for (size_t i = first; i < list_.size(); ++i) {
        const auto is_noted = [&](const Note& note) {
            return note.kind == Note::Kind::kUse && note.span == span;
        };
        std::vector<Note>& notes = list_[i].notes;
        if (!(list_[i].span == span) && std::none_of(notes.begin(), notes.end(), is_noted))
            notes.push_back({span, inside + ", " + how, Note::Kind::kUse, inside});
    }
}

}  // namespace gmc

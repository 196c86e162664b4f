// Errors and warnings for the user: a list that goes in and is filled, rendered with the source
// line and a caret.
//
//   models/a.yaml:23:12: error: `decoder` gives f32[128,800] but ... [shape-mismatch]
//      23 |     units: 800
//         |            ^~~
//   models/a.yaml:8:6: note: `x` comes from here
//   help: 784 = 28 x 28 x 1, the shape of `data.image`
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "compiler/support/source_file.h"

namespace gmc {

enum class DiagnosticKind {
#define GMC_DIAGNOSTIC(enumerator, name) enumerator,
#include "compiler/support/diagnostic_kind.def"
#undef GMC_DIAGNOSTIC
};

/// The name in brackets at the end of a message, e.g. "shape-mismatch".
const char* diagnostic_kind_name(DiagnosticKind kind);

struct Note {
    Span span;
    std::string text;
};

/// One error: lower-case start, one sentence, no full stop; backticks around the user's text.
struct Diagnostic {
    DiagnosticKind kind;
    Span span;
    std::string text;
    std::vector<Note> notes;
    std::vector<std::string> helps;
    bool is_warning = false;  ///< shown, but nothing fails for it

    Diagnostic& note(Span where, std::string what) {
        notes.push_back({where, std::move(what)});
        return *this;
    }
    Diagnostic& help(std::string what) {
        helps.push_back(std::move(what));
        return *this;
    }
};

/// The errors of one run, and the texts they point into.
class Diagnostics {
  public:
    SourceFiles& sources() { return sources_; }
    const SourceFiles& sources() const { return sources_; }

    /// Reports an error; the reference is good until the next one (chain .note and .help onto it).
    template <typename... Args>
    Diagnostic& error(DiagnosticKind kind, Span span, fmt::format_string<Args...> text,
                      Args&&... args) {
        return add({kind, span, fmt::format(text, std::forward<Args>(args)...), {}, {}});
    }
    Diagnostic& add(Diagnostic diagnostic);
    /// Reports what is allowed but hardly meant. Warnings are rendered with errors; `any`,
    /// `count` and `list` know nothing of them.
    template <typename... Args>
    Diagnostic& warning(DiagnosticKind kind, Span span, fmt::format_string<Args...> text,
                        Args&&... args) {
        warnings_.push_back(
            {kind, span, fmt::format(text, std::forward<Args>(args)...), {}, {}, true});
        return warnings_.back();
    }
    /// Adds a note to every error from number `first` on: "in block `up`, used here".
    void note_since(size_t first, Span span, const std::string& text) {
        for (size_t i = first; i < list_.size(); ++i) list_[i].note(span, text);
    }
    /// Adds a note to the error reported last.
    void note_last(Span where, std::string what) { list_.back().note(where, std::move(what)); }

    /// Adds a help to the error reported last.
    void help_last(std::string what) { list_.back().help(std::move(what)); }
    /// The warnings as text, as render() gives it; they are forgotten.
    std::string take_warnings();

    bool any() const { return !list_.empty(); }
    size_t count() const { return list_.size(); }
    const std::vector<Diagnostic>& list() const { return list_; }
    const std::vector<Diagnostic>& warnings() const { return warnings_; }
    /// Errors and warnings as text, by their place; ends in a line break. At most 20, then how many
    /// more.
    std::string render() const;

  private:
    SourceFiles sources_;
    std::vector<Diagnostic> list_, warnings_;
};

}  // namespace gmc

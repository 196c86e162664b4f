// Errors and warnings for the user. A Diagnostics object is passed through all that may report; its
// messages are rendered at the end, each with the source line and a caret.
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

/// A second place that belongs to a message, such as where a value comes from.
struct Note {
    Span span;
    std::string text;
    /// What else a note may say of where the error lies.
    enum class Kind : uint8_t {
        kBeside,  ///< nothing
        kUse,     ///< inside of what is used here, `inside`
        kValue,   ///< in the value that is written here
    };
    Kind kind = Kind::kBeside;
    std::string inside = "";  ///< "in block `up`"
};

/// One message. It starts in lower case, is one sentence without a full stop, and puts the user's
/// text in backticks.
struct Diagnostic {
    DiagnosticKind kind;
    Span span;
    std::string text;
    std::vector<Note> notes;
    std::vector<std::string> helps;
    /// Shown, but nothing fails because of it.
    bool is_warning = false;

    Diagnostic& note(Span where, std::string what) {
        notes.push_back({where, std::move(what)});
        return *this;
    }
    /// Notes where the value that is wrong was written.
    Diagnostic& note_value(Span where) {
        notes.push_back({where, "the value comes from here", Note::Kind::kValue});
        return *this;
    }
    Diagnostic& help(std::string what) {
        helps.push_back(std::move(what));
        return *this;
    }
};

/// The messages of one run, and the texts that they point into.
class Diagnostics {
  public:
    SourceFiles& sources() { return sources_; }
    const SourceFiles& sources() const { return sources_; }

    /// Reports an error. The reference is valid until the next report; chain .note and .help onto
    /// it.
    template <typename... Args>
    Diagnostic& error(DiagnosticKind kind, Span span, fmt::format_string<Args...> text,
                      Args&&... args) {
        return add({kind, span, fmt::format(text, std::forward<Args>(args)...), {}, {}});
    }
    Diagnostic& add(Diagnostic diagnostic);
    /// Reports what is allowed but probably not meant. Warnings are rendered together with errors,
    /// but `any`, `count` and `list` leave them out.
    template <typename... Args>
    Diagnostic& warning(DiagnosticKind kind, Span span, fmt::format_string<Args...> text,
                        Args&&... args) {
        warnings_.push_back(
            {kind, span, fmt::format(text, std::forward<Args>(args)...), {}, {}, true});
        return warnings_.back();
    }
    /// Makes errors of all warnings.
    void warnings_to_errors();
    /// Notes that every error from number `first` on lies inside of something that is used at
    /// `span`: "in block `up`" and "used here". Where the error stands in a file that the user's
    /// brought in, it is then shown at the use, with a note at its own place, and further errors
    /// inside the same use are not shown.
    void lies_inside(size_t first, const std::string& inside, const char* how, Span span);
    /// Adds a note to the latest error.
    void note_last(Span where, std::string what) { list_.back().note(where, std::move(what)); }

    bool any() const { return !list_.empty(); }
    /// Whether there is an error of this kind.
    bool has(DiagnosticKind kind) const;
    size_t count() const { return list_.size(); }
    const std::vector<Diagnostic>& list() const { return list_; }
    const std::vector<Diagnostic>& warnings() const { return warnings_; }
    /// Errors and warnings as text, in the order of their places. Shows at most 20 and counts the
    /// rest. What has no place begins with `program`.
    std::string render(std::string_view program = "gmc") const;

  private:
    SourceFiles sources_;
    std::vector<Diagnostic> list_, warnings_;
};

}  // namespace gmc

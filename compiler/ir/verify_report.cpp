// Finds the line of a printed module that an error is about, so that the message can quote it with
// a caret.
#include "compiler/ir/verify_report.h"

#include "compiler/ir/text/printer.h"

namespace gmc::ir {

static std::string head_of(const Function& function) {
    return (function.is_body ? "body @" : "func @") + function.name;
}

const SourceFile& VerifyReport::printed() {
    if (!file_) {
        // A file that gmc wrote holds the same text as the printed module (the reader cuts off its
        // checksum), so errors can name the file that the user gave. Any other module, such as one
        // in the middle of the passes, is added as a source of its own.
        const std::string text = print(module_);
        for (uint32_t file = 1; file <= diagnostics_.sources().count() && !file_; ++file)
            if (diagnostics_.sources().file(file).text() == text) file_ = file;
        if (!file_) file_ = diagnostics_.sources().add("(printed module)", text);
    }
    return diagnostics_.sources().file(*file_);
}

void VerifyReport::error_at(const Function& function, const std::string& line,
                            const std::string& text) {
    any_ = true;
    const SourceFile& source = printed();
    // Value names are unique within a function, so the first match after its head is the line.
    const size_t head = source.text().find(head_of(function) + "(");
    const size_t found = head == std::string::npos ? head : source.text().find(line, head);
    const Span span = found == std::string::npos ? Span{*file_, 0, 0, 0}
                                                 : source.span_at(*file_, found, line.size());
    diagnostics_.error(DiagnosticKind::kBadIr, span, "in @{}: {}", function.name, text);
}

void VerifyReport::error(const Function& function, const Operation& operation,
                         const std::string& text) {
    // The line is looked for without the place in the model, which the excerpt shows in any case,
    // and of a fused op only the first line is looked for: its body has lines of its own.
    std::string line = print(module_, function, operation);
    line = line.substr(0, std::min(line.find('\n'), line.find("  //")));
    error_at(function, line, text);
}

void VerifyReport::error(const Function& function, const std::string& text) {
    error_at(function, head_of(function), text);
}

void VerifyReport::error_in_line(const std::string& begin, const std::string& text) {
    any_ = true;
    const SourceFile& source = printed();
    const size_t found = source.text().find("\n" + begin);
    Span span{*file_, 0, 0, 0};
    if (found != std::string::npos)
        span = source.span_at(*file_, found + 1, source.text().find('\n', found + 1) - found - 1);
    diagnostics_.error(DiagnosticKind::kBadIr, span, "{}", text);
}

void VerifyReport::error(const std::string& text) {
    any_ = true;
    diagnostics_.error(DiagnosticKind::kBadIr, {}, "{}", text);
}

}  // namespace gmc::ir

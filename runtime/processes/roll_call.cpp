// Each process sends its facts to process 0 as JSON; process 0 compares them with its own.
#include "runtime/processes/roll_call.h"

#include <fmt/format.h>
#include <unistd.h>

#include "compiler/support/json.h"

namespace gmc::runtime {
namespace {

/// An error with its place, without the lines that it points into.
std::string text_of(const Diagnostic& error, const SourceFiles& sources) {
    if (error.span.file == 0) return error.text;
    const std::string& path = sources.file(error.span.file).path();
    if (!error.span.known()) return fmt::format("{}: {}", path, error.text);
    return fmt::format("{}:{}:{}: {}", path, error.span.line, error.span.column, error.text);
}

std::string answer(const Facts& facts, const Diagnostics& diagnostics) {
    Json out = Json::object();
    out["host"] = host_name();
    if (diagnostics.any()) {
        const Diagnostic& error = diagnostics.list()[0];
        out["error"] = text_of(error, diagnostics.sources());
        out["help"] = error.helps.empty() ? "" : error.helps[0];
    }
    for (const auto& [name, value] : facts) out[name] = value;
    return out.dump();
}

/// What is wrong with a process, or with several for the same reason.
struct Misfit {
    std::string fact;   ///< the one that differs; "" after an error
    std::string text;   ///< what it is there, or the error
    std::string help;   ///< of an error
    std::string first;  ///< the first of these processes: "process 2 on a"
    int others = 0;
};

/// Whether there is something wrong with the answer of a process.
bool is_misfit(const Facts& facts, const Json& other, Misfit& misfit) {
    if (other.contains("error")) {
        misfit.text = other.at("error").text();
        misfit.help = other.at("help").text();
        return true;
    }
    for (const auto& [name, here] : facts) {
        misfit.text = other.contains(name) ? other.at(name).text() : "";
        misfit.fact = name;
        if (misfit.text != here) return true;
    }
    return false;
}

void add_misfit(std::vector<Misfit>& misfits, Misfit misfit) {
    for (Misfit& known : misfits)
        if (known.fact == misfit.fact && known.text == misfit.text) {
            ++known.others;
            return;
        }
    misfits.push_back(std::move(misfit));
}

void report(const Misfit& misfit, const Facts& facts, const Difference& difference,
            Diagnostics& diagnostics) {
    std::string who = misfit.first;
    if (misfit.others > 0)
        who += fmt::format(" and {} other{}", misfit.others, misfit.others > 1 ? "s" : "");
    if (misfit.fact.empty()) {
        Diagnostic& error =
            diagnostics.error(DiagnosticKind::kBadValue, {}, "{}: {}", who, misfit.text);
        if (!misfit.help.empty()) error.help(misfit.help);
        return;
    }
    std::string here;
    for (const auto& [name, value] : facts)
        if (name == misfit.fact) here = value;
    if (const std::string words = difference ? difference(here, misfit.text) : ""; !words.empty()) {
        diagnostics.error(
            DiagnosticKind::kBadValue, {},
            "the processes of a run must have the same {}: {} (here: process 0 on {}; "
            "there: {})",
            misfit.fact, words, host_name(), who);
        return;
    }
    diagnostics.error(DiagnosticKind::kBadValue, {},
                      "the processes of a run must have the same {}: process 0 on {} has "
                      "`{}`, {} {} `{}`",
                      misfit.fact, host_name(), here, who, misfit.others > 0 ? "have" : "has",
                      misfit.text);
}

}  // namespace

std::string host_name() {
    char name[256] = "";
    (void)gethostname(name, sizeof(name) - 1);
    return name;
}

bool roll_call(ProcessGroup& group, const Facts& facts, Diagnostics& diagnostics,
               const Difference& difference) {
    const bool fine = !diagnostics.any();
    const std::vector<std::string> answers = group.gather(answer(facts, diagnostics));
    std::vector<Misfit> misfits;
    for (size_t rank = 1; rank < answers.size() && fine; ++rank) {
        const Json other = Json::parse(answers[rank]).value_or(Json());
        Misfit misfit;
        misfit.first = fmt::format("process {} on {}", rank, other.at("host").text());
        if (is_misfit(facts, other, misfit)) add_misfit(misfits, std::move(misfit));
    }
    for (const Misfit& misfit : misfits) report(misfit, facts, difference, diagnostics);
    bool all = fine && misfits.empty();
    group.broadcast(&all, sizeof(all));
    return all;
}

}  // namespace gmc::runtime

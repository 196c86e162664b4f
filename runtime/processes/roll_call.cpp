// Each process sends its facts to process 0 as JSON; process 0 compares them with its own.
#include "runtime/processes/roll_call.h"

#include <fmt/format.h>
#include <unistd.h>

#include "compiler/support/json.h"

namespace gmc::runtime {
namespace {

std::string answer(const Facts& facts, const Diagnostics& diagnostics) {
    Json out = Json::object();
    out["host"] = host_name();
    if (diagnostics.any()) out["error"] = diagnostics.list()[0].text;
    for (const auto& [name, value] : facts) out[name] = value;
    return out.dump();
}

/// Reports what is wrong with the answer of a process; true when nothing is.
bool compare(size_t rank, const Facts& facts, const Json& other, Diagnostics& diagnostics) {
    const std::string who = fmt::format("process {} on {}", rank, other.at("host").text());
    if (other.contains("error")) {
        diagnostics.error(DiagnosticKind::kBadValue, {}, "{}: {}", who, other.at("error").text());
        return false;
    }
    for (const auto& [name, here] : facts) {
        const std::string there = other.contains(name) ? other.at(name).text() : "";
        if (there == here) continue;
        diagnostics.error(DiagnosticKind::kBadValue, {},
                          "the processes of a run must have the same {}: process 0 on {} has "
                          "`{}`, {} has `{}`",
                          name, host_name(), here, who, there);
        return false;
    }
    return true;
}

}  // namespace

std::string host_name() {
    char name[256] = "";
    (void)gethostname(name, sizeof(name) - 1);
    return name;
}

bool roll_call(ProcessGroup& group, const Facts& facts, Diagnostics& diagnostics) {
    const bool fine = !diagnostics.any();
    const std::vector<std::string> answers = group.gather(answer(facts, diagnostics));
    bool all = fine;
    for (size_t rank = 1; rank < answers.size() && fine; ++rank)
        all &= compare(rank, facts, Json::parse(answers[rank]).value_or(Json()), diagnostics);
    group.broadcast(&all, sizeof(all));
    return all;
}

}  // namespace gmc::runtime

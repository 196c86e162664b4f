// Process 0 hears what processors the others have, decides, and tells them.
#include "tools/gmrun/runs/unlike_processors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "compiler/support/json.h"
#include "compiler/support/say.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/processes/roll_call.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

/// A kind of processor, and the processes that have it.
struct Kind {
    std::string name, instructions;
    std::string first;  ///< of these: "process 2 on a"
    int others = 0;

    std::string text() const {
        const char* has = others > 0 ? "have" : "has";
        const std::string more =
            others > 0 ? fmt::format(" and {} other{}", others, others > 1 ? "s" : "") : "";
        return fmt::format("{}{} {} {} ({})", first, more, has, instructions, name);
    }
};

std::string own_processor() {
    return Json{{"name", runtime::processor_name()},
                {"instructions", runtime::instruction_set()},
                {"host", runtime::host_name()},
                {"avx2", runtime::has_avx2()}}
        .dump();
}

std::vector<Kind> kinds_of(const std::vector<Json>& processors) {
    std::vector<Kind> kinds;
    for (size_t rank = 0; rank < processors.size(); ++rank) {
        const Json& one = processors[rank];
        const std::string &name = one.at("name").text(), &set = one.at("instructions").text();
        const auto known = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) {
            return kind.name == name && kind.instructions == set;
        });
        if (known != kinds.end())
            ++known->others;
        else
            kinds.push_back(
                {name, set, fmt::format("process {} on {}", rank, one.at("host").text())});
    }
    return kinds;
}

/// Whether all have the same of it.
template <typename Member>
bool is_common(const std::vector<Kind>& kinds, Member member) {
    return std::all_of(kinds.begin(), kinds.end(),
                       [&](const Kind& kind) { return kind.*member == kinds[0].*member; });
}

void say_kinds(const std::vector<Kind>& kinds, const char* what) {
    std::vector<std::string> texts;
    for (const Kind& kind : kinds) texts.push_back(kind.text());
    say("gmrun: the processors differ: {}; {}\n", fmt::join(texts, ", "), what);
}

/// In process 0: whether all are to compute with AVX2 only, which it says.
bool is_to_be_levelled(const std::vector<std::string>& answers, const std::string& run) {
    std::vector<Json> processors;
    for (const std::string& answer : answers)
        processors.push_back(Json::parse(answer).value_or(Json()));
    const bool can = std::all_of(processors.begin(), processors.end(),
                                 [](const Json& one) { return one.at("avx2").flag(); });
    const bool kept = can && !run.empty();
    if (kept)
        for (Json& one : processors) one["instructions"] = "AVX2";
    const std::vector<Kind> kinds = kinds_of(processors);
    const bool alike = is_common(kinds, &Kind::instructions);
    const bool same_names = is_common(kinds, &Kind::name);
    if (!alike && can)
        say_kinds(kinds, same_names ? "all compute with AVX2, to the bits of --isa avx2"
                                    : "all compute with AVX2, to the bits of --isa avx2 but where "
                                      "kernels of oneDNN go by the sizes of caches");
    else if (alike && !same_names)
        say_kinds(kinds,
                  "bits differ from those of one kind where kernels of oneDNN go by the sizes of "
                  "caches");
    if (kept) keep_to_avx2(run);
    return kept || (can && !alike);
}

}  // namespace

void level_instructions(runtime::ProcessGroup& group, const std::string& run) {
    const std::vector<std::string> answers = group.gather(own_processor());
    bool level = group.leads() && is_to_be_levelled(answers, run);
    group.broadcast(&level, sizeof(level));
    if (level) (void)runtime::restrict_to_avx2();
}

}  // namespace gmc::tools

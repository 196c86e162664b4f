// Writes the counters as JSON. Numbers are the shortest texts that are read back as the same
// doubles.
#include "runtime/metrics/sign_counters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <vector>

#include "compiler/support/json.h"

namespace gmc::runtime {
namespace {

/// More members than a model has figures are none that were written here.
constexpr size_t kMembersMost = 100'000;

/// Whether it can be that of a figure, a state or a sign.
bool is_name(const std::string& text) {
    constexpr size_t kLongest = 4096;
    return !text.empty() && text.size() <= kLongest &&
           std::all_of(text.begin(), text.end(),
                       [](unsigned char c) { return std::isprint(c) != 0; });
}

int64_t count_of(const Json& json) {
    if (json.whole() < 0) throw JsonError("a count in its `signs` is negative");
    return json.whole();
}

}  // namespace

std::string SignCounters::to_text() const {
    if (figures.empty() && shown.empty()) return "";
    Json out{{"judged", judged},
             {"was_diverse", was_diverse},
             {"figures", Json::object()},
             {"shown", Json::array()}};
    for (const auto& [name, figure] : figures)
        out["figures"][name] = {
            {"sum", figure.sum},
            {"count", figure.count},
            {"least_size", figure.least_size},
            {"most_size", figure.most_size},
            {"begin", figure.begin},
            {"early", figure.early},
            {"first", figure.first},
            {"signed", figure.is_signed},
            {"last", std::vector<double>(figure.last.begin(), figure.last.end())}};
    for (const auto& [sign, history] : shown)
        out["shown"].push_back({{"sign", sign.first},
                                {"of", sign.second},
                                {"epochs", history.epochs},
                                {"since", history.since},
                                {"most", history.most},
                                {"told", history.is_told},
                                {"gone", history.gone}});
    return out.dump();
}

SignCounters SignCounters::from_text(const std::string& text) {
    SignCounters out;
    if (text.empty()) return out;
    const Json json = Json::parse_strictly(text, kMembersMost);
    const Json& figures = json.at("figures");
    if (!figures.is_object()) throw JsonError("its `signs` have no `figures`");
    for (size_t i = 0; i < figures.names().size(); ++i) {
        const Json& figure = figures.elements()[i];
        FigureHistory& history = out.figures[figures.names()[i]];
        history.sum = figure.at("sum").number();
        history.count = count_of(figure.at("count"));
        if (figure.contains("first")) {  // else of a version that did not look for explosions
            history.least_size = figure.at("least_size").number();
            history.most_size = figure.at("most_size").number();
            history.early = figure.at("early").number();
            history.first = figure.at("first").number();
            history.is_signed = figure.at("signed").flag();
        }
        if (figure.contains("begin")) history.begin = figure.at("begin").number();
        if (!figure.at("last").is_array()) throw JsonError("its `signs` have no list `last`");
        for (const Json& value : figure.at("last").elements())
            history.last.push_back(value.number());
        if (history.last.size() > FigureHistory::kLastMost)
            throw JsonError("its `signs` have more steps than are kept");
    }
    if (!json.contains("shown")) return out;  // of a version that told signs by epochs alone
    out.judged = count_of(json.at("judged"));
    out.was_diverse = json.at("was_diverse").flag();
    if (!json.at("shown").is_array()) throw JsonError("its `signs` have no list `shown`");
    for (const Json& sign : json.at("shown").elements()) {
        // Earlier versions kept signs whose number was not finite, which JSON has as null.
        const Json& most = sign.at("most");
        const SignHistory history{count_of(sign.at("epochs")), count_of(sign.at("since")),
                                  most.is_null() ? 0 : most.number(), sign.at("told").flag(),
                                  count_of(sign.at("gone"))};
        if (!out.shown.emplace(std::pair(sign.at("sign").text(), sign.at("of").text()), history)
                 .second)
            throw JsonError("its `signs` have one sign twice");
    }
    return out;
}

/// Figures are computed in f32. Those of a replay are of steps behind the one that it begins with:
/// one, or as many as local steps.
void SignCounters::check(int64_t step, int64_t pass) const {
    constexpr double kLargest = std::numeric_limits<float>::max();
    constexpr int64_t kAhead = 10'000;
    const auto expect = [](bool is_so, const std::string& name, const char* field, auto value) {
        if (is_so) return;
        const std::string of = name.empty() ? "" : " of `" + name.substr(0, 80) + "`";
        throw JsonError(fmt::format("its `signs` have a `{}`{} of {}, to which no run comes", field,
                                    of, value));
    };
    const auto expect_name = [](const std::string& name) {
        if (!is_name(name)) throw JsonError("its `signs` have a name that cannot be read");
    };
    const auto is_figure = [](double value) { return std::fabs(value) <= kLargest; };
    expect(judged <= step, "", "judged", judged);
    for (const auto& [name, figure] : figures) {
        expect_name(name);
        expect(figure.count <= step + kAhead, name, "count", figure.count);
        expect(std::fabs(figure.sum) <= static_cast<double>(figure.count) * kLargest, name, "sum",
               figure.sum);
        const std::pair<const char*, double> sizes[] = {{"least_size", figure.least_size},
                                                        {"most_size", figure.most_size},
                                                        {"begin", figure.begin},
                                                        {"early", figure.early},
                                                        {"first", figure.first}};
        for (const auto& [field, value] : sizes)
            expect(value >= 0 && is_figure(value), name, field, value);
        expect(static_cast<int64_t>(figure.last.size()) <= step + kAhead, name, "last",
               figure.last.size());
        for (const double value : figure.last) expect(is_figure(value), name, "last", value);
    }
    for (const auto& [sign, history] : shown) {
        expect_name(sign.first);
        if (!sign.second.empty()) expect_name(sign.second);
        expect(history.epochs >= 1 && history.epochs <= pass, sign.first, "epochs", history.epochs);
        expect(history.since <= step, sign.first, "since", history.since);
        expect(is_figure(history.most), sign.first, "most", history.most);
        expect(history.gone <= pass, sign.first, "gone", history.gone);
    }
}

}  // namespace gmc::runtime

// Writes the counters as JSON. Numbers are the shortest texts that are read back as the same
// doubles.
#include "runtime/metrics/sign_counters.h"

#include <vector>

#include "compiler/support/json.h"

namespace gmc::runtime {
namespace {

/// More members than a model has figures are none that were written here.
constexpr size_t kMembersMost = 100'000;

int64_t count_of(const Json& json) {
    if (json.whole() < 0) throw JsonError("a count in its `signs` is negative");
    return json.whole();
}

}  // namespace

std::string SignCounters::to_text() const {
    if (figures.empty() && shown.empty()) return "";
    Json out{{"first_loss", first_loss},
             {"judged", judged},
             {"was_diverse", was_diverse},
             {"figures", Json::object()},
             {"shown", Json::array()}};
    for (const auto& [name, figure] : figures)
        out["figures"][name] = {
            {"sum", figure.sum},
            {"smallest", figure.smallest},
            {"count", figure.count},
            {"least_size", figure.least_size},
            {"most_size", figure.most_size},
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
    out.first_loss = json.at("first_loss").number();
    const Json& figures = json.at("figures");
    for (size_t i = 0; i < figures.names().size(); ++i) {
        const Json& figure = figures.elements()[i];
        FigureHistory& history = out.figures[figures.names()[i]];
        history.sum = figure.at("sum").number();
        history.smallest = figure.at("smallest").number();
        history.count = count_of(figure.at("count"));
        if (figure.contains("first")) {  // else of a version that did not look for explosions
            history.least_size = figure.at("least_size").number();
            history.most_size = figure.at("most_size").number();
            history.early = figure.at("early").number();
            history.first = figure.at("first").number();
            history.is_signed = figure.at("signed").flag();
        }
        for (const Json& value : figure.at("last").elements())
            history.last.push_back(value.number());
        if (history.last.size() > FigureHistory::kLastMost)
            throw JsonError("its `signs` have more steps than are kept");
    }
    if (!json.contains("shown")) return out;  // of a version that told signs by epochs alone
    out.judged = count_of(json.at("judged"));
    out.was_diverse = json.at("was_diverse").flag();
    for (const Json& sign : json.at("shown").elements())
        out.shown[{sign.at("sign").text(), sign.at("of").text()}] = {
            count_of(sign.at("epochs")), count_of(sign.at("since")), sign.at("most").number(),
            sign.at("told").flag(), count_of(sign.at("gone"))};
    return out;
}

}  // namespace gmc::runtime

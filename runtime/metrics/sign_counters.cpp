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
    if (figures.empty() && epochs.empty()) return "";
    Json out{{"first_loss", first_loss}, {"figures", Json::object()}, {"epochs", Json::array()}};
    for (const auto& [name, figure] : figures)
        out["figures"][name] = {
            {"sum", figure.sum},
            {"smallest", figure.smallest},
            {"count", figure.count},
            {"last", std::vector<double>(figure.last.begin(), figure.last.end())}};
    for (const auto& [sign, count] : epochs)
        out["epochs"].push_back({{"sign", sign.first}, {"of", sign.second}, {"epochs", count}});
    return out.dump();
}

SignCounters SignCounters::from_text(const std::string& text) {
    SignCounters out;
    if (text.empty()) return out;
    const Json json = Json::parse_strictly(text, kMembersMost);
    out.first_loss = json.at("first_loss").number();
    const Json& figures = json.at("figures");
    for (const std::string& name : figures.names()) {
        const Json& figure = figures.at(name);
        FigureHistory& history = out.figures[name];
        history.sum = figure.at("sum").number();
        history.smallest = figure.at("smallest").number();
        history.count = count_of(figure.at("count"));
        for (const Json& value : figure.at("last").elements())
            history.last.push_back(value.number());
        if (history.last.size() > FigureHistory::kLastMost)
            throw JsonError("its `signs` have more steps than are kept");
    }
    for (const Json& shown : json.at("epochs").elements())
        out.epochs[{shown.at("sign").text(), shown.at("of").text()}] = count_of(shown.at("epochs"));
    return out;
}

}  // namespace gmc::runtime

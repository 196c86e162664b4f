// gmrun eval: losses and metrics over the test data.
#include <nlohmann/json.hpp>

#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {

int eval_command(const Words& words) {
    namespace po = boost::program_options;
    CommandLine line("gmrun eval [options] MODEL",
                     "Evaluates a trained model: every loss and metric, averaged over all examples "
                     "of the test data.");
    add_run(line);
    line.options().add_options()("train-data", po::bool_switch(),
                                 "evaluate on the training data instead")(
        "seed", po::value<uint64_t>()->default_value(1), "of random numbers in the losses")(
        "json", po::bool_switch(), "print one JSON object");
    if (!line.parse(words)) return kDone;
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    const auto split =
        line.flag("train-data") ? runtime::DataSplit::kTrain : runtime::DataSplit::kTest;
    const auto result =
        runtime::evaluate(*trained->model, split, line.get<uint64_t>("seed"), diagnostics);
    if (!result.ok()) return report(diagnostics);
    if (line.flag("json")) {
        nlohmann::ordered_json json{{"model", trained->model->module().name},
                                    {"run", trained->folder},
                                    {"step", trained->training.step},
                                    {"examples", result->examples}};
        for (const auto& [name, value] : result->values) json[name] = value;
        fmt::print("{}\n", json.dump());
        return kDone;
    }
    fmt::print("{} after {} steps, {} examples\n", trained->folder, trained->training.step,
               result->examples);
    for (const auto& [name, value] : result->values) fmt::print("  {:24} {:.6g}\n", name, value);
    return kDone;
}

}  // namespace gmc::tools

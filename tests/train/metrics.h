// What a run has written into metrics.jsonl.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "compiler/support/json.h"

namespace gmc {

/// Its lines of losses and metrics. Beside them the file has signs of what may be wrong, which are
/// texts.
inline std::vector<Json> metrics_of(const std::string& run) {
    std::vector<Json> lines;
    std::ifstream file(run + "/metrics.jsonl");
    for (std::string line; std::getline(file, line);)
        if (const Json json = Json::parse(line).value(); !json.contains("sign"))
            lines.push_back(json);
    return lines;
}

}  // namespace gmc

// Which gmc this is.
#pragma once

#include <string>
#include <string_view>

namespace gmc::tools {

/// Set when the build is configured (version.cpp.in).
struct Version {
    const char* number;  ///< "0.1.0"
    const char*
        commit;  ///< of the source tree, 12 digits, "+" behind them where it was changed; ""
    const char* onednn;  ///< the oneDNN that gmc was built with
};
extern const Version kVersion;

/// What --version prints, a few lines.
std::string version_text(std::string_view program);

}  // namespace gmc::tools

// Which version of gmc this is, and of which commit.
#pragma once

#include <string>
#include <string_view>

namespace gmc::tools {

/// Set when the build is configured (version.cpp.in).
struct Version {
    const char* number;  ///< "0.1.0"
    /// The commit of the source tree: 12 digits, and "+" where files differed from it; "" when it
    /// is not known.
    const char* commit;
    const char* onednn;  ///< the oneDNN that gmc was built with
};
extern const Version kVersion;

/// What --version prints, a few lines.
std::string version_text(std::string_view program);

}  // namespace gmc::tools

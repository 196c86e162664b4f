// Writes the text of --version: program, version, commit, and the oneDNN that it was built with.
#include "tools/command_line/version.h"

#include <fmt/format.h>

namespace gmc::tools {

std::string version_text(std::string_view program) {
    const std::string commit = *kVersion.commit == 0 ? "" : fmt::format(" ({})", kVersion.commit);
    return fmt::format("{} {}{}\nbuilt with oneDNN {}\n", program, kVersion.number, commit,
                       kVersion.onednn);
}

}  // namespace gmc::tools

// Lists the sub-folders of a folder of examples. Their order decides which number a label has, so
// the language and the runtime both list them here.
#include "runtime/files/class_folders.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "compiler/support/paths.h"

namespace gmc::runtime {
namespace {

constexpr std::string_view kDigits = "0123456789";

/// The digits that `text` starts with, without leading zeros; `text` begins behind them afterwards.
std::string_view take_number(std::string_view& text) {
    std::string_view number = text.substr(0, text.find_first_not_of(kDigits));
    text.remove_prefix(number.size());
    number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
    return number;
}

}  // namespace

bool is_hidden_name(std::string_view name) { return name.starts_with('.') || name == "__MACOSX"; }

bool leads_back(const std::filesystem::path& entry) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (!fs::is_symlink(entry, error)) return false;
    const fs::path target = fs::canonical(entry, error);
    const fs::path folder = fs::canonical(entry.parent_path(), error);
    return !error &&
           std::mismatch(target.begin(), target.end(), folder.begin(), folder.end()).first ==
               target.end();
}

/// Walks both names at once: where both go on with digits, the numbers are compared (without
/// leading zeros the longer one is larger), else the bytes.
bool natural_less(std::string_view a, std::string_view b) {
    const std::string_view whole_a = a, whole_b = b;
    while (!a.empty() && !b.empty()) {
        const bool digits = kDigits.find(a[0]) != std::string_view::npos &&
                            kDigits.find(b[0]) != std::string_view::npos;
        if (digits) {
            const std::string_view left = take_number(a), right = take_number(b);
            if (left.size() != right.size()) return left.size() < right.size();
            if (left != right) return left < right;
        } else {
            if (a[0] != b[0])
                return static_cast<unsigned char>(a[0]) < static_cast<unsigned char>(b[0]);
            a.remove_prefix(1);
            b.remove_prefix(1);
        }
    }
    // `02` and `2` are the same number: then the texts decide, so that the order is one of all
    // names.
    if (a.empty() && b.empty()) return whole_a < whole_b;
    return a.empty();
}

/// The order decides the numbers of classes, so it must not be that of the file system.
Result<std::vector<std::string>> list_class_folders(const std::string& path,
                                                    Diagnostics& diagnostics) {
    namespace fs = std::filesystem;
    std::vector<std::string> names;
    std::error_code error;
    for (const fs::path& each : paths_in(path, error)) {
        std::string name = each.filename().string();
        std::error_code ignored;
        if (!is_hidden_name(name) && fs::is_directory(each, ignored) && !leads_back(each))
            names.push_back(std::move(name));
    }
    if (error) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be read as a folder: {}", path,
                          error.message());
        return Failure{};
    }
    std::sort(names.begin(), names.end(), natural_less);
    return names;
}

}  // namespace gmc::runtime

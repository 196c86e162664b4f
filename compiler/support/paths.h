// What is at a path. std::filesystem's own functions throw where the path is too long or lies in a
// folder that may not be entered; here nothing is there then, and opening it says why.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

namespace gmc {

inline bool is_there(const std::string& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
}
inline bool is_folder(const std::string& path) {
    std::error_code error;
    return std::filesystem::is_directory(path, error);
}
inline bool is_regular(const std::string& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error);
}

}  // namespace gmc

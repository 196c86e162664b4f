// Reading and writing .gmc files. Reading is a chain of checks, from "is this a file" to "is this a
// well-formed module"; the first that fails says why. The file may come from a stranger, so its
// size is bounded and nothing of it is trusted before the verifier has passed it.
#include "compiler/ir/artefact.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "compiler/ir/attributes.h"
#include "compiler/ir/text/parser.h"
#include "compiler/ir/text/printer.h"
#include "compiler/support/paths.h"
#include "compiler/support/temporary_files.h"

namespace gmc::ir {
namespace {

/// A model's text takes a line per op, at most some megabytes; 256 MiB is far more, and far less
/// than what would exhaust memory.
constexpr size_t kLargestFileBytes = size_t{256} << 20;
constexpr std::string_view kChecksum = "checksum ";
/// A CRC-32 in hexadecimal digits.
constexpr size_t kChecksumDigits = 8;

/// Closes a file when its owner goes.
struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

/// Reports an error about the file as a whole: its path is added as a source without text, so that
/// the message begins with the path.
Failure fail(const std::string& path, const std::string& why, Diagnostics& diagnostics,
             const std::string& help = "", DiagnosticKind kind = DiagnosticKind::kBadFile) {
    const uint32_t file = diagnostics.sources().add(path, "");
    Diagnostic& d = diagnostics.error(kind, {file, 0, 0, 0}, "{}", why);
    if (!help.empty()) d.help(help);
    return {};
}

/// The CRC-32 of zlib. It finds accidents (a cut file, an edit), which is its purpose; it is no
/// protection against intent.
std::string checksum_of(std::string_view text) {
    const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size());
    return fmt::format("{:08x}", crc);
}

/// Whether the first bytes are those of a .gmc file.
bool starts_like_artefact(std::string_view text) {
    return text.substr(0, 4) == "gmc " || text.substr(0, 2) == "//";
}

/// Reads the whole file or the standard input, up to the size limit.
Result<std::string> read_text(const std::string& path, Diagnostics& diagnostics) {
    const bool standard_input = path == "-";
    std::error_code code;
    if (!standard_input && std::filesystem::is_directory(path, code))
        return fail(path, "is a directory, not a compiled model", diagnostics);
    // Opening a pipe by its name would wait for a writer that may never come.
    if (!standard_input && std::filesystem::is_fifo(path, code))
        return fail(path, "is a pipe, not a file", diagnostics, "`-` is the standard input");
    const File owned(standard_input ? nullptr : std::fopen(path.c_str(), "rb"));
    std::FILE* file = standard_input ? stdin : owned.get();
    if (file == nullptr)
        return fail(path, fmt::format("cannot be read: {}", std::strerror(errno)), diagnostics);
    std::string text;
    char chunk[1 << 16];
    for (size_t got; (got = std::fread(chunk, 1, sizeof chunk, file)) > 0;) {
        text.append(chunk, got);
        // Other files, which may be large or endless, are refused at their first bytes.
        if (!starts_like_artefact(text) && text.size() > 4) break;
        if (text.size() > kLargestFileBytes)
            return fail(path, fmt::format("is larger than {} MiB", kLargestFileBytes >> 20),
                        diagnostics);
    }
    if (std::ferror(file) != 0)
        return fail(path, fmt::format("cannot be read: {}", std::strerror(errno)), diagnostics);
    return text;
}

/// The number after "gmc" in the first line; 0 when there is none.
int version_of(std::string_view text) {
    int version = 0;
    if (text.substr(0, 4) == "gmc ")
        std::from_chars(text.data() + 4, text.data() + text.size(), version);
    return version;
}

/// Reports a file of an older or newer format. Files that do not begin with a version are left to
/// the parser, which says where it is missing.
bool has_this_version(const std::string& path, std::string_view text, Diagnostics& diagnostics) {
    const int version = version_of(text);
    if (version == 0 || version == kFormatVersion) return true;
    fail(path,
         fmt::format("has format version {}; this program reads version {}", version,
                     kFormatVersion),
         diagnostics,
         version > kFormatVersion
             ? "compile the model again with the gmc that belongs to this program"
             : "an older gmc compiled it: compile the model's YAML again");
    return false;
}

/// Where the line with the checksum begins; npos when the text does not end in such a line.
size_t find_checksum(std::string_view text) {
    const size_t length = kChecksum.size() + kChecksumDigits + 1;
    if (text.size() < length || text.back() != '\n') return std::string_view::npos;
    const size_t begin = text.size() - length;
    const bool whole_line = begin == 0 || text[begin - 1] == '\n';
    return whole_line && text.substr(begin, kChecksum.size()) == kChecksum ? begin
                                                                           : std::string_view::npos;
}

/// Where the line `origin` is, and how long, with its line break. No text in quotes has one.
std::pair<size_t, size_t> find_origin(std::string_view text) {
    constexpr std::string_view kLine = "\norigin ";
    const size_t begin = text.find(kLine);
    if (begin == std::string_view::npos) return {text.size(), 0};
    const size_t end = text.find('\n', begin + 1);
    return {begin + 1, std::min(end, text.size() - 1) - begin};
}

/// The checksum of all lines but `origin` and that of the checksum.
std::string checksum_of_rest(std::string_view text) {
    const auto [begin, length] = find_origin(text);
    return checksum_of(std::string(text.substr(0, begin)).append(text.substr(begin + length)));
}

}  // namespace

std::string artefact_text(const Module& module) {
    std::string text = print(module);
    if (module.origin != Origin{}) {
        const auto [begin, length] = find_origin(text);
        Origin origin = module.origin;
        origin.rest = checksum_of_rest(text);
        text.replace(begin, length, fmt::format("origin{}\n", attributes_text(origin)));
    }
    return text + std::string(kChecksum) + checksum_of(text) + "\n";
}

std::string checksum_of_functions(const Module& module) {
    std::string text;
    for (const Function& function : module.functions) text += print(module, function);
    return checksum_of(text);
}

/// Places in files go, as a comment that is added to the model moves them.
static void forget_places(std::vector<Operation>& operations) {
    for (Operation& operation : operations) {
        operation.location = {};
        forget_places(operation.body);
    }
}

std::string checksum_of_steps(const Module& module) {
    Module steps;
    if (module.training) steps.training = {.batch_size = module.training->batch_size};
    steps.data = module.data;
    for (DataField& field : steps.data) field.source.clear();
    steps.run.validate_share = module.run.validate_share;
    steps.schedule = module.schedule;
    steps.compilation = module.compilation;
    steps.states = module.states;
    for (State& state : steps.states) state.location = {};
    for (const Function& function : module.functions) {
        const bool is_step =
            std::any_of(steps.schedule.begin(), steps.schedule.end(),
                        [&](const auto& entry) { return entry.function == function.name; });
        if (!is_step && !function.is_body) continue;
        forget_places(steps.functions.emplace_back(function).operations);
    }
    return checksum_of(print(steps));
}

bool is_checksum(std::string_view text) {
    return text.size() == kChecksumDigits &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The data are synced before the rename: after a power cut the path holds either the old file or
/// the whole new one. The process id in the temporary name keeps two runs that write the same file
/// apart.
bool write_file(const std::string& path, const std::string& text, Diagnostics& diagnostics) {
    std::error_code code;
    // Devices and pipes are written into: /dev/null must not become a file.
    const bool special =
        std::filesystem::exists(path, code) && !std::filesystem::is_regular_file(path, code);
    const std::string temporary = special ? path : temporary_name(path);
    if (!special) remove_abandoned(path);
    if (std::filesystem::is_directory(path, code)) {
        fail(path, "cannot be written: is a directory", diagnostics);
        return false;
    }
    File file(std::fopen(temporary.c_str(), "wb"));
    bool good = file != nullptr &&
                std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() &&
                std::fflush(file.get()) == 0 && (special || ::fsync(::fileno(file.get())) == 0);
    // Closing may be what reports a full disk, so its answer counts.
    if (file != nullptr) good = std::fclose(file.release()) == 0 && good;
    if (good && (special || std::rename(temporary.c_str(), path.c_str()) == 0)) return true;
    fail(path, fmt::format("cannot be written: {}", std::strerror(errno)), diagnostics, "",
         kind_of_write_error(errno));
    if (!special) std::filesystem::remove(temporary, code);
    return false;
}

bool is_artefact(const std::string& path) {
    // Only plain files are looked into: a pipe could be read only once, and may have nothing to
    // read yet.
    std::error_code code;
    if (!std::filesystem::is_regular_file(path, code)) return false;
    const File file(std::fopen(path.c_str(), "rb"));
    char begin[4];
    return file != nullptr &&
           starts_like_artefact({begin, std::fread(begin, 1, sizeof begin, file.get())});
}

/// The checksum stands at the end of the text and is of everything before it. It is checked before
/// anything is parsed, so that a file that was cut off says so, and not that some op is wrong.
Result<Module> read_artefact_text(const std::string& path, std::string text,
                                  const ReadArtefactOptions& options, Diagnostics& diagnostics) {
    if (text.empty())
        return fail(path, "is empty", diagnostics, "`gmc compile` writes compiled models");
    if (!starts_like_artefact(text) || text.find('\0') != std::string::npos)
        return fail(path, "is not a compiled model", diagnostics,
                    "`gmc compile` makes one, a .gmc file, from a model's YAML");
    if (!has_this_version(path, text, diagnostics)) return Failure{};
    const size_t end = find_checksum(text);
    if (end == std::string::npos && text.find("\r\n") != std::string::npos)
        return fail(path, "has the line ends CR LF in place of those that it was written with, LF",
                    diagnostics,
                    "compile the model again; git leaves such files as they are where "
                    "`.gitattributes` has the line `*.gmc -text`");
    if (end == std::string::npos && options.require_checksum)
        return fail(path, "is cut off: its last line is no checksum", diagnostics,
                    "compile the model again");
    if (end != std::string::npos) {
        const std::string written = text.substr(end + kChecksum.size(), kChecksumDigits);
        const std::string seen = checksum_of(std::string_view(text).substr(0, end));
        if (options.require_checksum && seen != written)
            return fail(
                path,
                fmt::format("was changed after it was compiled: checksum {}, written {}", seen,
                            written),
                diagnostics,
                "compile the model again, or pass the file through `gmc opt` to accept the change");
        text.resize(end);
    }
    const std::string rest = checksum_of_rest(text);
    Result<Module> module = parse_module(path, std::move(text), diagnostics);
    if (!module || !verify(*module, diagnostics, options.verify)) return Failure{};
    if (Origin& origin = module->origin; origin != Origin{}) {
        if (origin.rest != rest) origin.model = Origin::kChanged + rest;
        origin.rest.clear();
    }
    return module;
}

Result<Module> read_artefact(const std::string& path, const ReadArtefactOptions& options,
                             Diagnostics& diagnostics) {
    Result<std::string> text = read_text(path, diagnostics);
    if (!text) return Failure{};
    return read_artefact_text(path, text.take(), options, diagnostics);
}

}  // namespace gmc::ir

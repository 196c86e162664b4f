// A file of events that grows while a run trains. TensorBoard reads it at the same time. It finds
// such files by their names, events.out.tfevents.SECONDS.NUMBER, and reads them in the order of the
// names.
#pragma once

#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/tensorboard/event.h"

namespace gmc::tensorboard {

/// What the name of every file of events begins with.
inline constexpr std::string_view kFilePrefix = "events.out.tfevents.";
/// What the name ends with in place of NUMBER where `gmrun export` wrote the file of a whole run.
inline constexpr std::string_view kExported = "exported";
/// Whether the name of a file is one that gmc gives; other programs write names of hosts into it.
bool is_event_file(std::string_view name);

class EventFile {
  public:
    /// Makes a new file in `folder`, with the version and the start of training. Errors: kBadFile.
    static Result<EventFile> create(const std::string& folder, Moment at, Diagnostics& diagnostics);
    EventFile(EventFile&& other) noexcept;
    EventFile& operator=(EventFile&&) = delete;
    ~EventFile();

    /// Appends records. When it returns, they are in the file. A run that is killed leaves whole
    /// records, except perhaps the last. Errors: kBadFile (disk full).
    [[nodiscard]] bool append(std::string_view records, Diagnostics& diagnostics);

  private:
    EventFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

    std::string path_;
    int fd_ = -1;
};

}  // namespace gmc::tensorboard

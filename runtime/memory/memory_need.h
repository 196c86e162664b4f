// How much memory a module takes, and how much this process can get. A module that does not fit is
// refused before anything is allocated; otherwise the machine would begin to swap, or Linux would
// end the process in the middle of a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::runtime {

/// Bytes that a module takes while it runs, beside its data, scratch memory and the program.
struct MemoryNeed {
    int64_t states = 0;
    int64_t arena = 0;   ///< values of the largest function
    int64_t copies = 0;  ///< of states, beside them
    int64_t total() const { return states + arena + copies; }
};
MemoryNeed memory_need(const ir::Module& module);
/// Training keeps copies, too: of all states, to go back to when a number is not finite, and of the
/// parameters that it updates, to see what an epoch has moved.
MemoryNeed training_need(const ir::Module& module);
/// The parameters that functions of the schedule update, in the order of the module's states.
std::vector<ir::StateId> trained_parameters(const ir::Module& module);

/// The most that this process can still get, and what sets that limit.
struct MemoryLimit {
    int64_t bytes = 0;
    std::string reason;                ///< "this machine has 3.2 GiB of memory left"
    bool none_beside_program = false;  ///< gmrun itself, without a model, does not fit
    int64_t program = 0;               ///< what gmrun itself still takes of it, beside `bytes`
};
/// The least of what the machine has left and what the control groups of this process (version 1 or
/// 2, with all groups around them), `ulimit -v` and `ulimit -d` still allow. `root` goes before the
/// paths /proc and /sys, so that tests can bring files of their own.
MemoryLimit memory_limit(const std::string& root = "");
/// How many bytes of read data one field of the data may keep in memory: a quarter of that limit.
uint64_t memory_for_data();
/// The least of what the machine has in all and what its control groups allow in all, however much
/// of it is in use now.
MemoryLimit memory_of_machine(const std::string& root = "");

/// Why `need` does not fit into `limit`; "" when it fits.
std::string why_too_large(const MemoryNeed& need, const MemoryLimit& limit);

/// Bytes that this process has asked for, beside stacks.
int64_t asked_memory();
/// Bytes of these that it has not touched yet: the system gives them when they are
/// touched, and ends the process where it cannot.
int64_t untouched_memory();
/// Says that this process will ask for so many bytes more, which data read before must leave;
/// memory_limit() counts them. 0: it has them now.
void expect_to_ask_for(int64_t bytes);
/// What it was told last.
int64_t expected_memory();
/// Why `bytes` more do not fit beside all that this process has asked for; "" when they do. `root`
/// as above.
std::string why_no_room(int64_t bytes, const std::string& root = "");
/// Whether they would fit without the windows, below.
bool would_fit_without_windows(int64_t bytes, const std::string& root = "");

/// Memory for the parts of a file of data that is larger than memory, as long as this object is.
class MemoryOfWindow {
  public:
    explicit MemoryOfWindow(int64_t bytes);
    ~MemoryOfWindow();
    MemoryOfWindow(const MemoryOfWindow&) = delete;
    MemoryOfWindow& operator=(const MemoryOfWindow&) = delete;

  private:
    int64_t bytes_;
};

/// Bytes that `ulimit -v` and `ulimit -d` let this process ask for beyond what it has now.
int64_t memory_within_limits();
/// Where `ulimit -v` is set, lets all threads share one heap. Otherwise the first malloc of each
/// thread reserves 64 MB of addresses, touched or not, and 128 MB for a moment.
void share_heap_under_limit();

/// "3.2 GiB", "14.0 MiB", "512 B"
std::string memory_text(int64_t bytes);

}  // namespace gmc::runtime

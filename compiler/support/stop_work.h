// What ends work early. Work that may take long, such as reading the data before training, ends
// when the program is asked to stop. What asks is one flag of the process: the functions that work
// so know no training.
#pragma once

#include <atomic>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace gmc {

/// Thrown out of work that was asked to stop.
class WorkStopped : public std::exception {
  public:
    const char* what() const noexcept override { return "the work was asked to stop"; }
};

/// A std::bad_alloc that says what could not be done; the commands print "there is no more memory"
/// and its text, such as "to read `a.yaml`".
class NoMemory : public std::bad_alloc {
  public:
    explicit NoMemory(std::string what) : what_(std::move(what)) {}
    const char* what() const noexcept override { return what_.c_str(); }

  private:
    std::string what_;
};

/// The flag that is looked at now.
inline std::atomic<const std::atomic<int>*> stop_of_work{nullptr};

/// As long as this lives, work ends when `flag` is not 0; null: it never does.
class StoppableWork {
  public:
    explicit StoppableWork(const std::atomic<int>* flag) : before_(stop_of_work.exchange(flag)) {}
    ~StoppableWork() { stop_of_work = before_; }
    StoppableWork(const StoppableWork&) = delete;
    StoppableWork& operator=(const StoppableWork&) = delete;

  private:
    const std::atomic<int>* before_;
};

inline bool is_work_stopped() {
    const std::atomic<int>* flag = stop_of_work;
    return flag != nullptr && *flag != 0;
}

/// Throws WorkStopped where work is to end. The units of a team's call must not: they cannot throw.
inline void check_work_stop() {
    if (is_work_stopped()) throw WorkStopped();
}

}  // namespace gmc

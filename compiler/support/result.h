// A value, or the fact that there is none. The reasons are in Diagnostics by then, so a failure
// carries no text of its own, and one run can find several errors: a caller that gets a failure may
// go on with the next layer, entry or function before it returns a failure itself.
#pragma once

#include <optional>
#include <utility>

namespace gmc {

/// Returned in place of a value, after an error was reported.
struct Failure {};

/// What a function returns that can fail because of wrong input. Both constructors are implicit, so
/// that `return value;` and `return Failure{};` are all a function writes. A bug of gmc is no
/// failure but a GMC_CHECK.
template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : value_(std::move(value)) {}  // NOLINT: implicit by design
    Result(Failure) {}                             // NOLINT: implicit by design

    bool ok() const { return value_.has_value(); }
    explicit operator bool() const { return ok(); }
    /// The value. Only when ok().
    T& operator*() { return *value_; }
    const T& operator*() const { return *value_; }
    T* operator->() { return &*value_; }
    const T* operator->() const { return &*value_; }
    T take() { return std::move(*value_); }

  private:
    std::optional<T> value_;
};

}  // namespace gmc

// SPDX-License-Identifier: BSL-1.0
// What weft throws besides the standard's own errors. Layer: base.
// A caller's misuse is a std::logic_error with a text that says what, with which value, and what
// to do; these types are for what a correct program meets.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "weft/detail/config.hpp"
#include "weft/detail/delivery.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN

// Thrown at the wait of a task that was cancelled, or inside a scope that was. It is no
// std::exception, so that a `catch (const std::exception&)` of legacy code cannot swallow a
// cancellation. A `catch (...)` that does swallow it only delays it: the next wait throws again
// until the scope, or the task, is left; with WEFT_DEBUG=1 weft then names the frame that did it.
// A wait inside `catch (const weft::cancelled&)` throws again, too: clean up inside shielded().
class WEFT_API cancelled {
 public:
  cancelled() noexcept = default;
  explicit cancelled(std::shared_ptr<const std::string> reason,
                     detail::delivery* delivery = nullptr) noexcept;
  cancelled(const cancelled&) noexcept;
  cancelled& operator=(const cancelled&) noexcept;
  ~cancelled();

  // The reason that the first cancel() gave; empty if it gave none.
  // Lifetime: the view lives as long as this exception or a copy of it.
  std::string_view reason() const noexcept;

 private:
  void share() noexcept;
  void drop(const void* caller) noexcept;

  std::shared_ptr<const std::string> reason_;
  detail::delivery* delivery_ = nullptr;  // nullptr: not thrown by weft
};

// Thrown by task::get() when somebody other than the caller cancelled that task.
class WEFT_API task_cancelled : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~task_cancelled() override;
};

// Thrown when something is handed to a receiver that has ended, e.g. loop_ref::post after its loop.
class WEFT_API closed_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~closed_error() override;
};

// Thrown by with_timeout() when its time was up.
class WEFT_API timeout_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~timeout_error() override;
};

// Thrown at a barrier that somebody aborted, or reset while others waited.
class WEFT_API broken_barrier : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~broken_barrier() override;
};

// Thrown by a read that needs more bytes than the stream had left.
class WEFT_API end_of_stream : public std::runtime_error {
 public:
  // `bytes` came instead of `wanted`; without `wanted`, before the delimiter that was looked for.
  explicit end_of_stream(std::size_t bytes);
  end_of_stream(std::size_t bytes, std::size_t wanted);
  ~end_of_stream() override;

  // How many bytes had come.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_;
};

// Thrown by a read that found more bytes than its caller allows, e.g. a line without an end.
class WEFT_API limit_exceeded : public std::runtime_error {
 public:
  limit_exceeded(const std::string& text, std::size_t limit);
  ~limit_exceeded() override;

  // How many bytes were allowed.
  std::size_t limit() const noexcept { return limit_; }

 private:
  std::size_t limit_;
};

// Thrown at main's wait when nothing can ever wake it: what() is the graph of who waits for whom.
class WEFT_API would_deadlock : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~would_deadlock() override;
};

WEFT_NAMESPACE_END

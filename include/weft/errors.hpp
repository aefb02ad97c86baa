// SPDX-License-Identifier: BSL-1.0
// What weft throws besides the standard's own errors. Layer: base.
// A caller's misuse is a std::logic_error with a text that says what, with which value, and what
// to do; these types are for what a correct program meets.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN

// Thrown at the wait of a task that was cancelled. It is no std::exception, so that a
// `catch (const std::exception&)` of legacy code cannot swallow a cancellation. A `catch (...)`
// that does swallow it only delays it: the next wait throws again until the task has ended.
// A wait inside `catch (const weft::cancelled&)` throws again, too.
class WEFT_API cancelled {
 public:
  cancelled() noexcept = default;
  explicit cancelled(std::shared_ptr<const std::string> reason) noexcept;
  cancelled(const cancelled&) noexcept;
  cancelled& operator=(const cancelled&) noexcept;
  ~cancelled();

  // The reason that the first cancel() gave; empty if it gave none.
  // Lifetime: the view lives as long as this exception or a copy of it.
  std::string_view reason() const noexcept;

 private:
  std::shared_ptr<const std::string> reason_;
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

WEFT_NAMESPACE_END

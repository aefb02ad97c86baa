// SPDX-License-Identifier: BSL-1.0
// What a promise and its future share. Layer: sync. Counted by hand because either end may be the
// last; the lock is held for a few instructions and never across a park or a user's move.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class waker;

class WEFT_API future_state {
 public:
  enum class progress : std::uint8_t { empty, setting, value, error };

  future_state() noexcept = default;
  virtual ~future_state();
  future_state(const future_state&) = delete;
  future_state& operator=(const future_state&) = delete;

  void add_ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_ref() noexcept;

  // Claims the right to set; false if somebody has it already.
  bool claim() noexcept;
  // Ends a claim: as it was (the value's constructor threw), or with a value or an error.
  void abandon_claim() noexcept;
  void publish(progress outcome, std::exception_ptr error = nullptr) noexcept;

  bool is_ready() const noexcept;

  // Parks or blocks until it is ready; false if the deadline came first.
  bool wait_until(time_point deadline);

  // Throws the stored error, if it is one, and gives it away with the throw.
  void rethrow_error();

 private:
  std::atomic<std::uint32_t> references_{1};
  mutable std::mutex lock_;
  progress progress_ = progress::empty;  // guarded by lock_
  waker* waiting_ = nullptr;             // guarded by lock_; one consumer
  std::exception_ptr error_;             // written before progress_ says error
};

[[noreturn]] WEFT_API void throw_future_error(int code);

}  // namespace detail
WEFT_NAMESPACE_END

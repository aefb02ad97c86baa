// SPDX-License-Identifier: BSL-1.0
// Bounds how many do something at once, and knows who they are: Trio's CapacityLimiter.
// Layer: sync. A semaphore is cheaper, and lets one give what another took.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/lock_core.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

// What capacity_limiter::statistics() tells.
struct capacity_figures {
  std::size_t total_tokens = 0;
  std::size_t borrowed = 0;
  std::size_t waiting = 0;
  // Who has a token: what acquire_on_behalf_of() was given, or weft's own mark of a fiber, thread.
  std::vector<const void*> borrowers;
};

namespace detail {

// Lends tokens, each to another borrower, in the order in which they were asked for. The borrower
// is the calling fiber or thread, or whatever object it names. Each acquire takes a little memory.
// Lifetime: must outlive all who wait, which the destructor asserts; and the tokens.
template <class Policy>
class WEFT_API basic_capacity_limiter {
 public:
  explicit basic_capacity_limiter(std::size_t total_tokens) noexcept : total_(total_tokens) {}
  basic_capacity_limiter(const basic_capacity_limiter&) = delete;
  basic_capacity_limiter& operator=(const basic_capacity_limiter&) = delete;

  // A token that is given back with the block, whoever leaves it.
  class token {
   public:
    explicit token(basic_capacity_limiter& limiter)
        : limiter_(limiter), borrower_(limiter.acquire_as(caller(), time_point::max())) {}
    token(const token&) = delete;
    token& operator=(const token&) = delete;
    ~token() { limiter_.give_back(borrower_, "~token()"); }

   private:
    basic_capacity_limiter& limiter_;
    const void* const borrower_;
  };

  // Takes a token. One that was handed over is kept, even if a cancel comes after it (sem 49).
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: cancelled; std::logic_error, naming the borrower, if it has a token or waits for one
  // already (sem 57); std::bad_alloc.
  void acquire() { acquire_as(caller(), time_point::max()); }
  void acquire_on_behalf_of(const void* borrower) { acquire_as(borrower, time_point::max()); }

  // The same until a deadline; false if it came first. One that has passed tries once.
  template <class Duration>
  [[nodiscard]] bool acquire_until(std::chrono::time_point<clock, Duration> deadline) {
    return acquire_as(caller(), saturate(deadline)) != nullptr;
  }
  template <class Rep, class Period>
  [[nodiscard]] bool acquire_for(std::chrono::duration<Rep, Period> span) {
    return acquire_until(saturating_add(now(), saturate(span)));
  }

  // Takes a token if one is free.
  // Parks: never.  Calls from: any thread.  Throws: std::logic_error and std::bad_alloc as above.
  [[nodiscard]] bool try_acquire() { return try_acquire_as(caller()); }
  [[nodiscard]] bool try_acquire_on_behalf_of(const void* borrower) {
    return try_acquire_as(borrower);
  }

  // Gives the borrower's token back, to who has waited longest.
  // Parks: never.  Calls from: the fiber or thread that acquired it; for a named borrower any.
  // Throws: std::logic_error, naming the borrower, if it has none.
  void release() { give_back(caller(), "capacity_limiter::release()"); }
  void release_on_behalf_of(const void* borrower) {
    give_back(borrower, "capacity_limiter::release_on_behalf_of()");
  }

  // How many there are to be. Fewer than are borrowed is allowed: then as many come back first.
  // Parks: never.  Calls from: any thread.
  void set_total_tokens(std::size_t total) noexcept;
  std::size_t total_tokens() const noexcept;

  // As of this moment.  Parks: never.  Calls from: any thread.
  std::size_t borrowed() const noexcept;
  std::size_t available() const noexcept;
  capacity_figures statistics() const;  // Throws: std::bad_alloc.

 private:
  struct asker;                                   // who waits for a token
  using book = std::map<const void*, bool>;       // who asked; true: has a token
  static book::node_type new_entry(const void*);  // memory is not to be had under a lock

  static const void* caller() noexcept {
    return reinterpret_cast<const void*>(this_holder(fibers_loop()));
  }
  const void* acquire_as(const void* borrower, time_point deadline);  // nullptr: too late
  bool try_acquire_as(const void* borrower);
  void give_back(const void* borrower, const char* call);
  void lend_free(claimed_waiters& woken) noexcept;
  bool has_free() const noexcept { return borrowed_ < total_; }

  mutable wait_core<Policy> core_;
  // Guarded by core_.
  std::size_t total_;
  std::size_t borrowed_ = 0;
  std::size_t waiting_ = 0;
  book askers_;
};

extern template class basic_capacity_limiter<any_thread>;
extern template class basic_capacity_limiter<one_loop>;

}  // namespace detail

using capacity_limiter = detail::basic_capacity_limiter<detail::any_thread>;

// The same for the fibers of one loop, without atomic operations.
namespace local {
using capacity_limiter = detail::basic_capacity_limiter<detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END

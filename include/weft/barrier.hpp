// SPDX-License-Identifier: BSL-1.0
// A place where a fixed number of fibers and threads meet, again and again: std::barrier's
// interface, and asyncio's abort and reset. Layer: sync. To meet once take latch.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "weft/detail/barrier_core.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/errors.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct no_completion {
  void operator()() const noexcept {}
};

// Lets nobody go on before all parties have arrived. Between two rounds the completion is called,
// by who arrived last and before anybody goes on; if it throws, the barrier is broken and who
// arrived last gets the error. Who comes back early waits until all have left the round before.
// Lifetime: must outlive all who are inside; the destructor asserts that nobody is.
template <class Policy, class Completion>
class basic_barrier {
 public:
  // Proves an arrival, to wait() for the others later.
  class [[nodiscard]] arrival_token {
   public:
    arrival_token(arrival_token&&) noexcept = default;
    arrival_token& operator=(arrival_token&&) noexcept = default;

   private:
    friend class basic_barrier;
    explicit arrival_token(std::uint64_t round) noexcept : round_(round) {}
    std::uint64_t round_;
  };

  // Throws: std::logic_error for less than one party.
  explicit basic_barrier(std::ptrdiff_t parties, Completion completion = Completion())
      : core_(parties), completion_(std::move(completion)) {}
  basic_barrier(const basic_barrier&) = delete;
  basic_barrier& operator=(const basic_barrier&) = delete;

  // Arrives and waits for the others. Each of the parties gets another number from 0 to parties-1,
  // the last to arrive the highest (sem 55). Cancelled, it has not arrived, and the others wait on,
  // unless all had arrived before: as in asyncio, abort() is what tells them.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: broken_barrier; cancelled; what the completion throws; std::logic_error if more arrive
  // than there are parties.
  std::size_t arrive_and_wait() { return *arrive_and_wait_until(time_point::max()); }

  // The same until a deadline; empty if it came first, as if cancelled.
  template <class Duration>
  std::optional<std::size_t> arrive_and_wait_until(
      std::chrono::time_point<clock, Duration> deadline) {
    std::size_t index = 0;
    const barrier_turn turn = core_.arrive_and_wait(saturate(deadline), index);
    if (turn == barrier_turn::late) return std::nullopt;
    if (turn == barrier_turn::last) index = complete();
    return index;
  }
  template <class Rep, class Period>
  std::optional<std::size_t> arrive_and_wait_for(std::chrono::duration<Rep, Period> span) {
    return arrive_and_wait_until(saturating_add(now(), saturate(span)));
  }

  // Arrives n times without waiting for the others. It waits only for those of the round before.
  // Parks: may.  Calls from: fiber, any thread.  Throws: as arrive_and_wait().
  arrival_token arrive(std::ptrdiff_t n = 1) {
    std::uint64_t round = 0;
    if (core_.arrive(n, false, round, "barrier::arrive()")) complete();
    return arrival_token(round);
  }

  // Arrives for the last time: the rounds to come have one party less.
  // Parks: may.  Calls from: fiber, any thread.  Throws: as arrive_and_wait().
  void arrive_and_drop() {
    std::uint64_t round = 0;
    if (core_.arrive(1, true, round, "barrier::arrive_and_drop()")) complete();
  }

  // Waits until the round is over in which the token was got. A cancel takes no arrival back.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: broken_barrier; cancelled.
  void wait(arrival_token&& arrival) { core_.wait_round(arrival.round_, time_point::max()); }

  // Breaks it: who waits, and who arrives before a reset(), gets broken_barrier.
  // Parks: never.  Calls from: any thread.
  void abort() noexcept { core_.abort(); }

  // Begins anew: who waits gets broken_barrier, and who arrives takes part in a fresh round.
  // Parks: never.  Calls from: any thread.
  void reset() noexcept { core_.reset(); }

  // How many must arrive in the rounds to come; how many have arrived in this one; whether it is
  // broken. As of this moment.  Parks: never.  Calls from: any thread.
  std::ptrdiff_t parties() const noexcept { return core_.parties(); }
  std::size_t waiting() const noexcept { return core_.waiting(); }
  bool is_broken() const noexcept { return core_.is_broken(); }

  static constexpr std::ptrdiff_t max() noexcept {
    return std::numeric_limits<std::ptrdiff_t>::max();
  }

 private:
  std::size_t complete() {
    try {
      completion_();
    } catch (...) {
      core_.abort();
      try {
        core_.end_round();
      } catch (const broken_barrier&) {  // we know, and have a better error
      }
      throw;
    }
    return core_.end_round();
  }

  barrier_core<Policy> core_;
  Completion completion_;
};

}  // namespace detail

template <class Completion = detail::no_completion>
class barrier : public detail::basic_barrier<detail::any_thread, Completion> {
 public:
  explicit barrier(std::ptrdiff_t parties, Completion completion = Completion())
      : detail::basic_barrier<detail::any_thread, Completion>(parties, std::move(completion)) {}
};

// The same for the fibers of one loop, without atomic operations.
namespace local {
template <class Completion = detail::no_completion>
class barrier : public detail::basic_barrier<detail::one_loop, Completion> {
 public:
  explicit barrier(std::ptrdiff_t parties, Completion completion = Completion())
      : detail::basic_barrier<detail::one_loop, Completion>(parties, std::move(completion)) {}
};
}  // namespace local

WEFT_NAMESPACE_END

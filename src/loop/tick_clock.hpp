// SPDX-License-Identifier: BSL-1.0
// The present, from what the clock said last and the processor's counter, for a third of what asking
// the clock costs (24 ns). Layer: loop. For deadlines alone: it may be ahead of the clock, which
// would seem to go back when it is asked next.
//
// The counter's rate is measured against the clock as the loop goes on. It is trusted for 64 us
// after the clock was asked, and what it says is rounded up: a deadline is never early, and at most
// 5 us late.
#pragma once

#include <cstdint>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/time.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

WEFT_NAMESPACE_BEGIN
namespace detail {

class tick_clock {
 public:
  // Call right before the clock is asked, then note what it said: a thread that is stopped in
  // between takes the time for longer than it was.
  static std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return 0;
#endif
  }

  void note(std::uint64_t ticks_before, time_point told) noexcept {
    last_ = ticks_before;
    told_ = told;
    if (first_ticks_ == 0) {
      if (!has_steady_ticks()) return;
      first_ticks_ = ticks_before;
      first_ = told;
    }
    const std::uint64_t passed = ticks_before - first_ticks_;
    const auto span = static_cast<std::uint64_t>((told - first_).count());
    if (span < shortest_base || span > longest_base) {
      // Too short to tell a rate; or so long that the product below would overflow: begin anew, the
      // rate is known.
      if (span > longest_base) first_ticks_ = 0;
      return;
    }
    rate_ = (span << 20) / (passed != 0 ? passed : 1);
    trusted_ = passed * trusted_span / span;
  }

  // The present or a little later; time_point::min() if the clock must be asked.
  time_point present() const noexcept {
    const std::uint64_t passed = ticks() - last_;
    if (WEFT_UNLIKELY(passed >= trusted_)) return time_point::min();
    const std::uint64_t span = (passed * rate_) >> 20;
    return told_ + duration(static_cast<duration::rep>(span + span / 16 + 1000));
  }

 private:
  static constexpr std::uint64_t trusted_span = 64'000;             // ns
  static constexpr std::uint64_t shortest_base = 20'000'000;        // ns
  static constexpr std::uint64_t longest_base = 1'000'000'000'000;  // ns; << 20 fits

  // One rate on all cores, whatever they do. Source: Intel SDM vol. 3, 18.17.1; AMD APM vol. 3,
  // CPUID 8000_0007, EDX bit 8.
  static bool has_steady_ticks() noexcept {
#if defined(__x86_64__)
    static const bool is_steady = [] {  // once: a virtual machine takes microseconds to answer
      unsigned a = 0;
      unsigned b = 0;
      unsigned c = 0;
      unsigned d = 0;
      return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
    }();
    return is_steady;
#else
    return false;
#endif
  }

  std::uint64_t last_ = 0;
  time_point told_{};
  std::uint64_t trusted_ = 0;  // ticks in the span; zero while there is no rate
  std::uint64_t rate_ = 0;     // ns * 2^20 in a tick
  std::uint64_t first_ticks_ = 0;
  time_point first_{};
};

}  // namespace detail
WEFT_NAMESPACE_END

// SPDX-License-Identifier: BSL-1.0
// Runs a small program of fibers in every order that its waits allow, and tells the first one that
// fails, as a seed that repeats it. Layer: task. As loom and CHESS do it, for ordinary weft code.
//
//   auto found = weft::testing::explore([] {
//     weft::testing::shared<int> count{0, "count"};
//     weft::gather([&] { count = count + 1; }, [&] { count = count + 1; });
//     weft::testing::check(count.peek() == 2, "an update was lost");
//   });
//   if (!found) ...                // found.failure, found.seed, found.timeline
//
// Every wait and every yield is a choice: which ready fiber goes on. Between two of them a fiber
// has its thread for itself; what other threads could do there is modelled by maybe_switch() and
// shared<T>. Two fibers of three steps have 20 orders, three of four steps 34,650: keep it small,
// or bound it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "weft/detail/chooser.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/options.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace testing {

// Which orders need not be tried, because they could not differ from one that was. Two steps
// commute if no object that both touch is written by one of them. weft's own objects (tasks,
// futures, cancels) tell that by themselves; shared<T> and touch() say it for the user's.
enum class reduction : std::uint8_t {
  none,            // every order
  declared_steps,  // a step that says something by shared<T>, touch() or touch_nothing() says all;
                   // one that says nothing may have touched anything, and commutes with none
  all_steps,       // the caller promises that every step says all that it shares
};

inline constexpr unsigned no_bound = ~0U;

struct explore_options {
  reduction reduce = reduction::none;  // not together with a preemption_bound, which then counts
  // Timers: while one is armed, that its time comes now is a choice as well, though others are
  // ready. That is how a timeout meets a result that comes at the same moment. Without, time goes
  // on only when nothing is ready.
  bool timers_race = true;
  // So often may a schedule leave weft's own order: first in, first out, timers last, and who
  // offers a switch goes on. Most bugs need no more than two.
  unsigned preemption_bound = no_bound;
  std::uint64_t max_schedules = 1'000'000;
  duration max_time = duration::zero();  // by the machine's clock, asked between schedules; 0: none
  std::size_t max_steps = 10'000;        // of one schedule: more are a failure, maybe a livelock
  // Runs only the schedule of this seed. Empty: what WEFT_EXPLORE_SEED in the environment says, in a
  // process that explores one program.
  std::string replay;
  bool print = true;  // a failure is reported, with seed and timeline, through weft's reports
  options loop;       // stack_bytes, stacks and so on; time, seed and name are not looked at
};

struct explore_result {
  // Every order was run, or one that it could not differ from: nothing was left out by a bound or a
  // limit, and nothing failed.
  bool exhaustive = false;
  bool failed = false;
  bool bounded = false;         // preemption_bound left some out
  bool out_of_budget = false;   // max_schedules or max_time left some out
  std::uint64_t schedules = 0;  // that were run and told something new
  std::uint64_t redundant = 0;  // that turned out to repeat others, with a reduction
  std::string failure;          // what went wrong in the last one
  std::string seed;             // repeats it
  std::string timeline;         // a line a step, up to the failure

  explicit operator bool() const noexcept { return !failed; }
};

// What check() throws.
class WEFT_API check_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~check_error() override;
};

}  // namespace testing

namespace detail {

struct explored_body {
  const void* object;
  void (*call)(const void* object);
};
WEFT_API testing::explore_result explore_body(const explored_body& body,
                                              const testing::explore_options& how);
[[noreturn]] WEFT_API void throw_check_error(const char* text);
WEFT_API void offer_switch() noexcept;
WEFT_API void declare_access(const void* object, access how, const char* name) noexcept;

}  // namespace detail

namespace testing {

// Runs `body` as main once for each schedule, on a clock that jumps, until one fails or all are
// through. It must do the same each time but for the order of its fibers: no random numbers, real
// time or other threads, and everything that it changes made anew by itself.
// Failures are: what leaves body; a check() that does not hold, caught or not; a deadlock; an error
// of a task that nobody took; more than max_steps. The rest of such a schedule is cancelled. A
// deadlock that no cancel can end stays behind, with its stacks, until the process ends.
// Some microseconds a schedule.
// Parks: blocks the thread.  Calls from: any thread without a running loop.
// Throws: std::logic_error inside a running loop, for a body that does not do the same again, and
// for a seed that is none or another program's; std::system_error, std::bad_alloc.
template <class F>
[[nodiscard]] explore_result explore(F&& body, const explore_options& how = {}) {
  const auto call = [&body] { body(); };  // an object, also for a plain function
  using object = decltype(call);
  return detail::explore_body({&call, [](const void* it) { (*static_cast<object*>(it))(); }}, how);
}

// Fails the schedule that runs and throws check_error, unless `holds`. `text` says what should have
// held.  Parks: never.  Calls from: any thread; outside explore() it only throws.
inline void check(bool holds, const char* text) {
  if (WEFT_UNLIKELY(!holds)) detail::throw_check_error(text);
}

// Offers explore() a choice in the middle of code that does not wait: what another thread could do
// here, another fiber does. Outside explore() it does nothing. It is no point of cancellation.
// Parks: may.  Calls from: any thread.
inline void maybe_switch() noexcept { detail::offer_switch(); }

// Says that the present step uses an object that others may use: for reduction.
// Parks: never.  Calls from: any thread.  Lifetime: an object that dies before body has ended
// should be a shared<T>, which says that, too.
inline void touch(const void* object) noexcept {
  detail::declare_access(object, detail::access::writes, nullptr);
}
inline void touch_read(const void* object) noexcept {
  detail::declare_access(object, detail::access::reads, nullptr);
}

// Says that it uses nothing that others use, beside what it says otherwise.
inline void touch_nothing() noexcept {
  detail::declare_access(nullptr, detail::access::reads, nullptr);
}

// A variable as threads would share it: each load and each store is a step of its own. Outside
// explore() it is a plain variable.
template <class T>
class shared {
 public:
  // `name` is a static text for the timeline.
  explicit shared(T value = T(), const char* name = "a shared")
      : value_(std::move(value)), name_(name) {
    detail::note_access(this, detail::access::writes);
  }
  shared(const shared&) = delete;
  ~shared() { detail::note_access(this, detail::access::ends); }

  T load() const {
    maybe_switch();
    detail::declare_access(this, detail::access::reads, name_);
    return value_;
  }
  void store(T value) {
    maybe_switch();
    detail::declare_access(this, detail::access::writes, name_);
    value_ = std::move(value);
  }
  operator T() const { return load(); }
  shared& operator=(T value) {
    store(std::move(value));
    return *this;
  }
  shared& operator=(const shared& other) {
    store(other.load());
    return *this;
  }

  // Changes it in one step, as an atomic would: f(T&).
  template <class F>
  auto update(F&& f) -> decltype(f(std::declval<T&>())) {
    maybe_switch();
    detail::declare_access(this, detail::access::writes, name_);
    return f(value_);
  }
  T exchange(T value) {
    return update([&](T& now) { return std::exchange(now, std::move(value)); });
  }
  bool compare_exchange(T& expected, T desired) {
    return update([&](T& now) {
      const bool is_same = now == expected;
      if (is_same) {
        now = std::move(desired);
      } else {
        expected = now;
      }
      return is_same;
    });
  }

  // Looks without a step: for checks when all is over.
  const T& peek() const noexcept { return value_; }

 private:
  T value_;
  const char* name_;
};

}  // namespace testing
WEFT_NAMESPACE_END

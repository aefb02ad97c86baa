// SPDX-License-Identifier: BSL-1.0
// The names of <thread>, <mutex>, <condition_variable> and <future>, over fibers: for programs of a
// thread per connection or per job that are to become fibers by a change of includes and of one
// namespace. Layer: sync. New code takes what stands behind: spawn(), task, mutex, channel.
//
//   namespace threading = std;               // before
//   namespace threading = weft::std_compat;  // after; inside weft::run()
//   threading::thread([fd] { serve(fd); }).detach();
//
// What differs from the standard's, beside what each comment below says:
// - Threads are tasks of the running loop: one CPU, one system thread. A new one begins when its
//   maker first waits. What computes for long holds the others up: maybe_yield(), or to_thread().
// - A stack has options::stack_bytes (256 KiB), not 8 MiB.
// - thread_local is the system thread's, shared by all: fiber_local, or fiber_owned for old code.
// - A plain blocking call stops everybody, unless libweft-hook is installed (weft/hook.hpp).
// - Waits throw `cancelled` in a task that somebody cancels (with_timeout(), a loop's end); a catch
//   (...) around one must let it through. Locks are no point of cancellation.
// - Deadlines are of weft::clock, which is steady_clock; one of another clock does not compile,
//   but for this_thread::sleep_until() and futures.
// - No native_handle(), no *_at_thread_exit(), no shared_future.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <ostream>
#include <shared_mutex>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>

#include "weft/condition_variable.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/spin_lock.hpp"
#include "weft/errors.hpp"
#include "weft/mutex.hpp"
#include "weft/once.hpp"
#include "weft/report.hpp"
#include "weft/shared_mutex.hpp"
#include "weft/spawn.hpp"
#include "weft/std_future.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace std_compat {

// Names a fiber of any loop, or a system thread.
class thread_id {
 public:
  thread_id() noexcept = default;  // of no thread

  friend bool operator==(thread_id a, thread_id b) noexcept {
    return a.where_ == b.where_ && a.number_ == b.number_;
  }
  friend bool operator!=(thread_id a, thread_id b) noexcept { return !(a == b); }
  friend bool operator<(thread_id a, thread_id b) noexcept {
    return a.where_ != b.where_ ? a.where_ < b.where_ : a.number_ < b.number_;
  }
  friend bool operator>(thread_id a, thread_id b) noexcept { return b < a; }
  friend bool operator<=(thread_id a, thread_id b) noexcept { return !(b < a); }
  friend bool operator>=(thread_id a, thread_id b) noexcept { return !(a < b); }

  // "fiber 12", "thread 7f..." or "no thread".
  template <class Char, class Traits>
  friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& to,
                                                      thread_id id) {
    if (id.where_ == 0) return to << "no thread";
    if (id.number_ != 0) return to << "fiber " << id.number_;
    return to << "thread " << std::hex << id.where_ << std::dec;
  }

  std::size_t hash() const noexcept {
    return std::hash<std::uint64_t>()(number_) ^ (std::hash<std::uintptr_t>()(where_) << 1);
  }

  // Internal: of the caller; of a task.
  static thread_id of_caller() noexcept {
    const detail::loop_core* const here = detail::running_loop();
    if (here == nullptr) return thread_id(detail::thread_word(), 0);
    return thread_id(reinterpret_cast<std::uintptr_t>(here), here->current->id);
  }
  static thread_id of(const detail::fiber& f) noexcept {
    return thread_id(reinterpret_cast<std::uintptr_t>(f.home), f.id);
  }

 private:
  thread_id(std::uintptr_t where, std::uint64_t number) noexcept : where_(where), number_(number) {}

  std::uintptr_t where_ = 0;  // the loop, or the thread
  std::uint64_t number_ = 0;  // in its loop
};

namespace this_thread {

// As std::this_thread's.  Parks: never.  Calls from: fiber, any thread.
inline thread_id get_id() noexcept { return thread_id::of_caller(); }

// As std::this_thread's; they park the fiber, and wait as there on a plain thread. sleep_until() of
// a clock that is set meanwhile looks at it again each second.
// Parks: may.  Calls from: fiber, any thread.  Throws: cancelled.
inline void yield() { weft::yield(); }
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> span) {
  await_sleep(span);
}
template <class Clock, class Duration>
void sleep_until(std::chrono::time_point<Clock, Duration> deadline) {
  if constexpr (std::is_same_v<Clock, clock>) {
    await_sleep_until(deadline);
  } else {
    for (auto at = Clock::now(); at < deadline; at = Clock::now()) {
      await_sleep(std::min<duration>(detail::saturate(deadline - at), std::chrono::seconds(1)));
    }
  }
}

}  // namespace this_thread

// A task with std::thread's interface: weft::task without a result.
// Differs: made in a fiber only; an argument of the constructor may not be spawn_options. A
// detached one is cancelled, and waited for, when its loop's run() ends. As there, an exception
// that leaves the function ends the program; `cancelled` does not.
class thread {
 public:
  using id = thread_id;

  // Belongs to no thread: not joinable.
  thread() noexcept = default;

  // Starts f(arguments...), which are copied or moved as std::thread does.
  // Parks: never.  Calls from: fiber.
  // Throws: std::logic_error outside a loop (std::thread would start a thread); std::bad_alloc; what
  // copying throws.
  template <class F, class... A,
            std::enable_if_t<!std::is_same_v<std::decay_t<F>, thread>, int> = 0>
  explicit thread(F&& f, A&&... arguments)
      : task_(detail::spawn_at(
            {detail::code_address(), 0},
            body<F, A...>{std::tuple<std::decay_t<F>, std::decay_t<A>...>(
                std::forward<F>(f), std::forward<A>(arguments)...)})) {}

  thread(thread&&) noexcept = default;

  // Ends the program if this one is joinable, as std::thread's.
  thread& operator=(thread&& other) noexcept {
    require_ended();
    task_ = std::move(other.task_);
    return *this;
  }

  // Ends the program if it is joinable, as std::thread's. Differs: in a fiber that was cancelled it
  // cancels the thread, and waits for its end, as task does.
  ~thread() { require_ended(); }

  bool joinable() const noexcept { return task_.valid(); }

  // Waits for the end of the function.
  // Parks: may.  Calls from: fiber of any loop, any thread (which then blocks).
  // Throws: std::system_error: EINVAL if it is not joinable, EDEADLK from inside itself; cancelled,
  // and it is still joinable.
  void join() {
    require_joinable();
    if (get_id() == this_thread::get_id()) {
      throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                              "weft: a std_compat::thread joins itself");
    }
    task_.join();
    task_ = task<>();
  }

  // Lets it run on by itself.  Parks: never.  Calls from: fiber, any thread.
  // Throws: std::system_error: EINVAL if it is not joinable.
  void detach() {
    require_joinable();
    task_.detach();
  }

  id get_id() const noexcept { return joinable() ? thread_id::of(*task_.record()) : id(); }
  void swap(thread& other) noexcept { std::swap(task_, other.task_); }
  friend void swap(thread& a, thread& b) noexcept { a.swap(b); }

  // The machine's, as std::thread's; threads of one loop use one of them.
  static unsigned hardware_concurrency() noexcept { return std::thread::hardware_concurrency(); }

  // Differs: cancels it, where std::thread has nothing. See task::cancel().
  void cancel() {
    require_joinable();
    task_.cancel();
  }

 private:
  template <class F, class... A>
  struct body {
    std::tuple<std::decay_t<F>, std::decay_t<A>...> call;
    void operator()() {
      try {
        std::apply(
            [](auto& f, auto&... arguments) {
              static_cast<void>(std::invoke(std::move(f), std::move(arguments)...));
            },
            call);
      } catch (const cancelled&) {
        throw;
      } catch (...) {
        std::terminate();
      }
    }
  };

  void require_joinable() const {
    if (joinable()) return;
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "weft: a std_compat::thread that is not joinable was joined, detached "
                            "or cancelled");
  }

  void require_ended() const noexcept {
    if (!joinable() || (in_fiber() && this_fiber::cancel_requested())) return;
    detail::send_report(
        "weft: a std_compat::thread was destroyed while joinable: join() or detach() it before");
    std::terminate();
  }

  task<> task_;
};

// Those that weft has under the same names. They differ in this: a lock() that would wait for
// itself throws std::logic_error, as does an unlock() by somebody else; waits of condition
// variables throw `cancelled`, the lock held, and never wake for nothing; a condition variable
// takes locks of these mutexes, never of a std::mutex.
using weft::call_once;
using weft::condition_variable;
using weft::condition_variable_any;
using weft::mutex;
using weft::once_flag;
using weft::recursive_mutex;
using weft::recursive_timed_mutex;
using weft::shared_mutex;
using weft::shared_timed_mutex;
using weft::timed_mutex;

// The standard's own, which work with any of these.
using std::adopt_lock;
using std::adopt_lock_t;
using std::cv_status;
using std::defer_lock;
using std::defer_lock_t;
using std::lock;
using std::lock_guard;
using std::scoped_lock;
using std::shared_lock;
using std::try_lock;
using std::try_to_lock;
using std::try_to_lock_t;
using std::unique_lock;

}  // namespace std_compat
WEFT_NAMESPACE_END

template <>
struct std::hash<weft::std_compat::thread_id> {
  std::size_t operator()(weft::std_compat::thread_id id) const noexcept { return id.hash(); }
};

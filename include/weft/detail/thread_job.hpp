// SPDX-License-Identifier: BSL-1.0
// What a fiber hands to a thread of the pool, without its types. Layer: sync. Lives where its
// caller waits, or on the heap if the caller may leave it behind.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/payload.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class waker;

struct thread_job : list_node {
  // queued: nobody has begun it. abandoned: its caller has left, and the thread destroys it.
  enum class progress : std::uint8_t { queued, running, done, abandoned };

  using call_function = void (*)(thread_job& job);           // on the pool's thread; may throw
  using drop_function = void (*)(thread_job& job) noexcept;  // destroys one that was abandoned

  explicit thread_job(call_function what, drop_function how = nullptr) noexcept
      : call(what), drop(how) {}
  thread_job(const thread_job&) = delete;
  thread_job& operator=(const thread_job&) = delete;

  const call_function call;
  const drop_function drop;      // nullptr: the caller always waits
  waker* done = nullptr;         // of the caller, if there is one: dead once it has left
  std::exception_ptr error;      // what the call threw; written before `done` is signalled
  std::uint32_t process = 0;     // a child of fork() knows its parent's jobs by it
  bool is_beyond_limit = false;  // not counted among the pool's threads: await()
  // Left by queued only under the pool's lock; the ways from running meet in one exchange.
  std::atomic<progress> state{progress::queued};
};

// A thread_job with a place for the call's result.
template <class T>
struct result_job : thread_job {
  using thread_job::thread_job;
  ~result_job() {
    using value_type = stored<T>;
    if (has_value) slot.value.~value_type();
  }

  template <class F>
  void keep_result_of(F&& invoke) {
    if constexpr (std::is_void_v<T>) {
      std::forward<F>(invoke)();
    } else if constexpr (std::is_reference_v<T>) {
      auto&& result = std::forward<F>(invoke)();
      slot.value = std::addressof(result);
    } else {
      ::new (static_cast<void*>(std::addressof(slot.value))) stored<T>(std::forward<F>(invoke)());
      has_value = true;
    }
  }

  T take() {
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*slot.value);
    } else {
      return std::move(slot.value);
    }
  }

  result_slot<T> slot;
  bool has_value = false;
};

// Parks until a thread of the pool has run the job. False, only for a job with `drop`: the caller
// was cancelled, and a thread owns the job now.
// Throws: what the job threw; cancelled, if it never began; std::system_error without any thread.
WEFT_API bool run_in_pool(thread_job& job);

[[noreturn]] WEFT_API void throw_cancelled_here();

}  // namespace detail
WEFT_NAMESPACE_END

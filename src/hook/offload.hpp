// SPDX-License-Identifier: BSL-1.0
// Runs what cannot be made to wait otherwise on a thread, while its fiber is parked. Layer: hook.
// At most `most_threads` of the process's pool at a time work for hooked calls: no thread for each
// call; who comes later stands in a queue.
#pragma once

#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "gate.hpp"
#include "weft/detail/thread_job.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

inline constexpr unsigned most_threads = 12;

// Waits until the job is done. 0; -ECANCELED: it was not begun, and is the caller's again;
// -EINPROGRESS: only with thread_job::drop; the caller was cancelled, and a thread owns the job;
// -EAGAIN: there is no thread. Never throws. Precondition: a fiber of `here` runs.
int run_offloaded(loop& here, function_id id, detail::thread_job& job) noexcept;

// The parts of it, for a job that nobody waits for by itself: a place among the threads (false: the
// caller was cancelled before there was one), given back from whatever thread, and the job handed
// over, to be destroyed by its drop() (false: there is no thread).
bool enter_threads(loop& here) noexcept;
void leave_threads() noexcept;
bool submit_detached(detail::thread_job& job) noexcept;

// Calls f() on a thread, which must not throw and returns a result or -errno; waits for it even
// when cancelled, since it uses the caller's memory. -ECANCELED: it was not begun.
template <class F>
long offload(loop& here, function_id id, F&& f) noexcept {
  struct job final : detail::thread_job {
    explicit job(F& what) noexcept
        : thread_job([](thread_job& self) {
            auto& own = static_cast<job&>(self);
            own.result = own.f();
          }),
          f(what) {}
    F& f;
    long result = 0;
  } one(f);
  const int refused = run_offloaded(here, id, one);
  if (refused == -EAGAIN) return f();  // it blocks, as without hooks
  return refused < 0 ? refused : one.result;
}

}  // namespace hook
WEFT_NAMESPACE_END

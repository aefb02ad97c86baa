// SPDX-License-Identifier: BSL-1.0
// The caller's side of the pool: see to_thread.hpp.
#include "weft/to_thread.hpp"
#include "weft/detail/waker.hpp"

#include "../loop/loop.hpp"
#include "clock_hold.hpp"
#include "thread_pool.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr wait_type thread_wait{"to_thread", ended_by::world};

}  // namespace

bool run_in_pool(thread_job& job) {
  loop_core& here = *running_loop();
  throw_if_cancelled(here);
  thread_pool& pool = thread_pool::of_process();
  waker done;
  job.done = &done;
  const clock_hold hold(*here.shared);
  pool.submit(job);
  const wake_reason reason =
      done.wait_until(time_point::max(), is_cancel_deliverable(here), thread_wait);
  if (reason != wake_reason::completed) {
    if (pool.withdraw(job)) throw_cancelled(here);
    if (job.drop != nullptr && thread_pool::abandon(job)) return false;
    done.wait(thread_wait);  // it runs, and what it refers to must stay
  }
  // Moved out: the thread that threw has left its handler, so this share is the last.
  if (job.error) std::rethrow_exception(std::exchange(job.error, nullptr));
  return true;
}

void throw_cancelled_here() { throw_cancelled(*running_loop()); }

}  // namespace detail

void set_thread_pool_limit(std::size_t threads) {
  detail::thread_pool::of_process().set_limit(threads);
}

thread_pool_figures measure_thread_pool() { return detail::thread_pool::of_process().figures(); }

WEFT_NAMESPACE_END

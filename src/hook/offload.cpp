// SPDX-License-Identifier: BSL-1.0
// See offload.hpp.
#include "offload.hpp"

#include <exception>

#include "../sync/thread_pool.hpp"
#include "kept.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"
#include "weft/detail/waiter.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

constexpr detail::wait_type thread_wait{"call on a thread", detail::ended_by::world};

// How many more calls may go to threads.
class thread_gate {
 public:
  // False if the caller was cancelled before its turn came.
  bool enter(loop& here) noexcept {
    core_.lock();
    if (free_ > 0) {
      --free_;
      core_.unlock();
      return true;
    }
    detail::waiter own(&here, this);
    core_.queue.push_back(own);
    core_.unlock();
    return detail::wait_queued(own, core_, thread_wait, time_point::max(), true) ==
           detail::queue_end::signalled;
  }
  void leave() noexcept {
    core_.lock();
    detail::wait_place* const next = core_.claim_first();  // the place is handed over
    if (next == nullptr) ++free_;
    core_.unlock();
    if (next != nullptr) next->signal();
  }

 private:
  detail::wait_core<detail::any_thread> core_;
  unsigned free_ = most_threads;
};

bool submit(detail::thread_job& job) noexcept {
  try {
    detail::thread_pool::of_process().submit(job);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

int run_inside(loop& here, detail::thread_job& job) noexcept {
  detail::thread_pool& pool = detail::thread_pool::of_process();
  detail::waker done;
  job.done = &done;
  if (!submit(job)) return -EAGAIN;
  const detail::wake_reason reason =
      done.wait_until(time_point::max(), detail::can_cancel_wait(here), thread_wait);
  if (reason == detail::wake_reason::completed) return 0;
  if (pool.withdraw(job)) return -ECANCELED;
  if (job.drop != nullptr && detail::thread_pool::abandon(job)) return -EINPROGRESS;
  done.wait(thread_wait);
  return 0;
}

}  // namespace

bool enter_threads(loop& here) noexcept {
  return !detail::is_cancel_due(here) && kept<thread_gate>().enter(here);
}
void leave_threads() noexcept { kept<thread_gate>().leave(); }
bool submit_detached(detail::thread_job& job) noexcept { return submit(job); }

int run_offloaded(loop& here, function_id id, detail::thread_job& job) noexcept {
  if (!enter_threads(here)) return -ECANCELED;
  count(tally_of(id).offloads);
  const int result = run_inside(here, job);
  leave_threads();
  return result;
}

}  // namespace hook
WEFT_NAMESPACE_END

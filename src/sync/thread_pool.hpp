// SPDX-License-Identifier: BSL-1.0
// The threads that run blocking calls for fibers: one pool a process. Layer: sync. Called by
// to_thread() and await(); knows nothing of loops, its jobs' callers wait on a waker.
//
// A job stands in the queue until a thread takes it; whoever submits one calls an idle thread, or
// makes one while the limit allows. The thread that was idle for the shortest time is called first,
// so that a steady trickle keeps few of them. Ending threads form a chain: each joins the one that
// ended before it, so that nothing is detached and the process's end can wait for the idle ones.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <pthread.h>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/thread_job.hpp"
#include "weft/time.hpp"
#include "weft/to_thread.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class WEFT_API thread_pool {
 public:
  // Never destroyed: threads of a program that ends may still run in it.
  static thread_pool& of_process();

  // Queues a job; one that is beyond the limit gets a thread at once instead.
  // Throws: std::system_error if there is no thread and none can be made; the job is then nobody's.
  void submit(thread_job& job);

  // Takes a job back that has not begun: true, and nobody will touch it again. True as well for one
  // of a process that has forked since: its threads are not here.
  bool withdraw(thread_job& job) noexcept;

  // Hands a running job over to its thread: false if it is done.
  static bool abandon(thread_job& job) noexcept;

  void set_limit(std::size_t threads);
  thread_pool_figures figures() noexcept;

  // How long a thread stays without work. For tests.
  void set_idle_time(duration longest) noexcept;

 private:
  struct worker;

  thread_pool();
  static void* thread_main(void* pool) noexcept;
  void work() noexcept;
  thread_job* take() noexcept;
  std::size_t counted() const noexcept {
    return threads_ > beyond_limit_ ? threads_ - beyond_limit_ : 0;
  }
  bool has_room() const noexcept { return counted() < limit_; }
  bool is_too_many() const noexcept { return counted() > limit_; }
  // Those that have begun no job yet, or are done with one, take all that is queued.
  bool is_enough() const noexcept {
    const std::size_t busy = busy_.load(std::memory_order_relaxed);
    return queued_ + urgent_queued_ + idle_count_ + busy <= threads_;
  }
  bool wait_for_call(std::unique_lock<std::mutex>& hold, worker& self);
  void call_idle() noexcept;
  int make_thread() noexcept;
  void retire() noexcept;
  static thread_pool* only(thread_pool* set = nullptr) noexcept;
  void begin_again() noexcept;

  std::mutex lock_;  // guards all below
  list queue_;       // of thread_job: oldest first
  list urgent_;      // those beyond the limit
  list idle_;        // of worker: the last to become idle first
  std::size_t queued_ = 0;
  std::size_t urgent_queued_ = 0;
  std::size_t limit_ = 40;  // trio.to_thread.current_default_thread_limiter(), trio 0.25
  std::size_t threads_ = 0;
  std::size_t idle_count_ = 0;
  std::size_t beyond_limit_ = 0;  // jobs, run or about to be
  std::uint32_t process_ = 0;     // how often fork() has led here
  duration idle_time_ = std::chrono::seconds(10);
  bool is_ending_ = false;
  bool has_ended_one_ = false;
  pthread_t last_ended_{};  // to be joined by the next that ends
  std::condition_variable ended_;
  std::atomic<std::size_t> busy_{0};   // threads in a call whose caller knows of no end yet
  std::atomic<std::size_t> calls_{0};  // that run now; not under the lock when one is over
};

}  // namespace detail
WEFT_NAMESPACE_END

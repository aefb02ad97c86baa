// SPDX-License-Identifier: BSL-1.0
// See thread_pool.hpp.
#include "thread_pool.hpp"

#include <cxxabi.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "../base/describe_exception.hpp"
#include "../base/quiet_thread.hpp"
#include "../base/service_threads.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/waker.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

void report_abandoned(thread_job& job) noexcept {
  try {
    send_report("weft: a call that to_thread() had to abandon ended with " +
                describe_exception(job.error) +
                ". Nobody took the error: its caller was cancelled before.");
  } catch (...) {
    send_report("weft: an abandoned call's error was lost, and there was no memory to name it.");
  }
}

WEFT_NO_SANITIZE_NULL void call_and_keep_error(thread_job& job) noexcept {
  try {
    job.call(job);
  } catch (const abi::__forced_unwind&) {
    fatal(
        "pthread_exit() or pthread_cancel() ended a thread of the pool inside to_thread(). Its "
        "caller would wait for ever: return from the function instead.");
  } catch (...) {
    job.error = std::current_exception();
  }
}

void run_job(thread_job& job, std::atomic<std::size_t>& calls,
             std::atomic<std::size_t>& busy) noexcept {
  call_and_keep_error(job);
  // Before its caller knows: who ends the process then waits for this thread, which is soon idle.
  calls.fetch_sub(1, std::memory_order_relaxed);
  waker* const caller = job.done;  // nullptr: nobody ever waited
  auto expected = thread_job::progress::running;
  // acq_rel: against abandon(), which takes the same step
  if (caller != nullptr && job.state.compare_exchange_strong(expected, thread_job::progress::done,
                                                             std::memory_order_acq_rel)) {
    // Before its caller knows: a next job of his must not get a thread more. relaxed: signal()
    // publishes it
    busy.fetch_sub(1, std::memory_order_relaxed);
    caller->signal();  // the last that we know of the job
    return;
  }
  if (job.error) report_abandoned(job);
  job.drop(job);  // may take as long as it likes
  busy.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace

struct thread_pool::worker : list_node {
  std::condition_variable called;
  bool is_called = false;
};

// -- the process's only one --

thread_pool* thread_pool::only(thread_pool* set) noexcept {
  static thread_pool* pool = nullptr;
  if (set != nullptr) pool = set;
  return pool;
}

thread_pool::thread_pool() {
  only(this);
  // A fork() finds the pool between two changes; in the child no thread is left of it.
  pthread_atfork([] { only()->lock_.lock(); }, [] { only()->lock_.unlock(); },
                 [] {
                   only()->begin_again();
                   only()->lock_.unlock();
                 });
}

thread_pool& thread_pool::of_process() {
  static thread_pool* const pool = new thread_pool;
  // Before the library's code may go: at exit, or with dlclose().
  static const struct at_end {
    ~at_end() { pool->retire(); }
  } end;
  return *pool;
}

void thread_pool::begin_again() noexcept {
  // Their callers' stacks are copies, their threads are elsewhere: withdraw() tells them by it.
  ++process_;
  while (queue_.pop_front() != nullptr || urgent_.pop_front() != nullptr ||
         idle_.pop_front() != nullptr) {
  }
  queued_ = urgent_queued_ = threads_ = idle_count_ = beyond_limit_ = 0;
  calls_.store(0, std::memory_order_relaxed);
  busy_.store(0, std::memory_order_relaxed);
  service_threads.store(0, std::memory_order_relaxed);
  has_ended_one_ = false;
}

// Ends the threads that have nothing to do and waits for them. Whoever is inside a call, abandoned
// or under an exit() in the middle of a loop, is left alone: the process does not wait for it.
void thread_pool::retire() noexcept {
  std::unique_lock<std::mutex> hold(lock_);
  is_ending_ = true;
  while (!idle_.empty()) call_idle();
  ended_.wait_for(hold, std::chrono::seconds(1),
                  [this] { return threads_ == calls_.load(std::memory_order_relaxed); });
  const bool has_last = std::exchange(has_ended_one_, false);
  const pthread_t last = last_ended_;
  hold.unlock();
  if (has_last) pthread_join(last, nullptr);
}

// -- callers --

void thread_pool::submit(thread_job& job) {
  const std::lock_guard<std::mutex> hold(lock_);
  job.process = process_;
  const bool is_urgent = job.is_beyond_limit;
  if (is_urgent) {
    urgent_.push_back(job);
    ++urgent_queued_;
    ++beyond_limit_;
  } else {
    queue_.push_back(job);
    ++queued_;
  }
  if (!idle_.empty()) {
    call_idle();
    return;
  }
  if (!is_urgent && (!has_room() || is_enough())) return;
  const int error = make_thread();
  // The queue is served by any thread that is left; nobody else would serve an urgent job soon.
  if (error == 0 || (!is_urgent && threads_ > beyond_limit_)) return;
  job.unlink();
  --(is_urgent ? beyond_limit_ : queued_);
  if (is_urgent) --urgent_queued_;
  throw std::system_error(error, std::system_category(),
                          "weft: to_thread() needs a thread, and the system refused it");
}

bool thread_pool::withdraw(thread_job& job) noexcept {
  const std::lock_guard<std::mutex> hold(lock_);
  if (job.process != process_) return true;
  // relaxed: it leaves this state under the lock
  if (job.state.load(std::memory_order_relaxed) != thread_job::progress::queued) return false;
  job.unlink();
  --queued_;
  return true;
}

bool thread_pool::abandon(thread_job& job) noexcept {
  auto expected = thread_job::progress::running;
  return job.state.compare_exchange_strong(expected, thread_job::progress::abandoned,
                                           std::memory_order_acq_rel);
}

void thread_pool::set_limit(std::size_t threads) {
  if (threads == 0) misuse("set_thread_pool_limit(0): to_thread() needs one thread at least");
  const std::lock_guard<std::mutex> hold(lock_);
  limit_ = threads;
  for (std::size_t waiting = queued_; waiting > 0 && has_room(); --waiting) {
    if (make_thread() != 0) return;  // those that are there go on serving
  }
  while (is_too_many() && !idle_.empty()) call_idle();  // it sees that and ends
}

thread_pool_figures thread_pool::figures() noexcept {
  const std::lock_guard<std::mutex> hold(lock_);
  return {limit_, threads_, threads_ - idle_count_, queued_};
}

void thread_pool::set_idle_time(duration longest) noexcept {
  const std::lock_guard<std::mutex> hold(lock_);
  idle_time_ = longest;
}

// -- threads --

// Under the lock: two that failed at once could each take the other one's thread for served.
int thread_pool::make_thread() noexcept {
  pthread_t made{};
  const int error = start_quiet_thread(made, &thread_main, this);
  if (error == 0) ++threads_;
  return error;
}

void* thread_pool::thread_main(void* pool) noexcept {
  pthread_setname_np(pthread_self(), "weft-pool");
  static_cast<thread_pool*>(pool)->work();
  return nullptr;
}

thread_job* thread_pool::take() noexcept {
  list_node* node = urgent_.pop_front();
  if (node != nullptr) {
    --urgent_queued_;
  } else if (!is_too_many()) {
    node = queue_.pop_front();
    if (node != nullptr) --queued_;
  }
  if (node == nullptr) return nullptr;
  auto& job = static_cast<thread_job&>(*node);
  job.state.store(thread_job::progress::running, std::memory_order_relaxed);
  calls_.fetch_add(1, std::memory_order_relaxed);
  busy_.fetch_add(1, std::memory_order_relaxed);
  return &job;
}

void thread_pool::call_idle() noexcept {
  auto& first = static_cast<worker&>(*idle_.pop_front());
  --idle_count_;
  service_threads.fetch_sub(1, std::memory_order_relaxed);  // it may wake somebody now
  first.is_called = true;
  first.called.notify_one();
}

// False if nobody called for so long: the thread ends, and counts as a service thread to the last.
bool thread_pool::wait_for_call(std::unique_lock<std::mutex>& hold, worker& self) {
  self.is_called = false;
  idle_.push_front(self);
  ++idle_count_;
  service_threads.fetch_add(1, std::memory_order_relaxed);
  const auto end = saturating_add(clock::now(), idle_time_);
  if (self.called.wait_until(hold, end, [&self] { return self.is_called; })) return true;
  self.unlink();
  --idle_count_;
  return false;
}

void thread_pool::work() noexcept {
  worker self;
  bool is_counted = false;
  std::unique_lock<std::mutex> hold(lock_);
  for (;;) {
    if (thread_job* const job = take()) {
      const bool was_beyond_limit = job->is_beyond_limit;
      hold.unlock();
      run_job(*job, calls_, busy_);
      hold.lock();
      if (was_beyond_limit) --beyond_limit_;
    } else if (is_ending_ || is_too_many()) {
      break;
    } else if (!wait_for_call(hold, self)) {
      is_counted = true;
      break;
    }
  }
  --threads_;
  const bool has_previous = std::exchange(has_ended_one_, true);
  const pthread_t previous = std::exchange(last_ended_, pthread_self());
  if (is_ending_) ended_.notify_all();
  hold.unlock();
  if (has_previous) pthread_join(previous, nullptr);
  if (is_counted) service_threads.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace detail
WEFT_NAMESPACE_END

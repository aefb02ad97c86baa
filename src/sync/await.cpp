// SPDX-License-Identifier: BSL-1.0
// One thread looks at all the futures that fibers await: see await.hpp. It blocks on one of them
// for a slice, asks the others in passing, and goes on to the next; with a single one it wakes the
// moment that this is ready. It comes from the pool, beyond its limit, and goes back when no future
// is left.
#include "weft/await.hpp"
#include "weft/detail/waker.hpp"

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "../loop/loop.hpp"
#include "clock_hold.hpp"
#include "thread_pool.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr wait_type foreign_wait{"await", ended_by::world};

// How long a cancelled caller may have to wait, because a thread looks at its future.
constexpr duration slice = std::chrono::milliseconds(2);

struct future_wait : list_node {
  foreign_future what{};
  waker* done = nullptr;
  std::uint32_t process = 0;
  bool is_leaving = false;  // its caller was cancelled while the thread looked
  bool is_ready = false;
};

class future_watch {
 public:
  static future_watch& of_process();

  void add(future_wait& one);

  // True if the thread has let go of it, unready; else its signal comes.
  bool withdraw(future_wait& one) noexcept;

 private:
  future_watch();
  void look() noexcept;
  static bool look_at(const future_wait& one, duration longest) noexcept;

  std::mutex lock_;  // guards all below; before the pool's
  list waiting_;
  std::size_t count_ = 0;             // of waiting_
  future_wait* looked_at_ = nullptr;  // in no list meanwhile
  std::uint32_t process_ = 0;         // how often fork() has led here
  bool is_looking_ = false;           // the thread is there, or called
};

future_watch* the_watch = nullptr;

future_watch::future_watch() {
  the_watch = this;
  thread_pool::of_process();  // its handlers first: ours then lock first
  pthread_atfork([] { the_watch->lock_.lock(); }, [] { the_watch->lock_.unlock(); },
                 [] {
                   future_watch& here = *the_watch;
                   ++here.process_;
                   while (here.waiting_.pop_front() != nullptr) {
                   }
                   here.count_ = 0;
                   here.looked_at_ = nullptr;
                   here.is_looking_ = false;
                   here.lock_.unlock();
                 });
}

future_watch& future_watch::of_process() {
  static future_watch* const one = new future_watch;
  return *one;
}

void future_watch::add(future_wait& one) {
  std::unique_ptr<thread_job> job;
  const std::lock_guard<std::mutex> hold(lock_);
  if (!is_looking_) {
    job = std::make_unique<thread_job>([](thread_job&) { of_process().look(); },
                                       [](thread_job& done) noexcept { delete &done; });
    job->is_beyond_limit = true;
    thread_pool::of_process().submit(*job);
    static_cast<void>(job.release());  // the thread destroys it
    is_looking_ = true;
  }
  one.process = process_;
  waiting_.push_back(one);
  ++count_;
}

bool future_watch::look_at(const future_wait& one, duration longest) noexcept {
  try {
    return one.what.wait_for(one.what.object, longest);
  } catch (...) {
    return true;  // what get() will throw
  }
}

void future_watch::look() noexcept {
  std::unique_lock<std::mutex> hold(lock_);
  for (std::size_t passed = 0; !waiting_.empty();) {
    // One in each round is blocked on, so that a round takes a slice, however many there are.
    const duration longest = ++passed >= count_ ? slice : duration::zero();
    if (longest != duration::zero()) passed = 0;
    auto& one = static_cast<future_wait&>(*waiting_.pop_front());
    --count_;
    looked_at_ = &one;
    hold.unlock();
    const bool is_ready = look_at(one, longest);
    hold.lock();
    looked_at_ = nullptr;
    one.is_ready = is_ready;
    if (is_ready || one.is_leaving) {
      one.done->signal();  // its caller waits for that, and `one` dies
    } else {
      waiting_.push_back(one);
      ++count_;
    }
  }
  is_looking_ = false;
}

bool future_watch::withdraw(future_wait& one) noexcept {
  const std::lock_guard<std::mutex> hold(lock_);
  if (one.process != process_) return true;
  if (one.is_linked()) {
    one.unlink();
    --count_;
    return true;
  }
  if (looked_at_ == &one) one.is_leaving = true;
  return false;
}

}  // namespace

void await_ready(const foreign_future& what) {
  loop_core& here = *running_loop();
  throw_if_cancelled(here);
  waker done;
  future_wait one;
  one.what = what;
  one.done = &done;
  const clock_hold hold(*here.shared);
  future_watch& watch = future_watch::of_process();
  watch.add(one);
  const wake_reason reason =
      done.wait_until(time_point::max(), is_cancel_deliverable(here), foreign_wait);
  if (reason == wake_reason::completed) return;
  if (watch.withdraw(one)) throw_cancelled(here);
  done.wait(foreign_wait);
  if (!one.is_ready) throw_cancelled(here);
}

}  // namespace detail
WEFT_NAMESPACE_END

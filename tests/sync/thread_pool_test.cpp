// SPDX-License-Identifier: BSL-1.0
// The pool behind to_thread: how many threads, who is served first, and when they end.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <ostream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/resident.hpp"
#include "support/skip.hpp"
#include "sync/pool_at_rest.hpp"
#include "sync/thread_pool.hpp"
#include "weft/errors.hpp"
#include "weft/future.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"
#include "weft/to_thread.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft::to_thread;
using weft_tests::one_thread;
using weft_tests::pool_at_rest;

namespace {

// Lets threads through once `expected` of them stand before it together.
class turnstile {
 public:
  explicit turnstile(int expected) : expected_(expected) {}
  void pass() {
    std::unique_lock<std::mutex> hold(lock_);
    if (++standing_ >= expected_) all_.notify_all();
    all_.wait(hold, [this] { return standing_ >= expected_; });
  }

 private:
  std::mutex lock_;
  std::condition_variable all_;
  int expected_;
  int standing_ = 0;
};

}  // namespace

// First in the file: the memory of threads that have ended would serve another one.
TEST_CASE("thread pool: without any thread the caller is told, and the loop runs on") {
  if (weft_tests::is_sanitized) WEFT_SKIP("a sanitizer lives on address space without a limit");
  const auto child = weft_tests::run_child([] {
    return weft::run([] {
      const std::size_t taken = weft_tests::bytes_after("/proc/self/status", "VmSize:");
      const rlimit no_more{taken + 1024 * 1024, taken + 1024 * 1024};  // a thread wants 8 MiB
      setrlimit(RLIMIT_AS, &no_more);
      try {
        to_thread([] {});
      } catch (const std::system_error& refused) {
        return refused.code() == std::errc::resource_unavailable_try_again ? 0 : 1;
      }
      return 2;
    });
  });
  CHECK(child.status == 0);
}

// A thread that had told its caller and was not idle yet did not count, and each such caller's next
// job made one more: 12 at once, as lookups of libweft-hook are, got more than 20.
TEST_CASE_FIXTURE(pool_at_rest, "thread pool: callers one after another share one thread") {
  const auto threads = [] { return weft::detail::thread_pool::of_process().figures().threads; };
  run([&] {
    to_thread([] {});
    const std::size_t before = threads();
    for (int i = 0; i < 2000; ++i) to_thread([] {});
    CHECK(threads() == before);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "thread pool: 40 threads at most, if nobody says otherwise") {
  CHECK(weft::measure_thread_pool().limit == 40);
}

TEST_CASE_FIXTURE(pool_at_rest, "torture 39: as many run as the limit allows, and never more") {
  static constexpr int limit = 4;
  run([] {
    one_thread pool(limit);
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    turnstile together(limit);  // hangs if fewer than the limit ever run at once
    std::vector<weft::task<>> callers;
    for (int i = 0; i < 40; ++i) {
      callers.push_back(spawn([&] {
        to_thread([&] {
          const int now_inside = ++inside;
          for (int seen = most;
               seen < now_inside && !most.compare_exchange_weak(seen, now_inside);) {
          }
          together.pass();
          --inside;
        });
      }));
    }
    weft::yield();
    CHECK(weft::measure_thread_pool().threads <= limit);
    weft::gather(callers);
    CHECK(most == limit);
    CHECK(weft::measure_thread_pool().queued == 0);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "thread pool: callers beyond the limit are served in their order") {
  run([] {
    one_thread pool;
    pool.occupy();
    std::vector<int> order;
    std::vector<weft::task<>> callers;
    for (int i = 0; i < 20; ++i) {
      callers.push_back(spawn([i, &order] { to_thread([i, &order] { order.push_back(i); }); }));
    }
    weft::yield();
    CHECK(weft::measure_thread_pool().queued == 20);
    CHECK(weft::measure_thread_pool().busy == 1);
    pool.release();
    weft::gather(callers);
    REQUIRE(order.size() == 20);
    CHECK(std::is_sorted(order.begin(), order.end()));
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "thread pool: a raised limit lets those who queue begin") {
  run([] {
    one_thread pool;
    pool.occupy();
    auto second = spawn([] { return to_thread([] { return 5; }); });
    weft::yield();
    CHECK(weft::measure_thread_pool().queued == 1);
    weft::set_thread_pool_limit(2);
    CHECK(second.get() == 5);  // while the first is still busy
    weft::set_thread_pool_limit(1);
    pool.release();
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "thread pool: a lowered limit ends threads that are too many") {
  run([] {
    one_thread pool(3);
    turnstile together(3);
    std::vector<weft::task<>> callers;
    for (int i = 0; i < 3; ++i) {
      callers.push_back(spawn([&together] { to_thread([&together] { together.pass(); }); }));
    }
    weft::gather(callers);
    weft::set_thread_pool_limit(1);
    one_thread::wait_for_threads(1);
    CHECK(weft::measure_thread_pool().threads <= 1);
    to_thread([] {});
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "thread pool: the thread that was busy last is called first") {
  run([] {
    const auto last = to_thread([] { return std::this_thread::get_id(); });
    for (int i = 0; i < 10; ++i) {
      while (weft::measure_thread_pool().busy != 0) std::this_thread::yield();
      CHECK(to_thread([] { return std::this_thread::get_id(); }) == last);
    }
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "thread pool: threads that nobody needs end by themselves") {
  auto& pool = weft::detail::thread_pool::of_process();
  pool.set_idle_time(1ms);
  run([] {
    one_thread only;  // others, idle since before, keep the time that they were told
    to_thread([] {});
    while (weft::measure_thread_pool().threads != 0) std::this_thread::yield();
    CHECK(to_thread([] { return 5; }) == 5);
  });
  pool.set_idle_time(10s);
}

TEST_CASE_FIXTURE(pool_at_rest, "thread pool: a limit of zero is refused") {
  CHECK_THROWS_AS(weft::set_thread_pool_limit(0), std::logic_error);
}

TEST_CASE_FIXTURE(pool_at_rest,
                  "sem 97: idle threads of the pool hide no deadlock, busy ones end it") {
  if (weft_tests::is_tsan)
    WEFT_SKIP("ThreadSanitizer has a thread of its own, which may do anything");
  run([] {
    to_thread([] {});  // a thread that stays idle
    weft::promise<int> nobody_sets;
    auto f = nobody_sets.get_future();
    CHECK_THROWS_AS(f.get(), weft::would_deadlock);
    weft::promise<int> set_by_a_thread;
    auto g = set_by_a_thread.get_future();
    auto caller = spawn([&] { to_thread([&] { set_by_a_thread.set_value(5); }); });
    CHECK(g.get() == 5);
    caller.join();
  });
}

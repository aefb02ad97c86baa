// SPDX-License-Identifier: BSL-1.0
// The standard library's mutexes between fibers that wait while they hold them.
#include <cerrno>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <pthread.h>
#include <unistd.h>

#include "hook/lock_fibers.hpp"
#include "support/child.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/fork.hpp"

using namespace std::chrono_literals;
using weft_tests::run_locking;
using weft_tests::run_locking_with_threads;

namespace {

using weft::await_sleep;
using weft::spawn;

template <class Mutex>
void check_exclusion() {
  run_locking([](weft::testing::virtual_clock& clock) {
    Mutex m;
    weft_tests::inside_at_once inside;
    const weft_tests::ticker ticker;
    const auto began = clock.now();
    const auto work = [&] {
      for (int i = 0; i < 10; ++i) {
        const std::lock_guard<Mutex> hold(m);
        inside.enter();
        await_sleep(1ms);
        inside.leave();
      }
    };
    auto one = spawn({"one"}, work);
    auto two = spawn({"two"}, work);
    one.get();
    two.get();
    CHECK(inside.most() == 1);
    CHECK(clock.now() - began == 20ms);  // one after the other, and nobody looked in vain
    CHECK(ticker.ticks() >= 20);
  });
}

struct raw_mutex {
  explicit raw_mutex(int kind) {
    pthread_mutexattr_t how;
    pthread_mutexattr_init(&how);
    pthread_mutexattr_settype(&how, kind);
    pthread_mutex_init(&it, &how);
    pthread_mutexattr_destroy(&how);
  }
  ~raw_mutex() { pthread_mutex_destroy(&it); }
  raw_mutex(const raw_mutex&) = delete;
  raw_mutex& operator=(const raw_mutex&) = delete;
  pthread_mutex_t it;
};

}  // namespace

TEST_CASE("locks: a std::mutex held over a wait keeps the other fibers of its thread out") {
  check_exclusion<std::mutex>();
}
TEST_CASE("locks: so does a std::recursive_mutex, to which they are one owner") {
  check_exclusion<std::recursive_mutex>();
}
TEST_CASE("locks: so do timed ones") {
  check_exclusion<std::timed_mutex>();
  check_exclusion<std::recursive_timed_mutex>();
}
TEST_CASE("locks: so does a std::shared_mutex that is held to write") {
  check_exclusion<std::shared_mutex>();
}

TEST_CASE("locks: a recursive mutex is free when its fiber has unlocked it as often as locked") {
  run_locking([](weft::testing::virtual_clock&) {
    std::recursive_mutex m;
    bool has_it = false;
    m.lock();
    m.lock();
    auto other = spawn({"other"}, [&] {
      CHECK_FALSE(m.try_lock());
      m.lock();
      has_it = true;
      m.unlock();
    });
    await_sleep(1ms);
    m.unlock();
    await_sleep(20ms);
    CHECK_FALSE(has_it);
    m.unlock();
    other.get();
    CHECK(has_it);
  });
}

TEST_CASE("locks: who unlocks and locks again at once leaves the lock to a fiber that waits") {
  run_locking([](weft::testing::virtual_clock&) {
    std::mutex m;
    int rounds = 0;
    m.lock();  // whom an earlier test has woken has run
    m.unlock();
    auto greedy = spawn({"greedy"}, [&] {
      for (; rounds < 10; ++rounds) {
        const std::lock_guard<std::mutex> hold(m);
        await_sleep(1ms);
      }
    });
    int rounds_before = 0;
    auto modest = spawn({"modest"}, [&] {
      const std::lock_guard<std::mutex> hold(m);
      rounds_before = rounds;
    });
    modest.get();
    greedy.get();
    CHECK(rounds_before == 1);
  });
}

TEST_CASE("locks: readers of a std::shared_mutex wait together, and a writer after them") {
  run_locking([](weft::testing::virtual_clock& clock) {
    std::shared_mutex m;
    const auto began = clock.now();
    const auto read = [&] {
      const std::shared_lock<std::shared_mutex> hold(m);
      await_sleep(5ms);
    };
    auto first = spawn(read);
    auto second = spawn(read);
    auto writer = spawn({"writer"}, [&] {
      const std::lock_guard<std::shared_mutex> hold(m);
      CHECK(clock.now() - began == 5ms);
      await_sleep(5ms);
    });
    weft::yield();
    auto third = spawn([&] {
      await_sleep(6ms);
      m.lock_shared();
      CHECK(clock.now() - began == 10ms);
      m.unlock_shared();
    });
    first.get();
    second.get();
    writer.get();
    third.get();
  });
}

TEST_CASE("locks: a timed lock gives up when its time has come, and not before") {
  run_locking([](weft::testing::virtual_clock& clock) {
    std::timed_mutex m;
    std::shared_timed_mutex shared;
    m.lock();
    shared.lock();
    auto other = spawn({"other"}, [&] {
      const auto began = clock.now();
      CHECK_FALSE(m.try_lock_for(30ms));
      CHECK(clock.now() - began >= 29ms);
      CHECK(clock.now() - began <= 30ms);
      CHECK_FALSE(m.try_lock_until(std::chrono::system_clock::now() - 1s));
      CHECK_FALSE(shared.try_lock_for(10ms));
      CHECK_FALSE(shared.try_lock_shared_for(10ms));
      CHECK(clock.now() - began <= 50ms);
      CHECK(m.try_lock_for(10s));
      CHECK(clock.now() - began <= 70ms);
      m.unlock();
    });
    await_sleep(70ms);
    m.unlock();
    shared.unlock();
    other.get();
    timespec invalid{};
    invalid.tv_nsec = -1;
    m.lock();
    spawn([&] { CHECK(pthread_mutex_timedlock(m.native_handle(), &invalid) == EINVAL); }).get();
    m.unlock();
  });
}

TEST_CASE("locks: a mutex that a fiber wants twice fails with EDEADLK and a report, by its kind") {
  const auto end = weft_tests::run_child([] {
    int failures = 0;
    run_locking([&](weft::testing::virtual_clock&) {
      spawn({"forgetful"}, [&] {
        std::mutex plain;
        plain.lock();
        failures += pthread_mutex_lock(plain.native_handle()) != EDEADLK;
        failures += plain.try_lock();
        plain.unlock();
        raw_mutex checking(PTHREAD_MUTEX_ERRORCHECK);
        pthread_mutex_lock(&checking.it);
        failures += pthread_mutex_lock(&checking.it) != EDEADLK;
        spawn([&] { failures += pthread_mutex_unlock(&checking.it) != EPERM; }).get();
        failures += pthread_mutex_unlock(&checking.it) != 0;
      }).get();
    });
    return failures;
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(end.says("weft: fiber 2 'forgetful' (spawned at mutex_calls_test.cpp:"));
  CHECK(end.says("that it holds itself. It would wait for ever, so the call fails with EDEADLK"));
}

TEST_CASE("locks: fibers that wait for each other's mutex are a deadlock, which names them") {
  std::string graph;
  try {
    run_locking([](weft::testing::virtual_clock&) {
      static std::mutex first;  // outlive the fibers that wait for them
      static std::mutex second;
      const auto take = [](std::mutex& a, std::mutex& b) {
        a.lock();
        await_sleep(1ms);
        b.lock();
        b.unlock();
        a.unlock();
      };
      auto one = spawn({"one"}, [&] { take(first, second); });
      auto two = spawn({"two"}, [&] { take(second, first); });
      try {
        one.get();
      } catch (const weft::would_deadlock&) {
        first.unlock();  // the loop cannot end else: these waits cannot be cancelled
        second.unlock();
        one.get();
        throw;
      }
    });
  } catch (const weft::would_deadlock& e) {
    graph = e.what();
  }
  CAPTURE(graph);
  CHECK(graph.find("waits in pthread mutex for fiber 3 'two'") != std::string::npos);
  CHECK(graph.find("in a circle: ") != std::string::npos);
}

TEST_CASE("locks: a cancel does not end the wait for a mutex, the next weft call tells of it") {
  run_locking([](weft::testing::virtual_clock&) {
    std::mutex m;
    bool had_it = false;
    m.lock();
    auto waits = spawn({"waits"}, [&] {
      const std::lock_guard<std::mutex> hold(m);
      had_it = true;
      await_sleep(1ms);
      FAIL("went on");
    });
    await_sleep(1ms);
    waits.cancel();
    await_sleep(1ms);
    CHECK_FALSE(had_it);
    m.unlock();
    CHECK_THROWS_AS(waits.get(), weft::task_cancelled);
    CHECK(had_it);
    CHECK(m.try_lock());
    m.unlock();
  });
}

TEST_CASE("locks: a mutex excludes fibers of two loops and plain threads from each other") {
  std::mutex m;
  long sum = 0;  // guarded by m
  weft_tests::inside_at_once inside;
  constexpr int rounds = 200;
  const auto add = [&](bool may_park) {
    for (int i = 0; i < rounds; ++i) {
      const std::lock_guard<std::mutex> hold(m);
      inside.enter();
      ++sum;
      if (may_park) weft::yield();
      inside.leave();
    }
  };
  const auto loop = [&] {
    run_locking_with_threads([&] {
      const weft_tests::ticker ticker;
      auto one = spawn([&] { add(true); });
      auto two = spawn([&] { add(true); });
      one.get();
      two.get();
    });
  };
  std::thread first(loop);
  std::thread second(loop);
  std::thread plain([&] { add(false); });
  first.join();
  second.join();
  plain.join();
  CHECK(sum == 5 * rounds);
  CHECK(inside.most() == 1);
}

TEST_CASE("locks: a fiber has a mutex that a plain thread unlocked, and the other way round") {
  std::mutex m;
  std::atomic<int> step{0};
  run_locking_with_threads([&] {
    const weft_tests::ticker ticker;
    std::thread plain([&] {
      m.lock();
      step = 1;
      while (step != 2) std::this_thread::yield();
      m.unlock();
      while (step != 3) std::this_thread::yield();
      m.lock();  // blocks until the fiber unlocks
      step = 4;
      m.unlock();
    });
    while (step != 1) await_sleep(100us);
    auto wants = spawn({"wants"}, [&] {
      const std::lock_guard<std::mutex> hold(m);
      step = 3;
      await_sleep(2ms);
      CHECK(step == 3);
    });
    weft::yield();
    step = 2;
    wants.get();
    plain.join();
    CHECK(step == 4);
  });
}

TEST_CASE("locks: what a plain thread's condition wait unlocks, unseen, is found within 10 ms") {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t c = PTHREAD_COND_INITIALIZER;
  std::atomic<bool> is_locked{false};
  bool is_over = false;  // guarded by m
  run_locking_with_threads([&] {
    std::thread plain([&] {
      pthread_mutex_lock(&m);
      is_locked = true;
      while (!is_over) pthread_cond_wait(&c, &m);
      pthread_mutex_unlock(&m);
    });
    while (!is_locked) await_sleep(100us);
    pthread_mutex_lock(&m);
    is_over = true;
    pthread_mutex_unlock(&m);
    pthread_cond_signal(&c);
    plain.join();
  });
}

TEST_CASE("locks: a child of fork() goes on with its own fiber that waits, and with all queues") {
  const auto end = weft_tests::run_child([] {
    int failures = 0;
    run_locking([&](weft::testing::virtual_clock&) {
      std::mutex m;
      int entries = 0;
      m.lock();
      auto waits = spawn({"waits"}, [&] {
        const std::lock_guard<std::mutex> hold(m);
        ++entries;
      });
      await_sleep(1ms);
      const pid_t child = fork();
      if (child == 0) weft::after_fork_child(weft::inherited_fibers::go_on);
      m.unlock();
      waits.get();
      if (entries != 1) ++failures;
      if (child == 0) _exit(failures);
      int how = 0;
      waitpid(child, &how, 0);
      if (!WIFEXITED(how) || WEXITSTATUS(how) != 0) ++failures;
    });
    return failures;
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
}

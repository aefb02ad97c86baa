// SPDX-License-Identifier: BSL-1.0
// Mutexes between the fibers of one loop: order of hand-over, misuse, deadlines, what is said of
// who forgets to unlock. Each for the kind that is safe between threads and for the local one.
#include "weft/mutex.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::on_virtual_time;

namespace {

// What `f` throws, as text.
template <class F>
std::string misuse_of(F&& f) {
  try {
    f();
  } catch (const std::logic_error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

#define MUTEXES weft::mutex, weft::local::mutex
#define TIMED_MUTEXES weft::timed_mutex, weft::local::timed_mutex
#define RECURSIVE_MUTEXES weft::recursive_timed_mutex, weft::local::recursive_timed_mutex

TEST_CASE_TEMPLATE("mutex: one at a time is inside, also across waits", Mutex, MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    int inside = 0;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 50; ++i) {
      tasks.push_back(spawn([&] {
        for (int k = 0; k < 10; ++k) {
          const std::lock_guard<Mutex> hold(m);
          CHECK(++inside == 1);
          weft::yield();
          CHECK(--inside == 0);
        }
      }));
    }
    for (auto& t : tasks) t.get();
  });
}

TEST_CASE_TEMPLATE("sem 46: unlock hands over in order; a re-lock cannot overtake", Mutex,
                   MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    std::vector<int> order;
    std::vector<weft::task<>> tasks;
    m.lock();
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&, i] {
        const std::lock_guard<Mutex> hold(m);
        order.push_back(i);
      }));
    }
    weft::yield();
    m.unlock();
    CHECK_FALSE(m.try_lock());  // it is the first waiter's already
    m.lock();
    order.push_back(3);
    m.unlock();
    for (auto& t : tasks) t.get();
    CHECK(order == std::vector<int>{0, 1, 2, 3});
  });
}

TEST_CASE_TEMPLATE("sem 47: unlock neither parks nor runs the waiter", Mutex, MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    bool has_run = false;
    m.lock();
    auto other = spawn([&] {
      const std::lock_guard<Mutex> hold(m);
      has_run = true;
    });
    weft::yield();
    m.unlock();
    CHECK_FALSE(has_run);
    other.get();
    CHECK(has_run);
  });
}

TEST_CASE_TEMPLATE("sem 49: lock is no point of cancellation", Mutex, MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    bool was_inside = false;
    m.lock();
    auto waits = spawn([&] {
      const std::lock_guard<Mutex> hold(m);
      was_inside = true;
      weft::yield();  // here it is
    });
    weft::yield();
    waits.cancel();
    await_sleep(1s);
    CHECK_FALSE(waits.done());
    m.unlock();
    waits.join();
    CHECK(was_inside);
    CHECK(waits.was_cancelled());
    CHECK(m.try_lock());
    m.unlock();
  });
}

TEST_CASE_TEMPLATE("sem 48: a free lock costs budget, and neither waits nor throws", Mutex,
                   MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    int other_ran = 0;
    auto other = spawn([&] {
      for (;;) {
        ++other_ran;
        weft::yield();
      }
    });
    auto locks = spawn([&] {
      weft::yield();
      for (int i = 0; i < 100; ++i) {
        m.lock();
        m.unlock();
      }
      const int before = other_ran;
      for (int i = 0; i < 100; ++i) {
        m.lock();
        m.unlock();
      }
      CHECK(other_ran > before);
    });
    locks.get();
    other.cancel();
    auto cancelled = spawn([&] {
      weft::cancel_scope scope;
      weft::with_scope(scope, [&] {
        scope.cancel();
        m.lock();
        m.unlock();
        CHECK(m.try_lock());
        m.unlock();
      });
    });
    cancelled.get();
  });
}

TEST_CASE_TEMPLATE("sem 56: a second lock and a stranger's unlock throw, and name who holds it",
                   Mutex, MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    weft::this_fiber::set_name("owner");
    const std::lock_guard<Mutex> hold(m);
    const std::string again = misuse_of([&] { m.lock(); });
    CHECK(has(again, "mutex::lock() was called by fiber 1 'owner', which holds the lock already"));
    CHECK(has(again, "recursive_mutex"));
    CHECK_FALSE(m.try_lock());
    spawn([&] {
      CHECK(has(misuse_of([&] { m.unlock(); }),
                "mutex::unlock() was called by fiber 2, but fiber 1 'owner' holds the lock"));
    }).get();
    Mutex free;
    CHECK(has(misuse_of([&] { free.unlock(); }), "but nobody holds the lock"));
  });
}

TEST_CASE_TEMPLATE("mutex: a fiber that ends without unlocking is named", Mutex, MUTEXES) {
  weft_tests::capture_reports reports;
  weft::run([&] {
    Mutex m;
    spawn({"careless"}, [&] { m.lock(); }).get();
  });
  REQUIRE(reports.texts().size() == 2);
  CHECK(has(reports.texts()[0], "fiber 2 'careless' (spawned at mutex_test.cpp:"));
  CHECK(has(reports.texts()[0], "ended while it held a mutex"));
  CHECK(has(reports.texts()[1], "a mutex was destroyed while"));
}

TEST_CASE_TEMPLATE("sem 97: the search for deadlocks tells who holds what others wait for", Mutex,
                   MUTEXES) {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer's own thread could end any wait");
  const auto end = weft_tests::run_child([] {
    weft::run([&] {
      Mutex a;
      Mutex b;
      const auto lock_both = [](Mutex& first, Mutex& second) {
        const std::lock_guard<Mutex> one(first);
        weft::yield();
        const std::lock_guard<Mutex> two(second);
      };
      auto one = spawn({"one"}, [&] { lock_both(a, b); });
      auto two = spawn({"two"}, [&] { lock_both(b, a); });
      try {
        one.join();
      } catch (const weft::would_deadlock& e) {
        std::fputs(e.what(), stderr);
        std::_Exit(7);  // nothing can end these waits
      }
    });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.status == 7);
  CHECK(end.says("fiber 2 'one' (spawned at mutex_test.cpp:"));
  CHECK(end.says(" waits in mutex for fiber 3 'two'"));
  CHECK(end.says("in a circle: fiber 2 'one' -> fiber 3 'two' -> fiber 2 'one'"));
}

TEST_CASE_TEMPLATE("timed mutex: gives up at its deadline, not sooner, and loses no hand-over",
                   Mutex, TIMED_MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    m.lock();
    auto late = spawn([&] {
      const auto start = weft::now();
      CHECK_FALSE(m.try_lock_for(1s));
      CHECK(weft::now() == start + 1s);
      CHECK_FALSE(m.try_lock_for(0s));
      CHECK_FALSE(m.try_lock_for(-1h));
      CHECK_FALSE(m.try_lock_until(weft::time_point::min()));
      CHECK(m.try_lock_for(weft::duration::max()));
      CHECK(weft::now() == start + 2s);
      m.unlock();
      CHECK(m.try_lock_until(weft::time_point::min()));  // free: the deadline does not matter
      m.unlock();
    });
    await_sleep(2s);
    m.unlock();
    late.get();
    CHECK(has(misuse_of([&] {
                m.lock();
                (void)m.try_lock_for(1s);
              }),
              "timed_mutex::try_lock_for() was called by fiber 1 'main', which holds"));
    m.unlock();
  });
}

TEST_CASE_TEMPLATE(
    "sem 58: a lock that expires as it is handed over is the waiter's, or the next's", Mutex,
    TIMED_MUTEXES) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      Mutex m;
      int inside = 0;
      int got = 0;
      m.lock();
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 4; ++i) {
        tasks.push_back(spawn([&] {
          if (!m.try_lock_for(1s)) return;
          CHECK(++inside == 1);
          ++got;
          weft::yield();
          --inside;
          m.unlock();
        }));
      }
      await_sleep(1s);  // the same instant as the deadlines
      m.unlock();
      for (auto& t : tasks) t.get();
      CHECK(m.try_lock());
      m.unlock();
      CHECK(got <= 4);
    });
  }
}

TEST_CASE_TEMPLATE(
    "recursive mutex: its holder comes in again, and it is free after as many unlocks", Mutex,
    RECURSIVE_MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    m.lock();
    CHECK(m.try_lock());
    CHECK(m.try_lock_for(1s));
    auto other = spawn([&] {
      CHECK_FALSE(m.try_lock());
      const std::lock_guard<Mutex> hold(m);
      CHECK(m.try_lock());
      m.unlock();
    });
    weft::yield();
    m.unlock();
    m.unlock();
    weft::yield();
    CHECK_FALSE(other.done());
    m.unlock();
    other.get();
    CHECK(has(misuse_of([&] { m.unlock(); }), "but nobody holds the lock"));
  });
}

TEST_CASE("mutex: two at once by std::scoped_lock, in any order") {
  on_virtual_time().run([] {
    weft::mutex a;
    weft::mutex b;
    int inside = 0;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 20; ++i) {
      tasks.push_back(spawn([&, i] {
        weft::mutex& first = i % 2 == 0 ? a : b;
        weft::mutex& second = i % 2 == 0 ? b : a;
        const std::scoped_lock hold(first, second);
        CHECK(++inside == 1);
        weft::yield();
        --inside;
      }));
    }
    for (auto& t : tasks) t.get();
  });
}

TEST_CASE("mutex: to destroy one that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto m = std::make_unique<weft::mutex>();
      m->lock();
      auto waits = spawn([&] { m->lock(); });
      weft::yield();
      m.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("a mutex was destroyed while others wait for it"));
}

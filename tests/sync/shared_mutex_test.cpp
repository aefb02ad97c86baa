// SPDX-License-Identifier: BSL-1.0
// Shared mutexes between the fibers of one loop: who is inside together, order, misuse, deadlines.
#include "weft/shared_mutex.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <shared_mutex>
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
#include "weft/condition_variable.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::on_virtual_time;

#define SHARED_MUTEXES weft::shared_timed_mutex, weft::local::shared_timed_mutex

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

// A task that notes its name when it is inside, and stays there for a second.
template <class Mutex>
weft::task<> reader(Mutex& m, std::string& order, char name) {
  return spawn([&m, &order, name] {
    const std::shared_lock<Mutex> hold(m);
    order += name;
    await_sleep(1s);
  });
}
template <class Mutex>
weft::task<> writer(Mutex& m, std::string& order, char name) {
  return spawn([&m, &order, name] {
    const std::lock_guard<Mutex> hold(m);
    order += name;
    await_sleep(1s);
  });
}

}  // namespace

TEST_CASE_TEMPLATE("shared_mutex: many readers, or one writer", Mutex, SHARED_MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    int readers = 0;
    int most = 0;
    int writers = 0;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 30; ++i) {
      tasks.push_back(spawn([&, i] {
        for (int k = 0; k < 5; ++k) {
          if ((i + k) % 5 == 0) {
            const std::lock_guard<Mutex> hold(m);
            CHECK(++writers == 1);
            CHECK(readers == 0);
            weft::yield();
            --writers;
          } else {
            const std::shared_lock<Mutex> hold(m);
            CHECK(writers == 0);
            most = std::max(most, ++readers);
            weft::yield();
            --readers;
          }
        }
      }));
    }
    for (auto& t : tasks) t.get();
    CHECK(most > 1);
    CHECK(m.try_lock());
    m.unlock();
  });
}

TEST_CASE_TEMPLATE("sem 46: in order of asking; readers at the head enter together", Mutex,
                   SHARED_MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    std::string order;
    const auto start = weft::now();
    m.lock();
    std::vector<weft::task<>> tasks;
    tasks.push_back(reader(m, order, 'a'));
    tasks.push_back(reader(m, order, 'b'));
    tasks.push_back(writer(m, order, 'C'));
    tasks.push_back(writer(m, order, 'D'));
    tasks.push_back(reader(m, order, 'e'));
    tasks.push_back(reader(m, order, 'f'));
    weft::yield();
    m.unlock();
    CHECK(order.empty());  // sem 47
    CHECK_FALSE(m.try_lock());
    CHECK_FALSE(m.try_lock_shared());
    for (auto& t : tasks) t.get();
    CHECK(order == "abCDef");
    CHECK(weft::now() == start + 4s);
  });
}

TEST_CASE_TEMPLATE("shared_mutex: newcomers do not starve a writer that waits", Mutex,
                   SHARED_MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    std::string order;
    m.lock_shared();
    auto writes = writer(m, order, 'W');
    weft::yield();
    CHECK_FALSE(m.try_lock_shared());
    auto reads = reader(m, order, 'r');
    weft::yield();
    CHECK(order.empty());
    m.unlock_shared();
    reads.get();
    CHECK(order == "Wr");
    writes.get();
  });
}

TEST_CASE_TEMPLATE("sem 49: lock and lock_shared are no points of cancellation", Mutex,
                   SHARED_MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    std::string order;
    m.lock();
    auto reads = reader(m, order, 'r');
    auto writes = writer(m, order, 'W');
    weft::yield();
    reads.cancel();
    writes.cancel();
    await_sleep(1s);
    CHECK_FALSE(reads.done());
    m.unlock();
    writes.join();
    CHECK(order == "rW");
    CHECK(reads.was_cancelled());
    CHECK(writes.was_cancelled());
    weft::cancel_scope scope;
    weft::with_scope(scope, [&] {
      scope.cancel();
      m.lock();
      m.unlock();
      m.lock_shared();
      CHECK(m.try_lock_shared_for(-1s));
      m.unlock_shared();
      m.unlock_shared();
    });
  });
}

TEST_CASE_TEMPLATE("sem 48: a free lock does not wait, but costs budget", Mutex, SHARED_MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    bool other_ran = false;
    auto other = spawn([&] { other_ran = true; });
    m.lock();
    m.unlock();
    CHECK_FALSE(other_ran);
    for (int i = 0; i < 128; ++i) {
      m.lock_shared();
      m.unlock_shared();
    }
    CHECK(other_ran);
    other.get();
  });
}

TEST_CASE_TEMPLATE("sem 56: misuse throws, and names who holds it", Mutex, SHARED_MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    weft::this_fiber::set_name("owner");
    m.lock();
    CHECK(has(misuse_of([&] { m.lock(); }),
              "shared_mutex::lock() was called by fiber 1 'owner', which holds the lock alone"));
    CHECK(has(misuse_of([&] { m.lock_shared(); }), "which holds the lock alone already"));
    CHECK(has(misuse_of([&] { m.unlock_shared(); }), "it holds the lock alone: call unlock()"));
    spawn([&] {
      CHECK(has(misuse_of([&] { m.unlock(); }), "but fiber 1 'owner' holds the lock"));
      CHECK(has(misuse_of([&] { m.unlock_shared(); }), "fiber 1 'owner' holds the lock alone"));
    }).get();
    m.unlock();
    CHECK(has(misuse_of([&] { m.unlock(); }), "but nobody holds the lock"));
    CHECK(has(misuse_of([&] { m.unlock_shared(); }), "but nobody holds the lock"));
    m.lock_shared();
    CHECK(has(misuse_of([&] { m.unlock(); }), "but 1 with shared locks hold the lock"));
    m.unlock_shared();
  });
}

TEST_CASE_TEMPLATE("shared_mutex: gives up at its deadline, not sooner, and lets others pass",
                   Mutex, SHARED_MUTEXES) {
  on_virtual_time().run([] {
    Mutex m;
    m.lock_shared();
    auto late = spawn([&] {
      const auto start = weft::now();
      CHECK_FALSE(m.try_lock_for(0s));
      CHECK_FALSE(m.try_lock_for(-1h));
      CHECK_FALSE(m.try_lock_until(weft::time_point::min()));
      CHECK(weft::now() == start);
      CHECK_FALSE(m.try_lock_for(1s));
      CHECK(weft::now() == start + 1s);
    });
    weft::yield();
    auto reads = spawn([&] {
      const auto start = weft::now();
      CHECK_FALSE(m.try_lock_shared_for(500ms));  // behind the writer
      CHECK(m.try_lock_shared_for(weft::duration::max()));
      CHECK(weft::now() == start + 1s);  // when the writer gave up
      m.unlock_shared();
    });
    reads.get();
    late.get();
    m.unlock_shared();
    CHECK(m.try_lock());
    m.unlock();
  });
}

TEST_CASE_TEMPLATE(
    "sem 58: a lock that expires as it is handed over is the waiter's, or the next's", Mutex,
    SHARED_MUTEXES) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      Mutex m;
      int writers = 0;
      int readers = 0;
      m.lock();
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 6; ++i) {
        tasks.push_back(spawn([&, i] {
          if (i % 2 == 0) {
            if (!m.try_lock_for(1s)) return;
            CHECK(++writers == 1);
            CHECK(readers == 0);
            weft::yield();
            --writers;
            m.unlock();
          } else {
            if (!m.try_lock_shared_for(1s)) return;
            CHECK(writers == 0);
            ++readers;
            weft::yield();
            --readers;
            m.unlock_shared();
          }
        }));
      }
      await_sleep(1s);  // the same instant as the deadlines
      m.unlock();
      for (auto& t : tasks) t.get();
      CHECK(m.try_lock());
      m.unlock();
    });
  }
}

TEST_CASE_TEMPLATE("shared_mutex: two at once by std::scoped_lock, in any order", Mutex,
                   SHARED_MUTEXES) {
  on_virtual_time().run([] {
    Mutex a;
    Mutex b;
    int inside = 0;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 20; ++i) {
      tasks.push_back(spawn([&, i] {
        for (int k = 0; k < 10; ++k) {
          const std::scoped_lock hold((i + k) % 2 == 0 ? a : b, (i + k) % 2 == 0 ? b : a);
          CHECK(++inside == 1);
          weft::yield();
          --inside;
        }
      }));
    }
    for (auto& t : tasks) t.get();
  });
}

TEST_CASE("shared_mutex: condition variables wait with its locks") {
  on_virtual_time().run([] {
    weft::shared_mutex m;
    weft::condition_variable_any changed;
    bool is_set = false;
    auto waits = spawn([&] {
      std::shared_lock<weft::shared_mutex> hold(m);
      changed.wait(hold, [&] { return is_set; });
      CHECK_FALSE(m.try_lock());
    });
    weft::yield();
    {
      const std::lock_guard<weft::shared_mutex> hold(m);
      is_set = true;
    }
    changed.notify_all();
    waits.get();
  });
}

TEST_CASE("shared_mutex: who ends without unlocking is named, and so is the lock") {
  weft_tests::capture_reports reports;
  weft::run([] {
    weft::shared_mutex m;
    spawn({"careless"}, [&] { m.lock_shared(); }).get();
  });
  REQUIRE(reports.texts().size() == 2);
  CHECK(has(reports.texts()[0], "fiber 2 'careless'"));
  CHECK(has(reports.texts()[1], "a shared_mutex was destroyed while 1 hold it"));
}

TEST_CASE("shared_mutex: to destroy one that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto m = std::make_unique<weft::shared_mutex>();
      m->lock_shared();
      auto waits = spawn([&] { m->lock(); });
      weft::yield();
      m.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("a shared_mutex was destroyed while others wait for it"));
}

TEST_CASE_TEMPLATE("sem 97: the search for deadlocks tells who holds what others wait for", Mutex,
                   SHARED_MUTEXES) {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer's own thread could end any wait");
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      Mutex a;
      Mutex b;
      const auto lock_both = [](Mutex& first, Mutex& second) {
        const std::lock_guard<Mutex> one(first);
        weft::yield();
        const std::shared_lock<Mutex> two(second);
      };
      auto one = spawn({"one"}, [&] { lock_both(a, b); });
      auto two = spawn({"two"}, [&] { lock_both(b, a); });
      try {
        one.join();
      } catch (const weft::would_deadlock& e) {
        std::fputs(e.what(), stderr);
        std::_Exit(7);
      }
    });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.status == 7);
  CHECK(end.says("in a circle: fiber 2 'one' -> fiber 3 'two' -> fiber 2 'one'"));
}

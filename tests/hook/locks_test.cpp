// SPDX-License-Identifier: BSL-1.0
// What WEFT_DEBUG=1 says of the standard library's locks and of static initialisers that are held
// across a wait, in a program with libweft-hook.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <system_error>
#include <thread>

#include <doctest/doctest.h>

#include "base/debug_mode.hpp"
#include "support/child.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;

namespace {

// In a process of its own, whose reports are its output.
weft_tests::child_end debugged(const std::function<void()>& f) {
  return weft_tests::run_child([&] {
    weft::detail::set_debug_mode(true);
    weft::testing::virtual_clock clock;
    weft::options how;
    how.time = &clock;
    weft::run(how, f);
    return 0;
  });
}

// What lock() comes to, as an error's name.
template <class Lock>
std::string outcome_of(Lock&& lock) {
  try {
    lock();
  } catch (const std::system_error& e) {
    return e.code() == std::errc::resource_deadlock_would_occur ? "would deadlock" : e.what();
  }
  return "locked";
}

struct slow_to_make {
  slow_to_make() { await_sleep(1ms); }
};

slow_to_make& only_one() {
  static slow_to_make made;
  return made;
}

}  // namespace

TEST_CASE("H12: a std::mutex held across a wait is named once, with both places") {
  const auto end = debugged([] {
    std::mutex m;
    spawn({"careless"}, [&] {
      for (int i = 0; i < 3; ++i) {
        const std::lock_guard<std::mutex> hold(m);
        await_sleep(1ms);
      }
    }).get();
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(end.says("weft: fiber 2 'careless' (spawned at locks_test.cpp:"));
  CHECK(end.says(") waited (sleep) while it held a std::mutex or another pthread lock. Begun in "));
  CHECK(end.says("; it waited in\n  "));
  CHECK(end.says("Unlock it before the wait, or take weft::mutex."));
  const std::string told = "while it held";
  CHECK(end.output.find(told) == end.output.rfind(told));
}

TEST_CASE("H12: a lock() that would stop the loop for good fails, and names both fibers") {
  for (const bool is_recursive : {false, true}) {
    const auto end = debugged([=] {
      std::mutex plain;
      std::recursive_mutex recursive;
      const auto lock = [&] { is_recursive ? recursive.lock() : plain.lock(); };
      const auto unlock = [&] { is_recursive ? recursive.unlock() : plain.unlock(); };
      auto holder = spawn({"holder"}, [&] {
        lock();
        await_sleep(1ms);
        unlock();
      });
      auto other = spawn({"other"}, [&] {
        std::fprintf(stderr, "%s\n", outcome_of(lock).c_str());
        await_sleep(2ms);
        std::fprintf(stderr, "then %s\n", outcome_of(lock).c_str());
        unlock();
      });
      holder.get();
      other.get();
    });
    CAPTURE(end.output);
    CHECK(end.status == 0);
    CHECK(end.says("\nwould deadlock\n"));
    CHECK(end.says("then locked\n"));
    CHECK(end.says("weft: fiber 3 'other' (spawned at locks_test.cpp:"));
    CHECK(end.says(") wants, in "));
    CHECK(end.says("a std::mutex or another pthread lock that fiber 2 'holder' (spawned at "));
    CHECK(end.says("holds since "));
    CHECK(end.says("The holder waits (sleep) in\n  "));
  }
}

TEST_CASE("H12: readers of a std::shared_mutex may meet, a writer among them is named") {
  const auto end = debugged([] {
    std::shared_mutex m;
    auto reader = spawn({"reader"}, [&] {
      const std::shared_lock<std::shared_mutex> hold(m);
      await_sleep(1ms);
    });
    auto second = spawn({"second"}, [&] {
      std::fprintf(stderr, "second %s\n", outcome_of([&] { m.lock_shared(); }).c_str());
      m.unlock_shared();
    });
    auto writer = spawn({"writer"}, [&] {
      std::fprintf(stderr, "writer %s\n", outcome_of([&] { m.lock(); }).c_str());
    });
    reader.get();
    second.get();
    writer.get();
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(end.says("second locked\n"));
  CHECK(end.says("writer would deadlock\n"));
  CHECK(end.says("weft: fiber 4 'writer'"));
  CHECK(end.says("a pthread read lock that fiber 2 'reader'"));
}

TEST_CASE("H12: what another fiber of the thread unlocked is free, as it is to pthread") {
  const auto end = debugged([] {
    std::mutex m;
    const auto lock = [&] { m.lock(); };
    auto holder = spawn({"holder"}, [&] {
      lock();
      await_sleep(2ms);
    });
    await_sleep(1ms);
    pthread_mutex_unlock(m.native_handle());
    std::fprintf(stderr, "%s\n", outcome_of(lock).c_str());
    m.unlock();
    holder.get();
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(end.says("\nlocked\n"));
}

TEST_CASE("H12: who ended with a lock is named to who wants it") {
  const auto end = debugged([] {
    std::mutex m;
    spawn({"gone"}, [&] { m.lock(); }).get();
    std::fprintf(stderr, "%s\n", outcome_of([&] { m.lock(); }).c_str());
  });
  CAPTURE(end.output);
  CHECK(end.says("would deadlock\n"));
  CHECK(end.says("that fiber 2, which has ended, holds since "));
}

TEST_CASE("H11: a static initialiser that waits is named, and so is who comes there meanwhile") {
  const auto alone = debugged([] {
    spawn({"first"}, [] { only_one(); }).get();
    only_one();
  });
  CAPTURE(alone.output);
  CHECK(alone.status == 0);
  CHECK(alone.says("weft: fiber 2 'first' (spawned at locks_test.cpp:"));
  CHECK(alone.says("waited (sleep) while it held the initialisation of a static variable"));
  CHECK(alone.says("weft::lazy"));

  const auto both = debugged([] {
    auto first = spawn({"first"}, [] { only_one(); });
    auto second = spawn({"second"}, [] { only_one(); });
    first.get();
    second.get();
  });
  CAPTURE(both.output);
  CHECK(both.status != 0);  // the C++ library gives up; said before is who met whom
  CHECK(both.says("weft: fiber 3 'second' (spawned at locks_test.cpp:"));
  CHECK(both.says("the initialisation of a static variable that fiber 2 'first'"));
}

TEST_CASE("H12: no word of locks without a wait, of other threads, or without WEFT_DEBUG=1") {
  const auto quiet = debugged([] {
    std::mutex m;
    std::recursive_mutex again;
    std::condition_variable is_there;
    bool is_set = false;
    std::thread other([&] {
      const std::lock_guard<std::mutex> hold(m);
      is_set = true;
      is_there.notify_one();
    });
    {
      std::unique_lock<std::mutex> hold(m);
      is_there.wait(hold, [&] { return is_set; });
    }
    other.join();
    again.lock();
    again.lock();
    again.unlock();
    again.unlock();
    weft::yield();
    const std::lock_guard<std::mutex> hold(m);
  });
  CHECK(quiet.status == 0);
  CHECK(quiet.output.empty());

  const auto off = weft_tests::run_child([] {
    weft::run([] {
      std::mutex m;
      const std::lock_guard<std::mutex> hold(m);
      weft::yield();
    });
    return 0;
  });
  CHECK(off.status == 0);
  CHECK(off.output.empty());
}

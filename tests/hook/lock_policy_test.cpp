// SPDX-License-Identifier: BSL-1.0
// WEFT_LOCKS and hook::set_locks: what a call does that is to park while its fiber holds a lock.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>
#include <time.h>
#include <unistd.h>

#include "hook/lock_fibers.hpp"
#include "support/child.hpp"

using namespace std::chrono_literals;
using weft::hook::lock_policy;
using weft::hook::tier;

namespace {

// A process of its own, in which WEFT_LOCKS says so.
weft_tests::child_end with_policy(const char* said, const std::function<int()>& f) {
  return weft_tests::run_child([&] {
    if (said != nullptr) {
      setenv("WEFT_LOCKS", said, 1);
    } else {
      unsetenv("WEFT_LOCKS");
    }
    return f();
  });
}

// A fiber sleeps by `sleep` with a lock held, another one counts meanwhile: how far it comes.
int others_turns(const std::function<void()>& sleep) {
  int turns = 0;
  weft::run([&] {
    std::mutex m;
    bool is_over = false;
    auto holder = weft::spawn({"holder"}, [&] {
      const std::lock_guard<std::mutex> hold(m);
      const int before = turns;
      sleep();
      turns -= before;
      is_over = true;
    });
    auto other = weft::spawn({"other"}, [&] {
      while (!is_over) {
        ++turns;
        weft::yield();
      }
    });
    holder.get();
    if (is_over) other.get();
  });
  return turns;
}

void hooked_sleep() { usleep(2000); }

const std::string is_told = "while it held a std::mutex or another pthread lock. Begun in ";

}  // namespace

TEST_CASE("policy: without a word a hooked call that parks with a lock held is reported, once") {
  const auto end = with_policy(nullptr, [] {
    weft::hook::install(tier::net);
    int failures = weft::hook::locks() != lock_policy::warn;
    failures += others_turns([] {
                  for (int i = 0; i < 3; ++i) hooked_sleep();
                }) == 0;
    return failures;
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(end.says("weft: fiber 2 'holder' (spawned at lock_policy_test.cpp:"));
  CHECK(end.says(is_told));
  CHECK(end.says("; it waited in\n  "));
  CHECK(end.output.find(is_told) == end.output.rfind(is_told));
}

TEST_CASE("policy: a wait of weft's own is reported, too, and no lock that is given up before") {
  const auto end = with_policy("warn", [] {
    weft::hook::install(tier::net);
    others_turns([] { weft::await_sleep(1ms); });
    return 0;
  });
  CHECK(end.says(is_told));
  const auto quiet = with_policy("warn", [] {
    weft::hook::install(tier::net);
    weft::run([] {
      std::mutex m;
      m.lock();
      m.unlock();
      hooked_sleep();
    });
    return 0;
  });
  CHECK(quiet.output.empty());
}

TEST_CASE("policy: pin blocks the thread of who holds a lock, and of nobody else") {
  const auto end = with_policy("pin", [] {
    weft::hook::install(tier::net);
    int failures = weft::hook::locks() != lock_policy::pin;
    failures += others_turns(&hooked_sleep) != 0;
    int turns = 0;
    weft::run([&] {
      auto other = weft::spawn([&] { ++turns; });
      hooked_sleep();
      failures += turns != 1;
      other.get();
    });
    return failures;
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(end.output.empty());
}

TEST_CASE("policy: off looks at nothing, and coop needs the locks tier") {
  const auto end = with_policy("off", [] {
    weft::hook::install(tier::net);
    int failures = weft::hook::locks() != lock_policy::off;
    failures += others_turns(&hooked_sleep) == 0;
    try {
      weft::hook::set_locks(lock_policy::coop);
      ++failures;
    } catch (const std::logic_error&) {
    }
    return failures;
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(end.output.empty());

  const auto coop = with_policy(nullptr, [] {
    weft::hook::install(tier::net | tier::locks);
    int failures = weft::hook::locks() != lock_policy::coop;
    failures += others_turns(&hooked_sleep) == 0;
    weft::hook::set_locks(lock_policy::warn);
    failures += weft::hook::locks() != lock_policy::warn;
    others_turns(&hooked_sleep);
    std::fprintf(stderr, "end\n");
    weft::hook::set_locks(lock_policy::coop);
    others_turns(&hooked_sleep);
    return failures;
  });
  CAPTURE(coop.output);
  CHECK(coop.status == 0);
  CHECK(coop.says(is_told));
  CHECK(coop.output.find(is_told) == coop.output.rfind(is_told));
}

TEST_CASE("policy: a WEFT_LOCKS that means nothing is named once, with what it may be") {
  const auto end = with_policy("copo", [] {
    weft::hook::install(tier::net);
    weft::hook::install(tier::net);
    return weft::hook::locks() == lock_policy::warn ? 0 : 1;
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
  const std::string told = "weft: WEFT_LOCKS=copo is no lock policy";
  CHECK(end.says(told));
  CHECK(end.says("It may be coop, pin, warn or off"));
  CHECK(end.output.find(told) == end.output.rfind(told));
}

// SPDX-License-Identifier: BSL-1.0
// Who runs next: first in, first out, in every way of becoming ready.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using weft_tests::no_leaks;

namespace {

using order = std::vector<int>;

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "sem 71: tasks spawned in one turn start in the order of spawn") {
  run([] {
    order started;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 200; ++i) {
      tasks.push_back(weft::spawn([&started, i] { started.push_back(i); }));
    }
    CHECK(started.empty());
    for (auto& one : tasks) one.join();
    order expected;
    for (int i = 0; i < 200; ++i) expected.push_back(i);
    CHECK(started == expected);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 71: spawn queues the child behind what is ready, and does not run it") {
  run([] {
    order seen;
    auto first = weft::spawn([&] { seen.push_back(1); });
    auto second = weft::spawn([&] {
      seen.push_back(2);
      auto child = weft::spawn([&] { seen.push_back(4); });
      seen.push_back(3);
      child.join();
    });
    auto third = weft::spawn([&] { seen.push_back(5); });
    second.join();
    CHECK(seen == order{1, 2, 3, 5, 4});
  });
}

TEST_CASE_FIXTURE(no_leaks, "yield: fibers take turns in a fixed circle") {
  run([] {
    order seen;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(weft::spawn([&seen, i] {
        for (int turn = 0; turn < 3; ++turn) {
          seen.push_back(i);
          weft::yield();
        }
      }));
    }
    for (auto& one : tasks) one.join();
    CHECK(seen == order{0, 1, 2, 0, 1, 2, 0, 1, 2});
  });
}

TEST_CASE_FIXTURE(no_leaks, "yield: goes behind everything that is ready, a fresh task included") {
  run([] {
    order seen;
    auto one = weft::spawn([&] { seen.push_back(1); });
    auto two = weft::spawn([&] { seen.push_back(2); });
    weft::yield();
    seen.push_back(3);
    CHECK(seen == order{1, 2, 3});
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 71: who is woken does not run before the waker parks") {
  run([] {
    order seen;
    weft::promise<void> gate;
    auto waiter = weft::spawn([&, opened = gate.get_future()]() mutable {
      opened.get();
      seen.push_back(2);
    });
    weft::yield();
    gate.set_value();
    seen.push_back(1);
    weft::yield();
    CHECK(seen == order{1, 2});
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 71: waiters of one end go on in the order in which they came") {
  run([] {
    order seen;
    auto watched = weft::spawn([] {
      for (int i = 0; i < 3; ++i) weft::yield();
    });
    std::vector<weft::task<>> waiting;
    for (int i = 0; i < 5; ++i) {
      waiting.push_back(weft::spawn([&, i] {
        watched.join();
        seen.push_back(i);
      }));
    }
    for (auto& one : waiting) one.join();
    CHECK(seen == order{0, 1, 2, 3, 4});
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 71: the order holds when the ring grows with its first in the middle") {
  run([] {
    for (int i = 0; i < 50; ++i) weft::yield();
    order started;
    std::vector<weft::task<>> tasks;
    order expected;
    for (int i = 0; i < 300; ++i) {
      tasks.push_back(weft::spawn([&started, i] { started.push_back(i); }));
      expected.push_back(i);
    }
    for (auto& one : tasks) one.join();
    CHECK(started == expected);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 71: who joins after the first one gave up goes behind the others") {
  run([] {
    order seen;
    bool may_end = false;
    auto watched = weft::spawn([&] {
      while (!may_end) weft::yield();
    });
    std::vector<weft::task<>> waiting;
    const auto wait = [&](int i) {
      waiting.push_back(weft::spawn([&, i] {
        watched.join();
        seen.push_back(i);
      }));
    };
    for (int i = 0; i < 3; ++i) wait(i);
    weft::yield();
    waiting[0].cancel();
    waiting[0].join();
    wait(3);
    weft::yield();
    may_end = true;
    for (auto& one : waiting) one.join();
    CHECK(seen == order{1, 2, 3});
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 1: cancel() runs nothing of the target inside the canceller") {
  run([] {
    std::string seen;
    auto target = weft::spawn([&] {
      try {
        weft::await_sleep(weft::duration::max());
      } catch (const weft::cancelled&) {
        seen += "target ";
        throw;
      }
    });
    weft::yield();
    target.cancel();
    seen += "canceller ";
    target.join();
    CHECK(seen == "canceller target ");
  });
}

TEST_CASE_FIXTURE(no_leaks, "ids count from main's 1 in the order of spawn") {
  run([] {
    CHECK(weft::this_fiber::id() == weft::fiber_id{1});
    auto first = weft::spawn([] { return weft::this_fiber::id(); });
    auto second = weft::spawn([] { return weft::this_fiber::id(); });
    CHECK(second.get() == weft::fiber_id{3});
    CHECK(first.get() == weft::fiber_id{2});
  });
}

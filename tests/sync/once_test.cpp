// SPDX-License-Identifier: BSL-1.0
// call_once between the fibers of one loop: who calls, who waits, whose turn is next.
#include "weft/once.hpp"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::call_once;
using weft::spawn;
using weft_tests::on_virtual_time;

#define FLAGS weft::once_flag, weft::local::once_flag

TEST_CASE_TEMPLATE("call_once: one calls, those who come meanwhile wait for it", Flag, FLAGS) {
  on_virtual_time().run([] {
    Flag flag;
    int calls = 0;
    std::vector<int> order;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 4; ++i) {
      tasks.push_back(spawn([&, i] {
        call_once(flag, [&] {
          await_sleep(1s);
          ++calls;
        });
        CHECK(calls == 1);
        order.push_back(i);
      }));
    }
    for (auto& t : tasks) t.get();
    CHECK(order == std::vector<int>{0, 1, 2, 3});
    call_once(flag, [&] { ++calls; });
    CHECK(calls == 1);
  });
}

TEST_CASE_TEMPLATE("call_once: gives its arguments on, as they are", Flag, FLAGS) {
  on_virtual_time().run([] {
    Flag flag;
    int sum = 0;
    call_once(
        flag, [](int& into, std::unique_ptr<int> more) { into += *more; }, sum,
        std::make_unique<int>(5));
    CHECK(sum == 5);
  });
}

TEST_CASE_TEMPLATE("call_once: after an exception the next tries, in order", Flag, FLAGS) {
  on_virtual_time().run([] {
    Flag flag;
    std::vector<int> tried;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 4; ++i) {
      tasks.push_back(spawn([&, i] {
        call_once(flag, [&, i] {
          tried.push_back(i);
          await_sleep(1s);
          if (i < 2) throw std::runtime_error("no luck");
        });
      }));
    }
    CHECK_THROWS_AS(tasks[0].get(), std::runtime_error);
    CHECK_THROWS_AS(tasks[1].get(), std::runtime_error);
    tasks[2].get();
    tasks[3].get();
    CHECK(tried == std::vector<int>{0, 1, 2});
  });
}

TEST_CASE_TEMPLATE("call_once: a cancelled caller lets the next one try; a cancelled waiter leaves",
                   Flag, FLAGS) {
  on_virtual_time().run([] {
    Flag flag;
    std::vector<int> tried;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&, i] {
        call_once(flag, [&, i] {
          tried.push_back(i);
          await_sleep(1s);
        });
      }));
    }
    weft::yield();
    tasks[1].cancel();  // while it waits
    tasks[0].cancel();  // while it calls
    for (auto& t : tasks) t.join();
    CHECK(tasks[0].was_cancelled());
    CHECK(tasks[1].was_cancelled());
    CHECK_FALSE(tasks[2].was_cancelled());
    CHECK(tried == std::vector<int>{0, 2});
  });
}

TEST_CASE_TEMPLATE("sem 49: a turn is not lost to a cancel before or after it came", Flag, FLAGS) {
  for (const bool is_before : {true, false}) {
    on_virtual_time().run([&] {
      Flag flag;
      std::vector<int> tried;
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 3; ++i) {
        tasks.push_back(spawn([&, i] {
          try {
            call_once(flag, [&, i] {
              tried.push_back(i);
              weft::yield();
              if (i == 0 && is_before) tasks[1].cancel();
              if (i == 0) throw std::runtime_error("no luck");
            });
          } catch (const std::runtime_error&) {
            if (!is_before) tasks[1].cancel();
          }
        }));
      }
      for (auto& t : tasks) t.join();
      CHECK(tried == (is_before ? std::vector<int>{0, 2} : std::vector<int>{0, 1, 2}));
      CHECK(tasks[1].was_cancelled());
    });
  }
}

TEST_CASE_TEMPLATE("call_once: inside its own function it is misuse, not a hang", Flag, FLAGS) {
  on_virtual_time().run([] {
    Flag flag;
    std::string text;
    call_once(flag, [&] {
      try {
        call_once(flag, [] {});
      } catch (const std::logic_error& e) {
        text = e.what();
      }
    });
    CHECK(text.find("call_once() was called by fiber 1 'main' inside the function that it is to "
                    "call once") != std::string::npos);
  });
}

TEST_CASE_TEMPLATE("call_once: done, it neither waits, throws nor yields", Flag, FLAGS) {
  on_virtual_time().run([] {
    Flag flag;
    call_once(flag, [] {});
    bool other_ran = false;
    auto other = spawn([&] { other_ran = true; });
    bool has_passed = false;
    weft::cancel_scope scope;
    weft::with_scope(scope, [&] {
      scope.cancel();
      for (int i = 0; i < 1000; ++i) call_once(flag, [] {});
      has_passed = true;
    });
    CHECK(has_passed);
    CHECK_FALSE(other_ran);
    other.get();
  });
}

TEST_CASE_TEMPLATE("call_once: cancels and failures in any order lose no turn", Flag, FLAGS) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      Flag flag;
      int calls = 0;
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 5; ++i) {
        tasks.push_back(spawn([&, i] {
          call_once(flag, [&, i] {
            await_sleep(1s);
            if (i < 2) throw std::runtime_error("no luck");
            ++calls;
          });
        }));
      }
      await_sleep(1s);
      tasks[2].cancel();
      tasks[0].cancel();
      await_sleep(10s);
      CHECK(calls == 1);
      for (auto& t : tasks) t.join();
      for (int i = 0; i < 2; ++i) {
        try {
          tasks[static_cast<std::size_t>(i)].get();
        } catch (const std::runtime_error&) {
        }
      }
    });
  }
}

TEST_CASE("call_once: to destroy a flag that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto flag = std::make_unique<weft::once_flag>();
      auto calls = spawn([&] { call_once(*flag, [] { await_sleep(1h); }); });
      auto waits = spawn([&] { call_once(*flag, [] {}); });
      weft::yield();
      flag.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on it any more"));
}

TEST_CASE_TEMPLATE("sem 97: the search for deadlocks tells who is at it", Flag, FLAGS) {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer's own thread could end any wait");
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      Flag a;
      Flag b;
      const auto both = [](Flag& first, Flag& second) {
        call_once(first, [&] {
          weft::yield();
          call_once(second, [] {});
        });
      };
      auto one = spawn({"one"}, [&] { both(a, b); });
      auto two = spawn({"two"}, [&] { both(b, a); });
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

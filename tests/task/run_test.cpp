// SPDX-License-Identifier: BSL-1.0
// run() and runner as a task sees them: what main gives back, and what becomes of the rest.
#include "weft/run.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::spawn;
using weft::task;
using weft_tests::capture_reports;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

int value_function() { return 7; }
int void_calls = 0;
void void_function() { ++void_calls; }

struct throws_on_move {
  throws_on_move() = default;
  throws_on_move(throws_on_move&&) { throw std::runtime_error("no move"); }
  counted witness;
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "run: returns what main returns: values, references, move-only, nothing") {
  int target = 0;
  CHECK(run([] { return 5; }) == 5);
  CHECK(&run([&]() -> int& { return target; }) == &target);
  CHECK(&run([&]() -> const int& { return target; }) == &target);
  CHECK(*run([] { return std::make_unique<int>(3); }) == 3);
  const auto returns_nothing = [&] { target = 1; };
  static_assert(std::is_void_v<decltype(run(returns_nothing))>);
  run(returns_nothing);
  CHECK(target == 1);
  run([] { return counted(); });
}

TEST_CASE("run: a plain function is a main like any other") {
  CHECK(weft::run(value_function) == 7);
  CHECK(weft::run(&value_function) == 7);
  void_calls = 0;
  weft::run(&void_function);
  weft::run(void_function);
  CHECK(void_calls == 2);
}

TEST_CASE("run: lvalue, const, mutable, rvalue-only and move-only callables") {
  struct only_rvalue {
    int operator()() && { return 1; }
  };
  const auto constant = [] { return 1; };
  auto counts = [n = 0]() mutable { return ++n; };
  CHECK(weft::run(constant) == 1);
  CHECK(weft::run(counts) == 1);
  CHECK(weft::run(counts) == 2);  // called where it is, not copied
  CHECK(weft::run(only_rvalue{}) == 1);
  CHECK(weft::run([p = std::make_unique<int>(4)] { return *p; }) == 4);
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 75: run() rethrows main's exception after it has cancelled the rest") {
  bool was_cancelled = false;
  CHECK_THROWS_WITH_AS(run([&] {
                         spawn([&] {
                           try {
                             await_sleep(1h);
                           } catch (const cancelled&) {
                             was_cancelled = true;
                             throw;
                           }
                         }).detach();
                         weft::yield();
                         throw std::runtime_error("main failed");
                       }),
                       "main failed", std::runtime_error);
  CHECK(was_cancelled);
}

TEST_CASE_FIXTURE(no_leaks, "run: what moving main's result throws comes out, and nothing leaks") {
  CHECK_THROWS_AS(run([] { throw 5; }), int);
  CHECK_THROWS_WITH_AS(static_cast<void>(run([] { return throws_on_move(); })), "no move",
                       std::runtime_error);
}

TEST_CASE_FIXTURE(no_leaks, "run: main runs on the caller's own stack") {
  // Frame addresses: AddressSanitizer may keep locals elsewhere.
  const char* const here = static_cast<const char*>(__builtin_frame_address(0));
  const auto gap =
      run([&] { return std::abs(static_cast<const char*>(__builtin_frame_address(0)) - here); });
  CHECK(gap < 64 * 1024);
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 75: run() waits for the leftovers' clean-up") {
  std::vector<std::string> steps;
  run([&] {
    spawn([&] {
      const std::shared_ptr<void> last(nullptr, [&](void*) {
        await_sleep(5s);
        steps.push_back("cleaned up");
      });
      await_sleep(1h);
    }).detach();
    weft::yield();
    steps.push_back("main ends");
  });
  CHECK(steps == std::vector<std::string>{"main ends", "cleaned up"});
}

TEST_CASE_FIXTURE(on_virtual_time, "run: leftovers that wait for each other are all cancelled") {
  int cancellations = 0;
  run([&] {
    auto inner = std::make_shared<task<>>(spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        ++cancellations;
        throw;
      }
    }));
    for (int i = 0; i < 3; ++i) {
      spawn([&, inner] {
        try {
          inner->join();
        } catch (const cancelled&) {
          ++cancellations;
          throw;
        }
      }).detach();
    }
    weft::yield();
    weft::yield();
  });
  CHECK(cancellations == 4);
}

TEST_CASE_FIXTURE(on_virtual_time, "run: a task spawned while the loop closes is born cancelled") {
  bool has_run = false;
  bool was_cancelled = false;
  run([&] {
    spawn([&] {
      const std::shared_ptr<void> last(nullptr, [&](void*) {
        auto late = spawn([&, witness = counted()] { has_run = true; });
        late.join();  // waits in earnest: whoever unwinds is not cancelled again
        was_cancelled = late.was_cancelled();
      });
      await_sleep(1h);
    }).detach();
    weft::yield();
  });
  CHECK_FALSE(has_run);
  CHECK(was_cancelled);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "run: leftovers that keep spawning detached tasks come to an end") {
  int born = 0;
  const capture_reports reports;
  run([&] {
    struct breeder {
      int* count;
      void operator()() const {
        const std::shared_ptr<void> last(nullptr, [c = count](void*) {
          ++*c;
          spawn(breeder{c}).detach();
        });
        await_sleep(1h);
      }
    };
    spawn(breeder{&born}).detach();
    weft::yield();
  });
  CHECK(born == 1);
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 75: run() inside a running loop is a misuse, on main and in a task") {
  run([] {
    CHECK_THROWS_AS(weft::run([] {}), std::logic_error);
    spawn([] { CHECK_THROWS_AS(weft::run([] {}), std::logic_error); }).get();
    CHECK(spawn([] { return 5; }).get() == 5);  // and nothing is broken by it
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "runner: tasks wait between two runs and go on in the next") {
  weft::runner one(how());
  int steps = 0;
  task<int> t;
  one.run([&] {
    t = spawn([&] {
      ++steps;
      await_sleep(1s);
      ++steps;
      return 5;
    });
    weft::yield();
  });
  CHECK(steps == 1);
  CHECK_FALSE(t.done());
  CHECK(one.run([&] { return t.get(); }) == 5);
  CHECK(steps == 2);
}

TEST_CASE_FIXTURE(on_virtual_time, "runner: a fresh task of one run starts in the next") {
  weft::runner one(how());
  bool has_run = false;
  task<> t;
  one.run([&] { t = spawn([&] { has_run = true; }); });
  CHECK_FALSE(has_run);
  one.run([&] { t.join(); });
  CHECK(has_run);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "runner: close() cancels what is left; a second close() does nothing") {
  weft::runner one(how());
  task<> t;
  bool was_cancelled = false;
  one.run([&] {
    t = spawn([&, witness = counted()] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        was_cancelled = true;
        throw;
      }
    });
    weft::yield();
  });
  one.close();
  CHECK(was_cancelled);
  CHECK(t.was_cancelled());
  one.close();
  CHECK_THROWS_AS(one.run([] {}), std::logic_error);
}

TEST_CASE_FIXTURE(on_virtual_time, "runner: an exception of one main leaves the runner usable") {
  weft::runner one(how());
  CHECK_THROWS_AS(one.run([] { throw 5; }), int);
  CHECK(one.run([] { return 5; }) == 5);
  CHECK_FALSE(one.was_interrupted());
}

TEST_CASE_FIXTURE(no_leaks, "runner: on another thread than its own, or from inside, it refuses") {
  weft::runner one;
  std::thread([&] { CHECK_THROWS_AS(one.run([] {}), std::logic_error); }).join();
  one.run([&] {
    CHECK_THROWS_AS(one.run([] {}), std::logic_error);
    CHECK_THROWS_AS(one.close(), std::logic_error);
  });
  CHECK(one.run([] { return 1; }) == 1);
}

TEST_CASE_FIXTURE(no_leaks, "runner: two on one thread take turns") {
  weft::runner a;
  weft::runner b;
  task<int> of_a;
  a.run([&] { of_a = spawn([] { return 1; }); });
  CHECK(b.run([] { return spawn([] { return 2; }).get(); }) == 2);
  CHECK(a.run([&] { return of_a.get(); }) == 1);
}

TEST_CASE_FIXTURE(no_leaks, "run: several threads run loops of their own at the same time") {
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&sum, i] {
      sum += weft::run([i] {
        std::vector<task<int>> tasks;
        for (int k = 0; k < 50; ++k) {
          tasks.push_back(spawn([i, k] {
            weft::yield();
            return i * k;
          }));
        }
        int total = 0;
        for (auto& t : tasks) total += t.get();
        return total;
      });
    });
  }
  for (auto& one : threads) one.join();
  CHECK(sum == (0 + 1 + 2 + 3) * (49 * 50 / 2));
}

TEST_CASE_FIXTURE(no_leaks, "run: many times in a row on one thread") {
  for (int i = 0; i < 200; ++i) {
    REQUIRE(run([i] { return spawn([i] { return i; }).get(); }) == i);
  }
}

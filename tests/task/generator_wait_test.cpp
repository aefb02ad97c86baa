// SPDX-License-Identifier: BSL-1.0
// Generators in tasks: waits inside the body, several consumers, cancels, timeouts, loops that end.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::generator;
using weft::yielder;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

// A value each second.
generator<int> ticking(int last = 1000000) {
  return generator<int>([last](yielder<int>& out) {
    const counted kept;
    for (int i = 1; i <= last; ++i) {
      weft::await_sleep(1s);
      out(i);
    }
  });
}

const weft::detail::fiber& self() { return *weft::detail::running_loop()->current; }

}  // namespace

TEST_CASE_FIXTURE(
    on_virtual_time,
    "sem 95: a sleep inside a generator suspends the whole task, and goes on inside") {
  run([&] {
    int others = 0;
    auto other = weft::spawn([&] {
      for (int i = 0; i < 5; ++i) {
        weft::await_sleep(600ms);
        ++others;
      }
    });
    const auto start = weft::now();
    generator<int> slow = ticking(3);
    int sum = 0;
    for (int value : slow) sum += value;
    CHECK(sum == 6);
    CHECK(weft::now() - start == 3s);
    CHECK(others == 4);
    other.join();
  });
}

TEST_CASE_FIXTURE(
    on_virtual_time,
    "sem 95: the body runs as the task that calls next(): its fiber, its stack, its name") {
  run([&] {
    generator<std::string> who([](yielder<std::string>& out) {
      for (;;) {
        weft::yield();
        const char* const here = static_cast<const char*>(__builtin_frame_address(0));
        CHECK(here >= self().bound->limit);
        CHECK(here < self().bound->top);
        CHECK(weft::this_fiber::stack_left() > 0);
        out(std::string(weft::this_fiber::name()));
      }
    });
    const auto* const below = self().bound;
    CHECK(who.next());
    CHECK(who.value() == "main");
    CHECK(self().bound == below);
    weft::spawn({"second"}, [&] {
      const auto* const mine = self().bound;
      CHECK(who.next());
      CHECK(who.value() == "second");
      CHECK(self().bound == mine);
    }).join();
    CHECK(who.next());
    CHECK(who.value() == "main");
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "gen: made in one task, consumed in others, ended in a third") {
  run([&] {
    auto made = weft::spawn([] {
                  generator<int> one = ticking();
                  CHECK(one.next());
                  return one;
                }).get();
    weft::spawn([&] {
      CHECK(made.next());
      CHECK(made.value() == 2);
    }).join();
    weft::spawn([taken = std::move(made)]() mutable { CHECK(taken.next()); }).join();
    CHECK(counted::alive() == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 94: next() by another task while the body waits is misuse") {
  run([&] {
    generator<int> slow = ticking();
    auto first = weft::spawn([&] { return slow.next(); });
    weft::yield();
    CHECK_THROWS_AS(slow.next(), std::logic_error);
    CHECK_THROWS_AS(slow.close(), std::logic_error);
    CHECK(first.get());
    CHECK(slow.value() == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gen: a yielder that another task calls is misuse, and nothing is lost") {
  run([&] {
    generator<int> one([](yielder<int>& out) {
      auto stray = weft::spawn([&] { CHECK_THROWS_AS(out(8), std::logic_error); });
      stray.join();
      out(1);
    });
    CHECK(one.next());
    CHECK(one.value() == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "gen: a cancel of the task leaves through the body and next()") {
  run([&] {
    bool has_left = false;
    auto consumer = weft::spawn([&] {
      generator<int> slow = ticking();
      CHECK(slow.next());
      try {
        slow.next();
      } catch (const weft::cancelled&) {
        has_left = true;
        CHECK(slow.done());
        CHECK(counted::alive() == 0);
        throw;
      }
    });
    weft::await_sleep(1500ms);
    consumer.cancel();
    consumer.join();
    CHECK(has_left);
    CHECK(consumer.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "gen: a timeout around next() ends the body's wait") {
  run([&] {
    generator<int> slow = ticking();
    CHECK(slow.next());
    CHECK_THROWS_AS(weft::with_timeout(500ms, [&] { slow.next(); }), weft::timeout_error);
    CHECK(slow.done());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gen: a scope inside the body works as ever, if no yield is in it") {
  run([&] {
    generator<bool> tries([](yielder<bool>& out) {
      for (int i = 1; i <= 3; ++i) {
        out(weft::move_on_after(2s, [&] { weft::await_sleep(std::chrono::seconds(i)); }));
      }
    });
    std::vector<bool> in_time;
    weft::with_timeout(1min, [&] {
      for (bool one : tries) in_time.push_back(one);
    });
    CHECK(in_time[0]);
    CHECK_FALSE(in_time[2]);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gen: a yield inside a scope or group of the body is misuse, told at the yield") {
  run([&] {
    generator<int> wrong([](yielder<int>& out) {
      CHECK_THROWS_AS(weft::with_timeout(1s, [&] { out(1); }), std::logic_error);
      CHECK_THROWS_AS(weft::shielded([&] { out(1); }), std::logic_error);
      CHECK_THROWS(weft::with_task_group([&](weft::task_group&) { out(1); }));
      CHECK_THROWS_AS(weft::with_stack(1 << 20, [&] { out(1); }), std::logic_error);
      out(2);
    });
    CHECK(wrong.next());
    CHECK(wrong.value() == 2);
    CHECK_FALSE(wrong.next());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "gen: next() in another scope than before is as good") {
  run([&] {
    generator<int> slow = ticking();
    weft::with_timeout(10s, [&] { CHECK(slow.next()); });
    weft::cancel_scope scope;
    weft::with_scope(scope, [&] { CHECK(slow.next()); });
    CHECK(slow.next());
    CHECK(slow.value() == 3);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "H6: while an exception is in flight no cancel comes out of next()") {
  run([&] {
    auto consumer = weft::spawn([] {
      generator<int> slow = ticking();
      struct last {
        generator<int>& from;
        ~last() {
          CHECK(from.next());  // waits, and completes
          CHECK(from.value() == 1);
        }
      } at_end{slow};
      weft::await_sleep(1h);
    });
    weft::yield();
    const auto start = weft::now();
    consumer.cancel();
    consumer.join();
    CHECK(consumer.was_cancelled());
    CHECK(weft::now() - start == 1s);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gen: destructors of a body that ends early may wait, also in a cancelled task") {
  run([&] {
    int cleaned = 0;
    struct slow_end {
      int& cleaned;
      ~slow_end() {
        weft::await_sleep(1s);
        ++cleaned;
      }
    };
    const auto use = [&] {
      generator<int> one([&](yielder<int>& out) {
        const slow_end end{cleaned};
        for (;;) out(1);
      });
      CHECK(one.next());
      weft::await_sleep(1h);
    };
    auto consumer = weft::spawn(use);
    weft::yield();
    consumer.cancel();
    consumer.join();
    CHECK(cleaned == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gen: exceptions under way stay with their side over a wait in the body") {
  run([&] {
    generator<int> inside([](yielder<int>& out) {
      try {
        throw std::runtime_error("body's");
      } catch (...) {
        weft::await_sleep(1s);
        out(1);
        weft::await_sleep(1s);
        throw;
      }
    });
    CHECK(inside.next());
    try {
      throw std::logic_error("caller's");
    } catch (...) {
      CHECK_THROWS_WITH_AS(inside.next(), "body's", std::runtime_error);
      CHECK_THROWS_WITH_AS(throw, "caller's", std::logic_error);
    }
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gen: a generator outlives its loop, and goes on in the next or in none") {
  std::unique_ptr<generator<int>> kept;
  run([&] {
    kept = std::make_unique<generator<int>>([](yielder<int>& out) {
      const counted alive;
      for (int i = 0;; ++i) {
        weft::yield();
        out(i);
      }
    });
    CHECK(kept->next());
  });
  CHECK(kept->next());
  run([&] { CHECK(weft::spawn([&] { return kept->next(); }).get()); });
  CHECK(kept->value() == 2);
  kept.reset();
}

TEST_CASE_FIXTURE(no_leaks, "gen: a yield out of a run() inside the body is misuse") {
  generator<int> one([&](yielder<int>& out) {
    CHECK_THROWS_AS(run([&] { out(1); }), std::logic_error);
    out(2);
  });
  CHECK(one.next());
  CHECK(one.value() == 2);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gen: where each yield inside the body is a look at the clock, all is the same") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    run_seeded(seed, [] {
      std::vector<int> sums(3);
      const auto consume = [&sums](std::size_t at) {
        return [&sums, at] {
          generator<int> slow = ticking(4);
          for (int value : slow) sums[at] += value;
        };
      };
      weft::gather(consume(0), consume(1), consume(2));
      CHECK(sums == std::vector<int>{10, 10, 10});
    });
  }
}

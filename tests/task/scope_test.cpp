// SPDX-License-Identifier: BSL-1.0
// Cancel scopes: which level takes a `cancelled`, what is thrown again, and what is left alone.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "task/on_every_seed.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/future.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancel_scope;
using weft::cancelled;
using weft::spawn;
using weft::with_scope;
using weft_tests::on_every_seed;
using weft_tests::on_virtual_time;

namespace {

// How often a wait in here throws, up to `tries`.
int throws_in(int tries) {
  int thrown = 0;
  for (int i = 0; i < tries; ++i) {
    try {
      weft::yield();
    } catch (const cancelled&) {
      ++thrown;
    }
  }
  return thrown;
}

}  // namespace

TEST_CASE_FIXTURE(on_every_seed, "scope: a body that ends is told apart from one that was left") {
  run([] {
    cancel_scope ended;
    CHECK(with_scope(ended, [] { await_sleep(1ms); }));
    CHECK_FALSE(ended.cancel_called());
    cancel_scope left;
    auto canceller = spawn([&] { left.cancel("enough"); });
    CHECK_FALSE(with_scope(left, [] { await_sleep(1h); }));
    CHECK(left.cancel_called());
    CHECK_FALSE(left.expired());
    canceller.join();
    cancel_scope with_value;
    CHECK(with_scope(with_value, [] { return 7; }) == 7);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 5: every further wait in a cancelled scope throws again") {
  run([] {
    cancel_scope scope;
    int thrown = 0;
    CHECK(with_scope(scope, [&] {
      scope.cancel();
      thrown = throws_in(5);
    }));
    CHECK(thrown == 5);
    CHECK(throws_in(3) == 0);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 7: a second cancel of a scope changes nothing") {
  run([] {
    cancel_scope scope;
    std::string reason;
    with_scope(scope, [&] {
      scope.cancel("first");
      scope.cancel("second");
      try {
        await_sleep(1h);
      } catch (const cancelled& thrown) {
        reason = thrown.reason();
        throw;
      }
    });
    CHECK(reason == "first");
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 8: a scope cancelled from inside throws at the next wait") {
  run([] {
    cancel_scope scope;
    bool went_on = false;
    CHECK_FALSE(with_scope(scope, [&] {
      scope.cancel();
      went_on = true;
      weft::checkpoint();
      went_on = false;
    }));
    CHECK(went_on);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "scope: one cancelled before it was entered throws at the first wait") {
  run([] {
    cancel_scope scope;
    scope.cancel("early");
    CHECK(scope.cancel_called());
    std::string reason;
    CHECK_FALSE(with_scope(scope, [&] {
      try {
        weft::yield();
      } catch (const cancelled& thrown) {
        reason = thrown.reason();
        throw;
      }
    }));
    CHECK(reason == "early");
  });
}

TEST_CASE_FIXTURE(on_every_seed, "scope: an inner scope lets a cancel of the outer one pass") {
  run([] {
    cancel_scope outer;
    cancel_scope inner;
    bool inner_returned = false;
    auto canceller = spawn([&] { outer.cancel(); });
    CHECK_FALSE(with_scope(outer, [&] {
      with_scope(inner, [] { await_sleep(1h); });
      inner_returned = true;
    }));
    CHECK_FALSE(inner_returned);
    CHECK_FALSE(inner.cancel_called());
    canceller.join();
  });
}

TEST_CASE_FIXTURE(on_every_seed, "scope: a cancelled inner scope leaves the outer one alone") {
  run([] {
    cancel_scope outer;
    CHECK(with_scope(outer, [] {
      cancel_scope inner;
      CHECK_FALSE(with_scope(inner, [&] {
        inner.cancel();
        weft::yield();
      }));
      weft::yield();
    }));
  });
}

TEST_CASE_FIXTURE(on_every_seed, "scope: both cancelled: only the outer one takes it") {
  run([] {
    cancel_scope outer;
    cancel_scope inner;
    bool inner_returned = false;
    CHECK_FALSE(with_scope(outer, [&] {
      with_scope(inner, [&] {
        inner.cancel();
        outer.cancel();
        weft::yield();
      });
      inner_returned = true;
    }));
    CHECK_FALSE(inner_returned);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 16: a cancel of the task passes every scope that is cancelled, too") {
  run([] {
    auto t = spawn([] {
      cancel_scope scope;
      with_scope(scope, [&] {
        scope.cancel();
        await_sleep(1h);
      });
    });
    t.cancel("from outside");
    t.join();
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 3: a wait that had completed keeps its result in a scope, too") {
  run([] {
    cancel_scope scope;
    weft::promise<int> value;
    auto giver = spawn([&, done = value.get_future()]() mutable {
      int got = 0;
      CHECK_FALSE(with_scope(scope, [&] {
        got = done.get();
        weft::checkpoint();
      }));
      CHECK(got == 5);
    });
    weft::testing::wait_all_blocked();
    value.set_value(5);
    scope.cancel();
    giver.get();
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 9: a wait made while unwinding completes, then it throws") {
  run([] {
    struct waiter {
      bool* completed;
      ~waiter() {
        await_sleep(1ms);
        *completed = true;
      }
    };
    cancel_scope scope;
    bool completed = false;
    CHECK_FALSE(with_scope(scope, [&] {
      scope.cancel();
      const waiter last{&completed};
      weft::yield();
    }));
    CHECK(completed);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 9: a scope entered while unwinding is obeyed there") {
  run([] {
    struct cleaner {
      bool* was_late;
      ~cleaner() { *was_late = !weft::move_on_after(1ms, [] { await_sleep(1h); }); }
    };
    bool was_late = false;
    const auto start = weft::now();
    try {
      const cleaner last{&was_late};
      throw std::runtime_error("on the way out");
    } catch (const std::runtime_error&) {
    }
    CHECK(was_late);
    CHECK(weft::now() - start == 1ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "scope: another exception passes through a cancelled scope") {
  run([] {
    cancel_scope scope;
    CHECK_THROWS_AS(with_scope(scope,
                               [&] {
                                 scope.cancel();
                                 try {
                                   weft::yield();
                                 } catch (const cancelled&) {
                                   throw std::runtime_error("instead");
                                 }
                               }),
                    std::runtime_error);
    weft::yield();
  });
}

TEST_CASE_FIXTURE(on_every_seed, "scope: a deadline may be set, moved and taken away meanwhile") {
  run([] {
    const auto start = weft::now();
    cancel_scope moved(start + 1ms);
    CHECK_FALSE(with_scope(moved, [&] {
      moved.set_deadline(start + 5ms);
      await_sleep(1h);
    }));
    CHECK(weft::now() == start + 5ms);
    CHECK(moved.expired());
    cancel_scope withdrawn(weft::now() + 1ms);
    CHECK(with_scope(withdrawn, [&] {
      withdrawn.set_deadline(weft::time_point::max());
      await_sleep(1h);
    }));
    CHECK_FALSE(withdrawn.expired());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "effective_deadline: the earliest that no shield hides") {
  run([] {
    const auto start = weft::now();
    CHECK(weft::effective_deadline() == weft::time_point::max());
    weft::with_timeout(1h, [&] {
      CHECK(weft::effective_deadline() == start + 1h);
      weft::with_timeout(2h, [&] { CHECK(weft::effective_deadline() == start + 1h); });
      weft::with_timeout(1min, [&] { CHECK(weft::effective_deadline() == start + 1min); });
      weft::shielded([] { CHECK(weft::effective_deadline() == weft::time_point::max()); });
      weft::shielded(3min, [&] { CHECK(weft::effective_deadline() == start + 3min); });
    });
    cancel_scope scope;
    with_scope(scope, [&] {
      scope.cancel();
      CHECK(weft::effective_deadline() == weft::time_point::min());
    });
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "scope: misuse is told with what to do") {
  cancel_scope outside;
  CHECK_THROWS_WITH_AS(with_scope(outside, [] {}), doctest::Contains("needs a running loop"),
                       std::logic_error);
  run([] {
    cancel_scope scope;
    with_scope(scope, [] {});
    CHECK_THROWS_WITH_AS(with_scope(scope, [] {}), doctest::Contains("a second time"),
                         std::logic_error);
    scope.cancel();  // after its end: nothing to cancel, and no harm
    weft::yield();
  });
}

TEST_CASE_FIXTURE(weft_tests::no_leaks, "scope: another thread may cancel it, early, meanwhile or late") {
  run([] {
    for (int round = 0; round < 200; ++round) {
      cancel_scope scope;
      std::thread other([&] { scope.cancel("from a thread"); });
      std::string reason;
      CHECK_FALSE(with_scope(scope, [&] {
        try {
          await_sleep(1h);
        } catch (const cancelled& thrown) {
          reason = thrown.reason();
          throw;
        }
      }));
      CHECK(reason == "from a thread");
      other.join();
    }
    for (int round = 0; round < 200; ++round) {
      cancel_scope scope;
      std::thread other([&] { scope.cancel(); });
      with_scope(scope, [] { weft::yield(); });
      other.join();  // the message may arrive after the region: it finds nobody
    }
  });
}

TEST_CASE_FIXTURE(weft_tests::no_leaks,
                  "scope: what another thread sent is read before the scope is gone") {
  run([] {
    // Its place keeps a pattern afterwards: whoever still writes to the scope leaves a trace.
    alignas(cancel_scope) unsigned char place[sizeof(cancel_scope)];
    auto* const scope = new (place) cancel_scope;
    CHECK(with_scope(*scope, [&] {
      std::thread other([&] { scope->cancel(); });
      other.join();  // its message is under way; this fiber has let nobody read it
    }));
    scope->~cancel_scope();
    std::fill(std::begin(place), std::end(place), static_cast<unsigned char>(0xa5));
    await_sleep(1ms);
    CHECK(std::count(std::begin(place), std::end(place), 0xa5) == sizeof place);
  });
}

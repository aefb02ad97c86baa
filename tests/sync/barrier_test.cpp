// SPDX-License-Identifier: BSL-1.0
// Barriers between the fibers of one loop: rounds, what breaks them, cancellation, deadlines.
#include "weft/barrier.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "sync/kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::broken_barrier;
using weft::spawn;
using weft_tests::any_thread;
using weft_tests::on_virtual_time;
using weft_tests::one_loop;

namespace {

using nothing = weft::detail::no_completion;

// A task that arrives and waits, and tells whether the barrier broke.
template <class Barrier>
weft::task<bool> party(Barrier& meet) {
  return spawn([&meet] {
    try {
      meet.arrive_and_wait();
      return true;
    } catch (const broken_barrier&) {
      return false;
    }
  });
}

}  // namespace

TEST_CASE_TEMPLATE("sem 55: nobody goes on before all are there, and each has its own number", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template barrier<nothing> meet(4);
    for (int round = 0; round < 3; ++round) {
      int arrived = 0;
      std::vector<std::size_t> numbers;
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 4; ++i) {
        tasks.push_back(spawn([&, i] {
          await_sleep(i * 1s);
          ++arrived;
          const std::size_t number = meet.arrive_and_wait();
          CHECK(arrived == 4);
          CHECK(number == static_cast<std::size_t>(i));
          numbers.push_back(number);
        }));
      }
      for (auto& t : tasks) t.get();
      std::sort(numbers.begin(), numbers.end());
      CHECK(numbers == std::vector<std::size_t>{0, 1, 2, 3});
      CHECK(meet.waiting() == 0);
    }
  });
}

TEST_CASE_TEMPLATE("sem 55: who comes back early waits until the round before has drained", Kind,
                   any_thread, one_loop) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      typename Kind::template barrier<nothing> meet(3);
      int left = 0;
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 7; ++i) {  // more than two rounds' worth, and each comes again
        tasks.push_back(spawn([&] {
          try {
            for (;;) {
              meet.arrive_and_wait();
              CHECK(meet.waiting() == 0);  // while we leave, none of the next round has arrived
              if (++left == 30) meet.abort();
            }
          } catch (const broken_barrier&) {
          }
        }));
      }
      for (auto& t : tasks) t.get();
      CHECK(left >= 30);
    });
  }
}

TEST_CASE_TEMPLATE("barrier: the completion runs once a round, by the last, before all others",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    int completed = 0;
    int arrived = 0;
    auto count = [&] {
      CHECK(arrived % 3 == 0);
      await_sleep(1s);  // it may wait
      ++completed;
    };
    typename Kind::template barrier<decltype(count)> meet(3, count);
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&] {
        for (int round = 1; round <= 3; ++round) {
          ++arrived;
          meet.arrive_and_wait();
          CHECK(completed == round);
        }
      }));
    }
    for (auto& t : tasks) t.get();
    CHECK(completed == 3);
  });
}

TEST_CASE_TEMPLATE("barrier: a completion that throws breaks it, and the last one gets the error",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    const auto fail = [] { throw std::runtime_error("no luck"); };
    typename Kind::template barrier<decltype(fail)> meet(2, fail);
    auto waits = party(meet);
    weft::yield();
    CHECK_THROWS_WITH_AS(meet.arrive_and_wait(), "no luck", std::runtime_error);
    CHECK_FALSE(waits.get());
    CHECK(meet.is_broken());
  });
}

TEST_CASE_TEMPLATE("barrier: arrive now and wait later; drop out of the rounds to come", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template barrier<nothing> meet(3);
    auto early = meet.arrive();
    CHECK(meet.waiting() == 1);
    auto waits = party(meet);
    weft::yield();
    meet.arrive_and_drop();
    meet.wait(std::move(early));  // over already: the last one came
    CHECK(waits.get());
    CHECK(meet.parties() == 2);
    auto first = meet.arrive();
    auto second = spawn([&, own = std::move(first)]() mutable { meet.wait(std::move(own)); });
    weft::yield();
    CHECK_FALSE(second.done());
    CHECK(meet.arrive_and_wait() == 1);
    second.get();
    static_cast<void>(meet.arrive(2));
    CHECK_THROWS_AS(static_cast<void>(meet.arrive(3)), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(meet.arrive(0)), std::logic_error);
    CHECK_THROWS_AS((typename Kind::template barrier<nothing>(0)), std::logic_error);
  });
}

TEST_CASE_TEMPLATE("sem 55: abort breaks it for all, until a reset", Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template barrier<nothing> meet(3);
    auto a = party(meet);
    auto b = party(meet);
    weft::yield();
    meet.abort();
    CHECK_FALSE(a.get());
    CHECK_FALSE(b.get());
    CHECK(meet.is_broken());
    CHECK_THROWS_AS(meet.arrive_and_wait(), broken_barrier);
    CHECK_THROWS_AS(static_cast<void>(meet.arrive()), broken_barrier);
    meet.reset();
    CHECK_FALSE(meet.is_broken());
    auto c = party(meet);
    auto d = party(meet);
    CHECK(meet.arrive_and_wait_for(1s).has_value());
    CHECK(c.get());
    CHECK(d.get());
  });
}

TEST_CASE_TEMPLATE("barrier: reset throws out who waits, and the next round is whole", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template barrier<nothing> meet(2);
    auto a = party(meet);
    weft::yield();
    meet.reset();
    auto b = party(meet);
    CHECK_FALSE(a.get());
    await_sleep(1s);
    CHECK_FALSE(b.done());
    CHECK(meet.waiting() == 1);
    CHECK(meet.arrive_and_wait() == 1);
    CHECK(b.get());
    auto token = meet.arrive();
    meet.reset();
    CHECK_THROWS_AS(meet.wait(std::move(token)), broken_barrier);
  });
}

TEST_CASE_TEMPLATE("barrier: aborted or reset while its completion runs, nobody passes", Kind,
                   any_thread, one_loop) {
  for (const bool resets : {false, true}) {
    on_virtual_time().run([&] {
      const auto slow = [] { await_sleep(2s); };
      typename Kind::template barrier<decltype(slow)> meet(2, slow);
      auto a = party(meet);
      auto b = party(meet);
      await_sleep(1s);
      auto late = party(meet);
      if (resets) {
        meet.reset();
      } else {
        weft::yield();
        meet.abort();
      }
      CHECK_FALSE(a.get());
      CHECK_FALSE(b.get());
      CHECK(meet.is_broken() == !resets);
      if (resets) CHECK(meet.arrive_and_wait() == 1);
      CHECK(late.get() == resets);
    });
  }
}

TEST_CASE_TEMPLATE("barrier: cancelled before the last came, an arrival is taken back", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template barrier<nothing> meet(2);
    auto a = party(meet);
    weft::yield();
    a.cancel();
    a.join();
    CHECK(a.was_cancelled());
    CHECK(meet.waiting() == 0);
    CHECK_FALSE(meet.is_broken());
    CHECK_FALSE(meet.arrive_and_wait_for(1s).has_value());
    CHECK(meet.waiting() == 0);
    auto b = party(meet);
    CHECK(meet.arrive_and_wait() <= 1);
    CHECK(b.get());
  });
}

TEST_CASE_TEMPLATE("barrier: cancelled after the last came, it has passed", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::template barrier<nothing> meet(2);
    bool has_passed = false;
    auto a = spawn([&] {
      meet.arrive_and_wait();
      has_passed = true;
      weft::yield();
    });
    weft::yield();
    CHECK(meet.arrive_and_wait() == 1);
    a.cancel();
    a.join();
    CHECK(has_passed);
    CHECK(a.was_cancelled());
    CHECK(meet.waiting() == 0);
  });
}

TEST_CASE_TEMPLATE("barrier: an arrival whose cancel is under way counts for the round that it had",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template barrier<nothing> meet(2);
    auto a = party(meet);
    weft::yield();
    a.cancel();
    CHECK(meet.arrive_and_wait() == 1);  // as asyncio: it stood there
    static_cast<void>(meet.arrive());
    CHECK(meet.waiting() == 1);
    a.join();
    CHECK(a.was_cancelled());
    CHECK(meet.waiting() == 1);  // it takes nothing back from the next round
    meet.reset();
  });
}

TEST_CASE_TEMPLATE("sem 48: the last to arrive neither waits nor throws", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::template barrier<nothing> meet(1);
    bool other_ran = false;
    auto other = spawn([&] { other_ran = true; });
    bool has_passed = false;
    weft::cancel_scope scope;
    weft::with_scope(scope, [&] {
      scope.cancel();
      CHECK(meet.arrive_and_wait() == 0);
      CHECK(meet.arrive_and_wait_until(weft::time_point::min()) == std::size_t{0});
      CHECK_FALSE(other_ran);
      has_passed = true;
    });
    CHECK(has_passed);
    other.get();
  });
}

TEST_CASE_TEMPLATE("barrier: deadlines, and the last arrival at the same instant", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::template barrier<nothing> meet(2);
    const auto start = weft::now();
    CHECK_FALSE(meet.arrive_and_wait_for(0s).has_value());
    CHECK_FALSE(meet.arrive_and_wait_for(-1h).has_value());
    CHECK_FALSE(meet.arrive_and_wait_until(weft::time_point::min()).has_value());
    CHECK(weft::now() == start);
    auto later = spawn([&] {
      await_sleep(1s);
      meet.arrive_and_wait();
    });
    CHECK(meet.arrive_and_wait_for(weft::duration::max()) == std::size_t{0});
    CHECK(weft::now() == start + 1s);
  });
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      typename Kind::template barrier<nothing> meet(3);
      std::vector<weft::task<bool>> tasks;
      for (int i = 0; i < 3; ++i) {
        tasks.push_back(spawn([&, i] {
          if (i == 2) await_sleep(1s);
          return meet.arrive_and_wait_for(i == 2 ? 2s : 1s).has_value();
        }));
      }
      int passed = 0;
      for (auto& t : tasks) passed += t.get() ? 1 : 0;
      CHECK(meet.waiting() == 0);
      CHECK(passed <= 3);
      static_cast<void>(meet.arrive(2));  // whatever it was, the next round is whole
      CHECK(meet.arrive_and_wait() == 2);
    });
  }
}

TEST_CASE("barrier: to destroy one that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto meet = std::make_unique<weft::barrier<>>(2);
      auto waits = spawn([&] { meet->arrive_and_wait(); });
      weft::yield();
      meet.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on it any more"));
}

TEST_CASE("barrier: its kind is deduced") {
  on_virtual_time().run([] {
    int completed = 0;
    weft::barrier plain(1);
    weft::barrier counts(1, [&] { ++completed; });
    plain.arrive_and_wait();
    counts.arrive_and_wait();
    CHECK(completed == 1);
  });
}

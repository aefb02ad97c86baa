// SPDX-License-Identifier: BSL-1.0
// Task groups: who is waited for, who is cancelled, and what start() hands over.
#include <chrono>
#include <memory>
#include <stdexcept>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "task/on_every_seed.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::exception_group;
using weft::spawn;
using weft::task_group;
using weft::task_status;
using weft::with_task_group;
using weft_tests::counted;
using weft_tests::on_every_seed;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_every_seed, "task group: the block ends after its last child, with the body's result") {
  run([] {
    int ended = 0;
    const auto start = weft::now();
    const int result = with_task_group([&](task_group& group) {
      for (int i = 1; i <= 3; ++i) {
        group.spawn([&ended, i] {
          await_sleep(i * 1ms);
          ++ended;
        });
      }
      CHECK(group.size() == 3);
      return 7;
    });
    CHECK(result == 7);
    CHECK(ended == 3);
    CHECK(weft::now() - start == 3ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "task group: empty, of references, of move-only results") {
  run([] {
    with_task_group([](task_group&) {});
    int there = 0;
    int& same = with_task_group([&](task_group&) -> int& { return there; });
    CHECK(&same == &there);
    const auto moved =
        with_task_group([](task_group&) { return std::make_unique<int>(4); });
    CHECK(*moved == 4);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 24: the exit waits for all children, also when the body threw") {
  run([] {
    bool was_cleaned_up = false;
    CHECK_THROWS_AS(with_task_group([&](task_group& group) {
                      group.spawn([&] {
                        try {
                          await_sleep(1h);
                        } catch (const cancelled&) {
                          weft::shielded([] { await_sleep(3ms); });
                          was_cleaned_up = true;
                          throw;
                        }
                      });
                      weft::testing::wait_all_blocked();
                      throw std::runtime_error("body");
                    }),
                    exception_group);
    CHECK(was_cleaned_up);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 25: the first failure cancels the siblings and interrupts the body") {
  run([] {
    const auto start = weft::now();
    bool sibling_was_cancelled = false;
    bool body_was_cancelled = false;
    CHECK_THROWS_AS(with_task_group([&](task_group& group) {
                      group.spawn([&] {
                        try {
                          await_sleep(1h);
                        } catch (const cancelled&) {
                          sibling_was_cancelled = true;
                          throw;
                        }
                      });
                      group.spawn([] {
                        await_sleep(1ms);
                        throw std::runtime_error("first");
                      });
                      try {
                        await_sleep(2h);
                      } catch (const cancelled&) {
                        body_was_cancelled = true;
                        throw;
                      }
                    }),
                    exception_group);
    CHECK(sibling_was_cancelled);
    CHECK(body_was_cancelled);
    CHECK(weft::now() - start == 1ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 29: no child for a joined group; in a cancelled one it never runs") {
  run([] {
    with_task_group([](task_group& group) {
      group.spawn([] { await_sleep(1ms); });
      group.join();
      CHECK(group.size() == 0);
      group.join();  // a second time: nothing to do
      CHECK_THROWS_WITH_AS(group.spawn([] {}), doctest::Contains("joined already"),
                           std::logic_error);
    });
    bool ran = false;
    weft::task_ref<> late;
    with_task_group([&](task_group& group) {
      group.cancel();
      late = group.spawn([&, witness = counted()] { ran = true; });
    });
    CHECK_FALSE(ran);
    CHECK(late.was_cancelled());
    CHECK_THROWS_AS(late.get(), weft::task_cancelled);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 29: a child that cleans up after a cancel starts no sibling") {
  run([] {
    bool cleaned_up = false;
    bool ran = false;
    with_task_group([&](task_group& group) {
      group.spawn([&] {
        try {
          await_sleep(1h);
        } catch (const cancelled&) {
          weft::shielded([&] {
            group.spawn([&] { ran = true; });
            await_sleep(1ms);
          });
          cleaned_up = true;
          throw;
        }
      });
      weft::testing::wait_all_blocked();
      group.cancel();
    });
    CHECK(cleaned_up);
    CHECK_FALSE(ran);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 31: cancel() makes the block end without an exception") {
  run([] {
    const auto start = weft::now();
    bool body_ended = false;
    with_task_group([&](task_group& group) {
      group.spawn([] { await_sleep(1h); });
      group.cancel("enough");
      group.cancel("again");
      CHECK(group.cancel_called());
      await_sleep(1h);
      body_ended = true;
    });
    CHECK_FALSE(body_ended);
    CHECK(weft::now() == start);
    CHECK_THROWS_WITH_AS(with_task_group([](task_group& group) {
                           group.cancel();
                           weft::yield();
                           return 1;
                         }),
                         doctest::Contains("before its body returned"), weft::task_cancelled);
    CHECK(with_task_group([](task_group& group) {
            group.cancel();
            return 2;
          }) == 2);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 34: start() waits for started(value) and hands it over") {
  run([] {
    const auto start = weft::now();
    bool served = false;
    with_task_group([&](task_group& group) {
      const int port = group.start([&](task_status<int>& status) {
        await_sleep(1ms);
        status.started(8080);
        await_sleep(5ms);
        served = true;
      });
      CHECK(port == 8080);
      CHECK(weft::now() - start == 1ms);
      CHECK(group.size() == 1);
      group.start([](task_status<>& status) { status.started(); });
      auto moved = group.start(
          [](task_status<std::unique_ptr<int>>& status) { status.started(new int(3)); });
      CHECK(*moved == 3);
    });
    CHECK(served);
    CHECK(weft::now() - start == 6ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 34: a child that dies before started() gives start() its error") {
  run([] {
    weft_tests::capture_reports reports;
    with_task_group([](task_group& group) {
      CHECK_THROWS_WITH_AS(group.start([](task_status<>&) {
        await_sleep(1ms);
        throw std::runtime_error("no port");
      }),
                           "no port", std::runtime_error);
      CHECK_THROWS_WITH_AS(group.start([](task_status<>&) {}),
                           doctest::Contains("without a call of started()"), std::logic_error);
      CHECK_FALSE(group.cancel_called());
    });
    CHECK(reports.texts().empty());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 34: a start() that is cancelled cancels its child and waits for it") {
  run([] {
    const auto start = weft::now();
    bool child_ended = false;
    CHECK_FALSE(weft::move_on_after(1ms, [&] {
      with_task_group([&](task_group& group) {
        group.start([&](task_status<>&) {
          struct mark {
            bool* to;
            ~mark() { *to = true; }
          } last{&child_ended};
          await_sleep(1h);
        });
      });
    }));
    CHECK(child_ended);
    CHECK(weft::now() - start == 1ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "task group: a child that somebody cancelled is no error") {
  run([] {
    with_task_group([](task_group& group) {
      auto child = group.spawn([] { await_sleep(1h); });
      auto sibling = group.spawn([] { await_sleep(1ms); });
      child.cancel("not needed");
      sibling.get();
      CHECK_FALSE(group.cancel_called());
    });
  });
}

TEST_CASE_FIXTURE(on_every_seed, "task group: a reference gives the result, also after the group") {
  run([] {
    weft::task_ref<int> answer;
    with_task_group([&](task_group& group) {
      answer = group.spawn([] {
        await_sleep(1ms);
        return 42;
      });
      auto two = group.spawn({"adder"}, [](int a, int b) { return a + b; }, 1, 1);
      CHECK(two.name() == "adder");
      CHECK(two.get() == 2);
    });
    CHECK(answer.done());
    CHECK(answer.get() == 42);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "task group: a child may spawn siblings until the last has ended") {
  run([] {
    int ran = 0;
    with_task_group([&](task_group& group) {
      group.spawn([&] {
        await_sleep(1ms);
        group.spawn([&] {
          await_sleep(1ms);
          group.spawn([&] { ++ran; });
          ++ran;
        });
        ++ran;
      });
    });
    CHECK(ran == 3);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "effective_deadline: a child sees what lies around its group") {
  run([] {
    const auto start = weft::now();
    weft::with_timeout(1h, [&] {
      with_task_group([&](task_group& group) {
        group.spawn([&] {
          CHECK(weft::effective_deadline() == start + 1h);
          weft::with_timeout(1min, [&] { CHECK(weft::effective_deadline() < start + 1h); });
        });
      });
      spawn([] { CHECK(weft::effective_deadline() == weft::time_point::max()); }).get();
    });
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "task group: misuse is told") {
  CHECK_THROWS_WITH_AS(with_task_group([](task_group&) {}),
                       doctest::Contains("needs a running loop"), std::logic_error);
  run([] {
    with_task_group([](task_group& group) {
      group.spawn([&] {
        CHECK_THROWS_WITH_AS(group.join(), doctest::Contains("only its body may join it"),
                             std::logic_error);
      });
      group.start([](task_status<>& status) {
        status.started();
        CHECK_THROWS_WITH_AS(status.started(), doctest::Contains("twice"), std::logic_error);
      });
    });
  });
}

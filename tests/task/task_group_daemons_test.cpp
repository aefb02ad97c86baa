// SPDX-License-Identifier: BSL-1.0
// Children of a task group that end with the others: daemons.
#include <chrono>

#include <doctest/doctest.h>

#include "task/on_every_seed.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::spawn;
using weft::task_group;
using weft::with_task_group;
using weft_tests::on_every_seed;

namespace {

// A daemon that takes a millisecond to clean up when its group ends.
void spawn_daemon(task_group& group, bool& was_cleaned_up) {
  weft::spawn_options how;
  how.daemon = true;
  group.spawn(how, [&] {
    try {
      await_sleep(1h);
    } catch (const cancelled&) {
      weft::shielded([] { await_sleep(1ms); });
      was_cleaned_up = true;
      throw;
    }
  });
}

}  // namespace

TEST_CASE_FIXTURE(on_every_seed,
                  "sem 33: daemons end with the last ordinary child, and are waited for") {
  run([] {
    const auto start = weft::now();
    bool daemon_was_cleaned_up = false;
    with_task_group([&](task_group& group) {
      spawn_daemon(group, daemon_was_cleaned_up);
      group.spawn([] { await_sleep(5ms); });
    });
    CHECK(daemon_was_cleaned_up);
    CHECK(weft::now() - start == 6ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed,
                  "sem 33: the exit waits for daemons without an ordinary child, too") {
  run([] {
    const auto start = weft::now();
    bool was_cleaned_up = false;
    with_task_group([&](task_group& group) {
      spawn_daemon(group, was_cleaned_up);
      weft::testing::wait_all_blocked();
    });
    CHECK(was_cleaned_up);
    CHECK(weft::now() - start == 1ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 33: while the body runs, daemons do") {
  run([] {
    int beats = 0;
    with_task_group([&](task_group& group) {
      weft::spawn_options daemon;
      daemon.daemon = true;
      group.spawn(daemon, [&] {
        for (;;) {
          await_sleep(1ms);
          ++beats;
        }
      });
      await_sleep(10ms + 500us);
    });
    CHECK(beats == 10);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 33: daemons go on when children end before the body") {
  run([] {
    int beats = 0;
    with_task_group([&](task_group& group) {
      weft::spawn_options daemon;
      daemon.daemon = true;
      group.spawn(daemon, [&] {
        for (;;) {
          await_sleep(1ms);
          ++beats;
        }
      });
      group.spawn([] { await_sleep(2ms); });
      await_sleep(10ms + 500us);
    });
    CHECK(beats == 10);
  });
}

// SPDX-License-Identifier: BSL-1.0
// debug::snapshot: the figures of a loop are those of what it holds and did.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/debug.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft::debug::metrics;
using weft::debug::snapshot;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_virtual_time, "snapshot: main alone") {
  run([] {
    const metrics now = snapshot();
    CHECK(now.live == 1);
    CHECK(now.running == 1);
    CHECK(now.ready == 0);
    CHECK(now.parked == 0);
    CHECK(now.waits.empty());
    CHECK(now.spawned == 0);
    CHECK(now.ended == 0);
    CHECK(now.timers == 0);
    CHECK(now.next_deadline == weft::time_point::max());
    CHECK(now.stacks_in_use == 2);  // the loop's own
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "snapshot: fibers by state and wait, timers, stacks") {
  run([] {
    std::vector<weft::task<void>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn([i] { await_sleep(1h + i * 1min); }));
    tasks.push_back(spawn([&] { tasks[0].join(); }));
    auto ended = spawn([] {});
    await_sleep(1s);
    auto fresh = spawn([] {});
    const metrics now = snapshot();
    CHECK(now.live == 6);
    CHECK(now.running == 1);
    CHECK(now.ready == 1);
    CHECK(now.parked == 4);
    CHECK(now.starved == 0);
    REQUIRE(now.waits.size() == 2);
    CHECK(now.waits[0].kind == "sleep");
    CHECK(now.waits[0].fibers == 3);
    CHECK(now.waits[1].kind == "join");
    CHECK(now.waits[1].fibers == 1);
    CHECK(now.spawned == 6);
    CHECK(now.ended == 1);
    CHECK(now.handles == 1);
    CHECK(now.timers == 3);
    CHECK(now.next_deadline == weft::now() - 1s + 1h);
    CHECK(now.stacks_in_use == 2 + 4);
    CHECK(now.stacks_cached >= 1);
    CHECK(now.stack_bytes_reserved >= 6 * WEFT_DEFAULT_STACK_BYTES);
    CHECK(now.records >= 6);
    ended.join();
    fresh.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "snapshot: what counts since the loop was made goes up") {
  run([] {
    const metrics before = snapshot();
    for (int i = 0; i < 200; ++i) weft::yield();
    await_sleep(1ms);
    const metrics after = snapshot();
    CHECK(after.switches >= before.switches + 200);
    CHECK(after.turns > before.turns);
    CHECK(after.swallowed == 0);
    auto swallows = spawn([] {
      for (int i = 0; i < 2; ++i) {
        try {
          await_sleep(1h);
        } catch (const weft::cancelled&) {
        }
      }
    });
    weft::yield();
    swallows.cancel();
    swallows.join();
    CHECK(snapshot().swallowed == 1);
  });
}

TEST_CASE("snapshot: messages from other threads are counted") {
  weft::run([] {
    const auto before = snapshot().messages;
    const weft::loop_ref here = weft::this_loop();
    int posted = 0;
    std::thread([&] {
      for (int i = 0; i < 5; ++i) here.post([&] { ++posted; });
    }).join();
    while (posted < 5) weft::yield();
    CHECK(snapshot().messages >= before + 5);
  });
}

TEST_CASE("snapshot: one line of text; only in a loop") {
  CHECK_THROWS_AS(snapshot(), std::logic_error);
  char* text = nullptr;
  std::size_t bytes = 0;
  std::FILE* const file = open_memstream(&text, &bytes);
  metrics some;
  some.live = 3;
  some.running = 1;
  some.parked = 2;
  some.waits = {{"sleep", 1}, {"join", 1}};
  some.stack_bytes_reserved = 5 << 20;
  weft::debug::print(file, some);
  std::fclose(file);
  const std::string line(text, bytes);
  std::free(text);
  CHECK(line ==
        "weft: 3 fibers: 1 running, 0 ready, 2 parked (sleep 1, join 1), 0 without a stack; "
        "0 spawned, 0 ended; 0 switches, 0 turns, 0 messages, 0 timers; stacks: 0 in use, "
        "0 cached, 5 MiB reserved\n");
}

// SPDX-License-Identifier: BSL-1.0
// A handle on another thread, or in another loop than its task: it acts by message and waits.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/background_loop.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::spawn;
using weft::task;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::scaled;

TEST_CASE_FIXTURE(no_leaks,
                  "sem 35: get() from a plain thread blocks it until the task has ended") {
  run([] {
    auto t = spawn([] {
      for (int i = 0; i < 100; ++i) weft::yield();
      return std::string("across");
    });
    weft::promise<std::string> answer;
    auto future = answer.get_future();
    std::thread other([&] { answer.set_value(t.get()); });
    CHECK(future.get() == "across");
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 35: every call of a handle works from a plain thread") {
  run([] {
    auto t = spawn({"asked"}, [] { await_sleep(1h); });
    const auto id = t.id();
    weft::promise<void> over;
    auto future = over.get_future();
    std::thread other([&] {
      CHECK(t.valid());
      CHECK_FALSE(t.done());
      CHECK_FALSE(t.was_cancelled());
      CHECK(t.exception() == nullptr);
      CHECK(t.id() == id);
      CHECK(t.name() == "asked");
      CHECK(t.cancel("from a thread"));
      t.join();
      CHECK(t.done());
      CHECK(t.was_cancelled());
      CHECK_FALSE(t.cancel());
      CHECK_THROWS_AS(t.get(), weft::task_cancelled);
      over.set_value();
    });
    future.get();
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 35: a handle destroyed on another thread waits there for the end") {
  run([] {
    std::atomic<bool> has_ended{false};
    auto t = spawn([&, witness = counted()] {
      const std::shared_ptr<void> last(nullptr, [&](void*) {
        await_sleep(1ms);
        has_ended = true;
      });
      await_sleep(1h);
    });
    weft::yield();
    weft::promise<bool> over;
    auto future = over.get_future();
    std::thread other([&over, &has_ended, moved = std::move(t)]() mutable {
      moved = {};
      over.set_value(has_ended);
    });
    CHECK(future.get());
    other.join();
    CHECK(counted::alive() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 35: a handle may be detached on another thread, and the task runs on") {
  run([] {
    weft::promise<void> gate;
    weft::promise<void> over;
    auto has_ended = over.get_future();
    auto t = spawn([&, entry = gate.get_future(), witness = counted()]() mutable {
      entry.get();
      over.set_value();
    });
    weft::promise<void> detached;
    auto is_detached = detached.get_future();
    std::thread other([&detached, moved = std::move(t)]() mutable {
      moved.detach();
      detached.set_value();
    });
    is_detached.get();
    other.join();
    gate.set_value();
    has_ended.get();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "handle: detach() on another thread does not wait for the task's loop") {
  run([] {
    std::atomic<bool> has_returned{false};
    auto t = spawn([] {});
    std::thread other([&, moved = std::move(t)]() mutable {
      moved.detach();
      has_returned = true;
    });
    // This thread is the loop's: nothing of the loop can move meanwhile.
    for (int i = 0; i < 100'000 && !has_returned; ++i) std::this_thread::yield();
    CHECK(has_returned);
    while (!has_returned) weft::yield();
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 35: a fiber of another loop waits, cancels and destroys") {
  run([] {
    weft::background_loop other;
    auto slow = spawn([] { await_sleep(1h); });
    auto quick = spawn([] {
      await_sleep(1ms);
      return 5;
    });
    auto dropped = spawn([] { await_sleep(1h); });
    int sum = other.ref().call([&, last = std::move(dropped)]() mutable {
      CHECK(slow.cancel());
      slow.join();
      last = {};
      return quick.get() + (slow.was_cancelled() ? 1 : 0);
    }).get();
    CHECK(sum == 6);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 35: a waiter on another loop can be cancelled and leaves the task alone") {
  run([] {
    weft::background_loop other;
    weft::promise<void> gate;
    auto t = spawn([entry = gate.get_future()]() mutable {
      entry.get();
      return 5;
    });
    auto outcome = other.ref().call([&] {
      auto waiter = spawn([&] { static_cast<void>(t.get()); });
      weft::yield();
      weft::yield();
      waiter.cancel();
      waiter.join();
      return waiter.was_cancelled();
    });
    CHECK(outcome.get());
    CHECK_FALSE(t.done());
    gate.set_value();
    CHECK(t.get() == 5);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 35: threads that wait when the loop ends see the task end with it") {
  task<> t;
  std::vector<std::thread> threads;
  std::atomic<int> returned{0};
  run([&] {
    t = spawn([] { await_sleep(1h); });
    weft::yield();
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        t.join();
        ++returned;
      });
    }
    await_sleep(1ms);
  });
  for (auto& one : threads) one.join();
  CHECK(returned == 4);
  CHECK(t.was_cancelled());
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 35: handles destroyed on threads while the loop ends are neither lost nor "
                  "freed twice") {
  const std::size_t rounds = scaled(300, 60);
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<task<counted>> handles;
    std::thread destroyer;
    run([&] {
      for (int i = 0; i < 8; ++i) {
        handles.push_back(spawn([witness = counted(), i] {
          if (i % 2 == 0) await_sleep(1h);
          return counted();
        }));
      }
      if (round % 3 != 0) weft::yield();
      destroyer = std::thread([&] { handles.clear(); });
      if (round % 2 != 0) weft::yield();
    });
    destroyer.join();
    REQUIRE(counted::alive() == 0);
  }
}

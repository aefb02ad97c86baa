// SPDX-License-Identifier: BSL-1.0
// The life of a handle: destroyed, detached, kept after its loop. On other threads:
// handle_thread_test.cpp.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
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
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_virtual_time, "sem 35: destroying a handle cancels its task and joins it") {
  run([] {
    bool was_cancelled = false;
    {
      auto t = spawn([&] {
        try {
          await_sleep(1h);
        } catch (const cancelled&) {
          was_cancelled = true;
          throw;
        }
      });
      weft::yield();
    }
    CHECK(was_cancelled);
    CHECK(weft_tests::live_fibers() == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "handle: assigning over one cancels and joins the old task") {
  run([] {
    bool has_ended = false;
    auto t = spawn([&] {
      const std::shared_ptr<void> last(nullptr, [&](void*) { has_ended = true; });
      await_sleep(1h);
    });
    weft::yield();
    t = spawn([] {});
    CHECK(has_ended);
    t.get();
    auto& same = t;
    t = std::move(same);
    CHECK(t.valid());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "handle: a never-run task whose handle is destroyed only drops its captures") {
  run([] {
    const capture_reports ignored;
    bool has_run = false;
    { auto t = spawn([&, witness = counted()] { has_run = true; }); }
    CHECK(counted::alive() == 0);
    CHECK_FALSE(has_run);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "handle: references into the spawner's frame stay valid when it throws") {
  run([] {
    try {
      std::vector<int> frame(10, 1);
      auto t = spawn([&] {
        const std::shared_ptr<void> last(nullptr, [&](void*) {
          await_sleep(1s);
          frame.at(9) = 2;
        });
        await_sleep(1h);
      });
      weft::yield();
      throw std::runtime_error("out");
    } catch (const std::runtime_error&) {
    }
    CHECK(weft_tests::live_fibers() == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "handle: a detached task runs on, and the handle is empty") {
  run([] {
    int steps = 0;
    auto t = spawn([&] {
      ++steps;
      await_sleep(1s);
      ++steps;
    });
    t.detach();
    CHECK_FALSE(t.valid());
    CHECK(steps == 0);
    await_sleep(2s);
    CHECK(steps == 2);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 35: the loop cancels and joins what was detached when run() ends") {
  bool was_cancelled = false;
  run([&] {
    spawn([&, witness = counted()] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        was_cancelled = true;
        throw;
      }
    }).detach();
    spawn([witness = counted()] {}).detach();  // never gets to run
    weft::yield();
  });
  CHECK(was_cancelled);
}

TEST_CASE_FIXTURE(on_virtual_time, "handle: a finished task may be detached") {
  run([] {
    auto t = spawn([witness = counted()] { return counted(); });
    t.join();
    t.detach();
    CHECK(counted::alive() == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "handle: a task that destroys its own handle detaches itself") {
  const capture_reports reports;
  run([&] {
    auto handle = std::make_shared<task<>>();
    bool came_through = false;
    *handle = spawn([&, handle] {
      *handle = task<>();
      await_sleep(1s);
      came_through = true;
    });
    await_sleep(2s);
    CHECK(came_through);
    CHECK_FALSE(handle->valid());
  });
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "handle: a task that destroyed its own handle and fails is reported") {
  const capture_reports reports;
  run([&] {
    task<> handle;
    handle = spawn({"alone"}, [&] {
      handle = {};
      throw std::runtime_error("nobody listens");
    });
    await_sleep(1s);
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0].find("'alone'") != std::string::npos);
}

TEST_CASE_FIXTURE(on_virtual_time, "handle: a handle in its own task's captures dies with them") {
  run([] {
    auto handle = std::make_shared<task<>>();
    std::weak_ptr<task<>> watch = handle;
    *handle = spawn([handle] { await_sleep(1s); });
    handle.reset();
    await_sleep(2s);
    CHECK(watch.expired());
    CHECK(weft_tests::live_fibers() == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "handle: a handle in a never-run task's captures dies with them") {
  run([] {
    auto handle = std::make_shared<task<>>();
    std::weak_ptr<task<>> watch = handle;
    *handle = spawn([handle] {});
    handle->cancel();
    handle.reset();
    await_sleep(1s);
    CHECK(watch.expired());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 35: a handle outlives its loop and still has the result") {
  task<std::unique_ptr<int>> result;
  task<> failed;
  task<> left;
  task<> never_ran;
  run([&] {
    result = spawn([] { return std::make_unique<int>(5); });
    failed = spawn([] { throw std::runtime_error("kept"); });
    left = spawn({"left"}, [] { await_sleep(1h); });
    await_sleep(1s);
    never_ran = spawn([witness = counted()] {});
  });
  CHECK(result.done());
  CHECK(*result.get() == 5);
  CHECK_THROWS_WITH_AS(failed.get(), "kept", std::runtime_error);
  CHECK(left.was_cancelled());
  CHECK_FALSE(left.cancel());
  CHECK(left.name() == "left");
  left.join();
  CHECK_THROWS_AS(left.get(), weft::task_cancelled);
  CHECK(never_ran.was_cancelled());
  never_ran.detach();
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 35: on_done of a handle that outlived its loop does not lose the callable") {
  task<> t;
  run([&] {
    t = spawn([] {});
    t.join();
  });
  try {
    t.on_done([witness = counted()] {});
  } catch (const std::exception&) {  // refusing is allowed, leaking is not: the fixture looks
  }
  CHECK(t.done());
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "handle: waiting on the loop's own thread while it does not run is a misuse") {
  weft::runner one(how());
  task<> t;
  one.run([&] { t = spawn([] { await_sleep(1h); }); });
  const char* const expected =
      "weft: fiber 2 cannot end while its loop stands still: wait for it inside runner::run()";
  CHECK_THROWS_WITH_AS(t.join(), expected, std::logic_error);
  CHECK_THROWS_WITH_AS(t.get(), expected, std::logic_error);
  CHECK_FALSE(t.done());
  one.close();
  t.join();
  CHECK(t.was_cancelled());
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "handle: destroyed while its loop stands still it drives the task to its end") {
  weft::runner one(how());
  bool has_ended = false;
  task<> t;
  task<> ended;
  one.run([&] {
    ended = spawn([] {});
    t = spawn([&, witness = counted()] {
      const std::shared_ptr<void> last(nullptr, [&](void*) {
        await_sleep(1s);
        has_ended = true;
      });
      await_sleep(1h);
    });
    weft::yield();
  });
  t = {};
  CHECK(has_ended);
  CHECK(counted::alive() == 0);
  ended = {};
  CHECK(one.run([] { return 5; }) == 5);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "handle: cancelled or detached while its loop stands still, the task hears of "
                  "it later") {
  weft::runner one(how());
  bool was_cancelled = false;
  int steps = 0;
  task<> t;
  one.run([&] {
    t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        was_cancelled = true;
      }
    });
    auto runs_on = spawn([&] {
      await_sleep(1s);
      ++steps;
    });
    weft::yield();
    runs_on.detach();
  });
  CHECK(t.cancel());
  CHECK_FALSE(was_cancelled);
  t.detach();
  one.run([] { await_sleep(2s); });
  CHECK(was_cancelled);
  CHECK(steps == 1);
}

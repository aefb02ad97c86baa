// SPDX-License-Identifier: BSL-1.0
// The C interface, used from C99: c_interface_program.c. What C++ sees of it is here.
#include "weft/weft.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <doctest/doctest.h>

#include "task/c_interface_program.h"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/future.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_virtual_time, "C: tasks, cancel, timeouts, descriptors and misuse, from C99") {
  for (const c_case* one = c_cases; one->name != nullptr; ++one) {
    CAPTURE(one->name);
    if (std::strcmp(one->name, "descriptors") == 0) continue;  // the kernel's time, below
    run([one] { CHECK(one->run(nullptr) == 0); });
  }
}

TEST_CASE_FIXTURE(no_leaks, "C: weft_run() runs a loop; descriptors are waited for") {
  for (const c_case* one = c_cases; one->name != nullptr; ++one) {
    if (std::strcmp(one->name, "descriptors") != 0) continue;
    int line = -1;
    CHECK(weft_run(nullptr, one->run, nullptr, &line) == 0);
    CHECK(line == 0);
  }
  CHECK(weft_in_fiber() == 0);
  CHECK(weft_run(nullptr, nullptr, nullptr, nullptr) == -EINVAL);
  CHECK(weft_sleep(0) == 0);
  CHECK(*weft_last_error() == '\0');
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 23: through C frames a cancel comes as a number, then as a throw") {
  run([] {
    bool was_thrown = false;
    auto t = weft::spawn([&] {
      CHECK(weft_sleep(1'000'000'000) == -ECANCELED);
      CHECK(weft_sleep(1'000'000'000) == -ECANCELED);
      try {
        weft::yield();
      } catch (const weft::cancelled&) {
        was_thrown = true;
        throw;
      }
    });
    weft::testing::wait_all_blocked();
    t.cancel();
    t.join();
    CHECK(was_thrown);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 23: a task whose waits set errno: sleeps end, joins complete") {
  run([] {
    weft::spawn_options by_errno;
    by_errno.cancel = weft::on_cancel::errno_;
    auto other = weft::spawn([] { weft::await_sleep(5ms); });
    int reached = 0;
    auto t = weft::spawn(by_errno, [&] {
      errno = 0;
      weft::await_sleep(1h);
      CHECK(errno == ECANCELED);
      errno = 0;
      weft::yield();
      CHECK(errno == ECANCELED);
      errno = 0;
      weft::checkpoint();
      CHECK(errno == ECANCELED);
      CHECK(weft::this_fiber::cancel_requested());
      other.join();
      CHECK(other.done());
      reached = 1;
    });
    weft::testing::wait_all_blocked();
    t.cancel();
    t.join();
    CHECK(reached == 1);
    CHECK_FALSE(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 23: a join that has begun when the cancel comes completes by errno, too") {
  run([] {
    weft::spawn_options by_errno;
    by_errno.cancel = weft::on_cancel::errno_;
    auto other = weft::spawn([] {
      weft::await_sleep(5ms);
      return 4;
    });
    auto t = weft::spawn(by_errno, [&] { return other.get(); });
    weft::testing::wait_all_blocked();
    CHECK(t.cancel());
    CHECK(t.get() == 4);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 23: errno until the scope is left, then waits are waits again") {
  run([] {
    weft::spawn_options by_errno;
    by_errno.cancel = weft::on_cancel::errno_;
    weft::spawn(by_errno, [&] {
      const auto start = weft::now();
      weft::cancel_scope scope(start + 1ms);
      CHECK(weft::with_scope(scope, [] {
        errno = 0;
        weft::await_sleep(1h);
        CHECK(errno == ECANCELED);
      }));
      CHECK(scope.expired());
      errno = 0;
      weft::await_sleep(1ms);
      CHECK(errno == 0);
      CHECK(weft::now() - start == 2ms);
    }).get();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 23: a task that is never cancelled is told, not thrown at") {
  run([] {
    weft::spawn_options never;
    never.cancel = weft::on_cancel::never;
    const auto start = weft::now();
    auto t = weft::spawn(never, [&] {
      weft::await_sleep(5ms);
      CHECK(weft::this_fiber::cancel_requested());
      CHECK_THROWS_AS(weft::with_timeout(1ms, [] { weft::await_sleep(1h); }), weft::timeout_error);
      return 1;
    });
    CHECK(t.cancel());  // before it began: it runs all the same
    CHECK(t.get() == 1);
    CHECK(weft::now() - start == 6ms);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 23: a task that is never cancelled runs while the loop closes, too") {
  bool ran = false;
  run([&] {
    weft::spawn([&] {
      try {
        weft::await_sleep(1h);
      } catch (const weft::cancelled&) {
        weft::shielded([&] {
          weft::spawn_options never;
          never.cancel = weft::on_cancel::never;
          weft::spawn(never, [&] { ran = true; }).join();
        });
        throw;
      }
    }).detach();
    weft::testing::wait_all_blocked();
  });
  CHECK(ran);
}

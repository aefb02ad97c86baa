// SPDX-License-Identifier: BSL-1.0
// What nobody will ever look at is reported once, with the task's name and where it was spawned.
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/gather.hpp"
#include "weft/loop_ref.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::spawn;
using weft_tests::capture_reports;
using weft_tests::on_virtual_time;

namespace {

// A line of this file, as the messages print it.
std::string site(int line) { return "orphan_test.cpp:" + std::to_string(line); }

const std::string advice = ". Nobody took the error: keep the task and get() it, or catch inside.";

}  // namespace

TEST_CASE_FIXTURE(
    on_virtual_time,
    "sem 36: a detached task that failed is reported once, with name and spawn site") {
  const capture_reports reports;
  int line = 0;
  run([&] {
    line = __LINE__ + 1;
    auto t = spawn({"mail"}, [] {
      throw std::runtime_error("no route");
    });
    t.detach();
    await_sleep(1s);
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0] ==
        "weft: fiber 2 'mail' (spawned at " + site(line) +
            ") was detached and ended with std::runtime_error: no route" + advice);
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 36: a task detached after it failed is reported once") {
  const capture_reports reports;
  run([&] {
    auto t = spawn({"late"}, [] { throw std::logic_error("seen too late"); });
    t.join();
    CHECK(reports.texts().empty());
    t.detach();
    CHECK(reports.texts().size() == 1);
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0].find("'late'") != std::string::npos);
  CHECK(reports.texts()[0].find("std::logic_error: seen too late") != std::string::npos);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 36: a handle that outlived its loop reports when it is detached") {
  const capture_reports reports;
  weft::task<> t;
  run([&] {
    t = spawn({"kept"}, [] { throw std::runtime_error("still here"); });
    t.join();
  });
  CHECK(reports.texts().empty());
  t.detach();
  CHECK(reports.texts().size() == 1);
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 36: what is thrown need not be a std::exception") {
  const capture_reports reports;
  run([&] {
    spawn([] { throw 42; }).detach();
    await_sleep(1s);
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0].find("ended with an exception of type int. ") != std::string::npos);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 36: a detached task that returns or is cancelled is not reported") {
  const capture_reports reports;
  run([&] {
    spawn([] { return 1; }).detach();
    spawn([] { await_sleep(1h); }).detach();  // cancelled when run() ends
    auto t = spawn([] { await_sleep(1h); });
    weft::yield();
    t.cancel();
    t.detach();
    await_sleep(1s);
  });
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 36: an error that somebody took is not reported") {
  const capture_reports reports;
  run([&] {
    auto t = spawn([] { throw std::runtime_error("taken"); });
    CHECK_THROWS_AS(t.get(), std::runtime_error);
    t.detach();
    auto looked_at = spawn([] { throw std::runtime_error("looked at"); });
    looked_at.join();
    CHECK(looked_at.exception() != nullptr);
  });
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 36: an error thrown while being cancelled at the end is reported, too") {
  const capture_reports reports;
  run([&] {
    spawn({"sweeper"}, [] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        throw std::runtime_error("while cleaning up");
      }
    }).detach();
    weft::yield();
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0].find("while cleaning up") != std::string::npos);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "orphan: a handle dropped before its task ran is reported, with name and spawn "
                  "site") {
  const capture_reports reports;
  int line = 0;
  run([&] {
    line = __LINE__ + 1;
    { auto t = spawn({"forgotten"}, [] {}); }
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0] ==
        "weft: fiber 2 'forgotten' (spawned at " + site(line) +
            ") was dropped before it ran: its task was destroyed at once, so its body never runs. "
            "Keep the task and get() or join() it, or detach() it.");
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "orphan: a dropped task is not reported if it ran, was cancelled, or fell to an "
                  "exception") {
  const capture_reports reports;
  run([&] {
    {
      auto ran = spawn([] { await_sleep(1h); });
      weft::yield();
    }
    {
      auto told = spawn([] {});
      told.cancel();
    }
    try {
      auto falls = spawn([] {});
      throw 5;
    } catch (int) {
    }
  });
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "orphan: an unnamed task is reported by its number and spawn site") {
  const capture_reports reports;
  int line = 0;
  run([&] {
    line = __LINE__ + 1;
    spawn([] { throw std::runtime_error("x"); }).detach();
    await_sleep(1s);
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0] == "weft: fiber 2 (spawned at " + site(line) +
                                  ") was detached and ended with std::runtime_error: x" + advice);
}

TEST_CASE_FIXTURE(on_virtual_time, "orphan: the reported name is the one the task has at its end") {
  const capture_reports reports;
  run([&] {
    spawn({"early"}, [] {
      weft::this_fiber::set_name("late");
      throw std::runtime_error("x");
    }).detach();
    await_sleep(1s);
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0].find("'late'") != std::string::npos);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "orphan: a handle destroyed with an error that nobody took reports it once") {
  const capture_reports reports;
  int line = 0;
  run([&] {
    line = __LINE__ + 1;
    auto t = spawn({"unheard"}, [] { throw std::runtime_error("x"); });
    t.join();
    CHECK(reports.texts().empty());
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0] ==
        "weft: fiber 2 'unheard' (spawned at " + site(line) +
            ") was not awaited and ended with std::runtime_error: x" + advice);
}

TEST_CASE_FIXTURE(on_virtual_time, "orphan: an error that gather() threw is not reported as well") {
  const capture_reports reports;
  run([&] {
    auto t = spawn([] { throw std::runtime_error("x"); });
    CHECK_THROWS_AS(weft::gather(t, [] { await_sleep(1h); }), std::runtime_error);
    CHECK_THROWS_AS(weft::gather([] { throw 5; }), int);
  });
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(on_virtual_time, "orphan: a posted callable that fails is reported once") {
  const capture_reports reports;
  run([&] {
    weft::this_loop().post([] { throw std::runtime_error("posted"); });
    await_sleep(1s);
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0].find("std::runtime_error: posted") != std::string::npos);
}

TEST_CASE_FIXTURE(on_virtual_time, "orphan: a thousand failures are a thousand reports, in order") {
  const capture_reports reports;
  run([&] {
    for (int i = 0; i < 1000; ++i) {
      spawn([i] { throw std::runtime_error(std::to_string(i)); }).detach();
    }
    await_sleep(1s);
  });
  const std::vector<std::string> texts = reports.texts();
  REQUIRE(texts.size() == 1000);
  for (int i = 0; i < 1000; ++i) {
    const std::string part = "std::runtime_error: " + std::to_string(i) + ". ";
    REQUIRE(texts[static_cast<std::size_t>(i)].find(part) != std::string::npos);
  }
}

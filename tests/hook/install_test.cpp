// SPDX-License-Identifier: BSL-1.0
// Where hooked functions act, and where they are the C library's.
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "support/child.hpp"
#include "weft/fork.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::hooked;

TEST_CASE_FIXTURE(hooked, "hook: the report names each function of the tiers, once, and its file") {
  const weft::hook::report report = weft::hook::install(weft::hook::tier::net);
  CHECK_FALSE(report.is_switched_off);
  CHECK(report.functions.size() >= 40);
  bool has_read = false;
  for (const auto& one : report.functions) {
    CHECK(one.group == weft::hook::tier::net);
    CHECK(one.is_active == one.comes_here);
    CHECK_FALSE(one.owner.empty());
    has_read = has_read || std::string(one.name) == "read";
  }
  CHECK(has_read);
  CHECK(report.is_complete() == report.to_string().empty());
  CHECK((weft::hook::installed() & weft::hook::tier::net) == weft::hook::tier::net);
}

TEST_CASE_FIXTURE(hooked,
                  "hook: WEFT_HOOKS=0 leaves everything as it was, and the report says so") {
  const auto end = weft_tests::run_child([] {
    setenv("WEFT_HOOKS", "0", 1);
    const auto report = weft::hook::install(weft::hook::tier::locks);
    std::fprintf(stderr, "%s", report.to_string().c_str());
    const bool is_on =
        (weft::hook::installed() & weft::hook::tier::locks) != weft::hook::tier::none;
    return report.is_switched_off && !report.is_complete() && !is_on ? 0 : 1;
  });
  CHECK(end.status == 0);
  CHECK(end.says("weft: no function is hooked: WEFT_HOOKS=0"));
}

TEST_CASE_FIXTURE(hooked,
                  "hook: inside hook::off a call blocks its thread; so in tasks spawned there") {
  run([] {
    int turns = 0;
    auto other = spawn([&] { ++turns; });
    {
      const weft::hook::off plain;
      CHECK(usleep(2000) == 0);
      CHECK(turns == 0);
      { const weft::hook::off nested; }
      CHECK(usleep(2000) == 0);
      CHECK(turns == 0);
    }
    auto child = [] {
      const weft::hook::off plain;
      return spawn([] {
        int seen = 0;
        auto beside = spawn([&] { ++seen; });
        CHECK(usleep(1000) == 0);
        CHECK(seen == 0);
        beside.get();
      });
    }();
    CHECK(usleep(1000) == 0);
    CHECK(turns == 1);
    child.get();
    other.get();
  });
}

TEST_CASE_FIXTURE(hooked,
                  "hook: outside fibers, and on threads without a loop, calls are not counted") {
  weft_tests::pipe_pair pipe;
  const auto calls_of_read = [] {
    for (const auto& one : weft::hook::counters()) {
      if (std::string(one.name) == "read") return one.calls;
    }
    return std::uint64_t{0};
  };
  const auto before = calls_of_read();
  REQUIRE(write(pipe[1], "ab", 2) == 2);
  char byte = 0;
  CHECK(read(pipe[0], &byte, 1) == 1);
  run([&] { std::thread([&] { CHECK(read(pipe[0], &byte, 1) == 1); }).join(); });
  CHECK(calls_of_read() == before);
}

TEST_CASE_FIXTURE(
    hooked,
    "H13: in a child of fork() calls are the C library's; after after_fork_child() they park") {
  run([] {
    auto beside = spawn([] { weft::await_sleep(1h); });
    weft::yield();
    const auto end = weft_tests::run_child([] {
      weft_tests::pipe_pair pipe;
      if (write(pipe[1], "x", 1) != 1) return 1;
      if (weft_tests::read_text(pipe[0]) != "x") return 2;
      if (usleep(1000) != 0) return 3;  // it blocks, and waits for nobody
      weft::after_fork_child();
      auto writer = spawn([&] { return write(pipe[1], "y", 1); });
      if (weft_tests::read_text(pipe[0]) != "y") return 4;
      return writer.get() == 1 ? 0 : 5;
    });
    CHECK(end.status == 0);
    beside.cancel();
  });
}

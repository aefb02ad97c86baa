// SPDX-License-Identifier: BSL-1.0
// A runner as a guest: what a host sees of start(), step() and pollable_fd(), with nothing but
// poll(2) around it. Real loops as hosts: io/guest_*_test.cpp.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "loop/guest_steps.hpp"
#include "support/no_leaks.hpp"
#include "weft/io.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::duration;
using weft_tests::becomes_readable;
using weft_tests::is_readable;
using weft_tests::no_leaks;
using weft_tests::settle;

TEST_CASE_FIXTURE(no_leaks, "guest: main is a task on a stack of its own, run by steps") {
  weft::runner guest;
  int stage = 0;
  auto main = guest.start([&] {
    CHECK(weft::in_fiber());
    CHECK(weft::this_fiber::name() == "main");
    stage = 1;
    weft::yield();
    stage = 2;
    return std::string("done");
  });
  CHECK(stage == 0);
  CHECK_FALSE(main.done());
  CHECK_FALSE(weft::in_fiber());
  settle(guest);  // a slow machine takes more than one
  CHECK(guest.step() == duration::max());
  CHECK(stage == 2);
  CHECK(main.done());
  CHECK(main.get() == "done");
}

TEST_CASE_FIXTURE(no_leaks, "guest: an error comes out of the handle, not of step()") {
  weft::runner guest;
  auto main = guest.start([] { throw std::runtime_error("from inside"); });
  settle(guest);
  CHECK_THROWS_WITH_AS(main.get(), "from inside", std::runtime_error);
}

TEST_CASE_FIXTURE(no_leaks,
                  "guest: a step with no time to wait blocks nobody, and tells how long") {
  weft::runner guest;
  auto main = guest.start([] { weft::await_sleep(1h); });
  const auto begin = std::chrono::steady_clock::now();
  settle(guest);
  const duration wait = guest.step();
  CHECK(std::chrono::steady_clock::now() - begin < 30min);
  CHECK(wait > 59min);
  CHECK(wait <= 1h + 1s);  // timers have slack
  CHECK_FALSE(main.done());
}

TEST_CASE_FIXTURE(no_leaks, "guest: a step waits for a timer if it may, never longer") {
  weft::runner guest;
  auto main = guest.start([] { weft::await_sleep(2ms); });
  const auto begin = std::chrono::steady_clock::now();
  guest.step();
  while (!main.done()) guest.step(1h);
  CHECK(std::chrono::steady_clock::now() - begin >= 2ms);
  auto second = guest.start([] { weft::await_sleep(1h); });
  guest.step();
  guest.step(2ms);
  CHECK_FALSE(second.done());
}

TEST_CASE_FIXTURE(no_leaks,
                  "guest: what never waits is interrupted for the host, and zero says so") {
  weft::runner guest;
  std::atomic<bool> ends{false};
  auto main = guest.start([&] {
    while (!ends) weft::yield();
  });
  for (int i = 0; i < 3; ++i) {
    CHECK(guest.step(1h) == duration::zero());
    CHECK_FALSE(main.done());
  }
  ends = true;
  settle(guest);
  CHECK(main.done());
}

TEST_CASE_FIXTURE(no_leaks, "guest: a busy guest lets timers and descriptors in") {
  weft::runner guest;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  bool was_readable = false;
  bool slept = false;
  auto main = guest.start([&] {
    auto reader = weft::spawn([&] {
      weft::wait_readable(ends[0]);
      was_readable = true;
    });
    auto sleeper = weft::spawn([&] {
      weft::await_sleep(1ms);
      slept = true;
    });
    while (!was_readable || !slept) weft::yield();
  });
  guest.step();
  REQUIRE(write(ends[1], "x", 1) == 1);
  while (!main.done()) guest.step();
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE_FIXTURE(no_leaks,
                  "guest: start() and cancel() between steps make the descriptor readable") {
  weft::runner guest;
  const int news = guest.pollable_fd();
  CHECK_FALSE(is_readable(news));
  auto main = guest.start([] { weft::await_sleep_until(weft::time_point::max()); });
  CHECK(is_readable(news));
  settle(guest);
  CHECK_FALSE(is_readable(news));
  auto second = guest.start([] {});
  CHECK(is_readable(news));
  settle(guest);
  CHECK(second.done());
  CHECK_FALSE(is_readable(news));
  CHECK(main.cancel("the host's wish"));
  CHECK(is_readable(news));
  settle(guest);
  CHECK_FALSE(is_readable(news));
  CHECK(main.was_cancelled());
  CHECK_THROWS_WITH_AS(main.get(), doctest::Contains("the host's wish"), weft::task_cancelled);
  CHECK(guest.pollable_fd() == news);
}

TEST_CASE_FIXTURE(no_leaks,
                  "guest: on_done() of a task that is done makes the descriptor readable") {
  weft::runner guest;
  auto main = guest.start([] {});
  settle(guest);
  bool called = false;
  main.on_done([&] { called = true; });
  CHECK(is_readable(guest.pollable_fd()));
  settle(guest);
  CHECK(called);
}

TEST_CASE_FIXTURE(no_leaks, "guest: events and posts from another thread make it readable") {
  weft::runner guest;
  weft::event opened;
  weft::loop_ref way_in;
  int posted = 0;
  auto main = guest.start([&] {
    way_in = weft::this_loop();
    opened.wait();
  });
  settle(guest);
  CHECK_FALSE(is_readable(guest.pollable_fd()));
  std::thread poster([&] { way_in.post([&] { ++posted; }); });
  CHECK(becomes_readable(guest.pollable_fd()));
  poster.join();
  settle(guest);
  CHECK(posted == 1);
  CHECK_FALSE(is_readable(guest.pollable_fd()));
  std::thread setter([&] { opened.set(); });
  CHECK(becomes_readable(guest.pollable_fd()));
  setter.join();
  settle(guest);
  CHECK(main.done());
  way_in = {};
}

TEST_CASE_FIXTURE(no_leaks, "guest: the host sets an event between steps, as any thread may") {
  weft::runner guest;
  weft::event opened;
  auto main = guest.start([&] { opened.wait(); });
  settle(guest);
  opened.set();
  CHECK(is_readable(guest.pollable_fd()));
  settle(guest);
  CHECK(main.done());
}

TEST_CASE_FIXTURE(no_leaks,
                  "guest: no edge is lost between steps, of more descriptors than a look takes") {
  constexpr int pairs = 200;
  weft::runner guest;
  int read_bytes = 0;
  std::vector<weft::unix_stream> outside;
  auto main = guest.start([&] {
    std::vector<weft::task<>> readers;
    for (int i = 0; i < pairs; ++i) {
      auto [in, out] = weft::unix_stream::pair();
      outside.push_back(std::move(out));
      readers.push_back(weft::spawn([&read_bytes, in = std::move(in)]() mutable {
        char byte = 0;
        while (in.read_some(&byte, 1) == 1) ++read_bytes;
      }));
    }
    for (auto& one : readers) one.join();
  });
  settle(guest);
  for (int round = 1; round <= 3; ++round) {
    // Twice before a step: one edge or two, both bytes are to be read.
    for (auto& one : outside) REQUIRE(write(one.native_handle(), "x", 1) == 1);
    for (auto& one : outside) REQUIRE(write(one.native_handle(), "y", 1) == 1);
    settle(guest);
    CHECK(read_bytes == 2 * pairs * round);
  }
  outside.clear();
  settle(guest);
  CHECK(main.done());
}

TEST_CASE_FIXTURE(no_leaks, "guest: what the host closes between steps ends the wait for it") {
  weft::runner guest;
  auto [inside, outside] = weft::unix_stream::pair();
  auto main = guest.start([&inside = inside] {
    char byte = 0;
    std::error_code error;
    inside.read_some(&byte, 1, error);
    return error.value();
  });
  settle(guest);
  inside.close();
  CHECK(is_readable(guest.pollable_fd()));
  settle(guest);
  CHECK(main.get() == EBADF);
}

TEST_CASE_FIXTURE(no_leaks, "guest: an idle guest is not stepped, and takes no step to say so") {
  weft::runner guest;
  weft::event never;
  auto main = guest.start([&] { never.wait(); });
  settle(guest);
  CHECK(guest.step() == duration::max());  // no deadlock: the host may set it
  pollfd one{guest.pollable_fd(), POLLIN, 0};
  CHECK(poll(&one, 1, 30) == 0);
}

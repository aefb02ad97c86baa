// SPDX-License-Identifier: BSL-1.0
// A runner as a guest, at its edges: what is refused, how it ends, and what it shares with its
// host.
#include <cerrno>
#include <cfenv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <doctest/doctest.h>

#include "loop/guest_steps.hpp"
#include "loop/tree.hpp"
#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::duration;
using weft_tests::capture_reports;
using weft_tests::counted;
using weft_tests::is_readable;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;
using weft_tests::settle;

namespace {

int fall(int depth) {
  volatile char here[512];
  here[0] = static_cast<char>(depth);
  const int below = depth > 0 ? fall(depth - 1) : 0;
  return below + here[0];
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "guest: get() of a task that is not done is refused between steps") {
  weft::runner guest;
  auto main = guest.start([] {
    weft::await_sleep(1h);
    return 1;
  });
  settle(guest);
  const char* const text =
      "weft: fiber 2 'main' cannot end while its loop stands still: wait for it inside the loop, "
      "or "
      "let the host go on with runner::step() until it is done()";
  CHECK_THROWS_WITH_AS(main.get(), text, std::logic_error);
  CHECK_THROWS_WITH_AS(main.join(), text, std::logic_error);
  CHECK_THROWS_WITH_AS(main.join_until(weft::now() + 1s), text, std::logic_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(weft::spawn([] {})),
                       doctest::Contains("needs a running loop"), std::logic_error);
}

TEST_CASE_FIXTURE(no_leaks, "guest: steps are refused inside, elsewhere, too early and too late") {
  weft::runner guest;
  CHECK_THROWS_WITH_AS(
      guest.step(),
      "weft: runner::step() was called before runner::start(): there is nothing to run",
      std::logic_error);
  auto main = guest.start([&] {
    CHECK_THROWS_WITH_AS(guest.step(),
                         doctest::Contains("runner::step() was called inside a running loop (in "
                                           "fiber 2 'main')"),
                         std::logic_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(guest.start([] {})),
                         doctest::Contains("runner::start() was called inside a running loop"),
                         std::logic_error);
    CHECK_THROWS_AS(guest.close(), std::logic_error);
  });
  settle(guest);
  main.get();
  std::thread([&] {
    CHECK_THROWS_WITH_AS(guest.step(), doctest::Contains("on another thread"), std::logic_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(guest.start([] {})),
                         doctest::Contains("on another thread"), std::logic_error);
  }).join();
  guest.close();
  CHECK_THROWS_WITH_AS(guest.step(), doctest::Contains("after the runner was closed"),
                       std::logic_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(guest.start([] {})),
                       doctest::Contains("after the runner was closed"), std::logic_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(guest.pollable_fd()),
                       doctest::Contains("after the runner was closed"), std::logic_error);
}

TEST_CASE_FIXTURE(no_leaks, "guest: a step inside another loop is refused") {
  weft::runner guest;
  auto main = guest.start([] {});
  run([&] {
    CHECK_THROWS_WITH_AS(guest.step(), doctest::Contains("inside a running loop"),
                         std::logic_error);
  });
  settle(guest);
  CHECK(main.done());
}

TEST_CASE_FIXTURE(no_leaks,
                  "guest: close() cancels and joins what was started and what that spawned") {
  weft::runner guest;
  int unwound = 0;
  const auto wait_for_ever = [&unwound] {
    counted one;
    try {
      weft::await_sleep(1h);
    } catch (const weft::cancelled&) {
      weft::shielded(1h, [] { weft::yield(); });
      ++unwound;
      throw;
    }
  };
  auto main = guest.start([&] {
    weft::spawn(wait_for_ever).detach();
    wait_for_ever();
  });
  auto never_begun = guest.start([] { FAIL("it was cancelled before"); });
  never_begun.cancel();
  settle(guest);
  guest.close();
  CHECK(unwound == 2);
  CHECK(main.was_cancelled());
  CHECK(never_begun.was_cancelled());
}

TEST_CASE_FIXTURE(no_leaks,
                  "guest: destroying a handle between steps cancels and awaits its task") {
  weft::runner guest;
  bool unwound = false;
  {
    auto main = guest.start([&] {
      try {
        weft::await_sleep(1h);
      } catch (const weft::cancelled&) {
        weft::shielded(1h, [] { weft::yield(); });
        unwound = true;
        throw;
      }
    });
    settle(guest);
  }
  CHECK(unwound);
}

TEST_CASE_FIXTURE(no_leaks,
                  "guest: run() on the same runner blocks the host, and the guest goes on in it") {
  weft::runner guest;
  int ticks = 0;
  auto main = guest.start([&] {
    for (;; ++ticks) weft::await_sleep(1ms);
  });
  guest.step();
  const int seen = guest.run([&] {
    while (ticks < 2) weft::yield();
    return ticks;
  });
  CHECK(seen >= 2);
  // The host knows nothing of what is ready or due now.
  CHECK(is_readable(guest.pollable_fd()));
  while (ticks <= seen) guest.step(1s);
  auto late = guest.start([] { return 5; });
  while (!late.done()) guest.step();
  CHECK(late.get() == 5);
}

TEST_CASE_FIXTURE(no_leaks, "guest: two guests take turns on one thread") {
  weft::runner first;
  weft::runner second;
  weft::channel<int> between(1);
  int sum = 0;
  auto sender = first.start([&] {
    for (int i = 1; i <= 100; ++i) between.send(i);
    between.close();
  });
  auto receiver = second.start([&] {
    while (auto value = between.recv()) sum += *value;
  });
  while (!sender.done() || !receiver.done()) {
    first.step();
    second.step();
  }
  CHECK(sum == 5050);
}

TEST_CASE_FIXTURE(no_leaks, "guest: the host's errno, exceptions and rounding are its own") {
  weft::runner guest;
  auto main = guest.start([] {
    for (int i = 0; i < 3; ++i) {
      errno = EDOM;
      CHECK(std::uncaught_exceptions() == 0);
      CHECK(std::fegetround() == FE_TONEAREST);
      try {
        throw std::runtime_error("inside");
      } catch (const std::runtime_error&) {
        weft::yield();
        CHECK(std::string(std::current_exception() ? "has" : "lost") == "has");
      }
    }
  });
  std::fesetround(FE_UPWARD);
  try {
    throw std::logic_error("outside");
  } catch (const std::logic_error& outside) {
    errno = ERANGE;
    settle(guest);
    CHECK(errno == ERANGE);
    CHECK(std::fegetround() == FE_UPWARD);
    try {
      throw;
    } catch (const std::exception& again) {
      CHECK(&again == &outside);
    }
  }
  std::fesetround(FE_TONEAREST);
  CHECK(main.done());
}

TEST_CASE_FIXTURE(no_leaks, "guest: a task inherits the fiber_locals of its host") {
  static weft::fiber_local<int> request(0);
  request.set(7);
  weft::runner guest;
  auto main = guest.start([] { return request.get(); });
  settle(guest);
  CHECK(main.get() == 7);
  guest.close();
  request.reset();
}

TEST_CASE_FIXTURE(on_virtual_time, "guest: a virtual clock jumps within steps") {
  weft::runner guest(how());
  int hours = 0;
  auto main = guest.start([&] {
    for (; hours < 1000; ++hours) weft::await_sleep(1h);
  });
  int steps = 0;
  for (; !main.done(); ++steps) {
    const duration wait = guest.step();
    CHECK(wait == (main.done() ? duration::max() : duration::zero()));
  }
  CHECK(hours == 1000);
  CHECK(steps > 1);  // it is bounded here, too
}

TEST_CASE_FIXTURE(no_leaks, "guest: a clock that the host moves by hand is read at the next step") {
  weft::testing::virtual_clock clock(false);
  weft::options how;
  how.time = &clock;
  weft::runner guest(how);
  auto main = guest.start([&] { weft::await_sleep(1h); });
  CHECK(guest.step() == duration::max());
  CHECK_FALSE(main.done());
  clock.advance(1h);
  CHECK(guest.step() == duration::max());
  CHECK(main.done());
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 99: where steps end does not change the order of a seed") {
  const auto order_of = [this](bool as_guest) {
    std::string order;
    weft::options shuffled = how();
    shuffled.seed = 42;
    weft::runner one(shuffled);
    const auto body = [&] {
      std::vector<weft::task<>> all;
      for (char name = 'a'; name < 'k'; ++name) {
        all.push_back(weft::spawn([&order, name] {
          for (int i = 0; i < 20; ++i) {
            order += name;
            weft::yield();
          }
        }));
      }
      for (auto& t : all) t.join();
    };
    auto main = one.start(body);
    if (as_guest) {
      while (!main.done()) one.step();
    } else {
      while (!main.done()) one.step(1h);
    }
    return order;
  };
  const std::string order = order_of(true);
  CHECK(order == order_of(true));
  CHECK(order == order_of(false));
  CHECK(order.size() == 200);
}

TEST_CASE_FIXTURE(no_leaks, "guest: the watchdog sees fibers, not the host's own time") {
  if (weft_tests::is_tsan) WEFT_SKIP("there the watchdog is slow");
  const capture_reports reports;
  weft::options how;
  how.slow_step = 40ms;
  weft::runner guest(how);
  auto main = guest.start([] {
    weft::await_sleep(1ms);
    const auto end = std::chrono::steady_clock::now() + 200ms;
    while (std::chrono::steady_clock::now() < end) {
    }
  });
  guest.step();
  std::this_thread::sleep_for(200ms);
  CHECK(reports.texts().empty());
  while (!main.done()) guest.step(1s);
  CHECK(reports.texts().size() <= 1);  // of the fiber; a machine may be too slow to say it
  guest.close();
}

TEST_CASE_FIXTURE(no_leaks, "guest: the tree of tasks begins with the host") {
  weft::runner guest;
  auto main = guest.start(
      [] { return weft::detail::draw_tree(weft::detail::whole(*weft::detail::running_loop())); });
  settle(guest);
  const std::string tree = main.get();
  CHECK(tree.find("fiber 1 'host': in runner::step()") != std::string::npos);
  CHECK(tree.find("  fiber 2 'main': running") != std::string::npos);
}

TEST_CASE("guest: Ctrl-C stays the host's") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_signals_to_emulators);
  const auto end = weft_tests::run_child([] {
    weft::runner guest;
    auto main = guest.start([] { weft::await_sleep(1h); });
    guest.step();
    guest.run([] {
      raise(SIGINT);  // at its default: the process dies of it here
      _exit(7);
    });
    return 0;
  });
  CHECK(end.signal == SIGINT);
}

TEST_CASE("guest: std::exit() inside a step ends the process as ever") {
  if (weft_tests::is_asan) WEFT_SKIP("its search for leaks does not see the stack of a fiber");
  const auto end = weft_tests::run_child([] {
    static weft::runner guest;
    auto main = guest.start([] { std::exit(3); });
    guest.step();
    return 0;
  });
  CHECK(end.status == 3);
  CHECK(end.signal == 0);
}

TEST_CASE("guest: an overflow of a guest's stack is reported with its name") {
  if (weft_tests::is_asan || weft_tests::is_tsan)
    WEFT_SKIP("the sanitizer has a handler of its own");
  const auto end = weft_tests::run_child([] {
    weft::runner guest;
    auto main = guest.start([] { return fall(1 << 20); });
    guest.step();
    return 0;
  });
  CHECK(end.signal == SIGSEGV);
  CHECK(end.says("fiber 2 'main' overflowed its"));
}

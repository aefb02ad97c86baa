// SPDX-License-Identifier: BSL-1.0
// weft::after_fork_child(): a child that goes on with its fibers, or leaves them behind.
#include "weft/fork.hpp"

#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

#include <fcntl.h>

#include <doctest/doctest.h>

#include "loop/forked.hpp"
#include "support/build_kind.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"

using weft::inherited_fibers;
using weft_tests::forked;
using weft_tests::is_emulated;
using weft_tests::is_refused;
using weft_tests::is_tsan;
using weft_tests::no_fibers_after_fork;
using weft_tests::no_threads_after_fork;
using weft_tests::no_threads_after_fork_under_emulation;
using weft_tests::run_child;
using weft_tests::talk_to_oneself;
using namespace std::chrono_literals;

TEST_CASE("sem 90: after_fork_child() lets a child go on with its copies") {
  if (is_tsan) WEFT_SKIP(no_fibers_after_fork);
  if (is_emulated()) WEFT_SKIP(no_threads_after_fork_under_emulation);
  const auto end = run_child([] {
    return weft::run([] {
      auto [here, there] = weft::unix_stream::pair();
      int ends[2];
      if (pipe2(ends, O_CLOEXEC) != 0) return 1;
      int slept = 0;
      auto reader = weft::spawn([&here = here] {
        char byte = 0;
        here.read_exactly(&byte, 1);
        return int{byte};
      });
      auto borrower = weft::spawn([&] { weft::wait_readable(ends[0]); });
      auto sleeper = weft::spawn([&] {
        weft::await_sleep(20ms);
        ++slept;
      });
      auto yielder = weft::spawn([] {
        for (int i = 0; i < 10; ++i) weft::yield();
      });
      weft::yield();
      const auto go_on = [&, &there = there](char byte) {
        there.write_all(&byte, 1);
        if (write(ends[1], "x", 1) != 1) return 2;
        borrower.join();
        sleeper.join();
        yielder.join();
        if (reader.get() != byte || slept != 1) return 3;
        // And with all that a loop can.
        char block = 0;
        if (read(ends[0], &block, 1) != 1) return 4;
        auto [left, right] = weft::unix_stream::pair();
        auto again = weft::spawn([&left = left] {
          char one = 0;
          left.read_exactly(&one, 1);
        });
        weft::yield();
        right.write_all("y");
        again.get();
        weft::with_timeout(1h, [] { weft::await_sleep(1ms); });
        return 0;
      };
      const int status = forked([&] {
        weft::after_fork_child();
        weft::after_fork_child();  // the second time it has nothing to do
        return go_on('c');
      });
      if (status != 0) return status;
      return go_on('p');
    });
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

TEST_CASE("sem 90: a child of a child goes on, too") {
  if (is_tsan) WEFT_SKIP(no_fibers_after_fork);
  if (is_emulated()) WEFT_SKIP(no_threads_after_fork_under_emulation);
  const auto end = run_child([] {
    return weft::run([] {
      return forked([] {
        weft::after_fork_child();
        weft::await_sleep(1ms);
        return forked([] {
          weft::after_fork_child();
          weft::await_sleep(1ms);
          return weft::spawn([] { return 8; }).get();
        });
      });
    });
  });
  CHECK(end.status == 8);
}

TEST_CASE("sem 90: a child that leaves its fibers behind runs a loop of its own") {
  if (is_emulated()) WEFT_SKIP(no_threads_after_fork_under_emulation);
  const auto end = run_child([] {
    return weft::run([] {
      weft::event never;
      auto waiting = weft::spawn([&] { never.wait(); });
      auto forker = weft::spawn({"forker"}, [&] {
        const int status = forked([&] {
          weft::after_fork_child(inherited_fibers::stay_behind);
          if (weft::in_fiber()) return 1;
          weft::await_sleep(1ms);  // as a plain thread
          const std::string lost =
              "in a child of fork(): this loop belongs to the parent process, and so does the "
              "thread that runs it";
          try {
            waiting.join();
            return 2;
          } catch (const std::logic_error& error) {
            if (std::string(error.what()).find(lost) == std::string::npos) return 3;
          }
          return talk_to_oneself();
        });
        return status;
      });
      const int from_fiber = forker.get();
      const int from_main = forked([] {
        weft::after_fork_child(inherited_fibers::stay_behind);
        return talk_to_oneself();
      });
      never.set();
      waiting.join();
      return from_fiber == 7 ? from_main : from_fiber;
    });
  });
  CHECK(end.output == "");
  CHECK(end.status == 7);
}

TEST_CASE("sem 90: go_on is refused once a task was left alone") {
  if (is_emulated()) WEFT_SKIP(no_threads_after_fork_under_emulation);
  const auto end = run_child([] {
    return weft::run([] {
      return forked([] {
        auto task = weft::spawn([] {});
        return 0;
      });
    });
  });
  CHECK(end.status == 99);  // spawn() is refused; the rest needs a task from before
  const auto late = run_child([] {
    return weft::run([] {
      weft::event never;
      auto task = std::make_unique<weft::task<>>(weft::spawn([&] { never.wait(); }));
      weft::yield();
      const int status = forked([&] {
        task.reset();
        try {
          weft::after_fork_child();
        } catch (const std::logic_error& error) {
          return std::string(error.what()).find("came too late") != std::string::npos ? 4 : 2;
        }
        return 1;
      });
      never.set();
      return status;
    });
  });
  CHECK(late.output == "");
  CHECK(late.status == 4);
}

TEST_CASE("sem 90: beside a loop of another thread a child makes its own, and posts are refused") {
  if (is_emulated()) WEFT_SKIP(no_threads_after_fork_under_emulation);
  if (is_tsan) WEFT_SKIP(no_threads_after_fork);
  const auto end = run_child([] {
    weft::background_loop beside;
    auto answer = beside.ref().call([] { return 1; });
    if (answer.get() != 1) return 1;
    const int status = forked([&] {
      {
        weft::background_loop own;
        if (own.ref().call([] { return 2; }).get() != 2) return 2;
      }
      try {
        beside.ref().post([] {});
        return 3;
      } catch (const std::logic_error& error) {
        if (std::string(error.what())
                .find("belongs to the parent process, and so does the thread "
                      "that runs it") == std::string::npos) {
          return 4;
        }
      }
      weft::after_fork_child();
      return talk_to_oneself();
    });
    return status == 7 && beside.ref().call([] { return 3; }).get() == 3 ? 0 : status;
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

TEST_CASE("sem 90: a child destroys what has the parent's threads without waiting for them") {
  if (is_emulated()) WEFT_SKIP(no_threads_after_fork_under_emulation);
  if (is_tsan) WEFT_SKIP(no_threads_after_fork);
  const auto end = run_child([] {
    auto beside = std::make_unique<weft::background_loop>();
    auto pool = std::make_unique<weft::loop_pool>(2);
    if (pool->run([] { return 1; }) != 1) return 1;
    const int status = forked([&] {
      try {
        pool->spawn([] {}).detach();
        return 2;
      } catch (const std::logic_error&) {
      }
      beside.reset();
      pool.reset();
      return 0;
    });
    return status == 0 && pool->spawn([] { return 6; }).get() == 6 ? 0 : 10 + status;
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

TEST_CASE("sem 90: between runs and steps a child is refused until it says so") {
  if (is_tsan) WEFT_SKIP(no_fibers_after_fork);
  if (is_emulated()) WEFT_SKIP(no_threads_after_fork_under_emulation);
  const auto end = run_child([] {
    int ticks = 0;
    weft::runner runs;
    weft::runner steps;
    const auto tick = [&ticks] {
      for (;; ++ticks) weft::await_sleep(1ms);
    };
    runs.run([&] { weft::spawn(tick).detach(); });
    auto guest = steps.start([] { weft::await_sleep(1ms); });
    steps.step();
    const auto run_on = [&] {
      const int seen = ticks;
      runs.run([&] {
        while (ticks == seen) weft::await_sleep(1ms);
      });
      while (!guest.done()) steps.step(1s);
      auto more = steps.start([] { return 4; });
      while (!more.done()) steps.step(1s);
      return more.get();
    };
    const int status = forked([&] {
      if (!is_refused("run", [&] { runs.run([] {}); })) return 1;
      if (!is_refused("step", [&] { steps.step(); })) return 1;
      if (!is_refused("start", [&] { static_cast<void>(steps.start([] {})); })) return 1;
      if (!is_refused("pollable_fd", [&] { static_cast<void>(steps.pollable_fd()); })) return 1;
      if (!is_refused("close", [&] { runs.close(); })) return 1;
      if (!is_refused("join", [&] { guest.join(); })) return 1;
      if (talk_to_oneself() != 7) return 2;  // a new loop is no affair of theirs
      weft::after_fork_child();
      return run_on();
    });
    return status == 4 && run_on() == 4 ? 0 : status;
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

TEST_CASE("sem 90: Ctrl-C ends a child at once, and one that goes on as ever") {
  if (is_tsan) WEFT_SKIP(no_fibers_after_fork);
  if (is_emulated()) WEFT_SKIP(no_threads_after_fork_under_emulation);
  const auto end = run_child([] {
    return weft::run([] {
      const int at_once = forked([] {
        raise(SIGINT);
        return 1;
      });
      const int gone_on = forked([] {
        weft::after_fork_child();
        raise(SIGINT);
        try {
          weft::await_sleep(1h);
        } catch (const weft::cancelled&) {
          return 3;
        }
        return 1;
      });
      return at_once == 128 + SIGINT ? gone_on : 1;
    });
  });
  CHECK(end.status == 3);
}

TEST_CASE("sem 90: exit() in a child does not wait for threads that are the parent's") {
  if (is_emulated()) WEFT_SKIP(no_threads_after_fork_under_emulation);
  if (is_tsan) WEFT_SKIP(no_threads_after_fork);
  const auto end = run_child([] {
    weft::options how;
    how.slow_step = 50ms;
    return weft::run(how, [&how] {
      // Long enough for the watchdog to wait for its next look.
      weft::await_sleep(30ms);
      return forked([&how] {
        weft::after_fork_child(inherited_fibers::stay_behind);
        weft::run(how, [] { weft::await_sleep(1ms); });
        std::exit(5);
        return 1;
      });
    });
  });
  CHECK(end.status == 5);
}

TEST_CASE("torture 28: many children of all kinds, and the parent's sockets never miss a byte") {
  if (is_tsan) WEFT_SKIP(no_fibers_after_fork);
  if (is_emulated()) WEFT_SKIP(no_threads_after_fork_under_emulation);
  const auto end = run_child([] {
    return weft::run([] {
      auto [here, there] = weft::unix_stream::pair();
      auto echo = weft::spawn([&there = there] {
        char byte = 0;
        while (there.read_some(&byte, 1) == 1) there.write_all(&byte, 1);
      });
      auto ticker = weft::spawn([] {
        for (;;) weft::await_sleep(1ms);
      });
      for (int i = 0; i < 12; ++i) {
        const int kind = i % 4;
        const int status = forked([&, &mine = here, &other = there] {
          if (kind == 0) {
            mine.close();
            other.close();
          } else if (kind == 1) {
            weft::after_fork_child();
            ticker.cancel();
            ticker.join();
          } else if (kind == 2) {
            weft::after_fork_child(inherited_fibers::stay_behind);
            if (talk_to_oneself() != 7) return 1;
          }
          return 40 + kind;
        });
        if (status != 40 + kind) return status;
        char byte = static_cast<char>(i);
        here.write_all(&byte, 1);
        here.read_exactly(&byte, 1);
        if (byte != static_cast<char>(i)) return 2;
      }
      here.shutdown_write();
      echo.join();
      return 0;
    });
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

// SPDX-License-Identifier: BSL-1.0
// Ctrl-C: the first cancels main, so that all is unwound before the process dies of it; the second
// acts at once. One that finds no main to cancel acts when all is unwound. A program that has its
// own plans for SIGINT keeps them.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include <unistd.h>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "weft/weft.hpp"

using weft_tests::child;
using weft_tests::run_child;

namespace {

void say(const char* text) { std::fprintf(stderr, "%s\n", text); }

struct says_when_unwound {
  const char* text;
  ~says_when_unwound() { say(text); }
};

void sleep_for_ever() { weft::await_sleep(weft::duration::max()); }

bool is_default(int number) {
  struct sigaction present {};
  sigaction(number, nullptr, &present);
  return (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == SIG_DFL;
}

// Sends SIGINT once the child has said `ready`, and waits for its end.
template <class F>
weft_tests::child_end interrupted(F body) {
  child one(body);
  if (one.wait_for("ready")) kill(one.id(), SIGINT);
  return one.finish();
}

}  // namespace

TEST_CASE("sem 76: the first SIGINT unwinds main and its tasks; then the process dies of it") {
  const auto end = interrupted([] {
    weft::run([] {
      const says_when_unwound main{"main unwound"};
      auto task = weft::spawn([] {
        const says_when_unwound here{"task unwound"};
        sleep_for_ever();
      });
      weft::spawn([] {
        const says_when_unwound here{"detached unwound"};
        sleep_for_ever();
      }).detach();
      weft::yield();
      say("ready");
      sleep_for_ever();
    });
    say("went on");
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGINT);
  CHECK(end.says("main unwound"));
  CHECK(end.says("task unwound"));
  CHECK(end.says("detached unwound"));
  CHECK_FALSE(end.says("went on"));
}

TEST_CASE("sem 76: a main that never sleeps is cancelled at its next yield") {
  const auto end = interrupted([] {
    weft::run([] {
      const says_when_unwound main{"main unwound"};
      say("ready");
      for (;;) weft::yield();
    });
    return 0;
  });
  CHECK(end.signal == SIGINT);
  CHECK(end.says("main unwound"));
}

TEST_CASE("sem 76: the second SIGINT is immediate") {
  child one([] {
    weft::run([] {
      struct stuck {
        ~stuck() {
          say("cleaning up");
          for (;;) pause();
        }
      } here;
      say("ready");
      sleep_for_ever();
    });
    return 0;
  });
  REQUIRE(one.wait_for("ready"));
  kill(one.id(), SIGINT);
  REQUIRE(one.wait_for("cleaning up"));
  kill(one.id(), SIGINT);
  CHECK(one.finish().signal == SIGINT);
}

TEST_CASE("sem 76: a main that handles `cancelled` returns, and the program goes on") {
  const auto end = interrupted([] {
    const int status = weft::run([] {
      try {
        say("ready");
        sleep_for_ever();
      } catch (const weft::cancelled& why) {
        say(std::string(why.reason()).c_str());
        return 5;
      }
      return 0;
    });
    return is_default(SIGINT) ? status : 9;
  });
  CAPTURE(end.output);
  CHECK(end.status == 5);
  CHECK(end.says("SIGINT\n"));
}

TEST_CASE(
    "sem 76: runner::run throws cancelled, was_interrupted() tells, and the next run is clean") {
  const auto end = interrupted([] {
    weft::runner one;
    if (one.was_interrupted()) return 1;
    try {
      one.run([] {
        say("ready");
        sleep_for_ever();
      });
    } catch (const weft::cancelled& why) {
      if (why.reason() != "SIGINT" || !one.was_interrupted()) return 2;
      one.run([] { weft::await_sleep(std::chrono::milliseconds(1)); });
      return 6;
    }
    return 3;
  });
  CHECK(end.status == 6);
}

TEST_CASE("handle_sigint = false leaves SIGINT at its default: it kills at once") {
  const auto end = interrupted([] {
    weft::options how;
    how.handle_sigint = false;
    weft::run(how, [] {
      const says_when_unwound main{"main unwound"};
      say(is_default(SIGINT) ? "ready" : "touched");
      sleep_for_ever();
    });
    return 0;
  });
  CHECK(end.signal == SIGINT);
  CHECK_FALSE(end.says("main unwound"));
}

TEST_CASE("a program's own SIGINT handler stays, and so does an ignored SIGINT") {
  const auto end = run_child([] {
    static volatile std::sig_atomic_t seen = 0;
    std::signal(SIGINT, [](int) { seen = 1; });
    weft::run([] {
      std::raise(SIGINT);
      weft::yield();
    });
    if (seen != 1) return 1;
    std::signal(SIGINT, SIG_IGN);
    weft::run([] {
      std::raise(SIGINT);
      weft::yield();
    });
    struct sigaction present {};
    sigaction(SIGINT, nullptr, &present);
    return present.sa_handler == SIG_IGN ? 7 : 2;
  });
  CHECK(end.status == 7);
}

TEST_CASE("SIGINT is handled only on the main thread, and is at its default again afterwards") {
  const auto end = run_child([] {
    bool untouched = false;
    std::thread([&] { weft::run([&] { untouched = is_default(SIGINT); }); }).join();
    bool handled = false;
    weft::run([&] { handled = !is_default(SIGINT); });
    return untouched && handled && is_default(SIGINT) ? 8 : 1;
  });
  CHECK(end.status == 8);
}

TEST_CASE("a handler that the program installs inside run() is not taken away at the end") {
  const auto end = run_child([] {
    void (*const mine)(int) = [](int) {};
    weft::run([&] { std::signal(SIGINT, mine); });
    struct sigaction present {};
    sigaction(SIGINT, nullptr, &present);
    return present.sa_handler == mine ? 9 : 1;
  });
  CHECK(end.status == 9);
}

TEST_CASE("sem 76: a SIGINT that another thread takes wakes the loop as well") {
  const auto end = run_child([] {
    std::thread other;
    int status = 1;
    weft::runner one;
    try {
      one.run([&] {
        other = std::thread([] {
          usleep(10'000);  // real: the loop must be asleep in the kernel
          pthread_kill(pthread_self(), SIGINT);
        });
        weft::await_sleep(std::chrono::seconds(2));
      });
    } catch (const weft::cancelled&) {
      status = 5;
    }
    other.join();
    return status;
  });
  CHECK(end.status == 5);
}

TEST_CASE("sem 76: a SIGINT after main's last wait ends the process, once all is unwound") {
  const auto end = run_child([] {
    weft::run([] {
      weft::spawn([] {
        const says_when_unwound here{"detached unwound"};
        sleep_for_ever();
      }).detach();
      weft::yield();
      std::raise(SIGINT);  // main returns before the loop looks
    });
    say("went on");
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGINT);
  CHECK(end.says("detached unwound"));
  CHECK_FALSE(end.says("went on"));
}

TEST_CASE("sem 76: a SIGINT after main's last wait does not cancel the runner's next run") {
  const auto end = run_child([] {
    weft::runner one;
    one.run([] { std::raise(SIGINT); });
    one.run([] {
      weft::await_sleep(std::chrono::milliseconds(1));
      say("second run done");
    });
    one.close();
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGINT);
  CHECK(end.says("second run done"));
}

TEST_CASE("sem 76: a SIGINT while run() closes ends the process, once all is unwound") {
  const auto end = run_child([] {
    weft::run([] {
      weft::spawn([] {
        struct unwinds_slowly {
          ~unwinds_slowly() {
            weft::await_sleep(std::chrono::milliseconds(1));
            say("unwound");
          }
        } const last;
        try {
          sleep_for_ever();
        } catch (const weft::cancelled&) {
          std::raise(SIGINT);
          throw;
        }
      }).detach();
      weft::yield();
    });
    say("went on");
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGINT);
  CHECK(end.says("unwound"));
  CHECK_FALSE(end.says("went on"));
}

// SPDX-License-Identifier: BSL-1.0
// errno belongs to the fiber: neither a neighbour nor the loop's own system calls change it.
#include <cerrno>
#include <chrono>
#include <thread>

#include <unistd.h>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::no_leaks;

TEST_CASE_FIXTURE(no_leaks, "sem 83: errno: each fiber keeps its own across a park") {
  run([] {
    auto keeps = [](int mine) {
      int wrong = 0;
      for (int i = 0; i < 100; ++i) {
        errno = mine + i;
        weft::yield();
        if (errno != mine + i) ++wrong;
      }
      return wrong;
    };
    auto first = weft::spawn(keeps, 1000);
    auto second = weft::spawn(keeps, 2000);
    errno = 77;
    CHECK(first.get() == 0);
    CHECK(second.get() == 0);
    errno = 0;
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 83: errno: main keeps its own over join() of a fiber that sets it") {
  run([] {
    auto spoils = weft::spawn([] {
      if (close(-1) == 0) return;
      weft::yield();
      errno = ENOTTY;
    });
    errno = EDOM;
    spoils.join();
    CHECK(errno == EDOM);
  });
}

TEST_CASE_FIXTURE(no_leaks, "H4: errno: the loop's own waiting in the kernel leaves it alone") {
  run([] {
    errno = EDOM;
    weft::await_sleep(2ms);
    CHECK(errno == EDOM);
    weft::promise<void> gate;
    auto opened = gate.get_future();
    std::thread other([&] {
      errno = ERANGE;
      gate.set_value();
    });
    errno = EILSEQ;
    opened.get();
    CHECK(errno == EILSEQ);
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "H4: errno: kept when a cancellation ends the wait") {
  run([] {
    int seen = 0;
    auto sleeper = weft::spawn([&] {
      errno = EPROTO;
      try {
        weft::await_sleep(weft::duration::max());
      } catch (const weft::cancelled&) {
        seen = errno;
        throw;
      }
    });
    weft::yield();
    errno = ENOTTY;
    sleeper.cancel();
    sleeper.join();
    CHECK(seen == EPROTO);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "H4: errno: a fresh fiber begins with 0, whatever its spawner left there") {
  run([] {
    errno = EBADMSG;
    auto fresh = weft::spawn([] { return errno; });
    CHECK(fresh.get() == 0);
    CHECK(errno == EBADMSG);
    auto spoils = weft::spawn([] { errno = ENOTTY; });
    auto recycled = weft::spawn([] { return errno; });
    spoils.join();
    CHECK(recycled.get() == 0);
  });
}

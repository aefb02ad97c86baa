// SPDX-License-Identifier: BSL-1.0
// A cancellation is an exception on the fiber's own stack. What legacy code does to exceptions must
// not lose it (iostreams swallow), and what runs while it travels (destructors) must not meet a
// second one: that would be std::terminate.
#include <chrono>
#include <ostream>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::counted;
using weft_tests::no_leaks;

namespace {

// A stream buffer that parks for every character, as one over a socket would.
class parking_buffer final : public std::streambuf {
 protected:
  int_type overflow(int_type c) override {
    weft::await_sleep(1s);
    return c;
  }
  std::streamsize xsputn(const char*, std::streamsize count) override {
    weft::await_sleep(1s);
    return count;
  }
};

// Sleeps in its destructor, as one that says good-bye to a peer would. Implicitly noexcept.
struct sleeps_on_destruction {
  weft::duration span;
  std::vector<weft::time_point>& woken_at;
  ~sleeps_on_destruction() {
    weft::await_sleep(span);
    woken_at.push_back(weft::now());
  }
};

struct virtual_time : no_leaks {
  virtual_time() { how.time = &clock; }
  weft::testing::virtual_clock clock;
  weft::options how;
};

bool wait_throws_cancelled() {
  try {
    weft::await_sleep(1s);
  } catch (const weft::cancelled&) {
    return true;
  }
  return false;
}

}  // namespace

TEST_CASE_FIXTURE(virtual_time,
                  "sem 5: iostreams swallow a cancellation; the next wait has it again") {
  run(how, [] {
    bool stream_bad = false;
    int thrown_again = 0;
    auto writer = weft::spawn([&] {
      parking_buffer buffer;
      std::ostream out(&buffer);
      out << "hello";  // libstdc++ catches (...) and sets badbit
      stream_bad = out.bad();
      for (int i = 0; i < 3; ++i) thrown_again += wait_throws_cancelled() ? 1 : 0;
      weft::await_sleep(1h);
    });
    weft::yield();
    writer.cancel();
    const auto start = weft::now();
    writer.join();
    CHECK(stream_bad);
    CHECK(thrown_again == 3);
    CHECK(writer.was_cancelled());
    CHECK(weft::now() == start);
  });
}

TEST_CASE_FIXTURE(virtual_time,
                  "sem 88: a body that swallows and waits again is thrown at until done") {
  run(how, [] {
    int swallowed = 0;
    auto stubborn = weft::spawn([&] {
      const counted here;
      while (swallowed < 100) {
        try {
          weft::yield();
        } catch (...) {
          ++swallowed;
        }
      }
      return 7;
    });
    weft::yield();
    stubborn.cancel();
    CHECK(stubborn.get() == 7);
    CHECK(swallowed == 100);
    CHECK_FALSE(stubborn.was_cancelled());
    CHECK(counted::alive() == 0);
  });
}

TEST_CASE_FIXTURE(virtual_time,
                  "sem 9: a destructor that sleeps while a cancel unwinds really sleeps") {
  run(how, [] {
    std::vector<weft::time_point> woken_at;
    auto parked = weft::spawn([&] {
      const sleeps_on_destruction outer{2s, woken_at};
      const sleeps_on_destruction inner{3s, woken_at};
      weft::await_sleep(weft::duration::max());
    });
    weft::yield();
    const auto start = weft::now();
    parked.cancel();
    parked.join();
    REQUIRE(woken_at.size() == 2);
    CHECK(woken_at[0] - start == 3s);
    CHECK(woken_at[1] - start == 5s);
    CHECK(parked.was_cancelled());
  });
}

TEST_CASE_FIXTURE(virtual_time,
                  "sem 9: cancelled while a destructor already sleeps: it sleeps on") {
  run(how, [] {
    std::vector<weft::time_point> woken_at;
    std::string caught;
    bool next_wait_threw = false;
    auto unwinding = weft::spawn([&] {
      try {
        const sleeps_on_destruction here{4s, woken_at};
        throw std::runtime_error("its own");
      } catch (const std::runtime_error& error) {
        caught = error.what();
      }
      next_wait_threw = wait_throws_cancelled();
    });
    weft::yield();
    const auto start = weft::now();
    unwinding.cancel();
    unwinding.join();
    REQUIRE(woken_at.size() == 1);
    CHECK(woken_at[0] - start == 4s);
    CHECK(caught == "its own");
    CHECK(next_wait_threw);
  });
}

TEST_CASE_FIXTURE(virtual_time,
                  "H6: a task handle destroyed in a cancelled fiber waits without a throw") {
  run(how, [] {
    std::vector<weft::time_point> woken_at;
    auto parent = weft::spawn([&] {
      auto grandchild = weft::spawn([&] {
        const sleeps_on_destruction here{3s, woken_at};
        weft::await_sleep(weft::duration::max());
      });
      weft::await_sleep(weft::duration::max());
    });
    weft::testing::wait_all_blocked();
    const auto start = weft::now();
    parent.cancel();
    parent.join();
    REQUIRE(woken_at.size() == 1);
    CHECK(woken_at[0] - start == 3s);
  });
}

TEST_CASE_FIXTURE(virtual_time,
                  "H6: a handle that leaves in order in a cancelled fiber waits, too") {
  run(how, [] {
    bool ended = false;
    bool reached_the_end = false;
    auto parent = weft::spawn([&] {
      {
        auto inner = weft::spawn([&] {
          struct note {
            bool& done;
            ~note() { done = true; }
          } at_end{ended};
          weft::await_sleep(weft::duration::max());
        });
        try {
          weft::await_sleep(weft::duration::max());
        } catch (const weft::cancelled&) {
        }
      }  // ~task: noexcept, with the cancellation still due
      reached_the_end = ended;
    });
    weft::testing::wait_all_blocked();
    parent.cancel();
    parent.join();
    CHECK(reached_the_end);
    CHECK_FALSE(parent.was_cancelled());
  });
}

TEST_CASE_FIXTURE(virtual_time, "sem 9: while one fiber unwinds, another is cancelled as usual") {
  run(how, [] {
    std::vector<weft::time_point> woken_at;
    auto unwinding = weft::spawn([&] {
      try {
        const sleeps_on_destruction here{4s, woken_at};
        throw 1;
      } catch (int) {
      }
    });
    auto sleeping = weft::spawn([] { weft::await_sleep(1h); });
    weft::testing::wait_all_blocked();
    const auto start = weft::now();
    sleeping.cancel();
    sleeping.join();
    CHECK(sleeping.was_cancelled());
    CHECK(weft::now() == start);
    unwinding.get();
  });
}

TEST_CASE_FIXTURE(virtual_time,
                  "sem 9: what a destructor catches and throws inside leaves it waiting") {
  run(how, [] {
    int waits_done = 0;
    struct busy_cleanup {
      int& waits_done;
      ~busy_cleanup() {
        for (int i = 0; i < 3; ++i) {
          try {
            weft::await_sleep(1s);
            throw i;
          } catch (int) {
            weft::yield();
            ++waits_done;
          }
        }
      }
    };
    auto parked = weft::spawn([&] {
      const busy_cleanup here{waits_done};
      weft::await_sleep(weft::duration::max());
    });
    weft::yield();
    const auto start = weft::now();
    parked.cancel();
    parked.join();
    CHECK(waits_done == 3);
    CHECK(weft::now() - start == 3s);
  });
}

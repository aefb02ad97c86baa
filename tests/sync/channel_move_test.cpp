// SPDX-License-Identifier: BSL-1.0
// Values whose move throws, or parks: no user code runs under a channel's lock, and a channel whose
// value could not be moved is as before.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "sync/kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/channel.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::any_thread;
using weft_tests::on_virtual_time;
using weft_tests::one_loop;

namespace {

// Throws at the n-th move from now; parks in each if told to.
struct balky {
  static int until_throw;
  static bool parks;
  static int living;

  explicit balky(int given) : number(given) { ++living; }
  balky(balky&& other) : number(other.number) {
    if (parks) weft::yield();
    if (until_throw > 0 && --until_throw == 0) throw std::runtime_error("move");
    other.number = -1;
    ++living;
  }
  balky& operator=(balky&& other) noexcept {
    number = other.number;
    other.number = -1;
    return *this;
  }
  ~balky() { --living; }

  int number;
};
int balky::until_throw = 0;
bool balky::parks = false;
int balky::living = 0;

struct slow {  // parks, but never throws
  explicit slow(int given) : number(given) {}
  slow(slow&& other) noexcept : number(other.number) { weft::yield(); }
  slow& operator=(slow&& other) noexcept = default;
  int number;
};

struct calm : on_virtual_time {
  calm() {
    balky::until_throw = 0;
    balky::parks = false;
  }
  ~calm() { CHECK(balky::living == 0); }
};

}  // namespace

TEST_CASE_TEMPLATE("sem 69: a move into the buffer that throws leaves the channel as before", Kind,
                   any_thread, one_loop) {
  calm().run([] {
    typename Kind::template channel<balky> ch(2);
    ch.send(balky(1));
    balky::until_throw = 1;
    balky mine(2);
    CHECK_THROWS_AS(ch.send(std::move(mine)), std::runtime_error);
    CHECK(mine.number == 2);
    CHECK(ch.size() == 1);
    ch.send(std::move(mine));
    CHECK(ch.recv()->number == 1);
    CHECK(ch.recv()->number == 2);
  });
}

TEST_CASE_TEMPLATE("sem 69: a move out of the buffer that throws leaves the value inside", Kind,
                   any_thread, one_loop) {
  calm().run([] {
    typename Kind::template channel<balky> ch(2);
    ch.send(balky(1));
    ch.send(balky(2));
    balky::until_throw = 1;
    CHECK_THROWS_AS((void)ch.recv(), std::runtime_error);
    CHECK(ch.size() == 2);
    CHECK(ch.recv()->number == 1);
    CHECK(ch.recv()->number == 2);
  });
}

TEST_CASE_TEMPLATE("sem 69: at a rendezvous the one whose call moved has the error", Kind,
                   any_thread, one_loop) {
  calm().run([] {
    typename Kind::template channel<balky> ch;
    auto sends = spawn([&] { ch.send(balky(1)); });
    weft::yield();
    balky::until_throw = 1;
    CHECK_THROWS_AS((void)ch.recv(), std::runtime_error);
    weft::yield();
    CHECK_FALSE(sends.done());
    CHECK(ch.recv()->number == 1);
    sends.get();

    int got = 0;
    auto receives = spawn([&] { got = ch.recv()->number; });
    weft::yield();
    balky::until_throw = 1;
    balky mine(2);
    CHECK_THROWS_AS(ch.send(std::move(mine)), std::runtime_error);
    weft::yield();
    CHECK_FALSE(receives.done());
    ch.send(std::move(mine));
    receives.get();
    CHECK(got == 2);
  });
}

TEST_CASE_TEMPLATE("channel: values whose moves park keep their order, and nobody is forgotten",
                   Kind, any_thread, one_loop) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    calm().run_seeded(seed, [seed] {
      typename Kind::template channel<slow> ch(seed % 4);
      std::vector<int> got;
      std::vector<weft::task<>> tasks;
      for (int s = 0; s < 3; ++s) {
        tasks.push_back(spawn([&, s] {
          for (int i = 0; i < 6; ++i) ch.send(slow(s * 100 + i));
        }));
      }
      for (int r = 0; r < 3; ++r) {
        tasks.push_back(spawn([&] {
          for (int i = 0; i < 6; ++i) got.push_back(ch.recv()->number);
        }));
      }
      for (auto& t : tasks) t.get();
      CHECK(got.size() == 18);
      int sum = 0;
      for (const int number : got) sum += number;
      CHECK(sum == 3 * 15 + 6 * 300);
      CHECK(ch.size() == 0);
    });
  }
}

TEST_CASE_TEMPLATE("channel: moves that park and throw lose nothing, under seeds", Kind, any_thread,
                   one_loop) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    calm().run_seeded(seed, [seed] {
      balky::parks = true;
      typename Kind::template channel<balky> ch(seed % 4);
      std::vector<int> got;
      int errors = 0;
      std::vector<weft::task<>> tasks;
      for (int s = 0; s < 3; ++s) {
        tasks.push_back(spawn([&, s] {
          for (int i = 0; i < 5; ++i) {
            balky value(s * 10 + i);
            for (;;) {
              try {
                ch.send(std::move(value));
                break;
              } catch (const std::runtime_error&) {
                ++errors;
                CHECK(value.number == s * 10 + i);
              }
            }
          }
        }));
      }
      for (int r = 0; r < 2; ++r) {
        tasks.push_back(spawn([&] {
          for (;;) {
            try {
              auto value = ch.recv();
              if (!value) return;
              got.push_back(value->number);
            } catch (const std::runtime_error&) {
              ++errors;
            }
          }
        }));
      }
      auto breaks = spawn([&] {
        for (int i = 0; i < 20; ++i) {
          await_sleep(1us);
          balky::until_throw = 1 + static_cast<int>((seed + static_cast<std::uint64_t>(i)) % 3);
        }
      });
      for (int s = 0; s < 3; ++s) tasks[static_cast<std::size_t>(s)].get();
      breaks.cancel();
      breaks.join();
      balky::until_throw = 0;
      ch.close();
      for (auto& t : tasks) t.join();
      std::sort(got.begin(), got.end());
      CHECK(got == std::vector<int>{0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24});
      balky::parks = false;
    });
  }
}

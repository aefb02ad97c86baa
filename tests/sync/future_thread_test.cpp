// SPDX-License-Identifier: BSL-1.0
// promise and future between fibers, loops and plain threads, and their races.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/background_loop.hpp"
#include "weft/future.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::promise;
using weft::spawn;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::scaled;

namespace {

// Keeps a thread busy for a few random instructions: races meet at different points.
void spin(std::minstd_rand& random) {
  const volatile unsigned rounds = static_cast<unsigned>(random()) % 300;
  for (volatile unsigned i = 0; i < rounds; i = i + 1) {
  }
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "future: a thread sets, a fiber gets, and its loop runs on meanwhile") {
  run([] {
    promise<std::string> p;
    auto f = p.get_future();
    promise<void> gate;
    auto other = spawn([&] { gate.set_value(); });
    std::thread setter([&, entry = gate.get_future()]() mutable {
      entry.get();  // only a fiber that runs while main waits opens it
      p.set_value("from a thread");
    });
    CHECK(f.get() == "from a thread");
    setter.join();
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "future: a fiber sets, a plain thread blocks in get()") {
  promise<int> p;
  int result = 0;
  std::thread getter([&, f = p.get_future()]() mutable { result = f.get(); });
  run([&] {
    weft::yield();
    p.set_value(5);
  });
  getter.join();
  CHECK(result == 5);
}

TEST_CASE_FIXTURE(no_leaks, "future: between two plain threads, without any loop") {
  promise<std::unique_ptr<int>> p;
  auto f = p.get_future();
  std::thread setter(
      [moved = std::move(p)]() mutable { moved.set_value(std::make_unique<int>(5)); });
  CHECK(*f.get() == 5);
  setter.join();
}

TEST_CASE_FIXTURE(no_leaks, "future: between the fibers of two loops, both ways") {
  run([] {
    weft::background_loop other;
    promise<int> there;
    promise<int> back;
    auto answer = back.get_future();
    other.ref().post(
        [entry = there.get_future(), &back]() mutable { back.set_value(entry.get() + 1); });
    there.set_value(4);
    CHECK(answer.get() == 5);
  });
}

TEST_CASE_FIXTURE(no_leaks, "future: errors and broken promises cross threads as well") {
  run([] {
    promise<int> told;
    promise<int> broken;
    auto a = told.get_future();
    auto b = broken.get_future();
    std::thread other([x = std::move(told), y = std::move(broken)]() mutable {
      // A statement of its own: none of our copies may be left when the fiber reads the text.
      std::exception_ptr error = std::make_exception_ptr(std::runtime_error("across"));
      x.set_exception(std::move(error));
      const promise<int> dies = std::move(y);
    });
    CHECK_THROWS_WITH_AS(a.get(), "across", std::runtime_error);
    CHECK_THROWS_AS(b.get(), std::future_error);
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 80: wait_until() on a plain thread blocks it until the deadline") {
  promise<int> p;
  auto f = p.get_future();
  const auto start = weft::now();
  CHECK_FALSE(f.wait_for(2ms));
  CHECK(weft::now() >= start + 2ms);
  CHECK_FALSE(f.wait_until(weft::time_point::min()));
  std::thread setter([&] { p.set_value(5); });
  CHECK(f.wait_for(std::chrono::hours::max()));
  setter.join();
  CHECK(f.get() == 5);
}

TEST_CASE_FIXTURE(no_leaks, "future: of many that set at once exactly one succeeds") {
  for (std::size_t round = 0; round < scaled(200, 40); ++round) {
    promise<std::size_t> p;
    auto f = p.get_future();
    std::atomic<int> successes{0};
    std::atomic<std::size_t> winner{99};
    std::vector<std::thread> setters;
    for (std::size_t i = 0; i < 4; ++i) {
      setters.emplace_back([&, i] {
        try {
          p.set_value(i);
          ++successes;
          winner = i;
        } catch (const std::future_error&) {
        }
      });
    }
    const std::size_t got = f.get();
    for (auto& one : setters) one.join();
    REQUIRE(successes == 1);
    REQUIRE(got == winner);
  }
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 3: a value that is under way when cancel arrives is returned by the wait") {
  run([] {
    promise<int> p;
    auto f = p.get_future();
    int got = 0;
    auto waiter = spawn([&] { got = f.get(); });
    weft::yield();
    std::thread([&] { p.set_value(7); }).join();  // its message lies in the inbox, not yet read
    waiter.cancel();
    waiter.join();
    CHECK(got == 7);
    CHECK_FALSE(waiter.was_cancelled());
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 58: a value that is under way at the deadline is seen by the wait") {
  // On the machine's clock: with a virtual one the loop would read its inbox in between.
  run([] {
    promise<int> p;
    auto f = p.get_future();
    bool is_there = false;
    const auto deadline = weft::now() + 50ms;  // not over before both wait for it
    // One look at the clock wakes both, the elder first. When it sets the value, the waiter's time
    // is up, and it has not run yet.
    auto elder = spawn([&] {
      weft::await_sleep_until(deadline);
      std::thread([&] { p.set_value(7); }).join();
    });
    auto waiter = spawn([&] { is_there = f.wait_until(deadline); });
    elder.join();
    waiter.join();
    CHECK(is_there);
    CHECK(f.get() == 7);
  });
}

// One thread sets, at a random moment, what a fiber waits for while another fiber cancels it: the
// value is either returned by the wait or still in the future.
TEST_CASE_FIXTURE(no_leaks,
                  "sem 3: a value set while its waiter is being cancelled is never lost") {
  constexpr std::uint32_t seed = 20240229;
  INFO("seed " << seed);
  const std::size_t rounds = scaled(10'000, 1'500);
  std::vector<promise<counted>> promises(rounds);
  std::vector<weft::future<counted>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  std::atomic<std::size_t> may_set{0};
  std::thread setter([&] {
    std::minstd_rand random(seed);
    for (std::size_t i = 0; i < rounds; ++i) {
      // A little ahead or behind: meeting exactly at each round would cost a time slice each.
      while (may_set.load() + 16 <= i) std::this_thread::yield();
      spin(random);
      promises[i].set_value(counted());
    }
  });
  std::size_t returned = 0;
  std::size_t kept = 0;
  run([&] {
    std::minstd_rand random(seed + 1);
    for (std::size_t i = 0; i < rounds; ++i) {
      auto waiter = spawn([&] {
        static_cast<void>(futures[i].get());
        ++returned;
      });
      weft::yield();
      may_set = i + 1;
      spin(random);
      waiter.cancel();
      waiter.join();
      if (waiter.was_cancelled() && futures[i].valid()) {
        static_cast<void>(futures[i].get());
        ++kept;
      }
    }
  });
  setter.join();
  CHECK(returned + kept == rounds);
  promises.clear();
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "sem 58: a value set around its waiter's deadline is never lost") {
  constexpr std::uint32_t seed = 7;
  INFO("seed " << seed);
  const std::size_t rounds = scaled(2'000, 300);
  std::vector<promise<int>> promises(rounds);
  std::vector<weft::future<int>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  std::atomic<std::size_t> may_set{0};
  std::thread setter([&] {
    std::minstd_rand random(seed);
    for (std::size_t i = 0; i < rounds; ++i) {
      while (may_set.load() + 4 <= i) std::this_thread::yield();
      for (int k = 0; k < 20; ++k) spin(random);
      promises[i].set_value(static_cast<int>(i));
    }
  });
  run([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      auto& f = futures[i];
      may_set = i + 1;
      const bool is_there = f.wait_for(10us);
      if (is_there) REQUIRE(f.is_ready());
      REQUIRE(f.get() == static_cast<int>(i));
    }
  });
  setter.join();
}

TEST_CASE_FIXTURE(no_leaks, "future: ping-pong between a fiber and a thread loses nothing") {
  const std::size_t rounds = scaled(500, 200);
  std::vector<promise<std::size_t>> to_thread(rounds);
  std::vector<promise<std::size_t>> to_fiber(rounds);
  std::thread echo([&] {
    for (std::size_t i = 0; i < rounds; ++i) to_fiber[i].set_value(to_thread[i].get_future().get());
  });
  run([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      auto f = to_fiber[i].get_future();
      to_thread[i].set_value(i);
      REQUIRE(f.get() == i);
    }
  });
  echo.join();
}

TEST_CASE_FIXTURE(no_leaks, "future: the last end to go frees the state, whichever it is") {
  for (std::size_t round = 0; round < scaled(500, 100); ++round) {
    auto p = std::make_unique<promise<counted>>();
    auto f = std::make_unique<weft::future<counted>>(p->get_future());
    p->set_value(counted());
    std::thread drops([&] { p.reset(); });
    f.reset();
    drops.join();
    REQUIRE(counted::alive() == 0);
  }
}

TEST_CASE_FIXTURE(no_leaks, "future: it may be destroyed while the value is being set") {
  for (std::size_t round = 0; round < scaled(500, 100); ++round) {
    promise<counted> p;
    auto f = std::make_unique<weft::future<counted>>(p.get_future());
    std::thread setter([&] { p.set_value(counted()); });
    f.reset();
    setter.join();
  }
  CHECK(counted::alive() == 0);
}

// SPDX-License-Identifier: BSL-1.0
// to_thread: what comes back from the thread, and how.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <pthread.h>
#include <signal.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"
#include "sync/pool_at_rest.hpp"
#include "weft/background_loop.hpp"
#include "weft/fork.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"
#include "weft/to_thread.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft::to_thread;
using weft_tests::counted;
using weft_tests::pool_at_rest;

namespace {

struct account {
  int balance = 5;
  virtual int add(int more) { return balance += more; }  // virtual: g++ 12 warns of a plain one
  virtual ~account() = default;
};

}  // namespace

// First in the file: its child must start while the process has one thread.
TEST_CASE("to_thread: a process may end while a thread of the pool is idle, or busy") {
  const auto idle = weft_tests::run_child([] {
    weft::run([] { to_thread([] {}); });
    std::exit(3);
    return 0;
  });
  CHECK(idle.status == 3);
  const auto busy = weft_tests::run_child([] {
    weft::run([] {
      std::promise<void> begun;
      auto caller = spawn([&begun] {
        to_thread(weft::abandon_on_cancel, [&begun] {
          begun.set_value();
          std::this_thread::sleep_for(1h);
        });
      });
      weft::yield();
      begun.get_future().wait();
      caller.cancel();
      caller.join();
    });
    std::exit(4);
    return 0;
  });
  CHECK(busy.status == 4);
  CHECK(idle.output + busy.output == "");
}

TEST_CASE("sem 90: after fork() a child has a pool of its own") {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer allows no threads after such a fork");
  const auto child = weft_tests::run_child([] {
    return weft::run([] {
      const auto parents = to_thread([] { return std::this_thread::get_id(); });
      static_cast<void>(parents);
      const pid_t process = fork();
      if (process != 0) {
        int how = 0;
        waitpid(process, &how, 0);
        return WIFEXITED(how) && WEXITSTATUS(how) == 5 && to_thread([] { return 2; }) == 2 ? 0 : 1;
      }
      alarm(weft_tests::child::patience);
      weft::after_fork_child();
      if (weft::measure_thread_pool().threads != 0) _exit(1);
      _exit(to_thread([] { return 5; }));
    });
  });
  CHECK(child.status == 0);
}

TEST_CASE("sem 90: what was under way in a pool at fork() can be cancelled in the child") {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer allows no threads after such a fork");
  const auto child = weft_tests::run_child([] {
    return weft::run([] {
      std::promise<void> begun;
      std::promise<void> end;
      auto running = spawn([&] {
        to_thread([&] {
          begun.set_value();
          end.get_future().wait();
        });
      });
      weft::yield();
      begun.get_future().wait();
      const pid_t process = fork();
      if (process == 0) {
        alarm(weft_tests::child::patience);
        weft::after_fork_child();
        running.cancel();
        running.join();
        _exit(running.was_cancelled() ? 6 : 1);
      }
      int how = 0;
      waitpid(process, &how, 0);
      end.set_value();
      running.get();
      return WIFEXITED(how) && WEXITSTATUS(how) == 6 ? 0 : 1;
    });
  });
  CHECK(child.status == 0);
}

TEST_CASE_FIXTURE(pool_at_rest, "to_thread: the result comes back from another thread") {
  run([] {
    const auto here = std::this_thread::get_id();
    CHECK(to_thread([] { return std::this_thread::get_id(); }) != here);
    CHECK(to_thread([](int a, int b) { return a + b; }, 2, 3) == 5);
    CHECK(to_thread([] { return std::string(1000, 'x'); }).size() == 1000);
    const counted returned = to_thread([] { return counted(); });
    to_thread([] {});
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "to_thread: the loop runs on meanwhile") {
  run([] {
    std::promise<void> gate;
    auto other = spawn([&] { gate.set_value(); });
    to_thread([&] { gate.get_future().wait(); });  // only a fiber that runs meanwhile opens it
    other.join();
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 78: references are passed as they are, nothing is copied") {
  run([] {
    std::string text = "a";
    const std::string* seen = nullptr;
    to_thread([&](std::string& s) { s += "b", seen = &s; }, text);
    CHECK(text == "ab");
    CHECK(seen == &text);
    std::string& same = to_thread([](std::string& s) -> std::string& { return s; }, text);
    CHECK(&same == &text);
    std::string&& moved =
        to_thread([](std::string& s) -> std::string&& { return std::move(s); }, text);
    CHECK(&moved == &text);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "to_thread: move-only callables, arguments and results") {
  run([] {
    auto given = std::make_unique<int>(4);
    const auto back = to_thread(
        [kept = std::make_unique<int>(3)](std::unique_ptr<int> a) {
          *a += *kept;
          return a;
        },
        std::move(given));
    CHECK(*back == 7);
    CHECK(given == nullptr);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "to_thread: member functions, as std::invoke calls them") {
  run([] {
    account mine;
    CHECK(to_thread(&account::add, mine, 2) == 7);
    CHECK(to_thread(&account::add, &mine, 2) == 9);
    CHECK(to_thread(&account::balance, mine) == 9);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "to_thread: an exception comes back as it was thrown") {
  run([] {
    CHECK_THROWS_WITH_AS(to_thread([] { throw std::runtime_error("from a thread"); }),
                         "from a thread", std::runtime_error);
    CHECK_THROWS_AS(to_thread([]() -> int { throw 5; }), int);
    CHECK(to_thread([] { return 1; }) == 1);  // the thread outlived them
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 80: on a plain thread it is an ordinary call") {
  const auto here = std::this_thread::get_id();
  CHECK(to_thread([] { return std::this_thread::get_id(); }) == here);
  CHECK(to_thread(weft::abandon_on_cancel, [] { return std::this_thread::get_id(); }) == here);
  CHECK_THROWS_AS(to_thread([] { throw 5; }), int);
  run([] {  // so inside itself it needs no second thread
    const auto [outer, inner] = to_thread([] {
      const auto mine = std::this_thread::get_id();
      return std::pair(mine, to_thread([] { return std::this_thread::get_id(); }));
    });
    CHECK(outer == inner);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "to_thread: fibers of several loops share the pool") {
  constexpr int loops = 4;
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < loops; ++i) {
    threads.emplace_back([&sum] {
      weft::run([&sum] {
        std::vector<weft::task<int>> calls;
        for (int k = 0; k < 20; ++k) {
          calls.push_back(spawn([k] { return to_thread([k] { return k; }); }));
        }
        for (const int k : weft::gather(calls)) sum += k;
      });
    });
  }
  for (auto& one : threads) one.join();
  CHECK(sum == loops * 190);
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 98: a virtual clock waits for the thread") {
  weft::testing::virtual_clock clock;
  weft::options how;
  how.time = &clock;
  run(how, [] {
    const auto begin = weft::now();
    auto sleeper = spawn([] { weft::await_sleep(1h); });
    weft::yield();
    std::promise<void> gate;
    std::thread opener([&gate] {
      std::this_thread::sleep_for(2ms);  // real time, in which the clock could have jumped
      gate.set_value();
    });
    to_thread([&] { gate.get_future().wait(); });
    CHECK(weft::now() == begin);
    opener.join();
    sleeper.join();
    CHECK(weft::now() == begin + 1h);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "to_thread: its threads have a name and leave signals to others") {
  run([] {
    to_thread([] {
      char name[16] = "";
      pthread_getname_np(pthread_self(), name, sizeof name);
      CHECK(std::string(name) == "weft-pool");
      sigset_t blocked;
      pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      for (const int number : {SIGINT, SIGTERM, SIGCHLD, SIGPROF, SIGURG, SIGUSR1}) {
        CHECK(sigismember(&blocked, number) == 1);
      }
      for (const int number : {SIGSEGV, SIGFPE, SIGBUS, SIGILL}) {
        CHECK(sigismember(&blocked, number) == 0);  // a crash still reaches its handler
      }
    });
    sigset_t ours;
    pthread_sigmask(SIG_SETMASK, nullptr, &ours);
    CHECK(sigismember(&ours, SIGTERM) == 0);
  });
}

TEST_CASE("to_thread: pthread_exit() on its thread says what it would leave behind") {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer ends a thread before its stack is unwound");
  const auto end = weft_tests::run_child([] {
    weft::run([] { to_thread([] { pthread_exit(nullptr); }); });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("weft: pthread_exit() or pthread_cancel() ended a thread of the pool"));
}

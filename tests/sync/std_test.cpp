// SPDX-License-Identifier: BSL-1.0
// Look-alikes of <thread>, <mutex> and <future>: what they do as there, and what is said to differ.
#include "weft/std.hpp"

#include <cerrno>
#include <chrono>
#include <exception>
#include <memory>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
namespace threading = weft::std_compat;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_virtual_time, "std thread: arguments are copied, references by std::ref") {
  run([] {
    int sum = 0;
    auto add = [](int& to, int a, std::unique_ptr<int> b) {
      threading::this_thread::sleep_for(1s);
      to += a + *b;
    };
    threading::thread one(add, std::ref(sum), 1, std::make_unique<int>(2));
    CHECK(one.joinable());
    CHECK(sum == 0);
    one.join();
    CHECK(sum == 3);
    CHECK_FALSE(one.joinable());
    struct counter {
      int count = 0;
      void add(int n) { count += n; }
    } c;
    threading::thread(&counter::add, &c, 4).join();
    CHECK(c.count == 4);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "std thread: join and detach refuse what is not joinable") {
  run([] {
    threading::thread none;
    CHECK_THROWS_AS(none.join(), std::system_error);
    CHECK_THROWS_AS(none.detach(), std::system_error);
    threading::thread self;
    int error = 0;
    self = threading::thread([&] {
      try {
        self.join();
      } catch (const std::system_error& e) {
        error = e.code().value();
      }
    });
    threading::this_thread::sleep_for(1ms);
    CHECK(error == EDEADLK);
    self.join();
  });
  CHECK_THROWS_AS(threading::thread([] {}), std::logic_error);
}

TEST_CASE_FIXTURE(on_virtual_time, "std thread: a detached one runs on, until run() ends") {
  bool was_cancelled = false;
  run([&] {
    int ticks = 0;
    threading::thread([&] { ++ticks; }).detach();
    threading::thread([&] {
      try {
        threading::this_thread::sleep_for(1h);
      } catch (const weft::cancelled&) {
        was_cancelled = true;
        throw;
      }
    }).detach();
    threading::this_thread::yield();
    CHECK(ticks == 1);
  });
  CHECK(was_cancelled);
}

TEST_CASE_FIXTURE(on_virtual_time, "std thread: each has an id of its own") {
  run([] {
    threading::thread::id inside;
    threading::thread one([&] { inside = threading::this_thread::get_id(); });
    const auto outside = one.get_id();
    CHECK(outside != threading::this_thread::get_id());
    CHECK(outside != threading::thread::id());
    one.join();
    CHECK(inside == outside);
    CHECK(one.get_id() == threading::thread::id());
    const std::unordered_set<threading::thread::id> all{inside, threading::this_thread::get_id()};
    CHECK(all.size() == 2);
    std::ostringstream text;
    text << threading::this_thread::get_id();
    CHECK(text.str() == "fiber 1");
  });
  const auto mine = threading::this_thread::get_id();
  threading::thread::id other;
  std::thread([&] { other = threading::this_thread::get_id(); }).join();
  CHECK(mine == threading::this_thread::get_id());
  CHECK(mine != threading::thread::id());
}

TEST_CASE_FIXTURE(on_virtual_time, "std thread: its owner's cancel is its own") {
  run([] {
    bool was_cancelled = false;
    auto owner = weft::spawn([&] {
      threading::thread one([&] {
        try {
          threading::this_thread::sleep_for(1h);
        } catch (const weft::cancelled&) {
          was_cancelled = true;
          throw;
        }
      });
      one.join();  // throws; the destructor then does not end the program
    });
    threading::this_thread::sleep_for(1s);
    owner.cancel();
    owner.join();
    CHECK(owner.was_cancelled());
    CHECK(was_cancelled);
  });
}

TEST_CASE("std thread: destroyed while joinable, or left by an exception: the program ends") {
  const auto dies = [](auto body) {
    return weft_tests::child([&] {
             std::set_terminate([] { ::_exit(42); });
             weft::run(body);
             return 0;
           })
        .finish();
  };
  CHECK(dies([] { threading::thread one([] { weft::yield(); }); }).status == 42);
  CHECK(dies([] {
          threading::thread one([] { throw std::runtime_error("x"); });
          one.join();
        }).status == 42);
}

TEST_CASE_FIXTURE(on_virtual_time, "std mutex and condition variable: a queue as in any textbook") {
  run([] {
    threading::mutex lock;
    threading::condition_variable filled;
    std::vector<int> items;
    std::vector<int> taken;
    threading::thread consumer([&] {
      for (int i = 0; i < 3; ++i) {
        threading::unique_lock<threading::mutex> hold(lock);
        filled.wait(hold, [&] { return !items.empty(); });
        taken.push_back(items.back());
        items.pop_back();
      }
    });
    for (int i = 0; i < 3; ++i) {
      threading::this_thread::sleep_for(1s);
      const threading::lock_guard<threading::mutex> hold(lock);
      items.push_back(i);
      filled.notify_one();
    }
    consumer.join();
    CHECK(taken == std::vector<int>{0, 1, 2});
    threading::unique_lock<threading::mutex> hold(lock);
    CHECK(filled.wait_for(hold, 1s) == threading::cv_status::timeout);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "std future: of a promise, a packaged_task, an async") {
  run([] {
    threading::promise<std::string> give;
    threading::future<std::string> take = give.get_future();
    CHECK(take.wait_for(1s) == threading::future_status::timeout);
    threading::thread giver([&] { give.set_value("here"); });
    CHECK(take.get() == "here");
    CHECK_FALSE(take.valid());
    giver.join();

    threading::packaged_task<int(int)> twice([](int n) { return 2 * n; });
    auto doubled = twice.get_future();
    threading::thread(std::move(twice), 4).join();
    CHECK(doubled.get() == 8);

    auto slow = threading::async(threading::launch::async, [](int n) {
      threading::this_thread::sleep_for(1s);
      return n;
    }, 5);
    CHECK(slow.wait_for(1ms) == threading::future_status::timeout);
    CHECK(slow.wait_until(weft::now() + 2s) == threading::future_status::ready);
    CHECK(slow.get() == 5);
    auto fails = threading::async([]() -> int { throw std::runtime_error("no"); });
    CHECK_THROWS_AS(fails.get(), std::runtime_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "std async: deferred runs in who waits; else the end waits") {
  run([] {
    const auto self = threading::this_thread::get_id();
    auto later = threading::async(threading::launch::deferred,
                                  [&] { return threading::this_thread::get_id() == self; });
    CHECK(later.wait_for(1s) == threading::future_status::deferred);
    CHECK(later.get());
    bool is_done = false;
    {
      auto ignored = threading::async([&] {
        threading::this_thread::sleep_for(1s);
        is_done = true;
      });
    }
    CHECK(is_done);
  });
}

TEST_CASE_FIXTURE(no_leaks, "std sleep_until: another clock's deadline") {
  run([] {
    const auto deadline = std::chrono::system_clock::now() + 3ms;
    threading::this_thread::sleep_until(deadline);
    CHECK(std::chrono::system_clock::now() >= deadline);
    threading::promise<void> never;
    CHECK(never.get_future().wait_until(std::chrono::system_clock::now() + 3ms) ==
          threading::future_status::timeout);
  });
}

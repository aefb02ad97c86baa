// SPDX-License-Identifier: BSL-1.0
// What may be spawned, what becomes of the arguments, and where and when the task starts.
#include "weft/spawn.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/this_fiber.hpp"

using weft::spawn;
using weft_tests::counted;
using weft_tests::no_leaks;

namespace {

int plain_function() { return 7; }
int twice(int value) { return 2 * value; }
int sum(int a, int b, int c) { return a + b + c; }
void increment(int& value) { ++value; }
std::size_t length(const std::string& text) { return text.size(); }

struct account {
  int balance = 10;
  int add(int amount) { return balance += amount; }
  int balance_now() const { return balance; }
};

struct throws_on_copy {
  throws_on_copy() = default;
  throws_on_copy(const throws_on_copy&) { throw std::runtime_error("no copy"); }
  int operator()() const { return 1; }
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "spawn: a function, a pointer to one, with and without arguments") {
  run([] {
    CHECK(spawn(plain_function).get() == 7);
    CHECK(spawn(&plain_function).get() == 7);
    CHECK(spawn(twice, 21).get() == 42);
    CHECK(spawn(sum, 1, 2, 3).get() == 6);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: lambdas, std::function, std::bind, mutable callables") {
  run([] {
    const std::function<int(int)> wrapped = twice;
    CHECK(spawn([] { return 1; }).get() == 1);
    CHECK(spawn(wrapped, 4).get() == 8);
    CHECK(spawn(std::bind(&sum, 1, std::placeholders::_1, 1), 5).get() == 7);
    CHECK(spawn([n = 1]() mutable { return ++n; }).get() == 2);
    CHECK(spawn([](auto value) { return value; }, 'c').get() == 'c');
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "spawn: member pointers on a reference, a pointer, a copy, a shared_ptr") {
  run([] {
    account mine;
    CHECK(spawn(&account::add, std::ref(mine), 5).get() == 15);
    CHECK(spawn(&account::add, &mine, 5).get() == 20);
    CHECK(spawn(&account::add, mine, 100).get() == 120);
    CHECK(mine.balance == 20);
    CHECK(spawn(&account::balance_now, std::cref(mine)).get() == 20);
    CHECK(spawn(&account::add, std::make_shared<account>(), 1).get() == 11);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: a pointer to a data member gives the member itself") {
  run([] {
    account mine;
    auto t = spawn(&account::balance, std::ref(mine));
    static_assert(std::is_same_v<decltype(t.get()), int&>);
    CHECK(&t.get() == &mine.balance);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: arguments are decayed as std::thread does") {
  run([] {
    CHECK(spawn(length, "seven!!").get() == 7);
    int values[3] = {1, 2, 3};
    auto t = spawn([](auto given) {
      static_assert(std::is_same_v<decltype(given), int*>);
      return given[2];
    }, values);
    CHECK(t.get() == 3);
    std::string text = "abc";
    auto copied = spawn(length, text);
    text = "changed afterwards";
    CHECK(copied.get() == 3);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: std::ref passes a reference") {
  run([] {
    int value = 1;
    spawn(increment, std::ref(value)).get();
    CHECK(value == 2);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: move-only callables and arguments are moved in and moved on") {
  run([] {
    auto owned = std::make_unique<int>(5);
    CHECK(spawn([p = std::move(owned)] { return *p; }).get() == 5);
    CHECK(owned == nullptr);
    auto taken = spawn([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(6));
    CHECK(*taken.get() == 6);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: a callable is called as an rvalue, once") {
  struct only_rvalue {
    int operator()() && { return 1; }
    int operator()() & = delete;
  };
  run([] { CHECK(spawn(only_rvalue{}).get() == 1); });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: a callable too large for the record works the same") {
  run([] {
    std::array<int, 4096> large{};
    large.front() = 1;
    large.back() = 2;
    const counted witness;
    CHECK(spawn([large, witness] { return large.front() + large.back(); }).get() == 3);
    auto returned = spawn([](std::array<int, 4096> in) { return in; }, large);
    CHECK(returned.get() == large);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: an over-aligned callable and result keep their alignment") {
  struct alignas(256) wide {
    char bytes[256] = {};
    bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(this) % 256 == 0; }
  };
  run([] {
    const wide object;
    CHECK(spawn([object] { return object.is_aligned(); }).get());
    auto t = spawn([] { return wide(); });
    t.join();
    CHECK(t.get().is_aligned());
    struct alignas(64) line {
      char bytes[64] = {};
    };
    CHECK(spawn([cache_line = line()] {
            return reinterpret_cast<std::uintptr_t>(&cache_line) % 64 == 0;
          }).get());
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "spawn: what copying an argument throws comes out, and nothing is left") {
  run([] {
    const std::size_t before = weft_tests::live_fibers();
    const throws_on_copy bad;
    const counted witness;
    CHECK_THROWS_WITH_AS(static_cast<void>(spawn(bad)), "no copy", std::runtime_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(spawn([](const counted&, const throws_on_copy&) {},
                                                 witness, bad)),
                         "no copy", std::runtime_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(spawn({"named"}, bad)), "no copy", std::runtime_error);
    CHECK(weft_tests::live_fibers() == before);
    CHECK(counted::alive() == 1);
    CHECK(spawn(plain_function).get() == 7);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 71: tasks spawned in one turn start in spawn order, after it") {
  run([] {
    std::vector<int> order;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(spawn([&order, i] { order.push_back(i); }));
    CHECK(order.empty());
    for (auto& t : tasks) t.join();
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: a task runs on a stack of its own, on the loop's thread") {
  run([] {
    // Frame addresses: AddressSanitizer may keep locals elsewhere.
    const char* const here = static_cast<const char*>(__builtin_frame_address(0));
    const auto thread = std::this_thread::get_id();
    auto t = spawn([&] {
      const auto gap = std::abs(static_cast<const char*>(__builtin_frame_address(0)) - here);
      return std::make_pair(gap > 32 * 1024, std::this_thread::get_id() == thread);
    });
    const auto [is_far, is_same_thread] = t.get();
    CHECK(is_far);
    CHECK(is_same_thread);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: the options name the task and give it its stack") {
  run([] {
    auto t = spawn({"reader", 1024 * 1024}, [] {
      CHECK(weft::this_fiber::name() == "reader");
      return weft::this_fiber::stack_left();
    });
    CHECK(t.name() == "reader");
    CHECK(t.get() > 900 * 1024);
    CHECK(spawn({"with arguments"}, twice, 4).get() == 8);
    CHECK(spawn({}, [] { return weft::this_fiber::stack_left(); }).get() <
          WEFT_DEFAULT_STACK_BYTES);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: a stack below the minimum is raised to it") {
  run([] {
    CHECK(spawn({"tiny", 1}, [] { return weft::this_fiber::stack_left(); }).get() > 8192);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: outside a loop it is a misuse that says so") {
  const char* const expected =
      "weft: spawn() needs a running loop, and this thread has none: call it from inside "
      "weft::run(), or hand the work over with loop_ref::post()";
  CHECK_THROWS_WITH_AS(static_cast<void>(spawn(plain_function)), expected, std::logic_error);
  run([&] {
    std::string said;
    std::thread([&] {
      try {
        static_cast<void>(spawn(plain_function));
      } catch (const std::logic_error& misuse) {
        said = misuse.what();
      }
    }).join();
    CHECK(said == expected);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: an impossible stack size is a misuse that leaves nothing") {
  run([] {
    const std::size_t before = weft_tests::live_fibers();
    CHECK_THROWS_AS(static_cast<void>(spawn({"absurd", SIZE_MAX}, plain_function)),
                    std::logic_error);
    CHECK(weft_tests::live_fibers() == before);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: the callable is destroyed before the joiner goes on") {
  run([] {
    auto t = spawn([witness = counted()] { weft::yield(); });
    CHECK(counted::alive() == 1);
    t.join();
    CHECK(counted::alive() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "spawn: a task spawns further ones, a thousand deep") {
  run([] {
    const std::function<int(int)> nest = [&](int depth) {
      return depth == 0 ? 0 : 1 + spawn(nest, depth - 1).get();
    };
    CHECK(nest(1000) == 1000);
  });
}

// SPDX-License-Identifier: BSL-1.0
// gather(): what it takes and what it gives. How it ends on errors: gather_failure_test.cpp.
#include "weft/gather.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::gather;
using weft::spawn;
using weft::task;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

int seven() { return 7; }

}  // namespace

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 37: results come in the order of the arguments, not of the ends") {
  run([] {
    const auto results = gather([] { await_sleep(3s); return 1; },
                                [] { await_sleep(1s); return std::string("two"); },
                                [] { await_sleep(2s); return 3.0; });
    static_assert(std::is_same_v<decltype(results), const std::tuple<int, std::string, double>>);
    CHECK(results == std::make_tuple(1, std::string("two"), 3.0));
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "gather: everything runs at the same time") {
  run([] {
    const auto start = weft::now();
    gather([] { await_sleep(3s); }, [] { await_sleep(1s); }, [] { await_sleep(2s); });
    CHECK(weft::now() == start + 3s);
  });
}

TEST_CASE_FIXTURE(no_leaks, "gather: callables start from left to right") {
  run([] {
    std::vector<int> order;
    gather([&] { order.push_back(1); }, [&] { order.push_back(2); }, [&] { order.push_back(3); });
    CHECK(order == std::vector<int>{1, 2, 3});
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 41: gather of nothing returns at once") {
  run([] {
    bool somebody_ran = false;
    auto other = spawn([&] { somebody_ran = true; });
    CHECK(gather() == std::tuple<>());
    std::vector<task<int>> no_tasks;
    CHECK(gather(no_tasks).empty());
    CHECK(gather(std::vector<std::function<int()>>()).empty());
    CHECK_FALSE(somebody_ran);
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "gather: void becomes std::monostate, a reference a reference_wrapper") {
  run([] {
    int target = 1;
    const auto results = gather([] {}, [&]() -> int& { return target; },
                                [&]() -> const int& { return target; });
    static_assert(std::is_same_v<decltype(results),
                                 const std::tuple<std::monostate, std::reference_wrapper<int>,
                                                  std::reference_wrapper<const int>>>);
    CHECK(&std::get<1>(results).get() == &target);
    CHECK(&std::get<2>(results).get() == &target);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "gather: functions, lvalue and rvalue callables, each copied or moved in") {
  run([] {
    const auto constant = [] { return 1; };
    auto owner = [p = std::make_unique<int>(2)] { return *p; };
    std::function<int()> wrapped = [] { return 3; };
    const auto results = gather(constant, std::move(owner), wrapped, seven, &seven);
    CHECK(results == std::make_tuple(1, 2, 3, 7, 7));
    CHECK(wrapped() == 3);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gather: tasks and callables, lvalues and rvalues, in one call") {
  run([] {
    auto kept = spawn([] { await_sleep(1s); return 1; });
    auto given = spawn([] { await_sleep(2s); return std::make_unique<int>(2); });
    auto [a, b, c, d] = gather(kept, std::move(given), [] { return 3; }, spawn([] { return 4; }));
    CHECK(a == 1);
    CHECK(*b == 2);
    CHECK(c == 3);
    CHECK(d == 4);
    CHECK(kept.done());
  });
}

TEST_CASE_FIXTURE(no_leaks, "gather: a single callable and a single task give a tuple of one") {
  run([] {
    CHECK(gather([] { return 1; }) == std::make_tuple(1));
    auto t = spawn([] { return 2; });
    CHECK(gather(t) == std::make_tuple(2));
    CHECK(gather(spawn([] { return 3; })) == std::make_tuple(3));
  });
}

TEST_CASE_FIXTURE(no_leaks, "gather: tasks that have all ended are not waited for") {
  run([] {
    auto a = spawn([] { return 1; });
    auto b = spawn([] { return 2; });
    a.join();
    b.join();
    bool somebody_ran = false;
    auto other = spawn([&] { somebody_ran = true; });
    CHECK(gather(a, b) == std::make_tuple(1, 2));
    CHECK_FALSE(somebody_ran);
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "gather: a result is moved out of an lvalue task, once") {
  run([] {
    auto t = spawn([] { return std::make_unique<int>(1); });
    const auto [value] = gather(t);
    CHECK(*value == 1);
    CHECK_THROWS_AS(static_cast<void>(t.get()), std::logic_error);
    CHECK_THROWS_AS(gather(t), std::logic_error);
  });
}

TEST_CASE_FIXTURE(no_leaks, "gather: a task whose result get() has taken is refused") {
  run([] {
    auto t = spawn([] { return std::string("only once"); });
    CHECK(t.get() == "only once");
    CHECK_THROWS_AS(gather(t), std::logic_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 41: the same task twice is awaited once and appears twice") {
  run([] {
    auto t = spawn([] { await_sleep(1s); return std::string("one and the same"); });
    const auto [a, b, c] = gather(t, t, t);
    CHECK(a == "one and the same");
    CHECK(b == a);
    CHECK(c == a);
    auto nothing = spawn([] {});
    gather(nothing, nothing);
    int target = 0;
    auto reference = spawn([&]() -> int& { return target; });
    const auto [first, second] = gather(reference, reference);
    CHECK(&first.get() == &second.get());
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 41: a move-only result cannot appear twice, and gather says so") {
  run([] {
    auto t = spawn({"only"}, [] { return std::make_unique<int>(1); });
    CHECK_THROWS_WITH_AS(
        static_cast<void>(gather(t, t)),
        "weft: gather() was given fiber 2 'only' twice, but its result cannot be copied; "
        "pass it once",
        std::logic_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "gather: a range of tasks gives a vector in the range's order") {
  run([] {
    std::vector<task<int>> tasks;
    for (int i = 0; i < 5; ++i) {
      tasks.push_back(spawn([i] { await_sleep(std::chrono::seconds(5 - i)); return i; }));
    }
    CHECK(gather(tasks) == std::vector<int>{0, 1, 2, 3, 4});
    std::list<task<std::unique_ptr<int>>> owners;
    owners.push_back(spawn([] { return std::make_unique<int>(1); }));
    auto values = gather(std::move(owners));
    CHECK(*values.at(0) == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gather: a range of callables, as std::vector, array and C array") {
  run([] {
    std::vector<std::function<int()>> functions;
    for (int i = 0; i < 3; ++i) functions.push_back([i] { await_sleep(1s); return i; });
    CHECK(gather(functions) == std::vector<int>{0, 1, 2});
    CHECK(gather(std::vector<std::function<int()>>(functions)) == std::vector<int>{0, 1, 2});
    const std::array<std::function<int()>, 2> fixed{seven, seven};
    CHECK(gather(fixed) == std::vector<int>{7, 7});
    int (*plain[])() = {seven, seven, seven};
    CHECK(gather(plain).size() == 3);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "gather: a range of void gives monostates, one of references wrappers") {
  run([] {
    int runs = 0;
    std::vector<std::function<void()>> steps(4, [&] { ++runs; });
    const auto nothings = gather(steps);
    static_assert(std::is_same_v<decltype(nothings), const std::vector<std::monostate>>);
    CHECK(nothings.size() == 4);
    CHECK(runs == 4);
    std::vector<std::function<int&()>> references(2, [&]() -> int& { return runs; });
    const auto wrapped = gather(references);
    CHECK(&wrapped.at(1).get() == &runs);
  });
}

TEST_CASE_FIXTURE(no_leaks, "gather: a range of a thousand") {
  run([] {
    std::vector<std::function<int()>> many;
    for (int i = 0; i < 1000; ++i) {
      many.push_back([i] {
        for (int k = 0; k < i % 7; ++k) weft::yield();
        return i;
      });
    }
    const auto results = gather(many);
    REQUIRE(results.size() == 1000);
    for (int i = 0; i < 1000; ++i) REQUIRE(results[static_cast<std::size_t>(i)] == i);
  });
}

TEST_CASE_FIXTURE(no_leaks, "gather: results larger than the record arrive whole") {
  run([] {
    std::array<int, 500> ones;
    ones.fill(1);
    const auto [a, b] = gather([&] { return ones; }, [witness = counted()] { return witness; });
    CHECK(a == ones);
    CHECK(counted::alive() == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "gather: inside a gather, a tree") {
  run([] {
    const auto leaf = [] { await_sleep(1s); return 1; };
    const auto branch = [&] {
      const auto [a, b] = gather(leaf, leaf);
      return a + b;
    };
    const auto [a, b, c] = gather(branch, branch, branch);
    CHECK(a + b + c == 6);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "gather: two fibers may gather the same task, void") {
  run([] {
    auto t = spawn([] { await_sleep(1s); });
    int arrived = 0;
    gather([&] { gather(t); ++arrived; }, [&] { gather(t); ++arrived; });
    CHECK(arrived == 2);
  });
}

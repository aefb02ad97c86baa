// SPDX-License-Identifier: BSL-1.0
// promise and future between the fibers of one loop. Across threads: future_thread_test.cpp.
#include "weft/future.hpp"

#include <array>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::future;
using weft::promise;
using weft::spawn;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

// The std::future_errc that `f` throws; a number of no errc if it throws none.
template <class F>
int error_of(F f) {
  try {
    f();
  } catch (const std::future_error& e) {
    return e.code().value();
  }
  return -1;
}
constexpr int broken = static_cast<int>(std::future_errc::broken_promise);
constexpr int satisfied = static_cast<int>(std::future_errc::promise_already_satisfied);
constexpr int retrieved = static_cast<int>(std::future_errc::future_already_retrieved);
constexpr int no_state = static_cast<int>(std::future_errc::no_state);

struct throws_on_copy {
  throws_on_copy() = default;
  throws_on_copy(const throws_on_copy&) { throw std::runtime_error("no copy"); }
  throws_on_copy(throws_on_copy&&) noexcept {}
  counted witness;
};

}  // namespace

TEST_CASE("future: both ends move, neither copies") {
  static_assert(!std::is_copy_constructible_v<future<int>>);
  static_assert(!std::is_copy_constructible_v<promise<int>>);
  static_assert(std::is_nothrow_move_constructible_v<future<int>>);
  static_assert(std::is_nothrow_move_constructible_v<promise<int>>);
  static_assert(std::is_nothrow_move_assignable_v<promise<int>>);
  CHECK_FALSE(future<int>().valid());
}

TEST_CASE_FIXTURE(no_leaks, "future: get() of a value that is there does not park") {
  run([] {
    promise<int> p;
    auto f = p.get_future();
    CHECK(f.valid());
    CHECK_FALSE(f.is_ready());
    p.set_value(5);
    CHECK(f.is_ready());
    bool somebody_ran = false;
    auto other = spawn([&] { somebody_ran = true; });
    CHECK(f.get() == 5);
    CHECK_FALSE(f.valid());
    CHECK_FALSE(somebody_ran);
    other.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "future: get() parks until another fiber sets the value") {
  run([] {
    promise<std::string> p;
    auto f = p.get_future();
    auto setter = spawn([&] {
      await_sleep(1s);
      p.set_value("at last");
    });
    const auto start = weft::now();
    CHECK(f.get() == "at last");
    CHECK(weft::now() == start + 1s);
    setter.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 47: set_value() neither parks nor runs the waiter inline") {
  run([] {
    promise<void> p;
    bool has_run = false;
    auto waiter = spawn([&, f = p.get_future()]() mutable {
      f.get();
      has_run = true;
    });
    weft::yield();
    p.set_value();
    CHECK_FALSE(has_run);
    waiter.join();
    CHECK(has_run);
  });
}

TEST_CASE_FIXTURE(no_leaks, "future: void, references, move-only and large values") {
  run([] {
    promise<void> nothing;
    auto f = nothing.get_future();
    nothing.set_value();
    f.get();

    int target = 1;
    promise<int&> reference;
    auto r = reference.get_future();
    reference.set_value(target);
    static_assert(std::is_same_v<decltype(r.get()), int&>);
    CHECK(&r.get() == &target);

    promise<std::unique_ptr<int>> owner;
    auto o = owner.get_future();
    owner.set_value(std::make_unique<int>(3));
    CHECK(*o.get() == 3);

    promise<std::array<int, 4096>> large;
    auto l = large.get_future();
    large.set_value(std::array<int, 4096>{1, 2});
    CHECK(l.get()[1] == 2);
  });
}

TEST_CASE_FIXTURE(no_leaks, "future: a value is converted as its constructor allows") {
  run([] {
    promise<std::string> p;
    auto f = p.get_future();
    p.set_value("from a literal");
    CHECK(f.get() == "from a literal");
  });
}

TEST_CASE_FIXTURE(no_leaks, "future: it works without any loop when the value is there") {
  promise<int> p;
  auto f = p.get_future();
  p.set_value(5);
  CHECK(f.get() == 5);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "future: set_exception() comes out of get(), not out of wait()") {
  run([] {
    promise<int> p;
    auto f = p.get_future();
    auto setter = spawn([&] {
      weft::yield();
      p.set_exception(std::make_exception_ptr(std::runtime_error("told")));
    });
    f.wait();
    CHECK(f.is_ready());
    CHECK(f.valid());
    CHECK_THROWS_WITH_AS(f.get(), "told", std::runtime_error);
    CHECK_FALSE(f.valid());
    setter.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "future: a promise that dies unset breaks it, for the waiting and the late") {
  run([] {
    auto waits = std::make_unique<promise<int>>();
    auto f = waits->get_future();
    auto waiter = spawn([&] { return error_of([&] { f.get(); }); });
    weft::yield();
    waits.reset();
    CHECK(waiter.get() == broken);

    future<int> late;
    { late = promise<int>().get_future(); }
    CHECK(late.is_ready());
    CHECK(error_of([&] { late.get(); }) == broken);
  });
}

TEST_CASE_FIXTURE(no_leaks, "future: assigning over an unset promise breaks the old future") {
  promise<int> p;
  auto old_future = p.get_future();
  p = promise<int>();
  CHECK(error_of([&] { old_future.get(); }) == broken);
  auto new_future = p.get_future();
  p.set_value(5);
  CHECK(new_future.get() == 5);
}

TEST_CASE_FIXTURE(no_leaks, "future: a promise is set once") {
  promise<int> p;
  auto f = p.get_future();
  p.set_value(1);
  CHECK(error_of([&] { p.set_value(2); }) == satisfied);
  CHECK(error_of([&] { p.set_exception(std::make_exception_ptr(5)); }) == satisfied);
  CHECK(f.get() == 1);
  CHECK(error_of([&] { p.set_value(3); }) == satisfied);
}

TEST_CASE_FIXTURE(no_leaks, "future: a promise gives its future once") {
  promise<int> p;
  auto f = p.get_future();
  CHECK(error_of([&] { static_cast<void>(p.get_future()); }) == retrieved);
  auto moved = std::move(p);
  CHECK(error_of([&] { static_cast<void>(moved.get_future()); }) == retrieved);
}

TEST_CASE_FIXTURE(no_leaks, "future: without a state every call says so") {
  promise<int> p;
  const promise<int> moved = std::move(p);
  CHECK(error_of([&] { p.set_value(1); }) == no_state);
  CHECK(error_of([&] { p.set_exception(std::make_exception_ptr(5)); }) == no_state);
  CHECK(error_of([&] { static_cast<void>(p.get_future()); }) == no_state);
  future<int> f;
  CHECK(error_of([&] { f.get(); }) == no_state);
  CHECK(error_of([&] { f.wait(); }) == no_state);
  CHECK(error_of([&] { f.wait_until(weft::now()); }) == no_state);
  CHECK(error_of([&] { f.wait_for(1s); }) == no_state);
  CHECK(error_of([&] { static_cast<void>(f.is_ready()); }) == no_state);
}

TEST_CASE_FIXTURE(no_leaks, "future: a value set without any future is kept, then destroyed") {
  promise<counted> p;
  p.set_value(counted());
  CHECK(counted::alive() == 1);
  CHECK(p.get_future().is_ready());
}

TEST_CASE_FIXTURE(no_leaks, "future: a value that nobody takes is destroyed") {
  {
    promise<counted> p;
    auto f = p.get_future();
    p.set_value(counted());
  }
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks,
                  "future: what the value's constructor throws leaves the promise usable") {
  promise<throws_on_copy> p;
  auto f = p.get_future();
  const throws_on_copy bad;
  CHECK_THROWS_WITH_AS(p.set_value(bad), "no copy", std::runtime_error);
  CHECK_FALSE(f.is_ready());
  p.set_value(throws_on_copy());
  CHECK(f.is_ready());
  static_cast<void>(f.get());
}

TEST_CASE_FIXTURE(no_leaks,
                  "future: after a throwing constructor a promise that dies still breaks its "
                  "future") {
  future<throws_on_copy> f;
  {
    promise<throws_on_copy> p;
    f = p.get_future();
    const throws_on_copy bad;
    CHECK_THROWS_AS(p.set_value(bad), std::runtime_error);
  }
  CHECK(error_of([&] { static_cast<void>(f.get()); }) == broken);
}

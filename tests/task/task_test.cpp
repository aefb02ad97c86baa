// SPDX-License-Identifier: BSL-1.0
// A task's result or error on every way: get, join, done, exception, name, id.
#include "weft/task.hpp"

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft::task;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

struct throws_on_move {
  throws_on_move() = default;
  throws_on_move(throws_on_move&&) { throw std::runtime_error("no move"); }
  counted witness;
};

struct own_error : std::runtime_error {
  using std::runtime_error::runtime_error;
  int code = 5;
};

}  // namespace

TEST_CASE("task: a handle is move-only and moves without throwing") {
  static_assert(!std::is_copy_constructible_v<task<int>>);
  static_assert(!std::is_copy_assignable_v<task<int>>);
  static_assert(std::is_nothrow_move_constructible_v<task<int>>);
  static_assert(std::is_nothrow_default_constructible_v<task<int>>);
  CHECK_FALSE(task<int>().valid());
}

TEST_CASE_FIXTURE(on_virtual_time, "task: get() waits for the end and returns the result") {
  run([] {
    auto t = spawn([] {
      weft::await_sleep(1s);
      return std::string("done");
    });
    CHECK_FALSE(t.done());
    CHECK(t.get() == "done");
    CHECK(t.done());
    CHECK_FALSE(t.was_cancelled());
    CHECK(t.exception() == nullptr);
  });
}

TEST_CASE_FIXTURE(no_leaks, "task: get() returns void, references and move-only results") {
  run([] {
    int target = 1;
    auto nothing = spawn([] {});
    static_assert(std::is_void_v<decltype(nothing.get())>);
    nothing.get();
    auto reference = spawn([&]() -> int& { return target; });
    static_assert(std::is_same_v<decltype(reference.get()), int&>);
    CHECK(&reference.get() == &target);
    auto constant = spawn([&]() -> const int& { return target; });
    CHECK(&constant.get() == &target);
    auto only = spawn([] { return std::make_unique<int>(3); });
    CHECK(*only.get() == 3);
  });
}

TEST_CASE_FIXTURE(no_leaks, "task: a result needs no default constructor") {
  struct strict {
    explicit strict(int given) : value(given) {}
    int value;
  };
  run([] { CHECK(spawn([] { return strict(4); }).get().value == 4); });
}

TEST_CASE_FIXTURE(no_leaks, "task: a result larger than the record arrives whole") {
  run([] {
    auto t = spawn([] {
      std::array<int, 1000> values{};
      for (int i = 0; i < 1000; ++i) values[static_cast<std::size_t>(i)] = i;
      return values;
    });
    const auto values = t.get();
    CHECK(values[0] == 0);
    CHECK(values[999] == 999);
  });
}

TEST_CASE_FIXTURE(no_leaks, "task: a result that nobody takes is destroyed with the handle") {
  run([] {
    auto t = spawn([] { return counted(); });
    t.join();
    CHECK(counted::alive() == 1);
    t = {};
    CHECK(counted::alive() == 0);
    t = spawn({"with baggage"}, [] { return counted(); });
    t.join();
    t = {};
    CHECK(counted::alive() == 0);
    spawn([] { return counted(); }).detach();
    weft::yield();
    CHECK(counted::alive() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "task: what moving the result out throws leaves get(), and leaks nothing") {
  run([] {
    auto t = spawn([] { return throws_on_move(); });  // elided: constructed in the task
    CHECK_THROWS_WITH_AS(static_cast<void>(t.get()), "no move", std::runtime_error);
    CHECK(t.exception() == nullptr);
  });
}

TEST_CASE_FIXTURE(no_leaks, "task: get() rethrows the task's own exception") {
  run([] {
    auto t = spawn([]() -> int { throw own_error("broken"); });
    int code = 0;
    try {
      static_cast<void>(t.get());
    } catch (const own_error& e) {
      code = e.code;
      CHECK(std::string(e.what()) == "broken");
    }
    CHECK(code == 5);
    CHECK_FALSE(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(no_leaks, "task: what is thrown need not be a std::exception") {
  run([] {
    auto t = spawn([] { throw 42; });
    CHECK_THROWS_AS(t.get(), int);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 85: an exception leaving the body reaches the handle as the same object") {
  run([] {
    const void* thrown = nullptr;
    auto t = spawn([&] {
      try {
        throw own_error("same");
      } catch (const own_error& e) {
        thrown = &e;
        throw;
      }
    });
    t.join();
    const std::exception_ptr kept = t.exception();
    REQUIRE(kept != nullptr);
    try {
      std::rethrow_exception(kept);
    } catch (const own_error& e) {
      CHECK(&e == thrown);
    }
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 0: join() waits and never throws the task's error") {
  run([] {
    auto t = spawn([] {
      weft::await_sleep(1s);
      throw own_error("kept for get()");
    });
    t.join();
    CHECK(t.done());
    t.join();  // as often as one likes
    CHECK_THROWS_AS(t.get(), own_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "task: exception() is empty while the task runs") {
  run([] {
    auto t = spawn([] {
      weft::await_sleep(1s);
      throw own_error("later");
    });
    CHECK(t.exception() == nullptr);
    weft::yield();
    CHECK(t.exception() == nullptr);
    t.join();
    CHECK(t.exception() != nullptr);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "task: any number of fibers may wait for one") {
  run([] {
    auto awaited = spawn([] { weft::await_sleep(1s); });
    int arrived = 0;
    std::vector<task<>> waiters;
    for (int i = 0; i < 10; ++i) {
      waiters.push_back(spawn([&] {
        awaited.join();
        ++arrived;
      }));
    }
    weft::yield();
    CHECK(arrived == 0);
    for (auto& w : waiters) w.join();
    CHECK(arrived == 10);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "task: waiters go on in the order in which they came") {
  run([] {
    auto awaited = spawn([] { weft::await_sleep(1s); });
    std::vector<int> order;
    std::vector<task<>> waiters;
    for (int i = 0; i < 4; ++i) {
      waiters.push_back(spawn([&, i] {
        awaited.join();
        order.push_back(i);
      }));
    }
    for (auto& w : waiters) w.join();
    CHECK(order == std::vector<int>{0, 1, 2, 3});
  });
}

TEST_CASE_FIXTURE(no_leaks, "task: joining a task that has ended does not park") {
  run([] {
    auto t = spawn([] { return 1; });
    t.join();
    bool somebody_ran = false;
    auto other = spawn([&] { somebody_ran = true; });
    t.join();
    CHECK(t.get() == 1);
    CHECK_FALSE(somebody_ran);
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "task: ids count from main's 1 in the order of spawn") {
  run([] {
    CHECK(weft::this_fiber::id() == weft::fiber_id{1});
    auto a = spawn([] { return weft::this_fiber::id(); });
    auto b = spawn([] { return weft::this_fiber::id(); });
    CHECK(a.id() == weft::fiber_id{2});
    CHECK(b.id() == weft::fiber_id{3});
    CHECK(a.get() == weft::fiber_id{2});
    CHECK(b.get() == weft::fiber_id{3});
    CHECK(a.id() == weft::fiber_id{2});  // also after the end
  });
}

TEST_CASE_FIXTURE(no_leaks, "task: name() is the given one, the one set inside, or empty") {
  run([] {
    CHECK(spawn([] {}).name().empty());
    auto t = spawn({"before"}, [] { weft::this_fiber::set_name("after"); });
    CHECK(t.name() == "before");
    t.join();
    CHECK(t.name() == "after");
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "task: a record that is used again has nothing of its last task") {
  run([] {
    const auto check_next = [](const weft::detail::fiber* record) {
      auto next = spawn([] {});
      CHECK(next.record() == record);
      CHECK_FALSE(next.done());
      CHECK(next.name().empty());
      next.join();
      CHECK(next.exception() == nullptr);
    };
    const auto check_reason = [](const weft::detail::fiber* record) {
      auto next = spawn([] {});
      CHECK(next.record() == record);
      next.cancel();
      const std::string text = "weft: " + weft::detail::describe(*record) + " was cancelled";
      CHECK_THROWS_WITH_AS(next.get(), text.c_str(), weft::task_cancelled);
    };
    const weft::detail::fiber* record = nullptr;
    {
      auto named = spawn({"named"}, [] {});
      record = named.record();
      named.join();
    }
    check_next(record);
    spawn([] { weft::this_fiber::set_name("renamed"); }).join();
    check_next(record);
    CHECK_THROWS_AS(spawn([] { throw own_error("lost"); }).get(), own_error);
    check_next(record);
    {
      auto stopped = spawn([] {});
      stopped.cancel("enough");
      stopped.join();
    }
    check_reason(record);
  });
}

TEST_CASE_FIXTURE(no_leaks, "task: get() a second time is a misuse that says so") {
  run([] {
    auto t = spawn({"twice"}, [] { return 1; });
    CHECK(t.get() == 1);
    CHECK_THROWS_WITH_AS(static_cast<void>(t.get()),
                         "weft: task::get() was called twice on fiber 2 'twice': the first call "
                         "took the result",
                         std::logic_error);
    auto nothing = spawn([] {});
    nothing.get();
    CHECK_THROWS_AS(nothing.get(), std::logic_error);
  });
}

TEST_CASE_FIXTURE(no_leaks, "task: a moved handle stays the same task, the old one is empty") {
  run([] {
    auto first = spawn([] { return 5; });
    const auto id = first.id();
    auto second = std::move(first);
    CHECK_FALSE(first.valid());
    CHECK(second.valid());
    CHECK(second.id() == id);
    CHECK(second.get() == 5);
    auto third = std::move(second);
    CHECK_THROWS_AS(static_cast<void>(third.get()), std::logic_error);  // was taken before
  });
}

TEST_CASE("task: an empty handle refuses every call and names it") {
  task<int> empty;
  const auto text = [](const std::string& call) {
    return "weft: task::" + call +
           " was called on an empty handle (default-constructed, moved from or detached)";
  };
  const auto refuses = [&](const std::string& call, auto f) {
    std::string said;
    try {
      f();
    } catch (const std::logic_error& misuse) {
      said = misuse.what();
    }
    CHECK(said == text(call));
  };
  refuses("join()", [&] { empty.join(); });
  refuses("get()", [&] { static_cast<void>(empty.get()); });
  refuses("cancel()", [&] { empty.cancel(); });
  refuses("detach()", [&] { empty.detach(); });
  refuses("done()", [&] { static_cast<void>(empty.done()); });
  refuses("was_cancelled()", [&] { static_cast<void>(empty.was_cancelled()); });
  refuses("exception()", [&] { static_cast<void>(empty.exception()); });
  refuses("id()", [&] { static_cast<void>(empty.id()); });
  refuses("name()", [&] { static_cast<void>(empty.name()); });
  refuses("on_done()", [&] { empty.on_done([] {}); });
}

TEST_CASE_FIXTURE(no_leaks, "task: joining oneself is a misuse that says so") {
  run([] {
    task<> t;
    std::string said;
    t = spawn({"ouroboros"}, [&] {
      try {
        t.join();
      } catch (const std::logic_error& misuse) {
        said = misuse.what();
      }
      CHECK_THROWS_AS(t.get(), std::logic_error);
    });
    weft::yield();
    t.join();
    CHECK(said == "weft: fiber 2 'ouroboros' waits for its own end: a task cannot join itself");
  });
}

// SPDX-License-Identifier: BSL-1.0
// Values of which each fiber has its own: inherited as they are at the spawn, changed by one alone.
#include "weft/fiber_local.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "sync/stuck_loops.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/gather.hpp"
#include "weft/loop_pool.hpp"
#include "weft/loop_ref.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::fiber_local;
using weft::spawn;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

fiber_local<int> number(0);
fiber_local<std::string> name;

}  // namespace

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 96: a task begins with its spawner's values as of the spawn") {
  run([] {
    number.set(1);
    name.set("parent");
    auto child = spawn([] {
      const int at_first = *number;
      weft::await_sleep(1s);
      return std::make_pair(at_first, *name + std::to_string(*number));
    });
    number.set(2);  // after the spawn, before it begins
    const auto [at_first, later] = child.get();
    CHECK(at_first == 1);
    CHECK(later == "parent1");
    CHECK(*number == 2);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 96: what a child changes its parent and siblings do not see") {
  run([] {
    number.set(1);
    std::vector<weft::task<int>> children;
    for (int i = 10; i < 13; ++i) {
      children.push_back(spawn([i] {
        number.set(i);
        weft::await_sleep(1s);
        name.set("mine");
        auto grandchild = spawn([] { return *number; });
        return *number == grandchild.get() ? *number : -1;
      }));
    }
    CHECK(weft::gather(children) == std::vector<int>{10, 11, 12});
    CHECK(*number == 1);
    CHECK(name.find() == nullptr);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 96: groups, gather and on_done inherit as spawn does") {
  run([] {
    number.set(5);
    CHECK(weft::gather([] { return *number; }, [] { return *number + 1; }) ==
          std::make_tuple(5, 6));
    weft::with_task_group(
        [](weft::task_group& group) { group.spawn([] { CHECK(*number == 5); }); });
    int seen = 0;
    auto sleeper = spawn([] { weft::await_sleep(1s); });
    sleeper.on_done([&] { seen = *number; });
    number.set(6);
    sleeper.join();
    weft::await_sleep(1s);
    CHECK(seen == 5);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "fiber_local: without a value, the default; without one, an error") {
  const fiber_local<int> seven(7);
  int made = 0;
  const fiber_local<std::string> lazy([&made] {
    ++made;
    return std::string("made");
  });
  const fiber_local<int> none;
  run([&] {
    CHECK(*seven == 7);
    CHECK(seven.find() == nullptr);
    CHECK(*lazy + *lazy == "mademade");
    CHECK(lazy->size() == 4);
    CHECK(made == 1);
    CHECK(spawn([&] { return *lazy; }).get() == "made");
    CHECK(made == 1);  // the child inherited it
    CHECK_THROWS_WITH_AS(none.get(),
                         "weft: fiber_local::get() found no value in fiber 1 'main': set() one "
                         "there or before it was spawned, give the variable a default, or ask "
                         "find()",
                         std::logic_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "fiber_local: reset() brings the default back, for this fiber") {
  run([] {
    number.reset();
    CHECK(*number == 0);
    number.set(3);
    spawn([] {
      number.reset();
      CHECK(*number == 0);
      number.set(4);
      number.reset();
      CHECK(*number == 0);
    }).get();
    CHECK(*number == 3);
    number.reset();
    CHECK(number.find() == nullptr);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "fiber_local: a scope restores what was before, also absence") {
  run([] {
    {
      const fiber_local<int>::scope outer(number, 1);
      weft::task<int> child;
      try {
        const fiber_local<int>::scope inner(number, 2);
        name.set("stays");
        child = spawn([] { return *number; });
        CHECK(*number == 2);
        throw 5;
      } catch (int) {
      }
      CHECK(*number == 1);
      CHECK(child.get() == 2);
    }
    CHECK(number.find() == nullptr);
    CHECK(*name == "stays");
  });
}

TEST_CASE_FIXTURE(no_leaks, "fiber_local: values die with the last fiber that shares them") {
  const fiber_local<std::shared_ptr<counted>> held;
  run([&] {
    held.set(std::make_shared<counted>());
    auto child = spawn([] { weft::yield(); });
    held.reset();
    CHECK(counted::alive() == 1);  // the child's
    child.join();
    CHECK(counted::alive() == 0);
    spawn([&] { held.set(std::make_shared<counted>()); }).get();
    CHECK(counted::alive() == 0);
    held.set(std::make_shared<counted>());
    spawn([] {}).cancel();  // never begins
  });
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks,
                  "fiber_local: a value's destructor runs in the fiber that ends, and may wait") {
  struct waits {
    bool* was_in_fiber;
    explicit waits(bool* where) : was_in_fiber(where) {}
    waits(waits&& other) noexcept : was_in_fiber(std::exchange(other.was_in_fiber, nullptr)) {}
    ~waits() {
      if (was_in_fiber == nullptr) return;
      weft::yield();
      *was_in_fiber = weft::this_fiber::name() == "owner" && *number == 0;
      number.set(1);  // dies with the fiber as well
    }
  };
  const fiber_local<waits> held;
  bool was_there = false;
  run([&] { spawn({"owner"}, [&] { held.set(waits(&was_there)); }).get(); });
  CHECK(was_there);
}

TEST_CASE_FIXTURE(no_leaks,
                  "fiber_local: setting again while children live leaves nothing behind") {
  run([] {
    std::vector<weft::task<>> children;
    name.set("old");
    for (int i = 0; i < 2'000; ++i) {
      number.set(i);
      children.push_back(spawn([i] {
        weft::yield();
        CHECK(*number == i);
        CHECK(*name == "old");
      }));
      const auto* const node = weft::detail::running_loop()->current->locals;
      REQUIRE(node->next->next == nullptr);  // two variables, two nodes
    }
    for (auto& one : children) one.join();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "fiber_local: a plain thread has values, main begins with them, others do not") {
  number.set(8);
  CHECK(*number == 8);
  run([] {
    CHECK(*number == 8);
    number.set(9);
  });
  CHECK(*number == 8);
  std::thread([] {
    CHECK(*number == 0);
    number.set(5);
    CHECK(*number == 5);
  }).join();
  number.reset();
  CHECK(number.find() == nullptr);
}

TEST_CASE_FIXTURE(no_leaks, "fiber_local: what is posted begins with nothing") {
  run([] {
    number.set(5);
    CHECK(weft::this_loop().call([] { return *number; }).get() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "fiber_local: a pool's task inherits from a fiber, not from a thread") {
  const fiber_local<std::shared_ptr<counted>> held;
  {
    weft::loop_pool pool(2);
    number.set(7);
    CHECK(pool.spawn([] { return *number; }).get() == 0);
    number.reset();
    pool.run([&] {
      number.set(5);
      held.set(std::make_shared<counted>());
      std::vector<weft::task<int>> tasks;
      for (int i = 0; i < 100; ++i) {
        tasks.push_back(pool.spawn([i] {
          const int inherited = *number;
          number.set(i);
          weft::yield();
          return *number == i ? inherited : -1;
        }));
      }
      held.reset();
      number.set(6);
      for (auto& one : tasks) CHECK(one.get() == 5);
      {
        weft_tests::stuck_loops stuck(pool);
        auto fresh = pool.spawn([] { return *number; });
        fresh.on_done([] { CHECK(*number == 6); });
        stuck.let_go();
        CHECK(fresh.get() == 6);
      }
    });
  }
  CHECK(counted::alive() == 0);
}

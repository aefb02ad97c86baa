// SPDX-License-Identifier: BSL-1.0
// fiber_owned beside loops, threads, guests and generators: whose value stands in the thread_local
// when.
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "loop/owned_values.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/fiber_owned.hpp"
#include "weft/generator.hpp"
#include "weft/loop_pool.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::fiber_owned;
using weft::spawn;
using weft_tests::clean_thread;
using weft_tests::depth;
using weft_tests::keeps_its_own;
using weft_tests::log_line;
using weft_tests::no_leaks;
using weft_tests::request;
using weft_tests::request_here;

TEST_CASE_FIXTURE(no_leaks, "fiber_owned: each thread's loop swaps that thread's object") {
  request = "thread";
  const fiber_owned<std::string> owned(request_here);
  {
    weft::loop_pool pool(2);
    std::vector<weft::task<bool>> all;
    for (int i = 0; i < 40; ++i) {
      all.push_back(pool.spawn([i] { return keeps_its_own(std::to_string(i), 20); }));
    }
    run([&] {
      CHECK(keeps_its_own("main"));
      for (auto& one : all) CHECK(one.get());
    });
  }
  CHECK(request == "main");
  std::thread([] {
    request = "other";
    weft::run([] { CHECK(spawn([] { return request; }).get().empty()); });
    CHECK(request == "other");
  }).join();
}

TEST_CASE_FIXTURE(no_leaks, "fiber_owned: made of an address, it is its thread's alone") {
  depth = 1;
  const fiber_owned owned(depth);
  std::thread([] {
    weft::run([] {
      depth = 5;
      CHECK(spawn([] { return depth; }).get() == 5);  // nobody swaps here
    });
  }).join();
  CHECK(depth == 1);
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: the loop's own work sees main's value") {
  struct looking_clock final : weft::clock_source {
    weft::time_point now() noexcept override {
      if (weft::detail::running_loop() != nullptr && !weft::in_fiber()) {
        ++looks;
        if (request != "main") ++strange;
      }
      return inner.now();
    }
    bool jump(weft::time_point next) noexcept override { return inner.jump(next); }
    bool is_wall_time() const noexcept override { return false; }
    weft::testing::virtual_clock inner;
    int looks = 0;
    int strange = 0;
  } looking;
  const fiber_owned<std::string> owned(request_here);
  weft::options how;
  how.time = &looking;
  no_leaks::run(how, [&] {
    request = "main";
    auto child = spawn([] { return keeps_its_own("child"); });
    auto other = spawn([] { return keeps_its_own("other"); });
    CHECK(child.get());
    CHECK(other.get());
  });
  CHECK(looking.looks > 3);
  CHECK(looking.strange == 0);
}

TEST_CASE("fiber_owned: a guest's host keeps its value between the steps") {
  request = "host";
  const fiber_owned<std::string> owned(request_here);
  weft::runner guest;
  auto child = guest.start([] { return keeps_its_own("guest"); });
  while (!child.done()) {
    guest.step(1ms);
    CHECK(request == "host");
  }
  CHECK(child.get());
  {
    const fiber_owned deep(depth);
    depth = 3;
    auto other = guest.start([] {
      depth = 8;
      weft::yield();
      return depth;
    });
    while (!other.done()) guest.step(1ms);
    CHECK(depth == 3);
    CHECK(other.get() == 8);
  }
  guest.close();
  CHECK(request == "host");
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: tasks that survive a run() keep theirs") {
  weft::runner one(how());
  weft::task<bool> longer;
  one.run([&] {
    longer = spawn([] {
      request = "longer";
      weft::await_sleep(1h);
      return request == "longer";
    });
    weft::yield();
  });
  const fiber_owned<std::string> owned(request_here);  // the loop rests: it learns of it on entry
  request = "between";
  one.run([&] {
    CHECK(request == "between");
    CHECK_FALSE(longer.get());  // it was suspended when this began: it goes on with a new value
    request = "second";
    longer = spawn([] { return keeps_its_own("third"); });
    CHECK(longer.get());
  });
  CHECK(request == "second");
  one.close();
  CHECK(request == "second");
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: a body of a generator has its fiber's value") {
  const fiber_owned<std::string> owned(request_here);
  run([] {
    request = "main";
    auto other = spawn([] { return keeps_its_own("other"); });
    weft::generator<std::string> lines([](weft::yielder<std::string>& out) {
      for (int i = 0; i < 3; ++i) {
        weft::yield();
        out(log_line("x"));
      }
    });
    for (const std::string& line : lines) CHECK(line == "main: x");
    CHECK(other.get());
  });
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: errno stays the fiber's, whatever the functions do") {
  weft::owned_state<int> how;
  how.take = [] {
    errno = EIO;
    return 0;
  };
  how.put = [](int) { errno = EBADF; };
  const fiber_owned<int> owned(how);
  run([] {
    auto other = spawn([] {
      CHECK(errno == 0);
      errno = 5;
      weft::yield();
      CHECK(errno == 5);
    });
    errno = 7;
    weft::yield();
    CHECK(errno == 7);
    other.join();
  });
}

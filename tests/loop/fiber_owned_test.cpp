// SPDX-License-Identifier: BSL-1.0
// A thread_local of code that knows nothing of fibers: each fiber sees its own value in it.
#include "weft/fiber_owned.hpp"

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/fiber_local.hpp"
#include "weft/gather.hpp"
#include "weft/generator.hpp"
#include "weft/loop_pool.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::fiber_owned;
using weft::spawn;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

// -- the old code: it has state, and knows only threads
thread_local std::string request;
thread_local int depth = 0;

std::string log_line(const char* text) { return request + ": " + text; }

std::string& request_here() { return request; }

// Sees on the way, over waits of both kinds, whether the value stays.
bool keeps_its_own(const std::string& own, int rounds = 3) {
  request = own;
  for (int i = 0; i < rounds; ++i) {
    weft::yield();
    if (request != own) return false;
    weft::await_sleep(1ms);
    if (log_line("x") != own + ": x") return false;
  }
  return true;
}

bool needs_attention() {
  return (weft::detail::running_loop()->current->attention & weft::detail::attention_owned) != 0;
}

// The thread's values are as a test of nothing else would find them.
struct clean_thread : on_virtual_time {
  clean_thread() {
    request = "thread";
    depth = 0;
  }
};

}  // namespace

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: each fiber sees its own value, across every wait") {
  const fiber_owned<std::string> owned(request_here);
  const auto body = [] {
    std::vector<weft::task<bool>> all;
    for (int i = 0; i < 10; ++i) {
      all.push_back(spawn([i] { return keeps_its_own(std::to_string(i)); }));
    }
    for (const bool is_kept : weft::gather(all)) CHECK(is_kept);
    CHECK(request == "thread");
  };
  run(body);
  no_leaks::run(body);  // on the machine's clock: by the fast paths
  for (std::uint64_t seed = 1; seed < 6; ++seed) run_seeded(seed, body);
  CHECK(request == "thread");
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: without one, no fiber pays attention") {
  no_leaks::run([] { CHECK_FALSE(spawn([] { return needs_attention(); }).get()); });
  {
    const fiber_owned owned(depth);
    no_leaks::run([] { CHECK(spawn([] { return needs_attention(); }).get()); });
  }
  no_leaks::run([] { CHECK_FALSE(spawn([] { return needs_attention(); }).get()); });
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: a task begins anew, main with the thread's value") {
  const fiber_owned<std::string> owned(request_here);
  const fiber_owned deep(depth);
  depth = 7;
  run([] {
    CHECK(request == "thread");
    CHECK(depth == 7);
    request = "main";
    CHECK(spawn([] { return request + std::to_string(depth); }).get() == "0");
    weft::spawn_options eager;
    eager.eager = true;
    auto child = spawn(eager, [] { return request + std::to_string(++depth); });
    CHECK(request == "main");
    CHECK(child.get() == "1");
    CHECK(depth == 7);
  });
  CHECK(request == "main");
  CHECK(depth == 7);
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: `begin` makes the first value, of what is inherited") {
  weft::fiber_local<std::string> parent(std::string("none"));
  const fiber_owned<std::string> owned(request_here, [&] { return *parent + "'s child"; });
  run([&] {
    parent.set("ada");
    auto child = spawn([] {
      weft::yield();
      return request;
    });
    parent.set("grace");
    CHECK(child.get() == "ada's child");
  });
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: what `begin` throws is the task's error") {
  bool fails = false;
  const fiber_owned<std::string> owned(request_here, [&] {
    if (fails) throw std::runtime_error("no value");
    return std::string("made");
  });
  const fiber_owned deep(depth);
  run([&] {
    fails = true;
    bool was_run = false;
    auto child = spawn([&, token = counted()] { was_run = true; });
    CHECK_THROWS_WITH_AS(child.get(), "no value", std::runtime_error);
    CHECK_FALSE(was_run);
    CHECK(request == "thread");
    fails = false;
    CHECK(spawn([] { return request; }).get() == "made");
  });
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: a value dies at its task's end, after the callable") {
  thread_local std::shared_ptr<int> kept;
  const fiber_owned<std::shared_ptr<int>> owned([]() -> std::shared_ptr<int>& { return kept; });
  run([&] {
    std::weak_ptr<int> seen;
    std::string seen_by_callable;
    struct at_end {
      std::string* to;
      at_end(std::string* t) : to(t) {}
      at_end(at_end&& other) noexcept : to(std::exchange(other.to, nullptr)) {}
      ~at_end() {
        if (to != nullptr) *to = kept != nullptr ? "kept" : "gone";
      }
    };
    auto child = spawn([&, last = at_end(&seen_by_callable)] {
      kept = std::make_shared<int>(1);
      seen = kept;
      weft::yield();
      CHECK(kept.get() == seen.lock().get());
    });
    weft::yield();
    CHECK_FALSE(seen.expired());
    CHECK_FALSE(static_cast<bool>(kept));
    child.join();
    CHECK(seen.expired());
    CHECK(seen_by_callable == "kept");
  });
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: exceptions and cancels leave everybody their own") {
  const fiber_owned<std::string> owned(request_here);
  run([] {
    request = "main";
    auto fails = spawn([] {
      request = "fails";
      try {
        weft::yield();
        throw std::runtime_error("x");
      } catch (const std::runtime_error&) {
        weft::yield();  // an exception is in flight
        CHECK(request == "fails");
        throw;
      }
    });
    auto sleeps = spawn([] {
      request = "sleeps";
      try {
        weft::await_sleep(1h);
      } catch (const weft::cancelled&) {
        CHECK(request == "sleeps");
        throw;
      }
    });
    auto unborn = spawn([token = counted()] {});
    unborn.cancel();
    CHECK_THROWS_AS(fails.get(), std::runtime_error);
    sleeps.cancel();
    sleeps.join();
    CHECK(request == "main");
  });
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: made in a fiber, it leaves that one what is there") {
  run([] {
    std::string seen;
    auto before = spawn([&] {
      weft::await_sleep(2ms);
      seen = request;
      request = "before";
      weft::await_sleep(10ms);
    });
    weft::yield();
    auto maker = spawn([] {
      request = "maker";
      const fiber_owned<std::string> owned(request_here);
      CHECK(request == "maker");
      weft::await_sleep(5ms);
      CHECK(request == "maker");
      CHECK(needs_attention());
    });
    weft::await_sleep(3ms);
    CHECK(seen.empty());
    CHECK(request.empty());  // main was not the maker
    maker.join();
    CHECK_FALSE(needs_attention());
    CHECK(request == "maker");  // its value stays, as without any
    before.join();
    CHECK(request == "maker");
  });
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: if it can't be made, nothing has changed") {
  run([] {
    auto other = spawn([] { weft::await_sleep(1ms); });
    weft::yield();
    CHECK_THROWS_AS(
        fiber_owned<std::string>(request_here,
                                 []() -> std::string { throw std::runtime_error("no"); }),
        std::runtime_error);
    CHECK_FALSE(needs_attention());
    CHECK(request == "thread");
  });
}

TEST_CASE_FIXTURE(clean_thread, "fiber_owned: a queue of errors goes along by two functions") {
  // As OpenSSL's: no object, only functions.
  thread_local std::vector<int> queue;
  const auto raise = [](int code) { queue.push_back(code); };
  const auto next_error = [] {
    if (queue.empty()) return 0;
    const int first = queue.front();
    queue.erase(queue.begin());
    return first;
  };
  weft::owned_state<std::vector<int>> how;
  how.take = [&] {
    std::vector<int> taken;
    while (const int code = next_error()) taken.push_back(code);
    return taken;
  };
  how.put = [&](std::vector<int> codes) {
    while (next_error() != 0) {
    }
    for (const int code : codes) raise(code);
  };
  const fiber_owned<std::vector<int>> owned(how);
  run([&] {
    raise(1);
    auto child = spawn([&] {
      CHECK(next_error() == 0);
      raise(2);
      raise(3);
      weft::yield();
      CHECK(next_error() == 2);
      weft::yield();
      CHECK(next_error() == 3);
      raise(4);  // left behind
    });
    weft::yield();
    raise(11);
    child.join();
    CHECK(next_error() == 1);
    CHECK(next_error() == 11);
    CHECK(next_error() == 0);
  });
}

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

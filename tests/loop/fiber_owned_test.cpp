// SPDX-License-Identifier: BSL-1.0
// A thread_local of code that knows nothing of fibers: each fiber sees its own value in it.
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "loop/owned_values.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/fiber_local.hpp"
#include "weft/fiber_owned.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::fiber_owned;
using weft::spawn;
using weft_tests::clean_thread;
using weft_tests::counted;
using weft_tests::depth;
using weft_tests::keeps_its_own;
using weft_tests::needs_attention;
using weft_tests::no_leaks;
using weft_tests::request;
using weft_tests::request_here;

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

TEST_CASE_FIXTURE(clean_thread,
                  "fiber_owned: `begin` makes the first value, of what is inherited") {
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
    CHECK_THROWS_AS(fiber_owned<std::string>(
                        request_here, []() -> std::string { throw std::runtime_error("no"); }),
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

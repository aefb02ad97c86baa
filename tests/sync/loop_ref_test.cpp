// SPDX-License-Identifier: BSL-1.0
// The way into a loop from any thread: order, results, errors, and the end of the loop.
#include "weft/loop_ref.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::closed_error;
using weft::loop_ref;
using weft::this_loop;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;
using weft_tests::scaled;

TEST_CASE_FIXTURE(no_leaks,
                  "loop_ref: what a thread posts runs as a fiber of that loop, and may park") {
  run([] {
    const auto here = std::this_thread::get_id();
    weft::promise<bool> answer;
    auto f = answer.get_future();
    std::thread([&, ref = this_loop()]() mutable {
      ref.post([&] {
        const auto before = weft::this_fiber::id();
        await_sleep(1us);
        answer.set_value(std::this_thread::get_id() == here && before == weft::this_fiber::id());
      });
    }).join();
    CHECK(f.get());
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "loop_ref: post() from the loop itself runs the callable after the poster parks "
                  "") {
  run([] {
    bool has_run = false;
    this_loop().post([&] { has_run = true; });
    CHECK_FALSE(has_run);
    while (!has_run) weft::yield();
    CHECK(has_run);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 79: posts of one thread start in their order, whatever others post") {
  const int posts = static_cast<int>(scaled(2'000, 300));
  run([&] {
    std::array<int, 4> next{};
    bool is_ordered = true;
    int arrived = 0;
    weft::promise<void> all;
    auto f = all.get_future();
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < next.size(); ++t) {
      threads.emplace_back([&, t, ref = this_loop()]() mutable {
        for (int i = 0; i < posts; ++i) {
          ref.post([&, t, i] {
            is_ordered = is_ordered && next[t] == i;
            next[t] = i + 1;
            if (++arrived == 4 * posts) all.set_value();
          });
        }
      });
    }
    f.get();
    for (auto& one : threads) one.join();
    CHECK(is_ordered);
    CHECK(arrived == 4 * posts);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 79: a post wakes a loop that sleeps in the kernel, every time") {
  const std::size_t rounds = scaled(2'000, 500);
  run([&] {
    std::size_t arrived = 0;
    weft::promise<void> all;
    auto f = all.get_future();
    std::thread other([&, ref = this_loop()]() mutable {
      // After each answer the loop has nothing to do: it sleeps, or is just about to.
      for (std::size_t i = 0; i < rounds; ++i) ref.call([&] { ++arrived; }).get();
      all.set_value();
    });
    f.get();
    other.join();
    CHECK(arrived == rounds);
  });
}

TEST_CASE_FIXTURE(no_leaks, "loop_ref: call() brings values of every kind back") {
  run([] {
    const loop_ref ref = this_loop();
    int target = 0;
    CHECK(ref.valid());
    CHECK(loop_ref(ref).call([] { return 5; }).get() == 5);
    CHECK(this_loop().call([] { return std::string("text"); }).get() == "text");
    CHECK(*this_loop().call([] { return std::make_unique<int>(3); }).get() == 3);
    CHECK(&this_loop().call([&]() -> int& { return target; }).get() == &target);
    this_loop().call([&] { target = 1; }).get();
    CHECK(target == 1);
    auto owner = std::make_unique<int>(4);
    CHECK(this_loop().call([p = std::move(owner)] { return *p; }).get() == 4);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "loop_ref: what call()'s function throws comes out of the future, unreported") {
  const weft_tests::capture_reports reports;
  run([] {
    auto f = this_loop().call([]() -> int { throw std::runtime_error("there"); });
    CHECK_THROWS_WITH_AS(f.get(), "there", std::runtime_error);
    CHECK_THROWS_AS(this_loop().call([] { throw 5; }).get(), int);
  });
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(no_leaks, "loop_ref: a thread calls into the loop and blocks for the answer") {
  run([] {
    weft::promise<int> sum;
    auto f = sum.get_future();
    std::thread other([&, ref = this_loop()]() mutable {
      int total = 0;
      for (int i = 0; i < 100; ++i) {
        total += ref.call([i] {
                      weft::yield();
                      return i;
                    })
                     .get();
      }
      sum.set_value(total);
    });
    CHECK(f.get() == 4950);
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "loop_ref: an argument's failing copy comes out of post(), and nothing is left") {
  struct throws_on_copy {
    throws_on_copy() = default;
    throws_on_copy(const throws_on_copy&) { throw std::runtime_error("no copy"); }
    void operator()() const {}
    counted witness;
  };
  run([] {
    const throws_on_copy bad;
    CHECK_THROWS_WITH_AS(this_loop().post(bad), "no copy", std::runtime_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(this_loop().call(bad)), "no copy", std::runtime_error);
    CHECK(counted::alive() == 1);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 79: after the loop's end post() and call() throw closed_error") {
  loop_ref ref;
  run([&] {
    ref = this_loop();
    CHECK_FALSE(ref.has_ended());
  });
  CHECK(ref.valid());
  CHECK(ref.has_ended());
  bool has_run = false;
  CHECK_THROWS_AS(ref.post([&, witness = counted()] { has_run = true; }), closed_error);
  CHECK_THROWS_AS(static_cast<void>(ref.call([witness = counted()] { return 5; })), closed_error);
  const loop_ref copy = ref;
  CHECK(copy.has_ended());
  CHECK_FALSE(has_run);
}

TEST_CASE_FIXTURE(no_leaks,
                  "loop_ref: a callable dropped at the loop's end dies on a stack of that loop") {
  struct tells_where {
    bool* was_in_fiber;
    std::unique_ptr<int> is_armed = std::make_unique<int>();
    explicit tells_where(bool* where) : was_in_fiber(where) {}
    tells_where(tells_where&&) = default;
    ~tells_where() {
      if (is_armed) *was_in_fiber = weft::in_fiber();
    }
    void operator()() const {}
  };
  bool was_in_fiber = false;
  run([&] { this_loop().post(tells_where(&was_in_fiber)); });
  CHECK(was_in_fiber);
}

TEST_CASE_FIXTURE(no_leaks, "loop_ref: a call dropped at the loop's end breaks its future") {
  weft::future<int> f;
  bool has_run = false;
  run([&] {
    f = this_loop().call([&, witness = counted()] {
      has_run = true;
      return 5;
    });
  });
  CHECK_FALSE(has_run);
  REQUIRE(f.is_ready());
  try {
    static_cast<void>(f.get());
    FAIL("the future gave a value");
  } catch (const std::future_error& e) {
    CHECK(e.code().value() == static_cast<int>(std::future_errc::broken_promise));
  }
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "loop_ref: a call that the loop's end interrupts gives task_cancelled") {
  weft::future<int> f;
  run([&] {
    f = this_loop().call([] {
      await_sleep(1h);
      return 5;
    });
    for (int i = 0; i < 3; ++i) weft::yield();
  });
  CHECK_THROWS_AS(static_cast<void>(f.get()), weft::task_cancelled);
}

TEST_CASE("loop_ref: an empty one is a misuse to post to") {
  const loop_ref empty;
  CHECK_FALSE(empty.valid());
  loop_ref posts;
  CHECK_THROWS_AS(posts.post([witness = counted()] {}), std::logic_error);
  CHECK_THROWS_AS(static_cast<void>(posts.call([] { return 1; })), std::logic_error);
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "loop_ref: copies and moves refer to the same loop") {
  run([] {
    loop_ref a = this_loop();
    loop_ref b = a;
    loop_ref c = std::move(a);
    CHECK_FALSE(a.valid());
    a = b;
    b = std::move(c);
    auto& same = b;
    b = same;
    CHECK(a.call([] { return 1; }).get() == 1);
    CHECK(b.call([] { return 2; }).get() == 2);
  });
}

TEST_CASE("loop_ref: this_loop() on a plain thread is a misuse that says so") {
  CHECK_THROWS_WITH_AS(static_cast<void>(this_loop()),
                       "weft: this_loop() needs a running loop, and this thread has none: call it "
                       "from inside weft::run(), or hand the work over with loop_ref::post()",
                       std::logic_error);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 98: a ref held elsewhere does not hold the virtual clock back") {
  run([] {
    const loop_ref kept = this_loop();
    const auto start = weft::now();
    await_sleep(1h);
    CHECK(weft::now() == start + 1h);
    CHECK(kept.valid());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 98: while an external ref lives the virtual clock waits for it") {
  run([] {
    const auto start = weft::now();
    auto sleeper = weft::spawn([] { await_sleep(1h); });
    weft::promise<weft::time_point> answer;
    auto f = answer.get_future();
    std::thread outside([&answer, ref = this_loop().external()]() mutable {
      std::this_thread::yield();
      ref.post([&answer] { answer.set_value(weft::now()); });
      ref = loop_ref();
    });
    CHECK(f.get() == start);
    outside.join();
    sleeper.join();
    CHECK(weft::now() == start + 1h);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 98: copies of an external ref are external, the last one lets time go on") {
  run([] {
    const auto start = weft::now();
    auto sleeper = weft::spawn([] { await_sleep(1h); });
    auto first = this_loop().external();
    std::thread outside([copy = first] { std::this_thread::yield(); });
    first = loop_ref();
    outside.join();
    sleeper.join();
    CHECK(weft::now() == start + 1h);
  });
}

// Posters race with the loop's end: each callable runs or is refused or dropped, and dies once.
TEST_CASE_FIXTURE(no_leaks,
                  "loop_ref: posts that race with the loop's end are run, dropped or refused, "
                  "never lost") {
  for (std::size_t round = 0; round < scaled(300, 50); ++round) {
    std::atomic<int> ran{0};
    std::atomic<int> accepted{0};
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    run([&] {
      for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, ref = this_loop()]() mutable {
          for (int i = 0; i < 50; ++i) {
            try {
              ref.post([&ran, witness = counted()] { ++ran; });
              ++accepted;
            } catch (const closed_error&) {
              ++refused;
            }
          }
        });
      }
      for (std::size_t i = 0; i < round % 8; ++i) weft::yield();
    });
    for (auto& one : threads) one.join();
    REQUIRE(accepted + refused == 150);
    REQUIRE(ran <= accepted);
    REQUIRE(counted::alive() == 0);
  }
}

TEST_CASE_FIXTURE(no_leaks, "loop_ref: calls that race with the loop's end always get an answer") {
  for (std::size_t round = 0; round < scaled(200, 40); ++round) {
    std::thread caller;
    int answers = 0;
    run([&] {
      caller = std::thread([&answers, ref = this_loop()]() mutable {
        for (int i = 0; i < 30; ++i) {
          try {
            ref.call([i] { return i; }).get();
            ++answers;
          } catch (const std::future_error&) {
            ++answers;
          } catch (const std::runtime_error&) {  // closed_error, task_cancelled
            ++answers;
          }
        }
      });
      for (std::size_t i = 0; i < round % 8; ++i) weft::yield();
    });
    caller.join();
    REQUIRE(answers == 30);
  }
}

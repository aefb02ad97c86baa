// SPDX-License-Identifier: BSL-1.0
// Capacity limiters between the fibers of one loop: borrowers, changing totals, order,
// cancellation.
#include "weft/capacity_limiter.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::on_virtual_time;

#define LIMITERS weft::capacity_limiter, weft::local::capacity_limiter

namespace {

// What `f` throws, as text.
template <class F>
std::string misuse_of(F&& f) {
  try {
    f();
  } catch (const std::logic_error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_TEMPLATE("capacity_limiter: as many borrow as it has tokens, in order", Limiter,
                   LIMITERS) {
  on_virtual_time().run([] {
    Limiter limit(2);
    std::vector<int> order;
    int inside = 0;
    int most = 0;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 8; ++i) {
      tasks.push_back(spawn([&, i] {
        const typename Limiter::token hold(limit);
        order.push_back(i);
        most = std::max(most, ++inside);
        await_sleep(1s);
        --inside;
      }));
    }
    weft::yield();
    CHECK(limit.borrowed() == 2);
    CHECK(limit.available() == 0);
    CHECK(limit.statistics().waiting == 6);
    CHECK(limit.statistics().borrowers.size() == 2);
    for (auto& t : tasks) t.get();
    CHECK(most == 2);
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7});
    CHECK(limit.available() == 2);
  });
}

TEST_CASE_TEMPLATE("sem 57: one borrower holds one token, and is named when it asks again", Limiter,
                   LIMITERS) {
  on_virtual_time().run([] {
    Limiter limit(3);
    weft::this_fiber::set_name("greedy");
    limit.acquire();
    CHECK(has(misuse_of([&] { limit.acquire(); }),
              "capacity_limiter::acquire() was called for fiber 1 'greedy', which has a token "
              "already"));
    CHECK_THROWS_AS(static_cast<void>(limit.try_acquire()), std::logic_error);
    CHECK(limit.borrowed() == 1);
    int thing = 0;
    limit.acquire_on_behalf_of(&thing);
    CHECK(has(misuse_of([&] { limit.acquire_on_behalf_of(&thing); }), "for the borrower 0x"));
    CHECK_THROWS_AS(static_cast<void>(limit.try_acquire_on_behalf_of(&thing)), std::logic_error);
    spawn([&] {
      CHECK(has(misuse_of([&] { limit.release(); }), "capacity_limiter::release() was called for"));
      limit.release_on_behalf_of(&thing);
      CHECK_THROWS_AS(limit.release_on_behalf_of(&thing), std::logic_error);
    }).get();
    limit.release();
    CHECK(limit.borrowed() == 0);
  });
}

TEST_CASE_TEMPLATE("sem 57: who waits for a token may not ask again either", Limiter, LIMITERS) {
  on_virtual_time().run([] {
    Limiter limit(1);
    int thing = 0;
    limit.acquire();
    auto waits = spawn([&] { limit.acquire_on_behalf_of(&thing); });
    weft::yield();
    CHECK(has(misuse_of([&] { limit.acquire_on_behalf_of(&thing); }), "waits for a token already"));
    CHECK_THROWS_AS(limit.release_on_behalf_of(&thing), std::logic_error);
    limit.release();
    waits.get();
    limit.release_on_behalf_of(&thing);
  });
}

TEST_CASE_TEMPLATE("sem 57: the total may fall below what is borrowed, and rise again", Limiter,
                   LIMITERS) {
  on_virtual_time().run([] {
    Limiter limit(3);
    int things[5] = {};
    for (int i = 0; i < 3; ++i) limit.acquire_on_behalf_of(&things[i]);
    limit.set_total_tokens(1);
    CHECK(limit.total_tokens() == 1);
    CHECK(limit.borrowed() == 3);
    CHECK(limit.available() == 0);
    auto fourth = spawn([&] { limit.acquire_on_behalf_of(&things[3]); });
    auto fifth = spawn([&] { limit.acquire_on_behalf_of(&things[4]); });
    weft::yield();
    limit.release_on_behalf_of(&things[0]);
    limit.release_on_behalf_of(&things[1]);
    await_sleep(1s);
    CHECK_FALSE(fourth.done());
    CHECK(limit.borrowed() == 1);
    limit.release_on_behalf_of(&things[2]);
    fourth.get();
    CHECK_FALSE(fifth.done());
    limit.set_total_tokens(2);
    fifth.get();
    CHECK(limit.borrowed() == 2);
    limit.set_total_tokens(0);
    limit.release_on_behalf_of(&things[3]);
    limit.release_on_behalf_of(&things[4]);
    CHECK_FALSE(limit.try_acquire());
  });
}

TEST_CASE_TEMPLATE("sem 49: a token is not lost to a cancel before or after it was given", Limiter,
                   LIMITERS) {
  on_virtual_time().run([] {
    Limiter limit(1);
    limit.acquire();
    bool had_it = false;
    auto early = spawn([&] { limit.acquire(); });
    auto late = spawn([&] {
      const typename Limiter::token hold(limit);
      had_it = true;
      weft::yield();
    });
    weft::yield();
    early.cancel();
    limit.release();  // goes to the second: the first was cancelled before
    late.cancel();    // after it was given
    early.join();
    late.join();
    CHECK(early.was_cancelled());
    CHECK(late.was_cancelled());
    CHECK(had_it);
    CHECK(limit.borrowed() == 0);
    CHECK(limit.statistics().waiting == 0);
    limit.acquire();  // nobody is left in the book
    limit.release();
  });
}

TEST_CASE_TEMPLATE("sem 48: a free token is taken without wait or throw", Limiter, LIMITERS) {
  on_virtual_time().run([] {
    Limiter limit(2);
    bool other_ran = false;
    auto other = spawn([&] { other_ran = true; });
    bool has_passed = false;
    weft::cancel_scope scope;
    weft::with_scope(scope, [&] {
      scope.cancel();
      limit.acquire();
      limit.release();
      CHECK(limit.acquire_for(-1s));
      limit.release();
      CHECK_FALSE(other_ran);
      has_passed = true;
    });
    CHECK(has_passed);
    other.get();
  });
}

TEST_CASE_TEMPLATE("capacity_limiter: deadlines past, zero, negative and endless", Limiter,
                   LIMITERS) {
  on_virtual_time().run([] {
    Limiter limit(1);
    int thing = 0;
    limit.acquire_on_behalf_of(&thing);
    const auto start = weft::now();
    CHECK_FALSE(limit.acquire_for(0s));
    CHECK_FALSE(limit.acquire_for(-1h));
    CHECK_FALSE(limit.acquire_until(weft::time_point::min()));
    CHECK(weft::now() == start);
    auto later = spawn([&] {
      await_sleep(1s);
      limit.release_on_behalf_of(&thing);
    });
    CHECK(limit.acquire_for(weft::duration::max()));
    CHECK(weft::now() == start + 1s);
    limit.release();
  });
}

TEST_CASE_TEMPLATE("torture 16: no token is lost to cancels and deadlines in any order", Limiter,
                   LIMITERS) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      Limiter limit(2);
      std::vector<weft::task<>> tasks;
      int inside = 0;
      for (int i = 0; i < 6; ++i) {
        tasks.push_back(spawn([&] {
          if (!limit.acquire_for(1s)) return;
          const std::shared_ptr<void> last(nullptr, [&](void*) {
            --inside;
            limit.release();
          });
          CHECK(++inside <= 2);
          await_sleep(1s);
        }));
      }
      await_sleep(1s);  // tokens come back, deadlines pass
      tasks[2].cancel();
      tasks[3].cancel();
      for (auto& t : tasks) t.join();
      CHECK(limit.available() == 2);
      CHECK(limit.statistics().waiting == 0);
    });
  }
}

TEST_CASE("capacity_limiter: to destroy one that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto limit = std::make_unique<weft::capacity_limiter>(0);
      auto waits = spawn([&] { limit->acquire(); });
      weft::yield();
      limit.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on it any more"));
}

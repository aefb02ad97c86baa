// SPDX-License-Identifier: BSL-1.0
// Scope guards that ask std::uncaught_exceptions() whether to roll back must see a cancellation as
// the exception that it is, and must not see one of another fiber.
#include <chrono>
#include <exception>
#include <memory>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::no_leaks;

namespace {

enum class left { not_yet, in_order, by_exception };

// The idiom of folly's, Boost's and gsl's scope guards.
class transaction {
 public:
  explicit transaction(left& how) : how_(how) {}
  ~transaction() {
    how_ = std::uncaught_exceptions() > at_entry_ ? left::by_exception : left::in_order;
  }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;

 private:
  left& how_;
  int at_entry_ = std::uncaught_exceptions();
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "H2: a scope guard in a fiber cancelled while parked rolls back") {
  run([] {
    left how = left::not_yet;
    auto parked = weft::spawn([&] {
      const transaction guard(how);
      weft::await_sleep(weft::duration::max());
    });
    weft::yield();
    CHECK(how == left::not_yet);
    parked.cancel();
    parked.join();
    CHECK(how == left::by_exception);
    CHECK(std::uncaught_exceptions() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "H2: a scope guard whose fiber parks and returns commits") {
  run([] {
    left how = left::not_yet;
    auto parked = weft::spawn([&] {
      const transaction guard(how);
      weft::yield();
    });
    parked.get();
    CHECK(how == left::in_order);
  });
}

TEST_CASE_FIXTURE(no_leaks, "H2: a guard commits although another fiber unwinds at that moment") {
  run([] {
    left how = left::not_yet;
    auto unwinding = weft::spawn([] {
      struct parks {
        ~parks() {
          for (int i = 0; i < 4; ++i) weft::yield();
        }
      };
      try {
        const parks here;
        throw 1;
      } catch (int) {
      }
    });
    weft::yield();
    auto committing = weft::spawn([&] {
      const transaction guard(how);
      weft::yield();
    });
    committing.get();
    CHECK(how == left::in_order);
    CHECK_FALSE(unwinding.done());
    unwinding.get();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "H2: cancelled by one who unwinds himself, guards on both sides are right") {
  run([] {
    left victim_left = left::not_yet;
    left killer_left = left::not_yet;
    auto victim = weft::spawn([&] {
      const transaction guard(victim_left);
      weft::await_sleep(weft::duration::max());
    });
    weft::yield();
    struct kills {
      weft::task<>& whom;
      left& how;
      ~kills() {
        const transaction inner(how);  // entered while one is in flight: not the reason to leave
        whom.cancel();
        whom.join();
      }
    };
    try {
      const kills on_unwind{victim, killer_left};
      throw 1;
    } catch (int) {
    }
    CHECK(victim_left == left::by_exception);
    CHECK(killer_left == left::in_order);
    CHECK(std::uncaught_exceptions() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "H2: a fiber begins with no exception in flight while another unwinds") {
  run([] {
    auto unwinding = weft::spawn([] {
      const std::shared_ptr<void> last(nullptr, [](void*) { weft::await_sleep(1ms); });
      weft::await_sleep(weft::duration::max());
    });
    weft::yield();
    unwinding.cancel();
    weft::yield();  // now it is parked in the destructor, with `cancelled` in flight
    int at_entry = -1;
    int in_guard = -1;
    weft::spawn([&] {
      at_entry = std::uncaught_exceptions();
      const std::shared_ptr<void> guard(nullptr,
                                        [&](void*) { in_guard = std::uncaught_exceptions(); });
      weft::yield();
    }).get();
    CHECK_FALSE(unwinding.done());
    CHECK(at_entry == 0);
    CHECK(in_guard == 0);
    unwinding.join();
    CHECK(unwinding.was_cancelled());
  });
}

// SPDX-License-Identifier: BSL-1.0
// gather() when something goes wrong: errors, cancellation from each side, misuse.
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/background_loop.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/gather.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::gather;
using weft::spawn;
using weft::task;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

// Sleeps for an hour, counts how it left, and takes a second to clean up.
struct sleeper {
  int* cancellations;
  void operator()() const {
    try {
      await_sleep(1h);
    } catch (const cancelled&) {
      ++*cancellations;
      throw;
    }
  }
};

struct throws_on_copy {
  throws_on_copy() = default;
  throws_on_copy(const throws_on_copy&) { throw std::runtime_error("no copy"); }
  int operator()() const { return 1; }
};

struct own_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 38: the first error comes out as it is; the others were cancelled and "
                  "joined") {
  run([] {
    int cancellations = 0;
    const auto start = weft::now();
    CHECK_THROWS_WITH_AS(gather(sleeper{&cancellations},
                                [] { await_sleep(1s); throw own_error("the first"); },
                                sleeper{&cancellations}),
                         "the first", own_error);
    CHECK(cancellations == 2);
    CHECK(weft::now() == start + 1s);
    CHECK(weft_tests::live_fibers() == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 38: of two errors the earlier in time is thrown") {
  run([] {
    const weft_tests::capture_reports reports;
    CHECK_THROWS_WITH_AS(gather([] { await_sleep(2s); throw own_error("late"); },
                                [] { await_sleep(1s); throw own_error("early"); }),
                         "early", own_error);
    CHECK(reports.texts().empty());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 38: an error while being cancelled does not replace the first, and is "
                  "reported") {
  run([] {
    const weft_tests::capture_reports reports;
    const auto fails_twice = [] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        throw own_error("the second");
      }
    };
    CHECK_THROWS_WITH_AS(gather(fails_twice, [] { throw own_error("the first"); }), "the first",
                         own_error);
    REQUIRE(reports.texts().size() == 1);
    CHECK(reports.texts()[0].find("own_error: the second") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 38: gather waits for the cancelled ones, however long they clean up") {
  run([] {
    const auto start = weft::now();
    const auto slow = [] {
      const std::shared_ptr<void> last(nullptr, [](void*) { await_sleep(5s); });
      await_sleep(1h);
    };
    CHECK_THROWS_AS(gather(slow, [] { weft::yield(); throw own_error("x"); }), own_error);
    CHECK(weft::now() == start + 5s);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 38: an lvalue task is cancelled and joined as well, its handle stays") {
  run([] {
    int cancellations = 0;
    auto t = spawn(sleeper{&cancellations});
    CHECK_THROWS_AS(gather(t, [] { await_sleep(1s); throw own_error("x"); }), own_error);
    CHECK(t.valid());
    CHECK(t.done());
    CHECK(t.was_cancelled());
    CHECK(cancellations == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 38: a task that failed before the call is an error at once") {
  run([] {
    int cancellations = 0;
    auto bad = spawn([] { throw own_error("before"); });
    auto good = spawn(sleeper{&cancellations});
    bad.join();
    CHECK_THROWS_WITH_AS(gather(good, bad), "before", own_error);
    CHECK(good.was_cancelled());
    CHECK_THROWS_WITH_AS(bad.get(), "before", own_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 38: the same holds for a range of callables and of tasks") {
  run([] {
    int cancellations = 0;
    std::vector<std::function<void()>> many(5, sleeper{&cancellations});
    many.push_back([] { await_sleep(1s); throw own_error("of the range"); });
    CHECK_THROWS_WITH_AS(gather(many), "of the range", own_error);
    CHECK(cancellations == 5);
    std::vector<task<>> tasks;
    for (const auto& one : many) tasks.push_back(spawn(one));
    CHECK_THROWS_WITH_AS(gather(tasks), "of the range", own_error);
    CHECK(cancellations == 10);
    for (const auto& t : tasks) CHECK(t.done());
  });
}

TEST_CASE_FIXTURE(
    on_virtual_time,
    "sem 39: gather being cancelled cancels and joins every child, and is cancelled") {
  run([] {
    int cancellations = 0;
    std::string reason;
    auto given = spawn(sleeper{&cancellations});
    auto t = spawn([&] {
      try {
        gather(sleeper{&cancellations}, given, sleeper{&cancellations});
      } catch (const cancelled& c) {
        CHECK(cancellations == 3);
        reason = c.reason();
        throw;
      }
    });
    weft::yield();
    weft::yield();
    t.cancel("enough");
    t.join();
    CHECK(reason == "enough");
    CHECK(t.was_cancelled());
    CHECK(given.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 39: a child's error while gather is cancelled does not hide the cancel") {
  run([] {
    const weft_tests::capture_reports ignored;
    const auto fails = [] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        throw own_error("instead");
      }
    };
    auto t = spawn([&] { gather(fails, fails); });
    weft::yield();
    weft::yield();
    t.cancel();
    t.join();
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 40: a child cancelled by a third party is the error task_cancelled") {
  run([] {
    int cancellations = 0;
    auto victim = spawn([] { await_sleep(1h); });
    auto third = spawn([&] { await_sleep(1s); victim.cancel("by a third"); });
    CHECK_THROWS_AS(gather(victim, sleeper{&cancellations}), weft::task_cancelled);
    CHECK(cancellations == 1);
    CHECK_FALSE(weft::this_fiber::cancel_requested());
    await_sleep(1s);  // the gatherer itself was not cancelled
    third.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 3: a gather whose children are all done when cancel arrives returns") {
  run([] {
    int result = 0;
    weft::promise<void> gate;
    auto t = spawn([&] {
      auto entry = gate.get_future();
      const auto [a, b] = gather([] { return 1; }, [&] { entry.get(); return 2; });
      result = a + b;
      weft::checkpoint();
      result = 0;
    });
    for (int i = 0; i < 4; ++i) weft::yield();
    gate.set_value();
    // The child runs, ends and makes the gatherer ready; the canceller stands before it.
    auto canceller = spawn([&] { t.cancel(); });
    t.join();
    CHECK(t.was_cancelled());
    CHECK(result == 3);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "gather: an exception while it starts its callables leaves nothing running") {
  run([] {
    const throws_on_copy bad;
    const auto good = [witness = counted()] { await_sleep(1h); };
    const std::size_t before = weft_tests::live_fibers();
    CHECK_THROWS_WITH_AS(static_cast<void>(gather(good, good, bad)), "no copy", std::runtime_error);
    CHECK(weft_tests::live_fibers() == before);
    CHECK(counted::alive() == 1);
  });
}

TEST_CASE_FIXTURE(no_leaks, "gather: an exception while it starts a range leaves nothing running") {
  struct copies_until_third {
    int* copies;
    explicit copies_until_third(int* count) : copies(count) {}
    copies_until_third(const copies_until_third& other) : copies(other.copies) {
      if (++*copies == 3) throw std::runtime_error("the third");
    }
    void operator()() const {}
  };
  run([] {
    int copies = 0;
    const copies_until_third one(&copies);
    const copies_until_third* const lots = &one;
    struct range_of_four {
      const copies_until_third* only;
      struct iterator {
        const copies_until_third* only;
        int at;
        const copies_until_third& operator*() const { return *only; }
        iterator& operator++() { ++at; return *this; }
        bool operator!=(const iterator& other) const { return at != other.at; }
      };
      iterator begin() const { return {only, 0}; }
      iterator end() const { return {only, 4}; }
    };
    const std::size_t before = weft_tests::live_fibers();
    CHECK_THROWS_WITH_AS(gather(range_of_four{lots}), "the third", std::runtime_error);
    CHECK(weft_tests::live_fibers() == before);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "gather: an exception while copying a result out leaves nothing running") {
  struct throws_when_moved {
    throws_when_moved() = default;
    throws_when_moved(throws_when_moved&&) { throw std::runtime_error("no move"); }
  };
  run([] {
    CHECK_THROWS_WITH_AS(static_cast<void>(gather([] { return counted(); },
                                                  [] { return throws_when_moved(); })),
                         "no move", std::runtime_error);
    CHECK(counted::alive() == 0);
    CHECK(weft_tests::live_fibers() == 0);
  });
}

TEST_CASE("gather: outside a loop it is a misuse that says so") {
  CHECK_THROWS_WITH_AS(static_cast<void>(gather([] { return 1; }, [] { return 2; })),
                       "weft: gather() needs a running loop, and this thread has none: call it "
                       "from inside weft::run(), or hand the work over with loop_ref::post()",
                       std::logic_error);
}

TEST_CASE_FIXTURE(no_leaks, "gather: an empty handle is a misuse, and leaves nothing running") {
  run([] {
    task<int> empty;
    auto other = spawn([] { return 1; });
    CHECK_THROWS_AS(static_cast<void>(gather(empty)), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(gather([] { return 2; }, empty)), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(gather(other, empty)), std::logic_error);
    other.join();
    CHECK(weft_tests::live_fibers() == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gather: tasks that a misuse or a cancel stopped it from are as they were") {
  run([] {
    auto one = spawn([] {
      await_sleep(1s);
      return 1;
    });
    task<int> empty;
    CHECK_THROWS_AS(gather(one, empty), std::logic_error);
    weft::cancel_scope scope;
    scope.cancel();
    weft::with_scope(scope, [&] { gather(one); });
    await_sleep(2s);  // it ends, and tells nobody
    CHECK(std::get<0>(gather(one)) == 1);
  });
}

TEST_CASE_FIXTURE(no_leaks, "gather: gathering oneself is a misuse") {
  run([] {
    task<> t;
    bool was_refused = false;
    t = spawn([&] {
      try {
        gather(t);
      } catch (const std::logic_error&) {
        was_refused = true;
      }
    });
    t.join();
    CHECK(was_refused);
  });
}

TEST_CASE_FIXTURE(no_leaks, "gather: a task of another loop is a misuse") {
  run([] {
    weft::background_loop other;
    weft::promise<void> gate;
    auto held = other.ref().call([entry = gate.get_future()]() mutable {
      return spawn([inner = std::move(entry)]() mutable { inner.get(); });
    }).get();
    CHECK_THROWS_AS(gather(held), std::logic_error);
    CHECK_FALSE(held.was_cancelled());
    gate.set_value();
    held.get();
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "gather: in a cancelled task it cancels its children and throws") {
  run([] {
    int cancellations = 0;
    bool was_thrown = false;
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
      }
      try {
        gather(sleeper{&cancellations}, sleeper{&cancellations});
      } catch (const cancelled&) {
        was_thrown = true;
      }
    });
    weft::yield();
    t.cancel();
    t.join();
    CHECK(was_thrown);
    CHECK(cancellations <= 2);
    CHECK(weft_tests::live_fibers() == 0);
  });
}

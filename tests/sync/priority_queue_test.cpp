// SPDX-License-Identifier: BSL-1.0
// Priority queues between the fibers of one loop: order, and comparisons that throw or wait.
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/seed.hpp"
#include "sync/kinds.hpp"
#include "sync/queue_kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/errors.hpp"
#include "weft/queue.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;
using weft::await_sleep;
using weft::spawn;

namespace {

// Compares as it is told to.
struct compare {
  std::function<void()>* before_each = nullptr;
  bool operator()(int a, int b) const {
    if (*before_each) (*before_each)();
    return a < b;
  }
};

using named = std::pair<int, std::string>;
struct by_number {
  bool operator()(const named& a, const named& b) const { return a.first < b.first; }
};

}  // namespace

TEST_CASE_TEMPLATE("priority queue: the least first, equal ones in the order of their put", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template priority_queue<named, by_number> q;
    q.put({2, "a"});
    q.put({1, "b"});
    q.put({2, "c"});
    q.put({1, "d"});
    q.put({0, "e"});
    std::string order;
    while (const auto next = q.try_get()) order += next->second;
    CHECK(order == "ebdac");
    typename Kind::template priority_queue<int, std::greater<int>> greatest;
    for (const int i : {1, 3, 2}) greatest.put(i);
    CHECK(greatest.get() == 3);
    CHECK(greatest.get() == 2);
    CHECK(greatest.get() == 1);
  });
}

TEST_CASE_TEMPLATE("priority queue: any mixture of put and get comes out as a sorted list's would",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    std::mt19937_64 chance(seed_of_this_run());
    typename Kind::template priority_queue<named, by_number> q;
    std::vector<named> sorted;
    for (int i = 0; i < 3000; ++i) {
      if (sorted.empty() || chance() % 5 < 3) {
        const named one{static_cast<int>(chance() % 20), std::to_string(i)};
        sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), one, by_number()), one);
        q.put(one);
      } else {
        REQUIRE(q.get() == sorted.front());
        sorted.erase(sorted.begin());
      }
    }
    CHECK(q.size() == sorted.size());
  });
}

TEST_CASE_TEMPLATE("priority queue: move-only values; who waits for room is let in", Kind,
                   any_thread, one_loop) {
  struct pointed {
    bool operator()(const std::unique_ptr<int>& a, const std::unique_ptr<int>& b) const {
      return *a < *b;
    }
  };
  on_virtual_time().run([] {
    typename Kind::template priority_queue<std::unique_ptr<int>, pointed> q(2);
    std::vector<weft::task<>> tasks;
    for (int i = 6; i >= 1; --i) {
      tasks.push_back(spawn([&, i] { q.put(std::make_unique<int>(i)); }));
    }
    weft::yield();
    CHECK(q.full());
    std::vector<int> order;
    for (int i = 0; i < 6; ++i) {
      order.push_back(*q.get());
      await_sleep(1s);
    }
    CHECK(order == std::vector<int>{5, 4, 3, 2, 1, 6});
    for (auto& t : tasks) t.get();
  });
}

TEST_CASE_TEMPLATE("priority queue: room that a hand-over leaves unused goes to the next putter",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template priority_queue<int> q(1);
    q.put(1);
    auto first = spawn([&] { q.put(2); });
    auto second = spawn([&] { q.put(3); });
    weft::yield();
    CHECK(q.get() == 1);  // the first has the room, and has not used it
    CHECK(q.get() == 2);  // waits: it is handed over
    CHECK(q.get() == 3);
    first.get();
    second.get();
  });
}

TEST_CASE_TEMPLATE("sem 69: a comparison that throws leaves the queue as it was", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    std::function<void()> before_each;
    typename Kind::template priority_queue<int, compare> q(0, compare{&before_each});
    const std::vector<int> values{5, 3, 8, 1, 9, 2, 7};
    for (const int i : values) q.put(i);
    // Each of the comparisons that a put and a get make throws once.
    for (int nth = 1; nth <= 6; ++nth) {
      int left = nth;
      before_each = [&] {
        if (--left == 0) throw std::runtime_error("compared");
      };
      try {
        q.put(0);
        before_each = nullptr;
        CHECK(q.get() == 0);
      } catch (const std::runtime_error&) {
      }
      left = nth;
      before_each = [&] {
        if (--left == 0) throw std::runtime_error("compared");
      };
      try {
        const int least = q.get();
        before_each = nullptr;
        CHECK(least == 1);
        q.put(1);
      } catch (const std::runtime_error&) {
      }
      before_each = nullptr;
      CHECK(q.size() == values.size());
    }
    std::vector<int> order;
    while (const auto next = q.try_get()) order.push_back(*next);
    CHECK(order == std::vector<int>{1, 2, 3, 5, 7, 8, 9});
  });
}

TEST_CASE_TEMPLATE(
    "priority queue: a waiting putter's comparison throws at the putter, and the "
    "room goes to the next",
    Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    std::function<void()> before_each;
    typename Kind::template priority_queue<int, compare> q(2, compare{&before_each});
    q.put(1);
    q.put(2);
    auto first = spawn([&] {
      CHECK_THROWS_AS(q.put(3), std::runtime_error);
      before_each = nullptr;
    });
    auto second = spawn([&] { q.put(4); });
    weft::yield();
    CHECK(q.get() == 1);
    before_each = [] { throw std::runtime_error("compared"); };
    first.get();
    second.get();
    CHECK(q.get() == 2);
    CHECK(q.get() == 4);
    CHECK(q.empty());
    for (int i = 0; i < 3; ++i) q.task_done();
    CHECK_THROWS_AS(q.task_done(), std::logic_error);
  });
}

TEST_CASE_TEMPLATE("priority queue: comparisons may wait; meanwhile others wait for the queue",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    std::function<void()> before_each = [] { await_sleep(1s); };
    typename Kind::template priority_queue<int, compare> q(3, compare{&before_each});
    std::vector<weft::task<>> tasks;
    std::vector<int> got;
    for (int i = 0; i < 6; ++i) tasks.push_back(spawn([&, i] { q.put(i); }));
    weft::yield();
    for (int i = 0; i < 6; ++i) tasks.push_back(spawn([&] { got.push_back(q.get()); }));
    for (auto& t : tasks) t.get();
    std::sort(got.begin(), got.end());
    CHECK(got == std::vector<int>{0, 1, 2, 3, 4, 5});
  });
}

TEST_CASE_TEMPLATE("priority queue: a comparison that uses the queue itself is refused", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    std::function<void()> before_each;
    typename Kind::template priority_queue<int, compare> q(0, compare{&before_each});
    q.put(1);
    before_each = [&] { (void)q.try_get(); };
    CHECK(has(text_of_error([&] { q.put(2); }),
              "priority_queue::put() or get() was called by fiber 1 'main', which holds"));
    before_each = nullptr;
    CHECK(q.get() == 1);
    CHECK(q.empty());
  });
}

TEST_CASE_TEMPLATE("priority queue: shutdown refuses a putter that has room and has not used it",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template priority_queue<int> q(1);
    q.put(1);
    auto puts = spawn([&] { CHECK_THROWS_AS(q.put(2), weft::closed_error); });
    weft::yield();
    CHECK(q.get() == 1);
    q.shutdown();
    CHECK_THROWS_AS(q.get(), weft::closed_error);
    puts.get();
    CHECK_THROWS_AS(q.get(), weft::closed_error);
    q.task_done();
    q.join();
  });
}

TEST_CASE_TEMPLATE("sem 61: a priority queue's values are dropped by shutdown(immediate)", Kind,
                   any_thread, one_loop) {
  struct any_order {
    bool operator()(const counted&, const counted&) const { return false; }
  };
  on_virtual_time fixture;
  fixture.run([] {
    typename Kind::template priority_queue<counted, any_order> q;
    typename Kind::template priority_queue<counted, any_order> left;
    for (int i = 0; i < 5; ++i) {
      q.put(counted());
      left.put(counted());
    }
    q.shutdown(true);
    q.join();
    CHECK_THROWS_AS(q.get(), weft::closed_error);
  });
}

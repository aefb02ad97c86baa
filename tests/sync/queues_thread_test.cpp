// SPDX-License-Identifier: BSL-1.0
// Queues, broadcasts and watches between loops and plain threads: what is put comes out, once.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/broadcast.hpp"
#include "weft/errors.hpp"
#include "weft/queue.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/watch.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;
using weft::spawn;

namespace {

constexpr std::size_t makers = 8;
constexpr std::size_t each = scaled(1000, 150);  // values of one maker

// put(n) for n of 0 ... makers - 1 and get() as often: three fibers each in each of two loops, and
// two plain threads each.
template <class Put, class Get>
void everywhere(Put put, Get get) {
  std::atomic<std::size_t> next{0};
  const auto loop = [&] {
    weft::run([&] {
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 3; ++i) {
        tasks.push_back(spawn([&] { get(); }));
        tasks.push_back(spawn([&] { put(next++); }));
      }
      for (auto& t : tasks) t.get();
    });
  };
  std::vector<std::thread> threads;
  threads.emplace_back(loop);
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] { get(); });
    threads.emplace_back([&] { put(next++); });
  }
  loop();
  for (auto& t : threads) t.join();
}

struct pointed {
  template <class P>
  bool operator()(const P& a, const P& b) const {
    return *a < *b;
  }
};

using value = std::unique_ptr<std::size_t>;

#define QUEUES_OF_VALUES \
  weft::queue<value>, weft::lifo_queue<value>, weft::priority_queue<value, pointed>

}  // namespace

TEST_CASE_TEMPLATE(
    "torture 18: producers and consumers in loops and threads: each value comes out "
    "once, and a shutdown ends all",
    Queue, QUEUES_OF_VALUES) {
  no_leaks fixture;
  Queue q(3);
  std::vector<std::atomic<int>> got(makers * each);
  std::atomic<std::size_t> done{0};
  everywhere(
      [&](std::size_t maker) {
        for (std::size_t i = 0; i < each; ++i) {
          auto one = std::make_unique<std::size_t>(maker * each + i);
          if (i % 5 == 0) {
            while (!q.put_until(std::move(one), weft::now() + 20us)) {
            }
          } else {
            q.put(std::move(one));
          }
        }
        if (++done == makers) q.shutdown();  // after the last value
      },
      [&] {
        try {
          for (std::size_t i = 0;; ++i) {
            if (i % 7 == 0) {
              if (const auto one = q.get_until(weft::now() + 20us)) ++got[**one];
            } else {
              ++got[*q.get()];
            }
          }
        } catch (const weft::closed_error&) {
        }
      });
  std::size_t once = 0;
  for (const auto& times : got) once += times == 1 ? 1 : 0;
  CHECK(once == makers * each);
  CHECK(q.empty());
}

TEST_CASE_TEMPLATE("torture 18: a shutdown in the middle: what put() took comes out, or is dropped",
                   Queue, QUEUES_OF_VALUES) {
  no_leaks fixture;
  for (const bool immediate : {false, true}) {
    Queue q(3);
    std::atomic<std::size_t> in{0};
    std::atomic<std::size_t> out{0};
    everywhere(
        [&](std::size_t maker) {
          try {
            for (std::size_t i = 0; i < each; ++i) {
              q.put(std::make_unique<std::size_t>(i));
              ++in;
              if (maker == 0 && i == each / 2) q.shutdown(immediate);
            }
          } catch (const weft::closed_error&) {
          }
        },
        [&] {
          try {
            for (;;) {
              q.get();
              ++out;
              q.task_done();
            }
          } catch (const weft::closed_error&) {
          }
        });
    CHECK(q.empty());
    CHECK(out <= in);
    CHECK(in <= out + (immediate ? 3 : 0));
    q.join();  // nothing is left to be done
  }
}

TEST_CASE_FIXTURE(no_leaks, "sem 64: cancels meet hand-overs from another thread: none is lost") {
  weft::queue<std::size_t> q(2);
  const std::size_t all = scaled(3000, 400);
  std::size_t sum = 0;
  std::thread puts([&] {
    for (std::size_t i = 1; i <= all; ++i) q.put(i);
    q.shutdown();
  });
  weft::run([&] {
    bool is_over = false;
    while (!is_over) {
      auto gets = spawn([&] {
        try {
          for (;;) sum += q.get();
        } catch (const weft::closed_error&) {
          is_over = true;
        }
      });
      for (int i = 0; i < 3; ++i) weft::yield();
      gets.cancel();
      gets.join();
    }
  });
  puts.join();
  CHECK(sum == all * (all + 1) / 2);
}

TEST_CASE_FIXTURE(no_leaks, "broadcast: between loops and threads everybody sees all, or is told") {
  weft::broadcast<std::size_t> news(16);
  std::atomic<std::size_t> told{0};
  std::atomic<bool> in_order{true};
  std::vector<weft::broadcast_receiver<std::size_t>> receivers;
  for (std::size_t i = 0; i < makers; ++i) receivers.push_back(news.subscribe());
  std::atomic<std::size_t> next{0};
  std::thread sends([&] {
    for (std::size_t i = 0; i < each; ++i) {
      news.send(i);
      if (i % 8 == 0) std::this_thread::yield();
    }
    news.close();
  });
  const auto listen = [&] {
    auto& mine = receivers[next++];
    std::size_t expected = 0;
    for (auto got = mine.recv(); !got.is_closed(); got = mine.recv()) {
      if (got.has_lagged()) {
        expected += got.missed();
      } else if (got.value() != expected++) {
        in_order = false;
      }
    }
    told += expected;
  };
  everywhere([](std::size_t) {}, listen);
  sends.join();
  CHECK(in_order);
  CHECK(told == makers * each);
}

TEST_CASE_FIXTURE(no_leaks, "watch: between loops and threads everybody sees the last value") {
  weft::watch<std::size_t> state(0);
  std::atomic<std::size_t> seen{0};
  std::thread sends([&] {
    for (std::size_t i = 1; i <= each; ++i) state.send(i);
  });
  everywhere([](std::size_t) {},
             [&] {
               auto mine = state.subscribe();
               mine.wait_for([](std::size_t n) { return n == each; });
               ++seen;
             });
  sends.join();
  CHECK(seen == makers);
}

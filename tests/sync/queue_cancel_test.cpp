// SPDX-License-Identifier: BSL-1.0
// Queues when cancels, deadlines and a shutdown meet hand-overs: in whatever order, no value is
// lost and none comes twice.
#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "sync/queue_kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/queue.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;
using weft::await_sleep;
using weft::spawn;

#define QUEUES                                                                                 \
  weft::queue<int>, weft::local::queue<int>, weft::lifo_queue<int>, weft::priority_queue<int>, \
      weft::local::priority_queue<int>

TEST_CASE_TEMPLATE("sem 64: cancelled after it was handed a value, a getter keeps it", Queue,
                   QUEUES) {
  on_virtual_time().run([] {
    Queue q;
    int got = 0;
    auto gets = spawn([&] {
      got = q.get();
      weft::yield();  // the next checkpoint
      got = -1;
    });
    weft::yield();
    q.put(7);
    gets.cancel();
    gets.join();
    CHECK(got == 7);
    CHECK(gets.was_cancelled());
    CHECK(q.empty());
  });
}

TEST_CASE_TEMPLATE("sem 64: cancelled before a value came, it goes to the next, or stays", Queue,
                   QUEUES) {
  on_virtual_time().run([] {
    Queue q;
    auto first = spawn([&] { q.get(); });
    int got = 0;
    auto second = spawn([&] { got = q.get(); });
    weft::yield();
    first.cancel();
    q.put(7);  // in the same turn: the cancel came first
    second.get();
    first.join();
    CHECK(first.was_cancelled());
    CHECK(got == 7);
    auto third = spawn([&] { q.get(); });
    weft::yield();
    third.cancel();
    q.put(8);
    CHECK(q.size() == 1);
    third.join();
    CHECK(q.get() == 8);
  });
}

TEST_CASE_TEMPLATE("sem 64: a putter that was given room puts its value, cancelled or not", Queue,
                   QUEUES) {
  on_virtual_time().run([] {
    Queue q(1);
    q.put(1);
    bool has_put = false;
    auto puts = spawn([&] {
      q.put(2);
      has_put = true;
      weft::yield();
    });
    weft::yield();
    CHECK(q.get() == 1);
    puts.cancel();
    puts.join();
    CHECK(has_put);
    CHECK(puts.was_cancelled());
    CHECK(q.get() == 2);
  });
}

TEST_CASE_TEMPLATE(
    "sem 64: cancelled before there was room, its value stays out, and the next "
    "gets the room",
    Queue, QUEUES) {
  on_virtual_time().run([] {
    Queue q(1);
    q.put(1);
    auto first = spawn([&] { q.put(2); });
    auto second = spawn([&] { q.put(3); });
    weft::yield();
    first.cancel();
    CHECK(q.get() == 1);
    second.get();
    first.join();
    CHECK(first.was_cancelled());
    CHECK(q.get() == 3);
    CHECK(q.empty());
  });
}

TEST_CASE_TEMPLATE("sem 60: a join may be cancelled, and the others go on waiting", Queue, QUEUES) {
  on_virtual_time().run([] {
    Queue q;
    q.put(1);
    auto first = spawn([&] { q.join(); });
    auto second = spawn([&] { q.join(); });
    weft::yield();
    first.cancel();
    first.join();
    CHECK(first.was_cancelled());
    CHECK_FALSE(second.done());
    q.task_done();
    second.get();
  });
}

namespace {

// Who puts and gets notes it here: values[i] is how often value i was put and how often it came
// out.
struct ledger {
  std::vector<int> put = std::vector<int>(200);
  std::vector<int> got = std::vector<int>(200);
};

template <class Queue>
void put_some(Queue& q, ledger& book, int first, std::uint64_t seed) {
  std::mt19937_64 chance(seed);
  try {
    for (int i = first; i < first + 20; ++i) {
      const auto deadline = weft::now() + std::chrono::seconds(chance() % 3);
      if (q.put_until(i, deadline)) ++book.put[static_cast<std::size_t>(i)];
      if (chance() % 4 == 0) await_sleep(1s);
    }
  } catch (const weft::closed_error&) {
  }
}

template <class Queue>
void get_some(Queue& q, ledger& book, std::uint64_t seed) {
  std::mt19937_64 chance(seed);
  try {
    for (;;) {
      const auto deadline = weft::now() + std::chrono::seconds(chance() % 3);
      if (const auto value = q.get_until(deadline)) {
        ++book.got[static_cast<std::size_t>(*value)];
        q.task_done();
      }
      if (chance() % 4 == 0) await_sleep(1s);
    }
  } catch (const weft::closed_error&) {
  }
}

}  // namespace

TEST_CASE_TEMPLATE(
    "sem 64: deadlines, cancels and shutdown in any order: no value is lost, none "
    "comes twice",
    Queue, QUEUES) {
  for (std::uint64_t seed = 0; seed < scaled(150, 15); ++seed) {
    INFO("seed " << seed);
    on_virtual_time().run_seeded(seed, [seed] {
      Queue q(2);
      ledger book;
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 4; ++i) {
        tasks.push_back(
            spawn([&, i] { put_some(q, book, 20 * i, seed + static_cast<std::uint64_t>(i)); }));
        tasks.push_back(spawn([&, i] { get_some(q, book, seed * static_cast<unsigned>(i + 5)); }));
      }
      std::mt19937_64 chance(seed);
      for (int i = 0; i < 3; ++i) {
        await_sleep(std::chrono::seconds(chance() % 4));
        tasks[chance() % tasks.size()].cancel();
        // In the same turn as the cancel: one may be handed a value, or room.
        if (q.try_put(100 + i)) ++book.put[static_cast<std::size_t>(100 + i)];
        if (const auto value = q.try_get()) ++book.got[static_cast<std::size_t>(*value)];
      }
      await_sleep(1s);
      q.shutdown();
      for (auto& t : tasks) t.join();
      try {
        for (;;) ++book.got[static_cast<std::size_t>(q.get())];
      } catch (const weft::closed_error&) {
      }
      CHECK(book.put == book.got);
      for (const int times : book.got) CHECK(times <= 1);
    });
  }
}

TEST_CASE_TEMPLATE("sem 61: shutdown(immediate) in any order: all who wait get away", Queue,
                   QUEUES) {
  for (std::uint64_t seed = 0; seed < scaled(100, 10); ++seed) {
    INFO("seed " << seed);
    on_virtual_time().run_seeded(seed, [seed] {
      Queue q(1);
      int in = 0;
      int out = 0;
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 3; ++i) {
        tasks.push_back(spawn([&] {
          try {
            for (;;) {
              q.put(1);
              ++in;
            }
          } catch (const weft::closed_error&) {
          }
        }));
        tasks.push_back(spawn([&] {
          try {
            for (;;) {
              q.get();
              ++out;
              if (out % 3 == 0) weft::yield();
              q.task_done();
            }
          } catch (const weft::closed_error&) {
          }
        }));
        tasks.push_back(spawn([&] { q.join(); }));
      }
      for (std::uint64_t i = 0; i < seed % 17; ++i) weft::yield();
      q.shutdown(true);
      for (auto& t : tasks) t.get();
      CHECK(q.empty());
      CHECK(in >= out);
      CHECK(in <= out + 1);  // what stood in it
    });
  }
}

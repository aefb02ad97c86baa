// SPDX-License-Identifier: BSL-1.0
// Classic bugs of programs that share something, each found by explore(), and each gone in every
// order once it is mended. The second half: explore_time_bugs_test.cpp.
#include <doctest/doctest.h>

#include <array>

#include "explored.hpp"

using namespace weft_tests;
using weft::testing::check;
using weft::testing::maybe_switch;
using weft::testing::shared;

namespace {

// A consumer looks at a flag and then waits; the producer may come between the two.
template <bool is_mended>
void wake_up() {
  bool is_there = false;
  waiting_room room;
  weft::gather(
      [&] {
        while (!is_there) {
          if (!is_mended) maybe_switch();  // looking and waiting are two steps
          room.wait();
        }
      },
      [&] {
        is_there = true;
        room.wake_one();
      });
}

// A cleanup path unlocks what was unlocked already: by now it is somebody else's.
template <bool is_mended>
void unlock_twice() {
  plain_lock lock;
  int inside = 0;
  const auto critical = [&] {
    check(++inside == 1, "one at a time");
    weft::yield();
    --inside;
  };
  const auto worker = [&](bool cleans_up) {
    lock.lock();
    critical();
    lock.unlock();
    if (!cleans_up) return;
    weft::yield();
    if (!is_mended) lock.unlock();
  };
  weft::gather([&] { worker(true); }, [&] { worker(false); }, [&] { worker(false); });
}

// A stack without locks: while one pops, others pop two and put the first back. Its head looks the
// same, but the node behind it is gone.
template <bool is_mended>
void pop_and_put_back() {
  struct head {
    int node;
    unsigned version;
    bool operator==(const head& other) const {
      return node == other.node && version == other.version;
    }
  };
  constexpr int none = -1;
  std::array<int, 3> next{1, 2, none};
  std::array<bool, 3> is_in_use{};
  shared<head> top({0, 0}, "top");
  const auto pop = [&] {
    for (head seen = top.load(); seen.node != none;) {
      const head after{next[static_cast<std::size_t>(seen.node)],
                       is_mended ? seen.version + 1 : 0U};
      if (!top.compare_exchange(seen, after)) continue;
      bool& owned = is_in_use[static_cast<std::size_t>(seen.node)];
      check(!owned, "a node was given to two");
      owned = true;
      return seen.node;
    }
    return none;
  };
  const auto put_back = [&](int node) {
    is_in_use[static_cast<std::size_t>(node)] = false;
    head seen = top.load();
    do {
      next[static_cast<std::size_t>(node)] = seen.node;
    } while (!top.compare_exchange(seen, {node, is_mended ? seen.version + 1 : 0U}));
  };
  weft::gather([&] { pop(), pop(); },
               [&] {
                 const int first = pop();
                 pop();
                 if (first != none) put_back(first);
               });
}

// A queue that notifies only when it was empty: with two consumers that is too seldom.
template <bool is_mended>
void put_two() {
  std::deque<int> items;
  waiting_room room;
  const auto take = [&] {
    while (items.empty()) room.wait();
    items.pop_front();
  };
  const auto put = [&](int item) {
    const bool was_empty = items.empty();
    items.push_back(item);
    if (was_empty || is_mended) room.wake_one();
  };
  weft::gather(take, take, [&] {
    put(1);
    weft::yield();
    put(2);
  });
}

// Two look for a thing, both find that it is not there, and both make it.
template <bool is_mended>
void make_once() {
  bool is_there = false;
  bool is_being_made = false;
  int made = 0;
  waiting_room room;
  const auto need = [&] {
    if (is_mended) {
      while (is_being_made) room.wait();
    }
    if (is_there) return;
    is_being_made = true;
    weft::yield();  // making it takes a wait
    ++made;
    is_there = true;
    is_being_made = false;
    room.wake_all();
  };
  weft::gather(need, need);
  check(made == 1, "it was made once");
}

// Two locks, taken in two orders.
template <bool is_mended>
void two_locks() {
  plain_lock a, b;
  const auto move = [](plain_lock& first, plain_lock& second) {
    first.lock();
    weft::yield();
    second.lock();
    second.unlock();
    first.unlock();
  };
  weft::gather([&] { move(a, b); }, [&] { is_mended ? move(a, b) : move(b, a); });
}

// Reads, adds, writes: somebody else's write may come between.
template <bool is_mended>
void count_two() {
  shared<int> count(0, "count");
  const auto add = [&] {
    if (is_mended) {
      count.update([](int& now) { ++now; });
    } else {
      count = count + 1;
    }
  };
  weft::gather(add, add);
  check(count.peek() == 2, "an update was lost");
}

// close() wakes one receiver; there may be two.
template <bool is_mended>
void close_two() {
  bool is_closed = false;
  waiting_room receivers;
  const auto receive = [&] {
    while (!is_closed) receivers.wait();
  };
  weft::gather(receive, receive, [&] {
    is_closed = true;
    is_mended ? receivers.wake_all() : static_cast<void>(receivers.wake_one());
  });
}

}  // namespace

TEST_CASE_FIXTURE(exploring, "torture 35: explore finds a lost wake-up") {
  finds("deadlock", wake_up<false>);
  passes(wake_up<true>);
}

TEST_CASE_FIXTURE(exploring, "torture 35: explore finds a double unlock") {
  finds("one at a time", unlock_twice<false>);
  passes(unlock_twice<true>);
}

TEST_CASE_FIXTURE(exploring, "torture 35: explore finds ABA") {
  finds("a node was given to two", pop_and_put_back<false>);
  passes(pop_and_put_back<true>);
}

TEST_CASE_FIXTURE(exploring, "torture 35: explore finds a forgotten notify") {
  finds("deadlock", put_two<false>);
  passes(put_two<true>);
}

TEST_CASE_FIXTURE(exploring, "torture 35: explore finds check-then-act") {
  finds("it was made once", make_once<false>);
  passes(make_once<true>);
}

TEST_CASE_FIXTURE(exploring, "torture 35: explore finds two locks taken in two orders") {
  finds("deadlock", two_locks<false>);
  passes(two_locks<true>);
}

TEST_CASE_FIXTURE(exploring, "torture 35: explore finds a lost update") {
  finds("an update was lost", count_two<false>);
  passes(count_two<true>);
}

TEST_CASE_FIXTURE(exploring, "torture 35: explore finds a missed close") {
  finds("deadlock", close_two<false>);
  passes(close_two<true>);
}

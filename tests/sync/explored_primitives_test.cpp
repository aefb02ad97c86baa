// SPDX-License-Identifier: BSL-1.0
// weft's own primitives in every order that a few fibers can take, with a cancel and a deadline
// among them: each program holds in all of them.
#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include <doctest/doctest.h>

#include "sync/kinds.hpp"
#include "task/explored.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft::testing::check;
using weft_tests::any_thread;
using weft_tests::exploring;
using weft_tests::one_loop;

namespace {

// In more orders than a few: else the program leaves nothing to choose.
template <class F>
void holds(F&& f, std::uint64_t at_least = 10) {
  const auto found = exploring().passes(f);
  CAPTURE(found.schedules);
  CHECK(found.schedules >= at_least);
}

}  // namespace

TEST_CASE_TEMPLATE("torture 35: mutex: one at a time, whoever is cancelled, and none is forgotten",
                   Kind, any_thread, one_loop) {
  holds([] {
    typename Kind::mutex m;
    int inside = 0;
    int turns = 0;
    const auto worker = [&] {
      const std::lock_guard<typename Kind::mutex> hold(m);
      ++turns;
      check(++inside == 1, "one at a time");
      struct leaving {
        int& inside;
        ~leaving() { --inside; }
      } const last{inside};
      weft::yield();
    };
    auto a = spawn(worker);
    auto b = spawn(worker);
    auto c = spawn(worker);
    auto killer = spawn([&] { b.cancel(); });
    killer.get();
    a.get();
    b.join();
    c.get();
    check(turns >= 2, "all but the cancelled one had their turn");
    check(m.try_lock(), "it is free at the end");
    m.unlock();
  });
}

TEST_CASE_TEMPLATE("torture 35: condition variable: a notification reaches who still waits", Kind,
                   any_thread, one_loop) {
  holds([] {
    typename Kind::mutex m;
    typename Kind::condition has_item;
    int items = 0;
    int taken = 0;
    const auto consumer = [&] {
      std::unique_lock<typename Kind::mutex> hold(m);
      has_item.wait(hold, [&] { return items > 0; });
      --items;
      ++taken;
    };
    auto stays = spawn(consumer);
    auto leaves = spawn(consumer);
    auto producer = spawn([&] {
      for (int i = 0; i < 2; ++i) {
        const std::lock_guard<typename Kind::mutex> hold(m);
        ++items;
        has_item.notify_one();
      }
    });
    auto killer = spawn([&] { leaves.cancel(); });
    killer.get();
    producer.get();
    stays.get();  // a lost notification would be a deadlock
    leaves.join();
    check(taken + items == 2, "no item is lost");
  });
}

TEST_CASE("torture 35: semaphore: a permit is kept by nobody who left") {
  holds([] {
    weft::semaphore permits(1);
    int inside = 0;
    const auto worker = [&] {
      permits.acquire();
      check(++inside == 1, "one permit, one inside");
      try {
        weft::yield();
      } catch (...) {
        --inside;
        permits.release();
        throw;
      }
      --inside;
      permits.release();
    };
    auto a = spawn(worker);
    auto b = spawn(worker);
    auto late = spawn([&] {
      if (permits.acquire_for(1ms)) permits.release();
    });
    auto killer = spawn([&] { b.cancel(); });
    killer.get();
    a.get();
    b.join();
    late.get();
    check(permits.try_acquire(), "the permit is back");
    permits.release();
  });
}

TEST_CASE_TEMPLATE("torture 35: channel: what was sent is received once, by who was not cancelled",
                   Kind, any_thread, one_loop) {
  for (const std::size_t capacity : {0U, 1U}) {
    CAPTURE(capacity);
    holds([capacity] {
      typename Kind::template channel<int> ch(capacity);
      int sent = 0;
      int received = 0;
      auto sender = spawn([&] {
        for (int i = 0; i < 2; ++i) {
          ch.send(i);
          ++sent;
        }
        ch.close();
      });
      auto reader = spawn([&] {
        while (ch.recv()) ++received;
      });
      auto other = spawn([&] {
        while (ch.recv()) ++received;
      });
      auto killer = spawn([&] { other.cancel(); });
      killer.get();
      sender.get();
      reader.get();
      other.join();
      check(sent == 2 && received == 2, "each once");
    });
  }
}

TEST_CASE_TEMPLATE("torture 35: select: exactly one case, with a cancel and a deadline beside it",
                   Kind, any_thread, one_loop) {
  holds([] {
    typename Kind::template channel<int> a;
    typename Kind::template channel<int> b;
    int received = 0;
    int sent = 0;
    const auto count = [&](std::optional<int> v) { received += v ? 1 : 0; };
    auto selects = spawn([&] {
      weft::select(weft::on_recv(a, count), weft::on_recv(b, count), weft::after(1ms, [] {}));
    });
    auto sends = spawn([&] {
      int one = 1;
      weft::select(weft::on_send(b, one, [&] { ++sent; }), weft::on_send(a, one, [&] { ++sent; }),
                   weft::after(1ms, [] {}));
    });
    auto leaves = spawn([&] { weft::select(weft::on_recv(b, count), weft::after(1ms, [] {})); });
    auto killer = spawn([&] { leaves.cancel(); });
    killer.get();
    selects.get();
    sends.get();
    leaves.join();
    check(sent == received, "what was sent is received");
    check(!a.try_send(2) && !b.try_send(2), "nobody stands in a queue");
  });
}

TEST_CASE_TEMPLATE("torture 35: select: an event that is set meets a value that is sent", Kind,
                   any_thread, one_loop) {
  holds([] {
    typename Kind::event stop;
    typename Kind::template channel<int> jobs;
    int received = 0;
    bool is_stopped = false;
    auto worker = spawn([&] {
      while (!is_stopped) {
        weft::select(weft::on_recv(jobs, [&](auto&&) { ++received; }),
                     weft::on_event(stop, [&] { is_stopped = true; }));
      }
    });
    int sent = 0;
    auto sender = spawn([&] {
      int one = 1;
      weft::select(weft::on_send(jobs, one, [&] { ++sent; }), weft::on_event(stop, [] {}));
    });
    auto stopper = spawn([&] { stop.set(); });
    worker.get();
    sender.get();
    stopper.get();
    check(sent == received, "what was sent is received");
  });
}

TEST_CASE_TEMPLATE("torture 35: barrier: two rounds, and the numbers of a round are 0, 1 and 2",
                   Kind, any_thread, one_loop) {
  holds([] {
    typename Kind::template barrier<weft::detail::no_completion> meet(3);
    std::array<std::size_t, 2> sums{};
    const auto party = [&] {
      for (std::size_t& sum : sums) sum += meet.arrive_and_wait();
    };
    auto a = spawn(party);
    auto b = spawn(party);
    auto c = spawn(party);
    a.get();
    b.get();
    c.get();
    check(sums[0] == 3 && sums[1] == 3, "0, 1 and 2 in each round");
  });
}

TEST_CASE_TEMPLATE("torture 35: barrier: who is cancelled has not arrived, and another may come",
                   Kind, any_thread, one_loop) {
  holds([] {
    int rounds = 0;
    const auto count = [&]() noexcept { ++rounds; };
    typename Kind::template barrier<decltype(count)> meet(2, count);
    auto stays = spawn([&] { meet.arrive_and_wait(); });
    auto leaves = spawn([&] { meet.arrive_and_wait(); });
    auto killer = spawn([&] { leaves.cancel(); });
    killer.get();
    leaves.join();
    // Cancelled just before the other came, it may have counted yet.
    if (rounds == 0) meet.arrive_and_wait();
    stays.get();
    check(rounds == 1, "one round");
  });
}

TEST_CASE(
    "torture 35: a scope's deadline against what it waits for: one of them, and nothing after") {
  holds([] {
    weft::event is_there;
    auto setter = spawn([&] {
      weft::await_sleep(1ms);
      is_there.set();
    });
    const bool in_time = weft::move_on_after(1ms, [&] { is_there.wait(); });
    check(in_time ? is_there.is_set() : true, "who goes on in time has what it waited for");
    weft::yield();  // throws nothing
    is_there.wait();
    setter.get();
  });
}

TEST_CASE("torture 35: nested deadlines and a cancel from outside: the outer one wins") {
  holds([] {
    int inner_ends = 0;
    auto waits = spawn([&] {
      const bool outer = weft::move_on_after(1ms, [&] {
        const bool inner = weft::move_on_after(1ms, [] { weft::await_sleep(1h); });
        check(!inner, "an hour is longer");
        ++inner_ends;
        weft::yield();
      });
      // Out of time at the same moment: left by either.
      check(outer == (inner_ends == 1) || !outer, "inner first, or outer");
    });
    auto killer = spawn([&] { waits.cancel(); });
    killer.get();
    waits.join();
  });
}

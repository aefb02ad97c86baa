// SPDX-License-Identifier: BSL-1.0
// select between the fibers of one loop: one case exactly, nothing lost, fair, cancel-safe.
#include "weft/select.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "sync/do_nothing.hpp"
#include "sync/kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::after;
using weft::await_sleep;
using weft::on_done;
using weft::on_recv;
using weft::on_send;
using weft::otherwise;
using weft::select;
using weft::spawn;
using weft_tests::any_thread;
using weft_tests::ignored;
using weft_tests::nothing;
using weft_tests::on_virtual_time;
using weft_tests::one_loop;
using weft_tests::scaled;

namespace {

using handle = std::unique_ptr<int>;

}  // namespace

TEST_CASE_TEMPLATE("sem 65: select carries out one case, and the others are as if never asked",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<handle> a(1);
    typename Kind::template channel<handle> b;
    a.send(std::make_unique<int>(1));
    handle mine = std::make_unique<int>(2);
    int got = 0;
    const auto take = [&](std::optional<handle> v) { got = **v; };
    CHECK(select(on_send(b, mine, nothing), on_recv(a, take)) == 1);
    CHECK(got == 1);
    CHECK(mine != nullptr);
    handle none;
    CHECK_FALSE(b.try_recv(none));  // no sender stands there any more
    auto receives = spawn([&] { take(b.recv()); });
    weft::yield();
    CHECK(select(on_recv(a, take), on_send(b, mine, nothing)) == 1);
    receives.get();
    CHECK(got == 2);
    CHECK(mine == nullptr);
  });
}

TEST_CASE_TEMPLATE("select: parks until one case can be carried out, and leaves all queues", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<int> a;
    typename Kind::template channel<int> b;
    int got = 0;
    auto selects = spawn([&] {
      for (int i = 0; i < 2; ++i) {
        select(on_recv(a, [&](std::optional<int> v) { got = *v; }),
               on_recv(b, [&](std::optional<int> v) { got = 100 + *v; }));
      }
    });
    weft::yield();
    b.send(1);
    weft::yield();
    CHECK(got == 101);
    a.send(2);
    selects.get();
    CHECK(got == 2);
    CHECK_FALSE(a.try_send(3));  // nobody waits here now
    CHECK_FALSE(b.try_send(3));
  });
}

TEST_CASE_TEMPLATE("sem 66: a closed channel is always ready, a null one never", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<int> closed;
    typename Kind::template channel<int>* const none = nullptr;
    closed.close();
    bool was_empty = false;
    CHECK(select(on_recv(none, ignored),
                 on_recv(closed, [&](std::optional<int> v) { was_empty = !v; })) == 1);
    CHECK(was_empty);
    CHECK(select(on_recv(none, ignored), after(1s, nothing)) == 1);
    int value = 1;
    CHECK(select(on_send(none, value, nothing), otherwise(nothing)) == 1);
    CHECK_THROWS_AS(select(on_send(closed, value, nothing)), weft::closed_error);

    typename Kind::template channel<int> later;
    auto closes = spawn([&] { later.close(); });
    CHECK(select(on_recv(later, [&](std::optional<int> v) { was_empty = !v; })) == 0);
    auto sends = spawn([&] {
      typename Kind::template channel<int> full;
      auto ends = spawn([&] { full.close(); });
      CHECK_THROWS_AS(select(on_send(full, value, nothing), after(1h, nothing)),
                      weft::closed_error);
    });
    sends.get();
    closes.get();
  });
}

TEST_CASE_TEMPLATE("sem 66: otherwise runs only if nothing is ready", Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<int> ch(1);
    CHECK(select(on_recv(ch, ignored), otherwise(nothing)) == 1);
    ch.send(1);
    CHECK(select(otherwise(nothing), on_recv(ch, ignored)) == 1);
  });
}

TEST_CASE_TEMPLATE("torture 19: two that are always ready are each drawn half of the time", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<int> a(1);
    typename Kind::template channel<int> b(1);
    const std::size_t rounds = scaled(1'000'000, 50'000);
    std::size_t from_a = 0;
    a.send(1);
    b.send(1);
    for (std::size_t i = 0; i < rounds; ++i) {
      if (select(on_recv(a, ignored), on_recv(b, ignored)) == 0) {
        ++from_a;
        a.send(1);
      } else {
        b.send(1);
      }
    }
    CHECK(from_a > rounds * 4 / 10);
    CHECK(from_a < rounds * 6 / 10);
  });
}

TEST_CASE_TEMPLATE("sem 99: the same seed draws the same cases", Kind, any_thread, one_loop) {
  const auto draw = [](std::uint64_t seed) {
    std::vector<std::size_t> drawn;
    on_virtual_time().run_seeded(seed, [&] {
      typename Kind::template channel<int> a;
      typename Kind::template channel<int> b;
      a.close();
      b.close();
      for (int i = 0; i < 64; ++i)
        drawn.push_back(select(on_recv(a, ignored), on_recv(b, ignored)));
    });
    return drawn;
  };
  CHECK(draw(1) == draw(1));
  CHECK(draw(1) != draw(2));
}

TEST_CASE_TEMPLATE("sem 67: a select with both ends of one channel does not meet itself", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<int> ch;
    int value = 1;
    CHECK(select(on_send(ch, value, nothing), on_recv(ch, ignored), after(1s, nothing)) == 2);
    int got = 0;
    const auto both = [&] {
      int own = 7;
      return select(on_send(ch, own, nothing),
                    on_recv(ch, [&](std::optional<int> v) { got = *v; }));
    };
    auto one = spawn(both);
    auto two = spawn(both);
    CHECK(one.get() + two.get() == 1);
    CHECK(got == 7);
  });
}

TEST_CASE_TEMPLATE("select: after ends the wait at its time, zero and less at once", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<int> ch;
    const auto start = weft::now();
    CHECK(select(on_recv(ch, ignored), after(2s, nothing), after(1s, nothing)) == 2);
    CHECK(weft::now() == start + 1s);
    CHECK(select(on_recv(ch, ignored), after(0s, nothing)) == 1);
    CHECK(select(on_recv(ch, ignored), after(-1h, nothing)) == 1);
    CHECK(weft::now() == start + 1s);
    auto sends = spawn([&] { ch.send(1); });
    CHECK(select(on_recv(ch, ignored), after(weft::duration::max(), nothing)) == 0);
    sends.get();
  });
}

TEST_CASE("select: the end of a task is a case") {
  on_virtual_time().run([] {
    weft::channel<int> ch;
    auto works = spawn([] {
      await_sleep(1s);
      return 5;
    });
    int got = 0;
    CHECK(select(on_recv(ch, ignored), on_done(works, [&] { got = works.get(); })) == 1);
    CHECK(got == 5);
    auto fails = spawn([] { throw std::runtime_error("no"); });
    CHECK(select(on_done(fails, nothing), after(1s, nothing)) == 0);
    CHECK_THROWS_AS(fails.get(), std::runtime_error);
    auto sleeps = spawn([] { await_sleep(1h); });
    CHECK(select(on_done(sleeps, nothing), after(1s, nothing)) == 1);
    CHECK_FALSE(sleeps.done());
    weft::task<> empty;
    CHECK_THROWS_AS(select(on_done(empty, nothing)), std::logic_error);
  });
}

TEST_CASE_TEMPLATE("select: cancelled, it has carried out nothing; served before, it has", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<handle> ch;
    handle mine = std::make_unique<int>(1);
    auto sends = spawn([&] { select(on_send(ch, mine, nothing), after(1h, nothing)); });
    weft::yield();
    sends.cancel();
    handle none;
    CHECK_FALSE(ch.try_recv(none));  // the cancel came first
    sends.join();
    CHECK(sends.was_cancelled());
    CHECK(mine != nullptr);

    int got = 0;
    auto receives = spawn([&] {
      select(on_recv(ch, [&](std::optional<handle> v) { got = **v; }), after(1h, nothing));
      weft::yield();
    });
    weft::yield();
    ch.send(std::move(mine));
    receives.cancel();
    receives.join();
    CHECK(got == 1);
    CHECK(receives.was_cancelled());
  });
}

TEST_CASE_TEMPLATE(
    "sem 65: selects of both ends, deadlines and cancels under seeds: none is lost "
    "and none comes twice",
    Kind, any_thread, one_loop) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    on_virtual_time().run_seeded(seed, [seed] {
      typename Kind::template channel<handle> a(seed % 3);
      typename Kind::template channel<handle> b;
      std::vector<int> sent(40, 0);
      std::vector<int> received(40, 0);
      std::vector<weft::task<>> tasks;
      for (int s = 0; s < 4; ++s) {
        tasks.push_back(spawn([&, s] {
          for (int i = 0; i < 10; ++i) {
            const int id = s * 10 + i;
            handle value = std::make_unique<int>(id);
            const auto count = [&] { ++sent[static_cast<std::size_t>(id)]; };
            try {
              select(on_send(a, value, count), on_send(b, value, count), after(3us, nothing));
            } catch (const weft::closed_error&) {
              CHECK(value != nullptr);
              return;
            }
          }
        }));
      }
      for (int r = 0; r < 4; ++r) {
        tasks.push_back(spawn([&] {
          bool is_over = false;
          const auto count = [&](std::optional<handle> v) {
            if (v) {
              ++received[static_cast<std::size_t>(**v)];
            } else {
              is_over = true;
            }
          };
          while (!is_over) select(on_recv(a, count), on_recv(b, count), after(2us, nothing));
          for (const auto& v : a) ++received[static_cast<std::size_t>(*v)];
        }));
      }
      await_sleep(std::chrono::microseconds(seed % 20));
      tasks[seed % 8].cancel();
      await_sleep(10us);
      a.close();
      b.close();
      for (auto& t : tasks) t.join();
      for (const auto& v : a) ++received[static_cast<std::size_t>(*v)];
      CHECK(sent == received);
    });
  }
}

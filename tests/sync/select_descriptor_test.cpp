// SPDX-License-Identifier: BSL-1.0
// Somebody else's descriptors, by number, as cases of select: readiness beside channels, tasks,
// events and time; closed and reused numbers; one wait a direction.
#include "weft/select.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "io/errors_of.hpp"
#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/raw_pair.hpp"
#include "sync/do_nothing.hpp"
#include "sync/kinds.hpp"
#include "task/explored.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/descriptor.hpp"
#include "weft/event.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::after;
using weft::on_done;
using weft::on_event;
using weft::on_readable;
using weft::on_recv;
using weft::on_send;
using weft::on_writable;
using weft::otherwise;
using weft::select;
using weft::spawn;
using weft_tests::any_thread;
using weft_tests::code_of;
using weft_tests::ignored;
using weft_tests::no_leaks;
using weft_tests::nothing;
using weft_tests::on_virtual_time;
using weft_tests::one_loop;
using weft_tests::raw_pair;
using weft_tests::scaled;

namespace {

// Readable when it is asked first, and read empty by another process before it is asked again.
class vanishing_case final : public weft::detail::select_case {
 public:
  bool is_ready(const weft::detail::loop_core*) noexcept override { return looks++ == 0; }
  bool commit(weft::detail::claimed_waiters&) override { return true; }
  void enter(weft::detail::select_wait&, int) noexcept override { FAIL("it was ready"); }
  void leave() noexcept override {}
  bool has_succeeded() noexcept override { return true; }

  int looks = 0;
};

}  // namespace

TEST_CASE_TEMPLATE("select: a descriptor is ready while a read would not wait", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    raw_pair pair;
    const int fd = pair.ends[0];
    typename Kind::template channel<int> quiet;
    char got = 0;
    const auto hear = [&] { got = pair.hear(); };
    CHECK(select(on_readable(fd, hear), otherwise(nothing)) == 1);
    pair.say("a");
    CHECK(select(on_recv(quiet, ignored), on_readable(fd, hear), otherwise(nothing)) == 1);
    CHECK(got == 'a');
    auto speaks = spawn([&] {
      weft::await_sleep(1h);
      pair.say("b");
    });
    CHECK(select(on_recv(quiet, ignored), on_readable(fd, hear), after(2h, nothing)) == 1);
    CHECK(got == 'b');
    CHECK(select(on_readable(fd, hear), after(1s, nothing)) == 1);
    speaks.get();
    pair.hang_up();
    CHECK(select(on_readable(fd, nothing), otherwise(nothing)) == 0);  // the end
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "select: a descriptor is ready to write while there is room, or nobody") {
  run([] {
    raw_pair pair;
    const int fd = pair.ends[0];
    CHECK(select(on_writable(fd, nothing), otherwise(nothing)) == 0);
    pair.fill();
    CHECK(select(on_writable(fd, nothing), otherwise(nothing)) == 1);
    auto drains = spawn([&] { pair.drain(); });
    // Both directions of one descriptor may stand in one select.
    CHECK(select(on_readable(fd, nothing), on_writable(fd, nothing)) == 1);
    drains.get();
    pair.fill();
    auto leaves = spawn([&] { pair.hang_up(); });
    select(on_writable(fd, nothing));
    leaves.get();
  });
}

TEST_CASE_TEMPLATE("sem 65: a channel's case done, nobody stands at the descriptor any more", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    const raw_pair pair;
    typename Kind::template channel<int> jobs;
    int got = 0;
    auto selects = spawn([&] {
      select(on_readable(pair.ends[0], [] { FAIL("nothing was said"); }),
             on_recv(jobs, [&](std::optional<int> v) { got = *v; }));
    });
    weft::yield();
    jobs.send(7);
    selects.get();
    CHECK(got == 7);
    auto waits = spawn([&] { weft::wait_readable(pair.ends[0]); });  // not EEXIST
    weft::yield();
    CHECK_FALSE(waits.done());
    pair.say("x");
    waits.get();
    CHECK(select(on_recv(jobs, ignored), on_readable(pair.ends[0], nothing)) == 1);
    CHECK_FALSE(jobs.try_send(1));  // nor in the channel's queue
  });
}

TEST_CASE_FIXTURE(no_leaks, "select: all kinds of cases stand beside a descriptor") {
  run([] {
    const raw_pair pair;
    weft::channel<int> jobs;
    weft::local::channel<int> near;
    weft::event stop;
    int value = 1;
    auto sleeps = spawn([] { weft::await_sleep(1h); });
    const auto choose = [&] {
      return select(on_recv(jobs, ignored), on_send(near, value, nothing), on_event(stop, nothing),
                    on_done(sleeps, nothing), on_readable(pair.ends[0], nothing),
                    after(1h, nothing));
    };
    auto speaks = spawn([&] { pair.say("x"); });
    CHECK(choose() == 4);
    pair.hear();
    auto sends = spawn([&] { jobs.send(1); });
    CHECK(choose() == 0);
    auto sets = spawn([&] { stop.set(); });
    CHECK(choose() == 2);
    stop.clear();
    auto cancels = spawn([&] { sleeps.cancel(); });
    CHECK(choose() == 3);
    for (auto* one : {&speaks, &sends, &sets, &cancels}) one->get();
    sleeps.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "select: what another fiber has read meanwhile is not announced") {
  on_virtual_time().run([] {
    const raw_pair early;
    const raw_pair late;
    int calls = 0;
    auto selects = spawn(
        [&] { return select(on_readable(late.ends[0], [&] { ++calls; }), after(1h, nothing)); });
    auto robs = spawn([&] {
      weft::wait_readable(early.ends[0]);
      late.hear();
    });
    weft::yield();
    early.say("x");
    late.say("x");  // one look finds both: the robber is woken first
    CHECK(selects.get() == 1);
    CHECK(calls == 0);
    robs.get();
  });
}

TEST_CASE("torture 19: two descriptors that are always ready are each drawn half of the time") {
  on_virtual_time().run([] {
    const raw_pair a;
    const raw_pair b;
    a.say("x");
    b.say("x");
    const int rounds = static_cast<int>(scaled(20'000, 4'000));
    int from_a = 0;
    for (int i = 0; i < rounds; ++i) {
      if (select(on_readable(a.ends[0], nothing), on_readable(b.ends[0], nothing)) == 0) ++from_a;
    }
    CHECK(from_a > rounds * 4 / 10);
    CHECK(from_a < rounds * 6 / 10);
  });
}

TEST_CASE("sem 99: the same seed draws the same descriptors") {
  const auto draw = [](std::uint64_t seed) {
    std::vector<std::size_t> drawn;
    on_virtual_time().run_seeded(seed, [&] {
      const raw_pair a;
      const raw_pair b;
      for (int i = 0; i < 64; ++i) {
        drawn.push_back(select(on_writable(a.ends[0], nothing), on_writable(b.ends[0], nothing)));
      }
    });
    return drawn;
  };
  CHECK(draw(1) == draw(1));
  CHECK(draw(1) != draw(2));
}

TEST_CASE_FIXTURE(no_leaks, "select: what was ready at the look is drawn, though it is no more") {
  run([] {
    constexpr std::size_t count = 9;  // more than are asked one by one
    for (int round = 0; round < 20; ++round) {
      std::array<vanishing_case, count> cases;
      std::array<weft::detail::select_case*, count> all{};
      std::array<weft::detail::spin_lock*, count> locks{};
      for (std::size_t i = 0; i < count; ++i) all[i] = &cases[i];
      CHECK(weft::detail::select_first(all.data(), locks.data(), count) < count);
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 68: a select that blocks takes no processor time") {
  run([] {
    const raw_pair pair;
    weft::channel<int> quiet;
    timespec began{};
    timespec ended{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    CHECK(select(on_recv(quiet, ignored), on_readable(pair.ends[0], nothing),
                 after(300ms, nothing)) == 2);
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
    const auto used = std::chrono::seconds(ended.tv_sec - began.tv_sec) +
                      std::chrono::nanoseconds(ended.tv_nsec - began.tv_nsec);
    CHECK(used < 150ms);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "select: descriptors and channels between loops and threads: nothing is lost") {
  const int rounds = static_cast<int>(scaled(2'000, 200));
  const raw_pair pair;
  weft::channel<int> jobs;
  std::thread speaks([&] {
    for (int i = 0; i < rounds; ++i) pair.say("x");
  });
  std::thread sends([&] {
    weft::run([&] {
      for (int i = 0; i < rounds; ++i) jobs.send(i);
      jobs.close();
    });
  });
  int heard = 0;
  int received = 0;
  run([&] {
    bool is_open = true;
    while (is_open || heard < rounds) {
      weft::channel<int>* const from = is_open ? &jobs : nullptr;
      select(on_readable(pair.ends[0],
                         [&] {
                           pair.hear();
                           ++heard;
                         }),
             on_recv(from, [&](std::optional<int> v) {
               if (v && *v == received) {
                 ++received;
               } else {
                 is_open = false;
               }
             }));
    }
  });
  speaks.join();
  sends.join();
  CHECK(heard == rounds);
  CHECK(received == rounds);
}

TEST_CASE_TEMPLATE("torture 35: select: a byte and a value each come once, or stay", Kind,
                   any_thread, one_loop) {
  const auto found = weft_tests::exploring().passes([] {
    const raw_pair pair;
    typename Kind::template channel<int> jobs(1);
    int heard = 0;
    int received = 0;
    auto selects = spawn([&] {
      for (int i = 0; i < 2; ++i) {
        select(on_readable(pair.ends[0],
                           [&] {
                             pair.hear();
                             ++heard;
                           }),
               on_recv(jobs, [&](std::optional<int>) { ++received; }));
      }
    });
    auto speaks = spawn([&] { pair.say("x"); });
    auto sends = spawn([&] { jobs.send(1); });
    auto kills = spawn([&] { selects.cancel(); });
    speaks.get();
    sends.get();
    kills.get();
    selects.join();
    char left = 0;
    const bool stayed = ::recv(pair.ends[0], &left, 1, MSG_DONTWAIT) == 1;
    weft::testing::check(heard + (stayed ? 1 : 0) == 1, "the byte was heard once, or stayed");
    int value = 0;
    weft::testing::check(received + (jobs.try_recv(value) ? 1 : 0) == 1, "so was the value");
  });
  CHECK(found.schedules >= 10);
}

// SPDX-License-Identifier: BSL-1.0
// An event as a case of select: ready while it is set, waited for in its own queue, left without a
// trace.
#include "weft/select.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "sync/kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/event.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::after;
using weft::on_event;
using weft::on_recv;
using weft::otherwise;
using weft::select;
using weft::spawn;
using weft_tests::any_thread;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;
using weft_tests::one_loop;

TEST_CASE_TEMPLATE("select: an event is ready while it is set", Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::event stop;
    int calls = 0;
    const auto count = [&] { ++calls; };
    CHECK(select(on_event(stop, count), otherwise([] {})) == 1);
    stop.set();
    CHECK(select(on_event(stop, count), otherwise([] {})) == 0);
    CHECK(select(after(1h, [] {}), on_event(stop, count)) == 1);
    stop.clear();
    CHECK(select(on_event(stop, count), after(1s, [] {})) == 1);
    CHECK(calls == 2);
  });
}

TEST_CASE_TEMPLATE(
    "select: set() ends the wait of all who select the event, cleared or not (sem 53)", Kind,
    any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::event stop;
    typename Kind::template channel<int> jobs;
    int stopped = 0;
    std::vector<weft::task<>> workers;
    for (int i = 0; i < 3; ++i) {
      workers.push_back(spawn([&] {
        select(on_recv(jobs, [](auto&&) { FAIL("nobody sends"); }),
               on_event(stop, [&] { ++stopped; }));
      }));
    }
    weft::yield();
    stop.set();
    stop.clear();
    for (auto& one : workers) one.get();
    CHECK(stopped == 3);
    CHECK_FALSE(jobs.try_send(1));  // nobody stands in the other queue any more
    CHECK(select(on_event(stop, [] {}), otherwise([] {})) == 1);
  });
}

TEST_CASE_TEMPLATE("select: served, late or cancelled, nobody stands at the event any more", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template channel<int> jobs;
    std::optional<typename Kind::event> stop(std::in_place);
    int got = 0;
    auto served = spawn([&] {
      select(on_event(*stop, [] {}), on_recv(jobs, [&](std::optional<int> v) { got = *v; }));
    });
    auto late = spawn([&] { CHECK(select(on_event(*stop, [] {}), after(1s, [] {})) == 1); });
    auto stopped = spawn([&] { select(on_event(*stop, [] { FAIL("it was cancelled"); })); });
    weft::yield();
    jobs.send(7);
    stopped.cancel();
    stopped.join();
    served.get();
    late.get();
    CHECK(got == 7);
    CHECK(stopped.was_cancelled());
    stop->set();   // would signal who stands there
    stop.reset();  // asserts that nobody does
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "select: an event and a channel between loops and threads: exactly one case") {
  const std::size_t rounds = weft_tests::is_sanitized ? 200 : 2000;
  for (std::size_t round = 0; round < rounds; ++round) {
    weft::event stop;
    weft::channel<int> jobs;
    std::atomic<int> stopped{0};
    std::atomic<int> received{0};
    const auto work = [&] {
      select(on_event(stop, [&] { ++stopped; }),
             on_recv(jobs, [&](std::optional<int> v) { received += v ? 1 : 0; }));
    };
    int sent = 0;
    std::thread plain(work);
    std::thread setter([&] { stop.set(); });
    weft::run([&] {
      auto fiber = spawn(work);
      if (round % 3 != 0) weft::yield();
      if (jobs.try_send(1)) ++sent;
      fiber.join();
    });
    setter.join();
    plain.join();
    REQUIRE(received == sent);
    REQUIRE(stopped + received == 2);
  }
}

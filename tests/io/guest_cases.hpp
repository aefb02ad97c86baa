// SPDX-License-Identifier: BSL-1.0
// What a guest does under any host: the cases of guest_poll_test, guest_libuv_test and
// guest_asio_test, which bring a real loop each.
//
// A Host is made with the guest's runner, and has
//   void run_until(std::function<bool()> is_over)    its loop, which looks after each event
//   void after(milliseconds, std::function<void()>)  one timer of its own
//   void echo(int fd)                                takes a stream over and sends back what comes
//   std::size_t steps                                how often it called step()
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/io.hpp"
#include "weft/weft.hpp"

namespace weft_tests {

using namespace std::chrono_literals;

// A guest and its host. The host goes first.
template <class Host>
struct guest_and_host {
  weft::runner guest;
  Host host{guest};

  template <class F>
  auto run(F&& main) {
    auto handle = guest.start(std::forward<F>(main));
    host.run_until([&] { return handle.done(); });
    return handle.get();
  }
};

template <class Host>
void guest_keeps_time() {
  guest_and_host<Host> both;
  const auto begin = std::chrono::steady_clock::now();
  bool host_was_called = false;
  both.host.after(10ms, [&] { host_was_called = true; });
  both.run([] {
    for (int i = 0; i < 5; ++i) weft::await_sleep(10ms);
  });
  CHECK(std::chrono::steady_clock::now() - begin >= 50ms);
  CHECK(host_was_called);
  // One for the start, one a sleep, and some that came early by the host's coarser clock.
  CHECK(both.host.steps <= 30);
}

template <class Host>
void guest_and_host_share_a_stream() {
  guest_and_host<Host> both;
  auto [inside, outside] = weft::unix_stream::pair();
  both.host.echo(outside.release());
  both.run([&inside = inside] {
    char answer[8];
    for (int i = 0; i < 200; ++i) {
      inside.write_all("ping");
      inside.read_exactly(answer, 4);
      CHECK(std::string(answer, 4) == "ping");
    }
    // More than the kernel holds: both sides have to wait for room.
    constexpr std::size_t much = 1 << 20;
    auto writer = weft::spawn([&inside] { inside.write_all(std::string(much, 'x')); });
    std::string back(much, ' ');
    inside.read_exactly(&back[0], much);
    writer.get();
    CHECK(back == std::string(much, 'x'));
    inside.shutdown_write();
    CHECK(inside.read_some(answer, 1) == 0);
  });
}

// Both ends are the guest's, over TCP: the host only lends its thread.
template <class Host>
void guest_serves_itself() {
  guest_and_host<Host> both;
  both.run([] {
    weft::tcp_listener listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
    auto server = weft::spawn([&] {
      weft::tcp_stream to = listener.accept();
      char byte = 0;
      while (to.read_some(&byte, 1) == 1) to.write_all(&byte, 1);
    });
    weft::tcp_stream to = weft::tcp_stream::connect(listener.local_endpoint());
    for (int i = 0; i < 100; ++i) {
      char byte = static_cast<char>(i);
      to.write_all(&byte, 1);
      to.read_exactly(&byte, 1);
      CHECK(byte == static_cast<char>(i));
    }
    to.close();
    server.get();
  });
}

template <class Host>
void guest_hears_other_threads() {
  constexpr int posts = 500;
  guest_and_host<Host> both;
  int received = 0;
  weft::event all;
  std::thread poster;
  both.run([&] {
    poster = std::thread([&, here = weft::this_loop()] {
      for (int i = 0; i < posts; ++i) {
        here.post([&] {
          if (++received == posts) all.set();
        });
        if (i % 50 == 0) std::this_thread::sleep_for(1ms);  // so that the host falls asleep
      }
    });
    all.wait();
  });
  poster.join();
  CHECK(received == posts);
}

// Asleep, it costs nothing: nobody calls step() until there is news.
template <class Host>
void idle_guest_is_left_alone() {
  guest_and_host<Host> both;
  weft::event news;
  auto main = both.guest.start([&] {
    auto sleeper = weft::spawn([] { weft::await_sleep(1h); });
    news.wait();
  });
  bool has_settled = false;
  both.host.after(30ms, [&] { has_settled = true; });
  both.host.run_until([&] { return has_settled; });
  const std::size_t before = both.host.steps;
  bool is_over = false;
  both.host.after(60ms, [&] { is_over = true; });
  both.host.run_until([&] { return is_over; });
  CHECK(both.host.steps == before);
  news.set();
  both.host.run_until([&] { return main.done(); });
  CHECK(both.host.steps > before);
}

template <class Host>
void host_cancels_its_guest() {
  guest_and_host<Host> both;
  bool was_unwound = false;
  auto main = both.guest.start([&] {
    try {
      weft::await_sleep(1h);
    } catch (const weft::cancelled&) {
      was_unwound = true;
      throw;
    }
  });
  both.host.after(10ms, [&] { main.cancel("the host ends"); });
  both.host.run_until([&] { return main.done(); });
  CHECK(was_unwound);
  CHECK(main.was_cancelled());
}

// Neither starves the other: the guest has always something to do, and so has the host.
template <class Host>
void busy_guest_lets_its_host_work() {
  guest_and_host<Host> both;
  bool is_over = false;
  std::size_t turns = 0;
  auto main = both.guest.start([&] {
    while (!is_over) {
      ++turns;
      weft::yield();
    }
  });
  both.host.after(10ms, [&] { is_over = true; });
  both.host.run_until([&] { return main.done(); });
  CHECK(turns > 0);
  CHECK(both.host.steps > 1);
}

template <class Host>
void host_closes_its_guest() {
  guest_and_host<Host> both;
  int unwound = 0;
  auto main = both.guest.start([&] {
    auto [inside, outside] = weft::unix_stream::pair();
    auto reader = weft::spawn([&, end = std::move(inside)]() mutable {
      counted one;
      char byte = 0;
      try {
        end.read_some(&byte, 1);
      } catch (const weft::cancelled&) {
        ++unwound;
        throw;
      }
    });
    weft::await_sleep(1h);
  });
  bool is_over = false;
  both.host.after(10ms, [&] { is_over = true; });
  both.host.run_until([&] { return is_over; });
  both.host.leave_alone();
  both.guest.close();
  CHECK(unwound == 1);
  CHECK(main.was_cancelled());
}

}  // namespace weft_tests

#define WEFT_GUEST_CASES(Host, name)                                                           \
  TEST_CASE_FIXTURE(weft_tests::no_leaks, name ": a guest's timers fire, beside the host's") { \
    weft_tests::guest_keeps_time<Host>();                                                      \
  }                                                                                            \
  TEST_CASE_FIXTURE(weft_tests::no_leaks, name ": guest and host talk over a stream") {        \
    weft_tests::guest_and_host_share_a_stream<Host>();                                         \
  }                                                                                            \
  TEST_CASE_FIXTURE(weft_tests::no_leaks, name ": a guest's server and client meet") {         \
    weft_tests::guest_serves_itself<Host>();                                                   \
  }                                                                                            \
  TEST_CASE_FIXTURE(weft_tests::no_leaks, name ": posts from other threads wake the host") {   \
    weft_tests::guest_hears_other_threads<Host>();                                             \
  }                                                                                            \
  TEST_CASE_FIXTURE(weft_tests::no_leaks, name ": an idle guest takes no step") {              \
    weft_tests::idle_guest_is_left_alone<Host>();                                              \
  }                                                                                            \
  TEST_CASE_FIXTURE(weft_tests::no_leaks, name ": the host cancels a guest's task") {          \
    weft_tests::host_cancels_its_guest<Host>();                                                \
  }                                                                                            \
  TEST_CASE_FIXTURE(weft_tests::no_leaks, name ": a busy guest lets its host work") {          \
    weft_tests::busy_guest_lets_its_host_work<Host>();                                         \
  }                                                                                            \
  TEST_CASE_FIXTURE(weft_tests::no_leaks, name ": closing ends and joins what a guest left") { \
    weft_tests::host_closes_its_guest<Host>();                                                 \
  }

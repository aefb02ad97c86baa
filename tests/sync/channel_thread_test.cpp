// SPDX-License-Identifier: BSL-1.0
// Channels and selects between loops and plain threads: what was sent is received, each once.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/channel.hpp"
#include "weft/run.hpp"
#include "weft/select.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::no_leaks;

namespace {

constexpr int per_sender = weft_tests::is_sanitized ? 500 : 5000;

// Two loops with two fibers each, and two plain threads, all do body(number).
template <class F>
std::vector<std::thread> six(F body) {
  std::vector<std::thread> threads;
  for (int loop = 0; loop < 2; ++loop) {
    threads.emplace_back([=] {
      weft::run([&] {
        auto one = spawn([&] { body(loop * 2); });
        auto two = spawn([&] { body(loop * 2 + 1); });
        one.get();
        two.get();
      });
    });
  }
  threads.emplace_back([=] { body(4); });
  threads.emplace_back([=] { body(5); });
  return threads;
}

void join(std::vector<std::thread>& threads) {
  for (auto& t : threads) t.join();
}

template <class T>
void send_and_receive(std::size_t capacity, T (*make)(int), int (*number)(const T&)) {
  weft::channel<T> ch(capacity);
  std::atomic<long> sum{0};
  std::atomic<int> count{0};
  auto receivers = six([&](int) {
    for (const T& value : ch) {
      sum += number(value);
      ++count;
    }
  });
  auto senders = six([&](int who) {
    for (int i = 0; i < per_sender; ++i) ch.send(make(who * per_sender + i));
  });
  join(senders);
  ch.close();
  join(receivers);
  const long all = 6L * per_sender;
  CHECK(count == all);
  CHECK(sum == all * (all - 1) / 2);
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "torture 18: channel: numbers between loops and threads") {
  for (const std::size_t capacity : {0U, 1U, 64U}) {
    send_and_receive<int>(
        capacity, [](int i) { return i; }, [](const int& i) { return i; });
  }
}

TEST_CASE_FIXTURE(no_leaks, "torture 18: channel: strings between loops and threads") {
  for (const std::size_t capacity : {0U, 1U, 64U}) {
    send_and_receive<std::string>(
        capacity, [](int i) { return std::to_string(i); },
        [](const std::string& s) { return std::stoi(s); });
  }
}

TEST_CASE_FIXTURE(no_leaks, "channel: deadlines race with the other end's threads") {
  weft::channel<std::unique_ptr<int>> ch(1);
  std::atomic<int> sent{0};
  std::atomic<int> received{0};
  auto receivers = six([&](int who) {
    for (;;) {
      weft::recv_end why = weft::recv_end::value;
      if (ch.recv_until(weft::now() + std::chrono::microseconds(who * 7), &why)) {
        ++received;
      } else if (why == weft::recv_end::closed) {
        return;
      }
    }
  });
  auto senders = six([&](int who) {
    for (int i = 0; i < per_sender / 4; ++i) {
      auto value = std::make_unique<int>(i);
      if (ch.send_until(value, weft::now() + std::chrono::microseconds(who * 5 + i % 3))) {
        ++sent;
        CHECK(value == nullptr);
      } else {
        CHECK(value != nullptr);
      }
    }
  });
  join(senders);
  ch.close();
  join(receivers);
  CHECK(sent == received);
}

TEST_CASE_FIXTURE(no_leaks, "sem 65: selects over the same channels from loops and threads") {
  weft::channel<std::unique_ptr<int>> a;
  weft::channel<std::unique_ptr<int>> b(2);
  std::atomic<long> sum{0};
  std::atomic<int> count{0};
  auto receivers = six([&](int who) {
    bool is_over = false;
    const auto take = [&](std::optional<std::unique_ptr<int>> v) {
      if (v) {
        sum += **v;
        ++count;
      } else {
        is_over = true;
      }
    };
    while (!is_over) {
      if (who % 2 == 0) {
        weft::select(weft::on_recv(a, take), weft::on_recv(b, take));
      } else {
        weft::select(weft::on_recv(b, take), weft::on_recv(a, take), weft::after(50us, [] {}));
      }
    }
    for (auto& v : a) take(std::move(v));
    for (auto& v : b) take(std::move(v));
  });
  auto senders = six([&](int who) {
    for (int i = 0; i < per_sender / 2; ++i) {
      auto value = std::make_unique<int>(who * (per_sender / 2) + i);
      if (who % 2 == 0) {
        weft::select(weft::on_send(a, value, [] {}), weft::on_send(b, value, [] {}));
      } else {
        weft::select(weft::on_send(b, value, [] {}), weft::on_send(a, value, [] {}));
      }
    }
  });
  join(senders);
  a.close();
  b.close();
  join(receivers);
  const long all = 6L * (per_sender / 2);
  CHECK(count == all);
  CHECK(sum == all * (all - 1) / 2);
}

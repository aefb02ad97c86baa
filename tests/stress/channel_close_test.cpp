// SPDX-License-Identifier: BSL-1.0
// Channels that are closed amid eight producers and eight consumers in two loops, who send, try,
// select and give up.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/seed.hpp"
#include "weft/background_loop.hpp"
#include "weft/channel.hpp"
#include "weft/select.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::on_recv;
using weft::on_send;
using weft::select;
using weft_tests::no_leaks;
using weft_tests::scaled_on_demand;

namespace {

constexpr int producers = 8;
constexpr int consumers = 8;

class market {
 public:
  market(std::size_t room_a, std::size_t room_b) : a_(room_a), b_(room_b) {}

  // Sends until the channels are closed, and then once more.
  void produce(std::uint32_t seed) {
    std::minstd_rand chance(seed);
    long value = 0;
    const auto note = [&] {
      ++sent;
      sum_sent += value;
    };
    try {
      for (;;) {
        value = static_cast<long>(chance() % 1'000'000);
        long moved = value;
        switch (chance() % 4) {
          case 0:
            a_.send(moved);
            note();
            break;
          case 1:
            if (b_.try_send(std::move(moved))) note();
            weft::yield();
            break;
          case 2:
            if (b_.send_until(moved, weft::now() + 20us)) note();
            break;
          default:
            select(on_send(a_, moved, note), on_send(b_, moved, note), weft::after(20us, [] {}));
        }
      }
    } catch (const weft::closed_error&) {
    }
    try {
      weft::channel<long>& one = a_.is_closed() ? a_ : b_;
      one.send(value);
    } catch (const weft::closed_error&) {
      ++refused;
    }
  }

  // Receives until both are closed and empty.
  void consume(std::uint32_t seed) {
    std::minstd_rand chance(seed);
    weft::channel<long>* a = &a_;
    weft::channel<long>* b = &b_;
    while (a != nullptr || b != nullptr) {
      const auto from = [this](weft::channel<long>*& which) {
        return [this, &which](std::optional<long> v) { note_received(v, which); };
      };
      if (a != nullptr && chance() % 3 == 0) {
        from(a)(a->recv());
      } else {
        select(on_recv(a, from(a)), on_recv(b, from(b)));
      }
    }
  }

  void close() {
    a_.close();
    b_.close();
  }

  std::atomic<long> sent{0};
  std::atomic<long> received{0};
  std::atomic<long> sum_sent{0};
  std::atomic<long> sum_received{0};
  std::atomic<int> refused{0};

 private:
  void note_received(std::optional<long> v, weft::channel<long>*& which) {
    if (!v) {
      which = nullptr;
      return;
    }
    ++received;
    sum_received += *v;
  }

  weft::channel<long> a_;
  weft::channel<long> b_;
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "torture 18: a close amid eight producers and eight consumers in two loops") {
  const std::size_t rounds = scaled_on_demand(1'000, 40);
  const std::uint32_t seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  weft::background_loop one;
  weft::background_loop two;
  std::array<weft::loop_ref, 2> loops{one.ref(), two.ref()};
  constexpr std::array<std::size_t, 4> rooms{0, 1, 3, 64};
  long wrong = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    market all(rooms[round % 4], rooms[round / 4 % 4]);
    std::vector<weft::future<void>> ends;
    const auto first = static_cast<std::uint32_t>(seed + round * 100);
    for (std::uint32_t i = 0; i < producers; ++i) {
      ends.push_back(loops[i % 2].call([&, i] { all.produce(first + i); }));
    }
    for (std::uint32_t i = 0; i < consumers; ++i) {
      ends.push_back(loops[i % 2].call([&, i] { all.consume(first + 50 + i); }));
    }
    while (all.received < static_cast<long>(round % 200)) std::this_thread::yield();
    all.close();
    for (auto& end : ends) end.get();
    if (all.sent != all.received || all.sum_sent != all.sum_received) ++wrong;
    if (all.refused != producers) ++wrong;
  }
  CHECK(wrong == 0);
}

// SPDX-License-Identifier: BSL-1.0
// A push and a loop that says that it sleeps, at the same instant, on two cores: one of them sees
// the other (Dekker). That is what sequential consistency buys: a store that still stands in the
// processor's buffer when the next load is done would let both miss. inbox_test.cpp has the whole
// loop under load, where the two meet too seldom; inbox_model_test.cpp all orders of the steps.
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "loop/loop.hpp"
#include "support/build_kind.hpp"
#include "support/cores.hpp"
#include "support/no_leaks.hpp"
#include "support/seed.hpp"
#include "support/skip.hpp"

using weft::detail::inbox;
using weft::detail::inbox_node;
using weft::detail::loop_core;
using weft_tests::no_leaks;
using weft_tests::scaled_on_demand;

namespace {

struct counted_mail : inbox_node {
  std::uint64_t runs = 0;
};

class meeting {
 public:
  explicit meeting(std::uint64_t seed) : random_(seed) {
    message_.run = [](inbox_node& node, loop_core&) noexcept {
      ++static_cast<counted_mail&>(node).runs;
    };
  }

  void push_rounds(std::uint64_t rounds) {
    std::uint64_t random = random_ + 1;
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      box_.may_have_mail();  // both have the line, so that a store must wait for it
      await(begun_, round);
      linger(random);
      box_.push(message_);
      ended_.store(round, std::memory_order_release);
    }
  }

  // How many rounds nobody saw the other in.
  std::uint64_t sleep_rounds(std::uint64_t rounds) {
    std::uint64_t lost = 0;
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      box_.may_have_mail();
      begun_.store(round, std::memory_order_release);
      linger(random_);
      box_.announce_sleep();
      const bool has_seen = box_.has_mail();
      await(ended_, round);
      if (!has_seen && !was_rung()) ++lost;
      if (has_seen) was_rung();
      box_.cancel_sleep();
      box_.drain(*weft::detail::running_loop());
    }
    return lost;
  }

  std::uint64_t runs() const { return message_.runs; }

 private:
  // A thread that shares its core must not wait for the end of its time slice.
  static void await(const std::atomic<std::uint64_t>& count, std::uint64_t round) {
    for (unsigned looks = 0; count.load(std::memory_order_acquire) < round; ++looks) {
      if (looks > 10'000) std::this_thread::yield();
    }
  }

  // Up to some 100 ns: which of the two is first changes from round to round.
  static void linger(std::uint64_t& random) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    for (std::uint64_t spins = random % 256; spins != 0; --spins) {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    }
  }

  bool was_rung() const {
    std::uint64_t rings = 0;
    return ::read(box_.event_fd(), &rings, sizeof rings) == sizeof rings;
  }

  alignas(64) inbox box_;
  alignas(64) std::atomic<std::uint64_t> begun_{0};
  alignas(64) std::atomic<std::uint64_t> ended_{0};
  alignas(64) counted_mail message_;
  std::uint64_t random_;
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "torture 36: of a push and a loop that falls asleep, one sees the other") {
  const std::vector<int> cores = weft_tests::allowed_cores();
  if (cores.size() < 2) WEFT_SKIP("two threads on one core never meet at an instant");
  const weft_tests::on_core loops(cores[0]);
  const std::uint64_t rounds = scaled_on_demand(500'000, 20'000);
  const std::uint64_t seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  run([&] {
    meeting here(seed * 2'654'435'761U + 1);
    std::thread pusher([&] {
      const weft_tests::on_core beside(cores[1]);
      here.push_rounds(rounds);
    });
    const std::uint64_t lost = here.sleep_rounds(rounds);
    pusher.join();
    CHECK(lost == 0);
    CHECK(here.runs() == rounds);
  });
}

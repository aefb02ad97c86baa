// SPDX-License-Identifier: BSL-1.0
// Messages from several threads, timed to meet a loop that is falling asleep: none is lost, those
// of one thread stay in order, and each wakes the loop. The protocol in every order of its steps:
// inbox_model_test.cpp.
//
//   WEFT_TEST_MESSAGES=100000000 tests/stress.inbox_test       as many as that, for a night
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "loop/loop.hpp"
#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/seed.hpp"
#include "weft/detail/waker.hpp"

using namespace std::chrono_literals;
using weft::detail::inbox_node;
using weft::detail::loop_core;
using weft_tests::no_leaks;
using weft_tests::scaled;
using steady = std::chrono::steady_clock;

namespace {

constexpr unsigned threads = 3;
constexpr unsigned most_spins = 20'000;  // long enough to see a sleeping loop wake and answer
constexpr steady::duration patience =
    10s;  // a wake-up takes microseconds; more than this is a lost one

// "world": the loop does not wake by itself to ask whether other threads are there.
constexpr weft::detail::wait_type mail_wait{"mail", weft::detail::ended_by::world};

std::uint64_t wanted_messages() {
  const char* const asked = std::getenv("WEFT_TEST_MESSAGES");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : scaled(1'500'000, 100'000);
}

struct post_office;

struct mail : inbox_node {
  post_office* office = nullptr;
  unsigned thread = 0;
  std::uint64_t number = 0;
  steady::time_point sent;
  std::atomic<bool> is_free{true};  // release when it has run
};

// What the loop's thread notes, and one thing that the others do.
struct post_office {
  std::array<std::uint64_t, threads> next{};
  std::uint64_t left = 0;
  bool is_ordered = true;
  steady::duration longest{};
  weft::detail::waker* all_here = nullptr;
  std::atomic<bool> is_lost{false};  // a wake-up was
};

void deliver(inbox_node& node, loop_core&) noexcept {
  mail& one = static_cast<mail&>(node);
  post_office& office = *one.office;
  office.is_ordered = office.is_ordered && one.number == office.next[one.thread];
  office.next[one.thread] = one.number + 1;
  if (one.sent != steady::time_point()) {
    office.longest = std::max(office.longest, steady::now() - one.sent);
  }
  one.is_free.store(true, std::memory_order_release);
  if (--office.left == 0) office.all_here->signal();
}

class poster {
 public:
  poster(post_office& office, weft::detail::shared_side& side, unsigned number, std::uint64_t seed)
      : office_(office), side_(side), random_(seed * 2'654'435'761U + number + 1) {
    for (mail& one : mails_) {
      one.office = &office;
      one.thread = number;
      one.run = &deliver;
    }
  }

  // One of `alone` comes alone: the loop has run all before it, and is about to sleep, or does.
  void post(std::uint64_t messages, unsigned alone) {
    for (std::uint64_t i = 0; i < messages; ++i) {
      mail& one = mails_[i % mails_.size()];
      await_run(one);
      const bool is_alone = next_random() % alone == 0;
      if (is_alone) {
        await_run(mails_[(i + mails_.size() - 1) % mails_.size()]);
        for (std::uint64_t spins = next_random() % 512; spins != 0; --spins) {
          std::atomic_signal_fence(std::memory_order_seq_cst);
        }
      }
      one.number = i;
      one.sent = is_alone ? steady::now() : steady::time_point();
      one.is_free.store(false, std::memory_order_relaxed);
      side_.box.push(one);
    }
    for (const mail& one : mails_) await_run(one);
  }

 private:
  // A message whose wake-up is lost is helped along, so that the test ends.
  void await_run(const mail& one) {
    steady::time_point begin;
    for (unsigned looks = 0; !one.is_free.load(std::memory_order_acquire); ++looks) {
      if (looks < most_spins) continue;
      std::this_thread::yield();
      const auto now = steady::now();
      if (looks == most_spins) begin = now;
      if (now - begin < (office_.is_lost ? steady::duration(1ms) : patience)) continue;
      office_.is_lost = true;
      weft::detail::inbox::ring(side_.box.event_fd());
    }
  }

  std::uint64_t next_random() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_;
  }

  post_office& office_;
  weft::detail::shared_side& side_;
  std::uint64_t random_;
  std::array<mail, 64> mails_;
};

}  // namespace

static void post_and_check(no_leaks& here, unsigned posters, std::uint64_t messages,
                           unsigned alone) {
  const std::uint64_t each = std::max<std::uint64_t>(messages / posters, 1);
  const std::uint64_t seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  post_office office;
  office.left = each * posters;
  here.run([&] {
    weft::detail::waker all_here;
    office.all_here = &all_here;
    weft::detail::shared_side& side = *weft::detail::running_loop()->shared;
    std::vector<std::thread> running;
    for (unsigned t = 0; t < posters; ++t) {
      running.emplace_back([&, t] { poster(office, side, t, seed).post(each, alone); });
    }
    all_here.wait(mail_wait);
    for (auto& one : running) one.join();
  });
  CHECK_FALSE(office.is_lost);
  CHECK(office.is_ordered);
  CHECK(office.left == 0);
  CHECK(office.longest < patience);
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 36: messages of several threads all arrive, in each one's order") {
  post_and_check(*this, threads, wanted_messages(), 32);
}

// Nobody comes after it who would wake the loop in its place.
TEST_CASE_FIXTURE(no_leaks, "torture 36: a message that meets a loop that falls asleep wakes it") {
  post_and_check(*this, 1, wanted_messages() / 50, 1);
}

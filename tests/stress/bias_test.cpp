// SPDX-License-Identifier: BSL-1.0
// A lock that one thread has for itself, and that another takes away from it in the middle: never
// are two inside. The protocol in every order of its steps: bias_model_test.cpp.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/cores.hpp"
#include "support/seed.hpp"
#include "support/skip.hpp"
#include "weft/detail/spin_lock.hpp"

using weft::detail::spin_lock;
using weft_tests::scaled;

namespace {

constexpr unsigned earns_bias = 200;  // times in a row
constexpr unsigned more = 1'000;
constexpr unsigned of_others = 50;

// How often its owner comes after it has earned the bias.
constexpr unsigned times_after(unsigned stay) { return stay == 0 ? more : stay < 10'000 ? 10 : 3; }

// What the lock guards. Relaxed atomics, so that two inside are a lost count and no undefined
// behaviour.
struct guarded {
  spin_lock lock;
  std::atomic<std::uint64_t> count{0};
  std::atomic<unsigned> inside{0};
  std::atomic<bool> have_met{false};
  std::atomic<bool> is_biased{false};  // as far as one can know outside

  // Stays inside for as long as `stay` looks take.
  void enter_once(unsigned stay = 0) noexcept {
    lock.lock();
    if (inside.load(std::memory_order_relaxed) != 0) {
      have_met.store(true, std::memory_order_relaxed);
    }
    inside.store(1, std::memory_order_relaxed);
    for (volatile unsigned left = stay; left != 0;) left = left - 1;
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    inside.store(0, std::memory_order_relaxed);
    lock.unlock();
  }
  void enter(unsigned times, unsigned stay = 0) noexcept {
    for (unsigned i = 0; i < times; ++i) enter_once(stay);
  }
};

// Runs rounds on a second thread: guarded objects, one after the other.
class owner {
 public:
  explicit owner(int core)
      : thread_([this, core] {
          const weft_tests::on_core there(core);
          run();
        }) {}
  ~owner() {
    next_.store(&last_, std::memory_order_release);
    thread_.join();
  }
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;

  // In `one`, whose owner stays inside for `stay` after it has earned the bias.
  void begin(guarded& one, unsigned stay) noexcept {
    stay_ = stay;
    next_.store(&one, std::memory_order_release);
  }
  void await_end() const noexcept {
    while (next_.load(std::memory_order_acquire) != nullptr) std::this_thread::yield();
  }

 private:
  void run() noexcept {
    for (;;) {
      guarded* one = nullptr;
      while ((one = next_.load(std::memory_order_acquire)) == nullptr) std::this_thread::yield();
      if (one == &last_) return;
      one->enter(earns_bias);
      one->is_biased.store(true, std::memory_order_release);
      one->enter(times_after(stay_), stay_);
      next_.store(nullptr, std::memory_order_release);
    }
  }

  unsigned stay_ = 0;  // written before next_
  guarded last_;
  std::atomic<guarded*> next_{nullptr};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a bias taken away in the middle lets nobody in beside its owner") {
  const std::vector<int> cores = weft_tests::allowed_cores();
  if (cores.size() < 2) WEFT_SKIP("needs two cores");
  const weft_tests::on_core here(cores[0]);
  owner beside(cores[1]);
  std::minstd_rand random(weft_tests::seed_of_this_run());
  const std::uint64_t rounds = scaled(60'000, 4'000);
  // Where the cores are shared with others it is fewer.
  const auto enough = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool have_met = false;
  std::uint64_t lost = 0;
  for (std::uint64_t round = 0; round < rounds && !have_met; ++round) {
    if (round >= rounds / 20 && std::chrono::steady_clock::now() > enough) break;
    const auto one = std::make_unique<guarded>();
    // Now it is caught inside, also for longer than the barrier takes, now at the door.
    constexpr unsigned stays[] = {15'000, 1'000, 1'000, 0};
    const unsigned stay = stays[round % 4];
    beside.begin(*one, stay);
    while (!one->is_biased.load(std::memory_order_acquire)) std::this_thread::yield();
    for (volatile unsigned long delay = random() % 2'000; delay != 0;) {
      delay = delay - 1;
    }
    one->enter_once(5'000);  // the owner comes meanwhile
    one->enter(of_others - 1);
    beside.await_end();
    have_met = have_met || one->have_met.load(std::memory_order_relaxed);
    lost += earns_bias + times_after(stay) + of_others - one->count.load(std::memory_order_relaxed);
  }
  CHECK_FALSE(have_met);
  CHECK(lost == 0);
}

TEST_CASE("several threads that take a bias away at once come in one by one") {
  for (std::uint64_t round = 0; round < scaled(300, 50); ++round) {
    guarded one;
    one.enter(earns_bias);
    std::atomic<bool> may_start{false};
    std::thread others[3];
    for (std::thread& t : others) {
      t = std::thread([&] {
        while (!may_start.load(std::memory_order_acquire)) std::this_thread::yield();
        one.enter(of_others);
      });
    }
    may_start.store(true, std::memory_order_release);
    one.enter(more);
    for (std::thread& t : others) t.join();
    REQUIRE(one.count.load(std::memory_order_relaxed) == earns_bias + more + 3 * of_others);
    REQUIRE_FALSE(one.have_met.load(std::memory_order_relaxed));
  }
}

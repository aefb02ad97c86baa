// SPDX-License-Identifier: BSL-1.0
// syscall(SYS_futex), and what libstdc++ builds on it: promises and futures.
#include <cerrno>
#include <climits>
#include <cstdint>
#include <future>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hook/lock_fibers.hpp"

using namespace std::chrono_literals;
using weft_tests::run_locking;
using weft_tests::run_locking_with_threads;

namespace {

// As std::atomic<int>::wait() and notify do it in C++20.
struct futex_word {
  void wait(std::uint32_t while_it_is) {
    while (value.load() == while_it_is) {
      syscall(SYS_futex, &value, FUTEX_WAIT_PRIVATE, while_it_is, nullptr);
    }
  }
  long wake(int most) { return syscall(SYS_futex, &value, FUTEX_WAKE_PRIVATE, most); }

  std::atomic<std::uint32_t> value{0};
};

}  // namespace

TEST_CASE("locks: a futex wait parks its fiber until a wake, which says how many it reached") {
  run_locking([](weft::testing::virtual_clock&) {
    futex_word word;
    const weft_tests::ticker ticker;
    std::vector<weft::task<void>> fibers;
    int over = 0;
    for (int i = 0; i < 4; ++i) {
      fibers.push_back(weft::spawn([&] {
        CHECK(syscall(SYS_futex, &word.value, FUTEX_WAIT, 0, nullptr) == 0);
        ++over;
      }));
    }
    weft::await_sleep(1ms);
    CHECK(word.wake(1) == 1);
    weft::await_sleep(1ms);
    CHECK(over == 1);
    CHECK(word.wake(100) == 3);
    for (auto& one : fibers) one.get();
    CHECK(word.wake(1) == 0);
  });
}

TEST_CASE("locks: a futex wait ends as the kernel's: EAGAIN, ETIMEDOUT, EINVAL") {
  run_locking([](weft::testing::virtual_clock& clock) {
    futex_word word;
    errno = 0;
    CHECK(syscall(SYS_futex, &word.value, FUTEX_WAIT_PRIVATE, 1, nullptr) == -1);
    CHECK(errno == EAGAIN);

    timespec span{};
    span.tv_sec = 2;
    auto began = clock.now();
    CHECK(syscall(SYS_futex, &word.value, FUTEX_WAIT_PRIVATE, 0, &span) == -1);
    CHECK(errno == ETIMEDOUT);
    CHECK(clock.now() - began >= 1990ms);
    CHECK(clock.now() - began <= 2s);

    for (const int flag : {0, FUTEX_CLOCK_REALTIME}) {
      timespec until{};
      clock_gettime(flag == 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME, &until);
      until.tv_sec += 2;
      began = clock.now();
      CHECK(syscall(SYS_futex, &word.value, FUTEX_WAIT_BITSET_PRIVATE | flag, 0, &until, nullptr,
                    1) == -1);
      CHECK(errno == ETIMEDOUT);
      CHECK(clock.now() - began >= 1990ms);
      CHECK(clock.now() - began <= 2s);
    }
    span.tv_nsec = 1'000'000'000;
    CHECK(syscall(SYS_futex, &word.value, FUTEX_WAIT_PRIVATE, 0, &span) == -1);
    CHECK(errno == EINVAL);
    CHECK(syscall(SYS_futex, &word.value, FUTEX_WAIT_BITSET_PRIVATE, 0, nullptr, nullptr, 0) == -1);
    CHECK(errno == EINVAL);
  });
}

TEST_CASE("locks: a futex wake by bits passes over those that wait for others") {
  run_locking([](weft::testing::virtual_clock&) {
    futex_word word;
    std::vector<int> order;
    const auto waits_for = [&](int bits) {
      return weft::spawn([&, bits] {
        syscall(SYS_futex, &word.value, FUTEX_WAIT_BITSET_PRIVATE, 0, nullptr, nullptr, bits);
        order.push_back(bits);
      });
    };
    auto one = waits_for(1);
    auto two = waits_for(2);
    weft::await_sleep(1ms);
    CHECK(syscall(SYS_futex, &word.value, FUTEX_WAKE_BITSET_PRIVATE, 9, nullptr, nullptr, 2) == 1);
    weft::await_sleep(1ms);
    CHECK(syscall(SYS_futex, &word.value, FUTEX_WAKE_BITSET_PRIVATE, 9, nullptr, nullptr, 3) == 1);
    one.get();
    two.get();
    CHECK(order == std::vector<int>{2, 1});
  });
}

TEST_CASE("locks: futex waits of fibers and threads are woken from either side") {
  futex_word word;
  constexpr std::uint32_t rounds = 600;
  const auto play = [&](std::uint32_t own) {
    for (std::uint32_t i = own; i < rounds; i += 3) {
      for (std::uint32_t now = word.value.load(); now != i; now = word.value.load()) {
        word.wait(now);
      }
      word.value.store(i + 1);
      word.wake(INT_MAX);
    }
  };
  run_locking_with_threads([&] {
    const weft_tests::ticker ticker;
    std::thread plain([&] { play(0); });
    auto one = weft::spawn([&] { play(1); });
    auto two = weft::spawn([&] { play(2); });
    one.get();
    two.get();
    plain.join();
    CHECK(word.value == rounds);
  });
}

TEST_CASE("locks: std::future waits as a fiber, for another one or for a thread") {
  run_locking([](weft::testing::virtual_clock& clock) {
    std::promise<int> promise;
    const weft_tests::ticker ticker;
    auto future = promise.get_future();
    auto setter = weft::spawn([&] {
      weft::await_sleep(5ms);
      promise.set_value(7);
    });
    const auto began = clock.now();
    CHECK(future.wait_for(2ms) == std::future_status::timeout);
    CHECK(future.get() == 7);
    CHECK(clock.now() - began == 5ms);
    setter.get();
  });
  run_locking_with_threads([] {
    const weft_tests::ticker ticker;
    std::promise<int> promise;
    std::atomic<bool> is_waiting{false};
    std::thread plain([&] {
      while (!is_waiting) std::this_thread::yield();
      promise.set_value(8);
    });
    auto waits = weft::spawn([&] { CHECK(promise.get_future().get() == 8); });
    auto tells = weft::spawn([&] { is_waiting = true; });  // runs once the other one has parked
    waits.get();
    tells.get();
    plain.join();
    CHECK(std::async(std::launch::async, [] { return 9; }).get() == 9);
  });
}

TEST_CASE("locks: other system calls pass with all their words") {
  run_locking([](weft::testing::virtual_clock&) {
    CHECK(syscall(SYS_getpid) == getpid());
    errno = 0;
    CHECK(syscall(SYS_close, -1) == -1);
    CHECK(errno == EBADF);
    // mmap has six
    const long page = syscall(SYS_mmap, nullptr, 4096L, 3L, 0x22L, -1L, 0L);
    CHECK(page != -1);
    CHECK(syscall(SYS_munmap, page, 4096L) == 0);
  });
}

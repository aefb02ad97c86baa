// SPDX-License-Identifier: BSL-1.0
// The C library's semaphores between fibers, threads and signal handlers.
#include <cerrno>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hook/lock_fibers.hpp"

using namespace std::chrono_literals;
using weft_tests::run_locking;
using weft_tests::run_locking_with_threads;

namespace {

struct semaphore {
  explicit semaphore(unsigned value) { sem_init(&it, 0, value); }
  ~semaphore() { sem_destroy(&it); }
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  sem_t it;
};

sem_t* posted_by_handler = nullptr;

}  // namespace

TEST_CASE("locks: sem_wait parks its fiber, and each sem_post lets one go on") {
  run_locking([](weft::testing::virtual_clock& clock) {
    semaphore s(2);
    weft_tests::inside_at_once inside;
    const weft_tests::ticker ticker;
    const auto began = clock.now();
    std::vector<weft::task<void>> fibers;
    for (int i = 0; i < 6; ++i) {
      fibers.push_back(weft::spawn([&] {
        for (int k = 0; k < 3; ++k) {
          CHECK(sem_wait(&s.it) == 0);
          inside.enter();
          weft::await_sleep(1ms);
          inside.leave();
          sem_post(&s.it);
        }
      }));
    }
    for (auto& one : fibers) one.get();
    CHECK(inside.most() == 2);
    CHECK(clock.now() - began == 9ms);
  });
}

TEST_CASE("locks: sem_timedwait gives up at its time with ETIMEDOUT, and leaves nothing behind") {
  run_locking([](weft::testing::virtual_clock& clock) {
    semaphore s(0);
    timespec until{};
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 2;
    const auto began = clock.now();
    CHECK(sem_timedwait(&s.it, &until) == -1);
    CHECK(errno == ETIMEDOUT);
    CHECK(clock.now() - began >= 1990ms);
    CHECK(clock.now() - began <= 2s);
    until.tv_nsec = -1;
    CHECK(sem_timedwait(&s.it, &until) == -1);
    CHECK(errno == EINVAL);
    auto waits = weft::spawn([&] { CHECK(sem_wait(&s.it) == 0); });
    weft::yield();
    sem_post(&s.it);
    waits.get();
  });
}

TEST_CASE("locks: a signal handler may post, also for a fiber of the thread that it interrupts") {
  run_locking([](weft::testing::virtual_clock&) {
    semaphore s(0);
    posted_by_handler = &s.it;
    const auto before = std::signal(SIGUSR2, [](int) { sem_post(posted_by_handler); });
    auto waits = weft::spawn([&] {
      for (int i = 0; i < 100; ++i) CHECK(sem_wait(&s.it) == 0);
    });
    weft::yield();
    for (int i = 0; i < 100; ++i) {
      std::raise(SIGUSR2);
      if (i % 3 == 0) weft::yield();
    }
    waits.get();
    std::signal(SIGUSR2, before);
  });
}

TEST_CASE("locks: a handler without SA_RESTART ends sem_wait and futex waits with EINTR, no lock") {
  run_locking([](weft::testing::virtual_clock&) {
    weft::hook::install(weft::hook::tier::net);
    struct sigaction wanted {};
    struct sigaction before {};
    wanted.sa_handler = [](int) {};
    sigaction(SIGUSR1, &wanted, &before);
    semaphore s(0);
    std::mutex m;
    int word = 0;
    bool had_lock = false;
    m.lock();
    auto posted = weft::spawn([&] {
      CHECK(sem_wait(&s.it) == -1);
      CHECK(errno == EINTR);
    });
    auto woken = weft::spawn([&] {
      CHECK(syscall(SYS_futex, &word, FUTEX_WAIT, 0, nullptr) == -1);
      CHECK(errno == EINTR);
    });
    auto locks = weft::spawn([&] {
      const std::lock_guard<std::mutex> hold(m);
      had_lock = true;
    });
    weft::await_sleep(1ms);
    std::raise(SIGUSR1);
    posted.get();
    woken.get();
    CHECK_FALSE(had_lock);
    m.unlock();
    locks.get();
    sigaction(SIGUSR1, &before, nullptr);
  });
}

TEST_CASE("locks: threads and fibers of two loops hand a semaphore's permits round") {
  semaphore to_fiber(0);
  semaphore to_thread(0);
  constexpr int rounds = 1000;
  run_locking_with_threads([&] {
    const weft_tests::ticker ticker;
    std::thread plain([&] {
      for (int i = 0; i < rounds; ++i) {
        sem_post(&to_fiber.it);
        sem_wait(&to_thread.it);
      }
    });
    weft::spawn([&] {
      for (int i = 0; i < rounds; ++i) {
        sem_wait(&to_fiber.it);
        sem_post(&to_thread.it);
      }
    }).get();
    plain.join();
    int left = -1;
    sem_getvalue(&to_fiber.it, &left);
    CHECK(left == 0);
  });
}

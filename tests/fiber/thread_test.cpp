// SPDX-License-Identifier: BSL-1.0
// A started fiber never changes its thread: compilers keep errno's address, pthread_self() and
// thread_local addresses in registers over a switch, and no library can repair that.
#include <atomic>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using weft_tests::no_leaks;
using weft_tests::scaled;

namespace {

// Asked of the kernel, not of libc, whose answer compilers may keep.
long kernel_thread() { return syscall(SYS_gettid); }

thread_local int of_this_thread = 0;

// True as long as all ways of asking agree on the thread that the object was made on.
class thread_watch {
 public:
  bool is_same() const {
    return kernel_ == kernel_thread() && pthread_equal(self_, pthread_self()) != 0 &&
           local_ == &of_this_thread;
  }

 private:
  long kernel_ = kernel_thread();
  pthread_t self_ = pthread_self();
  int* local_ = &of_this_thread;
};

// `rounds` calls into `other`, each of which parks this fiber until that thread answers.
int moves_seen(weft::loop_ref other, std::size_t rounds) {
  const thread_watch watch;
  int moved = 0;
  for (std::size_t i = 0; i < rounds; ++i) {
    const long there = other
                           .call([] {
                             const thread_watch inner;
                             weft::yield();
                             return inner.is_same() ? kernel_thread() : -1;
                           })
                           .get();
    if (!watch.is_same() || there == kernel_thread() || there < 0) ++moved;
    if (i % 16 == 0) weft::yield();
  }
  return moved;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "H3: a fiber woken from another thread goes on on its own") {
  run([] {
    weft::promise<long> answer;
    auto waiting = weft::spawn([&, got = answer.get_future()]() mutable {
      const thread_watch watch;
      const long other = got.get();
      return watch.is_same() && other != kernel_thread();
    });
    weft::yield();
    std::thread([&] { answer.set_value(kernel_thread()); }).join();
    CHECK(waiting.get());
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "H3: fibers of two loops that wake each other never leave their threads") {
  weft::background_loop beside;
  run([&] {
    weft::loop_ref here = weft::this_loop();
    auto from_there = beside.ref().call([here] {
      std::vector<weft::task<int>> fibers;
      for (int i = 0; i < 8; ++i) {
        fibers.push_back(weft::spawn([here] { return moves_seen(here, scaled(500, 100)); }));
      }
      int moved = 0;
      for (auto& one : fibers) moved += one.get();
      return moved;
    });
    std::vector<weft::task<int>> fibers;
    for (int i = 0; i < 8; ++i) {
      fibers.push_back(weft::spawn([&] { return moves_seen(beside.ref(), scaled(500, 100)); }));
    }
    int moved = 0;
    for (auto& one : fibers) moved += one.get();
    CHECK(moved == 0);
    CHECK(from_there.get() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "H3: ten thousand parks on a loop beside others find the same thread") {
  std::atomic<int> moved{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      weft::run([&] {
        std::vector<weft::task<>> fibers;
        for (int i = 0; i < 20; ++i) {
          fibers.push_back(weft::spawn([&] {
            const thread_watch watch;
            for (int park = 0; park < 500; ++park) {
              weft::yield();
              if (!watch.is_same()) ++moved;
            }
          }));
        }
        for (auto& one : fibers) one.get();
      });
    });
  }
  for (auto& one : threads) one.join();
  CHECK(moved == 0);
}

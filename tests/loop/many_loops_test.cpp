// SPDX-License-Identifier: BSL-1.0
// Several loops in several threads at once: each on its own, reaching the others by message only.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::scaled;

TEST_CASE_FIXTURE(no_leaks, "many loops: eight threads start and end loops at the same time") {
  std::atomic<long> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (std::size_t round = 0; round < scaled(200, 20); ++round) {
        sum += weft::run([] {
          std::vector<weft::task<int>> tasks;
          for (int i = 0; i < 10; ++i) {
            tasks.push_back(weft::spawn([c = counted()] {
              weft::yield();
              return 1;
            }));
          }
          int own = 0;
          for (auto& one : tasks) own += one.get();
          return own;
        });
      }
    });
  }
  for (auto& one : threads) one.join();
  CHECK(sum == static_cast<long>(8 * 10 * scaled(200, 20)));
}

TEST_CASE_FIXTURE(no_leaks, "many loops: a message handed around a ring of loops comes home") {
  constexpr std::size_t loops = 4;
  std::vector<std::unique_ptr<weft::background_loop>> ring;
  for (std::size_t i = 0; i < loops; ++i) ring.push_back(std::make_unique<weft::background_loop>());
  const std::size_t hops = scaled(20'000, 2'000);
  weft::promise<std::size_t> home;
  auto arrived = home.get_future();
  struct token {
    std::vector<std::unique_ptr<weft::background_loop>>& ring;
    weft::promise<std::size_t>& home;
    std::size_t hops;
    std::size_t at;
    void operator()() const {
      if (at == hops) {
        home.set_value(at);
      } else {
        ring[at % loops]->ref().post(token{ring, home, hops, at + 1});
      }
    }
  };
  token{ring, home, hops, 0}();
  CHECK(arrived.get() == hops);
}

TEST_CASE_FIXTURE(no_leaks, "many loops: handles are joined, cancelled and dropped across loops") {
  weft::background_loop beside;
  run([&] {
    for (std::size_t round = 0; round < scaled(300, 50); ++round) {
      auto quick = beside.ref().call([] { return weft::spawn([] { return 5; }); }).get();
      CHECK(quick.get() == 5);
      auto parked =
          beside.ref()
              .call([] {
                return weft::spawn([c = counted()] { weft::await_sleep(weft::duration::max()); });
              })
              .get();
      if (round % 3 == 0) parked.cancel();
      if (round % 3 == 0) parked.join();
      if (round % 3 == 1) parked.detach();
    }
  });
}

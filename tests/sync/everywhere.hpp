// SPDX-License-Identifier: BSL-1.0
// One piece of work done by fibers and by plain threads at the same time.
#pragma once

#include <thread>
#include <vector>

#include "weft/run.hpp"
#include "weft/spawn.hpp"

namespace weft_tests {

constexpr int everybody = 8;

// Three fibers in each of two loops, and two plain threads, all do `body`.
template <class F>
void everywhere(F&& body) {
  const auto loop = [&] {
    weft::run([&] {
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 3; ++i) tasks.push_back(weft::spawn([&] { body(); }));
      for (auto& t : tasks) t.get();
    });
  };
  std::vector<std::thread> threads;
  threads.emplace_back(loop);
  threads.emplace_back(body);
  threads.emplace_back(body);
  loop();
  for (auto& t : threads) t.join();
}

}  // namespace weft_tests

// SPDX-License-Identifier: BSL-1.0
// A program with fibers that knows nothing of libweft-hook: 50 of them block for 20 ms each. Prints
// whether they did so at once. Started by run_test.cpp, with and without weft-run.
#include <chrono>
#include <cstdio>
#include <vector>

#include <unistd.h>

#include "weft/weft.hpp"

int main() {
  const auto begin = std::chrono::steady_clock::now();
  weft::run([] {
    std::vector<weft::task<void>> all;
    for (int i = 0; i < 50; ++i) all.push_back(weft::spawn([] { ::usleep(20000); }));
    for (auto& one : all) one.get();
  });
  const auto span = std::chrono::steady_clock::now() - begin;
  std::puts(span < std::chrono::milliseconds(1000) ? "at once" : "one after another");
  return 0;
}

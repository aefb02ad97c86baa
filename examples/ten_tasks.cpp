// SPDX-License-Identifier: BSL-1.0
// ten_tasks: ten tasks at once on one thread take as long as the longest
//
// Task number n works for n * 50 ms. One after another that makes 2.75 s; together it is the 0.5 s
// of the tenth. gather() takes the whole vector of tasks, and returns the results in the vector's
// order, whatever the order in which they ended.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <vector>

using namespace std::chrono_literals;

int work(int number) {
  weft::await_sleep(number * 50ms);
  std::printf("task %2d is done\n", number);
  return number * number;
}

int main() {
  const auto begin = weft::now();

  weft::run([] {
    std::vector<weft::task<int>> tasks;
    // The first to start is the last to end.
    for (int number = 10; number >= 1; --number) tasks.push_back(weft::spawn(work, number));

    const std::vector<int> squares = weft::gather(tasks);
    std::printf("squares:");
    for (const int square : squares) std::printf(" %d", square);
    std::printf("\n");
  });

  const std::chrono::duration<double> took = weft::now() - begin;
  std::printf("%.1f s in all, instead of 2.75 s\n", took.count());
}

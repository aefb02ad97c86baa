// SPDX-License-Identifier: BSL-1.0
// parallel_map: a loop on each core, and work that computes spread over them
//
// The fibers of one loop share one core. A loop_pool has several loops, each on a thread of its
// own, and starts a task wherever a loop has nothing to do. So work that computes is done on all
// cores, and work that waits may wait in it. A task never changes the thread on which it began.
//
// Pieces of different loops run at the same time: they must not share what they change.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

// Calls f for every input, in the pool, and returns what it returned, in the order of the inputs.
template <class T, class F>
auto parallel_map(weft::loop_pool& pool, const std::vector<T>& inputs, F f) {
  using result = std::invoke_result_t<F, T>;
  std::vector<weft::task<result>> tasks;
  tasks.reserve(inputs.size());
  for (const T& input : inputs) tasks.push_back(pool.spawn(f, input));

  // Whoever throws here leaves `tasks`, which cancels those that are left and waits for them.
  std::vector<result> results;
  results.reserve(inputs.size());
  for (weft::task<result>& one : tasks) results.push_back(one.get());
  return results;
}

// Slow on purpose.
int count_primes(std::pair<int, int> range) {
  int primes = 0;
  for (int n = range.first; n < range.second; ++n) {
    bool is_prime = n > 1;
    for (int d = 2; d * d <= n && is_prime; ++d) is_prime = n % d != 0;
    primes += is_prime;
  }
  return primes;
}

double count_with(unsigned loops) {
  const auto begin = weft::now();
  std::vector<std::pair<int, int>> ranges;
  for (int first = 0; first < 1'000'000; first += 25'000)
    ranges.emplace_back(first, first + 25'000);

  weft::loop_pool pool(loops);
  int sum = 0;
  for (const int primes : parallel_map(pool, ranges, count_primes)) sum += primes;

  const double seconds = std::chrono::duration<double>(weft::now() - begin).count();
  std::printf("%u loop(s): %d primes below a million, in %.2f s\n", pool.size(), sum, seconds);
  return seconds;
}

int main() {
  const unsigned cores = weft::loop_pool().size();
  const double alone = count_with(1);
  const double together = count_with(cores);
  std::printf("%.1f times as fast on %u core(s)\n", alone / together, cores);

  // main may be a fiber, too: then others of its loop go on while it waits for the pool.
  weft::loop_pool pool(2);
  pool.run([&pool] {
    bool is_over = false;
    int ticks = 0;
    weft::task<> ticker = weft::spawn([&] {
      while (!is_over) {
        weft::await_sleep(std::chrono::milliseconds(1));
        ++ticks;
      }
    });
    const auto squares = parallel_map(pool, std::vector<int>{1, 2, 3, 4}, [](int n) {
      weft::await_sleep(std::chrono::milliseconds(20));  // at the same time, all four
      return n * n;
    });
    is_over = true;
    std::printf("squares: %d %d %d %d; main's loop %s meanwhile\n", squares[0], squares[1],
                squares[2], squares[3], ticks > 0 ? "ticked" : "stood still");
  });
}

// SPDX-License-Identifier: BSL-1.0
// threads_and_processes: 10,000 fibers beside threads and processes, and work at which threads win
//
//   threads_and_processes [--quick]     --quick: small numbers, for a test
//
// First everyone waits: fibers cost the least, because for one more of them the kernel has nothing
// to do. Then everyone computes: fibers gain nothing, because all of them share one core. Threads
// are what computes on several. Both may be used together: a loop a thread.
//
// Nobody is started that the machine has no room for, and a refusal ends a row early; a row with
// fewer than wanted says why.
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <future>
#include <new>
#include <thread>
#include <vector>

#include "machine.hpp"

using machine::stopwatch;

struct row {
  const char* who;
  long count = 0;
  double seconds = 0;
  long kib = 0;  // while all of them wait
  const char* limit = "";
};

// No more than the machine has to spare.
row wanted(const char* who, long count, long kib_each, long pids) {
  row result{who, count};
  const long by_memory = machine::spare_kib() / kib_each;
  if (by_memory < result.count) {
    result.count = by_memory;
    result.limit = "half of the free memory";
  }
  if (pids < result.count) {
    result.count = pids;
    result.limit = "half of the limit on processes";
  }
  return result;
}

void print(const row& r) {
  const double each = r.count > 0 ? static_cast<double>(r.kib) / static_cast<double>(r.count) : 0;
  std::printf("  %-22s %8ld %9.2f s %9.1f MiB %9.1f KiB%s%s\n", r.who, r.count, r.seconds,
              static_cast<double>(r.kib) / 1024, each, *r.limit != 0 ? "  limit: " : "", r.limit);
  std::fflush(stdout);  // or fork() would copy what is not yet written
}

// ---- everyone waits -----------------------------------------------------------------------------

row with_fibers(long count, std::chrono::milliseconds nap) {
  row result = wanted("fibers on one thread", count, 16, machine::no_limit);
  const long before = machine::resident_kib();
  const stopwatch watch;
  weft::run([&] {
    std::vector<weft::task<>> sleepers;
    for (long i = 0; i < result.count; ++i) {
      sleepers.push_back(weft::spawn([nap] { weft::await_sleep(nap); }));
    }
    weft::yield();  // each of them begins, and sleeps
    result.kib = machine::resident_kib() - before;
    for (weft::task<>& sleeper : sleepers) {
      try {
        sleeper.get();
      } catch (const std::bad_alloc&) {  // there was no stack for it
        --result.count;
        result.limit = "the system refused one more";
      }
    }
  });
  result.seconds = watch.seconds();
  return result;
}

row with_threads(long count, std::chrono::milliseconds nap) {
  row result = wanted("threads", count, 64, machine::spare_pids());
  const long before = machine::resident_kib();
  const stopwatch watch;
  std::promise<void> gate;  // making them takes longer than their nap, so they start it together
  const std::shared_future<void> open = gate.get_future().share();
  std::vector<std::thread> sleepers;
  sleepers.reserve(static_cast<std::size_t>(result.count));
  try {
    for (long i = 0; i < result.count; ++i) {
      sleepers.emplace_back([open, nap] {
        open.wait();
        std::this_thread::sleep_for(nap);
      });
    }
  } catch (const std::exception&) {  // std::system_error, std::bad_alloc
    result.limit = "the system refused one more";
  }
  result.count = static_cast<long>(sleepers.size());
  result.kib = machine::resident_kib() - before;
  gate.set_value();
  for (std::thread& sleeper : sleepers) sleeper.join();
  result.seconds = watch.seconds();
  return result;
}

row with_processes(long count, std::chrono::milliseconds nap) {
  row result = wanted("processes", count, 1024, machine::spare_pids());
  const stopwatch watch;
  int gate[2];  // a pipe: the children wait for its end
  if (::pipe(gate) != 0) return {"processes", 0, 0, 0, "the system refused a pipe"};
  std::vector<pid_t> sleepers;
  while (static_cast<long>(sleepers.size()) < result.count) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(gate[1]);
      char nothing;
      while (::read(gate[0], &nothing, 1) > 0) continue;
      std::this_thread::sleep_for(nap);
      ::_exit(0);
    }
    if (child < 0) {
      result.limit = "the system refused one more";
      break;
    }
    sleepers.push_back(child);
  }
  result.count = static_cast<long>(sleepers.size());
  for (const pid_t sleeper : sleepers) result.kib += machine::share_kib(sleeper);
  ::close(gate[0]);
  ::close(gate[1]);
  for (const pid_t sleeper : sleepers) ::waitpid(sleeper, nullptr, 0);
  result.seconds = watch.seconds();
  return result;
}

// ---- everyone computes --------------------------------------------------------------------------

// Something that takes a few milliseconds and can't be guessed by the compiler.
unsigned compute(unsigned seed, int rounds) {
  for (int i = 0; i < rounds; ++i) seed = seed * 1664525U + 1013904223U;
  return seed;
}

constexpr unsigned pieces = 48;

double compute_with_fibers(int rounds, unsigned& sum) {
  const stopwatch watch;
  weft::run([&] {
    std::vector<weft::task<unsigned>> work;
    for (unsigned i = 0; i < pieces; ++i) work.push_back(weft::spawn(compute, i, rounds));
    for (const unsigned result : weft::gather(work)) sum += result;
  });
  return watch.seconds();
}

double compute_with_threads(int rounds, unsigned threads, unsigned& sum) {
  const stopwatch watch;
  std::vector<std::future<unsigned>> work;
  for (unsigned t = 0; t < threads; ++t) {
    work.push_back(std::async(std::launch::async, [=] {
      unsigned mine = 0;
      for (unsigned i = t; i < pieces; i += threads) mine += compute(i, rounds);
      return mine;
    }));
  }
  for (auto& result : work) sum += result.get();
  return watch.seconds();
}

int main(int argc, char** argv) {
  const bool is_quick = argc == 2 && std::strcmp(argv[1], "--quick") == 0;
  if (argc > 1 && !is_quick) {
    std::fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
    return 2;
  }
  const std::chrono::milliseconds nap(is_quick ? 50 : 200);
  const long many = is_quick ? 500 : 10000;
  const int rounds = is_quick ? 100000 : 10000000;

  std::printf("Everyone waits %.2f s, all at the same time.\n\n",
              std::chrono::duration<double>(nap).count());
  std::printf("  %-22s %8s %11s %13s %13s\n", "", "how many", "time", "memory", "each");
  std::fflush(stdout);
  const row processes = with_processes(is_quick ? 10 : 200, nap);  // first: fork() a small process
  print(with_fibers(many, nap));
  print(with_threads(is_quick ? 100 : many, nap));
  print(processes);
  std::printf("  The kernel's own memory for threads and processes is not counted.\n");

  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  unsigned from_fibers = 0;
  unsigned from_threads = 0;
  std::printf("\nEveryone computes: %u pieces of work on %u core(s).\n\n", pieces, cores);
  const double alone = compute_with_fibers(rounds, from_fibers);
  std::printf("  %-22s %8u %9.2f s\n", "fibers on one thread", pieces, alone);
  const double together = compute_with_threads(rounds, std::min(cores, pieces), from_threads);
  std::printf("  %-22s %8u %9.2f s  %.1f times as fast\n", "threads", std::min(cores, pieces),
              together, alone / together);
  if (cores == 1 || together > 0.8 * alone) {
    std::printf("  (No gain: there is one core, or the others are busy with something else.)\n");
  }
  const bool is_same = from_fibers == from_threads;
  std::printf("  The results are %s.\n", is_same ? "the same" : "DIFFERENT");
  return is_same ? EXIT_SUCCESS : EXIT_FAILURE;
}

// SPDX-License-Identifier: BSL-1.0
// million: a million fibers parked at once, where threads end, and what an overflow says
//
//   million [--quick]     --quick: small numbers, for a test
//
// A parked fiber is a page of stack and a record. Its stack has 256 KiB of address space and a
// guard below it, but many share one mapping, of which a process may have 65,530: so fibers end
// where memory ends. A thread costs two mappings and an entry in the system's table of processes.
//
// Threads and the overflow are tried in child processes: the first end with theirs, the second ends
// it by SIGSEGV. Of memory no more than half of what is free is taken, and of the system's threads
// and processes an eighth is left to others.
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "machine.hpp"

using machine::stopwatch;

// ---- what this process holds --------------------------------------------------------------------

// The kernel's page tables are part of the price: a fiber touches one page in 80.
long held_kib() {
  const std::string status = "/proc/self/status";
  return machine::number_after(status, "VmRSS:", 0) + machine::number_after(status, "VmPTE:", 0);
}

long mappings() {
  std::ifstream maps("/proc/self/maps");
  long lines = 0;
  for (std::string line; std::getline(maps, line);) ++lines;
  return lines;
}

// Runs body(where to write) in a child, whose end is put into `how`, and returns what it wrote.
template <class F>
std::string in_a_child(F&& body, int& how) {
  int ends[2];
  if (::pipe(ends) != 0) return {};
  std::fflush(nullptr);  // or the child would write it again
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    body(ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char block[1024];
  for (ssize_t got; (got = ::read(ends[0], block, sizeof block)) > 0;) {
    text.append(block, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  if (child > 0) ::waitpid(child, &how, 0);
  return text;
}

// ---- fibers -------------------------------------------------------------------------------------

void park_fibers(long count) {
  const long fitting = machine::spare_kib() / 8;
  if (fitting < count) {
    std::printf("  (Memory is short here: %ld fibers instead of %ld.)\n", fitting, count);
    count = fitting;
  }
  const long kib_before = held_kib();
  weft::options patient;
  patient.slow_step = {};  // main starts them all in one go, and nobody minds
  weft::run(patient, [&] {
    long arrived = 0;
    long woken = 0;
    auto gate = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
    const stopwatch starting;
    std::vector<weft::task<>> parked;
    parked.reserve(static_cast<std::size_t>(count));
    for (long i = 0; i < count; ++i) {
      parked.push_back(weft::spawn([&] {
        ++arrived;
        gate.join();
        ++woken;
      }));
    }
    weft::yield();  // each begins, and parks
    const double started = starting.seconds();
    const double each = static_cast<double>(held_kib() - kib_before) * 1024 / double(count);
    std::printf("  %ld fibers are parked on one thread, each behind its own guard\n", arrived);
    std::printf("    memory    %.0f bytes each: stack, record and page tables\n", each);
    std::printf("    mappings  %ld of the %ld that a process may have\n", mappings(),
                machine::number_in("/proc/sys/vm/max_map_count", 65530));
    const stopwatch waking;
    gate.cancel();
    for (weft::task<>& one : parked) one.get();
    std::printf("    time      %.2f s to start them, %.2f s to wake and end them; %ld woke\n",
                started, waking.seconds(), woken);
  });
}

// ---- threads ------------------------------------------------------------------------------------

struct thread_end {
  long count = 0;
  int error = 0;  // of the one that was refused; 0: none was
  long kib = 0;
  long mappings = 0;
  double seconds = 0;
};

// Stacks of 64 KiB, or their address space might be the limit first. Ends with all its threads.
[[noreturn]] void start_threads(long most, int to) {
  pthread_attr_t small;
  ::pthread_attr_init(&small);
  ::pthread_attr_setstacksize(&small, 64 * 1024);
  ::pthread_setattr_default_np(&small);
  thread_end end;
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(most));
  const long kib_before = held_kib();
  const stopwatch watch;
  try {
    for (; end.count < most; ++end.count) {
      threads.emplace_back([] {
        for (;;) ::pause();
      });
    }
  } catch (const std::system_error& refused) {
    end.error = refused.code().value();
  } catch (const std::exception&) {  // std::bad_alloc: no mapping was left for malloc, either
    end.error = ENOMEM;
  }
  end.seconds = watch.seconds();
  end.kib = held_kib() - kib_before;
  end.mappings = mappings();
  const bool is_told = ::write(to, &end, sizeof end) == sizeof end;
  ::_exit(is_told ? 0 : 1);
}

void try_threads(long most) {
  constexpr long kib_each = 64;  // with what the kernel needs for it
  const long allowed =
      std::min({most, machine::most_pids() / 8 * 7, machine::spare_kib() / kib_each});
  int how = 0;
  const std::string answer = in_a_child([&](int to) { start_threads(allowed, to); }, how);
  thread_end end;
  if (answer.size() != sizeof end) {
    std::printf("  The process that started threads was killed.\n");
    return;
  }
  std::memcpy(&end, answer.data(), sizeof end);
  if (end.error != 0) {
    std::printf("  thread %ld was refused: %s\n", end.count + 1, std::strerror(end.error));
  } else if (allowed == most) {
    std::printf("  %ld threads run, and no more are tried\n", end.count);
  } else {
    std::printf("  %ld threads run; the rest is left to others (the system allows %ld)\n",
                end.count, machine::most_pids());
  }
  if (end.count == 0) return;
  std::printf("    memory    %ld bytes each, and at least 16 KiB in the kernel\n",
              end.kib * 1024 / end.count);
  std::printf("    mappings  %ld\n    time      %.2f s to start them\n", end.mappings, end.seconds);
}

// ---- an overflow --------------------------------------------------------------------------------

int recurse(int depth) {
  volatile char block[512] = {};
  block[0] = static_cast<char>(depth);
  return depth > 0 ? recurse(depth - 1) + block[0] : 0;
}

void show_overflow() {
  int how = 0;
  const std::string said = in_a_child(
      [](int to) {
        ::dup2(to, STDERR_FILENO);
        weft::options options;
        options.overflow = weft::overflow_report::always;
        weft::run(options, [] {
          auto neighbour = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
          weft::spawn({"too deep"}, [] { recurse(10'000'000); }).join();
        });
      },
      how);
  std::printf("  %s", said.c_str());
  if (WIFSIGNALED(how)) {
    std::printf("  The process died by signal %d (%s), where it happened.\n", WTERMSIG(how),
                ::strsignal(WTERMSIG(how)));
  }
}

int main(int argc, char** argv) {
  const bool is_quick = argc == 2 && std::strcmp(argv[1], "--quick") == 0;
  if (argc > 1 && !is_quick) {
    std::fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
    return 2;
  }
  std::printf("Threads, until one is refused or the system's table is nearly full:\n");
  try_threads(is_quick ? 200 : 40'000);
  std::printf("\nFibers, until half of the free memory is taken:\n");
  park_fibers(is_quick ? 5'000 : 1'000'000);
  std::printf(
      "  A stack is address space until it is touched, and its guard is marks in the page table.\n"
      "\nOne fiber needs more stack than it has, in a process of its own:\n");
  show_overflow();
  std::printf("  Its neighbours' stacks were not touched: the guard comes first.\n");
  return EXIT_SUCCESS;
}

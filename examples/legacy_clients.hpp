// SPDX-License-Identifier: BSL-1.0
// What the examples legacy_libpq, legacy_curl and legacy_redis share: one call of the library on the
// plain thread, then many at once in fibers. No part of weft.
#pragma once

#include <weft/hook.hpp>
#include <weft/weft.hpp>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "machine.hpp"
#include "server.hpp"

namespace legacy_clients {

// What the environment says, if it does.
inline std::string environment_or(const char* name, const char* otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr && *given != '\0' ? given : otherwise;
}

inline int number_of(const server::arguments& given, const char* program, const char* name) {
  const int number = std::atoi(given.at(name).value.c_str());
  if (number < 1) server::wrong_usage(program, std::string(name) + " wants a number above 0");
  return number;
}

// One call of the library, number n, from its first function to its last; empty, or what went wrong.
using job = std::function<std::string(int n)>;

// Returns the exit status. `what_to_start`: said when the server can't be reached.
inline int run(const char* program, int fibers, const job& one, const char* what_to_start) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const machine::stopwatch alone;
  const std::string error = one(0);
  if (!error.empty()) {
    std::fprintf(stderr, "%s: %s\n%s\n", program, error.c_str(), what_to_start);
    return 1;
  }
  std::printf("one, on the plain thread: %.2f s; %d one after another would take %.1f s\n",
              alone.seconds(), fibers, alone.seconds() * fibers);

  weft::hook::require();
  weft::options how;
  how.slow_step = weft::duration::zero();  // its watchdog would be one more thread
  long most_threads = 0;
  int failed = 0;
  std::string first_error;
  const machine::stopwatch together;
  weft::run(how, [&] {
    const weft::task<> counter = weft::spawn([&] {
      for (;;) {
        most_threads =
            std::max(most_threads, machine::number_after("/proc/self/status", "Threads:", 0));
        weft::await_sleep(std::chrono::milliseconds(10));
      }
    });
    std::vector<weft::task<>> all;
    for (int n = 1; n <= fibers; ++n) {
      all.push_back(weft::spawn([&, n] {
        const std::string what = one(n);
        if (!what.empty() && failed++ == 0) first_error = what;
      }));
    }
    weft::gather(all);
  });
  std::printf("%d at once, in fibers:     %.2f s, with at most %ld thread(s)\n", fibers,
              together.seconds(), most_threads);
  if (failed == 0) return 0;
  std::fprintf(stderr, "%s: %d of %d failed; the first said: %s\n", program, failed, fibers,
               first_error.c_str());
  return 1;
}

}  // namespace legacy_clients

// SPDX-License-Identifier: BSL-1.0
// What the tests of fork() share: a child of the caller, which may be a fiber.
#pragma once

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "support/child.hpp"
#include "weft/io.hpp"
#include "weft/weft.hpp"

namespace weft_tests {

using namespace std::chrono_literals;

inline constexpr const char* no_fibers_after_fork =
    "ThreadSanitizer forgets a parent's fibers in a child of fork(), as it does threads";
inline constexpr const char* no_threads_after_fork =
    "ThreadSanitizer allows no threads after such a fork";
inline const std::string refusal =
    "in a child of fork(): this loop belongs to the parent process. Call weft::after_fork_child() "
    "first, or only exec or _exit";

// How a child of the caller ends that runs body(): its status, or 128 and the signal.
template <class F>
int forked(F&& body) {
  const pid_t process = fork();
  if (process == 0) {
    alarm(weft_tests::child::patience);
    int status = 99;
    try {
      status = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "forked: %s\n", error.what());
    }
    _exit(status);
  }
  int how = 0;
  while (waitpid(process, &how, 0) < 0) {
  }
  return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

// True if f() throws an error, alone or in a group, with the refusal in it.
template <class F>
bool is_refused(const char* what, F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    if (std::string(error.what()).find(refusal) != std::string::npos) return true;
    std::fprintf(stderr, "%s says: %s\n", what, error.what());
    return false;
  }
  std::fprintf(stderr, "%s was not refused\n", what);
  return false;
}

// Sends a byte to and fro on a new loop's own sockets: 7 if all is well.
inline int talk_to_oneself() {
  return weft::run([] {
    auto [here, there] = weft::unix_stream::pair();
    auto echo = weft::spawn([&there = there] {
      char byte = 0;
      there.read_exactly(&byte, 1);
      weft::await_sleep(1ms);
      there.write_all(&byte, 1);
    });
    char byte = 7;
    here.write_all(&byte, 1);
    byte = 0;
    here.read_exactly(&byte, 1);
    return int{byte};
  });
}

}  // namespace weft_tests

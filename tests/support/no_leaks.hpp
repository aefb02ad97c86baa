// SPDX-License-Identifier: BSL-1.0
// The fixture of most tests: at the end of each, descriptors, stacks and counted objects are back
// to what they were, and no loop runs on the thread.
// TEST_CASE_FIXTURE(weft_tests::no_leaks, "...") { run([] { ... }); }
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include <dirent.h>
#include <sys/mman.h>

#include <doctest/doctest.h>

#include "weft/detail/loop_core.hpp"
#include "weft/run.hpp"
#include "weft/stack_source.hpp"
#include "weft/this_fiber.hpp"

namespace weft_tests {
inline namespace WEFT_ABI_NAMESPACE {  // a program may hold both backends

inline std::size_t open_descriptors() {
  DIR* const folder = opendir("/proc/self/fd");
  std::size_t count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count - 3;  // ".", ".." and the folder's own
}

// Fibers of the running loop that have not ended, main apart.
inline std::size_t live_fibers() { return weft::detail::running_loop()->live; }

// Anonymous memory as weft itself would take it, counted.
class counting_stacks : public weft::stack_source {
 public:
  void* map(std::size_t bytes) noexcept override {
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    ++maps;
    mapped += bytes;
    return memory;
  }
  void unmap(void* memory, std::size_t bytes) noexcept override {
    munmap(memory, bytes);
    ++unmaps;
    mapped -= bytes;
  }

  std::atomic<std::size_t> maps{0};
  std::atomic<std::size_t> unmaps{0};
  std::atomic<std::size_t> mapped{0};  // bytes that are out
};

// For tests that count on the lowest free number: the watchdog opens files of its own when a step
// takes long.
inline weft::options unwatched() {
  weft::options how;
  how.slow_step = weft::duration::zero();
  return how;
}

// An object whose every construction must meet one destruction. On a stack, in a closure, in a
// result: what is lost or destroyed twice shows in the sum.
class counted {
 public:
  counted() noexcept { ++alive_; }
  counted(const counted&) noexcept { ++alive_; }
  counted& operator=(const counted&) noexcept = default;
  ~counted() { --alive_; }
  static long alive() noexcept { return alive_; }

 private:
  static inline std::atomic<long> alive_{0};
};

class no_leaks {
 public:
  no_leaks() : descriptors_(open_descriptors()), counted_(counted::alive()) {}
  ~no_leaks() {
    CHECK_FALSE(weft::in_fiber());
    CHECK(open_descriptors() == descriptors_);
    CHECK(counted::alive() == counted_);
    CHECK(stacks.maps == stacks.unmaps);
    CHECK(stacks.mapped == 0);
  }
  no_leaks(const no_leaks&) = delete;
  no_leaks& operator=(const no_leaks&) = delete;

  // weft::run() on counted stacks; every task that the body started must have ended or be left to
  // the loop by detach().
  template <class F>
  auto run(weft::options how, F&& body) -> decltype(body()) {
    how.stacks = &stacks;
    return weft::run(how, std::forward<F>(body));
  }
  template <class F>
  auto run(F&& body) -> decltype(body()) {
    return run(weft::options{}, std::forward<F>(body));
  }

  counting_stacks stacks;

 private:
  std::size_t descriptors_;
  long counted_;
};

}  // namespace WEFT_ABI_NAMESPACE
}  // namespace weft_tests

// SPDX-License-Identifier: BSL-1.0
// Where stacks come from: few large mappings, a guard below each stack, and everything handed back.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/emulated.hpp"
#include "support/no_leaks.hpp"
#include "support/resident.hpp"
#include "support/skip.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/stack.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using weft_tests::mappings_of_this_process;
using weft_tests::no_leaks;
using weft_tests::scaled;

namespace {

std::vector<weft::task<>> parked_fibers(std::size_t count) {
  std::vector<weft::task<>> parked;
  parked.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    parked.push_back(weft::spawn([] { weft::await_sleep(weft::duration::max()); }));
  }
  weft::yield();  // each binds its stack when it first runs
  return parked;
}

// Asks the kernel, so that a guard answers EFAULT instead of killing the test.
bool is_readable(const char* address) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
  const bool ok = write(ends[1], address, 1) == 1;
  if (!ok && errno != EFAULT) std::abort();
  close(ends[0]);
  close(ends[1]);
  return ok;
}

const weft::detail::stack& own_stack() { return *weft::detail::running_loop()->current->bound; }

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "stack: ten thousand fibers live in a few dozen mappings") {
  run([&] {
    const std::size_t count = scaled(10'000, 2'000);
    const std::size_t lines_before = mappings_of_this_process();
    const auto parked = parked_fibers(count);
    CHECK(stacks.maps < 32);
    const auto kind = parked.front().record()->bound->guard;
    // ThreadSanitizer maps memory of its own for each fiber.
    if (kind == weft::detail::guard_kind::install && !weft_tests::is_tsan) {
      CHECK(mappings_of_this_process() - lines_before < 100);
    }
  });
  CHECK(stacks.maps == stacks.unmaps);
}

TEST_CASE_FIXTURE(no_leaks, "stack: none is bound before its fiber first runs") {
  run([&] {
    const weft_tests::capture_reports quiet;  // the first one is reported as dropped
    const std::size_t before = stacks.maps;
    std::vector<weft::task<>> fresh;
    for (int i = 0; i < 1000; ++i) fresh.push_back(weft::spawn([] {}));
    CHECK(stacks.maps == before);
    fresh.clear();  // cancelled before they began
    CHECK(stacks.maps - before <= 1);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "stack: a thousand fibers one after another use one and the same stack") {
  run([&] {
    const char* first = nullptr;
    int others = 0;
    for (int i = 0; i < 1000; ++i) {
      weft::spawn([&] {
        const char* const here = own_stack().top;
        if (first == nullptr) first = here;
        if (here != first) ++others;
      }).join();
    }
    CHECK(others == 0);
    CHECK(stacks.maps == 1);
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack: the pages below a stack are a guard, its lowest byte is not") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  std::vector<weft::spawn_options> sizes(3);
  sizes[1].stack_bytes = 20 * 1024;
  sizes[2].stack_bytes = 1024 * 1024;
  run([&] {
    for (const auto& how : sizes) {
      weft::spawn(how, [] {
        const weft::detail::stack& mine = own_stack();
        if (mine.guard == weft::detail::guard_kind::none) return;
        CHECK(is_readable(mine.limit));
        CHECK_FALSE(is_readable(mine.limit - 1));
        CHECK_FALSE(is_readable(mine.limit - 60 * 1024));
        CHECK_FALSE(is_readable(mine.limit - 64 * 1024));
      }).join();
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack: guards of many neighbours all stand, also after recycling") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  run([] {
    int missing = 0;
    for (int round = 0; round < 2; ++round) {
      auto parked = parked_fibers(200);
      for (const auto& one : parked) {
        const weft::detail::stack& its = *one.record()->bound;
        if (its.guard == weft::detail::guard_kind::none) continue;
        if (is_readable(its.limit - 1) || is_readable(its.limit - 4096)) ++missing;
        if (!is_readable(its.limit)) ++missing;
      }
    }
    CHECK(missing == 0);
  });
}

TEST_CASE_FIXTURE(
    no_leaks, "stack: without a cache the successor gives back the stack, however it comes back") {
  weft::options how;
  how.cached_stacks = 0;
  how.stack_linger = weft::duration::zero();
  const auto has_none = [](const weft::task<>& t) { return t.record()->bound == nullptr; };
  for (int round = 0; round < 10; ++round) {
    run(how, [&] {
      auto before_idle = weft::spawn([] {});  // the idle context itself is fresh
      weft::await_sleep(std::chrono::microseconds(100));
      CHECK(has_none(before_idle));
      auto in_yield = weft::spawn([] {});
      weft::yield();
      CHECK(has_none(in_yield));
      auto in_park = weft::spawn([] {});
      in_park.join();
      CHECK(has_none(in_park));
      auto before_fresh = weft::spawn([] {});
      weft::spawn_options other_size;
      other_size.stack_bytes = 1024 * 1024;
      CHECK(weft::spawn(other_size, [&] { return has_none(before_fresh); }).get());
      try {
        throw 1;
      } catch (int) {  // by the slow way
        auto in_handler = weft::spawn([] {});
        in_handler.join();
        CHECK(has_none(in_handler));
      }
    });
  }
}

TEST_CASE_FIXTURE(no_leaks,
                  "stack: tops are staggered, so that parked stacks do not share one cache set") {
  run([] {
    const auto parked = parked_fibers(64);
    std::vector<std::uintptr_t> offsets;
    for (const auto& one : parked) {
      offsets.push_back(reinterpret_cast<std::uintptr_t>(one.record()->bound->top) % 4096);
    }
    std::sort(offsets.begin(), offsets.end());
    const auto distinct = std::unique(offsets.begin(), offsets.end()) - offsets.begin();
    CHECK(distinct >= 16);
    for (const auto offset : offsets) CHECK(offset % 64 == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "stack: without a cache every mapping goes back as soon as it is empty") {
  weft::options how;
  how.cached_stacks = 0;
  how.stack_linger = weft::duration::zero();
  run(how, [&] {
    auto parked = parked_fibers(500);
    const std::size_t at_the_peak = stacks.mapped;
    parked.clear();
    weft::spawn([] {}).join();
    CHECK(stacks.mapped < at_the_peak / 4);
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack: what was given up with its mapping is not handed out") {
  weft::options how;
  how.cached_stacks = 0;
  how.stack_linger = weft::duration::zero();
  run(how, [&] {
    auto stays = parked_fibers(13);  // with those of the loop all but one of the first mapping
    for (int round = 0; round < 3; ++round) {
      auto parked = parked_fibers(10);
      const std::size_t at_the_peak = stacks.mapped;
      parked.clear();
      CHECK(stacks.mapped < at_the_peak);
      std::size_t outside = 0;
      for (const auto& one : parked_fibers(10)) {
        outside += is_readable(one.record()->bound->limit) ? 0 : 1;
      }
      CHECK(outside == 0);
    }
  });
}

TEST_CASE("stack: memory that has gone is not touched, whoever has it then") {
  struct passed_on final : weft_tests::counting_stacks {
    void unmap(void* memory, std::size_t bytes) noexcept override {
      counting_stacks::unmap(memory, bytes);
      void* const next = mmap(memory, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      if (next != memory) std::abort();
      for (std::size_t at = 0; at < bytes; at += 4096) static_cast<char*>(next)[at] = 'x';
      others.emplace_back(static_cast<char*>(next), bytes);
    }
    std::size_t lost() const {
      std::size_t count = 0;
      for (const auto& [memory, bytes] : others) {
        for (std::size_t at = 0; at < bytes; at += 4096) count += memory[at] == 'x' ? 0 : 1;
      }
      return count;
    }
    std::vector<std::pair<char*, std::size_t>> others;
  } source;
  weft::testing::virtual_clock time;
  weft::options how;
  how.stacks = &source;
  how.time = &time;
  how.cached_stacks = 0;
  how.stack_linger = std::chrono::seconds(1);
  weft::run(how, [&] {
    { const auto parked = parked_fibers(100); }
    for (int second = 0; second < 20; ++second) weft::await_sleep(std::chrono::seconds(1));
    CHECK(source.others.size() > 1);
  });
  CHECK(source.lost() == 0);
  for (const auto& [memory, bytes] : source.others) munmap(memory, bytes);
}

TEST_CASE_FIXTURE(no_leaks, "stack: guards are made ahead for few") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  run([] {
    const auto parked = parked_fibers(20);
    const weft::detail::stack& last = *parked.back().record()->bound;
    if (last.guard != weft::detail::guard_kind::install) return;
    const std::size_t stride = last.size_bytes() + last.guard_bytes;
    // Six of the second mapping's 32 are in use.
    int ahead = 0;
    for (std::size_t next = 1; next < 20; ++next) {
      ahead += is_readable(last.limit - last.guard_bytes + next * stride) ? 0 : 1;
    }
    CHECK(ahead <= 6);
  });
}

TEST_CASE("stack_source: what comes back is plain memory again, without guards") {
  struct looking final : weft_tests::counting_stacks {
    void unmap(void* memory, std::size_t bytes) noexcept override {
      const char* const from = static_cast<const char*>(memory);
      for (std::size_t at = 0; at < bytes; at += 32 * 1024)
        guards += is_readable(from + at) ? 0 : 1;
      counting_stacks::unmap(memory, bytes);
    }
    int guards = 0;
  } source;
  weft::options how;
  how.stacks = &source;
  weft::run(how, [] { const auto parked = parked_fibers(20); });
  CHECK(source.unmaps > 0);
  CHECK(source.guards == 0);  // the next user of memory that was not unmapped would hit them
}

TEST_CASE("torture 3: where no large mapping is to be had, smaller ones are taken") {
  struct narrow final : weft_tests::counting_stacks {
    void* map(std::size_t bytes) noexcept override {
      return bytes > std::size_t{2} << 20 ? nullptr : counting_stacks::map(bytes);
    }
  } source;
  weft::options how;
  how.stacks = &source;
  int sum = 0;
  weft::run(how, [&] {
    std::vector<weft::task<int>> fibers;
    for (int i = 0; i < 100; ++i) {
      fibers.push_back(weft::spawn([i] {
        weft::yield();
        return i;
      }));
    }
    for (auto& one : fibers) sum += one.get();
  });
  CHECK(sum == 99 * 100 / 2);
  CHECK(source.mapped == 0);
}

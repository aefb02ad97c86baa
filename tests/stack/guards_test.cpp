// SPDX-License-Identifier: BSL-1.0
// Every page of a guard refuses, proved by asking the kernel: write(2) out of it into a pipe fails
// with EFAULT. (/dev/null would not do: it never looks at what it is given.)
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "deny_guards.hpp"
#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/kernel_guards.hpp"
#include "support/no_leaks.hpp"
#include "support/seed.hpp"
#include "support/skip.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/stack.hpp"
#include "weft/weft.hpp"

using weft::detail::guard_kind;
using weft_tests::no_leaks;
using weft_tests::scaled;

namespace {

constexpr std::size_t page = 4096;
// Asks the kernel, so that a guard answers instead of killing the test.
class prober {
 public:
  prober() {
    if (pipe2(ends_, O_CLOEXEC) != 0) std::abort();
  }
  ~prober() {
    close(ends_[0]);
    close(ends_[1]);
  }
  prober(const prober&) = delete;
  prober& operator=(const prober&) = delete;

  bool refuses(const char* address) const {
    if (write(ends_[1], address, 1) == 1) {
      char taken;
      if (read(ends_[0], &taken, 1) != 1) std::abort();
      return false;
    }
    if (errno != EFAULT) std::abort();
    return true;
  }

 private:
  int ends_[2];
};

struct counts {
  int guards = 0;       // stacks of the kind that was asked for
  int open_pages = 0;   // of a guard, that can be read
  int shut_stacks = 0;  // whose lowest page cannot be
};

// Parks some thousand fibers on stacks of several sizes, half of them on recycled ones, and looks
// at so many of them at random.
counts probe(std::size_t fibers, std::size_t probed, guard_kind kind, unsigned seed) {
  std::minstd_rand random(seed);
  const std::vector<std::size_t> sizes = {0, 1, 64 * 1024, 100 * 1024, 1024 * 1024};
  std::vector<weft::task<>> parked;
  for (std::size_t i = 0; i < fibers; ++i) {
    weft::spawn_options how;
    how.stack_bytes = sizes[random() % sizes.size()];
    parked.push_back(weft::spawn(how, [] { weft::await_sleep(weft::duration::max()); }));
    if (i == fibers / 2) {
      weft::yield();
      std::shuffle(parked.begin(), parked.end(), random);
      parked.resize(parked.size() / 2);
    }
  }
  weft::yield();
  std::shuffle(parked.begin(), parked.end(), random);
  const prober ask;
  counts found;
  for (std::size_t i = 0; i < std::min(probed, parked.size()); ++i) {
    const weft::detail::stack& its = *parked[i].record()->bound;
    found.guards += its.guard == kind ? 1 : 0;
    for (const char* at = its.limit - its.guard_bytes; at < its.limit; at += page) {
      // The page's first byte and its last: a guard that is off by some bytes is found as well.
      found.open_pages += ask.refuses(at) && ask.refuses(at + page - 1) ? 0 : 1;
    }
    found.shut_stacks += ask.refuses(its.limit) ? 1 : 0;
  }
  return found;
}

// The same in a child whose kernel refuses something.
auto probe_without(weft_tests::denied what, guard_kind kind) {
  const unsigned seed = weft_tests::seed_of_this_run();
  return weft_tests::run_child([=] {
    if (!weft_tests::deny_guards(what)) return weft_tests::no_seccomp;
    return weft::run([=] {
      const std::size_t probed = scaled(1000, 300);
      const counts found = probe(3 * probed, probed, kind, seed);
      std::fprintf(stderr, "seed %u: %d guards, %d open pages, %d shut stacks\n", seed,
                   found.guards, found.open_pages, found.shut_stacks);
      const bool all_guarded = found.guards == static_cast<int>(probed);
      return all_guarded && found.open_pages + found.shut_stacks == 0 ? 0 : 1;
    });
  });
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "H7: a thousand random fibers: every page of their guards refuses a write(2)") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  if (!weft_tests::kernel_has_guards()) WEFT_SKIP("MADV_GUARD_INSTALL needs Linux 6.13");
  const unsigned seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  run([&] {
    const std::size_t probed = scaled(1000, 300);
    const counts found = probe(3 * probed, probed, guard_kind::install, seed);
    CHECK(found.guards == static_cast<int>(probed));
    CHECK(found.open_pages == 0);
    CHECK(found.shut_stacks == 0);
  });
}

TEST_CASE("H7: a kernel that takes advice for one area at a time guards every page as well") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  if (!weft_tests::kernel_has_guards()) WEFT_SKIP("MADV_GUARD_INSTALL needs Linux 6.13");
  const auto end = probe_without(weft_tests::denied::bulk_advice, guard_kind::install);
  if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
  CAPTURE(end.output);
  CHECK(end.status == 0);
}

TEST_CASE("H7: a thousand random fibers with guards by mprotect: every page refuses") {
  const auto end = probe_without(weft_tests::denied::guard_advice, guard_kind::protect);
  if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
  CAPTURE(end.output);
  CHECK(end.status == 0);
}

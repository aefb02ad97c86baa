// SPDX-License-Identifier: BSL-1.0
// Three ways to guard a stack, the best first.
//
// Some facts. MADV_GUARD_INSTALL (Linux 6.13) marks pages in the page table: no mapping of its
// own, 1,000,000 guards in 25 mappings, 0.9 us each. PROT_NONE splits the slab: two mappings per
// stack of the process's vm.max_map_count (65,530), and when those are used up malloc fails too.
//
// What this means here. mprotect serves up to a quarter of vm.max_map_count; from there on a
// canary at the stack's low end, checked at every park, tells of an overflow after the fact.
#include "guard.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "../base/syscalls.hpp"
#include "bulk_advice.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr int madv_guard_install = 102;  // not in Debian 12's headers
constexpr int madv_guard_remove = 103;

// qemu-user answers 0 to any advice, and does nothing.
bool knows_its_advice(char* low) noexcept {
  constexpr int no_such_advice = 0x7fffffff;
  return raw_syscall(SYS_madvise, low, guard_bytes, no_such_advice) != 0;
}

std::atomic<bool> kernel_has_guards{true};  // until it says EINVAL
std::atomic<bool> is_kernel_asked{false};
std::atomic<long> protected_guards{0};

// Two mappings per guard, a quarter of the limit for all.
long read_protect_budget() noexcept {
  long max_map_count = 65530;  // the kernel's default
  if (std::FILE* const file = std::fopen("/proc/sys/vm/max_map_count", "re")) {
    if (std::fscanf(file, "%ld", &max_map_count) != 1) max_map_count = 65530;
    std::fclose(file);
  }
  return max_map_count / 4 / 2;
}

long protect_budget() noexcept {
  static const long budget = read_protect_budget();
  return budget;
}

constexpr std::uint64_t canary_pattern = 0x5745465443414e41ULL;  // "WEFTCANA"
constexpr std::size_t canary_words = 8;

}  // namespace

guard_kind install_guard(char* low) noexcept {
  // relaxed, both: hints; another thread that still tries gets the same answers
  if (!is_kernel_asked.exchange(true, std::memory_order_relaxed) && !knows_its_advice(low)) {
    kernel_has_guards.store(false, std::memory_order_relaxed);
  }
  if (kernel_has_guards.load(std::memory_order_relaxed)) {
    const long result = raw_syscall(SYS_madvise, low, guard_bytes, madv_guard_install);
    if (result == 0) return guard_kind::install;
    if (result == -EINVAL || result == -ENOSYS || result == -EPERM) {
      kernel_has_guards.store(false, std::memory_order_relaxed);
    }
  }
  if (protected_guards.fetch_add(1, std::memory_order_relaxed) < protect_budget() &&
      raw_syscall(SYS_mprotect, low, guard_bytes, PROT_NONE) == 0) {
    return guard_kind::protect;
  }
  protected_guards.fetch_sub(1, std::memory_order_relaxed);
  return guard_kind::none;
}

bool install_guards(char* low, std::size_t stride, std::size_t count) noexcept {
  // The first guard of all is installed alone, and asks the kernel; relaxed as there.
  if (!is_kernel_asked.load(std::memory_order_relaxed) ||
      !kernel_has_guards.load(std::memory_order_relaxed)) {
    return false;
  }
  iovec areas[max_areas];
  for (std::size_t i = 0; i < count; ++i) areas[i] = {low + i * stride, guard_bytes};
  return advise_all(areas, count, madv_guard_install);
}

void remove_guard(char* low, guard_kind kind) noexcept {
  if (kind == guard_kind::install) raw_syscall(SYS_madvise, low, guard_bytes, madv_guard_remove);
  if (kind == guard_kind::protect) {
    raw_syscall(SYS_mprotect, low, guard_bytes, PROT_READ | PROT_WRITE);
  }
}

void forget_guard(guard_kind kind) noexcept {
  if (kind == guard_kind::protect) protected_guards.fetch_sub(1, std::memory_order_relaxed);
}

void write_canary(const stack& s) noexcept {
  auto* const words = reinterpret_cast<std::uint64_t*>(s.limit);
  for (std::size_t i = 0; i < canary_words; ++i) words[i] = canary_pattern;
}

bool is_canary_intact(const stack& s) noexcept {
  const auto* const words = reinterpret_cast<const std::uint64_t*>(s.limit);
  for (std::size_t i = 0; i < canary_words; ++i) {
    if (words[i] != canary_pattern) return false;
  }
  return true;
}

}  // namespace detail
WEFT_NAMESPACE_END

// SPDX-License-Identifier: BSL-1.0
// Asks the kernel itself whether it has guards that need no mapping: weft's own answer is what
// tests of them are to prove.
#pragma once

#include <cstddef>

#include <sys/mman.h>

namespace weft_tests {

// True from Linux 6.13 on, unless a filter forbids it.
inline bool kernel_has_guards() {
  constexpr std::size_t bytes = 64 * 1024;
  constexpr int guard_install = 102;  // MADV_GUARD_INSTALL: not in every system's headers
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  const bool has = madvise(memory, bytes, guard_install) == 0;
  munmap(memory, bytes);
  return has;
}

}  // namespace weft_tests

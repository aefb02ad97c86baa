// SPDX-License-Identifier: BSL-1.0
// How much memory this process really holds. Used where a test says "memory comes back".
#pragma once

#include <cstddef>
#include <cstdio>

#include <unistd.h>

namespace weft_tests {

// The second number of /proc/self/statm (man 5 proc), in bytes.
inline std::size_t resident_bytes() {
  unsigned long whole = 0;
  unsigned long resident = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%lu %lu", &whole, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace weft_tests

// SPDX-License-Identifier: BSL-1.0
// How much memory this process really holds, and in how many mappings. Used where a test says
// "memory comes back", or how much a fiber costs.
#pragma once

#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>

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

// The number behind a key in a file of lines like `VmRSS:  123 kB`, in bytes; 0 if there is none.
inline std::size_t bytes_after(const std::string& file, const std::string& key) {
  std::ifstream lines(file);
  std::size_t kib = 0;
  for (std::string word; lines >> word;) {
    if (word == key && lines >> kib) return kib * 1024;
  }
  return 0;
}

// What the process holds, with the kernel's page tables for it: touching a page here and there of
// large mappings costs both.
inline std::size_t resident_bytes_with_tables() {
  return bytes_after("/proc/self/status", "VmRSS:") + bytes_after("/proc/self/status", "VmPTE:");
}

// Lines of /proc/self/maps: what vm.max_map_count limits.
inline std::size_t mappings_of_this_process() {
  std::ifstream maps("/proc/self/maps");
  std::size_t lines = 0;
  for (std::string text; std::getline(maps, text);) ++lines;
  return lines;
}

}  // namespace weft_tests

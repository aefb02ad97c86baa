// SPDX-License-Identifier: BSL-1.0
// Which cores a test's threads run on: those that are to meet must not share one.
#pragma once

#include <sched.h>

#include <vector>

namespace weft_tests {

inline std::vector<int> allowed_cores() {
  std::vector<int> all;
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return all;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(static_cast<unsigned>(core), &allowed)) all.push_back(core);
  }
  return all;
}

// Keeps the calling thread on one core, while this lives.
class on_core {
 public:
  explicit on_core(int core) {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<unsigned>(core), &only);
    ::sched_setaffinity(0, sizeof only, &only);
  }
  ~on_core() { ::sched_setaffinity(0, sizeof before_, &before_); }
  on_core(const on_core&) = delete;
  on_core& operator=(const on_core&) = delete;

 private:
  cpu_set_t before_;
};

}  // namespace weft_tests

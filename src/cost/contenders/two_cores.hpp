// SPDX-License-Identifier: BSL-1.0
// For rows whose work is done on two cores at once: they are timed by the wall, as the processor
// time of both is more than anybody waits.
#pragma once

#include <sched.h>
#include <time.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "measure.hpp"
#include "side.hpp"

namespace cost {

class by_the_wall final : public contender {
 public:
  explicit by_the_wall(std::unique_ptr<contender> timed) : timed_(std::move(timed)) {}
  std::uint64_t run(std::uint64_t operations) override { return timed_->run(operations); }
  double elsewhere_ns() const override {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec) - cpu_ns();
  }

 private:
  std::unique_ptr<contender> timed_;
};

// Moves the calling thread, which inherited the one core of its maker, to another. False: there is
// none.
inline bool leave_core(int core) {
  for (int other = 0; other < CPU_SETSIZE; ++other) {
    if (other == core) continue;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<unsigned>(other), &only);
    if (::sched_setaffinity(0, sizeof only, &only) == 0) return true;
  }
  return false;
}

}  // namespace cost

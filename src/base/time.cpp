// SPDX-License-Identifier: BSL-1.0
// The machine's monotonic clock as a clock_source.
#include "weft/time.hpp"

#include "clock.hpp"

WEFT_NAMESPACE_BEGIN

clock_source::~clock_source() = default;
bool clock_source::jump(time_point) noexcept { return false; }
bool clock_source::is_wall_time() const noexcept { return true; }

namespace detail {

time_point machine_clock::now() noexcept { return clock::now(); }

machine_clock& the_machine_clock() noexcept {
  // Never destroyed: loops of other threads may outlive static destruction.
  static machine_clock* const one = new machine_clock;
  return *one;
}

}  // namespace detail
WEFT_NAMESPACE_END

// SPDX-License-Identifier: BSL-1.0
// A record with options: see spawn.hpp.
#include "weft/spawn.hpp"

#include <utility>

WEFT_NAMESPACE_BEGIN
namespace detail {

fiber& new_fiber_with(loop_core& here, const spawn_site& site, spawn_options&& how) {
  fiber& record = new_fiber(&here, {how.stack_bytes, site});
  record.on_cancel = how.cancel;
  if (how.name.empty()) return record;
  record_guard made(record);
  baggage_of(record).name = std::move(how.name);
  made.release();
  return record;
}

}  // namespace detail
WEFT_NAMESPACE_END

// SPDX-License-Identifier: BSL-1.0
// See stack_marks.hpp; and this_fiber::stack_high_water().
#include "stack_marks.hpp"

#include <sys/mman.h>

#include <algorithm>

#include "../base/syscalls.hpp"
#include "loop.hpp"
#include "weft/this_fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

void stack_marks::note(const spawn_site& site, const stack& s) noexcept {
  const std::size_t deepest = pages.deepest_use(s);
  raw_syscall(SYS_madvise, s.limit, s.size_bytes(), MADV_DONTNEED);
  try {
    mark& found = sites_[{site.where, site.line}];
    found.deepest = std::max(found.deepest, deepest);
    found.stack_bytes = std::max(found.stack_bytes, s.size_bytes());
    ++found.tenants;
  } catch (...) {
    ++lost_;
  }
}

}  // namespace detail

namespace this_fiber {

std::size_t stack_high_water() {
  const auto* const present = static_cast<const char*>(__builtin_frame_address(0));
  detail::loop& here = detail::whole(detail::require_loop("this_fiber::stack_high_water()"));
  const detail::fiber& self = *here.current;
  detail::touched_pages pages;
  if (self.bound != nullptr) return pages.deepest_use(*self.bound);
  const auto* const bottom = static_cast<const char*>(here.root_stack_bottom);
  return pages.deepest_use(bottom, present, bottom + here.root_stack_bytes);
}

}  // namespace this_fiber
WEFT_NAMESPACE_END

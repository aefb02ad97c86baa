// SPDX-License-Identifier: BSL-1.0
// How deep the stacks of each spawn site went, with options::measure_stacks. Layer: loop. Told by
// the loop when a fiber has ended and by with_stack() when its call is over; read by
// debug::stack_report().
//
// A stack from the pool carries the pages of its earlier tenants. So its memory is given back after
// each of them: the next one's pages are then its own. That costs a system call or two and the
// page faults of the next tenant (spawn and join: 4.3 us instead of 0.07, g++ 12 -O2, Linux 6.18);
// a loop that does not measure pays one branch.
#pragma once

#include <cstddef>
#include <map>
#include <utility>

#include "../stack/touched_pages.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/stack.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class stack_marks {
 public:
  struct mark {
    std::size_t deepest = 0;
    std::size_t stack_bytes = 0;
    std::size_t tenants = 0;
  };

  // Measures a stack on which nothing runs any more, and gives its memory back.
  void note(const spawn_site& site, const stack& s) noexcept;

  // Calls f(site, mark) for each site that a tenant has left.
  template <class F>
  void for_each(F&& f) const {
    for (const auto& [where, found] : sites_) {
      f(spawn_site{where.first, where.second}, found);
    }
  }

  // Tenants that no memory was left to count.
  std::size_t lost() const noexcept { return lost_; }

  touched_pages pages;

 private:
  using key = std::pair<const void*, unsigned>;
  std::map<key, mark> sites_;
  std::size_t lost_ = 0;
};

}  // namespace detail
WEFT_NAMESPACE_END

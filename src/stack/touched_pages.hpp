// SPDX-License-Identifier: BSL-1.0
// Tells how deep a stack was ever used, by the pages that the kernel had to give it.
// Layer: stack. Called by the loop's stack_marks and by debug::stack_report().
//
// Some facts. A page of anonymous memory is absent until it is touched, and absent again after
// MADV_DONTNEED. /proc/self/pagemap tells of each page whether it is present or swapped out, to an
// unprivileged process about itself too, but needs /proc, a free descriptor, and a process that
// its user may look into (PR_SET_DUMPABLE). mincore() needs nothing, and is right about anonymous
// memory but for pages that were swapped out: it takes them for absent.
//
// What this means here. pagemap, else mincore. No pattern is painted, which would commit the memory
// that it is to measure, and would overlook a page that was written with the pattern's own value.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/stack.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class touched_pages {
 public:
  touched_pages() noexcept;
  ~touched_pages();
  touched_pages(const touched_pages&) = delete;
  touched_pages& operator=(const touched_pages&) = delete;

  // Bytes from the stack's top to the low end of its deepest touched page: never less than were
  // used since its pages were last given back, and at most a page more.
  std::size_t deepest_use(const stack& s) noexcept;

  // The same for a stack that is not the pool's, and may be endless: [bottom, top), in use down to
  // `present`. Looks on downwards until a MiB was never touched.
  std::size_t deepest_use(const char* bottom, const char* present, const char* top) noexcept;

 private:
  // The lowest touched page of [low, high), `high` if none is; low is a page's begin.
  const char* lowest_touched(const char* low, const char* high) noexcept;
  std::size_t look(const char* low, std::size_t pages) noexcept;

  static constexpr std::size_t pages_per_look = 64;  // 256 KiB, in 512 bytes of a frame
  long pagemap_ = -1;                                // a descriptor, or none
  std::uint64_t entries_[pages_per_look] = {};
};

}  // namespace detail
WEFT_NAMESPACE_END

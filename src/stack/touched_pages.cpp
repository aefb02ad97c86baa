// SPDX-License-Identifier: BSL-1.0
// See touched_pages.hpp.
#include "touched_pages.hpp"

#include <fcntl.h>

#include <algorithm>

#include "../base/page_bytes.hpp"
#include "../base/syscalls.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// Source: Documentation/admin-guide/mm/pagemap.rst
constexpr std::uint64_t is_present = std::uint64_t{1} << 63;
constexpr std::uint64_t is_swapped = std::uint64_t{1} << 62;

std::size_t page_of(const char* address) noexcept {
  return reinterpret_cast<std::uintptr_t>(address) / page_bytes();
}

const char* begin_of_page(const char* address) noexcept {
  return address - reinterpret_cast<std::uintptr_t>(address) % page_bytes();
}

std::size_t distance(const char* low, const char* high) noexcept {
  return static_cast<std::size_t>(high - low);
}

}  // namespace

touched_pages::touched_pages() noexcept
    : pagemap_(raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}

touched_pages::~touched_pages() {
  if (pagemap_ >= 0) raw_syscall(SYS_close, pagemap_);
}

// The index of the first touched one of so many pages; `pages` if none is.
std::size_t touched_pages::look(const char* low, std::size_t pages) noexcept {
  const std::size_t bytes = pages * sizeof entries_[0];
  const std::size_t offset = page_of(low) * sizeof entries_[0];
  if (pagemap_ >= 0 &&
      raw_syscall(SYS_pread64, pagemap_, entries_, bytes, offset) == static_cast<long>(bytes)) {
    const auto* const found = std::find_if(entries_, entries_ + pages, [](std::uint64_t entry) {
      return (entry & (is_present | is_swapped)) != 0;
    });
    return static_cast<std::size_t>(found - entries_);
  }
  auto* const residency = reinterpret_cast<unsigned char*>(entries_);
  if (raw_syscall(SYS_mincore, low, pages * page_bytes(), residency) != 0) return pages;  // a hole
  const auto* const found =
      std::find_if(residency, residency + pages, [](unsigned char one) { return (one & 1) != 0; });
  return static_cast<std::size_t>(found - residency);
}

const char* touched_pages::lowest_touched(const char* low, const char* high) noexcept {
  while (low < high) {
    const std::size_t left = (distance(low, high) + page_bytes() - 1) / page_bytes();
    const std::size_t pages = std::min(left, pages_per_look);
    const std::size_t found = look(low, pages);
    if (found != pages) return low + found * page_bytes();
    low += pages * page_bytes();
  }
  return high;
}

std::size_t touched_pages::deepest_use(const stack& s) noexcept {
  // The canary's page was touched by weft itself.
  const char* const low = s.guard == guard_kind::none ? s.limit + page_bytes() : s.limit;
  const char* const lowest = lowest_touched(low, s.top);
  return distance(lowest, s.top);
}

std::size_t touched_pages::deepest_use(const char* bottom, const char* present,
                                       const char* top) noexcept {
  constexpr std::size_t gap = 1024 * 1024;
  const char* lowest = begin_of_page(present);
  for (const char* high = lowest; high > bottom;) {
    const char* const low = distance(bottom, high) > gap ? high - gap : begin_of_page(bottom);
    const char* const found = lowest_touched(low, high);
    if (found == high) break;
    lowest = found;
    high = low;
  }
  return distance(lowest, top);
}

}  // namespace detail
WEFT_NAMESPACE_END

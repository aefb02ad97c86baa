// SPDX-License-Identifier: BSL-1.0
// Counts what goes through operator new in this program: one increment each, the same for everybody.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace cost {
namespace {
// Relaxed, and not in one piece: one thread measures, and others' increments may be lost.
std::atomic<std::uint64_t> count{0};
}  // namespace
std::uint64_t allocations_so_far() { return count.load(std::memory_order_relaxed); }
}  // namespace cost

void* operator new(std::size_t bytes) {
  cost::count.store(cost::count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (void* const block = std::malloc(bytes == 0 ? 1 : bytes)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

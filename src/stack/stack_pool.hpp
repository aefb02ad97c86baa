// SPDX-License-Identifier: BSL-1.0
// A loop's stacks: large slabs, cut into guarded stacks on demand, reused last in first out.
// Layer: stack. Owned by one loop, used on its thread; knows nothing of fibers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/stack.hpp"
#include "weft/stack_source.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class stack_pool {
 public:
  // `cached`: idle stacks per size whose memory is kept for good (of a size above the default: as
  // much memory as that); those beyond it are given back when nobody wanted them for `linger`, at
  // the latest after twice as long; larger ones soon.
  stack_pool(stack_source* source, std::size_t default_bytes, std::size_t cached,
             duration linger = duration::zero());
  ~stack_pool();  // every stack must have been released
  stack_pool(const stack_pool&) = delete;
  stack_pool& operator=(const stack_pool&) = delete;

  // The index of a size of at least `bytes` (0: the default size, index 0).
  // Throws: std::logic_error for a size that no stack may have, std::bad_alloc.
  std::uint32_t class_for(std::size_t bytes);

  // A stack of that size, or nullptr if memory or mappings are used up.
  stack* acquire(std::uint32_t index) noexcept {
    size_class& c = classes_[index];
    stack* const s = c.warm;
    if (WEFT_UNLIKELY(s == nullptr || is_instrumented_ || s->guard == guard_kind::none)) {
      return acquire_slowly(index);
    }
    c.warm = s->next;
    --c.warm_count;
    return s;
  }

  // Takes back a stack if no more is to be done than to note it: true. The caller may still stand
  // on it until somebody acquires one.
  bool keep_warm(stack& s, std::uint32_t index) noexcept {
    size_class& c = classes_[index];
    if (WEFT_UNLIKELY(c.warm_count >= c.cached)) return false;
    s.next = c.warm;
    c.warm = &s;
    ++c.warm_count;
    return true;
  }

  // Takes back a stack on which nothing runs any more.
  void release(stack& s, std::uint32_t index) noexcept;

  // Gives memory back to the kernel: of stacks that have lingered long enough, a few at a time; if
  // the loop has nothing else to do, also of those that wait for no more than a system call that
  // they share. Called at each turn of the loop.
  void tidy(time_point now, bool is_idle) noexcept {
    if (WEFT_UNLIKELY(leaving_count_ != 0)) tidy_now(now, is_idle);
  }
  // How long tidy() has nothing to do if nobody asks for a stack meanwhile.
  duration untidy_in(time_point now) const noexcept;

  struct usage {
    std::size_t in_use = 0;
    std::size_t idle = 0;            // whose memory is kept, for good or for a while
    std::size_t reserved_bytes = 0;  // address space, guards included
  };
  usage measure() const noexcept;

  std::size_t usable_bytes(std::uint32_t index) const noexcept { return classes_[index].usable; }

 private:
  struct idle_list {  // last in first out
    stack* first = nullptr;
    std::size_t count = 0;
    void push(stack& s) noexcept {
      s.next = first;
      first = &s;
      ++count;
    }
    stack* pop() noexcept {
      stack* const s = first;
      if (s != nullptr) {
        first = s->next;
        --count;
      }
      return s;
    }
  };

  struct size_class {
    std::size_t usable = 0;  // bytes between guard and (unstaggered) top
    stack* warm = nullptr;   // idle, memory kept; last in first out
    std::size_t warm_count = 0;
    std::size_t cached = 0;  // of which so many at most
    idle_list young;         // idle, memory to be given back
    idle_list old;           // of them, those that nobody wanted for `linger`
    stack_slab* slabs = nullptr;
    std::size_t next_count = 16;  // stacks of the next slab: doubles, so mappings stay few
  };

  stack* acquire_slowly(std::uint32_t index) noexcept;
  stack* cut(size_class& c) noexcept;
  stack_slab* add_slab(size_class& c) noexcept;
  void guard_ahead(const size_class& c, stack_slab& slab) noexcept;
  void drop_slab(size_class& c, stack_slab& slab) noexcept;
  static std::size_t max_leaving(const size_class& c) noexcept;
  bool lingers(const size_class& c) const noexcept;
  void forget_idle(idle_list& list, const stack_slab& slab) noexcept;
  void give_back(size_class& c, idle_list& list) noexcept;
  void tidy_now(time_point now, bool is_idle) noexcept;

  stack_source* source_;
  std::size_t cached_;
  bool is_instrumented_;
  duration linger_;
  time_point aging_at_ = time_point::min();  // when young ones become old; min(): nobody waits
  std::size_t leaving_count_ = 0;            // young and old ones of all sizes
  std::vector<size_class> classes_;
};

// The smallest stack: what code needs, and what the kernel pushes for a signal (AVX-512 state is
// up to 11 KiB). Source: sysconf(_SC_MINSIGSTKSZ), getauxval(AT_MINSIGSTKSZ).
std::size_t minimum_stack_bytes() noexcept;

}  // namespace detail
WEFT_NAMESPACE_END

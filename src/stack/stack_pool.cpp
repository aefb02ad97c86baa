// SPDX-License-Identifier: BSL-1.0
// Slabs and the free lists over them.
//
//   one slab:  | guard | stack 0 ...^ | guard | stack 1 ...^ | ...      ^ top, staggered
//
// Tops are staggered by up to 32 cache lines: tops at equal offsets alias in L1 and L2 (a switch
// among 100,000 fibers took 23 ns aligned, 13 staggered); 60 lines would cost a second page each.
#include "stack_pool.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

#include "../base/page_bytes.hpp"
#include "../base/sanitizers.hpp"
#include "../base/syscalls.hpp"
#include "bulk_advice.hpp"
#include "guard.hpp"
#include "map_source.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// One mapping and the descriptors of its stacks, which lie behind this header.
struct stack_slab {
  stack_slab* next = nullptr;
  stack_slab* prev = nullptr;
  char* base = nullptr;
  std::size_t bytes = 0;
  std::size_t count = 0;  // stacks it has room for
  std::size_t cut = 0;    // of which so many were ever used
  std::size_t guarded =
      0;  // and so many have guards already; less than cut if those came one by one
  std::size_t in_use = 0;   // bound or idle, memory kept
  std::size_t leaving = 0;  // of which so many are young or old ones of the pool's lists
  stack* cold = nullptr;    // idle, memory given back

  stack* stacks() noexcept { return reinterpret_cast<stack*>(this + 1); }
};
static_assert(alignof(stack) <= alignof(stack_slab));

namespace {

constexpr std::size_t cache_line = 64;
constexpr std::size_t stagger_lines = 32;
constexpr std::size_t max_slab_count = 4096;
constexpr std::size_t max_slab_bytes = std::size_t{2} << 30;
constexpr std::size_t max_leaving_bytes = std::size_t{8} << 20;
constexpr std::size_t max_stack_bytes = std::size_t{64} << 30;

std::size_t round_up(std::size_t value, std::size_t unit) noexcept {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

std::size_t minimum_stack_bytes() noexcept {
#ifdef _SC_MINSIGSTKSZ
  const long signal_frame = sysconf(_SC_MINSIGSTKSZ);
#else
  const long signal_frame = -1;
#endif
  const std::size_t frame = signal_frame > 0 ? static_cast<std::size_t>(signal_frame) : 12 * 1024;
  return round_up(16 * 1024 + frame, page_bytes());
}

stack_pool::stack_pool(stack_source* source, std::size_t default_bytes, std::size_t cached,
                       duration linger)
    : source_(source != nullptr ? source : &the_map_source()),
      cached_(cached),
      is_instrumented_(has_address_sanitizer() || has_thread_sanitizer()),
      linger_(linger) {
  if (linger < duration::zero()) {
    misuse("options::stack_linger is negative (" + std::to_string(linger.count()) +
           " ns): it is how long idle stacks keep their memory, 0 for as short as can be");
  }
  class_for(std::max(default_bytes, std::size_t{1}));
}

stack_pool::~stack_pool() {
  for (size_class& c : classes_) {
    while (c.warm != nullptr) {
      stack* const s = c.warm;
      c.warm = s->next;
      --s->slab->in_use;
    }
    c.young = c.old = {};
    while (c.slabs != nullptr) {
      WEFT_ASSERT(c.slabs->in_use == c.slabs->leaving);
      drop_slab(c, *c.slabs);
    }
  }
}

std::uint32_t stack_pool::class_for(std::size_t bytes) {
  if (bytes == 0) return 0;
  if (bytes > max_stack_bytes) {
    misuse("stack_bytes " + std::to_string(bytes) +
           " is more than the 64 GiB that a stack may "
           "have; give a size in bytes, e.g. 256 * 1024");
  }
  std::size_t usable = round_up(std::max(bytes, minimum_stack_bytes()), page_bytes());
  if (!classes_.empty()) {  // odd sizes share classes; the default keeps its exact size
    if (usable == classes_.front().usable) return 0;
    std::size_t rounded = page_bytes();
    while (rounded < usable) rounded *= 2;
    usable = rounded;
  }
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    if (classes_[i].usable == usable) return static_cast<std::uint32_t>(i);
  }
  size_class fresh;
  fresh.usable = usable;
  fresh.cached = cached_;
  if (!classes_.empty() && usable > classes_.front().usable && cached_ != 0) {
    // As much memory as for stacks of the default size, not as many stacks: with_stack() would
    // leave 8 GiB behind in a thousand stacks of 8 MiB.
    fresh.cached = std::max<std::size_t>(1, cached_ / (usable / classes_.front().usable));
  }
  classes_.push_back(fresh);
  return static_cast<std::uint32_t>(classes_.size() - 1);
}

stack* stack_pool::acquire_slowly(std::uint32_t index) noexcept {
  size_class& c = classes_[index];
  stack* s = c.warm;
  if (s != nullptr) {
    c.warm = s->next;
    --c.warm_count;
  } else {
    s = c.young.pop();
    if (s == nullptr) s = c.old.pop();
    if (s != nullptr) {
      --leaving_count_;
      --s->slab->leaving;
    } else {
      s = cut(c);
      if (s == nullptr) return nullptr;
      ++s->slab->in_use;
    }
  }
  s->next = nullptr;
  if (s->guard == guard_kind::none) write_canary(*s);
  if (has_address_sanitizer()) {
    // A fiber that was left by an exception or abandoned leaves poison behind (HAZARD H31).
    __asan_unpoison_memory_region(s->limit, s->usable_bytes());
  }
  if (has_thread_sanitizer() && s->tsan_fiber == nullptr) s->tsan_fiber = __tsan_create_fiber(0);
  return s;
}

// A cold stack, or one that was never used, or one of a new slab.
stack* stack_pool::cut(size_class& c) noexcept {
  stack_slab* from = c.slabs;
  while (from != nullptr && from->cold == nullptr && from->cut == from->count) from = from->next;
  if (from == nullptr) from = add_slab(c);
  if (from == nullptr) return nullptr;
  if (from != c.slabs) {  // keep the one with room in front
    from->prev->next = from->next;
    if (from->next != nullptr) from->next->prev = from->prev;
    from->prev = nullptr;
    from->next = c.slabs;
    c.slabs->prev = from;
    c.slabs = from;
  }
  if (from->cold != nullptr) {
    stack* const s = from->cold;
    from->cold = s->next;
    return s;
  }
  if (from->cut >= from->guarded) guard_ahead(c, *from);
  const std::size_t index = from->cut++;
  char* const low = from->base + index * (c.usable + guard_bytes);
  stack* const s = ::new (static_cast<void*>(from->stacks() + index)) stack;
  s->slab = from;
  s->limit = low + guard_bytes;
  s->top = s->limit + c.usable - (index % stagger_lines) * cache_line;
  s->guard = index < from->guarded ? guard_kind::install : install_guard(low);
  s->guard_bytes = guard_bytes;
  s->valgrind_id = VALGRIND_STACK_REGISTER(s->limit, s->top);
  return s;
}

// The guards of as many as were used before, so that their page tables exist for few that never
// will be.
void stack_pool::guard_ahead(const size_class& c, stack_slab& slab) noexcept {
  const std::size_t ahead = std::min({slab.cut, slab.count - slab.cut, max_areas});
  if (ahead < 2) return;
  const std::size_t stride = c.usable + guard_bytes;
  if (install_guards(slab.base + slab.cut * stride, stride, ahead)) slab.guarded = slab.cut + ahead;
}

stack_slab* stack_pool::add_slab(size_class& c) noexcept {
  const std::size_t stride = c.usable + guard_bytes;
  std::size_t count = std::min({c.next_count, max_slab_count, max_slab_bytes / stride + 1});
  for (; count > 0; count /= 2) {
    void* const memory = std::malloc(sizeof(stack_slab) + count * sizeof(stack));
    if (memory == nullptr) continue;
    void* const base = source_->map(count * stride);
    if (base == nullptr) {
      std::free(memory);
      continue;
    }
    // A huge page would commit 2 MiB for the first frame of every stack.
    raw_syscall(SYS_madvise, base, count * stride, MADV_NOHUGEPAGE);
    stack_slab* const slab = ::new (memory) stack_slab;
    slab->base = static_cast<char*>(base);
    slab->bytes = count * stride;
    slab->count = count;
    slab->next = c.slabs;
    if (c.slabs != nullptr) c.slabs->prev = slab;
    c.slabs = slab;
    c.next_count = count * 2;
    return slab;
  }
  return nullptr;
}

void stack_pool::drop_slab(size_class& c, stack_slab& slab) noexcept {
  for (std::size_t i = 0; i < slab.cut; ++i) {
    const stack& s = slab.stacks()[i];
    VALGRIND_STACK_DEREGISTER(s.valgrind_id);
    // Our own mapping takes its guards along when it goes.
    if (source_ != &the_map_source()) remove_guard(s.limit - guard_bytes, s.guard);
    forget_guard(s.guard);
    if (s.tsan_fiber != nullptr) __tsan_destroy_fiber(s.tsan_fiber);
  }
  for (std::size_t i = slab.cut; i < slab.guarded && source_ != &the_map_source(); ++i) {
    remove_guard(slab.base + i * (c.usable + guard_bytes), guard_kind::install);
  }
  if (slab.leaving != 0) {
    forget_idle(c.young, slab);
    forget_idle(c.old, slab);
  }
  if (has_address_sanitizer()) __asan_unpoison_memory_region(slab.base, slab.bytes);
  (slab.prev != nullptr ? slab.prev->next : c.slabs) = slab.next;
  if (slab.next != nullptr) slab.next->prev = slab.prev;
  c.next_count = std::max<std::size_t>(16, c.next_count / 2);
  source_->unmap(slab.base, slab.bytes);
  std::free(&slab);
}

void stack_pool::forget_idle(idle_list& list, const stack_slab& slab) noexcept {
  for (stack** link = &list.first; *link != nullptr;) {
    if ((*link)->slab != &slab) {
      link = &(*link)->next;
      continue;
    }
    *link = (*link)->next;
    --list.count;
    --leaving_count_;
  }
}

void stack_pool::release(stack& s, std::uint32_t index) noexcept {
  size_class& c = classes_[index];
  if (keep_warm(s, index)) return;
  stack_slab& slab = *s.slab;
  if (!lingers(c) && slab.leaving + 1 == slab.in_use) {
    drop_slab(c, slab);
    return;
  }
  ++slab.leaving;
  ++leaving_count_;
  c.young.push(s);
  if (!lingers(c) && c.young.count >= max_leaving(c)) give_back(c, c.young);
}

// Large ones go at once: what they may hold is what counts.
std::size_t stack_pool::max_leaving(const size_class& c) noexcept {
  return std::clamp<std::size_t>(max_leaving_bytes / c.usable, 1, max_areas);
}

bool stack_pool::lingers(const size_class& c) const noexcept {
  return linger_ > duration::zero() && c.usable <= classes_.front().usable;
}

// Of so many as share a system call, and the mappings of slabs that are empty then.
void stack_pool::give_back(size_class& c, idle_list& list) noexcept {
  iovec areas[max_areas];
  stack_slab* empty[max_areas];
  std::size_t area_count = 0;
  std::size_t empty_count = 0;
  idle_list going;
  while (going.count < max_areas && list.first != nullptr) {
    stack* const s = list.pop();
    going.push(*s);
    --s->slab->leaving;
    if (--s->slab->in_use == 0) empty[empty_count++] = s->slab;
  }
  leaving_count_ -= going.count;
  while (stack* const s = going.pop()) {
    if (s->slab->in_use == 0) continue;
    areas[area_count++] = {s->limit, c.usable};
    s->next = s->slab->cold;
    s->slab->cold = s;
  }
  for (std::size_t i = 0; i < empty_count; ++i) drop_slab(c, *empty[i]);
  if (area_count > 1 && advise_all(areas, area_count, MADV_DONTNEED)) return;
  for (std::size_t i = 0; i < area_count; ++i) {
    raw_syscall(SYS_madvise, areas[i].iov_base, areas[i].iov_len, MADV_DONTNEED);
  }
}

// Two ages instead of a time for each: one that has become old was not wanted for `linger` at
// least.
WEFT_NOINLINE void stack_pool::tidy_now(time_point now, bool is_idle) noexcept {
  bool is_waiting = false;
  bool has_old = false;
  for (size_class& c : classes_) {
    if (!lingers(c)) {
      while (is_idle && c.young.count != 0) give_back(c, c.young);
      continue;
    }
    if (c.old.count != 0) give_back(c, c.old);
    has_old |= c.old.count != 0;
    is_waiting |= c.young.count != 0;
  }
  if (has_old) return;
  if (!is_waiting) {
    aging_at_ = time_point::min();
  } else if (aging_at_ == time_point::min()) {
    aging_at_ = saturating_add(now, linger_);
  } else if (now >= aging_at_) {
    for (size_class& c : classes_) {
      if (lingers(c)) std::swap(c.young, c.old);
    }
    aging_at_ = saturating_add(now, linger_);
  }
}

duration stack_pool::untidy_in(time_point now) const noexcept {
  if (leaving_count_ == 0) return duration::max();
  for (const size_class& c : classes_) {
    if (c.old.count != 0) return duration::zero();
  }
  return saturating_gap(now, aging_at_);
}

stack_pool::usage stack_pool::measure() const noexcept {
  usage all;
  for (const size_class& c : classes_) {
    const std::size_t idle = c.warm_count + c.young.count + c.old.count;
    all.idle += idle;
    for (const stack_slab* slab = c.slabs; slab != nullptr; slab = slab->next) {
      all.in_use += slab->in_use;  // the idle ones included
      all.reserved_bytes += slab->bytes;
    }
    all.in_use -= idle;
  }
  return all;
}

}  // namespace detail
WEFT_NAMESPACE_END

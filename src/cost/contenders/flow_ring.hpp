// SPDX-License-Identifier: BSL-1.0
// Bare contexts on stacks of one mapping, linked to a ring: what a switch costs by itself, without
// a scheduler. The same for raw fcontext and for weft's context layer; `Flow` is the side's context
// with a `next` and the functions begin(top, bytes, body) and hop(to). Flows never end: their
// stacks own nothing and are unmapped under them.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "side.hpp"
#include "spin.hpp"

namespace cost {

// As weft places them: staggered tops, because equal offsets in a page compete for the same sets of
// the caches; never huge pages, of which each would hold 32 stacks and commit them all.
class stack_block {
 public:
  static constexpr std::size_t stack_bytes = 64 * 1024;

  explicit stack_block(std::size_t stacks) : bytes_(stacks * stack_bytes) {
    if (stacks == 0) return;
    void* const memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<char*>(memory);
    ::madvise(base_, bytes_, MADV_NOHUGEPAGE);
  }
  ~stack_block() {
    if (base_ != nullptr) ::munmap(base_, bytes_);
  }
  stack_block(const stack_block&) = delete;
  stack_block& operator=(const stack_block&) = delete;

  char* top(std::size_t i) const noexcept { return base_ + (i + 1) * stack_bytes - (i % 32) * 64; }
  static std::size_t bytes(std::size_t i) noexcept { return stack_bytes - (i % 32) * 64; }

 private:
  char* base_ = nullptr;
  std::size_t bytes_;
};

// Gives the running flow sticky flags of its own. fcontext saves and loads them at each switch.
inline void raise_flags([[maybe_unused]] unsigned sticky) noexcept {
#if defined(__x86_64__)
  _mm_setcsr((_mm_getcsr() & ~0x3fU) | sticky);
#endif
}

// `to` is a copy of self->next: looking it up anew for each switch would lengthen the chain of
// loads from one stack pointer to the next, which no side is to blame for.
template <class Flow>
struct flow_leaf {
  Flow* self;
  Flow* to;
  void operator()() const noexcept {
    // Every ring of fibers can look one ahead, and a parked stack is cold. Both lines of a frame:
    // with the first alone, 100,000 contexts took 137 ns a switch, with both 50 (EPYC).
    const char* const after = static_cast<const char*>(to->next->stack_pointer());
    __builtin_prefetch(after);
    __builtin_prefetch(after + 64);
    self->hop(*to);
  }
};

template <class Flow>
class flow_ring final : public contender {
 public:
  using leaf = flow_leaf<Flow>;

  // The driver and count - 1 others, with `calls_above` calls between their loop and the switch.
  flow_ring(std::size_t count, int calls_above, bool is_mixed, sticky_flags flags)
      : flow_ring(count) {
    spin_ = spinner_of<leaf>(0, calls_above);
    for (std::size_t i = 0; i < count; ++i) {
      flows_[i].spin = spinner_of<leaf>(is_mixed && i % 2 == 1 ? 1 : 0, calls_above);
      flows_[i].sticky = flags == sticky_flags::differing && i % 2 == 1 ? 0x3f : 0x20;
    }
    begin();
  }

  // The driver and one other that makes a chain of calls for each switch.
  explicit flow_ring(const chain_shape& shape) : flow_ring(2) {
    spin_ = spinner_of<leaf>(0, 0);
    flows_[1].chain = shape;
    per_lap_ = 1;  // an operation is a whole chain
    begin();
  }

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, per_lap_);
    laps_.left = laps;
    raise_flags(0x20);
    spin_(laps_, true, leaf{&flows_[0], flows_[0].next});
    return laps * per_lap_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    return count_steps(laps_, [&] { run(operations); });
  }

 private:
  struct member : Flow {
    spinner<leaf> spin = nullptr;
    unsigned sticky = 0x20;
    chain_shape chain{0};
    lap_count* laps = nullptr;
  };

  explicit flow_ring(std::size_t count)
      : count_(count), per_lap_(count), stacks_(count - 1), flows_(new member[count]) {
    for (std::size_t i = 0; i < count; ++i) {
      flows_[i].next = &flows_[(i + 1) % count];
      flows_[i].laps = &laps_;
    }
  }

  void begin() {
    for (std::size_t i = 1; i < count_; ++i) {
      flows_[i].begin(stacks_.top(i - 1), stack_block::bytes(i - 1), &body);
    }
  }

  static void body(Flow& running) {
    member& self = static_cast<member&>(running);
    raise_flags(self.sticky);
    for (;;) {
      if (self.chain.depth != 0) {
        dive_forever(*self.laps, self.chain, leaf{&self, self.next});
      } else {
        self.spin(*self.laps, false, leaf{&self, self.next});
      }
    }
  }

  lap_count laps_;
  std::size_t count_;
  std::uint64_t per_lap_;
  stack_block stacks_;
  std::unique_ptr<member[]> flows_;
  spinner<leaf> spin_ = nullptr;
};

}  // namespace cost

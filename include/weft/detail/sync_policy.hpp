// SPDX-License-Identifier: BSL-1.0
// Who shares a primitive: any threads and loops, or the fibers of one loop. Every primitive is
// written once and takes one of these. Layer: sync.
#pragma once

#include <atomic>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/spin_lock.hpp"
#include "weft/detail/wait_type.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// std::atomic's interface, as far as primitives use it, for a word that one thread has for itself.
template <class T>
class plain_word {
 public:
  constexpr plain_word(T value) noexcept : value_(value) {}  // implicit, as std::atomic's
  plain_word(const plain_word&) = delete;
  plain_word& operator=(const plain_word&) = delete;
  WEFT_INLINE T load(std::memory_order = {}) const noexcept { return value_; }
  WEFT_INLINE void store(T value, std::memory_order = {}) noexcept { value_ = value; }
  WEFT_INLINE bool compare_exchange_strong(T& expected, T wanted, std::memory_order,
                                           std::memory_order) noexcept {
    if (value_ != expected) {
      expected = value_;
      return false;
    }
    value_ = wanted;
    return true;
  }
  WEFT_INLINE bool compare_exchange_weak(T& expected, T wanted, std::memory_order a,
                                         std::memory_order b) noexcept {
    return compare_exchange_strong(expected, wanted, a, b);
  }

 private:
  T value_;
};

// Between loops and plain threads. Exported, as an instantiation is only if its arguments are.
struct WEFT_API any_thread {
  static constexpr bool is_local = false;
  using lock = spin_lock;
  template <class T>
  using word = std::atomic<T>;
  static constexpr ended_by by = ended_by::threads;
};

// Between fibers of one loop: no atomic operation.
struct WEFT_API one_loop {
  static constexpr bool is_local = true;
  using lock = no_lock;
  template <class T>
  using word = plain_word<T>;
  static constexpr ended_by by = ended_by::fibers;
};

}  // namespace detail
WEFT_NAMESPACE_END

// SPDX-License-Identifier: BSL-1.0
// One `cancelled` on its way from the wait that threw it to the scope that takes it. Layer: base.
// When its last copy dies before it has arrived, somebody's catch clause swallowed it; the frame
// that did is then on the stack, and, if asked for, kept.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct delivery {
  static constexpr std::size_t most_frames = 6;

  std::atomic<unsigned> references{1};    // the fiber's, and one for every copy
  std::atomic<unsigned> copies{0};        // of the exception
  std::atomic<bool> has_arrived{false};   // where it belongs: it may die now
  std::atomic<bool> is_swallowed{false};  // release after `frames` are written
  unsigned frame_count = 0;
  void* frames[most_frames] = {};  // of whoever swallowed it, innermost first; WEFT_DEBUG=1 only

  void drop_ref() noexcept {
    // acq_rel: the last one destroys what the others wrote
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
};

// The last copy of an exception died, in a destructor that returns to `caller`.
WEFT_API void note_swallowed(delivery& lost, const void* caller) noexcept;

// The fiber's share.
class delivery_ref {
 public:
  delivery_ref() noexcept = default;
  explicit delivery_ref(delivery* taken_over) noexcept : to_(taken_over) {}
  delivery_ref(delivery_ref&& other) noexcept : to_(std::exchange(other.to_, nullptr)) {}
  delivery_ref& operator=(delivery_ref&& other) noexcept {
    std::swap(to_, other.to_);
    return *this;
  }
  ~delivery_ref() {
    if (to_ != nullptr) to_->drop_ref();
  }
  delivery* get() const noexcept { return to_; }

 private:
  delivery* to_ = nullptr;
};

}  // namespace detail
WEFT_NAMESPACE_END

// SPDX-License-Identifier: BSL-1.0
// The memory of fiber records: chunks that are reused, last in first out, and can be walked.
// Layer: fiber. Owned by the loop's shared side, because handles may outlive the loop; used on
// the loop's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class record_pool {
 public:
  // A blank record turned fresh. Throws: std::bad_alloc.
  fiber& take();

  // Takes a record back; its members are reset here.
  void give(fiber& record) noexcept;

  std::size_t in_use() const noexcept { return in_use_; }

  // Calls f(record) for every record that is not blank.
  template <class F>
  void for_each(F&& f) {
    for (chunk& c : chunks_) {
      for (std::size_t i = 0; i < c.count; ++i) {
        if (c.records[i].state != fiber_state::blank) f(c.records[i]);
      }
    }
  }

 private:
  struct chunk {
    std::unique_ptr<fiber[]> records;
    std::size_t count;
  };
  std::vector<chunk> chunks_;
  fiber* free_ = nullptr;  // linked through payload
  std::size_t in_use_ = 0;
};

// Makes a used record as good as new, without a callable, name or error.
void reset_record(fiber& record) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END

// SPDX-License-Identifier: BSL-1.0
// The memory of fiber records: chunks that can be walked. Layer: fiber. Owned by the loop's shared
// side, because handles may outlive the loop; used on the loop's thread. The list of those that are
// free is the loop's own: loop_core::free_records.
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
  // Makes more records; returns the first of a list of blank ones, linked through payload, that
  // ends with `last`.  Throws: std::bad_alloc.
  fiber* add_chunk(loop_core* home, shared_side* shared, fiber* last);

  // How many it makes next, and how many there are.
  std::size_t next_chunk() const noexcept;
  std::size_t capacity() const noexcept { return capacity_; }

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
  std::size_t capacity_ = 0;
};

}  // namespace detail
WEFT_NAMESPACE_END

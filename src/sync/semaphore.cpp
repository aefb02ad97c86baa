// SPDX-License-Identifier: BSL-1.0
// What is said to who releases too much: see semaphore.hpp.
#include "weft/semaphore.hpp"

#include <string>

WEFT_NAMESPACE_BEGIN
namespace detail {

void misuse_of_release(std::size_t k, std::size_t free, std::size_t most) {
  misuse("semaphore::release(" + std::to_string(k) + ") came while " + std::to_string(free) +
         " of at most " + std::to_string(most) +
         " permits were free: release only what was acquired");
}

}  // namespace detail
WEFT_NAMESPACE_END

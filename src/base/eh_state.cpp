// SPDX-License-Identifier: BSL-1.0
// Where the C++ runtime keeps this thread's exception state.
#include "weft/detail/eh_state.hpp"

#include <cxxabi.h>

WEFT_NAMESPACE_BEGIN
namespace detail {

static_assert(sizeof(eh_state) == 2 * sizeof(void*));

eh_state* thread_eh_state() noexcept {
  return reinterpret_cast<eh_state*>(abi::__cxa_get_globals());
}

}  // namespace detail
WEFT_NAMESPACE_END

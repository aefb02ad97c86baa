// SPDX-License-Identifier: BSL-1.0
// What channels throw: see channel.hpp.
#include "weft/channel.hpp"

#include <string>

WEFT_NAMESPACE_BEGIN
namespace detail {

void throw_channel_closed() { throw closed_error("weft: send on a closed channel"); }

void misuse_of_local(const char* what) {
  misuse(
      std::string(what) +
      " would wait for ever on a thread without a loop: nobody else may touch it. Use the one of "
      "namespace weft, which is safe between threads");
}

}  // namespace detail
WEFT_NAMESPACE_END

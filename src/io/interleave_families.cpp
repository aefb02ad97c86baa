// SPDX-License-Identifier: BSL-1.0
// Alternates the families of addresses: see interleave_families.hpp.
#include "interleave_families.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

WEFT_NAMESPACE_BEGIN
namespace detail {

std::vector<endpoint> interleave_families(std::vector<endpoint> addresses) {
  if (addresses.empty()) return addresses;
  const address_family first = addresses.front().family();
  const auto others =
      std::stable_partition(addresses.begin(), addresses.end(),
                            [first](const endpoint& one) { return one.family() == first; });
  std::vector<endpoint> ordered;
  ordered.reserve(addresses.size());
  auto a = addresses.begin();
  auto b = others;
  while (a != others || b != addresses.end()) {
    if (a != others) ordered.push_back(*a++);
    if (b != addresses.end()) ordered.push_back(*b++);
  }
  return ordered;
}

}  // namespace detail
WEFT_NAMESPACE_END

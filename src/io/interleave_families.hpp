// SPDX-License-Identifier: BSL-1.0
// The order in which to try the addresses of a host. Called by whoever connects to several of them.
#pragma once

#include <vector>

#include "weft/detail/config.hpp"
#include "weft/endpoint.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Alternates families, so that one that is broken costs one attempt and not all of its addresses.
// The family of the first stays first, and addresses of one family keep their order.
// Source: RFC 8305, section 4, with a First Address Family Count of 1.
std::vector<endpoint> interleave_families(std::vector<endpoint> addresses);

}  // namespace detail
WEFT_NAMESPACE_END

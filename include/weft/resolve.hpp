// SPDX-License-Identifier: BSL-1.0
// Looks up the addresses of a host by name. Layer: io. getaddrinfo(3), which blocks, runs on a
// thread of the pool (to_thread.hpp): up to 40 look-ups at once, and others wait their turn.
#pragma once

#include <string_view>
#include <system_error>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/endpoint.hpp"

WEFT_NAMESPACE_BEGIN

struct resolve_options {
  address_family family = address_family::unspecified;  // only this one; unspecified: IPv4 and IPv6
  bool passive = false;  // addresses to listen on: an empty host means all interfaces
};

// Looks up `host` and `service` and returns at least one endpoint, in the order in which they are
// to be tried (RFC 6724), none of them twice. The host is a name, an address, or empty: this
// machine, by its loopback addresses. The service is a port's number, a name as in /etc/services,
// or empty: port 0. An address with a number is read right here: no thread, no wait. Look-ups are
// not cached. A cancel throws at once. A look-up that has begun runs on and keeps its thread until
// it is over. Parks: may.  Calls from: fiber, any thread, which it blocks. Throws: cancelled;
// std::logic_error for options.family local; std::system_error that names host and service, its
// code one of resolve_category() or, where the system failed, of std::system_category().
WEFT_API std::vector<endpoint> resolve(std::string_view host, std::string_view service,
                                       resolve_options options = {});

// The same, but `error` tells what went wrong, and then nothing is returned.
// Throws: cancelled; std::logic_error for options.family local; std::bad_alloc.
WEFT_API std::vector<endpoint> resolve(std::string_view host, std::string_view service,
                                       resolve_options options, std::error_code& error);

inline std::vector<endpoint> resolve(std::string_view host, std::string_view service,
                                     std::error_code& error) {
  return resolve(host, service, resolve_options{}, error);
}

// The category whose values are getaddrinfo's EAI_* of <netdb.h>, and whose texts gai_strerror's.
// EAI_AGAIN equals std::errc::resource_unavailable_try_again, and EAI_MEMORY not_enough_memory.
// Parks: never.  Calls from: any thread.
WEFT_API const std::error_category& resolve_category() noexcept;

WEFT_NAMESPACE_END

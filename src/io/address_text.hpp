// SPDX-License-Identifier: BSL-1.0
// Addresses and ports as people write them. Called by endpoint, which refuses the rest, and by
// resolve(), which looks the rest up: both must agree on what is an address.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weft/detail/config.hpp"
#include "weft/endpoint.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

std::optional<endpoint> read_ipv4(std::string_view address, std::uint16_t port);

// With an optional zone: the name of an interface that exists, or a number.
std::optional<endpoint> read_ipv6(std::string_view address, std::uint16_t port);

// Digits alone, unlike strtoul, and no more than 65535.
std::optional<std::uint16_t> read_port(std::string_view text);

// In quotes for a message: cut where it is long, without bytes that would upset a terminal.
std::string in_quotes(std::string_view text);

}  // namespace detail
WEFT_NAMESPACE_END

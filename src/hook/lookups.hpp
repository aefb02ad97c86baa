// SPDX-License-Identifier: BSL-1.0
// getaddrinfo for fibers: those that ask the same at the same time share one question, as in Go's
// net.Resolver: 200 connections to one server begin with one lookup. Layer: hook.
#pragma once

#include <netdb.h>

#include "gate.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

inline constexpr int lookup_cancelled = -1'000;  // no EAI_ value

// As getaddrinfo(); lookup_cancelled if the caller was cancelled. Never throws.
int look_up(loop& here, const char* host, const char* service, const addrinfo* hints,
            addrinfo** to) noexcept;

}  // namespace hook
WEFT_NAMESPACE_END

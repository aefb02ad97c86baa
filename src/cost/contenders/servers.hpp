// SPDX-License-Identifier: BSL-1.0
// The echo servers that are functions of this program, which starts itself again for each; and that
// of Go, a program of its own.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace cost {

// Those that this build has, by the name of their side: with so many connections, one request under
// way on each. An operation is a request, its cost the server's processor time.
std::vector<entry> echo_entries(std::size_t connections);

// Is the server whose contender this is, until it is killed.  Throws: std::runtime_error
int serve_echo(const std::string& id);

bool has_echo_server(const std::string& side);

}  // namespace cost

// Each in a file of its own, which may also be a program: see echo_server_epoll.cpp.
int cost_serve_fcontext();
int cost_serve_asm();
int cost_serve_epoll();
int cost_serve_asio_awaitable();
int cost_serve_asio_spawn();
int cost_serve_uv();

// SPDX-License-Identifier: BSL-1.0
// Descriptors, streams, sockets and listeners as cases of select. Layer: io.
//
//   weft::select(weft::on_readable(peer, [&] { got = peer.read_some(to, size); }),
//                weft::on_event(stop, [&] { peer.close(); }),
//                weft::after(30s, [&] { timed_out(); }));
//
// For a plain read with a deadline or a cancel you need no select: the scope's deadline ends any
// wait. Numbers from elsewhere: select.hpp.
#pragma once

#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/descriptor_case.hpp"
#include "weft/file_descriptor.hpp"
#include "weft/select.hpp"
#include "weft/socket.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
inline descriptor_key key_of(const file_descriptor& own) noexcept { return {own.fd_, own.id_}; }
}  // namespace detail

// Bytes of a stream, its end or its error; a datagram; a connection that a listener can take in:
// f(), in which the read, receive or accept does not wait. Nothing is taken: if another fiber was
// faster, it does. What a buffered_reader holds already is not seen: look at its buffered() first.
// A regular file is always ready. select() throws std::system_error: EBADF if it is not open, or
// closed meanwhile; EEXIST if another fiber waits for the same already; ENOMEM, ENOSPC.
// Calls from: fiber.  Throws: std::logic_error outside of a loop.
template <class F>
detail::readiness_case<F> on_readable(const file_descriptor& from, F&& f) {
  return {detail::key_of(from), detail::direction::read, std::forward<F>(f)};
}

// Room to write into, or a peer that is gone: f(), in which write_some() does not wait.
template <class F>
detail::readiness_case<F> on_writable(const file_descriptor& to, F&& f) {
  return {detail::key_of(to), detail::direction::write, std::forward<F>(f)};
}
template <class F>
void on_writable(const stream_listener&, F&&) = delete;  // it would wait for ever

WEFT_NAMESPACE_END

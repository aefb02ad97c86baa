// SPDX-License-Identifier: BSL-1.0
// See weft/serve.hpp.
#include "weft/serve.hpp"

#include <cerrno>
#include <iterator>
#include <new>
#include <string>

#include "../base/describe_exception.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/detail/check.hpp"
#include "weft/errors.hpp"
#include "weft/report.hpp"
#include "weft/socket.hpp"
#include "weft/this_fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// Descriptors come back when somebody closes one, and nothing tells: 20 looks a second.
constexpr duration pause_of_shortage = std::chrono::milliseconds(50);

bool is_peers_doing(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const end_of_stream&) {
    return true;
  } catch (const std::system_error& e) {
    for (const std::errc one :
         {std::errc::connection_reset, std::errc::broken_pipe, std::errc::not_connected,
          std::errc::timed_out, std::errc::host_unreachable, std::errc::network_unreachable}) {
      if (e.code() == one) return true;
    }
    return false;
  } catch (...) {
    return false;
  }
}

// A reason takes memory.
void cancel_surely(task<void>& one) noexcept {
  try {
    one.cancel("the server ends");
  } catch (const std::bad_alloc&) {
    one.cancel();
  }
}

}  // namespace

std::size_t share_of(std::size_t all, unsigned loop, unsigned loops) {
  if (all == 0) misuse("serve() of at most 0 connections would serve nobody");
  return all / loops + (loop < all % loops ? 1 : 0);
}

server::server(serve_options&& how)
    : how_(std::move(how)), places_(share_of(how_.most_connections, 0, 1)) {}

bool server::may_go_on(const std::error_code& of_accept) {
  if (of_accept == std::errc::bad_file_descriptor) return false;
  if (!stream_listener::is_shortage(of_accept)) {
    throw std::system_error(of_accept, "weft: a server cannot take connections in");
  }
  await_sleep(pause_of_shortage);
  return true;
}

void server::end(connections& among, connections::iterator which) noexcept {
  among.erase(which);  // detaches the task, if it is this one
  places_.release();
  if (connections_.empty()) all_gone_.set();
}

void server::drop_stillborn() noexcept {
  for (auto one = unbegun_.begin(); one != unbegun_.end();) {
    const auto next = std::next(one);
    if (one->serving.done()) {
      note_error(one->serving.exception(), one->peer);
      end(unbegun_, one);
    }
    one = next;
  }
}

void server::await_all() {
  while (!connections_.empty() || !unbegun_.empty()) {
    all_gone_.clear();
    all_gone_.wait();
  }
}

void server::finish() noexcept {
  shielded([&] {
    try {
      if (how_.grace > duration::zero()) move_on_after(how_.grace, [&] { await_all(); });
    } catch (const std::bad_alloc&) {  // no memory for the deadline
    }
    for (connections* const some : {&connections_, &unbegun_}) {
      for (connection& one : *some) cancel_surely(one.serving);
    }
    unbegun_.clear();  // closes what they were to serve
    await_all();
  });
}

void server::note_error(const std::exception_ptr& error, const endpoint& peer) noexcept {
  try {
    if (how_.on_error) {
      how_.on_error(error, peer);
    } else if (!is_peers_doing(error)) {
      const bool is_known = peer.size() != 0;
      send_report("weft: the handler of a connection " +
                      (is_known ? "from " + peer.to_string() + " " : std::string()) +
                      "ended with " + describe_exception(error),
                  false);
    }
  } catch (...) {
    send_report("weft: a server's on_error handler threw", false);
  }
}

}  // namespace detail
WEFT_NAMESPACE_END

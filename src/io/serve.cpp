// SPDX-License-Identifier: BSL-1.0
// See weft/serve.hpp.
#include "weft/serve.hpp"

#include <cerrno>
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

}  // namespace

std::size_t share_of(std::size_t all, unsigned loop, unsigned loops) {
  if (all == 0) misuse("serve() of at most 0 connections would serve nobody");
  return all / loops + (loop < all % loops ? 1 : 0);
}

server::server(serve_options&& how) : how_(std::move(how)), places_(how_.most_connections) {
  share_of(how_.most_connections, 0, 1);
}

bool server::may_go_on(const std::error_code& of_accept) {
  if (of_accept == std::errc::bad_file_descriptor) return false;
  if (!stream_listener::is_shortage(of_accept)) {
    throw std::system_error(of_accept, "weft: a server cannot take connections in");
  }
  await_sleep(pause_of_shortage);
  return true;
}

void server::end(connections::iterator which) noexcept {
  connections_.erase(which);  // detaches the task: it is this one
  places_.release();
  if (connections_.empty()) all_gone_.set();
}

void server::finish() noexcept {
  shielded([&] {
    all_gone_.clear();
    if (how_.grace > duration::zero() && !connections_.empty()) {
      move_on_after(how_.grace, [&] { all_gone_.wait(); });
    }
    connections unbegun;
    for (auto one = connections_.begin(); one != connections_.end();) {
      one->serving.cancel("the server ends");
      const auto next = std::next(one);
      if (!one->has_begun) unbegun.splice(unbegun.end(), connections_, one);
      one = next;
    }
    unbegun.clear();  // closes what they were to serve
    while (!connections_.empty()) all_gone_.wait();
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

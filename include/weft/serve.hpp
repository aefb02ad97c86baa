// SPDX-License-Identifier: BSL-1.0
// A server: takes connections in and gives each a fiber of its own. Layer: io.
//
//   weft::serve(listener, [](weft::tcp_stream peer) { ... });
//
// Ends when it is cancelled, or when the listener is closed. Then nobody new comes in, connections
// that are served may end by themselves for `grace`, and are cancelled after that; serve() returns
// when all are gone.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <list>
#include <system_error>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/event.hpp"
#include "weft/semaphore.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

struct serve_options {
  std::size_t most_connections = 10'000;  // at once; who comes then waits in the listener's backlog
  duration grace = duration::zero();      // for connections to end by themselves
  // Told of each error that leaves a handler, in its fiber. Empty: what the peer or
  // the network does (ECONNRESET, EPIPE, ENOTCONN, ETIMEDOUT, EHOSTUNREACH, end_of_stream) is
  // passed over, others go to weft's reports.
  std::function<void(const std::exception_ptr&)> on_error;
};

namespace detail {

// The part of a server that does not know the kind of its connections. Stays until all are gone.
class WEFT_API server {
 public:
  explicit server(serve_options&& how);
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  // Waits until one more may come in; false if the listener is closed meanwhile.
  template <class Listener>
  bool await_place(const Listener& listener) {
    for (;;) {
      drop_stillborn();
      if (places_.acquire_until(now() + look_at_listener)) return true;
      if (!listener.is_open()) return false;
    }
  }

  // False if accept() says that the listener was closed; waits if the system is short of something.
  // Throws: any other error.
  bool may_go_on(const std::error_code& of_accept);

  // Serves one; its place is taken.
  template <class F>
  void begin(F&& serve_one) {
    unbegun_.emplace_back();
    const auto own = std::prev(unbegun_.end());
    try {
      *own = spawn([this, own, serve = std::forward<F>(serve_one)]() mutable {
        connections_.splice(connections_.end(), unbegun_, own);
        run_one(std::move(serve));
        end(connections_, own);
      });
    } catch (...) {
      note_error(std::current_exception());
      end(unbegun_, own);
    }
  }

  // Lets those that are served end, and waits for them.
  void finish() noexcept;

 private:
  // Nobody tells a full server that its listener was closed.
  static constexpr duration look_at_listener = std::chrono::milliseconds(50);

  using connections = std::list<task<void>>;

  // The connection is closed before its place is free.
  template <class F>
  void run_one(F serve) {
    try {
      serve();
    } catch (const cancelled&) {
      // by finish(): nobody else has the task
    } catch (...) {
      note_error(std::current_exception());
    }
  }
  void end(connections& among, connections::iterator which) noexcept;

  // Ends those that had no stack to begin on.
  void drop_stillborn() noexcept;
  void await_all();
  void note_error(const std::exception_ptr& error) noexcept;

  const serve_options how_;
  semaphore places_;
  connections unbegun_;  // cancelled here, one never begins, and takes itself out of no list
  connections connections_;
  event all_gone_;  // for finish(): set when the last one has gone
};

}  // namespace detail

// Serves connections until it is cancelled or the listener is closed. `handler` is called with each
// stream, on a fiber of its own, several at once; it must stay callable until serve() returns. What
// it throws ends that connection only.
// Parks: may.  Calls from: fiber.
// Throws: cancelled, after all connections are gone; std::system_error of accept(), other than that
// descriptors or memory are short, which is waited out.
template <class Listener, class Handler>
void serve(Listener& listener, Handler&& handler, serve_options how = {}) {
  using stream = typename Listener::stream;
  detail::server here(std::move(how));
  try {
    for (;;) {
      if (!here.await_place(listener)) break;
      std::error_code error;
      stream peer = listener.accept(error);
      while (error) {
        if (!here.may_go_on(error)) break;
        peer = listener.accept(error);
      }
      if (error) break;
      here.begin([&handler, peer = std::move(peer)]() mutable {
        if constexpr (std::is_invocable_v<Handler&, stream&&>) {
          std::invoke(handler, std::move(peer));
        } else {
          std::invoke(handler, peer);
        }
      });
    }
  } catch (...) {
    listener.close();
    here.finish();
    throw;
  }
  here.finish();
}

WEFT_NAMESPACE_END

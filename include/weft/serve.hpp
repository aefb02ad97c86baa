// SPDX-License-Identifier: BSL-1.0
// A server: takes connections in and gives each a fiber of its own. Layer: io.
//
//   weft::serve(listener, [](weft::tcp_stream peer) { ... });
//   weft::serve(pool, listener, [](weft::tcp_stream peer) { ... });    on all loops of a loop_pool
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
#include "weft/endpoint.hpp"
#include "weft/event.hpp"
#include "weft/exception_group.hpp"
#include "weft/loop_pool.hpp"
#include "weft/semaphore.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/task_group.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

// What is called with an error, and with the peer's address or without it.
class connection_error_handler {
 public:
  connection_error_handler() noexcept = default;
  template <class F,
            std::enable_if_t<!std::is_same_v<std::decay_t<F>, connection_error_handler>, int> = 0>
  connection_error_handler(F f) {  // implicit
    if constexpr (std::is_invocable_v<F&, const std::exception_ptr&, const endpoint&>) {
      call_ = std::move(f);
    } else {
      call_ = [own = std::move(f)](const std::exception_ptr& error, const endpoint&) mutable {
        own(error);
      };
    }
  }

  explicit operator bool() const noexcept { return call_ != nullptr; }
  void operator()(const std::exception_ptr& error, const endpoint& peer) const {
    call_(error, peer);
  }

 private:
  std::function<void(const std::exception_ptr&, const endpoint&)> call_;
};

struct serve_options {
  // At once; who comes then waits in the listener's backlog. Where descriptors end before, it waits
  // for one of them.
  std::size_t most_connections = 100'000;
  duration grace = duration::zero();  // for connections to end by themselves
  // Told of each error that leaves a handler, and of which peer's connection, in the handler's
  // fiber. Empty: what the peer or the network does (ECONNRESET, EPIPE, ENOTCONN, ETIMEDOUT,
  // EHOSTUNREACH, end_of_stream) is passed over, others go to weft's reports.
  connection_error_handler on_error;
};

namespace detail {

template <class Listener, class = void>
inline constexpr bool tells_peer = false;
template <class Listener>
inline constexpr bool
    tells_peer<Listener, std::void_t<decltype(std::declval<Listener&>().accept(
                             std::declval<std::error_code&>(), std::declval<endpoint*>()))>> = true;

// A listener of a user's own may have an accept() that does not tell the peer.
template <class Listener>
typename Listener::stream accept_from(Listener& listener, std::error_code& error, endpoint& peer) {
  if constexpr (tells_peer<Listener>) {
    return listener.accept(error, &peer);
  } else {
    return listener.accept(error);
  }
}

// The loop's part of what all may have; the parts add up.  Throws: std::logic_error for nothing.
WEFT_API std::size_t share_of(std::size_t all, unsigned loop, unsigned loops);

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
  void begin(const endpoint& peer, F&& serve_one) {
    unbegun_.emplace_back(peer);
    const auto own = std::prev(unbegun_.end());
    try {
      own->serving = spawn([this, own, serve = std::forward<F>(serve_one)]() mutable {
        connections_.splice(connections_.end(), unbegun_, own);
        run_one(own->peer, std::move(serve));
        end(connections_, own);
      });
    } catch (...) {
      note_error(std::current_exception(), peer);
      end(unbegun_, own);
    }
  }

  // Lets those that are served end, and waits for them.
  void finish() noexcept;

 private:
  // Nobody tells a full server that its listener was closed.
  static constexpr duration look_at_listener = std::chrono::milliseconds(50);

  struct connection {
    explicit connection(const endpoint& from) : peer(from) {}
    endpoint peer;  // the stream may be gone, or reset, by the time of an error
    task<void> serving;
  };
  using connections = std::list<connection>;

  // The connection is closed before its place is free.
  template <class F>
  void run_one(const endpoint& peer, F serve) {
    try {
      serve();
    } catch (const cancelled&) {
      // by finish(): nobody else has the task
    } catch (...) {
      note_error(std::current_exception(), peer);
    }
  }
  void end(connections& among, connections::iterator which) noexcept;

  // Ends those that had no stack to begin on.
  void drop_stillborn() noexcept;
  void await_all();
  void note_error(const std::exception_ptr& error, const endpoint& peer) noexcept;

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
      endpoint from;
      stream peer = detail::accept_from(listener, error, from);
      while (error) {
        if (!here.may_go_on(error)) break;
        peer = detail::accept_from(listener, error, from);
      }
      if (error) break;
      here.begin(from, [&handler, peer = std::move(peer)]() mutable {
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

// Serves the listener's connections on all loops of a pool, each on the loop that takes it in, by
// share(). The handler and `on_error` are called on several threads at once; of `most_connections`
// each loop has its part. Ends when it is cancelled, or the pool is closed; the listener is closed
// then. Closing the listener before does not end it.
// Parks: may.  Calls from: fiber.
// Throws: as serve(), for the first loop that fails; task_cancelled if the pool is closed
// meanwhile, closed_error if it was before.
template <class Listener, class Handler>
void serve(loop_pool& pool, Listener& listener, Handler&& handler, serve_options how = {}) {
  try {
    with_task_group([&](task_group& loops) {
      for (unsigned i = 0; i < pool.size(); ++i) {
        serve_options part = how;
        part.most_connections = detail::share_of(how.most_connections, i, pool.size());
        if (part.most_connections == 0) continue;
        loops.spawn([&pool, &handler, i, own = listener.share(), part]() mutable {
          const auto serve_there = [&handler, &own, &part] { serve(own, handler, part); };
          pool.spawn_on(i, serve_there).get();
        });
      }
    });
  } catch (const exception_group& failed) {
    listener.close();
    std::rethrow_exception(failed.entries().front().error);
  } catch (...) {
    listener.close();
    throw;
  }
}

WEFT_NAMESPACE_END

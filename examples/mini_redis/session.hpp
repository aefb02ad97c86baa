// SPDX-License-Identifier: BSL-1.0
// What serves one client of mini_redis: reads requests, has them executed, sends the replies of all
// that came together in one write. Which commands there are is in commands.hpp.
#pragma once

#include <weft/io.hpp>
#include <weft/weft.hpp>

#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "client.hpp"
#include "resp.hpp"
#include "store.hpp"

namespace mini_redis {

// What all sessions share.
struct shared {
  std::array<store, 16> stores;
  channel_table channels;
};

// Erases what has expired and nobody asks for: one fiber for all keys.
inline void sweep(shared& all) {
  weft::interval every(std::chrono::milliseconds(100), weft::missed_tick::delay);
  for (;;) {
    every.tick();
    for (store& one : all.stores) {
      while (one.erase_expired(100)) weft::yield();  // others have their turns, too
    }
  }
}

class session {
 public:
  session(shared& with, weft::tcp_stream& peer)
      : all(with), data(&with.stores.front()), self(peer), peer_(peer) {}
  ~session() { leave_channels(); }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  // Serves the client until it goes, or is sent away. `execute` is called with each request.
  template <class Execute>
  void run(Execute execute) {
    weft::with_scope(self.connection, [&] {
      try {
        while (serve_what_came(execute) && read_more()) {
        }
      } catch (const protocol_error& error) {
        add_error(replies(), std::string("ERR ") + error.what());
      }
      leave_channels();
      self.out.finish();
    });
  }

  // For the commands.
  std::string& replies() { return self.out.unsent(); }
  bool is_subscriber() const { return !self.channels.empty(); }
  void quit() { is_over_ = true; }
  bool is_over() const { return is_over_; }
  void note_published() { has_published_ = true; }

  // Waits in the queues of all the keys, first come, first served. False if nobody pushed in time,
  // or the client is gone: who is gone must not be served.
  bool wait_for_push(blocked_pop& own, weft::time_point deadline) {
    const store::wait_for_push in_queues(*data, own);
    self.out.flush();  // the replies to what came before
    weft::race([&] { own.served.wait_until(deadline); }, [&] { wait_for_end(own.served); });
    return own.served.is_set();
  }

  shared& all;
  store* data;  // the selected one
  client self;

 private:
  void leave_channels() {
    while (!self.channels.empty()) {
      all.channels.unsubscribe(self, std::string(*self.channels.begin()));
    }
  }

  // False if this was the end.
  template <class Execute>
  bool serve_what_came(Execute& execute) {
    words request;
    while (!is_over_ && in_.next(request)) {
      execute(*this, request);
      // Few requests can have very large replies: not all of them at once in memory.
      if (replies().size() > longest_argument) self.out.flush();
    }
    self.out.flush();
    // Who publishes fast must not fill what nobody had a chance to send.
    if (std::exchange(has_published_, false)) weft::yield();
    return !is_over_;
  }

  // False at the end of the stream.
  bool read_more() {
    const std::size_t bytes = peer_.read_some(in_.room(), read_bytes);
    in_.added(bytes);
    return bytes > 0;
  }

  // Returns when the client is gone. What it sends meanwhile is kept for later, up to a bound.
  void wait_for_end(weft::local::event& served) {
    while (in_.unread() < 4 * read_bytes) {
      if (!read_more()) return quit();
    }
    served.wait();
  }

  weft::tcp_stream& peer_;
  request_reader in_;
  bool is_over_ = false;
  bool has_published_ = false;
};

}  // namespace mini_redis

// SPDX-License-Identifier: BSL-1.0
// The operations of fault_operations.hpp that make, use and end connections of streams, and what
// all of them are checked by.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <system_error>

#include "weft/io.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"

namespace weft_tests {

// Not CHECK: an operation that a fault ended early has no answer to look at, one that got a wrong
// answer must not pass for one that failed as documented.
inline void demand(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

// What was asked for and refused must be told, not passed over.
inline void demand_reuse_of_port(const weft::file_descriptor& of) {
  int is_on = 0;
  socklen_t bytes = sizeof is_on;
  ::getsockopt(of.native_handle(), SOL_SOCKET, SO_REUSEPORT, &is_on, &bytes);
  demand(is_on != 0, "the port may be reused, as was asked for");
}

// Runs both at once, the first of them first; the error of one ends the other.
template <class First, class Second>
void beside(First&& first, Second&& second) {
  weft::with_task_group([&](weft::task_group& group) {
    group.spawn([&] { first(); });
    weft::yield();
    second();
  });
}

template <class Stream>
void talk(Stream& near, Stream& far) {
  char question[5];
  char answer[16];
  beside(
      [&] {
        far.read_exactly(question, 5);  // parks: nothing is there yet
        far.write_all({"an", "swer", "!"});
        far.shutdown_write();
      },
      [&] {
        near.write_all("hello");
        near.read_exactly(answer, 7);
      });
  demand(std::string(question, 5) == "hello", "what was written is read");
  demand(std::string(answer, 7) == "answer!", "what was answered is read");
  demand(near.read_some(answer, sizeof answer) == 0, "then the stream ends");
}

inline void tcp_by_address() {
  weft::listen_options how;
  how.reuse_port = true;
  weft::tcp_listener listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv6(0), how);
  demand_reuse_of_port(listener);
  weft::endpoint peer;
  weft::tcp_stream near;
  weft::tcp_stream far;
  beside([&] { far = listener.accept(&peer); },
         [&] { near = weft::tcp_stream::connect(listener.local_endpoint()); });
  demand(near.local_endpoint() == peer, "accept tells the peer");
  demand(near.remote_endpoint() == listener.local_endpoint(), "connect reaches the listener");
  near.set_nodelay(false);
  near.set_keepalive(true);
  near.set_send_buffer(100'000);
  far.set_receive_buffer(100'000);
  talk(near, far);
  near.shutdown_read();
}

// A call that has an error_code for what it would throw.
template <class F>
auto without_throwing(F&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::system_error&) {
    throw std::logic_error("a call that was given an error_code throws");
  }
}

// The overloads that set an error throw none.
inline void tcp_by_error_code() {
  weft::tcp_listener listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
  weft::tcp_stream near;
  weft::tcp_stream far;
  const weft::endpoint at = listener.local_endpoint();
  std::error_code error;
  beside(
      [&] {
        std::error_code of_accept;
        far = listener.accept(of_accept);
        if (of_accept) throw std::system_error(of_accept);
      },
      [&] {
        near = without_throwing([&] { return weft::tcp_stream::connect(at, error); });
        if (error) throw std::system_error(error);
      });
  char byte = 0;
  near.write_some("x", 1, error);
  if (error) throw std::system_error(error);
  far.read_some(&byte, 1, error);
  if (error) throw std::system_error(error);
  demand(byte == 'x', "what was written is read");
}

inline void tcp_by_name() {
  weft::tcp_listener listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
  const std::string port = std::to_string(listener.local_endpoint().port());
  weft::tcp_stream near;
  weft::tcp_stream far;
  beside([&] { far = listener.accept(); },
         [&] { near = weft::tcp_stream::connect("localhost", port); });
  talk(near, far);
}

inline void tcp_many_at_once() {
  weft::tcp_listener listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
  weft::with_task_group([&](weft::task_group& group) {
    group.spawn([&] {
      for (int i = 0; i < 3; ++i) {
        weft::tcp_stream far = listener.accept();
        far.write_all("x");
      }
    });
    for (int i = 0; i < 3; ++i) {
      group.spawn([&] {
        char byte = 0;
        weft::tcp_stream::connect(listener.local_endpoint()).read_exactly(&byte, 1);
        demand(byte == 'x', "each is answered");
      });
    }
  });
}

inline void unix_by_name() {
  const auto at = weft::endpoint::local("@weft-fault-test-" + std::to_string(::getpid()));
  weft::unix_listener listener = weft::unix_listener::bind(at);
  weft::unix_stream near;
  weft::unix_stream far;
  beside([&] { far = listener.accept(); }, [&] { near = weft::unix_stream::connect(at); });
  talk(near, far);
}

inline void unix_pair() {
  auto [near, far] = weft::unix_stream::pair();
  talk(near, far);
}

}  // namespace weft_tests

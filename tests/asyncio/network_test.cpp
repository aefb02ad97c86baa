// SPDX-License-Identifier: BSL-1.0
// Connections: the ports of network.py. Servers: servers_test.cpp.
#include <sys/socket.h>

#include <cstddef>
#include <string>
#include <utility>

#include "asyncio/network.hpp"
#include "asyncio/pair.hpp"
#include "asyncio/peers.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/endpoint.hpp"
#include "weft/errors.hpp"
#include "weft/event.hpp"
#include "weft/local_socket.hpp"
#include "weft/queue.hpp"
#include "weft/serve.hpp"
#include "weft/spawn.hpp"
#include "weft/tcp.hpp"

// All of it: files of this folder are compiled together, and have helpers of the same names.
namespace network_pairs {

using namespace weft_tests;
using weft::await_sleep;
using weft::spawn;
using weft::task;
using weft::tcp_listener;
using weft::tcp_stream;
using weft::with_timeout;

PAIR("open_connection and start_server: what is sent comes back") {
  server server(echo{});
  connection to(tcp_stream::connect(server.at));
  for (const char* text : {"one\n", "two\n", "three\n"}) {
    to.send(text);
    say(tried([&] { return to.line(); }));
  }
  to.stream.shutdown_write();
  say(tried([&] { return to.rest(); }));
  say(to.reader.at_end());
}

PAIR("a name is looked up, and one of its addresses answers") {
  server server(echo{});
  connection to(tcp_stream::connect("localhost", std::to_string(server.at.port())));
  to.send("text\n");
  say(tried([&] { return to.line(); }));
  say(to.stream.remote_endpoint().address());
}

PAIR("both ends know each other's address") {
  weft::queue<std::pair<endpoint, endpoint>> known;
  server server([&](connection& peer) {
    known.put({peer.stream.local_endpoint(), peer.stream.remote_endpoint()});
    echo{}(peer);
  });
  connection to(tcp_stream::connect(server.at));
  const auto [own, other] = known.get();
  say(to.stream.remote_endpoint() == own);
  say(to.stream.local_endpoint() == other);
  say(own == server.at, own == other);
  say(own.address(), other.address());
}

PAIR("half-close: the answer comes after the end of the question") {
  server server([](connection& peer) {
    const std::string question = peer.rest();
    say("question", question.size(), peer.reader.at_end());
    peer.send("you said " + question);
  });
  connection to(tcp_stream::connect(server.at));
  to.send("a long ");
  to.send("question");
  to.stream.shutdown_write();
  say(tried([&] { return to.rest(); }));
}

PAIR("half-close: who said all can still be told something") {
  weft::queue<std::string> got;
  server server([&](connection& peer) {
    peer.send("welcome");
    peer.stream.shutdown_write();
    got.put(tried([&] { return peer.rest(); }));
  });
  connection to(tcp_stream::connect(server.at));
  say(tried([&] { return to.rest(); }));
  to.send("thank you");
  to.stream.shutdown_write();
  say(got.get());
}

PAIR("a client that closes early: what had come, and the end") {
  weft::queue<std::string> got;
  server server([&](connection& peer) {
    if (peer.exactly(1) == "c") {
      got.put(tried([&] { return peer.exactly(8); }));
    } else {
      got.put(tried([&] { return peer.line(); }));
      got.put(tried([&] { return peer.line(); }));
    }
  });
  for (const std::string text : {"cabc", "c", "lhalf a li", "l"}) {
    tcp_stream::connect(server.at).write_all(text);
    say(got.get());
    if (text[0] == 'l') say(got.get());
  }
}

PAIR("a connection that is reset is an error to who reads") {
  weft::queue<std::string> got;
  server server([&](connection& peer) {
    peer.send("hello\n");
    got.put(tried([&] { return peer.line(); }));
  });
  connection to(tcp_stream::connect(server.at));
  say(tried([&] { return to.line(); }));
  const linger at_once{1, 0};
  ::setsockopt(to.stream.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  to.stream.close();
  say(got.get());
}

PAIR("who writes on after the other side is gone is told so") {
  server server([](connection&) {});
  connection to(tcp_stream::connect(server.at));
  say(tried([&] { return to.rest(); }));
  say(tried([&] {
    for (int i = 0; i < 1000; ++i) {
      to.send(std::string(1000, 'x'));
      weft::yield();
    }
  }));
}

PAIR("a connection to where nobody listens is refused") {
  silent_socket silent(SOCK_STREAM);
  say(tried([&] { tcp_stream::connect(silent.at); }));
}

PAIR("lines and messages come whole, in whatever pieces they were sent") {
  server server([](connection& peer) {
    for (int i = 0; i < 3; ++i) say(tried([&] { return peer.line(); }));
    say(tried([&] { return peer.reader.read_until("\r\n\r\n"); }));
    say(tried([&] { return peer.exactly(5); }));
    say(tried([&] { return peer.reader.read_until(";"); }));
  });
  connection to(tcp_stream::connect(server.at));
  for (const char* piece :
       {"one\nt", "w", "o\n", "three", "\nhead: 1\r\n", "\r", "\nbo", "dyrest", " of it"}) {
    to.send(piece);
    await_sleep(unit / 10);
  }
  to.stream.shutdown_write();
  say(tried([&] { return to.rest(); }));
}

PAIR("several pieces are written in one call") {
  server server(echo{});
  connection to(tcp_stream::connect(server.at));
  to.stream.write_all({"one, ", "", "two, ", "three"});
  to.stream.shutdown_write();
  say(tried([&] { return to.rest(); }));
}

static void send_rest_when_asked(connection& peer) {
  peer.send("a l");
  peer.exactly(1);
  peer.send("ine\nnext");
}

PAIR("wait_for around a read: time is up, and no byte is lost") {
  server server(&send_rest_when_asked);
  connection to(tcp_stream::connect(server.at));
  auto start = weft::now();
  std::string end = attempt([&] { return with_timeout(1 * unit, [&] { return to.line(); }); });
  say(end, since(start));
  start = weft::now();
  end = attempt([&] { return with_timeout(1 * unit, [&] { return to.exactly(6); }); });
  say(end, since(start));
  to.send("!");
  say(tried([&] { return to.line(); }));
  say(tried([&] { return to.rest(); }));
}

PAIR("a task is cancelled while it reads, another reads on") {
  server server(&send_rest_when_asked);
  connection to(tcp_stream::connect(server.at));
  auto reading = spawn([&] { return to.exactly(7); });
  await_sleep(1 * unit);
  say(reading.done());
  reading.cancel();
  say(attempt([&] { return reading.get(); }));
  to.send("!");
  say(tried([&] { return to.exactly(7); }));
  say(tried([&] { return to.exactly(7); }));
}

// A writer's close() ends asyncio's reader; in weft who waits on a stream that is closed gets
// EBADF.
PAIR("who waits to read sees the end when its own side says so") {
  server server(echo{});
  connection to(tcp_stream::connect(server.at));
  auto reading = spawn([&] { return tried([&] { return to.rest(); }); });
  await_sleep(1 * unit);
  say(reading.done());
  to.stream.shutdown_read();
  say(reading.get());
}

PAIR("a writer is held up until the other side reads") {
  weft::event go;
  constexpr std::size_t size = 4 * 1024 * 1024;
  tcp_listener listener = tcp_listener::bind(here);
  const int bytes = 64 * 1024;  // its connections', too
  ::setsockopt(listener.native_handle(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  const auto handler = [&](connection& peer) {
    go.wait();
    peer.send(std::to_string(peer.exactly(size).size()));
  };
  basic_server server(std::move(listener), handler);
  connection to(tcp_stream::connect(server.at));
  to.stream.set_send_buffer(64 * 1024);
  auto sending = spawn([&] { to.send(std::string(size, 'x')); });
  await_sleep(1 * unit);
  say(sending.done());
  await_sleep(1 * unit);
  say(sending.done());
  go.set();
  say(tried([&] { sending.get(); }));
  say(tried([&] { return to.rest(); }));
}

PAIR("one task writes while another reads") {
  std::string text;
  for (int i = 0; i < 64 * 1024; ++i) text += "0123456789abcdef";
  server server(echo{});
  connection to(tcp_stream::connect(server.at));
  auto writing = spawn([&] {
    to.send(text);
    to.stream.shutdown_write();
  });
  const std::string back = to.rest();
  writing.get();
  say(back.size(), back == text);
}

}  // namespace network_pairs

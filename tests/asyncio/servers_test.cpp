// SPDX-License-Identifier: BSL-1.0
// Servers, and what becomes of their connections: the ports of servers.py.
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "asyncio/network.hpp"
#include "asyncio/pair.hpp"
#include "asyncio/peers.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/endpoint.hpp"
#include "weft/errors.hpp"
#include "weft/event.hpp"
#include "weft/gather.hpp"
#include "weft/local_socket.hpp"
#include "weft/serve.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/tcp.hpp"

// All of it: files of this folder are compiled together, and have helpers of the same names.
namespace network_pairs {

using namespace weft_tests;
using weft::serve_options;
using weft::spawn;
using weft::task;
using weft::tcp_listener;
using weft::tcp_stream;
using weft::unix_listener;
using weft::unix_stream;

PAIR("a second server at an address in use is refused") {
  server server(echo{});
  say(tried([&] { tcp_listener::bind(server.at); }));
  connection to(tcp_stream::connect(server.at));
  to.send("first\n");
  say(tried([&] { return to.line(); }));
}

PAIR("the address of a server that ended can be used again at once") {
  const auto handler = [](connection& peer) {
    peer.send("bye\n");  // and closes first, so its end of the connection lingers
  };
  endpoint at = here;
  for (int i = 0; i < 2; ++i) {
    server server(handler, at);
    at = server.at;
    connection to(tcp_stream::connect(at));
    say(tried([&] { return to.rest(); }));
  }
}

PAIR("a server that is closed takes nobody new in, and who is in is served") {
  serve_options how;
  how.grace = weft::duration::max();
  server server(echo{}, here, how);
  {
    connection to(tcp_stream::connect(server.at));
    to.send("one\n");
    say(tried([&] { return to.line(); }));
    say(server.listener.is_open());
    server.listener.close();
    say(server.listener.is_open());
    say(tried([&] { tcp_stream::connect(server.at); }));
    to.send("two\n");
    say(tried([&] { return to.line(); }));
  }
  say(tried([&] { server.running.get(); }));
}

PAIR("a server's task is cancelled: nobody new comes in") {
  server server(echo{});
  {
    connection to(tcp_stream::connect(server.at));
    to.send("one\n");
    say(tried([&] { return to.line(); }));
    to.stream.shutdown_write();
    say(tried([&] { return to.rest(); }));
  }
  server.running.cancel();
  say(attempt([&] { server.running.get(); }));
  say(server.listener.is_open());
  say(tried([&] { tcp_stream::connect(server.at); }));
}

PAIR("a server ends with those whom it serves: their handlers are cancelled") {
  server server([](connection& peer) {
    peer.send("hello\n");
    try {
      peer.line();
    } catch (const weft::cancelled&) {
      say("handler cancelled");
      throw;
    }
  });
  std::vector<std::unique_ptr<connection>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<connection>(tcp_stream::connect(server.at)));
  }
  for (auto& to : clients) say(tried([&] { return to->line(); }));
  server.running.cancel();
  for (auto& to : clients) say(tried([&] { return to->rest(); }));
}

PAIR("a handler that raises ends its own connection, not the server") {
  reports reports;
  {
    server server([](connection& peer) {
      if (peer.line() == "bad\n") throw failure("boom");
      peer.send("well\n");
    });
    for (const char* text : {"good\n", "bad\n", "good\n"}) {
      connection to(tcp_stream::connect(server.at));
      to.send(text);
      say(tried([&] { return to.rest(); }));
    }
  }
  say("reported", reports.count("boom"));
}

PAIR("a hundred clients are served at once") {
  int count = 0;
  weft::event all_in;
  server server([&](connection& peer) {
    const int number = std::stoi(peer.line());
    ++count;
    if (count == 100) all_in.set();
    all_in.wait();
    peer.send(std::to_string(2 * number) + "\n");
  });
  std::vector<task<int>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(spawn([&, i] {
      connection to(tcp_stream::connect(server.at));
      to.send(std::to_string(i) + "\n");
      return std::stoi(to.line());
    }));
  }
  const std::vector<int> answers = weft::gather(std::move(clients));
  say(count, answers);
}

PAIR("open_unix_connection and start_unix_server: by a path") {
  const temporary_folder folder;
  const fs::path path = folder.path() / "socket";
  const endpoint at = endpoint::local(path.string());
  say(tried([&] { unix_stream::connect(at); }));
  basic_server server(unix_listener::bind(at), echo{});
  say(fs::exists(path));
  basic_connection<unix_stream> to(unix_stream::connect(at));
  say(to.stream.remote_endpoint().path() == path);
  to.send("hello\nand");
  say(tried([&] { return to.line(); }));
  to.stream.shutdown_write();
  say(tried([&] { return to.exactly(100); }));
}

}  // namespace network_pairs

// SPDX-License-Identifier: BSL-1.0
// The servers among the examples, as their users meet them: programs that are started, that say
// where they listen, that netcat and weft's own streams talk to, and that a signal ends.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "examples/programs.hpp"
#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/server_child.hpp"
#include "support/skip.hpp"
#include "weft/io.hpp"
#include "weft/weft.hpp"

using namespace weft_tests;
using namespace std::chrono_literals;

namespace {

constexpr const char* no_netcat = "no nc that knows -N (Debian: netcat-openbsd)";

bool has_netcat() {
  static const bool has = run_program({"nc", "-h"}).says("OpenBSD");
  return has;
}

// Runs the clients of a test. Who waits for an answer that does not come fails it.
void as_client(const std::function<void()>& body) {
  weft::options how;
  how.slow_step = 0s;  // a test waits for programs, too, and holds the thread meanwhile
  weft::run(how, [&] { weft::with_timeout(20s, body); });
}

std::string a_megabyte() {
  std::mt19937_64 random(20);
  std::string bytes(1'000'000, '\0');
  for (char& one : bytes) one = static_cast<char>(random());
  return bytes;
}

// What comes back for `bytes`: nc sends them, says that these were all, and reads to the end.
child_end through_netcat(std::uint16_t port, const std::string& bytes) {
  const fs::path file =
      fs::temp_directory_path() / ("weft_servers_test." + std::to_string(getpid()));
  std::ofstream(file, std::ios::binary) << bytes;
  const child_end end = run_program(
      {"sh", "-c", "exec nc -N 127.0.0.1 \"$0\" <\"$1\"", std::to_string(port), file.string()});
  fs::remove(file);
  return end;
}

weft::tcp_stream connected_to(const server_child& server) {
  return weft::tcp_stream::connect(weft::endpoint::loopback_ipv4(server.port()));
}

std::string read_to_the_end(weft::tcp_stream& from) {
  std::string all;
  char block[16 * 1024];
  while (const std::size_t bytes = from.read_some(block, sizeof block)) all.append(block, bytes);
  return all;
}

std::string read_bytes(weft::tcp_stream& from, std::size_t count) {
  std::string all(count, '\0');
  from.read_exactly(all.data(), count);
  return all;
}

// True if the connection is over, in order or not.
bool has_ended(weft::tcp_stream& from) {
  char byte = 0;
  std::error_code error;
  return from.read_some(&byte, 1, error) == 0 && (!error || error == std::errc::connection_reset);
}

// Closes a connection so that the peer gets ECONNRESET (socket(7), SO_LINGER).
void break_off(weft::tcp_stream& connection) {
  const linger at_once{1, 0};
  setsockopt(connection.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  connection.close();
}

void say(weft::tcp_stream& to, const std::string& text, const std::string& answer) {
  to.write_all(text);
  CHECK(read_bytes(to, answer.size()) == answer);
}

// A member of the chat, who is in when this is made.
class guest {
 public:
  guest(const server_child& chat, const std::string& nick) : connection_(connected_to(chat)) {
    connection_.write_all(nick + "\n");
    CHECK(hears() == "* your nickname?");
    CHECK(hears() == "* welcome, " + nick);
  }

  void says(const std::string& line) { connection_.write_all(line + "\n"); }

  std::string hears() {
    while (rest_.find('\n') == std::string::npos) {
      char block[16 * 1024];
      const std::size_t bytes = connection_.read_some(block, sizeof block);
      if (bytes == 0) return "(the end)";
      rest_.append(block, bytes);
    }
    const std::string line = rest_.substr(0, rest_.find('\n'));
    rest_.erase(0, line.size() + 1);
    return line;
  }

  weft::tcp_stream& connection() { return connection_; }

 private:
  weft::tcp_stream connection_;
  std::string rest_;
};

// A proxy, both ends of a connection through it, and what is behind it.
struct passage {
  passage()
      : behind(weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0))),
        proxy(program("proxy").string(), {"--to", behind.local_endpoint().to_string()}),
        client(connected_to(proxy)),
        target(behind.accept()) {}

  weft::tcp_listener behind;
  server_child proxy;
  weft::tcp_stream client;
  weft::tcp_stream target;
};

const char* const all_servers[] = {"echo_server", "chat", "proxy", "mini_redis"};

}  // namespace

TEST_CASE("echo_server: its first line says where it listens") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child server(program("echo_server").string());
  REQUIRE(server.port() != 0);
  CHECK(server.first_line() == "listening on 127.0.0.1:" + std::to_string(server.port()));
  const child_end end = server.end_by(SIGTERM);
  CHECK(end.status == 0);
  CHECK(end.output == server.first_line() + "\n");
}

TEST_CASE("echo_server: listens at IPv6 and at names, too") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child by_name(program("echo_server").string(), {"--host", "localhost"});
  CHECK(by_name.port() != 0);
  server_child server(program("echo_server").string(), {"--host", "::1"});
  if (server.port() == 0) WEFT_SKIP("no IPv6");
  CHECK(server.first_line() == "listening on [::1]:" + std::to_string(server.port()));
}

TEST_CASE("echo_server: a megabyte comes back through nc") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (!has_netcat()) WEFT_SKIP(no_netcat);
  server_child server(program("echo_server").string());
  const std::string bytes = a_megabyte();
  const child_end end = through_netcat(server.port(), bytes);
  CHECK(end.status == 0);
  CHECK(end.output.size() == bytes.size());
  CHECK((end.output == bytes));  // not both in a message
}

TEST_CASE("echo_server: 100 connections at once, and each gets its own") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child server(program("echo_server").string());
  as_client([&] {
    std::vector<weft::tcp_stream> all;
    for (int i = 0; i < 100; ++i) all.push_back(connected_to(server));
    for (std::size_t i = 0; i < all.size(); ++i) all[i].write_all("from " + std::to_string(i));
    for (std::size_t i = all.size(); i-- > 0;) {
      const std::string own = "from " + std::to_string(i);
      CHECK(read_bytes(all[i], own.size()) == own);
    }
  });
}

TEST_CASE("echo_server: after a half-close all is answered, then the connection is closed") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child server(program("echo_server").string());
  as_client([&] {
    weft::tcp_stream at_once = connected_to(server);
    at_once.write_all("few");
    at_once.shutdown_write();
    CHECK(read_to_the_end(at_once) == "few");

    weft::tcp_stream much = connected_to(server);
    const std::string bytes = a_megabyte();
    weft::task<> writing = weft::spawn([&] {
      much.write_all(bytes);
      much.shutdown_write();
    });
    CHECK((read_to_the_end(much) == bytes));
  });
}

TEST_CASE("echo_server: a client that breaks off disturbs nobody") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child server(program("echo_server").string());
  as_client([&] {
    weft::tcp_stream other = connected_to(server);
    weft::tcp_stream broken = connected_to(server);
    say(broken, "one", "one");
    broken.write_all("two");
    break_off(broken);
    say(other, "three", "three");
  });
  const child_end end = server.end_by(SIGTERM);
  CHECK(end.status == 0);
  CHECK(end.output == server.first_line() + "\n");
}

TEST_CASE("servers: SIGINT and SIGTERM end each with status 0 while connections are open") {
  if (!are_built()) WEFT_SKIP(not_built);
  for (const int signal : {SIGINT, SIGTERM}) {
    CAPTURE(signal);
    as_client([&] {
      server_child echo(program("echo_server").string());
      server_child chat(program("chat").string());
      server_child proxy(program("proxy").string(),
                         {"--to", "127.0.0.1:" + std::to_string(echo.port())});
      weft::tcp_stream to_echo = connected_to(echo);
      say(to_echo, "hello", "hello");
      guest ann(chat, "ann");
      weft::tcp_stream through_proxy = connected_to(proxy);
      say(through_proxy, "hello", "hello");
      const auto begin = std::chrono::steady_clock::now();
      for (server_child* one : {&proxy, &chat, &echo}) {
        const child_end end = one->end_by(signal);
        CHECK(end.status == 0);
        CHECK(end.output == one->first_line() + "\n");
      }
      CHECK(std::chrono::steady_clock::now() - begin < (is_sanitized ? 15s : 2s));
      for (weft::tcp_stream* one : {&to_echo, &ann.connection(), &through_proxy}) {
        CHECK(has_ended(*one));
      }
    });
  }
}

TEST_CASE("servers: a port that is in use is an error that names it") {
  if (!are_built()) WEFT_SKIP(not_built);
  const weft::tcp_listener first = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
  const weft::endpoint at = first.local_endpoint();
  for (const std::string name : all_servers) {
    const child_end end =
        run_program({program(name).string(), "--port", std::to_string(at.port())});
    CHECK(end.status == 1);
    CHECK(end.output ==
          name + ": weft: listening at " + at.to_string() + ": Address already in use\n");
  }
}

TEST_CASE("servers: bad usage is status 2 and says what was wrong; --help is status 0") {
  if (!are_built()) WEFT_SKIP(not_built);
  for (const std::string name : all_servers) {
    const auto run = [&](const std::vector<std::string>& options) {
      std::vector<std::string> words{program(name).string()};
      words.insert(words.end(), options.begin(), options.end());
      return run_program(words);
    };
    CHECK(run({"--prot", "1"}).output == name + ": unknown argument '--prot'; see --help\n");
    CHECK(run({"--port"}).output == name + ": --port wants a value; see --help\n");
    for (const char* port : {"65536", "-1", "", "http", "70000000000000"}) {
      const child_end end = run({"--port", port});
      CHECK(end.status == 2);
      CHECK(end.says("--port wants a number up to 65535, not '" + std::string(port) + "'"));
    }
    const child_end help = run({"--help"});
    CHECK(help.status == 0);
    CHECK(help.says("usage: " + name));
    CHECK(help.says("--port"));
  }
  const child_end end = run_program({program("proxy").string(), "--to", "nowhere"});
  CHECK(end.status == 2);
  CHECK(end.output == "proxy: --to wants HOST:PORT, not 'nowhere'; see --help\n");
}

TEST_CASE("chat: three members hear one another come, talk and go") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    guest bob(chat, "bob");
    CHECK(ann.hears() == "* bob joins");
    {
      guest cleo(chat, "cleo");
      for (guest* one : {&ann, &bob}) CHECK(one->hears() == "* cleo joins");
      ann.says("hello");
      for (guest* one : {&bob, &cleo}) CHECK(one->hears() == "ann: hello");
      cleo.says("nice");
      for (guest* one : {&ann, &bob}) CHECK(one->hears() == "cleo: nice");
      cleo.connection().write_all("bye, without an end of the line");
    }
    for (guest* one : {&ann, &bob}) {
      CHECK(one->hears() == "cleo: bye, without an end of the line");
      CHECK(one->hears() == "* cleo leaves");
    }
    break_off(bob.connection());
    CHECK(ann.hears() == "* bob leaves");
  });
}

TEST_CASE("chat: lines end as telnet ends them, too, and one that is too long comes in pieces") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    guest bob(chat, "bob");
    bob.says("by telnet\r");
    bob.says(std::string(1000, 'x'));
    bob.says(std::string(2500, 'y'));
    CHECK(ann.hears() == "* bob joins");
    CHECK(ann.hears() == "bob: by telnet");
    CHECK(ann.hears() == "bob: " + std::string(1000, 'x'));
    for (const std::size_t piece : {1000u, 1000u, 500u}) {
      CHECK(ann.hears() == "bob: " + std::string(piece, 'y'));
    }
  });
}

TEST_CASE("chat: a nickname is there once, and not empty") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    for (const char* taken : {"ann\n", "\n"}) {
      weft::tcp_stream second = connected_to(chat);
      second.write_all(taken);
      CHECK(read_to_the_end(second) == "* your nickname?\n* that nickname is taken, or empty\n");
    }
  });
}

TEST_CASE("chat: nc takes part") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (!has_netcat()) WEFT_SKIP(no_netcat);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    const child_end end = through_netcat(chat.port(), "bob\nhello\n");
    CHECK(end.status == 0);
    CHECK(end.output == "* your nickname?\n* welcome, bob\n");
    CHECK(ann.hears() == "* bob joins");
    CHECK(ann.hears() == "bob: hello");
    CHECK(ann.hears() == "* bob leaves");
  });
}

TEST_CASE("chat: who talks fast is heard by those who listen, every line of it") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    guest bob(chat, "bob");
    CHECK(ann.hears() == "* bob joins");
    // Many times what the room queues for a member, and less than the kernel does.
    std::string all;
    for (int i = 0; i < 2000; ++i) all += std::to_string(i) + "\n";
    ann.connection().write_all(all);
    int heard = 0;
    while (heard < 2000 && bob.hears() == "ann: " + std::to_string(heard)) ++heard;
    CHECK(heard == 2000);
  });
}

TEST_CASE("chat: who never reads is sent away with a notice, and the others miss nothing") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    guest bob(chat, "bob");
    guest mute(chat, "mute");
    CHECK(ann.hears() == "* bob joins");
    for (guest* one : {&ann, &bob}) CHECK(one->hears() == "* mute joins");
    // A few lines at a time, so that bob, who reads them, is never behind by a whole queue.
    const std::string line(900, '.');
    std::string heard;
    for (int batch = 0; heard != "* mute is too slow" && batch < 1000; ++batch) {
      for (int i = 0; i < 50; ++i) ann.says(line);
      for (int i = 0; i < 50 && heard != "* mute is too slow"; ++i) {
        heard = bob.hears();
        REQUIRE((heard == "ann: " + line || heard == "* mute is too slow"));
      }
    }
    CHECK(heard == "* mute is too slow");
    CHECK(ann.hears() == "* mute is too slow");
    // It has some seconds to fetch what was queued.
    std::string last;
    for (std::string next = mute.hears(); next != "(the end)"; next = mute.hears()) last = next;
    CHECK(last == "* you are too slow: some lines are lost");
  });
  CHECK(chat.end_by(SIGTERM).status == 0);
}

TEST_CASE("proxy: a megabyte through nc, the proxy and echo_server, and back") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (!has_netcat()) WEFT_SKIP(no_netcat);
  server_child echo(program("echo_server").string());
  server_child proxy(program("proxy").string(),
                     {"--to", "127.0.0.1:" + std::to_string(echo.port())});
  const std::string bytes = a_megabyte();
  const child_end end = through_netcat(proxy.port(), bytes);
  CHECK(end.status == 0);
  CHECK((end.output == bytes));
}

TEST_CASE("proxy: the client's half-close is passed on, and the other direction goes on") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    passage through;
    through.client.write_all("question");
    through.client.shutdown_write();
    CHECK(read_to_the_end(through.target) == "question");
    through.target.write_all("answer");
    CHECK(read_bytes(through.client, 6) == "answer");
    through.target.write_all(", and more");
    through.target.close();
    CHECK(read_to_the_end(through.client) == ", and more");
  });
}

TEST_CASE("proxy: the target's half-close is passed on, and the other direction goes on") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    passage through;
    through.target.write_all("greeting");
    through.target.shutdown_write();
    CHECK(read_to_the_end(through.client) == "greeting");
    through.client.write_all("data");
    CHECK(read_bytes(through.target, 4) == "data");
    through.client.close();
    CHECK(read_to_the_end(through.target) == "");
  });
}

TEST_CASE("proxy: when one side breaks off, the other is closed") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    passage through;
    break_off(through.target);
    CHECK(has_ended(through.client));
    passage back;
    break_off(back.client);
    CHECK(has_ended(back.target));
    const child_end end = back.proxy.end_by(SIGTERM);
    CHECK(end.status == 0);
    CHECK(end.output == back.proxy.first_line() + "\n");
  });
}

TEST_CASE("proxy: a target that nobody listens at ends the connection, and is named") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    weft::tcp_listener behind = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
    const std::string at = behind.local_endpoint().to_string();
    server_child proxy(program("proxy").string(), {"--to", at});
    behind.close();
    weft::tcp_stream client = connected_to(proxy);
    CHECK(has_ended(client));
    CHECK(proxy.wait_for(at + ": Connection refused"));
    CHECK(proxy.end_by(SIGTERM).status == 0);
  });
}

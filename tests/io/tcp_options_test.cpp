// SPDX-License-Identifier: BSL-1.0
// How TCP sockets are made: by name, with buffers and keepalive; and how they are dropped.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <ostream>
#include <string>
#include <system_error>

#include <doctest/doctest.h>

#include "io/connected.hpp"
#include "io/errors_of.hpp"
#include "support/no_leaks.hpp"
#include "sync/pool_at_rest.hpp"
#include "weft/resolve.hpp"
#include "weft/spawn.hpp"
#include "weft/tcp.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::spawn;
using weft::tcp_listener;
using weft_tests::error_of;
using weft_tests::no_leaks;
using weft_tests::option_of;
using weft_tests::tcp_connection;

namespace {

void check_options(const weft::tcp_stream& one) {
  CHECK(option_of(one, SOL_SOCKET, SO_SNDBUF) == 2 * 20'000);  // the kernel doubles it
  CHECK(option_of(one, SOL_SOCKET, SO_RCVBUF) == 2 * 30'000);
  CHECK(option_of(one, SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option_of(one, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
  CHECK(option_of(one, IPPROTO_TCP, TCP_KEEPINTVL) == 7);
  CHECK(option_of(one, IPPROTO_TCP, TCP_KEEPCNT) == 4);
  CHECK(option_of(one, IPPROTO_TCP, TCP_NODELAY) == 0);
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "what a listener was told, its connections have; so has one made") {
  run([] {
    weft::listen_options how;
    how.nodelay = false;
    how.send_buffer_bytes = 20'000;
    how.receive_buffer_bytes = 30'000;
    how.keepalive = weft::keepalive_options{60s, 7s, 4};
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0), how);
    weft::connect_options same;
    same.nodelay = false;
    same.send_buffer_bytes = 20'000;
    same.receive_buffer_bytes = 30'000;
    same.keepalive = how.keepalive;
    tcp_connection both(listener, same);
    check_options(both.far);
    check_options(both.near);
    both.far.set_keepalive(false);
    CHECK(option_of(both.far, SOL_SOCKET, SO_KEEPALIVE) == 0);

    tcp_listener plain = tcp_listener::bind(endpoint::loopback_ipv4(0));
    tcp_connection defaults(plain);
    CHECK(option_of(defaults.far, SOL_SOCKET, SO_KEEPALIVE) == 0);
    CHECK(option_of(defaults.far, IPPROTO_TCP, TCP_NODELAY) == 1);

    weft::listen_options wrong;
    wrong.keepalive = weft::keepalive_options{60s, 7s, 1000};
    CHECK(error_of([&] { tcp_listener::bind(endpoint::loopback_ipv4(0), wrong); }).code() ==
          std::errc::invalid_argument);
  });
}

TEST_CASE_FIXTURE(no_leaks, "abort() drops what is unsent, and the peer reads a reset") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    tcp_connection both(listener);
    const std::string much(10'000'000, 'x');
    auto writes = spawn([&] { return error_of([&] { both.near.write_all(much); }).code(); });
    weft::yield();
    both.near.abort();
    CHECK_FALSE(both.near.is_open());
    CHECK(writes.get() == std::errc::bad_file_descriptor);
    std::size_t came = 0;
    const std::error_code code =
        error_of([&] {
          std::string block(100'000, '\0');
          while (const std::size_t n = both.far.read_some(block.data(), block.size())) {
            came += n;
          }
        }).code();
    CHECK(code == std::errc::connection_reset);
    CHECK(came < much.size());
    both.near.abort();  // nothing left
  });
}

TEST_CASE_FIXTURE(weft_tests::pool_at_rest, "a listener is bound to a name, and found by it") {
  run([] {
    tcp_listener listener = tcp_listener::bind("localhost", "0");
    auto taken = spawn([&] { return listener.accept(); });
    const std::string port = std::to_string(listener.local_endpoint().port());
    weft::tcp_stream near = weft::tcp_stream::connect("localhost", port);
    CHECK(taken.get().remote_endpoint() == near.local_endpoint());

    tcp_listener all = tcp_listener::bind("", "0");
    CHECK(all.local_endpoint().with_port(0) == endpoint::any_ipv4(0));
    tcp_listener number = tcp_listener::bind("127.0.0.1", "0");
    const endpoint at = number.local_endpoint();
    const std::system_error in_use =
        error_of([&] { tcp_listener::bind("127.0.0.1", std::to_string(at.port())); });
    CHECK(in_use.code() == std::errc::address_in_use);
    CHECK(std::string(in_use.what()).find(at.to_string()) != std::string::npos);
    CHECK(error_of([] { tcp_listener::bind("no such name.invalid", "80"); }).code().category() ==
          weft::resolve_category());
  });
}

// SPDX-License-Identifier: BSL-1.0
// TCP: connections are made, refused, taken in and given up, and nothing is lost.
#include "weft/tcp.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <ostream>
#include <string>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>

#include "io/connected.hpp"
#include "io/errors_of.hpp"
#include "support/no_leaks.hpp"
#include "sync/pool_at_rest.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/loop_pool.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::spawn;
using weft::tcp_listener;
using weft::tcp_stream;
using weft_tests::error_of;
using weft_tests::no_leaks;
using weft_tests::option_of;
using weft_tests::tcp_connection;

namespace {

// A port where nobody listens.
endpoint dead_end() { return tcp_listener::bind(endpoint::loopback_ipv4(0)).local_endpoint(); }

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "a connection knows both ends, and its halves close apart") {
  run([] {
    for (const endpoint& at : {endpoint::loopback_ipv4(0), endpoint::loopback_ipv6(0)}) {
      tcp_listener listener = tcp_listener::bind(at);
      CHECK(listener.local_endpoint().port() != 0);
      tcp_connection both(listener);
      CHECK(both.near.remote_endpoint() == listener.local_endpoint());
      CHECK(both.far.remote_endpoint() == both.near.local_endpoint());

      both.near.write_all("question");
      both.near.shutdown_write();
      char block[64];
      both.far.read_exactly(block, 8);
      CHECK(both.far.read_some(block, sizeof block) == 0);
      both.far.write_all("answer");
      both.far.close();
      both.near.read_exactly(block, 6);
      CHECK(std::string(block, 6) == "answer");
      CHECK(both.near.read_some(block, sizeof block) == 0);
    }
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "what cannot be connected to, or listened at, is named with its address") {
  run([] {
    const endpoint nobody = dead_end();
    const std::system_error refused = error_of([&] { tcp_stream::connect(nobody); });
    CHECK(refused.code() == std::errc::connection_refused);
    CHECK(std::string(refused.what()).find(nobody.to_string()) != std::string::npos);
    std::error_code code;
    CHECK_FALSE(tcp_stream::connect(nobody, code).is_open());
    CHECK(code == std::errc::connection_refused);

    const tcp_listener first = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const std::system_error in_use = error_of([&] { tcp_listener::bind(first.local_endpoint()); });
    CHECK(in_use.code() == std::errc::address_in_use);
    CHECK(std::string(in_use.what()).find(first.local_endpoint().to_string()) != std::string::npos);
    CHECK(error_of([] { tcp_listener::bind(endpoint()); }).code() ==
          std::errc::address_family_not_supported);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a cancelled accept() loses no connection") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    for (int round = 0; round < 100; ++round) {
      auto taking = spawn([&] { return listener.accept(); });
      weft::yield();
      const tcp_stream near = tcp_stream::connect(listener.local_endpoint());
      taking.cancel();  // the event may be there already, and may not
      taking.join();
      tcp_stream far = taking.was_cancelled() ? listener.accept() : taking.get();
      CHECK(far.remote_endpoint() == near.local_endpoint());
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "close() of a listener ends accept() with EBADF") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    auto taking = spawn([&] { return error_of([&] { listener.accept(); }).code(); });
    weft::yield();
    listener.close();
    CHECK(taking.get() == std::errc::bad_file_descriptor);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 8: a peer that resets is an error to the reader and the writer") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    for (const bool reads : {true, false}) {
      tcp_connection both(listener);
      const linger at_once{1, 0};
      ::setsockopt(both.near.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      auto waits = spawn([&] {
        std::string block(100'000, 'x');
        return error_of([&] {
                 for (;;) {
                   if (reads) {
                     both.far.read_some(block.data(), block.size());
                   } else {
                     both.far.write_all(block);
                   }
                 }
               })
            .code();
      });
      weft::yield();
      both.near.close();
      const std::error_code code = waits.get();
      CHECK((code == std::errc::connection_reset || code == std::errc::broken_pipe));
    }
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "a read that stops short at urgent data is no proof that nothing is there") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    tcp_connection both(listener);
    std::string all;
    auto reads = spawn([&] {
      char block[100];
      while (all.size() < 6) all.append(block, both.far.read_some(block, sizeof block));
    });
    weft::yield();
    const int fd = both.near.native_handle();
    REQUIRE(::send(fd, "abc", 3, 0) == 3);
    REQUIRE(::send(fd, "x", 1, MSG_OOB) == 1);
    REQUIRE(::send(fd, "def", 3, 0) == 3);
    reads.get();
    CHECK(all == "abcdef");
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "data and end in one edge: the end of a connection is seen after the data") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    for (int round = 0; round < 50; ++round) {
      tcp_connection both(listener);
      std::string all;
      auto reads = spawn([&] {
        char block[64];
        while (const std::size_t n = both.far.read_some(block, sizeof block)) all.append(block, n);
      });
      weft::yield();  // it waits: what follows is one event
      both.near.write_all("last words");
      if (round % 2 == 0) {
        both.near.shutdown_write();
      } else {
        both.near.close();
      }
      reads.get();
      CHECK(all == "last words");
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "options reach the socket") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    tcp_connection both(listener);
    CHECK(option_of(both.near, IPPROTO_TCP, TCP_NODELAY) != 0);
    CHECK(option_of(both.far, IPPROTO_TCP, TCP_NODELAY) != 0);
    both.near.set_nodelay(false);
    CHECK(option_of(both.near, IPPROTO_TCP, TCP_NODELAY) == 0);
    both.near.set_keepalive(true, 60s, 10s, 3);
    CHECK(option_of(both.near, SOL_SOCKET, SO_KEEPALIVE) != 0);
    CHECK(option_of(both.near, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
    CHECK(option_of(both.near, IPPROTO_TCP, TCP_KEEPINTVL) == 10);
    CHECK(option_of(both.near, IPPROTO_TCP, TCP_KEEPCNT) == 3);
    both.near.set_keepalive(false);
    CHECK(option_of(both.near, SOL_SOCKET, SO_KEEPALIVE) == 0);
    both.near.set_send_buffer(32 * 1024);
    CHECK(option_of(both.near, SOL_SOCKET, SO_SNDBUF) == 64 * 1024);
    both.near.set_receive_buffer(32 * 1024);
    CHECK(option_of(both.near, SOL_SOCKET, SO_RCVBUF) == 64 * 1024);
    tcp_stream closed;
    CHECK(error_of([&] { closed.set_nodelay(true); }).code() == std::errc::bad_file_descriptor);
    CHECK(error_of([&] { closed.shutdown_write(); }).code() == std::errc::bad_file_descriptor);
    CHECK(error_of([&] { closed.local_endpoint(); }).code() == std::errc::bad_file_descriptor);
  });
}

TEST_CASE_FIXTURE(no_leaks, "two listeners share a port if both ask for it") {
  run([] {
    weft::listen_options shared;
    shared.reuse_port = true;
    tcp_listener one = tcp_listener::bind(endpoint::loopback_ipv4(0), shared);
    tcp_listener two = tcp_listener::bind(one.local_endpoint(), shared);
    int taken = 0;
    const auto take = [&](tcp_listener& at) {
      return spawn([&] {
        for (;;) {
          at.accept();
          ++taken;
        }
      });
    };
    auto a = take(one);
    auto b = take(two);
    for (int i = 1; i <= 20; ++i) {
      const tcp_stream near = tcp_stream::connect(one.local_endpoint());
      while (taken < i) weft::await_sleep(1ms);
    }
    CHECK(taken == 20);
  });
}

TEST_CASE_FIXTURE(weft_tests::pool_at_rest,
                  "a name is connected to by the first of its addresses that answers") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    const std::string port = std::to_string(listener.local_endpoint().port());
    auto taken = spawn([&] { return listener.accept(); });
    tcp_stream near = tcp_stream::connect("localhost", port);  // ::1 may refuse first
    CHECK(near.remote_endpoint() == listener.local_endpoint());
    taken.get();
    const std::string nowhere = std::to_string(dead_end().port());
    CHECK(error_of([&] { tcp_stream::connect("localhost", nowhere); }).code() ==
          std::errc::connection_refused);
    std::error_code error;
    CHECK_FALSE(tcp_stream::connect("localhost", nowhere, error).is_open());
    CHECK(error == std::errc::connection_refused);
    auto again = spawn([&] { return listener.accept(); });
    CHECK(tcp_stream::connect("localhost", port, error).is_open());
    CHECK_FALSE(error);
    again.get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "a connect() that takes too long is ended by its scope") {
  run([] {
    // A backlog that is full does not answer.
    weft::listen_options small;
    small.backlog = 0;
    const tcp_listener full = tcp_listener::bind(endpoint::loopback_ipv4(0), small);
    std::vector<tcp_stream> made;
    CHECK_THROWS_AS(
        weft::with_timeout(50ms,
                           [&] {
                             for (int i = 0; i < 10; ++i) {
                               made.push_back(tcp_stream::connect(full.local_endpoint()));
                             }
                           }),
        weft::timeout_error);
    CHECK(made.size() < 10);
  });
}

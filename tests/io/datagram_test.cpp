// SPDX-License-Identifier: BSL-1.0
// Datagrams keep their bounds, and an empty one is one, too.
#include <cerrno>
#include <chrono>
#include <ostream>
#include <string>
#include <system_error>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"
#include "weft/udp.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::spawn;
using weft::udp_socket;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(no_leaks, "datagrams come one by one, each with its sender") {
  run([] {
    udp_socket to = udp_socket::bind(endpoint::loopback_ipv4(0));
    udp_socket a = udp_socket::bind(endpoint::loopback_ipv4(0));
    udp_socket b = udp_socket::bind(endpoint::loopback_ipv4(0));
    char block[8];
    auto first = spawn([&] { return to.receive_from(block, sizeof block); });
    weft::yield();
    a.send_to(to.local_endpoint(), "one");
    const udp_socket::datagram one = first.get();
    CHECK(std::string(block, one.size) == "one");
    CHECK(one.from == a.local_endpoint());
    CHECK_FALSE(one.is_truncated);

    // Short ones do not say that the socket is empty.
    b.send_to(to.local_endpoint(), "two");
    b.send_to(to.local_endpoint(), "");
    b.send_to(to.local_endpoint(), "a long one");
    CHECK(to.receive_from(block, sizeof block).size == 3);
    const udp_socket::datagram empty = to.receive_from(block, sizeof block);
    CHECK(empty.size == 0);
    CHECK(empty.from == b.local_endpoint());
    const udp_socket::datagram cut = to.receive_from(block, sizeof block);
    CHECK(cut.size == 8);
    CHECK(cut.is_truncated);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a connected socket hears its peer alone, and that nobody is there") {
  run([] {
    udp_socket here = udp_socket::bind(endpoint::loopback_ipv4(0));
    endpoint gone;
    {
      const udp_socket peer = udp_socket::bind(endpoint::loopback_ipv4(0));
      gone = peer.local_endpoint();
    }
    udp_socket peer = udp_socket::bind(endpoint::loopback_ipv4(0));
    here.connect(peer.local_endpoint());
    char block[8];
    auto first = spawn([&] { return here.read_some(block, sizeof block); });
    weft::yield();  // registered: from here on the kernel tells what is there
    peer.send_to(here.local_endpoint(), "abc");
    peer.send_to(here.local_endpoint(), "de");
    CHECK(first.get() == 3);
    CHECK(here.read_some(block, sizeof block) == 2);  // a short one before it said nothing

    CHECK(here.remote_endpoint() == peer.local_endpoint());
    here.send("");
    CHECK(peer.receive_from(block, sizeof block).from == here.local_endpoint());

    here.connect(gone);
    here.send("x");
    char byte = 0;
    std::error_code error;
    here.read_some(&byte, 1, error);
    CHECK(error == std::errc::connection_refused);
  });
}

TEST_CASE("a datagram that does not come in time is not waited for") {
  on_virtual_time().run([] {
    udp_socket here = udp_socket::bind(endpoint::loopback_ipv4(0));
    char byte = 0;
    CHECK_THROWS_AS(weft::with_timeout(1h, [&] { here.receive_from(&byte, 1); }),
                    weft::timeout_error);
    const std::string huge(70'000, 'x');
    CHECK_THROWS_AS(here.send_to(here.local_endpoint(), huge), std::system_error);
    CHECK_THROWS_AS(udp_socket::bind(here.local_endpoint()), std::system_error);
  });
}

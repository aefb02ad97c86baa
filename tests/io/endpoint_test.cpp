// SPDX-License-Identifier: BSL-1.0
// endpoint: what it makes of text and of the kernel's bytes, and back.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "io/interleave_families.hpp"
#include "support/no_leaks.hpp"
#include "weft/endpoint.hpp"

using weft::address_family;
using weft::endpoint;

namespace {

std::string round_trip(const endpoint& one) {
  const std::string text = one.to_string();
  CHECK(endpoint::parse(text) == one);
  return text;
}

// What parse() says to `text`, without the beginning that is always the same.
std::string refusal_of(std::string_view text) {
  try {
    endpoint::parse(text);
  } catch (const std::invalid_argument& error) {
    const std::string begin = "weft: endpoint::parse() was given '" + std::string(text) + "': ";
    const std::string said = error.what();
    return said.compare(0, begin.size(), begin) == 0 ? said.substr(begin.size()) : said;
  }
  return "accepted";
}

}  // namespace

static_assert(std::is_trivially_copyable_v<endpoint>);
static_assert(std::is_nothrow_default_constructible_v<endpoint>);

TEST_CASE("endpoint: an address of IPv4 is what was written") {
  const auto one = endpoint::ipv4("192.0.2.7", 8080);
  CHECK(one.family() == address_family::ipv4);
  CHECK(one.address() == "192.0.2.7");
  CHECK(one.port() == 8080);
  CHECK(one.path() == "");
  CHECK_FALSE(one.is_abstract());
  CHECK(round_trip(one) == "192.0.2.7:8080");
  CHECK(round_trip(endpoint::ipv4("255.255.255.255", 65535)) == "255.255.255.255:65535");
  CHECK(round_trip(endpoint::any_ipv4(0)) == "0.0.0.0:0");
  CHECK(round_trip(endpoint::loopback_ipv4(80)) == "127.0.0.1:80");
  CHECK(endpoint::parse(":80") == endpoint::any_ipv4(80));
}

TEST_CASE("endpoint: an address of IPv6 is what was written, in its shortest form") {
  const auto one = endpoint::ipv6("2001:DB8:0:0:0:0:0:1", 443);
  CHECK(one.family() == address_family::ipv6);
  CHECK(one.address() == "2001:db8::1");
  CHECK(one.port() == 443);
  CHECK(one.path() == "");
  CHECK(round_trip(one) == "[2001:db8::1]:443");
  CHECK(round_trip(endpoint::any_ipv6(1)) == "[::]:1");
  CHECK(round_trip(endpoint::loopback_ipv6(80)) == "[::1]:80");
  CHECK(round_trip(endpoint::ipv6("::ffff:192.0.2.7", 80)) == "[::ffff:192.0.2.7]:80");
}

TEST_CASE("endpoint: a zone is a number or an interface, and is told as its number") {
  const auto second = endpoint::ipv6("fe80::1%2", 80);
  CHECK(second.address() == "fe80::1%2");
  CHECK(round_trip(second) == "[fe80::1%2]:80");
  CHECK(second != endpoint::ipv6("fe80::1", 80));
  CHECK(second != endpoint::ipv6("fe80::1%3", 80));
  CHECK(endpoint::ipv6("fe80::1%0", 80) == endpoint::ipv6("fe80::1", 80));
  CHECK(endpoint::parse("[fe80::1%4294967295]:80").address() == "fe80::1%4294967295");
  const unsigned loopback = if_nametoindex("lo");
  if (loopback == 0) return;  // a machine may call it otherwise
  CHECK(endpoint::parse("[fe80::1%lo]:80") ==
        endpoint::ipv6("fe80::1%" + std::to_string(loopback), 80));
}

TEST_CASE("endpoint: a Unix socket has a path") {
  const auto one = endpoint::local("/run/x.sock");
  CHECK(one.family() == address_family::local);
  CHECK(one.path() == "/run/x.sock");
  CHECK(one.port() == 0);
  CHECK(one.address() == "");
  CHECK_FALSE(one.is_abstract());
  CHECK(round_trip(one) == "unix:/run/x.sock");
  CHECK(round_trip(endpoint::local("[odd]:80")) == "unix:[odd]:80");
}

TEST_CASE("endpoint: an abstract name begins with @ or NUL and may have any bytes") {
  const auto one = endpoint::local("@name");
  CHECK(one.is_abstract());
  CHECK(one.path() == "@name");
  CHECK(round_trip(one) == "unix:@name");
  CHECK(one == endpoint::local(std::string_view("\0name", 5)));
  CHECK(one != endpoint::local("name"));

  const auto with_nul = endpoint::local(std::string_view("@a\0b", 4));
  CHECK(with_nul.path() == std::string("@a\0b", 4));
  CHECK(round_trip(with_nul) == std::string("unix:@a\0b", 9));
  CHECK(with_nul != endpoint::local("@a"));
  CHECK(with_nul != endpoint::local(std::string_view("@a\0c", 4)));
  CHECK(with_nul.size() == offsetof(sockaddr_un, sun_path) + 4);

  const auto without_letters = endpoint::local("@");
  CHECK(without_letters.is_abstract());
  CHECK(round_trip(without_letters) == "unix:@");
}

TEST_CASE("endpoint: a file whose name begins with @ is not taken for an abstract name") {
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  std::strcpy(raw.sun_path, "@file");
  const auto one = endpoint::from_raw(&raw, sizeof raw);
  CHECK_FALSE(one.is_abstract());
  CHECK(one.path() == "./@file");
  CHECK(one.to_string() == "unix:./@file");
  CHECK_FALSE(endpoint::local(one.path()).is_abstract());
}

TEST_CASE("endpoint: a Unix socket that was not bound has an address without a name") {
  const auto one = endpoint::unnamed_local();
  CHECK(one.family() == address_family::local);
  CHECK(one.path() == "");
  CHECK_FALSE(one.is_abstract());
  CHECK(round_trip(one) == "unix:");
  CHECK(one != endpoint());
  CHECK_THROWS_WITH_AS(
      endpoint::local(""),
      "weft: endpoint::local() was given an empty path: unnamed_local() makes an unnamed address",
      std::invalid_argument);
}

TEST_CASE("endpoint: a path of 107 bytes fits, one of 108 is refused") {
  const std::string longest(107, 'x');
  CHECK(endpoint::local(longest).path() == longest);
  CHECK(endpoint::local(longest).size() == sizeof(sockaddr_un));
  CHECK(endpoint::local("@" + longest).path() == "@" + longest);
  CHECK(endpoint::local("@" + longest).size() == sizeof(sockaddr_un));
  round_trip(endpoint::local(longest));
  round_trip(endpoint::local("@" + longest));

  const std::string too_long(108, 'x');
  CHECK_THROWS_WITH_AS(
      endpoint::local(too_long),
      ("weft: the path of a Unix socket has at most 107 bytes, and this one 108: '" + too_long +
       "'. Use a shorter one, or one relative to the current folder")
          .c_str(),
      std::invalid_argument);
  CHECK_THROWS_AS(endpoint::local("@" + too_long), std::invalid_argument);
  CHECK_THROWS_AS(endpoint::parse("unix:" + too_long), std::invalid_argument);
}

TEST_CASE("endpoint: a path with a NUL inside is refused") {
  CHECK_THROWS_WITH_AS(endpoint::local(std::string_view("/a\0b", 4)),
                       "weft: the path of a Unix socket has a NUL inside: '/a?b'. Only an abstract "
                       "name, which begins with '@', may",
                       std::invalid_argument);
}

TEST_CASE("endpoint: what is no address is refused with what to write instead") {
  CHECK_THROWS_WITH_AS(endpoint::ipv4("localhost", 1),
                       "weft: endpoint::ipv4() was given 'localhost': write four numbers from 0 to "
                       "255, as in 127.0.0.1; resolve() looks up names",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(endpoint::ipv6("[::1]", 1),
                       "weft: endpoint::ipv6() was given '[::1]': write an IPv6 address without "
                       "brackets, as in ::1; resolve() looks up names",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(endpoint::ipv6("fe80::1%no such zone", 1),
                       "weft: endpoint::ipv6() was given 'fe80::1%no such zone': its zone, behind "
                       "%, is a number or the name of an interface of this machine (ip link)",
                       std::invalid_argument);
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", " 1.2.3.4", "1.2.3.4 ",
                          "127.1", "0x7f.1.1.1", "::1", "1.2.3.4\n"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(endpoint::ipv4(bad, 1), std::invalid_argument);
  }
  for (const char* bad : {"", ":", "1", "1.2.3.4", ":::", "1::2::3", "12345::", "::1%", "%1", "::g",
                          "fe80::1%-1", "fe80::1%4294967296", "fe80::1%a%b"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(endpoint::ipv6(bad, 1), std::invalid_argument);
  }
  CHECK_THROWS_AS(endpoint::ipv4(std::string_view("1.2.3.4\0", 8), 1), std::invalid_argument);
  CHECK_THROWS_AS(endpoint::ipv6(std::string_view("::1\0", 4), 1), std::invalid_argument);
  CHECK_THROWS_AS(endpoint::ipv6(std::string_view("::1%2\0", 6), 1), std::invalid_argument);
}

TEST_CASE("endpoint: parse() says what is wrong with a text") {
  const std::string no_port = "it has no port; write one as in 127.0.0.1:80";
  const std::string bad_port = "the port is a number from 0 to 65535";
  const std::string brackets = "an IPv6 address is written in brackets, as in [::1]:80";
  const std::string behind = "write the port behind the bracket, as in [::1]:80";
  CHECK(refusal_of("") == no_port);
  CHECK(refusal_of("127.0.0.1") == no_port);
  CHECK(refusal_of("localhost") == no_port);
  for (const char* port : {"", "x", "-1", "+1", " 1", "1 ", "65536", "99999999999", "0x50"}) {
    CAPTURE(port);
    CHECK(refusal_of(std::string("127.0.0.1:") + port) == bad_port);
    CHECK(refusal_of(std::string("[::1]:") + port) == bad_port);
    CHECK(refusal_of(std::string(":") + port) == bad_port);
  }
  CHECK(refusal_of("::1:80") == brackets);
  CHECK(refusal_of("::1") == brackets);
  CHECK(refusal_of("1.2.3.4:5:6") == brackets);
  for (const char* text : {"[", "[::1", "[::1]", "[::1]80", "[::1]x:80"}) {
    CAPTURE(text);
    CHECK(refusal_of(text) == behind);
  }
  CHECK(refusal_of("[]:80") == "no IPv6 address stands in the brackets; write one as in [::1]:80");
  CHECK(refusal_of("[1.2.3.4]:80") == refusal_of("[]:80"));
  CHECK(refusal_of("[fe80::1%no such zone]:80") ==
        "its zone, behind %, is a number or the name of an interface of this machine (ip link)");
  CHECK(refusal_of("localhost:80") ==
        "no IPv4 address stands before the port, as in 127.0.0.1:80; resolve() looks up names");
  CHECK(refusal_of("/run/x.sock") ==
        "a Unix socket is written with unix: before it, as in unix:/run/x.sock");
  CHECK(refusal_of("@name") == refusal_of("/run/x.sock"));
}

TEST_CASE("endpoint: a message cuts a long text and keeps control characters from the terminal") {
  CHECK_THROWS_WITH_AS(endpoint::parse("\x1b[2J" + std::string(1000, 'x')),
                       ("weft: endpoint::parse() was given '?[2J" + std::string(116, 'x') +
                        "...': it has no port; write one as in 127.0.0.1:80")
                           .c_str(),
                       std::invalid_argument);
}

TEST_CASE("endpoint: with_port() changes the port alone") {
  CHECK(endpoint::ipv4("192.0.2.7", 1).with_port(2) == endpoint::ipv4("192.0.2.7", 2));
  CHECK(endpoint::ipv6("fe80::1%2", 1).with_port(3) == endpoint::ipv6("fe80::1%2", 3));
  CHECK_THROWS_WITH_AS(endpoint::local("/x").with_port(1),
                       "weft: endpoint::with_port() was called on unix:/x: only an address of IPv4 "
                       "or IPv6 has a port",
                       std::logic_error);
  CHECK_THROWS_AS(endpoint().with_port(1), std::logic_error);
}

TEST_CASE("endpoint: one without an address, or of another family, says so") {
  const endpoint none;
  CHECK(none.family() == address_family::unspecified);
  CHECK(none.size() == 0);
  CHECK(none.port() == 0);
  CHECK(none.address() == "");
  CHECK(none.path() == "");
  CHECK(none.to_string() == "(no address)");
  CHECK(none == endpoint::from_raw(nullptr, 0));
  sockaddr netlink{};
  netlink.sa_family = AF_NETLINK;
  const auto other = endpoint::from_raw(&netlink, sizeof netlink);
  CHECK(other.family() == address_family::unspecified);
  CHECK(other.to_string() == "(an address of family 16)");
  CHECK(other != none);
  CHECK(other == endpoint::from_raw(&netlink, sizeof netlink));
}

TEST_CASE("endpoint: from_raw() refuses what is cut short and what does not fit") {
  sockaddr_storage raw{};
  raw.ss_family = AF_INET;
  CHECK(endpoint::from_raw(&raw, sizeof raw) == endpoint::any_ipv4(0));
  CHECK_THROWS_WITH_AS(
      endpoint::from_raw(&raw, 8),
      "weft: endpoint::from_raw() was given 8 bytes of an IPv4 address, which has 16",
      std::invalid_argument);
  raw.ss_family = AF_INET6;
  CHECK_THROWS_WITH_AS(
      endpoint::from_raw(&raw, 16),
      "weft: endpoint::from_raw() was given 16 bytes of an IPv6 address, which has 28",
      std::invalid_argument);
  CHECK_THROWS_WITH_AS(endpoint::from_raw(&raw, 129),
                       "weft: an endpoint was given 129 bytes, and holds 128 at most",
                       std::invalid_argument);
  endpoint kept = endpoint::loopback_ipv4(1);
  CHECK_THROWS_AS(kept.set_size(129), std::logic_error);
  CHECK(kept == endpoint::loopback_ipv4(1));
}

TEST_CASE("endpoint: what the kernel ignores makes no difference") {
  sockaddr_in padded{};
  std::memset(&padded, 0xff, sizeof padded);
  padded.sin_family = AF_INET;
  padded.sin_port = htons(80);
  padded.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto ipv4 = endpoint::from_raw(&padded, sizeof padded);
  CHECK(ipv4 == endpoint::loopback_ipv4(80));
  CHECK(ipv4.hash() == endpoint::loopback_ipv4(80).hash());

  sockaddr_in6 labelled{};
  labelled.sin6_family = AF_INET6;
  labelled.sin6_port = htons(80);
  labelled.sin6_addr = in6addr_loopback;
  labelled.sin6_flowinfo = 77;
  CHECK(endpoint::from_raw(&labelled, sizeof labelled) == endpoint::loopback_ipv6(80));

  sockaddr_un whole{};
  whole.sun_family = AF_UNIX;
  std::strcpy(whole.sun_path, "/x");
  const auto local = endpoint::from_raw(&whole, sizeof whole);
  CHECK(local == endpoint::local("/x"));
  CHECK(local.hash() == endpoint::local("/x").hash());
  CHECK(local.to_string() == "unix:/x");
  std::memset(whole.sun_path, 'y', sizeof whole.sun_path);  // the kernel takes 108, without a NUL
  CHECK(endpoint::from_raw(&whole, sizeof whole).path() == std::string(108, 'y'));
}

TEST_CASE("endpoint: equal ones hash alike, and all others are in order") {
  const std::vector<endpoint> ordered = {
      endpoint(),
      endpoint::ipv4("9.0.0.1", 1),
      endpoint::ipv4("10.0.0.1", 1),
      endpoint::ipv4("10.0.0.1", 300),
      endpoint::ipv4("200.0.0.1", 1),
      endpoint::ipv6("::1", 1),
      endpoint::ipv6("fe80::1", 1),
      endpoint::ipv6("fe80::1%2", 1),
      endpoint::ipv6("fe80::1%2", 2),
      endpoint::unnamed_local(),
      endpoint::local("@a"),
      endpoint::local("/a"),
      endpoint::local("/ab"),
  };
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    for (std::size_t k = 0; k < ordered.size(); ++k) {
      CAPTURE(ordered[i].to_string());
      CAPTURE(ordered[k].to_string());
      CHECK((ordered[i] == ordered[k]) == (i == k));
      CHECK((ordered[i] != ordered[k]) == (i != k));
      CHECK((ordered[i] < ordered[k]) == (i < k));
    }
  }
  std::unordered_set<endpoint> set(ordered.begin(), ordered.end());
  set.insert(ordered.begin(), ordered.end());
  CHECK(set.size() == ordered.size());
  CHECK(set.count(endpoint::parse("10.0.0.1:300")) == 1);
}

TEST_CASE_FIXTURE(weft_tests::no_leaks, "endpoint: system calls read and fill it in place") {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto name_of_socket = [fd] {
    endpoint filled = endpoint::local("/what/was/there/before");
    socklen_t size = endpoint::capacity();
    REQUIRE(getsockname(fd, static_cast<sockaddr*>(filled.data()), &size) == 0);
    filled.set_size(size);
    return filled;
  };
  CHECK(name_of_socket() == endpoint::unnamed_local());
  const auto unnamed = endpoint::unnamed_local();
  REQUIRE(bind(fd, static_cast<const sockaddr*>(unnamed.data()), unnamed.size()) == 0);
  CHECK(name_of_socket().is_abstract());  // what the kernel picked
  round_trip(name_of_socket());
  close(fd);
}

TEST_CASE("interleave_families: families take turns, the first one's first") {
  const auto four = [](std::uint16_t port) { return endpoint::loopback_ipv4(port); };
  const auto six = [](std::uint16_t port) { return endpoint::loopback_ipv6(port); };
  using list = std::vector<endpoint>;
  using weft::detail::interleave_families;
  CHECK(interleave_families({}) == list{});
  CHECK(interleave_families({four(1)}) == list{four(1)});
  CHECK(interleave_families({six(1), six(2), six(3), four(4), four(5)}) ==
        list{six(1), four(4), six(2), four(5), six(3)});
  CHECK(interleave_families({four(1), six(2), six(3), six(4)}) ==
        list{four(1), six(2), six(3), six(4)});
  CHECK(interleave_families({four(1), four(2), six(3)}) == list{four(1), six(3), four(2)});
}

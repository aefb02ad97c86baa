// SPDX-License-Identifier: BSL-1.0
// weft's own descriptors as cases of select: streams, datagrams, listeners. What the kernel said
// last is kept with them ("maybe"): a select neither trusts a stale bit nor misses an edge.
#include "weft/readiness.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>

#include "io/errors_of.hpp"
#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/raw_pair.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/background_loop.hpp"
#include "weft/channel.hpp"
#include "weft/local_socket.hpp"
#include "weft/spawn.hpp"
#include "weft/tcp.hpp"
#include "weft/udp.hpp"

using namespace std::chrono_literals;
using weft::after;
using weft::endpoint;
using weft::on_readable;
using weft::on_recv;
using weft::on_writable;
using weft::otherwise;
using weft::select;
using weft::spawn;
using weft::tcp_listener;
using weft::tcp_stream;
using weft::unix_stream;
using weft_tests::code_of;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;
using weft_tests::raw_pair;
using weft_tests::scaled;

namespace {

constexpr auto nothing = [] {};
constexpr auto ignored = [](auto&&) {};

char next_of(weft::file_descriptor& from) {
  char byte = 0;
  return from.read_some(&byte, 1) == 1 ? byte : '\0';
}

template <class T, class = void>
struct can_be_written : std::false_type {};
template <class T>
struct can_be_written<
    T, std::void_t<decltype(on_writable(std::declval<const T&>(), std::declval<void (*)()>()))>>
    : std::true_type {};

}  // namespace

TEST_CASE("select: a stream's bytes and its end are cases, and a stale bit is none") {
  on_virtual_time().run([] {
    auto ends = unix_stream::pair();
    unix_stream& near = ends.first;
    unix_stream& far = ends.second;
    char got = 0;
    const auto read = [&] { got = next_of(near); };
    CHECK(select(on_readable(near, read), otherwise(nothing)) == 1);
    far.write_all("ab");
    CHECK(select(on_readable(near, read), otherwise(nothing)) == 0);
    CHECK(select(on_readable(near, read), after(1h, nothing)) == 0);
    CHECK(got == 'b');
    auto speaks = spawn([&] { far.write_all("c"); });
    CHECK(select(on_readable(near, read), after(1h, nothing)) == 0);
    CHECK(got == 'c');
    speaks.get();
    // The event set the bit, and the read did not say that nothing is left: the bit is stale.
    const auto began = weft::now();
    CHECK(select(on_readable(near, read), after(1h, nothing)) == 1);
    CHECK(select(on_readable(near, read), after(1h, nothing)) == 1);
    CHECK(weft::now() - began == 2h);
    auto leaves = spawn([&] { far.close(); });
    CHECK(select(on_readable(near, read), after(1h, nothing)) == 0);
    CHECK(got == '\0');
    CHECK(select(on_readable(near, nothing), on_readable(near, nothing)) <= 1);  // it stays so
    leaves.get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "select: an edge that another case overtook is there for the next") {
  run([] {
    auto ends = unix_stream::pair();
    unix_stream& near = ends.first;
    unix_stream& far = ends.second;
    weft::channel<int> jobs;
    const std::uint64_t rounds = scaled(2'000, 200);
    std::uint64_t wrong = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      bool has_heard = false;
      bool has_received = false;
      auto selects = spawn([&] {
        while (!has_heard || !has_received) {
          select(on_readable(near,
                             [&] {
                               has_heard = true;
                               if (next_of(near) != 'x') ++wrong;
                             }),
                 on_recv(jobs, [&](auto&&) { has_received = true; }));
        }
      });
      weft::yield();
      if (round % 2 == 0) far.write_all("x");
      jobs.send(1);
      if (round % 2 != 0) far.write_all("x");
      selects.get();
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "select: a wait and a select at one stream take turns, and lose no edge") {
  run([] {
    auto ends = unix_stream::pair();
    unix_stream& near = ends.first;
    unix_stream& far = ends.second;
    for (int round = 0; round < 100; ++round) {
      auto reads = spawn([&] { return next_of(near); });
      weft::yield();
      CHECK(code_of([&] { select(on_readable(near, nothing)); }) == EEXIST);
      far.write_all("x");
      CHECK(reads.get() == 'x');
      auto selects = spawn([&] { select(on_readable(near, nothing)); });
      weft::yield();
      CHECK(code_of([&] { next_of(near); }) == EEXIST);
      far.write_all("y");
      selects.get();
      CHECK(next_of(near) == 'y');
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 66: otherwise runs only if the kernel, too, has nothing") {
  run([] {
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0));
    tcp_stream near = tcp_stream::connect(listener.local_endpoint());
    tcp_stream far = listener.accept();
    char block[16];
    for (int round = 0; round < 20; ++round) {
      auto reads = spawn([&] { return near.read_some(block, sizeof block); });
      weft::yield();
      far.write_all("x");
      CHECK(reads.get() == 1);  // a short read: nothing more is there, and the bit says so
      REQUIRE(::send(far.native_handle(), "y", 1, MSG_NOSIGNAL) == 1);
      // On the loopback a byte that was sent has arrived. Nobody has looked since.
      CHECK(select(on_readable(near, nothing), otherwise(nothing)) == 0);
      CHECK(next_of(near) == 'y');
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "select: a connection that is pending, and room to write, are cases") {
  run([] {
    tcp_listener tcp = tcp_listener::bind(endpoint::loopback_ipv4(0));
    weft::udp_socket udp = weft::udp_socket::bind(endpoint::loopback_ipv4(0));
    CHECK(select(on_readable(tcp, nothing), on_readable(udp, nothing), otherwise(nothing)) == 2);
    tcp_stream peer;
    tcp_stream taken;
    auto connects = spawn([&] { peer = tcp_stream::connect(tcp.local_endpoint()); });
    CHECK(select(on_readable(udp, nothing), on_readable(tcp, [&] { taken = tcp.accept(); })) == 1);
    connects.get();
    CHECK(taken.remote_endpoint() == peer.local_endpoint());
    auto sends = spawn([&] { udp.send_to(udp.local_endpoint(), "datagram"); });
    CHECK(select(on_readable(udp, nothing), on_readable(tcp, nothing)) == 0);
    sends.get();

    const std::string block(64 * 1024, 'x');
    std::size_t wrote = 0;
    while (select(on_writable(peer, [&] { wrote += peer.write_some(block.data(), block.size()); }),
                  otherwise(nothing)) == 0) {
    }
    auto reads = spawn([&] {
      std::string got(wrote, '\0');
      taken.read_exactly(got.data(), got.size());
    });
    CHECK(select(on_writable(peer, nothing)) == 0);
    reads.get();
  });
  static_assert(can_be_written<tcp_stream>::value && !can_be_written<tcp_listener>::value);
}

TEST_CASE_FIXTURE(no_leaks, "H26: select: a stream that is closed meanwhile, or before, is EBADF") {
  run(weft_tests::unwatched(), [] {
    auto ends = unix_stream::pair();
    unix_stream& near = ends.first;
    weft::channel<int> quiet;
    const auto choose = [&] {
      return code_of([&] { select(on_recv(quiet, ignored), on_readable(near, nothing)); });
    };
    auto selects = spawn(choose);
    weft::yield();
    const int number = near.native_handle();
    near.close();
    raw_pair next;  // has the number, and data
    CHECK(next.ends[0] == number);
    next.say("x");
    CHECK(selects.get() == EBADF);
    CHECK(choose() == EBADF);
    CHECK_FALSE(quiet.try_send(1));
  });
}

TEST_CASE_FIXTURE(no_leaks, "select: a file that is read without a wait is always ready") {
  run([] {
    std::FILE* const made = std::tmpfile();
    REQUIRE(made != nullptr);
    weft::file_descriptor file(::dup(fileno(made)));
    std::fclose(made);
    CHECK(select(on_readable(file, nothing), otherwise(nothing)) == 0);
    CHECK(select(on_writable(file, nothing)) == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "select: a stream may have been at home in another loop before") {
  weft::background_loop other;
  run([&] {
    auto ends = unix_stream::pair();
    unix_stream& near = ends.first;
    unix_stream& far = ends.second;
    auto selects = spawn([&] { select(on_readable(near, nothing)); });
    weft::yield();
    far.write_all("x");
    selects.get();
    CHECK(next_of(near) == 'x');
    auto heard = other.ref().call([moved = std::move(near)]() mutable {
      char got = 0;
      select(on_readable(moved, [&] { got = next_of(moved); }));
      return got;
    });
    far.write_all("y");
    CHECK(heard.get() == 'y');
  });
}

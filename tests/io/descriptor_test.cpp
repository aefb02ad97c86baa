// SPDX-License-Identifier: BSL-1.0
// Waiting for somebody else's descriptors: one fiber a direction, closed and reused numbers.
#include "weft/descriptor.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "io/errors_of.hpp"
#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/raw_pair.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/background_loop.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/file_descriptor.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft::wait_readable;
using weft::wait_readable_until;
using weft::wait_writable;
using weft_tests::code_of;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;
using weft_tests::raw_pair;
using weft_tests::scaled;

TEST_CASE_FIXTURE(no_leaks, "wait_readable returns when there is something to read, and again") {
  run([] {
    const raw_pair pair;
    for (int round = 0; round < 3; ++round) {
      auto reader = spawn([&] { wait_readable(pair.ends[0]); });
      weft::yield();
      CHECK_FALSE(reader.done());
      pair.say("x");
      reader.get();
      wait_readable(pair.ends[0]);  // still true
      char byte = 0;
      CHECK(::read(pair.ends[0], &byte, 1) == 1);
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "the end of a stream is readable, and a dead peer is writable") {
  run([] {
    raw_pair pair;
    auto reader = spawn([&] { wait_readable(pair.ends[0]); });
    weft::yield();
    ::close(std::exchange(pair.ends[1], -1));
    reader.get();
    wait_writable(pair.ends[0]);
  });
}

TEST_CASE_FIXTURE(no_leaks, "one fiber may wait for each direction of a descriptor") {
  run([] {
    const raw_pair pair;
    pair.fill();
    auto reader = spawn([&] { wait_readable(pair.ends[0]); });
    auto writer = spawn([&] { wait_writable(pair.ends[0]); });
    weft::yield();
    SUBCASE("the reader is first") {
      pair.say("x");
      reader.get();
      CHECK_FALSE(writer.done());
      pair.drain();
      writer.get();
    }
    SUBCASE("the writer is first") {
      pair.drain();
      writer.get();
      CHECK_FALSE(reader.done());
      pair.say("x");
      reader.get();
    }
    SUBCASE("one is cancelled") {
      reader.cancel();
      reader.join();
      CHECK_FALSE(writer.done());
      pair.drain();
      writer.get();
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "H27, torture 24: the second to wait for one direction gets EEXIST") {
  run([] {
    const raw_pair pair;
    auto first = spawn([&] { wait_readable(pair.ends[0]); });
    weft::yield();
    CHECK(code_of([&] { wait_readable(pair.ends[0]); }) == EEXIST);
    pair.say("x");
    first.get();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "H26: close_descriptor ends a wait with EBADF, and says what cannot be closed") {
  run([] {
    raw_pair pair;
    auto waiting = spawn([&] { return code_of([&] { wait_readable(pair.ends[0]); }); });
    weft::yield();
    weft::close_descriptor(std::exchange(pair.ends[0], -1));
    CHECK(waiting.get() == EBADF);
    CHECK(code_of([] { weft::close_descriptor(-1); }) == EBADF);
    CHECK(code_of([] { weft::close_descriptor(1'000'000); }) == EBADF);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a descriptor that cannot be waited for is an error at once") {
  run([] {
    CHECK(code_of([] { wait_readable(-1); }) == EBADF);
    CHECK(code_of([] { wait_readable(1'000'000); }) == EBADF);
    std::FILE* const file = std::tmpfile();
    REQUIRE(file != nullptr);
    CHECK(code_of([&] { wait_readable(fileno(file)); }) == EPERM);
    std::fclose(file);
  });
}

TEST_CASE("a deadline ends a wait for a descriptor, and the next one is whole") {
  on_virtual_time().run([] {
    const raw_pair pair;
    const auto began = weft::now();
    CHECK_FALSE(wait_readable_until(pair.ends[0], began + 1h));
    CHECK(weft::now() - began == 1h);
    CHECK_FALSE(wait_readable_until(pair.ends[0], began));
    pair.say("x");
    CHECK(wait_readable_until(pair.ends[0], weft::now() + 1h));
    CHECK_THROWS_AS(weft::with_timeout(1s, [&] { wait_readable(pair.ends[1]); }),
                    weft::timeout_error);
  });
}

TEST_CASE_FIXTURE(no_leaks, "on a plain thread a wait for a descriptor blocks that thread") {
  const raw_pair pair;
  std::thread other([&] { pair.say("x"); });
  wait_readable(pair.ends[0]);
  other.join();
  CHECK_FALSE(wait_readable_until(pair.ends[1], weft::now()));
  CHECK(code_of([] { wait_readable(1'000'000); }) == EBADF);
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 23: whoever gets a number that was waited for gets none of its events") {
  run(weft_tests::unwatched(), [] {
    const std::uint64_t rounds = scaled(20'000, 1'000);
    std::uint64_t wrong = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      raw_pair pair;
      const int number = pair.ends[0];
      auto waiting = spawn([&] { return code_of([&] { wait_readable(number); }); });
      weft::yield();
      // The event is on its way when the number changes hands.
      if (round % 2 == 0) pair.say("x");
      weft::close_descriptor(std::exchange(pair.ends[0], -1));
      raw_pair next;
      if (next.ends[0] != number) ++wrong;  // the lowest that is free
      auto other = spawn([&] { wait_readable(next.ends[0]); });
      if (waiting.get() != EBADF) ++wrong;
      weft::yield();
      weft::yield();
      if (other.done()) ++wrong;
      next.say("y");
      other.get();
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE_FIXTURE(
    no_leaks,
    "H26: what a copy of a closed descriptor says is not meant for its number's next use") {
  run(weft_tests::unwatched(), [] {
    raw_pair pair;
    const int number = pair.ends[0];
    weft::file_descriptor own(number);
    auto reads = spawn([&] {
      char byte = 0;
      own.read_some(&byte, 1);
    });
    weft::yield();
    reads.cancel();
    reads.join();
    const int copy = ::dup(number);  // keeps the registration, and its events
    ::close(number);                 // behind weft's back
    raw_pair next;
    REQUIRE(next.ends[0] == number);
    auto waits = spawn([&] { wait_readable(number); });
    weft::yield();
    pair.say("x");
    const raw_pair behind;
    behind.say("z");
    wait_readable(behind.ends[0]);  // so the kernel has told of x, too
    CHECK_FALSE(waits.done());
    next.say("y");
    waits.get();
    own.release();  // the number is no longer its
    ::close(copy);
    pair.ends[0] = -1;
  });
}

TEST_CASE_FIXTURE(no_leaks, "H26: a number that another loop has closed since is somebody else's") {
  weft::background_loop other;
  run(weft_tests::unwatched(), [&] {
    raw_pair pair;
    weft::file_descriptor own(std::exchange(pair.ends[0], -1));
    const int number = own.native_handle();
    char byte = 0;
    auto reads = spawn([&] { return own.read_some(&byte, 1); });
    weft::yield();
    pair.say("x");
    reads.get();  // it is registered here
    other.ref().call([moved = std::move(own)]() mutable { moved.close(); }).get();
    const raw_pair next;
    REQUIRE(next.ends[0] == number);
    auto waits = spawn([&] { wait_readable(number); });
    weft::yield();
    next.say("y");
    waits.get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "H27: several loops may wait for one number, and each is told") {
  weft::background_loop other;
  run([&] {
    const raw_pair pair;
    auto there = other.ref().call([&] { wait_readable(pair.ends[0]); });
    auto here = spawn([&] { wait_readable(pair.ends[0]); });
    weft::yield();
    pair.say("x");
    here.get();
    there.get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "weft's own descriptors can be waited for by number, too") {
  run([] {
    raw_pair pair;
    weft::file_descriptor own(std::exchange(pair.ends[0], -1));
    char byte = 0;
    auto reads = spawn([&] { return own.read_some(&byte, 1); });
    weft::yield();
    CHECK(code_of([&] { wait_readable(own.native_handle()); }) == EEXIST);
    pair.say("x");
    CHECK(reads.get() == 1);
    auto waits = spawn([&] { wait_readable(own.native_handle()); });
    weft::yield();
    CHECK_FALSE(waits.done());
    pair.say("y");
    waits.get();
    CHECK(own.read_some(&byte, 1) == 1);
    CHECK(byte == 'y');
  });
}

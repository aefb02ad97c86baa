// SPDX-License-Identifier: BSL-1.0
// Descriptors in a select that cannot be waited for, are closed meanwhile or waited for by somebody
// else; numbers that are used again; a select that is cancelled at one.
#include "weft/select.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include <doctest/doctest.h>

#include "io/errors_of.hpp"
#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/raw_pair.hpp"
#include "sync/do_nothing.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/descriptor.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::after;
using weft::on_readable;
using weft::on_recv;
using weft::on_writable;
using weft::select;
using weft::spawn;
using weft_tests::code_of;
using weft_tests::ignored;
using weft_tests::no_leaks;
using weft_tests::nothing;
using weft_tests::on_virtual_time;
using weft_tests::raw_pair;
using weft_tests::scaled;

TEST_CASE_FIXTURE(no_leaks, "H26: a descriptor closed while a select waits for it is EBADF") {
  run([] {
    raw_pair pair;
    weft::channel<int> quiet;
    auto selects = spawn([&] {
      return code_of([&] {
        select(on_recv(quiet, ignored), on_readable(pair.ends[0], [] { FAIL("it was closed"); }));
      });
    });
    weft::yield();
    weft::close_descriptor(std::exchange(pair.ends[0], -1));
    CHECK(selects.get() == EBADF);
    CHECK_FALSE(quiet.try_send(1));
  });
}

TEST_CASE_FIXTURE(no_leaks, "select: a descriptor that cannot be waited for is an error at once") {
  run([] {
    weft::channel<int> quiet;
    const auto code = [&](int fd) {
      return code_of([&] { select(on_recv(quiet, ignored), on_readable(fd, nothing)); });
    };
    CHECK(code(-1) == EBADF);
    CHECK(code(1'000'000) == EBADF);
    std::FILE* const file = std::tmpfile();
    REQUIRE(file != nullptr);
    CHECK(code(fileno(file)) == EPERM);
    std::fclose(file);
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(code(null) == EPERM);
    CHECK(code_of([&] { weft::wait_readable(null); }) == EPERM);
    ::close(null);
  });
  CHECK_THROWS_AS(select(on_readable(0, nothing)), std::logic_error);  // a plain thread
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 23: a select is told of its own use of a number, and of no other") {
  run(weft_tests::unwatched(), [] {
    const std::uint64_t rounds = scaled(5'000, 500);
    std::uint64_t wrong = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      raw_pair pair;
      const int number = pair.ends[0];
      auto selects = spawn([&] {
        return code_of([&] { select(on_readable(number, nothing), after(1h, nothing)); });
      });
      weft::yield();
      if (round % 2 == 0) pair.say("x");  // the event is on its way when the number changes hands
      weft::close_descriptor(std::exchange(pair.ends[0], -1));
      raw_pair next;
      if (next.ends[0] != number) ++wrong;  // the lowest that is free
      next.say("y");                        // ready, but it is not what was waited for
      auto other = spawn([&] { select(on_readable(number, nothing)); });
      if (selects.get() != EBADF) ++wrong;
      other.get();
      if (next.hear() != 'y') ++wrong;
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "H27: a select that would be second at a direction gets EEXIST") {
  run([] {
    const raw_pair pair;
    const int fd = pair.ends[0];
    auto first = spawn([&] { weft::wait_readable(fd); });
    weft::yield();
    weft::channel<int> quiet;
    CHECK(code_of([&] { select(on_recv(quiet, ignored), on_readable(fd, nothing)); }) == EEXIST);
    CHECK(select(on_writable(fd, nothing), on_readable(fd, nothing)) == 0);
    CHECK_FALSE(first.done());
    pair.say("x");
    CHECK(select(on_readable(fd, nothing)) == 0);  // it need not wait
    first.get();
    pair.hear();
    auto selects = spawn([&] { select(on_readable(fd, nothing)); });
    weft::yield();
    CHECK(code_of([&] { weft::wait_readable(fd); }) == EEXIST);
    pair.say("y");
    selects.get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "select: cancelled, it leaves the descriptor as it was") {
  on_virtual_time().run([] {
    const raw_pair pair;
    auto selects = spawn([&] { select(on_readable(pair.ends[0], [] { FAIL("cancelled"); })); });
    weft::yield();
    selects.cancel();
    pair.say("x");
    selects.join();
    CHECK(selects.was_cancelled());
    weft::wait_readable(pair.ends[0]);
    CHECK(pair.hear() == 'x');
    CHECK_THROWS_AS(weft::with_timeout(1s, [&] { select(on_readable(pair.ends[0], nothing)); }),
                    weft::timeout_error);
  });
}

// SPDX-License-Identifier: BSL-1.0
// sendfile and splice in fibers.
#include <string>

#include <sys/sendfile.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "weft/this_fiber.hpp"

using weft::spawn;
using weft_tests::hooked;

namespace {

constexpr std::size_t a_lot = 2'000'000;

int file_of(const std::string& text) {
  char name[] = "/tmp/weft_sendfile_XXXXXX";
  const int fd = mkstemp(name);
  REQUIRE(fd >= 0);
  unlink(name);
  REQUIRE(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
  return fd;
}

std::size_t read_to_end(int fd, std::string& all) {
  std::string part(65'536, '\0');
  for (ssize_t got = 1; got > 0;) {
    got = read(fd, part.data(), part.size());
    if (got > 0) all.append(part, 0, static_cast<std::size_t>(got));
  }
  return all.size();
}

}  // namespace

TEST_CASE_FIXTURE(hooked, "hook: sendfile() to a slow reader sends all, and moves its offset") {
  const std::string text(a_lot, 'f');
  run([&] {
    weft_tests::stream_pair ends;
    const int file = file_of(text);
    std::string got;
    auto reader = spawn([&] { read_to_end(ends[0], got); });
    off_t at = 10;
    CHECK(sendfile(ends[1], file, &at, a_lot) == static_cast<ssize_t>(a_lot - 10));
    CHECK(at == static_cast<off_t>(a_lot));
    ends.close_one(1);
    reader.get();
    CHECK(got.size() == a_lot - 10);
    CHECK_FALSE(weft_tests::is_nonblocking_file(ends[0]));
    close(file);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: splice() parks for data at one end and for room at the other") {
  run([&] {
    weft_tests::stream_pair from;
    weft_tests::pipe_pair pipe;
    auto writer = spawn([&] {
      const std::string text(a_lot, 's');
      CHECK(write(from[1], text.data(), a_lot) == a_lot);
      from.close_one(1);
    });
    std::string got;
    auto reader = spawn([&] { read_to_end(pipe[0], got); });
    std::size_t moved = 0;
    for (ssize_t now = 1; now > 0;) {
      now = splice(from[0], nullptr, pipe[1], nullptr, 1'000'000, 0);
      CHECK(now >= 0);
      if (now > 0) moved += static_cast<std::size_t>(now);
    }
    pipe.close_one(1);
    writer.get();
    reader.get();
    CHECK(moved == a_lot);
    CHECK(got.size() == a_lot);
  });
}

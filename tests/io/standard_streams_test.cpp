// SPDX-License-Identifier: BSL-1.0
// Standard input and output, whatever they are: only the fiber waits, and nothing that is shared
// with other processes is changed.
#include "weft/standard_streams.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "io/errors_of.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/buffered.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::file_descriptor;
using weft::spawn;
using weft_tests::code_of;
using weft_tests::no_leaks;

namespace {

// Puts another descriptor in the place of 0, 1 or 2, until it goes.
class stand_in {
 public:
  stand_in(int number, int with) : number_(number), before_(::fcntl(number, F_DUPFD_CLOEXEC, 3)) {
    ::dup2(with, number);
  }
  ~stand_in() {
    ::dup2(before_, number_);
    ::close(before_);
  }
  stand_in(const stand_in&) = delete;
  stand_in& operator=(const stand_in&) = delete;

 private:
  int number_;
  int before_;
};

// Two ends that block, as a shell would pass them on; closed at the end.
struct blocking_ends {
  blocking_ends() = default;
  ~blocking_ends() {
    for (const int one : {near, far}) {
      if (one >= 0) ::close(one);
    }
  }
  blocking_ends(const blocking_ends&) = delete;
  blocking_ends& operator=(const blocking_ends&) = delete;

  int near = -1;  // the standard stream
  int far = -1;
};

struct pipe_to_read : blocking_ends {
  pipe_to_read() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    near = ends[0];
    far = ends[1];
  }
};

struct pipe_to_write : blocking_ends {
  pipe_to_write() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    near = ends[1];
    far = ends[0];
  }
};

struct socket_ends : blocking_ends {
  socket_ends() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    near = ends[0];
    far = ends[1];
  }
};

// A terminal and the one who sits there.
struct terminal : blocking_ends {
  terminal() {
    far = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (far < 0 || ::grantpt(far) != 0 || ::unlockpt(far) != 0) return;
    char name[64];
    if (::ptsname_r(far, name, sizeof name) != 0) return;
    near = ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (near < 0) return;
    termios settings{};
    ::tcgetattr(near, &settings);
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);  // "\n" stays one byte
    ::tcsetattr(near, TCSANOW, &settings);
  }
  bool works() const { return near >= 0; }
};

bool is_blocking(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0; }

void say(int to, const std::string& text) {
  REQUIRE(::write(to, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

// Reads lines while others run, and leaves the shared flags alone.
void check_input(const blocking_ends& ends) {
  const stand_in zero(0, ends.near);
  file_descriptor in = weft::standard_input();
  CHECK(in.native_handle() > 2);
  CHECK(is_blocking(ends.near));
  char block[64];
  CHECK_FALSE(in.try_read_some(block, sizeof block).has_value());
  weft::buffered_reader<file_descriptor> lines(in);
  auto reads = spawn([&] { return *lines.read_line(); });
  weft::yield();
  CHECK_FALSE(reads.done());
  say(ends.far, "first\n");
  CHECK(reads.get() == "first");
  CHECK_FALSE(weft::move_on_after(1ms, [&] { (void)lines.read_line(); }));
  say(ends.far, "second\n");
  CHECK(lines.read_line() == "second");

  auto waits = spawn([&] { return code_of([&] { (void)lines.read_line(); }); });
  weft::yield();
  in.close();
  CHECK(waits.get() == EBADF);
  CHECK(::fcntl(0, F_GETFD) >= 0);
  CHECK(is_blocking(ends.near));
}

// Writes more than there is room for; who reads runs on the same thread.
void check_output(const blocking_ends& ends) {
  const stand_in one(1, ends.near);
  file_descriptor out = weft::standard_output();
  const std::string all(300'000, 'x');
  file_descriptor reader(::fcntl(ends.far, F_DUPFD_CLOEXEC, 3));
  auto reads = spawn([&] {
    std::string came(all.size() + 5, '\0');
    reader.read_exactly(came.data(), came.size());
    return came;
  });
  out.write_all(all);
  out.write_all({"th", "", "ree"});
  const bool is_same = reads.get() == all + "three";
  const bool blocks = is_blocking(ends.near);
  out.close();
  CHECK(is_same);
  CHECK(blocks);
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "standard input may be a pipe, and the pipe stays as it was") {
  run([] {
    pipe_to_read ends;
    check_input(ends);
    const stand_in zero(0, ends.near);
    file_descriptor in = weft::standard_input();
    auto hangup = spawn([&] { in.wait_hangup(); });
    weft::yield();
    CHECK_FALSE(hangup.done());
    ::close(std::exchange(ends.far, -1));
    hangup.get();
    char byte = 0;
    CHECK(in.read_some(&byte, 1) == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "standard input may be a socket") {
  run([] { check_input(socket_ends()); });
}

TEST_CASE_FIXTURE(no_leaks, "standard input may be a terminal, which gives lines and an end") {
  run([] {
    const terminal ends;
    if (!ends.works()) WEFT_SKIP("there are no pseudo-terminals");
    check_input(ends);
    const stand_in zero(0, ends.near);
    file_descriptor in = weft::standard_input();
    char block[64];
    say(ends.far, "not yet a line");
    CHECK_FALSE(in.try_read_some(block, sizeof block).has_value());
    say(ends.far, "\n");
    CHECK(in.read_some(block, sizeof block) == 15);
    say(ends.far, "\x04");  // Ctrl-D
    CHECK(in.read_some(block, sizeof block) == 0);
    say(ends.far, "on\n");
    CHECK(in.read_some(block, sizeof block) == 3);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a terminal that cannot be opened again is asked before each read") {
  run([] {
    const terminal ends;
    if (!ends.works()) WEFT_SKIP("there are no pseudo-terminals");
    const stand_in zero(0, ends.far);  // the master: opening it again would make a new pair
    file_descriptor in = weft::standard_input();
    char block[64];
    auto reads = spawn([&] { return in.read_some(block, sizeof block); });
    weft::yield();
    CHECK_FALSE(reads.done());
    say(ends.near, "abc");
    CHECK(reads.get() == 3);
    CHECK(is_blocking(ends.far));
  });
}

TEST_CASE_FIXTURE(no_leaks, "standard output may be a pipe, a socket or a terminal that is slow") {
  run([] {
    check_output(pipe_to_write());
    check_output(socket_ends());
    const terminal ends;
    if (ends.works()) check_output(ends);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a standard stream that nobody reads is an error, not a signal") {
  run([] {
    pipe_to_write ends;
    ::close(std::exchange(ends.far, -1));
    int code = 0;
    {
      const stand_in two(2, ends.near);
      file_descriptor out = weft::standard_error();
      code = code_of([&] { out.write_all("x"); });
    }
    CHECK(code == EPIPE);
  });
}

TEST_CASE_FIXTURE(no_leaks, "standard streams may be files, and /dev/null") {
  run([] {
    char name[] = "/tmp/weft_stdio_XXXXXX";
    blocking_ends file;
    file.near = ::mkostemp(name, O_CLOEXEC);
    ::unlink(name);
    {
      const stand_in one(1, file.near);
      weft::standard_output().write_all("content\n");
    }
    REQUIRE(::lseek(file.near, 0, SEEK_SET) == 0);
    {
      const stand_in zero(0, file.near);
      file_descriptor in = weft::standard_input();
      weft::buffered_reader<file_descriptor> lines(in);
      CHECK(lines.read_line() == "content");
      CHECK_FALSE(lines.read_line().has_value());
    }
    CHECK(is_blocking(file.near));
    blocking_ends null;
    null.near = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    {
      const stand_in zero(0, null.near);
      const stand_in one(1, null.near);
      file_descriptor in = weft::standard_input();
      char byte = 0;
      CHECK(in.read_some(&byte, 1) == 0);
      weft::standard_output().write_all(std::string(100'000, 'x'));
      CHECK(code_of([&] { in.wait_hangup(); }) == EPERM);
    }
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "a standard stream that is closed is an error, and takes no number of theirs") {
  const int before = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
  ::close(0);
  const int code = code_of([] { weft::standard_input(); });
  const int other = weft::standard_error().native_handle();
  ::dup2(before, 0);
  ::close(before);
  CHECK(code == EBADF);
  CHECK(other > 2);
}

// SPDX-License-Identifier: BSL-1.0
// Regular files in fibers, with tier::files.
#include <chrono>
#include <cstdlib>
#include <string>

#include <sys/file.h>
#include <sys/stat.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::call_end;
using weft_tests::end_of;
using weft_tests::failed;
using weft_tests::gave;
using weft_tests::hooked;

namespace {

struct folder {
  folder() { REQUIRE(mkdtemp(path) != nullptr); }
  ~folder() { REQUIRE(system(("rm -rf " + std::string(path)).c_str()) == 0); }
  std::string operator/(const char* name) const { return std::string(path) + "/" + name; }
  char path[32] = "/tmp/weft_files_XXXXXX";
};

}  // namespace

TEST_CASE_FIXTURE(hooked, "hook: files are opened, written, read, renamed and removed as ever") {
  run([] {
    const folder own;
    const std::string first = own / "first";
    const std::string second = own / "second";
    const int fd = open(first.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    REQUIRE(fd >= 0);
    struct stat about {};
    CHECK(fstat(fd, &about) == 0);
    CHECK((about.st_mode & 0777) == (0640 & ~umask(0)));
    umask(022);
    CHECK(write(fd, "hello", 5) == 5);
    CHECK(pwrite(fd, "J", 1, 0) == 1);
    CHECK(fsync(fd) == 0);
    CHECK(fdatasync(fd) == 0);
    char text[8] = {};
    CHECK(pread(fd, text, 8, 0) == 5);
    CHECK(std::string(text) == "Jello");
    CHECK(end_of([&] { return pread(fd, text, 8, -1); }) == failed(EINVAL));
    CHECK(ftruncate(fd, 2) == 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK(weft_tests::read_text(fd) == "Je");
    close(fd);
    CHECK(rename(first.c_str(), second.c_str()) == 0);
    CHECK(end_of([&] { return open(first.c_str(), O_RDONLY); }) == failed(ENOENT));
    CHECK(unlink(second.c_str()) == 0);
    CHECK(end_of([&] { return unlink(second.c_str()); }) == failed(ENOENT));
  });
}

TEST_CASE_FIXTURE(
    hooked, "hook: a fiber waits for a file lock that another one holds, and can be cancelled") {
  run([] {
    const folder own;
    const std::string path = own / "lock";
    const int one = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const int two = open(path.c_str(), O_RDWR | O_CLOEXEC);
    CHECK(flock(one, LOCK_EX) == 0);
    CHECK(end_of([&] { return flock(two, LOCK_EX | LOCK_NB); }) == failed(EWOULDBLOCK));
    call_end end;
    CHECK_FALSE(weft::move_on_after(3ms, [&] {
      end = end_of([&] { return flock(two, LOCK_EX); });
      weft::checkpoint();
    }));
    CHECK(end == failed(ECANCELED));
    auto waiter = spawn([&] { CHECK(flock(two, LOCK_EX) == 0); });
    weft::await_sleep(2ms);
    CHECK_FALSE(waiter.done());
    CHECK(flock(one, LOCK_UN) == 0);
    waiter.get();
    struct flock region {};
    region.l_type = F_WRLCK;
    CHECK(fcntl(one, F_OFD_SETLKW, &region) == 0);
    CHECK(fcntl(one, F_GETFD) == FD_CLOEXEC);
    close(one);
    close(two);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: opening a FIFO parks until somebody opens its other end") {
  run([] {
    const folder own;
    const std::string path = own / "fifo";
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    std::string got;
    auto reader = spawn([&] {
      const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
      got = weft_tests::read_text(fd);
      close(fd);
    });
    weft::await_sleep(2ms);
    CHECK_FALSE(reader.done());
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    CHECK(write(fd, "through", 7) == 7);
    reader.get();
    CHECK(got == "through");
    close(fd);
  });
}

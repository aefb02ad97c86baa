// SPDX-License-Identifier: BSL-1.0
// getaddrinfo and its like in fibers.
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "hook/offload.hpp"
#include "weft/this_fiber.hpp"

using weft::spawn;
using weft_tests::hooked;

namespace {

// "127.0.0.1:80 ..." for each address, in order.
std::string text_of(const addrinfo* all) {
  std::string text;
  for (; all != nullptr; all = all->ai_next) {
    char host[64] = {};
    char service[16] = {};
    getnameinfo(all->ai_addr, all->ai_addrlen, host, sizeof host, service, sizeof service,
                NI_NUMERICHOST | NI_NUMERICSERV);
    text += std::string(host) + ":" + service + " ";
    if (all->ai_canonname != nullptr) text += std::string("(") + all->ai_canonname + ") ";
  }
  return text;
}

std::string look_up(const char* host, const char* service, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = AF_INET;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host, service, &hints, &found);
  if (error != 0) return gai_strerror(error);
  const std::string text = text_of(found);
  freeaddrinfo(found);
  return text;
}

// Fibers that hold every thread there is for hooked calls, until the FIFO that they open is opened.
class busy_threads {
 public:
  busy_threads() {
    REQUIRE(mkdtemp(folder_) != nullptr);
    REQUIRE(mkfifo(path_.append(folder_).append("/fifo").c_str(), 0600) == 0);
    for (unsigned i = 0; i < weft::hook::most_threads; ++i) {
      all_.push_back(spawn([this] { close(open(path_.c_str(), O_RDONLY | O_CLOEXEC)); }));
    }
    weft::yield();
  }
  void end() {
    // Not hooked: no thread is left for it.
    const long other_end = syscall(SYS_openat, AT_FDCWD, path_.c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(other_end >= 0);
    for (auto& one : all_) one.join();
    close(static_cast<int>(other_end));
    unlink(path_.c_str());
    rmdir(folder_);
  }

 private:
  char folder_[32] = "/tmp/weft_names_XXXXXX";
  std::string path_;
  std::vector<weft::task<void>> all_;
};

std::string text_of(const hostent* entry) {
  if (entry == nullptr) return hstrerror(h_errno);
  char text[64] = {};
  inet_ntop(entry->h_addrtype, entry->h_addr_list[0], text, sizeof text);
  return std::string(entry->h_name) + " " + text;
}

}  // namespace

TEST_CASE_FIXTURE(hooked, "hook: getaddrinfo() gives what it gives a thread, errors as well") {
  const struct {
    const char* host;
    const char* service;
    int flags;
  } asked[] = {{"localhost", "80", 0},      {"localhost", "80", AI_CANONNAME},
               {"127.0.0.1", "80", 0},      {nullptr, "80", AI_PASSIVE},
               {"localhost", "no such", 0}, {"no.such.host.invalid", "80", AI_NUMERICHOST},
               {"localhost", nullptr, 0}};
  std::vector<std::string> expected;
  for (const auto& one : asked) expected.push_back(look_up(one.host, one.service, one.flags));
  run([&] {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(look_up(asked[i].host, asked[i].service, asked[i].flags) == expected[i]);
    }
  });
}

TEST_CASE_FIXTURE(
    hooked, "hook: fibers that ask the same at once share one question, and each has its answer") {
  run([] {
    const auto offloads = [] {
      for (const auto& one : weft::hook::counters()) {
        if (std::string(one.name) == "getaddrinfo") return one.offloads;
      }
      return std::uint64_t{0};
    };
    busy_threads busy;
    const auto before = offloads();
    std::vector<weft::task<std::string>> all;
    for (int i = 0; i < 100; ++i) {
      all.push_back(spawn([] { return look_up("localhost", "80", AI_CANONNAME); }));
    }
    weft::yield();
    for (const auto& one : all) CHECK_FALSE(one.done());  // each has asked, nobody has been asked
    busy.end();
    for (auto& one : all) CHECK(one.get() == "127.0.0.1:80 (localhost) ");
    CHECK(offloads() - before == 1);
    // Half of those that wait leave: the others have it all the same.
    all.clear();
    for (int i = 0; i < 10; ++i) {
      all.push_back(spawn([] { return look_up("localhost", "81", 0); }));
    }
    weft::yield();
    for (std::size_t i = 0; i < 10; i += 2) all[i].cancel();
    for (std::size_t i = 1; i < 10; i += 2) CHECK(all[i].get() == "127.0.0.1:81 ");
    for (std::size_t i = 0; i < 10; i += 2) all[i].join();
  });
}

TEST_CASE_FIXTURE(hooked, "hook: gethostbyname() has an answer for each fiber") {
  run([] {
    const hostent* const mine = gethostbyname("localhost");
    const std::string before = text_of(mine);
    CHECK(before == "localhost 127.0.0.1");
    spawn([&] {
      const hostent* const other = gethostbyname("127.0.0.2");
      CHECK(text_of(other) == "127.0.0.2 127.0.0.2");
      CHECK(other != mine);
    }).get();
    CHECK(text_of(mine) == before);
    CHECK(text_of(gethostbyname2("localhost", AF_INET)) == before);
    const in_addr loopback{htonl(INADDR_LOOPBACK)};
    CHECK(text_of(gethostbyaddr(&loopback, sizeof loopback, AF_INET)) == before);
  });
}

TEST_CASE_FIXTURE(
    hooked, "hook: gethostbyname_r() fills the caller's memory, or says that it is too small") {
  run([] {
    hostent entry{};
    hostent* found = nullptr;
    int error = 0;
    char few[4];
    CHECK(gethostbyname_r("localhost", &entry, few, sizeof few, &found, &error) == ERANGE);
    CHECK(found == nullptr);
    char memory[2048];
    CHECK(gethostbyname_r("localhost", &entry, memory, sizeof memory, &found, &error) == 0);
    REQUIRE(found == &entry);
    CHECK((entry.h_name >= memory && entry.h_name < memory + sizeof memory));
    CHECK(text_of(found) == "localhost 127.0.0.1");
    char host[64] = {};
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(getnameinfo(reinterpret_cast<sockaddr*>(&at), sizeof at, host, sizeof host, nullptr, 0,
                      0) == 0);
    CHECK(std::string(host) == "localhost");
  });
}

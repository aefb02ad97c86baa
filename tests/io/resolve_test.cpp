// SPDX-License-Identifier: BSL-1.0
// resolve: what it answers itself, what it asks getaddrinfo, and how it fails or is cancelled.
// The program has a getaddrinfo of its own, so that a test holds it up, or decides what it says,
// and no test waits for a name server.
#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <mutex>
#include <ostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "support/skip.hpp"
#include "sync/pool_at_rest.hpp"
#include "weft/endpoint.hpp"
#include "weft/resolve.hpp"
#include "weft/spawn.hpp"
#include "weft/tcp.hpp"
#include "weft/this_fiber.hpp"
#include "weft/to_thread.hpp"

using weft::address_family;
using weft::endpoint;
using weft::resolve;
using weft_tests::one_thread;
using weft_tests::pool_at_rest;

namespace {

using endpoints = std::vector<endpoint>;
using lookup = std::function<int(const char* host, const char* service, const addrinfo& hints)>;

// Answers for the library's getaddrinfo while it lives; results are taken from `list`.
class scripted_lookup {
 public:
  explicit scripted_lookup(lookup answer) {
    const std::lock_guard<std::mutex> hold(lock());
    current() = std::move(answer);
  }
  ~scripted_lookup() {
    const std::lock_guard<std::mutex> hold(lock());
    current() = nullptr;
    list().clear();
  }
  scripted_lookup(const scripted_lookup&) = delete;
  scripted_lookup& operator=(const scripted_lookup&) = delete;

  static void add(endpoint& address, int family) {
    auto& nodes = list();
    addrinfo node{};
    node.ai_family = family;
    node.ai_addr = static_cast<sockaddr*>(address.data());
    node.ai_addrlen = address.size();
    nodes.push_back(node);
    for (std::size_t i = 0; i + 1 < nodes.size(); ++i) nodes[i].ai_next = &nodes[i + 1];
  }

  static std::mutex& lock() {
    static std::mutex only;
    return only;
  }
  static lookup& current() {
    static lookup only;
    return only;
  }
  static std::vector<addrinfo>& list() {
    static std::vector<addrinfo> only;
    return only;
  }
};

template <class F>
F* next_named(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

std::error_code eai(int code) { return {code, weft::resolve_category()}; }

}  // namespace

// Found before the C library's own.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  lookup answer;
  {
    const std::lock_guard<std::mutex> hold(scripted_lookup::lock());
    answer = scripted_lookup::current();
  }
  if (!answer) {
    return next_named<decltype(getaddrinfo)>("getaddrinfo")(host, service, hints, found);
  }
  const int status = answer(host, service, *hints);
  if (status == 0) *found = scripted_lookup::list().data();
  return status;
}

extern "C" void freeaddrinfo(addrinfo* found) noexcept {
  const auto& nodes = scripted_lookup::list();
  if (!nodes.empty() && found == nodes.data()) return;
  next_named<decltype(freeaddrinfo)>("freeaddrinfo")(found);
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: an address with a port needs no thread and no look-up") {
  run([] {
    const scripted_lookup never([](const char*, const char*, const addrinfo&) {
      FAIL_CHECK("getaddrinfo was called");
      return EAI_FAIL;
    });
    const auto before = weft::measure_thread_pool().threads;
    CHECK(resolve("192.0.2.7", "80") == endpoints{endpoint::ipv4("192.0.2.7", 80)});
    CHECK(resolve("::1", "65535") == endpoints{endpoint::loopback_ipv6(65535)});
    CHECK(resolve("fe80::1%2", "0") == endpoints{endpoint::ipv6("fe80::1%2", 0)});
    CHECK(resolve("192.0.2.7", "") == endpoints{endpoint::ipv4("192.0.2.7", 0)});
    CHECK(resolve("::1", "1", {address_family::ipv6, true}) ==
          endpoints{endpoint::loopback_ipv6(1)});
    CHECK(weft::measure_thread_pool().threads == before);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: the machine's own name gives loopback addresses") {
  run([] {
    const auto found = resolve("localhost", "80");
    REQUIRE_FALSE(found.empty());
    for (const auto& one : found) {
      CAPTURE(one.to_string());
      CHECK(one.port() == 80);
      CHECK((one.address() == "::1" || one.address().compare(0, 4, "127.") == 0));
    }
    for (const auto& one : resolve("localhost", "80", {address_family::ipv4})) {
      CHECK(one.family() == address_family::ipv4);
    }
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: an empty host is loopback, or for listeners anything") {
  run([] {
    CHECK(resolve("", "80", {address_family::ipv4}) == endpoints{endpoint::loopback_ipv4(80)});
    CHECK(resolve("", "80", {address_family::ipv4, true}) == endpoints{endpoint::any_ipv4(80)});
    CHECK(resolve("", "80", {address_family::ipv6}) == endpoints{endpoint::loopback_ipv6(80)});
    CHECK(resolve("", "80", {address_family::ipv6, true}) == endpoints{endpoint::any_ipv6(80)});
    CHECK(resolve("", "", {address_family::ipv4}) == endpoints{endpoint::loopback_ipv4(0)});
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: services have names, also those known for UDP alone") {
  servent* const http = getservbyname("http", "tcp");
  const bool has_ntp = getservbyname("ntp", "udp") != nullptr;
  if (http == nullptr || !has_ntp) WEFT_SKIP("/etc/services does not list http and ntp");
  run([] {
    CHECK(resolve("192.0.2.7", "http") == endpoints{endpoint::ipv4("192.0.2.7", 80)});
    CHECK(resolve("192.0.2.7", "ntp") == endpoints{endpoint::ipv4("192.0.2.7", 123)});
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: getaddrinfo's order is kept, and nothing comes twice") {
  auto six = endpoint::loopback_ipv6(7);
  auto four = endpoint::loopback_ipv4(7);
  auto other = endpoint::local("/not/of/a/host");
  std::string asked;
  int type = 0;
  const scripted_lookup script([&](const char* host, const char* service, const addrinfo& hints) {
    asked = std::string(host) + " " + service;
    type = hints.ai_socktype;
    return 0;
  });
  scripted_lookup::add(four, AF_INET);
  scripted_lookup::add(other, AF_UNIX);
  scripted_lookup::add(six, AF_INET6);
  scripted_lookup::add(four, AF_INET);
  run([&] { CHECK(resolve("example.com", "7") == endpoints{four, six}); });
  CHECK(asked == "example.com 7");
  CHECK(type == SOCK_STREAM);
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: an answer without an address of a host is an error") {
  auto other = endpoint::local("/not/of/a/host");
  const scripted_lookup script([](const char*, const char*, const addrinfo&) { return 0; });
  scripted_lookup::add(other, AF_UNIX);
  run([] {
    std::error_code error;
    CHECK(resolve("example.com", "7", error).empty());
    CHECK(error == eai(EAI_NONAME));
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: an error names host and service and says what failed") {
  run([] {
    try {
      resolve("192.0.2.7", "no-such-service");
      FAIL("nothing was thrown");
    } catch (const std::system_error& error) {
      CHECK(error.code() == eai(EAI_SERVICE));
      CHECK(error.what() == "weft: resolve() of host '192.0.2.7' and service 'no-such-service': " +
                                std::string(gai_strerror(EAI_SERVICE)));
    }
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: what getaddrinfo says is the error's code") {
  int says = 0;
  const scripted_lookup script([&says](const char*, const char*, const addrinfo&) {
    errno = ENFILE;
    return says;
  });
  run([&says] {
    std::error_code error;
    for (const int code : {EAI_NONAME, EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_FAMILY}) {
      says = code;
      CHECK(resolve("example.com", "80", error).empty());
      CHECK(error == eai(code));
      CHECK(error.message() == gai_strerror(code));
    }
    says = EAI_SYSTEM;
    CHECK(resolve("example.com", "80", error).empty());
    CHECK(error == std::error_code(ENFILE, std::system_category()));
    CHECK_THROWS_WITH_AS(resolve("example.com", "80"),
                         ("weft: resolve() of host 'example.com' and service '80': " +
                          std::system_category().message(ENFILE))
                             .c_str(),
                         std::system_error);
  });
}

TEST_CASE("resolve: its category has a name and equals the standard's conditions") {
  CHECK(std::string(weft::resolve_category().name()) == "weft.resolve");
  CHECK(eai(EAI_AGAIN) == std::errc::resource_unavailable_try_again);
  CHECK(eai(EAI_MEMORY) == std::errc::not_enough_memory);
  CHECK(eai(EAI_NONAME) != std::errc::not_enough_memory);
  CHECK(eai(EAI_NONAME) != std::error_code(EAI_NONAME, std::generic_category()));
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: a failed code is cleared by what succeeds") {
  run([] {
    std::error_code error = eai(EAI_FAIL);
    CHECK(resolve("192.0.2.7", "80", error).size() == 1);
    CHECK_FALSE(error);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: what the C library would misread is refused") {
  run([] {
    std::error_code error;
    for (const char* service : {"65536", "65616", "99999999999", "-1", "+80", " 80", "80 "}) {
      CAPTURE(service);
      for (const char* host : {"192.0.2.7", "localhost", ""}) {
        CHECK(resolve(host, service, error).empty());
        CHECK(error == eai(EAI_SERVICE));
      }
    }
    CHECK(resolve("localhost", std::string("http\0x", 6), error).empty());
    CHECK(error == eai(EAI_SERVICE));
    CHECK(resolve(std::string("localhost\0.example.com", 22), "80", error).empty());
    CHECK(error == eai(EAI_NONAME));
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: an address of the family that was not asked for") {
  run([] {
    std::error_code error;
    CHECK(resolve("::1", "80", {address_family::ipv4}, error).empty());
    CHECK(error == eai(EAI_ADDRFAMILY));
    CHECK(resolve("127.0.0.1", "80", {address_family::ipv6}, error).empty());
    CHECK(error == eai(EAI_ADDRFAMILY));
    CHECK_THROWS_WITH_AS(resolve("/run/x", "80", {address_family::local}),
                         "weft: resolve() was asked for the family local: it looks up hosts; "
                         "endpoint::local() makes the address of a Unix socket",
                         std::logic_error);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: a cancel withdraws a look-up that has not begun") {
  bool has_asked = false;
  const scripted_lookup script([&has_asked](const char*, const char*, const addrinfo&) {
    has_asked = true;
    return EAI_FAIL;
  });
  run([] {
    one_thread pool;
    pool.occupy();
    auto waiting = weft::spawn([] {
      std::error_code error;
      resolve("example.com", "80", error);  // a cancel is thrown here, too
      FAIL_CHECK("it was not cancelled");
    });
    weft::yield();
    CHECK(weft::measure_thread_pool().queued == 1);
    waiting.cancel();
    waiting.join();  // while the only thread is still busy
    CHECK(waiting.was_cancelled());
    pool.release();
    weft::to_thread([] {});  // would come behind it
  });
  CHECK_FALSE(has_asked);
}

TEST_CASE_FIXTURE(pool_at_rest, "torture 37: a cancel returns at once while getaddrinfo runs on") {
  weft_tests::capture_reports reports;
  std::promise<void> begun;
  std::promise<void> end;
  std::string asked;
  const scripted_lookup script([&](const char* host, const char* service, const addrinfo&) {
    begun.set_value();
    end.get_future().wait();
    asked = std::string(host) + " " + service;
    return EAI_FAIL;
  });
  run([&] {
    one_thread pool;
    auto caller = weft::spawn([] {
      const std::string host = "a.host.of.the.caller.example.com";
      resolve(host, "80");
    });
    weft::yield();
    begun.get_future().wait();
    caller.cancel();
    caller.join();  // its host is gone, and the look-up has its own
    CHECK(caller.was_cancelled());
    end.set_value();
    weft::to_thread([] {});  // the same thread, later
  });
  CHECK(asked == "a.host.of.the.caller.example.com 80");
  CHECK(reports.texts().empty());  // a look-up that nobody waits for fails in silence
}

TEST_CASE_FIXTURE(pool_at_rest,
                  "torture 37: slow look-ups that are given up are dropped, each with its answer") {
  constexpr int times = 200;
  std::promise<void> end;
  const std::shared_future<void> may_end = end.get_future().share();
  std::atomic<int> begun{0};
  auto somebody = endpoint::loopback_ipv4(7);
  const scripted_lookup script([&](const char*, const char*, const addrinfo&) {
    ++begun;
    may_end.wait();
    return 0;
  });
  scripted_lookup::add(somebody, AF_INET);
  run([&] {
    const weft_tests::one_thread pool(4);
    int cancelled = 0;
    for (int i = 0; i < times; ++i) {
      auto caller = weft::spawn([i] {
        if (i % 2 == 0) {
          resolve("slow.example.com", "80");
        } else {
          weft::tcp_stream::connect("slow.example.com", "80");
        }
      });
      weft::yield();
      while (begun.load() == 0) std::this_thread::yield();  // others may be withdrawn in time
      caller.cancel();
      caller.join();  // and not the look-up, which ends behind this loop
      cancelled += caller.was_cancelled() ? 1 : 0;
    }
    CHECK(cancelled == times);
    end.set_value();
    CHECK(resolve("slow.example.com", "80").size() == 1);  // the next one is served
  });
  while (weft::measure_thread_pool().busy != 0) std::this_thread::yield();  // then the script goes
  CHECK(begun.load() >= 2);  // the last one, and one that was given up
}

TEST_CASE_FIXTURE(pool_at_rest, "torture 37: other fibers run while a look-up takes its time") {
  std::promise<void> gate;
  const scripted_lookup script([&gate](const char*, const char*, const addrinfo&) {
    gate.get_future().wait();  // only a fiber that runs meanwhile opens it
    return EAI_NONAME;
  });
  run([&gate] {
    auto other = weft::spawn([&gate] { gate.set_value(); });
    std::error_code error;
    resolve("example.com", "80", error);
    CHECK(error == eai(EAI_NONAME));
    other.join();
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "resolve: on a plain thread it is an ordinary call") {
  const auto before = weft::measure_thread_pool().threads;
  CHECK(resolve("192.0.2.7", "80").size() == 1);
  CHECK(resolve("", "80", {address_family::ipv4}) == endpoints{endpoint::loopback_ipv4(80)});
  CHECK_THROWS_AS(resolve("192.0.2.7", "no-such-service"), std::system_error);
  CHECK(weft::measure_thread_pool().threads <= before);
}

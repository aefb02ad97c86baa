// SPDX-License-Identifier: BSL-1.0
// The C library's own lookups, which ask the slow server of dns_server.cpp.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "row.hpp"

namespace legacy {
namespace {

struct release {
  void operator()(addrinfo* one) const { freeaddrinfo(one); }
};

void look_up(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name.c_str(), "80", &hints, &found);
  require(error == 0, name + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, release> all(found);
  char text[INET_ADDRSTRLEN] = "";
  require(found->ai_family == AF_INET, "no IPv4 address");
  inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr, text, sizeof text);
  require(text == std::string("192.0.2.7"), std::string("another address: ") + text);
}

void ask_the_same(int) { look_up("slow.test"); }
void ask_another(int index) { look_up("slow" + std::to_string(index) + ".test"); }

}  // namespace

std::vector<row> name_rows() {
  return {
      {"getaddrinfo", "one name, answered after 0.2 s", 50, &ask_the_same},
      {"getaddrinfo, names", "50 names, by 12 threads at most", 50, &ask_another},
  };
}

}  // namespace legacy

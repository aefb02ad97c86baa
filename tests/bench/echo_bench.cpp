// SPDX-License-Identifier: BSL-1.0
// echo: the processor time that a server takes for a request of 64 bytes, over loopback, with so
// many connections that each have one request under way. The server has a core of its own; the
// client's time does not count.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "program.hpp"
#include "server_client.hpp"

namespace {

using namespace cost;

std::unique_ptr<server_client> echo_client(const char* program, std::size_t connections) {
  return std::make_unique<server_client>(std::make_unique<server_process>(program), connections,
                                         echo_request(), echo_request());
}

// A client in a process of its own: a process may have 20,000 descriptors or so, and the clients of
// all servers are there at once.
class distant_client final : public contender {
 public:
  distant_client(const char* program, std::size_t connections) {
    int orders[2];
    int answers[2];
    if (::pipe2(orders, O_CLOEXEC) != 0 || ::pipe2(answers, O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipe");
    }
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no child process");
    if (pid_ == 0) {
      ::close(orders[1]);
      ::close(answers[0]);
      obey(program, connections, orders[0], answers[1]);
    }
    ::close(orders[0]);
    ::close(answers[1]);
    to_ = orders[1];
    from_ = answers[0];
    take_answer();  // it has connected
  }
  ~distant_client() override {
    // Children forked later have inherited the pipe: its end would not be seen.
    const std::uint64_t no_more = 0;
    if (::write(to_, &no_more, sizeof no_more) == sizeof no_more) ::waitpid(pid_, nullptr, 0);
    ::close(to_);
    ::close(from_);
  }

  std::uint64_t run(std::uint64_t operations) override {
    if (::write(to_, &operations, sizeof operations) != sizeof operations) {
      throw std::runtime_error("the client has gone");
    }
    return take_answer();
  }

  double elsewhere_ns() const override { return last_.server_ns - cpu_ns(); }

 private:
  struct answer {
    std::uint64_t done;
    double server_ns;
  };

  [[noreturn]] static void obey(const char* program, std::size_t connections, int from, int to) {
    try {
      const auto here = echo_client(program, connections);
      answer now{0, here->server_ns()};
      while (::write(to, &now, sizeof now) == sizeof now) {
        std::uint64_t operations = 0;
        if (::read(from, &operations, sizeof operations) != sizeof operations) break;
        if (operations == 0) break;
        now = {here->run(operations), 0};
        now.server_ns = here->server_ns();
      }
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", program, error.what());
    }
    ::_exit(0);
  }

  std::uint64_t take_answer() {
    if (::read(from_, &last_, sizeof last_) != sizeof last_) {
      throw std::runtime_error("the client has gone");
    }
    return last_.done;
  }

  pid_t pid_ = 0;
  int to_ = -1;
  int from_ = -1;
  answer last_{};
};

std::unique_ptr<contender> client_of(const char* program, std::size_t connections) {
  if (connections < 5000) return echo_client(program, connections);
  return std::make_unique<distant_client>(program, connections);
}

std::vector<row> rows(const arguments& given) {
  raise_descriptor_limit();
  std::vector<row> all;
  for (const std::size_t connections : {1, 100, 1000, 10000}) {
    if (given.is_quick && connections > 100) break;
    row one;
    one.name = std::to_string(connections) + (connections == 1 ? " connection" : " connections");
    one.peer = raw_epoll;
    for (const echo_program& each : echo_programs()) {
      one.entries.push_back(
          {each.side, [path = each.path, connections] { return client_of(path, connections); }});
    }
    if (connections != 1) {
      const double most = connections == 100 ? 1.03 : connections == 1000 ? 1.08 : 1.19;
      for (const char* const side :
           {weft_asm, weft_fcontext, "asm, no watchdog", "fcontext, no watchdog"}) {
        one.goals.push_back({side, raw_epoll, most});
        one.goals.push_back({side, "Asio", 1});
        one.goals.push_back({side, "libuv", 1});
      }
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({"echo", {"ns", 1, 1}, &rows, &measure_servers}, argc, argv);
}

// SPDX-License-Identifier: BSL-1.0
// blocking: 200 unmodified blocking clients, one after another and then at once on one thread
//
//   blocking [--clients N]      N: from 1 to 2000; 200 if not given
//
// The client below is C as in a textbook: socket(), connect(), send(), recv(), close(). It knows
// nothing of weft, has no callback, and no descriptor is made non-blocking. libweft-hook stands
// before these functions, so that a call that would block the thread parks its fiber instead. A
// server in a process of its own takes 0.2 s for each answer.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "machine.hpp"

using namespace std::chrono_literals;
using machine::stopwatch;

// ---- the client: nothing but the C library ------------------------------------------------------

// Asks the server one thing and waits for the answer. False if anything went wrong.
static bool ask(std::uint16_t port, int number) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return false;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string question = std::to_string(number) + "\n";
  std::string answer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 &&
      ::send(fd, question.data(), question.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(question.size())) {
    char bytes[64];
    for (ssize_t got; (got = ::recv(fd, bytes, sizeof bytes, 0)) > 0;) {
      answer.append(bytes, static_cast<std::size_t>(got));
    }
  }
  ::close(fd);
  return answer == "answer to " + question;
}

// ---- the slow server: a process of its own, of poll() and deadlines -----------------------------

constexpr auto answer_time = 200ms;

class slow_server {
 public:
  // Returns the port. The process ends with ours: it holds the other end of a pipe.
  std::uint16_t start(int connections) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof here;
    if (::pipe(life_) != 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&here), length) != 0 ||
        ::listen(listener_, connections) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &length) != 0) {
      std::perror("blocking: the server can't listen");
      std::exit(1);
    }
    process_ = ::fork();
    if (process_ < 0) {
      std::perror("blocking: the server can't be started");
      std::exit(1);
    }
    if (process_ == 0) {
      ::close(life_[1]);
      serve();
      ::_exit(0);
    }
    ::close(life_[0]);
    ::close(listener_);
    return ntohs(here.sin_port);
  }

  void stop() {
    ::close(life_[1]);
    ::waitpid(process_, nullptr, 0);
  }

 private:
  using clock = std::chrono::steady_clock;
  struct question {
    int fd;
    std::string text;
    clock::time_point due;
  };

  void serve() {
    std::vector<pollfd> watched{{life_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    std::deque<question> waiting;  // all take equally long: the first is due first
    for (;;) {
      const int wait = waiting.empty() ? -1 : milliseconds_until(waiting.front().due);
      ::poll(watched.data(), watched.size(), wait);
      if (watched[0].revents != 0) return;
      for (std::size_t i = watched.size() - 1; i > 1; --i) {
        if (watched[i].revents == 0) continue;
        char bytes[64];
        const ssize_t got = ::recv(watched[i].fd, bytes, sizeof bytes, 0);
        const std::size_t length = got > 0 ? static_cast<std::size_t>(got) : 0;
        waiting.push_back({watched[i].fd, {bytes, length}, clock::now() + answer_time});
        watched.erase(watched.begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (watched[1].revents != 0) {
        const int fd = ::accept(listener_, nullptr, nullptr);
        if (fd >= 0) watched.push_back({fd, POLLIN, 0});
      }
      for (; !waiting.empty() && waiting.front().due <= clock::now(); waiting.pop_front()) {
        const std::string answer = "answer to " + waiting.front().text;
        ::send(waiting.front().fd, answer.data(), answer.size(), MSG_NOSIGNAL);
        ::close(waiting.front().fd);
      }
    }
  }

  static int milliseconds_until(clock::time_point due) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - clock::now());
    return std::max(0, static_cast<int>(left.count()));
  }

  int listener_ = -1;
  int life_[2] = {-1, -1};
  pid_t process_ = -1;
};

// ---- and this is all that is new ----------------------------------------------------------------
#include <weft/hook.hpp>
#include <weft/weft.hpp>

struct outcome {
  int answered = 0;
  int failed = 0;
  double seconds = 0;
};

static long threads_now() { return machine::number_after("/proc/self/status", "Threads:", -1); }

static void show(const char* mark, const outcome& so_far, int clients, const stopwatch& watch) {
  std::printf("%s   | %4.2f s   answered: %3d of %d   threads: %ld%s", mark, watch.seconds(),
              so_far.answered, clients, threads_now(), *mark == '\r' ? "" : "\n");
  std::fflush(stdout);
}

// One fiber for each client; another one shows the counter.
static outcome ask_in_fibers(std::uint16_t port, int clients, bool is_counter_wanted) {
  outcome result;
  weft::options how;
  how.slow_step = weft::duration::zero();  // its watchdog would be a second thread
  const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  const stopwatch watch;
  weft::run(how, [&] {
    const weft::task<> counter = weft::spawn([&] {
      while (is_counter_wanted) {
        weft::await_sleep(is_terminal ? 20ms : 50ms);
        show(is_terminal ? "\r" : "", result, clients, watch);
      }
    });
    std::vector<weft::task<>> all;
    for (int i = 0; i < clients; ++i) {
      all.push_back(weft::spawn([&, i] { ++(ask(port, i) ? result.answered : result.failed); }));
    }
    weft::gather(all);
    result.seconds = watch.seconds();
    if (is_counter_wanted) {
      if (is_terminal) std::printf("\r");
      show("", result, clients, watch);
    }
  });
  return result;
}

static bool all_answered(const outcome& result, int clients) {
  if (result.answered == clients) return true;
  std::printf("   %d of %d clients got no answer, or a wrong one\n", clients - result.answered,
              clients);
  return false;
}

// A few of them, and what all would take.
static outcome ask_one_by_one(std::uint16_t port, int count) {
  outcome result;
  const stopwatch watch;
  for (int i = 0; i < count; ++i) ++(ask(port, i) ? result.answered : result.failed);
  result.seconds = watch.seconds();
  return result;
}

static double extrapolate(const outcome& measured, int clients) {
  return measured.seconds / (measured.answered + measured.failed) * clients;
}

// The same program once more, told by its environment to leave the C library alone.
static bool run_without_hooks(std::uint16_t port, int count) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("WEFT_HOOKS", "0", 1);
    const std::string port_text = std::to_string(port);
    const std::string count_text = std::to_string(count);
    ::execl("/proc/self/exe", "blocking", "--fibers-only", port_text.c_str(), count_text.c_str(),
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

constexpr int sample = 5;

static int fibers_only(std::uint16_t port, int clients) {
  weft::hook::install();
  const outcome result = ask_in_fibers(port, sample, false);
  if (!all_answered(result, sample)) return 1;
  std::printf("   | %d of them: %.2f s, so %d would take %.0f s\n", sample, result.seconds, clients,
              extrapolate(result, clients));
  std::fflush(stdout);
  return 0;
}

// A connection is a descriptor here and one in the server.
static void allow_descriptors(int clients) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto wanted = static_cast<rlim_t>(clients) + 64;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  if (limit.rlim_cur > limit.rlim_max || ::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    std::fprintf(stderr, "blocking: %d clients need more descriptors than `ulimit -n` allows\n",
                 clients);
    std::exit(1);
  }
}

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "--fibers-only") == 0) {  // from run_without_hooks()
    return fibers_only(static_cast<std::uint16_t>(std::atoi(argv[2])), std::atoi(argv[3]));
  }
  int clients = 200;
  if (argc == 3 && std::strcmp(argv[1], "--clients") == 0) clients = std::atoi(argv[2]);
  if ((argc != 1 && argc != 3) || clients < 1 || clients > 2000) {
    std::fprintf(stderr, "usage: %s [--clients N]   N: from 1 to 2000\n", argv[0]);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  ::unsetenv("WEFT_HOOKS");  // the program sets it itself, in its last part
  allow_descriptors(clients);
  slow_server server;
  const std::uint16_t port = server.start(clients);

  std::printf(
      "%d clients ask a server that takes 0.2 s for each answer. They are plain blocking C:\n"
      "socket(), connect(), send(), recv() until the end, close().\n\n"
      "One after another:\n",
      clients);
  const outcome serial = ask_one_by_one(port, sample);
  const double serial_seconds = extrapolate(serial, clients);
  bool is_well = all_answered(serial, sample);
  std::printf("   | %d of them: %.2f s, so %d would take %.0f s\n", sample, serial.seconds, clients,
              serial_seconds);

  std::printf("\nAll %d at once, each in a fiber, the same function on this one thread:\n", clients);
  weft::hook::require();  // as install(), but throws where one of the functions is not hooked
  const outcome together = ask_in_fibers(port, clients, true);
  is_well = all_answered(together, clients) && is_well;
  std::printf("   %.2f s: %.0f times as fast.\n", together.seconds,
              serial_seconds / together.seconds);

  std::printf(
      "\nThe same fibers with WEFT_HOOKS=0, which leaves the C library's functions as they are:\n"
      "recv() blocks the thread, and with it every other fiber.\n");
  is_well = run_without_hooks(port, clients) && is_well;
  server.stop();
  std::printf(
      "\nWhat was added to the program: weft::hook::install(), weft::run(), weft::spawn().\n");
  return is_well ? 0 : 1;
}

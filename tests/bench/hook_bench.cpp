// SPDX-License-Identifier: BSL-1.0
// What libweft-hook costs where nothing has to wait: a call in a fiber whose data are there, and a
// call on a thread that has no loop, each beside the C library's own. The latter are called by the
// pointers that libc.so.6 gives, from the same loop; all others by name, as a program does.
#include <weft/hook.hpp>
#include <weft/weft.hpp>

#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "program.hpp"
#include "weft_quiet.hpp"

namespace {

using namespace cost;

template <class F>
F* of_libc(const char* name, F*) {
  void* const libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  void* const found = libc != nullptr ? dlsym(libc, name) : nullptr;
  if (found == nullptr) {
    std::fprintf(stderr, "bench_hook: libc.so.6 has no %s\n", name);
    std::exit(1);
  }
  return reinterpret_cast<F*>(found);
}

// The functions of one side.
struct functions {
  decltype(&::recv) recv = &::recv;
  decltype(&::send) send = &::send;
  decltype(&::read) read = &::read;
  decltype(&::write) write = &::write;
  decltype(&::poll) poll = &::poll;
  decltype(&::pthread_mutex_lock) lock = &::pthread_mutex_lock;
  decltype(&::pthread_mutex_unlock) unlock = &::pthread_mutex_unlock;
};

functions libc_functions() {
  functions all;
  all.recv = of_libc("recv", all.recv);
  all.send = of_libc("send", all.send);
  all.read = of_libc("read", all.read);
  all.write = of_libc("write", all.write);
  all.poll = of_libc("poll", all.poll);
  all.lock = of_libc("pthread_mutex_lock", all.lock);
  all.unlock = of_libc("pthread_mutex_unlock", all.unlock);
  return all;
}

void need(bool holds, const char* what) {
  if (holds) return;
  std::perror(what);
  std::exit(1);
}

// Two ends that are connected, each blocking.
struct ends {
  explicit ends(bool is_pipe) {
    need((is_pipe ? ::pipe(fd) : ::socketpair(AF_UNIX, SOCK_STREAM, 0, fd)) == 0, "two ends");
  }
  ~ends() {
    ::close(fd[0]);
    ::close(fd[1]);
  }
  ends(const ends&) = delete;
  ends& operator=(const ends&) = delete;
  int fd[2] = {-1, -1};
};

constexpr std::size_t message = 64;

// 64 bytes that stay there.
struct peeks {
  ends two{false};
  peeks() {
    char bytes[message] = {};
    need(::send(two.fd[1], bytes, message, 0) == message, "send");
  }
  void once(const functions& by) {
    char bytes[message];
    need(by.recv(two.fd[0], bytes, message, MSG_PEEK) == message, "recv");
  }
};

struct sends_and_receives {
  ends two{false};
  void once(const functions& by) {
    char bytes[message] = {};
    need(by.send(two.fd[1], bytes, message, 0) == message, "send");
    need(by.recv(two.fd[0], bytes, message, 0) == message, "recv");
  }
};

template <bool is_pipe>
struct writes_and_reads {
  ends two{is_pipe};
  void once(const functions& by) {
    char bytes[message] = {};
    need(by.write(two.fd[1], bytes, message) == message, "write");
    need(by.read(two.fd[0], bytes, message) == message, "read");
  }
};

struct polls : peeks {
  void once(const functions& by) {
    pollfd one{two.fd[0], POLLIN, 0};
    need(by.poll(&one, 1, 1000) == 1, "poll");
  }
};

struct locks {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  void once(const functions& by) {
    by.lock(&mutex);
    by.unlock(&mutex);
  }
};

enum class place { thread, fiber };

template <class Work>
class calls final : public contender {
 public:
  calls(const functions& by, place where) : by_(by), where_(where) {}
  std::uint64_t run(std::uint64_t operations) override {
    if (where_ == place::thread) {
      repeat(operations);
    } else {
      loop_->run([&] { weft::spawn([&] { repeat(operations); }).get(); });
    }
    return operations;
  }

 private:
  // One piece of machine code for all sides.
  [[gnu::noinline]] void repeat(std::uint64_t operations) {
    for (std::uint64_t i = 0; i < operations; ++i) work_.once(by_);
  }

  Work work_;
  const functions by_;
  const place where_;
  std::unique_ptr<weft::runner> loop_ =
      where_ == place::fiber ? std::make_unique<weft::runner>(quiet()) : nullptr;
};

template <class Work>
row row_of(const char* name, double most_in_fiber, double most_on_thread) {
  const auto side = [](functions by, place where) -> std::function<std::unique_ptr<contender>()> {
    return [by, where] { return std::make_unique<calls<Work>>(by, where); };
  };
  row one;
  one.name = name;
  one.peer = "libc";
  one.entries = {{"libc", side(libc_functions(), place::thread)},
                 {"passed on", side({}, place::thread)},
                 {"in a fiber", side({}, place::fiber)}};
  one.goals = {{"passed on", "libc", most_on_thread}};
  if (most_in_fiber > 0) one.goals.push_back({"in a fiber", "libc", most_in_fiber});
  return one;
}

std::vector<row> rows(const arguments&) {
  using weft::hook::tier;
  weft::hook::require(tier::net | tier::names | tier::locks);
  constexpr double ready = 1.2, passed = 1.05, mutex = 1.25;
  return {row_of<peeks>("recv, the bytes stay", ready, passed),
          row_of<sends_and_receives>("send and recv", ready, passed),
          row_of<writes_and_reads<false>>("write and read, sockets", ready, passed),
          row_of<writes_and_reads<true>>("write and read, a pipe", ready, passed),
          row_of<polls>("poll", ready, passed),
          row_of<locks>("pthread mutex, free", 0, mutex)};
}

}  // namespace

int main(int argc, char** argv) { return run_program({"hook", {"ns", 1, 1}, &rows}, argc, argv); }

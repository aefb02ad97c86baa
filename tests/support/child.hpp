// SPDX-License-Identifier: BSL-1.0
// Runs a function, or a program, in a child process and tells how it ended and what it wrote to
// stderr: the only way to test a crash, a signal or std::exit. The child starts with every signal
// at its default (the test runner has handlers of its own) and is killed when it takes too long.
// Start it while the process has one thread. Checks inside the child are lost: return a number.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/emulated.hpp"

namespace weft_tests {

struct child_end {
  int status = -1;     // what it returned or gave to exit(); -1 if a signal ended it
  int signal = 0;      // the signal that ended it; SIGALRM: it took too long
  std::string output;  // all that it wrote to stderr (a program: to stdout, too)

  bool says(const std::string& text) const { return output.find(text) != std::string::npos; }
};

class child {
 public:
  static constexpr unsigned patience = 25;  // seconds; a test program has 120

  // Calls body() in the child; its int is the exit status. An exception ends it with status 99.
  template <class F>
  explicit child(F&& body) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    std::fflush(nullptr);
    process_ = fork();
    if (process_ < 0) std::abort();
    if (process_ == 0) {
      start_fresh(ends[1]);
      _exit(guarded(body));
    }
    close(ends[1]);
    read_end_ = ends[0];
  }
  ~child() {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      finish();
    }
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  pid_t id() const noexcept { return process_; }

  // Waits until the child has written `text`; false if it ended without.
  bool wait_for(const std::string& text) {
    while (end_.output.find(text) == std::string::npos) {
      if (!read_more()) return false;
    }
    return true;
  }

  // What was read of it so far.
  const std::string& output() const noexcept { return end_.output; }

  // Waits for its end.
  child_end finish() {
    while (read_more()) {
    }
    close(read_end_);
    int how = 0;
    while (waitpid(process_, &how, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
    if (WIFEXITED(how)) end_.status = WEXITSTATUS(how);
    if (WIFSIGNALED(how)) end_.signal = WTERMSIG(how);
    return end_;
  }

 private:
  static void start_fresh(int errors) {
    dup2(errors, STDERR_FILENO);
    for (int number = 1; number < 32; ++number) std::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const stack_t no_stack{nullptr, SS_DISABLE, 0};
    sigaltstack(&no_stack, nullptr);
    rlimit core{};
    getrlimit(RLIMIT_CORE, &core);
    core.rlim_cur = 0;  // a body may raise it again
    setrlimit(RLIMIT_CORE, &core);
    alarm(patience);
  }

  template <class F>
  static int guarded(F& body) noexcept {
    try {
      return body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
    } catch (...) {
      std::fprintf(stderr, "child: an exception\n");
    }
    return 99;
  }

  bool read_more() {
    char block[4096];
    ssize_t got = 0;
    do {
      got = read(read_end_, block, sizeof block);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return false;
    end_.output.append(block, static_cast<std::size_t>(got));
    return true;
  }

  pid_t process_ = -1;
  int read_end_ = -1;
  child_end end_;
};

// Once more where the emulator failed, not the test: now and then qemu-user does not survive that a
// child of fork() starts a thread.
template <class F>
child_end run_child(F&& body) {
  for (int tries = 1;; ++tries) {
    child_end end = child(body).finish();
    if (!is_emulated() || tries == 10 || !end.says("qemu_plugin_vcpu_init_hook")) return end;
  }
}

// A child's body: becomes a program found on PATH; status 127 if there is none.
inline int become_program(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  execvp(argv[0], argv.data());
  return 127;
}

// Runs a program found on PATH; status 127 if there is none.
inline child_end run_program(const std::vector<std::string>& words) {
  return run_child([&] { return become_program(words); });
}

// The running test program's own file: run it again with --test-case=NAME under a tool.
inline std::string this_program() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace weft_tests

// SPDX-License-Identifier: BSL-1.0
// See apart.hpp. Child and parent speak in lines: "begin ID", "answer ID N", "took CELL ID VALUE",
// "fail ID WHY", "done".
#include "cost/apart.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace cost {
namespace {

volatile sig_atomic_t interrupts = 0;

void note_interrupt(int) {
  interrupts = interrupts + 1;
  if (interrupts > 1) ::_exit(130);
}

class line_reporter final : public reporter {
 public:
  explicit line_reporter(int to) : to_(::fdopen(to, "w")) {}
  void begins(const std::string& contender) override {
    now_ = contender;
    std::fprintf(to_, "begin %s\n", contender.c_str());
    std::fflush(to_);  // what comes next may be its end
  }
  void answered(const std::string& contender, std::uint64_t answer) override {
    std::fprintf(to_, "answer %s %" PRIu64 "\n", contender.c_str(), answer);
  }
  void took(std::size_t cell, const std::string& contender, double value) override {
    std::fprintf(to_, "took %zu %s %.17g\n", cell, contender.c_str(), value);
  }
  void failed(const std::string& contender, const std::string& why) override {
    std::string line = why;
    std::replace(line.begin(), line.end(), '\n', ' ');
    std::fprintf(to_, "fail %s %s\n", contender.c_str(), line.c_str());
    std::fflush(to_);
  }
  void done() {
    std::fputs("done\n", to_);
    std::fflush(to_);
  }
  const std::string& now() const { return now_; }

 private:
  std::FILE* to_;
  std::string now_;
};

[[noreturn]] void be_the_child(const cell_group& group, const request& what, int to, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGPIPE, SIG_DFL);
  line_reporter tells(to);
  int status = 0;
  try {
    group.measure(what, tells);
    tells.done();
  } catch (const std::exception& error) {
    tells.failed(tells.now(), error.what());
    status = 1;
  } catch (...) {
    tells.failed(tells.now(), "an exception that is no std::exception left it");
    status = 1;
  }
  ::_exit(status);
}

// One child, from its fork to its end.
class child {
 public:
  child(const cell_group& group, const request& what) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0) {
      ::close(ends[0]);
      be_the_child(group, what, ends[1], parent);
    }
    ::setpgid(pid_, pid_);
    ::close(ends[1]);
    from_ = ends[0];
    patience_ = std::chrono::milliseconds(static_cast<long>(group.most_seconds * 1000));
  }
  ~child() {
    ::close(from_);
    kill();
    if (!is_waited_) ::waitpid(pid_, nullptr, 0);
  }

  // Calls take(line) for each; false: it said nothing for too long, or Ctrl-C. Every round of every
  // contender is a line, so a slow machine is no hang.
  template <class Take>
  bool read_lines(Take&& take) {
    std::string text;
    auto limit = std::chrono::steady_clock::now() + patience_;
    for (;;) {
      if (interrupted() || std::chrono::steady_clock::now() >= limit) return false;
      pollfd ready{from_, POLLIN, 0};
      if (::poll(&ready, 1, 100) <= 0) continue;
      char block[4096];
      const ssize_t count = ::read(from_, block, sizeof block);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return true;
      text.append(block, static_cast<std::size_t>(count));
      limit = std::chrono::steady_clock::now() + patience_;
      for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
        take(text.substr(0, end));
      }
    }
  }

  // How it ended; empty: by itself.
  std::string end() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    is_waited_ = true;
    ::kill(-pid_, SIGKILL);  // what it has started
    if (WIFSIGNALED(status)) {
      return std::string("crashed: ") + ::strsignal(WTERMSIG(status));
    }
    return WEXITSTATUS(status) == 0 ? "" : "left with status " + std::to_string(WEXITSTATUS(status));
  }
  void kill() { ::kill(-pid_, SIGKILL); }

 private:
  pid_t pid_ = 0;
  int from_ = -1;
  bool is_waited_ = false;
  std::chrono::steady_clock::duration patience_{};
};

struct attempt {
  findings found;
  std::string culprit;  // whom a next attempt leaves out
  std::string why;
  bool is_done = false;
};

void take_line(const cell_group& group, const std::string& line, attempt& so_far,
               const progress& shows) {
  std::istringstream words(line);
  std::string what;
  std::string who;
  words >> what;
  if (what == "done") {
    so_far.is_done = true;
    return;
  }
  std::size_t cell = 0;
  if (what == "took") words >> cell;
  words >> who;
  if (what == "begin") {
    so_far.culprit = who;
    shows(who);
    return;
  }
  finding& one = so_far.found[who];
  one.samples.resize(group.cells.size());
  if (what == "answer") words >> one.answer;
  if (what == "fail") {
    so_far.culprit = who;
    std::getline(words >> std::ws, so_far.why);
  }
  if (what == "took" && cell < one.samples.size()) {
    double value = 0;
    words >> value;
    one.samples[cell].push_back(value);
  }
}

attempt try_once(const cell_group& group, const request& what, const progress& shows) {
  attempt result;
  child one(group, what);
  if (!one.read_lines([&](const std::string& line) { take_line(group, line, result, shows); })) {
    one.kill();
    one.end();
    result.why = "hung: said nothing for " + std::to_string(static_cast<int>(group.most_seconds)) + " s";
    return result;
  }
  const std::string end = one.end();
  if (!result.is_done && result.why.empty()) result.why = end.empty() ? "ended early" : end;
  return result;
}

void check_answers(const cell_group& group, findings& found) {
  for (auto& [id, one] : found) {
    if (one.answer == contender::unchecked || group.expected == contender::unchecked) continue;
    if (one.answer == group.expected) continue;
    one.error = "gave the wrong answer: " + std::to_string(one.answer) + " instead of " +
                std::to_string(group.expected);
    for (auto& samples : one.samples) samples.clear();
  }
}

findings measure_together(const cell_group& group, request what, const progress& shows) {
  findings failed;
  for (;;) {
    attempt now = try_once(group, what, shows);
    if (now.is_done || interrupted() || now.culprit.empty()) {
      now.found.merge(failed);
      check_answers(group, now.found);
      if (!now.is_done && !interrupted()) now.found["?"].error = now.why;
      return now.found;
    }
    finding& one = failed[now.culprit];
    one.error = now.why;
    one.samples.assign(group.cells.size(), {});
    what.contenders.erase(
        std::remove(what.contenders.begin(), what.contenders.end(), now.culprit),
        what.contenders.end());
    if (what.contenders.empty()) return failed;
  }
}

}  // namespace

findings measure_apart(const cell_group& group, const request& what, const progress& shows) {
  if (!group.is_each_apart) return measure_together(group, what, shows);
  findings all;
  for (const std::string& id : what.contenders) {
    if (interrupted()) break;
    request alone = what;
    alone.contenders = {id};
    all.merge(measure_together(group, alone, shows));
  }
  return all;
}

void catch_interrupts() {
  struct sigaction how {};
  how.sa_handler = note_interrupt;
  ::sigaction(SIGINT, &how, nullptr);
  ::sigaction(SIGTERM, &how, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return interrupts != 0; }

}  // namespace cost

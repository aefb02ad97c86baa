// SPDX-License-Identifier: BSL-1.0
// See server_process.hpp.
#include "legacy/server_process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace legacy {
namespace {

using namespace std::chrono_literals;

// In the child. The kernel forgets the wish for a signal when the user changes, so that comes
// first.
[[noreturn]] void become(const std::vector<std::string>& words, const passwd* user, int last_signal,
                         int output, pid_t parent) {
  if (user != nullptr && (initgroups(user->pw_name, user->pw_gid) != 0 ||
                          setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
    _exit(126);
  }
  prctl(PR_SET_PDEATHSIG, last_signal);
  if (getppid() != parent) _exit(126);
  setpriority(PRIO_PROCESS, 0, 10);  // 200 busy servers must not keep their one client waiting
  setpgid(0, 0);                     // Ctrl-C is for the test, which ends them
  for (int number = 1; number < 32; ++number) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  for (int fd = 3; fd < 256; ++fd) close(fd);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(127);
}

sockaddr_in loopback(int port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(port));
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return where;
}

}  // namespace

pid_t start_process(const std::vector<std::string>& words, const std::string& user, int last_signal,
                    const std::string& output_file) {
  const passwd* const who = !user.empty() && geteuid() == 0 ? getpwnam(user.c_str()) : nullptr;
  const int output = open(output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (output < 0) throw std::runtime_error("cannot write " + output_file);
  const pid_t parent = getpid();
  const pid_t process = fork();
  if (process == 0) become(words, who, last_signal, output, parent);
  close(output);
  if (process < 0) throw std::runtime_error("fork");
  return process;
}

bool has_ended(pid_t process, int& status) {
  int how = 0;
  if (waitpid(process, &how, WNOHANG) != process) return false;
  status = WIFEXITED(how) ? WEXITSTATUS(how) : 256 + WTERMSIG(how);
  return true;
}

void end_process(pid_t process, int signal) {
  kill(process, signal);
  int status = 0;
  for (int i = 0; i < 300; ++i) {
    if (has_ended(process, status)) return;
    std::this_thread::sleep_for(10ms);
  }
  kill(process, SIGKILL);
  waitpid(process, &status, 0);
}

int free_port() {
  sockaddr_in where = loopback(0);
  socklen_t bytes = sizeof where;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where);
  getsockname(fd, reinterpret_cast<sockaddr*>(&where), &bytes);
  close(fd);
  return ntohs(where.sin_port);
}

bool accepts_connections(int port) {
  const sockaddr_in where = loopback(port);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool does = connect(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0;
  close(fd);
  return does;
}

std::string contents_of(const std::string& file) {
  std::ostringstream all;
  all << std::ifstream(file).rdbuf();
  return all.str();
}

bool is_on_path(const std::string& program) {
  if (program.find('/') != std::string::npos) return access(program.c_str(), X_OK) == 0;
  std::istringstream folders(std::string(std::getenv("PATH")) + ":/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace legacy

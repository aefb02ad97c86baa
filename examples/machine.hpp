// SPDX-License-Identifier: BSL-1.0
// What some examples ask of the machine: how long, how much memory, and how many threads and
// processes may be started without hurting whoever else lives here. No part of weft.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <string>

namespace machine {

class stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

constexpr long no_limit = std::numeric_limits<long>::max();

// The number that a file begins with; `otherwise` if there is none ("max", or no such file).
inline long number_in(const std::string& file, long otherwise) {
  long number = 0;
  return std::ifstream(file) >> number ? number : otherwise;
}

// The number behind a key in a file of lines like `MemAvailable:  123 kB`.
inline long number_after(const std::string& file, const std::string& key, long otherwise) {
  std::ifstream lines(file);
  long number = 0;
  for (std::string word; lines >> word;) {
    if (word == key && lines >> number) return number;
  }
  return otherwise;
}

// KiB of RAM that this process fills ("resident set", the second number in statm).
inline long resident_kib() {
  std::ifstream statm("/proc/self/statm");
  long mapped = 0;
  long resident = 0;
  statm >> mapped >> resident;
  return resident * (::sysconf(_SC_PAGESIZE) / 1024);
}

// The same for a child, where what it shares with others counts by halves, thirds, ...: fork()
// copies no memory, it shares it until somebody writes.
inline long share_kib(pid_t child) {
  return number_after("/proc/" + std::to_string(child) + "/smaps_rollup", "Pss:", 0);
}

// What is left of a limit that a container sets, no_limit if there is none: the least along the
// path of control groups that this process is in. A line of /proc/self/cgroup is `0::/path` in
// version 2 of control groups, `number:controller:/path` in version 1.
inline long left_in_control_groups(const std::string& controller, const char* limit,
                                   const char* used) {
  long left = no_limit;
  const std::string root = "/sys/fs/cgroup" + (controller.empty() ? "" : "/" + controller);
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t name = line.find(':') + 1;
    const std::size_t end = line.find(':', name);
    if (line.substr(name, end - name) != controller) continue;
    for (std::string path = line.substr(end + 1);; path.resize(path.rfind('/'))) {
      const long most = number_in(root + path + "/" + limit, no_limit);
      if (most != no_limit) left = std::min(left, most - number_in(root + path + "/" + used, 0));
      if (path.find('/') == std::string::npos) break;
    }
  }
  return left;
}

// KiB that may be filled without pushing anybody out: half of what is free.
inline long spare_kib() {
  const long bytes =
      std::min(left_in_control_groups("", "memory.max", "memory.current"),
               left_in_control_groups("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"));
  const long available = number_after("/proc/meminfo", "MemAvailable:", 256 * 1024);
  return std::max(0L, std::min(bytes / 1024, available) / 2);
}

// How many threads and processes there may be at all.
inline long most_pids() {
  rlimit user{};
  const bool is_limited = ::getrlimit(RLIMIT_NPROC, &user) == 0 && user.rlim_cur != RLIM_INFINITY;
  return std::min({
      is_limited ? static_cast<long>(user.rlim_cur) : no_limit,
      left_in_control_groups("", "pids.max", "pids.current"),
      left_in_control_groups("pids", "pids.max", "pids.current"),
      number_in("/proc/sys/kernel/threads-max", no_limit),
      number_in("/proc/sys/kernel/pid_max", no_limit),
  });
}

// Those that may be started while leaving others a good part of what there is.
inline long spare_pids() { return std::max(0L, most_pids() / 2); }

}  // namespace machine

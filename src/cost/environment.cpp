// SPDX-License-Identifier: BSL-1.0
// Reads the system: see environment.hpp. Nothing here may fail: what can't be read is "unknown".
#include "cost/environment.hpp"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cost/build_facts.hpp"
#include "cost/contenders/versions.hpp"

namespace cost {
namespace {

std::string first_line(const std::string& file) {
  std::ifstream from(file);
  std::string line;
  std::getline(from, line);
  return line;
}

std::string or_unknown(std::string text) { return text.empty() ? "unknown" : text; }

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(std::min(line.find(": ") + 2, line.size()));
  }
  return "unknown";
}

bool has_flag(const std::string& flag) {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("flags", 0) == 0) return (line + " ").find(" " + flag + " ") != std::string::npos;
  }
  return false;
}

std::string kernel() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

// Only what is not "Not affected": the rest costs nothing.
std::string mitigations() {
  std::error_code ignored;
  std::vector<std::string> all;
  for (const auto& each : std::filesystem::directory_iterator(
           "/sys/devices/system/cpu/vulnerabilities", ignored)) {
    const std::string state = first_line(each.path().string());
    if (!state.empty() && state != "Not affected") {
      all.push_back(each.path().filename().string() + ": " + state);
    }
  }
  std::sort(all.begin(), all.end());
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "" : "; ") + one;
  return text.empty() ? "none reported" : text;
}

std::string output_of(const char* command) {
  std::FILE* const from = ::popen(command, "r");
  if (from == nullptr) return "";
  char line[256] = "";
  if (std::fgets(line, sizeof line, from) == nullptr) line[0] = '\0';
  ::pclose(from);
  std::string text = line;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string memory() {
  std::ifstream info("/proc/meminfo");
  std::string line;
  std::getline(info, line);
  return or_unknown(line.substr(std::min(line.find_first_of("0123456789"), line.size())));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_environment() {
  std::vector<std::pair<std::string, std::string>> all = {
      {"processor", processor()},
      {"cores", std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))},
      {"virtual machine", has_flag("hypervisor") ? "yes" : "no"},
      {"memory", memory()},
      {"page", std::to_string(::sysconf(_SC_PAGESIZE)) + " bytes"},
      {"kernel", kernel()},
      {"mitigations", mitigations()},
      {"frequency governor",
       or_unknown(first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))},
      {"transparent huge pages", or_unknown(first_line("/sys/kernel/mm/transparent_hugepage/enabled"))},
      {"load before", or_unknown(first_line("/proc/loadavg"))},
      {"compiler", build_compiler},
      {"flags of weft", build_weft_flags},
      {"flags of contenders", build_contender_flags},
      {"weft", std::string(build_version) + ", commit " + build_commit},
      {"Boost", peer_boost_version()},
      {"libuv", peer_libuv_version()},
      {"Asio", peer_asio_version()},
      {"Go", or_unknown(output_of("go version 2>/dev/null"))},
      {"Python", or_unknown(output_of("python3 --version 2>/dev/null"))},
      {"valgrind", or_unknown(output_of("valgrind --version 2>/dev/null"))},
  };
  return all;
}

int stay_on_one_core() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return -1;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(static_cast<unsigned>(core), &allowed)) continue;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<unsigned>(core), &only);
    return ::sched_setaffinity(0, sizeof only, &only) == 0 ? core : -1;
  }
  return -1;
}

}  // namespace cost

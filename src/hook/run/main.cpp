// SPDX-License-Identifier: BSL-1.0
// weft-run: starts a program with libweft-hook in front of the C library. Layer: hook. It becomes
// the program, so its exit status, signals and process id are the program's. What the library then
// does in there is ../preload.cpp.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <unistd.h>

#include "command_line.hpp"
#include "hook_library.hpp"
#include "program_file.hpp"
#include "weft/version.hpp"

namespace {

using namespace weft_run;

void set(const char* name, const std::string& value) {
  if (setenv(name, value.c_str(), 1) != 0) {
    throw failure(cannot_execute, std::string("cannot set ") + name + ": " + std::strerror(errno));
  }
}

// In front of what is there: the first one's functions are called.
void put_before_others(const std::string& library) {
  const char* const before = std::getenv("LD_PRELOAD");
  set("LD_PRELOAD", before == nullptr || *before == '\0' ? library : library + ":" + before);
}

void set_environment(const command_line& given) {
  put_before_others(find_hook_library());
  set("WEFT_HOOKS_INSTALL",
      std::string("net,names") + (given.locks ? ",locks" : "") + (given.files ? ",files" : ""));
  if (given.off) set("WEFT_HOOKS", "0");
  if (given.stats) set("WEFT_HOOKS_STATS", std::to_string(getpid()));  // exec keeps it
}

[[noreturn]] void become(const command_line& given) {
  const std::string file = find_program(given.program[0]);
  const std::string why = why_preload_is_ignored(file);
  if (!why.empty()) {
    std::fprintf(stderr, "weft-run: %s will not load libweft-hook.so: %s\n", file.c_str(),
                 why.c_str());
  }
  set_environment(given);
  std::fflush(stderr);
  execvp(given.program[0], given.program);
  const int error = errno;
  const bool is_missing = error == ENOENT || error == ENOTDIR;
  throw failure(is_missing ? not_found : cannot_execute,
                file + ": " + (is_missing ? "its interpreter is not there" : std::strerror(error)));
}

}  // namespace

int main(int count, char** words) {
  try {
    const command_line given = read_command_line(count, words);
    if (given.wants_help) {
      std::fputs(help_text, stdout);
      return 0;
    }
    if (given.wants_version) {
      std::puts("weft-run " WEFT_VERSION_STRING);
      return 0;
    }
    become(given);
  } catch (const failure& what) {
    std::fprintf(stderr, "weft-run: %s\n", what.what());
    if (what.status() == bad_usage) std::fputs("Try 'weft-run --help'.\n", stderr);
    return what.status();
  } catch (const std::exception& what) {
    std::fprintf(stderr, "weft-run: %s\n", what.what());
    return cannot_execute;
  }
}

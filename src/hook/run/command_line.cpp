// SPDX-License-Identifier: BSL-1.0
// See command_line.hpp.
#include "command_line.hpp"

#include <string_view>

namespace weft_run {

const char help_text[] =
    R"(usage: weft-run [--locks] [--files] [--stats] [--off] [--] PROGRAM [ARG...]

Starts PROGRAM with libweft-hook before the C library: in its fibers, blocking
calls park the fiber instead of the thread. Of use where PROGRAM loads a plugin
that uses weft; a program without fibers runs as ever.

  --locks     also pthread locks, condition variables, semaphores, std::future
  --files     also regular files
  --stats     when PROGRAM ends, print what its fibers' calls did, to stderr
  --off       load the library, but hook nothing: to compare
  --help      print this
  --version   print the version

environment:
  WEFT_HOOK_LIBRARY   the libweft-hook.so to load, instead of the one beside weft-run

PROGRAM's children inherit the library and what is hooked, not --stats.
The exit status is PROGRAM's; 127: not found, 126: cannot be executed,
2: bad usage, or libweft-hook.so was not found.

More: weft-run(1), weft-hook(7), weft-audit(1).
)";

command_line read_command_line(int count, char** words) {
  command_line given;
  int at = 1;
  for (; at < count; ++at) {
    const std::string_view word = words[at];
    if (word == "--") {
      ++at;
      break;
    }
    if (word.size() < 2 || word[0] != '-') break;
    if (word == "--help" || word == "-h") {
      given.wants_help = true;
    } else if (word == "--version") {
      given.wants_version = true;
    } else if (word == "--locks") {
      given.locks = true;
    } else if (word == "--files") {
      given.files = true;
    } else if (word == "--stats") {
      given.stats = true;
    } else if (word == "--off") {
      given.off = true;
    } else {
      throw failure(bad_usage, "there is no option '" + std::string(word) +
                                   "' (options of PROGRAM stand after its name)");
    }
  }
  if (at < count) given.program = words + at;
  if (given.program == nullptr && !given.wants_help && !given.wants_version) {
    throw failure(bad_usage, "no PROGRAM is named");
  }
  return given;
}

}  // namespace weft_run

// SPDX-License-Identifier: BSL-1.0
// See hook_library.hpp. The build gives WEFT_RUN_LIBRARY, the library's file name, and
// WEFT_RUN_LIBDIR and WEFT_RUN_BINDIR, where that and weft-run are installed: only the way from one
// to the other counts.
#include "hook_library.hpp"

#include <climits>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include "command_line.hpp"

namespace weft_run {
namespace {

std::string own_folder() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0 || static_cast<std::size_t>(length) >= sizeof path) {
    throw failure(bad_usage,
                  "cannot read /proc/self/exe, so libweft-hook.so cannot be found; set "
                  "WEFT_HOOK_LIBRARY to its path");
  }
  const std::string whole(path, static_cast<std::size_t>(length));
  return whole.substr(0, whole.rfind('/'));
}

// Empty if there is no such file.
std::string real_path(const std::string& path) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) == nullptr || access(resolved, R_OK) != 0) return {};
  return resolved;
}

std::string library_named_by_user(const char* given) {
  const std::string found = real_path(given);
  if (found.empty()) {
    throw failure(bad_usage, "WEFT_HOOK_LIBRARY=" + std::string(given) +
                                 ": there is no such file, or it cannot be read");
  }
  return found;
}

}  // namespace

std::string find_hook_library() {
  const char* const given = std::getenv("WEFT_HOOK_LIBRARY");
  std::string found;
  if (given != nullptr && *given != '\0') {
    found = library_named_by_user(given);
  } else {
    const std::string folder = own_folder();
    static const std::filesystem::path libraries = WEFT_RUN_LIBDIR;
    const std::string way = libraries.lexically_relative(WEFT_RUN_BINDIR).string();
    const std::string installed = folder + "/" + way + "/" WEFT_RUN_LIBRARY;
    const std::string beside = folder + "/" WEFT_RUN_LIBRARY;
    found = real_path(installed);
    if (found.empty()) found = real_path(beside);
    if (found.empty()) {
      throw failure(bad_usage, "libweft-hook.so was not found, neither as " + installed +
                                   " nor as " + beside + "; set WEFT_HOOK_LIBRARY to its path");
    }
  }
  if (found.find_first_of(" :") != std::string::npos) {
    throw failure(bad_usage, found +
                                 ": LD_PRELOAD cannot name a file whose path has a space or a "
                                 "colon in it (ld.so(8)); move it");
  }
  return found;
}

}  // namespace weft_run

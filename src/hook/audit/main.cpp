// SPDX-License-Identifier: BSL-1.0
// weft-audit: says what of a program can run in fibers, and what cannot. Layer: hook. Reads files
// only; runs nothing of them.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "audit.hpp"
#include "command_line.hpp"
#include "weft/version.hpp"

namespace {

using namespace weft_audit;

constexpr int covered = 0;
constexpr int not_covered = 1;
constexpr int failed = 2;

int print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return covered;
  }
  std::fprintf(stderr, "weft-audit: cannot write: %s\n", std::strerror(errno));
  return failed;
}

int audit_named(const command_line& given) {
  closure files(given.how.root);
  for (const std::string& path : given.binaries) files.add(path);
  const report result = audit(files, given.how);
  const int status =
      print(given.how.json ? as_json(result, given.how) : as_text(result, given.how));
  if (status != covered) return status;
  return result.count_not_covered(given.how.strict) == 0 ? covered : not_covered;
}

}  // namespace

int main(int count, char** words) {
  try {
    const command_line given = read_command_line(count, words);
    if (given.wants_help) return print(help_text);
    if (given.wants_version) return print("weft-audit " WEFT_VERSION_STRING "\n");
    return audit_named(given);
  } catch (const bad_usage& why) {
    std::fprintf(stderr, "weft-audit: %s\nTry 'weft-audit --help'.\n", why.what());
  } catch (const std::exception& why) {
    std::fprintf(stderr, "weft-audit: %s\n", why.what());
  }
  return failed;
}

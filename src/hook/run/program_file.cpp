// SPDX-License-Identifier: BSL-1.0
// See program_file.hpp.
#include "program_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "command_line.hpp"

namespace weft_run {
namespace {

bool is_file(const std::string& path) {
  struct stat about {};
  return stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode);
}

// The beginning of a file: the kernel, too, reads one page and no more before it knows what it is.
std::string first_page(const std::string& path) {
  std::string page(4096, '\0');
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t got = fd < 0 ? 0 : read(fd, page.data(), page.size());
  if (fd >= 0) close(fd);
  page.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return page;
}

// What follows "#!"; nullopt: no script.
std::optional<std::string> interpreter_of(const std::string& page) {
  if (page.compare(0, 2, "#!") != 0) return std::nullopt;
  const std::size_t from = page.find_first_not_of(" \t", 2);
  if (from == std::string::npos) return std::nullopt;
  return page.substr(from, page.find_first_of(" \t\n", from) - from);
}

constexpr auto own_machine =
#if defined(__x86_64__)
    EM_X86_64;
#else
    EM_AARCH64;
#endif

std::string why_this_elf_ignores_it(const std::string& page) {
  Elf64_Ehdr header{};
  if (page.size() < sizeof header) return {};
  std::memcpy(&header, page.data(), sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != own_machine) {
    return "it is made for another machine than libweft-hook.so";
  }
  bool is_seen_whole = header.e_phentsize == sizeof(Elf64_Phdr);
  for (std::size_t i = 0; i < header.e_phnum && is_seen_whole; ++i) {
    Elf64_Phdr segment{};
    const std::size_t at = header.e_phoff + i * sizeof segment;
    is_seen_whole = header.e_phoff < page.size() && at + sizeof segment <= page.size();
    if (!is_seen_whole) break;
    std::memcpy(&segment, page.data() + at, sizeof segment);
    if (segment.p_type == PT_INTERP) return {};
  }
  return is_seen_whole ? "it is linked statically, so there is no dynamic linker to load it" : "";
}

// The kernel tells the dynamic linker by AT_SECURE.
std::string why_its_rights_forbid_it(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return {};
  if ((about.st_mode & S_ISUID) != 0 && about.st_uid != getuid()) return "it is set-user-ID";
  if ((about.st_mode & S_ISGID) != 0 && about.st_gid != getgid()) return "it is set-group-ID";
  if (getuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    return "it has file capabilities";
  }
  return {};
}

}  // namespace

std::string find_program(const char* name) {
  const std::string given = name;
  if (given.find('/') != std::string::npos) {
    if (access(name, F_OK) != 0) {
      throw failure(not_found, given + ": " + std::strerror(errno));
    }
    if (!is_file(given)) throw failure(cannot_execute, given + ": is not a file");
    if (access(name, X_OK) != 0) throw failure(cannot_execute, given + ": " + std::strerror(errno));
    return given;
  }
  const char* const path = std::getenv("PATH");
  std::string_view folders = path != nullptr ? path : "/bin:/usr/bin";
  std::string forbidden;
  while (!given.empty()) {
    const std::size_t end = folders.find(':');
    const std::string folder(folders.substr(0, end));
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + given;
    if (is_file(candidate)) {
      if (access(candidate.c_str(), X_OK) == 0) return candidate;
      forbidden = candidate;
    }
    if (end == std::string_view::npos) break;
    folders.remove_prefix(end + 1);
  }
  if (!forbidden.empty()) throw failure(cannot_execute, forbidden + ": " + std::strerror(EACCES));
  throw failure(not_found, "there is no program '" + given + "' on PATH");
}

std::string why_preload_is_ignored(const std::string& program) {
  std::string file = program;
  for (int depth = 0; depth < 5; ++depth) {  // the kernel's own limit of scripts run by scripts
    const std::string page = first_page(file);
    const auto interpreter = interpreter_of(page);
    if (!interpreter) {
      if (page.compare(0, 4, ELFMAG) != 0) return {};  // execvp() gives it to the shell
      const std::string why = why_its_rights_forbid_it(file);
      return why.empty() ? why_this_elf_ignores_it(page) : why;
    }
    file = *interpreter;
  }
  return {};
}

}  // namespace weft_run

// SPDX-License-Identifier: BSL-1.0
// The files that the dynamic linker would load for some programs or libraries. Layer: hook, in the
// program weft-audit. Source: ld.so(8); glibc, elf/dl-load.c. Not followed: LD_PRELOAD, folders for
// newer processors (glibc-hwcaps), and what dlopen() loads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "elf_file.hpp"

namespace weft_audit {

struct loaded_file {
  loaded_file(std::string where, elf_file what, const loaded_file* by)
      : path(std::move(where)), file(std::move(what)), loader(by) {}

  std::string path;
  elf_file file;
  const loaded_file* loader;  // the first that needs it; nullptr: named on the command line
};

struct missing_file {
  std::string name;
  std::string needed_by;
};

// A file could not be read, or is damaged: which, and why.
class unreadable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class closure {
 public:
  // `root` stands before each absolute path of a library, as for another system's files.
  explicit closure(std::string root);
  closure(const closure&) = delete;
  closure& operator=(const closure&) = delete;

  // The file and what it needs, breadth first.  Throws: unreadable.
  void add(const std::string& path);

  const std::vector<std::unique_ptr<loaded_file>>& files() const noexcept { return files_; }
  const std::vector<missing_file>& missing() const noexcept { return missing_; }

 private:
  void add_needed(const loaded_file& of);
  const loaded_file* find_loaded(std::string_view name) const;
  void load(const std::string& path, const loaded_file* by);
  std::string find(std::string_view name, const loaded_file& by) const;
  std::string find_in(std::string_view folders, std::string_view name, const loaded_file& by) const;
  std::string find_in_cache(std::string_view name, const loaded_file& by) const;
  std::string find_in_default(std::string_view name, const loaded_file& by) const;
  bool fits(const std::string& path, const loaded_file& by) const;
  void read_cache();

  const std::string root_;
  std::unordered_map<std::string, std::vector<std::string>> cache_;
  std::vector<std::unique_ptr<loaded_file>> files_;
  std::vector<missing_file> missing_;
};

}  // namespace weft_audit

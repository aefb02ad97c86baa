// SPDX-License-Identifier: BSL-1.0
// See closure.hpp.
#include "closure.hpp"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "linker_cache.hpp"

namespace weft_audit {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string real_path(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) != nullptr ? resolved : path;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// $ORIGIN, ${ORIGIN}, $LIB, $PLATFORM. $LIB is Debian's here; other systems' folders are default
// ones.
std::string expanded(std::string_view folder, const loaded_file& by) {
  const std::string machine = by.file.is_x86_64() ? "x86_64" : "aarch64";
  std::string text(folder);
  const std::pair<std::string_view, std::string> tokens[] = {
      {"ORIGIN", folder_of(by.path)},
      {"LIB", "lib/" + machine + "-linux-gnu"},
      {"PLATFORM", machine},
  };
  for (const auto& [name, value] : tokens) {
    replace_all(text, "${" + std::string(name) + "}", value);
    replace_all(text, "$" + std::string(name), value);
  }
  return text;
}

}  // namespace

closure::closure(std::string root) : root_(std::move(root)) { read_cache(); }

void closure::read_cache() {
  std::ifstream file(root_ + "/etc/ld.so.cache", std::ios::binary);
  const std::vector<char> content{std::istreambuf_iterator<char>(file),
                                  std::istreambuf_iterator<char>()};
  cache_ = read_linker_cache(
      bytes(reinterpret_cast<const unsigned char*>(content.data()), content.size()));
}

void closure::add(const std::string& path) {
  std::size_t next = files_.size();
  load(real_path(path), nullptr);
  for (; next < files_.size(); ++next) add_needed(*files_[next]);
}

void closure::load(const std::string& path, const loaded_file* by) {
  for (const auto& one : files_) {
    if (one->path == path) return;
  }
  try {
    files_.push_back(std::make_unique<loaded_file>(path, elf_file::of_path(path), by));
  } catch (const bad_file& why) {
    throw unreadable(path + ": " + why.what() +
                     (by != nullptr ? " (needed by " + by->path + ")" : ""));
  }
}

const loaded_file* closure::find_loaded(std::string_view name) const {
  for (const auto& one : files_) {
    const std::string_view own = one->file.dynamic().soname;
    if (own == name || one->path == name) return one.get();
  }
  return nullptr;
}

void closure::add_needed(const loaded_file& of) {
  for (const std::string_view name : of.file.dynamic().needed) {
    if (find_loaded(name) != nullptr) continue;
    const std::string path = find(name, of);
    if (!path.empty()) {
      load(path, &of);
      continue;
    }
    bool is_known = false;
    for (const missing_file& one : missing_) is_known = is_known || one.name == name;
    if (!is_known) missing_.push_back({std::string(name), of.path});
  }
}

std::string closure::find(std::string_view name, const loaded_file& by) const {
  if (name.find('/') != std::string_view::npos) {
    const std::string path = expanded(name, by);
    return fits(path, by) ? path : "";
  }
  std::string found;
  // DT_RPATH is the loaders', too, and is void where there is DT_RUNPATH.
  if (by.file.dynamic().runpath.empty()) {
    for (const loaded_file* one = &by; one != nullptr && found.empty(); one = one->loader) {
      if (one->file.dynamic().runpath.empty()) {
        found = find_in(one->file.dynamic().rpath, name, *one);
      }
    }
  }
  const char* const asked = std::getenv("LD_LIBRARY_PATH");
  if (found.empty() && asked != nullptr && root_.empty()) found = find_in(asked, name, by);
  if (found.empty()) found = find_in(by.file.dynamic().runpath, name, by);
  if (found.empty() && (by.file.dynamic().more_flags & DF_1_NODEFLIB) == 0) {
    found = find_in_cache(name, by);
    if (found.empty()) found = find_in_default(name, by);
  }
  return found;
}

std::string closure::find_in(std::string_view folders, std::string_view name,
                             const loaded_file& by) const {
  while (!folders.empty()) {
    const std::size_t end = folders.find_first_of(":;");
    const std::string_view one = folders.substr(0, end);
    std::string folder = expanded(one, by);
    // What $ORIGIN became lies below the root already.
    if (!root_.empty() && one.find('$') == std::string_view::npos) folder = root_ + folder;
    const std::string path = (folder.empty() ? "." : folder) + "/" + std::string(name);
    if (fits(path, by)) return path;
    folders.remove_prefix(end == std::string_view::npos ? folders.size() : end + 1);
  }
  return {};
}

std::string closure::find_in_cache(std::string_view name, const loaded_file& by) const {
  const auto found = cache_.find(std::string(name));
  if (found == cache_.end()) return {};
  for (const std::string& one : found->second) {
    if (fits(root_ + one, by)) return root_ + one;
  }
  return {};
}

std::string closure::find_in_default(std::string_view name, const loaded_file& by) const {
  const std::string machine = by.file.is_x86_64() ? "x86_64" : "aarch64";
  const std::string triplet = machine + "-linux-gnu";
  // Debian's, Fedora's, and a cross compiler's.
  for (const std::string& folder :
       {"/lib/" + triplet, "/usr/lib/" + triplet, std::string("/lib64"), std::string("/usr/lib64"),
        std::string("/lib"), std::string("/usr/lib"), "/usr/" + triplet + "/lib"}) {
    const std::string path = root_ + folder + "/" + std::string(name);
    if (fits(path, by)) return path;
  }
  return {};
}

// The dynamic linker passes over libraries of other machines.
bool closure::fits(const std::string& path, const loaded_file& by) const {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  std::ifstream file(path, std::ios::binary);
  char begin[20] = {};
  file.read(begin, sizeof begin);
  const bool is_whole = file.gcount() == sizeof begin;
  // load() says what is wrong with it.
  if (!is_whole || std::memcmp(begin, ELFMAG, SELFMAG) != 0) return true;
  const auto machine = static_cast<unsigned>(static_cast<unsigned char>(begin[18])) |
                       static_cast<unsigned>(static_cast<unsigned char>(begin[19])) << 8;
  return begin[EI_CLASS] == ELFCLASS64 && machine == by.file.machine();
}

}  // namespace weft_audit

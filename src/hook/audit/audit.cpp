// SPDX-License-Identifier: BSL-1.0
// See audit.hpp.
#include "audit.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>

#include <sys/stat.h>
#include <sys/xattr.h>

#include "direct_calls.hpp"

namespace weft_audit {
namespace {

bool starts_with(std::string_view text, std::string_view begin) noexcept {
  return text.substr(0, begin.size()) == begin;
}

std::string_view file_name(std::string_view path) noexcept {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

role role_of(std::string_view name) noexcept {
  if (starts_with(name, "libweft.so") || starts_with(name, "libweft-hook.so")) return role::weft;
  for (const char* begin : {"libc.so.", "ld-linux", "libm.so.", "libpthread.so.", "libdl.so.",
                            "librt.so.", "libresolv.so.", "libanl.so.", "libutil.so.",
                            "libmvec.so.", "libnss_", "libthread_db.so.", "ld-musl", "libc.musl"}) {
    if (starts_with(name, begin)) return role::c_library;
  }
  return role::audited;
}

// A version names the library that a symbol is wanted from. Another one's `send` is no system call.
bool is_of_system(std::string_view library) noexcept {
  return library.empty() || role_of(library) != role::audited ||
         starts_with(library, "libstdc++.so") || starts_with(library, "libgcc_s.so") ||
         starts_with(library, "liburing") || starts_with(library, "libaio");
}

// libweft-hook is linked into it, or is it.
bool defines_hooks(const elf_file& file) {
  for (const auto* symbols : {&file.dynamic_symbols(), &file.all_symbols()}) {
    for (const symbol& one : *symbols) {
      if (one.is_defined && starts_with(one.name, "_ZN4weft") &&
          one.name.find("4hook7install") != std::string_view::npos) {
        return true;
      }
    }
  }
  return false;
}

constexpr std::string_view thread_key_functions[] = {"pthread_getspecific", "pthread_setspecific",
                                                     "tss_get", "tss_set"};

struct harmless_variable {
  std::string_view part;  // of the mangled name
  std::string_view why;
};
constexpr harmless_variable harmless_variables[] = {
    {"eh_globals", "exceptions that are being handled: weft keeps them for each fiber"},
    {"__once_call",
     "std::call_once hands its callable on in it; wrong only if one parks and throws"},
};

class file_audit {
 public:
  file_audit(const loaded_file& of, const options& how) : file_(of.file), how_(how) {
    report_.of = &of;
    const std::string_view soname = of.file.dynamic().soname;
    name_ = soname.empty() ? file_name(of.path) : soname;
    report_.what = role_of(name_);
  }

  file_report made() && {
    if (report_.what != role::audited) return std::move(report_);
    find_calls();
    find_thread_variables();
    find_frames();
    if (!file_.is_static()) report_.direct_calls = find_direct_calls(file_);
    warn_of_linking();
    warn_of_own_functions();
    if (report_.of->loader == nullptr) warn_of_rights();
    return std::move(report_);
  }

 private:
  void find_calls() {
    std::set<std::string_view> seen;
    for (const symbol& one : file_.dynamic_symbols()) {
      if (one.is_defined || !is_of_system(one.wanted_from) || !seen.insert(one.name).second)
        continue;
      const bool is_key =
          std::find(std::begin(thread_key_functions), std::end(thread_key_functions), one.name) !=
          std::end(thread_key_functions);
      if (is_key) report_.thread_keys.push_back(one.name);
      const blocking_call* what = find_call_of(name_, one.name);
      if (what == nullptr) what = find_call(one.name);
      if (what != nullptr) report_.calls.push_back({what, is_covered(*what)});
    }
    std::sort(report_.calls.begin(), report_.calls.end(),
              [](const auto& a, const auto& b) { return a.what->name < b.what->name; });
  }

  bool is_covered(const blocking_call& what) const {
    if (what.how == coverage::not_covered || what.how == coverage::seldom) return false;
    if (what.how == coverage::noted) return true;
    return std::find(how_.tiers.begin(), how_.tiers.end(), what.tier) != how_.tiers.end();
  }

  void find_thread_variables() {
    std::map<std::string_view, std::uint64_t> found;
    for (const auto* symbols : {&file_.all_symbols(), &file_.dynamic_symbols()}) {
      for (const symbol& one : *symbols) {
        if (one.type == STT_TLS && one.is_defined && !one.name.empty()) found[one.name] = one.size;
      }
    }
    for (const auto& [name, size] : found) {
      thread_variable variable{demangled(name), size, {}};
      for (const harmless_variable& one : harmless_variables) {
        if (name.find(one.part) != std::string_view::npos) variable.why_harmless = one.why;
      }
      report_.thread_variables.push_back(std::move(variable));
    }
    // Stripped of its names.
    if (found.empty()) report_.thread_bytes = file_.thread_bytes();
  }

  void find_frames() {
    try {
      report_.frame = find_large_frames(file_, how_.frame_bytes);
    } catch (const bad_file& why) {
      warn(std::string("its frames are not looked at: ") + why.what(), {}, false);
    }
  }

  void warn_of_linking() {
    if (file_.is_static()) {
      warn(std::string("is linked statically") + (file_.is_static_pie() ? " (static-pie)" : "") +
               ": calls inside it reach no hook, and LD_PRELOAD is ignored",
           "link the C library dynamically", true);
    }
    if ((file_.dynamic().more_flags & DF_1_NOOPEN) != 0) {
      warn("is marked nodlopen: nobody can load it as a plugin", "link it, or start by weft-run",
           false);
    }
    if (file_.dynamic().is_symbolic) {
      warn("is linked with -Bsymbolic: functions that it defines and calls itself reach no hook",
           "harmless unless it defines one of the C library's names", false);
    }
  }

  void warn_of_own_functions() {
    if (defines_hooks(file_)) return;
    std::string names;
    unsigned count = 0;
    for (const symbol& one : file_.dynamic_symbols()) {
      if (!one.is_defined || one.type != STT_FUNC) continue;
      const blocking_call* const what = find_call(one.name);
      if (what == nullptr || what->tier.empty() || ++count > 6) continue;
      names += (count > 1 ? ", " : "") + std::string(one.name);
    }
    if (count == 0) return;
    if (count > 6) names += " and " + std::to_string(count - 6) + " more";
    const bool is_own =
        starts_with(name_, "libstdc++.so");  // the guards of statics: they live there
    if (is_own) return;
    warn("defines functions that libweft-hook stands before: " + names,
         "link weft-hook before it, or start by weft-run; hook::install()'s report says who is "
         "called",
         false);
  }

  void warn_of_rights() {
    struct stat about {};
    const std::string& path = report_.of->path;
    if (stat(path.c_str(), &about) != 0) return;
    const char* what = nullptr;
    if ((about.st_mode & S_ISUID) != 0) what = "is set-user-ID";
    if ((about.st_mode & S_ISGID) != 0 && (about.st_mode & S_IXGRP) != 0) what = "is set-group-ID";
    if (getxattr(path.c_str(), "security.capability", nullptr, 0) > 0)
      what = "has file capabilities";
    if (what == nullptr) return;
    warn(std::string(what) + ": for other users LD_PRELOAD is ignored, and install() does nothing",
         "no hooks in a program that gains rights", true);
  }

  void warn(std::string text, std::string advice, bool counts) {
    report_.warnings.push_back({std::move(text), std::move(advice), counts});
  }

  const elf_file& file_;
  const options& how_;
  std::string_view name_;
  file_report report_;
};

bool links_hooks(const closure& of) {
  for (const auto& one : of.files()) {
    if (starts_with(one->file.dynamic().soname, "libweft-hook.so")) return true;
    if (defines_hooks(one->file)) return true;
  }
  return false;
}

}  // namespace

std::string demangled(std::string_view name) {
  const std::string text(name);
  if (text.compare(0, 2, "_Z") != 0 || text.size() > 1024) return text;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> plain(
      abi::__cxa_demangle(text.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 && plain != nullptr ? plain.get() : text;
}

std::size_t file_report::count_not_covered(bool is_strict) const noexcept {
  std::size_t count = direct_calls.size();
  for (const found_call& one : calls) {
    if (!one.is_covered && (is_strict || one.what->how != coverage::seldom)) ++count;
  }
  for (const warning& one : warnings) count += one.counts ? 1 : 0;
  return count;
}

std::size_t report::count_not_covered(bool is_strict) const noexcept {
  std::size_t count = missing.size();
  for (const file_report& one : files) count += one.count_not_covered(is_strict);
  return count;
}

report audit(const closure& of, const options& how) {
  report result;
  for (const auto& one : of.files()) {
    try {
      result.files.push_back(file_audit(*one, how).made());
    } catch (const bad_file& why) {
      throw unreadable(one->path + ": " + why.what());
    }
  }
  result.missing = of.missing();
  result.has_hook = links_hooks(of);
  return result;
}

}  // namespace weft_audit

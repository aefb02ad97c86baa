// SPDX-License-Identifier: BSL-1.0
// See audit.hpp: the report for a reader. Names come from files that may be made to harm, so what a
// terminal would obey is not printed.
#include <functional>
#include <map>

#include "audit.hpp"

namespace weft_audit {
namespace {

std::string printable(std::string_view text) {
  std::string result;
  for (const char one : text.substr(0, 300)) {
    result += static_cast<unsigned char>(one) < 0x20 || one == 0x7f ? '?' : one;
  }
  if (text.size() > 300) result += "...";
  return result;
}

// Words, broken at 100 columns.
std::string wrapped(const std::vector<std::string>& words, std::string_view between,
                    const std::string& indent) {
  std::string text = indent;
  std::size_t column = indent.size();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = words[i] + (i + 1 < words.size() ? std::string(between) : "");
    if (column + word.size() > 100 && column > indent.size()) {
      text += "\n" + indent;
      column = indent.size();
    }
    text += (column > indent.size() ? " " : "") + word;
    column += word.size() + 1;
  }
  return text + "\n";
}

std::string paragraph(std::string_view text, const std::string& indent) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return wrapped(words, "", indent);
}

class text_report {
 public:
  text_report(const report& what, const options& how) : what_(what), how_(how) {}

  std::string made() && {
    for (const file_report& one : what_.files) {
      if (!print_file(one)) ++quiet_;
    }
    for (const missing_file& one : what_.missing) {
      text_ +=
          printable(one.name) + ": was not found; " + printable(one.needed_by) + " needs it\n\n";
    }
    print_sum();
    return std::move(text_);
  }

 private:
  // False if there is nothing to say of it.
  bool print_file(const file_report& one) {
    const std::size_t before = text_.size();
    if (one.what == role::c_library) {
      if (how_.all)
        line(
            "  the C library: what it does inside reaches no hook, its callers are "
            "looked at");
    } else if (one.what == role::weft) {
      if (how_.all) line("  weft itself");
    } else {
      print_warnings(one);
      print_calls(one);
      print_thread_variables(one);
      print_frames(one);
    }
    if (text_.size() == before) return false;
    std::string head = printable(one.of->path);
    if (one.of->loader != nullptr) head += "  (needed by " + printable(one.of->loader->path) + ")";
    text_.insert(before, head + "\n");
    line("");
    return true;
  }

  void print_warnings(const file_report& one) {
    for (const warning& each : one.warnings) {
      text_ += paragraph("! " + printable(each.text), "  ");
      if (!each.advice.empty()) text_ += paragraph("-> " + each.advice, "      ");
    }
  }

  void print_calls(const file_report& one) {
    print_uncovered(one, "not covered, blocks the thread", [](const found_call& each) {
      return !each.is_covered && each.what->how != coverage::seldom;
    });
    if (!one.direct_calls.empty()) {
      line("  not covered, system calls made without the C library");
      const std::vector<std::string> names(one.direct_calls.begin(), one.direct_calls.end());
      text_ += wrapped(names, ",", "    ");
      line("      -> call what makes them in weft::to_thread()");
    }
    if (how_.all || how_.strict) {
      print_uncovered(one, "blocks the thread seldom",
                      [](const found_call& each) { return each.what->how == coverage::seldom; });
    }
    for (const auto how : {coverage::hooked, coverage::offloaded, coverage::noted}) {
      if (how == coverage::noted && !how_.all) continue;
      print_covered(one, how);
    }
  }

  // Those with the same advice stand together.
  void print_uncovered(const file_report& one, const char* headline,
                       const std::function<bool(const found_call&)>& is_wanted) {
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> groups;
    for (const found_call& each : one.calls) {
      if (!is_wanted(each)) continue;
      std::string advice(each.what->advice);
      if (!each.what->tier.empty()) advice = "install tier " + std::string(each.what->tier);
      groups[{std::string(each.what->effect), advice}].emplace_back(each.what->name);
    }
    if (groups.empty()) return;
    line(std::string("  ") + headline);
    for (const auto& [why, names] : groups) {
      text_ += wrapped(names, ",", "    ");
      text_ += paragraph(why.first, "      ");
      if (!why.second.empty()) text_ += paragraph("-> " + why.second, "      ");
    }
  }

  void print_covered(const file_report& one, coverage how) {
    for (const std::string& tier : how_.tiers) {
      std::vector<std::string> names;
      for (const found_call& each : one.calls) {
        if (each.is_covered && each.what->how == how && each.what->tier == tier) {
          names.emplace_back(each.what->name);
        }
      }
      if (names.empty()) continue;
      const char* const verb = how == coverage::hooked      ? "parks the fiber"
                               : how == coverage::offloaded ? "goes to a thread"
                                                            : "hooked, does not block";
      line(std::string("  ") + verb + ", tier " + tier);
      text_ += wrapped(names, ",", "    ");
    }
  }

  void print_thread_variables(const file_report& one) {
    bool has_shared = one.thread_bytes > 0;
    for (const thread_variable& each : one.thread_variables) {
      has_shared = has_shared || each.why_harmless.empty() || how_.all;
    }
    if (has_shared) line("  thread_local, shared by all fibers of a thread");
    for (const thread_variable& each : one.thread_variables) {
      if (!each.why_harmless.empty() && !how_.all) continue;
      line("    " + printable(each.name) + " (" + std::to_string(each.bytes) + " bytes)" +
           (each.why_harmless.empty() ? "" : ": " + std::string(each.why_harmless)));
    }
    if (one.thread_bytes > 0) {
      line("    " + std::to_string(one.thread_bytes) + " bytes, whose names are stripped");
    }
    if (!one.thread_keys.empty() && how_.all) {
      line("  values of thread-specific keys, shared by all fibers of a thread");
      text_ += wrapped({one.thread_keys.begin(), one.thread_keys.end()}, ",", "    ");
    }
    if (has_shared || (!one.thread_keys.empty() && how_.all)) {
      line(
          "      -> if one keeps a value over a wait: weft::fiber_local, or weft::fiber_owned for");
      line("         code that cannot be changed");
    }
  }

  void print_frames(const file_report& one) {
    if (one.frame.large.empty()) return;
    line("  frames over " + std::to_string(how_.frame_bytes) + " bytes, of " +
         std::to_string(one.frame.functions) + " functions");
    std::size_t printed = 0;
    for (const large_frame& each : one.frame.large) {
      if (++printed > 10 && !how_.all) {
        line("    and " + std::to_string(one.frame.large.size() - 10) + " more (--all)");
        break;
      }
      char address[32];
      std::snprintf(address, sizeof address, "0x%llx",
                    static_cast<unsigned long long>(each.address));
      line("    " + std::to_string(each.bytes) + " bytes: " +
           (each.function.empty() ? std::string("at ") + address
                                  : printable(demangled(each.function))));
    }
    line(
        "      -> a fiber that gets there needs the room: stack_options::bytes, or "
        "weft::with_stack()");
  }

  void print_sum() {
    const std::size_t count = what_.count_not_covered(how_.strict);
    text_ += std::to_string(what_.files.size()) + " files, " + std::to_string(quiet_) +
             " of them with nothing to say: " +
             (count == 0 ? "everything is covered" : std::to_string(count) + " not covered") + "\n";
    std::string tiers;
    for (const std::string& tier : how_.tiers) {
      if (is_needed(tier)) tiers += (tiers.empty() ? "" : " | ") + ("tier::" + tier);
    }
    if (!tiers.empty()) line("needs weft::hook::install(" + tiers + ")");
    if (!what_.has_hook)
      line("libweft-hook is in none of them: link weft-hook, or start by weft-run");
  }

  bool is_needed(const std::string& tier) const {
    for (const file_report& one : what_.files) {
      for (const found_call& each : one.calls) {
        if (each.is_covered && each.what->how != coverage::noted && each.what->tier == tier) {
          return true;
        }
      }
    }
    return false;
  }

  void line(const std::string& text) { text_ += text + "\n"; }

  const report& what_;
  const options& how_;
  std::string text_;
  std::size_t quiet_ = 0;
};

}  // namespace

std::string as_text(const report& what, const options& how) {
  return text_report(what, how).made();
}

}  // namespace weft_audit

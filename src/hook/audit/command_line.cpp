// SPDX-License-Identifier: BSL-1.0
// See command_line.hpp.
#include "command_line.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace weft_audit {

const char help_text[] =
    R"(usage: weft-audit [OPTION...] BINARY...

Says what of programs and libraries, and of the libraries that they need, can
run in fibers: which of their calls would block the thread and are hooked by
libweft-hook, go to a thread, or are not covered, and what to do about those;
thread_local variables that fibers would share; functions with large frames.

  --tiers=LIST     the tiers that will be installed, of net, names, locks, files;
                   all if not given
  --frame=BYTES    frames larger than this are named; 16384 if not given
  --all            also what is harmless, or blocks seldom
  --strict         what blocks seldom is not covered, too
  --json           print JSON
  --root=DIR       look for libraries below DIR, another system's root
  --help           print this
  --version        print the version

Exit status: 0 everything is covered, 1 something is not, 2 bad usage, or a file
that cannot be read or is not ELF for x86-64 or AArch64.

More: weft-audit(1), weft-hook(7), weft-run(1).
)";

namespace {

std::vector<std::string> tiers_of(std::string_view list) {
  std::vector<std::string> tiers;
  while (!list.empty()) {
    const std::size_t end = list.find(',');
    const std::string name(list.substr(0, end));
    if (name != "net" && name != "names" && name != "locks" && name != "files") {
      throw bad_usage("there is no tier '" + name + "'; these are net, names, locks, files");
    }
    if (std::find(tiers.begin(), tiers.end(), name) == tiers.end()) tiers.push_back(name);
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return tiers;
}

std::uint64_t number_of(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const unsigned long long number = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
    throw bad_usage("--frame wants a number of bytes, not '" + text + "'");
  }
  return number;
}

class option_reader {
 public:
  option_reader(int count, char** words) : words_(words + 1, words + count) {}

  command_line read() {
    bool are_options = true;
    for (at_ = 0; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (are_options && word == "--") {
        are_options = false;
      } else if (are_options && word.size() > 1 && word[0] == '-') {
        read_option(word);
      } else {
        line_.binaries.push_back(word);
      }
    }
    if (line_.binaries.empty() && !line_.wants_help && !line_.wants_version) {
      throw bad_usage("no BINARY is named");
    }
    return std::move(line_);
  }

 private:
  void read_option(const std::string& word) {
    if (word == "--help" || word == "-h") {
      line_.wants_help = true;
    } else if (word == "--version") {
      line_.wants_version = true;
    } else if (word == "--all") {
      line_.how.all = true;
    } else if (word == "--strict") {
      line_.how.strict = true;
    } else if (word == "--json") {
      line_.how.json = true;
    } else if (is(word, "--tiers")) {
      line_.how.tiers = tiers_of(value_of(word));
    } else if (is(word, "--frame")) {
      line_.how.frame_bytes = number_of(value_of(word));
    } else if (is(word, "--root")) {
      line_.how.root = value_of(word);
      while (!line_.how.root.empty() && line_.how.root.back() == '/') line_.how.root.pop_back();
    } else {
      throw bad_usage("there is no option '" + word + "'");
    }
  }

  static bool is(const std::string& word, const std::string& name) {
    return word == name || word.compare(0, name.size() + 1, name + "=") == 0;
  }

  // --name=value or --name value.
  std::string value_of(const std::string& word) {
    const std::size_t at = word.find('=');
    if (at != std::string::npos) return word.substr(at + 1);
    if (at_ + 1 >= words_.size()) throw bad_usage(word + " wants a value");
    return words_[++at_];
  }

  std::vector<std::string> words_;
  std::size_t at_ = 0;
  command_line line_;
};

}  // namespace

command_line read_command_line(int count, char** words) {
  return option_reader(count, words).read();
}

}  // namespace weft_audit
